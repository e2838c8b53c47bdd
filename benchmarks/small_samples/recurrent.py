"""Coverage and level of what is said of recurrent events in small trials.

python benchmarks/small_samples/recurrent.py [--replicates N] writes
docs/small_samples/recurrent.md. Four parts: ratios of rates of two groups, counts
before and after of patients selected for a bad year, the mean cumulative function, and
models of all events with few patients.
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
from reanalysis.events import mean_cumulative as mcf  # noqa: E402
from reanalysis.events.count_models import (  # noqa: E402
    CountFit,
    negative_binomial_ratio,
    poisson_ratio,
)
from reanalysis.events.mean_cumulative import mean_cumulative  # noqa: E402
from reanalysis.events.paired_counts import conditional_law, fieller  # noqa: E402
from reanalysis.events.poisson_rates import rate_ratio_interval  # noqa: E402
from reanalysis.events.recurrent_models import fit_recurrent, spells  # noqa: E402
from reanalysis.events.selection_effect import hauer, shape_profile  # noqa: E402
from reanalysis.survival.risk_sets import FollowUp  # noqa: E402
from reanalysis.survival.score_permutation import count_tails  # noqa: E402
from reanalysis.survival.weighted_log_rank import log_rank  # noqa: E402
from reanalysis.tables.binomial import normal_quantile  # noqa: E402

SEED = 20250101
Z = normal_quantile(0.95)
#: What a method said: limits that hold the truth, that do not, or none.
Verdict = bool | None


class Table:
    """Shares of right answers by row (situation) and column (method)."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, list[Verdict]]] = {}

    def add(self, row: str, column: str, verdict: Verdict) -> None:
        """Note one answer."""
        self.cells.setdefault(row, {}).setdefault(column, []).append(verdict)

    def lines(self, first: str) -> Iterator[str]:
        """Yield the table in per cent, then mean and minimum of every column."""
        columns = list(dict.fromkeys(c for row in self.cells.values() for c in row))
        yield f"| {first} | " + " | ".join(columns) + " |"
        yield "| --- |" + " --- |" * len(columns)
        shares: dict[str, list[float]] = {c: [] for c in columns}
        for name, row in self.cells.items():
            texts = []
            for column in columns:
                told = [v for v in row.get(column, []) if v is not None]
                if not told:
                    texts.append("-")
                    continue
                shares[column].append(100 * float(np.mean(told)))
                text = f"{shares[column][-1]:.1f}"
                silent = 1 - len(told) / len(row[column])
                texts.append(f"{text} ({100 * silent:.0f})" if silent > 0.005 else text)
            yield f"| {name} | " + " | ".join(texts) + " |"
        for word, of in (("mean", np.mean), ("minimum", min), ("maximum", max)):
            cells = (f"{of(shares[c]):.1f}" if shares[c] else "-" for c in columns)
            yield f"| **{word}** | " + " | ".join(cells) + " |"


def holds(limits: Callable[[], tuple[float, float]], truth: float) -> Verdict:
    """Tell whether limits hold the truth, None where there are none."""
    try:
        low, high = limits()
    except MethodError:
        return None
    if math.isnan(low) or math.isnan(high):
        return None
    return bool(low <= truth <= high)


def wald(fit: Callable[[], CountFit], truth: float) -> Verdict:
    """Tell whether the Wald limits of a fit hold the true ratio."""
    from scipy.special import stdtrit

    def limits() -> tuple[float, float]:
        found = fit()
        q = float(stdtrit(found.df, 0.975)) if math.isfinite(found.df) else Z
        reach = q * found.std_error
        return math.exp(found.log_ratio - reach), math.exp(found.log_ratio + reach)

    return holds(limits, truth)


def two_groups(replicates: int) -> Table:
    """Intervals of a rate ratio of two groups of patients observed for a year."""
    table, rng = Table(), np.random.default_rng(SEED)
    for spread, shape in (("Poisson", math.inf), ("shape 1", 1.0)):
        for n in (6, 10, 20):
            for mean, ratio in ((1.0, 1.0), (3.0, 1.0), (3.0, 0.4)):
                first = np.arange(n) < n // 2
                row = f"{spread}, n = {n}, mean {mean:g}, ratio {ratio:g}"
                means = np.where(first, mean * ratio, mean)
                for _ in range(replicates):
                    rates = means
                    if math.isfinite(shape):
                        rates = means * rng.gamma(shape, 1 / shape, n)
                    y, e = rng.poisson(rates), np.ones(n)
                    totals = int(y[first].sum()), n / 2, int(y[~first].sum()), n / 2
                    if totals[0] + totals[2] == 0:
                        continue
                    for name in ("exact", "mid-p", "wald-log"):
                        label = {
                            "exact": "conditional exact",
                            "mid-p": "conditional mid-P",
                            "wald-log": "Poisson Wald",
                        }[name]
                        found = rate_ratio_interval(*totals, 0.95, name)
                        table.add(row, label, holds(lambda f=found: f, ratio))

                    of = (y, e, first)
                    table.add(
                        row, "Poisson robust",
                        wald(lambda of=of: poisson_ratio(*of, "robust"), ratio),
                    )  # fmt: skip
                    table.add(
                        row, "quasi-Poisson, t",
                        wald(lambda of=of: poisson_ratio(*of, "quasi"), ratio),
                    )  # fmt: skip
                    table.add(
                        row, "negative binomial",
                        wald(lambda of=of: negative_binomial_ratio(*of), ratio),
                    )  # fmt: skip
    return table


def selected(replicates: int) -> Table:
    """Intervals of the ratio after / before of patients with two or more before."""
    table, rng = Table(), np.random.default_rng(SEED + 1)
    laws = {
        "gamma, shape 1.5": lambda size: rng.gamma(1.5, 0.8, size),
        "two classes": lambda size: rng.choice([0.6, 3.0], size),
    }
    for law, draw in laws.items():
        for n in (6, 10, 20):
            for ratio in (1.0, 0.5):
                row = f"{law}, n = {n}, ratio {ratio:g}"
                for _ in range(replicates):
                    rate = draw(60 * n)
                    x = rng.poisson(rate)
                    rate, x = rate[x >= 2][:n], x[x >= 2][:n]
                    y = rng.poisson(ratio * rate)
                    for name, k in (("totals alone", 0), ("given the criterion", 2)):
                        table.add(
                            row, f"conditional exact, {name}",
                            holds(conditional_law(x, y, 1.0, k).limits, ratio),
                        )  # fmt: skip

                    def shape_free(x: np.ndarray = x, y: np.ndarray = y) -> tuple:
                        found = fieller(y, hauer(x, 2))
                        return found.conf_low, found.conf_high

                    table.add(row, "Hauer, Fieller", holds(shape_free, ratio))
                    for shape in (1.5, 20.0):

                        def gamma(
                            x: np.ndarray = x, y: np.ndarray = y, shape: float = shape
                        ) -> tuple:
                            found = shape_profile(x, y, np.ones(x.size), 2, [shape])
                            reach = math.exp(Z * found.std_error[0])
                            return found.ratio[0] / reach, found.ratio[0] * reach

                        table.add(
                            row, f"gamma-Poisson, shape {shape:g}", holds(gamma, ratio)
                        )
    return table


def follow(
    rng: np.random.Generator, n: int, rate: float, shape: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return intervals of n patients, observed for 0.5 to 1.5 years."""
    frailty = np.ones(n)
    if math.isfinite(shape):
        frailty = rng.gamma(shape, 1 / shape, n)
    end = rng.uniform(0.5, 1.5, n)
    rows = []
    for i in range(n):
        times = np.sort(rng.uniform(0, end[i], rng.poisson(rate * frailty[i] * end[i])))
        start = 0.0
        for t in times:
            rows.append((start, t, 1, i))
            start = t
        rows.append((start, end[i], 0, i))
    start, stop, event, person = np.array(rows).T
    return start, stop, event == 1, person.astype(int)


def means(replicates: int) -> Table:
    """Intervals of the mean number of events by one year."""
    table, rng = Table(), np.random.default_rng(SEED + 2)
    for rate in (1.0, 3.0):
        for shape in (math.inf, 1.0):
            for n in (6, 10, 20):
                spread = "Poisson" if math.isinf(shape) else f"shape {shape:g}"
                row = f"{spread}, n = {n}, mean {rate:g}"
                for _ in range(replicates):
                    start, stop, event, person = follow(rng, n, rate, shape)
                    curve = mean_cumulative(FollowUp(stop, event, start, person))
                    k = curve.at(1.0)
                    if k < 0 or curve.last < 1:
                        continue
                    for scale in ("log", "plain"):
                        for small in (False, True):
                            low, high = mcf.limits(
                                curve.mean[k], curve.std_error[k], n,
                                scale=scale, small_sample=small,
                            )  # fmt: skip
                            name = f"{scale}{', t' if small else ''}"
                            found = (float(low), float(high))
                            table.add(row, name, holds(lambda f=found: f, rate))
                    low, high = mcf.limits(curve.mean[k], curve.poisson_error[k], n)
                    found = (float(low), float(high))
                    table.add(row, "log, independent", holds(lambda f=found: f, rate))
    return table


def models(replicates: int) -> Table:
    """Share of false alarms at 0.05 of the Andersen-Gill model without an effect."""
    from scipy.special import ndtr, stdtr

    table, rng = Table(), np.random.default_rng(SEED + 3)
    for shape in (math.inf, 1.0):
        for n in (6, 10, 20):
            spread = "Poisson" if math.isinf(shape) else f"shape {shape:g}"
            row = f"{spread}, n = {n}, mean 2"
            for _ in range(replicates):
                start, stop, event, person = follow(rng, n, 2.0, shape)
                new = person < n // 2
                try:
                    fit = fit_recurrent(
                        new.astype(float)[:, None], spells(start, stop, event, person)
                    )
                except MethodError:
                    fit = None
                robust = model = t = None
                if fit is not None and not fit.fit.infinite.any():
                    b = abs(float(fit.fit.coefficient[0]))
                    error = math.sqrt(fit.robust[0, 0])
                    robust = bool(2 * ndtr(-b / error) < 0.05)
                    model = bool(
                        2 * ndtr(-b / math.sqrt(fit.fit.covariance[0, 0])) < 0.05
                    )
                    wider = error * math.sqrt(n / (n - 2))
                    t = bool(2 * stdtr(n - 2, -b / wider) < 0.05)
                table.add(row, "events independent", model)
                table.add(row, "robust", robust)
                table.add(row, "robust, t", t)
                exact = None
                if event.any():
                    scores = log_rank(
                        FollowUp(stop, event, start, person), (~new).astype(int)
                    ).scores
                    each = np.bincount(person, weights=scores)
                    p = count_tails(each, np.arange(n) < n // 2).p_value()
                    exact = p <= 0.05
                table.add(row, "exact permutation", exact)
    return table


#: Title, what is to be seen, the part, and how many times the replicates it takes.
PARTS = (
    (
        "Ratio of rates of two groups: coverage of 95 % intervals (%)",
        "Equal groups, one year each. The conditional exact interval holds its level "
        "where events are Poisson. Where patients differ (gamma distributed rates of "
        "shape 1) it and every Poisson interval fail.",
        two_groups,
        1,
    ),
    (
        "After against before, patients with two or more events before: coverage (%)",
        "The totals alone take the regression to the mean for an effect. The law given "
        "each patient's total and the criterion holds its level for any law of the "
        "rates; the others are approximations. Two classes of rates are no gamma "
        "distribution.",
        selected,
        1,
    ),
    (
        "Mean number of events by one year: coverage of 95 % intervals (%)",
        "Follow-up of 0.5 to 1.5 years. `log` and `plain` use normal quantiles and the "
        "robust variance, as programs do; `t` widens them (setting `small_sample: t`). "
        "`independent` takes the events of a patient as independent.",
        means,
        1,
    ),
    (
        "Andersen-Gill model without an effect: share of p < 0.05 (%)",
        "Two equal groups, follow-up of 0.5 to 1.5 years; five times the replicates. "
        "The permutation of patients is exact; with six patients no outcome of it is "
        "below 0.05. `t`: setting `small_sample: t`.",
        models,
        5,
    ),
)


def main() -> None:
    """Run all parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    error = 100 * math.sqrt(0.95 * 0.05 / replicates)
    lines = [
        "# Recurrent events in small samples",
        "",
        f"`python benchmarks/small_samples/recurrent.py --replicates {replicates}` "
        f"(seed {SEED}; standard error of a cell about {error:.1f} points). In "
        "brackets: how often (%) a method gave no interval, which is not counted.",
        "",
    ]
    for title, text, part, times in PARTS:
        table = part(times * replicates)
        lines += [f"## {title}", "", text, "", *table.lines("situation"), ""]
    target = ROOT / "docs" / "small_samples" / "recurrent.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
