"""What drawing the members of one dataset comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from reanalysis.ensembles.member_sets import MemberSet


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Members of a dataset, and what is to be said of how they came about.

    ``solutions``: how many event sequences each arm's print allows, nan where that was
    not counted. ``missed``: claims no draw reaches, which were therefore not used.
    ``refused``: why there are no members, else empty. ``labels``: priors in words.
    ``ends``: the smallest and largest value that data sets sought for it reach, by
    quantity and prior, and whether that nothing lies beyond is ``proven``. ``bounds``:
    what is proven of claims (:mod:`reanalysis.ensembles.curve_bounds`).
    """

    sets: tuple[MemberSet, ...] = ()
    messages: tuple[str, ...] = ()
    solutions: Mapping[str, float] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    refused: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ends: tuple[Mapping[str, object], ...] = ()
    bounds: tuple[Mapping[str, object], ...] = ()

    def told(self) -> dict[str, object]:
        """Return what members.json says of a dataset."""
        return {
            "refused": self.refused,
            "messages": list(self.messages),
            "missed": list(self.missed),
            "solutions": {
                arm: None if math.isnan(number) else number
                for arm, number in self.solutions.items()
            },
            "priors": {
                one.prior: {
                    "members": int((one.weight > 0).sum()),
                    "sought": int((one.weight == 0).sum()),
                    "effective": one.effective,
                    "label": self.labels.get(one.prior, ""),
                }
                for one in self.sets
            },
            "ends": [_plain(one) for one in self.ends],
            "bounds": [_plain(one) for one in self.bounds],
        }


def _plain(one: Mapping[str, object]) -> dict[str, object]:
    """Return a mapping with infinite numbers in words, as json has none: "-inf", "inf".

    ``float`` reads them; a bound from inf (no list of patients reaches a median) is
    not the same as one that is open below.
    """
    return {
        key: str(v) if isinstance(v, float) and math.isinf(v) else v
        for key, v in one.items()
    }
