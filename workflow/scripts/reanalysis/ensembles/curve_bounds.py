"""What no list of patients behind a printed curve can give, of what is claimed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from reanalysis.ensembles.pooling import LATE
from reanalysis.errors import MethodError
from reanalysis.reconstruction.proven_bounds import (
    ProvenBounds,
    at_risk_bounds,
    events_bounds,
    hazard_ratio_bounds,
    median_bounds,
    prove,
    restricted_mean_bounds,
    survival_bounds,
)
from reanalysis.studies.curve_table import arm_counts, arm_curve
from reanalysis.units import unit_factor

#: Ties for which the bounds of the hazard ratio are proven.
_TIES = ("efron", "breslow")


def curve_bounds(
    curve: Mapping,
    analyses: Mapping[str, Mapping],
    claims: Sequence[Mapping],
) -> list[dict[str, object]]:
    """Return proven bounds of what claims print of a curve, in their units.

    ``curve`` as :func:`reanalysis.studies.curve_table.curve_table` returns it,
    ``claims`` those tied to its analyses. Keys: ``claim_id, low, high, why``. A claim
    of which nothing is proven has no entry: p-values, and hazard ratios where the
    treatment of ties is open.
    """
    arms = _proven(curve)
    found = []
    for claim in claims:
        bound = _bound(claim, analyses[claim["analysis"]], arms, curve["time_unit"])
        if bound is not None:
            low, high = bound
            found.append(
                {
                    "claim_id": claim["claim_id"],
                    "low": low,
                    "high": high,
                    "why": _why(claim, low, high, curve["settings"]),
                }
            )
    return found


def events_untried(curve: Mapping, rows: pd.DataFrame) -> list[str]:
    """Say of which arms the members have fewer numbers of events than the print allows.

    ``rows`` of a member set. Where times are read exactly, several events at one time
    are taken as unlikely; of visits at fixed times that is wrong, and a band of members
    that all have one number of events says nothing of the others.
    """
    said = []
    for label, arm in _proven(curve).items():
        own = rows[rows["group"] == label] if label else rows
        have = own.groupby("member")["event"].sum()
        low, high = events_bounds(arm)
        if not len(have) or have.max() - have.min() >= 0.5 * (high - low):
            continue
        given = " to ".join(dict.fromkeys(str(x) for x in (have.min(), have.max())))
        said.append(
            (f"{label}: " if label else "")
            + f"The print allows {low} to {high} events, the members have {given}: "
            "several events at one time are taken as unlikely where times are read "
            "that exactly. If they are not (visits at fixed times), the bands are too "
            "narrow; the total number of events or numbers at risk would settle it."
        )
    return said


def _proven(curve: Mapping) -> dict[str, ProvenBounds]:
    """Return what is proven of each arm whose number of patients is printed."""
    arms = {}
    for label, arm in curve["arms"].items():
        if arm["n"] is None:
            continue
        try:
            arms[label] = prove(arm_curve(arm, curve["settings"]), arm_counts(arm))
        except MethodError:
            continue  # nothing is proven of it
    return arms


def _bound(
    claim: Mapping, analysis: Mapping, arms: Mapping[str, ProvenBounds], time_unit: str
) -> tuple[float, float] | None:
    if claim["field"] != "estimate" or claim["relation"] == "words":
        return None
    if claim["statistic"] == "hazard_ratio":
        return _hazard_ratio(claim, analysis, arms)
    # A curve without arms has one, of no name.
    arm = arms.get(claim["group"])
    if arm is None:
        return None
    time = float(claim["timepoint"]) if _is_number(claim["timepoint"]) else None
    scale = unit_factor(claim["unit"], time_unit)
    match claim["statistic"]:
        case "survival_probability" if time is not None:
            low, high = survival_bounds(arm, time)
            scale = unit_factor(claim["unit"], "proportion")
        case "median_survival":
            low, high = median_bounds(arm)
        case "restricted_mean" if time is not None:
            low, high = restricted_mean_bounds(arm, time)
        case "number_at_risk" if time is not None:
            low, high = at_risk_bounds(arm, time)
            scale = 1.0
        case "events":
            low, high = events_bounds(arm)
            scale = 1.0
        case _:
            return None
    return low * scale, high * scale


def _hazard_ratio(
    claim: Mapping, analysis: Mapping, arms: Mapping[str, ProvenBounds]
) -> tuple[float, float] | None:
    group = arms.get(claim["group"] or analysis["groups"][0])
    reference = arms.get(claim["reference"] or analysis["groups"][-1])
    stated = str(analysis["paper"].get("convention", ""))
    if group is None or reference is None or not stated.startswith(_TIES):
        return None
    if "firth" in stated:
        return None
    return hazard_ratio_bounds(group, reference)


def _why(claim: Mapping, low: float, high: float, settings: Mapping) -> str:
    late = claim["statistic"] in LATE
    ends = [
        "not reached" if late and x == math.inf else f"{x:.4g}" for x in (low, high)
    ]
    gives = " to ".join(dict.fromkeys(ends))
    gives = "none that is reached" if gives == "not reached" else gives
    unit = " %" if claim["unit"] == "%" else ""
    of_times = f" (times: {settings['time_error']:g})" if settings["time_error"] else ""
    return (
        f"Every list of patients that the print allows gives {gives}{unit}: "
        "this holds for all of them, not only for those drawn, if the curve was read "
        f"with errors of {settings['error']:g}{of_times} at most, as is said."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
