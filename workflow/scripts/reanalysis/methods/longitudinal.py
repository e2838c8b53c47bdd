"""Slopes of repeated measurements, before and after treatment and between groups.

Three ways to the same slopes: a linear mixed model whose population line bends at the
time of treatment (``change_at``), the slope of each patient summarised by rank or t
methods, and generalised estimating equations. ``settings["model"]`` says which comes
first. Slopes are per unit of the visits' time, or per ``per`` units. The change of
slope is after minus before, a difference is group minus reference, and the percent
change is that of each patient from his baseline. Intervals are two-sided;
``alternative`` moves the p-value alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from reanalysis.errors import MethodError
from reanalysis.measurements.courses import AFTER, BEFORE, Courses, courses
from reanalysis.measurements.gee import VARIANCES, fit_gee
from reanalysis.measurements.means import moments
from reanalysis.measurements.mixed_models import (
    Blocks,
    MixedFit,
    fit_mixed,
    kenward_roger,
    satterthwaite,
)
from reanalysis.measurements.patient_slopes import (
    Slope,
    ols_slope,
    slope_noise,
    theil_sen_slope,
)
from reanalysis.measurements.per_patient_tests import against_zero, between, joined
from reanalysis.measurements.percent_changes import percent_rows
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample

Floats = NDArray[np.float64]
Rows = list[Estimate]
Settings = Mapping[str, object]
#: Random effects per patient: level, slope, change of slope.
RANDOM = {"intercept": 1, "intercept-slope": 2, "intercept-slope-change": 3}
#: A contrast on its way to a row: its place, and how to find its numbers.
Quantity = tuple[Estimate, Floats]


def estimate(sample: Sample, settings: Settings) -> Rows:
    """Return slopes, their change and differences, the primary model's rows first.

    Settings: ``model`` (mixed, slopes, gee); of the mixed model ``estimation`` (reml,
    ml), ``random`` and ``df``; of the patients' slopes ``slope`` (ols, theil-sen),
    ``test`` (wilcoxon, t), ``p_value`` (exact, normal) and ``shared_visit`` (both,
    before, after: where a visit at the very time of treatment belongs); of GEE
    ``correlation``, ``variance`` and ``gee_df``; ``ratio`` of the percent change.
    """
    try:
        course = courses(sample)
    except MethodError as error:
        wanted = "slope" if sample.options.get("change_at") is None else "slope_change"
        return [
            Estimate(statistic=wanted, group=group, note=str(error))
            for group in sample.groups or ("",)
        ]
    order = sorted(FAMILIES, key=lambda name: name != settings["model"])
    rows = [row for name in order for row in FAMILIES[name](course, settings)]
    return rows + percent_rows(course, sample, settings)


def model_rows(sample: Sample, model: str, settings: Settings) -> Rows:
    """Return the rows of one of the three models alone."""
    return FAMILIES[model](courses(sample), settings)


def figure_data(sample: Sample, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the patients' courses and the population line of the primary model.

    ``courses``: id, group, time, value. ``lines``: group, time, fitted, low, high
    (pointwise limits); absent for slopes of patients, which have no common line, and
    when the model cannot be fitted.
    """
    try:
        course = courses(sample)
    except MethodError:
        return {}
    origin = course.change or 0.0
    tables = {
        "courses": pd.DataFrame(
            {
                "id": course.patient,
                "group": course.group,
                "time": course.time * course.per + origin,
                "value": course.value,
            }
        )
    }
    population = {"mixed": _Mixed, "gee": _Gee}.get(str(settings["model"]))
    if population is None:
        return tables
    try:
        inference = population(course, settings)
    except MethodError:
        return tables
    lines = []
    for group in course.groups:
        own = course.time[course.group == group]
        grid = np.linspace(own.min(), own.max(), 41)
        if course.change is not None and own.min() < 0 < own.max():
            grid = np.unique(np.append(grid, 0.0))
        for t, weights in zip(grid, course.basis(grid), strict=True):
            found = inference.contrast(course.contrast(group, tuple(weights)))
            low, high = _limits(*found, float(settings["conf_level"]))
            place = {"group": group, "time": t * course.per + origin}
            lines.append({**place, "fitted": found[0], "low": low, "high": high})
    tables["lines"] = pd.DataFrame(lines)
    return tables


# Population slopes: contrasts of a model -------------------------------------


def _quantities(course: Courses) -> Iterator[Quantity]:
    """Yield the slopes, changes and differences that a population model answers."""
    bent = course.change is not None
    where = Estimate(statistic="slope", unit=course.slope_unit)
    slopes = {BEFORE: (0.0, 1.0), AFTER: (0.0, 1.0, 1.0)} if bent else {"": (0.0, 1.0)}
    for group in course.groups:
        n = float(course.patients(group))
        for part, weights in slopes.items():
            place = replace(where, group=group, timepoint=part, n=n)
            yield place, course.contrast(group, weights)
        if bent:
            place = replace(where, statistic="slope_change", group=group, n=n)
            yield place, course.contrast(group, (0.0, 0.0, 1.0))
    if not course.reference:
        return
    n = float(course.patients())
    for group in course.groups:
        if group == course.reference:
            continue
        place = replace(where, group=group, reference=course.reference, n=n)
        wanted = [("slope_difference", part, w) for part, w in slopes.items()]
        if bent:
            wanted.append(("slope_change_difference", "", (0.0, 0.0, 1.0)))
        for statistic, part, weights in wanted:
            difference = course.contrast(group, weights) - course.contrast(
                course.reference, weights
            )
            yield replace(place, statistic=statistic, timepoint=part), difference


def _refused(course: Courses, test: str, note: str) -> Rows:
    return [replace(p, test=test, note=note) for p, _ in _quantities(course)]


class _Mixed:
    """A fitted mixed model and the degrees of freedom asked of it."""

    def __init__(self, course: Courses, settings: Settings) -> None:
        effects = RANDOM[str(settings["random"])]
        if effects == 3 and course.change is None:
            effects = 2  # without a change there is none to vary
        self.df = str(settings["df"])
        basis = course.basis(course.time)[:, :effects]
        blocks = Blocks.of(course.design(), basis, course.value, course.patient)
        self.fit: MixedFit = fit_mixed(blocks, reml=settings["estimation"] == "reml")
        self.adjusted = None
        try:
            if self.df == "kenward-roger":
                self.adjusted = kenward_roger(self.fit)
            elif self.df == "satterthwaite":
                self.degrees = satterthwaite(self.fit)
        except np.linalg.LinAlgError:
            raise MethodError(
                "The variances are too unlike for degrees of freedom."
            ) from None

    @property
    def name(self) -> str:
        return _mixed_name(self.df)

    def contrast(self, weights: Floats) -> tuple[float, float, float]:
        """Return estimate, standard error and degrees of freedom of a contrast."""
        value = float(weights @ self.fit.coefficients)
        if self.adjusted is not None:
            variance = float(weights @ self.adjusted.covariance @ weights)
            return value, math.sqrt(max(variance, 0.0)), self.adjusted.df(weights)
        variance = float(weights @ self.fit.covariance @ weights)
        df = math.inf if self.df == "normal" else self.degrees.df(weights)
        return value, math.sqrt(variance), df


def _mixed_name(df: object) -> str:
    names = {"satterthwaite": "Satterthwaite t", "kenward-roger": "Kenward-Roger t"}
    return f"mixed model, {names.get(str(df), 'z')}"


def _mixed_rows(course: Courses, settings: Settings) -> Rows:
    try:
        model = _Mixed(course, settings)
    except MethodError as error:
        return _refused(course, _mixed_name(settings["df"]), str(error))
    note = f"Singular fit: {model.fit.singular}." if model.fit.singular else ""
    found = [
        _tested(
            replace(place, note=note), *model.contrast(weights), model.name, settings
        )
        for place, weights in _quantities(course)
    ]
    return found + _variance_rows(course, model.fit, note)


def _variance_rows(course: Courses, fit: MixedFit, note: str) -> Rows:
    """Return the standard deviations between patients and within them."""
    names = ("level", "slope", "change of slope")
    spread = np.sqrt(np.diag(fit.g))
    where = Estimate(
        statistic="random_effect_sd", n=float(course.patients()), note=note
    )
    units = (course.unit, course.slope_unit, course.slope_unit)
    found = [
        replace(where, estimate=float(s), term=name, unit=unit)
        for s, name, unit in zip(spread, names, units, strict=False)
    ]
    for i in range(1, spread.size):
        for j in range(i):
            if spread[i] > 0 and spread[j] > 0:
                r = float(fit.g[i, j] / spread[i] / spread[j])
                pair = f"{names[j]} and {names[i]}"
                found.append(
                    replace(
                        where,
                        statistic="random_effect_correlation",
                        estimate=max(-1.0, min(1.0, r)),
                        term=pair,
                    )
                )
    residual = replace(where, statistic="residual_sd", unit=course.unit)
    return [*found, replace(residual, estimate=math.sqrt(fit.residual))]


class _Gee:
    """Fitted estimating equations and their reference law."""

    def __init__(self, course: Courses, settings: Settings) -> None:
        waves = np.unique(course.time, return_inverse=True)[1]
        self.fit = fit_gee(
            course.design(),
            course.value,
            course.patient,
            waves,
            structure=str(settings["correlation"]),
            variance=str(settings["variance"]),
        )
        normal = settings["gee_df"] == "normal"
        left = self.fit.clusters - self.fit.coefficients.size
        self.degrees = math.inf if normal else float(left)

    def contrast(self, weights: Floats) -> tuple[float, float, float]:
        """Return estimate, standard error and degrees of freedom of a contrast."""
        variance = float(weights @ self.fit.covariance @ weights)
        value = float(weights @ self.fit.coefficients)
        return value, math.sqrt(max(variance, 0.0)), self.degrees


def _gee_rows(course: Courses, settings: Settings) -> Rows:
    law = "z" if settings["gee_df"] == "normal" else "t"
    name = f"GEE, {VARIANCES[str(settings['variance'])]} {law}"
    try:
        model = _Gee(course, settings)
    except MethodError as error:
        return _refused(course, name, str(error))
    return [
        _tested(place, *model.contrast(weights), name, settings)
        for place, weights in _quantities(course)
    ]


def _limits(
    value: float, spread: float, df: float, level: float
) -> tuple[float, float]:
    tail = (1 + level) / 2
    reach = float(ndtri(tail) if math.isinf(df) else stdtrit(df, tail)) * spread
    return value - reach, value + reach


def _tested(
    place: Estimate,
    value: float,
    spread: float,
    df: float,
    name: str,
    settings: Settings,
) -> Estimate:
    """Fill a row with a t (or normal) test against zero and its interval."""
    side, level = str(settings["alternative"]), float(settings["conf_level"])
    place = replace(place, estimate=value, test=name, alternative=side)
    if not spread > 0 or not df > 0:
        note = f"{place.note} There is no standard error.".strip()
        return replace(place, note=note)
    t = value / spread

    def below(x: float) -> float:
        return float(ndtr(x) if math.isinf(df) else stdtr(df, x))

    p = {"less": below(t), "greater": below(-t)}.get(side, min(1.0, 2 * below(-abs(t))))
    low, high = _limits(value, spread, df, level)
    return replace(
        place,
        std_error=spread,
        conf_low=low,
        conf_high=high,
        conf_level=level,
        interval_method=name,
        test_statistic=t,
        df=NAN if math.isinf(df) else df,
        p_value=p,
    )


# Slopes of each patient ------------------------------------------------------


def _slope_rows(course: Courses, settings: Settings) -> Rows:
    """Return summaries and tests of the patients' slopes, then each slope."""
    level = float(settings["conf_level"])
    bent = course.change is not None
    parts = (BEFORE, AFTER) if bent else ("",)
    slopes: dict[tuple[str, str], dict[str, Slope]] = {}
    missing: dict[tuple[str, str], int] = {}
    noise: dict[str, float] = {}
    single = ols_slope if settings["slope"] == "ols" else theil_sen_slope
    for group in course.groups:
        for part in parts:
            own = slopes.setdefault((group, part), {})
            for patient, t, y in course.of(group):
                inside = _inside(t, part, str(settings["shared_visit"]))
                try:
                    own[patient] = single(t[inside], y[inside], level=level)
                    size = slope_noise(t[inside], y[inside])
                    noise[patient] = max(noise.get(patient, 0.0), size)
                except MethodError:
                    key = (group, part)
                    missing[key] = missing.get(key, 0) + 1
    values: dict[tuple[str, str, str], tuple[Floats, str]] = {}
    for (group, part), own in slopes.items():
        found = np.array([s.estimate for s in own.values()])
        note = _left_out(missing.get((group, part), 0))
        values["slope", group, part] = (found, note)
    for group in course.groups if bent else ():
        pairs = [slopes[group, part] for part in parts]
        both = [p for p in pairs[0] if p in pairs[1]]
        first, second = (np.array([s[p].estimate for p in both]) for s in pairs)
        found = second - first
        # Equal slopes do not change by the noise of the arithmetic.
        found[np.abs(found) <= [2 * noise[p] for p in both]] = 0.0
        note = _left_out(course.patients(group) - len(both))
        values["slope_change", group, ""] = (found, note)
    rows: Rows = []
    where = Estimate(statistic="", unit=course.slope_unit)
    for (statistic, group, part), (found, note) in values.items():
        place = replace(where, statistic=statistic, group=group, timepoint=part)
        place = replace(place, note=note)
        rows += against_zero(place, found, settings)
    rows += between(values, course.reference, settings, course.slope_unit)
    for (statistic, group, part), (found, note) in values.items():
        place = replace(where, group=group, timepoint=part, note=note)
        rows += _described(place, found, statistic)
    for (group, part), own in slopes.items():
        for patient, slope in own.items():
            row = _patient_row(group, part, patient, slope)
            rows.append(replace(row, unit=course.slope_unit))
    return rows


def _inside(t: Floats, part: str, shared: str) -> NDArray[np.bool_]:
    if part == BEFORE:
        return t <= 0 if shared in ("both", "before") else t < 0
    if part == AFTER:
        return t >= 0 if shared in ("both", "after") else t > 0
    return np.ones(t.size, dtype=bool)


def _left_out(count: int) -> str:
    if not count:
        return ""
    who = "1 patient" if count == 1 else f"{count} patients"
    return f"{who} without two visits left out"


def _described(place: Estimate, values: Floats, statistic: str) -> Rows:
    """Return mean, median and standard deviation of the patients' slopes."""
    if values.size == 0:
        return []
    term = "slopes of the patients" if statistic == "slope" else "changes of slope"
    place = replace(place, n=float(values.size), term=term)
    mean, sd = moments(values)
    rows = [
        replace(place, statistic="mean", estimate=mean),
        replace(place, statistic="median", estimate=float(np.median(values))),
    ]
    if values.size > 1:
        rows.append(replace(place, statistic="sd", estimate=sd))
    return rows


def _patient_row(group: str, part: str, patient: str, slope: Slope) -> Estimate:
    return Estimate(
        statistic="patient_slope",
        estimate=slope.estimate,
        std_error=slope.std_error,
        conf_low=slope.low,
        conf_high=slope.high,
        conf_level=slope.level,
        interval_method=slope.method,
        term=f"patient {patient}",
        timepoint=part,
        group=group,
        n=1.0,
        note=joined(f"{slope.n} visits" if not slope.note else "", slope.note),
    )


#: The rows of each model by its name in the settings.
FAMILIES: dict[str, Callable[[Courses, Settings], Rows]] = {
    "mixed": _mixed_rows,
    "slopes": _slope_rows,
    "gee": _gee_rows,
}
