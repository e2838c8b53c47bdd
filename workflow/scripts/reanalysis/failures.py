"""What a run could not do: studies that cannot be read, steps that broke off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Failure(NamedTuple):
    """One failure: the step is empty where the study could not be read."""

    study: str
    step: str
    message: str


def failures(checked: Sequence[str], states: Sequence[str]) -> list[Failure]:
    """Return the failures in checked/<study>.json and work/<study>/<step>.json."""
    found = []
    for path in map(Path, checked):
        study = json.loads(path.read_text(encoding="utf-8"))
        if study["status"] == "failed":
            found.append(Failure(study["id"], "", study["message"]))
    for path in map(Path, states):
        failed = json.loads(path.read_text(encoding="utf-8"))["failed"]
        if failed:
            found.append(Failure(path.parent.name, path.stem, failed))
    return found
