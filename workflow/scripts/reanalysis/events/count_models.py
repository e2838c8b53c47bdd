"""Two groups of event counts that may vary more than Poisson counts do.

Poisson with the model's, a robust (Huber 1967; Royall 1986) or a scaled variance
(quasi-Poisson: McCullagh and Nelder 1989, section 6.2) and negative binomial (NB2:
Lawless, Canadian Journal of Statistics 1987;15:209; Hilbe 2011).

Own code: two groups leave one-dimensional equations, solved here to the last digit in
a millisecond; statsmodels takes 1.4 s to import and its search stops short or fails
where the shape has no finite maximum, which is the case to report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, polygamma

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Shapes between which the maximum of the likelihood is looked for.
LOG_SHAPES = (-9.0, 16.0)


@dataclass(frozen=True, slots=True)
class CountFit:
    """Logarithm of a ratio of rates, first group against second, and its error.

    ``df`` are the degrees of freedom of Student's t, infinity for the normal.
    ``shape`` is that of the negative binomial (variance = mean + mean^2 / shape),
    infinite where the counts vary no more than Poisson ones; ``dispersion`` the factor
    of a quasi-Poisson variance.
    """

    log_ratio: float
    std_error: float
    df: float = math.inf
    shape: float = math.inf
    dispersion: float = 1.0
    log_likelihood: float = math.nan


def poisson_ratio(
    count: Ints, exposure: Floats, first: NDArray[np.bool_], variance: str = "model"
) -> CountFit:
    """Return the ratio of rates with the Poisson likelihood.

    ``count``, ``exposure`` and ``first`` are of patients (n,). ``variance`` is
    ``model``, ``robust`` (sandwich over patients, divisor n) or ``quasi`` (scaled by
    Pearson's chi-square over n - 2, with t). Raises :class:`MethodError` for a group
    without patients, without time or without events, and for a dispersion that
    cannot be estimated.
    """
    y, e, groups = _groups(count, exposure, first)
    totals = [float(y[g].sum()) for g in groups]
    rates = [t / float(e[g].sum()) for t, g in zip(totals, groups, strict=True)]
    log_ratio = math.log(rates[0] / rates[1])
    if variance == "model":
        return CountFit(log_ratio, math.sqrt(sum(1 / t for t in totals)))
    means = [r * e[g] for r, g in zip(rates, groups, strict=True)]
    apart = [(y[g] - m) ** 2 for g, m in zip(groups, means, strict=True)]
    if variance == "robust":
        if min(int(g.sum()) for g in groups) < 2:
            raise MethodError("A group of one patient does not show how patients vary.")
        square = sum(a.sum() / t**2 for a, t in zip(apart, totals, strict=True))
        if not square > 1e-18:
            raise MethodError("The counts of a group's patients do not vary.")
        return CountFit(log_ratio, math.sqrt(square))
    df = y.size - 2
    if df < 1:
        raise MethodError("Two patients do not show how counts vary.")
    chi_square = sum((a / m).sum() for a, m in zip(apart, means, strict=True))
    dispersion = float(chi_square) / df
    if not dispersion > 1e-12:
        raise MethodError("The counts of a group's patients do not vary.")
    error = math.sqrt(dispersion * sum(1 / t for t in totals))
    return CountFit(log_ratio, error, df, dispersion=dispersion)


def negative_binomial_ratio(
    count: Ints, exposure: Floats, first: NDArray[np.bool_], variance: str = "joint"
) -> CountFit:
    """Return the ratio of rates with the negative binomial likelihood.

    ``variance`` is ``joint`` (the observed information of the rates and the shape
    together: SAS, Stata, statsmodels) or ``fixed`` (the expected information with the
    shape taken as known: R's MASS). Where no finite shape fits better than none, the
    fit is Poisson and ``shape`` infinite. Raises :class:`MethodError` as
    :func:`poisson_ratio`, and where the counts vary without limit.
    """
    y, e, groups = _groups(count, exposure, first)

    def profile(log_shape: float) -> tuple[float, list[float]]:
        k = math.exp(log_shape)
        rates = [_rate(y[g], e[g], k) for g in groups]
        value = sum(
            _log_likelihood(y[g], m * e[g], k)
            for g, m in zip(groups, rates, strict=True)
        )
        return value, rates

    poisson = poisson_ratio(count, exposure, first)
    low, high = LOG_SHAPES
    grid = np.linspace(low, high, 26)
    values = [profile(s)[0] for s in grid]
    best = int(np.argmax(values))
    limit = sum(
        float((y[g] * np.log(m) - m - gammaln(y[g] + 1)).sum())
        for g in groups
        for m in [y[g].sum() / e[g].sum() * e[g]]
    )
    if best == 0:
        raise MethodError("The counts vary without limit: no shape fits them best.")
    if best == len(grid) - 1 or values[best] <= limit + 1e-9:
        return CountFit(poisson.log_ratio, poisson.std_error, log_likelihood=limit)

    def falls(log_shape: np.ndarray) -> np.ndarray:
        k = math.exp(float(log_shape))
        slope = 0.0
        for g in groups:
            m = _rate(y[g], e[g], k) * e[g]
            slope += float(_shape_score(y[g], m, k).sum())
        return np.asarray(-slope)

    ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    log_shape = float(increasing_root(falls, *ends, halvings=48))
    value, rates = profile(log_shape)
    k = math.exp(log_shape)
    square = 0.0
    cross, curvature = [], 0.0
    for sign, g, rate in zip((1, -1), groups, rates, strict=True):
        m = rate * e[g]
        if variance == "fixed":
            square += 1 / float((m * k / (k + m)).sum())
            continue
        # Second derivatives by the log rate and the shape, their signs changed.
        own = float((k * m * (k + y[g]) / (k + m) ** 2).sum())
        mixed = float(((m * (m - y[g])) / (k + m) ** 2).sum())
        square += 1 / own
        cross.append(sign * mixed / own)
        curvature += _curvature(y[g], m, k) - mixed**2 / own
    if variance == "joint":
        if not curvature > 0:
            raise MethodError("The fit of the negative binomial did not converge.")
        square += sum(cross) ** 2 / curvature
    return CountFit(
        math.log(rates[0] / rates[1]),
        math.sqrt(square),
        shape=k,
        log_likelihood=value,
    )


def _groups(
    count: Ints, exposure: Floats, first: NDArray[np.bool_]
) -> tuple[Floats, Floats, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    y, e = np.asarray(count, dtype=float), np.asarray(exposure, dtype=float)
    seen = e > 0
    if (y[~seen] > 0).any():
        raise MethodError("A patient has events but no observation time.")
    y, e, first = y[seen], e[seen], np.asarray(first, dtype=bool)[seen]
    groups = (first, ~first)
    for g in groups:
        if not g.any():
            raise MethodError("A group has no observation time.")
        if not y[g].any():
            raise MethodError("A group has no event: the log ratio is infinite.")
    return y, e, groups


def _rate(y: Floats, e: Floats, k: float) -> float:
    """Return the rate that maximises the likelihood of one group at shape ``k``.

    Scoring on the logarithm, with steps that may only shrink.
    """
    if (e == e[0]).all():
        return float(y.mean() / e[0])
    v, size = math.log(y.sum() / e.sum()), math.inf
    for _ in range(100):
        m = math.exp(v) * e
        step = float((k * (y - m) / (k + m)).sum() / (k * m / (k + m)).sum())
        if abs(step) >= size:
            step = math.copysign(size / 2, step)
        v, size = v + step, max(abs(step), 1e-15)
        if abs(step) < 1e-13:
            break
    return math.exp(v)


def _log_likelihood(y: Floats, m: Floats, k: float) -> float:
    return float(
        (
            gammaln(k + y) - gammaln(k) - gammaln(y + 1)
            - k * np.log1p(m / k) + y * (np.log(m) - np.log(k + m))
        ).sum()
    )  # fmt: skip


def _shape_score(y: Floats, m: Floats, k: float) -> Floats:
    return digamma(k + y) - digamma(k) - np.log1p(m / k) + (m - y) / (k + m)


def _curvature(y: Floats, m: Floats, k: float) -> float:
    """Return minus the second derivative of the log likelihood by the shape."""
    second = polygamma(1, k + y) - polygamma(1, k) + 1 / k - 1 / (k + m)
    second -= (m - y) / (k + m) ** 2
    return -float(second.sum())
