"""Curves of many data sets at once against one curve at a time, and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis import data_set_arrays
from reanalysis.errors import MethodError
from reanalysis.survival.risk_set_arrays import follow_up_arrays
from reanalysis.survival.risk_sets import FollowUp, unite
from reanalysis.survival.survival_arrays import (
    CurveArrays,
    _medians,
    _product_is_half,
    curve_arrays,
    survival_arrays,
)
from reanalysis.survival.survival_curve import median, product_limit, restricted_mean

NAN = math.nan


def data_sets(seed, sets=150, patients=14, places=9):
    """Tied times, absent patients and every share of censoring, from none to all."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, places, (sets, patients)).astype(float)
    time[rng.random(time.shape) < rng.random((sets, 1)) * 0.9] = NAN
    event = rng.random(time.shape) < rng.choice([0, 0.3, 0.7, 1], (sets, 1))
    return time, event


def one(time, event):
    has = ~np.isnan(time)
    return FollowUp(time[has], event[has])


@pytest.mark.parametrize(
    ("interval", "rule", "beyond"),
    [
        ("log-log", "midpoint", "extend"),
        ("log", "first_at_or_below", "zero"),
        ("plain", "below", "extend"),
        ("logit", "midpoint", "zero"),
        ("arcsine", "below", "zero"),
    ],
)
def test_agrees_with_one_curve_at_a_time(interval, rule, beyond):
    time, event = data_sets(1)
    at, tau = np.array([0.5, 2.0, 4.5, 8.0, 20.0]), np.linspace(3, 11, len(time))
    many = survival_arrays(
        time, event, at=at, tau=tau, rule=rule, beyond=beyond, interval=interval
    )
    kept, ones = [], []
    for k in range(len(time)):
        rows = one(time[k], event[k])
        if not rows.n:
            assert np.isnan(many.survival[k]).all()
            assert math.isnan(many.median[k] + many.restricted_mean[k])
            continue
        curve = product_limit(rows, interval=interval)
        limits = np.array([curve.limits(int(step)) for step in curve.at(at)])
        middle = median(curve, rule)
        mean = restricted_mean(curve, float(tau[k]), beyond)
        kept.append(k)
        ones.append(
            [
                rows.n,
                rows.events,
                curve.value(at),
                *limits.T,
                middle.time,
                middle.conf_low,
                middle.conf_high,
                middle.open_stretch,
                mean.mean,
                mean.std_error,
            ]
        )
    assert len(kept) > 100
    for name, expected in zip(many.__slots__, zip(*ones, strict=True), strict=True):
        found = getattr(many, name)[kept]
        assert_allclose(found, np.array(expected), rtol=1e-8, atol=1e-12, err_msg=name)


def test_curves_have_the_steps_of_one_at_a_time():
    time, event = data_sets(2, sets=60)
    many = curve_arrays(time, event)
    for k in range(len(time)):
        rows = one(time[k], event[k])
        if not rows.n:
            continue
        curve = product_limit(rows)
        last = curve_places(many.times[k])
        expected = [curve.at_risk, curve.events, curve.survival, curve.log_error]
        found = [many.at_risk, many.events, many.survival, many.log_error]
        assert_array_equal(many.times[k][last], curve.times)
        assert_allclose([x[k][last] for x in found], expected, rtol=1e-10)


def curve_places(times):
    """The last place of each run of equal times, those of nobody left out."""
    last = np.append(times[1:] != times[:-1], True)
    return last & (times > -np.inf)


def test_freireich_by_hand():
    # 6-MP arm: S(6) = 18/21, S(10) = 0.8571 x 16/17 x 14/15, median 23
    # (Freireich 1963; Klein and Moeschberger, table 4.1).
    time = [
        6,
        6,
        6,
        6,
        7,
        9,
        10,
        10,
        11,
        13,
        16,
        17,
        19,
        20,
        22,
        23,
        25,
        32,
        32,
        34,
        35,
    ]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    many = survival_arrays([time], [event], at=[6, 10, 23])
    third = 18 / 21 * 16 / 17 * 14 / 15
    expected = third * 11 / 12 * 10 / 11 * 6 / 7 * 5 / 6
    assert_allclose(many.survival[0], [18 / 21, third, expected], rtol=1e-14)
    assert many.median[0] == 23
    assert math.isnan(many.median_high[0])


def test_medians_of_a_flat_stretch_by_each_rule():
    # S = 1/2 from 2 to 3, from 2 on, and never.
    time = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 2, NAN]]
    event = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, NAN]]
    found = {
        rule: survival_arrays(time, event, rule=rule)
        for rule in ("midpoint", "first_at_or_below", "below")
    }
    assert_array_equal(found["midpoint"].median, [2.5, 2, NAN])
    assert_array_equal(found["first_at_or_below"].median, [2, 2, NAN])
    assert_array_equal(found["below"].median, [3, NAN, NAN])
    for many in found.values():
        assert_array_equal(many.open_stretch, [False, True, False])


def test_one_half_is_told_exactly():
    # 24 patients and no ties: fractions beside floats.
    event = np.random.default_rng(4).random((4000, 24)) < 0.06
    time = np.broadcast_to(np.arange(1.0, 25), event.shape)
    end = [
        math.prod((Fraction(23 - j, 24 - j) for j in np.flatnonzero(row)), start=1)
        for row in event.tolist()
    ]
    half = np.array([s == Fraction(1, 2) for s in end])
    assert half.sum() > 20
    assert_array_equal(survival_arrays(time, event).open_stretch, half)
    # A product that only looks like one half in floats is none.
    near = CurveArrays(*(np.array([[x]]) for x in (1.0, 99, 50, 0.5, 0.1)))
    assert_array_equal(_medians(near, "midpoint"), [[NAN], [False]])


def test_products_of_counts_are_compared_exactly():
    # 49/99 and 61/62 are not 1/2; 35/66 x 33/35 and 31/62 are.
    left = np.array([[49, 1], [35, 33], [31, 1], [61, 1]])
    exposed = np.array([[99, 1], [66, 35], [62, 1], [62, 1]])
    assert_array_equal(_product_is_half(left, exposed), [False, True, True, False])


def test_rounding_of_times_makes_no_steps():
    time = np.array([[0.1 + 0.2, 0.3, 0.3, 1.0]])
    assert unite(time[0])[0] == unite(time[0])[1]
    many = curve_arrays(time, [[1, 1, 0, 0]])
    assert_array_equal(many.events[0].max(), 2)
    found = survival_arrays(time, [[1, 1, 0, 0]], at=[0.3])
    assert_allclose(found.survival[0], 0.5)


def test_blocks_give_the_same_and_keep_the_order(monkeypatch):
    time, event = data_sets(3)
    at = np.linspace(0, 9, len(time) * 2).reshape(-1, 2)
    tau = np.linspace(1, 9, len(time))
    whole = survival_arrays(time, event, at=at, tau=tau)
    monkeypatch.setattr(data_set_arrays, "BLOCK", 40)
    parts = survival_arrays(time, event, at=at, tau=tau)
    for name in whole.__slots__:
        assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_awkward_shapes():
    three = survival_arrays([[1, 2, 3]], [[0, 0, 0]], at=[2], tau=3)
    assert three.survival[0, 0] == 1
    assert three.restricted_mean[0] == 3
    assert three.restricted_error[0] == 0
    assert math.isnan(three.median[0] + three.survival_low[0, 0])
    nobody = survival_arrays([[NAN] * 3], [[NAN] * 3], at=[2], tau=3)
    assert math.isnan(nobody.survival[0, 0] + nobody.restricted_mean[0])
    empty = survival_arrays(np.empty((2, 0)), np.empty((2, 0)), at=[2], tau=3)
    assert np.isnan(empty.survival).all()
    assert np.isnan(empty.median).all()
    none = survival_arrays(np.empty((0, 4)), np.empty((0, 4)), at=[2], tau=3)
    assert none.survival.shape == (0, 1)
    no_limits = survival_arrays([[1, 2]], [[1, 1]], interval=None)
    assert math.isnan(no_limits.median_low[0])
    assert no_limits.survival.shape == (1, 0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: survival_arrays([[1, 2]], [[1, 2]]), "0 or 1 for the event"),
        (lambda: survival_arrays([[1, 2]], [[1, NAN]]), "0 or 1 for the event"),
        (lambda: survival_arrays([[1, np.inf]], [[1, 0]]), "finite"),
        (lambda: survival_arrays([[1]], [[1]], rule="mean"), "rule"),
        (lambda: survival_arrays([[1]], [[1]], beyond="guess"), "continued"),
        (lambda: survival_arrays([[1]], [[1]], interval="bootstrap"), "interval"),
        (lambda: survival_arrays([[1]], [[1]], tau=0), "horizon"),
        (lambda: follow_up_arrays([[1]], [[1]], [[3]]), "0 or 1 for the group"),
        (lambda: follow_up_arrays([[1]], [[1]], [[1]], [[NAN]]), "stratum"),
    ],
)
def test_what_cannot_be_read_is_refused(call, said):
    with pytest.raises(MethodError, match=said):
        call()
