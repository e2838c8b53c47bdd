"""Follow-up of two groups, drawn so that the printed comparison comes out.

What is mostly printed of small groups is that they did not differ, which nearly all
data sets say; these are drawn from the prior and kept when the test says it too.
Single patients whose event or end of follow-up the paper tells are in every data set.

Times are steps 1, 2, ... of a grid; who has no event is followed between the shortest
and longest follow-up of the prior.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from reanalysis.data_set_arrays import Bools, Ints
from reanalysis.simulation.declared import (
    COX_TESTS,
    Floats,
    Prior,
    Simulation,
    tests_named,
)
from reanalysis.simulation.kept_draws import BLOCK, keep
from reanalysis.simulation.sought import Bound, clumped, collapse, seek
from reanalysis.survival.cox_arrays import HazardRatioArrays, cox_arrays
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.survival_arrays import survival_arrays


def draw(
    plan: Simulation, prior: Prior, members: int, rng: np.random.Generator
) -> tuple[Ints, list[str]]:
    """Return data sets (members, patients, 2) of steps and events, and messages.

    The patients of the first group come first. Each is an independent draw from the
    prior given everything printed. Raises :class:`MethodError` when none of many drawn
    meets the print.
    """

    def draw_block() -> tuple[Ints, Bools]:
        sets = _block(plan, prior, rng)
        return sets, permitted(plan, prior, sets)

    sets, said = keep(draw_block, members)
    return sets, [_told(plan, prior), said]


def permitted(plan: Simulation, prior: Prior, sets: Ints) -> Bools:
    """Tell which data sets give the printed p-values and direction in a reading.

    A data set without an event while both groups are followed has no test.
    """
    return _fits(plan, prior, *_tests(plan, sets))


def _tests(plan: Simulation, sets: Ints) -> tuple[HazardRatioArrays, Floats]:
    follow_up = sets[..., 0].astype(float), sets[..., 1], first_group(plan)
    return cox_arrays(*follow_up), log_rank_arrays(*follow_up).p_value


def first_group(plan: Simulation) -> Bools:
    """Return who is of the first group, (patients,)."""
    return np.arange(sum(plan.sizes)) < plan.sizes[0]


def _fits(
    plan: Simulation, prior: Prior, fit: HazardRatioArrays, log_rank: Floats
) -> Bools:
    p_of = [log_rank]
    if prior.test == "cox":
        p_of = [getattr(fit, COX_TESTS[test]) for test in prior.p_of]
    fits = np.zeros(len(log_rank), dtype=bool)
    for p in p_of:
        fits |= np.all([printed.holds(p) for printed in plan.p_values], axis=0)
    if plan.lower is not None:
        sign = np.where(fit.infinite != 0, fit.infinite, np.sign(fit.coefficient))
        fits &= sign == (-1 if plan.lower else 1)
    return fits


def _block(plan: Simulation, prior: Prior, rng: np.random.Generator) -> Ints:
    """Draw data sets from the prior, the patients the paper tells of among them.

    Weibull times: ``share`` of the reference have the event by the longest follow-up,
    ``shape`` above 1 is late. Everybody is followed to a time that is even between
    the shortest and the longest.
    """
    low, high = _limits(plan, prior)
    shape = BLOCK, sum(plan.sizes)
    ratio = rng.choice(prior.effects, size=BLOCK)[:, None]
    hazard = -math.log1p(-float(prior.law["share"]))
    hazard = hazard * np.where(first_group(plan), ratio, 1.0)
    late = float(prior.law["shape"])
    when = high * (rng.standard_exponential(shape) / hazard) ** (1 / late)
    until = rng.integers(low, high, endpoint=True, size=shape)
    event = when <= until
    step = np.ceil(np.where(event, when, until)).astype(np.int64)
    sets = np.stack([step.clip(1), event.astype(np.int64)], axis=-1)
    for k, (first, last) in enumerate(_told_of(plan)):
        sets[:, k, 0] = rng.integers(first, last, endpoint=True, size=BLOCK)
        sets[:, k, 1] = k < len(plan.events_at)
    return sets


def _told_of(plan: Simulation) -> tuple[tuple[int, int], ...]:
    """Return the steps of the patients the paper tells of: events, then ends."""
    return plan.events_at + plan.ends_at


def _limits(plan: Simulation, prior: Prior) -> tuple[int, int]:
    low, high = map(float, prior.law["follow_up"])
    return max(math.ceil(low / plan.step - 1e-9), 1), math.floor(
        high / plan.step + 1e-9
    )


def _told(plan: Simulation, prior: Prior) -> str:
    by = "log-rank test"
    if prior.test == "cox":
        by = f"{tests_named(prior.p_of)} test of a Cox model, Efron's ties"
    said = f"{plan.printed} a two-sided {by}"
    if plan.lower is not None:
        when, side = ("later", "below") if plan.lower else ("sooner", "above")
        said += f"; {when} as a hazard ratio {side} 1"
    many = len(_told_of(plan))
    if many:
        said += (
            f"; {many} of the {plan.labels[0]} group "
            f"{'has' if many == 1 else 'have'} the time the paper tells"
        )
    low, high = prior.law["follow_up"]
    return (
        f"{said}. Assumed, not printed: whoever has no event is followed for {low:g} "
        f"to {high:g} {plan.unit or 'units of time'}."
    )


def seek_ends(
    plan: Simulation, prior: Prior, drawn: Ints, rng: np.random.Generator
) -> tuple[Ints, list[Bound]]:
    """Return data sets at the ends of what a prior's reading permits, and the bounds.

    ``drawn`` (sets, patients, 2): members to begin from. Nothing is proven: the
    orders of events and ends of follow-up are too many to try.
    """
    shortest, longest = _limits(plan, prior)
    told = _told_of(plan)
    least = np.full(drawn.shape[1], shortest)
    least[: len(told)] = 1
    event_told = np.arange(len(told)) < len(plan.events_at)
    ends = np.array([1, shortest, longest])

    def measure(sets: Ints) -> tuple[Bools, Mapping[str, Floats]]:
        fit, log_rank = _tests(plan, sets)
        allowed = _fits(plan, prior, fit, log_rank)
        return allowed, _quantities(plan, sets, fit, log_rank, shortest)

    def kept_within(sets: Ints) -> Ints:
        """Return data sets with what is told, and nobody followed too briefly."""
        sets[:, : len(told), 1] = event_told
        low = np.where(sets[..., 1] == 1, 1, least)
        sets[..., 0] = sets[..., 0].clip(low, longest)
        for k, (first, last) in enumerate(told):
            sets[:, k, 0] = sets[:, k, 0].clip(first, last)
        return sets

    def change(sets: Ints, rng: np.random.Generator) -> Ints:
        count, people = sets.shape[:2]
        sets = np.stack([collapse(sets[..., 0], rng), sets[..., 1]], axis=-1)
        for again in (1.0, 0.5, 0.25, 0.25):
            moved = np.flatnonzero(rng.random(count) < again)
            who, other = rng.integers(people, size=(2, len(moved)))
            mine, theirs = sets[moved, who], sets[moved, other]
            step = np.choose(
                rng.integers(5, size=len(moved)),
                [
                    theirs[:, 0] + rng.integers(-1, 2, len(moved)),
                    mine[:, 0] + rng.integers(-1, 2, len(moved)),
                    mine[:, 0],
                    ends[rng.integers(3, size=len(moved))],
                    rng.integers(1, longest + 1, len(moved)),
                ],
            )
            sets[moved, who, 0] = step
            sets[moved, who, 1] ^= rng.random(len(moved)) < 0.3
            exchange = rng.random(len(moved)) < 0.3
            swap = moved[exchange]
            sets[swap, who[exchange]] = theirs[exchange]
            sets[swap, other[exchange]] = mine[exchange]
        return kept_within(sets)

    begun = np.stack(clumped(plan.sizes, longest, rng), axis=-1).astype(np.int64)
    return seek(np.concatenate([drawn, kept_within(begun)]), measure, change, rng)


def quantities(plan: Simulation, prior: Prior, sets: Ints) -> dict[str, Floats]:
    """Return what other analyses report of each data set, (sets,) each.

    Hazard ratios are 0 or infinite where one group has no event that counts; Peto's
    is finite. The restricted mean is up to the shortest follow-up.
    """
    return _quantities(plan, sets, *_tests(plan, sets), _limits(plan, prior)[0])


def _quantities(
    plan: Simulation, sets: Ints, fit: HazardRatioArrays, log_rank: Floats, tau: int
) -> dict[str, Floats]:
    time, event, first = sets[..., 0].astype(float), sets[..., 1], first_group(plan)
    means = [
        survival_arrays(time[:, own], event[:, own], tau=tau, interval=None)
        for own in (first, ~first)
    ]
    compared = log_rank_arrays(time, event, first)
    ends = np.where(fit.infinite < 0, 0.0, np.inf)
    share = event[:, first].mean(axis=1) - event[:, ~first].mean(axis=1)
    difference = means[0].restricted_mean - means[1].restricted_mean
    with np.errstate(invalid="ignore", divide="ignore"):
        peto = np.exp(compared.difference / compared.variance)
    return {
        "hazard ratio": np.where(fit.infinite != 0, ends, fit.hazard_ratio),
        "hazard ratio, Peto": peto,
        "likelihood-ratio p": fit.likelihood_ratio_p,
        "log-rank p": log_rank,
        "restricted mean difference": difference * plan.step,
        "difference of shares with the event": share,
    }
