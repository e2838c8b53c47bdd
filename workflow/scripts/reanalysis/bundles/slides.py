"""The document of a run as slides: title, verdicts, one slide per study.

Text stands in the placeholders of the layout where there are any, so that an outline
view and a screen reader find it; pictures carry the description of their figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.presentation import Presentation as Deck
from pptx.slide import Slide
from pptx.util import Mm, Pt

from reanalysis.bundles.pictures import picture
from reanalysis.reporting.fixed_bytes import office_file

#: Size of a slide and its margins in mm (16:9).
WIDTH, HEIGHT, MARGIN = 338.67, 190.5, 14.0
_TITLE_TOP, _TITLE_HEIGHT = 8.0, 24.0
_BODY_TOP = 36.0
_INK, _SOFT = RGBColor(0x1B, 0x1F, 0x24), RGBColor(0x57, 0x60, 0x6A)
_TITLE_ONLY = 5
#: Titles beyond so many letters get a smaller type.
_LONG = 70


def slides_file(model: Mapping, png: Callable[[str], bytes]) -> bytes:
    """Return the slides of a document (work/document.json).

    ``png`` gives the picture of a figure by its place under figures/.
    """
    deck = Presentation()
    deck.slide_width, deck.slide_height = Mm(WIDTH), Mm(HEIGHT)
    _title(deck, model)
    _verdicts(deck, model)
    for slide in model["slides"]:
        _study(deck, slide, png)
    return office_file(deck, title=model["title"], subject=model["subtitle"])


def _title(deck: Deck, model: Mapping) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    title, subtitle = slide.shapes.title, slide.placeholders[1]
    _place(title, MARGIN, 55, WIDTH - 2 * MARGIN, 45)
    _place(subtitle, MARGIN, 105, WIDTH - 2 * MARGIN, 25)
    _fill(title, model["title"], 36, bold=True)
    _fill(subtitle, model["subtitle"], 20, colour=_SOFT)


def _verdicts(deck: Deck, model: Mapping) -> None:
    total = sum(model["counts"].values())
    slide = _headed(deck, f"What became of {total} printed numbers")
    rows = [
        (str(count), name.replace("_", " "), model["meanings"][name])
        for name, count in model["counts"].items()
    ]
    _table(slide, ("Numbers", "Verdict", "Meaning"), rows, (28, 62, WIDTH - 118))


def _study(deck: Deck, said: Mapping, png: Callable[[str], bytes]) -> None:
    slide = _headed(deck, said["title"])
    text = slide.shapes.add_textbox(
        Mm(MARGIN), Mm(_BODY_TOP), Mm(88), Mm(HEIGHT - _BODY_TOP - 10)
    )
    text.name = "Summary"
    frame = text.text_frame
    frame.word_wrap = True
    counts = [f"{count} {name}" for name, count in said["counts"].items()]
    lines = [(said["sentence"], 18, _INK), *((line, 14, _SOFT) for line in counts)]
    if said["figure"]:
        number = int(said["label"].split("_")[1])
        lines.append((said["kind"], 14, _INK))
        lines.append((f"Figure {number} of the report, {said['study']}", 12, _SOFT))
    else:
        lines.append(("No figure: no rows are public.", 12, _SOFT))
    for number, (words, size, colour) in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        run = paragraph.add_run()
        run.text = words
        run.font.size, run.font.color.rgb = Pt(size), colour
        paragraph.space_after = Pt(10 if number == 0 else 2)
    if said["figure"]:
        made = picture(png(said["figure"]))
        left = MARGIN + 96
        width, height = made.filling(WIDTH - left - MARGIN, HEIGHT - _BODY_TOP - 10)
        shape = slide.shapes.add_picture(
            BytesIO(made.content),
            Mm(left + (WIDTH - left - MARGIN - width) / 2),
            Mm(_BODY_TOP),
            Mm(width),
            Mm(height),
        )
        shape.name = said["label"]
        shape._element.nvPicPr.cNvPr.set("descr", said["alt"])


def _headed(deck: Deck, words: str) -> Slide:
    slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_ONLY])
    _place(slide.shapes.title, MARGIN, _TITLE_TOP, WIDTH - 2 * MARGIN, _TITLE_HEIGHT)
    _fill(slide.shapes.title, words, 28 if len(words) < _LONG else 22, bold=True)
    return slide


def _table(
    slide: Slide,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
) -> None:
    shape = slide.shapes.add_table(
        len(rows) + 1,
        len(header),
        Mm(MARGIN),
        Mm(_BODY_TOP),
        Mm(sum(widths)),
        Mm(9 * (len(rows) + 1)),
    )
    shape.name = "Verdicts"
    for column, width in zip(shape.table.columns, widths, strict=True):
        column.width = Mm(width)
    for line, cells in zip(shape.table.rows, (header, *rows), strict=True):
        for cell, words in zip(line.cells, cells, strict=True):
            cell.text = words
            cell.margin_top = cell.margin_bottom = Mm(0.8)
            for run in cell.text_frame.paragraphs[0].runs:
                run.font.size = Pt(13)


def _place(shape: object, left: float, top: float, width: float, height: float) -> None:
    shape.left, shape.top, shape.width, shape.height = map(
        Mm, (left, top, width, height)
    )


def _fill(
    shape: object, words: str, size: float, bold: bool = False, colour: RGBColor = _INK
) -> None:
    frame = shape.text_frame
    frame.word_wrap = True
    frame.text = words
    for paragraph in frame.paragraphs:
        paragraph.alignment = 1  # left
        for run in paragraph.runs:
            run.font.size, run.font.bold, run.font.color.rgb = Pt(size), bold, colour
