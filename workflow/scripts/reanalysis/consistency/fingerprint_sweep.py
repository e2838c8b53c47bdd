"""Compute claims under every combination of conventions, and merge equal results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product

from reanalysis.consistency.fingerprint_axes import AXES, TESTED, is_paired
from reanalysis.consistency.fingerprint_readings import (
    Choice,
    Reading,
    at_time,
    holds_claim,
    is_comparison,
    read_claim,
    time_factor,
    units_of,
)
from reanalysis.results import Estimate
from reanalysis.rounding import printed_interval
from reanalysis.sample import Sample

ONE_SIDED = "a one-sided p-value"
EXCHANGED = "exchanged arms"
UNIT = "another unit of time"


@dataclass(frozen=True, slots=True)
class Convention:
    """One distinct result: every combination of choices that leads to it.

    ``levels`` maps an axis to its levels among them; ``departures`` are those of
    the combination with the fewest.
    """

    levels: Mapping[str, tuple[str, ...]]
    departures: frozenset[str]
    distance: int
    readings: tuple[Reading, ...]
    fits: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The conventions of an analysis and which give the printed numbers of claims.

    ``combinations`` counts all combinations of choices, ``conventions`` the
    distinct results among them, nearest to the primary one first.
    """

    claims: tuple[str, ...]
    combinations: int
    conventions: tuple[Convention, ...]
    axes: Mapping[str, tuple[str, ...]]

    @property
    def fitting(self) -> tuple[Convention, ...]:
        """Return the conventions that give every printed number."""
        return tuple(c for c in self.conventions if all(c.fits))

    @property
    def usual(self) -> tuple[Convention, ...]:
        """Return the conventions with the arms and the unit of time as printed."""
        return tuple(
            c for c in self.conventions if not c.departures & {EXCHANGED, UNIT}
        )

    @property
    def departures(self) -> frozenset[str] | None:
        """Return the departures without which the digits cannot be had.

        Empty when a plain convention gives them, or when different departures
        do and none is in all of them; None when nothing gives them.
        """
        if not self.fitting:
            return None
        return frozenset.intersection(*(c.departures for c in self.fitting))

    @property
    def alternatives(self) -> tuple[frozenset[str], ...]:
        """Return the smallest sets of departures that give the digits."""
        sets = sorted({c.departures for c in self.fitting}, key=lambda s: (len(s), *s))
        return tuple(s for s in sets if not any(other < s for other in sets))

    def pinned(self) -> dict[str, str]:
        """Return the axes on which only one of several levels gives the digits."""
        found = {}
        for axis, levels in self.axes.items():
            seen = {name for c in self.fitting for name in c.levels[axis]}
            if len(levels) > 1 and len(seen) == 1:
                found[axis] = seen.pop()
        return found


def sweep(
    sample: Sample,
    method: str,
    claims: Sequence[Mapping],
    settings: Mapping[str, object],
    *,
    unit: str = "",
) -> Fingerprint:
    """Compute the claims of one sample under every convention of a method.

    ``settings`` complete the axes; ``unit`` is the unit of time of the data when
    the sample does not say it. Claims without a number are not allowed.
    """
    return sweep_claims(Estimator(sample, method, claims, settings, unit), claims)


class Estimator:
    """A sample and what its method gave under the settings asked for so far."""

    def __init__(
        self,
        sample: Sample,
        method: str,
        claims: Sequence[Mapping],
        settings: Mapping[str, object],
        unit: str,
    ) -> None:
        self.sample = sample
        self.method = method
        self.settings = settings
        self.unit = unit
        self.times = {float(claim["timepoint"]) for claim in claims if at_time(claim)}
        self.estimate = import_module(f"reanalysis.methods.{method}").estimate
        self.done: dict[tuple, list[Estimate]] = {}

    def rows(self, choice: Choice) -> list[Estimate]:
        """Return the results of one combination, computed once."""
        settings = {**self.settings, **dict(choice.settings)}
        factor = 1.0
        if self.times:
            factor = time_factor(self.sample, choice.days, choice.unit, self.unit)
        key = (factor, *sorted((k, repr(v)) for k, v in settings.items()))
        if key not in self.done:
            sample = self.sample
            if self.times:
                times = sorted(t * factor for t in self.times)
                sample = replace(sample, options={**sample.options, "times": times})
            self.done[key] = self.estimate(sample, settings)
        return self.done[key]


def sweep_claims(estimator: Estimator, claims: Sequence[Mapping]) -> Fingerprint:
    """Compute claims of a sample whose results are kept for the next call."""
    sample, unit = estimator.sample, estimator.unit
    printed = [printed_interval(claim) for claim in claims]
    choices = list(_choices(sample, estimator.method, claims, unit))
    axes: dict[str, tuple[str, ...]] = {}
    merged: dict[tuple, list[tuple[Choice, tuple[Reading, ...]]]] = {}
    for choice in choices:
        found = estimator.rows(choice)
        readings = tuple(
            read_claim(claim, found, choice, sample, unit) for claim in claims
        )
        for axis, level in choice.levels:
            known = axes.get(axis, ())
            axes[axis] = known if level in known else (*known, level)
        if any(math.isnan(reading.low) for reading in readings):
            continue
        merged.setdefault(readings, []).append((choice, readings))
    conventions = []
    for group in merged.values():
        nearest = min((choice for choice, _ in group), key=_order)
        # A departure that leads nowhere new is no departure.
        levels: dict[str, tuple[str, ...]] = {}
        for choice, _ in group:
            if choice.departures == nearest.departures:
                for axis, level in choice.levels:
                    known = levels.get(axis, ())
                    levels[axis] = known if level in known else (*known, level)
        readings = group[0][1]
        conventions.append(
            Convention(
                levels,
                nearest.departures,
                nearest.distance,
                readings,
                tuple(
                    holds_claim(claim, want, reading)
                    for claim, want, reading in zip(
                        claims, printed, readings, strict=True
                    )
                ),
            )
        )
    conventions.sort(key=lambda c: (len(c.departures), c.distance))
    return Fingerprint(
        tuple(claim["claim_id"] for claim in claims),
        len(choices),
        tuple(conventions),
        axes,
    )


def _order(choice: Choice) -> tuple[int, int]:
    return len(choice.departures), choice.distance


def _choices(
    sample: Sample,
    method: str,
    claims: Sequence[Mapping],
    unit: str,
) -> Iterator[Choice]:
    """Yield every combination of the levels that can matter for the claims."""
    axes = [axis for axis in AXES[method] if axis.matters(claims, sample)]
    exchange = [False, True] if can_exchange(sample, claims) else [False]
    units = list(units_of(sample, claims, unit))
    stated = {claim["alternative"] for claim in claims} & {"less", "greater"}
    for levels in product(*(axis.levels for axis in axes)):
        chosen: dict[str, object] = {}
        for level in levels:
            chosen.update(level.settings)
        halved = next((level.halved for level in levels if level.halved), "")
        one_sided = halved or chosen.get("alternative", "two-sided") != "two-sided"
        distance = sum(
            axis.levels.index(level) > 0
            for axis, level in zip(axes, levels, strict=True)
        )
        for exchanged, (name, days, other, odd) in product(exchange, units):
            departures = set()
            if one_sided and not stated:
                departures.add(ONE_SIDED)
            if exchanged:
                departures.add(EXCHANGED)
            if other:
                departures.add(UNIT)
            named = [
                (axis.name, level.name)
                for axis, level in zip(axes, levels, strict=True)
            ]
            if len(exchange) > 1:
                named.append(("arms", "exchanged" if exchanged else "as declared"))
            if len(units) > 1:
                named.append(("unit of time", name))
            yield Choice(
                tuple(named),
                tuple(sorted(chosen.items())),
                next((level.test for level in levels if level.test), ""),
                halved,
                exchanged,
                name.split(" ")[0] if other else "",
                days,
                frozenset(departures),
                distance + odd,
            )


def can_exchange(sample: Sample, claims: Sequence[Mapping]) -> bool:
    """Two groups, or before and after, and a number that tells them apart."""
    if len(sample.groups) != 2 and not (is_paired(sample) and not sample.groups):
        return False
    return any(
        claim["field"] not in TESTED
        and (claim["group"] or is_comparison(claim["statistic"]))
        for claim in claims
    )
