"""Two survival curves compared at one time.

On a scale of S(t) with Greenwood's variance (Klein, Logan, Harhoff and Andersen, Stat
Med 2007;26:4505-4519), and by the melded beta product, which needs no large sample
(Fay, Proschan and Brittain, Biometrics 2015;71:146-156).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, ndtri, xlog1py, xlogy

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.roots import false_position
from reanalysis.survival.risk_sets import Floats, FollowUp
from reanalysis.survival.survival_curve import product_limit
from reanalysis.survival.survival_limits import beta_cdf, beta_products, beta_quantile

#: Scales on which two probabilities can be compared.
SCALES = ("plain", "log", "log-log", "arcsine", "logit")
#: Nodes of the integral over a beta law.
_NODES = 100
Law = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Point:
    """A curve at one time: S, Greenwood's error of log S, and the two bounding laws.

    ``above`` and ``below`` are the parameters of beta laws
    (:func:`reanalysis.survival.survival_limits.beta_products`), None with late entry.
    """

    survival: float
    log_error: float
    above: tuple[float, float] | None
    below: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contrast of two probabilities with its limits."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float


def point(rows: FollowUp, time: float) -> Point:
    """Read a group's curve at a time.

    Raises :class:`MethodError` when nobody of the group is left then and the curve
    has not come down to 0: S(t) is unknown there.
    """
    curve = product_limit(rows)
    last = float(curve.times[-1])
    step = int(curve.at([time])[0])
    if time > last * (1 + 1e-9) and curve.survival[-1] > 0:
        raise MethodError(f"nobody is followed beyond {last:g}")
    above = below = None
    if not rows.late_entry:
        laws = beta_products(curve.at_risk, curve.events)
        above, below = (
            (float(a[step + 1]), float(b[step + 1]))
            for a, b in (laws.above, laws.below)
        )
    if step < 0:
        return Point(1.0, 0.0, above, below)
    return Point(
        float(curve.survival[step]), float(curve.log_error[step]), above, below
    )


def z_statistic(group: Point, reference: Point, scale: str) -> float:
    """Return the difference of two probabilities on a scale over its standard error.

    It is positive where the group survives longer, on every scale. Each group's
    variance is its own. Raises :class:`MethodError` where a curve is 0 or 1: there
    the scale, or Greenwood's variance, says nothing.
    """
    for where in (group, reference):
        if where.survival in (0.0, 1.0):
            raise MethodError(
                f"a curve is {where.survival:g} then, where Greenwood's variance "
                "gives no test"
            )
    difference = _value(group.survival, scale) - _value(reference.survival, scale)
    variance = sum(
        (_slope(p.survival, scale) * p.survival * p.log_error) ** 2
        for p in (group, reference)
    )
    return difference / math.sqrt(variance)


def _value(s: float, scale: str) -> float:
    match scale:
        case "plain":
            return s
        case "log":
            return math.log(s)
        case "log-log":
            return -math.log(-math.log(s))
        case "arcsine":
            return math.asin(math.sqrt(s))
        case "logit":
            return math.log(s / (1 - s))
    raise MethodError(f"There is no scale {scale!r}.")


def _slope(s: float, scale: str) -> float:
    match scale:
        case "plain":
            return 1.0
        case "log":
            return 1 / s
        case "log-log":
            return -1 / (s * math.log(s))
        case "arcsine":
            return 0.5 / math.sqrt(s * (1 - s))
    return 1 / (s * (1 - s))


def difference(group: Point, reference: Point, conf_level: float = 0.95) -> Comparison:
    """Return S - S of the reference with the plain (Wald) limits, cut at -1 and 1.

    No limits where a curve is 0 or 1, whose variance Greenwood puts at 0.
    """
    found = group.survival - reference.survival
    if {group.survival, reference.survival} & {0.0, 1.0}:
        return Comparison(found, NAN, NAN, NAN)
    error = math.hypot(*(p.survival * p.log_error for p in (group, reference)))
    reach = float(ndtri((1 + conf_level) / 2)) * error
    return Comparison(found, error, max(found - reach, -1.0), min(found + reach, 1.0))


def difference_from_limits(
    group: Point,
    reference: Point,
    limits: tuple[tuple[float, float], tuple[float, float]],
) -> Comparison:
    """Return the difference with limits made from each group's own.

    ``limits`` are those of S of the group and of the reference. The distances from
    estimate to limit are combined as those of independent numbers (MOVER; Zou and
    Donner, Stat Med 2008;27:1693-1702), as Newcombe does for two proportions.
    """
    found = group.survival - reference.survival
    (low, high), (other_low, other_high) = limits
    return Comparison(
        found,
        NAN,
        found - math.hypot(group.survival - low, other_high - reference.survival),
        found + math.hypot(high - group.survival, reference.survival - other_low),
    )


def ratio(group: Point, reference: Point, conf_level: float = 0.95) -> Comparison:
    """Return S over S of the reference with limits on the log scale.

    ``std_error`` is that of the logarithm. nan where the reference is 0, and no
    limits where a curve is 0 or 1.
    """
    if not reference.survival:
        return Comparison(NAN, NAN, NAN, NAN)
    found = group.survival / reference.survival
    if {group.survival, reference.survival} & {0.0, 1.0}:
        return Comparison(found, NAN, NAN, NAN)
    error = math.hypot(group.log_error, reference.log_error)
    reach = float(ndtri((1 + conf_level) / 2)) * error
    return Comparison(found, error, found * math.exp(-reach), found * math.exp(reach))


def melded_p_value(
    group: Point, reference: Point, alternative: str = "two-sided"
) -> float:
    """Return the p-value of the melded beta product test.

    Without censoring it is Fisher's exact test; two-sided is twice the smaller side.
    Raises :class:`MethodError` with late entry.
    """
    (below, above), (other_below, other_above) = _laws(group), _laws(reference)
    greater = _below(below, other_above, "difference")(0.0)
    less = _below(other_below, above, "difference")(0.0)
    if alternative == "greater":
        return min(greater, 1.0)
    return min(less, 1.0) if alternative == "less" else min(1.0, 2 * min(greater, less))


def melded_limits(
    group: Point,
    reference: Point,
    *,
    contrast: str = "difference",
    conf_level: float = 0.95,
) -> tuple[float, float]:
    """Return the melded limits of the ``difference`` or the ``ratio`` of S.

    A limit of the ratio that is infinite is nan. Raises :class:`MethodError` with
    late entry.
    """
    tail = (1 - conf_level) / 2
    (below, above), (other_below, other_above) = _laws(group), _laws(reference)
    ends = (-1.0, 1.0) if contrast == "difference" else (0.0, 1.0)

    def limit(first: Law, second: Law, p: float) -> float:
        chance = _below(first, second, contrast)

        def share(x: float) -> float:
            # A ratio is met as x / (1 - x).
            place = x if contrast == "difference" else x / max(1 - x, 1e-15)
            return chance(place) - p

        found = false_position(share, *ends)
        if contrast == "difference":
            return found
        return found / (1 - found) if found < 1 - 1e-9 else math.inf

    low = limit(below, other_above, tail)
    high = limit(above, other_below, 1 - tail)
    return tuple(x if math.isfinite(x) else NAN for x in (low, high))


def _laws(where: Point) -> tuple[Law, Law]:
    """Return the laws below and above a probability."""
    if where.below is None or where.above is None:
        raise MethodError("the melded beta product is not defined with late entry")
    return tuple((np.array(a), np.array(b)) for a, b in (where.below, where.above))


def _below(first: Law, second: Law, contrast: str) -> Callable[[float], float]:
    """Return x -> P(first - second <= x), or x -> P(first <= x second)."""
    if not (first[0] > 0 and first[1] > 0):
        return _point_below(float(first[1] == 0), second, contrast)
    if not (second[0] > 0 and second[1] > 0):
        at = float(second[1] == 0)
        if contrast == "difference":
            return lambda x: float(beta_cdf(first, np.array(x + at)))
        return lambda x: float(beta_cdf(first, np.array(x * at)))
    a, b = map(float, second)
    scale = -float(betaln(a, b))
    low, high = (float(beta_quantile(second, p)) for p in (1e-15, 1 - 1e-15))

    def chance(x: float) -> float:
        # Below the ends first cannot be so small, above them it always is.
        if contrast == "difference":
            ends = max(low, -x), 1 - x
        else:
            ends = low, 1 / max(x, 1e-300)
        above = float(1 - beta_cdf(second, np.array(ends[1])))
        start, end = ends[0], min(ends[1], high)
        if not start < end:
            return above
        y = start + (end - start) * _PLACE
        density = np.exp(scale + xlogy(a - 1, y) + xlog1py(b - 1, -y))
        met = beta_cdf(first, y + x if contrast == "difference" else y * x)
        return above + (end - start) * float(np.sum(_WEIGHT * density * met))

    return chance


def _point_below(at: float, second: Law, contrast: str) -> Callable[[float], float]:
    """Return :func:`_below` of a law at one point: the chance of lying above it."""

    def chance(x: float) -> float:
        end = at - x if contrast == "difference" else at / max(x, 1e-300)
        if not (second[0] > 0 and second[1] > 0):
            return float(float(second[1] == 0) >= end)
        return float(1 - beta_cdf(second, np.array(end)))

    return chance


def _unit() -> tuple[Floats, Floats]:
    # Nodes crowd at both ends, where a beta law may be infinite.
    x, w = np.polynomial.legendre.leggauss(_NODES)
    x, w = (x + 1) / 2, w / 2
    return x**3 * (10 - 15 * x + 6 * x**2), w * 30 * x**2 * (1 - x) ** 2


_PLACE, _WEIGHT = _unit()
