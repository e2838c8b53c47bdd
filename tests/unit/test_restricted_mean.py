"""Restricted means compared: against R, enumeration and hand computation.

R output is from R 4.2.2 with survival 3.5-3; the formula stands beside each number.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from reanalysis.errors import MethodError
from reanalysis.methods.restricted_mean import estimate, figure_data
from reanalysis.sample import Sample
from reanalysis.survival import restricted_means
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.survival_curve import product_limit, restricted_mean

MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

PRIMARY = {
    "tau": None,
    "horizon": "smallest_last_time",
    "beyond": "extend",
    "p_value": "normal",
    "permute": "studentised",
    "interval": "wald",
    "draws": 2000,
    "alternative": "two-sided",
    "conf_level": 0.95,
    "seed": 1,
}
# Four against four, made up; exchanged in R below.
TIME = [2.0, 5, 8, 10, 1, 3, 4, 9]
EVENT = [1, 0, 1, 0, 1, 1, 1, 0]


def rows(time, event):
    return FollowUp(np.array(time, dtype=float), np.array(event) == 1)


def frame(time, event, group):
    return pd.DataFrame(
        {"time": np.array(time, dtype=float), "event": event, "group": list(group)}
    )


def sample(data=None, groups=("6-MP", "placebo"), **options):
    if data is None:
        labels = ["6-MP"] * 21 + ["placebo"] * 21
        data = frame(MP + PLACEBO, MP_EVENT + [1] * 21, labels)
    return Sample(
        kind="individual",
        rows=data,
        groups=groups,
        reference=groups[-1] if groups else "",
        options=options,
        time_unit="weeks",
    )


def found(result, statistic, test=None, group=None):
    (row,) = (
        r
        for r in result
        if r.statistic == statistic
        and (test is None or r.test.startswith(test))
        and group in (None, r.group)
    )
    return row


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # The cases of survRM2 1.0-4's help page, ends of follow-up and last status:
        # both events; shorter event, longer censored; shorter censored, longer event
        # (twice, the groups swapped); both censored; equal ends.
        (([3, 8], [1, 1]), ([5, 6], [1, 1]), 8),
        (([3, 8], [1, 0]), ([5, 6], [1, 1]), 8),
        (([3, 8], [1, 1]), ([5, 6], [1, 0]), 6),
        (([5, 6], [1, 0]), ([3, 8], [1, 1]), 6),
        (([3, 8], [1, 0]), ([5, 6], [1, 0]), 6),
        (([3, 8], [1, 0]), ([5, 8], [1, 1]), 8),
        # An event and a censoring at the last time: survRM2 takes it as censored.
        (([3, 6, 6], [1, 1, 0]), ([5, 8], [1, 1]), 6),
    ],
)
def test_horizon_of_survrm2(first, second, expected):
    assert (
        restricted_means.horizon([rows(*first), rows(*second)], "survrm2") == expected
    )


def test_other_horizons():
    groups = [rows([3, 8, 9], [1, 1, 0]), rows([2, 4, 7], [1, 1, 0])]
    for rule, expected in (
        ("smallest_last_time", 7),
        ("largest_last_time", 9),
        ("last_event", 4),
    ):
        assert restricted_means.horizon(groups, rule) == expected
    with pytest.raises(MethodError, match="no event to set the horizon"):
        restricted_means.horizon([groups[0], rows([3, 4], [0, 0])], "last_event")
    with pytest.raises(MethodError, match="no rule"):
        restricted_means.horizon(groups, "longest")


def test_ratios_agree_with_r():
    # a, b: survival:::survmean(survfit(...), rmean = 23)[[1]][5:6] of both arms;
    # exp(log(a1 / b1) -+ qnorm(0.975) sqrt((a2 / a1)^2 + (b2 / b1)^2)), and of the
    # time lost 23 - a1, 23 - b1, as survRM2 has them.
    result = estimate(sample(tau=23), PRIMARY)
    row = found(result, "restricted_mean_ratio")
    assert_allclose(
        [row.estimate, row.conf_low, row.conf_high, row.p_value],
        [2.06645119586, 1.44914923027, 2.94670863130, 6.09851810864e-05],
        rtol=1e-9,
    )
    row = found(result, "time_lost_ratio")
    assert_allclose(
        [row.estimate, row.conf_low, row.conf_high, row.p_value],
        [0.35516904436193, 0.18973879857517, 0.66483529473278, 0.00121160806931],
        rtol=1e-9,
    )
    row = found(result, "restricted_mean_difference", "Wald")
    assert row is result[2]
    # 17.90924369748 (1.55318997825) and 8.66666666667 (1.37739004126)
    error = math.hypot(1.55318997825, 1.37739004126)
    assert_allclose(row.estimate, 17.90924369748 - 8.66666666667, rtol=1e-9)
    assert_allclose([row.std_error, row.test_statistic],
                    [error, 9.24257703081 / error], rtol=1e-9)  # fmt: skip
    assert (row.alternative, row.timepoint, row.unit) == ("two-sided", 23, "weeks")


def test_permutations_agree_with_r():
    # apply(combn(8, 4), 2, function(i) ...) over survmean(rmean = 9) of both halves:
    # statistics 2.625 and 1.27742803581; shares at least as large in absolute value
    # 0.4 and 0.4, studentised one-sided 0.2 and 0.828571428571.
    common = (np.array(TIME), np.array(EVENT) == 1, np.arange(8) < 4, 9.0)
    test = restricted_means.permutation_test(*common)
    assert (test.exact, test.allocations) == (True, 70)
    assert_allclose(test.p_value, 0.4)
    plain = restricted_means.permutation_test(*common, studentised=False)
    assert_allclose(plain.p_value, 0.4)
    assert math.isnan(plain.quantile)
    for side, p in (("greater", 0.2), ("less", 0.828571428571)):
        test = restricted_means.permutation_test(*common, alternative=side)
        assert_allclose(test.p_value, p)


@pytest.mark.parametrize("beyond", ["extend", "zero"])
@pytest.mark.parametrize("studentised", [True, False])
def test_permutations_agree_with_one_curve_at_a_time(beyond, studentised):
    time = np.array([1.0, 2, 2, 3, 4, 5, 5, 6, 8])
    event = np.array([1, 1, 0, 1, 0, 1, 0, 1, 0]) == 1
    inside, tau = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1]) == 1, 6.5

    def statistic(members):
        means = [
            restricted_mean(product_limit(rows(time[m], event[m])), tau, beyond)
            for m in (members, ~members)
        ]
        value = means[0].mean - means[1].mean
        if studentised:
            value /= math.hypot(means[0].std_error, means[1].std_error) or 1.0
        return value

    observed, count, short = abs(statistic(inside)), 0, 0
    every = list(combinations(range(9), 5))
    for chosen in every:
        members = np.isin(np.arange(9), chosen)
        count += abs(statistic(members)) >= observed - 1e-9
        for own in (members, ~members):
            curve = product_limit(rows(time[own], event[own]))
            if curve.times[-1] < tau and curve.survival[-1] > 0:
                short += 1
                break
    test = restricted_means.permutation_test(
        time, event, inside, tau, beyond=beyond, studentised=studentised
    )
    assert_allclose(test.p_value, count / len(every))
    assert_allclose(test.short, short / len(every))


def test_monte_carlo_permutations_come_near_all_of_them():
    time = np.array(MP[:7] + PLACEBO[:8], dtype=float)
    event = np.array(MP_EVENT[:7] + [1] * 8) == 1
    exact = restricted_means.permutation_test(time, event, np.arange(15) < 7, 8.0)
    assert exact.exact
    assert exact.allocations == 6435
    drawn = list(restricted_means._allocations(15, 7, False, 4000, 3))
    assert sum(len(d) for d in drawn) == 4000
    assert (np.concatenate(drawn).sum(axis=1) == 7).all()
    shares = np.concatenate(drawn).mean(axis=0)
    # Everybody is drawn alike: four standard errors of 7 / 15.
    assert (np.abs(shares - 7 / 15) < 4 * math.sqrt(0.25 / 4000)).all()


def test_drawn_permutations_count_the_observed_one():
    test = restricted_means.permutation_test(
        np.array(MP + PLACEBO, dtype=float),
        np.array(MP_EVENT + [1] * 21) == 1,
        np.arange(42) < 21,
        23.0,
        draws=999,
        seed=4,
    )
    assert not test.exact
    assert 1 / 1000 <= test.p_value < 0.01
    # 1.96 for the normal law; a little more in small samples.
    assert 1.9 < test.quantile < 2.3
    again = estimate(sample(), PRIMARY | {"seed": 9})
    other = estimate(sample(), PRIMARY | {"seed": 9})
    assert repr(again) == repr(other)


def test_permutation_first_and_its_interval():
    asked = PRIMARY | {"p_value": "permutation", "interval": "permutation"}
    result = estimate(sample(frame(TIME, EVENT, "aaaabbbb"), ("a", "b"), tau=9), asked)
    first = next(r for r in result if r.statistic == "restricted_mean_difference")
    assert first.test == "permutation, studentised difference, exact"
    assert_allclose(first.p_value, 0.4)
    assert "all 70 allocations, two-sided by absolute value" in first.note
    # The four that end with the censoring at 5, in either group: 8 of 70.
    assert "in 11.4% of them" in first.note
    assert first.interval_method == "studentised permutation"
    test = restricted_means.permutation_test(
        np.array(TIME), np.array(EVENT) == 1, np.arange(8) < 4, 9.0
    )
    assert_allclose(first.conf_high, 2.625 + test.quantile * first.std_error)
    plain = estimate(
        sample(frame(TIME, EVENT, "aaaabbbb"), ("a", "b"), tau=9),
        PRIMARY | {"permute": "difference"},
    )
    assert found(plain, "restricted_mean_difference", "permutation, difference, exact")


def test_beyond_the_end_of_follow_up():
    data = frame([2, 4, 6, 3, 5, 9], [1, 0, 0, 1, 1, 0], "aaabbb")
    by_rule = {
        rule: estimate(sample(data, ("a", "b"), tau=8), PRIMARY | {"beyond": rule})
        for rule in ("extend", "zero", "refuse")
    }
    # a: S is 2/3 from 2 on; b ends at 9: area 3 + 2/3 * 2 + 1/3 * 3.
    means = {
        rule: [r.estimate for r in result if r.statistic == "restricted_mean"]
        for rule, result in by_rule.items()
    }
    assert_allclose(means["extend"], [2 + 6 * 2 / 3, 3 + 4 / 3 + 1])
    assert_allclose(means["zero"], [2 + 4 * 2 / 3, 3 + 4 / 3 + 1])
    assert math.isnan(means["refuse"][0])
    refused = found(by_rule["refuse"], "restricted_mean_difference")
    assert refused.note == "a: the horizon lies beyond the last follow-up at 6"
    notes = [by_rule[rule][0].note for rule in ("extend", "zero")]
    assert notes[0] == "carried forward from the last follow-up at 6"
    assert notes[1] == "taken as 0 from the last follow-up at 6 on"


@pytest.mark.parametrize(
    ("time", "event"),
    [
        ([3, 4, 5, 3, 4, 5], [0, 0, 0, 0, 0, 0]),
        ([3, 4, 5, 1, 2, 3], [0, 0, 0, 1, 1, 0]),
        ([4, 4, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1]),
        ([1, 1, 1, 9, 9, 9], [1, 1, 1, 0, 0, 0]),
        ([2, 2, 3, 2, 2, 3], [1, 0, 0, 1, 0, 1]),
        ([0, 0, 0, 1, 2, 3], [1, 1, 1, 1, 0, 1]),
        ([0, 5, 5, 0, 0, 4], [1, 1, 1, 1, 1, 0]),
    ],
)
def test_awkward_samples_are_noted(time, event):
    for settings in (PRIMARY, PRIMARY | {"p_value": "permutation", "interval": "permutation"}):  # fmt: skip
        for tau in (None, 2.5):
            result = estimate(
                sample(frame(time, event, "aaabbb"), ("a", "b")),
                settings | {"tau": tau},
            )
            for row in result:
                for number in (row.estimate, row.conf_low, row.conf_high, row.p_value):
                    assert not math.isinf(number)
                # Six patients allow no p below 2 / 20.
                if "permutation" in row.test:
                    assert not row.p_value < 0.1 - 1e-12
                missing = math.isnan(row.estimate) or (
                    row.test and math.isnan(row.p_value)
                )
                assert row.note or not missing


def test_groups_without_variation_have_a_permutation_test_alone():
    data = frame([5, 6, 7, 5, 1, 2, 3, 4], [0, 0, 0, 0, 1, 1, 1, 1], "aaaabbbb")
    result = estimate(sample(data, ("a", "b"), tau=5), PRIMARY)
    wald = found(result, "restricted_mean_difference", "Wald")
    assert_allclose(wald.estimate, 2.5)
    assert math.isnan(wald.p_value)
    assert math.isnan(wald.std_error)
    assert wald.note == "a group has no variation before the horizon"
    exact = found(result, "restricted_mean_difference", "permutation")
    assert_allclose(exact.p_value, 2 / 70)
    assert "no variation" in exact.note  # and so no limits
    assert "no ratio" in found(result, "time_lost_ratio").note


def test_empty_permutation_limits_and_small_groups_are_told():
    data = frame([3, 5, 7, 2, 4, 6], [1, 0, 1, 1, 1, 0], "aaabbb")
    late = data.assign(start=[0.0, 0, 1, 0, 0, 2])
    asked = PRIMARY | {"interval": "permutation"}
    wald = found(
        estimate(sample(late, ("a", "b"), tau=4), asked), "restricted_mean_difference"
    )
    assert math.isnan(wald.conf_low)
    assert "no permutation with late entry" in wald.note
    small = estimate(sample(data, ("a", "b"), tau=4), PRIMARY)
    for statistic in ("restricted_mean_difference", "restricted_mean_ratio"):
        assert "rejects too often" in found(small, statistic, "Wald").note
    large = estimate(sample(), PRIMARY)
    assert not found(large, "restricted_mean_difference", "Wald").note


def test_late_entry_is_not_exchanged():
    data = frame([3, 5, 7, 2, 4, 6], [1, 0, 1, 1, 1, 0], "aaabbb")
    data["start"] = [0.0, 0, 1, 0, 0, 2]
    result = estimate(
        sample(data, ("a", "b"), tau=4), PRIMARY | {"p_value": "permutation"}
    )
    first = next(r for r in result if r.statistic == "restricted_mean_difference")
    assert math.isnan(first.p_value)
    assert "late entry" in first.note
    assert 0 < found(result, "restricted_mean_difference", "Wald").p_value < 1


def test_one_group_several_groups_and_none():
    (row,) = estimate(sample(frame(TIME, EVENT, "aaaaaaaa"), ()), PRIMARY)
    assert (row.statistic, row.timepoint) == ("restricted_mean", 10)
    data = frame(np.arange(1, 13), [1, 1, 0] * 4, "abc" * 4)
    result = estimate(sample(data, ("a", "b", "c"), tau=8), PRIMARY)
    pairs = {(r.group, r.reference) for r in result if r.reference}
    assert pairs == {("a", "c"), ("b", "c")}
    empty = estimate(sample(data, ("a", "z")), PRIMARY)
    assert "z: There are no patients" in found(empty, "restricted_mean_difference").note
    (row,) = estimate(sample(pd.DataFrame({"time": [1.0]}), ()), PRIMARY)
    assert "time and the event" in row.note
    (row,) = estimate(sample(frame([0, 0], [1, 1], "ab"), ("a", "b")), PRIMARY)
    assert row.note == "The horizon is at time 0."
    assert figure_data(sample(), PRIMARY) == {}
