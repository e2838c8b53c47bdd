"""Patients with causes of leaving, by group, and the incidences of each cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.sample import Sample
from reanalysis.survival.cumulative_incidence import (
    Incidence,
    as_censored,
    cumulative_incidence,
)
from reanalysis.survival.risk_sets import Floats, Ints, group_codes, unite


@dataclass(frozen=True, slots=True, eq=False)
class CompetingRisks:
    """Follow-up with cause numbers: 0 censored, 1 of interest, 2 and on competing."""

    time: Floats
    cause: Ints
    names: tuple[str, ...]
    group: Ints
    labels: tuple[str, ...]
    stratum: Ints | None

    def of(self, keep: np.ndarray) -> CompetingRisks:
        """Return the patients that are marked."""
        stratum = None if self.stratum is None else self.stratum[keep]
        return replace(
            self,
            time=self.time[keep],
            cause=self.cause[keep],
            group=self.group[keep],
            stratum=stratum,
        )

    @property
    def members(self) -> dict[str, CompetingRisks]:
        """Patients of each group, and all together under ""."""
        groups = {
            label: self.of(self.group == k) for k, label in enumerate(self.labels)
        }
        return groups | {"": self.of(self.group >= 0) if groups else self}

    @property
    def causes(self) -> range:
        """Numbers of the causes, that of interest first."""
        return range(1, len(self.names) + 1)

    def events(self, cause: int) -> int:
        """Return how many left by a cause."""
        return int((self.cause == cause).sum())


def read(sample: Sample, settings: Mapping[str, object]) -> CompetingRisks:
    """Return the patients of a sample; raise :class:`MethodError` where it cannot."""
    if sample.kind == "summary" or not sample.has("time", "cause"):
        raise MethodError("Competing risks need the time and cause of each patient.")
    declared = sample.options.get("causes")
    if not declared:
        raise MethodError("It is not declared which causes are of interest.")
    codes = {str(code): 0 for code in declared.get("censored", ())}
    codes |= {str(code): 1 for code in declared["interest"]}
    competing = [str(code) for code in declared.get("competing", ())]
    codes |= {code: number for number, code in enumerate(competing, start=2)}
    named = declared.get("labels", {})
    interest = " or ".join(str(named.get(c, c)) for c in map(str, declared["interest"]))
    rows = sample.rows
    cause = (
        rows["cause"]
        .map(lambda code: codes.get(str(code), -1))
        .to_numpy(dtype=np.int64)
    )
    if (cause < 0).any():
        raise MethodError("A cause in the rows is not among those declared.")
    stratum = None
    roles = [role for role in ("stratum", "pair") if sample.has(role)]
    if roles and settings["strata"] != "never":
        stratum = rows.groupby(roles, dropna=False).ngroup().to_numpy()
    return CompetingRisks(
        unite(rows["time"].to_numpy(dtype=float)),
        cause,
        (interest, *(str(named.get(code, code)) for code in competing)),
        group_codes(sample),
        tuple(sample.groups) if sample.has("group") else (),
        stratum,
    )


def curve_of(
    data: CompetingRisks,
    cause: int,
    settings: Mapping[str, object],
    estimator: str = "",
) -> Incidence:
    """Return the incidence of a cause, by a named estimator or the one chosen."""
    naive = (estimator or settings["estimator"]) == "one-minus-kaplan-meier"
    return kept_curve(
        data.time.tobytes(),
        (as_censored(data.cause, cause) if naive else data.cause).tobytes(),
        cause,
        # Greenwood's formula for a Kaplan-Meier curve.
        "delta" if naive else str(settings["variance"]),
        str(settings["interval"]),
        float(settings["conf_level"]),
    )


@lru_cache(maxsize=512)
def kept_curve(
    time: bytes, cause: bytes, of: int, variance: str, interval: str, level: float
) -> Incidence:
    """Kept, since settings of tests and models do not change it."""
    return cumulative_incidence(
        np.frombuffer(time),
        np.frombuffer(cause, dtype=np.int64),
        of,
        variance=variance,
        interval=interval,
        conf_level=level,
    )
