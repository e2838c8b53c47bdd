"""Formats of the report: which are made, and what a change of them runs again."""

from __future__ import annotations

import zipfile

#: What a change of the config runs again anyway: the config as merged and the crate.
ALWAYS = ("all", "record", "run_crate")


def _formats(project, *wanted: str) -> None:
    config = (project.folder / "config.yaml").read_text(encoding="utf-8")
    line = next(x for x in config.splitlines() if x.startswith("  formats: ["))
    project.edit("config.yaml", line, f"  formats: [{', '.join(wanted)}]")


def test_a_format_less_or_more_runs_nothing_else(project):
    report = project.results / "report"
    (report / "slides.pptx").unlink()
    _formats(project, "html", "docx", "xlsx")
    assert project.planned() == [*ALWAYS]
    _formats(project, "html", "docx", "xlsx", "pptx")
    assert project.planned() == [*ALWAYS, "write_slides"]


def test_only_what_is_asked_for_is_made(project):
    project.write(
        "mine.yaml", "studies: [second]\nreport: {formats: [docx, figures]}\n"
    )
    outcome = project.run("--configfile", "mine.yaml")
    assert outcome.code == 0, outcome.output
    report = project.folder / "results" / "mine" / "report"
    assert {path.name for path in report.iterdir()} == {"report.docx", "figures"}
    names = sorted(path.name for path in (report / "figures").glob("Figure_*.pdf"))
    assert names[:2] == [
        "Figure_01_overview_scoreboard.pdf",
        "Figure_02_overview_evidence_map.pdf",
    ]


def test_no_format_at_all(project):
    project.write("mine.yaml", "studies: [second]\nreport: {formats: []}\n")
    jobs = project.planned("--configfile", "mine.yaml")
    assert not {"compose", "write_report", "write_word"} & set(jobs)


def test_an_unknown_format_is_refused(project):
    project.write("mine.yaml", "report: {formats: [odt]}\n")
    outcome = project.run("-n", "--configfile", "mine.yaml")
    assert outcome.code != 0
    assert "mine.yaml" in outcome.output
    assert "odt" in outcome.output
    assert "docx" in outcome.output
    assert "Traceback" not in outcome.output


def test_an_edit_of_one_format_makes_that_one_again(project):
    path = project.folder / "workflow/scripts/reanalysis/bundles/slides.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    assert set(project.planned()) == {"all", "run_crate", "write_slides"}


def test_private_rows_stay_at_home(project):
    """A table filled in a second folder: its patients are in no bundle."""
    source = project.folder / "data/first/patients.csv"
    rows = source.read_text(encoding="utf-8")
    own = project.folder / "data_private/first"
    own.mkdir(parents=True)
    (own / "patients.csv").write_text(rows, encoding="utf-8")
    source.write_text(rows.partition("\n")[0] + "\n", encoding="utf-8")
    project.write("mine.yaml", "data_dir: [data, data_private]\nstudies: [first]\n")
    outcome = project.run("--configfile", "mine.yaml")
    assert outcome.code == 0, outcome.output
    report = project.folder / "results/mine/report"
    with zipfile.ZipFile(report / "figures.zip") as opened:
        names = opened.namelist()
    assert not [name for name in names if name.endswith("_first_survival_cox.csv")]
    told = (project.folder / "results/mine/work/document.json").read_text("utf-8")
    assert "figures of single patients of first" in told
    assert "Response" in told
