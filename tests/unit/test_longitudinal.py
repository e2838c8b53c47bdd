"""Slopes over time against R (lme4, lmerTest, pbkrtest, gee, clubSandwich), closed
forms, enumeration and duality.

R was run with BOBYQA of nloptr at tolerances of 1e-12 and below, which leaves about
1e-7 in its variances and, on the edge (a correlation of 1), 1e-6 in lmerTest's degrees
of freedom, which it has from numerical second derivatives.
"""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.errors import MethodError
from reanalysis.figures import courses as drawing
from reanalysis.figures.sheet import Sheet
from reanalysis.figures.style import Look
from reanalysis.measurements.courses import AFTER, BEFORE, courses
from reanalysis.measurements.gee import VARIANCES, fit_gee
from reanalysis.measurements.mixed_models import (
    Blocks,
    fit_mixed,
    kenward_roger,
    satterthwaite,
)
from reanalysis.measurements.patient_slopes import (
    inversions_law,
    ols_slope,
    ratio_of_means,
    theil_sen_slope,
)
from reanalysis.methods.longitudinal import estimate, figure_data, model_rows
from reanalysis.plan import METHODS
from reanalysis.sample import Sample
from reanalysis.studies.study import load

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PRIMARY = {**CONFIG["methods"]["longitudinal"], "conf_level": 0.95, "seed": 1}

# Reaction times (ms) of the first six subjects on days 0 to 9 without enough sleep:
# sleepstudy of R's lme4 (Belenky et al., J Sleep Res 2003;12:1-12).
REACTION = """
249.5600 258.7047 250.8006 321.4398 356.8519 414.6901 382.2038 290.1486 430.5853 466.3535
222.7339 205.2658 202.9778 204.7070 207.7161 215.9618 213.6303 217.7272 224.2957 237.3142
199.0539 194.3322 234.3200 232.8416 229.3074 220.4579 235.4208 255.7511 261.0125 247.5153
321.5426 300.4002 283.8565 285.1330 285.7973 297.5855 280.2396 318.2613 305.3495 354.0487
287.6079 285.0000 301.8206 320.1153 316.2773 293.3187 290.0750 334.8177 293.7469 371.5811
234.8606 242.8118 272.9613 309.7688 317.4629 309.9976 454.1619 346.8311 330.3003 253.8644
"""
# Distance from pituitary to fissure (mm) at 8, 10, 12, 14 years: three boys and three
# girls of Orthodont in R's nlme (Potthoff and Roy, Biometrika 1964;51:313-326).
DISTANCE = {
    "M01": (26, 25, 29, 31), "M02": (21.5, 22.5, 23, 26.5), "M03": (23, 22.5, 24, 27.5),
    "F01": (21, 20, 21.5, 23), "F02": (21, 21.5, 24, 25.5), "F03": (20.5, 24, 24.5, 26),
}  # fmt: skip


def sleep(*, whole=False):
    """All 60 rows, or without every seventh from the third (unbalanced)."""
    values = np.array(REACTION.split(), dtype=float)
    rows = pd.DataFrame(
        {
            "id": np.repeat([f"S{i}" for i in range(6)], 10),
            "visit": np.tile(np.arange(10.0), 6),
            "value": values,
        }
    )
    return rows if whole else rows.drop(index=range(2, 60, 7)).reset_index(drop=True)


def spline(rows):
    t = rows["visit"].to_numpy(float)
    return np.column_stack([np.ones_like(t), t, np.maximum(t - 4, 0)])


def orthodont():
    rows = [
        {"id": child, "visit": 8.0 + 2 * i, "value": float(v), "group": child[0]}
        for child, values in DISTANCE.items()
        for i, v in enumerate(values)
    ]
    return pd.DataFrame(rows)


def fitted(rows, x, z, *, reml=True):
    y = rows["value"].to_numpy(float)
    return fit_mixed(Blocks.of(x, z, y, rows["id"].to_numpy()), reml=reml)


def degrees(fit):
    found, k = satterthwaite(fit), fit.coefficients.size
    return [found.df(c) for c in np.eye(k)]


# Mixed models against R -----------------------------------------------------

# lmer(Reaction ~ Days + pmax(Days - 4, 0) + random, REML): coefficients, SE, lmerTest's
# df, Kenward-Roger SE and df (pbkrtest), -2 log restricted likelihood.
RANDOM_INTERCEPT = {
    "b": [242.052207841, 12.239944797, -8.961286346],
    "se": [23.069885660, 4.573912515, 7.295589165],
    "df": [8.789438495, 43.126519728, 43.145687403],
    "kr_se": [23.073148094, 4.576610494, 7.300626058],
    "kr_df": [8.76800412, 43.11341997, 43.13263334],
    "deviance": 509.70912523259,
    "variances": [2232.032283],
    "residual": 1373.973945,
}
# (Days | Subject): the estimated correlation is 1.
RANDOM_SLOPE = {
    "b": [241.214383808, 12.232967783, -8.291937048],
    "se": [18.046573259, 4.609563094, 7.031920526],
    "df": [8.144484116, 38.918057922, 43.105403106],
    "kr_se": [18.226638656, 4.694890332, 7.147918538],
    "kr_df": [7.309496544, 37.012665701, 40.188543070],
    "deviance": 506.8804779434592,
    "variances": [1065.32895502, 11.32485102],
    "residual": 1278.40014913,
}
# (Days + after | Subject): singular too.
RANDOM_CHANGE = {
    "b": [241.786783936, 11.890279041, -8.161214133],
    "se": [16.650310086, 6.896689409, 9.783254678],
    "df": [4.833643528, 4.941596671, 5.131811665],
    "kr_se": [16.962678805, 6.984060559, 9.914230708],
    "kr_df": [4.855723881, 4.943290670, 4.948544190],
    "deviance": 503.2408825940233,
    "variances": [883.09188840, 184.12148382, 317.46144072],
    "residual": 1096.65876847,
}


@pytest.mark.parametrize(
    ("effects", "r"), [(1, RANDOM_INTERCEPT), (2, RANDOM_SLOPE), (3, RANDOM_CHANGE)]
)
def test_mixed_model_against_lme4_lmertest_and_pbkrtest(effects, r):
    rows = sleep()
    x = spline(rows)
    fit = fitted(rows, x, x[:, :effects])
    assert fit.coefficients == pytest.approx(r["b"], rel=1e-6)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(r["se"], rel=1e-6)
    assert np.diag(fit.g) == pytest.approx(r["variances"], rel=1e-5)
    assert fit.residual == pytest.approx(r["residual"], rel=1e-6)
    assert fit.deviance == pytest.approx(r["deviance"], rel=1e-10)
    assert degrees(fit) == pytest.approx(r["df"], rel=1e-4)
    adjusted = kenward_roger(fit)
    assert np.sqrt(np.diag(adjusted.covariance)) == pytest.approx(r["kr_se"], rel=1e-6)
    kr = [adjusted.df(c) for c in np.eye(3)]
    assert kr == pytest.approx(r["kr_df"], rel=1e-5)
    assert bool(fit.singular) == (effects > 1)


def test_maximum_likelihood_against_lme4():
    # lmer(Reaction ~ Days + after + (Days | Subject), REML = FALSE)
    rows = sleep()
    x = spline(rows)
    fit = fitted(rows, x, x[:, :2], reml=False)
    assert fit.coefficients == pytest.approx(
        [241.16858407, 12.25517658, -8.34057538], rel=1e-6
    )
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        [16.981425618, 4.477750010, 6.873416799], rel=1e-6
    )
    assert fit.deviance == pytest.approx(523.3330422139016, rel=1e-10)
    assert degrees(fit) == pytest.approx(
        [10.24295963, 42.86241543, 45.12250669], rel=1e-4
    )
    with pytest.raises(MethodError, match="REML"):
        kenward_roger(fit)


def test_groups_against_lme4_where_the_correlation_is_one():
    # lmer(distance ~ male * t + (t | Subject)), t = age - 8
    rows = orthodont()
    t = rows["visit"].to_numpy() - 8
    male = (rows["group"] == "M").to_numpy(float)
    x = np.column_stack([np.ones_like(t), male, t, male * t])
    fit = fitted(rows, x, x[:, [0, 2]])
    assert fit.coefficients == pytest.approx([20.6833333333, 1.9666666667, 0.675, 0.15])
    se = [0.9160389559, 1.2954747151, 0.1565717504, 0.2214258929]
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(se, rel=1e-6)
    df = [4.248748405, 4.248748405, 6.370848167, 6.370848168]
    assert degrees(fit) == pytest.approx(df, rel=1e-5)
    assert [kenward_roger(fit).df(c) for c in np.eye(4)] == pytest.approx([4] * 4)
    assert "correlation" in fit.singular
    # The same contrasts from the method, whose groups have a line each.
    sample = Sample(
        kind="individual", rows=rows, groups=("M", "F"), reference="F", unit="mm"
    )
    found = model_rows(sample, "mixed", {**PRIMARY, "df": "satterthwaite"})
    difference = next(r for r in found if r.statistic == "slope_difference")
    assert difference.estimate == pytest.approx(0.15)
    assert difference.std_error == pytest.approx(0.2214258929, rel=1e-6)
    assert difference.df == pytest.approx(6.370848168, rel=1e-5)
    assert "Singular fit" in difference.note


def test_balanced_random_intercept_is_the_analysis_within_patients():
    # With the same visits in all patients the slope is that of the values less the
    # patients' means, tested with N - patients - 1 degrees of freedom.
    rng = np.random.default_rng(4)
    t = np.tile(np.arange(5.0), 8)
    patient = np.repeat(np.arange(8), 5)
    y = 5 * rng.normal(size=8)[patient] - 0.4 * t + rng.normal(size=40)
    rows = pd.DataFrame({"id": patient, "value": y})
    x = np.column_stack([np.ones_like(t), t])
    fit = fitted(rows, x, x[:, :1])
    inside = y - y.reshape(8, 5).mean(axis=1)[patient]
    centred = t - 2
    slope = centred @ inside / (centred @ centred)
    loss = ((inside - slope * centred) ** 2).sum()
    assert fit.coefficients[1] == pytest.approx(slope, rel=1e-10)
    se = math.sqrt(loss / 31 / (centred @ centred))
    assert math.sqrt(fit.covariance[1, 1]) == pytest.approx(se, rel=1e-8)
    assert degrees(fit)[1] == pytest.approx(31, rel=1e-7)
    assert kenward_roger(fit).df(np.array([0, 1.0])) == pytest.approx(31, rel=1e-7)


def test_balanced_random_slopes_are_the_t_test_of_the_patients_slopes():
    rows = sleep(whole=True)
    x = spline(rows)[:, :2]
    fit = fitted(rows, x, x)
    assert fit.singular == ""
    own = [
        np.polyfit(part["visit"], part["value"], 1)[0] for _, part in rows.groupby("id")
    ]
    test = stats.ttest_1samp(own, 0)
    slope, se = fit.coefficients[1], math.sqrt(fit.covariance[1, 1])
    assert slope / se == pytest.approx(test.statistic, rel=1e-7)
    assert degrees(fit)[1] == pytest.approx(5, rel=1e-6)
    adjusted = kenward_roger(fit)
    assert adjusted.df(np.array([0, 1.0])) == pytest.approx(5, rel=1e-6)
    assert adjusted.covariance[1, 1] == pytest.approx(fit.covariance[1, 1], rel=1e-7)


@pytest.mark.parametrize("effects", [1, 2, 3])
def test_no_other_variances_have_a_higher_restricted_likelihood(effects):
    rows = sleep()
    x, y = spline(rows), rows["value"].to_numpy()
    z, ids = x[:, :effects], rows["id"].to_numpy()
    same = ids[:, None] == ids
    fit = fitted(rows, x, z)
    n, p = x.shape

    def deviance(factor, residual):
        v = np.where(same, z @ factor @ factor.T @ z.T, 0) + residual * np.eye(n)
        inverse = np.linalg.inv(v)
        information = x.T @ inverse @ x
        r = y - x @ np.linalg.solve(information, x.T @ inverse @ y)
        return (
            np.linalg.slogdet(v)[1]
            + np.linalg.slogdet(information)[1]
            + r @ inverse @ r
            + (n - p) * math.log(2 * math.pi)
        )

    factor = fit.factor * math.sqrt(fit.residual)
    best = deviance(factor, fit.residual)
    assert best == pytest.approx(fit.deviance, rel=1e-10)
    rng = np.random.default_rng(7)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(25):
            step = np.tril(rng.normal(size=factor.shape)) * size * np.abs(factor).max()
            other = fit.residual * math.exp(size * rng.normal())
            assert deviance(factor + step, other) > best - 1e-7


def test_no_variance_between_patients_gives_least_squares():
    # The patients' means are alike, less than chance would make them.
    t = np.tile([0.0, 1, 2, 3], 4)
    noise = np.array([1, -1, -1, 1, -1, 1, 1, -1, 2, -2, -2, 2, -1, 1, 1, -1.0])
    rows = pd.DataFrame({"id": np.repeat(list("abcd"), 4), "value": 3 * t + noise})
    x = np.column_stack([np.ones_like(t), t])
    fit = fitted(rows, x, x[:, :1])
    assert fit.g[0, 0] == 0
    assert "intercepts is zero" in fit.singular
    loss = np.linalg.lstsq(x, rows["value"], rcond=None)[1][0]
    assert fit.residual == pytest.approx(loss / 14)
    assert all(0 < df < math.inf for df in degrees(fit))


@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-100, 100),
    factor=st.sampled_from([1e-3, 1.0, 1e4]),
)
@settings(max_examples=15, deadline=None)
def test_units_of_time_and_value_only_rescale(seed, shift, factor):
    rng = np.random.default_rng(seed)
    t = np.tile(np.arange(-3.0, 4), 6)
    patient = np.repeat([f"p{i}" for i in range(6)], 7)
    y = np.repeat(3 * rng.normal(size=6), 7) + t * np.repeat(rng.normal(size=6), 7)
    y += rng.normal(size=42)
    kept = rng.random(42) > 0.15
    base = pd.DataFrame({"id": patient, "visit": t, "value": y})[kept]
    moved = base.assign(visit=10 * t[kept] + 7, value=factor * (y[kept] + shift))
    found = [
        next(
            r
            for r in model_rows(
                Sample(kind="individual", rows=rows, options={"change_at": at}),
                "mixed",
                {**PRIMARY, "random": "intercept-slope"},
            )
            if r.statistic == "slope_change"
        )
        for rows, at in ((base, 0.0), (moved, 7.0))
    ]
    assert found[1].estimate == pytest.approx(
        found[0].estimate * factor / 10, rel=1e-4, abs=1e-5 * factor
    )
    assert found[1].test_statistic == pytest.approx(
        found[0].test_statistic, rel=1e-4, abs=1e-5
    )
    assert found[1].df == pytest.approx(found[0].df, rel=1e-3)


# Estimating equations -------------------------------------------------------


def gee(rows, structure, variance):
    waves = rows["visit"].to_numpy(int)
    y = rows["value"].to_numpy(float)
    return fit_gee(
        spline(rows),
        y,
        rows["id"].to_numpy(),
        waves,
        structure=structure,
        variance=variance,
    )


# gee(corstr = "exchangeable", tol = 1e-13) for model and robust; the corrected
# variances from explicit matrices in R at its correlation.
@pytest.mark.parametrize(
    ("variance", "se"),
    [
        ("model", [22.189083264, 4.677257498, 7.460275936]),
        ("robust", [13.646403645, 6.591341915, 9.113196283]),
        ("mancl-derouen", [16.17412565, 8.04177591, 11.13145656]),
        ("kauermann-carroll", [14.851297031, 7.279128293, 10.070172499]),
        ("fay-graubard", [15.409578424, 7.795702813, 10.772069201]),
    ],
)
def test_exchangeable_gee_against_r(variance, se):
    fit = gee(sleep(), "exchangeable", variance)
    b = [241.974335483, 12.270828325, -9.018086412]
    assert fit.coefficients == pytest.approx(b, rel=1e-8)
    assert fit.correlation == pytest.approx(0.5755701927, rel=1e-8)
    assert fit.scale == pytest.approx(3385.9772611411, rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(se, rel=1e-8)


def test_ar1_gee_against_r():
    # gee(corstr = "AR-M", Mv = 1)
    fit = gee(sleep(whole=True), "ar1", "robust")
    b = [249.679372731, 8.410504850, -1.102434956]
    assert fit.coefficients == pytest.approx(b, rel=1e-7)
    assert fit.correlation == pytest.approx(0.7059085927, rel=1e-7)
    se = [15.948295452, 5.542879909, 7.804668979]
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(se, rel=1e-7)


@pytest.mark.parametrize(
    ("variance", "se"),
    [
        # clubSandwich::vcovCR of lm: CR0, CR2, CR3
        ("robust", [15.83667564, 6.80620968, 10.01843966]),
        ("kauermann-carroll", [17.622733874, 7.547576802, 11.167750070]),
        ("mancl-derouen", [19.631913620, 8.375906081, 12.456945607]),
    ],
)
def test_independence_gee_against_clubsandwich(variance, se):
    fit = gee(sleep(), "independence", variance)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(se, rel=1e-8)


def test_mancl_derouen_is_the_bias_reduced_variance_of_statsmodels():
    from statsmodels.genmod.cov_struct import Exchangeable
    from statsmodels.genmod.generalized_estimating_equations import GEE

    rows = sleep()
    model = GEE(rows["value"], spline(rows), rows["id"], cov_struct=Exchangeable())
    other = model.fit(maxiter=200, ctol=1e-8, cov_type="bias_reduced")
    fit = gee(rows, "exchangeable", "mancl-derouen")
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(other.bse, rel=1e-5)


@pytest.mark.parametrize("variance", [v for v in VARIANCES if v != "model"])
def test_gee_says_when_one_patient_decides(variance):
    # Four patients and one more, as the sandwich needs more of them than terms.
    rows = orthodont()
    lone = rows[rows["id"].isin(["M01", "F01", "F02", "F03"])]
    more = lone[lone["id"] == "F03"].assign(id="F04", value=lambda f: f["value"] + 1)
    lone = pd.concat([lone, more], ignore_index=True)
    sample = Sample(kind="individual", rows=lone, groups=("M", "F"), reference="F")
    found = model_rows(sample, "gee", {**PRIMARY, "variance": variance})
    assert all(math.isnan(r.p_value) and "One patient" in r.note for r in found)


# Slopes of a patient --------------------------------------------------------


def test_least_squares_slope_against_r():
    # confint(lm(y ~ t))
    found = ols_slope([0, 1, 2, 4, 5, 7], [52, 50.5, 51, 47, 46.2, 44])
    assert found.estimate == pytest.approx(-1.178468900, rel=1e-9)
    assert found.std_error == pytest.approx(0.1167395480, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((-1.5025898461, -0.8543479529))


@pytest.mark.parametrize("n", range(2, 8))
def test_law_of_discordant_pairs_by_enumeration(n):
    counts = np.zeros(n * (n - 1) // 2 + 1)
    for order in itertools.permutations(range(n)):
        counts[sum(a > b for a, b in itertools.combinations(order, 2))] += 1
    assert inversions_law(n) == pytest.approx(counts / counts.sum(), abs=1e-15)


def test_theil_sen_slope_and_its_exact_limits():
    t, y = [0, 1, 2, 4, 5, 7], [52, 50.5, 51, 47, 46.2, 44]
    found = theil_sen_slope(t, y)
    assert found.estimate == pytest.approx(stats.theilslopes(y, t).slope, rel=1e-10)
    slopes = sorted(
        (y[j] - y[i]) / (t[j] - t[i]) for i, j in itertools.combinations(range(6), 2)
    )
    # Kendall's law for six: P(0 or 1 discordant) = 6 / 720 <= 0.025, P(<= 2) = 20 / 720.
    assert (found.low, found.high) == pytest.approx((slopes[1], slopes[-2]))
    assert found.level == 0.95
    # Duality: just inside the limits the exact Kendall test accepts, outside it rejects.
    for limit, step in ((found.low, -1e-6), (found.high, 1e-6)):
        for size, accepted in ((-step, True), (step, False)):
            p = stats.kendalltau(
                t, np.array(y) - (limit + size) * np.array(t), method="exact"
            ).pvalue
            assert (p > 0.05) == accepted


def test_few_visits_have_the_level_they_can_have():
    found = theil_sen_slope([0, 1, 2, 3], [1.0, 2.5, 3.0, 5.5])
    assert found.level == pytest.approx(1 - 2 / 24)
    assert "91.7 %" in found.note
    assert math.isnan(theil_sen_slope([0, 1], [1, 2]).low)
    assert math.isnan(ols_slope([0, 1], [1, 2]).low)
    assert "line" in ols_slope([0, 1, 2], [1, 2, 3]).note
    with pytest.raises(MethodError):
        ols_slope([1, 1], [2, 3])


def test_ratio_limits_are_those_a_paired_t_test_accepts():
    before, after = np.array([5, 4.2, 6.1, 3.9, 5.5]), np.array([4, 4.1, 4.6, 3.0, 4.9])
    found = ratio_of_means(after, before, level=0.95)
    assert found.estimate == pytest.approx(after.mean() / before.mean())
    for limit in (found.low, found.high):
        test = stats.ttest_1samp(after - limit * before, 0)
        assert test.pvalue == pytest.approx(0.05, rel=1e-9)
    wild = ratio_of_means([1, 2, 3.0], [10, -9, 1.0], level=0.95)
    assert math.isnan(wild.low)
    assert "too uncertain" in wild.note


# The method -----------------------------------------------------------------


def bent(n=6, *, seed=3, groups=()):
    rng = np.random.default_rng(seed)
    t = np.tile(np.arange(-3.0, 4), n)
    p = np.repeat(np.arange(n), 7)
    y = 40 + 5 * rng.normal(size=n)[p] - 2 * t + 1.5 * np.maximum(t, 0)
    rows = pd.DataFrame({"id": [f"p{i}" for i in p], "visit": t.astype(str)})
    rows["value"] = y + rng.normal(size=t.size)
    if groups:
        rows["group"] = [groups[i % len(groups)] for i in p]
    return Sample(
        kind="individual",
        rows=rows,
        groups=tuple(groups),
        reference=groups[-1] if groups else "",
        options={"change_at": 0},
        unit="mL/min",
        time_unit="months",
    )


def test_every_way_finds_the_change_of_slope():
    found = estimate(bent(), PRIMARY)
    changes = [r for r in found if r.statistic == "slope_change"]
    assert [r.test for r in changes] == [
        "mixed model, Kenward-Roger t",
        "signed-rank, exact",
        "one-sample t",
        "GEE, Mancl-DeRouen t",
    ]
    for row in changes:
        assert row.estimate == pytest.approx(1.5, abs=0.8)
        assert row.unit == "mL/min per month"
        assert row.conf_low < row.estimate < row.conf_high
    # The patients' changes are the differences of their slopes.
    slopes = {
        (r.term, r.timepoint): r.estimate
        for r in found
        if r.statistic == "patient_slope"
    }
    change = [
        slopes[f"patient p{i}", AFTER] - slopes[f"patient p{i}", BEFORE]
        for i in range(6)
    ]
    test = stats.ttest_1samp(change, 0)
    assert changes[2].p_value == pytest.approx(test.pvalue, rel=1e-9)
    assert changes[1].p_value == pytest.approx(
        stats.wilcoxon(change, method="exact").pvalue
    )


def test_groups_are_compared_as_two_samples():
    found = estimate(
        bent(8, groups=("cells", "control")), {**PRIMARY, "model": "slopes"}
    )
    slopes = {
        r.term: (r.group, r.estimate)
        for r in found
        if r.statistic == "patient_slope" and r.timepoint == AFTER
    }
    x, y = (
        [v for g, v in slopes.values() if g == name] for name in ("cells", "control")
    )
    row = next(
        r for r in found if r.statistic == "slope_difference" and r.timepoint == AFTER
    )
    assert (row.group, row.reference) == ("cells", "control")
    assert row.test == "Mann-Whitney, exact"
    assert row.p_value == pytest.approx(stats.mannwhitneyu(x, y, method="exact").pvalue)


def test_per_rescales_slopes_alone():
    one = bent()
    year = Sample(
        kind=one.kind, rows=one.rows, options={"change_at": 0, "per": 12},
        unit=one.unit, time_unit=one.time_unit,
    )  # fmt: skip
    for a, b in zip(estimate(one, PRIMARY), estimate(year, PRIMARY), strict=True):
        if a.statistic in ("slope", "slope_change", "patient_slope"):
            assert b.estimate == pytest.approx(12 * a.estimate, rel=1e-5)
            assert b.unit == "mL/min per 12 months"
        if a.statistic == "percent_change":
            assert b.estimate == pytest.approx(a.estimate)


def test_percent_change_of_the_last_value_and_of_each_visit():
    rows = pd.DataFrame(
        {
            "id": list("aaabbbccc"),
            "visit": ["0", "3", "12"] * 3,
            "value": [10.0, 8, 5, 20, 22, 30, 40, 20, 10],
        }
    )
    found = [
        r
        for r in estimate(Sample(kind="individual", rows=rows), PRIMARY)
        if r.statistic == "percent_change"
    ]
    by = {(r.timepoint, r.test): r.estimate for r in found}
    assert by["12", "one-sample t"] == pytest.approx((-50 + 50 - 75) / 3)
    assert by["12", "paired t"] == pytest.approx(100 * (45 / 70 - 1))
    assert by["3", "one-sample t"] == pytest.approx((-20 + 10 - 50) / 3)
    assert by["last", "signed-rank, exact"] == by["12", "signed-rank, exact"]
    assert {r.unit for r in found} == {"%"}
    negative = rows.assign(value=rows["value"] - 10)
    notes = [
        r.note
        for r in estimate(Sample(kind="individual", rows=negative), PRIMARY)
        if r.statistic == "percent_change"
    ]
    assert all("above zero" in note for note in notes)


def clean(rows):
    """No row without an estimate says anything, none with infinite numbers."""
    assert rows
    for r in rows:
        numbers = [r.estimate, r.conf_low, r.conf_high, r.std_error, r.p_value, r.df]
        assert not any(math.isinf(x) for x in numbers), r
        if math.isnan(r.estimate):
            assert r.note, r
            assert math.isnan(r.p_value), r


def _of(ids, visits, values, **more):
    rows = pd.DataFrame({"id": ids, "visit": visits, "value": values})
    return Sample(kind="individual", rows=rows, **more)


AWKWARD = {
    "two patients": _of(list("aabb"), list("0101"), [3.0, 4, 5, 4]),
    "one patient": _of(list("aaa"), list("012"), [3.0, 4, 6]),
    "one visit each": _of(list("abc"), list("000"), [3.0, 4, 5]),
    "constant": _of(list("aaabbbccc"), list("012012012"), [5.0] * 9),
    "a line": _of(list("aaabbbccc"), list("012012012"), [1.0, 2, 3] * 3),
    "one line each": _of(
        list("aaabbbccc"), list("012012012"), [1.0, 2, 3, 4, 6, 8, 0, 3, 6]
    ),
    "zeros": _of(list("aaabbbccc"), list("012012012"), [0.0] * 9),
    "words": _of(list("ab"), ["baseline", "later"], [1.0, 2]),
    "comma": _of(list("aa"), ["0", "1,5"], [1.0, 2]),
    "twice": _of(list("aab"), list("001"), [1.0, 2, 3]),
    "no visits before": _of(
        list("aabbcc"), list("121212"), [1.0, 2, 2, 4, 3, 3], options={"change_at": 0}
    ),
    "ties": _of(list("aaabbbccc"), list("012012012"), [1.0, 1, 2, 1, 2, 2, 2, 2, 3]),
    "missing": _of(list("aab"), list("010"), [math.nan] * 3),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("model", ["mixed", "slopes", "gee"])
def test_awkward_data_say_why(name, model):
    for df in ("kenward-roger", "satterthwaite", "normal"):
        for slope in ("ols", "theil-sen"):
            wanted = {**PRIMARY, "model": model, "df": df, "slope": slope}
            clean(estimate(AWKWARD[name], wanted))
    figure_data(AWKWARD[name], {**PRIMARY, "model": model})


@pytest.mark.parametrize(
    "name", ["two patients", "one patient", "constant", "a line", "zeros"]
)
def test_nothing_is_significant_where_nothing_can_be(name):
    rows = estimate(AWKWARD[name], PRIMARY)
    assert not any(r.p_value < 0.05 for r in rows if r.statistic.startswith("slope"))


@pytest.mark.parametrize("slope", ["ols", "theil-sen"])
@pytest.mark.parametrize("test", ["wilcoxon", "t"])
@pytest.mark.parametrize("moving", [False, True])
def test_noise_of_the_arithmetic_is_neither_slope_nor_change(slope, test, moving):
    # Seven patients, each on a line of his own that does not bend.
    rng = np.random.default_rng(7)
    rows = []
    for i in range(7):
        times = np.sort(rng.choice(np.arange(-60, 61), 9, replace=False)) / 10
        level, own = rng.normal(60, 10), rng.normal(-5, 3) if moving else 0.0
        rows += [(f"p{i}", str(t), level + own * t) for t in times]
    sample = _of(*zip(*rows, strict=True), options={"change_at": 0})
    found = model_rows(sample, "slopes", {**PRIMARY, "slope": slope, "test": test})
    still = {"slope_change"} if moving else {"slope", "slope_change"}
    rows = [r for r in found if r.statistic in still and r.n > 1]
    assert rows
    for row in rows:
        assert not row.p_value < 0.05, row
        assert math.isnan(row.estimate) or row.estimate == 0, row


def test_a_patient_without_visits_on_one_side_is_counted():
    sample = bent(5)
    rows = sample.rows[
        ~((sample.rows["id"] == "p0") & (sample.rows["visit"].astype(float) > 0))
    ]
    short = Sample(kind="individual", rows=rows, options={"change_at": 0})
    change = [
        r for r in model_rows(short, "slopes", PRIMARY) if r.statistic == "slope_change"
    ]
    assert change[0].n == 4
    assert "1 patient without two visits left out" in change[0].note


def test_where_a_visit_at_treatment_belongs():
    sample = bent()
    slopes = {}
    for shared in ("both", "before", "after"):
        found = model_rows(sample, "slopes", {**PRIMARY, "shared_visit": shared})
        slopes[shared] = {
            r.timepoint: (r.estimate, r.note)
            for r in found
            if r.statistic == "patient_slope" and r.term == "patient p0"
        }
    own = sample.rows[sample.rows["id"] == "p0"]
    t, y = own["visit"].astype(float), own["value"]
    assert slopes["both"][BEFORE][0] == pytest.approx(
        np.polyfit(t[t <= 0], y[t <= 0], 1)[0]
    )
    assert slopes["after"][BEFORE][0] == pytest.approx(
        np.polyfit(t[t < 0], y[t < 0], 1)[0]
    )
    assert slopes["before"][AFTER][0] == pytest.approx(
        np.polyfit(t[t > 0], y[t > 0], 1)[0]
    )
    assert slopes["before"][BEFORE] == slopes["both"][BEFORE]


def test_as_many_random_effects_as_values_are_refused():
    found = model_rows(
        _of(list("aabbcc"), list("010101"), [1.0, 2, 2, 5, 3, 4]), "mixed", PRIMARY
    )
    assert "cannot carry 2 random effects" in found[0].note
    plain = {**PRIMARY, "random": "intercept"}
    found = model_rows(
        _of(list("aabbcc"), list("010101"), [1.0, 2, 2, 5, 3, 4]), "mixed", plain
    )
    # Two visits: the slope is the mean difference of a paired t test.
    test = stats.ttest_1samp([1, 3, 1], 0)
    assert found[0].test_statistic == pytest.approx(test.statistic, rel=1e-6)
    assert found[0].df == pytest.approx(2, rel=1e-6)


def test_a_patient_in_two_groups_is_refused():
    rows = pd.DataFrame(
        {"id": ["a", "a"], "visit": ["0", "1"], "value": [1.0, 2], "group": ["x", "y"]}
    )
    with pytest.raises(MethodError, match="two groups"):
        courses(Sample(kind="individual", rows=rows, groups=("x", "y"), reference="y"))
    with pytest.raises(MethodError, match="each patient"):
        courses(Sample(kind="summary", rows=rows))


def test_figure_line_bends_at_treatment_within_its_limits():
    tables = figure_data(bent(6, groups=("cells", "control")), PRIMARY)
    lines = tables["lines"]
    assert set(lines["group"]) == {"cells", "control"}
    assert (lines["low"] < lines["fitted"]).all()
    assert (lines["fitted"] < lines["high"]).all()
    own = lines[lines["group"] == "cells"].set_index("time")["fitted"]
    rows = {
        r.timepoint: r.estimate
        for r in estimate(bent(6, groups=("cells", "control")), PRIMARY)[:2]
    }
    assert own[0.0] - own[-3.0] == pytest.approx(3 * rows[BEFORE])
    assert own[3.0] - own[0.0] == pytest.approx(3 * rows[AFTER])
    assert "lines" not in figure_data(bent(), {**PRIMARY, "model": "slopes"})


def test_drawing_has_a_panel_per_group_and_the_line_at_treatment(tmp_path):
    look = Look.of(CONFIG["figures"])
    for sample in (bent(6), bent(6, groups=("cells", "control"))):
        tables = {
            name: frame.to_dict(orient="list")
            for name, frame in figure_data(sample, PRIMARY).items()
        }
        with look.applied():
            sheet = Sheet(look)
            drawing.draw(
                sheet,
                title="",
                axis="eGFR (mL/min)",
                time_axis="Time (months)",
                kind="individual",
                patients=tables["courses"],
                lines=tables["lines"],
                groups=sample.groups,
                change=0.0,
            )
            figure = sheet.figure()
        panels = [axes for axes in figure.axes if len(axes.lines) > 3]
        assert len(panels) == max(1, len(sample.groups))
        upright = [
            line
            for axes in panels
            for line in axes.lines
            if list(line.get_xdata()) == [0, 0]
        ]
        assert len(upright) == len(panels)
        points = [row for row in sheet.drawn if row["element"] == "point"]
        assert len(points) == len(sample.rows)


def test_a_shipped_study_from_its_table_to_its_rows():
    study = load(ROOT / "data" / "giardiello1993_sulindac")
    settings = method_settings({**CONFIG, "scenarios": {}}, "longitudinal")
    rows, drawn, _ = run_method(study, "longitudinal", settings)
    row = next(r for r in rows if r["statistic"] == "slope_difference")
    assert (row["group"], row["reference"]) == ("sulindac", "placebo")
    assert row["unit"] == "polyps per month"
    table = pd.read_csv(ROOT / "data/giardiello1993_sulindac/patients.csv")
    slopes = {"sulindac": [], "placebo": []}
    for _, patient in table.iterrows():
        y = patient[["polyps_baseline", "polyps_3m", "polyps_12m"]].to_numpy(float)
        t, known = np.array([0, 3, 12]), ~np.isnan(y)
        slope = np.polyfit(t[known], y[known], 1)[0]
        slopes[patient["treatment"]].append(slope)
    test = stats.mannwhitneyu(slopes["sulindac"], slopes["placebo"], method="exact")
    assert row["p_value"] == pytest.approx(test.pvalue)
    assert set(drawn["polyps_course"][0]["tables"]) == {"courses"}


def test_the_family_is_known():
    assert "longitudinal" in METHODS
    schemas = ROOT / "workflow/schemas/conventions.yaml"
    conventions = yaml.safe_load(schemas.read_text(encoding="utf-8"))
    sample = bent(5, groups=("cells", "control"))
    for convention in conventions["longitudinal"].values():
        assert set(convention["settings"]) <= set(PRIMARY)
        clean(estimate(sample, {**PRIMARY, **convention["settings"]}))
