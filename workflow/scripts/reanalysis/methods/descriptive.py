"""Counts, shares, means, medians, spread: what a paper says before any test.

Individual rows are described per group, per visit and altogether. Printed
summaries are passed on with the rounding of their digits, and give the share
their counts imply.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate
from reanalysis.roots import increasing_root
from reanalysis.sample import Sample

#: Quantile definitions of Hyndman and Fan (1996) by their number in R.
QUANTILES = {
    "type2": "averaged_inverted_cdf",
    "type6": "weibull",
    "type7": "linear",
}

#: Numbers that count rows and stay meaningful over all visits together.
_TOTALS = frozenset({"n", "count", "sum", "minimum", "maximum", "range_width"})

_VALUES = (
    "mean",
    "sd",
    "median",
    "minimum",
    "maximum",
    "range_width",
    "sum",
    "quartile_low",
    "quartile_high",
)


@dataclass(frozen=True, slots=True)
class Description:
    """Location and spread of one sample, in the unit of its values.

    ``sd`` has the divisor asked for; ``std_error``, ``conf_low`` and
    ``conf_high`` (Student's t interval of the mean) always use n - 1.
    """

    n: int
    mean: float
    sd: float
    median: float
    minimum: float
    maximum: float
    range_width: float
    sum: float
    quartile_low: float
    quartile_high: float
    std_error: float
    conf_low: float
    conf_high: float


def describe(
    values: np.ndarray,
    *,
    sd_divisor: str = "n-1",
    quantile: str = "type7",
    conf_level: float = 0.95,
) -> Description:
    """Describe one sample of numbers, shape (n,).

    ``sd_divisor`` is ``n-1`` or ``n`` (Student 1908 used n); ``quantile`` one of
    :data:`QUANTILES`. Numbers that need two values are nan with one. Raises
    :class:`MethodError` without values.

    Source: Hyndman and Fan, The American Statistician 1996;50:361-365.
    """
    x = np.asarray(values, dtype=float)
    n = x.size
    if n == 0:
        raise MethodError("There are no values to describe.")
    mean = float(x.mean())
    squares = float(((x - mean) ** 2).sum())
    divisor = n if sd_divisor == "n" else n - 1
    std_error = math.sqrt(squares / (n - 1) / n) if n > 1 else NAN
    reach = std_error * stdtrit(n - 1, (1 + conf_level) / 2) if n > 1 else NAN
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], method=QUANTILES[quantile])
    smallest, largest = float(x.min()), float(x.max())
    return Description(
        n=n,
        mean=mean,
        sd=math.sqrt(squares / divisor) if divisor else NAN,
        median=float(middle),
        minimum=smallest,
        maximum=largest,
        range_width=largest - smallest,
        sum=float(x.sum()),
        quartile_low=float(low),
        quartile_high=float(high),
        std_error=std_error,
        conf_low=mean - float(reach),
        conf_high=mean + float(reach),
    )


def percent_of_before(before: np.ndarray, after: np.ndarray, ratio: str) -> float:
    """Return what is left after treatment, in per cent of the value before.

    ``mean-of-ratios`` averages each patient's own ratio; ``ratio-of-means``
    compares the two means, so that patients with large values weigh more. Raises
    :class:`MethodError` where a division by zero would be needed.
    """
    if len(before) == 0:
        raise MethodError("There are no patients with values before and after.")
    if ratio == "ratio-of-means":
        if before.mean() == 0:
            raise MethodError("The mean before is 0, so nothing is a share of it.")
        return 100 * float(after.mean() / before.mean())
    zeros = int((before == 0).sum())
    if zeros:
        raise MethodError(
            f"{zeros} of {len(before)} patients have the value 0 before, "
            "so their ratio does not exist."
        )
    return 100 * float((after / before).mean())


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Describe the sample: one row per group, visit and statistic.

    ``options.statistics`` restricts the rows to the statistics named.
    """
    read = _summary if sample.kind == "summary" else _all
    rows = read(sample, settings)
    wanted = sample.options.get("statistics")
    return [row for row in rows if not wanted or row.statistic in wanted]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no tables: descriptions have no figure of their own."""
    return {}


def _all(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Describe individual rows, per group and visit and over all of them."""
    rows = sample.rows
    categorical = sample.has("value") and not _numeric(rows["value"])
    levels = sorted(rows["value"].dropna().unique(), key=str) if categorical else []
    found: list[Estimate] = []
    for group, part in sample.parts():
        visits = [("", part)]
        if sample.has("visit"):
            visits += [
                (visit, part[part["visit"] == visit])
                for visit in sorted(rows["visit"].dropna().unique())
            ]
        for visit, frame in visits:
            described = _one(frame, levels, sample, settings)
            if visit == "" and len(visits) > 1:
                # A mean over repeated visits of the same patients is no mean of
                # patients: only totals are given.
                described = [row for row in described if row.statistic in _TOTALS]
            found += [
                replace(
                    row,
                    group=group,
                    timepoint=visit,
                    time_unit="" if visit == "" else sample.time_unit,
                )
                for row in described
            ]
    if sample.dropped and found:
        word = "row" if sample.dropped == 1 else "rows"
        note = f"{sample.dropped} {word} without a needed value left out."
        found = [replace(r, note=f"{r.note} {note}".strip()) for r in found]
    return found


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(
        column
    )


def _one(
    frame: pd.DataFrame,
    levels: Iterable[object],
    sample: Sample,
    settings: Mapping[str, object],
) -> list[Estimate]:
    """Describe the rows of one group at one visit."""
    found = [Estimate(statistic="n", estimate=len(frame), n=len(frame))]
    for role, term in (("id", "patients"), ("pair", "pairs")):
        if role in frame:
            distinct = frame[role].nunique()
            found.append(
                Estimate(statistic="count", term=term, estimate=distinct, n=len(frame))
            )
    if "event" in frame:
        event = frame["event"]
        found += _share(int(event.sum()), _whole(event, settings), "")
    if levels:
        whole = _whole(frame["value"], settings)
        for level in levels:
            count = int((frame["value"] == level).sum())
            found += _share(count, whole, str(level))
    for role in ("value", "count", "before", "after"):
        if role in frame and not (role == "value" and levels):
            if not _numeric(frame[role]):
                continue  # a column of labels with no label left
            term = role if role in {"before", "after"} else ""
            unit = sample.unit if role != "count" else ""
            found += _values(frame[role], term, unit, settings)
    if {"before", "after"} <= set(frame):
        found += _left_over(frame[["before", "after"]].dropna(), settings)
    return found


def _whole(column: pd.Series, settings: Mapping[str, object]) -> int:
    if settings["denominator"] == "rows":
        return len(column)
    return int(column.notna().sum())


def _share(count: int, whole: int, term: str) -> list[Estimate]:
    """Return a count and its share of ``whole``."""
    share = Estimate(
        statistic="proportion",
        estimate=count / whole if whole else NAN,
        term=term,
        unit="proportion",
        n=whole,
        events=count,
        note="" if whole else "There are no patients to take a share of.",
    )
    total = replace(share, statistic="count", estimate=count, unit="", note="")
    return [total, share]


def _values(
    column: pd.Series, term: str, unit: str, settings: Mapping[str, object]
) -> list[Estimate]:
    """Return the rows of :func:`describe`; missing values are left out and named."""
    x = column.dropna().to_numpy(dtype=float)
    missing = len(column) - x.size
    note = f"{missing} missing values left out." if missing else ""
    try:
        described = describe(
            x,
            sd_divisor=str(settings["sd_divisor"]),
            quantile=str(settings["quantile"]),
            conf_level=float(settings["conf_level"]),
        )
    except MethodError as error:
        return [
            Estimate(statistic=name, term=term, unit=unit, n=0, note=str(error))
            for name in _VALUES
        ]
    found = []
    for name in _VALUES:
        row = Estimate(
            statistic=name,
            estimate=getattr(described, name),
            term=term,
            unit=unit,
            n=described.n,
            note=note,
        )
        if name == "mean":
            row = replace(
                row,
                std_error=described.std_error,
                conf_low=described.conf_low,
                conf_high=described.conf_high,
                conf_level=float(settings["conf_level"]),
                interval_method="t",
            )
        if name == "sd" and math.isnan(described.sd):
            row = replace(
                row, note=f"{note} A standard deviation needs two values.".strip()
            )
        found.append(row)
    return found


def _left_over(frame: pd.DataFrame, settings: Mapping[str, object]) -> list[Estimate]:
    """Return what is left of the value before, and by how much it fell."""
    left, note = NAN, ""
    try:
        left = percent_of_before(
            frame["before"].to_numpy(dtype=float),
            frame["after"].to_numpy(dtype=float),
            str(settings["ratio"]),
        )
    except MethodError as error:
        note = str(error)
    row = Estimate(
        statistic="percent_of", estimate=left, unit="%", n=len(frame), note=note
    )
    return [row, replace(row, statistic="percent_reduction", estimate=100 - left)]


def _summary(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Pass printed numbers on with their rounding, and give the shares they imply.

    Lines of one visit and category are also put together over the groups: counts
    are added, means weighted by n, squares about the common mean added.
    """
    rows = sample.rows
    found: list[Estimate] = []
    for line in rows.to_dict("records"):
        place = _place(line, sample)
        group = str(line.get("group", "") or "")
        found += [replace(row, group=group, **place) for row in _line(line, sample)]
    if not sample.groups or not sample.has("n"):
        return found
    keys = [name for name in ("visit", "value") if name in rows]
    if keys:
        together = [part for _, part in rows.groupby(keys, sort=False, dropna=False)]
    else:
        together = [rows]
    for part in together:
        # More than one line of a group would count its patients twice.
        if sorted(part["group"]) == sorted(sample.groups):
            pooled = _pool(part, str(settings["sd_divisor"]))
            place = _place(part.iloc[0].to_dict(), sample)
            found += [replace(row, **place) for row in _line(pooled, sample)]
    return found


def _place(line: Mapping[str, object], sample: Sample) -> dict[str, object]:
    """Return the category and visit a printed line belongs to."""
    value, visit = line.get("value", ""), line.get("visit", "")
    return {
        "term": value if isinstance(value, str) else f"{value:g}",
        "timepoint": visit,
        "time_unit": "" if visit == "" else sample.time_unit,
    }


def _pool(part: pd.DataFrame, sd_divisor: str) -> dict[str, object]:
    """Put the groups' printed lines together: totals, weighted mean, common SD."""
    n = part["n"].sum()
    pooled: dict[str, object] = {"n": n}
    if "count" in part:
        pooled["count"] = part["count"].sum()
    if "mean" in part and n:
        for name in ("mean", "mean_low", "mean_high"):
            if name in part:
                pooled[name] = (part[name] * part["n"]).sum(skipna=False) / n
        if "sd" in part:
            pooled |= _common_sd(part, 0 if sd_divisor == "n" else 1)
    return pooled


def _common_sd(part: pd.DataFrame, less: int) -> dict[str, float]:
    """Return the SD of all values together, with its range over the rounding.

    The sum of squares is that within the groups plus that of their means about the
    common mean; ``less`` is what the divisors lack to n.
    """
    n = part["n"].to_numpy(dtype=float)
    mean, low, high = _spread(part, "mean")
    sd, sd_low, sd_high = np.where(n > less, np.maximum(_spread(part, "sd"), 0), 0)
    if n.sum() <= less or np.isnan([mean, low, high, sd, sd_low, sd_high]).any():
        return {}

    def common(means: np.ndarray, sds: np.ndarray) -> float:
        apart = means - n @ means / n.sum()
        squares = (n - less) @ sds**2 + n @ apart**2
        return math.sqrt(squares / (n.sum() - less))

    # The means lie farthest apart in a corner of their box, and closest together
    # where each is as near as it can be to one point.
    point = increasing_root(
        lambda c: np.array(n @ (c - np.clip(c, low, high))), low.min(), high.max()
    )
    corners = product(*zip(low, high, strict=True))
    return {
        "sd": common(mean, sd),
        "sd_low": common(np.clip(point, low, high), sd_low),
        "sd_high": max(common(np.array(corner), sd_high) for corner in corners),
    }


def _spread(part: pd.DataFrame, role: str) -> np.ndarray:
    """Return a printed number and its rounding interval by group, (3, groups)."""
    lines = part.to_dict("records")
    return np.array([_printed(line, role) for line in lines]).T


def _line(line: Mapping[str, object], sample: Sample) -> Iterator[Estimate]:
    """Return the estimates of one printed line."""
    n, n_low, n_high = _printed(line, "n")
    if not math.isnan(n):
        yield Estimate(
            statistic="n", estimate=n, n=n, ranges={"estimate": (n_low, n_high)}
        )
    count, low, high = _printed(line, "count")
    if not math.isnan(count):
        row = Estimate(
            statistic="count",
            estimate=count,
            n=n,
            events=count,
            ranges={"estimate": (low, high)},
        )
        yield row
        if n_low > 0:
            yield replace(
                row,
                statistic="proportion",
                estimate=count / n,
                unit="proportion",
                ranges={"estimate": (low / n_high, high / n_low)},
            )
    for name in ("mean", "sd", "median"):
        x, low, high = _printed(line, name)
        if not math.isnan(x):
            yield Estimate(
                statistic=name,
                estimate=x,
                unit=sample.unit,
                n=n,
                ranges={"estimate": (low, high)},
            )


def _printed(line: Mapping[str, object], role: str) -> tuple[float, float, float]:
    """Return a printed number and the ends of its rounding interval."""
    x = float(line.get(role, NAN))
    return x, float(line.get(f"{role}_low", x)), float(line.get(f"{role}_high", x))
