"""Tables over strata against R, enumeration and the unstratified methods."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from reanalysis.errors import MethodError
from reanalysis.methods import tables
from reanalysis.sample import Sample
from reanalysis.tables import stratified_tables, two_by_two

INF = math.inf
SETTINGS = {
    "test": "fisher",
    "alternative": "two-sided",
    "odds_ratio": "conditional-mle",
    "interval_odds_ratio": "conditional-exact",
    "interval_risk_ratio": "log",
    "interval_risk_difference": "newcombe",
    "conf_level": 0.95,
    "seed": 1,
}
ALTERNATIVES = ("two-sided", "less", "greater")
# Events and patients of the group, events and patients of the reference.
DATA = {
    # The rabbits of R's help page of mantelhaen.test.
    "rabbits": np.array(
        [(0, 6, 0, 5), (3, 6, 0, 6), (6, 6, 2, 6), (5, 6, 6, 6), (2, 2, 5, 5)]
    ),
    "sparse": np.array([(2, 3, 3, 7), (1, 2, 2, 4), (3, 3, 1, 4), (0, 0, 4, 9)]),
}
# R 4.2.2 of array(c(x, y, n - x, m - y), c(2, 2, strata)): mantelhaen.test with and without correction
# (two-sided, less, greater), with exact = TRUE; metafor rma.mh (OR, RR, RD and their
# limits, Breslow-Day with and without Tarone's correction).
R = {
    "rabbits": {
        "corrected": (3.92857142857143, (0.0474722551429181, 0.976263872428541, 0.0237361275714591)),
        "plain": (5.65714285714286, (0.0173844203520662, 0.991307789823967, 0.00869221017603309)),
        "exact": (16, (0.0399449035812672, 0.99862258953168, 0.0199724517906336)),
        "odds": (7, 1.02671268846167, 47.7251333802226),
        "conditional": (10.3610240813749, 1.07740143018898, 529.837399023352),
        "ratio": (1.55263157894737, 1.03063827821833, 2.33900183109048),
        "difference": (0.228035538005923, 0.0949348406240157, 0.0419666695048022, 0.414104406507044),
        "breslow-day": ((8.62733176236507, 0.013384393951994), (8.35831560146456, 0.0153113973857316)),
    },
    "sparse": {
        "corrected": (1.12214269221889, (0.28945754430445, 0.855271227847775, 0.144728772152225)),
        "plain": (2.16462710690372, (0.141218876143886, 0.929390561928058, 0.0706094380719425)),
        "exact": (6, (0.214285714285714, 0.974285714285714, 0.14)),
        "odds": (3.81954887218045, 0.634590115314613, 22.9895695424473),
        "conditional": (3.62341985591539, 0.494369926066084, 43.8183853185818),
        "ratio": (1.89498806682578, 0.831031107514616, 4.32111354309193),
        "difference": (0.346901017576318, 0.212092250082146, -0.0687921539847506, 0.762594189137387),
        "breslow-day": ((2.27608900307507, 0.320445039310367), (2.25198463007089, 0.324330469621715)),
    },
}  # fmt: skip


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=1e-12)


def patients(table) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (str(k), group, int(i < events))
            for k, (x, n, y, m) in enumerate(table)
            for group, events, size in (("t", x, n), ("c", y, m))
            for i in range(size)
        ],
        columns=["stratum", "group", "event"],
    )


def rows_of(frame, **settings):
    sample = Sample(kind="individual", rows=frame, groups=("t", "c"), reference="c")
    return [r for r in tables.estimate(sample, SETTINGS | settings) if r.reference]


@pytest.mark.parametrize("name", DATA)
def test_tests_and_effects_against_r(name):
    table, r = DATA[name], R[name]
    for corrected in (True, False):
        statistic, p_values = r["corrected" if corrected else "plain"]
        for alternative, p in zip(ALTERNATIVES, p_values, strict=True):
            test = stratified_tables.mantel_haenszel_test(
                table, alternative, corrected=corrected
            )
            assert (test.statistic, test.p_value) == close((statistic, p))
    statistic, p_values = r["exact"]
    for alternative, p in zip(ALTERNATIVES, p_values, strict=True):
        test = stratified_tables.exact_test(table, alternative)
        assert (test.statistic, test.p_value) == close((statistic, p))
    estimate = stratified_tables.mantel_haenszel_odds_ratio(table)
    limits = stratified_tables.robins_limits(table, 0.95)
    assert (estimate, *limits) == close(r["odds"])
    ratio, limits = stratified_tables.mantel_haenszel_risk_ratio(table, 0.95)
    assert (ratio, *limits) == close(r["ratio"])
    difference = stratified_tables.mantel_haenszel_risk_difference(table, 0.95)
    assert (*difference[:2], *difference[2]) == close(r["difference"])
    for tarone, expected in zip((False, True), r["breslow-day"], strict=True):
        test = stratified_tables.breslow_day(table, tarone=tarone)
        assert (test.statistic, test.p_value) == close(expected)


@pytest.mark.parametrize("name", DATA)
def test_conditional_odds_ratio_solves_its_equations(name):
    # R's uniroot stops at 1e-4, so its numbers are near and the equations decide.
    table = DATA[name]
    estimate = stratified_tables.conditional_odds_ratio(table)
    low, high = stratified_tables.conditional_limits(table, 0.95)
    assert (estimate, low, high) == pytest.approx(R[name]["conditional"], rel=5e-3)
    law, observed = enumerated(table, estimate)
    assert sum(k * p for k, p in law.items()) == close(observed)
    law, observed = enumerated(table, low)
    assert sum(p for k, p in law.items() if k >= observed) == close(0.025)
    law, observed = enumerated(table, high)
    assert sum(p for k, p in law.items() if k <= observed) == close(0.025)
    low, high = stratified_tables.conditional_limits(table, 0.95, mid_p=True)
    for limit in (low, high):
        law, observed = enumerated(table, limit)
        above = sum(p for k, p in law.items() if k > observed) + law[observed] / 2
        assert above == close(0.025 if limit == low else 0.975)


def enumerated(table, odds):
    """Law of the group's events by listing every set of tables with the margins."""
    law: dict[int, float] = {}
    spans = [range(max(0, x + y - m), min(n, x + y) + 1) for x, n, y, m in table]
    for counts in itertools.product(*spans):
        weight = odds ** sum(counts)
        for k, (x, n, y, m) in zip(counts, table, strict=True):
            weight *= math.comb(n, k) * math.comb(m, x + y - k)
        law[sum(counts)] = law.get(sum(counts), 0.0) + weight
    total = sum(law.values())
    return {k: w / total for k, w in law.items()}, int(table[:, 0].sum())


@hypothesis_settings(deadline=None)
@given(
    strategies.tuples(*[strategies.integers(1, 9)] * 2).flatmap(
        lambda sizes: strategies.tuples(
            strategies.integers(0, sizes[0]),
            strategies.just(sizes[0]),
            strategies.integers(0, sizes[1]),
            strategies.just(sizes[1]),
        )
    )
)
def test_one_stratum_is_the_plain_table(cells):
    x, n, y, m = cells
    if x + y in (0, n + m):
        with pytest.raises(MethodError, match="no stratum"):
            stratified_tables.exact_test([cells])
        return
    for alternative in ALTERNATIVES:
        exact = stratified_tables.exact_test([cells], alternative)
        assert exact.p_value == close(two_by_two.fisher(*cells, alternative).p_value)
        middle = stratified_tables.exact_test([cells], alternative, mid_p=True)
        plain = two_by_two.fisher(*cells, alternative, mid_p=True)
        assert middle.p_value == close(plain.p_value)
        chi = two_by_two.chi_square(*cells, alternative, "n-1")
        test = stratified_tables.mantel_haenszel_test([cells], alternative)
        assert (test.statistic, test.p_value) == close((chi.statistic, chi.p_value))
    assert stratified_tables.conditional_odds_ratio([cells]) == close(
        two_by_two.conditional_odds_ratio(*cells), 1e-7
    )


def test_swapping_the_groups_turns_every_effect():
    swapped = DATA["sparse"][:, [2, 3, 0, 1]]
    for function in (
        stratified_tables.conditional_odds_ratio,
        stratified_tables.mantel_haenszel_odds_ratio,
    ):
        assert function(swapped) == close(1 / function(DATA["sparse"]))
    low, high = stratified_tables.conditional_limits(DATA["sparse"], 0.9)
    assert stratified_tables.conditional_limits(swapped, 0.9) == close(
        (1 / high, 1 / low)
    )


def test_a_common_odds_ratio_of_simpsons_tables():
    # The strata show no effect, the two together a strong one.
    table = np.array([(9, 90, 1, 10), (9, 10, 81, 90)])
    assert stratified_tables.mantel_haenszel_odds_ratio(table) == close(1)
    assert stratified_tables.conditional_odds_ratio(table) == close(1, 1e-6)
    assert two_by_two.sample_odds_ratio(18, 100, 82, 100) < 0.05


def test_rows_name_their_estimate_interval_and_test():
    first, beside, *others = rows_of(patients(DATA["sparse"]))
    assert first.statistic == beside.statistic == "odds_ratio"
    assert first.estimate == close(3.623320915786818)
    assert (first.interval_method, first.test) == (
        "conditional exact",
        "Mantel-Haenszel, exact",
    )
    assert first.p_value == close(0.214285714285714)
    assert (
        first.note == "Odds ratio over strata, conditional. 3 of 4 strata informative."
    )
    assert (beside.term, beside.interval_method) == (
        "Mantel-Haenszel",
        "Robins-Breslow-Greenland",
    )
    assert beside.estimate == close(3.81954887218045)
    assert {r.test for r in others if r.statistic == "test"} == {
        "Mantel-Haenszel, exact",
        "Mantel-Haenszel",
        "Mantel-Haenszel, corrected",
        "Mantel-Haenszel, mid-P",
        "Breslow-Day",
        "Breslow-Day, Tarone",
    }
    first, beside, *_ = rows_of(
        patients(DATA["sparse"]),
        test="mantel-haenszel",
        odds_ratio="sample",
        interval_odds_ratio="woolf",
    )
    assert (first.estimate, first.conf_low, first.conf_high) == close(
        R["sparse"]["odds"]
    )
    assert first.p_value == close(0.141218876143886)
    assert beside.term == "conditional"


def test_printed_counts_by_stratum_give_the_same():
    counts = pd.DataFrame(
        [
            (str(k), group, events, size)
            for k, (x, n, y, m) in enumerate(DATA["sparse"])
            for group, events, size in (("t", x, n), ("c", y, m))
        ],
        columns=["stratum", "group", "count", "n"],
    )
    assert rows_of(counts) == rows_of(patients(DATA["sparse"]))


def test_strata_without_information_are_said():
    for events in (0, 1):
        rows = rows_of(patients(DATA["sparse"]).assign(event=events))
        assert math.isnan(rows[0].estimate)
        assert "0 of 4 strata informative" in rows[0].note
        assert rows[0].note.count("no stratum") == 1
        assert all(math.isnan(r.p_value) for r in rows)
    apart = patients(DATA["sparse"])
    rows = rows_of(apart.assign(stratum=apart["group"]))
    assert all(math.isnan(r.estimate) and r.note for r in rows)


def test_one_direction_in_all_strata_is_said():
    rows = rows_of(patients([(3, 3, 0, 4), (2, 2, 0, 3)]))
    assert (rows[0].estimate, rows[0].conf_high) == (INF, INF)
    assert 1 < rows[0].conf_low < INF
    assert "one direction" in rows[0].note
    assert math.isnan(rows[1].conf_low)
    homogeneity = [r for r in rows if r.term == "homogeneity"]
    assert all(math.isnan(r.p_value) and "infinite" in r.note for r in homogeneity)


def test_too_many_patients_leave_the_large_sample_method():
    table = np.array([(300, 2000, 350, 2000), (500, 3000, 420, 3000)])
    rows = rows_of(patients(table), odds_ratio="sample")
    assert "too large" in rows[0].note
    assert rows[0].estimate > 0
    assert math.isnan(rows[0].conf_low)
    plain = next(r for r in rows if r.test == "Mantel-Haenszel" and not r.term)
    assert 0 < plain.p_value < 1


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    strategies.lists(
        strategies.tuples(*[strategies.integers(0, 3)] * 4), min_size=1, max_size=4
    ),
    strategies.sampled_from(sorted(tables.STRATIFIED_TESTS)),
    strategies.sampled_from(sorted(tables.STRATIFIED_ODDS_RATIOS)),
    strategies.sampled_from(sorted(tables.STRATIFIED_INTERVALS)),
)
def test_awkward_strata_never_fail(cells, test, odds_ratio, interval):
    table = [(a, a + b, c, c + d) for a, b, c, d in cells]
    frame = patients(table)
    rows = rows_of(
        frame, test=test, odds_ratio=odds_ratio, interval_odds_ratio=interval
    )
    for row in rows:
        if math.isnan(row.estimate) and math.isnan(row.p_value):
            assert row.note
        if math.isinf(row.estimate):
            assert row.note
        assert not row.p_value < 0
        assert not row.p_value > 1
        assert not (row.estimate > 1 and row.conf_high < 1)
    if frame["event"].nunique() < 2:
        assert all(math.isnan(row.p_value) for row in rows)
