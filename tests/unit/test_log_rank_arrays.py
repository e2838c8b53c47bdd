"""Log-rank tests of many data sets at once, with strata of their own, and R.

Shared strata, shared times and every weight are also compared in
test_log_rank_permutation.py. R output is from R 4.2.2 with survival 3.5-3.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis import data_set_arrays
from reanalysis.errors import MethodError
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.weighted_log_rank import chi_square, log_rank

NAN = math.nan


def data_sets(seed, sets=100, patients=15):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 12, (sets, patients)).astype(float)
    absent = rng.random(time.shape) < rng.random((sets, 1)) * 0.8
    time[absent] = NAN
    event = (rng.random(time.shape) < rng.choice([0, 0.3, 1], (sets, 1))).astype(float)
    group = (rng.random(time.shape) < rng.choice([0.1, 0.5], (sets, 1))).astype(float)
    stratum = rng.integers(0, 4, time.shape) * 1.5
    for values in (event, group, stratum):
        values[absent] = NAN
    return time, event, group, stratum


def one_at_a_time(time, event, group, stratum, kind):
    """Observed, expected, difference, variance and p-value of one data set."""
    has = ~np.isnan(time)
    _, codes = np.unique(stratum[has], return_inverse=True)
    try:
        found = log_rank(
            FollowUp(time[has], event[has] == 1), (group[has] == 0) * 1, codes, **kind
        )
    except MethodError:
        return 0, 0, 0, 0, NAN
    try:
        p = chi_square(found).p_value
    except MethodError:
        p = NAN
    whole = found.observed, found.expected, found.difference
    return *(x[0] for x in whole), found.variance[0, 0], p


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"weights": "tarone-ware"},
        {"weights": "peto-peto"},
        {"weights": "fleming-harrington", "rho": 1.0, "gamma": 0.5},
    ],
)
def test_strata_of_each_data_set_agree_with_one_at_a_time(kind):
    data = data_sets(1)
    many = log_rank_arrays(*data, **kind)
    ones = [one_at_a_time(*(x[k] for x in data), kind) for k in range(len(data[0]))]
    names = ("observed", "expected", "difference", "variance", "p_value")
    for name, expected in zip(names, zip(*ones, strict=True), strict=True):
        found = getattr(many, name)
        if name in ("observed", "expected"):
            # One data set without events is refused before anything is counted.
            found = np.where(many.observed + many.variance > 0, found, expected)
        assert_allclose(found, expected, rtol=1e-8, atol=1e-10, err_msg=name)
    assert 30 < np.isnan(many.p_value).sum() < 90


def test_stratified_as_in_r():
    # d <- data.frame(t = c(1:12, 3, 3), e = c(1,1,0,1,1,1,0,1,1,0,1,1,1,1),
    #   g = c(0,1,0,0,1,1,0,1,0,1,1,0,1,0), s = rep(1:2, 7))
    # survdiff(Surv(t, e) ~ g + strata(s), d): sums of obs and exp, var[2, 2], pvalue
    time = [[*range(1, 13), 3, 3]]
    event = [[1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1]]
    group = [[0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0]]
    found = log_rank_arrays(time, event, group, [1, 2] * 7)
    assert found.observed[0] == 6
    assert_allclose(found.expected, 6.0166666666667, rtol=1e-9)
    assert_allclose(found.variance, 2.1395181405896, rtol=1e-9)
    assert_allclose(found.p_value, 0.99090879549891, rtol=1e-9)


def test_nothing_of_one_stratum_reaches_another():
    time, event, group, stratum = data_sets(4)
    whole = log_rank_arrays(time, event, group, stratum)
    parts = [
        log_rank_arrays(np.where(stratum == s, time, NAN), event, group)
        for s in (0, 1.5, 3, 4.5)
    ]
    for name in ("observed", "expected", "difference", "variance"):
        total = sum(getattr(part, name) for part in parts)
        assert_allclose(getattr(whole, name), total, atol=1e-12)


def test_times_apart_by_rounding_are_tied():
    event, group = [[1, 1, 1, 0]], [[1, 0, 0, 1]]
    plain = log_rank_arrays([[0.3, 0.3, 0.5, 0.6]], event, group)
    noisy = log_rank_arrays([[0.1 + 0.2, 0.3, 0.5, 0.6]], event, group)
    assert_array_equal(plain.variance, noisy.variance)
    # n = 4, d = 2, n1 = 2: 2 x 1/4 x 2/3 = 1/3; then n = 2, n1 = 1: 1/4
    assert_allclose(noisy.variance, 1 / 3 + 1 / 4)


def test_blocks_and_shared_rows(monkeypatch):
    time, event, group, stratum = data_sets(5)
    group = np.nan_to_num(group)
    time[0] = np.arange(15) // 2
    event[0], stratum[0] = 1, np.arange(15) % 2
    whole = log_rank_arrays(time, event, group, stratum)
    shared = log_rank_arrays(time[0], event[0], group, stratum[0])
    tiled = log_rank_arrays(
        *(np.tile(x[0], (len(time), 1)) for x in (time, event)), group, stratum[0]
    )
    monkeypatch.setattr(data_set_arrays, "BLOCK", 45)
    parts = log_rank_arrays(time, event, group, stratum)
    again = log_rank_arrays(time[0], event[0], group, stratum[0])
    for name in ("observed", "expected", "difference", "variance"):
        assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-12)
        assert_allclose(getattr(shared, name), getattr(tiled, name), rtol=1e-12)
        assert_allclose(getattr(shared, name), getattr(again, name), rtol=1e-12)
    assert (shared.variance > 0).sum() > 50
