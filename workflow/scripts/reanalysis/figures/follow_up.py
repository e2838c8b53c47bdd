"""What figures over follow-up share: keys above the curves and the table below them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reanalysis.figures.sheet import MARGIN, Sheet, series_key
from reanalysis.figures.style import INK, PRINTED, Series

#: A printed number among the curves.
DIAMOND = {
    "marker": "D",
    "linestyle": "none",
    "markersize": 4.2,
    "markerfacecolor": "white",
    "markeredgecolor": PRINTED,
    "markeredgewidth": 0.9,
}


def of_group(
    table: Mapping[str, Sequence], group: str, cause: str = ""
) -> dict[str, np.ndarray]:
    """Return the numbers of one group (of one cause) as arrays, None as nan."""
    held = np.array([str(g) == group for g in table["group"]], dtype=bool)
    if cause:
        held &= np.array([str(c) == cause for c in table["cause"]], dtype=bool)
    return {
        key: np.array([math.nan if v is None else v for v in values], dtype=float)[held]
        for key, values in table.items()
        if key not in ("group", "cause")
    }


def group_keys(
    sheet: Sheet, said: Mapping[str, str], looks: Mapping[str, Series]
) -> None:
    """Add a line per group: its line sample and what is said of it."""
    for group, look in looks.items():
        start = series_key(sheet, MARGIN, sheet.y, look, sheet.size)
        lines = sheet.wrap(said.get(group, group), sheet.width - MARGIN - start)
        sheet.y = sheet.text(start, sheet.y, lines)


def remarks(
    sheet: Sheet,
    texts: Sequence[str],
    printed: Sequence[tuple[str, float, float, str]] = (),
) -> None:
    """Add remarks, and the key of printed numbers where there are some."""
    start = MARGIN + 3.1 * sheet.size
    for text in texts:
        lines = sheet.wrap(text, sheet.width - MARGIN - start)
        sheet.y = sheet.text(start, sheet.y, lines)
    if printed:
        middle = sheet.y + 0.5 * sheet.line_height()
        sheet.stroke([MARGIN + 1.3 * sheet.size], [middle], **DIAMOND)
        known = "; ".join(dict.fromkeys(text for *_, text in printed))
        lines = sheet.wrap(f"printed: {known}", sheet.width - MARGIN - start, most=3)
        sheet.y = sheet.text(start, sheet.y, lines)


def risk_table(
    sheet: Sheet,
    risk: Mapping[str, Sequence],
    rows: Sequence[tuple[str, str]],
    looks: Mapping[str, Series],
    places: Mapping[float, float],
    edge: float,
) -> None:
    """Add the numbers of each group under the times in ``places``.

    ``rows`` are keys of ``risk`` with their labels, which end at ``edge``.
    """
    small = sheet.small
    sheet.y += 2
    for group, look in looks.items():
        if len(looks) > 1:
            start = series_key(sheet, MARGIN, sheet.y, look, small)
            lines = sheet.wrap(group, sheet.width - MARGIN - start, small, "bold", 2)
            sheet.y = sheet.text(start, sheet.y, lines, size=small, weight="bold")
        own = of_group(risk, group)
        for key, label in rows:
            sheet.text(edge, sheet.y, label, size=small, align="right", color=INK)
            for time, value in zip(own["time"], own[key], strict=True):
                if time in places:
                    sheet.text(
                        places[time], sheet.y, f"{value:.0f}", size=small,
                        align="center",
                    )  # fmt: skip
            sheet.y += 1.18 * small
        sheet.y += 2
