"""Bounds that hold for every list of patients a curve and its printed counts allow.

Nothing is sampled and no prior is used. Condition, on which all of it rests: the
reading errors that were stated are the largest. That is, every event lies within two
errors of times of a drop that was read (two, as both corners of a step that hides
others were clicked); after all events of a drop the curve is within the error of its
level until the next; each drop has an event; the line ends, within the same, where the
last patient does. A reader who states too small an error proves nothing.

The states behind the curve are the numbers at risk and of events so far. Forwards,
from n patients, and backwards, from the end, each state holds an interval that
contains every value the curve can have in it; states whose two intervals do not meet
are impossible. Losses are allowed anywhere, between the events of one drop too, and a
tick of the risk table that the times cannot tell from drops is only told from the
drops before and after these. So more is kept than is possible, never less.

The score of Cox's partial likelihood falls in the coefficient, rises with the numbers
at risk of the reference and falls with those of the group: its largest and smallest
value over all numbers between the bounds bracket the estimate.

Own code: no library knows curves that were read. Sources: Kaplan and Meier 1958; Cox
1972; Moore, Kearfott and Cloud, Introduction to Interval Analysis (2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.reconstruction.digitised_curve import (
    DigitisedCurve,
    PrintedCounts,
    check_counts,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Slack for rounding, on the side of more possible values.
SLACK = 1e-9
#: States beyond which nothing is tried: memory and time grow with their number.
MOST_PATIENTS = 200
#: Largest reading error, in patients of the arm: with larger ones two levels a patient
#: apart may be read as one, or one as two (see :mod:`.digitised_curve`).
LARGEST_ERROR = 0.25
#: Log hazard ratios beyond this count as infinite.
LARGEST = 20.0

#: Intervals of the curve by (at risk, events so far): lowest and highest, crossed where
#: the state is impossible.
Hull = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class ProvenBounds:
    """What every possible list of patients of one arm keeps to.

    Shapes (drops,): ``earliest`` and ``latest`` an event of the drop can be;
    ``before_low`` and ``before_high`` patients at risk just before its first event,
    ``after_low`` and ``after_high`` just after its last; ``fewest`` and ``most``
    events of the drop; ``done_low`` and ``done_high`` events up to and with it;
    ``level_low`` and ``level_high`` the curve after it. ``total_low`` and
    ``total_high``: all events. ``end``: earliest and latest end of the line. ``ticks``
    and ``at_risk``: the risk table.
    """

    n: int
    earliest: Floats
    latest: Floats
    before_low: Ints
    before_high: Ints
    after_low: Ints
    after_high: Ints
    fewest: Ints
    most: Ints
    done_low: Ints
    done_high: Ints
    level_low: Floats
    level_high: Floats
    total_low: int
    total_high: int
    end: tuple[float, float]
    ticks: Floats
    at_risk: Ints


def prove(curve: DigitisedCurve, counts: PrintedCounts) -> ProvenBounds:
    """Return the bounds of one arm.

    Raises :class:`MethodError` where there is proof that no list of patients fits
    (given the reading errors); for more than :data:`MOST_PATIENTS` patients, and where
    errors are so large that the reader may have missed a drop.
    """
    check_counts(curve, counts)
    if counts.n > MOST_PATIENTS:
        raise MethodError(
            f"Bounds are proven for {MOST_PATIENTS} patients of one arm at most, "
            f"not for {counts.n}."
        )
    if curve.error * counts.n > LARGEST_ERROR * (1 + SLACK):
        raise MethodError(
            f"Nothing is proven: with a reading error of {curve.error:g} one of "
            f"{counts.n} patients can be missed, or taken for two."
        )
    arm = _Arm(curve, counts)
    drops, forward = curve.time.size, []
    state = arm.start()
    for j in range(drops):
        before = arm.lost(j, state)
        state = arm.dropped(j, before)
        forward.append((before, state))
    state = _met(arm.lost(drops, state), arm.finish())
    if not _any(state):
        raise MethodError(
            f"No list of {counts.n} patients has a curve within the reading error of "
            f"{curve.error:g} and meets the printed counts: this is proven, if the "
            "errors stated are the largest."
        )
    totals = np.flatnonzero((state[0] <= state[1]).any(axis=0))
    numbers = np.zeros((8, drops), dtype=np.int64)
    levels = np.zeros((2, drops))
    after = arm.unlost(drops, arm.finish())
    for j in range(drops - 1, -1, -1):
        before, left = forward[j][0], _met(forward[j][1], after)
        back = arm.undropped(j, after)
        before = _met(before, back)
        many = arm.sizes(j, before, left)
        at, gone = ((hull[0] <= hull[1]) for hull in (before, left))
        numbers[:, j] = [
            *_ends(at.any(axis=1)),
            *_ends(gone.any(axis=1)),
            min(many),
            max(many),
            *_ends(gone.any(axis=0)),
        ]
        levels[:, j] = left[0][gone].min(), left[1][gone].max()
        after = arm.unlost(j, back)
    reach = arm.reach
    # A curve falls: what is known of one level bounds the others.
    levels[0] = np.maximum.accumulate(levels[0][::-1])[::-1]
    levels[1] = np.minimum.accumulate(levels[1])
    return ProvenBounds(
        counts.n,
        np.maximum(curve.time - reach, 0.0),
        curve.time + reach,
        *numbers,
        np.maximum(levels[0], 0.0),
        np.minimum(levels[1], 1.0),
        int(totals.min()),
        int(totals.max()),
        (max(curve.end - reach, 0.0), curve.end + reach),
        counts.tick_time,
        counts.at_risk,
    )


# Numbers of one arm ---------------------------------------------------------------


def survival_bounds(arm: ProvenBounds, time: float) -> tuple[float, float]:
    """Return the least and largest survival at a time.

    Beyond the end of the line, where it depends on how a curve is carried on, from 0.
    """
    happened = np.searchsorted(arm.latest, time, side="right")
    possible = np.searchsorted(arm.earliest, time, side="right")
    low = np.append(1.0, arm.level_low)[possible]
    high = np.append(1.0, arm.level_high)[happened]
    return (0.0 if time > arm.end[0] else float(low)), float(high)


def median_bounds(arm: ProvenBounds) -> tuple[float, float]:
    """Return the earliest and latest median, whatever the rule at exactly one half.

    inf where the curve need not, or cannot, fall below one half.
    """
    may = np.flatnonzero(arm.level_low <= 0.5 + SLACK)
    must = np.flatnonzero(arm.level_high < 0.5 - SLACK)
    return (
        float(arm.earliest[may[0]]) if may.size else math.inf,
        float(arm.latest[must[0]]) if must.size else math.inf,
    )


def restricted_mean_bounds(arm: ProvenBounds, tau: float) -> tuple[float, float]:
    """Return the least and largest mean time up to ``tau``.

    Beyond the end of the line the curve may fall to 0 or be carried on.
    Raises :class:`MethodError` unless ``tau`` is positive.
    """
    if not tau > 0:
        raise MethodError("The horizon of a restricted mean must be positive.")

    def area(drops: Floats, levels: Floats, tau: float) -> float:
        edges = np.concatenate([[0.0], drops.clip(max=tau), [tau]])
        return float((np.diff(edges) * np.append(1.0, levels)).sum())

    return (
        area(arm.earliest, arm.level_low, min(tau, arm.end[0])),
        area(arm.latest, arm.level_high, tau),
    )


def at_risk_bounds(arm: ProvenBounds, time: float) -> tuple[int, int]:
    """Return the fewest and most patients whose time is at or after ``time``."""
    low, high = _window(arm, time, time, just_after=False)
    return int(low), int(high)


def events_bounds(arm: ProvenBounds, time: float = math.inf) -> tuple[int, int]:
    """Return the fewest and most events up to and with ``time``."""
    if time >= arm.end[1]:
        return arm.total_low, arm.total_high
    happened = np.searchsorted(arm.latest, time, side="right")
    possible = np.searchsorted(arm.earliest, time, side="right")
    return (
        int(np.append(0, arm.done_low)[happened]),
        int(np.append(0, arm.done_high)[possible]),
    )


def _window(
    arm: ProvenBounds, start: float, stop: float, *, just_after: bool = True
) -> tuple[float, float]:
    """Return the least number at risk up to just after stop, the largest from start.

    Without ``just_after`` up to ``stop`` itself, where who has that time is counted.
    """
    happened = int(np.searchsorted(arm.latest, start, side="left"))
    side = "right" if just_after else "left"
    possible = int(np.searchsorted(arm.earliest, stop, side=side))
    high = arm.n if happened == 0 else int(arm.after_high[happened - 1])
    low = 0
    if possible < arm.earliest.size:
        low = int(arm.before_low[possible])
    elif stop < arm.end[0] or (stop == arm.end[0] and not just_after):
        # The last patient at least.
        low = 1
    later = arm.ticks > stop if just_after else arm.ticks >= stop
    if later.any():
        low = max(low, int(arm.at_risk[later].max()))
    earlier = arm.ticks <= start
    if earlier.any():
        high = min(high, int(arm.at_risk[earlier].min()))
    if start > arm.end[1]:
        high = 0
    return low, high


# Two arms ---------------------------------------------------------------------------


def hazard_ratio_bounds(
    group: ProvenBounds, reference: ProvenBounds
) -> tuple[float, float]:
    """Return bounds of the hazard ratio, with Breslow's or Efron's treatment of ties.

    0 and inf where the estimate may be infinite. Nothing is said of lists in which no
    event happens while both arms are at risk: they have no estimate.
    """
    of_group, of_reference = _events(group, reference), _events(reference, group)

    def largest(beta: float) -> float:
        return _score(of_group, of_reference, beta)

    def smallest(beta: float) -> float:
        # The same with the arms exchanged and the sign turned.
        return -_score(of_reference, of_group, -beta)

    # A score of rounding size proves nothing.
    tiny = SLACK * (1 + group.n + reference.n)
    low = _crossing(lambda beta: smallest(beta) - tiny)
    high = _crossing(lambda beta: largest(beta) + tiny)
    return (
        0.0 if low <= -LARGEST else math.exp(low),
        math.inf if high >= LARGEST else math.exp(high),
    )


def log_rank_bounds(
    group: ProvenBounds, reference: ProvenBounds
) -> tuple[float, float]:
    """Return bounds of the log-rank chi-square with the hypergeometric variance."""
    of_group, of_reference = _events(group, reference), _events(reference, group)
    most = _score(of_group, of_reference, 0.0)
    least = -_score(of_reference, of_group, 0.0)
    least_square = 0.0 if least <= 0 <= most else min(least**2, most**2)
    low, high = 0.0, 0.0
    for one in (of_group, of_reference):
        smallest, largest = one.variances()
        low += one.added(-smallest) * -1
        high += one.added(largest)
    square = max(least**2, most**2)
    top = square / low if low > SLACK else (math.inf if square > SLACK else 0.0)
    bottom = least_square / high if high > SLACK else 0.0
    return bottom * (1 - SLACK), top * (1 + SLACK)


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """Drops of one arm with the numbers at risk of both at their events, (drops,)."""

    own_low: Floats
    own_high: Floats
    other_low: Floats
    other_high: Floats
    fewest: Ints
    most: Ints
    total: tuple[int, int]
    tied: Ints

    def added(self, worth: Floats) -> float:
        """Return the largest sum over events of what each is worth."""
        numbers = self.fewest.copy()
        low, high = self.total
        # Each drop has its fewest; the rest goes where it is worth most, as far as the
        # total must or may be filled.
        for j in np.argsort(-worth, kind="stable"):
            done = int(numbers.sum())
            want = high if worth[j] > 0 else low
            numbers[j] += max(min(int(self.most[j] - self.fewest[j]), want - done), 0)
        return float((numbers * worth).sum())

    def variances(self) -> tuple[Floats, Floats]:
        """Return the least and largest hypergeometric variance of one event."""
        with np.errstate(divide="ignore", invalid="ignore"):
            low = self.own_low / (self.own_low + self.other_high)
            high = self.own_high / (self.own_high + self.other_low)
        low, high = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)
        least = np.minimum(low * (1 - low), high * (1 - high))
        most = np.where(
            (low <= 0.5) & (high >= 0.5),
            0.25,
            np.maximum(low * (1 - low), high * (1 - high)),
        )
        # Of tied events each has (n - d) / (n - 1) of it.
        n = self.own_low + self.other_low
        share = np.where(
            self.tied > 1, (n - self.tied).clip(0) / np.maximum(n - 1, 1), 1.0
        )
        return least * share, most


def _events(arm: ProvenBounds, other: ProvenBounds) -> _Events:
    """Return the drops of an arm with what is at risk in both."""
    windows = [
        _window(other, a, b) for a, b in zip(arm.earliest, arm.latest, strict=True)
    ]
    low, high = np.array(windows, dtype=float).reshape(-1, 2).T
    meets = (other.earliest[None, :] <= arm.latest[:, None] + SLACK) & (
        other.latest[None, :] >= arm.earliest[:, None] - SLACK
    )
    across = (meets * other.most[None, :]).sum(axis=1)
    # An event is itself at risk; of events tied across arms Efron takes away a part.
    own = arm.after_low + np.where(across > 0, 0, 1)
    return _Events(
        own.astype(float),
        arm.before_high.astype(float),
        low,
        high,
        arm.fewest,
        arm.most,
        (arm.total_low, arm.total_high),
        arm.most + across,
    )


def _score(group: _Events, reference: _Events, beta: float) -> float:
    """Return the largest score of the group at ``beta`` over all that is possible."""
    ratio = math.exp(min(max(beta, -700), 700))

    def share(one: Floats, other: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(one / (one + other), nan=0.0)

    # An event of the group adds the share of the reference, one of the reference takes
    # away that of the group. Nobody on either side is no event.
    up = share(group.other_high, ratio * group.own_low)
    down = share(ratio * reference.other_low, reference.own_high)
    return group.added(up) + reference.added(-down)


def _crossing(score: Callable[[float], float]) -> float:
    """Return where a falling score crosses zero; a limit where it does not before."""
    low, high = -LARGEST, LARGEST
    if score(low) <= 0:
        return low
    if score(high) >= 0:
        return high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    return (low + high) / 2


# The states of one arm --------------------------------------------------------------


class _Arm:
    """Steps of the states between moments, forwards and backwards."""

    def __init__(self, curve: DigitisedCurve, counts: PrintedCounts) -> None:
        self.n, self.events = counts.n, counts.events
        self.width = (self.n if counts.events is None else counts.events) + 1
        self.reach = 2 * curve.time_error if curve.grid is None else 0.0
        error = curve.error * (1 + SLACK) + 1e-12
        self.low, self.high = curve.survival - error, curve.survival + error
        self.drops = curve.time.size
        # For each gap the numbers printed in it; of ticks that may be among events, how
        # many were left at the start of the gap before these, at the end of that after.
        self.inside: list[list[int]] = [[] for _ in range(self.drops + 1)]
        self.at_least = np.zeros(self.drops + 1, dtype=np.int64)
        self.at_most = np.full(self.drops + 1, self.n, dtype=np.int64)
        for tick, number in zip(counts.tick_time, counts.at_risk, strict=True):
            if number == 0:
                continue
            first = int((curve.time + self.reach < tick).sum())
            last = int((curve.time - self.reach < tick).sum())
            if first == last:
                self.inside[first].append(int(number))
            else:
                self.at_least[first] = max(self.at_least[first], number)
                self.at_most[last] = min(self.at_most[last], number)
        # Whether anybody may be lost in a gap or between the events of a drop, and how
        # many marks are surely in the gap.
        self.may, self.within = [True] * (self.drops + 1), [True] * self.drops
        self.marks = [0] * (self.drops + 1)
        if counts.marks is not None:
            # A mark is read with an error of its own.
            far = 2 * self.reach
            edges = np.concatenate([[-np.inf], curve.time, [curve.end]])
            for gap in range(self.drops + 1):
                near = (counts.marks >= edges[gap] - far) & (
                    counts.marks <= edges[gap + 1] + far
                )
                sure = (counts.marks > edges[gap] + far) & (
                    counts.marks < edges[gap + 1] - far
                )
                self.may[gap] = bool(near.any())
                # On which side of a tick they are is not followed.
                self.marks[gap] = 0 if self.inside[gap] else int(sure.sum())
            for j, when in enumerate(curve.time):
                self.within[j] = bool((np.abs(counts.marks - when) <= far).any())
        if not self.reach:
            self.within = [False] * self.drops

    def start(self) -> Hull:
        """Return n patients and no event."""
        low, high = self._none()
        low[self.n, 0] = high[self.n, 0] = 1.0
        return low, high

    def finish(self) -> Hull:
        """Return the states at the end of the line: nobody is left only at 0."""
        low, high = self._none()
        column = slice(None) if self.events is None else self.events
        low[1:, column], high[1:, column] = 0.0, 1.0
        low[0, column], high[0, column] = 0.0, SLACK
        return low, high

    def lost(self, gap: int, hull: Hull) -> Hull:
        """Return the states at the end of a gap from those at its start."""
        hull = _rows(hull, self.at_least[gap], self.n)
        if self.may[gap]:
            hull = _lost(_shifted(hull, self.marks[gap]))
        for number in self.inside[gap]:
            hull = _rows(hull, number, number)
            hull = _lost(hull) if self.may[gap] else hull
        return _rows(hull, 0, self.at_most[gap])

    def unlost(self, gap: int, hull: Hull) -> Hull:
        """Return the states at the start of a gap from those at its end."""
        hull = _rows(hull, 0, self.at_most[gap])
        for number in reversed(self.inside[gap]):
            hull = _found(hull) if self.may[gap] else hull
            hull = _rows(hull, number, number)
        if self.may[gap]:
            hull = _shifted(_found(hull), -self.marks[gap])
        return _rows(hull, self.at_least[gap], self.n)

    def dropped(self, j: int, hull: Hull) -> Hull:
        """Return the states after a drop from those before it."""
        found = self._none()
        for step in self._steps(j, hull):
            found = _joined(found, step)
        return found

    def sizes(self, j: int, before: Hull, after: Hull) -> list[int]:
        """Return how many events a drop can have between two sets of states."""
        return [
            d
            for d, step in enumerate(self._steps(j, before), start=1)
            if _any(_met(step, after))
        ]

    def undropped(self, j: int, hull: Hull) -> Hull:
        """Return the states before a drop from those after it."""
        hull = _levels(hull, self.low[j], self.high[j])
        above = self.high[j - 1] if j else 1.0
        found = self._none()
        for _ in range(self.n):
            hull = _levels(_undied(hull), 0.0, above)
            if not _any(hull):
                break
            found = _joined(found, hull)
            if self.within[j]:
                hull = _found(hull)
        return found

    def _steps(self, j: int, hull: Hull) -> list[Hull]:
        """Return the states after a drop of 1, 2, ... events."""
        steps = []
        for _ in range(self.n):
            hull = _levels(_died(hull), self.low[j], 1.0)
            if not _any(hull):
                break
            steps.append(_levels(hull, self.low[j], self.high[j]))
            if self.within[j]:
                hull = _lost(hull)
        return steps

    def _none(self) -> Hull:
        shape = (self.n + 1, self.width)
        return np.full(shape, np.inf), np.full(shape, -np.inf)


def _any(hull: Hull) -> bool:
    return bool((hull[0] <= hull[1]).any())


def _ends(possible: np.ndarray) -> tuple[int, int]:
    where = np.flatnonzero(possible)
    return int(where[0]), int(where[-1])


def _kept(low: Floats, high: Floats, keep: np.ndarray) -> Hull:
    return np.where(keep, low, np.inf), np.where(keep, high, -np.inf)


def _met(one: Hull, other: Hull) -> Hull:
    """Return what is in both, with slack."""
    low, high = np.maximum(one[0], other[0]), np.minimum(one[1], other[1])
    keep = low <= high + SLACK
    return _kept(np.minimum(low, high), np.maximum(low, high), keep)


def _joined(one: Hull, other: Hull) -> Hull:
    """Return intervals that hold both."""
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])


def _levels(hull: Hull, low: float, high: float) -> Hull:
    """Return what is left of the intervals between two levels."""
    keep = (hull[0] <= high + SLACK) & (hull[1] >= low - SLACK)
    return _kept(
        np.maximum(hull[0], low - SLACK), np.minimum(hull[1], high + SLACK), keep
    )


def _rows(hull: Hull, fewest: int, most: int) -> Hull:
    """Return only the states with so many at risk."""
    at_risk = np.arange(len(hull[0]))[:, None]
    return _kept(*hull, (at_risk >= fewest) & (at_risk <= most))


def _shifted(hull: Hull, marks: int) -> Hull:
    """Return the states with so many patients fewer."""
    if not marks:
        return hull
    low, high = (np.full_like(hull[0], np.inf), np.full_like(hull[1], -np.inf))
    for new, old in ((low, hull[0]), (high, hull[1])):
        if marks > 0:
            new[:-marks] = old[marks:]
        else:
            new[-marks:] = old[:marks]
    return low, high


def _lost(hull: Hull) -> Hull:
    """Return the states after any losses, which leave somebody."""
    low = np.minimum.accumulate(hull[0][:0:-1], axis=0)[::-1]
    high = np.maximum.accumulate(hull[1][:0:-1], axis=0)[::-1]
    return np.vstack([hull[0][:1], low]), np.vstack([hull[1][:1], high])


def _found(hull: Hull) -> Hull:
    """Return the states before any losses, which left somebody."""
    low = np.minimum.accumulate(hull[0][1:], axis=0)
    high = np.maximum.accumulate(hull[1][1:], axis=0)
    return np.vstack([hull[0][:1], low]), np.vstack([hull[1][:1], high])


def _died(hull: Hull) -> Hull:
    """Return the states after one event."""
    at_risk = np.arange(1, len(hull[0]))[:, None]
    low, high = np.full_like(hull[0], np.inf), np.full_like(hull[1], -np.inf)
    possible = hull[0][1:, :-1] <= hull[1][1:, :-1]
    share = (at_risk - 1) / at_risk
    low[:-1, 1:], high[:-1, 1:] = _kept(
        np.where(possible, hull[0][1:, :-1], 0) * share,
        np.where(possible, hull[1][1:, :-1], 0) * share,
        possible,
    )
    return low, high


def _undied(hull: Hull) -> Hull:
    """Return the states before one event."""
    at_risk = np.arange(1, len(hull[0]))[:, None]
    low, high = np.full_like(hull[0], np.inf), np.full_like(hull[1], -np.inf)
    possible = hull[0][:-1, 1:] <= hull[1][:-1, 1:]
    share = at_risk / np.maximum(at_risk - 1, 1)
    low[1:, :-1], high[1:, :-1] = _kept(
        np.where(possible, hull[0][:-1, 1:], 0) * share,
        np.minimum(np.where(possible, hull[1][:-1, 1:], 0) * share, 1 + SLACK),
        possible,
    )
    # The last of all: any curve falls to 0.
    last = possible[0] & (hull[0][0, 1:] <= SLACK)
    low[1, :-1], high[1, :-1] = _kept(np.zeros(last.size), np.ones(last.size), last)
    return low, high
