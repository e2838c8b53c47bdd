"""Figures inside the page: as addresses that hold them, with words about them."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

from reanalysis.reporting.small_svg import smaller

#: What the address of a picture and an attribute in double quotes must not hold.
_RESERVED = str.maketrans({"%": "%25", "#": "%23", '"': "%22", "&": "&amp;"})
#: Drawings above this size are embedded as pixels where those are smaller.
_LARGE = 100_000
#: Pixels of CSS in the units of length of a drawing.
_UNITS = {"pt": 4 / 3, "px": 1.0, "": 1.0}
_LENGTH = re.compile(r"([\d.]+)(\w*)")
#: Paragraphs of a caption that the sections on the paper and its data say already.
_SAID = ("Source of the data: ", "Paper: ")
_DATA = "Data: "
#: What a figure shows of its analysis, by the end of its name.
_PARTS = {
    "_sensitivity": "under other choices",
    "_likelihood": "likelihood",
    "_residuals": "residuals over time",
}


def figure(
    folder: str, study: str, name: str, checked: Mapping, analysis: str
) -> dict[str, object]:
    """Return a figure of a study; ``checked`` is its json, ``analysis`` whose it is."""
    declared = checked.get("analyses", {}).get(analysis, {})
    shown = picture(Path(folder, study, name), str(checked.get("title", "")))
    part = _PARTS.get(name.removeprefix(analysis), "")
    title = shown["title"] or str(declared.get("label", name.replace("_", " ")))
    title = f"{title}, {part}" if part else title
    claims = [str(claim["claim_id"]) for claim in checked.get("claims", ())]
    return {
        **shown,
        "name": name,
        "analysis": analysis,
        "title": title,
        "alt": shown["alt"] or _alt(title, shown["said"]),
        "more": [
            _linked(text, study, claims) if text.startswith("Printed: ") else text
            for text in shown["more"]
        ],
    }


def picture(stem: Path, title: str = "") -> dict[str, object]:
    """Return a picture, its size in pixels of CSS, its caption and where its files lie.

    ``title`` is that of the study: the page need not repeat it under every figure.
    Of the caption, ``title`` is the first sentence, ``said`` stands under the figure
    and ``more`` is folded. ``alt`` is the text of a figure for those who do not see
    it, where its folder has one.
    """
    drawing = stem.with_suffix(".svg").read_text(encoding="utf-8")
    small = smaller(drawing).translate(_RESERVED)
    source = f"data:image/svg+xml,{small}"
    if len(source) > _LARGE:
        pixels = _pixels(stem.with_suffix(".png"))
        source = min(source, f"data:image/png;base64,{pixels}", key=len)
    width, height = _size(drawing)
    head, said, more = caption_parts(
        stem.with_suffix(".txt").read_text(encoding="utf-8"), title
    )
    alt = Path(f"{stem}.alt.txt")
    return {
        "alt": alt.read_text(encoding="utf-8").strip() if alt.exists() else "",
        "source": Markup(source),  # escaped above for its place between double quotes
        "width": width,
        "height": height,
        "files": f"../figures/{stem.parent.name}/{stem.name}",
        "title": head,
        "said": said,
        "more": more,
    }


def caption_parts(text: str, title: str) -> tuple[str, list[str], list[str]]:
    """Return the heading of a caption, what stands under a figure, what is folded.

    A caption without a paragraph on its data is not folded.
    """
    lines = [line for line in text.split("\n") if line and not line.startswith(_SAID)]
    head = ""
    if title and lines and lines[0].endswith(f" {title}."):
        head = lines.pop(0).removesuffix(f" {title}.").removesuffix(".")
    for i, line in enumerate(lines):
        if line.startswith(_DATA):
            return head, lines[: i + 1], lines[i + 1 :]
    return head, lines, []


def _alt(title: str, said: Iterable[str]) -> str:
    """Return what the caption says of a figure that has no text of its own."""
    return f"Figure: {title}. " + " ".join(" ".join(said).split())


def _linked(text: str, study: str, claims: Iterable[str]) -> Markup:
    """Return a list of printed numbers, the ids of claims as links to them."""
    known = set(claims)
    parts: list[str | Markup] = []
    # An id stands at the start of an item, several of them with commas between.
    for piece in re.split(r"((?:^Printed: |; |, )[\w.-]+(?=,))", text):
        mark, _, word = piece.rpartition(" ")
        if word in known and mark in {"Printed:", ";", ","}:
            link = Markup('<a href="#claim-{}-{}">{}</a>')
            parts += [f"{mark} ", link.format(study, word, word)]
        else:
            parts.append(piece)
    return Markup("").join(parts)


def _pixels(path: Path) -> str:
    """Return a picture in 64 colours, in base64; text and lines need no more."""
    from PIL import Image

    found = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(
            64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        ).save(found, "png")
    return base64.b64encode(found.getvalue()).decode()


def _size(drawing: str) -> tuple[int, int]:
    root = ElementTree.fromstring(drawing).attrib
    sizes = []
    for side in ("width", "height"):
        found = _LENGTH.fullmatch(root.get(side, "0"))
        sizes.append(round(float(found[1]) * _UNITS[found[2]]) if found else 0)
    return sizes[0], sizes[1]
