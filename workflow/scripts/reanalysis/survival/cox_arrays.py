"""Cox's hazard ratio of two groups in many small data sets at once.

For members of an ensemble, permutations and simulations, where one fit at a time
(:mod:`reanalysis.survival.partial_likelihood`,
:mod:`reanalysis.survival.hazard_ratios`) takes too long. Both agree to 1e-8. With a
binary covariate a risk set is two numbers, so the likelihoods of all data sets are
one long list of them, and all maxima are climbed together. Strata cost no more than
a longer sort.

Sources: Cox (1972) JRSS B 34:187; Breslow (1974) Biometrics 30:89; Efron (1977) JASA
72:557; exact ties as the conditional law of a 2 by 2 table, Cox (1972) section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from reanalysis.data_set_arrays import Bools, joined
from reanalysis.errors import MethodError
from reanalysis.survival.hazard_ratios import STEP_TOLERANCE
from reanalysis.survival.risk_set_arrays import (
    FollowUpArrays,
    follow_up_arrays,
    risk_set_arrays,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Steps after which a maximum or limit counts as not found.
MOST_STEPS = 100
#: Longest step of a log hazard ratio.
LONGEST = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class HazardRatioArrays:
    """Log hazard ratios of the group against the reference, shapes (data sets,).

    ``coefficient`` and ``std_error`` are nan where there is no finite estimate:
    ``infinite`` is its sign where it is infinite; ``estimable`` is false where no
    event happened while both groups were at risk (of one stratum); ``converged`` is
    false where the search for a finite maximum failed. ``low`` and ``high`` are the
    limits of the log hazard ratio; a profile limit on the side of an infinite
    estimate is infinite, its Wald limits are nan. ``likelihood_ratio`` and ``score``
    are chi-square statistics with one degree of freedom, also known where the
    estimate is infinite. ``events`` counts all events, ``informative`` those while
    both groups were at risk.
    """

    coefficient: Floats
    std_error: Floats
    low: Floats
    high: Floats
    likelihood_ratio: Floats
    score: Floats
    infinite: Ints
    estimable: Bools
    converged: Bools
    events: Ints
    informative: Ints

    @property
    def hazard_ratio(self) -> Floats:
        """Hazard ratios, nan where there is no finite estimate."""
        return np.exp(self.coefficient)

    @property
    def wald(self) -> Floats:
        """Wald z of the log hazard ratio."""
        return self.coefficient / self.std_error

    @property
    def wald_p(self) -> Floats:
        """Two-sided p-values of the Wald test."""
        return 2 * ndtr(-np.abs(self.wald))

    @property
    def likelihood_ratio_p(self) -> Floats:
        """P-values of the likelihood-ratio test."""
        return 2 * ndtr(-np.sqrt(self.likelihood_ratio))

    @property
    def score_p(self) -> Floats:
        """Two-sided p-values of the score test."""
        return 2 * ndtr(-np.sqrt(self.score))


def cox_arrays(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    stratum: ArrayLike | None = None,
    *,
    ties: str = "efron",
    interval: str = "wald",
    conf_level: float = 0.95,
) -> HazardRatioArrays:
    """Estimate the hazard ratio of two groups in each of many data sets.

    ``time`` (nan: no patient), ``event``, ``group`` (1 or True in the group, 0 in the
    reference) and ``stratum`` (numbers; pairs are strata of two) have shapes (data
    sets, patients), or (patients,) where all data sets share them. ``ties``:
    ``efron``, ``breslow`` or ``exact``; ``interval``: ``wald`` or ``profile``. Raises
    :class:`MethodError` for other words and for data as
    :func:`reanalysis.survival.risk_set_arrays.follow_up_arrays` does. A data set that
    cannot be served has nan and says why in the flags.
    """
    if ties not in ("efron", "breslow", "exact"):
        raise MethodError(f"Unknown treatment of ties: {ties}.")
    if interval not in ("wald", "profile"):
        raise MethodError(f"There is no interval of the type {interval!r} on arrays.")
    rows = follow_up_arrays(time, event, group, stratum)
    reach = float(ndtri((1 + conf_level) / 2))
    return joined([_block(b, ties, interval, reach) for b in rows.blocks()])


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """Partial likelihoods of many data sets, term by term.

    ``died`` (data sets,): deaths of the group while both groups were at risk.

    A slot is a death (or ``mass`` deaths) beside ``reference`` and ``group`` patients
    at risk, of the data set ``owner``: shapes (slots,). A tied set is one event time
    of the exact likelihood: ``ways`` (tied, counts) is the logarithm of the number of
    sets of deaths with ``least`` + 0, 1, ... of them in the group, -inf beyond the
    possible; ``most`` is the largest possible number.
    """

    died: Floats
    owner: Ints
    reference: Floats
    group: Floats
    mass: Floats
    tied_owner: Ints
    ways: Floats
    least: Ints
    most: Ints

    def of(self, kept: Bools) -> _Terms:
        """Return the terms of some of the data sets, which are numbered anew."""
        if kept.all():
            return self
        number = np.cumsum(kept) - 1
        slot, tied = kept[self.owner], kept[self.tied_owner]
        return _Terms(
            self.died[kept],
            number[self.owner[slot]],
            self.reference[slot],
            self.group[slot],
            self.mass[slot],
            number[self.tied_owner[tied]],
            self.ways[tied],
            self.least[tied],
            self.most[tied],
        )

    def added(self, slots: Floats, tied: Floats) -> Floats:
        """Add up numbers of the slots and of the tied sets within each data set."""
        total = _total(self.owner, slots, len(self.died))
        if len(tied):
            total += _total(self.tied_owner, tied, len(self.died))
        return total

    def slopes(self, beta: Floats) -> tuple[Floats, Floats]:
        """Return score and information at ``beta`` (data sets,)."""
        group = self.group * np.exp(beta)[self.owner]
        share = group / (self.reference + group)
        mean = self.mass * share
        spread = mean * (1 - share)
        _, tied_mean, tied_spread = self._tied(beta)
        return (
            self.died - self.added(mean, tied_mean),
            self.added(spread, tied_spread),
        )

    def rise(self, beta: Floats) -> Floats:
        """Return the log likelihood at ``beta`` less that at zero."""
        group = self.group * np.exp(beta)[self.owner]
        slots = np.log((self.reference + group) / (self.reference + self.group))
        here, there = self._tied(beta)[0], self._tied(np.zeros_like(beta))[0]
        return self.died * beta - self.added(self.mass * slots, here - there)

    def supremum(self, sign: Ints) -> Floats:
        """Return the supremum, on the side ``sign``, less the value at zero."""
        side = np.where(sign[self.owner] > 0, self.group, self.reference)
        slots = self.mass * np.log((self.reference + self.group) / side)
        tied = np.zeros(len(self.ways))
        if len(tied):
            end = np.where(sign[self.tied_owner] > 0, self.most - self.least, 0)
            at_end = np.take_along_axis(self.ways, end[:, None], axis=1)[:, 0]
            tied = self._tied(np.zeros(len(self.died)))[0] - at_end
        return self.added(slots, tied)

    def _tied(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log sum, mean and variance of the deaths of the group, (tied,)."""
        if not len(self.ways):
            return (np.empty(0),) * 3
        count = self.least[:, None] + np.arange(self.ways.shape[1])
        log = self.ways + count * beta[self.tied_owner][:, None]
        top = log.max(axis=1)
        law = np.exp(log - top[:, None])
        total = law.sum(axis=1)
        law /= total[:, None]
        mean = (law * count).sum(axis=1)
        spread = (law * (count - mean[:, None]) ** 2).sum(axis=1)
        return top + np.log(total), mean, spread


def _block(
    rows: FollowUpArrays, ties: str, interval: str, reach: float
) -> HazardRatioArrays:
    count = rows.sets
    terms, sign, informative = _terms(rows, ties)
    events = np.broadcast_to(rows.event.sum(axis=1), count)
    estimable = informative > 0
    numbers = np.full((5, count), np.nan)
    coefficient, variance, low, high, ratio = numbers
    score, information = terms.slopes(np.zeros(count))
    with np.errstate(invalid="ignore", divide="ignore"):
        chi_square = np.where(estimable, score**2 / information, np.nan)

    finite = estimable & (sign == 0)
    inside = terms.of(finite)
    found, information = _maxima(inside)
    coefficient[finite], variance[finite] = found, 1 / information
    converged = finite & ~np.isnan(coefficient)
    ratio[finite] = np.maximum(2 * inside.rise(found), 0)
    beyond = estimable & (sign != 0)
    ends = terms.of(beyond)
    ratio[beyond] = 2 * ends.supremum(sign[beyond])
    error = np.sqrt(variance)
    if interval == "wald":
        low, high = coefficient - reach * error, coefficient + reach * error
    else:
        for side, limit in ((-1, low), (1, high)):
            best = np.where(sign == 0, coefficient, 0.0)
            start = np.where(sign == 0, best + side * reach * error, 0.0)
            wanted = converged | (beyond & (sign != side))
            limit[wanted] = _crossings(
                terms.of(wanted), start[wanted], ratio[wanted] - reach**2, side
            )
            limit[beyond & (sign == side)] = side * np.inf
    return HazardRatioArrays(
        coefficient, error, low, high, ratio, chi_square, np.where(estimable, sign, 0),
        estimable, converged | ~finite, events, informative,
    )  # fmt: skip


def _terms(rows: FollowUpArrays, ties: str) -> tuple[_Terms, Ints, Ints]:
    """Return terms, signs of infinite estimates, and informative events, (data sets,).

    The likelihood rises for ever when the deaths of the group are as many, or as few,
    as they can be at every event time while both groups are at risk.
    """
    sets = risk_set_arrays(rows)
    shape = (rows.sets, sets.time.shape[1])
    group = np.broadcast_to(rows.group & rows.present, shape)
    n1, _ = sets.counted(group)
    _, d1 = sets.counted(group & rows.event)
    n, d = (np.broadcast_to(x, shape) for x in (sets.at_risk, sets.events))
    mixed = np.flatnonzero((d > 0) & (n1 > 0) & (n1 < n))
    owner = mixed // max(1, shape[1])
    n, n1, d, d1 = (x.ravel()[mixed] for x in (n, n1, d, d1))
    least, most = np.zeros_like(d), d
    if ties == "exact":
        least, most = np.maximum(d - (n - n1), 0), np.minimum(d, n1)
        open_ = least < most
        owner, n, n1, d, d1, least, most = (
            x[open_] for x in (owner, n, n1, d, d1, least, most)
        )
    count = rows.sets
    informative = _total(owner, d, count).astype(np.int64)
    upper = _total(owner, d1 < most, count) == 0
    lower = _total(owner, d1 > least, count) == 0
    sign = (upper & (informative > 0)).astype(np.int64) - (lower & (informative > 0))
    died = _total(owner, d1, count)
    of_tied = np.empty(0, dtype=np.int64), np.empty((0, 1)), least[:0], most[:0]
    if ties == "exact" and (d > 1).any():
        tied, alone = d > 1, d == 1
        ways = _ways(n[tied], n1[tied], d[tied], least[tied], most[tied])
        of_tied = owner[tied], ways, least[tied], most[tied]
        n, n1, d, d1, owner = (x[alone] for x in (n, n1, d, d1, owner))
    mass, at_risk, in_group = d.astype(float), (n - n1).astype(float), n1.astype(float)
    if ties == "efron" and (d > 1).any():
        # One slot per death; the tied ones count less and less among those at risk.
        slot = np.repeat(np.arange(len(d)), d)
        earlier = np.arange(len(slot)) - np.repeat(np.cumsum(d) - d, d)
        gone = earlier / d[slot]
        in_group = n1[slot] - gone * d1[slot]
        at_risk = (n - n1)[slot] - gone * (d - d1)[slot]
        owner, mass = owner[slot], np.ones(len(slot))
    return _Terms(died, owner, at_risk, in_group, mass, *of_tied), sign, informative


def _total(owner: Ints, values: NDArray, sets: int) -> Floats:
    """Add up values within each data set."""
    # Of no values numpy makes integers.
    return np.bincount(owner, values, sets).astype(float, copy=False)


def _ways(n: Ints, n1: Ints, d: Ints, least: Ints, most: Ints) -> Floats:
    """Return the log number of sets of deaths by how many are of the group."""
    factorial = np.cumsum(np.log(np.maximum(np.arange(n.max() + 1), 1)))

    def chosen(size: Ints, k: Ints) -> Floats:
        return factorial[size] - factorial[k] - factorial[size - k]

    k = least[:, None] + np.arange(int((most - least).max()) + 1)
    possible = k <= most[:, None]
    k = np.minimum(k, most[:, None])
    ways = chosen(n1[:, None], k) + chosen((n - n1)[:, None], d[:, None] - k)
    return np.where(possible, ways, -np.inf)


def _maxima(terms: _Terms) -> tuple[Floats, Floats]:
    """Return the maxima, all finite, and the information there; nan if not found."""

    def newton(part: _Terms, beta: Floats, _: Ints) -> tuple[Floats, Floats]:
        return part.slopes(beta)

    beta = _roots(terms, np.zeros(len(terms.died)), newton)
    information = terms.slopes(beta)[1]
    return beta, np.where(np.isnan(beta), np.nan, information)


def _crossings(terms: _Terms, start: Floats, height: Floats, side: int) -> Floats:
    """Return where twice the rise of the likelihoods falls to ``height``.

    On one ``side`` of the maxima, from ``start``; nan if not found.
    """

    def newton(part: _Terms, beta: Floats, index: Ints) -> tuple[Floats, Floats]:
        score, _ = part.slopes(beta)
        return side * (2 * part.rise(beta) - height[index]), -2 * side * score

    return _roots(terms, start, newton)


def _roots(
    terms: _Terms,
    start: Floats,
    function: Callable[[_Terms, Floats, Ints], tuple[Floats, Floats]],
) -> Floats:
    """Return where decreasing functions of beta, one per data set, cross zero.

    The function returns values and downward slopes for terms, betas and the numbers
    of the data sets still looked at. Newton steps, halving the range known to hold
    the root where they leave it; nan after ``MOST_STEPS``.
    """
    root = np.full(len(start), np.nan)
    index, beta = np.arange(len(start)), start
    low, high = np.full((2, len(start)), np.inf) * [[-1], [1]]
    for _ in range(MOST_STEPS):
        if not len(index):
            break
        value, slope = function(terms, beta, index)
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.where(slope > 0, value / slope, np.sign(value) * LONGEST)
            step = np.clip(step, -LONGEST, LONGEST)
            low, high = np.where(value > 0, beta, low), np.where(value < 0, beta, high)
            middle = (low + high) / 2
        new = beta + step
        found = (np.abs(step) < STEP_TOLERANCE) | (high - low < STEP_TOLERANCE)
        first = found & np.isnan(root[index])
        root[index[first]] = new[first]
        beta = np.where(found | ((low < new) & (new < high)), new, middle)
        open_ = np.isnan(root[index])
        if 2 * np.count_nonzero(open_) <= len(index):
            terms, index, beta = terms.of(open_), index[open_], beta[open_]
            low, high = low[open_], high[open_]
    return root
