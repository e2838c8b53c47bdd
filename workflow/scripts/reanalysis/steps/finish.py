"""Fail the run if a study failed, and say which and why."""

import json
import sys
from pathlib import Path

from reanalysis.job import write_text
from reanalysis.rows import read_rows
from reanalysis.verdicts import ORDER


def finish(
    checked: list[str], drawn: list[str], claims: list[str], output: str
) -> None:
    """Write the verdicts' counts; exit with an error when a study has failed."""
    problems = []
    for path in [*checked, *drawn]:
        part = json.loads(Path(path).read_text(encoding="utf-8"))
        if part.get("status") == "failed":
            problems.append(part["message"])
        elif part.get("failed"):
            problems.append(f"{Path(path).parent.name}: {part['failed']}")
    if problems:
        print(
            f"{len(problems)} problem(s); the other studies are done:",
            *problems,
            sep="\n  ",
            file=sys.stderr,
        )
        sys.exit(1)
    verdicts = [row["verdict"] for path in claims for row in read_rows(path)]
    counts = [f"{verdicts.count(v)} {v}" for v in ORDER if v in verdicts]
    write_text(output, f"{len(verdicts)} claims: " + ", ".join(counts) + "\n")
