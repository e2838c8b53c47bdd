"""Level of log-rank tests in small trials: how often they reject without an effect.

    python benchmarks/small_samples/log_rank.py [--replicates 1000]

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

from reanalysis.assignments import every_assignment, random_assignments
from reanalysis.censoring import censoring_differs
from reanalysis.errors import MethodError
from reanalysis.log_rank_arrays import log_rank_arrays
from reanalysis.max_combo import MEMBERS, max_combo
from reanalysis.permuted_log_rank import design, standardised_tails
from reanalysis.risk_sets import FollowUp

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
TESTS = (
    "log-rank",
    "permuted O - E",
    "permuted chi-square",
    "MaxCombo, normal",
    "MaxCombo, permuted",
)
DRAWN = 999


def level(n1: int, n2: int, censoring: tuple[float, float], replicates: int) -> dict:
    """Return the share of trials that each test rejects at 0.05."""
    name = f"{n1} {n2} {censoring}"
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    group = np.repeat([0, 1], [n1, n2])
    listed = np.concatenate(list(every_assignment(group))) if n1 + n2 <= 13 else None
    rejected = dict.fromkeys(TESTS, 0)
    noted = 0
    for _ in range(replicates):
        event = rng.exponential(1, n1 + n2)
        mean = np.array(censoring)[group]
        censor = np.where(np.isinf(mean), np.inf, rng.exponential(1, n1 + n2) * mean)
        rows = FollowUp(np.minimum(event, censor), event <= censor)
        try:
            combo = max_combo(rows, group).p_value()
        except MethodError:
            continue  # no test rejects
        labels = listed
        if labels is None:
            drawn = list(random_assignments(group, draws=DRAWN, rng=rng))
            labels = np.concatenate([group[None, :].astype(np.int8), *drawn])
        own = log_rank_arrays(rows.stop, rows.event, group == 0)
        many = log_rank_arrays(rows.stop, rows.event, labels == 0)
        far = np.abs(many.difference) >= abs(own.difference[0]) - 1e-9
        z = np.nan_to_num(np.abs(many.z))
        four = design(
            rows,
            None,
            [
                {"weights": "fleming-harrington", "rho": rho, "gamma": gamma}
                for rho, gamma in MEMBERS
            ],
        )
        tails = standardised_tails(four, group == 0, [labels], drawn=False)
        p_values = (
            own.p_value[0],
            far.mean(),
            (z >= abs(own.z[0]) - 1e-9).mean(),
            combo,
            tails.p_value(),
        )
        for test, p_value in zip(TESTS, p_values, strict=True):
            rejected[test] += p_value <= 0.05 + 1e-12
        noted += censoring_differs(rows, group)[0]
    return {test: count / replicates for test, count in rejected.items()} | {
        "noted": noted / replicates
    }


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    error = 100 * (0.05 * 0.95 / replicates) ** 0.5
    lines = [
        "# Log-rank tests in small trials: level",
        "",
        "Share of trials (%) that a two-sided test at 5 % rejects although the groups "
        f"do not differ; {replicates:,} trials a row, standard error {error:.2f} "
        "points at 5 %. Times to the event are exponential with mean 1, times to "
        "censoring exponential with the means given (first, second group; - is none). "
        "Permutation tests look at all assignments up to 13 patients, at 999 random "
        "ones and the observed one beyond. *Noted*: trials whose row warns that the "
        "groups are censored differently.",
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
    lines += ["", *summary(rows), ""]
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
