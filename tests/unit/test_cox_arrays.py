"""Hazard ratios of many data sets at once against one fit at a time, R and by hand.

R output is from R 4.2.2 with survival 3.5-3; the call stands beside each number.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis import data_set_arrays
from reanalysis.errors import MethodError
from reanalysis.survival.cox_arrays import cox_arrays
from reanalysis.survival.hazard_ratios import (
    check_estimable,
    likelihood_ratio_and_score_tests,
    maximise,
    profile_limits,
)
from reanalysis.survival.partial_likelihood import partial_likelihood

NAN = math.nan
FIELDS = ("coefficient", "std_error", "low", "high", "likelihood_ratio", "score")


def data_sets(seed, sets=120, patients=12, places=12, strata=3):
    """Ties, absent patients, lopsided groups, and censoring from none to all."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, places, (sets, patients)).astype(float)
    time[rng.random(time.shape) < rng.random((sets, 1)) * 0.8] = NAN
    event = rng.random(time.shape) < rng.choice([0, 0.2, 0.7, 1], (sets, 1))
    group = rng.random(time.shape) < rng.choice([0.1, 0.5, 0.8], (sets, 1))
    stratum = rng.integers(0, strata, time.shape).astype(float)
    return time, event, group, stratum


def one_at_a_time(time, event, group, stratum, ties, profile=False):
    """The fields of one data set, and the sign of an infinite estimate."""
    nothing = dict.fromkeys(FIELDS, NAN), 0, False
    has = ~np.isnan(time)
    stratum = None if stratum is None else stratum[has].astype(int)
    try:
        likelihood = partial_likelihood(
            group[has].astype(float), time[has], event[has], stratum=stratum, ties=ties
        )
    except MethodError:
        return nothing
    if not check_estimable(likelihood)[0]:
        return nothing
    fit = maximise(likelihood)
    ratio, score = likelihood_ratio_and_score_tests(likelihood, fit, [0])
    sign = int(fit.infinite[0])
    b = NAN if sign else fit.coefficient[0]
    error = NAN if sign else math.sqrt(fit.covariance[0, 0])
    limits = b - 1.959963984540054 * error, b + 1.959963984540054 * error
    if profile:
        limits = profile_limits(likelihood, fit, 0, 0.95)
    values = (b, error, *limits, ratio.statistic, score.statistic)
    return dict(zip(FIELDS, values, strict=True)), sign, True


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("interval", ["wald", "profile"])
def test_agrees_with_one_fit_at_a_time(ties, stratified, interval):
    time, event, group, stratum = data_sets(5 + stratified)
    stratum = stratum if stratified else None
    many = cox_arrays(time, event, group, stratum, ties=ties, interval=interval)
    fits = [
        one_at_a_time(
            time[k], event[k], group[k], stratum[k] if stratified else None, ties,
            interval == "profile",
        )
        for k in range(len(time))
    ]  # fmt: skip
    values, signs, estimable = zip(*fits, strict=True)
    assert_array_equal(many.infinite, signs)
    assert_array_equal(many.estimable, estimable)
    assert many.converged.all()
    assert 20 < np.count_nonzero(np.isfinite(many.coefficient)) < 110
    assert np.count_nonzero(many.infinite) > 5
    assert np.count_nonzero(~many.estimable) > 5
    for name in FIELDS:
        expected = [fit[name] for fit in values]
        assert_allclose(
            getattr(many, name), expected, rtol=1e-8, atol=1e-8, err_msg=name
        )
    present = ~np.isnan(time)
    assert_array_equal(many.events, (event & present).sum(axis=1))
    assert (many.informative <= many.events).all()


def test_pairs():
    # Pairs that fail in turn: HR = pairs in which the group failed first / others.
    time = np.array([[1, 2, 3, 4, 5, 6, 8, 7, 9, 9, 1, 2]], dtype=float)
    event = np.array([[1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1]])
    group = np.array([[1, 0] * 6])
    pair = np.repeat(np.arange(6), 2)[None, :]
    found = cox_arrays(time, event, group, pair)
    assert_allclose(found.hazard_ratio, 3, rtol=1e-12)
    assert_allclose(found.std_error, math.sqrt(4 / 3), rtol=1e-12)
    # Score: (3 - 2)^2 / 1, the sign test; ratio: 2 (3 log 3/4 + log 1/4 - 4 log 1/2)
    assert_allclose(found.score, 1, rtol=1e-12)
    ratio = 2 * (3 * math.log(0.75) + math.log(0.25) - 4 * math.log(0.5))
    assert_allclose(found.likelihood_ratio, ratio, rtol=1e-12)
    assert found.informative[0] == 4
    assert found.events[0] == 8
    assert_allclose(found.wald_p, math.erfc(math.log(3) / math.sqrt(4 / 3) / 2**0.5))
    assert_allclose(found.score_p, math.erfc(1 / math.sqrt(2)))
    assert_allclose(found.likelihood_ratio_p, math.erfc(math.sqrt(ratio / 2)))


FREIREICH_TIMES = """6 6 6 6 7 9 10 10 11 13 16 17 19 20 22 23 25 32 32 34 35
    1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"""
FREIREICH = (
    list(map(float, FREIREICH_TIMES.split())),
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0] + [1] * 21,
    [0] * 21 + [1] * 21,
)


@pytest.mark.parametrize(
    ("ties", "b", "se", "ratio", "score"),
    # MASS::gehan; for (how in c("efron", "breslow", "exact")) summary(coxph(
    #   Surv(time, cens) ~ I(treat == "control"), gehan, ties = how,
    #   control = coxph.control(eps = 1e-14, iter.max = 50)))
    [
        ("efron", 1.57212514883, 0.412396717709, 16.351690839, 17.2465367957),
        ("breslow", 1.50919141259, 0.409564406367, 15.2108568142, 15.930539564),
        ("exact", 1.62824395167, 0.433131296492, 16.2523561765, 16.7929409892),
    ],
)
def test_freireich_as_in_r(ties, b, se, ratio, score):
    time, event, group = ([row, row] for row in FREIREICH)
    found = cox_arrays(time, event, group, ties=ties)
    assert_allclose(found.coefficient, b, rtol=1e-6)
    assert_allclose(found.std_error, se, rtol=1e-6)
    assert_allclose(found.likelihood_ratio, ratio, rtol=1e-6)
    assert_allclose(found.score, score, rtol=1e-6)


def test_infinite_estimates_are_flagged_and_never_a_number():
    time = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [1, 1, 2, 2]]
    event = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    group = [[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 1, 0]]
    found = cox_arrays(time, event, group, interval="profile")
    assert_array_equal(found.infinite, [1, -1, 0, 0])
    assert_array_equal(found.estimable, [True, True, False, True])
    assert_array_equal(np.isnan(found.coefficient), [True, True, True, False])
    assert_array_equal(np.isnan(found.wald_p), [True, True, True, False])
    # L(inf) / L(0) = (1/2 1/3)^-1: two deaths of two among four, then among three.
    assert_allclose(found.likelihood_ratio[:2], 2 * math.log(4 / 2 * 3))
    assert_array_equal(found.high[:1], [np.inf])
    assert_array_equal(found.low[1:2], [-np.inf])
    assert_allclose(found.low[0], -found.high[1], rtol=1e-9)
    assert math.isfinite(found.low[0])
    assert math.isnan(found.low[2] + found.score[2] + found.likelihood_ratio[2])
    # One of each group dies at each time: no difference, and a standard error.
    assert abs(found.coefficient[3]) < 1e-10
    wald = cox_arrays(time, event, group)
    assert np.isnan(wald.low[:3]).all()
    exact = cox_arrays(time, event, group, ties="exact")
    assert_array_equal(exact.estimable, [True, True, False, True])


def test_nobody_and_nothing():
    for interval in ("wald", "profile"):
        nobody = cox_arrays(
            [[NAN] * 3], [[NAN] * 3], [[NAN] * 3], [[NAN] * 3], interval=interval
        )
        assert not nobody.estimable[0]
        assert math.isnan(nobody.coefficient[0])
        assert nobody.events[0] == 0
        none = cox_arrays(np.empty((2, 0)), np.empty((2, 0)), np.empty((2, 0)))
        assert np.isnan(none.coefficient).all()
        assert cox_arrays(*(np.empty((0, 3)),) * 3).coefficient.shape == (0,)
    one_arm = cox_arrays([[1, 2, 3]], [[1, 1, 1]], [[1, 1, 1]])
    assert not one_arm.estimable[0]


def test_shared_rows_and_blocks(monkeypatch):
    time, event, group, stratum = data_sets(9)
    time[0, :8] = [1, 2, 2, 3, 4, 5, 6, 6]
    event[0, :8] = True
    shared = cox_arrays(time[0], event[0], group, stratum[0])
    tiled = cox_arrays(
        *(np.tile(x[0], (len(time), 1)) for x in (time, event)),
        group,
        np.tile(stratum[0], (len(time), 1)),
    )
    whole = cox_arrays(time, event, group, stratum, interval="profile")
    monkeypatch.setattr(data_set_arrays, "BLOCK", 50)
    parts = cox_arrays(time, event, group, stratum, interval="profile")
    again = cox_arrays(time[0], event[0], group, stratum[0])
    assert np.isfinite(shared.coefficient).sum() > 20
    for name in whole.__slots__:
        assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-9)
        assert_allclose(getattr(shared, name), getattr(tiled, name), rtol=1e-9)
        assert_allclose(getattr(shared, name), getattr(again, name), rtol=1e-9)


def test_many_tied_deaths_stay_in_range():
    # 300 of 600 die at once: the sums of the exact likelihood pass 1e170.
    time = np.concatenate([np.ones(300), np.full(300, 2.0)])
    group = np.arange(600) % 3 == 0
    found = cox_arrays([time], [time == 1], [group], ties="exact")
    # As many deaths of the group as expected: the estimate is 0.
    assert abs(found.coefficient[0]) < 1e-9
    # Conditional odds ratio; variance of the hypergeometric law at 0.
    assert_allclose(found.std_error[0], 1 / math.sqrt(300 * 200 / 600 * 400 / 600 * 300 / 599))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_groups_named_the_other_way_round(seed):
    time, event, group, stratum = data_sets(seed, sets=6)
    for ties in ("efron", "breslow", "exact"):
        found = cox_arrays(time, event, group, stratum, ties=ties, interval="profile")
        other = cox_arrays(time, event, ~group, stratum, ties=ties, interval="profile")
        tight = {"rtol": 1e-8, "atol": 1e-8}
        assert_allclose(found.coefficient, -other.coefficient, **tight)
        assert_allclose(found.low, -other.high, **tight)
        assert_allclose(found.likelihood_ratio, other.likelihood_ratio, **tight)
        assert_array_equal(found.infinite, -other.infinite)
        # Nothing else than the order of times matters.
        later = cox_arrays(time**2 + 5, event, group, stratum, ties=ties)
        assert_allclose(found.coefficient, later.coefficient, **tight)


@pytest.mark.parametrize(
    ("words", "said"),
    [({"ties": "average"}, "ties"), ({"interval": "firth"}, "interval")],
)
def test_other_words_are_refused(words, said):
    with pytest.raises(MethodError, match=said):
        cox_arrays([[1, 2]], [[1, 1]], [[1, 0]], **words)
