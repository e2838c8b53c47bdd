"""The data of a multiverse with the labels reassigned, the same way in all of them.

Under the hypothesis that the comparison makes no difference to anyone, the labels of
randomised patients can be exchanged. Every specification sees the same exchange, so
that whatever they share is kept (Simonsohn, Simmons and Nelson 2020, Nat Hum Behav
4:1208). Exchanged are, as the rows allow,

- the groups of patients, within pairs or strata where the study declares them;
- the values before and after, within patients;
- the sign of a value's distance from the one it is compared with, within patients
  (this takes the distances as symmetric).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reanalysis.data_set_arrays import Ints
from reanalysis.errors import MethodError
from reanalysis.studies.alternatives import Data
from reanalysis.survival.assignments import (
    assignments,
    every_assignment,
    random_assignments,
)

#: Methods whose results are not those of one comparison of exchangeable patients.
UNSUITED = frozenset({"matching", "longitudinal"})
#: What an exchange rests on, by what is exchanged. Which patients were randomised is
#: not said in a form that could be read, so the sentence says what would have to hold.
PREMISES = {
    "group": "The test rests on random allocation; where the groups were not "
    "randomised, it does not tell an effect from other differences between them.",
    "swap": "The test does not tell an effect from a change that would have come "
    "anyway, such as regression to the mean.",
    "sign": "The test tells whether values differ from the one compared with, not why.",
}
#: Tests that compare groups though their rows name no reference.
TESTS = frozenset({"log_rank", "incidence_test", "test"})


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """What is exchanged among whom.

    ``labels`` (patients,) are 1 in the first group, or 0 for all where values are
    swapped within patients; ``stratum`` (patients,) numbers pairs or strata. ``words``
    say what is exchanged, ``total`` in how many ways. Patients are known by their id,
    or by their row where ``by`` is ``rows``.
    """

    how: str
    by: str
    people: Sequence
    labels: Ints
    stratum: Ints | None
    words: str
    total: int

    def patients(self, part: Mapping) -> Ints:
        """Return the number of the patient of each row of a sample."""
        place = {person: number for number, person in enumerate(self.people)}
        return np.array([place[p] for p in _patients(part, self.by)], dtype=int)

    def draws(self, most: int, seed: int) -> tuple[bool, Iterator[Ints]]:
        """Tell whether all exchanges are yielded, and yield labels (patients,).

        All of them come in random order, so that the first ones are a sample as well.
        """
        rng = np.random.default_rng(seed)
        if self.total <= most:
            return True, iter(rng.permutation(np.array(list(self._all()))))
        return False, self._random(most, rng)

    def _all(self) -> Iterator[Ints]:
        if self.how == "group":
            for block in every_assignment(self.labels, self.stratum):
                yield from block.astype(np.int64)
            return
        for number in range(self.total):
            yield number >> np.arange(len(self.people)) & 1

    def _random(self, most: int, rng: np.random.Generator) -> Iterator[Ints]:
        if self.how == "group":
            drawn = random_assignments(self.labels, self.stratum, draws=most, rng=rng)
            for block in drawn:
                yield from block.astype(np.int64)
            return
        for _ in range(most):
            yield rng.integers(0, 2, len(self.people))


def exchange(
    prepared: Mapping[Data, Mapping], statistic: str, reference: str
) -> Exchange:
    """Return what can be exchanged in all data of a multiverse.

    ``statistic`` and ``reference`` are those of the number followed. Raises
    :class:`MethodError` with the reason where nothing can.
    """
    first = next(iter(prepared.values()))
    if any(a["kind"] == "summary" for a in prepared.values()):
        raise MethodError("printed summaries hold no patients to exchange")
    if any(a.get("members") for a in prepared.values()):
        raise MethodError("members of an ensemble hold no patients to exchange")
    if first["method"] in UNSUITED:
        raise MethodError("the method does not compare exchangeable patients")
    parts = [part for a in prepared.values() for part in a["samples"]]
    if any(len(a["samples"]) != 1 for a in prepared.values()):
        raise MethodError("the analysis is split by a column")
    roles = [set(part["columns"]) for part in parts]
    by = "id" if all("id" in r for r in roles) else "rows"
    if by == "rows" and len({a["dataset"] for a in prepared.values()}) > 1:
        raise MethodError("the specifications take patients of different tables")
    wilcoxon = first["method"] == "wilcoxon"
    if all({"before", "after"} <= r for r in roles):
        how, words = "swap", "before and after exchanged within patients"
    elif wilcoxon and all("value" in r and not r & {"visit", "group"} for r in roles):
        how = "sign"
        words = (
            "signs of the distance from the value compared with, taken as symmetric, "
            "exchanged"
        )
    elif all("group" in r and "visit" not in r for r in roles):
        if not reference and statistic not in TESTS:
            raise MethodError("the number compares no groups")
        return _of_groups(parts, by)
    else:
        raise MethodError("the rows hold no labels that could be exchanged")
    people = list(dict.fromkeys(p for part in parts for p in _patients(part, by)))
    count = len(people)
    zeros = np.zeros(count, dtype=np.int64)
    return Exchange(how, by, people, zeros, None, words, 2**count)


def _patients(part: Mapping, by: str) -> Sequence:
    return part["columns"]["id"] if by == "id" else part["rows"]


def _of_groups(parts: Sequence[Mapping], by: str) -> Exchange:
    group: dict[object, str] = {}
    stratum: dict[object, tuple] = {}
    order = tuple(parts[0]["groups"])
    pairs = False
    for part in parts:
        if tuple(part["groups"]) != order or len(order) != 2:
            raise MethodError("the specifications do not compare the same two groups")
        columns = part["columns"]
        layers = [role for role in ("stratum", "pair") if role in columns]
        pairs = pairs or "pair" in layers
        for number, person in enumerate(_patients(part, by)):
            label = columns["group"][number]
            if group.setdefault(person, label) != label:
                raise MethodError("a patient is in both groups")
            if layers:
                own = tuple(columns[role][number] for role in layers)
                stratum[person] = stratum.get(person) or own
    people = list(group)
    labels = np.array([int(group[person] == order[0]) for person in people])
    codes = None
    words = f"{order[0]} and {order[1]} exchanged between patients"
    if stratum:
        numbers: dict[tuple, int] = {}
        own = [stratum.get(person, ()) for person in people]
        codes = np.array([numbers.setdefault(s, len(numbers)) for s in own])
        words += ", within pairs" if pairs else ", within strata"
    return Exchange(
        "group", by, people, labels, codes, words, assignments(labels, codes)
    )


def exchanged(analysis: Mapping, how: Exchange, labels: Ints) -> dict[str, object]:
    """Return a prepared analysis with its labels or values exchanged."""
    parts = []
    for part in analysis["samples"]:
        mark = labels[how.patients(part)].astype(bool).tolist()
        columns = dict(part["columns"])
        if how.how == "group":
            first, reference = part["groups"]
            columns["group"] = [first if m else reference for m in mark]
        elif how.how == "swap":
            pairs = list(zip(mark, columns["before"], columns["after"], strict=True))
            columns["before"] = [a if m else b for m, b, a in pairs]
            columns["after"] = [b if m else a for m, b, a in pairs]
        else:
            centre = float(analysis["options"].get("mu", 0.0))
            columns["value"] = [
                2 * centre - v if m else v
                for m, v in zip(mark, columns["value"], strict=True)
            ]
        parts.append({**part, "columns": columns})
    return {**analysis, "samples": parts}
