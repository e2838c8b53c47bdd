"""Grids in a real run: what they leave, what a change computes again, what stops."""

from __future__ import annotations

import csv

GRID = """\
  grids:
    ages:
      method: wilcoxon
      studies: first
      analyses: age
      statistic: [median_difference, mean_difference]
      choices:
        test: [wilcoxon, t]
        population: [as_declared, adults]
"""
#: What a grid of one study and method takes beside its own job.
SHOWN = {
    *("all", "collect_multiverse", "draw_first", "finish", "record", "write_report"),
    "run_crate",
    # The documents and their figures, which show every multiverse.
    *("compose", "number_figures", "pack_figures", "write_pdf", "write_slides"),
    *("write_word", "write_workbook"),
}


def rows(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_grid_recomputes_no_primary_result(project):
    project.edit("config.yaml", "  grids:\n", GRID)
    assert set(project.planned()) == {*SHOWN, "multiverse_wilcoxon/first"}
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    assert project.planned() == []
    results = project.results
    made = rows(results / "multiverse.csv")
    assert len(made) == 4
    assert rows(results / "multiverse/first.csv") == made
    (line,) = rows(results / "multiverse_summary.csv")
    assert line["specifications"] == "4"
    assert line["exchanges"] == "499"
    stem = results / "figures/first/age_multiverse_ages"
    assert line["sentence"] in stem.with_suffix(".txt").read_text("utf-8")
    page = (results / "report/index.html").read_text("utf-8")
    assert "Every combination of choices" in page
    # A scenario is not the grids' matter.
    scenario = "scenarios:\n  level: {conf_level: 0.9}\n"
    project.edit("config.yaml", "scenarios:\n", scenario)
    jobs = set(project.planned())
    assert "wilcoxon/first" in jobs
    assert not {job for job in jobs if "multiverse" in job}
    project.edit("config.yaml", scenario, "scenarios:\n")
    # Another grid: its job again, and what shows it.
    project.edit("config.yaml", "test: [wilcoxon, t]", "test: [t, wilcoxon]")
    assert set(project.planned()) == {*SHOWN, "multiverse_wilcoxon/first"}
    # A setting of the method: its jobs, and none of another method.
    before = "    p_value: exact\n    # Continuity"
    project.edit("config.yaml", before, before.replace("exact", "normal"))
    jobs = set(project.planned())
    assert {"wilcoxon/first", "multiverse_wilcoxon/first"} <= jobs
    assert not {job for job in jobs if job.startswith(("cox", "tables", "check"))}


def test_a_grid_that_does_not_fit_stops_nobody_else(project):
    project.edit("config.yaml", "  grids:\n", GRID.replace("adults", "grown_ups"))
    outcome = project.run()
    assert outcome.code == 1
    assert outcome.clean, outcome.output
    assert "multiverse ages of age" in outcome.output
    assert "'grown_ups'" in outcome.output
    assert rows(project.results / "multiverse.csv") == []
    caption = project.results / "figures/first/age_multiverse_ages.txt"
    assert "grown_ups" in caption.read_text("utf-8")
    assert (project.results / "report/index.html").exists()


def test_a_mistake_is_said_before_any_job(project):
    wrong = GRID.replace("test: [wilcoxon, t]", "test: [wilcoxn]")
    project.edit("config.yaml", "  grids:\n", wrong)
    outcome = project.run("-n")
    assert outcome.code == 1
    assert outcome.clean, outcome.output
    assert "multiverse.grids.ages" in outcome.output
    assert "'wilcoxn'" in outcome.output
    assert "brunner-munzel" in outcome.output
