"""The claims of one study as the report shows them: by analysis, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from reanalysis.formatting import beside_printed, capitalised, journal_time
from reanalysis.reporting.convention_text import short_convention
from reanalysis.words import method_named

_FIELDS = {
    "estimate": "",
    "p_value": "p-value",
    "conf_low": "lower limit",
    "conf_high": "upper limit",
    "test_statistic": "test statistic",
    "count": "number",
    "n": "number of patients",
}
_STATISTICS = {"n": "number of patients", "sd": "standard deviation"}
#: A reason that only repeats the number beside it.
_RECOMPUTED = re.compile(r"Recomputed .{1,60}? by (the (?:primary )?convention\b.*)")
#: A reason that so many claims of an analysis share is said once, above them.
_OFTEN = 3
#: Stands for the analysis of claims that only other printed numbers can test.
_NO_ANALYSIS = {
    "label": "Held against other printed numbers only",
    "method": "",
    "kind": "",
    "population": "",
    "endpoint": "",
    "paper": {},
    "dataset": "",
    "awaited": False,
}


def claims_shown(
    study: Mapping,
    rows: Sequence[Mapping[str, str]],
    checks: Sequence[Mapping],
    figures: Mapping[str, str],
) -> list[dict[str, object]]:
    """Return the claims as shown: texts, the recomputed number, what else was found.

    ``figures`` maps an analysis to the figure that shows it.
    """
    decisions: dict[str, list[Mapping]] = {}
    for decision in study["adjudication"]:
        decisions.setdefault(decision["claim_id"], []).append(decision)
    made: dict[str, list[Mapping]] = {}
    for check in checks:
        made.setdefault(check["claim_id"], []).append(check)
    return [
        {
            **row,
            "what": _what(study, row),
            "in_full": _what(study, row),
            "exact": row["recomputed"],
            "figure": figures.get(row["analysis"], ""),
            "recomputed": _recomputed(row),
            "reason": _short(row),
            "locator": _place(study, row),
            "decisions": decisions.get(row["claim_id"], []),
            "other_checks": [
                check
                for check in made.get(row["claim_id"], [])
                if check["reason"] != row["reason"]
            ],
        }
        for row in rows
    ]


def _what(study: Mapping, row: Mapping[str, str]) -> dict[str, object]:
    """Say in words which number of which result a claim is."""
    analysis = study["analyses"].get(row["analysis"], {})
    statistic = _STATISTICS.get(row["statistic"], row["statistic"].replace("_", " "))
    details = [
        ", ".join(dict.fromkeys(w for w in (statistic, _FIELDS[row["field"]]) if w))
    ]
    if row["group"]:
        details.append(groups_named(row))
    if row["timepoint"]:
        details.append(f"at {timed(analysis, row['timepoint'])}")
    population = study["populations"].get(row["population"], {}).get("label", "")
    if (
        population
        and _plain(population) != _plain(row["group"])
        and analysis.get("population") != row["population"]
    ):
        details.append(population)
    return {"main": row["endpoint"], "details": details}


def groups_named(row: Mapping[str, str]) -> str:
    """Return the group of a row, and the one it is compared with."""
    reference = f" against {row['reference']}" if row["reference"] else ""
    return row["group"] + reference


def timed(analysis: Mapping, timepoint: str) -> str:
    """Return a time with the unit of its analysis; the name of a visit has none."""
    units = {sample["time_unit"] for sample in analysis.get("samples", ())}
    unit = units.pop() if len(units) == 1 and _is_number(timepoint) else ""
    return f"{journal_time(timepoint)} {unit}".strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(row: Mapping[str, str]) -> str:
    """Return the reason without what stands beside it: the number and the note."""
    reason, note = row["reason"], row["note"]
    if note and reason != note:
        reason = reason.removesuffix(note).rstrip()
    if row["verdict"] == "reproduced" and (match := _RECOMPUTED.fullmatch(reason)):
        return f"By {match[1]}"
    return reason


def _place(study: Mapping, row: Mapping[str, str]) -> str:
    """Return where in its source a claim stands, without saying it twice."""
    source, locator = row["source"], row["locator"]
    citation = study["sources"][source]["citation"]
    if any(_plain(locator).startswith(_plain(name)) for name in (source, citation)):
        return locator
    name = source.replace("_", " ")
    return f"{name}: {locator}" if locator else name


def _plain(text: str) -> str:
    return text.lower().replace(" ", "").replace("_", "")


def _recomputed(row: Mapping[str, str]) -> str:
    """Show the recomputed number with one digit more than is printed."""
    if not row["recomputed"]:
        return ""
    ends = (row["recomputed_low"], row["recomputed_high"])
    if "" in ends or ends[0] == ends[1]:
        ends = (row["recomputed"],)
    shown = list(dict.fromkeys(beside_printed(float(end), row) for end in ends))
    unit = "" if shown[0].endswith("%") else row["unit"]
    if row["field"] in {"p_value", "test_statistic", "n"}:
        unit = ""
    return " to ".join(shown) + (f" {unit}" if unit else "")


def by_analysis(study: Mapping, claims: Sequence[dict]) -> list[dict[str, object]]:
    """Return the claims by analysis, in the order in which the study declares them."""
    found: dict[str, list[dict]] = {name: [] for name in (*study["analyses"], "")}
    for claim in claims:
        found[claim["analysis"]].append(claim)
    return [_group(study, name, chosen) for name, chosen in found.items() if chosen]


def _group(study: Mapping, name: str, claims: list[dict]) -> dict[str, object]:
    analysis = study["analyses"].get(name, _NO_ANALYSIS)
    population = study["populations"].get(analysis["population"], {})
    usual = Counter(
        claim["convention"]
        for claim in claims
        if claim["convention"] and claim["verdict"] != "reproduced_by_convention"
    )
    convention = usual.most_common(1)[0][0] if usual else ""
    # What the heading says need not stand in every row.
    heading = (analysis["label"], analysis["endpoint"])
    said = Counter((claim["verdict"], claim["reason"]) for claim in claims)
    shared: dict[str, str] = {}
    for (verdict, reason), count in said.most_common():
        if count >= _OFTEN or count == len(claims) > 1 or analysis["awaited"]:
            shared.setdefault(verdict, reason)
    for claim in claims:
        claim["said_above"] = shared.get(claim["verdict"]) == claim["reason"]
        claim["convention"] = (
            ""
            if claim["convention"] == convention
            else short_convention(analysis["method"], claim["convention"])
        )
        if claim["what"]["main"] in heading:
            claim["what"]["main"] = ""
    runs = []
    for details, run in groupby(claims, key=lambda claim: claim["what"]["details"]):
        alike = list(run)
        named = len(alike) >= _OFTEN and all(claim["what"]["main"] for claim in alike)
        for claim in alike if named else ():
            claim["what"] = {**claim["what"], "details": []}
        runs.append({"details": details if named else [], "claims": alike})
    return {
        "id": name,
        "label": capitalised(analysis["label"]),
        "method": method_named(analysis["method"]),
        "kind": analysis["kind"],
        "population": population.get("label", ""),
        "paper": {"test": "", "statement": "", **analysis["paper"]},
        "convention": short_convention(analysis["method"], convention),
        "awaits": analysis["dataset"] if analysis["awaited"] else "",
        "shared": shared,
        "runs": runs,
        "claims": claims,
    }
