"""Signed-rank and Mann-Whitney tests of many small data sets at once.

For members of an ensemble, permutations and simulations, where one test at a time
(:mod:`reanalysis.measurements.location`) takes too long; both agree to rounding. The
exact laws are those of :mod:`reanalysis.measurements.rank_laws`, counted once for
each pattern of ties: of untied data sets of one size there is one pattern. Where the
ties of every data set differ, Mann-Whitney tests gain little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from reanalysis.data_set_arrays import (
    BLOCK,
    Bools,
    Floats,
    Ints,
    blocks,
    coded,
    joined,
    taken,
)
from reanalysis.errors import MethodError
from reanalysis.measurements.location import ZERO_WORDS
from reanalysis.measurements.rank_laws import EXACT_LIMIT, rank_sum_law

ALTERNATIVES = ("two-sided", "greater", "less")


@dataclass(frozen=True, slots=True, eq=False)
class RankTestArrays:
    """Rank tests, shapes (data sets,).

    ``statistic`` and ``p_value`` are nan where there are no values, or none in one of
    the groups. ``n`` counts the values; ``exact`` tells which p-values are exact.
    """

    statistic: Floats
    p_value: Floats
    n: Ints
    exact: Bools


def signed_rank_arrays(
    differences: ArrayLike,
    *,
    zeros: str = "wilcox",
    exact: bool = True,
    continuity: bool = False,
    alternative: str = "two-sided",
) -> RankTestArrays:
    """Test in each data set that differences are symmetric about zero (Wilcoxon).

    ``differences`` (data sets, patients), nan: no patient. They are rounded to 12
    significant digits of the largest in the data set, as in
    :func:`reanalysis.measurements.location.decimal`. The other arguments, the
    statistic and the sources are those of
    :func:`reanalysis.measurements.location.signed_rank_test`. Raises
    :class:`MethodError` for infinite differences and for other words.
    """
    if zeros not in ZERO_WORDS:
        raise MethodError(f"Zeros cannot be treated by {zeros!r}.")
    _check(alternative)
    d = _some(differences)
    how = (zeros, exact, continuity, alternative)
    return joined([_signed_rank(d[rows], *how) for rows in blocks(*d.shape)])


def mann_whitney_arrays(
    values: ArrayLike,
    group: ArrayLike,
    *,
    exact: bool = True,
    continuity: bool = False,
    alternative: str = "two-sided",
) -> RankTestArrays:
    """Compare in each data set the values of a group with the others (Mann-Whitney).

    ``values`` (nan: no patient) and ``group`` (1 or True in the group, 0 in the
    reference), shapes (data sets, patients) or (patients,) where all share them.
    Values are rounded as in :func:`signed_rank_arrays`. The other arguments, the
    statistic U and the sources are those of
    :func:`reanalysis.measurements.location.mann_whitney_test`. Raises
    :class:`MethodError` for infinite values, other codes and other words.
    """
    _check(alternative)
    values = _some(values)
    values, inside = np.broadcast_arrays(
        values, coded(group, ~np.isnan(values), "group")
    )
    how = (exact, continuity, alternative)
    return joined(
        [
            _mann_whitney(values[rows], inside[rows], *how)
            for rows in blocks(*values.shape)
        ]
    )


def _check(alternative: str) -> None:
    if alternative not in ALTERNATIVES:
        raise MethodError(f"There is no alternative called {alternative!r}.")


def _some(values: ArrayLike) -> Floats:
    array = np.atleast_2d(np.asarray(values, dtype=float))
    if np.isinf(array).any():
        raise MethodError("Values must be finite numbers.")
    return array


def _decimal(values: Floats) -> Floats:
    """Return values as whole numbers: 12 significant digits of the largest of a row."""
    largest = np.nanmax(np.abs(values), axis=1, initial=0.0)
    digits = 12 - np.ceil(np.log10(np.where(largest > 0, largest, 1.0)))[:, None]
    # As numpy rounds, so that ties are those of one data set at a time.
    return np.rint(
        np.where(
            digits < 0,
            values / 10.0 ** np.maximum(-digits, 0),
            values * 10.0 ** np.maximum(digits, 0),
        )
    )


def _doubled_midranks(values: Floats, ranked: Bools) -> tuple[Ints, Ints]:
    """Return doubled midranks in ascending order, and the order, (rows, patients).

    Whoever is not ``ranked`` comes last with a rank of 0.
    """
    key = np.where(ranked, values, np.inf)
    order = np.argsort(key, axis=1)
    key = taken(key, order)
    place = np.arange(key.shape[1])
    opens = np.ones(key.shape, dtype=bool)
    opens[:, 1:] = key[:, 1:] != key[:, :-1]
    closes = np.ones(key.shape, dtype=bool)
    closes[:, :-1] = opens[:, 1:]
    first = np.maximum.accumulate(np.where(opens, place, 0), axis=1)
    last = np.where(closes, place, key.shape[1])[:, ::-1]
    last = np.minimum.accumulate(last, axis=1)[:, ::-1]
    return np.where(np.isinf(key), 0, first + last + 2), order


def _signed_rank(
    d: Floats, zeros: str, exact: bool, continuity: bool, alternative: str
) -> RankTestArrays:
    present = ~np.isnan(d)
    d = _decimal(d)
    moved = present & (d != 0)
    ranks, order = _doubled_midranks(np.abs(d), moved if zeros == "wilcox" else present)
    moved, up = taken(moved, order), taken(present & (d > 0), order)
    signed = np.where(moved, ranks, 0)
    positive, total = (signed * up).sum(axis=1), signed.sum(axis=1)
    split = (ranks - signed).sum(axis=1) if zeros == "zsplit" else 0
    count, n = moved.sum(axis=1), present.sum(axis=1)

    listed = (count <= EXACT_LIMIT) & exact
    p = np.ones(len(d))
    exactly = np.flatnonzero(listed & (count > 0))
    if len(exactly):
        p[exactly] = _signed_rank_p(signed[exactly], positive[exactly], alternative)
    rest = np.flatnonzero(~listed & (count > 0))
    weighed = ranks if zeros == "zsplit" else signed
    variance = np.square(weighed[rest] / 2).sum(axis=1) / 4
    deviation = (positive - total / 2)[rest] / 2
    p[rest] = _normal_p(deviation, np.sqrt(variance), continuity, alternative)
    nothing = np.where(n == 0, np.nan, 0.0)
    return RankTestArrays(
        (positive + split / 2) / 2 + nothing, p + nothing, n, listed | (count == 0)
    )


def _mann_whitney(
    values: Floats, inside: Bools, exact: bool, continuity: bool, alternative: str
) -> RankTestArrays:
    present = ~np.isnan(values)
    ranks, order = _doubled_midranks(_decimal(values), present)
    inside = taken(inside, order)
    n, m = present.sum(axis=1), inside.sum(axis=1)
    observed = (ranks * inside).sum(axis=1)

    compared = (m > 0) & (m < n)
    listed = (n <= EXACT_LIMIT) & exact
    p = np.full(len(values), np.nan)
    exactly = np.flatnonzero(listed & compared)
    if len(exactly):
        p[exactly] = _rank_sum_p(
            ranks[exactly], m[exactly], observed[exactly], alternative
        )
    rest = np.flatnonzero(~listed & compared)
    size, part = n[rest], m[rest]
    middle = (size + 1)[:, None] / 2
    centred = np.where(ranks[rest] > 0, ranks[rest] / 2 - middle, 0.0)
    variance = part * (size - part) / (size * (size - 1)) * (centred**2).sum(axis=1)
    deviation = (centred * inside[rest]).sum(axis=1)
    spread = np.sqrt(variance)
    usual = _normal_p(deviation, np.where(spread > 0, spread, 1.0), continuity,
                      alternative)  # fmt: skip
    p[rest] = np.where(spread > 0, usual, 1.0)
    statistic = np.where(compared, (observed - m * (m + 1)) / 2, np.nan)
    return RankTestArrays(statistic, p, n, listed & compared)


def _signed_rank_p(ranks: Ints, positive: Ints, alternative: str) -> Floats:
    """Exact p-values of the sums of doubled ranks (rows, patients), 0 for no rank.

    The law is symmetric, so half of it is counted; each pattern of ranks once, many
    at a time.
    """
    ranks = np.sort(ranks, axis=1)
    ranks = ranks[:, ranks.any(axis=0)]
    total = ranks.sum(axis=1)
    if alternative == "two-sided":
        at = np.minimum(positive, total - positive)
    else:
        at = positive if alternative == "less" else total - positive
    # In the upper half: all but the sums at the other end.
    flipped = 2 * at > total
    at = np.where(flipped, total - at - 1, at)

    patterns, which = _patterns(ranks)
    room, size = int(ranks.max()), int(total.max()) // 2 + 1
    below = np.empty(len(ranks))
    step = max(1, BLOCK // (room + size))
    for begin in range(0, len(patterns), step):
        part = patterns[begin : begin + step]
        ways = np.zeros((len(part), room + size), dtype=np.int64)
        ways[:, room] = 1
        # Sums below 0, which have no ways, leave room for a shift by each rank.
        place = np.arange(size) + room
        place = place + ways.shape[1] * np.arange(len(part))[:, None]
        for rank in part.T:
            ways[:, room:] += ways.ravel().take(place - rank[:, None])
        upto = np.cumsum(ways, axis=1)
        rows = np.flatnonzero((which >= begin) & (which < begin + step))
        below[rows] = upto[which[rows] - begin, room + at[rows]]
    # A rank of 0 doubles all ways, as any other does.
    share = below / 2.0 ** ranks.shape[1]
    share = np.where(flipped, 1 - share, share)
    return np.minimum(2 * share, 1) if alternative == "two-sided" else share


def _patterns(rows: Ints) -> tuple[Ints, Ints]:
    """Return the distinct rows, and which of them each row is."""
    # Ranks are small: bytes sort faster than long integers.
    patterns, which = np.unique(rows.astype(np.uint16), axis=0, return_inverse=True)
    return patterns.astype(np.int64), which.ravel()


def _rank_sum_p(ranks: Ints, size: Ints, observed: Ints, alternative: str) -> Floats:
    """Exact p-values of the sums of ``size`` of the doubled ranks (rows, patients)."""
    cases, which = _patterns(np.column_stack([ranks, size, observed]))
    p = [
        # Cases of one pattern follow each other, and its law is kept.
        rank_sum_law([r for r in pattern if r], m).p_value(own, alternative)
        for *pattern, m, own in cases.tolist()
    ]
    return np.array(p)[which]


def _normal_p(
    deviation: Floats, spread: Floats, continuity: bool, alternative: str
) -> Floats:
    """P-values of deviations from expectation; the correction is half a rank."""
    if alternative == "two-sided":
        shrunk = np.maximum(np.abs(deviation) - 0.5 * continuity, 0.0)
        return 2 * ndtr(-shrunk / spread)
    upwards = deviation if alternative == "greater" else -deviation
    return ndtr(-(upwards - 0.5 * continuity) / spread)
