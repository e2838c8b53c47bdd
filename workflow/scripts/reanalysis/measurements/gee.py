"""Generalised estimating equations for measurements, with small-sample variances.

Gaussian, identity link. Our own, because statsmodels has neither the variance of
Kauermann and Carroll nor that of Fay and Graubard, searches the AR(1) correlation by
a numerical optimiser and takes 1.4 s to import. The scale and the exchangeable
correlation have N - p in their denominators (R gee, statsmodels; geepack divides by
N), the AR(1) correlation is the mean product of neighbours over the mean square (R
gee).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError

Floats = NDArray[np.float64]

VARIANCES = {
    "model": "model-based",
    "robust": "robust",
    "mancl-derouen": "Mancl-DeRouen",
    "kauermann-carroll": "Kauermann-Carroll",
    "fay-graubard": "Fay-Graubard",
}


@dataclass(frozen=True, slots=True)
class GeeFit:
    """Coefficients (p,) with their covariance, and the working correlation."""

    coefficients: Floats
    covariance: Floats
    correlation: float
    scale: float
    clusters: int


def fit_gee(
    x: Floats,
    y: Floats,
    patient: NDArray,
    wave: NDArray,
    *,
    structure: str = "exchangeable",
    variance: str = "mancl-derouen",
) -> GeeFit:
    """Solve X'V^-1 (y - X b) = 0 with moment estimates of the correlation.

    ``x`` (n, p), ``y`` (n,), ``patient`` (n,) names, ``wave`` (n,) the number of the
    visit, by which ``ar1`` correlates (alpha to the power of the distance).
    ``structure``: independence, exchangeable, ar1. ``variance``: model, robust (Liang
    and Zeger 1986), mancl-derouen (2001), kauermann-carroll (2001), fay-graubard
    (2001, bound 0.75). Raises :class:`MethodError` when the data cannot carry it.
    """
    names, code = np.unique(patient, return_inverse=True)
    n, p = x.shape
    if names.size <= p:
        raise MethodError(
            f"{names.size} patients are too few for the sandwich variance of a model "
            f"of {p} terms."
        )
    scale = np.abs(x).max(axis=0)
    if n <= p or not scale.all() or np.linalg.matrix_rank(x / scale) < p:
        raise MethodError(
            "The visits do not tell the terms of the model apart, for example "
            "because a group has no visits after the change."
        )
    unit = float(np.ptp(y)) or 1.0
    parts = [
        (x[code == i] / scale, y[code == i] / unit, wave[code == i])
        for i in range(names.size)
    ]
    b = np.linalg.lstsq(x / scale, y / unit, rcond=None)[0]
    alpha, phi = 0.0, 0.0
    for _ in range(200):
        residuals = [yi - xi @ b for xi, yi, _ in parts]
        alpha, phi = _moments(residuals, [w for *_, w in parts], p, structure)
        inverses = [np.linalg.inv(_working(w, alpha, structure)) for *_, w in parts]
        weighted = [xi.T @ v for (xi, *_), v in zip(parts, inverses, strict=True)]
        bread = sum(w @ xi for w, (xi, *_) in zip(weighted, parts, strict=True))
        step = np.linalg.solve(
            bread, sum(w @ r for w, r in zip(weighted, residuals, strict=True))
        )
        b = b + step
        if np.abs(step).max() < 1e-13 * max(1.0, np.abs(b).max()):
            break
    else:
        raise MethodError("The estimating equations did not converge.")
    c = np.linalg.inv(bread)
    residuals = [yi - xi @ b for xi, yi, _ in parts]
    if variance == "model":
        covariance = phi * c
    else:
        scores = np.array(
            [
                _score(xi, v, r, c, variance)
                for (xi, *_), v, r in zip(parts, inverses, residuals, strict=True)
            ]
        )
        covariance = c @ (scores.T @ scores) @ c
    return GeeFit(
        coefficients=b / scale * unit,
        covariance=covariance * unit**2 / np.outer(scale, scale),
        correlation=alpha,
        scale=phi * unit**2,
        clusters=names.size,
    )


def _moments(
    residuals: list[Floats], waves: list[NDArray], p: int, structure: str
) -> tuple[float, float]:
    n = sum(r.size for r in residuals)
    phi = sum(float(r @ r) for r in residuals) / (n - p)
    if phi <= 1e-24:
        raise MethodError(
            "The model fits every value exactly; nothing is left to test against."
        )
    if structure == "independence":
        return 0.0, phi
    if structure == "exchangeable":
        products = sum((r.sum() ** 2 - float(r @ r)) / 2 for r in residuals)
        pairs = sum(r.size * (r.size - 1) / 2 for r in residuals)
    else:
        products, pairs = 0.0, 0.0
        for r, wave in zip(residuals, waves, strict=True):
            order = np.argsort(wave)
            near = np.diff(wave[order]) == 1
            products += float((r[order][1:] * r[order][:-1])[near].sum())
            pairs += near.sum()
    if pairs <= p:
        raise MethodError("There are too few pairs of visits for their correlation.")
    if structure == "ar1":
        # As in R gee: no parameters taken off on either side of the ratio.
        return products / pairs / (phi * (n - p) / n), phi
    return products / (pairs - p) / phi, phi


def _working(wave: NDArray, alpha: float, structure: str) -> Floats:
    size = wave.size
    if structure == "ar1":
        if abs(alpha) >= 1:
            raise MethodError("The estimated correlation of visits is outside -1 to 1.")
        return alpha ** np.abs(np.subtract.outer(wave, wave))
    low = -1 / (size - 1) if size > 1 else -math.inf
    if not low < alpha < 1:
        raise MethodError(
            "The estimated correlation of visits is one no data can have."
        )
    return np.full((size, size), alpha) + (1 - alpha) * np.eye(size)


def _score(x: Floats, v: Floats, r: Floats, c: Floats, variance: str) -> Floats:
    """Score of one patient, with the residual (or itself) freed of its leverage."""
    left = x.T @ v
    # (I - H)^-a through the symmetric matrix similar to H = X C X'V^-1.
    values, vectors = np.linalg.eigh(v)
    root = (vectors * np.sqrt(values)) @ vectors.T
    back = (vectors / np.sqrt(values)) @ vectors.T
    values, vectors = np.linalg.eigh(root @ x @ c @ x.T @ root)
    if values.max() > 1 - 1e-8:
        # His score is 0 by construction: without a correction the standard error
        # would be, too.
        raise MethodError(
            "One patient alone determines a term of the model, so there is no "
            "sandwich variance."
        )
    if variance == "robust":
        return left @ r
    if variance == "fay-graubard":
        share = np.minimum(np.diag(left @ x @ c), 0.75)
        return (left @ r) / np.sqrt(1 - share)
    power = -1.0 if variance == "mancl-derouen" else -0.5
    freed = back @ (vectors * (1 - values) ** power) @ vectors.T @ root @ r
    return left @ freed
