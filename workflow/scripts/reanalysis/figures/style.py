"""The look: settings of the drawing library, colours, lines and marks of a series.

Series differ by line and mark as well as by colour, so that a figure reads in black
and white and for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INK = "#1a1a1a"
GREY = "#6b6b6b"
PALE = "#c9c9c9"
#: What is printed in a paper, beside what is recomputed.
PRINTED = "#000000"

_DASHES = (
    "-",
    (0, (5, 1.6)),
    (0, (5, 1.4, 1.2, 1.4)),
    (0, (1.2, 1.2)),
    (0, (8, 2)),
    (0, (4, 1.2, 1.2, 1.2, 1.2, 1.2)),
    (0, (2.5, 1.5)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: Kinds of data that were never observed: drawn hatched and lighter, and named.
NOT_OBSERVED = ("reconstructed", "simulated", "curve", "assumed")


@dataclass(frozen=True, slots=True)
class Series:
    """Colour, line and mark of one group."""

    color: str
    dashes: object
    marker: str


@dataclass(frozen=True, slots=True)
class Look:
    """What `figures` in config.yaml sets."""

    width_mm: float
    font: str
    font_size: float
    palette: tuple[str, ...]
    dpi: int

    @classmethod
    def of(cls, looks: Mapping) -> Look:
        """Read the settings."""
        return cls(
            width_mm=float(looks["width_mm"]),
            font=str(looks["font"]),
            font_size=float(looks["font_size"]),
            palette=tuple(looks["palette"]),
            dpi=int(looks["dpi"]),
        )

    def series(self, number: int) -> Series:
        """Return the look of the group of that number, counted from 0."""
        return Series(
            self.palette[number % len(self.palette)],
            _DASHES[number % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)],
        )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Draw with this look inside the block."""
        import matplotlib

        style = matplotlib.rc_params_from_file(
            str(Path(__file__).with_name("style.mplstyle")), use_default_template=False
        )
        own = {
            "font.family": [self.font, "DejaVu Sans"],
            "font.size": self.font_size,
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
        with matplotlib.rc_context({**style, **own}):
            yield
