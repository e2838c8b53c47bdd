"""One study, one method: every specification of its grids."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path

from reanalysis.ensembles.member_sets import read_members
from reanalysis.job import write_text
from reanalysis.multiverse.columns import COLUMNS, SUMMARY_COLUMNS
from reanalysis.multiverse.drawing import drawn
from reanalysis.multiverse.run import run_grids
from reanalysis.multiverse.summary import records, summary
from reanalysis.rows import write_rows


def multiverse(
    checked: str,
    folders: list[str],
    members: list[str],
    method: str,
    settings: Mapping,
    specifications: str,
    summaries: str,
    curves: str,
) -> None:
    """Write the rows and summaries of the multiverses, and the data of their figures.

    ``members`` are the files of the ensembles they work on.

    A grid that does not fit the study, and an error nobody foresaw, stop this study
    alone: it is recorded, shown in the report and makes the run fail at its end.
    """
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    rows, lines, failed = [], [], []
    figures: dict[str, dict] = {}
    if study["status"] == "ok":
        try:
            sets = {Path(path).stem: read_members(path) for path in members}
            for name, analysis, found in run_grids(
                study, folders, method, settings, sets
            ):
                if isinstance(found, str):
                    failed.append(f"multiverse {name} of {analysis}: {found}")
                    continue
                line = summary(found)
                rows += records(found)
                lines.append(line)
                figures[f"{analysis}_multiverse_{name}"] = drawn(found, line)
        except Exception as error:
            traceback.print_exc()
            failed.append(
                f"multiverse failed unexpectedly: {type(error).__name__}: {error}"
            )
    write_rows(specifications, COLUMNS, rows)
    write_rows(summaries, SUMMARY_COLUMNS, lines)
    told = {"failed": "; ".join(failed), "analyses": {}, "curves": figures}
    write_text(curves, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
