"""Which conventions give printed digits: against R, closed forms and hand counts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
import yaml

from reanalysis.consistency import bulk, system
from reanalysis.consistency.fingerprint import COPIED, JOINT, checks
from reanalysis.consistency.fingerprint_axes import BASE
from reanalysis.consistency.fingerprint_sweep import (
    EXCHANGED,
    ONE_SIDED,
    UNIT,
    Fingerprint,
    sweep,
)
from reanalysis.errors import InputError
from reanalysis.sample import Sample
from reanalysis.studies.claims import CLAIM_COLUMNS

# Freireich 1963, weeks in remission: 6-MP and placebo, 21 patients each.
MP = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def remission(**options: object) -> Sample:
    rows = pd.DataFrame(
        {
            "time": [*map(float, MP), *map(float, PLACEBO)],
            "event": [1] * 9 + [0] * 12 + [1] * 21,
            "group": ["6-MP"] * 21 + ["placebo"] * 21,
        }
    )
    return Sample(
        kind="individual",
        rows=rows,
        groups=("placebo", "6-MP"),
        reference="6-MP",
        options=options,
        unit="weeks",
        time_unit="weeks",
    )


def claim(printed: str, statistic: str, field: str = "estimate", **cells: str) -> dict:
    row = dict.fromkeys(CLAIM_COLUMNS, "")
    value = printed.lstrip("<").removesuffix("%")
    relation = "<" if printed.startswith("<") else "="
    return (
        row
        | {
            "claim_id": f"{statistic}.{field}.{printed}",
            "statistic": statistic,
            "field": field,
            "printed": printed,
            "value": value,
            "relation": relation,
            "role": "check",
        }
        | cells
    )


def fit(sample: Sample, method: str, *claims: dict) -> Fingerprint:
    settings = {**BASE[method], "conf_level": 0.95, "seed": 1}
    return sweep(sample, method, claims, settings, unit=sample.unit)


def levels(found: Fingerprint, axis: str) -> set[str]:
    return {name for one in found.fitting for name in one.levels[axis]}


# R 4.2 survival: coxph(Surv(t, d) ~ g, ties = ...) gives exp(coef) 4.816868 (efron),
# 4.523044 (breslow), 5.094916 (exact).
@pytest.mark.parametrize(
    ("printed", "ties"), [("4.82", "efron"), ("4.52", "breslow"), ("5.09", "exact")]
)
def test_the_ties_of_a_hazard_ratio(printed: str, ties: str) -> None:
    found = fit(remission(), "cox", claim(printed, "hazard_ratio"))
    assert levels(found, "ties") == {ties}
    assert levels(found, "arms") == {"as declared"}
    assert found.departures == frozenset()
    assert found.pinned()["ties"] == ties


def test_hazard_ratio_with_interval_and_p_value_together() -> None:
    # R: efron, Wald 2.1465 to 10.8093, p = 0.000138; score p = 0.0000328.
    claims = [
        claim("4.82", "hazard_ratio"),
        claim("2.15", "hazard_ratio", "conf_low"),
        claim("10.81", "hazard_ratio", "conf_high"),
        claim("0.0000328", "hazard_ratio", "p_value"),
    ]
    found = fit(remission(), "cox", *claims)
    assert {axis: levels(found, axis) for axis in ("ties", "interval", "test")} == {
        "ties": {"efron"},
        "interval": {"wald"},
        "test": {"score"},
    }
    assert levels(found, "sides") == {"two-sided"}


def test_exchanged_arms_are_named() -> None:
    # exp(-1.5721) = 0.2076, limits 1 / 10.8093 and 1 / 2.1465.
    claims = [
        claim("0.21", "hazard_ratio"),
        claim("0.09", "hazard_ratio", "conf_low"),
        claim("0.47", "hazard_ratio", "conf_high"),
    ]
    found = fit(remission(), "cox", *claims)
    assert found.departures == {EXCHANGED}
    assert found.alternatives == (frozenset({EXCHANGED}),)


def test_exchanged_arms_of_a_median() -> None:
    # R survfit: medians 23 (6-MP) and 8 (placebo).
    found = fit(
        remission(), "kaplan_meier", claim("8", "median_survival", group="6-MP")
    )
    assert found.departures == {EXCHANGED}
    right = fit(
        remission(), "kaplan_meier", claim("23", "median_survival", group="6-MP")
    )
    assert right.departures == frozenset()


@pytest.mark.parametrize(
    ("printed", "unit", "departures"),
    [
        ("23", "weeks", set()),
        ("161", "days", set()),
        ("5.3", "months", set()),  # 161 / 30.4375 = 5.2895
        ("5.4", "months", set()),  # 161 / 30 = 5.3667: a month of 30 days
        ("161", "months", {UNIT}),
        ("23", "months", {UNIT}),
    ],
)
def test_the_unit_of_time(printed: str, unit: str, departures: set[str]) -> None:
    median = claim(printed, "median_survival", group="6-MP", unit=unit)
    assert fit(remission(), "kaplan_meier", median).departures == departures


def test_survival_read_at_a_time_in_another_unit() -> None:
    # S(10 weeks) of 6-MP = 0.7529, S(10 days) = 1: nobody relapsed within 10 days.
    at_ten = {"group": "6-MP", "timepoint": "10", "unit": ""}
    plain = fit(
        remission(), "kaplan_meier", claim("0.753", "survival_probability", **at_ten)
    )
    assert plain.departures == frozenset()
    shifted = fit(
        remission(), "kaplan_meier", claim("1.000", "survival_probability", **at_ten)
    )
    assert shifted.departures == {UNIT}
    assert levels(shifted, "unit of time") == {"day"}


def test_a_one_sided_log_rank_p_value() -> None:
    # R survdiff: chi-square 16.793, p = 4.169e-05; half of it is 2.084e-05.
    p = claim("0.0000208", "log_rank", "p_value")
    found = fit(remission(), "log_rank", p)
    assert found.departures == {ONE_SIDED}
    assert levels(found, "weights") == {"log-rank"}
    stated = {**p, "alternative": "less"}
    assert fit(remission(), "log_rank", stated).departures == frozenset()


def pairs(before: list[int], after: list[int]) -> Sample:
    rows = pd.DataFrame({"before": before, "after": after}, dtype=float)
    return Sample(kind="individual", rows=rows)


def test_ten_falls_of_ten_one_sided() -> None:
    # All ten differences negative: one-sided exact p = 1 / 1024 = 0.000977.
    sample = pairs([2] * 10, [1] * 10)
    one = fit(sample, "wilcoxon", claim("0.000977", "median_difference", "p_value"))
    assert one.departures == {ONE_SIDED}
    # Two-sided 2 / 1024; signed rank and sign test both give it.
    two = fit(sample, "wilcoxon", claim("0.002", "median_difference", "p_value"))
    assert two.departures == frozenset()
    assert {"signed rank", "sign"} <= levels(two, "test")


def test_no_convention() -> None:
    found = fit(remission(), "cox", claim("3.14", "hazard_ratio"))
    assert found.departures is None
    assert found.alternatives == ()
    assert found.pinned() == {}


def test_equal_results_count_once() -> None:
    # Without ties all three ways give the same hazard ratio.
    rows = pd.DataFrame(
        {"time": [1.0, 2, 3, 4, 5, 6], "event": 1, "group": ["a", "b"] * 3}
    )
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    hr = fit(sample, "cox", claim("9.99", "hazard_ratio"))
    assert [one.levels["ties"] for one in hr.usual] == [("efron", "breslow", "exact")]


def test_a_p_value_with_the_digits_of_a_share() -> None:
    # 5/16 and 20/53 (37.7 %): chi-square 0.64, Fisher 0.77, nothing near 0.37.
    report = {
        "n1": "16", "events1": "5", "share1": "31.3%",
        "n0": "53", "events0": "20", "share0": "37.7%", "p": "0.37",
    }  # fmt: skip
    found = {check.check: check for check in checks(bulk.study_of([report]))}
    assert found[COPIED].claim_id == "r1.p"
    assert "37.7%" in found[COPIED].reason
    assert found[COPIED].details["fits"] is False  # shown among what does not fit
    right = {**report, "p": "0.64"}
    assert not any(c.check == COPIED for c in checks(bulk.study_of([right])))


def test_rows_of_a_study() -> None:
    # Deaths 5/16 and 20/53: Pearson 0.6377, one-sided (lower) 0.3188.
    report = {"n1": "16", "events1": "5", "n0": "53", "events0": "20", "p": "0.319"}
    (check,) = checks(bulk.study_of([report]))
    assert check.outcome == ""
    assert "Only a one-sided p-value gives it." in check.reason
    assert check.details["departures"] == [[ONE_SIDED]]
    json.dumps(check.details)


def test_both_limits_are_told_together() -> None:
    # Clopper-Pearson of 5 of 6: 0.3588 to 0.9958 (R binom.test).
    study = bulk.study_of([{"n": "6"}])
    (name,) = study["analyses"]
    part = {
        "endpoint": "", "columns": {"count": [5.0], "n": [6.0]}, "covariates": [],
        "people": ["1"], "lost": [False], "groups": [], "reference": "", "unit": "",
        "time_unit": "", "dropped": 0,
    }  # fmt: skip
    study["analyses"][name] |= {
        "method": "proportions", "kind": "summary", "awaited": False,
        "groups": [], "samples": [part],
    }  # fmt: skip
    study["claims"] = [
        claim("35.9%", "proportion", "conf_low", unit="%", analysis=name),
        claim("99.6%", "proportion", "conf_high", unit="%", analysis=name),
    ]
    found = checks(study)
    assert [check.check for check in found].count(JOINT) == 1
    assert all("interval clopper-pearson" in check.reason for check in found)
    assert all(check.details["fits"] == 1 for check in found)


def test_a_report_in_a_csv(tmp_path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("label,n1,n0,events1,events0,p\nfirst,21,21,2,7,0.13\n")
    study = bulk.read_reports(path)
    assert [c["claim_id"] for c in study["claims"]] == [
        "r1.n1", "r1.n0", "r1.events1", "r1.events0", "r1.p",
    ]  # fmt: skip
    assert study["populations"]["r1"]["n"] == 42
    # R fisher.test(matrix(c(2, 19, 7, 14), 2)): p = 0.1302.
    (check,) = [c for c in checks(study) if c.claim_id == "r1.p"]
    assert any("fisher" in one for one in check.details["fitting"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,arm\na,b\n", "no column is known"),
        ("n1,n0,p\n5,5,1.7\n", "between 0 and 1"),
        ("n1,n0,hr\n5,5,1.2.3\n", "not one plain number"),
    ],
)
def test_a_csv_with_a_mistake(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        bulk.read_reports(path)


def test_a_median_not_reached_is_no_number() -> None:
    study = bulk.study_of([{"n1": "5", "n0": "5", "median1": "not reached"}])
    relation = [c["relation"] for c in study["claims"]]
    assert relation == ["=", "=", "words"]
    assert checks(study) == []
    assert math.isclose(study["populations"]["r1"]["n"], 10)


@pytest.mark.parametrize("method", BASE)
def test_a_sweep_has_every_setting_of_its_method(method):
    config = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
    assert set(config["methods"][method]) <= set(BASE[method])


def test_events_over_time_reach_the_system() -> None:
    # One of four patients had the event; after it 3/4 are free of it, not 25 %.
    report = {
        "n1": "4", "events1": "1", "survival1@12": "25%", "at_risk1@12": "3",
        "n0": "4", "events0": "2", "hr": "0.50", "low": "0.05", "high": "5.51",
    }  # fmt: skip
    study = bulk.study_of([report])
    events = [c["statistic"] for c in study["claims"] if c["locator"] == "events1"]
    assert events == ["observed_events"]
    found = {c.claim_id: c for c in system.checks(study, ranges=False)}
    assert found["r1.survival1_12"].details["fits"] is False
    assert "Kaplan-Meier" in found["r1.survival1_12"].reason
    with_ranges = {c.claim_id: c.outcome for c in system.checks(study)}
    assert with_ranges == {name: c.outcome for name, c in found.items()}
    shared = bulk.study_of([report | {"share1": "25%"}])
    events = [c["statistic"] for c in shared["claims"] if c["locator"] == "events1"]
    assert events == ["count"]
