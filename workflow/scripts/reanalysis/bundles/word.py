"""The document of a run as a Word file.

Captions are numbered by SEQ fields and mentioned by REF fields, so that Word counts
on where somebody inserts a figure; the text of every field is there already, and
nothing asks to be updated when the file is opened. Tables are written as XML of their
own: python-docx takes a second for a hundred cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

import docx
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.oxml.shape import CT_Inline
from docx.shared import Mm, Pt, RGBColor

from reanalysis.bundles.document import words_of
from reanalysis.bundles.pictures import picture
from reanalysis.reporting.fixed_bytes import office_file

#: Width of the text and the most a figure may take of a page's height, in mm.
TEXT_WIDTH, FIGURE_HEIGHT = 170.0, 190.0
#: Twentieths of a point in a millimetre.
_TWIPS = 1440 / 25.4
_INK = RGBColor(0x1B, 0x1F, 0x24)
_STYLES = (
    # name, its base, size in points, bold
    ("Table Text", "Normal", 8, False),
    ("Small Text", "Normal", 8, False),
    ("Reference Entry", "Normal", 9, False),
    ("toc 1", "Normal", 10, True),
    ("toc 2", "Normal", 9, False),
    ("table of figures", "Normal", 8, False),
)


def word_file(model: Mapping, png: Callable[[str], bytes]) -> bytes:
    """Return the Word file of a document (work/document.json).

    ``png`` gives the picture of a figure by its place under figures/.
    """
    document = docx.Document()
    _look(document)
    writer = _Writer(document, png)
    writer.paragraph("Title", _run(model["title"]))
    writer.paragraph("Subtitle", _run(model["subtitle"]))
    writer.contents(model["blocks"])
    for block in model["blocks"]:
        writer.block(block)
    return office_file(document, title=model["title"], subject=model["subtitle"])


class _Writer:
    """Writes blocks at the end of a document."""

    def __init__(self, document: Document, png: Callable[[str], bytes]) -> None:
        self.document = document
        self.end = document.element.body.sectPr
        self.png = png
        self.headings = 0
        self.marks = 0
        self.names: dict[str, str] = {}

    def block(self, block: Mapping) -> None:
        getattr(self, f"_{block['kind']}")(block)

    def paragraph(self, style: str, content: str, properties: str = "") -> None:
        """Append a paragraph; ``content`` is XML of runs and fields."""
        name = self.document.styles[style].style_id
        self._append(
            f'<w:p {nsdecls("w")}><w:pPr><w:pStyle w:val="{name}"/>{properties}'
            f"</w:pPr>{content}</w:p>"
        )

    def contents(self, blocks: Sequence[Mapping]) -> None:
        """Append the table of contents: every heading but the smallest, as links."""
        entries = [
            (f"toc {block['level']}", f"_Toc{number}", str(block["words"]))
            for number, block in enumerate(
                (b for b in blocks if b["kind"] == "heading"), start=1
            )
            if block["level"] < 3
        ]
        self._field_of_links('TOC \\o "1-2" \\n \\h \\z', entries)

    def _append(self, xml: str) -> None:
        self.end.addprevious(parse_xml(xml))

    def _heading(self, block: Mapping) -> None:
        self.headings += 1
        self.paragraph(
            f"Heading {block['level']}",
            self._marked(f"_Toc{self.headings}", _run(block["words"])),
        )

    def _paragraph(self, block: Mapping) -> None:
        style = "Small Text" if block["small"] else "Normal"
        self.paragraph(style, self._text(block["text"]))

    def _bullets(self, block: Mapping) -> None:
        for item in block["items"]:
            self.paragraph("List Bullet", self._text(item))

    def _table(self, block: Mapping) -> None:
        self._caption("Table", block, "<w:keepNext/>")
        widths = [
            round(TEXT_WIDTH * _TWIPS * w / sum(block["widths"]))
            for w in block["widths"]
        ]
        style = self.document.styles["Table Text"].style_id
        grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
        head = "".join(
            self._cell([{"words": name, "strong": True}], width, style, _LINE)
            for name, width in zip(block["header"], widths, strict=True)
        )
        rows = [f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{head}</w:tr>"]
        for row in block["rows"]:
            if row["heading"]:
                span = f'<w:gridSpan w:val="{len(widths)}"/>'
                cells = self._cell(
                    row["cells"][0], sum(widths), style, span + _SHADE, keep=True
                )
            else:
                cells = "".join(
                    self._cell(cell, width, style)
                    for cell, width in zip(row["cells"], widths, strict=True)
                )
            rows.append(f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{cells}</w:tr>")
        self._append(
            f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
            f'{_BORDERS}<w:tblLayout w:type="fixed"/>{_MARGINS}'
            f'<w:tblLook w:val="0620" w:firstRow="1" w:lastRow="0" w:firstColumn="0" '
            f'w:lastColumn="0" w:noHBand="1" w:noVBand="1"/>'
            f"<w:tblCaption w:val={quoteattr(_short(words_of(block['caption'])))}/>"
            f"</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"
        )
        self.paragraph("Small Text", "")

    def _figure(self, block: Mapping) -> None:
        made = picture(self.png(block["source"]))
        width, height = made.fitted(TEXT_WIDTH, FIGURE_HEIGHT)
        relation, _ = self.document.part.get_or_add_image(BytesIO(made.content))
        inline = CT_Inline.new_pic_inline(
            block["number"], relation, f"{block['file']}.png", Mm(width), Mm(height)
        )
        inline.docPr.set("descr", block["alt"])
        inline.docPr.set("name", block["file"])
        place = parse_xml(
            f'<w:p {nsdecls("w")}><w:pPr><w:keepNext/><w:spacing w:before="160" '
            'w:after="60"/></w:pPr><w:r><w:drawing/></w:r></w:p>'
        )
        place.find(".//" + qn("w:drawing")).append(inline)
        self.end.addprevious(place)
        self._caption("Figure", block, "<w:keepLines/>")

    def _caption(self, word: str, block: Mapping, properties: str) -> None:
        """Append a caption: a bookmark around its label, the number as a field."""
        number = _field(f"SEQ {word} \\* ARABIC", str(block["number"]), bold=True)
        name = self._name(block["key"], f"_Ref{word}{block['number']}")
        label = self._marked(name, _run(f"{word} ", bold=True) + number)
        text = self._text(block["caption"])
        self.paragraph("Caption", f"{label}{_run('. ', bold=True)}{text}", properties)

    def _references(self, block: Mapping) -> None:
        for number, entry in enumerate(block["entries"], start=1):
            label = self._marked(f"_Cite{number}", _run(f"{number}."))
            self.paragraph("Reference Entry", f"{label}{_TAB}{_run(entry)}")

    def _listing(self, block: Mapping) -> None:
        word = str(block["of"]).capitalize()
        entries = [
            (
                "table of figures",
                f"_Ref{entry['label'].replace(' ', '')}",
                f"{entry['label']}. {entry['words']}",
            )
            for entry in block["entries"]
        ]
        self._field_of_links(f'TOC \\n \\h \\z \\c "{word}"', entries)

    def _field_of_links(
        self, code: str, entries: Sequence[tuple[str, str, str]]
    ) -> None:
        """Append a field of links, a paragraph each: its style, mark and words."""
        for number, (style, mark, words) in enumerate(entries):
            opening = closing = ""
            if number == 0:
                opening = f"{_BEGIN}{_code(code)}{_SEPARATE}"
            if number == len(entries) - 1:
                closing = _END
            self.paragraph(style, f"{opening}{_link(mark, words)}{closing}")

    def _text(self, text: Sequence[Mapping]) -> str:
        pieces = []
        for piece in text:
            if "ref" in piece:
                name = self._name(
                    piece["ref"], f"_Ref{str(piece['words']).replace(' ', '')}"
                )
                pieces.append(_field(f"REF {name} \\h", str(piece["words"])))
            elif "cites" in piece:
                pieces.append(_link(f"_Cite{piece['cites'][0]}", str(piece["words"])))
            else:
                pieces.append(_run(str(piece["words"]), bold=bool(piece.get("strong"))))
        return "".join(pieces)

    def _cell(
        self,
        text: Sequence[Mapping],
        width: int,
        style: str,
        properties: str = "",
        keep: bool = False,
    ) -> str:
        kept = "<w:keepNext/>" if keep else ""
        return (
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{properties}</w:tcPr>'
            f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{kept}</w:pPr>'
            f"{self._text(text)}</w:p></w:tc>"
        )

    def _marked(self, name: str, content: str) -> str:
        """Return content within a bookmark."""
        self.marks += 1
        return (
            f'<w:bookmarkStart w:id="{self.marks}" w:name="{name}"/>{content}'
            f'<w:bookmarkEnd w:id="{self.marks}"/>'
        )

    def _name(self, key: str, name: str) -> str:
        return self.names.setdefault(key, name)


_LINE = (
    '<w:tcBorders><w:bottom w:val="single" w:sz="4" w:space="0" w:color="1B1F24"/>'
    "</w:tcBorders>"
)
_SHADE = '<w:shd w:val="clear" w:color="auto" w:fill="F1F3F5"/>'
_BORDERS = (
    '<w:tblBorders><w:top w:val="single" w:sz="8" w:space="0" w:color="1B1F24"/>'
    '<w:bottom w:val="single" w:sz="8" w:space="0" w:color="1B1F24"/>'
    '<w:insideH w:val="single" w:sz="2" w:space="0" w:color="D5DAE0"/></w:tblBorders>'
)
_MARGINS = (
    '<w:tblCellMar><w:top w:w="30" w:type="dxa"/><w:left w:w="60" w:type="dxa"/>'
    '<w:bottom w:w="30" w:type="dxa"/><w:right w:w="60" w:type="dxa"/></w:tblCellMar>'
)
_BOLD = "<w:rPr><w:b/></w:rPr>"
_TAB = "<w:r><w:tab/></w:r>"
_BEGIN = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
_SEPARATE = '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
_END = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'


def _code(code: str) -> str:
    return (
        f'<w:r><w:instrText xml:space="preserve"> {escape(code)} </w:instrText></w:r>'
    )


def _field(code: str, shown: str, bold: bool = False) -> str:
    parts = f"{_BEGIN}{_code(code)}{_SEPARATE}{_run(shown)}{_END}"
    return parts.replace("<w:r>", f"<w:r>{_BOLD}") if bold else parts


def _run(words: str, bold: bool = False) -> str:
    look = _BOLD if bold else ""
    return f'<w:r>{look}<w:t xml:space="preserve">{escape(words)}</w:t></w:r>'


def _link(mark: str, words: str) -> str:
    return f'<w:hyperlink w:anchor="{mark}" w:history="1">{_run(words)}</w:hyperlink>'


def _short(words: str) -> str:
    return words if len(words) < 250 else words[:249] + "\u2026"


def _look(document: Document) -> None:
    """Set page, styles, footer and language."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm((210 - TEXT_WIDTH) / 2)
    section.top_margin = section.bottom_margin = Mm(20)
    styles = document.styles
    normal = styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10)
    normal.paragraph_format.space_after = Pt(6)
    normal.paragraph_format.line_spacing = 1.1
    for name, base, size, bold in _STYLES:
        style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = styles[base]
        style.font.size, style.font.bold = Pt(size), bold
        style.paragraph_format.space_after = Pt(1)
        style.paragraph_format.line_spacing = 1.0
    styles["toc 2"].paragraph_format.left_indent = Mm(6)
    styles["toc 1"].paragraph_format.space_before = Pt(4)
    styles["Small Text"].paragraph_format.space_after = Pt(6)
    entry = styles["Reference Entry"].paragraph_format
    entry.left_indent, entry.first_line_indent = Mm(9), Mm(-9)
    entry.tab_stops.add_tab_stop(Mm(9))
    caption = styles["Caption"]
    caption.font.bold, caption.font.size = False, Pt(8.5)
    caption.paragraph_format.space_after = Pt(8)
    styles["Title"].font.size, styles["Subtitle"].font.size = Pt(22), Pt(12)
    for level, size in ((1, 16), (2, 12.5), (3, 10.5)):
        heading = styles[f"Heading {level}"]
        heading.font.size = Pt(size)
        heading.paragraph_format.space_before = Pt(14 if level < 3 else 8)
        heading.paragraph_format.space_after = Pt(4)
    for name in ("Title", "Subtitle", "Caption", "Heading 1", "Heading 2", "Heading 3"):
        styles[name].font.name = "Calibri"
        styles[name].font.color.rgb = _INK
        styles[name].font.italic = False
        _own_font(styles[name].element)
    _own_font(normal.element)
    language = styles.element.find(".//" + qn("w:lang"))
    language.set(qn("w:val"), "en-GB")
    for setting in document.settings.element.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), "15")  # as Word 2013 and later; 14 limits the file
    footer = section.footer.paragraphs[0]
    footer.alignment = 1
    for element in parse_xml(f"<w:p {nsdecls('w')}>{_field('PAGE', '1')}</w:p>"):
        footer._p.append(element)


def _own_font(style: object) -> None:
    """Let a style's font hold against that of the theme."""
    fonts = style.find(".//" + qn("w:rFonts"))
    if fonts is not None:
        for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{name}"), None)
