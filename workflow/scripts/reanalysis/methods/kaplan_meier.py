"""Survival curves: probabilities, medians, restricted means, numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate, joined
from reanalysis.sample import Sample
from reanalysis.survival import restricted_means
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints, follow_up, group_codes
from reanalysis.survival.survival_bands import Band, confidence_band
from reanalysis.survival.survival_curve import (
    BETA_PRODUCT,
    Curve,
    RestrictedMean,
    first_time,
    median,
    normal_fields,
    product_limit,
    restricted_mean,
)


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate the curve of each group and of all patients together.

    ``options.times`` asks for survival and numbers at risk at these times,
    ``options.tau`` (else ``settings``) for the horizon of the restricted mean.
    """
    try:
        groups = _groups(sample)
    except MethodError as problem:
        return [Estimate(statistic="median_survival", note=str(problem))]
    tau = _horizon(sample, settings, groups)
    means = {}
    rows: list[Estimate] = []
    for label, members in groups.items():
        if not members.stop.size:
            note = "There are no patients in this group."
            rows.append(
                Estimate(
                    statistic="median_survival", group=label, n=0, events=0, note=note
                )
            )
            continue
        curve = _curve(members, settings)
        means[label] = restricted_mean(curve, tau)
        row = partial(Estimate, group=label, n=members.n, events=members.events)
        unit = sample.time_unit or sample.unit
        rows += [
            row(statistic="n", estimate=members.n),
            row(statistic="events", estimate=members.events),
            row(statistic="person_time", estimate=members.person_time, unit=unit),
            _median_row(row, "median_survival", curve, settings, unit),
            _follow_up_row(row, members, settings, unit),
            _mean_row(row, means[label], curve, settings, unit),
            *_rows_at(row, members, curve, sample, settings),
        ]
    reference = sample.groups[-1] if sample.groups else ""
    for label in sample.groups[:-1]:
        if label in means and reference in means:
            pair = partial(
                Estimate,
                group=label,
                reference=reference,
                n=groups[label].n + groups[reference].n,
                events=groups[label].events + groups[reference].events,
                unit=sample.time_unit or sample.unit,
            )
            rows.append(_difference_row(pair, means[label], means[reference], settings))
    return rows


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return the steps, the censored times and the risk table of each group.

    In ``risk`` events and censorings are those before the tick, so that they add
    up with those at risk to all who entered.
    """
    try:
        groups = _groups(sample)
    except MethodError:
        return {}
    if sample.groups:
        del groups[""]
    groups = {label: rows for label, rows in groups.items() if rows.stop.size}
    if not groups:
        return {}
    last = max(rows.stop.max() for rows in groups.values())
    at = ticks(float(last), sample.time_unit)
    curves, marks, risks = [], [], []
    for label, rows in groups.items():
        curve = _curve(rows, settings)
        # At 1 a curve has no limits on most scales; they start there all the same.
        first = curve.survival == 1
        low, high = (
            np.where(first & np.isnan(limit), 1.0, limit)
            for limit in (curve.conf_low, curve.conf_high)
        )
        opening = [1.0 if math.isnan(limit) else limit for limit in curve.opening]
        steps = pd.DataFrame(
            {
                "group": label,
                "time": np.append(0.0, curve.times),
                "survival": np.append(1.0, curve.survival),
                "conf_low": np.append(opening[0], low),
                "conf_high": np.append(opening[1], high),
            }
        )
        band = _band(curve, rows, settings)
        if isinstance(band, Band):
            steps["band_low"] = np.append(NAN, band.conf_low)
            steps["band_high"] = np.append(NAN, band.conf_high)
        curves.append(steps)
        censored = np.unique(rows.stop[rows.censored])
        marks.append(
            pd.DataFrame(
                {"group": label, "time": censored, "survival": curve.value(censored)}
            )
        )
        risks.append(
            pd.DataFrame(
                {
                    "group": label,
                    "time": at,
                    "at_risk": rows.at_risk(at),
                    "events": _before(at, rows.stop[rows.event]),
                    "censored": _before(at, rows.stop[rows.censored]),
                }
            )
        )
    return {
        name: pd.concat(frames, ignore_index=True)
        for name, frames in (("curve", curves), ("censored", marks), ("risk", risks))
    }


def ticks(last: float, time_unit: str = "") -> Floats:
    """Return about six round times from 0 to at most ``last``.

    Months count by quarters, half years and whole years.
    """
    scale = 10.0 ** math.floor(math.log10(last)) if last > 0 else 1.0
    steps = [scale * step for step in (0.1, 0.2, 0.25, 0.5, 1, 2)]
    if time_unit.lower().startswith("month") and last >= 12:
        steps = [3, 6, 12, 24, 36, 60, 120]
    step = min(steps, key=lambda step: abs(math.floor(last / step + 1e-9) - 5))
    return step * np.arange(math.floor(last / step + 1e-9) + 1)


def _groups(sample: Sample) -> dict[str, FollowUp]:
    """Follow-up by group, in order, and of all patients together under ""."""
    rows = follow_up(sample)
    code = group_codes(sample)
    groups = {label: rows[code == k] for k, label in enumerate(sample.groups)}
    return groups | {"": rows[code >= 0] if sample.groups else rows}


def _curve(rows: FollowUp, settings: Mapping[str, object]) -> Curve:
    return product_limit(
        rows,
        interval=str(settings["interval"]),
        conf_level=float(settings["conf_level"]),
        seed=int(settings["seed"]),
    )


def _band(
    curve: Curve, rows: FollowUp, settings: Mapping[str, object]
) -> Band | str | None:
    """Return the band that is asked for, or why there is none."""
    if settings["band"] == "none":
        return None
    try:
        return confidence_band(
            curve,
            rows,
            kind=str(settings["band"]),
            transform=str(settings["band_transform"]),
            conf_level=float(settings["conf_level"]),
            seed=int(settings["seed"]),
        )
    except MethodError as problem:
        return str(problem)


def _horizon(
    sample: Sample, settings: Mapping[str, object], groups: Mapping[str, FollowUp]
) -> float:
    asked = sample.options.get("tau") or settings["tau"]
    last = (float(rows.stop.max()) for rows in groups.values() if rows.stop.size)
    return float(asked) if asked else min(last, default=NAN)


def _median_row(
    row: Callable[..., Estimate],
    statistic: str,
    curve: Curve,
    settings: Mapping[str, object],
    unit: str,
) -> Estimate:
    found = median(curve, str(settings["median_rule"]))
    last = float(curve.times[-1])
    if found.open_stretch:
        note = f"the curve stays at exactly one half to the last follow-up at {last:g}"
    elif math.isnan(found.time):
        note = f"not reached: above one half to the last follow-up at {last:g}"
    elif math.isnan(found.conf_low) and math.isnan(found.conf_high):
        note = "the interval has no limits"
    elif math.isnan(found.conf_high):
        note = "upper limit not reached"
    else:
        note = ""
    return row(
        statistic=statistic,
        estimate=found.time,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=settings["conf_level"],
        interval_method=f"Brookmeyer-Crowley, {settings['interval']}",
        unit=unit,
        note=joined(note, _exhausted(curve)),
    )


def _follow_up_row(
    row: Callable[..., Estimate],
    members: FollowUp,
    settings: Mapping[str, object],
    unit: str,
) -> Estimate:
    # Reverse Kaplan-Meier (Schemper and Smith 1996): the end of follow-up is the
    # event, an event the censoring.
    if not members.censored.any():
        note = "nobody was censored, so that the reverse curve has no median"
        return row(statistic="follow_up_median", unit=unit, note=note)
    reverse = replace(members, event=members.censored)
    return _median_row(
        row, "follow_up_median", _curve(reverse, settings), settings, unit
    )


def _mean_row(
    row: Callable[..., Estimate],
    found: RestrictedMean,
    curve: Curve,
    settings: Mapping[str, object],
    unit: str,
) -> Estimate:
    last = float(curve.times[-1])
    carried = found.tau > last and curve.survival[-1] > 0
    return row(
        statistic="restricted_mean",
        estimate=found.mean,
        timepoint=found.tau,
        time_unit=unit,
        unit=unit,
        note=joined(
            f"carried forward from the last follow-up at {last:g}" if carried else "",
            "" if found.std_error else "no variation before the horizon",
            _exhausted(curve),
        ),
        **normal_fields(found.mean, found.std_error, float(settings["conf_level"])),
    )


def _difference_row(
    row: Callable[..., Estimate],
    group: RestrictedMean,
    reference: RestrictedMean,
    settings: Mapping[str, object],
) -> Estimate:
    found = restricted_means.difference(group, reference, float(settings["conf_level"]))
    flat = math.isnan(found.std_error)
    return row(
        statistic="restricted_mean_difference",
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=settings["conf_level"],
        interval_method="Wald",
        timepoint=group.tau,
        time_unit=row.keywords["unit"],
        test="Wald",
        alternative="two-sided",
        test_statistic=found.z,
        p_value=found.p_value,
        note="a group has no variation before the horizon" if flat else "",
    )


def _rows_at(
    row: Callable[..., Estimate],
    members: FollowUp,
    curve: Curve,
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    times = [float(t) for t in sample.options.get("times", ())]
    unit = sample.time_unit or sample.unit
    last = float(curve.times[-1])
    counts = members.at_risk(np.array(times))
    band = _band(curve, members, settings)
    exact = settings["interval"] in BETA_PRODUCT
    for time, step, count in zip(times, curve.at(times), counts, strict=True):
        at = partial(row, timepoint=time, time_unit=unit)
        survival = float(curve.survival[step]) if step >= 0 else 1.0
        low, high = curve.limits(int(step))
        if survival == 1 and settings["interval"] in ("plain", "log"):
            # As R has it: no width on these scales, no limits on the others.
            low = high = 1.0
        beyond = time > last * (1 + 1e-9)
        notes = [
            f"beyond the last follow-up at {last:g}" if beyond and survival else "",
            "no event by this time" if survival == 1 else "",
            "no limits where the curve is 0" if not survival and high != high else "",
            "" if survival else _exhausted(curve),
            "no beta product limits with late entry" if exact and low != low else "",
        ]
        error = float(curve.log_error[step]) if 0 < survival < 1 else 0.0
        yield at(
            statistic="survival_probability",
            estimate=survival,
            std_error=survival * error if survival else NAN,
            conf_low=low,
            conf_high=high,
            conf_level=settings["conf_level"],
            interval_method=settings["interval"],
            unit="proportion",
            note=joined(*notes),
        )
        if band is not None:
            yield _band_row(at, band, time, int(step), survival, settings)
        yield at(statistic="number_at_risk", estimate=int(count))


def _band_row(
    row: Callable[..., Estimate],
    band: Band | str,
    time: float,
    step: int,
    survival: float,
    settings: Mapping[str, object],
) -> Estimate:
    named = f"{settings['band']} band, {settings['band_transform']}"
    of = partial(row, statistic="survival_band", unit="proportion", estimate=survival)
    if isinstance(band, str):
        return of(interval_method=named, note=band)
    # Measured in docs/small_samples/survival.md.
    short = settings["band"] != "hall-wellner" and row.keywords["n"] <= 40
    inside = band.first <= time * (1 + 1e-9) and time <= band.last * (1 + 1e-9)
    if not inside:
        note = f"the band holds from {band.first:g} to {band.last:g}"
        return of(interval_method=named, note=note)
    return of(
        conf_low=float(band.conf_low[step]),
        conf_high=float(band.conf_high[step]),
        conf_level=settings["conf_level"],
        interval_method=named,
        note=joined(
            f"holds from {band.first:g} to {band.last:g} at once; critical value "
            f"{band.critical:.4g}",
            "covers less often than it says in a group this small" if short else "",
        ),
    )


def _exhausted(curve: Curve) -> str:
    # With late entry a first risk set may be emptied before the others enter.
    zero = first_time(curve.times, curve.survival == 0)
    if not zero < curve.times[-1]:
        return ""
    return f"the curve falls to 0 at {zero:g}, before the last patients enter"


def _before(times: Floats, moments: Floats) -> Ints:
    return np.searchsorted(np.sort(moments), times)
