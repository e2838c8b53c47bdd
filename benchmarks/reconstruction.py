"""Rebuild patients from simulated and real curves, and compare with the truth.

    python benchmarks/reconstruction.py [--replicates 40] [--members 200] [--write]

Two arms of 22 to 82 patients are simulated, drawn as a figure of 600 x 600 pixels (480
for the whole axis of survival, 500 for that of time), clicked at both corners of every
step with a normal error of half a pixel and then rounded to pixels, read back, and
rebuilt. Steps narrower than a pixel are drawn, and clicked, as one. The hazard ratio,
its p-value and the medians are withheld. ``--write`` puts the tables into
``reconstruction.md``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import time as clock
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_members import Members, rebuild
from reanalysis.reconstruction.digitised_curve import (
    DigitisedCurve,
    PrintedCounts,
    read_curve,
)
from reanalysis.reconstruction.guyot import rebuild_once
from reanalysis.reconstruction.proven_bounds import (
    hazard_ratio_bounds,
    prove,
    restricted_mean_bounds,
)
from reanalysis.survival.cox_arrays import cox_arrays
from reanalysis.survival.survival_arrays import survival_arrays

ROOT = Path(__file__).parents[1]
HIGH, WIDE = 480, 500
#: Standard deviation of a click, and the largest error stated to the reader, in pixels.
CLICK, LARGEST = 0.5, 2.0
#: The prior was settled with other seeds.
SEED = 20260404
CENSORING = ("light", "moderate", "heavy")
#: With and without the risk table and the total of events.
PRINTS = ((True, True), (False, False))
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


@dataclass(frozen=True)
class Fault:
    """What is wrong with a reading: axes calibrated so many times too long, levels
    read so many pixels too low, n told so many too large."""

    survival: float = 1.0
    time: float = 1.0
    low: float = 0.0
    patients: int = 0


FAULTS = {
    "none": Fault(),
    "survival 1 % too low": Fault(survival=0.99),
    "survival 1 % too high": Fault(survival=1.01),
    "time 1 % too long": Fault(time=1.01),
    "time 1 % too short": Fault(time=0.99),
    "one patient too many": Fault(patients=1),
    "one patient too few": Fault(patients=-1),
    "lower edge of a line 2 pixels thick": Fault(low=1.0),
    "lower edge of a line 4 pixels thick": Fault(low=2.0),
}


def clicks(time, event, longest: float, rng: np.random.Generator):
    """Return the coordinates a reader gets by clicking at every corner."""
    drops, survival = product_limit(time, event)
    # A step narrower than a pixel has no corner that anybody could click at.
    seen = np.append(np.diff(drops) >= longest / WIDE, True)[: drops.size]
    first = np.append(True, seen[:-1])[: drops.size]
    above = np.append(1.0, survival[seen])
    t = np.concatenate(
        [[0.0], np.column_stack([drops[first], drops[seen]]).ravel(), [time.max()]]
    )
    s = np.append(1.0, np.append(np.repeat(above, 2)[1:-1], above[-1]))
    t = np.round(t / longest * WIDE + rng.normal(0, CLICK, t.size)) * longest / WIDE
    s = np.round(s * HIGH + rng.normal(0, CLICK, s.size)) / HIGH
    return t.clip(0), s


def read(
    time,
    event,
    longest: float,
    rng: np.random.Generator,
    grid: float | None = None,
    fault: Fault = Fault(),
) -> DigitisedCurve:
    """Draw one arm and read it back."""
    t, s = clicks(time, event, longest, rng)
    return read_curve(
        t * fault.time,
        s * fault.survival - fault.low / HIGH,
        error=LARGEST / HIGH,
        time_error=LARGEST * longest / WIDE,
        n=len(time) + fault.patients,
        percent=False,
        incidence=False,
        grid=grid,
    )


def printed(
    time, event, longest: float, table: bool, total: bool, more: int = 0
) -> PrintedCounts:
    """Return the numbers printed beside an arm: seven ticks at round times."""
    step = longest / 6
    size = 10 ** np.floor(np.log10(step))
    step = size * np.ceil(step / size)
    ticks = np.arange(0, longest, step)
    at_risk = (time[None, :] >= ticks[:, None]).sum(axis=1)
    # Who tells n wrongly tells the number at time 0 wrongly.
    at_risk[0] += more
    # Beyond the end of a curve the table has nobody.
    return PrintedCounts(
        n=len(time) + more,
        tick_time=ticks if table else np.empty(0),
        at_risk=at_risk if table else np.empty(0, dtype=np.int64),
        events=int(event.sum()) if total else None,
    )


# What is compared --------------------------------------------------------------


def medians(members: Members) -> np.ndarray:
    """Return the median time of each member, infinite where it is not reached."""
    found = survival_arrays(
        members.time, members.event, rule="first_at_or_below", interval=None
    ).median
    return np.where(np.isnan(found), np.inf, found)


def restricted_means(members: Members, tau: float) -> np.ndarray:
    """Return the mean time up to ``tau`` of each member."""
    return survival_arrays(
        members.time, members.event, tau=tau, interval=None
    ).restricted_mean


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
    """Return the log hazard ratios (Efron) of members paired in their order."""
    time = np.hstack([first.time, second.time])
    event = np.hstack([first.event, second.event])
    group = np.repeat([1, 0], [first.time.shape[1], second.time.shape[1]])
    fit = cox_arrays(time, event, group)
    beyond = np.where(fit.infinite > 0, np.inf, -np.inf)
    return np.where(fit.infinite != 0, beyond, fit.coefficient)


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
    hits: dict[tuple[str, bool], list[bool]] = field(default_factory=dict)
    events: int = 0
    patients: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    seconds: float = 0.0
    curves: int = 0
    effective: list[float] = field(default_factory=list)
    shown: str = ""

    def hit(self, what: str, open_: bool, yes: bool) -> None:
        self.hits.setdefault((what, open_), []).append(yes)

    def coverage(self, what: str, open_: bool = True) -> str:
        hits = self.hits.get((what, open_), [])
        return f"{100 * np.mean(hits):.1f} ({len(hits)})" if hits else "none"


def compare(
    tally: Tally,
    arms,
    table: bool,
    total: bool,
    members: int,
    seed: int,
    grid=None,
    fault: Fault = Fault(),
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
        counts = printed(time, event, longest, table, total, fault.patients)
        try:
            curve = read(time, event, longest, rng, grid, fault)
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
    # Open: the print leaves more than one sequence of numbers at risk and events.
    open_ = [one.distinct > 1 for one in rebuilt]
    tally.hit("log HR", any(open_), inside(ratios, true_ratio))
    low, high = np.quantile(ratios, [0.025, 0.975])
    tally.shown = (
        f"{true_ratio:.4f} | {low:.4f} to {high:.4f} | {float(pair(*single)[0]):.4f}"
    )
    tally.width.append(high - low)
    tau = 0.9 * min(time.max() for time, _ in arms)
    for true, members_, one in zip(truth, rebuilt, open_, strict=True):
        for what, number in (
            ("median", medians),
            ("mean", lambda rows: restricted_means(rows, tau)),
        ):
            tally.hit(what, one, inside(number(members_), float(number(true)[0])))


def trial(amount: str, r: int) -> list | None:
    """Draw the two arms of a trial; None where an arm has no event."""
    rng = np.random.default_rng([SEED, CENSORING.index(amount), r])
    ratio = np.exp(rng.normal(0, 0.4))
    arms = [
        arm(SHAPES[r % len(SHAPES)], amount, 30 * scale, int(rng.integers(22, 83)), rng)
        for scale in (ratio, 1.0)
    ]
    return arms if min(event.sum() for _, event in arms) else None


def simulated(replicates: int, members: int) -> dict[tuple[str, bool, bool], Tally]:
    """Return a tally for each class of censoring and kind of print."""
    tallies = {(c, *p): Tally() for c in CENSORING for p in PRINTS}
    for (amount, table, total), tally in tallies.items():
        for r in range(replicates):
            # The same patients for every kind of print.
            arms = trial(amount, r)
            if arms:
                compare(tally, arms, table, total, members, r)
    return tallies


def faulty(replicates: int, members: int) -> dict[str, Tally]:
    """Return a tally for each fault, at moderate censoring with all counts printed."""
    tallies = {name: Tally() for name in FAULTS}
    for name, tally in tallies.items():
        for r in range(replicates):
            arms = trial("moderate", r)
            if arms:
                compare(tally, arms, True, True, members, r, fault=FAULTS[name])
    return tallies


def proven(replicates: int) -> list[str]:
    """Return how wide proven bounds are, and how often the truth is inside them."""
    lines = []
    for amount, (table, total) in itertools.product(CENSORING, PRINTS):
        inside_, ratio, mean = [], [], []
        for r in range(replicates):
            arms = trial(amount, r)
            if not arms:
                continue
            rng = np.random.default_rng([r, 7])
            longest = max(time.max() for time, _ in arms)
            try:
                bounds = [
                    prove(
                        read(time, event, longest, rng),
                        printed(time, event, longest, table, total),
                    )
                    for time, event in arms
                ]
            except MethodError:
                continue
            truth = [as_members(*one) for one in arms]
            low, high = hazard_ratio_bounds(*bounds)
            good = low <= np.exp(float(pair(*truth)[0])) <= high
            tau = 0.9 * min(time.max() for time, _ in arms)
            for one, true in zip(bounds, truth, strict=True):
                least, largest = restricted_mean_bounds(one, tau)
                good &= least <= float(restricted_means(true, tau)[0]) <= largest
                mean.append((largest - least) / tau)
            inside_.append(good)
            ratio.append(high / low if low > 0 else np.inf)
        lines.append(
            f"| {amount} | {yes(table)} | {yes(total)} | {len(inside_)} of "
            f"{replicates} | {sum(inside_)} | {np.median(ratio):.2f} | "
            f"{100 * np.median(mean):.1f} % |"
        )
    return lines


def small_and_clean(curves: int) -> tuple[float, float, float]:
    """Return shares of curves of 5 to 20 patients, read without error.

    Whose true sequence is among 200 members, that have one solution, and the largest
    number of solutions.
    """
    among, single, most = 0, 0, 0.0
    for r in range(curves):
        rng = np.random.default_rng([SEED, 99, r])
        n = int(rng.integers(5, 21))
        time, event = arm(SHAPES[r % 4], CENSORING[r % 3], 30.0, n, rng)
        drops, survival = product_limit(time, event)
        value = np.round(np.append(1.0, survival), 3)
        curve = read_curve(
            np.append(np.append(0.0, drops), time.max()),
            np.append(value, value[-1]),
            error=0.0005,
            n=n,
            percent=False,
            incidence=False,
            rounded=True,
        )
        members = rebuild(curve, PrintedCounts(n), members=200, seed=r)
        true = as_members(time, event)
        same = (members.at_risk == true.at_risk).all(axis=1)
        among += bool((same & (members.events == true.events).all(axis=1)).any())
        single += members.solutions == 1
        most = max(most, members.solutions)
    return among / curves, single / curves, most


def reference_trials() -> dict[str, tuple[list, float | None]]:
    """Return the arms of trials whose patients are public, and the unit of time."""
    data = ROOT / "data"
    freireich = pd.read_csv(data / "freireich1963_6mp" / "patients.csv")
    chronic = pd.read_csv(data / "cgd1991_ifngamma" / "intervals.csv")
    first = chronic[chronic["interval_number"] == 1]
    colon = pd.read_csv(data / "moertel1995_colon" / "events.csv")
    deaths = colon[colon["etype"] == 2]
    few = deaths[deaths["id"] <= 240]
    return {
        "6-MP against placebo, remission (21, 21)": (
            two(freireich, "arm", "weeks", "relapse"),
            1.0,
        ),
        "interferon gamma, first infection (63, 65)": (
            two(first, "treatment", "tstop_days", "infection"),
            None,
        ),
        "levamisole + 5-FU, first 240 of the trial, death": (
            two(few[few["arm"] != "Lev"], "arm", "time_days", "status"),
            None,
        ),
        "levamisole + 5-FU, death (304, 315)": (
            two(deaths[deaths["arm"] != "Lev"], "arm", "time_days", "status"),
            None,
        ),
    }


def two(rows: pd.DataFrame, group: str, time: str, event: str) -> list:
    """Return times and events of the two groups, by name."""
    return [
        (part[time].to_numpy(dtype=float), part[event].to_numpy(dtype=int))
        for _, part in rows.groupby(group, sort=True)
    ]


def speed() -> list[str]:
    """Time members of one arm, and many curves, with the memory they take.

    Seconds of one core, which a machine with other work leaves as they are.
    """
    lines = []
    for n in (20, 50, 100):
        rng = np.random.default_rng([SEED, n])
        time, event = arm("exponential", "moderate", 30.0, n, rng)
        curve = read(time, event, time.max(), rng)
        took = []
        for _ in range(5):
            began = clock.process_time()
            rebuild(curve, PrintedCounts(n), members=200, count_up_to=0)
            took.append(clock.process_time() - began)
        lines.append(f"| 200 members of one arm, n = {n} | {np.median(took):.2f} s |")
    for many in (30, 100, 300):
        began = clock.process_time()
        for r in range(many):
            rng = np.random.default_rng([SEED, 5, r])
            time, event = arm("exponential", "moderate", 30.0, 40, rng)
            curve = read(time, event, time.max(), rng)
            rebuild(curve, PrintedCounts(40), members=200, count_up_to=0)
        lines.append(
            f"| {many} curves of 40 patients, read and rebuilt | "
            f"{clock.process_time() - began:.1f} s |"
        )
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines.append(f"| largest memory so far, arms of 100 or fewer | {largest:.0f} MB |")
    return lines


def yes(there: bool) -> str:
    return "yes" if there else "no"


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=40)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--small", type=int, default=300)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    times = speed()
    out = [
        "| censored | table | events | error, median | 95 % | Guyot, median | 95 % | "
        "width | refused |",
        "| --- " * 9 + "|",
    ]
    cover = [
        "| censored | table | events | log HR | median | mean | determined: log HR | "
        "median | mean |",
        "| --- " * 9 + "|",
    ]
    refusals = []
    for (amount, table, total), t in simulated(
        arguments.replicates, arguments.members
    ).items():
        e, g = np.array(t.error), np.array(t.guyot)
        share = 100 * (1 - t.events / t.patients)
        kind = f"| {amount}, {share:.0f} % | {yes(table)} | {yes(total)} | "
        out.append(
            f"{kind}{np.median(e):.4f} | {np.quantile(e, 0.95):.3f} | "
            f"{np.median(g):.4f} | {np.quantile(g, 0.95):.3f} | "
            f"{np.median(t.width):.3f} | {t.refused} of {arguments.replicates} |"
        )
        cover.append(
            kind
            + " | ".join(
                t.coverage(what, open_)
                for open_ in (True, False)
                for what in ("log HR", "median", "mean")
            )
            + " |"
        )
        refusals += [f"{amount}, {line}" for line in t.refusals]
    faults = [
        "| fault | refused | error, median | 95 % | covers log HR | median | mean |",
        "| --- " * 7 + "|",
    ]
    for name, t in faulty(arguments.replicates // 4, arguments.members).items():
        line = f"| {name} | {t.refused} of {arguments.replicates // 4} | "
        if t.error:
            line += f"{np.median(t.error):.4f} | {np.quantile(t.error, 0.95):.3f} | "
            line += " | ".join(t.coverage(w) for w in ("log HR", "median", "mean"))
        else:
            line += "| | | |"
        faults.append(line + " |")
    bounds = [
        "| censored | table | events | proven | truth inside | HR, high / low | "
        "mean, of tau |",
        "| --- " * 7 + "|",
        *proven(arguments.replicates // 4),
    ]
    trials = ["| trial | truth | members, 95 % | Guyot |", "| --- " * 4 + "|"]
    for name, (arms, grid) in reference_trials().items():
        tally = Tally()
        compare(tally, arms, True, True, arguments.members, 1, grid)
        if tally.refused:
            trials.append(f"| {name} | | {tally.refusals[0]} | |")
            continue
        trials.append("| " + name + " | " + tally.shown + " |")
    among, single, most = small_and_clean(arguments.small)
    small = (
        f"{arguments.small} curves of 5 to 20 patients, three decimals, no risk table: "
        f"the true sequence of events is among 200 members in {100 * among:.1f} %; "
        f"{100 * single:.1f} % have one solution, the most any has is {most:.0f}."
    )
    text = "\n\n".join(
        [
            "\n".join(out),
            "\n".join(cover),
            "\n".join(faults),
            "\n".join(bounds),
            "\n".join(trials),
            small,
            f"Load of the machine (2 cores): {load:.0f} when it began, "
            f"{os.getloadavg()[0]:.0f} at the end.",
            "\n".join(
                ["| what | took, seconds of one core |", "| --- | --- |", *times]
            ),
        ]
    )
    if arguments.write:
        page = Path(__file__).with_suffix(".md")
        intro = page.read_text().split("<!-- output -->")[0] if page.exists() else ""
        page.write_text(f"{intro}<!-- output -->\n\n{text}\n")
    print(text)
    for line in refusals:
        print(line)


if __name__ == "__main__":
    main()
