"""A figure as a sheet that fills from the top: rows of text and plots, in points.

Explicit places instead of a layout engine: text is measured before it is placed, so
that nothing overlaps or is cut, and a figure is drawn once per format.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from reanalysis.figures.style import GREY, INK, NOT_OBSERVED, Look, Said

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Filled = TypeVar("Filled")

POINTS_PER_MM = 72 / 25.4
MARGIN = 4.0
LEADING = 1.3
#: Width over height of a slide, and the widths in millimetres tried for its page: type
#: of 8 points reads like 21 points on a slide of 13.3 inches, down to 8.
SLIDE = 16 / 9
SLIDE_WIDTHS = (130.0, 145.0, 160.0, 180.0, 200.0, 225.0, 254.0, 290.0, 338.0)
#: Holds words together on a line.
TIED = "\N{NO-BREAK SPACE}"

#: Columns of the csv beside a figure: what was drawn, one row per mark.
DRAWN = (
    "panel",
    "element",
    "series",
    "x",
    "y",
    "low",
    "high",
    "p_value",
    "text",
)


@cache
def _font(family: str, size: float, weight: str) -> FontProperties:
    return FontProperties(family=[family, "DejaVu Sans"], size=size, weight=weight)


@cache
def _width(text: str, family: str, size: float, weight: str) -> float:
    if not text:
        return 0.0
    font = _font(family, size, weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def _fitting(word: str, too_wide: Callable[[str], bool]) -> str:
    """Return the longest start of a word that fits, cut at a mark if possible."""
    n = 1
    while n < len(word) and not too_wide(word[: n + 1]):
        n += 1
    for cut in range(n, max(1, n // 2), -1):
        if word[cut - 1] in "-/_,;:)\u2013":
            return word[:cut]
    return word[:n]


@dataclass(slots=True)
class _Text:
    x: float
    y: float
    text: str
    size: float
    color: str
    weight: str
    align: str
    style: str
    rotation: float = 0.0


@dataclass(slots=True)
class _Plot:
    x: float
    y: float
    width: float
    height: float
    draw: Callable[[Axes], None]


@dataclass
class Sheet:
    """One figure under construction; ``y`` is how far it is filled, from the top."""

    look: Look
    y: float = MARGIN
    drawn: list[dict[str, object]] = field(default_factory=list)
    _texts: list[_Text] = field(default_factory=list)
    _plots: list[_Plot] = field(default_factory=list)
    _strokes: list[tuple[Sequence[float], Sequence[float], dict]] = field(
        default_factory=list
    )

    @property
    def width(self) -> float:
        """Width of the page in points."""
        return self.look.width_mm * POINTS_PER_MM

    @property
    def inner(self) -> float:
        """Width between the margins."""
        return self.width - 2 * MARGIN

    @property
    def size(self) -> float:
        """Size of the text in points."""
        return self.look.font_size

    @property
    def small(self) -> float:
        """Size of secondary text."""
        return max(5.0, round(0.875 * self.look.font_size, 2))

    def measure(
        self, text: str, size: float | None = None, weight: str = "normal"
    ) -> float:
        """Return the width of a line of text, in the words it will be drawn in."""
        said = str(self.look.said(text))
        return _width(said, self.look.font, size or self.size, weight)

    def wrap(
        self,
        text: str,
        width: float,
        size: float | None = None,
        weight: str = "normal",
        most: int = 99,
    ) -> list[str]:
        """Break a text into lines no wider than ``width``, at most ``most`` of them.

        A no-break space holds its neighbours together.
        """
        lines: list[str] = []
        line = ""
        said = self.look.said(str(text).replace("\n", " "))

        def too_wide(part: str) -> bool:
            return _width(part, self.look.font, size or self.size, weight) > width

        for word in filter(None, said.split(" ")):
            joined = f"{line} {word}" if line else word
            if not too_wide(joined):
                line = joined
                continue
            if line:
                lines.append(line)
            line = word
            while len(line) > 1 and too_wide(line):
                head = _fitting(line, too_wide)
                lines.append(head)
                line = line[len(head) :]
        if line:
            lines.append(line)
        if len(lines) > most:
            last = lines[most - 1]
            while last and too_wide(last + "\u2026"):
                last = last[:-1]
            lines = [*lines[: most - 1], last.rstrip() + "\u2026"]
        return [Said(line) for line in lines] or [Said()]

    def line_height(self, size: float | None = None) -> float:
        """Return the distance from one line of text to the next."""
        return LEADING * (size or self.size)

    def text(
        self,
        x: float,
        y: float,
        lines: str | Iterable[str],
        *,
        size: float | None = None,
        color: str = INK,
        weight: str = "normal",
        align: str = "left",
        style: str = "normal",
    ) -> float:
        """Place lines of text with their top at ``y``; return where they end."""
        size = size or self.size
        for line in [lines] if isinstance(lines, str) else lines:
            if line:
                said = str(self.look.said(line))
                self._texts.append(_Text(x, y, said, size, color, weight, align, style))
            y += self.line_height(size)
        return y

    def vertical(self, x: float, y: float, line: str) -> None:
        """Place a line that reads upwards, its left edge at ``x``, centred on ``y``."""
        said = str(self.look.said(line))
        self._texts.append(
            _Text(x, y, said, self.size, INK, "normal", "center", "normal", 90.0)
        )

    def upright(self, x: float, y: float, lines: Sequence[str], size: float) -> None:
        """Place lines that read upwards, their ends at ``y``, centred on ``x``."""
        x -= len(lines) * self.line_height(size) / 2
        for line in lines:
            said = str(self.look.said(line))
            self._texts.append(
                _Text(x, y, said, size, INK, "normal", "top", "normal", 90.0)
            )
            x += self.line_height(size)

    def paragraph(
        self, text: str, *, indent: float = 0.0, most: int = 99, **looks: object
    ) -> None:
        """Add text over the whole width below what is there."""
        size = float(looks.get("size") or self.size)
        lines = self.wrap(
            text, self.inner - indent, size, str(looks.get("weight", "normal")), most
        )
        self.y = self.text(MARGIN + indent, self.y, lines, **looks)

    def stroke(self, x: Sequence[float], y: Sequence[float], **looks: object) -> None:
        """Draw a line or marks outside any plot, in points from the top left."""
        self._strokes.append((x, y, dict(looks)))

    def plot(
        self,
        draw: Callable[[Axes], None],
        *,
        x: float,
        width: float,
        height: float,
        y: float | None = None,
    ) -> None:
        """Reserve a plot's inner area; ``draw`` receives its axes."""
        self._plots.append(_Plot(x, self.y if y is None else y, width, height, draw))

    def note(self, element: str, **cells: object) -> None:
        """Record a mark for the csv of drawn numbers."""
        plain = {
            name: cell.replace("\N{NO-BREAK SPACE}", " ")
            if isinstance(cell, str)
            else cell
            for name, cell in cells.items()
        }
        self.drawn.append({**dict.fromkeys(DRAWN, ""), "element": element, **plain})

    def figure(self) -> Figure:
        """Return the drawn figure."""
        width, height = self.width, self.y + MARGIN
        if not self.look.slide:
            return page(width, height, [(self, 0.0, 0.0)])
        # In the middle of a page of 16 to 9.
        tall = max(height, width / SLIDE)
        wide = tall * SLIDE
        return page(wide, tall, [(self, (wide - width) / 2, (tall - height) / 2)])

    def onto(self, figure: Figure, x0: float, y0: float) -> None:
        """Draw on a page, the left upper corner at ``x0`` and ``y0`` points of it."""
        width, height = (72 * float(inches) for inches in figure.get_size_inches())
        for plot in self._plots:
            axes = figure.add_axes(
                (
                    (x0 + plot.x) / width,
                    1 - (y0 + plot.y + plot.height) / height,
                    plot.width / width,
                    plot.height / height,
                )
            )
            plot.draw(axes)
        for x, y, looks in self._strokes:
            figure.add_artist(
                Line2D(
                    [(x0 + v) / width for v in x],
                    [1 - (y0 + v) / height for v in y],
                    **looks,
                )
            )
        for t in self._texts:
            if t.rotation:
                figure.text(
                    (x0 + t.x) / width,
                    1 - (y0 + t.y) / height,
                    t.text,
                    fontproperties=_font(self.look.font, t.size, t.weight),
                    rotation=t.rotation,
                    ha="left",
                    va=t.align,
                )
                continue
            # The baseline of a line of text lies at four fifths of its height.
            y = t.y + 0.5 * (self.line_height(t.size) - t.size) + 0.8 * t.size
            figure.text(
                (x0 + t.x) / width,
                1 - (y0 + y) / height,
                t.text,
                fontproperties=_font(self.look.font, t.size, t.weight),
                fontstyle=t.style,
                color=t.color,
                ha=t.align,
                va="baseline",
            )


def page(
    width: float, height: float, placed: Iterable[tuple[Sheet, float, float]]
) -> Figure:
    """Return a figure of that size in points with sheets at their places."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    for sheet, x, y in placed:
        sheet.onto(figure, x, y)
    return figure


def filled(look: Look, fill: Callable[[Sheet], Filled]) -> tuple[Sheet, Filled]:
    """Return a sheet with what ``fill`` puts on it, and what ``fill`` returns.

    A slide takes the narrowest page of 16 to 9 on which everything has room, so that
    its type is as large as can be. Only places are worked out again, nothing is drawn.
    """
    for width in SLIDE_WIDTHS if look.slide else (look.width_mm,):
        sheet = Sheet(replace(look, width_mm=width))
        told = fill(sheet)
        if (sheet.y + MARGIN) * SLIDE <= sheet.width:
            break
    return sheet, told


def rendered(figure: Figure, look: Look, title: str = "") -> dict[str, bytes]:
    """Return the figure as pdf, svg and png, the same bytes every time.

    The printing methods are called directly: ``savefig`` lays every figure out a
    second time. PNG is written without the empty alpha channel.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from PIL import Image

    named = {"Title": title} if title else {}
    pdf, svg, png = io.BytesIO(), io.BytesIO(), io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(
        pdf,
        metadata={"CreationDate": None, "Producer": None, "Creator": None, **named},
    )
    FigureCanvasSVG(figure).print_svg(
        svg, metadata={"Date": None, "Creator": None, **named}
    )
    figure.set_dpi(look.dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    Image.fromarray(pixels).convert("RGB").save(
        png, format="png", dpi=(look.dpi, look.dpi), compress_level=3
    )
    return {"pdf": pdf.getvalue(), "svg": svg.getvalue(), "png": png.getvalue()}


def watermark(axes: Axes, kind: str, look: Look) -> None:
    """Write the kind of data that was never observed large and pale behind a plot."""
    if kind.lower() not in NOT_OBSERVED:
        return
    box = axes.get_position()
    page = axes.figure.get_size_inches() * 72
    width, height = box.width * page[0], box.height * page[1]
    said = str(look.said(kind))
    letters = _width(said, look.font, 1.0, "bold")
    axes.text(
        0.5,
        0.5,
        said,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=min(0.85 * width / letters, 0.75 * height, 3.2 * look.font_size),
        fontweight="bold",
        color="#e3e3e3",
        zorder=0,
        gid="watermark",
    )


def notice(sheet: Sheet, title: str, text: str) -> None:
    """Say in a sentence why there is nothing to draw."""
    sheet.y += 4
    sheet.paragraph(title, weight="bold", indent=4)
    sheet.y += 2
    sheet.paragraph(text, color=GREY, indent=4)
    sheet.y += 4
    sheet.note("notice", text=text)


def series_key(
    sheet: Sheet, x: float, y: float, look: object, size: float, *, marker: bool = False
) -> float:
    """Draw the sample of a series before its name; return where the name starts."""
    middle = y + 0.5 * sheet.line_height(size)
    length = 2.6 * size
    sheet.stroke(
        [x, x + length],
        [middle, middle],
        color=look.color,
        linestyle="none" if marker else look.dashes,
        linewidth=1.4,
    )
    if marker:
        sheet.stroke(
            [x + length / 2],
            [middle],
            color=look.color,
            marker=look.marker,
            linestyle="none",
            markersize=4,
        )
    return x + length + 0.5 * size
