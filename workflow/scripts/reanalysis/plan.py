"""What a workflow must know before it runs: names, analyses, what depends on what."""

from __future__ import annotations

import ast
import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import yaml

from reanalysis.errors import InputError
from reanalysis.studies.study_yaml import read_yaml

_NOT_IN_NAME = re.compile("[^A-Za-z0-9_-]+")
_ANALYSIS = re.compile("[a-z][a-z0-9_]*")

#: Method families in the order they are shown: a module each in methods/.
METHODS = (
    "kaplan_meier",
    "log_rank",
    "fixed_time",
    "restricted_mean",
    "cox",
    "competing_risks",
    "wilcoxon",
    "tables",
    "proportions",
    "rates",
    "recurrent_events",
    "before_after_counts",
    "regression",
    "longitudinal",
    "matching",
    "descriptive",
    "arithmetic",
    "design",
)
#: Methods that work on printed numbers and need no table.
WITHOUT_TABLE = frozenset({"arithmetic", "design"})
#: Kinds of datasets whose analyses work on members.
ENSEMBLES = frozenset({"curve", "simulated"})
_DATA = ("", "_sensitivity")
_SCENARIOS = ("",)
_MODEL = ("", "_likelihood", "_residuals")
#: Of members one figure, whatever the scenarios.
_OF_MEMBERS = {"members": _SCENARIOS}
#: Figures of a method by kind of data: suffixes to the name of the analysis.
FIGURES = {
    "kaplan_meier": {"individual": _DATA, "reconstructed": _DATA, **_OF_MEMBERS},
    "matching": {"individual": _DATA, "reconstructed": _DATA},
    "competing_risks": {"individual": _DATA, "reconstructed": _DATA},
    "wilcoxon": {
        "individual": _DATA,
        "reconstructed": _DATA,
        "summary": _SCENARIOS,
        **_OF_MEMBERS,
    },
    "design": {"summary": _SCENARIOS},
    "cox": {
        "individual": _MODEL,
        "reconstructed": _MODEL,
        "summary": _SCENARIOS,
        **_OF_MEMBERS,
    },
    "recurrent_events": {"individual": _DATA, "reconstructed": _DATA},
    "before_after_counts": {
        "individual": _DATA,
        "reconstructed": _DATA,
        "summary": _SCENARIOS,
        **_OF_MEMBERS,
    },
    "longitudinal": {"individual": _DATA, "reconstructed": _DATA},
    **{
        method: dict.fromkeys(
            ("individual", "reconstructed", "summary", "members"), _SCENARIOS
        )
        for method in (
            "log_rank",
            "fixed_time",
            "restricted_mean",
            "tables",
            "proportions",
            "rates",
            "regression",
        )
    },
}
#: Of a small trial every patient is a bar: rows of the table at most.
MOST_BARS = 60
SWIMMERS = frozenset({"kaplan_meier", "competing_risks", "recurrent_events"})
#: Methods whose printed p-values are held against all that their tests can give, and
#: the largest population of it: with more patients, as with a log-rank test of twenty,
#: nearly every p-value is among them.
LADDERS = frozenset({"wilcoxon", "tables", "cox"})
MOST_LADDER = 60


def methods_of(plan: Mapping[str, Mapping]) -> list[str]:
    """Return the method families a study's plan has rows for, in their order."""
    used = {analysis["method"] for analysis in plan.values() if not analysis["awaited"]}
    return [method for method in METHODS if method in used]


def awaits(plan: Mapping[str, Mapping]) -> bool:
    """Tell whether an analysis of a study's plan waits for rows."""
    return any(analysis["awaited"] for analysis in plan.values())


def figures_of(plan: Mapping[str, Mapping]) -> dict[str, str]:
    """Return the figures of a study's plan: the analysis of each, by name."""
    return {
        f"{name}{suffix}": name
        for name, analysis in plan.items()
        for suffix in _suffixes(analysis)
    }


def ensembles_of(plan: Mapping[str, Mapping], method: str | None = None) -> list[str]:
    """Return the datasets whose members the analyses (of one method) work on."""
    return sorted(
        {
            analysis["members"]
            for analysis in plan.values()
            if analysis["members"]
            and not analysis["awaited"]
            and method in (None, analysis["method"])
        }
    )


def _suffixes(analysis: Mapping) -> tuple[str, ...]:
    """Return what the names of an analysis' figures have beyond its own."""
    method, kind = analysis["method"], analysis["kind"]
    if analysis["awaited"]:
        laddered = method in LADDERS and analysis["p_values"]
        return ("_attainable",) if laddered else ()
    suffixes = FIGURES.get(method, {}).get(kind, ())
    observed = kind in ("individual", "reconstructed")
    if method in SWIMMERS and observed and analysis["rows"] <= MOST_BARS:
        suffixes += ("_swimmer",)
    return suffixes


def panels_of(
    panels: Mapping[str, Sequence[str]],
    figures: Mapping[str, Mapping[str, str]],
    files: Sequence[str | Path] = (),
) -> dict[str, list[tuple[str, str, str]]]:
    """Return study, figure and analysis of the parts of each combined figure.

    ``figures`` are those of every study of this run, with the analysis of each. Raises
    :class:`InputError` for a figure that is not among them.
    """
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name, parts in panels.items():
        for part in parts:
            study, _, figure = part.partition("/")
            own = figures.get(study, {})
            if figure not in own:
                raise InputError(
                    "there is no such figure in this run",
                    file=files[-1] if files else "config.yaml",
                    column=f"figures: panels: {name}",
                    value=part,
                    expected=f"of {study}: " + ", ".join(sorted(own))
                    if study in figures
                    else "a study of this run: " + ", ".join(sorted(figures)),
                )
            found.setdefault(name, []).append((study, figure, own[figure]))
    return found


def run_name(config: Mapping, files: Sequence[str | Path]) -> object:
    """Return the name of the run.

    Settings from a further file never write into the primary run: a file that
    names no run gives the run its own name. Raises :class:`InputError` when it
    names the primary one.
    """
    primary, *further = [Path(file) for file in files]
    overlays = [file for file in further if file.resolve() != primary.resolve()]
    if not overlays:
        return config.get("run")
    taken = _load(primary).get("run")
    if config.get("run") != taken:
        return config["run"]  # by a file or on the command line
    named = any("run" in _load(file) for file in overlays)
    name = "-".join(_NOT_IN_NAME.sub("_", file.stem) for file in overlays)
    if named or name == taken:
        raise InputError(
            "the file would overwrite the primary run",
            file=overlays[-1],
            column="run" if named else None,
            value=taken,
            expected="another name, or no 'run' to use the name of the file"
            if named
            else "another name of the file, or a 'run' in it",
        )
    return name


def _load(file: Path) -> Mapping:
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return {}  # said properly when the config is checked
    return loaded if isinstance(loaded, Mapping) else {}


def analyses_of(folders: Sequence[str | Path]) -> dict[str, dict[str, object]]:
    """Return method, kind of data and readiness of every analysis a study declares.

    Reads study.yaml leniently: of a file with mistakes whatever can be read is
    returned, and the check of the study says what is wrong. ``awaited`` tells
    that its table has no rows, ``rows`` counts them (no further than
    :data:`MOST_BARS` and one), ``p_values`` tells that a p-value of few patients is
    printed.
    """
    files = {
        path.name: path
        for folder in folders
        for path in sorted(Path(folder).iterdir())
        if path.is_file()
    }
    if "study.yaml" not in files:
        return {}
    try:
        study = read_yaml(files["study.yaml"].read_text(encoding="utf-8"))
        datasets = {
            name: files.get(declared.get("file", ""))
            for name, declared in study["datasets"].items()
        }
        kinds = {
            name: str(declared["kind"]) for name, declared in study["datasets"].items()
        }
        rows = {name: _rows(path) for name, path in datasets.items()}
        tested = _with_p_value(files.get("claims.csv"))
        populations = study.get("populations", {})
        sizes = {name: own.get("n", 0) for name, own in populations.items()}
        return {
            name: {
                "method": declared["method"],
                # Figures of members are of their own kind.
                "kind": "members" if kind in ENSEMBLES else kind,
                "members": declared["dataset"] if kind in ENSEMBLES else "",
                "awaited": declared["method"] not in WITHOUT_TABLE
                and kind != "simulated"
                and not rows.get(declared.get("dataset")),
                "rows": rows.get(declared.get("dataset"), 0),
                "p_values": name in tested
                and 0 < sizes.get(declared.get("population"), 0) <= MOST_LADDER,
            }
            for name, declared in study["analyses"].items()
            for kind in [kinds.get(declared.get("dataset"), "summary")]
            if _ANALYSIS.fullmatch(name) and isinstance(declared["method"], str)
        }
    except Exception:  # no mistake in one study may stop the others
        return {}


def _rows(path: Path | None) -> int:
    """Count the rows below a header, as far as it matters."""
    if path is None:
        return 0
    with open(path, "rb") as handle:
        handle.readline()
        return sum(1 for line in islice(handle, MOST_BARS + 1) if line.strip())


def _with_p_value(path: Path | None) -> set[str]:
    """Return the analyses of which claims.csv has a p-value that is no constraint."""
    if path is None:
        return set()
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as handle:
        return {
            str(row["analysis"])
            for row in csv.DictReader(handle)
            if row.get("field") == "p_value" and row.get("role") != "constraint"
        }


#: What a run needs of the project beside its studies.
PROJECT = (
    "Snakefile",
    "config.yaml",
    "requirements.lock",
    "CITATION.cff",
    "LICENSE",
    "profiles",
    "workflow",
)


def project_files(folder: str) -> list[str]:
    """Return the files of the workflow itself, relative to its folder, in order."""
    top = Path(folder)
    found = {
        path.relative_to(top)
        for name in PROJECT
        for path in ((top / name).rglob("*") if (top / name).is_dir() else [top / name])
        if path.is_file()
    }
    return sorted(
        path.as_posix()
        for path in found
        if not any(part.startswith((".", "__pycache__")) for part in path.parts)
    )


def fingerprint(folder: str, module: str, *others: str) -> str:
    """Return a hash of all package files a module imports, and of other files.

    ``folder`` is where the package lies. A rule that has it among its parameters
    runs again when any of them is edited.
    """
    digest = hashlib.sha256()
    for path in (*import_closure(folder, module), *others):
        digest.update(_hash(path).encode())
    return digest.hexdigest()[:16]


def import_closure(folder: str, module: str) -> tuple[str, ...]:
    """Return the files of the package that a module imports, itself included."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(folder, name)
        if name not in found and path is not None:
            found[name] = path
            waiting += _imports(path)
    package = module.split(".")[0]
    return tuple(
        path for name, path in sorted(found.items()) if name.startswith(package)
    )


def libraries_of(folder: str, modules: Sequence[str]) -> set[str]:
    """Return what modules of the package import from elsewhere, by top-level name."""
    return {
        name.split(".")[0]
        for module in modules
        for path in import_closure(folder, module)
        for name in _imports(path)
    }


@cache
def _file_of(folder: str, name: str) -> str | None:
    path = Path(folder, *name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return str(path) if path.exists() else None


@cache
def _imports(path: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@cache
def _hash(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
