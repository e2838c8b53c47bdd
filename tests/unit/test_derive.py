"""Derived columns, one operation each."""

from __future__ import annotations

import pytest

from reanalysis.errors import InputError
from reanalysis.studies.derive import derive

COLUMNS = {
    "id": ["a", "a", "b"],
    "time": [5.0, 20.0, None],
    "event": [1.0, 1.0, 0.0],
    "code": [1.0, 2.0, None],
    "word": ["x", "y", None],
    "percent": ["83.3", "50%", None],
    "n": [12.0, 4.0, 3.0],
}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"condition": "time > 10"}, [0.0, 1.0, 0.0]),
        ({"event_from": {"column": "code", "codes": [2]}}, [0.0, 1.0, None]),
        ({"event_from": {"column": "word", "codes": ["x"]}}, [1.0, 0.0, None]),
        ({"censor_time": {"time": "time", "at": 12}}, [5.0, 12.0, None]),
        (
            {"censor_event": {"time": "time", "event": "event", "at": 12}},
            [1.0, 0.0, None],
        ),
        ({"difference": ["time", "n"]}, [-7.0, 16.0, None]),
        ({"ratio": ["n", "event"]}, [12.0, 4.0, None]),
        ({"sum": ["n", "event", "code"]}, [14.0, 7.0, None]),
        ({"smaller": ["time", "n"]}, [5.0, 4.0, None]),
        ({"scale": {"column": "n", "factor": 0.5}}, [6.0, 2.0, 1.5]),
        ({"recode": {"column": "code", "map": {"1": "one"}}}, ["one", 2.0, None]),
        ({"total": {"column": "n", "per": "id"}}, [16.0, 16.0, 3.0]),
        ({"largest": {"column": "time", "per": "id"}}, [20.0, 20.0, None]),
        ({"count_from_percent": {"percent": "percent", "n": "n"}}, [10.0, 2.0, None]),
    ],
)
def test_operations(operation, result):
    assert derive(COLUMNS, {"new": operation})["new"] == result


def test_an_event_exactly_at_the_limit_counts():
    columns = {"t": [12.0], "e": [1.0]}
    at = {"censor_event": {"time": "t", "event": "e", "at": 12}}
    assert derive(columns, {"new": at})["new"] == [1.0]


def test_columns_are_made_in_order_and_the_given_ones_kept():
    made = derive(
        COLUMNS,
        {
            "half": {"scale": {"column": "n", "factor": 0.5}},
            "d": {"difference": ["n", "half"]},
        },
    )
    assert made["d"] == made["half"]
    assert "half" not in COLUMNS


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ({"sum": ["n", "m"]}, "needs the column 'm', which does not exist"),
        ({"sum": ["n", "word"]}, "needs numbers in 'word'"),
        ({"count_from_percent": {"percent": "n", "n": "n"}}, "type: text"),
        (
            {"count_from_percent": {"percent": "word", "n": "n"}},
            "no printed percentage",
        ),
    ],
)
def test_what_cannot_be_made(operation, says):
    with pytest.raises(InputError, match=says):
        derive(COLUMNS, {"new": operation})


@pytest.mark.parametrize(("percent", "n"), [("12", 4.0), ("50", 0.0), ("33.34", 3.0)])
def test_a_percentage_that_is_no_number_of_patients(percent, n):
    with pytest.raises(InputError):
        derive(
            {"p": [percent], "n": [n]},
            {"new": {"count_from_percent": {"percent": "p", "n": "n"}}},
        )


def test_a_name_that_is_taken():
    with pytest.raises(InputError, match="'n' exists already"):
        derive(COLUMNS, {"n": {"sum": ["n", "n"]}})
