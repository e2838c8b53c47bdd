"""Percent change of each patient from his baseline, and of the mean, as rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reanalysis.measurements.courses import Courses
from reanalysis.measurements.location import decimal
from reanalysis.measurements.means import moments, one_sample_t
from reanalysis.measurements.patient_slopes import ratio_of_means
from reanalysis.measurements.per_patient_tests import against_zero, between, joined
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample

Rows = list[Estimate]
Settings = Mapping[str, object]


def percent_rows(course: Courses, sample: Sample, settings: Settings) -> Rows:
    """Return the percent change from baseline to the last value and to each visit.

    Baseline is the visit ``options.baseline``, else the last value at or before the
    change, else the first; visits are ``options.times``, else all that two patients
    share. The mean of the patients' percent changes and the percent change of the
    mean are different numbers: ``settings["ratio"]`` says which comes first.
    """
    origin = course.change or 0.0
    given = sample.options.get("baseline")
    wanted = sample.options.get("times")
    before: dict[str, float] = {}
    later: dict[str, dict[str, float]] = {}
    try:
        fixed = None if given is None else float(str(given))
    except ValueError:
        note = f"The baseline visit {given!r} is no number."
        return [
            Estimate(statistic="percent_change", group=g, note=note)
            for g in course.groups
        ]
    for group in course.groups:
        for patient, t, y in course.of(group):
            clock = t * course.per + origin
            if fixed is not None:
                at = np.flatnonzero(np.isclose(clock, fixed, rtol=1e-12, atol=1e-12))
            elif course.change is not None:
                at = np.flatnonzero(t <= 0)[-1:]
            else:
                at = np.array([0])
            if at.size == 0 or at[0] == t.size - 1:
                continue
            first = int(at[0])
            before[patient] = float(y[first])
            for visit, value in zip(clock[first + 1 :], y[first + 1 :], strict=True):
                later.setdefault(f"{visit:.12g}", {})[patient] = float(value)
            later.setdefault("last", {})[patient] = float(y[-1])
    visits = [v for v in later if v != "last" and len(later[v]) > 1]
    if wanted is not None:
        visits = [f"{float(v):.12g}" for v in wanted]
    rows: Rows = []
    for visit in ("last", *sorted(visits, key=float)):
        values: dict[tuple[str, str, str], tuple[np.ndarray, str]] = {}
        for group in course.groups:
            names = [p for p, *_ in course.of(group) if p in later.get(visit, {})]
            x = np.array([before[p] for p in names])
            y = np.array([later[visit][p] for p in names])
            note = "the last value of each patient" if visit == "last" else ""
            absent = course.patients(group) - len(names)
            if absent:
                who = "1 patient" if absent == 1 else f"{absent} patients"
                note = joined(note, f"{who} without both values left out")
            place = Estimate(
                statistic="percent_change",
                group=group,
                timepoint=visit,
                time_unit="" if visit == "last" else sample.time_unit,
                unit="%",
                note=note,
            )
            if x.size == 0 or not (x > 0).all():
                why = "a percent change needs baseline values above zero"
                why = why if x.size else "no patient has both values"
                rows.append(replace(place, note=joined(note, why)))
                values["percent_change", group, visit] = (np.empty(0), note)
                continue
            change = decimal(100 * (y / x - 1))
            values["percent_change", group, visit] = (change, note)
            found = [*map(_percent_term, against_zero(place, change, settings))]
            ratio = _ratio_row(replace(place, term="ratio-of-means"), x, y, settings)
            first = settings["ratio"] == "ratio-of-means"
            rows += [ratio, *found] if first else [*found, ratio]
        rows += map(_percent_term, between(values, course.reference, settings, "%"))
    return rows


def _percent_term(row: Estimate) -> Estimate:
    # A Hodges-Lehmann estimate of the patients' changes is no mean of them.
    mean = row.test.endswith(" t")
    return replace(row, term="mean-of-ratios" if mean else "change of each patient")


def _ratio_row(
    place: Estimate, x: np.ndarray, y: np.ndarray, settings: Settings
) -> Estimate:
    """Row of the percent change of the mean, with Fieller's limits and a paired t."""
    side, level = str(settings["alternative"]), float(settings["conf_level"])
    place = replace(place, n=float(x.size), alternative=side, test="paired t")
    found = ratio_of_means(y, x, level=level)
    limited = not math.isnan(found.low)
    row = replace(
        place,
        estimate=100 * (found.estimate - 1),
        conf_low=100 * (found.low - 1),
        conf_high=100 * (found.high - 1),
        conf_level=level if limited else NAN,
        interval_method="Fieller, t" if limited else "",
        note=joined(place.note, found.note),
    )
    mean, sd = moments(decimal(y - x))
    if x.size < 2 or sd == 0:
        note = "the change does not vary" if x.size > 1 else "one patient gives no test"
        return replace(row, note=joined(row.note, note))
    test = one_sample_t(mean, sd, x.size, level=level, alternative=side)
    return replace(
        row,
        test_statistic=float(test.statistic),
        df=float(test.df),
        p_value=float(test.p_value),
    )
