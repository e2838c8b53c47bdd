"""All tables of a run in one Excel workbook, with a sheet of definitions.

Numbers are there in full and shown as a journal prints them: each cell has the number
format of its text in the report. Words are always written as words, so that nothing a
study holds runs as a formula or becomes a link.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reanalysis.bundles import definitions
from reanalysis.bundles.document import cleaned, words_of
from reanalysis.formatting import (
    INFINITY,
    MINUS,
    beside_printed,
    journal_number,
    journal_time,
)
from reanalysis.reporting.fixed_bytes import DATE
from reanalysis.rows import NUMBERS

#: Excel's limit of a cell, and the widths columns are held within, in characters.
_LONGEST, _NARROW, _WIDE = 32767, 8, 44
_CLAIM_NUMBERS = frozenset(
    {"interval_low", "interval_high", "recomputed", "recomputed_low", "recomputed_high"}
)
_COUNTS = frozenset({"conventions_tried", "specifications", "members"})
_P = (
    "p_value",
    "p_value_band_low",
    "p_value_band_high",
    "p_low",
    "p_high",
    "primary_p_value",
    "p_value_min",
    "p_value_max",
    "p_median",
    "p_median_effect",
    "p_significant",
)
#: Counts, shares and numbers of multiverses.
_MULTIVERSE = frozenset(
    {
        *("printed_value", "combinations", "impossible", "with_estimate"),
        *("with_p_value", "distinct_results", "estimate_median", "p_median"),
        *("gives_printed", "keep_direction", "share_direction", "significant"),
        *("keep_significance", "share_significance", "exchanges"),
        *("p_median_effect", "p_significant"),
    }
)
_SHARES = ("proportion", "risk_difference", "survival_probability")


def workbook(
    tables: Mapping[str, Sequence[Mapping[str, str]]],
    columns: Mapping[str, Sequence[str]],
    model: Mapping,
    studies: Sequence[Mapping[str, object]],
    kinds: Mapping[str, str],
) -> bytes:
    """Return the workbook.

    ``tables`` are the rows of claims, estimates and the other tables as text, by name
    in the order wanted, ``columns`` their columns; ``model`` the document of the run,
    ``studies`` a row per study, ``kinds`` what the kinds of data are.
    """
    stream = BytesIO()
    book = Workbook(
        stream,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    book.set_properties({"title": model["title"], "created": DATE})
    sheets = _Sheets(book)
    sheets.add("Studies", list(studies[0]) if studies else ["study"], studies)
    for name, rows in tables.items():
        sheets.add(sheet_of(name), columns[name], rows)
    figures = [
        {
            "figure": block["number"],
            "file": block["file"],
            "source": block["source"],
            "caption": words_of(block["caption"]),
        }
        for block in model["blocks"]
        if block["kind"] == "figure"
    ]
    sheets.add("Figures", ["figure", "file", "source", "caption"], figures)
    sheets.add("Definitions", ["of", "name", "meaning"], _meanings(model, kinds))
    book.close()
    return stream.getvalue()


def sheet_of(table: str) -> str:
    """Return the name of a table's sheet."""
    return table.partition("_")[0].capitalize()


def _meanings(model: Mapping, kinds: Mapping[str, str]) -> list[dict[str, str]]:
    rows = [
        ("sheet", sheet, meaning) for sheet, meaning in definitions.sheets().items()
    ]
    rows += [
        ("verdict", verdict, meaning) for verdict, meaning in model["meanings"].items()
    ]
    rows += [("kind of data", kind, meaning) for kind, meaning in kinds.items()]
    rows += [
        (f"column of {sheet}", column, meaning)
        for sheet, described in definitions.columns().items()
        for column, meaning in described.items()
    ]
    return [dict(zip(("of", "name", "meaning"), row, strict=True)) for row in rows]


class _Sheets:
    """Writes tables, each a sheet with a frozen header and a filter."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.head = book.add_format(
            {"bold": True, "bottom": 1, "valign": "top", "text_wrap": True}
        )
        self.formats: dict[str, Format] = {}

    def add(
        self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
    ) -> None:
        """Add a sheet."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column, self.head)
        widths = [len(column) for column in columns]
        numeric = [_is_numeric(column, columns) for column in columns]
        for line, row in enumerate(rows, start=1):
            for place, column in enumerate(columns):
                cell = row.get(column)
                if cell is None or cell == "":
                    continue
                text = str(cell)
                if len(text) > widths[place]:
                    widths[place] = len(text)
                if isinstance(cell, int):
                    sheet.write_number(line, place, cell)
                elif numeric[place] and (number := _number(text)) is not None:
                    self._write_number(sheet, line, place, column, number, row)
                else:
                    if not text.isprintable():
                        text = str(cleaned(text))
                    sheet.write_string(line, place, text[:_LONGEST])
        for place, width in enumerate(widths):
            sheet.set_column(place, place, max(_NARROW, min(_WIDE, width) + 1))
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)

    def _write_number(
        self,
        sheet: Worksheet,
        line: int,
        place: int,
        column: str,
        number: float,
        row: Mapping,
    ) -> None:
        if math.isinf(number):
            sheet.write_string(line, place, MINUS * (number < 0) + INFINITY)
            return
        pattern = _pattern(column, number, row)
        if pattern not in self.formats:
            self.formats[pattern] = self.book.add_format({"num_format": pattern})
        sheet.write_number(line, place, number, self.formats[pattern])


def _is_numeric(column: str, columns: Sequence[str]) -> bool:
    """Tell whether a column of a sheet holds numbers."""
    if column == "printed_p_value" or (column == "conf_level" and "quote" in columns):
        return False  # as the source prints them
    return (
        column in NUMBERS
        or column in _CLAIM_NUMBERS
        or column in _COUNTS
        or column == "difference"
        or column in _MULTIVERSE
        or column == "timepoint"  # names of visits stay words
        or column.endswith(("_low", "_high", "_p_value", "_estimate"))
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _pattern(column: str, number: float, row: Mapping) -> str:
    """Return the number format that shows a number as a journal prints it."""
    if column in _COUNTS or column == "conf_level":
        return "General"
    if column.startswith("share_"):
        return "0.0%"
    if column == "timepoint":
        return _like(journal_time(str(number)))
    if column in _MULTIVERSE and column not in _P and "estimate_" not in column:
        return "General"
    if column == "difference" and row.get("recomputed"):
        # To the digits of what was recomputed: noise beyond them is no difference.
        shown = _like(beside_printed(float(str(row["recomputed"])), row))
        return "0.0000" if shown.startswith('"') else shown
    if _is_claim(row):  # in its printed unit
        return _like(beside_printed(number, row))
    unit = str(row.get("unit", ""))
    if "unit" not in row and row.get("statistic") in _SHARES:
        unit = "proportion"
    return _journal_pattern(column, number, str(row.get("statistic", "")), unit)


@lru_cache(maxsize=65536)
def _journal_pattern(column: str, number: float, statistic: str, unit: str) -> str:
    if column in _P:
        return _like(journal_number(number, field="p_value"))
    if column in ("df", "std_error", "effective_members"):
        return _like(journal_number(number))
    stem = column.removesuffix("_min").removesuffix("_max")
    field = stem if stem in ("test_statistic", "events", "n") else "estimate"
    shown = journal_number(number, statistic=statistic, unit=unit, field=field)
    return _like(shown, share=unit == "proportion")


def _is_claim(row: Mapping) -> bool:
    return "claim_id" in row and "interval_low" in row


def _like(shown: str, share: bool = False) -> str:
    """Return the format of a number whose text is ``shown``.

    A ``share`` is a part of one, which Excel itself shows in per cent.
    """
    if shown[:1] in ("<", ">"):
        return f'"{shown}"'
    percent = shown.endswith("%")
    whole, _, decimals = shown.rstrip("%").partition(".")
    digits = "0" + ("." + "0" * len(decimals) if decimals else "")
    if percent:
        return f"{digits}%" if share else f'{digits}"%"'
    return digits if whole.strip(MINUS).isdigit() else "General"
