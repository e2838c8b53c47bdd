"""Tests of one number per patient, as rows: against zero and between groups.

The signed-rank and one-sample t test of slopes, their changes and percent changes,
and the Mann-Whitney and Welch test of two groups of them, with the intervals that
belong to each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.measurements.location import (
    Interval,
    RankTest,
    decimal,
    hodges_lehmann,
    hodges_lehmann_shift,
    mann_whitney_test,
    signed_rank_test,
)
from reanalysis.measurements.means import TTest, moments, one_sample_t, two_sample_t
from reanalysis.results import NAN, Estimate, joined

Floats = NDArray[np.float64]
Rows = list[Estimate]
Settings = Mapping[str, object]
#: Values per patient by statistic, group and part of the course, and their note.
Values = Mapping[tuple[str, str, str], tuple[Floats, str]]


def against_zero(place: Estimate, values: Floats, settings: Settings) -> Rows:
    """Return the signed-rank and the t test of values (n,), the primary one first.

    ``place`` says what and whose they are. Data that a test cannot serve give a row
    without an estimate that says why.
    """
    side, level = str(settings["alternative"]), float(settings["conf_level"])
    exact = settings["p_value"] == "exact"
    place = replace(place, n=float(values.size), alternative=side)
    values = decimal(values)

    def ranks() -> Estimate:
        test = signed_rank_test(values, exact=exact, alternative=side)
        shift = hodges_lehmann(values, exact=exact, level=level)
        return _rank_filled(place, test, shift)

    def t() -> Estimate:
        mean, sd = moments(values)
        own = replace(place, estimate=mean, test="one-sample t")
        test = one_sample_t(mean, sd, values.size, level=level, alternative=side)
        if sd == 0:
            note = "all patients have the same value, so a t test is not defined"
            return replace(own, note=joined(place.note, note))
        return _t_filled(own, test, level)

    return _primary_first(place, {"wilcoxon": ranks, "t": t}, settings)


def _rank_filled(place: Estimate, test: RankTest, shift: Interval) -> Estimate:
    limited = not math.isnan(shift.low)
    return replace(
        place,
        estimate=shift.estimate,
        conf_low=shift.low,
        conf_high=shift.high,
        conf_level=shift.level if limited else NAN,
        interval_method=f"Hodges-Lehmann, {shift.method}" if limited else "",
        test=test.name,
        test_statistic=test.statistic,
        p_value=test.p_value,
        note=joined(place.note, test.note, shift.note),
    )


def _t_filled(place: Estimate, test: TTest, level: float) -> Estimate:
    return replace(
        place,
        std_error=float(test.std_error),
        conf_low=float(test.low),
        conf_high=float(test.high),
        conf_level=level,
        interval_method="t",
        test_statistic=float(test.statistic),
        df=float(test.df),
        p_value=float(test.p_value),
    )


def _primary_first(
    place: Estimate, tests: Mapping[str, Callable[[], Estimate]], settings: Settings
) -> Rows:
    names = {"wilcoxon": "Mann-Whitney" if place.reference else "signed-rank"}
    names["t"] = "Welch t" if place.reference else "one-sample t"
    rows = []
    for name in sorted(tests, key=lambda n: n != settings["test"]):
        try:
            rows.append(tests[name]())
        except MethodError as error:
            note = joined(place.note, str(error))
            rows.append(replace(place, test=names[name], note=note))
    return rows


def _two_groups(place: Estimate, x: Floats, y: Floats, settings: Settings) -> Rows:
    side, level = str(settings["alternative"]), float(settings["conf_level"])
    exact = settings["p_value"] == "exact"
    place = replace(place, n=float(x.size + y.size), alternative=side)
    x, y = np.split(decimal(np.concatenate([x, y])), [x.size])

    def ranks() -> Estimate:
        test = mann_whitney_test(x, y, exact=exact, alternative=side)
        shift = hodges_lehmann_shift(x, y, exact=exact, level=level)
        return _rank_filled(place, test, shift)

    def t() -> Estimate:
        (mean, sd), (mean_ref, sd_ref) = moments(x), moments(y)
        own = replace(place, estimate=mean - mean_ref, test="Welch t")
        test = two_sample_t(
            mean - mean_ref, sd, x.size, sd_ref, y.size, level=level, alternative=side
        )
        if sd == 0 and sd_ref == 0:
            note = "the values do not vary within the groups"
            return replace(own, note=joined(place.note, note))
        return _t_filled(own, test, level)

    return _primary_first(place, {"wilcoxon": ranks, "t": t}, settings)


def between(values: Values, reference: str, settings: Settings, unit: str) -> Rows:
    """Compare the values of each group with those of the reference, if there is one.

    The statistic of the rows is that of the values with ``_difference`` at its end.
    """
    rows: Rows = []
    for (statistic, group, part), (found, note) in values.items():
        if not reference or group == reference:
            continue
        other, other_note = values[statistic, reference, part]
        place = Estimate(
            statistic=f"{statistic}_difference",
            group=group,
            reference=reference,
            timepoint=part,
            unit=unit,
            note=joined(note, other_note),
        )
        rows += _two_groups(place, found, other, settings)
    return rows
