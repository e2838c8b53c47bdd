"""Exact null laws of rank sums, ties included, by counting.

A law is built from doubled midranks, which are integers, so every count is exact:
the signed-rank sum by multiplying out (1 + x^r) over the ranks, the rank sum of one
of two groups by counting the subsets of each size and sum. Our own code because the
exact routines of scipy leave ties out of account and its enumeration is slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reanalysis.errors import MethodError

#: Largest number of observations with an exact law; all counts stay below 2**53.
EXACT_LIMIT = 50


@dataclass(frozen=True, slots=True, eq=False)
class RankLaw:
    """Null law of a rank sum.

    ``sums`` are the doubled sums in ascending order, equally spaced, ``ways`` the
    number of equally likely arrangements that give each; the expected doubled sum is
    the fraction ``centre`` (numerator, denominator).
    """

    sums: NDArray[np.int64]
    ways: NDArray[np.int64]
    centre: tuple[int, int]

    def p_value(self, observed: int, alternative: str = "two-sided") -> float:
        """Return the share of arrangements at least as extreme as ``observed``.

        ``observed`` is a doubled sum. The two-sided share is that of sums at least as
        far from the expected one, which is twice the smaller tail only when the law
        is symmetric; with ties the law of two unequal groups is not.
        """
        if alternative == "greater":
            extreme = self.sums >= observed
        elif alternative == "less":
            extreme = self.sums <= observed
        else:
            middle, scale = self.centre
            extreme = np.abs(scale * self.sums - middle) >= abs(
                scale * observed - middle
            )
        return float(self.ways[extreme].sum() / self.ways.sum())

    def interval_rank(self, tail: float) -> tuple[int, float]:
        """Return which ordered point bounds an interval, and its confidence.

        For a law without ties: the interval from the k-th smallest to the k-th largest
        Walsh average (or pairwise difference) leaves at most ``tail`` on each side,
        and k is as large as that allows, but at least 1.
        """
        below = np.cumsum(self.ways) / self.ways.sum()
        k = max(int(np.searchsorted(below, tail - 1e-14)), 1)
        return k, float(1 - 2 * below[k - 1])


def doubled_midranks(values: ArrayLike) -> NDArray[np.int64]:
    """Return twice the midranks of ``values`` (1-d), which are integers."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (2 * np.cumsum(counts) - counts + 1)[place]


def signed_rank_law(ranks: Sequence[int]) -> RankLaw:
    """Law of the sum of the doubled ``ranks`` that carry a positive sign.

    Each sign is positive with probability one half, independently (Wilcoxon 1945;
    with ties: Pratt and Gibbons 1981). Raises ``MethodError`` beyond ``EXACT_LIMIT``.
    """
    _refuse_large(len(ranks))
    return _signed_rank_law(tuple(sorted(int(r) for r in ranks)))


def rank_sum_law(ranks: Sequence[int], size: int) -> RankLaw:
    """Law of the sum of ``size`` of the doubled ``ranks`` drawn without replacement.

    Every subset is equally likely (Mann and Whitney 1947; the recursion with ties:
    Streitberg and Roehmel 1986). Raises ``MethodError`` for an empty group and beyond
    ``EXACT_LIMIT``.
    """
    _refuse_large(len(ranks))
    if not 0 < size < len(ranks):
        raise MethodError("A group without values cannot be compared.")
    return _rank_sum_law(tuple(sorted(int(r) for r in ranks)), size)


def _refuse_large(n: int) -> None:
    if n > EXACT_LIMIT:
        raise MethodError(f"No exact law is kept for more than {EXACT_LIMIT} values.")


# Cached, because one analysis is repeated under many settings that share the ranks.
@lru_cache(maxsize=256)
def _signed_rank_law(ranks: tuple[int, ...]) -> RankLaw:
    unit = math.gcd(*ranks) or 1
    ways = np.zeros(sum(ranks) // unit + 1, dtype=np.int64)
    ways[0] = 1
    reached = 1
    for rank in (r // unit for r in ranks):
        reached += rank
        ways[rank:reached] += ways[: reached - rank].copy()
    return RankLaw(unit * np.arange(ways.size), ways, (sum(ranks), 2))


@lru_cache(maxsize=256)
def _rank_sum_law(ranks: tuple[int, ...], size: int) -> RankLaw:
    n, total = len(ranks), sum(ranks)
    centre = (size * total, n)
    if 2 * size > n:
        rest = _rank_sum_law(ranks, n - size)
        return RankLaw(total - rest.sums[::-1], rest.ways[::-1], centre)
    lowest = ranks[0]
    unit = math.gcd(*(r - lowest for r in ranks)) or 1
    steps = [(r - lowest) // unit for r in ranks]
    # ways[k, s]: subsets of k of the ranks met so far whose steps add up to s.
    ways = np.zeros((size + 1, sum(steps[-size:]) + 1), dtype=np.int64)
    ways[0, 0] = 1
    for met, step in enumerate(steps, start=1):
        top = min(met, size)
        end = sum(steps[met - top : met]) + 1
        ways[1 : top + 1, step:end] += ways[:top, : end - step].copy()
    first = sum(steps[:size])
    return RankLaw(
        unit * np.arange(first, ways.shape[1]) + size * lowest,
        ways[size, first:].copy(),
        centre,
    )
