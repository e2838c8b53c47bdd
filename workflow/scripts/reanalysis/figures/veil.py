"""Curves of all members of an ensemble as a veil, the printed curve as points over it.

Nothing here was observed but the points: the word stands in the panel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.follow_up import DIAMOND, group_keys, of_group, remarks
from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import INK, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """The members of one endpoint, columns as lists.

    ``veil``: member, group, time, survival; ``middle``: group, time, survival, low,
    high; ``printed``: group, time, survival, error, empty where no curve is printed.
    ``kind`` is reconstructed or simulated. ``points`` are single survival
    probabilities that a paper prints: group, time, share, text.
    """

    title: str
    axis: str
    time_unit: str
    kind: str
    veil: Mapping[str, Sequence]
    middle: Mapping[str, Sequence]
    printed: Mapping[str, Sequence]
    groups: Sequence[str]
    said: Mapping[str, str]
    remarks: Sequence[str] = ()
    points: Sequence[tuple[str, float, float, str]] = ()


def draw(sheet: Sheet, panel: Veil) -> None:
    """Add the veil of one endpoint."""
    looks = {group: sheet.look.series(i) for i, group in enumerate(panel.groups)}
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    group_keys(sheet, panel.said, looks)
    _keys(sheet, panel)
    remarks(sheet, panel.remarks, panel.points)
    small = sheet.small
    height = min(max(0.52 * sheet.inner, 118.0), 230.0)
    lines = sheet.wrap(panel.axis, height - 4, most=2)
    left = MARGIN + len(lines) * sheet.line_height() + sheet.measure("100", small) + 10
    width = sheet.width - left - MARGIN - sheet.measure("000", small) / 2
    sheet.y += 4
    top = sheet.y
    last = max([*panel.veil["time"], *panel.printed.get("time", ())]) or 1.0
    ticks = linear_ticks(0.0, last, 7 if width > 200 else 5)
    sheet.plot(
        lambda axes: _curves(axes, sheet, panel, looks, last, ticks),
        x=left,
        width=width,
        height=height,
    )
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 6
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        place = left + width * tick / (last * 1.01)
        sheet.text(place, sheet.y, label, size=small, align="center")
    sheet.y += sheet.line_height(small)
    time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
    sheet.y = sheet.text(left + width / 2, sheet.y, time, align="center")
    _record(sheet, panel)


def _keys(sheet: Sheet, panel: Veil) -> None:
    """Say in a line what a thin line, the thick line and a point are."""
    members = len(set(panel.veil["member"]))
    texts = [f"thin lines: {members} {panel.kind} data sets, none observed"]
    if panel.middle:
        texts.append("thick: the median of all")
    if panel.printed.get("time"):
        texts.append("points: the printed curve as read")
    sheet.paragraph("; ".join(texts), size=sheet.small)


def _curves(
    axes: Axes,
    sheet: Sheet,
    panel: Veil,
    looks: Mapping[str, Series],
    last: float,
    ticks: Sequence[float],
) -> None:
    from matplotlib.collections import LineCollection

    watermark(axes, panel.kind.upper(), sheet.look)
    for group in panel.groups:
        look = looks[group]
        lines = _steps(panel.veil, group)
        # The fewer there are, the darker each is.
        alpha = min(0.5, 1 / math.sqrt(max(len(lines), 1)) + 0.1)
        axes.add_collection(
            LineCollection(
                lines, colors=look.color, linewidths=0.35, alpha=alpha, zorder=1.5
            )
        )
        if panel.middle:
            own = of_group(panel.middle, group)
            for lw, color, order in ((2.6, "white", 2.5), (1.4, look.color, 3)):
                axes.plot(
                    own["time"], 100 * own["survival"], drawstyle="steps-post",
                    color=color, lw=lw, zorder=order,
                    ls=look.dashes if color == look.color else "-",
                )  # fmt: skip
        if panel.printed.get("time"):
            own = of_group(panel.printed, group)
            axes.errorbar(
                own["time"], 100 * own["survival"], yerr=100 * own["error"],
                fmt=look.marker, markersize=2.4, color=INK, markerfacecolor="white",
                markeredgewidth=0.5, elinewidth=0.4, capsize=0, zorder=4,
                clip_on=False,
            )  # fmt: skip
    for _, time, share, _ in panel.points:
        axes.plot([time], [100 * share], clip_on=False, zorder=5, **DIAMOND)
    axes.set_xlim(0, last * 1.01)
    axes.set_ylim(0, 102)
    axes.set_xticks(ticks, [""] * len(ticks))
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100"])
    axes.tick_params(labelsize=sheet.small)


def _steps(table: Mapping[str, Sequence], group: str) -> list[np.ndarray]:
    """Return the step line of each member, in points of the plot."""
    own = of_group(table, group)
    starts = np.flatnonzero(np.r_[True, np.diff(own["member"]) != 0])
    lines = []
    for start, end in zip(starts, [*starts[1:], len(own["member"])], strict=True):
        time = np.repeat(own["time"][start:end], 2)[1:]
        share = np.repeat(100 * own["survival"][start:end], 2)[:-1]
        lines.append(np.column_stack([time, share]))
    return lines


def _record(sheet: Sheet, panel: Veil) -> None:
    columns = ("member", "group", "time", "survival")
    for member, group, x, y in zip(*(panel.veil[c] for c in columns), strict=True):
        sheet.note(
            "member", panel=panel.title, series=group, x=x, y=y, text=f"member {member}"
        )
    for group in panel.groups:
        place = {"panel": panel.title, "series": group}
        if panel.middle:
            own = of_group(panel.middle, group)
            keys = ("time", "survival", "low", "high")
            for x, y, low, high in zip(*(own[k] for k in keys), strict=True):
                sheet.note("median of members", x=x, y=y, low=low, high=high, **place)
        if panel.printed.get("time"):
            own = of_group(panel.printed, group)
            keys = ("time", "survival", "error")
            for x, y, error in zip(*(own[k] for k in keys), strict=True):
                sheet.note(
                    "printed curve", x=x, y=y, low=y - error, high=y + error, **place
                )
    for group, time, share, text in panel.points:
        sheet.note(
            "printed", panel=panel.title, series=group, x=time, y=share, text=text
        )
