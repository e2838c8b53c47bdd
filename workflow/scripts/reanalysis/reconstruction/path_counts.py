"""How many event sequences a curve and its printed counts allow: exact enumeration."""

from __future__ import annotations

import numpy as np

from reanalysis.reconstruction.curve_problem import MOST_BETWEEN, Problem
from reanalysis.survival.risk_sets import Floats, Ints


def count_paths(problem: Problem, limit: int = 100_000) -> tuple[float, bool]:
    """Count the event sequences (at risk and events at every drop) that are allowed.

    Exact enumeration with equal states merged, without the prior. Returns the count
    and whether it is complete: beyond ``limit`` states at one drop it is not, and the
    count only says that sequences were still open. A complete count of 0 proves that
    no list of patients fits.
    """
    n = np.array([problem.n])
    s, spent, ways = np.ones(1), np.zeros(1, dtype=np.int64), np.ones(1)
    every = np.arange(problem.n + 1)
    marked = problem.nodes[0].marks is not None
    # Which of the gaps between two drops held a censoring tells no sequences apart.
    reach = np.eye(problem.n + 1, dtype=bool)
    for i, node in enumerate(problem.nodes):
        lost = every[:, None] - every
        allowed = (lost >= 0) & ((every > 0) | (every[:, None] == 0))
        if node.marks is not None:
            some = bool(node.marks or node.loose)
            allowed &= (lost >= len(node.marks)) if some else (lost == 0)
        elif node.gap == 0:
            allowed &= lost == 0
        allowed &= (every >= problem.low[i]) & (every <= problem.high[i])
        if node.drop < 0 and node.at_risk >= 0:
            allowed &= every == node.at_risk
        reach = reach @ allowed
        if node.drop < 0:
            continue
        if node.at_risk >= 0:
            # The tick first: a few fewer than it says may be left at the drop.
            early = reach[:, node.at_risk].copy()
            last = reach & (every > node.at_risk)
            reach = last
            for few in range(MOST_BETWEEN + 1):
                if node.at_risk - few > 0:
                    reach[:, node.at_risk - few] = early & (few == 0 or not marked)
        row, to = np.nonzero(reach[n])
        s, spent, ways = s[row], spent[row], ways[row]
        found = []
        j = node.drop
        for d in range(int(problem.fewest[j]), int(problem.most[j]) + 1):
            left = to - d
            after = s * left / np.maximum(to, 1)
            ok = np.abs(after - problem.curve.survival[j]) <= problem.tolerance
            ok &= left >= 0
            if node.at_risk >= 0:
                late = left - node.at_risk
                most = 0 if marked else MOST_BETWEEN
                # The tick first, last, or (late < 0) between the events of the drop.
                ok &= (to <= node.at_risk) | (late <= most)
                left = np.where((to <= node.at_risk) | (late < 0), left, node.at_risk)
            more = spent + (d - problem.fewest[j] if problem.spare >= 0 else 0)
            ok &= more <= max(problem.spare, 0)
            found.append((left[ok], after[ok], more[ok], ways[ok]))
        n, s, spent, ways = _merged(
            *(np.concatenate(parts) for parts in zip(*found, strict=True))
        )
        if n.size == 0:
            return 0.0, True
        if n.size > limit:
            return float(ways.sum()), False
        reach = np.eye(problem.n + 1, dtype=bool)
    complete = reach[n].any(axis=1)
    if problem.spare >= 0:
        complete &= spent == problem.spare
    return float(ways[complete].sum()), True


def _merged(
    n: Ints, s: Floats, spent: Ints, ways: Floats
) -> tuple[Ints, Floats, Ints, Floats]:
    """Add up the ways to reach equal states."""
    order = np.lexsort((spent, s.round(12), n))
    n, s, spent, ways = n[order], s[order], spent[order], ways[order]
    new = np.append(True, (np.diff(n) != 0) | (np.diff(spent) != 0))[: n.size]
    if n.size:
        new[1:] |= np.diff(s.round(12)) != 0
    first = np.flatnonzero(new)
    total = np.add.reduceat(ways, first) if n.size else ways
    return n[first], s[first], spent[first], total
