"""Values of the patients at their visits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel
from reanalysis.reporting.printed import label_of

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the visits of an endpoint and return what is drawn."""
    from reanalysis.figures import visits

    table = panel.tables["visits"]
    groups = table.get("group", [""] * len(table["visit"]))
    unit = panel.sample["time_unit"]
    visits.draw(
        sheet,
        title=panel.title,
        axis=analysis.axis(panel),
        kind=analysis.declared["kind"],
        visit_axis=f"Visit ({unit})" if unit else "Visit",
        values=[
            (str(g), label_of(v), float(x))
            for g, v, x in zip(groups, table["visit"], table["value"], strict=True)
        ],
        groups=[g for g in panel.sample["groups"] if g in set(map(str, groups))],
        remarks=analysis.tests(panel.endpoint),
    )
    return (
        "A mark is a patient at a visit; the bar is the median, the box holds the "
        "middle half (from 5 patients on), whiskers reach 1.5 boxes at most."
    )
