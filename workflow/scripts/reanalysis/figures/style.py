"""The look: settings of the drawing library, colours, lines and marks of a series.

Series differ by line and mark as well as by colour, so that a figure reads in black
and white and for colour-blind readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
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


#: Width in millimetres and size of the type in points of each preset. A slide is laid
#: out on a page that fits it (:func:`reanalysis.figures.sheet.filled`).
PRESETS = {"single": (85.0, 7.0), "double": (180.0, 8.0), "slide": (130.0, 8.0)}


class Said(str):
    """Text whose fixed words have been replaced by those of the settings already."""

    __slots__ = ()


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
    slide: bool = False
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, looks: Mapping) -> Look:
        """Read the settings."""
        own = (float(looks["width_mm"]), float(looks["font_size"]))
        width, size = PRESETS.get(looks["preset"], own)
        return cls(
            width_mm=width,
            font=str(looks["font"]),
            font_size=size,
            palette=tuple(looks["palette"]),
            dpi=int(looks["dpi"]),
            slide=looks["preset"] == "slide",
            words=dict(looks["words"]),
        )

    def said(self, text: str) -> str:
        """Return a text with its fixed words replaced as the settings ask.

        Whole words only, the longest first; what stands between quotation marks is
        a paper's wording and stays.
        """
        if not self.words or isinstance(text, Said):
            return text
        pattern = _phrases(tuple(self.words))

        def replaced(found: re.Match) -> str:
            phrase = found[1]
            if phrase is None:
                return found[0]
            return self.words[phrase.replace("\N{NO-BREAK SPACE}", " ")]

        return Said(pattern.sub(replaced, str(text)))

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


@cache
def _phrases(phrases: tuple[str, ...]) -> re.Pattern:
    """Return what finds any of the phrases, and quoted text to be left alone."""
    ordered = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    any_of = "|".join(
        re.escape(p).replace("\\ ", "[ \N{NO-BREAK SPACE}]") for p in ordered
    )
    return re.compile(f"\u201c[^\u201d]*\u201d|(?<!\\w)({any_of})(?!\\w)")
