"""Words that several figures use for a row of estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reanalysis.formatting import MISSING, journal_p
from reanalysis.reporting.printed import PrintedNumber, printed_said


def tested(row: Mapping, printed: Sequence[PrintedNumber]) -> str:
    """Return a row's test with its p-value, and the printed ones beside it."""
    sides = str(row["alternative"])
    test = str(row["test"]) or "test"
    if sides and sides != "two-sided":
        test += f", {sides}"
    p = p_said(row["p_value"])
    said = printed_said(printed)
    text = f"{test[:1].upper()}{test[1:]}: p {p}"
    return f"{text}; {said}" if said else text


def p_said(p: float) -> str:
    """Return a p-value to stand after the letter p."""
    text = journal_p(p)
    return text if text[:1] in "<>" + MISSING else f"= {text}"


def against(row: Mapping) -> str:
    """Name the groups a row compares, or its only one."""
    if row["reference"]:
        return f"{row['group']} against {row['reference']}"
    return str(row["group"])


def is_number(text: str) -> bool:
    """Tell whether a text is a finite number, a time that can be drawn."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
