"""Roots of increasing functions, all of an array at once.

Confidence limits are found where a tail probability or a score reaches its
level. Bisection on arrays serves every limit of an interval in one go and needs
no starting value; scipy.optimize would add a fifth of a second to the imports.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def increasing_root(
    function: Callable[[Floats], Floats],
    low: ArrayLike,
    high: ArrayLike,
    halvings: int = 60,
) -> Floats:
    """Return where an increasing function crosses zero between ``low`` and ``high``.

    The function receives and returns arrays of the common shape of the ends;
    where it has one sign throughout, the nearer end is returned.
    """
    low, high = (
        a.astype(float) for a in np.broadcast_arrays(np.asarray(low), np.asarray(high))
    )
    for _ in range(halvings):
        middle = (low + high) / 2
        below = function(middle) < 0
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    return (low + high) / 2


def false_position(
    function: Callable[[float], float], low: float, high: float
) -> float:
    """Return where an increasing function of one number crosses zero.

    Where it has one sign throughout, the nearer end is returned. The end that stays
    is halved (the Illinois rule), so that 10 to 20 calls do.
    """
    at_low, at_high = function(low), function(high)
    if at_low >= 0 or at_high <= 0:
        return low if at_low >= 0 else high
    side = 0
    for _ in range(100):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = function(middle)
        if abs(value) < 1e-14 or high - low < 1e-14:
            return middle
        if value < 0:
            low, at_low = middle, value
            at_high = at_high / 2 if side < 0 else at_high
            side = -1
        else:
            high, at_high = middle, value
            at_low = at_low / 2 if side > 0 else at_low
            side = 1
    return (low + high) / 2
