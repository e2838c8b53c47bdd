"""The printed numbers that a multiverse is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reanalysis.errors import InputError, expect_known
from reanalysis.multiverse.curve import LEVEL
from reanalysis.results import NAN, Estimate
from reanalysis.rounding import Printed, printed_interval
from reanalysis.units import unit_factor
from reanalysis.words import meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What is printed of one number: the estimate, its p-value, or neither.

    ``estimate`` and ``p_value`` are claims; ``value`` is the printed estimate in the
    unit of the estimates, ``low`` to ``high`` what is printed so.
    """

    estimate: Mapping | None = None
    p_value: Mapping | None = None
    value: float = NAN
    low: float = NAN
    high: float = NAN

    @property
    def claims(self) -> str:
        """Ids of the claims."""
        known = [c for c in (self.estimate, self.p_value) if c]
        return "; ".join(dict.fromkeys(c["claim_id"] for c in known))

    @property
    def significant(self) -> bool | None:
        """Tell whether what is printed is significant; None where it does not say."""
        if self.p_value is None:
            return None
        claimed = meaning(self.p_value["printed"], "p_value")
        if self.p_value["relation"] == "words":
            return None if claimed is None else claimed == "significant"
        printed = printed_interval(self.p_value)
        if printed.high <= LEVEL:
            return True
        # Printed as 0.05, or as above some smaller value, it may lie on either side.
        return False if printed.low >= LEVEL else None

    def gives(self, row: Estimate) -> bool | None:
        """Tell whether a specification gives the printed estimate, else its p-value."""
        if not math.isnan(self.value):
            if math.isnan(row.estimate):
                return None
            return self.low <= row.estimate <= self.high
        if self.p_value is None or self.p_value["relation"] == "words":
            return None
        if math.isnan(row.p_value):
            return None
        return _holds(printed_interval(self.p_value), row.p_value)


def _holds(printed: Printed, p: float) -> bool:
    if printed.relation == "<":
        return p < printed.high
    if printed.relation == ">":
        return p > printed.low
    return printed.low <= p <= printed.high


def anchor(
    claims: Sequence[Mapping],
    named: Sequence[str],
    analyses: Sequence[str],
    primary: Estimate,
) -> Anchor:
    """Return the claims that print a number: those named, else those that fit.

    ``primary`` is the number under the primary settings, ``analyses`` those of the
    grid, its own first. Raises :class:`InputError` for a claim that the study does not
    have, and for one that prints another number.
    """
    by_id = {claim["claim_id"]: claim for claim in claims}
    for claim_id in named:
        expect_known(claim_id, by_id, "config", _ANCHOR)
        _check_estimate(by_id[claim_id], primary)
    # The claims of the analysis itself before those of the others in the grid.
    chosen = [by_id[claim_id] for claim_id in named] or [
        claim
        for own in analyses
        for claim in claims
        if claim["role"] == "check"
        and claim["analysis"] == own
        and claim["statistic"] == primary.statistic
        and claim["group"] in ("", primary.group)
        and claim["reference"] in ("", primary.reference)
        and _same_time(claim["timepoint"], primary.timepoint)
    ]
    estimate = next(
        (c for c in chosen if c["field"] == "estimate" and _number(c)), None
    )
    p_value = next((c for c in chosen if c["field"] == "p_value"), None)
    if estimate is None:
        return Anchor(p_value=p_value)
    printed = printed_interval(estimate)
    factor = unit_factor(estimate["unit"], primary.unit)
    return Anchor(
        estimate=estimate,
        p_value=p_value,
        value=printed.value / factor,
        low=printed.low / factor,
        high=printed.high / factor,
    )


_ANCHOR = "multiverse.grids, anchor"


def _check_estimate(claim: Mapping, primary: Estimate) -> None:
    """Raise :class:`InputError` for a printed estimate that is of another number.

    The p-value of another test, such as a log-rank test beside a hazard ratio, is
    what papers print; an estimate must be of the number that is followed.
    """
    if claim["field"] != "estimate":
        return
    given = [primary.statistic, primary.group, primary.reference]
    printed = [claim["statistic"], claim["group"], claim["reference"]]
    if printed[0] != given[0]:
        raise InputError(
            "the anchor prints another number than the one that is followed",
            file="config",
            column=_ANCHOR,
            value=f"{claim['claim_id']}: {printed[0]}",
            expected=f"a claim of the statistic {given[0]}",
        )
    if any(p and g and p != g for p, g in zip(printed[1:], given[1:], strict=True)):
        raise InputError(
            "the anchor compares other groups than the number that is followed",
            file="config",
            column=_ANCHOR,
            value=f"{claim['claim_id']}: {printed[1]} against {printed[2]}",
            expected=f"{given[1]} against {given[2]}",
        )


def _number(claim: Mapping) -> bool:
    return claim["relation"] in ("=", "~")


def _same_time(claimed: str, found: object) -> bool:
    if not claimed or found in ("", None):
        return True
    try:
        return math.isclose(float(claimed), float(str(found)))
    except ValueError:
        return claimed == str(found)
