"""Log-rank tests against R, lifelines, rounded values and enumeration.

R output is from R 4.2.2 with survival 3.5-3 and coin 1.4-2; the call stands beside
each number.
"""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.errors import MethodError
from reanalysis.methods.log_rank import estimate, figure_data
from reanalysis.sample import Sample
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.score_permutation import count_tails
from reanalysis.survival.weighted_log_rank import chi_square, log_rank, trend

# Freireich 1963, remission in weeks: 6-mercaptopurine (0) and placebo (1).
MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# survival::aml: maintained (0) and not (1).
AML = (
    [
        9,
        13,
        13,
        18,
        23,
        28,
        31,
        34,
        45,
        48,
        161,
        5,
        5,
        8,
        8,
        12,
        16,
        23,
        27,
        30,
        33,
        43,
        45,
    ],
    [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1],
    [0] * 11 + [1] * 12,
)
# survival::ovarian in the order of rx, futime.
DAYS = [59, 115, 156, 268, 329, 431, 448, 477, 638, 803, 855, 1040, 1106]
DAYS += [353, 365, 377, 421, 464, 475, 563, 744, 769, 770, 1129, 1206, 1227]
DIED = [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
RX = [0] * 13 + [1] * 13
RESIDUAL = [2, 2, 2, 2, 2, 2, 1, 2, 1, 1, 1, 2, 1, 1, 2, 1, 2, 2, 2, 1, 1, 2, 2]
RESIDUAL += [1, 2, 1]
ECOG = [1, 1, 2, 2, 1, 1, 2, 1, 2, 1, 2, 2, 1, 2, 1, 1, 1, 2, 2, 2, 1, 2, 1, 1, 1, 2]
# rx 1 by ecog.ps, and rx 2
THREE = [ecog - 1 if rx == 0 else 2 for rx, ecog in zip(RX, ECOG, strict=True)]
# Late entry, made up.
START = [0, 0, 0, 1, 1, 2, 2, 3, 0, 4, 5, 0]
STOP = [3, 5, 7, 4, 6, 5, 9, 8, 10, 9, 12, 6]
EVENT = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1]
ALTERNATE = [0, 1] * 6

PRIMARY = {
    "weights": "log-rank",
    "rho": 0.0,
    "gamma": 0.0,
    "p_value": "asymptotic",
    "two_sided": "absolute",
    "permutations": 100_000,
    "monte_carlo": "add-one",
    "stratified": "as_declared",
    "alternative": "two-sided",
    "conf_level": 0.95,
    "seed": 1,
}


def compare(time, event, group, stratum=None, start=None, **weights):
    rows = FollowUp(
        np.array(time, dtype=float),
        np.array(event) == 1,
        None if start is None else np.array(start, dtype=float),
    )
    stratum = None if stratum is None else np.unique(stratum, return_inverse=True)[1]
    return log_rank(rows, np.array(group), stratum, **weights)


def compare_6mp(**weights):
    return compare(MP + PLACEBO, MP_EVENT + [1] * 21, [0] * 21 + [1] * 21, **weights)


def permutation_p_value(scores, treated, stratum=None, alternative="two-sided"):
    return count_tails(scores, treated, stratum).p_value(alternative)


def sample(time, event, group, labels=("a", "b"), **columns):
    frame = pd.DataFrame({"time": np.array(time, dtype=float), "event": event})
    frame["group"] = [labels[g] for g in group]
    for name, column in columns.items():
        frame[name] = column
    return Sample(kind="individual", rows=frame, groups=labels, reference=labels[-1])


def by_test(result):
    return {r.test: r for r in result if r.statistic == "log_rank"}


def test_6mp_agrees_with_r():
    # d <- survdiff(Surv(time, event) ~ group): d$obs, d$exp, d$var, d$chisq
    result = compare_6mp()
    assert_array_equal(result.observed, [9, 21])
    assert_allclose(result.expected, [19.250500948, 10.749499052], rtol=1e-9)
    v = 6.25696057368
    assert_allclose(result.variance, [[v, -v], [-v, v]], rtol=1e-9)
    test = chi_square(result)
    assert_allclose(test.statistic, 16.7929409892, rtol=1e-9)
    assert test.df == 1
    assert_allclose(test.p_value, math.erfc(math.sqrt(16.7929409892 / 2)), rtol=1e-9)
    # survdiff(rho = 1) and (rho = 0.5)
    for rho, expected in ((1, 14.4571508187), (0.5, 15.7063933536)):
        weighted = compare_6mp(weights="fleming-harrington", rho=rho)
        assert_allclose(chi_square(weighted).statistic, expected, rtol=1e-9)
        # Counts of events stay counts.
        assert_allclose(weighted.expected, result.expected)


@pytest.mark.parametrize(
    ("weights", "rounded", "lifelines_name", "rho", "gamma"),
    [
        # Peto and Peto's is 14.08 in Stata too; survdiff(rho = 1) is another test.
        ("log-rank", 16.79, None, 0, 0),
        ("gehan-breslow", 13.46, "wilcoxon", 0, 0),
        ("tarone-ware", 15.12, "tarone-ware", 0, 0),
        ("peto-peto", 14.08, "peto", 0, 0),
        # The sums written out in R over the event times, with S(t-): 9.42255090677
        # and 10.9100033843.
        ("fleming-harrington", 9.42, "fleming-harrington", 3, 1),
        ("fleming-harrington", 10.91, "fleming-harrington", 1, 3),
    ],
)
def test_weights_agree_with_lifelines(weights, rounded, lifelines_name, rho, gamma):
    from lifelines.statistics import logrank_test

    ours = chi_square(compare_6mp(weights=weights, rho=rho, gamma=gamma)).statistic
    assert round(ours, 2) == rounded
    theirs = logrank_test(
        MP, PLACEBO, MP_EVENT, [1] * 21, weightings=lifelines_name, p=rho, q=gamma
    )
    assert_allclose(ours, theirs.test_statistic, rtol=1e-9)


def test_other_trials_agree_with_r():
    # survdiff(Surv(time, status) ~ x, aml), rho = 0 and 1
    result = compare(*AML)
    assert_allclose(chi_square(result).statistic, 3.39638869898, rtol=1e-9)
    assert_allclose(result.expected, [10.68933599230, 7.31066400770], rtol=1e-9)
    peto = compare(*AML, weights="fleming-harrington", rho=1)
    assert_allclose(chi_square(peto).statistic, 2.77927954475, rtol=1e-9)
    # survdiff(Surv(futime, fustat) ~ rx, ovarian)
    result = compare(DAYS, DIED, RX)
    assert_allclose(chi_square(result).statistic, 1.06273986129, rtol=1e-9)
    # survdiff(Surv(futime, fustat) ~ rx + strata(resid.ds), ovarian), rho = 0 and 1
    result = compare(DAYS, DIED, RX, RESIDUAL)
    assert_allclose(chi_square(result).statistic, 1.2796434512, rtol=1e-9)
    assert_array_equal(result.observed, [7, 5])
    assert_allclose(result.expected, [5.0951964702, 6.9048035298], rtol=1e-9)
    result = compare(DAYS, DIED, RX, RESIDUAL, weights="fleming-harrington", rho=1)
    assert_allclose(chi_square(result).statistic, 1.47661828745, rtol=1e-9)


def test_three_groups_agree_with_r():
    # survdiff(Surv(futime, fustat) ~ three, ovarian)
    result = compare(DAYS, DIED, THREE)
    test = chi_square(result)
    assert_allclose([test.statistic, test.df], [1.32854360762, 2], rtol=1e-9)
    assert_allclose(test.p_value, math.exp(-1.32854360762 / 2), rtol=1e-9)
    assert_allclose(
        result.variance,
        [
            [1.999970651130, -0.569211115915, -1.430759535216],
            [-0.569211115915, 2.074647710182, -1.505436594268],
            [-1.430759535216, -1.505436594268, 2.936196129483],
        ],
        rtol=1e-9,
    )
    # sum(0:2 * (obs - exp))^2 / (0:2 %*% var %*% 0:2)
    assert_allclose(trend(result).statistic, 1.32612759023, rtol=1e-9)
    # ... + strata(resid.ds), rho = 1
    result = compare(DAYS, DIED, THREE, RESIDUAL, weights="fleming-harrington", rho=1)
    assert_allclose(chi_square(result).statistic, 1.48600936134, rtol=1e-9)


def test_late_entry_agrees_with_r():
    # coxph(Surv(start, stop, event) ~ group, ties = "exact")$score
    result = compare(STOP, EVENT, ALTERNATE, start=START)
    assert_allclose(chi_square(result).statistic, 1.70243834277, rtol=1e-9)
    # residuals(coxph(Surv(start, stop, event) ~ 1, ties = "breslow"))
    residuals = [0.8888888888889, 0.5555555555556, -0.6944444444444, 0.7777777777778]
    residuals += [0.3055555555556, 0.5555555555556, -0.1944444444444, -0.5833333333333]
    residuals += [-0.6944444444444, 0.0277777777778, -1.25, 0.3055555555556]
    assert_allclose(result.scores, residuals, rtol=1e-9)


@pytest.mark.parametrize(
    "weights", ["log-rank", "gehan-breslow", "tarone-ware", "peto-peto"]
)
def test_scores_add_up(weights):
    for stratum in (None, RESIDUAL):
        result = compare(DAYS, DIED, THREE, stratum, weights=weights)
        sums = np.bincount(THREE, weights=result.scores)
        assert_allclose(sums, result.difference, atol=1e-10)
        assert_allclose(result.difference.sum(), 0, atol=1e-10)


def test_gehan_is_the_generalised_wilcoxon():
    # Without censoring or ties Gehan's statistic is 2 W - n1 (N + 1) of the rank sum.
    time = np.array([1.2, 3.4, 0.7, 5.5, 2.1, 9.0, 4.2])
    group = np.array([0, 0, 0, 1, 1, 1, 1])
    result = compare(time, [1] * 7, group, weights="gehan-breslow")
    rank_sum = (time.argsort().argsort() + 1)[group == 0].sum()
    assert_allclose(result.difference[0], -(2 * rank_sum - 3 * 8))


def test_exact_agrees_with_coin():
    # independence_test(residuals(coxph(Surv(futime, fustat) ~ 1)) ~ factor(rx),
    #                   ovarian, distribution = exact()) = logrank_test(...)
    scores = compare(DAYS, DIED, RX).scores
    treated = np.array(RX) == 0
    assert_allclose(permutation_p_value(scores, treated), 0.297407072669, rtol=1e-9)
    # The same of aml, with alternative = "two.sided", "less", "greater";
    # exactRankTests::perm.test of the scores times 1e6: 0.0646930132729
    scores = compare(*AML).scores
    treated = np.array(AML[2]) == 0
    for alternative, expected in (
        ("two-sided", 0.0646930132729),
        ("less", 0.0331245682572),
        ("greater", 0.966882827766),
    ):
        p_value = permutation_p_value(scores, treated, alternative=alternative)
        assert_allclose(p_value, expected, rtol=1e-9)
    # All 2,972,970 assignments within resid.ds, by combn() and outer() in R.
    strata = np.array(RESIDUAL)
    scores = compare(DAYS, DIED, RX, RESIDUAL).scores
    treated = np.array(RX) == 0
    for alternative, expected in (
        ("two-sided", 0.264027218573),
        ("less", 0.867615885798),
        ("greater", 0.132897069261),
    ):
        p_value = permutation_p_value(scores, treated, strata, alternative=alternative)
        assert_allclose(p_value, expected, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.booleans(), st.integers(0, 2)),
        min_size=1,
        max_size=10,
    )
)
def test_exact_agrees_with_enumeration(patients):
    scores, treated, stratum = (np.array(x) for x in zip(*patients, strict=True))
    sums = []
    for s in set(stratum.tolist()):
        values = scores[stratum == s]
        size = int(treated[stratum == s].sum())
        sums.append([sum(c) for c in combinations(values.tolist(), size)])
    totals = np.array([sum(c) for c in product(*sums)])
    observed = scores[treated].sum()
    for alternative, share in (
        ("two-sided", np.mean(abs(totals) >= abs(observed))),
        ("greater", np.mean(totals >= observed)),
        ("less", np.mean(totals <= observed)),
    ):
        p_value = permutation_p_value(
            scores / 3, treated, stratum, alternative=alternative
        )
        assert_allclose(p_value, share, rtol=1e-12)


def test_exact_of_separated_groups():
    # Without ties or censoring the treated have the largest sum of all: 1 of C(2m, m).
    for m in (3, 15):
        scores = compare(range(1, 2 * m + 1), [1] * 2 * m, [0] * m + [1] * m).scores
        treated = np.arange(2 * m) < m
        p_value = permutation_p_value(scores, treated, alternative="greater")
        assert_allclose(p_value, 1 / math.comb(2 * m, m))


def test_matched_pairs_are_a_sign_test():
    # Uncensored pairs without ties: 7 of 8 prefer the treatment. Chi-square
    # (7 - 1)^2 / 8; exactly, twice (1 + 8) / 256.
    first = [9, 8, 7, 9, 5, 6, 8, 1]
    second = [1, 2, 3, 4, 2, 3, 1, 2]
    data = sample(first + second, [1] * 16, [0] * 8 + [1] * 8, pair=[*range(8)] * 2)
    found = by_test(estimate(data, PRIMARY))
    assert list(found) == [
        "log-rank, stratified",
        "log-rank, stratified, exact permutation",
    ]
    assert_allclose(found["log-rank, stratified"].test_statistic, 4.5)
    assert_allclose(found["log-rank, stratified, exact permutation"].p_value, 18 / 256)
    never = by_test(estimate(data, PRIMARY | {"stratified": "never"}))
    assert list(never) == ["log-rank", "log-rank, exact permutation"]


def test_rows_of_two_groups():
    result = estimate(sample(*AML, labels=("maintained", "not")), PRIMARY)
    asymptotic, exact, *counts = result
    assert (asymptotic.group, asymptotic.reference) == ("maintained", "not")
    assert (asymptotic.n, asymptotic.events, asymptotic.df) == (23, 18, 1)
    assert asymptotic.alternative == "two-sided"
    assert_allclose(asymptotic.test_statistic, 3.39638869898, rtol=1e-9)
    assert (exact.test, exact.note) == ("log-rank, exact permutation", "")
    assert_allclose(exact.p_value, 0.0646930132729, rtol=1e-9)
    assert [(r.statistic, r.group, r.n, r.events) for r in counts] == [
        ("observed_events", "maintained", 11, 7),
        ("expected_events", "maintained", 11, 7),
        ("observed_events", "not", 12, 11),
        ("expected_events", "not", 12, 11),
    ]
    first = estimate(sample(*AML), PRIMARY | {"p_value": "exact"})[0]
    assert first.test == "log-rank, exact permutation"
    assert figure_data(sample(*AML), PRIMARY) == {}


def test_one_sided_follows_the_data():
    both = by_test(estimate(sample(*AML), PRIMARY))
    one = by_test(estimate(sample(*AML), PRIMARY | {"alternative": "one-sided"}))
    assert {r.alternative for r in one.values()} == {"less"}
    assert_allclose(one["log-rank"].p_value, both["log-rank"].p_value / 2)
    exact = one["log-rank, exact permutation"]
    assert_allclose(exact.p_value, 0.0331245682572, rtol=1e-9)
    time, event, group = AML
    swapped = sample(time, event, [1 - g for g in group])
    found = by_test(estimate(swapped, PRIMARY | {"alternative": "one-sided"}))
    assert found["log-rank"].alternative == "greater"
    assert_allclose(found["log-rank, exact permutation"].p_value, exact.p_value)


def test_names_of_the_weighted_tests():
    named = {
        "gehan-breslow": "Gehan-Breslow",
        "tarone-ware": "Tarone-Ware",
        "peto-peto": "Peto-Peto",
        "fleming-harrington": "Fleming-Harrington(1,0.5)",
    }
    for weights, name in named.items():
        changed = PRIMARY | {"weights": weights, "rho": 1.0, "gamma": 0.5}
        result = estimate(sample(*AML), changed)
        assert result[0].test == name
        assert result[1].test == f"{name}, exact permutation"
    with pytest.raises(MethodError, match="no log-rank test with the weights"):
        compare(*AML, weights="other")


def test_rows_of_three_groups():
    data = sample(DAYS, DIED, THREE, labels=("a", "b", "c"))
    changed = PRIMARY | {"p_value": "exact", "alternative": "one-sided"}
    drawn, drawn_slope, overall, slope, *pairs = estimate(data, changed)
    assert (overall.group, overall.test, overall.df) == ("", "log-rank", 2)
    assert overall.alternative == "two-sided"
    assert overall.note == "A comparison of several groups has no direction."
    assert (slope.group, slope.test, slope.df) == ("", "log-rank trend", 1)
    assert drawn.test == "log-rank, Monte Carlo permutation"
    assert drawn_slope.test == "log-rank trend, Monte Carlo permutation"
    assert drawn.note.startswith("There are more than 1,000,000 assignments")
    assert drawn.note.endswith(overall.note)
    assert_allclose(slope.test_statistic, 1.32612759023, rtol=1e-9)
    assert [(r.group, r.reference, r.test) for r in pairs[:4]] == [
        ("a", "c", "log-rank, exact permutation"),
        ("a", "c", "log-rank"),
        ("b", "c", "log-rank, exact permutation"),
        ("b", "c", "log-rank"),
    ]
    keep = [k for k, g in enumerate(THREE) if g != 1]
    alone = compare(*([column[k] for k in keep] for column in (DAYS, DIED, RX)))
    assert_allclose(pairs[1].test_statistic, chi_square(alone).statistic)


def test_more_than_thirty_patients_are_asymptotic_unless_asked():
    data = sample(MP + PLACEBO, MP_EVENT + [1] * 21, [0] * 21 + [1] * 21)
    assert list(by_test(estimate(data, PRIMARY))) == ["log-rank"]
    asked, row = estimate(data, PRIMARY | {"p_value": "exact"})[:2]
    assert asked.test == "log-rank, exact permutation"
    # logrank_test(Surv(time, event) ~ group, distribution = "exact")
    assert_allclose(asked.p_value, 2.6120045182327e-05, rtol=1e-9)
    assert row.test == "log-rank"
    assert_allclose(row.test_statistic, 16.7929409892, rtol=1e-9)


@pytest.mark.parametrize(
    ("time", "event", "group", "words"),
    [
        ([1, 2, 3], [0, 0, 0], [0, 1, 1], "There are no events"),
        ([1, 2, 3], [1, 1, 1], [1, 1, 1], "no patients in one of the groups"),
        ([1, 5, 6], [0, 1, 1], [0, 1, 1], "only one group was at risk"),
        ([4, 4, 4], [1, 1, 1], [0, 1, 1], "everybody at risk had it"),
        ([], [], [], "no patients in one of the groups"),
    ],
)
def test_groups_that_cannot_be_compared_are_noted(time, event, group, words):
    result = estimate(sample(time, event, group), PRIMARY)
    (row,) = by_test(result).values()
    assert words in row.note
    assert math.isnan(row.p_value)
    assert row.n == len(time)


def test_an_arm_without_events():
    result = estimate(sample([3, 4, 9, 9], [1, 1, 0, 0], [1, 1, 0, 0]), PRIMARY)
    # O - E = -(2/4 + 2/3), V = 1/4 + 2/9
    assert_allclose(result[0].test_statistic, (7 / 6) ** 2 / (17 / 36))
    assert_allclose(result[1].p_value, 2 / 6)
    assert result[2].estimate == 0


def test_samples_that_are_not_survival_are_noted():
    frame = pd.DataFrame({"time": [1.0, 2], "event": [1, 1]})
    (row,) = estimate(Sample(kind="individual", rows=frame), PRIMARY)
    assert "needs two groups" in row.note
    frame = pd.DataFrame({"time": [1.0, 2], "group": ["a", "b"]})
    (row,) = estimate(
        Sample(kind="individual", rows=frame, groups=("a", "b"), reference="b"), PRIMARY
    )
    assert "time and the event" in row.note


def test_a_third_group_that_is_empty_or_never_at_risk_costs_a_degree_of_freedom():
    data = sample(*AML, labels=("a", "b", "empty"))
    overall = estimate(data, PRIMARY)[0]
    assert overall.df == 1
    assert_allclose(overall.test_statistic, 3.39638869898, rtol=1e-9)


def test_intervals_of_one_person_count_once():
    whole = sample([4, 6, 9, 3, 8], [1, 0, 1, 1, 1], [0, 1, 0, 1, 1], id=list("abcde"))
    frame = pd.DataFrame(
        {
            "id": list("abbccde"),
            "group": list("abbaabb"),
            "start": [0.0, 0, 2, 0, 5, 0, 0],
            "stop": [4.0, 2, 6, 5, 9, 3, 8],
            "event": [1, 0, 0, 0, 1, 1, 1],
        }
    )
    split = Sample(kind="individual", rows=frame, groups=("a", "b"), reference="b")
    for one, other in zip(
        estimate(whole, PRIMARY), estimate(split, PRIMARY), strict=True
    ):
        assert (one.test, one.n, one.events) == (other.test, other.n, other.events)
        assert_allclose(one.p_value, other.p_value)
        assert_allclose(one.estimate, other.estimate)
    # Somebody who crosses over can be compared, not permuted.
    frame.loc[2, "group"] = "a"
    assert list(by_test(estimate(split, PRIMARY))) == ["log-rank"]


def test_p_values_are_uniform_without_an_effect():
    # 800 trials of 24: 5 % rejected, give or take three standard errors (2.3 points).
    rng = np.random.default_rng(20250101)
    group = np.arange(24) % 2
    rejected = exact = 0
    for k in range(800):
        time, censor = rng.exponential(1, 24), rng.exponential(2, 24)
        result = compare(np.minimum(time, censor), time <= censor, group)
        rejected += chi_square(result).p_value <= 0.05
        if k < 400:
            exact += permutation_p_value(result.scores, group == 0) <= 0.05
    assert 0.027 <= rejected / 800 <= 0.075
    assert exact / 400 <= 0.05 + 0.033


def test_one_group_at_risk_alone_is_no_comparison():
    # The first group is censored before any event. R's survdiff(Surv(t, e) ~ g) has
    # no degree of freedom left ("Chisq= 0  on 0 degrees of freedom"), so no p either.
    time = np.array([0.5, 0.6, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6])
    event = np.array([False, False] + [True] * 10)
    for groups in (2, 3):
        found = log_rank(
            FollowUp(time, event), np.array([0, 0] + [1] * 10), groups=groups
        )
        assert_array_equal(found.variance, np.zeros((groups, groups)))
        with pytest.raises(MethodError, match="tells the groups apart"):
            chi_square(found)
