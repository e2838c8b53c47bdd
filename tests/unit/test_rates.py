"""Event rates against R, root finding and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies

from reanalysis.events import poisson_rates
from reanalysis.methods import rates
from reanalysis.sample import Sample

SETTINGS = {
    "interval": "exact",
    "test": "exact-conditional",
    "alternative": "two-sided",
    "conf_level": 0.95,
    "seed": 1,
}
Z = 1.959963984540054


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=1e-12)


def only(rows, statistic, **where):
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


@pytest.mark.parametrize(
    ("count", "exposure", "expected"),
    [
        # R: poisson.test(count, exposure)$conf.int
        (0, 1, (0, 3.68887945411)),
        (5, 12.5, (0.129878911209, 0.933466566346)),
        (20, 188, (0.0649814871564, 0.164299882461)),
        (56, 186, (0.227429022487, 0.390971279611)),
    ],
)
def test_garwood_against_r(count, exposure, expected):
    low, high = poisson_rates.garwood(count)
    assert (low / exposure, high / exposure) == close(expected)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        # R: uniroot (tol 1e-14) on ppois(x, m, lower = FALSE) + dpois(x, m)/2
        (0, (0, 2.99573227355)),
        (1, (0.0500203448353, 4.93186052471)),
        (5, (1.83199480853, 11.082415665)),
        (20, (12.5597384754, 30.3396011305)),
    ],
)
def test_mid_p_mean_against_r(count, expected):
    assert poisson_rates.mid_p_mean(count) == close(expected)


def test_approximate_intervals_of_a_mean():
    # Byar is close to the exact limits, 4.795 and 18.390 for ten events.
    assert poisson_rates.byar(10) == pytest.approx(poisson_rates.garwood(10), rel=2e-3)
    assert poisson_rates.byar(0)[0] == 0
    low, high = poisson_rates.log_mean(9)
    assert (low, high) == close((9 * math.exp(-Z / 3), 9 * math.exp(Z / 3)))
    assert poisson_rates.wald_mean(9) == close((9 - 3 * Z, 9 + 3 * Z))
    assert poisson_rates.wald_mean(1)[0] == 0
    low, high = poisson_rates.score_mean(7)
    for limit in (low, high):
        assert (7 - limit) ** 2 / limit == close(Z * Z)


R_RATIOS = [
    # R: poisson.test(c(x1, x2), c(t1, t2), alternative = ...): two-sided, less,
    # greater; estimate; conf.int
    (
        (20, 9.5, 56, 9.1),
        (1.52673200833e-05, 9.69433853262e-06, 0.999996840551),
        0.342105263158,
        (0.194445204202, 0.579065050189),
    ),
    (
        (3, 100, 9, 80),
        (0.0417641746255, 0.0326012143444, 0.992923594745),
        0.266666666667,
        (0.0464360259345, 1.06854095846),
    ),
    (
        (0, 10, 6, 12),
        (0.0351560008377, 0.0263360956806, 1),
        0,
        (0, 1.01917343316),
    ),
    (
        (4, 10, 0, 9),
        (0.127078521497, 1, 0.0767336039472),
        math.inf,
        (0.594111617424, math.inf),
    ),
]


@pytest.mark.parametrize(("cells", "p", "ratio", "limits"), R_RATIOS)
def test_rate_ratio_against_r(cells, p, ratio, limits):
    for alternative, expected in zip(("two-sided", "less", "greater"), p, strict=True):
        test = poisson_rates.rate_test(*cells, alternative)
        assert (test.p_value, test.name) == (close(expected), "conditional exact")
    assert poisson_rates.rate_ratio_interval(*cells) == close(limits)
    rows = rates.estimate(summary(*cells), SETTINGS)
    row = only(rows, "rate_ratio")
    assert row.estimate == close(ratio)
    assert (row.conf_low, row.conf_high) == close(limits)
    assert row.p_value == close(p[0])


def summary(x1, t1, x2, t2, width=0.0, **options):
    rows = pd.DataFrame(
        {
            "group": ["new", "old"],
            "count": [x1, x2],
            "exposure": [t1, t2],
            "exposure_low": [t1 - width, t2 - width],
            "exposure_high": [t1 + width, t2 + width],
        }
    )
    return Sample(
        kind="summary",
        rows=rows,
        groups=("new", "old"),
        reference="old",
        options=options,
        time_unit="months",
    )


def test_mid_p_ratio_doubles_the_one_sided_mid_p():
    # One-sided mid-p from the binomial distribution by hand.
    x1, t1, x2, t2 = 3, 100.0, 9, 80.0
    p0 = t1 / (t1 + t2)
    pmf = [math.comb(12, k) * p0**k * (1 - p0) ** (12 - k) for k in range(13)]
    one_sided = sum(pmf[:3]) + pmf[3] / 2
    test = poisson_rates.rate_test(x1, t1, x2, t2, kind="mid-p")
    assert (test.p_value, test.name) == (close(2 * one_sided), "conditional mid-P")
    low, high = poisson_rates.rate_ratio_interval(x1, t1, x2, t2, 0.95, "mid-p")
    # At the upper limit the one-sided mid-p is 0.025 by definition.
    scaled = poisson_rates.rate_test(x1, t1 * high, x2, t2, "less", "mid-p")
    assert scaled.p_value == close(0.025)
    scaled = poisson_rates.rate_test(x1, t1 * low, x2, t2, "greater", "mid-p")
    assert scaled.p_value == close(0.025)
    doubled = poisson_rates.rate_test(x1, t1, x2, t2, kind="exact-doubled")
    assert doubled.p_value == close(2 * sum(pmf[:4]))


def test_asymptotic_ratio():
    cells = (20, 9.5, 56, 9.1)
    error = math.sqrt(1 / 20 + 1 / 56)
    ratio = 20 / 9.5 * 9.1 / 56
    limits = poisson_rates.rate_ratio_interval(*cells, 0.95, "wald-log")
    assert limits == close((ratio * math.exp(-Z * error), ratio * math.exp(Z * error)))
    assert poisson_rates.rate_test(*cells, kind="wald").statistic == close(
        math.log(ratio) / error
    )
    p0 = 9.5 / 18.6
    z = (20 - 76 * p0) / math.sqrt(76 * p0 * (1 - p0))
    assert poisson_rates.rate_test(*cells, kind="score").statistic == close(z)
    # The score limits are those at which the score test gives 0.05.
    low, high = poisson_rates.rate_ratio_interval(*cells, 0.95, "score")
    for limit in (low, high):
        test = poisson_rates.rate_test(20, 9.5 * limit, 56, 9.1, kind="score")
        assert test.p_value == close(0.05)


@settings(max_examples=80, deadline=None)
@given(
    strategies.integers(0, 40),
    strategies.floats(0.1, 100),
    strategies.integers(0, 40),
    strategies.floats(0.1, 100),
)
def test_swapping_groups_inverts_the_ratio(x1, t1, x2, t2):
    for kind in poisson_rates.RATIO_INTERVAL_NAMES:
        low, high = poisson_rates.rate_ratio_interval(x1, t1, x2, t2, 0.9, kind)
        if math.isnan(low):
            continue
        expected = (1 / high if high else math.inf, 1 / low if low else math.inf)
        assert poisson_rates.rate_ratio_interval(x2, t2, x1, t1, 0.9, kind) == close(
            expected, rel=1e-8
        )
    for kind in (*poisson_rates.RATE_TESTS, "exact-doubled"):
        p = poisson_rates.rate_test(x1, t1, x2, t2, "less", kind).p_value
        q = poisson_rates.rate_test(x2, t2, x1, t1, "greater", kind).p_value
        assert p == pytest.approx(q, rel=1e-8, abs=1e-12, nan_ok=True)


def test_exact_ratio_covers_in_a_seeded_simulation():
    rng = np.random.default_rng(11)
    x1, x2 = rng.poisson(6, 1500).tolist(), rng.poisson(9, 1500).tolist()
    covered = {}
    for pair in set(zip(x1, x2, strict=True)):
        low, high = poisson_rates.rate_ratio_interval(pair[0], 3.0, pair[1], 3.0)
        covered[pair] = low <= 6 / 9 <= high
    share = np.mean([covered[p] for p in zip(x1, x2, strict=True)])
    assert share >= 0.95


# Rows


def test_rows_of_printed_counts():
    # Interferon gamma in chronic granulomatous disease: 20 serious infections
    # against 56.
    rows = rates.estimate(summary(20, 570.5, 56, 546.2, per=12), SETTINGS)
    row = only(rows, "rate", group="new")
    assert row.estimate == close(20 / 570.5 * 12)
    assert (row.unit, row.interval_method) == ("per 12 months", "Garwood")
    assert row.conf_low == close(poisson_rates.garwood(20)[0] / 570.5 * 12)
    assert only(rows, "rate", group="").estimate == close(76 / 1116.7 * 12)
    assert only(rows, "person_time", group="old").estimate == 546.2
    assert only(rows, "events", group="old").estimate == 56
    counts = only(rows, "percent_reduction")
    assert (counts.term, counts.unit) == ("counts", "proportion")
    assert counts.estimate == close(1 - 20 / 56)
    ratio, reduction = only(rows, "rate_ratio"), only(rows, "rate_reduction")
    assert reduction.estimate == close(1 - ratio.estimate)
    assert (reduction.conf_low, reduction.conf_high) == close(
        (1 - ratio.conf_high, 1 - ratio.conf_low)
    )
    assert [r.test for r in rows if r.statistic == "test"] == [
        "conditional exact",
        "conditional mid-P",
        "Wald",
        "score",
    ]


def test_rounded_exposures_give_ranges():
    rows = rates.estimate(summary(20, 9.5, 56, 9.1, width=0.05), SETTINGS)
    ratio = only(rows, "rate_ratio")
    low, high = ratio.ranges["estimate"]
    assert low == close(20 / 9.55 * 9.05 / 56)
    assert high == close(20 / 9.45 * 9.15 / 56)
    smallest = poisson_rates.rate_test(20, 9.55, 56, 9.05).p_value
    assert ratio.ranges["p_value"][0] == close(smallest)
    assert only(rows, "rate", group="new").ranges["estimate"] == close(
        (20 / 9.55, 20 / 9.45)
    )
    assert only(rows, "person_time", group="").ranges["estimate"] == close((18.5, 18.7))
    exact = rates.estimate(summary(20, 9.5, 56, 9.1), SETTINGS)
    assert all(not r.ranges for r in exact)


def test_range_of_p_reaches_one_where_the_rates_can_be_equal():
    rows = rates.estimate(summary(10, 5.0, 20, 10.0, width=0.3), SETTINGS)
    wald = only(rows, "test", test="Wald")
    assert wald.ranges["p_value"][1] == close(1)
    assert wald.ranges["p_value"][0] < 0.9


def test_intervals_and_their_partners_by_setting():
    for interval, (name, _, kind) in poisson_rates.RATE_INTERVALS.items():
        rows = rates.estimate(
            summary(20, 9.5, 56, 9.1), {**SETTINGS, "interval": interval}
        )
        assert only(rows, "rate", group="new").interval_method == name
        ratio = only(rows, "rate_ratio")
        assert ratio.interval_method == poisson_rates.RATIO_INTERVAL_NAMES[kind]


def test_patients_with_several_events_are_noted_and_counted_once():
    rows = pd.DataFrame(
        {
            "id": ["p1", "p1", "p2", "p3", "p3"],
            "group": ["a", "a", "a", "b", "b"],
            "start": [0.0, 4.0, 0.0, 0.0, 3.0],
            "stop": [4.0, 10.0, 8.0, 3.0, 9.0],
            "event": [1, 1, 0, 1, 0],
        }
    )
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    result = rates.estimate(sample, SETTINGS)
    a = only(result, "rate", group="a")
    assert (a.estimate, a.n, a.events) == (close(2 / 18), 2, 2)
    assert "independent" in a.note
    assert only(result, "rate", group="b").note == ""
    assert "independent" in only(result, "rate_ratio").note
    assert only(result, "rate_ratio").n == 3
    # The end of follow-up may be called time: it is no duration beside an entry.
    renamed = Sample(
        kind="individual",
        rows=rows.rename(columns={"stop": "time"}),
        groups=("a", "b"),
        reference="b",
    )
    assert rates.estimate(renamed, SETTINGS) == result


def test_counts_and_times_of_patients():
    counts = pd.DataFrame({"count": [0, 1, 3], "exposure": [2.0, 2.0, 1.0]})
    row = only(rates.estimate(Sample(kind="individual", rows=counts), SETTINGS), "rate")
    assert row.estimate == close(4 / 5)
    assert "independent" in row.note
    times = pd.DataFrame({"time": [2.0, 5.0], "event": [1, 0]})
    row = only(rates.estimate(Sample(kind="individual", rows=times), SETTINGS), "rate")
    assert (row.estimate, row.note, row.n) == (close(1 / 7), "", 2)


def test_before_and_after():
    rows = pd.DataFrame({"before": [5, 3, 2, 0], "after": [1, 0, 2, 0]})
    sample = Sample(kind="individual", rows=rows, options={"exposure": 6, "per": 12})
    result = rates.estimate(sample, SETTINGS)
    assert only(result, "rate", term="before").estimate == close(10 / 24 * 12)
    ratio = only(result, "rate_ratio")
    assert ratio.estimate == close(0.3)
    # Given 13 events, those after are binomial with probability 1/2.
    tail = sum(math.comb(13, k) for k in range(4)) / 2**13
    assert ratio.p_value == close(2 * tail)
    assert "totals" in ratio.note
    assert ratio.n == 4
    assert only(result, "percent_reduction").estimate == close(0.7)
    unequal = Sample(
        kind="individual",
        rows=rows,
        options={"exposure": {"before": 12, "after": 6}},
    )
    assert only(rates.estimate(unequal, SETTINGS), "rate_ratio").estimate == close(0.6)


@pytest.mark.parametrize("interval", poisson_rates.RATE_INTERVALS)
@pytest.mark.parametrize("test", [*poisson_rates.RATE_TESTS, "exact-doubled"])
@pytest.mark.parametrize("counts", [(0, 0), (0, 3), (3, 0), (1, 1)])
def test_awkward_counts_never_fail(counts, interval, test):
    chosen = {**SETTINGS, "interval": interval, "test": test}
    rows = rates.estimate(summary(counts[0], 5.0, counts[1], 4.0), chosen)
    for row in rows:
        if row.statistic == "test":
            assert not math.isnan(row.p_value) or row.note
        elif not math.isfinite(row.estimate):
            assert row.note
        if row.conf_low == row.conf_high:
            assert row.note


@pytest.mark.parametrize(
    "columns",
    [
        {"count": [1], "exposure": [-1.0]},
        {"count": [0.5], "exposure": [1.0]},
        {"count": [1]},
        {"event": [1]},
        {"time": [math.nan], "event": [1]},
        {"start": [3.0], "stop": [2.0], "event": [0]},
        {"count": [], "exposure": []},
    ],
)
def test_unusable_data_become_a_note(columns):
    sample = Sample(kind="individual", rows=pd.DataFrame(columns))
    row = only(rates.estimate(sample, SETTINGS), "rate")
    assert math.isnan(row.estimate)
    assert row.note.endswith(".")


def test_unusable_options_and_empty_groups():
    sample = summary(1, 2.0, 3, 4.0, per=0)
    assert "per" in rates.estimate(sample, SETTINGS)[0].note
    rows = pd.DataFrame({"before": [1], "after": [0]})
    sample = Sample(kind="individual", rows=rows, options={"exposure": 0})
    assert "exposure" in rates.estimate(sample, SETTINGS)[0].note
    rows = pd.DataFrame({"group": ["a"], "count": [2], "exposure": [3.0]})
    sample = Sample(kind="individual", rows=rows, groups=("a", "b"), reference="b")
    result = rates.estimate(sample, SETTINGS)
    assert "no observation time" in only(result, "rate", group="b").note
    assert "no observation time" in only(result, "rate_ratio").note


def test_no_figure_of_its_own():
    assert rates.figure_data(summary(1, 1.0, 1, 1.0), SETTINGS) == {}
