"""Assemble what the report page shows, study by study, and fill the template.

Everything here is plain data and sentences; how it looks is the template's. No
number is decided on here: estimates and verdicts are read as they stand.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reanalysis.formatting import (
    MISSING,
    beside_printed,
    capitalised,
    journal_number,
    journal_time,
)
from reanalysis.reporting.consistency_page import consistency
from reanalysis.reporting.convention_text import short_convention
from reanalysis.reporting.forest_rows import name_of
from reanalysis.rows import read_rows
from reanalysis.words import choice_named, method_named

#: Each verdict in one line, in the order in which they are listed, with the mark
#: that stands beside its name.
VERDICTS = {
    "reproduced": (
        "\u2713",
        "Recomputed from observed data by the convention the paper states (else our "
        "primary one); the result rounds to the printed digits.",
    ),
    "reproduced_by_convention": (
        "\u2713c",
        "The printed digits appear only under another convention of the same method, "
        "which is named.",
    ),
    "compatible": (
        "\u2248",
        "The printed number lies among those that rebuilt or simulated data give. "
        "This is no reproduction.",
    ),
    "attainable": (
        "\u25cb",
        "No data, but some outcome of a trial of this size and design gives the "
        "printed number.",
    ),
    "not_reached": (
        "?",
        "No rebuilt or simulated data set tried gives the printed number; that it is "
        "impossible is not proven.",
    ),
    "differs": (
        "\u2260",
        "Recomputed from observed data, the result is another number under every "
        "convention tried.",
    ),
    "incompatible": (
        "\u2717",
        "Proven: no data set that agrees with the other printed numbers gives it.",
    ),
    "impossible": (
        "!",
        "Contradicts other printed numbers or the number of patients.",
    ),
    "not_recomputable": (
        "\u2026",
        "Needs rows or numbers that are not public; what is missing is said.",
    ),
    "used": (
        "in",
        "Served as an input, or the data were rebuilt from it: agreement would prove "
        "nothing.",
    ),
    "context": ("\u00b7", "Printed, but no statement that data could test."),
}
#: Verdicts that contradict a printed number.
DISAGREE = ("differs", "incompatible", "impossible", "not_reached")
#: Verdicts told apart from the tested claims: no test was made.
UNTESTED = ("used", "context")

#: What each kind of data is.
KINDS = {
    "individual": "rows of single patients, as published",
    "summary": "counts, means or medians, as published",
    "curve": "coordinates read off a published figure",
    "reconstructed": "patients rebuilt from printed tables or a curve, not observed",
    "simulated": "patients drawn under printed constraints only, not observed",
}

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
#: Characters that mean something in an address or in HTML.
_RESERVED = str.maketrans({c: f"%{ord(c):02X}" for c in "%#<>\"'&"})
#: Pictures above this size are embedded as pixels, which are smaller then.
_LARGE = 300_000


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
    for path in drawn:
        said, study = _read_json(path), Path(path).parent.name
        if message := said.get("failed"):
            failures.setdefault(study, []).append(message)
        if "checks" in said:
            found[study] = said["checks"]
    parts = {
        table: _by_study(read_rows(tables[table]))
        for table in ("claims", "checks", "sensitivity", "requests")
    }
    sections = [
        _section(
            loaded[name],
            failures.get(name, []),
            {table: rows.get(name, []) for table, rows in parts.items()},
            [
                _figure(figure_folder, name, figure, loaded[name], analysis)
                for figure, analysis in figures.items()
            ],
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
        "disagreeing": [
            (section, claim)
            for section in sections
            for group in section["tested"]
            for claim in group["claims"]
            if claim["verdict"] in DISAGREE
        ],
        "wanted": sorted(
            ((s, request) for s in sections for request in s["requests"]),
            key=lambda pair: -len(pair[1]["claims"]),
        ),
        "consistency": consistency(found),
        "scoreboard": _picture(Path(figure_folder, "overview", "scoreboard")),
    }


def render(page: Mapping) -> str:
    """Return the page as HTML; every text in it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["words"] = _words
    environment.filters["choice"] = choice_named
    environment.globals["marks"] = {name: mark for name, (mark, _) in VERDICTS.items()}
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


def _section(
    study: Mapping,
    failures: list[str],
    rows: Mapping[str, list[dict[str, str]]],
    figures: list[dict[str, object]],
) -> dict[str, object]:
    """Return what the section of one study shows; a failed one has its message."""
    counts = Counter(row["verdict"] for row in rows["claims"])
    section: dict[str, object] = {
        "id": study["id"],
        "title": study.get("title", study["id"]),
        "message": study["message"] if study["status"] != "ok" else "",
        "failures": failures,
        "figures": figures,
        "counts": {name: counts[name] for name in VERDICTS},
        "total": len(rows["claims"]),
        "design": "",
        "size": "",
        "remarks": [],
        "citation": {},
        "sources": [],
        "available": [],
        "datasets": [],
        "tested": [],
        "untested": [],
        "moving": [],
        "steady": [],
        "requests": [],
    }
    if study["status"] != "ok":
        return section
    claims = _claims(study, rows["claims"], rows["checks"])
    section |= {
        "design": study["design"],
        "size": _size(study["populations"]),
        "remarks": study["remarks"],
        "citation": {"doi": "", "pmid": "", "registration": "", **study["citation"]},
        "sources": [
            {
                **{"id": name, "url": "", "accessed": "", "trust": ""},
                **source,
                "link": _link(source.get("url", "")),
            }
            for name, source in study["sources"].items()
        ],
        "available": _available(study["datasets"]),
        "datasets": [
            {"id": name, **dataset, "columns": _columns(dataset["columns"])}
            for name, dataset in study["datasets"].items()
        ],
        "tested": _groups(study, [c for c in claims if c["verdict"] not in UNTESTED]),
        "untested": [
            {"verdict": verdict, "claims": chosen}
            for verdict in UNTESTED
            if (chosen := [c for c in claims if c["verdict"] == verdict])
        ],
        "requests": [_request(study, row) for row in rows["requests"]],
    }
    section["moving"], section["steady"] = _sensitivity(study, rows["sensitivity"])
    return section


def _size(populations: Mapping[str, Mapping]) -> str:
    """Return the printed size of the first population that has one."""
    for population in populations.values():
        if "n" in population:
            return f"{population['n']} ({population['label']})"
    return ""


def _link(url: str) -> str:
    """Return an address a reader may follow, empty for any other scheme."""
    return url if url.startswith(("https://", "http://")) else ""


def _available(datasets: Mapping[str, Mapping]) -> list[str]:
    """Say which kinds of data have rows, and how many tables are awaited."""
    kinds = Counter(d["kind"] for d in datasets.values() if d["rows"])
    said = [kind for kind in KINDS if kinds[kind]]
    awaited = sum(not d["rows"] for d in datasets.values())
    return said + ([f"{awaited} awaited"] if awaited else [])


def _columns(columns: Mapping[str, Mapping]) -> str:
    return ", ".join(
        column.get("label", name)
        + (f" ({column['unit']})" if column.get("unit") else "")
        for name, column in columns.items()
    )


def _claims(
    study: Mapping, rows: Sequence[Mapping[str, str]], checks: Sequence[Mapping]
) -> list[dict[str, object]]:
    """Return the claims as shown: texts, the recomputed number, what else was found."""
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
    statistic = _STATISTICS.get(row["statistic"], _words(row["statistic"]))
    details = [
        ", ".join(dict.fromkeys(w for w in (statistic, _FIELDS[row["field"]]) if w))
    ]
    if row["group"]:
        details.append(_groups_named(row))
    if row["timepoint"]:
        units = {sample["time_unit"] for sample in analysis.get("samples", ())}
        known = len(units) == 1 and _is_number(row["timepoint"])
        unit = units.pop() if known else ""
        details.append(f"at {journal_time(row['timepoint'])} {unit}".strip())
    population = study["populations"].get(row["population"], {}).get("label", "")
    if (
        population
        and _plain(population) != _plain(row["group"])
        and analysis.get("population") != row["population"]
    ):
        details.append(population)
    return {"main": row["endpoint"], "details": details}


def _groups_named(row: Mapping[str, str]) -> str:
    reference = f" against {row['reference']}" if row["reference"] else ""
    return row["group"] + reference


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
    return f"{_words(source)}: {locator}" if locator else _words(source)


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


def _groups(study: Mapping, claims: Sequence[dict]) -> list[dict[str, object]]:
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


def _request(study: Mapping, row: Mapping[str, str]) -> dict[str, object]:
    return {
        **row,
        "columns": _columns(study["datasets"][row["dataset"]]["columns"]),
        "claims": row["claims"].split(),
        "analyses": [
            study["analyses"][name]["label"] for name in row["analyses"].split()
        ],
    }


def _sensitivity(
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
                "primary": _effect(first, "primary_"),
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
        details.append(_groups_named(row))
    if row["timepoint"]:
        units = {sample["time_unit"] for sample in analysis.get("samples", ())}
        known = len(units) == 1 and _is_number(row["timepoint"])
        unit = units.pop() if known else ""
        when = "up to" if row["statistic"].startswith("restricted") else "at"
        details.append(f"{when} {journal_time(row['timepoint'])} {unit}".strip())
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


#: What a figure shows of its analysis, by the end of its name.
_PARTS = {
    "_sensitivity": " under other choices",
    "_likelihood": ", likelihood",
    "_residuals": ", residuals over time",
}


def _figure(
    folder: str, study: str, figure: str, checked: Mapping, analysis: str
) -> dict[str, object]:
    declared = checked.get("analyses", {}).get(analysis, {})
    label = declared.get("label", _words(analysis))
    kind = f", {declared['kind']} data" if declared else ""
    varied = _PARTS.get(figure.removeprefix(analysis), "")
    return {
        **_picture(Path(folder, study, figure)),
        "name": figure,
        "alt": f"Figure: {label}{varied}{kind}. Described in the caption below it.",
    }


def _picture(stem: Path) -> dict[str, str]:
    """Return a figure as a data address, with its caption and where its files lie."""
    vector = stem.with_suffix(".svg").read_bytes()
    # As text a vector figure is a quarter smaller than in base64.
    text = " ".join(vector.decode("utf-8").split())
    source = "data:image/svg+xml," + text.translate(_RESERVED)
    if len(vector) > _LARGE:
        pixels = base64.b64encode(stem.with_suffix(".png").read_bytes()).decode()
        if len(pixels) < len(source):
            source = f"data:image/png;base64,{pixels}"
    return {
        "source": source,
        "files": f"../figures/{stem.parent.name}/{stem.name}",
        "caption": stem.with_suffix(".txt").read_text(encoding="utf-8").strip(),
    }
