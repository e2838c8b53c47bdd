"""Balance before and after matching: absolute standardised differences (Love plot)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, PALE
from reanalysis.matching.balance import IMBALANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    sheet: Sheet,
    *,
    title: str,
    kind: str,
    rows: Sequence[tuple[str, float, float]],
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel; ``rows`` are (covariate, difference before, difference after)."""
    if title:
        sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    labels = [sheet.wrap(name, 0.42 * sheet.inner, most=2) for name, *_ in rows]
    need = max(sheet.measure(line) for lines in labels for line in lines)
    left = MARGIN + need + 8
    width = sheet.width - MARGIN - left - 4
    step = 2.4 * sheet.line_height()
    height = step * len(rows)
    sheet.y += 2
    top = sheet.y
    for number, lines in enumerate(labels):
        middle = top + (number + 0.5) * step
        start = middle - len(lines) * sheet.line_height() / 2
        sheet.text(MARGIN, start, lines)
    values = [abs(v) for _, *pair in rows for v in pair if math.isfinite(v)]
    high = 1.08 * max([*values, 2 * IMBALANCE])
    ticks = linear_ticks(0.0, high)
    sheet.plot(
        lambda axes: _marks(axes, sheet, rows, kind, high, ticks),
        x=left,
        width=width,
        height=height,
    )
    sheet.y = top + height + 5
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        x = left + width * tick / high
        sheet.text(x, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small) + 1
    axis = "Absolute standardised difference of the groups"
    sheet.y = sheet.text(
        left + width / 2, sheet.y, sheet.wrap(axis, width), align="center"
    )
    look = sheet.look.series(0)
    x = left
    for name, fill in (("before matching", "white"), ("after matching", look.color)):
        sheet.stroke(
            [x + 3], [sheet.y + sheet.line_height() / 2], color=look.color, marker="o",
            linestyle="none", markersize=4.5, markerfacecolor=fill,
        )  # fmt: skip
        sheet.text(x + 10, sheet.y, name)
        x += 10 + sheet.measure(name) + 14
    sheet.y += sheet.line_height() + 2
    for name, before, after in rows:
        for when, value in (("before", before), ("after", after)):
            if math.isfinite(value):
                sheet.note("difference", panel=title, series=when, x=name, y=value)


def _marks(
    axes: Axes,
    sheet: Sheet,
    rows: Sequence[tuple[str, float, float]],
    kind: str,
    high: float,
    ticks: Sequence[float],
) -> None:
    watermark(axes, kind, sheet.look)
    look = sheet.look.series(0)
    axes.axvline(IMBALANCE, color=GREY, lw=0.8, ls=(0, (4, 2)))
    for number, (_, before, after) in enumerate(rows):
        y = -number - 0.5
        axes.axhline(y, color=PALE, lw=0.4, zorder=0)
        for value, fill, size in ((before, "white", 5.5), (after, look.color, 4.0)):
            if math.isfinite(value):
                axes.plot(
                    [abs(value)], [y], ls="none", marker="o", markersize=size,
                    markerfacecolor=fill, markeredgecolor=look.color,
                    markeredgewidth=0.9, clip_on=False, zorder=3,
                )  # fmt: skip
    axes.set_xlim(0, high)
    axes.set_ylim(-len(rows), 0)
    axes.set_yticks([])
    axes.set_xticks(ticks, [""] * len(ticks))
    axes.spines["left"].set_visible(False)
