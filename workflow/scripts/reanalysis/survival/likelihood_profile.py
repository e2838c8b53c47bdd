"""The profile of a partial likelihood over one log hazard ratio, for drawing.

Beside the partial likelihood stand Firth's penalised one and the parabola that a
Wald interval takes for it: where they part, so do the limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.survival.hazard_ratios import Fit, maximise, profile_limits
from reanalysis.survival.partial_likelihood import PartialLikelihood

#: Points of a curve.
POINTS = 61


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Log likelihoods less their maximum over values of one coefficient, (points,).

    ``wald`` is nan where the estimate is infinite, ``penalised`` where Firth's fit
    does not converge. ``limits`` holds estimate, lower and upper limit by name
    (``partial``, ``penalised``, ``wald``); a limit may be infinite.
    """

    coefficient: np.ndarray
    partial: np.ndarray
    penalised: np.ndarray
    wald: np.ndarray
    limits: dict[str, tuple[float, float, float]]
    cut: float


def profile(
    likelihood: PartialLikelihood,
    maximum: Fit,
    column: int,
    conf_level: float,
    variance: float | None = None,
) -> Profile:
    """Return the profile of one coefficient, from beyond one limit to the other.

    ``maximum`` is the fit without penalty; ``variance`` that of its Wald interval
    where it is not the model's. Raises :class:`MethodError` where no limit is finite.
    """
    z = float(ndtri((1 + conf_level) / 2))
    limits, fits = {}, {"partial": maximum}
    b = float(maximum.coefficient[column])
    finite = not maximum.infinite[column]
    if variance is None:
        variance = float(maximum.covariance[column, column])
    error = math.sqrt(variance) if finite else math.nan
    limits["partial"] = (
        b if finite else maximum.infinite[column] * math.inf,
        *profile_limits(likelihood, maximum, column, conf_level),
    )
    try:
        fit = maximise(likelihood, penalised=True)
        ends = profile_limits(likelihood, fit, column, conf_level)
        limits["penalised"] = (float(fit.coefficient[column]), *ends)
        fits["penalised"] = fit
    except MethodError:
        pass
    if math.isfinite(error):
        limits["wald"] = (b, b - z * error, b + z * error)
    known = [v for numbers in limits.values() for v in numbers if math.isfinite(v)]
    if len(known) < 2:
        raise MethodError("The likelihood has no finite limit to draw.")
    low, high = min(known), max(known)
    room = 0.12 * (high - low)
    at = np.linspace(low - room, high + room, POINTS)
    curves = {
        name: _heights(likelihood, fits[name], column, at)
        if name in fits
        else np.full(POINTS, math.nan)
        for name in ("partial", "penalised")
    }
    parabola = -(((at - b) / error) ** 2) / 2
    return Profile(at, **curves, wald=parabola, limits=limits, cut=-z * z / 2)


def _heights(
    likelihood: PartialLikelihood, fit: Fit, column: int, at: np.ndarray
) -> np.ndarray:
    heights = np.full(len(at), math.nan)
    start = fit.coefficient
    # From the top outwards, each fit starting from its neighbour.
    top = int(np.argmin(abs(at - fit.coefficient[column])))
    for order in (range(top, len(at)), range(top - 1, -1, -1)):
        start = fit.coefficient
        for i in order:
            try:
                best = maximise(
                    likelihood,
                    fixed={column: float(at[i])},
                    start=start,
                    penalised=fit.penalised,
                )
            except MethodError:
                continue
            if not best.infinite.any():
                start = best.coefficient
            heights[i] = best.log_likelihood - fit.log_likelihood
    return heights
