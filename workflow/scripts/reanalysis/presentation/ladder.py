"""The p-values that tests of a printed size can give, beside the printed one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reanalysis.formatting import capitalised, significant
from reanalysis.presentation.analysis import Analysis

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Said when there is none to draw.
UNDRAWN = (
    "Which p-values this test can give cannot be listed: how many patients of each "
    "group entered it is not printed, or it is a test whose values have no steps."
)


def draw(sheet: Sheet, analysis: Analysis) -> str | None:
    """Fill the sheet with the ladders of every printed p; None when there is none."""
    from reanalysis.figures import ladder

    if not analysis.ladders:
        return None
    for number, found in enumerate(analysis.ladders):
        sheet.y += 6 if number else 0
        claims = ", ".join(found["claims"])
        ladder.draw(
            sheet,
            ladder.Ladder(
                title=f"Printed {_quoted(found['text'])} ({claims})",
                low=float(found["low"]),
                high=float(found["high"]),
                readings=[
                    ladder.Rungs(
                        label=capitalised(reading["label"].replace(" test", "")),
                        rungs=reading["rungs"],
                        inside=reading["inside"],
                        said=_said(reading),
                    )
                    for reading in found["readings"]
                ],
            ),
        )
    return (
        "Each row is a test that the printed p-value may come from. A stroke is a "
        "p-value this test can give with so many patients, all others are out of "
        "reach; grey ground: what the printed value stands for; long strokes between "
        "diamonds: the attainable values in it. At the right the range of these with "
        "the share of outcomes that give one of them if there is no effect, or the "
        "nearest values on either side."
    )


def _said(reading: Mapping) -> str:
    """Return the attainable p-values in the printed interval, or the nearest ones."""
    inside = reading["inside"]
    if inside:
        ends = list(dict.fromkeys(_p(p) for p in (inside[0], inside[-1])))
        share = reading["share"]
        text = " to ".join(ends)
        return text if share is None else f"{text} ({_percent(share)})"
    near = [_p(p) for p in (reading["below"], reading["above"]) if p is not None]
    return "no: " + " or ".join(near) if near else "no"


def _p(p: float) -> str:
    """Return an attainable p with three digits: neighbours are near each other."""
    return "<0.0001" if p < 0.0001 else f"{p:.3g}"


def _quoted(text: str) -> str:
    """Put a paper's words between quotation marks that no other word uses."""
    return re.sub(r"^'(.*)'", "\u201c\\1\u201d", text)


def _percent(share: float) -> str:
    """Return a share with two significant digits; all but certain is not certain."""
    if share < 0.0001:
        return "<0.01%"
    text = significant(100 * share, 2)
    return ">99%" if share < 1 and float(text) > 99 else f"{text}%"
