"""Estimates with their intervals, one row each: scenarios or endpoints.

Without an estimate (a test alone) the p-values are drawn on a logarithmic axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet
from reanalysis.figures.style import GREY, INK, NOT_OBSERVED, PALE, PRINTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAN = math.nan
#: Smallest p-value on the axis; smaller ones are an arrow at its edge.
SMALLEST_P = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row. ``role``: heading, primary, stated, scenario, range or printed.

    A range (a scenario of several specifications) has ``low`` and ``high`` and no
    estimate. ``printed`` marks a printed value in the row of an endpoint, ``spread``
    the smallest and largest estimate over all scenarios.
    """

    label: str
    role: str = "scenario"
    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    p_value: float = NAN
    printed: float = NAN
    spread: tuple[float, float] = (NAN, NAN)
    #: Texts of the columns at the right.
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Rows on one axis. ``scale`` is log, linear, percent or p."""

    axis: str
    scale: str
    kind: str
    lines: Sequence[Line]
    headers: Sequence[str]
    neutral: float = NAN
    title: str = ""
    #: Sentences on marks that the rows do not name.
    legend: Sequence[str] = ()


def draw(sheet: Sheet, forest: Forest) -> None:
    """Add a forest plot to the sheet."""
    if forest.title:
        sheet.paragraph(forest.title, weight="bold")
    for text in forest.legend:
        sheet.paragraph(text, size=sheet.small, color=GREY)
    sheet.y += 2
    small, gap = sheet.small, 6.0
    columns = _columns(sheet, forest)
    taken = sum(columns) + gap * len(columns)
    label = _label_width(sheet, forest, sheet.inner - taken)
    left = MARGIN + label + gap
    width = sheet.inner - label - gap - taken
    starts, at = [], left + width + gap
    for column in columns:
        starts.append(at + column)  # right edge
        at += column + gap
    sheet.y = _header(sheet, forest, starts, columns)
    top, rows = sheet.y, []
    for line in forest.lines:
        bold = "bold" if line.role in {"primary", "heading"} else "normal"
        room = sheet.inner if line.role == "heading" else label
        indent = 0.0 if line.role == "heading" else 4.0
        lines = sheet.wrap(line.label, room - indent, small, bold, 3)
        first = sheet.y + (4 if line.role == "heading" and rows else 2)
        cells = [
            sheet.wrap(cell, column, small, bold, 3)
            for cell, column in zip(line.cells, columns, strict=False)
        ]
        height = max(map(len, [lines, *cells])) * sheet.line_height(small)
        middle = first + height / 2
        sheet.text(
            MARGIN + indent, middle - len(lines) * sheet.line_height(small) / 2,
            lines, size=small, weight=bold,
        )  # fmt: skip
        for cell, edge in zip(cells, starts, strict=False):
            sheet.text(
                edge, middle - len(cell) * sheet.line_height(small) / 2,
                cell, size=small, weight=bold, align="right",
            )  # fmt: skip
        rows.append(middle - top)
        sheet.y = first + height
    sheet.y += 3
    height = sheet.y - top
    limits = _limits(forest)
    ticks = _ticks(sheet, forest, limits, width)
    sheet.plot(
        lambda axes: _marks(axes, forest, rows, height, limits, ticks, sheet),
        x=left,
        y=top,
        width=width,
        height=height,
    )
    sheet.y += 6
    for tick, text in zip(ticks, _tick_texts(forest, ticks), strict=True):
        x = left + width * _share(tick, limits, forest.scale)
        sheet.text(x, sheet.y, text, size=small, align="center")
    sheet.y += sheet.line_height(small)
    # The name of the axis may reach beyond it, but not beyond the page.
    lines = sheet.wrap(forest.axis, max(width, 0.7 * sheet.inner), small)
    reach = max(sheet.measure(line, small) for line in lines) / 2
    centre = left + width / 2
    centre = min(max(centre, MARGIN + reach), sheet.width - MARGIN - reach)
    sheet.y = sheet.text(centre, sheet.y, lines, size=small, align="center")
    for line in forest.lines:
        _record(sheet, forest, line)


def _columns(sheet: Sheet, forest: Forest) -> list[float]:
    """Return the width of each column of text, wrapped where the page is narrow."""
    count = len(forest.headers)
    widths = []
    for number in range(count):
        texts = [
            line.cells[number] for line in forest.lines if len(line.cells) > number
        ]
        words = forest.headers[number].split(" ")
        longest = max((sheet.measure(w, sheet.small, "bold") for w in words), default=0)
        widths.append(
            max(longest, *(sheet.measure(t, sheet.small, "bold") for t in texts), 10.0)
        )
    # What is left after the least a label and a plot need.
    room = sheet.inner - 6.0 * count - 70 - max(62, 0.22 * sheet.inner)
    if sum(widths) > room and widths:
        widest = max(range(count), key=lambda i: widths[i])
        least = max(
            sheet.measure(word, sheet.small, "bold")
            for line in forest.lines
            if len(line.cells) > widest
            for text in (line.cells[widest], forest.headers[widest])
            for word in text.split(" ")
        )
        others = sum(widths) - widths[widest]
        widths[widest] = min(widths[widest], max(least + 0.5, room - others))
    return [w + 0.5 for w in widths]


def _label_width(sheet: Sheet, forest: Forest, room: float) -> float:
    wanted = max(
        (
            sheet.measure(
                line.label, sheet.small, "bold" if line.role == "primary" else "normal"
            )
            + 4.5
            for line in forest.lines
            if line.role != "heading"
        ),
        default=30.0,
    )
    return min(wanted, max(0.56 * room, room - 0.5 * sheet.width))


def _header(
    sheet: Sheet, forest: Forest, edges: Sequence[float], columns: Sequence[float]
) -> float:
    wrapped = [
        sheet.wrap(text, column, sheet.small, "bold")
        for text, column in zip(forest.headers, columns, strict=True)
    ]
    depth = max(map(len, wrapped), default=0) * sheet.line_height(sheet.small)
    for lines, edge in zip(wrapped, edges, strict=True):
        sheet.text(
            edge, sheet.y + depth - len(lines) * sheet.line_height(sheet.small),
            lines, size=sheet.small, weight="bold", align="right",
        )  # fmt: skip
    bottom = sheet.y + depth + 2
    if wrapped:
        sheet.stroke(
            [MARGIN, sheet.width - MARGIN], [bottom, bottom], color=INK, linewidth=0.5
        )
    return bottom + 1


def _value(forest: Forest, x: float) -> float:
    return 100 * x if forest.scale == "percent" else x


def _limits(forest: Forest) -> tuple[float, float]:
    """Return the ends of the axis; limits far beyond the estimates become arrows."""
    if forest.scale == "p":
        p = [
            x
            for line in forest.lines
            for x in (line.p_value, line.printed, line.low, *line.spread)
            if 0 < x <= 1
        ]
        low = max(min([*p, 0.02]), SMALLEST_P)
        return (max(low / 1.6, SMALLEST_P / 1.6), 1.0)
    log = forest.scale == "log"
    near, far = [], []
    for line in forest.lines:
        near += [line.estimate, line.printed, *line.spread]
        (near if line.role == "range" else far).extend((line.low, line.high))
    near = _usable([*near, forest.neutral], log)
    far = _usable(far, log)
    if not near:
        near = far or [0.5, 2.0]
    low, high = min(near), max(near)
    if log:
        reach = 40.0
        low, high = (
            max(min([*far, low]), low / reach),
            min(max([*far, high]), high * reach),
        )
        if high / low < 1.5:
            low, high = low / 1.3, high * 1.3
        return low / 1.08, high * 1.08
    reach = 2.5 * max(high - low, abs(high), abs(low), 1e-12)
    low, high = max(min([*far, low]), low - reach), min(max([*far, high]), high + reach)
    if forest.scale == "percent":
        bottom, top = _value(forest, low), _value(forest, high)
        if bottom >= 0 and top <= 100:
            return -1.0, 101.0
        room = 0.03 * (top - bottom)
        return bottom - room, top + room
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _usable(values: Sequence[float], log: bool) -> list[float]:
    return [x for x in values if math.isfinite(x) and (x > 0 or not log)]


def _ticks(
    sheet: Sheet, forest: Forest, limits: tuple[float, float], width: float
) -> list[float]:
    """Return round ticks whose labels stand apart."""
    log = forest.scale in ("log", "p")
    for most in (6, 5, 4, 3, 2):
        ticks = (log_ticks if log else linear_ticks)(*limits, most)
        texts = _tick_texts(forest, ticks)
        edges = [
            (
                width * _share(t, limits, forest.scale) - reach,
                width * _share(t, limits, forest.scale) + reach,
            )
            for t, reach in zip(
                ticks, (sheet.measure(x, sheet.small) / 2 for x in texts), strict=True
            )
        ]
        if all(b[0] - a[1] > 3 for a, b in zip(edges, edges[1:], strict=False)):
            return ticks
    return ticks[:1]


def _tick_texts(forest: Forest, ticks: Sequence[float]) -> list[str]:
    return tick_labels(ticks)


def _share(x: float, limits: tuple[float, float], scale: str) -> float:
    low, high = limits
    if scale in ("log", "p"):
        return math.log(x / low) / math.log(high / low)
    return (x - low) / (high - low)


def _marks(
    axes: Axes,
    forest: Forest,
    rows: Sequence[float],
    height: float,
    limits: tuple[float, float],
    ticks: Sequence[float],
    sheet: Sheet,
) -> None:
    observed = forest.kind not in NOT_OBSERVED
    color = sheet.look.palette[0]
    low, high = limits
    p_scale = forest.scale == "p"
    if forest.scale in ("log", "p"):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.set_ylim(height, 0)
    line_at = 0.05 if p_scale else _value(forest, forest.neutral)
    if low < line_at < high:
        axes.plot([line_at, line_at], [0, height], color=GREY, lw=0.7)
    if not observed:
        axes.text(
            0.5, 0.985, forest.kind, transform=axes.transAxes, ha="center", va="top",
            color=GREY, fontsize=sheet.size, fontweight="bold", fontstyle="italic",
            alpha=0.55, zorder=0,
        )  # fmt: skip
    for line, y in zip(forest.lines, rows, strict=True):
        if line.role == "heading":
            continue
        _one(axes, forest, line, y, limits, color, observed)
    _printed_line(axes, forest, rows, height, limits)
    axes.set_xticks(ticks, [""] * len(ticks))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _one(
    axes: Axes,
    forest: Forest,
    line: Line,
    y: float,
    limits: tuple[float, float],
    color: str,
    observed: bool,
) -> None:
    low, high = (_value(forest, x) for x in (line.low, line.high))
    spread = [_value(forest, x) for x in line.spread]
    if all(math.isfinite(x) for x in spread):
        a, b = (min(max(x, limits[0]), limits[1]) for x in spread)
        axes.plot([a, b], [y, y], color=PALE, lw=5, solid_capstyle="butt", zorder=1)
    x = line.p_value if forest.scale == "p" else _value(forest, line.estimate)
    ink = PRINTED if line.role == "printed" else color
    if line.role == "range":
        if math.isfinite(low) and math.isfinite(high):
            a, b = (min(max(v, limits[0]), limits[1]) for v in (low, high))
            axes.plot([a, b], [y, y], color=PALE, lw=5, solid_capstyle="butt")
            axes.plot(
                [a, b], [y, y], color=color, marker="|", ls="none", markersize=6,
                markeredgewidth=1,
            )  # fmt: skip
        return
    if not math.isnan(low) and not math.isnan(high) and forest.scale != "p":
        a, b = max(low, limits[0]), min(high, limits[1])
        if a <= b:
            dashes = "-" if observed and line.role != "printed" else (0, (2.5, 1.2))
            axes.plot([a, b], [y, y], color=ink, lw=1.0, ls=dashes, zorder=2)
        for end, beyond, arrow in (
            (limits[0], low < limits[0], "<"),
            (limits[1], high > limits[1], ">"),
        ):
            if beyond:
                axes.plot(
                    [end], [y], marker=arrow, color=ink, markersize=3.5, ls="none",
                    clip_on=False,
                )  # fmt: skip
    if math.isfinite(x):
        _point(axes, line.role, x, y, limits, ink, observed)
    printed = _value(forest, line.printed)
    if line.role != "printed" and math.isfinite(printed):
        _point(axes, "beside", printed, y, limits, PRINTED, observed)


def _point(
    axes: Axes,
    role: str,
    x: float,
    y: float,
    limits: tuple[float, float],
    color: str,
    observed: bool,
) -> None:
    marker, size = {
        "primary": ("s", 5.5),
        "stated": ("^", 5.0),
        "printed": ("D", 4.4),
        "beside": ("D", 6.6),
    }.get(role, ("o", 4.2))
    if x < limits[0]:
        x, marker = limits[0], "<"
    elif x > limits[1]:
        x, marker = limits[1], ">"
    face = "white" if role == "printed" or not observed else color
    if role == "beside":
        face = "none"
    axes.plot(
        [x], [y], marker=marker, ls="none", markersize=size, color=color, zorder=4,
        markerfacecolor=face, markeredgewidth=0.9,
        clip_on=False,
    )  # fmt: skip


def _printed_line(
    axes: Axes,
    forest: Forest,
    rows: Sequence[float],
    height: float,
    limits: tuple[float, float],
) -> None:
    """Draw the printed value of a block through the rows it is to be held against."""
    starts = [i for i, line in enumerate(forest.lines) if line.role == "heading"] or [
        -1
    ]
    ends = [*starts[1:], len(forest.lines)]
    for start, end in zip(starts, ends, strict=True):
        for line in forest.lines[start + 1 : end]:
            x = line.p_value if forest.scale == "p" else _value(forest, line.estimate)
            if line.role != "printed" or not limits[0] <= x <= limits[1]:
                continue
            top = rows[start] + 5 if start >= 0 else 0.0
            bottom = rows[end] - 6 if end < len(rows) else height
            axes.plot(
                [x, x], [top, bottom], color=PRINTED, lw=0.7, ls=(0, (1, 1.6)), zorder=1
            )


def _record(sheet: Sheet, forest: Forest, line: Line) -> None:
    if line.role == "heading":
        return
    sheet.note(
        line.role,
        panel=forest.title,
        series=line.label,
        x=line.estimate,
        low=line.low,
        high=line.high,
        p_value=line.p_value,
        text="; ".join(cell for cell in line.cells if cell),
    )
    if math.isfinite(line.printed):
        sheet.note("printed", panel=forest.title, series=line.label, x=line.printed)
    if math.isfinite(line.spread[0]):
        sheet.note(
            "range over scenarios",
            panel=forest.title,
            series=line.label,
            low=line.spread[0],
            high=line.spread[1],
        )
