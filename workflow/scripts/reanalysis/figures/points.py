"""Individual values beside a box: used by the drawings of visits and of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, series_key, watermark
from reanalysis.figures.style import INK, NOT_OBSERVED, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A box needs as many values; of fewer the points and the median are drawn.
FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The values of one group (at one visit): where they stand and how they look."""

    series: str
    slot: str
    place: float
    width: float
    values: np.ndarray
    look: Series


def spread(cloud: Cloud, low: float, high: float) -> np.ndarray:
    """Return the horizontal places of the points: near ones stand side by side."""
    order = np.argsort(cloud.values, kind="stable")
    near = 0.022 * ((high - low) or 1.0)
    rank = np.zeros(len(order))
    first = count = 0
    for place, index in enumerate(order):
        if cloud.values[index] - cloud.values[order[first]] > near:
            first, count = place, 0
        rank[index] = count
        count += 1
    side = np.where(rank % 2 == 1, -1, 1) * np.ceil(rank / 2)
    # As far apart as the fullest row allows.
    step = min(cloud.width / 9, 0.05, cloud.width / 2.2 / max(side.max(), 1.0))
    return cloud.place + side * step


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Return the five numbers of a box: whiskers reach 1.5 boxes at most (Tukey)."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    return {
        "whisker_low": float(inside.min()),
        "low": float(low),
        "median": float(middle),
        "high": float(high),
        "whisker_high": float(inside.max()),
    }


def value_ticks(values: np.ndarray, most: int = 6) -> tuple[float, float, list[float]]:
    """Return the ends of the axis of values and its ticks."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    bottom = 0.0 if 0 <= low <= 0.35 * high else low - room
    bottom, top = bottom - (0.02 * (high - bottom) if bottom == 0 else 0), high + room
    return bottom, top, linear_ticks(bottom, top, most)


def left_margin(
    sheet: Sheet, axis: str, height: float, ticks: Sequence[float]
) -> tuple:
    """Return the room that the axis of values needs, and the lines of its name."""
    lines = sheet.wrap(axis, height - 4)
    labels = max(sheet.measure(text, sheet.small) for text in tick_labels(ticks))
    return len(lines) * sheet.line_height() + labels + 11, lines


def height_of(sheet: Sheet) -> float:
    """Return the height of a plot of values."""
    return min(max(0.5 * sheet.inner, 120.0), 190.0)


def keys(sheet: Sheet, looks: dict[str, Series]) -> None:
    """Name the groups above the plot, several on a line where there is room."""
    x = MARGIN
    for name, look in looks.items():
        room = sheet.width - MARGIN - 4 * sheet.size
        label = sheet.wrap(name, room - MARGIN, most=1)[0]
        need = 3.1 * sheet.size + sheet.measure(label) + 10
        if x > MARGIN and x + need > sheet.width - MARGIN:
            x, sheet.y = MARGIN, sheet.y + sheet.line_height()
        start = series_key(sheet, x, sheet.y, look, sheet.size, marker=True)
        sheet.text(start, sheet.y, label)
        x += need
    sheet.y += sheet.line_height()


def clouds(
    sheet: Sheet,
    *,
    title: str,
    axis: str,
    kind: str,
    drawn: Sequence[Cloud],
    slots: Sequence[tuple[float, str, int]],
    slots_axis: str = "",
) -> None:
    """Add boxes with their points over named slots."""
    everything = np.concatenate([cloud.values for cloud in drawn])
    low, high, ticks = value_ticks(everything)
    height = height_of(sheet)
    need, lines = left_margin(sheet, axis, height, ticks)
    left = MARGIN + need
    width = sheet.width - MARGIN - left - 2
    first, last = slots[0][0] - 0.5, slots[-1][0] + 0.5
    sheet.y += 5
    top = sheet.y
    sheet.plot(
        lambda axes: _clouds(
            axes, sheet, drawn, kind, (low, high), ticks, (first, last)
        ),
        x=left,
        width=width,
        height=height,
    )
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 5
    room = width / (last - first) - 4
    centres = [left + width * (place - first) / (last - first) for place, *_ in slots]
    words = (word for _, name, _ in slots for word in name.split(" "))
    if max(sheet.measure(word, sheet.small) for word in words) > room:
        # Names too long for their slots read upwards.
        turned = [
            sheet.wrap(f"{s} (n={n})", 0.6 * height, sheet.small) for _, s, n in slots
        ]
        for x, lines_of in zip(centres, turned, strict=True):
            sheet.upright(x, sheet.y, lines_of, sheet.small)
        sheet.y += 4 + max(sheet.measure(t, sheet.small) for ts in turned for t in ts)
    else:
        names = [
            [*(sheet.wrap(s, room, sheet.small, most=4) if s else []), f"n={n}"]
            for _, s, n in slots
        ]
        for x, lines_of in zip(centres, names, strict=True):
            sheet.text(x, sheet.y, lines_of, size=sheet.small, align="center")
        sheet.y += max(map(len, names)) * sheet.line_height(sheet.small)
    if slots_axis:
        lines = sheet.wrap(slots_axis, width)
        sheet.y = sheet.text(left + width / 2, sheet.y, lines, align="center")
    _record(sheet, title, drawn)


def _clouds(
    axes: Axes,
    sheet: Sheet,
    drawn: Sequence[Cloud],
    kind: str,
    limits: tuple[float, float],
    ticks: Sequence[float],
    ends: tuple[float, float],
) -> None:
    observed = kind not in NOT_OBSERVED
    watermark(axes, kind, sheet.look)
    for cloud in drawn:
        look, half = cloud.look, cloud.width / 2
        if len(cloud.values) >= FEWEST:
            box = quartiles(cloud.values)
            x = cloud.place
            axes.fill(
                [x - half, x + half, x + half, x - half],
                [box["low"], box["low"], box["high"], box["high"]],
                facecolor=(look.color, 0.14) if observed else "none",
                edgecolor=look.color,
                linewidth=0.8,
                hatch=None if observed else "/////",
            )
            for a, b in (("low", "whisker_low"), ("high", "whisker_high")):
                axes.plot([x, x], [box[a], box[b]], color=look.color, lw=0.8)
        middle = float(np.median(cloud.values))
        axes.plot(
            [cloud.place - half, cloud.place + half],
            [middle, middle],
            color=INK,
            lw=1.6,
        )
        axes.plot(
            spread(cloud, *limits), cloud.values, ls="none", marker=look.marker,
            markersize=3.2 if len(cloud.values) <= 100 else 2.0,
            markerfacecolor=(look.color, 0.55) if observed else "white",
            markeredgecolor=look.color, markeredgewidth=0.5, clip_on=False,
        )  # fmt: skip
    axes.set_xlim(*ends)
    axes.set_ylim(*limits)
    axes.set_xticks(sorted({round(c.place) for c in drawn}), None)
    axes.tick_params(labelsize=sheet.small, labelbottom=False)
    axes.set_yticks(ticks, tick_labels(ticks))


def _record(sheet: Sheet, title: str, drawn: Sequence[Cloud]) -> None:
    for cloud in drawn:
        own = {"panel": title, "series": cloud.series, "x": cloud.slot}
        for value in cloud.values:
            sheet.note("point", y=value, **own)
        sheet.note("median", y=float(np.median(cloud.values)), **own)
        if len(cloud.values) >= FEWEST:
            box = quartiles(cloud.values)
            sheet.note("box", low=box["low"], high=box["high"], **own)
            sheet.note(
                "whisker", low=box["whisker_low"], high=box["whisker_high"], **own
            )
