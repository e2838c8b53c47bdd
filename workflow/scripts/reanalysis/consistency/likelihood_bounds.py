"""What a Cox model's estimate and limits leave open for its tests.

For two groups the information I(b) of the partial likelihood is a sum of w (1 - w)
over the events, w being a logistic function of b (Efron's and Breslow's ties alike;
in the exact likelihood a sum of independent 0/1 variables). Hence the slope of log I
lies between -1 and 1, and I at the estimate bounds the likelihood everywhere: the
profile limits, the likelihood ratio and the score test. Strata change nothing;
covariates, penalties, weights and robust variances do.

The bounds are strict, with no appeal to large samples: with few events they are wide.

Where the events d1 and d0 are printed they are much closer. At the estimate the mean of
w over all D events is d1/D, and I/D is the mean of w (1 - w): two moments of a
distribution on [0, 1], between which and the third (the slope of I) lies little room.
From the estimate I is followed along the paths on which the slope is as large or as
small as the moments allow, with one change between the two. Of these paths a
hundredth is given away; they are used for remarks, never for proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

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


#: Steps and changes of the followed paths, and what is given away for them.
_STEPS, _CHANGES, _SLACK = 40, 9, 0.01


def followed(
    x: float, sign: float, events: tuple[int, int], information: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (integral of I), deviance and I at distance x from the estimate.

    One row for each value of the information, one column a path; ``sign`` is the
    direction in which is walked. E[w^3] lies between m2^2/m1 and
    m2 - (m1 - m2)^2/(1 - m1), m1 and m2 being the first moments.
    """
    total = sum(events)
    shape = (information.size, 2 * _CHANGES)
    m1 = np.full(shape, events[0] / total)
    q = np.minimum(np.broadcast_to(information[:, None] / total, shape), m1 * (1 - m1))
    gathered, deviance = np.zeros_like(m1), np.zeros_like(m1)
    change = np.tile(np.linspace(0, 1, _CHANGES), 2)
    first = np.repeat([True, False], _CHANGES)
    step = x / _STEPS

    def slope(m1: np.ndarray, q: np.ndarray, upwards: np.ndarray) -> np.ndarray:
        m2 = m1 - q
        third = np.where(
            upwards == (sign > 0),
            m2 - q * q / np.maximum(1 - m1, 1e-12),
            m2 * m2 / np.maximum(m1, 1e-12),
        )
        return sign * (m1 - 3 * m2 + 2 * third)

    for i in range(_STEPS):
        upwards = first == ((i + 0.5) / _STEPS < change)
        one = slope(m1, q, upwards)
        m1_to, q_to = _moments(m1 + sign * step * q, q + step * one)
        two = slope(m1_to, q_to, upwards)
        before, q_before = gathered, q
        m1, q = _moments(m1 + sign * step * (q + q_to) / 2, q + step * (one + two) / 2)
        gathered = gathered + step * (q_before + q) / 2
        deviance = deviance + step * (before + gathered)
    return gathered * total, deviance * total, q * total


def _moments(m1: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m1 = np.clip(m1, 1e-9, 1 - 1e-9)
    return m1, np.clip(q, 1e-12, m1 * (1 - m1))


def _with_events(
    x: Ends, signs: set[float], events: tuple[int, int], information: Ends
) -> Ends | None:
    """Return the range of |z| of likelihood-ratio and score tests.

    None: the events do not carry so much information.
    """
    most = events[0] * events[1] / sum(events)
    top = min(information[1], most)
    if information[0] > most * (1 + 1e-9):
        return None
    values = np.linspace(information[0], top, 4)
    squares: list[float] = []
    for sign, distance in product(signs, x):
        gathered, deviance, there = followed(distance, sign, events, values)
        squares += [deviance.min(), deviance.max()]
        if distance > 0:
            tested = gathered**2 / there
            squares += [tested.min(), tested.max()]
    low, high = min(squares), max(squares)
    return math.sqrt(max(low, 0.0)) * (1 - _SLACK), math.sqrt(high) * (1 + _SLACK)


def _profile_with_events(
    upper: Ends, lower: Ends, events: tuple[int, int], z: float, information: Ends
) -> Ends | None:
    """Return which information profile limits at these distances leave."""
    top = min(information[1], events[0] * events[1] / sum(events))
    if information[0] > top * (1 + 1e-9):
        return None
    # Within a cell the deviance lies between the least one at its lower end and the
    # most one at its upper end.
    values = np.linspace(information[0], top, 25)
    fits = np.ones(values.size - 1, dtype=bool)
    for sign, (near, far) in ((1.0, upper), (-1.0, lower)):
        least = followed(max(near, 0.0), sign, events, values)[1].min(axis=1)
        most = followed(far, sign, events, values)[1].max(axis=1)
        fits &= least[:-1] * (1 - 2 * _SLACK) <= z * z
        fits &= z * z <= most[1:] * (1 + 2 * _SLACK)
    if not fits.any():
        return None
    cells = np.flatnonzero(fits)
    return float(values[cells[0]]), float(values[cells[-1] + 1])


@lru_cache(maxsize=4096)
def z_of_cox(
    estimate: Ends | None,
    low: Ends,
    high: Ends,
    z: float,
    events: tuple[int, int] | None = None,
) -> Ends | None:
    """Return the range of |z| of every two-sided test, all on the log scale.

    The limits are read as Wald's and as those of the profile likelihood. None: they
    can be neither, given the estimate and, where known, the events of both groups.
    """
    found: list[Ends] = []
    if events is not None and min(events) < 1:
        events = None
    middle = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    wide = (high[0] - low[1]) / 2, (high[1] - low[0]) / 2
    if wide[1] <= 0:
        return None
    centre = middle
    if estimate is not None:
        centre = max(middle[0], estimate[0]), min(middle[1], estimate[1])
    if centre[0] <= centre[1] + 1e-9:
        most = (z / wide[0]) ** 2 if wide[0] > 0 else math.inf
        information = (z / wide[1]) ** 2, most
        x = _distance(centre)
        found += _tests(x, _signs(centre), information, events)
    if estimate is not None:
        upper = high[0] - estimate[1], high[1] - estimate[0]
        lower = estimate[0] - low[1], estimate[1] - low[0]
        information = information_of_profile(upper, lower, z)
        if information is not None and events is not None:
            information = _profile_with_events(upper, lower, events, z, information)
        if information is not None:
            x = _distance(estimate)
            found += _tests(x, _signs(estimate), information, events)
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _tests(
    x: Ends, signs: set[float], information: Ends, events: tuple[int, int] | None
) -> list[Ends]:
    wald = x[0] * information[0] ** 0.5, x[1] * information[1] ** 0.5
    if events is None:
        return [wald, *(ends for _, ends in statistics(x, information))]
    others = _with_events(x, signs, events, information)
    return [wald, others] if others is not None else []


def _signs(ends: Ends) -> set[float]:
    """Return the directions from the estimate towards no effect."""
    return {-1.0 if end > 0 else 1.0 for end in ends}


def _distance(ends: Ends) -> Ends:
    """Return the least and greatest distance from 0."""
    near = 0.0 if ends[0] <= 0 <= ends[1] else min(map(abs, ends))
    return near, max(map(abs, ends))


def two_sided(z: Ends) -> Ends:
    """Return the range of the two-sided p of a range of |z|."""
    return 2 * float(ndtr(-z[1])), 2 * float(ndtr(-z[0]))
