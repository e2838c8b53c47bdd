"""Data sets looked for because they take a quantity to an end of its range.

A data set is an array of whole numbers (patients, 2). From the best known for each end
of each quantity, changed copies are tried together; one that is permitted and no worse
takes its place. What is found is reached for certain; that nothing lies beyond it is
not proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reanalysis.simulation.declared import Bools, Floats
from reanalysis.survival.risk_sets import Ints

#: Which data sets (sets, patients, 2) are permitted, and their quantities by name.
Measure = Callable[[Ints], tuple[Bools, Mapping[str, Floats]]]
#: Copies of data sets with something changed.
Change = Callable[[Ints, np.random.Generator], Ints]

#: What a bound is of, where nothing else is said.
EVERY = "all permitted data sets"
#: Rounds of trials, and changed copies of each best data set in a round.
ROUNDS, COPIES = 100, 24
#: Clumped data sets that a search may begin from, and most moments of one.
CLUMPED, MOMENTS = 16_384, 6


@dataclass(frozen=True, slots=True)
class Bound:
    """The smallest and largest value of a quantity over permitted data sets.

    ``proven``: no permitted data set of the ``scope`` lies beyond; otherwise these are
    the most extreme ones found.
    """

    quantity: str
    low: float
    high: float
    proven: bool
    scope: str = EVERY


def seek(
    pool: Ints, measure: Measure, change: Change, rng: np.random.Generator
) -> tuple[Ints, list[Bound]]:
    """Return extreme data sets, each once, and the bounds they reach.

    ``pool`` (sets, patients, 2): where to begin; those not permitted are left out. A
    quantity that no data set of the pool has is not sought.
    """
    permitted, values = measure(pool)
    pool = pool[permitted]
    values = {name: value[permitted] for name, value in values.items()}
    names = [name for name, value in values.items() if not np.isnan(value).all()]
    if not names:
        return pool[:0], []

    def ends(found: Mapping[str, Floats], allowed: Bools) -> Floats:
        """Return how far each data set goes: (ends, sets), low end and high end."""
        both = np.array([sign * found[name] for name in names for sign in (-1, 1)])
        return np.where(allowed & ~np.isnan(both), both, -np.inf)

    far = ends(values, np.ones(len(pool), dtype=bool))
    best, reached = pool[far.argmax(axis=1)], far.max(axis=1)
    for _ in range(ROUNDS):
        tried = change(np.repeat(best, COPIES, axis=0), rng)
        allowed, found = measure(tried)
        far = ends(found, allowed)
        # A trial made for one end may serve another; an equal one keeps things moving.
        chosen, top = far.argmax(axis=1), far.max(axis=1)
        better = (top >= reached) & (top > -np.inf)
        best[better], reached[better] = tried[chosen[better]], top[better]
    bounds = [
        Bound(name, float(0.0 - reached[2 * i]), float(reached[2 * i + 1]), False)
        for i, name in enumerate(names)
    ]
    return np.unique(best, axis=0), bounds


def collapse(steps: Ints, rng: np.random.Generator) -> Ints:
    """Return steps (sets, ...) with a stretch of time drawn together to one end of it.

    In a part of the data sets; its ends are two of the data set's own steps.
    """
    flat = steps.reshape(len(steps), -1)
    rows = np.arange(len(flat))
    ends = flat[rows[:, None], rng.integers(flat.shape[1], size=(len(flat), 2))]
    low, high = ends.min(axis=1)[:, None], ends.max(axis=1)[:, None]
    some = rng.random((len(flat), 1)) < 0.2
    inside = some & (flat >= low) & (flat <= high)
    return np.where(inside, ends[:, :1], flat).reshape(steps.shape)


def clumped(
    sizes: tuple[int, ...], longest: int, rng: np.random.Generator
) -> tuple[Ints, Bools]:
    """Return steps and events (sets, patients) of data sets with few moments.

    At each moment a group has events or ends of follow-up, of few or many patients:
    priors hardly ever draw such, and extremes look so. Tied, or close in time.
    """
    moments = rng.integers(1, MOMENTS + 1, size=(CLUMPED, 1))
    when = np.sort(rng.integers(1, longest + 1, (CLUMPED, MOMENTS)), axis=1)
    close = rng.random((CLUMPED, 1)) < 0.5
    rows = np.arange(CLUMPED)[:, None]
    steps, events = [], []
    for size in sizes:
        # Shares of the moments: few have most of the patients.
        share = rng.exponential(size=(CLUMPED, MOMENTS)) ** 3
        share = np.cumsum(share * (np.arange(MOMENTS) < moments), axis=1)
        share /= share[:, -1:]
        mine = (rng.random((CLUMPED, size))[:, :, None] > share[:, None]).sum(axis=2)
        event = rng.random((CLUMPED, MOMENTS)) < rng.random((CLUMPED, 1))
        apart = rng.integers(0, size, (CLUMPED, size)) * close
        steps.append((when[rows, mine] + apart).clip(1, longest))
        events.append(event[rows, mine])
    return np.concatenate(steps, axis=1), np.concatenate(events, axis=1)
