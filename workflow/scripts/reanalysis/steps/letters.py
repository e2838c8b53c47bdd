"""The letters to the authors of all studies."""

import json
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from reanalysis.job import whole_file, write_text
from reanalysis.reporting.author_letter import Block, Heading, letter, no_letter
from reanalysis.reporting.letter_files import as_docx, as_text
from reanalysis.rows import read_rows, write_rows
from reanalysis.studies import csv_table

COLUMNS = ("study", "file", "begins", "tables")


def letters(folders: Mapping[str, Sequence[str]], run: str) -> None:
    """Write letters/<study>.txt and .docx in a run, their list and the studies' states.

    ``folders`` are those of the studies that await a table. A letter that an earlier
    run wrote to authors whose rows have come since is removed. An error nobody foresaw
    stops one letter alone: its state makes the run fail at its end.
    """
    for ending in ("docx", "txt"):
        for old in Path(run, "letters").glob(f"*.{ending}"):
            if old.stem not in folders:
                old.unlink()
    listed = []
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
        begins = next((b for b in blocks if str(b).startswith("Dear ")), "")
        asked = sum(isinstance(b, Heading) for b in blocks) - 1 if begins else 0
        listed.append(
            {"study": study, "file": f"{study}.docx", "begins": begins, "tables": asked}
        )
    write_rows(f"{run}/letters/letters.csv", COLUMNS, listed)


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
