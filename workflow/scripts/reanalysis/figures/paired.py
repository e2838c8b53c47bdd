"""Before and after: a line per patient, and the medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.points import height_of, left_margin, value_ticks
from reanalysis.figures.scales import tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import INK, NOT_OBSERVED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Direction of a patient's change: name, number of the series it is drawn as.
_DIRECTIONS = (("lower", 0), ("higher", 1), ("unchanged", 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The patients of one group: id, before, after."""

    name: str
    patients: Sequence[str]
    before: np.ndarray
    after: np.ndarray

    def moved(self, direction: str) -> np.ndarray:
        """Tell which patients moved that way."""
        change = np.sign(self.after - self.before)
        return change == {"lower": -1, "higher": 1, "unchanged": 0}[direction]


def draw(
    sheet: Sheet,
    *,
    title: str,
    axis: str,
    kind: str,
    ends: tuple[str, str],
    groups: Sequence[Pairs],
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel with the groups side by side; ``ends`` name before and after."""
    if title:
        sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    _keys(sheet, groups)
    everything = np.concatenate([x for g in groups for x in (g.before, g.after)])
    low, high, ticks = value_ticks(everything)
    height = height_of(sheet)
    need, lines = left_margin(sheet, axis, height, ticks)
    left, gap = MARGIN + need, 10.0
    room = sheet.width - MARGIN - left - 2
    width = min((room - gap * (len(groups) - 1)) / len(groups), 0.5 * sheet.inner)
    if len(groups) == 1:
        width = min(room, 200.0)
    heads = [
        sheet.wrap(
            f"{g.name} (n={len(g.before)})" if g.name else f"n={len(g.before)}",
            width,
            most=3,
        )
        for g in groups
    ]
    depth = max(map(len, heads))
    for number, head in enumerate(heads):
        x = left + number * (width + gap) + width / 2
        sheet.text(
            x, sheet.y + (depth - len(head)) * sheet.line_height(), head, align="center"
        )
    sheet.y += depth * sheet.line_height() + 4
    top = sheet.y
    for number, group in enumerate(groups):
        sheet.plot(
            lambda axes, group=group, number=number: _lines(
                axes, sheet, group, kind, (low, high), ticks, first=number == 0
            ),
            x=left + number * (width + gap),
            width=width,
            height=height,
        )
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 5
    names = [sheet.wrap(name, width / 2 - 2, sheet.small, most=3) for name in ends]
    for number in range(len(groups)):
        for at, name in zip((0.2, 0.8), names, strict=True):
            x = left + number * (width + gap) + at * width
            sheet.text(x, sheet.y, name, size=sheet.small, align="center")
    sheet.y += max(map(len, names)) * sheet.line_height(sheet.small)
    _record(sheet, title, groups, ends)


def _keys(sheet: Sheet, groups: Sequence[Pairs]) -> None:
    x = MARGIN
    for direction, number in _DIRECTIONS:
        count = sum(int(group.moved(direction).sum()) for group in groups)
        label = (
            f"{direction} afterwards: {count}" if number < 2 else f"unchanged: {count}"
        )
        need = 3.1 * sheet.size + sheet.measure(label) + 10
        if not count:
            continue
        if x > MARGIN and x + need > sheet.width - MARGIN:
            x, sheet.y = MARGIN, sheet.y + sheet.line_height()
        look = sheet.look.series(number)
        middle = sheet.y + 0.5 * sheet.line_height()
        sheet.stroke(
            [x, x + 2.6 * sheet.size], [middle, middle],
            color=look.color, linestyle=look.dashes, linewidth=1.0, marker=look.marker,
            markersize=3,
        )  # fmt: skip
        sheet.text(x + 3.1 * sheet.size, sheet.y, label)
        x += need
    sheet.y += sheet.line_height()
    middle = sheet.y + 0.5 * sheet.line_height()
    sheet.stroke(
        [MARGIN, MARGIN + 2.6 * sheet.size], [middle, middle], color=INK, linewidth=2.2
    )
    sheet.y = sheet.text(MARGIN + 3.1 * sheet.size, sheet.y, "median") + 2


def _lines(
    axes: Axes,
    sheet: Sheet,
    group: Pairs,
    kind: str,
    limits: tuple[float, float],
    ticks: Sequence[float],
    *,
    first: bool,
) -> None:
    observed = kind not in NOT_OBSERVED
    watermark(axes, kind, sheet.look)
    faint = 0.85 if len(group.before) <= 40 else 0.45
    for direction, number in _DIRECTIONS:
        moved = group.moved(direction)
        if moved.any():
            look = sheet.look.series(number)
            axes.plot(
                [0.2, 0.8], np.vstack([group.before[moved], group.after[moved]]),
                color=look.color, ls=look.dashes, lw=0.8 if observed else 0.5,
                alpha=faint if observed else 0.5 * faint, marker=look.marker,
                markersize=3, markerfacecolor=look.color if observed else "white",
                markeredgewidth=0.5, clip_on=False,
            )  # fmt: skip
    for at, values in ((0.2, group.before), (0.8, group.after)):
        middle = float(np.median(values))
        axes.plot(
            [at - 0.11, at + 0.11], [middle, middle], color=INK, lw=2.2, zorder=5,
            solid_capstyle="butt",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(*limits)
    axes.set_xticks([0.2, 0.8], ["", ""])
    axes.tick_params(labelsize=sheet.small)
    axes.set_yticks(ticks, tick_labels(ticks) if first else [""] * len(ticks))


def _record(
    sheet: Sheet, title: str, groups: Sequence[Pairs], ends: tuple[str, str]
) -> None:
    for group in groups:
        for patient, before, after in zip(
            group.patients, group.before, group.after, strict=True
        ):
            for at, value in zip(ends, (before, after), strict=True):
                sheet.note(
                    "point", panel=title, series=group.name, x=at, y=value,
                    text=f"patient {patient}",
                )  # fmt: skip
        for at, values in zip(ends, (group.before, group.after), strict=True):
            sheet.note(
                "median", panel=title, series=group.name, x=at,
                y=float(np.median(values)),
            )  # fmt: skip
