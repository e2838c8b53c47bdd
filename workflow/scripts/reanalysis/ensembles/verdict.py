"""Where a printed number lies among the values that members give it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reanalysis.ensembles.pooling import BAND, quantile
from reanalysis.survival.risk_sets import Floats

#: Statistics and fields that lie between 0 and 1 whatever the data.
SHARES = frozenset({"survival_probability", "cumulative_incidence", "proportion"})


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a printed number stands among members.

    ``share``: part of the weight whose value would be printed so; ``reached``: how
    many members give it, ``sought`` of them sought out for an extreme; ``of``: how many
    have a number, and ``without``: how many have none. ``low``, ``high``: band (that of
    estimates.csv, inf where a median is not reached), ``least``, ``most``: smallest and
    largest value; ``below``: part of the weight below the printed number. Shares are of
    all members: one without a number does not give the printed one.
    """

    share: float
    reached: int
    sought: int
    of: int
    without: int
    low: float
    high: float
    least: float
    most: float
    below: float

    def place(self) -> str:
        """Say where it lies: inside the band, or in which tail."""
        tail = (1 - (BAND[1] - BAND[0])) / 2
        if self.share <= 0:
            return "only a data set that was sought out for an extreme gives it"
        if self.below + self.share < tail:
            return f"in the lower tail of the members ({_percent(self.share)} give it)"
        if self.below > 1 - tail:
            return f"in the upper tail of the members ({_percent(self.share)} give it)"
        return f"inside the band of the members ({_percent(self.share)} give it)"


def standing(
    reach: Mapping[str, Sequence[float | None]],
    field: str,
    factor: float,
    passes: Callable[[float], bool],
    target: float,
    *,
    late: bool = False,
) -> Standing | None:
    """Return where a printed number stands, None where no member has a number.

    With ``late`` that is an answer too: nobody reaches it.

    ``reach`` as written by the estimate step; ``factor`` brings its values into the
    printed unit; ``passes`` tells whether a value would be printed so; ``target`` is
    the printed number, nan for words. ``late``: a member without a number has not
    reached it when follow-up ends, and lies beyond all others.
    """
    values = _numbers(reach[field]) * factor
    weight = np.array(reach["weight"])
    known = ~np.isnan(values)
    if not known.any() and not late:
        return None
    total = weight.sum() or 1.0
    beyond, of_all = np.where(known, values, math.inf), weight
    values, weight = values[known], weight[known]
    # One that is not reached by the end is above any number: "more than 24 months".
    counted, of_it = (beyond, of_all) if late else (values, weight)
    fits = np.array([passes(value) for value in counted], dtype=bool)
    low, high = (quantile(counted, of_it, share) for share in BAND)
    below = (counted < target) & ~fits
    return Standing(
        share=float(of_it[fits].sum() / total),
        reached=int(fits.sum()),
        sought=int((fits & (of_it == 0)).sum()),
        of=int(known.sum()),
        without=int((~known).sum()),
        low=low,
        high=high,
        least=float(values.min(initial=math.inf)),
        most=float(values.max(initial=-math.inf)),
        below=float(of_it[below].sum() / total),
    )


def width(one: Standing, statistic: str, field: str, row: Mapping) -> str:
    """Say how wide the band is beside knowing nothing of the patients.

    A share or a p-value could be anything from 0 to 1; other numbers are told beside
    the confidence interval, which is the doubt that even the patients' rows leave.
    """
    wide = one.high - one.low
    if not math.isfinite(wide):
        return ""
    if field == "p_value" or statistic in SHARES:
        whole = 1.0
        return f"{_percent(wide / whole)} of the range from 0 to 1"
    limits = row["conf_high"], row["conf_low"]
    if field == "estimate" and all(isinstance(x, float) for x in limits):
        whole = limits[0] - limits[1]
        if whole > 0 and math.isfinite(whole):
            return f"{_percent(wide / whole)} of the width of the confidence interval"
    return ""


def disproof(
    claim: Mapping, bounds: Sequence[Mapping], passes: Callable[[float, float], bool]
) -> str:
    """Say why no data set whatever gives a printed number; empty where that is open.

    ``bounds``: ranges that hold for every list of patients the print allows, in the
    unit of the print (keys ``claim_id, low, high, why``; ends may be "inf", as in
    members.json). ``passes`` tells whether some
    value of a range would be printed so.
    """
    for bound in bounds:
        if bound["claim_id"] == claim["claim_id"]:
            low, high = float(bound["low"]), float(bound["high"])
            return "" if passes(low, high) else bound["why"]
    return ""


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "under 0.1%"
    if share < 0.1:
        return f"{100 * share:.1f}%"
    return f"{100 * share:.0f}%"
