"""The scoreboard of printed against recomputed numbers."""

from collections.abc import Mapping
from pathlib import Path

from reanalysis.reporting import scoreboard
from reanalysis.rows import read_rows


def overview(claims: list[str], looks: Mapping, output: str) -> None:
    """Write the scoreboard of all studies; ``output`` is any of its files."""
    rows = [row for path in claims for row in read_rows(path)]
    scoreboard.write(rows, looks, str(Path(output).with_suffix("")))
