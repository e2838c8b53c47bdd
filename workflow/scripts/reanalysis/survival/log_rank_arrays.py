"""Log-rank tests of many data sets at once: two groups, no late entry.

For members of an ensemble, permutations and simulations, where one test at a time
(:func:`reanalysis.survival.weighted_log_rank.log_rank`) would take too long. Both agree
to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from reanalysis.data_set_arrays import joined
from reanalysis.survival.risk_set_arrays import (
    FollowUpArrays,
    follow_up_arrays,
    risk_set_arrays,
)
from reanalysis.survival.risk_sets import Floats
from reanalysis.survival.weighted_log_rank import event_weights

#: Weights that are products over the times of one stratum.
CUMULATIVE = ("peto-peto", "fleming-harrington")


@dataclass(frozen=True, slots=True, eq=False)
class LogRankArrays:
    """Log-rank comparisons of a group with the other, shapes (data sets,).

    ``observed`` and ``expected`` events of the group are unweighted; ``difference``
    is the weighted sum of observed minus expected, ``variance`` its hypergeometric
    variance.
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
    group: ArrayLike,
    stratum: ArrayLike | None = None,
    *,
    weights: str = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRankArrays:
    """Compare two groups in each of many data sets.

    ``time`` (nan: no patient), ``event``, ``group`` (1 or True in the group whose
    events are counted) and ``stratum`` (numbers) have shapes (data sets, patients),
    or (patients,) where all data sets share them: a permutation test passes one row
    of times and events and many of ``group``. Weights and sources: see
    :func:`reanalysis.survival.weighted_log_rank.log_rank`. Raises
    :class:`MethodError` as
    :func:`reanalysis.survival.risk_set_arrays.follow_up_arrays` does.
    """
    rows = follow_up_arrays(time, event, group, stratum)
    if weights in CUMULATIVE and rows.stratum is not None:
        # The product starts anew in each stratum: whoever is in another is absent.
        parts = []
        for code in np.unique(rows.stratum[rows.stratum > -np.inf]):
            inside = rows.stratum == code
            time = np.where(inside, rows.time, -np.inf)
            part = replace(rows, time=time, event=rows.event & inside, stratum=None)
            parts.append(_compared(part, weights, rho, gamma))
        names = LogRankArrays.__slots__
        return LogRankArrays(*(sum(getattr(p, n) for p in parts) for n in names))
    return _compared(rows, weights, rho, gamma)


def _compared(
    rows: FollowUpArrays, weights: str, rho: float, gamma: float
) -> LogRankArrays:
    blocks = rows.blocks()
    return joined([_block(block, weights, rho, gamma) for block in blocks])


def _block(
    rows: FollowUpArrays, weights: str, rho: float, gamma: float
) -> LogRankArrays:
    sets = risk_set_arrays(rows)
    shape = (rows.sets, sets.time.shape[1])
    group = np.broadcast_to(rows.group & rows.present, shape)
    n, d = sets.at_risk, sets.events
    w = np.ones(n.shape)
    if weights != "log-rank" and n.size:
        # At the other places of a run there are no events to weigh.
        w = event_weights(n, d, weights, rho, gamma)
    n1, _ = sets.counted(group)
    _, d1 = sets.counted(group & rows.event)
    if len(n) == 1:
        # All data sets share the event times: the other places are left out.
        columns = d[0] > 0
        n, d, w = n[:, columns], d[:, columns], w[:, columns]
        n1, d1 = n1[:, columns], d1[:, columns]
    d1 = np.where(d > 0, d1, 0)
    share = n1 / n
    factor = w**2 * d * (n - d) / np.maximum(n - 1, 1)
    return LogRankArrays(
        d1.sum(axis=1).astype(float),
        (d * share).sum(axis=1),
        (w * (d1 - d * share)).sum(axis=1),
        (factor * share * (1 - share)).sum(axis=1),
    )
