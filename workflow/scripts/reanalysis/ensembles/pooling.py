"""One row from the same row of every member: median, band, smallest and largest."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reanalysis.results import NAN, RANGED, Estimate, joined
from reanalysis.survival.risk_sets import Floats

#: Band of an ensemble: its 2.5 and 97.5 % points.
BAND = (0.025, 0.975)
#: Statistics that have no number where follow-up ends before they are reached.
LATE = frozenset({"median_survival", "follow_up_median"})
#: Numbers of a row, beside :data:`RANGED`, of which the median is told.
_OTHERS = ("std_error", "df", "n", "events")

Rows = Sequence[tuple[str, Estimate]]


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """A row over members, and where its fields lie in each of them.

    ``columns`` go into estimates.csv beside the estimate. ``values`` has, by field, a
    number per member (nan: none), ``weight`` the members' weights, 0 for data sets
    sought out for an extreme.
    """

    endpoint: str
    estimate: Estimate
    columns: Mapping[str, object]
    values: Mapping[str, Floats]
    weight: Floats


def pool(
    by_member: Sequence[Rows],
    weight: Floats,
    *,
    effective: float,
    prior: str = "",
    times: Sequence[float] = (),
) -> list[Pooled]:
    """Put the rows of members together that say the same thing.

    ``by_member``: endpoint and estimate of every row, per member; ``times``: times that
    were asked for. Other times of rows (a horizon found from the data) may differ
    between members and are then left out. A row that only few members have says so.
    """
    found: dict[tuple, dict[int, Estimate]] = defaultdict(dict)
    for member, rows in enumerate(_with_tests(by_member)):
        seen: Counter = Counter()
        for endpoint, one in rows:
            place = _place(endpoint, one, times)
            found[(*place, seen[place])][member] = one
            seen[place] += 1
    many = len(by_member)
    return [
        _pooled(place[0], rows, weight, many, effective, prior)
        for place, rows in found.items()
    ]


def _with_tests(by_member: Sequence[Rows]) -> Sequence[Rows]:
    """Name the test in rows of members for which it gave nothing, as in the others.

    Where every member has the same rows in the same order and the others agree on the
    test of a row, a row without one is that row without a result.
    """
    shapes = {
        tuple((endpoint, *_place(endpoint, one, ())[1:7]) for endpoint, one in rows)
        for rows in by_member
    }
    if len(shapes) != 1:
        return by_member
    named = []
    for column in zip(*by_member, strict=True):
        tests = {(one.test, one.alternative) for _, one in column if one.test}
        named.append(tests.pop() if len(tests) == 1 else None)
    return [
        [
            (endpoint, replace(one, test=test[0], alternative=test[1]))
            if test and not one.test
            else (endpoint, one)
            for (endpoint, one), test in zip(rows, named, strict=True)
        ]
        for rows in by_member
    ]


def spread(pooled: Sequence[Pooled]) -> list[Pooled]:
    """Return rows over all priors: the smallest and the largest value alone.

    A band over priors would be the priors' doing; what any member reaches is not.
    Rows are matched by what they say; their values and weights are those of all.
    """
    together: dict[tuple, list[Pooled]] = defaultdict(list)
    for one in pooled:
        e = one.estimate
        place = _place(one.endpoint, e, ())
        together[(*place, e.timepoint)].append(one)
    return [_spread(rows) for rows in together.values()]


def _spread(rows: Sequence[Pooled]) -> Pooled:
    first = rows[0].estimate
    ranges = {}
    for name in RANGED:
        known = [
            row.estimate.ranges[name] for row in rows if name in row.estimate.ranges
        ]
        if known:
            ranges[name] = (min(k[0] for k in known), max(k[1] for k in known))
    blank = dict.fromkeys((*RANGED, *_OTHERS, "conf_level"), NAN)
    blank |= {"n": first.n, "conf_level": first.conf_level}
    return Pooled(
        rows[0].endpoint,
        replace(
            first,
            **blank,
            ranges=ranges,
            note=joined("smallest and largest over all priors", _few(rows)),
        ),
        {"members": sum(row.columns["members"] for row in rows)},
        {
            name: np.concatenate([row.values[name] for row in rows])
            for name in rows[0].values
        },
        np.concatenate([row.weight for row in rows]),
    )


def _few(rows: Sequence[Pooled]) -> str:
    searched = sum(int((row.weight == 0).sum()) for row in rows)
    if not searched:
        return ""
    sets = "data set" if searched == 1 else "data sets"
    return f"with {searched} more {sets} that were sought out for an extreme"


def quantile(values: Floats, weight: Floats, share: float) -> float:
    """Return the smallest value with at least a share of the weight at or below it.

    nan where no value has weight; values that are infinite count as such.
    """
    there = weight > 0
    values, weight = values[there], weight[there]
    if not values.size or np.isnan(values).any():
        return NAN
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    at = int(np.searchsorted(below, share * below[-1] * (1 - 1e-12)))
    return float(values[order][min(at, len(order) - 1)])


def _place(endpoint: str, one: Estimate, times: Sequence[float]) -> tuple:
    when = one.timepoint if one.timepoint in times or type(one.timepoint) is str else ""
    return (
        endpoint,
        one.statistic,
        one.group,
        one.reference,
        one.term,
        one.cause,
        when,
        one.test,
        one.alternative,
        one.endpoint,
    )


def _pooled(
    endpoint: str,
    rows: Mapping[int, Estimate],
    weight: Floats,
    many: int,
    effective: float,
    prior: str,
) -> Pooled:
    first = next(iter(rows.values()))
    values = {
        name: np.array(
            [getattr(rows[i], name) if i in rows else NAN for i in range(many)]
        )
        for name in (*RANGED, *_OTHERS)
    }
    shown, ranges, lacking = {}, {}, 0
    for name, numbers in values.items():
        known = ~np.isnan(numbers)
        counted = numbers
        if name == "estimate":
            lacking = int((~known & (weight > 0)).sum())
        if first.statistic in LATE and name in ("estimate", "conf_high"):
            counted = np.where(known, numbers, math.inf)
        else:
            counted = numbers[known]
        of = weight if counted is numbers or len(counted) == many else weight[known]
        middle = quantile(counted, of, 0.5)
        # Where most members have no number, those that do speak for themselves only.
        if len(counted) < many and weight[known].sum() < 0.5 * weight.sum():
            middle = NAN
        shown[name] = middle if math.isfinite(middle) else NAN
        if name in RANGED and known.any():
            ranges[name] = (float(numbers[known].min()), float(numbers[known].max()))
    band = _band(values["estimate"], weight, first.statistic in LATE)
    p_band = _band(values["p_value"], weight, False)
    same_time = len({row.timepoint for row in rows.values()}) == 1
    estimate = replace(
        first,
        **shown,
        ranges=ranges,
        timepoint=first.timepoint if same_time else "",
        interval_method=_common(row.interval_method for row in rows.values()),
        note=_note(rows, first, many, lacking, weight, same_time),
    )
    columns = {
        "members": int((weight > 0).sum()),
        "effective_members": effective,
        "band_low": band[0],
        "band_high": band[1],
        "p_value_band_low": p_band[0],
        "p_value_band_high": p_band[1],
        "prior": prior,
    }
    return Pooled(
        endpoint, estimate, columns, {name: values[name] for name in RANGED}, weight
    )


def _band(numbers: Floats, weight: Floats, late: bool) -> tuple[float, float]:
    known = ~np.isnan(numbers)
    if not late:
        # A band of some members only would look narrower than it is.
        if weight[known].sum() < 0.5 * weight.sum():
            return NAN, NAN
        numbers, weight = numbers[known], weight[known]
    low, high = (
        quantile(np.where(np.isnan(numbers), math.inf, numbers), weight, share)
        for share in BAND
    )
    return (low if math.isfinite(low) else NAN, high if math.isfinite(high) else NAN)


def _common(words: object) -> str:
    counted = Counter(words)
    return counted.most_common(1)[0][0]


def _note(
    rows: Mapping[int, Estimate],
    first: Estimate,
    many: int,
    lacking: int,
    weight: Floats,
    same_time: bool,
) -> str:
    parts = []
    numbered = int((weight > 0).sum())
    if len({row.note for row in rows.values()}) == 1:
        parts.append(first.note)
        why = ""
    else:
        # A note of single members would read as if it held for all.
        reasons = [row.note for row in rows.values() if math.isnan(row.estimate)]
        why = f" ({_common(reasons)})" if any(reasons) else ""
    if lacking and first.statistic in LATE:
        parts.append(f"not reached in {lacking} of {numbered} members")
    elif lacking and not all(math.isnan(row.estimate) for row in rows.values()):
        parts.append(f"no number in {lacking} of {numbered} members{why}")
    if not same_time:
        times = [row.timepoint for row in rows.values()]
        parts.append(f"horizon {min(times):.4g} to {max(times):.4g}, as members end")
    return joined(*parts)
