"""Rows of csv results: written whole and in full precision, read back as numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reanalysis.job import whole_file
from reanalysis.results import NUMBERS


def write_rows(
    path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write rows as csv; a number that is not known is an empty cell."""
    with whole_file(path) as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            cells = map(row.__getitem__, columns)
            writer.writerow([c if type(c) is str else _cell(c) for c in cells])


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Read rows of text."""
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def read_estimates(path: str | Path) -> list[dict[str, object]]:
    """Read rows of estimates.csv with its numbers as floats (nan when empty)."""
    return [
        {
            name: (float(cell) if cell else math.nan) if name in NUMBERS else cell
            for name, cell in row.items()
        }
        for row in read_rows(path)
    ]


def _cell(value: object) -> object:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # numpy scalars print as plain numbers only after conversion
    number = float(value)
    if number != number:
        return ""
    if number.is_integer() and abs(number) < 1e15:
        return int(number)
    return repr(number)
