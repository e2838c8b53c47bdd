"""Mean numbers of events over time with the model beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reanalysis.formatting import journal_interval, journal_number
from reanalysis.presentation.analysis import Analysis, Panel, Rows
from reanalysis.presentation.wording import (
    against,
    tested,
)
from reanalysis.reporting.forest_rows import name_of
from reanalysis.reporting.printed import label_of

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the mean numbers of an endpoint and return what is drawn."""
    from reanalysis.figures import mean_cumulative

    curve = panel.tables["mean_cumulative"]
    groups = list(dict.fromkeys(str(g) for g in curve["group"]))
    rows = analysis.rows_of(panel.endpoint)
    means = [
        r
        for r in rows
        if r["statistic"] == "mean_cumulative_count" and r["group"] in groups
    ]
    ratio = next(
        (r for r in rows if r["statistic"] == "hazard_ratio" and r["reference"]),
        None,
    )
    analysis.shown += means + ([ratio] if ratio else [])
    remarks = _tests_of(analysis, ratio) if ratio else []
    mean_cumulative.draw(
        sheet,
        mean_cumulative.MeanEvents(
            title=panel.title,
            axis="Mean number of events per patient",
            time_unit=panel.sample["time_unit"],
            kind=analysis.declared["kind"],
            curve=curve,
            risk=panel.tables["risk"],
            groups=groups,
            said={g: _mean_said(analysis, g, means) for g in groups},
            remarks=remarks,
        ),
    )
    method = next((str(r["interval_method"]) for r in means), "")
    return (
        "Mean cumulative functions (Nelson): the mean number of events per patient "
        f"up to each time; shaded: pointwise limits ({method}). The table counts "
        "patients at risk at each time and events up to it."
    )


def _mean_said(analysis: Analysis, group: str, means: Rows) -> str:
    """Return a group with its patients, events and mean number at the last time."""
    own = [r for r in means if r["group"] == group]
    name = group or "All patients"
    if not own:
        return name
    # The last time asked for; at the end of follow-up few are left.
    row = own[-2] if len(own) > 1 else own[-1]
    unit = f" {row['time_unit']}" if row["time_unit"] else ""
    text = f"{name}: n = {row['n']:.0f}, {row['events']:.0f} events"
    if math.isnan(row["estimate"]):
        return text
    mean = journal_number(row["estimate"], statistic="rate_ratio")
    text += f"; mean {mean} by {label_of(row['timepoint'])}{unit}"
    if not math.isnan(row["conf_low"]):
        ends = (row["conf_low"], row["conf_high"], row["conf_level"])
        text += f" ({journal_interval(*ends, statistic='rate_ratio')})"
    return text + analysis.beside(row, "estimate")


def _tests_of(analysis: Analysis, row: Mapping) -> list[str]:
    """Return a ratio with its interval and test, the model named, in a line."""
    name = str(row["note"]).partition(" model.")[0]
    text = f"{name}: {name_of(str(row['statistic'])).lower()} "
    text += journal_number(row["estimate"], statistic=str(row["statistic"]))
    if not math.isnan(row["conf_low"]):
        ends = journal_interval(
            row["conf_low"],
            row["conf_high"],
            row["conf_level"],
            statistic=str(row["statistic"]),
        )
        text += f" ({ends})"
    lines = [f"{against(row)}: {text}{analysis.beside(row, 'estimate')}"]
    if not math.isnan(row["p_value"]):
        lines.append(tested(row, []) + analysis.beside(row, "p_value"))
    return lines
