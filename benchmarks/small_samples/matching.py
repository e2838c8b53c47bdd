"""Coverage and level of matched and weighted comparisons in small samples.

Writes docs/small_samples/matching.md. Two worlds: sets of patients who are truly
alike, where exact methods must keep their promise; and a propensity score that must
be estimated from 7 against 18 or 10 against 30 patients, where nothing is exact.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.special import chdtrc
from scipy.stats import fisher_exact, ttest_ind

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from reanalysis.errors import MethodError  # noqa: E402
from reanalysis.matching import matched_outcomes as outcomes  # noqa: E402
from reanalysis.matching.matched_sets import optimal  # noqa: E402
from reanalysis.matching.propensity import propensity_score  # noqa: E402
from reanalysis.matching.propensity_weights import weighted_difference  # noqa: E402
from reanalysis.measurements.location import hodges_lehmann, signed_rank_test  # noqa: E402
from reanalysis.methods.log_rank import log_rank  # noqa: E402
from reanalysis.survival.risk_sets import FollowUp  # noqa: E402

SEED = 20250101
EFFECT = 1.0
READING = """\
## What to take from it

- With as few others as here a second one for everybody is often unlike: the bias that
  is left costs more coverage than the narrower interval gains. Pairs lose less, weights
  least of all.
- The sandwich that allows for the estimated score is too short in samples of this size,
  the one that takes the score as known too long. The jackknife with t, the default,
  kept at least 95 % wherever it was tried.
- Ignoring the sets costs width: its intervals are longer than those of the same
  patients within their sets.
- Within sets of patients who are truly alike the exact tests hold their level, and so
  do the intervals made from them; tests that ignore the sets can go either way.
"""
#: Treated, others, shift of each of two covariates in the treated.
SCORES = [(7, 18, 0.0), (7, 18, 0.5), (10, 30, 0.0), (10, 30, 0.5)]
#: Sets and others in each; standard deviation between sets.
SETS = [(n, k, sd) for n, k in ((7, 1), (7, 2), (10, 1), (10, 3)) for sd in (0.0, 2.0)]

Tally = dict[str, list[float]]


def patients(
    rng: np.random.Generator, treated: int, others: int, shift: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariates (n, 2), who is treated (n,) and a measured outcome (n,)."""
    mine = np.arange(treated + others) < treated
    x = rng.normal(size=(len(mine), 2)) + shift * mine[:, None]
    y = EFFECT * mine + x.sum(axis=1) + rng.normal(size=len(mine))
    return x, mine, y


def with_score(
    rng: np.random.Generator, treated: int, others: int, shift: float, tally: Tally
) -> None:
    """Add whether each interval of the effect on the treated holds it."""

    def note(name: str, low: float, high: float, estimate: float) -> None:
        tally[name].append(float(low <= EFFECT <= high))
        tally[f"{name}|width"].append(high - low)
        tally[f"{name}|bias"].append(estimate - EFFECT)

    x, mine, y = patients(rng, treated, others, shift)
    score = propensity_score(x, mine)
    distance = np.abs(score.logit[mine][:, None] - score.logit[~mine])
    for ratio in (1, 2):
        sets = optimal(distance, ratio, limit=1).sets[0]
        codes, rows = [], []
        for i, own in enumerate(sets):
            rows += [i, *(treated + c for c in own)]
            codes += [i] * (1 + len(own))
        code, row = np.array(codes), np.array(rows)
        value, who = y[row], mine[row]
        name = "pairs" if ratio == 1 else "sets of up to two others"
        gap = outcomes.mean_difference(value, who, code)
        note(f"{name}: t of set differences", gap.low, gap.high, gap.estimate)
        welch = ttest_ind(value[who], value[~who], equal_var=False)
        ends = welch.confidence_interval(0.95)
        plain = value[who].mean() - value[~who].mean()
        note(f"{name}: Welch t, sets ignored", ends.low, ends.high, plain)
        if ratio == 1:
            order = np.argsort(code[~who])
            found = hodges_lehmann(value[who] - value[~who][order])
            note("pairs: exact signed rank", found.low, found.high, found.estimate)
        else:
            point, low, high, _ = outcomes.shift(value, who, code)
            note("sets of up to two others: exact van Elteren", low, high, point)
    for variance in ("known", "estimated", "jackknife"):
        try:
            found = weighted_difference(y, mine, score, "att", variance=variance)
        except MethodError:
            tally[f"weights (ATT), {variance}|none"].append(1.0)
            continue
        name = {
            "known": "weights (ATT): sandwich, scores as known",
            "estimated": "weights (ATT): sandwich, scores as estimated",
            "jackknife": "weights (ATT): jackknife, t",
        }[variance]
        note(name, found.low, found.high, found.estimate)


def with_sets(
    rng: np.random.Generator, sets: int, others: int, sd: float, tally: Tally
) -> None:
    """Add rejections at 5 % without an effect, and coverage of a shift, true sets."""
    code = np.repeat(np.arange(sets), 1 + others)
    mine = np.tile(np.arange(1 + others) == 0, sets)
    base = sd * rng.normal(size=sets)[code]
    value = base + rng.standard_t(4, size=len(code))

    def reject(name: str, p: float) -> None:
        tally[name].append(float(p <= 0.05))

    def cover(name: str, low: float, high: float) -> None:
        tally[name].append(float(low <= 0 <= high))

    gap = outcomes.mean_difference(value, mine, code)
    cover("cover|t of set differences", gap.low, gap.high)
    if others == 1:
        change = value[mine] - value[~mine]
        reject("level|signed rank, exact", signed_rank_test(change).p_value)
        found = hodges_lehmann(change)
        cover("cover|rank interval, exact", found.low, found.high)
    else:
        scores = outcomes.van_elteren_scores(value, code)
        test = outcomes.permutation_test(scores, mine, code, "van Elteren")
        reject("level|van Elteren, exact", test.p_value)
        scores = outcomes.aligned_ranks(value, code)
        test = outcomes.permutation_test(scores, mine, code, "aligned")
        reject("level|aligned ranks, exact", test.p_value)
        _, low, high, _ = outcomes.shift(value, mine, code)
        cover("cover|rank interval, exact", low, high)
    event = (value > 0).astype(int)
    try:
        ratio, test = outcomes.exact_odds_ratio(event, mine, code)
        reject("level|odds ratio, exact within sets", test.p_value)
        tally["cover|odds ratio, exact within sets"].append(
            float(ratio.low <= 1 <= ratio.high)
        )
        reject(
            "level|Mantel-Haenszel",
            outcomes.mantel_haenszel(event, mine, code)[1].p_value,
        )
    except MethodError:
        for name in ("odds ratio, exact within sets", "Mantel-Haenszel"):
            reject(f"level|{name}", 1.0)
        tally["cover|odds ratio, exact within sets"].append(1.0)
    table = [[event[own].sum(), (1 - event[own]).sum()] for own in (mine, ~mine)]
    reject("level|Fisher, sets ignored", fisher_exact(table).pvalue)
    time = np.exp(base / 2) * rng.exponential(size=len(code))
    end = rng.exponential(3.0, size=len(code))
    happened = time <= end
    follow = FollowUp(stop=np.minimum(time, end), event=happened, start=None)
    if happened.any():
        plain = log_rank(follow, (~mine).astype(int), None)
        chi = plain.difference[0] ** 2 / max(plain.variance[0, 0], 1e-300)
        reject("level|log-rank, sets ignored", float(chdtrc(1, chi)))
        strata = log_rank(follow, (~mine).astype(int), code)
        try:
            test = outcomes.permutation_test(strata.scores, mine, code, "log-rank")
            reject("level|log-rank, exact within sets", test.p_value)
        except MethodError:
            reject("level|log-rank, exact within sets", 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument(
        "--output", default=str(ROOT / "docs" / "small_samples" / "matching.md")
    )
    arguments = parser.parse_args()
    n = arguments.replicates
    lines = [
        "# Matched and weighted comparisons in small samples",
        "",
        f"`python benchmarks/small_samples/matching.py --replicates {n}` writes this "
        f"file (seed {SEED}). A share from {n} replicates has a standard error of "
        f"{100 * np.sqrt(0.05 * 0.95 / n):.1f} points at 95 %.",
        "",
        "## A propensity score that must be estimated",
        "",
        "Two normal covariates, both shifted by the number given in the treated, add "
        "to a normal outcome; the effect is one standard deviation of its noise, the "
        "same for everybody. Coverage of 95 % intervals of the effect on the treated, "
        "in %; in brackets the mean width; then the bias of the estimate.",
        "",
    ]
    results = []
    for k, (treated, others, shift) in enumerate(SCORES):
        rng = np.random.default_rng([SEED, k])
        tally: Tally = defaultdict(list)
        for _ in range(n):
            with_score(rng, treated, others, shift, tally)
        results.append(tally)
    heads = [f"{a}:{b}, shift {c:g}" for a, b, c in SCORES]
    lines += [
        "| interval | " + " | ".join(heads) + " |",
        "| --- |" + " --- |" * len(heads),
    ]
    names = [name for name in results[0] if "|" not in name]
    for name in names:
        cells = [
            f"{100 * np.mean(t[name]):.1f} ({np.mean(t[f'{name}|width']):.1f}; "
            f"{np.mean(t[f'{name}|bias']):+.2f})"
            for t in results
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    none = [
        sum(
            len(t[key])
            for key in t
            if key.startswith("weights") and "estimated|none" in key
        )
        for t in results
    ]
    lines += [
        "",
        "Samples whose covariates separate the groups have a penalised score, for "
        "which the sandwich with estimated scores does not exist: "
        + ", ".join(f"{count} of {n}" for count in none)
        + ". They are left out of its row.",
        "",
        "## Sets of patients who are truly alike",
        "",
        "Sets share a normal effect of the standard deviation given (0: sets mean "
        "nothing); noise has a t law with 4 degrees of freedom. Rejections at 5 % "
        "without an effect, and coverage of 95 % intervals, in %.",
        "",
    ]
    results = []
    for k, (sets, others, sd) in enumerate(SETS):
        rng = np.random.default_rng([SEED, 100 + k])
        tally = defaultdict(list)
        for _ in range(n):
            with_sets(rng, sets, others, sd, tally)
        results.append(tally)
    heads = [f"{a} sets 1:{b}, sd {c:g}" for a, b, c in SETS]
    lines += [
        "| method | " + " | ".join(heads) + " |",
        "| --- |" + " --- |" * len(heads),
    ]
    for kind, word in (("level", "rejections"), ("cover", "coverage")):
        for name in dict.fromkeys(name for t in results for name in t):
            if name.startswith(f"{kind}|"):
                cells = [
                    f"{100 * np.mean(t[name]):.1f}" if name in t else ""
                    for t in results
                ]
                label = name.split("|")[1]
                lines.append(f"| {word}: {label} | " + " | ".join(cells) + " |")
    text = "\n".join([*lines, "", READING])
    Path(arguments.output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
