"""A document before it is one of Word, PDF or slides: blocks, numbers, references.

What a run says is put together once. Figures, tables and references get their numbers
here, so that every format has the same ones and a figure's file is named by its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_CONTROL = re.compile("[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Ref:
    """A mention of a figure or table, by its key."""

    key: str


@dataclass(frozen=True, slots=True)
class Cite:
    """A mention of entries of the list of references, by their keys."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    words: str


#: A text: plain words between mentions of something.
Text = Sequence[str | Ref | Cite | Strong]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is a part of the document."""

    level: int
    words: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; a small one is of less weight."""

    text: Text
    small: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of points."""

    items: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; a heading within it has one cell over its whole width."""

    cells: Sequence[Text]
    heading: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A numbered table: ``widths`` are shares of the line, a number per column."""

    key: str
    caption: Text
    header: Sequence[str]
    widths: Sequence[float]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A numbered figure: ``source`` is its place under figures/, without an ending."""

    key: str
    source: str
    name: str
    caption: Text
    alt: str


@dataclass(frozen=True, slots=True)
class References:
    """Where the list of references stands."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The list of all figures, or of all tables (``of``)."""

    of: str


Block = Heading | Paragraph | Bullets | Table | Figure | References | Listing


def numbered(
    blocks: Sequence[Block], bibliography: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return the blocks as plain data, every mention with its number.

    Figures and tables are numbered as they stand, references as they are first cited
    (entries of ``bibliography``, by key). Raises ``KeyError`` for a mention of what
    is not there.
    """
    figures = [block for block in blocks if isinstance(block, Figure)]
    tables = [block for block in blocks if isinstance(block, Table)]
    places = {
        block.key: (word, number)
        for word, alike in (("Figure", figures), ("Table", tables))
        for number, block in enumerate(alike, start=1)
    }
    if len(places) < len(figures) + len(tables):
        raise ValueError("two figures or tables of a document have the same key")
    cited: dict[str, int] = {}
    for text in _texts(blocks):
        for piece in text:
            if isinstance(piece, Cite):
                for key in piece.keys:
                    cited.setdefault(key, len(cited) + 1)

    def plain(text: Text) -> list[dict[str, object]]:
        return [_piece(piece, places, cited) for piece in text]

    def made(block: Block) -> dict[str, object]:
        match block:
            case Heading(level, words):
                return {"kind": "heading", "level": level, "words": words}
            case Paragraph(text, small):
                return {"kind": "paragraph", "text": plain(text), "small": small}
            case Bullets(items):
                return {"kind": "bullets", "items": [plain(item) for item in items]}
            case Table():
                rows = [
                    {"cells": [plain(c) for c in row.cells], "heading": row.heading}
                    for row in block.rows
                ]
                return {
                    "kind": "table",
                    "key": block.key,
                    "number": places[block.key][1],
                    "caption": plain(block.caption),
                    "header": list(block.header),
                    "widths": list(block.widths),
                    "rows": rows,
                }
            case Figure():
                number = places[block.key][1]
                width = max(2, len(str(len(figures))))
                return {
                    "kind": "figure",
                    "key": block.key,
                    "number": number,
                    "source": block.source,
                    "file": f"Figure_{number:0{width}d}_{block.name}",
                    "caption": plain(block.caption),
                    "alt": block.alt,
                }
            case References():
                entries = [bibliography[key] for key in cited]
                return {"kind": "references", "entries": entries}
            case Listing(of):
                alike = {"figure": figures, "table": tables}[of]
                return {
                    "kind": "listing",
                    "of": of,
                    "entries": [
                        {
                            "key": b.key,
                            "label": _label(places[b.key]),
                            "words": _title(b),
                        }
                        for b in alike
                    ],
                }

    return [made(block) for block in blocks]


def _texts(blocks: Sequence[Block]) -> Iterator[Text]:
    for block in blocks:
        match block:
            case Paragraph(text):
                yield text
            case Bullets(items):
                yield from items
            case Table():
                yield block.caption
                for row in block.rows:
                    yield from row.cells
            case Figure():
                yield block.caption


def _piece(
    piece: str | Ref | Cite | Strong,
    places: Mapping[str, tuple[str, int]],
    cited: Mapping[str, int],
) -> dict[str, object]:
    match piece:
        case Ref(key):
            return {"words": _label(places[key]), "ref": key}
        case Cite(keys):
            numbers = sorted({cited[key] for key in keys})
            return {"words": f"[{_runs(numbers)}]", "cites": numbers}
        case Strong(words):
            return {"words": words, "strong": True}
    return {"words": piece}


def _label(place: tuple[str, int]) -> str:
    return f"{place[0]} {place[1]}"


def _title(block: Figure | Table) -> str:
    """Return the first words of a caption, those that stand out."""
    words = (p.words for p in block.caption if isinstance(p, Strong))
    return next(words, block.key)


def cleaned(value: object) -> object:
    """Return plain data without what no office file can hold: control characters."""
    if isinstance(value, str):
        return _CONTROL.sub(" ", value)
    if isinstance(value, Mapping):
        return {key: cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def _runs(numbers: Sequence[int]) -> str:
    """Return ``1, 3-5`` for 1, 3, 4 and 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        f"{run[0]}\u2013{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
        for run in runs
    )


def words_of(text: Sequence[Mapping]) -> str:
    """Return the words of a text of :func:`numbered`."""
    return "".join(str(piece["words"]) for piece in text)
