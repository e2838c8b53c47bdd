"""Members rebuilt from a curve: invariants, the law they are drawn from, the baseline.

The referees are enumerations written for the test: every way to lose patients from n
one node at a time, with the prior worked out by hand.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_members import rebuild
from reanalysis.reconstruction.curve_problem import pose
from reanalysis.reconstruction.digitised_curve import PrintedCounts, read_curve
from reanalysis.reconstruction.guyot import rebuild_once
from reanalysis.reconstruction.path_counts import count_paths
from reanalysis.reconstruction.risk_paths import (
    HAZARDS,
    SHARED_MARK,
    STAY,
    look_ahead,
    sample_paths,
)
from reanalysis.survival.survival_arrays import survival_arrays

ROOT = Path(__file__).parents[2]


def product_limit(time, event):
    """Drop times, at risk, deaths and curve of one data set."""
    drops = np.unique(time[event == 1])
    at_risk = (time[None, :] >= drops[:, None]).sum(axis=1)
    died = ((time[None, :] == drops[:, None]) & (event == 1)).sum(axis=1)
    return drops, at_risk, died, np.cumprod(1 - died / at_risk)


def drawn(time, event, error=0.0005, n=None, decimals=3, **how):
    """A clean curve of a data set: levels rounded to some decimals."""
    time, event = np.asarray(time, float), np.asarray(event)
    drops, _, _, survival = product_limit(time, event)
    value = np.round(np.append(1.0, survival), decimals)
    return read_curve(
        np.append(np.append(0.0, drops), time.max()),
        np.append(value, value[-1]),
        error=error,
        n=n or len(time),
        percent=False,
        incidence=False,
        rounded=True,
        **how,
    )


def numbers(time, ticks):
    return (np.asarray(time, float)[None, :] >= np.asarray(ticks)[:, None]).sum(axis=1)


def sequences(curve, counts):
    """Every (at risk, events) at the drops with its prior weight, by enumeration."""
    problem = pose(curve, counts)
    found: dict[tuple, float] = {}
    levels, tolerance = curve.survival, curve.error * (1 + 1e-9)
    marked = counts.marks is not None
    hazards = (0.0,) if marked else HAZARDS

    def walk(i, n, s, path, weights):
        node = problem.nodes[i]
        for left in range(n + 1):
            lost = n - left
            if left == 0 < n:
                continue
            if marked:
                k = len(node.marks)
                if lost < k or (k == 0 and lost):
                    continue
                now = [w * SHARED_MARK ** (lost - k) for w in weights]
            else:
                gone = [1 - math.exp(-h * node.gap / curve.end) for h in hazards]
                now = [
                    w * math.comb(n, lost) * q**lost * (1 - q) ** left
                    for w, q in zip(weights, gone, strict=True)
                ]
            if not any(now):
                continue
            if node.change:
                total = sum(now)
                now = [STAY * w + (1 - STAY) * total / len(now) for w in now]
            if node.drop < 0:
                if node.at_risk >= 0 and left != node.at_risk:
                    continue
                if i + 1 == len(problem.nodes):
                    if left == 0 and s > 0:
                        continue
                    events = sum(d for _, d in path)
                    if counts.events in (None, events):
                        one = [1.0] if marked else hazards
                        total = sum(
                            w * (0.5 + 0.5 * h * (left == 1))
                            for w, h in zip(now, one, strict=True)
                        )
                        found[path] = found.get(path, 0.0) + total
                    continue
                walk(i + 1, left, s, path, now)
                continue
            for d in range(1, left + 1):
                after = s * Fraction(left - d, left)
                if abs(float(after) - levels[node.drop]) <= tolerance:
                    tied = [w * problem.tie ** (d - 1) for w in now]
                    walk(i + 1, left - d, after, (*path, (left, d)), tied)

    walk(0, counts.n, Fraction(1), (), [1 / len(hazards)] * len(hazards))
    return found


CASES = {
    "no table": ([2, 3, 3.5, 5, 6, 8, 9, 10], [1, 0, 1, 0, 1, 0, 1, 0], {}, 0.02),
    "table": (
        [1, 2, 4, 5, 6, 7, 9, 10],
        [0, 1, 0, 1, 0, 1, 0, 0],
        {"ticks": [3, 6]},
        0.03,
    ),
    "total": (
        [1, 2, 2, 5, 6, 7, 9, 10],
        [0, 1, 1, 1, 0, 1, 0, 0],
        {"total": True},
        0.04,
    ),
    "marks": (
        [1, 2, 4, 5, 6, 7, 9, 10],
        [0, 1, 0, 1, 0, 1, 0, 0],
        {"marks": True},
        0.05,
    ),
    "to zero": ([1, 2, 4, 5, 6, 6], [0, 1, 0, 1, 1, 1], {}, 0.03),
}


@pytest.mark.parametrize("case", CASES)
def test_members_follow_the_enumerated_law(case):
    time, event, print_, error = CASES[case]
    time, event = np.array(time, float), np.array(event)
    curve = drawn(time, event, error=error)
    ticks = np.array(print_.get("ticks", []), float)
    counts = PrintedCounts(
        len(time),
        ticks,
        numbers(time, ticks),
        int(event.sum()) if "total" in print_ else None,
        time[event == 0] if "marks" in print_ else None,
    )
    law = sequences(curve, counts)
    assert count_paths(pose(curve, counts)) == (len(law), True)
    assert len(law) > 1 or case == "marks"
    draws = 4_000
    paths = sample_paths(
        look_ahead(pose(curve, counts)), draws, np.random.default_rng(5)
    )
    at_drop = [i for i, node in enumerate(pose(curve, counts).nodes) if node.drop >= 0]
    seen: dict[tuple, int] = {}
    for n, d in zip(
        paths.before[:, at_drop].tolist(), paths.events.tolist(), strict=True
    ):
        key = tuple(zip(n, d, strict=True))
        seen[key] = seen.get(key, 0) + 1
    assert set(seen) <= set(law)
    total = sum(law.values())
    for path, weight in law.items():
        share = weight / total
        spread = math.sqrt(share * (1 - share) / draws / min(paths.effective, 1))
        assert abs(seen.get(path, 0) / draws - share) < 5 * spread + 1e-12, path


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_members_keep_to_the_print(seed):
    """Counts add up, the print is met, no death on the flat tail, the curve is near."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    event_at, censored_at = (
        rng.exponential(10, n),
        rng.uniform(1, rng.uniform(5, 60), n),
    )
    time, event = (
        np.minimum(event_at, censored_at),
        (event_at <= censored_at).astype(int),
    )
    if rng.random() < 0.3:
        time = np.ceil(time)
    ticks = np.arange(0, time.max(), 4.0) if rng.random() < 0.6 else np.empty(0)
    total = int(event.sum()) if rng.random() < 0.5 else None
    marks = time[event == 0] if rng.random() < 0.3 else None
    error = rng.choice([0.0005, 0.004])
    curve = drawn(time, event, error=error, decimals=5 if error > 0.001 else 3)
    counts = PrintedCounts(n, ticks, numbers(time, ticks), total, marks)
    members = rebuild(curve, counts, members=20, seed=seed)
    assert members.time.shape == members.event.shape == (20, n)
    assert (members.at_risk >= members.events).all()
    left = members.at_risk - members.events
    assert (left[:, :-1] >= members.at_risk[:, 1:]).all()
    last = np.append(0.0, curve.time)[-1]
    for rows, kind, at_risk, died in zip(
        members.time, members.event, members.at_risk, members.events, strict=True
    ):
        drops, true_at_risk, true_died, survival = product_limit(rows, kind)
        assert_array_equal(drops, curve.time)
        assert_array_equal(true_at_risk, at_risk)
        assert_array_equal(true_died, died)
        assert np.abs(survival - curve.survival).max(initial=0) <= error * (1 + 1e-6)
        assert not kind[rows > last].any()
        assert rows.max() == curve.end
        assert_array_equal(numbers(rows, ticks), counts.at_risk)
        assert total is None or kind.sum() == total
        if marks is not None:
            assert np.isin(rows[kind == 0], np.append(marks, curve.end)).all()
            assert np.isin(marks, rows[kind == 0]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
@example(51)
@example(385)
def test_jittered_times_keep_the_risk_table(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 40))
    event_at, censored_at = rng.exponential(10, n), rng.uniform(1, 40, n)
    time, event = (
        np.minimum(event_at, censored_at),
        (event_at <= censored_at).astype(int),
    )
    if not event.any():
        return
    drops, _, _, survival = product_limit(time, event)
    read_at = (np.append(0, drops) + rng.uniform(-0.2, 0.2, drops.size + 1)).clip(0)
    curve = read_curve(
        np.append(read_at, time.max()),
        np.append(np.append(1, survival), survival[-1]),
        error=0.004,
        time_error=0.2,
        n=n,
        percent=False,
        incidence=False,
    )
    ticks = np.arange(0, time.max() - 0.2, 4.0)
    counts = PrintedCounts(n, ticks, numbers(time, ticks))
    try:
        members = rebuild(curve, counts, members=20, seed=1)
    except MethodError:
        # Two events closer than the reading of times on either side of a tick.
        assert (
            np.diff(np.append(drops, ticks)[np.argsort(np.append(drops, ticks))]).min()
            < 0.4
        )
        return
    assert np.abs(members.drop_time - curve.time).max() <= 0.2 + 1e-9
    for rows in members.time:
        assert_array_equal(numbers(rows, ticks), counts.at_risk)


def test_one_solution_is_said():
    time, event = np.array([2.0, 3, 5, 8, 9]), np.array([1, 0, 1, 1, 0])
    members = rebuild(drawn(time, event), PrintedCounts(5), members=30)
    assert members.solutions == members.distinct == 1
    assert "determines" in members.messages[-1]
    assert_array_equal(members.at_risk[0], [5, 3, 2])
    # A ratio of one half is 1 of 2 or 2 of 4: two solutions, both among the members.
    either = rebuild(
        drawn([1, 2, 3, 4, 5.0], [0, 0, 0, 1, 0]), PrintedCounts(5), members=2000
    )
    assert either.solutions == either.distinct == 2


def test_a_curve_without_drops():
    members = rebuild(drawn([3, 4, 7.0], [0, 0, 0]), PrintedCounts(3), members=10)
    assert not members.event.any()
    assert members.time.max(axis=1).tolist() == [7.0] * 10
    assert members.solutions == 1


@pytest.mark.parametrize("seed", range(12))
def test_true_sequence_is_among_the_members_of_a_small_clean_curve(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 21))
    event_at, censored_at = rng.exponential(10, n), rng.uniform(2, 40, n)
    time, event = (
        np.minimum(event_at, censored_at),
        (event_at <= censored_at).astype(int),
    )
    _, at_risk, died, _ = product_limit(time, event)
    members = rebuild(drawn(time, event), PrintedCounts(n), members=200, seed=seed)
    same = (members.at_risk == at_risk).all(axis=1) & (members.events == died).all(
        axis=1
    )
    assert same.any()


def test_the_same_seed_gives_the_same_members_however_many_are_drawn():
    rng = np.random.default_rng(3)
    time, event = rng.exponential(10, 30), rng.integers(0, 2, 30)
    curve, counts = drawn(time, event, error=0.004), PrintedCounts(30)
    once = rebuild(curve, counts, members=400, seed=9, arm="A")
    again = rebuild(curve, counts, members=400, seed=9, arm="A")
    assert once.time.tobytes() == again.time.tobytes()
    # Blocks are drawn apart, so that cores may share them.
    first = rebuild(curve, counts, members=200, seed=9, arm="A")
    assert_array_equal(first.time, once.time[:200])
    other = rebuild(curve, counts, members=200, seed=9, arm="B")
    assert not np.array_equal(first.time, other.time)


def test_the_same_seed_gives_the_same_members_on_any_number_of_cores():
    """Drawn in another order by another process with another number of threads."""
    script = (
        "import numpy as np\n"
        "from zlib import crc32\n"
        "from reanalysis.reconstruction.curve_members import rebuild\n"
        "from reanalysis.reconstruction.digitised_curve import *\n"
        "rng = np.random.default_rng(4)\n"
        "drops = np.sort(rng.uniform(0, 9, 12))\n"
        "level = np.round(1 - np.arange(1, 13) / 30, 2)\n"
        "t = np.append(np.append(0, drops), 10)\n"
        "s = np.append(np.append(1, level), level[-1])\n"
        "curve = read_curve(t, s, error=0.01, time_error=0.05, n=30, percent=False)\n"
        "for arm in 'BA':\n"
        "    one = rebuild(curve, PrintedCounts(30), members=250, seed=2, arm=arm)\n"
        "    print(arm, crc32(one.time.tobytes() + one.event.tobytes()))\n"
    )

    def run(arms, threads):
        done = subprocess.run(
            [sys.executable, "-c", script.replace("BA", arms)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT / "workflow" / "scripts"),
                "OMP_NUM_THREADS": threads,
                "OPENBLAS_NUM_THREADS": threads,
            },
        )
        return sorted(done.stdout.splitlines())

    assert run("BA", "1") == run("AB", "2")


def test_a_contradiction_names_the_number_in_the_way():
    time, event = np.array([2.0, 3, 5, 8, 9]), np.array([1, 0, 1, 1, 0])
    curve = drawn(time, event)
    with pytest.raises(MethodError, match="Without the number of events"):
        rebuild(curve, PrintedCounts(5, events=4))
    with pytest.raises(MethodError, match="Without the numbers at risk"):
        rebuild(curve, PrintedCounts(5, np.array([6.0]), np.array([1])))
    with pytest.raises(MethodError, match="Without the censoring marks"):
        rebuild(curve, PrintedCounts(5, marks=np.array([1.0, 9.0])))
    # No list of four patients has a curve with a first drop of a fifth.
    with pytest.raises(MethodError):
        rebuild(curve, PrintedCounts(4))


def test_ties_on_a_grid_of_weeks():
    """Both arms of the 6-MP trial (Freireich 1963), remission in weeks."""
    placebo = np.array(
        [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0]
    )
    curve = drawn(placebo, np.ones(21, int), grid=1.0)
    members = rebuild(curve, PrintedCounts(21, events=21), members=50)
    assert members.solutions == 1
    assert_array_equal(members.time, np.tile(placebo, (50, 1)))
    assert members.event.all()


def test_two_hundred_members_of_a_hundred_patients_within_a_second():
    rng = np.random.default_rng(8)
    event_at, censored_at = rng.exponential(20, 100), rng.uniform(5, 50, 100)
    time, event = (
        np.minimum(event_at, censored_at),
        (event_at <= censored_at).astype(int),
    )
    curve, counts = drawn(time, event, error=0.004), PrintedCounts(100)
    took = []
    for _ in range(3):
        began = perf_counter()
        rebuild(curve, counts, members=200, count_up_to=0)
        took.append(perf_counter() - began)
    assert min(took) < 1


def test_a_censoring_between_a_tick_and_an_event_read_to_be_at_it():
    # Two at risk at 40, one of them censored before the event at 40.06.
    time = np.array([10.0, 20, 30, 40.03, 40.06])
    event = np.array([1, 1, 1, 0, 1])
    curve = read_curve(
        [0, 10, 20, 30, 40.03],
        [1, 0.8, 0.6, 0.4, 0.0],
        error=0.002,
        time_error=0.2,
        n=5,
    )
    ticks = np.array([0.0, 40.0])
    counts = PrintedCounts(5, ticks, numbers(time, ticks), int(event.sum()))
    members = rebuild(curve, counts, members=100)
    assert members.event.sum(axis=1).tolist() == [4] * 100
    assert members.at_risk[:, -1].tolist() == [1] * 100
    for rows in members.time:
        assert_array_equal(numbers(rows, ticks), counts.at_risk)


def test_a_tick_may_lie_between_the_events_of_a_narrow_step():
    # Two deaths at 19.98 and 20.02, read as one drop at 20: nine at risk at 20.
    time = np.array([5.0, 19.98, 20.02, 30, 40, 41, 42, 43, 44, 45, 46])
    event = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    level = np.array([1, 10 / 11, 8 / 11, 7 / 11, 7 / 11])
    curve = read_curve(
        [0, 5, 20, 30, 46], level, error=0.01, time_error=0.2, n=11, percent=False
    )
    ticks = np.array([0.0, 20.0])
    counts = PrintedCounts(11, ticks, numbers(time, ticks), int(event.sum()))
    assert counts.at_risk.tolist() == [11, 9]
    members = rebuild(curve, counts, members=100)
    assert members.solutions == 1
    assert members.at_risk.tolist() == [[11, 10, 8]] * 100
    for rows, kind in zip(members.time, members.event, strict=True):
        assert_array_equal(numbers(rows, ticks), counts.at_risk)
        died = np.sort(rows[kind == 1])
        assert died[1] < 20 <= died[2]


def test_a_tick_near_several_drops_may_lie_beside_any_of_them():
    # Drops at 19.9 and 20.1; 17 at risk at 20 of 20: two were lost, or died, before.
    curve = read_curve(
        [0, 10, 19.9, 20.1, 30],
        [1, 0.95, 0.9, 0.845, 0.845],
        error=0.02,
        time_error=0.2,
        n=20,
        percent=False,
    )
    counts = PrintedCounts(20, np.array([20.0]), np.array([18]))
    members = rebuild(curve, counts, members=400, seed=1)
    # Sequences of several problems are drawn, not counted.
    assert math.isnan(members.solutions)
    before = (members.time < 20) & (members.event == 1)
    assert set(before.sum(axis=1).tolist()) >= {1, 2}
    for rows in members.time:
        assert numbers(rows, [20.0])[0] == 18


def test_the_end_of_the_line_is_read_with_an_error():
    curve = read_curve(
        [0, 5, 10], [1, 0.75, 0.75], error=0.01, time_error=0.3, n=4, percent=False
    )
    end = rebuild(curve, PrintedCounts(4), members=400).time.max(axis=1)
    assert np.abs(end - 10).max() <= 0.3
    # One click: a standard deviation of a third of the largest error, cut there.
    assert end.std() == pytest.approx(0.1, rel=0.15)
    later = PrintedCounts(4, np.array([10.1]), np.array([2]))
    assert rebuild(curve, later, members=50).time.max(axis=1).min() >= 10.1


def test_times_that_are_not_tied_stay_apart():
    # The estimators take times within 1e-9 of one another for tied.
    rng = np.random.default_rng(6)
    for seed in range(5):
        drops = np.sort(rng.uniform(1, 30, 12))
        survival = np.cumprod(1 - 1 / (30 - 2 * np.arange(12.0)))
        curve = read_curve(
            np.append(np.append(0, drops), 40),
            np.append(np.append(1, survival), survival[-1]),
            error=0.004,
            time_error=0.3,
            n=30,
            percent=False,
        )
        counts = PrintedCounts(30, marks=(drops[1:] + drops[:-1]) / 2)
        members = rebuild(curve, counts, members=50, seed=seed)
        found = survival_arrays(
            members.time, members.event, at=[39.0], interval=None
        ).survival[:, 0]
        assert_allclose(found, members.survival[:, -1], rtol=1e-9)


def test_errors_too_large_for_a_normal_law_are_said():
    # Every level as far off as the largest error, in turns.
    survival = np.cumprod(1 - 1 / np.arange(20, 8, -1.0))
    off = np.where(np.arange(12) % 2, 0.0099, -0.0099)
    curve = read_curve(
        np.arange(14.0),
        np.append(np.append(1, survival + off), survival[-1] + off[-1]),
        error=0.01,
        n=20,
        percent=False,
    )
    counts = PrintedCounts(20, np.arange(0, 12.0), np.append(20, np.arange(20, 9, -1)))
    members = rebuild(curve, counts, members=20)
    assert (np.abs(members.survival - curve.survival) <= 0.01 + 1e-9).all()


def test_curves_too_coarse_or_too_large_are_refused():
    time, event = np.arange(1.0, 61), np.ones(60, int)
    curve = drawn(time, event, error=0.009)
    with pytest.raises(MethodError, match=r"Read the curve to 0\.0083"):
        rebuild(curve, PrintedCounts(60))
    few = read_curve([0, 5, 9], [1, 0.5, 0.5], error=0.0002, n=2000, percent=False)
    with pytest.raises(MethodError, match="MB"):
        rebuild(few, PrintedCounts(2000, events=1200))


def test_a_mark_read_beside_a_drop_may_be_on_either_side():
    # The mark at 19.9 is of a patient censored after the event at 20.
    curve = read_curve(
        [0, 10, 20, 30, 35],
        [1, 0.8, 0.6, 0.3, 0.3],
        error=0.002,
        time_error=0.2,
        n=5,
    )
    members = rebuild(curve, PrintedCounts(5, marks=np.array([19.9, 35.0])), members=50)
    assert members.at_risk.tolist() == [[5, 4, 2]] * 50


# Guyot's algorithm --------------------------------------------------------------


def test_guyot_without_censoring_is_the_truth():
    time = np.arange(1.0, 11)
    one = rebuild_once(drawn(time, np.ones(10, int)), PrintedCounts(10, events=10))
    assert_array_equal(one.time[0], time)
    assert one.event.all()


def test_guyot_meets_the_numbers_at_risk():
    rng = np.random.default_rng(12)
    event_at, censored_at = rng.exponential(20, 60), rng.uniform(5, 50, 60)
    time, event = (
        np.minimum(event_at, censored_at),
        (event_at <= censored_at).astype(int),
    )
    ticks = np.arange(0, time.max(), 8.0)
    counts = PrintedCounts(60, ticks, numbers(time, ticks), int(event.sum()))
    one = rebuild_once(drawn(time, event), counts)
    assert one.time.shape == (1, 60)
    assert np.abs(numbers(one.time[0], ticks) - counts.at_risk).max() <= 1
    assert abs(int(one.event.sum()) - event.sum()) <= 1
    assert np.abs(one.survival - drawn(time, event).survival).max() < 0.03


def test_guyot_spreads_censoring_evenly():
    # One stretch, no event before 10: four of ten leave at fifths of the way.
    time = np.array([1, 3, 5, 7, 10, 10, 10, 10, 10, 12.0])
    event = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    ticks = np.array([0.0, 10.0])
    counts = PrintedCounts(10, ticks, numbers(time, ticks))
    one = rebuild_once(drawn(time, event), counts)
    assert_allclose(one.time[0][:4], [2, 4, 6, 8])
