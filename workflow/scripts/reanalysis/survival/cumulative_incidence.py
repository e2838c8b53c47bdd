"""Cumulative incidence of one cause of an event while other causes compete.

Own code: lifelines' Aalen-Johansen fitter moves tied events of different causes apart
at random, has one variance and one scale, and gives no variance where the last risk
set is emptied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.survival.risk_sets import Floats, Ints
from reanalysis.survival.survival_curve import first_time


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Cumulative incidence at the distinct times of an event, shapes (times,).

    ``survival`` is the share without any event. Limits are nan where their scale has
    none. ``last`` is the last follow-up, 0 without patients.
    """

    times: Floats
    at_risk: Ints
    survival: Floats
    incidence: Floats
    std_error: Floats
    conf_low: Floats
    conf_high: Floats
    last: float

    def at(self, time: float) -> int:
        """Return the index of the step that holds at a time; -1 before the first."""
        # The slack finds a step whose time carries rounding error.
        return int(np.searchsorted(self.times, time * (1 + 1e-9), side="right")) - 1

    def value(self, time: float) -> float:
        """Return the incidence at a time, carried forward beyond the last event."""
        step = self.at(time)
        return float(self.incidence[step]) if step >= 0 else 0.0


@dataclass(frozen=True, slots=True)
class HalfTime:
    """Time by which half the patients had the event; nan where not reached."""

    time: float
    conf_low: float
    conf_high: float


def cumulative_incidence(
    time: Floats,
    cause: Ints,
    of: int = 1,
    *,
    variance: str = "aalen",
    interval: str = "log-log",
    conf_level: float = 0.95,
) -> Incidence:
    """Estimate the share of patients who have had an event of one cause.

    This is the estimator of Aalen and Johansen (Scand J Stat 1978;5:141).

    ``time`` (patients,) ends of follow-up, not negative; ``cause`` (patients,) 0 for
    censored, else the number of the cause. Events precede censorings at their time.

    ``variance``: ``aalen``, from the counting processes with the factor
    (n - d) / (n - 1) for ties (Aalen 1978; cmprsk, SAS); or ``delta``, the multinomial
    form that equals the infinitesimal jackknife (Marubini and Valsecchi 1995; survfit,
    lifelines), F (1 - F) / n without censoring.

    ``interval``: ``plain``, ``log``, ``log-log`` (log(-log F); SAS, Stata), ``cloglog``
    (log(-log(1 - F)), the log-log scale of a survival curve; etm), or ``effective-n``,
    the Clopper-Pearson interval of the number of uncensored patients who would give
    the delta variance (the idea of Dorey and Korn, Stat Med 1987;6:679 for a survival
    curve). Where the incidence is 0 or 1 only the last has limits; it then counts the
    patients whose status is known. Raises :class:`MethodError` without patients.
    """
    if not time.size:
        raise MethodError("There are no patients in this group.")
    times = np.unique(time[cause > 0])
    at_risk = _count(time, times)
    own = _ending(time[cause == of], times)
    every = _ending(time[cause > 0], times)
    survival = np.cumprod(1 - every / at_risk)
    # 1 - 1/3 - 1/3 - 1/3 leaves a hair of rounding.
    survival[at_risk == every] = 0.0
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.minimum(np.cumsum(before * own / at_risk), 1.0)
    nobody_else = np.cumsum(every - own) == 0
    incidence[nobody_else & (survival == 0)] = 1.0
    counts = (at_risk, own, every, before, survival, incidence)
    if variance == "aalen":
        error = np.sqrt(_aalen(*counts))
    elif variance == "delta":
        error = np.sqrt(_delta(*counts))
    else:
        raise MethodError(f"There is no variance of the type {variance!r}.")
    error[(incidence == 0) | (incidence == 1)] = 0.0
    if interval == "effective-n":
        known = at_risk - every + np.cumsum(every)
        low, high = _effective(incidence, _delta(*counts), known, time.size, conf_level)
    else:
        low, high = _limits(
            incidence, error * float(ndtri((1 + conf_level) / 2)), interval
        )
    return Incidence(
        times, at_risk, survival, incidence, error, low, high, float(time.max())
    )


def as_censored(cause: Ints, of: int = 1) -> Ints:
    """Return the causes with all but one taken as censored: what 1 - KM estimates."""
    return np.where(cause == of, cause, 0)


def half_time(curve: Incidence) -> HalfTime:
    """Read off when the incidence reaches one half, and its limits off the limits.

    Where the curve stays at exactly one half, its first time is given. Source of the
    interval: Brookmeyer and Crowley, Biometrics 1982;38:29-41, for a survival curve.
    """
    early, late = (
        first_time(curve.times, limit >= 0.5)
        for limit in (curve.conf_high, curve.conf_low)
    )
    return HalfTime(first_time(curve.times, curve.incidence > 0.5 - 1e-9), early, late)


def _count(time: Floats, at: Floats) -> Ints:
    return time.size - np.searchsorted(np.sort(time), at)


def _ending(time: Floats, at: Floats) -> Ints:
    return np.bincount(np.searchsorted(at, time), minlength=at.size)


def _rise(survival: Floats, incidence: Floats) -> Floats:
    """Return (F(t) - F(s)) / S(s) for t in rows and s in columns, 0 where s > t."""
    gain = incidence[:, None] - incidence
    room = np.where(survival > 0, survival, 1.0)
    return np.where((gain > 0) & (survival > 0), gain / room, 0.0)


def _aalen(
    n: Ints, own: Ints, every: Ints, before: Floats, survival: Floats, f: Floats
) -> Floats:
    rise, past = _rise(survival, f), np.tri(n.size, dtype=bool)

    def spread(d: Ints) -> Floats:
        return before**2 * d * (n - d) / (n**2 * np.maximum(n - 1.0, 1)) + (
            # One patient at risk: the factor for ties is 1 for a single event.
            before**2 * ((n == 1) & (d == 1))
        )

    parts = (1 - rise) ** 2 * spread(own) + rise**2 * spread(every - own)
    return np.where(past, parts, 0.0).sum(axis=1)


def _delta(
    n: Ints, own: Ints, every: Ints, before: Floats, survival: Floats, f: Floats
) -> Floats:
    gain = np.where(np.tri(n.size, dtype=bool), f[:, None] - f, 0.0)
    # Where all at risk have an event, nothing can be gained afterwards.
    greenwood = every / (n * np.maximum(n - every, 1.0))
    first = gain**2 @ greenwood
    second = np.cumsum(before**2 * own * (n - own) / n**3)
    return np.maximum(first + second - 2 * gain @ (before * own / n**2), 0.0)


@np.errstate(all="ignore")
def _limits(f: Floats, reach: Floats, interval: str) -> tuple[Floats, Floats]:
    match interval:
        case "plain":
            low, high = np.maximum(f - reach, 0), np.minimum(f + reach, 1)
        case "log":
            low, high = f * np.exp(-reach / f), np.minimum(f * np.exp(reach / f), 1)
        case "log-log":
            low, high = (f ** np.exp(s * reach / (f * np.log(f))) for s in (-1, 1))
        case "cloglog":
            s = 1 - f
            low, high = (1 - s ** np.exp(w * reach / (s * np.log(s))) for w in (1, -1))
        case _:
            raise MethodError(f"There is no interval of the type {interval!r}.")
    undefined = (f == 0) | (f == 1) | (reach == 0) | np.isnan(low + high)
    return np.where(undefined, NAN, low), np.where(undefined, NAN, high)


def _effective(
    f: Floats, variance: Floats, known: Ints, most: int, conf_level: float
) -> tuple[Floats, Floats]:
    inside = (f > 0) & (f < 1)
    n = np.where(inside, f * (1 - f) / np.where(variance > 0, variance, 1.0), known)
    n = np.clip(n, 1.0, most)
    return binomial_limits(f, n, conf_level)


def binomial_limits(
    share: Floats, n: Floats, conf_level: float
) -> tuple[Floats, Floats]:
    """Return Clopper-Pearson limits of a share of n, which need not be whole."""
    tail, x = (1 - conf_level) / 2, share * n
    with np.errstate(all="ignore"):
        low = np.where(share > 0, betaincinv(x, n - x + 1, tail), 0.0)
        high = np.where(share < 1, betaincinv(x + 1, n - x, 1 - tail), 1.0)
    return low, high


def limits_of_none(known: int, conf_level: float) -> tuple[float, float]:
    """Return the Clopper-Pearson limits of no event among patients of known status."""
    if known < 1:
        return NAN, NAN
    return 0.0, 1 - math.pow((1 - conf_level) / 2, 1 / known)
