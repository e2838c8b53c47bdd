"""Sources that disagree, and those that only seem to."""

from __future__ import annotations

import pytest

from reanalysis.consistency.conflicts import (
    AFTER_DEATH,
    BETWEEN,
    WITHIN,
    checks,
    power_of_ten,
    stated_range,
)
from reanalysis.studies.claims import CLAIM_COLUMNS

SOURCES = {
    "paper": {"citation": "Paper", "trust": "primary"},
    "registry": {"citation": "Register"},
    "copy": {"citation": "Copy", "trust": "low"},
}


def claim(claim_id: str, printed: str, value: str = "", **cells: str) -> dict:
    row = dict.fromkeys(CLAIM_COLUMNS, "")
    row |= {
        "claim_id": claim_id,
        "printed": printed,
        "value": value,
        "relation": "=" if value else "words",
        "statistic": "n",
        "field": "estimate",
        "endpoint": "enrolment",
        "population": "all",
        "source": "paper",
        "quote": f"... {printed} ...",
        "role": "check",
    }
    return row | cells


def study(*claims: dict) -> dict:
    return {
        "claims": list(claims),
        "sources": SOURCES,
        "populations": {
            "all": {"label": "All patients"},
            "registry": {"label": "Register entry"},
            "adults": {"label": "Adults", "where": "age >= 18"},
        },
        "analyses": {
            "a": {"population": "all"},
            "b": {"population": "adults"},
        },
    }


def found(*claims: dict) -> list[tuple[str, str, str]]:
    return [(c.claim_id, c.check, c.outcome) for c in checks(study(*claims))]


def test_two_sources_with_different_counts() -> None:
    rows = checks(
        study(
            claim("A", "3", "3"),
            claim("B", "4", "4", source="copy", population="registry"),
        )
    )
    assert [(c.claim_id, c.check, c.outcome) for c in rows] == [
        ("A", BETWEEN, ""),
        ("B", BETWEEN, ""),
    ]
    reason = rows[0].reason
    assert '"... 3 ..."' in reason
    assert '"... 4 ..."' in reason
    assert "a text of low trust" in reason
    assert "'All patients'" in reason
    assert "'Register entry'" in reason
    assert rows[0].details["printed"] == ["3", "4"]


@pytest.mark.parametrize(
    "other",
    [
        {"printed": "3"},
        {"endpoint": "patients screened"},
        {"statistic": "count"},
        {"group": "adults"},
        {"population": "adults"},  # an analysed subgroup is something else
    ],
)
def test_what_is_no_conflict(other: dict) -> None:
    printed = other.pop("printed", "4")
    assert (
        found(
            claim("A", "3", "3"),
            claim("B", printed, printed, source="registry", **other),
        )
        == []
    )


def test_times_tell_claims_apart() -> None:
    first = claim("A", "3", "3", statistic="count", timepoint="6 months")
    second = claim("B", "4", "4", statistic="count", source="registry")
    assert found(first, {**second, "timepoint": "12 months"}) == []
    (row, _) = checks(study(first, second))
    assert "Only A names a time (6 months)." in row.reason


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("0.50", "0.5", False),  # 0.495-0.505 lies within 0.45-0.55
        ("0.54", "0.5", False),
        ("0.56", "0.5", True),  # from 0.555
    ],
)
def test_measured_numbers_conflict_beyond_their_rounding(
    one: str, other: str, apart: bool
) -> None:
    cells = {"statistic": "hazard_ratio", "endpoint": "death"}
    rows = found(
        claim("A", one, one, **cells), claim("B", other, other, source="copy", **cells)
    )
    assert bool(rows) is apart


def test_units_of_time_are_converted() -> None:
    cells = {"statistic": "maximum", "endpoint": "follow-up"}
    year = claim("A", "1 year", "1", unit="years", **cells)
    months = claim("B", "12 months", "12", unit="months", source="copy", **cells)
    assert found(year, months) == []
    assert len(found(year, {**months, "printed": "18", "value": "18"})) == 2
    assert found(year, {**months, "unit": "visits", "value": "18"}) == []


def test_one_source_contradicts_itself_only_on_one_exact_number() -> None:
    cells = {"statistic": "minimum", "endpoint": "infusions", "analysis": "a"}
    four, two = claim("A", "four", "4", **cells), claim("B", "two", "2", **cells)
    assert found(four, two) == [
        ("A", WITHIN, "impossible"),
        ("B", WITHIN, "impossible"),
    ]
    assert found(four, {**two, "analysis": ""}) == []
    assert found(four, {**two, "timepoint": "week 4"}) == []
    measured = {"statistic": "hazard_ratio"}
    assert found({**four, **measured}, {**two, **measured}) == []


@pytest.mark.parametrize(
    ("printed", "low", "high"),
    [
        (">6", 6, float("inf")),
        ("SLEDAI >6", 6, float("inf")),
        ("≥4 and ≤10", 4, 10),
        ("at least 2", 2, float("inf")),
        ("5-40", 5, 40),
        ("6 and 12", 6, 12),
    ],
)
def test_ranges_of_criteria(printed: str, low: float, high: float) -> None:
    assert (stated_range(printed).low, stated_range(printed).high) == (low, high)
    assert stated_range("none") is None


def test_criteria_that_differ_but_overlap() -> None:
    cells = {"statistic": "statement", "endpoint": "entry score"}
    above = claim("A", ">6", "6", relation=">", **cells)
    low = claim("B", "≥4 and ≤10", "4", source="registry", **cells)
    high = claim("C", "≥4 and ≤10", "10", source="registry", **cells)
    rows = checks(study(above, {**above, "claim_id": "A"}, low, high))
    assert [c.claim_id for c in rows] == ["A", "B", "C"]
    assert "both hold only for values above 6 up to 10" in rows[0].reason
    assert found(claim("A", "<4", "4", **cells), low)[0][1] == BETWEEN


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1 x 10^6 cells/kg", "1×106 MSCs/kg", True),
        ("3 × 10 cells/kg", "2x106cells/kg", False),  # no exponent makes 3 into 2
        ("3 × 10 cells/kg", "3x106cells/kg", True),
        ("0.3 x 10^7", "3 x 10^6", True),
        ("1 x 10^6", "1 x 10^7", False),
    ],
)
def test_doses_with_lost_exponents(one: str, other: str, same: bool) -> None:
    assert power_of_ten(one).can_equal(power_of_ten(other)) is same
    cells = {"statistic": "statement", "endpoint": "dose"}
    rows = found(
        claim("A", one, **cells), claim("B", other, source="registry", **cells)
    )
    assert bool(rows) is not same


def test_words_against_words_and_counts() -> None:
    cells = {"statistic": "count", "endpoint": "status", "population": "registry"}
    one = claim("A", "Recruiting", **cells)
    other = claim("B", "Active, not recruiting", source="copy", **cells)
    assert [row[0] for row in found(one, other)] == ["A", "B"]
    assert found(one, {**other, "printed": "recruiting"}) == []
    counted = claim("B", "21 AEs", "21", source="registry", statistic="sum")
    judged = claim("A", "minimal", statistic="sum")
    (row, _) = checks(study(judged, counted))
    assert "judges in words" in row.reason
    assert found({**judged, "printed": "all"}, counted) == []


def test_an_outcome_after_death() -> None:
    death = claim(
        "D",
        "7",
        "7",
        statistic="minimum",
        endpoint="day of death, patient 9",
        unit="days",
    )
    counted = claim("N", "13", "13", endpoint="response", timepoint="12 months")
    outcome = claim("R", "response", endpoint="response, patient 9", source="copy")
    rows = checks(study(death, counted, outcome))
    assert [(c.claim_id, c.check, c.outcome) for c in rows] == [
        ("D", AFTER_DEATH, ""),
        ("R", AFTER_DEATH, ""),
    ]
    assert (
        checks(study(death, counted, {**outcome, "endpoint": "response, patient 8"}))
        == []
    )
    assert checks(study(death, {**counted, "timepoint": "3 days"}, outcome)) == []
