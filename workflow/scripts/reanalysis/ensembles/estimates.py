"""One analysis over all members of its dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd

from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.ensembles.pooling import Pooled, pool, spread
from reanalysis.sample import Sample
from reanalysis.survival.survival_arrays import curve_arrays

#: Curves shown in a veil; more make it opaque and tell nothing.
VEIL = 60


def member_sample(rows: pd.DataFrame, analysis: Mapping) -> Sample:
    """Return one member as the sample of an analysis."""
    roles, groups = analysis["roles"], tuple(analysis["groups"])
    if groups:
        rows = rows[rows[roles["group"]].isin(groups)]
    frame = pd.DataFrame({role: rows[column] for role, column in roles.items()})
    return Sample(
        kind=analysis["kind"],
        rows=frame.reset_index(drop=True),
        groups=groups,
        reference=analysis["reference"],
        options=analysis["options"],
        time_unit=analysis["time_unit"],
    )


@dataclass(frozen=True, slots=True, eq=False)
class MemberSamples:
    """The members of one analysis as samples, equal data sets once.

    ``places``: for every set the position of each member in ``samples``.
    """

    sets: Sequence[MemberSet]
    samples: Sequence[Sample]
    places: Sequence[Sequence[int]]


def member_samples(sets: Sequence[MemberSet], analysis: Mapping) -> MemberSamples:
    """Prepare members for :func:`member_estimates`, once for all its settings."""
    samples, places, seen = [], [], {}
    for one in sets:
        at = []
        for member in one:
            key = _content(member, analysis["roles"])
            if key not in seen:
                seen[key] = len(samples)
                samples.append(member_sample(member, analysis))
            at.append(seen[key])
        places.append(at)
    return MemberSamples(sets, samples, places)


def member_estimates(
    module: ModuleType, analysis: Mapping, settings: Mapping, members: MemberSamples
) -> list[Pooled]:
    """Return the pooled rows of an analysis under one choice of settings.

    Per prior one set of rows; with several priors the ranges over all of them first.
    """
    times = tuple(analysis["options"].get("times", ()))
    found = [
        [("", row) for row in module.estimate(sample, settings)]
        for sample in members.samples
    ]
    by_prior = []
    for one, places in zip(members.sets, members.places, strict=True):
        by_prior += pool(
            [found[place] for place in places],
            one.weight,
            effective=one.effective,
            prior=one.prior,
            times=times,
        )
    return [*(spread(by_prior) if len(members.sets) > 1 else []), *by_prior]


def _content(member: pd.DataFrame, roles: Mapping[str, str]) -> tuple:
    """Return what distinguishes data sets: their rows in any order."""
    columns = [member[column].tolist() for column in roles.values()]
    return tuple(sorted(zip(*columns, strict=True)))


def veil(sets: Sequence[MemberSet], analysis: Mapping) -> pd.DataFrame:
    """Return survival curves of some members, spread evenly over each prior's.

    Columns ``prior, member, group, time, survival``: a row per drop, and one at time 0
    and at the end of follow-up.
    """
    parts = []
    for one in sets:
        weighted = np.flatnonzero(one.weight > 0)
        evenly = np.linspace(0, len(weighted) - 1, min(VEIL, len(weighted)))
        shown = set(weighted[evenly.astype(int)].tolist())
        for number, member in enumerate(one):
            if number not in shown:
                continue
            sample = member_sample(member, analysis)
            for label in sample.groups or ("",):
                rows = sample.rows
                rows = rows[rows["group"] == label] if label else rows
                parts.append(_curve(rows, one.prior, number, label))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _curve(rows: pd.DataFrame, prior: str, member: int, label: str) -> pd.DataFrame:
    time, event = rows["time"].to_numpy(float), rows["event"].to_numpy()
    at = np.unique(np.concatenate([[0.0], time[event == 1], [time.max()]]))
    curve = curve_arrays(time[None], event[None])
    step = np.searchsorted(curve.times[0], at, side="right")
    return pd.DataFrame(
        {
            "prior": prior,
            "member": member,
            "group": label,
            "time": at,
            "survival": np.append(1.0, curve.survival[0])[step],
        }
    )
