"""Cox regression: hazard ratios between groups and per unit of a covariate.

The model is fitted to one row per patient (``time, event``) or to rows at risk
over ``(start, stop]``, within strata or matched pairs where there are some. Each
non-reference group and each covariate (or level of one) gives its hazard ratio
with the interval and the three tests, the chosen one first, its logarithm
(``coefficient``), and for groups the hazard reduction 1 - HR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from ..errors import MethodError
from ..hazard_ratios import (
    ChiSquare,
    Fit,
    check_estimable,
    likelihood_ratio_and_score_tests,
    maximise,
    profile_limits,
    sandwich,
    wald_test,
)
from ..partial_likelihood import PartialLikelihood, partial_likelihood
from ..results import NAN, Estimate
from ..sample import Sample

TESTS = {"wald": "Wald", "likelihood-ratio": "likelihood ratio", "score": "score"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the design: a contrast of groups or a term of a covariate."""

    values: np.ndarray
    factor: str
    group: str = ""
    reference: str = ""
    term: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """Return what names this column in a row of results."""
        return {"group": self.group, "reference": self.reference, "term": self.term}

    def __str__(self) -> str:
        """Name the column in a sentence."""
        return self.term or f"{self.group} against {self.reference}"


def design(sample: Sample) -> list[Column]:
    """Return the design: dummies of the groups, then of the covariates.

    A covariate of words is coded against its first level (alphabetical, or the
    order of a categorical column).
    """
    columns = []
    if sample.groups:
        label = sample.rows["group"].to_numpy()
        columns = [
            Column((label == group).astype(float), "group", group, sample.reference)
            for group in sample.groups
            if group != sample.reference
        ]
    for name in sample.covariates:
        values = sample.rows[name]
        if pd.api.types.is_numeric_dtype(values):
            columns.append(Column(values.to_numpy(float), name, term=name))
            continue
        levels = pd.Categorical(values).remove_unused_categories().categories
        columns += [
            Column((values == level).to_numpy(float), name, term=f"{name}={level}")
            for level in levels[1:]
        ] or [Column(np.zeros(len(values)), name, term=name)]
    return columns


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model and what its rows have in common."""

    columns: list[Column]
    likelihood: PartialLikelihood
    fit: Fit
    covariance: np.ndarray
    robust: bool
    n: int
    events: int
    notes: tuple[str, ...]


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of one Cox analysis.

    ``settings``: ``ties`` (efron, breslow, exact), ``p_value`` (wald,
    likelihood-ratio, score), ``interval`` (wald, profile), ``variance``,
    ``strata`` (as_declared, never), ``infinite`` (firth, report),
    ``alternative`` and ``conf_level``. ``variance`` is ``model`` (sandwich only
    where a cluster is declared or a patient has several events), ``naive``
    (never sandwich), ``robust`` (always sandwich, by cluster where there is
    one) or ``cluster`` (refused without one).
    """
    columns: list[Column] = []
    try:
        if sample.kind == "summary":
            raise MethodError("A Cox model needs the rows of single patients.")
        columns = design(sample)
        lost, model = _fit_model(sample, columns, settings)
        terms = range(len(model.columns))
        rows = [row for j in terms for row in _term_rows(model, j, settings)]
        rows += [_empty(columns[j], note) for j, note in lost.items()]
        return rows + _joint_rows(model, settings)
    except MethodError as error:
        return [_empty(column, str(error)) for column in columns] or [
            Estimate(statistic="hazard_ratio", note=str(error))
        ]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return nothing: a forest of hazard ratios is drawn from the estimates."""
    return {}


def _empty(column: Column, note: str) -> Estimate:
    return Estimate(statistic="hazard_ratio", note=note, **column.labels)


def _fit_model(
    sample: Sample, columns: list[Column], settings: Mapping[str, object]
) -> tuple[dict[int, str], Model]:
    """Return the model and why columns that say nothing were left out of it."""
    rows = sample.rows
    if not columns:
        raise MethodError("A Cox model needs two groups or a covariate.")
    if sample.groups and not (rows["group"] == sample.reference).any():
        raise MethodError(f"The reference group {sample.reference} has no rows.")
    weight = rows["weight"].to_numpy(float) if sample.has("weight") else None
    if weight is not None and not (np.isfinite(weight) & (weight > 0)).all():
        raise MethodError("Case weights must be positive.")

    matched = [role for role in ("stratum", "pair") if sample.has(role)]
    if settings["strata"] == "never":
        matched = []
    stratum = None
    if matched:
        labels = rows.groupby(matched, sort=False, observed=True)
        stratum = labels.ngroup().to_numpy()
    interval = sample.has("start", "stop")
    event = rows["event"].to_numpy()
    build = partial(
        partial_likelihood,
        stop=rows["stop" if interval else "time"].to_numpy(float),
        event=event,
        start=rows["start"].to_numpy(float) if interval else None,
        stratum=stratum,
        weight=weight,
        ties=str(settings["ties"]),
    )
    likelihood = build(np.column_stack([c.values for c in columns]))
    varies = check_estimable(likelihood)
    if not varies.any():
        raise MethodError(_no_variation(columns[0], bool(matched)))
    lost = {
        j: _no_variation(columns[j], bool(matched)) for j in np.flatnonzero(~varies)
    }
    kept = [c for c, alive in zip(columns, varies, strict=True) if alive]
    if lost:
        likelihood = build(np.column_stack([c.values for c in kept]))
    fit = maximise(likelihood)
    notes = []
    if matched:
        of_groups = [j for j, c in enumerate(kept) if c.factor == "group"]
        informative = likelihood.informative_strata(of_groups or list(range(len(kept))))
        word = "pairs" if matched == ["pair"] else "strata"
        notes.append(f"{informative} of {stratum.max() + 1} {word} informative")
    if fit.infinite.any():
        reasons = dict.fromkeys(
            _why_infinite(sample, c, sign)
            for c, sign in zip(kept, fit.infinite, strict=True)
            if sign
        )
        notes.append(f"no finite maximum ({'; '.join(reasons)})")
        if settings["infinite"] == "firth":
            try:
                fit = maximise(likelihood, penalised=True)
                notes.append("Firth penalised likelihood")
            except MethodError:
                notes.append("Firth penalised likelihood did not converge")
    robust, cluster = _correlated(sample, str(settings["variance"]), bool(matched))
    if robust and (fit.penalised or fit.infinite.any()):
        robust = False
        notes.append("model-based variance, as a robust one needs a finite maximum")
    if robust and cluster is not None and cluster.max() < len(kept):
        raise MethodError("There are too few clusters for a robust variance.")
    covariance = sandwich(likelihood, fit, cluster) if robust else fit.covariance
    if (np.diag(covariance) < 1e-12 * np.diag(fit.covariance)).any():
        raise MethodError("The robust variance is zero and gives no interval.")
    patients = rows["id"].nunique() if sample.has("id") else len(rows)
    model = Model(kept, likelihood, fit, covariance, robust, patients,
                  int(event.sum()), tuple(notes))  # fmt: skip
    return lost, model


def _correlated(
    sample: Sample, variance: str, matched: bool
) -> tuple[bool, np.ndarray | None]:
    """Tell whether the variance is a sandwich, and the clusters it sums over."""
    rows = sample.rows
    cluster = None
    if sample.has("cluster"):
        cluster = rows["cluster"]
    elif sample.has("id") and rows["id"].duplicated().any():
        cluster = rows["id"]
    elif sample.has("pair") and not matched:
        cluster = rows["pair"]
    codes = None if cluster is None else pd.factorize(cluster)[0]
    if variance == "cluster" and codes is None:
        raise MethodError("A cluster-robust variance needs clusters or repeated ids.")
    if variance == "model":
        several = (
            sample.has("id")
            and rows.groupby("id", observed=True)["event"].sum().max() > 1
        )
        return sample.has("cluster") or bool(several), codes
    return variance != "naive", codes


def _no_variation(column: Column, matched: bool) -> str:
    within = " of one stratum" if matched else ""
    if column.factor == "group":
        both = f"{column.group} and {column.reference}"
        return f"No event happened while rows{within} from both {both} were at risk."
    return f"{column} does not vary among the rows{within} at risk at any event."


def _why_infinite(sample: Sample, column: Column, sign: float) -> str:
    if column.factor != column.term and column.term:
        which = "first" if sign > 0 else "last"
        return f"{column} failed {which} throughout"
    if column.term:
        which = "highest" if sign > 0 else "lowest"
        return f"the {which} {column} failed first throughout"
    died = sample.rows.loc[sample.rows["event"] == 1, "group"]
    for group in (column.group, column.reference):
        if not (died == group).any():
            return f"no events in {group}"
    first = column.group if sign > 0 else column.reference
    return f"{first} failed first wherever both groups were at risk"


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
    """Return the fields of the three tests of some columns, the chosen one first."""
    try:
        ratio, score = likelihood_ratio_and_score_tests(
            model.likelihood, model.fit, columns
        )
    except MethodError:
        ratio = score = ChiSquare(NAN, len(columns))
    results = {
        "wald": wald_test(model.fit, model.covariance, columns),
        "likelihood-ratio": ratio,
        "score": score,
    }
    single = len(columns) == 1
    alternative = str(settings["alternative"]) if single else "two-sided"
    found = []
    for name in sorted(TESTS, key=lambda name: name != settings["p_value"]):
        result = results[name]
        statistic, df = result.statistic, float(result.df)
        notes = list(model.notes)
        if name == "wald" and single:
            # The usual report of this one is z itself.
            statistic, df = result.sign * math.sqrt(statistic), NAN
        if model.robust and name != "wald":
            notes.append("this test takes the rows as independent")
        if math.isnan(result.statistic):
            notes.append(f"no {TESTS[name]} test, as it needs a finite maximum")
        if note:
            notes.append(note)
        found.append(
            {
                "test": TESTS[name] + (", robust" * (model.robust and name == "wald")),
                "alternative": alternative,
                "test_statistic": statistic,
                "df": df,
                "p_value": _p_value(result, alternative),
                "note": "; ".join(notes),
            }
        )
    return found


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
    for name in dict.fromkeys(column.factor for column in model.columns):
        members = [j for j in everything if model.columns[j].factor == name]
        if 1 < len(members) < len(everything):
            sets[name] = members
    return [
        Estimate(statistic="test", term=term, n=model.n, events=model.events, **fields)
        for term, members in sets.items()
        for fields in _tests(model, members, settings)
    ]
