"""What could stand behind a changed report: oracles that know nothing of the checks.

Counts: every table of the printed numbers of patients, through every listed test,
side and interval. Means: both t tests over the rounding of means and SDs. Survival
of one group: every sequence of events and losses (2^n of them up to 12 patients;
beyond, the same sequences merged where they have as many patients and events left
and the same survival to a hundred-thousandth). Survival compared: simulated trials.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from reanalysis.measurements.means import two_sample_t
from reanalysis.results import Estimate
from reanalysis.rounding import Printed, interval

TABLE_TESTS = (
    "fisher",
    "chi-square",
    "chi-square-yates",
    "n-1-chi-square",
    "fisher-midp",
    "fisher-doubled",
    "fisher-doubled-midp",
    "z-test",
)
TABLE_EFFECTS = {
    "or": (
        "odds_ratio",
        "interval_odds_ratio",
        ("conditional-exact", "woolf", "mid-p"),
    ),
    "rr": (
        "risk_ratio",
        "interval_risk_ratio",
        ("log", "koopman", "miettinen-nurminen"),
    ),
    "rd": (
        "risk_difference",
        "interval_risk_difference",
        ("newcombe", "wald", "agresti-caffo", "miettinen-nurminen", "mee"),
    ),
}
SIDES = ("two-sided", "less", "greater")
NAMES = {
    "fisher": "Fisher",
    "chi-square": "chi-square",
    "chi-square-yates": "chi-square, continuity corrected",
}
#: Enumerated one by one up to so many patients of a group.
ENUMERATED = 12
#: Units of log survival beyond that, and what the rounding of a step may add up to.
_UNIT = 2e5
Z = 1.959963984540054

Answers = Callable[[int, int, int, int, str], tuple]


def printed(text: str, *, p: bool = False) -> Printed:
    """Return the rounding interval of a cell."""
    number = text.removesuffix("%").lstrip("<")
    relation = "<" if text.startswith("<") else "="
    return interval(number, number, relation, field="p_value" if p else "estimate")


# Counts and means


def table_answers(estimate: Callable[..., list[Estimate]]) -> Answers:
    """Return a function giving what any convention makes of a table.

    It gives the p-values by test and every (estimate, low, high).
    """

    @lru_cache(maxsize=20000)
    def answers(k1: int, n1: int, k0: int, n0: int, effect: str) -> tuple:
        statistic, key, intervals = TABLE_EFFECTS[effect]
        table = (k1, n1, k0, n0)
        p_values: dict[str, set[float]] = defaultdict(set)
        effects: set[tuple] = set()
        for side, test in product(SIDES, TABLE_TESTS):
            for row in estimate(table, test=test, alternative=side):
                if row.statistic == statistic and row.group == "1" and row.test:
                    p_values[test].add(row.p_value)
                    break
        ratios = ("conditional-mle", "sample") if effect == "or" else ("sample",)
        for name, ratio in product(intervals, ratios):
            for row in estimate(table, **{key: name, "odds_ratio": ratio}):
                if row.statistic == statistic and row.group == "1":
                    effects.add((row.estimate, row.conf_low, row.conf_high))
                    break
        return {test: tuple(ps) for test, ps in p_values.items()}, tuple(effects)

    return answers


def counts_possible(report: Mapping[str, str], effect: str, answers: Answers) -> bool:
    """Tell whether a table of n1 and n0 patients could have been reported so."""
    n1, n0 = int(report["n1"]), int(report["n0"])
    named = {name: test for test, name in NAMES.items()}.get(report["test"])
    counts = []
    for group, n in (("1", n1), ("0", n0)):
        k = int(report[f"events{group}"])
        if not (0 <= k <= n and printed(report[f"share{group}"]).holds(100 * k / n)):
            return False
        counts.append(k)
    p_values, effects = answers(counts[0], n1, counts[1], n0, effect)
    tests = [named] if named else list(p_values)
    if "p" in report and not any(
        printed(report["p"], p=True).holds(p)
        for test in tests
        for p in p_values.get(test, ())
    ):
        return False
    if "low" not in report:
        return True
    cells = [printed(report[name]) for name in (effect, "low", "high")]
    return any(
        all(cell.holds(x) for cell, x in zip(cells, found, strict=True))
        for found in effects
    )


def means_possible(report: Mapping[str, str]) -> bool:
    """Try both t tests and all sides over the rounding of means and SDs."""
    cells = {key: printed(report[key]) for key in ("mean1", "sd1", "mean0", "sd0")}
    if cells["sd1"].value <= 0 or cells["sd0"].value <= 0:
        return False
    n1, n0 = int(report["n1"]), int(report["n0"])
    grid = np.linspace(0, 1, 9)

    def spread(cell: Printed) -> NDArray:
        return cell.low + grid * (cell.high - cell.low)

    least = cells["mean1"].low - cells["mean0"].high
    most = cells["mean1"].high - cells["mean0"].low
    difference = np.linspace(least, most, 17)[:, None, None]
    sd1 = np.maximum(spread(cells["sd1"]), 1e-12)[None, :, None]
    sd0 = np.maximum(spread(cells["sd0"]), 1e-12)[None, None, :]
    for equal, side in product((True, False), SIDES):
        p = two_sample_t(
            difference, sd1, n1, sd0, n0, equal_variance=equal, level=0.95,
            alternative=side,
        ).p_value  # fmt: skip
        if printed(report["p"], p=True).holds(float(p.min()), float(p.max())):
            return True
    return False


# The curve of one group


@dataclass(frozen=True, slots=True)
class Group:
    """What a report prints of the curve of one group.

    ``survival`` and ``median`` are ranges, ``time`` is when survival and number at
    risk are read.
    """

    n: int
    events: int
    time: float
    survival: tuple[float, float]
    at_risk: int
    median: tuple[float, float] | None


def groups_of(report: Mapping[str, str]) -> list[Group]:
    """Return both groups of a report on survival."""
    found = []
    for group in "10":
        (column,) = (c for c in report if c.startswith(f"survival{group}@"))
        time = column.partition("@")[2]
        share = printed(report[column])
        median = report.get(f"median{group}")
        cell = printed(median) if median else None
        found.append(
            Group(
                n=int(report[f"n{group}"]),
                events=int(report[f"events{group}"]),
                time=float(time),
                survival=(share.low / 100 - 1e-12, share.high / 100 + 1e-12),
                at_risk=int(report[f"at_risk{group}@{time}"]),
                median=(cell.low, cell.high) if cell else None,
            )
        )
    return found


def curves_possible(report: Mapping[str, str]) -> bool:
    """Tell whether patients exist whose two curves would be reported so.

    A median stands between its limits by every method in use.
    """
    for group in "10":
        median, low, high = (
            printed(report.get(f"{name}{group}") or "")
            if (report.get(f"{name}{group}") or "")[:1].isdigit()
            else None
            for name in ("median", "median_low", "median_high")
        )
        if median and low and median.high < low.low:
            return False
        if median and high and median.low > high.high:
            return False
    return all(map(curve_possible, groups_of(report)))


@lru_cache(maxsize=20000)
def curve_possible(group: Group) -> bool:
    """Tell whether some sequence of events and losses gives the group's numbers."""
    if group.n > ENUMERATED:
        return merged(group)
    one_by_one = enumerated(group)
    assert merged(group) or not one_by_one, group
    return one_by_one


def _halves(group: Group) -> tuple[bool, bool]:
    """Tell whether survival at the time must be at least, and at most, one half."""
    if group.median is None:
        return False, False
    return group.time < group.median[0], group.time > group.median[1]


@lru_cache(maxsize=16)
def _sequences(n: int) -> tuple[NDArray, NDArray, NDArray]:
    """Return marks (2^n, n), events so far and survival after 0 to n departures."""
    marks = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    steps = 1 - marks / np.arange(n, 0, -1)
    start = np.ones((2**n, 1))
    survival = np.hstack([start, np.cumprod(steps, axis=1)])
    return marks, np.hstack([0 * start, marks.cumsum(axis=1)]), survival


def enumerated(group: Group) -> bool:
    """Go through all 2^n sequences and all places of the printed time."""
    n = group.n
    if not (0 <= group.events <= n and 0 <= group.at_risk <= n):
        return False
    _, so_far, survival = _sequences(n)
    fine = so_far[:, -1] == group.events
    if group.median:
        fine &= survival[:, -1] <= 0.5 + 1e-9
    above, below = _halves(group)
    gone = n - group.at_risk
    for place in range(gone, n + 1):
        # Between the number at risk and the curve at one time stand only events.
        here = fine & (so_far[:, place] - so_far[:, gone] == place - gone)
        s = survival[:, place]
        here &= (s >= group.survival[0]) & (s <= group.survival[1])
        if above:
            here &= s >= 0.5 - 1e-9
        if below:
            here &= s <= 0.5 + 1e-9
        if here.any():
            return True
    return False


def merged(group: Group) -> bool:
    """Do the same with like sequences merged; survival is off by its rounding only.

    A set of bits holds which values of -log S can be had with k patients and e
    events so far.
    """
    n, d, a = group.n, group.events, group.at_risk
    if not (0 <= d <= n and 0 <= a <= n):
        return False
    low, high = group.survival
    above, below = _halves(group)
    low, high = max(low, 0.5 if above else 0.0), min(high, 0.5 if below else 1.0)
    slack = n
    none_left = low <= 1e-9
    most = math.floor(-_UNIT * math.log(max(low, 1e-9))) + slack
    least = max(0, math.ceil(-_UNIT * math.log(min(max(high, 1e-9), 1.0))) - slack)
    if least > most:
        return False
    window = ((1 << (most + 1)) - 1) >> least << least
    inside = (1 << (most + 1)) - 1

    def step(k: int) -> int:
        return round(-_UNIT * math.log((k - 1) / k))

    # With somebody left before a place: no factor of zero yet.
    states: dict[int, int] = {0: 1}
    for k in range(n, a, -1):
        after: dict[int, int] = defaultdict(int)
        for e, bits in states.items():
            after[e] |= bits
            if k > 1 and e < d:
                moved = (bits << step(k)) & inside
                if moved:
                    after[e + 1] |= moved
            elif k == 1 and e + 1 == d and none_left:
                return True  # the last one's event: survival 0, nobody at risk
        states = after
    half = 1 << max(0, math.ceil(_UNIT * math.log(2)) - slack)
    for e, bits in states.items():
        for left in range(a, -1, -1):
            if left == 0 and a > 0:
                if e + a == d and none_left:
                    return True  # all at risk had the event at that very time
                break
            done = e + (a - left)
            # A median that was reached needs a later event or half by now.
            reached = group.median is None or done < d or bits & window >= half
            if bits & window and 0 <= d - done <= left and reached:
                return True
            bits = (bits << step(left)) & inside if left > 1 else 0
            if not bits and left > 1 and not none_left:
                break
    return False


# Two groups compared


@dataclass(frozen=True, slots=True)
class Fits:
    """Cox models of many simulated trials without ties, one row each.

    ``b`` the log ratio, ``error`` its standard error, ``z`` the tests' statistics
    (columns Wald, likelihood ratio, score), ``upper`` and ``lower`` the distances to
    the profile limits.
    """

    b: NDArray
    error: NDArray
    z: NDArray
    upper: NDArray
    lower: NDArray


def simulated(
    sizes: tuple[int, int],
    events: tuple[int, int],
    b: float,
    rng: np.random.Generator,
    trials: int = 4000,
) -> Fits:
    """Simulate trials of given sizes and events with log ratios around b.

    Shapes of the hazards, and whether losses are early or late, vary from trial to
    trial, so that the ratio of hazards need not be constant.
    """
    n = sum(sizes)
    first = np.zeros((trials, n), dtype=bool)
    first[:, : sizes[0]] = True
    effect = rng.normal(b, 0.6, (trials, 1))
    shape = np.where(first, *(rng.choice([0.5, 1.0, 2.0], (2, trials, 1))))
    times = (rng.exponential(size=(trials, n)) / np.exp(effect * first)) ** (1 / shape)
    # Which patients have the event: at random, or rather early or late ones.
    lean = rng.choice([-1.0, 0.0, 1.0], (trials, 1))
    key = rng.random((trials, n)) + lean * times / times.max(axis=1, keepdims=True)
    event = np.zeros((trials, n), dtype=bool)
    for inside, number in (
        (slice(0, sizes[0]), events[0]),
        (slice(sizes[0], n), events[1]),
    ):
        rank = key[:, inside].argsort(axis=1).argsort(axis=1)
        event[:, inside] = rank < number
    order = times.argsort(axis=1)
    first = np.take_along_axis(first, order, axis=1)
    event = np.take_along_axis(event, order, axis=1)
    ones = np.cumsum(first[:, ::-1], axis=1)[:, ::-1].astype(float)
    others = np.arange(n, 0, -1) - ones

    def slope(beta: NDArray, rows: NDArray | slice = slice(None)) -> tuple:
        share = ones[rows] / (ones[rows] + others[rows] * np.exp(-beta)[:, None])
        score = (event[rows] * (first[rows] - share)).sum(axis=1)
        return score, (event[rows] * share * (1 - share)).sum(axis=1)

    beta = np.zeros(trials)
    for _ in range(25):
        score, information = slope(beta)
        beta = np.clip(beta + np.clip(score / (information + 1e-12), -1, 1), -12, 12)
    kept = np.flatnonzero((np.abs(beta - b) < 0.25) & (np.abs(beta) < 8))
    beta = beta[kept]

    def likelihood(at: NDArray) -> NDArray:
        risk = ones[kept] * np.exp(at)[:, None] + others[kept]
        return (event[kept] * (first[kept] * at[:, None] - np.log(risk))).sum(axis=1)

    score, _ = slope(beta, kept)
    start, flat = slope(np.zeros(kept.size), kept)
    _, information = slope(beta, kept)
    top = likelihood(beta)
    gain = 2 * (top - likelihood(np.zeros(kept.size)))
    z = np.stack(
        [
            np.abs(beta) * np.sqrt(information),
            np.sqrt(np.maximum(gain, 0)),
            np.abs(start) / np.sqrt(flat),
        ],
        axis=1,
    )
    reach = []
    for sign in (1, -1):
        near, far = np.zeros(kept.size), np.full(kept.size, 12.0)
        for _ in range(30):
            middle = (near + far) / 2
            short = 2 * (top - likelihood(beta + sign * middle)) < Z * Z
            near, far = np.where(short, middle, near), np.where(short, far, middle)
        reach.append((near + far) / 2)
    return Fits(beta, 1 / np.sqrt(information), z, *reach)


#: Fewer simulated trials like the report say nothing.
ENOUGH = 200


def comparison_seen(report: Mapping[str, str], rng: np.random.Generator) -> bool | None:
    """Tell whether trials like the reported one stand as its numbers do.

    Simulated are trials with the printed patients and events of each group and
    a hazard ratio near the printed one. Compared are the place of the estimate
    between its limits, the standard error behind them, and the p-value against the
    one the limits imply, for Wald and profile limits and every two-sided test.
    A twentieth is allowed beyond what was seen. None: too few such trials.
    """
    cells = [printed(report[name]) for name in ("hr", "low", "high")]
    if any(cell.low <= 0 for cell in cells) or not report.get("p"):
        return None
    e, a, c = (np.log([cell.low, cell.high]) for cell in cells)
    p = printed(report["p"], p=True)
    sizes = int(report["n1"]), int(report["n0"])
    events = int(report["events1"]), int(report["events0"])
    found = simulated(sizes, events, float(e.mean()), rng)
    if found.b.size < ENOUGH:
        return None
    half = (c[0] - a[1]) / 2, (c[1] - a[0]) / 2
    upper, lower = (c[0] - e[1], c[1] - e[0]), (e[0] - a[1], e[1] - a[0])
    if half[0] <= 0 or min(upper[1], lower[1]) <= 0:
        return False
    middle = (a[0] + c[0]) / 2, (a[1] + c[1]) / 2
    wald = middle[0] <= e[1] and middle[1] >= e[0]
    skew = (found.upper - found.lower) / (found.upper + found.lower)
    seen_skew = (
        (upper[0] - lower[1]) / (2 * half[1]),
        (upper[1] - lower[0]) / (2 * half[0]),
    )
    profile = _meets(seen_skew, skew, 0.05)
    implied = _far(e, 0.0) / half[1] * Z, _far(e, 1.0) / half[0] * Z
    top = -float(ndtri(max(p.low, 1e-300) / 2)) if p.low > 0 else math.inf
    tested = -float(ndtri(min(p.high, 1.0) / 2)), top
    for possible, width in (
        (wald, Z * found.error),
        (profile, (found.upper + found.lower) / 2),
    ):
        if not possible or not _meets(half, width, 0.05 * float(np.median(width))):
            continue
        apart = np.abs(found.b) > 0.02
        ratio = (found.z / (np.abs(found.b) / width * Z)[:, None])[apart]
        low, high = ratio.min() * 0.95, ratio.max() * 1.05
        if implied[0] * low <= tested[1] and implied[1] * high >= tested[0]:
            return True
    return False


def _meets(ends: tuple[float, float], seen: NDArray, slack: float) -> bool:
    return ends[0] <= seen.max() + slack and ends[1] >= seen.min() - slack


def _far(ends: NDArray, most: float) -> float:
    """Return the least (0) or greatest (1) distance of a range from 0."""
    if most:
        return float(np.abs(ends).max())
    return 0.0 if ends[0] <= 0 <= ends[1] else float(np.abs(ends).min())
