"""Estimates from data sets that were never observed: two kinds of doubt side by side.

At the left the confidence interval, what chance leaves open if one data set were the
truth; at the right, on an axis of its own of the same scale, what the print leaves
open: how far the estimate moves over all data sets that agree with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures import forest as plain
from reanalysis.figures.scales import tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, INK, PRINTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAN = math.nan
#: Between the columns and between the axes, whose numbers must not meet, in points.
_GAP = 9.0
_BETWEEN = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One row. ``role``: heading, ensemble or extremes.

    ``estimate`` is the median over the data sets with its confidence interval ``low``
    to ``high``, ``band`` holds 95 % of them, ``least`` and ``greatest`` are the ends
    that any data set reaches. Extremes have these ends only. ``printed`` is the value
    in the paper, ``said`` the numbers in words.
    """

    label: str
    role: str = "ensemble"
    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    band: tuple[float, float] = (NAN, NAN)
    least: float = NAN
    greatest: float = NAN
    printed: float = NAN
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberForest:
    """Rows on two axes of one scale (log, linear, percent or p)."""

    axis: str
    scale: str
    kind: str
    rows: Sequence[Spread]
    neutral: float = NAN
    title: str = ""
    legend: Sequence[str] = ()


def draw(sheet: Sheet, forest: MemberForest) -> None:
    """Add a forest of ensembles to the sheet."""
    small = sheet.small
    if forest.title:
        sheet.paragraph(forest.title, weight="bold")
    for text in forest.legend:
        sheet.paragraph(text, size=small, color=GREY)
    sheet.y += 2
    label = 0.34 * sheet.inner
    width = (sheet.inner - label - _GAP - _BETWEEN - 6) / 2
    lefts = (MARGIN + label + _GAP, MARGIN + label + _GAP + _BETWEEN + width)
    heads = (
        "Confidence interval" if forest.scale != "p" else "Median",
        f"Over all {forest.kind} data sets",
    )
    lines = [sheet.wrap(head, width, small, "bold") for head in heads]
    depth = max(map(len, lines)) * sheet.line_height(small)
    for left, own in zip(lefts, lines, strict=True):
        first = sheet.y + depth - len(own) * sheet.line_height(small)
        sheet.text(
            left + width / 2, first, own, size=small, weight="bold", align="center"
        )
    sheet.y += depth + 2
    sheet.stroke(
        [MARGIN, sheet.width - MARGIN], [sheet.y, sheet.y], color=INK, linewidth=0.5
    )
    sheet.y += 1
    top = sheet.y
    places = _rows(sheet, forest, label)
    sheet.y += 3
    height = sheet.y - top
    scaled = _as_forest(forest)
    limits = plain.limits_of(scaled)
    ticks = plain.ticks_of(sheet, scaled, limits, width)
    for number, left in enumerate(lefts):
        sheet.plot(
            lambda axes, number=number: _marks(
                axes, sheet, forest, scaled, places, height, limits, ticks, number
            ),
            x=left,
            y=top,
            width=width,
            height=height,
        )
        for tick, text in zip(ticks, tick_labels(ticks), strict=True):
            x = left + width * plain.share_of(tick, limits, forest.scale)
            sheet.text(x, sheet.y + 6, text, size=small, align="center")
    sheet.y += 6 + sheet.line_height(small)
    names = sheet.wrap(forest.axis, 2 * width + _BETWEEN, small)
    centre = lefts[1] - _BETWEEN / 2
    sheet.y = sheet.text(centre, sheet.y, names, size=small, align="center")
    panel = forest.title
    for row in forest.rows:
        panel = row.label if row.role == "heading" else panel
        _record(sheet, forest, row, panel)


def _as_forest(forest: MemberForest) -> plain.Forest:
    """Return what the rules for axes of plain forests are asked about."""
    p = forest.scale == "p"
    return plain.Forest(
        axis=forest.axis,
        scale=forest.scale,
        kind=forest.kind,
        headers=(),
        neutral=forest.neutral,
        lines=[
            plain.Line(
                label=row.label,
                estimate=row.estimate,
                p_value=row.estimate if p else NAN,
                low=row.low,
                high=row.high,
                printed=row.printed,
                spread=(row.least, row.greatest),
            )
            for row in forest.rows
        ],
    )


def _rows(
    sheet: Sheet, forest: MemberForest, label: float
) -> list[tuple[float, float]]:
    """Place names and numbers of every row; return their ends below the top."""
    small, start = sheet.small, sheet.y
    places = []
    for row in forest.rows:
        heading = row.role == "heading"
        weight = "bold" if heading or row.role == "extremes" else "normal"
        room, indent = (sheet.inner, 0.0) if heading else (label - 4, 4.0)
        first = sheet.y + (4 if heading and places else 2)
        names = sheet.wrap(row.label, room, small, weight)
        end = sheet.text(MARGIN + indent, first, names, size=small, weight=weight)
        if row.said:
            lines = sheet.wrap(row.said, room, small)
            end = sheet.text(MARGIN + indent, end, lines, size=small, color=GREY)
        places.append((first - start, end - start))
        sheet.y = end + 1
    return places


def _marks(
    axes: Axes,
    sheet: Sheet,
    forest: MemberForest,
    scaled: plain.Forest,
    places: Sequence[tuple[float, float]],
    height: float,
    limits: tuple[float, float],
    ticks: Sequence[float],
    number: int,
) -> None:
    watermark(axes, forest.kind.upper(), sheet.look)
    if forest.scale in ("log", "p"):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xlim(*limits)
    axes.set_ylim(height, 0)
    neutral = 0.05 if forest.scale == "p" else plain.shown(scaled, forest.neutral)
    if limits[0] < neutral < limits[1]:
        # Not through a heading, which may be wider than the column of names.
        heads = [
            ends
            for row, ends in zip(forest.rows, places, strict=True)
            if row.role == "heading"
        ]
        tops = [0.0, *(bottom for _, bottom in heads)]
        bottoms = [*(top for top, _ in heads), height]
        axes.vlines([neutral] * len(tops), tops, bottoms, colors=GREY, lw=0.7)
    color = sheet.look.palette[0]
    for row, ends_of in zip(forest.rows, places, strict=True):
        y = sum(ends_of) / 2
        if row.role == "heading":
            continue
        if number == 0:
            ends = (row.low, row.high)
            if not all(math.isnan(x) for x in ends):
                _span(axes, scaled, ends, y, limits, color, lw=1.0, dashed=True)
            _point(axes, scaled, row.estimate, y, limits, color)
        else:
            _over_members(axes, scaled, row, y, limits, color)
        x = plain.shown(scaled, row.printed)
        if limits[0] <= x <= limits[1]:
            axes.plot(
                [x], [y], marker="D", ls="none", markersize=6.2, color=PRINTED,
                markerfacecolor="none", markeredgewidth=0.9, zorder=5, clip_on=False,
            )  # fmt: skip
    axes.set_xticks(ticks, [""] * len(ticks))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _over_members(
    axes: Axes,
    scaled: plain.Forest,
    row: Spread,
    y: float,
    limits: tuple[float, float],
    color: str,
) -> None:
    """Draw the ends any data set reaches, the band over it and the median."""
    ends = (row.least, row.greatest)
    if not all(math.isnan(x) for x in ends):
        ink = INK if row.role == "extremes" else color
        _span(axes, scaled, ends, y, limits, ink, lw=0.9)
        known = [plain.shown(scaled, x) for x in ends]
        inside = [x for x in known if limits[0] <= x <= limits[1]]
        axes.plot(
            inside, [y] * len(inside), ls="none", marker="|", markersize=7, color=ink,
            markeredgewidth=0.9, zorder=3,
        )  # fmt: skip
    if not all(math.isnan(x) for x in row.band):
        # An end that is not known lies beyond what any data set reaches.
        low, high = (
            min(max(plain.shown(scaled, x), limits[0]), limits[1])
            for x in (
                -math.inf if math.isnan(row.band[0]) else row.band[0],
                math.inf if math.isnan(row.band[1]) else row.band[1],
            )
        )
        axes.fill_between(
            [low, high], y - 3, y + 3, facecolor="white", edgecolor=color,
            hatch="//////", linewidth=0.8, zorder=2,
        )  # fmt: skip
    _point(axes, scaled, row.estimate, y, limits, color)


def _span(
    axes: Axes,
    scaled: plain.Forest,
    ends: tuple[float, float],
    y: float,
    limits: tuple[float, float],
    color: str,
    *,
    lw: float,
    dashed: bool = False,
) -> None:
    """Draw a line between two ends; what lies beyond the axis becomes an arrow."""
    low = -math.inf if math.isnan(ends[0]) else plain.shown(scaled, ends[0])
    high = math.inf if math.isnan(ends[1]) else plain.shown(scaled, ends[1])
    a, b = max(low, limits[0]), min(high, limits[1])
    if a <= b:
        dashes = (0, (2.5, 1.2)) if dashed else "-"
        axes.plot([a, b], [y, y], color=color, lw=lw, ls=dashes, zorder=2)
    for end, beyond, arrow in (
        (limits[0], low < limits[0], "<"),
        (limits[1], high > limits[1], ">"),
    ):
        if beyond:
            axes.plot(
                [end], [y], marker=arrow, color=color, markersize=3.5, ls="none",
                clip_on=False,
            )  # fmt: skip


def _point(
    axes: Axes,
    scaled: plain.Forest,
    estimate: float,
    y: float,
    limits: tuple[float, float],
    color: str,
) -> None:
    x = plain.shown(scaled, estimate)
    if math.isfinite(x):
        marker = "<" if x < limits[0] else ">" if x > limits[1] else "o"
        x = min(max(x, limits[0]), limits[1])
        axes.plot(
            [x], [y], marker=marker, ls="none", markersize=4, color=color, zorder=4,
            markerfacecolor="white", markeredgewidth=0.9, clip_on=False,
        )  # fmt: skip


def _record(sheet: Sheet, forest: MemberForest, row: Spread, panel: str) -> None:
    if row.role == "heading":
        return
    own = {"panel": panel, "series": row.label}
    p = forest.scale == "p"
    if row.role == "ensemble":
        place = {"p_value": row.estimate} if p else {"x": row.estimate}
        sheet.note(
            "median of members", low=row.low, high=row.high, text=row.said, **place,
            **own,
        )  # fmt: skip
    if not all(math.isnan(x) for x in row.band):
        sheet.note("band of members", low=row.band[0], high=row.band[1], **own)
    if not (math.isnan(row.least) and math.isnan(row.greatest)):
        sheet.note("ends of members", low=row.least, high=row.greatest, **own)
    if math.isfinite(row.printed):
        sheet.note("printed", x=row.printed, **own)
