"""Estimates with their intervals, one row each: scenarios or endpoints.

Without an estimate (a test alone) the p-values are drawn on a logarithmic axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, TIED, Sheet, watermark
from reanalysis.figures.style import GREY, INK, NOT_OBSERVED, PALE, PRINTED, Said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAN = math.nan
#: Smallest p-value on the axis; smaller ones are an arrow at its edge.
SMALLEST_P = 1e-4
#: Between columns, in points.
_GAP = 6.0


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


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a row stands, in points below the top of the plot."""

    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def draw(sheet: Sheet, forest: Forest) -> None:
    """Add a forest plot to the sheet."""
    panel = forest.title
    for line in forest.lines:
        panel = line.label if line.role == "heading" else panel
        _record(sheet, panel, line)
    forest = _said(sheet, forest)
    if forest.title:
        sheet.paragraph(forest.title, weight="bold")
    for text in forest.legend:
        sheet.paragraph(text, size=sheet.small, color=GREY)
    sheet.y += 2
    small, gap = sheet.small, _GAP
    columns = _columns(sheet, forest)
    if sum(columns) > _room(sheet, forest) + 1:
        # Too narrow a page even so: intervals may break as well.
        forest = _untied(forest)
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
    top = sheet.y
    rows = _rows(sheet, forest, label, columns, starts)
    sheet.y += 3
    height = sheet.y - top
    limits = limits_of(forest)
    ticks = ticks_of(sheet, forest, limits, width)
    sheet.plot(
        lambda axes: _marks(axes, forest, rows, height, limits, ticks, sheet),
        x=left,
        y=top,
        width=width,
        height=height,
    )
    sheet.y += 6
    for tick, text in zip(ticks, tick_labels(ticks), strict=True):
        x = left + width * share_of(tick, limits, forest.scale)
        sheet.text(x, sheet.y, text, size=small, align="center")
    sheet.y += sheet.line_height(small)
    # The name of the axis may reach beyond it, but not beyond the page.
    lines = sheet.wrap(forest.axis, max(width, 0.7 * sheet.inner), small)
    reach = max(sheet.measure(line, small) for line in lines) / 2
    centre = left + width / 2
    centre = min(max(centre, MARGIN + reach), sheet.width - MARGIN - reach)
    sheet.y = sheet.text(centre, sheet.y, lines, size=small, align="center")


def _said(sheet: Sheet, forest: Forest) -> Forest:
    """Return the forest in the words of the settings, which columns are made for."""
    said = sheet.look.said
    return replace(
        forest,
        headers=[said(header) for header in forest.headers],
        lines=[
            replace(
                line, label=said(line.label), cells=tuple(said(c) for c in line.cells)
            )
            for line in forest.lines
        ],
    )


def _untied(forest: Forest) -> Forest:
    return replace(
        forest,
        headers=[_loose(header) for header in forest.headers],
        lines=[
            replace(line, cells=tuple(_loose(cell) for cell in line.cells))
            for line in forest.lines
        ],
    )


def _loose(text: str) -> Said:
    """Return a text in the words it has, which may break anywhere."""
    return Said(text.replace(TIED, " "))


def _rows(
    sheet: Sheet,
    forest: Forest,
    label: float,
    columns: Sequence[float],
    edges: Sequence[float],
) -> list[_Row]:
    """Place the texts of every row and return where the rows stand."""
    small, start = sheet.small, sheet.y
    rows: list[_Row] = []
    for line in forest.lines:
        heading = line.role == "heading"
        bold = "bold" if heading or line.role == "primary" else "normal"
        indent, room = (0.0, sheet.inner) if heading else (4.0, label - 4.0)
        first = sheet.y + (4 if heading and rows else 2)
        names = sheet.wrap(line.label, room, small, bold, 5)
        cells = [
            sheet.wrap(cell, column, small, bold, 8)
            for cell, column in zip(line.cells, columns, strict=False)
        ]
        height = max(map(len, [names, *cells])) * sheet.line_height(small)
        for lines, x, align in [
            (names, MARGIN + indent, "left"),
            *((cell, edge, "right") for cell, edge in zip(cells, edges, strict=False)),
        ]:
            y = first + (height - len(lines) * sheet.line_height(small)) / 2
            sheet.text(x, y, lines, size=small, weight=bold, align=align)
        sheet.y = first + height
        rows.append(_Row(first - start, sheet.y - start))
    return rows


def _columns(sheet: Sheet, forest: Forest) -> list[float]:
    """Return the width of each column of text, wrapped where the page is narrow.

    What is left after a fair share for labels and plot goes to the columns; as long
    as they need more, the one is narrowed that saves most per cell broken in two.
    """
    columns = [
        [forest.headers[i], *(c.cells[i] for c in forest.lines if len(c.cells) > i)]
        for i in range(len(forest.headers))
    ]
    needs = [
        sorted({sheet.measure(t, sheet.small, "bold") for t in texts}, reverse=True)
        for texts in columns
    ]
    least = [
        max(sheet.measure(w, sheet.small, "bold") for t in texts for w in t.split(" "))
        for texts in columns
    ]
    room = _room(sheet, forest)
    widths = [need[0] for need in needs]
    while sum(widths) > room:
        choices = []
        for i, texts in enumerate(columns):
            if widths[i] <= least[i]:
                continue
            below = next((n for n in needs[i] if n < widths[i]), least[i])
            target = max(below, least[i])
            broken = sum(sheet.measure(t, sheet.small, "bold") > target for t in texts)
            choices.append(((widths[i] - target) / broken, i, target))
        if not choices:
            break
        _, i, target = max(choices)
        widths[i] = target
    return [max(w, 8.0) + 0.5 for w in widths]


def _room(sheet: Sheet, forest: Forest) -> float:
    """Return what the columns may take, a fair share for labels and plot set apart."""
    label = min(
        _wanted(sheet, forest),
        max(64.0, 0.24 * sheet.inner, _longest_word(sheet, forest)),
    )
    plot = max(50.0, 0.2 * sheet.inner)
    return sheet.inner - label - plot - _GAP * (len(forest.headers) + 1)


def _wanted(sheet: Sheet, forest: Forest) -> float:
    """Return the width of the longest label."""
    return max(
        (
            sheet.measure(
                line.label, sheet.small, "bold" if line.role == "primary" else "normal"
            )
            + 5
            for line in forest.lines
            if line.role != "heading"
        ),
        default=30.0,
    )


def _longest_word(sheet: Sheet, forest: Forest) -> float:
    """Return the room the longest word of a label needs, within reason."""
    words = (
        (word, "bold" if line.role == "primary" else "normal")
        for line in forest.lines
        if line.role != "heading"
        for word in line.label.split(" ")
    )
    needs = (sheet.measure(word, sheet.small, weight) for word, weight in words)
    return min(max(needs, default=0.0) + 5, 0.34 * sheet.inner)


def _label_width(sheet: Sheet, forest: Forest, room: float) -> float:
    """Return the width of the labels; the plot takes the rest, within reason."""
    least = max(40.0, 0.44 * room)
    word = min(_longest_word(sheet, forest), room - 40.0)
    return min(
        _wanted(sheet, forest), max(room - least, room - 0.5 * sheet.width, word)
    )


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


def shown(forest: Forest, x: float) -> float:
    """Return a number on the scale of the axis: shares in per cent."""
    return 100 * x if forest.scale == "percent" else x


def limits_of(forest: Forest) -> tuple[float, float]:
    """Return the ends of the axis; limits far beyond the estimates become arrows."""
    if forest.scale == "p":
        p = [
            x
            for line in forest.lines
            for x in (line.p_value, line.printed, *line.spread, *_range(line))
            if 0 < x <= 1
        ]
        low = max(min([*p, 0.02]), SMALLEST_P)
        return (max(low / 1.6, SMALLEST_P / 1.6), 1.0)
    log = forest.scale == "log"
    near = [x for line in forest.lines for x in (line.estimate, line.printed)]
    near += [x for line in forest.lines for x in line.spread]
    near += [e for line in forest.lines if line.role == "range" for e in _ends(line)]
    limits = [_ends(line) for line in forest.lines if line.role != "range"]
    near = _usable([*near, forest.neutral], log)
    near += _ordinary(limits, log)
    if not near:
        near = [0.5, 2.0] if log else [0.0, 1.0]
    low, high = min(near), max(near)
    if log:
        if high / low < 1.5:
            low, high = low / 1.3, high * 1.3
        return low / 1.08, high * 1.08
    if forest.scale == "percent":
        bottom, top = shown(forest, low), shown(forest, high)
        if bottom >= 0 and top <= 100:
            return -1.0, 101.0
        room = 0.03 * (top - bottom)
        return bottom - room, top + room
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _range(line: Line) -> tuple[float, ...]:
    return _ends(line) if line.role == "range" else ()


def _ends(line: Line) -> tuple[float, float]:
    return line.low, line.high


def _ordinary(limits: Sequence[tuple[float, float]], log: bool) -> list[float]:
    """Return the ends of intervals, without those of intervals far wider than most."""
    known = [_usable(ends, log) for ends in limits]
    whole = [ends for ends in known if len(ends) == 2]
    widths = [math.log(b / a) if log else b - a for a, b in whole]
    most = 2 * sorted(widths)[len(widths) // 2] if widths else math.inf
    inside = [e for e, width in zip(whole, widths, strict=True) if width <= most]
    # An interval that is open at one end.
    open_ended = [ends for ends in known if len(ends) == 1]
    if log and whole:
        open_ended = [e for e in open_ended if abs(math.log(e[0])) <= most]
    return [x for ends in [*inside, *open_ended] for x in ends]


def _usable(values: Sequence[float], log: bool) -> list[float]:
    return [x for x in values if math.isfinite(x) and (x > 0 or not log)]


def ticks_of(
    sheet: Sheet, forest: Forest, limits: tuple[float, float], width: float
) -> list[float]:
    """Return round ticks whose labels stand apart."""
    log = forest.scale in ("log", "p")
    for most in (6, 5, 4, 3, 2):
        ticks = (log_ticks if log else linear_ticks)(*limits, most)
        texts = tick_labels(ticks)
        edges = [
            (
                width * share_of(t, limits, forest.scale) - reach,
                width * share_of(t, limits, forest.scale) + reach,
            )
            for t, reach in zip(
                ticks, (sheet.measure(x, sheet.small) / 2 for x in texts), strict=True
            )
        ]
        if all(b[0] - a[1] > 3 for a, b in pairwise(edges)):
            return ticks
    return ticks[:1]


def share_of(x: float, limits: tuple[float, float], scale: str) -> float:
    """Return where a number stands between the ends of the axis, 0 to 1."""
    low, high = limits
    if scale in ("log", "p"):
        return math.log(x / low) / math.log(high / low)
    return (x - low) / (high - low)


def _marks(
    axes: Axes,
    forest: Forest,
    rows: Sequence[_Row],
    height: float,
    limits: tuple[float, float],
    ticks: Sequence[float],
    sheet: Sheet,
) -> None:
    observed = forest.kind not in NOT_OBSERVED
    color = sheet.look.palette[0]
    watermark(axes, forest.kind, sheet.look)
    low, high = limits
    p_scale = forest.scale == "p"
    if forest.scale in ("log", "p"):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.set_ylim(height, 0)
    neutral = 0.05 if p_scale else shown(forest, forest.neutral)
    for top, bottom, _ in _parts(forest, rows, height):
        if low < neutral < high:
            axes.plot([neutral, neutral], [top, bottom], color=GREY, lw=0.7)
    for line, row in zip(forest.lines, rows, strict=True):
        if line.role != "heading":
            _one(axes, forest, line, row.middle, limits, color, observed)
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
    low, high = (shown(forest, x) for x in (line.low, line.high))
    spread = [shown(forest, x) for x in line.spread]
    if all(math.isfinite(x) for x in spread):
        a, b = (min(max(x, limits[0]), limits[1]) for x in spread)
        axes.plot([a, b], [y, y], color=PALE, lw=5, solid_capstyle="butt", zorder=1)
    x = line.p_value if forest.scale == "p" else shown(forest, line.estimate)
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
    # A limit that is not reached lies beyond the axis.
    if math.isnan(high) and not math.isnan(low):
        high = math.inf
    elif math.isnan(low) and not math.isnan(high):
        low = -math.inf
    if not math.isnan(low) and forest.scale != "p":
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
    printed = shown(forest, line.printed)
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
    rows: Sequence[_Row],
    height: float,
    limits: tuple[float, float],
) -> None:
    """Draw the printed value of a block through the rows it is to be held against."""
    for top, bottom, lines in _parts(forest, rows, height):
        for line in lines:
            x = line.p_value if forest.scale == "p" else shown(forest, line.estimate)
            if line.role == "printed" and limits[0] <= x <= limits[1]:
                axes.plot(
                    [x, x], [top, bottom], color=PRINTED, lw=0.7, ls=(0, (1, 1.6)),
                    zorder=1,
                )  # fmt: skip


def _parts(
    forest: Forest, rows: Sequence[_Row], height: float
) -> Iterator[tuple[float, float, Sequence[Line]]]:
    """Yield top, bottom and lines of each block between headings."""
    heads = [i for i, line in enumerate(forest.lines) if line.role == "heading"] or [-1]
    for start, end in pairwise([*heads, len(forest.lines)]):
        top = rows[start].bottom if start >= 0 else 0.0
        bottom = rows[end].top - 1 if end < len(rows) else height
        yield top, bottom, forest.lines[start + 1 : end]


def _record(sheet: Sheet, panel: str, line: Line) -> None:
    if line.role == "heading":
        return
    sheet.note(
        line.role,
        panel=panel,
        series=line.label,
        x=line.estimate,
        low=line.low,
        high=line.high,
        p_value=line.p_value,
        text="; ".join(cell for cell in line.cells if cell),
    )
    if math.isfinite(line.printed):
        sheet.note("printed", panel=panel, series=line.label, x=line.printed)
    if math.isfinite(line.spread[0]):
        sheet.note(
            "range over scenarios",
            panel=panel,
            series=line.label,
            low=line.spread[0],
            high=line.spread[1],
        )
