"""Proven bounds: nothing that a list of patients can have lies outside them.

The referees: every list of five or six patients on a grid of times, by enumeration;
members rebuilt from simulated curves, and the true patients behind these.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_members import rebuild
from reanalysis.reconstruction.digitised_curve import PrintedCounts, read_curve
from reanalysis.reconstruction.proven_bounds import (
    at_risk_bounds,
    events_bounds,
    hazard_ratio_bounds,
    log_rank_bounds,
    median_bounds,
    prove,
    restricted_mean_bounds,
    survival_bounds,
)
from reanalysis.survival.cox_arrays import cox_arrays
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.survival_arrays import RULES, survival_arrays


def product_limit(time, event):
    drops = np.unique(time[event == 1])
    at_risk = (time[None, :] >= drops[:, None]).sum(axis=1)
    died = ((time[None, :] == drops[:, None]) & (event == 1)).sum(axis=1)
    return drops, np.cumprod(1 - died / at_risk)


def clean(time, event, error, time_error=0.0):
    drops, survival = product_limit(time, event)
    value = np.append(1.0, survival)
    return read_curve(
        np.append(np.append(0.0, drops), time.max()),
        np.append(value, value[-1]),
        error=error,
        time_error=time_error,
        n=len(time),
        percent=False,
        incidence=False,
    )


def fits(time, event, curve, counts):
    """Say whether a list of patients is allowed, written from the condition."""
    drops, survival = product_limit(time, event)
    if drops.size != curve.time.size or time.max() != curve.end:
        return False
    if (drops != curve.time).any():
        return False
    if (np.abs(survival - curve.survival) > curve.error).any():
        return False
    if counts.events is not None and event.sum() != counts.events:
        return False
    at_risk = (time[None, :] >= counts.tick_time[:, None]).sum(axis=1)
    return bool((at_risk == counts.at_risk).all())


def inside(value, bounds):
    low, high = bounds
    assert low - 1e-7 <= value <= high + 1e-7, (value, bounds)


def check(bounds, time, event, tau):
    """Compare all numbers of lists of patients (lists, n) with the bounds."""
    times = np.linspace(0, time.max() * 0.999, 17)
    for rule in RULES:
        read = survival_arrays(time, event, at=times, tau=tau, rule=rule, interval=None)
        for one in np.nan_to_num(read.median, nan=np.inf):
            inside(one, median_bounds(bounds))
    for one in read.restricted_mean:
        inside(one, restricted_mean_bounds(bounds, tau))
    for k, t in enumerate(times):
        for one in (read.survival[:, k].min(), read.survival[:, k].max()):
            inside(one, survival_bounds(bounds, t))
        for numbers, found in (
            ((time >= t).sum(axis=1), at_risk_bounds(bounds, t)),
            (((time <= t) & (event == 1)).sum(axis=1), events_bounds(bounds, t)),
        ):
            inside(numbers.min(), found)
            inside(numbers.max(), found)
    total = event.sum(axis=1)
    inside(total.min(), events_bounds(bounds))
    inside(total.max(), events_bounds(bounds))


def check_two(group, reference, times, events, arm):
    """Compare hazard ratios and log-rank statistics of lists (lists, n)."""
    low, high = hazard_ratio_bounds(group, reference)
    for ties in ("efron", "breslow"):
        fit = cox_arrays(times, events, arm, ties=ties)
        beta = np.where(fit.infinite != 0, fit.infinite * 100.0, fit.coefficient)
        beta = beta[fit.estimable]
        assert not np.isnan(beta).any()
        assert (beta >= math.log(max(low, 1e-300)) - 1e-7).all()
        assert (beta <= (math.log(high) if high < math.inf else 101) + 1e-7).all()
    statistic = log_rank_arrays(times, events, arm).z ** 2
    statistic = statistic[~np.isnan(statistic)]
    bottom, top = log_rank_bounds(group, reference)
    assert statistic.min(initial=np.inf) >= bottom - 1e-7
    assert statistic.max(initial=0) <= top + 1e-7


def every_list(n, grid, curve, counts):
    """All allowed lists of n patients whose times lie on a grid."""
    kinds = [(t, e) for t in grid for e in (1, 0)]
    found = []
    for rows in itertools.combinations_with_replacement(kinds, n):
        time, event = (np.array(part) for part in zip(*rows, strict=True))
        if fits(time.astype(float), event, curve, counts):
            found.append((time, event))
    times, events = (np.array(part) for part in zip(*found, strict=True))
    return times.astype(float), events


TINY = [
    ([2, 3, 4, 6, 8], [1, 0, 1, 0, 0], {}, 0.05),
    ([2, 3, 4, 6, 8], [1, 0, 1, 0, 0], {"ticks": [3.5, 5]}, 0.05),
    ([2, 2, 4, 5, 6, 8], [1, 0, 1, 1, 0, 0], {"total": True}, 0.0416),
    ([2, 4, 4, 5, 8], [0, 1, 1, 0, 1], {}, 0.05),
    ([3, 4, 7, 8, 8], [0, 0, 0, 0, 0], {}, 0.05),
]


@cache
def tiny(number):
    time, event, print_, error = TINY[number]
    time, event = np.array(time, float), np.array(event)
    curve = clean(time, event, error)
    ticks = np.array(print_.get("ticks", []), float)
    counts = PrintedCounts(
        len(time),
        ticks,
        (time[None, :] >= ticks[:, None]).sum(axis=1),
        int(event.sum()) if "total" in print_ else None,
    )
    grid = sorted({*time, 3.0, 5.0, 7.0})
    return prove(curve, counts), *every_list(len(time), grid, curve, counts)


@pytest.mark.parametrize("number", range(len(TINY)))
def test_no_enumerated_list_is_outside(number):
    bounds, times, events = tiny(number)
    check(bounds, times, events, 6.5)
    # Not bounds of everything: the extremes of some number are reached.
    total = events.sum(axis=1)
    assert (total.min(), total.max()) == events_bounds(bounds)


@pytest.mark.parametrize("pair", [(0, 2), (1, 3), (2, 1), (3, 2), (0, 4)])
def test_no_pair_of_enumerated_lists_is_outside(pair):
    (group, time1, event1), (reference, time0, event0) = (tiny(k) for k in pair)
    rng = np.random.default_rng(1)
    one, zero = (rng.integers(len(t), size=1000) for t in (time1, time0))
    times = np.hstack([time1[one], time0[zero]])
    events = np.hstack([event1[one], event0[zero]])
    arm = np.repeat([1, 0], [time1.shape[1], time0.shape[1]])
    check_two(group, reference, times, events, arm)


def simulated(seed, time_error):
    rng = np.random.default_rng(seed)
    arms = []
    for _ in range(2):
        n = int(rng.integers(4, 40))
        event_at = rng.exponential(10, n)
        censored_at = rng.uniform(1, rng.uniform(8, 60), n)
        time = np.minimum(event_at, censored_at)
        event = (event_at <= censored_at).astype(int)
        if not event.any():
            event[time.argmin()] = 1
        drops, survival = product_limit(time, event)
        error = float(rng.choice([0.002, 0.006]))
        away = rng.uniform(-error, error, drops.size)
        level = (survival + away).clip(0, 1)
        off = rng.uniform(-time_error, time_error, drops.size + 2) / 2
        curve = read_curve(
            np.concatenate([[0], drops, [time.max()]]) + np.append(0, off[1:]).clip(0),
            np.concatenate([[1.0], level, level[-1:]]),
            error=error,
            time_error=time_error,
            n=n,
            percent=False,
            incidence=False,
        )
        ticks = np.arange(0, time.max() - time_error, 5.0) if seed % 3 else np.empty(0)
        counts = PrintedCounts(
            n,
            ticks,
            (time[None, :] >= ticks[:, None]).sum(axis=1),
            int(event.sum()) if seed % 2 else None,
            time[event == 0] if seed % 4 == 3 else None,
        )
        arms.append((time, event, curve, counts))
    return arms


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("time_error", [0.0, 0.1])
def test_members_and_the_truth_are_inside(seed, time_error):
    proven, times, events = [], [], []
    for time, event, curve, counts in simulated(seed, time_error):
        bounds = prove(curve, counts)
        check(bounds, time[None], event[None], time.max() * 0.8)
        try:
            members = rebuild(curve, counts, members=60, seed=seed, count_up_to=0)
        except MethodError:
            # More than the members know can lie between the events of a drop.
            assert time_error
            return
        check(bounds, members.time, members.event, time.max() * 0.8)
        order = np.lexsort((1 - event, time))
        proven.append(bounds)
        times.append(np.vstack([time[order], members.time]))
        events.append(np.vstack([event[order], members.event]))
    arm = np.repeat([1, 0], [times[0].shape[1], times[1].shape[1]])
    check_two(*proven, np.hstack(times), np.hstack(events), arm)


def test_bounds_of_a_curve_that_determines_its_patients():
    # No censoring: hazard ratio and log-rank of two determined arms, times exact.
    time1, time0 = np.array([1.0, 4, 6, 9]), np.array([2.0, 3, 5, 7])
    both = [
        prove(clean(t, np.ones(4, int), 0.001), PrintedCounts(4))
        for t in (time1, time0)
    ]
    fit = cox_arrays(
        np.append(time1, time0)[None], np.ones((1, 8)), np.repeat([1, 0], 4)
    )
    assert hazard_ratio_bounds(*both) == pytest.approx(
        (fit.hazard_ratio[0],) * 2, rel=1e-6
    )
    assert log_rank_bounds(*both)[0] == pytest.approx(log_rank_bounds(*both)[1])
    assert median_bounds(both[0]) == (4.0, 6.0)
    assert restricted_mean_bounds(both[0], 9.0) == pytest.approx((5, 5), abs=0.02)
    assert at_risk_bounds(both[0], 4.0) == (3, 3)
    assert at_risk_bounds(both[0], 4.1) == (2, 2)


def test_what_no_list_fits_is_proven():
    time, event = np.array([2.0, 3, 5, 8, 9]), np.array([1, 0, 1, 1, 0])
    curve = clean(time, event, 0.001)
    with pytest.raises(MethodError, match="proven"):
        prove(curve, PrintedCounts(5, np.array([6.0]), np.array([1])))
    with pytest.raises(MethodError, match="proven"):
        prove(curve, PrintedCounts(5, events=5))
    # Refused before anything is searched: no patient of four is a drop of 0.2.
    with pytest.raises(MethodError, match="n is too small"):
        prove(curve, PrintedCounts(4))
    with pytest.raises(MethodError, match="200 patients"):
        prove(curve, PrintedCounts(201))
    with pytest.raises(MethodError, match="missed"):
        prove(clean(time, event, 0.06), PrintedCounts(5))


def test_a_curve_without_drops_has_bounds():
    arm = prove(clean(np.array([3.0, 4, 7]), np.zeros(3, int), 0.01), PrintedCounts(3))
    assert events_bounds(arm) == (0, 0)
    assert median_bounds(arm) == (math.inf, math.inf)
    assert restricted_mean_bounds(arm, 6.0) == (6.0, 6.0)
    assert at_risk_bounds(arm, 5.0) == (1, 3)
