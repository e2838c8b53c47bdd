"""Tests that compare survival curves: log-rank, its weighted relatives and trend.

Our own because lifelines' tests have no strata, late entry, observed and expected
counts, trend, or scores for a permutation test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import chdtrc

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints, risk_table

#: Scores are made whole numbers up to so many event times and up to this size.
_WHOLE_TIMES = 60
_WHOLE = 2**61

#: Why groups with events cannot be compared.
NOTHING_TO_COMPARE = (
    "No event tells the groups apart: at each, only one group was at risk, or "
    "everybody at risk had it."
)

#: What is said of a chi-square p-value from one event.
ONE_EVENT = "a single event, too few for the chi-square law"


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
    w = event_weights(n, d, weights, rho, gamma)

    expected = d[:, :, None] * share
    excess = w[:, :, None] * (table.events - expected)
    factor = (w**2 * d * (n - d) / np.maximum(n - 1, 1)).ravel()
    flat = share.reshape(factor.size, -1)
    variance = -(flat * factor[:, None]).T @ flat
    # As products: where one group alone is at risk no rounding is left over.
    np.fill_diagonal(variance, factor @ (flat * (1 - flat)))

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


def whole_scores(
    rows: FollowUp,
    group: Ints,
    stratum: Ints | None = None,
    *,
    weights: str = "log-rank",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> Ints | None:
    """Scores of :func:`log_rank` as whole numbers without a common factor.

    The scores are fractions, so their multiples by the common denominator tell which
    sums are equal, which floats cannot. None where there is no such multiple
    (tarone-ware, exponents that are not whole) or it does not fit 64 bits.
    """
    if weights == "tarone-ware" or not (rho == int(rho) and gamma == int(gamma)):
        return None
    stratum = np.zeros(group.size, dtype=int) if stratum is None else stratum
    table = risk_table(rows, np.unique(rows.stop[rows.event]), group, stratum)
    n, d = table.at_risk.sum(axis=2), table.events.sum(axis=2)
    if np.count_nonzero(d) > _WHOLE_TIMES:
        return None
    weight = np.full(d.shape, Fraction(0), dtype=object)
    for s in range(len(d)):
        survival = peto = Fraction(1)
        for j in np.flatnonzero(d[s]).tolist():
            at_risk, events = int(n[s, j]), int(d[s, j])
            peto *= Fraction(at_risk + 1 - events, at_risk + 1)
            weight[s, j] = {
                "log-rank": lambda: Fraction(1),
                "gehan-breslow": lambda: Fraction(at_risk),  # noqa: B023 - called in the same round
                "peto-peto": lambda: peto,  # noqa: B023 - called in the same round
                "fleming-harrington": lambda: (
                    survival ** int(rho) * (1 - survival) ** int(gamma)  # noqa: B023 - called in the same round
                ),
            }[weights]()
            survival *= Fraction(at_risk - events, at_risk)
            if weight[s, j].denominator > _WHOLE:
                return None
    step = weight * d / np.maximum(n, 1).astype(object)
    common = math.lcm(*(f.denominator for x in (weight, step) for f in x.flat))
    if common > _WHOLE:
        return None
    weight = (weight * common).astype(object)
    hazard = np.cumsum(step * common, axis=1)
    hazard = np.concatenate([np.full((len(d), 1), Fraction(0)), hazard], axis=1)
    end = np.searchsorted(table.times, rows.stop, side="right")
    scores = rows.event * weight[stratum, end - 1] - hazard[stratum, end]
    if rows.start is not None:
        begin = np.searchsorted(table.times, rows.start, side="right")
        scores = scores + hazard[stratum, begin]
    whole = [int(score) for score in scores]
    factor = math.gcd(*whole) or 1
    if sum(map(abs, whole)) // factor > _WHOLE:
        return None
    return np.array([score // factor for score in whole], dtype=np.int64)


def event_weights(n: Ints, d: Ints, kind: str, rho: float, gamma: float) -> Floats:
    """Weights of the times, shapes (strata, times), from all at risk and all events.

    Times without events may be among them. Raises :class:`MethodError` for an unknown
    kind.
    """
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
        raise MethodError(NOTHING_TO_COMPARE)
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
        raise MethodError(NOTHING_TO_COMPARE)
    return _test(float(score @ result.difference) ** 2 / variance, 1)


def _test(statistic: float, df: int) -> ChiSquare:
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))
