"""Guyot's reconstruction of patients from a curve: one data set, as a baseline.

Between two ticks of the risk table the censored are spread evenly; events follow from
the curve, one coordinate at a time; the number censored is corrected until the next
number at risk is met. After the last tick the rate of censoring is carried on, and
corrected by the total of events where one is printed. Written from the description in
the paper; it says nothing of how many other data sets the same print allows.

Source: Guyot, Ades, Ouwens and Welton, BMC Medical Research Methodology 2012;12:9.
"""

from __future__ import annotations

import numpy as np

from reanalysis.reconstruction.curve_members import Members
from reanalysis.reconstruction.digitised_curve import (
    DigitisedCurve,
    PrintedCounts,
    check_counts,
)
from reanalysis.survival.risk_sets import Floats, Ints

#: Corrections of the number censored between two ticks before it is left as it is.
MOST_CORRECTIONS = 200


def rebuild_once(curve: DigitisedCurve, counts: PrintedCounts) -> Members:
    """Return Guyot's data set as an ensemble of one member.

    It need not keep within the reading error nor meet the printed numbers; its
    ``survival`` says what curve it has. Raises :class:`MethodError` as
    :func:`reanalysis.reconstruction.digitised_curve.check_counts` does.
    """
    check_counts(curve, counts)
    ticks, at_risk = counts.tick_time, counts.at_risk.astype(np.int64)
    if not ticks.size or ticks[0] > 0:
        ticks, at_risk = np.append(0.0, ticks), np.append(counts.n, at_risk)
    inside = ticks <= curve.end
    ticks, at_risk = ticks[inside], at_risk[inside]
    # Coordinates: the start, then the drops; an interval owns those from its tick on.
    time = np.append(0.0, curve.time)
    survival = np.append(1.0, curve.survival)
    owner = np.searchsorted(ticks, time, side="right") - 1
    state = _State(time, survival, curve.end)
    total = 0
    for i in range(len(ticks)):
        mine = np.flatnonzero(owner == i)
        stop = ticks[i + 1] if i + 1 < len(ticks) else curve.end
        state.open(mine, int(at_risk[i]), ticks[i], stop)
        if i + 1 < len(ticks):
            ratio = curve.value(stop) / max(curve.value(ticks[i]), 1e-12)
            wanted = round(float(at_risk[i] * ratio - at_risk[i + 1]))
            for _ in range(MOST_CORRECTIONS):
                wanted = min(max(wanted, 0), int(at_risk[i]))
                left = state.fill(wanted)
                if left == at_risk[i + 1] or (wanted == 0 and left < at_risk[i + 1]):
                    break
                wanted += left - int(at_risk[i + 1])
            total += wanted
        else:
            _last(state, ticks, i, total, counts.events)
        state.close()
    return state.member(counts.n, curve)


def _last(
    state: _State, ticks: Floats, i: int, before: int, events: int | None
) -> None:
    """Fill the stretch after the last tick, where no number at risk bounds it."""
    wanted = 0
    length = state.stop - state.start
    if i and ticks[i] > 0:
        wanted = round(before * length / float(ticks[i]))
    wanted = min(wanted, state.n)
    state.fill(wanted)
    if events is None:
        return
    for _ in range(MOST_CORRECTIONS):
        excess = state.events_so_far + int(state.trial_events.sum()) - events
        if excess == 0 or (excess < 0 and wanted == 0):
            break
        wanted = min(max(wanted + excess, 0), state.n)
        state.fill(wanted)
        if wanted == state.n:
            break


class _State:
    """The data set while it is built, one stretch between ticks at a time."""

    def __init__(self, time: Floats, survival: Floats, end: float) -> None:
        self.time, self.survival, self.end = time, survival, end
        self.level, self.trial_level = 1.0, 1.0
        self.events_so_far = 0
        self.rows: list[tuple[float, int]] = []
        self.sequence: list[tuple[float, int, int, float]] = []

    def open(self, mine: Ints, n: int, start: float, stop: float) -> None:
        """Begin a stretch with the printed number at risk."""
        self.mine, self.n, self.start, self.stop = mine, n, start, stop

    def fill(self, censored: int) -> int:
        """Spread the censored, read the events; return who is left at the end."""
        share = (np.arange(censored) + 1) / (censored + 1)
        self.trial_censored = self.start + share * (self.stop - self.start)
        edges = np.append(self.time[self.mine], np.inf)
        lost = np.histogram(self.trial_censored, edges)[0]
        n, level = self.n - int((self.trial_censored < edges[0]).sum()), self.level
        events, at_risk, levels = [], [], []
        for k, many in zip(self.mine, lost, strict=True):
            died = 0
            if k and level > 0:
                died = round(n * (1 - float(self.survival[k]) / level))
            died = min(max(died, 0), max(n, 0))
            at_risk.append(n)
            if died:
                level *= 1 - died / n
            events.append(died)
            levels.append(level)
            n = max(n - died - int(many), 0)
        self.trial_events = np.array(events, dtype=np.int64)
        self.trial_at_risk, self.trial_levels = at_risk, levels
        self.trial_level = level
        return n

    def close(self) -> None:
        """Keep what was filled."""
        self.level = self.trial_level
        self.events_so_far += int(self.trial_events.sum())
        for k, d, n, level in zip(
            self.mine,
            self.trial_events,
            self.trial_at_risk,
            self.trial_levels,
            strict=True,
        ):
            self.rows += [(float(self.time[k]), 1)] * int(d)
            if k:
                self.sequence.append((float(self.time[k]), n, int(d), level))
        self.rows += [(float(when), 0) for when in self.trial_censored]

    def member(self, n: int, curve: DigitisedCurve) -> Members:
        """Return the data set; who is left is censored at the end of the curve."""
        rows = sorted(self.rows, key=lambda row: (row[0], -row[1]))[:n]
        rows += [(self.end, 0)] * (n - len(rows))
        drops = np.array(self.sequence, dtype=float).reshape(-1, 4)
        return Members(
            time=np.array([[when for when, _ in rows]]),
            event=np.array([[kind for _, kind in rows]], dtype=np.int64),
            drop_time=drops[None, :, 0],
            at_risk=drops[None, :, 1].astype(np.int64),
            events=drops[None, :, 2].astype(np.int64),
            survival=drops[None, :, 3],
            solutions=float("nan"),
            effective=1.0,
            messages=curve.messages,
        )
