"""Limits of S(t) for small samples: beta product, likelihood ratio, bootstrap.

None of them is in the libraries used here. They work on the counts of a curve, at
risk and events at each time somebody leaves, and give limits that hold from each of
these times to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from reanalysis.roots import increasing_root
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints

#: Resamples of a bootstrap.
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, eq=False)
class BetaProducts:
    """Laws that bound S(t), as beta distributions with the moments of a product.

    Shapes (times + 1,), the first before anybody leaves. ``above`` is the law of S
    at the last event, ``below`` that of S if the next event came at once; a law at
    the point 1 has the parameters (1, 0), one at the point 0 has (0, 1).
    """

    above: tuple[Floats, Floats]
    below: tuple[Floats, Floats]


def beta_products(at_risk: Ints, events: Ints) -> BetaProducts:
    """Return the beta laws of the beta product confidence procedure.

    ``at_risk`` and ``events`` are counted at every time somebody leaves, shapes
    (times,); nobody may enter late. The law of a product of betas is replaced by the
    beta law with its mean and variance (the paper's method of moments); it is exact
    without censoring.

    Source: Fay, Brittain and Proschan, Biostatistics 2013;14:723-736; ties and the
    limits at an event time as in Fay and Brittain, Stat Med 2016;35:2726-2740.
    """
    n, d = (np.asarray(a, dtype=float) for a in (at_risk, events))
    # The first two moments of Beta(n - d + 1, d), multiplied up.
    first = np.append(1.0, np.cumprod((n - d + 1) / (n + 1)))
    second = first * np.append(1.0, np.cumprod((n - d + 2) / (n + 2)))
    left = np.append(n, 0.0)
    return BetaProducts(
        _beta_law(first, second),
        _beta_law(first * left / (left + 1), second * left / (left + 2)),
    )


def _beta_law(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the parameters of beta laws with these first and second moments."""
    with np.errstate(invalid="ignore", divide="ignore"):
        size = (first - second) / (second - first**2)
    sure = (first == 0) | (first == 1)
    size = np.where(sure, 1.0, size)
    return first * size, (1 - first) * size


def beta_cdf(law: tuple[Floats, Floats], x: Floats) -> Floats:
    """Return P(law <= x), points of mass included."""
    a, b = law
    inside = (a > 0) & (b > 0)
    found = betainc(
        np.where(inside, a, 1.0), np.where(inside, b, 1.0), np.clip(x, 0, 1)
    )
    sure = np.where(a == 0, x >= 0, x >= 1).astype(float)
    return np.where(inside, found, sure)


def beta_quantile(law: tuple[Floats, Floats], p: Floats | float) -> Floats:
    """Return the p-quantile of a law, points of mass included."""
    a, b = law
    inside = (a > 0) & (b > 0)
    found = betaincinv(np.where(inside, a, 1.0), np.where(inside, b, 1.0), p)
    return np.where(inside, found, (b == 0).astype(float))


def beta_product(
    at_risk: Ints, events: Ints, conf_level: float, *, mid_p: bool = False
) -> tuple[Floats, Floats]:
    """Return the beta product limits of S(t), shapes (times + 1,).

    The first are those before anybody leaves. Without censoring they are the
    Clopper-Pearson limits; ``mid_p`` takes the law between the two bounds, without
    censoring the mid-p limits, which may cover less often than ``conf_level``.
    """
    laws, tail = beta_products(at_risk, events), (1 - conf_level) / 2
    if not mid_p:
        return beta_quantile(laws.below, tail), beta_quantile(laws.above, 1 - tail)
    shape = laws.above[0].shape

    def between(x: Floats) -> Floats:
        return (beta_cdf(laws.above, x) + beta_cdf(laws.below, x)) / 2

    low = increasing_root(lambda x: between(x) - tail, np.zeros(shape), 1.0)
    high = increasing_root(lambda x: between(x) - (1 - tail), np.zeros(shape), 1.0)
    return np.where(laws.below[0] == 0, 0.0, low), np.where(
        laws.above[1] == 0, 1.0, high
    )


def thomas_grunkemeier(
    at_risk: Ints, events: Ints, reach: float
) -> tuple[Floats, Floats]:
    """Return the likelihood-ratio limits of S(t), shapes (times,).

    ``reach`` is the normal quantile of the level. They are those S(t) for which twice
    the log-likelihood, maximised over all other hazards, falls by no more than its
    square. nan before the first event; the lower limit is 0 where the curve is.

    Source: Thomas and Grunkemeier, JASA 1975;70:865-871.
    """
    low, high = np.full(len(events), np.nan), np.full(len(events), np.nan)
    steps = np.flatnonzero(events)
    if not steps.size:
        return low, high
    n = np.asarray(at_risk, dtype=float)[steps]
    d = np.asarray(events, dtype=float)[steps]
    # Row i holds the events up to the i-th; a hazard of d / (n + shift) at each.
    upto = np.tri(len(steps), dtype=bool)
    stay = np.where(upto, n - d, 1.0)
    # Who stays is compared with who was there; nobody staying adds nothing.
    least = stay.min(axis=1, where=upto, initial=np.inf)

    def fall(shift: Floats) -> Floats:
        shift = np.where(upto, shift[:, None], 0.0)
        kept = stay * np.log1p(shift / np.where(stay > 0, stay, np.inf))
        return 2 * (n * np.log1p(shift / n) - kept).sum(axis=1)

    def survival(shift: Floats) -> Floats:
        hazard = np.where(upto, d / (n + np.where(upto, shift[:, None], 0.0)), 0.0)
        return np.prod(1 - hazard, axis=1)

    limit = reach**2
    zeros = np.zeros(len(steps))
    # An open range, met on a closed one: shift = n x / (1 - x).
    ends = np.full(len(steps), 1 - 1e-12)
    x = increasing_root(lambda x: fall(n[0] * x / (1 - x)) - limit, zeros, ends)
    above = survival(n[0] * x / (1 - x))
    x = increasing_root(lambda x: fall(-least * x) - limit, zeros, ends)
    below = np.where(least > 0, survival(-least * x), 0.0)
    place = np.cumsum(np.asarray(events) > 0) - 1
    known = place >= 0
    low[known], high[known] = below[place[known]], above[place[known]]
    return low, high


def bootstrap_curves(
    rows: FollowUp, times: Floats, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """Return S at ``times`` in samples drawn from the patients, (resamples, times).

    ``times`` ascend and hold every event time up to their last. Patients are drawn
    with all their rows. Where nobody is left in a sample its
    curve is carried forward.

    Source: Efron, JASA 1981;76:312-319.
    """
    person = np.arange(rows.stop.size) if rows.person is None else rows.person
    _, person = np.unique(person, return_inverse=True)
    size = int(person.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(
        size, np.full(size, 1 / size), size=resamples
    )
    weight = drawn[:, person].astype(float)
    here: NDArray[np.bool_] = rows.stop[:, None] >= times
    if rows.start is not None:
        here &= rows.start[:, None] < times
    at_risk = weight @ here
    events = weight @ ((rows.stop[:, None] == times) & rows.event[:, None])
    return np.cumprod(1 - events / np.maximum(at_risk, 1), axis=1)


def percentiles(curves: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the percentile limits of bootstrap curves at each time."""
    tail = (1 - conf_level) / 2
    low, high = np.quantile(curves, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high
