"""Rows of estimates become the lines of a forest plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.analyses import CONVENTION, HEADLINE, PRIMARY, STATED
from reanalysis.formatting import (
    MISSING,
    capitalised,
    journal_number,
    journal_p,
    significant,
)
from reanalysis.reporting.printed import PrintedNumber, place_of
from reanalysis.words import RATIOS, choice_named

if TYPE_CHECKING:
    from reanalysis.figures.forest import Forest, Line

#: Statistics that a forest of a method can show, the first choice first. Those in
#: one bracket answer the same question by different tests and share an axis.
SHOWN: dict[str, tuple[tuple[str, ...], ...]] = {
    "kaplan_meier": (
        ("median_survival",),
        ("survival_probability",),
        ("restricted_mean_difference",),
        ("restricted_mean",),
    ),
    "log_rank": (("log_rank",),),
    "fixed_time": (
        ("survival_difference",),
        ("survival_ratio",),
        ("survival_probability",),
    ),
    "restricted_mean": (
        ("restricted_mean_difference",),
        ("restricted_mean_ratio",),
        ("restricted_mean",),
    ),
    "cox": (("hazard_ratio",),),
    "wilcoxon": (
        ("median_difference", "mean_difference", "test"),
        ("relative_effect",),
    ),
    "competing_risks": (
        ("cumulative_incidence",),
        ("subdistribution_hazard_ratio",),
        ("hazard_ratio",),
        ("incidence_test",),
        ("median_survival",),
    ),
    "tables": (
        ("odds_ratio",),
        ("risk_ratio",),
        ("risk_difference",),
        ("proportion",),
    ),
    "proportions": (("proportion",),),
    "rates": (("rate_ratio",), ("rate",)),
    "recurrent_events": (
        ("hazard_ratio",),
        ("rate_ratio",),
        ("mean_cumulative_difference",),
        ("mean_cumulative_count",),
    ),
    "before_after_counts": (("rate_ratio",), ("selection_reduction",)),
    "regression": (
        ("odds_ratio",),
        ("slope",),
        ("mean_difference",),
        ("coefficient",),
        ("risk_difference",),
        ("predicted_probability",),
    ),
    "longitudinal": (
        ("slope_change_difference",),
        ("slope_change",),
        ("slope_difference",),
        ("slope",),
        ("percent_change_difference",),
        ("percent_change",),
    ),
    "matching": (
        ("hazard_ratio",),
        ("odds_ratio",),
        ("risk_difference",),
        ("mean_difference",),
        ("median_difference",),
    ),
}

#: Shown only where nothing else can be: what a comparison is made of.
FALLBACK = frozenset(
    {
        "proportion",
        "rate",
        "restricted_mean",
        "predicted_probability",
        "mean_cumulative_count",
    }
)

NAMES = {
    "n": "Patients",
    "sd": "Standard deviation",
    "person_time": "Person-time",
    "follow_up_median": "Median follow-up",
    "median_survival": "Median",
    "survival_probability": "Survival",
    "restricted_mean": "Restricted mean",
    "restricted_mean_difference": "Difference of restricted means",
    "restricted_mean_ratio": "Ratio of restricted means",
    "time_lost_ratio": "Ratio of times lost",
    "survival_band": "Survival, simultaneous band",
    "survival_difference": "Difference in survival",
    "survival_ratio": "Ratio of survival",
    "median_difference": "Difference",
    "mean_difference": "Mean difference",
    "log_rank": "Log-rank test",
    "hazard_ratio": "Hazard ratio",
    "proportional_hazards": "Test of proportional hazards",
    "subdistribution_hazard_ratio": "Subdistribution hazard ratio",
    "incidence_test": "Test of incidences",
    "odds_ratio": "Odds ratio",
    "risk_ratio": "Risk ratio",
    "rate_ratio": "Rate ratio",
    "relative_effect": "Probability of a higher value",
    "risk_difference": "Risk difference",
    "mean_cumulative_count": "Mean number of events",
    "mean_cumulative_difference": "Difference of mean numbers of events",
    "selection_reduction": "Fall by selection alone",
    "slope_change": "Change of slope",
    "slope_difference": "Difference of slopes",
    "slope_change_difference": "Difference of changes of slope",
    "patient_slope": "Slope of a patient",
    "random_effect_sd": "SD between patients",
    "random_effect_correlation": "Correlation between patients",
    "residual_sd": "Residual SD",
    "percent_change": "Percent change",
    "percent_change_difference": "Difference of percent changes",
}

#: Statistics in the unit of what was measured.
_IN_UNITS = frozenset(
    {
        "median_difference",
        "mean_difference",
        "slope",
        "slope_change",
        "slope_difference",
        "slope_change_difference",
        "coefficient",
    }
)

#: Statistics of which zero says no effect though they compare no groups.
_ZERO = frozenset({"slope", "slope_change", "percent_change"})

#: More rows than these become one row per quantity, with the range over scenarios.
MOST_ROWS = 40

Rows = Sequence[Mapping]
Blocks = dict[tuple[str, ...], dict[str, list[Mapping]]]


#: Scenarios a forest shows by themselves; the range of the others is one row.
MOST_SCENARIOS = 20
#: Scenarios that change nothing, named below a forest.
MOST_NAMES = 8


def name_of(statistic: str) -> str:
    """Return the name of a statistic for readers."""
    return NAMES.get(statistic, statistic.replace("_", " ").capitalize())


def forest(
    kind: str,
    statistics: Sequence[str],
    rows: Rows,
    printed: Sequence[PrintedNumber],
    *,
    split: bool = False,
    wide: bool = True,
) -> Forest:
    """Return the forest of an analysis for the chosen statistics (:func:`choice`).

    ``rows`` are the analysis' rows of estimates.csv. ``split`` tells that it has
    several endpoints: these are the rows then, else the scenarios are. ``wide``
    leaves room for the range of p-values.
    """
    printed = [p for p in printed if p.place[1] in statistics]
    blocks = _blocks(rows, statistics, printed)
    lines = sum(len(scenarios) + 1 for scenarios in blocks.values())
    if len(blocks) > 1 and (split or lines > MOST_ROWS):
        return _over_blocks(kind, blocks, statistics, printed, wide)
    return _over_scenarios(kind, blocks, statistics, printed)


def choice(
    method: str,
    rows: Rows,
    printed: Sequence[PrintedNumber],
    *,
    varied: bool = False,
) -> tuple[str, ...] | None:
    """Choose what to show: what the paper prints, else the method's first with numbers.

    None when there is no number to draw. ``varied`` asks for a number that every
    scenario computes.
    """
    ranked = []
    for order, statistics in enumerate(SHOWN.get(method, ())):
        fallback = bool(FALLBACK.intersection(statistics))
        if varied and not HEADLINE.intersection(statistics):
            continue
        own = [
            row
            for row in rows
            if row["statistic"] in statistics and row["scenario"] == PRIMARY
        ]
        has = any(_finite(row["estimate"]) for row in own)
        tested = any(_finite(row["p_value"]) for row in own)
        if not (has or tested):
            continue
        here = [p for p in printed if p.place[1] in statistics]
        estimates = sum(p.field in ("estimate", "conf_low", "conf_high") for p in here)
        tests = sum(p.field == "p_value" for p in here)
        ranked.append(((-has, fallback, -estimates, -tests, order), statistics))
    return min(ranked)[1] if ranked else None


def _blocks(
    rows: Rows, statistics: Sequence[str], printed: Sequence[PrintedNumber]
) -> Blocks:
    """Sort rows by what they estimate, then by scenario; one row per specification."""
    blocks: Blocks = {}
    for row in rows:
        if row["statistic"] not in statistics or row["scenario"] == CONVENTION:
            continue
        scenarios = blocks.setdefault(_block(place_of(row)), {})
        seen = scenarios.setdefault(str(row["scenario"]), [])
        # The first row of a specification carries its primary test.
        if all(row["specification"] != other["specification"] for other in seen):
            seen.append(row)
    blocks = {
        key: scenarios
        for key, scenarios in blocks.items()
        if PRIMARY in scenarios
        and any(
            _finite(row[field])
            for found in scenarios.values()
            for row in found
            for field in ("estimate", "p_value")
        )
    }
    # All groups together add nothing beside each group, unless a paper prints it.
    said = {_block(p.place) for p in printed}
    apart = [key for key in blocks if key[1] or key in said]
    return {key: blocks[key] for key in apart} if apart else blocks


def _block(place: tuple[str, ...]) -> tuple[str, ...]:
    endpoint, _, group, reference, term, timepoint = place
    return endpoint, group, reference, term, timepoint


def _over_scenarios(
    kind: str,
    blocks: Blocks,
    statistics: Sequence[str],
    printed: Sequence[PrintedNumber],
) -> Forest:
    from reanalysis.figures.forest import Line

    lines: list[Line] = []
    p_only = _p_only(blocks)
    # A choice that changes nothing at all is named below, not drawn in every block.
    same = _without_effect(blocks)
    unmoved = 0
    without: dict[str, None] = {}
    for block, scenarios in blocks.items():
        if len(blocks) > 1:
            lines.append(Line(label=_title(block, scenarios), role="heading"))
        shown, further = 0, []
        test = scenarios[PRIMARY][0]["test"] if len(statistics) > 1 else ""
        label = "Primary analysis" + (f": {test}" if test else "")
        lines.append(_line(label, scenarios[PRIMARY], "primary", p_only))
        lines.extend(_printed_lines(block, scenarios, printed, p_only))
        for scenario, found in scenarios.items():
            if scenario == PRIMARY or scenario in same:
                continue
            if len(found) == 1 and _alike(found[0], scenarios[PRIMARY][0]):
                unmoved += 1
                continue
            role = "range" if len(found) > 1 else "scenario"
            label = choice_named(scenario)
            if scenario == STATED:
                role = "stated"
                label = f"as the paper states: {found[0]['convention']}"
            if len(statistics) > 1 and found[0]["test"]:
                # Several tests share the axis: say which one a row is.
                label += f": {found[0]['test']}"
            if role == "range":
                label += f" ({len(found)} runs)"
            elif role == "scenario" and shown == MOST_SCENARIOS:
                further.append(found[0])
                continue
            elif role == "scenario" and not _has_number(found[0]):
                without[choice_named(scenario)] = None
                continue
            shown += role == "scenario"
            lines.append(_line(label.replace("_", " "), found, role, p_only))
        if further:
            label = f"{len(further)} further scenarios"
            lines.append(_line(label, [*further, further[0]], "range", p_only))
    names = [choice_named(scenario) for scenario in same]
    legend = [f"As the primary analysis: {_listed(names)}."] if same else []
    if without:
        legend.append(f"No number: {_listed(list(without))}.")
    if unmoved:
        legend.append("Choices that change nothing in one part are left out there.")
    one = next(iter(blocks.values()))[PRIMARY][0]
    title = (
        ""
        if len(blocks) > 1
        else _title(next(iter(blocks)), next(iter(blocks.values())))
    )
    return _made(
        kind, blocks, statistics, lines, one, p_only, title=title, legend=legend
    )


def _without_effect(blocks: Blocks) -> list[str]:
    """Return the scenarios that give the primary numbers wherever they were run."""
    runs: dict[str, list[tuple[Rows, Rows]]] = {}
    for scenarios in blocks.values():
        for scenario, found in scenarios.items():
            if scenario != PRIMARY:
                runs.setdefault(scenario, []).append((found, scenarios[PRIMARY]))
    return [
        scenario
        for scenario, pairs in runs.items()
        if all(
            len(found) == 1 and _alike(found[0], primary[0]) for found, primary in pairs
        )
    ]


def _has_number(row: Mapping) -> bool:
    return _finite(row["estimate"]) or _finite(row["p_value"])


def _alike(row: Mapping, other: Mapping) -> bool:
    """Tell whether a forest would show two rows alike."""
    numbers = ("estimate", "conf_low", "conf_high", "p_value")
    return row["test"] == other["test"] and all(
        row[c] == other[c] or not (_finite(row[c]) or _finite(other[c]))
        for c in numbers
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return ", ".join(names[:MOST_NAMES]) + f" and {len(names) - MOST_NAMES} more"


def _over_blocks(
    kind: str,
    blocks: Blocks,
    statistics: Sequence[str],
    printed: Sequence[PrintedNumber],
    wide: bool,
) -> Forest:
    from reanalysis.figures.forest import Line

    # Differences of several endpoints have no common unit: their p-values are drawn.
    p_drawn = p_only = _p_only(blocks)
    several_endpoints = len({block[0] for block in blocks}) > 1
    if several_endpoints and statistics[0] in _IN_UNITS:
        p_drawn = any(_finite(s[PRIMARY][0]["p_value"]) for s in blocks.values())
    several = {
        column: len({block[i] for block in blocks}) > 1
        for i, column in enumerate(
            ("endpoint", "group", "reference", "term", "timepoint")
        )
    }
    said: dict[tuple[str, ...], list[PrintedNumber]] = {}
    for number in printed:
        said.setdefault(_block(number.place), []).append(number)
    lines, moved = [], False
    for block, scenarios in blocks.items():
        row = scenarios[PRIMARY][0]
        line = _line(_short(block, row, several), [row], "scenario", p_only)
        own = said.get(block, [])
        values = [p for p in own if p.field == ("p_value" if p_drawn else "estimate")]
        others = [r for found in scenarios.values() for r in found]
        p_range = _span(r["p_value"] for r in others)
        spread = p_range if p_drawn else _span(r["estimate"] for r in others)
        moves = spread[1] - spread[0] > 1e-9 * (abs(spread[1]) + 1e-300)
        moved |= moves
        cells = [] if p_only else [line.cells[0]]
        cells.append(line.cells[-1])
        cells.append(_range_text(*p_range, field="p_value"))
        cells.append("; ".join(dict.fromkeys(_printed_text(p) for p in own)))
        lines.append(
            Line(
                label=line.label,
                estimate=line.estimate,
                low=line.low,
                high=line.high,
                p_value=line.p_value,
                printed=next((p.value for p in values if _finite(p.value)), math.nan),
                spread=spread if moves else (math.nan, math.nan),
                cells=tuple(cells),
            )
        )
    one = next(iter(blocks.values()))[PRIMARY][0]
    headers = [] if p_only else [_header(statistics, one)]
    only_p = all(p.field == "p_value" for p in printed)
    headers += ["P", "P in all scenarios", "Printed P" if only_p else "Printed"]
    keep = [
        i
        for i, header in enumerate(headers)
        if any(line.cells[i] not in ("", MISSING) for line in lines)
        and (wide or header != "P in all scenarios")
    ]
    lines = [_with_cells(line, [line.cells[i] for i in keep]) for line in lines]
    legend = []
    if moved:
        legend.append("Pale bars: range over all scenarios.")
    if any(_finite(line.printed) for line in lines):
        legend.append("Open diamonds: printed.")
    return _made(
        kind, blocks, statistics, lines, one, p_drawn,
        headers=[headers[i] for i in keep], legend=[" ".join(legend)] if legend else [],
    )  # fmt: skip


def _made(
    kind: str,
    blocks: Blocks,
    statistics: Sequence[str],
    lines: list[Line],
    row: Mapping,
    p_only: bool,
    *,
    headers: list[str] | None = None,
    legend: Sequence[str] = (),
    title: str = "",
) -> Forest:
    from reanalysis.figures.forest import Forest

    if headers is None:
        headers = ["P"] if p_only else [_header(statistics, row), "P"]
        if all(line.cells[-1] in ("", MISSING) for line in lines if line.cells):
            headers = headers[:-1]
            lines = [_with_cells(line, line.cells[: len(headers)]) for line in lines]
    statistic = str(row["statistic"])
    ratio = statistic in RATIOS and row["unit"] != "%"
    percent = row["unit"] == "proportion"
    unit = "%" if percent else str(row["unit"])
    axis = _axis_name(statistics, row) + (f" ({unit})" if unit and unit != "%" else "")
    if percent:
        axis += " (%)"
    scale = "p" if p_only else "log" if ratio else "percent" if percent else "linear"
    if p_only:
        axis = "P value (line at 0.05)"
    compared = bool(row["reference"]) or statistic.endswith("difference")
    compared |= statistic in _ZERO
    neutral = 1.0 if ratio else 0.0 if compared else math.nan
    return Forest(
        axis=axis,
        scale=scale,
        kind=kind,
        lines=lines,
        headers=headers,
        neutral=neutral,
        title=title,
        legend=legend,
    )


def _with_cells(line: Line, cells: Iterable[str]) -> Line:
    from dataclasses import replace

    return replace(line, cells=tuple(cells))


def _p_only(blocks: Blocks) -> bool:
    return not any(
        _finite(row["estimate"])
        for scenarios in blocks.values()
        for found in scenarios.values()
        for row in found
    )


def _line(label: str, found: Rows, role: str, p_only: bool) -> Line:
    from reanalysis.figures.forest import Line

    if len(found) > 1:
        estimates = _span(row["estimate"] for row in found)
        p_values = _span(row["p_value"] for row in found)
        low, high = p_values if p_only else estimates
        kind = {"statistic": found[0]["statistic"], "unit": found[0]["unit"]}
        cells = [] if p_only else [_range_text(*estimates, **kind)]
        cells.append(_range_text(*p_values, field="p_value"))
        return Line(label=label, role="range", low=low, high=high, cells=tuple(cells))
    row = found[0]
    cells = () if p_only else (estimate_text(row),)
    return Line(
        label=label,
        role=role,
        estimate=row["estimate"],
        low=row["conf_low"],
        high=row["conf_high"],
        p_value=row["p_value"],
        cells=(*cells, journal_p(row["p_value"])),
    )


def _printed_lines(
    block: tuple[str, ...],
    scenarios: Mapping[str, Rows],
    printed: Sequence[PrintedNumber],
    p_only: bool,
) -> list[Line]:
    from reanalysis.figures.forest import Line

    by_field: dict[str, dict[tuple, list[PrintedNumber]]] = {}
    for number in printed:
        if _block(number.place) == block:
            # The same number printed in several places is one row.
            said = (number.digits, number.relation)
            if number.relation == "words":
                said = (number.text, number.relation)
            by_field.setdefault(number.field, {}).setdefault(said, []).append(number)
    shown = ("estimate", "conf_low", "conf_high", "p_value")
    row = scenarios[PRIMARY][0]
    kind = {"statistic": row["statistic"], "unit": row["unit"]}
    lines = []
    for k in range(max((len(by_field.get(f, ())) for f in shown), default=0)):
        same = {
            f: list(by_field[f].values())[k]
            for f in shown
            if len(by_field.get(f, ())) > k
        }
        own = {f: numbers[0] for f, numbers in same.items()}
        ids = ", ".join(p.claim_id for numbers in same.values() for p in numbers)
        value = {f: p.value for f, p in own.items()}
        words = [p.text for p in own.values() if p.relation == "words"]
        label = f"Printed ({ids})"
        if words:
            label = (
                "Printed: " + "; ".join(f"\u201c{w}\u201d" for w in words) + f" ({ids})"
            )
        estimate = own.get("estimate")
        text = (
            _printed_text(estimate) if estimate and estimate.relation != "words" else ""
        )
        if "conf_low" in own and "conf_high" in own:
            limits = [
                journal_number(value[f], **kind).removesuffix("%")
                for f in ("conf_low", "conf_high")
            ]
            text += f" {_together(f'({limits[0]} to {limits[1]})')}"
        p = own.get("p_value")
        p_text = _printed_text(p) if p and p.relation != "words" else ""
        lines.append(
            Line(
                label=label,
                role="printed",
                estimate=value.get("estimate", math.nan),
                low=value.get("conf_low", math.nan),
                high=value.get("conf_high", math.nan),
                p_value=value.get("p_value", math.nan),
                cells=(p_text,) if p_only else (text.strip(), p_text),
            )
        )
    return lines


def _printed_text(number: PrintedNumber) -> str:
    """Return a printed number as it is, short enough for a column."""
    if not number.digits or number.relation == "words":
        text = number.text.strip()
        return text if len(text) <= 16 else text[:15].rstrip() + "\u2026"
    sign = {"<": "<", ">": ">", "~": "\u2248"}.get(number.relation, "")
    return sign + number.digits + ("%" if number.unit == "%" else "")


def estimate_text(row: Mapping) -> str:
    """Return ``0.60 (0.30 to 0.90)``."""
    kind = {"statistic": row["statistic"], "unit": row["unit"]}
    show = short_time if row["statistic"] == "median_survival" else journal_number
    text = show(row["estimate"], **kind)
    if math.isnan(row["conf_low"]) and math.isnan(row["conf_high"]):
        return text
    low, high = (
        show(row[f], **kind).removesuffix("%") for f in ("conf_low", "conf_high")
    )
    return f"{text} {_together(f'({low} to {high})')}"


def short_time(x: float, **kind: str) -> str:
    """Return a time without the zeros that whole weeks or days do not need."""
    text = journal_number(x, **kind)
    return (
        f"{x:g}" if "." in text and text.rstrip("0").rstrip(".") == f"{x:g}" else text
    )


def _together(text: str) -> str:
    """Keep a text on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _range_text(low: float, high: float, **kind: str) -> str:
    show = short_time if kind.get("statistic") == "median_survival" else journal_number
    texts = [show(x, **kind) for x in (low, high)]
    if texts[0] == texts[1]:
        return texts[0]
    return f"{texts[0].removesuffix('%')} to {texts[1]}"


def _span(values: Iterable[float]) -> tuple[float, float]:
    known = [v for v in values if _finite(v)]
    return (min(known), max(known)) if known else (math.nan, math.nan)


def _header(statistics: Sequence[str], row: Mapping) -> str:
    level = row["conf_level"]
    percent = significant(100 * level) if _finite(level) else "95"
    level = f"({percent.removesuffix('.0')}%\N{NO-BREAK SPACE}CI)"
    return f"{_axis_name(statistics, row)} {level}"


def _axis_name(statistics: Sequence[str], row: Mapping) -> str:
    return name_of(statistics[0] if len(statistics) > 1 else str(row["statistic"]))


def _title(block: tuple[str, ...], scenarios: Mapping[str, Rows]) -> str:
    row = scenarios[PRIMARY][0]
    endpoint, group, reference, term, timepoint = block
    parts = [endpoint, _compared(group, reference), term, _when(timepoint, row)]
    text = ", ".join(dict.fromkeys(part for part in parts if part))
    return capitalised(text)


def _short(block: tuple[str, ...], row: Mapping, several: Mapping[str, bool]) -> str:
    endpoint, group, reference, term, timepoint = block
    parts = [
        endpoint if several["endpoint"] else "",
        _compared(group, reference) if several["group"] or several["reference"] else "",
        term if several["term"] else "",
        _when(timepoint, row) if several["timepoint"] else "",
    ]
    return ", ".join(part for part in parts if part) or endpoint


def _compared(group: str, reference: str) -> str:
    if reference:
        return f"{group} against {reference}"
    return group


def _when(timepoint: str, row: Mapping) -> str:
    if not timepoint:
        return ""
    try:
        float(timepoint)
    except ValueError:
        return timepoint
    unit = str(row["time_unit"])
    if row["statistic"].startswith("restricted"):
        return f"up to {float(timepoint):g} {unit}".strip()
    return f"at {float(timepoint):g} {unit}".strip()


def _finite(x: object) -> bool:
    return isinstance(x, float) and math.isfinite(x)
