"""Logistic and linear models against R 4.2.2, statsmodels and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from reanalysis.errors import MethodError
from reanalysis.methods.regression import (
    estimate,
    figure_data,
    linear,
    logistic,
    profile_limits,
)
from reanalysis.sample import Sample

WALD = {"p_value": "wald", "interval": "wald", "conf_level": 0.95, "seed": 1}
LIKELIHOOD = WALD | {"p_value": "likelihood-ratio", "interval": "profile"}

# Rectal indomethacin (N Engl J Med 2012;366:1414), individual data of the trial:
# risk score, patients and cases of pancreatitis, placebo and indomethacin.
PLACEBO = """1 41 5, 1.5 47 4, 2 46 8, 2.5 88 13, 3 33 9, 3.5 32 8, 4 12 4, 4.5 8 1"""
DRUG = """1 25 1, 1.5 42 2, 2 58 5, 2.5 83 4, 3 37 9, 3.5 28 3, 4 14 0, 4.5 4 1,
5 3 1, 5.5 1 1"""

# Motor Trend road tests (R: mtcars).
MPG = """21 21 22.8 21.4 18.7 18.1 14.3 24.4 22.8 19.2 17.8 16.4 17.3 15.2 10.4 10.4
14.7 32.4 30.4 33.9 21.5 15.5 15.2 13.3 19.2 27.3 26 30.4 15.8 19.7 15 21.4"""
CYL = "6 6 4 6 8 6 8 4 4 6 6 8 8 8 8 8 8 4 4 4 4 8 8 8 8 4 4 4 8 6 8 4"
WT = """2.62 2.875 2.32 3.215 3.44 3.46 3.57 3.19 3.15 3.44 3.44 4.07 3.73 3.78 5.25
5.424 5.345 2.2 1.615 1.835 2.465 3.52 3.435 3.84 3.845 1.935 2.14 1.513 3.17 2.77 3.57
2.78"""
QSEC = """16.46 17.02 18.61 19.44 17.02 20.22 15.84 20 22.9 18.3 18.9 17.4 17.6 18 17.98
17.82 17.42 19.47 18.52 19.9 20.01 16.87 17.3 15.41 17.05 18.9 16.7 16.9 14.5 15.5 14.6
18.6"""
MANY_CARB = "1 1 0 0 0 0 1 0 0 1 1 1 1 1 1 1 1 0 0 0 0 0 0 1 0 0 0 0 1 1 1 0"


def sample(rows, groups=(), covariates=(), **options):
    return Sample(
        kind="individual",
        rows=pd.DataFrame(rows),
        groups=groups,
        reference=groups[-1] if groups else "",
        covariates=covariates,
        options=options,
    )


def pancreatitis(**options):
    rows = []
    for arm, lines in (("indomethacin", DRUG), ("placebo", PLACEBO)):
        for line in lines.split(","):
            score, n, cases = map(float, line.split())
            rows += [
                {"group": arm, "risk_score": score, "event": int(i < cases)}
                for i in range(int(n))
            ]
    groups = ("indomethacin", "placebo")
    return sample(rows, groups, ("risk_score",), model="logistic", **options)


def cars(model):
    rows = {
        "value": np.array(MPG.split(), float),
        "event": np.array(MANY_CARB.split(), int),
        "group": CYL.split(),
        "wt": np.array(WT.split(), float),
        "qsec": np.array(QSEC.split(), float),
    }
    covariate = "wt" if model == "linear" else "qsec"
    return sample(rows, ("4", "6", "8"), (covariate,), model=model)


def table(sample, settings):
    rows = estimate(sample, settings)
    keyed = {(r.statistic, r.group, r.term): r for r in rows}
    assert len(keyed) == len(rows)
    return keyed


def near(*values):
    return pytest.approx(values, rel=1e-6, nan_ok=True)


def test_logistic_wald_against_r():
    # R: coef(summary(glm(y ~ arm + risk_score, binomial, epsilon = 1e-14)))
    rows = table(pancreatitis(), WALD)
    for key, want in {
        ("intercept", "", "intercept"): (
            -2.689166089898,
            0.379472952218,
            -7.08658172915,
            1.37465048325e-12,
        ),
        ("coefficient", "indomethacin", ""): (
            -0.754273993809,
            0.255857120035,
            -2.94802815612,
            3.19807935268e-03,
        ),
        ("coefficient", "", "risk_score"): (
            0.447527018597,
            0.135036463428,
            3.31411981058,
            9.19321061103e-04,
        ),
    }.items():
        row = rows[key]
        got = (row.estimate, row.std_error, row.test_statistic, row.p_value)
        assert got == near(*want)
        assert (row.test, row.interval_method, row.n, row.events) == (
            "Wald",
            "Wald",
            602,
            79,
        )
    ratio = rows["odds_ratio", "indomethacin", ""]
    assert ratio.reference == "placebo"
    # exp(-0.754273993809 -+ 1.959963984540 * 0.255857120035)
    assert (ratio.estimate, ratio.conf_low, ratio.conf_high) == near(
        math.exp(-0.754273993809),
        math.exp(-0.754273993809 - 1.959963984540 * 0.255857120035),
        math.exp(-0.754273993809 + 1.959963984540 * 0.255857120035),
    )


def test_logistic_likelihood_against_r():
    rows = table(pancreatitis(), LIKELIHOOD)
    # R: drop1(fit, test = "Chisq"); limits by uniroot on the deviance of
    # glm.fit(X[, -j], y, offset = b * X[, j]) (confint interpolates, 4 digits).
    for key, want in {
        ("coefficient", "indomethacin", ""): (9.113168834, 0.00253775868),
        ("coefficient", "", "risk_score"): (10.976148626, 0.000922920338),
    }.items():
        assert (rows[key].test_statistic, rows[key].p_value) == near(*want)
        assert rows[key].test == "likelihood ratio"
    for key, want in {
        ("intercept", "", "intercept"): (-3.45368507349, -1.96343119476),
        ("coefficient", "indomethacin", ""): (-1.267906636587, -0.261336426539),
        ("coefficient", "", "risk_score"): (0.183236169442, 0.713899699517),
    }.items():
        assert (rows[key].conf_low, rows[key].conf_high) == near(*want)
        assert rows[key].interval_method == "profile likelihood"


def test_predicted_risks_and_number_needed_to_treat():
    # R: p <- predict(fit, data.frame(g, risk_score), "response"); 1 / (p[1] - p[2])
    # Printed: 21 for a risk score of 1, 6 for 5.
    rows = table(pancreatitis(at=[{"risk_score": 1}, {"risk_score": 5}]), WALD)
    for score, placebo, drug, treat in [
        (1, 0.0960731054668, 0.0476108491261, 20.6346149665),
        (5, 0.388996819537, 0.230444151027, 6.30705247286),
    ]:
        term = f"risk_score={score}"
        for group, risk in (("placebo", placebo), ("indomethacin", drug)):
            row = rows["predicted_probability", group, term]
            assert row.estimate == pytest.approx(risk, rel=1e-9)
        needed = rows["number_needed_to_treat", "indomethacin", term]
        assert needed.estimate == pytest.approx(treat, rel=1e-6)
        difference = rows["risk_difference", "indomethacin", term]
        assert difference.estimate == pytest.approx(drug - placebo, rel=1e-6)
        assert needed.conf_low == pytest.approx(-1 / difference.conf_low)
        assert needed.conf_low < needed.estimate < needed.conf_high


def test_delta_method_against_numerical_derivatives():
    rows = table(pancreatitis(at=[{"risk_score": 3}]), WALD)
    data = pancreatitis().rows
    x = np.column_stack(
        [np.ones(602), data["group"] == "indomethacin", data["risk_score"]]
    ).astype(float)
    fit = logistic(x, data["event"].to_numpy(float))

    def difference(b):
        return float(expit(b @ [1, 1, 3]) - expit(b @ [1, 0, 3]))

    step = 1e-5 * np.eye(3)
    b = fit.coefficients
    slope = np.array([(difference(b + h) - difference(b - h)) / 2e-5 for h in step])
    want = math.sqrt(slope @ fit.covariance @ slope)
    got = rows["risk_difference", "indomethacin", "risk_score=3"].std_error
    assert got == pytest.approx(want, rel=1e-6)


def test_linear_against_r():
    # R: f <- lm(mpg ~ relevel(factor(cyl), "8") + wt, mtcars); coef(summary(f));
    #    confint(f); summary(f)$r.squared; anova(lm(mpg ~ wt), f)
    rows = table(cars("linear"), WALD)
    for key, want in {
        ("intercept", "", "intercept"): (
            27.91993432864,
            3.091464490144,
            9.03129711425,
            8.68097495134e-10,
            21.58735638842,
            34.25251226886,
        ),
        ("mean_difference", "4", ""): (
            6.07085968049,
            1.652287831535,
            3.67421436182,
            9.99189323675e-04,
            2.68630148607,
            9.45541787491,
        ),
        ("mean_difference", "6", ""): (
            1.81527727852,
            1.357634153766,
            1.33708869469,
            1.91955817401e-01,
            -0.96571021800,
            4.59626477504,
        ),
        ("coefficient", "", "wt"): (
            -3.20561325619,
            0.753895654956,
            -4.25206490463,
            2.13043460268e-04,
            -4.74989849997,
            -1.66132801241,
        ),
    }.items():
        r = rows[key]
        got = (
            r.estimate,
            r.std_error,
            r.test_statistic,
            r.p_value,
            r.conf_low,
            r.conf_high,
        )
        assert got == near(*want)
        assert (r.test, r.df) == ("t", 28)
    assert rows["r_squared", "", ""].estimate == pytest.approx(0.837432525297)
    overall = rows["test", "", "group"]
    # (95.26328987 / 2) / (183.0586477 / 28) from the sums of squares, P 0.0028353
    assert overall.test_statistic == pytest.approx(7.285573, rel=1e-6)
    assert overall.p_value == pytest.approx(0.0028353, rel=1e-4)
    assert overall.test == "F"


def test_linear_likelihood_against_r():
    # R: drop1(f, test = "Chisq"); -2 * (logLik(lm(mpg ~ wt)) - logLik(f));
    #    uniroot on 2 * (logLik(f) - logLik(lm(mpg - b * (cyl == 4) ~ ...)))
    rows = table(cars("linear"), LIKELIHOOD)
    assert rows["coefficient", "", "wt"].p_value == pytest.approx(6.5326e-05, rel=1e-5)
    overall = rows["test", "", "group"]
    assert overall.test_statistic == pytest.approx(13.4071011784, rel=1e-9)
    assert overall.p_value == pytest.approx(math.exp(-13.4071011784 / 2), rel=1e-6)
    row = rows["mean_difference", "4", ""]
    assert (row.conf_low, row.conf_high) == near(2.94836305413, 9.19335630685)


def test_a_quasi_separated_group_against_r():
    # R: glm(I(carb > 2) ~ cyl + qsec, binomial, mtcars) warns; cyl4 runs to -26 and
    # on, the other coefficients have settled. anova(test = "Chisq") is valid.
    rows = table(cars("logistic"), LIKELIHOOD)
    runaway = rows["coefficient", "4", ""]
    assert runaway.estimate == -math.inf
    assert "infinite" in runaway.note
    assert runaway.conf_low == -math.inf
    assert math.isfinite(runaway.conf_high)
    ratio = rows["odds_ratio", "4", ""]
    assert (ratio.estimate, ratio.conf_low) == (0.0, 0.0)
    assert ratio.note
    for key, estimated, std_error in [
        (("intercept", "", "intercept"), 16.645787489528, 10.1517258344),
        (("coefficient", "6", ""), 1.295613454607, 1.47387158066),
        (("coefficient", "", "qsec"), -0.923317265027, 0.586899508985),
    ]:
        assert (rows[key].estimate, rows[key].std_error) == near(estimated, std_error)
        assert rows[key].note == ""
    overall = rows["test", "", "group"]
    assert overall.test_statistic == pytest.approx(11.73107163, rel=1e-8)
    assert overall.p_value == pytest.approx(0.0028355, rel=1e-4)
    wald = table(cars("logistic"), WALD)["coefficient", "4", ""]
    assert math.isnan(wald.p_value)
    assert math.isnan(wald.conf_low)


def test_wald_test_of_three_groups_by_matrix_inverse():
    data = cars("logistic")
    data.rows.loc[2, "event"] = 1  # a first event in group 4: nothing separated
    rows = table(data, WALD)
    x = np.column_stack(
        [np.ones(32), *(data.rows["group"] == g for g in "46"), data.rows["qsec"]]
    ).astype(float)
    fit = logistic(x, data.rows["event"].to_numpy(float))
    b, v = fit.coefficients[1:3], fit.covariance[1:3, 1:3]
    want = float(b @ np.linalg.inv(v) @ b)
    assert rows["test", "", "group"].test_statistic == pytest.approx(want)
    assert rows["test", "", "group"].p_value == pytest.approx(math.exp(-want / 2))


def test_a_fourfold_table_in_closed_form():
    # Log odds ratio log(ad / bc), variance 1/a + 1/b + 1/c + 1/d (Woolf 1955).
    a, b, c, d = 27, 268, 52, 255
    rows = {"group": ["A"] * (a + b) + ["B"] * (c + d)}
    rows["event"] = [1] * a + [0] * b + [1] * c + [0] * d
    row = table(sample(rows, ("A", "B"), model="logistic"), WALD)[
        "coefficient", "A", ""
    ]
    assert row.estimate == pytest.approx(math.log(a * d / b / c), rel=1e-10)
    assert row.std_error == pytest.approx(
        math.sqrt(1 / a + 1 / b + 1 / c + 1 / d), rel=1e-7
    )


def test_complete_separation():
    rows = {"event": [0, 0, 0, 1, 1, 1], "age": [1.0, 2, 3, 4, 5, 6]}
    found = table(sample(rows, covariates=("age",), model="logistic"), LIKELIHOOD)
    row = found["coefficient", "", "age"]
    assert row.estimate == math.inf
    assert row.conf_high == math.inf
    # R: uniroot(function(b) glm.fit(cbind(rep(1, 6)), y, family = binomial(),
    #    offset = b * x)$deviance - qchisq(.95, 1), c(0.01, 3))
    assert row.conf_low == pytest.approx(0.735298303156, rel=1e-6)
    # The separated model predicts perfectly: deviance 0 against 12 log 2.
    assert row.test_statistic == pytest.approx(12 * math.log(2), abs=1e-9)
    assert found["odds_ratio", "", "age"].estimate == math.inf


def test_no_events_in_one_arm():
    rows = {"group": ["A"] * 4 + ["B"] * 4, "event": [0, 0, 0, 0, 1, 0, 1, 0]}
    data = sample(rows, ("A", "B"), model="logistic", at=[{}])
    found = table(data, LIKELIHOOD)
    row = found["odds_ratio", "A", ""]
    assert row.estimate == 0
    assert row.conf_low == 0
    assert row.note
    # R: exp(uniroot(function(b) glm.fit(cbind(rep(1, 8)), y, family = binomial(),
    #    offset = b * (group == "A"))$deviance - 8 * log(2) - qchisq(.95, 1)))
    assert row.conf_high == pytest.approx(1.20684957322, rel=1e-6)
    assert found["predicted_probability", "A", ""].estimate < 1e-9
    assert found["number_needed_to_treat", "A", ""].estimate == pytest.approx(2)
    assert math.isnan(found["number_needed_to_treat", "A", ""].conf_low)


def test_large_but_finite_log_odds_are_not_called_separated():
    # One patient far out gets log odds near 50; the four others overlap.
    x = np.column_stack([np.ones(5), [0.0, 1, 2, 3, 100]])
    y = np.array([0.0, 1, 0, 1, 1])
    fit = logistic(x, y)
    assert (x @ fit.coefficients).max() > 12
    assert (fit.runaway == 0).all()
    # The score equations hold.
    assert x.T @ (y - expit(x @ fit.coefficients)) == pytest.approx([0, 0], abs=1e-9)


def test_text_covariates_become_levels():
    rng = np.random.default_rng(7)
    rows = {
        "value": rng.normal(size=30),
        "sex": ["m", "f", "f"] * 10,
        "group": ["A", "B"] * 15,
    }
    found = table(sample(rows, ("A", "B"), ("sex",), model="linear"), WALD)
    assert ("coefficient", "", "sex=m") in found
    assert ("coefficient", "", "sex=f") not in found
    rows["event"] = rng.integers(0, 2, 30)
    data = sample(rows, ("A", "B"), ("sex",), model="logistic", at=[{"sex": "m"}])
    assert 0 < table(data, WALD)["predicted_probability", "A", "sex=m"].estimate < 1


def test_a_linear_model_of_two_groups_is_the_pooled_t_test():
    from scipy.stats import ttest_ind

    a, b = [1.0, 4, 2, 8, 5], [3.0, 9, 9, 7]
    rows = {"value": a + b, "group": ["A"] * 5 + ["B"] * 4}
    row = table(sample(rows, ("A", "B"), model="linear"), WALD)[
        "mean_difference", "A", ""
    ]
    want = ttest_ind(a, b)
    assert row.p_value == pytest.approx(want.pvalue, rel=1e-10)
    assert (row.conf_low, row.conf_high) == near(*want.confidence_interval())


def test_against_statsmodels():
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(3)
    for n in (12, 40, 200):
        x = np.column_stack([np.ones(n), rng.normal(size=(n, 2)) * [1, 50]])
        y = (rng.random(n) < expit(x @ [0.2, 0.8, 0.01])).astype(float)
        want, got = Logit(y, x).fit(disp=0, tol=1e-14), logistic(x, y)
        np.testing.assert_allclose(got.coefficients, want.params, rtol=1e-6)
        np.testing.assert_allclose(got.covariance, want.cov_params(), rtol=1e-5)
        assert got.log_likelihood == pytest.approx(want.llf)
        value = x @ [1, 2, 3] + rng.normal(size=n)
        want, got = OLS(value, x).fit(), linear(x, value)
        np.testing.assert_allclose(got.coefficients, want.params, rtol=1e-9)
        np.testing.assert_allclose(got.covariance, want.cov_params(), rtol=1e-9)
        assert got.r_squared == pytest.approx(want.rsquared)


@pytest.mark.parametrize(
    ("rows", "groups", "covariates", "options", "note"),
    [
        ({"event": [1, 1, 1]}, (), (), {"model": "logistic"}, "Every patient had"),
        ({"event": [0, 0, 0]}, (), (), {"model": "logistic"}, "No patient had"),
        ({"event": []}, (), (), {"model": "logistic"}, "no patients with all"),
        (
            {"event": [0, 1], "group": ["A", "A"]},
            ("A", "B"),
            (),
            {"model": "logistic"},
            "no patients in the group B",
        ),
        (
            {"event": [0, 1, 1], "age": [5.0, 5, 5]},
            (),
            ("age",),
            {"model": "logistic"},
            "does not vary or repeats",
        ),
        (
            {"value": [1.0, 2], "group": ["A", "B"]},
            ("A", "B"),
            (),
            {"model": "linear"},
            "2 patients are too few",
        ),
        ({"value": [1.0, 2]}, (), (), {}, "must be logistic or linear"),
        ({"value": [1.0, 2]}, (), (), {"model": "logistic"}, "needs a column 'event'"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_row(
    rows, groups, covariates, options, note
):
    (row,) = estimate(sample(rows, groups, covariates, **options), WALD)
    assert math.isnan(row.estimate)
    assert note in row.note
    assert row.statistic in {"odds_ratio", "mean_difference"}


def test_summaries_are_refused():
    data = Sample(kind="summary", rows=pd.DataFrame(), options={"model": "linear"})
    (row,) = estimate(data, WALD)
    assert "rows of the patients" in row.note


@pytest.mark.parametrize("at", [{}, {"risk_score": 1, "age": 3}])
def test_a_profile_must_name_the_covariates(at):
    rows = table(pancreatitis(at=[at]), WALD)
    found = [r for r in rows.values() if r.statistic == "number_needed_to_treat"]
    assert len(found) == 1
    assert "must give the model's covariates" in found[0].note


@pytest.mark.parametrize("settings", [WALD, LIKELIHOOD])
def test_exact_fits_and_three_patients(settings):
    rows = {"value": [1.0, 1, 3], "group": ["A", "A", "B"]}
    row = table(sample(rows, ("A", "B"), model="linear"), settings)
    assert row["mean_difference", "A", ""].estimate == pytest.approx(-2)
    assert "fits every value exactly" in row["mean_difference", "A", ""].note
    rows = {"value": [0.1, 0.1, 0.1], "group": ["A", "A", "B"]}
    row = table(sample(rows, ("A", "B"), model="linear"), settings)
    assert "does not vary" in row["r_squared", "", ""].note
    rows = {"event": [1, 0, 1], "group": ["A", "A", "B"]}
    row = table(sample(rows, ("A", "B"), model="logistic"), settings)
    assert row["odds_ratio", "A", ""].estimate == 0


def test_model_errors_are_method_errors():
    with pytest.raises(MethodError):
        logistic(np.ones((3, 2)), np.array([0.0, 1, 0]))


SMALL = st.lists(
    st.tuples(st.booleans(), st.integers(0, 1), st.integers(-3, 3)),
    min_size=4,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(SMALL)
def test_exchanging_the_groups_turns_the_odds_ratio_over(data):
    rows = pd.DataFrame(data, columns=["in_a", "event", "x"])
    rows["group"] = np.where(rows["in_a"], "A", "B")
    kind = {"covariates": ("x",), "model": "logistic"}
    one = {
        r.statistic: r
        for r in estimate(sample(rows, ("A", "B"), **kind), WALD)
        if r.group
    }
    two = {
        r.statistic: r
        for r in estimate(sample(rows, ("B", "A"), **kind), WALD)
        if r.group
    }
    assert bool(one["odds_ratio"].note) == bool(two["odds_ratio"].note)
    if one["odds_ratio"].note:
        return
    assert one["coefficient"].estimate == pytest.approx(
        -two["coefficient"].estimate, rel=1e-5, abs=1e-6
    )
    assert one["odds_ratio"].p_value == pytest.approx(
        two["odds_ratio"].p_value, rel=1e-4, abs=1e-9
    )


def test_the_likelihood_at_a_profile_limit_has_the_p_value_of_the_level():
    rng = np.random.default_rng(11)
    x = np.column_stack([np.ones(30), rng.normal(size=(30, 2))])
    y = (rng.random(30) < 0.4).astype(float)
    fit = logistic(x, y)
    for level, allowed in ((0.95, 3.841458820694124), (0.9, 2.705543454095404)):
        for limit in profile_limits(x, y, fit, 1, level):
            # statsmodels refits with the coefficient held at the limit.
            from statsmodels.genmod.families import Binomial
            from statsmodels.genmod.generalized_linear_model import GLM

            held = GLM(y, x[:, [0, 2]], family=Binomial(), offset=limit * x[:, 1]).fit(
                tol=1e-13
            )
            assert 2 * (fit.log_likelihood - held.llf) == pytest.approx(
                allowed, rel=1e-6
            )


def test_intervals_cover_what_they_claim():
    rng = np.random.default_rng(20)
    group = np.repeat(["A", "B"], 30)
    hits = {"wald": 0, "profile": 0, "linear": 0}
    runs = 300
    for _ in range(runs):
        x = rng.normal(size=60)
        eta = 0.7 * (group == "A") + 0.5 * x
        rows = {
            "group": group,
            "x": x,
            "event": (rng.random(60) < expit(eta)).astype(int),
            "value": eta + rng.normal(size=60),
        }
        for name in hits:
            model = "linear" if name == "linear" else "logistic"
            data = sample(rows, ("A", "B"), ("x",), model=model)
            interval = "profile" if name == "profile" else "wald"
            row = estimate(data, WALD | {"interval": interval})[1]
            hits[name] += row.conf_low <= 0.7 <= row.conf_high
    for name, hit in hits.items():
        # Three standard errors of 300 runs; the logistic limits are approximate.
        assert abs(hit / runs - 0.95) < 0.038, name


def test_no_figure():
    assert figure_data(pancreatitis(), WALD) == {}
