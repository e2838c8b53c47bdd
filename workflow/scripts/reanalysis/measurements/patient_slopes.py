"""The slope of each patient's values over time, and changes from a baseline.

Least squares and Theil-Sen slopes per patient. Theil's interval is our own: that of
scipy rounds the normal approximation of Kendall's law, which for the four to ten
visits of a patient gives limits that cannot hold their level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from reanalysis.errors import MethodError
from reanalysis.measurements.location import decimal

NAN = math.nan
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of one patient, with limits at the ``level`` they really have."""

    estimate: float
    std_error: float
    low: float
    high: float
    level: float
    method: str
    n: int
    note: str = ""


def ols_slope(time: ArrayLike, value: ArrayLike, *, level: float = 0.95) -> Slope:
    """Least-squares slope of ``value`` on ``time`` (both 1-d) with its t interval.

    From two visits there is a slope but no interval. Raises ``MethodError`` when
    there are fewer than two different times.
    """
    t, y = _series(time, value)
    centred = t - t.mean()
    total = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / total
    df = t.size - 2
    residual = y - y.mean() - slope * centred
    loss = float(residual @ residual)
    if abs(slope) <= slope_noise(t, y):
        slope = 0.0
    if df == 0:
        return Slope(slope, NAN, NAN, NAN, NAN, "", t.size, "from two visits")
    if loss <= 1e-24 * max(float(y @ y), 1e-300):
        note = "the values lie on a line, so there is no interval"
        return Slope(slope, NAN, NAN, NAN, NAN, "", t.size, note)
    std_error = math.sqrt(loss / df / total)
    margin = float(stdtrit(df, (1 + level) / 2)) * std_error
    return Slope(slope, std_error, slope - margin, slope + margin, level, "t", t.size)


def slope_noise(time: ArrayLike, value: ArrayLike) -> float:
    """Return the size below which a slope is noise of the arithmetic, and so zero.

    Values that stay the same would else have slopes with signs and ranks.
    """
    reach = float(np.ptp(np.asarray(time, dtype=float)))
    return 1e-12 * float(np.abs(value).max()) / reach


def theil_sen_slope(time: ArrayLike, value: ArrayLike, *, level: float = 0.95) -> Slope:
    """Median of the slopes between all pairs of visits, with Theil's exact interval.

    The limits are ordered pairwise slopes by Kendall's exact law (Theil 1950;
    Hollander, Wolfe and Chicken 2014, sections 9.2 and 9.3). Times must differ.
    """
    t, y = _series(time, value)
    if np.unique(t).size < t.size:
        raise MethodError("A patient has two values at one time.")
    i, j = np.triu_indices(t.size, 1)
    slopes = np.sort(decimal((y[j] - y[i]) / (t[j] - t[i])))
    middle = float(np.median(slopes))
    below = np.cumsum(inversions_law(t.size))
    k = max(int(np.searchsorted(below, (1 - level) / 2 - 1e-14)), 1)
    reached = float(1 - 2 * below[k - 1])
    if t.size < 3 or reached <= 0:
        note = f"from {t.size} visits, too few for an interval"
        return Slope(middle, NAN, NAN, NAN, NAN, "", t.size, note)
    note = ""
    if reached < level - 1e-12:
        note = (
            f"so few visits allow no more than {100 * reached:.1f} % confidence, "
            "which is the level of this interval"
        )
        level = reached
    low, high = float(slopes[k - 1]), float(slopes[-k])
    return Slope(middle, NAN, low, high, level, "Theil, exact", t.size, note)


@lru_cache(maxsize=64)
def inversions_law(n: int) -> Floats:
    """Return the probabilities of 0, 1, ... discordant pairs among ``n`` values."""
    law = np.ones(1)
    for k in range(2, n + 1):
        law = np.convolve(law, np.full(k, 1 / k))
    return law


def _series(time: ArrayLike, value: ArrayLike) -> tuple[Floats, Floats]:
    t, y = np.asarray(time, dtype=float), np.asarray(value, dtype=float)
    if np.unique(t).size < 2:
        raise MethodError("A slope needs values at two different times.")
    order = np.argsort(t, kind="stable")
    return t[order], y[order]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two means with its limits."""

    estimate: float
    low: float
    high: float
    note: str = ""


def ratio_of_means(after: ArrayLike, before: ArrayLike, *, level: float) -> Ratio:
    """Mean of ``after`` over mean of ``before`` of the same patients.

    Limits by Fieller's theorem with the t distribution of n - 1 degrees of freedom
    (Fieller 1954): the ratios r at which a paired t test does not reject that the
    mean of after - r before is zero.
    """
    y, x = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    if x.size == 0:
        raise MethodError("There are no values.")
    if x.mean() == 0:
        raise MethodError("The baseline mean is zero, so no ratio to it exists.")
    ratio = float(y.mean() / x.mean())
    if x.size < 2:
        return Ratio(ratio, NAN, NAN, "one patient gives no interval")
    t2 = float(stdtrit(x.size - 1, (1 + level) / 2)) ** 2 / x.size
    (sxx, sxy), (_, syy) = np.cov(x, y)
    a = x.mean() ** 2 - t2 * sxx
    b = x.mean() * y.mean() - t2 * sxy
    c = y.mean() ** 2 - t2 * syy
    if np.ptp(y - ratio * x) <= 1e-12 * np.abs(y).max(initial=1e-300):
        return Ratio(ratio, NAN, NAN, "all patients changed by the same share")
    if a <= 0:
        note = "the baseline mean is too uncertain for limits of a ratio (Fieller)"
        return Ratio(ratio, NAN, NAN, note)
    root = math.sqrt(max(b * b - a * c, 0.0))
    return Ratio(ratio, (b - root) / a, (b + root) / a)
