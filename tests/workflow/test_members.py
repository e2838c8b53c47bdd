"""Ensembles in a run: members as files, bands in rows, verdicts, equal bytes."""

from __future__ import annotations

import csv

import small_studies
from projects import Project, different

RISING = {
    **small_studies.CURVE,
    "figure.csv": str(small_studies.CURVE["figure.csv"]).replace("A,3,0.3", "A,3,0.9"),
}


def rows(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_members_become_rows_verdicts_and_figures(tmp_path):
    project = Project.create(
        tmp_path / "one", {"curve": small_studies.CURVE, "rising": RISING}
    )
    project.edit("config.yaml", "members: 200", "members: 40")
    outcome = project.run()
    assert outcome.clean
    # The curve that rises stops its own study and no other.
    assert outcome.code != 0
    assert "rises" in outcome.output
    made = project.results
    assert (made / "members" / "curve" / "figure.parquet").exists()
    claims = {row["claim_id"]: row for row in rows(made / "claims" / "curve.csv")}
    assert claims["C1"]["verdict"] == "compatible"
    assert claims["C2"]["verdict"] in {"not_reached", "incompatible"}
    estimates = rows(made / "estimates" / "curve.csv")
    assert {row["kind"] for row in estimates} == {"reconstructed"}
    primary = [row for row in estimates if row["scenario"] == "primary"]
    assert all(row["members"] == "40" for row in primary)
    # One core, another folder: the same bytes.
    other = project.copy(tmp_path / "other" / "place", results=False)
    other.run("--cores", "1")
    assert different(project.results, other.results) == []
    # More members: they and what rests on them are made again, nothing else.
    project.edit("config.yaml", "members: 40", "members: 50")
    planned = set(project.planned())
    methods = {f"{method}/curve" for method in ("kaplan_meier", "log_rank", "cox")}
    assert {"members_curve", "compare/curve", *methods} <= planned
    assert not {"check/curve", "consistency/curve"} & planned
