"""Survival of two groups at fixed times: probabilities, difference and ratio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival import fixed_time
from reanalysis.survival.fixed_time import Comparison, Point
from reanalysis.survival.risk_sets import FollowUp, follow_up, group_codes
from reanalysis.survival.survival_curve import product_limit
from reanalysis.tables.binomial import normal_p_value

_MELDED = "melded beta product"


@dataclass(frozen=True, slots=True)
class _Group:
    """A group at a time: its rows, its point, or why there is none."""

    label: str
    rows: FollowUp
    point: Point | None
    note: str


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Compare every group with the reference at each of ``options.times``.

    The difference carries the test that the settings name; beside it stands the
    melded beta product test, which small groups and curves at 0 or 1 do not upset.
    """
    times = [float(t) for t in sample.options.get("times", ())]
    try:
        rows = follow_up(sample)
        if not times:
            raise MethodError("No time is given at which curves are compared.")
    except MethodError as problem:
        return [Estimate(statistic="survival_difference", note=str(problem))]
    code = group_codes(sample)
    labels = sample.groups or ("",)
    members = {
        label: rows[code == k] if sample.groups else rows
        for k, label in enumerate(labels)
    }
    found: list[Estimate] = []
    for time in times:
        at = [_at(label, own, time) for label, own in members.items()]
        found += [_probability(group, time, sample, settings) for group in at]
        for group in at[:-1]:
            found += _compared(group, at[-1], time, sample, settings)
    return found


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return nothing: the comparisons are drawn as a forest."""
    return {}


def _at(label: str, rows: FollowUp, time: float) -> _Group:
    try:
        return _Group(label, rows, fixed_time.point(rows, time), "")
    except MethodError as problem:
        return _Group(label, rows, None, str(problem))


def _limits(
    group: _Group, time: float, settings: Mapping[str, object]
) -> tuple[float, float]:
    curve = product_limit(
        group.rows,
        interval=str(settings["interval"]),
        conf_level=float(settings["conf_level"]),
        seed=int(settings["seed"]),
    )
    low, high = curve.limits(int(curve.at([time])[0]))
    # Limits without width, as plain and log have them at 1, would claim certainty.
    return (low, high) if low < high else (NAN, NAN)


def _probability(
    group: _Group, time: float, sample: Sample, settings: Mapping[str, object]
) -> Estimate:
    row = partial(
        Estimate,
        statistic="survival_probability",
        group=group.label,
        timepoint=time,
        time_unit=sample.time_unit or sample.unit,
        unit="proportion",
        n=group.rows.n,
        events=group.rows.events,
    )
    if group.point is None:
        return row(note=group.note)
    low, high = _limits(group, time, settings)
    survival = group.point.survival
    return row(
        estimate=survival,
        std_error=survival * group.point.log_error if survival else NAN,
        conf_low=low,
        conf_high=high,
        conf_level=settings["conf_level"],
        interval_method=settings["interval"],
        note="" if low == low else f"no limits where the curve is {survival:g}",
    )


def _compared(
    group: _Group,
    reference: _Group,
    time: float,
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    row = partial(
        Estimate,
        group=group.label,
        reference=reference.label,
        timepoint=time,
        time_unit=sample.time_unit or sample.unit,
        n=group.rows.n + reference.rows.n,
        events=group.rows.events + reference.rows.events,
        alternative=settings["alternative"],
    )
    unknown = [f"{g.label}: {g.note}" for g in (group, reference) if g.point is None]
    if unknown:
        for statistic in ("survival_difference", "survival_ratio"):
            yield row(statistic=statistic, note="; ".join(unknown))
        return
    melded = settings["test"] == _MELDED
    yield _difference(row, group, reference, time, settings, str(settings["test"]))
    if not melded:
        beside = {**settings, "interval_difference": _MELDED}
        yield _difference(row, group, reference, time, beside, _MELDED)
    yield _ratio(row, group, reference, settings)


def _test(
    group: _Group, reference: _Group, settings: Mapping[str, object], test: str
) -> dict[str, object]:
    """Return the test fields of a row, and under ``note`` why there is no test."""
    side = str(settings["alternative"])
    try:
        if test == _MELDED:
            p = fixed_time.melded_p_value(group.point, reference.point, side)
            return {"test": _MELDED, "p_value": p, "note": ""}
        z = fixed_time.z_statistic(group.point, reference.point, test)
    except MethodError as problem:
        return {"test": _named(test), "note": str(problem)}
    return {
        "test": _named(test),
        "test_statistic": z,
        "p_value": normal_p_value(z, side),
        "note": "",
    }


def _named(test: str) -> str:
    return test if test == _MELDED else f"fixed time, {test}"


def _difference(
    row: partial[Estimate],
    group: _Group,
    reference: _Group,
    time: float,
    settings: Mapping[str, object],
    test: str,
) -> Estimate:
    level = float(settings["conf_level"])
    kind = str(settings["interval_difference"])
    points = group.point, reference.point
    found, named, problem = fixed_time.difference(*points, level), kind, ""
    if kind == "mover":
        own = [_limits(g, time, settings) for g in (group, reference)]
        found = fixed_time.difference_from_limits(*points, tuple(own))
        named = f"MOVER, {settings['interval']}"
    elif kind == _MELDED:
        found, problem = _melded(found, points, "difference", level)
    if not (problem or found.conf_low == found.conf_low):
        problem = f"no {named} limits where a curve is 0 or 1"
    tested = _test(group, reference, settings, test)
    notes = dict.fromkeys(n for n in (tested.pop("note"), problem) if n)
    return row(
        statistic="survival_difference",
        unit="proportion",
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=level,
        interval_method=named,
        note="; ".join(notes),
        **tested,
    )


def _ratio(
    row: partial[Estimate],
    group: _Group,
    reference: _Group,
    settings: Mapping[str, object],
) -> Estimate:
    level = float(settings["conf_level"])
    kind = str(settings["interval_ratio"])
    points = group.point, reference.point
    found, problem = fixed_time.ratio(*points, level), ""
    if kind == _MELDED:
        found, problem = _melded(found, points, "ratio", level)
        if not problem and found.conf_high != found.conf_high:
            problem = "the upper limit is infinite"
    elif found.conf_low != found.conf_low:
        problem = "no limits on the log scale where a curve is 0 or 1"
    if found.estimate != found.estimate:
        problem = "no ratio: the curve of the reference is 0"
    tested = _test(group, reference, settings, str(settings["test"]))
    notes = dict.fromkeys(n for n in (tested.pop("note"), problem) if n)
    return row(
        statistic="survival_ratio",
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=level,
        interval_method=kind,
        note="; ".join(notes),
        **tested,
    )


def _melded(
    found: Comparison, points: tuple, contrast: str, level: float
) -> tuple[Comparison, str]:
    try:
        limits = fixed_time.melded_limits(*points, contrast=contrast, conf_level=level)
    except MethodError as problem:
        return Comparison(found.estimate, NAN, NAN, NAN), str(problem)
    return Comparison(found.estimate, NAN, *limits), ""
