"""The likelihood of a hazard ratio: partial, penalised, and the parabola of Wald."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reanalysis.figures.follow_up import DIAMOND, remarks
from reanalysis.figures.points import left_margin
from reanalysis.figures.scales import log_ticks, tick_labels
from reanalysis.figures.sheet import MARGIN, Sheet, series_key, watermark
from reanalysis.figures.style import GREY, NOT_OBSERVED, PRINTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Key of a curve -> its name.
CURVES = {
    "partial": "Partial likelihood",
    "penalised": "Firth penalised likelihood",
    "wald": "Parabola of the Wald interval",
    "robust": "Parabola of the robust Wald interval",
}
#: How far below its maximum a curve is drawn.
DEPTH = 4.0
_TICKS = (-4.0, -3.0, -2.0, -1.0, 0.0)


def draw(
    sheet: Sheet,
    *,
    title: str,
    kind: str,
    curves: Mapping[str, Sequence],
    said: Mapping[str, str],
    ends: Mapping[str, tuple[float, float]],
    cut: float,
    cut_said: str,
    printed: Sequence[tuple[float, str]] = (),
) -> None:
    """Add a panel of one hazard ratio.

    ``curves``: ``coefficient`` and the height of each curve (:data:`CURVES`) less its
    maximum; ``said``: a line of text per curve; ``ends``: its limits, log scale;
    ``cut``: the height at the limits, named by ``cut_said``. ``printed``: hazard ratios
    a paper prints, with their texts.
    """
    sheet.paragraph(title, weight="bold")
    at = np.array(curves["coefficient"], dtype=float)
    heights = {
        name: np.array([math.nan if v is None else v for v in curves[name]], float)
        for name in CURVES
        if name in said and name in curves
    }
    looks = {name: sheet.look.series(i) for i, name in enumerate(heights)}
    for name in heights:
        start = series_key(sheet, MARGIN, sheet.y, looks[name], sheet.size)
        lines = sheet.wrap(said[name], sheet.width - MARGIN - start)
        sheet.y = sheet.text(start, sheet.y, lines)
    remarks(sheet, (), [("", ratio, 0.0, text) for ratio, text in printed])
    axis = "Log likelihood below its maximum"
    height = min(max(0.42 * sheet.inner, 110.0), 170.0)
    need, lines = left_margin(sheet, axis, height, _TICKS)
    left = MARGIN + need
    width = sheet.width - MARGIN - left - 8
    low, high = float(at[0]), float(at[-1])
    ratios = log_ticks(math.exp(low), math.exp(high), most=7)
    sheet.y += 4
    top = sheet.y

    def plot(axes: Axes) -> None:
        watermark(axes, kind, sheet.look)
        axes.axhline(cut, color=GREY, lw=0.7, ls=(0, (2, 2)))
        if low < 0 < high:
            axes.axvline(0, color=GREY, lw=0.6)
        for name, values in heights.items():
            look = looks[name]
            axes.plot(
                at, values, color=look.color, ls=look.dashes,
                lw=1.4 if kind not in NOT_OBSERVED else 0.9,
            )  # fmt: skip
            inside = [x for x in ends[name] if low <= x <= high]
            axes.plot(
                inside, [cut] * len(inside), ls="none", marker=look.marker,
                color=look.color, markersize=4, zorder=4,
            )  # fmt: skip
        for ratio, _ in printed:
            if low < math.log(ratio) < high:
                axes.axvline(math.log(ratio), color=PRINTED, lw=0.7, ls=(0, (1, 1.6)))
                axes.plot([math.log(ratio)], [0], clip_on=False, zorder=5, **DIAMOND)
        axes.set_xlim(low, high)
        axes.set_ylim(-DEPTH, 0.12)
        axes.set_xticks([math.log(r) for r in ratios], [""] * len(ratios))
        axes.set_yticks(_TICKS, tick_labels(_TICKS))
        axes.tick_params(labelsize=sheet.small)

    sheet.plot(plot, x=left, width=width, height=height)
    for number, line in enumerate(lines):
        sheet.vertical(MARGIN + number * sheet.line_height(), top + height / 2, line)
    level = top + height * (0.12 - cut) / (DEPTH + 0.12)
    # In the middle, where no curve comes down to the limits.
    sheet.text(
        left + width / 2, level - sheet.line_height(sheet.small) - 1, cut_said,
        size=sheet.small, color=GREY, align="center",
    )  # fmt: skip
    sheet.y = top + height + 5
    for ratio, label in zip(ratios, tick_labels(ratios), strict=True):
        x = left + width * (math.log(ratio) - low) / (high - low)
        sheet.text(x, sheet.y, label, size=sheet.small, align="center")
    sheet.y += sheet.line_height(sheet.small)
    sheet.y = sheet.text(
        left + width / 2, sheet.y, "Hazard ratio (log scale)", align="center"
    )
    for name, values in heights.items():
        own = {"panel": title, "series": CURVES[name]}
        for x, y in zip(at, values, strict=True):
            sheet.note("curve", x=math.exp(x), y=y, **own)
        for x in ends[name]:
            if math.isfinite(x):
                sheet.note("limit", x=math.exp(x), y=cut, **own)
    for ratio, text in printed:
        sheet.note("printed", panel=title, x=ratio, text=text)
