"""Relations between printed results that need no patient to be counted.

Hazard ratio, limits, p and test statistic are bound to each other by the way they
were computed. Where that way is not printed the relation is a *reading*: it can
show that numbers do not fit the usual way, never that they are impossible.

Sources: Wald interval and test, e.g. Collett, Modelling Survival Data in Medical
Research, 3rd ed., 3.4; SE from an interval: Parmar, Torri and Stewart, Stat Med
1998;17:2815-34.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri

from reanalysis.consistency.system_reports import Item, Report

#: Names of the tests behind a p, and the reading that it is theirs.
_FROM_LIMITS = "Wald test from the limits"
_FROM_ALL = "Wald test from estimate and limits"
_CHI_SQUARE = "chi-square with 1 df"
_TESTS = {_FROM_LIMITS: "wald", _FROM_ALL: "wald", _CHI_SQUARE: "log-rank"}
READINGS = {
    "wald": "the p is that of the Wald test behind the limits",
    "log-rank": "the p is that of the chi-square statistic",
}

#: Relative slack for noise in the last bits of a computed bound.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Clash:
    """Items that cannot hold together, and the relation that says so.

    ``reading`` is empty for what holds however the numbers were computed.
    """

    items: tuple[str, ...]
    relation: str
    reading: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class PReading:
    """A test that would give a printed p, or not, from the other numbers."""

    item: str
    test: str
    low: float
    high: float
    gives: bool


def of_kind(report: Report, kind: str) -> list[Item]:
    """Return the items of a kind, in printed order."""
    return [one for one in report.items if one.kind == kind]


def normal_quantile(report: Report) -> float:
    """Return the quantile behind the limits (95 % where the level is not said)."""
    return float(ndtri(0.5 + (report.conf_level or 0.95) / 2))


def standard_error(low: Item, high: Item, z: float) -> tuple[float, float]:
    """Return the range of the standard error of the log behind two limits."""
    if low.low <= 0 or high.low <= 0:
        top = math.inf
    else:
        top = (math.log(high.high) - math.log(low.low)) / (2 * z)
    gap = high.low - low.high
    bottom = math.log(high.low / low.high) / (2 * z) if gap > 0 < low.high else 0.0
    return max(bottom, 0.0), top


def wald_p(
    centre: tuple[float, float], error: tuple[float, float]
) -> tuple[float, float]:
    """Return the range of the two-sided p of a log estimate over its error."""
    nearest = 0.0 if centre[0] <= 0 <= centre[1] else min(map(abs, centre))
    farthest = max(map(abs, centre))
    least = nearest / error[1] if error[1] > 0 else math.inf
    most = farthest / error[0] if error[0] > 0 else math.inf
    return 2 * float(ndtr(-most)), 2 * float(ndtr(-least))


def p_readings(report: Report) -> list[PReading]:
    """Return every test whose p follows from other printed numbers, for each p."""
    found = []
    for printed in of_kind(report, "p"):
        for name, _, (low, high) in _implied(report):
            for side, bottom, top in _sides(low, high):
                gives = bottom <= printed.high + _NOISE and top >= printed.low - _NOISE
                found.append(
                    PReading(printed.id, f"{name}, {side}", bottom, top, gives)
                )
    return found


def clashes(report: Report) -> Iterator[Clash]:
    """Yield the sets of comparing items that do not fit each other."""
    yield from _order(report)
    yield from _medians(report)
    yield from _symmetry(report)
    yield from _p_values(report)


def _order(report: Report) -> Iterator[Clash]:
    ordered = [
        (first, second)
        for below, above in (("low", "hr"), ("hr", "high"), ("low", "high"))
        for first, second in product(of_kind(report, below), of_kind(report, above))
    ]
    for first, second in ordered:
        if first.low > second.high:
            yield Clash(
                (first.id, second.id), "an estimate lies between its two limits"
            )


def _medians(report: Report) -> Iterator[Clash]:
    for below, above in (
        ("median_low", "median"),
        ("median", "median_high"),
        ("median_low", "median_high"),
    ):
        for first, second in product(of_kind(report, below), of_kind(report, above)):
            if first.group == second.group and first.low > second.high:
                yield Clash((first.id, second.id), "a median lies between its limits")


def _symmetry(report: Report) -> Iterator[Clash]:
    reading = "" if report.interval == "wald" else "the limits are Wald limits"
    for hr, low, high in product(*(of_kind(report, k) for k in ("hr", "low", "high"))):
        if min(low.low, high.low, hr.high) <= 0 or not math.isfinite(high.high):
            continue
        bottom = math.sqrt(low.low * high.low) * (1 - _NOISE)
        top = math.sqrt(low.high * high.high) * (1 + _NOISE)
        if hr.high < bottom or hr.low > top:
            yield Clash(
                (hr.id, low.id, high.id),
                "a Wald estimate is the geometric mean of its limits, here "
                f"{bottom:.3g} to {top:.3g}",
                reading,
            )


def _p_values(report: Report) -> Iterator[Clash]:
    for printed in of_kind(report, "p"):
        for name, ids, (low, high) in _implied(report):
            sides = list(_sides(low, high))
            if report.alternative:
                sides = [s for s in sides if s[0].startswith(report.alternative)]
            fits = [
                side
                for side, bottom, top in sides
                if bottom <= printed.high + _NOISE and top >= printed.low - _NOISE
            ]
            if any(side == "two-sided" for side in fits):
                continue
            if fits and report.alternative:
                continue
            if report.p_test and report.p_test != _TESTS[name]:
                continue  # the source names another test
            stated = _stated(report, name)
            reading = "" if stated and not fits else READINGS[_TESTS[name]]
            if fits and not report.alternative:
                reading += ", two-sided"
            yield Clash(
                (*ids, printed.id),
                f"{name}: two-sided p would be {low:.2g} to {high:.2g}",
                reading,
                "fits a one-sided p" if fits else "",
            )


def _stated(report: Report, test: str) -> bool:
    """Tell whether the source says that its p is that of this test."""
    if test == _CHI_SQUARE:
        return report.p_test == "log-rank"
    known = report.interval == "wald" and report.conf_level is not None
    return known and report.p_test == "wald"


def _implied(
    report: Report,
) -> Iterator[tuple[str, tuple[str, ...], tuple[float, float]]]:
    """Yield test, ids it rests on, and the range of its two-sided p."""
    z = normal_quantile(report)
    for low, high in product(of_kind(report, "low"), of_kind(report, "high")):
        error = standard_error(low, high, z)
        if low.low <= 0 or not math.isfinite(error[1]) or error[1] <= 0:
            continue
        yield _FROM_LIMITS, (low.id, high.id), _box(low, high, z)
        for hr in of_kind(report, "hr"):
            if hr.low <= 0:
                continue
            centre = (math.log(hr.low), math.log(hr.high))
            yield (
                _FROM_ALL,
                (hr.id, low.id, high.id),
                wald_p(centre, error),
            )
    for statistic in of_kind(report, "chi2"):
        top = 2 * float(ndtr(-math.sqrt(max(statistic.low, 0.0))))
        bottom = 2 * float(ndtr(-math.sqrt(max(statistic.high, 0.0))))
        yield _CHI_SQUARE, (statistic.id,), (bottom, top)


def _box(low: Item, high: Item, z: float) -> tuple[float, float]:
    """Range of the Wald p when the estimate is the middle of its limits.

    z = z_level (a + b) / (b - a) with a, b the logs of the limits is monotone in
    each of them while b > a, so the corners hold the extremes.
    """
    values = []
    for a, b in product(np.log([low.low, low.high]), np.log([high.low, high.high])):
        if b <= a:
            return 0.0, 1.0
        values.append(z * (a + b) / (b - a))
    least = 0.0 if min(values) <= 0 <= max(values) else min(map(abs, values))
    return 2 * float(ndtr(-max(map(abs, values)))), 2 * float(ndtr(-least))


def _sides(low: float, high: float) -> Iterator[tuple[str, float, float]]:
    yield "two-sided", low, high
    yield "one-sided, in the direction found", low / 2, high / 2
    yield "one-sided, against the direction found", 1 - high / 2, 1 - low / 2
