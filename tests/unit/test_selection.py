"""The grammar that selects rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import InputError
from reanalysis.studies.selection import rows_where

TABLE = {
    "id": ["a", "a", "b", "c"],
    "age": [10.0, 10.0, None, 40.0],
    "arm": ["T", "T", "standard care", None],
    "follow up": [1.0, 2.0, 3.0, 4.0],
}


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("age >= 10", "110 1"),
        ("age != 10", "000 1"),
        ("age = 10.0", "110 0"),
        ("arm = T", "110 0"),
        ('arm = "standard care"', "001 0"),
        ("arm != T", "001 0"),
        ("arm is missing", "000 1"),
        ("age is known", "110 1"),
        ("arm in [T, 'standard care']", "111 0"),
        ("age < 20 and arm = T or id = c", "110 1"),
        ("age < 20 and (arm = T or id = c)", "110 0"),
        ("first row per id", "101 1"),
        ("age = 10 and first row per id", "100 0"),
        ('"follow up" > 2', "001 1"),
        ("AGE < 20", None),
    ],
)
def test_conditions(condition, rows):
    if rows is None:
        with pytest.raises(InputError, match="there is no column 'AGE'"):
            rows_where(condition, TABLE)
        return
    assert rows_where(condition, TABLE) == [r == "1" for r in rows.replace(" ", "")]


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "age",
        "age >",
        "age > 10 and",
        "(age > 10",
        "age > 10)",
        "age > ten",
        "arm > T",
        "age in 10",
        "age in [10",
        "age ~ 10",
        "age is there",
        "first row of id",
        "age > 10 arm = T",
        "'age > 10",
        "__import__('os') = 1",
    ],
)
def test_what_is_outside_the_grammar(condition):
    with pytest.raises(InputError) as caught:
        rows_where(condition, TABLE)
    assert repr(condition)[1:-1] in str(caught.value).replace(
        '"', "'"
    ) or condition in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused(text):
    try:
        held = rows_where(text, TABLE)
    except InputError:
        return
    assert len(held) == 4


@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1), st.integers(-5, 5)
)
def test_a_comparison_and_its_opposite_share_the_known_rows(values, limit):
    table = {"x": [None if v is None else float(v) for v in values]}
    low = rows_where(f"x < {limit}", table)
    high = rows_where(f"x >= {limit}", table)
    assert [a + b for a, b in zip(low, high, strict=True)] == [
        int(v is not None) for v in values
    ]
