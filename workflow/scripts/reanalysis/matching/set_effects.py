"""Rows of effects within matched sets.

Times to an event go to the Cox and log-rank families, with the set as stratum; yes or
no and measured outcomes to :mod:`reanalysis.matching.matched_outcomes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from reanalysis.errors import MethodError
from reanalysis.matching import matched_outcomes as outcomes
from reanalysis.matching.propensity_weights import (
    influence_of_means,
    refuse_few,
)
from reanalysis.methods import cox
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample

Set = tuple[tuple[int, ...], tuple[int, ...]]


def main_statistic(sample: Sample) -> str:
    """Return the statistic of the effect: by time, yes or no, or measurement."""
    if sample.has("time", "event"):
        return "hazard_ratio"
    if sample.has("event"):
        return "odds_ratio"
    return "mean_difference" if sample.has("value") else "standardized_mean_difference"


def groups_of(sample: Sample) -> dict[str, str]:
    """Return the fields that name the two groups."""
    return {"group": sample.groups[0], "reference": sample.reference}


def _empty(sample: Sample, note: str, **more: object) -> Estimate:
    return Estimate(
        statistic=main_statistic(sample), note=note, **groups_of(sample), **more
    )


def matched_effects(
    sample: Sample,
    settings: Mapping[str, object],
    treated: np.ndarray,
    sets: Sequence[Set],
    replacement: bool,
    *,
    brief: bool = False,
) -> list[Estimate]:
    """Return the effects within sets, the main one first; only that if ``brief``."""
    if main_statistic(sample) == "standardized_mean_difference":
        return []
    rows = [row for mine, theirs in sets for row in (*mine, *theirs)]
    codes = np.repeat(np.arange(len(sets)), [len(a) + len(b) for a, b in sets])
    frame = sample.rows.iloc[rows].reset_index(drop=True)
    try:
        if sample.has("time", "event"):
            person = np.array(rows) if replacement else None
            return _survival(sample, settings, frame, codes, person, brief)
        if replacement:
            # An odds ratio would need sets that are independent.
            none = "No odds ratio, as patients can be in several sets."
            rest = [_empty(sample, none)] if sample.has("event") else []
            return [_reused(sample, settings, treated, sets), *rest]
        mine = treated[rows]
        if sample.has("event"):
            return _binary(sample, settings, frame, mine, codes, brief)
        return _measured(sample, settings, frame, mine, codes, brief)
    except MethodError as error:
        return [_empty(sample, str(error), n=len(set(rows)))]


def cox_settings(settings: Mapping[str, object], **more: object) -> dict[str, object]:
    """Return the settings for the Cox family; ``more`` overrides them."""
    exact = settings["p_value"] == "exact"
    return {
        "ties": "efron",
        "p_value": "likelihood-ratio" if exact else "wald",
        "interval": "profile" if exact else "wald",
        "variance": "naive",
        "strata": "as_declared",
        "infinite": "firth",
        "alternative": "two-sided",
        "likelihood": "partial",
        "pairs": "partial-likelihood",
        "weights": "case",
        "proportional_hazards": "none",
        "conf_level": settings["conf_level"],
        **more,
    }


def _survival(
    sample: Sample,
    settings: Mapping[str, object],
    frame: pd.DataFrame,
    codes: np.ndarray,
    person: np.ndarray | None,
    brief: bool,
) -> list[Estimate]:
    """Return the hazard ratio stratified by set and the log-rank test within sets."""
    if brief and person is None:
        return [_hazard_ratio(sample, settings, frame, codes)]
    kept = frame[["time", "event", "group"]].assign(pair=codes)
    options = cox_settings(settings)
    if person is not None:
        kept["cluster"] = person
        options = cox_settings(settings, variance="robust", p_value="wald")
    inner = replace(sample, rows=kept, covariates=())
    found = [r for r in cox.estimate(inner, options) if r.statistic == "hazard_ratio"]
    said = "Stratified by matched set"
    if person is not None:
        said += "; robust variance, as a patient can be in several sets"
        found = found[:1]
    found = [replace(r, note="; ".join(filter(None, [said, r.note]))) for r in found]
    if person is not None:
        return found
    try:
        tests = _set_log_rank(kept, sample, codes, settings)
    except MethodError as error:
        tests = [Estimate(statistic="log_rank", note=str(error), **groups_of(sample))]
    return found + tests


def _hazard_ratio(
    sample: Sample,
    settings: Mapping[str, object],
    frame: pd.DataFrame,
    codes: np.ndarray,
) -> Estimate:
    """Return the hazard ratio and its p-value alone, as :func:`_survival` does."""
    from scipy.special import chdtrc

    from reanalysis.survival import hazard_ratios
    from reanalysis.survival.partial_likelihood import partial_likelihood

    likelihood = partial_likelihood(
        (frame["group"] == sample.groups[0]).to_numpy(float)[:, None],
        stop=frame["time"].to_numpy(float),
        event=frame["event"].to_numpy(),
        stratum=codes,
        ties="efron",
    )
    if not hazard_ratios.check_estimable(likelihood).any():
        raise MethodError("No matched set tells the groups apart.")
    fit = hazard_ratios.maximise(likelihood)
    if fit.infinite.any():
        fit = hazard_ratios.maximise(likelihood, penalised=True)
    if settings["p_value"] == "exact":
        test, _ = hazard_ratios.likelihood_ratio_and_score_tests(likelihood, fit, [0])
    else:
        test = hazard_ratios.wald_test(fit, fit.covariance, [0])
    return Estimate(
        statistic="hazard_ratio",
        estimate=math.exp(fit.coefficient[0]),
        p_value=float(chdtrc(1, test.statistic)),
    )


def _set_log_rank(
    kept: pd.DataFrame,
    sample: Sample,
    codes: np.ndarray,
    settings: Mapping[str, object],
) -> list[Estimate]:
    from reanalysis.methods.log_rank import log_rank
    from reanalysis.survival.risk_sets import follow_up

    mine = (kept["group"] == sample.groups[0]).to_numpy()
    event = kept["event"].to_numpy()
    rows = follow_up(replace(sample, rows=kept))
    test = log_rank(rows, (~mine).astype(int), codes)
    statistic, p = NAN, NAN
    if test.variance[0, 0] > 1e-12:
        from scipy.special import chdtrc

        statistic = float(test.difference[0] ** 2 / test.variance[0, 0])
        p = float(chdtrc(1, statistic))
    shared = {**groups_of(sample), "n": len(kept), "events": float(event.sum())}
    two = {"alternative": "two-sided", **shared}
    found = [
        Estimate(
            statistic="log_rank", test="log-rank, stratified by set", df=1,
            test_statistic=statistic, p_value=p,
            note="" if p == p else "No matched set tells the groups apart.", **two,
        )
    ]  # fmt: skip
    try:
        exact = outcomes.permutation_test(test.scores, mine, codes, "log-rank")
    except MethodError as error:
        return [replace(found[0], note=found[0].note or str(error))]
    row = Estimate(
        statistic="log_rank", test=exact.name, test_statistic=exact.statistic,
        p_value=exact.p_value, note=_informative(exact, codes), **two,
    )  # fmt: skip
    return [row, *found] if settings["p_value"] == "exact" else [*found, row]


def _informative(test: outcomes.SetTest, codes: np.ndarray) -> str:
    return f"{test.informative} of {codes.max() + 1} sets informative."


def fields_of(test: outcomes.SetTest, codes: np.ndarray, df: float = NAN) -> dict:
    """Return the fields of a test within sets."""
    return {
        "test": test.name, "alternative": "two-sided", "p_value": test.p_value,
        "test_statistic": test.statistic, "df": df, "note": _informative(test, codes),
    }  # fmt: skip


def _binary(
    sample: Sample,
    settings: Mapping[str, object],
    frame: pd.DataFrame,
    mine: np.ndarray,
    codes: np.ndarray,
    brief: bool,
) -> list[Estimate]:
    """Return the conditional and Mantel-Haenszel odds ratios and the difference."""
    level = float(settings["conf_level"])
    event = frame["event"].to_numpy(int)
    shared = {**groups_of(sample), "n": len(frame), "events": float(event.sum())}
    rows = []
    kinds = [(outcomes.exact_odds_ratio, NAN), (outcomes.mantel_haenszel, 1.0)]
    if settings["p_value"] != "exact":
        kinds.reverse()
    if brief and kinds[0][0] is outcomes.exact_odds_ratio:
        try:
            ratio, test = outcomes.exact_odds_ratio(event, mine, codes, limits=False)
        except MethodError as error:
            return [Estimate(statistic="odds_ratio", note=str(error), **shared)]
        return [
            Estimate(
                statistic="odds_ratio", estimate=ratio.estimate, p_value=test.p_value,
                **shared,
            )
        ]  # fmt: skip
    for function, df in kinds:
        try:
            ratio, test = function(event, mine, codes, level)
        except MethodError as error:
            rows.append(Estimate(statistic="odds_ratio", note=str(error), **shared))
            break
        fields = fields_of(test, codes, df)
        if math.isinf(ratio.estimate) or ratio.estimate == 0:
            fields["note"] += " All sets that differ do so in one direction."
        named = ratio.low == ratio.low
        rows.append(
            Estimate(
                statistic="odds_ratio", estimate=ratio.estimate, conf_low=ratio.low,
                conf_high=ratio.high, conf_level=level if named else NAN,
                interval_method=ratio.method if named else "", **fields, **shared,
            )
        )  # fmt: skip
    gap = outcomes.mean_difference(event.astype(float), mine, codes, level)
    row = _difference("risk_difference", gap, level, shared, "proportion")
    return [*rows, row]


def _difference(
    statistic: str,
    gap: outcomes.SetDifference,
    level: float,
    shared: Mapping[str, object],
    unit: str,
) -> Estimate:
    note = ""
    if math.isnan(gap.low):
        note = "The sets do not differ among themselves, so there is no interval."
        if math.isnan(gap.df):
            note = "One matched set gives no interval."
        level = NAN
    elif statistic == "risk_difference" and (gap.low < -1 or gap.high > 1):
        gap = replace(gap, low=max(gap.low, -1.0), high=min(gap.high, 1.0))
    return Estimate(
        statistic=statistic, estimate=gap.estimate, std_error=gap.std_error,
        conf_low=gap.low, conf_high=gap.high, conf_level=level, unit=unit,
        interval_method="" if note else "t of set differences",
        test="" if note else "t of set differences",
        alternative="" if note else "two-sided",
        test_statistic=gap.statistic, df=gap.df, p_value=gap.p_value, note=note,
        **shared,
    )  # fmt: skip


def _measured(
    sample: Sample,
    settings: Mapping[str, object],
    frame: pd.DataFrame,
    mine: np.ndarray,
    codes: np.ndarray,
    brief: bool,
) -> list[Estimate]:
    """Return the mean difference over sets, the shift and the rank tests."""
    level = float(settings["conf_level"])
    value = frame["value"].to_numpy(float)
    shared = {**groups_of(sample), "n": len(frame)}
    gap = outcomes.mean_difference(value, mine, codes, level)
    rows = [_difference("mean_difference", gap, level, shared, sample.unit)]
    if brief:
        return rows
    pairs = bool((np.bincount(codes) == 2).all())
    try:
        if pairs:
            rows += _pairs(sample, value, mine, codes, settings, shared)
        else:
            rows += _unequal_sets(sample, value, mine, codes, settings, shared)
    except MethodError as error:
        rows.append(Estimate(statistic="median_difference", note=str(error), **shared))
    return rows


def _pairs(
    sample: Sample,
    value: np.ndarray,
    mine: np.ndarray,
    codes: np.ndarray,
    settings: Mapping[str, object],
    shared: Mapping[str, object],
) -> list[Estimate]:
    from reanalysis.measurements.location import (
        decimal,
        hodges_lehmann,
        signed_rank_test,
    )

    first, second = (value[own][np.argsort(codes[own])] for own in (mine, ~mine))
    change = decimal(first - second)
    exact = settings["p_value"] == "exact"
    found = hodges_lehmann(change, exact=exact, level=float(settings["conf_level"]))
    test = signed_rank_test(change, exact=exact)
    return [
        Estimate(
            statistic="median_difference", estimate=found.estimate, unit=sample.unit,
            conf_low=found.low, conf_high=found.high, conf_level=found.level,
            interval_method=found.method, test=test.name, alternative="two-sided",
            test_statistic=test.statistic, p_value=test.p_value,
            note=". ".join(filter(None, [found.note, test.note])), **shared,
        )
    ]  # fmt: skip


def _unequal_sets(
    sample: Sample,
    value: np.ndarray,
    mine: np.ndarray,
    codes: np.ndarray,
    settings: Mapping[str, object],
    shared: Mapping[str, object],
) -> list[Estimate]:
    level = float(settings["conf_level"])
    elteren = outcomes.van_elteren_scores(value, codes)
    aligned = outcomes.aligned_ranks(value, codes)
    tests = []
    for name, scores in (("van Elteren", elteren), ("aligned ranks", aligned)):
        for law in (outcomes.permutation_test, outcomes.normal_test):
            try:
                tests.append(law(scores, mine, codes, name))
            except MethodError as error:
                if "In no matched set" in str(error):
                    raise
    if settings["p_value"] != "exact":
        tests.sort(key=lambda test: not test.name.endswith("normal"))
    point, low, high, reached = NAN, NAN, NAN, NAN
    note = ""
    try:
        point, low, high, reached = outcomes.shift(value, mine, codes, level)
    except MethodError as error:
        note = f" {error}"
    if math.isinf(low):
        note, low, high = " So few sets allow no limits at this level.", NAN, NAN
    named = low == low
    first = fields_of(tests[0], codes)
    rows = [
        Estimate(
            statistic="median_difference", estimate=point, unit=sample.unit,
            conf_low=low, conf_high=high, conf_level=reached if named else NAN,
            interval_method="van Elteren, exact within sets" if named else "",
            **{**first, "note": f"{first['note']}{note}"}, **shared,
        )
    ]  # fmt: skip
    rows += [
        Estimate(statistic="test", **fields_of(t, codes), **shared) for t in tests[1:]
    ]
    return rows


def _reused(
    sample: Sample,
    settings: Mapping[str, object],
    treated: np.ndarray,
    sets: Sequence[Set],
) -> Estimate:
    """Return the weighted difference where a patient can be in several sets."""
    w = np.zeros(len(treated))
    for own, theirs in sets:
        w[list(own)] += 1
        w[list(theirs)] += len(own) / len(theirs)
    binary = sample.has("event")
    y = sample.rows["event" if binary else "value"].to_numpy(float)
    means, influence = influence_of_means(y, treated, w)
    estimate, error = means[0] - means[1], math.sqrt(float(influence @ influence))
    level = float(settings["conf_level"])
    shared = {
        **groups_of(sample), "n": int((w > 0).sum()),
        "statistic": "risk_difference" if binary else "mean_difference",
        "unit": "proportion" if binary else sample.unit, "estimate": estimate,
    }  # fmt: skip
    try:
        refuse_few(w, treated)
    except MethodError as problem:
        return Estimate(note=str(problem), **shared)
    if error <= 1e-12 * (1 + float(np.abs(y).max())):
        note = "The outcome does not vary, so there is no interval."
        return Estimate(note=note, **shared)
    # Few patients who serve often: t of the group that has fewer of them.
    df = min(int((w[own] > 0).sum()) for own in (treated, ~treated)) - 1.0
    reach = float(stdtrit(df, (1 + level) / 2)) * error
    t = estimate / error
    return Estimate(
        std_error=error, conf_low=estimate - reach, conf_high=estimate + reach,
        conf_level=level,
        interval_method=f"sandwich, matching taken as known, t with {df:.0f} df",
        test="sandwich t", alternative="two-sided", test_statistic=t, df=df,
        p_value=2 * float(stdtr(df, -abs(t))),
        note="Patients can be in several sets, so no test within sets is exact.",
        **shared,
    )  # fmt: skip
