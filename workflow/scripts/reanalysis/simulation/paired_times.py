"""Times to a first event before and after, drawn so that the printed test comes out.

A Cox model stratified by pair sees only which period of a pair had the event first, so
its p-value is a statement on four numbers of pairs (after later, before later, both at
one time, both without); these are drawn first, times second. The p-value of a model
that ignores the pairs is a matter of the whole order: there data sets are drawn from
the prior and kept when they give it.

Times are steps 1, 2, ... of the period; one more than its steps is no event within it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import combinations

import numpy as np
from scipy.special import gammaln

from reanalysis.data_set_arrays import Bools, Ints
from reanalysis.errors import MethodError
from reanalysis.simulation.declared import (
    COX_TESTS,
    Floats,
    Prior,
    Simulation,
    tests_named,
)
from reanalysis.simulation.kept_draws import BLOCK, keep
from reanalysis.simulation.paired_counts import conditional
from reanalysis.simulation.rate_laws import count_law, first_time_law
from reanalysis.simulation.sought import CLUMPED, EVERY, Bound, clumped, collapse, seek
from reanalysis.survival.cox_arrays import HazardRatioArrays, cox_arrays
from reanalysis.survival.log_rank_arrays import log_rank_arrays

#: Orders of all times that are tried one by one (ten pairs have 184,756).
MOST_ORDERS = 200_000
#: Of which data sets some bounds are proven.
WITHOUT_TIES = "permitted data sets without tied times"


def draw(
    plan: Simulation, prior: Prior, members: int, rng: np.random.Generator
) -> tuple[Ints, list[str]]:
    """Return data sets (members, pairs, 2) of steps before and after, and messages.

    Each is an independent draw from the prior given everything printed. Raises
    :class:`MethodError` when the print cannot be met, or none of many drawn meets it.
    """
    laws = np.array([_law(plan, prior, e) for e in prior.effects])
    entered = np.ones(laws.shape[1:], dtype=bool)
    cells = _cells(plan, prior)
    told = _told(plan, prior)
    if prior.test == "cox":
        one = conditional(plan.pairs, laws, entered, cells, rng)
    else:
        splits = splits_that_fit(plan, prior)
        one = _matched(plan, laws, cells, splits, rng)
        told = f"{told} That is {_named(splits)}."

    def draw_block() -> tuple[Ints, Bools]:
        # Outcomes number the steps from 0.
        sets = one() + 1
        return sets, permitted(plan, prior, sets)

    sets, said = keep(draw_block, members)
    return sets, [told, said]


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Both Cox models of data sets, the later period against the earlier one."""

    unmatched: HazardRatioArrays
    matched: HazardRatioArrays


def follow_up(sets: Ints, steps: int) -> tuple[Floats, Bools, Bools, Ints]:
    """Return time (in steps), event, later period and pair: (sets, 2 pairs), shared."""
    pairs = sets.shape[1]
    both = np.concatenate([sets[..., 0], sets[..., 1]], axis=1)
    after = np.repeat([False, True], pairs)
    return (
        np.minimum(both, steps).astype(float),
        both <= steps,
        after,
        np.tile(np.arange(pairs), 2),
    )


def models(sets: Ints, steps: int) -> Models:
    """Fit both Cox models to each data set (Efron's ties)."""
    time, event, after, _ = follow_up(sets, steps)
    return Models(cox_arrays(time, event, after), matched_model(sets, steps))


def mean_difference(sets: Ints, steps: int) -> Floats:
    """Return the restricted mean up to the end of the period, after less before.

    In steps. Nobody is lost before the end, so it is the difference of plain means.
    """
    time = np.minimum(sets, steps).mean(axis=1)
    return time[:, 1] - time[:, 0]


def permitted(plan: Simulation, prior: Prior, sets: Ints) -> Bools:
    """Tell which data sets give the printed p-values and direction in a reading."""
    if prior.test == "cox-matched":
        fit = matched_model(sets, plan.steps)
    else:
        fit = cox_arrays(*follow_up(sets, plan.steps)[:3])
    return _fits(plan, prior, fit) & _direction(plan, sets)


def _fits(plan: Simulation, prior: Prior, fit: HazardRatioArrays) -> Bools:
    """Tell where one of the tests gives all that is printed, and the hazard is so."""
    fits = np.zeros(len(fit.coefficient), dtype=bool)
    for test in prior.p_of:
        p = getattr(fit, COX_TESTS[test])
        fits |= np.all([printed.holds(p) for printed in plan.p_values], axis=0)
    if plan.lower is not None:
        sign = np.where(fit.infinite != 0, fit.infinite, np.sign(fit.coefficient))
        fits &= sign == (-1 if plan.lower else 1)
    return fits


def _direction(plan: Simulation, sets: Ints) -> Bools:
    if plan.lower is None:
        return np.ones(len(sets), dtype=bool)
    change = mean_difference(sets, plan.steps)
    return change > 0 if plan.lower else change < 0


def _told(plan: Simulation, prior: Prior) -> str:
    """Say how the claims are read."""
    how = "that ignores the pairs" if prior.test == "cox" else "stratified by pair"
    said = (
        f"{plan.printed} a two-sided {tests_named(prior.p_of)} test of a Cox model "
        f"{how}, Efron's ties"
    )
    if plan.lower is not None:
        when, side = ("later", "below") if plan.lower else ("sooner", "above")
        said += f"; {when} as a hazard ratio {side} 1 and a mean time to match"
    if plan.least:
        said += f"; at least {plan.least} events before, the criterion of entry"
    if prior.within:
        said += "; 'all' is read as an event within the period after"
    return said + "."


# The law of a pair


def _law(plan: Simulation, prior: Prior, effect: float) -> Floats:
    """Return the probabilities of the steps before and after, (steps + 1,) * 2."""
    counts = count_law(prior.law, effect, plan.most)
    counts[: plan.least] = 0
    return first_time_law(counts / counts.sum(), plan.steps)


def _cells(plan: Simulation, prior: Prior) -> Bools:
    cells = np.ones((plan.steps + 1, plan.steps + 1), dtype=bool)
    if plan.least > 0:
        cells[-1] = False
    if prior.within:
        cells[:, -1] = False
    return cells


# The matched model: numbers of pairs


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Numbers of pairs (splits, 4): after later, before later, tied, both without.

    ``fit``: the matched model of each split; ``place`` [later, sooner, tied]: its row.
    """

    counts: Ints
    fit: HazardRatioArrays
    place: Ints


@cache
def every_split(pairs: int) -> Splits:
    """Return every split of some pairs, with the matched model (Efron's ties)."""
    counts = np.array(
        [
            (later, sooner, tied, pairs - later - sooner - tied)
            for later in range(pairs + 1)
            for sooner in range(pairs + 1 - later)
            for tied in range(pairs + 1 - later - sooner)
        ]
    )
    place = np.zeros((pairs + 1,) * 3, dtype=np.int64)
    place[tuple(counts[:, :3].T)] = np.arange(len(counts))
    # One pair of each kind, in two steps and none.
    one_of_each = np.array([[1, 2], [2, 1], [1, 1], [3, 3]])
    time, event, after, pair = follow_up(one_of_each[_kind_of_pairs(counts)], 2)
    return Splits(counts, cox_arrays(time, event, after, pair), place)


def matched_model(sets: Ints, steps: int) -> HazardRatioArrays:
    """Return the matched model of each data set: that of its split."""
    every = every_split(sets.shape[1])
    before, after = sets[..., 0], sets[..., 1]
    tied = (before == after) & (before <= steps)
    kinds = before < after, before > after, tied
    rows = every.place[tuple(kind.sum(axis=1) for kind in kinds)]
    found = (getattr(every.fit, field.name)[rows] for field in fields(every.fit))
    return HazardRatioArrays(*found)


def splits_that_fit(plan: Simulation, prior: Prior) -> Ints:
    """Return the splits (splits, 4) whose matched model gives what is printed.

    Raises :class:`MethodError` when there is none.
    """
    splits = every_split(plan.pairs)
    fits = _fits(plan, prior, splits.fit)
    # Who must have an event in a period cannot be in a pair without.
    if plan.least > 0 or prior.within:
        fits &= splits.counts[:, 3] == 0
    if not fits.any():
        texts = " and ".join(printed.said for printed in plan.p_values)
        raise MethodError(
            f"{texts} cannot come from a Cox model stratified by pair of "
            f"{plan.pairs} pairs, whichever period of each had the event first."
        )
    return splits.counts[fits]


def _named(splits: Ints) -> str:
    """Say which splits fit."""
    words = [
        f"{later} pairs with the event later after, {sooner} sooner, {tied} tied"
        + (f", {none} without" if none else "")
        for later, sooner, tied, none in splits.tolist()
    ]
    more = f" or {len(words) - 4} more" if len(words) > 4 else ""
    return " or ".join(words[:4]) + more


def _kinds(plan: Simulation, cells: Bools) -> Bools:
    """Return the outcomes of each kind of pair, (4, steps + 1, steps + 1)."""
    before, after = np.indices(cells.shape)
    # The last outcome is none.
    without = (before == plan.steps) & (after == plan.steps)
    return np.array(
        [before < after, before > after, (before == after) & ~without, without]
    ) & cells  # fmt: skip


def _matched(
    plan: Simulation, laws: Floats, cells: Bools, splits: Ints, rng: np.random.Generator
) -> Callable[[], Ints]:
    """Return what draws a block: the effect and split together, then the times."""
    kinds = _kinds(plan, cells)
    share = np.einsum("eij,kij->ek", laws, kinds)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(splits == 0, 0.0, splits * np.log(share)[:, None]).sum(axis=2)
    weight = log + gammaln(plan.pairs + 1) - gammaln(splits + 1).sum(axis=1)
    if not np.isfinite(weight).any():
        raise MethodError("No prior outcome is of the kinds of pairs that are needed.")
    weight = np.exp(weight - weight.max())
    size = plan.steps + 1

    def draw_block() -> Ints:
        chosen = rng.choice(weight.size, size=BLOCK, p=weight.ravel() / weight.sum())
        effect, split = np.unravel_index(chosen, weight.shape)
        kind = rng.permuted(_kind_of_pairs(splits[split]), axis=1)
        place, uniform = np.zeros(kind.shape, dtype=np.int64), rng.random(kind.shape)
        for e in np.unique(effect):
            for k in np.unique(kind):
                here = (effect == e)[:, None] & (kind == k)
                outcomes = np.flatnonzero(kinds[k])
                upto = np.cumsum(laws[e].ravel()[outcomes])
                at = np.searchsorted(upto, uniform[here] * upto[-1], side="right")
                place[here] = outcomes[np.minimum(at, len(outcomes) - 1)]
        return np.stack([place // size, place % size], axis=-1)

    return draw_block


def _kind_of_pairs(splits: Ints) -> Ints:
    """Return the kind of every pair (sets, pairs) of splits (sets, 4)."""
    return np.array([np.repeat(np.arange(4), split) for split in splits])


# Extremes


def seek_ends(
    plan: Simulation, prior: Prior, drawn: Ints, rng: np.random.Generator
) -> tuple[Ints, list[Bound]]:
    """Return data sets at the ends of what a prior's reading permits, and the bounds.

    ``drawn`` (sets, pairs, 2): members to begin from. Proven are the hazard ratio of
    the matched model where it gave the printed p (all splits), and, up to
    :data:`MOST_ORDERS` orders, both hazard ratios of data without ties where the
    unmatched one did (all orders); the rest is searched.
    """
    steps, _ = clumped((plan.pairs, plan.pairs), plan.steps + 1, rng)
    begun = np.stack([steps[:, : plan.pairs], steps[:, plan.pairs :]], axis=-1)
    matched = prior.test == "cox-matched"
    if matched:
        sets, bounds = _near_pairs(plan, prior, rng), _bounds_of_splits(plan, prior)
    else:
        sets, bounds = _bounds_of_orders(plan, prior)
    cells = _cells(plan, prior)

    def measure(sets: Ints) -> tuple[Bools, Mapping[str, Floats]]:
        fits = models(sets, plan.steps)
        allowed = _fits(plan, prior, fits.matched if matched else fits.unmatched)
        allowed &= cells[sets[..., 0] - 1, sets[..., 1] - 1].all(axis=1)
        return allowed & _direction(plan, sets), _quantities(plan, sets, fits)

    def change(sets: Ints, rng: np.random.Generator) -> Ints:
        return _changed(plan, sets, rng)

    pool = np.concatenate([drawn, begun, sets])
    found, searched = seek(pool, measure, change, rng)
    known = {bound.quantity for bound in bounds if bound.scope == EVERY}
    return found, bounds + [b for b in searched if b.quantity not in known]


def quantities(plan: Simulation, sets: Ints) -> dict[str, Floats]:
    """Return what other analyses report of each data set, (sets,) each.

    Hazard ratios are 0 or infinite where one period always comes first.
    """
    return _quantities(plan, sets, models(sets, plan.steps))


def _quantities(plan: Simulation, sets: Ints, fits: Models) -> dict[str, Floats]:
    time, event, after, _ = follow_up(sets, plan.steps)
    return {
        "hazard ratio, unmatched": _ratio(fits.unmatched),
        "likelihood-ratio p, unmatched": fits.unmatched.likelihood_ratio_p,
        "hazard ratio, matched": _ratio(fits.matched),
        "likelihood-ratio p, matched": fits.matched.likelihood_ratio_p,
        "log-rank p": log_rank_arrays(time, event, after).p_value,
        "restricted mean difference": mean_difference(sets, plan.steps) * plan.step,
    }


def _ratio(fit: HazardRatioArrays) -> Floats:
    ends = np.where(fit.infinite < 0, 0.0, np.inf)
    return np.where(fit.infinite != 0, ends, fit.hazard_ratio)


def _near_pairs(plan: Simulation, prior: Prior, rng: np.random.Generator) -> Ints:
    """Return data sets of splits that fit whose pairs are a little, or far, apart."""
    splits = splits_that_fit(plan, prior)
    chosen = splits[rng.integers(len(splits), size=CLUMPED // 4)]
    kind = rng.permuted(_kind_of_pairs(chosen), axis=1)
    first = rng.integers(1, plan.steps, size=kind.shape)
    far = rng.random((len(kind), 1)) < 0.5
    gap = np.where(far, rng.integers(1, plan.steps, size=kind.shape), 1)
    second = (first + gap).clip(None, plan.steps)
    none = np.full(kind.shape, plan.steps + 1)
    return np.stack(
        [
            np.choose(kind, [first, second, first, none]),
            np.choose(kind, [second, first, first, none]),
        ],
        axis=-1,
    )


def _bounds_of_splits(plan: Simulation, prior: Prior) -> list[Bound]:
    splits = splits_that_fit(plan, prior)
    every = every_split(plan.pairs)
    there = (every.counts[:, None] == splits).all(axis=2).any(axis=1)
    return [
        Bound(name, float(found.min()), float(found.max()), True)
        for name, found in (
            ("hazard ratio, matched", _ratio(every.fit)[there]),
            ("likelihood-ratio p, matched", every.fit.likelihood_ratio_p[there]),
        )
    ]


@cache
def _orders(pairs: int) -> tuple[Bools, HazardRatioArrays]:
    """Return every order of untied times, with the unmatched model of each.

    (orders, 2 pairs), true is the period after. Whoever has no event in it comes last
    of all, which gives the same likelihood.
    """
    places = np.array(list(combinations(range(2 * pairs), pairs)))
    orders = np.zeros((len(places), 2 * pairs), dtype=bool)
    np.put_along_axis(orders, places, True, axis=1)
    time = np.arange(1.0, 2 * pairs + 1)
    return orders, cox_arrays(time, np.ones(2 * pairs), orders)


def _bounds_of_orders(plan: Simulation, prior: Prior) -> tuple[Ints, list[Bound]]:
    """Try all orders without ties under the unmatched reading.

    The pairs are free: of an order, the most pairs that can have the later event after
    are all but the largest lead of events after over those before.
    """
    n = plan.pairs
    nothing = np.empty((0, n, 2), dtype=np.int64), []
    if math.comb(2 * n, n) > MOST_ORDERS or 2 * n > plan.steps:
        return nothing
    orders, fit = _orders(n)
    fits = _fits(plan, prior, fit)
    # Somewhere in the order the later period must be able to be later on average.
    lead = np.cumsum(np.where(orders, 1, -1), axis=1)
    ahead, behind = lead.max(axis=1).clip(0), (-lead).max(axis=1).clip(0)
    if plan.lower is not None:
        fits &= (behind if plan.lower else ahead) > 0
    if not fits.any():
        return nothing
    rows = np.flatnonzero(fits)
    ratio = _ratio(fit)
    # Pairs that can at most, and must at least, have the later event after.
    most, least = n - ahead, behind
    wanted = {
        "hazard ratio, unmatched": ratio[rows],
        "likelihood-ratio p, unmatched": fit.likelihood_ratio_p[rows],
        "hazard ratio, matched": None,
    }
    # The longest delay: all before it at the start, the others at the end.
    delayed = orders[rows[behind[rows].argmax()]]
    bounds, sets = [], [_paired(plan, delayed, True)]
    for name, found in wanted.items():
        if found is None:
            low, high = rows[most[rows].argmax()], rows[least[rows].argmin()]
            ends = [
                _odds(n - most[low], most[low]),
                _odds(n - least[high], least[high]),
            ]
        else:
            low, high = rows[found.argmin()], rows[found.argmax()]
            ends = [float(found.min()), float(found.max())]
        bounds.append(Bound(name, *ends, True, WITHOUT_TIES))
        sets += [_paired(plan, orders[low], True), _paired(plan, orders[high], False)]
    return np.concatenate(sets), bounds


def _odds(losses: int, wins: int) -> float:
    """Return the matched hazard ratio of pairs without ties."""
    return float(losses / wins) if wins else math.inf


def _paired(plan: Simulation, order: Bools, later: bool) -> Ints:
    """Return data sets (spacings, pairs, 2) of an order, steps without ties.

    ``later``: as many pairs as can be have the later event after, else as few. The
    times of the first k stand at the start, the others at the end of the period.
    """
    size = len(order)
    place = np.arange(1, size + 1)
    spaced = np.array(
        [np.where(place <= k, place, place + plan.steps - size) for k in range(size)]
    )
    before, after = np.flatnonzero(~order), np.flatnonzero(order)
    if not later:
        before, after = after, before
    # Each goes with the first later one that is free; whoever is left, as it comes.
    free, own = list(after), {}
    for b in before.tolist():
        nearest = next((a for a in free if a > b), None)
        if nearest is not None:
            own[b] = nearest
            free.remove(nearest)
    own |= dict(zip([b for b in before.tolist() if b not in own], free, strict=True))
    first, second = np.array(list(own)), np.array(list(own.values()))
    pairs = (first, second) if later else (second, first)
    return np.stack([spaced[:, pairs[0]], spaced[:, pairs[1]]], axis=-1)


def _changed(plan: Simulation, sets: Ints, rng: np.random.Generator) -> Ints:
    """Return copies with times moved, tied, exchanged, or drawn together."""
    count, n = len(sets), plan.pairs
    sets = collapse(sets, rng)
    for again in (1.0, 0.5, 0.25):
        moved = np.flatnonzero(rng.random(count) < again)
        who, other = rng.integers(n, size=(2, len(moved)))
        which, side = rng.integers(2, size=(2, len(moved)))
        mine, theirs = sets[moved, who, which], sets[moved, other, side]
        ends = np.array([1, plan.steps, plan.steps + 1])
        new = np.choose(
            rng.integers(5, size=len(moved)),
            [
                theirs,
                theirs + rng.integers(-1, 2, len(moved)),
                mine + rng.integers(-1, 2, len(moved)),
                ends[rng.integers(3, size=len(moved))],
                rng.integers(1, plan.steps + 2, len(moved)),
            ],
        )
        exchange = rng.random(len(moved)) < 0.3
        new = np.where(exchange, theirs, new).clip(1, plan.steps + 1)
        sets[moved, who, which] = new
        swap = moved[exchange]
        sets[swap, other[exchange], side[exchange]] = mine[exchange]
    return sets
