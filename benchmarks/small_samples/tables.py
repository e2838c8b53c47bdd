"""Coverage and level of methods for proportions and ranks in small trials.

    .venv/bin/python benchmarks/small_samples/tables.py [--replicates 2000]

writes docs/small_samples/tables.md. Proportions are enumerated, not simulated: every
number there is exact. Only the part on ranks draws samples.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from reanalysis.errors import MethodError  # noqa: E402
from reanalysis.measurements.location import mann_whitney_test  # noqa: E402
from reanalysis.measurements.means import moments, two_sample_t  # noqa: E402
from reanalysis.measurements.relative_effect import brunner_munzel, permutation_p  # noqa: E402
from reanalysis.methods.tables import (  # noqa: E402
    RISK_DIFFERENCE_INTERVALS,
    STRATIFIED_INTERVALS,
    STRATIFIED_TESTS,
    TESTS,
)
from reanalysis.tables.binomial import (  # noqa: E402
    PROPORTION_INTERVALS,
    binomial_probabilities,
)

SEED = 20250101
LEVEL = 0.05
SHARES = np.linspace(0.01, 0.99, 99)
PAIRS = ((6, 6), (7, 18), (10, 10), (20, 20))


def one_proportion(n: int, function: Callable) -> np.ndarray:
    """Return the coverage of an interval at every share."""
    limits = np.array([function(x, n, 0.95) for x in range(n + 1)])
    return np.array(
        [
            binomial_probabilities(n, p)[
                (limits[:, 0] <= p + 1e-12) & (p <= limits[:, 1] + 1e-12)
            ].sum()
            for p in SHARES
        ]
    )


@cache
def _laws(n: int) -> np.ndarray:
    return np.array([binomial_probabilities(n, p) for p in SHARES[1::4]])


def difference(n1: int, n2: int, function: Callable) -> np.ndarray:
    """Return the coverage of an interval of a difference at every pair of shares."""
    limits = np.array(
        [[function(a, n1, b, n2, 0.95) for b in range(n2 + 1)] for a in range(n1 + 1)]
    )
    found, shares = [], SHARES[1::4]
    for i, p1 in enumerate(shares):
        for j, p2 in enumerate(shares):
            d = p1 - p2
            held = (limits[..., 0] <= d + 1e-9) & (d <= limits[..., 1] + 1e-9)
            found.append((np.outer(_laws(n1)[i], _laws(n2)[j]) * held).sum())
    return np.array(found)


def level(n1: int, n2: int, test: Callable) -> np.ndarray:
    """Return how often a test rejects equal shares, at every share."""
    rejects = np.array(
        [
            [test(a, n1, b, n2, "two-sided").p_value <= LEVEL for b in range(n2 + 1)]
            for a in range(n1 + 1)
        ]
    )
    return np.array(
        [
            (
                np.outer(binomial_probabilities(n1, p), binomial_probabilities(n2, p))
                * rejects
            ).sum()
            for p in SHARES
        ]
    )


def ranks(replicates: int) -> Iterable[tuple[str, dict[str, float]]]:
    """Yield how often tests of two groups reject a true hypothesis."""
    rng = np.random.default_rng(SEED)
    for n1, n2 in ((4, 8), (7, 18), (10, 10)):
        for spread, ties in ((1.0, False), (1.0, True), (3.0, False)):
            count = {"Mann-Whitney": 0, "Brunner-Munzel": 0, "permuted": 0, "Welch": 0}
            for number in range(replicates):
                x, y = spread * rng.standard_normal(n1), rng.standard_normal(n2)
                if ties:
                    x, y = np.round(x), np.round(y)
                count["Mann-Whitney"] += mann_whitney_test(x, y).p_value <= LEVEL
                (m1, s1), (m2, s2) = moments(x), moments(y)
                if s1 or s2:
                    t = two_sample_t(m1 - m2, s1, n1, s2, n2)
                    count["Welch"] += float(t.p_value) <= LEVEL
                # Without overlap the test is not defined, which is no rejection.
                with suppress(MethodError):
                    count["Brunner-Munzel"] += brunner_munzel(x, y).p_value <= LEVEL
                if math.comb(n1 + n2, n1) <= 1000 and number < replicates // 4:
                    count["permuted"] += 4 * (permutation_p(x, y)[0] <= LEVEL)
            label = f"{n1} against {n2}, spread {spread:g} to 1"
            label += ", rounded to whole numbers" if ties else ""
            yield label, {name: 100 * c / replicates for name, c in count.items()}


#: Patients of both groups in each stratum, and risks of the reference there.
STRATA = {
    "3 strata of 4 to 7": (((2, 2), (3, 3), (3, 4)), (0.2, 0.4, 0.6)),
    "2 strata of 8 and 12": (((3, 5), (6, 6)), (0.15, 0.5)),
}
ODDS_RATIOS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)


def stratified(sizes: tuple, risks: tuple) -> dict[str, dict[str, np.ndarray]]:
    """Return coverage of each interval and rejections of each test over strata.

    Every set of tables is counted with its probability. An interval that does not
    exist covers everything, a test that does not exist rejects nothing.
    """
    counts = [range(n + 1) for pair in sizes for n in pair]
    every = np.array(list(itertools.product(*counts)))
    # Rows (tables, strata, 4): events and patients of the group, of the reference.
    tables = np.zeros((len(every), len(sizes), 4), dtype=int)
    tables[:, :, 0], tables[:, :, 2] = every[:, ::2], every[:, 1::2]
    tables[:, :, 1], tables[:, :, 3] = np.array(sizes).T
    chance = np.ones((len(ODDS_RATIOS), len(every)))
    for ratio, own in zip(ODDS_RATIOS, chance, strict=True):
        for k, ((n, m), risk) in enumerate(zip(sizes, risks, strict=True)):
            odds = ratio * risk / (1 - risk)
            own *= binomial_probabilities(n, odds / (1 + odds))[tables[:, k, 0]]
            own *= binomial_probabilities(m, risk)[tables[:, k, 2]]
    found: dict[str, dict[str, np.ndarray]] = {"intervals": {}, "tests": {}}
    for name, function in STRATIFIED_INTERVALS.values():
        low, high = np.array([_limits(function, t) for t in tables]).T
        inside = [
            (low <= r * (1 + 1e-9)) & (r <= high * (1 + 1e-9)) for r in ODDS_RATIOS
        ]
        found["intervals"][name] = (chance * inside).sum(axis=1)
    null = chance[ODDS_RATIOS.index(1.0)]
    for name, test in STRATIFIED_TESTS.values():
        p = np.array([_p_value(test, t) for t in tables])
        found["tests"][name] = null[p <= LEVEL].sum()
    return found


def _limits(function: Callable, tables: np.ndarray) -> tuple[float, float]:
    try:
        low, high = function(tables, 0.95)
    except MethodError:
        return 0.0, math.inf
    return (0.0, math.inf) if math.isnan(low) else (low, high)


def _p_value(test: Callable, tables: np.ndarray) -> float:
    try:
        return test(tables).p_value
    except MethodError:
        return 1.0


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(x: float) -> str:
    """Return a share in per cent with one decimal, never rounded up to a bound."""
    return f"{math.floor(1000 * x + 1e-9) / 10:.1f}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=2000)
    replicates = parser.parse_args().replicates
    sizes = (6, 10, 20)
    shares = []
    for name, function in PROPORTION_INTERVALS.values():
        found = [one_proportion(n, function) for n in sizes]
        shares.append(
            [name, *(f"{percent(c.min())} ({percent(c.mean())})" for c in found)]
        )
    differences = []
    for name, function in RISK_DIFFERENCE_INTERVALS.values():
        found = [difference(*pair, function) for pair in PAIRS]
        differences.append(
            [name, *(f"{percent(c.min())} ({percent(c.mean())})" for c in found)]
        )
    levels = []
    for name in (
        "fisher", "boschloo", "barnard", "fisher-midp", "chi-square",
        "chi-square-yates", "n-1-chi-square", "z-test",
    ):  # fmt: skip
        found = [level(*pair, TESTS[name]) for pair in PAIRS]
        levels.append([name, *(f"{100 * c.max():.2f}" for c in found)])
    layers = [stratified(*strata) for strata in STRATA.values()]
    layered = [
        [name, *(f"{percent(c.min())} ({percent(c.mean())})" for c in found)]
        for name in layers[0]["intervals"]
        for found in [[layer["intervals"][name] for layer in layers]]
    ]
    rejected = [
        [name, *(f"{100 * layer['tests'][name]:.2f}" for layer in layers)]
        for name in layers[0]["tests"]
    ]
    ranked = [
        [
            label,
            *(
                "not tried" if name == "permuted" and value == 0 else f"{value:.1f}"
                for name, value in found.items()
            ),
        ]
        for label, found in ranks(replicates)
    ]
    pairs = [f"{a} against {b}" for a, b in PAIRS]
    tests = ["Mann-Whitney, exact", "Brunner-Munzel", "permutation", "Welch t"]
    error = 100 * math.sqrt(LEVEL * (1 - LEVEL) / replicates)
    text = f"""# Proportions and ranks in small samples

`python benchmarks/small_samples/tables.py --replicates {replicates}` (seed {SEED}).
Everything on proportions is exact, by enumeration.

## One proportion: coverage of 95 % intervals, smallest (mean) over shares, %

Exact intervals (Clopper-Pearson, Blaker) hold their level at every share; the usual
Wald interval does not come near it.

{table(["interval", *(f"n = {n}" for n in sizes)], shares)}

## Difference of two proportions: coverage of 95 % intervals, smallest (mean), %

{table(["interval", *pairs], differences)}

## Two proportions: largest probability to reject a true hypothesis at 5 %, %

Fisher's, Boschloo's and Barnard's tests hold their level; Boschloo's wastes least.

{table(["test", *pairs], levels)}

## Odds ratio over strata: coverage of 95 % intervals, smallest (mean), %

Over odds ratios from {ODDS_RATIOS[0]:g} to {ODDS_RATIOS[-1]:g}, all tables counted.
Where an interval does not exist (the limits of Robins, Breslow and Greenland with an
estimate of 0 or infinity) it counts as covering.

{table(["interval", *STRATA], layered)}

## Odds ratio over strata: probability to reject a true hypothesis at 5 %, %

{table(["test", *STRATA], rejected)}

## Two groups of measurements: how often a true hypothesis is rejected at 5 %, %

Standard error of a cell about {error:.1f} points at 5 %. With unequal spread the
Mann-Whitney test rejects too often or too seldom; the Brunner-Munzel test is better,
but with very small groups neither it nor its permutation version holds the level.

{table(["situation", *tests], ranked)}
"""
    target = ROOT / "docs" / "small_samples" / "tables.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
