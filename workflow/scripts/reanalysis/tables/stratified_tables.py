"""Two by two tables over strata: common odds ratio, risk ratio and risk difference.

Every function takes ``tables`` (strata, 4): events and patients of the group, events
and patients of the reference. Own code, because scipy has no stratified tests and
statsmodels' StratifiedTable no exact ones.

Sources: Mantel and Haenszel, J Natl Cancer Inst 1959;22:719-748; Robins, Breslow and
Greenland, Biometrics 1986;42:311-323 (variance of the odds ratio); Greenland and
Robins, Biometrics 1985;41:55-68 (risk ratio); Sato, Biometrics 1989;45:1323-1324 (risk
difference); Gart, Biometrika 1970;57:471-475 (exact limits); Breslow and Day,
Statistical Methods in Cancer Research I, 1980, p. 142, with the correction of Tarone,
Biometrika 1985;72:91-95 (homogeneity).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln

from reanalysis.errors import MethodError
from reanalysis.results import NAN
from reanalysis.roots import increasing_root
from reanalysis.tables.binomial import (
    HypothesisTest,
    Interval,
    exact_p_value,
    normal_p_value,
    normal_quantile,
)

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
INF = math.inf

UNINFORMATIVE = "In no stratum could the groups differ: the odds ratio is undefined."


def informative(tables: ArrayLike) -> NDArray[np.bool_]:
    """Tell which strata (strata,) hold both groups and both outcomes."""
    x, n, y, m = np.asarray(tables).T
    return (n > 0) & (m > 0) & (x + y > 0) & (x + y < n + m)


def _useful(tables: ArrayLike) -> Counts:
    """Return the informative strata; :class:`MethodError` when there is none."""
    kept = np.asarray(tables)[informative(tables)]
    if not len(kept):
        raise MethodError(UNINFORMATIVE)
    return kept


# Exact, given the margins of every stratum ----------------------------------


def conditional_law(tables: ArrayLike) -> tuple[Floats, int]:
    """Return the chances of each number of events in the group, and the least number.

    No effect, margins of all strata fixed: the hypergeometric laws multiplied out.
    Raises :class:`MethodError` when no stratum is informative, and when the patients
    are so many that chances vanish in double precision (about a thousand).
    """
    laws, lowest = [], 0
    for x, n, y, m in _useful(tables).tolist():
        total = x + y
        least, most = max(0, total - m), min(n, total)
        count = np.arange(least, most + 1)
        logs = -gammaln(count + 1) - gammaln(n - count + 1)
        logs -= gammaln(total - count + 1) + gammaln(m - total + count + 1)
        ways = np.exp(logs - logs.max())
        laws.append(ways / ways.sum())
        lowest += least
    law = reduce(np.convolve, laws)
    if not law.min() > 0:
        raise MethodError("The strata are too large for an exact test.")
    return law, lowest


def _observed(tables: ArrayLike, lowest: int) -> int:
    return int(_useful(tables)[:, 0].sum()) - lowest


def conditional_odds_ratio(tables: ArrayLike) -> float:
    """Return the odds ratio of greatest conditional likelihood over the strata."""
    law, lowest = conditional_law(tables)
    observed = _observed(tables, lowest)
    if observed in (0, len(law) - 1):
        return 0.0 if observed == 0 else INF
    tilted, number = _tilted(law), np.arange(len(law))
    return _root(lambda t: tilted(t) @ number - observed)


def conditional_limits(
    tables: ArrayLike, level: float, *, mid_p: bool = False
) -> Interval:
    """Return limits that leave half of one minus ``level`` in each exact tail.

    With ``mid_p`` the observed number counts half in its tail.
    """
    law, lowest = conditional_law(tables)
    observed, tilted = _observed(tables, lowest), _tilted(law)
    tail, share = (1 - level) / 2, 0.5 if mid_p else 1.0

    def above(t: Floats) -> Floats:
        chance = tilted(t)
        return chance[..., observed + 1 :].sum(-1) + share * chance[..., observed]

    def below(t: Floats) -> Floats:
        chance = tilted(t)
        return chance[..., :observed].sum(-1) + share * chance[..., observed]

    low = 0.0 if observed == 0 else _root(lambda t: above(t) - tail)
    high = INF if observed == len(law) - 1 else _root(lambda t: tail - below(t))
    return low, high


def exact_test(
    tables: ArrayLike, alternative: str = "two-sided", *, mid_p: bool = False
) -> HypothesisTest:
    """Return the exact test of no association within strata (R mantelhaen.test).

    The statistic is the number of events in the group. Two-sided: the chance of
    numbers no more likely than the observed one, as Fisher's test, which this is
    for one stratum. With ``mid_p`` the observed number, and one exactly as likely,
    counts half.
    """
    law, lowest = conditional_law(tables)
    observed = _observed(tables, lowest)
    p = exact_p_value(law, observed, alternative, mid_p=mid_p)
    name = "mid-P" if mid_p else "exact"
    number = float(np.asarray(tables)[:, 0].sum())
    return HypothesisTest(f"Mantel-Haenszel, {name}", alternative, p, number)


def _tilted(law: Floats) -> Callable[[Floats], Floats]:
    """Return the law as a function of the log odds ratio."""
    logs, number = np.log(law), np.arange(len(law))

    def at(log_ratio: Floats) -> Floats:
        exponent = logs + np.multiply.outer(log_ratio, number)
        chance = np.exp(exponent - exponent.max(axis=-1, keepdims=True))
        return chance / chance.sum(axis=-1, keepdims=True)

    return at


def _root(function: Callable[[Floats], Floats]) -> float:
    return float(np.exp(increasing_root(function, -60.0, 60.0, 64)))


# Large samples ---------------------------------------------------------------


def mantel_haenszel_odds_ratio(tables: ArrayLike) -> float:
    """Return the odds ratio of Mantel and Haenszel, infinite or nan over no sum."""
    a, b, c, d = _cells(_useful(tables))
    n = a + b + c + d
    over, under = float((a * d / n).sum()), float((b * c / n).sum())
    return over / under if under else INF if over else NAN


def robins_limits(tables: ArrayLike, level: float) -> Interval:
    """Return limits by the variance of Robins, Breslow and Greenland, log scale.

    Both nan where the estimate is 0 or infinite.
    """
    a, b, c, d = _cells(_useful(tables))
    n = a + b + c + d
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    over, under = r.sum(), s.sum()
    if not over or not under:
        return NAN, NAN
    variance = (
        (p * r).sum() / (2 * over**2)
        + (p * s + q * r).sum() / (2 * over * under)
        + (q * s).sum() / (2 * under**2)
    )
    reach = normal_quantile(level) * math.sqrt(variance)
    return tuple(float(over / under * math.exp(e * reach)) for e in (-1, 1))


def mantel_haenszel_test(
    tables: ArrayLike, alternative: str = "two-sided", *, corrected: bool = False
) -> HypothesisTest:
    """Return the test of Mantel and Haenszel; the statistic is its chi-square.

    ``corrected`` takes half an event off the deviation, unless that is smaller, as R
    mantelhaen.test does. One-sided p-values come from the signed root. Pairs give
    McNemar's test.
    """
    table = _useful(tables).astype(float)
    x, n, y, m = table.T
    size, events = n + m, x + y
    deviation = float((x - n * events / size).sum())
    # An informative stratum holds two patients at least.
    spread = float((n * m * events * (size - events) / (size**2 * (size - 1))).sum())
    off = 0.5 if corrected and abs(deviation) >= 0.5 else 0.0
    root = (abs(deviation) - off) / math.sqrt(spread)
    p = normal_p_value(math.copysign(root, deviation), alternative)
    name = "Mantel-Haenszel, corrected" if corrected else "Mantel-Haenszel"
    return HypothesisTest(name, alternative, p, root**2, 1.0)


def mantel_haenszel_risk_ratio(
    tables: ArrayLike, level: float
) -> tuple[float, Interval]:
    """Return the risk ratio over strata and its log limits (Greenland and Robins)."""
    x, n, y, m = _both_groups(tables).T
    size = n + m
    over, under = float((x * m / size).sum()), float((y * n / size).sum())
    if not over or not under:
        return (INF if over else 0.0 if under else NAN), (NAN, NAN)
    scatter = ((n * m * (x + y) - x * y * size) / size**2).sum()
    reach = normal_quantile(level) * math.sqrt(max(scatter, 0.0) / (over * under))
    ratio = over / under
    return ratio, (ratio * math.exp(-reach), ratio * math.exp(reach))


def mantel_haenszel_risk_difference(
    tables: ArrayLike, level: float
) -> tuple[float, float, Interval]:
    """Return the risk difference over strata, its standard error and limits (Sato)."""
    x, n, y, m = _both_groups(tables).T
    size = n + m
    weight = float((n * m / size).sum())
    difference = float(((x * m - y * n) / size).sum()) / weight
    p = (n**2 * y - m**2 * x + n * m * (m - n) / 2) / size**2
    q = (x * (m - y) + y * (n - x)) / (2 * size)
    # Sato's variance can come out below 0 by rounding alone where no risk varies.
    variance = float(difference * p.sum() + q.sum()) / weight**2
    error = math.sqrt(max(variance, 0.0))
    reach = normal_quantile(level) * error
    limits = max(difference - reach, -1.0), min(difference + reach, 1.0)
    return difference, error, limits


def breslow_day(tables: ArrayLike, *, tarone: bool = False) -> HypothesisTest:
    """Return Breslow and Day's test that the strata share one odds ratio.

    Expected are the numbers that the Mantel-Haenszel odds ratio gives in each
    stratum's margins; ``tarone`` takes off what that estimate, which is not the most
    likely one, adds. Raises :class:`MethodError` with fewer than two informative strata
    and where the odds ratio is 0 or infinite.
    """
    table = _useful(tables).astype(float)
    if len(table) < 2:
        raise MethodError("One informative stratum cannot differ from another.")
    ratio = mantel_haenszel_odds_ratio(tables)
    if not 0 < ratio < INF:
        raise MethodError(
            "The odds ratio over strata is 0 or infinite, so no numbers are expected."
        )
    x, n, y, m = table.T
    expected = _expected(n, m, x + y, ratio)
    cells = (expected, n - expected, x + y - expected, m - (x + y) + expected)
    variance = 1 / sum(1 / cell for cell in cells)
    gap = x - expected
    statistic = float((gap**2 / variance).sum())
    name = "Breslow-Day"
    if tarone:
        statistic -= float(gap.sum() ** 2 / variance.sum())
        name = "Breslow-Day, Tarone"
    df = len(table) - 1
    low = float(min(cell.min() for cell in cells))
    note = "Some expected counts are below 5." if low < 5 else ""
    p = float(chdtrc(df, max(statistic, 0.0)))
    return HypothesisTest(name, "two-sided", p, statistic, float(df), note)


def _expected(n: Floats, m: Floats, events: Floats, ratio: float) -> Floats:
    """Return the events in the group that give the odds ratio within the margins."""
    low, high = np.maximum(0.0, events - m), np.minimum(n, events)
    return increasing_root(
        lambda a: a * (m - events + a) - ratio * (n - a) * (events - a), low, high, 100
    )


def _cells(tables: Counts) -> tuple[Floats, Floats, Floats, Floats]:
    """Return events and others of the group, events and others of the reference."""
    x, n, y, m = tables.astype(float).T
    return x, n - x, y, m - y


def _both_groups(tables: ArrayLike) -> Floats:
    """Return the strata with patients of both groups; MethodError without one."""
    table = np.asarray(tables, dtype=float)
    table = table[(table[:, 1] > 0) & (table[:, 3] > 0)]
    if not len(table):
        raise MethodError("No stratum holds patients of both groups.")
    return table
