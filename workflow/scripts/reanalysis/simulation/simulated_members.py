"""Members of a dataset that is simulated: every prior's draws and the extremes.

Nothing was observed here. A prior's band tells the prior as much as the print; what the
print itself leaves open is told by the data sets at its ends, which have weight 0.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd

from reanalysis.data_set_arrays import Ints
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.errors import MethodError
from reanalysis.simulation import paired_counts, paired_times, two_groups
from reanalysis.simulation.declared import Prior, Simulation, check
from reanalysis.simulation.sought import Bound

DESIGNS: Mapping[str, ModuleType] = {
    "paired_counts": paired_counts,
    "paired_times": paired_times,
    "two_groups": two_groups,
}


@dataclass(frozen=True, slots=True, eq=False)
class PriorMembers:
    """The members of one prior.

    ``frame``: a row per patient (per patient and period for times), with ``member``
    (0, 1, ...), ``weight``, ``id``, ``group``, ``time``, ``event`` or ``before``,
    ``after``, and ``prior``. Weight 0 marks a data set that was sought out for an
    extreme of what the prior's reading permits. ``effective``: what the others are
    worth in independent draws. ``bounds``: what the extremes reach.
    """

    prior: str
    label: str
    frame: pd.DataFrame
    effective: float
    messages: tuple[str, ...]
    bounds: tuple[Bound, ...]

    @property
    def member_set(self) -> MemberSet:
        """The members as every method takes them."""
        first = self.frame.drop_duplicates("member")
        rows = self.frame.drop(columns=["weight", "prior"])
        return MemberSet(self.prior, rows, first["weight"].to_numpy(), self.effective)


def draw(
    declared: Mapping,
    constraints: Sequence[Mapping],
    *,
    members: int,
    seed: int,
    name: str,
) -> list[PriorMembers]:
    """Draw the members of one simulated dataset, a list over its priors.

    ``declared``: its ``simulate`` block; ``constraints``: the claims the block uses, as
    in a checked study; ``members`` of each prior, or the block's where these are fewer;
    ``name`` of the dataset: with one ``seed`` datasets are drawn independently. All
    draws are independent and equally likely, so their number is their worth.

    Raises :class:`InputError` for a block that makes no sense and
    :class:`MethodError`, with the reason, where a prior allows nothing of the print.
    """
    plan = check(declared, constraints)
    design = DESIGNS[plan.design]
    members = min(members, declared.get("members", members))
    drawn, messages = {}, {}
    for prior in plan.priors:
        rng = _stream(seed, name, prior.name)
        try:
            drawn[prior.name], messages[prior.name] = design.draw(
                plan, prior, members, rng
            )
        except MethodError as error:
            raise MethodError(f"Prior '{prior.name}': {error}") from None
    ends = {}
    for prior in plan.priors:
        if prior.reading not in ends:
            alike = [drawn[p.name] for p in plan.priors if p.reading == prior.reading]
            # Ends are those of the reading, whatever the priors of it are called.
            rng = _stream(seed, name, repr(prior.reading))
            ends[prior.reading] = design.seek_ends(
                plan, prior, np.concatenate(alike), rng
            )
    found = []
    for prior in plan.priors:
        extreme, bounds = ends[prior.reading]
        own, said = drawn[prior.name], messages[prior.name]
        found.append(
            PriorMembers(
                prior.name,
                prior.label,
                _frame(plan, prior, own, extreme),
                float(len(own)),
                tuple(said),
                tuple(bounds),
            )
        )
    return found


def _stream(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) for n in names)])


def _frame(plan: Simulation, prior: Prior, drawn: Ints, extreme: Ints) -> pd.DataFrame:
    """Return the rows of a prior's members, the extremes last."""
    sets = np.concatenate([drawn, extreme])
    weight = np.repeat([1.0, 0.0], [len(drawn), len(extreme)])
    if plan.design == "paired_times":
        # The later period first, as the groups are named.
        both = np.concatenate([sets[..., 1], sets[..., 0]], axis=1)
        group = np.repeat(plan.labels, plan.pairs)
        person = np.tile(np.arange(1, plan.pairs + 1), 2)
        time, event = np.minimum(both, plan.steps), both <= plan.steps
    elif plan.design == "two_groups":
        time, event = sets[..., 0], sets[..., 1]
        group = np.repeat(plan.labels, plan.sizes)
        person = np.arange(1, sum(plan.sizes) + 1)
    else:
        person = np.arange(1, plan.pairs + 1)
    count = len(sets)
    columns: dict[str, object] = {
        "member": np.repeat(np.arange(count), len(person)),
        "weight": np.repeat(weight, len(person)),
        "id": np.tile(person, count),
    }
    if plan.design == "paired_counts":
        columns |= {"before": sets[..., 0].ravel(), "after": sets[..., 1].ravel()}
    else:
        columns |= {
            "group": np.tile(group, count),
            # As a decimal number of steps, without the noise of the product.
            "time": np.round(time.ravel() * plan.step, 9),
            "event": event.astype(np.int64).ravel(),
        }
    return pd.DataFrame(columns | {"prior": prior.name})
