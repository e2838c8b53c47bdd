"""The survival curve of one group with its limits, median and restricted mean.

Numbers at risk and events come from lifelines' event table. From there it is our
own: lifelines' fitter refuses a first risk set emptied before others enter, has the
log-log interval only, with limits of 0 where the curve is 0, misses the median on a
flat stretch, and gives the variance of min(T, tau) for that of the restricted mean.
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
from reanalysis.risk_sets import Floats, FollowUp, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Product-limit estimate at the distinct ends of follow-up, shapes (times,).

    ``log_error`` is Greenwood's standard error of log S, infinite where S is 0.
    Limits are nan where the scale of the interval has none.
    """

    times: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    log_error: Floats
    conf_low: Floats
    conf_high: Floats

    def at(self, times: Sequence[float] | Floats) -> Ints:
        """Return the index of the step that holds at each time; -1 before the first."""
        # The slack finds a step whose time carries rounding error.
        at = np.asarray(times, dtype=float) * (1 + 1e-9)
        return np.searchsorted(self.times, at, side="right") - 1

    def value(self, times: Sequence[float] | Floats) -> Floats:
        """Return S(t) at each time, carried forward beyond the last."""
        return np.append(self.survival, 1.0)[self.at(times)]


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
    rows: FollowUp, *, interval: str = "log-log", conf_level: float = 0.95
) -> Curve:
    """Estimate the survival curve with pointwise limits.

    ``interval`` is the scale of the limits: ``plain``, ``log``, ``log-log``,
    ``logit`` or ``arcsine``. Limits where the curve is 0 are undefined, as are
    those of the last three scales where it is 1. Raises :class:`MethodError`
    without patients.

    Sources: Kaplan and Meier 1958; Greenwood 1926; the scales as in Klein and
    Moeschberger, Survival Analysis, 2003, section 4.3.
    """
    if not rows.stop.size:
        raise MethodError("There are no patients in this group.")
    start = None if rows.start is None else tuple(rows.start)
    times, at_risk, events = _counts(tuple(rows.stop), tuple(rows.event), start)
    survival = np.cumprod((at_risk - events) / at_risk)
    with np.errstate(divide="ignore"):
        log_error = np.sqrt(np.cumsum(events / (at_risk * (at_risk - events + 0.0))))
    low, high = _limits(survival, ndtri((1 + conf_level) / 2) * log_error, interval)
    return Curve(times, at_risk, events, survival, log_error, low, high)


@lru_cache(maxsize=512)
def _counts(
    stop: tuple[float, ...], event: tuple[int, ...], start: tuple[float, ...] | None
) -> tuple[Floats, Floats, Floats]:
    """Return the times somebody leaves, and who is at risk and has the event then.

    Kept, since settings do not change them: a table takes 4 ms.
    """
    from lifelines.utils import survival_table_from_events

    table = survival_table_from_events(
        np.array(stop), np.array(event), birth_times=start and np.array(start)
    )
    table = table[table["removed"] > 0]
    at_risk, events = table["at_risk"].to_numpy(), table["observed"].to_numpy()
    if start is not None:
        # Who enters at a time is at risk after it: intervals are (start, stop].
        at_risk = at_risk - table["entrance"].to_numpy()
    return table.index.to_numpy(dtype=float), at_risk, events


def _limits(s: Floats, reach: Floats, interval: str) -> tuple[Floats, Floats]:
    with np.errstate(all="ignore"):
        match interval:
            case "plain":
                low, high = np.maximum(s - s * reach, 0), np.minimum(s + s * reach, 1)
            case "log":
                low, high = s * np.exp(-reach), np.minimum(s * np.exp(reach), 1)
            case "log-log":
                low, high = (s ** np.exp(sign * reach / np.log(s)) for sign in (-1, 1))
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


def restricted_mean(curve: Curve, tau: float) -> RestrictedMean:
    """Estimate the mean time up to ``tau``, in the unit of the times.

    The curve is carried forward to ``tau`` when follow-up ends earlier. An event
    that ends the last risk set adds nothing to the variance, as in R's survival
    and survRM2 packages.

    Source: Klein and Moeschberger 2003, section 4.5; Royston and Parmar 2013.
    """
    inside = curve.times < tau
    widths = np.diff(np.concatenate([[0.0], curve.times[inside], [tau]]))
    areas = widths * np.append(1.0, curve.survival[inside])
    at_risk, events = curve.at_risk[inside], curve.events[inside]
    # Where nobody is left the area after it is 0, whatever stands here.
    greenwood = events / (at_risk * np.maximum(at_risk - events, 1))
    after = np.cumsum(areas[::-1])[::-1][1:]
    variance = float((after**2 * greenwood).sum())
    return RestrictedMean(tau, float(areas.sum()), math.sqrt(variance))
