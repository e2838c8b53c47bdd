"""Counts before and after against R, enumeration, numerical integration, simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies
from scipy import optimize, stats

from reanalysis.errors import MethodError
from reanalysis.events.paired_counts import conditional_law, fieller
from reanalysis.events.selection_effect import (
    expected_after,
    hauer,
    shape_profile,
    truncated_mean,
    truncated_poisson_mean,
)
from reanalysis.methods import before_after_counts
from reanalysis.results import Estimate
from reanalysis.sample import Sample

SETTINGS = {
    "test": "exact-conditional",
    "interval": "exact",
    "alternative": "two-sided",
    "shape_range": [0.25, 100],
    "shapes_shown": [0.5, 1, 2, 5],
    "means_above_criterion": [0.5, 1, 2, 4],
    "conf_level": 0.95,
    "seed": 1,
}
BEFORE = np.array([2, 2, 3, 4, 2, 5, 3, 2, 4, 3])
AFTER = np.array([1, 0, 2, 1, 0, 3, 1, 1, 2, 0])


def close(value, rel=1e-6):
    return pytest.approx(value, rel=rel, abs=1e-12)


def rows_of(before, after, kind="individual", **options) -> Sample:
    frame = pd.DataFrame({"before": before, "after": after})
    frame["id"] = [f"p{i}" for i in range(len(frame))]
    return Sample(kind=kind, rows=frame, options=options)


def only(rows, statistic, **where) -> Estimate:
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


# Given each patient's total


def test_without_a_criterion_it_is_the_binomial_of_the_totals():
    # R: binom.test(11, 41): p and limits as odds
    rows = before_after_counts.estimate(rows_of(BEFORE, AFTER), SETTINGS)
    row = only(rows, "rate_ratio", term="")
    assert row.estimate == close(11 / 30)
    assert row.p_value == close(0.00432400493446)
    assert (row.conf_low, row.conf_high) == close((0.165790579590, 0.752678503258))
    assert row.test == row.interval_method == "conditional exact"
    assert not any(r.statistic == "selection_reduction" for r in rows)


@pytest.mark.parametrize(
    ("before", "after", "times", "k"),
    [
        ([2, 3, 2], [1, 0, 2], [1, 1, 1], 2),
        ([1, 4, 2, 3], [2, 0, 1, 3], [1, 0.5, 2, 0.75], 1),
        ([3, 2], [0, 1], [1, 2], 0),
    ],
)
def test_conditional_law_by_enumeration(before, after, times, k):
    law = conditional_law(np.array(before), np.array(after), np.array(times), k)
    total = [b + a for b, a in zip(before, after, strict=True)]

    def tails(ratio):
        """All outcomes of the patients, each a binomial of its total cut at k."""
        sums = np.zeros(sum(total) + 1)
        for later in product(*(range(t - k + 1) for t in total)):
            p = 1.0
            for y, t, e in zip(later, total, times, strict=True):
                share = ratio * e / (1 + ratio * e)
                p *= math.comb(t, y) * share**y * (1 - share) ** (t - y)
            sums[sum(later)] += p
        sums /= sums.sum()
        seen = sum(after)
        return sums[: seen + 1].sum(), sums[seen:].sum(), sums @ np.arange(sums.size)

    for ratio in (0.2, 1.0, 3.0):
        p = law.probabilities(math.log(ratio))
        seen = law.observed
        assert (p[: seen + 1].sum(), p[seen:].sum()) == close(tails(ratio)[:2], 1e-10)
    assert tails(law.estimate())[2] == close(sum(after))
    low, high = law.limits()
    assert tails(low)[1] == close(0.025)
    assert tails(high)[0] == close(0.025)
    p = law.probabilities(0.0)
    assert law.test().p_value == close(p[p <= p[law.observed] * (1 + 1e-7)].sum())
    mid_low, mid_high = law.limits(mid_p=True)
    assert low < mid_low < law.estimate() < mid_high < high


def test_the_law_does_not_depend_on_the_patients_rates():
    """Monte Carlo: given totals and criterion, very unequal rates leave the law."""
    rng = np.random.default_rng(5)
    rates = np.array([0.3, 4.0])
    x, y = rng.poisson(rates, (700_000, 2)), rng.poisson(0.6 * rates, (700_000, 2))
    kept = (x >= 2).all(axis=1) & ((x + y) == [3, 6]).all(axis=1)
    later = y[kept].sum(axis=1)
    assert later.size > 500
    law = conditional_law(np.array([2, 4]), np.array([1, 2]), 1.0, 2)
    p = law.probabilities(math.log(0.6))
    seen = np.bincount(later, minlength=p.size)
    chi_square = ((seen - later.size * p) ** 2 / (later.size * p)).sum()
    assert stats.chi2.sf(chi_square, p.size - 1) > 1e-3


def test_ends_of_the_law():
    law = conditional_law(np.array([2, 2]), np.array([1, 3]), 1.0, 2)
    assert law.estimate() == math.inf
    assert law.limits()[1] == math.inf
    law = conditional_law(np.array([2, 2]), np.array([0, 0]), 1.0, 0)
    assert law.estimate() == 0
    assert law.limits() == close((0, 0.025**-0.25 - 1))
    with pytest.raises(MethodError, match="fewer than 2"):
        conditional_law(np.array([1]), np.array([1]), 1.0, 2)
    with pytest.raises(MethodError, match="up to"):
        conditional_law(np.array([5000]), np.array([1]))
    many = conditional_law(np.full(20, 30), np.full(20, 15))
    assert many.estimate() == close(0.5)
    b = stats.binomtest(300, 900).proportion_ci(method="exact")
    assert many.limits() == close((b.low / (1 - b.low), b.high / (1 - b.high)))


@settings(max_examples=40, deadline=None)
@given(
    strategies.lists(
        strategies.tuples(strategies.integers(0, 6), strategies.integers(0, 6)),
        min_size=3,
        max_size=16,
    )
)
def test_limits_and_tests_agree(pairs):
    before, after = np.array(pairs).T
    if before.sum() + after.sum() == 0:
        return
    law = conditional_law(before, after)
    low, high = law.limits()
    doubled = law.test(doubled=True).p_value
    assert low <= law.estimate() <= high
    assert (doubled < 0.05) == (not low <= 1 <= high) or abs(doubled - 0.05) < 1e-9


def test_fieller_against_the_paired_t_test():
    # R: t.test(after, before, paired = TRUE)
    found = fieller(AFTER, BEFORE)
    assert found.p_value == close(1.92107010823e-05)
    for limit in (found.conf_low, found.conf_high):
        assert fieller(AFTER, BEFORE, null=limit).p_value == close(0.05)
    # The mean to compare with is not clear of 0: no upper limit.
    wide = fieller(np.array([1.0, 3, 2, 5]), np.array([0.0, 0, 1, 0]))
    assert wide.conf_high == math.inf
    assert fieller(np.array([1.0, 3, 2, 5]), np.array([0.0, 0, 1, 0]),
                   null=wide.conf_low).p_value == close(0.05)  # fmt: skip
    for later, earlier, said in (
        ([1], [2], "One patient"),
        ([1, 2], [0, 0], "no count"),
        ([1, 1], [2, 2], "same in every"),
    ):
        with pytest.raises(MethodError, match=said):
            fieller(np.array(later), np.array(earlier))


# Selection


@pytest.mark.parametrize(
    ("shape", "q", "k"), [(0.5, 0.6, 2), (3, 0.4, 1), (20, 0.1, 3), (1, 0.7, 2)]
)
def test_truncated_expectations_by_summation(shape, q, k):
    x = np.arange(4000)
    p = stats.nbinom.pmf(x, shape, 1 - q)
    mean = (x * p)[k:].sum() / p[k:].sum()
    odds = math.log(q / (1 - q))
    assert truncated_mean(shape, odds, k) == close(mean, 1e-10)
    # E[rate | x] is q (shape + x) periods' worth; it must also be Hauer's.
    after = (q * (shape + x) * p)[k:].sum() / p[k:].sum()
    assert after == close((x * p)[k + 1 :].sum() / p[k:].sum(), 1e-10)
    found = expected_after(mean, k, [shape])
    assert found.log_odds == close(odds, 1e-9)
    assert found.after == close(after, 1e-10)
    assert found.reduction == close(1 - after / mean)
    poisson = stats.poisson.pmf(x, 2.5)
    mean = (x * poisson)[k:].sum() / poisson[k:].sum()
    assert truncated_poisson_mean(math.log(2.5), k) == close(mean, 1e-10)
    assert expected_after(mean, k, [math.inf]).after == close(2.5, 1e-9)


def test_closed_form_for_the_geometric():
    # Shape 1 is memoryless: X - k given X >= k is the count itself, so that
    # m = k + q / (1 - q) and the fall is k P(X = k | X >= k) / m = k (1 - q) / m.
    for k, m in ((2, 3.0), (1, 4.0), (3, 3.5)):
        q = (m - k) / (1 + m - k)
        found = expected_after(m, k, [1.0])
        assert found.reduction == close(k * (1 - q) / m, 1e-10)
    assert expected_after(3.0, 2, [1.0]).reduction == close(1 / 3, 1e-10)


def test_extreme_shapes_and_means():
    falls = expected_after(3.0, 2, np.geomspace(1e-4, 1e7, 60)).reduction
    assert (np.diff(falls) < 1e-9).all()
    assert falls[-1] == close(float(expected_after(3.0, 2, [math.inf]).reduction[0]))
    # At the criterion itself nobody's rate can be told from 0.
    assert expected_after(2.0, 2, [0.5, 5, math.inf]).reduction == close([1, 1, 1])
    near = expected_after(2.000001, 2, [0.5, 5, math.inf]).reduction
    assert (near > 0.9999).all()
    # Far from it selection takes nothing.
    assert (expected_after(60.0, 2, [5, math.inf]).reduction < 1e-5).all()
    assert expected_after(3.0, 0, [0.5, 5]).reduction == close([0, 0])
    for mean, k in ((1.9, 2), (0, 0), (math.nan, 2)):
        with pytest.raises(MethodError):
            expected_after(mean, k, [1])
    with pytest.raises(MethodError, match="positive"):
        expected_after(3, 2, [0])


@pytest.mark.parametrize("law", ["gamma", "two classes"])
def test_hauer_and_gamma_by_simulation(law):
    rng = np.random.default_rng(11)
    n = 600_000
    rate = (
        rng.gamma(1.5, 1.2, n) if law == "gamma" else rng.choice([0.4, 3.5], n)
    )  # fmt: skip
    x, y = rng.poisson(rate), rng.poisson(rate)
    kept = x >= 2
    x, y = x[kept], y[kept]
    expected = hauer(x, 2)
    error = (y - expected).std() / math.sqrt(x.size)
    # No effect at all, and yet a fall by a tenth and more; Hauer tells it for any
    # law of the rates, the gamma formula for its own.
    assert y.mean() / x.mean() < 0.9
    assert abs(y.mean() - expected.mean()) < 4 * error
    if law == "gamma":
        after = expected_after(x.mean(), 2, [1.5]).after[0]
        assert abs(y.mean() - after) < 4 * error


NODES, WEIGHTS = np.polynomial.legendre.leggauss(300)


def joint_log_likelihood(shape, log_scale, log_ratio, x, y, t, k):
    """Earlier and later counts, each patient's rate integrated out (Gauss-Legendre)."""
    scale, ratio = math.exp(log_scale), math.exp(log_ratio)
    u = (NODES + 1) / 2
    rate = u / (1 - u)
    weight = WEIGHTS / 2 / (1 - u) ** 2 * stats.gamma.pdf(rate, shape, scale=scale)
    total = -len(x) * stats.nbinom.logsf(k - 1, shape, 1 / (1 + scale))
    for a, b, e in zip(x, y, t, strict=True):
        later = ratio * e * rate
        term = np.exp(-rate - later) * rate**a * later**b
        total += math.log(weight @ term / math.factorial(a) / math.factorial(b))
    return total


@pytest.mark.parametrize("times", [(1, 1, 1, 1, 1), (1, 0.5, 2, 1, 0.75)])
def test_profile_against_numerical_integration(times):
    x, y, shape = (2, 3, 2, 5, 4), (1, 0, 2, 1, 3), 1.7

    def loss(parameters):
        return -joint_log_likelihood(shape, *parameters, x, y, times, 2)

    found = optimize.minimize(
        loss, [0.3, -0.5], method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-11},
    )  # fmt: skip
    profile = shape_profile(np.array(x), np.array(y), np.array(times), 2, [shape])
    assert profile.log_likelihood[0] == close(-found.fun, 1e-9)
    assert profile.ratio[0] == pytest.approx(math.exp(found.x[1]), rel=2e-6)
    step = 1e-3
    hessian = np.empty((2, 2))
    for i, j in product(range(2), repeat=2):
        a, b = np.eye(2)[i] * step, np.eye(2)[j] * step
        terms = ((1, a + b), (-1, a - b), (-1, b - a), (1, -a - b))
        hessian[i, j] = sum(s * loss(found.x + d) for s, d in terms) / (4 * step**2)
    error = math.sqrt(np.linalg.inv(hessian)[1, 1])
    assert profile.std_error[0] == pytest.approx(error, rel=1e-4)


def test_profile_for_large_shapes_is_poisson():
    times = np.ones(10)
    gamma = shape_profile(BEFORE, AFTER, times, 2, [1e7])
    poisson = shape_profile(BEFORE, AFTER, times, 2, [math.inf])
    for name in ("log_likelihood", "ratio", "std_error"):
        assert getattr(gamma, name)[0] == close(getattr(poisson, name)[0], 1e-5)
    mean = poisson.expected.after[0]
    # By hand: the truncated Poisson mean is 3, the ratio 1.1 over the mean.
    assert stats.poisson.expect(lambda x: x * (x >= 2), (mean,)) / stats.poisson.sf(
        1, mean
    ) == close(3)
    assert poisson.ratio[0] == close(1.1 / mean)


# Rows


def test_rows_of_patients_selected_for_a_bad_year():
    rows = before_after_counts.estimate(
        rows_of(BEFORE, AFTER, selected_at_least=2), SETTINGS
    )
    naive = only(rows, "rate_ratio", term="")
    assert "regression to the mean" in naive.note
    freed = only(rows, "rate_ratio", term=before_after_counts.GIVEN)
    law = conditional_law(BEFORE, AFTER, 1.0, 2)
    assert freed.estimate == close(law.estimate())
    assert (freed.conf_low, freed.conf_high) == close(law.limits())
    assert naive.p_value < 0.05 < freed.p_value
    free = only(rows, "selection_reduction", term="shape-free")
    # By hand: four of ten had just two, so 22 of 30 events are expected again.
    assert free.estimate == close(1 - 22 / 30)
    against = only(rows, "rate_ratio", term=before_after_counts.HAUER)
    assert against.estimate == close(11 / 22)
    one = only(rows, "selection_reduction", term="shape 1")
    assert one.estimate == close(1 / 3)
    corrected = only(rows, "rate_ratio", term="corrected, shape 1")
    assert corrected.estimate == close(1.1 / 2)
    shape = only(rows, "shape")
    assert (shape.conf_low, shape.conf_high) == (0, math.inf)
    assert "do not rule out shapes below 0.25 or above 100" in shape.note
    several = only(rows, "rate_ratio", term="periods as two groups")
    assert several.estimate == close(11 / 30)
    drawn = before_after_counts.figure_data(
        rows_of(BEFORE, AFTER, selected_at_least=2), SETTINGS
    )
    assert set(drawn) == {"pairs", "selection"}
    table = drawn["selection"].set_index("element")
    assert table.loc["observed", "value"] == close(1 - 11 / 30)
    assert table.loc["likelihood", "value"].max() == 1


def test_times_of_their_own():
    frame = pd.DataFrame(
        {"before": [2, 3, 4], "after": [1, 1, 0], "exposure": [12.0, 8, 12]}
    )
    data = Sample(kind="individual", rows=frame, options={"exposure": 12.0})
    row = only(before_after_counts.estimate(data, SETTINGS), "rate_ratio", term="")
    times = np.array([1, 8 / 12, 1])
    law = conditional_law(np.array([2, 3, 4]), np.array([1, 1, 0]), times)
    assert (row.estimate, row.conf_high) == close((law.estimate(), law.limits()[1]))
    assert row.estimate > 2 / 9


def printed(n, **means) -> Sample:
    rows = {"n": [n]}
    for name, (value, low, high) in means.items():
        rows |= {name: [value], f"{name}_low": [low], f"{name}_high": [high]}
    return Sample(
        kind="summary", rows=pd.DataFrame(rows), options={"selected_at_least": 2}
    )


def test_printed_means_stand_for_whole_totals():
    data = printed(10, before=(3.4, 3.35, 3.45), after=(1.6, 1.55, 1.65))
    rows = before_after_counts.estimate(data, SETTINGS)
    row = only(rows, "rate_ratio", term="")
    b = stats.binomtest(16, 50)
    limits = b.proportion_ci(method="exact")
    assert (row.estimate, row.p_value) == close((16 / 34, b.pvalue))
    assert row.conf_high == close(limits.high / (1 - limits.high))
    assert not row.ranges
    falls = expected_after(3.4, 2, np.geomspace(0.25, 100, 41)).reduction
    least = only(rows, "selection_reduction", term="smallest over shapes 0.25 to 100")
    most = only(rows, "selection_reduction", term="largest over shapes 0.25 to 100")
    assert most.estimate == close(falls.max())
    assert falls.min() >= least.estimate > falls.min() - 0.002
    largest = only(
        rows, "rate_ratio", term="corrected, largest over shapes 0.25 to 100"
    )
    assert largest.estimate == close(1.6 / (3.4 * (1 - falls.max())))
    assert math.isnan(largest.conf_high)
    # Printed to whole numbers ten patients have many totals: a range.
    rows = before_after_counts.estimate(
        printed(10, before=(3, 2.5, 3.5), after=(1, 0.5, 1.5)), SETTINGS
    )
    low, high = only(rows, "rate_ratio", term="").ranges["estimate"]
    assert (low, high) == close((5 / 35, 15 / 25))
    span = only(
        rows, "selection_reduction", term="largest over shapes 0.25 to 100"
    ).ranges["estimate"]
    assert span[1] == close(expected_after(2.5, 2, [0.25]).reduction[0])


def test_without_printed_means_nothing_is_made_up():
    rows = before_after_counts.estimate(printed(10), SETTINGS)
    ratio = only(rows, "rate_ratio")
    assert math.isnan(ratio.estimate)
    assert "not both printed" in ratio.note
    falls = [r for r in rows if r.statistic == "selection_reduction"]
    assert len(falls) == 8
    assert all("assumed" in r.term and "not printed" in r.note for r in falls)
    drawn = before_after_counts.figure_data(printed(10), SETTINGS)
    assert all("assumed" in s for s in drawn["selection"]["series"])
    impossible = printed(3, before=(3.1, 3.05, 3.15), after=(1.0, 0.95, 1.05))
    rows = before_after_counts.estimate(impossible, SETTINGS)
    assert "No whole number" in only(rows, "rate_ratio").note
    assert "No whole number" in only(rows, "selection_reduction").note


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([2, 2, 2], [0, 0, 0]), ([2, 2, 2], [2, 2, 2]), ([2, 2, 2], [1, 5, 0]),
        ([2, 3, 4], [0, 0, 0]), ([2, 2, 3], [2, 2, 3]), ([3], [1]), ([2, 9], [0, 0]),
        ([2] * 16, [1] * 16), ([0, 0, 0], [0, 0, 0]), ([0, 1, 2], [1, 0, 0]),
        ([2, 40, 3], [30, 0, 1]),
    ],
)  # fmt: skip
def test_awkward_counts_give_a_word_instead_of_nonsense(before, after, k):
    options = {"selected_at_least": k} if k else {}
    data = rows_of(before, after, **options)
    rows = before_after_counts.estimate(data, SETTINGS)
    for row in rows:
        if row.statistic in ("n", "count", "mean"):
            continue
        if math.isnan(row.estimate) and math.isnan(row.p_value):
            assert row.note, row
        if math.isinf(row.estimate) or row.estimate == 0:
            assert row.note or row.statistic == "selection_reduction", row
        if math.isfinite(row.conf_low) and math.isfinite(row.estimate):
            assert row.conf_low <= row.estimate * (1 + 1e-9) + 1e-12, row
            assert row.estimate <= row.conf_high * (1 + 1e-9) + 1e-12, row
            assert row.interval_method
    before_after_counts.figure_data(data, SETTINGS)


def test_what_cannot_be_served_is_said():
    for data, said in (
        (rows_of([1.5, 2], [1, 1]), "whole numbers"),
        (Sample(kind="individual", rows=pd.DataFrame({"before": [1]})), "count after"),
        (
            Sample(
                kind="individual",
                rows=pd.DataFrame({"before": [2], "after": [1], "exposure": [0.0]}),
            ),
            "time of observation",
        ),
    ):
        (row,) = before_after_counts.estimate(data, SETTINGS)
        assert said in row.note
    below = before_after_counts.estimate(
        rows_of([2, 1, 3], [1, 1, 0], selected_at_least=2), SETTINGS
    )
    row = only(below, "rate_ratio", term=before_after_counts.GIVEN)
    assert "nothing can be said of selection" in row.note


@pytest.mark.parametrize("k", [0, 2])
def test_exact_limits_cover_at_every_ratio(k):
    """Coverage without simulation: given the totals the law is known."""
    before = np.array([2, 2, 3, 4, 2, 5])
    after = np.array([1, 0, 2, 1, 0, 3])
    law = conditional_law(before, after, 1.0, k)
    sums = range(law.log_weights.size)
    limits = [replace(law, observed=s).limits() for s in sums]
    tests = np.array([replace(law, observed=s).test().p_value for s in sums])
    for ratio in (0.1, 0.3, 0.7, 1.0, 1.5, 4.0):
        p = law.probabilities(math.log(ratio))
        held = np.array([low <= ratio <= high for low, high in limits])
        assert p[held].sum() >= 0.95
    assert law.probabilities(0.0)[tests <= 0.05].sum() <= 0.05


def test_an_interval_without_an_upper_end_says_why():
    rows = before_after_counts.estimate(
        rows_of([0, 1, 1, 0, 0, 0], [5, 4, 3, 2, 0, 3]), SETTINGS
    )
    row = only(rows, "rate_ratio", term="patients varying")
    assert row.conf_high == math.inf
    assert "not clear of 0" in row.note


@pytest.mark.filterwarnings("error")
def test_a_group_without_patients_is_said():
    sample = rows_of([2, 5], [4, 1], selected_at_least=1)
    sample = replace(
        sample, rows=sample.rows.assign(group="A"), groups=("A", "B"), reference="B"
    )
    rows = before_after_counts.estimate(sample, SETTINGS)
    empty = [r for r in rows if r.group == "B"]
    assert [r.statistic for r in empty] == ["n", "rate_ratio"]
    assert empty[1].note == "There is nobody in this group."
