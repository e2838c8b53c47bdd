"""Propensity scores: the chance of having been treated, given the covariates.

The logistic model is that of :mod:`reanalysis.measurements.regression_models`. Firth's
penalised fit, for groups that the covariates separate, is our own: neither statsmodels
nor scipy has it.

Sources: Rosenbaum and Rubin, Biometrika 1983;70:41-55; Firth, Biometrika
1993;80:27-38; Heinze and Schemper, Stat Med 2002;21:2409-2419.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from reanalysis.errors import MethodError
from reanalysis.measurements.regression_models import logistic


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """A fitted propensity score.

    ``design`` (n, k) holds the intercept and the covariates in standard deviations,
    ``probability`` and ``logit`` (n,) the score and its log odds. ``penalised`` tells
    that the covariates separate the groups and Firth's penalty made the fit finite.
    """

    design: np.ndarray
    logit: np.ndarray
    probability: np.ndarray
    penalised: bool


def propensity_score(covariates: np.ndarray, treated: np.ndarray) -> Propensity:
    """Fit P(treated | covariates) by logistic regression.

    ``covariates`` (n, p) numbers, ``treated`` (n,) booleans. Covariates that do not
    vary are left out. Raises :class:`MethodError` when a group is empty, when no
    covariate varies and when one repeats what the others say.
    """
    if treated.all() or not treated.any():
        raise MethodError("Matching needs patients in both groups.")
    varies = np.ptp(covariates, axis=0) > 0 if len(covariates) else np.zeros(0, bool)
    if not varies.any():
        raise MethodError("No covariate varies, so there is no propensity score.")
    x = covariates[:, varies]
    # The score is the same in any unit; standard deviations keep the algebra exact.
    x = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
    fit = logistic(x, treated.astype(float))
    penalised = bool((fit.runaway != 0).any())
    b = firth(x, treated.astype(float)) if penalised else fit.coefficients
    # Equal patients must have equal scores: what differs beyond 12 digits is rounding.
    logit = np.round(x @ b, 12) + 0.0
    return Propensity(x, logit, expit(logit), penalised)


def firth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return logistic coefficients (k,) that maximise Firth's penalised likelihood.

    ``x`` (n, k) with its intercept, ``y`` (n,) 0 or 1. The penalty is half the log
    determinant of the information, and the maximum is always finite. Raises
    :class:`MethodError` if the search fails.
    """
    sign = 2 * y - 1

    def objective(b: np.ndarray) -> float:
        eta = x @ b
        weight = expit(eta) * expit(-eta)
        determinant = np.linalg.slogdet(x.T @ (x * weight[:, None]))[1]
        return float(determinant / 2 - np.logaddexp(0, -sign * eta).sum())

    b = np.zeros(x.shape[1])
    reached = objective(b)
    for _ in range(500):
        eta = x @ b
        risk = expit(eta)
        weight = risk * expit(-eta)
        inverse = np.linalg.inv(x.T @ (x * weight[:, None]))
        leverage = weight * ((x @ inverse) * x).sum(axis=1)
        step = inverse @ (x.T @ (y - risk + leverage * (0.5 - risk)))
        step *= min(1.0, 5.0 / max(np.abs(x @ step).max(), 1e-300))
        if np.abs(x @ step).max() < 1e-11:
            return b
        size = 1.0
        while objective(b + size * step) < reached - 1e-13 and size > 1e-8:
            size /= 2
        b = b + size * step
        reached = objective(b)
    raise MethodError("The penalised propensity score did not converge.")


def mahalanobis(covariates: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Return Mahalanobis distances (treated, others) of the covariates (n, p).

    The covariance is pooled within the groups (Rubin, Biometrics 1980;36:293-298),
    its inverse generalised, so that covariates that repeat each other count once.
    """
    groups = covariates[treated], covariates[~treated]
    spread = sum((g - g.mean(axis=0)).T @ (g - g.mean(axis=0)) for g in groups)
    spread = np.atleast_2d(spread) / max(len(covariates) - 2, 1)
    unit = np.sqrt(np.where(np.diag(spread) > 0, np.diag(spread), 1.0))
    inverse = np.linalg.pinv(spread / np.outer(unit, unit), 1e-10, hermitian=True)
    a, b = (g / unit for g in groups)
    gap = a[:, None, :] - b[None, :, :]
    squared = np.einsum("ijk,kl,ijl->ij", gap, inverse, gap)
    return np.round(np.sqrt(np.maximum(squared, 0.0)), 12)


def logit_sd(logit: np.ndarray, treated: np.ndarray, which: str) -> float:
    """Return the standard deviation of the logit in which a caliper is measured.

    ``pooled`` is the root of the mean of the two groups' variances (Austin, Pharm
    Stat 2011;10:150-161), ``all`` that of all patients together.
    """
    if which == "all":
        return float(logit.std(ddof=1))
    variances = [
        group.var(ddof=1) if len(group) > 1 else 0.0
        for group in (logit[treated], logit[~treated])
    ]
    return float(np.sqrt(np.mean(variances)))
