"""Rows that arrive, studies that are added, rows that stay private: no code changes."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Iterator

from projects import ROOT, Project

Row = tuple[object, ...]


def _children_and_adults() -> Iterator[tuple[str, str]]:
    for number in range(1, 17):
        yield f"P{number:02}", "child" if number <= 10 else "adult"


def _vivarelli() -> dict[str, list[Row]]:
    """Made rows in the form the study's awaited tables want."""
    draw = random.Random(2023)
    patients = list(_children_and_adults())
    months = (0, 1, 3, 6, 9, 12)
    children = [p for p, group in patients if group == "child"]
    return {
        "patients": [
            (p, g, draw.randint(6, 40), draw.choice("fm"), 1, 12, int(p == "P16"))
            for p, g in patients
        ],
        "relapse_free": [
            (p, g, period, draw.randint(1, 11) if relapse else 12, relapse, 0)
            for p, g in patients
            for period, share in (("before", 0.9), ("after", 0.5))
            for relapse in [int(draw.random() < share)]
        ],
        "relapses": [
            (p, g, draw.randint(1, 4), draw.randint(0, 2)) for p, g in patients
        ],
        "drugs": [(p, g, draw.randint(1, 3), draw.randint(0, 2)) for p, g in patients],
        "treated_with": [
            (group, drug, time, draw.randint(2, n - 1), n)
            for group, n in (("all", 16), ("child", 10), ("adult", 6))
            for drug in ("prednisone", "MMF", "CNI")
            for time in ("baseline", "12 months")
        ],
        "prednisone": [
            (p, g, draw.randint(50, 300), draw.randint(20, 200)) for p, g in patients
        ],
        "b_cells": [
            (p, cells, month, draw.randint(5, 90))
            for p in children
            for cells in ("total CD19+ B cells", "mature B cells", "memory B cells")
            for month in months
        ],
        "tregs": [(p, month, draw.randint(1, 9)) for p in children for month in months],
        "adverse_events": [
            (p, "infection", int(p == "P03"), 0) for p, _ in patients[:5]
        ],
    }


def _park() -> dict[str, list[Row]]:
    draw = random.Random(2025)
    completers = [f"M{number}" for number in range(1, 7)]
    ranges = ((2, 24), (0, 1), (2, 24), (0, 1))
    return {
        "patients": [
            (p, draw.randint(1, 12), draw.randint(1, 9), 4 if i else 2, 0)
            + ((1, 20, 1, 30) if i == 0 else (0, "", 0, ""))
            for i, p in enumerate(["M7", *completers])
        ],
        "cohort": [
            (f"{group}{i}", group, *(draw.randint(low, high) for low, high in ranges))
            for group, n in (("MSC", 7), ("control", 18))
            for i in range(n)
        ],
        "matched_sets": [
            (f"{group}{i}", i % 7, group, *(draw.randint(*ends) for ends in ranges))
            for group, n in (("MSC", 7), ("control", 18))
            for i in range(n)
        ],
        "egfr_slopes": [
            (p, -draw.randint(5, 30), -draw.randint(0, 20)) for p in completers
        ],
        "proteinuria": [
            (p, draw.randint(1, 5), draw.randint(1, 5)) for p in completers
        ],
        "dsa": [
            (p, draw.randint(900, 9000), draw.randint(900, 9000)) for p in completers
        ],
        "t_cells": [
            (p, subset, draw.randint(5, 60), draw.randint(5, 60))
            for p in completers
            for subset in (
                "CD8+CD45RA+CCR7- T cells",
                "CD4+CD25+CD127low T cells",
                "CD8+CCR7+CD45RO+/CD45RA+ T cells",
            )
        ],
    }


def _claims(project: Project) -> list[dict[str, str]]:
    with open(project.results / "claims.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_awaited_tables_are_filled(tmp_path):
    project = Project.create(tmp_path / "project", {})
    for study, tables in {"vivarelli2023": _vivarelli(), "park2025": _park()}.items():
        folder = project.folder / "data" / study
        shutil.copytree(ROOT / "data" / study, folder)
        for table, rows in tables.items():
            with open(folder / f"{table}.csv", "a", encoding="utf-8", newline="") as f:
                csv.writer(f, lineterminator="\n").writerows(rows)
    figure = "results/primary/figures/park2025/graft_survival.pdf"
    tables = (f"results/primary/{name}.csv" for name in ("claims", "requests"))
    outcome = project.run(figure, *tables)
    assert outcome.code == 0, outcome.output
    asked = [c for c in _claims(project) if c["role"] == "check"]
    waiting = [c["claim_id"] for c in asked if "are not public" in c["reason"]]
    assert waiting == []
    real = {"reproduced", "reproduced_by_convention", "differs"}
    settled = [c for c in asked if c["verdict"] in real]
    unsettled = {
        c["claim_id"]: c["reason"] for c in asked if c["verdict"] == "not_recomputable"
    }
    assert len(settled) >= 0.9 * len(asked), unsettled
    assert {c["study"] for c in settled} == {"vivarelli2023", "park2025"}
    requests = (project.results / "requests.csv").read_text(encoding="utf-8")
    assert requests.count("\n") == 1, "nothing is left to ask for"
    assert (project.folder / figure).exists()


def test_a_study_is_added_by_copying_the_template(project):
    folder = project.folder / "data" / "smith2020"
    shutil.copytree(ROOT / "data" / "_template", folder)
    assert project.run().code == 0
    page = project.results / "report" / "index.html"
    assert "smith2020" in page.read_text(encoding="utf-8")
    letter = project.results / "letters" / "smith2020.txt"
    assert "patients.csv" in letter.read_text(encoding="utf-8")
    assert letter.with_suffix(".docx").exists()
    patients = [
        (f"P{i:02}", "TS"[i % 2], 20 + i, i, int(i % 3 == 0), 3, i % 3, answer, 0)
        for i, answer in enumerate(["complete", "partial", "none"] * 4, start=1)
    ]
    with open(folder / "patients.csv", "a", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(patients)
    with open(folder / "claims.csv", "a", encoding="utf-8") as handle:
        handle.write(
            "S1,age,all,Age,,T,,n,estimate,6,6,=,,,,,check,paper,Table 1,six,\n"
        )
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    verdicts = {c["claim_id"]: c["verdict"] for c in _claims(project)}
    assert verdicts["S1"] == "reproduced"
    assert not letter.exists(), "nobody is asked for rows that are there"
    assert not letter.with_suffix(".docx").exists()
    assert (project.results / "figures" / "smith2020" / "survival.pdf").exists()


def test_private_rows_complete_a_public_study(project):
    table = project.folder / "data" / "second" / "patients.csv"
    private = project.folder / "data_private" / "second"
    private.mkdir(parents=True)
    rows = table.read_text(encoding="utf-8")
    (private / "patients.csv").write_text(rows, encoding="utf-8")
    table.write_text(rows.partition("\n")[0] + "\n", encoding="utf-8")
    project.edit(
        "data/second/study.yaml",
        "locator: Table 1",
        "locator: Table 1\n    awaited: The rows.",
    )
    assert project.run().code == 0
    waiting = [
        c
        for c in _claims(project)
        if c["verdict"] in {"not_recomputable", "attainable"}
    ]
    assert {(c["study"], c["claim_id"]) for c in waiting} == {
        ("second", "C1"),
        ("second", "C2"),
    }
    project.write("private.yaml", "run: private\ndata_dir: [data, data_private]\n")
    outcome = project.run("--configfile", "private.yaml")
    assert outcome.code == 0, outcome.output
    claims = project.folder / "results" / "private" / "claims" / "second.csv"
    assert claims.read_text(encoding="utf-8").count(",reproduced,") == 2
