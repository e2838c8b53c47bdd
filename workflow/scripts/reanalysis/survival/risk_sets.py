"""Who is at risk when: follow-up read from rows, and its counts at each time.

Someone is at risk at t when ``start < t <= stop``: an event comes before a
censoring at the same time, and a late entrant counts only after the entry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.sample import Sample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """Follow-up of persons, one row each or one row per interval, shapes (rows,).

    ``start`` is None when everybody is followed from time 0; ``person`` numbers
    the persons when several rows may belong to one, else it is None.
    """

    stop: Floats
    event: NDArray[np.bool_]
    start: Floats | None = None
    person: Ints | None = None

    def __getitem__(self, rows: NDArray[np.bool_]) -> FollowUp:
        """Return the rows where the mask is true."""
        return FollowUp(
            self.stop[rows],
            self.event[rows],
            None if self.start is None else self.start[rows],
            None if self.person is None else self.person[rows],
        )

    @property
    def n(self) -> int:
        """Number of persons."""
        rows = self.stop if self.person is None else np.unique(self.person)
        return rows.size

    @property
    def events(self) -> int:
        """Number of events."""
        return int(np.count_nonzero(self.event))

    @property
    def person_time(self) -> float:
        """Time at risk of all persons together."""
        return float(self.stop.sum() - (0 if self.start is None else self.start.sum()))

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Rows that end without an event and are not continued by a further row."""
        if self.start is None or self.person is None:
            return ~self.event
        begun = set(zip(self.person.tolist(), self.start.tolist(), strict=True))
        ends = zip(self.person.tolist(), self.stop.tolist(), strict=True)
        return ~self.event & ~np.fromiter((end in begun for end in ends), bool)

    @property
    def late_entry(self) -> bool:
        """Whether somebody enters after the first, and not to continue a row."""
        if self.start is None or not self.start.size:
            return False
        later = self.start > self.start.min()
        if self.person is None:
            return bool(later.any())
        ends = set(zip(self.person.tolist(), self.stop.tolist(), strict=True))
        begun = zip(
            self.person[later].tolist(), self.start[later].tolist(), strict=True
        )
        return any(start not in ends for start in begun)

    def at_risk(self, times: Floats) -> Ints:
        """Count those at risk at each time, shape (times,).

        At the earliest entry (or time 0 without entries) those who enter count.
        """
        # A printed 0.3 must find the row whose time was computed as 0.1 + 0.2.
        at = np.asarray(times, dtype=float) * (1 - 1e-9)
        ended = np.searchsorted(np.sort(self.stop), at)
        if self.start is None or not self.start.size:
            return self.stop.size - ended
        start = np.sort(self.start)
        opening = np.searchsorted(start, start[0], side="right")
        begun = np.maximum(np.searchsorted(start, at), opening)
        return np.where(np.asarray(times) < start[0], 0, begun - ended)


@dataclass(frozen=True, slots=True, eq=False)
class RiskTable:
    """Counts by stratum, time and group: shapes (strata, times, groups)."""

    times: Floats
    at_risk: Ints
    events: Ints


def follow_up(sample: Sample) -> FollowUp:
    """Read the follow-up of a sample's rows.

    Roles: ``time`` or ``stop``, ``event``, and ``start`` for late entry or several
    intervals per person (``id`` tells whose). Raises :class:`MethodError` when a
    role is missing or an interval ends before it starts.
    """
    rows = sample.rows
    end = "stop" if sample.has("stop") else "time"
    if sample.kind == "summary" or not sample.has(end, "event"):
        raise MethodError("Survival needs the time and the event of each patient.")
    stop = rows[end].to_numpy(dtype=float)
    event = rows["event"].to_numpy(dtype=float) == 1
    if not sample.has("start"):
        return FollowUp(unite(stop), event)
    start = rows["start"].to_numpy(dtype=float)
    start, stop = np.split(unite(np.concatenate([start, stop])), 2)
    if not (start < stop).all():
        raise MethodError("An interval of follow-up ends before it starts.")
    person = pd.factorize(rows["id"])[0] if sample.has("id") else None
    return FollowUp(stop, event, start, person)


def group_codes(sample: Sample) -> Ints:
    """Number each row's group in the order of ``sample.groups``; -1 is none of them."""
    if not sample.groups or not sample.has("group"):
        return np.full(len(sample.rows), -1)
    return pd.Index(sample.groups).get_indexer(sample.rows["group"])


def unite(times: Floats) -> Floats:
    """Make times equal that differ by rounding only.

    Differences and unit conversions in floating point may part times that are
    tied; the tolerance is that of R's survival package (``timefix``).
    """
    values, place = np.unique(times, return_inverse=True)
    tolerance = 1.5e-8 * max(1.0, float(np.abs(values).mean())) if values.size else 0
    first = np.diff(values, prepend=-np.inf) > tolerance
    return times if first.all() else values[first][np.cumsum(first) - 1][place]


def risk_table(
    rows: FollowUp,
    times: Floats,
    group: Ints | None = None,
    stratum: Ints | None = None,
    groups: int = 1,
) -> RiskTable:
    """Count those at risk and the events at ascending ``times``.

    ``group`` and ``stratum`` number the rows from 0, shapes (rows,); left out, all
    rows are in one. ``groups`` is their number when the last may be empty. Events at
    other times are not counted.
    """
    group = np.zeros(rows.stop.size, dtype=int) if group is None else group
    stratum = np.zeros(rows.stop.size, dtype=int) if stratum is None else stratum
    shape = (
        int(stratum.max(initial=0)) + 1,
        len(times) + 1,
        max(groups, int(group.max(initial=0)) + 1),
    )

    def count(moments: Floats, which: NDArray[np.bool_] | slice) -> Ints:
        # Slot j holds the moments from times[j - 1] up to, not at, times[j].
        slot = np.searchsorted(times, moments[which], side="right")
        cell = np.ravel_multi_index((stratum[which], slot, group[which]), shape)
        return np.bincount(cell, minlength=np.prod(shape)).reshape(shape)

    leaving = count(rows.stop, slice(None))
    if rows.start is not None:
        leaving = leaving - count(rows.start, slice(None))
    at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
    events = count(rows.stop, rows.event & np.isin(rows.stop, times))
    return RiskTable(times, at_risk[:, 1:], events[:, 1:])
