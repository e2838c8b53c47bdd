"""Two groups and a yes/no outcome: odds ratio, risk difference, risk ratio, tests.

Throughout, ``x1`` of ``n1`` patients of the first group and ``x2`` of ``n2`` of
the reference had the event; effects are first against reference, and
``greater`` means that the event is commoner in the first group.

Fisher's and the chi-square test and the conditional odds ratio with its exact limits
are those of scipy. The rest is our own: scipy has no mid-P, doubled, n - 1 and z
tests and none of the intervals of risk differences and ratios; the score intervals
of statsmodels are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root
from reanalysis.tables.binomial import (
    HypothesisTest,
    Interval,
    exact_p_value,
    normal_p_value,
    normal_quantile,
    wilson,
)

INF, NAN = math.inf, math.nan


#: For what scipy takes milliseconds for: leaving out one patient after another, or
#: changing a setting, gives the same few tables again and again.
_once = lru_cache(maxsize=4096)


def _check(x1: int, n1: int, x2: int, n2: int) -> None:
    if n1 < 1 or n2 < 1:
        raise MethodError("One of the two groups is empty.")
    if not (0 <= x1 <= n1 and 0 <= x2 <= n2):
        raise MethodError(f"{x1}/{n1} against {x2}/{n2} is no table of counts.")


# The conditional distribution of x1 given all margins


def _table(x1: int, n1: int, x2: int, n2: int) -> NDArray[np.int64]:
    _check(x1, n1, x2, n2)
    return np.array([[x1, n1 - x1], [x2, n2 - x2]])


@_once
def conditional_odds_ratio(x1: int, n1: int, x2: int, n2: int) -> float:
    """Return the conditional maximum likelihood estimate of the odds ratio.

    It is 0 or infinite at an end of the possible values and undefined when the
    margins allow only one table.
    """
    from scipy.stats.contingency import odds_ratio

    return float(odds_ratio(_table(x1, n1, x2, n2)).statistic)


@_once
def conditional_odds_ratio_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return Cornfield's exact limits, each tail being half the level.

    They are inverted to full precision (``fisher.test`` of R stops its search
    early).
    """
    from scipy.stats.contingency import odds_ratio

    found = odds_ratio(_table(x1, n1, x2, n2))
    low, high = found.confidence_interval(conf_level)
    return float(low), float(high)


def _support(x1: int, n1: int, x2: int, n2: int) -> tuple[int, NDArray, NDArray]:
    """Return the position of x1, its possible values and their log weights."""
    _check(x1, n1, x2, n2)
    total = x1 + x2
    k = np.arange(max(0, total - n2), min(total, n1) + 1)
    weights = -(
        gammaln(k + 1)
        + gammaln(n1 - k + 1)
        + gammaln(total - k + 1)
        + gammaln(n2 - total + k + 1)
    )
    return x1 - int(k[0]), k, weights - weights.max()


@_once
def mid_p_odds_ratio_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return the odds ratios at which either mid-P tail is half the level.

    The observed table counts by half in each tail.
    """
    at, k, weights = _support(x1, n1, x2, n2)
    if len(k) == 1:
        return 0.0, INF
    # Greater tail for the lower limit, lesser tail for the upper one.
    tails = np.zeros((2, len(k)))
    tails[0, at + 1 :] = 1
    tails[1, :at] = 1
    tails[:, at] = 0.5
    from_seen = k - x1
    log_tail = math.log((1 - conf_level) / 2)

    def excess(log_odds_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        terms = weights + np.multiply.outer(log_odds_ratio, from_seen)
        p = np.exp(terms - terms.max(-1, keepdims=True))
        inside = (p * tails).sum(-1) / p.sum(-1)
        with np.errstate(divide="ignore"):
            return (np.log(inside) - log_tail) * (1, -1)

    # Beyond every finite limit: the product of the group sizes bounds the ratio of
    # neighbouring weights; the rest is for confidence levels up to 1 - 1e-12.
    reach = 2 * math.log((n1 + 1) * (n2 + 1)) + 30
    low, high = np.exp(increasing_root(excess, [-reach] * 2, [reach] * 2))
    return (
        float(low) if at > 0 else 0.0,
        float(high) if at < len(k) - 1 else INF,
    )


# Effects and their intervals


def sample_odds_ratio(x1: int, n1: int, x2: int, n2: int) -> float:
    """Return the cross-product ratio; undefined when nobody or everybody had it."""
    _check(x1, n1, x2, n2)
    return _ratio(x1 * (n2 - x2), x2 * (n1 - x1))


def risk_ratio(x1: int, n1: int, x2: int, n2: int) -> float:
    """Return the ratio of the two proportions; undefined without any event."""
    _check(x1, n1, x2, n2)
    return _ratio(x1 * n2, x2 * n1)


def _ratio(a: float, b: float) -> float:
    if b == 0:
        return INF if a > 0 else NAN
    return a / b


def woolf_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return Woolf's (1955) interval on the log odds; undefined with a zero cell."""
    _check(x1, n1, x2, n2)
    cells = (x1, n1 - x1, x2, n2 - x2)
    if 0 in cells:
        return NAN, NAN
    spread = normal_quantile(conf_level) * math.sqrt(sum(1 / c for c in cells))
    odds_ratio = sample_odds_ratio(x1, n1, x2, n2)
    return odds_ratio * math.exp(-spread), odds_ratio * math.exp(spread)


def log_risk_ratio_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return the log interval of Katz (1978); undefined with no event in a group."""
    _check(x1, n1, x2, n2)
    if x1 == 0 or x2 == 0:
        return NAN, NAN
    variance = 1 / x1 - 1 / n1 + 1 / x2 - 1 / n2
    if variance <= 0:  # everybody had the event: no spread is estimated
        return NAN, NAN
    spread = normal_quantile(conf_level) * math.sqrt(variance)
    ratio = risk_ratio(x1, n1, x2, n2)
    return ratio * math.exp(-spread), ratio * math.exp(spread)


@_once
def score_risk_ratio_interval(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    conf_level: float = 0.95,
    *,
    unbiased: bool = False,
) -> Interval:
    """Return the score interval of Koopman (1984).

    ``unbiased`` multiplies the variance by N/(N - 1), which makes it that of
    Miettinen and Nurminen (1985). Zero cells are no hindrance; without any event
    the interval is (0, infinity).
    """
    _check(x1, n1, x2, n2)
    if x1 + x2 == 0:
        return 0.0, INF
    n = n1 + n2
    z = normal_quantile(conf_level) * np.array([-1, 1])
    factor = n / (n - 1) if unbiased else 1.0

    def excess(log_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        r = np.exp(log_ratio)
        # Reference proportion of largest likelihood when the ratio is r. The
        # smaller root of its quadratic, written without cancellation.
        a, b = n * r, n1 * r + x1 + n2 + x2 * r
        p2 = 2 * (x1 + x2) / (b + np.sqrt(np.maximum(b * b - 4 * a * (x1 + x2), 0)))
        p1 = r * p2
        # The variance of x1/n1 - r x2/n2.
        q1, q2 = np.maximum(1 - p1, 0), np.maximum(1 - p2, 0)
        variance = (p1 * q1 / n1 + r * r * p2 * q2 / n2) * factor
        return (r * x2 / n2 - x1 / n1) / np.sqrt(variance + 1e-300) - z

    # The limits lie on either side of the estimate, where the variance is positive.
    estimate = risk_ratio(x1, n1, x2, n2)
    reach = 2 * math.log(n1 * n2 + 1) + 30
    middle = math.log(estimate) if 0 < estimate < INF else 0.0
    ends = ([-reach, middle], [middle, reach])
    if not 0 < estimate < INF:
        ends = ([-reach] * 2, [reach] * 2)
    low, high = np.exp(increasing_root(excess, *ends))
    return (float(low) if x1 > 0 else 0.0), (float(high) if x2 > 0 else INF)


def newcombe_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return Newcombe's (1998) method 10, Wilson limits squared and added."""
    _check(x1, n1, x2, n2)
    p1, p2 = x1 / n1, x2 / n2
    (l1, u1), (l2, u2) = wilson(x1, n1, conf_level), wilson(x2, n2, conf_level)
    d = p1 - p2
    return d - math.hypot(p1 - l1, u2 - p2), d + math.hypot(u1 - p1, p2 - l2)


def risk_difference_error(x1: int, n1: int, x2: int, n2: int) -> float:
    """Return the unpooled standard error of the risk difference."""
    _check(x1, n1, x2, n2)
    return math.sqrt(x1 * (n1 - x1) / n1**3 + x2 * (n2 - x2) / n2**3)


def wald_difference_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return the normal approximation of a risk difference, unpooled."""
    d = x1 / n1 - x2 / n2
    half = normal_quantile(conf_level) * risk_difference_error(x1, n1, x2, n2)
    return max(d - half, -1.0), min(d + half, 1.0)


def agresti_caffo_interval(
    x1: int, n1: int, x2: int, n2: int, conf_level: float = 0.95
) -> Interval:
    """Return the Wald interval after one event and one non-event more per group."""
    _check(x1, n1, x2, n2)
    return wald_difference_interval(x1 + 1, n1 + 2, x2 + 1, n2 + 2, conf_level)


@_once
def score_difference_interval(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    conf_level: float = 0.95,
    *,
    unbiased: bool = True,
) -> Interval:
    """Return the score interval of Miettinen and Nurminen (1985).

    Without the factor N/(N - 1) of the variance (``unbiased=False``) it is the
    one of Mee (1984), Newcombe's method 5.
    """
    _check(x1, n1, x2, n2)
    n, x = n1 + n2, x1 + x2
    estimate = x1 / n1 - x2 / n2
    z = normal_quantile(conf_level) * np.array([-1, 1])
    factor = n / (n - 1) if unbiased else 1.0

    def excess(d: NDArray[np.float64]) -> NDArray[np.float64]:
        p2 = restricted_proportion(d, n1, n2, x, x2)
        p1 = np.clip(p2 + d, 0, 1)
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * factor
        return (d - estimate) / np.sqrt(variance + 1e-300) - z

    low, high = increasing_root(excess, [-1, estimate], [estimate, 1])
    return float(low), float(high)


def restricted_proportion(
    d: NDArray[np.float64], n1: int, n2: int, x: int, x2: int
) -> NDArray[np.float64]:
    """Return the reference proportion of largest likelihood at difference d.

    The middle root of the cubic likelihood equation, by cosines.
    """
    c3 = n1 + n2
    c2 = (n1 + 2 * n2) * d - c3 - x
    c1 = (n2 * d - c3 - 2 * x2) * d + x
    c0 = x2 * d * (1 - d)
    shift = c2 / (3 * c3)
    q = shift**3 - c1 * c2 / (6 * c3**2) + c0 / (2 * c3)
    size = np.sqrt(np.maximum(shift**2 - c1 / (3 * c3), 0))
    p = np.where(q >= 0, size, -size)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(p == 0, 0.0, q / p**3)
    angle = (math.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    return np.clip(
        2 * p * np.cos(angle) - shift, np.maximum(0, -d), np.minimum(1, 1 - d)
    )


# Tests


@_once
def fisher(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    alternative: str = "two-sided",
    *,
    doubled: bool = False,
    mid_p: bool = False,
) -> HypothesisTest:
    """Return Fisher's exact test; two-sided by probability unless ``doubled``.

    The two-sided mid-P counts the observed table, and tables exactly as likely,
    by half.
    """
    if doubled or mid_p:
        at, _, weights = _support(x1, n1, x2, n2)
        null = np.exp(weights) / np.exp(weights).sum()
        p = exact_p_value(null, at, alternative, doubled=doubled, mid_p=mid_p)
    else:
        from scipy.stats import fisher_exact

        table = _table(x1, n1, x2, n2)
        p = float(fisher_exact(table, alternative=alternative).pvalue)
    parts = ("Fisher", "doubled" * doubled, "mid-P" * mid_p)
    return HypothesisTest(", ".join(filter(None, parts)), alternative, p)


@_once
def chi_square(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    alternative: str = "two-sided",
    variant: str = "",
) -> HypothesisTest:
    """Return Pearson's chi-square test of a two-by-two table.

    ``variant`` is empty, ``Yates`` (the correction never exceeds the difference
    itself) or ``n-1`` (E. Pearson's factor (N - 1)/N). One-sided p-values are
    those of its signed root.
    """
    table = _table(x1, n1, x2, n2)
    name = "chi-square" + (f", {variant}" if variant else "")
    n, x = n1 + n2, x1 + x2
    if x in (0, n):
        note = f"The test is undefined: {'nobody' if x == 0 else 'everybody'} had it."
        return HypothesisTest(name, alternative, NAN, note=note)
    from scipy.stats import chi2_contingency

    found = chi2_contingency(table, correction=variant == "Yates")
    statistic = float(found.statistic)
    if variant == "n-1":
        statistic *= (n - 1) / n
    z = math.copysign(math.sqrt(statistic), x1 * n2 - x2 * n1)
    return HypothesisTest(
        name, alternative, normal_p_value(z, alternative), statistic, 1
    )


def unpooled_z(
    x1: int, n1: int, x2: int, n2: int, alternative: str = "two-sided"
) -> HypothesisTest:
    """Return the risk difference over its unpooled standard error as a test."""
    error = risk_difference_error(x1, n1, x2, n2)
    name, d = "z, unpooled", x1 / n1 - x2 / n2
    if error == 0:
        note = "The test is undefined: neither group has any variation."
        return HypothesisTest(name, alternative, NAN, note=note)
    return HypothesisTest(
        name, alternative, normal_p_value(d / error, alternative), d / error
    )


IntervalFunction = Callable[[int, int, int, int, float], Interval]

#: Setting -> name written beside the interval, function.
ODDS_RATIO_INTERVALS: dict[str, tuple[str, IntervalFunction]] = {
    "conditional-exact": ("conditional exact", conditional_odds_ratio_interval),
    "mid-p": ("conditional mid-P", mid_p_odds_ratio_interval),
    "woolf": ("Woolf", woolf_interval),
}
RISK_RATIO_INTERVALS: dict[str, tuple[str, IntervalFunction]] = {
    "log": ("log", log_risk_ratio_interval),
    "koopman": ("Koopman", score_risk_ratio_interval),
    "miettinen-nurminen": (
        "Miettinen-Nurminen",
        partial(score_risk_ratio_interval, unbiased=True),
    ),
}
RISK_DIFFERENCE_INTERVALS: dict[str, tuple[str, IntervalFunction]] = {
    "newcombe": ("Newcombe", newcombe_interval),
    "wald": ("Wald", wald_difference_interval),
    "agresti-caffo": ("Agresti-Caffo", agresti_caffo_interval),
    "miettinen-nurminen": ("Miettinen-Nurminen", score_difference_interval),
    "mee": ("Mee", partial(score_difference_interval, unbiased=False)),
}
#: Setting -> test. The doubled versions are made only when asked for.
TESTS: dict[str, Callable[..., HypothesisTest]] = {
    "fisher": fisher,
    "fisher-midp": partial(fisher, mid_p=True),
    "chi-square": chi_square,
    "chi-square-yates": partial(chi_square, variant="Yates"),
    "n-1-chi-square": partial(chi_square, variant="n-1"),
    "z-test": unpooled_z,
    "fisher-doubled": partial(fisher, doubled=True),
    "fisher-doubled-midp": partial(fisher, doubled=True, mid_p=True),
}
