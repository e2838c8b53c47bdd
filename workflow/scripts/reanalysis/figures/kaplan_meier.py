"""Survival curves over an aligned table of patients at risk, events and censorings.

The table follows Morris et al., BMJ Open 2019;9:e030215 (the KMunicate study).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reanalysis.figures.follow_up import (
    DIAMOND,
    group_keys,
    of_group,
    remarks,
    risk_table,
)
from reanalysis.figures.scales import tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, NOT_OBSERVED, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TABLE = (("at_risk", "At risk"), ("events", "Events"), ("censored", "Censored"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """The curves of one endpoint.

    ``tables`` are those of the method: ``curve``, ``censored`` and ``risk``, columns
    as lists. ``said`` is a line of text per group; ``remarks`` (the test) stand below.
    ``printed`` are survival probabilities a paper prints: group, time, share, text.
    """

    title: str
    axis: str
    time_unit: str
    kind: str
    tables: Mapping[str, Mapping[str, Sequence]]
    groups: Sequence[str]
    said: Mapping[str, str]
    remarks: Sequence[str] = ()
    medians: Mapping[str, float] = field(default_factory=dict)
    printed: Sequence[tuple[str, float, float, str]] = ()


def draw(sheet: Sheet, panel: Survival) -> None:
    """Add the curves of one endpoint to the sheet."""
    looks = {group: sheet.look.series(i) for i, group in enumerate(panel.groups)}
    _head(sheet, panel, looks)
    at = _kept_ticks(sheet, panel)
    axis_lines = sheet.wrap(panel.axis, _height(sheet) - 4, sheet.size)
    labels = max(sheet.measure(label, sheet.small) for _, label in _TABLE)
    first = _widest(sheet, panel, [at[0]]) / 2
    left = MARGIN + max(
        labels + first + 7.0,
        len(axis_lines) * sheet.line_height() + sheet.measure("100", sheet.small) + 10,
    )
    width = sheet.width - left - MARGIN - sheet.measure("0000", sheet.small) / 2
    height = _height(sheet)
    sheet.y += 4
    last = max(max(panel.tables["curve"]["time"]), at[-1]) or 1.0
    top = sheet.y
    sheet.plot(
        lambda axes: _curves(axes, panel, looks, at, last, sheet),
        x=left,
        width=width,
        height=height,
    )
    _axis_label(sheet, axis_lines, top, height)
    sheet.y = top + height + 6
    places = [left + width * t / (last * 1.01) for t in at]
    for place, label in zip(places, tick_labels(at), strict=True):
        sheet.text(place, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
    sheet.y = sheet.text(left + width / 2, sheet.y, time, align="center")
    shown = dict(zip(at, places, strict=True))
    risk_table(sheet, panel.tables["risk"], _TABLE, looks, shown, left - first - 5)
    _record(sheet, panel, shown)


def _height(sheet: Sheet) -> float:
    return min(max(0.52 * sheet.inner, 118.0), 230.0)


def _head(sheet: Sheet, panel: Survival, looks: Mapping[str, Series]) -> None:
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    group_keys(sheet, panel.said, looks)
    remarks(sheet, panel.remarks, panel.printed)


def _axis_label(sheet: Sheet, lines: Sequence[str], top: float, height: float) -> None:
    # Read from bottom to top; the first line stands outermost.
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)


def _kept_ticks(sheet: Sheet, panel: Survival) -> list[float]:
    """Return the times of the table, thinned until their numbers stand apart."""
    risk = panel.tables["risk"]
    at = sorted(set(risk["time"]))
    widest = max(sheet.measure(text, sheet.small) for text in tick_labels(at))
    widest = max(widest, _widest(sheet, panel, at))
    room = sheet.width - 90
    last = max(max(panel.tables["curve"]["time"]), at[-1]) or 1.0
    every = 1
    while len(at[::every]) > 1 and room * at[every] / last < widest + 5:
        every += 1
    return at[::every]


def _widest(sheet: Sheet, panel: Survival, at: Sequence[float]) -> float:
    """Return the width of the widest number of the table at these times."""
    risk = panel.tables["risk"]
    return max(
        sheet.measure(f"{value:.0f}", sheet.small)
        for key, _ in _TABLE
        for value, time in zip(risk[key], risk["time"], strict=True)
        if time in at
    )


def _curves(
    axes: Axes,
    panel: Survival,
    looks: Mapping[str, Series],
    at: Sequence[float],
    last: float,
    sheet: Sheet,
) -> None:
    observed = panel.kind not in NOT_OBSERVED
    watermark(axes, panel.kind, sheet.look)
    reached = [m for m in panel.medians.values() if m == m and m <= last]
    if reached:
        axes.plot([0, max(reached)], [50, 50], color=GREY, lw=0.6, ls=(0, (2, 2)))
    for group in panel.groups:
        look = looks[group]
        curve = of_group(panel.tables["curve"], group)
        shares = {key: 100 * values for key, values in curve.items() if key != "time"}
        band = {"facecolor": look.color, "alpha": 0.16, "linewidth": 0}
        if not observed:
            band = {
                "facecolor": "none", "edgecolor": look.color, "hatch": "/////",
                "alpha": 0.45, "linewidth": 0,
            }  # fmt: skip
        axes.fill_between(
            curve["time"], shares["conf_low"], shares["conf_high"], step="post", **band
        )
        for edge in ("band_low", "band_high"):
            # Simultaneous limits: lines, since the pointwise ones are a surface.
            if edge in shares:
                axes.plot(
                    curve["time"], shares[edge], drawstyle="steps-post",
                    color=look.color, ls=(0, (1, 1.5)), lw=0.7,
                )  # fmt: skip
        axes.plot(
            curve["time"], shares["survival"], drawstyle="steps-post",
            color=look.color, ls=look.dashes, lw=1.4 if observed else 0.9,
        )  # fmt: skip
        marks = of_group(panel.tables["censored"], group)
        axes.plot(
            marks["time"], 100 * marks["survival"], ls="none", marker="|",
            color=look.color, markersize=5, markeredgewidth=0.8, clip_on=False,
        )  # fmt: skip
        median = panel.medians.get(group, math.nan)
        if median <= last:
            axes.plot(
                [median, median], [0, 50], color=look.color, lw=0.7, ls=look.dashes
            )
    for _, time, share, _ in panel.printed:
        axes.plot([time], [100 * share], clip_on=False, zorder=5, **DIAMOND)
    axes.set_xlim(0, last * 1.01)
    axes.set_ylim(0, 102)
    axes.set_xticks(at, [""] * len(at))
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100"])
    axes.tick_params(labelsize=sheet.small)


def _record(sheet: Sheet, panel: Survival, places: Mapping[float, float]) -> None:
    for group in panel.groups:
        own = {"panel": panel.title, "series": group}
        curve = of_group(panel.tables["curve"], group)
        for time, share, low, high in zip(
            curve["time"], curve["survival"], curve["conf_low"], curve["conf_high"],
            strict=True,
        ):  # fmt: skip
            sheet.note("step", x=time, y=share, low=low, high=high, **own)
        if "band_low" in curve:
            for time, share, low, high in zip(
                curve["time"], curve["survival"], curve["band_low"],
                curve["band_high"], strict=True,
            ):  # fmt: skip
                if low == low:
                    sheet.note("band", x=time, y=share, low=low, high=high, **own)
        marks = of_group(panel.tables["censored"], group)
        for time, share in zip(marks["time"], marks["survival"], strict=True):
            sheet.note("censored", x=time, y=share, **own)
        if group in panel.medians:
            sheet.note("median", x=panel.medians[group], y=0.5, **own)
        risk = of_group(panel.tables["risk"], group)
        for key, _ in _TABLE:
            for time, value in zip(risk["time"], risk[key], strict=True):
                if time in places:
                    sheet.note(f"table: {key}", x=time, y=value, **own)
    for group, time, share, text in panel.printed:
        sheet.note(
            "printed", panel=panel.title, series=group, x=time, y=share, text=text
        )
