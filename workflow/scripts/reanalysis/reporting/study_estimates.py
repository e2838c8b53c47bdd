"""The estimates that verdicts of one study rest on, as rows of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.formatting import capitalised
from reanalysis.reporting.convention_text import short_convention
from reanalysis.reporting.display_tables import result_cells


def estimates(
    study: Mapping, rows: Sequence[Mapping], claims: Sequence[Mapping[str, str]]
) -> list[dict[str, object]]:
    """Return the estimates by analysis, each with the claims it was held against.

    ``rows`` are those of estimates.csv with the numbers as floats, ``claims`` of
    claims.csv. Estimates that no claim speaks of are not among them.
    """
    held: dict[str, list[str]] = {}
    for claim in claims:
        if claim["estimate_id"]:
            held.setdefault(claim["estimate_id"], []).append(claim["claim_id"])
    groups: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        if row["estimate_id"] in held:
            groups.setdefault(str(row["analysis"]), []).append(
                {
                    **result_cells(study, row),
                    "id": row["estimate_id"],
                    "kind": row["kind"],
                    "settings": short_convention(
                        str(row["method"]), str(row["convention"])
                    ),
                    "claims": held[str(row["estimate_id"])],
                }
            )
    return [
        {
            "label": capitalised(study["analyses"][name]["label"]),
            "rows": chosen,
            "rows_count": len(chosen),
        }
        for name, chosen in groups.items()
    ]
