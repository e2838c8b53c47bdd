"""The mean cumulative function: how many events a patient has had, on average.

Own code: no library at hand has it with the variance that lets the events of one
patient depend on each other. The estimate is that of Nelson (Recurrent Events Data
Analysis, 2003); its robust variance that of Lawless and Nadeau (Technometrics
1995;37:158-168), which R's ``survfit(..., id=)`` gives too. With everybody followed
to the end the estimate is the mean of the patients' counts and its variance that of
the mean with the divisor n; the small-sample interval takes n - 1 and Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import FollowUp

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MeanCumulative:
    """Mean cumulative function at the event times, all shapes (times,).

    ``mean`` is in events per patient; ``std_error`` is the robust one,
    ``poisson_error`` takes the events as independent. ``at_risk`` counts patients.
    """

    times: Floats
    mean: Floats
    std_error: Floats
    poisson_error: Floats
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    n: int
    last: float

    def at(self, time: float) -> int:
        """Return the number of the last event time up to ``time``, -1 before all."""
        return int(np.searchsorted(self.times, time * (1 + 1e-9), side="right")) - 1


def mean_cumulative(rows: FollowUp) -> MeanCumulative:
    """Return the mean cumulative function of patients with recurrent events.

    ``rows`` hold one or several intervals ``(start, stop]`` of each ``person``.
    Raises :class:`MethodError` for intervals of one patient that overlap, since the
    patient would count twice.
    """
    person = np.arange(rows.stop.size) if rows.person is None else rows.person
    _, person = np.unique(person, return_inverse=True)
    start = np.full(rows.stop.size, -math.inf) if rows.start is None else rows.start
    refuse_overlaps(person, start, rows.stop)
    times = np.unique(rows.stop[rows.event])
    at_risk = (start[:, None] < times) & (times <= rows.stop[:, None])
    died = rows.event[:, None] & (rows.stop[:, None] == times)
    n = int(person.max(initial=-1)) + 1
    present, events = np.zeros((n, times.size)), np.zeros((n, times.size))
    np.add.at(present, person, at_risk)
    np.add.at(events, person, died)
    total, seen = present.sum(axis=0), events.sum(axis=0)
    step = seen / total
    # What each patient adds to the estimate beyond the average patient.
    apart = np.cumsum((events - present * step) / total, axis=1)
    return MeanCumulative(
        times=times,
        mean=np.cumsum(step),
        std_error=np.sqrt((apart**2).sum(axis=0)),
        poisson_error=np.sqrt(np.cumsum(seen / total**2)),
        at_risk=total.astype(int),
        events=seen.astype(int),
        n=n,
        last=float(rows.stop.max(initial=0)),
    )


def refuse_overlaps(person: NDArray[np.int64], start: Floats, stop: Floats) -> None:
    """Raise :class:`MethodError` when a patient's intervals overlap."""
    order = np.lexsort((stop, start, person))
    same = np.diff(person[order]) == 0
    if (same & (start[order][1:] < stop[order][:-1])).any():
        raise MethodError("The intervals of a patient overlap.")


def limits(
    mean: float | Floats,
    std_error: float | Floats,
    n: int,
    *,
    conf_level: float = 0.95,
    scale: str = "log",
    small_sample: bool = False,
) -> tuple[Floats, Floats]:
    """Return pointwise limits, on the ``log`` or the ``plain`` scale.

    ``small_sample`` widens the error by n / (n - 1) and takes Student's t with n - 1
    degrees of freedom. Plain limits are cut at 0. There are none (nan) without an
    event, or without variation among the patients.
    """
    mean, error = np.asarray(mean, dtype=float), np.asarray(std_error, dtype=float)
    quantile = float(ndtri((1 + conf_level) / 2))
    if small_sample:
        if n < 2:
            return np.full(mean.shape, math.nan), np.full(mean.shape, math.nan)
        quantile = float(stdtrit(n - 1, (1 + conf_level) / 2))
        error = error * math.sqrt(n / (n - 1))
    known = (mean > 0) & (error > 1e-9 * mean)
    mean, error = np.where(known, mean, math.nan), np.where(known, error, math.nan)
    if scale == "plain":
        return np.maximum(mean - quantile * error, 0), mean + quantile * error
    spread = np.exp(np.minimum(quantile * error / mean, 700.0))
    return mean / spread, mean * spread
