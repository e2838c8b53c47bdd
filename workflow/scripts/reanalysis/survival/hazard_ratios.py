"""Log hazard ratios from a partial likelihood: maxima, variances, tests, limits.

Own code for the reasons given in :mod:`reanalysis.survival.partial_likelihood`.

Sources: Lin, Wei (1989) JASA 84:1074; Therneau, Grambsch (2000) Modeling Survival
Data; Heinze, Schemper (2001) Biometrics 57:114 (Firth penalty, monotone likelihood).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.survival.partial_likelihood import CONTRAST_TOLERANCE, PartialLikelihood

#: Largest change of a linear predictor at which a maximum counts as found.
STEP_TOLERANCE = 1e-10
#: Promised rise of a log likelihood that can be rounding.
GAIN_TOLERANCE = 1e-8
#: Standardised eigenvalues below this count as zero.
RANK_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A maximum of the (penalised) partial likelihood.

    ``coefficient`` (p,): log hazard ratios per unit of the column;
    ``covariance`` (p, p): inverse information, nan for what is not estimated;
    ``infinite`` (p,): sign of the coefficients whose estimate is infinite, else
    0. ``log_likelihood`` is the supremum even then.
    """

    coefficient: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    infinite: np.ndarray
    penalised: bool = False


def maximise(
    likelihood: PartialLikelihood,
    *,
    fixed: dict[int, float] | None = None,
    start: np.ndarray | None = None,
    penalised: bool = False,
) -> Fit:
    """Maximise over the coefficients that are not ``fixed``.

    With ``penalised``, Firth's penalty (half the log determinant of the whole
    information) is added, and the estimates are finite.
    """
    p = likelihood.x.shape[1]
    beta = np.zeros(p) if start is None else start.copy()
    for column, value in (fixed or {}).items():
        beta[column] = value
    free = np.array([j for j in range(p) if j not in (fixed or {})], dtype=int)
    fit = _maximise(likelihood, beta, free, penalised)
    if fit.infinite.any() and len(free) == p > 1:
        # Directions of rise need not be unique: look at each coefficient.
        down, up = likelihood.unbounded().T
        fit.covariance[down & up] = fit.covariance[:, down & up] = math.nan
        fit = replace(fit, infinite=up.astype(float) - down)
    return fit


def _maximise(
    likelihood: PartialLikelihood, beta: np.ndarray, free: np.ndarray, penalised: bool
) -> Fit:
    objective = likelihood.penalised if penalised else likelihood.evaluate
    direction = None
    if not penalised and len(free) == 1:
        direction = likelihood.direction(free)
    if direction is None:
        # An infinite maximum shows as steps that do not shrink: it is looked for
        # before the information vanishes and the steps with it.
        for steps in (200,) if penalised else (14, 100):
            beta, state, found = _newton(likelihood, objective, beta, free, steps)
            if found:
                return _fit(likelihood, beta, free, state, penalised)
            if not penalised:
                direction = likelihood.direction(free)
            if direction is not None:
                beta[free] = 0
                break
        else:
            raise MethodError("The fit of the hazard ratios did not converge.")
    # The limit does not change along the direction, so one coefficient can stay
    # where it is while the others are fitted.
    still = int(np.argmax(abs(direction * likelihood.scale)))
    rest = _maximise(likelihood.limit(direction), beta, free[free != still], False)
    infinite = np.where(direction != 0, np.sign(direction), rest.infinite)
    return replace(rest, infinite=infinite)


@np.errstate(all="ignore")
def _newton(
    likelihood: PartialLikelihood,
    objective: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    beta: np.ndarray,
    free: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, tuple[float, np.ndarray, np.ndarray], bool]:
    """Climb by Newton steps, halved while they lead down; may go out of range.

    The plain information misjudges the curvature of a penalised likelihood of
    few events (by two for a single pair), so there it is the start of BFGS.
    """
    quasi = objective == likelihood.penalised
    beta = beta.copy()
    state = objective(beta)
    if len(free) == 0:
        return beta, state, True
    x, block = likelihood.x[:, free], np.ix_(free, free)
    scale = likelihood.scale[free]
    unit = scale[:, None] * scale
    inverse = _inverse(state[2][block], scale)
    if quasi:
        inverse = (
            np.linalg.inv(state[2][block] / unit + 1e-6 * np.eye(len(free))) / unit
        )
    for _ in range(steps):
        step = inverse @ state[1][free]
        gain = step @ state[1][free]
        change = abs(x @ step).max()
        if change < STEP_TOLERANCE:
            return beta, state, True
        step *= min(1.0, 5.0 / change)
        for _ in range(40):
            trial = beta.copy()
            trial[free] += step
            new = objective(trial)
            if new[0] >= state[0] - 1e-13 * (1 + abs(state[0])):
                break
            step = step / 2
        else:
            # No step leads up: what is left is rounding, if little was promised.
            return beta, state, bool(gain < GAIN_TOLERANCE)
        fall = state[1][free] - new[1][free]
        beta, state = trial, new
        if not quasi:
            inverse = _inverse(state[2][block], scale)
        elif step @ fall > 0:
            turn = np.eye(len(free)) - np.outer(step, fall) / (step @ fall)
            inverse = turn @ inverse @ turn.T + np.outer(step, step) / (step @ fall)
    return beta, state, False


def _inverse(information: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Invert the information where it is not flat, in standard deviations."""
    unit = scale[:, None] * scale
    if len(scale) == 1:
        value = information[0, 0] / unit[0, 0]
        return np.array([[1 / value if value > RANK_TOLERANCE else 0.0]]) / unit
    return np.linalg.pinv(information / unit, RANK_TOLERANCE, hermitian=True) / unit


def _fit(
    likelihood: PartialLikelihood,
    beta: np.ndarray,
    free: np.ndarray,
    state: tuple[float, np.ndarray, np.ndarray],
    penalised: bool,
) -> Fit:
    value, score, information = state
    p = len(beta)
    covariance = np.full((p, p), math.nan)
    block = np.ix_(free, free)
    inverse = _inverse(information[block], likelihood.scale[free])
    # In a limit some coefficients may no longer matter.
    flat = abs(np.diag(inverse @ information[block]) - 1) > CONTRAST_TOLERANCE
    inverse[flat, :] = inverse[:, flat] = math.nan
    covariance[block] = inverse
    return Fit(beta, covariance, float(value), score, information, np.zeros(p),
               penalised)  # fmt: skip


def check_estimable(likelihood: PartialLikelihood) -> np.ndarray:
    """Return which columns (p,) vary among the rows at risk at some event.

    Raises MethodError if the varying columns cannot be told apart.
    """
    p = likelihood.x.shape[1]
    information = likelihood.evaluate(np.zeros(p))[2]
    unit = likelihood.scale[:, None] * likelihood.scale
    scaled = information / unit
    varies = np.diag(scaled) > 1e-10
    if varies.sum() > 1:
        kept = scaled[np.ix_(varies, varies)]
        root = np.sqrt(np.diag(kept))
        if np.linalg.eigvalsh(kept / root / root[:, None])[0] < 1e-10:
            raise MethodError("Covariates are collinear and cannot be told apart.")
    return varies


def sandwich(
    likelihood: PartialLikelihood, fit: Fit, cluster: np.ndarray | None = None
) -> np.ndarray:
    """Return the robust covariance (p, p), rows summed within ``cluster`` codes."""
    residuals = likelihood.score_residuals(fit.coefficient)
    change = (likelihood.weight[:, None] * residuals) @ fit.covariance
    if cluster is not None:
        total = np.zeros((int(cluster.max()) + 1, change.shape[1]))
        np.add.at(total, cluster, change)
        change = total
    return change.T @ change


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test statistic; ``sign`` tells the side when ``df`` is 1."""

    statistic: float
    df: int
    sign: float = 0.0


def wald_test(fit: Fit, covariance: np.ndarray, columns: list[int]) -> ChiSquare:
    """Test that the coefficients of ``columns`` are zero by their covariance."""
    b, v = fit.coefficient[columns], covariance[np.ix_(columns, columns)]
    if fit.infinite[columns].any() or not np.isfinite(v).all():
        return ChiSquare(math.nan, len(columns))
    unit = np.sqrt(np.diag(v))
    z, correlation = b / unit, v / unit / unit[:, None]
    statistic = float(z @ np.linalg.pinv(correlation, hermitian=True) @ z)
    return ChiSquare(statistic, len(columns), float(np.sign(b[0])))


def likelihood_ratio_and_score_tests(
    likelihood: PartialLikelihood, fit: Fit, columns: list[int]
) -> tuple[ChiSquare, ChiSquare]:
    """Test that the coefficients of ``columns`` are zero by refitting without them.

    The ratio is of penalised likelihoods if the fit is; the score test never is.
    """
    fixed = dict.fromkeys(columns, 0.0)
    null = maximise(likelihood, fixed=fixed)
    first = columns[0]
    side = float(fit.infinite[first] or np.sign(fit.coefficient[first]))
    below = maximise(likelihood, fixed=fixed, penalised=True) if fit.penalised else null
    ratio = max(0.0, 2 * (fit.log_likelihood - below.log_likelihood))
    score = math.nan
    if not null.infinite.any():
        inverse = _inverse(null.information, likelihood.scale)
        score = float(null.score @ inverse @ null.score)
    df = len(columns)
    return (
        ChiSquare(ratio, df, side),
        ChiSquare(score, df, float(np.sign(null.score[first]))),
    )


def profile_limits(
    likelihood: PartialLikelihood, fit: Fit, column: int, conf_level: float
) -> tuple[float, float]:
    """Return the profile-likelihood limits of one coefficient.

    A limit on the side of an infinite estimate is infinite.
    """
    quantile = float(ndtri((1 + conf_level) / 2) ** 2)
    unit = 1 / likelihood.scale[column]
    warm = {"start": fit.coefficient}

    def excess(b: float) -> tuple[float, float]:
        best = maximise(
            likelihood,
            fixed={column: b},
            start=warm["start"],
            penalised=fit.penalised,
        )
        if not best.infinite.any():
            warm["start"] = best.coefficient
        drop = 2 * (fit.log_likelihood - best.log_likelihood)
        return drop - quantile, -2 * float(best.score[column])

    limits = []
    for side in (-1.0, 1.0):
        warm["start"] = fit.coefficient
        if fit.infinite[column] == side:
            limits.append(side * math.inf)
        elif fit.infinite[column]:
            limits.append(_cross(excess, 0.0, -side * math.inf, side, unit))
        else:
            b = float(fit.coefficient[column])
            error = math.sqrt(fit.covariance[column, column])
            reach = side * min(math.sqrt(quantile) * error, 5 * unit)
            limits.append(_cross(excess, b + reach, b, side, unit))
    return limits[0], limits[1]


def _cross(
    excess: Callable[[float], tuple[float, float]],
    guess: float,
    inside: float,
    side: float,
    unit: float,
) -> float:
    """Find where ``excess`` turns positive going to ``side``: guarded Newton.

    ``inside`` is a point (perhaps infinite) known to lie before the crossing.
    """
    b, outside = guess, side * math.inf
    for _ in range(100):
        value, slope = excess(b)
        if abs(value) < 1e-12:
            return b
        inside, outside = (b, outside) if value < 0 else (inside, b)
        step = -value / slope if slope * side > 0 else -side * value * math.inf
        step = math.copysign(min(abs(step), 5 * unit), step)
        new = b + step
        if not min(inside, outside) < new < max(inside, outside):
            new = (inside + outside) / 2
        if abs(new - b) < 1e-11 * unit + 1e-15 * abs(b):
            return new
        b = new
    return math.nan
