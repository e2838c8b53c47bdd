"""How often the consistency checks are right: correct reports, and one item changed.

    .venv/bin/python benchmarks/consistency_calibration.py [--reports 10000]
        [--perturbed 4000] [--departures 600] [--seed 1] [--parts single,system]
        [--kinds survival]

Subsamples of 10 to 80 patients are drawn from the public individual data in data/.
Each is reported as a journal would: counts, percentages, an effect with its
interval and a p-value, by a convention and to a number of digits drawn at random.
Then one item is changed beyond its rounding, and the oracles of consistency_oracle.py,
which use nothing of the checks, say whether the digits now contradict each other:
every data set for counts and for the curve of a group, every rounding for means,
simulated trials for survival compared. Last, reports with a one-sided p-value,
exchanged arms or another unit of time are given to the fingerprint with their data.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

import consistency_oracle as oracle  # noqa: E402
from consistency_oracle import NAMES, TABLE_EFFECTS, TABLE_TESTS  # noqa: E402

from reanalysis.consistency import bulk, family  # noqa: E402
from reanalysis.consistency.fingerprint_axes import BASE  # noqa: E402
from reanalysis.consistency.fingerprint_sweep import (  # noqa: E402
    EXCHANGED,
    ONE_SIDED,
    UNIT,
    sweep,
)
from reanalysis.measurements.means import two_sample_t  # noqa: E402
from reanalysis.results import Estimate  # noqa: E402
from reanalysis.rounding import interval, round_half_up  # noqa: E402
from reanalysis.sample import Sample  # noqa: E402
from reanalysis.schema import load_schema  # noqa: E402
from reanalysis.studies.study import load  # noqa: E402

#: Kinds of report; half of them are tables of counts.
KINDS = ("counts", "counts", "survival", "means")
SIZES = (10, 12, 16, 24, 40, 60, 80)
#: Most reports of one study object, so that memory stays small.
BATCH = 50
#: A remark made of more than this share of correct reports notices nothing.
RARE = 0.01
DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}


class Data:
    """The individual rows of the reference studies, by what can be made of them."""

    def __init__(self) -> None:
        self.survival: list[tuple[str, pd.DataFrame, str]] = []
        self.counts: list[tuple[str, pd.DataFrame]] = []
        self.values: list[tuple[str, pd.DataFrame]] = []
        for folder in sorted((ROOT / "data").iterdir()):
            if not (folder / "LICENCE.txt").exists():
                continue
            study = load(folder)
            for name, analysis in study["analyses"].items():
                if analysis["kind"] != "individual" or analysis["awaited"]:
                    continue
                self._take(f"{folder.name}.{name}", analysis)

    def _take(self, name: str, analysis: Mapping) -> None:
        part = analysis["samples"][0]
        rows = pd.DataFrame(part["columns"])
        groups = analysis.get("groups", [])
        if len(groups) < 2 or "group" not in rows:
            return
        rows = rows[rows["group"].isin([groups[0], groups[-1]])]
        rows = rows.assign(group=np.where(rows["group"] == groups[0], "1", "0"))
        if {"time", "event"} <= set(rows.columns) and len(rows) >= 40:
            unit = part["time_unit"] or part["unit"]
            self.survival.append((name, rows[["time", "event", "group"]], unit))
            self.counts.append((name, rows[["event", "group"]]))
        elif "event" in rows.columns and len(rows) >= 40:
            self.counts.append((name, rows[["event", "group"]]))
        elif "value" in rows.columns and rows["value"].dtype.kind == "f":
            self.values.append((name, rows[["value", "group"]]))


def draw(rows: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return a subsample with at least a third of the patients in each group."""
    first = int(rng.integers(math.ceil(n / 3), n - math.ceil(n / 3) + 1))
    parts = []
    for group, size in (("1", first), ("0", n - first)):
        index = np.flatnonzero((rows["group"] == group).to_numpy())
        parts.append(rng.choice(index, size=min(size, index.size), replace=False))
    return rows.iloc[np.concatenate(parts)].reset_index(drop=True)


def sample_of(rows: pd.DataFrame, unit: str = "", **options: object) -> Sample:
    return Sample(
        kind="individual",
        rows=rows,
        groups=("1", "0"),
        reference="0",
        options=options,
        unit=unit,
        time_unit=unit,
    )


def estimate(method: str, sample: Sample, **settings: object) -> list[Estimate]:
    base = {**BASE[method], "conf_level": 0.95, "seed": 1}
    return import_module(f"reanalysis.methods.{method}").estimate(
        sample, {**base, **settings}
    )


def first(rows: list[Estimate], statistic: str, **place: object) -> Estimate:
    """Return the first row of a statistic at a place."""
    return next(
        row
        for row in rows
        if row.statistic == statistic
        and all(getattr(row, key) == value for key, value in place.items())
    )


def shown(x: float, digits: int, rnd: random.Random) -> str:
    """Print a number as one journal or another: half up, or half to even."""
    if rnd.random() < 0.5:
        return round_half_up(x, digits)
    step = Decimal(1).scaleb(-digits)
    return f"{Decimal(repr(float(x))).quantize(step, rounding=ROUND_HALF_EVEN):f}"


def shown_p(p: float, rnd: random.Random) -> str:
    digits = rnd.choice((2, 3, 4))
    if p < 10.0**-digits:
        return f"<{10.0**-digits:.{digits}f}"
    return shown(p, digits, rnd)


def one_sided(p: float, low: bool, rnd: random.Random) -> tuple[float, str]:
    """Return a one-sided p, which the report says it is, in a report of twelve."""
    if rnd.random() > 1 / 12:
        return p, ""
    return (p / 2 if low == (rnd.random() < 0.8) else 1 - p / 2), "one-sided"


def usable(*numbers: float) -> bool:
    return all(math.isfinite(x) for x in numbers)


def counts_report(
    rows: pd.DataFrame, rnd: random.Random
) -> tuple[dict[str, str], dict[str, object]] | None:
    """Report a table of two groups, by a convention drawn at random."""
    effect = rnd.choice(tuple(TABLE_EFFECTS))
    statistic, key, intervals = TABLE_EFFECTS[effect]
    test = rnd.choice(TABLE_TESTS)
    settings = {"test": test, key: rnd.choice(intervals)}
    side = rnd.choice(("less", "greater")) if rnd.random() < 1 / 12 else ""
    if side:
        settings["alternative"] = side
    if effect == "or":
        settings["odds_ratio"] = rnd.choice(("conditional-mle", "sample"))
    found = estimate("tables", sample_of(rows), **settings)
    try:
        row = first(found, statistic, group="1")
    except StopIteration:
        return None
    report = {"test": NAMES.get(test, "") if rnd.random() < 0.5 else ""}
    report["alternative"] = "one-sided" if side else ""
    digits = rnd.choice((0, 1))
    for group in "10":
        events = rows["event"][rows["group"] == group].to_numpy()
        report[f"n{group}"] = str(events.size)
        report[f"events{group}"] = str(int(events.sum()))
        report[f"share{group}"] = shown(100 * events.mean(), digits, rnd) + "%"
    digits = rnd.choice((2, 3))
    if usable(row.estimate, row.conf_low, row.conf_high):
        report[effect] = shown(row.estimate, digits, rnd)
        report["low"] = shown(row.conf_low, digits, rnd)
        report["high"] = shown(row.conf_high, digits, rnd)
    if usable(row.p_value):
        report["p"] = shown_p(row.p_value, rnd)
    return report, {"effect": effect}


def means_report(
    rows: pd.DataFrame, rnd: random.Random
) -> tuple[dict[str, str], dict[str, object]] | None:
    """Report means and standard deviations with a t test."""
    digits = rnd.choice((1, 2))
    report: dict[str, str] = {"test": rnd.choice(("", "t"))}
    moments = []
    for group in "10":
        x = rows["value"][rows["group"] == group].to_numpy(float)
        x = x[~np.isnan(x)]
        if x.size < 3 or x.std() == 0:
            return None
        moments += [x.mean(), x.std(ddof=1), x.size]
        report[f"n{group}"] = str(x.size)
        report[f"mean{group}"] = shown(float(x.mean()), digits, rnd)
        report[f"sd{group}"] = shown(float(x.std(ddof=1)), digits, rnd)
    m1, s1, n1, m0, s0, n0 = moments
    equal = rnd.random() < 0.5
    t = two_sample_t(
        m1 - m0, s1, n1, s0, n0, equal_variance=equal, level=0.95,
        alternative="two-sided",
    )  # fmt: skip
    p, report["alternative"] = one_sided(float(t.p_value), True, rnd)
    report["p"] = shown_p(p, rnd)
    return report, {}


def survival_report(
    rows: pd.DataFrame, unit: str, rnd: random.Random
) -> tuple[dict[str, str], dict[str, object]] | None:
    """Report a comparison of survival: curve, hazard ratio, interval and p-value."""
    events = rows["event"].to_numpy(float)
    if min(events[rows["group"] == g].sum() for g in "10") < 1:
        return None
    landmark = float(np.quantile(rows["time"], rnd.choice((0.3, 0.5, 0.7))))
    landmark = float(f"{landmark:.3g}")
    curve = estimate(
        "kaplan_meier",
        sample_of(rows, unit, times=[landmark]),
        median_rule=rnd.choice(("midpoint", "first_at_or_below", "below")),
        interval=rnd.choice(("log-log", "log", "plain", "logit", "arcsine")),
    )
    test = rnd.choice(("wald", "likelihood-ratio", "score", "log-rank"))
    cox = estimate(
        "cox",
        sample_of(rows, unit),
        ties=rnd.choice(("efron", "breslow", "exact")),
        interval=rnd.choice(("wald", "profile")),
        p_value=test if test != "log-rank" else "wald",
    )
    effect = next((row for row in cox if row.statistic == "hazard_ratio"), None)
    if effect is None or not usable(effect.estimate, effect.conf_low, effect.conf_high):
        return None
    if effect.estimate > 50 or effect.estimate < 0.02:
        return None
    p = effect.p_value
    if test == "log-rank":
        p = estimate("log_rank", sample_of(rows, unit))[0].p_value
    if not usable(p):
        return None
    unit = unit if unit in DAYS else ""
    report = {"time_unit": unit, "test": "log-rank" if test == "log-rank" else ""}
    digits = rnd.choice((0, 1))
    for group in "10":
        mine = rows[rows["group"] == group]
        report[f"n{group}"] = str(len(mine))
        report[f"events{group}"] = str(int(mine["event"].sum()))
        median = first(curve, "median_survival", group=group)
        if usable(median.estimate):
            report[f"median{group}"] = shown(median.estimate, digits, rnd)
        limits = median.conf_low, median.conf_high
        if usable(median.estimate, *limits) and rnd.random() < 0.5:
            report[f"median_low{group}"] = shown(limits[0], digits, rnd)
            report[f"median_high{group}"] = shown(limits[1], digits, rnd)
        survival = first(curve, "survival_probability", group=group).estimate
        place = f"{group}@{landmark:g}"
        report[f"survival{place}"] = shown(100 * survival, digits, rnd) + "%"
        at_risk = first(curve, "number_at_risk", group=group).estimate
        report[f"at_risk{place}"] = str(int(at_risk))
    report["hr"] = shown(effect.estimate, 2, rnd)
    report["low"] = shown(effect.conf_low, 2, rnd)
    report["high"] = shown(effect.conf_high, 2, rnd)
    p, report["alternative"] = one_sided(p, True, rnd)
    report["p"] = shown_p(p, rnd)
    return report, {}


def reports(
    data: Data,
    rng: np.random.Generator,
    rnd: random.Random,
    kinds: Sequence[str] = KINDS,
) -> Iterator[tuple[str, int, dict[str, str], dict[str, object]]]:
    """Yield correct reports without end: kind, n, cells, and what the oracle needs."""
    while True:
        kind = rnd.choice(kinds)
        n = rnd.choice(SIZES)
        if kind == "counts":
            _, rows = rnd.choice(data.counts)
            made = counts_report(draw(rows, n, rng), rnd)
        elif kind == "means":
            _, rows = rnd.choice(data.values)
            made = means_report(draw(rows, n, rng), rnd)
        else:
            _, rows, unit = rnd.choice(data.survival)
            made = survival_report(draw(rows, n, rng), unit, rnd)
        if made is not None:
            report, known = made
            yield kind, n, report, known


ITEMS = {
    "events1": "event count",
    "events0": "event count",
    "share1": "percentage",
    "share0": "percentage",
    "low": "interval limit",
    "high": "interval limit",
    "p": "p-value",
    "hr": "effect",
    "or": "effect",
    "rr": "effect",
    "rd": "effect",
    "mean1": "mean",
    "sd1": "SD",
    "median1": "median",
}


def item_of(column: str) -> str:
    """Return what a column holds, in the words of the table; empty for others."""
    if column.startswith("survival"):
        return "percentage"
    if column.startswith("at_risk"):
        return "number at risk"
    return ITEMS.get(column, "")


def perturbed(
    report: Mapping[str, str], rnd: random.Random
) -> tuple[str, dict[str, str]] | None:
    """Change one item beyond its rounding; None where that is no report any more."""
    column = rnd.choice([c for c in report if item_of(c) and report[c][:1] != "<"])
    text = report[column]
    percent = text.endswith("%")
    number = Decimal(text.removesuffix("%"))
    step = Decimal(1).scaleb(number.as_tuple().exponent)
    if column.startswith(("events", "at_risk")):
        changed = number + rnd.choice((-2, -1, 1, 2))
        if not 0 <= changed <= int(report[f"n{column.split('@')[0][-1]}"]):
            return None
    elif column == "p":
        changed = (number * Decimal(rnd.choice(("0.2", "0.5", "2", "5")))).quantize(
            step
        )
        if not 0 < changed < 1:
            return None
    elif percent:
        changed = number + rnd.choice((-15, -7, -4, 4, 7, 15))
        if not 0 <= changed <= 100:
            return None
    else:
        changed = (
            number * Decimal(rnd.choice(("0.6", "0.8", "1.25", "1.6")))
        ).quantize(step)
    if abs(changed - number) < 2 * step and not column.startswith(
        ("events", "at_risk")
    ):
        return None
    new = {**report, column: f"{changed:f}" + ("%" if percent else "")}
    if {"low", "high"} <= set(new) and float(new["low"]) >= float(new["high"]):
        return None
    return column, new


@dataclass
class Said:
    """What the checks say of one report: proofs, remarks, and how long they are."""

    proofs: dict[str, str] = field(default_factory=dict)
    remarks: set[str] = field(default_factory=set)
    looked: set[str] = field(default_factory=set)


def said(batch: list[dict[str, str]], modules: list) -> list[Said]:
    """Run all checks on a batch of reports.

    A remark is a finding without an outcome whose details say that nothing the
    check knows fits the printed number.
    """
    study = bulk.study_of(batch)
    found = [Said() for _ in batch]
    for module in modules:
        ranges = {"ranges": False} if module.__name__.endswith(".system") else {}
        for check in module.checks(study, **ranges):
            one = found[int(check.claim_id.split(".")[0][1:]) - 1]
            # A clash that needs readings is as rare as these are wrong.
            needing = "".join(f" [{r}]" for r in check.details.get("readings", ()))
            one.looked.add(check.check)
            if check.outcome == "impossible":
                one.proofs[f"{check.check} ({check.claim_id})"] = check.reason
            elif not check.outcome and check.details.get("fits") in (False, 0):
                one.remarks.add(check.check + needing)
    return found


def in_batches(items: list, size: int = BATCH) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _plain_name(place: tuple[str, str]) -> tuple[str, str]:
    return place[0], place[1].partition(" [")[0]


#: Items of a report on survival that its two curves decide.
CURVE = frozenset({"event count", "percentage", "number at risk", "median"})


def _of_table(table: tuple[int, int, int, int], **settings: object) -> list[Estimate]:
    k1, n1, k0, n0 = table
    rows = pd.DataFrame(
        {
            "event": [1] * k1 + [0] * (n1 - k1) + [1] * k0 + [0] * (n0 - k0),
            "group": ["1"] * n1 + ["0"] * n0,
        }
    )
    return estimate("tables", sample_of(rows), **settings)


def contradicts(
    kind: str,
    item: str,
    report: Mapping[str, str],
    known: Mapping[str, object],
    answers: oracle.Answers,
    rng: np.random.Generator,
) -> bool | None:
    """Tell whether the digits of a changed report contradict each other."""
    if kind == "counts":
        return not oracle.counts_possible(report, str(known["effect"]), answers)
    if kind == "means":
        return not oracle.means_possible(report)
    if item in CURVE:
        return not oracle.curves_possible(report)
    if report["alternative"]:
        return None
    seen = oracle.comparison_seen(report, rng)
    return None if seen is None else not seen


def calibrate(arguments: argparse.Namespace, data: Data, modules: list) -> None:
    rnd, rng = random.Random(arguments.seed), np.random.default_rng(arguments.seed)
    stream = reports(data, rng, rnd, arguments.kinds.split(","))
    correct = [next(stream) for _ in range(arguments.reports)]
    began, false, cells, done = time.perf_counter(), [], 0, 0
    remarked, looked = Counter(), Counter()
    for batch in in_batches(correct):
        plain = [report for _, _, report, _ in batch]
        cells += sum(1 for r in plain for c in r if r[c] and bulk.known(c))
        for (kind, _, report, _), one in zip(batch, said(plain, modules), strict=True):
            looked.update((kind, name) for name in one.looked)
            remarked.update((kind, name) for name in one.remarks)
            false += [(kind, report, name, why) for name, why in one.proofs.items()]
        done += len(batch)
        if done % 500 == 0:
            wrongly = len({id(report) for _, report, _, _ in false})
            print(f"{done} correct reports, {wrongly} impossible", file=sys.stderr)
    spent = time.perf_counter() - began
    wrongly = len({id(report) for _, report, _, _ in false})
    print(f"correct reports           {len(correct)} ({cells} printed numbers)")
    print(f"called impossible         {wrongly}")
    print(
        f"time of the checks        {spent:.0f} s, {1000 * spent / cells:.2f} s a 1,000"
    )
    for kind, report, name, why in false[:5]:
        print(f"  {kind} {report}\n    {name}: {why}")
    print("\n| report | check with remarks on correct reports | looked at | remarked |")
    print("| --- | --- | --- | --- |")
    # Remarks that come up often in correct reports notice nothing.
    idle = set()
    for place in sorted(remarked):
        seen = looked[_plain_name(place)]
        print(f"| {' | '.join(place)} | {seen} | {remarked[place]} |")
        if remarked[place] > RARE * seen:
            idle.add(place)
    named = ", ".join(f"{name} ({kind})" for kind, name in sorted(idle))
    print(f"\nremarks not counted below: {named or 'none'}")
    kept = sum(n for name, n in remarked.items() if name not in idle)
    print(f"remarks counted below, on {len(correct)} correct reports: {kept}")

    answers = oracle.table_answers(_of_table)
    changed = []
    while len(changed) < arguments.perturbed:
        kind, n, report, known = rnd.choice(correct)
        made = perturbed(report, rnd)
        if made is not None:
            column, new = made
            changed.append((kind, n, item_of(column), new, known))
    tally: dict[tuple, Counter] = defaultdict(Counter)
    missed: list[tuple] = []
    wrong = 0
    for batch in in_batches(changed):
        told = said([new for _, _, _, new, _ in batch], modules)
        for (kind, n, item, new, known), one in zip(batch, told, strict=True):
            detectable = contradicts(kind, item, new, known, answers, rng)
            proven, noticed = (
                bool(one.proofs),
                any((kind, name) not in idle for name in one.remarks),
            )
            wrong += proven and detectable is False
            size = "10-12" if n <= 12 else "13-24" if n <= 24 else "25-80"
            cell = tally[kind, item, size]
            cell["changed"] += 1
            cell["not known"] += detectable is None
            if detectable:
                cell["detectable"] += 1
                cell["proven"] += proven
                cell["found"] += proven or noticed
            exact = kind != "survival" or item in CURVE
            if detectable and exact and n <= 12 and not (proven or noticed):
                missed.append((kind, item, new))
    print("\n| report | item changed | n | changed | contradicts | found | proven |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (kind, item, size), cell in sorted(tally.items()):
        total = cell["detectable"]
        shares = [
            f"{100 * cell[name] / total:.0f} %" if total else ""
            for name in ("found", "proven")
        ]
        print(
            f"| {kind} | {item} | {size} | {cell['changed']} | {total} | {shares[0]} | "
            f"{shares[1]} |"
        )
    print(f"\ncalled impossible although the oracle can build them: {wrong}")
    print(f"detectable at n <= 12 but not found: {len(missed)}")
    for case in missed[:5]:
        print("  ", *case)


def departures(arguments: argparse.Namespace, data: Data) -> None:
    """Measure how often a departure that the digits identify is named."""
    rnd, rng = random.Random(arguments.seed + 1), np.random.default_rng(99)
    tally: dict[str, Counter] = defaultdict(Counter)
    spent, done = 0.0, 0
    while done < arguments.departures:
        kind = rnd.choice((ONE_SIDED, EXCHANGED, UNIT))
        n = rnd.choice(SIZES)
        method = rnd.choice(("cox", "tables", "wilcoxon", "log_rank"))
        if kind == UNIT:
            method = "kaplan_meier"
        if kind == EXCHANGED:
            method = rnd.choice(("cox", "tables", "wilcoxon"))
        made = departing(kind, method, data, n, rng, rnd)
        if made is None:
            continue
        sample, claims = made
        done += 1
        began = time.perf_counter()
        found = sweep(sample, method, claims, _settings(method), unit=sample.unit)
        spent += time.perf_counter() - began
        identified = not any(_plain(sample, method, c) for c in claims)
        named = found.departures is not None and found.departures == {kind}
        tally[kind][identified, named] += 1
        tally[kind]["not found at all"] += found.departures is None
    print("\n| departure | reports | identified by the digits | named | share |")
    print("| --- | --- | --- | --- | --- |")
    for kind, cell in sorted(tally.items()):
        total = cell[True, True] + cell[True, False]
        every = total + cell[False, True] + cell[False, False]
        share = f"{100 * cell[True, True] / total:.1f} %" if total else ""
        print(f"| {kind} | {every} | {total} | {cell[True, True]} | {share} |")
    print(f"\none fingerprint takes {1000 * spent / max(done, 1):.0f} ms")


def _settings(method: str) -> dict[str, object]:
    return {**BASE[method], "conf_level": 0.95, "seed": 1}


def departing(
    kind: str,
    method: str,
    data: Data,
    n: int,
    rng: np.random.Generator,
    rnd: random.Random,
) -> tuple[Sample, list[dict[str, str]]] | None:
    """Return data and what a report with one departure prints of them."""
    unit = ""
    if method in {"cox", "log_rank", "kaplan_meier"}:
        _, rows, unit = rnd.choice([d for d in data.survival if d[2] in DAYS])
    elif method == "tables":
        _, rows = rnd.choice(data.counts)
    else:
        _, rows = rnd.choice(data.values)
    rows = draw(rows, n, rng).dropna().reset_index(drop=True)
    statistic = {
        "cox": "hazard_ratio",
        "log_rank": "log_rank",
        "tables": rnd.choice(("odds_ratio", "risk_ratio", "risk_difference")),
        "wilcoxon": rnd.choice(("median_difference", "mean_difference")),
        "kaplan_meier": "median_survival",
    }[method]
    sample = sample_of(rows, unit)
    names = load_schema("conventions")[method]
    plain = [v["settings"] for v in names.values() if not _one_sided(v["settings"])]
    settings = dict(rnd.choice(plain))
    if kind == ONE_SIDED:
        settings["alternative"] = (
            "one-sided" if method == "log_rank" else rnd.choice(("less", "greater"))
        )
    given = sample
    if kind == EXCHANGED:
        swap = {"1": "0", "0": "1"}
        given = sample_of(rows.assign(group=rows["group"].map(swap)), unit)
    found = estimate(method, given, **settings)
    digits = rnd.choice((2, 3, 4))
    if kind == ONE_SIDED:
        row = next((r for r in found if r.test and r.group == "1"), None)
        if row is None or not usable(row.p_value) or row.p_value < 10.0**-digits:
            return None
        text = shown(row.p_value, digits, rnd)
        return sample, [_claim(statistic, "p_value", text)]
    row = next((r for r in found if r.statistic == statistic and r.group == "1"), None)
    if row is None or not usable(row.estimate):
        return None
    if kind == UNIT:
        other = rnd.choice([u for u in DAYS if u != unit])
        # The number is in the unit of the data, another unit stands beside it.
        text = shown(row.estimate * DAYS[unit] / DAYS[other], rnd.choice((1, 2)), rnd)
        if float(text) == 0:
            return None
        return sample, [_claim(statistic, "estimate", text, unit, reference="")]
    claims = [_claim(statistic, "estimate", shown(row.estimate, digits, rnd))]
    if usable(row.conf_low, row.conf_high):
        claims += [
            _claim(statistic, "conf_low", shown(row.conf_low, digits, rnd)),
            _claim(statistic, "conf_high", shown(row.conf_high, digits, rnd)),
        ]
    return sample, claims


def _one_sided(settings: Mapping) -> bool:
    return settings.get("alternative", "two-sided") != "two-sided"


def _claim(
    statistic: str, field: str, text: str, unit: str = "", reference: str = "0"
) -> dict[str, str]:
    claim = dict.fromkeys(bulk.CLAIM_COLUMNS, "")
    return claim | {
        "claim_id": f"{statistic}.{field}",
        "statistic": statistic,
        "field": field,
        "printed": text,
        "value": text,
        "relation": "=",
        "unit": unit,
        "group": "1",
        "reference": reference,
    }


def _plain(sample: Sample, method: str, claim: Mapping) -> bool:
    """Tell whether a listed convention gives a claim with no departure at all."""
    want = interval(claim["printed"], claim["value"], "=", field=claim["field"])
    for convention in load_schema("conventions")[method].values():
        if _one_sided(convention["settings"]):
            continue
        for row in estimate(method, sample, **convention["settings"]):
            tested = claim["field"] == "p_value"
            if row.group != "1" or not (row.test or not tested):
                continue
            if not tested and row.statistic != claim["statistic"]:
                continue
            if want.holds(getattr(row, claim["field"])):
                return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=10000)
    parser.add_argument("--perturbed", type=int, default=4000)
    parser.add_argument("--departures", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", default=",".join(family.PARTS))
    parser.add_argument("--kinds", default=",".join(KINDS))
    arguments = parser.parse_args()
    modules = [family.PARTS[part] for part in arguments.parts.split(",")]
    print("parts:", ", ".join(m.__name__.rsplit(".", 1)[1] for m in modules))
    data = Data()
    if arguments.reports:
        calibrate(arguments, data, modules)
    if arguments.departures:
        departures(arguments, data)


if __name__ == "__main__":
    # Warnings of the methods concern tables of extreme counts, not the checks.
    np.seterr(all="ignore")
    print(yaml.safe_dump({"argv": sys.argv[1:]}, default_flow_style=True).strip())
    main()
