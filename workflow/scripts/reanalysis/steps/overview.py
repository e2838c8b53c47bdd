"""The scoreboard of printed against recomputed numbers."""

from collections.abc import Mapping
from pathlib import Path

from reanalysis import scoreboard
from reanalysis.rows import read_rows


def overview(claims: str, looks: Mapping, output: str) -> None:
    """Write the scoreboard; ``output`` is any of its files."""
    scoreboard.write(read_rows(claims), looks, str(Path(output).with_suffix("")))
