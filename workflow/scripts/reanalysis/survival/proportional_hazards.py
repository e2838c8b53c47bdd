"""Do hazard ratios stay the same over time? Score test and residuals.

The model is widened by a coefficient for x g(t), g a scale of time; the score test
that it is zero needs no further fit. R's ``cox.zph`` gives this test since survival
3.0; lifelines still has the approximation by a correlation of residuals, which
takes the variance as the same in every risk set (veteran data, Karnofsky score: 14.93
instead of 12.19).

Sources: Grambsch, Therneau (1994) Biometrika 81:515; Therneau, Grambsch (2000)
Modeling Survival Data, chapter 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.survival.hazard_ratios import ChiSquare, Fit
from reanalysis.survival.partial_likelihood import PartialLikelihood, merge_near_ties

#: Standardised eigenvalues of an information below this count as zero.
SINGULAR = 1e-9
#: Degrees of freedom of the smooth line, those of R's plot.
SMOOTH_DF = 4


def scaled_times(
    scale: str,
    times: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return g at ``times`` (k,), which are among the event times.

    ``scale``: ``km`` (one minus the Kaplan-Meier curve just before, of all rows
    together), ``identity``, ``log``, or ``rank`` (of the ends of all rows).
    ``stop``, ``event``, ``start`` (n,) are the rows of the model.
    """
    if scale == "identity":
        return times.astype(float)
    if scale == "log":
        if (times <= 0).any():
            raise MethodError("An event at time 0 has no place on a log scale.")
        return np.log(times)
    if start is None:
        stop = merge_near_ties(np.asarray(stop, dtype=float))
        start = np.full(len(stop), -math.inf)
    else:
        start, stop = merge_near_ties(np.array([start, stop], dtype=float))
    if scale == "rank":
        ends = np.sort(stop)
        below = np.searchsorted(ends, times, side="left")
        return (below + np.searchsorted(ends, times, side="right") + 1) / 2
    if scale != "km":
        raise MethodError(f"Unknown scale of time: {scale}.")
    died = np.sort(stop[np.asarray(event) == 1])
    at, first = np.unique(died, return_index=True)
    deaths = np.diff(np.append(first, len(died)))
    at_risk = len(stop) - np.searchsorted(np.sort(stop), at, side="left")
    at_risk = at_risk - (len(start) - np.searchsorted(np.sort(start), at, side="left"))
    before = np.append(1.0, np.cumprod(1 - deaths / at_risk))
    return 1 - before[np.searchsorted(at, times, side="left")]


def score_tests(
    likelihood: PartialLikelihood,
    fit: Fit,
    scaled: np.ndarray,
    sets: Sequence[Sequence[int]],
) -> list[ChiSquare]:
    """Test for each set of columns that their coefficients do not change with g.

    ``scaled`` (slots,) is g at the time of every slot; ``fit`` is a finite maximum
    of the partial likelihood, to which the model-based information belongs. Raises
    :class:`MethodError` where too few event times tell a change.
    """
    if likelihood.tied is not None:
        raise MethodError(
            "The test of proportional hazards is not defined for exact ties; use "
            "Efron or Breslow."
        )
    mean, variance = _slots(likelihood, fit.coefficient)
    seen = (likelihood.deaths * likelihood.weight) @ likelihood.x
    apart = (seen - likelihood.mass[:, None] * mean) / likelihood.scale
    variance = variance / likelihood.scale / likelihood.scale[:, None]
    mass = likelihood.mass
    g = scaled - mass @ scaled / mass.sum()
    spread = math.sqrt(mass @ g**2 / mass.sum())
    if spread <= 1e-12 * max(1.0, abs(scaled).max()):
        raise MethodError(_TOO_FEW)
    g = g / spread
    score = g @ apart
    plain, crossed, squared = (
        np.tensordot(w, variance, axes=1) for w in (np.ones_like(g), g, g * g)
    )
    tests = []
    for columns in sets:
        j = list(columns)
        cross = crossed[:, j]
        left = squared[np.ix_(j, j)] - cross.T @ np.linalg.solve(plain, cross)
        unit = np.sqrt(np.diag(squared)[j])
        if (unit == 0).any():
            raise MethodError(_TOO_FEW)
        left = left / unit / unit[:, None]
        if np.linalg.eigvalsh(left)[0] < SINGULAR:
            raise MethodError(_TOO_FEW)
        u = score[j] / unit
        tests.append(ChiSquare(float(u @ np.linalg.solve(left, u)), len(j)))
    return tests


_TOO_FEW = "Too few event times with both kinds of patients at risk to tell a change."


def _slots(
    likelihood: PartialLikelihood, beta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (slots, p) and variance (slots, p, p; times the deaths) of x."""
    eta = likelihood.pattern @ beta
    share = likelihood.held * np.exp(eta - eta.max())
    share = share / share.sum(axis=1)[:, None]
    mean = share @ likelihood.pattern
    apart = likelihood.pattern[None] - mean[:, None, :]
    variance = np.einsum("km,kmi,kmj->kij", share, apart, apart)
    return mean, variance * likelihood.mass[:, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Scaled Schoenfeld residuals, one row per death, ordered by time.

    ``value`` (deaths, p) estimates the coefficient at that time; ``variance`` (p,)
    is that of a single one.
    """

    time: np.ndarray
    value: np.ndarray
    variance: np.ndarray


def schoenfeld_residuals(likelihood: PartialLikelihood, fit: Fit) -> Residuals:
    """Return the residuals of the deaths beside which somebody else was at risk.

    Deaths at one time share the mean of their slots. The scaling is by the mean
    variance of these deaths; R also counts, and draws, deaths of the last patient of
    a stratum, which say nothing.
    """
    mean, variance = _slots(likelihood, fit.coefficient)
    used = np.einsum("kjj->k", variance / likelihood.scale**2) > SINGULAR**2
    inverse = np.linalg.inv(variance.sum(axis=0) / likelihood.mass[used].sum())
    # A death belongs to the slots that speak of it, in equal shares.
    slot, row = np.nonzero(likelihood.deaths * used[:, None])
    share = likelihood.deaths[slot, row]
    own, told = np.zeros_like(likelihood.x), np.zeros(len(likelihood.x))
    np.add.at(own, row, share[:, None] * (likelihood.x[row] - mean[slot]))
    np.add.at(told, row, share)
    time = np.zeros(len(own))
    time[row] = likelihood.time[slot]
    died = np.unique(row)
    order = died[np.lexsort((died, time[died]))]
    value = own[order] / told[order, None] @ inverse + fit.coefficient
    return Residuals(time[order], value, np.diag(inverse).copy())


def smooth(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a natural cubic spline of 4 df through (x, y) and its standard error.

    ``at`` are the places asked for, ``variance`` that of a single y. The inner
    knots lie at the thirds of ``x``. Raises :class:`MethodError` with too few
    distinct places.
    """
    knots = np.quantile(x, np.linspace(0, 1, SMOOTH_DF))
    if len(np.unique(x)) <= SMOOTH_DF or (np.diff(knots) <= 0).any():
        raise MethodError("Too few distinct times for a smooth line.")
    basis = _natural_spline(x, knots)
    inverse = np.linalg.inv(basis.T @ basis)
    wanted = _natural_spline(at, knots)
    line = wanted @ (inverse @ (basis.T @ y))
    error = np.sqrt(variance * np.einsum("ki,ij,kj->k", wanted, inverse, wanted))
    return line, error


def _natural_spline(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the truncated-power basis, linear beyond the outer knots."""
    low, high = knots[0], knots[-1]
    x, knots = (x - low) / (high - low), (knots - low) / (high - low)

    def bent(k: float) -> np.ndarray:
        cubes = np.maximum(x - k, 0) ** 3 - np.maximum(x - 1, 0) ** 3
        return cubes / (1 - k)

    last = bent(knots[-2])
    return np.column_stack([np.ones_like(x), x, *(bent(k) - last for k in knots[:-2])])
