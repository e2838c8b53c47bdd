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
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from reanalysis.measurements.location import (
    Floats,
    Interval,
    RankTest,
    decimal,
    hodges_lehmann,
    hodges_lehmann_shift,
    kruskal_wallis_test,
    mann_whitney_test,
    median_by_signs,
    sign_test,
    signed_rank_test,
)
from reanalysis.measurements.relative_effect import brunner_munzel, permutation_p
from reanalysis.measurements.t_test_rows import (
    ONE_GROUP,
    Rows,
    Settings,
    adjusted_rows,
    attempted,
    paired_t_rows,
    placed,
    summary_rows,
    t_name,
    two_sample_t_rows,
)
from reanalysis.results import NAN, Estimate, joined
from reanalysis.sample import Sample

#: Largest sample whose assignments are listed or drawn.
MOST_PERMUTED = 50


def estimate(sample: Sample, settings: Settings) -> Rows:
    """Turn a sample into rows, the primary test (``settings["test"]``) first.

    ``paired: never`` compares before and after as if they were independent groups.
    """
    rows = sample.rows
    if sample.kind == "summary":
        found = summary_rows(sample, settings)
    elif sample.has("before", "after"):
        found = [
            row
            for label, part in sample.parts()
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


def _before_after_rows(
    before: Floats, after: Floats, settings: Settings, where: Estimate
) -> Rows:
    if settings["paired"] != "never":
        return _difference_rows(decimal(after - before), settings, where)
    where = replace(where, note="pairs taken apart and compared as independent groups")
    return _independent_rows(after, before, settings, where)


def _difference_rows(d: Floats, settings: Settings, where: Estimate) -> Rows:
    rows = {
        "wilcoxon": attempted(_signed_rank_rows, "median_difference", "signed-rank"),
        "sign": attempted(_sign_rows, "median_difference", "sign test"),
        "t": attempted(paired_t_rows, "mean_difference", "paired t"),
    }
    where = placed(where, settings, d.size)
    return _primary_first(rows, where, settings, d)


def _independent_rows(
    x: Floats, y: Floats, settings: Settings, where: Estimate
) -> Rows:
    rows = {
        "wilcoxon": attempted(_mann_whitney_rows, "median_difference", "Mann-Whitney"),
        "t": attempted(
            two_sample_t_rows, "mean_difference", t_name(settings["equal_variance"])
        ),
    }
    if settings["test"] == "brunner-munzel":
        rows["brunner-munzel"] = attempted(
            _relative_effect_rows, "relative_effect", "Brunner-Munzel"
        )
    where = placed(where, settings, x.size + y.size)
    return _primary_first(rows, where, settings, x, y)


def _refusal(note: str, **where: object) -> Estimate:
    return Estimate(statistic="median_difference", note=note, **where)


def _primary_first(
    rows: Mapping[str, Callable[..., Rows]],
    where: Estimate,
    settings: Settings,
    *data: Floats,
) -> Rows:
    order = sorted(rows, key=lambda name: name != settings["test"])
    return [row for name in order for row in rows[name](where, settings, *data)]


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
        note=joined(where.note, test.note, shift.note),
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
        note=joined(where.note, test.note),
        **more,
    )


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
        note=joined(where.note, f"{assignments:,} assignments {how}"),
    )
    return [row, permuted]


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
    rows += adjusted_rows(rows, str(settings["adjust"]))
    if len(data) > 2:
        overall = placed(Estimate(statistic=""), settings, values.size)
        rows += attempted(_overall_rows, "test", "Kruskal-Wallis")(
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
    for label, part in sample.parts():
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
        rows += family + adjusted_rows(family, adjust)
    return rows


def _text(label: object) -> str:
    return f"{label:g}" if isinstance(label, Real) else str(label)
