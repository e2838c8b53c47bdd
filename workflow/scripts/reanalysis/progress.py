"""What a run says to the person who started it: a line for each job, and its end.

Snakemake hands every message to the handler that prints, as a record that names its
event. :class:`Progress` sits on that handler: it holds back what is about jobs as
such and says instead which study and method is done, of how many, and for how long
it will go on. A logger plugin could do the same, but Snakemake finds plugins only
where they are installed, and this project is not.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reanalysis.words import method_named

#: What the jobs of a rule do, where its name does not say it; methods have names.
DOES = {
    "check": "study folder read",
    "members": "data sets that fit what is printed",
    "consistency": "printed numbers among each other",
    "compare": "verdicts",
    "draw": "figures",
    "collect": "tables of all studies",
    "overview": "scoreboard",
    "write_report": "report",
    "record": "settings and provenance",
    "letters": "letters to authors",
    "collect_multiverse": "multiverse of all studies",
    "analysis_results": "analysis results dataset",
    "run_crate": "record of what produced what",
    "compose": "report for print",
    "number_figures": "numbered figures",
    "pack_figures": "figures packed",
    "write_word": "Word report",
    "write_pdf": "PDF report",
    "write_slides": "slides",
    "write_workbook": "workbook of tables",
    "finish": "count of verdicts",
    "all": "the run is complete",
    "compare_runs": "runs side by side",
}
#: Events that say nothing to somebody who waits for results.
_HELD_BACK = frozenset({"job_started", "job_finished", "resources_info"})
#: Messages without an event that say nothing either ...
_NOISE = ("Select jobs to execute", "Using shell:", "Conda environments: ignored")
#: ... and those that would stand below the end of a run.
_AFTER_THE_END = ("Complete log(s):", "Elapsed time:")
_NOTHING_TO_DO = "Nothing to be done"
# The time left follows from the jobs done in the last so many seconds, or in the last
# quarter of the time so far, and from so many at least. Snakemake begins with the
# studies of the largest files, so it comes out too long rather than too short.
_WINDOW = 10.0
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a person knows it; ``study`` is empty when it is about all of them."""

    study: str
    rule: str

    def __str__(self) -> str:
        """Return ``park2025: Cox model``."""
        return f"{self.study}: {self.does}" if self.study else self.does

    @property
    def does(self) -> str:
        """What it does."""
        return DOES.get(self.rule) or method_named(self.rule)


class Progress(logging.Formatter):
    """Filter and formatter of the handler that prints a run's messages.

    ``studies`` are the names of the studies of the run; ``ending`` returns what is
    said at its end, given the jobs that failed. ``local`` tells that jobs run on this
    machine, where they print their own errors.
    """

    def __init__(
        self,
        studies: Collection[str],
        ending: Callable[[list[Job]], str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.local = True
        self.failed: list[Job] = []
        self._studies = frozenset(studies)
        self._ending = ending
        self._clock = clock
        self._started = clock()
        self._running: dict[object, tuple[Job, float]] = {}
        self._done: list[tuple[Job, float]] = []
        self._ends: list[float] = []
        self._ended = False
        self._handler: logging.Handler | None = None
        self._inner: logging.Formatter = logging.Formatter()

    def attach(self, handlers: Iterable[logging.Handler]) -> None:
        """Take the place of the formatter of Snakemake's own printing handler.

        Where there is none, because somebody prints by a logger plugin, that plugin
        is left alone. The file under .snakemake/log keeps every message.
        """
        for handler in handlers:
            if handler.name == "DefaultStreamHandler" and handler.formatter:
                self._handler, self._inner = handler, handler.formatter
                handler.setFormatter(self)
                # Before Snakemake's filter, which keeps to what --quiet names.
                handler.filters.insert(0, self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Take note of a record; tell whether it is to be printed."""
        event = str(getattr(record, "event", None) or "")
        if event == "job_info":
            self._start(record)
        elif event == "job_finished":
            self._finish(record)
        elif event == "job_error":
            self._fail(record.jobid, record.rule_name, record.log)
        elif event == "group_error":
            for job in record.job_error_info:
                self._fail(job["jobid"], job["rule_name"], job["log"])
        if event:
            return event not in _HELD_BACK
        message = str(record.msg or "")
        return not message.startswith(_NOISE) and not (
            self._ended and message.startswith(_AFTER_THE_END)
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return what is printed of a record."""
        event = str(getattr(record, "event", None) or "")
        if event == "progress":
            return self._lines(record.done, record.total)
        if event == "run_info":
            return f"Jobs to do: {record.stats['total']}"
        if not event and str(record.msg or "").startswith(_NOTHING_TO_DO):
            return f"{record.msg}\n{self.end()}"
        return self._inner.format(record)

    def end(self, log: Iterable[str] = ()) -> str:
        """Return what is said at the end of a run; ``log`` are Snakemake's own."""
        self._ended = True
        took = _duration(self._clock() - self._started)
        kept = f"; all messages: {', '.join(map(str, log))}" if log else ""
        return f"{self._ending(self.failed)}\nTook {took}{kept}"

    def _start(self, record: logging.LogRecord) -> None:
        job = _job(record.rule_name, record.wildcards, self._studies)
        self._running[record.jobid] = (job, self._clock())

    def _finish(self, record: logging.LogRecord) -> None:
        if record.job_id in self._running:
            job, started = self._running.pop(record.job_id)
            now = self._clock()
            self._done.append((job, now - started))
            self._ends.append(now)

    def _fail(self, jobid: object, rule: str, logs: Sequence[str]) -> None:
        job, _ = self._running.pop(jobid, (Job("", rule), 0.0))
        self.failed.append(job)
        told = [f"FAILED {job} (its messages: {', '.join(logs)})"]
        if not self.local:
            told += map(_text, logs)
        # Past Snakemake's filter, which is quiet about failures, too, with the rules.
        if self._handler:
            record = {"msg": "\n".join(told), "levelname": "ERROR"}
            self._handler.emit(logging.makeLogRecord(record))

    def _lines(self, done: int, total: int) -> str:
        """Return a line for each job done since the last ones."""
        width = len(str(total))
        wide = max((len(study) for study in self._studies), default=0)
        wide = min(max(wide, len("all studies")), 32)
        left = self._time_left(total - done)
        finished, self._done = self._done, []
        first = done - len(finished) + 1
        lines = [
            f"[{number:>{width}}/{total}] {job.study or 'all studies':<{wide}}  "
            f"{job.does}" + (f", {seconds:.0f} s" if seconds >= 1 else "")
            for number, (job, seconds) in enumerate(finished, first)
        ]
        return "\n".join(lines) + (f"; {left}" if lines and left else "")

    def _time_left(self, jobs: int) -> str:
        now, ends = self._clock(), self._ends
        window = max(_WINDOW, (now - self._started) / 4)
        if jobs < 1 or len(ends) < _FEWEST or now - self._started < _WINDOW:
            return ""
        # From the first job in the window on, or the last few if they take long.
        first = min(bisect_left(ends, now - window), len(ends) - _FEWEST)
        rate = (ends[-1] - ends[first]) / (len(ends) - 1 - first)
        return f"up to {_duration(rate * jobs)} left"


def _job(rule: str, wildcards: Mapping[str, str], studies: Collection[str]) -> Job:
    # A rule of one study bears its name: draw_park2025.
    stem, _, study = rule.partition("_")
    if study in studies:
        return Job(study, stem)
    return Job(dict(wildcards or {}).get("study", ""), rule)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _text(path: str) -> str:
    # A file system of a cluster may show a log later than the failure.
    file = Path(path)
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
