"""What of a run may leave the house: no row of a private folder.

The first folder of ``data_dir`` is public, every further one private. Of a study that
lies in a private folder nothing enters a bundle. Of a private table in a public study
the results do, but no figure that draws single patients, no numbers behind such a
figure, and no estimate that is one patient's value or says what happens without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

#: Figures of results alone, by the end of their name.
_RESULTS_ONLY = ("_sensitivity",)
#: How the settings of a row say that one patient is left out, and what is not meant.
_WITHOUT, _LOST = "without ", "without patients lost to follow-up"
#: Statistics and endpoints of one patient.
_OWN, _OF_PATIENT = "patient_", ", patient "
_UNTOLD = (
    "The recomputed value is one patient's, from private rows; it is not told here."
)


def private_files(folders: Sequence[str], data_dirs: str | Sequence[str]) -> list[str]:
    """Return the names of a study's files that lie in a private folder."""
    data_dirs = [data_dirs] if isinstance(data_dirs, str) else list(data_dirs)
    private = {Path(folder).resolve() for folder in data_dirs[1:]}
    return sorted(
        path.name
        for folder in folders
        if Path(folder).resolve().parent in private
        for path in Path(folder).iterdir()
        if path.is_file()
    )


def is_private(files: Sequence[str]) -> bool:
    """Tell whether a whole study is private, by its private files."""
    return bool({"study.yaml", "claims.csv"} & set(files))


def private_analyses(study: Mapping, files: Sequence[str]) -> set[str]:
    """Return the analyses of a checked study that rest on private tables."""
    tables = study.get("datasets", {})
    hidden = {name for name, table in tables.items() if table["file"] in files}
    return {
        name
        for name, analysis in study.get("analyses", {}).items()
        if analysis["dataset"] in hidden
    }


def may_be_shown(figure: str, analysis: str, private: set[str]) -> bool:
    """Tell whether a figure draws no patient of a private table."""
    part = figure.removeprefix(analysis)
    return analysis not in private or part in _RESULTS_ONLY


def shared_rows(
    rows: Sequence[Mapping[str, str]], private: set[str]
) -> list[Mapping[str, str]]:
    """Return rows of estimates.csv or sensitivity.csv without single patients' ones."""
    return [row for row in rows if row["analysis"] not in private or not _of_one(row)]


def shared_claims(
    claims: Sequence[Mapping[str, str]],
    checks: Sequence[Mapping[str, str]],
    gone: set[str],
) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
    """Return claims and checks without numbers from estimates that are left out.

    ``gone`` are the ids of those estimates. The verdict stays: it says whether the
    printed number is right, not what the patient's is.
    """
    told, silent = [], set()
    for claim in claims:
        if claim["estimate_id"] in gone:
            silent.add((claim["study"], claim["claim_id"]))
            blank = ("recomputed", "recomputed_low", "recomputed_high", "difference")
            claim = {**claim, **dict.fromkeys(blank, ""), "reason": _UNTOLD}
        told.append(claim)
    return told, [
        check for check in checks if (check["study"], check["claim_id"]) not in silent
    ]


def _of_one(row: Mapping[str, str]) -> bool:
    count = row.get("n") or ""
    return (
        (count != "" and float(count) < 2)
        or _WITHOUT in row["convention"].replace(_LOST, "")
        or row["statistic"].startswith(_OWN)
        or _OF_PATIENT in row["endpoint"]
    )
