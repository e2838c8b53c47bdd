"""Numbers as journals print them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.formatting import (
    beside_printed,
    capitalised,
    journal_interval,
    journal_number,
    journal_p,
    journal_time,
    significant,
)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.00002, "<0.001"),
        (0.002, "0.002"),
        (0.0049, "0.005"),
        (0.04, "0.04"),
        (0.12345, "0.12"),
        # Never on the other side of 0.05.
        (0.0495, "0.0495"),
        (0.0487, "0.049"),
        (0.0534, "0.053"),
        (0.049999, "<0.05"),
        (0.05, "0.05"),
        (0.995, ">0.99"),
        (1.0, "1.00"),
        (0.0, "<0.001"),
        (math.nan, "\u2013"),
    ],
)
def test_p_values(p, text):
    assert journal_p(p) == text


@given(st.floats(0, 1))
def test_a_printed_p_never_crosses_the_significance_limit(p):
    text = journal_p(p)
    value = float(text.strip("<>"))
    assert value <= 0.05 if p < 0.05 else value >= 0.05


@pytest.mark.parametrize(
    ("x", "kind", "text"),
    [
        (0.0915, {"unit": "proportion", "statistic": "proportion"}, "9.2%"),
        (7.785, {"unit": "%", "statistic": "risk_difference"}, "7.8%"),
        (44.4, {"statistic": "percent_of"}, "44.4%"),
        (1.104, {"statistic": "odds_ratio"}, "1.10"),
        (0.0012, {"statistic": "odds_ratio"}, "0.0012"),
        (1410.23, {"statistic": "odds_ratio"}, "1410.23"),
        # A group without an event, and a difference of equal sums in floating point.
        (3.4e-9, {"statistic": "hazard_ratio"}, "<0.0001"),
        (1.2e-33, {"statistic": "log_rank", "field": "test_statistic"}, "<0.0001"),
        (-1.2e-33, {"field": "test_statistic"}, ">\u22120.0001"),
        (math.inf, {"statistic": "odds_ratio"}, "\u221e"),
        (-math.inf, {}, "\u2212\u221e"),
        (27.0, {"statistic": "count"}, "27"),
        (0.0, {"statistic": "count"}, "0"),
        (26.4, {"statistic": "count"}, "26.4"),
        (42.0, {"statistic": "hazard_ratio", "field": "n"}, "42"),
        (16.7929, {"statistic": "log_rank", "field": "test_statistic"}, "16.79"),
        (4.2e-5, {"statistic": "log_rank", "field": "p_value"}, "<0.001"),
        (3239.4, {"statistic": "mean", "unit": "g"}, "3239"),
        (-0.7512, {"statistic": "mean", "unit": "hours"}, "\u22120.751"),
        (-0.0001, {"statistic": "ratio"}, "\u22120.00010"),
        (-0.0001, {"unit": "%"}, "0.0%"),
        (math.nan, {}, "\u2013"),
        (0.0, {}, "0"),
    ],
)
def test_numbers(x, kind, text):
    assert journal_number(x, **kind) == text


def test_significant_digits_survive_the_rounding():
    assert significant(9.996) == "10.0"
    assert significant(0.01234) == "0.0123"
    assert significant(123456.7) == "123457"


def test_intervals():
    kind = {"statistic": "hazard_ratio"}
    assert journal_interval(0.3, 0.9, 0.95, **kind) == "95% CI, 0.30 to 0.90"
    assert journal_interval(0.3, math.inf, 0.999, **kind) == "99.9% CI, 0.30 to \u221e"


def test_a_capital_is_given_to_plain_words_only():
    assert capitalised("time to death") == "Time to death"
    for text in ("eGFR at one year", "rIFN-g against placebo", ""):
        assert capitalised(text) == text


def test_times_are_short():
    assert journal_time("8.739219712525667") == "8.74"
    assert journal_time(365.25) == "365.25"
    assert journal_time("after treatment") == "after treatment"
    assert journal_time(None) == ""


@pytest.mark.parametrize(
    ("x", "cells", "text"),
    [
        (0.000612, {"printed": "P = .0006", "value": ".0006", "field": "p_value"}, "0.00061"),
        (29.93, {"printed": "30%", "value": "30", "unit": "%"}, "29.9%"),
        (-1.25, {"printed": "-1.2", "value": "-1.2"}, "\u22121.25"),
        (0.2, {"printed": "n.s.", "value": "", "relation": "words", "field": "p_value"}, "0.20"),
        (21.0, {"printed": "21", "value": "21", "statistic": "n"}, "21"),
    ],
)  # fmt: skip
def test_a_recomputed_number_has_one_digit_more(x, cells, text):
    blank = {"relation": "=", "field": "estimate", "statistic": "mean", "unit": ""}
    assert beside_printed(x, blank | cells) == text
