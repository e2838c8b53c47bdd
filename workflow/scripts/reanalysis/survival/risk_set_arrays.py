"""Who is at risk when, in many small data sets at once.

What :mod:`reanalysis.survival.risk_sets` counts for one data set is counted here for
thousands of them, for ensembles, permutations and simulations. Shapes are (data sets,
patients), a time of nan is no patient. Nobody enters late, and an event comes before
a censoring at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reanalysis.data_set_arrays import Bools, blocks, coded, taken
from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, Ints

#: Times of a data set this close, relative to their mean, differ by rounding only.
TIMEFIX = 1.5e-8


@dataclass(frozen=True, slots=True, eq=False)
class FollowUpArrays:
    """Checked follow-up, shapes (data sets, patients) or (1, patients) if shared.

    ``time`` is -inf for whoever is absent: gone before the first event. ``group`` is
    None where nothing is compared, ``stratum`` where all are in one.
    """

    time: Floats
    event: Bools
    group: Bools | None = None
    stratum: Floats | None = None

    @property
    def sets(self) -> int:
        """Number of data sets."""
        parts = (self.time, self.event, self.group, self.stratum)
        return np.broadcast_shapes(*(x.shape for x in parts if x is not None))[0]

    @property
    def present(self) -> Bools:
        """Who is a patient of the data set."""
        return self.time > -np.inf

    def blocks(self) -> Iterator[FollowUpArrays]:
        """Yield the data sets in blocks, in their order; at least one block."""
        for rows in blocks(self.sets, self.time.shape[1]):
            yield FollowUpArrays(
                *(
                    x if x is None or (len(x) == 1 and self.sets != 1) else x[rows]
                    for x in (self.time, self.event, self.group, self.stratum)
                )
            )


def follow_up_arrays(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
) -> FollowUpArrays:
    """Check follow-up and bring it into one form.

    Shapes (data sets, patients), or (patients,) for what all data sets share. ``event``
    and ``group`` are 0/1 or booleans, ``stratum`` numbers. Where the time is nan the
    others are not read. Raises :class:`MethodError` for a patient without one of them,
    for an infinite time and for other codes.
    """
    time = np.atleast_2d(np.asarray(time, dtype=float))
    present = ~np.isnan(time)
    if np.isinf(time).any():
        raise MethodError("Times must be finite numbers.")
    event = coded(event, present, "event")
    if group is not None:
        group = coded(group, present, "group")
    if stratum is not None:
        stratum = np.atleast_2d(np.asarray(stratum, dtype=float))
        if (np.isnan(stratum) & present).any():
            raise MethodError("Each patient needs a stratum.")
        stratum = np.where(np.isnan(stratum), -np.inf, stratum)
    return FollowUpArrays(np.where(present, time, -np.inf), event, group, stratum)


@dataclass(frozen=True, slots=True, eq=False)
class RiskSetArrays:
    """Counts at the distinct times of many data sets, shapes (rows, patients).

    Patients stand in the order of stratum and time, which ``order`` gives; rows are
    the data sets, or one that all share. ``last`` marks the last place of each run of
    equal times, where ``at_risk`` and ``events`` tell how many are at risk at that
    time and have the event then; ``events`` is 0 at the other places. ``first`` is
    the place where the run begins, ``end`` the place after the stratum.
    """

    order: Ints
    time: Floats
    last: Bools
    at_risk: Ints
    events: Ints
    first: Ints
    end: Ints

    def counted(self, marked: Bools) -> tuple[Ints, Ints]:
        """Count who is marked among those at risk, and in the run, at each place.

        ``marked`` (data sets, patients) stands in the order of the data. The second
        is right at the last place of each run only.
        """
        upto = _running(taken(marked, self.order))
        before = taken(upto, self.first)
        return taken(upto, self.end) - before, upto[:, 1:] - before


def risk_set_arrays(rows: FollowUpArrays) -> RiskSetArrays:
    """Count those at risk and the events at each time of each data set.

    Times that differ by rounding only are made equal, as
    :func:`reanalysis.survival.risk_sets.unite` does for one data set.
    """
    parts = (x for x in (rows.time, rows.event, rows.stratum) if x is not None)
    time, event, *stratum = np.broadcast_arrays(*parts)
    size = time.shape[1]
    last = np.ones(time.shape, dtype=bool)
    if stratum:
        order = np.lexsort((time, stratum[0]), axis=1)
        time, codes = taken(time, order), taken(stratum[0], order)
        ends = np.ones(time.shape, dtype=bool)
        ends[:, :-1] = codes[:, 1:] != codes[:, :-1]
        last[:, :-1] = _apart(time) | ends[:, :-1]
        end = np.where(ends, np.arange(1, size + 1), size)
        end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1]
    else:
        order = np.argsort(time, axis=1)
        time = taken(time, order)
        last[:, :-1] = _apart(time)
        end = np.full((1, size), size)
    opens = np.ones(time.shape, dtype=bool)
    opens[:, 1:] = last[:, :-1]
    first = np.maximum.accumulate(np.where(opens, np.arange(size), 0), axis=1)
    upto = _running(taken(event, order))
    events = np.where(last, upto[:, 1:] - taken(upto, first), 0)
    return RiskSetArrays(order, time, last, end - first, events, first, end)


def _apart(time: Floats) -> Bools:
    """Tell which sorted times (rows, patients) are equal to the next but for rounding.

    Shapes (rows, patients - 1), true where they are not.
    """
    size = np.abs(time)
    count = max(1, size.shape[1])
    there = np.isfinite(size)
    if not there.all():
        count = np.maximum(there.sum(axis=1), 1)
        size = np.where(there, size, 0.0)
    tolerance = TIMEFIX * np.maximum(1.0, size.sum(axis=1) / count)
    with np.errstate(invalid="ignore"):
        # Absent patients, -inf less -inf, are one run.
        return time[:, 1:] - time[:, :-1] > tolerance[:, None]


def _running(marked: Bools) -> Ints:
    """Count the marks before each place, and last all: (rows, patients + 1)."""
    upto = np.zeros((len(marked), marked.shape[1] + 1), dtype=np.int64)
    np.cumsum(marked, axis=1, out=upto[:, 1:])
    return upto
