"""How often intervals and tests of a hazard ratio hold in small samples.

    python benchmarks/small_samples/cox.py [--replicates 4000]

writes docs/small_samples/cox.md. Without censoring the partial likelihood depends on
the order in which the patients of two groups fail, and on nothing else: up to 12
patients every order is enumerated with its probability, so coverage is exact. Larger
and censored samples are drawn. For pairs everything is binomial and exact.

An interval of a likelihood holds the true value where twice the fall from its maximum
stays below the chi-square quantile; this needs one evaluation instead of two searches.
The first samples of every table are held against the limits of the pipeline itself.
"""

from __future__ import annotations

import argparse
import math
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from reanalysis.survival.hazard_ratios import maximise, profile_limits  # noqa: E402
from reanalysis.survival.matched_pairs import (  # noqa: E402
    FirstFailures,
    paired_hazard_ratio,
)
from reanalysis.survival.partial_likelihood import partial_likelihood  # noqa: E402

CHI2, Z = 3.841458820694124, 1.959963984540054
RATIOS = (1.0, 0.8, 0.65, 0.5, 0.35, 0.25, 0.15, 0.1)
SEED = 20250101
METHODS = ("wald", "pipeline", "profile", "firth")


def evaluate(
    b: np.ndarray, won: np.ndarray, a: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return log likelihood, score, information and its slope of many samples.

    ``b`` (samples,); ``won`` (samples,): deaths of the group; ``a``, ``c`` (samples,
    deaths): patients of the group and of the reference at risk, both 0 to fill up.
    """
    total = a * np.exp(b)[:, None] + c
    share = np.divide(a * np.exp(b)[:, None], total, out=np.zeros(a.shape),
                      where=total > 0)  # fmt: skip
    value = won * b - np.log(np.where(total > 0, total, 1)).sum(axis=1)
    variance = share * (1 - share)
    slope = (variance * (1 - 2 * share)).sum(axis=1)
    return value, won - share.sum(axis=1), variance.sum(axis=1), slope


def maxima(won: np.ndarray, a: np.ndarray, c: np.ndarray, *, firth: bool) -> np.ndarray:
    """Return where the (penalised) likelihood of each sample is highest.

    By bisection of the score; beyond +-20 it counts as infinite.
    """
    low, high = np.full(len(won), -20.0), np.full(len(won), 20.0)
    for _ in range(70):
        middle = (low + high) / 2
        _, score, information, slope = evaluate(middle, won, a, c)
        if firth:
            score = score + slope / np.maximum(information, 1e-300) / 2
        rising = score > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return (low + high) / 2


def cover(
    truth: float, won: np.ndarray, a: np.ndarray, c: np.ndarray
) -> dict[str, np.ndarray]:
    """Return by method whether the 95 % interval of each sample holds the truth.

    ``wald`` is nan where the estimate is infinite and no interval exists.
    """
    informative = ((a > 0) & (c > 0)).any(axis=1)
    best = maxima(won, a, c, firth=False)
    infinite = abs(best) > 19
    top, _, information, _ = evaluate(best, won, a, c)
    at = np.full(len(won), truth)
    here, _, there, _ = evaluate(at, won, a, c)
    profile = 2 * (top - here) <= CHI2
    wald = abs(best - truth) * np.sqrt(information) <= Z
    mode = maxima(won, a, c, firth=True)
    peak, _, sharp, _ = evaluate(mode, won, a, c)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = peak + np.log(sharp) / 2 - here - np.log(there) / 2
    firth = 2 * fall <= CHI2
    found = {
        "wald": np.where(infinite, math.nan, wald),
        "pipeline": np.where(infinite, firth, wald),
        "profile": profile.astype(float),
        "firth": firth.astype(float),
    }
    return {k: np.where(informative, v, math.nan) for k, v in found.items()}


def risk_sets(group: np.ndarray, died: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return won, a, c of samples given in the order of their times, (samples, n)."""
    n = group.shape[1]
    a = np.cumsum(group[:, ::-1], axis=1)[:, ::-1]
    c = np.arange(n, 0, -1) - a
    # A set of one group alone says nothing.
    both = died & (a > 0) & (c > 0)
    won = (group & both).sum(axis=1)
    return won.astype(float), a * both, c * both


def orders(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every order of n/2 against n/2 patients, and nothing censored."""
    chosen = list(combinations(range(n), n // 2))
    group = np.zeros((len(chosen), n), dtype=bool)
    group[np.repeat(np.arange(len(chosen)), n // 2), np.ravel(chosen)] = True
    return group, np.ones_like(group)


def law(group: np.ndarray, truth: float) -> np.ndarray:
    """Return the probability of each order of failures at a true log hazard ratio."""
    a = np.cumsum(group[:, ::-1], axis=1)[:, ::-1]
    c = np.arange(group.shape[1], 0, -1) - a
    hazard = a * math.exp(truth)
    rest = np.where(group, hazard, c) / (hazard + c)
    return rest.prod(axis=1)


def draws(
    n: int, truth: float, censored: float, replicates: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn samples of n/2 against n/2: groups in order of time, who died.

    Exponential times, censored uniformly; the end of follow-up is chosen so that
    ``censored`` of the reference are.
    """
    member = np.repeat([True, False], n // 2)
    time = rng.exponential(1, (replicates, n)) / np.where(member, math.exp(truth), 1.0)
    died = np.ones_like(time, dtype=bool)
    if censored:
        ends = np.linspace(0.05, 60, 200_000)
        share = (1 - np.exp(-ends)) / ends
        end = rng.uniform(0, ends[np.argmin(abs(share - censored))], time.shape)
        died, time = time <= end, np.minimum(time, end)
    order = np.argsort(time, axis=1)
    return member[order], np.take_along_axis(died, order, axis=1)


def check(group: np.ndarray, died: np.ndarray, truth: float) -> None:
    """Hold the first samples against the intervals of the pipeline."""
    found = cover(truth, *risk_sets(group, died))
    for i in range(min(40, len(group))):
        if math.isnan(found["firth"][i]):
            continue
        likelihood = partial_likelihood(
            group[i].astype(float), np.arange(1.0, group.shape[1] + 1), died[i]
        )
        for name, penalised in (("profile", False), ("firth", True)):
            fit = maximise(likelihood, penalised=penalised)
            low, high = profile_limits(likelihood, fit, 0, 0.95)
            if min(abs(truth - low), abs(truth - high)) > 1e-6:
                assert (low <= truth <= high) == bool(found[name][i]), (name, i)
            if not penalised and not fit.infinite[0]:
                reach = Z * math.sqrt(fit.covariance[0, 0])
                inside = abs(fit.coefficient[0] - truth) <= reach
                assert inside == bool(found["wald"][i]), ("wald", i)


def two_groups(n: int, censored: float, replicates: int) -> dict[str, list[float]]:
    """Return coverage by method at each hazard ratio, and how often none exists."""
    result: dict[str, list[float]] = {name: [] for name in (*METHODS, "none", "level")}
    exact = n <= 12 and not censored
    if exact:
        group, died = orders(n)
        pick = np.random.default_rng(SEED).permutation(len(group))
        check(group[pick], died[pick], math.log(0.5))
    for number, ratio in enumerate(RATIOS):
        truth = math.log(ratio)
        if not exact:
            rng = np.random.default_rng([SEED, n, int(100 * censored), number])
            group, died = draws(n, truth, censored, replicates, rng)
            if number == 3:
                check(group, died, truth)
        weight = law(group, truth) if exact else np.full(len(group), 1 / len(group))
        found = cover(truth, *risk_sets(group, died))
        for name in METHODS:
            known = ~np.isnan(found[name])
            result[name].append(
                float(weight[known] @ found[name][known] / weight[known].sum())
            )
        result["none"].append(float(weight[np.isnan(found["wald"])].sum()))
    return result


def pairs(m: int) -> dict[str, list[float]]:
    """Return exact coverage by method for m pairs that all decide."""
    x = np.arange(m + 1)
    # A pair is a risk set of one against one.
    won, ones = x.astype(float), np.ones((m + 1, m))
    exact, mid = (
        [
            paired_hazard_ratio(FirstFailures(k, m - k, 0, 0, 0), mid_p=half).interval
            for k in x.tolist()
        ]
        for half in (False, True)
    )
    result: dict[str, list[float]] = {n: [] for n in (*METHODS, "exact", "mid", "none")}
    for ratio in np.exp(np.linspace(0, math.log(10), 200)):
        weight = binom.pmf(x, m, ratio / (1 + ratio))
        found = cover(math.log(ratio), won, ones, ones)
        for name in METHODS:
            known = ~np.isnan(found[name])
            result[name].append(
                float(weight[known] @ found[name][known] / weight[known].sum())
            )
        for name, limits in (("exact", exact), ("mid", mid)):
            inside = [low <= ratio <= high for low, high in limits]
            result[name].append(float(weight @ inside))
        result["none"].append(float(weight[[0, m]].sum()))
    return result


def cell(values: list[float]) -> str:
    """Write mean and minimum of coverages in per cent."""
    return f"{100 * np.mean(values):.1f} ({100 * min(values):.1f})"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--out", default=str(ROOT / "docs/small_samples/cox.md"))
    options = parser.parse_args()
    lines = [
        "# Intervals of a hazard ratio in small samples",
        "",
        "Coverage of nominal 95 % intervals in per cent: the mean over the hazard "
        "ratios tried, in brackets the smallest. Wald is what most programs print; it "
        "does not exist where the estimate is infinite, and its coverage counts the "
        "other samples only ('no Wald' is the largest share without one). 'Default' is "
        "what the pipeline reports unasked: Wald, and Firth's profile limits where the "
        "estimate is infinite. Samples in which no death had both groups at risk are "
        "left out.",
        "",
        "## Two groups of equal size",
        "",
        "| patients | censored | how | Wald | no Wald | default | profile likelihood | "
        "Firth profile |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for n in (6, 8, 10, 12, 16, 20):
        for censored in (0.0, 0.4):
            found = two_groups(n, censored, options.replicates)
            how = "drawn" if censored or n > 12 else "exact"
            cells = [f"{n // 2} + {n // 2}", f"{100 * censored:.0f} %", how,
                     cell(found["wald"]), f"{100 * max(found['none']):.0f}",
                     *(cell(found[m]) for m in METHODS[1:])]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    error = 100 * math.sqrt(0.95 * 0.05 / options.replicates)
    lines += [
        "",
        f"Hazard ratios {', '.join(f'{r:g}' for r in RATIOS)}. Exact: every order of "
        f"failures with its probability. Drawn: {options.replicates} samples per "
        f"hazard ratio, exponential times, uniform censoring of 40 % of the "
        f"reference; standard error {error:.1f} points.",
        "",
        "## Matched pairs",
        "",
        "All pairs decide; everything is binomial, so all numbers are exact. Hazard "
        "ratios 1 to 10 (and so 1 to 0.1), 200 of them.",
        "",
        "| pairs | Wald | no Wald | default | profile likelihood | Firth profile | "
        "exact | mid-P |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for m in (6, 7, 8, 9, 10, 11, 12):
        found = pairs(m)
        cells = [str(m), cell(found["wald"]), f"{100 * max(found['none']):.0f}",
                 *(cell(found[k]) for k in (*METHODS[1:], "exact", "mid"))]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        *READING,
        "",
        "Repeat with `python benchmarks/small_samples/cox.py`.",
        "",
    ]
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    Path(options.out).write_text("\n".join(lines), encoding="utf-8")


READING = (
    "Read: the likelihood-ratio (profile) interval is too short in samples this small, "
    "most of all at strong effects. Firth's profile interval holds its level on "
    "average from six patients on and exists in every sample. The Wald interval covers "
    "on average where it exists, but in many samples, most of all in the smallest and "
    "at strong effects, it does not: the default closes this gap by Firth's limits. "
    "For pairs the exact interval never covers less than 95 %, and the sign test that "
    "belongs to it never rejects a true hazard ratio of 1 in more than 5 % of studies; "
    "mid-P is shorter and keeps 95 % on average only.",
)

if __name__ == "__main__":
    main()
