"""Every patient of a small trial as a bar, from the rows as checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.formatting import capitalised
from reanalysis.presentation.analysis import Analysis
from reanalysis.presentation.kaplan_meier import group_lines

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet
    from reanalysis.figures.swimmer import Bar

#: Said when there is none to draw.
UNDRAWN = "No patient can be drawn: no row has a time of follow-up."


def draw(sheet: Sheet, analysis: Analysis) -> str | None:
    """Fill the sheet and return what is drawn; None when no row has a time."""
    from reanalysis.figures import swimmer

    several = len(analysis.declared["samples"]) > 1
    begun = sheet.y
    for sample in analysis.declared["samples"]:
        groups, events = _bars(analysis, sample)
        if not groups:
            continue
        if sheet.y > begun:
            sheet.y += 6
        swimmer.draw(
            sheet,
            swimmer.Swimmers(
                title=capitalised(sample["endpoint"]) if several else "",
                kind=analysis.declared["kind"],
                time_unit=sample["time_unit"],
                groups=groups,
                said=group_lines(analysis, sample["endpoint"], list(groups)),
                events=events,
            ),
        )
    if sheet.y == begun:
        return None
    return (
        "A bar is a patient, from the start to the end of follow-up, those followed "
        "longest on top; a mark is an event, an arrow the end of follow-up without it."
    )


def _bars(
    analysis: Analysis, sample: Mapping
) -> tuple[dict[str, list[Bar]], list[str]]:
    """Return the bars of each group, longest first, and the names of the events."""
    from reanalysis.figures.swimmer import Bar

    columns = sample["columns"]
    stops = columns.get("time", columns.get("stop"))
    if not stops:
        return {}, []
    starts = columns.get("start", [0.0] * len(stops))
    labels = columns.get("group", [""] * len(stops))
    what = _events(analysis, sample)
    patients: dict[tuple[str, str], list[int]] = {}
    for row, (label, person) in enumerate(zip(labels, sample["people"], strict=True)):
        patients.setdefault((str(label), str(person)), []).append(row)
    groups: dict[str, list[Bar]] = {}
    for (label, person), rows in patients.items():
        stop = max(stops[row] for row in rows)
        final = max(rows, key=lambda row: stops[row])
        bar = Bar(
            # The number of a row in a file is no patient's number.
            label="" if person.startswith("row ") else person,
            start=min(starts[row] for row in rows),
            stop=stop,
            events=[(stops[row], what[row]) for row in rows if what[row]],
            ongoing=not what[final],
        )
        groups.setdefault(label, []).append(bar)
    order = [g for g in sample["groups"] if g in groups] or list(groups)
    names = list(dict.fromkeys(name for name in what if name))
    return {
        group: sorted(groups[group], key=lambda bar: (-bar.stop, len(bar.events)))
        for group in order
    }, names


def _events(analysis: Analysis, sample: Mapping) -> Sequence[str]:
    """Return what ended each row: the name of the event, or nothing."""
    columns = sample["columns"]
    if "cause" in columns:
        censored = set(analysis.declared["options"]["causes"]["censored"])
        return ["" if str(c) in censored else str(c) for c in columns["cause"]]
    name = _event_named(analysis)
    return [name if happened else "" for happened in columns["event"]]


def _event_named(analysis: Analysis) -> str:
    """Name the event as the study labels its column."""
    column = str(analysis.declared["columns"].get("event", "event"))
    dataset = analysis.study["datasets"].get(analysis.declared["dataset"], {})
    declared = dataset.get("columns", {}).get(column, {})
    return str(declared.get("label", column.replace("_", " ")))
