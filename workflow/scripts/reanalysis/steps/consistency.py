"""One study's printed numbers held against each other."""

import json
import math
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from reanalysis.consistency import family
from reanalysis.consistency.attainable_ladders import drawn_ladders
from reanalysis.job import write_text
from reanalysis.results import COLUMNS
from reanalysis.rows import write_rows


def consistency(checked: str, ranges: str, found: str) -> None:
    """Write every check made of the claims, and what unprinted numbers can be.

    With them the p-values that tests of that size can give, for a figure.

    An error nobody foresaw stops this study alone: it is recorded, shown in the
    report and makes the run fail at its end.
    """
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    checks, rows, ladders, failed = [], [], {}, ""
    if study["status"] == "ok":
        try:
            checks = family.run(study)
            rows = family.range_rows(study, checks)
            ladders = drawn_ladders(study, checks)
        except Exception as error:
            traceback.print_exc()
            failed = f"consistency failed unexpectedly: {type(error).__name__}: {error}"
    write_rows(ranges, COLUMNS, rows)
    told = {
        "failed": failed,
        "checks": [_plain(asdict(check)) for check in checks],
        "ladders": ladders,
    }
    write_text(found, json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def _plain(value: object) -> object:
    """Return a value as json knows it: numbers that are not known become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
