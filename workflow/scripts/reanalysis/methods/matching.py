"""Matched and weighted comparisons of groups that were not randomised.

A propensity score (or the distance of the covariates) finds for each patient of the
first group others who are alike; or the study names the matched sets itself. Outcomes
are compared within the sets, and beside that with propensity weights and without any
adjustment. Every equally good matching is followed up: the row of the effect says how
many there are and how far its estimate moves over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.matching.balance import standardized_difference, variance_ratio
from reanalysis.matching.matched_sets import Matchings, Sets, nearest, optimal
from reanalysis.matching.propensity import (
    Propensity,
    logit_sd,
    mahalanobis,
    propensity_score,
)
from reanalysis.matching.propensity_weights import ESTIMANDS, effective_size, weights
from reanalysis.matching.set_effects import main_statistic, matched_effects
from reanalysis.matching.weighted_effects import unadjusted_effects, weighted_effects
from reanalysis.methods.cox import Column, design
from reanalysis.results import Estimate
from reanalysis.sample import Sample

BEFORE, AFTER, SETS = "before matching", "after matching", "matched sets"


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The patients of an analysis with their score and their sets.

    ``treated`` (n,) tells who is of the first group; ``sets`` hold row numbers of the
    treated with those of the others; ``others`` are further matchings as good.
    """

    treated: np.ndarray
    columns: list[Column]
    score: Propensity | None
    sets: list[tuple[tuple[int, ...], tuple[int, ...]]]
    others: list[list[tuple[tuple[int, ...], tuple[int, ...]]]]
    replacement: bool = False
    complete: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def weight(self) -> np.ndarray:
        """Return the weight (n,) of each patient in the matched comparison."""
        weight = np.zeros(len(self.treated))
        for mine, theirs in self.sets:
            weight[list(mine)] += 1
            weight[list(theirs)] += len(mine) / len(theirs)
        return weight


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return effects in matched sets, with weights and unadjusted; then the balance.

    ``settings``: ``distance`` (logit, probability, mahalanobis), ``algorithm``
    (optimal, nearest), ``order`` (largest, smallest, random, as_given), ``ratio``,
    ``replacement``, ``caliper`` in standard deviations (``caliper_sd``: pooled, all)
    of the logit, ``balance_sd`` (pooled, treated, all), ``balance_rows`` (unmatched,
    matched), ``p_value`` (exact, asymptotic), ``variance`` of weighted differences
    (jackknife, estimated, known), ``stabilised``, ``tie_limit``, ``conf_level``,
    ``seed``. ``options["exact_on"]`` names covariates that must be equal in a set.
    """
    groups = sample.groups
    who = {"group": groups[0] if groups else "", "reference": sample.reference}
    statistic = main_statistic(sample)
    try:
        matched = match(sample, settings)
    except MethodError as error:
        n = len(sample.rows)
        return [Estimate(statistic=statistic, n=n, note=str(error), **who)]
    rows = _effect_rows(sample, settings, matched, statistic)
    if matched.score is not None:
        rows += weighted_effects(sample, settings, matched.treated, matched.score)
    rows += unadjusted_effects(sample, settings)
    rows += _count_rows(matched, who)
    rows += _balance_rows(matched, settings, who)
    return rows


def match(sample: Sample, settings: Mapping[str, object]) -> Matched:
    """Return the matched sets of a sample, found or as the study names them.

    Raises :class:`MethodError` for what cannot be matched, in one sentence.
    """
    if sample.kind == "summary":
        raise MethodError("Matching needs the rows of single patients.")
    if len(sample.groups) != 2:
        raise MethodError("Matching compares two groups.")
    rows = sample.rows
    treated = (rows["group"] == sample.groups[0]).to_numpy()
    if treated.all() or not treated.any():
        raise MethodError("Matching needs patients in both groups.")
    if sample.has("value") and not pd.api.types.is_numeric_dtype(rows["value"]):
        raise MethodError("Matching compares times, events or numbers, not words.")
    if sample.has("id") and rows["id"].duplicated().any():
        raise MethodError("Matching needs one row for each patient.")
    columns = [
        column
        for column in design(replace(sample, groups=()))
        if np.isfinite(column.values).all()
    ]
    if sample.has("pair"):
        return _as_named(rows["pair"], treated, columns)
    if not columns:
        raise MethodError("Matching needs covariates, or the sets a study matched.")
    values = np.column_stack([column.values for column in columns])
    score = propensity_score(values, treated)
    notes = []
    if score.penalised:
        notes.append(
            "The covariates separate the groups; the score is Firth's penalised one."
        )
    distance = _distance(sample, settings, values, treated, score)
    found = _matchings(settings, distance, treated, score)
    mine, theirs = np.flatnonzero(treated), np.flatnonzero(~treated)

    def rows_of(sets: Sets) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        return [
            ((int(mine[i]),), tuple(int(theirs[c]) for c in own))
            for i, own in enumerate(sets)
            if own
        ]

    first, *others = [rows_of(sets) for sets in found.sets]
    if len(first) < len(mine):
        notes.append(
            f"{len(mine) - len(first)} of {len(mine)} patients of {sample.groups[0]} "
            "have no match and are left out, so the effect is not that of all of them."
        )
    return Matched(
        treated, columns, score, first, others,
        bool(settings["replacement"]) and settings["algorithm"] == "nearest",
        found.complete, notes,
    )  # fmt: skip


def _as_named(pair: pd.Series, treated: np.ndarray, columns: list[Column]) -> Matched:
    """Take the sets that a study names; those of one group alone are left out."""
    sets = []
    for code in dict.fromkeys(pair):
        own = np.flatnonzero((pair == code).to_numpy())
        mine, theirs = own[treated[own]], own[~treated[own]]
        if len(mine) and len(theirs):
            sets.append((tuple(map(int, mine)), tuple(map(int, theirs))))
    if not sets:
        raise MethodError("No matched set holds patients of both groups.")
    held = sum(len(a) + len(b) for a, b in sets)
    notes = ["The sets are those of the study."]
    if held < len(treated):
        notes.append(f"{len(treated) - held} patients in sets of one group left out.")
    return Matched(treated, columns, None, sets, [], notes=notes)


def _distance(
    sample: Sample,
    settings: Mapping[str, object],
    values: np.ndarray,
    treated: np.ndarray,
    score: Propensity,
) -> np.ndarray:
    """Return the distances (treated, others), infinite where a match is forbidden."""
    kind = settings["distance"]
    gap = np.abs(score.logit[treated][:, None] - score.logit[~treated])
    if kind == "mahalanobis":
        distance = mahalanobis(values, treated)
    elif kind == "probability":
        p = np.round(score.logit, 12)
        distance = np.abs(p[treated][:, None] - p[~treated])
    else:
        distance = gap
    caliper = settings["caliper"]
    if caliper is not None:
        sd = logit_sd(score.logit, treated, str(settings["caliper_sd"]))
        distance = np.where(gap <= float(caliper) * sd * (1 + 1e-12), distance, np.inf)
    for name in sample.options.get("exact_on", ()):
        labels = sample.rows[name].to_numpy()
        same = labels[treated][:, None] == labels[~treated]
        distance = np.where(same, distance, np.inf)
    return distance


def _matchings(
    settings: Mapping[str, object],
    distance: np.ndarray,
    treated: np.ndarray,
    score: Propensity,
) -> Matchings:
    ratio, limit = int(settings["ratio"]), int(settings["tie_limit"])
    if settings["algorithm"] == "optimal":
        return optimal(distance, ratio, limit, int(settings["seed"]))
    order, n = settings["order"], len(distance)
    priority = {
        "largest": score.logit[treated],
        "smallest": -score.logit[treated],
        "as_given": -np.arange(n, dtype=float),
    }.get(str(order))
    if priority is None:
        priority = np.random.default_rng(int(settings["seed"])).permutation(n) * 1.0
    return nearest(distance, priority, ratio, bool(settings["replacement"]), limit)


def _effect_rows(
    sample: Sample,
    settings: Mapping[str, object],
    matched: Matched,
    statistic: str,
) -> list[Estimate]:
    """Return the effects in the sets, and their range over equally good matchings."""
    who = {"group": sample.groups[0], "reference": sample.reference}
    rows = matched_effects(
        sample, settings, matched.treated, matched.sets, matched.replacement
    )
    rows = [replace(row, term=SETS) for row in rows]
    if not rows:
        return []
    ties = len(matched.others) + 1
    notes, first, spread = list(matched.notes), "", []
    if ties > 1:
        more = [
            matched_effects(
                sample, settings, matched.treated, sets, matched.replacement, brief=True
            )[0]
            for sets in matched.others
        ]
        everything = [rows[0], *more]
        chosen = "with the smallest squared distances"
        if settings["algorithm"] == "nearest":
            chosen = "of the patients first in the table"
        many = ties if matched.complete else f"At least {ties}"
        first = f"{many} matchings are equally good; the one {chosen} is shown."
        values = [r.estimate for r in everything if not math.isnan(r.estimate)]
        if values:
            low, high = min(values), max(values)
            over = "them" if matched.complete else f"{ties} of them"
            first += f" Over {over} the estimate runs from {low:.3g} to {high:.3g}"
            p = [r.p_value for r in everything if not math.isnan(r.p_value)]
            first += f" and p from {min(p):.2g} to {max(p):.2g}." if p else "."
            name = f"{statistic.replace('_', ' ')} over equally good matchings"
            same = {"term": name, "n": rows[0].n, "unit": rows[0].unit, **who}
            spread = [
                Estimate(statistic=end, estimate=value, note=_endless(value), **same)
                for end, value in (("minimum", low), ("maximum", high))
            ]
        notes.append("Other matchings are equally good.")
    # The caveats of the matching go with every row that rests on it.
    said = " ".join(notes)
    rows = [replace(r, note=" ".join(filter(None, [said, r.note]))) for r in rows]
    if first:
        note = rows[0].note.replace("Other matchings are equally good.", first)
        rows[0] = replace(rows[0], note=note)
    return rows + spread


def _endless(value: float) -> str:
    """Say why an estimate over the sets is infinite."""
    one_way = "All sets that differ do so in one direction in one of the matchings."
    return one_way if math.isinf(value) else ""


def _count_rows(matched: Matched, who: Mapping[str, str]) -> list[Estimate]:
    """Return how many patients and sets there are, and how many matchings as good."""
    weight = matched.weight
    rows = []
    for group, own in (
        (who["group"], matched.treated),
        (who["reference"], ~matched.treated),
    ):
        used = int((weight[own] > 0).sum())
        rows += [
            Estimate(
                statistic="count", estimate=used, group=group, n=int(own.sum()),
                term="patients matched",
            ),
            Estimate(
                statistic="effective_sample_size", estimate=effective_size(weight[own]),
                group=group, n=used, term=SETS,
            ),
        ]  # fmt: skip
    ties = len(matched.others) + 1
    rows.append(Estimate(statistic="count", estimate=len(matched.sets), term=SETS))
    if matched.score is not None:
        note = "" if matched.complete else "There are more; the search was stopped."
        rows.append(
            Estimate(
                statistic="count",
                estimate=ties,
                term="equally good matchings",
                note=note,
            )
        )
    return rows


def _weightings(
    matched: Matched, settings: Mapping[str, object]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every way to weigh the patients, with its name."""
    yield BEFORE, np.ones(len(matched.treated))
    yield AFTER, matched.weight
    if matched.score is not None:
        for estimand, name in ESTIMANDS.items():
            yield name, weights(matched.score.logit, matched.treated, estimand)


def _differences(
    matched: Matched, settings: Mapping[str, object]
) -> Iterator[tuple[Column, str, float, float]]:
    """Yield covariate, weighting, standardised difference and variance ratio."""
    ones = np.ones(len(matched.treated))
    unmatched = settings["balance_rows"] == "unmatched"
    for when, weight in _weightings(matched, settings):
        for column in matched.columns:
            yield (
                column,
                when,
                standardized_difference(
                    column.values, matched.treated, weight,
                    unit=str(settings["balance_sd"]),
                    unit_weight=ones if unmatched else None,
                ),
                variance_ratio(column.values, matched.treated, weight),
            )  # fmt: skip


def _balance_rows(
    matched: Matched, settings: Mapping[str, object], who: Mapping[str, str]
) -> list[Estimate]:
    rows = []
    for column, when, difference, ratio in _differences(matched, settings):
        shared = {"term": column.term, "timepoint": when, **who}
        shared["n"] = (
            int((matched.weight > 0).sum()) if when == AFTER else len(matched.treated)
        )
        note = ""
        if math.isnan(difference):
            note = "The covariate does not vary within the groups."
        rows.append(
            Estimate(
                statistic="standardized_mean_difference", estimate=difference,
                note=note, **shared,
            )
        )  # fmt: skip
        if not math.isnan(ratio):
            rows.append(Estimate(statistic="variance_ratio", estimate=ratio, **shared))
    return rows


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return ``balance`` (term, when, difference) and ``matches`` (one row a patient).

    ``matches`` has ``group, score, logit, set`` (empty for those left out; several
    numbers, one a row, for a patient used more than once).
    """
    try:
        matched = match(sample, settings)
    except MethodError:
        return {}
    tables = {}
    balance = [
        {"term": column.term, "when": when, "difference": difference}
        for column, when, difference, _ in _differences(matched, settings)
        if when in (BEFORE, AFTER)
    ]
    if balance:
        tables["balance"] = pd.DataFrame(balance)
    if matched.score is not None:
        found = []
        in_sets: dict[int, list[int]] = {}
        for number, (mine, theirs) in enumerate(matched.sets, start=1):
            for row in (*mine, *theirs):
                in_sets.setdefault(row, []).append(number)
        names = (
            sample.rows["id"] if sample.has("id") else range(1, len(sample.rows) + 1)
        )
        for row, name in enumerate(names):
            for number in in_sets.get(row, [0]):
                found.append(
                    {
                        "patient": str(name),
                        "group": str(sample.rows["group"].iloc[row]),
                        "score": float(matched.score.probability[row]),
                        "logit": float(matched.score.logit[row]),
                        "set": number,
                    }
                )
        tables["matches"] = pd.DataFrame(found)
    return tables
