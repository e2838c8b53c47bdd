"""What a drawn figure's texts must keep: on the page, apart, and large enough."""

from __future__ import annotations

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

#: No type is set smaller, in points.
SMALLEST = 5.0


def boxes(figure: Figure) -> dict[Text, Bbox]:
    """Return the boxes of every visible text but the word behind a plot."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    return {
        text: text.get_window_extent(renderer)
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text.get_gid() != "watermark"
    }


def faults(figure: Figure) -> list[str]:
    """Say of every text that leaves the page, lies on another or is too small."""
    found, page = boxes(figure), figure.bbox
    said = []
    for text, box in found.items():
        inside = box.x0 >= -0.5 and box.x1 <= page.x1 + 0.5
        inside &= box.y0 >= -0.5 and box.y1 <= page.y1 + 0.5
        if not inside:
            said.append(f"{text.get_text()!r} leaves the page")
        if text.get_fontsize() < SMALLEST - 1e-9:
            said.append(f"{text.get_text()!r} is set in {text.get_fontsize()} points")
    for (one, a), (other, b) in combinations(found.items(), 2):
        # The boxes of a font are taller than its letters: a third of a point.
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > 0.4 and high > 1.5:
            said.append(f"{one.get_text()!r} and {other.get_text()!r} overlap")
    return said
