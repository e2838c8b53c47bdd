"""Tests that compare survival curves: log-rank, its weighted relatives and trend.

Our own because lifelines' tests have no strata, late entry, observed and expected
counts, trend, or scores for an exact test to permute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from reanalysis.errors import MethodError
from reanalysis.results import Estimate
from reanalysis.risk_sets import (
    Floats,
    FollowUp,
    Ints,
    follow_up,
    group_codes,
    risk_table,
)
from reanalysis.sample import Sample

#: Name of each test by the setting that asks for it.
NAMES = {
    "log-rank": "log-rank",
    "gehan-breslow": "Gehan-Breslow",
    "tarone-ware": "Tarone-Ware",
    "peto-peto": "Peto-Peto",
    "fleming-harrington": "Fleming-Harrington",
}

#: Largest number of patients for whom all permutations are counted.
EXACT_LIMIT = 30


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """A weighted log-rank comparison of groups.

    ``observed`` and ``expected`` events are unweighted, shapes (groups,);
    ``difference`` is the weighted sum of observed minus expected with its
    ``variance``, shape (groups, groups). ``scores``, shape (rows,), add up to
    ``difference`` within each group and to 0 within each stratum.
    """

    observed: Floats
    expected: Floats
    difference: Floats
    variance: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square statistic with its degrees of freedom and p-value."""

    statistic: float
    df: int
    p_value: float


def log_rank(
    rows: FollowUp,
    group: Ints,
    stratum: Ints | None = None,
    *,
    weights: str = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
    groups: int = 2,
) -> LogRank:
    """Compare observed with expected events in each group.

    ``group`` and ``stratum``, shapes (rows,), number them from 0; ``groups`` is the
    number of groups, some of which may be empty.

    The weights of an event time, from all groups of a stratum together: 1
    (``log-rank``); the number at risk (``gehan-breslow``) or its square root
    (``tarone-ware``); ``peto-peto``, the product of 1 - d / (n + 1) up to and
    including the time; ``fleming-harrington``, S^rho (1 - S)^gamma with the
    Kaplan-Meier estimate just before the time. The variance is hypergeometric.

    Sources: Mantel 1966; Peto and Peto 1972; Tarone and Ware 1977; Harrington and
    Fleming, Biometrika 1982;69:553-566; Klein and Moeschberger 2003, section 7.3.
    Raises :class:`MethodError` without events.
    """
    if not rows.event.any():
        raise MethodError("There are no events, so the groups cannot be compared.")
    stratum = np.zeros(group.size, dtype=int) if stratum is None else stratum
    table = risk_table(rows, np.unique(rows.stop[rows.event]), group, stratum, groups)
    n, d = table.at_risk.sum(axis=2), table.events.sum(axis=2)
    share = table.at_risk / np.maximum(n, 1)[:, :, None]
    w = _weights(n, d, weights, rho, gamma)

    expected = d[:, :, None] * share
    excess = w[:, :, None] * (table.events - expected)
    factor = (w**2 * d * (n - d) / np.maximum(n - 1, 1)).ravel()
    flat = share.reshape(factor.size, -1)
    variance = np.diag(factor @ flat) - (flat * factor[:, None]).T @ flat

    # Score of a row: its weighted event minus the weighted hazard it was exposed to.
    hazard = np.cumsum(w * d / np.maximum(n, 1), axis=1)
    hazard = np.concatenate([np.zeros((len(hazard), 1)), hazard], axis=1)
    end = np.searchsorted(table.times, rows.stop, side="right")
    scores = rows.event * w[stratum, end - 1] - hazard[stratum, end]
    if rows.start is not None:
        begin = np.searchsorted(table.times, rows.start, side="right")
        scores += hazard[stratum, begin]
    return LogRank(
        table.events.sum(axis=(0, 1)).astype(float),
        expected.sum(axis=(0, 1)),
        excess.sum(axis=(0, 1)),
        variance,
        scores,
    )


def _weights(n: Ints, d: Ints, kind: str, rho: float, gamma: float) -> Floats:
    match kind:
        case "log-rank":
            return np.ones(n.shape)
        case "gehan-breslow":
            return n.astype(float)
        case "tarone-ware":
            return np.sqrt(n)
        case "peto-peto":
            return np.cumprod(1 - d / (n + 1), axis=1)
        case "fleming-harrington":
            after = np.cumprod(1 - d / np.maximum(n, 1), axis=1)
            # Rounding may leave the product a hair outside [0, 1].
            s = np.clip(np.roll(after, 1, axis=1), 0, 1)
            s[:, 0] = 1
            return s**rho * (1 - s) ** gamma
    raise MethodError(f"There is no log-rank test with the weights {kind!r}.")


def chi_square(result: LogRank) -> ChiSquare:
    """Test that all groups share one hazard.

    Raises :class:`MethodError` when no event happened with two groups at risk.
    """
    scale = float(np.trace(result.variance))
    if not scale > 0:
        raise MethodError("No event happened while two groups were at risk.")
    # The rank counts the groups that can be compared, less one per connected set.
    values, vectors = np.linalg.eigh(result.variance / scale)
    kept = values > 1e-10
    along = vectors[:, kept].T @ result.difference
    return _test(float((along**2 / values[kept]).sum()) / scale, int(kept.sum()))


def trend(result: LogRank) -> ChiSquare:
    """Test for a trend over the groups in their order, with scores 0, 1, 2, ...

    Source: Tarone, Biometrika 1975;62:679-682. Raises :class:`MethodError` when the
    groups cannot be compared.
    """
    score = np.arange(result.difference.size)
    variance = float(score @ result.variance @ score)
    if not variance > 1e-12 * float(np.trace(result.variance)):
        raise MethodError("No event happened while two groups were at risk.")
    return _test(float(score @ result.difference) ** 2 / variance, 1)


def _test(statistic: float, df: int) -> ChiSquare:
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))


def permutation_p_value(
    scores: Floats,
    treated: np.ndarray,
    stratum: Ints | None = None,
    *,
    alternative: str = "two-sided",
) -> float:
    """Share of all assignments whose sum of scores is at least as extreme.

    ``scores`` (patients,) stay fixed and add up to 0 in each stratum; ``treated`` is
    a mask whose count is kept in each stratum. ``greater`` and ``less`` are about
    the sum over the treated; two-sided takes the sums at least as far from 0.

    All assignments are counted: the patients are cut in two halves, whose subset
    sums are listed by size and matched (Horowitz and Sahni 1974). Source of the
    test: Peto and Peto 1972. Raises :class:`MethodError` beyond 30 patients.
    """
    if scores.size > EXACT_LIMIT:
        raise MethodError(f"Exact p-values are given up to {EXACT_LIMIT} patients.")
    stratum = np.zeros(scores.size, dtype=int) if stratum is None else stratum
    observed = float(scores[treated].sum())
    slack = 1e-10 * float(np.abs(scores).sum())
    bound = abs(observed) - slack
    if alternative == "two-sided" and bound <= 0:
        return 1.0
    order = np.argsort(stratum, kind="stable")
    borders = np.flatnonzero(np.diff(stratum[order])) + 1
    # Whole strata go to either half; one at most is cut, and there the number treated
    # in the first half is free.
    room = (scores.size + 1) // 2
    first, second, cut = np.zeros(1), np.zeros(1), [(np.zeros(1), np.zeros(1))]
    for block in np.split(order, borders):
        size = np.count_nonzero(treated[block])
        head, tail = scores[block[:room]], scores[block[room:]]
        room -= head.size
        heads, tails = _subset_sums(head, size), _subset_sums(tail, size)
        if not tail.size:
            first = _all_sums(first, heads[size])
        elif not head.size:
            second = _all_sums(second, tails[size])
        else:
            cut = list(zip(heads, reversed(tails), strict=True))
    extreme = total = 0
    for head, tail in cut:
        a, b = np.sort(_all_sums(first, head)), np.sort(_all_sums(second, tail))
        total += a.size * b.size
        if alternative == "two-sided":
            extreme += a.size * b.size - np.searchsorted(b, bound - a).sum()
            extreme += np.searchsorted(b, -bound - a, side="right").sum()
        elif alternative == "greater":
            extreme += a.size * b.size - np.searchsorted(b, observed - slack - a).sum()
        else:
            least = observed + slack - a
            extreme += np.searchsorted(b, least, side="right").sum()
    return float(extreme / total)


def _subset_sums(values: Floats, largest: int) -> list[Floats]:
    """List the sums of all subsets of each size from 0 to ``largest``."""
    sums = [np.zeros(1)] + [np.zeros(0)] * largest
    for value in values:
        for size in range(largest, 0, -1):
            if sums[size - 1].size:
                sums[size] = np.concatenate([sums[size], sums[size - 1] + value])
    return sums


def _all_sums(a: Floats, b: Floats) -> Floats:
    return (a[:, None] + b).ravel()


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Rows of the groups compared, with the group and stratum of each."""

    rows: FollowUp
    group: Ints
    stratum: Ints | None
    groups: int = 2

    def pair(self, first: int, second: int) -> _Data:
        """Return the rows of two groups, numbered 0 and 1."""
        keep = (self.group == first) | (self.group == second)
        stratum = None if self.stratum is None else self.stratum[keep]
        return _Data(self.rows[keep], (self.group[keep] == second) * 1, stratum)

    def compare(self, **weights: object) -> LogRank:
        return log_rank(
            self.rows, self.group, self.stratum, groups=self.groups, **weights
        )


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Compare the groups: all together with a trend test, and each with the reference.

    Two groups give one comparison. Up to 30 patients the exact permutation p-value
    of the scores stands beside the asymptotic one, or before it when asked for.
    """
    try:
        data = _read(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="log_rank", note=str(problem))]
    groups = sample.groups
    rows: list[Estimate] = []
    if len(groups) > 2:
        rows += _overall(data, settings)
    for k, label in enumerate(groups[:-1]):
        pair = data.pair(k, len(groups) - 1)
        row = partial(_row(pair, settings), group=label, reference=groups[-1])
        rows += _comparison(pair, settings, row)
    try:
        counts = data.compare()
    except MethodError:
        return rows
    for k, label in enumerate(groups):
        members = data.rows[data.group == k]
        row = partial(Estimate, group=label, n=members.n, events=members.events)
        rows += [
            row(statistic="observed_events", estimate=float(counts.observed[k])),
            row(statistic="expected_events", estimate=float(counts.expected[k])),
        ]
    return rows


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return nothing: the curves are drawn by the Kaplan-Meier analysis."""
    return {}


def _read(sample: Sample, settings: Mapping[str, object]) -> _Data:
    if len(sample.groups) < 2 or not sample.has("group"):
        raise MethodError("A comparison of survival needs two groups.")
    rows, group = follow_up(sample), group_codes(sample)
    roles = [role for role in ("stratum", "pair") if sample.has(role)]
    stratum = None
    if roles and settings["stratified"] != "never":
        stratum = sample.rows.groupby(roles, dropna=False).ngroup().to_numpy()
    keep = group >= 0
    stratum = None if stratum is None else stratum[keep]
    return _Data(rows[keep], group[keep], stratum, len(sample.groups))


def _row(data: _Data, settings: Mapping[str, object]) -> Callable[..., Estimate]:
    name = NAMES[str(settings["weights"])]
    if settings["weights"] == "fleming-harrington":
        name += f"({settings['rho']:g},{settings['gamma']:g})"
    return partial(
        Estimate,
        statistic="log_rank",
        test=name + (", stratified" if data.stratum is not None else ""),
        n=data.rows.n,
        events=data.rows.events,
    )


def _weighted(data: _Data, settings: Mapping[str, object]) -> LogRank:
    return data.compare(**{key: settings[key] for key in ("weights", "rho", "gamma")})


def _overall(data: _Data, settings: Mapping[str, object]) -> list[Estimate]:
    row = _row(data, settings)
    try:
        result = _weighted(data, settings)
        both = chi_square(result), trend(result)
    except MethodError as problem:
        return [row(note=str(problem))]
    notes = []
    if settings["p_value"] == "exact":
        notes.append("no exact p-value for more than two groups")
    if settings["alternative"] == "one-sided":
        notes.append("a comparison of several groups has no direction")
    named = row.keywords["test"]
    return [
        row(
            alternative="two-sided",
            test_statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
            test=name,
            note="; ".join(notes),
        )
        for test, name in zip(both, (named, f"{named} trend"), strict=True)
    ]


def _comparison(
    data: _Data, settings: Mapping[str, object], row: Callable[..., Estimate]
) -> list[Estimate]:
    try:
        if np.unique(data.group).size < 2:
            raise MethodError("There are no patients in one of the groups.")
        result = _weighted(data, settings)
        test = chi_square(result)
    except MethodError as problem:
        return [row(note=str(problem))]
    alternative, p_value = "two-sided", test.p_value
    if settings["alternative"] == "one-sided":
        alternative = "less" if result.difference[0] < 0 else "greater"
        p_value /= 2
    asymptotic = row(
        alternative=alternative,
        test_statistic=test.statistic,
        df=test.df,
        p_value=p_value,
    )
    try:
        scores, treated, stratum = _per_person(data, result.scores)
        p_value = permutation_p_value(scores, treated, stratum, alternative=alternative)
    except MethodError as problem:
        if settings["p_value"] != "exact":
            return [asymptotic]
        name = f"{row.keywords['test']}, exact permutation"
        # What was asked for comes first, empty: the other is no stand-in for it.
        return [row(test=name, note=str(problem)), asymptotic]
    exact = row(
        alternative=alternative,
        p_value=p_value,
        test=f"{row.keywords['test']}, exact permutation",
    )
    first = settings["p_value"] == "exact"
    return [exact, asymptotic] if first else [asymptotic, exact]


def _per_person(data: _Data, scores: Floats) -> tuple[Floats, np.ndarray, Ints | None]:
    """Add up the scores of each person, who must stay in one group and stratum."""
    person = data.rows.person
    if person is None:
        return scores, data.group == 0, data.stratum
    _, first, place = np.unique(person, return_index=True, return_inverse=True)
    for label in (data.group, data.stratum):
        if label is not None and (label[first][place] != label).any():
            raise MethodError("A patient who changes groups cannot be permuted.")
    stratum = None if data.stratum is None else data.stratum[first]
    return np.bincount(place, weights=scores), data.group[first] == 0, stratum
