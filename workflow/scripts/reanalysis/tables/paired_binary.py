"""A yes/no outcome twice per patient: McNemar's tests and paired effects.

``both``, ``gained``, ``lost`` and ``neither`` count the patients with the event
both times, only the second time, only the first time, and never. Effects are
second against first. Formulae: Newcombe (1998) Statistics in Medicine
17:2635-2650; Fagerland, Lydersen and Laake (2014) Statistics in Medicine
33:2850-2875.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root
from reanalysis.tables.binomial import (
    HypothesisTest,
    Interval,
    binomial_test,
    clopper_pearson,
    mid_p_interval,
    normal_p_value,
    normal_quantile,
    wilson,
)

NAN = math.nan


def _size(both: int, gained: int, lost: int, neither: int) -> int:
    n = both + gained + lost + neither
    if n < 1:
        raise MethodError("There is no pair.")
    return n


def mcnemar(
    gained: int, lost: int, alternative: str = "two-sided", variant: str = ""
) -> HypothesisTest:
    """Return McNemar's chi-square test; one-sided p-values by its signed root.

    With ``variant="corrected"`` one is taken off the difference, though never
    more than the difference itself.
    """
    name = "McNemar" + (f", {variant}" if variant else "")
    discordant = gained + lost
    if discordant == 0:
        note = "The test is undefined: nobody changed."
        return HypothesisTest(name, alternative, NAN, note=note)
    distance = abs(gained - lost)
    if variant == "corrected":
        distance -= min(1, distance)
    z = math.copysign(distance / math.sqrt(discordant), gained - lost)
    return HypothesisTest(name, alternative, normal_p_value(z, alternative), z * z, 1)


def mcnemar_exact(
    gained: int, lost: int, alternative: str = "two-sided", *, mid_p: bool = False
) -> HypothesisTest:
    """Return the binomial test of the discordant pairs, or its mid-P."""
    name = "McNemar, mid-P" if mid_p else "McNemar, exact"
    if gained + lost == 0:
        return HypothesisTest(name, alternative, 1.0, note="Nobody changed.")
    return binomial_test(
        gained, gained + lost, 0.5, alternative, mid_p=mid_p, name=name
    )


def conditional_odds_ratio(
    gained: int, lost: int, conf_level: float = 0.95, *, mid_p: bool = False
) -> tuple[float, Interval]:
    """Return gained/lost with the limits of its binomial share as odds.

    The estimate is infinite when nobody lost the event and undefined when nobody
    changed.
    """
    if gained + lost == 0:
        return NAN, (0.0, math.inf)
    function = mid_p_interval if mid_p else clopper_pearson
    low, high = function(gained, gained + lost, conf_level)
    estimate = gained / lost if lost else math.inf
    return estimate, (low / (1 - low), high / (1 - high) if high < 1 else math.inf)


def risk_difference_error(both: int, gained: int, lost: int, neither: int) -> float:
    """Return the Wald standard error of the paired risk difference."""
    n = _size(both, gained, lost, neither)
    return math.sqrt(gained + lost - (gained - lost) ** 2 / n) / n


def wald_interval(
    both: int, gained: int, lost: int, neither: int, conf_level: float = 0.95
) -> Interval:
    """Return the normal approximation of the paired risk difference."""
    n = _size(both, gained, lost, neither)
    d = (gained - lost) / n
    error = risk_difference_error(both, gained, lost, neither)
    half = normal_quantile(conf_level) * error
    return max(d - half, -1.0), min(d + half, 1.0)


def newcombe_interval(
    both: int, gained: int, lost: int, neither: int, conf_level: float = 0.95
) -> Interval:
    """Return Newcombe's paired method 10: Wilson limits and a corrected phi."""
    n = _size(both, gained, lost, neither)
    second, first = both + gained, both + lost
    p2, p1 = second / n, first / n
    (l2, u2), (l1, u1) = wilson(second, n, conf_level), wilson(first, n, conf_level)
    margins = second * (n - second) * first * (n - first)
    excess = both * neither - gained * lost
    if excess > 0:
        excess = max(excess - n / 2, 0)
    phi = excess / math.sqrt(margins) if margins else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))

    d = p2 - p1
    return d - reach(p2 - l2, u1 - p1), d + reach(u2 - p2, p1 - l1)


def tango_interval(
    both: int, gained: int, lost: int, neither: int, conf_level: float = 0.95
) -> Interval:
    """Return the score interval of Tango (1998)."""
    n = _size(both, gained, lost, neither)
    estimate = (gained - lost) / n
    z = normal_quantile(conf_level) * np.array([-1, 1])

    def excess(d: NDArray[np.float64]) -> NDArray[np.float64]:
        # Share of losers of largest likelihood at difference d.
        b = (2 * n - gained + lost) * d - gained - lost
        c = -lost * d * (1 - d)
        root = np.sqrt(np.maximum(b * b - 8 * n * c, 0))
        losing = (root - b) / (4 * n)
        variance = np.maximum(2 * losing + d * (1 - d), 0) / n
        return (d - estimate) / np.sqrt(variance + 1e-300) - z

    low, high = increasing_root(excess, [-1, estimate], [estimate, 1])
    return float(low), float(high)


def risk_ratio(
    both: int, gained: int, lost: int, neither: int, conf_level: float = 0.95
) -> tuple[float, Interval]:
    """Return the ratio of the two proportions and its log interval.

    The interval is undefined when either time has no event or nobody changed.
    """
    _size(both, gained, lost, neither)
    second, first = both + gained, both + lost
    if first == 0:
        return (math.inf if second else NAN), (NAN, NAN)
    ratio = second / first
    if second == 0 or gained + lost == 0:
        return ratio, (NAN, NAN)
    error = math.sqrt((gained + lost) / (second * first))
    spread = math.exp(normal_quantile(conf_level) * error)
    return ratio, (ratio / spread, ratio * spread)
