"""What a curve and its printed counts leave open: nodes, and bounds of whole numbers.

The moments that matter (drops, ticks of the risk table, the end) in their order, with
the least and most patients at risk and events that any list of patients can have there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.reconstruction.digitised_curve import (
    DigitisedCurve,
    PrintedCounts,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Stretches of follow-up in which the hazard of censoring is constant.
SEGMENTS = 12
#: Limits of the weight of one more event at the same drop.
FEWEST_TIES, MOST_TIES = 0.02, 0.5
#: Most patients censored between a tick and a drop that is read to be at it.
MOST_BETWEEN = 2


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A moment of the path: a drop, a tick, a change of the hazard, or the end.

    ``gap`` is the time since the node before; ``marks`` the censoring marks in it, None
    where they are not printed, ``loose`` those that are read to be at a drop on either
    side of it: each of the two gaps may have them. ``drop`` numbers the drop, -1 if it
    is none. ``at_risk`` is the number printed at ``tick``, -1 if none: at a drop that
    the times cannot tell from a tick it may count before the drop or after it, unless
    ``side`` says that it comes before (-1) or after (1) the first event of the drop.
    """

    time: float
    gap: float
    marks: tuple[float, ...] | None
    loose: tuple[float, ...] = ()
    drop: int = -1
    at_risk: int = -1
    tick: float = math.nan
    side: int = 0
    change: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One arm as nodes, with bounds that any path keeps.

    ``low`` and ``high`` (nodes,): numbers at risk just before each node; ``fewest`` and
    ``most`` (drops,): events at a drop. ``spare`` is how many events the printed total
    leaves beyond the fewest, -1 where no total is printed.
    """

    curve: DigitisedCurve
    n: int
    nodes: tuple[Node, ...]
    low: Ints
    high: Ints
    fewest: Ints
    most: Ints
    spare: int

    @property
    def tolerance(self) -> float:
        """How far the rebuilt curve may be from a level, with slack for rounding."""
        return self.curve.error * (1 + 1e-9) + 1e-12

    @property
    def tie(self) -> float:
        """Weight of one more event at the same drop."""
        known_to = self.curve.grid or self.curve.time_error / 2
        if not self.curve.end > 0:
            return MOST_TIES
        near = self.curve.time.size * known_to / self.curve.end
        return min(max(near, FEWEST_TIES), MOST_TIES)

    def left(self, i: int) -> tuple[int, int]:
        """Return the fewest and most at risk just after a node."""
        low, high = int(self.low[i]), int(self.high[i])
        j = self.nodes[i].drop
        if j < 0:
            return low, high
        return max(low - int(self.most[j]), 0), high - int(self.fewest[j])

    def likelihood(self, drop: int, away: Floats) -> Floats:
        """Return the likelihood of a reading when the curve is ``away`` from it."""
        if self.curve.rounded:
            return np.ones_like(away)
        away = away / self.curve.spread
        return np.exp(-0.5 * self.curve.readings[drop] * away**2)


def near_drops(curve: DigitisedCurve, tick: float) -> list[int]:
    """Return the drops that times cannot tell from a tick, the nearest first."""
    # Times on a grid are exact, and an event at the tick is counted at it.
    if curve.grid is not None or not curve.time_error:
        return []
    away = np.abs(curve.time - tick)
    order = np.argsort(away, kind="stable")
    return [int(j) for j in order if away[j] <= curve.time_error]


def pose(
    curve: DigitisedCurve,
    counts: PrintedCounts,
    around: dict[float, tuple[int, int]] | None = None,
) -> Problem:
    """Return the nodes and bounds of one arm.

    ``around`` says for a tick of the risk table at which drop it lies, where not the
    nearest, and on which ``side`` of it.

    Raises :class:`MethodError` when the bounds leave no number for a node.
    """
    events: list[tuple[float, int, Node]] = []
    ticks = [
        (float(t), int(k))
        for t, k in zip(counts.tick_time, counts.at_risk, strict=True)
        # Nobody at risk beyond the last patient says nothing that the curve does not.
        if t <= curve.end + curve.time_error
        and (k > 0 or t < curve.end - curve.time_error)
    ]
    at_tick: dict[int, tuple[float, int, int]] = {}
    for tick in list(ticks):
        near = near_drops(curve, tick[0])
        j, side = (around or {}).get(tick[0], (near[0] if near else -1, 0))
        if j >= 0 and j not in at_tick:
            at_tick[j] = (*tick, side)
            ticks.remove(tick)
    for j, when in enumerate(curve.time.tolist()):
        tick, number, side = at_tick.get(j, (math.nan, -1, 0))
        node = Node(when, 0.0, None, drop=j, at_risk=number, tick=tick, side=side)
        events.append((when, 2, node))
    for tick, number in ticks:
        when = min(tick, curve.end)
        events.append((when, 1, Node(when, 0.0, None, at_risk=number, tick=tick)))
    if counts.marks is None:
        for k in range(1, SEGMENTS):
            when = curve.end * k / SEGMENTS
            events.append((when, 0, Node(when, 0.0, None, change=True)))
    events.append((curve.end, 3, Node(curve.end, 0.0, None)))
    events.sort(key=lambda e: e[:2])
    nodes, before = [], 0.0
    marks = None if counts.marks is None else np.sort(counts.marks)
    reach = curve.time_error if curve.grid is None else 0.0
    if marks is not None:
        apart = np.abs(marks[:, None] - np.append(curve.time, -np.inf)).min(axis=1)
        at_drop = (apart <= reach) & (reach > 0)
    for i, (when, _, node) in enumerate(events):
        inside, loose = None, ()
        if marks is not None:
            # Marks at the end are those who are left, not censored before it.
            right = curve.end if i + 1 == len(events) else when
            slack = 0.0 if i + 1 < len(events) else curve.time_error
            between = (marks >= before) & (marks < right - slack)
            inside = tuple(marks[between & ~at_drop].tolist())
            # With a mark at a drop the gaps on both sides may have it.
            near = (marks >= before - reach) & (marks < right + reach - slack)
            loose = tuple(marks[near & at_drop].tolist())
        nodes.append(replace(node, gap=when - before, marks=inside, loose=loose))
        before = when
    return _bounded(curve, counts, tuple(nodes))


def _bounded(
    curve: DigitisedCurve, counts: PrintedCounts, nodes: tuple[Node, ...]
) -> Problem:
    """Narrow the numbers at risk and events by what any path must keep."""
    drops, error = curve.time.size, curve.error
    above = np.append(1.0, curve.survival)[:drops]
    # The share that dies at a drop, at its least and most.
    least = 1 - (curve.survival + error) / np.maximum(
        above - error * (above < 1), 1e-12
    )
    largest = 1 - np.maximum(curve.survival - error, 0) / np.minimum(above + error, 1)
    low = np.zeros(len(nodes), dtype=np.int64)
    high = np.full(len(nodes), counts.n, dtype=np.int64)
    fewest = np.ones(drops, dtype=np.int64)
    most = np.full(drops, counts.n, dtype=np.int64)
    ends_at_zero = curve.survival.size and curve.survival[-1] <= error * (1 + 1e-9)
    for _ in range(3):
        top = counts.n
        for i, node in enumerate(nodes):
            if i:
                previous = nodes[i - 1]
                top = int(high[i - 1])
                if previous.drop >= 0:
                    top -= int(fewest[previous.drop])
            top -= len(node.marks or ())
            high[i] = min(high[i], top)
            if node.at_risk >= 0:
                room = int(most[node.drop]) + MOST_BETWEEN if node.drop >= 0 else 0
                high[i] = min(high[i], node.at_risk + room)
                if node.drop < 0:
                    low[i] = max(low[i], node.at_risk)
            if node.drop >= 0:
                j = node.drop
                # With censoring, n at risk never exceeds n x S before the drop.
                share = min(1.0, above[j] + (error if j else 0.0))
                high[i] = min(high[i], math.floor(counts.n * share + 1e-9))
                most[j] = min(most[j], math.floor(largest[j] * high[i] + 1e-9), high[i])
                fewest[j] = max(fewest[j], math.ceil(least[j] * low[i] - 1e-9))
        need = 0 if ends_at_zero else 1
        for i in range(len(nodes) - 1, -1, -1):
            node = nodes[i]
            if node.drop >= 0:
                need = max(int(low[i]), need + int(fewest[node.drop]))
            low[i] = need = max(int(low[i]), need)
            need += len(node.marks or ())
    spare = -1
    if counts.events is not None:
        spare = counts.events - int(fewest.sum())
        most = np.minimum(most, fewest + max(spare, 0))
    if (low > high).any() or (fewest > most).any():
        raise MethodError(
            "No whole numbers of patients give these drops with the printed counts."
        )
    if counts.events is not None and spare < 0:
        raise MethodError(
            f"The drops need at least {int(fewest.sum())} events, "
            f"{counts.events} are printed."
        )
    return Problem(curve, counts.n, nodes, low, high, fewest, most, spare)
