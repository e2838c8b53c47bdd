"""What a run comes to: verdicts counted, studies that failed, where to look."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from reanalysis.progress import Job
from reanalysis.rows import read_rows


def failures(states: Iterable[str | Path]) -> list[tuple[str, str]]:
    """Return the studies that failed with what is said of it, in the order given.

    ``states`` are the files in which jobs say how they fared: checked/<study>.json
    and work/<study>/<step>.json.
    """
    found = []
    for path in map(Path, states):
        state = json.loads(path.read_text(encoding="utf-8"))
        if state.get("status") == "failed":
            found.append((path.stem, state["message"]))
        elif state.get("failed"):
            study = path.parent.name
            found.append((study, f"{study}: {state['failed']}"))
    return found


def tally(claims: Iterable[str | Path]) -> str:
    """Return ``6 claims: 4 reproduced, 2 context`` of files of judged claims."""
    from reanalysis.verdicts import ORDER  # slow to import where only words are read

    verdicts = Counter(row["verdict"] for path in claims for row in read_rows(path))
    counts = [f"{verdicts[v]} {v}" for v in ORDER if verdicts[v]]
    return f"{verdicts.total()} claims" + (": " if counts else "") + ", ".join(counts)


def ending(
    run: str, states: Sequence[str], failed: Sequence[Job], asked: Iterable[str] = ()
) -> str:
    """Return the last lines of a run: verdicts, failed studies, where to look.

    ``run`` is the run's folder, ``states`` as in :func:`failures`, ``failed`` the jobs
    that failed, ``asked`` the files that alone were asked for, if any. Where the count
    of verdicts alone failed, it is because of studies that failed, and everything else
    is there.
    """
    folder = Path(run)
    if any(job.rule != "finish" for job in failed):
        return (
            f"Not finished: {_number(len(failed), 'job')} failed.\n"
            + "".join(f"  {job}\n" for job in failed)
            + "What is done is kept: when it is mended, type the same command again."
        )
    lines = []
    if failed:
        names = list(dict.fromkeys(study for study, _ in failures(states)))
        lines.append(
            f"{_number(len(names), 'study')} failed: {', '.join(names)} "
            "(why stands above and in the report)"
        )
        counted = tally([folder / "claims.csv"])
    elif asked or not (folder / "status.txt").exists():
        return f"Done: {', '.join(sorted(asked)) or run}"  # not all of the run
    else:
        counted = (folder / "status.txt").read_text(encoding="utf-8").strip()
    lines.append(counted.replace("_", " "))
    lines.append(f"Report: {run}/report/index.html")
    lines.append(f"Tables: {run}/claims.csv, estimates.csv and others beside them")
    return "\n".join(lines)


def comparison_ending(folder: str, failed: Sequence[Job]) -> str:
    """Return the last lines of a comparison of runs: what changed, where to look."""
    summary = Path(folder, "summary.txt")
    if failed or not summary.exists():
        return "The runs were not compared; nothing in them was touched."
    return f"{summary.read_text(encoding='utf-8')}Side by side: {folder}/index.html"


def _number(n: int, noun: str) -> str:
    if n == 1:
        return f"1 {noun}"
    return f"{n} {noun[:-1]}ies" if noun.endswith("y") else f"{n} {noun}s"
