"""One multiverse: every specification of one analysis computed, and exchanged.

The estimates are those of the method, through the engine of all analyses
(:mod:`reanalysis.analyses`); here one number of them is followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import ModuleType

import numpy as np

from reanalysis.analyses import Specification, estimates_of, kept_rows
from reanalysis.data_set_arrays import Floats, Ints
from reanalysis.ensembles.estimates import MemberSamples
from reanalysis.ensembles.pooling import Pooled
from reanalysis.errors import MethodError
from reanalysis.multiverse.cox_exchanges import exchanged_effects, served
from reanalysis.multiverse.grid import Entry, Samples
from reanalysis.multiverse.reassignment import (
    PREMISES,
    Exchange,
    exchange,
    exchanged,
)
from reanalysis.results import NAN, Estimate
from reanalysis.words import RATIOS

#: Level at which a p-value counts as significant.
LEVEL = 0.05
#: Statistics that are one minus a ratio.
REDUCTIONS = frozenset({"hazard_reduction", "risk_reduction", "rate_reduction"})
#: Statistics of which another value than zero is no effect: of two equal groups, the
#: chance that a value of one is above one of the other (Brunner and Munzel 2000).
NO_EFFECT = {"relative_effect": 0.5}
#: Statistics that are one over a difference: no effect is at infinity.
INVERSE = frozenset({"number_needed_to_treat"})
#: Statistics that compare, so that their sign says which way an effect goes.
DIRECTED = (
    (RATIOS - {"variance_ratio"})
    | REDUCTIONS
    | INVERSE
    | set(NO_EFFECT)
    | {
        "survival_difference", "restricted_mean_difference", "risk_difference",
        "median_difference", "mean_difference",
        "standardized_mean_difference", "mean_cumulative_difference", "coefficient",
        "correlation", "slope", "slope_change", "slope_difference",
        "slope_change_difference", "patient_slope", "percent_change",
        "percent_change_difference", "percent_reduction", "difference",
    }
)  # fmt: skip
#: Fewer random exchanges say too little.
FEWEST_DRAWS = 99
#: After so many exchanges it is looked at whether the fits will suffice.
LOOK = 5
#: Estimates on arrays that take as long as one by itself.
ON_ARRAYS = 50
#: Exchanges fitted at a time, and estimates on arrays.
_BLOCK, _FITTED = 256, 50_000
#: Said where a method works and the number that is followed is none of its numbers.
NO_SUCH = "the method gives no such number"
#: Numbers that differ by less, relatively, are equal.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which number of an analysis is followed; None where any will do."""

    statistics: tuple[str, ...]
    endpoint: str | None = None
    group: str | None = None
    reference: str | None = None
    term: str | None = None
    timepoint: str | None = None

    def as_in(self, row: Estimate) -> Place:
        """Return the place with what was left open as in a row.

        Over several statistics the term stays open: each has its own.
        """
        asked = {"group": row.group, "reference": row.reference}
        asked |= {"timepoint": _text(row.timepoint)}
        if len(self.statistics) == 1:
            asked["term"] = row.term
        return replace(
            self, **{key: v for key, v in asked.items() if getattr(self, key) is None}
        )

    def read(self, estimates: Sequence[tuple[str, Estimate]]) -> Estimate | None:
        """Return the first row of this place, None if there is none."""
        for endpoint, row in estimates:
            own = row.endpoint or endpoint
            if row.statistic in self.statistics and all(
                asked is None or asked == found
                for asked, found in (
                    (self.endpoint, own),
                    (self.group, row.group),
                    (self.reference, row.reference),
                    (self.term, row.term),
                    (self.timepoint, _text(row.timepoint)),
                )
            ):
                return row
        return None


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def primary_number(
    module: ModuleType,
    analysis: Mapping,
    spec: Specification,
    place: Place,
    ensemble: MemberSamples | None,
) -> Estimate:
    """Return the number under the primary settings; of an ensemble, over members."""
    return _one(module, analysis, spec, place, ensemble)


def followed(
    module: ModuleType, samples: Samples, entries: Sequence[Entry], place: Place
) -> list[Estimate]:
    """Return the number of each specification; one without it says why in its note."""
    found = []
    for entry in entries:
        if entry.problem:
            found.append(_without(place, entry.problem))
            continue
        analysis = samples.prepared[entry.data]
        found.append(_one(module, analysis, entry.spec, place))
    return found


def _one(
    module: ModuleType,
    analysis: Mapping,
    spec: Specification,
    place: Place,
    ensemble: MemberSamples | None = None,
) -> Estimate:
    try:
        found = estimates_of(module, analysis, spec, ensemble)
    except MethodError as problem:
        return _without(place, str(problem))
    estimates = [
        (one.endpoint, one.estimate) if isinstance(one, Pooled) else one
        for one in found
    ]
    row = place.read(estimates)
    if row is None:
        # What it gives of other numbers does not tell why this one is missing.
        lacking = [e for _, e in estimates if not _known(e)]
        said = next((e.note for e in lacking if e.note), "")
        if len(lacking) < len(estimates):
            said = NO_SUCH
        return _without(place, said or NO_SUCH)
    return row


def _without(place: Place, why: str) -> Estimate:
    return Estimate(statistic=place.statistics[0], note=why)


def _known(row: Estimate) -> bool:
    return not (math.isnan(effect(row)) and math.isnan(row.p_value))


def effect(row: Estimate) -> float:
    """Return an estimate on the scale on which no effect is zero; nan if unknown."""
    x = row.estimate
    if row.statistic in REDUCTIONS:
        return -math.log1p(-x) if x < 1 and math.isfinite(x) else NAN
    if row.statistic in RATIOS:
        return math.log(x) if x > 0 and math.isfinite(x) else NAN
    if row.statistic in INVERSE:
        return 1 / x if x and math.isfinite(x) else NAN
    return x - NO_EFFECT.get(row.statistic, 0.0) if math.isfinite(x) else NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """What the joint permutation test found.

    ``words`` say what was exchanged, ``premise`` what the test rests on.
    ``p_effect``: exchanges with a median effect at least as far from none;
    ``p_significant``: exchanges with at least as many specifications significant on
    one side. ``exchanges`` were made, ``complete`` tells that they are all. ``why``
    says why there is no test.
    """

    words: str = ""
    premise: str = ""
    exchanges: int = 0
    complete: bool = False
    p_effect: float = NAN
    p_significant: float = NAN
    why: str = ""


def joint_test(
    module: ModuleType,
    samples: Samples,
    entries: Sequence[Entry],
    rows: Sequence[Estimate],
    place: Place,
    *,
    permutations: int,
    fits: int,
    seed: int,
) -> JointTest:
    """Hold the whole multiverse against those of exchanged labels.

    At most ``permutations`` exchanges are made, and they end when ``fits`` estimates
    have been computed; the number does not depend on what they show. Specifications
    without a number in the data themselves do not enter.
    """
    if not permutations:
        return JointTest(why="no exchanges are asked for")
    kept = [entry for entry, row in zip(entries, rows, strict=True) if _known(row)]
    if not kept:
        return JointTest(why="no specification gives a number")
    first = next(r for r in rows if _known(r))
    used = {entry.data: samples.prepared[entry.data] for entry in kept}
    try:
        how = exchange(used, first.statistic, first.reference)
    except MethodError as problem:
        return JointTest(why=str(problem))
    if how.total < 2:
        return JointTest(why="there is only one way to exchange the labels")
    own = _Measures.of([effect(r) for r in rows], [r.p_value for r in rows])
    many = _Exchanged(module, used, kept, place, how, fits)
    complete, draws = how.draws(permutations, seed)
    far = often = made = 0
    for block in batched(draws, many.block):
        for measures in many.measures(np.array(block)):
            made += 1
            # An effect that no specification can estimate counts as far.
            far += not measures.effect < own.effect * (1 - _EQUAL)
            often += measures.significant >= own.significant
        if many.spent:
            break
    complete = complete and made == how.total
    if made < FEWEST_DRAWS and not complete:
        return JointTest(
            why=f"{FEWEST_DRAWS} exchanges would take more than {fits:,} estimates "
            "(multiverse.permutation_fits)",
        )
    # Among all exchanges is the one that was observed; random ones lack it.
    add = 0 if complete else 1
    return JointTest(
        words=how.words,
        premise=PREMISES[how.how],
        exchanges=made,
        complete=complete,
        p_effect=(far + add) / (made + add) if not math.isnan(own.effect) else NAN,
        p_significant=(often + add) / (made + add),
    )


def batched(draws: Iterator[Ints], size: int) -> Iterator[list[Ints]]:
    """Yield the draws in lists of a size (itertools.batched is not in Python 3.11)."""
    while block := list(islice(draws, size)):
        yield block


@dataclass(frozen=True, slots=True)
class _Measures:
    """Distance of the median effect from none, and the significant on one side."""

    effect: float
    significant: int

    @classmethod
    def of(cls, effects: Sequence[float], p_values: Sequence[float]) -> _Measures:
        x, p = np.array(effects, float), np.array(p_values, float)
        known = x[~np.isnan(x)]
        below = p < LEVEL
        if not len(known):
            return cls(NAN, int(below.sum()))
        sides = [int((below & (x > 0)).sum()), int((below & (x < 0)).sum())]
        return cls(abs(float(np.median(known))), max(sides))


class _Exchanged:
    """Computes all specifications under blocks of exchanges."""

    def __init__(
        self,
        module: ModuleType,
        used: Mapping,
        entries: Sequence[Entry],
        place: Place,
        how: Exchange,
        fits: int,
    ) -> None:
        self.module, self.used, self.entries = module, used, entries
        self.place, self.how, self.left = place, how, fits
        self.fits, self.made = fits, 0
        self.known: dict[tuple, tuple[float, float]] = {}
        statistics = place.statistics
        self.fast = {
            n
            for n, entry in enumerate(entries)
            if len(statistics) == 1
            and served(used[entry.data], entry.spec, statistics[0])
        }
        self.block = max(1, min(_BLOCK, _FITTED // max(1, len(self.fast))))
        # What the arrays alone would take; without enough for a test none is begun.
        self.spent = FEWEST_DRAWS * len(self.fast) > ON_ARRAYS * fits
        self.patterns = {data: _patterns(a, how) for data, a in used.items()}

    def measures(self, labels: Ints) -> list[_Measures]:
        """Return the measures of each exchange; fewer when the fits are spent."""
        if self.spent:
            return []
        ratios = self._fast(labels)
        found = []
        for number, own in enumerate(labels):
            self.made += 1
            if self.left <= 0 or self._too_slow():
                self.spent = True
                break
            self.left -= len(self.fast) / ON_ARRAYS
            prepared: dict = {}
            effects, p_values = [], []
            for n, entry in enumerate(self.entries):
                x = p = NAN
                if n in ratios:
                    x, p = ratios[n][0][number], ratios[n][1][number]
                if math.isnan(x) and math.isnan(p):
                    x, p = self._one(entry, own, prepared)
                effects.append(x)
                p_values.append(p)
            found.append(_Measures.of(effects, p_values))
        return found

    def _too_slow(self) -> bool:
        """Tell early that the fits will not suffice for a test."""
        spent = self.fits - self.left
        return self.made == LOOK and spent * FEWEST_DRAWS > LOOK * self.fits

    def _fast(self, labels: Ints) -> dict[int, tuple[Floats, Floats]]:
        return {
            n: exchanged_effects(
                self.used[self.entries[n].data], self.entries[n].spec,
                self.place.statistics[0], labels[:, self.how.patients(self._part(n))],
            )
            for n in self.fast
        }  # fmt: skip

    def _part(self, n: int) -> Mapping:
        (part,) = self.used[self.entries[n].data]["samples"]
        return part

    def _one(self, entry: Entry, labels: Ints, prepared: dict) -> tuple[float, float]:
        """Compute one specification, unless equal rows have been seen under it."""
        counts = self.patterns[entry.data](labels, entry.spec)
        key = (entry.data, entry.spec.key, counts)
        if key not in self.known:
            self.left -= 1
            if entry.data not in prepared:
                prepared[entry.data] = exchanged(
                    self.used[entry.data], self.how, labels
                )
            row = _one(self.module, prepared[entry.data], entry.spec, self.place)
            self.known[key] = effect(row), row.p_value
        return self.known[key]


def _patterns(
    analysis: Mapping, how: Exchange
) -> Callable[[Ints, Specification], bytes]:
    """Return a function that counts equal rows under an exchange, as bytes."""
    (part,) = analysis["samples"]
    at = how.patients(part)
    columns = {
        name: values
        for name, values in part["columns"].items()
        if name != "id" and not (how.how == "group" and name == "group")
    }
    rows = list(zip(*columns.values(), strict=True)) or [()] * len(at)
    numbers: dict[tuple, int] = {}
    code = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=int)

    def counted(labels: Ints, spec: Specification) -> bytes:
        kept = kept_rows(part, spec)
        mixed = 2 * code[kept] + labels[at][kept]
        return np.bincount(mixed, minlength=2 * len(numbers)).astype(np.int32).tobytes()

    return counted
