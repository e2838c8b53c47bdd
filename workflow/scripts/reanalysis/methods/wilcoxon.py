"""Location of paired, repeated, single and two-group measurements.

Estimated are the Hodges-Lehmann shift and the mean difference, with their intervals
and the tests that belong to them: signed rank, Mann-Whitney, sign, paired and
two-sample t, Kruskal-Wallis. Differences are after minus before, visit minus
baseline, value minus ``mu`` (0 unless the analysis says otherwise), or group minus
reference. From printed means, standard deviations and n only the t tests can be had.
Intervals are always two-sided; ``alternative`` moves the p-value alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, replace
from functools import partial
from numbers import Real

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.location import (
    Floats,
    Interval,
    RankTest,
    adjusted_p_values,
    decimal,
    hodges_lehmann,
    hodges_lehmann_shift,
    kruskal_wallis_test,
    mann_whitney_test,
    median_by_signs,
    sign_test,
    signed_rank_test,
)
from reanalysis.means import (
    TTest,
    moments,
    one_sample_t,
    pooled_sd,
    standardized_difference,
    two_sample_t,
)
from reanalysis.relative_effect import brunner_munzel, permutation_p
from reanalysis.results import NAN, RANGED, Estimate
from reanalysis.sample import Sample

ADJUSTMENTS = {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}
#: Largest sample whose assignments are listed or drawn.
MOST_PERMUTED = 50
ONE_GROUP = "There is only one group, so there is nothing to compare."
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


def estimate(sample: Sample, settings: Settings) -> Rows:
    """Turn a sample into rows, the primary test (``settings["test"]``) first.

    ``paired: never`` compares before and after as if they were independent groups.
    """
    rows = sample.rows
    if sample.kind == "summary":
        found = _summary_rows(sample, settings)
    elif sample.has("before", "after"):
        found = [
            row
            for label, part in _parts(sample)
            for row in _before_after_rows(
                part["before"].to_numpy(float),
                part["after"].to_numpy(float),
                settings,
                Estimate(statistic="", group=label),
            )
        ]
    elif sample.has("id", "visit", "value"):
        found = _visit_rows(sample, settings)
    elif len(sample.groups) > 1:
        found = _group_rows(sample, settings)
    elif sample.groups:
        found = [_refusal(ONE_GROUP, group=sample.groups[0])]
    else:
        mu = float(sample.options.get("mu", 0))
        d = decimal(rows["value"].to_numpy(float) - mu)
        found = _difference_rows(d, settings, Estimate(statistic=""))
    return [replace(row, unit=_unit(row, sample.unit)) for row in found]


def figure_data(sample: Sample, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the individual values that a figure of this analysis draws."""
    rows, group = sample.rows, ["group"] if sample.has("group") else []
    if sample.kind == "summary":
        return {}
    if sample.has("before", "after"):
        pairs = rows if sample.has("id") else rows.assign(id=range(1, len(rows) + 1))
        columns = ["id", *group, "before", "after"]
        return {"pairs": pairs[columns].reset_index(drop=True)}
    if sample.has("id", "visit", "value"):
        columns = ["id", *group, "visit", "value"]
        return {"visits": rows[columns].reset_index(drop=True)}
    return {"values": rows[[*group, "value"]].reset_index(drop=True)}


def _unit(row: Estimate, unit: str) -> str:
    if row.statistic in ("median_difference", "mean_difference"):
        return unit
    return row.unit


def _parts(sample: Sample) -> Iterable[tuple[str, pd.DataFrame]]:
    """Yield all rows under the label "" and, when there are groups, those of each."""
    yield "", sample.rows
    for label in sample.groups:
        yield label, sample.rows[sample.rows["group"] == label]


def _before_after_rows(
    before: Floats, after: Floats, settings: Settings, where: Estimate
) -> Rows:
    if settings["paired"] != "never":
        return _difference_rows(decimal(after - before), settings, where)
    where = replace(where, note="pairs taken apart and compared as independent groups")
    return _independent_rows(after, before, settings, where)


def _difference_rows(d: Floats, settings: Settings, where: Estimate) -> Rows:
    rows = {
        "wilcoxon": _attempt(_signed_rank_rows, "median_difference", "signed-rank"),
        "sign": _attempt(_sign_rows, "median_difference", "sign test"),
        "t": _attempt(_paired_t_rows, "mean_difference", "paired t"),
    }
    where = _placed(where, settings, d.size)
    return _primary_first(rows, where, settings, d)


def _independent_rows(
    x: Floats, y: Floats, settings: Settings, where: Estimate
) -> Rows:
    rows = {
        "wilcoxon": _attempt(_mann_whitney_rows, "median_difference", "Mann-Whitney"),
        "t": _attempt(
            _two_sample_t_rows, "mean_difference", _t_name(settings["equal_variance"])
        ),
    }
    if settings["test"] == "brunner-munzel":
        rows["brunner-munzel"] = _attempt(
            _relative_effect_rows, "relative_effect", "Brunner-Munzel"
        )
    where = _placed(where, settings, x.size + y.size)
    return _primary_first(rows, where, settings, x, y)


def _refusal(note: str, **where: object) -> Estimate:
    return Estimate(statistic="median_difference", note=note, **where)


def _placed(where: Estimate, settings: Settings, n: int) -> Estimate:
    return replace(where, alternative=str(settings["alternative"]), n=float(n))


def _primary_first(
    rows: Mapping[str, Callable[..., Rows]],
    where: Estimate,
    settings: Settings,
    *data: Floats,
) -> Rows:
    order = sorted(rows, key=lambda name: name != settings["test"])
    return [row for name in order for row in rows[name](where, settings, *data)]


def _attempt(build: Callable[..., Rows], statistic: str, test: str) -> Callable:
    """Make ``build`` answer with a row that says why when the data cannot serve."""

    def rows(where: Estimate, settings: Settings, *data: object) -> Rows:
        try:
            return build(where, settings, *data)
        except MethodError as error:
            note = _note(where.note, str(error))
            return [replace(where, statistic=statistic, test=test, note=note)]

    return rows


def _note(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _rank_options(settings: Settings) -> dict[str, bool]:
    return {
        "exact": settings["p_value"] == "exact",
        "continuity": bool(settings["continuity"]),
    }


def _with_interval(
    where: Estimate, test: RankTest, shift: Interval, name: str = "Hodges-Lehmann"
) -> Estimate:
    limits = not math.isnan(shift.low)
    return replace(
        where,
        statistic="median_difference",
        estimate=shift.estimate,
        conf_low=shift.low,
        conf_high=shift.high,
        conf_level=shift.level if limits else NAN,
        interval_method=f"{name}, {shift.method}" if limits else "",
        test=test.name,
        test_statistic=test.statistic,
        p_value=test.p_value,
        note=_note(where.note, test.note, shift.note),
    )


def _signed_rank_rows(where: Estimate, settings: Settings, d: Floats) -> Rows:
    ranks, level = _rank_options(settings), float(settings["conf_level"])
    zeros, alternative = str(settings["zeros"]), where.alternative
    test = signed_rank_test(d, zeros=zeros, alternative=alternative, **ranks)
    found = [_with_interval(where, test, hodges_lehmann(d, level=level, **ranks))]
    moved = d[d != 0]
    if zeros == "wilcox" and 0 < moved.size < d.size:
        # R drops the zeros before it estimates; a median change includes them.
        shift = hodges_lehmann(moved, level=level, **ranks)
        found.append(replace(_with_interval(where, test, shift), term="zeros dropped"))
    return found


def _sign_rows(where: Estimate, settings: Settings, d: Floats) -> Rows:
    test = sign_test(d, alternative=where.alternative)
    median = median_by_signs(d, level=float(settings["conf_level"]))
    return [_with_interval(where, test, median, "order statistics")]


def _test_row(where: Estimate, test: RankTest, **more: object) -> Estimate:
    return replace(
        where,
        statistic="test",
        test=test.name,
        test_statistic=test.statistic,
        p_value=test.p_value,
        note=_note(where.note, test.note),
        **more,
    )


def _paired_t_rows(where: Estimate, settings: Settings, d: Floats) -> Rows:
    level = float(settings["conf_level"])
    mean, sd = moments(d)
    result = one_sample_t(mean, sd, d.size, level=level, alternative=where.alternative)
    return [_t_row(where, "paired t", level, result)]


def _mann_whitney_rows(
    where: Estimate, settings: Settings, x: Floats, y: Floats
) -> Rows:
    ranks, level = _rank_options(settings), float(settings["conf_level"])
    test = mann_whitney_test(x, y, alternative=where.alternative, **ranks)
    shift = hodges_lehmann_shift(x, y, level=level, **ranks)
    return [_with_interval(where, test, shift)]


def _relative_effect_rows(
    where: Estimate, settings: Settings, x: Floats, y: Floats
) -> Rows:
    level, alternative = float(settings["conf_level"]), where.alternative
    found = brunner_munzel(x, y, level, alternative)
    row = replace(
        where,
        statistic="relative_effect",
        unit="proportion",
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=found.low,
        conf_high=found.high,
        conf_level=level,
        interval_method="Brunner-Munzel",
        test="Brunner-Munzel",
        test_statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
    )
    if x.size + y.size > MOST_PERMUTED:
        return [row]
    p, assignments, exact = permutation_p(x, y, alternative, int(settings["seed"]))
    how = "listed" if exact else "drawn"
    permuted = replace(
        where,
        statistic="test",
        test="Brunner-Munzel, permutation",
        test_statistic=found.statistic,
        p_value=p,
        note=_note(where.note, f"{assignments:,} assignments {how}"),
    )
    return [row, permuted]


def _two_sample_t_rows(
    where: Estimate, settings: Settings, x: Floats, y: Floats
) -> Rows:
    (mean, sd), (mean_ref, sd_ref) = moments(x), moments(y)
    summary = (mean - mean_ref, sd, x.size, sd_ref, y.size)
    return _two_mean_rows(where, settings, summary)


def _t_name(equal_variance: object) -> str:
    return "Student t" if equal_variance else "Welch t"


def _t_row(
    where: Estimate, test: str, level: float, result: TTest, box: TTest | None = None
) -> Estimate:
    """Row of a t test; ``box`` is the same test over all roundings of its inputs."""
    where = replace(where, statistic="mean_difference", test=test)
    if result.std_error == 0:
        note = "The values do not vary, so a t test is not defined."
        return replace(
            where, estimate=float(result.estimate), note=_note(where.note, note)
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
        return [_t_row(where, _t_name(equal), level, t(*summary), wide)]

    primary = bool(settings["equal_variance"])
    rows: Rows = []
    for equal in (primary, not primary):
        attempt = _attempt(t_rows, "mean_difference", _t_name(equal))
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
        return [replace(where, note=_note(where.note, note))]
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


def _group_rows(sample: Sample, settings: Settings) -> Rows:
    labels = sample.rows["group"].to_numpy()
    values = sample.rows["value"].to_numpy(float)
    data = {label: values[labels == label] for label in sample.groups}
    reference = sample.reference or sample.groups[-1]
    rows: Rows = []
    for label in sample.groups:
        if label != reference:
            where = Estimate(statistic="", group=label, reference=reference)
            rows += _independent_rows(data[label], data[reference], settings, where)
    rows += _adjusted_rows(rows, str(settings["adjust"]))
    if len(data) > 2:
        overall = _placed(Estimate(statistic=""), settings, values.size)
        rows += _attempt(_overall_rows, "test", "Kruskal-Wallis")(
            replace(overall, alternative="two-sided"), settings, *data.values()
        )
    return rows


def _overall_rows(where: Estimate, settings: Settings, *groups: Floats) -> Rows:
    return [_test_row(where, kruskal_wallis_test(groups), df=len(groups) - 1.0)]


def _visit_rows(sample: Sample, settings: Settings) -> Rows:
    """Each visit against the baseline, paired by id, over all and within groups."""
    rows: Rows = []
    visits = sample.rows["visit"].tolist()
    baseline = sample.options.get("baseline", visits[0] if visits else "")
    adjust = str(sample.options.get("adjust", settings["adjust"]))
    for label, part in _parts(sample):
        where = Estimate(statistic="", group=label)
        series: dict[object, dict[object, float]] = {}
        repeated = None
        for patient, visit, value in zip(
            part["id"], part["visit"], part["value"], strict=True
        ):
            seen = series.setdefault(visit, {})
            repeated = (patient, visit) if patient in seen else repeated
            seen[patient] = value
        first = next((v for v in series if _text(v) == _text(baseline)), None)
        problem = ""
        if repeated is not None:
            problem = f"Patient {repeated[0]} has visit {_text(repeated[1])} twice."
        elif first is None:
            problem = f"No value was taken at the baseline visit {_text(baseline)}."
        elif len(series) == 1:
            problem = "There is no visit besides the baseline."
        if problem:
            rows.append(_refusal(problem, group=label))
            continue
        family: Rows = []
        for visit, values in series.items():
            if visit == first:
                continue
            both = [patient for patient in values if patient in series[first]]
            before = np.array([series[first][patient] for patient in both], dtype=float)
            after = np.array([values[patient] for patient in both], dtype=float)
            at = replace(where, timepoint=visit)
            family += _before_after_rows(before, after, settings, at)
        rows += family + _adjusted_rows(family, adjust)
    return rows


def _text(label: object) -> str:
    return f"{label:g}" if isinstance(label, Real) else str(label)


def _adjusted_rows(rows: Rows, method: str) -> Rows:
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


# Printed summaries ----------------------------------------------------------


def _summary_rows(sample: Sample, settings: Settings) -> Rows:
    """T tests from means, standard deviations and n, with their rounding."""
    rows, found = sample.rows, []
    if not sample.groups:
        mu = float(sample.options.get("mu", 0))
        attempt = _attempt(_summary_mean_rows, "mean_difference", "paired t")
        for line in rows.to_dict("records"):
            where = Estimate(statistic="", timepoint=line.get("visit", ""))
            where = _placed(where, settings, line["n"])
            found += attempt(where, settings, line, mu)
        return found
    reference = sample.reference or sample.groups[-1]
    lines = {label: rows[rows["group"] == label] for label in sample.groups}
    test = _t_name(settings["equal_variance"])
    attempt = _attempt(_summary_pair_rows, "mean_difference", test)
    for label in sample.groups:
        if label != reference:
            where = Estimate(statistic="", group=label, reference=reference)
            found += attempt(where, settings, lines[label], lines[reference])
    if not found:
        where = Estimate(statistic="mean_difference", group=reference)
        return [replace(where, note=ONE_GROUP)]
    return found + _adjusted_rows(found, str(settings["adjust"]))


def _summary_pair_rows(
    where: Estimate, settings: Settings, first: pd.DataFrame, second: pd.DataFrame
) -> Rows:
    if len(first) != 1 or len(second) != 1:
        raise MethodError(
            "Each group needs exactly one row of mean, standard deviation and n."
        )
    x, y = first.iloc[0], second.iloc[0]
    where = replace(_placed(where, settings, x["n"] + y["n"]), note=_flat_note(x, y))
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
