"""From a printed and a recomputed number to a verdict."""

from __future__ import annotations

import math

import pytest

from reanalysis.results import COLUMNS
from reanalysis.verdicts import ORDER, judge

ANALYSIS = {
    "method": "tables",
    "awaited": False,
    "kind": "individual",
    "dataset": "d",
    "paper": {},
    "samples": [{"endpoint": ""}],
    "groups": ["T", "S"],
}


def row(scenario="primary", convention="", **values):
    base = {
        name: math.nan
        if name.startswith(("conf_", "p_value", "test_stat", "estimate", "n", "events"))
        else ""
        for name in COLUMNS
    }
    base |= {"analysis": "a", "scenario": scenario, "convention": convention}
    base |= {
        "statistic": "odds_ratio",
        "group": "T",
        "reference": "S",
        "test": "fisher",
    }
    base |= {"estimate_id": f"{scenario}{convention}", "alternative": "two-sided"}
    return {**base, **values}


def claim(printed="0.05", value=None, relation="=", **cells):
    base = dict.fromkeys(
        [
            "endpoint",
            "timepoint",
            "population",
            "unit",
            "conf_level",
            "test",
            "alternative",
            "locator",
            "quote",
            "note",
        ],
        "",
    )
    base |= {"claim_id": "C1", "analysis": "a", "group": "T", "reference": "S"}
    base |= {
        "statistic": "odds_ratio",
        "field": "p_value",
        "role": "check",
        "source": "p",
    }
    value = printed if value is None else value
    return {**base, "printed": printed, "value": value, "relation": relation, **cells}


def verdict(claimed, *rows, **analysis):
    study = {
        "id": "s",
        "claims": [claimed],
        "analyses": {"a": {**ANALYSIS, **analysis}},
        "datasets": {"d": {"awaited": "Rows of table 2."}},
    }
    (judged,), (check,) = judge(study, rows)
    assert check["outcome"] == judged["verdict"]
    assert judged["verdict"] in ORDER
    assert judged["reason"]
    return judged


@pytest.mark.parametrize(
    ("printed", "p", "outcome"),
    [
        ("0.05", 0.0451, "reproduced"),
        ("0.05", 0.045, "reproduced"),
        ("0.05", 0.055, "reproduced"),
        ("0.05", 0.0551, "differs"),
        ("0.050", 0.0506, "differs"),
    ],
)
def test_the_printed_digits_decide(printed, p, outcome):
    assert verdict(claim(printed), row(p_value=p))["verdict"] == outcome


def test_inequalities():
    assert (
        verdict(claim("p<0.05", "0.05", "<"), row(p_value=0.049))["verdict"]
        == "reproduced"
    )
    assert (
        verdict(claim("p<0.05", "0.05", "<"), row(p_value=0.05))["verdict"] == "differs"
    )
    star = claim("*", "0.05", "<")
    assert verdict(star, row(p_value=0.009))["verdict"] == "differs"
    assert verdict(star, row(p_value=0.02))["verdict"] == "reproduced"


def test_another_convention_is_named_and_counted():
    rows = (
        row(p_value=0.08),
        row("convention", "fisher", p_value=0.08),
        row("convention", "chi_square", p_value=0.05, test="chi-square"),
        row("convention", "chi_square_yates", p_value=0.07, test="chi-square-yates"),
    )
    judged = verdict(claim(), *rows)
    assert judged["verdict"] == "reproduced_by_convention"
    assert judged["convention"] == "chi_square"
    assert judged["conventions_tried"] == 3
    assert "1 of 3 conventions" in judged["reason"]
    judged = verdict(claim("0.06"), *rows)
    assert judged["verdict"] == "differs"
    assert judged["recomputed"] == 0.08
    assert judged["difference"] == pytest.approx(0.02)


def test_the_stated_convention_comes_before_the_primary_one():
    rows = (row(p_value=0.08), row("stated", "chi_square", p_value=0.05))
    paper = {"convention": "chi_square"}
    assert verdict(claim(), *rows, paper=paper)["verdict"] == "reproduced"
    assert verdict(claim("0.08"), *rows, paper=paper)["verdict"] != "reproduced"


def test_near_misses_are_said():
    judged = verdict(claim("0.05"), row(p_value=0.058))
    assert "cut off, not rounded" in judged["reason"]
    assert (
        "off by one in the last digit"
        in verdict(claim("0.05"), row(p_value=0.062))["reason"]
    )


def test_ranges_of_printed_inputs():
    ranged = row(p_value=0.07, p_value_min=0.054, p_value_max=0.09)
    assert verdict(claim(), ranged, kind="summary")["verdict"] == "reproduced"
    assert verdict(claim("0.10"), ranged, kind="summary")["verdict"] == "differs"


@pytest.mark.parametrize("kind", ["reconstructed", "curve", "simulated"])
def test_rebuilt_data_reproduce_nothing(kind):
    assert verdict(claim(), row(p_value=0.05), kind=kind)["verdict"] == "compatible"
    assert verdict(claim(), row(p_value=0.5), kind=kind)["verdict"] == "not_reached"


def test_what_is_not_tested():
    assert verdict(claim(role="context", note="Why."), row())["verdict"] == "context"
    assert verdict(claim(role="constraint"), row())["verdict"] == "used"
    judged = verdict(claim(), awaited=True)
    assert judged["verdict"] == "not_recomputable"
    assert "Rows of table 2." in judged["reason"]
    judged = verdict(claim(), row(note="no events"))
    assert judged["verdict"] == "not_recomputable"
    assert "no events" in judged["reason"]
    assert verdict(claim(group="X"), row(p_value=0.05))["verdict"] == "not_recomputable"


def test_units():
    cells = {"field": "estimate", "statistic": "proportion", "reference": ""}
    found = row(
        estimate=0.8333, unit="proportion", statistic="proportion", reference=""
    )
    assert (
        verdict(claim("83%", "83", unit="%", **cells), found)["verdict"] == "reproduced"
    )
    cells["statistic"] = "median_survival"
    found = row(estimate=365.25, unit="days", statistic="median_survival", reference="")
    assert (
        verdict(claim("12.0", unit="months", **cells), found)["verdict"] == "reproduced"
    )


def test_words():
    words = claim("not significant", "", "words")
    assert verdict(words, row(p_value=0.05))["verdict"] == "reproduced"
    assert verdict(words, row(p_value=0.04))["verdict"] == "differs"
    assert (
        verdict(claim("done", "", "words"), row(p_value=0.5))["verdict"]
        == "not_recomputable"
    )
