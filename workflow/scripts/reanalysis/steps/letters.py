"""The letters to the authors of all studies."""

import json
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from reanalysis.job import whole_file, write_text
from reanalysis.reporting.author_letter import Block, letter, no_letter
from reanalysis.reporting.letter_files import as_docx, as_text
from reanalysis.rows import read_rows
from reanalysis.studies import csv_table


def letters(folders: Mapping[str, Sequence[str]], run: str) -> None:
    """Write letters/<study>.txt and .docx in a run, and the state of each study.

    ``folders`` are those of the studies that await a table. An error nobody foresaw
    stops one letter alone: its state makes the run fail at its end.
    """
    for study, own in folders.items():
        failed = ""
        try:
            blocks = _letter(study, own, Path(run))
        except Exception as error:
            traceback.print_exc()
            failed = f"letter not written, {type(error).__name__}: {error}"
            blocks = no_letter(study, failed.capitalize())
        write_text(f"{run}/letters/{study}.txt", as_text(blocks))
        with whole_file(f"{run}/letters/{study}.docx", "wb") as handle:
            handle.write(as_docx(blocks, f"Letter to the authors of {study}"))
        state = json.dumps({"failed": failed, "analyses": {}})
        write_text(f"{run}/work/{study}/letters.json", state + "\n")


def _letter(study: str, folders: Sequence[str], run: Path) -> list[Block]:
    text = (run / "checked" / f"{study}.json").read_text(encoding="utf-8")
    checked = json.loads(text)
    if checked["status"] != "ok":
        return no_letter(study, f"The study cannot be read: {checked['message']}")
    requests = read_rows(run / "work" / study / "requests.csv")
    if not requests:
        return no_letter(study, "There is nothing to ask for.")
    headers = {}
    for request in requests:
        file = checked["datasets"][request["dataset"]]["file"]
        # Of folders that complete each other the last one that has the file counts.
        *_, path = [p for f in folders if (p := Path(f, file)).exists()]
        headers[request["dataset"]] = csv_table.read(path)[0]
    claims = read_rows(run / "claims" / f"{study}.csv")
    return letter(checked, requests, claims, headers)
