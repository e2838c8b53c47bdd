"""Attainable p-values of times to an event: Cox models by pair, log-rank tests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reanalysis.consistency.attainable_design import (
    Groups,
    Pairs,
    named_test,
)
from reanalysis.consistency.attainable_laws import (
    Ladder,
    cox_pairs_ladder,
    log_rank_walk,
    sign_ladder,
    survival_ladders,
)
from reanalysis.consistency.attainable_readings import (
    COMMON,
    FAMILY,
    Answer,
    Reading,
    Target,
    answer,
    details_of,
    list_text,
    number_word,
    p_text,
    percent_text,
    span_text,
)
from reanalysis.consistency.check import Check

#: Orders of more patients than this are not drawn.
MOST_SURVIVAL = 80


# Cox model stratified by pair


_STATISTICS = ("Wald", "score", "likelihood ratio")


def cox_readings(pairs: Pairs, sides: str) -> list[Reading]:
    """Return the model by each statistic on pairs that all tell who failed first."""
    found = []
    for statistic in _STATISTICS:
        ladder = cox_pairs_ladder(pairs.n, sides, statistic)
        found.append(
            Reading(
                f"{sides} stratified Cox model by {statistic}",
                ladder,
                _splits,
                # All pairs one way: no Wald statistic, the estimate is infinite.
                keep=(ladder.features["informative"] == pairs.n)
                & ((statistic != "Wald") | (ladder.features["losses"] > 0)),
            )
        )
    return found


def _splits(ladder: Ladder, mask: NDArray) -> str:
    pairs = sorted(
        zip(
            ladder.features["wins"][mask].tolist(),
            ladder.features["losses"][mask].tolist(),
            strict=True,
        ),
        reverse=True,
    )
    return list_text([f"{w}:{l_}" for w, l_ in dict.fromkeys(pairs)], "or")


def _reached(ladder: Ladder, wanted: Target, keep: NDArray) -> list[tuple]:
    """Return (wins, losses, p) of the outcomes in ``keep`` that give the value."""
    mask = wanted.holds(ladder.p) & keep
    return sorted(
        zip(
            ladder.features["wins"][mask].tolist(),
            ladder.features["losses"][mask].tolist(),
            ladder.p[mask].tolist(),
            strict=True,
        ),
        key=lambda row: (-(row[0] + row[1]), row[1]),
    )


def check_cox_pairs(
    claim: Mapping, analysis: Mapping, wanted: Target, pairs: Pairs
) -> Check:
    """Tell what a p-value of a Cox model stratified by pair implies."""
    n, sides = pairs.n, "two-sided"
    if (claim["alternative"] or analysis["paper"].get("alternative")) in {
        "less",
        "greater",
    }:
        sides = "one-sided"
    rivals = "one-sided" if sides == "two-sided" else "two-sided"
    whole = [answer(r, wanted) for r in cox_readings(pairs, sides)]
    other = [answer(r, wanted) for r in cox_readings(pairs, rivals)]
    many = number_word(n)
    said = claim["alternative"] or analysis["paper"].get("alternative", "")
    unsaid = " (its sidedness not stated)" if said in {"", "not stated"} else ""
    reason = f"Read with {pairs.source}{unsaid}: "
    fitting = [a for a in whole if a.fits]
    if wanted.high >= 1:
        reason += (
            f"a {sides} Cox model stratified by pair on {many} complete untied pairs "
            f"gives {wanted.text} at "
            + "; ".join(f"{a.shared} ({_statistic(a)})" for a in fitting)
            + ". The smallest attainable p is "
            + list_text(
                [f"{p_text(a.least)} by {_statistic(a)} ({a.at_least})" for a in whole]
            )
            + "."
        )
        cannot = [_statistic(a) for a in whole if a.least >= 0.05]
        if cannot:
            reason += (
                f" By {list_text(cannot)} no result of {many} such pairs could have "
                f"been significant, so the statement says little."
            )
        return _cox_check(claim, wanted, pairs, "attainable", reason, [*whole, *other])
    # In the order in which the statistics stand in the output of programs.
    if fitting:
        reason += (
            f"a {sides} Cox model stratified by pair on {many} complete untied pairs "
            f"gives {wanted.text} only at "
            + list_text(
                [
                    f"{a.shared} ({_statistic(a)}, p {span_text(*a.inside)})"
                    for a in fitting
                ]
            )
            + "; a pair counts for the side that failed later."
        )
    else:
        reason += (
            f"{wanted.text} is not reachable by a {sides} Cox model stratified by "
            f"pair on {many} complete untied pairs, by Wald, score or likelihood "
            f"ratio. Such a model sees only which way each pair went; nearest are "
            + "; ".join(_nearest(pairs, _statistic(a), sides, wanted) for a in whole)
            + "."
        )
    fewer = _fewer(pairs, sides, wanted)
    if fewer:
        reason += f" Fewer informative pairs (some censored) reach it at {fewer}."
    tied = _tied_pairs(pairs, sides, wanted)
    if tied:
        reason += f" With pairs tied at one time (one win and one loss each): {tied}."
    more = _more(pairs, sides, wanted, [_statistic(a) for a in whole if not a.fits])
    reason += more
    told = [
        f"{a.shared} ({_statistic(a)}, {span_text(*a.inside)})" for a in other if a.fits
    ]
    reason += (
        f" A {rivals} reading reaches it at {list_text(told, 'or')}."
        if told
        else f" No {rivals} reading of {many} complete pairs reaches it."
    )
    sign = answer(
        Reading("", sign_ladder(n, sides), lambda ladder, mask: _splits(ladder, mask)),
        wanted,
    )
    if sign.fits:
        reason += f" A plain exact sign test gives it at {sign.shared}."
    unmatched = ""
    if 2 * n <= MOST_SURVIVAL:
        found = _cached_survival(n, n, False, True)
        hits = {
            name: wanted.holds(ladder.p).mean()
            for name, ladder in found.items()
            if name != "log-rank"
        }
        if any(hits.values()):
            low, high = min(hits.values()), max(hits.values())
            sampled = not next(iter(found.values())).whole
            drawn = "20,000 random orders" if sampled else "all orders"
            unmatched = (
                f" A Cox model that ignores the pairs ({n} against {n}, all observed) "
                f"can give it ({percent_text(low, high)} of {drawn} of failing do so "
                f"without an effect)."
            )
    reason += unmatched
    fits = bool(fitting or fewer or tied or told or unmatched or sign.fits)
    return _cox_check(
        claim, wanted, pairs, "attainable" if fits else "", reason, [*whole, *other]
    )


def _cox_check(
    claim: Mapping,
    wanted: Target,
    pairs: Pairs,
    outcome: str,
    reason: str,
    answers: Sequence[Answer],
) -> Check:
    return Check(
        claim_id=claim["claim_id"],
        family=FAMILY,
        check="attainable p, Cox model stratified by pair",
        outcome=outcome,
        reason=reason,
        details=details_of(wanted, answers) | {"pairs": pairs.n},
    )


def _statistic(found: Answer) -> str:
    return found.label.rpartition(" by ")[2]


def _nearest(pairs: Pairs, statistic: str, sides: str, wanted: Target) -> str:
    """Say the two attainable values around the printed one, with their split."""
    ladder = cox_pairs_ladder(pairs.n, sides, statistic)
    rows = [
        (p, f"{w}:{l_}")
        for p, w, l_, k in zip(
            ladder.p,
            ladder.features["wins"],
            ladder.features["losses"],
            ladder.features["informative"],
            strict=True,
        )
        # All pairs one way: no Wald statistic, the estimate is infinite.
        if k == pairs.n and not (statistic == "Wald" and l_ == 0)
    ]
    under = [row for row in rows if row[0] < wanted.low]
    over = [row for row in rows if row[0] > wanted.high]
    near = ([max(under)] if under else []) + ([min(over)] if over else [])
    return f"{statistic} " + list_text([f"{p_text(p)} ({split})" for p, split in near])


def _fewer(pairs: Pairs, sides: str, wanted: Target) -> str:
    told = []
    for statistic in _STATISTICS:
        ladder = cox_pairs_ladder(pairs.n, sides, statistic)
        rows = _reached(ladder, wanted, ladder.features["informative"] < pairs.n)
        told += [f"{w}:{l_} ({statistic}, {p_text(p)})" for w, l_, p in rows[:4]]
    return list_text(told)


def _tied_pairs(pairs: Pairs, sides: str, wanted: Target) -> str:
    told = []
    for tied in range(1, pairs.n):
        for statistic in _STATISTICS:
            ladder = cox_pairs_ladder(pairs.n, sides, statistic, tied=tied)
            # All other pairs informative: complete data, some of it tied.
            keep = ladder.features["informative"] == pairs.n - tied
            told += [
                f"{w}:{l_} and {number_word(tied)} tied ({statistic}, {p_text(p)})"
                for w, l_, p in _reached(ladder, wanted, keep)
            ]
    return list_text(told[:4], "or")


def _more(pairs: Pairs, sides: str, wanted: Target, missed: Iterable[str]) -> str:
    """Name the smallest number of pairs by which a statistic reaches the value."""
    told = []
    for statistic in missed:
        ladder = cox_pairs_ladder(4 * pairs.n, sides, statistic)
        rows = _reached(ladder, wanted, np.ones(ladder.p.size, bool))
        if rows and min(w + l_ for w, l_, _ in rows) > pairs.n:
            w, l_, p = min(rows, key=lambda row: (row[0] + row[1], row[1]))
            told.append(f"{statistic} needs {w + l_} pairs ({w}:{l_}, {p_text(p)})")
    return f" {list_text(told)}." if told else ""


# Two groups: log-rank


@lru_cache(maxsize=256)
def _cached_survival(n1: int, n2: int, censored: bool, cox: bool) -> dict[str, Ladder]:
    return survival_ladders(n1, n2, censored=censored, cox=cox)


def check_survival(
    claim: Mapping, analysis: Mapping, wanted: Target, groups: Groups
) -> Check:
    """Tell what a log-rank p-value of two groups implies."""
    n1, n2 = groups.n1, groups.n2
    walk, least = log_rank_walk(n1, n2)
    readings = {
        "no censoring": _cached_survival(n1, n2, False, False)["log-rank"],
        "censoring": _cached_survival(n1, n2, True, False)["log-rank"],
    }
    answers = [
        answer(Reading(f"two-sided log-rank test, {name}", ladder, _events), wanted)
        for name, ladder in readings.items()
    ]
    on_walk = wanted.holds(walk)
    fits = bool(on_walk.any()) or any(a.fits for a in answers)
    free = answers[0]
    drawn = "all" if free.whole else "20,000 random"
    sides = claim["alternative"] or analysis["paper"].get("alternative", "")
    unsaid = [
        word
        for word, missing in (
            ("the test", not named_test(claim, analysis)),
            ("its sidedness", sides in {"", "not stated"}),
        )
        if missing
    ]
    doubt = f" ({list_text(unsaid)} not stated)" if unsaid else ""
    reason = (
        f"Read with {groups.source}, two-sided and without ties{doubt}: the smallest "
        f"log-rank p is {p_text(least)}, when all of one group fail first"
    )
    if not fits:
        near = [
            p_text(p)
            for p in (max(a.below for a in answers), min(a.above for a in answers))
            if not math.isnan(p)
        ]
        reason += f"; no order tried gives {wanted.text} (nearest {list_text(near)})."
    elif free.share > COMMON:
        reason += (
            f". {wanted.text} is what {free.share:.0%} of {drawn} orders without an "
            f"effect give, so it says little."
        )
    else:
        reason += f". {wanted.text} is attainable"
        if free.fits:
            reason += (
                f"; {free.share:.2%} of {drawn} orders without an effect give it when "
                f"nobody is censored"
            )
        else:
            at = walk[on_walk]
            reason += (
                f" by an order between that and a mixed one (p {p_text(float(at[0]))})"
                if at.size
                else " with censoring"
            )
        reason += "."
    if wanted.step and wanted.high <= 0.5 and sides != "two-sided":
        name, ladder = next(iter(readings.items()))
        half = replace(ladder, p=ladder.p / 2, alternative="one-sided")
        label = f"one-sided log-rank test in the direction found, {name}"
        answers.append(answer(Reading(label, half, _events), wanted))
        if answers[-1].fits:
            reason += (
                f" One-sided in the direction found, which is half the two-sided p, "
                f"{answers[-1].share:.2%} of these orders give it."
            )
    return Check(
        claim_id=claim["claim_id"],
        family=FAMILY,
        check="attainable p, log-rank",
        outcome="attainable" if fits else "",
        reason=reason,
        details=details_of(wanted, answers, groups.claims) | {"smallest": least},
    )


def _events(ladder: Ladder, mask: NDArray) -> str:
    one, two = ladder.features["events1"][mask], ladder.features["events2"][mask]
    return f"{one.min()} to {one.max()} and {two.min()} to {two.max()} events"
