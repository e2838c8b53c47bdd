"""Members of a published curve: its arms rebuilt, then held against printed results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from reanalysis.ensembles.arm_members import arm_members
from reanalysis.ensembles.drawn import Drawn
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.ensembles.printed_weights import printed_values
from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_members import BLOCK
from reanalysis.rounding import printed_interval
from reanalysis.units import unit_factor

#: Draws looked at, as a multiple of the members wanted, while few meet the print.
MOST_DRAWS = 40


def draw_curve(
    curve: Mapping,
    analyses: Mapping[str, Mapping],
    constraints: Sequence[Mapping],
    *,
    members: int,
    seed: int,
) -> Drawn:
    """Draw members of all arms of a curve (:func:`reanalysis.studies.curve_table`).

    Arms are drawn independently and paired in the order drawn. Where the paper prints
    a hazard ratio, p-value or median as ``constraints``, draws are kept that round to
    it; drawing goes on until there are enough or ``MOST_DRAWS`` times as many were
    looked at.
    """
    arms, messages = curve["arms"], []
    wanted = members
    while True:
        try:
            rebuilt = {
                label: arm_members(
                    arm, curve["settings"], members=wanted, seed=seed, name=label
                )
                for label, arm in arms.items()
            }
        except MethodError as error:
            return Drawn(refused=str(error))
        time = np.hstack([arm.time for arm in rebuilt.values()])
        event = np.hstack([arm.event for arm in rebuilt.values()])
        group = [
            label for label, arm in rebuilt.items() for _ in range(arm.time.shape[1])
        ]
        fits, missed = _fits(
            constraints, analyses, curve["time_unit"], time, event, group
        )
        enough = fits.sum() >= members and not missed
        if enough or wanted >= MOST_DRAWS * members:
            break
        wanted = min(MOST_DRAWS * members, max(2 * wanted, BLOCK))
    kept = np.flatnonzero(fits)[:members]
    if constraints:
        messages.append(
            f"Of {wanted} draws {int(fits.sum())} agree with the printed results "
            "that were used."
        )
    for label, arm in rebuilt.items():
        name = f"{label}: " if label else ""
        messages += [name + message for message in arm.messages]
    n = time.shape[1]
    rows = pd.DataFrame(
        {
            "member": np.repeat(np.arange(len(kept)), n),
            "id": np.tile(np.arange(1, n + 1), len(kept)),
            **({"group": np.tile(group, len(kept))} if curve["groups"] else {}),
            "time": time[kept].ravel(),
            "event": event[kept].ravel().astype(np.int64),
        }
    ).dropna(subset="time")
    share = min(arm.effective for arm in rebuilt.values())
    one = MemberSet("", rows, np.ones(len(kept)), share * len(kept))
    return Drawn(
        sets=(one,),
        messages=tuple(messages),
        solutions={label: arm.solutions for label, arm in rebuilt.items()},
        missed=tuple(missed),
    )


def _fits(
    constraints: Sequence[Mapping],
    analyses: Mapping[str, Mapping],
    time_unit: str,
    time: np.ndarray,
    event: np.ndarray,
    group: Sequence[str],
) -> tuple[np.ndarray, list[str]]:
    """Return which draws meet the constraints, and the claims that none meets."""
    fits, missed = np.ones(len(time), dtype=bool), []
    for claim in constraints:
        values = printed_values(claim, analyses[claim["analysis"]], time, event, group)
        if claim["field"] == "estimate" and claim["statistic"] == "median_survival":
            values = values * unit_factor(claim["unit"], time_unit)
        printed = printed_interval(claim)
        one = np.array([printed.holds(value) for value in values])
        if (fits & one).any():
            fits &= one
        else:
            # Each may be met by some; together they are not.
            missed.append(claim["claim_id"])
    return fits, missed
