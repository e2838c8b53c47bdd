"""Rank tests of many data sets at once against one at a time and enumeration."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis import data_set_arrays
from reanalysis.errors import MethodError
from reanalysis.measurements.location import (
    decimal,
    mann_whitney_test,
    signed_rank_test,
)
from reanalysis.measurements.rank_test_arrays import (
    mann_whitney_arrays,
    signed_rank_arrays,
)

NAN = math.nan
ALTERNATIVES = ("two-sided", "greater", "less")


def data_sets(seed, sets=60, patients=12):
    """Differences with ties, zeros and absent patients, some of one decimal."""
    rng = np.random.default_rng(seed)
    d = rng.normal(1, 3, (sets, patients))
    d[: sets // 2] = np.round(d[: sets // 2])
    d[sets // 2 : -10] = np.round(d[sets // 2 : -10], 1) + 0.1 - 0.1
    d[rng.random(d.shape) < rng.random((sets, 1)) * 0.9] = NAN
    d[3] = NAN
    d[4] = 0
    return d


@pytest.mark.parametrize("zeros", ["wilcox", "pratt", "zsplit"])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("how", [{}, {"exact": False}, {"exact": False, "continuity": True}])  # fmt: skip
def test_signed_rank_agrees_with_one_at_a_time(zeros, alternative, how):
    d = data_sets(1)
    words = {"zeros": zeros, "alternative": alternative, **how}
    many = signed_rank_arrays(d, **words)
    expected = []
    for row in d:
        row = row[~np.isnan(row)]
        found = signed_rank_test(decimal(row), **words) if row.size else None
        expected.append((found.statistic, found.p_value) if found else (NAN, NAN))
    assert_allclose(np.column_stack([many.statistic, many.p_value]), expected, rtol=1e-10)  # fmt: skip
    assert_array_equal(many.n, (~np.isnan(d)).sum(axis=1))
    assert np.isfinite(many.p_value).sum() > 40


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("how", [{}, {"exact": False}, {"exact": False, "continuity": True}])  # fmt: skip
def test_mann_whitney_agrees_with_one_at_a_time(alternative, how):
    values = data_sets(2)
    group = np.random.default_rng(3).random(values.shape) < 0.4
    many = mann_whitney_arrays(values, group, alternative=alternative, **how)
    expected = []
    for row, inside in zip(values, group, strict=True):
        has = ~np.isnan(row)
        x, y = row[has & inside], row[has & ~inside]
        if x.size and y.size:
            found = mann_whitney_test(x, y, alternative=alternative, **how)
            expected.append((found.statistic, found.p_value))
        else:
            expected.append((NAN, NAN))
    assert_allclose(np.column_stack([many.statistic, many.p_value]), expected, rtol=1e-10)  # fmt: skip
    assert 40 < np.isfinite(many.p_value).sum() < 60


def test_signed_rank_by_enumeration():
    # Ranks 1.5, 1.5, 3.5, 3.5, 5 and all 32 signs.
    d = np.array([[1, -1, 2, 2, 3], [-1, -1, 2, -2, 3]])
    ranks = np.array([1.5, 1.5, 3.5, 3.5, 5])
    sums = np.array([ranks @ signs for signs in product([0, 1], repeat=5)])
    found = signed_rank_arrays(d)
    for row, statistic, p in zip(d, found.statistic, found.p_value, strict=True):
        assert statistic == ranks @ (row > 0)
        assert_allclose(p, np.mean(abs(sums - 7.5) >= abs(statistic - 7.5)))


def test_mann_whitney_by_enumeration():
    values, group = np.array([[1, 1, 2, 5, 5, 7, 8]]), np.array([1, 0, 0, 1, 1, 0, 0])
    ranks = np.array([1.5, 1.5, 3, 4.5, 4.5, 6, 7])
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(7), 3)])
    found = mann_whitney_arrays(values, group)
    own = ranks @ group
    # 12 is the mean of three ranks of 1 to 7.
    assert_allclose(found.p_value, np.mean(abs(sums - 12) >= abs(own - 12)))
    assert_allclose(found.statistic, own - 6)


def test_beyond_the_exact_laws_the_normal_one_is_said():
    rng = np.random.default_rng(7)
    d = rng.normal(0.3, 1, (3, 60))
    d[0, 50:] = NAN
    d[1, 51:] = 0
    many = signed_rank_arrays(d)
    assert_array_equal(many.exact, [True, False, False])
    for row, p in zip(d, many.p_value, strict=True):
        assert_allclose(p, signed_rank_test(decimal(row[~np.isnan(row)])).p_value)
    group = np.arange(60) % 2
    many = mann_whitney_arrays(d, group)
    assert_array_equal(many.exact, [True, False, False])
    x, y = d[2, 1::2], d[2, ::2]
    assert_allclose(many.p_value[2], mann_whitney_test(x, y).p_value)


def test_noise_of_decimals_breaks_no_ties():
    after = np.array([[5.1, 4.9, 0.3, 7.0], [5100, 4900, 300, 7e12]])
    before = np.array([[4.8, 4.6, 0.0, 7.3], [4800, 4600, 0, 7e12 + 300]])
    found = signed_rank_arrays(after - before)
    # Four differences of 0.3, one negative: 10 of 16 signs are as extreme.
    assert_allclose(found.p_value, 10 / 16)


def test_awkward_data_sets():
    zeros = signed_rank_arrays([[0, 0, 0], [NAN, NAN, NAN], [1, 2, 4]])
    assert_array_equal(zeros.p_value, [1, NAN, 0.25])
    equal = mann_whitney_arrays([[2, 2, 2], [1, 2, 3], [NAN, NAN, 3]], [1, 0, 0])
    assert_array_equal(equal.p_value, [1, 2 / 3, NAN])
    assert_array_equal(equal.exact, [True, True, False])
    normal = mann_whitney_arrays([[2, 2, 2]], [1, 0, 0], exact=False)
    assert normal.p_value[0] == 1
    assert signed_rank_arrays(np.empty((0, 5))).p_value.shape == (0,)
    assert np.isnan(signed_rank_arrays(np.empty((2, 0))).p_value).all()


def test_blocks_keep_the_order(monkeypatch):
    d = data_sets(8)
    group = np.arange(12) % 3 == 0
    whole = signed_rank_arrays(d), mann_whitney_arrays(d, group)
    monkeypatch.setattr(data_set_arrays, "BLOCK", 60)
    parts = signed_rank_arrays(d), mann_whitney_arrays(d, group)
    for one, other in zip(whole, parts, strict=True):
        assert_array_equal(one.p_value, other.p_value)
        assert_array_equal(one.statistic, other.statistic)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: signed_rank_arrays([[1, np.inf]]), "finite"),
        (lambda: signed_rank_arrays([[1.0]], zeros="keep"), "Zeros"),
        (lambda: signed_rank_arrays([[1.0]], alternative="up"), "alternative"),
        (lambda: mann_whitney_arrays([[1.0, 2]], [[1, NAN]]), "0 or 1 for the group"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, said):
    with pytest.raises(MethodError, match=said):
        call()
