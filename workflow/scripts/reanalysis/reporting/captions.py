"""The words under a figure: what it shows, of which data, and when it misleads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reanalysis.formatting import (
    beside_printed,
    capitalised,
    journal_number,
    journal_time,
    significant,
)
from reanalysis.reporting.convention_text import short_convention
from reanalysis.reporting.forest_rows import name_of
from reanalysis.reporting.printed import PrintedNumber
from reanalysis.words import method_named

#: What each kind of data is.
KINDS = {
    "individual": "individual patient data, as published",
    "summary": "summary data: counts, means or medians as printed, no patient rows",
    "curve": "curve data: coordinates read off a published figure, not patients",
    "reconstructed": (
        "reconstructed data: patient rows rebuilt from a published curve or table, "
        "not observed"
    ),
    "simulated": (
        "simulated data: drawn so that they agree with what is printed, not observed"
    ),
}

#: Methods whose patients can have several events.
COUNTING = frozenset({"rates", "recurrent_events", "before_after_counts"})

#: What a method estimates, and when it misleads.
METHODS = {
    "kaplan_meier": (
        "The curve estimates the share of patients who are still without the event "
        "at each time. It misleads where few patients are at risk, and where those "
        "lost to follow-up differ from those who stay or another event prevents this "
        "one."
    ),
    "log_rank": (
        "The p-value says how often chance alone would separate curves this far. It "
        "says nothing of the size of a difference and misses differences when curves "
        "cross; MaxCombo misses fewer of those. A permutation p-value takes it that "
        "the groups are censored alike, which historical controls often are not."
    ),
    "fixed_time": (
        "The difference compares the shares of patients still without the event at "
        "one time. It says nothing of other times, and misleads when the time was "
        "picked after a look at the curves."
    ),
    "restricted_mean": (
        "The restricted mean is the time without the event that a patient has on "
        "average up to the horizon. It depends on the horizon, and misleads where a "
        "curve is carried beyond its follow-up."
    ),
    "cox": (
        "The hazard ratio compares the rates of events of two groups and takes it as "
        "constant over time. It misleads when the ratio changes with time, and with "
        "few events it is pulled away from 1; where one group has none, or fails first "
        "throughout, only a penalised estimate is finite."
    ),
    "competing_risks": (
        "The cumulative incidence estimates the share of patients who have had the "
        "event by each time, when other events can prevent it. One minus Kaplan-Meier, "
        "which takes those other events for censorings, answers what would be if they "
        "could not happen; it overstates the risk, the more so the more often they "
        "happen, and over all causes it can add up to more than 100%. The test and the "
        "subdistribution hazard ratio compare incidences: a treatment can lower one "
        "by causing more of the competing events, which the cause-specific hazard "
        "ratio tells apart."
    ),
    "wilcoxon": (
        "The difference is the Hodges-Lehmann estimate (the median of the pairwise "
        "means of changes, or of all differences between two groups) or, where a t "
        "test is named, the difference of means. A change from before to after "
        "without controls also holds the natural course and regression to the mean."
    ),
    "tables": (
        "The estimate compares the shares of patients with an outcome in two groups. "
        "With few events the interval is wide and exact and approximate tests part; "
        "no significance does not mean no difference."
    ),
    "proportions": (
        "The estimate is the share of patients with an outcome. The interval covers "
        "chance alone, not how the patients were chosen."
    ),
    "rates": (
        "The rate counts events per time under observation, and assumes that events "
        "come independently at a constant rate. It misleads when a few patients have "
        "most of the events."
    ),
    "recurrent_events": (
        "The curve is the mean number of events per patient up to each time, all "
        "events counted; its band lets the events of a patient depend on each other. "
        "The ratio compares the rates of all events of two groups. Both take those who "
        "leave early as like those who stay; the end of a curve rests on few patients, "
        "and with fewer than some twenty patients the usual interval is too narrow."
    ),
    "before_after_counts": (
        "The rate ratio compares counts of the same patients in two periods and holds "
        "all that changed between them. Patients who were chosen for a bad period have "
        "fewer events in the next one whatever is done to them; how many fewer is "
        "computed for events that come at random at each patient's own constant rate, "
        "the rates being gamma distributed where a shape is named. It misleads when a "
        "patient's rate changes by itself with time."
    ),
    "regression": (
        "The coefficient is the change of the outcome per unit of a variable, the "
        "others held fixed. It misleads with few events per variable and when a "
        "variable follows from the treatment."
    ),
    "design": (
        "Nothing here is observed: the lines follow from the number of patients alone "
        "and from true effects that are assumed. They say what a trial of this size "
        "could find, not what is true of the treatment."
    ),
    "longitudinal": (
        "The slope is the change of the value per unit of time, taken as straight "
        "before and after treatment. A change of slope without controls also holds "
        "the natural course and regression to the mean: patients treated because they "
        "had just got worse tend to look better afterwards. Visits missing because a "
        "patient did badly mislead every method shown."
    ),
    "matching": (
        "Patients of the first group are compared with others who were as likely to "
        "be treated, judged by the covariates named. It balances what was measured; "
        "what was not, and what led to the treatment, can still differ. In small "
        "samples several matchings are often equally good and need not agree."
    ),
}

SENSITIVITY = (
    "Each row repeats the primary analysis with one choice made differently. The rows "
    "share the same patients, so their agreement is no replication; it shows only that "
    "the choice does not matter."
)


def caption(
    *,
    study: Mapping,
    analysis: Mapping,
    method: str,
    drawn: str,
    rows: Sequence[Mapping],
    printed: Sequence[PrintedNumber],
    sensitivity: bool,
) -> str:
    """Return the caption of a figure: paragraphs, every number taken from rows.

    ``drawn`` is a sentence on the marks, ``rows`` the primary rows shown, with the
    test of a comparison first.
    """
    kind = analysis["kind"]
    label = str(analysis["label"])
    lines = [f"{capitalised(label)}. {study['title']}.", drawn]
    population = study["populations"].get(analysis["population"], {}).get("label", "")
    data = KINDS.get(kind, kind)
    if method == "design":
        data = "printed numbers of patients alone, no outcome"
    lines.append(
        f"Data: {data}. "
        + (f"Population: {population}. " if population else "")
        + f"{_numbers(analysis, rows)}{_dropped(analysis)}"
    )
    lines.append(METHODS.get(method, "") + (f" {SENSITIVITY}" if sensitivity else ""))
    lines.append(_how(method, rows))
    lines.append(_printed(printed, analysis))
    lines.append(_source(study, analysis))
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"


def attainable(*, study: Mapping, analysis: Mapping, drawn: str) -> str:
    """Return the caption of p-values that a test of a printed size can give."""
    population = study["populations"].get(analysis["population"], {})
    of = f" ({population['label']}, n = {population['n']})" if "n" in population else ""
    return (
        "\n".join(
            [
                f"{capitalised(str(analysis['label']))}. {study['title']}.",
                drawn,
                "Data: none, the rows are not public; the printed number of patients"
                f"{of} and the printed p-value alone.",
                "That a value is attainable says nothing for the result, only that the "
                "number can be right. It misleads when fewer patients entered the test "
                "than the paper counts, or when a test was used that is not listed; a "
                "t test and a model can give any p-value.",
                _source(study, analysis),
            ]
        )
        + "\n"
    )


def failure(title: str, message: str) -> str:
    """Return the caption of a figure that could not be drawn."""
    return f"{title}. Nothing could be drawn: {message}\n"


def _numbers(analysis: Mapping, rows: Sequence[Mapping]) -> str:
    """Say how many patients and events, per group where the rows do."""
    groups = {}
    # The events of one endpoint say nothing of another.
    counted = len({row["endpoint"] for row in rows}) == 1
    # Nor those of a competing cause of the one that is asked for.
    cause = next((row["cause"] for row in rows if row.get("cause")), "")
    for row in rows:
        if row.get("cause", "") not in ("", cause):
            continue
        if not _finite(row["n"]):
            continue
        group = str(row["group"]) if not row["reference"] else ""
        before = groups.get(group, (0.0, math.nan))
        if row["n"] > before[0] or (row["n"] == before[0] and _finite(row["events"])):
            groups[group] = (row["n"], row["events"])
    if not groups:
        people = {p for sample in analysis["samples"] for p in sample["people"]}
        # The lines of a printed table are no patients.
        return (
            f"n = {len(people)}."
            if people and analysis["kind"] != "summary"
            else "No number of patients enters."
        )
    parts = []
    named = {group for group in groups if group}
    for group, (n, events) in groups.items():
        if group == "" and named and len(groups) > 1 and len(named) > 1:
            continue
        text = f"n = {n:.0f}" if float(n).is_integer() else f"n = {significant(n)}"
        # A number of events that a prior made up would read like an observed one.
        if counted and _finite(events) and analysis["kind"] != "simulated":
            happened = journal_number(events, statistic="events")
            # Where a patient can have several, events are no patients.
            several = analysis["method"] in COUNTING
            text += f", {happened} {'events' if several else 'with the event'}"
            if analysis["kind"] == "reconstructed":
                text += " (median of the data sets)"
        parts.append(f"{group}: {text}" if group else text)
    shown = parts if len(parts) <= 4 else [*parts[:4], "and others"]
    return "; ".join(shown) + "."


def _dropped(analysis: Mapping) -> str:
    left = max((sample["dropped"] for sample in analysis["samples"]), default=0)
    if not left:
        return ""
    return f" {left} {'row' if left == 1 else 'rows'} without a needed value left out."


def _how(method: str, rows: Sequence[Mapping]) -> str:
    if not rows:
        return ""
    row = rows[0]
    parts = [f"Method: {method_named(method)}"]
    settings = short_convention(method, str(row["convention"]))
    if settings:
        parts.append(f"settings: {settings}")
    intervals = dict.fromkeys(
        f"{_level(r['conf_level'])}% {r['interval_method']}"
        for r in rows
        if r["interval_method"] and _finite(r["conf_level"])
    )
    if intervals:
        parts.append("interval: " + ", and ".join(list(intervals)[:4]))
    tests = list(
        dict.fromkeys((r["test"], r["alternative"]) for r in rows if r["test"])
    )
    sides = {alternative for _, alternative in tests}
    if len(sides) == 1:
        # Said once, after the last.
        named = [test for test, _ in tests[:4]]
        named[-1] += f", {tests[0][1]}" if tests[0][1] else ""
    else:
        named = [", ".join(filter(None, words)) for words in tests[:4]]
    if named:
        parts.append("test: " + "; ".join(named))
    return "; ".join(parts) + "."


def _level(level: float) -> str:
    return significant(100 * level).removesuffix(".0")


def _printed(printed: Sequence[PrintedNumber], analysis: Mapping) -> str:
    if not printed:
        return "No printed number of the paper is compared here."
    several = len({p.place[0] for p in printed}) > 1
    # A number printed in several places is said once.
    said: dict[tuple[str, ...], list[PrintedNumber]] = {}
    for p in printed:
        found = "no number"
        if math.isfinite(p.recomputed):
            found = beside_printed(
                p.recomputed,
                {
                    "printed": p.text,
                    "value": p.digits,
                    "relation": p.relation,
                    "field": p.field,
                    "statistic": p.place[1],
                    "unit": p.unit,
                },
            )
        same = (_named(p, several, analysis), p.digits or p.text, found, p.verdict)
        said.setdefault(same, []).append(p)
    parts = [
        f"{', '.join(p.claim_id for p in alike)}, {name}: {with_unit(alike[0])} "
        f"(recomputed {found}, {verdict.replace('_', ' ')})"
        for (name, _, found, verdict), alike in said.items()
    ]
    more = (
        "" if len(parts) <= 12 else f"; {len(parts) - 12} more in the table of claims"
    )
    return "Printed: " + "; ".join(parts[:12]) + more + "."


def with_unit(number: PrintedNumber) -> str:
    """Return a printed number with its unit, unless the words have it."""
    unit, text = number.unit, number.text
    there = unit in text or (unit == "%" and "percent" in text.lower())
    return text if there or not unit else f"{text} {unit}"


def _named(number: PrintedNumber, several: bool, analysis: Mapping) -> str:
    """Say which number it is: of which endpoint, what, of which group, when."""
    endpoint, statistic, group, reference, term, timepoint = number.place
    parts = [endpoint] if several else []
    parts += [name_of(statistic).lower(), _field(number.field), term]
    parts.append(f"{group} against {reference}" if reference else group)
    # Parts of a course have names, visits a time.
    named = timepoint.startswith(("before ", "after "))
    parts.append(timepoint if named else _at(timepoint, analysis))
    return ", ".join(part for part in parts if part)


def _at(timepoint: str, analysis: Mapping) -> str:
    """Return ``at 365 days``."""
    units = {sample["time_unit"] for sample in analysis["samples"]}
    try:
        float(timepoint)
    except ValueError:
        units = set()
    unit = units.pop() if len(units) == 1 else ""
    return f"at {journal_time(timepoint)} {unit}".rstrip() if timepoint else ""


def _field(field: str) -> str:
    return {
        "estimate": "",
        "conf_low": "lower limit",
        "conf_high": "upper limit",
        "p_value": "p",
        "test_statistic": "test statistic",
    }.get(field, field)


def _source(study: Mapping, analysis: Mapping) -> str:
    dataset = study["datasets"].get(analysis["dataset"], {})
    source = study["sources"].get(dataset.get("source", ""), {})
    text = str(source.get("citation", "")).rstrip(".")
    where = str(dataset.get("locator", "")).rstrip(".")
    if where and where.lower() not in text.lower():
        text = f"{text}, {where}" if text else where
    paper = str(study["citation"]["text"]).rstrip(".")
    return (
        f"Source of the data: {text}. Paper: {paper}." if text else f"Paper: {paper}."
    )


def _finite(x: object) -> bool:
    return isinstance(x, (int, float)) and math.isfinite(x)
