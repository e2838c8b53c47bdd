"""Rows of t tests and standardised differences, from values or printed summaries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, replace
from functools import partial

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.measurements.location import (
    Floats,
    adjusted_p_values,
    decimal,
)
from reanalysis.measurements.means import (
    TTest,
    moments,
    one_sample_t,
    pooled_sd,
    standardized_difference,
    two_sample_t,
)
from reanalysis.results import RANGED, Estimate, joined
from reanalysis.sample import Sample

#: Columns of a t test's row, in the order of the fields of TTest.
T_COLUMNS = (
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "test_statistic",
    "df",
    "p_value",
)


Rows = list[Estimate]


Settings = Mapping[str, object]


ONE_GROUP = "There is only one group, so there is nothing to compare."


ADJUSTMENTS = {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}


def placed(where: Estimate, settings: Settings, n: int) -> Estimate:
    """Return a row with its alternative and number of values."""
    return replace(where, alternative=str(settings["alternative"]), n=float(n))


def attempted(build: Callable[..., Rows], statistic: str, test: str) -> Callable:
    """Make ``build`` answer with a row that says why when the data cannot serve."""

    def rows(where: Estimate, settings: Settings, *data: object) -> Rows:
        try:
            return build(where, settings, *data)
        except MethodError as error:
            note = joined(where.note, str(error))
            return [replace(where, statistic=statistic, test=test, note=note)]

    return rows


def t_name(equal_variance: object) -> str:
    """Return the name of the t test of two groups."""
    return "Student t" if equal_variance else "Welch t"


def _t_row(
    where: Estimate, test: str, level: float, result: TTest, box: TTest | None = None
) -> Estimate:
    """Row of a t test; ``box`` is the same test over all roundings of its inputs."""
    where = replace(where, statistic="mean_difference", test=test)
    if result.std_error == 0:
        note = "The values do not vary, so a t test is not defined."
        return replace(
            where, estimate=float(result.estimate), note=joined(where.note, note)
        )
    return replace(
        where,
        conf_level=level,
        interval_method="t",
        ranges={} if box is None else _extremes(T_COLUMNS, astuple(box)),
        **_floats(T_COLUMNS, astuple(result)),
    )


def _floats(columns: Iterable[str], values: Iterable[Floats]) -> dict[str, float]:
    return {c: float(v) for c, v in zip(columns, values, strict=True)}


def _extremes(
    columns: Iterable[str], values: Iterable[Floats]
) -> dict[str, tuple[float, float]]:
    return {
        column: (float(np.nanmin(array)), float(np.nanmax(array)))
        for column, array in zip(columns, values, strict=True)
        if column in RANGED
    }


def paired_t_rows(where: Estimate, settings: Settings, d: Floats) -> Rows:
    """Return the row of the t test of differences."""
    level = float(settings["conf_level"])
    mean, sd = moments(d)
    result = one_sample_t(mean, sd, d.size, level=level, alternative=where.alternative)
    return [_t_row(where, "paired t", level, result)]


def two_sample_t_rows(
    where: Estimate, settings: Settings, x: Floats, y: Floats
) -> Rows:
    """Return the rows of two means of values (:func:`_two_mean_rows`)."""
    (mean, sd), (mean_ref, sd_ref) = moments(x), moments(y)
    summary = (mean - mean_ref, sd, x.size, sd_ref, y.size)
    return _two_mean_rows(where, settings, summary)


def _two_mean_rows(
    where: Estimate, settings: Settings, summary: tuple, box: tuple | None = None
) -> Rows:
    """Rows of two means: both t tests, the one asked for first, and Cohen's d."""
    level = float(settings["conf_level"])

    def t_rows(where: Estimate, settings: Settings, equal: bool) -> Rows:
        t = partial(
            two_sample_t,
            equal_variance=equal,
            level=level,
            alternative=where.alternative,
        )
        wide = None if box is None else t(*box)
        return [_t_row(where, t_name(equal), level, t(*summary), wide)]

    primary = bool(settings["equal_variance"])
    rows: Rows = []
    for equal in (primary, not primary):
        attempt = attempted(t_rows, "mean_difference", t_name(equal))
        rows += attempt(where, settings, equal)
    return rows + _standardized_rows(where, level, summary, box)


def _standardized_rows(
    where: Estimate, level: float, summary: tuple, box: tuple | None
) -> Rows:
    difference, sd, n, sd_ref, n_ref = summary
    where = replace(
        where, statistic="standardized_mean_difference", alternative="", term="Cohen d"
    )
    pooled = pooled_sd(sd, n, sd_ref, n_ref) if n + n_ref > 2 else 0.0
    if pooled == 0:
        note = "The values do not vary within the groups."
        return [replace(where, note=joined(where.note, note))]
    columns = ("estimate", "std_error", "conf_low", "conf_high")
    found = []
    # The factor that makes d unbiased does not exist for three values.
    terms = [("Cohen d", False), ("Hedges g", True)][: 2 if n + n_ref > 3 else 1]
    for term, unbiased in terms:
        d = partial(
            standardized_difference, n=n, n_ref=n_ref, unbiased=unbiased, level=level
        )
        ranges = {}
        if box is not None:
            ranges = _extremes(columns, d(box[0], pooled_sd(box[1], n, box[3], n_ref)))
        found.append(
            replace(
                where,
                term=term,
                conf_level=level,
                interval_method="normal, Hedges-Olkin",
                ranges=ranges,
                **_floats(columns, d(difference, pooled)),
            )
        )
    return found


def adjusted_rows(rows: Rows, method: str) -> Rows:
    """Rows with the p-values of each test adjusted over its comparisons."""
    if method == "none":
        return []
    # One family per test, though it may be exact at one visit and normal at another.
    families: dict[str, Rows] = {}
    for row in rows:
        if row.test and row.term == "":
            families.setdefault(row.test.partition(",")[0], []).append(row)
    adjusted = []
    for family in families.values():
        p_values = adjusted_p_values([row.p_value for row in family], method)
        known = int(np.isfinite(p_values).sum())
        for row, p in zip(family, p_values, strict=True):
            if math.isnan(p):
                continue
            adjusted.append(
                Estimate(
                    statistic="test",
                    test=f"{row.test}, {ADJUSTMENTS[method]}",
                    alternative=row.alternative,
                    p_value=float(p),
                    n=row.n,
                    group=row.group,
                    reference=row.reference,
                    timepoint=row.timepoint,
                    note=f"comparisons adjusted for: {known}",
                )
            )
    return adjusted


def summary_rows(sample: Sample, settings: Settings) -> Rows:
    """T tests from means, standard deviations and n, with their rounding."""
    rows, found = sample.rows, []
    if not sample.groups:
        mu = float(sample.options.get("mu", 0))
        attempt = attempted(_summary_mean_rows, "mean_difference", "paired t")
        for line in rows.to_dict("records"):
            where = Estimate(statistic="", timepoint=line.get("visit", ""))
            where = placed(where, settings, line["n"])
            found += attempt(where, settings, line, mu)
        return found
    reference = sample.reference or sample.groups[-1]
    lines = {label: rows[rows["group"] == label] for label in sample.groups}
    test = t_name(settings["equal_variance"])
    attempt = attempted(_summary_pair_rows, "mean_difference", test)
    for label in sample.groups:
        if label != reference:
            where = Estimate(statistic="", group=label, reference=reference)
            found += attempt(where, settings, lines[label], lines[reference])
    if not found:
        where = Estimate(statistic="mean_difference", group=reference)
        return [replace(where, note=ONE_GROUP)]
    return found + adjusted_rows(found, str(settings["adjust"]))


def _summary_pair_rows(
    where: Estimate, settings: Settings, first: pd.DataFrame, second: pd.DataFrame
) -> Rows:
    if len(first) != 1 or len(second) != 1:
        raise MethodError(
            "Each group needs exactly one row of mean, standard deviation and n."
        )
    x, y = first.iloc[0], second.iloc[0]
    where = replace(placed(where, settings, x["n"] + y["n"]), note=_flat_note(x, y))
    low, high = zip(_range(x, "mean"), _range(y, "mean"), strict=True)
    box = np.ix_(
        _grid(low[0] - high[1], high[0] - low[1], 9),
        _grid(*_range(x, "sd"), 5),
        _grid(*_range(y, "sd"), 5),
    )
    difference = float(decimal([x["mean"], y["mean"], x["mean"] - y["mean"]])[2])
    return _two_mean_rows(
        where,
        settings,
        (difference, x["sd"], x["n"], y["sd"], y["n"]),
        (box[0], box[1], x["n"], box[2], y["n"]),
    )


def _summary_mean_rows(
    where: Estimate, settings: Settings, line: Mapping, mu: float
) -> Rows:
    where = replace(where, note=_flat_note(line))
    level = float(settings["conf_level"])
    t = partial(one_sample_t, n=line["n"], level=level, alternative=where.alternative)
    low, high = _range(line, "mean")
    box = np.ix_(_grid(low - mu, high - mu, 9), _grid(*_range(line, "sd"), 5))
    point = float(decimal([line["mean"], mu, line["mean"] - mu])[2])
    return [_t_row(where, "paired t", level, t(point, line["sd"]), t(*box))]


def _flat_note(*lines: Mapping) -> str:
    """Explain limits that are infinite because a spread of 0 would be printed so."""
    if any(_range(line, "sd")[0] == 0 < line["sd"] for line in lines):
        return "within its rounding a standard deviation could be 0"
    return ""


def _range(line: Mapping, role: str) -> tuple[float, float]:
    """Return the true values that would be printed so; no spread is below 0."""
    low = float(line.get(f"{role}_low", line[role]))
    high = float(line.get(f"{role}_high", line[role]))
    return (max(low, 0.0), high) if role == "sd" else (low, high)


def _grid(low: float, high: float, size: int) -> Floats:
    """Points from ``low`` to ``high``, with 0 among them when it lies between."""
    if low == high:
        return np.array([low])
    points = np.linspace(low, high, size)
    return np.append(points, 0.0) if low < 0 < high else points
