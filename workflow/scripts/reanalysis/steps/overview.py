"""The figures of all studies: the scoreboard and the evidence map."""

import json
from collections.abc import Mapping
from pathlib import Path

from reanalysis.reporting import evidence_map, scoreboard
from reanalysis.rows import read_rows


def overview(
    checked: list[str], claims: list[str], looks: Mapping, folder: str
) -> None:
    """Write both into ``folder``."""
    rows = [row for path in claims for row in read_rows(path)]
    scoreboard.write(rows, looks, f"{folder}/scoreboard")
    evidence_map.write(rows, _methods(checked), looks, f"{folder}/evidence_map")


def _methods(checked: list[str]) -> dict[tuple[str, str], str]:
    """Return the method of every analysis, by study and name."""
    studies = (json.loads(Path(path).read_text(encoding="utf-8")) for path in checked)
    return {
        (study["id"], name): analysis["method"]
        for study in studies
        for name, analysis in study.get("analyses", {}).items()
    }
