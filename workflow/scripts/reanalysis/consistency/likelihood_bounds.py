"""What a Cox model's estimate and limits leave open for its tests.

For two groups the information I(b) of the partial likelihood is a sum of w (1 - w)
over the events, w being a logistic function of b (Efron's and Breslow's ties alike;
in the exact likelihood a sum of independent 0/1 variables). Hence the slope of log I
lies between -1 and 1, and I at the estimate bounds the likelihood everywhere: the
profile limits, the likelihood ratio and the score test. Strata change nothing;
covariates, penalties, weights and robust variances do.

The bounds are strict, with no appeal to large samples: with few events they are wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr

Ends = tuple[float, float]


def _above(x: float) -> float:
    """Return e^x - 1 - x, twice the deviance of steepest growth for information 1."""
    return math.expm1(x) - x if x < 600 else math.inf


def _below(x: float) -> float:
    return math.expm1(-x) + x


def information_of_profile(upper: Ends, lower: Ends, z: float) -> Ends | None:
    """Return the information at the estimate that profile limits allow.

    ``upper`` and ``lower`` are the ranges of the distances from the estimate to the
    limits (log scale). None: no likelihood has limits so far apart in size.
    """
    least, most = 0.0, math.inf
    for near, far in (upper, lower):
        least = max(least, z * z / 2 / _above(far)) if far > 0 else math.inf
        if near > 0:
            most = min(most, z * z / 2 / _below(near))
    return (least, most) if least <= most * (1 + 1e-9) else None


def likelihood_ratio(x: float) -> Ends:
    """Return the bounds of the statistic at log ratio x, for information 1."""
    return 2 * _below(x), 2 * _above(x)


def score(x: float) -> Ends:
    """Return the bounds of the score statistic U^2/I(0), for information 1 at x.

    U is the integral of I from 0 to x. For each I(0) that the slope allows it is
    largest where log I rises as far as it can and falls again, least the other way
    round; I(0) is gone through on a grid, whose step is given away.
    """
    x = min(x, 300.0)
    start, step = np.linspace(-x, x, 201, retstep=True)
    turn = (x - start) / 2
    most = np.exp(start) * np.expm1(turn) + np.expm1(x - turn)
    turn = (x + start) / 2
    least = -np.exp(start) * np.expm1(-turn) - np.expm1(turn - x)
    slack = math.exp(2 * step)
    return (
        float((least**2 * np.exp(-start)).min()) / slack,
        float((most**2 * np.exp(-start)).max()) * slack,
    )


def statistics(x: Ends, information: Ends) -> Iterator[tuple[str, Ends]]:
    """Yield each test and the range of its |z|, x being the range of |log ratio|."""
    for name, bounds in (("likelihood ratio", likelihood_ratio), ("score", score)):
        low, high = bounds(x[0])[0] * information[0], bounds(x[1])[1] * information[1]
        yield name, (math.sqrt(max(low, 0.0)), math.sqrt(high))


def tests_of_cox(estimate: Ends | None, low: Ends, high: Ends, z: float) -> Ends | None:
    """Return the range of |z| of every two-sided test, all on the log scale.

    The limits are read as Wald's and as those of the profile likelihood. None: they
    can be neither, given the estimate.
    """
    found: list[Ends] = []
    middle = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    wide = (high[0] - low[1]) / 2, (high[1] - low[0]) / 2
    if wide[1] <= 0:
        return None
    centre = middle
    if estimate is not None:
        centre = max(middle[0], estimate[0]), min(middle[1], estimate[1])
    if centre[0] <= centre[1]:
        most = (z / wide[0]) ** 2 if wide[0] > 0 else math.inf
        information = (z / wide[1]) ** 2, most
        x = _distance(centre)
        found += [(x[0] * z / wide[1], x[1] * math.sqrt(most))]
        found += [ends for _, ends in statistics(x, information)]
    if estimate is not None:
        upper = high[0] - estimate[1], high[1] - estimate[0]
        lower = estimate[0] - low[1], estimate[1] - low[0]
        information = information_of_profile(upper, lower, z)
        if information is not None:
            x = _distance(estimate)
            found += [(x[0] * information[0] ** 0.5, x[1] * information[1] ** 0.5)]
            found += [ends for _, ends in statistics(x, information)]
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _distance(ends: Ends) -> Ends:
    """Return the least and greatest distance from 0."""
    near = 0.0 if ends[0] <= 0 <= ends[1] else min(map(abs, ends))
    return near, max(map(abs, ends))


def two_sided(z: Ends) -> Ends:
    """Return the range of the two-sided p of a range of |z|."""
    return 2 * float(ndtr(-z[1])), 2 * float(ndtr(-z[0]))
