"""Csv files that people write: what is read is what stands there."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import InputError
from reanalysis.studies.csv_table import number, read

_TEXT = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\x85\u2028"),
    max_size=8,
)


@given(st.lists(st.lists(_TEXT, min_size=3, max_size=3), max_size=5))
def test_what_a_csv_writer_writes_is_read_back(tmp_path_factory, rows):
    rows = [[cell.strip() for cell in row] for row in rows]
    rows = [row for row in rows if any(row)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["a", "b", "c"], *rows])
    path = tmp_path_factory.mktemp("study") / "table.csv"
    path.write_bytes(text.getvalue().encode())
    assert read(path) == (["a", "b", "c"], rows)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_exactly(tmp_path_factory, value):
    assert (
        number(repr(value), path=tmp_path_factory.getbasetemp(), row=2, column="x")
        == value
    )


@pytest.mark.parametrize("text", ["12", "+1", "-0.5", ".5", "1.", "1e3"])
def test_number_forms(tmp_path, text):
    assert number(text, path=tmp_path, row=2, column="x") == float(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,5", "a decimal comma (found: '1,5'); expected 1.5"),
        ("NA", "a missing value is written out (found: 'NA'); expected an empty cell"),
        ("1 000", "text in a column of numbers"),
        ("0x10", "text in a column of numbers"),
        ("1_000", "text in a column of numbers"),
        ("<0.05", "text in a column of numbers"),
        ("1e400", "a number too large to hold"),
    ],
)
def test_what_is_no_number(tmp_path, text, says):
    with pytest.raises(InputError, match="row 7, column 'x'") as caught:
        number(text, path=tmp_path / "t.csv", row=7, column="x")
    assert says in str(caught.value)


def test_an_empty_cell_is_unknown(tmp_path):
    assert number("", path=tmp_path, row=2, column="x") is None
    assert not math.isnan(number("0", path=tmp_path, row=2, column="x"))
