"""Put together what a run says, once for every format: the document of a run.

Sentences and tables are made of the rows of results as they stand; every number goes
through :mod:`reanalysis.formatting` or comes as text from the tables for readers.
"""

from __future__ import annotations

from collections.abc import Mapping

from reanalysis.bundles import methods_text
from reanalysis.bundles.document import (
    Block,
    Heading,
    Listing,
    References,
    Row,
    Strong,
    Table,
)
from reanalysis.bundles.methods_part import methods
from reanalysis.bundles.run import NOTICE, UNOBSERVED, Run, words
from reanalysis.bundles.study_part import (
    figure,
    sentence,
    shown_figures,
    study_blocks,
)
from reanalysis.bundles.summary_part import summary
from reanalysis.reporting.report import VERDICTS

#: Parts of the checks of printed numbers that are shown as tables.
_FINDINGS = ("impossible", "conflict", "misfit")


def document(run: Run) -> tuple[list[Block], dict[str, str]]:
    """Return the blocks of the document and the references it can cite, by key."""
    blocks: list[Block] = [
        *summary(run),
        *methods(run),
        Heading(1, "Studies"),
        *(block for study in run.page["studies"] for block in study_blocks(run, study)),
        *_others(run),
        *_findings(run),
        Heading(1, "References"),
        References(),
        Heading(1, "Figures and tables"),
        Heading(2, "Figures"),
        Listing("figure"),
        Heading(2, "Tables"),
        Listing("table"),
    ]
    return blocks, {**run.entries()[0], **methods_text.entries()}


def study_rows(run: Run) -> list[dict[str, object]]:
    """Return a row per study for the workbook of tables."""
    return [
        {
            "study": study["id"],
            "title": study["title"],
            "paper": study["citation"].get("text", ""),
            "patients": study["size"],
            "data": ", ".join(study["available"]),
            "failed": " ".join(m for m in [study["message"], *study["failures"]] if m),
            "printed numbers": study["total"],
            **{words(verdict): study["counts"][verdict] for verdict in VERDICTS},
        }
        for study in run.page["studies"]
    ]


def slides(run: Run, files: Mapping[str, str]) -> list[dict[str, object]]:
    """Return a slide per study: title, sentence, its main figure and verdicts.

    ``files`` are the numbered figures by their place under figures/.
    """
    return [_slide(run, study, files) for study in run.page["studies"]]


def _slide(run: Run, study: Mapping, files: Mapping[str, str]) -> dict[str, object]:
    name = _main_figure(run, study)
    place = f"{study['id']}/{name}" if name else ""
    kind = alt = ""
    if place:
        analysis = run.figures[study["id"]][name]
        declared = run.checked[study["id"]]["analyses"][analysis]["kind"]
        kind = UNOBSERVED.get(declared, f"{declared.capitalize()} data.")
        alt = figure(run, place, declared).alt
    return {
        "title": study["title"],
        "study": study["id"],
        "sentence": study["message"] or sentence(study),
        "counts": {
            words(v): study["counts"][v] for v in VERDICTS if study["counts"][v]
        },
        "figure": place,
        "label": files.get(place, ""),
        "kind": kind,
        "alt": alt,
    }


def _main_figure(run: Run, study: Mapping) -> str:
    """Return the figure of the analysis with most tested numbers, its data first."""
    tested = {group["id"]: len(group["claims"]) for group in study["tested"]}
    figures = [
        (analysis != name, -tested.get(analysis, 0), number, name)
        for number, (name, analysis) in enumerate(
            shown_figures(run, study["id"]).items()
        )
    ]
    return min(figures)[-1] if figures else ""


def _others(run: Run) -> list[Block]:
    """Return figures that belong to no single study, under a heading of their own.

    Where something private is left out, they are too: they may be made of it.
    """
    if run.left_out:
        return []
    found = [
        figure(run, place)
        for place, text in run.captions.items()
        if place.partition("/")[0] not in {"overview", *run.figures}
        and NOTICE not in text
    ]
    return [Heading(1, "Further figures"), *found] if found else []


def _findings(run: Run) -> list[Block]:
    parts = [p for p in run.page["consistency"]["parts"] if p["id"] in _FINDINGS]
    tables = [
        Table(
            key=f"findings:{part['id']}",
            caption=[Strong(f"{part['title']}."), f" {part['about']}"],
            header=["Study", "Numbers", "What was found"],
            widths=[20, 18, 62],
            rows=[
                Row([[line["study"]], [", ".join(line["claims"])], [line["reason"]]])
                for line in part["lines"]
            ],
        )
        for part in parts
    ]
    return [Heading(1, "Printed numbers among each other"), *tables] if tables else []
