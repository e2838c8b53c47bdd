"""Printed points of a Kaplan-Meier curve against n, each other and the median."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import (
    Item,
    Report,
    contradiction,
    finding,
    item,
    listed,
    named,
    time_point,
    whole,
)

_EPS = 1e-9


def curves(report: Report) -> Iterator[Check]:
    """Check each printed curve: one group, one endpoint, one source."""
    places: dict[tuple, dict[float, Item]] = {}
    for claim in report.claims:
        time = time_point(claim["timepoint"])
        if (
            claim["statistic"] == "survival_probability"
            and claim["field"] == "estimate"
            and claim["relation"] == "="
            and time is not None
        ):
            point = item(claim)
            if point is not None:
                # Points in different units are not put on one axis.
                key = (*_place(claim), time[1])
                places.setdefault(key, {}).setdefault(time[0], point)
    for key, points in places.items():
        place, unit = key[:-1], key[-1]
        ordered = sorted(points.items())
        claim = ordered[0][1].claim
        size = report.size(claim)
        n = size.n if size is not None else None
        yield from _points(report, ordered, n)
        yield from _median(report, place, ordered, unit)


def _place(claim: Mapping) -> tuple:
    return (
        claim["analysis"],
        claim["population"],
        claim["endpoint"],
        claim["group"],
        claim["source"],
    )


def _points(
    report: Report, points: list[tuple[float, Item]], n: int | None
) -> Iterator[Check]:
    """Check that a curve only falls, and by whole patients.

    Each event multiplies the curve by at most 1 - 1/n while n patients or fewer are
    at risk, so between two printed points it is flat or falls by at least that.
    """
    before: tuple[float, Item] | None = None
    for time, point in points:
        claim = point.claim
        low, high = (max(point.widest[0], 0.0), min(point.widest[1], 1.0))
        if low > 1 + _EPS or high < -_EPS:
            reason = f"A share of patients lies between 0 and 1: {named(claim)}."
            yield from contradiction([claim], "points of a curve", reason)
            continue
        start = (
            (max(before[1].widest[0], 0.0), min(before[1].widest[1], 1.0))
            if before is not None
            else (1.0, 1.0)
        )
        earlier = [] if before is None else [before[1].claim]
        since = "the start" if before is None else f"time {before[0]:g}"
        if low > start[1] + _EPS:
            reason = (
                f"A Kaplan-Meier curve never rises, but from time {before[0]:g} to "
                f"{time:g} it does: {named(*earlier, claim)}."
            )
            yield from contradiction([*earlier, claim], "points of a curve", reason)
        elif n and low > start[1] * (1 - 1 / n) + _EPS and high < start[0] - _EPS:
            size = report.size(claim)
            reason = (
                f"Of {n} patients or fewer one event lowers the curve by at least a "
                f"factor of {1 - 1 / n:.3f}; from {since} to time {time:g} it falls by "
                f"less: {named(*earlier, claim)}."
            )
            if size is not None and size.certain:
                together = [*earlier, claim, *(report.by_id[i] for i in size.ids)]
                yield from contradiction(together, "points of a curve", reason, n=n)
            else:
                yield finding(claim, "points of a curve", "", reason, fits=False, n=n)
        else:
            yield from _single(report, time, point, n)
        before = (time, point)


def _single(report: Report, time: float, point: Item, n: int | None) -> Iterator[Check]:
    claim, name = point.claim, "curve against n"
    size = report.size(claim)
    if not n or size is None:
        return
    low, high = point.widest
    counts = [k for k in range(n + 1) if low - _EPS <= k / n <= high + _EPS]
    if counts:
        reason = (
            f"{named(claim)} at time {time:g} is {listed(counts, 3)} of {n} patients "
            f"({size.how}) without an event, if nobody was censored before."
        )
        yield finding(claim, name, "attainable", reason, n=n, counts=counts)
        return
    reason = (
        f"No whole number of {n} patients ({size.how}) is {named(claim)}: by "
        "Kaplan-Meier, somebody was censored before the last event up to time "
        f"{time:g}."
    )
    yield finding(claim, name, "attainable", reason, n=n, censored_before=True)


def _median(
    report: Report, place: tuple, points: list[tuple[float, Item]], unit: str
) -> Iterator[Check]:
    """Check the points of a curve against its printed median.

    Before the median the curve is above one half, from it on at one half or below;
    a point within the rounding of the median says nothing.
    """
    name = "median against curve"
    medians = [
        median
        for claim in report.claims
        if claim["statistic"] == "median_survival"
        and claim["field"] == "estimate"
        and claim["relation"] == "="
        and _place(claim) == place
        and (median := item(claim)) is not None
    ]
    for median in medians:
        low, high = median.widest
        against = [
            point
            for time, point in points
            if (time < low - _EPS and point.widest[1] < 0.5 - _EPS)
            or (time > high + _EPS and point.widest[0] > 0.5 + _EPS)
        ]
        if against:
            both = [median.claim, against[0].claim]
            reason = (
                f"The curve crosses one half at its median, but {named(*both)} "
                f"(time {against[0].claim['timepoint']}) lie on the wrong sides."
            )
            if _same_unit(median.claim, unit):
                yield from contradiction(both, name, reason)
            else:
                reason += " Their units of time may differ."
                yield finding(median.claim, name, "", reason, fits=False)
        elif _same_unit(median.claim, unit):
            near = [
                point
                for time, point in points
                if time < low - _EPS or time > high + _EPS
            ]
            if near:
                reason = (
                    f"{named(median.claim)}: all {len(near)} printed points before it "
                    "are above one half and those after it below."
                )
                yield finding(median.claim, name, "attainable", reason)


def _same_unit(median: Mapping, unit: str) -> bool:
    """Tell whether times of a curve are in the unit of the median.

    A bare number stands in the unit of the analysis, which is the median's own.
    """
    return not unit or unit == median["unit"].strip().casefold().removesuffix("s")


def medians_and_events(report: Report) -> Iterator[Check]:
    """Check that a median that was reached had the events it needs."""
    name = "median against events"
    for claim in report.claims:
        if claim["statistic"] != "median_survival" or claim["field"] != "estimate":
            continue
        if claim["relation"] != "=":
            continue
        events = [
            (number, other)
            for other in report.beside(claim, "observed_events")
            if (number := whole(other)) is not None
        ]
        size = report.size(claim)
        if not events:
            continue
        d, source = events[0]
        both = [claim, source]
        if d == 0:
            reason = f"Without an event no median is reached: {named(*both)}."
            yield from contradiction(both, name, reason)
        elif size is not None and d <= size.n:
            n = size.n
            if 2 * d >= n:
                reason = (
                    f"{d} events among {n} patients ({size.how}) bring the curve to "
                    f"one half even if nobody is censored before: {named(*both)}."
                )
            else:
                # d events among r at risk reach one half only if r <= 2 d.
                reason = (
                    f"{d} events among {n} patients ({size.how}) bring the curve to "
                    f"one half only if at least one of the {n - d} others was censored "
                    f"before the last event: {named(*both)}."
                )
            yield finding(claim, name, "attainable", reason, n=n, events=d)
