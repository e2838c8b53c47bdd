"""Gray's test that groups share the cumulative incidence of one cause.

Own code, because no library at hand has it with strata, weights and permutations. All
steps are array operations over data sets, so that thousands of permutations cost one
pass.

Source: Gray, Ann Stat 1988;16:1141-1154, with hypergeometric factors for tied events
as in the author's package cmprsk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import chdtrc

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, Ints

#: Most assignments of patients to groups that are listed; more are drawn at random.
LISTED = 5000
#: Random assignments otherwise.
DRAWN = 4999
#: Most patients for whom they are drawn.
LARGEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class GrayTest:
    """Scores (groups,), their covariance (groups, groups) and the chi-square test."""

    score: Floats
    variance: Floats
    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Permuted:
    """A permutation p-value; ``exact`` when every assignment was counted."""

    p_value: float
    assignments: int
    exact: bool


def gray_test(
    time: Floats,
    cause: Ints,
    group: Ints,
    stratum: Ints | None = None,
    *,
    of: int = 1,
    rho: float = 0.0,
    groups: int = 2,
) -> GrayTest:
    """Compare the incidence of cause ``of`` between groups.

    ``time``, ``cause`` (0 censored), ``group`` and ``stratum`` (numbers from 0), shapes
    (patients,). Differences at a time are weighted by (1 - F)^rho with the incidence F
    of all groups before it. Scores and covariances are added over strata.

    Raises :class:`MethodError` without such events, or without one while two groups
    are at risk.
    """
    if not (cause == of).any():
        raise MethodError("There are no events of this cause to compare.")
    score, variance = _scores(time, cause, group[None], stratum, of, rho, groups)
    statistic, df = _chi_square(score, variance)
    if df[0] == 0 or not math.isfinite(statistic[0]):
        raise MethodError(
            "No event of this cause happened while two groups could be compared."
        )
    chi2, free = float(statistic[0]), int(df[0])
    return GrayTest(score[0], variance[0], chi2, free, float(chdtrc(free, chi2)))


def permutation_test(
    time: Floats,
    cause: Ints,
    group: Ints,
    stratum: Ints | None = None,
    *,
    of: int = 1,
    rho: float = 0.0,
    groups: int = 2,
    seed: int = 0,
) -> Permuted:
    """Share of assignments to groups whose Gray statistic is at least as large.

    Patients keep their time and cause and change groups within strata, so that it
    holds its level where censoring, too, is alike in the groups. The chi-square is
    recomputed each time. Up to 5000 assignments of two groups are all counted; else
    4999 are drawn and the observed one is added. Raises :class:`MethodError` as
    :func:`gray_test` does, and beyond 100 patients.
    """
    if group.size > LARGEST:
        raise MethodError(f"Permutation p-values are given up to {LARGEST} patients.")
    observed = gray_test(time, cause, group, stratum, of=of, rho=rho, groups=groups)
    ways = math.comb(group.size, int((group == 0).sum()))
    exact = stratum is None and groups == 2 and ways <= LISTED
    if exact:
        chosen = np.array(
            list(combinations(range(group.size), int((group == 0).sum())))
        )
        trials = np.ones((ways, group.size), dtype=int)
        trials[np.arange(ways)[:, None], chosen] = 0
    else:
        ways = DRAWN
        trials = _shuffled(group, stratum, seed)
    extreme = 0
    for block in np.array_split(trials, max(1, trials.size * groups**2 // 500_000)):
        score, variance = _scores(time, cause, block, stratum, of, rho, groups)
        statistic, _ = _chi_square(score, variance)
        # An assignment that cannot be compared is no evidence against chance.
        reached = statistic >= observed.statistic * (1 - 1e-9)
        extreme += int((reached | np.isnan(statistic)).sum())
    if exact:
        return Permuted(extreme / ways, ways, True)
    return Permuted((extreme + 1) / (ways + 1), ways, False)


def _shuffled(group: Ints, stratum: Ints | None, seed: int) -> Ints:
    generator = np.random.default_rng(seed)
    trials = np.tile(group, (DRAWN, 1))
    stratum = np.zeros(group.size, dtype=int) if stratum is None else stratum
    for own in (np.flatnonzero(stratum == s) for s in np.unique(stratum)):
        trials[:, own] = generator.permuted(trials[:, own], axis=1)
    return trials


def _scores(
    time: Floats,
    cause: Ints,
    group: Ints,
    stratum: Ints | None,
    of: int,
    rho: float,
    groups: int,
) -> tuple[Floats, Floats]:
    """Return scores and covariances added over strata; ``group`` is (trials, n)."""
    score = np.zeros((len(group), groups))
    variance = np.zeros((len(group), groups, groups))
    for rows in _strata(stratum, time.size):
        member = (group[:, rows, None] == np.arange(groups)).astype(float)
        own = _one_stratum(time[rows], cause[rows], member, of, rho)
        score, variance = score + own[0], variance + own[1]
    return score, variance


def _strata(stratum: Ints | None, n: int) -> Iterator[Ints]:
    if stratum is None:
        yield np.arange(n)
        return
    for label in np.unique(stratum):
        yield np.flatnonzero(stratum == label)


@np.errstate(all="ignore")
def _one_stratum(
    time: Floats, cause: Ints, member: Floats, of: int, rho: float
) -> tuple[Floats, Floats]:
    """Return scores (trials, groups) and their covariances over trials.

    ``member`` (trials, n, groups) is 1 where a patient is in a group.
    """
    at = np.unique(time[cause > 0])
    here = at[:, None] == time
    # Shapes (trials, times, groups) from here on.
    n = (at[:, None] <= time).astype(float) @ member
    own = (here & (cause == of)).astype(float) @ member
    other = (here & (cause > 0) & (cause != of)).astype(float) @ member
    risk = n > 0
    events = own.sum(axis=2, keepdims=True)

    # Own curves of the groups, just before and at each time.
    safe = np.where(risk, n, 1.0)
    after = np.cumprod(1 - (own + other) / safe, axis=1)
    after = np.where(after < 1e-12, 0.0, after)
    before = _lagged(after, 1.0)
    safe_before = np.where(before > 0, before, 1.0)
    had = _lagged(np.cumsum(before * own / safe, axis=1), 0.0)
    # Patients at risk had nobody left by another cause.
    h = np.where(risk, n / safe_before, 0.0)
    total = h.sum(axis=2, keepdims=True)
    r = h * (1 - had)
    # The curve of all groups together under the hypothesis.
    jump = np.where(events > 0, events / total, 0.0)
    f_after = np.cumsum(jump, axis=1)
    room = 1 - _lagged(f_after, 0.0)

    compared = (risk.sum(axis=2, keepdims=True) > 1) & (total > 0)
    weight = np.where(compared, room**rho if rho else 1.0, 0.0)
    share = np.where(compared, r / r.sum(axis=2, keepdims=True), 0.0)
    excess = np.where(risk & compared & (events > 0), own - events * share, 0.0)
    score = (weight * excess).sum(axis=1)

    # Weight of group i's score on the martingales of group k: (trials, times, i, k).
    k = h.shape[2]
    to_all = np.where(compared, h / total, 0.0)
    pull = h[..., :, None] * (np.eye(k) - to_all[..., None, :]) * weight[..., None]
    later = np.cumsum(
        pull * np.where(compared & (events > 0), jump / room, 0.0)[..., None], axis=1
    )
    later = later[:, -1:] - later
    left = np.where(after > 0, (1 - f_after) / np.where(after > 0, after, 1.0), 0.0)
    by_own = pull + (1 - left)[..., None, :] * later
    by_other = left[..., None, :] * later
    held = total * before
    # Beyond the events tied it turns negative, as in cmprsk; see _chi_square.
    tied = np.where(events > 1, (held - events) / (held - 1), 1.0)
    spread_own = np.where(risk, tied * jump * before / safe, 0.0)
    tied = np.where(other > 1, (n - other) / np.where(n > 1, n - 1, 1.0), 1.0)
    spread_other = np.where(risk, tied * before**2 * other / safe**2, 0.0)
    variance = np.einsum("btik,btjk->bij", by_own * spread_own[..., None, :], by_own)
    variance += np.einsum(
        "btik,btjk->bij", by_other * spread_other[..., None, :], by_other
    )
    return score, variance


def _lagged(values: Floats, first: float) -> Floats:
    """Return the values one time earlier."""
    return np.concatenate([np.full_like(values[:, :1], first), values[:, :-1]], axis=1)


def _chi_square(score: Floats, variance: Floats) -> tuple[Floats, Ints]:
    """Return the statistic and its degrees of freedom, nan where there is none."""
    scale = np.trace(variance, axis1=1, axis2=2)
    usable = np.isfinite(scale) & (scale > 1e-12) & np.isfinite(score).all(axis=1)
    unit = np.where(usable, scale, 1.0)
    v = np.where(usable[:, None, None], variance / unit[:, None, None], 0.0)
    z = np.where(usable[:, None], score / np.sqrt(unit)[:, None], 0.0)
    # The rank counts the groups that can be compared, less one per connected set.
    values, vectors = np.linalg.eigh((v + v.transpose(0, 2, 1)) / 2)
    kept = values > 1e-10
    # With most events tied in few patients the estimate can fail to be a covariance.
    usable &= (values > -1e-8).all(axis=1)
    along = np.einsum("bik,bi->bk", vectors, z)
    parts = np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0)
    statistic = np.where(usable, parts.sum(axis=1), np.nan)
    return statistic, np.where(usable, kept.sum(axis=1), 0)
