"""What selection alone takes off a count, by the shape of the patients' rates.

Above, the fall expected without any effect, with the fall seen; below, how likely the
counts make each shape. Means that are not printed are dotted and named assumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures.scales import log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, INK, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ELEMENTS = ("reduction", "observed", "shape-free", "likelihood")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The curves of one endpoint: ``table`` of the method, columns as lists.

    ``assumed`` tells that they stand for means nobody printed.
    """

    title: str
    kind: str
    table: Mapping[str, Sequence]
    remarks: Sequence[str] = ()
    assumed: bool = False


def draw(sheet: Sheet, panel: Selection) -> None:
    """Add the curves, and the likelihood of the shapes where patients are known."""
    points = [dict(zip(panel.table, row, strict=True)) for row in _rows(panel.table)]
    names = list(dict.fromkeys(str(p["series"]) for p in points))
    looks = {name: sheet.look.series(i) for i, name in enumerate(names)}
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    for remark in panel.remarks:
        sheet.paragraph(remark)
    _keys(sheet, points, looks)
    curves = [p for p in points if p["element"] == "reduction"]
    shapes = [p["shape"] for p in curves]
    ends = (min(shapes), max(shapes))
    likely = [p for p in points if p["element"] == "likelihood"]
    seen = [
        p["value"]
        for p in points
        if p["element"] in ("observed", "shape-free") and math.isfinite(p["value"])
    ]
    top = 100 * max([*(p["high"] for p in curves), *seen, 0.5])
    low = 100 * min([*seen, 0.0])
    height = min(max(0.42 * sheet.inner, 110.0), 190.0)
    axis = "Fall of the mean count (%)"
    limits = (1.06 * low, min(1.06 * top, 102))
    left = _plot(
        sheet, axis, height, list(range(-100, 101, 25)), limits,
        lambda axes: _falls(axes, sheet, panel, points, looks, ends),
    )  # fmt: skip
    if likely:
        _shape_axis(sheet, ends, left, labels=False)
        sheet.y += 4
        left = _plot(
            sheet, "Relative likelihood (%)", 0.42 * height, [0, 50, 100], (0, 104),
            lambda axes: _likelihoods(axes, likely, looks, ends),
        )  # fmt: skip
    _shape_axis(sheet, ends, left, labels=True)
    for p in points:
        if p["element"] in _ELEMENTS:
            sheet.note(
                str(p["element"]), panel=panel.title, series=p["series"],
                x="" if math.isnan(p["shape"]) else p["shape"], y=p["value"],
                low=p["low"], high=p["high"],
            )  # fmt: skip


def _rows(table: Mapping[str, Sequence]) -> zip:
    columns = (
        [math.nan if v is None else v for v in values] for values in table.values()
    )
    return zip(*columns, strict=True)


def _left(sheet: Sheet) -> float:
    labels = sheet.measure("\u2212100", sheet.small)
    return MARGIN + 2 * sheet.line_height() + labels + 9


def _width(sheet: Sheet, left: float) -> float:
    return sheet.width - left - MARGIN - 6


def _plot(
    sheet: Sheet,
    axis: str,
    height: float,
    ticks: Sequence[int],
    limits: tuple[float, float],
    paint: object,
) -> float:
    left = _left(sheet)
    top = sheet.y + 4
    shown = [t for t in ticks if limits[0] <= t <= limits[1]]

    def all_of(axes: Axes) -> None:
        paint(axes)
        axes.set_ylim(*limits)
        axes.set_yticks(shown, tick_labels(shown))
        axes.tick_params(labelsize=sheet.small)

    sheet.plot(all_of, x=left, y=top, width=_width(sheet, left), height=height)
    lines = sheet.wrap(axis, height - 4, most=2)
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 6
    return left


def _shape_axis(
    sheet: Sheet, ends: tuple[float, float], left: float, *, labels: bool
) -> None:
    if not labels:
        return
    width = _width(sheet, left)
    ticks = log_ticks(*ends, 8)
    span = math.log(ends[1] / ends[0])
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        place = left + width * math.log(tick / ends[0]) / span
        sheet.text(place, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    text = "Shape of the patients\u2019 rates (small: they differ much; large: hardly)"
    lines = sheet.wrap(text, width)
    sheet.y = sheet.text(left + width / 2, sheet.y, lines, align="center")


def _keys(sheet: Sheet, points: Sequence[Mapping], looks: Mapping[str, Series]) -> None:
    """Name every line: what was seen, what selection leads one to expect."""
    for name, look in looks.items():
        own = {p["element"]: p["value"] for p in points if p["series"] == name}
        falls = [
            p[end]
            for p in points
            if p["series"] == name and p["element"] == "reduction"
            for end in ("low", "high")
        ]
        parts = []
        if "observed" in own:
            parts.append(f"fall seen {_percent(own['observed'])} (thick line)")
        if falls:
            span = f"{_percent(min(falls))} to {_percent(max(falls))}"
            parts.append(f"{span} by selection alone")
        if "shape-free" in own:
            parts.append(f"shape-free {_percent(own['shape-free'])} (dotted)")
        middle = sheet.y + 0.5 * sheet.line_height()
        length = 2.6 * sheet.size
        sheet.stroke(
            [MARGIN, MARGIN + length], [middle, middle], color=look.color,
            linestyle=look.dashes, linewidth=1.4,
        )  # fmt: skip
        start = MARGIN + length + 0.5 * sheet.size
        text = f"{name[:1].upper()}{name[1:]}: {'; '.join(parts)}"
        lines = sheet.wrap(text, sheet.width - MARGIN - start)
        sheet.y = sheet.text(start, sheet.y, lines)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%".replace("-", "\u2212")


def _falls(
    axes: Axes,
    sheet: Sheet,
    panel: Selection,
    points: Sequence[Mapping],
    looks: Mapping[str, Series],
    ends: tuple[float, float],
) -> None:
    watermark(axes, "assumed" if panel.assumed else panel.kind, sheet.look)
    axes.set_xscale("log")
    axes.set_xlim(*ends)
    axes.set_xticks(log_ticks(*ends, 8), [""] * len(log_ticks(*ends, 8)))
    axes.minorticks_off()
    axes.axhline(0, color=GREY, lw=0.6)
    for name, look in looks.items():
        curve = [
            p for p in points if p["series"] == name and p["element"] == "reduction"
        ]
        x = [p["shape"] for p in curve]
        axes.fill_between(
            x, [100 * p["low"] for p in curve], [100 * p["high"] for p in curve],
            facecolor=look.color, alpha=0.16, linewidth=0,
        )  # fmt: skip
        axes.plot(
            x, [100 * p["value"] for p in curve], color=look.color, ls=look.dashes,
            lw=0.9 if panel.assumed else 1.4,
        )  # fmt: skip
        for element, width, dashes in (
            ("observed", 1.8, "-"), ("shape-free", 1.0, (0, (1, 1.5))),
        ):  # fmt: skip
            for p in points:
                if p["series"] == name and p["element"] == element:
                    color = look.color if len(looks) > 1 else INK
                    axes.axhline(100 * p["value"], color=color, lw=width, ls=dashes)


def _likelihoods(
    axes: Axes,
    points: Sequence[Mapping],
    looks: Mapping[str, Series],
    ends: tuple[float, float],
) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*ends)
    axes.set_xticks(log_ticks(*ends, 8), [""] * len(log_ticks(*ends, 8)))
    axes.minorticks_off()
    # Shapes above this line are within the 95% likelihood interval.
    axes.axhline(100 * math.exp(-1.92073), color=GREY, lw=0.6, ls=(0, (2, 2)))
    for name, look in looks.items():
        own = [p for p in points if p["series"] == name]
        axes.plot(
            [p["shape"] for p in own], [100 * p["value"] for p in own],
            color=look.color, ls=look.dashes, lw=1.4,
        )  # fmt: skip
