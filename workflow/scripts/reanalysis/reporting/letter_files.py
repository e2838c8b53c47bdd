"""A letter as plain text and as a Word file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reanalysis.reporting.author_letter import Block, Heading, Table
from reanalysis.reporting.fixed_bytes import office_file

_WIDTH = 78


def as_text(blocks: Sequence[Block]) -> str:
    """Return a letter as lines of at most 78 characters (long words excepted)."""
    return "\n\n".join("\n".join(_lines(block)) for block in blocks) + "\n"


def _lines(block: Block) -> list[str]:
    if isinstance(block, Heading):
        return [block.text, "-" * len(block.text)]
    if isinstance(block, str):
        return _wrapped(block, "")
    # Side by side, cells of several lines are hard to read.
    return [
        line
        for first, *others in block.rows
        for line in _wrapped(f"- {_listed(first, others)}", "  ")
    ]


def _listed(first: str, others: Sequence[str]) -> str:
    told = "; ".join(other for other in others if other)
    return f"{first}: {told}" if told else first


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " * bool(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_docx(blocks: Sequence[Block], title: str) -> bytes:
    """Return a letter as a Word file; the same letter gives the same bytes."""
    from docx import Document
    from docx.shared import Cm, Pt

    document = Document()
    (section,) = document.sections
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.4)
    section.top_margin = section.bottom_margin = Cm(2.2)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(11)
    normal.paragraph_format.space_after = Pt(8)
    for block in blocks:
        if isinstance(block, Heading):
            _heading(document, block.text)
        elif isinstance(block, Table):
            _table(document, block)
        else:
            paragraph = document.add_paragraph(block)
            paragraph.paragraph_format.keep_with_next = block.endswith((":", ","))
    return office_file(document, title=title)


def _heading(document: object, text: str) -> None:
    from docx.shared import Pt

    paragraph = document.add_paragraph()
    paragraph.paragraph_format.space_before = Pt(10)
    paragraph.paragraph_format.keep_with_next = True
    paragraph.add_run(text).bold = True


def _table(document: object, block: Table) -> None:
    from docx.oxml import OxmlElement
    from docx.shared import Cm, Pt

    table = document.add_table(rows=1, cols=len(block.header), style="Table Grid")
    table.autofit = False
    widths = [Cm(4.2), Cm(7.0), Cm(5.0)]
    repeated = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeated)
    for _ in block.rows:
        table.add_row()
    for row, texts in zip(table.rows, (block.header, *block.rows), strict=True):
        whole = OxmlElement("w:cantSplit")
        row._tr.get_or_add_trPr().append(whole)
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.width = width
            (paragraph,) = cell.paragraphs
            paragraph.paragraph_format.space_after = Pt(1)
            run = paragraph.add_run(text)
            run.font.size = Pt(9.5)
            run.bold = texts is block.header
    document.add_paragraph().paragraph_format.space_after = Pt(0)
