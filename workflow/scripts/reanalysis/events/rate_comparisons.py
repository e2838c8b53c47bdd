"""Rows of results that compare event rates of two groups over their patients.

What the counts of single patients add to the comparison of two totals: models for
counts that vary more than Poisson, pairs, and the exact permutation of the patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from reanalysis.errors import MethodError
from reanalysis.events.count_models import (
    CountFit,
    negative_binomial_ratio,
    poisson_ratio,
)
from reanalysis.events.paired_counts import conditional_law
from reanalysis.methods.proportions import fields_of_test
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival.score_permutation import BESIDE, count_tails
from reanalysis.tables.binomial import normal_p_value

#: Setting -> name of the model beside its test and interval.
MODELS = {
    "poisson-robust": "Poisson, robust",
    "quasi-poisson": "quasi-Poisson",
    "negative-binomial": "negative binomial",
    "negative-binomial-fixed": "negative binomial, shape taken as known",
}
TESTS = {
    "exact-conditional": ("conditional exact within pairs", {}),
    "exact-doubled": ("conditional exact within pairs, doubled", {"doubled": True}),
    "mid-p": ("conditional mid-P within pairs", {"doubled": True, "mid_p": True}),
    "mid-p-minlike": (
        "conditional mid-P within pairs, by probability",
        {"mid_p": True},
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class PatientCounts:
    """Events and observation time of the patients of two groups, shapes (patients,).

    ``first`` marks those of the first group; ``pair`` numbers the pairs, None without.
    """

    count: NDArray[np.int64]
    exposure: NDArray[np.float64]
    first: NDArray[np.bool_]
    pair: NDArray[np.int64] | None

    @property
    def n(self) -> int:
        """Number of patients."""
        return self.count.size


def patient_counts(
    sample: Sample,
    count: NDArray[np.int64],
    exposure: NDArray[np.float64],
    group: str,
    reference: str,
) -> PatientCounts:
    """Add up the rows of each patient of two groups.

    ``count`` and ``exposure`` are of the rows of the sample. Raises
    :class:`MethodError` for a patient in both groups or in two pairs.
    """
    rows = sample.rows
    label = rows["group"].to_numpy()
    own = (label == group) | (label == reference)
    ids = rows["id"].to_numpy() if sample.has("id") else np.arange(len(rows))
    person, _ = pd.factorize(ids[own])
    n = int(person.max(initial=-1)) + 1
    first = np.zeros(n, dtype=bool)
    first[person] = label[own] == group
    if (first[person] != (label[own] == group)).any():
        raise MethodError("A patient is in two groups.")
    pair = None
    if sample.has("pair"):
        codes, _ = pd.factorize(rows["pair"].to_numpy()[own])
        pair = np.zeros(n, dtype=int)
        pair[person] = codes
        if (pair[person] != codes).any():
            raise MethodError("A patient is in two pairs.")
    return PatientCounts(
        np.bincount(person, weights=count[own], minlength=n).astype(int),
        np.bincount(person, weights=exposure[own], minlength=n),
        first,
        pair,
    )


def model_rows(
    patients: PatientCounts,
    settings: Mapping[str, object],
    shared: Mapping[str, object],
) -> list[Estimate]:
    """Return ratio and reduction by the model of ``settings["model"]``."""
    model = str(settings["model"])
    try:
        fit = _fit(patients, model)
    except MethodError as problem:
        return [
            Estimate(
                statistic="rate_ratio", note=f"{MODELS[model]}: {problem}", **shared
            )
        ]
    level, alternative = float(settings["conf_level"]), str(settings["alternative"])
    z = fit.log_ratio / fit.std_error
    quantile, p = float(ndtri((1 + level) / 2)), normal_p_value(z, alternative)
    name = MODELS[model]
    if math.isfinite(fit.df):
        quantile = float(stdtrit(fit.df, (1 + level) / 2))
        p = float(2 * stdtr(fit.df, -abs(z)))
        if alternative != "two-sided":
            p = float(stdtr(fit.df, -z if alternative == "greater" else z))
    low, high = (
        math.exp(fit.log_ratio + side * quantile * fit.std_error) for side in (-1, 1)
    )
    if model == "quasi-poisson":
        note = f"Variance {fit.dispersion:.3g} times that of Poisson counts."
    elif model == "poisson-robust":
        note = ""
    elif math.isfinite(fit.shape):
        note = f"Shape {fit.shape:.3g} (variance = mean + mean squared / shape)."
    else:
        note = (
            "The counts vary no more than Poisson counts (shape at infinity), so this "
            "is the Poisson model."
        )
    fields = {
        "conf_level": level,
        "interval_method": f"{name}, Wald{', t' if math.isfinite(fit.df) else ''}",
        "test": f"Wald, {name}",
        "alternative": alternative,
        "test_statistic": z,
        "df": fit.df if math.isfinite(fit.df) else NAN,
        "p_value": p,
        "note": note,
        **shared,
    }
    ratio = math.exp(fit.log_ratio)
    return [
        Estimate(
            statistic="rate_ratio", estimate=ratio, std_error=fit.std_error,
            conf_low=low, conf_high=high, **fields,
        ),
        Estimate(
            statistic="rate_reduction", estimate=1 - ratio, conf_low=1 - high,
            conf_high=1 - low, unit="proportion", **fields,
        ),
    ]  # fmt: skip


def _fit(patients: PatientCounts, model: str) -> CountFit:
    of = (patients.count, patients.exposure, patients.first)
    match model:
        case "poisson-robust":
            return poisson_ratio(*of, "robust")
        case "quasi-poisson":
            return poisson_ratio(*of, "quasi")
        case "negative-binomial":
            return negative_binomial_ratio(*of, "joint")
        case "negative-binomial-fixed":
            return negative_binomial_ratio(*of, "fixed")
    raise MethodError(f"There is no model of counts named {model}.")


def pair_rows(
    patients: PatientCounts,
    settings: Mapping[str, object],
    shared: Mapping[str, object],
) -> list[Estimate]:
    """Return ratio, reduction and tests given the total of each pair."""
    primary = (
        str(settings["test"]) if settings["test"] in TESTS else "exact-conditional"
    )
    order = [primary, *(name for name in TESTS if name != primary)]
    try:
        first, second, times, left = _members(patients)
        law = conditional_law(second, first, times)
        if law.log_weights.size == 1:
            raise MethodError("There is no event.")
    except MethodError as problem:
        return [Estimate(statistic="rate_ratio", note=str(problem), **shared)]
    level = float(settings["conf_level"])
    mid_p = settings["interval"] == "mid-p"
    low, high = law.limits(level, mid_p=mid_p)
    ratio = law.estimate()
    notes = [f"{left} without a partner left out."] if left else []
    if ratio in (0.0, math.inf):
        which = "first group" if ratio == 0 else "reference"
        notes.append(f"The {which} has no event.")
    tests = [
        law.test(str(settings["alternative"]), name=TESTS[t][0], **TESTS[t][1])
        for t in order
    ]
    fields = {
        **shared,
        "conf_level": level,
        "interval_method": f"conditional {'mid-P' if mid_p else 'exact'} within pairs",
        **fields_of_test(tests[0]),
        "note": " ".join(notes),
    }
    rows = [
        Estimate(
            statistic="rate_ratio", estimate=ratio, conf_low=low, conf_high=high,
            **fields,
        ),
        Estimate(
            statistic="rate_reduction",
            estimate=1 - ratio if ratio < math.inf else NAN,
            conf_low=1 - high, conf_high=1 - low, unit="proportion", **fields,
        ),
    ]  # fmt: skip
    rows += [
        Estimate(statistic="test", **shared, **fields_of_test(test)) for test in tests
    ]
    return rows


def _members(
    patients: PatientCounts,
) -> tuple[NDArray, NDArray, NDArray, int]:
    """Return counts of the first and second members, time ratios, and those left."""
    found = []
    used = 0
    for code in np.unique(patients.pair):
        own = patients.pair == code
        one, other = (
            np.flatnonzero(own & side) for side in (patients.first, ~patients.first)
        )
        if len(one) > 1 or len(other) > 1:
            raise MethodError("A pair has two patients of one group.")
        if len(one) and len(other):
            a, b = int(one[0]), int(other[0])
            if patients.exposure[a] <= 0 or patients.exposure[b] <= 0:
                continue
            used += 2
            found.append(
                (
                    patients.count[a],
                    patients.count[b],
                    patients.exposure[a] / patients.exposure[b],
                )
            )
    if not found:
        raise MethodError("No pair has a patient of either group.")
    first, second, times = map(np.array, zip(*found, strict=True))
    return first, second, times, patients.n - used


def permutation_row(
    patients: PatientCounts,
    settings: Mapping[str, object],
    shared: Mapping[str, object],
) -> list[Estimate]:
    """Return the exact test that gives every patient either treatment.

    It holds whatever the law of the counts, where treatment was given at random and
    does not change how long a patient is observed. Nothing for many patients.
    """
    if patients.n > BESIDE or not patients.count.any():
        return []
    if patients.first.all() or not patients.first.any():
        return []
    rate = patients.count.sum() / patients.exposure.sum()
    scores = patients.count - rate * patients.exposure
    alternative = str(settings["alternative"])
    p = count_tails(scores, patients.first).p_value(alternative)
    return [
        Estimate(
            statistic="test",
            test="exact permutation of patients",
            alternative=alternative,
            p_value=p,
            **shared,
        )
    ]
