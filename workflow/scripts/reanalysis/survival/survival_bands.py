"""Bands that hold a whole survival curve at once, and their critical values.

The critical values are computed, not read off a table; they agree with the tables of
Klein and Moeschberger (C.3 and C.4) in all four decimals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.roots import false_position
from reanalysis.survival.risk_sets import Floats, FollowUp
from reanalysis.survival.survival_curve import Curve, transformed_limits
from reanalysis.survival.survival_limits import bootstrap_curves


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Simultaneous limits at a curve's times, nan outside ``first`` to ``last``."""

    first: float
    last: float
    critical: float
    conf_low: Floats
    conf_high: Floats


def confidence_band(
    curve: Curve,
    rows: FollowUp,
    *,
    kind: str,
    transform: str = "log-log",
    conf_level: float = 0.95,
    seed: int = 0,
) -> Band:
    """Return the band of a curve from its first event to the last one that leaves some.

    ``kind``: ``hall-wellner``, ``equal-precision``, or ``bootstrap``, an equal
    precision band whose critical value is that of the largest distance between the
    curve and those of resampled patients. ``transform``: ``plain``, ``log-log`` or
    ``arcsine``. Raises :class:`MethodError` without such an event.

    Source: Hall and Wellner, Biometrika 1980;67:133-143; Nair, Technometrics
    1984;26:265-275; Klein and Moeschberger 2003, section 4.4; bootstrap: Akritas,
    JASA 1986;81:1032-1038.
    """
    inside = (curve.events > 0) & (curve.survival > 0)
    if not inside.any():
        raise MethodError("no event leaves patients at risk, so that there is no band")
    first, last = (float(curve.times[inside][k]) for k in (0, -1))
    held = (curve.times >= first) & (curve.times <= last)
    spread = np.where(held, curve.log_error, 0.0)
    share = rows.n * spread**2 / (1 + rows.n * spread**2)
    ends = float(share[held][0]), float(share[held][-1])
    match kind:
        case "hall-wellner":
            critical = hall_wellner_critical(*ends, conf_level)
            reach = critical * (1 + rows.n * spread**2) / math.sqrt(rows.n)
        case "equal-precision":
            critical = equal_precision_critical(*ends, conf_level)
            reach = critical * spread
        case "bootstrap":
            critical = _bootstrap_critical(curve, rows, held, conf_level, seed)
            reach = critical * spread
        case _:
            raise MethodError(f"There is no band of the kind {kind!r}.")
    low, high = transformed_limits(curve.survival, reach, transform)
    return Band(
        first,
        last,
        critical,
        np.where(held, low, np.nan),
        np.where(held, high, np.nan),
    )


def _bootstrap_critical(
    curve: Curve, rows: FollowUp, held: np.ndarray, conf_level: float, seed: int
) -> float:
    drawn = bootstrap_curves(rows, curve.times[held], seed)
    error = curve.survival[held] * curve.log_error[held]
    distance = np.abs(drawn - curve.survival[held]) / error
    return float(np.quantile(distance.max(axis=1), conf_level, method="inverted_cdf"))


@lru_cache(maxsize=256)
def equal_precision_critical(low: float, high: float, conf_level: float) -> float:
    """Return the critical value of an equal precision band.

    ``low`` and ``high`` are n s^2 / (1 + n s^2) at its ends, s^2 being Greenwood's
    variance of log S. It comes from the approximation to the tail of a Brownian
    bridge over its standard deviation that Nair's tables rest on (Miller and
    Siegmund, Biometrics 1982;38:1011-1016).
    """
    if not low < high:
        return float(ndtri((1 + conf_level) / 2))
    width = math.log(high * (1 - low) / (low * (1 - high)))

    def tail(c: float) -> float:
        density = math.exp(-c * c / 2) / math.sqrt(2 * math.pi)
        return density * (4 / c + (c - 1 / c) * width)

    # The tail falls in c from about 1 on.
    return false_position(lambda c: 1 - conf_level - tail(c), 1.0, 12.0)


@lru_cache(maxsize=256)
def hall_wellner_critical(low: float, high: float, conf_level: float) -> float:
    """Return the critical value of a Hall-Wellner band, ends as above.

    It is the quantile of the largest absolute value of a Brownian bridge between
    ``low`` and ``high``: the chance of a path between two points to stay inside is a
    sum over reflections, which is integrated over the points.
    """
    if not low < high:
        return float(ndtri((1 + conf_level) / 2)) * math.sqrt(low * (1 - low))
    return false_position(lambda k: _stays(k, low, high) - conf_level, 0.02, 4.0)


def _stays(k: float, a: float, b: float, nodes: int = 64) -> float:
    """Return P(sup |B(u)| <= k, a <= u <= b) of a Brownian bridge B."""
    unit, weight = np.polynomial.legendre.leggauss(nodes)
    length, wide = b - a, 2 * k
    # Begin: B(a), where its law has mass; end: B(b) given B(a).
    half = min(k, 8 * math.sqrt(a * (1 - a)))
    x, wx = unit * half, weight * half
    wx = wx * np.exp(-(x**2) / (2 * a * (1 - a))) / math.sqrt(2 * math.pi * a * (1 - a))
    variance = length * (1 - b) / (1 - a)
    middle = x * (1 - b) / (1 - a)
    ends = [np.clip(middle + sign * 8 * math.sqrt(variance), -k, k) for sign in (-1, 1)]
    y = (ends[0] + ends[1])[:, None] / 2 + (ends[1] - ends[0])[:, None] / 2 * unit
    wy = (ends[1] - ends[0])[:, None] / 2 * weight
    wy = wy * np.exp(-((y - middle[:, None]) ** 2) / (2 * variance))
    wy /= math.sqrt(2 * math.pi * variance)
    begin, end = x[:, None] + k, y + k
    inside = np.zeros_like(y)
    for m in range(-3, 4):
        for sign, way in ((1, end - begin), (-1, end + begin)):
            inside += sign * np.exp(
                -((way + 2 * m * wide) ** 2 - (end - begin) ** 2) / (2 * length)
            )
    return float(wx @ (wy * inside).sum(axis=1))
