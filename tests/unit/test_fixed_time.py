"""Curves compared at a fixed time, against R, Fisher's test and hand computation.

R output is from R 4.2.2 with survival 3.5-3; the formula stands beside each number.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from reanalysis.errors import MethodError
from reanalysis.methods.fixed_time import estimate, figure_data
from reanalysis.sample import Sample
from reanalysis.survival import fixed_time
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.tables.binomial import normal_p_value

MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

# summary(survfit(Surv(...) ~ 1, conf.type = "log-log"), times = 10): lower and upper
# of the 6-MP and of the placebo arm.
LOW, HIGH = 0.503199510800, 0.889361835169
OTHER_LOW, OTHER_HIGH = 0.183066548820, 0.577788677746

MELDED = "melded beta product"
PRIMARY = {
    "test": "log-log",
    "interval_difference": "mover",
    "interval_ratio": "log",
    "interval": "log-log",
    "alternative": "two-sided",
    "conf_level": 0.95,
    "seed": 1,
}


def rows(time, event):
    return FollowUp(np.array(time, dtype=float), np.array(event) == 1)


def sample(frame=None, groups=("6-MP", "placebo"), **options):
    if frame is None:
        frame = pd.DataFrame(
            {
                "time": np.array(MP + PLACEBO, dtype=float),
                "event": MP_EVENT + [1] * 21,
                "group": ["6-MP"] * 21 + ["placebo"] * 21,
            }
        )
    return Sample(
        kind="individual",
        rows=frame,
        groups=groups,
        reference=groups[-1] if groups else "",
        options={"times": [10.0], **options},
        time_unit="weeks",
    )


def points(time=10):
    return (
        fixed_time.point(rows(MP, MP_EVENT), time),
        fixed_time.point(rows(PLACEBO, [1] * 21), time),
    )


def found(result, statistic, test=None):
    (row,) = (r for r in result if r.statistic == statistic and test in (None, r.test))
    return row


@pytest.mark.parametrize(
    ("scale", "z", "p"),
    [
        # S and s = std.err / S of summary(survfit(...), times = 10) in both arms;
        # z = (g(S1) - g(S2)) / sqrt(v1 + v2) with
        # plain v = (S s)^2
        ("plain", 2.59724991172, 0.00939735241173),
        # log v = s^2
        ("log", 2.22508878360, 0.02607527857142),
        # log-log v = (s / log S)^2
        ("log-log", 2.28711287866, 0.02218923536690),
        # arcsine v = s^2 S / (4 (1 - S))
        ("arcsine", 2.46826685646, 0.01357690624818),
        # logit v = (s / (1 - S))^2
        ("logit", 2.33316058550, 0.01963971863253),
    ],
)
def test_scales_agree_with_r(scale, z, p):
    statistic = fixed_time.z_statistic(*points(), scale)
    assert_allclose(statistic, z, rtol=1e-9)
    assert_allclose(normal_p_value(statistic, "two-sided"), p, rtol=1e-8)
    assert_allclose(normal_p_value(statistic, "greater"), p / 2, rtol=1e-8)
    assert_allclose(normal_p_value(statistic, "less"), 1 - p / 2, rtol=1e-8)
    # The other way round the sign alone changes.
    assert_allclose(fixed_time.z_statistic(*points()[::-1], scale), -z, rtol=1e-9)


def test_without_censoring_scales_are_those_of_two_proportions():
    # 9 of 12 against 4 of 10 at 5, by hand: p (1 - p) / n is Greenwood's variance.
    one = fixed_time.point(rows([1] * 3 + [9] * 9, [1] * 12), 5)
    two = fixed_time.point(rows([2] * 6 + [9] * 4, [1] * 10), 5)
    error = math.sqrt(0.75 * 0.25 / 12 + 0.4 * 0.6 / 10)
    assert_allclose(fixed_time.z_statistic(one, two, "plain"), 0.35 / error)
    logits = math.sqrt(1 / 9 + 1 / 3 + 1 / 4 + 1 / 6)
    assert_allclose(
        fixed_time.z_statistic(one, two, "logit"), math.log(3 / (4 / 6)) / logits
    )
    wald = fixed_time.difference(one, two)
    assert_allclose(
        [wald.conf_low, wald.conf_high],
        [0.35 - 1.959963984540 * error, 0.35 + 1.959963984540 * error],
    )


def test_melded_beta_product_agrees_with_integrals_in_r():
    # P = integrate(dbeta(y, upper law of placebo) * pbeta(y + x, lower law of 6-MP))
    # at x = 0 and where it is 0.025, and likewise the other way; for the ratio
    # pbeta(y * x).
    group, reference = points()
    for side, p in (
        ("greater", 0.020975793184),
        ("less", 0.997100277159),
        ("two-sided", 0.041951586368),
    ):
        assert_allclose(fixed_time.melded_p_value(group, reference, side), p, rtol=1e-9)
    assert_allclose(
        fixed_time.melded_limits(group, reference),
        [0.0113503020431, 0.6477722183200],
        rtol=1e-8,
    )
    assert_allclose(
        fixed_time.melded_limits(group, reference, contrast="ratio"),
        [1.02055747720, 4.33452269462],
        rtol=2e-8,
    )


@pytest.mark.parametrize(
    ("x", "n", "y", "m"), [(7, 8, 2, 9), (5, 5, 1, 6), (12, 20, 3, 15), (0, 6, 4, 7)]
)
def test_melded_test_without_censoring_is_fishers(x, n, y, m):
    from scipy.stats import fisher_exact

    one = fixed_time.point(rows([1] * (n - x) + [9] * x, [1] * n), 5)
    two = fixed_time.point(rows([2] * (m - y) + [9] * y, [1] * m), 5)
    sides = {}
    for side in ("greater", "less"):
        sides[side] = fisher_exact([[x, n - x], [y, m - y]], alternative=side)[1]
        found_p = fixed_time.melded_p_value(one, two, side)
        assert_allclose(found_p, sides[side], rtol=1e-8)
    two_sided = fixed_time.melded_p_value(one, two)
    assert_allclose(two_sided, min(1, 2 * min(sides.values())), rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    *[
        st.lists(
            st.tuples(st.integers(1, 6), st.integers(0, 1)), min_size=2, max_size=9
        )
        for _ in range(2)
    ],
    st.sampled_from([0.5, 2.0, 3.5]),
)
def test_melded_limits_and_p_agree(one, two, time):
    try:
        group, reference = (
            fixed_time.point(rows(*zip(*pairs, strict=True)), time)
            for pairs in (one, two)
        )
    except MethodError:
        return
    p = fixed_time.melded_p_value(group, reference)
    low, high = fixed_time.melded_limits(group, reference)
    estimate_ = group.survival - reference.survival
    assert -1 <= low <= estimate_ + 1e-9
    assert estimate_ - 1e-9 <= high <= 1
    # The interval leaves out 0 when, and only when, p is below 5 %.
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (low > 1e-9 or high < -1e-9)
    swapped = fixed_time.melded_limits(reference, group)
    assert_allclose(swapped, (-high, -low), atol=1e-9)


def test_rows_of_the_6mp_trial():
    result = estimate(sample(), PRIMARY)
    assert [r.statistic for r in result] == [
        "survival_probability",
        "survival_probability",
        "survival_difference",
        "survival_difference",
        "survival_ratio",
    ]
    primary = found(result, "survival_difference", "fixed time, log-log")
    assert primary is result[2]
    assert_allclose(primary.estimate, 0.752941176471 - 8 / 21, rtol=1e-9)
    assert (primary.group, primary.reference) == ("6-MP", "placebo")
    assert (primary.timepoint, primary.time_unit, primary.n) == (10, "weeks", 42)
    assert (primary.alternative, primary.unit) == ("two-sided", "proportion")
    # MOVER by hand from R's log-log limits of both arms.
    own, other = 0.752941176471, 8 / 21
    assert_allclose(
        [primary.conf_low, primary.conf_high],
        [
            own - other - math.hypot(own - LOW, OTHER_HIGH - other),
            own - other + math.hypot(HIGH - own, other - OTHER_LOW),
        ],
        rtol=1e-8,
    )
    assert primary.interval_method == "MOVER, log-log"
    melded = found(result, "survival_difference", MELDED)
    assert_allclose(melded.p_value, 0.041951586368, rtol=1e-9)
    assert melded.interval_method == MELDED
    ratio = found(result, "survival_ratio")
    # log(S1 / S2) -+ 1.96 sqrt(s1^2 + s2^2)
    error = math.hypot(0.12796438288308, 0.27817432013209)
    assert_allclose(ratio.estimate, own / other, rtol=1e-9)
    assert_allclose(
        ratio.conf_high, own / other * math.exp(1.959963984540 * error), rtol=1e-9
    )
    assert ratio.note == ""


def test_the_named_test_comes_first():
    result = estimate(sample(), PRIMARY | {"test": MELDED})
    assert [r.test for r in result if r.statistic == "survival_difference"] == [MELDED]
    plain = {"test": "plain", "interval_difference": "plain"}
    row = found(estimate(sample(), PRIMARY | plain), "survival_difference",
                "fixed time, plain")  # fmt: skip
    assert_allclose(row.p_value, 0.00939735241173, rtol=1e-8)
    assert row.interval_method == "plain"
    # Wald: the interval and its test agree.
    assert_allclose(row.conf_low, row.estimate - 1.959963984540 * row.std_error)
    ratio = found(
        estimate(sample(), PRIMARY | {"interval_ratio": MELDED}), "survival_ratio"
    )
    assert_allclose([ratio.conf_low, ratio.conf_high], [1.0205574772, 4.33452269462])


def test_a_curve_at_zero_has_the_melded_test_alone():
    result = estimate(sample(times=[25.0]), PRIMARY | {"interval_ratio": MELDED})
    primary = found(result, "survival_difference", "fixed time, log-log")
    assert_allclose(primary.estimate, 0.448179271709, rtol=1e-9)
    assert math.isnan(primary.p_value)
    assert math.isnan(primary.conf_low)
    assert "a curve is 0 then" in primary.note
    assert "no MOVER, log-log limits where a curve is 0 or 1" in primary.note
    melded = found(result, "survival_difference", MELDED)
    assert melded.p_value < 0.01
    assert 0 < melded.conf_low < primary.estimate < melded.conf_high
    ratio = found(result, "survival_ratio")
    assert math.isnan(ratio.estimate)
    assert "no ratio: the curve of the reference is 0" in ratio.note
    shares = [r for r in result if r.statistic == "survival_probability"]
    assert shares[1].note == "no limits where the curve is 0"


@pytest.mark.parametrize(
    ("time", "event", "at", "words"),
    [
        # No event in one arm: the curve is 1.
        ([5, 6, 7, 1, 2, 8], [0, 0, 0, 1, 1, 0], 4, "a curve is 1 then"),
        ([5, 6, 7, 5, 6, 8], [0, 0, 0, 0, 0, 0], 4, "a curve is 1 then"),
        # Nobody left: the curve is not known.
        ([2, 2, 2, 1, 2, 8], [0, 1, 0, 1, 1, 0], 4, "nobody is followed beyond 2"),
        ([4, 4, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1], 4, "a curve is 0 then"),
        # Tied event and censoring; one event.
        ([4, 4, 9, 3, 9, 9], [1, 0, 0, 0, 0, 0], 4, "a curve is 1 then"),
    ],
)
def test_awkward_samples_are_noted(time, event, at, words):
    frame = pd.DataFrame(
        {"time": np.array(time, float), "event": event, "group": list("aaabbb")}
    )
    result = estimate(sample(frame, ("a", "b"), times=[at]), PRIMARY)
    first = next(r for r in result if r.statistic == "survival_difference")
    assert words in first.note
    assert math.isnan(first.p_value)
    for row in result:
        for number in (row.estimate, row.conf_low, row.conf_high, row.p_value):
            assert not math.isinf(number)
        if row.test == MELDED:
            assert row.p_value > 0.05  # three against three


@pytest.mark.parametrize("interval", ["plain", "log", "log-log", "bootstrap"])
def test_a_curve_at_one_lends_no_certainty_to_a_difference(interval):
    # R's plain and log limits are 1 to 1 while nobody has had the event.
    frame = pd.DataFrame(
        {"time": [3.0, 5, 6, 1, 2, 7], "event": [0, 1, 1, 1, 0, 1],
         "group": list("aaabbb")}
    )  # fmt: skip
    result = estimate(sample(frame, ("a", "b"), times=[4]),
                      PRIMARY | {"interval": interval})  # fmt: skip
    row = found(result, "survival_difference", "fixed time, log-log")
    assert math.isnan(row.conf_low)
    assert math.isnan(row.conf_high)
    assert f"no MOVER, {interval} limits" in row.note
    assert "no limits where the curve is 1" in result[0].note


def test_who_is_censored_at_the_time_still_counts():
    # Censored at 4 exactly: S(4) is known.
    frame = pd.DataFrame(
        {"time": [2.0, 4, 4, 1, 4, 5], "event": [1, 0, 0, 1, 1, 0],
         "group": list("aaabbb")}
    )  # fmt: skip
    result = estimate(sample(frame, ("a", "b"), times=[4]), PRIMARY)
    shares = [r.estimate for r in result if r.statistic == "survival_probability"]
    assert_allclose(shares, [2 / 3, 1 / 3])


def test_late_entry_has_no_melded_test():
    frame = pd.DataFrame(
        {
            "start": [0.0, 0, 1, 0, 0, 2],
            "time": [3.0, 5, 7, 2, 4, 6],
            "event": [1, 0, 1, 1, 1, 0],
            "group": list("aaabbb"),
        }
    )
    result = estimate(sample(frame, ("a", "b"), times=[4]), PRIMARY)
    assert found(result, "survival_difference", "fixed time, log-log").p_value < 1
    melded = found(result, "survival_difference", MELDED)
    assert math.isnan(melded.p_value)
    assert "not defined with late entry" in melded.note


def test_several_groups_and_times():
    frame = pd.DataFrame(
        {
            "time": np.arange(1.0, 16),
            "event": [1, 1, 0] * 5,
            "group": ["a", "b", "c"] * 5,
        }
    )
    result = estimate(sample(frame, ("a", "b", "c"), times=[4, 8]), PRIMARY)
    pairs = {
        (r.group, r.reference, r.timepoint)
        for r in result
        if r.statistic == "survival_difference"
    }
    assert pairs == {(g, "c", t) for g in "ab" for t in (4, 8)}


def test_missing_times_and_roles_are_noted():
    (row,) = estimate(sample(times=[]), PRIMARY)
    assert "No time is given" in row.note
    (row,) = estimate(sample(pd.DataFrame({"time": [1.0]}), ()), PRIMARY)
    assert "time and the event" in row.note
    empty = pd.DataFrame({"time": [1.0, 5], "event": [1, 0], "group": ["a", "a"]})
    result = estimate(sample(empty, ("a", "b"), times=[2]), PRIMARY)
    assert "no patients" in found(result, "survival_difference").note
    assert figure_data(sample(), PRIMARY) == {}
