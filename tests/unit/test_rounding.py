"""Printed numbers: what they say of the true value behind them."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reanalysis.errors import InputError
from reanalysis.rounding import decimal, interval, round_half_up, truncates

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("0.02", 0.015, 0.025),
        ("35.9", 35.85, 35.95),
        ("+0.75", 0.745, 0.755),
        ("-0.75", -0.755, -0.745),
        (".857", 0.8565, 0.8575),
        ("4.2e-5", 4.15e-5, 4.25e-5),
        ("1,296", 1295.5, 1296.5),
        ("3239", 3238.5, 3239.5),
        # Trailing zeros are digits.
        ("12.0", 11.95, 12.05),
        ("1.10", 1.095, 1.105),
        ("1.3e3", 1250.0, 1350.0),
        ("0", -0.5, 0.5),
    ],
)
def test_interval_is_half_a_unit_of_the_last_digit(value, low, high):
    printed = interval(value, value)
    assert (printed.low, printed.high) == (low, high)
    assert printed.holds(low)
    assert printed.holds(high)
    assert not printed.holds(math.nextafter(low, -math.inf) - 1e-6 * printed.step)
    assert not printed.holds(high + 1e-6 * printed.step)


@pytest.mark.parametrize(
    ("text", "typeset"), [("-0.75", "\u22120.75"), ("0.02", "0\u00b702")]
)
def test_typeset_minus_and_raised_point_are_read(text, typeset):
    assert decimal(text) == decimal(typeset)


def test_digits_and_step():
    assert interval("0.020", "0.020").digits == 3
    assert interval("0.020", "0.020").step == 0.001
    assert interval("1.3e3", "1.3e3").digits == -2


def test_about_reaches_one_unit_further():
    printed = interval("about 4.5", "4.5", "~")
    assert (printed.low, printed.high) == (4.35, 4.65)


def test_inequalities_leave_out_the_printed_end():
    below = interval("P<0.05", "0.05", "<", field="p_value")
    assert (below.low, below.high) == (0, 0.05)
    assert below.holds(0.0)
    assert below.holds(0.0499999)
    assert not below.holds(0.05)
    above = interval("P>0.99", "0.99", ">", field="p_value")
    assert (above.low, above.high) == (0.99, 1)
    assert above.holds(1.0)
    assert not above.holds(0.99)
    assert interval("<5", "5", "<").low == -math.inf
    assert interval(">5", "5", ">").holds(5.1)
    assert interval("<5", "5", "<").holds(4.9, 6)


def test_p_values_stay_between_0_and_1():
    assert interval("0.00", "0.00", field="p_value").low == 0
    assert interval("1.00", "1.00", field="p_value").high == 1
    with pytest.raises(InputError, match="between 0 and 1"):
        interval("1.2", "1.2", field="p_value")


def test_words_have_no_interval():
    words = interval("not significant", "", "words")
    assert math.isnan(words.low)
    assert not words.holds(0.5)


def test_a_range_is_held_when_it_touches_the_interval():
    printed = interval("7.7", "7.7")
    assert printed.holds(7.0, 7.66)
    assert not printed.holds(7.0, 7.64)
    assert not printed.holds(math.nan)


def test_counts_are_compared_exactly():
    printed = interval("27", "27")
    assert printed.counts(27)
    assert not printed.counts(27.3)
    assert printed.holds(27.3)
    assert interval("fewer than 5", "5", "<").counts(4)


def test_noise_in_the_last_bits_does_not_decide():
    # 0.445 computed as 0.44499999999999995 would be printed 0.45 or 0.44.
    assert interval("0.45", "0.45").holds(0.44499999999999995)


@pytest.mark.parametrize(
    "text", ["", "12%", "0,75", "1,29", "twelve", "-", "nan", "1 2", "1.2.3", "inf"]
)
def test_text_that_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="not one plain number"):
        decimal(text)


def test_an_unknown_relation_is_refused():
    with pytest.raises(InputError, match="one of =, <, >, ~, words"):
        interval("5", "5", "about")


@pytest.mark.parametrize(
    ("printed", "value"), [("12.0%", "12"), ("1.10 (0.8 to 1.5)", "1.1"), ("3", "3.0")]
)
def test_a_value_that_lost_its_digits_is_refused(printed, value):
    with pytest.raises(InputError, match="digits of the printed text"):
        interval(printed, value)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("27 of 295 (9.2%)", "27"),
        ("82%", "0.82"),
        ("0.93; 95% CI 0.63-1.37", "1.37"),
        ("P<.001", "0.001"),
        ("half", "0.5"),
        ("12 of 12.0", "12"),
    ],
)
def test_a_value_found_as_printed_or_converted_is_accepted(printed, value):
    assert interval(printed, value).value == float(value)


@pytest.mark.parametrize(
    ("value", "x", "cut"),
    [
        ("0.02", 0.0299, True),
        ("0.02", 0.03, False),
        ("0.02", 0.0199, False),
        ("-1.5", -1.59, True),
        ("-1.5", 1.59, False),
        ("0.0", -0.04, True),
        ("0.3", 0.1 + 0.2, True),
        ("0.3", 0.3 - 1e-17, True),
        ("20", 20.64, True),
    ],
)
def test_truncation(value, x, cut):
    assert truncates(value, x) is cut


@given(FINITE, st.integers(0, 8), st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]))
@example(0.125, 2, ROUND_HALF_EVEN)
@example(0.285, 2, ROUND_HALF_UP)
def test_a_number_lies_in_the_interval_of_its_own_print(x, digits, mode):
    unit = Decimal(1).scaleb(-digits)
    # The exact binary value and the shortest decimal may round differently;
    # both prints are possible.
    for exact in (Decimal(x), Decimal(repr(x))):
        text = f"{exact.quantize(unit, rounding=mode):f}"
        printed = interval(text, text)
        assert printed.low <= x <= printed.high
        assert printed.holds(x)


@given(FINITE, st.integers(0, 8))
def test_the_language_s_own_formatting_is_covered(x, digits):
    text = f"{x:.{digits}f}"
    assert interval(text, text).low <= x <= interval(text, text).high
    assert interval(text, text).digits == digits


@given(FINITE, st.integers(0, 6))
def test_half_up_rounding_stays_within_its_interval(x, digits):
    text = round_half_up(x, digits)
    assert interval(text, text).holds(x)
    assert not text.startswith("-0") or float(text) != 0


@given(st.floats(-1e4, 1e4, allow_nan=False), st.integers(0, 5))
def test_a_cut_number_is_recognised(x, digits):
    cut = Decimal(x).quantize(Decimal(1).scaleb(-digits), rounding="ROUND_DOWN")
    assert (
        truncates(f"{cut:f}", x)
        or abs(abs(x) - abs(float(cut)) - 10.0**-digits) < 2e-9 * 10.0**-digits
    )


def test_round_half_up_against_hand():
    assert round_half_up(0.285, 2) == "0.29"
    assert round_half_up(2.675, 2) == "2.68"
    assert round_half_up(-0.001, 2) == "0.00"
    assert round_half_up(1e20, 2) == "100000000000000000000"
