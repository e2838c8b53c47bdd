"""From the choices of a grid to its specifications, each once.

A combination of options that cannot be is left out with the reason. Combinations
that amount to the same rows under the same effective settings are one specification,
which says how many they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from reanalysis.analyses import Specification
from reanalysis.errors import InputError
from reanalysis.multiverse.declared import AS_DECLARED, OF_ROWS, names_of
from reanalysis.multiverse.no_part import Where, impossible, settled
from reanalysis.studies.alternatives import Data, own

#: Choices that take other data.
OF_DATA = ("analysis", "population", "variant")
#: Said of a choice that plays no part in a specification.
ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a choice: its name for readers and what it sets.

    ``declared`` is its name in the config, by which rules know it; ``rows`` has
    those of :data:`OF_ROWS` that it sets, and ``person`` who is left out.
    """

    name: str
    declared: str
    settings: Mapping[str, object] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One specification of a multiverse.

    ``chosen`` has the options that amount to it, per choice; ``data`` its rows, and
    ``combinations`` how many combinations of options it stands for. ``problem`` says
    why there is nothing to compute (only in a list of specifications as written).
    """

    spec: Specification
    data: Data
    chosen: Mapping[str, tuple[str, ...]]
    combinations: int = 1
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The specifications of a multiverse, and what became of the combinations.

    ``primary`` is the primary specification of the analysis, which need not be among
    them. ``choices`` are the names of the options of each choice in their order,
    ``impossible`` the number of combinations left out for each reason. ``skipped``
    says what else was asked for and not done.
    """

    primary: Specification
    entries: Sequence[Entry]
    choices: Mapping[str, Sequence[str]]
    combinations: int
    impossible: Mapping[str, int]
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The rows of a multiverse by their data, and why others cannot serve.

    ``members`` are the names of those that stand for an ensemble.
    """

    prepared: Mapping[Data, Mapping]
    reasons: Mapping[Data, str]
    labels: Mapping[str, str]
    members: Sequence[str] = ()

    def content(self, data: Data) -> str:
        """Return a short hash of the rows, equal for equal rows."""
        analysis = self.prepared[data]
        told = [analysis[key] for key in ("samples", "options", "kind")]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def data_wanted(base: str, grid: Mapping) -> list[Data]:
    """Return the data a grid asks for, those of the analysis itself first."""
    axes: dict[str, list[str]] = {key: [] for key in OF_DATA}
    written = [*grid.get("specifications", ())]
    for choice, values in grid.get("choices", {}).items():
        if isinstance(values, Mapping):
            written += values.values()
        elif choice in axes:
            axes[choice] += map(str, values)
    for specification in written:
        for key in axes:
            if key in specification:
                axes[key].append(str(specification[key]))
    everything = product(
        dict.fromkeys([base, *axes["analysis"]]),
        dict.fromkeys(["", *map(_declared, axes["population"])]),
        dict.fromkeys(["", *map(_declared, axes["variant"])]),
        [""],
    )
    return list(everything)


def _declared(name: str) -> str:
    return "" if name == AS_DECLARED else name


def build(
    base: str, grid: Mapping, samples: Samples, primary: Mapping, rows: Mapping,
    *, limit: int,
) -> Grid:  # fmt: skip
    """Return the specifications of one grid for one analysis.

    ``primary`` are the primary settings of the method, ``rows`` those of the rows.
    Raises :class:`InputError` for more than ``limit`` combinations, and when none is
    possible.
    """
    # Equal rows under two names are the same rows.
    first: dict[str, Data] = {}
    same = {
        data: first.setdefault(samples.content(data), data) for data in samples.prepared
    }
    people = dict.fromkeys(
        person
        for analysis in samples.prepared.values()
        if not analysis.get("members")  # no patient is the same in two of them
        for part in analysis["samples"]
        for person in part["people"]
    )
    start = _Start(
        base=base, grid=grid, samples=samples, primary=primary, rows=rows, same=same,
        people=list(people),
    )  # fmt: skip
    if "specifications" in grid:
        return _as_written(start, limit)
    choices = {
        name: list(_options(start, name, values))
        for name, values in grid["choices"].items()
    }
    if samples.members:
        choices["member"] = _members(samples)
    for name in [name for name, options in choices.items() if not options]:
        del choices[name]
    size = prod(len(options) for options in choices.values())
    _check_size(size, limit)
    reasons: dict[str, int] = {}
    found: dict[tuple, list[tuple[Option, ...]]] = {}
    made: dict[tuple, tuple[Specification, Data]] = {}
    for combination in product(*choices.values()):
        problem, key, spec, data = start.settle(combination, choices)
        if problem:
            reasons[problem] = reasons.get(problem, 0) + 1
            continue
        found.setdefault(key, []).append(combination)
        made[key] = made.get(key, (spec, data))
    if not found:
        why = "; ".join(reasons)
        raise InputError(f"no combination of the grid is possible ({why})")
    names = {name: [o.name for o in options] for name, options in choices.items()}
    return Grid(
        primary=start.settle((), ())[2],
        entries=[
            Entry(
                spec=made[key][0],
                data=made[key][1],
                chosen=_chosen(names, combinations),
                combinations=len(combinations),
            )
            for key, combinations in found.items()
        ],
        choices=names,
        combinations=size,
        impossible=reasons,
        skipped=_skipped(start),
    )


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise InputError(
            "the grid has more combinations than multiverse.limit",
            value=f"{size:,}",
            expected=f"at most {limit:,}, or a larger limit",
        )


def _chosen(
    names: Mapping[str, Sequence[str]], combinations: Sequence[Sequence[Option]]
) -> dict[str, tuple[str, ...]]:
    """Return which options of each choice amount to the same specification.

    Where not every combination of these options does, those of the first one.
    """
    held = [{c[number].name for c in combinations} for number in range(len(names))]
    if prod(map(len, held)) != len(combinations):
        combinations = combinations[:1]
    chosen = {}
    for number, (choice, options) in enumerate(names.items()):
        held = tuple(dict.fromkeys(c[number].name for c in combinations))
        every = len(held) == len(options) > 1
        chosen[choice] = (ANY,) if every else held
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What the specifications of a grid are laid over."""

    base: str
    grid: Mapping
    samples: Samples
    primary: Mapping
    rows: Mapping
    same: Mapping[Data, Data]
    people: Sequence[str]

    @property
    def leavable(self) -> Sequence[str]:
        """The patients left out in turn: none where there are too many, or too few."""
        most = int(self.rows["leave_out_limit"])
        return self.people if 2 < len(self.people) <= most else ()

    def settle(
        self, options: Sequence[Option], choices: Sequence[str]
    ) -> tuple[str, tuple, Specification | None, Data]:
        """Return why options cannot be together, or their key, specification, data."""
        settings: dict[str, object] = {}
        rows: dict[str, str] = {}
        person = ""
        for option in options:
            settings |= option.settings
            rows |= option.rows
            person = option.person or person
        if self._excluded(options, choices):
            return "excluded by the grid", (), None, own("")
        analysis = rows.get("analysis", self.base)
        population = _declared(rows.get("population", ""))
        variant = _declared(rows.get("variant", ""))
        data = (analysis, population, variant, rows.get("member", ""))
        if data not in self.same:
            return self.samples.reasons[data], (), None, data
        data = self.same[data]
        prepared = self.samples.prepared[data]
        base = {**self.primary, **prepared["settings"]}
        where = Where(
            {**base, **settings},
            frozenset(prepared.get("roles", ()))
            | {role for part in prepared["samples"] for role in part["columns"]},
            frozenset(names_of(self.grid["statistic"])),
        )
        method = prepared["method"]
        # The primary specification, of no options, is what it is.
        if options and (problem := impossible(method, where)):
            return problem, (), None, data
        leave_out = rows.get("leave_out", self.rows["leave_out"])
        if leave_out == "each_patient" and not person:
            leave_out = "none"  # where the primary rows say so, each is a scenario
        if person and not any(person in part["people"] for part in prepared["samples"]):
            leave_out, person = "none", ""
        if leave_out == "lost_to_follow_up" and not any(
            any(part["lost"]) for part in prepared["samples"]
        ):
            leave_out = "none"
        spec = Specification(
            "multiverse",
            settled(method, base, where),
            leave_out,
            person,
            data="" if data == own(self.base) else " ".join(filter(None, data)),
        )
        return "", (data, spec.key), spec, data

    def _excluded(self, options: Sequence[Option], choices: Sequence[str]) -> bool:
        by_choice = dict(zip(choices, options, strict=False))
        return any(
            all(
                choice in by_choice
                and by_choice[choice].declared in map(str, names_of(values))
                for choice, values in rule.items()
            )
            for rule in self.grid.get("exclude", ())
        )


def _members(samples: Samples) -> list[Option]:
    return [Option(name=m, declared=m, rows={"member": m}) for m in samples.members]


def _options(
    start: _Start, choice: str, values: Sequence | Mapping
) -> Iterator[Option]:
    if isinstance(values, Mapping):
        for name, settings in values.items():
            yield from _written(start, name.replace("_", " "), name, settings)
    else:
        for value in values:
            name = _shown(choice, value, start.samples.labels)
            yield from _written(start, name, str(value), {choice: value})


def _written(
    start: _Start, name: str, declared: str, settings: Mapping
) -> Iterator[Option]:
    """Yield the option of some settings; one per patient where each is left out."""
    method = {key: value for key, value in settings.items() if key not in OF_ROWS}
    rows = {key: str(value) for key, value in settings.items() if key in OF_ROWS}
    if rows.get("leave_out") != "each_patient":
        yield Option(name=name, declared=declared, settings=method, rows=rows)
        return
    for person in start.leavable:
        called = f"without {person}"
        if len(settings) > 1:
            called = f"{name}, {called}"
        yield Option(
            name=called, declared=declared, settings=method, rows=rows, person=person
        )


def _shown(choice: str, value: object, labels: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if choice == "leave_out" and value == "none":
        return "all rows"
    if choice == "leave_out" and value == "lost_to_follow_up":
        return "without patients lost"
    text = labels.get(f"{choice} {value}", str(value))
    return text.replace("_", " ")


def _as_written(start: _Start, limit: int) -> Grid:
    """Return a list of specifications as it stands, the equal ones put together."""
    written = start.grid["specifications"]
    choices: dict[str, list[str]] = {}
    for specification in written:
        for key in specification:
            choices.setdefault(key, ["primary"])
    found: dict[object, Entry] = {}
    size = 0
    for number, specification in enumerate(written, start=1):
        ways = _written(start, f"number {number}", str(number), specification)
        for option, member in product(ways, _members(start.samples) or [None]):
            size += 1
            chosen = {}
            for key, known in choices.items():
                name = "primary"
                if key in specification:
                    name = _shown(key, specification[key], start.samples.labels)
                    if key == "leave_out" and option.person:
                        name = f"without {option.person}"
                chosen[key] = (name,)
                if name not in known:
                    known.append(name)
            if member:
                chosen["member"] = (member.name,)
            options = [option, member] if member else [option]
            problem, key, spec, data = start.settle(options, ())
            if problem:
                key = number, *(o.name for o in options)
                spec = Specification("multiverse", specification, person=option.person)
            before = found.get(key)
            found[key] = Entry(
                spec=spec, data=data, chosen=before.chosen if before else chosen,
                combinations=1 + (before.combinations if before else 0),
                problem=problem,
            )  # fmt: skip
    _check_size(size, limit)
    if start.samples.members:
        choices["member"] = list(start.samples.members)
    return Grid(
        primary=start.settle((), ())[2],
        entries=list(found.values()),
        choices=choices,
        combinations=size,
        impossible={},
        skipped=_skipped(start),
    )


def _skipped(start: _Start) -> str:
    """Say that patients are not left out in turn although this is asked for."""
    if start.leavable or "each_patient" not in json.dumps(start.grid):
        return ""
    count, most = len(start.people), start.rows["leave_out_limit"]
    if not count:
        return "no patient is left out in turn, as members hold no patients"
    return (
        f"no patient is left out in turn, as there are {count:,} "
        f"(rows.leave_out_limit: {most})"
    )
