"""Competing risks: incidence by cause, Gray's test, and models of both hazards.

A patient leaves by the event of interest, by an event that prevents it (death before
graft loss), or censored. The cumulative incidence is the share who have had the event;
1 - Kaplan-Meier with the other events censored overstates it. Hazards of one cause are
compared by Cox regression with the others censored, incidences by Gray's test and the
subdistribution hazard of Fine and Gray.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.methods.kaplan_meier import ticks
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.survival.competing_models import model_rows
from reanalysis.survival.competing_patients import curve_of, read
from reanalysis.survival.incidence_rows import rows_of_group
from reanalysis.survival.incidence_tests import comparisons
from reanalysis.survival.risk_sets import Floats, Ints


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate incidences of every cause, compare groups, and fit both models.

    ``options.causes`` says which codes of the role ``cause`` are censored, of
    ``interest`` (taken together) and ``competing``; ``options.times`` asks for
    incidences at these times. Rows of the cause of interest come first.
    """
    try:
        data = read(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="cumulative_incidence", note=str(problem))]
    rows: list[Estimate] = []
    for label, members in data.members.items():
        rows += rows_of_group(label, members, sample, settings)
    if len(data.labels) > 1:
        rows += comparisons(data, settings)
    return [*rows, *model_rows(sample, data, settings)]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return the steps of every cause with 1 - Kaplan-Meier, and the risk table.

    Columns of ``incidence``: cause, group, time, incidence, its limits and
    ``one_minus_km``. In ``risk`` events and censorings are those before the tick.
    """
    try:
        data = read(sample, settings)
    except MethodError:
        return {}
    groups = data.members
    if data.labels:
        del groups[""]
    groups = {label: own for label, own in groups.items() if own.time.size}
    if not groups:
        return {}
    at = ticks(max(float(own.time.max()) for own in groups.values()), sample.time_unit)
    steps, risks = [], []
    for label, own in groups.items():
        for cause in data.causes:
            curve = curve_of(own, cause, settings, estimator="aalen-johansen")
            naive = curve_of(own, cause, settings, estimator="one-minus-kaplan-meier")
            known = np.isfinite(curve.conf_low)
            low = np.where(known, curve.conf_low, curve.incidence)
            high = np.where(known, curve.conf_high, curve.incidence)
            at_steps = np.append(curve.times, curve.last)

            def to_the_end(values: Floats) -> Floats:
                return np.concatenate(
                    [[0.0], values, values[-1:] if values.size else [0.0]]
                )

            steps.append(
                pd.DataFrame(
                    {
                        "cause": data.names[cause - 1],
                        "group": label,
                        "time": np.append(0.0, at_steps),
                        "incidence": to_the_end(curve.incidence),
                        "conf_low": to_the_end(low),
                        "conf_high": to_the_end(high),
                        "one_minus_km": [0.0, *map(naive.value, at_steps)],
                    }
                )
            )
        before = partial(_before, at)
        risks.append(
            pd.DataFrame(
                {
                    "group": label,
                    "time": at,
                    "at_risk": own.time.size - before(own.time),
                    "events": before(own.time[own.cause == 1]),
                    "competing": before(own.time[own.cause > 1]),
                    "censored": before(own.time[own.cause == 0]),
                }
            )
        )
    return {
        "incidence": pd.concat(steps, ignore_index=True),
        "risk": pd.concat(risks, ignore_index=True),
    }


def _before(times: Floats, moments: Floats) -> Ints:
    return np.searchsorted(np.sort(moments), times * (1 - 1e-9))
