"""Independent groups: a box and every patient's value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reanalysis.figures.points import Cloud, clouds
from reanalysis.figures.sheet import Sheet


def draw(
    sheet: Sheet,
    *,
    title: str,
    axis: str,
    kind: str,
    values: Sequence[tuple[str, float]],
    groups: Sequence[str],
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel; ``values`` are (group, value), group "" without groups."""
    if title:
        sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    names = list(groups) or [""]
    drawn, slots = [], []
    for place, name in enumerate(names):
        found = [value for group, value in values if not groups or group == name]
        slots.append((place, name, len(found)))
        if found:
            drawn.append(
                Cloud(
                    series=name,
                    slot=name,
                    place=place,
                    width=0.5,
                    values=np.array(found, dtype=float),
                    look=sheet.look.series(place),
                )
            )
    clouds(sheet, title=title, axis=axis, kind=kind, drawn=drawn, slots=slots)
