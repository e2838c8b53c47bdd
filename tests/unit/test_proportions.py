"""Proportions against R, closed forms and exact coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies

from reanalysis.errors import MethodError
from reanalysis.methods import proportions
from reanalysis.roots import increasing_root
from reanalysis.sample import Sample
from reanalysis.tables.binomial import (
    PROPORTION_INTERVALS,
    agresti_coull,
    binomial_probabilities,
    binomial_test,
    blaker,
    blaker_acceptability,
    clopper_pearson,
    exact_p_value,
    jeffreys,
    mid_p_interval,
    wald,
    wald_corrected,
    wilson,
    wilson_corrected,
)

SETTINGS = {"interval": "clopper-pearson", "conf_level": 0.95, "seed": 1}


def close(value):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def by_statistic(rows, statistic, **where):
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


# R 4.2.2: binom.test(x, n)$conf.int; qbeta(c(.025, .975), x + .5, n - x + .5);
# prop.test(x, n, correct = FALSE)$conf.int; prop.test(x, n)$conf.int; and uniroot
# (tol 1e-14) on pbinom(x, n, p, lower = FALSE) + dbinom(x, n, p)/2 for the mid-P.
R_INTERVALS = {
    (5, 6): {
        clopper_pearson: (0.358765421002, 0.995789255486),
        jeffreys: (0.441943226391, 0.981379872881),
        wilson: (0.436497177814, 0.969946630252),
        wilson_corrected: (0.364822560737, 0.991237708868),
        mid_p_interval: (0.409095452765, 0.991664760344),
    },
    (0, 10): {
        clopper_pearson: (0, 0.308497107819),
        jeffreys: (0, 0.217196267509),
        wilson: (0, 0.277532799863),
        wilson_corrected: (0, 0.344537218307),
        mid_p_interval: (0, 0.258865550893),
    },
    (10, 10): {
        clopper_pearson: (0.691502892181, 1),
        jeffreys: (0.782803732491, 1),
        wilson: (0.722467200137, 1),
        wilson_corrected: (0.655462781693, 1),
        mid_p_interval: (0.741134449107, 1),
    },
    (81, 263): {
        clopper_pearson: (0.252736745585, 0.367621922601),
        jeffreys: (0.254521934991, 0.365647499174),
        wilson: (0.255288519878, 0.366209576983),
        wilson_corrected: (0.253508682295, 0.368176201043),
        mid_p_interval: (0.254402104946, 0.365773474258),
    },
    (1, 29): {
        clopper_pearson: (0.00087264688358, 0.177644295489),
        jeffreys: (0.00374617364906, 0.150077686002),
        wilson: (0.00611321429276, 0.171755218793),
        wilson_corrected: (0.00180264021328, 0.19628175101),
        mid_p_interval: (0.00172477011471, 0.158537383681),
    },
}


@pytest.mark.parametrize(
    ("counts", "function", "expected"),
    [(c, f, e) for c, table in R_INTERVALS.items() for f, e in table.items()],
)
def test_interval_against_r(counts, function, expected):
    assert function(*counts) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_newcombe_1998_printed_intervals():
    # Newcombe (1998) Table I, methods 1, 3, 4, 5 and 6 for 81/263 and 15/148.
    printed = {
        wald: [(0.2522, 0.3638), (0.0527, 0.1500)],
        wilson: [(0.2553, 0.3662), (0.0624, 0.1605)],
        wilson_corrected: [(0.2535, 0.3682), (0.0598, 0.1644)],
        clopper_pearson: [(0.2527, 0.3676), (0.0578, 0.1617)],
        mid_p_interval: [(0.2544, 0.3658), (0.0601, 0.1581)],
    }
    for function, intervals in printed.items():
        for (x, n), interval in zip([(81, 263), (15, 148)], intervals, strict=True):
            assert function(x, n) == pytest.approx(interval, abs=5.1e-5)


def test_wilson_corrected_at_half_where_prop_test_shrinks_the_correction():
    # Newcombe's method 4 at 5/10; R's prop.test gives 0.2366 and 0.7634 there,
    # its correction being min(0.5, abs(x - n/2)) = 0.
    z2 = 1.959963984540054**2
    root = math.sqrt(z2 - 2 - 1 / 10 + 2 * (5 + 1))
    low = (10 + z2 - 1 - math.sqrt(z2) * root) / (2 * (10 + z2))
    assert wilson_corrected(5, 10) == close((low, 1 - low))


def test_corrected_wald_is_wider_by_half_a_patient():
    low, high = wald(81, 263)
    assert wald_corrected(81, 263) == close((low - 1 / 526, high + 1 / 526))
    assert wald_corrected(0, 5) == close((0, 0.1))


def test_agresti_coull_is_wald_around_the_wilson_centre():
    low, high = agresti_coull(7, 20)
    assert (low + high) / 2 == close(sum(wilson(7, 20)) / 2)
    assert agresti_coull(0, 5)[0] == 0
    assert agresti_coull(5, 5)[1] == 1


def test_published_five_of_six():
    # Printed as 83 % (36 to 99.6).
    low, high = clopper_pearson(5, 6)
    assert round(low * 100, 2) == 35.88
    assert round(high * 100, 2) == 99.58


@pytest.mark.parametrize(
    ("x", "n", "null", "two_sided", "less", "greater"),
    [
        # R: binom.test(x, n, null, alternative = ...)$p.value
        (5, 6, 0.5, 0.21875, 0.984375, 0.109375),
        (2, 21, 0.3, 0.0535193112425, 0.0271293705412, 0.994414541359),
        (0, 10, 0.2, 0.228248064, 0.1073741824, 1),
        (7, 12, 0.25, 0.014252781868, 0.997218489647, 0.014252781868),
    ],
)
def test_binomial_test_against_r(x, n, null, two_sided, less, greater):
    assert binomial_test(x, n, null).p_value == close(two_sided)
    assert binomial_test(x, n, null, "less").p_value == close(less)
    assert binomial_test(x, n, null, "greater").p_value == close(greater)


def test_binomial_test_at_impossible_nulls():
    assert binomial_test(0, 4, 0.0).p_value == 1
    assert binomial_test(1, 4, 0.0).p_value == 0
    assert binomial_test(4, 4, 1.0).p_value == 1


def test_mean_mid_p_is_one_half():
    # The mid-p value has mean 1/2 under the null hypothesis, tied outcomes included.
    for null in (0.5, 0.3):
        p = binomial_probabilities(9, null)
        mid = [exact_p_value(p, i, mid_p=True) for i in range(10)]
        assert p @ np.array(mid) == close(0.5)


def test_clopper_pearson_covers_at_least_its_level_for_ten_patients():
    limits = np.array([clopper_pearson(x, 10) for x in range(11)])
    for p in np.linspace(0.001, 0.999, 333):
        covered = (limits[:, 0] <= p) & (p <= limits[:, 1])
        assert binomial_probabilities(10, p)[covered].sum() >= 0.95


def test_blaker_against_published_limits_and_its_own_test():
    # Blaker (2000), as in R's PropCIs::blakerci(3, 10, 0.95): 0.0873 and 0.6194.
    assert blaker(3, 10) == pytest.approx((0.0873, 0.6194), abs=5e-5)
    for x, n in ((0, 6), (1, 7), (5, 6), (2, 3), (10, 20)):
        low, high = blaker(x, n)
        wide = clopper_pearson(x, n)
        assert wide[0] - 1e-9 <= low <= x / n <= high <= wide[1] + 1e-9
        assert blaker(n - x, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
        # A proportion is kept when the counts no more likely in their tails than
        # the one seen have more than one minus the level.
        for p in np.linspace(0.004, 0.996, 125):
            law = binomial_probabilities(n, p)
            tails = np.minimum(law.cumsum(), law[::-1].cumsum()[::-1])
            p_value = law[tails <= tails[x] * (1 + 1e-9)].sum()
            assert blaker_acceptability(x, n, np.array([p]))[0] == pytest.approx(
                p_value, abs=1e-9
            )
            if p_value > 0.05:
                assert low - 1e-9 <= p <= high + 1e-9


@pytest.mark.parametrize("n", [3, 6, 11, 20])
def test_blaker_covers_at_every_proportion(n):
    limits = np.array([blaker(x, n) for x in range(n + 1)])
    for p in np.linspace(0.001, 0.999, 997):
        held = (limits[:, 0] <= p + 1e-9) & (p <= limits[:, 1] + 1e-9)
        assert binomial_probabilities(n, p)[held].sum() >= 0.95 - 1e-7


def test_seeded_simulation_of_coverage():
    rng = np.random.default_rng(20240501)
    x = rng.binomial(40, 0.3, size=4000)
    limits = np.array([wilson(k, 40) for k in range(41)])[x]
    covered = np.mean((limits[:, 0] <= 0.3) & (limits[:, 1] >= 0.3))
    # Exact coverage of Wilson at n = 40, p = 0.3 by enumeration.
    every = np.array([wilson(k, 40) for k in range(41)])
    inside = (every[:, 0] <= 0.3) & (every[:, 1] >= 0.3)
    exact = binomial_probabilities(40, 0.3)[inside].sum()
    assert covered == pytest.approx(exact, abs=4 * math.sqrt(0.05 * 0.95 / 4000))


@settings(max_examples=80, deadline=None)
@given(strategies.data())
def test_intervals_mirror_and_hold_the_estimate(data):
    n = data.draw(strategies.integers(1, 60))
    x = data.draw(strategies.integers(0, n))
    for _, function in PROPORTION_INTERVALS.values():
        low, high = function(x, n, 0.9)
        assert 0 <= low <= x / n + 1e-12
        assert x / n - 1e-12 <= high <= 1
        assert function(n - x, n, 0.9) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_limits_are_where_the_tails_are():
    low, high = clopper_pearson(3, 17, 0.9)
    assert binomial_test(3, 17, low, "greater").p_value == close(0.05)
    assert binomial_test(3, 17, high, "less").p_value == close(0.05)
    low, high = mid_p_interval(3, 17, 0.9)
    assert binomial_test(3, 17, low, "greater", mid_p=True).p_value == close(0.05)


def test_increasing_root_of_many_at_once():
    roots = increasing_root(lambda x: x**3 - np.array([8.0, 27.0]), 0, [10, 10])
    assert roots == close([2, 3])
    assert increasing_root(lambda x: x - 5, 0, 1) == close(1)


def test_refusals():
    with pytest.raises(MethodError, match="nobody"):
        clopper_pearson(0, 0)
    with pytest.raises(MethodError, match="7 events among 6"):
        wilson(7, 6)
    with pytest.raises(MethodError, match="null proportion"):
        binomial_test(1, 2, 1.5)


# Rows


def individual(group, event, **kwargs):
    rows = pd.DataFrame({"group": list(group), "event": event})
    return Sample(kind="individual", rows=rows, **kwargs)


def test_rows_by_group_and_overall():
    sample = individual("aaabbb", [1, 0, 1, 0, 0, 0], groups=("a", "b"), reference="b")
    rows = proportions.estimate(sample, SETTINGS)
    a = by_statistic(rows, "proportion", group="a")
    assert (a.estimate, a.n, a.events, a.unit) == (2 / 3, 3, 2, "proportion")
    assert (a.conf_low, a.conf_high) == clopper_pearson(2, 3)
    assert (a.interval_method, a.conf_level) == ("Clopper-Pearson", 0.95)
    assert by_statistic(rows, "count", group="b").estimate == 0
    assert by_statistic(rows, "proportion", group="").estimate == 2 / 6
    assert by_statistic(rows, "n", group="").estimate == 6


def test_summary_counts_and_the_binomial_test():
    rows = pd.DataFrame({"count": [5], "n": [6]})
    sample = Sample(kind="summary", rows=rows, options={"null": 0.5})
    result = proportions.estimate(sample, SETTINGS)
    test = by_statistic(result, "test")
    assert (test.test, test.alternative) == ("binomial", "two-sided")
    assert test.p_value == close(0.21875)
    assert by_statistic(result, "proportion").p_value == close(0.21875)
    options = {"null": 0.5, "alternative": "greater"}
    sample = Sample(kind="summary", rows=rows, options=options)
    test = by_statistic(proportions.estimate(sample, SETTINGS), "test")
    assert test.p_value == close(0.109375)


def test_every_category_gets_a_row():
    rows = pd.DataFrame({"value": ["CR", "PR", "PR", "SD"], "group": list("aaab")})
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    result = proportions.estimate(sample, SETTINGS)
    assert by_statistic(result, "proportion", group="a", term="PR").estimate == 2 / 3
    assert by_statistic(result, "count", group="b", term="CR").estimate == 0
    assert by_statistic(result, "count", group="", term="SD").estimate == 1
    numbers = Sample(kind="individual", rows=pd.DataFrame({"value": [1.0, 2.0, 2.0]}))
    result = proportions.estimate(numbers, SETTINGS)
    assert by_statistic(result, "count", term="2").estimate == 2
    printed = pd.DataFrame({"value": ["I", "II"], "count": [3, 4]})
    result = proportions.estimate(Sample(kind="summary", rows=printed), SETTINGS)
    assert by_statistic(result, "proportion", term="II").estimate == 4 / 7


@pytest.mark.parametrize("interval", PROPORTION_INTERVALS)
@pytest.mark.parametrize("events", [[], [1], [0, 0, 0], [1, 1, 1]])
def test_awkward_samples_never_fail(interval, events):
    sample = individual("a" * len(events), events, groups=("a", "b"), reference="b")
    rows = proportions.estimate(sample, {**SETTINGS, "interval": interval})
    empty = by_statistic(rows, "proportion", group="b")
    assert math.isnan(empty.estimate)
    assert "nobody" in empty.note
    for row in rows:
        assert not math.isinf(row.estimate)
        if row.conf_low == row.conf_high:
            assert "no width" in row.note


@pytest.mark.parametrize(
    "rows",
    [
        {"event": [0, 2]},
        {"event": [0, 0.5]},
        {"count": [3], "n": [2]},
        {"count": [-1], "n": [2]},
        {"time": [1.0]},
        {"value": []},
    ],
)
def test_unusable_data_become_a_note(rows):
    sample = Sample(kind="individual", rows=pd.DataFrame(rows))
    (row,) = proportions.estimate(sample, SETTINGS)
    assert math.isnan(row.estimate)
    assert row.note.endswith(".")


def test_no_figure_of_its_own():
    sample = individual("ab", [0, 1])
    assert proportions.figure_data(sample, SETTINGS) == {}
