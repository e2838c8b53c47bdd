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
    ``refused``: why there are no members, else empty.
    """

    sets: tuple[MemberSet, ...] = ()
    messages: tuple[str, ...] = ()
    solutions: Mapping[str, float] = field(default_factory=dict)
    missed: tuple[str, ...] = ()
    refused: str = ""

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
                }
                for one in self.sets
            },
        }
