"""All p-values that a test of few patients can give, and what gives each.

A small trial has few possible outcomes: ten pairs have 1,024 sign patterns, three
patients against six have 84 arrangements. Each function lists every outcome of one
design once, in classes that a test cannot tell apart, with the p-value of each
class, the number of distinct outcomes in it, and what those look like (how many
pairs went the other way, how many did not change, ...).

Rank tests are listed over all tie patterns: the sizes of the groups of equal values
in ascending order (a composition of n) fix the midranks. A table of all of them is
built by one depth-first pass in which every prefix is shared. Our own code, because
libraries give the p-value of one data set and not the set of all p-values.

Sources: Wilcoxon (1945); Pratt and Gibbons (1981) on ties and zeros; Mann and
Whitney (1947); McNemar (1947); Mantel (1966) for the log-rank test; Breslow and Day
(1980) volume 1, chapter 7, for matched pairs in a conditional likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, comb, gammaln, ndtr, xlogy

from reanalysis.tables.binomial import TIE

Floats = NDArray[np.float64]

#: Tie patterns listed at most; beyond it fewer different sizes of change are allowed.
TIE_PATTERNS = 3000
#: Log-rank arrangements listed at most; beyond it as many are drawn at random.
ARRANGEMENTS = 20_000
#: A p-value is a sum of counts over a count; two of them are equal within this.
SAME = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """The p-values of one test in one design, one entry per class of outcomes.

    ``outcomes`` counts the distinct outcomes of a class and ``weight`` the equally
    likely arrangements (sign patterns, allocations) among them, both without a
    common scale; ``weight`` is empty where no such measure exists. ``features``
    says what the outcomes of a class look like. ``whole`` is False when outcomes
    were drawn at random instead of being listed.
    """

    test: str
    alternative: str
    p: Floats
    outcomes: Floats
    weight: Floats
    features: Mapping[str, NDArray]
    whole: bool = True

    def values(self) -> list[tuple[float, float, float]]:
        """Return the distinct p-values, ascending, with outcomes and share of weight.

        This is the ladder a figure draws. The share is nan without a measure.
        """
        order = np.argsort(self.p, kind="stable")
        p = self.p[order]
        start = np.concatenate([[True], np.diff(p) > SAME])
        at = np.flatnonzero(start)
        outcomes = np.add.reduceat(self.outcomes[order], at)
        share = np.full(at.size, math.nan)
        if self.weight.size:
            share = np.add.reduceat(self.weight[order], at) / self.weight.sum()
        return list(zip(p[at].tolist(), outcomes.tolist(), share.tolist(), strict=True))


def normal_tail(z: Floats, alternative: str) -> Floats:
    """Return p of a standard normal ``z`` (1-d); ``greater`` is one-sided upwards."""
    return ndtr(-z) if alternative == "one-sided" else 2 * ndtr(-np.abs(z))


def _corrected(distance: Floats, step: float, alternative: str) -> Floats:
    """Move a statistic towards the middle, as R does: one-sided also beyond it."""
    if alternative == "one-sided":
        return distance - step
    return np.sign(distance) * np.maximum(np.abs(distance) - step, 0)


# Pairs: signed rank and sign test


@dataclass(frozen=True, slots=True, eq=False)
class _SignedRanks:
    """Classes of signed-rank outcomes: one per tie pattern, count and rank sum."""

    zeros: NDArray
    against: NDArray
    sizes: NDArray
    doubled_sum: Floats
    total: Floats
    squares: Floats
    below: Floats
    outcomes: Floats
    patterns: Floats


def tie_levels(n: int) -> int:
    """Return how many different sizes of change are listed for ``n`` pairs."""
    kept, levels = 0, 0
    while levels < n:
        kept += math.comb(n, levels + 1)
        if kept > TIE_PATTERNS and levels:
            break
        levels += 1
    return levels


@lru_cache(maxsize=32)
def _signed_ranks(n: int, levels: int) -> _SignedRanks:
    """List all outcomes of ``n`` pairs with up to ``levels`` sizes of change.

    ``levels`` 0 means that no two changes are of one size and none is zero.
    ``against`` is the number of pairs whose ranks make up the sum, and ``below``
    the share of sign patterns with that sum or a smaller one.
    """
    parts: list[tuple[NDArray, ...]] = []

    def keep(ways: Floats, outcomes: Floats, used: int, sizes: int, sq: float) -> None:
        k, w = np.nonzero(outcomes)
        cumulated = np.cumsum(ways.sum(axis=0)) / 2.0**used
        shape = k.size
        parts.append(
            (
                np.full(shape, n - used),
                k,
                np.full(shape, sizes),
                w.astype(float),
                np.full(shape, float(used * (used + 1))),
                np.full(shape, sq),
                cumulated[w],
                outcomes[k, w],
                ways[k, w],
            )
        )

    def extend(ways: Floats, outcomes: Floats, used: int, sizes: int, sq: float):
        if levels or used == n:
            keep(ways, outcomes, used, sizes, sq)
        if used == n or (levels and sizes == levels):
            return
        for g in range(1, (n - used if levels else 1) + 1):
            rank = 2 * used + g + 1
            shape = (used + g + 1, (used + g) * (used + g + 1) + 1)
            more, also = np.zeros(shape), np.zeros(shape)
            rows, width = ways.shape
            for a in range(g + 1):
                at = (slice(a, a + rows), slice(a * rank, a * rank + width))
                more[at] += ways * math.comb(g, a)
                also[at] += outcomes
            extend(more, also, used + g, sizes + 1, sq + g * float(rank) ** 2)

    one = np.ones((1, 1))
    extend(one, one, 0, 0, 0.0)
    return _SignedRanks(
        *(np.concatenate(column) for column in zip(*parts, strict=True))
    )


def signed_rank_ladder(
    n: int,
    alternative: str = "two-sided",
    *,
    ties: bool = True,
    approximation: str = "exact",
) -> Ladder:
    """List the signed-rank p-values of ``n`` pairs.

    ``ties`` allows equal sizes of change and unchanged pairs (dropped, as Wilcoxon
    did), in every pattern that :func:`tie_levels` keeps. ``approximation`` is
    ``exact``, ``normal`` or ``normal, corrected`` (half a rank nearer to the
    middle). Features: ``against``, the pairs on the side of the smaller rank sum;
    ``zeros``, the unchanged pairs; ``rank_sum``, the smaller rank sum; ``sizes``.
    ``one-sided`` is the tail in the direction opposite to ``against``.
    """
    table = _signed_ranks(n, tie_levels(n) if ties else 0)
    keep = np.ones(table.total.size, dtype=bool)
    fold = np.ones(table.total.size)
    if alternative == "two-sided":
        # The law is symmetric: an outcome and its mirror image have one p-value.
        keep = 2 * table.doubled_sum <= table.total
        fold = np.where(2 * table.doubled_sum < table.total, 2.0, 1.0)
    if approximation == "exact":
        p = table.below
        if alternative == "two-sided":
            p = np.where(fold > 1, np.minimum(2 * p, 1), 1.0)
    else:
        distance = (table.total / 2 - table.doubled_sum) / 2
        if approximation == "normal, corrected":
            distance = _corrected(distance, 0.5, alternative)
        spread = np.sqrt(table.squares) / 4
        z = np.divide(distance, spread, out=np.zeros_like(spread), where=spread > 0)
        p = normal_tail(z, alternative)
    return Ladder(
        test=f"signed-rank, {approximation}",
        alternative=alternative,
        p=p[keep],
        outcomes=(fold * table.outcomes)[keep],
        # Patterns of different ties and zeros have no common measure.
        weight=np.empty(0) if ties else (fold * table.patterns)[keep],
        features={
            "against": table.against[keep],
            "zeros": table.zeros[keep],
            "rank_sum": table.doubled_sum[keep] / 2,
            "sizes": table.sizes[keep],
        },
    )


def sign_ladder(n: int, alternative: str = "two-sided") -> Ladder:
    """List the exact sign test of up to ``n`` pairs, unchanged pairs left out."""
    return _binomial_ladder("sign test, exact", n, alternative, "exact")


# Pairs: McNemar, and the Cox model stratified by pair


def _pair_counts(n: int, alternative: str) -> tuple[NDArray, NDArray]:
    """Return wins and losses of all numbers of informative pairs up to ``n``."""
    wins, losses = np.indices((n + 1, n + 1)).reshape(2, -1)
    keep = wins + losses <= n
    if alternative == "two-sided":
        keep &= wins >= losses
    return wins[keep], losses[keep]


def _binomial_ladder(test: str, n: int, alternative: str, how: str) -> Ladder:
    wins, losses = _pair_counts(n, alternative)
    k = wins + losses
    if how == "exact":
        # P(at most `losses` of k): the mirror image doubles it.
        from scipy.special import bdtr

        p = np.where(k > 0, bdtr(losses, np.maximum(k, 1), 0.5), 1.0)
        if alternative == "two-sided":
            p = np.where(wins == losses, 1.0, np.minimum(2 * p, 1.0))
    else:
        distance = (wins - losses).astype(float)
        if how == "corrected":
            distance = _corrected(distance, 1.0, alternative)
        p = normal_tail(distance / np.sqrt(np.maximum(k, 1)), alternative)
    return _pair_ladder(test, alternative, p, wins, losses, n)


def _pair_ladder(
    test: str, alternative: str, p: Floats, wins: NDArray, losses: NDArray, n: int
) -> Ladder:
    fold = np.where((alternative == "two-sided") & (wins > losses), 2.0, 1.0)
    return Ladder(
        test=test,
        alternative=alternative,
        p=np.asarray(p, dtype=float),
        outcomes=fold,
        # Sign patterns are equally likely once the informative pairs are given.
        weight=np.where(wins + losses == n, fold * comb(n, losses), 0.0),
        features={
            "wins": wins,
            "losses": losses,
            "informative": wins + losses,
            "against": losses,
            "zeros": n - wins - losses,
        },
    )


def mcnemar_ladder(
    n: int, alternative: str = "two-sided", variant: str = "exact"
) -> Ladder:
    """List McNemar's p-values (``exact``, ``chi-square``, ``corrected``)."""
    return _binomial_ladder(f"McNemar, {variant}", n, alternative, variant)


def cox_pairs_ladder(
    n: int, alternative: str = "two-sided", statistic: str = "Wald", *, tied: int = 0
) -> Ladder:
    """List the p-values of a Cox model stratified by pair, on up to ``n`` pairs.

    A pair tells only which of its two failed first, and nothing when the earlier
    time is censored. With w and l pairs either way the hazard ratio is w/l and, in
    closed form, Wald log(w/l)/sqrt(1/w + 1/l), score (w - l)/sqrt(w + l),
    likelihood ratio 2 (w log(2w/k) + l log(2l/k)), k = w + l. Where all pairs go
    one way the Wald statistic does not exist (the estimate is infinite); such
    outcomes have p = 1, which is what programs print in effect. Exactly ``tied``
    pairs fail at one time; by Breslow as by Efron each acts as one win and one loss.
    """
    wins, losses = _pair_counts(n - tied, alternative)
    w, l_ = (wins + tied).astype(float), (losses + tied).astype(float)
    k = w + l_
    with np.errstate(divide="ignore", invalid="ignore"):
        if statistic == "Wald":
            z = np.log(w / l_) / np.sqrt(1 / w + 1 / l_)
            z = np.where((w > 0) & (l_ > 0), z, 0.0)
            p = normal_tail(z, alternative)
            p = np.where((w > 0) & (l_ > 0), p, 1.0)
        else:
            if statistic == "score":
                z = np.where(k > 0, (w - l_) / np.sqrt(np.maximum(k, 1)), 0.0)
            else:
                half = np.maximum(k, 1)
                square = 2 * (xlogy(w, 2 * w / half) + xlogy(l_, 2 * l_ / half))
                z = np.sign(w - l_) * np.sqrt(np.maximum(square, 0))
            p = normal_tail(z, alternative)
    ladder = _pair_ladder(
        f"stratified Cox, {statistic}", alternative, p, wins, losses, n - tied
    )
    return ladder


# Two groups: Mann-Whitney and Fisher


@lru_cache(maxsize=32)
def _rank_sums(n1: int, n2: int, ties: bool) -> tuple[Floats, ...]:
    """List rank sums of the first group: p two-sided and lower, U, ways, outcomes.

    Upper tails need no list of their own: the mirror image of a tie pattern has them.
    """
    n = n1 + n2
    parts: list[tuple[Floats, ...]] = []

    def keep(ways: Floats, outcomes: Floats, squares: float, sizes: int) -> None:
        law, distinct = ways[n1], outcomes[n1]
        w = np.flatnonzero(distinct)
        counts = law[w]
        share = counts / counts.sum()
        middle = n1 * (n + 1.0)  # expected doubled rank sum
        distance = np.abs(w - middle)
        # Descending distance; equal distances belong together.
        order = np.argsort(-distance, kind="stable")
        tail = np.cumsum(share[order])
        last = np.searchsorted(-distance[order], -distance[order], side="right") - 1
        two = np.empty(w.size)
        two[order] = tail[last]
        lower = np.cumsum(share)
        u = (w - n1 * (n1 + 1)) / 2.0
        # Variance of the doubled rank sum with the ties given.
        total = n * (n + 1.0)
        variance = n1 * n2 / (n * (n - 1.0)) * (squares - total**2 / n)
        parts.append(
            (
                two,
                lower,
                u,
                counts,
                distinct[w],
                np.full(w.size, max(variance, 0.0)),
                np.full(w.size, float(sizes)),
            )
        )

    def extend(ways: Floats, outcomes: Floats, used: int, squares: float, sizes: int):
        if used == n:
            keep(ways, outcomes, squares, sizes)
            return
        for g in range(1, (n - used if ties else 1) + 1):
            rank = 2 * used + g + 1
            top = min(n1, used + g)
            more = np.zeros((n1 + 1, (used + g) * (used + g + 1) + 1))
            also = np.zeros_like(more)
            width = ways.shape[1]
            for a in range(min(g, top) + 1):
                # At least n1 - (rest) must be drawn so far, else n2 is exceeded.
                at = slice(a * rank, a * rank + width)
                more[a:, at] += ways[: n1 + 1 - a] * math.comb(g, a)
                also[a:, at] += outcomes[: n1 + 1 - a]
            extend(more, also, used + g, squares + g * float(rank) ** 2, sizes + 1)

    start = np.zeros((n1 + 1, 1))
    start[0, 0] = 1.0
    extend(start, start, 0, 0.0, 0)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


#: Two groups together up to this size are listed with all tie patterns.
MANN_WHITNEY_TIES = 11


def mann_whitney_ladder(
    n1: int,
    n2: int,
    alternative: str = "two-sided",
    *,
    ties: bool = False,
    approximation: str = "exact",
) -> Ladder:
    """List the Mann-Whitney p-values of ``n1`` against ``n2`` patients.

    ``ties`` lists all tie patterns and is for n1 + n2 up to MANN_WHITNEY_TIES.
    Two-sided exact p is the share of arrangements at least as far from the expected
    rank sum; one-sided p is the lower tail. Features: ``u``, the smaller of U and
    n1 n2 - U (0: the groups do not overlap), and ``sizes``, the number of different
    values.
    """
    two, one, u, ways, outcomes, variance, sizes = _rank_sums(n1, n2, ties)
    folded = np.minimum(u, n1 * n2 - u)
    if approximation == "exact":
        p = two if alternative == "two-sided" else one
    else:
        distance = n1 * n2 / 2 - (folded if alternative == "two-sided" else u)
        if approximation == "normal, corrected":
            distance = _corrected(distance, 0.5, alternative)
        spread = np.sqrt(variance) / 2
        z = np.divide(distance, spread, out=np.zeros_like(spread), where=spread > 0)
        p = normal_tail(z, alternative)
    return Ladder(
        test=f"Mann-Whitney, {approximation}",
        alternative=alternative,
        p=np.minimum(p, 1.0),
        outcomes=outcomes,
        weight=np.empty(0) if ties else ways,
        features={"u": folded, "sizes": sizes.astype(int)},
    )


def unpaired_example(n: int, low: float, high: float) -> tuple[int, float] | None:
    """Find pairs, few of them changed, whose unpaired exact p lies in [low, high].

    Looked at are ``n`` before and ``n`` after values of which j fall from one common
    value to another and the rest stay where they are, below, at, between or above
    the two. Returns the smallest such j with its p-value; other patterns may need
    fewer, so it is an example and not a bound. None if there is none below n.
    """
    from reanalysis.measurements.rank_laws import doubled_midranks, rank_sum_law

    if 2 * n > 24:  # kept to fractions of a second
        return None
    for j in range(1, n):
        rest = n - j
        for cuts in combinations(range(rest + 4), 4):
            edges = (-1, *cuts, rest + 4)
            stay = [b - a - 1 for a, b in pairwise(edges)]
            # Levels 0..4; those who fall go from level 3 to level 1.
            same = np.repeat(np.arange(5), stay)
            after = np.concatenate([np.full(j, 1), same])
            before = np.concatenate([np.full(j, 3), same])
            ranks = doubled_midranks(np.concatenate([after, before]))
            observed = int(ranks[:n].sum())
            deviation = n * (2 * n + 1) - observed
            spread = math.sqrt(
                n
                * n
                / (2 * n * (2 * n - 1.0))
                * float(np.square(ranks - (2 * n + 1.0)).sum())
            )
            rough = 2 * ndtr(-deviation / spread)
            if not low / 3 <= rough <= high * 3:  # the exact law is dear
                continue
            p = rank_sum_law(ranks.tolist(), n).p_value(observed)
            if low <= p <= high:
                return j, p
    return None


def fisher_ladder(
    n1: int, n2: int, alternative: str = "two-sided", variant: str = "Fisher"
) -> Ladder:
    """List the p-values of all two-by-two tables of ``n1`` and ``n2`` patients.

    ``variant``: ``Fisher`` (two-sided by probability), ``Fisher, doubled``,
    ``Fisher, mid-P``, ``chi-square`` or ``chi-square, Yates``. One-sided lists
    either tail of every table. Features: ``x1`` and ``x2``, the events of either group.
    """
    x1, x2, p = [], [], []
    for total in range(n1 + n2 + 1):
        k = np.arange(max(0, total - n2), min(n1, total) + 1)
        if variant.startswith("chi"):
            found = _chi_square(k, n1, total - k, n2, alternative, variant)
        else:
            found = _conditional(k, n1, total, n2, alternative, variant)
        p += found
        x1 += [k] * len(found)
        x2 += [total - k] * len(found)
    first, second = np.concatenate(x1), np.concatenate(x2)
    return Ladder(
        test=variant,
        alternative=alternative,
        p=np.minimum(np.concatenate(p), 1.0),
        outcomes=np.full(first.size, 0.5 if alternative == "one-sided" else 1.0),
        weight=np.empty(0),
        features={"x1": first, "x2": second},
    )


def _conditional(
    k: NDArray, n1: int, total: int, n2: int, alternative: str, variant: str
) -> list[Floats]:
    """Return Fisher's p of all tables with given margins, one-sided either way."""
    log = -(
        gammaln(k + 1)
        + gammaln(n1 - k + 1)
        + gammaln(total - k + 1)
        + gammaln(n2 - total + k + 1)
    )
    law = np.exp(log - log.max())
    law /= law.sum()
    mid = variant.endswith("mid-P")
    tails = [np.cumsum(law), np.cumsum(law[::-1])[::-1]]
    if alternative == "one-sided":
        return [tail - law / 2 if mid else tail for tail in tails]
    if variant == "Fisher, doubled":
        return [2 * np.minimum(*tails)]
    less = law[None, :] <= law[:, None] * TIE
    found = (less * law).sum(axis=1)
    if mid:
        tied = less & (law[None, :] * TIE >= law[:, None])
        found = found - (tied * law).sum(axis=1) / 2
    return [found]


def _chi_square(
    x1: NDArray, n1: int, x2: NDArray, n2: int, alternative: str, variant: str
) -> list[Floats]:
    n, total = n1 + n2, x1 + x2
    margin = n1 * n2 * total * (n - total).astype(float)
    difference = np.abs(x1 * n2 - x2 * n1).astype(float)
    if variant.endswith("Yates"):
        difference = np.maximum(difference - n / 2, 0)
    square = np.divide(
        n * difference**2, margin, out=np.zeros_like(margin), where=margin > 0
    )
    p = chdtrc(1, square)
    return [p / 2, 1 - p / 2] if alternative == "one-sided" else [p]


# Two groups: times to an event


def survival_ladders(
    n1: int,
    n2: int,
    alternative: str = "two-sided",
    *,
    censored: bool = False,
    cox: bool = False,
    seed: int = 1,
) -> dict[str, Ladder]:
    """List the log-rank p-values (and the Cox model's) of two groups without ties.

    Without censoring an outcome is the order in which the groups' patients fail;
    with ``censored`` each observation is an event or not besides, every pattern
    counting alike, which is a measure of possibility and not a model of follow-up.
    Up to ARRANGEMENTS outcomes are listed, of more that number is drawn at random
    (``whole`` is False). Features: ``events1`` and ``events2``. The score test of
    the Cox model is the log-rank test here; ``cox`` adds Wald and likelihood ratio.
    """
    n = n1 + n2
    size = math.comb(n, n1) * (2**n if censored else 1)
    if size <= ARRANGEMENTS:
        groups = np.zeros((math.comb(n, n1), n), dtype=bool)
        for row, chosen in enumerate(combinations(range(n), n1)):
            groups[row, list(chosen)] = True
        events = np.ones((1, n), dtype=bool)
        if censored:
            events = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 > 0
        first = np.repeat(groups, len(events), axis=0)
        event = np.tile(events, (len(groups), 1))
    else:
        rng = np.random.default_rng(seed)
        first = rng.permuted(np.tile(np.arange(n) < n1, (ARRANGEMENTS, 1)), axis=1)
        event = (
            rng.random((ARRANGEMENTS, n)) < 0.5
            if censored
            else np.ones((ARRANGEMENTS, n), dtype=bool)
        )
    statistics = _two_group_statistics(first, event, cox=cox)
    ones = np.ones(len(first))
    features = {
        "events1": (event & first).sum(axis=1),
        "events2": (event & ~first).sum(axis=1),
    }
    return {
        name: Ladder(
            test=name,
            alternative=alternative,
            p=normal_tail(value, alternative),
            outcomes=ones,
            weight=ones,
            features=features,
            whole=size <= ARRANGEMENTS,
        )
        for name, value in statistics.items()
    }


def log_rank_walk(n1: int, n2: int) -> tuple[Floats, float]:
    """Return log-rank p of orders from separate to well mixed, and the least p.

    Neighbours change places one pair at a time from the order in which all of one
    group fail first, without ties and censoring. The steps are small, so that a
    printed value between the extremes can be shown to be attainable by one of them.
    """
    rows = []
    for start in (np.arange(n1 + n2) < n1, np.arange(n1 + n2) >= n2):
        order = start.copy()
        rows.append(order.copy())
        moved = True
        while moved:
            moved = False
            for i in range(order.size - 1):
                if order[i] == start[0] and order[i + 1] != start[0]:
                    order[[i, i + 1]] = order[[i + 1, i]]
                    rows.append(order.copy())
                    moved = True
    first = np.array(rows)
    z = _two_group_statistics(first, np.ones_like(first))["log-rank"]
    p = normal_tail(z, "two-sided")
    return p, float(p.min())


def _two_group_statistics(
    first: NDArray, event: NDArray, *, cox: bool = False
) -> dict[str, Floats]:
    """Return |z| of the tests of many samples in order of time (rows)."""
    n = first.shape[1]
    at_risk = np.cumsum(first[:, ::-1], axis=1)[:, ::-1].astype(float)
    others = np.arange(n, 0, -1) - at_risk
    share = at_risk / (at_risk + others)
    score = (event * (first - share)).sum(axis=1)
    variance = (event * share * (1 - share)).sum(axis=1)
    z = np.divide(
        score, np.sqrt(variance), out=np.zeros_like(score), where=variance > 0
    )
    found = {"log-rank": np.abs(z)}
    return found | _cox_two_groups(first, event, at_risk, others) if cox else found


def _cox_two_groups(
    first: NDArray, event: NDArray, at_risk: Floats, others: Floats
) -> dict[str, Floats]:
    """Return |z| of the Wald and likelihood-ratio test of many two-group samples.

    Newton's method for one coefficient on all samples at once; where the estimate
    is infinite Wald's statistic is 0, as for :func:`cox_pairs_ladder`.
    """
    beta = np.zeros(len(first))

    def share(b: Floats) -> Floats:
        return at_risk / (at_risk + others * np.exp(-b)[:, None])

    for _ in range(30):
        q = share(beta)
        slope = (event * (first - q)).sum(axis=1)
        curve = (event * q * (1 - q)).sum(axis=1)
        step = np.clip(slope / np.maximum(curve, 1e-12), -1, 1)
        beta = np.clip(beta + step, -20, 20)
        if np.abs(step).max() < 1e-9:
            break
    q = share(beta)
    information = (event * q * (1 - q)).sum(axis=1)
    finite = np.abs(beta) < 15
    wald = np.where(finite, np.abs(beta) * np.sqrt(information), 0.0)

    def log_likelihood(b: Floats) -> Floats:
        risk = at_risk * np.exp(b)[:, None] + others
        return (event * (first * b[:, None] - np.log(risk))).sum(axis=1)

    gain = log_likelihood(beta) - log_likelihood(np.zeros_like(beta))
    return {
        "unmatched Cox, Wald": wald,
        "unmatched Cox, likelihood ratio": np.sqrt(np.maximum(2 * gain, 0)),
    }


# Correlation


def least_correlation(n: int, p: float) -> float:
    """Return the smallest |r| of Pearson whose two-sided p (t test) is ``p``."""
    from scipy.special import stdtrit

    t = float(stdtrit(n - 2, 1 - p / 2))
    return t / math.sqrt(n - 2 + t * t)
