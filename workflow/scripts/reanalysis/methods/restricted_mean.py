"""Restricted means: of each group, their differences and ratios."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival import restricted_means
from reanalysis.survival.restricted_means import Contrast, Permutation
from reanalysis.survival.risk_sets import FollowUp, follow_up, group_codes
from reanalysis.survival.survival_curve import (
    Curve,
    RestrictedMean,
    normal_fields,
    product_limit,
    restricted_mean,
)

#: Beyond this many patients the permutation test is made only when asked for.
BESIDE_LIMIT = 100
#: A Wald test of a group up to this size is said to reject too often; measured in
#: docs/small_samples/survival.md.
SMALL = 15

_FLAT = "a group has no variation before the horizon"
_SMALL = "the normal approximation rejects too often in groups this small"


@dataclass(frozen=True, slots=True)
class _Group:
    label: str
    rows: FollowUp
    mean: RestrictedMean | None
    note: str


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate each group's restricted mean and compare the groups with the reference.

    ``options.tau`` (else ``settings``) is the horizon; without one it is found by
    ``settings["horizon"]``. Up to 100 patients the permutation p-value of a
    difference stands beside the one in the primary row.
    """
    try:
        rows = follow_up(sample)
        code = group_codes(sample)
        members = {"": rows}
        if sample.groups:
            members = {label: rows[code == k] for k, label in enumerate(sample.groups)}
        tau = _horizon(sample, settings, members)
    except MethodError as problem:
        return [Estimate(statistic="restricted_mean", note=str(problem))]
    unit = sample.time_unit or sample.unit
    groups = [_of(label, own, tau, settings) for label, own in members.items()]
    found = [_mean_row(group, tau, unit, settings) for group in groups]
    for group in groups[:-1]:
        found += _compared(group, groups[-1], tau, unit, settings)
    return found


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return nothing: the comparisons are drawn as a forest."""
    return {}


def _horizon(
    sample: Sample, settings: Mapping[str, object], members: Mapping[str, FollowUp]
) -> float:
    asked = sample.options.get("tau") or settings["tau"]
    present = [rows for rows in members.values() if rows.stop.size]
    if not present:
        raise MethodError("There are no patients.")
    tau = float(asked or restricted_means.horizon(present, str(settings["horizon"])))
    if not tau > 0:
        raise MethodError("The horizon is at time 0.")
    return tau


def _of(
    label: str, rows: FollowUp, tau: float, settings: Mapping[str, object]
) -> _Group:
    if not rows.stop.size:
        return _Group(label, rows, None, "There are no patients in this group.")
    curve = product_limit(rows)
    beyond, note = str(settings["beyond"]), ""
    if _open(curve, tau):
        last = f"the last follow-up at {curve.times[-1]:g}"
        if beyond == "refuse":
            return _Group(label, rows, None, f"the horizon lies beyond {last}")
        note = f"carried forward from {last}"
        if beyond == "zero":
            note = f"taken as 0 from {last} on"
    found = restricted_mean(curve, tau, beyond)
    if not found.std_error:
        note = _joined(note, "no variation before the horizon")
    return _Group(label, rows, found, note)


def _open(curve: Curve, tau: float) -> bool:
    """Tell whether a curve ends above 0 before the horizon."""
    return bool(tau > curve.times[-1] * (1 + 1e-9) and curve.survival[-1] > 0)


def _mean_row(
    group: _Group, tau: float, unit: str, settings: Mapping[str, object]
) -> Estimate:
    row = partial(
        Estimate,
        statistic="restricted_mean",
        group=group.label,
        timepoint=tau,
        time_unit=unit,
        unit=unit,
        n=group.rows.n,
        events=group.rows.events,
        note=group.note,
    )
    if group.mean is None:
        return row()
    fields = normal_fields(
        group.mean.mean, group.mean.std_error, float(settings["conf_level"])
    )
    return row(estimate=group.mean.mean, **fields)


def _compared(
    group: _Group,
    reference: _Group,
    tau: float,
    unit: str,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    side = str(settings["alternative"])
    row = partial(
        Estimate,
        group=group.label,
        reference=reference.label,
        timepoint=tau,
        time_unit=unit,
        n=group.rows.n + reference.rows.n,
        events=group.rows.events + reference.rows.events,
        alternative=side,
    )
    unknown = [f"{g.label}: {g.note}" for g in (group, reference) if g.mean is None]
    if unknown:
        for statistic in ("restricted_mean_difference", "restricted_mean_ratio"):
            yield row(statistic=statistic, note="; ".join(unknown))
        return
    level = float(settings["conf_level"])
    own, other = group.mean, reference.mean
    wald = restricted_means.difference(own, other, level, side)
    first = settings["p_value"] == "permutation"
    n = row.keywords["n"]
    permuted: Permutation | None = None
    problem = ""
    if first or settings["interval"] == "permutation" or n <= BESIDE_LIMIT:
        try:
            permuted = _permuted(group, reference, tau, settings)
        except MethodError as refused:
            problem = str(refused)
    difference = partial(row, statistic="restricted_mean_difference", unit=unit)
    limits = _limits(wald, permuted, settings)
    known = wald.p_value == wald.p_value
    small = _SMALL if min(group.rows.n, reference.rows.n) <= SMALL else ""
    unlimited = ""
    if limits["conf_low"] != limits["conf_low"]:
        unlimited = problem or "the permutations give no finite limits"
        unlimited = unlimited if known else _FLAT
    asymptotic = difference(
        **limits,
        test="Wald",
        test_statistic=wald.z,
        p_value=wald.p_value,
        note=_joined(small if known else "", unlimited),
    )
    rows = [asymptotic]
    if permuted:
        fields = _permutation_fields(permuted, settings)
        fields["note"] = _joined(fields["note"], unlimited)
        rows.append(difference(**limits, **fields))
    elif first:
        rows.append(difference(**limits, test=_name(settings), note=problem))
    yield from rows[::-1] if first else rows
    yield _ratio_row(row, "restricted_mean_ratio", (own, other), level, small)
    yield _ratio_row(row, "time_lost_ratio", (own, other), level, small)


def _limits(
    wald: Contrast, permuted: Permutation | None, settings: Mapping[str, object]
) -> dict[str, object]:
    fields = {
        "estimate": wald.estimate,
        "std_error": wald.std_error,
        "conf_low": wald.conf_low,
        "conf_high": wald.conf_high,
        "conf_level": settings["conf_level"],
        "interval_method": "Wald",
    }
    if settings["interval"] != "permutation":
        return fields
    # The quantile of the studentised permutations in place of the normal one.
    reach = (permuted.quantile if permuted else NAN) * wald.std_error
    reach = reach if math.isfinite(reach) else NAN
    return fields | {
        "conf_low": wald.estimate - reach,
        "conf_high": wald.estimate + reach,
        "interval_method": "studentised permutation",
    }


def _permuted(
    group: _Group, reference: _Group, tau: float, settings: Mapping[str, object]
) -> Permutation:
    for own in (group.rows, reference.rows):
        if own.start is not None and (own.start.any() or own.n < own.stop.size):
            raise MethodError(
                "no permutation with late entry or several rows per patient"
            )
    sizes = group.rows.stop.size, reference.rows.stop.size
    beyond = str(settings["beyond"])
    return restricted_means.permutation_test(
        np.concatenate([group.rows.stop, reference.rows.stop]),
        np.concatenate([group.rows.event, reference.rows.event]),
        np.repeat([True, False], sizes),
        tau,
        beyond="zero" if beyond == "zero" else "extend",
        studentised=_studentised(settings),
        alternative=str(settings["alternative"]),
        conf_level=float(settings["conf_level"]),
        draws=int(settings["draws"]),
        seed=int(settings["seed"]),
    )


def _name(settings: Mapping[str, object]) -> str:
    return f"permutation, {'studentised ' * _studentised(settings)}difference"


def _studentised(settings: Mapping[str, object]) -> bool:
    # An interval needs the studentised statistic; its test is then the same one.
    return settings["interval"] == "permutation" or settings["permute"] == "studentised"


def _permutation_fields(
    permuted: Permutation, settings: Mapping[str, object]
) -> dict[str, object]:
    how = "exact" if permuted.exact else "Monte Carlo"
    notes = ["all " * permuted.exact + f"{permuted.allocations} allocations"]
    if settings["alternative"] == "two-sided":
        notes[0] += ", two-sided by absolute value"
    if permuted.short:
        share = f"{100 * permuted.short:.1f}" if permuted.short >= 0.001 else "<0.1"
        how_met = "taken as 0" if settings["beyond"] == "zero" else "carried forward"
        notes.append(
            f"in {share}% of them a group's follow-up ends before the horizon "
            f"({how_met})"
        )
    return {
        "test": f"{_name(settings)}, {how}",
        "p_value": permuted.p_value,
        "note": "; ".join(notes),
    }


def _ratio_row(
    row: partial[Estimate],
    statistic: str,
    means: tuple[RestrictedMean, RestrictedMean],
    level: float,
    note: str,
) -> Estimate:
    pairs = [(m.mean, m.std_error) for m in means]
    side = str(row.keywords["alternative"])
    if statistic == "time_lost_ratio":
        lost = (m.tau - m.mean for m in means)
        # What rounding leaves is nothing.
        lost = (
            t if t > 1e-12 * m.tau else 0.0 for t, m in zip(lost, means, strict=True)
        )
        pairs = [(t, m.std_error) for t, m in zip(lost, means, strict=True)]
        # A longer survival loses less time.
        side = {"less": "greater", "greater": "less"}.get(side, side)
    found = restricted_means.ratio(*pairs, level, side)
    if found.estimate != found.estimate:
        note = "no ratio: a group loses no time before the horizon"
        if statistic != "time_lost_ratio":
            note = "no ratio: a restricted mean is 0"
    elif found.p_value != found.p_value:
        note = _FLAT
    return row(
        statistic=statistic,
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=level,
        interval_method="log",
        test="Wald, log",
        test_statistic=found.z,
        p_value=found.p_value,
        note=note,
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
