"""Exact unconditional tests and intervals of two proportions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from reanalysis.errors import MethodError
from reanalysis.tables.two_by_two import fisher, score_difference_interval
from reanalysis.tables.unconditional import barnard, boschloo, exact_difference_interval

GRID = [Fraction(i, 400) for i in range(401)]


def squared_z(x1, n1, x2, n2):
    """Return the signed square of the pooled z, exactly."""
    x, n = x1 + x2, n1 + n2
    if x in (0, n):
        return Fraction(0)
    d = Fraction(x1, n1) - Fraction(x2, n2)
    variance = Fraction(x * (n - x), n * n) * (Fraction(1, n1) + Fraction(1, n2))
    return (1 if d > 0 else -1) * d * d / variance


def by_hand(extreme, n1, n2, grid=GRID):
    """Return the largest probability of some tables over a grid, exactly."""
    best = Fraction(0)
    for p in grid:
        total = Fraction(0)
        for x1, x2 in extreme:
            total += (
                math.comb(n1, x1)
                * math.comb(n2, x2)
                * p ** (x1 + x2)
                * (1 - p) ** (n1 + n2 - x1 - x2)
            )
        best = max(best, total)
    return float(best)


def tables(n1, n2):
    return list(product(range(n1 + 1), range(n2 + 1)))


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2"),
    [(3, 3, 0, 3), (2, 3, 0, 4), (5, 6, 1, 5), (1, 2, 1, 3), (0, 3, 0, 3)],
)
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_barnard_by_fractions(x1, n1, x2, n2, alternative):
    side = {"greater": 1, "less": -1}.get(alternative)

    def rank(a, b):
        z = squared_z(a, n1, b, n2)
        return abs(z) if side is None else side * z

    extreme = [t for t in tables(n1, n2) if rank(*t) >= rank(x1, x2)]
    assert barnard(x1, n1, x2, n2, alternative).p_value == pytest.approx(
        by_hand(extreme, n1, n2), abs=2e-5
    )


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2"), [(3, 3, 0, 3), (2, 3, 0, 4), (5, 6, 1, 5), (1, 2, 1, 3)]
)
@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_boschloo_by_fractions(x1, n1, x2, n2, alternative):
    own = fisher(x1, n1, x2, n2, alternative).p_value
    extreme = [
        (a, b)
        for a, b in tables(n1, n2)
        if fisher(a, n1, b, n2, alternative).p_value <= own * (1 + 1e-7)
    ]
    assert boschloo(x1, n1, x2, n2, alternative).p_value == pytest.approx(
        by_hand(extreme, n1, n2), abs=2e-5
    )


def test_published_values():
    # Mehta and Senchaudhuri (2003): 7 of 15 vaccinated and 12 of 15 others infected,
    # Fisher's one-sided p 0.0641, Barnard's 0.0341.
    assert barnard(7, 15, 12, 15, "less").p_value == pytest.approx(0.0341, abs=5e-5)
    assert fisher(7, 15, 12, 15, "less").p_value == pytest.approx(0.0641, abs=5e-5)


def test_tables_tied_in_exact_arithmetic_count_as_tied():
    # Mirrored tables have the same z, which floating point tells apart.
    assert barnard(7, 12, 1, 12).p_value == pytest.approx(
        2 * barnard(7, 12, 1, 12, "greater").p_value, rel=1e-9
    )


def test_boschloo_is_never_less_powerful_than_fisher():
    for x1, x2 in tables(7, 6):
        p = boschloo(x1, 7, x2, 6).p_value
        assert p <= fisher(x1, 7, x2, 6).p_value + 1e-9


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (6, 6), (3, 10), (7, 12)])
@pytest.mark.parametrize("test", [barnard, boschloo])
def test_level_holds_at_every_proportion(test, n1, n2):
    p = np.array(
        [[test(a, n1, b, n2).p_value for b in range(n2 + 1)] for a in range(n1 + 1)]
    )
    ways = np.array(
        [
            [math.comb(n1, a) * math.comb(n2, b) for b in range(n2 + 1)]
            for a in range(n1 + 1)
        ]
    )
    events = np.add.outer(np.arange(n1 + 1), np.arange(n2 + 1))
    for share in np.linspace(0.001, 0.999, 301):
        law = ways * share**events * (1 - share) ** (n1 + n2 - events)
        assert law[p <= 0.05].sum() <= 0.05 + 1e-9


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (6, 6), (3, 10)])
def test_exact_interval_covers_at_every_pair_of_proportions(n1, n2):
    limits = np.array(
        [
            [exact_difference_interval(a, n1, b, n2) for b in range(n2 + 1)]
            for a in range(n1 + 1)
        ]
    )
    a, b = np.arange(n1 + 1), np.arange(n2 + 1)
    ways1 = np.array([math.comb(n1, k) for k in a])
    ways2 = np.array([math.comb(n2, k) for k in b])
    for p1, p2 in product(np.linspace(0.02, 0.98, 17), repeat=2):
        law = np.outer(
            ways1 * p1**a * (1 - p1) ** (n1 - a), ways2 * p2**b * (1 - p2) ** (n2 - b)
        )
        holds = (limits[..., 0] <= p1 - p2 + 1e-9) & (p1 - p2 <= limits[..., 1] + 1e-9)
        assert law[holds].sum() >= 0.95 - 1e-6, (p1, p2)


def test_exact_interval_is_antisymmetric_and_holds_the_estimate():
    for x1, n1, x2, n2 in ((7, 12, 1, 12), (0, 3, 3, 3), (2, 6, 2, 6), (1, 3, 0, 18)):
        low, high = exact_difference_interval(x1, n1, x2, n2)
        back = exact_difference_interval(x2, n2, x1, n1)
        assert back == pytest.approx((-high, -low), abs=1e-7)
        assert -1 <= low <= x1 / n1 - x2 / n2 <= high <= 1
    # For larger groups close to the asymptotic score interval.
    exact = exact_difference_interval(30, 60, 20, 60)
    score = score_difference_interval(30, 60, 20, 60, unbiased=False)
    assert exact == pytest.approx(score, abs=0.02)


def test_what_cannot_be_served_is_refused():
    for call in (barnard, boschloo, exact_difference_interval):
        with pytest.raises(MethodError):
            call(0, 0, 1, 2)
        with pytest.raises(MethodError):
            call(3, 2, 1, 2)
        with pytest.raises(MethodError):
            call(1, 400, 1, 2)
