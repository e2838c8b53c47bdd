"""Estimates with intervals, or p-values: a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis
from reanalysis.reporting import forest_rows

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Below this width in millimetres a forest leaves out the ranges of p-values.
WIDE_MM = 150


def draw(sheet: Sheet, analysis: Analysis, *, sensitivity: bool) -> str | None:
    """Fill the sheet and return what was drawn; None when no row can be shown."""
    from reanalysis.figures import forest

    statistics = forest_rows.choice(
        analysis.declared["method"], analysis.rows, analysis.printed, varied=sensitivity
    )
    if statistics is None:
        return None
    analysis.shown = [r for r in analysis.primary if r["statistic"] in statistics]
    plot = forest_rows.forest(
        analysis.declared["kind"],
        statistics,
        analysis.rows,
        analysis.printed,
        split=len(analysis.declared["samples"]) > 1,
        wide=sheet.look.width_mm >= WIDE_MM,
    )
    forest.draw(sheet, plot)
    roles = {line.role for line in plot.lines}
    what = "p-values" if plot.scale == "p" else "estimates with intervals"
    if "primary" in roles:
        said = [f"Rows are scenarios: {what}; square: the primary analysis"]
        if "printed" in roles:
            said.append("open diamond and dotted line: printed")
        if "stated" in roles:
            said.append("triangle: the convention the paper states")
        if "range" in roles:
            said.append("pale bar: smallest to largest of several runs")
        return "; ".join(said) + "."
    return f"One row each, the primary analysis: {what}. " + " ".join(plot.legend)
