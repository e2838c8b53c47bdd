"""Proportions of patients with an event, or in each category, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.tables.binomial import (
    PROPORTION_INTERVALS,
    HypothesisTest,
    binomial_test,
)

#: Said of a Wald interval where every patient had the same outcome.
NO_WIDTH = "The interval has no width because the data show no variation."


def whole_numbers(values: object, name: str) -> NDArray[np.int64]:
    """Return counts as integers, refusing fractions and negative numbers."""
    numbers = np.asarray(values, dtype=float)
    if not np.isfinite(numbers).all() or (numbers < 0).any() or (numbers % 1).any():
        raise MethodError(f"The column '{name}' must hold whole numbers.")
    return numbers.astype(np.int64)


def group_masks(sample: Sample) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each group with its rows, then all groups together as ''."""
    if sample.groups:
        labels = sample.rows["group"].to_numpy()
        masks = [labels == group for group in sample.groups]
        yield from zip(sample.groups, masks, strict=True)
        yield "", np.logical_or.reduce(masks)
    else:
        yield "", np.ones(len(sample.rows), dtype=bool)


def outcome_counts(sample: Sample) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return events and patients (rows,) of each row, from ``event`` or counts."""
    rows = sample.rows
    if sample.has("event"):
        events = whole_numbers(rows["event"], "event")
        if events.size and events.max() > 1:
            raise MethodError("The outcome must be 0 or 1 for each patient.")
        sizes = np.ones_like(events)
    elif sample.has("count", "n"):
        events = whole_numbers(rows["count"], "count")
        sizes = whole_numbers(rows["n"], "n")
        if (events > sizes).any():
            raise MethodError(
                "A count of events is larger than its number of patients."
            )
    else:
        raise MethodError("The analysis needs an event column, or count and n.")
    return events, sizes


def event_counts(sample: Sample) -> dict[str, tuple[int, int]]:
    """Return events and patients of each group, '' being all together."""
    events, sizes = outcome_counts(sample)
    return {
        group: (int(events[mask].sum()), int(sizes[mask].sum()))
        for group, mask in group_masks(sample)
    }


def category_label(value: object) -> str:
    """Return the label of a category; whole numbers lose their decimal point."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def category_counts(
    sample: Sample,
) -> tuple[list[str], dict[str, NDArray[np.int64]]]:
    """Return the categories of ``value`` and their counts in each group."""
    rows = sample.rows
    levels = sorted(rows["value"].dropna().unique())
    counts = (
        whole_numbers(rows["count"], "count")
        if sample.has("count")
        else np.ones(len(rows), dtype=np.int64)
    )
    of_level = rows["value"].to_numpy()[:, None] == np.array(levels, dtype=object)
    return [category_label(level) for level in levels], {
        group: counts[mask] @ of_level[mask] for group, mask in group_masks(sample)
    }


def proportion_rows(
    events: int,
    n: int,
    settings: Mapping[str, object],
    *,
    group: str = "",
    term: str = "",
    interval: str = "clopper-pearson",
    statistics: Sequence[str] = ("n", "events", "count", "proportion"),
    test: HypothesisTest | None = None,
) -> list[Estimate]:
    """Return the counts and the proportion of one group, or of one category in it."""
    shared = {"group": group, "term": term, "n": n, "events": events}
    numbers = {"n": n, "events": events, "count": events}
    result = [
        Estimate(statistic=name, estimate=numbers[name], **shared)
        for name in statistics
        if name in numbers
    ]
    if n == 0:
        note = "There is nobody in this group."
        return [*result, Estimate(statistic="proportion", note=note, **shared)]
    level = float(settings["conf_level"])
    name, function = PROPORTION_INTERVALS[interval]
    low, high = function(events, n, level)
    fields = fields_of_test(test) if test else {}
    if low == high:
        fields["note"] = NO_WIDTH
    result.append(
        Estimate(
            statistic="proportion",
            estimate=events / n,
            std_error=math.sqrt(events * (n - events) / n**3),
            conf_low=low,
            conf_high=high,
            conf_level=level,
            interval_method=name,
            unit="proportion",
            **shared,
            **fields,
        )
    )
    return result


def fields_of_test(test: HypothesisTest) -> dict[str, object]:
    """Return the fields of an estimate that a test fills."""
    return {
        "test": test.name,
        "alternative": test.alternative,
        "test_statistic": test.statistic,
        "df": test.df,
        "p_value": test.p_value,
        "note": test.note,
    }


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate the proportion of events, or of each category, by group and overall.

    ``settings["interval"]`` names the interval. With ``options["null"]`` each
    proportion of events is tested against it by the exact binomial test, in the
    direction ``options["alternative"]``.
    """
    interval = str(settings["interval"])
    try:
        if sample.has("value") and not sample.has("event"):
            levels, counts = category_counts(sample)
            if not levels:
                raise MethodError("There is nobody to count.")
            return [
                row
                for group, count in counts.items()
                for level, events in zip(levels, count, strict=True)
                for row in proportion_rows(
                    int(events),
                    int(count.sum()),
                    settings,
                    group=group,
                    term=level,
                    interval=interval,
                    statistics=("count", "proportion"),
                )
            ]
        null = sample.options.get("null")
        alternative = str(
            sample.options.get("alternative", settings.get("alternative", "two-sided"))
        )
        result = []
        for group, (events, n) in event_counts(sample).items():
            test = None
            if null is not None and n:
                test = binomial_test(events, n, float(null), alternative)
            result += proportion_rows(
                events, n, settings, group=group, interval=interval, test=test
            )
            if test:
                row = fields_of_test(test)
                result.append(
                    Estimate(statistic="test", group=group, n=n, events=events, **row)
                )
        return result
    except MethodError as problem:
        return [Estimate(statistic="proportion", note=str(problem))]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no table: the estimates are all there is to draw."""
    return {}
