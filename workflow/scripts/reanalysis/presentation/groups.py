"""Values of the patients by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the values of an endpoint and return what is drawn."""
    from reanalysis.figures import groups as drawing

    table = panel.tables["values"]
    groups = [str(g) for g in table.get("group", [""] * len(table["value"]))]
    drawing.draw(
        sheet,
        title=panel.title,
        axis=analysis.axis(panel),
        kind=analysis.declared["kind"],
        values=[(g, float(x)) for g, x in zip(groups, table["value"], strict=True)],
        groups=[g for g in panel.sample["groups"] if g in groups],
        remarks=analysis.tests(panel.endpoint),
    )
    return (
        "A mark is a patient; the bar is the median, the box holds the middle half "
        "(from 5 patients on), whiskers reach 1.5 boxes at most."
    )
