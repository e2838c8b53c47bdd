"""Which conventions give the printed digits, and what all of them share.

The choices that correct programs make differently are crossed, together with
three departures a report may contain without saying so: a one-sided p-value,
exchanged arms and another unit of time. Every combination is computed by the
method itself; those that land in the printed rounding intervals of a claim, or of
all claims of one analysis together, are ranked. "Only Breslow" is information,
"all of them" is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product

from reanalysis.analyses import Specification, make_sample
from reanalysis.consistency.check import Check
from reanalysis.results import Estimate
from reanalysis.rounding import COUNTS, Printed, truncates
from reanalysis.sample import Sample
from reanalysis.verdicts import printed_interval
from reanalysis.words import RATIOS

FAMILY = "consistency"
CHECK = "convention fingerprint"
JOINT = "convention fingerprint, all numbers of the analysis"
COPIED = "p-value with the digits of a share"

ONE_SIDED = "a one-sided p-value"
EXCHANGED = "exchanged arms"
UNIT = "another unit of time"

_LIMITS = ("conf_low", "conf_high")
_TESTED = ("p_value", "test_statistic")
_REDUCTIONS = frozenset(
    {"hazard_reduction", "rate_reduction", "risk_reduction", "percent_reduction"}
)
_DIFFERENCES = frozenset(
    {
        "median_difference",
        "mean_difference",
        "standardized_mean_difference",
        "risk_difference",
        "restricted_mean_difference",
        "difference",
        "coefficient",
    }
)
#: Days of one unit, the usual length first. Programs and papers count a month as
#: 30.4375, 30 or 28 days and a year as 365.25, 365 or 360.
_DAYS = {
    "day": (1.0,),
    "week": (7.0,),
    "month": (30.4375, 30.0, 28.0),
    "year": (365.25, 365.0, 360.0),
}
#: Beyond so many rows profile limits cost seconds and are left out.
_PROFILE_ROWS = 400


@dataclass(frozen=True, slots=True)
class Level:
    """One choice on an axis: settings of the method, or the row that is read."""

    name: str
    settings: tuple[tuple[str, object], ...] = ()
    test: str = ""
    halved: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """One convention with its levels, the primary one first.

    ``fields`` are the fields of a result it can move and ``statistics`` the
    statistics (empty: all). ``applies`` tells from the sample whether it can
    matter at all.
    """

    name: str
    levels: tuple[Level, ...]
    fields: tuple[str, ...] = ()
    statistics: frozenset[str] = frozenset()
    applies: Callable[[Sample], bool] = lambda sample: True

    def matters(self, claims: Sequence[Mapping], sample: Sample) -> bool:
        """Tell whether the axis can move a number that one of the claims prints."""
        return self.applies(sample) and any(
            (not self.fields or claim["field"] in self.fields)
            and (not self.statistics or claim["statistic"] in self.statistics)
            for claim in claims
        )


def _by_setting(key: str, *values: object, names: Sequence[str] = ()) -> tuple:
    return tuple(
        Level(str(name), ((key, value),))
        for name, value in zip(names or values, values, strict=True)
    )


_HALVED = (
    Level("two-sided"),
    Level("one-sided (less)", halved="less"),
    Level("one-sided (greater)", halved="greater"),
)
_SIDES = (
    Level("two-sided", (("alternative", "two-sided"),)),
    Level("one-sided (less)", (("alternative", "less"),)),
    Level("one-sided (greater)", (("alternative", "greater"),)),
)


def _matched(sample: Sample) -> bool:
    return sample.has("pair") or sample.has("stratum")


def _small(sample: Sample) -> bool:
    return len(sample.rows) <= _PROFILE_ROWS


def _paired(sample: Sample) -> bool:
    return sample.has("before", "after")


def _individual(sample: Sample) -> bool:
    return sample.kind != "summary"


def _statistics(*names: str) -> frozenset[str]:
    return frozenset(names)


_RANK_P = (
    Level("exact", (("p_value", "exact"), ("continuity", False))),
    Level("normal", (("p_value", "normal"), ("continuity", False))),
    Level("normal, corrected", (("p_value", "normal"), ("continuity", True))),
)
_WEIGHTS = (
    *_by_setting("weights", "log-rank", "gehan-breslow", "tarone-ware", "peto-peto"),
    Level(
        "Fleming-Harrington (1, 0)",
        (("weights", "fleming-harrington"), ("rho", 1.0), ("gamma", 0.0)),
    ),
)

#: Settings that complete those of the axes; every method needs all of its own.
BASE: Mapping[str, Mapping[str, object]] = {
    "kaplan_meier": {
        "interval": "log-log",
        "median_rule": "midpoint",
        "tau": None,
        "band": "none",
        "band_transform": "log-log",
    },
    "log_rank": {
        "weights": "log-rank",
        "rho": 1.0,
        "gamma": 0.0,
        "p_value": "asymptotic",
        "two_sided": "absolute",
        "permutations": 0,  # no digits are matched by chance
        "monte_carlo": "add-one",
        "stratified": "as_declared",
        "alternative": "two-sided",
    },
    "cox": {
        "ties": "efron",
        "p_value": "wald",
        "interval": "wald",
        "variance": "model",
        "strata": "as_declared",
        "infinite": "firth",
        "alternative": "two-sided",
        "likelihood": "partial",
        "pairs": "partial-likelihood",
        "weights": "case",
        "proportional_hazards": "none",
    },
    "wilcoxon": {
        "test": "wilcoxon",
        "zeros": "wilcox",
        "p_value": "exact",
        "continuity": True,
        "equal_variance": False,
        "alternative": "two-sided",
        "adjust": "none",
        "paired": "as_declared",
    },
    "tables": {
        "test": "fisher",
        "alternative": "two-sided",
        "interval_risk_difference": "newcombe",
        "interval_risk_ratio": "log",
        "interval_odds_ratio": "conditional-exact",
        "odds_ratio": "conditional-mle",
    },
    "proportions": {"interval": "clopper-pearson"},
    "rates": {
        "interval": "exact",
        "test": "exact-conditional",
        "alternative": "two-sided",
        "model": "poisson",
        "pairs": "as_declared",
    },
    "descriptive": {
        "sd_divisor": "n-1",
        "quantile": "type7",
        "denominator": "non_missing",
        "ratio": "mean-of-ratios",
    },
}

AXES: Mapping[str, tuple[Axis, ...]] = {
    "kaplan_meier": (
        Axis(
            "interval",
            _by_setting("interval", "log-log", "log", "plain", "logit", "arcsine"),
            _LIMITS,
            _statistics("survival_probability", "median_survival", "follow_up_median"),
        ),
        Axis(
            "median rule",
            _by_setting("median_rule", "midpoint", "first_at_or_below", "below"),
            ("estimate", *_LIMITS),
            _statistics("median_survival", "follow_up_median"),
        ),
    ),
    "log_rank": (
        Axis("weights", _WEIGHTS, _TESTED),
        Axis("p-value", _by_setting("p_value", "asymptotic", "exact"), ("p_value",)),
        Axis(
            "strata",
            _by_setting("stratified", "as_declared", "never"),
            _TESTED,
            applies=_matched,
        ),
        Axis("sides", _HALVED, ("p_value",)),
    ),
    "cox": (
        Axis("ties", _by_setting("ties", "efron", "breslow", "exact")),
        Axis(
            "variance",
            _by_setting("variance", "naive", "robust"),
            (*_LIMITS, *_TESTED),
            applies=_individual,
        ),
        Axis(
            "strata",
            _by_setting("strata", "as_declared", "never"),
            applies=_matched,
        ),
        Axis(
            "interval",
            _by_setting("interval", "wald", "profile"),
            _LIMITS,
            applies=_small,
        ),
        Axis(
            "test",
            (
                Level("Wald", test="Wald"),
                Level("likelihood ratio", test="likelihood ratio"),
                Level("score", test="score"),
            ),
            _TESTED,
        ),
        Axis("sides", _HALVED, ("p_value",)),
    ),
    "wilcoxon": (
        Axis(
            "test",
            (
                Level("signed rank", test="signed-rank"),
                Level("paired t", test="paired t"),
                Level("sign", test="sign"),
            ),
            _TESTED,
            applies=lambda s: _individual(s) and not s.groups,
        ),
        Axis(
            "test",
            (
                Level("Mann-Whitney", test="Mann-Whitney"),
                Level("Welch's t", test="Welch t"),
                Level("Student's t", test="Student t"),
            ),
            _TESTED,
            applies=lambda s: _individual(s) and bool(s.groups) and not _paired(s),
        ),
        Axis(
            "test",
            (
                Level("Welch's t", test="Welch t"),
                Level("Student's t", test="Student t"),
            ),
            _TESTED,
            applies=lambda s: not _individual(s),
        ),
        Axis("rank p-value", _RANK_P, (*_TESTED, *_LIMITS), applies=_individual),
        Axis(
            "zeros",
            _by_setting("zeros", "wilcox", "pratt", "zsplit"),
            _TESTED,
            applies=lambda s: (
                _paired(s) and bool((s.rows["before"] == s.rows["after"]).any())
            ),
        ),
        Axis(
            "equal variance",
            _by_setting("equal_variance", False, True, names=("no", "yes")),
            _LIMITS,
            _statistics("mean_difference"),
            applies=lambda s: bool(s.groups),
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "tables": (
        Axis(
            "test",
            _by_setting(
                "test",
                "fisher",
                "chi-square",
                "chi-square-yates",
                "n-1-chi-square",
                "z-test",
                "fisher-midp",
                "fisher-doubled",
                "fisher-doubled-midp",
            ),
            _TESTED,
            applies=lambda s: not (_paired(s) or s.has("pair")),
        ),
        Axis(
            "test",
            _by_setting(
                "test", "mcnemar-exact", "mcnemar", "mcnemar-corrected", "mcnemar-midp"
            ),
            _TESTED,
            applies=lambda s: _paired(s) or s.has("pair"),
        ),
        Axis(
            "interval",
            _by_setting(
                "interval_risk_difference",
                "newcombe",
                "wald",
                "agresti-caffo",
                "miettinen-nurminen",
                "mee",
            ),
            _LIMITS,
            _statistics("risk_difference"),
        ),
        Axis(
            "interval",
            _by_setting("interval_risk_ratio", "log", "koopman", "miettinen-nurminen"),
            _LIMITS,
            _statistics("risk_ratio"),
        ),
        Axis(
            "interval",
            _by_setting("interval_odds_ratio", "conditional-exact", "woolf", "mid-p"),
            _LIMITS,
            _statistics("odds_ratio"),
        ),
        Axis(
            "odds ratio",
            _by_setting("odds_ratio", "conditional-mle", "sample"),
            ("estimate",),
            _statistics("odds_ratio"),
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "proportions": (
        Axis(
            "interval",
            _by_setting(
                "interval",
                "clopper-pearson",
                "wilson",
                "wald",
                "wilson-cc",
                "wald-cc",
                "jeffreys",
                "agresti-coull",
                "mid-p",
            ),
            _LIMITS,
        ),
    ),
    "rates": (
        Axis(
            "interval",
            _by_setting(
                "interval", "exact", "mid-p", "wald-log", "wald", "score", "byar"
            ),
            _LIMITS,
        ),
        Axis(
            "test",
            _by_setting(
                "test", "exact-conditional", "exact-doubled", "mid-p", "wald", "score"
            ),
            _TESTED,
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "descriptive": (
        Axis(
            "SD divisor",
            _by_setting("sd_divisor", "n-1", "n"),
            statistics=_statistics("sd"),
        ),
        Axis(
            "quartiles",
            _by_setting("quantile", "type7", "type6", "type2"),
            statistics=_statistics("quartile_low", "quartile_high"),
        ),
        Axis(
            "denominator",
            _by_setting("denominator", "non_missing", "rows"),
            statistics=_statistics("proportion"),
        ),
        Axis(
            "ratio",
            _by_setting("ratio", "mean-of-ratios", "ratio-of-means"),
            statistics=_statistics("percent_of", "percent"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A claim's number as one convention gives it; ``how`` names test or interval."""

    low: float
    high: float
    how: str = ""


_NOTHING = Reading(math.nan, math.nan)


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


@dataclass(frozen=True, slots=True)
class _Choice:
    levels: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, object], ...]
    test: str
    halved: str
    exchanged: bool
    unit: str
    days: float
    departures: frozenset[str]
    distance: int


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
    return _sweep(_Estimator(sample, method, claims, settings, unit), claims)


class _Estimator:
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
        self.times = {float(claim["timepoint"]) for claim in claims if _at_time(claim)}
        self.estimate = import_module(f"reanalysis.methods.{method}").estimate
        self.done: dict[tuple, list[Estimate]] = {}

    def rows(self, choice: _Choice) -> list[Estimate]:
        settings = {**self.settings, **dict(choice.settings)}
        factor = 1.0
        if self.times:
            factor = _time_factor(self.sample, choice.days, choice.unit, self.unit)
        key = (factor, *sorted((k, repr(v)) for k, v in settings.items()))
        if key not in self.done:
            sample = self.sample
            if self.times:
                times = sorted(t * factor for t in self.times)
                sample = replace(sample, options={**sample.options, "times": times})
            self.done[key] = self.estimate(sample, settings)
        return self.done[key]


def _sweep(estimator: _Estimator, claims: Sequence[Mapping]) -> Fingerprint:
    sample, unit = estimator.sample, estimator.unit
    printed = [printed_interval(claim) for claim in claims]
    choices = list(_choices(sample, estimator.method, claims, unit))
    axes: dict[str, tuple[str, ...]] = {}
    merged: dict[tuple, list[tuple[_Choice, tuple[Reading, ...]]]] = {}
    for choice in choices:
        found = estimator.rows(choice)
        readings = tuple(_read(claim, found, choice, sample, unit) for claim in claims)
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
                    _holds(claim, want, reading)
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


def _order(choice: _Choice) -> tuple[int, int]:
    return len(choice.departures), choice.distance


def _choices(
    sample: Sample,
    method: str,
    claims: Sequence[Mapping],
    unit: str,
) -> Iterator[_Choice]:
    """Yield every combination of the levels that can matter for the claims."""
    axes = [axis for axis in AXES[method] if axis.matters(claims, sample)]
    exchange = [False, True] if _can_exchange(sample, claims) else [False]
    units = list(_units(sample, claims, unit))
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
            yield _Choice(
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


def _can_exchange(sample: Sample, claims: Sequence[Mapping]) -> bool:
    """Two groups, or before and after, and a number that tells them apart."""
    if len(sample.groups) != 2 and not (_paired(sample) and not sample.groups):
        return False
    return any(
        claim["field"] not in _TESTED
        and (claim["group"] or _comparison(claim["statistic"]))
        for claim in claims
    )


def _comparison(statistic: str) -> bool:
    return statistic in RATIOS or statistic in _REDUCTIONS or statistic in _DIFFERENCES


def _unit_name(unit: str) -> str:
    name = unit.strip().lower().removesuffix("s")
    return name if name in _DAYS else ""


def _units(
    sample: Sample, claims: Sequence[Mapping], unit: str
) -> Iterator[tuple[str, float, bool, int]]:
    """Yield unit, days of it, whether it is not the printed one, and distance.

    The claim is read as printed, then as if the number stood in another unit of
    time than the one printed beside it.
    """
    own = _unit_name(sample.time_unit or unit)
    timed = [c for c in claims if _in_time(c) or _at_time(c)]
    printed = {_unit_name(c["unit"]) for c in timed if _unit_name(c["unit"])} or {own}
    if not own or not timed or len(printed) > 1 or "" in printed:
        yield "as printed", 0.0, False, 0
        return
    (claimed,) = printed
    for place, days in enumerate(_DAYS[claimed]):
        if place and own == claimed:
            break
        length = f" of {days:g} days" if place else ""
        yield claimed + length, days, False, place
    for other in _DAYS:
        if other != claimed:
            yield other, _DAYS[other][0], True, 0


def _in_time(claim: Mapping) -> bool:
    return bool(_unit_name(claim["unit"])) and claim["field"] in ("estimate", *_LIMITS)


def _at_time(claim: Mapping) -> bool:
    try:
        float(claim["timepoint"])
    except ValueError:
        return False
    return claim["statistic"] in {"survival_probability", "number_at_risk"}


def _time_factor(sample: Sample, days: float, shift: str, unit: str) -> float:
    """Return what one unit of a printed time is in the unit of the data."""
    own = _unit_name(sample.time_unit or unit)
    return days / _DAYS[own][0] if shift and own else 1.0


def _read(
    claim: Mapping,
    rows: Sequence[Estimate],
    choice: _Choice,
    sample: Sample,
    unit: str,
) -> Reading:
    """Read the number a claim speaks of from the rows of one convention."""
    field = {"count": "events"}.get(claim["field"], claim["field"])
    group, swap = claim["group"], False
    if choice.exchanged:
        if _comparison(claim["statistic"]) and field not in _TESTED:
            swap = True
        elif group in sample.groups and not claim["reference"]:
            group = sample.groups[1 - sample.groups.index(group)]
    row = _row_of(claim, rows, group, choice, sample, unit)
    if row is None:
        return _NOTHING
    source = field
    if swap and field in _LIMITS:
        source = _LIMITS[1 - _LIMITS.index(field)]
    value = float(getattr(row, source))
    low, high = row.ranges.get(source, (value, value))
    if swap:
        low, high = sorted(_swapped(x, claim["statistic"]) for x in (low, high))
    if field == "p_value" and choice.halved:
        low = high = _one_side(row, value, choice.halved)
    factor = _factor(claim, row, choice, sample, unit)
    how = ""
    if field == "p_value":
        how = f"{row.test}, {choice.halved or row.alternative}"
    elif field in _LIMITS:
        how = row.interval_method
    return Reading(_tidy(low * factor), _tidy(high * factor), how)


def _tidy(x: float) -> float:
    # Equal results of different arithmetic are one convention.
    return float(f"{x:.10g}")


def _row_of(
    claim: Mapping,
    rows: Sequence[Estimate],
    group: str,
    choice: _Choice,
    sample: Sample,
    unit: str,
) -> Estimate | None:
    tested = claim["field"] in _TESTED
    chosen = [row for row in rows if row.statistic == claim["statistic"]]
    if tested:
        # A p-value belongs to a comparison, whichever effect it stands beside.
        chosen = [row for row in rows if row.test] or chosen
    if _at_time(claim):
        at = float(claim["timepoint"]) * _time_factor(
            sample, choice.days, choice.unit, unit
        )
        chosen = [
            row
            for row in chosen
            if row.timepoint != "" and math.isclose(float(row.timepoint), at)
        ]
    elif claim["timepoint"]:
        there = [row for row in chosen if str(row.timepoint) == claim["timepoint"]]
        chosen = there or [row for row in chosen if row.timepoint in ("", None)]
    if group:
        chosen = [row for row in chosen if row.group == group]
    if claim["reference"]:
        chosen = [row for row in chosen if row.reference == claim["reference"]]
    if not group:
        whole = [row for row in chosen if row.group == ""]
        if whole:
            chosen = whole
        elif len({(row.group, row.reference) for row in chosen}) > 1:
            return None
    if tested and choice.test:
        chosen = [row for row in chosen if row.test.startswith(choice.test)]
    elif not tested and claim["statistic"] in {"median_difference", "mean_difference"}:
        plain = [row for row in chosen if row.term in ("", "zeros dropped")]
        chosen = plain or chosen
    return chosen[0] if chosen else None


def _swapped(x: float, statistic: str) -> float:
    if statistic in _DIFFERENCES:
        return -x
    if statistic in _REDUCTIONS:
        return 1 - 1 / (1 - x) if x != 1 else -math.inf
    return 1 / x if x else math.inf


def _one_side(row: Estimate, p: float, side: str) -> float:
    """Return the one-sided p-value of a test whose two-sided one is its double."""
    if "exact" in row.test or math.isnan(p):
        return math.nan
    if row.statistic == "log_rank" or math.isnan(row.estimate):
        # The statistic has no sign here: "less" stands for the direction seen.
        seen = side == "less"
    else:
        lower = row.estimate < (1.0 if row.statistic in RATIOS else 0.0)
        seen = lower == (side == "less")
    return p / 2 if seen else 1 - p / 2


def _factor(
    claim: Mapping, row: Estimate, choice: _Choice, sample: Sample, unit: str
) -> float:
    if claim["field"] not in ("estimate", *_LIMITS):
        return 1.0
    if claim["unit"].strip().lower() in {"%", "percent", "per cent"}:
        return 100.0 if row.unit == "proportion" else 1.0
    own, claimed = _unit_name(row.unit), _unit_name(claim["unit"])
    if own and claimed:
        return _DAYS[own][0] / (choice.days or _DAYS[claimed][0])
    return 1.0


def _holds(claim: Mapping, printed: Printed, reading: Reading) -> bool:
    if math.isnan(reading.low):
        return False
    if claim["statistic"] in COUNTS and claim["field"] == "estimate":
        return printed.counts(reading.low)
    return printed.holds(reading.low, reading.high)


def checks(study: Mapping) -> list[Check]:
    """Return what the conventions say of every number that data can answer."""
    found: list[Check] = []
    for name, analysis in study["analyses"].items():
        if analysis["awaited"] or analysis["method"] not in AXES:
            continue
        claims = [
            claim
            for claim in study["claims"]
            if claim["analysis"] == name
            and claim["role"] == "check"
            and claim["relation"] != "words"
        ]
        parts = {part["endpoint"]: part for part in analysis["samples"]}
        for endpoint, part in parts.items():
            mine = [c for c in claims if not endpoint or c["endpoint"] == endpoint]
            found += _part_checks(analysis, part, mine)
    return found


def _settings(analysis: Mapping, claims: Sequence[Mapping]) -> dict[str, object]:
    levels = [c["conf_level"] for c in claims if c["conf_level"]]
    return {
        **BASE[analysis["method"]],
        "conf_level": float(levels[0]) if levels else 0.95,
        "seed": 1,
        **analysis["settings"],
    }


def _part_checks(
    analysis: Mapping,
    part: Mapping,
    claims: Sequence[Mapping],
) -> list[Check]:
    method = analysis["method"]
    settings = _settings(analysis, claims)
    sample = make_sample(part, analysis, Specification("fingerprint", settings))
    # A number no convention can move says nothing and costs nothing.
    moved = [
        claim
        for claim in claims
        if any(axis.matters([claim], sample) for axis in AXES[method])
        or _can_exchange(sample, [claim])
        or len(list(_units(sample, [claim], sample.unit))) > 1
    ]
    if not moved:
        return []
    estimator = _Estimator(sample, method, moved, settings, sample.unit)
    alone = {c["claim_id"]: _sweep(estimator, [c]) for c in moved}
    rebuilt = (
        ""
        if analysis["kind"] in {"individual", "summary"}
        else (f"The rows are {analysis['kind']}, not observed. ")
    )
    found: list[Check] = []
    for claim in moved:
        one = alone[claim["claim_id"]]
        if _tells(one) or (analysis["kind"] == "summary" and _contradicted(claim, one)):
            found.append(_row(claim, one, rebuilt))
    telling = [c for c in moved if alone[c["claim_id"]].fitting]
    if len(telling) > 1:
        together = _sweep(estimator, telling)
        # Beside the rows of single claims it says more only where several of them
        # depend on the convention, or where a departure shows in all of them only.
        several = sum(len(alone[c["claim_id"]].usual) > 1 for c in telling) > 1
        known = frozenset[str]().union(
            *(alone[c["claim_id"]].departures or () for c in telling)
        )
        if several or (together.departures or frozenset()) - known:
            found.append(_joint_row(telling, together, rebuilt))
    return found + _copied(claims, alone)


def _tells(found: Fingerprint) -> bool:
    """Tell whether conventions differ, or only a departure gives the digits."""
    return len(found.usual) > 1 or bool(found.departures)


def _contradicted(claim: Mapping, found: Fingerprint) -> bool:
    """Tell whether printed inputs give something else than the printed number.

    Where no test is defined (nobody had the event) a p-value of 1 is no error.
    """
    if found.conventions:
        return not found.fitting
    return claim["field"] == "p_value" and not printed_interval(claim).holds(1.0)


def _counts(found: Fingerprint) -> tuple[int, int]:
    """Return how many conventions give the digits, and of how many.

    Exchanged arms and other units of time are counted only where nothing else
    gives the digits.
    """
    usual = found.usual
    if any(all(c.fits) for c in usual) or not found.fitting:
        return sum(all(c.fits) for c in usual), len(usual)
    return len(found.fitting), len(found.conventions)


def _row(claim: Mapping, found: Fingerprint, opening: str) -> Check:
    number, total = _counts(found)
    text = f"'{claim['printed']}'"
    if not total:
        reason = f"No test is defined for these data, and so none gives {text}."
    elif not number:
        reason = (
            f"None of {total} distinct conventions gives the printed {text}."
            if total > 1
            else f"The data do not give the printed {text}, whatever the convention."
        )
    elif number == total:
        reason = (
            f"All {total} distinct conventions give the printed {text}, so it does "
            "not tell how it was computed."
        )
    else:
        reason = _found(found, f"the printed {text}", "it")
    return Check(
        claim["claim_id"], FAMILY, CHECK, "", opening + reason, _details(found)
    )


def _joint_row(claims: Sequence[Mapping], found: Fingerprint, opening: str) -> Check:
    listed = ", ".join(f"{c['claim_id']} '{c['printed']}'" for c in claims)
    if found.fitting:
        what = f"all of {listed}"
        number, total = _counts(found)
        if number == total:
            reason = f"All {total} distinct conventions give {what}."
        else:
            reason = _found(found, what, "them")
    else:
        best = max(found.conventions, key=lambda c: (sum(c.fits), -len(c.departures)))
        kept = [
            c["claim_id"] for c, fits in zip(claims, best.fits, strict=True) if fits
        ]
        reason = (
            f"No single convention gives all of {listed}; each can be had by itself. "
            f"The most that one gives is {', '.join(kept)} ({_levels(best)})."
        )
    return Check(
        claims[0]["claim_id"], FAMILY, JOINT, "", opening + reason, _details(found)
    )


def _found(found: Fingerprint, what: str, pronoun: str) -> str:
    number, total = _counts(found)
    verb = "gives" if number == 1 else "give"
    reason = f"{number} of {total} distinct conventions {verb} {what}"
    pinned = {
        axis: name
        for axis, name in found.pinned().items()
        if axis not in {"arms", "unit of time"}
    }
    if pinned:
        shared = ", ".join(f"{axis} {name}" for axis, name in pinned.items())
        reason += f"; {'it has' if number == 1 else 'all have'} {shared}"
    elif number:
        reason += f"; nearest to the usual one: {_levels(found.fitting[0])}"
    reason += "."
    sets = found.alternatives
    if sets and sets[0]:
        named = " or ".join(" with ".join(sorted(s)) for s in sets)
        reason += f" Only {named} gives {pronoun}" + _which_unit(found) + "."
    return reason


def _which_unit(found: Fingerprint) -> str:
    if not any(UNIT in s for s in found.alternatives):
        return ""
    names = {
        name
        for c in found.fitting
        if UNIT in c.departures
        for name in c.levels.get("unit of time", ())
    }
    return f" (as if counted in {' or '.join(sorted(names))}s)"


def _levels(convention: Convention) -> str:
    """Name the choices of a convention; what is as printed goes without saying."""
    named = {
        axis: names
        for axis, names in convention.levels.items()
        if not (axis == "arms" and EXCHANGED not in convention.departures)
        and not (axis == "unit of time" and UNIT not in convention.departures)
    }
    return "; ".join(f"{axis} {' or '.join(names)}" for axis, names in named.items())


def _details(found: Fingerprint) -> dict[str, object]:
    return {
        "claims": list(found.claims),
        "combinations": found.combinations,
        "conventions": _counts(found)[1],
        "fits": _counts(found)[0],
        "fitting": [_levels(c) for c in found.fitting],
        "shared": found.pinned(),
        "departures": [sorted(s) for s in found.alternatives],
    }


def _copied(claims: Sequence[Mapping], alone: Mapping[str, Fingerprint]) -> list[Check]:
    """Name p-values that no convention gives but that repeat a share of their row.

    A p-value of 0.37 beside 37.7 % is more likely a slip of copying than a result.
    """
    checks = []
    for claim in claims:
        found = alone.get(claim["claim_id"])
        if (
            claim["field"] != "p_value"
            or claim["relation"] != "="
            or found is None
            or not found.conventions
            or found.fitting
        ):
            continue
        want = printed_interval(claim)
        for other in claims:
            if other["unit"].strip() != "%" or other["relation"] != "=":
                continue
            share = printed_interval(other).value / 100
            if want.digits < 2 or not (
                truncates(claim["value"], share) or want.holds(share)
            ):
                continue
            reason = (
                f"No convention gives the printed '{claim['printed']}' for "
                f"'{claim['endpoint']}', but its digits are those of "
                f"'{other['printed']}' ({other['claim_id']}) in the same row: it may "
                "be a slip of copying (not established)."
            )
            details = {"claims": [claim["claim_id"], other["claim_id"]]}
            checks.append(Check(claim["claim_id"], FAMILY, COPIED, "", reason, details))
            break
    return checks
