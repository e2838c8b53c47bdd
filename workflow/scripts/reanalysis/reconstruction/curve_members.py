"""Lists of patients that a published survival curve allows, as an ensemble.

One arm at a time: the curve as read, the numbers printed beside it, and a seed give
members that all keep within the reading error and meet every printed number, drawn
from their law under the stated prior (:mod:`reanalysis.reconstruction.risk_paths`).
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_problem import Problem, near_drops, pose
from reanalysis.reconstruction.digitised_curve import (
    SLACK,
    DigitisedCurve,
    PrintedCounts,
    check_counts,
)
from reanalysis.reconstruction.path_counts import count_paths
from reanalysis.reconstruction.risk_paths import (
    LookAhead,
    Paths,
    TooLargeError,
    look_ahead,
    sample_paths,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Members drawn together: the unit of parallel work, so that cores change nothing.
BLOCK = 200
#: Drops that a tick of the risk table is tried around, where times do not tell.
MOST_AROUND = 3
#: Weight beside the likeliest below which a place of a tick is left out.
LEAST_CHANCE = 0.02
#: Width of a step, in largest errors of a time, that is read as part of a drop.
UNSEEN = 0.5
#: Largest reading error, in patients of the arm. Beyond it a reader takes two levels
#: for one so often that bands are too narrow (benchmarks/reconstruction.md).
LARGEST_ERROR = 0.5
#: Share of the follow-up that keeps times apart which must not count as tied.
HAIR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Data sets of one arm, all of the same n.

    ``time`` and ``event`` (members, n): rows sorted by time, an event before a
    censoring. ``drop_time``, ``at_risk`` and ``events`` (members, drops): the
    sequence behind the curve, with the time of the last event of each drop;
    ``survival`` (members, drops): the rebuilt curve after each drop. ``distinct``:
    how many sequences are among the members; ``solutions``: how many the print
    allows, nan where that was not counted. ``effective``: what the sample is worth
    beside independent draws, as a share.
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
    the message names the printed number without which there would be one. Also for
    reading errors beyond :data:`LARGEST_ERROR`.
    """
    check_counts(curve, counts)
    if curve.error * counts.n > LARGEST_ERROR * (1 + SLACK):
        raise MethodError(
            f"One of {counts.n} patients is {1 / counts.n:.2g} of the curve, less "
            f"than two reading errors of {curve.error:.2g}: deaths cannot be told "
            f"apart. Read the curve to {LARGEST_ERROR / counts.n:.2g}, from a larger "
            "figure."
        )
    try:
        return _rebuilt(curve, counts, members, (seed, arm), count_up_to)
    except TooLargeError:
        raise
    except MethodError as error:
        refused = str(error)
    if not curve.rounded:
        # Readings that a normal law finds too far off, but the largest error allows.
        try:
            found = _rebuilt(
                replace(curve, rounded=True), counts, members, (seed, arm), count_up_to
            )
        except MethodError:
            pass
        else:
            said = (
                "Readings are further off than normal errors explain: every error up "
                "to the largest was taken as equally likely."
            )
            return replace(found, messages=(*found.messages, said))
    raise MethodError(_blame(curve, counts, refused))


def _rebuilt(
    curve: DigitisedCurve,
    counts: PrintedCounts,
    members: int,
    stream: tuple[int, str],
    count_up_to: int,
) -> Members:
    """Draw members, see :func:`rebuild`, from the law of errors of the curve."""
    ahead = _aheads(curve, counts)
    messages = list(curve.messages)
    solutions = float("nan")
    # Where a tick may lie at several drops, one problem does not hold all sequences.
    if count_up_to and ahead.alone:
        number, complete = count_paths(ahead.likeliest.problem, count_up_to)
        if complete:
            solutions = number
    if solutions == 1:
        messages.append(
            "The curve determines the numbers at risk and the events at every drop: "
            "one sequence is possible."
        )
    seed, arm = stream
    blocks, effective = [], []
    for block, many in enumerate(_blocks(members)):
        rng = np.random.default_rng([seed, zlib.crc32(arm.encode()), block])
        drawn = []
        for one, share in ahead.drawn(many, rng):
            paths = sample_paths(one, share, rng)
            drawn.append(_rows(one.problem, counts, paths, rng))
            effective.append(paths.effective)
        # Shuffled, so that any part of a block is a sample of all its problems.
        mixed = rng.permutation(many)
        blocks.append(
            [np.concatenate(part)[mixed] for part in zip(*drawn, strict=True)]
        )
    parts = [np.concatenate(part) for part in zip(*blocks, strict=True)]
    return Members(
        *parts,
        solutions=solutions,
        effective=float(np.mean(effective)),
        messages=tuple(messages),
    )


@dataclass(slots=True, eq=False)
class _Aheads:
    """Look aheads of one arm, for every place that ticks of its risk table may have.

    ``places``: for a tick that may lie at several drops its drop and side, with their
    chances beside the likeliest places of the others. ``alone``: no tick may.
    """

    curve: DigitisedCurve
    counts: PrintedCounts
    likeliest: LookAhead
    places: dict[float, list[tuple[tuple[int, int], float]]]
    alone: bool
    known: dict[tuple, LookAhead | None]

    def drawn(self, many: int, rng: np.random.Generator) -> list[tuple[LookAhead, int]]:
        """Return look aheads and how many of ``many`` paths each is to give."""
        if not self.places:
            return [(self.likeliest, many)]
        columns = []
        for places in self.places.values():
            chances = np.cumsum([chance for _, chance in places])
            at = rng.permutation((rng.random() + np.arange(many)) / many)
            columns.append(np.searchsorted(chances[:-1], at, side="right"))
        together, number = np.unique(np.array(columns), axis=1, return_counts=True)
        shares: dict[int, list] = {}
        for chosen, share in zip(together.T.tolist(), number.tolist(), strict=True):
            one = self._one(tuple(chosen)) or self.likeliest
            shares.setdefault(id(one), [one, 0])[1] += share
        return [(one, share) for one, share in shares.values()]

    def _one(self, chosen: tuple) -> LookAhead | None:
        if chosen not in self.known:
            around = {
                tick: places[k][0]
                for (tick, places), k in zip(self.places.items(), chosen, strict=True)
            }
            try:
                self.known[chosen] = look_ahead(pose(self.curve, self.counts, around))
            except MethodError:
                # Two places that each do alone need not do together.
                self.known[chosen] = None
        return self.known[chosen]


def _aheads(curve: DigitisedCurve, counts: PrintedCounts) -> _Aheads:
    """Return look aheads for the places of ticks that the times cannot tell apart.

    Where several drops are read to be at a tick, it lies before or after the nearest,
    or on the far side of another.
    """
    several = {
        tick: near
        for tick in counts.tick_time.tolist()
        if len(near := near_drops(curve, tick)) > 1
    }
    if not several:
        return _Aheads(curve, counts, look_ahead(pose(curve, counts)), {}, True, {})
    around: dict[float, tuple[int, int]] = {}
    best, problem = -math.inf, None
    try:
        best = look_ahead(pose(curve, counts), keep=False).log_total
    except MethodError as error:
        problem = error
    found: dict[float, list[tuple[tuple[int, int], float]]] = {}
    for tick, near in several.items():
        found[tick] = [((near[0], 0), best)]
        for j in near[1:MOST_AROUND]:
            place = (j, 1 if j > near[0] else -1)
            try:
                other = look_ahead(
                    pose(curve, counts, around | {tick: place}), keep=False
                )
            except MethodError:
                continue
            found[tick].append((place, other.log_total))
        likeliest = max(found[tick], key=lambda one: one[1])
        if likeliest[1] > best:
            around, best = around | {tick: likeliest[0]}, likeliest[1]
    if best == -math.inf:
        raise problem or MethodError("No list of patients was found.")
    places = {}
    for tick, options in found.items():
        top = max(total for _, total in options)
        weights = [math.exp(total - top) for _, total in options]
        kept = [
            (place, weight)
            for (place, _), weight in zip(options, weights, strict=True)
            if weight > LEAST_CHANCE
        ]
        total = sum(weight for _, weight in kept)
        places[tick] = [(place, weight / total) for place, weight in kept]
    return _Aheads(
        curve, counts, look_ahead(pose(curve, counts, around)), places, False, {}
    )


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
    end = _ends(problem, paths, rng)
    when = _event_times(problem, paths, end, rng)
    first, last = when[:, :, 0], np.nanmax(when, axis=2, initial=0.0)
    end = np.maximum(end, last.max(axis=1, initial=0.0))
    # Bounds of the gaps: nodes at their own time, drops at the member's. Who is
    # censored before a drop at a tick was lost before both, who after it after both.
    start, stop = (
        np.repeat(np.array([node.time for node in nodes])[None], many, axis=0)
        for _ in range(2)
    )
    tick = np.array([nodes[i].tick for i in at_drop])
    stop[:, at_drop] = np.fmin(first, tick)
    start[:, at_drop] = np.fmax(last, tick)
    stop = np.minimum(stop, end[:, None])
    stop[:, -1] = end
    # A change of the hazard moves out of the way of both.
    change = np.array([node.change for node in nodes])
    after = np.maximum.accumulate(np.where(change, 0.0, start), axis=1)
    until = np.where(change, np.inf, stop)[:, ::-1]
    until = np.minimum.accumulate(until, axis=1)[:, ::-1]
    moved = np.maximum(np.minimum(start, until - 2 * HAIR * curve.end), after)
    start, stop = np.where(change, moved, start), np.where(change, moved, stop)
    start = np.hstack([np.zeros((many, 1)), start[:, :-1]])
    start = np.maximum.accumulate(start, axis=1)
    stop = np.minimum.accumulate(stop[:, ::-1], axis=1)[:, ::-1]
    # Beside the gaps: between a drop and the tick it is read to be at.
    before = np.where(paths.before_tick == 0, tick, last)
    start = np.hstack([start, before])
    stop = np.hstack([stop, np.where(paths.before_tick == 0, first, tick)])
    counted = np.hstack([paths.censored, paths.between])
    gap = np.repeat(np.tile(np.arange(counted.shape[1]), many), counted.ravel())
    member = np.repeat(np.arange(many), counted.sum(axis=1))
    # Who is censored in a gap is no longer at risk at its end, however short it is.
    low = start[member, gap]
    high = np.maximum(stop[member, gap] - HAIR * curve.end, low)
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
            when[~np.isnan(when)],
            censored,
            np.repeat(end, left),
        ]
    )
    owner = np.concatenate([who for who, _ in rows])
    event = np.concatenate([np.full(len(who), kind) for who, kind in rows])
    order = np.lexsort((1 - event, times, owner))
    shape = (many, problem.n)
    return (
        times[order].reshape(shape),
        event[order].reshape(shape),
        last,
        paths.before[:, at_drop],
        paths.events,
        paths.survival,
    )


def _ends(problem: Problem, paths: Paths, rng: np.random.Generator) -> Floats:
    """Return the time of the last patient in each path: the end of the line is read."""
    curve, many = problem.curve, len(paths.before)
    end = np.full(many, curve.end)
    if not curve.time_error or curve.grid is not None:
        return end
    end += curve.time_spread * _cut_normal(
        curve.time_error / curve.time_spread, many, rng
    )
    # Who is still counted at a tick has a time at it or later.
    ticks = [node.tick for node in problem.nodes if node.at_risk > 0]
    return np.maximum(end, max(ticks, default=0.0))


def _cut_normal(cut: Floats | float, size, rng: np.random.Generator) -> Floats:
    """Draw from normal laws cut at ``cut`` standard deviations, by their inverse."""
    from scipy.special import ndtr, ndtri

    below = ndtr(-np.asarray(cut))
    return ndtri(below + (1 - 2 * below) * rng.random(size))


def _event_times(
    problem: Problem, paths: Paths, end: Floats, rng: np.random.Generator
) -> Floats:
    """Return the times (paths, drops, events of a drop) of events, nan beyond them.

    Within the reading error and in order. The events of one drop lie apart, as a
    step narrower than :data:`UNSEEN` errors of times is read as part of a drop.
    """
    curve, many = problem.curve, len(paths.before)
    drops, most = curve.time.size, int(paths.events.max(initial=1))
    there = np.arange(most) < paths.events[:, :, None]
    when = np.where(there, curve.time[:, None], np.nan)
    if not curve.time_error or curve.grid is not None or not drops:
        return when
    spread = curve.time_spread / np.sqrt(curve.time_readings)
    read = spread * _cut_normal(curve.time_error / spread, (many, drops), rng)
    when += read[:, :, None]
    if most > 1:
        steps = UNSEEN * curve.time_error * rng.random((many, drops, most))
        later = np.cumsum(np.where(there, steps, 0.0), axis=2) - steps[:, :, :1]
        # The reading is of the middle of all of them.
        when += later - later[:, :, -1:] / 2
    when = np.clip(
        when,
        (curve.time - curve.time_error)[:, None],
        (curve.time + curve.time_error)[:, None],
    )
    # Where the last event is the last patient, nobody is left to outlive it.
    latest = np.where(paths.before[:, -1] > 0, end, np.inf)
    when = when.clip(0, latest[:, None, None])
    ordered = np.sort(when.reshape(many, -1), axis=1)
    when[there] = ordered[~np.isnan(ordered)]
    number = np.cumsum(there.reshape(many, -1), axis=1).reshape(there.shape) - 1
    passed = np.zeros(many, dtype=np.int64)
    for node in problem.nodes:
        if node.at_risk >= 0:
            # Who is counted at a tick has the event at it or later, others before.
            earlier = passed + (
                paths.before_tick[:, node.drop] if node.drop >= 0 else 0
            )
            rank = number - earlier[:, None, None]
            bound = node.tick + 2 * HAIR * curve.end * np.where(
                rank < 0, rank, rank + 1
            )
            when = np.where(
                rank < 0, np.minimum(when, bound.clip(0)), np.maximum(when, bound)
            )
        if node.drop >= 0:
            passed += paths.events[:, node.drop]
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
