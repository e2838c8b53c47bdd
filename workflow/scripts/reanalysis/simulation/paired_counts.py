"""Counts of events before and after, drawn so that the printed test comes out.

Few pairs make a printed p of the exact signed-rank test a statement on each of them:
with ten, p = 0.002 says that all fell, and nothing on how far. Such a consequence is
put into the law of each patient, so nothing is drawn in vain; what is left of the print
is tested on whole data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import bdtr, stdtr

from reanalysis.data_set_arrays import Bools, Ints
from reanalysis.errors import MethodError
from reanalysis.measurements.rank_test_arrays import signed_rank_arrays
from reanalysis.simulation.declared import Floats, Prior, Simulation
from reanalysis.simulation.kept_draws import BLOCK, keep
from reanalysis.simulation.rate_laws import count_law
from reanalysis.simulation.sought import Bound, seek

#: Pairs up to which printed digits can miss all p-values: beyond them these are dense.
MOST_LISTED = 16


def draw(
    plan: Simulation, prior: Prior, members: int, rng: np.random.Generator
) -> tuple[Ints, list[str]]:
    """Return data sets (members, pairs, 2) of counts before and after, and messages.

    Each is an independent draw from the prior given everything printed. Raises
    :class:`MethodError` when the print cannot be met, or none of many drawn meets it.
    """
    _refuse_impossible(plan)
    fixed = all_one_way(plan)
    entered, cells = _cells(plan, prior, fixed)
    laws = np.array([count_law(prior.law, e, plan.most) for e in prior.effects])
    one = conditional(plan.pairs, laws, entered, cells, rng)

    def draw_block() -> tuple[Ints, Bools]:
        sets = one()
        return sets, permitted(plan, sets)

    sets, said = keep(draw_block, members)
    return sets, [told(plan, prior), said]


def conditional(
    pairs: int, laws: Floats, entered: Bools, cells: Bools, rng: np.random.Generator
) -> Callable[[], Ints]:
    """Return what draws a block of data sets whose patients' outcomes lie in ``cells``.

    ``laws`` (effects, outcomes before, after): the law of a patient under each effect,
    given ``entered``. An effect is as likely as it makes the cells, for all patients
    together; given the effect patients are independent. Raises :class:`MethodError`
    when no outcome is left.
    """
    mass = (laws * entered).sum(axis=(1, 2))
    inside = (laws * cells).sum(axis=(1, 2))
    if not (inside > 0).any():
        raise MethodError("No outcome of a patient is left by what was printed.")
    with np.errstate(divide="ignore"):
        log = pairs * np.log(inside / mass)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    outcomes = np.argwhere(cells)
    upto = np.cumsum(laws[:, cells], axis=1)

    def draw_block() -> Ints:
        effect = rng.choice(len(laws), size=BLOCK, p=weight)
        share = rng.random((BLOCK, pairs))
        place = np.empty((BLOCK, pairs), dtype=np.int64)
        for e in np.unique(effect):
            rows = effect == e
            at = share[rows] * upto[e, -1]
            place[rows] = np.searchsorted(upto[e], at, side="right")
        return outcomes[np.minimum(place, len(outcomes) - 1)]

    return draw_block


def permitted(plan: Simulation, sets: Ints) -> Bools:
    """Tell which data sets give the printed p-values and their direction."""
    difference = (sets[..., 1] - sets[..., 0]).astype(float)
    p = signed_rank_arrays(difference).p_value
    fits = np.ones(len(sets), dtype=bool)
    for printed in plan.p_values:
        fits &= printed.holds(p)
    if plan.lower is not None:
        shift = hodges_lehmann(difference)
        fits &= shift < 0 if plan.lower else shift > 0
    return fits


def hodges_lehmann(differences: Floats) -> Floats:
    """Return the median of all averages of two differences, (sets,)."""
    i, j = np.triu_indices(differences.shape[1])
    return np.median((differences[:, i] + differences[:, j]) / 2, axis=1)


def all_one_way(plan: Simulation) -> bool:
    """Tell whether the printed p says that every patient changed, all in one way.

    One patient who did not, or went the other way by the least, doubles the smallest
    p-value of n pairs; ties of ranks only add to that.
    """
    if plan.lower is None:
        return False
    return any(p.largest < 2.0 ** (2 - plan.pairs) for p in plan.p_values)


def told(plan: Simulation, prior: Prior) -> str:
    """Say how the claims are read."""
    said = (
        f"{plan.printed} the exact two-sided signed-rank test of {plan.pairs} pairs, "
        "zeros dropped"
    )
    if all_one_way(plan):
        way = "fewer" if plan.lower else "more"
        said += f": every one of them had {way} events after"
    if plan.least:
        said += f"; at least {plan.least} events before, the criterion of entry"
    if prior.within:
        said += "; 'all' is read as an event within the period after"
    return said + "."


def seek_ends(
    plan: Simulation, prior: Prior, drawn: Ints, rng: np.random.Generator
) -> tuple[Ints, list[Bound]]:
    """Return data sets at the ends of what a prior's reading permits, and the bounds.

    ``drawn`` (sets, pairs, 2): members to begin from. Where the print says that every
    patient changed one way, bounds are proven: a ratio of sums lies between the
    smallest and largest ratio of a patient, a median or mean difference between the
    smallest and largest difference; the test of the rates depends on two sums, which
    are all tried.
    """
    fixed = all_one_way(plan)
    _, cells = _cells(plan, prior, fixed)
    outcomes = np.argwhere(cells)
    # All patients alike.
    alike = np.repeat(outcomes[:, None], plan.pairs, axis=1)
    pool = [drawn, alike]
    bounds: list[Bound] = []
    if fixed and plan.lower:
        sums, bounds = _proven(plan, outcomes, alike)
        pool.append(sums)

    def measure(sets: Ints) -> tuple[Bools, Mapping[str, Floats]]:
        allowed = cells[sets[..., 0], sets[..., 1]].all(axis=1)
        return allowed & permitted(plan, sets), quantities(sets)

    def change(sets: Ints, rng: np.random.Generator) -> Ints:
        sets = sets.copy()
        rows = np.arange(len(sets))
        for again in (1.0, 0.5, 0.25):
            moved = rng.random(len(sets)) < again
            who = rng.integers(plan.pairs, size=len(sets))
            anew = outcomes[rng.integers(len(outcomes), size=len(sets))]
            near = sets[rows, who] + rng.integers(-1, 2, (len(sets), 2))
            near = near.clip(0, plan.most)
            new = np.where((rng.random(len(sets)) < 0.5)[:, None], anew, near)
            sets[rows[moved], who[moved]] = new[moved]
        return sets

    extreme, searched = seek(np.concatenate(pool), measure, change, rng)
    known = {bound.quantity for bound in bounds}
    return extreme, bounds + [b for b in searched if b.quantity not in known]


def quantities(sets: Ints) -> dict[str, Floats]:
    """Return what other analyses report of each data set, (sets,) each.

    The test of the rates is exact given their total; of two equal periods it is
    binomial with a half.
    """
    before, after = sets[..., 0].sum(axis=1), sets[..., 1].sum(axis=1)
    difference = (sets[..., 1] - sets[..., 0]).astype(float)
    total = before + after
    n = difference.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
        t = np.abs(difference.mean(axis=1))
        t = t / (difference.std(axis=1, ddof=1) / np.sqrt(n))
    # Differences that do not vary have no t test.
    constant = np.ptp(difference, axis=1) == 0
    return {
        "rate ratio": ratio,
        "conditional exact p": np.where(
            total > 0, np.minimum(2 * bdtr(np.minimum(before, after), total, 0.5), 1), 1
        ),
        "median difference": hodges_lehmann(difference),
        "mean difference": difference.mean(axis=1),
        "paired t p": np.where(constant, np.nan, 2 * stdtr(n - 1, -t)),
    }


def _refuse_impossible(plan: Simulation) -> None:
    if plan.pairs > MOST_LISTED:
        return
    smallest = 2.0 ** (1 - plan.pairs)
    attainable = np.arange(1, 2 ** (plan.pairs - 1) + 1) * smallest
    for printed in plan.p_values:
        if not printed.holds(attainable).any():
            raise MethodError(
                f"{printed.text} cannot come from {plan.pairs} pairs: an exact "
                f"two-sided signed-rank p is a whole multiple of {smallest:.3g}."
            )


def _cells(plan: Simulation, prior: Prior, fixed: bool) -> tuple[Bools, Bools]:
    """Return the outcomes of a patient who may enter, and those the print leaves."""
    before, after = np.indices((plan.most + 1, plan.most + 1))
    entered = before >= plan.least
    cells = entered & (after >= 1) if prior.within else entered
    if fixed:
        cells = cells & (after < before if plan.lower else after > before)
    return entered, cells


def _proven(plan: Simulation, outcomes: Ints, alike: Ints) -> tuple[Ints, list[Bound]]:
    """Return data sets for every pair of sums at an end, and bounds that hold."""
    found = quantities(alike)
    bounds = [
        Bound(name, float(found[name].min()), float(found[name].max()), True)
        for name in ("rate ratio", "median difference", "mean difference")
    ]
    n, fewest = plan.pairs, int(outcomes[:, 1].min())
    least = int(outcomes[:, 0].min())
    sums = [
        (before, after)
        for before in range(n * least, n * plan.most + 1)
        for after in range(n * fewest, before - n + 1)
    ]
    # As even as they go, so that nobody breaks what holds for all.
    place = np.arange(n)
    sets = np.array(
        [
            [[(total + i) // n for i in place.tolist()] for total in pair]
            for pair in sums
        ]
    ).transpose(0, 2, 1)
    name = "conditional exact p"
    p = quantities(sets)[name]
    bounds.append(Bound(name, float(p.min()), float(p.max()), True))
    return sets[[p.argmin(), p.argmax()]], bounds
