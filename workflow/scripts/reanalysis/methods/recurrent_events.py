"""Recurrent events: the mean cumulative function and models of all events.

Rows are intervals ``(start, stop]`` of patients (``id``), each ending in an event or
not. Every group gives its mean number of events per patient up to the times asked
for and to its last follow-up; groups are compared by one of the models of
:mod:`reanalysis.events.recurrent_models` and by the exact permutation of patients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from reanalysis.errors import MethodError
from reanalysis.events import mean_cumulative as mcf
from reanalysis.events.mean_cumulative import MeanCumulative, mean_cumulative
from reanalysis.events.recurrent_models import (
    MODELS,
    RecurrentFit,
    Spells,
    fit_recurrent,
    spells,
)
from reanalysis.methods.kaplan_meier import ticks
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.survival.risk_sets import FollowUp, follow_up, group_codes
from reanalysis.survival.score_permutation import BESIDE, count_tails
from reanalysis.survival.weighted_log_rank import log_rank
from reanalysis.tables.binomial import normal_p_value


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the rows of one analysis of recurrent events.

    ``settings``: ``model`` (andersen-gill, pwp-total, pwp-gap), ``ties`` (efron,
    breslow), ``variance`` (robust, model), ``test`` (wald, permutation),
    ``small_sample`` (none, t), ``interval`` of the mean cumulative function (log,
    plain), ``alternative`` and ``conf_level``. ``options["times"]``: times at which
    the mean number of events is wanted.
    """
    try:
        groups = _groups(sample)
    except MethodError as problem:
        return [Estimate(statistic="mean_cumulative_count", note=str(problem))]
    curves = {
        label: mean_cumulative(rows) for label, rows in groups.items() if rows.stop.size
    }
    rows = [
        row
        for label, curve in curves.items()
        for row in _of_group(label, groups[label], curve, sample, settings)
    ]
    for label in sample.groups:
        if label != sample.reference and {label, sample.reference} <= set(curves):
            rows += _differences(label, curves, sample, settings)
    if len(sample.groups) > 1:
        rows += _models(sample, settings)
    return rows


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return the curves (``mean_cumulative``) and the counts below them (``risk``)."""
    try:
        groups = _groups(sample)
    except MethodError:
        return {}
    if sample.groups:
        groups.pop("")
    last = max((float(r.stop.max()) for r in groups.values() if r.stop.size), default=0)
    at = ticks(last, sample.time_unit)
    curves, counts = [], []
    for label, rows in groups.items():
        if not rows.stop.size:
            continue
        curve = mean_cumulative(rows)
        low, high = _limits(curve.mean, curve.std_error, curve.n, settings)
        # A flat start, and a flat end to the last follow-up.
        end = slice(curve.times.size - 1, None) if curve.times.size else slice(0)
        curves.append(
            pd.DataFrame(
                {
                    "group": label,
                    "time": np.r_[0.0, curve.times, curve.last],
                    "mean": np.r_[0.0, curve.mean, curve.mean[end]]
                    if curve.times.size
                    else [0.0, 0.0],
                    "low": np.r_[NAN, low, low[end]] if low.size else [NAN, NAN],
                    "high": np.r_[NAN, high, high[end]] if high.size else [NAN, NAN],
                }
            )
        )
        ended = np.sort(rows.stop[rows.event])
        counts.append(
            pd.DataFrame(
                {
                    "group": label,
                    "time": at,
                    "at_risk": rows.at_risk(np.asarray(at)),
                    "events": np.searchsorted(ended, np.asarray(at) * (1 + 1e-9)),
                }
            )
        )
    return {
        "mean_cumulative": pd.concat(curves, ignore_index=True),
        "risk": pd.concat(counts, ignore_index=True),
    }


def _groups(sample: Sample) -> dict[str, FollowUp]:
    """Return the intervals by group, in order, and of everybody under ""."""
    if not sample.has("id", "start"):
        raise MethodError(
            "Recurrent events need the patient, start and end of every interval."
        )
    rows = follow_up(sample)
    code = group_codes(sample)
    by_person = pd.DataFrame({"person": rows.person, "code": code})
    if (by_person.groupby("person")["code"].nunique() > 1).any():
        raise MethodError("A patient is in two groups.")
    groups = {label: rows[code == k] for k, label in enumerate(sample.groups)}
    groups[""] = rows[code >= 0] if sample.groups else rows
    for members in groups.values():
        mcf.refuse_overlaps(members.person, members.start, members.stop)
    return groups


def _of_group(
    label: str,
    members: FollowUp,
    curve: MeanCumulative,
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    unit = sample.time_unit
    row = partial(Estimate, group=label, n=curve.n, events=members.events)
    yield row(statistic="n", estimate=curve.n)
    yield row(statistic="events", estimate=members.events)
    yield row(statistic="person_time", estimate=members.person_time, unit=unit)
    asked = [float(t) for t in sample.options.get("times", ())]
    for time in dict.fromkeys([*asked, curve.last]):
        mean, error, note = _at(curve, time)
        low, high = _limits(np.array([mean]), np.array([error]), curve.n, settings)
        named = {}
        if math.isfinite(high[0]):
            named = {
                "conf_low": float(low[0]),
                "conf_high": float(high[0]),
                "conf_level": settings["conf_level"],
                "interval_method": _method(settings),
                "std_error": error,
            }
        yield row(
            statistic="mean_cumulative_count",
            estimate=mean,
            timepoint=time,
            time_unit=unit,
            unit="events per patient",
            note=note,
            **named,
        )


def _at(curve: MeanCumulative, time: float) -> tuple[float, float, str]:
    """Return the mean, its robust error and what must be said of them."""
    step = curve.at(time)
    if time > curve.last * (1 + 1e-9):
        note = f"Nobody is followed beyond {curve.last:g}."
        return NAN, NAN, note
    if step < 0:
        return 0.0, NAN, "No event by this time, so no interval."
    mean, error = float(curve.mean[step]), float(curve.std_error[step])
    if curve.n < 2 or error <= 1e-9 * mean:
        return mean, NAN, "The patients do not vary, so there is no interval."
    if curve.at_risk[step] < 5:
        few = int(curve.at_risk[step])
        return mean, error, f"The last step rests on {few} at risk."
    return mean, error, ""


def _limits(
    mean: np.ndarray, error: np.ndarray, n: int, settings: Mapping[str, object]
) -> tuple[np.ndarray, np.ndarray]:
    return mcf.limits(
        mean,
        error,
        n,
        conf_level=float(settings["conf_level"]),
        scale=str(settings["interval"]),
        small_sample=settings["small_sample"] == "t",
    )


def _method(settings: Mapping[str, object]) -> str:
    small = ", Student's t" if settings["small_sample"] == "t" else ""
    return f"{settings['interval']} scale, robust{small}"


def _differences(
    label: str,
    curves: Mapping[str, MeanCumulative],
    sample: Sample,
    settings: Mapping[str, object],
) -> Iterator[Estimate]:
    first, second = curves[label], curves[sample.reference]
    common = min(first.last, second.last)
    asked = [float(t) for t in sample.options.get("times", ())]
    level = float(settings["conf_level"])
    alternative = str(settings["alternative"])
    for time in dict.fromkeys([*asked, common]):
        (a, se_a, _), (b, se_b, _) = _at(first, time), _at(second, time)
        # No event in a group is no error in it, none in both no comparison.
        square = sum(s * s for s in (se_a, se_b) if math.isfinite(s))
        row = partial(
            Estimate,
            statistic="mean_cumulative_difference",
            estimate=a - b,
            group=label,
            reference=sample.reference,
            timepoint=time,
            time_unit=sample.time_unit,
            unit="events per patient",
            n=first.n + second.n,
            events=int(first.events.sum() + second.events.sum()),
        )
        if math.isnan(a - b):
            yield row(note="A group is not followed so long.")
            continue
        if not (math.isfinite(se_a) and math.isfinite(se_b)) or square == 0:
            yield row(note="A group does not vary, so there is no interval.")
            continue
        error, quantile, small = math.sqrt(square), float(ndtri((1 + level) / 2)), ""
        z = (a - b) / error
        p, df = normal_p_value(z, alternative), NAN
        if settings["small_sample"] == "t":
            parts = [
                s * s * c.n / (c.n - 1) for s, c in ((se_a, first), (se_b, second))
            ]
            error = math.sqrt(sum(parts))
            # Welch and Satterthwaite, each group's variance on n - 1.
            df = sum(parts) ** 2 / sum(
                v * v / (c.n - 1) for v, c in zip(parts, (first, second), strict=True)
            )
            quantile, small = float(stdtrit(df, (1 + level) / 2)), ", Student's t"
            z = (a - b) / error
            p = _t_p_value(z, df, alternative)
        yield row(
            std_error=error,
            conf_low=a - b - quantile * error,
            conf_high=a - b + quantile * error,
            conf_level=level,
            interval_method=f"plain scale, robust{small}",
            test=f"Wald, robust{small}",
            alternative=alternative,
            test_statistic=z,
            df=df,
            p_value=p,
        )


def _t_p_value(t: float, df: float, alternative: str) -> float:
    from scipy.special import stdtr

    if alternative == "two-sided":
        return float(2 * stdtr(df, -abs(t)))
    return float(stdtr(df, -t if alternative == "greater" else t))


def _models(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the comparisons of groups: the chosen model, means, and permutation."""
    rows = sample.rows
    keep = np.isin(rows["group"].to_numpy(), sample.groups)
    found: list[Estimate] = []
    for label in sample.groups:
        if label == sample.reference:
            continue
        own = keep & rows["group"].isin([label, sample.reference]).to_numpy()
        found += _comparison(sample, own, label, settings)
    return found


def _comparison(
    sample: Sample, own: np.ndarray, label: str, settings: Mapping[str, object]
) -> list[Estimate]:
    rows = sample.rows[own]
    everything = follow_up(sample)[own]
    person = pd.factorize(rows["id"])[0]
    intervals = spells(everything.start, everything.stop, everything.event, person)
    x = (rows["group"] == label).to_numpy(float)
    stratum = pd.factorize(rows["stratum"])[0] if sample.has("stratum") else None
    model = str(settings["model"])
    common = {
        "group": label,
        "reference": sample.reference,
        "n": int(np.unique(person).size),
        "events": everything.events,
    }
    exact = _permutation(intervals, x, model, stratum, settings)
    robust = settings["variance"] == "robust"
    result = []
    try:
        fit = fit_recurrent(
            x[:, None], intervals, model, ties=str(settings["ties"]), stratum=stratum
        )
        main = _ratio(fit, x, intervals, label, sample.reference, robust, settings)
    except MethodError as problem:
        main = {"note": str(problem)}
    main["note"] = " ".join(filter(None, [f"{MODELS[model]} model.", main["note"]]))
    wald = {
        key: main.pop(key, "" if key in ("test", "alternative") else NAN)
        for key in ("test", "alternative", "test_statistic", "df", "p_value")
    }
    first, second = (wald, exact)
    if settings["test"] == "permutation":
        first, second = exact, wald
        note = exact.get("note", "")
        main["note"] = " ".join(filter(None, [str(main["note"]), str(note)]))
    tested = {k: v for k, v in first.items() if k != "note"}
    result.append(Estimate(statistic="hazard_ratio", **common, **main, **tested))
    reduction = dict(main)
    if "estimate" in main:
        reduction["estimate"] = 1 - float(main["estimate"])
        if "conf_low" in main:
            reduction["conf_low"] = 1 - float(main["conf_high"])
            reduction["conf_high"] = 1 - float(main["conf_low"])
        reduction.pop("std_error", None)
    fields = {"unit": "proportion", **common, **reduction, **tested}
    result.append(Estimate(statistic="hazard_reduction", **fields))
    # A test that was not asked for and cannot be made needs no row.
    if math.isfinite(float(second.get("p_value", NAN))):
        result.append(Estimate(statistic="test", **common, **second))
    result.append(_means(intervals, x, stratum, label, sample, settings, common))
    return result


def _ratio(
    fit: RecurrentFit,
    x: np.ndarray,
    rows: Spells,
    label: str,
    reference: str,
    robust: bool,
    settings: Mapping[str, object],
) -> dict[str, object]:
    """Return the fields of the ratio with interval and Wald test."""
    if fit.fit.infinite[0]:
        few = [
            name
            for name, here in ((label, x == 1), (reference, x == 0))
            if not rows.event[here].any()
        ]
        said = (
            f"No event in {few[0]}: the ratio has no finite logarithm and no interval."
            if few
            else "One group had its events first throughout: no finite estimate."
        )
        return {
            "estimate": math.inf if fit.fit.infinite[0] > 0 else 0.0,
            "note": said,
        }
    b = float(fit.fit.coefficient[0])
    square = float((fit.robust if robust else fit.fit.covariance)[0, 0])
    named, df = ("robust" if robust else "model-based"), math.inf
    if settings["small_sample"] == "t" and robust:
        df = fit.patients - 2
        square *= fit.patients / max(df, 1)
        named += ", Student's t"
    fewest = min(np.unique(rows.person[x == side]).size for side in (0, 1))
    problem = ""
    if robust and fewest < 2:
        problem = "A group of one patient does not show how patients vary."
    elif df < 1 or not square > 1e-12 * float(fit.fit.covariance[0, 0]):
        problem = "The robust variance is zero and gives no interval."
    if problem:
        return {"estimate": math.exp(b), "note": problem}
    note = ""
    if not robust:
        note = "Takes the events of a patient as independent."
    elif fit.patients < BESIDE and math.isinf(df):
        note = f"With {fit.patients} patients a robust interval is too narrow."
    error = math.sqrt(square)
    level, alternative = float(settings["conf_level"]), str(settings["alternative"])
    z = b / error
    quantile = float(ndtri((1 + level) / 2))
    p = normal_p_value(z, alternative)
    if math.isfinite(df):
        quantile, p = (
            float(stdtrit(df, (1 + level) / 2)),
            _t_p_value(z, df, alternative),
        )
    reach = quantile * error
    return {
        "estimate": math.exp(b),
        "std_error": error,
        "conf_low": math.exp(max(b - reach, -700)),
        "conf_high": math.exp(min(b + reach, 700)),
        "conf_level": level,
        "interval_method": f"Wald, log scale, {named}",
        "test": f"Wald, {named}",
        "alternative": alternative,
        "test_statistic": z,
        "df": df if math.isfinite(df) else NAN,
        "p_value": p,
        "note": note,
    }


def _means(
    rows: Spells,
    x: np.ndarray,
    stratum: np.ndarray | None,
    label: str,
    sample: Sample,
    settings: Mapping[str, object],
    common: Mapping[str, object],
) -> Estimate:
    """Return the ratio of mean numbers of events (Lin, Wei, Yang and Ying 2000).

    It is the Andersen-Gill estimator with Breslow's ties and the robust variance.
    """
    note = "Proportional means model of Lin, Wei, Yang and Ying."
    try:
        fit = fit_recurrent(x[:, None], rows, ties="breslow", stratum=stratum)
        fields = _ratio(fit, x, rows, label, sample.reference, True, settings)
    except MethodError as problem:
        fields = {"note": str(problem)}
    fields["note"] = " ".join(filter(None, [note, str(fields["note"])]))
    return Estimate(statistic="rate_ratio", **common, **fields)


def _permutation(
    rows: Spells,
    x: np.ndarray,
    model: str,
    stratum: np.ndarray | None,
    settings: Mapping[str, object],
) -> dict[str, object]:
    """Return the exact test that gives every patient either treatment.

    The statistic is the score of the model at no difference, a sum of one number per
    patient (events seen less events expected), which does not depend on the groups.
    """
    name = "exact permutation of patients"
    alternative = str(settings["alternative"])
    start, stop = rows.start, rows.stop
    layers = np.zeros(stop.size, dtype=int) if stratum is None else stratum
    within = layers
    if model == "pwp-gap":
        start, stop = start - rows.origin, stop - rows.origin
    if model != "andersen-gill":
        layers = layers * (int(rows.number.max(initial=1)) + 1) + rows.number
    try:
        _, layers = np.unique(layers, return_inverse=True)
        scores = log_rank(
            FollowUp(stop, rows.event, start, rows.person), (x == 0).astype(int), layers
        ).scores
        _, first, place = np.unique(rows.person, return_index=True, return_inverse=True)
        if (within[first][place] != within).any():
            raise MethodError("A patient who changes strata cannot be permuted.")
        scores = np.bincount(place, weights=scores)
        treated = x[first] == 1
        if treated.all() or not treated.any():
            raise MethodError("There are no patients in one of the groups.")
        if treated.size > BESIDE:
            raise MethodError(f"Exact p-values are given up to {BESIDE} patients.")
        tails = count_tails(scores, treated, within[first])
    except MethodError as problem:
        return {"test": name, "alternative": alternative, "note": str(problem)}
    p = tails.p_value(alternative)
    return {"test": name, "alternative": alternative, "p_value": p, "note": ""}
