"""Single printed results against counts, n, intervals, p and curves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from reanalysis.consistency import integers, p_of_means
from reanalysis.consistency.counts import counts_that_fit
from reanalysis.consistency.reading import Report, item, time_point
from reanalysis.consistency.single import checks
from reanalysis.rounding import cut_off, interval, read
from reanalysis.studies.claims import CLAIM_COLUMNS

CLAIM = dict.fromkeys(CLAIM_COLUMNS, "") | {
    "analysis": "a",
    "population": "all",
    "endpoint": "outcome",
    "field": "estimate",
    "relation": "=",
    "role": "check",
    "source": "paper",
}


def claim(claim_id, statistic, value, **cells):
    cells.setdefault("printed", value)
    return CLAIM | {
        "claim_id": claim_id,
        "statistic": statistic,
        "value": "" if cells.get("relation") == "words" else value,
        **cells,
    }


def study(*claims, method="proportions", groups=(), n=None, paper=None, **analysis):
    return {
        "id": "s",
        "design": "",
        "claims": list(claims),
        "populations": {"all": {"label": "All"} | ({"n": n} if n else {})},
        "analyses": {
            "a": {
                "method": method,
                "dataset": "d",
                "kind": "individual",
                "awaited": True,
                "groups": list(groups),
                "paper": paper or {},
                "options": {},
                "samples": [],
            }
            | analysis
        },
    }


def found(a_study, name, claim_id=None):
    return [
        one
        for one in checks(a_study)
        if one.check == name and claim_id in (None, one.claim_id)
    ]


def number(value, **cells):
    return item(claim("x", cells.pop("statistic", "mean"), value, **cells))


# Printed text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.4 (1.6-15.3)", [("5.4", "="), ("1.6", "="), ("15.3", "=")]),
        ("-11.2 to -3.5", [("-11.2", "="), ("-3.5", "=")]),
        ("P < .05", [(".05", "<")]),
        ("**P < 0.01", [("0.01", "<")]),
        ("**", [("0.01", "<")]),
        ("NS", [("", "words")]),
        ("no significant difference", [("", "words")]),
        ("1,296", [("1296", "=")]),
        ("about 4.5", [("4.5", "~")]),
        ("p \u2264 0.05", [("0.05", "<")]),
        ("CD19 cells", []),
        ("0\u00b702", [("0.02", "=")]),
    ],
)
def test_printed_text_is_read_number_by_number(text, expected):
    assert [(one.value, one.relation) for one in read(text)] == expected


def test_a_range_per_cent_and_closed_bounds_are_told():
    low, high = read("35.9% to 99.6%")
    assert (low.part, high.part, low.unit, high.unit) == ("low", "high", "%", "%")
    assert read("p \u2264 0.05")[0].closed
    assert not read("p < 0.05")[0].closed


@pytest.mark.parametrize(
    ("value", "inside", "outside"),
    [("46.6", 46.69, 46.7), ("-1", -1.99, -2.0), ("0.0", 0.09, 0.1)],
)
def test_cut_off_digits_reach_one_unit_further_from_zero(value, inside, outside):
    cut = cut_off(interval(value, value))
    assert cut.low <= inside <= cut.high
    assert not cut.low <= outside <= cut.high


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24", (24.0, "")),
        ("day 100", (100.0, "day")),
        ("12 months", (12.0, "month")),
        ("1 year", (1.0, "year")),
        ("post-transplant", None),
        ("5- to 7-year follow-up", None),
    ],
)
def test_a_time_point_keeps_its_unit(text, expected):
    assert time_point(text) == expected


# Counts and percentages


@pytest.mark.parametrize(("printed", "n"), [("74.3", 40), ("31.3", 21)])
def test_a_percentage_no_count_gives_is_impossible_when_n_is_beside_it(printed, n):
    shares = {round(1000 * k / n) / 10 for k in range(n + 1)}  # by enumeration
    assert float(printed) not in shares
    claims = [
        claim("p", "proportion", printed, unit="%"),
        claim("n", "n", str(n)),
    ]
    found_here = found(study(*claims), "percentage against n")
    assert {one.claim_id for one in found_here} == {"p", "n"}
    assert {one.outcome for one in found_here} == {"impossible"}
    assert found_here[0].details["conflict"] == ["p", "n"]


def test_the_population_n_never_proves_a_percentage_impossible():
    a_study = study(claim("p", "proportion", "12.5", unit="%"), n=40)
    claims = [claim("k", "count", "3"), *a_study["claims"]]
    (one,) = found(
        study(*claims, n=40), "count and percentage against n"
    )  # 3 of 40 is 7.5 %, 3 of 24 is 12.5 %
    assert (one.outcome, one.details["fits"]) == ("", False)
    assert one.details["other_n"] == [24]


def test_a_count_its_percentage_and_n_that_exclude_each_other():
    claims = [
        claim("k", "count", "1"),
        claim("p", "proportion", "10", unit="%"),
        claim("n", "n", "18"),
    ]
    here = found(study(*claims), "count and percentage against n")
    assert {one.claim_id for one in here} == {"k", "p", "n"}
    assert "1 of 18 is 5.6 %" in here[0].reason  # 1 / 18 = 0.0556
    assert here[0].details["other_n"] == [10]


def test_digits_cut_off_are_named_and_no_contradiction():
    claims = [claim("p", "proportion", "46.6", unit="%"), claim("n", "n", "15")]
    (one,) = found(study(*claims), "percentage against n")  # 7 / 15 = 0.46667
    assert one.outcome == "attainable"
    assert one.details["counts"] == [7]
    assert "cut off" in one.reason


def test_a_curve_estimate_need_not_be_a_whole_number():
    claims = [
        claim("p", "proportion", "63.8", unit="%", endpoint="overall survival"),
        claim("n", "n", "18", endpoint="overall survival"),
    ]
    (one,) = found(study(*claims), "percentage against n")
    assert one.outcome == ""


@pytest.mark.parametrize("n", [1, 7, 12, 33])
def test_counts_that_fit_are_those_of_enumeration(n):
    for tenth in range(0, 1001, 7):
        share = number(f"{tenth / 10:.1f}", statistic="proportion", unit="%")
        rounded = [k for k in range(n + 1) if abs(1000 * k / n - tenth) <= 0.5 + 1e-9]
        assert counts_that_fit(share, n)[0] == rounded


def test_every_correctly_rounded_share_is_attainable():
    for n, digits in itertools.product((1, 6, 19, 53), (0, 1, 2)):
        for k in range(n + 1):
            claims = [
                claim("k", "count", str(k)),
                claim("p", "proportion", f"{100 * k / n:.{digits}f}", unit="%"),
                claim("n", "n", str(n)),
            ]
            assert "impossible" not in {one.outcome for one in checks(study(*claims))}


def test_none_and_all_are_counts_with_an_interval():
    # R: binom.test(0, 6)$conf.int[2] = 0.4592581; binom.test(16, 16)$conf.int[1] = 0.7940928
    for words, n, low, high in (("no", 6, 0, 0.4592581), ("all", 16, 0.7940928, 1)):
        claims = [claim("w", "count", "", relation="words", printed=words)]
        (one,) = found(study(*claims, n=n), "count against n")
        assert one.outcome == "attainable"
        assert one.details["conf_low"] == pytest.approx(low, abs=1e-7)
        assert one.details["conf_high"] == pytest.approx(high, abs=1e-7)


def test_more_patients_than_there_are():
    claims = [claim("k", "count", "7"), claim("n", "n", "6")]
    assert {o.outcome for o in found(study(*claims), "count against n")} == {
        "impossible"
    }
    (one,) = found(study(claims[0], n=6), "count against n")
    assert one.outcome == ""


def test_the_method_of_an_interval_is_found():
    # R: binom.test(5, 6)$conf.int = 0.3587654 0.9957893
    claims = [
        claim("k", "count", "5"),
        claim("n", "n", "6"),
        claim("l", "proportion", "35.9", unit="%", field="conf_low"),
        claim("h", "proportion", "99.6", unit="%", field="conf_high"),
    ]
    low, high = found(study(*claims), "interval against k of n")
    assert [text.split(" (")[0] for text in low.details["methods"]] == [
        "Clopper-Pearson"
    ]
    assert (low.claim_id, high.claim_id) == ("l", "h")
    claims[2] = claims[2] | {"value": "36.9", "printed": "36.9"}
    assert found(study(*claims), "interval against k of n")[0].outcome == ""


def _derived(total, operation="sum", **cells):
    parts = [claim("x", "n", "6"), claim("y", "n", "1")]
    a_study = study(
        *(one | {"analysis": ""} for one in parts),
        claim("t", "n", total, **cells),
        method="arithmetic",
        samples=[{"columns": {"label": ["x", "y"]}, "endpoint": ""}],
        options={"operation": operation},
        kind="summary",
    )
    return found(a_study, f"printed numbers: {operation}")


def test_declared_sums():
    assert {one.outcome for one in _derived("7")} == {"attainable"}
    wrong = _derived("8")
    assert {one.claim_id for one in wrong} == {"x", "y", "t"}
    assert {one.outcome for one in wrong} == {"impossible"}
    assert {one.outcome for one in _derived("5", "difference")} == {"attainable"}


@pytest.mark.parametrize(("total", "outcome"), [("41", "attainable"), ("40", "")])
def test_groups_add_up_to_the_whole(total, outcome):
    claims = [
        claim("t", "count", total),
        claim("a", "count", "16", group="MSC"),
        claim("b", "count", "25", group="control"),
    ]
    here = found(study(*claims, groups=("MSC", "control")), "sum over groups", "t")
    assert [one.outcome for one in here] == [outcome]
    # With every n printed the groups are known to make up the whole.
    sizes = [
        claim("nt", "n", "53"),
        claim("na", "n", "23", group="MSC"),
        claim("nb", "n", "30", group="control"),
    ]
    (one,) = found(
        study(*claims, *sizes, groups=("MSC", "control")), "sum over groups", "t"
    )
    assert one.outcome == (outcome or "impossible")


# Intervals


def _hazard_ratio(estimate, low, high, **cells):
    return [
        claim(i, "hazard_ratio", value, field=field, **cells)
        for i, value, field in (
            ("e", estimate, "estimate"),
            ("l", low, "conf_low"),
            ("h", high, "conf_high"),
        )
    ]


def test_limits_the_wrong_way_round_say_nothing_about_the_events():
    who = {"group": "A", "reference": "B"}
    claims = [
        claim("d1", "observed_events", "9", group="A"),
        claim("d0", "observed_events", "6", group="B"),
        claim("l", "hazard_ratio", "1.16", field="conf_low", **who),
        claim("h", "hazard_ratio", "0.14", field="conf_high", **who),
    ]
    paper = {"test": "Cox model"}
    a_study = study(*claims, method="cox", groups=("A", "B"), paper=paper)
    assert found(a_study, "standard error against events") == []
    assert {one.outcome for one in checks(a_study)} == {"impossible"}


def test_an_estimate_outside_its_interval_is_impossible():
    here = found(
        study(*_hazard_ratio("1.50", "0.63", "1.37")), "estimate in its interval"
    )
    assert {(one.claim_id, one.outcome) for one in here} == {
        ("e", "impossible"),
        ("h", "impossible"),
    }
    crossed = found(
        study(*_hazard_ratio("1.0", "1.4", "0.6")), "estimate in its interval"
    )
    assert {one.claim_id for one in crossed} == {"l", "h"}


def test_the_place_of_a_ratio_in_its_interval():
    # sqrt(0.63 * 1.37) = 0.929
    (one, *_) = found(
        study(*_hazard_ratio("0.93", "0.63", "1.37")), "estimate in its interval"
    )
    assert "it is the geometric middle" in one.reason
    (one, *_) = found(
        study(*_hazard_ratio("0.96", "0.63", "1.37")), "estimate in its interval"
    )
    assert (one.outcome, "profile" in one.reason) == ("attainable", True)
    # log(1.37/1.10) = 0.22 against log(1.10/0.63) = 0.56: no likelihood is so skew.
    (one, *_) = found(
        study(*_hazard_ratio("1.10", "0.63", "1.37")), "estimate in its interval"
    )
    assert (one.outcome, one.details["fits"]) == ("", False)
    assert "neither Wald nor profile limits" in one.reason


def test_p_against_interval_names_the_one_sided_p():
    # R: z <- log(.5) / ((log(.9) - log(.278)) / 3.919928) = -2.31286; 2 * pnorm(z) = 0.02073
    # Other tests of the same data can give a p of 0.0015 to 0.093.
    for p, fits, one_sided in (
        ("0.02", True, False),
        ("0.01", True, True),
        ("0.05", True, False),
        ("0.3", False, False),
        ("0.0010", False, False),
    ):
        claims = [
            *_hazard_ratio("0.50", "0.278", "0.900", group="A", reference="B"),
            claim("p", "hazard_ratio", p, field="p_value", group="A", reference="B"),
        ]
        (one,) = found(study(*claims, method="cox"), "p against interval")
        assert one.details["fits"] is fits
        assert one.outcome == ("attainable" if p == "0.02" else "")
        assert one.details.get("one_sided", False) is one_sided
        assert ("one-sided" in one.reason) is (p != "0.02")


def _floor(test, high="1.37", low="0.80"):
    claims = [
        *_hazard_ratio("0.93", low, high, group="A", reference="B"),
        claim("d1", "observed_events", "5", group="A"),
        claim("d0", "observed_events", "5", group="B"),
    ]
    return found(
        study(*claims, method="cox", paper={"test": test}),
        "standard error against events",
    )


def test_the_floor_of_a_standard_error_holds_for_plain_cox_models_only():
    # sqrt(1/5 + 1/5) = 0.632 against (log 1.375 - log 0.795) / 3.92 = 0.140
    assert {one.outcome for one in _floor("Cox model")} == {"impossible"}
    assert {one.outcome for one in _floor("Cox, robust variance")} == {""}
    assert {one.outcome for one in _floor("")} == {""}
    assert {one.outcome for one in _floor("Cox model", "12.5")} == {"attainable"}
    # log(2.79/0.31)/2 = 1.10, a Wald error of 0.56; but the profile likelihood needs an
    # information of 1.92/(e^1.1 - 2.1) = 2.12 at least, and 5 x 5/10 = 2.5 is there.
    here = _floor("Cox model", "2.79", low="0.31")
    assert {(one.outcome, one.details["fits"]) for one in here} == {("", True)}
    assert "profile" in here[0].reason


@pytest.mark.parametrize(
    ("median", "outcome"), [("5.4", "attainable"), ("15.5", "impossible")]
)
def test_summaries_stand_in_order(median, outcome):
    claims = [
        claim("a", "minimum", "1.6"),
        claim("b", "median", median),
        claim("c", "maximum", "15.3"),
    ]
    here = found(study(*claims), "order of summary numbers")
    assert {one.outcome for one in here} == {outcome}
    assert {one.claim_id for one in here} == (
        {"b", "c"} if outcome == "impossible" else {"a", "b", "c"}
    )


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_bounds_of_an_sd_in_a_range_are_those_of_enumeration(n):
    values = [0.0, 2.5, 5.0, 7.5, 10.0]
    for inner in itertools.product(values, repeat=n - 2):
        x = [0.0, 10.0, *inner]
        mean = sum(x) / n
        squares = sum((v - mean) ** 2 for v in x)
        for divisor in (n - 1, n):
            claims = [
                claim("s", "sd", f"{math.sqrt(squares / divisor):.2f}"),
                claim("a", "minimum", "0"),
                claim("b", "maximum", "10"),
                claim("n", "n", str(n)),
            ]
            (one,) = found(study(*claims), "SD against range")
            assert one.outcome == "attainable"


# p-values


def _table(p, *, k=("27", "52"), paper=None, **cells):
    claims = [
        claim("k1", "count", k[0], group="A"),
        claim("n1", "n", "295", group="A"),
        claim("k2", "count", k[1], group="B"),
        claim("n2", "n", "307", group="B"),
        claim("p", "odds_ratio", p, field="p_value", group="A", reference="B", **cells),
    ]
    a_study = study(*claims, method="tables", groups=("A", "B"), paper=paper)
    (one,) = found(a_study, "p from the counts", "p")
    return one


def test_p_of_a_table():
    # R: fisher.test(matrix(c(27, 268, 52, 255), 2))$p.value = 0.005339051
    one = _table("0.0053")
    assert one.outcome == "attainable"
    assert "Fisher (0.005339)" in one.details["two_sided"]
    # R: fisher.test(..., alternative = "less")$p.value = 0.003210639
    one = _table("0.00321")
    assert (one.outcome, one.details["fits"]) == ("", False)
    assert "Fisher (0.003211)" in one.details["one_sided"]
    assert _table("0.9").outcome == ""
    assert _table("0.9", paper={"test": "Fisher's exact test"}).outcome == "impossible"
    assert _table("", relation="words", printed="significant").outcome == "attainable"


def _paired_table(p, **cells):
    claims = [
        claim("k1", "count", "9", group="after"),
        claim("n1", "n", "10", group="after"),
        claim("k2", "count", "3", group="before"),
        claim("n2", "n", "10", group="before"),
        claim(
            "p", "risk_difference", p, field="p_value", group="after",
            reference="before", **cells,
        ),
    ]  # fmt: skip
    return study(*claims, method="tables", groups=("after", "before"))


@pytest.mark.parametrize(
    ("p", "fits", "told"),
    [
        # R: 2 * pbinom(0, 6, 0.5) = 0.03125; mcnemar.test(matrix(c(3, 0, 6, 1), 2))
        # corrected: p = 0.04123; uncorrected: pchisq(6, 1, lower = FALSE) = 0.01431.
        ("0.031", True, "6:0 McNemar, exact"),
        ("0.041", True, "6:0 McNemar, corrected"),
        ("0.014", True, "6:0 McNemar (0.01431)"),
        # One patient lost the event: 7 gained, R: 2 * pbinom(1, 8, 0.5) = 0.07031.
        ("0.07", True, "7:1 McNemar, exact"),
        ("0.021", False, "one-sided 6:0"),
        ("0.3", False, "no number of patients"),
    ],
)
def test_p_of_the_same_patients_twice(p, fits, told):
    a_study = _paired_table(p, test="McNemar's chi-square test")
    (one,) = found(a_study, "p from the paired counts")
    assert (one.outcome, one.details["fits"]) == ("attainable" if fits else "", fits)
    assert told in one.reason
    # A test of two independent groups is no reading of it.
    assert found(a_study, "p from the counts") == []


def test_a_one_sided_p_that_says_so_agrees():
    assert _table("0.00321", alternative="less").outcome == "attainable"
    claims = _hazard_ratio("0.50", "0.278", "0.900", group="A", reference="B")
    p = claim(
        "p", "hazard_ratio", "0.01", field="p_value", group="A", reference="B",
        alternative="one-sided",
    )  # fmt: skip
    (one,) = found(study(*claims, p, method="cox"), "p against interval")
    assert one.outcome == "attainable"


def _two_means(field, value, **cells):
    claims = [
        claim(f"{s}{g}", s, v, group=g)
        for g, n, mean, sd in (("A", "23", "42.6", "19.0"), ("B", "30", "35.1", "17.4"))
        for s, v in (("n", n), ("mean", mean), ("sd", sd))
    ]
    number = claim(
        "x", "mean_difference", value, field=field, group="A", reference="B", **cells
    )
    return study(*claims, number, method="wilcoxon", groups=("A", "B"))


def test_t_from_means_and_sds():
    # R: Student t = 1.494474, Welch t = 1.476915.
    for value, told in (("1.49", "Student"), ("-1.48", "Welch"), ("2.10", "not")):
        a_study = _two_means("test_statistic", value, test="Student's t test")
        (one,) = found(a_study, "t from means and SDs")
        assert one.outcome == ("" if told == "not" else "attainable")
        assert told in one.reason.replace("give a t", "")
    wilcoxon = _two_means("test_statistic", "1.49", test="Wilcoxon")
    assert found(wilcoxon, "t from means and SDs") == []


def test_p_of_a_mean_change():
    # R: 2 * pt(-2.4 / (3.1 / sqrt(12)), 11) = 0.02134
    for p, fits in (("0.02", True), ("0.3", False)):
        claims = [
            claim("n", "n", "12", endpoint="change in score"),
            claim("m", "mean", "2.4", endpoint="change in score"),
            claim("s", "sd", "3.1", endpoint="change in score"),
            claim("p", "mean", p, field="p_value", endpoint="change in score"),
        ]
        (one,) = found(study(*claims), "p from mean change and SD")
        assert one.details["fits"] is fits
        assert one.details["p_low"] < 0.02134 < one.details["p_high"]


def test_an_odds_ratio_may_be_the_conditional_one():
    # 5/10 against 1/10: odds (5/5)/(1/9) = 9.00; R: fisher.test(matrix(c(5, 5, 1, 9), 2))
    # gives 8.018.
    counts_of = [
        claim("k1", "count", "5", group="A"),
        claim("n1", "n", "10", group="A"),
        claim("k2", "count", "1", group="B"),
        claim("n2", "n", "10", group="B"),
    ]
    for value, outcome in (("9.0", "attainable"), ("8.0", "attainable"), ("7.0", "")):
        effect = claim("e", "odds_ratio", value, group="A", reference="B")
        a_study = study(*counts_of, effect, method="tables", groups=("A", "B"))
        (one,) = found(a_study, "effect against the two shares")
        assert (one.outcome, "conditional" in one.reason) == (outcome, value != "9.0")


def test_t_test_range_holds_the_p_of_the_printed_numbers():
    # R, Student: 42.6 (19.0), n 23, against 35.1 (17.4), n 30: t = 1.494474, p = 0.1412139
    low, high = p_of_means.t_test_range(
        (42.55, 42.65),
        (18.95, 19.05),
        23,
        (35.05, 35.15),
        (17.35, 17.45),
        30,
        equal_variance=True,
    )
    assert low < 0.1412139 < high < 0.15
    point = p_of_means.t_test_range(
        (42.6, 42.6), (19, 19), 23, (35.1, 35.1), (17.4, 17.4), 30, equal_variance=True
    )
    assert point[0] == pytest.approx(point[1])
    assert point[0] == pytest.approx(0.1412138665)
    # R, Welch: t = 1.476915, p = 0.1466313
    welch = p_of_means.t_test_range(
        (42.6, 42.6), (19, 19), 23, (35.1, 35.1), (17.4, 17.4), 30, equal_variance=False
    )
    assert welch[0] == pytest.approx(0.1466312967)


@pytest.mark.parametrize(
    ("test", "against"),
    [
        ("log-rank chi-square, 1 df", "impossible"),
        ("log-rank chi-square", "impossible"),
        # It may be z, and of an exact test p is not that of the chi-square.
        ("log-rank", ""),
        ("exact log-rank chi-square, 1 df", ""),
    ],
)
def test_a_test_statistic_and_its_p(test, against):
    # R: pchisq(16.79, 1, lower.tail = FALSE) = 4.175275e-05
    for p, outcome in (
        ("4.2e-5", "attainable"),
        ("2.1e-5", ""),
        ("0.003", against),
    ):
        claims = [
            claim("x", "log_rank", "16.79", field="test_statistic", test=test),
            claim("p", "log_rank", p, field="p_value", test=test),
        ]
        here = found(
            study(*claims, method="log_rank", groups=("A", "B")),
            "test statistic against p",
            "p",
        )
        assert [one.outcome for one in here] == [outcome]


def test_children_are_no_chi_square():
    claims = [
        claim("x", "mean", "2.1", field="test_statistic", quote="in children, 2.1"),
        claim("p", "mean", "0.9", field="p_value"),
    ]
    assert found(study(*claims), "test statistic against p") == []


@pytest.mark.parametrize(
    ("printed", "value", "relation", "outcome"),
    [
        ("**P < 0.01", "0.01", "<", "attainable"),
        # Another level than 0.05 would explain it.
        ("not significant", "", "words", ""),
        ("P < 0.001", "0.001", "<", "impossible"),
        ("P < 0.002", "0.002", "<", "attainable"),
    ],
)
def test_statements_about_one_p(printed, value, relation, outcome):
    claims = [
        claim("p", "mean_difference", "0.002", field="p_value"),
        claim(
            "q",
            "mean_difference",
            value,
            field="p_value",
            printed=printed,
            relation=relation,
        ),
    ]
    here = found(study(*claims), "statements about one p")
    assert {one.outcome for one in here} == {outcome}
    # Another wording of the endpoint may mean another thing.
    claims[1]["endpoint"] = "outcome (right eye)"
    here = found(study(*claims), "statements about one p")
    assert "impossible" not in {one.outcome for one in here}


@pytest.mark.parametrize("column", ["test", "alternative"])
def test_two_tests_of_one_comparison_may_have_two_p(column):
    sides = {"test": ("Fisher", "chi-square"), "alternative": ("less", "two-sided")}
    claims = [
        claim("p", "odds_ratio", "0.03", field="p_value", **{column: sides[column][0]}),
        claim("q", "odds_ratio", "0.06", field="p_value", **{column: sides[column][1]}),
    ]
    assert found(study(*claims), "statements about one p") == []
    claims[1][column] = ""
    here = found(study(*claims), "statements about one p")
    assert [one.outcome for one in here] == ["", ""]
    claims[0][column] = ""
    here = found(study(*claims), "statements about one p")
    assert [one.outcome for one in here] == ["impossible", "impossible"]


def test_two_sources_with_two_p_are_told_as_their_conflict_only():
    claims = [
        claim("p", "odds_ratio", "0.24", field="p_value"),
        claim("q", "odds_ratio", "0.11", field="p_value", source="registry"),
    ]
    assert found(study(*claims), "statements about one p") == []


def test_a_p_cut_off_is_no_contradiction_to_its_counts():
    # R: fisher.test(matrix(c(27, 268, 52, 255), 2))$p.value = 0.005339051; 0.00534
    # when rounded.
    one = _table("0.00533", paper={"test": "Fisher's exact test"})
    assert (one.outcome, one.details["cut_off"]) == ("attainable", True)
    # Blaker's p is none of those tried.
    one = _table("0.9", paper={"test": "Fisher's exact test (Blaker)"})
    assert (one.outcome, one.details["fits"]) == ("", False)


def test_a_share_from_weights_needs_no_whole_patients():
    claims = [claim("n", "n", "10"), claim("s", "proportion", "33%", unit="%")]
    claims[1]["value"] = "33"
    (one,) = found(study(*claims), "percentage against n", "s")
    assert one.outcome == "impossible"
    claims[0]["endpoint"] = claims[1]["endpoint"] = "outcome, adjusted for age"
    (one,) = found(study(*claims), "percentage against n", "s")
    assert (one.outcome, one.details["fits"]) == ("", False)


def test_a_difference_of_medians_beside_hodges_lehmann_limits_is_no_contradiction():
    for statistic, outcome in (("median_difference", ""), ("mean_difference", None)):
        claims = [
            claim("e", statistic, "5.0"),
            claim("l", statistic, "1.0", field="conf_low"),
            claim("h", statistic, "4.0", field="conf_high"),
        ]
        here = found(study(*claims), "estimate in its interval", "e")
        assert [one.outcome for one in here] == [
            "impossible" if outcome is None else outcome
        ]


# Whole numbers


def test_a_mean_cut_off_beside_its_sd_is_no_contradiction():
    # Of 11 patients 26 relapses: mean 2.36, cut off 2.3; 25 would be rounded to it.
    x = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 5, 5])
    assert x.sum() == 26
    cells = {"unit": "relapses"}
    claims = [
        claim("n", "n", "11"),
        claim("m", "mean", "2.3", **cells),
        claim("s", "sd", f"{x.std(ddof=1):.3f}", **cells),
    ]
    assert "impossible" not in {one.outcome for one in checks(study(*claims))}
    # The same number from a model need not be a sum over 11.
    claims[1] |= {"printed": "2.30", "value": "2.30", "endpoint": "outcome, adjusted"}
    claims[0]["endpoint"] = claims[1]["endpoint"]
    assert found(study(*claims), "mean of whole numbers") == []


@pytest.mark.parametrize("n", [2, 3, 5])
def test_means_and_sds_of_whole_numbers_by_enumeration(n):
    """Every printed mean and SD of real counts passes; means no sum gives fail."""
    means = set()
    for x in itertools.combinations_with_replacement(range(5), n):
        mean = sum(x) / n
        means.add(f"{mean:.2f}")
        sd = math.sqrt(sum((v - mean) ** 2 for v in x) / (n - 1))
        claims = [
            claim("m", "mean", f"{mean:.2f}", unit="relapses"),
            claim("s", "sd", f"{sd:.2f}", unit="relapses"),
            claim("n", "n", str(n)),
        ]
        assert "impossible" not in {one.outcome for one in checks(study(*claims))}
    for hundredth in range(0, 401):
        text = f"{hundredth / 100:.2f}"
        sums, cut = integers.whole_sums(number(text, unit="relapses"), n)
        assert (bool(sums) and not cut) == (text in means)


def test_an_sd_of_the_wrong_parity():
    # Two whole numbers with mean 1.00 have an SD of sqrt(2) d: 0, 1.41, 2.83, ...
    claims = [
        claim("m", "mean", "1.00", unit="relapses"),
        claim("s", "sd", "1.00", unit="relapses"),
        claim("n", "n", "2"),
    ]
    here = found(study(*claims), "SD of whole numbers")
    # Divisor n: values 0 and 2 have an SD of 1.
    assert [one.outcome for one in here] == ["attainable"]
    claims[1] |= {"value": "1.20", "printed": "1.20"}
    here = found(study(*claims), "SD of whole numbers")
    assert {one.outcome for one in here} == {"impossible"}


def test_scores_may_have_half_points():
    claims = [claim("m", "mean", "4.3", unit="points"), claim("n", "n", "5")]
    (one,) = found(study(*claims), "mean of whole numbers")  # 21.5 / 5
    assert (one.outcome, "half points it is possible" in one.reason) == ("", True)


def _parts(total, n=("8", "15")):
    claims = [claim("t", "mean", total), claim("nt", "n", str(sum(map(int, n))))]
    for group, mean, size in zip("AB", ("10.0", "20.0"), n, strict=True):
        claims.append(claim(f"m{group}", "mean", mean, group=group))
        claims.append(claim(f"s{group}", "sd", "1.0", group=group))
        claims.append(claim(f"n{group}", "n", size, group=group))
    (one, *_) = found(
        study(*claims, groups=("A", "B"), method="descriptive"),
        "mean of the whole against its groups",
    )
    return one


def test_the_mean_of_a_whole_is_that_of_its_groups():
    # (8 * 10 + 15 * 20) / 23 = 16.52
    assert _parts("16.5").outcome == "attainable"
    # 5 and 10 patients would give 16.67.
    fewer = _parts("16.70")
    assert fewer.outcome == ""
    assert fewer.details["fewer"]
    assert _parts("25.0").outcome == "impossible"


# Curves


def _curve(*points, **cells):
    return [
        claim(f"s{i}", "survival_probability", value, timepoint=time, **cells)
        for i, (time, value) in enumerate(points)
    ]


def test_a_curve_never_rises():
    claims = _curve(("6", "0.80"), ("12", "0.90"))
    here = found(study(*claims, method="kaplan_meier"), "points of a curve")
    assert {one.outcome for one in here} == {"impossible"}
    # Years and months are not put on one axis.
    claims = _curve(("6 months", "0.80"), ("1 year", "0.90"))
    assert found(study(*claims, method="kaplan_meier"), "points of a curve") == []


def test_a_curve_falls_by_whole_patients():
    # One of 20: by a factor of 0.95 or less.
    claims = [*_curve(("6", "0.900"), ("7", "0.890")), claim("n", "n", "20")]
    claims[0] |= {"timepoint": "6"}
    sized = [*claims[:2], *(claim(f"n{t}", "n", "20", timepoint=t) for t in "67")]
    here = found(study(*sized, method="kaplan_meier"), "points of a curve")
    assert {one.outcome for one in here} == {"impossible"}


def test_real_curves_are_attainable():
    """Freireich 1963, 6-MP: R survfit gives these points of 21 patients."""
    points = zip(
        ("6", "7", "10", "13", "16", "22", "23"),
        (".857", ".807", ".753", ".690", ".627", ".538", ".448"),
        strict=True,
    )
    claims = [*_curve(*points), claim("m", "median_survival", "23", unit="weeks")]
    here = checks(study(*claims, method="kaplan_meier", n=21))
    assert {one.outcome for one in here} == {"attainable"}
    assert any("somebody was censored" in one.reason for one in here)
    assert any(one.check == "median against curve" for one in here)


def test_a_median_on_the_wrong_side_of_the_curve():
    claims = [
        *_curve(
            ("10", "0.40"),
        ),
        claim("m", "median_survival", "15", unit="weeks"),
    ]
    here = found(study(*claims, method="kaplan_meier"), "median against curve")
    assert {(one.claim_id, one.outcome) for one in here} == {
        ("m", "impossible"),
        ("s0", "impossible"),
    }


def test_a_median_needs_events():
    for events, outcome in (("0", "impossible"), ("3", "attainable")):
        claims = [
            claim("m", "median_survival", "15"),
            claim("d", "observed_events", events),
            claim("n", "n", "10"),
        ]
        here = found(study(*claims, method="kaplan_meier"), "median against events")
        assert {one.outcome for one in here} == {outcome}


# Words, and what is left alone


@pytest.mark.parametrize(
    ("value", "outcome"), [("-2.0", "attainable"), ("1.0", "impossible")]
)
def test_words_against_a_printed_number(value, outcome):
    claims = [
        claim("w", "mean_difference", "", relation="words", printed="reduced"),
        claim("d", "mean_difference", value),
    ]
    here = found(study(*claims), "direction against numbers")
    assert {one.outcome for one in here} == {outcome}


def test_context_is_not_tested_and_no_claim_is_no_error():
    assert checks(study()) == []
    one = claim("p", "proportion", "10", unit="%", role="context", note="why")
    assert checks(study(one, claim("n", "n", "18", role="context"))) == []


def test_a_report_finds_only_claims_of_its_place():
    claims = [
        claim("k", "count", "3", timepoint="9 months"),
        claim("p", "proportion", "12.5", unit="%", timepoint="12 months"),
    ]
    report = Report(study(*claims))
    assert report.counts(claims[1]) is None
