"""What to ask the authors of a study for, and which claims it would settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COLUMNS = (
    "study",
    "dataset",
    "file",
    "wanted",
    "source",
    "locator",
    "analyses",
    "claims",
)


def requests(study: Mapping, claims: Sequence[Mapping]) -> list[dict[str, object]]:
    """Return one row per awaited table, those that settle most claims first."""
    # Attainable, impossible or used to draw data sets, rows would still settle more.
    open_claims = [c for c in claims if c["verdict"] != "context"]
    asked = []
    for name, dataset in study["datasets"].items():
        if dataset["rows"] != 0:
            continue
        analyses = [
            analysis
            for analysis, declared in study["analyses"].items()
            if declared["dataset"] == name
        ]
        settled = [c["claim_id"] for c in open_claims if c["analysis"] in analyses]
        asked.append(
            {
                "study": study["id"],
                "dataset": name,
                "file": f"{study['id']}/{dataset['file']}",
                "wanted": dataset["awaited"],
                "source": study["sources"][dataset["source"]]["citation"],
                "locator": dataset["locator"],
                "analyses": " ".join(analyses),
                "claims": " ".join(settled),
            }
        )
    return sorted(asked, key=lambda row: -len(str(row["claims"]).split()))
