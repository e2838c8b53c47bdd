"""Figures as pixels for Word and slides: the 300 dpi PNG in fewer bytes."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

#: Colours of a picture: those of the figures, with the shades of their edges.
COLOURS = 64
#: Levels from here on are white: the palette takes the mean of white and near-white.
_WHITE = 252


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, its size in millimetres as it was drawn."""

    content: bytes
    width: float
    height: float

    def fitted(self, width: float, height: float) -> tuple[float, float]:
        """Return the size (mm) that keeps within a width and a height."""
        scale = min(1.0, width / self.width, height / self.height)
        return self.width * scale, self.height * scale

    def filling(self, width: float, height: float) -> tuple[float, float]:
        """Return the largest size (mm) within a width and a height."""
        scale = min(width / self.width, height / self.height)
        return self.width * scale, self.height * scale


def picture(png: bytes) -> Picture:
    """Return a PNG with a palette, a third of its size at the same resolution."""
    with Image.open(BytesIO(png)) as image:
        across, down = image.info.get("dpi", (300, 300))
        reduced = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        size = image.size
    reduced.putpalette(
        [255 if level >= _WHITE else level for level in reduced.getpalette("RGB")]
    )
    stream = BytesIO()
    reduced.save(stream, "PNG", dpi=(across, down))
    content = min(stream.getvalue(), png, key=len)
    return Picture(content, 25.4 * size[0] / across, 25.4 * size[1] / down)
