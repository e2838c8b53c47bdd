"""Read the number a claim speaks of from the results of one convention.

Arms may be exchanged, a time counted in another unit, a p-value halved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reanalysis.consistency.fingerprint_axes import LIMITS, TESTED
from reanalysis.results import Estimate
from reanalysis.rounding import COUNTS, Printed
from reanalysis.sample import Sample
from reanalysis.words import RATIOS

REDUCTIONS = frozenset(
    {"hazard_reduction", "rate_reduction", "risk_reduction", "percent_reduction"}
)
DIFFERENCES = frozenset(
    {
        "median_difference",
        "mean_difference",
        "standardized_mean_difference",
        "risk_difference",
        "restricted_mean_difference",
        "difference",
        "coefficient",
    }
)
#: Days of one unit, the usual length first. Programs and papers count a month as
#: 30.4375, 30 or 28 days and a year as 365.25, 365 or 360.
DAYS = {
    "day": (1.0,),
    "week": (7.0,),
    "month": (30.4375, 30.0, 28.0),
    "year": (365.25, 365.0, 360.0),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A claim's number as one convention gives it; ``how`` names test or interval."""

    low: float
    high: float
    how: str = ""


_NOTHING = Reading(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Choice:
    """One combination of levels, of arms and of a unit of time.

    ``halved`` is the side of a halved p-value, ``days`` the length of the unit and
    ``distance`` how many levels are not the primary ones.
    """

    levels: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, object], ...]
    test: str
    halved: str
    exchanged: bool
    unit: str
    days: float
    departures: frozenset[str]
    distance: int


def read_claim(
    claim: Mapping,
    rows: Sequence[Estimate],
    choice: Choice,
    sample: Sample,
    unit: str,
) -> Reading:
    """Read the number a claim speaks of from the rows of one convention."""
    field = {"count": "events"}.get(claim["field"], claim["field"])
    group, swap = claim["group"], False
    if choice.exchanged:
        if is_comparison(claim["statistic"]) and field not in TESTED:
            swap = True
        elif group in sample.groups and not claim["reference"]:
            group = sample.groups[1 - sample.groups.index(group)]
    row = _row_of(claim, rows, group, choice, sample, unit)
    if row is None:
        return _NOTHING
    source = field
    if swap and field in LIMITS:
        source = LIMITS[1 - LIMITS.index(field)]
    value = float(getattr(row, source))
    low, high = row.ranges.get(source, (value, value))
    if swap:
        low, high = sorted(_swapped(x, claim["statistic"]) for x in (low, high))
    if field == "p_value" and choice.halved:
        low = high = _one_side(row, value, choice.halved)
    factor = _factor(claim, row, choice, sample, unit)
    how = ""
    if field == "p_value":
        how = f"{row.test}, {choice.halved or row.alternative}"
    elif field in LIMITS:
        how = row.interval_method
    return Reading(_tidy(low * factor), _tidy(high * factor), how)


def _tidy(x: float) -> float:
    # Equal results of different arithmetic are one convention.
    return float(f"{x:.10g}")


def _row_of(
    claim: Mapping,
    rows: Sequence[Estimate],
    group: str,
    choice: Choice,
    sample: Sample,
    unit: str,
) -> Estimate | None:
    tested = claim["field"] in TESTED
    chosen = [row for row in rows if row.statistic == claim["statistic"]]
    if tested:
        # A p-value belongs to a comparison, whichever effect it stands beside.
        chosen = [row for row in rows if row.test] or chosen
    if at_time(claim):
        at = float(claim["timepoint"]) * time_factor(
            sample, choice.days, choice.unit, unit
        )
        chosen = [
            row
            for row in chosen
            if row.timepoint != "" and math.isclose(float(row.timepoint), at)
        ]
    elif claim["timepoint"]:
        there = [row for row in chosen if str(row.timepoint) == claim["timepoint"]]
        chosen = there or [row for row in chosen if row.timepoint in ("", None)]
    if group:
        chosen = [row for row in chosen if row.group == group]
    if claim["reference"]:
        chosen = [row for row in chosen if row.reference == claim["reference"]]
    if not group:
        whole = [row for row in chosen if row.group == ""]
        if whole:
            chosen = whole
        elif len({(row.group, row.reference) for row in chosen}) > 1:
            return None
    if tested and choice.test:
        chosen = [row for row in chosen if row.test.startswith(choice.test)]
    elif not tested and claim["statistic"] in {"median_difference", "mean_difference"}:
        plain = [row for row in chosen if row.term in ("", "zeros dropped")]
        chosen = plain or chosen
    return chosen[0] if chosen else None


def _swapped(x: float, statistic: str) -> float:
    if statistic in DIFFERENCES:
        return -x
    if statistic in REDUCTIONS:
        return 1 - 1 / (1 - x) if x != 1 else -math.inf
    return 1 / x if x else math.inf


def _one_side(row: Estimate, p: float, side: str) -> float:
    """Return the one-sided p-value of a test whose two-sided one is its double."""
    if "exact" in row.test or math.isnan(p):
        return math.nan
    if row.statistic == "log_rank" or math.isnan(row.estimate):
        # The statistic has no sign here: "less" stands for the direction seen.
        seen = side == "less"
    else:
        lower = row.estimate < (1.0 if row.statistic in RATIOS else 0.0)
        seen = lower == (side == "less")
    return p / 2 if seen else 1 - p / 2


def _factor(
    claim: Mapping, row: Estimate, choice: Choice, sample: Sample, unit: str
) -> float:
    if claim["field"] not in ("estimate", *LIMITS):
        return 1.0
    if claim["unit"].strip().lower() in {"%", "percent", "per cent"}:
        return 100.0 if row.unit == "proportion" else 1.0
    own, claimed = unit_name(row.unit), unit_name(claim["unit"])
    if own and claimed:
        return DAYS[own][0] / (choice.days or DAYS[claimed][0])
    return 1.0


def holds_claim(claim: Mapping, printed: Printed, reading: Reading) -> bool:
    """Tell whether a reading would be printed so."""
    if math.isnan(reading.low):
        return False
    if claim["statistic"] in COUNTS and claim["field"] == "estimate":
        return printed.counts(reading.low)
    return printed.holds(reading.low, reading.high)


def is_comparison(statistic: str) -> bool:
    """Tell whether a statistic compares two groups or two times."""
    return statistic in RATIOS or statistic in REDUCTIONS or statistic in DIFFERENCES


def unit_name(unit: str) -> str:
    """Return day, week, month or year, empty for anything else."""
    name = unit.strip().lower().removesuffix("s")
    return name if name in DAYS else ""


def units_of(
    sample: Sample, claims: Sequence[Mapping], unit: str
) -> Iterator[tuple[str, float, bool, int]]:
    """Yield unit, days of it, whether it is not the printed one, and distance.

    The claim is read as printed, then as if the number stood in another unit of
    time than the one printed beside it.
    """
    own = unit_name(sample.time_unit or unit)
    timed = [c for c in claims if _in_time(c) or at_time(c)]
    printed = {unit_name(c["unit"]) for c in timed if unit_name(c["unit"])} or {own}
    if not own or not timed or len(printed) > 1 or "" in printed:
        yield "as printed", 0.0, False, 0
        return
    (claimed,) = printed
    for place, days in enumerate(DAYS[claimed]):
        if place and own == claimed:
            break
        length = f" of {days:g} days" if place else ""
        yield claimed + length, days, False, place
    for other in DAYS:
        if other != claimed:
            yield other, DAYS[other][0], True, 0


def _in_time(claim: Mapping) -> bool:
    return bool(unit_name(claim["unit"])) and claim["field"] in ("estimate", *LIMITS)


def at_time(claim: Mapping) -> bool:
    """Tell whether a claim reads a curve at a time."""
    try:
        float(claim["timepoint"])
    except ValueError:
        return False
    return claim["statistic"] in {"survival_probability", "number_at_risk"}


def time_factor(sample: Sample, days: float, shift: str, unit: str) -> float:
    """Return what one unit of a printed time is in the unit of the data."""
    own = unit_name(sample.time_unit or unit)
    return days / DAYS[own][0] if shift and own else 1.0
