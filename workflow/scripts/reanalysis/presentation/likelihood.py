"""The likelihood of a hazard ratio with the limits it gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reanalysis.formatting import journal_number
from reanalysis.presentation.analysis import Analysis, Panel, column_of
from reanalysis.reporting.printed import place_of

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Said when there is none to draw.
UNDRAWN = (
    "No likelihood is drawn: it has no finite limit, or weights are probabilities "
    "and leave none."
)


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the likelihood of one column and return what is drawn."""
    from reanalysis.figures import likelihood

    limits = column_of(panel.tables["limits"], panel.column)
    rows = analysis.rows_of_column("hazard_ratio", panel.endpoint, panel.column)
    analysis.shown += rows[:1]
    level = next((r["conf_level"] for r in rows if r["conf_level"] > 0), 0.95)
    percent = f"{100 * level:g}%"
    ends, said = {}, {}
    for curve, b, low, high in zip(
        *(limits[key] for key in ("curve", "estimate", "low", "high")), strict=True
    ):
        ends[curve] = (low, high)
        shown = [_ratio(x) for x in (b, low, high)]
        said[curve] = (
            f"{likelihood.CURVES[curve]}: {shown[0]} ({percent} limits, {shown[1]} "
            f"to {shown[2]})"
        )
    cut = limits["cut"][0]
    likelihood.draw(
        sheet,
        title=panel.title,
        kind=analysis.declared["kind"],
        curves=column_of(panel.tables["likelihood"], panel.column),
        said=said,
        ends=ends,
        cut=cut,
        cut_said=f"{percent} limits",
        printed=[
            (p.value, f"{p.text} ({p.claim_id})")
            for p in analysis.printed
            if any(p.place == place_of(row) for row in rows[:1])
            and p.field == "estimate"
            and p.value > 0
        ],
    )
    return (
        "Log likelihood of each hazard ratio, other coefficients at their best, "
        "less its maximum. Limits (marks) lie where a curve falls below the dashed "
        f"line, {-cut:.2f} under the maximum (half the chi-square quantile). Where "
        "the parabola leaves the curve, a Wald interval leaves the data."
    ) + (
        " The likelihoods take the rows as independent, the parabola does not."
        if "robust" in ends
        else ""
    )


def _ratio(log: float) -> str:
    """Write a hazard ratio given by its logarithm."""
    if math.isinf(log):
        return "infinity" if log > 0 else "0"
    return journal_number(math.exp(log), statistic="hazard_ratio")
