"""Numbers derived from printed numbers, with their rounding."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import MethodError
from reanalysis.methods.arithmetic import OPERATIONS, Interval, derive, estimate
from reanalysis.rounding import interval
from reanalysis.sample import Sample


def printed(*texts, unit="", **options):
    """A sample of printed inputs as the claims of a study give them."""
    parsed = [interval(text, text) for text in texts]
    rows = pd.DataFrame(
        {
            "label": [f"E{i}" for i in range(len(texts))],
            "value": [p.value for p in parsed],
            "value_low": [p.low for p in parsed],
            "value_high": [p.high for p in parsed],
        }
    )
    return Sample(kind="summary", rows=rows, unit=unit, options=options)


def one(sample, inputs="intervals"):
    (row,) = estimate(sample, {"inputs": inputs, "conf_level": 0.95, "seed": 1})
    return row


# Rectal indomethacin (N Engl J Med 2012;366:1414): 9.2 % against 16.9 %, printed
# risk reduction 7.7 points, relative reduction 46 %, NNT 13.
def test_risk_reduction_of_two_printed_percentages():
    row = one(printed("16.9", "9.2", unit="%", operation="difference"))
    assert row.estimate == pytest.approx(7.7, rel=1e-12)
    # 16.85 - 9.25 to 16.95 - 9.15
    assert row.ranges["estimate"] == pytest.approx((7.6, 7.8), rel=1e-12)
    assert (row.statistic, row.unit) == ("difference", "%")


def test_number_needed_to_treat_of_percentages_and_of_fractions():
    row = one(printed("16.9", "9.2", unit="%", operation="number_needed_to_treat"))
    assert row.estimate == pytest.approx(100 / 7.7, rel=1e-12)
    assert row.ranges["estimate"] == pytest.approx((100 / 7.8, 100 / 7.6), rel=1e-12)
    assert row.unit == ""
    row = one(printed("0.169", "0.092", operation="number_needed_to_treat"))
    assert row.estimate == pytest.approx(1 / 0.077, rel=1e-12)


def test_relative_reduction():
    row = one(printed("9.2", "16.9", unit="%", operation="relative_reduction"))
    assert row.estimate == pytest.approx(100 * (1 - 9.2 / 16.9), rel=1e-12)
    assert row.ranges["estimate"] == pytest.approx(
        (100 * (1 - 9.25 / 16.85), 100 * (1 - 9.15 / 16.95)), rel=1e-12
    )
    assert (row.statistic, row.unit) == ("percent_reduction", "%")


# Sulindac (N Engl J Med 1993;328:1313): 44 % of baseline, called a fall by 56 %.
def test_complement_of_a_percentage_and_of_a_fraction():
    row = one(printed("44", unit="%", operation="complement"))
    assert row.estimate == 56
    assert row.ranges["estimate"] == (55.5, 56.5)
    assert one(printed("0.44", operation="complement")).estimate == pytest.approx(0.56)


def test_percent_reduction_of_a_hazard_ratio():
    row = one(printed("0.59", operation="percent_reduction"))
    assert row.estimate == pytest.approx(41)
    assert row.ranges["estimate"] == pytest.approx((40.5, 41.5))


@pytest.mark.parametrize(
    ("operation", "inputs", "low", "high"),
    [
        ("sum", [(1, 2), (3, 4), (5, 5)], 9, 11),
        ("mean", [(1, 2), (3, 4)], 2, 3),
        ("product", [(-1, 2), (3, 4)], -4, 8),
        ("ratio", [(1, 2), (4, 5)], 0.2, 0.5),
        ("ratio", [(-1, 2), (-5, -4)], -0.5, 0.25),
        ("percent_of", [(1, 2), (4, 5)], 20, 50),
    ],
)
def test_interval_arithmetic_by_hand(operation, inputs, low, high):
    result = derive(operation, inputs)
    assert (result.low, result.high) == pytest.approx((low, high))


def test_scale_multiplies():
    assert derive("ratio", [(6, 6), (12, 12)], scale=100).low == 50


def test_points_carry_no_rounding():
    row = one(printed("16.9", "9.2", unit="%", operation="difference"), "points")
    assert row.estimate == pytest.approx(7.7)
    assert row.ranges == {}


def test_a_unit_column_of_the_inputs_is_used():
    sample = printed("16.9", "9.2", operation="number_needed_to_treat")
    sample.rows["unit"] = "%"
    assert one(sample).estimate == pytest.approx(100 / 7.7)


def test_a_divisor_that_may_be_zero_gives_an_unbounded_range_and_a_note():
    row = one(printed("9.2", "9.1", unit="%", operation="number_needed_to_treat"))
    assert row.estimate == pytest.approx(1000)
    # 100 / 0.2 up to 100 / 0; the bound is the divisor's rounding noise away.
    assert row.ranges["estimate"][0] <= 500 + 1e-9
    assert math.isinf(row.ranges["estimate"][1]) or row.ranges["estimate"][1] > 1e12
    row = one(printed("9.1", "9.1", unit="%", operation="number_needed_to_treat"))
    assert math.isnan(row.estimate)
    assert row.note == "The divisor is 0."
    assert Interval(1, 2) / Interval(-1, 1) == Interval(-math.inf, math.inf)
    assert Interval(1, 2) / Interval(0, 1) == Interval(1, math.inf)
    assert Interval(1, 2) / Interval(-1, 0) == Interval(-math.inf, -1)


@pytest.mark.parametrize(
    ("sample", "note"),
    [
        (printed("1", operation="difference"), "takes 2 numbers, 1 were given"),
        (printed("1", operation="root"), "'root' is not known"),
        (printed("1"), "'' is not known"),
        (printed(operation="sum"), "one or more numbers, 0 were given"),
    ],
)
def test_what_cannot_be_derived_is_said_in_the_row(sample, note):
    row = one(sample)
    assert math.isnan(row.estimate)
    assert note in row.note


def test_a_missing_input_is_refused():
    with pytest.raises(MethodError, match="no number"):
        derive("sum", [(1, 1), (math.nan, 2)])


ENDS = st.tuples(st.floats(0.5, 99), st.floats(0, 0.5)).map(
    lambda x: (x[0] - x[1], x[0] + x[1])
)


@given(
    st.sampled_from(sorted(OPERATIONS)),
    ENDS,
    ENDS.filter(lambda x: x[0] > 0),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_every_pair_of_true_values_stays_inside(operation, a, b, u, v):
    inputs = [a, b][: OPERATIONS[operation].inputs or 2]
    inside = [
        low + t * (high - low) for (low, high), t in zip(inputs, (u, v), strict=False)
    ]
    inside = [
        min(max(x, low), high) for x, (low, high) in zip(inside, inputs, strict=True)
    ]
    try:
        x = derive(operation, [(x, x) for x in inside]).low
    except MethodError:
        return
    result = derive(operation, inputs)
    slack = 1e-9 * max(1, abs(x))
    assert result.low - slack <= x <= result.high + slack
