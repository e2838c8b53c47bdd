"""Values of patients over time as the longitudinal methods take them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.sample import Sample

Floats = NDArray[np.float64]

#: Parts of a course about the change, as they are named in the rows.
BEFORE, AFTER = "before treatment", "after treatment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """One row per patient and time, all arrays (n,).

    ``time`` runs in units of ``per`` time units from ``change``, the time of
    treatment, or from 0 where there is none. ``groups`` has "" where there is no
    group. ``unit`` is that of the values, ``slope_unit`` that of slopes.
    """

    patient: NDArray
    group: NDArray
    time: Floats
    value: Floats
    groups: tuple[str, ...]
    reference: str
    change: float | None
    per: float
    unit: str
    slope_unit: str

    def of(self, group: str) -> Iterator[tuple[str, Floats, Floats]]:
        """Yield name, times and values of each patient of a group, in time."""
        inside = self.group == group
        for name in dict.fromkeys(self.patient[inside].tolist()):
            own = np.flatnonzero(inside & (self.patient == name))
            own = own[np.argsort(self.time[own], kind="stable")]
            yield str(name), self.time[own], self.value[own]

    def patients(self, group: str | None = None) -> int:
        """Return the number of patients (of a group)."""
        rows = self.patient if group is None else self.patient[self.group == group]
        return len(set(rows.tolist()))

    @property
    def terms(self) -> int:
        """Fixed effects of a group: level and slope, and change of slope if any."""
        return 2 if self.change is None else 3

    def basis(self, time: Floats) -> Floats:
        """Return the columns 1, t and, with a change, the part of t after it."""
        columns = [np.ones_like(time), time]
        if self.change is not None:
            columns.append(np.maximum(time, 0.0))
        return np.column_stack(columns)

    def design(self) -> Floats:
        """Return the fixed effects: the columns of each group, one after another."""
        own = self.basis(self.time)
        return np.column_stack([own * (self.group == g)[:, None] for g in self.groups])

    def contrast(self, group: str, weights: tuple[float, ...]) -> Floats:
        """Return the weights of a group's level, slope and change in the design."""
        found = np.zeros(self.terms * len(self.groups))
        start = self.terms * self.groups.index(group)
        found[start : start + len(weights)] = weights
        return found


def courses(sample: Sample) -> Courses:
    """Read the courses of a sample with the roles id, value and visit or time.

    Raises :class:`MethodError` for printed summaries, times that are no numbers, a
    patient with two values at one time or in two groups, and a time of treatment
    with no visits on one of its sides.
    """
    if sample.kind == "summary":
        raise MethodError("Slopes need the measurements of each patient.")
    rows = sample.rows
    time = np.array(
        [_number(t) for t in rows["visit" if sample.has("visit") else "time"]]
    )
    value = rows["value"].to_numpy(dtype=float)
    known = np.isfinite(value)
    patient = rows["id"].astype(str).to_numpy(dtype=object)[known]
    grouped = len(sample.groups) > 0 and sample.has("group")
    group = (
        rows["group"].astype(str).to_numpy(dtype=object)[known]
        if grouped
        else np.full(patient.size, "", dtype=object)
    )
    time, value = time[known], value[known]
    if value.size == 0:
        raise MethodError("There are no values.")
    seen: dict[tuple, str] = {}
    member: dict[str, str] = {}
    for p, g, t in zip(patient, group, time, strict=True):
        if (p, t) in seen:
            raise MethodError(f"Patient {p} has two values at time {t:g}.")
        if member.setdefault(p, g) != g:
            raise MethodError(f"Patient {p} is in two groups.")
        seen[p, t] = g
    change = sample.options.get("change_at")
    origin = 0.0 if change is None else float(change)
    if change is not None and not (time.min() < origin < time.max()):
        raise MethodError(
            f"The change at {origin:g} has no visits on one of its sides."
        )
    present = (
        tuple(g for g in sample.groups if (group == g).any()) if grouped else ("",)
    )
    per = float(sample.options.get("per", 1.0))
    return Courses(
        patient=patient,
        group=group,
        time=(time - origin) / per,
        value=value,
        groups=present,
        reference=sample.reference if sample.reference in present else "",
        change=None if change is None else origin,
        per=per,
        unit=sample.unit,
        slope_unit=f"{sample.unit} per {_period(sample, per)}" if sample.unit else "",
    )


def _period(sample: Sample, per: float) -> str:
    if per != 1:
        return f"{per:g} {sample.time_unit or 'units of time'}"
    return sample.time_unit.removesuffix("s") or "unit of time"


def _number(text: object) -> float:
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MethodError(f"The visit {text!r} is no number, so there is no slope.")
    return number
