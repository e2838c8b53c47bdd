"""Level of log-rank tests in small trials: how often they reject without an effect.

    python benchmarks/small_samples/log_rank.py [--replicates 4000]

Writes docs/small_samples/log_rank.md. Survival is exponential and the same in both
groups. The permutation tests count all assignments up to 13 patients, and take 999
random ones beyond.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from reanalysis.survival.assignments import every_assignment, random_assignments
from reanalysis.survival.censoring import censoring_differs
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.risk_sets import FollowUp

PAGE = Path(__file__).parents[2] / "docs" / "small_samples" / "log_rank.md"
SEED = 20250101
#: Mean times to censoring in units of the mean time to the event; inf is none.
ALIKE, APART = (2.0, 2.0), (0.5, 4.0)
CASES = (
    (3, 3, (np.inf, np.inf)),
    (5, 5, ALIKE),
    (10, 10, ALIKE),
    (3, 10, (np.inf, np.inf)),
    (3, 10, ALIKE),
    (10, 3, ALIKE),
    (5, 15, ALIKE),
    (4, 16, ALIKE),
    (7, 18, ALIKE),
    (5, 5, APART),
    (10, 10, APART),
    (3, 10, APART),
    (10, 3, APART),
    (5, 15, APART),
    (15, 5, APART),
)
TESTS = ("log-rank", "permuted O - E", "permuted chi-square")
DRAWN = 999
READING = (
    "The asymptotic test rejects too often, most with few patients or unequal groups. "
    "Permuting O - E holds the level where the groups are censored alike; where they "
    "are not it is no exact test, and errs in either direction with unequal groups. "
    "Permuting the chi-square, its variance recomputed (`two_sided: chi-square`), "
    "stays close to the level in these cases, without a guarantee."
)
#: Shares of the trials for what takes longer.
RECOMPUTED, WARNED = 4, 10


def level(n1: int, n2: int, censoring: tuple[float, float], replicates: int) -> dict:
    """Return the share of trials that each test rejects at 0.05."""
    n, name = n1 + n2, f"{n1} {n2} {censoring}"
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    group = np.repeat([0, 1], [n1, n2])
    if n <= 13:
        labels = np.concatenate(list(every_assignment(group)))
    else:
        drawn = random_assignments(group, draws=DRAWN, rng=rng)
        labels = np.concatenate([group[None, :].astype(np.int8), *drawn])
    first = labels == 0
    happens = rng.exponential(1, (replicates, n))
    mean = np.array(censoring)[group]
    unit = rng.exponential(1, (replicates, n))
    censor = np.where(np.isinf(mean), np.inf, unit * np.where(np.isinf(mean), 1, mean))
    time, event = np.minimum(happens, censor), happens <= censor
    usual = log_rank_arrays(time, event, group == 0)
    # The score of a patient is the difference with this one as a group.
    scores = np.column_stack(
        [log_rank_arrays(time, event, np.arange(n) == k).difference for k in range(n)]
    )
    sums = np.abs(np.einsum("rp,ap->ra", scores, first))
    far = sums >= np.abs(usual.difference)[:, None] - 1e-9
    recomputed = replicates // RECOMPUTED
    rejected = 0
    for k in range(recomputed):
        z = np.nan_to_num(np.abs(log_rank_arrays(time[k], event[k], first).z))
        own = np.nan_to_num(abs(usual.z[k]))
        rejected += (z >= own - 1e-9).mean() <= 0.05
    noted = sum(
        censoring_differs(FollowUp(time[k], event[k]), group)[0]
        for k in range(replicates // WARNED)
    )
    return {
        "log-rank": (usual.p_value <= 0.05).mean(),
        "permuted O - E": (far.mean(axis=1) <= 0.05).mean(),
        "permuted chi-square": rejected / recomputed,
        "noted": noted / (replicates // WARNED),
    }


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000)
    replicates = parser.parse_args().replicates
    error = 100 * (0.05 * 0.95 / replicates) ** 0.5
    lines = [
        "# Log-rank tests in small trials: level",
        "",
        "Share of trials (%) that a two-sided test at 5 % rejects although the groups "
        f"do not differ; {replicates:,} trials a row (a quarter for the permuted "
        f"chi-square, a tenth for *noted*), standard error {error:.2f} points at 5 % "
        f"({2 * error:.2f} for the permuted chi-square). Times to the event are "
        "exponential with mean 1, times to censoring exponential with the means given "
        "(first, second group; - is none). Permutation tests look at all assignments "
        "up to 13 patients, at 999 random ones and the observed one beyond. *Noted*: "
        "trials whose row warns that the groups are censored differently.",
        "",
        "| n | censoring | " + " | ".join((*TESTS, "noted")) + " |",
        "| --- " * (len(TESTS) + 3) + "|",
    ]
    rows = []
    for n1, n2, censoring in CASES:
        found = level(n1, n2, censoring, replicates)
        rows.append((censoring, found))
        means = ", ".join("-" if np.isinf(m) else f"{m:g}" for m in censoring)
        cells = [f"{100 * found[key]:.1f}" for key in (*TESTS, "noted")]
        lines.append(f"| {n1}, {n2} | {means} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    lines += ["", *summary(rows), "", READING, ""]
    lines += [
        f"Repeat it: `python benchmarks/small_samples/log_rank.py --replicates "
        f"{replicates}`",
    ]
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def summary(rows: list) -> list[str]:
    """Say the largest level of each test, where censoring is alike and where not."""
    said = ["Largest level (%):", "", "| censoring | " + " | ".join(TESTS) + " |"]
    said.append("| --- " * (len(TESTS) + 1) + "|")
    for name, alike in (("alike", True), ("different", False)):
        chosen = [found for c, found in rows if (c[0] == c[1]) is alike]
        worst = [f"{100 * max(f[test] for f in chosen):.1f}" for test in TESTS]
        said.append(f"| {name} | " + " | ".join(worst) + " |")
    return said


if __name__ == "__main__":
    main()
