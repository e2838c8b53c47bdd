"""Survival curves read off a figure: repaired where the reading error explains it.

A reading is a list of clicks on the printed steps of one arm. What comes out is a
staircase: the times of the drops, the level after each, and the end of the line.
Everything that was changed is said in a message; what an error of the stated size
cannot explain is refused. No drop is added or taken away to suit a method.

Own code: digitising programs hand over clicks as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, Ints

#: Errors that are called normal have this many standard deviations in ``error``.
DEVIATIONS = 3.0
#: Readings of one level beyond these add no precision: they share their errors.
MOST_READINGS = 4
#: How many repeated clicks the stated error is worth when a spread is learned.
STATED_WORTH = 8
#: Least and most that clicks can make of the standard deviation stated: what all
#: clicks at one place share does not show in their scatter.
LEAST_SPREAD, MOST_SPREAD = 0.5, 1.5
#: Relative slack for numbers that went through text or a unit.
SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class DigitisedCurve:
    """A survival curve of one arm as read from a figure; see :func:`read_curve`.

    ``time`` (drops,): when the curve drops, not falling
    (strictly increasing without an error of the times). ``survival`` (drops,): its
    level after each drop; before the first it is 1. ``readings`` (drops,) and
    ``time_readings`` (drops,): how many clicks a level and a time are the mean of.
    ``end``: where the line ends, which is the time of the last patient (a line drawn
    on at 0 is nobody's). ``error``
    and ``time_error``: the largest error of a level and of a time; ``rounded`` says
    that levels are rounded numbers (any error inside is as likely), else errors are
    normal. ``scatter`` and ``time_scatter``: sums of squares of repeated clicks about
    their level or time, and how many of them were free to vary. ``grid``: the unit in
    which times were recorded, None if they are continuous.
    """

    time: Floats
    survival: Floats
    readings: Ints
    time_readings: Ints
    end: float
    error: float
    time_error: float = 0.0
    rounded: bool = False
    grid: float | None = None
    messages: tuple[str, ...] = ()
    scatter: tuple[float, int] = (0.0, 0)
    time_scatter: tuple[float, int] = (0.0, 0)

    @property
    def spread(self) -> float:
        """Standard deviation of one reading of a level."""
        return _spread(self.error, *self.scatter)

    @property
    def time_spread(self) -> float:
        """Standard deviation of one reading of a time."""
        return _spread(self.time_error, *self.time_scatter)

    def value(self, times: ArrayLike) -> Floats:
        """Return the level at each time, carried forward beyond the end."""
        step = np.searchsorted(self.time, np.asarray(times, dtype=float), side="right")
        return np.append(1.0, self.survival)[step]


@dataclass(frozen=True, slots=True, eq=False)
class PrintedCounts:
    """What a paper prints about one arm beside its curve; None where it does not.

    ``at_risk`` (ticks,) counts those whose time is at or after ``tick_time``
    (ticks,). ``marks`` (marks,): times of all censoring marks.
    """

    n: int
    tick_time: Floats = field(default_factory=lambda: np.empty(0))
    at_risk: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    events: int | None = None
    marks: Floats | None = None


def read_curve(
    time: ArrayLike,
    value: ArrayLike,
    *,
    error: float,
    time_error: float = 0.0,
    n: int | None = None,
    percent: bool | None = None,
    incidence: bool | None = None,
    rounded: bool = False,
    grid: float | None = None,
) -> DigitisedCurve:
    """Repair the clicks of one arm and return its staircase.

    ``time`` and ``value`` (clicks,) in any order; ``error`` is the largest error of
    a value, in the unit of the values, ``time_error`` that of a time. ``percent``
    and ``incidence`` (a curve that climbs from 0) are told from the numbers when
    they are None. ``n`` separates noise from a death: with n patients no drop of a
    survival curve is smaller than 1/n, whoever is censored.

    Raises :class:`MethodError` for clicks that no curve within the errors can have:
    missing or negative numbers, values outside 0 to 1, a curve that rises, drops that
    are too small and thus too many for n; and for errors as large as the curve.
    """
    t, s = (np.asarray(v, dtype=float).ravel() for v in (time, value))
    messages: list[str] = []
    if t.size != s.size or t.size == 0:
        raise MethodError("A curve needs as many times as values, and at least one.")
    if not (np.isfinite(t).all() and np.isfinite(s).all()):
        raise MethodError("A coordinate of the curve is not a number.")
    if not (error > 0 and time_error >= 0) or (grid is not None and grid <= 0):
        raise MethodError("The reading errors of a curve must be positive numbers.")
    if 2 * time_error >= t.max() > 0:
        raise MethodError(
            f"A reading error of {time_error:g} tells no times apart on a curve that "
            f"ends at {t.max():g}."
        )
    ends = [int(t.argmin()), int(t.argmax())]
    s, error, climbs = _survival(s, ends, error, percent, incidence, messages)
    t, s = _ordered(t, s, error, time_error, messages, climbs=climbs)
    if grid is not None:
        t = _snapped(t, grid, time_error, messages)
    # Between no death and one; finer than the errors nothing can be told, and what
    # is more than two errors apart are two levels, whatever n is said to be.
    threshold = max(error, min(0.5 / n, 2 * error)) if n else 1.5 * error
    if n and 1 / n < 2 * error:
        messages.append(
            f"One of {n} patients is less than the reading error can show: deaths "
            "that follow closely are read as one drop."
        )
    smallest = _smallest_drop(n, error) if n else 0.0
    curve = _staircase(t, s, error, threshold, time_error, smallest, messages)
    if n:
        curve = _of_patients(curve, n, error, messages)
    return replace(
        curve,
        error=error,
        time_error=time_error,
        rounded=rounded,
        grid=grid,
        messages=tuple(messages),
    )


def _spread(error: float, squares: float, free: int) -> float:
    """Return the standard deviation of a reading: as stated, corrected by repeats."""
    stated = error / DEVIATIONS
    learned = (STATED_WORTH * stated**2 + squares) / (STATED_WORTH + free)
    return float(np.clip(learned**0.5, LEAST_SPREAD * stated, MOST_SPREAD * stated))


def _survival(
    s: Floats,
    ends: list[int],
    error: float,
    percent: bool | None,
    incidence: bool | None,
    messages: list[str],
) -> tuple[Floats, float, bool]:
    """Return proportions surviving, the error on that scale, and if they were 1 minus.

    ``ends``: which click is the earliest and which the latest.
    """
    if percent is None:
        percent = bool(s.max() > 1 + max(error, 0.5))
        if percent:
            messages.append("Values above 1 were taken as per cent.")
    if percent:
        s, error = s / 100, error / 100
    if not error < 0.5:
        raise MethodError(
            f"A reading error of {error:g} on a scale from 0 to 1 leaves nothing to "
            "read. Values in per cent need to be called so."
        )
    slack = error * (1 + SLACK)
    if s.min() < -slack or s.max() > 1 + slack:
        worst = s.min() if s.min() < -slack else s.max()
        raise MethodError(
            f"A value of {worst:g} is no proportion, and further outside 0 to 1 than "
            f"the reading error of {error:g}."
        )
    if s.min() < 0 or s.max() > 1:
        messages.append("Values just outside 0 to 1 were moved to the limit.")
        s = s.clip(0, 1)
    if incidence is None:
        first, last = s[ends]
        incidence = bool(first <= 0.5 and last > first + 2 * error)
        if incidence:
            messages.append(
                "The values climb: they were taken as cumulative incidence, and "
                "survival as 1 minus them."
            )
    return (1 - s if incidence else s), error, bool(incidence)


def _ordered(
    t: Floats,
    s: Floats,
    error: float,
    time_error: float,
    messages: list[str],
    *,
    climbs: bool,
) -> tuple[Floats, Floats]:
    """Return the clicks in the order of a falling curve.

    ``climbs``: the curve was read as cumulative incidence, and is refused in its words.
    """
    if t.min() < -time_error:
        raise MethodError(f"The curve has a negative time ({t.min():g}).")
    if t.min() < 0:
        messages.append("Times just before 0 were moved to 0.")
        t = t.clip(0)
    if (np.diff(t) < 0).any():
        messages.append("Coordinates were sorted by time.")
    order = np.lexsort((-s, t))
    t, s = t[order], s[order]
    t, s = t.tolist(), s.tolist()
    crossed = 0
    for i in range(1, len(t)):
        # The corner above a drop was clicked a trace to the right of that below.
        # Where times cannot order two clicks, their values do.
        j = i
        while j and s[j] > s[j - 1] and t[i] - t[j - 1] <= 2 * time_error * (1 + SLACK):
            s[j - 1], s[j] = s[j], s[j - 1]
            j -= 1
        crossed += s[i] < s[j] - 2 * error
    if crossed:
        messages.append(
            "Coordinates at a drop that stood in the wrong order, within the error of "
            f"the times, were swapped ({crossed})."
        )
    t, s = np.array(t), np.array(s)
    lowest = np.minimum.accumulate(s)
    rise = s - lowest
    if rise.max() > 2 * error * (1 + SLACK):
        i = int(rise.argmax())
        j = int(s[: i + 1].argmin())
        low, high, turns = s[j], s[i], "curve rises"
        if climbs:
            low, high, turns = 1 - low, 1 - high, "cumulative incidence falls"
        raise MethodError(
            f"The {turns} from {low:.4g} at {t[j]:g} to {high:.4g} at {t[i]:g}, "
            f"more than reading errors of {error:g} explain."
        )
    if rise.max() > 0:
        messages.append(
            "Coordinates above an earlier one, within the reading error, were averaged "
            f"with their level ({np.count_nonzero(rise > 0)})."
        )
    return t, s


def _snapped(t: Floats, grid: float, time_error: float, messages: list[str]) -> Floats:
    """Return the times moved to whole multiples of the unit they were recorded in."""
    whole = np.round(t / grid) * grid
    away = np.abs(whole - t)
    worst = int(away.argmax())
    if away[worst] > time_error + SLACK * max(1.0, t[worst]):
        raise MethodError(
            f"The time {t[worst]:g} is further from a multiple of {grid:g} than the "
            f"reading error of {time_error:g}."
        )
    if away.max() > SLACK * max(1.0, t.max()):
        messages.append(f"Times were moved to multiples of {grid:g}.")
    return whole


@dataclass(slots=True)
class _Level:
    """Clicks on one level: mean, highest, number, first and last time, squares."""

    mean: float
    top: float
    clicks: int
    first: float
    last: float
    squares: float = 0.0


def _levels(t: Floats, s: Floats, error: float, threshold: float) -> list[_Level]:
    """Collect clicks in the order of the curve into levels ``threshold`` apart.

    Two clicks further apart than both their errors are never on one level.
    """
    # The first is known without a reading.
    levels = [_Level(1.0, 1.0, 0, 0.0, 0.0)]
    spread = 2 * error * (1 + SLACK)
    for when, height in zip(t.tolist(), s.tolist(), strict=True):
        now = levels[-1]
        if now.mean - height > threshold or now.top - height > spread:
            levels.append(_Level(height, height, 1, when, when))
            continue
        now.top = max(now.top, height)
        now.clicks, now.last = now.clicks + 1, when
        before = now.mean
        if len(levels) > 1:
            now.mean += (height - before) / now.clicks
        now.squares += (height - before) * (height - now.mean)
    return levels


def _corners(t: Floats, s: Floats, error: float, least: float) -> list[_Level]:
    """Return the levels of clicks at every corner: the ends of each step in turn.

    Empty where the clicks are not that, or drops are not ``least``. Two clicks known
    to be of one level tell it from the next more surely than their heights alone.
    """
    if t.size % 2:
        return []
    first, last = s[0::2], s[1::2]
    means = np.append(1.0, (first + last)[1:] / 2)
    if (np.abs(first - last) > 2 * error * (1 + SLACK)).any():
        return []
    if abs(s[0] - 1) > 2 * error or (np.diff(means) > -least).any():
        return []
    centre = np.where(np.arange(means.size) == 0, 1.0, means)
    squares = (first - centre) ** 2 + (last - centre) ** 2
    return [
        _Level(mean, top, 2, begun, ended, square)
        for mean, top, begun, ended, square in zip(
            means.tolist(),
            np.maximum(first, last).tolist(),
            t[0::2].tolist(),
            t[1::2].tolist(),
            squares.tolist(),
            strict=True,
        )
    ]


def _staircase(
    t: Floats,
    s: Floats,
    error: float,
    threshold: float,
    time_error: float,
    smallest: float,
    messages: list[str],
) -> DigitisedCurve:
    """Collect clicks into levels that are ``threshold`` apart, and time the drops.

    ``smallest``: the smallest drop that the number of patients allows.
    """
    levels = _corners(t, s, error, max(threshold / 2, smallest))
    levels = levels or _levels(t, s, error, threshold)
    # Whoever clicks at both corners of a step may hit one pixel twice; otherwise
    # a coordinate that is repeated is one.
    corners = 2 * sum(level.last > level.first for level in levels) >= len(levels)
    again = np.append(False, (np.diff(t) == 0) & (np.diff(s) == 0))
    if again.any() and not corners:
        messages.append(f"Coordinates that stood there twice: {again.sum()}.")
        levels = _levels(t[~again], s[~again], error, threshold)
    passed, apart = 0, []
    kept, drops = levels[:1], []
    for i, level in enumerate(levels[1:], start=1):
        below = levels[i + 1] if i + 1 < len(levels) else None
        above = kept[-1]
        if below and level.clicks == 1:
            # On the way down a vertical line: never a level for any time. Where times
            # cannot tell, it is one if it is too near to another to be a level.
            lasted = below.first - level.first
            near = min(above.mean - level.mean, level.mean - below.mean) < smallest
            if not lasted or (near and lasted <= 2 * time_error * (1 + SLACK)):
                passed += 1
                continue
        when, many = level.first, 1
        seen = above.clicks > 1 if corners else above.last > above.first
        if seen and level.first - above.last <= 2 * time_error * (1 + SLACK):
            when, many = (level.first + above.last) / 2, 2
            apart.append(level.first - above.last)
        if drops and when <= drops[-1][0]:
            if not time_error:
                # Two drops at a time that cannot be told apart are one.
                passed += 1
                kept[-1] = level
                continue
            when = drops[-1][0]
        kept.append(level)
        drops.append((when, many))
    if passed:
        messages.append(
            f"Levels that lasted for no time were taken as part of a drop ({passed})."
        )
    readings = np.array([level.clicks for level in kept[1:]], dtype=np.int64)
    return DigitisedCurve(
        time=np.array([when for when, _ in drops]),
        survival=np.array([level.mean for level in kept[1:]]),
        readings=readings.clip(1, MOST_READINGS),
        time_readings=np.array([many for _, many in drops], dtype=np.int64),
        end=float(max(t.max(), drops[-1][0] if drops else 0.0)),
        error=threshold,
        # The first level is known: a click at it may be typed, not read.
        scatter=(
            sum(level.squares for level in kept[1:]),
            sum(level.clicks - 1 for level in kept[1:]),
        ),
        time_scatter=(sum(a * a for a in apart) / 2, len(apart)),
    )


def _of_patients(
    curve: DigitisedCurve, n: int, error: float, messages: list[str]
) -> DigitisedCurve:
    """Return the curve of ``n`` patients, ended where nobody is left."""
    _refuse_drops(curve, n, error)
    if not curve.time.size:
        return curve
    if curve.time[0] == 0:
        messages.append(
            f"The curve stands at {curve.survival[0]:.3g} at time 0: this was taken as "
            "events at time 0. Is the axis read rightly?"
        )
    # Whoever is left has a share of 1/n or more of the curve.
    if curve.survival[-1] + error < 1 / n and curve.end > curve.time[-1]:
        messages.append(
            f"The line goes on at 0 from {curve.time[-1]:g} to {curve.end:g}, where "
            "nobody is left: the curve was ended at its last drop."
        )
        return replace(curve, end=float(curve.time[-1]))
    return curve


def _smallest_drop(n: int, error: float) -> float:
    """Return the smallest drop of ``n`` patients as it can be read, from two levels."""
    return 1 / n - 2 * error * (1 + SLACK)


def _refuse_drops(curve: DigitisedCurve, n: int, error: float) -> None:
    """Refuse more drops than ``n`` patients can make, and smaller ones."""
    if curve.time.size > n:
        raise MethodError(
            f"The curve has {curve.time.size} drops, more than its {n} patients."
        )
    drops = -np.diff(curve.survival, prepend=1.0)
    small = drops < _smallest_drop(n, error)
    if small.any():
        i = int(small.argmax())
        raise MethodError(
            f"The curve drops by {drops[i]:.3g} at {curve.time[i]:g}, one of its "
            f"{drops.size} drops. One of {n} patients is at least {1 / n:.3g}, and a "
            f"reading error of {error:g} does not explain that: n is too small for "
            "this curve."
        )


def check_counts(curve: DigitisedCurve, counts: PrintedCounts) -> None:
    """Refuse printed numbers that plainly do not belong to this curve.

    Raises :class:`MethodError`. What only a search can find is left to
    :func:`reanalysis.reconstruction.curve_members.rebuild`.
    """
    n, drops = counts.n, curve.time.size
    ticks, at_risk = counts.tick_time, counts.at_risk
    if not curve.end > 0:
        raise MethodError("The curve ends at time 0.")
    if n < 1:
        raise MethodError("A curve needs at least one patient.")
    _refuse_drops(curve, n, curve.error)
    if counts.events is not None and not drops <= counts.events <= n:
        few = counts.events < drops
        raise MethodError(
            f"The printed {counts.events} events are "
            + (f"fewer than the curve's {drops} drops." if few else f"more than {n}.")
        )
    if ticks.size != at_risk.size or (np.diff(ticks) <= 0).any():
        raise MethodError("Numbers at risk need one increasing time each.")
    if (ticks < 0).any():
        raise MethodError(f"A number at risk has a negative time ({ticks.min():g}).")
    if (np.diff(at_risk) > 0).any() or (at_risk < 0).any() or (at_risk > n).any():
        raise MethodError("The numbers at risk must fall from n and not below 0.")
    if ticks.size and ticks[0] == 0 and at_risk[0] != n:
        raise MethodError(f"The risk table begins with {at_risk[0]}, and n is {n}.")
    late = (ticks > curve.end + curve.time_error) & (at_risk > 0)
    if late.any():
        i = int(late.argmax())
        raise MethodError(
            f"The risk table is longer than the curve: {at_risk[i]} at risk at "
            f"{ticks[i]:g}, and the curve ends at {curve.end:g}."
        )
    somebody = not drops or curve.survival[-1] + curve.error >= 1 / n
    early = (ticks < curve.end - curve.time_error) & (at_risk == 0)
    if somebody and early.any():
        raise MethodError(
            f"Nobody is at risk at {ticks[early][0]:g}, and the curve goes on to "
            f"{curve.end:g}."
        )
    if counts.marks is not None and counts.marks.size:
        _check_marks(curve, counts)


def _check_marks(curve: DigitisedCurve, counts: PrintedCounts) -> None:
    marks, n = counts.marks, counts.n
    dead = max(curve.time.size, counts.events or 0)
    if marks.size + dead > n:
        raise MethodError(
            f"There are {marks.size} censoring marks and {dead} events or more, which "
            f"is more than {n} patients."
        )
    reach = curve.end + 2 * curve.time_error
    if marks.min() < 0 or marks.max() > reach + SLACK * max(1.0, reach):
        worst = marks.min() if marks.min() < 0 else marks.max()
        raise MethodError(
            f"The censoring mark at {worst:g} is not on the curve, which ends at "
            f"{curve.end:g}."
        )
