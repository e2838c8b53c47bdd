"""Outcomes in matched sets, the sets kept: odds ratios, shifts, exact tests.

A set holds treated patients and those matched with them; under no effect any of its
patients could as well have been the treated ones. Odds ratios are those of
:mod:`reanalysis.tables.stratified_tables`, every set a stratum.

Sources: van Elteren 1960; Hodges and Lehmann, Ann Math Stat 1962;33:482-497 (aligned
ranks); Rosenbaum, Observational Studies, 2002, ch. 2 and 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import comb, ndtr, stdtr, stdtrit

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.tables import stratified_tables

#: Distinct values that the law of a statistic over the sets may take.
LARGEST_LAW = 200_000
INF = math.inf


@dataclass(frozen=True, slots=True)
class SetTest:
    """A test within sets; ``p_value`` two-sided, ``informative`` sets that count."""

    name: str
    statistic: float
    p_value: float
    informative: int


@dataclass(frozen=True, slots=True)
class SetRatio:
    """An odds ratio over sets with its limits."""

    estimate: float
    low: float
    high: float
    method: str


def permutation_law(
    scores: np.ndarray, treated: np.ndarray, sets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and chances of the treated patients' sum of ``scores``.

    ``scores`` (n,), ``treated`` (n,) booleans, ``sets`` (n,) codes. In every set any
    choice of as many patients as were treated is equally likely, sets apart. Raises
    :class:`MethodError` when the values are too many to count.
    """
    values, chances = np.zeros(1), np.ones(1)
    for code in np.unique(sets):
        own = scores[sets == code]
        size = int(treated[sets == code].sum())
        if not 0 < size < len(own) or np.ptp(own) == 0:
            values = values + size * (own[0] if len(own) else 0.0)
            if size == len(own):
                values = values - size * own[0] + own.sum()
            continue
        if comb(len(own), size) > 20_000:
            raise MethodError("A set is too large for an exact test.")
        sums = np.array(
            [own[list(c)].sum() for c in combinations(range(len(own)), size)]
        )
        values = np.add.outer(values, sums).ravel()
        chances = np.repeat(chances, len(sums)) / len(sums)
        # Sums that agree to nine digits are the same sum.
        unit = 1e-9 * max(1.0, float(np.abs(scores).max()))
        _, first, place = np.unique(
            np.round(values / unit), return_index=True, return_inverse=True
        )
        values, chances = values[first], np.bincount(place, weights=chances)
        if len(values) > LARGEST_LAW:
            raise MethodError("The sets are too many for an exact test.")
    return values, chances


def permutation_test(
    scores: np.ndarray, treated: np.ndarray, sets: np.ndarray, name: str
) -> SetTest:
    """Return the exact test of the treated patients' sum of ``scores`` within sets.

    Two-sided: the chance of a sum at least as far from the expected one. Raises
    :class:`MethodError` when no set says anything.
    """
    informative = _informative(scores, treated, sets)
    values, chances = permutation_law(scores, treated, sets)
    observed = float(scores[treated].sum())
    expected = float(values @ chances)
    far = np.abs(values - expected) >= abs(observed - expected) - 1e-8 * max(
        1.0, float(np.abs(scores).max())
    )
    p = min(1.0, float(chances[far].sum()))
    return SetTest(f"{name}, exact within sets", observed, p, informative)


def normal_test(
    scores: np.ndarray, treated: np.ndarray, sets: np.ndarray, name: str
) -> SetTest:
    """Return the same test with the normal law of its mean and variance.

    The statistic is the standard normal deviate.
    """
    informative = _informative(scores, treated, sets)
    deviation = variance = 0.0
    for code in np.unique(sets):
        own, mine = scores[sets == code], treated[sets == code]
        n, m = len(own), int(mine.sum())
        deviation += float(own[mine].sum() - m * own.mean())
        if n > 1:
            squares = float(((own - own.mean()) ** 2).sum())
            variance += m * (n - m) / (n * (n - 1)) * squares
    z = deviation / math.sqrt(variance)
    return SetTest(f"{name}, normal", z, 2 * float(ndtr(-abs(z))), informative)


def _informative(scores: np.ndarray, treated: np.ndarray, sets: np.ndarray) -> int:
    count = sum(
        bool(
            np.ptp(scores[sets == code]) > 0
            and 0 < treated[sets == code].sum() < (sets == code).sum()
        )
        for code in np.unique(sets)
    )
    if not count:
        raise MethodError("In no matched set do the outcomes differ.")
    return count


def _tables(event: np.ndarray, treated: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return a row (treated events, treated, other events, others) for each set."""
    rows = []
    for code in np.unique(sets):
        own, mine = event[sets == code], treated[sets == code]
        rows.append((own[mine].sum(), mine.sum(), own[~mine].sum(), (~mine).sum()))
    return np.array(rows, dtype=int)


def exact_odds_ratio(
    event: np.ndarray,
    treated: np.ndarray,
    sets: np.ndarray,
    level: float = 0.95,
    *,
    limits: bool = True,
) -> tuple[SetRatio, SetTest]:
    """Return the conditional odds ratio over sets, exact limits and exact test.

    ``event`` (n,) 0 or 1. The estimate maximises the conditional likelihood (that of
    conditional logistic regression on the group alone); limits leave half of one
    minus ``level`` in each tail (nan unless ``limits``); p sums the chances of what is
    not more likely than the observed. For pairs these are McNemar's exact test and the
    ratio of discordant pairs. Raises :class:`MethodError` when no set is informative.
    """
    informative = _informative(event.astype(float), treated, sets)
    table = _tables(event, treated, sets)
    test = stratified_tables.exact_test(table)
    pairs = bool((table[:, 1] == 1).all() and (table[:, 3] == 1).all())
    name = "McNemar, exact" if pairs else "conditional exact within sets"
    low, high = (
        stratified_tables.conditional_limits(table, level) if limits else (NAN, NAN)
    )
    estimate = stratified_tables.conditional_odds_ratio(table)
    return (
        SetRatio(estimate, low, high, "conditional exact"),
        SetTest(name, test.statistic, test.p_value, informative),
    )


def mantel_haenszel(
    event: np.ndarray, treated: np.ndarray, sets: np.ndarray, level: float = 0.95
) -> tuple[SetRatio, SetTest]:
    """Return the Mantel-Haenszel odds ratio over sets, its limits and its test.

    Limits by the variance of Robins, Breslow and Greenland on the log scale, nan where
    a sum is zero; the test without continuity correction (for pairs: McNemar's).
    """
    informative = _informative(event.astype(float), treated, sets)
    table = _tables(event, treated, sets)
    test = stratified_tables.mantel_haenszel_test(table)
    estimate = stratified_tables.mantel_haenszel_odds_ratio(table)
    low, high = stratified_tables.robins_limits(table, level)
    return (
        SetRatio(estimate, low, high, "Robins-Breslow-Greenland"),
        SetTest("Mantel-Haenszel", test.statistic, test.p_value, informative),
    )


@dataclass(frozen=True, slots=True)
class SetDifference:
    """A mean difference over sets with t limits and test."""

    estimate: float
    std_error: float
    low: float
    high: float
    statistic: float
    df: float
    p_value: float


def mean_difference(
    outcome: np.ndarray, treated: np.ndarray, sets: np.ndarray, level: float = 0.95
) -> SetDifference:
    """Return the mean over the treated of their set's difference, with t limits.

    ``outcome`` (n,). In a set it is the mean of the treated less the mean of the
    others; sets with several treated count as often. The standard error comes from
    the scatter of the differences between sets. Raises :class:`MethodError` with one
    set.
    """
    gaps, sizes = [], []
    for code in np.unique(sets):
        own, mine = outcome[sets == code], treated[sets == code]
        if mine.any() and not mine.all():
            gaps.append(own[mine].mean() - own[~mine].mean())
            sizes.append(mine.sum())
    if not gaps:
        raise MethodError("No set holds patients of both groups.")
    gap, share = np.array(gaps), np.array(sizes) / np.sum(sizes)
    estimate = float(share @ gap)
    if len(gap) < 2:
        return SetDifference(estimate, NAN, NAN, NAN, NAN, NAN, NAN)
    df = len(gap) - 1.0
    error = math.sqrt(len(gap) / df * float(share**2 @ (gap - estimate) ** 2))
    if error <= 1e-12 * (1 + float(np.abs(outcome).max())):
        return SetDifference(estimate, 0.0, NAN, NAN, NAN, df, NAN)
    t = estimate / error
    reach = float(stdtrit(df, (1 + level) / 2)) * error
    p = 2 * float(stdtr(df, -abs(t)))
    return SetDifference(estimate, error, estimate - reach, estimate + reach, t, df, p)


def aligned_ranks(outcome: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the midranks (n,) of the outcomes less the mean of their set."""
    from reanalysis.measurements.location import decimal
    from reanalysis.measurements.rank_laws import doubled_midranks

    means = np.bincount(sets, weights=outcome) / np.maximum(np.bincount(sets), 1)
    return doubled_midranks(decimal(outcome - means[sets])) / 2


def van_elteren_scores(outcome: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the midranks (n,) within sets, over the size of the set plus one."""
    from reanalysis.measurements.location import decimal
    from reanalysis.measurements.rank_laws import doubled_midranks

    scores = np.zeros(len(outcome))
    clean = decimal(outcome)
    for code in np.unique(sets):
        own = sets == code
        scores[own] = doubled_midranks(clean[own]) / 2 / (own.sum() + 1)
    return scores


def shift(
    outcome: np.ndarray, treated: np.ndarray, sets: np.ndarray, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Return the shift within sets with exact limits, and the level they have.

    The estimate is the weighted median of the differences between treated and others
    of the same set, each with van Elteren's weight; limits are the differences that
    the exact test without ties does not reject (ties can only raise the level).
    Returns (estimate, low, high, level); limits are infinite when no exact test of so
    few sets can reject.
    """
    from reanalysis.measurements.location import decimal

    gaps, shares, sizes = [], [], []
    for code in np.unique(sets):
        own, mine = outcome[sets == code], treated[sets == code]
        if mine.any() and not mine.all():
            between = np.subtract.outer(own[mine], own[~mine]).ravel()
            gaps.append(between)
            shares.append(np.full(len(between), 1 / (len(own) + 1)))
            sizes.append((int(mine.sum()), len(own)))
    if not gaps:
        raise MethodError("No set holds patients of both groups.")
    gap, share = decimal(np.concatenate(gaps)), np.concatenate(shares)
    order = np.argsort(gap, kind="stable")
    gap, share = gap[order], share[order]
    # Law of the statistic: untied ranks in sets of these sizes.
    scores, codes, mine = [], [], []
    for code, (m, n) in enumerate(sizes):
        scores += [rank / (n + 1) for rank in range(1, n + 1)]
        codes += [code] * n
        mine += [True] * m + [False] * (n - m)
    values, chances = permutation_law(np.array(scores), np.array(mine), np.array(codes))
    values = values - values.min()
    below = np.cumsum(chances)
    tail = (1 - level) / 2
    # Largest statistic whose lower tail is rejected.
    rejected = np.flatnonzero(below <= tail + 1e-14)
    passed = np.cumsum(share)
    half = passed[-1] / 2
    at = int(np.searchsorted(passed, half - 1e-12))
    estimate = float(gap[at])
    if abs(passed[at] - half) < 1e-12 and at + 1 < len(gap):
        estimate = float((gap[at] + gap[at + 1]) / 2)
    if not len(rejected):
        return estimate, -INF, INF, 1.0
    edge, reached = float(values[rejected[-1]]), float(below[rejected[-1]])
    # The statistic counts the differences above a shift, in their weights.
    high = float(gap[len(gap) - 1 - _within(share[::-1], edge)])
    low = float(gap[_within(share, edge)])
    return estimate, low, high, 1 - 2 * reached


def _within(share: np.ndarray, edge: float) -> int:
    """Return how many of the outermost differences weigh no more than ``edge``."""
    return int(np.searchsorted(np.cumsum(share), edge + 1e-12, side="right"))
