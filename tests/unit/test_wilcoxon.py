"""Location tests and shifts against R, enumeration and closed forms."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reanalysis.errors import MethodError
from reanalysis.measurements.location import (
    adjusted_p_values,
    decimal,
    hodges_lehmann,
    hodges_lehmann_shift,
    kruskal_wallis_test,
    mann_whitney_test,
    sign_test,
    signed_rank_test,
    walsh_averages,
)
from reanalysis.measurements.rank_laws import (
    doubled_midranks,
    rank_sum_law,
    signed_rank_law,
)
from reanalysis.methods.wilcoxon import estimate, figure_data
from reanalysis.sample import Sample

SETTINGS = {
    "test": "wilcoxon",
    "zeros": "wilcox",
    "p_value": "exact",
    "continuity": False,
    "equal_variance": False,
    "alternative": "two-sided",
    "adjust": "none",
    "paired": "as_declared",
    "conf_level": 0.95,
    "seed": 1,
}
SIDES = ("two-sided", "less", "greater")

# Hamilton depression factor before and after (Hollander and Wolfe 1973, p. 29).
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
# Permeability of the membrane at term and at 12 to 26 weeks (the same, p. 69).
TERM = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
EARLY = np.array([1.15, 0.88, 0.90, 0.74, 1.21])
TIED = np.array([-5, -3, -3, -2, -2, -2, -1, 0, 0, 1, 1, 4, -6, -7], dtype=float)
X = np.array([1, 2, 2, 3, 5, 7, 7, 9], dtype=float)
Y = np.array([0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 0], dtype=float)
# R's data set sleep: extra hours under either drug.
DRUG_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
DRUG_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def paired(before, after, **more) -> Sample:
    rows = pd.DataFrame({"before": before, "after": after}, dtype=float)
    return Sample(kind="individual", rows=rows, **more)


def grouped(**groups) -> Sample:
    rows = pd.DataFrame(
        [(label, float(v)) for label, values in groups.items() for v in values],
        columns=["group", "value"],
    )
    labels = tuple(groups)
    return Sample(kind="individual", rows=rows, groups=labels, reference=labels[-1])


def visits(records, **options) -> Sample:
    rows = pd.DataFrame(records, columns=["id", "visit", "value"])
    return Sample(kind="individual", rows=rows, options=options)


def printed(*lines, groups=()) -> Sample:
    """Summary rows of (group, mean, half unit, sd, half unit, n)."""
    names = ["group", "mean", "mean_low", "mean_high", "sd", "sd_low", "sd_high", "n"]
    rows = [(g, m, m - a, m + a, s, s - b, s + b, n) for g, m, a, s, b, n in lines]
    frame = pd.DataFrame(rows, columns=names)
    reference = groups[-1] if groups else ""
    if not groups:
        frame = frame.drop(columns="group")
    return Sample(kind="summary", rows=frame, groups=groups, reference=reference)


def row(rows, test="", **fields):
    """Return the first row of a test (by the start of its name) with these fields."""
    return next(
        r
        for r in rows
        if r.test.startswith(test)
        and all(getattr(r, name) == value for name, value in fields.items())
    )


# Laws -----------------------------------------------------------------------


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [1, 1, 2, 5, 5, 5, 7], [3, 3, 3]])
def test_signed_rank_law_against_enumeration(values):
    ranks = doubled_midranks(values)
    sums = [np.dot(s, ranks) for s in product((0, 1), repeat=len(ranks))]
    law = signed_rank_law(ranks)
    counted = dict(zip(law.sums.tolist(), law.ways.tolist(), strict=True))
    assert {s: w for s, w in counted.items() if w} == {
        s: sums.count(s) for s in set(sums)
    }


@pytest.mark.parametrize("size", [1, 2, 4, 6])
@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 5, 5, 5, 7], [3, 3, 3, 3, 3, 3, 3]]
)
def test_rank_sum_law_against_enumeration(values, size):
    ranks = doubled_midranks(values)
    sums = [sum(c) for c in combinations(ranks.tolist(), size)]
    law = rank_sum_law(ranks, size)
    counted = dict(zip(law.sums.tolist(), law.ways.tolist(), strict=True))
    assert {s: w for s, w in counted.items() if w} == {
        s: sums.count(s) for s in set(sums)
    }
    centre = law.centre[0] / law.centre[1]
    for observed in sorted(set(sums)):
        far = [s for s in sums if abs(s - centre) >= abs(observed - centre) - 1e-9]
        assert law.p_value(observed) == close(len(far) / len(sums))


def test_all_arrangements_are_counted_at_the_limit():
    assert rank_sum_law(range(2, 101, 2), 25).ways.sum() == math.comb(50, 25)
    assert signed_rank_law(range(2, 101, 2)).ways.sum() == 2**50
    with pytest.raises(MethodError, match="more than 50"):
        signed_rank_law(range(2, 103, 2))
    with pytest.raises(MethodError, match="without values"):
        rank_sum_law([2, 4], 0)


# Signed rank ----------------------------------------------------------------


def test_signed_rank_without_ties():
    # wilcox.test(after, before, paired = TRUE, conf.int = TRUE): V = 5,
    # p-value = 0.0390625, -0.786 to -0.010, pseudomedian -0.46;
    # alternative "less" 0.01953125, "greater" 0.986328125
    d = decimal(AFTER - BEFORE)
    for side, p in zip(SIDES, (0.0390625, 0.01953125, 0.986328125), strict=True):
        assert signed_rank_test(d, alternative=side).p_value == p
    assert signed_rank_test(d).statistic == 5
    shift = hodges_lehmann(d)
    assert (shift.estimate, shift.low, shift.high) == (-0.46, -0.786, -0.01)
    # exact = FALSE, correct = FALSE: 0.0381517101734152; TRUE: 0.04401098401295146;
    # both intervals (tol.root = 1e-10) -0.786, -0.010
    for correct, p in ((False, 0.0381517101734152), (True, 0.04401098401295146)):
        test = signed_rank_test(d, exact=False, continuity=correct)
        assert test.p_value == close(p)
        shift = hodges_lehmann(d, exact=False, continuity=correct)
        assert (shift.low, shift.high) == (-0.786, -0.01)


@pytest.mark.parametrize(
    ("side", "wilcox", "pratt"),
    [
        # wilcox.exact(d); wilcoxsign_test(zero.method =, distribution = "exact")
        # gives the same "Wilcoxon" column
        ("two-sided", 0.0390625, 0.0439453125),
        ("less", 0.01953125, 0.02197265625),
        ("greater", 0.98193359375, 0.98046875),
    ],
)
def test_exact_signed_rank_with_ties_and_zeros(side, wilcox, pratt):
    p = {
        zeros: signed_rank_test(TIED, zeros=zeros, alternative=side).p_value
        for zeros in ("wilcox", "pratt", "zsplit")
    }
    assert p == {"wilcox": wilcox, "pratt": pratt, "zsplit": pratt}


@pytest.mark.parametrize(
    ("side", "plain", "corrected", "pratt"),
    [
        # wilcox.test(d, exact = FALSE, correct = FALSE / TRUE);
        # wilcoxsign_test(zero.method = "Pratt", distribution = "asymptotic")
        ("two-sided", 0.0406870720162621, 0.0447129249053952, 0.0435584709845486),
        ("less", 0.020343536008131, 0.0223564624526976, 0.0217792354922743),
        ("greater", 0.979656463991869, 0.981513612584665, 0.978220764507726),
    ],
)
def test_normal_signed_rank_with_ties_and_zeros(side, plain, corrected, pratt):
    def p(**options):
        options |= {"exact": False, "alternative": side}
        return signed_rank_test(TIED, **options).p_value

    assert p() == close(plain)
    assert p(continuity=True) == close(corrected)
    assert p(zeros="pratt") == close(pratt)


def test_zsplit_normal_gives_signs_to_zeros():
    # scipy.stats.wilcoxon(d, zero_method="zsplit", method="asymptotic"):
    # statistic=20.5 (the smaller rank sum), pvalue=0.044029098735850654
    test = signed_rank_test(TIED, zeros="zsplit", exact=False)
    assert test.statistic == 20.5
    assert test.p_value == close(0.044029098735850654)


def test_normal_interval_with_ties():
    # wilcox.test(d[d != 0], exact = FALSE, conf.int = TRUE, tol.root = 1e-10):
    # correct = FALSE -4, -0.5; TRUE -4, 0
    d = TIED[TIED != 0]
    plain = hodges_lehmann(d, exact=False)
    assert (plain.low, plain.high) == (-4, -0.5)
    corrected = hodges_lehmann(d, exact=False, continuity=True)
    assert (corrected.low, corrected.high) == (-4, 0)


def test_known_signed_rank_values():
    assert signed_rank_test(-np.arange(1.0, 11)).p_value == 2 / 1024
    d = np.array([-1, 2, 3, 4, 5, 6], dtype=float)
    assert signed_rank_test(d).p_value == 0.0625
    normal = signed_rank_test(d, exact=False)
    assert normal.p_value == pytest.approx(0.0464, abs=5e-5)
    # wilcox.exact(s2, s1, paired = TRUE) on sleep: V = 45, p = 0.00390625
    sleep = signed_rank_test(decimal(DRUG_2 - DRUG_1))
    assert (sleep.statistic, sleep.p_value) == (45, 0.00390625)
    # wilcox.exact(((1:40) * 37) %% 41 - 17): 0.0791374093350896
    # wilcoxsign_test(..., zero.method = "Pratt"): 0.0822607576628798
    d = (np.arange(1, 41) * 37) % 41 - 17
    assert signed_rank_test(d).p_value == close(0.0791374093350896)
    assert signed_rank_test(d, zeros="pratt").p_value == close(0.0822607576628798)


def test_binary_noise_makes_no_ties_or_zeros_disappear():
    after, before = np.array([5.1, 4.8, 0.3]), np.array([4.9, 4.6, 0.3])
    assert len(set(after - before)) == 3
    assert decimal(after - before).tolist() == [0.2, 0.2, 0.0]
    assert decimal([0.0, 0.0]).tolist() == [0.0, 0.0]


def test_walsh_averages():
    assert walsh_averages([1, 4, 2]).tolist() == [1, 1.5, 2, 2.5, 3, 4]


def test_interval_of_five_says_its_level():
    # wilcox.test(c(1, 2.5, 4, 7, 11.3), conf.int = TRUE): 1 to 11.3, p = 0.0625
    shift = hodges_lehmann([1, 2.5, 4, 7, 11.3])
    assert (shift.low, shift.high, shift.level) == (1, 11.3, 0.9375)
    assert "93.8 %" in shift.note
    assert math.isnan(hodges_lehmann([3.0]).low)
    few = hodges_lehmann([3.0, 4.0], exact=False)
    assert math.isnan(few.low)
    assert few.note


# Mann-Whitney ---------------------------------------------------------------


def test_mann_whitney_without_ties():
    # wilcox.test(x, y, conf.int = TRUE): W = 35, p-value = 0.254412254412254,
    # -0.15 to 0.76, difference 0.305; "less" 0.896769896769897,
    # "greater" 0.127206127206127
    expected = (0.254412254412254, 0.896769896769897, 0.127206127206127)
    for side, p in zip(SIDES, expected, strict=True):
        test = mann_whitney_test(TERM, EARLY, alternative=side)
        assert test.statistic == 35
        assert test.p_value == close(p)
    shift = hodges_lehmann_shift(TERM, EARLY)
    assert (shift.low, shift.high) == (-0.15, 0.76)
    assert shift.estimate == close(0.305)
    # exact = FALSE: 0.220671361919847 and, corrected, 0.244623605126983;
    # both intervals -0.15, 0.76
    for correct, p in ((False, 0.220671361919847), (True, 0.244623605126983)):
        options = {"exact": False, "continuity": correct}
        assert mann_whitney_test(TERM, EARLY, **options).p_value == close(p)
        shift = hodges_lehmann_shift(TERM, EARLY, **options)
        assert (shift.low, shift.high) == (-0.15, 0.76)


@pytest.mark.parametrize(
    ("side", "exact", "plain", "corrected"),
    [
        # wilcox_test(distribution = "exact") = wilcox.exact; wilcox.test(exact = FALSE,
        # correct = FALSE / TRUE); W = 64
        ("two-sided", 0.10207456801884, 0.0946512571371358, 0.103191835287898),
        ("less", 0.95305760630838, 0.952674371431432, 0.956656656763879),
        ("greater", 0.0529094228784631, 0.0473256285685679, 0.0515959176439492),
    ],
)
def test_mann_whitney_with_ties(side, exact, plain, corrected):
    test = mann_whitney_test(X, Y, alternative=side)
    assert test.statistic == 64
    assert test.p_value == close(exact)
    for correct, p in ((False, plain), (True, corrected)):
        test = mann_whitney_test(
            X, Y, exact=False, continuity=correct, alternative=side
        )
        assert test.p_value == close(p)
    # wilcox.test(conf.int = TRUE, tol.root = 1e-10): 0 to 5 with and without correction
    for correct in (False, True):
        shift = hodges_lehmann_shift(X, Y, exact=False, continuity=correct)
        assert (shift.estimate, shift.low, shift.high) == (2, 0, 5)


def test_known_mann_whitney_values():
    separated = mann_whitney_test([1, 2, 3], [4, 5, 6, 7, 8, 9])
    assert separated.p_value == 2 / 84
    # An asymmetric law: wilcox_test(distribution = "exact") = wilcox.exact:
    # 0.0833333333333333, "greater" 0.0357142857142857
    x, y = [2, 5, 9], [1, 1, 1, 1, 2, 3]
    assert mann_whitney_test(x, y).p_value == close(7 / 84)
    assert mann_whitney_test(x, y, alternative="greater").p_value == close(3 / 84)
    assert "distance" in mann_whitney_test(x, y).note
    # wilcox_test on 25 against 25 values with ties: 0.5866589781355755
    i = np.arange(1, 31)
    x, y = (i * 37) % 101, (i[:28] * 53) % 97 + 8
    assert mann_whitney_test(x[:25], y[:25]).p_value == close(0.5866589781355755)
    # 30 against 28, wilcox.test(exact = FALSE, correct = FALSE): W = 412,
    # p-value = 0.900919615284732, -16 to 15
    test = mann_whitney_test(x, y)
    assert test.name == "Mann-Whitney, normal"
    assert "more than 50" in test.note
    assert (test.statistic, test.p_value) == (412, close(0.900919615284732))
    shift = hodges_lehmann_shift(x, y)
    assert (shift.low, shift.high) == (-16, 15)


# Other tests ----------------------------------------------------------------


def test_sign_test():
    # binom.test(3, 12): 0.145996093750; "less" 0.072998046875, "greater" 0.980712890625
    d = np.array([1.0] * 3 + [-2.0] * 9 + [0.0])
    expected = (0.145996093750, 0.072998046875, 0.980712890625)
    for side, p in zip(SIDES, expected, strict=True):
        assert sign_test(d, alternative=side).p_value == close(p)
    assert sign_test(np.zeros(4)).p_value == 1
    assert sign_test(d).note == "3 up, 9 down, 1 unchanged"


def test_kruskal_wallis():
    # kruskal.test(list(x, y, c(3, 3, 4, 8, 2))): 3.758962896736707, 0.152669252124163
    test = kruskal_wallis_test([X, Y, [3, 3, 4, 8, 2]])
    assert (test.statistic, test.p_value) == (
        close(3.758962896736707),
        close(0.152669252124163),
    )


def test_adjusted_p_values():
    # p.adjust(c(.01, .04, .03, .005, NA), "holm"): 0.03 0.06 0.06 0.02 NA;
    # "BH": 0.02 0.04 0.04 0.02 NA
    p = [0.01, 0.04, 0.03, 0.005, math.nan]
    assert adjusted_p_values(p, "holm")[:4] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    fdr = adjusted_p_values(p, "benjamini-hochberg")
    assert fdr[:4] == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert math.isnan(fdr[4])
    with pytest.raises(MethodError, match="hochberg"):
        adjusted_p_values(p, "hochberg")


def test_t_rows_of_individual_values():
    rows = estimate(grouped(A=X, B=Y), SETTINGS)
    # t.test(x, y): t = 2.0296806606051985, df = 10.0438373344581997,
    # p-value = 0.0697190808828951, -0.2251625007371490 to 4.8615261371007854,
    # stderr 1.1421411570678297
    welch = row(rows, "Welch t")
    assert (welch.test_statistic, welch.df, welch.p_value) == (
        close(2.0296806606051985),
        close(10.0438373344581997),
        close(0.0697190808828951),
    )
    assert (welch.conf_low, welch.conf_high) == (
        close(-0.2251625007371490),
        close(4.8615261371007854),
    )
    assert welch.std_error == close(1.1421411570678297)
    # var.equal = TRUE: t = 2.2228358001213313, df = 17, p-value = 0.0400797993850679,
    # 0.1178680964111889 to 4.5184955399524469
    student = row(rows, "Student t")
    assert (student.test_statistic, student.df, student.p_value) == (
        close(2.2228358001213313),
        17,
        close(0.0400797993850679),
    )
    assert (student.conf_low, student.conf_high) == (
        close(0.1178680964111889),
        close(4.5184955399524469),
    )
    # t.test(x, y, alternative = "greater"): 0.0348595404414476
    rows = estimate(grouped(A=X, B=Y), SETTINGS | {"alternative": "greater"})
    assert row(rows, "Welch t").p_value == close(0.0348595404414476)
    # Cohen's d = t sqrt(1/n1 + 1/n2); g = d J(17), J by the gamma function
    d = row(rows, term="Cohen d")
    assert d.estimate == close(2.2228358001213313 * math.sqrt(1 / 8 + 1 / 11))
    j = math.gamma(8.5) / (math.sqrt(8.5) * math.gamma(8))
    assert row(rows, term="Hedges g").estimate == close(j * d.estimate)


# Rows -----------------------------------------------------------------------


def test_rows_of_pairs():
    rows = estimate(paired(DRUG_1, DRUG_2, unit="h"), SETTINGS)
    names = [r.test for r in rows]
    assert names == ["signed-rank, exact"] * 2 + ["sign test", "paired t"]
    assert (rows[0].n, rows[0].unit, rows[0].group) == (10, "h", "")
    assert rows[0].note.startswith("10 differences, 1 of them zero (dropped), 2 in tie")
    assert rows[0].estimate == close(1.3)
    assert (rows[1].term, rows[1].estimate) == ("zeros dropped", close(1.4))
    # binom.test(9, 9): 0.00390625; sort(d): 0 0.8 1 1.2 1.3 1.3 1.4 1.8 2.4 4.6 and
    # 1 - 2 * pbinom(1, 10, 0.5): 0.9785156, so the second and the ninth
    sign = rows[2]
    assert (sign.statistic, sign.p_value) == ("median_difference", close(0.00390625))
    assert (sign.estimate, sign.conf_low, sign.conf_high) == (1.3, 0.8, 2.4)
    assert "97.9 % confidence" in sign.note
    # t.test(s2, s1, paired = TRUE): t = 4.06212768338203656,
    # p-value = 0.00283289019738427, 0.70011423672301754 to 2.45988576327698238
    t = rows[3]
    assert (t.test_statistic, t.p_value) == (
        close(4.06212768338203656),
        close(0.00283289019738427),
    )
    assert (t.conf_low, t.conf_high) == (
        close(0.70011423672301754),
        close(2.45988576327698238),
    )
    for test in ("sign", "t"):
        first = estimate(paired(DRUG_1, DRUG_2), SETTINGS | {"test": test})[0]
        assert first.test == {"sign": "sign test", "t": "paired t"}[test]


def test_pairs_read_as_independent_groups():
    rows = estimate(paired(DRUG_1, DRUG_2), SETTINGS | {"paired": "never"})
    # t.test(s2, s1): t = 1.8608134674868531, p-value = 0.0793941401873582
    assert row(rows, "Welch t").p_value == close(0.0793941401873582)
    assert rows[0].test == "Mann-Whitney, exact"
    assert rows[0].note.startswith("pairs taken apart")


def test_pairs_by_group():
    rows = pd.DataFrame(
        {"before": BEFORE, "after": AFTER, "group": ["A"] * 5 + ["B"] * 4}
    )
    sample = Sample(kind="individual", rows=rows, groups=("A", "B"), reference="B")
    found = estimate(sample, SETTINGS)
    first = [r for r in found if r.test == "signed-rank, exact"]
    assert [(r.group, r.reference, r.n) for r in first] == [
        ("", "", 9),
        ("A", "", 5),
        ("B", "", 4),
    ]


def test_single_sample_against_mu():
    rows = pd.DataFrame({"value": DRUG_2})
    sample = Sample(kind="individual", rows=rows, options={"mu": 1})
    found = estimate(sample, SETTINGS)
    assert row(found, "paired t").estimate == close(DRUG_2.mean() - 1)


def test_visits_against_baseline_with_holm():
    values = {0: [5, 6, 7, 8, 9, 4], 3: [4, 5, 5, 5, 5, 1], 6: [5, 4, 8, 2, 1, 0]}
    records = [(i, v, x) for v, xs in values.items() for i, x in enumerate(xs)]
    records += [(99, 6, 3.0)]  # no baseline: not a pair
    rows = estimate(visits(records, baseline="0", adjust="holm"), SETTINGS)
    raw = [r for r in rows if r.test == "signed-rank, exact" and not r.term]
    assert [(r.timepoint, r.n) for r in raw] == [(3, 6), (6, 6)]
    assert raw[0].p_value == 0.03125
    adjusted = [r for r in rows if r.test == "signed-rank, exact, Holm"]
    expected = adjusted_p_values([r.p_value for r in raw], "holm")
    assert [r.p_value for r in adjusted] == pytest.approx(expected)
    assert {r.test for r in rows if r.test.endswith("Holm")} == {
        "signed-rank, exact, Holm",
        "sign test, Holm",
        "paired t, Holm",
    }


def test_a_family_keeps_together_when_a_visit_is_too_large_for_the_exact_test():
    records = [(i, 0, 0.0) for i in range(60)]
    records += [(i, 1, float(i % 7 + 1)) for i in range(60)]
    records += [(i, 2, float(i % 5 - 1)) for i in range(20)]
    rows = estimate(visits(records, adjust="holm"), SETTINGS)
    adjusted = {r.test for r in rows if "signed-rank" in r.test and "Holm" in r.test}
    assert adjusted == {"signed-rank, normal, Holm", "signed-rank, exact, Holm"}
    assert all("for: 2" in r.note for r in rows if "Holm" in r.test)


@pytest.mark.parametrize(
    ("records", "options", "said"),
    [
        ([(1, 0, 1.0), (1, 0, 2.0), (1, 3, 4.0)], {}, "Patient 1 has visit 0 twice"),
        ([(1, 0, 1.0), (1, 3, 4.0)], {"baseline": "1"}, "baseline visit 1"),
        ([(1, 0, 1.0), (2, 0, 4.0)], {}, "no visit besides"),
        ([(1, 0, 1.0), (2, 3, 4.0)], {}, "There are no values"),
        ([], {}, "No value was taken"),
    ],
)
def test_visits_that_cannot_be_compared(records, options, said):
    rows = estimate(visits(records, **options), SETTINGS)
    assert said in rows[0].note
    assert math.isnan(rows[0].p_value)


def test_several_groups():
    sample = grouped(A=X, B=Y, C=[3, 3, 4, 8, 2])
    rows = estimate(sample, SETTINGS | {"adjust": "benjamini-hochberg"})
    main = [r for r in rows if r.test == "Mann-Whitney, exact"]
    assert [(r.group, r.reference) for r in main] == [("A", "C"), ("B", "C")]
    assert len([r for r in rows if r.test.endswith("Benjamini-Hochberg")]) == 6
    overall = row(rows, "Kruskal-Wallis")
    assert (overall.group, overall.df, overall.p_value) == (
        "",
        2,
        close(0.152669252124163),
    )


@pytest.mark.parametrize("test", ["wilcoxon", "sign", "t"])
@pytest.mark.parametrize("p_value", ["exact", "normal"])
@pytest.mark.parametrize("zeros", ["wilcox", "pratt", "zsplit"])
@pytest.mark.parametrize(
    "sample",
    [
        paired([], []),
        paired([1], [2]),
        paired([1, 1, 1], [1, 1, 1]),
        paired([1, 2, 3], [2, 3, 4]),
        paired([1, 1, 1], [0, 1, 3]),
        grouped(A=[], B=[1, 2]),
        grouped(A=[1], B=[2]),
        grouped(A=[1], B=[2, 2]),
        grouped(A=[1], B=[2, 3]),
        grouped(A=[2, 2, 2], B=[2, 2]),
        grouped(A=[1, 2, 3]),
        grouped(A=[1, 1], B=[1], C=[1]),
        printed(("A", 1, 0.5, 0, 0.5, 3), ("B", 1, 0.5, 0, 0.5, 3), groups=("A", "B")),
        printed(("A", 1, 0.5, 0.2, 0.05, 1), ("B", 1, 0.5, 0, 0, 3), groups=("A", "B")),
        printed(("A", 1, 0.5, 2, 0.5, 9), ("A", 1, 0.5, 2, 0.5, 9), groups=("A", "B")),
        printed(("A", 1, 0.5, 0, 0.5, 3), groups=("A",)),
        printed(("", 1, 0.5, 0.0, 0.5, 1)),
    ],
)
def test_awkward_data_give_rows_that_explain_themselves(sample, test, p_value, zeros):
    changed = {"test": test, "p_value": p_value, "zeros": zeros, "adjust": "holm"}
    for paired_as in ("as_declared", "never"):
        rows = estimate(sample, SETTINGS | changed | {"paired": paired_as})
        assert rows
        for r in rows:
            numbers = (r.estimate, r.p_value, r.test_statistic, r.conf_low, r.conf_high)
            assert not any(math.isinf(x) for x in numbers)
            assert not math.isnan(r.p_value) or r.note or r.interval_method
            assert 0 <= r.p_value <= 1 or math.isnan(r.p_value)
            r.record()


# Printed summaries ----------------------------------------------------------


def test_student_t_from_printed_means():
    # eGFR 42.6 (19.0), n 23, against 35.1 (17.4), n 30: Student's p = 0.1412
    sample = printed(
        ("A", 42.6, 0.05, 19.0, 0.05, 23),
        ("B", 35.1, 0.05, 17.4, 0.05, 30),
        groups=("A", "B"),
    )
    rows = estimate(sample, SETTINGS | {"equal_variance": True})
    assert rows[0].test == "Student t"
    assert rows[0].p_value == pytest.approx(0.1412, abs=5e-5)
    assert rows[0].estimate == 7.5
    low, high = rows[0].ranges["p_value"]
    assert low < rows[0].p_value < high
    # Student's p falls with the difference and rises with either spread, so its
    # range is reached in two corners.
    for corner, p in (((7.6, 18.95, 17.35), low), ((7.4, 19.05, 17.45), high)):
        difference, sd, sd_ref = corner
        pooled = math.sqrt((22 * sd**2 + 29 * sd_ref**2) / 51)
        t = difference / (pooled * math.sqrt(1 / 23 + 1 / 30))
        lines = (("A", difference, 0, sd, 0, 23), ("B", 0.0, 0, sd_ref, 0, 30))
        sharp = printed(*lines, groups=("A", "B"))
        exact = estimate(sharp, SETTINGS | {"equal_variance": True})[0]
        assert exact.test_statistic == close(t)
        assert exact.p_value == close(p)
        assert exact.ranges["p_value"] == (exact.p_value, exact.p_value)
    assert row(rows, term="Cohen d").ranges["estimate"][0] < 7.5 / 18.1


def test_a_deviation_that_may_round_to_nothing_is_said():
    lines = [("A", 1, 0.5, 0.4, 0.5, 5), ("B", 3, 0.5, 0.4, 0.5, 5)]
    r = estimate(printed(*lines, groups=("A", "B")), SETTINGS)[0]
    assert math.isinf(r.ranges["test_statistic"][0])
    assert "could be 0" in r.note


def test_summary_agrees_with_the_values_it_summarises():
    lines = [
        (label, v.mean(), 0, v.std(ddof=1), 0, v.size)
        for label, v in (("A", X), ("B", Y))
    ]
    rows = estimate(printed(*lines, groups=("A", "B")), SETTINGS)
    assert row(rows, "Welch t").p_value == close(0.0697190808828951)
    d = decimal(DRUG_2 - DRUG_1)
    rows = estimate(printed(("", d.mean(), 0, d.std(ddof=1), 0, 10)), SETTINGS)
    assert row(rows, "paired t").p_value == close(0.00283289019738427)


def test_p_reaches_one_when_rounding_allows_equal_means():
    rows = estimate(
        printed(
            ("A", 1.2, 0.05, 0.4, 0.05, 9),
            ("B", 1.1, 0.15, 0.4, 0.05, 9),
            groups=("A", "B"),
        ),
        SETTINGS,
    )
    assert rows[0].ranges["p_value"][1] == 1


# Figures --------------------------------------------------------------------


def test_figure_data():
    table = figure_data(paired([1, 2], [3, 4]), SETTINGS)["pairs"]
    assert table.to_dict("list") == {"id": [1, 2], "before": [1, 2], "after": [3, 4]}
    table = figure_data(visits([(1, 0, 2.0)]), SETTINGS)["visits"]
    assert list(table) == ["id", "visit", "value"]
    assert list(figure_data(grouped(A=[1], B=[2]), SETTINGS)["values"]) == [
        "group",
        "value",
    ]
    assert figure_data(printed(("", 1, 0, 1, 0, 3)), SETTINGS) == {}


# Properties -----------------------------------------------------------------

whole = st.integers(-9, 9).map(float)


@settings(max_examples=60, deadline=None)
@given(st.lists(whole, min_size=3, max_size=12), st.sampled_from(["wilcox", "pratt"]))
def test_signed_rank_mirrors(d, zeros):
    d = np.array(d)
    up = signed_rank_test(d, zeros=zeros, alternative="greater").p_value
    down = signed_rank_test(-d, zeros=zeros, alternative="less").p_value
    assert up == close(down)
    less = signed_rank_test(d, zeros=zeros, alternative="less").p_value
    two = signed_rank_test(d, zeros=zeros).p_value
    assert two == close(min(1, 2 * min(up, less)))
    shift, mirrored = hodges_lehmann(d), hodges_lehmann(-d)
    assert shift.estimate == close(-mirrored.estimate)
    assert shift.low == close(-mirrored.high)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-60, 60), min_size=8, max_size=14, unique_by=abs),
    st.integers(-20, 20),
)
def test_interval_and_exact_test_agree_without_ties(d, shift):
    moved = np.array(d) - shift - 0.25
    if len(set(np.abs(moved))) == len(d):
        limits = hodges_lehmann(d)
        rejected = signed_rank_test(moved).p_value < 0.05
        assert rejected == (not limits.low <= shift + 0.25 <= limits.high)


@settings(max_examples=60, deadline=None)
@given(st.lists(whole, min_size=1, max_size=9), st.lists(whole, min_size=1, max_size=9))
def test_mann_whitney_mirrors(x, y):
    a, b = mann_whitney_test(x, y), mann_whitney_test(y, x)
    assert a.p_value == close(b.p_value)
    assert a.statistic + b.statistic == len(x) * len(y)
    one = mann_whitney_test(x, y, alternative="greater").p_value
    assert one == close(mann_whitney_test(y, x, alternative="less").p_value)


@pytest.mark.parametrize("round_to", [9, 0])
def test_intervals_cover_a_shift_of_two(round_to):
    """Without ties the coverage is the exact one; with ties it can only be higher."""
    random = np.random.default_rng(20)
    one = two = 0
    runs = 1500
    for _ in range(runs):
        d = np.round(2 + random.normal(scale=1.5, size=9), round_to)
        limits = hodges_lehmann(d)
        one += limits.low <= 2 <= limits.high
        x = np.round(2 + random.normal(scale=1.5, size=6), round_to)
        y = np.round(random.normal(scale=1.5, size=7), round_to)
        limits = hodges_lehmann_shift(x, y)
        two += limits.low <= 2 <= limits.high
    # signed rank n = 9: 1 - 2 * psignrank(5, 9) = 0.9609375;
    # Mann-Whitney 6, 7: 1 - 2 * pwilcox(6, 6, 7) = 0.965035
    for covered, exact in ((one, 0.9609375), (two, 0.965034965034965)):
        slack = 3 * math.sqrt(exact * (1 - exact) / runs)
        assert covered / runs > exact - slack
        if round_to:
            assert covered / runs < exact + slack
