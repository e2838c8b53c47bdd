"""What a run says while it goes on, and at its end."""

from __future__ import annotations

import io
import json
import logging

import pytest

from reanalysis.progress import Job, Progress
from reanalysis.run_end import ending, failures, tally


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Quiet(logging.Filter):
    """Snakemake's own filter, quiet about rules: no record of a failure passes."""

    def filter(self, record):
        return getattr(record, "event", None) not in {"job_info", "job_error"}


class Run:
    """A handler as Snakemake sets it up, and records as Snakemake makes them."""

    def __init__(self, studies=("park2025", "sun2018"), name="DefaultStreamHandler"):
        self.clock = Clock()
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.name = name
        self.handler.addFilter(Quiet())
        self.handler.setFormatter(logging.Formatter("snakemake: %(message)s"))
        self.progress = Progress(studies, lambda failed: "The end", clock=self.clock)
        self.progress.attach([logging.NullHandler(), self.handler])

    def tell(self, message=None, **extra) -> str:
        self.stream.seek(0)
        self.stream.truncate()
        self.handler.handle(logging.makeLogRecord({"msg": message, **extra}))
        return self.stream.getvalue()

    def start(self, jobid, rule, study=None):
        wildcards = {"study": study} if study else {}
        self.tell(event="job_info", jobid=jobid, rule_name=rule, wildcards=wildcards)

    def finish(self, jobid, done, total) -> str:
        assert self.tell("Finished jobid", event="job_finished", job_id=jobid) == ""
        return self.tell(event="progress", done=done, total=total)


def test_a_line_says_study_method_done_and_total():
    run = Run()
    run.start(7, "cox", "park2025")
    run.start(8, "draw_sun2018")
    run.start(9, "a_rule_of_tomorrow")
    run.clock.now += 2.4
    assert run.finish(7, 1, 12) == "[ 1/12] park2025     Cox model, 2 s\n"
    assert run.finish(8, 2, 12) == "[ 2/12] sun2018      figures, 2 s\n"
    run.start(10, "log_rank", "sun2018")
    assert run.finish(10, 3, 12) == "[ 3/12] sun2018      log-rank\n"
    line = "[ 4/12] all studies  a rule of tomorrow, 2 s\n"
    assert run.finish(9, 4, 12) == line


@pytest.mark.parametrize(
    ("seconds", "total", "left"),
    [
        (0.5, 100, ""),  # 5 s of a run are too few
        (1.0, 20, "up to 10 s left"),  # 10 in 10 s, 10 to go
        (1.0, 910, "up to 15 min left"),
        (60.0, 310, "up to 5 h 0 min left"),  # few in the last quarter: the last 5
    ],
)
def test_time_left_follows_the_latest_jobs(seconds, total, left):
    run = Run()
    for number in range(1, 11):
        run.start(number, "cox", "sun2018")
        run.clock.now += seconds
        line = run.finish(number, number, total)
    assert line.rstrip("\n").partition("; ")[2] == left


def test_no_time_left_once_all_is_done():
    run = Run()
    for number in range(1, 21):
        run.start(number, "cox", "sun2018")
        run.clock.now += 5
        line = run.finish(number, number, 20)
    assert line == "[20/20] sun2018      Cox model, 5 s\n"


def test_jobs_as_such_are_held_back_and_other_messages_stay():
    run = Run()
    assert run.tell("Select jobs to execute...") == ""
    assert run.tell("Execute 3 jobs...", event="job_started", jobs=[1, 2, 3]) == ""
    stats = {"cox": 2, "all": 1, "total": 3}
    assert run.tell("Job stats: ...", event="run_info", stats=stats) == (
        "Jobs to do: 3\n"
    )
    assert run.tell("The disk is full") == "snakemake: The disk is full\n"
    for message in ("Complete log(s): x", "Elapsed time: 0:01"):
        assert run.tell(message) == f"snakemake: {message}\n"
    assert run.progress.end(["a.log"]) == "The end\nTook 1 s; all messages: a.log"
    for message in ("Complete log(s): x", "Elapsed time: 0:01"):
        assert run.tell(message) == ""


def test_nothing_to_be_done_still_says_where_to_look():
    said = Run().tell("Nothing to be done (all requested files are present).")
    assert said.splitlines()[1:] == ["The end", "Took 1 s"]


@pytest.mark.parametrize("local", [True, False])
def test_a_failure_is_named_whatever_snakemake_is_quiet_about(tmp_path, local):
    log = tmp_path / "cox.log"
    log.write_text("MethodError: no event\n", encoding="utf-8")
    run = Run()
    run.progress.local = local
    run.start(1, "cox", "park2025")
    said = run.tell(event="job_error", jobid=1, rule_name="cox", log=[str(log)])
    assert said.startswith(
        f"snakemake: FAILED park2025: Cox model (its messages: {log})"
    )
    # On this machine the job has printed its messages itself.
    assert ("no event" in said) is not local
    assert run.progress.failed == [Job("park2025", "cox")]


def test_failures_of_a_group_of_jobs():
    run = Run()
    run.progress.local = False
    run.start(4, "cox", "park2025")
    jobs = [
        {"jobid": 4, "rule_name": "cox", "log": ["nowhere.log"]},
        {"jobid": 5, "rule_name": "rates", "log": []},
    ]
    said = run.tell(event="group_error", job_error_info=jobs)
    assert "FAILED park2025: Cox model" in said
    assert "FAILED rates" in said


def test_a_handler_of_a_plugin_is_left_alone():
    run = Run(name="plugin")
    assert run.tell("Select jobs to execute...") == (
        "snakemake: Select jobs to execute...\n"
    )


@pytest.fixture
def states(tmp_path):
    """Files in which one study says that it failed, another that a step of it did."""
    told = {
        "checked/bad.json": {"status": "failed", "message": "bad/study.yaml: no id"},
        "checked/good.json": {"status": "ok", "message": ""},
        "work/good/cox.json": {"failed": "", "analyses": {}},
        "work/late/draw.json": {"failed": "not shown", "analyses": {}},
    }
    for name, state in told.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state), encoding="utf-8")
    (tmp_path / "claims.csv").write_text(
        "study,claim_id,verdict\ngood,1,used\ngood,2,not_recomputable\ngood,3,used\n",
        encoding="utf-8",
    )
    return [tmp_path / name for name in told]


def test_failures_by_study(states):
    assert failures(states) == [
        ("bad", "bad/study.yaml: no id"),
        ("late", "late: not shown"),
    ]


def test_verdicts_are_counted_in_their_order(states, tmp_path):
    # The order of the verdicts puts used first, whatever the order of the rows.
    assert tally([tmp_path / "claims.csv"]) == "3 claims: 2 used, 1 not_recomputable"
    (tmp_path / "none.csv").write_text("study,claim_id,verdict\n", encoding="utf-8")
    assert tally([tmp_path / "none.csv"]) == "0 claims"


def test_the_end_of_a_run_with_failed_studies(states, tmp_path):
    said = ending(str(tmp_path), states, [Job("", "finish")]).splitlines()
    assert said[0] == "2 studies failed: bad, late (why stands above and in the report)"
    assert said[1] == "3 claims: 2 used, 1 not recomputable"
    assert said[2] == f"Report: {tmp_path}/report/index.html"


def test_the_end_of_a_run_that_was_cut_short_counts_nothing(states, tmp_path):
    failed = [Job("", "finish"), Job("good", "cox")]
    said = ending(str(tmp_path), states, failed)
    assert said.startswith("Not finished: 2 jobs failed.\n")
    assert "  good: Cox model\n" in said
    assert "claims" not in said
    assert "report" not in said


def test_the_end_of_a_run_that_made_one_figure(states, tmp_path):
    """The count of verdicts may be out of date; it is not told."""
    (tmp_path / "status.txt").write_text("3 claims: 3 used\n", encoding="utf-8")
    assert ending(str(tmp_path), states, [], ["b.png", "a.png"]) == "Done: a.png, b.png"
    said = ending(str(tmp_path), states, []).splitlines()
    assert said[0] == "3 claims: 3 used"
