"""The fall of counts by selection of the patients alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reanalysis.formatting import journal_interval, journal_number
from reanalysis.presentation.analysis import Analysis, Panel
from reanalysis.presentation.wording import (
    p_said,
)

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the selection of an endpoint and return what is drawn."""
    from reanalysis.figures import selection

    if sheet.y > 10:
        sheet.y += 8
    at_least = int(analysis.declared["options"].get("selected_at_least", 0))
    elements = set(panel.tables["selection"]["element"])
    assumed = any("assumed" in str(s) for s in panel.tables["selection"]["series"])
    remarks = [f"Patients entered with {at_least} or more events in the period before."]
    if assumed:
        remarks.append(
            "The mean count before is not printed: the means are assumed, no data."
        )
    own = analysis.rows_of(panel.endpoint)
    for row in own:
        # The law freed of selection, beside the totals drawn above.
        if (
            row["statistic"] == "rate_ratio"
            and row["term"] == "given the entry criterion"
        ):
            told = analysis.beside(row, "estimate", "p_value")
            remarks += [f"Given the entry criterion: {t}{told}" for t in _freed(row)]
            analysis.shown.append(row)
    analysis.shown += [r for r in own if r["statistic"] == "selection_reduction"]
    selection.draw(
        sheet,
        selection.Selection(
            title=panel.title,
            kind=analysis.declared["kind"],
            table=panel.tables["selection"],
            remarks=remarks,
            assumed=assumed,
        ),
    )
    parts = [
        "Curves: the fall of the mean count to be expected in the next period from "
        "the selection alone, by the shape of the gamma distribution of the "
        "patients' rates"
    ]
    if assumed:
        parts.append("each for a mean count before that is assumed, not printed")
    if "observed" in elements:
        parts.append("thick line: the fall seen")
    if "shape-free" in elements:
        parts.append("dotted line: the fall by selection without any shape (Hauer)")
    if "likelihood" in elements:
        parts.append(
            "below: likelihood of each shape; shapes above the dashed line are "
            "within the 95% interval"
        )
    return "; ".join(parts) + "."


def _freed(row: Mapping) -> list[str]:
    """Return the rate ratio freed of selection in a line, or why there is none."""
    of = f"{row['group']}: " if row["group"] else ""
    if math.isnan(row["estimate"]):
        return [of + str(row["note"])]
    ratio = {"statistic": "rate_ratio"}
    ends = (row["conf_low"], row["conf_high"], row["conf_level"])
    return [
        f"{of}rate ratio {journal_number(row['estimate'], **ratio)} "
        f"({journal_interval(*ends, **ratio)}), "
        f"p {p_said(row['p_value'])}"
    ]
