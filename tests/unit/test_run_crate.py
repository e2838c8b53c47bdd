"""The crate of a run meets the profile it names, is equal for equal runs, and keeps
private rows out."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from reanalysis.steps.run_crate import pack

SECRET = "P7,S,1234.5"
RELEASE = {
    "title": "The pipeline",
    "abstract": "Recomputes.",
    "version": "1.2.3",
    "date-released": "2026-01-31",
    "license": "MIT",
    "authors": [{"name": "The authors"}],
}
CODE = ["Snakefile", "CITATION.cff", "LICENSE", "workflow/rules/a b.smk"]
DATASET = {
    "file": "patients.csv",
    "kind": "individual",
    "source": "paper",
    "note": "Printed rows.",
    "licence": "CC BY 4.0",
}


def _study(name, **changed):
    return {
        "status": "ok",
        "message": "",
        "id": name,
        "title": f"Title <b>of {name}</b>",
        "citation": {"text": f"Paper of {name}.", "doi": "10.1000/x<y>"},
        "design": "Randomised.",
        "sources": {"paper": {"citation": "Table 1", "url": "https://example.org/t1"}},
        "datasets": {"patients": DATASET, "drawn": {**DATASET, "file": ""}},
        "ensembles": {"drawn": {"kind": "simulated"}},
        **changed,
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project with a public and a private data folder and a finished run."""
    monkeypatch.chdir(tmp_path)
    for name in CODE:
        _write(Path(name), f"# {name}\n")
    _write(Path("CITATION.cff"), yaml.safe_dump(RELEASE))
    for study in ("open2020", "mixed2021"):
        _write(Path("data", study, "study.yaml"), "id\n")
        _write(Path("data", study, "patients.csv"), "id,arm,time\n")
    for study in ("mixed2021", "closed2022"):
        _write(Path("data_private", study, "patients.csv"), f"id,arm,time\n{SECRET}\n")
    run = Path("results/mine")
    made = ["claims.csv", "report/index.html", "config.yaml", "provenance.json"]
    for study in ("open2020", "mixed2021", "closed2022"):
        made += [
            f"figures/{study}/curve.csv",
            f"report/figures/Figure_01_{study}_curve.pdf",
        ]
    for name in made:
        _write(run / name, f"{name}\n")
    _write(run / "config.yaml", yaml.safe_dump({"run": "mine", "seed": 7}))
    versions = {"pandas": "2.3.3"}
    said = {
        "python": "3.11.7",
        "versions": versions,
        "time": "2026-11-22T09:47:53+00:00",
    }
    _write(run / "provenance.json", json.dumps(said))
    return tmp_path


def _pack(studies=None, failed=(), public="data", made=None):
    """Make the crate of results/mine and return its entities by id."""
    run = Path("results/mine")
    studies = studies or {"open2020": ["data/open2020"]}
    checked = []
    for study in studies:
        told = _study(study)
        if study in failed:
            told = {"id": study, "status": "failed", "message": f"row 3: {SECRET}"}
        checked.append(str(run / "checked" / f"{study}.json"))
        _write(Path(checked[-1]), json.dumps(told))
    made = made or ["claims.csv", "report", "figures", "config.yaml", "provenance.json"]
    output = run / "ro-crate-metadata.json"
    pack(
        str(run), CODE, studies, public, checked, [], [str(run / m) for m in made],
        "Trials", str(output),
    )  # fmt: skip
    text = output.read_text(encoding="utf-8")
    graph = json.loads(text)["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph), "no two entities of one name"
    return entities, text


def _ids(value):
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def test_what_the_profiles_require(place):
    """The MUSTs of RO-Crate 1.1, Workflow RO-Crate 1.0, Process and Workflow Run 0.5."""
    found, text = _pack()
    descriptor, root = found["ro-crate-metadata.json"], found["./"]
    assert json.loads(text)["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert "https://w3id.org/ro/crate/1.1" in _ids(descriptor["conformsTo"])
    assert root["@type"] == "Dataset"
    for key in ("name", "description", "license"):
        assert root[key], key
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", root["datePublished"])
    for profile in (
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ):
        assert profile in _ids(root["conformsTo"])
        assert found[profile]["@type"] == "CreativeWork"
    (main,) = _ids(root["mainEntity"])
    workflow = found[main]
    assert set(workflow["@type"]) == {
        "File",
        "SoftwareSourceCode",
        "ComputationalWorkflow",
    }
    assert found[workflow["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    actions = [e for e in found.values() if e["@type"] == "CreateAction"]
    assert [_ids(a["instrument"]) for a in actions] == [[main]]
    assert _ids(root["mentions"]) == [a["@id"] for a in actions]
    # All that is pointed to is described, and all files are parts of the crate.
    pointed = set(re.findall(r'\{\s*"@id": "([^"]*)"\s*\}', text))
    described = set(found) | {"https://w3id.org/ro/crate/1.1"}
    outside = {
        "https://doi.org/10.1093/bioinformatics/bts480",
        "https://snakemake.readthedocs.io",
    }
    assert pointed - described - outside == set()
    files = {i for i, e in found.items() if "File" in e["@type"]}
    assert files <= set(_ids(root["hasPart"]))


def test_every_file_is_there_with_its_hash(place):
    found, _ = _pack()
    run = place / "results/mine"
    files = {unquote(i): e for i, e in found.items() if "File" in e["@type"]}
    for name, entity in files.items():
        content = (run / name).read_bytes()
        assert entity["encodingFormat"], name
        if name == "provenance.json":
            assert "sha256" not in entity
        else:
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()
            assert entity["contentSize"] == str(len(content))
    inputs = {
        p.relative_to(run).as_posix()
        for p in (run / "inputs").rglob("*")
        if p.is_file()
    }
    assert inputs == {f"inputs/{name}" for name in CODE} | {
        "inputs/data/open2020/study.yaml",
        "inputs/data/open2020/patients.csv",
    }
    assert inputs <= set(files)
    assert "figures/open2020/curve.csv" in files, "found below a folder"


def test_what_was_made_from_what(place):
    found, _ = _pack()
    run = found["#run"]
    assert set(_ids(run["object"])) == {
        "config.yaml",
        "inputs/data/open2020/study.yaml",
        "inputs/data/open2020/patients.csv",
    }
    assert {"claims.csv", "report/index.html"} <= set(_ids(run["result"]))
    assert not {"config.yaml", "provenance.json"} & set(_ids(run["result"]))
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert "error" not in run
    table = found["inputs/data/open2020/patients.csv"]
    assert found[table["license"]["@id"]]["name"] == "CC BY 4.0"
    assert found[table["isBasedOn"]["@id"]]["url"] == "https://example.org/t1"
    assert "individual" in table["description"]
    folder = found["inputs/data/open2020/"]
    assert found[folder["citation"]["@id"]]["name"] == "Paper of open2020."
    assert "https://doi.org/10.1000/x%3Cy%3E" in found
    figure = found["figures/open2020/curve.csv"]
    assert figure["isBasedOn"] == {"@id": "inputs/data/open2020/"}
    assert "isBasedOn" not in found["claims.csv"]
    assert found["#software-pandas"]["softwareVersion"] == "2.3.3"


def test_members_are_said_to_be_no_patients(place):
    _write(Path("results/mine/members/open2020/drawn.parquet"), "PAR1")
    found, _ = _pack(made=["members", "config.yaml", "provenance.json"])
    told = found["members/open2020/drawn.parquet"]["description"]
    assert "simulated" in told
    assert "no patients" in told


def test_nothing_tells_the_time_and_order_does_not_matter(place):
    _, text = _pack()
    (place / "results/mine/provenance.json").write_text(
        json.dumps(
            {"python": "3.11.7", "versions": {"pandas": "2.3.3"}, "time": "2031"}
        )
    )
    made = ["provenance.json", "config.yaml", "figures", "report", "claims.csv"]
    _, again = _pack(made=made)
    assert again == text
    assert "2026-11-22" not in text


def test_private_rows_stay_out(place):
    studies = {
        "open2020": ["data/open2020"],
        "mixed2021": ["data/mixed2021", "data_private/mixed2021"],
        "closed2022": ["data_private/closed2022"],
    }
    found, text = _pack(studies, failed=["closed2022"])
    assert "mixed2021" in found["./"]["description"]
    private = hashlib.sha256(Path("data_private/mixed2021/patients.csv").read_bytes())
    assert private.hexdigest() not in text
    assert SECRET not in text
    listed = {i for i in found if i.startswith(("figures/", "report/figures/"))}
    assert listed == {
        "figures/open2020/curve.csv",
        "report/figures/Figure_01_open2020_curve.pdf",
    }
    copied = [
        p.read_text() for p in Path("results/mine/inputs").rglob("*") if p.is_file()
    ]
    assert not any(SECRET in content for content in copied)
    assert not Path("results/mine/inputs/data/closed2022").exists()
    assert Path("results/mine/inputs/data/mixed2021/patients.csv").exists()
    assert found["#run"]["error"] == "closed2022: failed."


def test_a_failed_study_fails_the_run_and_is_named(place):
    found, _ = _pack(failed=["open2020"])
    run = found["#run"]
    assert run["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert run["error"] == f"open2020: row 3: {SECRET}"
    assert "license" not in found["inputs/data/open2020/patients.csv"]


def test_what_an_earlier_run_left_is_not_listed(place):
    _write(Path("results/mine/inputs/data/gone1999/study.yaml"), "id\n")
    _write(Path("results/mine/figures_old/curve.csv"), "1\n")
    _write(Path("results/mine/figures/.snakemake_timestamp"), "")
    found, _ = _pack()
    assert not [i for i in found if "gone1999" in i or "old" in i or "timestamp" in i]
