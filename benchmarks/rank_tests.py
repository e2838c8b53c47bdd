"""Time exact rank tests with ties beside scipy, coin and exactRankTests, in one run.

    nice python benchmarks/rank_tests.py [--repeats 25]

Prints the median milliseconds of repeated calls, from the values to the p-value, and
the p-values. Laws that the methods keep between calls are thrown away before each.
Without Rscript, coin or exactRankTests their rows say so.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu, wilcoxon

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.measurements import rank_laws
from reanalysis.measurements.location import mann_whitney_test, signed_rank_test

#: Patients in all; of two groups the smaller holds three tenths.
SIZES = (10, 20, 50)
SEED = 20250101
#: Most milliseconds that an exact test of 50 observations may take.
BOUND_MS = 5.0

R = """
%(load)s
x <- c(%(x)s); y <- c(%(y)s)
once <- function() %(call)s
p <- once()
twenty <- function() for (i in 1:20) once()
s <- replicate(%(repeats)d, system.time(twenty(), gcFirst = FALSE)[["elapsed"]])
cat(median(s) / 20, p)
"""
#: Test -> name of an R routine -> what loads it and what calls it.
R_CALLS = {
    "signed rank": {
        "coin, exact": (
            "suppressMessages(library(coin)); z <- rep(0, %d)",
            'pvalue(wilcoxsign_test(x ~ z, zero.method = "Wilcoxon",'
            ' distribution = "exact"))',
        ),
        "exactRankTests": (
            "suppressMessages(library(exactRankTests)); n <- %d",
            "wilcox.exact(x, exact = TRUE)$p.value",
        ),
    },
    "Mann-Whitney": {
        "coin, exact": (
            "suppressMessages(library(coin)); n <- %d",
            "pvalue(wilcox_test(v ~ g, data.frame(v = c(x, y), g = factor(rep(1:2,"
            ' c(length(x), length(y))))), distribution = "exact"))',
        ),
        "exactRankTests": (
            "suppressMessages(library(exactRankTests)); n <- %d",
            "wilcox.exact(x, y, exact = TRUE)$p.value",
        ),
    },
}

Timed = tuple[float, float] | None


def main() -> None:
    """Print the table, and fail when an exact test of ours is slower than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=25)
    repeats = parser.parse_args().repeats
    print("| test | n | program | ms | two-sided p |")
    print("| --- | --- | --- | --- | --- |")
    slowest = 0.0
    for test, n, x, y in cases():
        for program, found in measured(test, x, y, repeats):
            if found is None:
                print(f"| {test} | {n} | {program} | skipped: not installed | |")
                continue
            seconds, p = found
            print(f"| {test} | {n} | {program} | {1000 * seconds:.2f} | {p:.6g} |")
            if program == "here" and n == SIZES[-1]:
                slowest = max(slowest, 1000 * seconds)
    verdict = "within" if slowest <= BOUND_MS else "ABOVE"
    print(
        f"\nSlowest exact test of {SIZES[-1]} here: {slowest:.2f} ms, {verdict} the "
        f"bound of {BOUND_MS:g} ms."
    )
    sys.exit(slowest > BOUND_MS)


def cases() -> Iterator[tuple[str, int, np.ndarray, np.ndarray]]:
    """Yield test, size and values, rounded so that many are tied, none zero."""
    for n in SIZES:
        rng = np.random.default_rng([SEED, n])
        d = np.round(rng.normal(1.0, 3.0, n))
        d[d == 0] = 1.0
        yield "signed rank", n, d, np.array([])
        smaller = round(0.3 * n)
        v = np.round(rng.normal(10.0, 3.0, n))
        v[:smaller] += 2.0
        yield "Mann-Whitney", n, v[:smaller], v[smaller:]


def measured(
    test: str, x: np.ndarray, y: np.ndarray, repeats: int
) -> Iterator[tuple[str, Timed]]:
    """Yield each program with its median seconds and p-value, None where missing."""
    if test == "signed rank":
        calls = {
            "here": lambda: signed_rank_test(x).p_value,
            "scipy, auto": lambda: wilcoxon(x).pvalue,
            "scipy, exact (ties left out of account)": lambda: (
                wilcoxon(x, method="exact").pvalue
            ),
        }
    else:
        calls = {
            "here": lambda: mann_whitney_test(x, y).p_value,
            "scipy, auto": lambda: mannwhitneyu(x, y).pvalue,
            "scipy, exact (ties left out of account)": lambda: (
                mannwhitneyu(x, y, method="exact").pvalue
            ),
        }
    for program, call in calls.items():
        yield program, timed(call, repeats)
    for program, (load, call) in R_CALLS[test].items():
        yield f"R {program}", in_r(load % len(x), call, x, y, repeats)


def timed(call: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the median seconds of a call that starts from nothing, and its result."""
    taken = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = float(call())
        for _ in range(repeats):
            rank_laws._signed_rank_law.cache_clear()
            rank_laws._rank_sum_law.cache_clear()
            begin = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begin)
    return statistics.median(taken), result


def in_r(load: str, call: str, x: np.ndarray, y: np.ndarray, repeats: int) -> Timed:
    """Return the median seconds and the p-value in R, None where it is missing."""
    if shutil.which("Rscript") is None:
        return None
    first, second = (", ".join(map(str, values.tolist())) for values in (x, y))
    code = R % {"load": load, "x": first, "y": second, "call": call, "repeats": repeats}
    found = subprocess.run(
        ["Rscript", "-e", code], capture_output=True, text=True, check=False
    )
    if found.returncode:
        return None
    seconds, p = found.stdout.split()
    return float(seconds), float(p)


if __name__ == "__main__":
    main()
