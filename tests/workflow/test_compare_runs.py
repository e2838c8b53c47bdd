"""Finished runs side by side: they are read, and nothing can make or touch them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from projects import Project

NAMED = ("--config", "compare=[primary, mine]")
COMPARE = ("compare_runs", *NAMED)
FOLDER = "results/comparisons/primary-vs-mine"


@pytest.fixture
def two_runs(project: Project) -> Project:
    """A finished run, and another one in which a verdict and a number differ."""
    mine = project.folder / "results" / "mine"
    shutil.copytree(project.results, mine)
    for file, old, new in (
        ("config.yaml", "ties: efron", "ties: breslow"),
        ("claims.csv", ",reproduced,", ",differs,"),
    ):
        project.edit(f"results/mine/{file}", old, new)
    return project


def _state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder of a run with its time and bytes, the hidden ones too."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


def test_a_comparison_reads_runs_and_touches_neither(two_runs):
    folders = [two_runs.folder / "results" / name for name in ("primary", "mine")]
    # Out of date by every measure: code, settings and data would rebuild all of it.
    module = two_runs.folder / "workflow/scripts/reanalysis/methods/cox.py"
    module.write_text(module.read_text("utf-8") + "\n# edited\n", encoding="utf-8")
    two_runs.edit("config.yaml", "conf_level: 0.95", "conf_level: 0.9")
    two_runs.edit("data/first/patients.csv", "P12,S,60", "P12,S,61")
    before = [_state(folder) for folder in folders]
    assert two_runs.planned(*NAMED) == ["all", "compare_runs"]
    outcome = two_runs.run(*COMPARE)
    assert outcome.code == 0, outcome.output
    assert [_state(folder) for folder in folders] == before
    assert "mine against primary: 1 of 6 verdicts changed." in outcome.output
    assert f"Side by side: {FOLDER}/index.html" in outcome.output

    made = two_runs.folder / FOLDER
    with open(made / "differences.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {r["name"]: (r["value_a"], r["value_b"]) for r in rows} == {
        "methods.cox.ties": ("efron", "breslow")
    }
    assert "1 of 6 verdicts changed." in (made / "index.html").read_text("utf-8")

    # Nothing to do again, until a run is another one.
    assert two_runs.planned(*NAMED) == []
    two_runs.edit("results/mine/claims.csv", ",differs,", ",impossible,")
    assert two_runs.planned(*NAMED) == ["all", "compare_runs"]


def test_a_run_that_lacks_a_file_is_not_made(two_runs):
    (two_runs.results / "estimates.csv").unlink()
    before = _state(two_runs.results)
    outcome = two_runs.run(*COMPARE)
    assert outcome.code != 0
    assert outcome.clean
    assert "results/primary/estimates.csv: the run is not finished" in outcome.output
    assert _state(two_runs.results) == before
    assert not (two_runs.folder / FOLDER).exists()


def test_files_of_a_run_cannot_be_asked_for_while_comparing(two_runs):
    (two_runs.results / "status.txt").unlink()
    target = "results/primary/status.txt"
    outcome = two_runs.run(target, *NAMED)
    assert outcome.code != 0
    assert "MissingRuleException" in outcome.output
    assert not (two_runs.folder / target).exists()


def test_runs_have_to_be_named(two_runs):
    outcome = two_runs.run("compare_runs")
    assert outcome.code != 0
    assert outcome.clean
    assert "the names of finished runs: --config compare=" in outcome.output


def test_a_run_cannot_take_the_folder_of_comparisons(two_runs):
    outcome = two_runs.run("--config", "run=comparisons")
    assert outcome.code != 0
    assert outcome.clean
    assert "not comparisons" in outcome.output


def test_lint(two_runs):
    outcome = two_runs.run("--lint", *NAMED)
    assert outcome.code == 0, outcome.output
