"""Restricted means of two groups compared: horizons, Wald and permutation tests.

The restricted mean itself is :func:`.survival_curve.restricted_mean`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.survival.risk_sets import Floats, FollowUp
from reanalysis.survival.survival_curve import RestrictedMean
from reanalysis.tables.binomial import normal_p_value

#: Allocations that are enumerated; above this many they are drawn.
EXACT_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference or ratio of restricted means, its Wald limits and test.

    ``std_error`` is that of the logarithm for a ratio. nan where a group does not
    vary before the horizon: its standard error of 0 would claim certainty.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    z: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Permutation:
    """Result of a permutation test.

    ``quantile``: that of the absolute studentised difference at the level asked
    (nan for plain differences). ``short``: share of the allocations in which a
    group's curve ends, above 0, before the horizon. ``exact`` tells that all
    allocations were enumerated.
    """

    p_value: float
    quantile: float
    allocations: int
    exact: bool
    short: float


def horizon(groups: Sequence[FollowUp], rule: str) -> float:
    """Return the horizon of a comparison when none is given.

    ``smallest_last_time``: the smallest of the groups' last times. ``last_event``:
    the smallest of their last events. ``largest_last_time``: the largest last time
    (``rmean = "common"`` of R's survfit). ``survrm2``: that of R's survRM2, which
    looks further than the smallest last time where the group that ends first ends
    with an event, so that its curve is known to be 0. Raises :class:`MethodError`
    when a group has no event.
    """
    last = [float(rows.stop.max()) for rows in groups]
    match rule:
        case "smallest_last_time":
            return min(last)
        case "largest_last_time":
            return max(last)
        case "last_event":
            if not all(rows.event.any() for rows in groups):
                raise MethodError("a group has no event to set the horizon by")
            return min(float(rows.stop[rows.event].max()) for rows in groups)
        case "survrm2":
            known = [
                end
                for end, rows in zip(last, groups, strict=True)
                if not rows.event[rows.stop == end].all()
            ]
            return min(known, default=max(last))
    raise MethodError(f"There is no rule {rule!r} for the horizon.")


def difference(
    group: RestrictedMean,
    reference: RestrictedMean,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
) -> Contrast:
    """Return the difference of two restricted means.

    Source: Royston and Parmar, BMC Med Res Methodol 2013;13:152.
    """
    found = group.mean - reference.mean
    error = math.hypot(group.std_error, reference.std_error)
    if not (group.std_error and reference.std_error):
        return Contrast(found, NAN, NAN, NAN, NAN, NAN)
    reach = float(ndtri((1 + conf_level) / 2)) * error
    z = found / error
    return Contrast(
        found, error, found - reach, found + reach, z, normal_p_value(z, alternative)
    )


def ratio(
    group: tuple[float, float],
    reference: tuple[float, float],
    conf_level: float = 0.95,
    alternative: str = "two-sided",
) -> Contrast:
    """Return the ratio of two means, each with its standard error, on the log scale.

    It serves restricted means and the time lost before the horizon (the horizon
    less the mean), as in Uno et al., J Clin Oncol 2014;32:2380-2385.
    """
    (mean, error), (other, other_error) = group, reference
    if not (mean > 0 and other > 0):
        return Contrast(NAN, NAN, NAN, NAN, NAN, NAN)
    found = mean / other
    if not (error and other_error):
        return Contrast(found, NAN, NAN, NAN, NAN, NAN)
    log_error = math.hypot(error / mean, other_error / other)
    reach = math.exp(float(ndtri((1 + conf_level) / 2)) * log_error)
    z = math.log(found) / log_error
    return Contrast(
        found,
        log_error,
        found / reach,
        found * reach,
        z,
        normal_p_value(z, alternative),
    )


def permutation_test(
    stop: Floats,
    event: NDArray[np.bool_],
    in_group: NDArray[np.bool_],
    tau: float,
    *,
    beyond: str = "extend",
    studentised: bool = True,
    alternative: str = "two-sided",
    conf_level: float = 0.95,
    draws: int = 5000,
    seed: int = 0,
) -> Permutation:
    """Test equality of two restricted means by exchanging patients of two groups.

    One row per patient, shapes (patients,). Statistic: the difference, over its
    standard error when ``studentised`` (then the test also holds its level in large
    samples of groups that differ in censoring). Two-sided counts allocations whose
    absolute statistic is at least the observed one. Up to 20,000 allocations are
    enumerated, otherwise ``draws`` are drawn and the observed one counts as drawn.
    The horizon stays; a group that ends before it is treated as ``beyond`` says
    (:func:`reanalysis.survival.survival_curve.restricted_mean`).

    Source: Horiguchi and Uno, Stat Med 2020;39:2655-2670; studentised: Ditzhaus, Yu
    and Xu, Stat Med 2023;42:2226-2240.
    """
    order = np.argsort(stop, kind="stable")
    stop, event, in_group = stop[order], event[order], in_group[order]
    n, size = stop.size, int(np.count_nonzero(in_group))
    exact = math.comb(n, size) <= EXACT_LIMIT
    observed = _statistics(in_group[None, :], stop, event, tau, beyond, studentised)[0]
    found, shorts = [], 0
    for block in _allocations(n, size, exact, draws, seed):
        values, short = _statistics(block, stop, event, tau, beyond, studentised)
        found.append(values)
        shorts += short
    statistics = np.concatenate(found)
    values, own = statistics, float(observed[0])
    if alternative == "less":
        values, own = -values, -own
    elif alternative == "two-sided":
        values, own = np.abs(values), abs(own)
    # Equal up to rounding is equal; without any variation the statistic is infinite.
    least = own - 1e-9 * max(1.0, abs(own)) if math.isfinite(own) else own
    extreme = int(np.count_nonzero(values >= least))
    count = statistics.size
    p = extreme / count if exact else (extreme + 1) / (count + 1)
    quantile = NAN
    if studentised:
        ranked = np.sort(np.abs(statistics))
        place = math.ceil(conf_level * (count + (not exact)) - 1e-9)
        quantile = float(ranked[place - 1]) if place <= count else math.inf
    return Permutation(p, quantile, count, exact, shorts / count)


def _statistics(
    inside: NDArray[np.bool_],
    stop: Floats,
    event: NDArray[np.bool_],
    tau: float,
    beyond: str,
    studentised: bool,
) -> tuple[Floats, int]:
    """Return the statistic of every allocation (a row each), and how many are short."""
    means, variances, short = [], [], np.zeros(len(inside), dtype=bool)
    for members in (inside, ~inside):
        mean, variance, open_end = _means(members, stop, event, tau, beyond)
        means.append(mean)
        variances.append(variance)
        short |= open_end
    found = means[0] - means[1]
    found[np.abs(found) < 1e-12 * tau] = 0.0
    if studentised:
        error = np.sqrt(variances[0] + variances[1])
        # A difference without any variation is as extreme as can be.
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(found == 0, 0.0, found / error)
    return found, int(np.count_nonzero(short))


def _means(
    members: NDArray[np.bool_],
    stop: Floats,
    event: NDArray[np.bool_],
    tau: float,
    beyond: str,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return restricted means, their variances and who ends early, (allocations,)."""
    first = np.flatnonzero(np.diff(stop, prepend=-np.inf) > 0)
    times = stop[first]
    kept = times < tau
    weight = members.astype(float)
    tail = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1]
    at_risk = tail[:, first][:, kept]
    after_last = np.append(tail, np.zeros((len(tail), 1)), axis=1)
    left = after_last[:, np.append(first[1:], stop.size)][:, kept]
    events = np.add.reduceat(weight * event, first, axis=1)[:, kept]
    survival = np.cumprod(1 - events / np.maximum(at_risk, 1), axis=1)
    gaps = np.diff(np.concatenate([[0.0], times[kept], [tau]]))
    areas = survival * gaps[1:]
    early = (left[:, -1] == 0) & (survival[:, -1] > 0) if kept.any() else None
    if early is None:
        early = np.zeros(len(members), dtype=bool)
    if beyond == "zero":
        areas = np.where(left > 0, areas, 0.0)
    after = np.cumsum(areas[:, ::-1], axis=1)[:, ::-1]
    greenwood = events / (np.maximum(at_risk, 1) * np.maximum(at_risk - events, 1))
    return gaps[0] + areas.sum(axis=1), (after**2 * greenwood).sum(axis=1), early


def _allocations(
    n: int, size: int, exact: bool, draws: int, seed: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield blocks of allocations, shapes (block, patients)."""
    block = max(1, 400_000 // n)
    if exact:
        every = _every_allocation(n, size)
        for first in range(0, len(every), block):
            yield every[first : first + block]
        return
    rng = np.random.default_rng(seed)
    for first in range(0, draws, block):
        count = min(block, draws - first)
        ranks = rng.random((count, n)).argsort(axis=1)
        yield ranks < size


@lru_cache(maxsize=8)
def _every_allocation(n: int, size: int) -> NDArray[np.bool_]:
    chosen = np.array(list(combinations(range(n), size)), dtype=np.int64)
    every = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(every, chosen.reshape(len(chosen), size), True, axis=1)
    return every
