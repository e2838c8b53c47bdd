"""Members of one arm, also where its number of patients is not printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_members import Members, rebuild
from reanalysis.studies.curve_table import LARGEST, arm_counts, arm_curve
from reanalysis.survival.risk_sets import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ArmMembers:
    """Lists of patients of one arm, shapes (members, most patients).

    ``time`` is nan beyond a member's last patient. ``solutions``: event sequences the
    print allows, nan where that was not counted; ``effective``: a share.
    """

    time: Floats
    event: Floats
    solutions: float
    effective: float
    messages: tuple[str, ...]


def arm_members(
    arm: Mapping, settings: Mapping, *, members: int, seed: int, name: str
) -> ArmMembers:
    """Draw members of one arm of :func:`reanalysis.studies.curve_table.curve_table`.

    Where its number of patients is not printed, every number up to :data:`LARGEST` that
    the curve allows is taken as equally likely: the spread over them is the doubt that
    leaving it out leaves. Raises :class:`MethodError` when there is no member.
    """
    if arm["n"] is not None:
        one = _rebuilt(arm, settings, members, seed, name)
        return ArmMembers(
            one.time, one.event, one.solutions, one.effective, one.messages
        )
    sizes = [n for n in range(_fewest(arm), LARGEST + 1) if _possible(arm, settings, n)]
    if not sizes:
        raise MethodError(
            f"No number of patients up to {LARGEST} allows the curve within its "
            "reading error; give 'n' if it is larger."
        )
    rng = np.random.default_rng([seed, len(sizes)])
    wanted = Counter(rng.choice(sizes, members).tolist())
    time = np.full((members, max(wanted)), np.nan)
    event, row, least = np.zeros(time.shape), 0, 1.0
    for n, many in sorted(wanted.items()):
        # One number may leave one solution; the print, which has none, does not.
        one = _rebuilt(
            {**arm, "n": n}, settings, many, seed, f"{name} {n}", count_up_to=0
        )
        time[row : row + many, :n] = one.time
        event[row : row + many, :n] = one.event
        row, least, messages = row + many, min(least, one.effective), one.messages
    # Sizes in a row would go with those of the other arm.
    order = rng.permutation(members)
    said = (
        f"The number of patients is not printed: {len(sizes)} numbers from {sizes[0]} "
        f"to {sizes[-1]} allow the curve, each was taken as equally likely. How many "
        "were at risk then rests on that and on how censoring is thought to fall, more "
        "than on the curve."
    )
    return ArmMembers(time[order], event[order], np.nan, least, (*messages, said))


def _rebuilt(
    arm: Mapping, settings: Mapping, members: int, seed: int, name: str, **count: int
) -> Members:
    curve, counts = arm_curve(arm, settings), arm_counts(arm)
    return rebuild(curve, counts, members=members, seed=seed, arm=name, **count)


def _fewest(arm: Mapping) -> int:
    return max([1, arm["events"] or 0, len(arm["marks"]), *arm["at_risk"]])


def _possible(arm: Mapping, settings: Mapping, n: int) -> bool:
    sized = {**arm, "n": n}
    try:
        rebuild(arm_curve(sized, settings), arm_counts(sized), members=1, count_up_to=0)
    except MethodError:
        return False
    return True
