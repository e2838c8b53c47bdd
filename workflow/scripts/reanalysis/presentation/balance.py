"""Likeness of matched groups, and who was matched with whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reanalysis.analyses import HEADLINE
from reanalysis.presentation.analysis import Analysis, Panel
from reanalysis.reporting.forest_rows import estimate_text, name_of

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the balance of the covariates and return what is drawn."""
    from reanalysis.figures import balance, matches

    table = panel.tables["balance"]
    found: dict[str, dict[str, float]] = {}
    for term, when, value in zip(
        table["term"], table["when"], table["difference"], strict=True
    ):
        found.setdefault(str(term), {})[str(when)] = float(value)
    balance.draw(
        sheet,
        title=panel.title,
        kind=analysis.declared["kind"],
        rows=[
            (_named(analysis, term), own["before matching"], own["after matching"])
            for term, own in found.items()
        ],
        remarks=[
            " against ".join(panel.sample["groups"]),
            *_effects(analysis, panel.endpoint),
        ],
    )
    said = (
        "Open circles: before matching; filled: after; dashed line: 0.1, beyond "
        "which groups are called unlike."
    )
    if "matches" not in panel.tables:
        return said
    sheet.y += 4
    columns = panel.tables["matches"]
    matches.draw(
        sheet,
        title="",
        kind=analysis.declared["kind"],
        groups=(panel.sample["groups"][0], panel.sample["groups"][1]),
        patients=[
            dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ],
    )
    return (
        f"{said} Below, a mark is a patient at the propensity score; lines join "
        "matched patients, open marks are patients left out."
    )


def _named(analysis: Analysis, term: str) -> str:
    """Name a covariate, or a level of one, as the study does for readers."""
    name, _, level = term.partition("=")
    columns = analysis.study["datasets"].get(analysis.declared["dataset"], {})
    declared = columns.get("columns", {}).get(name, {})
    label = str(declared.get("label", name.replace("_", " ")))
    coding = declared.get("coding")
    if level and isinstance(coding, Mapping):
        level = str(coding.get(level, level))
    return f"{label}: {level}" if level else label


def _effects(analysis: Analysis, endpoint: str) -> list[str]:
    """Return the effects of an endpoint with limits, the matched one first."""
    lines, seen = [], set()
    for row in analysis.rows_of(endpoint):
        place = (row["statistic"], row["term"])
        if (
            row["statistic"] not in HEADLINE
            or place in seen
            or math.isnan(row["estimate"])
        ):
            continue
        seen.add(place)
        if lines and row["statistic"] != analysis.shown[0]["statistic"]:
            continue
        name = name_of(str(row["statistic"])).lower()
        head = f"{row['term']}: {name}"
        lines.append(
            f"{head[:1].upper()}{head[1:]} {estimate_text(row)}"
            + analysis.beside(row, "estimate", "p_value")
        )
        analysis.shown.append(row)
        if len(lines) == 1:
            lines += _ties(analysis, row)
    return lines


def _ties(analysis: Analysis, shown: Mapping) -> list[str]:
    """Say how far an effect moves over equally good matchings."""
    about = f"{str(shown['statistic']).replace('_', ' ')} over"
    ends = [
        estimate_text({**row, "statistic": shown["statistic"]})
        for statistic in ("minimum", "maximum")
        for row in analysis.primary
        if row["statistic"] == statistic
        and str(row["term"]).startswith(about)
        and row["endpoint"] == shown["endpoint"]
    ]
    if len(ends) < 2:
        return []
    return [f"Over equally good matchings it runs from {ends[0]} to {ends[1]}"]
