"""Probabilities over an assumed truth: power, or the chance to see an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, series_key, watermark
from reanalysis.figures.style import GREY, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Lines = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def draw(
    sheet: Sheet, *, title: str, axis: str, lines: Lines, marks: Sequence[float] = ()
) -> None:
    """Add a plot of lines from 0 to 1.

    ``marks`` is the power wanted where the lines are the power of a test.
    """
    sheet.paragraph(title, weight="bold")
    looks = {name: sheet.look.series(i) for i, name in enumerate(lines)}
    for name, look in looks.items():
        start = series_key(sheet, MARGIN, sheet.y, look, sheet.size)
        sheet.y = sheet.text(
            start, sheet.y, sheet.wrap(name, sheet.width - MARGIN - start)
        )
    ticks = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    left = MARGIN + sheet.line_height() + sheet.measure("0.0", sheet.small) + 9
    width, height = sheet.width - MARGIN - left - 4, 0.42 * sheet.inner
    everything = [x for xs, _ in lines.values() for x in xs]
    low, high = min(everything), max(everything)
    across = linear_ticks(min(low, 0.0) if low < 0.1 else low, high, 6)
    sheet.y += 5
    top = sheet.y

    def plot(axes: Axes) -> None:
        watermark(axes, "assumed", sheet.look)
        for mark in marks:
            axes.axhline(mark, color=PALE, lw=0.8, zorder=0)
            axes.text(
                1.0, mark, f"{mark:g}", transform=axes.get_yaxis_transform(),
                ha="right", va="bottom", fontsize=sheet.small, color=GREY,
            )  # fmt: skip
        for name, (xs, ys) in lines.items():
            look = looks[name]
            axes.plot(
                xs, ys, color=look.color, linestyle=look.dashes, lw=1.3, clip_on=False
            )
        axes.set_xlim(across[0] if across[0] <= low else low, high)
        axes.set_ylim(0, 1)
        axes.set_yticks(ticks, tick_labels(ticks))
        axes.set_xticks(across, tick_labels(across))
        axes.tick_params(labelsize=sheet.small)

    sheet.plot(plot, x=left, width=width, height=height)
    sheet.vertical(MARGIN, top + height / 2, "Power" if marks else "Probability")
    sheet.y = top + height + 6 + sheet.line_height(sheet.small)
    sheet.y = sheet.text(
        left + width / 2, sheet.y, sheet.wrap(axis, width), align="center"
    )
    for name, (xs, ys) in lines.items():
        for x, y in zip(xs, ys, strict=True):
            sheet.note("line", panel=title, series=name, x=x, y=y)
