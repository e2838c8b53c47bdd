"""Logistic and linear models: fits, covariances, profile limits, separation.

Linear models are fitted by statsmodels. Logistic ones are our own: statsmodels has
no profile limits and no proof of separation, and its fits, which do not shorten a
step that overshoots, fail where both must refit: Logit stalls on separated data (its
ridge), GLM loses limits far from the estimate, some finite ones too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, expit

from reanalysis.errors import MethodError
from reanalysis.results import NAN


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A logistic model fitted by maximum likelihood.

    ``coefficients`` (k,) are log odds, ``covariance`` (k, k) the inverse of the
    information. ``runaway`` (k,) is +1 or -1 where the likelihood rises without
    end in that direction (separated data), nan where it does so in both, 0 where
    the coefficient is finite; the coefficients then stand where the likelihood is
    within 1e-8 of its bound, and the finite ones are those of the limit.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    runaway: np.ndarray


@dataclass(frozen=True, slots=True)
class LinearFit:
    """A linear model fitted by least squares, in the unit of the outcome.

    ``df`` is the residual degrees of freedom and ``r_squared`` the share of the
    variation explained, nan for an outcome that does not vary.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    residual_sum: float
    df: int
    r_squared: float


def logistic(x: np.ndarray, y: np.ndarray) -> LogisticFit:
    """Fit log odds(y = 1) = x b; ``x`` (n, k) with its intercept, ``y`` (n,) 0 or 1.

    Raises :class:`MethodError` for an outcome that does not vary and for columns
    that say the same thing.

    Sources: McCullagh and Nelder, Generalized Linear Models, 1989, ch. 4; for
    separation Albert and Anderson, Biometrika 1984;71:1-10.
    """
    if y.size == 0 or y.min() == y.max():
        raise MethodError(
            "Every patient had the event."
            if y.size and y.max() == 1
            else "No patient had the event."
        )
    _refuse_collinear(x)
    b, log_likelihood, covariance = maximise(x, y)
    runaway = np.zeros(len(b))
    # Under separation the search stops only beyond log odds of about 25.
    if np.abs(x @ b).max() > 12:
        runaway = _runaway(x, y)
    return LogisticFit(
        coefficients=b,
        covariance=covariance,
        log_likelihood=log_likelihood,
        runaway=runaway,
    )


def linear(x: np.ndarray, y: np.ndarray) -> LinearFit:
    """Fit the mean of y = x b; ``x`` (n, k) with its intercept, ``y`` (n,).

    Raises :class:`MethodError` without a residual degree of freedom and for
    columns that say the same thing.
    """
    n, k = x.shape
    if n <= k:
        raise MethodError(f"{n} patients are too few for a model of {k} terms.")
    _refuse_collinear(x)
    from statsmodels.regression.linear_model import OLS

    unit = np.abs(x).max(axis=0)
    fit = OLS(y, x / unit).fit()
    # What is left of exact zeros after computing.
    noise = 1e-24 * float((y**2).sum())
    residual_sum, total_sum = (
        float(s) if s > noise else 0.0 for s in (fit.ssr, fit.centered_tss)
    )
    return LinearFit(
        coefficients=fit.params / unit,
        covariance=residual_sum
        / (n - k)
        * fit.normalized_cov_params
        / np.outer(unit, unit),
        residual_sum=residual_sum,
        df=n - k,
        r_squared=1 - residual_sum / total_sum if total_sum else NAN,
    )


def profile_limits(
    x: np.ndarray, y: np.ndarray, fit: LogisticFit, j: int, conf_level: float
) -> tuple[float, float]:
    """Return the profile-likelihood limits of coefficient ``j``, in log odds.

    The values at which twice the loss of log likelihood, the other coefficients
    refitted, reaches the chi-square quantile. A limit is infinite where the
    likelihood never falls that far.
    """
    from scipy.optimize import brentq

    allowed = float(chdtri(1, 1 - conf_level))
    others = np.delete(x, j, axis=1)
    centre = float(fit.coefficients[j])
    finite = fit.runaway[j] == 0
    # Where the other coefficients go, to first order, when this one is moved.
    rest = np.delete(fit.coefficients, j)
    drift = np.delete(fit.covariance[j], j) / fit.covariance[j, j]

    def excess(value: float) -> float:
        start = rest + drift * (value - centre)
        _, log_likelihood, _ = maximise(others, y, value * x[:, j], start)
        return 2 * (fit.log_likelihood - log_likelihood) - allowed

    def limit(side: int) -> float:
        if not finite and fit.runaway[j] != -side:
            return side * math.inf
        step = math.sqrt(allowed * fit.covariance[j, j]) if finite else abs(centre) / 8
        inner, outer = centre, centre + side * step
        while excess(outer) < 0:
            step *= 1.5
            inner, outer = outer, outer + side * step
        return float(brentq(excess, inner, outer, xtol=1e-10, rtol=1e-12))

    return limit(-1), limit(1)


def maximise(
    x: np.ndarray,
    y: np.ndarray,
    offset: np.ndarray | float = 0.0,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, float, np.ndarray]:
    """Maximise the logistic likelihood; return coefficients, its log, covariance.

    Works on orthonormal columns, so that the units do not matter. The tiny ridge
    slows the last steps towards a maximum at infinity and leaves a finite one where
    it is. Ends with the step that could gain no more than 1e-11, after which a
    finite maximum is exact to rounding.
    """
    sign = 2 * y - 1
    q, r = np.linalg.qr(x)
    ridge = 1e-16 * np.eye(len(r))
    b = np.zeros(len(r)) if start is None else r @ start
    eta = q @ b + offset

    def log_likelihood(eta: np.ndarray) -> float:
        return -float(np.logaddexp(0, -sign * eta).sum())

    def information(eta: np.ndarray) -> np.ndarray:
        # Written without 1 - risk, which is 0 long before the information is.
        return q.T @ (q * (expit(eta) * expit(-eta))[:, None]) + ridge

    reached, noise = log_likelihood(eta), 1e-14 * len(y)
    try:
        for _ in range(200):
            score = q.T @ (sign * expit(-sign * eta))
            step = np.linalg.solve(information(eta), score)
            gain, size = float(score @ step), 1.0
            while log_likelihood(q @ (b + size * step) + offset) < reached - noise:
                size /= 2
            b = b + size * step
            eta = q @ b + offset
            reached = log_likelihood(eta)
            if gain < 1e-11:
                inverse = np.linalg.inv(r)
                covariance = inverse @ np.linalg.solve(information(eta), inverse.T)
                return inverse @ b, reached, covariance
    except np.linalg.LinAlgError:
        pass
    raise MethodError("The likelihood could not be maximised.")


def _runaway(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find the coefficients that separation drives to infinity, and which way.

    A direction d separates when no patient's fit gets worse along it: sign(y) x d
    >= 0 for all. Linear programming asks of each coefficient how far such
    directions go up and down; separation is thereby proven, not guessed from
    large numbers (Konis, DPhil thesis, Oxford 2007).
    """
    from scipy.optimize import linprog

    rows = -(2 * y - 1)[:, None] * x / np.abs(x).max(axis=0)
    rows /= np.abs(rows).max(axis=1, keepdims=True)
    k = x.shape[1]

    def reach(j: int, side: int) -> float:
        goal = np.zeros(k)
        goal[j] = -side
        found = linprog(goal, A_ub=rows, b_ub=np.zeros(len(y)), bounds=(-1, 1))
        return -float(found.fun)

    signs = np.zeros(k)
    for j in range(k):
        up, down = reach(j, 1) > 1e-7, reach(j, -1) > 1e-7
        signs[j] = NAN if up and down else float(up) - float(down)
    return signs


def _refuse_collinear(x: np.ndarray) -> None:
    scale = np.abs(x).max(axis=0, initial=0)
    if not scale.all() or np.linalg.matrix_rank(x / scale) < x.shape[1]:
        raise MethodError(
            "One term of the model does not vary or repeats what others say."
        )
