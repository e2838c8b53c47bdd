"""Permutation log-rank tests, MaxCombo and array tests against R and enumeration.

R output is from R 4.2.2 with survival 3.5-3, coin 1.4-2 and mvtnorm 1.1-3; the call
stands beside each number. "Loops in R" are sums over the event times and combn() over
the assignments.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from reanalysis.errors import MethodError
from reanalysis.methods.log_rank import estimate
from reanalysis.sample import Sample
from reanalysis.survival.assignments import (
    assignments,
    every_assignment,
    random_assignments,
)
from reanalysis.survival.censoring import censoring_differs, reversed_rows
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.max_combo import MEMBERS, largest_normal_tail, max_combo
from reanalysis.survival.permuted_log_rank import (
    design,
    group_tails,
    standardised_tails,
)
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.score_permutation import Tails, count_tails, draw_tails
from reanalysis.survival.weighted_log_rank import chi_square, log_rank, whole_scores

# survival::aml: maintained (0) and not (1).
AML_TIME = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161]
AML_TIME += [5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45]
AML_EVENT = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
AML_GROUP = [0] * 11 + [1] * 12
# survival::ovarian in the order of rx, futime.
DAYS = [59, 115, 156, 268, 329, 431, 448, 477, 638, 803, 855, 1040, 1106]
DAYS += [353, 365, 377, 421, 464, 475, 563, 744, 769, 770, 1129, 1206, 1227]
DIED = [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
RX = [0] * 13 + [1] * 13
RESIDUAL = [2, 2, 2, 2, 2, 2, 1, 2, 1, 1, 1, 2, 1, 1, 2, 1, 2, 2, 2, 1, 1, 2, 2]
RESIDUAL += [1, 2, 1]
ECOG = [1, 1, 2, 2, 1, 1, 2, 1, 2, 1, 2, 2, 1, 2, 1, 1, 1, 2, 2, 2, 1, 2, 1, 1, 1, 2]
THREE = [ecog - 1 if rx == 0 else 2 for rx, ecog in zip(RX, ECOG, strict=True)]
# Ten made up, with ties of events and of an event with a censoring, in two strata.
TEN = FollowUp(
    np.array([3, 3, 4, 6, 7, 7, 9, 10, 12, 15.0]),
    np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1]) == 1,
)
TEN_GROUP = np.array([0, 0, 0, 1, 0, 0, 1, 1, 1, 1])
TEN_STRATUM = np.array([1, 2, 1, 1, 2, 1, 2, 2, 1, 2]) - 1
FOUR = [{"weights": "fleming-harrington", "rho": a, "gamma": b} for a, b in MEMBERS]

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


def follow(time, event):
    return FollowUp(np.array(time, dtype=float), np.array(event) == 1)


def sample(time, event, group, labels=("a", "b"), **columns):
    frame = pd.DataFrame({"time": np.array(time, dtype=float), "event": event})
    frame["group"] = [labels[g] for g in group]
    for name, column in columns.items():
        frame[name] = column
    return Sample(kind="individual", rows=frame, groups=labels, reference=labels[-1])


AML = follow(AML_TIME, AML_EVENT)
AML_SAMPLE = sample(AML_TIME, AML_EVENT, AML_GROUP)


def comparisons(data, **changed):
    found = estimate(data, PRIMARY | changed)
    return [row for row in found if row.statistic == "log_rank"]


# Counting


@pytest.mark.parametrize(
    ("weights", "rho", "gamma", "expected"),
    [
        # pvalue(logrank_test(Surv(time, status) ~ x, aml, distribution = "exact",
        #        type = "logrank", "Gehan-Breslow", "Tarone-Ware", "Prentice-Marek",
        #        "Fleming-Harrington" with rho, gamma))
        ("log-rank", 0, 0, 0.0646930132729),
        ("gehan-breslow", 0, 0, 0.101912019869),
        ("tarone-ware", 0, 0, 0.0827947795911),
        ("peto-peto", 0, 0, 0.0991629181157),
        ("fleming-harrington", 1, 0, 0.0945167364605),
        ("fleming-harrington", 0, 1, 0.128982203689),
        ("fleming-harrington", 1, 1, 0.233683263835),
    ],
)
def test_weighted_exact_tests_agree_with_coin(weights, rho, gamma, expected):
    kind = {"weights": weights, "rho": rho, "gamma": gamma}
    first = np.array(AML_GROUP) == 0
    scores = log_rank(AML, np.array(AML_GROUP), **kind).scores
    assert_allclose(count_tails(scores, first).p_value(), expected, rtol=1e-10)
    whole = whole_scores(AML, np.array(AML_GROUP), **kind)
    if weights == "tarone-ware":
        assert whole is None
    else:
        assert_allclose(whole / np.abs(whole).max(), scores / np.abs(scores).max())
        assert int(whole.sum()) == 0
        assert_allclose(count_tails(whole, first).p_value(), expected, rtol=1e-10)


def test_whole_scores_keep_apart_what_floats_do_not():
    # 21 against 21: the sums are fractions of lcm(1, ..., 42), about 2e17, and thousands
    # lie closer to each other than floats can tell.
    rng = np.random.default_rng(4)
    rows = FollowUp(rng.exponential(size=42), np.ones(42, dtype=bool))
    group = np.arange(42) % 2
    assert whole_scores(rows, group) is None or whole_scores(rows, group).dtype == int
    # Halves and thirds by hand: times 1, 2, 3; hazards 1/3, 1/2, 1; score 1 - sum.
    rows = follow([1, 2, 3], [1, 1, 1])
    assert_array_equal(whole_scores(rows, np.zeros(3, dtype=int)), [4, 1, -5])


def test_two_sided_rules_are_different_tests():
    # Nine patients, times 1 to 9, censored at 4 and 6, the first four treated; by
    # combn(9, 4) and survdiff: abs(O - E) 11 of 126 (coin the same), the chi-square 4
    # of 126, twice the smaller tail 10 of 126.
    time, event, group = range(1, 10), [1, 1, 1, 0, 1, 0, 1, 1, 1], [0] * 4 + [1] * 5
    data = sample(time, event, group)
    found = {
        rule: comparisons(data, p_value="exact", two_sided=rule)[0]
        for rule in ("absolute", "doubled", "chi-square")
    }
    assert_allclose(found["absolute"].p_value, 11 / 126)  # 0.0873
    assert_allclose(found["chi-square"].p_value, 4 / 126)  # 0.0317
    assert_allclose(found["doubled"].p_value, 10 / 126)
    assert [row.test for row in found.values()] == [
        "log-rank, exact permutation",
        "log-rank, exact permutation (doubled tail)",
        "log-rank, exact permutation (chi-square recomputed)",
    ]
    one = comparisons(
        data, p_value="exact", two_sided="doubled", alternative="one-sided"
    )
    assert_allclose(one[0].p_value, 5 / 126)
    assert one[0].test == "log-rank, exact permutation"


def test_shares_of_assignments():
    tails = Tails(less=7, greater=95, distant=12, total=100)
    assert tails.p_value() == 0.12
    assert tails.p_value("less") == 0.07
    assert tails.p_value("greater") == 0.95
    assert tails.p_value(two_sided="doubled") == 0.14
    assert tails.p_value(add_one=True) == 13 / 101
    assert tails.p_value(two_sided="doubled", add_one=True) == 16 / 101
    assert Tails(60, 60, 100, 100).p_value(two_sided="doubled") == 1
    assert Tails(0, 100, 0, 100, drawn=True).p_value(add_one=True) == 1 / 101


def test_forty_pairs_and_forty_two_patients_are_counted():
    # Pairs without ties or censoring: scores 1/2 and -1/2, a sign test.
    scores = np.tile([1, -1], 40)
    pair = np.repeat(np.arange(40), 2)
    treated = np.tile([True, False], 40)
    treated[:20] = np.tile([False, True], 10)
    tails = count_tails(scores, treated, pair)
    assert tails.total == 2**40
    assert tails.greater == sum(math.comb(40, k) for k in range(30, 41))
    # Ranks of 42: the sum of the largest 21 is one of all.
    tails = count_tails(np.arange(42) * 2 - 41, np.arange(42) >= 21)
    assert (tails.greater, tails.total) == (1, math.comb(42, 21))
    with pytest.raises(MethodError, match=r"too many assignments to count \(7.4e\+15"):
        count_tails(np.random.default_rng(1).normal(size=56), np.arange(56) < 27)
    with pytest.raises(MethodError, match="too many"):
        count_tails(np.zeros(900), np.arange(900) < 400)


# Drawing


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_drawn_tails_agree_with_counted_ones(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 29))
    scores = rng.integers(-9, 10, n)
    treated = rng.random(n) < 0.4
    stratum = rng.integers(0, 1 + seed % 9, n)
    for s in np.unique(stratum):
        own = np.flatnonzero(stratum == s)
        scores[own[0]] -= scores[own].sum()
    counted = count_tails(scores, treated, stratum)
    drawn = draw_tails(scores, treated, stratum, draws=4000, rng=rng)
    for side in ("less", "greater", "distant"):
        p = getattr(counted, side) / counted.total
        error = math.sqrt(max(p * (1 - p), 1e-9) / 4000)
        assert abs(getattr(drawn, side) / 4000 - p) <= 5 * error + 1e-12


def test_drawn_p_agrees_with_coin():
    # pvalue(logrank_test(Surv(futime, fustat) ~ factor(rx), ovarian, "exact"))
    scores = log_rank(follow(DAYS, DIED), np.array(RX)).scores
    rng = np.random.default_rng(1)
    tails = draw_tails(scores, np.array(RX) == 0, draws=100_000, rng=rng)
    assert tails.drawn
    assert abs(tails.p_value() - 0.297407072669) < 4 * 0.00145
    # Within resid.ds all 2,972,970 assignments, by combn() and outer() in R.
    strata = np.array(RESIDUAL)
    scores = log_rank(follow(DAYS, DIED), np.array(RX), strata - 1).scores
    tails = draw_tails(scores, np.array(RX) == 0, strata, draws=100_000, rng=rng)
    assert abs(tails.p_value() - 0.264027218573) < 4 * 0.0014


def test_all_assignments_are_listed_once():
    labels = np.array([0, 0, 1, 2, 2, 1, 0])
    stratum = np.array([0, 0, 0, 1, 1, 1, 1])
    listed = np.concatenate(list(every_assignment(labels, stratum)))
    assert len(listed) == len({tuple(row) for row in listed.tolist()}) == 3 * 12
    assert assignments(labels, stratum) == 36
    for s in (0, 1):
        assert (
            np.sort(listed[:, stratum == s], axis=1) == np.sort(labels[stratum == s])
        ).all()
    rng = np.random.default_rng(1)
    drawn = np.concatenate(
        list(random_assignments(labels, stratum, draws=36_000, rng=rng))
    )
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert counts.size == 36
    # Chi-square with 35 degrees of freedom: mean 35, standard deviation 8.4.
    assert ((counts - 1000) ** 2 / 1000).sum() < 35 + 4 * 8.4


# Standardised tests, several groups


def test_standardised_tests_agree_with_loops_in_r():
    first = TEN_GROUP == 0
    plan = design(TEN, None, FOUR)
    z = [1.47990005293, 1.49035876459, 0.878114079918, 0.785674201318]
    assert_allclose(plan.z(first[None, :])[0], z, rtol=1e-10)
    every = list(every_assignment(TEN_GROUP))
    tails = standardised_tails(plan, first, every, drawn=False)
    assert_allclose(tails.p_value(), 0.325396825397, rtol=1e-10)
    assert_allclose(tails.p_value("greater"), 0.162698412698, rtol=1e-10)
    assert_allclose(tails.p_value("less"), 0.892857142857, rtol=1e-10)
    # Within strata: MaxCombo, and survdiff(... + strata(st))$chisq over all 100.
    every = list(every_assignment(TEN_GROUP, TEN_STRATUM))
    for tests, expected in ((FOUR, 0.3), ([{}], 0.17)):
        plan = design(TEN, TEN_STRATUM, tests)
        tails = standardised_tails(plan, first, every, drawn=False)
        assert_allclose(tails.p_value(), expected, rtol=1e-12)


def test_a_design_counts_intervals_and_late_entry():
    rows = FollowUp(
        np.array([3, 5, 2, 7, 4, 6, 9.0]),
        np.array([1, 0, 0, 1, 0, 1, 1]) == 1,
        np.array([0, 0, 0, 2, 1, 4, 3.0]),
        np.array([0, 1, 2, 2, 3, 3, 4]),
    )
    group = np.array([0, 1, 0, 0, 1, 1, 0])
    first = np.array([True, False, True, False, True])
    result = log_rank(rows, group)
    expected = result.difference[0] / math.sqrt(result.variance[0, 0])
    assert_allclose(design(rows, None, [{}]).z(first[None, :]), [[expected]])


def test_three_groups_are_permuted():
    # All 4,200 assignments by combn() in R: sum of tapply(scores, group, sum)^2 / n,
    # and abs(sum(scores * group)).
    group = np.array([0, 0, 1, 0, 1, 1, 2, 2, 1, 2])
    scores = log_rank(TEN, group, groups=3).scores
    form, slope = group_tails(scores, group, None, every_assignment(group), drawn=False)
    assert form.total == 4200
    assert_allclose(form.p_value(), 0.0971428571429, rtol=1e-10)
    assert_allclose(slope.p_value(), 0.0728571428571, rtol=1e-10)
    # pvalue(logrank_test(Surv(futime, fustat) ~ three, ovarian,
    #        distribution = approximate(nresample = 1e6))): 0.549095 +- 0.0005
    data = sample(DAYS, DIED, THREE, labels=("a", "b", "c"))
    overall, slope, asymptotic, *_ = comparisons(data, p_value="monte-carlo")
    assert overall.test == "log-rank, Monte Carlo permutation"
    assert slope.test == "log-rank trend, Monte Carlo permutation"
    assert asymptotic.df == 2
    assert abs(overall.p_value - 0.549095) < 4 * math.hypot(0.0016, 0.0005)
    with pytest.raises(MethodError, match="same score"):
        group_tails(np.zeros(10), group, None, [group[None, :]], drawn=False)


# MaxCombo


def test_max_combo_agrees_with_r():
    # Loops in R; 1 - mvtnorm::pmvnorm(GenzBretz(maxpts = 2e7)), errors below 4e-8.
    combo = max_combo(AML, np.array(AML_GROUP))
    z = [-1.84292937981, -1.66711713588, -1.62176238014, -1.20519021520]
    assert_allclose(combo.z, z, rtol=1e-10)
    assert_allclose(
        combo.correlation[np.triu_indices(4, 1)],
        [
            *(0.937021324962, 0.827935803383, 0.903839233509),
            *(0.579913688103, 0.733065047249, 0.931131245686),
        ],
        rtol=1e-10,
    )
    assert combo.strongest == 0
    assert_allclose(combo.p_value(), 0.128659442, rtol=1e-6)
    assert_allclose(combo.p_value("less"), 0.0643323401, rtol=1e-6)
    rows = follow(DAYS, DIED)
    combo = max_combo(rows, np.array(RX), np.array(RESIDUAL) - 1)
    z = [1.131213265129, 1.215161835909, 0.566665383789, 0.965259915548]
    assert_allclose(combo.z, z, rtol=1e-10)
    assert combo.members[combo.strongest] == (1, 0)
    assert_allclose(combo.p_value(), 0.368463226337, rtol=1e-6)
    assert_allclose(combo.p_value("greater"), 0.184490281949, rtol=1e-6)


def test_largest_normal_tail_agrees_with_mvtnorm():
    r = np.array([[1, 0.3, 0.5], [0.3, 1, 0.45], [0.5, 0.45, 1]])
    # 1 - pmvnorm(corr = r): Miwa(steps = 4000), two-sided; TVPACK, one-sided
    for bound, both, one in (
        (1, 0.639470405411, 0.336346521335),
        (2, 0.118906322167, 0.059516400291),
        (2.5, 0.0344815274482, 0.017242342529),
        (3.5, 0.00136829488199, 0.00068414759131),
    ):
        assert_allclose(largest_normal_tail(r, bound), both, rtol=1e-6)
        one_sided = largest_normal_tail(r, bound, two_sided=False)
        assert_allclose(one_sided, one, rtol=1e-6)
    below = largest_normal_tail(r, -0.3, two_sided=False)
    assert_allclose(below, 0.86452146633, rtol=1e-6)
    # Closed forms: one normal; two independent ones; a test and its mirror image.
    tail = math.erfc(1.7 / math.sqrt(2))
    assert_allclose(largest_normal_tail(np.eye(1), 1.7), tail)
    two = largest_normal_tail(np.eye(2), 1.7)
    assert_allclose(two, 1 - (1 - tail) ** 2, rtol=1e-8)
    mirror = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert_allclose(largest_normal_tail(mirror, 1.7, two_sided=False), tail)
    assert_allclose(largest_normal_tail(np.eye(1), -1, two_sided=False), 0.8413447461)
    assert largest_normal_tail(r, 0) == 1
    with pytest.raises(MethodError, match="rank above 3"):
        largest_normal_tail(np.eye(4), 2)


@pytest.mark.parametrize(("seed", "n"), [(0, 8), (2, 12), (3, 20)])
def test_one_sided_max_combo_p_is_that_of_a_dense_sum(seed, n):
    # Tests close to each other, whose tail vanishes where the largest changes sign.
    rng = np.random.default_rng(seed)
    rows = FollowUp(np.ceil(6 * rng.exponential(size=n)), rng.random(n) < 0.7)
    r = max_combo(rows, np.arange(n) % 2).correlation
    values, vectors = np.linalg.eigh(r)
    loading = (vectors * np.sqrt(values.clip(0)))[:, -3:]
    x = np.linspace(-8, 8, 1601)
    weight = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    for bound in (0.1, 1, 2):
        # The third axis is integrated in closed form.
        low, high = np.full((2, x.size, x.size), -np.inf)
        high = -high
        for a, b, c in loading:
            room = (bound - b * x[:, None] - c * x) / (a or 1e-300)
            if a > 0:
                high = np.minimum(high, room)
            else:
                low = np.maximum(low, room)
        inside = np.maximum(norm.cdf(high) - norm.cdf(low), 0)
        expected = 1 - weight @ inside @ weight
        found = largest_normal_tail(r, bound, two_sided=False)
        assert_allclose(found, expected, rtol=5e-5)


def test_max_combo_rows():
    (row,) = comparisons(AML_SAMPLE, weights="maxcombo")
    assert (row.test, row.alternative) == ("MaxCombo", "two-sided")
    assert_allclose(row.test_statistic, 1.84292937981, rtol=1e-10)
    assert row.note == "The largest is Fleming-Harrington(0,0), z = -1.843."
    ten = sample(TEN.stop, TEN.event.astype(int), TEN_GROUP)
    beside, exact = comparisons(ten, weights="maxcombo")
    assert exact.test == "MaxCombo, exact permutation"
    assert_allclose(exact.p_value, 0.325396825397, rtol=1e-10)
    exact, beside = comparisons(
        ten, weights="maxcombo", p_value="exact", alternative="one-sided"
    )
    assert (exact.alternative, beside.alternative) == ("greater", "greater")
    assert_allclose(exact.p_value, 0.162698412698, rtol=1e-10)
    strata = sample(
        TEN.stop, TEN.event.astype(int), TEN_GROUP, stratum=TEN_STRATUM.astype(str)
    )
    exact = comparisons(strata, weights="maxcombo", p_value="exact")[0]
    assert exact.test == "MaxCombo, stratified, exact permutation"
    assert_allclose(exact.p_value, 0.3, rtol=1e-12)
    overall, *pairs = comparisons(
        sample(DAYS, DIED, THREE, labels=("a", "b", "c")), weights="maxcombo"
    )
    assert overall.note == "MaxCombo compares two groups at a time."
    assert [row.group for row in pairs if row.test == "MaxCombo"] == ["a", "b"]


def test_one_event_leaves_max_combo_the_tests_with_weight_there():
    # At the first event S = 1: only FH(0,0) and FH(1,0), which are one test there.
    combo = max_combo(follow([2, 3, 4, 5], [1, 0, 0, 0]), np.array([0, 0, 1, 1]))
    assert combo.members == ((0, 0), (1, 0))
    assert_allclose(combo.p_value(), math.erfc(1 / math.sqrt(2)))


# Many data sets at once


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"weights": "gehan-breslow"},
        {"weights": "tarone-ware"},
        {"weights": "peto-peto"},
        {"weights": "fleming-harrington", "rho": 0.5, "gamma": 1.0},
    ],
)
def test_arrays_agree_with_one_at_a_time(kind):
    rng = np.random.default_rng(8)
    time = rng.integers(1, 9, (200, 16)).astype(float)
    time[rng.random(time.shape) < 0.15] = np.nan
    event, first = rng.random(time.shape) < 0.6, rng.random(time.shape) < 0.4
    stratum = np.arange(16) % 3
    for strata in (None, stratum):
        many = log_rank_arrays(time, event, first, strata, **kind)
        for k in range(len(time)):
            has = ~np.isnan(time[k])
            rows = FollowUp(time[k][has], event[k][has])
            one = log_rank(
                rows,
                np.where(first[k][has], 0, 1),
                None if strata is None else strata[has],
                **kind,
            )
            assert_allclose(many.observed[k], one.observed[0], rtol=1e-8)
            assert_allclose(many.expected[k], one.expected[0], rtol=1e-8)
            assert_allclose(many.difference[k], one.difference[0], rtol=0, atol=1e-9)
            assert_allclose(many.variance[k], one.variance[0, 0], rtol=1e-8, atol=1e-12)
    # Shared times, the groups permuted.
    shared = log_rank_arrays(time[0], event[0], first, stratum, **kind)
    again = log_rank_arrays(
        np.tile(time[0], (200, 1)), np.tile(event[0], (200, 1)), first, stratum, **kind
    )
    assert_allclose(shared.difference, again.difference, atol=1e-10)
    assert_allclose(shared.variance, again.variance, atol=1e-10)


def test_arrays_without_a_comparison_are_nan():
    many = log_rank_arrays([[1, 2, 3], [1, 2, 3]], [[0, 0, 0], [1, 0, 1]], [1, 0, 0])
    assert math.isnan(many.z[0])
    # O - E = 1 - 1/3, V = 2/9: chi-square 2
    assert_allclose(many.z[1] ** 2, 2)
    assert_allclose(many.p_value[1], math.erfc(1))
    nothing = log_rank_arrays(np.empty((2, 0)), np.empty((2, 0)), np.empty((2, 0)))
    assert np.isnan(nothing.z).all()


# Censoring


def test_reversed_rows_let_events_come_first():
    # The event at 3 is no longer at risk of the censoring at 3.
    rows = reversed_rows(follow([3, 3, 5, 5], [1, 0, 0, 1]))
    assert_array_equal(rows.event, [False, True, True, False])
    assert_array_equal(rows.at_risk(rows.stop[rows.event]), [3, 1])


def test_historical_controls_are_noted():
    # Treated followed for 12 months or so, controls for 40 to 60.
    time = [3, 5, 12, 12, 13, 14, 12, 4, 8, 15, 20, 41, 45, 50, 55, 60, 48, 52]
    event = [1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    group = [0] * 7 + [1] * 11
    asymptotic, exact = comparisons(sample(time, event, group))
    assert asymptotic.note == ""
    assert exact.note == (
        "Censoring differs between the groups (reverse log-rank p = 0.0048), which "
        "the permutation assumes away."
    )
    # pvalue(logrank_test(Surv(time + 0.5 * (1 - event), 1 - event) ~ group, "exact"))
    differs, p_value = censoring_differs(follow(time, event), np.array(group))
    assert differs
    assert_allclose(p_value, 0.00477626948215, rtol=1e-10)


def test_equal_censoring_is_not_noted():
    assert not censoring_differs(AML, np.array(AML_GROUP))[0]
    assert comparisons(AML_SAMPLE)[1].note == ""
    complete = censoring_differs(follow(range(1, 9), [1] * 8), np.arange(8) % 2)
    assert complete[0] is False
    assert math.isnan(complete[1])


def test_strata_cannot_hide_times_of_censoring_apart():
    # Each stratum has one censored patient, so the stratified test says nothing.
    rows = follow([2, 3, 4, 20, 21, 22, 30, 31, 32, 1, 1, 1], [0] * 6 + [1] * 6)
    group = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    stratum = np.array([0, 1, 2, 3, 4, 5, 3, 4, 5, 0, 1, 2])
    assert censoring_differs(rows, group, stratum)[0]


def test_one_in_twenty_equal_trials_is_noted():
    rng = np.random.default_rng(3)
    noted = 0
    for _ in range(300):
        event, censor = rng.exponential(1, 20), rng.exponential(1.5, 20)
        rows = FollowUp(np.minimum(event, censor), event <= censor)
        noted += censoring_differs(rows, np.arange(20) % 2)[0]
    # The level and three standard errors; the exact test is conservative.
    assert noted / 300 <= 0.05 + 0.038


# Rows


def test_random_permutations_are_said_and_repeatable():
    permuted, asymptotic = comparisons(AML_SAMPLE, p_value="monte-carlo")
    assert permuted.test == "log-rank, Monte Carlo permutation"
    assert permuted.note == (
        "100,000 random assignments, p = (1 + k) / (1 + B), standard error 0.0008."
    )
    assert abs(permuted.p_value - 0.0646930132729) < 4 * 0.0008
    assert asymptotic.test == "log-rank"
    again = comparisons(AML_SAMPLE, p_value="monte-carlo")[0]
    assert (again.p_value, again.note) == (permuted.p_value, permuted.note)
    other = comparisons(AML_SAMPLE, p_value="monte-carlo", seed=2)[0]
    assert other.p_value != permuted.p_value
    share = comparisons(AML_SAMPLE, p_value="monte-carlo", monte_carlo="share")[0]
    k = round(share.p_value * 100_000)
    assert permuted.p_value == (1 + k) / 100_001
    assert "p = k / B," in share.note
    few = comparisons(AML_SAMPLE, p_value="monte-carlo", permutations=1000)[0]
    assert few.note.startswith("1,000 random")


def test_too_many_assignments_fall_back_to_random_ones():
    rng = np.random.default_rng(5)
    n = 80
    data = sample(rng.exponential(1, n), [1] * n, [0] * 40 + [1] * 40)
    permuted, asymptotic = comparisons(data, p_value="exact")
    assert permuted.test == "log-rank, Monte Carlo permutation"
    assert permuted.note.startswith(
        "There are too many assignments to count (1.1e+23). 62,500 random assignments"
    )
    assert abs(permuted.p_value - asymptotic.p_value) < 0.02
    none, _ = comparisons(data, p_value="exact", permutations=0)
    assert math.isnan(none.p_value)
    assert none.test == "log-rank, exact permutation"
    assert none.note == "There are too many assignments to count (1.1e+23)."
    none, _ = comparisons(data, p_value="monte-carlo", permutations=0)
    assert none.note == "No random assignments are drawn (permutations: 0)."
    recomputed, _ = comparisons(data, p_value="exact", two_sided="chi-square")
    assert recomputed.test.endswith("Monte Carlo permutation (chi-square recomputed)")
    assert abs(recomputed.p_value - asymptotic.p_value) < 0.02
    none, _ = comparisons(data, p_value="exact", two_sided="chi-square", permutations=0)
    assert none.note == "There are more than 1,000,000 assignments to look at."


def test_pairs_stay_together():
    first, second = [9, 8, 7, 9, 5, 6, 8, 1], [1, 2, 3, 4, 2, 3, 1, 2]
    data = sample(first + second, [1] * 16, [0] * 8 + [1] * 8, pair=[*range(8)] * 2)
    for how in ("exact", "monte-carlo"):
        for rule in ("absolute", "doubled", "chi-square"):
            row = comparisons(data, p_value=how, two_sided=rule)[0]
            assert abs(row.p_value - 18 / 256) < (1e-12 if how == "exact" else 0.004)


@pytest.mark.parametrize(
    ("time", "event", "group"),
    [
        ([1, 2, 3], [1, 1, 1], [0, 1, 1]),
        ([1, 2, 3], [0, 0, 0], [0, 1, 1]),
        ([4, 4, 4], [1, 1, 1], [0, 1, 1]),
        ([4, 4, 4, 4], [1, 0, 0, 1], [0, 0, 1, 1]),
        ([1, 5, 6], [0, 1, 1], [0, 1, 1]),
        ([3, 4, 9, 9], [1, 1, 0, 0], [1, 1, 0, 0]),
        ([3, 4, 9, 9], [1, 0, 0, 0], [1, 1, 0, 0]),
        ([0, 0, 1, 2], [1, 0, 1, 0], [1, 0, 0, 1]),
        ([], [], []),
    ],
)
def test_awkward_trials_have_a_p_or_a_note(time, event, group):
    for how, weights, rule, alternative in product(
        ("asymptotic", "exact", "monte-carlo"),
        ("log-rank", "maxcombo", "fleming-harrington"),
        ("absolute", "doubled", "chi-square"),
        ("two-sided", "one-sided"),
    ):
        found = comparisons(
            sample(time, event, group),
            p_value=how,
            weights=weights,
            two_sided=rule,
            alternative=alternative,
            gamma=1.0,
            permutations=1000,
        )
        assert found
        for row in found:
            if math.isnan(row.p_value):
                assert row.note.endswith(".")
                assert math.isnan(row.test_statistic)
            elif "permutation" in row.test:
                assert 1 / 6 - 0.05 < row.p_value <= 1
            else:
                assert 0 < row.p_value <= 1
                assert math.isfinite(row.test_statistic)


def test_intervals_of_one_patient_are_permuted_together():
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
    whole = sample([4, 6, 9, 3, 8], [1, 0, 1, 1, 1], [0, 1, 0, 1, 1], id=list("abcde"))
    for changed in ({"two_sided": "chi-square"}, {"weights": "maxcombo"}, {}):
        one = comparisons(whole, p_value="exact", **changed)
        other = comparisons(split, p_value="exact", **changed)
        assert_allclose([r.p_value for r in one], [r.p_value for r in other])
    frame.loc[2, "group"] = "a"
    row = comparisons(split, p_value="exact")[0]
    assert row.note == "A patient who changes groups cannot be permuted."
    assert math.isnan(row.p_value)


def test_exact_tests_hold_their_level_with_unequal_groups():
    # 3 against 10 without an effect, both censored alike; three standard errors.
    rng = np.random.default_rng(11)
    group = np.array([0] * 3 + [1] * 10)
    every = np.concatenate(list(every_assignment(group))) == 0
    trials, rejected, asymptotic = 600, 0, 0
    for _ in range(trials):
        event, censor = rng.exponential(1, 13), rng.exponential(2, 13)
        time, died = np.minimum(event, censor), event <= censor
        if not died.any():
            continue
        many = log_rank_arrays(time, died, every)
        own = log_rank(FollowUp(time, died), group)
        far = np.abs(many.difference) >= abs(own.difference[0]) - 1e-9
        rejected += far.mean() <= 0.05
        asymptotic += chi_square(own).p_value <= 0.05
    assert rejected / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert asymptotic > rejected
