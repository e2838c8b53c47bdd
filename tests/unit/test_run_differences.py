"""Two runs held against each other: settings, verdicts, estimates, and the page."""

from __future__ import annotations

import csv
import fcntl
import json
import math

import pytest
import yaml

from reanalysis.errors import InputError
from reanalysis.finished_runs import FinishedRun, digest, find_runs, read_run
from reanalysis.reporting.comparison_page import compared, page, summary
from reanalysis.reporting.moved_figure import caption, ranked, write
from reanalysis.results import COLUMNS, NUMBERS
from reanalysis.rows import write_rows
from reanalysis.run_differences import (
    ESTIMATE_COLUMNS,
    VERDICT_COLUMNS,
    claims_of_both,
    estimate_moves,
    results_of_both,
    run_differences,
    verdict_changes,
)
from reanalysis.steps.compare_runs import compare_runs

LOOKS = {
    "preset": "custom", "words": {}, "width_mm": 120, "font": "DejaVu Sans", "font_size": 8, "dpi": 72,
    "palette": ["#0072B2", "#D55E00"],
}  # fmt: skip


def row(**cells) -> dict[str, object]:
    blank = {name: math.nan if name in NUMBERS else "" for name in COLUMNS}
    return {
        **blank, "study": "s", "analysis": "a", "method": "cox", "kind": "individual",
        "scenario": "primary", "statistic": "hazard_ratio", "group": "T",
        "reference": "C", "endpoint": "death", "specification": "h",
        "estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0, "p_value": 0.04,
        "test": "Wald", "interval_method": "Wald", **cells,
    }  # fmt: skip


def judged(name, verdict, **cells) -> dict[str, str]:
    return {
        "study": "s", "claim_id": name, "analysis": "a", "endpoint": "death",
        "timepoint": "", "group": "", "reference": "", "statistic": "hazard_ratio",
        "field": "estimate", "unit": "", "value": "2.1", "relation": "=",
        "locator": "Table 1", "printed": "2.1", "verdict": verdict,
        "recomputed": "2.12", "convention": "efron", "reason": f"It {verdict}.",
        **cells,
    }  # fmt: skip


def run(name, **parts) -> FinishedRun:
    return FinishedRun(
        **{
            "name": name, "settings": {"run": name, "conf_level": 0.95},
            "versions": {"numpy": "2.0"}, "inputs": {"s": {"claims.csv": "0123456789"}},
            "failed": {}, "complete": True, "claims": [], "estimates": [], **parts,
        }
    )  # fmt: skip


def test_settings_key_by_key():
    a = run("a", settings={
        "run": "a", "methods": {"cox": {"ties": "efron", "p": "wald"}, "rates": {}},
        "studies": ["x", "y"], "scenarios": {"t": {"conf_level": 0.9}, "u": None},
    })  # fmt: skip
    b = run("b", settings={
        "run": "b", "methods": {"cox": {"ties": "breslow", "p": "wald"}, "rates": {}},
        "studies": "all", "scenarios": {"t": None}, "tau": None, "exact": True,
    })  # fmt: skip
    rows = [tuple(r.values()) for r in run_differences(a, b)]
    assert rows == [
        ("a", "b", "setting", "methods.cox.ties", "efron", "breslow"),
        ("a", "b", "setting", "studies", "[x, y]", "all"),
        ("a", "b", "setting", "scenarios.t.conf_level", "0.9", "not set"),
        ("a", "b", "setting", "tau", "not set", "null"),
        ("a", "b", "setting", "exact", "not set", "true"),
    ]


def test_studies_inputs_and_versions():
    a = run("a", inputs={"s": {"x.csv": "1" * 64, "y.csv": "2" * 64}, "t": {}})
    b = run("b", inputs={"s": {"x.csv": "3" * 64}}, failed={"bad": "bad: no id"},
            versions={"numpy": "2.1"})  # fmt: skip
    rows = [tuple(r.values())[2:] for r in run_differences(a, b)]
    assert rows == [
        ("version", "numpy", "2.0", "2.1"),
        ("study", "bad", "not in the run", "failed: bad: no id"),
        ("input file", "s/x.csv", "1" * 12, "3" * 12),
        ("input file", "s/y.csv", "2" * 12, "absent"),
        ("study", "t", "read", "not in the run"),
    ]


def test_equal_runs_do_not_differ():
    a = run("a", claims=[judged("C1", "used")], estimates=[row()])
    b = run("b", claims=[judged("C1", "used")], estimates=[row()])
    found = compared(a, b)
    assert (found.differences, found.verdicts, found.moves) == ([], [], [])
    assert found.sentences[0] == "0 of 1 verdict changed."
    assert found.sentences[1] == "0 of 1 primary result moved."
    assert found.warnings == []


def test_verdicts_that_changed():
    a = run("a", claims=[judged("C1", "used"), judged("C2", "differs"),
                         judged("C3", "used")])  # fmt: skip
    b = run("b", claims=[judged("C2", "reproduced", recomputed="2.1"),
                         judged("C1", "used"), judged("C4", "used")])  # fmt: skip
    (changed,) = verdict_changes(a, b)
    assert tuple(changed) == VERDICT_COLUMNS
    assert (changed["claim_id"], changed["verdict_a"], changed["verdict_b"]) == (
        "C2", "differs", "reproduced",
    )  # fmt: skip
    assert (changed["recomputed_a"], changed["recomputed_b"]) == ("2.12", "2.1")
    overlap = claims_of_both(a, b)
    assert (overlap.both, overlap.only_a, overlap.only_b) == (2, 1, 1)


def test_how_far_an_estimate_moved():
    """Half the interval 1 to 4 is log 2: from 2 to 4 is 1, to 1 is -1."""
    moved = row(estimate=4.0, conf_low=2.0, conf_high=8.0, p_value=0.06)
    (move,) = estimate_moves(run("a", estimates=[row()]), run("b", estimates=[moved]))
    assert tuple(move) == ESTIMATE_COLUMNS
    assert move["moved"] == "estimate conf_low conf_high p_value"
    assert move["shift"] == pytest.approx(1.0)
    assert (move["difference"], move["ratio"]) == (2.0, 2.0)
    assert move["significance"] == "lost"
    (back,) = estimate_moves(run("b", estimates=[moved]), run("a", estimates=[row()]))
    assert back["shift"] == pytest.approx(-1.0)
    assert back["significance"] == "gained"


def test_a_difference_is_measured_on_its_own_scale():
    linear = {"statistic": "mean_difference", "estimate": 0.0, "conf_low": -4.0}
    a, b = row(**linear), row(**{**linear, "estimate": -1.0})
    (move,) = estimate_moves(run("a", estimates=[a]), run("b", estimates=[b]))
    assert move["shift"] == pytest.approx(-0.25)
    assert math.isnan(move["ratio"])


@pytest.mark.parametrize(
    ("a", "b", "moved"),
    [
        ({}, {"estimate": 2.0 * (1 + 1e-12)}, None),  # another machine's sum
        ({}, {"estimate": 2.0 * (1 + 1e-6)}, "estimate"),
        ({"p_value": math.nan}, {"p_value": math.nan}, None),
        ({"p_value": math.nan}, {}, "p_value"),
        ({"conf_high": math.inf}, {"conf_high": math.inf}, None),
        ({"conf_high": math.inf}, {}, "conf_high"),
        ({"p_value": 1e-30}, {"p_value": 2e-30}, None),  # both are nothing
        ({"specification": "x"}, {"specification": "y"}, None),  # the number decides
    ],
)
def test_what_counts_as_moved(a, b, moved):
    moves = estimate_moves(
        run("a", estimates=[row(**a)]), run("b", estimates=[row(**b)])
    )
    assert [m["moved"] for m in moves] == ([moved] if moved else [])


def test_no_shift_without_an_interval():
    for ends in ({"conf_low": math.nan}, {"conf_low": 0.0}, {"conf_high": math.inf},
                 {"conf_low": 4.0}):  # fmt: skip
        a, b = row(**ends), row(**ends, estimate=3.0)
        (move,) = estimate_moves(run("a", estimates=[a]), run("b", estimates=[b]))
        assert math.isnan(move["shift"])


def test_the_primary_test_against_the_primary_one_others_by_name():
    wald, ratio = row(), row(test="likelihood ratio", p_value=0.06)
    score = row(test="score", p_value=0.05)
    a = run("a", estimates=[wald, ratio, score])
    b = run("b", estimates=[ratio, wald, {**score, "p_value": 0.055}])
    moves = estimate_moves(a, b)
    assert [(m["test_a"], m["test_b"], m["moved"]) for m in moves] == [
        ("Wald", "likelihood ratio", "p_value"),
        ("score", "score", "p_value"),
    ]
    # The page shows the primary one of them.
    assert [m["test_a"] for m in ranked(moves)] == ["Wald"]
    assert (results_of_both(a, b).both, results_of_both(a, b).only_a) == (1, 0)


def test_conventions_tried_for_a_claim_are_no_results():
    tried = [row(scenario=name) for name in ("convention", "stated")]
    moved = [{**r, "estimate": 9.0} for r in tried]
    assert estimate_moves(run("a", estimates=tried), run("b", estimates=moved)) == []


def test_each_patient_left_out_is_a_result_of_its_own():
    left = {"scenario": "leave_one_out"}
    a = [row(**left, convention=f"ties efron; without {p}") for p in ("P1", "P2")]
    b = [row(**left, convention=f"ties breslow; without {p}") for p in ("P2", "P1")]
    b[0]["estimate"] = 3.0
    (move,) = estimate_moves(run("a", estimates=a), run("b", estimates=b))
    assert move["convention_a"].endswith("P2")
    assert move["convention_b"].endswith("P2")


def test_several_specifications_are_paired_by_their_settings():
    a = [row(specification=s, estimate=e) for s, e in (("x", 1.0), ("y", 2.0))]
    b = [row(specification=s, estimate=e) for s, e in (("y", 2.0), ("x", 5.0))]
    (move,) = estimate_moves(run("a", estimates=a), run("b", estimates=b))
    assert (move["specification_a"], move["estimate_b"]) == ("x", 5.0)


def test_results_that_cross_significance_come_first():
    far = row(endpoint="far", estimate=2.0)
    near = row(endpoint="near")
    a = run("a", estimates=[far, near, row(endpoint="p", conf_low=math.nan)])
    b = run("b", estimates=[{**far, "estimate": 3.9}, {**near, "p_value": 0.051},
                            row(endpoint="p", conf_low=math.nan, p_value=0.01)])  # fmt: skip
    assert [m["endpoint"] for m in ranked(estimate_moves(a, b))] == ["near", "far", "p"]


def test_what_else_may_explain_a_change_is_said():
    moved = {"estimates": [row(estimate=3.0)]}
    a = run("a", estimates=[row()])
    assert (
        "the program itself was another one"
        in compared(a, run("b", **moved)).warnings[0]
    )
    looks = {"run": "b", "conf_level": 0.95, "figures": {"dpi": 1}}
    other = compared(a, run("b", **moved, settings=looks)).warnings
    assert "the program itself" in other[0], "a setting of the looks moves nothing"
    level = {"run": "b", "conf_level": 0.9}
    assert compared(a, run("b", **moved, settings=level)).warnings == []
    rows = compared(a, run("b", **moved, inputs={"s": {"claims.csv": "9"}})).warnings
    assert rows == [
        "1 input file differs as well (s): what changed there need not come from a setting."
    ]
    versions = compared(a, run("b", **moved, versions={"numpy": "3"})).warnings
    assert versions == ["Versions differ as well: numpy."]
    unfinished = compared(a, run("b", complete=False, estimates=[row()])).warnings
    assert unfinished == ["b was not completed: studies of it failed."]


def _files(folder, made: FinishedRun):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(made.settings), "utf-8")
    recorded = {
        "python": "3.11", "versions": made.versions,
        "inputs_sha256": {**made.inputs,
                          **{s: {"failed": why} for s, why in made.failed.items()}},
    }  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(recorded), "utf-8")
    columns = tuple(judged("C", "used"))
    write_rows(folder / "claims.csv", columns, made.claims)
    write_rows(folder / "estimates.csv", COLUMNS, made.estimates)
    if made.complete:
        (folder / "status.txt").write_text("done\n", "utf-8")


@pytest.fixture
def runs(tmp_path):
    hostile = "<script>alert(1)</script>"
    one = run("one", claims=[judged("C1", "differs", printed=hostile)],
              estimates=[row(endpoint=hostile), row(statistic="log_rank", estimate=math.nan,
                         conf_low=math.nan, conf_high=math.nan, p_value=0.2)])  # fmt: skip
    two = run("two", claims=[judged("C1", "reproduced", printed=hostile)],
              estimates=[row(endpoint=hostile, estimate=3.0, p_value=0.2),
                         row(statistic="log_rank", estimate=math.nan, conf_low=math.nan,
                             conf_high=math.nan, p_value=0.3)],
              settings={"run": "two", "conf_level": 0.9})  # fmt: skip
    for made in (one, two):
        _files(tmp_path / "results" / made.name, made)
    return tmp_path / "results"


def test_runs_are_read_as_they_were_written(runs):
    assert find_runs(str(runs), []) == {}
    found = find_runs(str(runs), ["one", "two"])
    read = read_run(found["two"], digest(found["two"]))
    assert read.settings["conf_level"] == 0.9
    assert read.estimates[0]["estimate"] == 3.0
    assert (read.complete, read.failed) == (True, {})
    assert read.versions == {"Python": "3.11", "numpy": "2.0"}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["one"], "nothing to compare a run with"),
        (["one", "tow"], "perhaps 'two' is meant"),
        (["one", "third"], "one of one, two"),
    ],
)
def test_runs_that_cannot_be_found(runs, names, says):
    with pytest.raises(InputError, match=says):
        find_runs(str(runs), names)


@pytest.mark.parametrize(
    "file", ["claims.csv", "estimates.csv", "config.yaml", "provenance.json"]
)
def test_an_unfinished_run_is_refused_by_its_missing_file(runs, file):
    (runs / "two" / file).unlink()
    with pytest.raises(InputError, match=rf"two/{file}: the run is not finished"):
        find_runs(str(runs), ["one", "two"])


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("provenance.json", "{", "provenance.json"),
        ("provenance.json", "{}", "inputs_sha256"),
        ("config.yaml", "- a: [", "config.yaml"),
        ("claims.csv", "", "column 'study'"),
        ("estimates.csv", "study,claim_id\na,b\n", "column 'analysis'"),
    ],
)
def test_a_damaged_run_is_refused_by_its_file(runs, file, text, says):
    folder = runs / "one"
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="damaged") as error:
        read_run(folder, digest(folder))
    assert says in str(error.value)


def test_a_run_at_work_is_refused(runs):
    with open(runs / "two" / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="a run is writing to this folder now"):
            find_runs(str(runs), ["one", "two"])
    assert set(find_runs(str(runs), ["one", "two"])) == {"one", "two"}


def test_a_run_that_changes_meanwhile_is_refused(runs, tmp_path):
    found = find_runs(str(runs), ["one", "two"])
    hashes = {name: digest(folder) for name, folder in found.items()}
    (runs / "two" / "status.txt").unlink()
    with pytest.raises(SystemExit, match="two: the run has changed since"):
        compare_runs(found, hashes, LOOKS, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_files_of_a_comparison(runs, tmp_path):
    found = find_runs(str(runs), ["one", "two"])
    hashes = {name: digest(folder) for name, folder in found.items()}
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in runs.rglob("*.*")}
    made = []
    for out in (tmp_path / "out", tmp_path / "again"):
        compare_runs(found, hashes, LOOKS, str(out))
        made.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert made[0] == made[1]
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in before}
    said = made[0]["summary.txt"].decode()
    assert said == (
        "two against one: 1 of 1 verdict changed. 2 of 2 primary results moved; "
        "significance at 0.05 is lost or gained in 1 test. 1 setting differs.\n"
    )
    html = made[0]["index.html"].decode()
    assert "<script" not in html.replace("&lt;script", "")
    assert "1 of 1 verdict changed." in html
    with open(tmp_path / "out" / "estimates.csv", encoding="utf-8", newline="") as rows:
        first = next(csv.DictReader(rows))
    assert (first["estimate_a"], first["estimate_b"]) == ("2", "3")
    assert set(made[0]) >= {
        f"moved_two.{e}" for e in ("pdf", "svg", "png", "csv", "txt")
    }


def test_nothing_to_draw_is_said(tmp_path):
    write([], ("a", "b"), LOOKS, str(tmp_path / "moved_b"))
    drawn = (tmp_path / "moved_b.csv").read_text(encoding="utf-8")
    assert "No primary result with an interval or a test moved." in drawn
    same = [compared(run("a"), run("b"))]
    html = page(same, {"b": str(tmp_path / "moved_b")})
    assert "are the same" in html
    assert summary(same).startswith("b against a: 0 of 0 verdicts changed.")


def test_data_that_were_not_observed_are_named():
    a, b = row(kind="reconstructed"), row(kind="reconstructed", estimate=3.0)
    moves = estimate_moves(run("a", estimates=[a]), run("b", estimates=[b]))
    assert "results from reconstructed data" in caption(ranked(moves), ("a", "b"))
