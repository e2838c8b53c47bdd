"""One table of a study: its cells as numbers or text, and as printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reanalysis.errors import InputError
from reanalysis.studies.csv_table import expect_columns, number, read, short_name
from reanalysis.studies.derive import Columns, derive
from reanalysis.studies.selection import rows_where

#: Roles whose cells are numbers.
NUMERIC_ROLES = frozenset(
    {
        "time",
        "start",
        "stop",
        "event",
        "before",
        "after",
        "weight",
        "count",
        "exposure",
        "n",
        "mean",
        "sd",
        "median",
        "survival",
        "number_at_risk",
    }
)
#: Roles that hold times or amounts, never below zero.
NOT_NEGATIVE = frozenset(
    {
        "time",
        "start",
        "stop",
        "count",
        "exposure",
        "n",
        "sd",
        "weight",
        "number_at_risk",
    }
)
#: Whole numbers, known exactly however they are printed.
EXACT_ROLES = frozenset({"count", "n", "event", "number_at_risk"})


class Dataset:
    """One table: its cells as numbers or text, and as printed."""

    def __init__(
        self, name: str, declared: Mapping, files: Mapping[str, Path], study: Mapping
    ) -> None:
        self.name = name
        self.declared = declared
        self.path = files.get(
            declared["file"], files["study.yaml"].parent / declared["file"]
        )
        self.file = short_name(self.path)
        header, rows = read(self.path)
        expect_columns(self.path, header, list(declared["columns"]))
        self.rows = len(rows)
        if not rows and not declared.get("awaited"):
            raise InputError(
                "the table has no rows",
                file=self.file,
                expected="rows, or an 'awaited' text in study.yaml that says what is "
                "wanted and where the paper has it",
            )
        self.columns: Columns = {}
        self.printed: dict[str, list[str]] = {}
        for index, column in enumerate(header):
            cells = [row[index] for row in rows]
            self.columns[column] = self._typed(column, cells)
            self.printed[column] = cells
        self._check_unique()
        try:
            self.columns = derive(self.columns, declared.get("derive", {}))
        except InputError as error:
            raise InputError(
                str(error),
                file=short_name(files["study.yaml"]),
                column=f"datasets.{name}.derive",
            ) from None
        lost = study.get("lost_to_follow_up")
        self.lost = [False] * self.rows
        if lost:
            try:
                self.lost = rows_where(lost, self.columns)
            except InputError as error:
                # The condition belongs to the tables that have its column.
                if "there is no column" not in str(error):
                    raise InputError(str(error), file=self.file) from None

    def _typed(self, column: str, cells: list[str]) -> list[float | str | None]:
        declared = self.declared["columns"][column]
        coding = declared.get("coding")
        allowed = {str(code) for code in coding} if coding is not None else None
        if allowed is not None:
            for row, cell in enumerate(cells, start=2):
                if cell and cell not in allowed:
                    raise InputError(
                        "a value outside the coding",
                        file=self.file,
                        row=row,
                        column=column,
                        value=cell,
                        expected=", ".join(map(str, coding)),
                    )
        if not self._is_number(declared, cells):
            return [cell or None for cell in cells]
        values = [
            number(cell, path=self.path, row=row, column=column)
            for row, cell in enumerate(cells, start=2)
        ]
        role = declared["role"]
        for row, value in enumerate(values, start=2):
            if value is None:
                continue
            if value < 0 and role in NOT_NEGATIVE:
                raise InputError(
                    f"a negative {role}",
                    file=self.file,
                    row=row,
                    column=column,
                    value=cells[row - 2],
                    expected="zero or more",
                )
            if role in {"count", "n"} and not value.is_integer():
                raise InputError(
                    f"a {role} that is no whole number",
                    file=self.file,
                    row=row,
                    column=column,
                    value=cells[row - 2],
                    expected="a whole number",
                )
        return values

    @staticmethod
    def _is_number(declared: Mapping, cells: Sequence[str]) -> bool:
        if "type" in declared:
            return declared["type"] == "number"
        role = declared["role"]
        if role == "event":
            # Codes such as 'death' become events by event_from.
            codes = declared.get("coding")
            return codes is None or all(_is_numeric(str(code)) for code in codes)
        if role in NUMERIC_ROLES:
            return True
        if role == "value":
            return "coding" not in declared
        return role == "covariate" and "unit" in declared

    def _check_unique(self) -> None:
        roles = {c: d["role"] for c, d in self.declared["columns"].items()}
        if {"start", "stop", "visit", "cause", "cluster"} & set(roles.values()):
            return
        for column in (c for c, role in roles.items() if role == "id"):
            first: dict[object, int] = {}
            for row, value in enumerate(self.columns[column], start=2):
                if value in first:
                    raise InputError(
                        "an id stands twice",
                        file=self.file,
                        row=row,
                        column=column,
                        value=value,
                        expected=f"one row per patient (first in row {first[value]}); "
                        "give repeated rows a visit, start/stop or cause column",
                    )
                first[value] = row

    def summary(self) -> dict[str, object]:
        """Describe the table for the report and for who fills it."""
        keys = ("file", "kind", "source", "locator", "awaited", "note", "licence")
        return {
            **{key: self.declared.get(key, "") for key in keys},
            "rows": self.rows,
            "columns": {
                column: {k: d[k] for k in ("role", "label", "unit", "coding") if k in d}
                for column, d in self.declared["columns"].items()
            },
        }


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
