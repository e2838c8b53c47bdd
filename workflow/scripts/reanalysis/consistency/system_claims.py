"""The comparisons of a study as reports, and what their systems say of its claims."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reanalysis import words
from reanalysis.consistency.check import Check
from reanalysis.consistency.system_reports import (
    COMPARING,
    ON_CURVE,
    Item,
    Report,
    bounds,
)
from reanalysis.rounding import Printed, cut_off, interval

if TYPE_CHECKING:
    from reanalysis.consistency.system import Conflict, Finding

_METHODS = frozenset({"kaplan_meier", "log_rank", "cox"})
#: (statistic, field) of a claim -> kind of item.
_KINDS = {
    ("n", "estimate"): "n",
    ("observed_events", "estimate"): "events",
    ("number_at_risk", "estimate"): "at_risk",
    ("survival_probability", "estimate"): "survival",
    ("median_survival", "estimate"): "median",
    ("median_survival", "conf_low"): "median_low",
    ("median_survival", "conf_high"): "median_high",
    ("person_time", "estimate"): "person_time",
    ("expected_events", "estimate"): "expected",
    ("log_rank", "test_statistic"): "chi2",
    ("log_rank", "p_value"): "p",
    ("hazard_ratio", "estimate"): "hr",
    ("hazard_ratio", "conf_low"): "low",
    ("hazard_ratio", "conf_high"): "high",
    ("hazard_ratio", "p_value"): "p",
    ("hazard_reduction", "estimate"): "hr",
}
_IN_TIME = frozenset({"median", "median_low", "median_high", "person_time"})
_AT_TIME = frozenset({"survival", "at_risk"})
_SHARES = frozenset({"survival"})
_PERCENT = frozenset({"%", "percent", "per cent"})
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CHI_SQUARE = re.compile(r"\bchi\b|chi-?\s?sq|\u03c7", re.IGNORECASE)
_LOG_RANK = re.compile(r"log[\s-]?rank", re.IGNORECASE)
#: A log-rank statistic or p that is not the plain two-group chi-square.
_KAPLAN_MEIER = re.compile(r"kaplan|product[\s-]limit", re.IGNORECASE)
_NOT_PLAIN = re.compile(
    r"exact|permut|weight|wilcoxon|peto|trend|continuity", re.IGNORECASE
)
_PLAIN_NAMES = {
    "number_at_risk": "patients still at risk",
    "still_followed": "patients still followed just after",
    "events_by": "events up to",
    "events": "events",
    "n": "patients",
    "conf_low": "lower limit",
    "conf_high": "upper limit",
}
_POPULATION = "n of population "
_ROWS = "rows of table "
#: Items that are no claim.
_NO_CLAIM = (_POPULATION, _ROWS)
_AT_THE_END = re.compile(r"\b(death|died|dead|mortality)\b.*\blast follow", re.I)
#: Readings that many correct papers do not follow: a clash with them is no misfit.
_OFTEN_NOT = ("the limits are Wald", "the p is that of", "the statistic is")
_SHOWN = 6


def reports(study: Mapping) -> list[Report]:
    """Return the comparisons of a study that print enough to bind each other."""
    found = []
    for names in _united(study["analyses"]):
        claims = [c for c in study["claims"] if c["analysis"] in names]
        claims = [c for c in claims if c["role"] != "context"]
        # "recurrence, 1990" and "recurrence, 1995" are two data locks.
        locks: dict[frozenset, list[Mapping]] = {}
        for claim in claims:
            locks.setdefault(frozenset(_NUMBER.findall(claim["endpoint"])), []).append(
                claim
            )
        for _, chosen in sorted(locks.items(), key=lambda pair: sorted(pair[0])):
            found.extend(_comparisons(study, names, chosen))
    return [report for report in found if any(bearing_items(report).values())]


def _united(analyses: Mapping[str, Mapping]) -> list[list[str]]:
    """Return the analyses that ask of the same rows for the same event."""
    together: dict[tuple, list[str]] = {}
    for name, analysis in analyses.items():
        if analysis["method"] not in _METHODS:
            continue
        key = (analysis["dataset"], analysis["population"], _event(analysis))
        together.setdefault(key, []).append(name)
    return list(together.values())


def _event(analysis: Mapping) -> tuple:
    samples = analysis["samples"]
    if samples and all("time" in part["columns"] for part in samples):
        return tuple(
            tuple(map(repr, part["columns"][role]))
            for part in samples
            for role in ("time", "event")
            if role in part["columns"]
        )
    return (" ".join(analysis["endpoint"].lower().split()),)


def _comparisons(
    study: Mapping, names: Sequence[str], claims: Sequence[Mapping]
) -> Iterator[Report]:
    analyses = [study["analyses"][name] for name in names]
    groups = list(dict.fromkeys(g for a in analyses for g in a["groups"])) or [""]
    unit = next((p["time_unit"] for a in analyses for p in a["samples"]), "") or ""
    pairs: dict[tuple[str, str], list[Item]] = {}
    shared: list[Item] = []
    by_id = {claim["claim_id"]: claim for claim in claims}
    for claim in claims:
        item = _item(claim, unit)
        if item is None:
            continue
        if item.kind not in COMPARING:
            shared.append(item)
            continue
        pair = _pair(claim, groups, analyses)
        if pair is None:
            continue
        if pair[::-1] in pairs:
            pair, item = pair[::-1], _inverted(item)
        pairs.setdefault(pair, []).append(item)
    shared += _sizes(study, names, claims, groups, shared)
    shared += _deaths(study, analyses[0], groups, shared)
    if groups == [""]:
        groups = ["all"]
        shared = [replace(item, group="all") for item in shared]
    label = analyses[0]["endpoint"] or analyses[0]["label"] or names[0]
    for pair, comparing in (pairs or {tuple((groups * 2)[:2]): []}).items():
        items = (*shared, *comparing)
        yield Report(
            label=label,
            items=items,
            groups=tuple(groups),
            compared=pair,
            complete=_complete(items, groups),
            time_unit=unit,
            curve="kaplan-meier" if _is_product_limit(analyses, claims) else "",
            **_stated(analyses, comparing, by_id),
        )


def _item(claim: Mapping, unit: str) -> Item | None:
    """Return the item of a claim, None when its reading is not plain."""
    kind = _KINDS.get((claim["statistic"], claim["field"]))
    if claim["field"] == "n":
        kind = "n"
    if kind is None:
        return None
    if kind == "chi2" and not _CHI_SQUARE.search(
        f"{claim['printed']} {claim['test']} {claim['quote']}"
    ):
        return None  # it may be z
    time = math.nan
    if kind in _AT_TIME:
        try:
            time = float(claim["timepoint"])
        except ValueError:
            return None
    if claim["relation"] == "words":
        said = words.meaning(claim["printed"], claim["field"])
        level = {"significant": (0.0, 0.05), "not significant": (0.05, 1.0)}
        if kind != "p" or said not in level:
            return None
        low, high = level[said]
        cut = None
    else:
        found = interval(
            claim["printed"], claim["value"], claim["relation"], field=claim["field"]
        )
        # In a cell that gives several numbers a percentage keeps its own unit.
        scaled = _scaled(claim, kind, found, unit)
        if scaled is None:
            return None
        low, high = scaled
        cut = _scaled(claim, kind, cut_off(found), unit)
    return Item(
        claim["claim_id"],
        kind,
        low,
        high,
        claim["printed"],
        claim["group"] if kind not in COMPARING else "",
        time,
        claim["source"],
        cut,
    )


def _scaled(
    claim: Mapping, kind: str, found: Printed, unit: str
) -> tuple[float, float] | None:
    low, high = bounds(found, kind)
    percent = claim["unit"].strip().lower() in _PERCENT
    if claim["statistic"] == "hazard_reduction":
        share = 100.0 if percent else 1.0
        return 1 - high / share, 1 - low / share
    if kind in _SHARES:
        if percent:
            low, high = low / 100, high / 100
        return (low, high) if low <= 1 else None
    if kind in _IN_TIME:
        factor = _factor(claim["unit"], unit)
        return None if factor is None else (low * factor, high * factor)
    return low, high


def _factor(printed: str, own: str) -> float | None:
    """Return by what a printed time is multiplied, None when that is not known."""
    one, other = (text.strip().lower().removesuffix("s") for text in (printed, own))
    if one == other or not other:
        return 1.0
    if one in _DAYS and other in _DAYS:
        return _DAYS[one] / _DAYS[other]
    return None


def _pair(
    claim: Mapping, groups: Sequence[str], analyses: Sequence[Mapping]
) -> tuple[str, str] | None:
    if claim["group"] and claim["reference"]:
        return claim["group"], claim["reference"]
    if len(groups) != 2 or claim["statistic"] != "log_rank":
        return None
    reference = next(
        (p["reference"] for a in analyses for p in a["samples"] if p["reference"]),
        groups[1],
    )
    other = groups[0] if groups[1] == reference else groups[1]
    return other, reference


def _inverted(item: Item) -> Item:
    """Turn a hazard ratio round, its limits with it."""
    if item.kind not in {"hr", "low", "high"}:
        return item
    kind = {"hr": "hr", "low": "high", "high": "low"}[item.kind]
    low, high = _reciprocal((item.low, item.high))
    cut = _reciprocal(item.cut) if item.cut else None
    return replace(item, kind=kind, low=low, high=high, cut=cut)


def _reciprocal(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = (1 / end if end > 0 else math.inf for end in reversed(ends))
    return low, high


def _sizes(
    study: Mapping,
    names: Sequence[str],
    claims: Sequence[Mapping],
    groups: Sequence[str],
    known: Sequence[Item],
) -> list[Item]:
    """Return the numbers of patients that stand elsewhere in the study.

    A group's own population says its n; else a claim on n with that group and the
    population of the analysis.
    """
    found: list[Item] = []
    populations = study["populations"]
    whole = study["analyses"][names[0]]["population"]
    have = {item.group for item in known if item.kind == "n"}
    users: dict[str, set[str]] = {}
    for claim in claims:
        users.setdefault(claim["population"], set()).add(claim["group"])
    for group in groups:
        if group in have or not group:
            continue
        own = [
            name
            for name, used in users.items()
            if used == {group} and name != whole and populations.get(name, {}).get("n")
        ]
        counts = [
            claim
            for claim in study["claims"]
            if claim["group"] == group
            and claim["population"] == whole
            and (claim["statistic"] == "n" or claim["field"] == "n")
            and claim["relation"] == "="
        ]
        if len(own) == 1:
            found.append(_size(own[0], populations[own[0]]["n"], group))
        elif len({claim["value"] for claim in counts}) == 1:
            item = _item(counts[0], "")
            if item is not None:
                found.append(item)
    n = populations.get(whole, {}).get("n")
    if n and "" not in have:
        found.append(_size(whole, n, ""))
    return found


def _deaths(
    study: Mapping, asked: Mapping, groups: Sequence[str], known: Sequence[Item]
) -> list[Item]:
    """Return the deaths by the last follow-up that rows without times show.

    They bear on overall survival in the same groups of the same population where its
    own rows are not at hand. Patients absent from the rows may have died or not.
    """
    if (
        not asked.get("awaited")
        or "overall survival" not in asked["endpoint"].casefold()
    ):
        return []
    found = []
    for analysis in study["analyses"].values():
        if (
            analysis["kind"] != "individual"
            or analysis["awaited"]
            or analysis["population"] != asked["population"]
            or set(analysis["groups"]) != set(groups)
            or not _AT_THE_END.search(analysis["endpoint"])
            or len(analysis["samples"]) != 1
        ):
            continue
        columns = analysis["samples"][0]["columns"]
        if not {"event", "group"} <= set(columns):
            continue
        table = analysis["dataset"]
        for group in groups:
            rows = [
                event
                for event, label in zip(columns["event"], columns["group"], strict=True)
                if label == group
            ]
            died = int(sum(rows))
            sizes = [i.high for i in known if i.kind == "n" and i.group == group]
            absent = max(0, int(max(sizes)) - len(rows)) if sizes else math.inf
            found.append(
                Item(
                    f"{_ROWS}{table}, {group}",
                    "events",
                    died,
                    died + absent,
                    f"{died} of {len(rows)} rows of '{table}' died",
                    group,
                    source=study["datasets"][table]["source"],
                )
            )
    return found


def _size(population: str, n: int, group: str) -> Item:
    return Item(f"{_POPULATION}{population}", "n", n, n, f"n = {n}", group)


def _complete(items: Sequence[Item], groups: Sequence[str]) -> bool:
    """Tell whether the groups are known to make up the whole.

    Patients may be left out of an analysis, so that only equal sums say so.
    """
    sizes = {i.group: i.high for i in items if i.kind == "n"}
    if any(group not in sizes for group in groups):
        return False
    return "" not in sizes or sizes[""] == sum(sizes[group] for group in groups)


def _is_product_limit(analyses: Sequence[Mapping], claims: Sequence[Mapping]) -> bool:
    """Tell whether the source says that its curve is Kaplan and Meier's."""
    said = [str(part) for a in analyses for part in a["paper"].values()]
    said += [f"{claim['test']} {claim['quote']}" for claim in claims]
    return any(_KAPLAN_MEIER.search(text) for text in said)


def _stated(
    analyses: Sequence[Mapping], comparing: Sequence[Item], by_id: Mapping
) -> dict[str, object]:
    """Return what the source says of interval, test and level of the comparison."""
    used = [by_id[item.id] for item in comparing]
    levels = {float(c["conf_level"]) for c in used if c["conf_level"]}
    sides = {c["alternative"] for c in used if c["alternative"]}
    sides |= {str(a["paper"].get("alternative", "")) for a in analyses}
    sides = {side for side in sides if side in {"two-sided", "one-sided"}}
    tests = [
        f"{claim['test']} {analysis['paper'].get('test', '')}"
        for claim in used
        for analysis in analyses
        if claim["field"] in {"p_value", "test_statistic"}
    ]
    log_rank = tests and all(
        _LOG_RANK.search(test) and not _NOT_PLAIN.search(test) for test in tests
    )
    wald = tests and all(re.search(r"\bwald\b", test, re.I) for test in tests)
    # Never read as stated: variance and kind of interval, which no source named
    # in a claim's columns says for certain.
    return {
        "conf_level": levels.pop() if len(levels) == 1 else None,
        "alternative": sides.pop() if len(sides) == 1 else "",
        "p_test": "log-rank" if log_rank else "wald" if wald else "",
    }


def bearing_items(report: Report) -> dict[str, bool]:
    """Tell of each item whether another printed number bears on it."""
    sized = {i.group for i in report.items if i.kind == "n"}
    kinds = [item.kind for item in report.items]
    found = {}
    for item in report.items:
        beside = [
            other.kind
            for other in report.items
            if other.group == item.group and other is not item
        ]
        if item.kind == "median":
            # Any number of patients can have any median.
            found[item.id] = bool(
                sized & {item.group, ""} and {*ON_CURVE, "events"}.intersection(beside)
            )
        elif item.kind in {*ON_CURVE, "events", "event_share", "expected"}:
            found[item.id] = bool(sized & {item.group, ""})
        elif item.kind in {"hr", "low", "high"}:
            found[item.id] = sum(kinds.count(k) for k in ("hr", "low", "high")) > 1
        elif item.kind == "p":
            limits = {"low", "high"} <= set(kinds)
            found[item.id] = limits or "chi2" in kinds
        elif item.kind == "chi2":
            found[item.id] = bool({"p", "expected"} & set(kinds))
        else:
            found[item.id] = False
    return found


def told(report: Report, finding: Finding) -> list[Check]:
    """Return one check per claim of a report, in plain sentences."""
    items = {item.id: item for item in report.items}
    bearing = bearing_items(report)
    bearing |= dict.fromkeys(finding.unused, False)
    bearing |= {name: False for name in items if name.startswith(_NO_CLAIM)}
    details = _details(report, finding)
    checks: list[Check] = []
    clashing: set[str] = set()
    for conflict in finding.conflicts:
        outcome, reason = _clash(conflict, finding, items)
        for name in conflict.items:
            if name.startswith(_NO_CLAIM) or name in clashing:
                continue
            clashing.add(name)
            needs: dict[str, object] = {"readings": list(conflict.readings)}
            if not any(text.startswith(_OFTEN_NOT) for text in conflict.readings):
                needs["fits"] = False
            checks.append(_check(name, outcome, reason, details | needs))
    if finding.state == "undecided":
        text = "Whether all numbers printed about this comparison can hold together "
        text += "could not be decided within the time allowed."
        return [_check(name, "", text, details) for name, on in bearing.items() if on]
    if finding.state == "infeasible":
        return checks
    reason = _agreement(report, finding, items)
    checks.extend(
        _check(name, "attainable", reason, details)
        for name, on in bearing.items()
        if on and name not in clashing
    )
    return checks


def _check(name: str, outcome: str, reason: str, details: Mapping) -> Check:
    return Check(name, "consistency", "one system", outcome, reason, details)


def _clash(
    conflict: Conflict, finding: Finding, items: Mapping[str, Item]
) -> tuple[str, str]:
    listed = "; ".join(_named(items[name]) for name in conflict.items)
    sources = {items[name].source for name in conflict.items} - {""}
    reason = f"These printed numbers cannot all hold: {listed}."
    # Words rest on a level that the paper may not use.
    worded = [i for n in conflict.items if (i := items[n]).kind == "p" and not i.cut]
    sure = conflict.proven and not conflict.cut_off and len(sources) < 2
    sure = sure and not worded
    outcome = "impossible" if sure else ""
    if conflict.cut_off:
        reason = (
            f"These printed numbers cannot all hold if they were rounded: {listed}. "
            "With digits cut off instead they can."
        )
    elif not conflict.proven:
        reason = (
            f"These printed numbers do not fit if {' and '.join(conflict.readings)}: "
            f"{listed}. Another method could give them."
        )
    elif len(sources) > 1:
        reason += " They come from different sources, which may describe other data."
    if worded and conflict.proven:
        reason += f" {_named(worded[0])} is read at the level 0.05."
    because = "; ".join(conflict.because)
    if because:
        reason += f" {because[:1].upper()}{because[1:]}."
    elif not conflict.cut_off and any(
        items[name].kind in ON_CURVE for name in conflict.items
    ):
        reason += (
            " No order of events and losses among so many patients gives a "
            "Kaplan-Meier curve through them."
        )
    if conflict.notes:
        reason += f" The p {'; '.join(conflict.notes)}."
    if len(finding.suspects) == 1 and finding.suspects[0] in conflict.items:
        only = items[finding.suspects[0]]
        reason += f" Without {_named(only)} the others hold together."
    return outcome, reason


def _agreement(report: Report, finding: Finding, items: Mapping[str, Item]) -> str:
    group_of = [g for g in report.groups if g]
    sizes = [
        f"{item.low:g}{' in ' + item.group if item.group and len(group_of) > 1 else ''}"
        for item in items.values()
        if item.kind == "n"
    ]
    reason = (
        f"It can hold together with everything else printed about {report.label}"
        f"{' (n ' + ', '.join(sizes) + ')' if sizes else ''}."
    )
    rows = [_named(item) for item in items.values() if item.id.startswith(_ROWS)]
    if rows:
        reason += f" Deaths by the last follow-up: {', '.join(rows)}."
    shown = [r for r in finding.ranges if not r.given][:_SHOWN]
    if shown:
        reason += " What is not printed can then be: "
        reason += "; ".join(_range_text(r, report) for r in shown) + "."
    usual = [r for r in finding.ranges if r.given][:_SHOWN]
    if usual:
        readings = dict.fromkeys(text for r in usual for text in r.given)
        reason += f" If {' and '.join(readings)}, what is not printed can be: "
        reason += "; ".join(_range_text(r, report) for r in usual) + "."
    gives = [p.test for p in finding.p_readings if p.gives]
    if finding.p_readings:
        reason += " The printed p agrees with: "
        reason += (", ".join(dict.fromkeys(gives)) or "none of the usual tests") + "."
    return reason


def _range_text(one: object, report: Report) -> str:
    name = _PLAIN_NAMES.get(one.statistic, one.statistic)
    where = f" at {one.time:g} {report.time_unit}".rstrip()
    if one.statistic in {"still_followed", "events_by"}:
        where = where.replace(" at ", " ", 1)
    at = "" if math.isnan(one.time) else where
    span = (
        f"{one.low:.4g}" if one.low == one.high else f"{one.low:.4g} to {one.high:.4g}"
    )
    group = f" in {one.group}" if one.group and one.group != "all" else ""
    return f"{name}{at}{group} {span}"


def _named(item: Item) -> str:
    if item.id.startswith(_NO_CLAIM):
        return item.text + (f" ({item.group})" if item.group else "")
    return f"{item.id} '{item.text}'"


def _details(report: Report, finding: Finding) -> dict[str, object]:
    return {
        "comparison": report.label,
        "groups": list(report.groups),
        "compared": list(report.compared),
        "state": finding.state,
        "complete": finding.complete,
        "suspects": list(finding.suspects),
        "items": [item.id for item in report.items],
        "ranges": [
            {
                "statistic": r.statistic,
                "group": r.group,
                "timepoint": None if math.isnan(r.time) else r.time,
                "estimate_min": r.low,
                "estimate_max": r.high,
                "given": list(r.given),
            }
            for r in finding.ranges
        ],
        "p_readings": [
            {
                "item": p.item,
                "test": p.test,
                "low": p.low,
                "high": p.high,
                "gives": p.gives,
            }
            for p in finding.p_readings
        ],
        "unused": list(finding.unused),
    }
