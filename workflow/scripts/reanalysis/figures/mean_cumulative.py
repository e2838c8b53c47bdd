"""Mean numbers of events per patient over time, over a table of those at risk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures.follow_up import (
    group_keys,
    of_group,
    remarks,
    risk_table,
)
from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import NOT_OBSERVED, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TABLE = (("at_risk", "At risk"), ("events", "Events"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanEvents:
    """The curves of one endpoint.

    ``curve`` and ``risk`` are the tables of the method, columns as lists; ``said`` is
    a line of text per group; ``remarks`` (the comparison) stand below.
    """

    title: str
    axis: str
    time_unit: str
    kind: str
    curve: Mapping[str, Sequence]
    risk: Mapping[str, Sequence]
    groups: Sequence[str]
    said: Mapping[str, str]
    remarks: Sequence[str] = ()


def draw(sheet: Sheet, panel: MeanEvents) -> None:
    """Add the curves of one endpoint to the sheet."""
    looks = {group: sheet.look.series(i) for i, group in enumerate(panel.groups)}
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    group_keys(sheet, panel.said, looks)
    remarks(sheet, panel.remarks)
    top_value = _top(panel)
    height = min(max(0.52 * sheet.inner, 118.0), 230.0)
    ticks = linear_ticks(0, top_value, 6)
    lines = sheet.wrap(panel.axis, height - 4, sheet.size)
    labels = max(sheet.measure(label, sheet.small) for _, label in _TABLE)
    widest = max(sheet.measure(t, sheet.small) for t in tick_labels(ticks))
    left = MARGIN + max(labels + 14, len(lines) * sheet.line_height() + widest + 10)
    width = sheet.width - left - MARGIN - sheet.measure("0000", sheet.small) / 2
    at = _kept(sheet, panel, width)
    last = max(max(panel.curve["time"]), at[-1]) or 1.0
    sheet.y += 4
    top = sheet.y
    sheet.plot(
        lambda axes: _curves(axes, sheet, panel, looks, at, last, top_value, ticks),
        x=left,
        width=width,
        height=height,
    )
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 6
    places = {t: left + width * t / (last * 1.01) for t in at}
    for (_, place), label in zip(places.items(), tick_labels(at), strict=True):
        sheet.text(place, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
    sheet.y = sheet.text(left + width / 2, sheet.y, time, align="center")
    starts = [str(round(of_group(panel.risk, g)["at_risk"][0])) for g in panel.groups]
    first = max(sheet.measure(text, sheet.small) for text in starts) / 2
    risk_table(sheet, panel.risk, _TABLE, looks, places, left - first - 5)
    _record(sheet, panel, places)


def _top(panel: MeanEvents) -> float:
    """Return the end of the axis: the bands, cut at 2.5 times the highest curve."""
    highest = max(panel.curve["mean"])
    bands = [h for h in panel.curve["high"] if h is not None and math.isfinite(h)]
    return 1.04 * (min(max([highest, *bands]), 2.5 * highest) or 1.0)


def _kept(sheet: Sheet, panel: MeanEvents, width: float) -> list[float]:
    at = sorted(set(panel.risk["time"]))
    texts = [f"{v:.0f}" for key, _ in _TABLE for v in panel.risk[key]]
    widest = max(sheet.measure(t, sheet.small) for t in [*texts, *tick_labels(at)])
    last = max(max(panel.curve["time"]), at[-1]) or 1.0
    every = 1
    while len(at[::every]) > 1 and width * at[every] / last < widest + 5:
        every += 1
    return at[::every]


def _curves(
    axes: Axes,
    sheet: Sheet,
    panel: MeanEvents,
    looks: Mapping[str, Series],
    at: Sequence[float],
    last: float,
    top: float,
    ticks: Sequence[float],
) -> None:
    observed = panel.kind not in NOT_OBSERVED
    watermark(axes, panel.kind, sheet.look)
    for group in panel.groups:
        look, curve = looks[group], of_group(panel.curve, group)
        band = {"facecolor": look.color, "alpha": 0.16, "linewidth": 0}
        if not observed:
            band = {
                "facecolor": "none", "edgecolor": look.color, "hatch": "/////",
                "alpha": 0.45, "linewidth": 0,
            }  # fmt: skip
        axes.fill_between(
            curve["time"], curve["low"], curve["high"], step="post", **band
        )
        axes.plot(
            curve["time"], curve["mean"], drawstyle="steps-post",
            color=look.color, ls=look.dashes, lw=1.4 if observed else 0.9,
        )  # fmt: skip
    axes.set_xlim(0, last * 1.01)
    axes.set_ylim(0, top)
    axes.set_xticks(at, [""] * len(at))
    axes.set_yticks(ticks, tick_labels(ticks))
    axes.tick_params(labelsize=sheet.small)


def _record(sheet: Sheet, panel: MeanEvents, places: Mapping[float, float]) -> None:
    for group in panel.groups:
        own = {"panel": panel.title, "series": group}
        curve = of_group(panel.curve, group)
        for time, mean, low, high in zip(
            curve["time"], curve["mean"], curve["low"], curve["high"], strict=True
        ):
            sheet.note("step", x=time, y=mean, low=low, high=high, **own)
        risk = of_group(panel.risk, group)
        for key, _ in _TABLE:
            for time, value in zip(risk["time"], risk[key], strict=True):
                if time in places:
                    sheet.note(f"table: {key}", x=time, y=value, **own)
