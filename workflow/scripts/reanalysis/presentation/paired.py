"""Values of the same patients before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the pairs of an endpoint and return what is drawn."""
    import numpy as np

    from reanalysis.figures import paired

    pairs = panel.tables["pairs"]
    groups = [str(g) for g in pairs.get("group", [""] * len(pairs["id"]))]
    named = [g for g in panel.sample["groups"] if g in groups] or list(
        dict.fromkeys(groups)
    )
    held = {g: [i for i, own in enumerate(groups) if own == g] for g in named}
    paired.draw(
        sheet,
        title=panel.title,
        axis=analysis.axis(panel),
        kind=analysis.declared["kind"],
        ends=("Before", "After"),
        groups=[
            paired.Pairs(
                name=group,
                patients=[str(pairs["id"][i]) for i in own],
                before=np.array([pairs["before"][i] for i in own], dtype=float),
                after=np.array([pairs["after"][i] for i in own], dtype=float),
            )
            for group, own in held.items()
        ],
        remarks=analysis.tests(panel.endpoint),
    )
    return "A line is a patient, before and after; black bars are medians."
