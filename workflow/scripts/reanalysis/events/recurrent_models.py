"""Proportional-hazards models of recurrent events: which rows are at risk of what.

Three models differ only in the rows and strata they hand to the partial likelihood:

- Andersen and Gill (Annals of Statistics 1982;10:1100): every event of a patient is
  compared at its time with everybody under observation. With the robust variance its
  estimate is the ratio of mean numbers of events (Lin, Wei, Yang and Ying, JRSS B
  2000;62:711), whatever ties the events of one patient together.
- Prentice, Williams and Peterson (Biometrika 1981;68:373), total time: the k-th event
  is compared only among those who had k - 1, in the time since entry.
- the same, gap time: in the time since the event before.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.events.mean_cumulative import refuse_overlaps
from reanalysis.survival.hazard_ratios import Fit, check_estimable, maximise, sandwich
from reanalysis.survival.partial_likelihood import PartialLikelihood, partial_likelihood

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODELS = {
    "andersen-gill": "Andersen-Gill",
    "pwp-total": "Prentice-Williams-Peterson, total time",
    "pwp-gap": "Prentice-Williams-Peterson, gap time",
}


@dataclass(frozen=True, slots=True, eq=False)
class Spells:
    """Intervals at risk of recurrent events, all shapes (rows,).

    ``number`` says which event of the patient an interval can end in, from 1;
    ``origin`` is when the patient entered or had the event before.
    """

    start: Floats
    stop: Floats
    event: NDArray[np.bool_]
    person: Ints
    number: Ints
    origin: Floats


def spells(
    start: Floats, stop: Floats, event: NDArray[np.bool_], person: Ints
) -> Spells:
    """Number the events of every patient; rows may come in any order.

    Raises :class:`MethodError` when the intervals of a patient overlap.
    """
    refuse_overlaps(person, start, stop)
    order = np.lexsort((stop, person))
    number, origin = np.ones(stop.size, dtype=int), np.array(start, dtype=float)
    for before, row in pairwise(order):
        if person[before] == person[row]:
            number[row] = number[before] + event[before]
            origin[row] = stop[before] if event[before] else origin[before]
    return Spells(start, stop, np.asarray(event, dtype=bool), person, number, origin)


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentFit:
    """A fitted model: log ratios (p,), their robust and model-based covariance.

    ``patients`` is the number of clusters that the robust covariance (p, p) adds
    over, nan where the estimate is infinite.
    """

    likelihood: PartialLikelihood
    fit: Fit
    robust: NDArray[np.float64]
    patients: int


def fit_recurrent(
    x: Floats,
    rows: Spells,
    model: str = "andersen-gill",
    *,
    ties: str = "efron",
    stratum: Ints | None = None,
) -> RecurrentFit:
    """Fit one of :data:`MODELS`; ``x`` (rows, p), ``stratum`` (rows,) codes.

    Raises :class:`MethodError` without events, without variation of ``x`` among those
    at risk, and for exact ties, which have no robust variance.
    """
    if model not in MODELS:
        raise MethodError(f"There is no model of recurrent events named {model}.")
    start, stop = rows.start, rows.stop
    layers = np.zeros(stop.size, dtype=int) if stratum is None else stratum
    if model == "pwp-gap":
        start, stop = start - rows.origin, stop - rows.origin
    if model != "andersen-gill":
        layers = layers * (int(rows.number.max(initial=1)) + 1) + rows.number
    _, layers = np.unique(layers, return_inverse=True)
    likelihood = partial_likelihood(
        x, stop, rows.event.astype(int), start=start, stratum=layers, ties=ties
    )
    if not check_estimable(likelihood).all():
        raise MethodError(
            "No event happened while rows of both groups were at risk of it."
        )
    fit = maximise(likelihood)
    patients = int(np.unique(rows.person).size)
    robust = np.full(fit.covariance.shape, np.nan)
    if not fit.infinite.any():
        _, cluster = np.unique(rows.person, return_inverse=True)
        robust = sandwich(likelihood, fit, cluster)
    return RecurrentFit(likelihood, fit, robust, patients)
