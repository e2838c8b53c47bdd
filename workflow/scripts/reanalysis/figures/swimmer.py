"""Every patient of a small trial as a bar over follow-up, with what happened when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, series_key, watermark
from reanalysis.figures.style import INK, NOT_OBSERVED, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Marks of events in order; the end of follow-up without one is an arrow.
_MARKS = ("X", "D", "s", "^", "v", "P")
_ONGOING = ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One patient: followed from ``start`` to ``stop``, with events (time, name).

    ``ongoing`` tells that follow-up ended without the event that would have ended it.
    """

    label: str
    start: float
    stop: float
    events: Sequence[tuple[float, str]] = ()
    ongoing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Swimmers:
    """The patients of one endpoint by group, those followed longest first.

    ``said`` is a line of text per group; ``events`` names them in the order of marks.
    """

    title: str
    kind: str
    time_unit: str
    groups: Mapping[str, Sequence[Bar]]
    said: Mapping[str, str]
    events: Sequence[str]
    remarks: Sequence[str] = ()


def draw(sheet: Sheet, panel: Swimmers) -> None:
    """Add the bars of every group, one group below the other."""
    if panel.title:
        sheet.paragraph(panel.title, weight="bold")
    for remark in panel.remarks:
        sheet.paragraph(remark)
    _keys(sheet, panel)
    small = sheet.small
    bars = [bar for own in panel.groups.values() for bar in own]
    last = max(bar.stop for bar in bars) or 1.0
    left = MARGIN + max(sheet.measure(bar.label, small) for bar in bars) + 5
    width = sheet.width - MARGIN - left - 8
    step = 1.25 * small
    for number, (group, own) in enumerate(panel.groups.items()):
        look = sheet.look.series(number)
        sheet.y += 3
        if group or panel.said.get(group):
            start = series_key(sheet, MARGIN, sheet.y, look, small)
            lines = sheet.wrap(
                panel.said.get(group, group), sheet.width - MARGIN - start, small
            )
            sheet.y = sheet.text(start, sheet.y, lines, size=small) + 1
        top = sheet.y
        for place, bar in enumerate(own):
            middle = top + (place + 0.5) * step
            sheet.text(
                left - 4, middle - sheet.line_height(small) / 2, bar.label, size=small,
                align="right",
            )  # fmt: skip
        sheet.plot(
            lambda axes, own=own, look=look: _bars(axes, sheet, panel, own, look, last),
            x=left,
            width=width,
            height=step * len(own),
        )
        sheet.y = top + step * len(own)
    _time_axis(sheet, panel, left, width, last)
    for group, own in panel.groups.items():
        for bar in own:
            place = {"panel": panel.title, "series": group, "text": bar.label}
            sheet.note("follow-up", low=bar.start, high=bar.stop, **place)
            for time, name in bar.events:
                sheet.note(f"event: {name}", x=time, **place)
            if bar.ongoing:
                sheet.note("end without event", x=bar.stop, **place)


def _keys(sheet: Sheet, panel: Swimmers) -> None:
    """Name the marks in a line, or in as many as it takes."""
    ongoing = any(bar.ongoing for own in panel.groups.values() for bar in own)
    marks = list(zip(_MARKS, panel.events, strict=False))
    marks += [(_ONGOING, "follow-up ends without it")] if ongoing else []
    x = MARGIN
    for marker, name in marks:
        need = sheet.size + sheet.measure(name, sheet.small) + 10
        if x > MARGIN and x + need - 10 > sheet.width - MARGIN:
            x, sheet.y = MARGIN, sheet.y + sheet.line_height(sheet.small)
        sheet.stroke(
            [x + 0.4 * sheet.size], [sheet.y + 0.5 * sheet.line_height(sheet.small)],
            **_mark(marker),
        )  # fmt: skip
        lines = sheet.wrap(name, sheet.width - MARGIN - x - sheet.size, sheet.small)
        end = sheet.text(x + sheet.size, sheet.y, lines, size=sheet.small)
        sheet.y = end - sheet.line_height(sheet.small)
        x += need
    sheet.y += sheet.line_height(sheet.small) if marks else 0.0


def _mark(marker: str) -> dict[str, object]:
    face = "white" if marker == _ONGOING else INK
    return {
        "marker": marker, "linestyle": "none", "markersize": 3.8, "color": INK,
        "markerfacecolor": face, "markeredgecolor": INK, "markeredgewidth": 0.6,
    }  # fmt: skip


def _bars(
    axes: Axes,
    sheet: Sheet,
    panel: Swimmers,
    bars: Sequence[Bar],
    look: Series,
    last: float,
) -> None:
    observed = panel.kind not in NOT_OBSERVED
    watermark(axes, panel.kind, sheet.look)
    places = range(len(bars))
    axes.barh(
        places,
        [bar.stop - bar.start for bar in bars],
        left=[bar.start for bar in bars],
        height=0.62,
        facecolor=look.color if observed else "none",
        alpha=0.45,
        edgecolor=look.color,
        linewidth=0.5,
        hatch=None if observed else "/////",
    )
    for marker, name in zip(_MARKS, panel.events, strict=False):
        at = [(t, i) for i in places for t, what in bars[i].events if what == name]
        if at:
            axes.plot(*zip(*at, strict=True), clip_on=False, zorder=4, **_mark(marker))
    ends = [(bars[i].stop, i) for i in places if bars[i].ongoing]
    if ends:
        axes.plot(*zip(*ends, strict=True), clip_on=False, zorder=4, **_mark(_ONGOING))
    axes.set_xlim(0, last)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)


def _time_axis(
    sheet: Sheet, panel: Swimmers, left: float, width: float, last: float
) -> None:
    """Add one axis below all groups."""
    ticks = linear_ticks(0.0, last, 7 if width > 200 else 5)
    sheet.y += 1
    sheet.stroke([left, left + width], [sheet.y, sheet.y], color=INK, linewidth=0.6)
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        x = left + width * tick / last
        sheet.stroke([x, x], [sheet.y, sheet.y + 3], color=INK, linewidth=0.6)
        sheet.text(x, sheet.y + 4, label, size=sheet.small, align="center")
    sheet.y += 4 + sheet.line_height(sheet.small)
    time = f"Time ({panel.time_unit})" if panel.time_unit else "Time"
    sheet.y = sheet.text(left + width / 2, sheet.y, time, align="center")
