"""The run as a research object: what it was made from, and a list of it all."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from reanalysis.failures import failures
from reanalysis.job import write_text
from reanalysis.run_crate import INPUTS, PROVENANCE, SETTINGS, STUDIES, run_crate


def pack(
    folder: str,
    code: list[str],
    studies: Mapping[str, Sequence[str]],
    public: str,
    checked: list[str],
    states: list[str],
    made: list[str],
    title: str,
    output: str,
) -> None:
    """Copy what the run was made from into it, and write ro-crate-metadata.json.

    ``code`` are the files of the workflow, ``studies`` the folders of each study by
    name. Only study folders in ``public`` are copied, and of studies with others
    no file of their own is listed: their figures may show single patients.
    ``made`` are the files and folders that the run leaves behind.
    """
    run = Path(folder)
    shutil.rmtree(run / INPUTS, ignore_errors=True)
    private = set()
    for name in code:
        _copy(Path(name), run / INPUTS / name)
    for study, folders in studies.items():
        for place in map(Path, folders):
            if place.parent != Path(public):
                private.add(study)
                continue
            for path in place.iterdir():
                if path.is_file():
                    _copy(path, run / STUDIES / study / path.name)
    parts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in checked]
    crate = run_crate(
        run,
        title=title,
        release=yaml.safe_load(Path("CITATION.cff").read_text(encoding="utf-8")),
        config=yaml.safe_load((run / SETTINGS).read_text(encoding="utf-8")),
        record=json.loads((run / PROVENANCE).read_text(encoding="utf-8")),
        studies=parts,
        private=private,
        failed=failures(checked, states),
        made=[
            name
            for name in _files(run, made)
            if not (private and _own(Path(name), private))
        ],
    )
    write_text(output, json.dumps(crate, ensure_ascii=False, indent=1) + "\n")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _files(run: Path, made: list[str]) -> list[str]:
    """Return the files among and below what was made, relative to the run."""
    files = set()
    for path in map(Path, made):
        files |= set(path.rglob("*")) if path.is_dir() else {path}
    return [
        path.relative_to(run).as_posix()
        for path in files
        if path.is_file() and not path.name.startswith(".")  # Snakemake's own
    ]


def _own(path: Path, studies: set[str]) -> bool:
    """Tell whether a file below a folder of the run is named for one of the studies."""
    if len(path.parts) == 1:
        return False
    ends = "(?![A-Za-z0-9])"
    names = "|".join(map(re.escape, sorted(studies)))
    return re.search(f"(?<![A-Za-z0-9])({names}){ends}", str(path)) is not None
