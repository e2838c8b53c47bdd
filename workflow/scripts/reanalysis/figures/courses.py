"""Courses over time: a line per patient, the population line, the time of treatment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.points import height_of, left_margin, value_ticks
from reanalysis.figures.scales import linear_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, NOT_OBSERVED, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = Mapping[str, Sequence]


def draw(
    sheet: Sheet,
    *,
    title: str,
    axis: str,
    time_axis: str,
    kind: str,
    patients: Table,
    lines: Table,
    groups: Sequence[str],
    change: float | None,
    remarks: Sequence[str] = (),
) -> None:
    """Add a panel per group, side by side on one scale.

    ``patients``: id, group, time, value; ``lines``: group, time, fitted, low, high,
    empty when there is none; ``change``: the time of treatment.
    """
    if title:
        sheet.paragraph(title, weight="bold")
    for remark in remarks:
        sheet.paragraph(remark)
    sheet.y += 2
    names = list(groups) or [""]
    times = np.array(patients["time"], dtype=float)
    # A band that leaves the data behind would flatten them.
    values = np.array([*patients["value"], *lines.get("fitted", ())], dtype=float)
    low, high, ticks = value_ticks(values)
    height = height_of(sheet)
    need, words = left_margin(sheet, axis, height, ticks)
    left, gap = MARGIN + need, 12.0
    room = sheet.width - MARGIN - left - 4
    width = min((room - gap * (len(names) - 1)) / len(names), 320.0)
    edge = 0.03 * (float(np.ptp(times)) or 1.0)
    span = (float(times.min()) - edge, float(times.max()) + edge)
    time_ticks = _time_ticks(times, span, width)
    if any(names):
        heads = [sheet.wrap(_head(n, patients), width, most=6) for n in names]
        depth = max(map(len, heads))
        for number, head in enumerate(heads):
            x = left + number * (width + gap) + width / 2
            above = (depth - len(head)) * sheet.line_height()
            sheet.text(x, sheet.y + above, head, align="center")
        sheet.y += depth * sheet.line_height() + 3
    top = sheet.y
    for number, name in enumerate(names):
        look = sheet.look.series(number)
        sheet.plot(
            lambda axes, name=name, look=look, number=number: _panel(
                axes, sheet, look, kind,
                patients=_own(patients, name), lines=_own(lines, name),
                change=change, limits=(low, high), span=span,
                ticks=(time_ticks, ticks), first=number == 0,
            ),
            x=left + number * (width + gap),
            width=width,
            height=height,
        )  # fmt: skip
    for number, line in enumerate(words):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    sheet.y = top + height + 4 + sheet.line_height(sheet.small)
    middle = left + (len(names) * (width + gap) - gap) / 2
    sheet.y = sheet.text(middle, sheet.y + 2, time_axis, align="center")
    _record(sheet, title, patients, lines, names)


def _time_ticks(
    times: np.ndarray, span: tuple[float, float], width: float
) -> Sequence[float]:
    """Return the visits themselves where they are few and apart, else round times."""
    visits = np.unique(times)
    room = width * np.diff(visits).min(initial=np.inf) / (span[1] - span[0])
    if len(visits) <= 9 and room > 22:
        return visits.tolist()
    return linear_ticks(*span, 8 if width > 150 else 5)


def _head(name: str, patients: Table) -> str:
    return f"{name} (n={len(set(_own(patients, name)['id']))})"


def _own(table: Table, name: str) -> dict[str, list]:
    """Return the rows of one group."""
    if not table:
        return {}
    kept = [i for i, group in enumerate(table["group"]) if str(group) == name]
    return {column: [cells[i] for i in kept] for column, cells in table.items()}


def _panel(
    axes: Axes,
    sheet: Sheet,
    look: Series,
    kind: str,
    *,
    patients: Table,
    lines: Table,
    change: float | None,
    limits: tuple[float, float],
    span: tuple[float, float],
    ticks: tuple[Sequence[float], Sequence[float]],
    first: bool,
) -> None:
    observed = kind not in NOT_OBSERVED
    watermark(axes, kind, sheet.look)
    if change is not None:
        axes.axvline(change, color=GREY, lw=0.9, ls=(0, (4, 2)), zorder=1)
    time = np.array(patients["time"], dtype=float)
    value = np.array(patients["value"], dtype=float)
    ids = np.array([str(p) for p in patients["id"]], dtype=object)
    for patient in dict.fromkeys(ids.tolist()):
        own = np.flatnonzero(ids == patient)
        own = own[np.argsort(time[own], kind="stable")]
        axes.plot(
            time[own], value[own], color=look.color, lw=0.7, alpha=0.55,
            ls="-" if observed else ":", marker=look.marker, markersize=2.4,
            markerfacecolor=look.color if observed else "white",
            markeredgewidth=0.4, zorder=2,
        )  # fmt: skip
    if lines:
        at = np.array(lines["time"], dtype=float)
        fitted, low, high = (
            np.array(lines[c], dtype=float) for c in ("fitted", "low", "high")
        )
        axes.fill_between(at, low, high, color=look.color, alpha=0.16, lw=0, zorder=1.5)
        axes.plot(at, fitted, color="white", lw=3.6, zorder=3)
        axes.plot(at, fitted, color=look.color, lw=2.2, zorder=4)
    axes.set_xlim(*span)
    axes.set_ylim(*limits)
    axes.tick_params(labelsize=sheet.small)
    axes.set_xticks(ticks[0], tick_labels(ticks[0]))
    axes.set_yticks(ticks[1], tick_labels(ticks[1]) if first else [""] * len(ticks[1]))


def _record(
    sheet: Sheet, title: str, patients: Table, lines: Table, names: Sequence[str]
) -> None:
    for name in names:
        own = _own(patients, name)
        place = {"panel": title, "series": name}
        for patient, x, y in zip(own["id"], own["time"], own["value"], strict=True):
            text = f"patient {patient}"
            sheet.note("point", x=float(x), y=float(y), text=text, **place)
        fit = _own(lines, name)
        for x, y, low, high in zip(
            *(fit.get(c, ()) for c in ("time", "fitted", "low", "high")), strict=True
        ):
            sheet.note("fitted", x=x, y=y, low=low, high=high, **place)
