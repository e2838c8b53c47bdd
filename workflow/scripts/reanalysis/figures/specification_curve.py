"""A specification curve: every estimate in order, and below it what was chosen.

Above are the estimates from smallest to largest with their intervals, the printed
value as a line through all of them. Below, every choice has a row per option, marked
under the specifications that take it. Where specifications are many, intervals become
a band and marks run together; nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, INK, NOT_OBSERVED, PALE, PRINTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More specifications than this have a band for intervals, and small points.
MANY = 120
#: Smallest p-value on the axis.
SMALLEST_P = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One specification: its number and limits (nan if unknown), and what it is.

    ``options`` are the rows of the dashboard it is marked in, per choice.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    primary: bool = False
    options: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificationCurve:
    """Specifications from the smallest value to the largest.

    ``axis`` says what they estimate. ``scale`` is log, linear, percent or p.
    ``choices`` are the names of the rows of the dashboard, per choice. ``printed`` is
    what the paper prints, nan for nothing, and ``neutral`` the value of no effect
    (0.05 of p-values).
    """

    axis: str
    scale: str
    kind: str
    points: Sequence[Point]
    choices: Sequence[tuple[str, Sequence[str]]]
    printed: float = math.nan
    printed_text: str = ""
    neutral: float = math.nan
    legend: Sequence[str] = ()


def draw(sheet: Sheet, curve: SpecificationCurve) -> None:
    """Add a specification curve to the sheet."""
    sheet.paragraph(curve.axis, weight="bold")
    for text in curve.legend:
        sheet.paragraph(text, size=sheet.small, color=GREY)
    sheet.y += 4
    limits = _limits(curve)
    most = 6
    ticks = _ticks(curve, limits, most)
    labels = tick_labels(ticks)
    names = [name for _, options in curve.choices for name in options]
    across = 0.34 * sheet.inner
    own = max(
        [sheet.measure(name, sheet.small) + 8 for name in names]
        + [sheet.measure(choice, sheet.small, "bold") for choice, _ in curve.choices]
        + [max(sheet.measure(x, sheet.small) for x in labels) + 6]
    )
    left = MARGIN + min(across, own) + 6
    width = sheet.width - MARGIN - left - 3
    height = max(0.36 * sheet.inner, 90.0)
    top = sheet.y
    sheet.plot(
        lambda axes: _estimates(axes, sheet, curve, limits, width),
        x=left, y=top, width=width, height=height,
    )  # fmt: skip
    for tick, text in zip(ticks, labels, strict=True):
        y = top + height * (1 - _share(tick, limits, curve.scale))
        sheet.stroke([left - 3, left], [y, y], color=INK, linewidth=0.6)
        line = sheet.line_height(sheet.small)
        sheet.text(left - 5, y - line / 2, text, size=sheet.small, align="right")
    sheet.y = top + height + 4
    _dashboard(sheet, curve, left, width)
    _record(sheet, curve)


def _dashboard(
    sheet: Sheet, curve: SpecificationCurve, left: float, width: float
) -> None:
    """Add a row per option, under the name of its choice."""
    size, step = sheet.small, sheet.line_height(sheet.small) + 1
    room = left - MARGIN - 6
    for number, (choice, options) in enumerate(curve.choices):
        sheet.y += 2
        if len(options) > 1 or choice:
            sheet.y = sheet.text(
                MARGIN, sheet.y, sheet.wrap(choice, room, size, "bold"), size=size,
                weight="bold",
            )  # fmt: skip
        top = sheet.y
        rows = []
        for option in options:
            lines = sheet.wrap(option, room - 4, size, most=4)
            sheet.text(MARGIN + 4, sheet.y, lines, size=size)
            depth = max(step, len(lines) * sheet.line_height(size) + 1)
            rows.append((sheet.y - top, depth))
            sheet.y += depth
        height = sheet.y - top
        sheet.plot(
            _marks(sheet, curve, number, list(options), rows, height),
            x=left, y=top, width=width, height=height,
        )  # fmt: skip
    sheet.y += 2


def _marks(
    sheet: Sheet,
    curve: SpecificationCurve,
    number: int,
    options: Sequence[str],
    rows: Sequence[tuple[float, float]],
    height: float,
) -> Callable[[Axes], None]:
    """Return what draws the marks of one choice: runs of specifications, by option."""
    count = len(curve.points)
    gap = 0.12 if count <= MANY else 0.0

    def draw(axes: Axes) -> None:
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(height, 0)
        for row, (option, (top, depth)) in enumerate(zip(options, rows, strict=True)):
            if row % 2 == 0:
                axes.axhspan(top, top + depth, color="#f4f4f4", lw=0, zorder=0)
            held = [option in point.options[number] for point in curve.points]
            spans = [
                (a - 0.5 + gap, b - a - 2 * gap)
                for a, b in (_single(held) if gap else _runs(held))
            ]
            axes.broken_barh(
                spans, (top + 0.22 * depth, 0.56 * depth), color=INK, lw=0, zorder=2
            )
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)

    return draw


def _single(held: Sequence[bool]) -> list[tuple[int, int]]:
    return [(n, n + 1) for n, one in enumerate(held) if one]


def _runs(held: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the first and one after the last place of each run of marks."""
    edges = [
        n
        for n, (before, after) in enumerate(pairwise([False, *held, False]))
        if before != after
    ]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _estimates(
    axes: Axes,
    sheet: Sheet,
    curve: SpecificationCurve,
    limits: tuple[float, float],
    width: float,
) -> None:
    color = sheet.look.palette[0]
    count = len(curve.points)
    watermark(axes, curve.kind, sheet.look)
    if curve.scale in ("log", "p"):
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_ylim(*limits)
    axes.set_xlim(-0.5, count - 0.5)
    if limits[0] < curve.neutral < limits[1]:
        axes.axhline(curve.neutral, color=GREY, lw=0.7, zorder=1)
    if limits[0] <= curve.printed <= limits[1]:
        axes.axhline(curve.printed, color=PRINTED, lw=0.9, ls=(0, (1, 1.4)), zorder=3)
    places = range(count)
    ends = [_clipped(p, limits) for p in curve.points]
    if count > MANY:
        edges = [n - 0.5 for n in range(count + 1)]
        low, high = zip(*ends, strict=True)
        axes.fill_between(
            edges, [*low, low[-1]], [*high, high[-1]], step="post", color=PALE, lw=0,
            alpha=0.6, zorder=0.5,
        )  # fmt: skip
    else:
        line = min(1.0, 0.35 * width / count)
        known = [(n, *e) for n, e in enumerate(ends) if not math.isnan(e[0])]
        if known:
            x, low, high = zip(*known, strict=True)
            dashed = curve.kind in NOT_OBSERVED
            axes.vlines(
                x, low, high, color=color, lw=line, zorder=2, alpha=0.75,
                linestyles=(0, (2.5, 1.2)) if dashed else "solid",
            )  # fmt: skip
    size = min(3.6, max(1.4, 0.6 * width / count))
    face = "white" if curve.kind in NOT_OBSERVED else color
    values = [min(max(p.value, limits[0]), limits[1]) for p in curve.points]
    axes.plot(
        places, values, ls="none", marker="o", markersize=size, color=color,
        markerfacecolor=face, markeredgewidth=0.6, zorder=4, clip_on=False,
    )  # fmt: skip
    for n, point in enumerate(curve.points):
        if point.primary:
            axes.plot(
                [n], [values[n]], ls="none", marker="s", markersize=max(size, 4.6),
                color=INK, markerfacecolor="white", markeredgewidth=1.0, zorder=5,
                clip_on=False,
            )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)


def _clipped(point: Point, limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of an interval inside the axis; nan where there is none."""
    low, high = point.low, point.high
    if math.isnan(low) and math.isnan(high):
        return math.nan, math.nan
    low = limits[0] if math.isnan(low) else low
    high = limits[1] if math.isnan(high) else high
    return max(low, limits[0]), min(high, limits[1])


def _limits(curve: SpecificationCurve) -> tuple[float, float]:
    """Return the ends of the axis: all values, and the ends of most intervals."""
    log = curve.scale in ("log", "p")
    values = [p.value for p in curve.points] + [curve.printed, curve.neutral]
    near = [x for x in values if math.isfinite(x) and (x > 0 or not log)]
    if curve.scale == "p":
        return max(min(near), SMALLEST_P) / 1.6, min(max(*near, 0.2) * 1.3, 1.3)
    for side, least in (("low", True), ("high", False)):
        ends = sorted(getattr(p, side) for p in curve.points)
        ends = [x for x in ends if math.isfinite(x) and (x > 0 or not log)]
        if ends:
            # A tenth of the intervals may leave the axis.
            at = len(ends) // 10
            near.append(ends[at] if least else ends[-1 - at])
    low, high = min(near), max(near)
    if log:
        if high / low < 1.5:
            low, high = low / 1.3, high * 1.3
        return low / 1.08, high * 1.08
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _ticks(
    curve: SpecificationCurve, limits: tuple[float, float], most: int
) -> list[float]:
    if curve.scale in ("log", "p"):
        return [t for t in log_ticks(*limits, most) if limits[0] <= t <= limits[1]]
    return linear_ticks(*limits, most)


def _share(x: float, limits: tuple[float, float], scale: str) -> float:
    low, high = limits
    if scale in ("log", "p"):
        return math.log(x / low) / math.log(high / low)
    return (x - low) / (high - low)


def _record(sheet: Sheet, curve: SpecificationCurve) -> None:
    for number, point in enumerate(curve.points, start=1):
        sheet.note(
            "primary" if point.primary else "specification",
            series=str(number),
            x=number,
            y=point.value,
            low=point.low,
            high=point.high,
            text="; ".join(
                f"{choice}: {' or '.join(options)}"
                for (choice, _), options in zip(
                    curve.choices, point.options, strict=True
                )
            ),
        )
    if math.isfinite(curve.printed):
        sheet.note("printed", y=curve.printed, text=curve.printed_text)
