"""Competing risks against cmprsk, survival and etm in R, closed forms and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.errors import MethodError
from reanalysis.methods import competing_risks
from reanalysis.sample import Sample
from reanalysis.survival.cumulative_incidence import (
    as_censored,
    cumulative_incidence,
    half_time,
    limits_of_none,
)
from reanalysis.survival.gray_test import gray_test, permutation_test
from reanalysis.survival.hazard_ratios import maximise
from reanalysis.survival.subdistribution_hazard import (
    robust_covariance,
    subdistribution,
)

# Sixteen patients, made up: tied causes, and events tied with censorings.
TIME = np.array([1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 12], dtype=float)
CAUSE = np.array([1, 2, 1, 0, 1, 2, 1, 0, 2, 1, 2, 1, 0, 1, 0, 1])
TWO = np.arange(16) % 2
THREE = np.arange(16) % 3
STRATUM = np.repeat([0, 1], 8)
X = [0.5, -1, 2, 0.3, 1.2, -0.7, 0.1, 0.9, -1.5, 0.4, 1.1, -0.2, 0.8, -0.6, 1.9, 0]

PRIMARY = {
    "estimator": "aalen-johansen",
    "variance": "aalen",
    "interval": "effective-n",
    "test": "gray",
    "rho": 0.0,
    "p_value": "asymptotic",
    "ties": "efron",
    "subdistribution_ties": "breslow",
    "infinite": "firth",
    "strata": "as_declared",
    "conf_level": 0.95,
    "seed": 1,
}
CAUSES = {
    "censored": ["0"],
    "interest": ["1"],
    "competing": ["2"],
    "labels": {"1": "graft loss", "2": "death"},
}


def sample(time, cause, group=None, times=(6,), causes=CAUSES, **columns):
    frame = pd.DataFrame({"time": np.asarray(time, dtype=float)})
    frame["cause"] = [str(c) for c in cause]
    groups = ()
    if group is not None:
        frame["group"] = [f"g{g}" for g in group]
        groups = tuple(sorted(set(frame["group"])))
    for name, column in columns.items():
        frame[name] = column
    return Sample(
        kind="individual",
        rows=frame,
        groups=groups,
        reference=groups[-1] if len(groups) > 1 else "",
        covariates=("x",) if "x" in columns else (),
        options={"times": list(times), "causes": causes},
        time_unit="months",
    )


def estimate(*args, changed=None, **columns):
    return competing_risks.estimate(
        sample(*args, **columns), {**PRIMARY, **(changed or {})}
    )


def rows_of(rows, statistic, **where):
    return [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]


def first(rows, statistic, **where):
    return rows_of(rows, statistic, **where)[0]


# --- cumulative incidence ---------------------------------------------------------


def test_incidence_and_delta_variance_agree_with_survfit():
    # f <- survfit(Surv(t, factor(c, 0:2)) ~ 1); summary(f, times = c(3, 6, 12))
    expected = {
        1: (
            [0.125, 0.260416666667, 0.621527777778],
            [0.0826797284708, 0.1123620714404, 0.1365507205022],
        ),
        2: (
            [0.0625, 0.197916666667, 0.275297619048],
            [0.0605153647845, 0.1025151192835, 0.1180207615871],
        ),
    }
    for of, (shares, errors) in expected.items():
        curve = cumulative_incidence(TIME, CAUSE, of, variance="delta")
        at = [curve.at(t) for t in (3, 6, 12)]
        assert_allclose(curve.incidence[at], shares, rtol=1e-11)
        assert_allclose(curve.std_error[at], errors, rtol=1e-11)


def test_aalen_variance_agrees_with_cmprsk():
    # timepoints(cuminc(t, c), c(3, 6, 12))$var
    expected = {
        1: [0.00730902777778, 0.0135958598573, 0.0260370958181],
        2: [0.00392361111111, 0.0113955131709, 0.0155557068748],
    }
    for of, variance in expected.items():
        curve = cumulative_incidence(TIME, CAUSE, of)
        at = [curve.at(t) for t in (3, 6, 12)]
        assert_allclose(curve.std_error[at] ** 2, variance, rtol=1e-11)


def test_six_patients_who_all_fail():
    # survfit: 0.1521, and 0.1925 in the emptied last risk set; cmprsk: 0.1667.
    time, cause = np.array([1, 2, 3, 4, 5, 5.0]), np.array([1, 2, 1, 2, 1, 1])
    delta = cumulative_incidence(time, cause, variance="delta")
    aalen = cumulative_incidence(time, cause)
    assert_allclose(
        delta.std_error[[0, -1]], [0.152145154863, 0.19245008973], rtol=1e-9
    )
    # cuminc: 0.0277777777778 and 0.0509336419753
    assert_allclose(aalen.std_error[0], 1 / 6, rtol=1e-12)
    assert_allclose(aalen.std_error[-1] ** 2, 0.0509336419753, rtol=1e-11)
    # Without censoring the delta variance is that of a proportion.
    f = delta.incidence
    assert_allclose(delta.std_error, np.sqrt(f * (1 - f) / 6), rtol=1e-12)
    assert delta.incidence[-1] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        # survfit(..., conf.type = ), summary at 6
        ("log", (0.111789379144, 0.606648330969)),
        ("plain", (0.0401910534151, 0.480642279918)),
        ("log-log", (0.0802542228346, 0.487900631277)),
        # summary(etmCIF(...), ci.fun = "cloglog")
        ("cloglog", (0.106332096368, 0.554915235821)),
    ],
)
def test_limits_agree_with_r(interval, expected):
    curve = cumulative_incidence(TIME, CAUSE, variance="delta", interval=interval)
    at = curve.at(6)
    assert_allclose((curve.conf_low[at], curve.conf_high[at]), expected, rtol=1e-11)


def test_effective_n_is_clopper_pearson_without_censoring():
    # R: qbeta(0.025, 3, 6), qbeta(0.975, 4, 5), 1 - 0.025^(1/8)
    time, cause = np.arange(1.0, 9), np.array([1, 2, 1, 1, 2, 2, 2, 2])
    curve = cumulative_incidence(time, cause, interval="effective-n")
    assert_allclose(
        (curve.conf_low[-1], curve.conf_high[-1]),
        (0.08523341413725, 0.7551367836334),
        rtol=1e-9,
    )
    assert_allclose(limits_of_none(8, 0.95), (0, 0.3694166475528), rtol=1e-9)
    every = cumulative_incidence(time, np.ones(8, dtype=int), interval="effective-n")
    assert_allclose(every.conf_low[-1], 1 - 0.3694166475528, rtol=1e-9)
    assert every.conf_high[-1] == 1


def test_one_cause_alone_is_one_minus_kaplan_meier():
    # summary(survfit(Surv(t, c == 1) ~ 1, conf.type = "log-log"), times = 6)
    naive = cumulative_incidence(
        TIME, as_censored(CAUSE), variance="delta", interval="cloglog"
    )
    at = naive.at(6)
    assert_allclose(1 - naive.incidence[at], 0.721875, rtol=1e-12)
    assert_allclose(naive.std_error[at], 0.119960422347, rtol=1e-11)
    assert_allclose(1 - naive.conf_high[at], 0.412566681681, rtol=1e-11)
    assert_allclose(1 - naive.conf_low[at], 0.886950430776, rtol=1e-11)


def test_half_time():
    curve = cumulative_incidence(TIME, CAUSE, interval="log")
    # Incidence 0.4 at 9 and 0.518 at 11.
    found = half_time(curve)
    assert found.time == 11
    assert found.conf_low == curve.times[curve.conf_high >= 0.5][0]
    assert math.isnan(half_time(cumulative_incidence(TIME, CAUSE, 2)).time)


PATIENTS = strategies.lists(
    strategies.tuples(strategies.integers(0, 7), strategies.integers(0, 2)),
    min_size=1,
    max_size=14,
)


@given(PATIENTS)
@settings(max_examples=150, deadline=None)
def test_shares_add_up_and_limits_hold_the_estimate(patients):
    time, cause = (np.array(c) for c in zip(*patients, strict=True))
    time = time.astype(float)
    curves = [cumulative_incidence(time, cause, of, variance="delta") for of in (1, 2)]
    total = curves[0].incidence + curves[1].incidence + curves[0].survival
    assert_allclose(total, 1, atol=1e-12)
    for variance, scale in itertools.product(
        ("aalen", "delta"), ("plain", "log", "log-log", "cloglog", "effective-n")
    ):
        curve = cumulative_incidence(time, cause, variance=variance, interval=scale)
        assert np.isfinite(curve.std_error).all()
        known = np.isfinite(curve.conf_low)
        assert (curve.conf_low[known] <= curve.incidence[known] + 1e-12).all()
        assert (curve.conf_high[known] >= curve.incidence[known] - 1e-12).all()
        assert ((curve.conf_low[known] >= 0) & (curve.conf_high[known] <= 1)).all()
    naive = cumulative_incidence(time, as_censored(cause))
    for t in curves[0].times:
        assert naive.value(t) >= curves[0].value(t) - 1e-12


# --- Gray's test --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "groups", "stratum", "rho", "expected"),
    [
        # cuminc(t, c, group, strata, rho = )$Tests[, "stat"]
        (TWO, 2, None, 0, (0.0943016925198, 0.104155175345)),
        (TWO, 2, None, 1, (0.624596123038, 0.203906520899)),
        (TWO, 2, STRATUM, 0, (0.00854678818668, 0.00897633075524)),
        (THREE, 3, None, 0, (1.71890794802, 2.54846730625)),
        (THREE, 3, STRATUM, 0.5, (1.41511961958, 2.2597253187)),
    ],
)
def test_gray_agrees_with_cmprsk(group, groups, stratum, rho, expected):
    for of, statistic in zip((1, 2), expected, strict=True):
        found = gray_test(TIME, CAUSE, group, stratum, of=of, rho=rho, groups=groups)
        assert_allclose(found.statistic, statistic, rtol=1e-10)
        assert found.df == groups - 1
        assert_allclose(found.score.sum(), 0, atol=1e-12)
        assert_allclose(found.variance.sum(axis=0), 0, atol=1e-12)


def test_gray_is_the_same_whichever_group_comes_first():
    swapped = gray_test(TIME, CAUSE, 1 - TWO)
    assert_allclose(swapped.statistic, gray_test(TIME, CAUSE, TWO).statistic)


def test_permutation_counts_every_assignment():
    time, cause = TIME[:8], CAUSE[:8]
    group = np.array([0, 0, 1, 0, 1, 1, 0, 1])
    found = permutation_test(time, cause, group)
    observed = gray_test(time, cause, group).statistic
    extreme = 0
    for chosen in itertools.combinations(range(8), 4):
        other = np.ones(8, dtype=int)
        other[list(chosen)] = 0
        extreme += gray_test(time, cause, other).statistic >= observed * (1 - 1e-9)
    assert found.exact
    assert found.assignments == math.comb(8, 4)
    assert found.p_value == pytest.approx(extreme / math.comb(8, 4), rel=1e-12)


def test_drawn_permutations_are_near_the_counted_ones():
    time, cause, group = TIME[:12], CAUSE[:12], TWO[:12]
    exact = permutation_test(time, cause, group).p_value
    # One stratum of all is drawn instead of counted.
    drawn = permutation_test(time, cause, group, np.zeros(12, dtype=int), seed=3)
    assert not drawn.exact
    assert abs(drawn.p_value - exact) < 4 * math.sqrt(exact * (1 - exact) / 4999)
    again = permutation_test(time, cause, group, np.zeros(12, dtype=int), seed=3)
    assert again == drawn


def test_permutation_keeps_its_level_exactly():
    # Over all assignments, p <= 0.05 happens in at most 5 % of them.
    time, cause = TIME[4:13], CAUSE[4:13]
    p = []
    for chosen in itertools.combinations(range(9), 4):
        group = np.ones(9, dtype=int)
        group[list(chosen)] = 0
        p.append(permutation_test(time, cause, group).p_value)
    for level in (0.01, 0.05, 0.1, 0.3):
        assert np.mean(np.array(p) <= level + 1e-12) <= level


def test_gray_without_anything_to_compare():
    with pytest.raises(MethodError, match="no events of this cause"):
        gray_test(TIME, as_censored(CAUSE), TWO, of=2)
    # The only event comes after one group has left.
    late = np.array([1, 2, 3.0]), np.array([0, 0, 1]), np.array([0, 0, 1])
    with pytest.raises(MethodError, match="two groups could be compared"):
        gray_test(*late)
    many = np.arange(101.0), np.ones(101, dtype=int), np.arange(101) % 2
    with pytest.raises(MethodError, match="up to 100"):
        permutation_test(*many)


# --- Fine and Gray ------------------------------------------------------------------


def fitted(x, time, cause, of=1, ties="breslow"):
    model = subdistribution(np.column_stack(x), time, cause, of=of, ties=ties)
    fit = maximise(model.likelihood)
    return fit, robust_covariance(model, fit)


def test_fine_gray_agrees_with_crr():
    # crr(t, c, cbind(g == 0, x), gtol = 1e-13): $coef, $var
    fit, covariance = fitted([TWO == 0, X], TIME, CAUSE)
    assert_allclose(fit.coefficient, [-0.167471539027, 0.308785490566], rtol=1e-8)
    expected = [[0.636463411347, -0.169734148217], [-0.169734148217, 0.163843708342]]
    assert_allclose(covariance, expected, rtol=1e-8)
    # crr(t, c, cbind(g == 0), failcode = 2)
    fit, covariance = fitted([TWO == 0], TIME, CAUSE, of=2)
    assert_allclose(fit.coefficient, -0.298311473471, rtol=1e-8)
    assert_allclose(covariance, 0.83574374937, rtol=1e-8)


def test_fine_gray_agrees_with_finegray_and_coxph():
    # Without an event tied with a censoring both programs weigh alike.
    time = TIME + np.where(CAUSE == 0, 0.5, 0)
    # coxph(Surv(fgstart, fgstop, fgstatus) ~ a + x, weight = fgwt, finegray(...))
    fit, covariance = fitted([TWO == 0, X], time, CAUSE)
    assert_allclose(fit.coefficient, [-0.165502466764, 0.305747981699], rtol=1e-8)
    # crr(...)$var
    assert_allclose(np.diag(covariance), [0.648360985557, 0.157935146965], rtol=1e-8)


# Tied events of the cause of interest; no event at the time of a censoring.
TIED_TIME = np.array([1, 1, 2, 2, 2, 3.5, 4, 4, 5, 5.5, 6, 6, 6, 7.5, 8, 8])
TIED_CAUSE = np.array([1, 1, 2, 1, 1, 0, 1, 2, 1, 0, 1, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        # coxph(Surv(fgstart, fgstop, fgstatus) ~ a + x, weight = fgwt, ties = )
        ("breslow", (1.02493676582, -0.4730760614938)),
        ("efron", (1.020404165584, -0.4706900595209)),
    ],
)
def test_ties_of_fine_gray_agree_with_finegray_and_coxph(ties, expected):
    fit, covariance = fitted([TWO == 0, X], TIED_TIME, TIED_CAUSE, ties=ties)
    assert_allclose(fit.coefficient, expected, rtol=1e-9)
    if ties == "breslow":
        # crr(t, c, cbind(g == 0, x))$var
        variances = [0.41753777058831, 0.044552265511172]
        assert_allclose(np.diag(covariance), variances, rtol=1e-9)
    else:
        # coxph(... + cluster(id), weights = fgwt): $var
        variances = [0.4453108529368, 0.04729778902915]
        assert_allclose(np.diag(covariance), variances, rtol=1e-9)


def test_efron_ties_of_fine_gray_are_those_of_finegray_at_a_censoring():
    # Censored patients are moved back to the time of the event before:
    # coxph(Surv(fgstart, fgstop, fgstatus) ~ a + x + cluster(id), weights = fgwt)
    time = np.where(CAUSE == 0, [TIME[i - 1] for i in range(16)], TIME)
    fit, covariance = fitted([TWO == 0, X], time, CAUSE, ties="efron")
    assert_allclose(fit.coefficient, [-0.1120653564237, 0.3806172081837], rtol=1e-8)
    assert_allclose(np.diag(covariance), [0.631660671849, 0.1576117318457], rtol=1e-8)


def test_fine_gray_without_competing_events_is_cox():
    # coxph(Surv(t, c == 1) ~ I(g == 0)), no tied events of this cause
    keep = CAUSE != 2
    fit, _ = fitted([TWO[keep] == 0], TIME[keep], CAUSE[keep])
    rows = estimate(TIME[keep], CAUSE[keep], TWO[keep])
    cox = first(rows, "hazard_ratio", cause="graft loss")
    assert_allclose(fit.coefficient[0], math.log(cox.estimate), rtol=1e-8)


def test_cause_specific_hazards_agree_with_coxph():
    # coxph(Surv(t, c == 1) ~ I(g == 0)): 0.188841248002, variance 0.507052680198
    row = first(estimate(TIME, CAUSE, TWO), "hazard_ratio", cause="graft loss")
    assert_allclose(math.log(row.estimate), 0.188841248002, rtol=1e-9)
    assert_allclose(row.std_error**2, 0.507052680198, rtol=1e-8)
    # survdiff(Surv(t, c == 1) ~ g)$chisq
    tests = rows_of(estimate(TIME, CAUSE, TWO), "incidence_test", cause="graft loss")
    named = {row.test: row for row in tests}
    found = named["log-rank, cause-specific"]
    assert_allclose(found.test_statistic, 0.070530952933, rtol=1e-9)


# --- the method ---------------------------------------------------------------------


def test_rows_of_the_cause_of_interest_come_first():
    rows = estimate(TIME, CAUSE, TWO, times=(3, 6))
    incidences = rows_of(rows, "cumulative_incidence", group="")
    assert [r.cause for r in incidences] == ["graft loss"] * 2 + ["death"] * 2
    assert_allclose(incidences[1].estimate, 0.260416666667, rtol=1e-11)
    assert incidences[1].interval_method == "Clopper-Pearson, effective n"
    assert incidences[1].timepoint == 6
    assert "would say 27.8%" in incidences[1].note
    tests = rows_of(rows, "incidence_test", cause="graft loss")
    assert [t.test for t in tests] == [
        "Gray",
        "log-rank, cause-specific",
        "Gray, permutation",
    ]
    assert_allclose(tests[0].test_statistic, 0.0943016925198, rtol=1e-10)
    assert "4999 random" in tests[2].note
    free = first(rows, "survival_probability", group="", timepoint=6)
    assert_allclose(free.estimate, 0.721875, rtol=1e-12)
    assert_allclose(free.conf_low, 0.412566681681, rtol=1e-10)
    ratio = first(rows, "subdistribution_hazard_ratio")
    assert (ratio.group, ratio.reference) == ("g0", "g1")
    assert ratio.conf_low < ratio.estimate < ratio.conf_high


def test_codes_of_interest_are_taken_together():
    causes = {"censored": ["0"], "interest": ["1", "2"]}
    rows = estimate(TIME, CAUSE, causes=causes)
    found = first(rows, "cumulative_incidence")
    assert found.cause == "1 or 2"
    # Composite: 1 - Kaplan-Meier of any event.
    any_event = cumulative_incidence(TIME, (CAUSE > 0) * 1)
    assert found.estimate == pytest.approx(any_event.value(6), rel=1e-12)


def test_one_minus_kaplan_meier_on_request():
    row = first(
        estimate(TIME, CAUSE, changed={"estimator": "one-minus-kaplan-meier"}),
        "cumulative_incidence",
    )
    assert_allclose(row.estimate, 1 - 0.721875, rtol=1e-12)
    assert "no risk anyone runs" in row.note


def test_tests_asked_for_come_first():
    rows = estimate(TIME, CAUSE, TWO, changed={"test": "log-rank"})
    assert first(rows, "incidence_test").test == "log-rank, cause-specific"
    rows = estimate(TIME, CAUSE, TWO, changed={"p_value": "permutation", "rho": 1.0})
    assert first(rows, "incidence_test").test == "Gray, rho 1, permutation"
    rows = estimate(TIME, CAUSE, TWO, stratum=list(map(str, STRATUM)))
    named = first(rows, "incidence_test")
    assert named.test == "Gray, stratified"
    assert_allclose(named.test_statistic, 0.00854678818668, rtol=1e-9)
    assert "strata" in first(rows, "subdistribution_hazard_ratio").note
    never = estimate(
        TIME, CAUSE, TWO, changed={"strata": "never"}, stratum=list(map(str, STRATUM))
    )
    assert first(never, "incidence_test").test == "Gray"


def test_three_groups_have_an_overall_test_and_pairs():
    rows = rows_of(estimate(TIME, CAUSE, THREE), "incidence_test", cause="graft loss")
    assert_allclose(rows[0].test_statistic, 1.71890794802, rtol=1e-10)
    assert rows[0].df == 2
    assert {(r.group, r.reference) for r in rows} == {
        ("", ""),
        ("g0", "g2"),
        ("g1", "g2"),
    }


AWKWARD = {
    "three patients": ([1, 2, 3], [1, 2, 0], [0, 1, 1]),
    "three patients, one time": ([2, 2, 2], [1, 2, 0], [0, 0, 1]),
    "no event of interest in a group": (
        [1, 2, 3, 4, 5, 6, 7, 8],
        [1, 1, 2, 0, 2, 0, 2, 0],
        [0, 0, 0, 0, 1, 1, 1, 1],
    ),
    "one cause": ([1, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 1], [0, 1, 0, 1, 0, 1]),
    "only the other cause": ([1, 2, 3, 4], [2, 0, 2, 2], [0, 1, 0, 1]),
    "all censored": ([1, 2, 3, 4, 5], [0] * 5, [0, 1, 0, 1, 0]),
    "all at one time": ([5] * 6, [1, 2, 0, 1, 2, 0], [0, 0, 0, 1, 1, 1]),
    "all fail at once": ([5] * 4, [1, 1, 1, 1], [0, 0, 1, 1]),
    "at time zero": ([0, 0, 1, 2], [1, 2, 1, 0], [0, 1, 0, 1]),
    "one event": ([1, 2, 3, 4], [0, 1, 0, 0], [0, 0, 1, 1]),
    "one patient a group": ([1, 2], [1, 2], [0, 1]),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"interval": "log-log", "p_value": "permutation"},
        {"estimator": "one-minus-kaplan-meier", "test": "log-rank"},
        {"variance": "delta", "interval": "plain", "infinite": "report"},
    ],
)
def test_awkward_data_give_numbers_or_say_why_not(name, changed):
    time, cause, group = AWKWARD[name]
    data = sample(time, cause, group, times=(0, 2, 5, 9))
    rows = competing_risks.estimate(data, {**PRIMARY, **changed})
    for row in rows:
        for value in (row.estimate, row.conf_low, row.conf_high, row.p_value):
            if row.statistic != "hazard_ratio":
                assert not math.isinf(value), row
        if math.isnan(row.estimate) and math.isnan(row.p_value):
            assert row.note, row
        if row.statistic in ("cumulative_incidence", "survival_probability"):
            assert math.isnan(row.estimate) or 0 <= row.estimate <= 1
        if not math.isnan(row.p_value):
            assert 0.05 < row.p_value <= 1, row
        if row.statistic == "subdistribution_hazard_ratio" and row.estimate == 1:
            assert math.isnan(row.std_error) or row.std_error > 0.1
    competing_risks.figure_data(data, PRIMARY)


def test_no_event_of_interest_in_a_group_is_said():
    time, cause, group = AWKWARD["no event of interest in a group"]
    rows = estimate(time, cause, group, times=(4,))
    ratio = first(rows, "subdistribution_hazard_ratio")
    assert math.isnan(ratio.estimate)
    assert math.isnan(ratio.p_value)
    assert "no finite maximum" in ratio.note
    none = first(rows, "cumulative_incidence", group="g1", cause="graft loss")
    assert none.estimate == 0
    assert math.isnan(none.std_error)
    # Clopper-Pearson of 0 among the 4 who had no graft loss by then.
    assert_allclose(none.conf_high, 1 - 0.025 ** (1 / 4), rtol=1e-12)
    assert first(rows, "incidence_test").p_value < 1
    assert "Firth" in first(rows, "hazard_ratio").note


def test_all_censored_says_so():
    rows = estimate([1, 2, 3, 4, 5], [0] * 5, [0, 1, 0, 1, 0], times=(2,))
    row = first(rows, "cumulative_incidence", group="")
    assert row.estimate == 0
    assert row.note == "no event of this cause by this time"
    # Three of five are known to be without the event at 2.
    assert_allclose(row.conf_high, 1 - 0.025 ** (1 / 3), rtol=1e-12)
    assert "no events" in first(rows, "incidence_test").note


def test_undeclared_and_missing_input():
    rows = competing_risks.estimate(sample(TIME, CAUSE, causes=None), PRIMARY)
    assert "not declared" in rows[0].note
    rows = estimate(TIME, CAUSE, causes={"interest": ["1"]})
    assert "not among those declared" in rows[0].note
    assert competing_risks.figure_data(sample(TIME, CAUSE, causes=None), PRIMARY) == {}


def test_beyond_follow_up_and_an_emptied_risk_set():
    rows = estimate([1, 2, 3], [1, 2, 0], times=(9,))
    # As in cmprsk: timepoints(cuminc(1:3, c(1, 2, 0)), 9)$est is NA.
    beyond = first(rows, "cumulative_incidence")
    assert math.isnan(beyond.estimate)
    assert beyond.note == "beyond the last follow-up at 3, where it is 33.3%"
    assert math.isnan(first(rows, "survival_probability").estimate)
    rows = estimate([1, 2, 3], [1, 2, 1], times=(9,))
    assert first(rows, "cumulative_incidence").estimate == pytest.approx(2 / 3)


def test_covariates_enter_both_models():
    rows = estimate(TIME, CAUSE, TWO, x=X)
    ratios = rows_of(rows, "subdistribution_hazard_ratio")
    assert [r.term for r in ratios] == ["", "x"]
    assert_allclose(math.log(ratios[0].estimate), -0.167471539027, rtol=1e-7)
    assert_allclose(ratios[1].std_error ** 2, 0.163843708342, rtol=1e-7)
    constant = rows_of(
        estimate(TIME, CAUSE, TWO, x=[1.0] * 16), "subdistribution_hazard_ratio"
    )
    assert "does not vary" in constant[1].note
    assert constant[0].estimate > 0


def test_figure_data_hold_everybody_at_every_tick():
    tables = competing_risks.figure_data(sample(TIME, CAUSE, TWO), PRIMARY)
    risk = tables["risk"]
    total = risk[["at_risk", "events", "competing", "censored"]].sum(axis=1)
    assert_array_equal(total, 8)
    steps = tables["incidence"]
    assert (steps["one_minus_km"] >= steps["incidence"] - 1e-12).all()
    assert (steps["conf_low"] <= steps["incidence"] + 1e-12).all()
    assert set(steps["cause"]) == {"graft loss", "death"}


def test_a_chi_square_of_one_event_is_told():
    # One patient against six, who has the only event: p = 0.014, by permutation 1 / 7.
    rows = competing_risks.estimate(
        sample([1, 2, 3, 4, 5, 6, 7], [1, 0, 0, 0, 0, 0, 0], [0] + [1] * 6), PRIMARY
    )
    gray, log_rank, permuted = (
        r for r in rows if r.statistic == "incidence_test" and r.cause == "graft loss"
    )
    assert gray.p_value < 0.05
    assert log_rank.p_value < 0.05
    assert_allclose(permuted.p_value, 1 / 7)
    assert "a single event" in gray.note
    assert "a single event" in log_rank.note
