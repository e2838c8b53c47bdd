"""A drawing in half its bytes, for a page that holds every drawing of a run.

matplotlib writes absolute coordinates with six decimals, a style for every mark and a
transform for every letter. Nothing here changes what is seen: points move by less
than a hundredth of a point. The general tools for this are no Python or not kept.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from string import ascii_letters
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NUMBERS = re.compile(_NUMBER)
_STEPS = re.compile(rf"([MLQCz])|({_NUMBER})|[^\s,]")
_TRANSLATE = re.compile(rf"translate\(({_NUMBER})[ ,]+({_NUMBER})\)")
_REFERENCE = re.compile(r"#([\w.:-]+)")
#: Coordinates that one step of a path takes.
_TAKES = {"M": 2, "L": 2, "Q": 4, "C": 6}
_PLACES = frozenset({"x", "y", "width", "height", "viewBox"})


def smaller(svg: str) -> str:
    """Return a drawing of matplotlib without what no eye sees; quotes are single.

    Raises :class:`xml.etree.ElementTree.ParseError` if it is no XML.
    """
    root = ElementTree.fromstring(svg)
    used = set(_REFERENCE.findall(svg))
    names = (
        "".join(letters)
        for length in (1, 2, 3, 4)
        for letters in product(ascii_letters, repeat=length)
    )
    short = {
        element.attrib["id"]: next(names)
        for element in root.iter()
        if element.attrib.get("id") in used
    }
    return _written(root, short)


def _written(element: ElementTree.Element, short: dict[str, str]) -> str:
    tag = element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else "}"
    if "}" in tag or tag in {"title", "metadata"}:
        return ""
    attributes = dict(_attributes(tag, element.attrib, short))
    inside = _text(element.text) + "".join(
        _written(child, short) + _text(child.tail) for child in element
    )
    if tag in {"g", "defs"} and not inside:
        return ""
    if tag == "g" and not attributes:
        return inside
    if tag == "svg":
        attributes = {"xmlns": _SVG[1:-1], **attributes}
    opened = tag + "".join(
        f" {name}='{escape(value, {chr(39): '&#39;'})}'"
        for name, value in attributes.items()
    )
    return f"<{opened}>{inside}</{tag}>" if inside else f"<{opened}/>"


def _text(text: str | None) -> str:
    return escape(text) if text and text.strip() else ""


def _attributes(
    tag: str, given: dict[str, str], short: dict[str, str]
) -> list[tuple[str, str]]:
    kept = []
    for name, value in given.items():
        plain = "href" if name == _HREF else name
        if plain == "id":
            if value in short:
                kept.append((plain, short[value]))
        elif plain == "d":
            kept.append((plain, _path(value)))
        elif plain == "transform":
            moved = _TRANSLATE.fullmatch(value)
            if tag == "use" and moved and not {"x", "y"} & set(given):
                # The place of a letter, in units of which it is 100 high.
                kept += [
                    (axis, _rounded(moved[i], 1))
                    for i, axis in enumerate("xy", 1)
                    if float(moved[i])
                ]
            else:
                kept.append((plain, _TRANSLATE.sub(_moved, value)))
        elif plain == "style":
            value = _REFERENCE.sub(lambda found: _renamed(found, short), value)
            kept.append((plain, re.sub(r"\s*([:;])\s*", r"\1", value).strip(";")))
        elif plain in _PLACES:
            kept.append((plain, _NUMBERS.sub(lambda found: _rounded(found[0]), value)))
        elif plain != "version" and "}" not in plain:
            value = _REFERENCE.sub(lambda found: _renamed(found, short), value)
            kept.append((plain, value))
    return kept


def _renamed(found: re.Match, short: dict[str, str]) -> str:
    return f"#{short.get(found[1], found[1])}"


def _moved(found: re.Match) -> str:
    return f"translate({_rounded(found[1])} {_rounded(found[2])})"


def _rounded(number: str, digits: int = 2) -> str:
    text = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


@lru_cache(maxsize=4096)
def _path(d: str) -> str:
    """Return a path with relative steps of whole hundredths; letters repeat often.

    Rounded are the points, not the steps between them, so that no error adds up. A
    path with other commands than matplotlib writes stays as it is.
    """
    steps: list[tuple[str, list[int]]] = []
    for found in _STEPS.finditer(d):
        if found[1]:
            steps.append((found[1], []))
        elif found[2] and steps:
            steps[-1][1].append(round(float(found[2]) * 100))
        else:
            return d
    parts: list[str] = []
    last = ""
    x = y = start_x = start_y = 0
    for command, numbers in steps:
        if command == "z":
            parts.append("z")
            x, y, last = start_x, start_y, "z"
            continue
        for i in range(0, len(numbers), _TAKES[command]):
            points = numbers[i : i + _TAKES[command]]
            way = [p - (y if j % 2 else x) for j, p in enumerate(points)]
            x, y = points[-2:]
            letter = command.lower()
            if command == "M":
                start_x, start_y = x, y
            elif command == "L" and not way[1]:
                letter, way = "h", way[:1]
            elif command == "L" and not way[0]:
                letter, way = "v", way[1:]
            words = [_hundredths(number) for number in way]
            text = words[0] + "".join(
                word if word[0] == "-" else f" {word}" for word in words[1:]
            )
            if letter != last or letter == "m":
                text = letter + text
            elif text[0] != "-":
                text = f" {text}"
            parts.append(text)
            last = letter
    return "".join(parts)


def _hundredths(number: int) -> str:
    whole, rest = divmod(abs(number), 100)
    text = (str(whole) if whole or not rest else "") + (
        f".{rest:02}".rstrip("0") if rest else ""
    )
    return f"-{text}" if number < 0 else text
