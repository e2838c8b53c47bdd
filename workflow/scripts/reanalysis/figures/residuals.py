"""Scaled Schoenfeld residuals: does a hazard ratio change over time?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.points import left_margin
from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, INK, NOT_OBSERVED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    sheet: Sheet,
    *,
    title: str,
    kind: str,
    time_unit: str,
    points: Mapping[str, Sequence],
    line: Mapping[str, Sequence] | None,
    estimate: float,
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel of one log hazard ratio.

    ``points``: ``time`` and ``value`` per death; ``line``: ``time``, ``line``,
    ``low``, ``high`` of a smooth; ``estimate``: the constant log hazard ratio.
    """
    sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    look = sheet.look.series(0)
    time, value = (np.array(points[key], dtype=float) for key in ("time", "value"))
    smooth = None
    if line is not None:
        smooth = {
            key: np.array(line[key], dtype=float)
            for key in ("time", "line", "low", "high")
        }
    everything = np.concatenate([value, [0.0, estimate]])
    if smooth is not None:
        everything = np.concatenate([everything, smooth["low"], smooth["high"]])
    low, high = float(everything.min()), float(everything.max())
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    ticks = linear_ticks(low, high)
    height = min(max(0.42 * sheet.inner, 110.0), 170.0)
    need, lines = left_margin(sheet, "Log hazard ratio", height, ticks)
    left = MARGIN + need
    width = sheet.width - MARGIN - left - 8
    last = float(time.max())
    first = min(0.0, float(time.min()))
    at = linear_ticks(first, last, 7)
    sheet.y += 4
    top = sheet.y

    def plot(axes: Axes) -> None:
        observed = kind not in NOT_OBSERVED
        watermark(axes, kind, sheet.look)
        axes.axhline(0, color=GREY, lw=0.7, ls=(0, (2, 2)))
        axes.axhline(estimate, color=INK, lw=0.9)
        if smooth is not None:
            axes.fill_between(
                smooth["time"], smooth["low"], smooth["high"],
                facecolor=look.color, alpha=0.16, linewidth=0,
            )  # fmt: skip
            axes.plot(smooth["time"], smooth["line"], color=look.color, lw=1.4)
        axes.plot(
            time, value, ls="none", marker="o", markersize=3.2, color=look.color,
            markerfacecolor=look.color if observed else "white", markeredgewidth=0.6,
            alpha=0.8 if len(time) <= 100 else 0.4, clip_on=False,
        )  # fmt: skip
        axes.set_xlim(first, first + 1.02 * (last - first))
        axes.set_ylim(low, high)
        axes.set_xticks(at, [""] * len(at))
        axes.set_yticks(ticks, tick_labels(ticks))
        axes.tick_params(labelsize=sheet.small)

    sheet.plot(plot, x=left, width=width, height=height)
    for number, text in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, text)
    sheet.y = top + height + 5
    for t, label in zip(at, tick_labels(at), strict=True):
        x = left + width * (t - first) / (1.02 * (last - first))
        sheet.text(x, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    axis = f"Time of the event ({time_unit})" if time_unit else "Time of the event"
    sheet.y = sheet.text(left + width / 2, sheet.y, axis, align="center")
    for x, y in zip(time, value, strict=True):
        sheet.note("residual", panel=title, x=x, y=y)
    sheet.note("estimate", panel=title, y=estimate)
    if smooth is not None:
        for x, y, below, above in zip(
            *(smooth[key] for key in ("time", "line", "low", "high")), strict=True
        ):
            sheet.note("smooth", panel=title, x=x, y=y, low=below, high=above)
