"""Probability of a higher value: the Brunner-Munzel test."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import MethodError
from reanalysis.measurements.relative_effect import brunner_munzel, permutation_p
from reanalysis.methods import wilcoxon
from reanalysis.sample import Sample

ROOT = Path(__file__).parents[2]

# Pain scores of Brunner and Munzel (2000).
DRUG = np.array([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1], dtype=float)
PLACEBO = np.array([3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4], dtype=float)


def test_published_example():
    # R: lawstat::brunner.munzel.test(DRUG, PLACEBO): statistic 3.1375, df 17.683,
    # p 0.005786, estimate 0.788961, 95 percent limits 0.5952169 and 0.9827052
    found = brunner_munzel(PLACEBO, DRUG)
    assert found.statistic == pytest.approx(3.1375, abs=5e-5)
    assert found.df == pytest.approx(17.683, abs=5e-4)
    assert found.p_value == pytest.approx(0.005786, abs=5e-7)
    assert found.estimate == pytest.approx(0.788961, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((0.5952169, 0.9827052), abs=5e-8)
    # brunnermunzel::brunnermunzel.permutation.test: 0.008038 over all assignments,
    # here over 100,000 drawn ones.
    p, assignments, exact = permutation_p(PLACEBO, DRUG, seed=1)
    assert not exact
    assert assignments == 100_000
    assert p == pytest.approx(0.008038, abs=4 * math.sqrt(0.008 / 100_000))


def test_directions():
    two = brunner_munzel(PLACEBO, DRUG)
    assert brunner_munzel(PLACEBO, DRUG, alternative="greater").p_value == (
        pytest.approx(two.p_value / 2)
    )
    assert brunner_munzel(DRUG, PLACEBO).estimate == pytest.approx(1 - two.estimate)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_permutation_by_listing(alternative):
    x, y = np.array([1.0, 3, 3, 6]), np.array([2.0, 3, 4, 7, 8])
    both = np.concatenate([x, y])

    def statistic(chosen):
        mine = np.isin(np.arange(9), chosen)
        try:
            return brunner_munzel(both[mine], both[~mine]).statistic
        except MethodError:
            inside, outside = both[mine], both[~mine]
            return math.copysign(math.inf, inside.mean() - outside.mean())

    seen = statistic(range(4))
    every = np.array([statistic(c) for c in combinations(range(9), 4)])
    inside = {
        "greater": every >= seen - 1e-9,
        "less": every <= seen + 1e-9,
        "two-sided": np.abs(every) >= abs(seen) - 1e-9,
    }[alternative]
    p, assignments, exact = permutation_p(x, y, alternative)
    assert exact
    assert assignments == 126
    assert p == pytest.approx(inside.mean())


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=6),
    st.lists(st.integers(0, 4), min_size=2, max_size=6),
)
def test_the_estimate_counts_pairs(x, y):
    pairs = [(a > b) + (a == b) / 2 for a in x for b in y]
    try:
        found = brunner_munzel(np.array(x, float), np.array(y, float))
    except MethodError:
        return
    assert found.estimate == pytest.approx(np.mean(pairs))
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_level_of_the_permutation_test_where_groups_are_alike():
    rng = np.random.default_rng(11)
    p = [
        permutation_p(rng.poisson(2.0, 4) * 1.0, rng.poisson(2.0, 6) * 1.0)[0]
        for _ in range(600)
    ]
    share = float(np.mean(np.array(p) <= 0.05))
    assert share < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 600)


def rows_of(x, y):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    settings = {**config["methods"]["wilcoxon"], "conf_level": 0.95, "seed": 1}
    rows = pd.DataFrame(
        {"group": ["a"] * len(x) + ["b"] * len(y), "value": [*map(float, [*x, *y])]}
    )
    sample = Sample(
        kind="individual", rows=rows, groups=("a", "b"), reference="b", unit="g"
    )
    return wilcoxon.estimate(sample, {**settings, "test": "brunner-munzel"})


def test_rows():
    first, second, *others = rows_of(PLACEBO, DRUG)
    assert (first.statistic, first.test) == ("relative_effect", "Brunner-Munzel")
    assert first.unit == "proportion"
    assert second.test == "Brunner-Munzel, permutation"
    assert any(row.test.startswith("Mann-Whitney") for row in others)
    assert not math.isnan(first.p_value)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([1, 2, 3], [4, 5, 6], "do not overlap"),
        ([2, 2], [2, 2], "No value varies"),
        ([1], [2, 3], "two values"),
    ],
)
def test_data_without_a_test_are_said(x, y, said):
    first = rows_of(x, y)[0]
    assert math.isnan(first.p_value)
    assert said in first.note
