"""The smallest p-value each test can reach with so many patients.

An exact test has one p-value per outcome; with few patients even the most extreme
outcome is not rare. The formulas count the most extreme arrangements among all that
are equally likely without an effect, for data without ties.
"""

from __future__ import annotations

from math import comb

from reanalysis.tables.binomial import binomial_test
from reanalysis.tables.two_by_two import fisher


def signed_rank(n: int, *, two_sided: bool = True) -> float:
    """Return the smallest p of the exact signed-rank test on ``n`` changed pairs.

    All pairs change one way: one of 2^n sign patterns. The sign test and the exact
    McNemar test have the same smallest p.
    """
    return min(1.0, (2 if two_sided else 1) * 0.5**n)


def rank_sum(n1: int, n0: int, *, two_sided: bool = True) -> float:
    """Return the smallest p of the exact Mann-Whitney test: complete separation."""
    return min(1.0, (2 if two_sided else 1) / comb(n1 + n0, n1))


def permutation_log_rank(n1: int, n0: int, *, two_sided: bool = True) -> float:
    """Return the smallest p of the permutation log-rank test, no patient censored.

    All of the group whose order weighs most fail first or last. Two-sided by distance
    from the expected number of events, the mirror image is as far only when the
    groups are equal.
    """
    equal = two_sided and n1 == n0
    return min(1.0, (2 if equal else 1) / comb(n1 + n0, n1))


def fisher_exact(n1: int, n0: int, *, two_sided: bool = True) -> float:
    """Return the smallest p of Fisher's test over all tables with these groups."""
    alternatives = ("two-sided",) if two_sided else ("greater", "less")
    # Of all tables the emptiest corners are the most extreme.
    corners = ((n1, 0), (0, n0))
    return min(
        fisher(x1, n1, x0, n0, alternative).p_value
        for x1, x0 in corners
        for alternative in alternatives
    )


def one_proportion(n: int, null: float, *, two_sided: bool = True) -> float:
    """Return the smallest p of the exact binomial test of a share against ``null``."""
    if two_sided:
        return min(binomial_test(x, n, null).p_value for x in (0, n))
    return min(null**n, (1 - null) ** n)
