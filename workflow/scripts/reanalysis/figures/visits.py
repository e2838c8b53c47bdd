"""Measurements over visits: a box and every patient's value at each visit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reanalysis.figures.points import Cloud, clouds, keys
from reanalysis.figures.sheet import Sheet


def draw(
    sheet: Sheet,
    *,
    title: str,
    axis: str,
    kind: str,
    visit_axis: str,
    values: Sequence[tuple[str, str, float]],
    groups: Sequence[str],
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel; ``values`` are (group, visit, value), group "" without groups."""
    if title:
        sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    visits = ordered_visits([visit for _, visit, _ in values])
    names = list(groups) or [""]
    looks = {name: sheet.look.series(i) for i, name in enumerate(names)}
    if len(names) > 1:
        keys(sheet, looks)
    width = 0.72 / len(names)
    drawn = []
    for number, name in enumerate(names):
        for place, visit in enumerate(visits):
            found = [
                v for g, at, v in values if at == visit and (not groups or g == name)
            ]
            if found:
                drawn.append(
                    Cloud(
                        series=name,
                        slot=visit,
                        place=place + width * 1.06 * (number - (len(names) - 1) / 2),
                        width=width * 0.9,
                        values=np.array(found, dtype=float),
                        look=looks[name],
                    )
                )
    counts = {visit: sum(1 for _, at, _ in values if at == visit) for visit in visits}
    clouds(
        sheet,
        title=title,
        axis=axis,
        kind=kind,
        drawn=drawn,
        slots=[(i, visit, counts[visit]) for i, visit in enumerate(visits)],
        slots_axis=visit_axis,
    )


def ordered_visits(visits: Sequence[str]) -> list[str]:
    """Return each visit once, by number where all are numbers, else as they come."""
    seen = list(dict.fromkeys(visits))
    try:
        return sorted(seen, key=float)
    except ValueError:
        return seen
