"""Association of two categorical variables: chi-square and Fisher's exact test.

Fisher's test is our own because scipy offers only Monte Carlo beyond two by two.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from reanalysis.errors import MethodError
from reanalysis.tables.binomial import TIE, HypothesisTest

Counts = NDArray[np.int64]

#: Largest number of partial tables that Fisher's test looks at (about 2 s).
LARGEST_SEARCH = 20_000_000


def _table(counts: ArrayLike) -> Counts:
    """Return the table without its empty rows and columns, refusing a bare one."""
    table = np.asarray(counts)
    if table.ndim != 2 or (table < 0).any() or (table != np.round(table)).any():
        raise MethodError("A table of whole numbers, none negative, is needed.")
    table = table.astype(np.int64)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        raise MethodError("A test needs two groups and two categories that occur.")
    return table


def chi_square(counts: ArrayLike) -> HypothesisTest:
    """Return Pearson's chi-square test of an r x c table without correction."""
    from scipy.stats import chi2_contingency

    table = _table(counts)
    found = chi2_contingency(table, correction=False)
    few = float((found.expected_freq < 5).mean())
    note = f"{few:.0%} of the expected counts are below 5." if few > 0.2 else ""
    p, statistic = float(found.pvalue), float(found.statistic)
    return HypothesisTest("chi-square", "two-sided", p, statistic, found.dof, note)


def fisher(counts: ArrayLike) -> HypothesisTest:
    """Return the Freeman-Halton extension of Fisher's exact test.

    The p-value is the probability, given the margins, of the tables no more
    likely than the observed one. Tables are built column by column; partial
    tables with the same rows left to fill (in any order) and the same
    probability so far are carried as one, and the last two columns, the largest,
    are looked up, so that far fewer are visited than there are tables. Raises
    MethodError beyond :data:`LARGEST_SEARCH` partial tables.
    """
    table = _table(counts)
    if table.shape[0] > table.shape[1]:
        table = table.T
    rows, columns = table.sum(1), np.sort(table.sum(0))
    n = int(rows.sum())
    log_factorial = gammaln(np.arange(n + 1) + 1.0)
    total = log_factorial[rows].sum() + log_factorial[columns].sum() - log_factorial[n]
    observed = -log_factorial[table].sum() + math.log(TIE)

    base = int(rows.max()) + 1
    if len(rows) * math.log2(base) > 62:
        raise _too_large()
    digits = base ** np.arange(len(rows), dtype=np.int64)
    left = np.sort(rows)[None, :]
    logs, weights = np.zeros(1), np.ones(1)
    visited = 0
    for size in columns[:-2]:
        fills = _fills(int(size), left.max(0))
        visited += len(left) * len(fills)
        if visited > LARGEST_SEARCH:
            raise _too_large()
        cost = log_factorial[fills].sum(1)
        parts = []
        step = max(1, 1_000_000 // fills.size)  # keeps the arrays small
        for start in range(0, len(left), step):
            rest = left[start : start + step, None, :] - fills[None]
            which, fill = np.nonzero((rest >= 0).all(-1))
            parts.append(
                _merge(
                    np.sort(rest[which, fill], axis=1) @ digits,
                    logs[start + which] - cost[fill],
                    weights[start + which],
                )
            )
        codes, logs, weights = _merge(*map(np.concatenate, zip(*parts, strict=True)))
        left = codes[:, None] // digits % base

    # For each set of rows still to fill, the ways to fill the last two columns.
    codes = left @ digits
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    fills = _fills(int(columns[-2]), left.max(0))
    if visited + len(starts) * len(fills) > LARGEST_SEARCH:
        raise _too_large()
    cost = log_factorial[fills].sum(1)
    p = 0.0
    for start, stop in zip(starts, np.r_[starts[1:], len(codes)], strict=True):
        rest = left[start] - fills
        possible = (rest >= 0).all(1)
        ends = -cost[possible] - log_factorial[rest[possible]].sum(1)
        ends.sort()
        below = np.r_[0.0, np.cumsum(np.exp(ends + total))]
        counted = np.searchsorted(ends, observed - logs[start:stop], side="right")
        p += float((weights[start:stop] * np.exp(logs[start:stop])) @ below[counted])
    return HypothesisTest("Fisher", "two-sided", min(p, 1.0))


def _too_large() -> MethodError:
    return MethodError("The table is too large for an exact test.")


def _fills(size: int, largest: Counts) -> Counts:
    """Return every way to share ``size`` over the rows, each row up to its largest."""
    fills = np.zeros((1, 0), dtype=np.int64)
    spent = np.zeros(1, dtype=np.int64)
    for i, most in enumerate(largest):
        room = int(largest[i + 1 :].sum())
        values = np.arange(min(int(most), size) + 1)
        if len(fills) * len(values) > LARGEST_SEARCH:
            raise _too_large()
        now = spent[:, None] + values
        which, value = np.nonzero((now <= size) & (now >= size - room))
        fills = np.column_stack([fills[which], values[value]])
        spent = now[which, value]
    return fills


def _merge(
    codes: Counts, logs: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[Counts, NDArray[np.float64], NDArray[np.float64]]:
    """Add up the weights of partial tables alike in rows left and probability."""
    # Rounding only groups what differs by less than a tie of probabilities may.
    keys = np.round(logs * 1e9)
    order = np.lexsort((keys, codes))
    codes, logs, keys, weights = codes[order], logs[order], keys[order], weights[order]
    new = np.r_[True, (codes[1:] != codes[:-1]) | (keys[1:] != keys[:-1])]
    starts = np.flatnonzero(new)
    return codes[starts], logs[starts], np.add.reduceat(weights, starts)
