"""Assemble what the report page shows, study by study, and fill the template.

Everything here is plain data and sentences; how it looks is the template's. No
number is decided on here: estimates and verdicts are read as they stand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reanalysis.reporting import study_section
from reanalysis.reporting.consistency_page import consistency
from reanalysis.reporting.content_policy import content_policy
from reanalysis.reporting.meanings import DISAGREE, KINDS, UNTESTED, VERDICTS
from reanalysis.reporting.pictures import figure, picture
from reanalysis.rows import read_estimates, read_rows
from reanalysis.words import choice_named

#: The templates, the style and the script of the page.
PAGE = Path(__file__).with_name("page")
#: The figures of all studies together, with what they show.
OVERVIEW = {
    "scoreboard": "Figure: verdicts by study, as counted in the table of studies.",
    "evidence_map": "Figure: verdicts by study and method.",
}


def page_data(
    checked: Sequence[str],
    drawn: Sequence[str],
    tables: Mapping[str, str],
    figure_folder: str,
    title: str,
    studies: Mapping[str, Mapping[str, str]],
) -> dict[str, object]:
    """Return everything the page shows.

    ``checked`` and ``drawn`` are the json files of the studies and of their
    methods, ``tables`` the csv of results by name, ``studies`` maps each study
    to its figures and the analysis each belongs to.
    """
    loaded = {study["id"]: study for study in map(_read_json, checked)}
    failures: dict[str, list[str]] = {}
    found: dict[str, list[Mapping]] = {}
    members: dict[str, Mapping[str, Mapping]] = {}
    for path in drawn:
        said, study = _read_json(path), Path(path).parent.name
        if message := said.get("failed"):
            failures.setdefault(study, []).append(message)
        if "checks" in said:
            found[study] = said["checks"]
        if "datasets" in said:
            members[study] = said["datasets"]
    parts = {
        table: _by_study(read_rows(tables[table]))
        for table in (
            "claims",
            "checks",
            "sensitivity",
            "multiverse_summary",
            "requests",
        )
    }
    parts["estimates"] = _by_study(read_estimates(tables["estimates"]))
    sections = [
        study_section.section(
            loaded[name],
            failures.get(name, []),
            {table: rows.get(name, []) for table, rows in parts.items()},
            [
                figure(figure_folder, name, drawing, loaded[name], analysis)
                for drawing, analysis in figures.items()
            ],
            members.get(name, {}),
        )
        for name, figures in studies.items()
    ]
    for section, before, after in zip(
        sections, [None, *sections], [*sections[1:], None], strict=False
    ):
        section["previous"] = before["id"] if before else ""
        section["next"] = after["id"] if after else ""
    counts = Counter(
        row["verdict"] for rows in parts["claims"].values() for row in rows
    )
    return {
        "title": title,
        "studies": sections,
        "failed": [s for s in sections if s["message"] or s["failures"]],
        "verdicts": [
            {"name": name, "mark": mark, "meaning": meaning, "count": counts[name]}
            for name, (mark, meaning) in VERDICTS.items()
        ],
        "shown": [name for name in VERDICTS if counts[name]],
        "total": sum(counts.values()),
        "kinds": KINDS,
        "summary": _summary(counts),
        "disagree": [name for name in DISAGREE if counts[name]],
        "kinds_shown": [
            kind
            for kind in KINDS
            if any(
                row["kind"] == kind for rows in parts["claims"].values() for row in rows
            )
        ],
        "wanted": sorted(
            ((s, request) for s in sections for request in s["requests"]),
            key=lambda pair: -len(pair[1]["claims"]),
        ),
        "consistency": consistency(found),
        "overview": [
            {**shown, "name": name, "alt": shown["alt"] or alt}
            for name, alt in OVERVIEW.items()
            for shown in [picture(Path(figure_folder, "overview", name))]
        ],
    }


def render(page: Mapping) -> str:
    """Return the page as HTML; every text in it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    style, script = (
        (PAGE / f"report.{ending}").read_text(encoding="utf-8")
        for ending in ("css", "js")
    )
    environment.filters["words"] = _words
    environment.filters["choice"] = choice_named
    environment.globals |= {
        "marks": {name: mark for name, (mark, _) in VERDICTS.items()},
        "parts": study_section.PARTS,
        "style": Markup(style),
        "script": Markup(script),
        "policy": content_policy(style, script),
    }
    return environment.get_template("report.html.jinja").render(page)


def _read_json(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _by_study(rows: Iterable[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    parts: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        parts.setdefault(row["study"], []).append(row)
    return parts


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _summary(counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many claims were tested, agree, disagree, wait and the rest."""
    agree = counts["reproduced"] + counts["reproduced_by_convention"]
    rebuilt = counts["compatible"] + counts["attainable"]
    disagree = sum(counts[verdict] for verdict in DISAGREE)
    return {
        "tested": agree + rebuilt + disagree,
        "agree": agree,
        "rebuilt": rebuilt,
        "disagree": disagree,
        "waiting": counts["not_recomputable"],
        "untested": sum(counts[verdict] for verdict in UNTESTED),
    }
