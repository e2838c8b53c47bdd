"""One study, one method, all its specifications."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path

from reanalysis.analyses import run_method
from reanalysis.ensembles.member_sets import read_members
from reanalysis.job import write_text
from reanalysis.results import COLUMNS
from reanalysis.rows import write_rows


def estimate(
    checked: str,
    method: str,
    settings: Mapping,
    members: list[str],
    estimates: str,
    drawn: str,
    reach: str,
) -> None:
    """Write the rows of estimates.csv of one method and the data of its figures.

    ``members`` are the files of the ensembles it works on, ``reach`` receives what the
    numbers of claims are in every member.

    An error nobody foresaw stops this study alone: it is recorded, shown in the
    report and makes the run fail at its end.
    """
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    rows, tables, reached, failed = [], {}, {}, ""
    if study["status"] == "ok":
        try:
            sets = {Path(path).stem: read_members(path) for path in members}
            rows, tables, reached = run_method(study, method, settings, sets)
        except Exception as error:
            traceback.print_exc()
            failed = f"{method} failed unexpectedly: {type(error).__name__}: {error}"
    write_rows(estimates, COLUMNS, rows)
    write_text(reach, json.dumps(reached) + "\n")
    write_text(drawn, json.dumps({"failed": failed, "analyses": tables}, indent=1))
