"""What the workflow must know before it runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import small_studies

from reanalysis.errors import InputError
from reanalysis.plan import analyses_of, import_closure, run_name

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"


@pytest.fixture
def primary(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("run: primary\nseed: 1\n")
    return path


@pytest.mark.parametrize(
    ("file", "text", "merged", "name"),
    [
        ("mine.yaml", "seed: 2\n", "primary", "mine"),
        ("my own.v2.yaml", "seed: 2\n", "primary", "my_own_v2"),
        ("mine.yaml", "run: other\n", "other", "other"),
        ("mine.yaml", "seed: 2\n", "given", "given"),
        ("mine.yaml", "run: other\n", "given", "given"),
        ("config.yaml", "run: primary\nseed: 1\n", "primary", "primary"),
    ],
)
def test_name_of_a_run(primary, tmp_path, file, text, merged, name):
    (tmp_path / file).write_text(text)
    assert run_name({"run": merged}, [primary, tmp_path / file]) == name


@pytest.mark.parametrize(
    ("file", "text"), [("mine.yaml", "run: primary\n"), ("primary.yaml", "seed: 2\n")]
)
def test_no_further_file_writes_into_the_primary_run(primary, tmp_path, file, text):
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match="would overwrite the primary run"):
        run_name({"run": "primary"}, [primary, tmp_path / file])


def test_without_a_further_file(primary):
    assert run_name({"run": "x"}, [primary]) == "x"


def test_analyses_of_a_study(tmp_path):
    files = small_studies.good(small_studies.SURVIVAL)
    folder = small_studies.write(tmp_path / "good", files)
    planned = analyses_of([folder])
    assert set(planned) == {"responses", "survival"}
    assert planned["survival"]["method"] == "kaplan_meier"
    assert planned["survival"]["kind"] == "individual"
    assert not planned["survival"]["awaited"]
    header = str(files["patients.csv"]).partition("\n")[0]
    for text in (header, header + "\n", header + "\n\n"):
        (folder / "patients.csv").write_text(text)
        assert analyses_of([folder])["survival"]["awaited"]
    own = small_studies.write(tmp_path / "own", {"patients.csv": files["patients.csv"]})
    assert not analyses_of([folder, own])["survival"]["awaited"]


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a: [", "analyses: 1", "datasets: {}\nanalyses: {a: }", "a: \x00"],
)
def test_whatever_stands_there_is_no_error(tmp_path, text):
    folder = small_studies.write(tmp_path / "bad", {"study.yaml": text})
    assert analyses_of([folder]) == {}


def test_import_closure_names_what_a_module_needs():
    found = {
        Path(f).name for f in import_closure(str(SCRIPTS), "reanalysis.studies.study")
    }
    assert {"study.py", "dataset.py", "selection.py", "errors.py"} <= found
    assert not {"cox.py", "report.py", "verdicts.py"} & found


@pytest.mark.parametrize("module", ["cox", "wilcoxon", "log_rank"])
def test_import_closure_keeps_methods_apart(module):
    found = import_closure(str(SCRIPTS), f"reanalysis.methods.{module}")
    methods = {Path(f).stem for f in found if Path(f).parent.name == "methods"}
    assert methods - {"__init__"} == {module}


def test_no_import_escapes_the_fingerprint():
    # A relative import is not followed: an edit behind it would not run again.
    for path in (SCRIPTS / "reanalysis").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path
