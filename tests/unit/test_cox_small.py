"""Cox regression where it breaks: pairs, separation, clusters, weights, time.

R is survival 3.5-3 with ``cc <- coxph.control(eps=1e-14, toler.chol=1e-15,
iter.max=100)``; its output stands beside the assertions, as does that of firthmodels
0.8.2 (an independent Firth Cox regression).
"""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from test_cox import CHI2_95, LEUKAEMIA, ROWS, SETTINGS, rows_likelihood, run, two_arms

from reanalysis.errors import MethodError
from reanalysis.methods import cox
from reanalysis.sample import Sample
from reanalysis.survival.cox_model import design, fit_model
from reanalysis.survival.hazard_ratios import (
    likelihood_ratio_and_score_tests,
    maximise,
    profile_limits,
)
from reanalysis.survival.matched_pairs import (
    FirstFailures,
    first_failures,
    paired_hazard_ratio,
)
from reanalysis.survival.partial_likelihood import partial_likelihood
from reanalysis.survival.proportional_hazards import (
    scaled_times,
    schoenfeld_residuals,
    score_tests,
    smooth,
)

ROOT = Path(__file__).parents[2]
UNMATCHED = LEUKAEMIA.drop(columns="pair")


def of(found, statistic="hazard_ratio"):
    return [row for row in found if row.statistic == statistic]


def paired(outcomes):
    """Pairs of a and b, each ((time, event), (time, event))."""
    first, second = zip(*outcomes, strict=True)
    return two_arms(first, second, pair=[*range(len(outcomes))] * 2)


# ------------------------------------------------------------------ matched pairs

#: One pair of each kind: a first, b first, tied, censored first, b censored at the
#: event of a (still at risk), nobody fails.
KINDS = [
    ((1, 1), (3, 1)),
    ((4, 1), (2, 1)),
    ((5, 1), (5, 1)),
    ((6, 1), (2, 0)),
    ((7, 1), (7, 0)),
    ((8, 0), (9, 0)),
]


def test_who_failed_first():
    rows = paired(KINDS)
    counts = first_failures(
        rows["pair"].to_numpy(),
        (rows["group"] == "a").to_numpy(),
        rows["time"].to_numpy(),
        rows["event"].to_numpy(),
    )
    assert counts == FirstFailures(group=2, reference=1, tied=1, open=2, incomplete=0)
    row = next(e for e in run(rows, ("a", "b")) if "exact" in e.test)
    assert row.estimate == 2
    assert row.note == (
        "of 3 pairs with a first failure it was a in 2 and b in 1; pairs left out: 1 "
        "tied, 2 ended before anyone failed"
    )


def test_pairs_under_delayed_entry_and_incomplete_pairs():
    # b enters after the event of a; b enters at it (not yet at risk); b is at risk.
    rows = pd.DataFrame(
        {
            "pair": [1, 1, 2, 2, 3, 3, 4, 5, 5],
            "group": ["a", "b", "a", "b", "a", "b", "a", "a", "a"],
            "start": [0.0, 5, 0, 4, 0, 3, 0, 0, 1],
            "stop": [4.0, 9, 4, 9, 4, 9, 2, 3, 4],
            "event": [1, 1, 1, 1, 1, 1, 1, 1, 1],
        }
    )
    counts = first_failures(
        rows["pair"].to_numpy(), (rows["group"] == "a").to_numpy(),
        rows["stop"].to_numpy(), rows["event"].to_numpy(), rows["start"].to_numpy(),
    )  # fmt: skip
    assert counts == FirstFailures(group=1, reference=0, tied=0, open=2, incomplete=2)


def test_pairs_of_the_6mp_trial():
    # binom.test(18, 21): p 0.00148963928223, 0.636576012983 to 0.969511032378
    found = of(run(LEUKAEMIA))
    assert [row.test for row in found] == [
        "Wald",
        "likelihood ratio",
        "score",
        "sign test of pairs, exact",
        "sign test of pairs, mid-P",
    ]
    exact, mid = found[3:]
    assert (exact.estimate, exact.test_statistic) == (6, 18)
    assert exact.p_value == pytest.approx(0.00148963928223, rel=1e-9)
    low, high = 0.636576012983, 0.969511032378
    assert exact.conf_low == pytest.approx(low / (1 - low), rel=1e-9)
    assert exact.conf_high == pytest.approx(high / (1 - high), rel=1e-9)
    assert exact.interval_method == "Clopper-Pearson, as odds"
    # Mid-P by its definition.
    tail = binom.cdf(3, 21, 0.5) - binom.pmf(3, 21, 0.5) / 2
    assert mid.p_value == pytest.approx(2 * tail, rel=1e-9)
    for limit, side in ((mid.conf_low, 0.975), (mid.conf_high, 0.025)):
        p = limit / (1 + limit)
        middle = binom.cdf(17, 21, p) + binom.pmf(18, 21, p) / 2
        assert middle == pytest.approx(side, abs=1e-9)


def test_exact_pairs_as_the_primary_analysis():
    found = run(LEUKAEMIA, pairs="exact-conditional")
    assert [row.test for row in of(found)][:3] == [
        "sign test of pairs, exact",
        "sign test of pairs, mid-P",
        "Wald",
    ]
    ratio = found[0]
    log, reduction = of(found, "coefficient")[0], of(found, "hazard_reduction")[0]
    assert log.estimate == pytest.approx(math.log(6))
    assert log.conf_low == pytest.approx(math.log(ratio.conf_low))
    assert reduction.estimate == pytest.approx(-5)
    assert reduction.conf_low == pytest.approx(1 - ratio.conf_high)
    assert reduction.conf_high == pytest.approx(1 - ratio.conf_low)
    assert reduction.p_value == log.p_value == ratio.p_value
    assert run(LEUKAEMIA, pairs="mid-p")[0].test == "sign test of pairs, mid-P"
    # One-sided: more first failures under placebo.
    one = run(LEUKAEMIA, pairs="exact-conditional", alternative="greater")[0]
    assert one.p_value == pytest.approx(binom.sf(17, 21, 0.5), rel=1e-9)
    never = run(LEUKAEMIA, pairs="exact-conditional", strata="never")
    assert never[0].test == "Wald"


@pytest.mark.parametrize("pairs", [1, 3, 8])
def test_pairs_all_won_by_one_side(pairs):
    rows = paired([((1, 1), (2, 1))] * pairs)
    found = run(rows, ("a", "b"), pairs="exact-conditional")
    row = found[0]
    assert math.isnan(row.estimate)
    assert row.conf_high == math.inf
    p = 0.025 ** (1 / pairs)
    assert row.conf_low == pytest.approx(p / (1 - p), rel=1e-9)
    assert row.p_value == pytest.approx(min(1, 2 * 0.5**pairs))
    assert "no finite estimate" in row.note
    assert of(found, "hazard_reduction")[0].conf_low == -math.inf
    other = run(rows, ("b", "a"), pairs="exact-conditional")[0]
    assert other.conf_low == 0
    assert other.conf_high == pytest.approx((1 - p) / p, rel=1e-9)


def test_pairs_that_the_exact_analysis_cannot_serve():
    rows = paired(KINDS)
    weighted = run(rows.assign(weight=2.0), ("a", "b"), pairs="exact-conditional")
    assert math.isnan(weighted[0].estimate)
    assert "without covariates or weights" in weighted[0].note
    three = pd.concat([rows, rows.iloc[:1]])
    found = run(three, ("a", "b"), pairs="exact-conditional")
    assert "more than two rows" in found[0].note
    assert found[1].test == "Wald"
    # Beside the model they stand only where they can.
    assert all("pairs" not in row.test for row in run(three, ("a", "b")))
    with pytest.raises(MethodError, match="No pair"):
        paired_hazard_ratio(FirstFailures(0, 0, 3, 1, 0))


@pytest.mark.parametrize("n", [1, 2, 6, 9, 20])
def test_exact_pair_intervals_cover_and_agree_with_the_test(n):
    limits = [
        paired_hazard_ratio(FirstFailures(x, n - x, 0, 0, 0)) for x in range(n + 1)
    ]
    for ratio in np.exp(np.linspace(-3, 3, 41)):
        law = binom.pmf(np.arange(n + 1), n, ratio / (1 + ratio))
        covered = sum(
            p for p, r in zip(law, limits, strict=True)
            if r.interval[0] <= ratio <= r.interval[1]
        )  # fmt: skip
        assert covered >= 0.95 - 1e-12
    for r in limits:
        assert (r.p_value <= 0.05) == (not r.interval[0] <= 1 <= r.interval[1])
    assert sum(
        p for p, r in zip(binom.pmf(np.arange(n + 1), n, 0.5), limits, strict=True)
        if r.p_value <= 0.05
    ) <= 0.05  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(*[st.tuples(st.integers(1, 4), st.integers(0, 1))] * 2),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_untied_pairs_give_the_stratified_estimate(outcomes):
    outcomes = [(a, b) for a, b in outcomes if not (a == b and a[1] == 1)]
    if not outcomes:
        return
    rows = paired(outcomes)
    counts = first_failures(
        rows["pair"].to_numpy(), (rows["group"] == "a").to_numpy(),
        rows["time"].to_numpy(), rows["event"].to_numpy(),
    )  # fmt: skip
    found = run(rows, ("a", "b"))
    if counts.informative == 0:
        assert math.isnan(found[0].estimate)
        return
    exact = next(row for row in found if row.test == "sign test of pairs, exact")
    if counts.group and counts.reference:
        assert found[0].estimate == pytest.approx(exact.estimate, rel=1e-9)
    else:
        assert math.isnan(exact.estimate)
        assert "no finite maximum" in found[0].note


# ---------------------------------------------------- proportional hazards, R's tests


@pytest.mark.parametrize(
    ("ties", "kind", "scale", "chi2"),
    [
        # cox.zph(coxph(Surv(...) ~ x + z ...), transform = ...)$table: x, z, GLOBAL
        ("efron", "", "km", (0.0939076380114, 0.0349772513009, 0.1355618357359)),
        ("efron", "", "log", (0.00176932300041, 0.11320994366049, 0.11384348512671)),
        ("efron", "s", "rank",
         (0.000168505694168, 0.002456978800366, 0.002554415286471)),
        ("efron", "e", "km", (0.3778173089231, 0.0384997081005, 0.4518324047667)),
        ("efron", "e", "identity",
         (0.218682943945659, 0.000443855250354, 0.222529627855815)),
        ("efron", "esw", "km", (0.0243971313300, 0.0248646537727, 0.0563725647476)),
        ("efron", "esw", "log", (0.5315876786454, 0.0272338793775, 0.5382364960776)),
        ("efron", "w", "rank", (0.290238656755, 0.229908623038, 0.479410773208)),
        ("breslow", "", "identity",
         (1.68914327671e-02, 5.28854718388e-05, 1.68939054308e-02)),
        ("breslow", "s", "km", (0.01663386663148, 0.00010097241106, 0.01693360390614)),
        ("breslow", "e", "rank", (0.1465863998526, 0.0302197019082, 0.1660763629328)),
        ("breslow", "esw", "identity",
         (0.6313791560553, 0.0314957669164, 0.6914285333790)),
        ("breslow", "w", "log", (0.325300309693, 0.035541754006, 0.375360241169)),
    ],
)  # fmt: skip
def test_cox_zph_in_all_shapes(ties, kind, scale, chi2):
    likelihood = rows_likelihood(ties, "e" in kind, "s" in kind, "w" in kind)
    start = ROWS["start"].to_numpy(float) if "e" in kind else None
    g = scaled_times(
        scale, likelihood.time, ROWS["stop"].to_numpy(float), ROWS["event"], start
    )
    tests = score_tests(likelihood, maximise(likelihood), g, [[0], [1], [0, 1]])
    np.testing.assert_allclose([t.statistic for t in tests], chi2, rtol=1e-8)
    assert [t.df for t in tests] == [1, 1, 2]


VETERAN = pd.read_csv(ROOT / "tests/data/veteran.csv").rename(
    columns={"status": "event"}
)


@pytest.mark.parametrize(
    ("scale", "chi2"),
    [
        # cox.zph(coxph(Surv(time, status) ~ trt + age + karno + prior, veteran)):
        # trt, age, karno, prior, GLOBAL. Before version 3.0 (and in lifelines) the
        # test of karno was an approximation, 14.93.
        ("km", (0.261994903759, 2.152230643915, 12.187667022704, 2.081712679577,
                23.099023303351)),
        ("identity", (1.075223823041, 0.983596103388, 4.818102827930,
                      1.483970469464, 13.266407864248)),
        ("log", (0.147171895728, 3.547038649748, 9.709437899283, 2.709092546299,
                 20.820672014203)),
        ("rank", (0.256581075926, 2.095143751851, 12.825026656505, 2.137874354748,
                  23.844087394527)),
    ],
)  # fmt: skip
def test_veteran_trial(scale, chi2):
    names = ("trt", "age", "karno", "prior")
    found = run(VETERAN, (), names, proportional_hazards=scale)
    rows = of(found, "proportional_hazards")
    assert [row.term for row in rows] == [*names, ""]
    assert [row.df for row in rows] == [1, 1, 1, 1, 4]
    np.testing.assert_allclose([row.test_statistic for row in rows], chi2, rtol=1e-9)
    assert found[-5:] == rows
    if scale == "km":
        # R: p of karno 0.000481065101024
        assert rows[2].p_value == pytest.approx(0.000481065101024, rel=1e-9)


def test_6mp_hazards_look_proportional():
    row = run(UNMATCHED)[-1]
    # cox.zph(coxph(Surv(t, e) ~ x)): 0.0228633780528, p 0.879812894957; with
    # strata(p) 0.0207647306425
    assert (row.statistic, row.test) == (
        "proportional_hazards", "score test, time by Kaplan-Meier")  # fmt: skip
    assert (row.group, row.reference, row.df) == ("placebo", "6-MP", 1)
    assert row.test_statistic == pytest.approx(0.0228633780528, rel=1e-9)
    assert row.p_value == pytest.approx(0.879812894957, rel=1e-9)
    assert math.isnan(row.estimate)
    pairs = run(LEUKAEMIA)[-1]
    assert pairs.test_statistic == pytest.approx(0.0207647306425, rel=1e-9)
    assert of(run(UNMATCHED, proportional_hazards="none"), row.statistic) == []


def test_a_changing_hazard_ratio_is_found_and_a_constant_one_is_not():
    rng = np.random.default_rng(5)
    x = np.repeat([1.0, 0.0], 15)
    rejected = {0.0: 0, 2.5: 0}
    for change in rejected:
        for _ in range(300):
            # Weibull shapes that differ, or are the same.
            shape = np.where(x == 1, math.exp(change / 2.5), 1.0)
            time = rng.exponential(1, 30) ** (1 / shape)
            likelihood = partial_likelihood(x, time, np.ones(30))
            fit = maximise(likelihood)
            g = scaled_times("km", likelihood.time, time, np.ones(30))
            (test,) = score_tests(likelihood, fit, g, [[0]])
            rejected[change] += test.statistic > CHI2_95
    # Three standard errors of 300 draws are 0.038.
    assert abs(rejected[0.0] / 300 - 0.05) < 0.038
    assert rejected[2.5] / 300 > 0.7


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        # All at one time; no finite maximum; an event at time 0 on a log scale.
        (two_arms([(2, 1), (3, 0)], [(2, 1), (2, 1), (4, 0)]), "Too few event times"),
        (two_arms([(1, 1), (2, 1)], [(3, 1), (4, 1)]), "needs a finite maximum"),
    ],
)
def test_no_test_of_proportional_hazards(rows, said):
    row = run(rows, ("a", "b"))[-1]
    assert row.statistic == "proportional_hazards"
    assert math.isnan(row.p_value)
    assert said in row.note


def test_scales_that_cannot_serve():
    rows = two_arms([(0, 1), (3, 1), (5, 0)], [(1, 1), (4, 1)])
    assert "log scale" in run(rows, ("a", "b"), proportional_hazards="log")[-1].note
    assert "not defined for exact ties" in run(UNMATCHED, ties="exact")[-1].note
    few = run(rows, ("a", "b"))[-1]
    assert few.note == "4 events give this test little power"
    with pytest.raises(MethodError, match="Unknown scale"):
        scaled_times("squared", np.ones(1), np.ones(2), np.ones(2))


def test_schoenfeld_residuals_and_their_smooth():
    likelihood = partial_likelihood(
        (UNMATCHED["group"] == "placebo").to_numpy(float),
        UNMATCHED["time"].to_numpy(),
        UNMATCHED["event"].to_numpy(),
    )
    found = schoenfeld_residuals(likelihood, maximise(likelihood))
    # z <- cox.zph(coxph(Surv(t, e) ~ x)); z$y, z$var
    value = found.value[:, 0]
    np.testing.assert_allclose(
        value[[0, 4, 9, 12, -2, -1]],
        [2.467254840558, 2.613509511550, -2.218863947569, -2.370469624278,
         4.761336766017, -0.340794817309],
        rtol=1e-9,
    )  # fmt: skip
    assert list(found.time[[0, 4, 9, 12, -1]]) == [1, 3, 6, 7, 23]
    assert found.variance[0] == pytest.approx(5.10213158333, rel=1e-9)
    # b <- ns(z$x, df = 4, intercept = TRUE); lm(z$y ~ b - 1), read at 0, 0.25, 0.7;
    # sqrt(z$var * diag(B (b'b)^-1 B'))
    g = scaled_times("km", found.time, UNMATCHED["time"], UNMATCHED["event"])
    line, error = smooth(g, value, np.array([0, 0.25, 0.7]), found.variance[0])
    np.testing.assert_allclose(
        line, [3.182454098538, 0.691775555103, 1.695823437692], rtol=1e-8
    )
    np.testing.assert_allclose(
        error, [1.22246713490, 0.73062672505, 1.02907516067], rtol=1e-8
    )
    with pytest.raises(MethodError, match="Too few distinct"):
        smooth(np.repeat([1.0, 2.0], 10), value[:20], np.ones(1), 1.0)


def test_schoenfeld_residuals_within_strata():
    likelihood = rows_likelihood("efron", strata=True)
    found = schoenfeld_residuals(likelihood, maximise(likelihood))
    # cox.zph(coxph(Surv(stop, event) ~ x + z + strata(s)))$y at time 7 of one stratum
    assert any(
        np.allclose(row, [3.252268457531, 0.7805396503698], rtol=1e-9)
        for row in found.value[found.time == 7]
    )
    np.testing.assert_allclose(
        found.variance, [4.891782351354, 0.169434722775], rtol=1e-9
    )


def test_schoenfeld_residuals_of_pairs():
    """Of each pair the first failure counts; its companion is alone afterwards."""
    likelihood = partial_likelihood(
        (LEUKAEMIA["group"] == "placebo").to_numpy(float),
        LEUKAEMIA["time"].to_numpy(),
        LEUKAEMIA["event"].to_numpy(),
        stratum=LEUKAEMIA["pair"].to_numpy(),
    )
    found = schoenfeld_residuals(likelihood, maximise(likelihood))
    # x is 1 with chance 6/7 and 0 with 1/7; the variance is 6/49.
    won, lost = ((x - 6 / 7) / (6 / 49) + math.log(6) for x in (1, 0))
    values, counts = np.unique(found.value.round(9), return_counts=True)
    np.testing.assert_allclose(values, [lost, won], atol=1e-8)
    assert list(counts) == [3, 18]


# --------------------------------------------------------------- Firth and separation


def test_firth_against_another_program():
    # firthmodels.FirthCoxPH (Breslow ties): coef_, loglik_, conf_int(method="pl"),
    # lrt_pvalues_
    likelihood = rows_likelihood("breslow")
    fit = maximise(likelihood, penalised=True)
    np.testing.assert_allclose(
        fit.coefficient, [-0.143158971462, 0.0290119258055], rtol=1e-7
    )
    assert fit.log_likelihood == pytest.approx(-52.41837102118061, rel=1e-12)
    for j, limits in enumerate([(-1.08065765, 0.76509355), (-0.13448369, 0.18941199)]):
        np.testing.assert_allclose(
            profile_limits(likelihood, fit, j, 0.95), limits, atol=6e-9
        )
    for j, p in enumerate((0.75668601, 0.72326768)):
        ratio, _ = likelihood_ratio_and_score_tests(likelihood, fit, [j])
        assert math.erfc(math.sqrt(ratio.statistic / 2)) == pytest.approx(p, abs=6e-9)


def test_firth_with_an_empty_arm_and_a_covariate():
    rows = pd.DataFrame(
        {
            "time": [3.0, 5, 8, 1, 2, 4, 6, 7, 9, 10],
            "event": [0, 0, 0, 1, 1, 0, 1, 1, 0, 1],
            "group": ["a"] * 3 + ["b"] * 7,
            "z": [0.5, -1, 2, 0, 1, 3, -2, 0.7, 1.2, -0.4],
        }
    )
    found = of(run(rows, ("a", "b"), ("z",)))
    # firthmodels: -1.08305166779 (-5.99030667, 1.28886033), -0.253391899274
    # (-1.01049155, 0.48685347)
    first, z = found[0], found[3]
    assert first.test == z.test == "penalised likelihood ratio"
    assert math.log(first.estimate) == pytest.approx(-1.08305166779, rel=1e-7)
    assert math.log(first.conf_low) == pytest.approx(-5.99030667, abs=1e-7)
    assert math.log(first.conf_high) == pytest.approx(1.28886033, abs=1e-7)
    assert math.log(z.conf_low) == pytest.approx(-1.01049155, abs=1e-7)
    assert math.log(z.conf_high) == pytest.approx(0.48685347, abs=1e-7)
    assert first.note.startswith("no finite maximum (no events in a); Firth")
    # Test and limits come from the same likelihood.
    assert (first.p_value < 0.05) == (not first.conf_low <= 1 <= first.conf_high)


def test_firth_where_the_estimate_is_finite():
    firth = run(UNMATCHED, likelihood="firth", ties="breslow")
    # firthmodels is of Breslow ties; efron by our own fit is 1.54173938986.
    assert firth[0].test == "penalised likelihood ratio"
    assert firth[0].note == "Firth penalised likelihood"
    assert firth[0].interval_method == "Firth profile likelihood"
    assert math.log(firth[0].estimate) == pytest.approx(1.47933828359, rel=1e-9)
    # By its definition, on a grid: the penalised likelihood is highest there.
    likelihood = partial_likelihood(
        (UNMATCHED["group"] == "placebo").to_numpy(float),
        UNMATCHED["time"].to_numpy(), UNMATCHED["event"].to_numpy(), ties="breslow",
    )  # fmt: skip

    def height(b):
        value, _, information = likelihood.evaluate(np.array([b]))
        return value + math.log(information[0, 0]) / 2

    top = math.log(firth[0].estimate)
    assert height(top) > max(height(top - 1e-4), height(top + 1e-4))
    for limit in (firth[0].conf_low, firth[0].conf_high):
        drop = 2 * (height(top) - height(math.log(limit)))
        assert drop == pytest.approx(CHI2_95, rel=1e-8)


def test_separation_by_a_combination_of_covariates_is_named():
    # Neither x nor z alone orders the failures; x + z does.
    x = np.array([3.0, 1, 4, 0, 2, 0, 1, 0])
    z = np.array([2.0, 3, -1, 2, -1, 0, -2, -3])
    rows = pd.DataFrame({"time": np.arange(1.0, 9), "event": 1, "x": x, "z": z})
    found = of(run(rows, (), ("x", "z"), infinite="report"))
    assert all(math.isnan(row.estimate) for row in found)
    assert "combination of the columns" in found[0].note
    assert found[0].note.count(": x and z") == 1
    assert found[0].conf_low > 0
    # A hazard ratio of Firth's is finite, and says that nothing else is.
    firth = of(run(rows, (), ("x", "z")))[0]
    assert 1 < firth.estimate < math.inf
    assert "combination of the columns" in firth.note


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 1)),
             min_size=3, max_size=8)
)  # fmt: skip
def test_a_finite_estimate_is_never_a_runaway(data):
    """Whatever is reported as finite is a maximum; what runs off is named."""
    rows = pd.DataFrame(data, columns=["x", "z", "event"]).astype({"x": float})
    rows["time"] = np.arange(1.0, len(rows) + 1)
    for row in of(run(rows, (), ("x", "z"), infinite="report")):
        if math.isnan(row.estimate):
            assert row.note
            continue
        # Unbounded likelihoods would drive a search far beyond any such value.
        assert abs(math.log(row.estimate)) < 60
        assert row.std_error < 1e4


# --------------------------------------------------- clusters, truncation, weights


def test_members_of_a_pair_are_a_cluster_in_the_stratified_model_too():
    # coxph(Surv(t, e) ~ x + strata(p), cluster = p): 0.623609564462; by row (robust =
    # TRUE alone) 0.541895556035
    row = run(LEUKAEMIA, variance="robust")[0]
    assert row.std_error == pytest.approx(0.623609564462, rel=1e-9)
    assert row.note.endswith("robust variance over 21 pairs")
    few = run(LEUKAEMIA[LEUKAEMIA["pair"] < 12], variance="cluster", strata="never")[0]
    assert few.note == "robust variance over 12 pairs, so few that it tends to be too " \
        "small"  # fmt: skip


def test_cgd_repeated_infections():
    # coxph(Surv(tstart, tstop, status) ~ treat + cluster(id), cgd): -1.09528673526,
    # robust 0.311936577082, naive 0.261014320531; Breslow -1.09708098543,
    # 0.31115784266. lifelines gives 0.2544 (its residuals ignore entry and ties).
    rows = pd.read_csv(ROOT / "data/cgd1991_ifngamma/intervals.csv").rename(
        columns={"tstart_days": "start", "tstop_days": "stop", "infection": "event",
                 "treatment": "group"}
    )  # fmt: skip
    rows["start"] = rows["start"].astype(float)
    groups = ("rIFN-g", "placebo")
    row, *rest = run(rows, groups)
    assert math.log(row.estimate) == pytest.approx(-1.09528673526, rel=1e-9)
    assert row.std_error == pytest.approx(0.311936577082, rel=1e-9)
    assert (row.test, row.n) == ("Wald, robust", 128)
    assert row.note == "robust variance over 128 patients"
    naive = run(rows, groups, variance="naive")[0]
    assert naive.std_error == pytest.approx(0.261014320531, rel=1e-9)
    breslow = run(rows, groups, ties="breslow")[0]
    assert breslow.std_error == pytest.approx(0.31115784266, rel=1e-9)
    # cox.zph of the same model: 0.44222368392
    assert rest[-1].test_statistic == pytest.approx(0.44222368392, rel=1e-8)
    assert "independent" in rest[-1].note


def test_delayed_entry():
    rows = ROWS[["start", "stop", "event", "x"]].assign(
        group=np.where(ROWS["x"] == 1, "a", "b")
    )
    found = run(rows, ("a", "b"))
    # coxph(Surv(start, stop, event) ~ x): -0.0663492021793 (0.476971269268),
    # loglik -47.4736850463, -47.4639884464, score 0.0193571391185
    assert math.log(found[0].estimate) == pytest.approx(-0.0663492021793, rel=1e-8)
    assert found[0].std_error == pytest.approx(0.476971269268, rel=1e-9)
    ratio, score = found[1], found[2]
    assert ratio.test_statistic == pytest.approx(
        2 * (47.4736850463 - 47.4639884464), rel=1e-7
    )
    assert score.test_statistic == pytest.approx(0.0193571391185, rel=1e-8)
    # The end of follow-up may be called time as well.
    assert run(rows.rename(columns={"stop": "time"}), ("a", "b")) == found


@pytest.mark.parametrize(
    ("kind", "scale", "coefficient", "error", "test"),
    [
        # coxph(Surv(stop, event) ~ x, weights = w)
        ("case", 1, 0.0194645202015, 0.34380302434, "Wald"),
        # the same on d[rep(1:30, d$w), ]
        ("replicated", 1, 0.0232373570685, 0.343969000317, "Wald"),
        # coxph(..., weights = w / 2.5, robust = TRUE): free of the scale of weights
        ("probability", 2.5, 0.0194645202015, 0.48940537817, "Wald, robust"),
        ("probability", 1, 0.0194645202015, 0.48940537817, "Wald, robust"),
    ],
)
def test_what_weights_mean(kind, scale, coefficient, error, test):
    rows = ROWS[["event", "x"]].assign(time=ROWS["stop"].astype(float))
    rows["weight"] = ROWS["w"] / scale
    found = run(rows, (), ("x",), weights=kind)
    row = found[0]
    assert math.log(row.estimate) == pytest.approx(coefficient, rel=1e-8)
    assert row.std_error == pytest.approx(error, rel=1e-9)
    assert row.test == test
    assert (row.n, row.events) == ((60, 39) if kind == "replicated" else (30, 21))
    others = {e.test: e for e in of(found)[1:]}
    if kind == "probability":
        assert all(math.isnan(e.p_value) for e in others.values())
        assert "leave no likelihood" in others["score"].note
    else:
        assert all(0 < e.p_value < 1 for e in others.values())


def test_replicated_rows_are_the_rows_replicated():
    rows = ROWS[["start", "stop", "event", "x", "z"]].assign(stratum=ROWS["s"])
    weighted = run(rows.assign(weight=ROWS["w"].astype(float)), (), ("x", "z"),
                   weights="replicated", interval="profile")  # fmt: skip
    written = run(rows.loc[rows.index.repeat(ROWS["w"])], (), ("x", "z"),
                  interval="profile")  # fmt: skip
    # coxph(Surv(start, stop, event) ~ x + z + strata(s), d[rep(1:30, d$w), ])
    assert math.log(weighted[0].estimate) == pytest.approx(0.0549286164378, rel=1e-8)
    assert weighted[0].std_error == pytest.approx(0.3499137063180, rel=1e-9)
    for one, other in zip(weighted, written, strict=True):
        np.testing.assert_allclose(
            [one.estimate, one.conf_low, one.conf_high, one.p_value],
            [other.estimate, other.conf_low, other.conf_high, other.p_value],
            rtol=1e-9,
        )


def test_weights_that_cannot_serve():
    rows = UNMATCHED.assign(weight=1.5)
    assert "integers" in run(rows, weights="replicated")[0].note
    many = UNMATCHED.assign(weight=1000.0)
    assert "More than" in run(many, weights="replicated")[0].note
    # No finite maximum, and no likelihood to take limits from.
    rows.loc[rows["group"] == "6-MP", "event"] = 0
    (row,) = run(rows, weights="probability")
    assert math.isnan(row.estimate)
    assert "no events in 6-MP" in row.note
    assert "exact treatment of ties" in run(
        UNMATCHED.assign(weight=2.0), ties="exact", weights="probability")[0].note  # fmt: skip


# ------------------------------------------------------------------------- figures


def tables(rows, groups=("placebo", "6-MP"), covariates=(), **changed):
    sample = Sample(
        kind="individual", rows=rows, groups=groups,
        reference=groups[-1] if groups else "", covariates=covariates,
    )  # fmt: skip
    return cox.figure_data(sample, {**SETTINGS, **changed})


def test_profile_for_drawing():
    made = tables(UNMATCHED)
    curve, limits = made["likelihood"], made["limits"].set_index("curve")
    assert list(curve.columns) == [
        "column", "coefficient", "partial", "penalised", "wald"]  # fmt: skip
    assert set(curve["column"]) == {"placebo against 6-MP"}
    cut = limits["cut"].iloc[0]
    assert cut == pytest.approx(-CHI2_95 / 2)
    row = run(UNMATCHED, interval="profile")[0]
    assert limits.loc["partial", "low"] == pytest.approx(math.log(row.conf_low))
    for name in ("partial", "penalised", "wald"):
        heights = curve[name].to_numpy()
        assert heights.max() <= 1e-9
        at = np.interp(limits.loc[name, ["low", "high"]].astype(float),
                       curve["coefficient"], heights)  # fmt: skip
        np.testing.assert_allclose(at, cut, atol=0.01)
    # The curve is the likelihood itself.
    likelihood = partial_likelihood(
        (UNMATCHED["group"] == "placebo").to_numpy(float),
        UNMATCHED["time"].to_numpy(),
        UNMATCHED["event"].to_numpy(),
    )
    top = maximise(likelihood).log_likelihood
    for b, height in curve[["coefficient", "partial"]].to_numpy()[::10]:
        value = likelihood.evaluate(np.array([b]))[0]
        assert height == pytest.approx(value - top, abs=1e-9)


def test_profile_of_an_infinite_estimate():
    rows = paired([((1, 1), (2, 1))] * 6)
    made = tables(rows, ("a", "b"))
    curve, limits = made["likelihood"], made["limits"].set_index("curve")
    assert "wald" not in limits.index
    assert limits.loc["partial", "high"] == math.inf
    partial = curve["partial"].to_numpy()
    assert (np.diff(partial) > 0).all()
    assert partial[-1] < 0
    assert curve["wald"].isna().all()
    assert "residuals" not in made


def test_robust_limits_are_drawn_as_reported():
    row = run(LEUKAEMIA, strata="never", variance="cluster")[0]
    limits = tables(LEUKAEMIA, strata="never", variance="cluster")["limits"]
    robust = limits.set_index("curve").loc["robust"]
    assert robust["low"] == pytest.approx(math.log(row.conf_low))
    assert robust["high"] == pytest.approx(math.log(row.conf_high))


def test_residuals_for_drawing():
    made = tables(UNMATCHED)
    assert len(made["residuals"]) == 30
    assert made["residuals"]["estimate"].iloc[0] == pytest.approx(1.57212514883)
    line = made["smooth"]
    assert list(line["time"]) == sorted(set(made["residuals"]["time"]))
    assert (line["low"] < line["line"]).all()
    assert (line["line"] < line["high"]).all()
    few = tables(UNMATCHED[UNMATCHED["time"] > 9])
    assert len(few["residuals"]) == 13
    assert "smooth" not in few
    assert "residuals" not in tables(UNMATCHED, proportional_hazards="none")
    assert tables(UNMATCHED.assign(event=0)) == {}
    assert tables(UNMATCHED.assign(weight=0.5), weights="probability") == {}


@pytest.mark.parametrize("changed", [
    {}, {"likelihood": "firth"}, {"pairs": "exact-conditional"}, {"variance": "robust"},
    {"proportional_hazards": "log"}, {"infinite": "report", "interval": "profile"},
])  # fmt: skip
def test_every_small_sample_gives_numbers_or_reasons(changed):
    """Two pairs with times 1 and 2, every fifth way: no crash, no silent infinity."""
    ends = list(itertools.product((1, 2), (0, 1)))
    for outcome in list(itertools.product(ends, repeat=4))[::5]:
        rows = paired([(outcome[0], outcome[1]), (outcome[2], outcome[3])])
        for found in (run(rows, ("a", "b"), **changed),
                      run(rows.drop(columns="pair"), ("a", "b"), **changed)):  # fmt: skip
            for row in found:
                if row.statistic == "hazard_reduction":
                    continue
                number = row.p_value if row.statistic == "proportional_hazards" else (
                    row.estimate)  # fmt: skip
                assert math.isfinite(number) or row.note, (outcome, row)
                assert not row.p_value < 0.05, (outcome, row)


def test_the_model_counts_the_rows_it_uses():
    sample = Sample(kind="individual", rows=LEUKAEMIA, groups=("placebo", "6-MP"),
                    reference="6-MP")  # fmt: skip
    _, model = fit_model(sample, design(sample), SETTINGS)
    assert (model.n, model.events) == (42, 30)
    assert model.stratum.max() == 20
