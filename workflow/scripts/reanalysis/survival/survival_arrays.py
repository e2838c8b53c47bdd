"""Survival curves of many small data sets at once, with medians and restricted means.

For members of an ensemble and for simulations, where one curve at a time
(:mod:`reanalysis.survival.survival_curve`) takes too long; both agree to rounding.
Curves are of one group: times of the others are given as nan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from reanalysis.data_set_arrays import Bools, joined, taken
from reanalysis.errors import MethodError
from reanalysis.survival.risk_set_arrays import (
    FollowUpArrays,
    follow_up_arrays,
    risk_set_arrays,
)
from reanalysis.survival.risk_sets import Floats, Ints
from reanalysis.survival.survival_curve import SCALES, transformed_limits

#: Rules for the median of a curve that is flat at one half.
RULES = ("midpoint", "first_at_or_below", "below")


@dataclass(frozen=True, slots=True, eq=False)
class CurveArrays:
    """Product-limit estimates, shapes (data sets, patients), for drawing.

    Times ascend along a row; -inf is nobody, where the curve is still 1. A time that
    several patients share stands several times, and its counts and its step are at
    the last. ``log_error`` is Greenwood's standard error of log S, infinite where S
    is 0.
    """

    times: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    log_error: Floats

    def at(self, times: ArrayLike) -> Ints:
        """Return the place of the step that holds at each time; -1 before the first.

        ``times`` has the shape (times,), or (data sets, times).
        """
        # The slack finds a step whose time carries rounding error.
        at = np.asarray(times, dtype=float) * (1 + 1e-9)
        at = np.broadcast_to(at, (len(self.times), at.shape[-1]))
        found = np.empty(at.shape, dtype=np.int64)
        for column, t in enumerate(at.T):
            found[:, column] = (self.times <= t[:, None]).sum(axis=1) - 1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalArrays:
    """What is read off the curves, shapes (data sets,) or (data sets, times).

    nan is what a data set does not have: everything without patients, a median that
    is not reached, limits where the scale of the interval has none.
    ``open_stretch``: the curve stays at exactly one half to the end of follow-up.
    ``restricted_mean`` is nan when no ``tau`` was given.
    """

    n: Ints
    events: Ints
    survival: Floats
    survival_low: Floats
    survival_high: Floats
    median: Floats
    median_low: Floats
    median_high: Floats
    open_stretch: Bools
    restricted_mean: Floats
    restricted_error: Floats


def curve_arrays(time: ArrayLike, event: ArrayLike) -> CurveArrays:
    """Estimate the survival curve of each data set.

    ``time`` (nan: no patient) and ``event``, shapes (data sets, patients). Source:
    Kaplan and Meier 1958. Raises :class:`MethodError` as
    :func:`reanalysis.survival.risk_set_arrays.follow_up_arrays` does.
    """
    rows = follow_up_arrays(time, event)
    return joined([_curves(block) for block in rows.blocks()])


def survival_arrays(
    time: ArrayLike,
    event: ArrayLike,
    *,
    at: ArrayLike = (),
    tau: ArrayLike | None = None,
    rule: str = "midpoint",
    beyond: str = "extend",
    interval: str | None = "log-log",
    conf_level: float = 0.95,
) -> SurvivalArrays:
    """Estimate survival at the times ``at``, the median and the mean up to ``tau``.

    ``time`` (nan: no patient) and ``event``, shapes (data sets, patients); ``at``
    (times,) or (data sets, times); ``tau`` one number or (data sets,). ``rule``,
    ``beyond`` and ``interval`` as in :func:`reanalysis.survival.survival_curve.median`,
    :func:`~reanalysis.survival.survival_curve.restricted_mean` and
    :func:`~reanalysis.survival.survival_curve.product_limit`, where the sources are;
    of the intervals those on a scale are here, None leaves the limits out. Raises
    :class:`MethodError` for other words and for data as
    :func:`reanalysis.survival.risk_set_arrays.follow_up_arrays` does.
    """
    if rule not in RULES:
        raise MethodError(f"There is no rule of the median called {rule!r}.")
    if beyond not in ("extend", "zero"):
        raise MethodError(f"A curve cannot be continued by {beyond!r}.")
    if interval is not None and interval not in SCALES:
        raise MethodError(f"There is no interval of the type {interval!r} on arrays.")
    rows = follow_up_arrays(time, event)
    reach = float(ndtri((1 + conf_level) / 2))
    at = np.asarray(at, dtype=float)
    horizon = np.nan if tau is None else np.asarray(tau, dtype=float)
    horizon = np.broadcast_to(horizon, rows.sets)
    if tau is not None and not (horizon > 0).all():
        raise MethodError("The horizon of a restricted mean must be positive.")
    parts, begun = [], 0
    for block in rows.blocks():
        part = slice(begun, begun + block.sets)
        begun += block.sets
        parts.append(
            _read(
                _curves(block),
                block,
                at if at.ndim < 2 else at[part],
                None if tau is None else horizon[part],
                (rule, beyond, interval),
                reach,
            )
        )
    return joined(parts)


def _curves(rows: FollowUpArrays) -> CurveArrays:
    sets = risk_set_arrays(rows)
    n, d = sets.at_risk.astype(float), sets.events.astype(float)
    survival = np.cumprod((n - d) / n, axis=1)
    with np.errstate(divide="ignore"):
        log_error = np.sqrt(np.cumsum(d / (n * (n - d)), axis=1))
    return CurveArrays(sets.time, sets.at_risk, sets.events, survival, log_error)


def _read(
    curves: CurveArrays,
    rows: FollowUpArrays,
    at: Floats,
    tau: Floats | None,
    how: tuple[str, str, str | None],
    reach: float,
) -> SurvivalArrays:
    rule, beyond, interval = how
    n, events = rows.present.sum(axis=1), curves.events.sum(axis=1)
    nobody = np.where(n == 0, np.nan, 0.0)
    limits = (np.full(curves.times.shape, np.nan),) * 2
    if interval is not None:
        error = reach * curves.log_error
        limits = transformed_limits(curves.survival, error, interval)
        if not rows.present.all():
            absent = curves.times == -np.inf
            limits = tuple(np.where(absent, np.nan, limit) for limit in limits)
    place = curves.at(at)
    survival, low, high = (
        # Before the first step S is 1, and a scale has no limits.
        np.where(place < 0, opening, taken(values, np.maximum(place, 0)))
        if values.shape[1]
        else np.full(place.shape, opening)
        for values, opening in zip(
            (curves.survival, *limits), (1.0, np.nan, np.nan), strict=True
        )
    )
    median, open_stretch = _medians(curves, rule)
    median_low, median_high = (
        _first_time(curves.times, limit < 0.5 if rule == "below" else limit <= 0.5)
        for limit in limits
    )
    mean = error = np.full(len(n), np.nan)
    if tau is not None:
        mean, error = _restricted_means(curves, tau, beyond)
    return SurvivalArrays(
        n, events, survival + nobody[:, None], low, high, median, median_low,
        median_high, open_stretch, mean + nobody, error + nobody,
    )  # fmt: skip


def _first_time(times: Floats, where: Bools) -> Floats:
    """Return the first time of each row that is marked, nan if none is."""
    if not times.shape[1]:
        return np.full(len(times), np.nan)
    place = where.argmax(axis=1)[:, None]
    return np.where(taken(where, place), taken(times, place), np.nan)[:, 0]


def _medians(curves: CurveArrays, rule: str) -> tuple[Floats, Bools]:
    """Return the medians, and which curves end at exactly one half."""
    half = np.abs(curves.survival - 0.5) < 1e-9
    rows = np.flatnonzero(half.any(axis=1))
    if rows.size:
        reached = np.arange(half.shape[1]) <= half[rows].argmax(axis=1)[:, None]
        n = np.where(reached, curves.at_risk[rows], 1)
        d = np.where(reached, curves.events[rows], 0)
        half[rows[~_product_is_half(n - d, n)]] = False
    below = (curves.survival < 0.5) & ~half
    first = _first_time(curves.times, half | below)
    drop = _first_time(curves.times, below)
    open_stretch = half.any(axis=1) & np.isnan(drop)
    if rule == "below":
        return drop, open_stretch
    if rule == "midpoint":
        middle = half.any(axis=1) & ~open_stretch
        first = np.where(middle, (first + drop) / 2, first)
    return first, open_stretch


def _product_is_half(left: Ints, exposed: Ints) -> Bools:
    """Tell where the product of ``left`` / ``exposed`` over a row is exactly 1/2.

    Numbers are equal when they have the same prime factors: that of 2 must occur once
    more below, every other one as often above as below.
    """
    equal = np.ones(len(left), dtype=bool)
    # A step without an event has the same number on both sides.
    for prime, powers in _prime_powers(int(exposed.max())):
        surplus = (powers[left] - powers[exposed]).sum(axis=1)
        equal &= surplus == (-1 if prime == 2 else 0)
    return equal


@lru_cache(maxsize=8)
def _prime_powers(largest: int) -> list[tuple[int, Ints]]:
    """List the primes up to a number, and how often each divides 0 (not), 1, 2, ..."""
    found = []
    for prime in range(2, largest + 1):
        if any(prime % smaller == 0 for smaller, _ in found):
            continue
        powers = np.zeros(largest + 1, dtype=np.int64)
        power = prime
        while power <= largest:
            powers[power::power] += 1
            power *= prime
        found.append((prime, powers))
    return found


def _restricted_means(
    curves: CurveArrays, tau: Floats, beyond: str
) -> tuple[Floats, Floats]:
    times, n = curves.times, curves.at_risk.astype(float)
    if not times.shape[1]:
        return tau, np.zeros(len(tau))
    inside = np.minimum(times, tau[:, None])
    if times[:, 0].min(initial=0.0) == -np.inf:
        inside = np.where(times > -np.inf, inside, 0.0)
    areas = np.empty(times.shape)
    areas[:, :-1] = inside[:, 1:] - inside[:, :-1]
    areas[:, -1] = tau - inside[:, -1]
    areas *= curves.survival
    if beyond == "zero":
        areas[:, -1] = np.where(times[:, -1] < tau, 0.0, areas[:, -1])
    # Where nobody is left the area after it is 0, whatever stands here.
    greenwood = curves.events / (n * np.maximum(n - curves.events, 1))
    after = np.cumsum(areas[:, ::-1], axis=1)[:, ::-1]
    error = np.sqrt((after**2 * greenwood).sum(axis=1))
    return inside[:, 0] + areas.sum(axis=1), error
