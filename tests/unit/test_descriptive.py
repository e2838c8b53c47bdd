"""Descriptions of samples, against R 4.2.2 and hand computations."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reanalysis.errors import MethodError
from reanalysis.methods.descriptive import (
    describe,
    estimate,
    figure_data,
    percent_of_before,
)
from reanalysis.sample import Sample

SETTINGS = {
    "sd_divisor": "n-1",
    "quantile": "type7",
    "denominator": "non_missing",
    "ratio": "mean-of-ratios",
    "conf_level": 0.95,
    "seed": 1,
}
# Hours of sleep gained under two drugs (Student 1908, p. 20).
SLEEP_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def sample(columns, groups=(), kind="individual", **more):
    return Sample(kind=kind, rows=pd.DataFrame(columns), groups=groups, **more)


def table(sample, **settings):
    """The rows by (statistic, group, term, timepoint); keys must be unique."""
    rows = estimate(sample, SETTINGS | settings)
    keyed = {(r.statistic, r.group, r.term, r.timepoint): r for r in rows}
    assert len(keyed) == len(rows)
    return keyed


def test_students_standard_deviations():
    # Printed: 1.70, 1.90 and 1.17, with the divisor n.
    for x, n_minus_1, n in [
        # R: sd(x); sqrt(mean((x - mean(x))^2))
        (SLEEP_1, 1.789009658, 1.697203582),
        (SLEEP_2, 2.002248736, 1.899499934),
        (SLEEP_2 - SLEEP_1, 1.229995483, 1.166876172),
    ]:
        assert describe(x).sd == pytest.approx(n_minus_1, rel=1e-6)
        assert describe(x, sd_divisor="n").sd == pytest.approx(n, rel=1e-6)


def test_mean_and_its_t_interval():
    # R: t.test(x)$conf.int; sd(x) / sqrt(10)
    d = describe(SLEEP_1)
    assert d.mean == pytest.approx(0.75)
    assert d.std_error == pytest.approx(0.56573450, rel=1e-7)
    assert (d.conf_low, d.conf_high) == pytest.approx((-0.5297804, 2.0297804), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "x", "low", "high"),
    # R: quantile(x, c(.25, .75), type = 7 | 6 | 2)
    [
        ("type7", SLEEP_1, -0.175, 1.7),
        ("type6", SLEEP_1, -0.45, 2.35),
        ("type2", SLEEP_1, -0.2, 2.0),
        ("type7", np.arange(1.0, 9), 2.75, 6.25),
        ("type6", np.arange(1.0, 9), 2.25, 6.75),
        ("type2", np.arange(1.0, 9), 2.5, 6.5),
        ("type6", np.array([1.0, 5, 6]), 1, 6),
        ("type2", np.array([3.0]), 3, 3),
    ],
)
def test_quartiles_by_three_definitions(kind, x, low, high):
    d = describe(x, quantile=kind)
    assert (d.quartile_low, d.quartile_high) == pytest.approx((low, high))
    assert d.median == pytest.approx(np.median(x))


def test_no_values_are_refused():
    with pytest.raises(MethodError, match="no values"):
        describe(np.array([]))


@given(
    st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=2, max_size=40),
    st.sampled_from(["type2", "type6", "type7"]),
)
def test_order_of_the_order_statistics(values, kind):
    d = describe(np.array(values), quantile=kind)
    slack = 1e-9
    ordered = [d.minimum, d.quartile_low, d.median, d.quartile_high, d.maximum]
    assert all(a <= b + slack for a, b in pairwise(ordered))
    assert d.minimum - slack <= d.mean <= d.maximum + slack
    # The standard deviation is at most half the range times sqrt(n / (n - 1)).
    n = len(values)
    assert d.sd <= d.range_width / 2 * math.sqrt(n / (n - 1)) + slack


def test_the_t_interval_covers_what_it_claims():
    rng = np.random.default_rng(1908)
    x = rng.normal(5, 2, size=(2000, 8))
    hits = [d.conf_low <= 5 <= d.conf_high for d in map(describe, x)]
    # Binomial noise of 2000 samples: three standard errors.
    assert abs(np.mean(hits) - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_groups_and_all_together():
    rows = table(
        sample(
            {
                "group": ["A"] * 3 + ["B"] * 2,
                "value": [1.0, 2, 6, 4, 8],
                "event": [1, 0, 0, 1, 1],
                "id": ["p1", "p2", "p3", "p4", "p4"],
            },
            groups=("A", "B"),
            unit="mg",
            dropped=1,
        )
    )
    assert rows["mean", "A", "", ""].estimate == 3
    assert rows["mean", "", "", ""].estimate == pytest.approx(4.2)
    assert rows["sum", "B", "", ""].estimate == 12
    assert rows["range_width", "A", "", ""].estimate == 5
    assert rows["n", "B", "", ""].estimate == 2
    assert rows["count", "", "patients", ""].estimate == 4
    count = rows["count", "A", "", ""]
    assert (count.estimate, count.n, count.events) == (1, 3, 1)
    share = rows["proportion", "B", "", ""]
    assert (share.estimate, share.unit) == (1.0, "proportion")
    assert rows["mean", "A", "", ""].unit == "mg"
    assert "1 row without a needed value left out." in share.note


def test_categories_with_missing_values():
    value = ["yes", "no", None, "yes", "other"]
    data = {"value": value, "group": list("AAABB")}
    rows = table(sample(data, groups=("A", "B")))
    assert rows["count", "", "yes", ""].estimate == 2
    assert rows["proportion", "", "yes", ""].estimate == 0.5
    # A category nobody has in this group is a count of 0, not a missing row.
    assert rows["count", "B", "no", ""].estimate == 0
    assert rows["proportion", "A", "no", ""].estimate == 0.5
    rows = table(sample(data, groups=("A", "B")), denominator="rows")
    assert rows["proportion", "", "yes", ""].estimate == pytest.approx(0.4)
    assert rows["proportion", "A", "no", ""].estimate == pytest.approx(1 / 3)


def test_visits_are_times_and_only_totals_cross_them():
    rows = table(
        sample(
            {"visit": [0.0, 0, 3, 3], "value": [1.0, 3, 5, 9], "id": list("abab")},
            time_unit="months",
        )
    )
    assert rows["mean", "", "", 3.0].estimate == 7
    assert rows["mean", "", "", 3.0].time_unit == "months"
    assert rows["sum", "", "", ""].estimate == 18
    assert rows["count", "", "patients", ""].estimate == 2
    assert ("mean", "", "", "") not in rows


def test_pairs_and_counts():
    rows = table(sample({"pair": [1, 1, 2, 2], "count": [0, 2, 1, 1]}))
    assert rows["count", "", "pairs", ""].estimate == 2
    assert rows["sum", "", "", ""].estimate == 4


def test_percent_of_the_value_before():
    before, after = np.array([10.0, 40, 50]), np.array([5.0, 10, 45])
    # (0.5 + 0.25 + 0.9) / 3 and 60 / 100
    assert percent_of_before(before, after, "mean-of-ratios") == pytest.approx(55)
    assert percent_of_before(before, after, "ratio-of-means") == pytest.approx(60)
    data = sample({"before": before, "after": after})
    rows = table(data, ratio="ratio-of-means")
    assert rows["percent_of", "", "", ""].estimate == pytest.approx(60)
    assert rows["percent_reduction", "", "", ""].estimate == pytest.approx(40)
    assert rows["mean", "", "after", ""].estimate == 20
    assert rows["percent_of", "", "", ""].unit == "%"


def test_no_ratio_where_the_value_before_is_zero():
    data = sample({"before": [0.0, 4], "after": [1.0, 2]})
    row = table(data)["percent_of", "", "", ""]
    assert math.isnan(row.estimate)
    assert row.note.startswith("1 of 2 patients have the value 0 before")
    other = table(data, ratio="ratio-of-means")["percent_of", "", "", ""]
    assert other.estimate == pytest.approx(75)
    none = table(sample({"before": [0.0], "after": [1.0]}), ratio="ratio-of-means")
    assert "mean before is 0" in none["percent_of", "", "", ""].note


def test_only_the_statistics_asked_for():
    data = sample({"value": [1.0, 2]}, options={"statistics": ["mean", "sd"]})
    assert [r.statistic for r in estimate(data, SETTINGS)] == ["mean", "sd"]


@pytest.mark.parametrize(
    "columns",
    [
        {"value": []},
        {"value": [2.0]},
        {"value": [2.0, 2.0, 2.0]},
        {"value": [math.nan, math.nan]},
        {"value": [None, None]},
        {"event": []},
        {"before": [], "after": []},
        {"value": [1.0, 2], "group": ["A", "A"]},
    ],
)
def test_awkward_samples_give_rows(columns):
    groups = ("A", "B") if "group" in columns else ()
    rows = estimate(sample(columns, groups=groups), SETTINGS)
    assert rows
    for row in rows:
        assert not math.isinf(row.estimate)
        # Nothing is missing without a reason.
        assert row.note or not math.isnan(row.estimate), row


def test_printed_summaries_are_passed_on_with_their_rounding():
    data = sample(
        {
            "group": ["A", "B"],
            "n": [407, 405],
            "count": [49, 52],
            "mean": [3239.0, 3258.0],
            "mean_low": [3238.5, 3257.5],
            "mean_high": [3239.5, 3258.5],
            "sd": [586.0, math.nan],
            "sd_low": [585.5, math.nan],
            "sd_high": [586.5, math.nan],
        },
        groups=("A", "B"),
        kind="summary",
        unit="g",
    )
    rows = table(data)
    # Printed 12.0 % and 12.8 % (N Engl J Med 2006;355:1885).
    assert rows["proportion", "A", "", ""].estimate == pytest.approx(49 / 407)
    assert rows["proportion", "B", "", ""].ranges["estimate"] == (52 / 405, 52 / 405)
    assert rows["mean", "A", "", ""].ranges["estimate"] == (3238.5, 3239.5)
    assert rows["mean", "A", "", ""].unit == "g"
    assert rows["sd", "A", "", ""].estimate == 586
    assert ("sd", "B", "", "") not in rows
    assert rows["count", "", "", ""].estimate == 101
    assert rows["n", "", "", ""].estimate == 812
    pooled = (3239 * 407 + 3258 * 405) / 812
    assert rows["mean", "", "", ""].estimate == pytest.approx(pooled)
    assert rows["mean", "", "", ""].ranges["estimate"] == pytest.approx(
        (pooled - 0.5, pooled + 0.5)
    )


def printed_groups(values, digits=1, divisor=1):
    """Print n, mean and SD of each group of values, with their rounding."""
    half = 0.5 * 10.0**-digits
    columns = {"group": list(values), "n": [len(v) for v in values.values()]}
    for name, numbers in (
        ("mean", [np.mean(v) for v in values.values()]),
        ("sd", [np.std(v, ddof=divisor) for v in values.values()]),
    ):
        shown = [round(float(x), digits) for x in numbers]
        columns |= {
            name: shown,
            f"{name}_low": [x - half for x in shown],
            f"{name}_high": [x + half for x in shown],
        }
    return sample(columns, groups=tuple(values), kind="summary")


@pytest.mark.parametrize(("sd_divisor", "divisor"), [("n-1", 1), ("n", 0)])
def test_the_sd_of_all_is_that_of_the_values_put_together(sd_divisor, divisor):
    rng = np.random.default_rng(3)
    values = {g: rng.normal(m, 2, n) for g, m, n in (("A", 9, 23), ("B", 12, 30))}
    want = np.std(np.concatenate(list(values.values())), ddof=divisor)
    rows = table(printed_groups(values, 12, divisor), sd_divisor=sd_divisor)
    assert rows["sd", "", "", ""].estimate == pytest.approx(want, abs=1e-9)
    rows = table(printed_groups(values, 1, divisor), sd_divisor=sd_divisor)
    low, high = rows["sd", "", "", ""].ranges["estimate"]
    assert low < want < high
    assert high - low < 0.15


def test_the_range_of_the_sd_of_all_holds_every_rounding():
    values = {"A": [1.0, 2, 2], "B": [1.4, 2.3], "C": [1.6, 1.9, 2.6, 1.5]}
    data = printed_groups(values)
    low, high = table(data)["sd", "", "", ""].ranges["estimate"]
    n = data.rows["n"].to_numpy()
    found = []
    for steps in np.ndindex(5, 5, 5):
        means = data.rows["mean"] + 0.05 * (np.array(steps) - 2) / 2
        between = n @ (means - n @ means / n.sum()) ** 2
        for end in ("sd_low", "sd_high"):
            within = (n - 1) @ data.rows[end] ** 2
            found.append(math.sqrt((within + between) / (n.sum() - 1)))
    assert low <= min(found) < 1.02 * low
    assert high == pytest.approx(max(found))


def test_a_single_value_needs_no_sd_of_its_own():
    data = sample(
        {"group": ["A", "B"], "n": [1, 2], "mean": [1.0, 4.0], "sd": [math.nan, 0.0]},
        groups=("A", "B"),
        kind="summary",
    )
    assert table(data)["sd", "", "", ""].estimate == pytest.approx(math.sqrt(3))


def test_printed_categories_are_terms_and_pooled_each_for_itself():
    data = sample(
        {
            "group": ["A", "A", "B"],
            "value": ["mild", "severe", "mild"],
            "n": [10, 10, 20],
            "count": [3, 1, 0],
        },
        groups=("A", "B"),
        kind="summary",
    )
    rows = table(data)
    assert rows["count", "A", "severe", ""].estimate == 1
    assert rows["count", "", "mild", ""].estimate == 3
    assert rows["proportion", "", "mild", ""].estimate == pytest.approx(0.1)
    # Only one group printed this category, so there is no total.
    assert ("count", "", "severe", "") not in rows


def test_no_figure():
    assert figure_data(sample({"value": [1.0]}), SETTINGS) == {}
