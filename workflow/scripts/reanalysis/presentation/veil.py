"""Curves of the members of an ensemble with medians and printed numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.formatting import capitalised
from reanalysis.presentation.analysis import Analysis, Panel
from reanalysis.presentation.member_forest import priors_said
from reanalysis.presentation.wording import is_number
from reanalysis.reporting.forest_rows import short_time
from reanalysis.reporting.printed import PrintedNumber, printed_said

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def draw(sheet: Sheet, analysis: Analysis, panel: Panel) -> str:
    """Add the veil of every prior and return what is drawn.

    The panel has the tables ``veil`` (:func:`reanalysis.ensembles.estimates.veil`),
    ``middle`` (:func:`reanalysis.ensembles.middle_curve.middle`) and, where a curve
    was read off a figure, ``printed``: group, time, survival, error.
    """
    from reanalysis.figures import veil

    tables = panel.tables
    groups = list(dict.fromkeys(str(g) for g in tables["veil"]["group"]))
    kind = analysis.declared["kind"]
    axis = panel.endpoint or analysis.endpoint
    if axis.lower().startswith(("time ", "duration ", "waiting ")):
        axis = "still without the event"
    shown = ("median_survival", "survival_probability", "restricted_mean")
    for number, prior in enumerate(dict.fromkeys(map(str, tables["veil"]["prior"]))):
        rows = [r for r in analysis.rows_of(panel.endpoint) if str(r["prior"]) == prior]
        own = analysis.printed_of(panel.endpoint)
        analysis.shown += [
            r for r in rows if r["statistic"] in shown and r["group"] in groups
        ]
        sheet.y += 6 if number else 0
        veil.draw(
            sheet,
            veil.Veil(
                title=capitalised(prior.replace("_", " ")),
                axis=f"{capitalised(axis)} (%)",
                time_unit=panel.sample["time_unit"],
                kind=kind,
                veil=_of_prior(tables["veil"], prior),
                middle=_of_prior(tables["middle"], prior),
                printed=tables.get("printed", {}),
                groups=groups,
                said={group: _said(group, rows, own) for group in groups},
                points=[
                    (p.place[2], float(p.place[5]), p.value, f"{p.text} ({p.claim_id})")
                    for p in own
                    if p.place[1] == "survival_probability"
                    and p.field == "estimate"
                    and is_number(p.place[5])
                    and math.isfinite(p.value)
                    and p.place[2] in groups
                ],
            ),
        )
    said = (
        f"Kaplan-Meier curves of {kind} data sets, none of which was observed: a thin "
        "line is one data set that agrees with what is printed; the thick line is the "
        "median of all of them at each time, each carried on flat beyond its last "
        "patient."
    )
    if tables.get("printed"):
        said += " Points: the printed curve as read, with the largest error of reading."
    return said + priors_said(analysis)


def _of_prior(table: Mapping[str, Sequence], prior: str) -> dict[str, list]:
    """Return the rows of a table that one prior gave, without its name."""
    held = [str(name) == prior for name in table.get("prior", ())]
    return {
        key: [v for v, kept in zip(values, held, strict=True) if kept]
        for key, values in table.items()
        if key != "prior"
    }


def _said(group: str, rows: Sequence[Mapping], own: Sequence[PrintedNumber]) -> str:
    """Return a group with its median over members, the band and the printed median."""
    name = group or "All patients"
    row = next(
        (
            r
            for r in rows
            if r["statistic"] == "median_survival" and r["group"] == group
        ),
        None,
    )
    if row is None:
        return name
    unit = f" {row['unit']}" if row["unit"] else ""
    if math.isnan(row["estimate"]):
        text = f"{name}: median not reached in half of the data sets or more"
    else:
        text = f"{name}: median {short_time(row['estimate'])}{unit}"
    ends = (row["band_low"], row["band_high"])
    if not all(math.isnan(x) for x in ends):
        low, high = ("not reached" if math.isnan(x) else short_time(x) for x in ends)
        text += (
            f" (95% of data sets, {low} to {high})"
            if low != high
            else (" (the same in 95% of data sets)")
        )
    printed = printed_said(
        [
            p
            for p in own
            if p.place[1] == "median_survival"
            and p.field == "estimate"
            and p.place[2] == group
        ]
    )
    return f"{text}; {printed}" if printed else text
