"""Design analysis: what a trial of the printed size could have shown."""

from __future__ import annotations

import math
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import InputError, MethodError
from reanalysis.measurements.rank_laws import (
    doubled_midranks,
    rank_sum_law,
    signed_rank_law,
)
from reanalysis.methods import design
from reanalysis.sample import Sample
from reanalysis.studies.prepare import prepare_analysis
from reanalysis.tables.binomial import binomial_test
from reanalysis.trial_size import smallest_p_values as smallest
from reanalysis.trial_size.dose_escalation import (
    Rule,
    any_event,
    escalates,
    paths,
    upper_limit_without_events,
)
from reanalysis.trial_size.power import (
    detectable,
    detectable_hazard_ratio,
    expected_width,
    fisher_p_values,
    fisher_power,
    log_hazard_error,
    log_rank_power,
    sign_and_magnitude,
    signed_rank_power,
    t_power,
)

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SETTINGS = {**CONFIG["methods"]["design"], "conf_level": 0.95, "seed": 1}


def rows_of(layout, *sizes, **settings):
    sample = Sample(
        kind="summary",
        rows=pd.DataFrame({"value": [float(n) for n in sizes]}),
        options={"layout": layout},
    )
    return design.estimate(sample, {**SETTINGS, **settings})


# Smallest p-values


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 10])
def test_smallest_signed_rank_p_is_that_of_the_whole_law(n):
    law = signed_rank_law(tuple(doubled_midranks(np.arange(1, n + 1))))
    for sides, two_sided in (("two-sided", True), ("greater", False)):
        least = min(law.p_value(int(s), sides) for s in law.sums)
        assert smallest.signed_rank(n, two_sided=two_sided) == pytest.approx(least)


@pytest.mark.parametrize(("n1", "n0"), [(1, 2), (3, 3), (3, 6), (7, 18), (2, 4)])
def test_smallest_rank_sum_p_is_that_of_the_whole_law(n1, n0):
    law = rank_sum_law(tuple(doubled_midranks(np.arange(n1 + n0))), n1)
    least = min(law.p_value(int(s)) for s in law.sums)
    assert smallest.rank_sum(n1, n0) == pytest.approx(least, rel=1e-12)


def test_smallest_fisher_p_over_all_tables():
    # R: min over all tables of fisher.test(matrix(c(x, 7 - x, y, 18 - y), 2))$p.value
    #    2.08029956314e-06; for 3 and 3 0.1
    assert smallest.fisher_exact(7, 18) == pytest.approx(2.08029956314e-06, rel=1e-10)
    assert smallest.fisher_exact(3, 3) == pytest.approx(0.1, rel=1e-12)
    for n1, n0 in ((2, 5), (4, 4), (1, 1), (3, 6)):
        assert smallest.fisher_exact(n1, n0) == pytest.approx(
            fisher_p_values(n1, n0).min(), rel=1e-12
        )


@pytest.mark.parametrize(("n1", "n0"), [(2, 3), (3, 3), (1, 4), (4, 4)])
def test_smallest_permutation_log_rank_p_by_enumeration(n1, n0):
    n = n1 + n0
    # Log-rank scores without ties: 1 less the Nelson-Aalen sum at each failure.
    scores = 1 - np.cumsum(1 / np.arange(n, 0, -1))
    sums = np.array([scores[list(c)].sum() for c in combinations(range(n), n1)])
    extreme = np.abs(sums) >= np.abs(sums).max() - 1e-12
    assert smallest.permutation_log_rank(n1, n0) == pytest.approx(extreme.mean())


def test_smallest_binomial_p():
    assert smallest.one_proportion(6, 0.5) == pytest.approx(2 / 64)
    assert smallest.one_proportion(6, 0.2) == pytest.approx(0.2**6, rel=1e-9)
    assert smallest.one_proportion(6, 0.2, two_sided=False) == pytest.approx(0.2**6)


# Power


def test_power_of_t_tests():
    # R: power.t.test(n = 10, delta = 0.8, sd = 1, type = "paired", strict = TRUE)
    assert t_power(0.8, 10) == pytest.approx(0.616232763475, rel=1e-8)
    assert t_power(1.2, 10) == pytest.approx(0.92033338559, rel=1e-8)
    # R: pt(-q, 23, nc) + pt(q, 23, nc, lower = FALSE), nc = d * sqrt(7 * 18 / 25)
    assert t_power(0.8, 7, 18) == pytest.approx(0.405687746230, rel=1e-8)
    assert t_power(1.2, 7, 18) == pytest.approx(0.732436020453, rel=1e-8)
    assert t_power(0.0, 5, 4) == pytest.approx(0.05, rel=1e-8)
    # R: power.t.test(power = 0.8, n = 10, type = "one.sample", strict = TRUE)$delta
    found = detectable(lambda d: t_power(d, 10), 0.8, 10)
    assert found == pytest.approx(0.996000679253, rel=1e-5)  # uniroot's tolerance
    assert t_power(found, 10) == pytest.approx(0.8, abs=1e-10)
    with pytest.raises(MethodError):
        t_power(1.0, 1)


def test_power_of_fishers_test_over_all_tables():
    # R: sum over tables with fisher.test(...)$p.value <= 0.05 of dbinom * dbinom
    p = fisher_p_values(7, 18)
    assert fisher_power(p, 0.7, 0.1, 0.05) == pytest.approx(0.796676846891, rel=1e-9)
    assert fisher_power(p, 0.9, 0.5, 0.05) == pytest.approx(0.328236653034, rel=1e-9)
    small = fisher_p_values(3, 6)
    assert fisher_power(small, 0.1, 0.5, 0.05) == pytest.approx(0.07984375, rel=1e-9)


def test_expected_width_of_an_exact_interval():
    # R: sum(dbinom(0:7, 7, 0.1) * width of binom.test(x, 7)$conf.int)
    assert expected_width(7, 0.1) == pytest.approx(0.511716501899, rel=1e-9)
    assert expected_width(3, 0.5) == pytest.approx(0.849872244512, rel=1e-9)


def test_power_of_the_signed_rank_test_by_all_sign_patterns():
    # Without an effect every sign pattern is equally likely.
    law = signed_rank_law(tuple(range(2, 14, 2)))
    p = np.array([law.p_value(int(s)) for s in law.sums])
    level = law.ways[p <= 0.05].sum() / law.ways.sum()
    (found,) = signed_rank_power([0.0], 6, 0.05, seed=3, repeats=20_000)
    assert found == pytest.approx(level, abs=4 * math.sqrt(level * 0.97 / 20_000))
    # Five pairs reach no p below 0.0625, whatever the effect.
    assert signed_rank_power([5.0], 5, 0.05, seed=3).tolist() == [0.0]


@pytest.mark.parametrize("ratio", [1.0, 0.2])
def test_power_of_the_log_rank_test_by_all_orders(ratio):
    # The probability of an order under proportional hazards (Savage 1956).
    n1, n0, power = 3, 4, 0.0
    for places in combinations(range(n1 + n0), n1):
        first = [i in places for i in range(n1 + n0)]
        left, chance, excess, variance = [n1, n0], 1.0, 0.0, 0.0
        for mine in first:
            share = left[0] / sum(left)
            excess += mine - share
            variance += share * (1 - share)
            total = ratio * left[0] + left[1]
            chance *= (ratio * left[0] if mine else left[1]) / total
            left[0 if mine else 1] -= 1
        if excess**2 > 3.841458820694124 * variance:
            power += chance
    found = log_rank_power(ratio, n1, n0, 1.0, 0.05, seed=5, repeats=40_000)
    assert found == pytest.approx(power, abs=4 * math.sqrt(0.25 / 40_000))


def test_detectable_hazard_ratio_by_schoenfeld():
    # R: exp(-(qnorm(0.975) + qnorm(0.8)) / sqrt(15 * 7/25 * 18/25))
    assert detectable_hazard_ratio(15, 7 / 25, 0.8) == pytest.approx(
        0.199674935178, rel=1e-10
    )
    assert log_hazard_error(4, 4) == pytest.approx(math.sqrt(0.5))
    with pytest.raises(MethodError):
        log_hazard_error(0, 4)


def test_type_s_and_m_errors():
    # Gelman and Carlin (2014): an effect of 0.1 with error 3.28 has power 0.05, type S
    # 0.46 and exaggeration 77. R: pnorm for the first two, integrate() for the third.
    found = sign_and_magnitude(0.1, 3.28)
    assert found.power == pytest.approx(0.0501064820937, rel=1e-10)
    assert found.type_s == pytest.approx(0.4644228430379, rel=1e-10)
    assert found.exaggeration == pytest.approx(76.68916411091, rel=1e-8)
    found = sign_and_magnitude(-math.log(2), 0.5)
    assert found.power == pytest.approx(0.28350524411973, rel=1e-10)
    assert found.type_s == pytest.approx(0.00144459481616, rel=1e-9)
    assert found.exaggeration == pytest.approx(1.86192447406, rel=1e-8)
    for effect, error in ((0.0, 1.0), (1.0, 0.0)):
        with pytest.raises(MethodError):
            sign_and_magnitude(effect, error)


def test_significant_estimates_exaggerate_as_the_formula_says():
    draws = 0.6 + np.random.default_rng(7).standard_normal(400_000)
    kept = draws[np.abs(draws) > 1.959963984540054]
    found = sign_and_magnitude(0.6, 1.0)
    assert found.power == pytest.approx(kept.size / draws.size, abs=0.002)
    assert found.type_s == pytest.approx((kept < 0).mean(), abs=0.004)
    assert found.exaggeration == pytest.approx(np.abs(kept).mean() / 0.6, abs=0.02)


# Dose escalation


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.33, 0.5, 1.0])
def test_three_plus_three(rate):
    # Storer (1989): no toxicity in 3, or one in the first 3 and none in the next.
    q = 1 - rate
    passed, patients = escalates(Rule(3, 0, 1), rate)
    assert passed == pytest.approx(q**3 + 3 * rate * q**2 * q**3)
    assert patients == pytest.approx(3 * (1 + 3 * rate * q**2))


@pytest.mark.parametrize("rule", [Rule(2), Rule(2, 0, 1), Rule(3, 0, 2), Rule(4, 1, 3)])
def test_escalation_by_counting_every_outcome(rule):
    rate, passed, patients = 0.3, 0.0, 0.0
    for outcome in product((0, 1), repeat=2 * rule.cohort):
        chance = math.prod(rate if x else 1 - rate for x in outcome)
        seen = sum(outcome[: rule.cohort])
        again = rule.escalate < seen <= rule.expand
        patients += chance * rule.cohort * (2 if again else 1)
        if seen <= rule.escalate or (again and sum(outcome) <= rule.expand):
            passed += chance
    assert escalates(rule, rate) == pytest.approx((passed, patients))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_an_escalation_ends_somewhere(rates):
    stops, patients = paths(Rule(2, 0, 1), rates)
    assert stops.sum() == pytest.approx(1)
    assert (stops >= -1e-12).all()
    assert len(patients) == len(rates)


def test_rules_that_are_none_are_refused():
    for cohort, escalate, expand in ((0, 0, 0), (2, 1, 0), (2, 0, 4), (2, -1, 0)):
        with pytest.raises(MethodError):
            Rule(cohort, escalate, expand)


def test_rule_of_three():
    # Clopper and Pearson's one-sided limit at 0 of n.
    assert upper_limit_without_events(6) == pytest.approx(1 - 0.05 ** (1 / 6))
    assert upper_limit_without_events(100) == pytest.approx(3 / 100, rel=0.02)
    assert binomial_test(
        0, 6, upper_limit_without_events(6), "less"
    ).p_value == pytest.approx(0.05)
    assert any_event(2, 0.1) == pytest.approx(0.19)
    with pytest.raises(MethodError):
        upper_limit_without_events(0)


# Rows


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        ("one_arm", (3,)),
        ("one_arm", (1,)),
        ("pairs", (2,)),
        ("pairs", (10,)),
        ("groups", (7, 18)),
        ("groups", (1, 2)),
        ("survival", (7, 18)),
        ("survival", (1, 2)),
        ("dose_escalation", (2, 3)),
        ("dose_escalation", (1, 1)),
    ],
)
def test_every_row_names_its_assumption_and_looks_like_no_result(layout, sizes):
    rows = rows_of(layout, *sizes, simulations=200)
    assert rows
    for row in rows:
        assert row.note
        assert math.isnan(row.p_value)
        assert not math.isinf(row.estimate)
        assert row.group == ""
        assert row.term or row.statistic == "smallest_p_value" or row.note
        if row.unit == "proportion" and not math.isnan(row.estimate):
            assert -1e-12 <= row.estimate <= 1 + 1e-12
    figure = design.figure_data(
        Sample(
            kind="summary",
            rows=pd.DataFrame({"value": [float(n) for n in sizes]}),
            options={"layout": layout},
        ),
        {**SETTINGS, "simulations": 200},
    )
    assert figure["chances"]["y"].between(0, 1).all()


def test_what_seven_against_eighteen_can_show():
    rows = rows_of("survival", 7, 18)
    least = next(r for r in rows if r.statistic == "smallest_p_value")
    assert least.estimate == pytest.approx(1 / math.comb(25, 7))
    # With a third of the controls failing no benefit, however large, is found.
    lost = [
        r
        for r in rows
        if r.statistic == "detectable_hazard_ratio"
        and "below" in r.term
        and r.test == "log-rank"
        and "30 %" in r.term
    ]
    assert [math.isnan(r.estimate) for r in lost] == [True]
    assert "No hazard ratio below 1" in lost[0].note


def test_three_pairs_cannot_reach_significance():
    rows = rows_of("pairs", 3)
    least = {r.test: r for r in rows if r.statistic == "smallest_p_value"}
    assert least["signed-rank, exact"].estimate == 0.25
    assert "cannot be below 0.05" in least["signed-rank, exact"].note
    power = [
        r.estimate
        for r in rows
        if r.statistic == "power" and r.test == "signed-rank, exact"
    ]
    assert power == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("layout", "sizes", "said"),
    [
        ("pairs", (1,), "One pair"),
        ("groups", (1, 1), "Two patients"),
        ("one_arm", (0,), "no patient"),
        ("one_arm", (2.5,), "not whole"),
    ],
)
def test_sizes_that_allow_nothing_are_said(layout, sizes, said):
    (row,) = rows_of(layout, *sizes)
    assert math.isnan(row.estimate)
    assert said in row.note


def test_the_same_seed_gives_the_same_rows():
    assert repr(rows_of("survival", 7, 18)) == repr(rows_of("survival", 7, 18))
    assert repr(rows_of("pairs", 10)) != repr(rows_of("pairs", 10, seed=2))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"inputs": ["c"]}, "needs 'layout'"),
        ({"layout": "pairs"}, "needs 'inputs'"),
        ({"layout": "pairs", "inputs": ["c", "c"]}, "another number of inputs"),
        ({"layout": "pairs", "inputs": ["half"]}, "needs numbers of patients"),
        ({"layout": "pairs", "inputs": ["few"]}, "one exact number"),
    ],
)
def test_a_design_that_cannot_be_read_is_refused(declared, said):
    claims = [
        {"claim_id": name, "printed": text, "value": text.strip("<"), "relation": r}
        for name, text, r in (("c", "7", "="), ("half", "2.5", "="), ("few", "<7", "<"))
    ]
    claims = [{**claim, "statistic": "n", "unit": ""} for claim in claims]
    with pytest.raises(InputError, match=said):
        prepare_analysis(
            "size",
            {"method": "design", "endpoint": "e", **declared},
            {"populations": {}},
            {},
            claims,
            "study.yaml",
        )


def test_more_pairs_than_an_exact_law_takes():
    rows = rows_of("pairs", 60, simulations=200)
    ranked = [r for r in rows if r.statistic == "power" and "rank" in r.test]
    t = [r for r in rows if r.statistic == "power" and r.test == "t, paired"]
    assert ranked
    assert {r.test for r in ranked} == {"signed-rank, normal"}
    for one, other in zip(ranked, t, strict=True):
        assert one.estimate == pytest.approx(other.estimate, abs=0.12)
    sample = Sample(
        kind="individual",
        rows=pd.DataFrame({"value": [60.0]}),
        options={"layout": "pairs"},
    )
    drawn = design.figure_data(sample, {**SETTINGS, "simulations": 50})
    assert drawn
