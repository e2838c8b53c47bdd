"""Means and their differences: t tests and standardised differences.

All are made from means, standard deviations and n, as printed or taken from rows, and
take arrays of them. The two-sample test is scipy's; its standard error, df and limits
are our own, as are the one-sample test and Cohen's d: from means scipy gives none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri, stdtr, stdtrit

from reanalysis.errors import MethodError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TTest:
    """A t test of a mean or a difference of means; every field may be an array."""

    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    statistic: Floats
    df: Floats
    p_value: Floats


def moments(values: ArrayLike) -> tuple[float, float]:
    """Return mean and standard deviation; a single value or equal ones have none."""
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise MethodError("There are no values.")
    # Equal values may have a spread of 1e-17 in floating point.
    sd = float(array.std(ddof=1)) if np.ptp(array) > 0 else 0.0
    return float(array.mean()), sd


def one_sample_t(
    mean: ArrayLike,
    sd: ArrayLike,
    n: float,
    *,
    level: float = 0.95,
    alternative: str = "two-sided",
) -> TTest:
    """One-sample (paired) t test of ``mean`` against zero; arrays broadcast."""
    if n < 2:
        raise MethodError("A t test needs at least two values.")
    mean, df = np.asarray(mean, dtype=float), np.asarray(n - 1.0)
    std_error = np.asarray(sd, dtype=float) / math.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / std_error
    if alternative == "two-sided":
        p = np.minimum(2 * stdtr(df, -np.abs(t)), 1)
    else:
        p = stdtr(df, -t if alternative == "greater" else t)
    return TTest(mean, std_error, *_t_limits(mean, std_error, df, level), t, df, p)


def two_sample_t(
    difference: ArrayLike,
    sd: ArrayLike,
    n: float,
    sd_ref: ArrayLike,
    n_ref: float,
    *,
    equal_variance: bool = False,
    level: float = 0.95,
    alternative: str = "two-sided",
) -> TTest:
    """Welch's or Student's t test of a difference of two means; arrays broadcast.

    ``sd, n`` belong to the group, ``sd_ref, n_ref`` to the reference.
    """
    from scipy.stats import ttest_ind_from_stats

    sd, sd_ref = np.asarray(sd, dtype=float), np.asarray(sd_ref, dtype=float)
    if min(n, n_ref) < 1 or n + n_ref < 3 or (min(n, n_ref) < 2 and not equal_variance):
        raise MethodError("A t test needs at least two values in each group.")
    if equal_variance:
        df = np.asarray(n + n_ref - 2.0)
        std_error = pooled_sd(sd, n, sd_ref, n_ref) * math.sqrt(1 / n + 1 / n_ref)
    else:
        a, b = sd**2 / n, sd_ref**2 / n_ref
        std_error = np.sqrt(a + b)
        with np.errstate(invalid="ignore"):
            df = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (n_ref - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t, p = ttest_ind_from_stats(
            difference, sd, n, 0.0, sd_ref, n_ref, equal_variance, alternative
        )
    difference = np.asarray(difference, dtype=float)
    limits = _t_limits(difference, std_error, df, level)
    return TTest(difference, std_error, *limits, t, df, p)


def pooled_sd(sd: ArrayLike, n: float, sd_ref: ArrayLike, n_ref: float) -> Floats:
    """Return the pooled standard deviation of two groups."""
    # A single value has no spread of its own and no degree of freedom to add.
    a = (n - 1) * np.square(sd) if n > 1 else 0.0
    b = (n_ref - 1) * np.square(sd_ref) if n_ref > 1 else 0.0
    return np.sqrt((a + b) / (n + n_ref - 2))


def standardized_difference(
    difference: ArrayLike,
    pooled: ArrayLike,
    n: float,
    n_ref: float,
    *,
    unbiased: bool = False,
    level: float = 0.95,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return Cohen's d, its standard error and its limits; arrays broadcast.

    ``unbiased`` makes it Hedges' g by the exact factor. The interval is the
    large-sample one of Hedges and Olkin (1985, section 5.F).
    """
    df = n + n_ref - 2
    factor = 1.0
    if unbiased:
        factor = math.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) * math.sqrt(2 / df)
    # A spread of 0 is met only at the edge of what printed numbers allow.
    with np.errstate(divide="ignore", invalid="ignore"):
        d = factor * np.asarray(difference, dtype=float) / pooled
        std_error = np.sqrt(1 / n + 1 / n_ref + d**2 / (2 * (n + n_ref)))
        margin = ndtri((1 + level) / 2) * std_error
        return d, std_error, d - margin, d + margin


def _t_limits(
    difference: Floats, std_error: Floats, df: Floats, level: float
) -> tuple[Floats, Floats]:
    margin = stdtrit(df, (1 + level) / 2) * std_error
    return difference - margin, difference + margin
