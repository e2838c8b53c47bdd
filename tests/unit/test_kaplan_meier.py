"""Survival curves against R's survival package, closed forms and lifelines.

R output is from R 4.2.2, survival 3.5-3; the call stands beside each number.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.errors import MethodError
from reanalysis.methods.kaplan_meier import (
    estimate,
    figure_data,
    median,
    product_limit,
    restricted_mean,
    ticks,
)
from reanalysis.sample import Sample
from reanalysis.survival.risk_sets import FollowUp, unite

# Freireich 1963, remission in weeks: 6-mercaptopurine and placebo.
MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# Late entry, made up.
START = [0, 0, 0, 1, 1, 2, 2, 3, 0, 4, 5, 0]
STOP = [3, 5, 7, 4, 6, 5, 9, 8, 10, 9, 12, 6]
EVENT = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1]

PRIMARY = {
    "interval": "log-log",
    "median_rule": "midpoint",
    "tau": None,
    "band": "none",
    "band_transform": "log-log",
    "conf_level": 0.95,
    "seed": 1,
}


def rows(time, event, start=None):
    return FollowUp(
        np.array(time, dtype=float),
        np.array(event) == 1,
        None if start is None else np.array(start, dtype=float),
    )


def sample(groups=("6-MP", "placebo"), frame=None, **options):
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
        options=options,
        time_unit="weeks",
    )


def found(result, statistic, group="", timepoint=None):
    (row,) = (
        r
        for r in result
        if r.statistic == statistic
        and r.group == group
        and (timepoint is None or r.timepoint == timepoint)
    )
    return row


# summary(survfit(Surv(time, event) ~ 1, conf.type = ), times = c(6, 10, 24)) of the
# 6-MP arm, then lower and upper at 10 with conf.int = 0.9, then lower and upper of
# quantile(survfit(), 0.5) in both arms.
LIMITS = {
    "plain": (
        [0.707479311825, 0.564099326679, 0.184384863841],
        [1, 0.941783026262, 0.711973679577],
        [0.594460100287, 0.911422252654],
        [13, math.nan, 4, 11],
    ),
    "log": (
        [0.719817083916, 0.585918982030, 0.248788226818],
        [1, 0.967574754552, 0.807372045529],
        [0.610027736951, 0.929335472610],
        [16, math.nan, 4, 12],
    ),
    "log-log": (
        [0.619717955266, 0.503199510800, 0.188052005959],
        [0.951551747647, 0.889361835169, 0.680142628495],
        [0.551123381928, 0.873581243274],
        [13, math.nan, 4, 11],
    ),
    "logit": (
        [0.638649452300, 0.524778484540, 0.218459750992],
        [0.953203132116, 0.893740010588, 0.702369123221],
        [0.565227879551, 0.877214686539],
        [13, math.nan, 4, 12],
    ),
    "arcsine": (
        [0.679830122833, 0.546215158211, 0.203703837827],
        [0.970114503555, 0.911946645929, 0.706896926456],
        [0.581117808749, 0.890995330642],
        [13, math.nan, 4, 11],
    ),
}


@pytest.mark.parametrize("interval", LIMITS)
def test_limits_agree_with_r(interval):
    low, high, at_ten, medians = LIMITS[interval]
    curve = product_limit(rows(MP, MP_EVENT), interval=interval)
    at = curve.at([6, 10, 24])
    assert_allclose(
        curve.survival[at], [0.857142857143, 0.752941176471, 0.448179271709], rtol=1e-9
    )
    assert_allclose(
        (curve.survival * curve.log_error)[at],
        [0.0763603548321, 0.0963496529943, 0.1345914567558],
        rtol=1e-9,
    )
    assert_allclose(curve.conf_low[at], low, rtol=1e-9)
    assert_allclose(curve.conf_high[at], high, rtol=1e-9)
    ninety = product_limit(rows(MP, MP_EVENT), interval=interval, conf_level=0.9)
    step = ninety.at([10])[0]
    assert_allclose([ninety.conf_low[step], ninety.conf_high[step]], at_ten, rtol=1e-9)

    one = median(curve)
    other = median(product_limit(rows(PLACEBO, [1] * 21), interval=interval))
    assert (one.time, other.time) == (23, 8)
    assert_array_equal(
        [one.conf_low, one.conf_high, other.conf_low, other.conf_high], medians
    )


def test_limits_are_undefined_at_zero_and_without_events():
    for interval in LIMITS:
        curve = product_limit(rows([1, 2, 3], [0, 1, 1]), interval=interval)
        assert_array_equal(curve.survival, [1, 0.5, 0])
        assert np.isnan(curve.conf_low[2])
        assert np.isnan(curve.conf_high[2])
        # R: 1 to 1 on the plain and log scales, NA on the others.
        first = 1 if interval in ("plain", "log") else math.nan
        assert_array_equal([curve.conf_low[0], curve.conf_high[0]], [first, first])
    with pytest.raises(MethodError, match="no interval of the type"):
        product_limit(rows([1, 2], [1, 1]), interval="rothman")
    with pytest.raises(MethodError, match="no patients"):
        product_limit(rows([], []))


def test_late_entry_agrees_with_r():
    # f <- survfit(Surv(start, stop, event) ~ 1, conf.type = "log-log")
    curve = product_limit(rows(STOP, EVENT, START))
    at = curve.at([4, 6, 9])
    assert_array_equal(curve.at_risk[at], [9, 8, 4])
    assert_allclose(
        curve.survival[at], [0.790123456790, 0.460905349794, 0.230452674897], rtol=1e-9
    )
    assert_allclose(
        (curve.survival * curve.log_error)[at],
        [0.131687242798, 0.146616068213, 0.136569310998],
        rtol=1e-9,
    )
    assert_allclose(
        curve.conf_low[at], [0.389593513779, 0.176868159320, 0.039227464323], rtol=1e-9
    )
    assert_allclose(
        curve.conf_high[at], [0.942831840841, 0.707286328271, 0.514170243824], rtol=1e-9
    )
    # quantile(f, 0.5): 6 (3, 10)
    middle = median(curve)
    assert (middle.time, middle.conf_low, middle.conf_high) == (6, 3, 10)
    # survival:::survmean(f, rmean = 9.5)
    mean = restricted_mean(curve, 9.5)
    assert_allclose([mean.mean, mean.std_error], [6.791495198903, 0.745087922952])


@pytest.mark.parametrize(
    ("time", "event", "rule", "expected"),
    [
        # quantile(survfit(Surv(1:4, c(1, 1, 0, 1)) ~ 1), 0.5): 3, lower 1, upper NA
        ([1, 2, 3, 4], [1, 1, 0, 1], "midpoint", 3),
        ([1, 2, 3, 4], [1, 1, 0, 1], "first_at_or_below", 2),
        ([1, 2, 3, 4], [1, 1, 0, 1], "below", 4),
        # Steps 2/3 and 3/4, with censoring between them.
        ([1, 1, 1, 2, 2, 4, 6, 7, 8], [1, 1, 1, 0, 0, 1, 1, 1, 1], "midpoint", 5),
        ([1, 1, 1, 2, 2, 4, 6, 7, 8], [1, 1, 1, 0, 0, 1, 1, 1, 1], "below", 6),
        ([2, 2, 4, 7, 9, 9], [1, 1, 1, 1, 1, 1], "midpoint", 5.5),
        ([2, 2, 4, 7, 9, 9], [1, 1, 1, 1, 1, 1], "first_at_or_below", 4),
        ([2, 2, 4, 7, 9, 9], [1, 1, 1, 1, 1, 1], "below", 7),
        # Not flat at one half: all rules agree.
        ([1, 2, 3], [1, 1, 1], "midpoint", 2),
        ([1, 2, 3], [1, 1, 1], "below", 2),
        # print(survfit(Surv(c(1, 2, 3, 4), c(1, 1, 0, 0)) ~ 1)): median 2
        ([1, 2, 3, 4], [1, 1, 0, 0], "midpoint", 2),
        ([1, 2, 3, 4], [1, 1, 0, 0], "below", math.nan),
    ],
)
def test_median_on_a_flat_stretch(time, event, rule, expected):
    middle = median(product_limit(rows(time, event)), rule)
    assert_array_equal(middle.time, expected)
    assert middle.open_stretch == (event[-2:] == [0, 0])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), min_size=1, max_size=14)
)
def test_curve_and_median_agree_with_fractions(pairs):
    time, event = (list(x) for x in zip(*pairs, strict=True))
    curve = product_limit(rows(time, event))
    exact, value = {}, Fraction(1)
    for t in sorted(set(time)):
        d = sum(e for u, e in pairs if u == t)
        value *= 1 - Fraction(d, sum(u >= t for u in time))
        exact[t] = value
    assert_allclose(curve.survival, [float(v) for v in exact.values()], atol=1e-14)
    at = [t for t, v in exact.items() if v <= Fraction(1, 2)]
    under = [t for t, v in exact.items() if v < Fraction(1, 2)]
    first, below = (x[0] if x else math.nan for x in (at, under))
    flat = at and under and exact[first] == Fraction(1, 2)
    assert_array_equal(median(curve, "first_at_or_below").time, first)
    assert_array_equal(median(curve, "below").time, below)
    assert_array_equal(median(curve).time, (first + below) / 2 if flat else first)
    # Everybody is an event, censored, or still to come.
    leaving = np.array([time.count(t) for t in curve.times])
    assert_array_equal(curve.at_risk, leaving[::-1].cumsum()[::-1])


def test_agrees_with_lifelines():
    from lifelines import KaplanMeierFitter

    for time, event, start in ((MP, MP_EVENT, None), (STOP, EVENT, START)):
        theirs = KaplanMeierFitter().fit(time, event, entry=start)
        ours = product_limit(rows(time, event, start))
        assert_allclose(ours.value(time), theirs.predict(time), rtol=1e-9)
        limits = theirs.confidence_interval_.loc[ours.times]
        shown = (ours.survival > 0) & (ours.survival < 1)
        assert_allclose(ours.conf_low[shown], limits.iloc[:, 0][shown], rtol=1e-6)
        assert_allclose(ours.conf_high[shown], limits.iloc[:, 1][shown], rtol=1e-6)


@pytest.mark.parametrize(
    ("tau", "mp", "placebo"),
    [
        # survival:::survmean(survfit(Surv(time, event) ~ group), rmean = tau)
        (23, (17.90924369748, 1.55318997825), (8.66666666667, 1.37739004126)),
        (12.5, (11.15966386555, 0.544258265808), (7.38095238095, 0.913432614089)),
        (40, (25.52829131653, 3.44387022639), (8.66666666667, 1.37739004126)),
    ],
)
def test_restricted_means_agree_with_r(tau, mp, placebo):
    result = estimate(sample(tau=tau), PRIMARY)
    for label, expected in (("6-MP", mp), ("placebo", placebo)):
        row = found(result, "restricted_mean", label)
        assert_allclose([row.estimate, row.std_error], expected, rtol=1e-9)
        assert row.timepoint == tau
        carried = tau == 40 and label == "6-MP"
        assert row.note == ("carried forward from the last follow-up at 35" * carried)
    row = found(result, "restricted_mean_difference", "6-MP")
    assert row.reference == "placebo"
    assert_allclose(row.estimate, mp[0] - placebo[0], rtol=1e-9)
    assert_allclose(row.std_error, math.hypot(mp[1], placebo[1]), rtol=1e-9)
    z = row.estimate / row.std_error
    assert_allclose(row.p_value, math.erfc(z / math.sqrt(2)), rtol=1e-9)
    assert_allclose(row.conf_low, row.estimate - 1.959963984540 * row.std_error)


def test_restricted_mean_without_censoring_is_a_mean():
    capped = np.minimum(PLACEBO, 10)
    found_mean = restricted_mean(product_limit(rows(PLACEBO, [1] * 21)), 10)
    assert_allclose(found_mean.mean, capped.mean())
    assert_allclose(found_mean.std_error, capped.std() / math.sqrt(21))


def test_rows_of_the_6mp_trial():
    result = estimate(sample(times=[6, 10, 24, 40]), PRIMARY)
    assert found(result, "n", "6-MP").estimate == 21
    assert found(result, "events", "6-MP").estimate == 9
    assert found(result, "person_time", "6-MP").estimate == 359
    assert found(result, "person_time").estimate == 541
    for group, counts in (("6-MP", [21, 15, 5, 0]), ("placebo", [12, 8, 0, 0])):
        for time, count in zip([6, 10, 24, 40], counts, strict=True):
            assert found(result, "number_at_risk", group, time).estimate == count
    middle = found(result, "median_survival", "6-MP")
    assert (middle.estimate, middle.conf_low) == (23, 13)
    assert math.isnan(middle.conf_high)
    assert middle.note == "upper limit not reached"
    assert middle.interval_method == "Brookmeyer-Crowley, log-log"
    assert middle.unit == "weeks"
    # quantile(survfit(Surv(time, 1 - event) ~ 1, conf.type = "log-log"), 0.5)
    follow_up = found(result, "follow_up_median", "6-MP")
    assert (follow_up.estimate, follow_up.conf_low, follow_up.conf_high) == (25, 11, 32)
    assert "nobody was censored" in found(result, "follow_up_median", "placebo").note
    six = found(result, "survival_probability", "6-MP", 6)
    assert_allclose(six.estimate, 0.857142857143)
    assert (six.n, six.events, six.unit, six.note) == (21, 9, "proportion", "")
    late = found(result, "survival_probability", "6-MP", 40)
    assert late.note == "beyond the last follow-up at 35"
    zero = found(result, "survival_probability", "placebo", 24)
    assert zero.estimate == 0
    assert math.isnan(zero.conf_high)
    assert zero.note == "no limits where the curve is 0"


def test_small_sample_limits_in_the_rows():
    settings_ = PRIMARY | {"interval": "beta-product"}
    result = estimate(sample(times=[0.5, 10, 24, 40]), settings_)
    # 0.025^(1/21) before anybody leaves, as Clopper-Pearson of 21 of 21.
    early = found(result, "survival_probability", "6-MP", 0.5)
    assert_allclose([early.conf_low, early.conf_high], [0.025 ** (1 / 21), 1])
    assert early.interval_method == "beta-product"
    assert early.note == "no event by this time"
    # Clopper-Pearson of 0 of 21 where the curve has come down to 0.
    zero = found(result, "survival_probability", "placebo", 24)
    assert_allclose([zero.conf_low, zero.conf_high], [0, 1 - 0.025 ** (1 / 21)])
    assert zero.note == ""
    assert math.isnan(zero.std_error)
    late = found(result, "survival_probability", "6-MP", 40)
    assert late.conf_low == 0
    middle = found(result, "median_survival", "6-MP")
    assert (middle.conf_low, middle.interval_method) == (
        11,
        "Brookmeyer-Crowley, beta-product",
    )
    frame = pd.DataFrame({"start": [0.0, 2, 0], "time": [4.0, 5, 6], "event": 1})
    late = estimate(sample((), frame, times=[4.5]), settings_)
    row = found(late, "survival_probability", "", 4.5)
    assert math.isnan(row.conf_low)
    assert "no beta product limits with late entry" in row.note


def test_a_median_that_small_groups_cannot_bound_begins_at_zero():
    frame = pd.DataFrame({"time": [2.0, 4, 6], "event": [1, 1, 1]})
    row = found(
        estimate(sample((), frame), PRIMARY | {"interval": "beta-product"}),
        "median_survival",
    )
    assert (row.estimate, row.conf_low) == (4, 0)
    assert row.note == "upper limit not reached"


def test_bands_in_the_rows_and_the_figure():
    asked = PRIMARY | {"band": "equal-precision"}
    result = estimate(sample(times=[3, 10, 30]), asked)
    row = found(result, "survival_band", "6-MP", 10)
    pointwise = found(result, "survival_probability", "6-MP", 10)
    assert row.interval_method == "equal-precision band, log-log"
    assert row.estimate == pointwise.estimate
    assert row.conf_low < pointwise.conf_low < pointwise.conf_high < row.conf_high
    assert "from 6 to 23 at once" in row.note
    assert "covers less often than it says" in row.note
    wellner = estimate(sample(times=[10]), PRIMARY | {"band": "hall-wellner"})
    assert "covers" not in found(wellner, "survival_band", "6-MP", 10).note
    for time in (3, 30):
        row = found(result, "survival_band", "6-MP", time)
        assert math.isnan(row.conf_low)
        assert row.note == "the band holds from 6 to 23"
    curve = figure_data(sample(), asked)["curve"]
    held = curve[curve.band_low.notna()]
    assert held.groupby("group").time.min().to_dict() == {"6-MP": 6, "placebo": 1}
    assert "band_low" not in figure_data(sample(), PRIMARY)["curve"]
    assert not any(r.statistic == "survival_band" for r in estimate(sample(), PRIMARY))
    none = pd.DataFrame({"time": [3.0, 4], "event": [0, 0]})
    row = found(estimate(sample((), none, times=[3]), asked), "survival_band")
    assert "no band" in row.note
    assert "band_low" not in figure_data(sample((), none), asked)["curve"]


def test_primary_horizon_is_the_smallest_last_time():
    result = estimate(sample(), PRIMARY)
    assert found(result, "restricted_mean_difference", "6-MP").timepoint == 23
    one = estimate(sample(groups=()), PRIMARY | {"tau": 12.5})
    assert {r.group for r in one} == {""}
    assert found(one, "restricted_mean").timepoint == 12.5


@pytest.mark.parametrize(
    ("time", "event", "words"),
    [
        ([3.0, 4.0, 5.0], [0, 0, 0], "not reached: above one half"),
        ([3.0, 3.0, 3.0], [1, 1, 1], "the interval has no limits"),
        ([3.0], [1], "the interval has no limits"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], "exactly one half to the last"),
        ([], [], "no patients"),
    ],
)
def test_awkward_samples_are_noted(time, event, words):
    frame = pd.DataFrame({"time": time, "event": event, "group": ["a"] * len(time)})
    result = estimate(sample(("a", "b"), frame, times=[0, 3.5, 9]), PRIMARY)
    assert words in found(result, "median_survival", "a").note
    assert "no patients" in found(result, "median_survival", "b").note
    assert not any(r.statistic == "restricted_mean_difference" for r in result)
    for row in result:
        for number in (row.estimate, row.std_error, row.conf_low, row.conf_high):
            assert not math.isinf(number)
    figure = figure_data(sample(("a", "b"), frame), PRIMARY)
    assert set(figure) == ({"curve", "censored", "risk"} if time else set())


def test_groups_without_variation_have_no_restricted_mean_interval():
    frame = pd.DataFrame(
        {"time": [5.0, 6, 1, 2], "event": [0, 0, 1, 0], "group": list("aabb")}
    )
    result = estimate(sample(("a", "b"), frame, tau=4), PRIMARY)
    alone = found(result, "restricted_mean", "a")
    assert alone.estimate == 4
    assert math.isnan(alone.std_error)
    assert alone.note == "no variation before the horizon"
    assert "no variation" in found(result, "restricted_mean_difference", "a").note


def test_missing_roles_are_noted():
    frame = pd.DataFrame({"time": [1.0, 2]})
    (row,) = estimate(sample((), frame), PRIMARY)
    assert "time and the event" in row.note
    frame = pd.DataFrame({"start": [0.0, 3], "time": [1.0, 2], "event": [1, 1]})
    (row,) = estimate(sample((), frame), PRIMARY)
    assert "ends before it starts" in row.note
    assert figure_data(sample((), frame), PRIMARY) == {}


def test_intervals_of_one_person_count_once():
    whole = pd.DataFrame({"id": list("abc"), "time": [4.0, 6, 9], "event": [1, 0, 1]})
    whole["start"] = 0.0
    split = pd.DataFrame(
        {
            "id": list("abbccc"),
            "start": [0.0, 0, 2, 0, 5, 8],
            "stop": [4.0, 2, 6, 5, 8, 9],
            "event": [1, 0, 0, 0, 0, 1],
        }
    )
    one, other = (
        estimate(sample((), frame, times=[0, 3, 7]), PRIMARY)
        for frame in (whole, split)
    )
    for field in ("statistic", "timepoint", "n", "events", "note"):
        assert [getattr(r, field) for r in one] == [getattr(r, field) for r in other]
    for field in ("estimate", "std_error", "conf_low", "conf_high"):
        assert_allclose(*([getattr(r, field) for r in rows] for rows in (one, other)))
    assert found(one, "n").estimate == 3
    pd.testing.assert_frame_equal(
        *(figure_data(sample((), f), PRIMARY)["risk"] for f in (whole, split))
    )


def test_an_emptied_early_risk_set_is_noted():
    frame = pd.DataFrame(
        {"start": [0.0, 2, 2], "time": [1.0, 4, 5], "event": [1, 1, 0]}
    )
    result = estimate(sample((), frame, times=[3]), PRIMARY)
    for statistic in ("median_survival", "survival_probability", "restricted_mean"):
        note = found(result, statistic).note
        assert "falls to 0 at 1, before the last patients enter" in note


def test_times_that_differ_by_rounding_are_tied():
    times = unite(np.array([0.1 + 0.2, 0.3, 0.7, 1 - 0.3, 2.0]))
    assert len(set(times)) == 3
    assert_array_equal(unite(np.array([1.0, 1.001])), [1.0, 1.001])
    assert unite(np.array([])).size == 0
    # A printed time finds the row whose time was computed.
    late = rows([0.1 + 0.2, 5], [1, 1])
    assert_array_equal(late.at_risk(np.array([0.3, 0.31])), [2, 1])
    assert_array_equal(product_limit(late).value([0.29, 0.3]), [1, 0.5])


def test_at_risk_counts_late_entrants_after_their_entry():
    late = rows([5, 6, 7], [1, 1, 1], [0, 0, 2])
    assert_array_equal(
        late.at_risk(np.array([0, 1, 2, 2.5, 6, 7, 8])), [2, 2, 2, 3, 2, 1, 0]
    )


def test_figure_of_the_6mp_trial():
    figure = figure_data(sample(), PRIMARY)
    curve = figure["curve"]
    start = curve[curve.time == 0]
    assert list(start.group) == ["6-MP", "placebo"]
    assert (start[["survival", "conf_low", "conf_high"]] == 1).all(axis=None)
    last = curve[curve.group == "placebo"].iloc[-1]
    assert (last.time, last.survival) == (23, 0)
    assert math.isnan(last.conf_high)
    censored = figure["censored"]
    assert set(censored.group) == {"6-MP"}
    assert len(censored) == 11
    assert_allclose(censored.survival.iloc[0], 0.857142857143)
    risk = figure["risk"]
    assert list(risk.time[risk.group == "6-MP"]) == [0, 5, 10, 15, 20, 25, 30, 35]
    # Numbers at risk just before the tick, counted by hand.
    assert list(risk.at_risk[risk.group == "6-MP"]) == [21, 21, 15, 11, 8, 5, 4, 1]
    assert (risk.at_risk + risk.events + risk.censored == 21).all()


@pytest.mark.parametrize(
    ("last", "unit", "expected"),
    [
        (35, "weeks", [0, 5, 10, 15, 20, 25, 30, 35]),
        (36, "months", [0, 6, 12, 18, 24, 30, 36]),
        (5.2, "years", [0, 1, 2, 3, 4, 5]),
        (1227, "days", [0, 200, 400, 600, 800, 1000, 1200]),
        (0.9, "years", [0, 0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_ticks_are_round(last, unit, expected):
    assert_allclose(ticks(last, unit), expected)


@pytest.mark.parametrize("interval", ["log-log", "logit", "arcsine"])
def test_intervals_cover(interval):
    # 600 samples of 30 exponential times with independent censoring; S(1) = exp(-1),
    # median log 2. Three binomial standard errors around 95 % are about 2.7 points.
    rng = np.random.default_rng(20250101)
    truth, covered, middle = math.exp(-1), 0, 0
    for _ in range(600):
        event, censor = rng.exponential(1, 30), rng.exponential(2.5, 30)
        curve = product_limit(
            rows(np.minimum(event, censor), event <= censor), interval=interval
        )
        step = curve.at([1.0])[0]
        covered += curve.conf_low[step] <= truth <= curve.conf_high[step]
        limits = median(curve)
        high = math.inf if math.isnan(limits.conf_high) else limits.conf_high
        middle += limits.conf_low <= math.log(2) <= high
    assert 0.92 <= covered / 600 <= 0.98
    assert 0.92 <= middle / 600 <= 0.98
