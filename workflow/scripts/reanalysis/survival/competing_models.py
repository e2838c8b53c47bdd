"""Rows of the models of competing risks: cause-specific, and Fine and Gray's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.methods import cox
from reanalysis.results import Estimate, joined
from reanalysis.sample import Sample
from reanalysis.survival.competing_patients import CompetingRisks
from reanalysis.survival.hazard_ratios import check_estimable, maximise
from reanalysis.survival.subdistribution_hazard import (
    robust_covariance,
    subdistribution,
)
from reanalysis.tables.binomial import normal_p_value, normal_quantile

#: Fewer events of the cause per coefficient than this are warned of.
EVENTS_PER_COLUMN = 5


@dataclass(frozen=True, slots=True)
class _Models:
    """What the models depend on, as a key, and the rows they are fitted to."""

    key: tuple
    sample: Sample = field(compare=False)
    data: CompetingRisks = field(compare=False)


def model_rows(
    sample: Sample, data: CompetingRisks, settings: Mapping[str, object]
) -> tuple[Estimate, ...]:
    """Return the rows of both models of groups and covariates; none without any."""
    if len(data.labels) == 1:
        sample = replace(sample, groups=())
    columns = cox.design(sample)
    if not columns:
        return ()
    names = ("ties", "subdistribution_ties", "infinite", "strata", "conf_level", "seed")
    chosen = tuple((name, settings[name]) for name in names)
    stratum = None if data.stratum is None else data.stratum.tobytes()
    design = tuple((str(c.labels), c.factor, c.values.tobytes()) for c in columns)
    rows = (data.time.tobytes(), data.cause.tobytes(), stratum, data.names, design)
    return _fitted(_Models((chosen, rows), sample, data))


@lru_cache(maxsize=64)
def _fitted(models: _Models) -> tuple[Estimate, ...]:
    """Fit both models. Kept, since most settings do not change them."""
    sample, data, settings = models.sample, models.data, dict(models.key[0])
    rows = list(_fine_gray(data, cox.design(sample), settings))
    chosen = {
        "ties": settings["ties"],
        "p_value": "wald",
        "interval": "wald",
        "variance": "model",
        "strata": settings["strata"],
        "infinite": settings["infinite"],
        "alternative": "two-sided",
        "likelihood": "partial",
        "pairs": "partial-likelihood",
        "weights": "case",
        "proportional_hazards": "none",
        "conf_level": settings["conf_level"],
        "seed": settings["seed"],
    }
    for cause in data.causes:
        events = sample.rows.assign(event=(data.cause == cause).astype(int))
        for row in cox.estimate(replace(sample, rows=events), chosen):
            if row.statistic == "hazard_ratio":
                note = joined("cause-specific", row.note)
                rows.append(replace(row, cause=data.names[cause - 1], note=note))
    return tuple(rows)


def _fine_gray(
    data: CompetingRisks, columns: list[cox.Column], settings: Mapping[str, object]
) -> Iterator[Estimate]:
    row = partial(
        Estimate,
        statistic="subdistribution_hazard_ratio",
        cause=data.names[0],
        n=data.time.size,
        events=data.events(1),
    )
    x = np.column_stack([column.values for column in columns])
    ties = str(settings["subdistribution_ties"])
    notes = []
    if data.stratum is not None:
        notes.append("this model takes no strata: they are left out")
    if data.events(1) < EVENTS_PER_COLUMN * len(columns):
        notes.append("few events, for which the interval is too narrow")
    try:
        model = subdistribution(x, data.time, data.cause, ties=ties)
        varies = check_estimable(model.likelihood)
        kept = np.flatnonzero(varies)
        if not kept.size:
            raise MethodError("No event of this cause happened while groups differed.")
        if kept.size < len(columns):
            model = subdistribution(x[:, kept], data.time, data.cause, ties=ties)
        fit = maximise(model.likelihood)
        covariance = fit.covariance
        if not fit.infinite.any():
            covariance = robust_covariance(model, fit)
    except MethodError as problem:
        for column in columns:
            yield row(note=str(problem), **column.labels)
        return
    place = {int(j): i for i, j in enumerate(kept)}
    for j, column in enumerate(columns):
        if j not in place:
            note = f"{column} does not vary among those at risk at any event"
            yield row(note=note, **column.labels)
            continue
        i = place[j]
        error = math.sqrt(max(float(covariance[i, i]), 0.0))
        usable = error > 1e-6 * math.sqrt(abs(float(fit.covariance[i, i])))
        if fit.infinite.any() or not usable:
            side = "no finite maximum, as one side has no event of this cause"
            note = side if fit.infinite.any() else "the robust variance is zero"
            yield row(
                note="; ".join([note, "see Gray's test", *notes]), **column.labels
            )
            continue
        b = float(fit.coefficient[i])
        reach = normal_quantile(float(settings["conf_level"])) * error
        yield row(
            estimate=math.exp(b),
            std_error=error,
            conf_low=math.exp(b - reach),
            conf_high=math.exp(b + reach),
            conf_level=settings["conf_level"],
            interval_method="Wald, log scale, robust",
            test=f"Wald, robust ({ties} ties)",
            alternative="two-sided",
            test_statistic=b / error,
            p_value=normal_p_value(b / error, "two-sided"),
            note="; ".join(notes),
            **column.labels,
        )
