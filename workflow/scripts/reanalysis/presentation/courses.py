"""Courses of the patients with the lines and slopes of a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reanalysis.formatting import capitalised
from reanalysis.presentation.analysis import Analysis, Panel
from reanalysis.presentation.wording import (
    against,
    p_said,
)
from reanalysis.reporting.forest_rows import estimate_text, name_of

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the courses of an endpoint and return what is drawn."""
    from reanalysis.figures import courses

    change = analysis.declared["options"].get("change_at")
    unit = panel.sample["time_unit"]
    present = set(map(str, panel.tables["courses"]["group"]))
    courses.draw(
        sheet,
        title=panel.title,
        axis=analysis.axis(panel),
        time_axis=f"Time ({unit})" if unit else "Time",
        kind=analysis.declared["kind"],
        patients=panel.tables["courses"],
        lines=panel.tables.get("lines", {}),
        groups=[g for g in panel.sample["groups"] if g in present],
        change=None if change is None else float(change),
        remarks=_slopes(analysis, panel.endpoint)
        + _marks(bool(panel.tables.get("lines")), change is not None),
    )
    said = "A thin line with marks is a patient"
    if panel.tables.get("lines"):
        said += (
            "; the thick line is the population line of the model, shaded its "
            "pointwise limits"
        )
    return said + ("; upright line: treatment." if change is not None else ".")


def _marks(lines: bool, change: bool) -> list[str]:
    """Name the marks that are no patient's course."""
    named = ["thick: line of the model"] if lines else []
    named += ["dashed: treatment"] if change else []
    return [capitalised("; ".join(named))] if named else []


def _slopes(analysis: Analysis, endpoint: str) -> list[str]:
    """Return the first estimate of each slope, change and difference in words."""
    said: dict[tuple, str] = {}
    tests: dict[str, None] = {}
    for row in analysis.rows_of(endpoint):
        named = str(row["statistic"]).removesuffix("_difference")
        if named not in ("slope", "slope_change") or math.isnan(row["estimate"]):
            continue
        place = (row["statistic"], row["group"], row["reference"], row["timepoint"])
        if place in said:
            continue
        analysis.shown.append(row)
        head = name_of(str(row["statistic"]))
        if row["timepoint"]:
            head += f" {row['timepoint']}"
        group = against(row)
        head = f"{group}: {head.lower()}" if group else head
        unit = f" {row['unit']}" if row["unit"] else ""
        text = f"{head} {estimate_text(row)}{unit}"
        if not math.isnan(row["p_value"]):
            text += f", p {p_said(row['p_value'])}"
            tests[str(row["test"])] = None
        said[place] = text + analysis.beside(row, "estimate", "p_value")
    changes = [t for place, t in said.items() if "change" in place[0]]
    lines = list(said.values())
    lines = lines if len(lines) <= 6 else changes or lines[:6]
    by = "; ".join(tests)
    return [*lines, f"{by[:1].upper()}{by[1:]}"] if by else lines
