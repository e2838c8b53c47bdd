"""Rows of effects with propensity weights and without any adjustment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.matching import matched_outcomes as outcomes
from reanalysis.matching.propensity import Propensity
from reanalysis.matching.propensity_weights import (
    ESTIMANDS,
    effective_size,
    left_out_scores,
    weighted_difference,
    weights,
)
from reanalysis.matching.set_effects import (
    cox_settings,
    fields_of,
    groups_of,
    main_statistic,
)
from reanalysis.methods import cox
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.tables.binomial import normal_p_value

UNADJUSTED = "unadjusted"
#: Larger samples get a sandwich instead of a jackknife, which it then equals.
JACKKNIFE_LIMIT = 100
#: One patient with a larger share of a group's weight is named.
LARGE_SHARE = 0.2


def weighted_effects(
    sample: Sample,
    settings: Mapping[str, object],
    treated: np.ndarray,
    score: Propensity,
) -> list[Estimate]:
    """Return the effect under every kind of propensity weight, and what it leaves."""
    rows, sizes = [], []
    left_out: list[np.ndarray] | str = []
    measured = not sample.has("time", "event") and sample.has(_outcome(sample))
    if measured and settings["variance"] == "jackknife" and _few(treated):
        try:
            left_out = left_out_scores(score, treated)
        except MethodError as error:
            left_out = str(error)
    for estimand, name in ESTIMANDS.items():
        w = weights(
            score.logit, treated, estimand,
            stabilised=bool(settings["stabilised"]),
        )  # fmt: skip
        notes = []
        for group, own in ((sample.groups[0], treated), (sample.reference, ~treated)):
            share = float(w[own].max() / w[own].sum())
            if share > max(LARGE_SHARE, 3 / int(own.sum())):
                notes.append(
                    f"One patient carries {100 * share:.0f} % of the weight of {group}."
                )
            sizes.append(
                Estimate(
                    statistic="effective_sample_size", estimate=effective_size(w[own]),
                    group=group, n=int(own.sum()), term=name,
                )
            )  # fmt: skip
        row = _weighted(sample, settings, treated, score, estimand, w, left_out)
        if row is not None:
            note = " ".join(filter(None, [row.note, *notes]))
            rows.append(replace(row, term=name, n=len(treated), note=note))
    return rows + sizes


def _z_test(z: float) -> dict[str, object]:
    """Return the fields of a two-sided Wald test."""
    return {
        "test": "Wald", "alternative": "two-sided", "test_statistic": z,
        "p_value": normal_p_value(z, "two-sided"),
    }  # fmt: skip


def _outcome(sample: Sample) -> str:
    return "event" if sample.has("event") else "value"


def _few(treated: np.ndarray) -> bool:
    return len(treated) <= JACKKNIFE_LIMIT


def _weighted(
    sample: Sample,
    settings: Mapping[str, object],
    treated: np.ndarray,
    score: Propensity,
    estimand: str,
    w: np.ndarray,
    left_out: list[np.ndarray] | str,
) -> Estimate | None:
    if sample.has("time", "event"):
        kept = sample.rows[["time", "event", "group"]].assign(weight=w)
        inner = replace(sample, rows=kept, covariates=())
        options = cox_settings(
            settings, variance="robust", p_value="wald", interval="wald"
        )
        row = cox.estimate(inner, options)[0]
        own = f"{row.note[:1].upper()}{row.note[1:]}." if row.note else ""
        return replace(row, note=f"The weights are taken as known. {own}".strip())
    if main_statistic(sample) == "standardized_mean_difference":
        return None
    binary = sample.has("event")
    y = sample.rows[_outcome(sample)].to_numpy(float)
    level, kind = float(settings["conf_level"]), str(settings["variance"])
    statistic = "risk_difference" if binary else "mean_difference"
    shared = {"statistic": statistic, "unit": "proportion" if binary else sample.unit}
    if kind == "jackknife" and not _few(treated):
        kind = "estimated"
    try:
        if isinstance(left_out, str):
            raise MethodError(left_out)
        found = weighted_difference(
            y,
            treated,
            score,
            estimand,
            variance=kind,
            level=level,
            left_out=left_out,
        )
    except MethodError as error:
        means = [float(w[own] @ y[own] / w[own].sum()) for own in (treated, ~treated)]
        return Estimate(
            estimate=means[0] - means[1], note=str(error), **shared, **groups_of(sample)
        )
    low, high = found.low, found.high
    if binary:
        low, high = max(low, -1.0), min(high, 1.0)
    t = found.estimate / found.std_error
    fields = _z_test(t)
    if kind == "jackknife":
        from scipy.special import stdtr

        df = float(min(treated.sum(), (~treated).sum()) - 1)
        fields |= {
            "test": "jackknife t",
            "df": df,
            "p_value": 2 * float(stdtr(df, -abs(t))),
        }
    return Estimate(
        estimate=found.estimate, std_error=found.std_error, conf_low=low,
        conf_high=high, conf_level=level, interval_method=found.method,
        **fields, **shared, **groups_of(sample),
    )  # fmt: skip


def unadjusted_effects(
    sample: Sample, settings: Mapping[str, object]
) -> list[Estimate]:
    """Return the effect of the same outcome without any adjustment."""
    rows, shared = sample.rows, {**groups_of(sample), "n": len(sample.rows)}
    if sample.kind == "summary" or not len(rows):
        return []
    mine = (rows["group"] == sample.groups[0]).to_numpy()
    level = float(settings["conf_level"])
    if main_statistic(sample) == "standardized_mean_difference":
        return []
    if mine.all() or not mine.any():
        return []
    if sample.has("time", "event"):
        inner = replace(sample, rows=rows[["time", "event", "group"]], covariates=())
        row = cox.estimate(inner, cox_settings(settings))[0]
        return [replace(row, term=UNADJUSTED)]
    one = np.zeros(len(rows), dtype=int)
    if sample.has("event"):
        event = rows["event"].to_numpy(int)
        shared["events"] = float(event.sum())
        try:
            ratio, test = outcomes.exact_odds_ratio(event, mine, one, level)
        except MethodError:
            note = "The outcome does not vary."
            return [
                Estimate(statistic="odds_ratio", term=UNADJUSTED, note=note, **shared)
            ]
        y = event.astype(float)
        fields = fields_of(test, one)
        finite = 0 < ratio.estimate < math.inf
        note = "" if finite else "A cell of the table is empty."
        row = Estimate(
            statistic="odds_ratio", estimate=ratio.estimate, conf_low=ratio.low,
            conf_high=ratio.high, conf_level=level, interval_method=ratio.method,
            term=UNADJUSTED, **{**fields, "test": "Fisher", "note": note}, **shared,
        )  # fmt: skip
        gap = float(y[mine].mean() - y[~mine].mean())
        difference = Estimate(
            statistic="risk_difference", estimate=gap, unit="proportion",
            term=UNADJUSTED, **shared,
        )  # fmt: skip
        return [row, difference]
    return [_welch(sample, mine, level, shared)]


def _welch(
    sample: Sample, mine: np.ndarray, level: float, shared: Mapping[str, object]
) -> Estimate:
    from reanalysis.measurements.means import moments, two_sample_t

    y = sample.rows["value"].to_numpy(float)
    row = Estimate(
        statistic="mean_difference", unit=sample.unit, term=UNADJUSTED,
        estimate=float(y[mine].mean() - y[~mine].mean()), **shared,
    )  # fmt: skip
    try:
        (m1, s1), (m0, s0) = moments(y[mine]), moments(y[~mine])
        if min(mine.sum(), (~mine).sum()) < 2 or s1 == s0 == 0:
            raise MethodError("Too few or equal values give no interval.")
        found = two_sample_t(
            m1 - m0, s1, int(mine.sum()), s0, int((~mine).sum()), level=level
        )
    except MethodError as error:
        return replace(row, note=str(error))
    return replace(
        row, std_error=float(found.std_error), conf_low=float(found.low),
        conf_high=float(found.high), conf_level=level, interval_method="Welch t",
        test="Welch t", alternative="two-sided", df=float(found.df),
        test_statistic=float(found.statistic), p_value=float(found.p_value),
    )  # fmt: skip
