"""A table of many reports, read as one study with many comparisons.

One row is one comparison of two groups as printed: ``n1`` and ``n0`` patients,
``events1`` and ``events0``, ``share1`` (events among patients), ``hr`` (or ``or``,
``rr``, ``rd``) with ``low`` and ``high``, ``p``, ``chi2``, ``median1``,
``survival1@12``, ``at_risk1@12``, ``mean1`` and ``sd1``. Cells hold the printed
text with all its digits (``0.50``, ``77%``, ``<0.001``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reanalysis.errors import InputError
from reanalysis.rounding import Printed, interval
from reanalysis.studies.claims import CLAIM_COLUMNS
from reanalysis.studies.csv_table import read, short_name

EFFECTS = {
    "hr": "hazard_ratio",
    "or": "odds_ratio",
    "rr": "risk_ratio",
    "rd": "risk_difference",
}
#: Column without group and time -> statistic and field of the claim.
ITEMS = {
    "n": ("n", "estimate"),
    "events": ("count", "estimate"),
    "share": ("proportion", "estimate"),
    "at_risk": ("number_at_risk", "estimate"),
    "survival": ("survival_probability", "estimate"),
    "median": ("median_survival", "estimate"),
    "median_low": ("median_survival", "conf_low"),
    "median_high": ("median_survival", "conf_high"),
    "person_time": ("person_time", "estimate"),
    "expected": ("expected_events", "estimate"),
    "mean": ("mean", "estimate"),
    "sd": ("sd", "estimate"),
    "low": ("", "conf_low"),
    "high": ("", "conf_high"),
    "p": ("", "p_value"),
    "chi2": ("", "test_statistic"),
    **{name: (statistic, "estimate") for name, statistic in EFFECTS.items()},
}
SETTINGS = ("label", "test", "alternative", "conf_level", "time_unit", "unit")
_SURVIVAL = {"survival", "median", "at_risk", "median_low", "median_high"}
_COLUMN = re.compile(
    r"(?P<kind>[a-z]+(?:_[a-z]+)*|chi2)(?P<group>[01])?(?:@(?P<time>[0-9.]+))?"
)
_RELATION = {"<": "<", "≤": "<", ">": ">", "≥": ">", "~": "~"}


def read_reports(path: str | Path) -> dict[str, object]:
    """Return the reports of a csv file as one study.

    Raises :class:`InputError` for a cell that is no number and for a file in
    which no column is known; columns with other names are kept out.
    """
    path = Path(path)
    header, rows = read(path)
    if not any(known(column) for column in header):
        raise InputError(
            "no column is known",
            file=short_name(path),
            expected="columns such as n1, n0, events1, events0, hr, low, high, p",
        )
    reports = [dict(zip(header, cells, strict=True)) for cells in rows]
    return study_of(reports, file=short_name(path))


def known(column: str) -> re.Match | None:
    """Return the parts of a column's name, None for a column of another name."""
    found = _COLUMN.fullmatch(column)
    return found if found and found["kind"] in ITEMS else None


def study_of(
    reports: Sequence[Mapping[str, str]], *, name: str = "reports", file: str = ""
) -> dict[str, object]:
    """Return reports as a checked study: one analysis and population a report."""
    study: dict[str, object] = {
        "status": "ok",
        "message": "",
        "id": name,
        "title": "Reports",
        "citation": {"text": file or name},
        "design": "",
        "sources": {"reports": {"citation": file or name}},
        "remarks": [],
        "populations": {},
        "datasets": {"reports": {"kind": "summary", "awaited": "the rows", "rows": 0}},
        "analyses": {},
        "claims": [],
        "adjudication": [],
        "inputs": {},
    }
    for number, report in enumerate(reports, start=1):
        _add(study, report, f"r{number}", {"file": file or None, "row": number + 1})
    return study


def _add(study: dict, report: Mapping[str, str], key: str, at: Mapping) -> None:
    cells: dict[tuple[str, str, str], tuple[str, str]] = {}
    for column, cell in report.items():
        found, text = known(column), str(cell or "").strip()
        if found and text:
            place = (found["kind"], found["group"] or "", found["time"] or "")
            cells[place] = (column, text)
    kinds = {kind for kind, _, _ in cells}
    given = {name: str(report.get(name) or "").strip() for name in SETTINGS}
    method, effect = _method(kinds)
    endpoint = f"{key}: {given['label']}" if given["label"] else key
    claims = []
    for (kind, group, time), (column, text) in cells.items():
        statistic, field = ITEMS[kind]
        if kind == "events" and method in {"cox", "log_rank"} and not time:
            # Events over time, unless the report gives their share of the patients.
            shared = ("share", group, "") in cells
            statistic = "count" if shared else "observed_events"
        row = dict.fromkeys(CLAIM_COLUMNS, "")
        comparing = not statistic or kind in EFFECTS
        timed = kind in {"median", "median_low", "median_high", "person_time"}
        row |= {
            "claim_id": f"{key}.{column}".replace("@", "_"),
            "analysis": key,
            "population": key,
            "endpoint": endpoint,
            "timepoint": time,
            "group": "1" if comparing else group,
            "reference": "0" if comparing else "",
            "statistic": statistic or effect,
            "field": field,
            "role": "check",
            "source": "reports",
            "locator": column,
            "quote": f"chi-square {text}" if kind == "chi2" else text,
            "unit": given["time_unit"] if timed else "",
            **_printed(text),
        }
        if kind in {"mean", "sd"}:
            row["unit"] = given["unit"]
        if field in {"conf_low", "conf_high"}:
            row["conf_level"] = given["conf_level"] or "0.95"
        if field in {"p_value", "test_statistic"}:
            row["test"], row["alternative"] = given["test"], given["alternative"]
        try:
            printed = (row["printed"], row["value"], row["relation"])
            found = interval(*printed, field=field) if row["value"] else None
        except InputError as error:
            raise InputError(str(error), **{**at, "column": column}) from None
        claims.append((row, found))
    study["claims"] += [row for row, _ in claims]
    sizes = [found for row, found in claims if row["statistic"] == "n" and found]
    grouped = {row["group"] for row, _ in claims if row["statistic"] == "n"}
    population: dict[str, object] = {"label": endpoint}
    if grouped in ({""}, {"1", "0"}):
        population["n"] = int(sum(size.value for size in sizes))
    study["populations"][key] = population
    sample = _sample(endpoint, claims)
    study["analyses"][key] = {
        "method": method,
        "dataset": "reports",
        "population": key,
        "endpoint": endpoint,
        "label": endpoint,
        "columns": {"group": "group"},
        "paper": {name: given[name] for name in ("test", "alternative") if given[name]},
        "settings": {},
        "options": {},
        "kind": "summary" if sample else "individual",
        "awaited": not sample,
        "samples": [sample] if sample else [],
        "groups": ["1", "0"],
    }


def _method(kinds: set[str]) -> tuple[str, str]:
    """Return the method a report's columns speak of, and its effect."""
    for name, statistic in EFFECTS.items():
        if name in kinds:
            return ("cox" if name == "hr" else "tables"), statistic
    if kinds & _SURVIVAL:
        return "log_rank", "log_rank"
    if "mean" in kinds:
        return "wilcoxon", "mean_difference"
    return "tables", "odds_ratio"


def _printed(text: str) -> dict[str, str]:
    """Split a printed cell into value, relation and the unit of a percentage."""
    relation = _RELATION.get(text[:1], "=")
    number = text[1:].strip() if relation != "=" else text
    percent = number.endswith("%")
    number = number.removesuffix("%").strip()
    if not any(character.isdigit() for character in number):
        return {"printed": text, "value": "", "relation": "words"}
    found = {"printed": text, "value": number, "relation": relation}
    return {**found, "unit": "%"} if percent else found


def _sample(
    endpoint: str, claims: Iterable[tuple[Mapping, Printed | None]]
) -> dict[str, object] | None:
    """Return the summary rows behind a comparison of counts or of means."""
    cells: dict[tuple[str, str], Printed] = {
        (row["statistic"], row["group"]): found
        for row, found in claims
        if found and row["relation"] == "=" and not row["timepoint"]
    }
    survival = {"hazard_ratio", "log_rank", "median_survival", "survival_probability"}
    if any(row["statistic"] in survival for row, _ in claims):
        # Events over time are no table of counts.
        return None
    for names in (("count", "n"), ("mean", "sd", "n")):
        if not all((name, group) in cells for name in names for group in "10"):
            continue
        columns: dict[str, list] = {"group": ["1", "0"]}
        for name in names:
            both = [cells[name, group] for group in "10"]
            exact = name in {"count", "n"}
            columns[name] = [one.value for one in both]
            columns[f"{name}_low"] = [one.value if exact else one.low for one in both]
            columns[f"{name}_high"] = [one.value if exact else one.high for one in both]
        if "count" in names and any(
            count > n for count, n in zip(columns["count"], columns["n"], strict=True)
        ):
            return None
        return {
            "endpoint": "",
            "columns": columns,
            "covariates": [],
            "people": ["1", "0"],
            "lost": [False, False],
            "groups": ["1", "0"],
            "reference": "0",
            "unit": "",
            "time_unit": "",
            "dropped": 0,
        }
    return None
