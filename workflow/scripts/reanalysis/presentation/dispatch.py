"""Decide which drawing serves which analysis, and write a study's figures.

A figure has a module here, which says what it shows in words and numbers, and one of
the same name in ``figures``, which draws it. A method's figure of its patients is
chosen by the tables the method gives (:data:`BY_TABLE`), a figure of its own by what
the name has beyond the analysis' (:data:`BY_PART`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from reanalysis.analyses import PRIMARY
from reanalysis.formatting import capitalised
from reanalysis.presentation import (
    alt_text,
    balance,
    chances,
    courses,
    forest,
    groups,
    incidence,
    kaplan_meier,
    ladder,
    likelihood,
    mean_cumulative,
    member_forest,
    paired,
    residuals,
    selection,
    specification_curve,
    swimmer,
    veil,
    visits,
)
from reanalysis.presentation.analysis import Analysis, Panel, Rows
from reanalysis.presentation.files import write_figure
from reanalysis.reporting import captions
from reanalysis.reporting.forest_rows import name_of
from reanalysis.reporting.printed import printed_numbers

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: Figures of patients' data, in the order they are drawn: by the table they need.
BY_TABLE = {
    "veil": veil,
    "curve": kaplan_meier,
    "incidence": incidence,
    "pairs": paired,
    "visits": visits,
    "courses": courses,
    "values": groups,
    "chances": chances,
    "mean_cumulative": mean_cumulative,
    "selection": selection,
    "balance": balance,
}
#: Figures of a model, a panel per column: by the end of their name.
BY_PART = {"likelihood": likelihood, "residuals": residuals}
#: Figures that need no table of the method: by the end of their name.
OF_ITSELF = {"swimmer": swimmer, "attainable": ladder}


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a figure: title, caption, and a text for who cannot see it."""

    title: str
    caption: str
    alt: str


class Results:
    """What the jobs before left of one study, from which its figures are made.

    ``tables`` maps an analysis to the data its method gives for drawing, ``ladders``
    to the p-values that tests can give for it, ``curves`` the figure of a multiverse to
    its data; ``failures`` tells why a method, or its multiverse, has none.
    """

    def __init__(
        self,
        study: Mapping,
        *,
        tables: Mapping[str, list],
        ladders: Mapping[str, list],
        failures: Mapping[str, str],
        rows: Rows,
        claims: Rows,
        curves: Mapping[str, Mapping] = MappingProxyType({}),
    ) -> None:
        self.study = study
        self.curves = curves
        self.tables = tables
        self.ladders = ladders
        self.failures = failures
        self.rows = rows
        self.printed = printed_numbers(claims, rows)
        self.by_analysis: dict[str, list[Mapping]] = {}
        for row in rows:
            self.by_analysis.setdefault(str(row["analysis"]), []).append(row)

    def fill(self, sheet: Sheet, name: str, analysis: str) -> Told:
        """Put the figure of that name on a sheet and return what is to be told of it.

        Whatever failed (the study, or the method) becomes a figure that says so.
        """
        from reanalysis.figures.sheet import notice

        title = (
            f"{self.study.get('title', self.study['id'])}: "
            f"{_label(self.study, analysis)}"
        )
        problem = _problem(self.study, analysis, self.failures)
        if not problem:
            part = name.removeprefix(analysis).removeprefix("_")
            own = self.by_analysis.get(analysis, [])
            shown = Analysis(
                study=self.study,
                name=analysis,
                tables=self.tables.get(analysis, []),
                ladders=self.ladders.get(analysis, []),
                rows=own,
                everything=self.rows,
                printed=self.printed,
            )
            if part.startswith("multiverse_"):
                caption = _multiverse(sheet, shown, self.curves.get(name))
                problem = self.failures.get(f"multiverse_{shown.declared['method']}")
                problem = problem or specification_curve.UNDRAWN
            else:
                caption = _captioned(sheet, shown, part)
                undrawn = {**BY_PART, **OF_ITSELF}.get(part)
                problem = undrawn.UNDRAWN if undrawn else _no_numbers(own)
            if caption:
                kind = shown.declared["kind"]
                alt = alt_text.described(title, kind, sheet.drawn)
                return Told(title, caption, alt)
        notice(sheet, _label(self.study, analysis), problem)
        text = captions.failure(title, problem)
        return Told(title, text, text.strip())


def draw(
    results: Results, *, figures: Mapping[str, str], looks: Mapping, folder: str
) -> None:
    """Write every figure of one study; ``figures`` maps each to its analysis."""
    from reanalysis.figures.sheet import filled
    from reanalysis.figures.style import Look

    look = Look.of(looks)
    with look.applied():
        for name, analysis in figures.items():
            sheet, told = filled(
                look,
                lambda sheet, name=name, analysis=analysis: results.fill(
                    sheet, name, analysis
                ),
            )
            write_figure(
                f"{folder}/{name}", sheet, look,
                caption=told.caption, alt=told.alt, title=told.title,
            )  # fmt: skip


def _label(study: Mapping, analysis: str) -> str:
    declared = study.get("analyses", {}).get(analysis, {})
    text = str(declared.get("label", analysis.replace("_", " ")))
    return capitalised(text)


def _problem(study: Mapping, analysis: str, failures: Mapping[str, str]) -> str:
    if study["status"] != "ok":
        return f"The study could not be read. {study['message']}"
    declared = study["analyses"].get(analysis)
    if declared is None:
        return "The study declares no such analysis."
    return failures.get(declared["method"], "")


def _no_numbers(rows: Rows) -> str:
    """Say why no scenario gives a number that could be drawn."""
    empty = [r for r in rows if math.isnan(r["estimate"]) and math.isnan(r["p_value"])]
    named = [
        f"{name_of(str(r['statistic'])).lower()}: {r['note']}"
        for r in empty
        if r["note"] and r["scenario"] == PRIMARY
    ]
    if not named:
        return "The method gave no number for these data."
    said = "; ".join(list(dict.fromkeys(named))[:3])
    return f"No scenario gives a number to draw ({said})."


def _multiverse(sheet: Sheet, analysis: Analysis, found: Mapping | None) -> str | None:
    """Draw the curve of a multiverse and return its caption, None without a number."""
    drawn = specification_curve.draw(sheet, found) if found else None
    if drawn is None:
        return None
    return specification_curve.caption(analysis.study, analysis.declared, found, drawn)


def _captioned(sheet: Sheet, analysis: Analysis, part: str) -> str | None:
    """Fill the sheet and return the caption; None when there is nothing to draw.

    ``part`` is what the figure's name has beyond the analysis': nothing,
    ``sensitivity``, or a part of a model.
    """
    sensitivity = part == "sensitivity"
    if part in BY_PART:
        drawn = _model(sheet, analysis, part)
    elif part in OF_ITSELF:
        drawn = OF_ITSELF[part].draw(sheet, analysis)
    else:
        drawn = None if sensitivity else _data(sheet, analysis)
        if drawn is None and member_forest.made_of_members(analysis.primary):
            drawn = member_forest.draw(sheet, analysis)
        elif drawn is None:
            drawn = forest.draw(sheet, analysis, sensitivity=sensitivity)
    if drawn is None:
        return None
    if part == "attainable":
        return captions.attainable(
            study=analysis.study, analysis=analysis.declared, drawn=drawn
        )
    return captions.caption(
        study=analysis.study,
        analysis=analysis.declared,
        method=analysis.declared["method"],
        drawn=drawn,
        rows=analysis.shown or analysis.primary,
        printed=analysis.compared(),
        sensitivity=sensitivity or drawn.startswith("Rows are scenarios"),
    )


def _data(sheet: Sheet, analysis: Analysis) -> str | None:
    """Draw the patients' data, None when the method gave none."""
    samples = analysis.declared["samples"]
    parts = [(n, part) for n, part in enumerate(analysis.tables) if part["tables"]]
    said = None
    for number, part in parts:
        panel = Panel(
            tables=part["tables"],
            # Members have no sample of patients; a unit of time is all they share.
            sample=samples[number] if samples else analysis.declared,
            endpoint=part["endpoint"],
            title=part["endpoint"] if len(parts) > 1 else "",
        )
        mark = sheet.y
        for table, figure in BY_TABLE.items():
            if _filled(panel.tables.get(table)):
                text = figure.draw(sheet, analysis, panel)
                said = text if said in (None, text) else f"{said} {text}"
        if sheet.y > mark:
            sheet.y += 6
    return said


def _model(sheet: Sheet, analysis: Analysis, part: str) -> str | None:
    """Draw the likelihood or the residuals of a model, a panel per column."""
    said = None
    for sample, found in zip(
        analysis.declared["samples"], analysis.tables, strict=True
    ):
        table = found["tables"].get(part)
        if not _filled(table):
            continue
        for column in dict.fromkeys(map(str, table["column"])):
            where = [found["endpoint"]] if len(analysis.tables) > 1 else []
            title = ", ".join([*where, column])
            panel = Panel(
                tables=found["tables"],
                sample=sample,
                endpoint=found["endpoint"],
                title=capitalised(title),
                column=column,
            )
            said = BY_PART[part].draw(sheet, analysis, panel)
            sheet.y += 6
    return said


def _filled(table: Mapping[str, Sequence] | None) -> bool:
    return bool(table) and len(next(iter(table.values()))) > 0
