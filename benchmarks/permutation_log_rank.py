"""Time permutation log-rank tests beside R's coin, in one run.

    python benchmarks/permutation_log_rank.py [--repeats 15]

Prints a table of median seconds and the p-values of both. Without Rscript or coin the
column of coin says so.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.score_permutation import count_tails, draw_tails
from reanalysis.survival.weighted_log_rank import log_rank, whole_scores

#: Group sizes, and random assignments or none for all of them.
CASES = ((7, 18, 0), (15, 15, 0), (20, 20, 100_000))

COIN = """
suppressMessages({library(coin); library(survival)})
d <- data.frame(t = c(%s), e = c(%s), g = factor(c(%s)))
how <- if (%d > 0) approximate(nresample = %d) else "exact"
once <- function() pvalue(logrank_test(Surv(t, e) ~ g, d, distribution = how))
p <- once()
set.seed(1)
s <- replicate(%d, system.time(once(), gcFirst = FALSE)[["elapsed"]])
cat(median(s), p)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    print("| what | assignments | here, ms | coin, ms | p here | p coin |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n1, n2, draws in CASES:
        rng = np.random.default_rng(20250101)
        n = n1 + n2
        data = np.round(rng.exponential(10, n), 4), rng.random(n) < 0.7
        group = np.repeat([0, 1], [n1, n2])
        seconds, p_value = timed(lambda: ours(*data, group, draws), repeats)  # noqa: B023 - called in the same round
        beside = coin(*data, group, draws, repeats)
        what = "random" if draws else "exact"
        total = draws or count_tails(np.arange(n) * 2 - n + 1, group == 0).total
        said = beside or (float("nan"), float("nan"))
        print(
            f"| {n1} against {n2}, {what} | {total:,} | {1000 * seconds:.1f} | "
            + (f"{1000 * said[0]:.1f}" if beside else "not installed")
            + f" | {p_value:.6f} | "
            + (f"{said[1]:.6f} |" if beside else "|")
        )


def ours(time_: np.ndarray, event: np.ndarray, group: np.ndarray, draws: int) -> float:
    """Return the p-value from times and events, everything included."""
    rows = FollowUp(time_, event)
    scores = whole_scores(rows, group)
    if scores is None:
        scores = log_rank(rows, group).scores
    if draws:
        rng = np.random.default_rng(1)
        return draw_tails(scores, group == 0, draws=draws, rng=rng).p_value(
            add_one=True
        )
    return count_tails(scores, group == 0).p_value()


def timed(call: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the median seconds of a call, and its result."""
    result, taken = call(), []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken), result


def coin(
    time_: np.ndarray, event: np.ndarray, group: np.ndarray, draws: int, repeats: int
) -> tuple[float, float] | None:
    """Return the median seconds and the p-value of coin, None where it is missing."""
    if shutil.which("Rscript") is None:
        return None
    columns = (
        ", ".join(map(str, column.tolist()))
        for column in (time_, event.astype(int), group)
    )
    code = COIN % (*columns, draws, draws, repeats)
    found = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True)
    if found.returncode:
        return None
    seconds, p_value = found.stdout.split()
    return float(seconds), float(p_value)


if __name__ == "__main__":
    main()
