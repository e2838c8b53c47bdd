"""Finished runs read as plain files: nothing is written to them, no rule makes them."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from reanalysis.errors import InputError

#: What is read of a run.
FILES = ("config.yaml", "provenance.json", "claims.csv", "estimates.csv")
#: Columns that nothing can be told without; a file that lacks one is damaged.
NEEDED = {
    "claims.csv": ("study", "claim_id", "verdict"),
    "estimates.csv": (
        "study", "analysis", "scenario", "specification", "convention", "statistic",
        "kind", "unit", "time_unit", "estimate", "conf_low", "conf_high", "conf_level",
        "band_low", "band_high", "interval_method", "test", "p_value", "n", "events",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run as its files say it was.

    ``inputs`` are the hashes of each study's files, by study; of a study that failed
    ``failed`` has what was wrong. ``complete`` tells that no study failed.
    """

    name: str
    settings: Mapping
    versions: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, str]]
    failed: Mapping[str, str]
    complete: bool
    claims: Sequence[Mapping[str, str]]
    estimates: Sequence[Mapping[str, object]]


def find_runs(results_dir: str, names: Sequence[str]) -> dict[str, str]:
    """Return the folders of runs to compare, by name; none where none is named.

    Raises :class:`InputError` for a single one and for a run that does not exist, has
    not been finished or is being written.
    """
    where = {"file": "--config", "column": "compare"}
    if len(names) == 1:
        raise InputError(
            "there is nothing to compare a run with",
            **where,
            value=names,
            expected="two or more finished runs: --config compare='[primary, mine]'",
        )
    found = {}
    for name in names:
        folder = Path(results_dir, name)
        if not folder.is_dir():
            near = get_close_matches(name, known := _known(results_dir), n=1)
            raise InputError(
                f"there is no such run in {results_dir}/"
                + (f", perhaps '{near[0]}' is meant" if near else ""),
                **where,
                value=name,
                expected="one of " + ", ".join(known) if known else "a finished run",
            )
        for file in FILES:
            if not (folder / file).exists():
                raise InputError(
                    "the run is not finished, this file is missing",
                    file=folder / file,
                    expected="the run to be completed first; comparing does not do it",
                )
        _not_being_written(folder)
        found[name] = str(folder)
    return found


def _known(results_dir: str) -> list[str]:
    return sorted(path.parent.name for path in Path(results_dir).glob("*/claims.csv"))


def _not_being_written(folder: Path) -> None:
    lock = folder / ".lock"
    if not lock.exists():
        return
    with open(lock, encoding="utf-8") as handle:  # to read: its time stays
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "a run is writing to this folder now",
                file=folder,
                expected="it to end before it is compared",
            ) from None


def _parsed(path: Path, parse: Callable[[str], object]) -> Mapping:
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError):
        found = None
    if not isinstance(found, Mapping):
        raise _damaged(path, "what a run writes there")
    return found


def _check_header(path: Path, columns: Sequence[str]) -> None:
    with open(path, encoding="utf-8", errors="replace", newline="") as handle:
        header = next(csv.reader(handle), [])
    for column in columns:
        if column not in header:
            raise _damaged(path, f"the column '{column}'")


def _damaged(path: Path, wanted: str) -> InputError:
    return InputError(
        "the file is damaged or of another version of the program",
        file=path,
        expected=f"{wanted}; the same run again writes it anew",
    )


def digest(folder: str | Path) -> str:
    """Return a hash of all that is read of a run."""
    parts = [hashlib.sha256(Path(folder, f).read_bytes()).hexdigest() for f in FILES]
    complete = str(Path(folder, "status.txt").exists())
    return hashlib.sha256(" ".join([*parts, complete]).encode()).hexdigest()[:16]


def read_run(folder: str | Path, expected: str) -> FinishedRun:
    """Read a run whose files have the hash ``expected``.

    Raises :class:`InputError` when they have changed, or change while being read.
    """
    from reanalysis.rows import read_estimates, read_rows

    folder = Path(folder)
    _not_being_written(folder)
    recorded = _parsed(folder / "provenance.json", json.loads)
    settings = _parsed(folder / "config.yaml", yaml.safe_load)
    for key in ("inputs_sha256", "python", "versions"):
        if key not in recorded:
            raise _damaged(folder / "provenance.json", f"the key '{key}'")
    for file, columns in NEEDED.items():
        _check_header(folder / file, columns)
    inputs = recorded["inputs_sha256"]
    run = FinishedRun(
        name=folder.name,
        settings=settings,
        versions={"Python": recorded["python"], **recorded["versions"]},
        inputs={s: files for s, files in inputs.items() if set(files) != {"failed"}},
        failed={s: f["failed"] for s, f in inputs.items() if set(f) == {"failed"}},
        complete=(folder / "status.txt").exists(),
        claims=read_rows(folder / "claims.csv"),
        estimates=read_estimates(folder / "estimates.csv"),
    )
    if digest(folder) != expected:
        raise InputError(
            "the run has changed since its comparison began",
            file=folder,
            expected="the same command again once the run has ended",
        )
    return run
