"""Figures of one or several studies combined into one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from reanalysis.presentation import panels as presented
from reanalysis.steps.draw import results_of


def panels(
    checked: Sequence[str],
    drawn: Sequence[str],
    estimates: Sequence[str],
    claims: Sequence[str],
    parts: Sequence[tuple[str, str, str]],
    looks: Mapping,
    output: str,
) -> None:
    """Write one combined figure; ``output`` is any of its files.

    ``checked``, ``estimates`` and ``claims`` are of the same studies in the same
    order; ``drawn`` lie in a folder named after each. A study that failed is a panel
    that says so.
    """
    results = {}
    for study, rows, told in zip(checked, estimates, claims, strict=True):
        name = Path(study).stem
        read = json.loads(Path(study).read_text(encoding="utf-8"))
        own = [path for path in drawn if Path(path).parent.name == name]
        results[name] = results_of(read, own, rows, told)
    presented.write(str(Path(output).with_suffix("")), parts, results, looks)
