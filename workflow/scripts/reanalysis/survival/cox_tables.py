"""What the figures of a Cox model draw: its likelihood, and residuals over time."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from scipy.special import ndtri

from reanalysis.errors import MethodError
from reanalysis.survival.cox_model import Model
from reanalysis.survival.likelihood_profile import profile
from reanalysis.survival.proportional_hazards import (
    schoenfeld_residuals,
    score_tests,
    smooth,
)

#: Deaths below which residuals are drawn without a smooth line.
FEWEST_SMOOTHED = 15


def likelihood_tables(
    model: Model, shown: Sequence[int], conf_level: float
) -> dict[str, pd.DataFrame]:
    """Return ``likelihood`` and ``limits`` of the columns ``shown``.

    Nothing under probability weights, which leave no likelihood.
    """
    curves, limits = [], []
    wald = "robust" if model.robust else "wald"
    for j in () if model.weighted else shown:
        name = str(model.columns[j])
        variance = float(model.covariance[j, j]) if model.robust else None
        try:
            found = profile(model.likelihood, model.maximum, j, conf_level, variance)
        except MethodError:
            continue
        curves.append(
            pd.DataFrame(
                {
                    "column": name,
                    "coefficient": found.coefficient,
                    "partial": found.partial,
                    "penalised": found.penalised,
                    wald: found.wald,
                }
            )
        )
        for curve, (b, low, high) in found.limits.items():
            limits.append(
                {
                    "column": name,
                    "curve": wald if curve == "wald" else curve,
                    "estimate": b,
                    "low": low,
                    "high": high,
                    "cut": found.cut,
                }
            )
    if not curves:
        return {}
    return {"likelihood": pd.concat(curves), "limits": pd.DataFrame(limits)}


def residual_tables(
    model: Model, shown: Sequence[int], conf_level: float, scale: str
) -> dict[str, pd.DataFrame]:
    """Return ``residuals`` of the columns ``shown`` and, of many deaths, ``smooth``.

    Nothing where the data cannot tell a change over time.
    """
    if scale == "none" or model.maximum.infinite.any() or model.weighted:
        return {}
    try:
        at = model.scaled_times(scale)
        score_tests(model.likelihood, model.maximum, at, [shown])
    except MethodError:
        return {}
    found = schoenfeld_residuals(model.likelihood, model.maximum)
    g = model.scaled_times(scale, found.time)
    points, lines = [], []
    for j in shown:
        name, value = str(model.columns[j]), found.value[:, j]
        constant = float(model.maximum.coefficient[j])
        table = {"column": name, "time": found.time, "value": value,
                 "estimate": constant}  # fmt: skip
        points.append(pd.DataFrame(table))
        if len(g) < FEWEST_SMOOTHED:
            continue
        try:
            line, error = smooth(g, value, g, float(found.variance[j]))
        except MethodError:
            continue
        reach = float(ndtri((1 + conf_level) / 2)) * error
        table = {"column": name, "time": found.time, "line": line,
                 "low": line - reach, "high": line + reach}  # fmt: skip
        lines.append(pd.DataFrame(table).drop_duplicates("time"))
    tables = {"residuals": pd.concat(points)}
    return tables | ({"smooth": pd.concat(lines)} if lines else {})
