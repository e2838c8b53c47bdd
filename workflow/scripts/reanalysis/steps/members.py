"""The members of a study's ensembles."""

import json
import traceback
from pathlib import Path

from reanalysis.ensembles.draw import draw_members
from reanalysis.ensembles.member_sets import write_members
from reanalysis.job import write_text


def members(
    checked: str, wanted: int, seed: int, files: dict[str, str], state: str
) -> None:
    """Write the members of every ensemble of a study, and what is to be said of them.

    ``files`` maps datasets to their parquet files. An error nobody foresaw stops this
    study alone: it is recorded and makes the run fail at its end.
    """
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    told, failed = {}, ""
    for dataset, path in files.items():
        sets, kind = (), ""
        if study["status"] == "ok" and not failed:
            try:
                drawn = draw_members(study, dataset, members=wanted, seed=seed)
                kind = study["ensembles"][dataset]["kind"]
                sets, told[dataset] = drawn.sets, drawn.told()
            except Exception as error:
                traceback.print_exc()
                failed = f"members not drawn, {type(error).__name__}: {error}"
        write_members(path, sets, kind)
    write_text(
        state,
        json.dumps(
            {"failed": failed, "analyses": {}, "datasets": told},
            indent=1,
            ensure_ascii=False,
        )
        + "\n",
    )
