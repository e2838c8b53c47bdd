"""Rebuild patients from simulated and real curves, and compare with the truth.

    python benchmarks/reconstruction.py [--replicates 40] [--members 200] [--write]

Two arms of 22 to 82 patients are simulated, drawn as a figure of 600 x 600 pixels (480
for the whole axis of survival, 500 for that of time), clicked at both corners of every
step with a normal error of half a pixel and then rounded to pixels, read back, and
rebuilt. The hazard ratio, its p-value and the medians are withheld. ``--write`` puts the tables
into ``reconstruction.md``.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time as clock
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.curve_members import Members, rebuild
from reanalysis.digitised_curve import DigitisedCurve, PrintedCounts, read_curve
from reanalysis.errors import MethodError
from reanalysis.guyot import rebuild_once

HIGH, WIDE = 480, 500
#: Standard deviation of a click, and the largest error stated to the reader, in pixels.
CLICK, LARGEST = 0.5, 2.0
CENSORING = ("light", "moderate", "heavy")
PRINTS = tuple(itertools.product((True, False), (True, False)))
SHAPES = ("exponential", "Weibull 0.7", "Weibull 1.5", "piecewise")


# The truth ---------------------------------------------------------------------


def survival_times(shape: str, scale: float, n: int, rng: np.random.Generator):
    """Draw times whose median is about 0.7 ``scale``."""
    unit = rng.exponential(1, n)
    if shape.startswith("Weibull"):
        return scale * unit ** (1 / float(shape.split()[1]))
    if shape == "piecewise":
        # Half the hazard at first, twice it from 0.6 scale on.
        early, turn = unit / 0.5, 0.6
        return scale * np.where(early < turn, early, turn + (unit - 0.3) / 2)
    return scale * unit


def censoring_times(amount: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw censoring times for a scale of 30: entry over years, or dropping out."""
    low, high, rate = {
        "light": (45.0, 90.0, 250.0),
        "moderate": (8.0, 48.0, 60.0),
        "heavy": (2.0, 26.0, 20.0),
    }[amount]
    if rng.random() < 0.5:
        return rng.uniform(low, high, n)
    return np.minimum(rng.exponential(rate, n), high)


def arm(shape: str, amount: str, scale: float, n: int, rng: np.random.Generator):
    """Return times and events of one arm."""
    event, censored = (
        survival_times(shape, scale, n, rng),
        censoring_times(amount, n, rng),
    )
    return np.minimum(event, censored), (event <= censored).astype(int)


def product_limit(time, event):
    """Return drop times, and the curve after each, for one data set."""
    drops = np.unique(time[event == 1])
    at_risk = (time[None, :] >= drops[:, None]).sum(axis=1)
    died = ((time[None, :] == drops[:, None]) & (event == 1)).sum(axis=1)
    return drops, np.cumprod(1 - died / at_risk)


# The figure --------------------------------------------------------------------


def clicks(time, event, longest: float, rng: np.random.Generator):
    """Return the coordinates a reader gets by clicking at every corner."""
    drops, survival = product_limit(time, event)
    above = np.append(1.0, survival)[:-1]
    t = np.concatenate([[0.0], np.repeat(drops, 2), [time.max()]])
    s = np.concatenate(
        [
            [1.0],
            np.column_stack([above, survival]).ravel(),
            [np.append(1, survival)[-1]],
        ]
    )
    t = np.round(t / longest * WIDE + rng.normal(0, CLICK, t.size)) * longest / WIDE
    s = np.round(s * HIGH + rng.normal(0, CLICK, s.size)) / HIGH
    return t.clip(0), s


def read(
    time, event, longest: float, rng: np.random.Generator, grid: float | None = None
) -> DigitisedCurve:
    """Draw one arm and read it back."""
    t, s = clicks(time, event, longest, rng)
    return read_curve(
        t,
        s,
        error=LARGEST / HIGH,
        time_error=LARGEST * longest / WIDE,
        n=len(time),
        percent=False,
        incidence=False,
        grid=grid,
    )


def printed(time, event, longest: float, table: bool, total: bool) -> PrintedCounts:
    """Return the numbers printed beside an arm: seven ticks at round times."""
    step = longest / 6
    size = 10 ** np.floor(np.log10(step))
    step = size * np.ceil(step / size)
    ticks = np.arange(0, longest, step)
    at_risk = (time[None, :] >= ticks[:, None]).sum(axis=1)
    # Beyond the end of a curve the table has nobody.
    return PrintedCounts(
        n=len(time),
        tick_time=ticks if table else np.empty(0),
        at_risk=at_risk if table else np.empty(0, dtype=np.int64),
        events=int(event.sum()) if total else None,
    )


# What is compared --------------------------------------------------------------


def log_hazard_ratios(time, event, first, *, steps: int = 30) -> np.ndarray:
    """Return Efron's log hazard ratio of many data sets (members, n) at once.

    Newton's method for one group; checked against the package in :func:`main`.
    """
    order = np.lexsort((1 - event, time), axis=1)
    time, event = (np.take_along_axis(a, order, 1) for a in (time, event))
    first = np.take_along_axis(np.broadcast_to(first, time.shape), order, 1).astype(
        float
    )
    many, n = time.shape
    new = np.hstack([np.ones((many, 1), bool), np.diff(time, axis=1) != 0])
    start = np.maximum.accumulate(np.where(new, np.arange(n), 0), axis=1)
    group = np.cumsum(new, axis=1) + np.arange(many)[:, None] * (n + 1)
    size = many * (n + 1) + 1
    died = np.bincount(group.ravel(), event.ravel(), size)[group]
    died1 = np.bincount(group.ravel(), (event * first).ravel(), size)[group]
    after1 = np.cumsum(first[:, ::-1], axis=1)[:, ::-1]
    risk1 = np.take_along_axis(after1, start, 1)
    risk = n - start
    share = np.where(event == 1, (np.arange(n) - start) / np.maximum(died, 1), 0.0)
    one = risk1 - share * died1
    zero = risk - risk1 - share * (died - died1)
    beta = np.zeros(many)
    for _ in range(steps):
        p = one * np.exp(beta)[:, None]
        p = p / np.maximum(p + zero, 1e-300)
        score = (event * (first - p)).sum(axis=1)
        information = (event * p * (1 - p)).sum(axis=1)
        move = np.clip(score / np.maximum(information, 1e-12), -1, 1)
        beta = np.clip(beta + move, -20, 20)
        if np.abs(move).max() < 1e-11:
            break
    return np.where(np.abs(beta) >= 15, np.sign(beta) * np.inf, beta)


def medians(members: Members) -> np.ndarray:
    """Return the median time of each member, infinite where it is not reached."""
    low = members.survival <= 0.5 + 1e-9
    first = low.argmax(axis=1)
    found = members.drop_time[np.arange(len(low)), first] if low.shape[1] else np.inf
    return np.where(low.any(axis=1), found, np.inf)


def restricted_means(members: Members, tau: float) -> np.ndarray:
    """Return the mean time up to ``tau`` of each member."""
    many = len(members.survival)
    edges = np.hstack([np.zeros((many, 1)), members.drop_time.clip(max=tau)])
    widths = np.diff(np.hstack([edges, np.full((many, 1), tau)]), axis=1)
    return (widths * np.hstack([np.ones((many, 1)), members.survival])).sum(axis=1)


def as_members(time, event) -> Members:
    """Return true patients as an ensemble of one."""
    order = np.lexsort((1 - event, time))
    drops, survival = product_limit(time, event)
    at_risk = (time[None, :] >= drops[:, None]).sum(axis=1)
    died = ((time[None, :] == drops[:, None]) & (event == 1)).sum(axis=1)
    return Members(
        time[order][None],
        event[order][None],
        drops[None],
        at_risk[None],
        died[None],
        survival[None],
        float("nan"),
        1.0,
    )


def pair(first: Members, second: Members) -> np.ndarray:
    """Return the log hazard ratios of members paired in their order."""
    time = np.hstack([first.time, second.time])
    event = np.hstack([first.event, second.event])
    group = np.repeat([1, 0], [first.time.shape[1], second.time.shape[1]])
    return log_hazard_ratios(time, event, group)


def inside(values: np.ndarray, truth: float) -> bool:
    """Say whether a truth is between the 2.5 and 97.5 % points of members."""
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    slack = 1e-9 * max(1.0, abs(truth)) if np.isfinite(truth) else 0.0
    return bool(low - slack <= truth <= high + slack)


@dataclass
class Tally:
    """Errors and hits of one class."""

    error: list[float] = field(default_factory=list)
    guyot: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    hits: dict[str, list[bool]] = field(default_factory=dict)
    events: int = 0
    patients: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    seconds: float = 0.0
    curves: int = 0
    effective: list[float] = field(default_factory=list)

    def hit(self, what: str, yes: bool) -> None:
        self.hits.setdefault(what, []).append(yes)

    def coverage(self, what: str) -> str:
        hits = self.hits.get(what, [])
        return f"{100 * np.mean(hits):.1f}" if hits else "none"


def compare(
    tally: Tally, arms, table: bool, total: bool, members: int, seed: int, grid=None
) -> None:
    """Draw, read, rebuild and compare one trial."""
    rng = np.random.default_rng([seed, 7])
    longest = max(time.max() for time, _ in arms)
    truth = [as_members(*one) for one in arms]
    true_ratio = float(pair(*truth)[0])
    rebuilt, single = [], []
    tally.events += sum(int(event.sum()) for _, event in arms)
    tally.patients += sum(len(time) for time, _ in arms)
    for name, (time, event) in zip("AB", arms, strict=True):
        counts = printed(time, event, longest, table, total)
        try:
            curve = read(time, event, longest, rng, grid)
            began = clock.perf_counter()
            rebuilt.append(
                rebuild(
                    curve, counts, members=members, seed=seed, arm=name, count_up_to=0
                )
            )
            tally.seconds += clock.perf_counter() - began
            tally.curves += 1
            tally.effective.append(rebuilt[-1].effective)
            single.append(rebuild_once(curve, counts))
        except MethodError as error:
            tally.refused += 1
            tally.refusals.append(f"seed {seed} arm {name}: {error}")
            return
    ratios = pair(*rebuilt)
    tally.error.append(abs(float(np.median(ratios)) - true_ratio))
    tally.guyot.append(abs(float(pair(*single)[0]) - true_ratio))
    tally.hit("log HR", inside(ratios, true_ratio))
    low, high = np.quantile(ratios, [0.025, 0.975])
    tally.width.append(high - low)
    tau = 0.9 * min(time.max() for time, _ in arms)
    for true, members_ in zip(truth, rebuilt, strict=True):
        tally.hit("median", inside(medians(members_), float(medians(true)[0])))
        tally.hit(
            "restricted mean",
            inside(
                restricted_means(members_, tau), float(restricted_means(true, tau)[0])
            ),
        )


def simulated(replicates: int, members: int) -> tuple[dict, dict]:
    """Return a tally for each class of censoring and print, and for each shape."""
    tallies = {(c, *p): Tally() for c in CENSORING for p in PRINTS}
    for k, (amount, (table, total)) in enumerate(itertools.product(CENSORING, PRINTS)):
        for r in range(replicates):
            # The same patients for every kind of print.
            rng = np.random.default_rng([20260101, CENSORING.index(amount), r])
            shape = SHAPES[r % len(SHAPES)]
            ratio = np.exp(rng.normal(0, 0.4))
            arms = [
                arm(shape, amount, 30 * scale, int(rng.integers(22, 83)), rng)
                for scale in (ratio, 1.0)
            ]
            if min(event.sum() for _, event in arms) == 0:
                continue
            compare(tallies[amount, table, total], arms, table, total, members, r)
        del k
    return tallies, {}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    tallies, _ = simulated(arguments.replicates, arguments.members)
    for (amount, table, total), t in tallies.items():
        e, g = np.array(t.error), np.array(t.guyot)
        print(
            f"| {amount} ({100 * (1 - t.events / t.patients):.0f} %) | {table} | {total} | "
            f"{np.median(e):.4f} | {np.quantile(e, 0.95):.3f} | "
            f"{np.median(g):.4f} | {np.quantile(g, 0.95):.3f} | "
            f"{t.coverage('log HR')} | {t.coverage('median')} | "
            f"{t.coverage('restricted mean')} | {np.median(t.width):.3f} | {t.refused} | "
            f"{t.seconds / max(t.curves, 1):.2f} | {np.mean(t.effective):.2f} |",
            flush=True,
        )
        for line in t.refusals[:3]:
            print("   ", line)


if __name__ == "__main__":
    main()
