"""How alike two groups are: standardised differences and variance ratios.

Sources: Austin, Stat Med 2009;28:3083-3107 (definitions, shares, the limit of 0.1);
Rubin, Health Serv Outcomes Res Methodol 2001;2:169-188 (variance ratios); Stuart,
Stat Sci 2010;25:1-21 (standard deviation of the treated, kept from before matching).
"""

from __future__ import annotations

import math

import numpy as np

from reanalysis.results import NAN

#: Standardised differences beyond this are read as imbalance (Austin 2009).
IMBALANCE = 0.1


def weighted_moments(values: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of ``values`` (n,) with ``weight`` (n,).

    A share (values 0 and 1 alone) has the variance p (1 - p). Otherwise the divisor
    is that of reliability weights, n - 1 for equal ones; one patient has none (nan).
    """
    total = float(weight.sum())
    if total <= 0:
        return NAN, NAN
    mean = float(weight @ values) / total
    if is_share(values):
        return mean, mean * (1 - mean)
    divisor = total - float(weight @ weight) / total
    if divisor <= 1e-12 * total:
        return mean, NAN
    counted = values[weight > 0]
    if np.ptp(counted) == 0:
        # The weighted mean of equal values is off by rounding, and so is the variance.
        return float(counted[0]), 0.0
    return mean, float(weight @ (values - mean) ** 2) / divisor


def is_share(values: np.ndarray) -> bool:
    """Tell whether a covariate is a yes or no."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def standardized_difference(
    values: np.ndarray,
    treated: np.ndarray,
    weight: np.ndarray,
    *,
    unit: str = "pooled",
    unit_weight: np.ndarray | None = None,
) -> float:
    """Return the difference of the group means in standard deviations.

    ``values, weight`` (n,), ``treated`` (n,) booleans. ``unit``: ``pooled``, the root
    of the mean of the two groups' variances; ``treated``, that of the treated; ``all``
    of everybody. ``unit_weight`` are the weights with which the standard deviation is
    taken (``weight`` if absent; ones for that before matching). nan where it is zero
    and the means differ.
    """
    mean1, _ = weighted_moments(values[treated], weight[treated])
    mean0, _ = weighted_moments(values[~treated], weight[~treated])
    w = weight if unit_weight is None else unit_weight
    if unit == "all":
        _, variance = _moments_of(values, w, values)
    else:
        _, variance = _moments_of(values[treated], w[treated], values)
        if unit == "pooled":
            other = _moments_of(values[~treated], w[~treated], values)[1]
            variance = (variance + other) / 2
    difference = mean1 - mean0
    if abs(difference) < 1e-12 * max(1.0, float(np.abs(values).max())):
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else NAN


def _moments_of(
    own: np.ndarray, weight: np.ndarray, everybody: np.ndarray
) -> tuple[float, float]:
    mean, variance = weighted_moments(own, weight)
    if is_share(own) and not is_share(everybody):
        # A measurement that happens to be 0 or 1 throughout this group.
        divisor = weight.sum() - weight @ weight / weight.sum()
        variance = float(weight @ (own - mean) ** 2) / divisor if divisor else NAN
    return mean, variance


def variance_ratio(
    values: np.ndarray, treated: np.ndarray, weight: np.ndarray
) -> float:
    """Return the variance of the treated over that of the others.

    nan for a share, whose variance follows from its mean, and where a group does not
    vary.
    """
    if is_share(values):
        return NAN
    above = _moments_of(values[treated], weight[treated], values)[1]
    below = _moments_of(values[~treated], weight[~treated], values)[1]
    return above / below if above > 0 and below > 0 else NAN
