"""Adjusted effects: odds ratios of a logistic, mean differences of a linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri, expit, fdtrc, ndtr, ndtri, stdtr, stdtrit

from reanalysis.errors import MethodError
from reanalysis.measurements.regression_models import (
    LogisticFit,
    linear,
    logistic,
    maximise,
    profile_limits,
)
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample


@dataclass(frozen=True, slots=True)
class Term:
    """One column of the model: the intercept, a group or a covariate."""

    column: np.ndarray
    label: str = ""
    group: str = ""


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Fit the model of ``options.model``: outcome ~ group + covariates.

    Settings: ``p_value`` (wald, likelihood-ratio), ``interval`` (wald, profile).
    ``options.at`` lists covariate values at which risks and the number needed to
    treat are predicted.
    """
    model = sample.options.get("model")
    effect = "odds_ratio" if model == "logistic" else "mean_difference"
    try:
        if model not in {"logistic", "linear"}:
            raise MethodError("The option 'model' must be logistic or linear.")
        return _rows(sample, settings, str(model))
    except MethodError as error:
        others = [g for g in sample.groups if g != sample.reference] or [""]
        return [
            Estimate(
                statistic=effect,
                group=group,
                reference=sample.reference,
                n=len(sample.rows),
                note=str(error),
            )
            for group in others
        ]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no tables: these models have no figure of their own."""
    return {}


def _design(sample: Sample, rows: pd.DataFrame) -> list[Term]:
    """Return the terms: intercept, groups against the reference, covariates.

    Text covariates become one column for each level but the first in the alphabet.
    """
    terms = [Term(np.ones(len(rows)), label="intercept")]
    for group in sample.groups:
        if group != sample.reference:
            inside = (rows["group"] == group).to_numpy(dtype=float)
            terms.append(Term(inside, group=group))
    for name in sample.covariates:
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column):
            terms.append(Term(column.to_numpy(dtype=float), label=name))
            continue
        for level in sorted(column.unique(), key=str)[1:]:
            inside = (column == level).to_numpy(dtype=float)
            terms.append(Term(inside, label=f"{name}={level}"))
    return terms


def _rows(sample: Sample, settings: Mapping[str, object], model: str) -> list[Estimate]:
    """Fit the model and return its rows; raises MethodError where it cannot."""
    outcome = "event" if model == "logistic" else "value"
    if sample.kind == "summary":
        raise MethodError("A regression needs the rows of the patients.")
    if not sample.has(outcome):
        raise MethodError(f"A {model} regression needs a column {outcome!r}.")
    names = [outcome, *(["group"] if sample.groups else []), *sample.covariates]
    rows = sample.rows.dropna(subset=names)
    if len(rows) == 0:
        raise MethodError("There are no patients with all values the model needs.")
    empty = [g for g in sample.groups if not (rows["group"] == g).any()]
    if empty:
        raise MethodError(f"There are no patients in the group {empty[0]}.")
    terms = _design(sample, rows)
    x = np.column_stack([term.column for term in terms])
    y = rows[outcome].to_numpy(dtype=float)
    if model == "logistic":
        return _logistic_rows(sample, settings, terms, x, y)
    return _linear_rows(sample, settings, terms, x, y)


def _logistic_rows(
    sample: Sample,
    settings: Mapping[str, object],
    terms: Sequence[Term],
    x: np.ndarray,
    y: np.ndarray,
) -> list[Estimate]:
    level = float(settings["conf_level"])
    z = float(ndtri((1 + level) / 2))
    fit = logistic(x, y)

    def likelihood_ratio(columns: Sequence[int]) -> tuple[float, float]:
        _, smaller, _ = maximise(np.delete(x, columns, axis=1), y)
        statistic = max(0.0, 2 * (fit.log_likelihood - smaller))
        return statistic, float(chdtrc(len(columns), statistic))

    def wald(columns: Sequence[int]) -> tuple[float, float]:
        b = fit.coefficients[columns]
        statistic = float(
            b @ np.linalg.solve(fit.covariance[np.ix_(columns, columns)], b)
        )
        return statistic, float(chdtrc(len(columns), statistic))

    found: list[Estimate] = []
    for j, term in enumerate(terms):
        infinite = fit.runaway[j] != 0
        b, std_error = float(fit.coefficients[j]), math.sqrt(fit.covariance[j, j])
        low, high, statistic, p = NAN, NAN, NAN, NAN
        note = _separated(fit.runaway[j])
        if settings["interval"] == "profile":
            try:
                low, high = profile_limits(x, y, fit, j, level)
            except MethodError as error:
                note = f"{note} No limits: {error}".strip()
        elif not infinite:
            low, high = b - z * std_error, b + z * std_error
        if settings["p_value"] == "likelihood-ratio":
            statistic, p = likelihood_ratio([j])
        elif not infinite:
            statistic = b / std_error
            p = 2 * float(ndtr(-abs(statistic)))
        row = Estimate(
            statistic="intercept" if j == 0 else "coefficient",
            estimate=fit.runaway[j] * math.inf if infinite else b,
            std_error=NAN if infinite else std_error,
            conf_low=low,
            conf_high=high,
            conf_level=level,
            interval_method=_method(settings, "Wald"),
            test=_test(settings, "Wald"),
            alternative="two-sided",
            test_statistic=statistic,
            df=1,
            p_value=p,
            n=len(y),
            events=float(y.sum()),
            term=term.label,
            group=term.group,
            reference=sample.reference if term.group else "",
            note=note,
        )
        found.append(row)
        if j:
            found.append(
                replace(
                    row,
                    statistic="odds_ratio",
                    estimate=_exp(row.estimate),
                    std_error=NAN,
                    conf_low=_exp(low),
                    conf_high=_exp(high),
                    note=note or (_TOO_LARGE if row.estimate > 700 else ""),
                )
            )
    exact = likelihood_ratio if settings["p_value"] == "likelihood-ratio" else wald
    separated = bool((fit.runaway != 0).any())
    if not (separated and exact is wald):
        found += _overall(terms, exact, _test(settings, "Wald"), len(y))
    for at in sample.options.get("at", ()):
        found += _predicted(sample, terms, fit, at, level, len(y))
    return found


def _linear_rows(
    sample: Sample,
    settings: Mapping[str, object],
    terms: Sequence[Term],
    x: np.ndarray,
    y: np.ndarray,
) -> list[Estimate]:
    level, n = float(settings["conf_level"]), len(y)
    fit = linear(x, y)
    by_likelihood = settings["p_value"] == "likelihood-ratio"
    # The likelihood of a linear model depends on t alone, so that its profile
    # limits have a closed form: n log(1 + t^2 / df) = chi-square quantile.
    if settings["interval"] == "profile":
        reach = math.sqrt(fit.df * math.expm1(float(chdtri(1, 1 - level)) / n))
    else:
        reach = float(stdtrit(fit.df, (1 + level) / 2))

    def test(columns: Sequence[int]) -> tuple[float, float]:
        smaller = np.delete(x, columns, axis=1)
        b, *_ = np.linalg.lstsq(smaller, y, rcond=None)
        loss = float(((y - smaller @ b) ** 2).sum()) / fit.residual_sum
        k = len(columns)
        if by_likelihood:
            statistic = n * math.log(loss)
            return statistic, float(chdtrc(k, statistic))
        statistic = (loss - 1) * fit.df / k
        return statistic, float(fdtrc(k, fit.df, statistic))

    found: list[Estimate] = []
    fits_exactly = fit.residual_sum == 0
    note = "The model fits every value exactly; nothing is left to test against."
    for j, term in enumerate(terms):
        b, std_error = float(fit.coefficients[j]), math.sqrt(fit.covariance[j, j])
        low, high, statistic, p = NAN, NAN, NAN, NAN
        if not fits_exactly:
            low, high = b - reach * std_error, b + reach * std_error
            statistic = b / std_error
            p = 2 * float(stdtr(fit.df, -abs(statistic)))
            if by_likelihood:
                statistic = n * math.log1p(statistic**2 / fit.df)
                p = float(chdtrc(1, statistic))
        row = Estimate(
            statistic="intercept" if j == 0 else "coefficient",
            estimate=b,
            std_error=std_error,
            conf_low=low,
            conf_high=high,
            conf_level=level,
            interval_method=_method(settings, "t"),
            test=_test(settings, "t"),
            alternative="two-sided",
            test_statistic=statistic,
            df=1 if by_likelihood else fit.df,
            p_value=p,
            n=n,
            unit=sample.unit,
            term=term.label,
            group=term.group,
            reference=sample.reference if term.group else "",
            note=note if fits_exactly else "",
        )
        found.append(row)
        if term.group:
            found.append(replace(row, statistic="mean_difference"))
    if not fits_exactly:
        found += _overall(terms, test, _test(settings, "F"), n)
    constant = "" if fit.r_squared == fit.r_squared else "The outcome does not vary."
    found.append(
        Estimate(statistic="r_squared", estimate=fit.r_squared, n=n, note=constant)
    )
    return found


def _method(settings: Mapping[str, object], wald: str) -> str:
    return "profile likelihood" if settings["interval"] == "profile" else wald


def _test(settings: Mapping[str, object], wald: str) -> str:
    by_likelihood = settings["p_value"] == "likelihood-ratio"
    return "likelihood ratio" if by_likelihood else wald


_TOO_LARGE = (
    "The odds ratio for one unit of this covariate is too large to write; "
    "see its coefficient."
)


def _exp(x: float) -> float:
    return math.inf if x > 700 else math.exp(x)


def _separated(runaway: float) -> str:
    if runaway == 0:
        return ""
    if math.isnan(runaway):
        return "The terms separate events from no events; no estimate exists."
    return (
        "The terms separate events from no events, so the maximum likelihood "
        "estimate is infinite."
    )


def _overall(
    terms: Sequence[Term],
    test: Callable[[Sequence[int]], tuple[float, float]],
    name: str,
    n: int,
) -> list[Estimate]:
    """Return one test of all groups together when there are more than two."""
    columns = [j for j, term in enumerate(terms) if term.group]
    if len(columns) < 2:
        return []
    statistic, p = test(columns)
    return [
        Estimate(
            statistic="test",
            term="group",
            test=name,
            alternative="two-sided",
            test_statistic=statistic,
            df=len(columns),
            p_value=p,
            n=n,
        )
    ]


def _predicted(
    sample: Sample,
    terms: Sequence[Term],
    fit: LogisticFit,
    at: Mapping[str, object],
    level: float,
    n: int,
) -> list[Estimate]:
    """Return risks, their difference and the number needed to treat at one profile.

    The number needed to treat is 1 / (risk in the reference - risk in the group):
    negative when the group does worse. Risks have intervals on the log-odds scale,
    the difference by the delta method.
    """
    label = ", ".join(f"{name}={value}" for name, value in at.items())
    unknown = [name for name in sample.covariates if name not in at]
    others = [term.group for term in terms if term.group]
    if unknown or set(at) - set(sample.covariates):
        wrong = (unknown or sorted(set(at) - set(sample.covariates)))[0]
        note = f"The option 'at' must give the model's covariates; see {wrong!r}."
        return [
            Estimate(
                statistic="number_needed_to_treat" if g else "predicted_probability",
                term=label,
                group=g,
                reference=sample.reference if g else "",
                note=note,
            )
            for g in others or [""]
        ]
    z = float(ndtri((1 + level) / 2))
    separated = bool((fit.runaway != 0).any())
    base = Estimate(
        statistic="predicted_probability",
        unit="proportion",
        term=label,
        conf_level=level,
        n=n,
        note=_separated(1.0).replace("estimate", "model") if separated else "",
    )

    def profile(group: str) -> np.ndarray:
        return np.array(
            [
                1.0
                if j == 0
                else float(term.group == group)
                if term.group
                else _value(term.label, at)
                for j, term in enumerate(terms)
            ]
        )

    found, risks, slopes = [], {}, {}
    for group in (*others, sample.reference) if others else ("",):
        x = profile(group)
        eta = float(x @ fit.coefficients)
        reach = NAN if separated else z * math.sqrt(x @ fit.covariance @ x)
        risks[group] = float(expit(eta))
        slopes[group] = float(expit(eta) * expit(-eta)) * x
        found.append(
            replace(
                base,
                estimate=risks[group],
                conf_low=float(expit(eta - reach)),
                conf_high=float(expit(eta + reach)),
                interval_method="Wald, logit",
                group=group,
            )
        )
    for group in others:
        difference = risks[group] - risks[sample.reference]
        slope = slopes[group] - slopes[sample.reference]
        std_error = NAN if separated else math.sqrt(slope @ fit.covariance @ slope)
        low, high = difference - z * std_error, difference + z * std_error
        row = replace(
            base,
            statistic="risk_difference",
            estimate=difference,
            std_error=std_error,
            conf_low=low,
            conf_high=high,
            interval_method="Wald, delta method",
            group=group,
            reference=sample.reference,
        )
        treat = replace(
            row,
            statistic="number_needed_to_treat",
            estimate=-1 / difference if difference else math.inf,
            std_error=NAN,
            unit="",
        )
        if low * high > 0:
            treat = replace(treat, conf_low=-1 / low, conf_high=-1 / high)
        else:
            note = "The interval of the risk difference includes 0."
            treat = replace(
                treat,
                conf_low=NAN,
                conf_high=NAN,
                note=base.note or note,
            )
        found += [row, treat]
    return found


def _value(label: str, at: Mapping[str, object]) -> float:
    """Return the value of a covariate's column at a profile."""
    name, is_level, level = label.partition("=")
    return float(str(at[name]) == level) if is_level else float(at[name])
