"""Matching of treated patients with others: optimal or nearest first, ties counted.

scipy finds one optimal assignment; that equally good ones exist, and which, it does
not say. Here all are listed up to a limit, because a result that rests on which of
several equal controls came first in a file is an accident.

Sources: Rosenbaum, JASA 1989;84:1024-1032 (optimal matching); Rosenbaum and Rubin, Am
Stat 1985;39:33-38 (nearest neighbours, calipers); Hansen and Klopfer, JCGS
2006;15:609-627 (several controls each).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np

from reanalysis.errors import MethodError

#: Controls of each treated patient, in the order of the rows; () if none was found.
Sets = tuple[tuple[int, ...], ...]
#: Cells of a table of distances that can still be matched in reasonable time.
LARGEST = 4_000_000


@dataclass(frozen=True, slots=True)
class Matchings:
    """The matchings that a rule allows; the first is the one to report.

    ``sets`` are the distinct ones; ``complete`` tells that there are no others.
    ``total`` is the sum of the distances of the first.
    """

    sets: tuple[Sets, ...]
    complete: bool
    total: float


def optimal(
    distance: np.ndarray, ratio: int = 1, limit: int = 50, seed: int = 0
) -> Matchings:
    """Match so that the sum of the distances is smallest.

    ``distance`` (treated, others), infinite where a match is not allowed. Each treated
    patient gets up to ``ratio`` others, nobody twice. First as many treated patients
    as possible are matched, then as many others as possible, then the distances are
    made small. On a single score many matchings tie, as crossed pairs add up to the
    same: the first returned has the smallest sum of squares among them. With more than
    ``limit``, as many are drawn at random. Raises :class:`MethodError` when no match
    is allowed.
    """
    from scipy.optimize import linear_sum_assignment

    allowed = _allowed(distance)
    if ratio < 1:
        raise MethodError("The ratio of a matching must be 1 or more.")
    treated, others = distance.shape
    unit = float(distance[allowed].max()) or 1.0
    # A row for each place in a set; its own last column leaves the place empty. That
    # costs more than any sum of distances, and a set without anybody more than that.
    rows = treated * ratio
    empty = 4.0 * unit * rows
    never = 2 * empty * (rows + 2) ** 2
    cost = np.full((rows, others + rows), never)
    cost[:, :others] = np.where(allowed, distance, never).repeat(ratio, axis=0)
    place = np.arange(rows)
    cost[place, others + place] = np.where(
        place % ratio == 0, empty * (rows + 2), empty
    )
    _, chosen = linear_sum_assignment(cost)
    tolerance = max(1e-10 * unit * rows, 1e-15 * never)
    tight, price = _tight(cost, chosen, tolerance)

    def among_the_best(second: np.ndarray) -> Sets:
        """Return the optimal matching that is best by a second table of costs."""
        large = 4.0 * (rows + 1) * max(float(second.max()), 1e-300)
        # Columns with a price are in every optimal matching.
        wanted = np.where(tight, second, 4 * large * rows)
        wanted = wanted - large * (price < -tolerance) * tight
        return _as_sets(linear_sum_assignment(wanted)[1], treated, others, ratio)

    squares = np.zeros(cost.shape)
    squares[:, :others] = np.where(allowed, distance**2, 0.0).repeat(ratio, axis=0)
    first = among_the_best(squares)
    total = _total(distance, first)
    if np.count_nonzero(tight[:, :others]) <= sum(map(len, first)):
        return Matchings((first,), True, total)
    found = {first: None}
    for sets in _equally_good(cost, tight, chosen, others, ratio, tolerance):
        found.setdefault(sets)
        if len(found) > limit:
            break
    complete = len(found) <= limit
    if not complete:
        random = np.random.default_rng(seed)
        found = {first: None}
        for _ in range(3 * limit):
            found.setdefault(among_the_best(random.random(cost.shape)))
            if len(found) == limit:
                break
    return Matchings(tuple(found), complete, total)


def nearest(
    distance: np.ndarray,
    priority: np.ndarray,
    ratio: int = 1,
    replacement: bool = False,
    limit: int = 50,
) -> Matchings:
    """Give each treated patient in turn the nearest other who is still free.

    ``distance`` as in :func:`optimal`; ``priority`` (treated,): the largest chooses
    first. With ``ratio`` above 1 everybody chooses once before anybody chooses again.
    With ``replacement`` the others can be chosen by several. Equal priorities and
    equal distances are both followed up. Raises :class:`MethodError` when no match is
    allowed.
    """
    _allowed(distance)
    if replacement:
        found, complete = _with_replacement(distance, ratio, limit)
    else:
        found, complete = _in_turn(distance, priority, ratio, limit)
    return Matchings(tuple(found), complete, _total(distance, found[0]))


def _allowed(distance: np.ndarray) -> np.ndarray:
    if distance.size > LARGEST:
        raise MethodError("There are too many patients to be matched here.")
    allowed = np.isfinite(distance)
    if not allowed.any():
        raise MethodError("No patient is close enough to another to be matched.")
    return allowed


def _total(distance: np.ndarray, sets: Sets) -> float:
    return float(sum(distance[i, list(own)].sum() for i, own in enumerate(sets) if own))


def _as_sets(chosen: np.ndarray, treated: int, others: int, ratio: int) -> Sets:
    return tuple(
        tuple(sorted(int(c) for c in own if c < others))
        for own in chosen.reshape(treated, ratio)
    )


def _tight(
    cost: np.ndarray, chosen: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which cells an optimal assignment can use, and the prices of the columns.

    The prices are shortest paths in the exchanges that the assignment allows (Bellman
    and Ford); by complementary slackness all optimal assignments lie within the cells
    where the cost is the row's price and the column's.
    """
    at_row = cost[np.arange(len(cost)), chosen]
    exchange = cost - at_row[:, None]
    price = np.zeros(cost.shape[1])
    for _ in range(len(cost) + 1):
        new = np.minimum(price, (price[chosen][:, None] + exchange).min(axis=0))
        if (price - new).max() <= 0:
            break
        price = new
    return exchange + price[chosen][:, None] - price <= tolerance, price


def _equally_good(
    cost: np.ndarray,
    tight: np.ndarray,
    chosen: np.ndarray,
    others: int,
    ratio: int,
    tolerance: float,
) -> Iterator[Sets]:
    """Yield every optimal matching, once each.

    Lawler's partition: what is left beside a matching is split by its first pair that
    is given up, and solved again within the cells of :func:`_tight`.
    """
    from scipy.optimize import linear_sum_assignment

    rows = len(cost)
    treated, place = rows // ratio, np.arange(rows)
    goal = float(cost[place, chosen].sum())
    never = float(cost.max())
    # Only columns that some optimal matching uses are solved again.
    used = np.flatnonzero(tight.any(axis=0))
    base = np.where(tight, cost, never)[:, used]
    at = {int(c): k for k, c in enumerate(used)}
    fixed = [
        np.count_nonzero(tight[i * ratio : (i + 1) * ratio].any(axis=0)) == ratio
        for i in range(treated)
    ]
    Pair = tuple[int, int]  # noqa: N806 - a type
    waiting: list[tuple[tuple[Pair, ...], tuple[Pair, ...]]] = [((), ())]
    while waiting:
        kept, given_up = waiting.pop()
        table = base.copy()
        for i, c in given_up:
            table[i * ratio : (i + 1) * ratio, at[c]] = never
        count: dict[int, int] = {}
        for i, c in kept:
            row = i * ratio + count.get(i, 0)
            count[i] = count.get(i, 0) + 1
            own = table[row, at[c]]
            table[:, at[c]] = never
            table[row] = never
            table[row, at[c]] = own
        _, found = linear_sum_assignment(table)
        if float(table[place, found].sum()) > goal + tolerance:
            continue
        sets = _as_sets(used[found], treated, others, ratio)
        yield sets
        own = list(kept)
        for pair in ((i, c) for i, cs in enumerate(sets) for c in cs):
            if pair in kept or fixed[pair[0]]:
                continue
            waiting.append((tuple(own), (*given_up, pair)))
            own.append(pair)


def _in_turn(
    distance: np.ndarray, priority: np.ndarray, ratio: int, limit: int
) -> tuple[list[Sets], bool]:
    treated = len(distance)
    everybody = frozenset(range(treated))
    start = (0, everybody, tuple(() for _ in range(treated)))
    stack, seen, found, complete = [start], {start}, {}, True
    while stack:
        turn, waiting, given = stack.pop()
        if not waiting:
            turn += 1
            waiting = frozenset(i for i in everybody if len(given[i]) == turn)
            if turn >= ratio or not waiting:
                found.setdefault(given, None)
                if len(found) > limit or len(seen) > 40 * limit + 4 * treated * ratio:
                    complete = not stack and len(found) <= limit
                    break
                continue
        best = max(priority[i] for i in waiting)
        used = {c for own in given for c in own}
        branches = []
        for i in sorted(i for i in waiting if priority[i] == best):
            gap = distance[i].copy()
            gap[list(used)] = np.inf
            rest = waiting - {i}
            if not np.isfinite(gap.min()):
                branches.append((turn, rest, given))
                continue
            for c in np.flatnonzero(gap <= gap.min() + 1e-10 * (1 + gap.min())):
                own = tuple(sorted((*given[i], int(c))))
                branches.append((turn, rest, (*given[:i], own, *given[i + 1 :])))
        for branch in reversed(branches):
            if branch not in seen:
                seen.add(branch)
                stack.append(branch)
    return list(found)[:limit], complete


def _with_replacement(
    distance: np.ndarray, ratio: int, limit: int
) -> tuple[list[Sets], bool]:
    choices, ways = [], 1
    for gap in distance:
        free = np.flatnonzero(np.isfinite(gap))
        if len(free) <= ratio:
            choices.append([tuple(map(int, free))])
            continue
        last = np.sort(gap[free])[ratio - 1]
        slack = 1e-10 * (1 + last)
        sure = [int(c) for c in free if gap[c] < last - slack]
        tied = [int(c) for c in free if abs(gap[c] - last) <= slack]
        own = [
            tuple(sorted((*sure, *more)))
            for more in islice(combinations(tied, ratio - len(sure)), limit + 1)
        ]
        choices.append(own)
        ways *= len(own)
    return list(islice(product(*choices), limit)), ways <= limit
