"""Read a csv that a person wrote, strictly: what is read is what stands there."""

from __future__ import annotations

import csv
import io
import math
import re
from difflib import get_close_matches
from pathlib import Path

from reanalysis.errors import InputError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a comma-separated UTF-8 file.

    Cells are stripped of surrounding blanks. Raises :class:`InputError` for
    another encoding, a byte-order mark, Windows line ends, another separator,
    a repeated or empty column name, a blank line or a row of another length.
    """
    name = short_name(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            "the file does not exist", file=name, expected="a csv with a header line"
        ) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("the file is UTF-16", file=name, expected="UTF-8")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise InputError(
            "the file begins with a byte-order mark",
            file=name,
            expected="plain UTF-8 (in Excel not 'CSV UTF-8' but a text editor's UTF-8)",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InputError(
            "the file is not UTF-8",
            file=name,
            row=row,
            value=raw[error.start : error.start + 1],
            expected="UTF-8; save it again with that encoding",
        ) from None
    if "\r" in text:
        raise InputError(
            "the file has Windows or old Mac line ends",
            file=name,
            row=text[: text.index("\r")].count("\n") + 1,
            expected="plain newlines (convert with dos2unix or in a text editor)",
        )
    if "\0" in text:
        raise InputError("the file holds a zero byte", file=name, expected="text")
    if not text.strip():
        raise InputError("the file is empty", file=name, expected="a header line")
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        lines = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise InputError(
            f"the quoting is broken ({error})", file=name, row=reader.line_num
        ) from None
    header, rows = lines[0], lines[1:]
    if len(header) == 1 and re.search(r"[;\t|]", header[0]):
        raise InputError(
            "the columns are not separated by commas",
            file=name,
            row=1,
            value=header[0],
            expected="commas between columns",
        )
    for column in header:
        if not column:
            raise InputError("a column has no name", file=name, row=1)
        if header.count(column) > 1:
            raise InputError("a column name stands twice", file=name, column=column)
    for number, row in enumerate(rows, start=2):
        if not any(row):
            raise InputError(
                "a line is blank", file=name, row=number, expected="one row per line"
            )
        if len(row) != len(header):
            hint = next((c for c in row if _DECIMAL_COMMA.fullmatch(c)), None)
            raise InputError(
                f"the row has {len(row)} cells, the header {len(header)}",
                file=name,
                row=number,
                value=hint,
                expected="as many cells as columns; text with commas in quotes",
            )
    return header, rows


def expect_columns(path: Path, header: list[str], wanted: list[str]) -> None:
    """Raise :class:`InputError` unless the header has just the wanted columns."""
    for column in wanted:
        if column not in header:
            near = get_close_matches(column, header, n=1)
            raise InputError(
                f"the column '{column}' is missing",
                file=short_name(path),
                row=1,
                value=near[0] if near else None,
                expected=", ".join(wanted),
            )
    for column in header:
        if column not in wanted:
            raise InputError(
                "an unknown column",
                file=short_name(path),
                row=1,
                column=column,
                expected="only " + ", ".join(wanted),
            )


def number(text: str, *, path: Path, row: int, column: str) -> float | None:
    """Return a cell as a number, None when it is empty."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        if _DECIMAL_COMMA.fullmatch(text):
            problem, expected = "a decimal comma", text.replace(",", ".")
        elif text.lower() in {"na", "nan", "null", "none", "inf", "-inf", "?", "-"}:
            problem, expected = "a missing value is written out", "an empty cell"
        else:
            problem, expected = "text in a column of numbers", "a number"
        raise InputError(
            problem,
            file=short_name(path),
            row=row,
            column=column,
            value=text,
            expected=expected,
        )
    value = float(text)
    if math.isinf(value):
        raise InputError(
            "a number too large to hold",
            file=short_name(path),
            row=row,
            column=column,
            value=text,
            expected="a number",
        )
    return value


def short_name(path: Path) -> str:
    """Name a file by its study folder and its own name."""
    return "/".join(path.parts[-2:])
