"""Cox regression against R, closed forms, enumeration and brute-force maximisation.

R is survival 3.5-3 with ``cc <- coxph.control(eps=1e-14, toler.chol=1e-15,
iter.max=100)``; its output stands beside the assertions.
"""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, minimize_scalar

from reanalysis.errors import MethodError
from reanalysis.methods import cox
from reanalysis.sample import Sample
from reanalysis.survival.hazard_ratios import (
    likelihood_ratio_and_score_tests,
    maximise,
    profile_limits,
    sandwich,
    wald_test,
)
from reanalysis.survival.partial_likelihood import merge_near_ties, partial_likelihood

CHI2_95 = 3.841458820694124

# 6-MP trial, Freireich et al. (1963): weeks of remission, placebo all relapsed.
PLACEBO = [1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8]
SIX_MP = [10, 7, 32, 23, 22, 6, 16, 34, 32, 25, 11, 20, 19, 6, 17, 35, 6, 13, 9, 6, 10]
RELAPSED = [1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0]
LEUKAEMIA = pd.DataFrame(
    {
        "time": np.array(PLACEBO + SIX_MP, float),
        "event": [1] * 21 + RELAPSED,
        "group": ["placebo"] * 21 + ["6-MP"] * 21,
        "pair": list(range(21)) * 2,
    }
)

# Thirty made-up rows with ties, entry times, strata, weights and repeated ids.
# fmt: off
ROWS = pd.DataFrame({
    "start": [2, 3, 0, 3, 1, 2, 2, 1, 3, 0, 1, 1, 2, 1, 0, 0, 0, 0, 0, 3, 0, 2, 3, 0,
              1, 1, 1, 3, 0, 3],
    "stop": [9, 10, 1, 7, 7, 6, 8, 7, 9, 1, 9, 6, 10, 4, 3, 8, 2, 1, 3, 9, 1, 9, 6, 2,
             6, 9, 9, 10, 3, 4],
    "event": [0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0,
              1, 0, 1, 1, 0, 1],
    "x": [1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0,
          0, 1, 0, 1],
    "z": [-2, 5, 3, 5, 2, 3, 0, 4, -2, -2, 0, 3, 1, 4, 5, 0, 0, 1, 2, 1, 2, 5, 3, -1, 0,
          0, -2, -3, 4, 0],
    "s": [1, 2, 2, 2, 2, 2, 2, 1, 1, 2, 2, 1, 2, 2, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1,
          1, 2, 2, 1],
    "w": [2, 2, 2, 2, 3, 1, 3, 3, 3, 1, 2, 2, 1, 1, 3, 1, 3, 1, 2, 2, 1, 3, 2, 3, 1, 2,
          2, 2, 1, 3],
    "id": [1, 1, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 7, 7, 7, 8, 8, 9, 9, 9, 9, 10,
           10, 10, 11, 12, 12],
})
# fmt: on
SETTINGS = {
    "ties": "efron",
    "p_value": "wald",
    "interval": "wald",
    "variance": "model",
    "strata": "as_declared",
    "infinite": "firth",
    "alternative": "two-sided",
    "likelihood": "partial",
    "pairs": "partial-likelihood",
    "weights": "case",
    "proportional_hazards": "km",
    "conf_level": 0.95,
    "seed": 1,
}


def run(rows, groups=("placebo", "6-MP"), covariates=(), kind="individual", **changed):
    sample = Sample(
        kind=kind,
        rows=rows,
        groups=groups,
        reference=groups[-1] if groups else "",
        covariates=covariates,
    )
    return cox.estimate(sample, {**SETTINGS, **changed})


def two_arms(first, second, **roles):
    """Rows of arms a and b from (time, event) pairs."""
    times, events = zip(*first, *second, strict=True)
    return pd.DataFrame(
        {
            "time": np.array(times, float),
            "event": events,
            "group": ["a"] * len(first) + ["b"] * len(second),
            **roles,
        }
    )


def rows_likelihood(ties, entry=False, strata=False, weights=False):
    return partial_likelihood(
        ROWS[["x", "z"]].to_numpy(float),
        ROWS["stop"].to_numpy(float),
        ROWS["event"].to_numpy(),
        start=ROWS["start"].to_numpy(float) if entry else None,
        stratum=ROWS["s"].to_numpy() if strata else None,
        weight=ROWS["w"].to_numpy(float) if weights else None,
        ties=ties,
    )


# --------------------------------------------------------------------- R: 6-MP


@pytest.mark.parametrize(
    ("ties", "coefficient", "error", "ratio", "score"),
    [
        # coxph(Surv(time, event) ~ x, ties = ..., control = cc): coef, se,
        # loglik (null, fitted), score
        ("breslow", 1.50919141259, 0.409564406367,
         2 * (93.9850504782 - 86.3796220711), 15.930539564),
        ("efron", 1.57212514883, 0.412396717709,
         2 * (93.1842699968 - 85.0084245774), 17.2465367957),
        ("exact", 1.62824395167, 0.433131296492,
         2 * (82.6692792528 - 74.5431011645), 16.7929409892),
    ],
)  # fmt: skip
def test_6mp_against_r(ties, coefficient, error, ratio, score):
    rows = {
        (e.statistic, e.test): e for e in run(LEUKAEMIA.drop(columns="pair"), ties=ties)
    }
    wald = rows["hazard_ratio", "Wald"]
    assert wald.estimate == pytest.approx(math.exp(coefficient), rel=1e-9)
    assert wald.std_error == pytest.approx(error, rel=1e-9)
    assert wald.test_statistic == pytest.approx(coefficient / error, rel=1e-9)
    assert rows["hazard_ratio", "likelihood ratio"].test_statistic == pytest.approx(
        ratio, rel=1e-9
    )
    assert rows["hazard_ratio", "score"].test_statistic == pytest.approx(
        score, rel=1e-9
    )


def test_6mp_printed_hazard_ratios():
    unmatched = LEUKAEMIA.drop(columns="pair")
    printed = {"breslow": 4.52, "efron": 4.82, "exact": 5.09}
    for ties, value in printed.items():
        assert round(run(unmatched, ties=ties)[0].estimate, 2) == value
        # 18 pairs preferred 6-MP and 3 placebo: 18 / 3, whatever the ties.
        paired = run(LEUKAEMIA, ties=ties)[0]
        assert paired.estimate == pytest.approx(6, rel=1e-12)
        # R: se 0.623609564462, which is sqrt(1/18 + 1/3)
        assert paired.std_error == pytest.approx(math.sqrt(1 / 18 + 1 / 3), rel=1e-12)
        assert "21 of 21 pairs informative" in paired.note
        never = run(LEUKAEMIA, ties=ties, strata="never")[0]
        assert round(never.estimate, 2) == value


def test_score_test_of_the_exact_likelihood_is_the_log_rank_test():
    # survdiff(Surv(time, event) ~ x)$chisq: 16.7929409892
    score = run(LEUKAEMIA.drop(columns="pair"), ties="exact", p_value="score")[0]
    assert score.test == "score"
    assert score.test_statistic == pytest.approx(16.7929409892, rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        # coxph(..., robust = TRUE); coxph(..., cluster = pair)
        ({"variance": "robust"}, 0.391136167317),
        ({"variance": "cluster"}, 0.391136167317),
        ({"variance": "cluster", "ties": "breslow"}, 0.375976691534),
    ],
)
def test_6mp_robust_by_pair(changed, error):
    row = run(LEUKAEMIA, strata="never", **changed)[0]
    assert row.test == "Wald, robust"
    assert row.std_error == pytest.approx(error, rel=1e-9)


def test_6mp_robust_by_row():
    # coxph(..., robust = TRUE): 0.377365595176
    row = run(LEUKAEMIA.drop(columns="pair"), variance="robust")[0]
    assert row.std_error == pytest.approx(0.377365595176, rel=1e-9)


# -------------------------------------------- R: entry, strata, weights, two terms


@pytest.mark.parametrize(
    ("ties", "kind", "coefficient", "error", "cov12", "loglik", "score"),
    [
        # coxph(Surv(stop, event) ~ x + z [+ strata(s)]) or Surv(start, stop, event)
        # [, weights = w, robust = FALSE]: coef, se, var[1, 2], loglik, score
        ("breslow", "", (-0.163505432479, 0.0278012896087),
         (0.47615001402, 0.0831303867152), 0.00283113828609,
         (-55.775951106, -55.6513366207), 0.247914560204),
        ("breslow", "s", (-0.114393405924, 0.0341985149337),
         (0.482607615673, 0.090557807488), 0.0055068036752,
         (-43.7987912274, -43.6849445345), 0.22540023614),
        ("breslow", "e", (-0.079353918987, 0.0289959650148),
         (0.475787914483, 0.0846925667156), 6.43617207508e-06,
         (-50.4176222567, -50.3449613352), 0.145206903937),
        ("breslow", "es", (-0.0435346728576, 0.0366968670556),
         (0.480216200001, 0.0919701110513), 0.00295621468863,
         (-38.3596236909, -38.2725639359), 0.173388487023),
        ("breslow", "esw", (0.0207250521311, 0.045315587352),
         (0.34807661446, 0.0659592914014), 0.000900277923859,
         (-98.8398500441, -98.6021239469), 0.474934711086),
        ("efron", "", (-0.16578643981, 0.0280702430209),
         (0.476620085432, 0.082768804059), 0.00309277871087,
         (-53.3089379678, -53.1799182708), 0.256581069949),
        ("efron", "s", (-0.118839178427, 0.0334787351319),
         (0.482640670407, 0.0898238283094), 0.005328550203,
         (-41.5013906819, -41.3872226754), 0.22598446228),
        ("efron", "e", (-0.0638621147223, 0.0277036711577),
         (0.476723175432, 0.0841492666475), 0.000369838758596,
         (-47.4736850463, -47.4100207171), 0.12728635383),
        ("efron", "es", (-0.0360087288486, 0.0345999362327),
         (0.48083783524, 0.0911215780352), 0.00296777057931,
         (-35.7566033723, -35.6790199095), 0.154629246937),
        ("efron", "esw", (0.0424056796878, 0.0446176224597),
         (0.348534414067, 0.0655185781512), 0.00100864448711,
         (-94.6816997031, -94.4448915592), 0.474034045448),
        ("exact", "", (-0.179998330112, 0.0403697293477),
         (0.504308631374, 0.100057435126), 0.00379131806751,
         (-42.27069908, -42.1123787735), 0.314571846466),
        ("exact", "s", (-0.120120522862, 0.0508544486788),
         (0.506328107383, 0.110037706132), 0.00700439732929,
         (-35.1452830212, -34.9915212112), 0.303366546886),
        ("exact", "e", (-0.0929975588602, 0.0444655823904),
         (0.518464882704, 0.104971922137), 0.000143681097162,
         (-36.4354461585, -36.3291384463), 0.212535408819),
        ("exact", "es", (-0.0462152029152, 0.0572920756771),
         (0.51567242338, 0.115001555368), 0.00391151834345,
         (-29.4004957116, -29.2675232107), 0.264263407111),
    ],
)  # fmt: skip
def test_coxph_in_all_shapes(ties, kind, coefficient, error, cov12, loglik, score):
    likelihood = rows_likelihood(ties, "e" in kind, "s" in kind, "w" in kind)
    fit = maximise(likelihood)
    np.testing.assert_allclose(fit.coefficient, coefficient, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), error, rtol=1e-9)
    assert fit.covariance[0, 1] == pytest.approx(cov12, rel=1e-7)
    assert fit.log_likelihood == pytest.approx(loglik[1], rel=1e-10)
    ratio, scored = likelihood_ratio_and_score_tests(likelihood, fit, [0, 1])
    assert ratio.statistic == pytest.approx(2 * (loglik[1] - loglik[0]), rel=1e-8)
    assert scored.statistic == pytest.approx(score, rel=1e-9)


@pytest.mark.parametrize(
    ("ties", "kind", "cluster", "error", "cov12"),
    [
        # coxph(..., robust = TRUE) by row (cluster = seq_len(nrow(d)) with entry)
        # and coxph(..., cluster = id): sqrt(diag(var)), var[1, 2]
        ("breslow", "esw", None, (0.411455741753, 0.0634970976928), -0.000394376416004),
        ("breslow", "esw", "id", (0.387585222852, 0.0603507746545), 0.00570180739682),
        ("efron", "esw", None, (0.434163088384, 0.0656243401293), -0.000659032983059),
        ("efron", "esw", "id", (0.409051806524, 0.0606690240821), 0.00547779887735),
        ("efron", "e", "id", (0.389366414739, 0.0420087217655), -0.0015011658657),
        ("efron", "", None, (0.465467341125, 0.0694636961596), 0.0050876698475),
    ],
)
def test_sandwich_with_ties_entry_and_weights(ties, kind, cluster, error, cov12):
    likelihood = rows_likelihood(ties, "e" in kind, "s" in kind, "w" in kind)
    codes = None if cluster is None else pd.factorize(ROWS[cluster])[0]
    covariance = sandwich(likelihood, maximise(likelihood), codes)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), error, rtol=1e-9)
    assert covariance[0, 1] == pytest.approx(cov12, rel=1e-7)


def test_score_residuals_sum_to_zero_at_the_maximum():
    for kind in ("", "esw"):
        likelihood = rows_likelihood("efron", "e" in kind, "s" in kind, "w" in kind)
        fit = maximise(likelihood)
        residuals = likelihood.score_residuals(fit.coefficient)
        np.testing.assert_allclose(likelihood.weight @ residuals, 0, atol=1e-9)


def test_tests_of_one_of_two_coefficients():
    likelihood = rows_likelihood("efron")
    fit = maximise(likelihood)
    ratio, score = likelihood_ratio_and_score_tests(likelihood, fit, [0])
    # 2 * (loglik of x + z - loglik of z)
    assert ratio.statistic == pytest.approx(
        2 * (53.2407174013 - 53.1799182708), rel=1e-8
    )
    # coxph(~ x + z, init = c(0, coef of z alone), iter = 0)$score: 0.121260876874
    assert score.statistic == pytest.approx(0.121260876874, rel=1e-9)
    assert (ratio.sign, score.sign) == (-1, -1)
    wald = wald_test(fit, fit.covariance, [0])
    assert wald.statistic == pytest.approx((-0.16578643981 / 0.476620085432) ** 2)


def test_recurrent_events_are_clustered_by_patient():
    rows = ROWS[["start", "stop", "event", "id", "x", "z"]]
    found = run(rows, (), ("x", "z"))
    # coxph(Surv(start, stop, event) ~ x + z, cluster = id), se of x 0.389366414739
    assert found[0].term == "x"
    assert found[0].test == "Wald, robust"
    assert found[0].std_error == pytest.approx(0.389366414739, rel=1e-9)
    assert (found[0].n, found[0].events) == (11, 21)
    assert "independent" in found[1].note
    # naive: 0.476723175432
    naive = run(rows, (), ("x", "z"), variance="naive")[0]
    assert naive.test == "Wald"
    assert naive.std_error == pytest.approx(0.476723175432, rel=1e-9)


def test_three_groups_and_a_covariate():
    rows = ROWS[["stop", "event", "z"]].rename(columns={"stop": "time"})
    rows["group"] = [("b", "c", "a")[i % 3] for i in ROWS["id"]]
    found = run(rows, ("b", "c", "a"))
    ratios = [e for e in found if e.statistic == "hazard_ratio" and e.test == "Wald"]
    # summary(coxph(Surv(stop, event) ~ g)): gb 0.581509041 (0.644764596),
    # gc 0.549893881 (0.561726450); 95 % of gb 0.505500452 to 6.32952014
    assert [(e.group, e.reference) for e in ratios] == [("b", "a"), ("c", "a")]
    assert math.log(ratios[0].estimate) == pytest.approx(0.581509041, rel=1e-8)
    assert ratios[1].std_error == pytest.approx(0.561726450, rel=1e-8)
    assert ratios[0].conf_low == pytest.approx(0.505500452, rel=1e-8)
    assert ratios[0].conf_high == pytest.approx(6.32952014, rel=1e-8)
    # Likelihood ratio 1.19, Wald 1.1, score 1.12 on 2 df; p 0.55069, 0.57752, 0.57121
    joint = {e.test: e for e in found if e.statistic == "test"}
    assert {e.df for e in joint.values()} == {2}
    assert joint["likelihood ratio"].p_value == pytest.approx(0.55069, abs=5e-6)
    assert joint["Wald"].p_value == pytest.approx(0.57752, abs=5e-6)
    assert joint["score"].p_value == pytest.approx(0.57121, abs=5e-6)

    found = run(rows, ("b", "c", "a"), ("z",))
    # coxph(Surv(stop, event) ~ g + z): 0.5604098614997 0.5366276887289 0.0103652748669
    logs = {(e.group, e.term): e for e in found if e.statistic == "coefficient"}
    assert logs["b", ""].estimate == pytest.approx(0.5604098614997, rel=1e-8)
    assert logs["", "z"].estimate == pytest.approx(0.0103652748669, rel=1e-7)
    # f$var[3, 3]: 0.00697879142153
    assert logs["", "z"].std_error == pytest.approx(math.sqrt(0.00697879142153))
    # 2 * (loglik of g + z - loglik of z): 1.07212083357
    of_groups = [e for e in found if (e.statistic, e.term) == ("test", "group")]
    ratio = next(e for e in of_groups if e.test == "likelihood ratio")
    assert ratio.test_statistic == pytest.approx(1.07212083357, rel=1e-8)


# ----------------------------------------------------------------- matched pairs

PAIRS = two_arms(
    [(3, 1), (5, 1), (4, 1), (6, 1), (2, 1), (7, 0), (4, 1), (4, 0), (1, 1), (3, 1)],
    [(5, 1), (5, 1), (9, 0), (2, 1), (6, 1), (8, 1), (4, 1), (9, 0), (1, 1), (1, 1)],
    pair=[*range(10), *range(10)],
)


@pytest.mark.parametrize(
    ("ties", "coefficient", "error", "informative"),
    [
        # coxph(Surv(time, event) ~ x + strata(pair), ties = ...)
        ("breslow", 0.1823215567940, 0.6055300708195, 8),
        ("efron", 0.1823215567940, 0.6055300708195, 8),
        ("exact", 0.405465108108, 0.912870929175, 5),
    ],
)
def test_tied_pairs(ties, coefficient, error, informative):
    row = run(PAIRS, ("a", "b"), ties=ties)[0]
    assert math.log(row.estimate) == pytest.approx(coefficient, rel=1e-9)
    assert row.std_error == pytest.approx(error, rel=1e-9)
    assert row.note == f"{informative} of 10 pairs informative"


def test_only_tied_pairs_say_nothing_in_the_exact_likelihood():
    tied = two_arms([(1, 1), (4, 1)], [(1, 1), (4, 1)], pair=[0, 1, 0, 1])
    (row,) = run(tied, ("a", "b"), ties="exact")
    assert math.isnan(row.estimate)
    assert "of one stratum" in row.note


# ---------------------------------------------------------- enumeration, properties


def enumerated(x, time, event, beta, ties, stratum):
    """Log likelihood by its definition."""
    total = 0.0
    for s in set(stratum):
        inside = [i for i in range(len(time)) if stratum[i] == s]
        for t in sorted({time[i] for i in inside if event[i]}):
            risk = [i for i in inside if time[i] >= t]
            dead = [i for i in risk if event[i] and time[i] == t]
            hazard = {i: math.exp(x[i] @ beta) for i in risk}
            total += sum(float(x[i] @ beta) for i in dead)
            d, whole = len(dead), sum(hazard.values())
            if ties == "exact":
                total -= math.log(
                    sum(
                        math.prod(hazard[i] for i in chosen)
                        for chosen in combinations(risk, d)
                    )
                )
                continue
            lost = sum(hazard[i] for i in dead) if ties == "efron" else 0.0
            total -= sum(math.log(whole - j / d * lost) for j in range(d))
    return total


data_sets = st.integers(3, 9).flatmap(
    lambda n: st.tuples(
        st.lists(
            st.tuples(st.integers(-2, 2), st.integers(0, 1)), min_size=n, max_size=n
        ),
        st.lists(st.integers(1, 4), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
        st.sampled_from(["efron", "breslow", "exact"]),
    )
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data_sets, st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
def test_likelihood_is_the_enumerated_one(data, beta):
    x, time, event, stratum, ties = data
    assume(any(event))
    x = np.array(x, float)
    beta = np.array(beta)
    likelihood = partial_likelihood(
        x,
        np.array(time, float),
        np.array(event),
        stratum=np.array(stratum),
        ties=ties,
    )
    value, score, information = likelihood.evaluate(beta)
    assert value == pytest.approx(
        enumerated(x, time, event, beta, ties, stratum), abs=1e-10
    )
    # The complex step differentiates to full precision.
    for j, unit in enumerate(np.eye(2)):
        ahead = likelihood.evaluate(beta + 1e-30j * unit)
        assert score[j] == pytest.approx(ahead[0].imag / 1e-30, abs=1e-9)
        np.testing.assert_allclose(information[j], -ahead[1].imag / 1e-30, atol=1e-9)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data_sets)
def test_maximum_is_found_at_infinity_too(data):
    x, time, event, stratum, ties = data
    assume(any(event))
    likelihood = partial_likelihood(
        np.array(x, float),
        np.array(time, float),
        np.array(event),
        stratum=np.array(stratum),
        ties=ties,
    )
    fit = maximise(likelihood)
    found = minimize(
        lambda b: -likelihood.evaluate(b)[0],
        np.zeros(2),
        jac=lambda b: -likelihood.evaluate(b)[1],
        method="BFGS",
        options={"gtol": 1e-7},
    )
    # The log likelihood is concave, so a climb ends at the supremum.
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-5)
    if fit.infinite.any():
        # The other end of an infinite estimate is approached, never reached.
        near = np.where(fit.infinite != 0, found.x, fit.coefficient)
        assert likelihood.evaluate(near)[0] < fit.log_likelihood + 1e-12
    else:
        assert abs(fit.score).max() < 1e-7


def test_many_tied_deaths_stay_in_range():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 1))
    time = np.repeat([1.0, 2.0], 200)
    exact = partial_likelihood(x, time, np.ones(400, int), ties="exact")
    value, score, information = exact.evaluate(np.array([1.5]))
    ahead = exact.evaluate(np.array([1.5 + 1e-30j]))
    assert score[0] == pytest.approx(ahead[0].imag / 1e-30, rel=1e-9)
    assert information[0, 0] == pytest.approx(-ahead[1][0].imag / 1e-30, rel=1e-8)
    # At 0 every set of 200 out of 400 is as likely as any other.
    assert exact.evaluate(np.zeros(1))[0] == pytest.approx(
        -(math.lgamma(401) - 2 * math.lgamma(201)), rel=1e-12
    )
    assert math.isfinite(value)


def test_estimates_do_not_depend_on_the_scale_of_a_covariate():
    rows = ROWS[["stop", "event", "x", "z"]].rename(columns={"stop": "time"})
    tests = [e.p_value for e in run(rows, (), ("x", "z"), interval="profile")]
    rows["z"] = rows["z"] * 1e7 + 1e9
    again = [e.p_value for e in run(rows, (), ("x", "z"), interval="profile")]
    np.testing.assert_allclose(tests, again, rtol=1e-6)


def test_times_apart_by_rounding_are_tied():
    times = np.array([0.1 + 0.2, 0.3, 1.0, 5.0, -math.inf])
    merged = merge_near_ties(times)
    assert merged[0] == merged[1]
    assert list(merged[2:]) == [1.0, 5.0, -math.inf]
    exact = np.array([3.0, 1.0, 2.0])
    assert merge_near_ties(exact) is exact


# --------------------------------------------------------------- profile intervals


def test_profile_limits_of_pairs_are_binomial():
    row = run(LEUKAEMIA, interval="profile")[0]

    def drop(p):
        best = 18 * math.log(18 / 21) + 3 * math.log(3 / 21)
        return 2 * (best - 18 * math.log(p) - 3 * math.log(1 - p)) - CHI2_95

    low = brentq(drop, 0.1, 18 / 21, xtol=1e-15)
    high = brentq(drop, 18 / 21, 1 - 1e-9, xtol=1e-15)
    assert row.interval_method == "profile likelihood"
    assert row.conf_low == pytest.approx(low / (1 - low), rel=1e-9)
    assert row.conf_high == pytest.approx(high / (1 - high), rel=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_profile_limit_is_where_the_ratio_test_turns(ties):
    likelihood = rows_likelihood(ties, entry=True)
    fit = maximise(likelihood)
    for column in (0, 1):
        for limit in profile_limits(likelihood, fit, column, 0.95):
            # Another optimiser over the other coefficient.
            other = minimize_scalar(
                lambda b, c=column, v=limit: (
                    -likelihood.evaluate(np.insert(np.array([b], float), c, v))[0]
                ),
                bracket=(-1, 1),
                tol=1e-12,
            )
            assert 2 * (fit.log_likelihood + other.fun) == pytest.approx(
                CHI2_95, rel=1e-9
            )


def test_profile_interval_covers_what_it_claims():
    rng = np.random.default_rng(20)
    truth, covered, usable = math.log(2), 0, 0
    x = np.repeat([1.0, 0.0], 10)[:, None]
    for _ in range(1500):
        time = rng.exponential(1 / np.exp(truth * x[:, 0]))
        end = rng.uniform(0.5, 3, 20)
        likelihood = partial_likelihood(x, np.minimum(time, end), time <= end)
        fit = maximise(likelihood)
        low, high = profile_limits(likelihood, fit, 0, 0.95)
        covered += low <= truth <= high
        usable += 1
    # Three standard errors of 1500 draws are 0.017; the interval is asymptotic.
    assert 0.925 < covered / usable < 0.97


# ------------------------------------------------------------ estimates at infinity


@pytest.mark.parametrize("pairs", [1, 3, 10])
def test_firth_of_pairs_all_won(pairs):
    # pairs * log p + log(p (1 - p)) / 2 is greatest at p = (n + 1/2) / (n + 1).
    rows = two_arms([(1, 1)] * pairs, [(2, 1)] * pairs, pair=[*range(pairs)] * 2)
    row = run(rows, ("a", "b"))[0]
    assert row.estimate == pytest.approx(2 * pairs + 1, rel=1e-8)
    p = (pairs + 0.5) / (pairs + 1)
    assert row.std_error == pytest.approx(1 / math.sqrt(pairs * p * (1 - p)), rel=1e-8)
    assert "a failed first wherever both groups were at risk" in row.note
    assert row.interval_method == "Firth profile likelihood"

    def drop(p):
        def height(q):
            return (pairs + 0.5) * math.log(q) + 0.5 * math.log(1 - q)

        best = (pairs + 0.5) / (pairs + 1)
        return 2 * (height(best) - height(p)) - CHI2_95

    low = brentq(drop, 1e-6, p, xtol=1e-15)
    assert row.conf_low == pytest.approx(low / (1 - low), rel=1e-8)
    high = brentq(lambda b: drop(1 / (1 + math.exp(-b))), math.log(2 * pairs + 1), 30)
    assert row.conf_high == pytest.approx(math.exp(high), rel=1e-8)


def test_one_sided_profile_limit_of_pairs_all_won():
    rows = two_arms([(2, 1)] * 8, [(1, 1)] * 8, pair=[*range(8)] * 2)
    found = run(rows, ("a", "b"), infinite="report", p_value="likelihood-ratio")
    # The chance of 8 wins of b is p^8; it is exp(-3.84 / 2) of its best at the limit.
    p = math.exp(-CHI2_95 / 16)
    row = found[0]
    assert math.isnan(row.estimate)
    assert row.conf_low == 0
    assert row.conf_high == pytest.approx((1 - p) / p, rel=1e-9)
    assert row.test_statistic == pytest.approx(16 * math.log(2), rel=1e-12)
    reduction = next(e for e in found if e.statistic == "hazard_reduction")
    assert reduction.conf_high == 1
    assert reduction.conf_low == pytest.approx(1 - (1 - p) / p, rel=1e-9)
    wald = next(e for e in found if e.test == "Wald")
    assert math.isnan(wald.p_value)
    assert "no Wald test" in wald.note


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_firth_with_two_terms_against_brute_force(ties):
    likelihood = rows_likelihood(ties, strata=True)

    def height(b):
        value, _, information = likelihood.evaluate(np.asarray(b))
        return -(value + np.log(np.linalg.det(information)) / 2)

    fit = maximise(likelihood, penalised=True)
    found = minimize(height, [0, 0], method="Nelder-Mead",
                     options={"xatol": 1e-10, "fatol": 1e-14})  # fmt: skip
    np.testing.assert_allclose(fit.coefficient, found.x, atol=2e-7)
    assert fit.log_likelihood == pytest.approx(-found.fun, rel=1e-12)
    limits = profile_limits(likelihood, fit, 1, 0.9)
    for limit in limits:
        other = minimize_scalar(lambda b, v=limit: height([b, v]), bracket=(-1, 1))
        # chi-square with 1 df, 90 %: 2.705543454095404
        assert 2 * (fit.log_likelihood + other.fun) == pytest.approx(
            2.705543454095404, rel=1e-7
        )


def test_no_events_in_one_arm():
    rows = LEUKAEMIA.drop(columns="pair")
    rows.loc[rows["group"] == "6-MP", "event"] = 0
    firth = run(rows)
    assert "no events in 6-MP" in firth[0].note
    assert math.isfinite(firth[0].estimate)
    assert math.isfinite(firth[0].conf_high)
    reported = run(rows, infinite="report")[0]
    assert math.isnan(reported.estimate)
    assert reported.conf_high == math.inf
    assert 1 < reported.conf_low < firth[0].estimate
    # The score test needs no estimate.
    score = [next(e for e in found if e.test == "score") for found in (
        firth, run(rows, infinite="report"))]  # fmt: skip
    assert score[0].test_statistic == score[1].test_statistic


def test_other_coefficients_survive_an_infinite_one():
    rows = ROWS[["stop", "event", "z"]].rename(columns={"stop": "time"})
    rows["group"] = [("b", "c", "a")[i % 3] for i in ROWS["id"]]
    rows.loc[rows["group"] == "b", "event"] = 0
    found = run(rows, ("b", "c", "a"), ("z",), infinite="report")
    ratios = {(e.group, e.term): e for e in found
              if (e.statistic, e.test) == ("hazard_ratio", "Wald")}  # fmt: skip
    assert math.isnan(ratios["b", ""].estimate)
    assert ratios["b", ""].conf_low == 0
    assert "no events in b" in ratios["b", ""].note
    # Infinitely far along, the rows of b are not at risk at all.
    without = run(rows[rows["group"] != "b"], ("c", "a"), ("z",))
    for expected in without:
        if (expected.statistic, expected.test) == ("hazard_ratio", "Wald"):
            row = ratios[expected.group, expected.term]
            assert row.estimate == pytest.approx(expected.estimate, rel=1e-8)
            assert row.std_error == pytest.approx(expected.std_error, rel=1e-8)


def test_no_events_in_the_reference_of_three():
    rows = ROWS[["stop", "event"]].rename(columns={"stop": "time"})
    rows["group"] = [("b", "c", "a")[i % 3] for i in ROWS["id"]]
    rows.loc[rows["group"] == "a", "event"] = 0
    found = run(rows, ("b", "c", "a"), infinite="report")
    ratios = [e for e in found if (e.statistic, e.test) == ("hazard_ratio", "Wald")]
    assert [e.conf_high for e in ratios] == [math.inf, math.inf]
    assert all(0 < e.conf_low < math.inf for e in ratios)
    assert "no events in a" in ratios[0].note


def test_a_big_but_finite_estimate_is_no_separation():
    # One early death of b among sixty of a keeps the hazard ratio finite.
    rows = two_arms([(t, 1) for t in range(1, 61)], [(30.5, 1)] + [(100, 0)] * 400)
    row = run(rows, ("a", "b"))[0]
    assert row.note == ""
    assert 100 < row.estimate < math.inf


# ----------------------------------------------------------------- rows of results


def test_rows_of_one_contrast():
    found = run(LEUKAEMIA.drop(columns="pair"), p_value="likelihood-ratio")
    assert [(e.statistic, e.test) for e in found] == [
        ("hazard_ratio", "likelihood ratio"),
        ("hazard_ratio", "Wald"),
        ("hazard_ratio", "score"),
        ("coefficient", "likelihood ratio"),
        ("hazard_reduction", "likelihood ratio"),
        ("proportional_hazards", "score test, time by Kaplan-Meier"),
    ]
    ratio, reduction = found[0], found[-2]
    assert (ratio.group, ratio.reference, ratio.n, ratio.events) == (
        "placebo", "6-MP", 42, 30)  # fmt: skip
    assert reduction.estimate == pytest.approx(1 - ratio.estimate)
    assert reduction.conf_low == pytest.approx(1 - ratio.conf_high)
    assert reduction.conf_high == pytest.approx(1 - ratio.conf_low)
    assert reduction.unit == "proportion"


def test_one_sided_p_values_are_halves():
    rows = LEUKAEMIA.drop(columns="pair")
    for name in cox.TESTS:
        two, greater, less = (
            run(rows, p_value=name, alternative=side)[0]
            for side in ("two-sided", "greater", "less")
        )
        assert greater.p_value == pytest.approx(two.p_value / 2, rel=1e-9)
        assert less.p_value == pytest.approx(1 - two.p_value / 2, rel=1e-9)
        assert greater.alternative == "greater"


def test_words_are_coded_against_their_first_level():
    rows = ROWS[["stop", "event"]].rename(columns={"stop": "time"})
    rows["sex"] = np.where(ROWS["x"] == 1, "woman", "man")
    row = run(rows, (), ("sex",))[0]
    # coxph(Surv(stop, event) ~ x): -0.179540564028 (0.475171264403)
    assert row.term == "sex=woman"
    assert math.log(row.estimate) == pytest.approx(-0.179540564028, rel=1e-9)
    assert row.std_error == pytest.approx(0.475171264403, rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (two_arms([(1, 0), (2, 0)], [(3, 0)]), "no events"),
        (two_arms([(1, 1), (2, 1)], []), "reference group b has no rows"),
        (two_arms([], [(1, 1), (2, 1)]), "both a and b were at risk"),
        (two_arms([(1, 0), (2, 0)], [(3, 1), (4, 1)]), "both a and b were at risk"),
        (two_arms([(1, 1)], [(math.nan, 1), (2, 1)]), "finite numbers"),
        (two_arms([(1, 1)], [(2, 1)], weight=[1.0, 0.0]), "must be positive"),
    ],
)
@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_data_that_cannot_serve(rows, note, ties):
    (row,) = run(rows, ("a", "b"), ties=ties)
    assert math.isnan(row.estimate)
    assert (row.statistic, row.group, row.reference) == ("hazard_ratio", "a", "b")
    assert note in row.note


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize("infinite", ["firth", "report"])
@pytest.mark.parametrize("interval", ["wald", "profile"])
@pytest.mark.parametrize("variance", ["model", "robust"])
def test_tiny_and_tied_samples_never_crash(ties, infinite, interval, variance):
    for first, second in [
        ([(1, 1)], [(2, 1)]),
        ([(1, 1)], [(1, 1)]),
        ([(1, 1), (1, 1)], [(1, 0)]),
        ([(1, 1), (3, 1)], [(2, 1)]),
        ([(0, 1), (0, 1)], [(0, 1), (5, 1)]),
        ([(2, 1)] * 5, [(2, 1)] * 4 + [(2, 0)]),
    ]:
        found = run(
            two_arms(first, second),
            ("a", "b"),
            ties=ties,
            infinite=infinite,
            interval=interval,
            variance=variance,
        )
        for row in found:
            assert math.isfinite(row.estimate) or row.note
            assert not math.isinf(row.estimate)


def test_terms_that_say_nothing_leave_the_others():
    rows = ROWS[["stop", "event", "x"]].rename(columns={"stop": "time"})
    rows["same"] = 1.0
    found = run(rows, (), ("same", "x"))
    notes = {e.term: e.note for e in found}
    assert "does not vary" in notes["same"]
    assert found[0].term == "x"
    assert math.log(found[0].estimate) == pytest.approx(-0.179540564028, rel=1e-9)
    rows["same"] = 2 - 3 * rows["x"]
    assert {e.note for e in run(rows, (), ("same", "x"))} == {
        "Covariates are collinear and cannot be told apart."
    }


def test_a_sandwich_of_four_clusters_is_refused():
    # Nine patients who all leave at one time: a joint Wald statistic of 7992.
    rows = pd.DataFrame(
        {
            "time": 5.0,
            "event": [1, 1, 1, 1, 1, 1, 1, 0, 1],
            "group": list("abbbaaaab"),
            "x": [1.0, 1, 0, 2, 2, 2, 0, 0, 1],
            "cluster": [0, 2, 3, 0, 3, 0, 3, 3, 1],
        }
    )
    found = run(rows, ("a", "b"), ("x",))
    assert {e.note for e in found} == {
        "There are too few clusters for a robust variance (4 clusters)."
    }


def test_what_is_refused():
    rows = LEUKAEMIA.drop(columns="pair")
    assert "single patients" in run(rows, kind="summary")[0].note
    assert "two groups or a covariate" in run(rows, ())[0].note
    assert "not defined for exact ties" in run(
        rows, ties="exact", variance="robust")[0].note  # fmt: skip
    assert "needs clusters" in run(rows, variance="cluster")[0].note
    assert "too few clusters" in run(rows.assign(cluster=1))[0].note
    weighted = rows.assign(weight=2.0)
    assert "does not take case weights" in run(weighted, ties="exact")[0].note
    entry = rows.rename(columns={"time": "stop"}).assign(start=5.0)
    assert "end before they start" in run(entry)[0].note
    with pytest.raises(MethodError, match="Unknown treatment"):
        partial_likelihood(np.ones((2, 1)), np.ones(2), np.ones(2), ties="average")


def test_no_figure_of_its_own():
    sample = Sample(kind="individual", rows=LEUKAEMIA, groups=("placebo", "6-MP"))
    assert cox.figure_data(sample, SETTINGS) == {}


def test_a_model_that_fails_without_a_term_is_said(monkeypatch):
    def fails(*arguments):
        raise MethodError("The fit of the hazard ratios did not converge.")

    monkeypatch.setattr(cox, "likelihood_ratio_and_score_tests", fails)
    rows = pd.DataFrame(
        {
            "time": [1.0, 2, 3, 4, 5, 6],
            "event": [1, 1, 1, 1, 0, 1],
            "group": list("ababab"),
        }
    )
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    config = yaml.safe_load(
        (Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8")
    )
    settings = {**config["methods"]["cox"], "conf_level": 0.95, "seed": 1}
    found = {r.test: r for r in cox.estimate(sample, settings)}
    assert not math.isnan(found["Wald"].p_value)
    assert math.isnan(found["likelihood ratio"].p_value)
    assert "fails: The fit of the hazard ratios" in found["likelihood ratio"].note
