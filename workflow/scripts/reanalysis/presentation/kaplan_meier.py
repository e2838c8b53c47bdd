"""Survival curves with medians, printed numbers and the log-rank test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.analyses import PRIMARY
from reanalysis.presentation.analysis import Analysis, Panel, Rows
from reanalysis.presentation.wording import (
    is_number,
    tested,
)
from reanalysis.reporting.forest_rows import short_time
from reanalysis.reporting.printed import PrintedNumber, printed_said

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Limits that are named by the scale they are computed on.
SCALES = frozenset({"log-log", "log", "plain", "logit", "arcsine"})


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the curves of an endpoint and return what is drawn."""
    from reanalysis.figures import kaplan_meier

    groups = list(dict.fromkeys(str(g) for g in panel.tables["curve"]["group"]))
    rows = analysis.rows_of(panel.endpoint)
    own = analysis.printed_of(panel.endpoint)
    medians = _medians(rows, groups)
    drawn = ("survival_probability", "median_survival")
    analysis.shown += [
        r for r in rows if r["statistic"] in drawn and r["group"] in groups
    ]
    tests = _log_rank(analysis, panel.endpoint)
    title, axis = panel.title, panel.endpoint or analysis.endpoint
    if axis.lower().startswith(("time ", "duration ", "waiting ")):
        # The curve shows the share of patients, not their times.
        title, axis = axis[:1].upper() + axis[1:], "still without the event"
    kaplan_meier.draw(
        sheet,
        kaplan_meier.Survival(
            title=title,
            axis=f"{axis[:1].upper()}{axis[1:]} (%)",
            time_unit=panel.sample["time_unit"],
            kind=analysis.declared["kind"],
            tables=panel.tables,
            groups=groups,
            said={g: _median_said(g, medians.get(g), own) for g in groups},
            remarks=tests,
            medians={g: r["estimate"] for g, r in medians.items()},
            printed=[
                (p.place[2], float(p.place[5]), p.value, f"{p.text} ({p.claim_id})")
                for p in own
                if p.place[1] == "survival_probability"
                and p.field == "estimate"
                and is_number(p.place[5])
                and math.isfinite(p.value)
                and p.place[2] in groups
            ],
        ),
    )
    interval = next((str(r["interval_method"]) for r in medians.values()), "")
    limits = interval.rpartition(", ")[2]
    limits += " scale" if limits in SCALES else ""
    banded = "band_low" in panel.tables["curve"]
    seen = "hatched" if analysis.declared["kind"] != "individual" else "shaded"
    return (
        f"Kaplan-Meier curves; {seen}: pointwise limits ({limits}); "
        + (f"dotted: {_band(rows)}; " if banded else "")
        + "upright marks: censored patients; thin lines: medians. The table counts "
        "patients at risk at each time, and events and censorings before it."
    )


def group_lines(
    analysis: Analysis, endpoint: str, groups: Sequence[str]
) -> dict[str, str]:
    """Return patients, events and median of each group, printed ones beside them."""
    medians = _medians(analysis.rows_of(endpoint), groups)
    analysis.shown += medians.values()
    own = analysis.printed_of(endpoint)
    return {group: _median_said(group, medians.get(group), own) for group in groups}


def _medians(rows: Rows, groups: Sequence[str]) -> dict[str, Mapping]:
    """Return the first row of each group's median."""
    return {
        str(r["group"]): r
        for r in reversed(rows)
        if r["statistic"] == "median_survival" and r["group"] in groups
    }


def _band(rows: Rows) -> str:
    """Name the simultaneous band as the rows do."""
    named = (
        str(r["interval_method"]) for r in rows if r["statistic"] == "survival_band"
    )
    kind, _, scale = next(named, "").partition(", ")
    return f"simultaneous {kind or 'band'}" + (f" ({scale} scale)" if scale else "")


def _median_said(
    group: str, row: Mapping | None, printed: Sequence[PrintedNumber]
) -> str:
    """Return a group with its patients, events and median, printed ones beside it."""
    name = group or "All patients"
    if row is None:
        return name
    unit = f" {row['unit']}" if row["unit"] else ""
    count = f"n = {row['n']:.0f}, {row['events']:.0f} events"
    if math.isnan(row["estimate"]):
        text = f"{name}: {count}; median not reached"
    else:
        text = f"{name}: {count}; median {short_time(row['estimate'])}{unit}"
    low, high = row["conf_low"], row["conf_high"]
    if not (math.isnan(low) and math.isnan(high)):
        ends = ["not reached" if math.isnan(x) else short_time(x) for x in (low, high)]
        level = f"{100 * row['conf_level']:g}"
        text += f" ({level}% CI, {ends[0]} to {ends[1]})"
    said = printed_said(
        [
            p
            for p in printed
            if p.place[1] == "median_survival"
            and p.field == "estimate"
            and p.place[2] == group
        ]
    )
    return f"{text}; {said}" if said else text


def _log_rank(analysis: Analysis, endpoint: str) -> list[str]:
    """Name the log-rank tests of the same data and endpoint with their p-values.

    The first is the one of all groups; with more than two, a comparison of two of them
    is named where a p-value of it is printed, which is no p-value of them all.
    """
    said: dict[tuple[object, ...], str] = {}
    for row in analysis.everything:
        compared = (row["group"], row["reference"])
        if (
            row["statistic"] == "log_rank"
            and row["scenario"] == PRIMARY
            and not math.isnan(row["p_value"])
            and compared not in said
            and _same_patients(analysis, str(row["analysis"]), endpoint)
        ):
            printed = [
                p
                for p in analysis.others.get(str(row["analysis"]), [])
                if p.place[1] == "log_rank"
                and p.field == "p_value"
                and p.place[2:4] == compared
            ]
            if printed or not said:
                analysis.shown.append(row)
                about = f"{row['group']} against {row['reference']}: " if said else ""
                said[compared] = about + tested(row, printed)
    return list(said.values())


def _same_patients(analysis: Analysis, other: str, endpoint: str) -> bool:
    """Tell whether another analysis compares the very rows drawn here."""
    mine = next(s for s in analysis.declared["samples"] if s["endpoint"] == endpoint)
    return any(
        all(
            mine["columns"].get(role) == sample["columns"].get(role)
            for role in ("start", "stop", "time", "event", "group")
        )
        for sample in analysis.study["analyses"][other]["samples"]
    )
