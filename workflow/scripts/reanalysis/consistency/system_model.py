"""One comparison as a finite-domain problem for OR-tools CP-SAT.

**Curve.** The patients of a group leave one by one, the last one standing has
number 1: departure ``k`` happens with ``k`` at risk and is an event (``e[k]``) or
a censoring. Tied events give the same Kaplan-Meier product as successive ones
(``(k-1)/k * (k-2)/(k-1) = (k-2)/k``) and events precede censorings at one time, so
every data set is such a sequence, and
``log S`` after the departures above ``s`` is the sum of ``e[k] log((k-1)/k)`` over
``k > s``: linear, exact up to the rounding of the logs, which is given away. A
printed time is a place ``s`` in the sequence. Kaplan and Meier, JASA 1958;53:457.

**Number at risk at t.** Programs print the patients with time >= t (R) or > t. The
place ``a`` of the printed number and the place ``s`` after the events at t are kept
apart; whoever stands between them had the event exactly at t.

**Median.** All usual rules (first S <= 1/2, first S < 1/2, middle of a flat
stretch) agree in that S just before it is at least 1/2 and S at it at most 1/2.

**Standard error.** At the maximum of Cox's partial likelihood the expected and the
observed events of a group agree, hence by concavity of p(1-p) the information is at
most d1 d0/(d1 + d0) and the variance at least 1/d1 + 1/d0: with ties, strata or
covariates as well, but not for robust, penalised or Peto variances.

**Log-rank statistic.** Likewise its variance is at most E1 E0/D, so the statistic is
at least (O1 - E1)^2 D/(E1 E0) (Peto and Pike, Biometrics 1973;29:579), stratified or
not.

CP-SAT (Apache-2.0): a maintained solver with integers, clauses and unsatisfiable
cores in one wheel. One worker, a fixed seed and deterministic time make every answer
repeatable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING

from reanalysis.consistency.system_relations import (
    clashes,
    normal_quantile,
    of_kind,
    standard_error,
)
from reanalysis.consistency.system_reports import COMPARING, ON_CURVE, Item, Report

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

#: Unit of logs of survival, and log 0 (far below any log S > 0 in use).
_LOG = 10**8
_LOG_ZERO = -40 * _LOG
#: Unit of expected events, person-time and variances.
_FINE = 10**4
_VARIANCE = 10**6
#: Beyond this many patients of a group its curve is left out.
LARGEST_CURVE = 400
#: More patients than any comparison has.
ANYBODY = 10**5
#: Times printed for medians may differ a little in unit (360 or 365 days a year).
TIME_SLACK = 0.02

MODEL_BASED = "the limits come from the model-based variance of a Cox model"
FINITE = "a finite hazard ratio of a Cox model needs an event in either group"
PRODUCT_LIMIT = "survival and medians are Kaplan-Meier estimates"
AT_START = "the number at risk at time 0 is the number of patients"


@dataclass(frozen=True, slots=True)
class Rule:
    """A relation that was built in, with the items it binds."""

    items: tuple[str, ...]
    relation: str
    reading: str = ""
    note: str = ""


@dataclass
class Model:
    """The problem: literals that switch items and readings on, and the unknowns."""

    problem: cp_model.CpModel
    items: dict[str, object] = field(default_factory=dict)
    readings: dict[str, object] = field(default_factory=dict)
    unknowns: dict[tuple, object] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    caps: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def build(report: Report, everybody: Report | None = None) -> Model:
    """Return the problem of a report.

    Unknowns are keyed ``(quantity, group)`` or ``(quantity, group, time)``. With a
    fuller report ``everybody`` its groups may have any number of patients.
    """
    from ortools.sat.python import cp_model

    model = Model(cp_model.CpModel())
    for one in report.items:
        model.items[one.id] = model.problem.new_bool_var(f"item {one.id}")
    caps = _caps(everybody or report)
    model.unused += [i.id for i in report.items if i.group and i.group not in caps]
    for name, cap in caps.items():
        _group(model, report, name, ANYBODY if everybody else cap)
    _totals(model, report)
    _comparison(model, report)
    for clash in clashes(report):
        rule = Rule(clash.items, clash.relation, clash.reading, clash.note)
        model.rules.append(rule)
        model.problem.add_bool_or([~lit for lit in _literals(model, rule)])
    return model


def _literals(model: Model, rule: Rule) -> list:
    """Return the literals under which a rule is in force."""
    found = [model.items[name] for name in rule.items]
    if rule.reading:
        if rule.reading not in model.readings:
            model.readings[rule.reading] = model.problem.new_bool_var(rule.reading)
        found.append(model.readings[rule.reading])
    return found


def _caps(report: Report) -> dict[str, int]:
    """Return the largest number of patients to consider in each group.

    Any printed whole number of the group, and what the total leaves for it, must
    fit, so that a clash with n is found as a clash with n. Groups without any
    bound are left out.
    """
    named = {"n", "events", "at_risk", "events_by"}
    totals = [i.high for i in of_kind(report, "n") if not i.group]
    own = {
        group: max(
            (i.high for i in report.items if i.group == group and i.kind == "n"),
            default=math.nan,
        )
        for group in report.groups
    }
    caps = {}
    for group in report.groups:
        printed = [i.high for i in report.items if i.group == group and i.kind in named]
        if totals:
            others = [n for name, n in own.items() if name != group]
            rest = sum(n for n in others if not math.isnan(n))
            whole = report.complete and not any(map(math.isnan, others))
            if whole or math.isnan(own[group]):
                printed.append(max(totals) - rest)
        if math.isnan(own[group]) and not totals:
            continue
        finite = [n for n in printed if math.isfinite(n)]
        if finite and max(finite) >= 1:
            caps[group] = int(max(finite))
    return caps


def _group(model: Model, report: Report, name: str, cap: int) -> None:
    """Add the unknowns of one group and the items that speak of it."""
    problem = model.problem
    own = [item for item in report.items if item.group == name]
    n = problem.new_int_var(0, cap, f"n {name}")
    events = problem.new_int_var(0, cap, f"events {name}")
    problem.add(events <= n)
    model.unknowns["n", name] = n
    model.unknowns["events", name] = events
    model.caps[name] = cap
    for item in own:
        on = model.items[item.id]
        if item.kind == "n":
            _within(model, n, item, on)
        elif item.kind == "events":
            _within(model, events, item, on)
        elif item.kind == "event_share":
            _share(model, events, n, item, on)
    curve = [item for item in own if item.kind in ON_CURVE]
    if curve and cap > LARGEST_CURVE:
        model.unused += [item.id for item in curve]
    elif curve:
        _curve(model, report, name, curve, cap)


def _within(model: Model, expression: object, item: Item, on: object) -> None:
    low, high = math.ceil(item.low), item.high
    model.problem.add(expression >= low).only_enforce_if(on)
    if math.isfinite(high):
        model.problem.add(expression <= math.floor(high)).only_enforce_if(on)


def _share(model: Model, part: object, whole: object, item: Item, on: object) -> None:
    # A millionth of a percent is given away to the noise of the float bounds.
    low = Fraction(item.low - 1e-9).limit_denominator(10**7)
    high = Fraction(item.high + 1e-9).limit_denominator(10**7)
    for bound, above in ((low, True), (high, False)):
        left, right = part * bound.denominator, whole * bound.numerator
        constraint = left >= right if above else left <= right
        model.problem.add(constraint).only_enforce_if(on)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the sequence: ``at_least[k]`` says that k or more are left."""

    at_least: Sequence
    left: object


def _curve(
    model: Model, report: Report, name: str, curve: Sequence[Item], cap: int
) -> None:
    problem = model.problem
    n, events = model.unknowns["n", name], model.unknowns["events", name]
    event = [None, *(problem.new_bool_var("") for _ in range(cap))]
    present = _place(problem, cap)
    problem.add(present.left == n)
    for k in range(1, cap + 1):
        problem.add_implication(event[k], present.at_least[k])
    problem.add(sum(event[1:]) == events)
    # log S and the number of events once s are left, s = 0 .. cap.
    log_survival, so_far = [0] * (cap + 1), [0] * (cap + 1)
    floor = 0
    for k in range(cap, 0, -1):
        step = _LOG_ZERO if k == 1 else round(_LOG * math.log((k - 1) / k))
        floor += step
        log_survival[k - 1] = problem.new_int_var(floor, 0, "")
        problem.add(log_survival[k - 1] == log_survival[k] + step * event[k])
        so_far[k - 1] = problem.new_int_var(0, cap - k + 1, "")
        problem.add(so_far[k - 1] == so_far[k] + event[k])
    slack = cap + 2  # half a unit for each departure, and the bound's own rounding

    def above(place: _Place, value: float, on: list) -> None:
        """S at a place is at least value."""
        if value <= 0:
            return
        bound = math.floor(_LOG * math.log(value)) - slack
        for s in range(cap + 1):
            here = on if s == cap else [*on, ~place.at_least[s + 1]]
            problem.add(log_survival[s] >= bound).only_enforce_if(here)

    def below(place: _Place, value: float, on: list) -> None:
        """S at a place is at most value."""
        if value >= 1:
            return
        bound = _LOG_ZERO if value <= 0 else math.ceil(_LOG * math.log(value)) + slack
        for s in range(cap + 1):
            here = on if s == 0 else [*on, place.at_least[s]]
            problem.add(log_survival[s] <= bound).only_enforce_if(here)

    last = _Place([None, *([problem.new_constant(0)] * cap)], 0)
    timed: dict[tuple[float, int], _Place] = {}

    def place(time: float, order: int) -> _Place:
        if (time, order) not in timed:
            timed[time, order] = _place(problem, cap)
        return timed[time, order]

    # Orders at one time: 0 just before it, 1 the printed number, 2 after its events.
    for item in curve:
        on = model.items[item.id]
        read = [on]
        if item.kind in {"survival", "median"} and report.curve != "kaplan-meier":
            rule = Rule((item.id,), "", PRODUCT_LIMIT)
            model.rules.append(rule)
            read = _literals(model, rule)
        if item.kind == "survival":
            above(place(item.time, 2), item.low, read)
            below(place(item.time, 2), item.high, read)
        elif item.kind == "at_risk":
            printed = place(item.time, 1)
            _within(model, printed.left, item, on)
            if item.time == 0:
                rule = Rule((item.id,), AT_START, AT_START)
                model.rules.append(rule)
                problem.add(printed.left == n).only_enforce_if(_literals(model, rule))
        elif item.kind == "events_by":
            _events_by(model, place(item.time, 2), so_far, item, on, cap)
        elif item.kind == "median" and math.isinf(item.low):
            above(last, 0.5, read)
        elif item.kind == "median":
            above(place(item.low * (1 - TIME_SLACK), 0), 0.5, read)
            below(place(item.high * (1 + TIME_SLACK), 2), 0.5, read)
    ordered = [((0.0, -1), present), *sorted(timed.items(), key=lambda pair: pair[0])]
    for ((before, _), earlier), ((after, order), later) in pairwise(ordered):
        for k in range(1, cap + 1):
            problem.add_implication(later.at_least[k], earlier.at_least[k])
            # Between the printed number and S at one time stand its events.
            if before == after and order == 2 and (after, 1) in timed:
                problem.add_bool_or([~earlier.at_least[k], later.at_least[k], event[k]])
    printed_times = {item.time for item in curve}
    for (time, order), found in timed.items():
        if time not in printed_times:
            continue
        if order == 1:
            model.unknowns["number_at_risk", name, time] = found.left
        elif order == 2 and (time, 1) not in timed:
            model.unknowns["still_followed", name, time] = found.left
        if order == 2:
            model.unknowns["events_by", name, time] = _counted(
                problem, found, so_far, cap
            )
    for item in curve:
        if item.kind == "person_time":
            _person_time(model, ordered, item)


def _place(problem: cp_model.CpModel, cap: int) -> _Place:
    at_least = [None, *(problem.new_bool_var("") for _ in range(cap))]
    for fewer, more in pairwise(at_least[1:]):
        problem.add_implication(more, fewer)
    return _Place(at_least, sum(at_least[1:]))


def _counted(
    problem: cp_model.CpModel, place: _Place, so_far: Sequence, cap: int
) -> object:
    """Return the number of events up to a place."""
    count = problem.new_int_var(0, cap, "")
    for s in range(cap + 1):
        # The count grows as fewer are left: one bound on either side of s.
        fewer = [] if s == cap else [~place.at_least[s + 1]]
        more = [] if s == 0 else [place.at_least[s]]
        problem.add(count >= so_far[s]).only_enforce_if(fewer)
        problem.add(count <= so_far[s]).only_enforce_if(more)
    return count


def _events_by(
    model: Model, place: _Place, so_far: Sequence, item: Item, on: object, cap: int
) -> None:
    low = math.ceil(item.low)
    high = math.floor(item.high) if math.isfinite(item.high) else cap
    for s in range(cap + 1):
        fewer = [on] if s == cap else [on, ~place.at_least[s + 1]]
        more = [on] if s == 0 else [on, place.at_least[s]]
        # With s or more left no more events can have come than once s are left.
        model.problem.add(so_far[s] <= high).only_enforce_if(fewer)
        model.problem.add(so_far[s] >= low).only_enforce_if(more)


def _person_time(model: Model, ordered: Sequence, item: Item) -> None:
    """Everyone left at a time has been observed at least so long.

    No upper bound: how long the last ones were followed is rarely printed.
    """
    least = 0
    for ((before, _), _), ((after, _), later) in pairwise(ordered):
        least += math.floor((after - before) * _FINE) * later.left
    bound = math.ceil(item.high * (1 + TIME_SLACK) * _FINE)
    model.problem.add(least <= bound).only_enforce_if(model.items[item.id])


def _totals(model: Model, report: Report) -> None:
    """Bind the items about all groups together."""
    problem = model.problem
    known = [model.unknowns.get(("n", group)) for group in report.groups]
    if not report.complete or any(one is None for one in known):
        model.unused += [
            i.id for i in report.items if not i.group and i.kind not in COMPARING
        ]
        return
    n = sum(known)
    events = sum(model.unknowns["events", group] for group in report.groups)
    model.unknowns["events", ""] = events
    model.unknowns["n", ""] = n
    for item in report.items:
        on = model.items[item.id]
        if item.group:
            continue
        if item.kind == "n":
            _within(model, n, item, on)
        elif item.kind == "events":
            _within(model, events, item, on)
        elif item.kind == "event_share":
            _share(model, events, n, item, on)
    # A log-rank test expects as many events as there were, over all groups.
    expected = [
        [i for i in of_kind(report, "expected") if i.group == group]
        for group in report.groups
    ]
    if all(expected) and len(report.groups) > 1:
        for chosen in product(*expected):
            rule = Rule(
                tuple(i.id for i in chosen),
                "expected and observed events have the same sum",
            )
            model.rules.append(rule)
            on = _literals(model, rule)
            low = math.ceil(sum(i.low for i in chosen) - 1e-6)
            high = math.floor(sum(i.high for i in chosen) + 1e-6)
            problem.add(events >= low).only_enforce_if(on)
            problem.add(events <= high).only_enforce_if(on)


def _comparison(model: Model, report: Report) -> None:
    """Bind hazard ratio, limits and log-rank statistic to the numbers of events."""
    first, second = report.compared
    one = model.unknowns.get(("events", first))
    other = model.unknowns.get(("events", second))
    if one is None or other is None:
        return
    _finite(model, report, one, other)
    limits = list(product(of_kind(report, "low"), of_kind(report, "high")))
    if limits:
        both = model.problem.new_int_var(
            0, model.caps[first] * model.caps[second], "d1 d0"
        )
        model.problem.add_multiplication_equality(both, [one, other])
    for low, high in limits:
        _, error = standard_error(low, high, normal_quantile(report))
        if not 0 < error < 1e3:
            continue
        sure = report.variance == "model" and report.conf_level is not None
        rule = Rule(
            (low.id, high.id),
            f"the limits imply a standard error of at most {error:.3g}, and "
            "1/d1 + 1/d0 events may not exceed its square",
            "" if sure else MODEL_BASED,
        )
        model.rules.append(rule)
        top = math.ceil(error**2 * (1 + 1e-9) * _VARIANCE)
        model.problem.add(_VARIANCE * (one + other) <= top * both).only_enforce_if(
            _literals(model, rule)
        )
    if set(report.groups) == {first, second} and report.complete:
        _log_rank(model, report)


def _finite(model: Model, report: Report, one: object, other: object) -> None:
    for item in of_kind(report, "hr"):
        if not (item.low > 0 and math.isfinite(item.high)):
            continue
        reading = "" if report.variance == "model" else FINITE
        rule = Rule((item.id,), FINITE, reading)
        model.rules.append(rule)
        on = _literals(model, rule)
        model.problem.add(one >= 1).only_enforce_if(on)
        model.problem.add(other >= 1).only_enforce_if(on)


def _log_rank(model: Model, report: Report) -> None:
    """The statistic is at least (O - E)^2 D/(E (D - E)): D has a least value."""
    total = sum(model.unknowns["events", group] for group in report.groups)
    for expected, statistic in product(
        of_kind(report, "expected"), of_kind(report, "chi2")
    ):
        if expected.group not in report.groups or expected.low <= 0:
            continue
        events = model.unknowns["events", expected.group]
        rule = Rule(
            (expected.id, statistic.id),
            "a log-rank statistic is at least (O - E)^2 D/(E (D - E))",
            "" if report.p_test == "log-rank" else "the statistic is the log-rank's",
        )
        model.rules.append(rule)
        on = _literals(model, rule)
        for observed in range(model.caps[expected.group] + 1):
            is_it = model.problem.new_bool_var("")
            model.problem.add(events != observed).only_enforce_if(~is_it)
            least = least_events(
                observed, (expected.low, expected.high), statistic.high
            )
            if math.isfinite(least):
                bound = math.ceil(least - 1e-6)
                model.problem.add(total >= bound).only_enforce_if([*on, is_it])
            else:
                model.problem.add_bool_or([~is_it, *(~lit for lit in on)])


def least_events(
    observed: int, expected: tuple[float, float], statistic: float
) -> float:
    """Return a lower bound of all events, given O, E and the log-rank statistic.

    (O - E)^2/E * D/(D - E) <= X gives D >= E/(1 - q), q = (O - E)^2/(E X). Over the
    rounding interval of E, q is least at the end nearest to O (or 0 within it).
    """
    low, high = expected
    nearest = min(max(observed, low), high)
    q = (observed - nearest) ** 2 / (nearest * statistic) if statistic > 0 else math.inf
    if observed == nearest:
        q = 0.0
    return low / (1 - q) if q < 1 else math.inf
