"""What a claim is held against: its row, its number in the printed unit, its test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reanalysis import words
from reanalysis.analyses import CONVENTION
from reanalysis.formatting import journal_number
from reanalysis.rounding import COUNTS, Printed, printed_interval, round_half_up
from reanalysis.units import unit_factor

#: Statistics of a covariate, not of an outcome.
BALANCE = frozenset({"standardized_mean_difference", "variance_ratio"})


@dataclass(frozen=True, slots=True)
class Found:
    """A recomputed number in the printed unit, and the row it stands in."""

    row: Mapping[str, object]
    value: float
    low: float
    high: float

    @property
    def ranged(self) -> bool:
        """Tell whether rounding of printed inputs leaves a range."""
        return self.high > self.low


class ClaimTest:
    """When a recomputed number bears out a claim."""

    def __init__(self, claim: Mapping) -> None:
        self.claim = claim
        self.unreadable = ""
        self.claimed: str | None = None
        self.printed: Printed | None = None
        if claim["relation"] == "words":
            self.claimed = words.meaning(claim["printed"], claim["field"])
            if not words.of_shares(self.claimed, claim["statistic"]):
                self.claimed = None
            if self.claimed is None:
                self.unreadable = "The words state no test, share or direction."
            return
        self.printed = printed_interval(claim)

    def passes(self, found: Found) -> bool:
        """Tell whether a number, or one of a range, would be printed so."""
        if self.claimed is not None:
            return any(
                words.holds(self.claimed, x, self.claim["statistic"])
                for x in (found.low, found.high)
            )
        if self.printed is None:
            return False
        if self.claim["statistic"] in COUNTS and self.claim["field"] == "estimate":
            return self.printed.counts(found.value)
        return self.printed.holds(found.low, found.high)

    def allows(self, low: float, high: float) -> bool:
        """Tell whether any number from ``low`` to ``high`` would be printed so.

        Both ends belong to it. Of a count every whole number between them is one.
        """
        if self.printed is None:
            return True  # what words leave open is not disproved by a range
        counted = self.claim["statistic"] in COUNTS
        if (
            counted
            and self.claim["field"] == "estimate"
            and self.printed.relation == "="
        ):
            return low <= self.printed.value <= high
        return self.printed.holds(low, high)


def matching(
    claim: Mapping, analysis: Mapping, rows: Sequence[Mapping], *, test: bool = True
) -> list[Mapping]:
    """Return the rows a claim speaks of, in the order the method gave them."""
    chosen = [row for row in rows if row["statistic"] == claim["statistic"]]
    if any(part["endpoint"] for part in analysis["samples"]):
        chosen = [row for row in chosen if row["endpoint"] == claim["endpoint"]]
    if claim["timepoint"]:
        timed = [
            row for row in chosen if _same_time(row["timepoint"], claim["timepoint"])
        ]
        # Where no row carries a time the claim's is a remark.
        if timed or any(row["timepoint"] not in ("", None) for row in chosen):
            chosen = timed
    if analysis["method"] == "matching" and claim["statistic"] in BALANCE:
        # The endpoint of such a claim is the covariate.
        chosen = [row for row in chosen if row["term"] == claim["endpoint"]]
    for column in ("group", "reference"):
        if claim[column]:
            chosen = [row for row in chosen if row[column] == claim[column]]
    if not claim["group"] and any(row["group"] == "" for row in chosen):
        chosen = [row for row in chosen if row["group"] == ""]
    elif not claim["group"] and len({(r["group"], r["reference"]) for r in chosen}) > 1:
        return []
    if claim["test"] and test:
        chosen = [row for row in chosen if row["test"] == claim["test"]]
    if claim["alternative"] and test and claim["field"] == "p_value":
        chosen = [
            row for row in chosen if row["alternative"] in (claim["alternative"], "")
        ]
    return chosen


def _same_time(given: object, claimed: str) -> bool:
    try:
        return math.isclose(float(str(given)), float(claimed), rel_tol=1e-9)
    except ValueError:
        return str(given) == claimed


def conventions(
    claim: Mapping, analysis: Mapping, rows: Sequence[Mapping]
) -> list[tuple[str, Found]]:
    """Return what each convention of the method gives for the claim.

    Conventions that concern another part of the result (the interval, when the
    claim is a p-value) give the same number by the same test and count once.
    """
    named: dict[str, list[Mapping]] = {}
    for row in rows:
        if row["scenario"] == CONVENTION:
            named.setdefault(str(row["convention"]), []).append(row)
    different: dict[tuple, tuple[str, Found]] = {}
    for name, convention_rows in named.items():
        chosen = matching(claim, analysis, convention_rows, test=False)
        if not chosen:
            continue
        found = read_field(claim, chosen[0])
        if math.isnan(found.value):
            continue
        row = found.row
        how = (row["test"], row["alternative"])
        if claim["field"] in {"conf_low", "conf_high"}:
            how = (row["interval_method"],)
        elif claim["field"] == "estimate":
            how = ()
        different.setdefault((*how, found.value), (name, found))
    return list(different.values())


def read_field(claim: Mapping, row: Mapping) -> Found:
    """Read a claim's field from a row, in the printed unit."""
    column = {"count": "events"}.get(claim["field"], claim["field"])
    value = _float(row[column])
    low, high = _float(row.get(f"{column}_min")), _float(row.get(f"{column}_max"))
    if math.isnan(low) or math.isnan(high):
        low = high = value
    factor = field_factor(claim, row)
    return Found(row, value * factor, low * factor, high * factor)


def _float(value: object) -> float:
    if value in ("", None):
        return math.nan
    return float(value)


def distance(found: Found, target: float) -> float:
    """Return how far a number, or the nearer end of a range, is from a target."""
    if found.low <= target <= found.high:
        return 0.0
    return min(abs(found.low - target), abs(found.high - target))


def field_factor(claim: Mapping, row: Mapping) -> float:
    """Return what brings a claim's field of a row into the printed unit."""
    if claim["field"] in {"p_value", "test_statistic", "n", "count"}:
        return 1.0
    return unit_factor(claim["unit"], str(row["unit"]))


def show(claim: Mapping, x: float) -> str:
    """Show a recomputed number with one digit more than is printed."""
    if math.isnan(x):
        return "no number"
    if math.isinf(x):
        return "infinity" if x > 0 else "minus infinity"
    if claim["value"] and claim["relation"] in {"=", "~"}:
        digits = printed_interval(claim).digits
        whole = claim["statistic"] in COUNTS and float(x).is_integer()
        return round_half_up(x, 0 if whole else max(digits, 0) + 1)
    if claim["field"] == "p_value" and x < 0.001:
        return f"{x:.2g}"  # held against a printed bound, <0.001 would say nothing
    return journal_number(x, field=claim["field"], statistic=claim["statistic"])


def say(claim: Mapping, found: Found) -> str:
    """Show a recomputed number, or its range, in the printed unit."""
    unit = f" {claim['unit']}" if claim["unit"] == "%" else ""
    if found.ranged:
        return f"{show(claim, found.low)} to {show(claim, found.high)}{unit}"
    return f"{show(claim, found.value)}{unit}"


def named_test(found: Found) -> str:
    """Name the test behind a number and its side, in brackets; empty without one."""
    test = str(found.row["test"])
    sides = str(found.row["alternative"])
    if not test:
        return ""
    return f" [{test}{', ' + sides if sides and sides != 'two-sided' else ''}]"
