"""Read a study folder, check it to the last cell, and prepare its samples.

The result is one plain dictionary (it becomes ``checked/<study>.json``): what the
study is, its claims, and for every analysis the selected rows with columns named
by role. Nothing downstream reads the study folder again but the multiverse, which
asks for other rows (:mod:`reanalysis.studies.alternatives`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from reanalysis.errors import InputError, expect_known
from reanalysis.plan import WITHOUT_TABLE
from reanalysis.schema import first_error, load_schema
from reanalysis.studies.claims import check_claim_groups, read_adjudication, read_claims
from reanalysis.studies.csv_table import short_name
from reanalysis.studies.dataset import Dataset
from reanalysis.studies.ensembles import KINDS, drawn_summary, ensemble
from reanalysis.studies.prepare import declared_as, prepare_analysis
from reanalysis.studies.study_yaml import read_yaml


def load(*folders: str | Path) -> dict[str, object]:
    """Return the checked study of a folder.

    Further folders of the same name (private data) complete the first: a file
    in a later one replaces the file of that name. Raises :class:`InputError`
    with one line that says file, row, column, value and remedy.
    """
    files = files_of(folders)
    name = Path(folders[0]).name
    if "study.yaml" not in files:
        raise InputError(
            "the study has no study.yaml",
            file=name,
            expected="a copy of data/_template/study.yaml",
        )
    study = read_study(files["study.yaml"])
    where = short_name(files["study.yaml"])
    if study["id"] != name:
        raise InputError(
            "the id is not the name of the folder",
            file=where,
            column="id",
            value=study["id"],
            expected=name,
        )
    _check_references(study, where)
    tables = {
        dataset: Dataset(dataset, declared, files, study)
        for dataset, declared in study["datasets"].items()
        if "file" in declared
    }
    claims = read_claims(files, study, where)
    ensembles = {
        dataset: ensemble(dataset, declared, tables.get(dataset), study, claims, where)
        for dataset, declared in study["datasets"].items()
        if declared["kind"] in KINDS and (dataset not in tables or tables[dataset].rows)
    }
    analyses = {
        analysis: prepare_analysis(
            analysis, declared, study, tables, claims, where, ensembles
        )
        for analysis, declared in study["analyses"].items()
    }
    for analysis, declared in study["analyses"].items():
        for variant in declared.get("variants", {}):
            at = f"{analysis}.variants.{variant}"
            varied = declared_as(declared, variant=variant)
            prepare_analysis(at, varied, study, tables, claims, where, ensembles)
    check_claim_groups(claims, analyses, files)
    return {
        **{key: study[key] for key in ("id", "title", "citation", "design", "sources")},
        "remarks": study.get("remarks", []),
        "populations": study["populations"],
        "datasets": {
            name: tables[name].summary() if name in tables else drawn_summary(declared)
            for name, declared in study["datasets"].items()
        },
        "ensembles": ensembles,
        "analyses": analyses,
        "claims": claims,
        "adjudication": read_adjudication(files, claims),
        "inputs": {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in files.items()
        },
    }


def files_of(folders: Sequence[str | Path]) -> dict[str, Path]:
    """Return the files of a study's folders by name; those of later folders win."""
    return {
        path.name: path
        for folder in map(Path, folders)
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if path.is_file()
    }


def read_study(path: Path) -> dict:
    """Return a study.yaml that agrees with its schema.

    Raises :class:`InputError` otherwise.
    """
    where = short_name(path)
    try:
        study = read_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError(
            "the file is not UTF-8",
            file=where,
            expected="UTF-8; save it again with that encoding",
        ) from None
    except InputError as error:
        raise InputError(str(error), file=where) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            f"this is not YAML ({getattr(error, 'problem', None) or error})",
            file=where,
            row=mark.line + 1 if mark else None,
            expected="'key: value' lines, even indentation, text with ': ' in quotes",
        ) from None
    problem = first_error(Draft202012Validator(load_schema("study")), study)
    if problem:
        raise InputError(problem, file=where)
    return study


def _check_references(study: Mapping, where: str) -> None:
    """Ids that one part of study.yaml uses must exist in another."""
    methods = load_schema("config")
    conventions = load_schema("conventions")
    for dataset, declared in study["datasets"].items():
        expect_known(
            declared["source"], study["sources"], where, f"datasets.{dataset}.source"
        )
    for analysis, declared in study["analyses"].items():
        at = f"analyses.{analysis}"
        method = declared["method"]
        if method not in WITHOUT_TABLE and "dataset" not in declared:
            raise InputError("the analysis names no dataset", file=where, column=at)
        if "dataset" in declared:
            expect_known(declared["dataset"], study["datasets"], where, f"{at}.dataset")
        if "population" in declared:
            expect_known(
                declared["population"], study["populations"], where, f"{at}.population"
            )
        for variant, differs in declared.get("variants", {}).items():
            if "population" in differs:
                expect_known(
                    differs["population"],
                    study["populations"],
                    where,
                    f"{at}.variants.{variant}.population",
                )
        convention = declared.get("paper", {}).get("convention")
        if convention:
            expect_known(
                convention, conventions.get(method, {}), where, f"{at}.paper.convention"
            )
        settings = methods["$defs"]["methods"]["properties"][method]
        problem = first_error(
            Draft202012Validator({**settings, "$defs": methods["$defs"]}),
            declared.get("settings", {}),
        )
        if problem:
            raise InputError(problem, file=where, column=f"{at}.settings")
