"""Numbers as journals print them, for tables, captions and sentences.

Nothing is decided on these texts: comparisons use the full-precision numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reanalysis.rounding import COUNTS, interval, round_half_up
from reanalysis.words import RATIOS

MINUS, INFINITY, MISSING = "\u2212", "\u221e", "\u2013"

#: Always shown in per cent with one decimal.
PERCENTS = frozenset({"percent", "percent_of", "percent_reduction"})


def capitalised(text: str) -> str:
    """Begin with a capital, unless the first word has one of its own (eGFR, rIFN-g)."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first == first.lower() else text


def journal_time(timepoint: object) -> str:
    """Return a time of a row as a reader wants it; names of visits stay.

    A time that was computed, such as a horizon, is rounded to two decimals.
    """
    text = "" if timepoint is None else str(timepoint)
    try:
        x = float(text)
    except ValueError:
        return text
    return f"{round(x, 2) if abs(x) >= 1 else x:g}" if abs(x) < 1e6 else text


def journal_p(p: float) -> str:
    """Return a p-value: <0.001, 0.002, 0.04, 0.12, >0.99.

    Two decimals from 0.01 on and three below; more digits where two would put
    the value on the other side of 0.05 or on 0.05 itself.
    """
    if math.isnan(p):
        return MISSING
    if p < 0.001:
        return "<0.001"
    if 0.99 < p < 1:
        return ">0.99"
    for digits in range(3 if p < 0.01 else 2, 5):
        text = round_half_up(p, digits)
        if float(text) != 0.05 or p == 0.05:
            return text
    return "<0.05" if p < 0.05 else ">0.05"


def significant(x: float, digits: int = 3) -> str:
    """Return ``x`` to so many significant digits, never fewer than its integer part."""
    if x == 0:
        return "0"
    exponent = int(f"{x:.{digits - 1}e}".partition("e")[2])
    return round_half_up(x, max(0, digits - 1 - exponent))


def journal_number(
    x: float, *, statistic: str = "", unit: str = "", field: str = "estimate"
) -> str:
    """Return a number as a journal prints it.

    ``statistic``, ``unit`` and ``field`` are those of its row: p-values go to
    :func:`journal_p`, proportions and percentages get one decimal and a per cent
    sign, ratios and test statistics two decimals (two significant digits below
    0.005, and no digits below 0.0001), counts none, anything else three significant
    digits. A missing number is a dash.
    """
    if x is None or math.isnan(x):
        return MISSING
    if field == "p_value":
        return journal_p(x)
    sign = MINUS if x < 0 else ""
    if math.isinf(x):
        return sign + INFINITY
    size = abs(x)
    if field in {"n", "events", "count"} or statistic in COUNTS:
        # Across members a count can be a fraction.
        text = round_half_up(size, 0) if size == round(size) else significant(size)
    elif field == "test_statistic" or (statistic in RATIOS and unit != "%"):
        if 0 < size < 0.0001:  # a monotone likelihood, or the noise of arithmetic
            return f"{'>' if sign else '<'}{sign}0.0001"
        text = significant(size, 2) if 0 < size < 0.005 else round_half_up(size, 2)
    elif unit == "proportion":
        text = round_half_up(100 * size, 1) + "%"
    elif unit == "%" or statistic in PERCENTS:
        text = round_half_up(size, 1) + "%"
    else:
        text = significant(size)
    # A minus before a number that rounds to zero says nothing.
    return sign + text if any(c in "123456789" for c in text) else text


def journal_interval(
    low: float, high: float, conf_level: float = 0.95, **kind: str
) -> str:
    """Return ``95% CI, 0.30 to 0.90``; ``kind`` as in :func:`journal_number`."""
    level = significant(100 * conf_level)
    low_text, high_text = (journal_number(x, **kind) for x in (low, high))
    return f"{level.removesuffix('.0')}% CI, {low_text} to {high_text}"


def beside_printed(x: float, claim: Mapping) -> str:
    """Return a recomputed number with one digit more than is printed.

    So an agreement, or how far it fails, can be seen. ``claim`` has the columns
    printed, value, relation, field, statistic and unit of claims.csv.
    """
    unit = "%" if claim["unit"] == "%" else ""
    text = journal_number(
        x, field=claim["field"], statistic=claim["statistic"], unit=unit
    )
    value, relation = claim["value"], claim["relation"]
    if text == "<0.001" and relation == "<" and x < float(value) < 0.001:
        return f"<{value}"
    if relation not in {"=", "~"} or not value or not math.isfinite(x):
        return text
    if claim["statistic"] in COUNTS and x.is_integer():
        return text
    printed = interval(claim["printed"], value, relation, field=claim["field"])
    exact = round_half_up(x, max(printed.digits, 0) + 1)
    if not any(digit in "123456789" for digit in exact) and x:
        return text
    return exact.replace("-", MINUS) + unit
