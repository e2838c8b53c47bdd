"""Lists of patients that a published survival curve allows, as an ensemble.

One arm at a time: the curve as read, the numbers printed beside it, and a seed give
members that all keep within the reading error and meet every printed number, drawn
from their law under the stated prior (:mod:`reanalysis.reconstruction.risk_paths`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_problem import Problem, near_drops, pose
from reanalysis.reconstruction.digitised_curve import (
    DEVIATIONS,
    DigitisedCurve,
    PrintedCounts,
    check_counts,
)
from reanalysis.reconstruction.path_counts import count_paths
from reanalysis.reconstruction.risk_paths import (
    LookAhead,
    Paths,
    look_ahead,
    sample_paths,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Members drawn together: the unit of parallel work, so that cores change nothing.
BLOCK = 200
#: Drops that a tick of the risk table is tried around, where times do not tell.
MOST_AROUND = 3


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Data sets of one arm, all of the same n.

    ``time`` and ``event`` (members, n): rows sorted by time, an event before a
    censoring. ``drop_time``, ``at_risk`` and ``events`` (members, drops): the
    sequence behind the curve; ``survival`` (members, drops): the rebuilt curve after
    each drop. ``distinct``: how many sequences are among the members; ``solutions``:
    how many the print allows, nan where that was not counted. ``effective``: what the
    sample is worth beside independent draws, as a share.
    """

    time: Floats
    event: Ints
    drop_time: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    solutions: float
    effective: float
    messages: tuple[str, ...] = ()

    @property
    def distinct(self) -> int:
        """How many different event sequences are among the members."""
        return len(np.unique(np.hstack([self.at_risk, self.events]), axis=0))


def rebuild(
    curve: DigitisedCurve,
    counts: PrintedCounts,
    *,
    members: int = 200,
    seed: int = 0,
    arm: str = "",
    count_up_to: int = 20_000,
) -> Members:
    """Draw members of one arm.

    ``arm`` is its name: arms with one seed are drawn independently. ``count_up_to``
    bounds the enumeration of solutions (states at one drop), 0 leaves it out.
    The same arguments give the same members, however work is spread: they are drawn
    in blocks of :data:`BLOCK`, each with a stream of its own.

    Raises :class:`MethodError` with the reason when the print allows no member;
    the message names the printed number without which there would be one.
    """
    check_counts(curve, counts)
    try:
        ahead = _best_ahead(curve, counts)
    except MethodError as error:
        raise MethodError(_blame(curve, counts, str(error))) from None
    problem, messages = ahead.problem, list(curve.messages)
    solutions = float("nan")
    if count_up_to:
        number, complete = count_paths(problem, count_up_to)
        if complete:
            solutions = number
    if solutions == 1:
        messages.append(
            "The curve determines the numbers at risk and the events at every drop: "
            "one sequence is possible."
        )
    blocks, effective = [], []
    for block, many in enumerate(_blocks(members)):
        rng = np.random.default_rng([seed, zlib.crc32(arm.encode()), block])
        paths = sample_paths(ahead, many, rng)
        blocks.append(_rows(problem, counts, paths, rng))
        effective.append(paths.effective)
    parts = [np.concatenate(part) for part in zip(*blocks, strict=True)]
    return Members(
        *parts,
        solutions=solutions,
        effective=float(np.mean(effective)),
        messages=tuple(messages),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PrintedWeights:
    """Weights (members,) that printed results give; all 0 where none is reached."""

    weight: Floats

    @property
    def effective(self) -> float:
        """How many equally weighted members they are worth."""
        total = self.weight.sum()
        return float(total**2 / (self.weight**2).sum()) if total > 0 else 0.0


def weigh(
    printed: Iterable[tuple[Floats, float, float]],
) -> PrintedWeights:
    """Weigh members by results that the paper prints: hazard ratio, p-value, median.

    ``printed``: for each number its value in every member (members,) and the two ends
    of the interval that is rounded to what is printed. A member outside any interval
    has no weight. Where none is left the print is not reached by this sample, which
    proves nothing.
    """
    weight: Floats | float = 1.0
    for values, low, high in printed:
        slack = 1e-9 * max(abs(low), abs(high))
        inside = (values >= low - slack) & (values <= high + slack)
        weight = weight * inside.astype(float)
    return PrintedWeights(np.asarray(weight, dtype=float))


def _best_ahead(curve: DigitisedCurve, counts: PrintedCounts) -> LookAhead:
    """Return the look ahead, with each tick of the risk table at the likeliest drop.

    Where several drops are read to be at a tick, the tick may lie around any of them.
    """
    around: dict[float, int] = {}
    best, problem = None, None
    several = {tick: near_drops(curve, tick) for tick in counts.tick_time.tolist()}
    alone = all(len(near) < 2 for near in several.values())
    try:
        best = look_ahead(pose(curve, counts), keep=alone)
    except MethodError as error:
        problem = error
    if best is not None and alone:
        return best
    for tick, near in several.items():
        for j in near[1:MOST_AROUND]:
            other = around | {tick: j}
            try:
                found = look_ahead(pose(curve, counts, other), keep=False)
            except MethodError:
                continue
            if best is None or found.log_total > best.log_total:
                best, around = found, other
    if best is None:
        raise problem or MethodError("No list of patients was found.")
    return look_ahead(best.problem)


def _blocks(members: int) -> list[int]:
    """Return the sizes of the blocks; a last one is cut, not drawn differently."""
    return [min(BLOCK, members - start) for start in range(0, members, BLOCK)]


def _blame(curve: DigitisedCurve, counts: PrintedCounts, reason: str) -> str:
    """Say which printed number stands in the way, if one alone does."""
    without = {
        "the number of events": PrintedCounts(
            counts.n, counts.tick_time, counts.at_risk, None, counts.marks
        ),
        "the numbers at risk": PrintedCounts(
            counts.n, events=counts.events, marks=counts.marks
        ),
        "the censoring marks": PrintedCounts(
            counts.n, counts.tick_time, counts.at_risk, counts.events
        ),
    }
    printed = (
        counts.events is not None,
        counts.tick_time.size,
        counts.marks is not None,
    )
    for (name, fewer), there in zip(without.items(), printed, strict=True):
        if not there:
            continue
        try:
            look_ahead(pose(curve, fewer))
        except MethodError:
            continue
        return f"{reason} Without {name} there would be some."
    return reason


def _rows(
    problem: Problem, counts: PrintedCounts, paths: Paths, rng: np.random.Generator
) -> tuple[Floats, Ints, Floats, Ints, Ints, Floats]:
    """Give every event and censoring of some paths a time."""
    curve, nodes = problem.curve, problem.nodes
    many = len(paths.before)
    at_drop = [i for i, node in enumerate(nodes) if node.drop >= 0]
    drop_time = _drop_times(problem, paths, rng)
    # Bounds of the gaps: nodes at their own time, drops at the member's. Who is
    # censored before a drop at a tick was lost before both, who after it after both.
    start, stop = (
        np.repeat(np.array([node.time for node in nodes])[None], many, axis=0)
        for _ in range(2)
    )
    tick = np.array([nodes[i].tick for i in at_drop])
    stop[:, at_drop] = np.fmin(drop_time, tick)
    start[:, at_drop] = np.fmax(drop_time, tick)
    # A change of the hazard moves out of the way of both.
    change = np.array([node.change for node in nodes])
    after = np.maximum.accumulate(np.where(change, 0.0, start), axis=1)
    until = np.where(change, np.inf, stop)[:, ::-1]
    until = np.minimum.accumulate(until, axis=1)[:, ::-1]
    moved = np.maximum(np.minimum(start, np.nextafter(until, 0)), after)
    start, stop = np.where(change, moved, start), np.where(change, moved, stop)
    start = np.hstack([np.zeros((many, 1)), start[:, :-1]])
    start = np.maximum.accumulate(start, axis=1)
    stop = np.minimum.accumulate(stop[:, ::-1], axis=1)[:, ::-1]
    # Beside the gaps: between a drop and the tick it is read to be at.
    start = np.hstack([start, np.fmin(drop_time, tick)])
    stop = np.hstack([stop, np.fmax(drop_time, tick)])
    counted = np.hstack([paths.censored, paths.between])
    gap = np.repeat(np.tile(np.arange(counted.shape[1]), many), counted.ravel())
    member = np.repeat(np.arange(many), counted.sum(axis=1))
    # Who is censored in a gap is no longer at risk at its end, however short it is.
    low = start[member, gap]
    high = np.maximum(np.nextafter(stop[member, gap], 0), low)
    censored = low + (high - low) * rng.random(len(gap))
    if counts.marks is not None:
        censored = _at_marks(problem, member, gap, rng).clip(low, high)
    elif curve.grid is not None:
        # A censoring at the time of an event comes after it: low may be taken.
        steps = np.maximum(np.ceil((high - low) / curve.grid - 1e-9), 1)
        censored = low + curve.grid * np.floor(rng.random(len(gap)) * steps)
    left = paths.before[:, -1]
    rows = [
        (np.repeat(np.arange(many), paths.events.sum(axis=1)), 1),
        (member, 0),
        (np.repeat(np.arange(many), left), 0),
    ]
    times = np.concatenate(
        [
            np.repeat(drop_time.ravel(), paths.events.ravel()),
            censored,
            np.full(left.sum(), curve.end),
        ]
    )
    owner = np.concatenate([who for who, _ in rows])
    event = np.concatenate([np.full(len(who), kind) for who, kind in rows])
    order = np.lexsort((1 - event, times, owner))
    shape = (many, problem.n)
    return (
        times[order].reshape(shape),
        event[order].reshape(shape),
        drop_time,
        paths.before[:, at_drop],
        paths.events,
        paths.survival,
    )


def _drop_times(problem: Problem, paths: Paths, rng: np.random.Generator) -> Floats:
    """Return a time for each drop of each path, within the reading error."""
    curve, many = problem.curve, len(paths.before)
    drops = curve.time.size
    when = np.repeat(curve.time[None], many, axis=0)
    if not curve.time_error or curve.grid is not None or not drops:
        return when
    spread = curve.time_error / DEVIATIONS / np.sqrt(curve.time_readings)
    # The normal law cut at the largest error, by its inverse on a narrower range.
    from scipy.special import ndtr, ndtri

    cut = ndtr(-curve.time_error / spread)
    share = cut + (1 - 2 * cut) * rng.random((many, drops))
    when = np.sort((when + spread * ndtri(share)).clip(0, curve.end), axis=1)
    passed, number = 0, np.arange(drops)
    for node in problem.nodes:
        if node.at_risk >= 0:
            # Who is counted at a tick has the event at it or later, others before.
            earlier = np.full(many, passed)
            if node.drop >= 0:
                earlier += ~paths.tick_first[:, node.drop]
            after = number >= earlier[:, None]
            below, above = np.nextafter(node.tick, [0, np.inf])
            when = np.where(after, np.maximum(when, above), np.minimum(when, below))
        passed += node.drop >= 0
    return when


def _at_marks(
    problem: Problem, member: Ints, gap: Ints, rng: np.random.Generator
) -> Floats:
    """Return the times of censorings at the printed marks of their gaps.

    Every mark has one; who is left over shares one of them.
    """
    times = np.empty(len(gap))
    first = np.append(True, (np.diff(member) != 0) | (np.diff(gap) != 0))[: len(gap)]
    place = np.arange(len(gap)) - np.maximum.accumulate(
        np.where(first, np.arange(len(gap)), 0)
    )
    for i, node in enumerate(problem.nodes):
        here = gap == i
        if here.any():
            marks = np.array(node.marks + node.loose)
            other = rng.integers(len(marks), size=here.sum())
            own = np.minimum(place[here], len(marks) - 1)
            times[here] = marks[np.where(place[here] < len(marks), own, other)]
    return times
