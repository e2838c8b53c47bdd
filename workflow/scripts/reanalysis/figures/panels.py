"""Several figures on one page with letters, drawn as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reanalysis.figures.sheet import (
    MARGIN,
    POINTS_PER_MM,
    SLIDE,
    SLIDE_WIDTHS,
    Filled,
    Sheet,
    page,
)
from reanalysis.figures.style import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Pages from this width on hold two columns.
TWO_COLUMNS_MM = 150
#: Between panels, in points.
_GAP = 10.0


@dataclass
class Lettered:
    """A page of panels: sheets with their left upper corners, in points."""

    look: Look
    width: float
    height: float
    placed: Sequence[tuple[Sheet, float, float]]
    drawn: list[dict[str, object]] = field(default_factory=list)

    def figure(self) -> Figure:
        """Return the drawn page; a slide has 16 to 9 and its panels in the middle."""
        if not self.look.slide:
            return page(self.width, self.height, self.placed)
        tall = max(self.height, self.width / SLIDE)
        wide = tall * SLIDE
        x, y = (wide - self.width) / 2, (tall - self.height) / 2
        placed = [(sheet, x + left, y + top) for sheet, left, top in self.placed]
        return page(wide, tall, placed)


def lettered(
    look: Look, fills: Sequence[Callable[[Sheet], Filled]]
) -> tuple[Lettered, list[Filled]]:
    """Lay figures out on one page and return it, with what each ``fill`` returns.

    They run from left to right and from top to bottom, in two columns where the page
    is wide.
    """
    for width in SLIDE_WIDTHS if look.slide else (look.width_mm,):
        laid = _laid(replace(look, width_mm=width), fills)
        if laid[0].height * SLIDE <= laid[0].width:
            break
    return laid


def _laid(
    look: Look, fills: Sequence[Callable[[Sheet], Filled]]
) -> tuple[Lettered, list[Filled]]:
    width = look.width_mm * POINTS_PER_MM
    wide = look.slide or look.width_mm >= TWO_COLUMNS_MM
    columns = 2 if wide and len(fills) > 1 else 1
    room = (width - _GAP * (columns - 1)) / columns
    own = replace(look, width_mm=room / POINTS_PER_MM)
    placed, told, drawn = [], [], []
    top = bottom = 0.0
    for number, fill in enumerate(fills):
        column = number % columns
        if column == 0 and number:
            top = bottom + _GAP
        sheet = Sheet(own)
        letter = LETTERS[number]
        sheet.y = sheet.text(
            MARGIN, sheet.y, letter, size=1.25 * own.font_size, weight="bold"
        )
        told.append(fill(sheet))
        placed.append((sheet, column * (room + _GAP), top))
        bottom = max(bottom, top + sheet.y + MARGIN)
        drawn += [
            {**mark, "panel": ": ".join(filter(None, [letter, str(mark["panel"])]))}
            for mark in sheet.drawn
        ]
    return Lettered(look, width, bottom, placed, drawn), told
