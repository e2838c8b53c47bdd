"""Trend of an outcome over ordered groups."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import yaml

from reanalysis.errors import MethodError
from reanalysis.methods import tables
from reanalysis.sample import Sample
from reanalysis.tables.trend import cochran_armitage, exact_trend

ROOT = Path(__file__).parents[2]

SETTINGS = {
    **yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["methods"][
        "tables"
    ],
    "conf_level": 0.95,
    "seed": 1,
}


def test_asymptotic_trend_as_in_r():
    # R: prop.trend.test(c(83, 90, 129, 70), c(86, 93, 136, 82))
    found = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82], [1, 2, 3, 4])
    assert found.statistic == pytest.approx(8.2249222852, rel=1e-10)
    assert found.p_value == pytest.approx(0.00413189747764, rel=1e-10)
    assert found.df == 1
    # Only the spacing of the scores matters.
    other = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82], [0, 5, 10, 15])
    assert other.p_value == pytest.approx(found.p_value, rel=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(
    ("events", "sizes", "scores"),
    [([1, 2, 4], [6, 6, 6], [0, 1, 2]), ([0, 1, 2], [2, 3, 2], [1, 2, 4])],
)
def test_exact_trend_by_listing_every_outcome(events, sizes, scores, alternative):
    total, seen = sum(events), sum(x * s for x, s in zip(events, scores, strict=True))
    centre = total * sum(n * s for n, s in zip(sizes, scores, strict=True)) / sum(sizes)
    inside = every = 0
    for counts in product(*(range(n + 1) for n in sizes)):
        if sum(counts) != total:
            continue
        ways = math.prod(map(math.comb, sizes, counts))
        score = sum(x * s for x, s in zip(counts, scores, strict=True))
        every += ways
        far = {
            "greater": score >= seen,
            "less": score <= seen,
            "two-sided": abs(score - centre) >= abs(seen - centre) - 1e-9,
        }[alternative]
        inside += ways * far
    found = exact_trend(events, sizes, scores, alternative)
    assert found.p_value == pytest.approx(inside / every, rel=1e-12)


def test_awkward_tables():
    assert math.isnan(cochran_armitage([0, 0], [3, 3], [0, 1]).p_value)
    assert exact_trend([3, 3], [3, 3], [0, 1]).p_value == 1
    for arguments in (
        ([1], [2], [0]),
        ([1, 2], [2, 2], [1, 1]),
        ([3, 1], [2, 2], [0, 1]),
    ):
        with pytest.raises(MethodError):
            cochran_armitage(*arguments)
    with pytest.raises(MethodError, match="whole"):
        exact_trend([1, 1], [2, 2], [0, 0.5])


def sample_of(scores):
    rows = pd.DataFrame(
        {"group": ["low", "middle", "high"], "count": [1, 2, 4], "n": [6, 6, 6]}
    )
    return Sample(
        kind="summary",
        rows=rows,
        groups=("low", "middle", "high"),
        reference="high",
        options={"scores": scores} if scores else {},
    )


def trends(found):
    return [row for row in found if row.test.startswith("Cochran")]


def test_rows_only_where_the_study_declares_scores():
    assert trends(tables.estimate(sample_of(None), SETTINGS)) == []
    asymptotic, exact = trends(tables.estimate(sample_of([0, 1, 2]), SETTINGS))
    assert exact.p_value == pytest.approx(
        exact_trend([1, 2, 4], [6, 6, 6], [0, 1, 2]).p_value
    )
    assert asymptotic.note == "Scores: low 0, middle 1, high 2."
    refused = trends(tables.estimate(sample_of([0, 1]), SETTINGS))
    assert all(math.isnan(row.p_value) and row.note for row in refused)


@pytest.mark.parametrize("test", ["barnard", "boschloo"])
def test_unconditional_tests_on_request(test):
    rows = pd.DataFrame({"group": ["a", "b"], "count": [7, 1], "n": [12, 12]})
    sample = Sample(kind="summary", rows=rows, groups=("a", "b"), reference="b")
    asked = {
        **SETTINGS,
        "test": test,
        "interval_risk_difference": "exact-unconditional",
    }
    found = tables.estimate(sample, asked)
    (difference,) = [r for r in found if r.statistic == "risk_difference"]
    assert difference.test == test.capitalize()
    assert difference.p_value == pytest.approx(0.0102786815, rel=1e-6)
    assert difference.interval_method == "exact unconditional, score"
    usual = [r.test for r in tables.estimate(sample, SETTINGS)]
    assert test.capitalize() not in usual
