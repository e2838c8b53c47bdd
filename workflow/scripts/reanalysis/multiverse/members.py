"""Members of an ensemble as a choice: how much hangs on which data set it is.

An analysis of an ensemble has no rows of its own. Some of its members stand for it,
as data of their own, so that every specification is computed on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reanalysis.ensembles.estimates import member_sample
from reanalysis.ensembles.member_sets import MemberSet


def taken(sets: Sequence[MemberSet], most: int) -> list[tuple[int, int]]:
    """Return which members stand for an ensemble: numbers of set and member.

    At most ``most`` of each set, spread evenly over its weight, so that together they
    stand for all; data sets sought out for an extreme (weight 0) are not among them.
    """
    found = []
    for number, one in enumerate(sets):
        below = np.cumsum(one.weight)
        shares = (np.arange(most) + 0.5) / most * below[-1]
        at = np.minimum(np.searchsorted(below, shares), len(below) - 1)
        found += [(number, int(member)) for member in np.unique(at)]
    return found


def member_analyses(
    analysis: Mapping, sets: Sequence[MemberSet], most: int
) -> dict[str, dict]:
    """Return the analysis of each member that is taken, by the member's name."""
    chosen = set(taken(sets, most))
    found = {}
    for number, one in enumerate(sets):
        prior = f"{one.prior.replace('_', ' ')}, " if one.prior else ""
        for place, rows in enumerate(one):
            if (number, place) in chosen:
                name = f"{prior}member {place + 1}"
                found[name] = {**analysis, "samples": [_part(rows, analysis)]}
    return found


def _part(rows: object, analysis: Mapping) -> dict[str, object]:
    """Return a member as the one sample of its analysis."""
    sample = member_sample(rows, analysis)
    count = len(sample.rows)
    return {
        "endpoint": "",
        "columns": sample.rows.to_dict(orient="list"),
        "people": [f"row {n + 1}" for n in range(count)],
        "rows": list(range(count)),
        "lost": [False] * count,
        "groups": list(sample.groups),
        "reference": sample.reference,
        "covariates": [],
        "unit": sample.unit,
        "time_unit": sample.time_unit,
        "dropped": 0,
    }
