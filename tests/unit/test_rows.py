"""Rows of csv results: full precision out, numbers back."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from reanalysis.results import COLUMNS, Estimate
from reanalysis.rows import read_estimates, read_rows, write_rows


@given(st.floats())
def test_a_number_survives(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("rows") / "estimates.csv"
    record = Estimate(statistic="mean", estimate=value, group="1", timepoint=12.0)
    write_rows(path, COLUMNS, [record.record(study="s")])
    (row,) = read_estimates(path)
    back = row["estimate"]
    assert back == value or (math.isnan(value) and math.isnan(back))
    assert row["group"] == "1", "labels stay text"
    assert row["timepoint"] == "12"
    assert math.isnan(row["p_value"])


def test_cells(tmp_path):
    rows = [{"a": True, "b": None, "c": 'x, "y"\nz', "d": 1e16, "e": -0.1}]
    write_rows(tmp_path / "t.csv", "abcde", rows)
    (back,) = read_rows(tmp_path / "t.csv")
    assert back == {"a": "yes", "b": "", "c": 'x, "y"\nz', "d": "1e+16", "e": "-0.1"}
