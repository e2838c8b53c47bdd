"""Residuals of a Cox model over time with the tests of proportional hazards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel, column_of
from reanalysis.presentation.wording import (
    p_said,
)

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Said when there are none to draw.
UNDRAWN = (
    "No residuals are drawn: the estimate is infinite, weights are probabilities, "
    "or too few events tell whether the hazard ratio changes over time."
)


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the residuals of one column and return what is drawn."""
    from reanalysis.figures import residuals

    points = column_of(panel.tables["residuals"], panel.column)
    smooth = column_of(panel.tables.get("smooth", {"column": []}), panel.column)
    remarks = []
    for wanted, about in (
        (panel.column, ""),
        ("group", ", all groups"),
        ("", ", all columns"),
    ):
        for row in analysis.rows_of_column(
            "proportional_hazards", panel.endpoint, wanted
        ):
            if not math.isnan(row["p_value"]):
                analysis.shown += [row] * (row not in analysis.shown)
                remarks.append(
                    f"Proportional hazards{about}: {row['test']}, "
                    f"p {p_said(row['p_value'])}"
                )
    residuals.draw(
        sheet,
        title=panel.title,
        kind=analysis.declared["kind"],
        time_unit=panel.sample["time_unit"],
        points=points,
        line=smooth if smooth["column"] else None,
        estimate=points["estimate"][0],
        remarks=remarks,
    )
    said = (
        "A mark is an event: the log hazard ratio at its time, by the scaled "
        "Schoenfeld residual. Solid line: the constant log hazard ratio of the "
        "model; dashed line: no difference."
    )
    if smooth["column"]:
        said += " Curve and band: natural spline of 4 df with pointwise limits."
    return said + (
        " A trend up or down speaks against a constant hazard ratio; a test that "
        "finds none is no proof of one."
    )
