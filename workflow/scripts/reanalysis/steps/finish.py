"""Fail the run if a study failed, and say which and why."""

import sys

from reanalysis.job import write_text
from reanalysis.run_end import failures, tally


def finish(
    checked: list[str], drawn: list[str], claims: list[str], output: str
) -> None:
    """Write the verdicts' counts; exit with an error when a study has failed."""
    problems = [message for _, message in failures([*checked, *drawn])]
    if problems:
        print(
            f"{len(problems)} problem(s); the other studies are done:",
            *problems,
            sep="\n  ",
            file=sys.stderr,
        )
        sys.exit(1)
    write_text(output, tally(claims) + "\n")
