"""Read a study folder; record what it holds or what is wrong with it."""

import json
import sys
import traceback

from reanalysis.errors import InputError
from reanalysis.job import write_text
from reanalysis.studies.study import load


def check(folders: list[str], study: str, output: str) -> None:
    """Write the checked study; a mistake in it becomes its status, not a failure."""
    try:
        checked = {"status": "ok", "message": "", **load(*folders)}
    except InputError as error:
        print(error, file=sys.stderr)
        checked = {"status": "failed", "message": str(error), "id": study}
    except Exception as error:  # nobody foresaw it, yet it stops this study alone
        traceback.print_exc()
        problem = f"{study}: cannot be read, {type(error).__name__}: {error}"
        checked = {"status": "failed", "message": problem, "id": study}
    write_text(output, json.dumps(checked, ensure_ascii=False, indent=1) + "\n")
