"""The curve in the middle of the survival curves of all members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.ensembles.pooling import BAND, quantile
from reanalysis.survival.risk_sets import Floats
from reanalysis.survival.survival_arrays import curve_arrays

#: Times at which the curves are read at most.
MOST_TIMES = 200


def middle(sets: Sequence[MemberSet], analysis: Mapping) -> pd.DataFrame:
    """Return the weighted median of the members' curves at each time, and a band.

    Columns ``prior, group, time, survival, low, high``: at the times of drops and at
    the end of follow-up, the median of the members' survival and its 2.5 and 97.5 %
    points. A curve is carried on flat beyond its own last patient.
    """
    roles = analysis["roles"]
    parts = []
    for one in sets:
        heavy = np.flatnonzero(one.weight > 0)
        rows = one.rows[one.rows["member"].isin(heavy)]
        for label in analysis["groups"] or ("",):
            own = rows[rows[roles["group"]] == label] if label else rows
            if own.empty:
                continue
            time, event = _arrays(own, roles)
            found = _points(time, event, one.weight[heavy])
            parts.append(found.assign(prior=one.prior, group=label))
    columns = ["prior", "group", "time", "survival", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame()


def _arrays(rows: pd.DataFrame, roles: Mapping[str, str]) -> tuple[Floats, Floats]:
    """Return times (nan: no patient) and events, shapes (members, patients)."""
    placed = rows.assign(place=rows.groupby("member").cumcount())
    time, event = (
        placed.pivot(index="member", columns="place", values=roles[role])
        for role in ("time", "event")
    )
    return time.to_numpy(float), event.fillna(0).to_numpy(float)


def _points(time: Floats, event: Floats, weight: Floats) -> pd.DataFrame:
    curves = curve_arrays(time, event)
    last = float(np.nanmax(time))
    at = np.unique(np.concatenate([[0.0], curves.times[curves.events > 0], [last]]))
    if at.size > MOST_TIMES:
        at = np.linspace(0.0, last, MOST_TIMES)
    place = curves.at(at)
    survival = np.take_along_axis(curves.survival, np.maximum(place, 0), axis=1)
    survival[place < 0] = 1.0
    low, median, high = (
        [quantile(levels, weight, share) for levels in survival.T]
        for share in (BAND[0], 0.5, BAND[1])
    )
    return pd.DataFrame({"time": at, "survival": median, "low": low, "high": high})
