"""Incidences of competing causes with their test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reanalysis.presentation.analysis import Analysis, Panel, Rows
from reanalysis.presentation.wording import (
    is_number,
    tested,
)
from reanalysis.reporting.forest_rows import estimate_text

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the incidences of an endpoint and return what is drawn."""
    from reanalysis.figures import incidence

    table = panel.tables["incidence"]
    groups = list(dict.fromkeys(str(g) for g in table["group"]))
    causes = list(dict.fromkeys(str(c) for c in table["cause"]))
    rows = [r for r in analysis.rows_of(panel.endpoint) if r["cause"] == causes[0]]
    own = analysis.printed_of(panel.endpoint)
    incidences = [r for r in rows if r["statistic"] == "cumulative_incidence"]
    analysis.shown += [
        r
        for r in rows
        if r["statistic"] in ("cumulative_incidence", "median_survival")
        and r["group"] in groups
    ]
    # The overall test, or that of the two groups.
    tests = [
        r
        for r in rows
        if r["statistic"] == "incidence_test" and not math.isnan(r["p_value"])
    ]
    overall = [r for r in tests if not r["reference"]] or tests
    analysis.shown += overall[:1]
    remarks = [
        tested(
            r,
            [p for p in own if p.place[1] == "incidence_test" and p.field == "p_value"]
            if number == 0
            else [],
        )
        for number, r in enumerate(overall)
        if r["group"] == overall[0]["group"]
    ]
    incidence.draw(
        sheet,
        incidence.Competing(
            title=panel.title,
            time_unit=panel.sample["time_unit"],
            kind=analysis.declared["kind"],
            tables=panel.tables,
            causes=causes,
            groups=groups,
            said={g: _incidence_said(g, incidences, rows) for g in groups},
            remarks=remarks,
            printed=[
                (p.place[2], float(p.place[5]), p.value, f"{p.text} ({p.claim_id})")
                for p in own
                if p.place[1] == "cumulative_incidence"
                and p.field == "estimate"
                and is_number(p.place[5])
                and math.isfinite(p.value)
                and p.place[2] in groups
            ],
        ),
    )
    seen = "hatched" if analysis.declared["kind"] != "individual" else "shaded"
    said = (
        f"Cumulative incidence of each cause; {seen}: pointwise limits; thin "
        "dashes in the same colour: 1 minus Kaplan-Meier, which censors the other "
        "causes and so lies above the share of patients who had the event. The "
        "vertical scales of the panels differ. The table counts patients at risk "
        "at each time, and events of interest, competing events and censorings "
        "before it."
    )
    if len(groups) <= incidence.MOST_STACKS:
        said += (
            " Below, the causes are stacked: what is left white had no event; a "
            "hatched end is beyond the last follow-up."
        )
    return said


def _incidence_said(group: str, incidences: Rows, rows: Rows) -> str:
    """Say how many had the event of interest, and the incidence last asked for."""
    own = [
        r for r in incidences if r["group"] == group and not math.isnan(r["estimate"])
    ]
    count = next(
        (r for r in rows if r["group"] == group and not math.isnan(r["n"])), None
    )
    text = group or "All patients"
    if count is not None:
        text += f": n = {count['n']:.0f}, {count['events']:.0f} events"
    if own:
        row = own[-1]
        unit = f" {row['time_unit']}" if row["time_unit"] else ""
        shown = estimate_text(row).replace("(", f"({100 * row['conf_level']:g}% CI, ")
        text += f"; {shown} by {float(row['timepoint']):g}{unit}"
    return text
