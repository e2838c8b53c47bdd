"""Counts of events of the same patients before and after, and what selection does.

The rate ratio after against before is estimated given each patient's total. Where
patients could enter only with so many events before (``selected_at_least``), part of
the fall is regression to the mean: rows with the patients' counts give the ratio freed
of it (:mod:`reanalysis.events.paired_counts`) and the fall that selection alone
explains, shape-free and over a range of shapes of the patients' rates
(:mod:`reanalysis.events.selection_effect`). Printed means give the latter alone
(:mod:`reanalysis.events.printed_counts`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import chdtri, ndtri

from reanalysis.errors import MethodError
from reanalysis.events.count_models import negative_binomial_ratio
from reanalysis.events.paired_counts import INTERVALS, TESTS, conditional_law, fieller
from reanalysis.events.printed_counts import (
    criterion,
    points,
    printed_curves,
    printed_rows,
    shape_grid,
)
from reanalysis.events.selection_effect import hauer, shape_profile
from reanalysis.methods.proportions import (
    fields_of_test,
    group_masks,
    whole_numbers,
)
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.tables.binomial import normal_p_value

INF = math.inf
GIVEN = "given the entry criterion"
HAUER = "against the count expected from selection (shape-free)"
COMMON = "one rate for all"


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts of the patients of a group; ``times``: time after over time before."""

    before: np.ndarray
    after: np.ndarray
    times: np.ndarray

    @property
    def n(self) -> int:
        """Number of patients."""
        return self.before.size

    @property
    def events(self) -> int:
        """Number of events, before and after together."""
        return int(self.before.sum() + self.after.sum())


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of one analysis of counts before and after.

    ``settings``: ``test`` (exact-conditional, exact-doubled, mid-p, mid-p-minlike),
    ``interval`` (exact, mid-p), ``alternative`` (after against before),
    ``shape_range`` and ``shapes_shown`` of the gamma distributed rates,
    ``means_above_criterion`` assumed where no mean is printed, ``conf_level``.
    ``options``: ``selected_at_least``, the number of events before without which
    nobody could enter; ``exposure``, the length of either period (of the one before
    where a column has that after).
    """
    try:
        if sample.kind == "summary":
            return printed_rows(sample, settings)
        found = []
        counts = _counts(sample)
        for label, mask in group_masks(sample):
            own = Counts(*(part[mask] for part in counts))
            found += _group_rows(label, own, sample, settings)
        return found
    except MethodError as problem:
        return [Estimate(statistic="rate_ratio", note=str(problem))]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return ``pairs`` for the patients, and ``selection`` where there was one.

    ``selection`` has the columns series, element (``reduction``, ``observed`` or
    ``likelihood``), shape, value, low, high; ``value`` of ``likelihood`` is relative
    to its largest.
    """
    at_least = criterion(sample)
    drawn: dict[str, pd.DataFrame] = {}
    try:
        if sample.kind == "summary":
            rows = list(printed_curves(sample, settings, at_least))
        else:
            counts = _counts(sample)
            ids = sample.rows["id"] if sample.has("id") else sample.rows.index + 1
            pairs = {
                "id": list(map(str, ids)),
                "before": counts[0].astype(float),
                "after": counts[1].astype(float),
            }
            if sample.groups:
                pairs["group"] = sample.rows["group"].astype(str).tolist()
            drawn["pairs"] = pd.DataFrame(pairs)
            rows = []
            for label, mask in group_masks(sample):
                if label or not sample.groups:
                    own = Counts(*(part[mask] for part in counts))
                    rows += _curves(label, own, settings, at_least)
    except MethodError:
        return drawn
    if at_least and rows:
        drawn["selection"] = pd.DataFrame(rows)
    return drawn


# Patients


def _period(sample: Sample) -> float:
    length = float(sample.options.get("exposure", 1))
    if not (math.isfinite(length) and length > 0):
        raise MethodError("The option 'exposure' must be a positive number.")
    return length


def _counts(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not sample.has("before", "after"):
        raise MethodError("The comparison needs a count before and a count after.")
    before = whole_numbers(sample.rows["before"], "before")
    after = whole_numbers(sample.rows["after"], "after")
    times = np.ones(before.size)
    if sample.has("exposure"):
        times = sample.rows["exposure"].to_numpy(float) / _period(sample)
        if not (np.isfinite(times).all() and (times > 0).all()):
            raise MethodError("Every patient needs a time of observation after.")
    return before, after, times


def _group_rows(
    label: str, own: Counts, sample: Sample, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    at_least = criterion(sample)
    row = partial(Estimate, group=label, n=own.n, events=own.events)
    yield row(statistic="n", estimate=own.n)
    if not own.n:
        yield row(statistic="rate_ratio", note="There is nobody in this group.")
        return
    for term, counts in (("before", own.before), ("after", own.after)):
        yield row(statistic="count", term=term, estimate=int(counts.sum()))
        yield row(statistic="mean", term=term, estimate=float(counts.mean()))
    selected = ""
    if at_least:
        selected = (
            f"Patients entered with {at_least} or more events before: the fall holds "
            "the regression to the mean."
        )
    yield from _ratio_rows(row, own, 0, "", settings, selected)
    yield from _robust_rows(
        row, own, own.before, "patients varying", settings, selected
    )
    yield _marginal_row(row, own, settings)
    if not at_least:
        return
    if (own.before < at_least).any():
        note = (
            f"A patient had fewer than {at_least} events before, against the "
            "criterion of entry: nothing can be said of selection."
        )
        yield row(statistic="rate_ratio", term=GIVEN, note=note)
        return
    yield from _ratio_rows(row, own, at_least, GIVEN, settings, "")
    yield from _hauer_rows(row, own, at_least, settings)
    yield from _shape_rows(row, own, at_least, settings)


def _ratio_rows(
    row: partial,
    own: Counts,
    at_least: int,
    term: str,
    settings: Mapping[str, object],
    note: str,
) -> Iterator[Estimate]:
    """Return ratio, reduction and tests from the law given each patient's total."""
    row = partial(row, term=term)
    try:
        law = conditional_law(own.before, own.after, own.times, at_least)
    except MethodError as problem:
        yield row(statistic="rate_ratio", note=str(problem))
        return
    if law.log_weights.size == 1:
        said = "There is no event." if own.events == 0 else (
            "Given the criterion and the totals nothing could have come out otherwise."
        )  # fmt: skip
        yield row(statistic="rate_ratio", note=f"{said} {note}".strip())
        return
    ratio = law.estimate()
    said = [note] if note else []
    if ratio == INF:
        said.append(
            "Every patient had just the events of the criterion before."
            if at_least
            else "There is no event before."
        )
    elif ratio == 0:
        said.append("There is no event after.")
    primary = str(settings["test"])
    tests = {
        name: law.test(str(settings["alternative"]), name=label, **how)
        for name, (label, how) in TESTS.items()
    }
    low, high = law.limits(
        float(settings["conf_level"]), mid_p=settings["interval"] == "mid-p"
    )
    limits = {
        "conf_level": float(settings["conf_level"]),
        "interval_method": INTERVALS[str(settings["interval"])],
    }
    fields = fields_of_test(tests[primary])
    fields["note"] = " ".join(filter(None, [*said, str(fields["note"])]))
    yield row(
        statistic="rate_ratio", estimate=ratio, conf_low=low, conf_high=high,
        **limits, **fields,
    )  # fmt: skip
    yield row(
        statistic="rate_reduction",
        estimate=1 - ratio if ratio < INF else NAN,
        conf_low=1 - high,
        conf_high=1 - low,
        unit="proportion",
        **limits,
        **fields,
    )
    for name, test in tests.items():
        if name != primary:
            yield row(statistic="test", **fields_of_test(test))


def _robust_rows(
    row: partial,
    own: Counts,
    earlier: np.ndarray,
    term: str,
    settings: Mapping[str, object],
    note: str,
) -> Iterator[Estimate]:
    """Return the ratio of means with Fieller's interval, whatever the counts' law."""
    row = partial(row, term=term)
    expected = earlier * own.times
    if own.n and not expected.any():
        yield row(
            statistic="rate_ratio", note=f"Nothing is expected after. {note}".strip()
        )
        return
    level = float(settings["conf_level"])
    try:
        found = fieller(own.after, expected, level)
    except MethodError as problem:
        yield row(statistic="rate_ratio", note=f"{problem} {note}".strip())
        return
    p = found.p_value
    if settings["alternative"] != "two-sided":
        side = 1 if settings["alternative"] == "greater" else -1
        p = p / 2 if found.statistic * side > 0 else 1 - p / 2
    if math.isinf(found.conf_high):
        open_end = "The mean compared with is not clear of 0: no upper limit."
        note = f"{open_end} {note}".strip()
    yield row(
        statistic="rate_ratio",
        estimate=found.ratio,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=level,
        interval_method="Fieller, over patients",
        test="paired t",
        alternative=str(settings["alternative"]),
        test_statistic=found.statistic,
        df=found.df,
        p_value=p,
        note=note,
    )


def _marginal_row(
    row: partial, own: Counts, settings: Mapping[str, object]
) -> Estimate:
    """Return the negative binomial that takes the periods as two groups."""
    count = np.concatenate([own.after, own.before])
    time = np.concatenate([own.times, np.ones(own.n)])
    first = np.arange(2 * own.n) < own.n
    row = partial(row, statistic="rate_ratio", term="periods as two groups")
    try:
        fit = negative_binomial_ratio(count, time, first)
    except MethodError as problem:
        return row(note=str(problem))
    level = float(settings["conf_level"])
    reach = float(ndtri((1 + level) / 2)) * fit.std_error
    z = fit.log_ratio / fit.std_error
    said = (
        f"shape {fit.shape:.3g}"
        if math.isfinite(fit.shape)
        else "the counts vary no more than Poisson counts, so this is the Poisson model"
    )
    return row(
        estimate=math.exp(fit.log_ratio),
        std_error=fit.std_error,
        conf_low=math.exp(fit.log_ratio - reach),
        conf_high=math.exp(fit.log_ratio + reach),
        conf_level=level,
        interval_method="negative binomial, Wald",
        test="Wald, negative binomial",
        alternative=str(settings["alternative"]),
        test_statistic=z,
        p_value=normal_p_value(z, str(settings["alternative"])),
        note=f"Takes the two periods as different patients; {said}.",
    )


def _hauer_rows(
    row: partial, own: Counts, at_least: int, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    again = hauer(own.before, at_least)
    expected = float((again * own.times).sum())
    without = float((own.before * own.times).sum())
    yield row(
        statistic="selection_reduction",
        term="shape-free",
        estimate=1 - expected / without if without else NAN,
        unit="proportion",
        note=f"{expected:g} of {without:g} events are expected again without any "
        "effect: those of patients above the criterion (Hauer).",
    )
    yield from _robust_rows(row, own, again, HAUER, settings, "")


def _shape_rows(
    row: partial, own: Counts, at_least: int, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    shown = [float(s) for s in settings["shapes_shown"]] + [INF]
    level = float(settings["conf_level"])
    try:
        profile = shape_profile(own.before, own.after, own.times, at_least, shown)
    except MethodError as problem:
        yield row(statistic="selection_reduction", term=COMMON, note=str(problem))
        return
    for i, shape in enumerate(shown):
        term = _shape_name(shape)
        yield row(
            statistic="selection_reduction",
            term=term,
            estimate=float(profile.expected.reduction[i]),
            unit="proportion",
        )
        error = float(profile.std_error[i])
        ratio = float(profile.ratio[i])
        fields = {}
        if ratio > 0 and math.isfinite(error):
            reach = float(ndtri((1 + level) / 2)) * error
            z = math.log(ratio) / error
            fields = {
                "std_error": error,
                "conf_low": ratio * math.exp(-reach),
                "conf_high": ratio * math.exp(min(reach, 700)),
                "conf_level": level,
                "interval_method": "gamma-Poisson, Wald, log scale",
                "test": "Wald, gamma-Poisson",
                "alternative": str(settings["alternative"]),
                "test_statistic": z,
                "p_value": normal_p_value(z, str(settings["alternative"])),
            }
        note = "" if ratio > 0 else "There is no event after."
        yield row(
            statistic="rate_ratio",
            term=f"corrected, {term}",
            estimate=ratio,
            note=note,
            **fields,
        )
    yield _shape_row(row, own, at_least, settings)


def _shape_row(
    row: partial, own: Counts, at_least: int, settings: Mapping[str, object]
) -> Estimate:
    """Return the most likely shape within the range, with its profile interval."""
    grid = shape_grid(settings)
    level = float(settings["conf_level"])
    value = shape_profile(own.before, own.after, own.times, at_least, grid)
    best = int(np.argmax(value.log_likelihood))
    allowed = float(chdtri(1, 1 - level)) / 2
    inside = value.log_likelihood >= value.log_likelihood[best] - allowed
    held = grid[inside]
    ends = ("below", grid[0], inside[0]), ("above", grid[-1], inside[-1])
    open_ends = [f"{word} {end:g}" for word, end, there in ends if there]
    note = "Read off a grid of shapes."
    if open_ends:
        note += f" The counts do not rule out shapes {' or '.join(open_ends)}."
    return row(
        statistic="shape",
        estimate=float(grid[best]),
        conf_low=0.0 if inside[0] else float(held[0]),
        conf_high=INF if inside[-1] else float(held[-1]),
        conf_level=level,
        interval_method="profile likelihood",
        note=note,
    )


def _shape_name(shape: float) -> str:
    return COMMON if shape == INF else f"shape {shape:g}"


def _curves(
    label: str, own: Counts, settings: Mapping[str, object], at_least: int
) -> Iterator[dict[str, object]]:
    grid = shape_grid(settings)
    if not own.n:
        return
    name = label or "all patients"
    profile = shape_profile(own.before, own.after, own.times, at_least, grid)
    yield from points(name, "reduction", grid, profile.expected.reduction)
    relative = np.exp(profile.log_likelihood - profile.log_likelihood.max())
    yield from points(name, "likelihood", grid, relative)
    seen = 1 - float(own.after.sum() / (own.before * own.times).sum())
    yield from points(name, "observed", [NAN], [seen])
    shape_free = hauer(own.before, at_least) * own.times
    value = 1 - float(shape_free.sum() / (own.before * own.times).sum())
    yield from points(name, "shape-free", [NAN], [value])
