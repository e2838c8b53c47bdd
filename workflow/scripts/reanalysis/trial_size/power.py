"""What a trial of a printed size could have found: power and what follows from it.

Nothing here is estimated from outcomes. Each number rests on an assumed true effect,
which the caller states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from reanalysis.errors import MethodError
from reanalysis.measurements.rank_laws import EXACT_LIMIT, signed_rank_law
from reanalysis.tables.binomial import binomial_probabilities, clopper_pearson
from reanalysis.tables.two_by_two import fisher

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SignAndMagnitude:
    """What significant results of a low-powered trial look like.

    ``power`` two-sided; ``type_s``: share of significant estimates with the wrong
    sign; ``exaggeration``: their expected size over the true one (type M).
    """

    power: float
    type_s: float
    exaggeration: float


def sign_and_magnitude(
    effect: float, error: float, level: float = 0.05
) -> SignAndMagnitude:
    """Return power, type S and type M error of a normal test (Gelman, Carlin 2014).

    ``effect`` is the true effect and ``error`` the standard error of its estimate, on
    a scale where the estimate is normal (a difference, a log ratio). The expected
    size is the closed form of Lu, Qiu and Deng (2019). Raises :class:`MethodError`
    for an effect of 0, which has no sign, and for an error that is not positive.
    """
    if effect == 0 or not error > 0:
        raise MethodError("The effect must differ from 0 and its error be positive.")
    shift = abs(effect) / error
    z = float(ndtri(1 - level / 2))
    right, wrong = float(ndtr(shift - z)), float(ndtr(-shift - z))
    power = right + wrong
    density = (_phi(z - shift) + _phi(z + shift)) / shift
    return SignAndMagnitude(power, wrong / power, (density + right - wrong) / power)


def _phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# Normal outcomes


def t_power(effect: float, n1: int, n0: int = 0, level: float = 0.05) -> float:
    """Return the power of the two-sided t test.

    ``effect`` in standard deviations: of the difference of two groups of ``n1`` and
    ``n0``, or with ``n0`` 0 of the change in ``n1`` pairs. From the noncentral t law.
    """
    from scipy.stats import nct

    df = n1 + n0 - 2 if n0 else n1 - 1
    if df < 1:
        raise MethodError("A t test needs two patients or more.")
    root = math.sqrt(n1 * n0 / (n1 + n0)) if n0 else math.sqrt(n1)
    critical = float(stdtrit(df, 1 - level / 2))
    shift = effect * root
    # The lower tail as a mirrored upper one: scipy's far lower tail can be nan.
    return float(nct.sf(critical, df, shift) + nct.sf(critical, df, -shift))


def signed_rank_power(
    effects: Sequence[float], n: int, level: float, seed: int, repeats: int = 4000
) -> Floats:
    """Return the power of the signed-rank test for normal changes.

    By simulation: the same ``repeats`` draws serve every effect (in standard
    deviations of the change), so that power rises with it. Beyond the sizes that have
    an exact law the test is the normal one, as in the analysis of so many pairs.
    """
    draws = np.random.default_rng(seed).standard_normal((repeats, n))
    p = _signed_rank_p(n)
    power = []
    for effect in effects:
        shifted = draws + effect
        ranks = 1 + np.argsort(np.argsort(np.abs(shifted), axis=1), axis=1)
        sums = np.where(shifted > 0, ranks, 0).sum(axis=1)
        power.append(float((p[sums] <= level).mean()))
    return np.array(power)


def _signed_rank_p(n: int) -> Floats:
    """Return the two-sided p of each sum of positive ranks, 0 to n (n + 1) / 2."""
    sums = np.arange(n * (n + 1) // 2 + 1)
    if n > EXACT_LIMIT:
        spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return 2 * ndtr(-np.abs(sums - n * (n + 1) / 4) / spread)
    law = signed_rank_law(tuple(2 * i for i in range(1, n + 1)))
    return np.array([law.p_value(int(2 * s)) for s in sums])


# Shares


def fisher_p_values(n1: int, n0: int) -> Floats:
    """Return the two-sided Fisher p of every table, (n1 + 1) x (n0 + 1)."""
    return np.array(
        [
            [fisher(x1, n1, x0, n0).p_value for x0 in range(n0 + 1)]
            for x1 in range(n1 + 1)
        ]
    )


def fisher_power(p_values: Floats, share1: float, share0: float, level: float) -> float:
    """Return the exact power of Fisher's test; ``p_values`` of every table."""
    n1, n0 = (side - 1 for side in p_values.shape)
    chance = np.outer(
        binomial_probabilities(n1, share1), binomial_probabilities(n0, share0)
    )
    return float(chance[p_values <= level].sum())


def binomial_power(p_values: Floats, share: float, level: float) -> float:
    """Return the power of a test of one count; ``p_values`` for 0 to n."""
    chance = binomial_probabilities(p_values.size - 1, share)
    return float(chance[p_values <= level].sum())


def expected_width(n: int, share: float, conf_level: float = 0.95) -> float:
    """Return the width to expect of the Clopper-Pearson interval."""
    limits = np.array([clopper_pearson(x, n, conf_level) for x in range(n + 1)])
    return float(binomial_probabilities(n, share) @ (limits[:, 1] - limits[:, 0]))


# Hazards


def log_hazard_error(events1: float, events0: float) -> float:
    """Return the least standard error of a log hazard ratio with so many events."""
    if not (events1 > 0 and events0 > 0):
        raise MethodError("A hazard ratio needs events in both groups.")
    return math.sqrt(1 / events1 + 1 / events0)


def detectable_hazard_ratio(
    events: float, share1: float, power: float, level: float = 0.05
) -> float:
    """Return the hazard ratio below 1 that the log-rank test finds with ``power``.

    Schoenfeld's formula solved for the ratio; its reciprocal is the one above 1.
    """
    root = math.sqrt(events * share1 * (1 - share1))
    return math.exp(-float(ndtri(1 - level / 2) + ndtri(power)) / root)


def log_rank_power(
    ratio: float,
    n1: int,
    n0: int,
    event_share: float,
    level: float,
    seed: int,
    repeats: int = 4000,
) -> float:
    """Return the simulated power of the asymptotic log-rank test.

    Exponential times, the hazard of the first group ``ratio`` times that of the
    other; all are followed until a share ``event_share`` of the other group is
    expected to have had the event (1: until all have).
    """
    rng = np.random.default_rng(seed)
    times = rng.standard_exponential((repeats, n1 + n0))
    times[:, :n1] /= ratio
    end = math.inf if event_share >= 1 else -math.log1p(-event_share)
    order = np.argsort(times, axis=1)
    first = order < n1
    events = np.take_along_axis(times, order, axis=1) <= end
    at_risk = np.arange(n1 + n0, 0, -1)
    at_risk1 = first[:, ::-1].cumsum(axis=1)[:, ::-1]
    share = at_risk1 / at_risk
    excess = (events * (first - share)).sum(axis=1)
    variance = (events * share * (1 - share)).sum(axis=1)
    z = np.divide(
        np.abs(excess),
        np.sqrt(variance),
        out=np.zeros(repeats),
        where=variance > 0,
    )
    return float((z > ndtri(1 - level / 2)).mean())


def detectable(
    power_at: Callable[[float], float], wanted: float, high: float, steps: int = 50
) -> float:
    """Return the smallest effect in (0, high] with the wanted power, nan if none.

    ``power_at`` must not fall with the effect. Each of the ``steps`` halves the gap
    between too small and large enough.
    """
    if power_at(high) < wanted:
        return math.nan
    low = 0.0
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= wanted else (middle, high)
    return high
