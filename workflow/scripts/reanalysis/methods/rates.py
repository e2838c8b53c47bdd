"""Rates of events per unit of observation time, their ratio and its tests.

Events are taken as Poisson counts. Given their total, the events of the first
group are binomial, which makes intervals and tests of the ratio exact
(Przyborowski and Wilenski 1940).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.events.poisson_rates import (
    INF,
    RATE_INTERVALS,
    RATE_TESTS,
    RATIO_INTERVAL_NAMES,
    rate_ratio_interval,
    rate_test,
)
from reanalysis.methods.proportions import (
    NO_WIDTH,
    fields_of_test,
    group_masks,
    whole_numbers,
)
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.tables.binomial import (
    HypothesisTest,
)


@dataclass(frozen=True, slots=True)
class Observed:
    """Events and observation time of a group, with the printed time's rounding."""

    count: int
    exposure: float
    exposure_low: float
    exposure_high: float
    patients: float
    repeated: bool

    @property
    def exposures(self) -> list[float]:
        """Return the exposure itself, then a grid over its rounding interval."""
        if self.exposure_low == self.exposure_high:
            return [self.exposure]
        grid = np.linspace(self.exposure_low, self.exposure_high, 5)
        return [self.exposure, *grid.tolist()]

    @property
    def note(self) -> str:
        """Say that repeated events of a patient are not independent."""
        if not self.repeated:
            return ""
        return "Treats repeated events of a patient as independent."


def _individual(sample: Sample) -> tuple[NDArray, NDArray]:
    """Return the events and the observation time of every row."""
    rows = sample.rows
    if sample.has("count"):
        if not sample.has("exposure"):
            raise MethodError("Counts need an exposure.")
        return whole_numbers(rows["count"], "count"), rows["exposure"].to_numpy(float)
    end = "stop" if sample.has("start", "stop") else "time"
    if not sample.has(end, "event"):
        raise MethodError("Rates need events with the time they were observed.")
    exposure = rows[end].to_numpy(float)
    if sample.has("start"):
        exposure = exposure - rows["start"].to_numpy(float)
    return whole_numbers(rows["event"], "event"), exposure


def _observed(sample: Sample) -> Iterator[tuple[str, Observed]]:
    """Yield the events and the observation time of each group and of all."""
    count, exposure = _individual(sample)
    if not np.isfinite(exposure).all() or (exposure < 0).any():
        raise MethodError("Observation times must be numbers that are not negative.")
    rows = sample.rows
    low = high = exposure
    patients = np.ones(len(rows))
    if sample.kind == "summary":
        if sample.has("exposure_low", "exposure_high"):
            low = rows["exposure_low"].to_numpy(float)
            high = rows["exposure_high"].to_numpy(float)
        patients = rows["n"].to_numpy(float) if sample.has("n") else patients * NAN
        several = count > patients
    elif sample.has("id"):
        codes, ids = pd.factorize(rows["id"])
        several = np.bincount(codes, weights=count, minlength=len(ids))[codes] > 1
        # Each patient is counted once, at the first of the rows.
        patients = (~rows["id"].duplicated()).to_numpy(float)
    else:
        several = count > 1
    for group, mask in group_masks(sample):
        yield (
            group,
            Observed(
                int(count[mask].sum()),
                float(exposure[mask].sum()),
                float(low[mask].sum()),
                float(high[mask].sum()),
                float(patients[mask].sum()),
                bool(several[mask].any()),
            ),
        )


def _range(values: list[float]) -> tuple[float, float] | None:
    return None if any(map(math.isnan, values)) else (min(values), max(values))


def _ranges(
    versions: list[dict[str, float]],
) -> dict[str, tuple[float, float]]:
    """Return smallest and largest value of each field over the versions of it."""
    if len(versions) < 2:
        return {}
    spans = {name: _range([v[name] for v in versions]) for name in versions[0]}
    return {name: span for name, span in spans.items() if span}


def _per(sample: Sample) -> tuple[float, str]:
    """Return the amount of time a rate refers to, and the unit of the rate."""
    per = float(sample.options.get("per", 1))
    if not (math.isfinite(per) and per > 0):
        raise MethodError("The option 'per' must be a positive number.")
    amount = "" if per == 1 else f"{per:g} "
    unit = f"{amount}{sample.time_unit}".strip()
    return per, f"per {unit}" if unit else ""


def rate_rows(
    seen: Observed,
    sample: Sample,
    settings: Mapping[str, object],
    *,
    group: str = "",
    term: str = "",
) -> list[Estimate]:
    """Return events, observation time and rate of one group."""
    per, unit = _per(sample)
    shared = {"group": group, "term": term, "n": seen.patients, "events": seen.count}
    ranges = {}
    if seen.exposure_low < seen.exposure_high:
        ranges = {"estimate": (seen.exposure_low, seen.exposure_high)}
    result = [
        Estimate(statistic="events", estimate=seen.count, **shared),
        Estimate(statistic="count", estimate=seen.count, **shared),
        Estimate(
            statistic="person_time",
            estimate=seen.exposure,
            unit=sample.time_unit,
            ranges=ranges,
            **shared,
        ),
    ]
    if seen.exposure <= 0:
        note = "There is no observation time."
        return [*result, Estimate(statistic="rate", note=note, **shared)]
    level = float(settings["conf_level"])
    name, function, _ = RATE_INTERVALS[str(settings["interval"])]
    mean_low, mean_high = function(seen.count, level)
    note = seen.note
    if math.isnan(mean_low):
        note = f"{note} The log interval is undefined without events.".strip()
        level, name = NAN, ""
    elif mean_high == 0:
        note = NO_WIDTH
    versions = [
        {
            "estimate": seen.count / exposure * per,
            "conf_low": mean_low / exposure * per,
            "conf_high": mean_high / exposure * per,
        }
        for exposure in seen.exposures
    ]
    result.append(
        Estimate(
            statistic="rate",
            std_error=math.sqrt(seen.count) / seen.exposure * per,
            conf_level=level,
            interval_method=name,
            unit=unit,
            note=note,
            ranges=_ranges(versions),
            **versions[0],
            **shared,
        )
    )
    return result


def comparison_rows(
    first: Observed,
    second: Observed,
    settings: Mapping[str, object],
    *,
    group: str = "",
    reference: str = "",
    note: str = "",
    patients: float = NAN,
) -> list[Estimate]:
    """Return the rate ratio, the reductions and the tests of two groups."""
    shared = {
        "group": group,
        "reference": reference,
        "n": patients,
        "events": first.count + second.count,
    }
    notes = [note] if note else [first.note or second.note]
    if first.exposure <= 0 or second.exposure <= 0:
        notes.append("A group has no observation time.")
        note = " ".join(filter(None, notes))
        return [Estimate(statistic="rate_ratio", note=note, **shared)]
    level = float(settings["conf_level"])
    kind = RATE_INTERVALS[str(settings["interval"])][2]
    alternative = str(settings.get("alternative", "two-sided"))
    primary = str(settings["test"])
    tests = [primary, *(t for t in RATE_TESTS if t != primary)]

    exposures = list(product(first.exposures, second.exposures))
    if len(exposures) > 1 and first.count and second.count:
        # The p-value is largest where the rates are equal, if rounding allows it.
        for e1 in first.exposures:
            e2 = e1 * second.count / first.count
            if second.exposure_low <= e2 <= second.exposure_high:
                exposures.append((e1, e2))
    ratios, reductions = [], []
    outcomes: dict[str, list[HypothesisTest]] = {t: [] for t in tests}
    for e1, e2 in exposures:
        counts = (first.count, e1, second.count, e2)
        ratio = NAN
        if second.count:
            ratio = first.count / e1 * e2 / second.count
        elif first.count:
            ratio = INF
        low, high = rate_ratio_interval(*counts, level, kind)
        ratios.append({"estimate": ratio, "conf_low": low, "conf_high": high})
        reductions.append(
            {
                "estimate": 1 - ratio if ratio < INF else NAN,
                "conf_low": 1 - high,
                "conf_high": 1 - low,
            }
        )
        for test in tests:
            outcomes[test].append(rate_test(*counts, alternative, test))

    def p_ranges(test: str) -> dict[str, tuple[float, float]]:
        return _ranges(
            [
                {"p_value": o.p_value, "test_statistic": o.statistic}
                for o in outcomes[test]
            ]
        )

    ratio = ratios[0]["estimate"]
    if math.isnan(ratio):
        notes.append("Neither group has an event: the ratio is undefined.")
    elif second.count == 0:
        notes.append("The reference has no event.")
    elif first.count == 0:
        notes.append("The first group has no event.")
    limits = {"conf_level": level, "interval_method": RATIO_INTERVAL_NAMES[kind]}
    if math.isnan(ratios[0]["conf_low"]):
        limits = {}
    note = " ".join(filter(None, notes))
    main = {**fields_of_test(outcomes[primary][0]), "note": note}
    result = [
        Estimate(
            statistic="rate_ratio",
            ranges={**_ranges(ratios), **p_ranges(primary)},
            **ratios[0],
            **limits,
            **main,
            **shared,
        ),
        Estimate(
            statistic="rate_reduction",
            unit="proportion",
            ranges=_ranges(reductions),
            note=note,
            **reductions[0],
            **limits,
            **shared,
        ),
        Estimate(
            statistic="percent_reduction",
            term="counts",
            estimate=1 - first.count / second.count if second.count else NAN,
            unit="proportion",
            note="Of the numbers of events, whatever the observation time."
            if second.count
            else "The reference has no event.",
            **shared,
        ),
    ]
    for test in tests:
        fields = fields_of_test(outcomes[test][0])
        fields["note"] = " ".join(filter(None, [notes[0], str(fields["note"])]))
        result.append(
            Estimate(statistic="test", ranges=p_ranges(test), **fields, **shared)
        )
    return result


def _before_after(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return rows for patients counted before and after; totals are compared."""
    rows = sample.rows
    exposure = sample.options.get("exposure", 1)
    if not isinstance(exposure, Mapping):
        exposure = {"before": exposure, "after": exposure}
    if not all(math.isfinite(e) and e > 0 for e in map(float, exposure.values())):
        raise MethodError("The option 'exposure' must be a positive number.")
    count = {c: whole_numbers(rows[c], c) for c in ("before", "after")}
    result = []
    for group, mask in group_masks(sample):
        n = int(mask.sum())
        seen = {}
        for term, counts in count.items():
            time = float(exposure[term]) * n
            several = bool((counts[mask] > 1).any())
            seen[term] = Observed(int(counts[mask].sum()), *[time] * 3, n, several)
            result += rate_rows(seen[term], sample, settings, group=group, term=term)
        result += comparison_rows(
            seen["after"],
            seen["before"],
            settings,
            group=group,
            note="Compares the totals as if all events were independent.",
            patients=n,
        )
    return result


def _groups(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rate of each group and each ratio to the reference."""
    seen = dict(_observed(sample))
    result = []
    for group, observed in seen.items():
        result += rate_rows(observed, sample, settings, group=group)
    reference = sample.reference or (sample.groups[-1] if sample.groups else "")
    for group in sample.groups:
        if group == reference:
            continue
        compared = comparison_rows(
            seen[group],
            seen[reference],
            settings,
            group=group,
            reference=reference,
            patients=seen[group].patients + seen[reference].patients,
        )
        if sample.kind == "individual":
            compared = _over_patients(sample, group, reference, settings, compared)
        result += compared
    return result


def _over_patients(
    sample: Sample,
    group: str,
    reference: str,
    settings: Mapping[str, object],
    compared: list[Estimate],
) -> list[Estimate]:
    """Put what patients' own counts add beside the comparison of the totals.

    The model or the pairs asked for take the place of the ratio of totals; the exact
    permutation of the patients stands below.
    """
    from reanalysis.events.rate_comparisons import (
        model_rows,
        pair_rows,
        patient_counts,
        permutation_row,
    )

    patients = patient_counts(sample, *_individual(sample), group, reference)
    shared = {
        "group": group,
        "reference": reference,
        "n": patients.n,
        "events": int(patients.count.sum()),
    }
    instead: list[Estimate] = []
    if patients.pair is not None and settings.get("pairs") == "as_declared":
        instead = pair_rows(patients, settings, shared)
    elif settings.get("model", "poisson") != "poisson":
        instead = model_rows(patients, settings, shared)
    if instead:
        replaced = {"rate_ratio", "rate_reduction"}
        compared = [
            *instead,
            *(row for row in compared if row.statistic not in replaced),
        ]
    return [*compared, *permutation_row(patients, settings, shared)]


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate event rates by group and overall, and their ratios.

    ``settings``: ``interval`` of a rate (and the one of a ratio that goes with
    it), primary ``test``, ``alternative``; ``model`` of the ratio (poisson,
    poisson-robust, quasi-poisson, negative-binomial, negative-binomial-fixed) and
    whether ``pairs`` are compared within (as_declared, never). ``options["per"]`` is
    the amount of time a rate refers to; ``options["exposure"]`` the observation time
    of one patient before and after (a number, or a number for each).
    """
    rows = _before_after if sample.has("before", "after") else _groups
    try:
        return rows(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="rate", note=str(problem))]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no table: the estimates are all there is to draw."""
    return {}
