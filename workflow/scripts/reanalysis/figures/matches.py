"""Who is matched with whom: two rows of patients by propensity score, lines between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from reanalysis.figures.scales import linear_ticks
from reanalysis.figures.sheet import MARGIN, Sheet, watermark
from reanalysis.figures.style import GREY, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS = (
    1e-6, 1e-5, 1e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5,
    0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999, 0.99999,
    0.999999,
)  # fmt: skip


def draw(
    sheet: Sheet,
    *,
    title: str,
    kind: str,
    groups: tuple[str, str],
    patients: Sequence[Mapping],
) -> None:
    """Add a panel; a patient has ``patient, group, score, logit, set`` (0: none)."""
    if title:
        sheet.paragraph(title, weight="bold")
    scores = np.array([p["logit"] for p in patients])
    room = 0.06 * (float(np.ptp(scores)) or 1.0)
    low, high = float(scores.min()) - room, float(scores.max()) + room
    width, left = sheet.inner - 8, MARGIN + 4
    people: dict[tuple[str, str], Mapping] = {}
    for patient in patients:
        people.setdefault((patient["group"], patient["patient"]), patient)
    places = {g: _stacked([p for p in people.values() if p["group"] == g], low, high,
                          width, sheet.small) for g in groups}  # fmt: skip
    deepest = {
        g: max([r for _, r in at.values()], default=0) for g, at in places.items()
    }
    # A row of marks is as high as the text is; between the groups there is room.
    mark = 0.62 * sheet.small
    gap = 62.0
    above, below = (min(deepest[g], 30) * mark for g in groups)
    height = above + gap + below + 2 * mark
    for place, group in enumerate(groups):
        count = sum(1 for p in people.values() if p["group"] == group)
        used = sum(1 for p in people.values() if p["group"] == group and p["set"])
        said = sheet.wrap(f"{group}: {used} of {count} matched", width, weight="bold")
        if place == 0:
            sheet.y = sheet.text(left, sheet.y, said, weight="bold") + 2
            top = sheet.y
            sheet.plot(
                lambda axes: _lines(
                    axes, sheet, groups, patients, places, kind,
                    (low, high), height, above + mark, gap, mark,
                ),
                x=left, width=width, height=height,
            )  # fmt: skip
            sheet.y = top + height + 3
        else:
            bottom = sheet.y
            last = said
    ticks = _ticks(sheet, low, high, width)
    for tick in ticks:
        x = left + width * (float(logit(tick)) - low) / (high - low)
        sheet.text(x, bottom, _percent(tick), size=sheet.small, align="center")
    sheet.y = bottom + sheet.line_height(sheet.small) + 1
    axis = "Propensity score (%, on the scale of its log odds)"
    sheet.y = sheet.text(
        left + width / 2, sheet.y, sheet.wrap(axis, width), align="center"
    )
    sheet.y = sheet.text(left, sheet.y, last, weight="bold") + 1
    for patient in patients:
        sheet.note(
            "patient", panel=title, series=patient["group"], x=patient["score"],
            y=patient["set"] or "", text=f"patient {patient['patient']}",
        )  # fmt: skip


def _stacked(
    people: Sequence[Mapping], low: float, high: float, width: float, size: float
) -> dict[str, tuple[float, int]]:
    """Return the place of each patient: score, and rank among those at one place."""
    near = 0.75 * size * (high - low) / width
    places: dict[str, tuple[float, int]] = {}
    last: list[float] = []
    for patient in sorted(people, key=lambda p: (p["logit"], p["patient"])):
        x = float(patient["logit"])
        rank = next((r for r, at in enumerate(last) if x - at >= near), len(last))
        if rank == len(last):
            last.append(x)
        last[rank] = x
        places[patient["patient"]] = x, rank
    return places


def _ticks(sheet: Sheet, low: float, high: float, width: float) -> list[float]:
    """Return round scores whose labels do not touch."""
    chosen: list[float] = []
    edge = -np.inf
    ticks: Sequence[float] = _TICKS
    if sum(low <= logit(tick) <= high for tick in ticks) < 3:
        ends = 100 * float(expit(low)), 100 * float(expit(high))
        ticks = [tick / 100 for tick in linear_ticks(*ends)]
    for tick in ticks:
        at = float(logit(tick))
        half = sheet.measure(_percent(tick), sheet.small) / 2 + 3
        x = width * (at - low) / (high - low)
        if low <= at <= high and x - half > edge:
            chosen.append(tick)
            edge = x + half
    return chosen


def _percent(share: float) -> str:
    return f"{100 * share:.6g}"


def _lines(
    axes: Axes,
    sheet: Sheet,
    groups: tuple[str, str],
    patients: Sequence[Mapping],
    places: Mapping[str, Mapping[str, tuple[float, int]]],
    kind: str,
    ends: tuple[float, float],
    height: float,
    from_top: float,
    gap: float,
    mark: float,
) -> None:
    watermark(axes, kind, sheet.look)
    axes.set_xlim(*ends)
    axes.set_ylim(-height, 0)

    def at(patient: Mapping) -> tuple[float, float]:
        x, rank = places[patient["group"]][patient["patient"]]
        if patient["group"] == groups[0]:
            return x, -from_top + rank * mark
        return x, -from_top - gap - min(rank, 30) * mark

    sets: dict[int, list[Mapping]] = {}
    for patient in patients:
        if patient["set"]:
            sets.setdefault(patient["set"], []).append(patient)
    few = len(sets) <= 20
    for own in sets.values():
        mine = [at(p) for p in own if p["group"] == groups[0]]
        theirs = [at(p) for p in own if p["group"] != groups[0]]
        for a in mine:
            for b in theirs:
                axes.plot(
                    [a[0], b[0]], [a[1], b[1]], color=GREY if few else PALE,
                    lw=0.9 if few else 0.6, zorder=1,
                )  # fmt: skip
    for number, group in enumerate(groups):
        look = sheet.look.series(number)
        for patient in patients:
            if patient["group"] == group:
                x, y = at(patient)
                axes.plot(
                    [x], [y], ls="none", marker=look.marker,
                    markersize=0.5 * sheet.small,
                    markerfacecolor=look.color if patient["set"] else "white",
                    markeredgecolor=look.color, markeredgewidth=0.6, zorder=3,
                    clip_on=False,
                )  # fmt: skip
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines["left"].set_visible(False)
