"""Rows on the incidences of competing causes in one group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival.competing_patients import CompetingRisks, curve_of, kept_curve
from reanalysis.survival.cumulative_incidence import (
    Incidence,
    as_censored,
    half_time,
    limits_of_none,
)


def rows_of_group(
    label: str, data: CompetingRisks, sample: Sample, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    """Yield counts, incidences by cause, and the numbers at risk of one group."""
    n, unit = data.time.size, sample.time_unit or sample.unit
    whole = partial(Estimate, group=label, n=n)
    if not n:
        note = "There are no patients in this group."
        yield whole(statistic="cumulative_incidence", events=0, note=note)
        return
    times = [float(t) for t in sample.options.get("times", ())]
    yield whole(statistic="n", estimate=n, events=data.events(1))
    for cause in data.causes:
        curve = curve_of(data, cause, settings)
        naive = curve_of(data, cause, settings, estimator="one-minus-kaplan-meier")
        events = data.events(cause)
        row = partial(whole, cause=data.names[cause - 1], events=events)
        yield row(statistic="events", estimate=events)
        for time in times:
            at = partial(row, timepoint=time, time_unit=unit)
            yield _incidence_row(at, data, time, curve, naive, settings)
        if cause == 1:
            yield _half_row(row, curve, settings, unit)
            for time in times:
                yield _event_free_row(
                    partial(row, timepoint=time, time_unit=unit), data, time, settings
                )
    for time in times:
        at_risk = int((data.time >= time * (1 - 1e-9)).sum())
        yield whole(
            statistic="number_at_risk",
            estimate=at_risk,
            timepoint=time,
            time_unit=unit,
            events=data.events(1),
        )


def _how(settings: Mapping[str, object]) -> str:
    if settings["interval"] == "effective-n":
        return "Clopper-Pearson, effective n"
    if settings["estimator"] == "one-minus-kaplan-meier":
        return f"{settings['interval']}, Greenwood variance"
    return f"{settings['interval']}, {str(settings['variance']).capitalize()} variance"


def _incidence_row(
    row: Callable[..., Estimate],
    data: CompetingRisks,
    time: float,
    curve: Incidence,
    naive: Incidence,
    settings: Mapping[str, object],
) -> Estimate:
    step, share = curve.at(time), curve.value(time)
    row = partial(
        row,
        statistic="cumulative_incidence",
        conf_level=settings["conf_level"],
        interval_method=_how(settings),
        unit="proportion",
    )
    if _is_beyond(time, curve):
        return row(note=_beyond(curve, share))
    low = high = NAN
    if step >= 0 and share > 0:
        low, high = float(curve.conf_low[step]), float(curve.conf_high[step])
    elif settings["interval"] == "effective-n":
        after = data.time > time * (1 + 1e-9)
        known = int((after | (data.cause > 0)).sum())
        low, high = limits_of_none(known, float(settings["conf_level"]))
    biased = naive.value(time)
    notes = []
    if share == 0:
        notes.append("no event of this cause by this time")
    elif share == 1:
        notes.append("all have had it by this time")
    if settings["estimator"] == "one-minus-kaplan-meier":
        what = "1 - Kaplan-Meier with the other causes censored: no risk anyone runs"
        notes.append(what)
    elif biased > share + 5e-4:
        notes.append(
            "1 - Kaplan-Meier, which censors the other causes, would say "
            f"{100 * biased:.1f}%"
        )
    return row(
        estimate=share,
        std_error=float(curve.std_error[step]) if 0 < share < 1 else NAN,
        conf_low=low,
        conf_high=high,
        note="; ".join(notes),
    )


def _is_beyond(time: float, curve: Incidence) -> bool:
    """Tell whether somebody without an event was last seen before a time."""
    left = float(curve.survival[-1]) if curve.times.size else 1.0
    return left > 0 and time > curve.last * (1 + 1e-9)


def _beyond(curve: Incidence, share: float) -> str:
    return (
        f"beyond the last follow-up at {curve.last:g}, where it is {100 * share:.1f}%"
    )


def _half_row(
    row: Callable[..., Estimate],
    curve: Incidence,
    settings: Mapping[str, object],
    unit: str,
) -> Estimate:
    found = half_time(curve)
    note = "time by which the cumulative incidence reaches one half"
    if math.isnan(found.time):
        most = float(curve.incidence[-1]) if curve.times.size else 0.0
        note = (
            f"not reached: the incidence is {100 * most:.1f}% at the last follow-up at "
            f"{curve.last:g}"
        )
    elif math.isnan(found.conf_high):
        note += "; upper limit not reached"
    return row(
        statistic="median_survival",
        estimate=found.time,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=settings["conf_level"],
        interval_method=f"limits of the incidence inverted, {_how(settings)}",
        unit=unit,
        note=note,
    )


def _event_free_row(
    row: Callable[..., Estimate],
    data: CompetingRisks,
    time: float,
    settings: Mapping[str, object],
) -> Estimate:
    """Return Kaplan-Meier with other causes censored: death-censored survival."""
    curve = kept_curve(
        data.time.tobytes(),
        as_censored(data.cause).tobytes(),
        1,
        "delta",
        "cloglog",  # the log-log scale of the survival curve
        float(settings["conf_level"]),
    )
    step, share = curve.at(time), curve.value(time)
    row = partial(
        row,
        statistic="survival_probability",
        conf_level=settings["conf_level"],
        interval_method="log-log",
        unit="proportion",
    )
    if _is_beyond(time, curve):
        return row(note=_beyond(curve, 1 - share))
    limits = {}
    if 0 < share < 1:
        limits = {
            "std_error": float(curve.std_error[step]),
            "conf_low": 1 - float(curve.conf_high[step]),
            "conf_high": 1 - float(curve.conf_low[step]),
        }
    return row(
        estimate=1 - share,
        note="other causes censored (as in death-censored graft survival): what would "
        "be if they could not happen and went with no other risk",
        **limits,
    )
