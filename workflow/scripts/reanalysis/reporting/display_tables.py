"""Tables for readers: rounded as journals round, as csv and as small html pages."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from io import StringIO

from reanalysis.analyses import PRIMARY
from reanalysis.formatting import (
    beside_printed,
    journal_number,
    journal_p,
    journal_time,
)
from reanalysis.job import write_text
from reanalysis.reporting.content_policy import content_policy
from reanalysis.reporting.convention_text import short_convention
from reanalysis.reporting.forest_rows import name_of
from reanalysis.words import choice_named

Table = tuple[Sequence[str], list[list[str]]]

#: Stands for a median that the follow-up does not reach.
NOT_REACHED = "not reached"
#: Longer tables are folded, one part per analysis.
_LONG = 60

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:14px/1.4 system-ui,sans-serif;margin:1.2em}"
    "table{border-collapse:collapse}"
    "caption,h1{font-size:1em;text-align:left;font-weight:bold;margin:0;"
    "padding-bottom:.6em}"
    "summary{cursor:pointer;padding:.3em 0}"
    "th,td{text-align:left;vertical-align:top;padding:.25em .7em .25em 0}"
    "thead th{border-top:1px solid;border-bottom:1px solid}"
    "tbody tr:last-child td{border-bottom:1px solid}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "@media print{details::details-content{content-visibility:visible;display:block}}"
)


def claims_table(study: Mapping, claims: Sequence[Mapping]) -> Table:
    """Return printed against recomputed numbers, one row per claim."""
    header = (
        "Claim", "Analysis", "Number", "Printed", "Recomputed", "Verdict",
        "Convention", "Reason", "Place",
    )  # fmt: skip
    analyses = study.get("analyses", {})
    rows = []
    for claim in claims:
        analysis = analyses.get(claim["analysis"], {})
        unit = f" {claim['unit']}" if claim["unit"] and claim["value"] else ""
        words = (
            claim["printed"].lower().replace("per cent", "%").replace("percent", "%")
        )
        if claim["unit"] and claim["unit"].lower() in words:
            unit = ""
        rows.append(
            [
                claim["claim_id"],
                analysis.get("label", claim["analysis"]),
                _number_named(claim),
                claim["printed"] + unit,
                _recomputed(claim),
                claim["verdict"].replace("_", " "),
                short_convention(
                    analysis.get("method", ""), claim["convention"].replace("_", " ")
                ),
                claim["reason"],
                ", ".join(p for p in (claim["source"], claim["locator"]) if p),
            ]
        )
    return header, rows


def _number_named(claim: Mapping) -> str:
    parts = [name_of(claim["statistic"])]
    if claim["field"] != "estimate":
        parts.append(claim["field"].replace("_", " "))
    text = ", ".join(parts)
    if claim["group"]:
        text += f"; {claim['group']}"
        if claim["reference"]:
            text += f" against {claim['reference']}"
    if claim["timepoint"]:
        text += f"; {journal_time(claim['timepoint'])}"
    if claim["endpoint"]:
        text += f" ({claim['endpoint']})"
    return text


def _recomputed(claim: Mapping) -> str:
    if claim["recomputed"] in ("", None):
        return ""
    low, high = (float(claim[f"recomputed_{end}"] or "nan") for end in ("low", "high"))
    if high > low:
        texts = [beside_printed(x, claim) for x in (low, high)]
        if texts[0] != texts[1]:
            return " to ".join(texts)
    return beside_printed(float(claim["recomputed"]), claim)


#: The columns of a table of results, by the names of :func:`result_cells`.
_RESULTS = {
    "analysis": "Analysis",
    "endpoint": "Endpoint",
    "statistic": "Statistic",
    "group": "Group",
    "time": "Time",
    "estimate": "Estimate",
    "interval": "Interval",
    "p": "P",
    "test": "Test",
    "n": "n",
    "events": "Events",
    "over_members": "Over members",
    "data": "Data",
    "note": "Note",
}


def results_table(study: Mapping, rows: Sequence[Mapping]) -> Table:
    """Return the primary estimates; with a column for ensembles where there are any."""
    columns = dict(_RESULTS)
    if not any(row["members"] > 0 for row in rows):
        del columns["over_members"]
    shown = []
    for row in rows:
        if row["scenario"] == PRIMARY:
            cells = result_cells(study, row)
            shown.append([cells[name] for name in columns])
    return list(columns.values()), shown


def result_cells(study: Mapping, row: Mapping) -> dict[str, str]:
    """Return an estimate as texts of a table; ``row`` has its numbers as floats."""
    analysis = study.get("analyses", {}).get(row["analysis"], {})
    kind = {"statistic": row["statistic"], "unit": row["unit"]}
    time = f"{journal_time(row['timepoint'])} {row['time_unit']}"
    what = (name_of(row["statistic"]), row["cause"], _term(study, analysis, row))
    return {
        "analysis": analysis.get("label", row["analysis"]),
        "endpoint": row["endpoint"],
        "statistic": ", ".join(part for part in what if part),
        "group": _against(row),
        "time": time.strip() if row["timepoint"] else "",
        "estimate": _estimate(row, kind),
        "interval": _interval(row, kind),
        "p": "" if math.isnan(row["p_value"]) else journal_p(row["p_value"]),
        "test": row["test"],
        "n": _blank(row["n"], field="n"),
        "events": _blank(row["events"], field="events"),
        "over_members": _over_members(row, kind),
        "data": row["kind"],
        "note": row["note"],
    }


def _over_members(row: Mapping, kind: Mapping[str, str]) -> str:
    """Say where the number, or the p-value of a test, lies over the members."""
    if not row["members"] > 0:
        return ""
    what, prefix = "estimate", ""
    if math.isnan(row["estimate_min"]) and not math.isnan(row["p_value_min"]):
        what, prefix, kind = "p_value", "P ", {"field": "p_value"}
    sought = math.isnan(row["band_low"]) and math.isnan(row["p_value_band_low"])
    band = "band" if what == "estimate" else "p_value_band"
    ends = (f"{what}_min", f"{what}_max") if sought else (f"{band}_low", f"{band}_high")
    low, high = (journal_number(row[end], **kind) for end in ends)
    if math.isnan(row[ends[0]]) and math.isnan(row[ends[1]]):
        return ""
    if math.isnan(row[ends[1]]) and row["statistic"] == "median_survival":
        high = NOT_REACHED
    lying = low if low == high else f"{low} to {high}"
    of = f"{row['members']:.0f} members"
    if row["prior"]:
        of += f" of the prior {row['prior'].replace('_', ' ')}"
    share = "smallest to largest" if sought else "95%"
    return f"{prefix}{lying} ({share} of {of})"


def _estimate(row: Mapping, kind: Mapping[str, str]) -> str:
    if math.isnan(row["estimate"]):
        return NOT_REACHED if row["note"].startswith(NOT_REACHED) else ""
    return _blank(row["estimate"], **kind) + _unit(row)


def _term(study: Mapping, analysis: Mapping, row: Mapping) -> str:
    """Name the level of a covariate (``sex=m``) as the study does for readers."""
    name, _, level = row["term"].partition("=")
    dataset = study.get("datasets", {}).get(analysis.get("dataset"), {})
    declared = dataset.get("columns", {}).get(name)
    if not level or declared is None:
        return row["term"]
    coding = declared.get("coding")
    if isinstance(coding, Mapping):
        level = coding.get(level, level)
    return f"{declared.get('label', name.replace('_', ' '))}: {level}"


def sensitivity_table(study: Mapping, rows: Sequence[Mapping]) -> Table:
    """Return what each scenario makes of each result."""
    header = (
        "Analysis", "Endpoint", "Statistic", "Group", "Time", "Scenario", "Estimate",
        "Interval", "P", "Printed", "Printed P", "Moves",
    )  # fmt: skip
    analyses = study.get("analyses", {})
    shown = []
    for row in rows:
        unit = "proportion" if row["statistic"] in _SHARES else ""
        kind = {"statistic": row["statistic"], "unit": unit}
        several = int(row["specifications"] or 1) > 1
        interval = {"conf_low": row["conf_low"], "conf_high": row["conf_high"]}
        scenario = choice_named(row["scenario"])
        shown.append(
            [
                analyses.get(row["analysis"], {}).get("label", row["analysis"]),
                row["endpoint"],
                name_of(row["statistic"]) + (f", {row['term']}" if row["term"] else ""),
                _against(row),
                journal_time(row["timepoint"]),
                f"{scenario} ({row['specifications']} runs)" if several else scenario,
                _span(row["estimate_low"], row["estimate_high"], **kind)
                if several
                else _text(row["estimate"], **kind),
                "" if several else _span(*interval.values(), **kind),
                _span(row["p_low"], row["p_high"], field="p_value")
                if several
                else _text(row["p_value"], field="p_value"),
                row["printed"],
                row["printed_p_value"],
                row["moves"],
            ]
        )
    return header, shown


#: Statistics of sensitivity.csv, which has no unit column, that are shares.
_SHARES = frozenset(
    {
        "proportion",
        "risk_difference",
        "survival_difference",
        "survival_probability",
        "cumulative_incidence",
    }
)


def _against(row: Mapping) -> str:
    return (
        f"{row['group']} against {row['reference']}"
        if row["reference"]
        else row["group"]
    )


def _unit(row: Mapping) -> str:
    if math.isnan(row["estimate"]) or row["unit"] in ("", "proportion", "%"):
        return ""
    return f" {row['unit']}"


def _interval(row: Mapping, kind: Mapping[str, str]) -> str:
    if math.isnan(row["conf_low"]) and math.isnan(row["conf_high"]):
        return ""
    low, high = (journal_number(row[f], **kind) for f in ("conf_low", "conf_high"))
    if math.isnan(row["conf_high"]) and row["statistic"] == "median_survival":
        high = NOT_REACHED
    return f"{low} to {high}"


def _blank(x: float, **kind: str) -> str:
    return "" if math.isnan(x) else journal_number(x, **kind)


def _text(cell: str, **kind: str) -> str:
    return journal_number(float(cell), **kind) if cell else ""


def _span(low: str, high: str, **kind: str) -> str:
    if not low and not high:
        return ""
    texts = [_text(x, **kind) or "\u2013" for x in (low, high)]
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the table as csv; no cell can run as a formula in a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


#: What a spreadsheet takes for the start of a formula; the wide forms too.
_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def safe_cell(cell: object) -> str:
    """Return a cell as text; a spreadsheet takes it for a number or for words only."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float):
        return (
            str(int(cell))
            if cell.is_integer() and abs(cell) < 1e15
            else repr(float(cell))
        )
    text = str(cell)
    if text[:1] in _STARTS or text.lstrip()[:1] in _STARTS:
        try:
            float(text)
        except ValueError:
            return "'" + text
    return text


def as_html(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table as a page of its own, without anything from outside.

    A long one is folded by its column of analyses.
    """
    name = escape(title)
    if len(rows) > _LONG:
        at = header.index("Analysis")
        parts: dict[str, list[Sequence[str]]] = {}
        for row in rows:
            parts.setdefault(row[at], []).append(row)
        shown = f"<h1>{name}</h1>\n" + "".join(
            f"<details>\n<summary>{escape(part) or 'No analysis'}: {len(chosen)} "
            f"{'row' if len(chosen) == 1 else 'rows'}</summary>\n"
            f"{_table(escape(part), header, chosen)}</details>\n"
            for part, chosen in parts.items()
        )
    else:
        shown = _table(name, header, rows)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" '
        f'content="{content_policy(_STYLE)}">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{shown}</main>\n</body>\n</html>\n"
    )


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its caption is escaped already."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{_class(cell)}>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>\n"
    )


def _class(cell: str) -> str:
    plain = cell.removesuffix("%").lstrip("\u2212<>-")
    return ' class="n"' if plain and plain.replace(".", "", 1).isdigit() else ""


def write_tables(
    study: Mapping,
    *,
    claims: Sequence[Mapping],
    rows: Sequence[Mapping],
    moves: Sequence[Mapping],
    folder: str,
) -> None:
    """Write the tables of one study as csv and html.

    ``claims`` and ``moves`` are rows of claims.csv and sensitivity.csv as text,
    ``rows`` of estimates.csv.
    """
    title = study.get("title", study["id"])
    for name, subject, (header, body) in (
        ("claims", "printed against recomputed", claims_table(study, claims)),
        ("results", "primary results", results_table(study, rows)),
        (
            "sensitivity",
            "what other choices make of the results",
            sensitivity_table(study, moves),
        ),
    ):
        write_text(f"{folder}/{name}.csv", as_csv(header, body))
        page = as_html(f"{title}: {subject}", header, body)
        write_text(f"{folder}/{name}.html", page)
