"""Members drawn under printed constraints alone, a set per prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from reanalysis.ensembles.drawn import Drawn
from reanalysis.errors import MethodError
from reanalysis.simulation.simulated_members import draw


def draw_simulated(
    block: Mapping,
    constraints: Sequence[Mapping],
    *,
    members: int,
    seed: int,
    name: str,
) -> Drawn:
    """Draw the members of a simulated dataset, or say why there are none."""
    try:
        found = draw(block, constraints, members=members, seed=seed, name=name)
    except MethodError as error:
        return Drawn(refused=str(error))
    messages = [f"{one.label}: {said}" for one in found for said in one.messages]
    return Drawn(
        sets=tuple(one.member_set for one in found),
        messages=tuple(dict.fromkeys(messages)),
        labels={one.prior: one.label for one in found},
        ends=tuple(
            {"prior": one.prior, **asdict(bound)}
            for one in found
            for bound in one.bounds
        ),
    )
