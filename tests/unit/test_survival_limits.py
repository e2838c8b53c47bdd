"""Small-sample limits of S(t) against R, printed examples and exact laws.

R output is from R 4.2.2 with survival 3.5-3 and km.ci 0.5-6; the call or the formula
stands beside each number.
"""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.survival_curve import median, product_limit
from reanalysis.survival.survival_limits import (
    beta_product,
    beta_products,
    beta_quantile,
    bootstrap_curves,
)
from reanalysis.tables.binomial import clopper_pearson, mid_p_interval

MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def rows(time, event, start=None, person=None):
    return FollowUp(
        np.array(time, dtype=float),
        np.array(event) == 1,
        None if start is None else np.array(start, dtype=float),
        None if person is None else np.array(person),
    )


def limits(curve, *times):
    found = [curve.limits(int(step)) for step in curve.at(times)]
    return np.array(found).T


def test_likelihood_limits_agree_with_r():
    # 2 * sum(n * log(1 + l / n) - (n - d) * log(1 + l / (n - d))) = qchisq(0.95, 1)
    # solved for l by uniroot(tol = 1e-14); S = prod(1 - d / (n + l)).
    curve = product_limit(rows(MP, MP_EVENT), interval="thomas-grunkemeier")
    low, high = limits(curve, 6, 10, 24)
    assert_allclose(low, [0.670079449242, 0.54011172366, 0.202962176580], rtol=1e-8)
    assert_allclose(high, [0.962417451784, 0.90372671106, 0.695766938328], rtol=1e-8)
    # km.ci(survfit(Surv(mp, e) ~ 1), method = "grunkemeier") at 22
    assert_allclose(
        limits(curve, 22).ravel(), [0.285386764676, 0.762309881658], rtol=1e-6
    )
    narrow = product_limit(
        rows(MP, MP_EVENT), interval="thomas-grunkemeier", conf_level=0.9
    )
    assert_allclose(
        limits(narrow, 10).ravel(), [0.576431034286, 0.884983117446], rtol=1e-8
    )


def test_likelihood_limits_of_one_step_are_binomial_ones():
    # 2 of 7 have the event: those p with n log-likelihood ratio 3.841459 / 2,
    # by uniroot in R: 0.3544806, 0.9472556.
    curve = product_limit(rows([1] * 2 + [2] * 5, [1] * 2 + [0] * 5),
                          interval="thomas-grunkemeier")  # fmt: skip
    low, high = limits(curve, 1).ravel()
    for p in (low, high):
        fall = 2 * (2 * math.log(2 / 7 / (1 - p)) + 5 * math.log(5 / 7 / p))
        assert_allclose(fall, 3.841458820694124, rtol=1e-9)
    assert low < 5 / 7 < high
    # Everybody has it: S >= p with n log(1 - p) = -3.841459 / 2 is the upper limit.
    curve = product_limit(rows([1] * 6, [1] * 6), interval="thomas-grunkemeier")
    low, high = limits(curve, 1).ravel()
    assert low == 0
    assert_allclose(high, 1 - math.exp(-3.841458820694124 / 12), rtol=1e-9)


def test_beta_product_agrees_with_the_formula_in_r():
    # ab: S = prod(a / (a + b)), T = prod(a (a + 1) / ((a + b) (a + b + 1))),
    # a' = (S - T) S / (T - S^2), b' = (S - T) (1 - S) / (T - S^2); qbeta of them.
    curve = product_limit(rows(MP, MP_EVENT), interval="beta-product")
    low, high = limits(curve, 6, 10, 24)
    assert_allclose(low, [0.631774090410, 0.500825887026, 0.176196810898], rtol=1e-9)
    assert_allclose(high, [0.969511032378, 0.915030833882, 0.726063738323], rtol=1e-9)
    narrow = product_limit(rows(MP, MP_EVENT), interval="beta-product", conf_level=0.9)
    assert_allclose(
        limits(narrow, 10).ravel(), [0.536849902308, 0.897720659604], rtol=1e-9
    )
    mid = product_limit(rows(MP, MP_EVENT), interval="beta-product-mid-p")
    assert_allclose(
        limits(mid, 10).ravel(), [0.524899560949, 0.903365363171], rtol=1e-8
    )


def test_beta_product_of_the_printed_example():
    # Vignette of R's bpcp: failures at 3, 7, 8 and 14, limits between them.
    curve = product_limit(rows([3, 7, 8, 14], [1] * 4), interval="beta-product")
    low, high = limits(curve, 1, 5, 7.5, 10, 20)
    assert_allclose(
        low, [0.397635364, 0.194120450, 0.067585986, 0.006309463, 0], rtol=1e-7
    )
    assert_allclose(high, [1, 0.9936905, 0.9324140, 0.8058796, 0.6023646], rtol=1e-7)


@pytest.mark.parametrize(
    ("interval", "binomial"),
    [("beta-product", clopper_pearson), ("beta-product-mid-p", mid_p_interval)],
)
def test_without_censoring_limits_are_those_of_a_proportion(interval, binomial):
    for n in (3, 6, 11):
        curve = product_limit(rows(range(1, n + 1), [1] * n), interval=interval)
        for t in range(n + 1):
            found = limits(curve, t + 0.5).ravel()
            assert_allclose(found, binomial(n - t, n), rtol=1e-7, atol=1e-12)


def exact_quantile(rates, p):
    """Quantile of a product of Beta(rate, 1) laws with different rates, exactly."""
    getcontext().prec = 60
    rates = [Decimal(int(r)) for r in rates]
    weight = []
    for i, own in enumerate(rates):
        share = Decimal(1)
        for j, other in enumerate(rates):
            if j != i:
                share *= other / (other - own)
        weight.append(share)
    low, high = Decimal(0), Decimal(1)
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(w * middle**r for w, r in zip(weight, rates, strict=True))
        low, high = (middle, high) if below < Decimal(p) else (low, middle)
    return float(low)


def test_moments_come_near_the_exact_law():
    # The law they stand for: -log of a product of Beta(rate, 1) is a sum of
    # exponentials. The moments are right; the quantiles part by half a point.
    curve = product_limit(rows(MP, MP_EVENT), interval="beta-product")
    leaving = [(6, 3), (7, 1), (10, 1), (13, 1), (16, 1), (22, 1), (23, 1)]
    rates, worst = [], 0.0
    for time, deaths in leaving:
        at_risk = sum(t >= time for t in MP)
        rates += [at_risk - k for k in range(deaths)]
        after = sum(t > time for t in MP)
        low, high = limits(curve, time).ravel()
        worst = max(worst, abs(high - exact_quantile(rates, 0.975)))
        worst = max(worst, abs(low - exact_quantile([*rates, after], 0.025)))
    assert 1e-5 < worst < 6e-3


def test_beta_laws_have_the_moments_of_the_product():
    n, d = np.array([9, 6, 4, 2]), np.array([2, 1, 0, 1])
    laws = beta_products(n, d)
    rng = np.random.default_rng(1)
    drawn = np.prod([rng.beta(8, 2, 400_000), rng.beta(6, 1, 400_000)], axis=0)
    a, b = laws.above[0][2], laws.above[1][2]
    # Four Monte Carlo standard errors of a mean of 400,000.
    error = 4 * drawn.std() / math.sqrt(4e5)
    assert abs(a / (a + b) - drawn.mean()) < error
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    assert_allclose(variance, drawn.var(), rtol=0.02)
    assert_allclose(a / (a + b), 8 / 10 * 6 / 7)
    assert_array_equal(beta_quantile(laws.above, 0.3)[0], 1)
    assert_array_equal(beta_quantile(laws.below, 0.3)[-1], 0)


def test_median_limits_follow_the_limits_of_the_curve():
    found = {
        interval: median(product_limit(rows(MP, MP_EVENT), interval=interval))
        for interval in (
            "beta-product",
            "beta-product-mid-p",
            "thomas-grunkemeier",
        )
    }
    # The first times at which the lower limits above are at most one half.
    assert found["beta-product"].conf_low == 11
    assert found["beta-product-mid-p"].conf_low == 13
    assert found["thomas-grunkemeier"].conf_low == 13
    assert all(math.isnan(m.conf_high) for m in found.values())
    # Three patients: one half lies inside from the start (0.025^(1/3) = 0.29).
    few = median(product_limit(rows([2, 4, 6], [1, 1, 1]), interval="beta-product"))
    assert (few.time, few.conf_low) == (4, 0)
    assert math.isnan(few.conf_high)
    # Six: 1 - 0.025^(1/6) = 0.459 < one half, so the first event it is.
    six = product_limit(rows(range(1, 7), [1] * 6), interval="beta-product")
    assert median(six).conf_low == 1


def test_late_entry_has_no_beta_product():
    late = rows([3, 5, 7], [1, 1, 0], [0, 0, 2])
    curve = product_limit(late, interval="beta-product")
    assert np.isnan(curve.conf_low).all()
    assert np.isnan(curve.opening[0])
    # Two rows of one patient are no late entry.
    split = rows([3, 2, 7], [1, 0, 0], [0, 0, 2], [0, 1, 1])
    whole = product_limit(rows([3, 7], [1, 0]), interval="beta-product")
    assert not split.late_entry
    curve = product_limit(split, interval="beta-product")
    assert_allclose(limits(curve, 1, 3, 7), limits(whole, 1, 3, 7))


def test_bootstrap_limits_are_quantiles_of_resampled_shares():
    # Without censoring S*(t) is a binomial share: quantiles from pbinom(., 10, 0.6):
    # P(X <= 2) = 0.0123, P(X <= 3) = 0.0548, P(X <= 8) = 0.9536, P(X <= 9) = 0.9940.
    curve = product_limit(
        rows(range(1, 11), [1] * 10), interval="bootstrap", seed=20250101
    )
    assert_allclose(limits(curve, 4).ravel(), [0.3, 0.9])
    again = product_limit(
        rows(range(1, 11), [1] * 10), interval="bootstrap", seed=20250101
    )
    assert_array_equal(curve.conf_low, again.conf_low)
    assert np.isnan(limits(curve, 0.5, 10)).all()
    times = np.unique(MP).astype(float)
    drawn = bootstrap_curves(rows(MP, MP_EVENT), times, 3, 4000)[:, times == 10]
    # Greenwood's standard error, from R, within the error of 4000 resamples.
    assert_allclose(drawn.std(), 0.0963496997, rtol=0.06)


def test_bootstrap_draws_patients_not_rows():
    time = np.array([2.0, 4, 5])
    whole = bootstrap_curves(rows([2, 4, 5], [1, 1, 0]), time, 7)
    split = rows([2, 3, 4, 5], [1, 0, 1, 0], [0, 0, 3, 0], [0, 1, 1, 2])
    assert_allclose(bootstrap_curves(split, time, 7), whole)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), min_size=1, max_size=16)
)
def test_limits_enclose_the_curve(pairs):
    time, event = (list(x) for x in zip(*pairs, strict=True))
    for interval in ("beta-product", "beta-product-mid-p", "thomas-grunkemeier"):
        curve = product_limit(rows(time, event), interval=interval)
        known = ~np.isnan(curve.conf_low)
        low, high = curve.conf_low[known], curve.conf_high[known]
        assert (low >= 0).all()
        assert (high <= 1 + 1e-12).all()
        assert (low <= curve.survival[known] + 1e-9).all()
        assert (high >= curve.survival[known] - 1e-9).all()
        # The curve never rises, and neither do its limits.
        assert (np.diff(low) <= 1e-9).all()
        if interval != "beta-product-mid-p":
            assert (np.diff(high) <= 1e-9).all()
        if interval != "thomas-grunkemeier":
            assert known.all()
            assert curve.conf_low[-1] == 0


def test_mid_p_limits_lie_inside():
    n, d = np.array([12, 10, 7, 6, 3]), np.array([1, 2, 0, 1, 1])
    low, high = beta_product(n, d, 0.95)
    mid_low, mid_high = beta_product(n, d, 0.95, mid_p=True)
    assert (mid_low >= low).all()
    assert (mid_high <= high).all()
    assert mid_high[0] == high[0] == 1
