"""Rows and curves on selection from the printed means of counts before and after.

A mean of counts is a whole number over n, so a printed one often stands for a single
total. What no mean was printed for is shown over a range of means that are named
assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.events.paired_counts import INTERVALS, TESTS, CountLaw, conditional_law
from reanalysis.events.selection_effect import expected_after
from reanalysis.methods.proportions import whole_numbers
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample

INF = math.inf
#: Most totals that a printed mean may stand for before only its ends are tried.
MOST_TOTALS = 25


def criterion(sample: Sample) -> int:
    """Return the number of events before without which nobody entered, 0 if any."""
    return int(sample.options.get("selected_at_least", 0))


def shape_grid(settings: Mapping[str, object]) -> np.ndarray:
    """Return the shapes at which curves are drawn."""
    low, high = map(float, settings["shape_range"])
    return np.geomspace(low, high, 41)


def points(
    series: str,
    element: str,
    shapes: object,
    values: object,
    low: object = None,
    high: object = None,
) -> Iterator[dict[str, object]]:
    """Yield the points of a curve, or a line without shapes, for the figure."""
    low = values if low is None else low
    high = values if high is None else high
    for s, v, a, b in zip(shapes, values, low, high, strict=True):
        yield {
            "series": series,
            "element": element,
            "shape": float(s),
            "value": float(v),
            "low": float(a),
            "high": float(b),
        }


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed mean count of n patients, and the totals that would print it."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def totals(self) -> list[int]:
        """Return the whole numbers of events whose mean is printed so."""
        slack = 1e-9 * (1 + abs(self.mean) * self.n)
        first = math.ceil(self.low * self.n - slack)
        last = math.floor(self.high * self.n + slack)
        return list(range(max(first, 0), last + 1))


def _printed(sample: Sample, line: int) -> tuple[str, int, dict[str, Printed]]:
    rows = sample.rows
    if not sample.has("n"):
        raise MethodError("A printed summary needs the number of patients.")
    n = int(whole_numbers([rows["n"].iloc[line]], "n")[0])
    means = {
        term: Printed(
            *(float(rows[f"{term}{end}"].iloc[line]) for end in ("", "_low", "_high")),
            n,
        )
        for term in ("before", "after")
        if sample.has(term)
    }
    label = str(rows["group"].iloc[line]) if sample.has("group") else ""
    return label, n, means


def printed_rows(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of a table of printed means, a line per group."""
    found: list[Estimate] = []
    assumed = False
    for line in range(len(sample.rows)):
        label, n, means = _printed(sample, line)
        row = partial(Estimate, group=label, n=n)
        found.append(row(statistic="n", estimate=n))
        if not {"before", "after"} <= set(means):
            note = "The mean counts before and after are not both printed."
            found.append(row(statistic="rate_ratio", note=note))
        if "before" not in means:
            # What is assumed does not depend on the group.
            if not assumed:
                found += _printed_selection(partial(Estimate), means, sample, settings)
            assumed = True
            continue
        if "before" in means and "after" in means:
            found += _printed_ratio(
                row, means["before"], means["after"], sample, settings
            )
        found += _printed_selection(row, means, sample, settings)
    return found


def _printed_ratio(
    row: partial,
    before: Printed,
    after: Printed,
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    """Return the ratio of the totals, over all totals that print the means."""
    note = "From the printed means; takes the events as Poisson."
    pairs = [(b, a) for b in _ends(before.totals) for a in _ends(after.totals)]
    if not pairs:
        yield row(
            statistic="rate_ratio",
            note=f"No whole number of events among {before.n} patients has that mean.",
        )
        return
    test, how = TESTS[str(settings["test"])]
    level = float(settings["conf_level"])
    versions = []
    for b, a in pairs:
        if a + b == 0:
            continue
        # The totals alone decide, as nobody's period is longer than another's.
        law = CountLaw(_binomial_weights(a + b), a)
        low, high = law.limits(level, mid_p=settings["interval"] == "mid-p")
        versions.append(
            {
                "estimate": law.estimate(),
                "conf_low": low,
                "conf_high": high,
                "p_value": law.test(str(settings["alternative"]), **how).p_value,
            }
        )
    if not versions:
        yield row(statistic="rate_ratio", note="There is no event.")
        return
    nearest = min(
        range(len(versions)),
        key=lambda i: (
            abs(versions[i]["estimate"] - after.mean / before.mean)
            if before.mean
            else 0
        ),
    )
    ranges = {
        name: (min(v[name] for v in versions), max(v[name] for v in versions))
        for name in versions[0]
    }
    if criterion(sample):
        note += " The fall holds the regression to the mean."
    yield row(
        statistic="rate_ratio",
        **versions[nearest],
        conf_level=level,
        interval_method=INTERVALS[str(settings["interval"])],
        test=test,
        alternative=str(settings["alternative"]),
        ranges=ranges if len(versions) > 1 else {},
        note=note,
    )


def _binomial_weights(total: int) -> np.ndarray:
    return conditional_law(np.array([total]), np.array([0])).log_weights


def _nearest(printed: Printed) -> int:
    """Return the whole number of events whose mean is nearest to the printed one."""
    return min(printed.totals, key=lambda t: abs(t - printed.mean * printed.n))


def _ends(totals: list[int]) -> list[int]:
    if len(totals) <= MOST_TOTALS:
        return totals
    return [totals[0], totals[len(totals) // 2], totals[-1]]


def _means(
    means: Mapping[str, Printed], at_least: int, settings: Mapping[str, object]
) -> list[tuple[str, tuple[float, float, float]]]:
    """Return the mean before with its rounding: printed, or each one assumed."""
    if "before" in means:
        # Of a mean of counts only those of whole totals are possible, and everybody
        # met the criterion.
        own = means["before"]
        found = [t / own.n for t in own.totals if t >= at_least * own.n]
        if not found:
            raise MethodError(
                f"No whole number of events among {own.n} patients, each with "
                f"{at_least} or more, has the printed mean {own.mean:g}."
            )
        nearest = min(found, key=lambda mean: abs(mean - own.mean))
        return [("", (nearest, found[0], found[-1]))]
    return [
        (f"mean before {at_least + above:g}, assumed", (at_least + above,) * 3)
        for above in map(float, settings["means_above_criterion"])
    ]


def _printed_selection(
    row: partial,
    means: Mapping[str, Printed],
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    at_least = criterion(sample)
    if not at_least:
        return
    low, high = map(float, settings["shape_range"])
    shapes = [*shape_grid(settings), INF]
    try:
        levels = _means(means, at_least, settings)
    except MethodError as problem:
        yield row(statistic="selection_reduction", note=str(problem))
        return
    for name, ends in levels:
        assumed = name.endswith("assumed")
        try:
            versions = [expected_after(m, at_least, shapes) for m in ends]
        except MethodError as problem:
            yield row(statistic="selection_reduction", term=name, note=str(problem))
            continue
        note = (
            "The mean before is not printed; this is what one would expect if it were "
            f"{ends[0]:g}."
            if assumed
            else ""
        )
        for word, pick in (("smallest", np.min), ("largest", np.max)):
            values = [float(pick(v.reduction)) for v in versions]
            yield row(
                statistic="selection_reduction",
                term=", ".join(
                    filter(None, [name, f"{word} over shapes {low:g} to {high:g}"])
                ),
                estimate=values[0],
                unit="proportion",
                ranges={"estimate": (min(values), max(values))}
                if len(set(ends)) > 1
                else {},
                note=note,
            )
        if assumed or "after" not in means or not means["after"].totals:
            continue
        after = means["after"]
        for word, pick in (("smallest", np.max), ("largest", np.min)):
            # A ratio corrected for what is expected is smallest where that is most.
            values = [
                a / float(pick(v.after))
                for v in versions
                for a in (t / after.n for t in (_nearest(after), *after.totals))
                if float(pick(v.after)) > 0
            ]
            if not values:
                continue
            yield row(
                statistic="rate_ratio",
                term=f"corrected, {word} over shapes {low:g} to {high:g}",
                estimate=values[0],
                ranges={"estimate": (min(values), max(values))}
                if len(set(values)) > 1
                else {},
                note="No interval: the printed means do not say how patients vary.",
            )


def printed_curves(
    sample: Sample, settings: Mapping[str, object], at_least: int
) -> Iterator[dict[str, object]]:
    """Yield what a figure of selection draws from printed means."""
    if not at_least:
        return
    grid = shape_grid(settings)
    for line in range(len(sample.rows)):
        label, _, means = _printed(sample, line)
        for name, ends in _means(means, at_least, settings):
            found = [expected_after(m, at_least, grid).reduction for m in ends]
            series = ", ".join(filter(None, [label, name])) or "all patients"
            if name and line:
                continue  # the same for every group
            series = name if name else series
            yield from points(series, "reduction", grid, found[0], found[-1], found[1])
        if "before" in means and "after" in means and means["before"].mean:
            seen = 1 - means["after"].mean / means["before"].mean
            yield from points(label or "all patients", "observed", [NAN], [seen])
