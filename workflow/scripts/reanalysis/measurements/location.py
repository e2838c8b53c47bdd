"""Shifts in location and the tests that belong to them.

Hodges-Lehmann estimates with signed-rank and Mann-Whitney intervals, the sign and
Kruskal-Wallis tests, adjusted p-values.

The sign and Kruskal-Wallis tests are scipy's. Our own are the exact rank tests, where
scipy ignores ties; Hodges-Lehmann estimates, which it lacks; and Holm's adjustment,
as that of statsmodels takes 20 ms (it collects garbage each time).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtr, ndtri

from reanalysis.errors import MethodError
from reanalysis.measurements.rank_laws import (
    EXACT_LIMIT,
    doubled_midranks,
    rank_sum_law,
    signed_rank_law,
)

NAN = math.nan
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankTest:
    """A rank or sign test: name, statistic, p-value, and what to know of it."""

    name: str
    statistic: float
    p_value: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate with limits at the confidence ``level`` they really have."""

    estimate: float
    low: float
    high: float
    level: float
    method: str
    note: str = ""


def decimal(values: ArrayLike) -> Floats:
    """Return ``values`` rounded to 12 significant digits of the largest.

    Differences of decimal numbers carry binary noise (5.1 - 4.9 is not 4.8 - 4.6),
    which would break ties and hide zeros.
    """
    array = np.asarray(values, dtype=float)
    largest = np.abs(array).max(initial=0.0)
    if largest == 0:
        return array
    return np.round(array, 12 - math.ceil(math.log10(largest))) + 0.0


def signed_rank_test(
    differences: ArrayLike,
    *,
    zeros: str = "wilcox",
    exact: bool = True,
    continuity: bool = False,
    alternative: str = "two-sided",
) -> RankTest:
    """Wilcoxon's signed-rank test of a symmetric distribution about zero.

    ``differences`` is 1-d. The statistic is the sum of the ranks of the positive
    differences. ``zeros``: ``wilcox`` drops them, ``pratt`` ranks them and then drops
    their ranks (Pratt 1959), ``zsplit`` gives half of their ranks to either side; its
    normal variance treats them as if they had signs (as scipy does), its exact law
    does not, as their signs are not random. Raises ``MethodError`` when empty.
    """
    d = _some(differences)
    moved = d != 0
    ranks = doubled_midranks(np.abs(d[moved] if zeros == "wilcox" else d))
    signed = ranks if zeros == "wilcox" else ranks[moved]
    positive = int(signed[d[moved] > 0].sum())
    split = int(ranks[~moved].sum()) if zeros == "zsplit" else 0

    n, n_zero = int(moved.sum()), int(d.size - moved.sum())
    parts = [_count(d.size, "difference")]
    if n_zero:
        parts.append(
            f"{n_zero} of them zero ({ZERO_WORDS[zeros]})" if n else "all of them zero"
        )
    tied = _tied(np.abs(d[moved]))
    if tied:
        parts.append(f"{tied} in ties")
    if exact and n > EXACT_LIMIT:
        parts.append(f"normal approximation because more than {EXACT_LIMIT}")
    note = ", ".join(parts)

    statistic = (positive + split / 2) / 2
    if n == 0:
        return RankTest("signed-rank, exact", statistic, 1.0, note)
    if exact and n <= EXACT_LIMIT:
        p = signed_rank_law(signed).p_value(positive, alternative)
        return RankTest("signed-rank, exact", statistic, p, note)
    variance = np.square((ranks if zeros == "zsplit" else signed) / 2).sum() / 4
    deviation = (positive - signed.sum() / 2) / 2
    p = _normal_p(deviation, math.sqrt(variance), continuity, alternative)
    return RankTest(_normal_name("signed-rank", continuity), statistic, p, note)


def mann_whitney_test(
    values: ArrayLike,
    reference: ArrayLike,
    *,
    exact: bool = True,
    continuity: bool = False,
    alternative: str = "two-sided",
) -> RankTest:
    """Mann-Whitney (Wilcoxon rank-sum) test of two independent groups.

    The statistic U counts the pairs in which ``values`` (1-d) exceeds ``reference``
    (1-d), ties as one half. The exact law keeps the observed ties. Raises
    ``MethodError`` when a group is empty.
    """
    x, y = _some(values), _some(reference)
    m, n = x.size, y.size
    ranks = doubled_midranks(decimal(np.concatenate([x, y])))
    observed = int(ranks[:m].sum())
    statistic = (observed - m * (m + 1)) / 2

    parts = [f"{m} against {n} values"]
    tied = _tied(ranks)
    if tied:
        parts.append(f"{tied} in ties")
    if exact and m + n > EXACT_LIMIT:
        parts.append(f"normal approximation because more than {EXACT_LIMIT}")
    elif exact and tied and alternative == "two-sided":
        parts.append("two-sided p by distance from the expected rank sum")
    note = ", ".join(parts)

    if exact and m + n <= EXACT_LIMIT:
        p = rank_sum_law(ranks, m).p_value(observed, alternative)
        return RankTest("Mann-Whitney, exact", statistic, p, note)
    deviation, spread = _rank_sum_deviation(ranks, m)
    p = _normal_p(deviation, spread, continuity, alternative) if spread else 1.0
    return RankTest(_normal_name("Mann-Whitney", continuity), statistic, p, note)


def sign_test(differences: ArrayLike, *, alternative: str = "two-sided") -> RankTest:
    """Exact binomial sign test; zero differences are left out.

    The statistic is the number of positive differences (1-d array).
    """
    from scipy.stats import binomtest

    d = _some(differences)
    positive, n = int((d > 0).sum()), int((d != 0).sum())
    p = binomtest(positive, n, 0.5, alternative).pvalue if n else 1.0
    note = f"{positive} up, {n - positive} down, {d.size - n} unchanged"
    return RankTest("sign test", float(positive), float(p), note)


def median_by_signs(differences: ArrayLike, *, level: float) -> Interval:
    """Median with the order statistics that the sign test does not reject.

    The narrowest interval of at least that ``level`` is given, and the level it
    really has (Conover 1999, section 3.2).
    """
    d = np.sort(_some(differences))

    def rank(tail: float) -> tuple[int, float]:
        k = 1
        while k < d.size // 2 and bdtr(k, d.size, 0.5) <= tail:
            k += 1
        return k, 1 - 2 * float(bdtr(k - 1, d.size, 0.5))

    return _exact_interval(d, rank, level)


def kruskal_wallis_test(groups: Iterable[ArrayLike]) -> RankTest:
    """Kruskal-Wallis test of two or more groups, corrected for ties, chi-square law."""
    from scipy.stats import kruskal

    samples = [_some(g) for g in groups]
    values = decimal(np.concatenate(samples))
    if np.ptp(values) == 0:
        raise MethodError("All values are equal.")
    h, p = kruskal(*np.split(values, np.cumsum([s.size for s in samples])[:-1]))
    return RankTest("Kruskal-Wallis", float(h), float(p))


def walsh_averages(differences: ArrayLike) -> Floats:
    """Return the sorted means of all pairs of ``differences``, each with itself too."""
    d = _some(differences)
    i, j = np.triu_indices(d.size)
    return np.sort(decimal((d[i] + d[j]) / 2))


def hodges_lehmann(
    differences: ArrayLike,
    *,
    exact: bool = True,
    continuity: bool = False,
    level: float = 0.95,
) -> Interval:
    """Median Walsh average of ``differences`` (1-d) with its signed-rank interval.

    Exact limits are ordered Walsh averages by the law without ties; ties and zeros,
    which stay in, can only raise the confidence (Noether 1967). Normal limits are
    where the tie-corrected deviate passes its quantile (Hollander, Wolfe and Chicken
    2014, section 3.4).
    """
    d = _some(differences)

    def deviate(shift: float) -> tuple[float, float]:
        ranks = doubled_midranks(np.abs(d - shift)) / 2
        sum_positive = ranks[d > shift].sum()
        return sum_positive - ranks.sum() / 2, math.sqrt(np.square(ranks).sum()) / 2

    if exact and d.size <= EXACT_LIMIT:
        law = signed_rank_law(range(2, 2 * d.size + 1, 2))
        return _exact_interval(walsh_averages(d), law.interval_rank, level)
    return _normal_interval(walsh_averages(d), deviate, continuity, level)


def hodges_lehmann_shift(
    values: ArrayLike,
    reference: ArrayLike,
    *,
    exact: bool = True,
    continuity: bool = False,
    level: float = 0.95,
) -> Interval:
    """Median of all differences ``values`` - ``reference`` with its rank-sum interval.

    Limits as in :func:`hodges_lehmann`, with the Mann-Whitney law (Hodges and Lehmann
    1963; Bauer 1972).
    """
    x, y = _some(values), _some(reference)
    points = np.sort(decimal(np.subtract.outer(x, y)), axis=None)

    def deviate(shift: float) -> tuple[float, float]:
        return _rank_sum_deviation(
            doubled_midranks(np.concatenate([x - shift, y])), x.size
        )

    if exact and x.size + y.size <= EXACT_LIMIT:
        law = rank_sum_law(range(2, 2 * (x.size + y.size) + 1, 2), x.size)
        return _exact_interval(points, law.interval_rank, level)
    return _normal_interval(points, deviate, continuity, level)


def adjusted_p_values(p_values: ArrayLike, method: str) -> Floats:
    """Return p-values adjusted over the family given (``nan`` entries are not in it).

    ``holm`` controls the family-wise error (Holm 1979), ``benjamini-hochberg`` the
    false discovery rate (Benjamini and Hochberg 1995).
    """
    p = np.array(p_values, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    m = order.size
    if method == "holm":
        steps = np.maximum.accumulate(p[order] * np.arange(m, 0, -1))
    elif method == "benjamini-hochberg":
        from scipy.stats import false_discovery_control

        steps = false_discovery_control(p[order])
    else:
        raise MethodError(f"No adjustment of p-values is called {method}.")
    p[order] = np.minimum(steps, 1)
    return p


# What the estimators share --------------------------------------------------

ZERO_WORDS = {
    "wilcox": "dropped",
    "pratt": "ranked, then dropped: Pratt",
    "zsplit": "ranked, half to either side",
}


def _some(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise MethodError("There are no values.")
    return array


def _tied(values: NDArray) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")


def _normal_name(test: str, continuity: bool) -> str:
    return f"{test}, normal" + (" with continuity correction" if continuity else "")


def _normal_p(
    deviation: float, spread: float, continuity: bool, alternative: str
) -> float:
    """P-value of a deviation from expectation; the correction is half a rank."""
    if alternative == "two-sided":
        shrunk = max(abs(deviation) - 0.5 * continuity, 0.0)
        return float(2 * ndtr(-shrunk / spread))
    upwards = deviation if alternative == "greater" else -deviation
    return float(ndtr(-(upwards - 0.5 * continuity) / spread))


def _rank_sum_deviation(ranks: NDArray[np.int64], size: int) -> tuple[float, float]:
    """Deviation of the first ``size`` ranks' sum from expectation, and its spread."""
    n = ranks.size
    centred = ranks / 2 - (n + 1) / 2
    variance = size * (n - size) / (n * (n - 1)) * np.square(centred).sum()
    return float(centred[:size].sum()), math.sqrt(variance)


def _exact_interval(
    points: Floats,
    interval_rank: Callable[[float], tuple[int, float]],
    level: float,
) -> Interval:
    estimate = float(np.median(points))
    k, reached = interval_rank((1 - level) / 2)
    if reached <= 0:
        return Interval(
            estimate, NAN, NAN, level, "exact", "too few values for an interval"
        )
    if reached < level - 1e-12:
        note = (
            f"so few values allow no more than {100 * reached:.1f} % confidence, "
            f"which is the level of this interval"
        )
        level = reached
    else:
        note = f"the exact interval has {100 * reached:.1f} % confidence"
    return Interval(
        estimate, float(points[k - 1]), float(points[-k]), level, "exact", note
    )


def _normal_interval(
    points: Floats,
    deviate: Callable[[float], tuple[float, float]],
    continuity: bool,
    level: float,
) -> Interval:
    """Limits at the points where the standardised deviate crosses its quantiles."""
    steps = np.unique(points)
    quantile = float(ndtri((1 + level) / 2))
    # The deviate is constant between steps: gap j lies just below steps[j].
    gaps = np.concatenate(
        [[steps[0] - 1], (steps[1:] + steps[:-1]) / 2, [steps[-1] + 1]]
    )

    def exceeds(shift: float, threshold: float) -> bool:
        deviation, spread = deviate(shift)
        corrected = deviation - math.copysign(0.5 * continuity, deviation)
        return corrected > threshold * spread

    def crossing(threshold: float) -> float:
        first, last = 0, gaps.size - 1
        if not exceeds(gaps[first], threshold) or exceeds(gaps[last], threshold):
            return NAN
        while last - first > 1:
            middle = (first + last) // 2
            if exceeds(gaps[middle], threshold):
                first = middle
            else:
                last = middle
        return float(steps[first])

    low, high = crossing(quantile), crossing(-quantile)
    method = _normal_name("", continuity).removeprefix(", ")
    estimate = float(np.median(points))
    if math.isnan(low) or math.isnan(high):
        note = "too few values for a normal interval"
        return Interval(estimate, NAN, NAN, level, method, note)
    return Interval(estimate, low, high, level, method)
