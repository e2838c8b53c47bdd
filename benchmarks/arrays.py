"""Time the estimators on arrays beside loops over R and lifelines, in one run.

    python benchmarks/arrays.py [--sets 1000] [--lifelines 100] [--sizes 1000 100000]

Prints the tables of arrays.md: time of the processor for data sets of 20 patients,
the largest differences from each, agreement where data are awkward, and how time and
memory grow with the number of data sets. Without Rscript the columns of R say so.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.errors import MethodError
from reanalysis.measurements.location import (
    decimal,
    mann_whitney_test,
    signed_rank_test,
)
from reanalysis.measurements.rank_test_arrays import (
    mann_whitney_arrays,
    signed_rank_arrays,
)
from reanalysis.survival.cox_arrays import cox_arrays
from reanalysis.survival.hazard_ratios import (
    check_estimable,
    likelihood_ratio_and_score_tests,
    maximise,
)
from reanalysis.survival.log_rank_arrays import log_rank_arrays
from reanalysis.survival.partial_likelihood import partial_likelihood
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.survival_arrays import survival_arrays
from reanalysis.survival.survival_curve import median, product_limit, restricted_mean
from reanalysis.survival.weighted_log_rank import chi_square, log_rank

PATIENTS = 20
GROUP = np.arange(PATIENTS) % 2
PAIR = np.arange(PATIENTS) // 2
TIMES = np.array([5.0, 10.0])
TAU = 10.0
WHAT = (
    "survival curve",
    "survival curve, restricted mean",
    "log-rank test",
    "Cox",
    "Cox, ten strata",
)

R_LOOPS = """
suppressMessages(library(survival))
a <- commandArgs(TRUE)
t <- as.matrix(read.csv(a[1], header = FALSE))
e <- as.matrix(read.csv(a[2], header = FALSE))
n <- nrow(t); g <- rep(0:1, 10); s <- rep(1:10, each = 2)
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 60)
fits <- list(
  curve = function(i) survfit(Surv(t[i, ], e[i, ]) ~ 1),
  mean = function(i) {
    f <- survfit(Surv(t[i, ], e[i, ]) ~ 1)
    list(f, summary(f, rmean = 10)$table)
  },
  logrank = function(i) survdiff(Surv(t[i, ], e[i, ]) ~ g),
  cox = function(i, ...) coxph(Surv(t[i, ], e[i, ]) ~ g, ...),
  strata = function(i, ...) coxph(Surv(t[i, ], e[i, ]) ~ g + strata(s), ...))
said <- function(name, f) switch(name,
  curve = c(summary(f, times = c(5, 10), extend = TRUE)$surv,
            summary(f)$table["median"]),
  mean = f[[2]][c("rmean", "se(rmean)")],
  logrank = c(f$exp[2], f$chisq),
  c(coef(f), sqrt(f$var[1, 1]), 2 * diff(f$loglik), f$score))
options(warn = -1, digits = 15)
for (name in names(fits)) {
  one <- fits[[name]]
  for (i in 1:20) one(i)
  used <- system.time(for (i in 1:n) one(i), gcFirst = FALSE)
  cat("time", name, (used[[1]] + used[[2]]) / n, "\\n")
  for (i in 1:n) {
    f <- if (name %in% c("cox", "strata")) one(i, control = tight) else one(i)
    cat(name, format(said(name, f), digits = 15), "\\n")
  }
}
"""

Numbers = dict[str, np.ndarray]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--lifelines", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(growth(chosen.only)))
        return
    t, e = data_sets(chosen.sets)
    print_beside_others(t, e, chosen.lifelines)
    print_beside_one_at_a_time()
    print_awkward()
    print_growth(chosen.sizes)


def data_sets(sets: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw times with some ties and events, 70 % of the patients."""
    rng = np.random.default_rng(20250101)
    t = np.maximum(np.round(rng.exponential(10, (sets, PATIENTS)), 1), 0.1)
    return t, rng.random(t.shape) < 0.7


def ours(t: np.ndarray, e: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Return the calls by name; each returns the numbers R gives, a row a data set."""

    def curve() -> np.ndarray:
        found = survival_arrays(t, e, at=TIMES)
        return np.column_stack([found.survival, found.median])

    def mean() -> np.ndarray:
        found = survival_arrays(t, e, at=TIMES, tau=TAU)
        return np.column_stack([found.restricted_mean, found.restricted_error])

    def test() -> np.ndarray:
        found = log_rank_arrays(t, e, GROUP)
        found.p_value  # noqa: B018 - the property is what is timed
        return np.column_stack([found.expected, found.z**2])

    def cox(pair: np.ndarray | None = None) -> np.ndarray:
        f = cox_arrays(t, e, GROUP, pair)
        f.wald_p, f.score_p, f.likelihood_ratio_p  # noqa: B018 - the property is what is timed
        return np.column_stack(
            [f.coefficient, f.std_error, f.likelihood_ratio, f.score]
        )

    return dict(zip(WHAT, (curve, mean, test, cox, lambda: cox(PAIR)), strict=True))


def print_beside_others(t: np.ndarray, e: np.ndarray, few: int) -> None:
    calls = ours(t, e)
    before = {name: taken(call) for name, call in calls.items()}
    r_times, r_numbers = in_r(t, e)
    slow_times, slow_numbers = in_lifelines(t[:few], e[:few])
    print(
        "| what | here, ms | R, ms | times faster | lifelines, ms | times faster "
        "| largest difference from R | from lifelines |"
    )
    print("| --- " * 8 + "|")
    for name, call in calls.items():
        # Before and after the others, so that a busy spell touches all alike.
        seconds = statistics.median([*before[name], *taken(call)])
        cells = [name, f"{1000 * seconds:.1f}"]
        for times in (r_times, slow_times):
            if times:
                all_ = times[name] * len(t)
                cells += [f"{1000 * all_:,.0f}", f"{all_ / seconds:,.0f}"]
            else:
                cells += ["not installed", ""]
        found = call()
        for numbers in (r_numbers, slow_numbers):
            cells.append(difference(found, numbers[name]) if numbers else "")
        print("| " + " | ".join(cells) + " |")
    print()


def taken(call: Callable[[], object], repeats: int = 15) -> list[float]:
    """Return seconds of the processor, after one call to warm up."""
    call()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return found


def difference(found: np.ndarray, other: np.ndarray) -> str:
    """Return the largest difference, and how often only one of two has a number.

    Columns that the other does not compute at all are left out.
    """
    given = ~np.isnan(other).all(axis=0)
    found, other = found[: len(other), : other.shape[1]][:, given], other[:, given]
    apart = np.abs(found - other) / np.maximum(1, np.abs(other))
    # Infinite limits that agree are no nan apart.
    apart[found == other] = 0
    alone = np.count_nonzero(np.isnan(found) != np.isnan(other))
    return f"{np.nanmax(apart):.0e}" + (f", {alone} with one number only" * bool(alone))


def in_r(t: np.ndarray, e: np.ndarray) -> tuple[dict[str, float], Numbers]:
    """Return seconds per data set and numbers of a loop in R; empty without R."""
    if shutil.which("Rscript") is None:
        return {}, {}
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in ("time.csv", "event.csv", "loops.R")]
        np.savetxt(files[0], t, delimiter=",", fmt="%.17g")
        np.savetxt(files[1], e, delimiter=",", fmt="%d")
        files[2].write_text(R_LOOPS)
        call = ["Rscript", str(files[2]), str(files[0]), str(files[1])]
        said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    names = dict(zip(("curve", "mean", "logrank", "cox", "strata"), WHAT, strict=True))
    seconds, rows = {}, {name: [] for name in names}
    for line in said.splitlines():
        name, *numbers = line.split()
        if name == "time":
            seconds[names[numbers[0]]] = float(numbers[1])
        else:
            rows[name].append([math.nan if x == "NA" else float(x) for x in numbers])
    return seconds, {names[name]: finite(np.array(rows[name])) for name in rows}


def finite(numbers: np.ndarray) -> np.ndarray:
    """Blank the coefficients that R stopped at on their way to infinity."""
    if numbers.shape[1] == 4:  # a Cox model; its tests stand
        numbers[np.abs(numbers[:, 0]) > 12, :2] = math.nan
    return numbers


def in_lifelines(t: np.ndarray, e: np.ndarray) -> tuple[dict[str, float], Numbers]:
    """Return seconds per data set and numbers of a loop over lifelines."""
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.exceptions import ConvergenceError
    from lifelines.statistics import logrank_test
    from lifelines.utils import restricted_mean_survival_time

    first = GROUP == 1
    frames = [
        pd.DataFrame({"t": a, "e": b, "g": GROUP, "s": PAIR})
        for a, b in zip(t, e, strict=True)
    ]

    def cox(k: int, **strata: object) -> tuple[float, float]:
        columns = ["t", "e", "g", *strata.get("strata", [])]
        try:
            fit = CoxPHFitter().fit(frames[k][columns], "t", "e", **strata)
        except ConvergenceError:
            return math.nan, math.nan
        if abs(fit.params_["g"]) > 12:
            return math.nan, math.nan
        return fit.params_["g"], fit.standard_errors_["g"]

    def mean(k: int) -> tuple[float, float]:
        fit = KaplanMeierFitter().fit(t[k], e[k])
        return restricted_mean_survival_time(fit, t=TAU), math.nan

    def test(k: int) -> tuple[float, float]:
        found = logrank_test(t[k][first], t[k][~first], e[k][first], e[k][~first])
        return math.nan, found.test_statistic

    loops = (
        lambda k: KaplanMeierFitter().fit(t[k], e[k]),
        mean,
        test,
        cox,
        lambda k: cox(k, strata=["s"]),
    )
    seconds, numbers = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, one in zip(WHAT, loops, strict=True):
            one(0)
            begin = time.process_time()
            found = [one(k) for k in range(len(t))]
            seconds[name] = (time.process_time() - begin) / len(t)
            if name == "survival curve":
                found = [fit.predict(TIMES).to_numpy() for fit in found]
            numbers[name] = np.array(found, dtype=float)
    return seconds, numbers


def print_beside_one_at_a_time(sets: int = 300) -> None:
    """Print time and agreement beside the estimators of single data sets."""
    t, e = data_sets(sets)
    tied = np.ceil(t / 5)
    values = np.round(np.random.default_rng(7).normal(0.5, 2, t.shape))
    smooth = values + np.random.default_rng(8).normal(0, 0.1, t.shape)

    def fit(k: int, at: np.ndarray, ties: str, pair: np.ndarray | None) -> list[float]:
        likelihood = partial_likelihood(
            GROUP.astype(float), at[k], e[k], stratum=pair, ties=ties
        )
        best = maximise(likelihood)
        ratio, score = likelihood_ratio_and_score_tests(likelihood, best, [0])
        first = [best.coefficient[0], math.sqrt(best.covariance[0, 0])]
        if best.infinite[0]:
            first = [math.nan, math.nan]
        return [*first, ratio.statistic, score.statistic]

    def fits(at: np.ndarray, ties: str, pair: np.ndarray | None = None) -> np.ndarray:
        f = cox_arrays(at, e, GROUP, pair, ties=ties)
        return np.column_stack(
            [f.coefficient, f.std_error, f.likelihood_ratio, f.score]
        )

    def curve(k: int) -> list[float]:
        c = product_limit(FollowUp(t[k], e[k]))
        return [*c.value(TIMES), median(c).time]

    def mean(k: int) -> list[float]:
        found = restricted_mean(product_limit(FollowUp(t[k], e[k])), TAU)
        return [found.mean, found.std_error]

    def test(k: int) -> list[float]:
        f = log_rank(FollowUp(t[k], e[k]), 1 - GROUP)
        return [f.expected[0], chi_square(f).statistic]

    def ranks(kind: str, v: np.ndarray) -> tuple[Callable, Callable]:
        if kind == "signed":
            return (
                lambda: signed_rank_arrays(v).p_value[:, None],
                lambda k: [signed_rank_test(decimal(v[k])).p_value],
            )
        inside = GROUP == 1
        return (
            lambda: mann_whitney_arrays(v, GROUP).p_value[:, None],
            lambda k: [mann_whitney_test(v[k][inside], v[k][~inside]).p_value],
        )

    calls = ours(t, e)
    cases = {
        name: (calls[name], one)
        for name, one in zip(
            WHAT,
            (
                curve,
                mean,
                test,
                lambda k: fit(k, t, "efron", None),
                lambda k: fit(k, t, "efron", PAIR),
            ),
            strict=True,
        )
    }
    # Single curves keep their counts, so a second loop over them would tell little.
    del cases["survival curve, restricted mean"]
    for ties in ("efron", "breslow", "exact"):
        cases[f"Cox, many ties, {ties}"] = (
            lambda ties=ties: fits(tied, ties),
            lambda k, ties=ties: fit(k, tied, ties, None),
        )
    for name, v in (("no ties", smooth), ("many ties", values)):
        cases[f"signed rank, exact, {name}"] = ranks("signed", v)
        cases[f"Mann-Whitney, exact, {name}"] = ranks("rank sum", v)
    print("| what | arrays, µs a data set | one at a time, µs | largest difference |")
    print("| --- " * 4 + "|")
    for name, (many, one) in cases.items():
        seconds = statistics.median(taken(many, 7)) / sets
        one(0)
        begin = time.process_time()
        found = np.array([one(k) for k in range(sets)], dtype=float)
        beside = (time.process_time() - begin) / sets
        apart = difference(many(), found)
        print(f"| {name} | {1e6 * seconds:,.1f} | {1e6 * beside:,.0f} | {apart} |")
    print()


def awkward(sets: int) -> tuple[np.ndarray, ...]:
    """Draw times, events, groups and strata that small trials can have.

    3 to 20 patients (nan: none); few different times, so that most are tied; events
    of nobody, some or all; groups of one or of nobody, or without an event; strata of
    one patient, of one group, without events.
    """
    rng = np.random.default_rng(20250102)
    n = rng.choice([3, 4, 6, 10, 20], (sets, 1))
    t = rng.integers(1, rng.choice([3, 7, 13], (sets, 1)), (sets, 20)).astype(float)
    t[np.arange(20) >= n] = math.nan
    e = rng.random(t.shape) < rng.choice([0, 0.2, 0.7, 1], (sets, 1))
    group = rng.random(t.shape) < rng.choice(
        [0, 0.15, 0.5], (sets, 1), p=[0.1, 0.3, 0.6]
    )
    e &= ~(group & (rng.random((sets, 1)) < 0.25))
    return t, e, group, rng.integers(0, 5, t.shape).astype(float)


def print_awkward(sets: int = 2000) -> None:
    """Print agreement with one data set at a time where data are awkward."""
    t, e, group, stratum = awkward(sets)

    def rows(k: int) -> FollowUp:
        has = ~np.isnan(t[k])
        return FollowUp(t[k][has], e[k][has])

    def curve(k: int) -> list[float]:
        c = product_limit(rows(k))
        middle, mean = median(c), restricted_mean(c, TAU)
        limits = [x for step in c.at(TIMES) for x in c.limits(int(step))]
        found = [*c.value(TIMES), *limits, middle.time, middle.conf_low]
        return [*found, middle.conf_high, mean.mean, mean.std_error]

    def curves() -> np.ndarray:
        c = survival_arrays(t, e, at=TIMES, tau=TAU)
        limits = np.stack([c.survival_low, c.survival_high], 2).reshape(sets, -1)
        medians = [c.median, c.median_low, c.median_high]
        means = [c.restricted_mean, c.restricted_error]
        return np.column_stack([c.survival, limits, *medians, *means])

    def test(k: int, strata: np.ndarray | None) -> list[float]:
        has = ~np.isnan(t[k])
        at = (
            None
            if strata is None
            else np.unique(strata[k][has], return_inverse=True)[1]
        )
        try:
            f = log_rank(rows(k), 1 - group[k][has], at)
            return [f.expected[0], f.variance[0, 0], chi_square(f).statistic]
        except MethodError:
            return [math.nan] * 3

    def tests(strata: np.ndarray | None) -> np.ndarray:
        f = log_rank_arrays(t, e, group, strata)
        found = np.column_stack([f.expected, f.variance, f.z**2])
        # Counts without a test are given on arrays; one at a time refuses instead.
        return np.where(np.isnan(f.p_value)[:, None], math.nan, found)

    def fit(k: int, strata: np.ndarray | None, ties: str) -> list[float]:
        has = ~np.isnan(t[k])
        at = None if strata is None else strata[k][has].astype(int)
        try:
            likelihood = partial_likelihood(
                group[k][has] * 1.0, t[k][has], e[k][has], stratum=at, ties=ties
            )
        except MethodError:
            return [math.nan] * 4
        if not check_estimable(likelihood)[0]:
            return [math.nan] * 4
        best = maximise(likelihood)
        ratio, score = likelihood_ratio_and_score_tests(likelihood, best, [0])
        first = [best.coefficient[0], math.sqrt(best.covariance[0, 0])]
        if best.infinite[0]:
            first = [math.nan, math.nan]
        return [*first, ratio.statistic, score.statistic]

    def fits(strata: np.ndarray | None, ties: str) -> np.ndarray:
        f = cox_arrays(t, e, group, strata, ties=ties)
        return np.column_stack(
            [f.coefficient, f.std_error, f.likelihood_ratio, f.score]
        )

    cases = {"survival, limits, medians, restricted mean": (curves(), curve)}
    for what, strata in (("", None), (", stratified", stratum)):
        cases[f"log-rank test{what}"] = (
            tests(strata),
            lambda k, strata=strata: test(k, strata),
        )
        for ties in ("efron", "breslow", "exact"):
            cases[f"Cox, {ties}{what}"] = (
                fits(strata, ties),
                lambda k, strata=strata, ties=ties: fit(k, strata, ties),
            )
    print("| what | data sets | without the last number | largest difference |")
    print("| --- " * 4 + "|")
    for name, (found, one) in cases.items():
        others = np.array([one(k) for k in range(sets)], dtype=float)
        without = np.count_nonzero(np.isnan(found[:, -1]))
        print(f"| {name} | {sets:,} | {without:,} | {difference(found, others)} |")
    print()


def growth(sets: int) -> dict[str, float]:
    """Return seconds of each estimator and how far memory grew, in megabytes."""
    for call in ours(*data_sets(1000)).values():
        call()
    t, e = data_sets(sets)
    begin = megabytes("VmRSS")
    found = {name: min(taken(call, 3)) for name, call in ours(t, e).items()}
    peak = megabytes("VmHWM")
    return found | {"grown": peak - begin, "peak": peak}


def megabytes(which: str) -> float:
    """Return the memory of this process now (VmRSS) or at its peak (VmHWM)."""
    # The peak of getrusage begins at that of the process this one was forked from.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    raise LookupError(which)


def print_growth(sizes: list[int]) -> None:
    print(
        f"| data sets | {', s | '.join(WHAT)}, s | growth, MB | largest process, MB |"
    )
    print("| --- " * (3 + len(WHAT)) + "|")
    for sets in sizes:
        call = [sys.executable, __file__, "--only", str(sets)]
        said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        found = json.loads(said)
        cells = [f"{found[name]:.4f}" for name in WHAT]
        cells += [f"{found['grown']:.0f}", f"{found['peak']:.0f}"]
        print(f"| {sets:,} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
