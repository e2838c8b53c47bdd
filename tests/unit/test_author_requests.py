"""What to ask authors for."""

from __future__ import annotations

from reanalysis.author_requests import requests


def test_awaited_tables_those_that_settle_most_first():
    table = {"rows": 0, "source": "p", "locator": "Table 1", "awaited": "Rows."}
    study = {
        "id": "s",
        "sources": {"p": {"citation": "Paper"}},
        "datasets": {
            "few": {**table, "file": "few.csv"},
            "many": {**table, "file": "many.csv"},
            "here": {**table, "file": "here.csv", "rows": 3},
        },
        "analyses": {"a": {"dataset": "few"}, "b": {"dataset": "many"}},
    }
    claims = [
        {"claim_id": name, "analysis": analysis, "verdict": verdict}
        for name, analysis, verdict in (
            ("C1", "a", "not_recomputable"),
            ("C2", "b", "not_recomputable"),
            ("C3", "b", "not_recomputable"),
            ("C4", "b", "context"),
        )
    ]
    asked = requests(study, claims)
    assert [(a["file"], a["claims"]) for a in asked] == [
        ("s/many.csv", "C2 C3"),
        ("s/few.csv", "C1"),
    ]
