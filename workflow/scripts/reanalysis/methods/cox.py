"""Cox regression: hazard ratios between groups and per unit of a covariate.

The model is fitted to one row per patient (``time, event``) or to rows at risk
over ``(start, stop]``, within strata or matched pairs where there are some. Each
non-reference group and each covariate (or level of one) gives its hazard ratio
with the interval and the three tests, the chosen one first, its logarithm
(``coefficient``), and for groups the hazard reduction 1 - HR. Pairs of two groups
have the exact conditional analysis of who failed first beside it. Last stands the
score test of proportional hazards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival.cox_model import Column, Model, design, fit_model
from reanalysis.survival.cox_tables import likelihood_tables, residual_tables
from reanalysis.survival.hazard_ratios import (
    ChiSquare,
    likelihood_ratio_and_score_tests,
    profile_limits,
    wald_test,
)
from reanalysis.survival.matched_pairs import (
    FirstFailures,
    first_failures,
    paired_hazard_ratio,
)
from reanalysis.survival.proportional_hazards import score_tests

#: Columns that have a panel of their own in a figure.
MOST_COLUMNS = 4
#: Events below which the test of proportional hazards is said to have little power.
FEW_EVENTS = 20

TESTS = {"wald": "Wald", "likelihood-ratio": "likelihood ratio", "score": "score"}
#: Setting -> names of test and interval of the exact analysis of pairs.
PAIRS = {
    "exact-conditional": ("sign test of pairs, exact", "Clopper-Pearson, as odds"),
    "mid-p": ("sign test of pairs, mid-P", "mid-P, as odds"),
}
SCALES = {
    "km": "time by Kaplan-Meier",
    "identity": "plain time",
    "log": "log of time",
    "rank": "ranks of time",
}


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of one Cox analysis.

    ``settings``: ``ties`` (efron, breslow, exact), ``p_value`` (wald,
    likelihood-ratio, score), ``interval`` (wald, profile), ``variance``,
    ``strata`` (as_declared, never), ``infinite`` (firth, report),
    ``likelihood`` (partial, firth), ``pairs`` (partial-likelihood,
    exact-conditional, mid-p), ``weights`` (case, replicated, probability),
    ``proportional_hazards`` (km, identity, log, rank, none), ``alternative`` and
    ``conf_level``. ``variance`` is ``model`` (sandwich only where a cluster is
    declared or a patient has several events), ``naive`` (never sandwich),
    ``robust`` (always sandwich, by cluster where there is one) or ``cluster``
    (refused without one).
    """
    columns: list[Column] = []
    try:
        if sample.kind == "summary":
            raise MethodError("A Cox model needs the rows of single patients.")
        columns = design(sample)
        lost, model = fit_model(sample, columns, settings)
        terms = range(len(model.columns))
        rows = [row for j in terms for row in _term_rows(model, j, settings)]
        rows += [_empty(columns[j], note) for j, note in lost.items()]
        rows = _with_pairs(sample, model, rows, settings)
        return rows + _joint_rows(model, settings) + _proportional(model, settings)
    except MethodError as error:
        return [_empty(column, str(error)) for column in columns] or [
            Estimate(statistic="hazard_ratio", note=str(error))
        ]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return the curves of the likelihood and the residuals over time.

    Of the groups, else of the covariates: ``likelihood`` (column, coefficient,
    partial, penalised, wald: heights less their maximum) with ``limits`` (column,
    curve, estimate, low, high, cut), and ``residuals`` (column, time, value,
    estimate) with ``smooth`` (column, time, line, low, high; none of few events).
    """
    try:
        if sample.kind == "summary":
            return {}
        _, model = fit_model(sample, design(sample), settings)
    except MethodError:
        return {}
    shown = [j for j, c in enumerate(model.columns) if c.factor == "group"]
    shown = (shown or list(range(len(model.columns))))[:MOST_COLUMNS]
    level = float(settings["conf_level"])
    scale = str(settings["proportional_hazards"])
    return likelihood_tables(model, shown, level) | residual_tables(
        model, shown, level, scale
    )


def _empty(column: Column, note: str) -> Estimate:
    return Estimate(statistic="hazard_ratio", note=note, **column.labels)


def _p_value(result: ChiSquare, alternative: str) -> float:
    if not math.isfinite(result.statistic):
        return NAN
    if result.df > 1 or alternative == "two-sided":
        return float(chdtrc(result.df, result.statistic))
    z = result.sign * math.sqrt(result.statistic)
    return float(ndtr(-z if alternative == "greater" else z))


def _tests(
    model: Model, columns: list[int], settings: Mapping[str, object], note: str = ""
) -> list[dict[str, object]]:
    """Return the fields of the three tests of some columns, the chosen one first.

    Where the limits are those of a profile for want of others, its likelihood ratio
    stands before the Wald test, so that test and limits agree.
    """
    ratio = score = ChiSquare(NAN, len(columns))
    problem = ""
    if not model.weighted:
        try:
            ratio, score = likelihood_ratio_and_score_tests(
                model.likelihood, model.fit, columns
            )
        except MethodError as error:
            problem = str(error).rstrip(".")
    results = {
        "wald": wald_test(model.fit, model.covariance, columns),
        "likelihood-ratio": ratio,
        "score": score,
    }
    single = len(columns) == 1
    alternative = str(settings["alternative"]) if single else "two-sided"
    found = []
    chosen = settings["p_value"]
    if chosen == "wald" and (model.fit.penalised or model.fit.infinite[columns].any()):
        chosen = "likelihood-ratio"
    for name in sorted(TESTS, key=lambda name: name != chosen):
        result = results[name]
        statistic, df = result.statistic, float(result.df)
        notes = list(model.notes)
        if name == "wald" and single:
            # The usual report of this one is z itself.
            statistic, df = result.sign * math.sqrt(statistic), NAN
        if model.robust and name != "wald" and not model.weighted:
            notes.append("this test takes the rows as independent")
        if math.isnan(result.statistic):
            needs = "as it needs a finite maximum"
            if model.weighted and name != "wald":
                needs = "as probability weights leave no likelihood"
            elif problem and name != "wald":
                needs = f"as the model without it fails: {problem}"
            notes.append(f"no {TESTS[name]} test, {needs}")
        if note:
            notes.append(note)
        found.append(
            {
                "test": _name(name, model),
                "alternative": alternative,
                "test_statistic": statistic,
                "df": df,
                "p_value": _p_value(result, alternative),
                "note": "; ".join(notes),
            }
        )
    return found


def _name(test: str, model: Model) -> str:
    if model.robust and test == "wald":
        return "Wald, robust"
    if model.fit.penalised and test == "likelihood-ratio":
        return "penalised likelihood ratio"
    return TESTS[test]


def _limits(
    model: Model, j: int, settings: Mapping[str, object]
) -> tuple[float, float, str]:
    """Return the limits of a log hazard ratio and the name of their method."""
    level = float(settings["conf_level"])
    profile = settings["interval"] == "profile" and not model.robust
    if profile or model.fit.penalised or model.fit.infinite[j]:
        name = "profile likelihood"
        if model.fit.penalised:
            name = "Firth profile likelihood"
        return (*profile_limits(model.likelihood, model.fit, j, level), name)
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(model.covariance[j, j])
    b = float(model.fit.coefficient[j])
    return b - reach, b + reach, "Wald, log scale"


def _term_rows(model: Model, j: int, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of one column: hazard ratios, coefficient, reduction."""
    column, fit = model.columns[j], model.fit
    common = {**column.labels, "n": model.n, "events": model.events}
    if not fit.infinite[j] and not math.isfinite(fit.covariance[j, j]):
        note = "; ".join((*model.notes, f"{column} cannot be estimated beside it"))
        return [Estimate(statistic="hazard_ratio", **common, note=note)]
    note = ""
    try:
        low, high, method = _limits(model, j, settings)
    except MethodError:
        low, high, method = NAN, NAN, ""
        note = "no interval, as the fits beside the limits did not converge"
    log = NAN if fit.infinite[j] else float(fit.coefficient[j])
    tests = _tests(model, [j], settings, note)
    interval = {
        "conf_level": float(settings["conf_level"]),
        "interval_method": method,
        "std_error": NAN if fit.infinite[j] else math.sqrt(model.covariance[j, j]),
    }

    def row(
        statistic: str, scale: Callable[[float], float], fields: Mapping[str, object]
    ) -> Estimate:
        ends = sorted((scale(low), scale(high)))
        return Estimate(
            statistic=statistic, estimate=scale(log), conf_low=ends[0],
            conf_high=ends[1], **common, **interval, **fields,
        )  # fmt: skip

    rows = [row("hazard_ratio", _exp, fields) for fields in tests]
    rows.append(row("coefficient", float, tests[0]))
    if column.group:
        reduction = row("hazard_reduction", lambda b: 1 - _exp(b), tests[0])
        rows.append(replace(reduction, unit="proportion"))
    return rows


def _exp(b: float) -> float:
    # Beyond the largest float a hazard ratio is infinite for all that it tells.
    return math.exp(b) if b < 709 else b * math.inf


def _joint_rows(model: Model, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the tests of the whole model and of its factors with several columns."""
    everything = list(range(len(model.columns)))
    if len(everything) == 1:
        return []
    sets = {"": everything}
    for name, members in _factors(model).items():
        if 1 < len(members) < len(everything):
            sets[name] = members
    return [
        Estimate(statistic="test", term=term, n=model.n, events=model.events, **fields)
        for term, members in sets.items()
        for fields in _tests(model, members, settings)
    ]


def _factors(model: Model) -> dict[str, list[int]]:
    """Return the columns of each factor of the model."""
    sets: dict[str, list[int]] = {}
    for j, column in enumerate(model.columns):
        sets.setdefault(column.factor, []).append(j)
    return sets


# ------------------------------------------------------------------- matched pairs


def _with_pairs(
    sample: Sample,
    model: Model,
    rows: list[Estimate],
    settings: Mapping[str, object],
) -> list[Estimate]:
    """Set the exact analysis of pairs beside the rows of the model, or before them."""
    wanted = str(settings["pairs"])
    if not sample.has("pair") or settings["strata"] == "never":
        return rows
    exact = wanted != "partial-likelihood"
    try:
        if len(sample.groups) != 2 or sample.covariates or sample.has("weight"):
            raise MethodError(
                "The exact analysis of pairs compares two groups, without covariates "
                "or weights."
            )
        counts = _first_failures(sample, model)
        both = {kind: _pair_fields(sample, model, counts, kind, settings)
                for kind in sorted(PAIRS, key=lambda kind: kind != wanted)}  # fmt: skip
    except MethodError as error:
        return [_empty(model.columns[0], str(error)), *rows] if exact else rows
    found = [Estimate(statistic="hazard_ratio", **fields) for fields in both.values()]
    if not exact:
        first = next(
            (i for i, e in enumerate(rows) if e.statistic != "hazard_ratio"), len(rows)
        )
        return [*rows[:first], *found, *rows[first:]]
    fields = both[wanted]
    ends = fields["conf_low"], fields["conf_high"]
    logs = [_log(fields["estimate"]), *map(_log, ends)]
    found += [
        Estimate(
            **fields
            | {"statistic": "coefficient", "estimate": logs[0]}
            | {"conf_low": logs[1], "conf_high": logs[2]}
        ),
        Estimate(
            **fields
            | {"statistic": "hazard_reduction", "estimate": 1 - fields["estimate"]}
            | {"conf_low": 1 - ends[1], "conf_high": 1 - ends[0]}
            | {"unit": "proportion"}
        ),
    ]
    return found + rows


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf if ratio == 0 else NAN


def _first_failures(sample: Sample, model: Model) -> FirstFailures:
    rows = model.at_risk
    in_group = (sample.rows["group"] != sample.reference).to_numpy()
    return first_failures(model.stratum, in_group, rows.stop, rows.event, rows.start)


def _pair_fields(
    sample: Sample,
    model: Model,
    counts: FirstFailures,
    kind: str,
    settings: Mapping[str, object],
) -> dict[str, object]:
    level, alternative = float(settings["conf_level"]), str(settings["alternative"])
    ratio = paired_hazard_ratio(counts, level, alternative, mid_p=kind == "mid-p")
    group, reference = model.columns[0].group, sample.reference
    note = (
        f"of {counts.informative} pairs with a first failure it was {group} in "
        f"{counts.group} and {reference} in {counts.reference}"
    )
    left = {
        "tied": counts.tied,
        "ended before anyone failed": counts.open,
        "incomplete": counts.incomplete,
    }
    said = [f"{number} {why}" for why, number in left.items() if number]
    if said:
        note += f"; pairs left out: {', '.join(said)}"
    if math.isnan(ratio.estimate):
        note += "; no finite estimate, as one side failed first in all of them"
    test, interval = PAIRS[kind]
    return {
        **model.columns[0].labels,
        "estimate": ratio.estimate,
        "conf_low": ratio.interval[0],
        "conf_high": ratio.interval[1],
        "conf_level": level,
        "interval_method": interval,
        "test": test,
        "alternative": alternative,
        "test_statistic": float(counts.group),
        "p_value": ratio.p_value,
        "n": model.n,
        "events": model.events,
        "note": note,
    }


# ------------------------------------------------------------- proportional hazards


def _proportional(model: Model, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the tests that hazard ratios stay the same: per factor, then of all."""
    scale = str(settings["proportional_hazards"])
    if scale == "none":
        return []
    sets = list(_factors(model).items())
    if len(sets) > 1:
        sets.append(("", list(range(len(model.columns)))))
    problem = ""
    try:
        if model.maximum.infinite.any():
            raise MethodError(
                "No test of proportional hazards, as it needs a finite maximum."
            )
        results = score_tests(
            model.likelihood,
            model.maximum,
            model.scaled_times(scale),
            [columns for _, columns in sets],
        )
    except MethodError as error:
        problem = str(error)
        results = [ChiSquare(NAN, len(columns)) for _, columns in sets]
    notes = [problem] if problem else []
    if model.robust and not problem:
        notes.append("this test takes the rows as independent")
    if model.events < FEW_EVENTS and not problem:
        notes.append(f"{model.events} events give this test little power")
    rows = []
    for (name, columns), result in zip(sets, results, strict=True):
        labels = {"term": name}
        if len(columns) == 1:
            labels = model.columns[columns[0]].labels
        rows.append(
            Estimate(
                statistic="proportional_hazards",
                **labels,
                n=model.n,
                events=model.events,
                test=f"score test, {SCALES[scale]}",
                alternative="two-sided",
                test_statistic=result.statistic,
                df=float(result.df),
                p_value=_p_value(result, "two-sided"),
                note="; ".join(notes),
            )
        )
    return rows
