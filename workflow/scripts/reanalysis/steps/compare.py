"""One study's claims against its estimates."""

import json
import traceback
from pathlib import Path

from reanalysis import author_requests, sensitivity, verdicts
from reanalysis.job import write_text
from reanalysis.reporting import display_tables
from reanalysis.results import COLUMNS
from reanalysis.rows import read_estimates, read_rows, write_rows
from reanalysis.studies.claims import CLAIM_COLUMNS


def compare(
    checked: str,
    families: list[str],
    ranges: str,
    found: str,
    reach: list[str],
    members: list[str],
    estimates: str,
    claims: str,
    checks: str,
    moves: str,
    requests: str,
    shown: str,
    state: str,
) -> None:
    """Write a study's part of every table of results, and those for readers.

    ``families`` are the rows the claims are held against, ``found`` the checks of
    the printed numbers among each other, ``reach`` what claimed numbers are in every
    member and ``members`` (none or one) how the members came about.
    An error nobody foresaw stops this study alone: ``state`` makes the run fail at
    its end.
    """
    study = _json(checked)
    rows = [row for family in families for row in read_estimates(family)]
    told = _json(found)["checks"]
    values = {k: v for path in reach for k, v in _json(path).items()}
    drawn = {k: v for path in members for k, v in _json(path)["datasets"].items()}
    judged, made, moved, asked, failed = [], [], [], [], ""
    if study["status"] == "ok":
        try:
            judged, made = verdicts.judge(study, rows, told, drawn, values)
            moved = sensitivity.sensitivity(rows, study["claims"])
            asked = author_requests.requests(study, judged)
        except Exception as error:
            traceback.print_exc()
            failed = f"claims not compared, {type(error).__name__}: {error}"
    write_rows(estimates, COLUMNS, [*rows, *read_estimates(ranges)])
    write_rows(claims, (*CLAIM_COLUMNS, *verdicts.RESULT_COLUMNS), judged)
    write_rows(checks, verdicts.CHECK_COLUMNS, made)
    write_rows(moves, sensitivity.COLUMNS, moved)
    write_rows(requests, author_requests.COLUMNS, asked)
    display_tables.write_tables(
        study,
        claims=read_rows(claims),
        rows=rows,
        moves=read_rows(moves),
        folder=shown,
    )
    write_text(state, json.dumps({"failed": failed, "analyses": {}}) + "\n")


def _json(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))
