"""Bad studies beside good ones: each is told what is wrong, none stops another."""

from __future__ import annotations

import csv
import html
import re

import small_studies
from projects import Project

#: Every second of them keeps the test short; test_study.py has them all.
SOME = list(small_studies.MISTAKES)[::2]


def _report(project: Project) -> str:
    page = (project.results / "report" / "index.html").read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())


def test_forty_bad_studies_and_two_good_ones(tmp_path):
    assert len(SOME) >= 40
    bad = {
        name: small_studies.MISTAKES[name].change(dict(small_studies.GOOD))
        for name in SOME
    }
    bad["Smith 2020"] = small_studies.good()
    good = {"first": small_studies.good(), "second": small_studies.good()}
    project = Project.create(tmp_path / "project", {**bad, **good})
    outcome = project.run(timeout=500)
    assert outcome.code != 0
    assert "Traceback" not in outcome.output
    logs = (project.results / "logs").rglob("*.log")
    assert not [log for log in logs if "Traceback" in log.read_text(encoding="utf-8")]

    assert f"\n{len(bad)} studies failed: Smith 2020, " in outcome.output
    assert "Report: results/primary/report/index.html" in outcome.output

    said = [line for line in outcome.output.splitlines() if line.startswith("  ")]
    page = _report(project)
    for name in bad:
        (line,) = [line for line in said if re.match(rf"  {name}\b(?! problem)", line)]
        mistake = small_studies.MISTAKES.get(name)
        for words in mistake.says if mistake else ("Smith 2020/study.yaml", "id"):
            assert words in line, (name, line)
        assert " ".join(line.split()) in page, name

    with open(project.results / "claims.csv", encoding="utf-8", newline="") as handle:
        claims = list(csv.DictReader(handle))
    verdicts = {(c["study"], c["claim_id"]): c["verdict"] for c in claims}
    assert {study for study, _ in verdicts} == set(good)
    for study in good:
        assert verdicts[study, "C1"] == verdicts[study, "C2"] == "reproduced"
        assert (project.results / "figures" / study / "responses.pdf").exists()
        assert study in page
    for table in ("estimates", "checks", "sensitivity", "requests"):
        assert (project.results / f"{table}.csv").exists()
    assert (project.results / "provenance.json").exists()
    assert not (project.results / "status.txt").exists()


def test_a_run_fails_until_the_study_is_mended(project):
    table = "data/second/patients.csv"
    project.edit(table, "P02,T,31,12", "P02,T,31,-1")
    for _ in range(2):
        outcome = project.run()
        assert outcome.code != 0
        assert "second/patients.csv, row 3, column 'months'" in outcome.output
        assert not (project.results / "status.txt").exists()
    project.edit(table, "P02,T,31,-1", "P02,T,31,12")
    outcome = project.run()
    assert outcome.code == 0, outcome.output
    assert "Nothing to be done" in project.run().output


def test_an_error_nobody_foresaw_stops_its_study_alone(project):
    project.edit(
        "workflow/scripts/reanalysis/methods/cox.py",
        "def estimate(",
        "def estimate(*_):\n    raise RuntimeError('made up')\n\n\ndef unused(",
    )
    outcome = project.run()
    assert outcome.code != 0
    assert "first: cox failed unexpectedly: RuntimeError: made up" in outcome.output
    assert "made up" in _report(project)
    assert not (project.results / "status.txt").exists()
