"""The survival curve of one group with its limits, median and restricted mean.

With late entry, numbers at risk and events come from lifelines' event table. From
there it is our own: lifelines' fitter refuses a first risk set emptied before others
enter, has the log-log interval only, with limits of 0 where the curve is 0, misses the
median on a flat stretch, and gives the variance of min(T, tau) for that of the
restricted mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints
from reanalysis.survival.survival_limits import (
    beta_product,
    bootstrap_curves,
    percentiles,
    thomas_grunkemeier,
)

#: Scales of limits made from Greenwood's standard error.
SCALES = ("log-log", "log", "plain", "logit", "arcsine")
BETA_PRODUCT = ("beta-product", "beta-product-mid-p")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Product-limit estimate at the distinct ends of follow-up, shapes (times,).

    ``log_error`` is Greenwood's standard error of log S, infinite where S is 0.
    Limits are nan where the scale of the interval has none. ``opening`` are those
    before anybody leaves.
    """

    times: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    log_error: Floats
    conf_low: Floats
    conf_high: Floats
    opening: tuple[float, float] = (NAN, NAN)

    def at(self, times: Sequence[float] | Floats) -> Ints:
        """Return the index of the step that holds at each time; -1 before the first."""
        # The slack finds a step whose time carries rounding error.
        at = np.asarray(times, dtype=float) * (1 + 1e-9)
        return np.searchsorted(self.times, at, side="right") - 1

    def value(self, times: Sequence[float] | Floats) -> Floats:
        """Return S(t) at each time, carried forward beyond the last."""
        return np.append(self.survival, 1.0)[self.at(times)]

    def limits(self, step: int) -> tuple[float, float]:
        """Return the limits of a step (:meth:`at`); -1 is before the first."""
        if step < 0:
            return self.opening
        return float(self.conf_low[step]), float(self.conf_high[step])


@dataclass(frozen=True, slots=True)
class Median:
    """Median time with the Brookmeyer-Crowley interval; nan where not reached."""

    time: float
    conf_low: float
    conf_high: float
    #: Whether the curve stays at exactly one half to the end of follow-up.
    open_stretch: bool = False


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Mean time up to ``tau``: the area under the curve, with its standard error."""

    tau: float
    mean: float
    std_error: float


def product_limit(
    rows: FollowUp,
    *,
    interval: str = "log-log",
    conf_level: float = 0.95,
    seed: int = 0,
) -> Curve:
    """Estimate the survival curve with pointwise limits.

    ``interval`` is the scale of the limits (``plain``, ``log``, ``log-log``,
    ``logit`` or ``arcsine``), or ``beta-product``, ``beta-product-mid-p``,
    ``thomas-grunkemeier`` or ``bootstrap`` (percentiles; ``seed`` is for it). On a
    scale limits are undefined where the curve is 0, on the last three also where it
    is 1. Beta product limits always exist, but not with late entry, where they are
    nan. Raises :class:`MethodError` without patients.

    Sources: Kaplan and Meier 1958; Greenwood 1926; the scales as in Klein and
    Moeschberger, Survival Analysis, 2003, section 4.3; for the others
    :mod:`reanalysis.survival.survival_limits`.
    """
    if not rows.stop.size:
        raise MethodError("There are no patients in this group.")
    start = None if rows.start is None else tuple(rows.start)
    times, at_risk, events = _counts(tuple(rows.stop), tuple(rows.event), start)
    survival = np.cumprod((at_risk - events) / at_risk)
    with np.errstate(divide="ignore"):
        log_error = np.sqrt(np.cumsum(events / (at_risk * (at_risk - events + 0.0))))
    reach, opening = float(ndtri((1 + conf_level) / 2)), (NAN, NAN)
    if interval in BETA_PRODUCT:
        low, high = np.full((2, times.size + 1), NAN)
        if not rows.late_entry:
            mid_p = interval == "beta-product-mid-p"
            low, high = beta_product(at_risk, events, conf_level, mid_p=mid_p)
        opening = float(low[0]), float(high[0])
        low, high = low[1:], high[1:]
    elif interval == "thomas-grunkemeier":
        low, high = thomas_grunkemeier(at_risk, events, reach)
    elif interval == "bootstrap":
        low, high = percentiles(bootstrap_curves(rows, times, seed), conf_level)
        undefined = (survival == 0) | (survival == 1)
        low, high = (np.where(undefined, NAN, limit) for limit in (low, high))
    else:
        low, high = transformed_limits(survival, reach * log_error, interval)
    return Curve(times, at_risk, events, survival, log_error, low, high, opening)


@lru_cache(maxsize=512)
def _counts(
    stop: tuple[float, ...], event: tuple[int, ...], start: tuple[float, ...] | None
) -> tuple[Floats, Floats, Floats]:
    """Return the times somebody leaves, and who is at risk and has the event then.

    Kept, since settings do not change them: lifelines' table takes 3 ms. Without late
    entry two calls of numpy count the same, which thousands of members need.
    """
    if start is None:
        times, place, left = np.unique(stop, return_inverse=True, return_counts=True)
        at_risk = np.cumsum(left[::-1])[::-1]
        events = np.bincount(place, np.array(event, dtype=float), minlength=times.size)
        return times, at_risk, events
    from lifelines.utils import survival_table_from_events

    table = survival_table_from_events(
        np.array(stop), np.array(event), birth_times=np.array(start)
    )
    table = table[table["removed"] > 0]
    # Who enters at a time is at risk after it: intervals are (start, stop].
    at_risk = (table["at_risk"] - table["entrance"]).to_numpy()
    events = table["observed"].to_numpy()
    return table.index.to_numpy(dtype=float), at_risk, events


def transformed_limits(
    s: Floats, reach: Floats, interval: str
) -> tuple[Floats, Floats]:
    """Return limits of S on a scale; ``reach`` is a multiple of the error of log S."""
    with np.errstate(all="ignore"):
        match interval:
            case "plain":
                low, high = np.maximum(s - s * reach, 0), np.minimum(s + s * reach, 1)
            case "log":
                low, high = s * np.exp(-reach), np.minimum(s * np.exp(reach), 1)
            case "log-log":
                logs = np.log(s)
                width = np.exp(reach / logs)
                low, high = np.exp(logs / width), np.exp(logs * width)
            case "logit":
                odds, width = s / (1 - s), np.exp(reach / (1 - s))
                low, high = odds / (odds + width), odds / (odds + 1 / width)
            case "arcsine":
                angle, width = np.arcsin(np.sqrt(s)), reach / 2 * np.sqrt(s / (1 - s))
                low = np.sin(np.maximum(angle - width, 0)) ** 2
                high = np.sin(np.minimum(angle + width, np.pi / 2)) ** 2
            case _:
                raise MethodError(f"There is no interval of the type {interval!r}.")
    undefined = (s == 0) | np.isnan(low + high)
    if interval not in ("plain", "log"):
        undefined |= s == 1
    return np.where(undefined, NAN, low), np.where(undefined, NAN, high)


def median(curve: Curve, rule: str = "midpoint") -> Median:
    """Read the median off a curve, and its limits off the curve's limits.

    ``rule`` says which time is the median when the curve is flat at exactly one
    half: the ``midpoint`` of the stretch, its first time (``first_at_or_below``)
    or the first time ``below`` one half. A stretch that lasts to the end of
    follow-up has no midpoint: its first time is given, as R prints it. Whether
    S(t) is one half is decided in integers.

    Source: Brookmeyer and Crowley, Biometrics 1982;38:29-41.
    """
    half = _exactly_half(curve)
    below = (curve.survival < 0.5) & ~half
    first, drop = first_time(curve.times, half | below), first_time(curve.times, below)
    if rule == "below":
        time = drop
    elif rule == "midpoint" and half.any() and not math.isnan(drop):
        time = (first + drop) / 2
    else:
        time = first
    low, high = (
        first_time(curve.times, limit < 0.5 if rule == "below" else limit <= 0.5)
        for limit in (curve.conf_low, curve.conf_high)
    )
    if curve.opening[0] < 0.5 or (curve.opening[0] == 0.5 and rule != "below"):
        # So few patients that one half is inside from the start.
        low = 0.0
    return Median(time, low, high, bool(half.any()) and math.isnan(drop))


def _exactly_half(curve: Curve) -> np.ndarray:
    half = np.abs(curve.survival - 0.5) < 1e-9
    if half.any():
        k = int(half.argmax()) + 1
        exposed = curve.at_risk[:k].tolist()
        left = (curve.at_risk[:k] - curve.events[:k]).tolist()
        if 2 * math.prod(left) != math.prod(exposed):
            half[:] = False
    return half


def first_time(times: Floats, where: np.ndarray) -> float:
    """Return the first time that is marked, nan if none is."""
    return float(times[where.argmax()]) if where.any() else NAN


def restricted_mean(curve: Curve, tau: float, beyond: str = "extend") -> RestrictedMean:
    """Estimate the mean time up to ``tau``, in the unit of the times.

    When follow-up ends earlier, the curve is carried forward to ``tau`` (``extend``)
    or taken as 0 from its end on (``zero``, Efron's tail). An event
    that ends the last risk set adds nothing to the variance, as in R's survival
    and survRM2 packages.

    Source: Klein and Moeschberger 2003, section 4.5; Royston and Parmar 2013.
    """
    inside = curve.times < tau
    widths = np.diff(np.concatenate([[0.0], curve.times[inside], [tau]]))
    areas = widths * np.append(1.0, curve.survival[inside])
    if beyond == "zero" and inside.all():
        areas[-1] = 0.0
    at_risk, events = curve.at_risk[inside], curve.events[inside]
    # Where nobody is left the area after it is 0, whatever stands here.
    greenwood = events / (at_risk * np.maximum(at_risk - events, 1))
    after = np.cumsum(areas[::-1])[::-1][1:]
    variance = float((after**2 * greenwood).sum())
    return RestrictedMean(tau, float(areas.sum()), math.sqrt(variance))


def normal_fields(
    value: float, std_error: float, conf_level: float
) -> dict[str, object]:
    """Return the fields of a row for a normal interval; none with an error of 0."""
    reach = float(ndtri((1 + conf_level) / 2)) * (std_error or NAN)
    return {
        "std_error": std_error or NAN,
        "conf_low": value - reach,
        "conf_high": value + reach,
        "conf_level": conf_level,
        "interval_method": "Wald",
    }
