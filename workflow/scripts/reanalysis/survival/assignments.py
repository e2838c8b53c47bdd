"""All or random assignments of group labels to patients, within strata."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reanalysis.survival.risk_sets import Ints


def assignments(labels: Ints, stratum: Ints | None = None) -> int:
    """Count the assignments of ``labels`` to the patients within their strata."""
    stratum = np.zeros(labels.size, dtype=int) if stratum is None else stratum
    total = 1
    for s in np.unique(stratum):
        left = int(np.count_nonzero(stratum == s))
        for count in np.bincount(labels[stratum == s]).tolist():
            total *= math.comb(left, count)
            left -= count
    return total


def every_assignment(
    labels: Ints, stratum: Ints | None = None
) -> Iterator[NDArray[np.int8]]:
    """Yield all assignments of ``labels`` in strata, shapes (some, patients).

    All are held in memory at a byte per label.
    """
    stratum = np.zeros(labels.size, dtype=int) if stratum is None else stratum
    whole = np.zeros((1, labels.size), dtype=np.int8)
    for s in np.unique(stratum):
        place = np.flatnonzero(stratum == s)
        own = _arrangements(np.bincount(labels[place]))
        repeated = np.repeat(whole, len(own), axis=0)
        repeated[:, place] = np.tile(own, (len(whole), 1))
        whole = repeated
    chunk = _chunk(labels.size)
    for begin in range(0, len(whole), chunk):
        yield whole[begin : begin + chunk]


def _arrangements(counts: Ints) -> NDArray[np.int8]:
    """List the arrangements of ``counts[g]`` labels g, one a row."""
    rows = np.zeros((1, 0), dtype=np.int8)
    left = counts[None, :]
    for _ in range(int(counts.sum())):
        row, label = np.nonzero(left)
        left = left[row]
        left[np.arange(row.size), label] -= 1
        rows = np.column_stack([rows[row], label.astype(np.int8)])
    return rows


def random_assignments(
    labels: Ints,
    stratum: Ints | None = None,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.int8]]:
    """Yield ``draws`` random assignments of ``labels`` within strata, in chunks."""
    stratum = np.zeros(labels.size, dtype=int) if stratum is None else stratum
    chunk = _chunk(labels.size)
    for begin in range(0, draws, chunk):
        drawn = np.tile(labels.astype(np.int8), (min(chunk, draws - begin), 1))
        for s in np.unique(stratum):
            place = np.flatnonzero(stratum == s)
            drawn[:, place] = rng.permuted(drawn[:, place], axis=1)
        yield drawn


def _chunk(patients: int) -> int:
    """Return how many assignments are handled at a time, for the memory they take."""
    return max(1, 1_000_000 // max(patients, 1))
