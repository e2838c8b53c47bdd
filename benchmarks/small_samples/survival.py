"""How often small-sample survival intervals cover and tests reject.

python benchmarks/small_samples/survival.py [--replicates 4000]

Exponential times, S(t) = exp(-t); censoring none, light (about a fifth of the patients)
or heavy (about half), exponential as well and independent. Writes
docs/small_samples/survival.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from reanalysis.errors import MethodError  # noqa: E402
from reanalysis.survival import fixed_time, restricted_means, survival_curve  # noqa: E402
from reanalysis.survival.risk_sets import FollowUp  # noqa: E402
from reanalysis.survival.survival_bands import confidence_band  # noqa: E402

SHARES = (0.9, 0.75, 0.5, 0.25, 0.1)
#: Rate of censoring beside a rate of events of 1.
CENSORING = {"none": 0.0, "light": 0.25, "heavy": 1.0}
INTERVALS = (
    "plain",
    "log",
    "log-log",
    "thomas-grunkemeier",
    "bootstrap",
    "beta-product-mid-p",
    "beta-product",
)


#: Intervals that take milliseconds each: a third of the samples.
SLOW = ("bootstrap", "beta-product-mid-p")


def _counts(stop: tuple, event: tuple, start: object) -> tuple:
    """Count as the package does, for times that are all different."""
    order = np.argsort(stop)
    at_risk = np.arange(len(stop), 0, -1)
    return np.array(stop)[order], at_risk, np.array(event)[order].astype(int)


# A table per sample would take most of the time.
survival_curve._counts = _counts
# Drawn permutations hold their level as well as all of them, and are faster.
restricted_means.EXACT_LIMIT = 1000


def sample(rng: np.random.Generator, n: int, rate: float) -> FollowUp:
    time = rng.exponential(size=n)
    end = rng.exponential(1 / rate, size=n) if rate else np.full(n, np.inf)
    return FollowUp(np.minimum(time, end), time <= end)


def intervals(replicates: int) -> Iterator[str]:
    """Yield the table of coverage of S(t): mean and least over five times."""
    yield "| interval | n | " + " | ".join(CENSORING) + " | no limits |"
    yield "| --- | --- |" + " --- |" * (len(CENSORING) + 1)
    for name in INTERVALS:
        everything = []
        for n in (6, 10, 20):
            cells, missing = [], []
            for rate in CENSORING.values():
                rng = np.random.default_rng([20250101, n, int(4 * rate)])
                few = replicates // 3 if name in SLOW else replicates
                share, none = _coverage(rng, name, n, rate, few)
                cells.append(f"{100 * share.mean():.1f} ({100 * share.min():.1f})")
                missing.append(none)
                everything.extend(share)
            none = f"{100 * np.mean(missing):.0f}"
            yield f"| {name} | {n} | {' | '.join(cells)} | {none} |"
        overall = f"{100 * np.mean(everything):.1f} ({100 * min(everything):.1f})"
        yield f"| {name} | all | {overall} | | | |"


def _coverage(
    rng: np.random.Generator, name: str, n: int, rate: float, replicates: int
) -> tuple[np.ndarray, float]:
    """Return how often S(t) is covered at each time, and how often there is nothing."""
    times = -np.log(SHARES)
    held, none = np.zeros(len(SHARES)), np.zeros(len(SHARES))
    for k in range(replicates):
        rows = sample(rng, n, rate)
        curve = survival_curve.product_limit(rows, interval=name, seed=k)
        for j, step in enumerate(curve.at(times)):
            low, high = curve.limits(int(step))
            if step < 0 and name in ("plain", "log"):
                low = high = 1.0
            none[j] += low != low
            held[j] += low <= SHARES[j] <= high
    return held / np.maximum(replicates - none, 1), none.mean() / replicates


def bands(replicates: int) -> Iterator[str]:
    """Yield the table of coverage of whole curves."""
    kinds = [
        (kind, transform)
        for kind in ("hall-wellner", "equal-precision", "bootstrap")
        for transform in ("log-log", "plain")
    ]
    heads = " | ".join(f"{k}, {t}" for k, t in kinds)
    yield f"| n | censoring | pointwise, log-log | {heads} |"
    yield "| --- | --- | --- |" + " --- |" * len(kinds)
    for n in (10, 20, 40):
        for censoring, rate in CENSORING.items():
            rng = np.random.default_rng([7, n, int(4 * rate)])
            held, made = np.zeros(len(kinds) + 1), 0
            while made < replicates:
                rows = sample(rng, n, rate)
                curve = survival_curve.product_limit(rows)
                inside = (curve.events > 0) & (curve.survival > 0)
                if not inside.any():
                    continue
                made += 1
                held[0] += _holds(curve, curve.conf_low, curve.conf_high, inside)
                for k, (kind, transform) in enumerate(kinds, start=1):
                    band = confidence_band(
                        curve, rows, kind=kind, transform=transform, seed=made
                    )
                    held[k] += _holds(curve, band.conf_low, band.conf_high, inside)
            cells = " | ".join(f"{100 * h / made:.1f}" for h in held)
            yield f"| {n} | {censoring} | {cells} |"


def _holds(
    curve: survival_curve.Curve, low: np.ndarray, high: np.ndarray, inside: np.ndarray
) -> bool:
    """Tell whether limits hold S(t) from the first event to the last."""
    at = np.flatnonzero(inside)
    truth = np.exp(-curve.times[at])
    # S falls: it is highest at a step and lowest just before the next.
    before_next = np.append(truth[1:], truth[-1])
    return bool((truth <= high[at]).all() and (before_next >= low[at]).all())


def fixed_times(replicates: int) -> Iterator[str]:
    """Yield level of the tests and coverage of the differences at one time."""
    tests = (*fixed_time.SCALES, "melded beta product")
    yield (
        "| n per group | censoring | S | "
        + " | ".join(f"{t}" for t in tests)
        + " | covers: plain | mover, log-log |"
    )
    yield "| --- | --- | --- |" + " --- |" * (len(tests) + 2)
    for n in (8, 15):
        for censoring, rate in CENSORING.items():
            for share in (0.85, 0.5, 0.2):
                rng = np.random.default_rng([11, n, int(4 * rate), int(100 * share)])
                yield (
                    f"| {n} | {censoring} | {share:g} | "
                    + _fixed_time(rng, n, rate, share, tests, replicates)
                    + " |"
                )


def _fixed_time(
    rng: np.random.Generator,
    n: int,
    rate: float,
    share: float,
    tests: tuple,
    replicates: int,
) -> str:
    time = -math.log(share)
    rejected, held, made = np.zeros(len(tests)), np.zeros(2), np.zeros(2)
    for _ in range(replicates):
        rows = sample(rng, n, rate), sample(rng, n, rate)
        try:
            points = [fixed_time.point(own, time) for own in rows]
        except MethodError:
            continue  # unknown: no test rejects
        for k, test in enumerate(tests):
            try:
                if test == "melded beta product":
                    p = fixed_time.melded_p_value(*points)
                else:
                    p = fixed_time.p_value(fixed_time.z_statistic(*points, test))
            except MethodError:
                continue
            rejected[k] += p <= 0.05
        curves = [survival_curve.product_limit(own) for own in rows]
        own = tuple(c.limits(int(c.at([time])[0])) for c in curves)
        mover = fixed_time.difference_from_limits(*points, own)
        plain = fixed_time.difference(*points)
        for k, found in enumerate((plain, mover)):
            made[k] += found.conf_low == found.conf_low
            held[k] += found.conf_low <= 0 <= found.conf_high
    cells = [f"{100 * r / replicates:.1f}" for r in rejected]
    cells += [f"{100 * h / max(m, 1):.1f}" for h, m in zip(held, made, strict=True)]
    return " | ".join(cells)


def restricted(replicates: int) -> Iterator[str]:
    """Yield level of the tests of restricted means and coverage of the difference."""
    yield (
        "| n per group | censoring | Wald | permuted difference | studentised | "
        "covers: Wald | studentised permutation |"
    )
    yield "| --- | --- |" + " --- |" * 5
    designs = {
        "none": (0.0, 0.0),
        "light": (0.25, 0.25),
        "heavy": (1.0, 1.0),
        "light against heavy": (0.25, 1.0),
    }
    for sizes in ((5, 5), (8, 8), (6, 12), (15, 15)):
        for censoring, rates in designs.items():
            rng = np.random.default_rng([13, *sizes, int(4 * sum(rates))])
            cells = _restricted(rng, sizes, rates, replicates)
            name = (
                f"{sizes[0]}" if sizes[0] == sizes[1] else f"{sizes[0]} and {sizes[1]}"
            )
            yield f"| {name} | {censoring} | {cells} |"


def _restricted(
    rng: np.random.Generator,
    sizes: tuple[int, int],
    rates: tuple[float, float],
    replicates: int,
) -> str:
    tau = 1.0
    rejected, held, made = np.zeros(3), np.zeros(2), 0
    for k in range(replicates):
        rows = [sample(rng, n, rate) for n, rate in zip(sizes, rates, strict=True)]
        means = [
            survival_curve.restricted_mean(survival_curve.product_limit(own), tau)
            for own in rows
        ]
        wald = restricted_means.difference(*means)
        rejected[0] += wald.p_value <= 0.05
        test: Callable = restricted_means.permutation_test
        data = (
            np.concatenate([own.stop for own in rows]),
            np.concatenate([own.event for own in rows]),
            np.repeat([True, False], sizes),
            tau,
        )
        plain = test(*data, studentised=False, draws=299, seed=k)
        own = test(*data, draws=299, seed=k)
        rejected[1] += plain.p_value <= 0.05
        rejected[2] += own.p_value <= 0.05
        if wald.std_error == wald.std_error:
            made += 1
            held[0] += wald.conf_low <= 0 <= wald.conf_high
            held[1] += abs(wald.estimate) <= own.quantile * wald.std_error + 1e-12
    cells = [f"{100 * r / replicates:.1f}" for r in rejected]
    return " | ".join([*cells, *(f"{100 * h / max(made, 1):.1f}" for h in held)])


PAGE = """# Survival in small samples

Written by `python benchmarks/small_samples/survival.py`: {replicates} samples a line
(bootstrap, mid-p and bands {fewer}, comparisons {some}), so that three standard
errors are about {error:.1f} ({fewer_error:.1f}, {some_error:.1f}) points. Exponential
times; light censoring ends the follow-up of a fifth of the patients, heavy of half.
All numbers are per cent.

## Pointwise 95% intervals of S(t): how often they cover

Mean over S(t) = 0.9, 0.75, 0.5, 0.25 and 0.1, the least of the five in brackets. Where
an interval has no limits (before the first event, or where the curve is 0) it is not
counted; the last column says how often that is. `plain` and `log` give 1 to 1 before
the first event, as R prints them, which never covers. Beyond the last follow-up a curve
is carried forward with its limits; beta product limits go to 0 there.

{intervals}

The median's interval inverts the limits of S(t), so it covers as they do at S = 0.5.

## 95% bands of the whole curve, from the first event to the last

{bands}

## Two curves at one time, no difference: rejections at 5%, and coverage of 0

A test that cannot be made does not reject; intervals that do not exist are not counted.
The melded interval covers 0 whenever its test does not reject.

{fixed}

## Restricted means up to 1, no difference: rejections at 5%, and coverage of 0

Where a curve ends before the horizon it is carried forward. The permutation tests are
exact where both groups are censored alike; `light against heavy` shows what they do
when they are not. A group without variation before the horizon has no Wald test.

{means}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=450)
    most = parser.parse_args().replicates
    fewer, some = most // 3, 2 * most // 3
    error, fewer_error, some_error = (
        300 * math.sqrt(0.95 * 0.05 / count) for count in (most, fewer, some)
    )
    page = PAGE.format(
        replicates=most,
        fewer=fewer,
        some=some,
        error=error,
        fewer_error=fewer_error,
        some_error=some_error,
        intervals="\n".join(intervals(most)),
        bands="\n".join(bands(fewer)),
        fixed="\n".join(fixed_times(some)),
        means="\n".join(restricted(some)),
    )
    target = ROOT / "docs" / "small_samples" / "survival.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
