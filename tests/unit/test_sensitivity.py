"""Which conclusions move."""

from __future__ import annotations

import math

import pytest

from reanalysis.results import COLUMNS
from reanalysis.sensitivity import sensitivity


def row(scenario, estimate, p, specification="s", **cells):
    base = {
        **dict.fromkeys(COLUMNS, ""),
        "analysis": "a",
        "study": "s",
        "method": "cox",
    }
    base |= {"statistic": "hazard_ratio", "group": "T", "reference": "S"}
    base |= {"scenario": scenario, "estimate": estimate, "p_value": p}
    base |= {"conf_low": math.nan, "conf_high": math.nan}
    return {**base, "specification": specification + scenario, **cells}


@pytest.mark.parametrize(
    ("estimate", "p", "moves"),
    [
        (0.6, 0.04, "no"),
        (0.6, 0.05, "significance is lost"),
        (1.1, 0.01, "direction changes"),
        (1.1, 0.9, "direction changes; significance is lost"),
        (1.0, 0.01, "no"),
    ],
)
def test_what_moves(estimate, p, moves):
    rows = [row("primary", 0.5, 0.03), row("other", estimate, p)]
    primary, other = sensitivity(rows, [])
    assert primary["moves"] == ""
    assert other["moves"] == moves
    assert other["primary_estimate"] == 0.5


def test_left_out_patients_are_one_line_with_a_range():
    rows = [row("primary", 0.5, 0.03)]
    rows += [
        row("leave_one_out", e, p, specification=str(i))
        for i, (e, p) in enumerate([(0.4, 0.01), (0.6, 0.06), (0.5, 0.07)])
    ]
    line = sensitivity(rows, [])[1]
    assert (line["specifications"], line["estimate"]) == (3, "")
    assert (line["estimate_low"], line["estimate_high"]) == (0.4, 0.6)
    assert line["moves"] == "significance is lost in 2 of 3"


def test_conventions_and_other_statistics_are_no_scenarios():
    rows = [row("primary", 0.5, 0.03), row("convention", 0.9, 0.9)]
    rows += [row("primary", 5, math.nan, statistic="n")]
    assert [line["scenario"] for line in sensitivity(rows, [])] == ["primary"]
