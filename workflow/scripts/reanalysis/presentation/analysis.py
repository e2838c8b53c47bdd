"""One analysis on its way to a figure: its rows, and what papers print beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reanalysis.analyses import PRIMARY
from reanalysis.formatting import capitalised
from reanalysis.presentation.wording import against, tested
from reanalysis.reporting.printed import (
    PrintedNumber,
    label_of,
    place_of,
    printed_said,
)

Rows = Sequence[Mapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One endpoint of a figure, or one column of its model.

    ``tables`` is the data its method gives for drawing, ``sample`` what was checked
    of its patients; ``title`` is empty where the figure has one panel.
    """

    tables: Mapping[str, Mapping[str, Sequence]]
    sample: Mapping
    endpoint: str
    title: str
    column: str = ""


class Analysis:
    """One analysis of a study on its way to a figure.

    ``tables`` are the panels' data, ``ladders`` the p-values its tests can give,
    ``rows`` its own estimates, ``everything`` those of the study; ``printed`` are the
    printed numbers of all analyses of the study.
    """

    def __init__(
        self,
        *,
        study: Mapping,
        name: str,
        tables: Sequence[Mapping],
        ladders: Sequence[Mapping],
        rows: Rows,
        everything: Rows,
        printed: Mapping[str, Sequence[PrintedNumber]],
    ) -> None:
        self.study = study
        self.declared = study["analyses"][name]
        self.endpoint = str(self.declared["endpoint"])
        self.tables = tables
        self.ladders = ladders
        self.rows = rows
        self.primary = [row for row in rows if row["scenario"] == PRIMARY]
        self.everything = everything
        self.printed = list(printed.get(name, []))
        self.others = printed
        #: Rows that the caption speaks of.
        self.shown: list[Mapping] = []

    def rows_of(self, endpoint: str) -> list[Mapping]:
        """Return the primary rows of an endpoint."""
        return [r for r in self.primary if r["endpoint"] in (endpoint, self.endpoint)]

    def rows_of_column(
        self, statistic: str, endpoint: str, column: str
    ) -> list[Mapping]:
        """Return the primary rows of one column of a model ("" for all together)."""
        return [
            row
            for row in self.rows_of(endpoint)
            if row["statistic"] == statistic and (row["term"] or against(row)) == column
        ]

    def printed_of(self, endpoint: str) -> list[PrintedNumber]:
        """Return the printed numbers of an endpoint."""
        return [p for p in self.printed if p.place[0] in (endpoint, self.endpoint)]

    def beside(self, row: Mapping, *fields: str) -> str:
        """Return ``; printed 4.5 (F16)`` for what is printed of a row, or nothing."""
        own = [
            p for p in self.printed if p.place == place_of(row) and p.field in fields
        ]
        return f"; {printed_said(own)}" if own else ""

    def axis(self, panel: Panel) -> str:
        """Name the axis of what was measured, with its unit."""
        text = panel.endpoint or self.endpoint
        unit = f" ({panel.sample['unit']})" if panel.sample["unit"] else ""
        return f"{capitalised(text)}{unit}"

    def tests(self, endpoint: str, most: int = 4) -> list[str]:
        """Return the primary test of each comparison with the printed p beside it."""
        said: dict[tuple, str] = {}
        for row in self.rows_of(endpoint):
            place = (row["group"], row["reference"], row["timepoint"])
            if math.isnan(row["p_value"]) or place in said:
                continue
            own = [
                p
                for p in self.printed
                if p.field == "p_value"
                and (p.place[2], p.place[3]) == (row["group"], row["reference"])
                and p.place[5] == label_of(row["timepoint"])
            ]
            about = [against(row)]
            if row["timepoint"] not in ("", None):
                about.append(f"visit {label_of(row['timepoint'])}")
            head = ", ".join(part for part in about if part)
            self.shown.append(row)
            said[place] = (f"{head}: " if head else "") + tested(row, own)
        lines = list(said.values())
        if len(lines) > most:
            lines = [*lines[: most - 1], f"{len(lines) - most + 1} more in the results"]
        return lines

    def compared(self) -> list[PrintedNumber]:
        """Return the printed numbers of what is drawn, for the caption."""
        places = {(str(row["analysis"]), place_of(row)) for row in self.shown}
        return [
            p
            for numbers in self.others.values()
            for p in numbers
            if (p.analysis, p.place) in places
        ]


def column_of(table: Mapping[str, Sequence], column: str) -> dict[str, list]:
    """Return the rows of a table that belong to one column of a model."""
    held = [str(name) == column for name in table["column"]]
    return {
        key: [v for v, kept in zip(values, held, strict=True) if kept]
        for key, values in table.items()
    }
