"""Exact unconditional tests and intervals of two independent proportions.

Only the numbers of patients are fixed, not the number of events: the p-value is the
largest over all values of the common (nuisance) proportion. Own code: scipy's Barnard
test loses tables tied with the observed one to rounding, its Boschloo test is twice
the one-sided one, and it has no intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from reanalysis.errors import MethodError
from reanalysis.tables.binomial import TIE, HypothesisTest, Interval
from reanalysis.tables.two_by_two import restricted_proportion

Floats = NDArray[np.float64]

#: Largest group; the number of tables grows with the product of both.
LARGEST_GROUP = 150
#: Statistics closer than this are tied.
TIED = 1e-9


def barnard(
    x1: int, n1: int, x2: int, n2: int, alternative: str = "two-sided"
) -> HypothesisTest:
    """Return Barnard's test with the pooled z statistic (Suissa and Shuster 1985)."""
    _check(x1, n1, x2, n2)
    order = _pooled_z(n1, n2)
    p = _largest_p(_at_least(order, x1, x2, alternative), n1, n2)
    z = float(order[x1, x2])
    return HypothesisTest("Barnard", alternative, p, z)


def boschloo(
    x1: int, n1: int, x2: int, n2: int, alternative: str = "two-sided"
) -> HypothesisTest:
    """Return Boschloo's test (1970): Fisher's p-value as the statistic.

    Two-sided, tables are ordered by the two-sided p-value of Fisher's test, not by
    twice the one-sided one. It is never less powerful than Fisher's test.
    """
    _check(x1, n1, x2, n2)
    order = _fisher_p(n1, n2, alternative)
    extreme = order <= order[x1, x2] * TIE
    p = _largest_p(extreme, n1, n2)
    return HypothesisTest("Boschloo", alternative, p, float(order[x1, x2]))


@lru_cache(maxsize=256)
def exact_difference_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return the exact unconditional interval of the difference x1/n1 - x2/n2.

    Each end inverts a one-sided test with the score statistic and half of one minus
    the level (Chan and Zhang 1999), so both tails are held.
    """
    _check(x1, n1, x2, n2)
    tail = (1 - conf_level) / 2
    high = -_lower_end(n1 - x1, n1, n2 - x2, n2, tail)
    return _lower_end(x1, n1, x2, n2, tail), high


def _check(x1: int, n1: int, x2: int, n2: int) -> None:
    if n1 < 1 or n2 < 1:
        raise MethodError("One of the two groups is empty.")
    if not (0 <= x1 <= n1 and 0 <= x2 <= n2):
        raise MethodError(f"{x1}/{n1} against {x2}/{n2} is no table of counts.")
    if max(n1, n2) > LARGEST_GROUP:
        raise MethodError(
            f"Unconditional exact methods are kept to groups of {LARGEST_GROUP}."
        )


@lru_cache(maxsize=64)
def _pooled_z(n1: int, n2: int) -> Floats:
    """Return the pooled z of every table, (n1 + 1) x (n2 + 1), 0 without variation."""
    x1, x2 = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]
    pooled = (x1 + x2) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
    return np.divide(
        x1 / n1 - x2 / n2,
        np.sqrt(variance),
        out=np.zeros((n1 + 1, n2 + 1)),
        where=variance > 0,
    )


@lru_cache(maxsize=64)
def _fisher_p(n1: int, n2: int, alternative: str) -> Floats:
    """Return Fisher's p-value of every table, (n1 + 1) x (n2 + 1)."""
    p_values = np.zeros((n1 + 1, n2 + 1))
    ways = _log_choose(n1)[:, None] + _log_choose(n2)[None, :]
    for events in range(n1 + n2 + 1):
        x1 = np.arange(max(0, events - n2), min(n1, events) + 1)
        law = np.exp(ways[x1, events - x1] - ways[x1, events - x1].max())
        law /= law.sum()
        if alternative == "greater":
            p = law[::-1].cumsum()[::-1]
        elif alternative == "less":
            p = law.cumsum()
        else:
            p = np.where(law[None, :] <= law[:, None] * TIE, law[None, :], 0).sum(1)
        p_values[x1, events - x1] = p
    return np.minimum(p_values, 1.0)


def _at_least(order: Floats, x1: int, x2: int, alternative: str) -> NDArray[np.bool_]:
    if alternative == "less":
        order = -order
    elif alternative == "two-sided":
        order = np.abs(order)
    return order >= order[x1, x2] - TIED


def _largest_p(extreme: NDArray[np.bool_], n1: int, n2: int) -> float:
    """Return the largest probability of some tables over the common proportion."""
    ways = np.exp(_log_choose(n1)[:, None] + _log_choose(n2)[None, :])
    n = n1 + n2
    events = np.add.outer(np.arange(n1 + 1), np.arange(n2 + 1))
    weights = np.bincount(events[extreme], ways[extreme], minlength=n + 1)
    count = np.arange(n + 1)

    def chance(share: Floats) -> Floats:
        return (share[:, None] ** count * (1 - share[:, None]) ** (n - count)) @ weights

    return min(1.0, _largest(chance, 0.0, 1.0))


def _largest(
    function: Callable[[Floats], Floats], low: float, high: float, points: int = 401
) -> float:
    """Return the maximum of a smooth function, which may have several peaks."""
    grid = np.linspace(low, high, points)
    values = function(grid)
    step = (high - low) / (points - 1)
    best = float(values.max())
    inner = np.pad(values, 1, constant_values=-math.inf)
    peaks = (inner[1:-1] >= inner[:-2]) & (inner[1:-1] >= inner[2:])
    for centre in grid[peaks & (values >= best - 0.02)]:
        width = step
        for _ in range(5):
            near = np.linspace(max(low, centre - width), min(high, centre + width), 41)
            found = function(near)
            centre = float(near[found.argmax()])
            best = max(best, float(found.max()))
            width /= 16
    return best


def _log_choose(n: int) -> Floats:
    k = np.arange(n + 1)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _lower_end(x1: int, n1: int, x2: int, n2: int, tail: float) -> float:
    """Return the smallest difference that the test against larger ones keeps."""
    estimate = x1 / n1 - x2 / n2
    if x1 == 0 and x2 == n2:
        return -1.0

    def keeps(d: float) -> bool:
        return _p_at(d, x1, n1, x2, n2, tail) > tail

    steps = np.linspace(-1.0, estimate, 81)
    kept = next((i for i, d in enumerate(steps) if keeps(float(d))), len(steps) - 1)
    if kept == 0:
        return -1.0
    low, high = float(steps[kept - 1]), float(steps[kept])
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def _p_at(d: float, x1: int, n1: int, x2: int, n2: int, close_to: float) -> float:
    """Return the largest one-sided p of the score test of a difference ``d``.

    Refined between the points of a grid only where it comes near ``close_to``.
    """
    a, b = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]
    p2 = restricted_proportion(np.full((n1 + 1, n2 + 1), d), n1, n2, a + b, b)
    p1 = np.clip(p2 + d, 0, 1)
    variance = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
    gap = a / n1 - b / n2 - d
    z = gap / np.sqrt(variance + 1e-300)
    # Where the difference is met exactly without variation nothing speaks against it.
    z = np.where(np.abs(gap) < 1e-12, 0.0, z)
    extreme = (z >= z[x1, x2] - TIED * abs(z[x1, x2])).astype(float)
    ways1, ways2 = np.exp(_log_choose(n1)), np.exp(_log_choose(n2))

    def chance(share2: Floats) -> Floats:
        share1 = np.clip(share2 + d, 0, 1)[:, None]
        share2 = share2[:, None]
        law1 = ways1 * share1**a.T * (1 - share1) ** (n1 - a.T)
        law2 = ways2 * share2**b * (1 - share2) ** (n2 - b)
        return ((law1 @ extreme) * law2).sum(axis=1)

    low, high = max(0.0, -d), min(1.0, 1 - d)
    roughly = float(chance(np.linspace(low, high, 65)).max())
    if abs(roughly - close_to) > 0.2 * close_to:
        return roughly
    return _largest(chance, low, high, 65)
