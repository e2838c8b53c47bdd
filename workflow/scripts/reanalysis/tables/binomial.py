"""Binomial proportions: intervals, and exact tests from a discrete distribution.

The intervals follow Newcombe (1998) Statistics in Medicine 17:857-872 and Brown,
Cai and DasGupta (2001) Statistical Science 16:101-133, by whose names they go.

The plain exact test and the Wilson intervals are those of scipy, which has neither
mid-P and doubled tests nor the other intervals; its Clopper-Pearson search takes
1 ms where the beta quantiles take 3 microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, gammaln, ndtr, ndtri

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root

Interval = tuple[float, float]

#: Two tables count as equally likely when their probabilities agree this closely;
#: the value of R's fisher.test and binom.test.
TIE = 1 + 1e-7


@dataclass(frozen=True, slots=True)
class HypothesisTest:
    """A test by name, with its direction, statistic and p-value."""

    name: str
    alternative: str
    p_value: float
    statistic: float = math.nan
    df: float = math.nan
    note: str = ""


def normal_quantile(conf_level: float) -> float:
    """Return the standard normal quantile of a two-sided interval."""
    return float(ndtri((1 + conf_level) / 2))


def normal_p_value(z: float, alternative: str) -> float:
    """Return the p-value of a standard normal statistic."""
    if alternative == "greater":
        return float(ndtr(-z))
    if alternative == "less":
        return float(ndtr(z))
    return float(2 * ndtr(-abs(z)))


def exact_p_value(
    probabilities: NDArray[np.float64],
    observed: int,
    alternative: str = "two-sided",
    *,
    doubled: bool = False,
    mid_p: bool = False,
) -> float:
    """Return the exact p-value of one outcome of a discrete distribution.

    ``probabilities`` are those of the ordered outcomes under the null hypothesis
    and ``observed`` the position of the outcome seen. Two-sided means the
    outcomes no more likely than the one seen, or twice the smaller tail when
    ``doubled``. ``mid_p`` counts the observed outcome, and those exactly as
    likely, by half (Lancaster 1961; Hirji 2006).
    """
    seen = probabilities[observed]
    half = seen / 2 if mid_p else 0.0
    less = probabilities[: observed + 1].sum() - half
    greater = probabilities[observed:].sum() - half
    if alternative == "less":
        p = less
    elif alternative == "greater":
        p = greater
    elif doubled:
        p = 2 * min(less, greater)
    else:
        tied = (probabilities <= seen * TIE) & (probabilities * TIE >= seen)
        p = probabilities[probabilities <= seen * TIE].sum()
        p -= probabilities[tied].sum() / 2 if mid_p else 0.0
    return float(min(p, 1.0))


def binomial_probabilities(n: int, p: float) -> NDArray[np.float64]:
    """Return the probabilities of 0 to n events in n trials."""
    k = np.arange(n + 1)
    if p in (0.0, 1.0):
        return (k == n * p).astype(float)
    return np.exp(
        gammaln(n + 1)
        - gammaln(k + 1)
        - gammaln(n - k + 1)
        + k * math.log(p)
        + (n - k) * math.log1p(-p)
    )


def binomial_test(
    events: int,
    n: int,
    null: float = 0.5,
    alternative: str = "two-sided",
    *,
    doubled: bool = False,
    mid_p: bool = False,
    name: str = "binomial",
) -> HypothesisTest:
    """Test a proportion against ``null``, exactly."""
    _check(events, n)
    if not 0 <= null <= 1:
        raise MethodError(f"The null proportion {null:g} is not between 0 and 1.")
    if doubled or mid_p:
        p = exact_p_value(
            binomial_probabilities(n, null),
            events,
            alternative,
            doubled=doubled,
            mid_p=mid_p,
        )
    else:
        from scipy.stats import binomtest

        p = float(binomtest(events, n, null, alternative).pvalue)
    return HypothesisTest(name, alternative, p)


def _check(x: int, n: int) -> None:
    if n < 1:
        raise MethodError("There is nobody to take a proportion of.")
    if not 0 <= x <= n:
        raise MethodError(f"{x} events among {n} patients cannot be.")


def clopper_pearson(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the exact interval of Clopper and Pearson (1934)."""
    _check(x, n)
    tail = (1 - conf_level) / 2
    low = float(betaincinv(x, n - x + 1, tail)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, n - x, 1 - tail)) if x < n else 1.0
    return low, high


def mid_p_interval(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the limits at which either mid-p tail is (1 - conf_level) / 2.

    With no event the lower limit is 0, with no failure the upper limit 1.
    """
    _check(x, n)
    tail = (1 - conf_level) / 2
    # P(X > x) + P(X = x) / 2 is the mean of P(X >= x) and P(X >= x + 1).
    at_least = [(x, n - x + 1)] if x > 0 else []
    more_than = [(x + 1, n - x)] if x < n else []
    certain = 0.0 if at_least else 1.0

    def excess(p: NDArray[np.float64]) -> NDArray[np.float64]:
        mid = sum(betainc(a, b, p) for a, b in at_least + more_than) + certain
        return mid / 2 - targets

    targets = np.array([tail, 1 - tail])
    low, high = increasing_root(excess, np.zeros(2), np.ones(2))
    return (float(low) if x > 0 else 0.0), (float(high) if x < n else 1.0)


def jeffreys(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the Jeffreys interval, 0 and 1 being its ends at x = 0 and x = n.

    This is the definition of Brown, Cai and DasGupta (2001), section 4.1.1.
    """
    _check(x, n)
    tail = (1 - conf_level) / 2
    low = float(betaincinv(x + 0.5, n - x + 0.5, tail)) if x > 0 else 0.0
    high = float(betaincinv(x + 0.5, n - x + 0.5, 1 - tail)) if x < n else 1.0
    return low, high


def wilson(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the score interval of Wilson (1927)."""
    return _score(x, n, conf_level, "wilson")


def wilson_corrected(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the score interval with continuity correction, Newcombe's method 4."""
    return _score(x, n, conf_level, "wilsoncc")


@lru_cache(maxsize=4096)  # asked for again under every setting
def _score(x: int, n: int, conf_level: float, method: str) -> Interval:
    from scipy.stats import binomtest

    _check(x, n)
    low, high = binomtest(x, n).proportion_ci(conf_level, method)
    return float(low), float(high)


def agresti_coull(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the interval of Agresti and Coull (1998), cut at 0 and 1."""
    _check(x, n)
    z = normal_quantile(conf_level)
    total = n + z * z
    p = (x + z * z / 2) / total
    half = z * math.sqrt(p * (1 - p) / total)
    return max(p - half, 0.0), min(p + half, 1.0)


def wald(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the normal approximation, cut at 0 and 1."""
    _check(x, n)
    half = normal_quantile(conf_level) * math.sqrt(x * (n - x) / n**3)
    return max(x / n - half, 0.0), min(x / n + half, 1.0)


def wald_corrected(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return the normal approximation widened by 1/2n, cut at 0 and 1."""
    _check(x, n)
    half = normal_quantile(conf_level) * math.sqrt(x * (n - x) / n**3) + 0.5 / n
    return max(x / n - half, 0.0), min(x / n + half, 1.0)


def blaker(x: int, n: int, conf_level: float = 0.95) -> Interval:
    """Return Blaker's exact interval (2000), which lies within Clopper and Pearson's.

    It holds the proportions at which the tail seen and the largest tail on the other
    side that is no more likely together exceed one minus the level. That set may
    have gaps; the interval spans it, looked for in steps of half a thousandth of the
    gap between the estimate and the wider limit, then by halving.
    """
    _check(x, n)
    low, high = clopper_pearson(x, n, conf_level)
    if x > 0:
        low = _first_accepted(x, n, low, x / n, 1 - conf_level)
    if x < n:
        high = 1 - _first_accepted(n - x, n, 1 - high, 1 - x / n, 1 - conf_level)
    return low, high


def _first_accepted(x: int, n: int, low: float, high: float, level: float) -> float:
    """Return the smallest proportion from ``low`` on that Blaker's test keeps."""
    grid = np.linspace(low, high, 2_001)
    kept = blaker_acceptability(x, n, grid) > level
    first = int(kept.argmax())
    if first == 0:
        return low
    below, above = grid[first - 1], grid[first]
    for _ in range(40):
        middle = (below + above) / 2
        keeps = bool(blaker_acceptability(x, n, np.array([middle]))[0] > level)
        below, above = (below, middle) if keeps else (middle, above)
    return float(above)


def blaker_acceptability(x: int, n: int, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Blaker's p-value of each proportion ``p`` when ``x`` of ``n`` are seen.

    With no more than half on the side of ``x``: the tail on that side plus the
    largest tail on the other side that is not larger.
    """
    less = betainc(n - x, x + 1, 1 - p) if x < n else np.ones_like(p)
    greater = betainc(x, n - x + 1, p) if x > 0 else np.ones_like(p)
    own = np.minimum(less, greater)
    # Tails of every count, (proportions, counts).
    k = np.arange(n + 1)
    with np.errstate(divide="ignore"):
        up = np.where(k == 0, 1.0, betainc(np.maximum(k, 1), n - k + 1, p[:, None]))
    down = 1 - np.pad(up[:, 1:], ((0, 0), (0, 1)))
    limit = own[:, None] * (1 + 1e-12)
    opposite = np.where(
        (greater <= less)[:, None],
        np.where(down <= limit, down, 0.0),
        np.where(up <= limit, up, 0.0),
    ).max(axis=1)
    return np.minimum(own + opposite, 1.0)


IntervalFunction = Callable[[int, int, float], Interval]

#: Setting -> name written beside the interval, function.
PROPORTION_INTERVALS: dict[str, tuple[str, IntervalFunction]] = {
    "clopper-pearson": ("Clopper-Pearson", clopper_pearson),
    "blaker": ("Blaker", lru_cache(maxsize=1024)(blaker)),
    "wilson": ("Wilson", wilson),
    "wilson-cc": ("Wilson, continuity-corrected", wilson_corrected),
    "jeffreys": ("Jeffreys", jeffreys),
    "mid-p": ("mid-P", mid_p_interval),
    "agresti-coull": ("Agresti-Coull", agresti_coull),
    "wald": ("Wald", wald),
    "wald-cc": ("Wald, continuity-corrected", wald_corrected),
}
