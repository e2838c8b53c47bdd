"""What a run does, what a second one repeats, and the ways to look at it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from urllib.parse import quote

import pytest
from projects import Project, different

DOCUMENTS = {"write_word", "write_pdf", "write_slides", "write_workbook"}
BUNDLES = {"compose", "number_figures", "pack_figures", *DOCUMENTS}
OTHERS = {
    *("all", "collect", "finish", "overview", "record", "write_report"),
    *("analysis_results", "run_crate"),
    *BUNDLES,
}
ENDINGS = ("pdf", "svg", "png", "csv", "txt", "alt.txt")
KINDS = {".csv", ".gz", ".svg", ".png", ".html", ".pdf", ".txt", ".json", ".yaml"}
KINDS |= {".docx", ".pptx", ".xlsx", ".zip"}


def test_a_clean_run_leaves_everything(finished):
    project, outcome = finished
    assert "Traceback" not in outcome.output
    assert "    input: " not in outcome.output, "progress, not the input of every job"
    assert "\r" not in outcome.output
    assert "\033" not in outcome.output
    said = outcome.output.splitlines()
    jobs = [line for line in said if re.match(r"\[ ?\d+/\d+\] ", line)]
    total = len(jobs)
    assert [line[:7] for line in jobs] == [
        f"[{n:>2}/{total}]" for n in range(1, total + 1)
    ]
    assert sum("] first        Cox model" in line for line in jobs) == 1
    assert sum("] second       verdicts" in line for line in jobs) == 1
    assert not [line for line in said if "Finished jobid" in line or "Execute" in line]
    assert said[-4:-1] == [
        "6 claims: 4 reproduced, 2 context",
        "Report: results/primary/report/index.html",
        "Tables: results/primary/claims.csv, estimates.csv and others beside them",
    ]
    assert said[-1].startswith("Took ")
    with open(project.results / "claims.csv", encoding="utf-8", newline="") as handle:
        claims = list(csv.DictReader(handle))
    assert [c["verdict"] for c in claims if c["claim_id"] != "C3"] == ["reproduced"] * 4
    found = {path.suffix for path in project.results.rglob("*.*") if path.is_file()}
    assert found >= KINDS
    stem = project.results / "figures" / "first" / "survival_cox"
    for ending in ENDINGS:
        assert stem.with_suffix(f".{ending}").stat().st_size > 0
    overview = project.results / "figures" / "overview"
    assert "2 studies" in (overview / "evidence_map.alt.txt").read_text("utf-8")
    status = (project.results / "status.txt").read_text(encoding="utf-8")
    assert status == "6 claims: 4 reproduced, 2 context\n"
    record = json.loads((project.results / "provenance.json").read_text("utf-8"))
    assert set(record["inputs_sha256"]) == {"first", "second"}
    assert not list(project.results.rglob("*.partial"))


def test_a_second_run_does_nothing(finished):
    outcome = finished[0].run()
    assert outcome.code == 0
    assert "Nothing to be done" in outcome.output
    assert "6 claims: 4 reproduced, 2 context\nReport: " in outcome.output


def test_a_dry_run_says_what_would_be_done(project):
    (project.results / "status.txt").unlink()
    outcome = project.run("-n")
    assert outcome.code == 0
    assert re.search(r"^finish +1$", outcome.output, re.MULTILINE), outcome.output


def test_the_same_bytes_elsewhere_on_one_core(finished, tmp_path):
    other = finished[0].copy(tmp_path / "a folder elsewhere", results=False)
    outcome = other.run("--cores", "1", PYTHONHASHSEED="7", TZ="Asia/Tokyo", LANG="C")
    assert outcome.code == 0, outcome.output
    assert different(finished[0].results, other.results) == []


def test_a_changed_setting_reruns_what_depends_on_it(project):
    config = (project.folder / "config.yaml").read_text(encoding="utf-8")
    old = "    p_value: exact\n    # Continuity"
    assert old in config
    project.edit("config.yaml", old, old.replace("exact", "normal"))
    expected = {"wilcoxon/first", "compare/first", "draw_first", *OTHERS}
    assert set(project.planned()) == expected
    before = (project.results / "work/first/cox.csv").stat().st_mtime_ns
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    assert (project.results / "work/first/cox.csv").stat().st_mtime_ns == before
    with open(project.results / "estimates.csv", encoding="utf-8", newline="") as rows:
        primary = [r for r in csv.DictReader(rows) if r["scenario"] == "primary"]
    used = [r["convention"] for r in primary if r["method"] == "wilcoxon"]
    assert used
    assert all("p value normal" in convention for convention in used)
    assert project.planned() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dpi: 300", "dpi: 150"),
        ("preset: custom", "preset: slide"),
        ("words: {}", "words: {Time: Zeit}"),
    ],
)
def test_a_setting_of_the_looks_redraws_only(project, old, new):
    project.edit("config.yaml", f"  {old}\n", f"  {new}\n")
    assert set(project.planned()) == {
        *("all", "finish", "overview", "record", "run_crate", "write_report"),
        *("draw_first", "draw_second", *BUNDLES),
    }


def test_figures_are_combined_without_drawing_others_again(project):
    both = "panels: {both: [first/survival_cox, second/responses]}"
    project.edit("config.yaml", "  panels: {}\n", f"  {both}\n")
    assert set(project.planned()) == {*("all", "panel_both", "record", "run_crate")}
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    folder = project.results / "figures" / "panels"
    assert {path.name for path in folder.iterdir()} == {
        f"both.{ending}" for ending in ENDINGS
    }
    with open(folder / "both.csv", encoding="utf-8", newline="") as handle:
        drawn = list(csv.DictReader(handle))
    alone = 0
    for letter, own in (("A", "first/survival_cox"), ("B", "second/responses")):
        path = project.results / "figures" / f"{own}.csv"
        with open(path, encoding="utf-8", newline="") as handle:
            marks = list(csv.DictReader(handle))
        mine = [mark for mark in drawn if mark["panel"].startswith(letter)]
        assert [m["x"] for m in mine] == [m["x"] for m in marks]
        alone += len(marks)
    assert len(drawn) == alone


def test_an_edited_estimator_reruns_its_results(project):
    module = "workflow/scripts/reanalysis/methods/cox.py"
    path = project.folder / module
    path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    jobs = set(project.planned())
    assert {"cox/first", "compare/first"} <= jobs
    assert not {job for job in jobs if job.startswith(("wilcoxon", "tables", "check"))}


def test_edited_rows_rerun_their_study_alone(project):
    project.edit("data/first/patients.csv", "P12,S,60", "P12,S,61")
    jobs = set(project.planned())
    assert {"check/first", "cox/first", "tables/first", "collect"} <= jobs
    assert not {job for job in jobs if "second" in job}


def test_an_overlay_has_a_run_of_its_own(project):
    times = {p: p.stat().st_mtime_ns for p in project.results.rglob("*.csv")}
    project.write("mine.yaml", "studies: [second]\nconf_level: 0.9\n")
    outcome = project.run("--configfile", "mine.yaml")
    assert outcome.code == 0, outcome.output
    assert times == {p: p.stat().st_mtime_ns for p in project.results.rglob("*.csv")}
    mine = project.folder / "results" / "mine"
    assert (mine / "report" / "index.html").exists()
    assert "conf_level: 0.9\n" in (mine / "config.yaml").read_text(encoding="utf-8")
    assert "Nothing to be done" in project.run().output


def test_one_figure_by_its_name(project):
    figure = "results/primary/figures/first/age.pdf"
    (project.folder / figure).unlink()
    (project.results / "status.txt").unlink()
    outcome = project.run(figure)
    assert outcome.code == 0, outcome.output
    assert (project.folder / figure).exists()
    assert f"Done: {figure}\n" in outcome.output
    assert not (project.results / "status.txt").exists()


def test_graph_and_report_of_snakemake(project):
    graph = project.run("--dag")
    assert graph.code == 0
    assert "digraph" in graph.output
    outcome = project.run("--report", "report.html")
    assert outcome.code == 0, outcome.output
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    assert "1 Overview" in page
    assert "2 Studies" in page


def test_a_crate_lists_all_that_a_run_leaves(finished):
    """Found by walking the folder: what is not a step on the way is in the list."""
    results = finished[0].results
    crate = json.loads((results / "ro-crate-metadata.json").read_text("utf-8"))
    listed = {entity["@id"] for entity in crate["@graph"]}
    left = {
        quote(path.relative_to(results).as_posix())
        for path in results.rglob("*")
        if path.is_file()
        and path.relative_to(results).parts[0] not in {"work", "checked", "logs"}
        and not path.name.startswith(".")
    }
    assert left - listed == {"status.txt"}
    assert listed - left >= {"./", "#run"}
    files = {e["@id"] for e in crate["@graph"] if "File" in e["@type"]}
    assert files <= left, "nothing is listed that is not there"


def test_a_crate_holds_what_it_takes_to_run_again(finished, tmp_path):
    """From the crate alone: code, tables and settings give the same estimates."""
    results = finished[0].results
    shutil.copytree(results / "inputs", tmp_path / "again")
    again = Project(tmp_path / "again")
    settings = ("--configfile", str(results / "config.yaml"))
    outcome = again.run(*settings, "--config", "run=second", "studies=[second]")
    assert outcome.code == 0, outcome.output
    for name in ("estimates/second.csv", "claims/second.csv"):
        made = again.folder / "results" / "second" / name
        assert made.read_bytes() == (results / name).read_bytes()
