"""Log-rank tests of many data sets at once: two groups, no late entry.

For members of an ensemble, permutations and simulations, where one test at a time
(:func:`reanalysis.survival.weighted_log_rank.log_rank`) would take too long. Both agree
to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from reanalysis.survival.risk_sets import Floats
from reanalysis.survival.weighted_log_rank import event_weights


@dataclass(frozen=True, slots=True, eq=False)
class LogRankArrays:
    """Log-rank comparisons of the first group with the other, shapes (data sets,).

    ``observed`` and ``expected`` events of the first group are unweighted;
    ``difference`` is the weighted sum of observed minus expected, ``variance`` its
    hypergeometric variance.
    """

    observed: Floats
    expected: Floats
    difference: Floats
    variance: Floats

    @property
    def z(self) -> Floats:
        """Standardised differences; nan where the groups cannot be compared."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(
                self.variance > 0, self.difference / np.sqrt(self.variance), np.nan
            )

    @property
    def p_value(self) -> Floats:
        """Two-sided asymptotic p-values; nan where the groups cannot be compared."""
        return 2 * ndtr(-np.abs(self.z))


def log_rank_arrays(
    time: ArrayLike,
    event: ArrayLike,
    first: ArrayLike,
    stratum: ArrayLike | None = None,
    *,
    weights: str = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRankArrays:
    """Compare two groups in each of many data sets.

    ``time``, ``event`` and ``first`` (in the first group) have shapes
    (data sets, patients), or (patients,) where all data sets share them: a
    permutation test passes one row of times and events and many of ``first``. A time
    of nan is no patient, so that data sets of different sizes fit one array.
    ``stratum``, shape (patients,), is shared by all. Times are equal when they are
    equal as numbers. Weights and sources: see
    :func:`reanalysis.survival.weighted_log_rank.log_rank`.
    """
    time, event, first = (np.atleast_2d(np.asarray(x)) for x in (time, event, first))
    time, event, first = time.astype(float), event.astype(bool), first.astype(bool)
    sets = np.broadcast_shapes(time.shape, event.shape, first.shape)[0]
    total = np.zeros((4, sets))
    parts = (
        [slice(None)]
        if stratum is None
        else [np.asarray(stratum) == s for s in np.unique(stratum)]
    )
    for part in parts:
        total += _one_stratum(
            time[:, part], event[:, part], first[:, part], weights, rho, gamma
        )
    return LogRankArrays(*total)


def _one_stratum(
    time: Floats,
    event: NDArray[np.bool_],
    first: NDArray[np.bool_],
    weights: str,
    rho: float,
    gamma: float,
) -> Floats:
    if time.shape[1] == 0:
        return np.zeros((4, 1))
    # Whoever is absent has left before the first event.
    present = ~np.isnan(time)
    time = np.where(present, time, -np.inf)
    rows = max(len(time), len(event))
    time, event = (
        np.broadcast_to(x, (rows, time.shape[1])) for x in (time, event & present)
    )
    order = np.argsort(time, axis=1, kind="stable")
    time, event = (np.take_along_axis(x, order, axis=1) for x in (time, event))
    sets = max(rows, len(first))
    group = np.broadcast_to(first & present, (sets, time.shape[1]))
    group = np.take_along_axis(group, np.broadcast_to(order, group.shape), axis=1)

    # At the first place of each run of equal times stand the counts of that time.
    size = time.shape[1]
    place = np.arange(size)
    opens = np.ones(time.shape, dtype=bool)
    opens[:, 1:] = time[:, 1:] != time[:, :-1]
    closes = np.ones(time.shape, dtype=bool)
    closes[:, :-1] = opens[:, 1:]
    last = np.where(closes, place, size)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    n = np.broadcast_to(size - place, time.shape)
    d = np.where(opens, _in_run(event, place, last), 0)
    kept = d > 0
    w = np.zeros(time.shape)
    if kept.any():
        w = event_weights(n, d, weights, rho, gamma)
    if rows == 1:
        # All data sets share the event times: the other places are left out.
        columns = kept[0]
        n1 = np.cumsum(group[:, ::-1], axis=1)[:, ::-1][:, columns]
        d1 = _in_run(group & event, place, last)[:, columns]
        n, d, w = n[:, columns], d[:, columns], w[:, columns]
    else:
        n1 = np.cumsum(group[:, ::-1], axis=1)[:, ::-1]
        d1 = np.where(opens, _in_run(group & event, place, last), 0)
    share = n1 / n
    excess = d1 - d * share
    factor = w**2 * d * (n - d) / np.maximum(n - 1, 1)
    return np.stack(
        [
            d1.sum(axis=1),
            (d * share).sum(axis=1),
            (w * excess).sum(axis=1),
            (factor * share * (1 - share)).sum(axis=1),
        ]
    )


def _in_run(mask: NDArray[np.bool_], place: NDArray, last: NDArray) -> NDArray:
    """Count where the mask is true from each place to the last of its run."""
    summed = np.cumsum(mask, axis=1)
    ends = np.take_along_axis(summed, np.broadcast_to(last, mask.shape), axis=1)
    return ends - summed + mask
