"""Intervals and tests of rates of Poisson events and of their ratio.

Given their total, the events of the first of two groups are binomial, which makes
intervals and tests of the ratio exact (Przyborowski and Wilenski 1940).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv

from reanalysis.results import NAN
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

INF = math.inf


def garwood(count: int, conf_level: float = 0.95) -> Interval:
    """Return the exact interval of a Poisson mean (Garwood 1936)."""
    tail = (1 - conf_level) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))


def mid_p_mean(count: int, conf_level: float = 0.95) -> Interval:
    """Return the limits at which either mid-p tail is half the level."""
    tail = (1 - conf_level) / 2
    targets = np.array([tail, 1 - tail])

    def excess(mean: NDArray[np.float64]) -> NDArray[np.float64]:
        at_least = gammainc(count, mean) if count else 1.0
        return (at_least + gammainc(count + 1, mean)) / 2 - targets

    low, high = increasing_root(excess, np.zeros(2), garwood(count, conf_level)[1])
    return (float(low) if count else 0.0), float(high)


def log_mean(count: int, conf_level: float = 0.95) -> Interval:
    """Return the normal interval of the log mean; undefined without events."""
    if count == 0:
        return NAN, NAN
    spread = math.exp(normal_quantile(conf_level) / math.sqrt(count))
    return count / spread, count * spread


def wald_mean(count: int, conf_level: float = 0.95) -> Interval:
    """Return the normal interval of a Poisson mean, cut at 0."""
    half = normal_quantile(conf_level) * math.sqrt(count)
    return max(count - half, 0.0), count + half


def score_mean(count: int, conf_level: float = 0.95) -> Interval:
    """Return the score interval of a Poisson mean."""
    z = normal_quantile(conf_level)
    half = z * math.sqrt(count + z * z / 4)
    low = count + z * z / 2 - half if count else 0.0
    return low, count + z * z / 2 + half


def byar(count: int, conf_level: float = 0.95) -> Interval:
    """Return Byar's approximation to the exact interval (Breslow and Day 1987)."""
    z = normal_quantile(conf_level)
    more = count + 1
    low = 0.0
    if count:
        low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3
    return max(low, 0.0), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def _odds_limits(share: Interval, factor: float) -> Interval:
    low, high = share
    return low / (1 - low) * factor, high / (1 - high) * factor if high < 1 else INF


def rate_ratio_interval(
    count1: int,
    exposure1: float,
    count2: int,
    exposure2: float,
    conf_level: float = 0.95,
    kind: str = "exact",
) -> Interval:
    """Return limits of the rate ratio, first group against second.

    ``exact``, ``mid-p`` and ``score`` turn the Clopper-Pearson, mid-p or Wilson
    limits of the first group's share of the events into a ratio; ``wald-log`` is
    the normal interval of its logarithm, undefined with no event in a group.
    Without any event the interval is (0, infinity).
    """
    if kind == "wald-log":
        if count1 == 0 or count2 == 0:
            return NAN, NAN
        ratio = count1 / exposure1 * exposure2 / count2
        error = math.sqrt(1 / count1 + 1 / count2)
        spread = math.exp(normal_quantile(conf_level) * error)
        return ratio / spread, ratio * spread
    total = count1 + count2
    if total == 0:
        return 0.0, INF
    share = {"exact": clopper_pearson, "mid-p": mid_p_interval, "score": wilson}[kind]
    return _odds_limits(share(count1, total, conf_level), exposure2 / exposure1)


def rate_test(
    count1: int,
    exposure1: float,
    count2: int,
    exposure2: float,
    alternative: str = "two-sided",
    kind: str = "exact-conditional",
) -> HypothesisTest:
    """Test two rates for equality.

    ``exact-conditional`` is the binomial test of the first group's share of the
    events, two-sided by probability; ``exact-doubled`` doubles the smaller tail
    and ``mid-p`` the smaller mid-p tail; ``mid-p-minlike`` counts the outcome seen
    by half in the test by probability; ``score`` is the normal approximation of the
    share, ``wald`` that of the log ratio.
    """
    total = count1 + count2
    null = exposure1 / (exposure1 + exposure2)
    if kind in EXACT_TESTS:
        name, doubled, mid_p = EXACT_TESTS[kind]
        if total == 0:
            return HypothesisTest(name, alternative, 1.0, note="There is no event.")
        return binomial_test(
            count1, total, null, alternative, doubled=doubled, mid_p=mid_p, name=name
        )
    name = "Wald" if kind == "wald" else "score"
    if total == 0 or (kind == "wald" and 0 in (count1, count2)):
        note = "The test is undefined without events in a group."
        return HypothesisTest(name, alternative, NAN, note=note)
    if kind == "wald":
        log_ratio = math.log(count1 * exposure2 / (exposure1 * count2))
        z = log_ratio / math.sqrt(1 / count1 + 1 / count2)
    else:
        z = (count1 - total * null) / math.sqrt(total * null * (1 - null))
    return HypothesisTest(name, alternative, normal_p_value(z, alternative), z)


#: Setting -> name beside the interval of a rate, its function, and the kind of
#: interval of a ratio that goes with it.
RATE_INTERVALS: dict[str, tuple[str, Callable[[int, float], Interval], str]] = {
    "exact": ("Garwood", garwood, "exact"),
    "mid-p": ("mid-P", mid_p_mean, "mid-p"),
    "wald-log": ("log", log_mean, "wald-log"),
    "wald": ("Wald", wald_mean, "wald-log"),
    "score": ("score", score_mean, "score"),
    "byar": ("Byar", byar, "exact"),
}


RATIO_INTERVAL_NAMES = {
    "exact": "conditional exact",
    "mid-p": "conditional mid-P",
    "wald-log": "log",
    "score": "score",
}


#: Setting -> name of an exact test, whether a tail is doubled, whether it is mid-P.
EXACT_TESTS = {
    "exact-conditional": ("conditional exact", False, False),
    "exact-doubled": ("conditional exact, doubled", True, False),
    "mid-p": ("conditional mid-P", True, True),
    "mid-p-minlike": ("conditional mid-P, by probability", False, True),
}


#: In this order; the others only when they are the primary one.
RATE_TESTS = ("exact-conditional", "mid-p", "wald", "score")
