"""Which p-values a test of few patients can give, and which of them is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures.scales import log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet
from reanalysis.figures.style import GREY, INK, PRINTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Least p-value of the axis.
SMALLEST = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """The p-values of one reading; ``inside`` those the printed value stands for."""

    label: str
    rungs: Sequence[float]
    inside: Sequence[float]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The readings of one printed p-value, which stands for ``low`` to ``high``."""

    title: str
    low: float
    high: float
    readings: Sequence[Rungs]


def draw(sheet: Sheet, ladder: Ladder) -> None:
    """Add a printed p-value with a row of rungs for every reading."""
    small = sheet.small
    sheet.paragraph(ladder.title, weight="bold")
    sheet.y += 2
    header = "gives it, or nearest"
    cell = max(sheet.measure(r.said, small) for r in ladder.readings)
    cell = min(max(cell, sheet.measure(header, small, "bold")), 0.3 * sheet.inner) + 1
    label = min(
        max(sheet.measure(r.label, small) for r in ladder.readings) + 2,
        max(0.38 * sheet.inner, 62.0),
    )
    left = MARGIN + label + 6
    width = sheet.width - MARGIN - cell - 6 - left
    lines = sheet.wrap(header, cell, small, "bold")
    sheet.y = sheet.text(
        sheet.width - MARGIN, sheet.y, lines, size=small, weight="bold", align="right"
    )
    top = sheet.y
    places: list[float] = []
    for reading in ladder.readings:
        names = sheet.wrap(reading.label, label, small)
        cells = sheet.wrap(reading.said, cell, small)
        height = max(len(names), len(cells), 1.5) * sheet.line_height(small) + 2
        for texts, x, align in (
            (names, MARGIN, "left"),
            (cells, sheet.width - MARGIN, "right"),
        ):
            first = sheet.y + (height - len(texts) * sheet.line_height(small)) / 2
            sheet.text(x, first, texts, size=small, align=align)
        places.append(sheet.y - top + height / 2)
        sheet.y += height
    height = sheet.y - top
    least = min([p for r in ladder.readings for p in r.rungs] or [0.05])
    low = max(min(least, ladder.low if ladder.low > 0 else 1.0, 0.04), SMALLEST) / 1.4
    ticks = [t for t in log_ticks(low, 1.0, 6 if width > 130 else 4) if t <= 1]
    sheet.plot(
        lambda axes: _rungs(axes, sheet, ladder, places, height, (low, 1.15), ticks),
        x=left,
        y=top,
        width=width,
        height=height,
    )
    sheet.y += 5
    for tick, text in zip(ticks, tick_labels(ticks), strict=True):
        x = left + width * math.log(tick / low) / math.log(1.15 / low)
        sheet.text(x, sheet.y, text, size=small, align="center")
    sheet.y += sheet.line_height(small)
    sheet.y = sheet.text(
        left + width / 2, sheet.y, "P value", size=small, align="center"
    )
    sheet.note("printed", panel=ladder.title, low=ladder.low, high=ladder.high)
    for reading in ladder.readings:
        own = {"panel": ladder.title, "series": reading.label}
        for p in reading.rungs:
            given = "gives the printed value" if p in set(reading.inside) else ""
            sheet.note("attainable p", p_value=p, text=given, **own)


def _rungs(
    axes: Axes,
    sheet: Sheet,
    ladder: Ladder,
    places: Sequence[float],
    height: float,
    limits: tuple[float, float],
    ticks: Sequence[float],
) -> None:
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(*limits)
    axes.set_ylim(height, 0)
    low, high = max(ladder.low, limits[0]), min(ladder.high, limits[1])
    axes.axvspan(low, high, facecolor="#e8e8e8", edgecolor="none", zorder=0)
    for end in {low, high} - {limits[0], limits[1]}:
        axes.axvline(end, color=PRINTED, lw=0.6, ls=(0, (1, 1.6)), zorder=1)
    tall = 0.42 * sheet.line_height(sheet.small)
    color = sheet.look.palette[0]
    for place, reading in zip(places, ladder.readings, strict=True):
        axes.plot([limits[0], 1.0], [place, place], color=GREY, lw=0.4, zorder=1)
        rungs = [p for p in reading.rungs if p >= limits[0]]
        axes.plot(*_strokes(rungs, place, tall), color=GREY, lw=0.5, zorder=2)
        inside = [p for p in reading.inside if p >= limits[0]]
        axes.plot(*_strokes(inside, place, 1.5 * tall), color=color, lw=1.1, zorder=3)
        if inside:
            axes.plot(
                [inside[0], inside[-1]], [place, place], ls="none", marker="D",
                markersize=3.4, markerfacecolor="white", markeredgecolor=INK,
                markeredgewidth=0.8, zorder=4,
            )  # fmt: skip
    axes.set_xticks(ticks, [""] * len(ticks))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _strokes(
    at: Sequence[float], place: float, reach: float
) -> tuple[list[float], list[float]]:
    """Return upright strokes as one broken line, which takes less room in a file."""
    xs = [x for p in at for x in (p, p, math.nan)]
    return xs, [place - reach, place + reach, math.nan] * len(at)
