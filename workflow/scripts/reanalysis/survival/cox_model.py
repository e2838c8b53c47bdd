"""One Cox model of a sample: its columns, its rows at risk, its fit and variance.

Between the estimators on arrays (:mod:`reanalysis.survival.partial_likelihood`,
:mod:`reanalysis.survival.hazard_ratios`) and the rows of results
(:mod:`reanalysis.methods.cox`). Settings are those of ``methods.cox`` in
config.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.sample import Sample
from reanalysis.survival.hazard_ratios import Fit, check_estimable, maximise, sandwich
from reanalysis.survival.partial_likelihood import PartialLikelihood, partial_likelihood
from reanalysis.survival.proportional_hazards import scaled_times

#: A sandwich of fewer clusters is said to be too small.
FEW_CLUSTERS = 20
#: One of fewer is hardly more than noise: by chance it is next to singular, and then
#: gives any p-value.
FEWEST_CLUSTERS = 5
#: Replicated rows beyond these would not fit the dense risk sets.
MOST_REPLICATED = 5000


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


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """When rows are under observation: ``start`` (None: from the beginning) to stop."""

    stop: np.ndarray
    event: np.ndarray
    start: np.ndarray | None

    @classmethod
    def of(cls, rows: pd.DataFrame) -> AtRisk:
        """Read the roles of time."""
        return cls(
            stop=rows["stop" if "stop" in rows else "time"].to_numpy(float),
            event=rows["event"].to_numpy(),
            start=rows["start"].to_numpy(float) if "start" in rows else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted model and what its rows have in common.

    ``stratum`` (n,) codes the strata or pairs of the rows, None without;
    ``maximum`` is the fit without penalty, ``fit`` the one that is reported;
    ``weighted`` tells that weights are probabilities, so that only a sandwich holds.
    """

    columns: list[Column]
    likelihood: PartialLikelihood
    at_risk: AtRisk
    stratum: np.ndarray | None
    maximum: Fit
    fit: Fit
    covariance: np.ndarray
    robust: bool
    weighted: bool
    n: int
    events: int
    notes: tuple[str, ...]

    def scaled_times(self, scale: str, times: np.ndarray | None = None) -> np.ndarray:
        """Return event times (those of the slots if not given) on a scale of time."""
        at = self.likelihood.time if times is None else times
        rows = self.at_risk
        return scaled_times(scale, at, rows.stop, rows.event, rows.start)


def fit_model(
    sample: Sample, columns: list[Column], settings: Mapping[str, object]
) -> tuple[dict[int, str], Model]:
    """Return the model and why columns that say nothing were left out of it."""
    if not columns:
        raise MethodError("A Cox model needs two groups or a covariate.")
    if sample.groups and not (sample.rows["group"] == sample.reference).any():
        raise MethodError(f"The reference group {sample.reference} has no rows.")
    rows, weight, columns, notes = _weighted(sample, columns, settings)
    matched = [role for role in ("stratum", "pair") if sample.has(role)]
    if settings["strata"] == "never":
        matched = []
    stratum = None
    if matched:
        labels = rows.groupby(matched, sort=False, observed=True)
        stratum = labels.ngroup().to_numpy()
    at_risk = AtRisk.of(rows)
    build = partial(
        partial_likelihood,
        stop=at_risk.stop,
        event=at_risk.event,
        start=at_risk.start,
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
    if matched:
        of_groups = [j for j, c in enumerate(kept) if c.factor == "group"]
        informative = likelihood.informative_strata(of_groups or list(range(len(kept))))
        word = "pairs" if matched == ["pair"] else "strata"
        notes.append(f"{informative} of {stratum.max() + 1} {word} informative")
    weighted = weight is not None and settings["weights"] == "probability"
    maximum = maximise(likelihood)
    fit, said = _reported(sample, kept, likelihood, maximum, settings, weighted)
    notes += said
    robust, cluster, of_whom = _correlated(sample, rows, settings)
    if robust and (fit.penalised or fit.infinite.any()):
        robust = False
        notes.append("model-based variance, as a robust one needs a finite maximum")
    if robust and cluster is not None:
        k = int(cluster.max()) + 1
        if k < max(FEWEST_CLUSTERS, len(kept) + 1):
            raise MethodError(
                f"There are too few clusters for a robust variance ({k} {of_whom})."
            )
        few = ", so few that it tends to be too small" if k < FEW_CLUSTERS else ""
        notes.append(f"robust variance over {k} {of_whom}{few}")
    covariance = sandwich(likelihood, fit, cluster) if robust else fit.covariance
    if (np.diag(covariance) < 1e-12 * np.diag(fit.covariance)).any():
        raise MethodError("The robust variance is zero and gives no interval.")
    patients = len(rows)
    if sample.has("id") and len(rows) == len(sample.rows):
        patients = rows["id"].nunique()
    return lost, Model(
        columns=kept,
        likelihood=likelihood,
        at_risk=at_risk,
        stratum=stratum,
        maximum=maximum,
        fit=fit,
        covariance=covariance,
        robust=robust,
        weighted=weighted,
        n=patients,
        events=int(at_risk.event.sum()),
        notes=tuple(notes),
    )


def _weighted(
    sample: Sample, columns: list[Column], settings: Mapping[str, object]
) -> tuple[pd.DataFrame, np.ndarray | None, list[Column], list[str]]:
    """Return rows, weights and columns as the meaning of the weights has them."""
    rows = sample.rows
    if not sample.has("weight"):
        return rows, None, columns, []
    weight = rows["weight"].to_numpy(float)
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise MethodError("Weights must be positive.")
    kind = settings["weights"]
    if kind == "probability":
        return rows, weight, columns, ["probability weights"]
    if kind == "case":
        return rows, weight, columns, [f"case weights, {weight.sum():g} in all"]
    if (weight != weight.round()).any():
        raise MethodError("Weights that stand for whole patients must be integers.")
    if weight.sum() > MOST_REPLICATED:
        raise MethodError(f"More than {MOST_REPLICATED} patients after replication.")
    copies = np.repeat(np.arange(len(rows)), weight.astype(int))
    columns = [replace(column, values=column.values[copies]) for column in columns]
    note = f"each row stands for as many patients as its weight, {len(copies)} in all"
    rows = rows.iloc[copies].reset_index(drop=True)
    return rows, None, columns, [note]


def _reported(
    sample: Sample,
    columns: list[Column],
    likelihood: PartialLikelihood,
    maximum: Fit,
    settings: Mapping[str, object],
    weighted: bool,
) -> tuple[Fit, list[str]]:
    """Return the fit to report, penalised where asked for, and what to say of it."""
    infinite = maximum.infinite.any()
    notes = []
    if infinite:
        why = _infinities(sample, columns, likelihood, maximum)
        notes.append(f"no finite maximum ({why})")
    if weighted:
        if infinite:
            raise MethodError(
                f"There is {notes[0]}, and probability weights leave no likelihood "
                "to take limits from."
            )
        return maximum, notes
    if settings["likelihood"] != "firth" and not (
        infinite and settings["infinite"] == "firth"
    ):
        return maximum, notes
    try:
        fit = maximise(likelihood, penalised=True)
    except MethodError:
        return maximum, [*notes, "Firth penalised likelihood did not converge"]
    return fit, [*notes, "Firth penalised likelihood"]


def _infinities(
    sample: Sample, columns: list[Column], likelihood: PartialLikelihood, maximum: Fit
) -> str:
    """Name the coefficients that run to infinity and what of the data makes them."""
    alone, together = [], []
    for j, (column, sign) in enumerate(zip(columns, maximum.infinite, strict=True)):
        if not sign:
            continue
        reason = _why_alone(sample, column, sign)
        rises = likelihood.direction(np.array([j]))
        by_itself = rises is not None and rises[j] * sign > 0
        if by_itself or (column.group and reason.startswith("no events")):
            alone.append(reason)
        else:
            together.append(str(column))
    said = list(dict.fromkeys(alone))
    if together:
        those = " and ".join(together)
        said.append(
            f"a combination of the columns separates those who failed from all others "
            f"at risk: {those}"
        )
    return "; ".join(said)


def _correlated(
    sample: Sample, rows: pd.DataFrame, settings: Mapping[str, object]
) -> tuple[bool, np.ndarray | None, str]:
    """Tell whether the variance is a sandwich, and the clusters it sums over.

    Members of a pair are no independent rows, also where each pair has a baseline
    of its own.
    """
    variance = settings["variance"]
    role = of_whom = ""
    if sample.has("cluster"):
        role, of_whom = "cluster", "clusters"
    elif sample.has("id") and sample.rows["id"].duplicated().any():
        role, of_whom = "id", "patients"
    elif sample.has("pair"):
        role, of_whom = "pair", "pairs"
    codes = pd.factorize(rows[role])[0] if role else None
    if variance == "cluster" and codes is None:
        raise MethodError("A cluster-robust variance needs clusters or repeated ids.")
    if sample.has("weight") and settings["weights"] == "probability":
        return True, codes, of_whom
    if variance == "model":
        several = (
            sample.has("id")
            and rows.groupby("id", observed=True)["event"].sum().max() > 1
        )
        return sample.has("cluster") or bool(several), codes, of_whom
    return variance != "naive", codes, of_whom


def _no_variation(column: Column, matched: bool) -> str:
    within = " of one stratum" if matched else ""
    if column.factor == "group":
        both = f"{column.group} and {column.reference}"
        return f"No event happened while rows{within} from both {both} were at risk."
    return f"{column} does not vary among the rows{within} at risk at any event."


def _why_alone(sample: Sample, column: Column, sign: float) -> str:
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
