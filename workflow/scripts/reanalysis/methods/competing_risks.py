"""Competing risks: incidence by cause, Gray's test, and models of both hazards.

A patient leaves by the event of interest, by an event that prevents it (death before
graft loss), or censored. The cumulative incidence is the share who have had the event;
1 - Kaplan-Meier with the other events censored overstates it. Hazards of one cause are
compared by Cox regression with the others censored, incidences by Gray's test and the
subdistribution hazard of Fine and Gray.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from reanalysis.cumulative_incidence import (
    Incidence,
    as_censored,
    cumulative_incidence,
    half_time,
    limits_of_none,
)
from reanalysis.errors import MethodError
from reanalysis.gray_test import GrayTest, Permuted, gray_test, permutation_test
from reanalysis.hazard_ratios import check_estimable, maximise
from reanalysis.methods import cox
from reanalysis.methods.kaplan_meier import ticks
from reanalysis.results import NAN, Estimate
from reanalysis.risk_sets import Floats, FollowUp, Ints, group_codes, unite
from reanalysis.sample import Sample
from reanalysis.subdistribution_hazard import robust_covariance, subdistribution
from reanalysis.weighted_log_rank import ONE_EVENT, chi_square, log_rank

#: Most patients for whom a permutation test stands beside the asymptotic one.
PERMUTED_LIMIT = 30
#: Fewer events of the cause per coefficient than this are warned of.
EVENTS_PER_COLUMN = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Follow-up with cause numbers: 0 censored, 1 of interest, 2 and on competing."""

    time: Floats
    cause: Ints
    names: tuple[str, ...]
    group: Ints
    labels: tuple[str, ...]
    stratum: Ints | None

    def of(self, keep: np.ndarray) -> _Data:
        stratum = None if self.stratum is None else self.stratum[keep]
        return replace(
            self,
            time=self.time[keep],
            cause=self.cause[keep],
            group=self.group[keep],
            stratum=stratum,
        )

    @property
    def members(self) -> dict[str, _Data]:
        """Patients of each group, and all together under ""."""
        groups = {
            label: self.of(self.group == k) for k, label in enumerate(self.labels)
        }
        return groups | {"": self.of(self.group >= 0) if groups else self}

    @property
    def causes(self) -> range:
        """Numbers of the causes, that of interest first."""
        return range(1, len(self.names) + 1)

    def events(self, cause: int) -> int:
        return int((self.cause == cause).sum())


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Estimate incidences of every cause, compare groups, and fit both models.

    ``options.causes`` says which codes of the role ``cause`` are censored, of
    ``interest`` (taken together) and ``competing``; ``options.times`` asks for
    incidences at these times. Rows of the cause of interest come first.
    """
    try:
        data = _read(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="cumulative_incidence", note=str(problem))]
    rows: list[Estimate] = []
    for label, members in data.members.items():
        rows += _of_group(label, members, sample, settings)
    if len(data.labels) > 1:
        rows += _comparisons(data, settings)
    return [*rows, *_models(sample, data, settings)]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return the steps of every cause with 1 - Kaplan-Meier, and the risk table.

    Columns of ``incidence``: cause, group, time, incidence, its limits and
    ``one_minus_km``. In ``risk`` events and censorings are those before the tick.
    """
    try:
        data = _read(sample, settings)
    except MethodError:
        return {}
    groups = data.members
    if data.labels:
        del groups[""]
    groups = {label: own for label, own in groups.items() if own.time.size}
    if not groups:
        return {}
    at = ticks(max(float(own.time.max()) for own in groups.values()), sample.time_unit)
    steps, risks = [], []
    for label, own in groups.items():
        for cause in data.causes:
            curve = _curve(own, cause, settings, estimator="aalen-johansen")
            naive = _curve(own, cause, settings, estimator="one-minus-kaplan-meier")
            known = np.isfinite(curve.conf_low)
            low = np.where(known, curve.conf_low, curve.incidence)
            high = np.where(known, curve.conf_high, curve.incidence)
            at_steps = np.append(curve.times, curve.last)

            def to_the_end(values: Floats) -> Floats:
                return np.concatenate(
                    [[0.0], values, values[-1:] if values.size else [0.0]]
                )

            steps.append(
                pd.DataFrame(
                    {
                        "cause": data.names[cause - 1],
                        "group": label,
                        "time": np.append(0.0, at_steps),
                        "incidence": to_the_end(curve.incidence),
                        "conf_low": to_the_end(low),
                        "conf_high": to_the_end(high),
                        "one_minus_km": [0.0, *map(naive.value, at_steps)],
                    }
                )
            )
        before = partial(_before, at)
        risks.append(
            pd.DataFrame(
                {
                    "group": label,
                    "time": at,
                    "at_risk": own.time.size - before(own.time),
                    "events": before(own.time[own.cause == 1]),
                    "competing": before(own.time[own.cause > 1]),
                    "censored": before(own.time[own.cause == 0]),
                }
            )
        )
    return {
        "incidence": pd.concat(steps, ignore_index=True),
        "risk": pd.concat(risks, ignore_index=True),
    }


def _before(times: Floats, moments: Floats) -> Ints:
    return np.searchsorted(np.sort(moments), times * (1 - 1e-9))


def _read(sample: Sample, settings: Mapping[str, object]) -> _Data:
    if sample.kind == "summary" or not sample.has("time", "cause"):
        raise MethodError("Competing risks need the time and cause of each patient.")
    declared = sample.options.get("causes")
    if not declared:
        raise MethodError("It is not declared which causes are of interest.")
    codes = {str(code): 0 for code in declared.get("censored", ())}
    codes |= {str(code): 1 for code in declared["interest"]}
    competing = [str(code) for code in declared.get("competing", ())]
    codes |= {code: number for number, code in enumerate(competing, start=2)}
    named = declared.get("labels", {})
    interest = " or ".join(str(named.get(c, c)) for c in map(str, declared["interest"]))
    rows = sample.rows
    cause = (
        rows["cause"]
        .map(lambda code: codes.get(str(code), -1))
        .to_numpy(dtype=np.int64)
    )
    if (cause < 0).any():
        raise MethodError("A cause in the rows is not among those declared.")
    stratum = None
    roles = [role for role in ("stratum", "pair") if sample.has(role)]
    if roles and settings["strata"] != "never":
        stratum = rows.groupby(roles, dropna=False).ngroup().to_numpy()
    return _Data(
        unite(rows["time"].to_numpy(dtype=float)),
        cause,
        (interest, *(str(named.get(code, code)) for code in competing)),
        group_codes(sample),
        tuple(sample.groups) if sample.has("group") else (),
        stratum,
    )


def _curve(
    data: _Data, cause: int, settings: Mapping[str, object], estimator: str = ""
) -> Incidence:
    naive = (estimator or settings["estimator"]) == "one-minus-kaplan-meier"
    return _kept_curve(
        data.time.tobytes(),
        (as_censored(data.cause, cause) if naive else data.cause).tobytes(),
        cause,
        # Greenwood's formula for a Kaplan-Meier curve.
        "delta" if naive else str(settings["variance"]),
        str(settings["interval"]),
        float(settings["conf_level"]),
    )


@lru_cache(maxsize=512)
def _kept_curve(
    time: bytes, cause: bytes, of: int, variance: str, interval: str, level: float
) -> Incidence:
    """Kept, since settings of tests and models do not change it."""
    return cumulative_incidence(
        np.frombuffer(time),
        np.frombuffer(cause, dtype=np.int64),
        of,
        variance=variance,
        interval=interval,
        conf_level=level,
    )


def _of_group(
    label: str, data: _Data, sample: Sample, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    n, unit = data.time.size, sample.time_unit or sample.unit
    whole = partial(Estimate, group=label, n=n)
    if not n:
        note = "There are no patients in this group."
        yield whole(statistic="cumulative_incidence", events=0, note=note)
        return
    times = [float(t) for t in sample.options.get("times", ())]
    yield whole(statistic="n", estimate=n, events=data.events(1))
    for cause in data.causes:
        curve = _curve(data, cause, settings)
        naive = _curve(data, cause, settings, estimator="one-minus-kaplan-meier")
        events = data.events(cause)
        row = partial(whole, cause=data.names[cause - 1], events=events)
        yield row(statistic="events", estimate=events)
        for time in times:
            at = partial(row, timepoint=time, time_unit=unit)
            yield _incidence_row(at, data, time, curve, naive, settings)
        if cause == 1:
            yield _half_row(row, curve, settings, unit)
            for time in times:
                yield _event_free_row(
                    partial(row, timepoint=time, time_unit=unit), data, time, settings
                )
    for time in times:
        at_risk = int((data.time >= time * (1 - 1e-9)).sum())
        yield whole(
            statistic="number_at_risk",
            estimate=at_risk,
            timepoint=time,
            time_unit=unit,
            events=data.events(1),
        )


def _how(settings: Mapping[str, object]) -> str:
    if settings["interval"] == "effective-n":
        return "Clopper-Pearson, effective n"
    if settings["estimator"] == "one-minus-kaplan-meier":
        return f"{settings['interval']}, Greenwood variance"
    return f"{settings['interval']}, {str(settings['variance']).capitalize()} variance"


def _incidence_row(
    row: Callable[..., Estimate],
    data: _Data,
    time: float,
    curve: Incidence,
    naive: Incidence,
    settings: Mapping[str, object],
) -> Estimate:
    step, share = curve.at(time), curve.value(time)
    row = partial(
        row,
        statistic="cumulative_incidence",
        conf_level=settings["conf_level"],
        interval_method=_how(settings),
        unit="proportion",
    )
    if _is_beyond(time, curve):
        return row(note=_beyond(curve, share))
    low = high = NAN
    if step >= 0 and share > 0:
        low, high = float(curve.conf_low[step]), float(curve.conf_high[step])
    elif settings["interval"] == "effective-n":
        after = data.time > time * (1 + 1e-9)
        known = int((after | (data.cause > 0)).sum())
        low, high = limits_of_none(known, float(settings["conf_level"]))
    biased = naive.value(time)
    notes = []
    if share == 0:
        notes.append("no event of this cause by this time")
    elif share == 1:
        notes.append("all have had it by this time")
    if settings["estimator"] == "one-minus-kaplan-meier":
        what = "1 - Kaplan-Meier with the other causes censored: no risk anyone runs"
        notes.append(what)
    elif biased > share + 5e-4:
        notes.append(
            "1 - Kaplan-Meier, which censors the other causes, would say "
            f"{100 * biased:.1f}%"
        )
    return row(
        estimate=share,
        std_error=float(curve.std_error[step]) if 0 < share < 1 else NAN,
        conf_low=low,
        conf_high=high,
        note="; ".join(notes),
    )


def _is_beyond(time: float, curve: Incidence) -> bool:
    """Tell whether somebody without an event was last seen before a time."""
    left = float(curve.survival[-1]) if curve.times.size else 1.0
    return left > 0 and time > curve.last * (1 + 1e-9)


def _beyond(curve: Incidence, share: float) -> str:
    return (
        f"beyond the last follow-up at {curve.last:g}, where it is {100 * share:.1f}%"
    )


def _half_row(
    row: Callable[..., Estimate],
    curve: Incidence,
    settings: Mapping[str, object],
    unit: str,
) -> Estimate:
    found = half_time(curve)
    note = "time by which the cumulative incidence reaches one half"
    if math.isnan(found.time):
        most = float(curve.incidence[-1]) if curve.times.size else 0.0
        note = (
            f"not reached: the incidence is {100 * most:.1f}% at the last follow-up at "
            f"{curve.last:g}"
        )
    elif math.isnan(found.conf_high):
        note += "; upper limit not reached"
    return row(
        statistic="median_survival",
        estimate=found.time,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        conf_level=settings["conf_level"],
        interval_method=f"limits of the incidence inverted, {_how(settings)}",
        unit=unit,
        note=note,
    )


def _event_free_row(
    row: Callable[..., Estimate],
    data: _Data,
    time: float,
    settings: Mapping[str, object],
) -> Estimate:
    """Return Kaplan-Meier with other causes censored: death-censored survival."""
    curve = _kept_curve(
        data.time.tobytes(),
        as_censored(data.cause).tobytes(),
        1,
        "delta",
        "cloglog",  # the log-log scale of the survival curve
        float(settings["conf_level"]),
    )
    step, share = curve.at(time), curve.value(time)
    row = partial(
        row,
        statistic="survival_probability",
        conf_level=settings["conf_level"],
        interval_method="log-log",
        unit="proportion",
    )
    if _is_beyond(time, curve):
        return row(note=_beyond(curve, 1 - share))
    limits = {}
    if 0 < share < 1:
        limits = {
            "std_error": float(curve.std_error[step]),
            "conf_low": 1 - float(curve.conf_high[step]),
            "conf_high": 1 - float(curve.conf_low[step]),
        }
    return row(
        estimate=1 - share,
        note="other causes censored (as in death-censored graft survival): what would "
        "be if they could not happen and went with no other risk",
        **limits,
    )


def _comparisons(data: _Data, settings: Mapping[str, object]) -> Iterator[Estimate]:
    last = len(data.labels) - 1
    for cause in data.causes:
        if last > 1:
            yield from _tests(data, cause, settings, Estimate)
        for k, label in enumerate(data.labels[:-1]):
            pair = data.of((data.group == k) | (data.group == last))
            pair = replace(pair, group=(pair.group == last) * 1, labels=("", ""))
            named = partial(Estimate, group=label, reference=data.labels[last])
            yield from _tests(pair, cause, settings, named)


def _tests(
    data: _Data,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> list[Estimate]:
    """Return the tests of one comparison, that asked for first.

    Causes other than that of interest have the first alone.
    """
    data = data.of(data.group >= 0)
    row = partial(
        row,
        statistic="incidence_test",
        cause=data.names[cause - 1],
        alternative="two-sided",
        n=data.time.size,
        events=data.events(cause),
    )
    ranked = [_gray_row, _log_rank_row]
    if settings["test"] == "log-rank":
        ranked.reverse()
    permuted = settings["p_value"] == "permutation"
    if permuted:
        ranked.insert(ranked.index(_gray_row), _permutation_row)
    elif data.time.size <= PERMUTED_LIMIT:
        ranked.append(_permutation_row)
    found = [test(data, cause, settings, row) for test in ranked]
    return found if cause == 1 else found[:1]


def _name(data: _Data, settings: Mapping[str, object]) -> str:
    rho = f", rho {settings['rho']:g}" if settings["rho"] else ""
    return "Gray" + rho + (", stratified" if data.stratum is not None else "")


def _gray_row(
    data: _Data,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    try:
        _check_groups(data)
        found = _kept_gray(
            data.time.tobytes(),
            data.cause.tobytes(),
            data.group.astype(np.int64).tobytes(),
            None if data.stratum is None else tuple(data.stratum),
            cause,
            float(settings["rho"]),
            len(data.labels),
        )
    except MethodError as problem:
        return row(test=_name(data, settings), note=str(problem))
    return row(
        test=_name(data, settings),
        test_statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
        note=ONE_EVENT if data.events(cause) == 1 else "",
    )


@lru_cache(maxsize=256)
def _kept_gray(
    time: bytes,
    cause: bytes,
    group: bytes,
    stratum: tuple | None,
    of: int,
    rho: float,
    groups: int,
) -> GrayTest:
    """Kept, since settings of incidences and models do not change it."""
    return gray_test(
        np.frombuffer(time),
        np.frombuffer(cause, dtype=np.int64),
        np.frombuffer(group, dtype=np.int64),
        None if stratum is None else np.array(stratum),
        of=of,
        rho=rho,
        groups=groups,
    )


def _permutation_row(
    data: _Data,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    name = f"{_name(data, settings)}, permutation"
    try:
        _check_groups(data)
        found = _permuted(
            tuple(data.time),
            tuple(data.cause),
            tuple(data.group),
            None if data.stratum is None else tuple(data.stratum),
            cause,
            float(settings["rho"]),
            len(data.labels),
            int(settings["seed"]),
        )
    except MethodError as problem:
        return row(test=name, note=str(problem))
    how = "all" if found.exact else "random"
    return row(
        test=name,
        p_value=found.p_value,
        note=f"{found.assignments} {how} assignments to groups",
    )


@lru_cache(maxsize=256)
def _permuted(
    time: tuple, cause: tuple, group: tuple, stratum: tuple | None, *rest: float
) -> Permuted:
    """Kept, since most settings do not change it."""
    of, rho, groups, seed = rest
    return permutation_test(
        np.array(time),
        np.array(cause),
        np.array(group),
        None if stratum is None else np.array(stratum),
        of=int(of),
        rho=rho,
        groups=int(groups),
        seed=int(seed),
    )


def _log_rank_row(
    data: _Data,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    name = "log-rank, cause-specific"
    name += ", stratified" if data.stratum is not None else ""
    try:
        _check_groups(data)
        rows = FollowUp(data.time, data.cause == cause)
        found = chi_square(
            log_rank(rows, data.group, data.stratum, groups=len(data.labels))
        )
    except MethodError as problem:
        return row(test=name, note=str(problem))
    return row(
        test=name,
        test_statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
        note="compares hazards with the other causes censored, not incidences"
        + (f"; {ONE_EVENT}" if data.events(cause) == 1 else ""),
    )


def _check_groups(data: _Data) -> None:
    if np.unique(data.group).size < 2:
        raise MethodError("There are no patients in one of the groups.")


@dataclass(frozen=True, slots=True)
class _Models:
    """What the models depend on, as a key, and the rows they are fitted to."""

    key: tuple
    sample: Sample = field(compare=False)
    data: _Data = field(compare=False)


def _models(
    sample: Sample, data: _Data, settings: Mapping[str, object]
) -> tuple[Estimate, ...]:
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
                note = "; ".join(p for p in ("cause-specific", row.note) if p)
                rows.append(replace(row, cause=data.names[cause - 1], note=note))
    return tuple(rows)


def _fine_gray(
    data: _Data, columns: list[cox.Column], settings: Mapping[str, object]
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
        reach = float(ndtri((1 + float(settings["conf_level"])) / 2)) * error
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
            p_value=float(2 * ndtr(-abs(b / error))),
            note="; ".join(notes),
            **column.labels,
        )
