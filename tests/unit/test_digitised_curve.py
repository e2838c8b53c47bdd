"""Clicks on a printed curve: what is repaired, what is refused, and what it becomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from reanalysis.errors import MethodError
from reanalysis.reconstruction.digitised_curve import (
    PrintedCounts,
    check_counts,
    read_curve,
)

# Four patients, nobody censored before 5: 1, 3/4, 1/2, then flat.
TIMES = [0, 2, 3, 5]
LEVELS = [1, 0.75, 0.5, 0.5]


def read(time=TIMES, value=LEVELS, **how):
    return read_curve(time, value, **{"error": 0.005, "n": 4} | how)


def test_clean_steps_stay_as_they_are():
    curve = read()
    assert_allclose(curve.time, [2, 3])
    assert_allclose(curve.survival, [0.75, 0.5])
    assert curve.end == 5
    assert curve.messages == ()
    assert_allclose(curve.value([0, 1.9, 2, 3, 9]), [1, 1, 0.75, 0.5, 0.5])


@pytest.mark.parametrize(
    ("value", "how", "said"),
    [
        ([100, 75, 50, 50], {"error": 0.5}, "per cent"),
        ([0, 0.25, 0.5, 0.5], {}, "cumulative incidence"),
        ([0, 25, 50, 50], {"error": 0.5}, "per cent"),
        ([1.002, 0.75, 0.5, 0.5], {}, "outside 0 to 1"),
        ([1, 0.75, 0.496, 0.504], {}, "above an earlier one"),
    ],
)
def test_values_are_repaired_with_a_message(value, how, said):
    curve = read(value=value, **how)
    assert_allclose(curve.survival, [0.75, 0.5], atol=1e-9)
    assert any(said in message for message in curve.messages)


def test_times_are_repaired_with_a_message():
    mixed = read([3, 0, 5, 2], [0.5, 1, 0.5, 0.75])
    assert_allclose(mixed.time, [2, 3])
    assert "sorted" in mixed.messages[0]
    twice = read([0, 2, 2, 3, 5], [1, 0.75, 0.75, 0.5, 0.5])
    assert_allclose(twice.survival, [0.75, 0.5])
    assert any("twice" in message for message in twice.messages)
    weeks = read([0, 2.04, 2.97, 5.02], time_error=0.1, grid=1.0)
    assert_allclose(weeks.time, [2, 3])
    assert weeks.end == 5
    assert any("multiples of 1" in message for message in weeks.messages)
    early = read([-0.01, 2, 3, 5], time_error=0.02)
    assert "moved to 0" in early.messages[0]


def test_corners_clicked_in_the_wrong_order_are_swapped():
    # The corner above each drop was read to the right of the corner below it.
    curve = read(
        [0, 2.05, 1.95, 3.02, 2.98, 5], [1, 1, 0.75, 0.75, 0.5, 0.5], time_error=0.1
    )
    assert_allclose(curve.time, [2, 3])
    assert_allclose(curve.survival, [0.75, 0.5])
    assert curve.time_readings.tolist() == [2, 2]
    assert any("swapped" in message for message in curve.messages)


def test_noise_on_a_flat_tail_is_no_drop():
    rng = np.random.default_rng(4)
    tail = 0.5 + rng.uniform(-0.005, 0.005, 200)
    curve = read(
        [*TIMES[:3], *np.linspace(3.01, 30, 200)], [*LEVELS[:3], *tail], n=None
    )
    assert_allclose(curve.survival, [0.75, 0.5], atol=0.002)
    assert curve.end == 30


def test_points_on_a_vertical_line_are_no_levels():
    curve = read([0, 2, 2, 2, 5], [1, 1, 0.8, 0.5, 0.5], n=10)
    assert_allclose(curve.time, [2])
    assert_allclose(curve.survival, [0.5])
    assert any("lasted for no time" in message for message in curve.messages)


@pytest.mark.parametrize(
    ("time", "value", "how", "reason"),
    [
        (TIMES, [1, 0.5, 0.75, 0.5], {"incidence": False}, "rises from 0.5 at 2"),
        (TIMES, [1, 0.75, np.nan, 0.5], {}, "not a number"),
        (TIMES, [1, 0.75, 0.5, -0.1], {}, "no proportion"),
        ([-1, 2, 3, 5], LEVELS, {}, "negative time"),
        ([0, 2, 3], LEVELS, {}, "as many times"),
        ([], [], {}, "at least one"),
        ([0, 2.4, 3, 5], LEVELS, {"time_error": 0.1, "grid": 1.0}, "multiple of 1"),
        (TIMES, LEVELS, {"error": 0}, "positive"),
        (TIMES, LEVELS, {"error": np.nan}, "positive"),
        (TIMES, LEVELS, {"time_error": np.nan}, "positive"),
        # The error of a curve in per cent, and a curve that never passes 1 %.
        ([0, 1, 2], [3.5, 2, 1], {"error": 3}, "called so"),
        (TIMES, LEVELS, {"error": np.inf}, "leaves nothing to read"),
        # Any rise could be put right by swapping clicks that no time orders.
        (
            TIMES,
            LEVELS[::-1],
            {"time_error": 2.5, "incidence": False},
            "tells no times",
        ),
        # In the words of what was printed.
        (TIMES, [0, 0.5, 0.25, 0.5], {}, "incidence falls from 0.5 at 2 to 0.25 at 3"),
    ],
)
def test_what_no_error_explains_is_refused(time, value, how, reason):
    with pytest.raises(MethodError, match=reason):
        read(time, value, **how)


def test_a_figure_too_small_for_its_patients_is_told():
    curve = read(n=300)
    assert "less than the reading error can show" in curve.messages[0]


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (PrintedCounts(1), "2 drops, more than its 1 patients"),
        (PrintedCounts(4, events=1), "fewer than the curve's 2 drops"),
        (PrintedCounts(4, events=5), "more than 4"),
        (
            PrintedCounts(4, np.array([0.0, 6.0]), np.array([4, 1])),
            "1 at risk at 6, and the curve ends at 5",
        ),
        (PrintedCounts(4, np.array([0.0, 2.0]), np.array([3, 4])), "must fall"),
        (PrintedCounts(4, np.array([2.0, 2.0]), np.array([4, 3])), "increasing time"),
        (PrintedCounts(4, np.array([-1.0, 2.0]), np.array([4, 4])), "negative time"),
        (
            PrintedCounts(4, np.array([0.0, 2.0]), np.array([3, 2])),
            "begins with 3, and n",
        ),
        (PrintedCounts(4, np.array([0.0, 4.0]), np.array([4, 0])), "goes on to 5"),
        (PrintedCounts(4, marks=np.arange(5.0)), "5 censoring marks"),
        # Two drops are two deaths or more: at most two patients are censored.
        (
            PrintedCounts(4, marks=np.array([3.5, 4, 5])),
            "3 censoring marks and 2 events",
        ),
        (
            PrintedCounts(4, events=3, marks=np.array([4.0, 5])),
            "2 censoring .* 3 events",
        ),
        (PrintedCounts(4, marks=np.array([4.0, 9.0])), "mark at 9 is not on the curve"),
        (
            PrintedCounts(4, marks=np.array([-1.0, 4.0])),
            "mark at -1 is not on the curve",
        ),
    ],
)
def test_counts_that_belong_to_another_curve_are_refused(counts, reason):
    with pytest.raises(MethodError, match=reason):
        check_counts(read(), counts)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_more_drops_than_patients_are_refused(n):
    """Four quarters are no curve of fewer patients, whoever of them is censored."""
    quarters = [0, 1, 2, 3, 4], [1, 0.75, 0.5, 0.25, 0]
    with pytest.raises(MethodError, match=f"4 drops, more than its {n} patients"):
        read(*quarters, n=n)
    loose = read(*quarters, n=None)
    with pytest.raises(MethodError, match=f"4 drops, more than its {n} patients"):
        check_counts(loose, PrintedCounts(n))
    check_counts(loose, PrintedCounts(4))


def test_few_patients_and_large_errors_hide_no_drop():
    # n = 2 and drops of 1/2: noise below a quarter is no death, but 0.3 is one.
    fine = read([0, 1, 2, 3], [1, 0.96, 0.5, 0.47], n=2, error=0.05)
    assert_allclose(fine.survival, [0.485])
    with pytest.raises(MethodError, match=r"drops by 0\.3 at 1"):
        read([0, 1, 2, 3], [1, 0.7, 0.5, 0.5], n=2, error=0.05)


def test_a_click_within_a_vertical_line_is_no_drop_though_times_are_noisy():
    # The middle click was read 0.02 after the corner: it is no level of two patients.
    curve = read([0, 1.98, 2.0, 2.02, 5], [1, 1, 0.7, 0.5, 0.5], n=2, time_error=0.05)
    assert_allclose(curve.survival, [0.5])
    assert any("lasted for no time" in message for message in curve.messages)


def test_a_line_drawn_on_at_zero_is_nobody():
    # Three events, the last patient's at 3; the axis goes on to 9.
    curve = read([0, 1, 2, 3, 9], [1, 2 / 3, 1 / 3, 0, 0.004], n=3)
    assert curve.end == 3
    assert any("nobody is left" in message for message in curve.messages)
    check_counts(curve, PrintedCounts(3, np.array([0.0, 6.0]), np.array([3, 0])))
    late = PrintedCounts(3, np.array([0.0, 6.0]), np.array([3, 1]))
    with pytest.raises(MethodError, match="longer than the curve: 1 at risk at 6"):
        check_counts(curve, late)
    # One of 150 patients can hide in an error of 0.005: nothing is cut off.
    assert read([0, 3, 9], [1, 0.003, 0.003], n=150).end == 9


def test_clicks_far_apart_are_never_one_level():
    # Falls of less than the error each; together far more than two errors.
    value = 1 - 0.004 * np.arange(20)
    curve = read(np.arange(20.0), value, n=500)
    # The first and last click of a level differ by two errors at most.
    assert np.abs(curve.value(np.arange(20.0)) - value).max() <= 2 * 0.005


def test_a_fall_at_the_start_is_told():
    curve = read([0, 2], [0.8, 0.6], n=10)
    assert_allclose(curve.time, [0, 2])
    assert "0.8 at time 0" in curve.messages[0]


def test_a_curve_of_no_length_is_refused():
    with pytest.raises(MethodError, match="ends at time 0"):
        check_counts(read([0], [1]), PrintedCounts(4))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_reading_within_the_errors_gives_the_steps_back(data):
    """Steps at least 1/n high and apart in time survive noise in any order."""
    n = data.draw(st.integers(2, 40))
    drops = data.draw(st.integers(1, n))
    seed = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    levels = 1 - np.sort(rng.choice(n, drops, replace=False) + 1) / n
    when = 2.0 * (np.arange(drops) + 1)
    above = np.append(1.0, levels)[:-1]
    time = np.concatenate([[0.0], np.repeat(when, 2), [2.0 * drops + 3]])
    value = np.concatenate(
        [[1.0], np.column_stack([above, levels]).ravel(), levels[-1:]]
    )
    error = 0.2 / n
    time = (time + rng.uniform(-0.3, 0.3, time.size)).clip(0)
    value = (value + rng.uniform(-error, error, value.size)).clip(0, 1)
    order = rng.permutation(time.size)
    curve = read_curve(
        time[order],
        value[order],
        error=error,
        time_error=0.3,
        n=n,
        percent=False,
        incidence=False,
    )
    assert curve.time.size == drops
    assert np.abs(curve.time - when).max() <= 0.3
    assert np.abs(curve.survival - levels).max() <= error * (1 + 1e-9)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000))
def test_how_the_clicks_are_written_does_not_matter(seed):
    """Shuffled, pasted twice, in per cent or as incidence: the same curve, and told."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    drops = int(rng.integers(1, n))
    level = 1 - np.sort(rng.choice(n - 1, drops, replace=False) + 1) / n
    time = np.append(0, np.sort(rng.choice(60, drops, replace=False) + 1.0))
    value = np.append(1, level)
    how = {"error": 0.001, "n": n}
    plain = read_curve(time, value, **how)
    assert plain.messages == ()
    order = rng.permutation(2 * time.size)
    twice = [np.tile(x, 2)[order] for x in (time, value)]
    shuffled = read_curve(*twice, **how)
    assert any("twice" in message for message in shuffled.messages)
    percent = read_curve(time, 100 * value, **how | {"error": 0.1})
    assert any("per cent" in message for message in percent.messages)
    incidence = read_curve(time, 1 - value, **how)
    assert any("cumulative incidence" in message for message in incidence.messages)
    for curve in (shuffled, percent, incidence):
        assert_allclose(curve.time, plain.time)
        assert_allclose(curve.survival, plain.survival, atol=1e-12)
        assert curve.end == plain.end
        assert_allclose(curve.error, plain.error)


# The scatter of clicks ----------------------------------------------------------


def test_repeated_clicks_tell_the_scatter():
    # Two clicks of each level 0.004 apart, of each time 0.2: standard deviations of
    # 0.004 and 0.2 over the root of 2.
    levels, times = 1 - np.arange(1, 9) / 10, np.arange(1.0, 9)
    s = np.concatenate([[1.002, 0.998]] + [[x + 0.002, x - 0.002] for x in levels])
    t = np.concatenate([[0.0]] + [[x - 0.1, x + 0.1] for x in times] + [[10.0]])
    curve = read_curve(t, s, error=0.012, time_error=0.3, n=10, percent=False)
    assert_allclose(curve.survival, levels)
    assert_allclose(curve.time, times)
    squares, free = curve.scatter
    assert squares == pytest.approx(8 * 2 * 0.002**2)
    assert free == 8
    stated = 8 * 0.004**2
    assert curve.spread == pytest.approx(((stated + squares) / (8 + free)) ** 0.5)
    assert curve.time_scatter == (pytest.approx(8 * 0.2**2 / 2), 8)
    assert curve.time_spread == pytest.approx(((8 * 0.01 + 0.16) / 16) ** 0.5)


def test_without_repeats_the_stated_error_holds():
    curve = read_curve([0, 1, 2, 3], [1, 0.8, 0.6, 0.4], error=0.03, n=5)
    assert curve.spread == pytest.approx(0.01)
    assert curve.scatter == (0, 0)


def test_the_scatter_changes_the_stated_deviation_within_limits():
    s = np.repeat(1 - np.arange(0, 10) / 10, 40)
    exact = read_curve(np.arange(400.0), s, error=0.03, n=10)
    assert exact.spread == pytest.approx(0.005)


def test_clicks_at_corners_are_read_in_pairs():
    # 40 patients, a step of 0.025; the two clicks of the second level are 0.013 apart,
    # as far as half a step, which heights alone take for two levels.
    curve = read_curve(
        [0, 1, 1, 2, 2, 3],
        [1, 1, 0.9815, 0.9685, 0.95, 0.95],
        error=0.0075,
        n=40,
        percent=False,
    )
    assert_allclose(curve.survival, [0.975, 0.95])
    assert_allclose(curve.time, [1, 2])
