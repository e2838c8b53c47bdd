"""Permutation law of a sum of scores over the treated, in strata: counted or drawn.

The scores stay with the patients, and who is treated is permuted within each stratum.
For two groups the sums need no list of assignments: they are put together from the
sums of parts. Our own code because scipy's permutation test calls a function for
every assignment and takes no strata.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Ints

#: Most patients for whom an exact p-value stands beside the primary test unasked.
BESIDE = 30
#: Largest number of sums listed for either half of the patients: 21 against 21.
LISTED = 2**21
#: Assignments counted must fit an integer of 64 bits.
_COUNTED = 2**62
#: Patients whose subsets are listed when assignments are drawn.
_BLOCK = 14
#: Rounding of sums of scores that are no whole numbers, relative to sum(abs(scores)).
#: Forty float sums err by 1e-14; calling equal what differs by less is conservative.
_ROUNDING = 1e-11

Mask = NDArray[np.bool_]
#: Sums and the number of ways to get each.
_Sums = tuple[NDArray, Ints]


@dataclass(frozen=True, slots=True)
class Tails:
    """Numbers of assignments at least as extreme as the observed one, of ``total``.

    ``less`` and ``greater`` are about the sum over the treated, ``distant`` about its
    distance from 0. ``drawn`` tells that the assignments were drawn at random.
    """

    less: int
    greater: int
    distant: int
    total: int
    drawn: bool = False

    def p_value(
        self,
        alternative: str = "two-sided",
        two_sided: str = "absolute",
        *,
        add_one: bool = False,
    ) -> float:
        """Return the share of assignments at least as extreme.

        Two-sided: the share with sums at least as far from 0 (``absolute``), or twice
        the smaller tail, at most 1 (``doubled``). ``add_one`` counts the observed
        assignment among those drawn, which keeps the level (Phipson and Smyth,
        Stat Appl Genet Mol Biol 2010;9:39).
        """
        one = 1 if add_one else 0
        if alternative == "two-sided":
            if two_sided == "doubled":
                extreme = 2 * (min(self.less, self.greater) + one)
            else:
                extreme = self.distant + one
        else:
            extreme = getattr(self, alternative) + one
        return min(extreme / (self.total + one), 1.0)


def count_tails(
    scores: NDArray, treated: Mask, stratum: Ints | None = None, *, listed: int = LISTED
) -> Tails:
    """Count all assignments with sums at least as extreme as the observed one.

    ``scores`` (patients,) add up to 0 in each stratum; ``treated`` is a mask whose
    count is kept in each stratum. Whole-number scores are compared exactly, others
    with a slack for rounding.

    The patients are cut in two halves, whose sums are listed by size (equal scores
    taken together) and matched (Horowitz and Sahni, J ACM 1974;21:277-292). Raises
    :class:`MethodError` when a half has more than ``listed`` sums.
    """
    stratum = np.zeros(scores.size, dtype=int) if stratum is None else stratum
    strata = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
    sizes = [int(np.count_nonzero(treated[members])) for members in strata]
    total = math.prod(
        math.comb(members.size, size)
        for members, size in zip(strata, sizes, strict=True)
    )
    if total > _COUNTED:
        raise _too_many(total)
    blocks = [_runs(scores[members]) for members in strata]
    # Distinct sums double with every patient, less where scores are equal.
    lengths = [np.log2(counts + 1.0) for _, counts in blocks]
    room = sum(float(length.sum()) for length in lengths) / 2
    first, second = _one(scores), _one(scores)
    cut = [(_one(scores), _one(scores))]
    try:
        for (values, counts), length, size in zip(blocks, lengths, sizes, strict=True):
            # Whole strata go to either half; in the one that is cut the number
            # treated in the first half is free.
            upto = np.cumsum(length)
            head = int(np.searchsorted(upto, max(room, 0) + 1e-9, side="right"))
            room = room - float(upto[-1]) if head == values.size else 0.0
            heads = _subset_sums(values[:head], counts[:head], size, listed)
            tails = _subset_sums(values[head:], counts[head:], size, listed)
            if head == values.size:
                first = _all_sums(first, heads[size], listed)
            elif head == 0:
                second = _all_sums(second, tails[size], listed)
            else:
                cut = list(zip(heads, reversed(tails), strict=True))
        return _match(first, second, cut, *_bounds(scores, treated), total, listed)
    except _FullError:
        raise _too_many(total) from None


def draw_tails(
    scores: NDArray,
    treated: Mask,
    stratum: Ints | None = None,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Tails:
    """Draw ``draws`` assignments at random and count those as extreme.

    As :func:`count_tails`, for any number of patients. Blocks of patients get their
    number of treated by a multivariate hypergeometric draw, and one of their listed
    subsets of that size.
    """
    stratum = np.zeros(scores.size, dtype=int) if stratum is None else stratum
    sums = np.zeros(draws, dtype=scores.dtype)
    whole = _one(scores)[0]
    for s in np.unique(stratum):
        members = scores[stratum == s]
        size = int(np.count_nonzero(treated[stratum == s]))
        blocks = np.array_split(members, max(1, -(-members.size // _BLOCK)))
        if len(blocks) == 1:
            listed = _by_size(blocks[0])[size]
            # Small strata are listed together.
            if whole.size * listed.size > 2**_BLOCK:
                sums += whole[rng.integers(whole.size, size=draws)]
                whole = listed
            else:
                whole = (whole[:, None] + listed).ravel()
            continue
        taken = rng.multivariate_hypergeometric(
            [block.size for block in blocks], size, size=draws, method="marginals"
        )
        for block, count in zip(blocks, taken.T, strict=True):
            listed = _by_size(block)
            lengths = np.array([one.size for one in listed])
            begin = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            place = (rng.random(draws) * lengths[count]).astype(int) + begin[count]
            sums += np.concatenate(listed)[place]
    if whole.size > 1:
        sums += whole[rng.integers(whole.size, size=draws)]
    else:
        sums += whole[0]
    observed, slack = _bounds(scores, treated)
    far = abs(observed) - slack
    return Tails(
        less=int(np.count_nonzero(sums <= observed + slack)),
        greater=int(np.count_nonzero(sums >= observed - slack)),
        distant=int(np.count_nonzero(np.abs(sums) >= far)),
        total=draws,
        drawn=True,
    )


class _FullError(Exception):
    """More sums than are listed."""


def _too_many(total: int) -> MethodError:
    size = f"{total:.1e}" if total < 1e300 else "over 1e300"
    return MethodError(f"There are too many assignments to count ({size}).")


def _bounds(scores: NDArray, treated: Mask) -> tuple[float | int, float | int]:
    observed = scores[treated].sum()
    if np.issubdtype(scores.dtype, np.integer):
        return int(observed), 0
    return float(observed), _ROUNDING * float(np.abs(scores).sum())


def _runs(scores: NDArray) -> tuple[NDArray, Ints]:
    return np.unique(scores, return_counts=True)


def _one(scores: NDArray) -> _Sums:
    return np.zeros(1, dtype=scores.dtype), np.ones(1, dtype=np.int64)


def _subset_sums(values: NDArray, counts: Ints, most: int, listed: int) -> list[_Sums]:
    """List the sums of all subsets of each size from 0 to ``most``."""
    nothing = np.zeros(0, dtype=values.dtype), np.zeros(0, dtype=np.int64)
    sums = [_one(values)] + [nothing] * most
    for value, count in zip(values, counts.tolist(), strict=True):
        reached = sums
        sums = []
        for size in range(most + 1):
            parts = [
                (old + c * value, ways * math.comb(count, c))
                for c in range(min(count, size) + 1)
                for old, ways in (reached[size - c],)
                if old.size
            ]
            sums.append(
                tuple(np.concatenate(p) for p in zip(*parts, strict=True))
                if parts
                else nothing
            )
        if sum(old.size for old, _ in sums) > listed:
            raise _FullError
    return sums


def _all_sums(a: _Sums, b: _Sums, listed: int) -> _Sums:
    if a[0].size == 1 == a[1][0] and a[0][0] == 0:
        return b
    if a[0].size * b[0].size > 8 * listed:
        raise _FullError
    sums = (a[0][:, None] + b[0]).ravel()
    ways = (a[1][:, None] * b[1]).ravel()
    if sums.size > 64:
        sums, ways = _merged(sums, ways)
    if sums.size > listed:
        raise _FullError
    return sums, ways


def _merged(sums: NDArray, ways: Ints) -> _Sums:
    """Sort the sums and take equal ones together."""
    order = np.argsort(sums)
    sums, ways = sums[order], ways[order]
    first = np.flatnonzero(np.concatenate([[True], sums[1:] != sums[:-1]]))
    return sums[first], np.add.reduceat(ways, first)


def _match(
    first: _Sums,
    second: _Sums,
    cut: list[tuple[_Sums, _Sums]],
    observed: float | int,
    slack: float | int,
    total: int,
    listed: int,
) -> Tails:
    """Count the pairs of sums, one of each half, that are as extreme."""
    less = greater = distant = 0
    far = abs(observed) - slack
    for head, tail in cut:
        if not (head[0].size and tail[0].size):
            continue
        a, ways = _merged(*_all_sums(first, head, listed))
        b, b_ways = _merged(*_all_sums(second, tail, listed))
        up_to = np.concatenate([[0], np.cumsum(b_ways)])

        def pairs(bound: float | int, side: str) -> int:
            # Ways to have a + b < bound (left) or <= bound (right).
            place = np.searchsorted(b, bound - a, side=side)  # noqa: B023 - called in the same round
            return int(ways @ up_to[place])  # noqa: B023 - called in the same round

        both = int(ways.sum()) * int(up_to[-1])
        less += pairs(observed + slack, "right")
        greater += both - pairs(observed - slack, "left")
        if far > 0:
            distant += both - pairs(far, "left") + pairs(-far, "right")
        else:
            distant += both
    return Tails(less, greater, distant, total)


def _by_size(values: NDArray) -> list[NDArray]:
    """List the sums of all subsets of each size."""
    sums, sizes = np.zeros(1, dtype=values.dtype), np.zeros(1, dtype=np.int64)
    for value in values:
        sums, sizes = np.append(sums, sums + value), np.append(sizes, sizes + 1)
    order = np.argsort(sizes, kind="stable")
    return np.split(sums[order], np.cumsum(np.bincount(sizes))[:-1])
