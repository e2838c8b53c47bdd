"""Log-rank tests, weighted ones and MaxCombo: asymptotic and by permutation.

The estimators are in :mod:`reanalysis.survival.weighted_log_rank`, ``max_combo``,
``score_permutation`` and ``permuted_log_rank``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.survival.assignments import (
    assignments,
    every_assignment,
    random_assignments,
)
from reanalysis.survival.censoring import censoring_differs
from reanalysis.survival.max_combo import MEMBERS, max_combo
from reanalysis.survival.permuted_log_rank import (
    design,
    group_tails,
    standardised_tails,
)
from reanalysis.survival.risk_sets import FollowUp, Ints, follow_up, group_codes
from reanalysis.survival.score_permutation import (
    BESIDE,
    Mask,
    Tails,
    count_tails,
    draw_tails,
)
from reanalysis.survival.weighted_log_rank import (
    ONE_EVENT,
    LogRank,
    chi_square,
    log_rank,
    trend,
    whole_scores,
)

#: Name of each test by the setting that asks for it.
NAMES = {
    "log-rank": "log-rank",
    "gehan-breslow": "Gehan-Breslow",
    "tarone-ware": "Tarone-Ware",
    "peto-peto": "Peto-Peto",
    "fleming-harrington": "Fleming-Harrington",
    "maxcombo": "MaxCombo",
}

#: Most assignments looked at one by one: beside the asymptotic p-value, when asked.
BESIDE_ASSIGNMENTS, EVERY_ASSIGNMENT = 20_000, 1_000_000
#: Labels drawn at most: beyond 50 patients this bounds the number of assignments.
LABELS_DRAWN = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Rows of the groups compared, with the group and stratum of each."""

    rows: FollowUp
    group: Ints
    stratum: Ints | None
    groups: int = 2

    def pair(self, first: int, second: int) -> _Data:
        """Return the rows of two groups, numbered 0 and 1."""
        keep = (self.group == first) | (self.group == second)
        stratum = None if self.stratum is None else self.stratum[keep]
        return _Data(self.rows[keep], (self.group[keep] == second) * 1, stratum)

    def compare(self, **weights: object) -> LogRank:
        return log_rank(
            self.rows, self.group, self.stratum, groups=self.groups, **weights
        )

    def persons(self) -> tuple[Ints, Ints | None, Ints | None]:
        """Return group and stratum of each person, and the person of each row.

        The last is None where a row is a person. Raises :class:`MethodError` where
        somebody changes.
        """
        person = self.rows.person
        if person is None:
            return self.group, self.stratum, None
        _, first, place = np.unique(person, return_index=True, return_inverse=True)
        for label in (self.group, self.stratum):
            if label is not None and (label[first][place] != label).any():
                raise MethodError("A patient who changes groups cannot be permuted.")
        stratum = None if self.stratum is None else self.stratum[first]
        return self.group[first], stratum, place


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Compare the groups: all together with a trend test, and each with the reference.

    Two groups give one comparison. Up to 30 patients the exact permutation p-value
    of the scores stands beside the asymptotic one, or before it when asked for. Where
    there are too many assignments to count, random ones are drawn and the row says so.
    """
    try:
        data = _read(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="log_rank", note=str(problem))]
    groups = sample.groups
    rows: list[Estimate] = []
    if len(groups) > 2:
        rows += _overall(data, settings)
    for k, label in enumerate(groups[:-1]):
        pair = data.pair(k, len(groups) - 1)
        row = partial(_row(pair, settings), group=label, reference=groups[-1])
        rows += _comparison(pair, settings, row)
    try:
        counts = data.compare()
    except MethodError:
        return rows
    for k, label in enumerate(groups):
        members = data.rows[data.group == k]
        row = partial(Estimate, group=label, n=members.n, events=members.events)
        rows += [
            row(statistic="observed_events", estimate=float(counts.observed[k])),
            row(statistic="expected_events", estimate=float(counts.expected[k])),
        ]
    return rows


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return nothing: the curves are drawn by the Kaplan-Meier analysis."""
    return {}


def _read(sample: Sample, settings: Mapping[str, object]) -> _Data:
    if len(sample.groups) < 2 or not sample.has("group"):
        raise MethodError("A comparison of survival needs two groups.")
    rows, group = follow_up(sample), group_codes(sample)
    roles = [role for role in ("stratum", "pair") if sample.has(role)]
    stratum = None
    if roles and settings["stratified"] != "never":
        stratum = sample.rows.groupby(roles, dropna=False).ngroup().to_numpy()
    keep = group >= 0
    stratum = None if stratum is None else stratum[keep]
    return _Data(rows[keep], group[keep], stratum, len(sample.groups))


def _row(data: _Data, settings: Mapping[str, object]) -> Callable[..., Estimate]:
    name = NAMES[str(settings["weights"])]
    if settings["weights"] == "fleming-harrington":
        name += f"({settings['rho']:g},{settings['gamma']:g})"
    return partial(
        Estimate,
        statistic="log_rank",
        test=name + (", stratified" if data.stratum is not None else ""),
        n=data.rows.n,
        events=data.rows.events,
    )


def _weights(settings: Mapping[str, object]) -> dict[str, object]:
    return {key: settings[key] for key in ("weights", "rho", "gamma")}


def _asked(settings: Mapping[str, object]) -> bool:
    return settings["p_value"] != "asymptotic"


def _overall(data: _Data, settings: Mapping[str, object]) -> list[Estimate]:
    """Compare all groups, and test for a trend over them."""
    row = partial(_row(data, settings), alternative="two-sided")
    named = row.keywords["test"]
    if settings["weights"] == "maxcombo":
        return [row(note="MaxCombo compares two groups at a time.")]
    try:
        result = data.compare(**_weights(settings))
        both = chi_square(result), trend(result)
    except MethodError as problem:
        return [row(note=str(problem))]
    notes = []
    if settings["alternative"] == "one-sided":
        notes.append("A comparison of several groups has no direction.")
    asymptotic = [
        row(
            test_statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
            test=name,
            note=" ".join(notes),
        )
        for test, name in zip(both, (named, f"{named} trend"), strict=True)
    ]
    if not _asked(settings):
        return asymptotic
    names = [f"{named}, {_how(False)}", f"{named} trend, {_how(False)}"]
    try:
        group, stratum, place = data.persons()
        labels, drawn, why = _labels(group, stratum, settings)
        scores = _of_persons(result.scores, place)
        tails = group_tails(scores, group, stratum, labels, drawn=drawn)
    except MethodError as problem:
        return [row(test=name, note=str(problem)) for name in names] + asymptotic
    names = [name.replace(_how(False), _how(drawn)) for name in names]
    permuted = []
    for name, test in zip(names, tails, strict=True):
        p_value = test.p_value(add_one=_add_one(settings, test))
        note = " ".join([*why, *_drawn(test, p_value, settings), *notes])
        permuted.append(row(test=name, p_value=p_value, note=note))
    return permuted + asymptotic


def _comparison(
    data: _Data, settings: Mapping[str, object], row: Callable[..., Estimate]
) -> list[Estimate]:
    """Compare two groups: the asymptotic test, and a permutation test where due."""
    try:
        if np.unique(data.group).size < 2:
            raise MethodError("There are no patients in one of the groups.")
        asymptotic, result = _asymptotic(data, settings, row)
    except MethodError as problem:
        return [row(note=str(problem))]
    standardised = (
        settings["weights"] == "maxcombo" or settings["two_sided"] == "chi-square"
    )
    how = _standardised if standardised else _of_scores
    name = f"{row.keywords['test']}, {{}}{_rule(settings)}"
    try:
        tails, why = how(data, settings, result)
    except MethodError as problem:
        if not _asked(settings):
            return [asymptotic]
        # What was asked for comes first, empty: the other is no stand-in for it.
        drawn = settings["p_value"] == "monte-carlo"
        return [row(test=name.format(_how(drawn)), note=str(problem)), asymptotic]
    p_value = tails.p_value(
        asymptotic.alternative,
        str(settings["two_sided"]),
        add_one=_add_one(settings, tails),
    )
    notes = [*why, *_drawn(tails, p_value, settings), *_censoring(data)]
    permuted = replace(
        asymptotic,
        test=name.format(_how(tails.drawn)),
        test_statistic=float("nan"),
        df=float("nan"),
        p_value=p_value,
        note=" ".join(notes),
    )
    return [permuted, asymptotic] if _asked(settings) else [asymptotic, permuted]


def _asymptotic(
    data: _Data, settings: Mapping[str, object], row: Callable[..., Estimate]
) -> tuple[Estimate, LogRank | None]:
    one_sided = settings["alternative"] == "one-sided"
    if settings["weights"] == "maxcombo":
        combo = max_combo(data.rows, data.group, data.stratum)
        z, (rho, gamma) = combo.z[combo.strongest], combo.members[combo.strongest]
        side = ("less" if z < 0 else "greater") if one_sided else "two-sided"
        return row(
            alternative=side,
            test_statistic=float(abs(z)),
            p_value=combo.p_value(side),
            note=f"The largest is Fleming-Harrington({rho},{gamma}), z = {z:.3f}.",
        ), None
    result = data.compare(**_weights(settings))
    test = chi_square(result)
    side, p_value = "two-sided", test.p_value
    if one_sided:
        side = "less" if result.difference[0] < 0 else "greater"
        p_value /= 2
    note = f"{ONE_EVENT.capitalize()}." if data.rows.events == 1 else ""
    return row(
        alternative=side,
        test_statistic=test.statistic,
        df=test.df,
        p_value=p_value,
        note=note,
    ), result


def _of_scores(
    data: _Data, settings: Mapping[str, object], result: LogRank
) -> tuple[Tails, list[str]]:
    """Permute the sum of scores: counted, or drawn where that is due."""
    if not _asked(settings) and data.rows.n > BESIDE:
        raise MethodError(f"Not shown beside the asymptotic p beyond {BESIDE}.")
    group, stratum, place = data.persons()
    whole = whole_scores(data.rows, data.group, data.stratum, **_weights(settings))
    scores = _of_persons(result.scores if whole is None else whole, place)
    why = []
    if settings["p_value"] != "monte-carlo":
        try:
            return count_tails(scores, group == 0, stratum), why
        except MethodError as problem:
            if not (_asked(settings) and settings["permutations"]):
                raise
            why.append(str(problem))
    draws, rng = _draws(settings, group.size), np.random.default_rng(settings["seed"])
    return draw_tails(scores, group == 0, stratum, draws=draws, rng=rng), why


def _standardised(
    data: _Data, settings: Mapping[str, object], result: LogRank | None
) -> tuple[Tails, list[str]]:
    """Permute the test with its variance: of the one asked for, or of MaxCombo's."""
    group, stratum, _ = data.persons()
    labels, drawn, why = _labels(group, stratum, settings)
    tests: list[Mapping[str, object]] = [_weights(settings)]
    if settings["weights"] == "maxcombo":
        tests = [
            {"weights": "fleming-harrington", "rho": rho, "gamma": gamma}
            for rho, gamma in MEMBERS
        ]
    plan = design(data.rows, data.stratum, tests)
    first: Mask = group == 0
    return standardised_tails(plan, first, labels, drawn=drawn), why


def _labels(
    group: Ints, stratum: Ints | None, settings: Mapping[str, object]
) -> tuple[Iterator[NDArray[np.int8]], bool, list[str]]:
    """Return assignments, whether they are drawn, and why if all were asked for."""
    total = assignments(group, stratum)
    if not _asked(settings) and total > BESIDE_ASSIGNMENTS:
        raise MethodError("Not shown beside the asymptotic p-value: too many.")
    if settings["p_value"] != "monte-carlo" and total <= EVERY_ASSIGNMENT:
        return every_assignment(group, stratum), False, []
    why = []
    if settings["p_value"] == "exact":
        why = [f"There are more than {EVERY_ASSIGNMENT:,} assignments to look at."]
        if not settings["permutations"]:
            raise MethodError(*why)
    draws, rng = _draws(settings, group.size), np.random.default_rng(settings["seed"])
    return random_assignments(group, stratum, draws=draws, rng=rng), True, why


def _of_persons(scores: NDArray, place: Ints | None) -> NDArray:
    if place is None:
        return scores
    total = np.zeros(int(place.max(initial=-1)) + 1, dtype=scores.dtype)
    np.add.at(total, place, scores)
    return total


def _draws(settings: Mapping[str, object], n: int) -> int:
    if not settings["permutations"]:
        raise MethodError("No random assignments are drawn (permutations: 0).")
    return min(int(settings["permutations"]), LABELS_DRAWN // max(n, 1))


def _add_one(settings: Mapping[str, object], tails: Tails) -> bool:
    return tails.drawn and settings["monte_carlo"] == "add-one"


def _how(drawn: bool) -> str:
    return "Monte Carlo permutation" if drawn else "exact permutation"


def _rule(settings: Mapping[str, object]) -> str:
    """Name the rule by which assignments are extreme, where it is not the usual one."""
    rule, sides = settings["two_sided"], settings["alternative"]
    if settings["weights"] == "maxcombo" or rule == "absolute":
        return ""
    if rule == "doubled":
        return "" if sides == "one-sided" else " (doubled tail)"
    return " (chi-square recomputed)"


def _drawn(tails: Tails, p_value: float, settings: Mapping[str, object]) -> list[str]:
    if not tails.drawn:
        return []
    formula = "(1 + k) / (1 + B)" if _add_one(settings, tails) else "k / B"
    error = (p_value * (1 - p_value) / tails.total) ** 0.5
    return [
        f"{tails.total:,} random assignments, p = {formula}, "
        f"standard error {error:.1g}."
    ]


def _censoring(data: _Data) -> list[str]:
    """Warn where the groups are censored differently, as with historical controls."""
    differs, p_value = censoring_differs(data.rows, data.group, data.stratum)
    if not differs:
        return []
    said = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
    if not p_value < 1:
        said = "the times do not overlap"
    return [
        f"Censoring differs between the groups (reverse log-rank {said}), which the "
        "permutation assumes away."
    ]
