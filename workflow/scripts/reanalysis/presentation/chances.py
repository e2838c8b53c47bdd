"""Probabilities over the assumed truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the probabilities of a design and return what is drawn."""
    from reanalysis.figures import chances

    table = panel.tables["chances"]
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for name, x, y in zip(table["series"], table["x"], table["y"], strict=True):
        xs, ys = lines.setdefault(str(name), ([], []))
        xs.append(float(x))
        ys.append(float(y))
    chances.draw(
        sheet,
        title=str(analysis.declared["label"]),
        axis=str(table["axis"][0]),
        lines=lines,
        marks=[float(x) for x in table.get("mark", ())[:1] if x == x],
    )
    analysis.shown += [
        r for r in analysis.primary if r["statistic"] == "smallest_p_value"
    ]
    return (
        "Lines: probability over the assumed truth; a thin line marks the power "
        "wanted of a test."
    )
