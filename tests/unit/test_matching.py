"""Matching against brute force, weights and sets against R (4.x, survey, survival)."""

from __future__ import annotations

import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings, strategies

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.errors import MethodError
from reanalysis.matching import matched_outcomes as outcomes
from reanalysis.matching.balance import standardized_difference, variance_ratio
from reanalysis.matching.matched_sets import nearest, optimal
from reanalysis.matching.propensity import (
    firth,
    logit_sd,
    mahalanobis,
    propensity_score,
)
from reanalysis.matching.propensity_weights import (
    effective_size,
    weighted_difference,
    weights,
)
from reanalysis.matching.set_effects import matched_effects
from reanalysis.methods import matching
from reanalysis.recomputed import matching as matching_rows
from reanalysis.sample import Sample
from reanalysis.studies.study import load

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "distance": "logit",
    "algorithm": "optimal",
    "order": "largest",
    "ratio": 1,
    "replacement": False,
    "caliper": None,
    "caliper_sd": "pooled",
    "balance_sd": "pooled",
    "balance_rows": "unmatched",
    "p_value": "exact",
    "variance": "jackknife",
    "stabilised": False,
    "tie_limit": 50,
    "conf_level": 0.95,
    "seed": 1,
}

# Seven treated and eighteen others.
X = np.array([1.2, 0.3, 2.1, 1.7, 0.9, 1.4, 2.6, -0.5, 0.1, 0.8, 1.5, -1.2, 0.4, 1.1,
              0.2, -0.3, 0.6, 1.9, -0.8, 0.7, 1.3, 0.0, 2.2, -0.1, 0.5])  # fmt: skip
Z = np.array(
    [1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0.0]
)
A = np.arange(25) < 7
Y = np.array([3.1, 2.4, 5.2, 3.3, 4.1, 2.8, 6.0, 1.1, 2.0, 2.2, 3.9, 0.4, 1.8, 2.9, 2.1,
              0.7, 2.5, 4.4, 0.2, 1.6, 3.0, 1.9, 4.9, 1.3, 2.3])  # fmt: skip
TIME = np.array([5, 8, 3, 2, 6, 7, 9, 4, 4.5, 1, 6.5, 3.5, 10, 5.5, 7.2, 7.3, 2.2, 9.1,
                 6.1, 1.7, 8.8, 4.2, 5.9, 3.3, 7.9])  # fmt: skip
EVENT = np.array(
    [1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1]
)

# Seven sets, five with two others and two with one.
SET = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 6])
MINE = np.array([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0]) == 1
BORNE = np.array([1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0])
VALUE = np.array([5.1, 3.2, 4.0, 6.2, 6.9, 5.5, 2.2, 2.2, 1.0, 7.7, 5.0, 4.4, 4.9, 3.1,
                  3.3, 2.8, 9.1, 8.0, 8.0])  # fmt: skip
WHEN = np.array([5, 8, 3, 2, 6, 7, 9, 4, 4, 1, 6, 3, 10, 5, 7, 7, 2, 9, 6.0])


def close(value, rel=1e-6):
    return pytest.approx(value, rel=rel, abs=1e-9)


def only(rows, statistic, **where):
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


def sample(outcome, rows=None, covariates=("x", "z"), **options):
    frame = pd.DataFrame(
        {
            "id": [str(i) for i in range(25)],
            "group": np.where(A, "cells", "control"),
            "x": X,
            "z": Z,
        }
    )
    for name, values in outcome.items():
        frame[name] = values
    if rows is not None:
        frame = frame.iloc[rows].reset_index(drop=True)
    return Sample(
        kind="individual",
        rows=frame,
        groups=("cells", "control"),
        reference="control",
        covariates=covariates,
        options=options,
    )


def in_sets(**outcome):
    frame = pd.DataFrame({"group": np.where(MINE, "cells", "control"), **outcome})
    frame["pair"] = [f"set {code}" for code in SET]
    return Sample(
        kind="individual",
        rows=frame,
        groups=("cells", "control"),
        reference="control",
    )


# Scores


def test_propensity_score_against_r():
    # R: predict(glm(a ~ x + z, binomial, control = list(epsilon = 1e-15)))[c(1, 8, 25)]
    score = propensity_score(np.column_stack([X, Z]), A)
    expected = (-0.703965552591375, -2.990269054398438, -1.553605079713212)
    assert tuple(score.logit[[0, 7, 24]]) == close(expected, 1e-9)
    assert not score.penalised


def test_score_does_not_depend_on_units_or_constant_columns():
    score = propensity_score(np.column_stack([X, Z]), A)
    other = propensity_score(np.column_stack([1990 + X / 365, 3 - 2 * Z, Z * 0]), A)
    assert other.logit == close(score.logit, 1e-8)


def test_firth_of_a_two_by_two_table_adds_one_half_to_each_cell():
    treated = np.array([1, 1, 1, 0, 0, 0, 0, 0]) == 1
    exposed = np.array([1, 1, 1, 1, 1, 0, 0, 0.0])
    score = propensity_score(exposed[:, None], treated)
    assert score.penalised
    assert score.logit[0] == close(math.log(3.5 / 2.5))
    assert score.logit[-1] == close(math.log(0.5 / 3.5))
    x = np.column_stack([np.ones(8), exposed])
    assert firth(x, treated * 1.0)[0] == close(math.log(0.5 / 3.5))


def test_mahalanobis_against_r():
    # R: sqrt(mahalanobis(u, v, S)), S pooled within the groups.
    distance = mahalanobis(np.column_stack([X, Z]), A)
    assert distance.shape == (7, 18)
    assert distance[0, 0] == close(2.41925083230585)
    assert distance[6, 17] == close(2.52187948242236)
    twice = mahalanobis(np.column_stack([X, Z, 2 * Z]), A)
    assert twice == close(distance)


def test_sd_of_a_caliper_by_hand():
    logit = np.array([0.0, 2, 1, 1, 4])
    treated = np.array([True, True, False, False, False])
    assert logit_sd(logit, treated, "pooled") == close(math.sqrt((2 + 3) / 2))
    assert logit_sd(logit, treated, "all") == close(np.std(logit, ddof=1))


# Matchings


def every_matching(distance, ratio):
    """All matchings: (treated matched, pairs, total) -> those that reach it."""
    treated, others = distance.shape
    found = {}

    def extend(i, used, sets):
        if i == treated:
            total = sum(
                distance[j, list(own)].sum() for j, own in enumerate(sets) if own
            )
            key = (-sum(map(bool, sets)), -sum(map(len, sets)), round(total, 8))
            found.setdefault(key, set()).add(tuple(sets))
            return
        free = [c for c in range(others) if c not in used and distance[i, c] < np.inf]
        for size in range(ratio + 1):
            for own in itertools.combinations(free, size):
                extend(i + 1, used | set(own), [*sets, own])

    extend(0, frozenset(), [])
    return found


@given(strategies.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_optimal_matchings_are_all_of_those_that_brute_force_finds(seed):
    rng = np.random.default_rng(seed)
    ratio = int(rng.integers(1, 4))
    treated, others = rng.integers(1, 4), rng.integers(1, 6)
    distance = [
        rng.random((treated, others)),
        rng.integers(0, 3, (treated, others)).astype(float),
        np.abs(rng.normal(size=treated)[:, None] - rng.normal(size=others)),
    ][seed % 3]
    distance = np.where(rng.random(distance.shape) < 0.25, np.inf, distance)
    if not np.isfinite(distance).any():
        with pytest.raises(MethodError, match="close enough"):
            optimal(distance, ratio)
        return
    found = every_matching(distance, ratio)
    best = found[min(found)]
    matchings = optimal(distance, ratio, limit=100_000)
    assert matchings.complete
    assert len(set(matchings.sets)) == len(matchings.sets)
    assert set(matchings.sets) == best
    squares = {
        sets: sum(
            (distance[i, list(own)] ** 2).sum() for i, own in enumerate(sets) if own
        )
        for sets in best
    }
    assert squares[matchings.sets[0]] == pytest.approx(min(squares.values()), abs=1e-9)
    some = optimal(distance, ratio, limit=2)
    assert set(some.sets) <= best
    assert some.complete == (len(best) <= 2)
    assert some.sets[0] == matchings.sets[0]


def by_turns(distance, priority, ratio):
    """Every outcome of choosing in turn, ties either way."""
    results = set()

    def choose(turn, waiting, given):
        if not waiting:
            waiting = frozenset(
                i for i in range(len(given)) if len(given[i]) == turn + 1
            )
            if turn + 1 == ratio or not waiting:
                results.add(tuple(tuple(sorted(own)) for own in given))
                return
            choose(turn + 1, waiting, given)
            return
        used = {c for own in given for c in own}
        top = max(priority[i] for i in waiting)
        for i in (i for i in waiting if priority[i] == top):
            free = [c for c in range(distance.shape[1]) if c not in used]
            free = [c for c in free if distance[i, c] < np.inf]
            best = min((distance[i, c] for c in free), default=None)
            if best is None:
                choose(turn, waiting - {i}, given)
            for c in (c for c in free if distance[i, c] == best):
                more = [(*own, c) if j == i else own for j, own in enumerate(given)]
                choose(turn, waiting - {i}, more)

    choose(0, frozenset(range(len(distance))), [()] * len(distance))
    return results


@given(strategies.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_nearest_matchings_are_all_that_taking_turns_can_give(seed):
    rng = np.random.default_rng(seed)
    treated, others = rng.integers(1, 4), rng.integers(2, 6)
    distance = rng.integers(0, 3, (treated, others)).astype(float)
    distance[rng.random(distance.shape) < 0.2] = np.inf
    if not np.isfinite(distance).any():
        return
    priority = rng.integers(0, 2, treated).astype(float)
    ratio = int(rng.integers(1, 3))
    matchings = nearest(distance, priority, ratio, limit=100_000)
    assert matchings.complete
    assert set(matchings.sets) == by_turns(distance, priority, ratio)


def test_order_decides_who_is_left_without_the_nearest():
    distance = np.array([[1.0, 5.0], [0.5, 9.0]])
    assert nearest(distance, np.array([2.0, 1.0])).sets == (((0,), (1,)),)
    assert nearest(distance, np.array([1.0, 2.0])).sets == (((1,), (0,)),)
    assert optimal(distance).sets == (((1,), (0,)),)


def test_replacement_lets_both_take_the_same():
    distance = np.array([[1.0, 5.0, 5.0], [0.5, 9.0, 9.0]])
    once = nearest(distance, np.zeros(2), 1, True)
    assert once.sets == (((0,), (0,)),)
    twice = nearest(distance, np.zeros(2), 2, True)
    assert set(twice.sets) == {
        ((0, a), (0, b)) for a, b in itertools.product((1, 2), (1, 2))
    }


def test_seven_against_eighteen_uses_everybody_with_up_to_three():
    distance = np.abs(X[A][:, None] - X[~A])
    matchings = optimal(distance, 3, limit=10)
    for sets in matchings.sets:
        assert sorted(c for own in sets for c in own) == list(range(18))
        assert all(1 <= len(own) <= 3 for own in sets)
    assert not matchings.complete
    assert len(matchings.sets) == 10


def test_a_matching_repeats_itself():
    distance = np.abs(np.round(X[A])[:, None] - np.round(X[~A]))
    assert optimal(distance, 2, 5, 3) == optimal(distance, 2, 5, 3)


# Balance


def test_standardised_differences_by_hand():
    # Means 4 and 2; variances 4 and 1 (n - 1); everybody: mean 3, variance 16 / 5.
    values = np.array([2.0, 4, 6, 1, 2, 3])
    mine = np.arange(6) < 3
    one = np.ones(6)
    assert standardized_difference(values, mine, one) == close(2 / math.sqrt(2.5))
    assert standardized_difference(values, mine, one, unit="treated") == close(1)
    assert standardized_difference(values, mine, one, unit="all") == close(
        2 / math.sqrt(16 / 5)
    )
    assert variance_ratio(values, mine, one) == close(4)
    # Weights 0 for two others: the mean is 3; the unit stays that before matching.
    kept = np.array([1.0, 1, 1, 0, 0, 1])
    assert standardized_difference(values, mine, kept, unit_weight=one) == close(
        1 / math.sqrt(2.5)
    )


def test_equal_values_under_weights_have_no_spread():
    # Their weighted mean is off by rounding; 16 over 1e-14 is no difference.
    values = np.array([20.0] * 10 + [3.0, 4, 4])
    weight = np.r_[np.random.default_rng(2).random(10), np.ones(3)]
    mine = np.arange(13) < 10
    found = standardized_difference(values, mine, weight, unit="treated")
    assert math.isnan(found)


def test_standardised_difference_of_a_share_by_hand():
    # 3 of 4 against 1 of 4: 0.5 over the root of (3/16 + 3/16) / 2.
    values = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    mine = np.arange(8) < 4
    d = standardized_difference(values, mine, np.ones(8))
    assert d == close(0.5 / math.sqrt(3 / 16))
    assert math.isnan(variance_ratio(values, mine, np.ones(8)))


def test_nothing_finite_where_groups_do_not_vary():
    values = np.array([1.0, 1, 0, 0])
    mine = np.array([True, True, False, False])
    assert math.isnan(standardized_difference(values, mine, np.ones(4)))
    assert standardized_difference(values * 0, mine, np.ones(4)) == 0


def test_overlap_weights_balance_the_means_exactly():
    # Li, Morgan and Zaslavsky 2018, theorem 3.
    score = propensity_score(np.column_stack([X, Z]), A)
    w = weights(score.logit, A, "overlap")
    for values in (X, Z):
        gap = w[A] @ values[A] / w[A].sum() - w[~A] @ values[~A] / w[~A].sum()
        assert gap == pytest.approx(0, abs=1e-9)


# Weights


@pytest.mark.parametrize(
    ("estimand", "estimate", "known", "estimated", "jackknife", "size"),
    [
        # R: coef and vcov of svyglm(y ~ a, svydesign(~1, weights = ~w)), its factor
        # n / (n - 1) taken out; stacked estimating equations with their derivative by
        # numDeriv::jacobian; glm refitted without each patient; (sum w)^2 / sum w^2.
        ("att", 0.194851733076678, 0.627712497775932, 0.475693401920496, 0.581072295786533, 6.50960211690482),
        ("ate", 0.740481773495675, 0.569660770242243, 0.339272256562499, 0.570848861838127, 15.7515188636228),
        ("overlap", 0.238681527448526, 0.522112018026978, 0.258940733538178, 0.327996761016394, 10.3123600607027),
    ],
)  # fmt: skip
def test_weighted_difference_against_r(
    estimand, estimate, known, estimated, jackknife, size
):
    score = propensity_score(np.column_stack([X, Z]), A)
    w = weights(score.logit, A, estimand)
    assert effective_size(w[~A]) == close(size)
    for variance, error in (
        ("known", known),
        ("estimated", estimated),
        ("jackknife", jackknife),
    ):
        found = weighted_difference(Y, A, score, estimand, variance=variance)
        assert found.estimate == close(estimate)
        assert found.std_error == close(error)
        half = (found.high - found.low) / 2
        # R: qt(0.975, 6)
        quantile = 2.44691185114497 if variance == "jackknife" else 1.95996398454005
        assert half == close(quantile * error)


def test_stabilised_weights_are_the_shares_over_the_scores():
    p = np.array([0.2, 0.5, 0.4])
    treated = np.array([True, False, True])
    w = weights(np.log(p / (1 - p)), treated, "ate", stabilised=True)
    assert w == close(np.array([2 / 3 / 0.2, 1 / 3 / 0.5, 2 / 3 / 0.4]))


def test_weighted_cox_against_r():
    # R: coxph(Surv(t, ev) ~ a, weights = e/(1-e) or 1, robust = TRUE)
    rows = matching.estimate(sample({"time": TIME, "event": EVENT}), SETTINGS)
    row = only(rows, "hazard_ratio", term="weighted to the treated (ATT)")
    assert row.estimate == close(1.53242254094237)
    assert row.std_error == close(0.604797070417274)
    assert row.p_value == close(0.480328903447)
    assert "known" in row.note


# Sets


def test_exact_odds_ratio_over_sets_against_r():
    # R: exp(coef(clogit(ev ~ tr + strata(set)))), mantelhaen.test(exact = TRUE)$p.value
    # (its estimate, 6.3556, stops at the tolerance of uniroot).
    ratio, test = outcomes.exact_odds_ratio(BORNE, MINE, SET)
    assert ratio.estimate == close(6.35479085406024)
    assert test.p_value == close(0.0905349794238683)
    # R's limits, to the same tolerance.
    assert ratio.low == pytest.approx(0.652652623519286, rel=1e-3)
    assert ratio.high == pytest.approx(314.622018889636536, rel=3e-3)
    for limit, below in ((ratio.low, False), (ratio.high, True)):
        assert tail(limit, below) == close(0.025)


def tail(odds, below):
    """Chance of as few (or as many) treated events, by enumeration of all choices."""
    total = extreme = 0.0
    observed = BORNE[MINE].sum()
    sets = [np.flatnonzero(code == SET) for code in range(7)]
    for chosen in itertools.product(*sets):
        events = BORNE[list(chosen)].sum()
        weight = odds ** float(events)
        total += weight
        if events <= observed if below else events >= observed:
            extreme += weight
    return extreme / total


def test_mantel_haenszel_over_sets_against_r():
    # R: mantelhaen.test(table, correct = FALSE)
    ratio, test = outcomes.mantel_haenszel(BORNE, MINE, SET)
    assert (ratio.estimate, ratio.low, ratio.high) == close(
        (7.5, 0.748722840705496, 75.127933785214239)
    )
    assert test.statistic == close(3.44897959183674)
    assert test.p_value == close(0.0632908322333454)


def test_pairs_give_mcnemar():
    # Discordant pairs 5 and 1. R: mcnemar.exact: p 0.21875, 5 (0.559, 236.5);
    # limits are those of binom.test(5, 6) as odds.
    event = np.array([1, 0] * 5 + [0, 1] + [1, 1, 0, 0])
    mine = np.tile([True, False], 8)
    ratio, test = outcomes.exact_odds_ratio(event, mine, np.repeat(np.arange(8), 2))
    assert ratio.estimate == close(5)
    assert test.name == "McNemar, exact"
    assert test.p_value == close(0.21875)
    # R: binom.test(5, 6)$conf.int 0.3587653870 0.9957892550
    assert ratio.low == close(0.3587653870 / (1 - 0.3587653870), 1e-5)
    assert ratio.high == close(0.9957892550 / (1 - 0.9957892550), 1e-5)


@pytest.mark.parametrize(
    ("scores", "name", "normal_z", "normal_p"),
    [
        # R coin: independence_test(scores ~ factor(tr) | factor(set)), sign turned
        (outcomes.van_elteren_scores, "van Elteren", 1.94385478587559, 0.0519129649350183),
        (outcomes.aligned_ranks, "aligned ranks", 2.01429136463083, 0.0439789520661253),
    ],
)  # fmt: skip
def test_rank_tests_within_sets(scores, name, normal_z, normal_p):
    values = scores(VALUE, SET)
    normal = outcomes.normal_test(values, MINE, SET, name)
    assert (normal.statistic, normal.p_value) == close((normal_z, normal_p))
    exact = outcomes.permutation_test(values, MINE, SET, name)
    assert exact.p_value == close(enumerated(values))


def enumerated(scores):
    sets = [np.flatnonzero(code == SET) for code in range(7)]
    sums = np.array([scores[list(c)].sum() for c in itertools.product(*sets)])
    middle = sums.mean()
    return (abs(sums - middle) >= abs(scores[MINE].sum() - middle) - 1e-9).mean()


def test_set_differences_against_r():
    # R: t.test(d), d the differences of set means
    found = outcomes.mean_difference(VALUE, MINE, SET)
    assert (found.estimate, found.std_error) == close(
        (0.971428571428571, 0.342062571353676)
    )
    assert (found.low, found.high) == close((0.134431611750141, 1.808425531107002))
    assert (found.statistic, found.p_value) == close(
        (2.83991483658749, 0.0295702572894405)
    )


@given(strategies.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_limits_of_a_shift_are_what_the_test_does_not_reject(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 4, 6)
    code = np.repeat(np.arange(6), sizes)
    mine = np.diff(code, prepend=-1) > 0
    value = rng.normal(size=len(code))
    point, low, high, level = outcomes.shift(value, mine, code, 0.9)
    assert low <= point <= high
    assert 0.9 <= level <= 1

    def rejected(delta):
        moved = value - delta * mine
        scores = outcomes.van_elteren_scores(moved, code)
        values, chances = outcomes.permutation_law(scores, mine, code)
        observed = scores[mine].sum()
        below = chances[values <= observed + 1e-9].sum()
        above = chances[values >= observed - 1e-9].sum()
        return min(below, above) <= 0.05 + 1e-12

    if math.isinf(low):
        assert not rejected(-100)
        return
    assert rejected(low - 1e-6)
    assert not rejected(low + 1e-6)
    assert rejected(high + 1e-6)
    assert not rejected(high - 1e-6)


def test_stratified_cox_and_log_rank_against_r():
    # R: coxph(Surv(t, ev) ~ tr + strata(set)), survdiff with strata
    rows = matching.estimate(in_sets(time=WHEN, event=BORNE), SETTINGS)
    row = only(rows, "hazard_ratio", term="matched sets", test="likelihood ratio")
    assert row.estimate == close(8.2169905660283)
    assert row.std_error == close(1.10217910087412)
    assert row.p_value == close(0.0232876926247228)
    row = only(rows, "log_rank", test="log-rank, stratified by set")
    assert (row.test_statistic, row.p_value) == close((5.12, 0.023651616655356), 1e-6)
    exact = only(rows, "log_rank", test="log-rank, exact within sets")
    assert exact.p_value == close(log_rank_enumerated())


def log_rank_enumerated():
    sets = [np.flatnonzero(code == SET) for code in range(7)]

    def excess(chosen):
        total = 0.0
        for own, one in zip(sets, chosen, strict=True):
            for t in set(WHEN[own][BORNE[own] == 1]):
                at_risk = own[WHEN[own] >= t]
                d = ((WHEN[own] == t) & (BORNE[own] == 1)).sum()
                total += (WHEN[one] == t) * BORNE[one] - d * (one in at_risk) / len(
                    at_risk
                )
        return total

    sums = np.array([excess(c) for c in itertools.product(*sets)])
    observed = excess(np.flatnonzero(MINE))
    return (abs(sums - sums.mean()) >= abs(observed - sums.mean()) - 1e-9).mean()


# The family


def test_named_sets_are_kept_and_counted():
    rows = matching.estimate(in_sets(event=BORNE), SETTINGS)
    assert rows[0].statistic == "odds_ratio"
    assert rows[0].estimate == close(6.35479085406024)
    assert "The sets are those of the study." in rows[0].note
    assert only(rows, "count", term="matched sets").estimate == 7
    assert only(rows, "effective_sample_size", group="control", term="matched sets").estimate == close(
        49 / (2 + 10 / 4)
    )  # fmt: skip


def test_ties_are_followed_up_and_said():
    rows = matching.estimate(
        sample({"value": Y}, covariates=("x",)), {**SETTINGS, "ratio": 3}
    )
    first = rows[0]
    assert "At least 50 matchings are equally good" in first.note
    low = only(rows, "minimum", term="mean difference over equally good matchings")
    high = only(rows, "maximum", term="mean difference over equally good matchings")
    assert low.estimate <= first.estimate <= high.estimate
    assert low.estimate < high.estimate
    assert only(rows, "count", term="equally good matchings").estimate == 50


def test_no_odds_ratio_is_infinite_without_a_word():
    rows = matching.estimate(
        sample({"event": A.astype(int)}, covariates=("x",)), {**SETTINGS, "ratio": 3}
    )
    endless = [r for r in rows if math.isinf(r.estimate)]
    assert {"unadjusted", "odds ratio over equally good matchings"} <= {
        r.term for r in endless
    }
    assert all(r.note for r in endless)


@pytest.mark.parametrize(
    "outcome", [{"value": Y}, {"event": EVENT}, {"time": TIME, "event": EVENT}]
)
@pytest.mark.parametrize("p_value", ["exact", "asymptotic"])
def test_brief_effects_are_the_whole_ones(outcome, p_value):
    chosen = {**SETTINGS, "p_value": p_value, "ratio": 2}
    data = sample(outcome)
    matched = matching.match(data, chosen)
    for sets in [matched.sets, *matched.others[:5]]:
        whole, brief = (
            matched_effects(data, chosen, matched.treated, sets, False, brief=b)[0]
            for b in (False, True)
        )
        assert (brief.estimate, brief.p_value) == close(
            (whole.estimate, whole.p_value), 1e-8
        )


def test_exact_matching_and_caliper_forbid_pairs():
    data = sample({"value": Y}, exact_on=["z"])
    matched = matching.match(data, SETTINGS)
    for mine, theirs in matched.sets:
        assert {Z[i] for i in (*mine, *theirs)} == {Z[mine[0]]}
    narrow = {**SETTINGS, "caliper": 0.2}
    matched = matching.match(sample({"value": Y}), narrow)
    sd = logit_sd(matched.score.logit, A, "pooled")
    gaps = [
        abs(matched.score.logit[mine[0]] - matched.score.logit[c])
        for mine, theirs in matched.sets
        for c in theirs
    ]
    assert max(gaps) <= 0.2 * sd
    rows = matching.estimate(sample({"value": Y}), narrow)
    assert len(matched.sets) == 7 or "have no match and are left out" in rows[0].note
    impossible = {**SETTINGS, "caliper": 1e-9}
    row = matching.estimate(sample({"value": Y}), impossible)[0]
    assert math.isnan(row.estimate)
    assert row.note == "No patient is close enough to another to be matched."


def test_balance_rows_name_covariate_and_moment():
    rows = matching.estimate(sample({"event": EVENT}), SETTINGS)
    row = only(
        rows,
        "standardized_mean_difference",
        term="x",
        timepoint="before matching",
    )
    expected = (X[A].mean() - X[~A].mean()) / math.sqrt(
        (X[A].var(ddof=1) + X[~A].var(ddof=1)) / 2
    )
    assert row.estimate == close(expected)
    assert (row.group, row.reference) == ("cells", "control")
    overlap = only(
        rows,
        "standardized_mean_difference",
        term="z",
        timepoint="overlap weights (ATO)",
    )
    assert overlap.estimate == pytest.approx(0, abs=1e-9)


def test_reused_patients_get_no_exact_test_and_no_odds_ratio():
    chosen = {**SETTINGS, "algorithm": "nearest", "replacement": True}
    rows = matching.estimate(sample({"event": EVENT}), chosen)
    matched = [r for r in rows if r.term == "matched sets"]
    assert only(matched, "odds_ratio").note.endswith("patients can be in several sets.")
    assert math.isnan(only(matched, "odds_ratio").estimate)
    difference = only(matched, "risk_difference")
    sets = matching.match(sample({"event": EVENT}), chosen).sets
    gaps = [EVENT[list(a)].mean() - EVENT[list(b)].mean() for a, b in sets]
    assert difference.estimate == close(np.mean(gaps))
    rows = matching.estimate(sample({"time": TIME, "event": EVENT}), chosen)
    assert rows[0].test == "Wald, robust"
    assert not any(r.statistic == "log_rank" for r in rows)


def empty(row):
    return math.isnan(row.estimate) and math.isnan(row.p_value) and row.note


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (sample({"event": EVENT}, rows=range(7)), "both groups"),
        (sample({"event": EVENT}, rows=[]), "both groups"),
        (sample({"event": EVENT * 0}), "In no matched set do the outcomes differ"),
        (sample({"value": Y}, covariates=()), "needs covariates"),
        (sample({"value": Y, "x": 1.0, "z": 0.0}), "No covariate varies"),
        (sample({"time": TIME, "event": EVENT * 0}), "event"),
        (sample({"value": np.where(EVENT, "yes", "no")}), "not words"),
        (sample({"value": Y, "x": X, "z": 2 * X}), "repeats what others say"),
    ],
)
def test_awkward_data_give_an_empty_row_and_a_sentence(data, why):
    row = matching.estimate(data, SETTINGS)[0]
    assert empty(row)
    assert why in row.note


@pytest.mark.parametrize("rows", [[0, 7, 8], [0, 1, 7], [0, 7], [0, 3, 7, 8]])
@pytest.mark.parametrize(
    "outcome",
    [
        {"value": Y},
        {"value": Y * 0 + 1},
        {"event": EVENT},
        {"time": TIME, "event": EVENT},
        {"time": TIME * 0 + 1, "event": EVENT},
        {},
    ],
)
@pytest.mark.parametrize("changed", [{}, {"ratio": 3}, {"algorithm": "nearest", "replacement": True}, {"variance": "estimated", "p_value": "asymptotic"}])  # fmt: skip
def test_very_few_patients_give_no_nonsense(rows, outcome, changed):
    for row in matching.estimate(
        sample(outcome, rows=rows, covariates=("x",)), {**SETTINGS, **changed}
    ):
        assert not row.p_value < 0.05, row
        assert not math.isnan(row.estimate) or row.note or row.test, row
        if row.conf_level == row.conf_level:
            assert row.interval_method, row
        if row.p_value == row.p_value:
            assert row.test, row
            assert row.alternative, row


@pytest.mark.parametrize("order", ["largest", "smallest", "random", "as_given"])
@pytest.mark.parametrize("distance", ["logit", "probability", "mahalanobis"])
def test_every_setting_repeats_itself(order, distance):
    chosen = {**SETTINGS, "algorithm": "nearest", "order": order, "distance": distance}
    data = sample({"event": EVENT})
    first, second = (matching.estimate(data, chosen) for _ in range(2))
    assert list(map(str, first)) == list(map(str, second))


def test_figure_data_hold_balance_and_matches():
    tables = matching.figure_data(sample({"event": EVENT}), SETTINGS)
    assert list(tables["balance"].columns) == ["term", "when", "difference"]
    matches = tables["matches"]
    assert (matches["set"] > 0).sum() == 14
    assert matching.figure_data(sample({"event": EVENT}, rows=range(7)), SETTINGS) == {}


# In a study


def test_awaited_sets_run_the_day_their_rows_arrive(tmp_path):
    # Invented rows in a temporary copy, to see that nothing else is needed.
    folder = tmp_path / "park2025"
    shutil.copytree(ROOT / "data" / "park2025", folder)
    table = folder / "matched_sets.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    for code in range(7):
        size = 4 if code < 4 else 3
        for place in range(size):
            group = "control" if place else "MSC"
            lines.append(
                f"p{code}{place},{code},{group},{3 + (5 * place + 3 * code) % 7},{(place + code) % 2},9,0"
            )
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    study = load(folder)
    assert not study["analyses"]["infection_free_in_sets"]["awaited"]
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    rows, _, _ = run_method(study, "matching", method_settings(config, "matching"))
    own = [r for r in rows if r["analysis"] == "infection_free_in_sets"]
    assert own[0]["statistic"] == "hazard_ratio"
    assert own[0]["n"] == 25
    no_events = [r for r in rows if r["analysis"] == "graft_survival_in_sets"]
    assert math.isnan(no_events[0]["estimate"])
    assert no_events[0]["note"]


def test_claim_of_balance_speaks_of_its_covariate():
    rows = [
        {"statistic": "standardized_mean_difference", "endpoint": "death", "term": term,
         "timepoint": "after matching", "group": "cells", "reference": "control"}
        for term in ("x", "z")
    ]  # fmt: skip
    claim = {
        "statistic": "standardized_mean_difference", "endpoint": "z", "group": "cells",
        "timepoint": "after matching", "reference": "control", "test": "",
        "alternative": "", "field": "estimate",
    }  # fmt: skip
    analysis = {"method": "matching", "samples": [{"endpoint": ""}]}
    assert [r["term"] for r in matching_rows(claim, analysis, rows)] == ["z"]
    assert matching_rows({**claim, "endpoint": "age"}, analysis, rows) == []
