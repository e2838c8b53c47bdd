"""All printed numbers of one comparison as one system: can they hold together?

:func:`system` takes a :class:`~reanalysis.consistency.system_reports.Report` and
says whether some set of patients agrees with every printed number, which smallest
sets of numbers clash if none does, and otherwise what every unprinted quantity can
still be. A clash that digits cut off instead of rounded would end is told as such
and proves nothing. :func:`checks` does so for the comparisons of a study.

Only relations that hold however the numbers were computed prove a contradiction.
Others are *readings* ("the limits are Wald limits"): a clash that needs one is told,
with the reading, and proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reanalysis.consistency.check import Check
from reanalysis.consistency.system_model import Model, build
from reanalysis.consistency.system_relations import (
    PReading,
    normal_quantile,
    of_kind,
    p_readings,
)
from reanalysis.consistency.system_reports import COMPARING, ON_CURVE, Item, Report

#: Work allowed for one question to the solver and for one report, in the
#: solver's deterministic time (about seconds).
EACH, WHOLE = 0.3, 1.5
#: The same for one end of a range, whose bound is proven even when time is up.
END = 0.03
#: A range is told when it leaves out this share of what n alone allows.
TELLING = 0.1
#: Most smallest conflicting sets that are told.
MOST_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class Conflict:
    """A smallest set of items that cannot hold together.

    ``readings`` are the usual readings it needs (none: it is proven), ``because``
    the relations between the items, ``notes`` what would resolve it. ``cut_off``
    says that they can hold together where digits were cut off, not rounded.
    """

    items: tuple[str, ...]
    readings: tuple[str, ...]
    because: tuple[str, ...]
    notes: tuple[str, ...] = ()
    cut_off: bool = False

    @property
    def proven(self) -> bool:
        """Tell whether it holds however the numbers were computed."""
        return not self.readings


@dataclass(frozen=True, slots=True)
class Range:
    """What an unprinted quantity can still be, given everything printed.

    ``given`` names the readings the range needs, empty for a proven one.
    """

    statistic: str
    group: str
    time: float
    low: float
    high: float
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What the system of one report says.

    ``state``: ``infeasible`` (proven), ``strained`` (no set of patients under the
    usual readings), ``feasible`` or ``undecided`` (out of time). ``suspects`` are the
    items that stand in every conflict: without any one of them the others hold
    together. ``complete`` tells that no further smallest set exists, ``unused`` which
    items nothing was asked of (no number of patients, or a curve of too many).
    """

    label: str
    state: str
    conflicts: tuple[Conflict, ...] = ()
    suspects: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    p_readings: tuple[PReading, ...] = ()
    complete: bool = True
    unused: tuple[str, ...] = ()


class _Solver:
    """Questions to one model, repeatable and within a budget."""

    def __init__(self, model: Model, budget: float = WHOLE) -> None:
        from ortools.sat.python import cp_model

        self.api, self.model, self.left = cp_model, model, budget

    def _run(self, assumed: Iterable, each: float = EACH) -> tuple[str, object]:
        if self.left <= 0:
            return "undecided", None
        solver = _quiet(self.api, min(each, self.left))
        self.model.problem.clear_assumptions()
        self.model.problem.add_assumptions(list(assumed))
        status = solver.solve(self.model.problem)
        # Even an instant answer costs a little: building it took time.
        self.left -= solver.response_proto.deterministic_time + 1e-3
        if status in (self.api.OPTIMAL, self.api.FEASIBLE):
            return ("optimal" if status == self.api.OPTIMAL else "feasible"), solver
        if status == self.api.INFEASIBLE:
            return "infeasible", solver
        return "undecided", None

    def feasible(self, literals: Mapping[str, object], on: Iterable[str]) -> str:
        """Return feasible, infeasible or undecided."""
        self.model.problem.clear_objective()
        answer, _ = self._run([literals[name] for name in on])
        return "feasible" if answer == "optimal" else answer

    def core(self, literals: Mapping[str, object], on: Sequence[str]) -> list[str]:
        """Return literals that clash, not yet the fewest; all when not known."""
        self.model.problem.clear_objective()
        answer, solver = self._run([literals[name] for name in on])
        if answer != "infeasible" or solver is None:
            return list(on)
        found = set(solver.sufficient_assumptions_for_infeasibility())
        kept = [name for name in on if literals[name].index in found]
        return kept or list(on)

    def extreme(self, on: Iterable, unknown: object, highest: bool) -> float | None:
        """Return the largest or smallest value of an unknown, proven, else None."""
        problem = self.model.problem
        (problem.maximize if highest else problem.minimize)(unknown)
        answer, solver = self._run(on, END)
        if answer not in {"optimal", "feasible"}:
            return None
        # Out of time the bound is still proven, only not known to be reached.
        bound = solver.best_objective_bound
        return math.floor(bound + 1e-6) if highest else math.ceil(bound - 1e-6)


def _quiet(api: object, work: float) -> object:
    """Return a solver that answers the same every time.

    Probing, symmetries and relaxations cost more than these small problems.
    """
    solver = api.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = work
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.linearization_level = 0
    solver.parameters.symmetry_level = 0
    solver.parameters.max_presolve_iterations = 1
    return solver


def system(
    report: Report,
    *,
    ranges: bool = True,
    most: int = MOST_CONFLICTS,
    budget: float = WHOLE,
) -> Finding:
    """Return what all printed numbers of a comparison say together."""
    model = build(report)
    solver = _Solver(model, budget)
    items, readings = list(model.items), list(model.readings)
    literals = {**model.items, **model.readings}
    unused = tuple(model.unused)
    tests = tuple(p_readings(report))
    # Part of the work is kept for what follows a clash.
    kept, solver.left = 0.3 * budget, 0.7 * budget
    state = solver.feasible(literals, items)
    curve = tuple(i.id for i in report.items if i.kind in ON_CURVE)
    if state == "undecided" and curve:
        # Too many patients for their curves: what else is printed still counts.
        rest = tuple(i for i in report.items if i.kind not in ON_CURVE)
        found = system(
            replace(report, items=rest), ranges=ranges, most=most, budget=budget
        )
        return replace(found, unused=(*curve, *found.unused))
    if state == "undecided":
        return Finding(report.label, state, p_readings=tests, unused=unused)
    if state == "infeasible":
        conflicts, complete = _conflicts(solver, report, items, most)
        solver.left = max(solver.left, 0.0) + kept
        suspects = _suspects(solver, conflicts, items)
        return Finding(
            report.label, state, conflicts, suspects, (), tests, complete, unused
        )
    conflicts, suspects, complete, usable = (), (), True, []
    if readings:
        usual = solver.feasible(literals, [*items, *readings])
        if usual == "infeasible":
            conflicts, complete = _conflicts(solver, report, items + readings, most)
            solver.left, kept = max(solver.left, 0.0) + kept, 0.0
            suspects = _suspects(solver, conflicts, items, readings)
            state = "strained"
        elif usual == "feasible":
            usable = readings
        else:
            complete = False
    solver.left = max(solver.left, 0.0) + kept
    found = tuple(_ranges(solver, report, items, usable)) if ranges else ()
    return Finding(
        report.label, state, conflicts, suspects, found, tests, complete, unused
    )


def _conflicts(
    solver: _Solver, report: Report, names: Sequence[str], most: int
) -> tuple[tuple[Conflict, ...], bool]:
    """Return the smallest conflicting sets, few first, and whether these are all.

    MARCO (Liffiton, Previti, Malik and Marques-Silva, Constraints 2016;21:223): a
    second problem holds the sets not yet known to be consistent or not; its
    largest is either consistent (then nothing within it clashes) or shrunk.
    """
    literals = {**solver.model.items, **solver.model.readings}
    api = solver.api
    table = api.CpModel()
    inside = {name: table.new_bool_var("") for name in names}
    table.maximize(sum(inside.values()))
    found: list[tuple[str, ...]] = []
    complete = False
    while len(found) < most:
        seeker = _quiet(api, EACH)
        status = seeker.solve(table)
        if status != api.OPTIMAL:
            complete = status == api.INFEASIBLE
            break
        seed = [name for name in names if seeker.boolean_value(inside[name])]
        answer = solver.feasible(literals, seed)
        if answer == "undecided":
            break
        if answer == "feasible":
            table.add_bool_or([inside[n] for n in names if n not in set(seed)])
            continue
        smallest = _shrink(solver, literals, seed)
        found.append(tuple(smallest))
        table.add_bool_or([~inside[name] for name in smallest])
    told = [_conflict(solver.model, report, names) for names in found]
    told.sort(key=lambda c: (len(c.readings), len(c.items)))
    return tuple(told), complete


def _shrink(solver: _Solver, literals: Mapping, seed: Sequence[str]) -> list[str]:
    """Drop what is not needed for the clash. Undecided counts as needed."""
    kept = solver.core(literals, seed)
    # Readings first, so that a clash without them is found where there is one.
    for name in sorted(kept, key=lambda n: n in solver.model.items):
        rest = [other for other in kept if other != name]
        if solver.feasible(literals, rest) == "infeasible":
            kept = rest
    return kept


def _conflict(model: Model, report: Report, names: Sequence[str]) -> Conflict:
    items = [name for name in names if name in model.items]
    readings = tuple(name for name in names if name in model.readings)
    items += _bounding(report, items, readings)
    named = set(items)
    rules = [
        rule
        for rule in model.rules
        if named.issuperset(rule.items) and (not rule.reading or rule.reading in names)
    ]
    # One relation among exactly these items needs no other beside it.
    alone = [rule for rule in rules if set(rule.items) == named]
    rules = [
        rule for rule in alone if rule.reading in readings or not readings
    ] or rules
    because = tuple(dict.fromkeys(rule.relation for rule in rules if rule.relation))
    notes = tuple(dict.fromkeys(rule.note for rule in rules if rule.note))
    order = [item.id for item in report.items]
    items.sort(key=order.index)
    cut = not readings and _holds_cut_off(report, named)
    return Conflict(tuple(items), readings, because, notes, cut)


def _holds_cut_off(report: Report, names: set[str]) -> bool:
    """Tell whether numbers that clash when rounded may hold when cut off.

    What could not be decided in time may: it proves nothing.
    """
    chosen = [item for item in report.items if item.id in names]
    if all(item.rounded_or_cut() == item for item in chosen):
        return False
    wide = replace(report, items=tuple(item.rounded_or_cut() for item in chosen))
    model = build(wide)
    return _Solver(model).feasible(model.items, list(names)) != "infeasible"


def _bounding(
    report: Report, items: Sequence[str], readings: Sequence[str]
) -> list[str]:
    """Return the numbers of patients that a clash rests on without naming them.

    The unknowns of a group reach only as far as the printed numbers of patients:
    those belong to the clash, unless it stands with any number of patients.
    """
    chosen = [item for item in report.items if item.id in set(items)]
    if not any(item.kind in {*ON_CURVE, "expected"} for item in chosen):
        model = build(replace(report, items=tuple(chosen)), everybody=report)
        literals = {**model.items, **model.readings}
        on = [*items, *(name for name in readings if name in literals)]
        if _Solver(model).feasible(literals, on) == "infeasible":
            return []
    touched = {item.group for item in chosen} - {""}
    if any(item.kind in COMPARING for item in chosen):
        touched |= set(report.compared)
    if any(not item.group and item.kind not in COMPARING for item in chosen):
        touched |= set(report.groups)
    return [
        item.id
        for item in of_kind(report, "n")
        if item.id not in items and (item.group in touched or not item.group)
    ]


def _suspects(
    solver: _Solver,
    conflicts: Sequence[Conflict],
    items: Sequence[str],
    readings: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return the items without any one of which everything else holds together."""
    literals = {**solver.model.items, **solver.model.readings}
    common = set(items).intersection(*(conflict.items for conflict in conflicts))
    return tuple(
        name
        for name in items
        if name in common
        and solver.feasible(literals, [n for n in (*items, *readings) if n != name])
        == "feasible"
    )


def _ranges(
    solver: _Solver, report: Report, items: Sequence[str], readings: Sequence[str]
) -> Iterator[Range]:
    """Yield what the unprinted quantities can be, where that says anything."""
    model = solver.model
    literals = {**model.items, **model.readings}
    printed = {(i.kind, i.group, i.time) for i in report.items if i.low == i.high}
    for key, unknown in model.unknowns.items():
        statistic, group, *at = key
        time = at[0] if at else math.nan
        kind = {"number_at_risk": "at_risk"}.get(statistic, statistic)
        if any(
            (kind, group) == (k, g) and (not at or t == time) for k, g, t in printed
        ):
            continue
        if key == ("n", "") and all(
            ("n", name) in {(k, g) for k, g, _ in printed} for name in report.groups
        ):
            continue
        most = (
            model.caps[group]
            if group
            else sum(model.caps[name] for name in report.groups)
        )
        proven = None
        # Most readings bind only numbers of patients and events.
        both = readings and (
            statistic in {"n", "events"} or report.curve != "kaplan-meier"
        )
        for given in ((), tuple(readings)) if both else ((),):
            on = [literals[name] for name in (*items, *given)]
            low = solver.extreme(on, unknown, False)
            high = solver.extreme(on, unknown, True)
            if low is None or high is None:
                break
            if high - low < (1 - TELLING) * most and (low, high) != proven:
                yield Range(statistic, group, time, low, high, given)
            proven = (low, high) if proven is None else proven
    yield from _other_limit(report)


def _other_limit(report: Report) -> Iterator[Range]:
    """Yield the limits that a Wald interval would have where they are not printed."""
    estimates = [i for i in of_kind(report, "hr") if i.low > 0]
    lows, highs = of_kind(report, "low"), of_kind(report, "high")
    wald = () if report.interval == "wald" else ("the limits are Wald limits",)
    for hr in estimates:
        for known, missing, name in (
            (lows, highs, "conf_high"),
            (highs, lows, "conf_low"),
        ):
            if missing:
                continue
            for one in known:
                if one.low > 0:
                    yield Range(
                        name,
                        "",
                        math.nan,
                        hr.low**2 / one.high,
                        hr.high**2 / one.low,
                        wald,
                    )
        if not lows and not highs:
            yield from _limits_from_p(report, hr)


def _limits_from_p(report: Report, hr: Item) -> Iterator[Range]:
    """Limits behind an estimate and the p of its two-sided Wald test."""
    from scipy.special import ndtri

    level = normal_quantile(report)
    given = ("p is that of the Wald test, two-sided", "the limits are Wald limits")
    for p in of_kind(report, "p"):
        if not 0 < p.low <= p.high < 1 or hr.low <= 1 <= hr.high:
            continue
        ends = [
            (math.log(h), abs(math.log(h)) / -float(ndtri(q / 2)))
            for h in (hr.low, hr.high)
            for q in (p.low, p.high)
        ]
        for name, sign in (("conf_low", -1), ("conf_high", 1)):
            values = [math.exp(b + sign * level * se) for b, se in ends]
            yield Range(name, "", math.nan, min(values), max(values), given)


def checks(study: Mapping, *, ranges: bool = True) -> list[Check]:
    """Return what the systems of a study say of its claims.

    Without ``ranges`` of what is not printed it takes a fifth of the time; what is
    called impossible stays the same.
    """
    from reanalysis.consistency.system_claims import told

    found: list[Check] = []
    for report in _reports(study):
        found.extend(told(report, system(report, ranges=ranges)))
    return found


def _reports(study: Mapping) -> list[Report]:
    from reanalysis.consistency.system_claims import reports

    return reports(study)
