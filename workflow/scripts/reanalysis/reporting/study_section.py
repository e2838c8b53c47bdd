"""What the report shows of one study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reanalysis.reporting.meanings import KINDS, UNTESTED, VERDICTS
from reanalysis.reporting.study_claims import by_analysis, claims_shown
from reanalysis.reporting.study_estimates import estimates
from reanalysis.reporting.study_members import ensembles
from reanalysis.reporting.study_multiverse import multiverses
from reanalysis.reporting.study_sensitivity import sensitivity

#: The parts of a section in order: heading, and the key of :func:`section` without
#: which it is left out. The template of each is page/study/<part>.html.jinja.
PARTS = {
    "data": ("Data", "citation"),
    "members": ("Data sets that the print allows", "ensembles"),
    "claims": ("Printed numbers and verdicts", "claims"),
    "figures": ("Figures", "figures"),
    "estimates": ("Estimates behind the verdicts", "estimates"),
    "sensitivity": ("Which conclusions move", "steady"),
    "multiverse": ("Every combination of choices", "multiverses"),
    "requests": ("What to ask the authors for", "requests"),
    "sources": ("Sources", "sources"),
}


def section(
    study: Mapping,
    failures: list[str],
    rows: Mapping[str, Sequence[Mapping]],
    figures: Sequence[Mapping[str, object]],
    drawn: Mapping[str, Mapping],
) -> dict[str, object]:
    """Return what the section of one study shows; a failed one has its message.

    ``study`` is its json, ``rows`` its rows of each table by name (those of
    estimates with the numbers as floats), ``drawn`` what members.json says of its
    ensembles, by dataset.
    """
    counts = Counter(row["verdict"] for row in rows["claims"])
    shown: dict[str, object] = {
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
        "ensembles": [],
        "claims": [],
        "estimates": [],
        "tested": [],
        "untested": [],
        "moving": [],
        "steady": [],
        "multiverses": [],
        "requests": [],
    }
    if study["status"] != "ok":
        return shown
    of_analysis: dict[str, str] = {}
    for figure in figures:
        of_analysis.setdefault(str(figure["analysis"]), str(figure["name"]))
    claims = claims_shown(study, rows["claims"], rows["checks"], of_analysis)
    shown |= {
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
        "ensembles": ensembles(study, drawn),
        "claims": claims,
        "estimates": estimates(study, rows["estimates"], rows["claims"]),
        "tested": by_analysis(
            study, [c for c in claims if c["verdict"] not in UNTESTED]
        ),
        "untested": [
            {"verdict": verdict, "claims": chosen}
            for verdict in UNTESTED
            if (chosen := [c for c in claims if c["verdict"] == verdict])
        ],
        "requests": [_request(study, row) for row in rows["requests"]],
    }
    shown["multiverses"] = multiverses(study, rows["multiverse_summary"])
    shown["moving"], shown["steady"] = sensitivity(study, rows["sensitivity"])
    return shown


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
    # Simulated patients have no file: they are drawn.
    there = [d for d in datasets.values() if d["rows"] or d["kind"] == "simulated"]
    kinds = Counter(d["kind"] for d in there)
    said = [kind for kind in KINDS if kinds[kind]]
    awaited = len(datasets) - len(there)
    return said + ([f"{awaited} awaited"] if awaited else [])


def _columns(columns: Mapping[str, Mapping]) -> str:
    return ", ".join(
        column.get("label", name)
        + (f" ({column['unit']})" if column.get("unit") else "")
        for name, column in columns.items()
    )


def _request(study: Mapping, row: Mapping[str, str]) -> dict[str, object]:
    return {
        **row,
        "columns": _columns(study["datasets"][row["dataset"]]["columns"]),
        "claims": row["claims"].split(),
        "analyses": [
            study["analyses"][name]["label"] for name in row["analyses"].split()
        ],
    }
