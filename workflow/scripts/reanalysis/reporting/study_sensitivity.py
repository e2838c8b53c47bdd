"""Which conclusions of one study move when a choice is made differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.formatting import MISSING, capitalised, journal_number
from reanalysis.reporting.display_tables import NOT_REACHED
from reanalysis.reporting.forest_rows import name_of
from reanalysis.reporting.study_claims import groups_named, timed
from reanalysis.words import choice_named

_SHARES = frozenset(
    {
        "proportion",
        "risk_difference",
        "survival_probability",
        "survival_band",
        "survival_difference",
        "cumulative_incidence",
    }
)


def sensitivity(
    study: Mapping, rows: Sequence[Mapping[str, str]]
) -> tuple[list[dict], list[dict]]:
    """Return the scenarios that move a conclusion, and the range of all others.

    Statistics of one comparison that share their test are one line.
    """
    moving: dict[tuple, dict[str, object]] = {}
    places: dict[tuple, list[Mapping[str, str]]] = {}
    for row in rows:
        place = tuple(
            row[column]
            for column in (
                "analysis",
                "endpoint",
                "group",
                "reference",
                "term",
                "timepoint",
            )
        )
        if row["moves"] == "":
            places.setdefault((*place, row["statistic"]), [])
            continue
        places.setdefault((*place, row["statistic"]), []).append(row)
        if row["moves"] == "no":
            continue
        line = moving.setdefault(
            (*place, row["scenario"], row["moves"], row["p_low"], row["p_high"]),
            {
                **_heading(study, row),
                "scenario": choice_named(row["scenario"]),
                "moves": row["moves"],
                "p": _span(row, "p_low", "p_high", field="p_value"),
                "test": row["test"],
                "primary_p": _number(row["primary_p_value"], field="p_value"),
                "primary_test": row["primary_test"],
                "printed_p": row["printed_p_value"],
                "statistics": [],
            },
        )
        line["statistics"].append(
            {
                "name": name_of(row["statistic"]),
                "value": _effect(row, ""),
                "primary": _effect(row, "primary_"),
                "printed": row["printed"],
            }
        )
    return list(moving.values()), _steady(study, places)


def _steady(
    study: Mapping, places: Mapping[tuple, Sequence[Mapping[str, str]]]
) -> list[dict]:
    """Return per analysis the range of each result over all choices.

    Left out are numbers that no choice changes, in the digits shown. An analysis
    of which all tests stay as they are is named without them.
    """
    groups: dict[str, dict[str, object]] = {}
    for (analysis, *place, statistic), scenarios in places.items():
        if not scenarios:
            continue
        first = scenarios[0]
        primary = _number(first["primary_estimate"], statistic=statistic)
        span = _range(scenarios, "estimate", statistic)
        p_span = _range(scenarios, "p", statistic)
        if not p_span and span in ("", primary):
            continue
        primary_p = _number(first["primary_p_value"], field="p_value")
        group = groups.setdefault(
            analysis,
            {
                "label": capitalised(study["analyses"][analysis]["label"]),
                "kind": first["kind"],
                "scenarios": {},
                "lines": {},
            },
        )
        for row in scenarios:
            runs = group["scenarios"].get(row["scenario"], 0)
            group["scenarios"][row["scenario"]] = max(runs, int(row["specifications"]))
        moves = any(row["moves"] != "no" for row in scenarios)
        if not moves and span in ("", primary) and p_span in ("", primary_p):
            continue
        line = group["lines"].setdefault(
            (*place, first["primary_p_value"], p_span),
            {
                **_heading(study, first),
                "primary_p": primary_p,
                "p_range": p_span,
                "moves": moves,
                "statistics": [],
            },
        )
        line["statistics"].append(
            {
                "name": name_of(statistic),
                "primary": _effect(first, "primary_") or _none(statistic, span),
                "range": "unchanged" if span == primary != "" else span,
            }
        )
    return [
        {**group, "lines": list(group["lines"].values())} for group in groups.values()
    ]


def _heading(study: Mapping, row: Mapping[str, str]) -> dict[str, str]:
    """Say what a line of the sensitivity table is about."""
    analysis = study["analyses"][row["analysis"]]
    details = [row["term"]]
    if row["group"]:
        details.append(groups_named(row))
    if row["timepoint"]:
        when = "up to" if row["statistic"].startswith("restricted") else "at"
        details.append(f"{when} {timed(analysis, row['timepoint'])}")
    return {
        "label": capitalised(analysis["label"]),
        "kind": row["kind"],
        "endpoint": row["endpoint"] if row["endpoint"] != analysis["endpoint"] else "",
        "details": " \u00b7 ".join(word for word in details if word),
    }


def _number(text: str, *, field: str = "estimate", statistic: str = "") -> str:
    if text == "":
        return ""
    unit = "proportion" if statistic in _SHARES and field != "p_value" else ""
    return journal_number(float(text), field=field, statistic=statistic, unit=unit)


def _span(row: Mapping[str, str], low: str, high: str, **kind: str) -> str:
    ends = dict.fromkeys(_number(row[end], **kind) for end in (low, high))
    return " to ".join(end for end in ends if end)


def _effect(row: Mapping[str, str], prefix: str) -> str:
    """Return an estimate with its interval; of several runs, their range."""
    statistic = row["statistic"]
    if not prefix and row["estimate"] == "":
        return _span(row, "estimate_low", "estimate_high", statistic=statistic)
    value = _number(row[f"{prefix}estimate"], statistic=statistic)
    limits = [
        _number(row[f"{prefix}conf_{end}"], statistic=statistic)
        for end in ("low", "high")
    ]
    if all(limits) and MISSING not in limits:
        value += f" ({limits[0]} to {limits[1]})"
    return value


def _none(statistic: str, span: str) -> str:
    """Return what stands for a primary estimate that only other choices give."""
    if not span:
        return ""
    return NOT_REACHED if statistic == "median_survival" else "no number"


def _range(rows: Sequence[Mapping[str, str]], column: str, statistic: str) -> str:
    field = "p_value" if column == "p" else "estimate"
    texts = [row[f"{column}_{end}"] for row in rows for end in ("low", "high")]
    values = [float(text) for text in texts if text]
    if not values:
        return ""
    ends = dict.fromkeys(
        _number(str(x), field=field, statistic=statistic)
        for x in (min(values), max(values))
    )
    return " to ".join(ends)
