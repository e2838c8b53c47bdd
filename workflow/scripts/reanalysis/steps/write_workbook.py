"""All tables of a run in one workbook."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from reanalysis.bundles.privacy import (
    is_private,
    private_analyses,
    shared_claims,
    shared_rows,
)
from reanalysis.bundles.workbook import workbook
from reanalysis.job import whole_file
from reanalysis.reporting.report import KINDS
from reanalysis.rows import read_rows


def write_workbook(
    document: str,
    checked: list[str],
    tables: list[str],
    private: Mapping[str, list[str]],
    output: str,
) -> None:
    """Write the workbook; nothing of a private folder's rows is in it."""
    shared = [path for path in checked if not is_private(private[Path(path).stem])]
    hidden = {
        Path(path).stem: private_analyses(
            json.loads(Path(path).read_text(encoding="utf-8")), private[Path(path).stem]
        )
        for path in shared
    }
    rows: dict[str, list[Mapping[str, str]]] = {}
    columns: dict[str, list[str]] = {}
    for path in tables:
        name = Path(path).stem
        with open(path, encoding="utf-8", newline="") as handle:
            columns[name] = next(csv.reader(handle))
        rows[name] = [row for row in read_rows(path) if row["study"] in hidden]
    known = {row["estimate_id"] for row in rows["estimates"]}
    for name in ("estimates", "sensitivity"):
        rows[name] = [
            row for row in rows[name] if row in shared_rows([row], hidden[row["study"]])
        ]
    gone = known - {row["estimate_id"] for row in rows["estimates"]}
    rows["claims"], rows["checks"] = shared_claims(rows["claims"], rows["checks"], gone)
    model = json.loads(Path(document).read_text(encoding="utf-8"))
    with whole_file(output, "wb") as handle:
        handle.write(workbook(rows, columns, model, model["studies"], KINDS))
