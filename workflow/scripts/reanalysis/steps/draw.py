"""The figures of one study."""

import json
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from reanalysis.job import write_text
from reanalysis.presentation import dispatch
from reanalysis.rows import read_estimates, read_rows


def draw(
    checked: str,
    drawn: list[str],
    estimates: str,
    claims: str,
    figures: Mapping[str, str],
    looks: Mapping,
    folder: str,
    state: str,
) -> None:
    """Write every figure of one study, of its methods and its multiverses.

    An error nobody foresaw stops this study alone: its figures say so, and ``state``
    makes the run fail at its end.
    """
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    made = {"figures": figures, "looks": looks, "folder": folder}
    failed = ""
    try:
        dispatch.draw(results_of(study, drawn, estimates, claims), **made)
    except Exception as error:
        traceback.print_exc()
        failed = f"not shown, {type(error).__name__}: {error}"
        dispatch.draw(
            nothing_of({**study, "status": "failed", "message": failed}), **made
        )
    write_text(state, json.dumps({"failed": failed, "analyses": {}}) + "\n")


def results_of(
    study: Mapping, drawn: Sequence[str], estimates: str, claims: str
) -> dispatch.Results:
    """Read what the jobs before left of a study; ``drawn`` are their json files."""
    parts = {
        Path(path).stem: json.loads(Path(path).read_text(encoding="utf-8"))
        for path in drawn
    }
    ladders = parts.pop("consistency", {}).get("ladders", {})
    return dispatch.Results(
        study,
        tables={a: t for part in parts.values() for a, t in part["analyses"].items()},
        ladders=ladders,
        failures={name: p["failed"] for name, p in parts.items() if p["failed"]},
        rows=read_estimates(estimates),
        claims=read_rows(claims),
        curves={
            n: c for part in parts.values() for n, c in part.get("curves", {}).items()
        },
    )


def nothing_of(study: Mapping) -> dispatch.Results:
    """Return the results of a study of which only its failure can be told."""
    return dispatch.Results(
        study, tables={}, ladders={}, failures={}, rows=[], claims=[]
    )
