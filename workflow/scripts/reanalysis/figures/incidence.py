"""Cumulative incidence of every cause, with 1 - Kaplan-Meier beside it.

One panel per cause, that of interest first with the table at risk; last, the shares of
all causes stacked for each group, so that they and those without an event add up to
all patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.follow_up import (
    DIAMOND,
    group_keys,
    of_group,
    remarks,
    risk_table,
)
from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, INK, NOT_OBSERVED, PALE, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TABLE = (
    ("at_risk", "At risk"),
    ("events", "Events"),
    ("competing", "Competing"),
    ("censored", "Censored"),
)
#: Line of 1 - Kaplan-Meier: thin and finely dashed in the colour of its group.
_NAIVE = (0, (2.2, 1.6))
#: Most groups that are stacked side by side.
MOST_STACKS = 4
_FILLS = (("0.35", ""), ("0.62", "////"), ("0.78", "...."), ("0.88", "xxxx"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Competing:
    """The incidences of one endpoint.

    ``tables`` are those of the method, ``incidence`` and ``risk``, columns as lists.
    ``said`` is a line of text per group; ``remarks`` (the tests) stand below.
    ``printed`` are incidences a paper prints: group, time, share, text.
    """

    title: str
    time_unit: str
    kind: str
    tables: Mapping[str, Mapping[str, Sequence]]
    causes: Sequence[str]
    groups: Sequence[str]
    said: Mapping[str, str]
    remarks: Sequence[str] = ()
    printed: Sequence[tuple[str, float, float, str]] = field(default_factory=tuple)


def draw(sheet: Sheet, panel: Competing) -> None:
    """Add the panels of one endpoint to the sheet."""
    looks = {group: sheet.look.series(i) for i, group in enumerate(panel.groups)}
    _head(sheet, panel, looks)
    at = _kept_ticks(sheet, panel)
    left = _left(sheet)
    last = max(max(panel.tables["incidence"]["time"]), at[-1]) or 1.0
    width = sheet.width - left - MARGIN - sheet.measure("0000", sheet.small) / 2
    for number, cause in enumerate(panel.causes):
        sheet.y += 3
        name = cause[:1].upper() + cause[1:]
        sheet.paragraph(name if number == 0 else f"{name} (competing)", weight="bold")
        height = min(max(0.42 * sheet.inner, 100.0), 200.0) * (
            1 if number == 0 else 0.6
        )
        top = sheet.y = sheet.y + 3
        sheet.plot(
            _incidences(panel, cause, looks, at, last, sheet, printed=number == 0),
            x=left,
            width=width,
            height=height,
        )
        sheet.vertical(MARGIN, top + height / 2, "Patients (%)")
        sheet.y = top + height + 6
        places = [left + width * t / (last * 1.01) for t in at]
        _time_axis(sheet, panel, at, places, left + width / 2, named=number == 0)
        if number == 0:
            shown = dict(zip(at, places, strict=True))
            edge = left - sheet.measure("0000", sheet.small) / 2 - 5
            risk_table(sheet, panel.tables["risk"], _TABLE, looks, shown, edge)
    if len(panel.groups) <= MOST_STACKS:
        _stacks(sheet, panel, last)
    _record(sheet, panel, at)


def _left(sheet: Sheet) -> float:
    labels = max(sheet.measure(label, sheet.small) for _, label in _TABLE)
    axis = sheet.line_height() + sheet.measure("100", sheet.small) + 10
    return MARGIN + max(labels + sheet.measure("0000", sheet.small) / 2 + 7, axis)


def _head(sheet: Sheet, panel: Competing, looks: Mapping[str, Series]) -> None:
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    group_keys(sheet, panel.said, looks)
    start = MARGIN + 3.1 * sheet.size
    middle = sheet.y + 0.5 * sheet.line_height()
    sheet.stroke(
        [MARGIN, MARGIN + 2.6 * sheet.size], [middle, middle], color=GREY,
        linestyle=_NAIVE, linewidth=0.8,
    )  # fmt: skip
    text = "1 \u2212 Kaplan-Meier, other causes censored: overstates the risk"
    lines = sheet.wrap(text, sheet.width - MARGIN - start)
    sheet.y = sheet.text(start, sheet.y, lines)
    remarks(sheet, panel.remarks, panel.printed)


def _kept_ticks(sheet: Sheet, panel: Competing) -> list[float]:
    """Return the times of the table, thinned until their numbers stand apart."""
    risk = panel.tables["risk"]
    at = sorted(set(risk["time"]))
    texts = [f"{v:.0f}" for key, _ in _TABLE for v in risk[key]] + tick_labels(at)
    widest = max(sheet.measure(text, sheet.small) for text in texts)
    last = max(max(panel.tables["incidence"]["time"]), at[-1]) or 1.0
    every = 1
    while len(at[::every]) > 1 and (sheet.width - 90) * at[every] / last < widest + 5:
        every += 1
    return at[::every]


def _incidences(
    panel: Competing,
    cause: str,
    looks: Mapping[str, Series],
    at: Sequence[float],
    last: float,
    sheet: Sheet,
    *,
    printed: bool,
):
    """Return what draws the curves of one cause."""
    observed = panel.kind not in NOT_OBSERVED
    curves = {g: of_group(panel.tables["incidence"], g, cause) for g in panel.groups}
    highest = max(
        float(max(c["conf_high"].max(), c["one_minus_km"].max()))
        for c in curves.values()
    )
    marks = [p for p in panel.printed if p[0] in panel.groups] if printed else []
    highest = max([highest, *(share for _, _, share, _ in marks)])
    # A curve of a rare cause would lie on the axis of a scale to 100.
    top = next(
        t for t in (10, 20, 30, 40, 50, 60, 80, 100) if 100 * highest <= t or t == 100
    )

    def paint(axes: Axes) -> None:
        watermark(axes, panel.kind, sheet.look)
        for group, curve in curves.items():
            look, time = looks[group], curve["time"]
            band = {"facecolor": look.color, "alpha": 0.16, "linewidth": 0}
            if not observed:
                band = {
                    "facecolor": "none", "edgecolor": look.color, "hatch": "/////",
                    "alpha": 0.45, "linewidth": 0,
                }  # fmt: skip
            low, high = 100 * curve["conf_low"], 100 * curve["conf_high"]
            axes.fill_between(time, low, high, step="post", **band)
            axes.plot(
                time, 100 * curve["one_minus_km"], drawstyle="steps-post",
                color=look.color, ls=_NAIVE, lw=0.8,
            )  # fmt: skip
            axes.plot(
                time, 100 * curve["incidence"], drawstyle="steps-post",
                color=look.color, ls=look.dashes, lw=1.5 if observed else 0.9,
            )  # fmt: skip
        for _, time, share, _ in marks:
            axes.plot([time], [100 * share], clip_on=False, zorder=5, **DIAMOND)
        axes.set_xlim(0, last * 1.01)
        axes.set_ylim(0, top * 1.02)
        axes.set_xticks(at, [""] * len(at))
        levels = linear_ticks(0, top, 6)
        axes.set_yticks(levels, tick_labels(levels))
        axes.tick_params(labelsize=sheet.small)

    return paint


def _time_axis(
    sheet: Sheet,
    panel: Competing,
    at: Sequence[float],
    places: Sequence[float],
    middle: float,
    *,
    named: bool,
) -> None:
    for place, label in zip(places, tick_labels(at), strict=True):
        sheet.text(place, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    if named:
        time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
        sheet.y = sheet.text(middle, sheet.y, time, align="center")


def _stacks(sheet: Sheet, panel: Competing, last: float) -> None:
    """Draw the shares of all causes on top of each other, a small plot per group."""
    small = sheet.small
    sheet.y += 4
    sheet.paragraph("All causes together", weight="bold")
    start, fills = MARGIN, dict(zip(panel.causes, _FILLS * 9, strict=False))
    for name in [*panel.causes, "no event yet"]:
        wide = sheet.measure(name, small) + 2.2 * small
        if start + wide > sheet.width - MARGIN and start > MARGIN:
            start, sheet.y = MARGIN, sheet.y + sheet.line_height(small)
        shade, hatch = fills.get(name, ("1.0", ""))
        sheet.plot(
            lambda axes, shade=shade, hatch=hatch: _swatch(axes, shade, hatch),
            x=start,
            y=sheet.y + 0.2 * small,
            width=1.5 * small,
            height=0.8 * small,
        )
        sheet.text(start + 2 * small, sheet.y, name, size=small)
        start += wide + 1.2 * small
    sheet.y += sheet.line_height(small) + 2
    edge = MARGIN + sheet.line_height() + sheet.measure("100", small) + 8
    gap = 10.0
    width = (sheet.width - MARGIN - edge - 6) / len(panel.groups) - gap
    height = min(max(0.28 * sheet.inner, 76.0), 120.0)
    names = [sheet.wrap(g, width, small, "bold", 2) for g in panel.groups if g]
    deep = max((len(lines) for lines in names), default=0)
    top = sheet.y + deep * sheet.line_height(small) + 1
    ticks = _ticks_apart(sheet, last, width)
    for number, group in enumerate(panel.groups):
        x = edge + number * (width + gap)
        if group:
            sheet.text(x, sheet.y, names[number], size=small, weight="bold")
        curves = [of_group(panel.tables["incidence"], group, c) for c in panel.causes]
        sheet.plot(
            lambda axes, curves=curves, first=number == 0: _stacked(
                axes, panel, curves, list(fills.values()), ticks, last, sheet, first
            ),
            x=x,
            y=top,
            width=width,
            height=height,
        )
        for place, label in _labels(sheet, ticks, last, width):
            sheet.text(x + place, top + height + 4, label, size=small, align="center")
    sheet.vertical(MARGIN, top + height / 2, "Patients (%)")
    sheet.y = top + height + 4 + sheet.line_height(small)
    time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
    sheet.y = sheet.text((edge + sheet.width) / 2, sheet.y, time, align="center")


def _labels(
    sheet: Sheet, ticks: Sequence[float], last: float, width: float
) -> list[tuple[float, str]]:
    """Return where the labels of a small plot stand: never beyond its ends."""
    placed = []
    for time, label in zip(ticks, tick_labels(ticks), strict=True):
        half = sheet.measure(label, sheet.small) / 2
        place = min(max(width * time / last, half - 2), width - half + 2)
        placed.append((place, label))
    return placed


def _ticks_apart(sheet: Sheet, last: float, width: float) -> list[float]:
    """Return as many ticks as have room for their labels, the last one at least."""
    ticks = linear_ticks(0, last, 3)
    for chosen in (ticks, [ticks[0], ticks[-1]]):
        ends = [
            (place - half, place + half)
            for place, label in _labels(sheet, chosen, last, width)
            for half in [sheet.measure(label, sheet.small) / 2]
        ]
        if all(b[0] - a[1] > 2 for a, b in pairwise(ends)):
            return chosen
    return ticks[-1:]


def _swatch(axes: Axes, shade: str, hatch: str) -> None:
    axes.set_facecolor(shade)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.fill_between(
        [0, 1], 0, 1, facecolor=shade, hatch=hatch, edgecolor="white", linewidth=0
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)


def _stacked(
    axes: Axes,
    panel: Competing,
    curves: Sequence[Mapping[str, np.ndarray]],
    fills: Sequence[tuple[str, str]],
    ticks: Sequence[float],
    last: float,
    sheet: Sheet,
    first: bool,
) -> None:
    watermark(axes, panel.kind, sheet.look)
    floor = np.zeros(len(curves[0]["time"]))
    for curve, (shade, hatch) in zip(curves, fills, strict=True):
        roof = floor + 100 * curve["incidence"]
        axes.fill_between(
            curve["time"], floor, roof, step="post", facecolor=shade, hatch=hatch,
            edgecolor="white", linewidth=0,
        )  # fmt: skip
        axes.plot(curve["time"], roof, drawstyle="steps-post", color=INK, lw=0.6)
        floor = roof
    ended = float(curves[0]["time"][-1])
    if ended < last:
        axes.axvspan(ended, last, facecolor="none", edgecolor=PALE, hatch="\\\\", lw=0)
    axes.set_xlim(0, last)
    axes.set_ylim(0, 100)
    axes.set_xticks(ticks, [""] * len(ticks))
    levels = [0, 50, 100]
    axes.set_yticks(levels, ["0", "50", "100"] if first else [""] * 3)
    axes.tick_params(labelsize=sheet.small)


def _record(sheet: Sheet, panel: Competing, at: Sequence[float]) -> None:
    for cause in panel.causes:
        for group in panel.groups:
            own = {"panel": cause, "series": group}
            curve = of_group(panel.tables["incidence"], group, cause)
            for time, share, low, high, naive in zip(
                curve["time"], curve["incidence"], curve["conf_low"],
                curve["conf_high"], curve["one_minus_km"], strict=True,
            ):  # fmt: skip
                sheet.note("step", x=time, y=share, low=low, high=high, **own)
                sheet.note("1 - Kaplan-Meier", x=time, y=naive, **own)
    for group in panel.groups:
        risk = of_group(panel.tables["risk"], group)
        for key, _ in _TABLE:
            for time, value in zip(risk["time"], risk[key], strict=True):
                if time in at:
                    sheet.note(f"table: {key}", x=time, y=value, series=group)
    for group, time, share, text in panel.printed:
        sheet.note("printed", series=group, x=time, y=share, text=text)
