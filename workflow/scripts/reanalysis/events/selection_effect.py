"""What selecting patients for a bad period does to the next one.

Patients who may enter only with ``k`` or more events in the period before have, on
average, fewer in the next one whatever is done to them (regression to the mean; James,
Biometrics 1973;29:121; Davis, American Journal of Epidemiology 1976;104:493). Two ways
to say how many fewer, both for events that are Poisson within a patient:

- From the rows of the patients: the expected later sum is the sum of the earlier
  counts of those with more than ``k`` (Hauer, Accident Analysis and Prevention
  1980;12:113; Robbins 1956). Since x P(x) = mean P(x - 1) for any Poisson mean,
  E[mean; X >= k] = E[X; X >= k + 1], whatever the distribution of the means.
- From the mean count alone: with gamma distributed rates of shape ``a`` the counts are
  negative binomial. With q = P(an event falls into the earlier period rather than into
  a waiting time of the gamma), the truncated mean is

      m = a q / (1 - q) * I(q; k - 1, a + 1) / I(q; k, a),

  I the regularised incomplete beta function (1 where its first argument is 0), and the
  expected later count is t q (a + m) for a later period t times as long as the earlier
  one. For fixed ``a`` the truncated counts are an exponential family, so that the q
  that gives the observed mean is the maximum-likelihood estimate. ``a`` at infinity is
  the Poisson model: all patients have one rate.

Own code: no library at hand has truncated negative-binomial expectations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, expit, gammainc, gammaln, xlogy

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: From this shape on the Poisson formulas are used; they then agree to 1e-9.
POISSON = 1e10


def truncated_mean(shape: ArrayLike, log_odds: ArrayLike, at_least: int) -> Floats:
    """Return the mean of a negative-binomial count known to be ``at_least``.

    ``shape`` is that of the gamma distributed rates; ``log_odds`` the logarithm of
    q / (1 - q), the scale of the gamma in units of the period.
    """
    a, u = np.broadcast_arrays(np.asarray(shape, float), np.asarray(log_odds, float))
    return a * np.exp(u) * _above_ratio(a, u, at_least)


def _above_ratio(a: Floats, u: Floats, k: int) -> Floats:
    """Return P(X' >= k - 1) / P(X >= k), X' of shape a + 1 and X of shape a."""
    if k == 0:
        return np.ones(np.shape(u))
    # P(X >= k) = P(X = k) times a sum of ratios, which keeps its digits where both
    # probabilities vanish; a is then small or q is.
    q = expit(u)
    above = betainc(k, a, q)
    before = betainc(k - 1, a + 1, q) if k > 1 else np.ones(np.shape(u))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = before / above
    lost = ~np.isfinite(ratio) | (above < 1e-250)
    # Then X is k and X' is k - 1 for all that can be told.
    return np.where(lost, k / (a * np.exp(np.minimum(u, 700.0))), ratio)


def truncated_poisson_mean(log_mean: ArrayLike, at_least: int) -> Floats:
    """Return the mean of a Poisson count known to be ``at_least``."""
    mean = np.exp(np.asarray(log_mean, float))
    if at_least == 0:
        return mean
    above = gammainc(at_least, mean)
    before = gammainc(at_least - 1, mean) if at_least > 1 else np.ones_like(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = mean * before / above
    return np.where(above < 1e-250, float(at_least), found)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What selection alone leads one to expect, by shape, all shapes (shapes,).

    ``log_odds`` is the logarithm of q / (1 - q) (of the mean for the Poisson model) at
    which the truncated mean is the observed one; ``after`` the expected mean count in a
    later period as long as the earlier one; ``reduction`` 1 - after / before.
    """

    shape: Floats
    log_odds: Floats
    after: Floats
    reduction: Floats


def expected_after(mean_before: float, at_least: int, shapes: ArrayLike) -> Expected:
    """Return the later mean count expected without any effect.

    ``mean_before`` is the mean earlier count of the patients selected for having
    ``at_least`` events or more; ``shapes`` those of the gamma distributed rates,
    infinity for patients with one common rate. Raises :class:`MethodError` for a mean
    below the criterion and where nobody had an event.
    """
    a = np.atleast_1d(np.asarray(shapes, dtype=float))
    if not (a > 0).all():
        raise MethodError("The shape of a gamma distribution is positive.")
    if mean_before < at_least or not math.isfinite(mean_before):
        raise MethodError(
            f"A mean of {mean_before:g} events is below the criterion of selection "
            f"of {at_least}."
        )
    if mean_before == 0:
        raise MethodError("Nobody had an event before.")
    u = np.full(a.shape, -math.inf)
    after = np.zeros(a.shape)
    common = a >= POISSON
    if mean_before > at_least * (1 + 1e-12):
        if common.any():
            top = math.log(mean_before)
            found = increasing_root(
                lambda v: truncated_poisson_mean(v, at_least) - mean_before,
                top - 60.0,
                top + 1e-9,
            )
            u[common], after[common] = found, np.exp(found)
        varied = ~common
        if varied.any():
            some = a[varied]
            top = np.log(mean_before / some)
            found = increasing_root(
                lambda v: truncated_mean(some, v, at_least) - mean_before,
                top - 60.0,
                top + 1e-9,
            )
            u[varied], after[varied] = found, expit(found) * (some + mean_before)
    return Expected(a, u, after, 1 - after / mean_before)


def hauer(before: Ints, at_least: int) -> Floats:
    """Return the part of each earlier count that is expected to come again.

    The count itself, but 0 for a patient who just met the criterion. Its sum is an
    unbiased estimate of the expected later sum without any effect.
    """
    before = np.asarray(before, dtype=float)
    if (before < at_least).any():
        raise MethodError(
            f"A patient had fewer than {at_least} events before, against the criterion."
        )
    return np.where(before > at_least, before, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ShapeProfile:
    """What the counts say at each shape of the rates, all shapes (shapes,).

    ``log_likelihood`` is maximised over the mean rate and the rate ratio; ``ratio`` is
    the rate ratio corrected for selection at that shape, ``std_error`` that of its
    logarithm.
    """

    shape: Floats
    log_likelihood: Floats
    ratio: Floats
    std_error: Floats
    expected: Expected


def shape_profile(
    before: Ints, after: Ints, times: Floats, at_least: int, shapes: ArrayLike
) -> ShapeProfile:
    """Return profile likelihood of the shape and the corrected ratio at each shape.

    ``before`` and ``after`` (patients,) are counts, ``times`` (patients,) the time
    after over the time before. Given the earlier count x, a patient's later count is
    negative binomial of shape a + x: with rates of scale q / (1 - q) before, its mean
    is ratio * t * q (a + x). The likelihoods of the earlier and of the later counts
    share no parameter, so that the two errors add up. Raises :class:`MethodError` as
    :func:`expected_after`.
    """
    x, y = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    t = np.broadcast_to(np.asarray(times, dtype=float), x.shape)
    if (x < at_least).any():
        hauer(before, at_least)
    expected = expected_after(float(x.mean()), at_least, shapes)
    if not np.isfinite(expected.log_odds).all():
        raise MethodError(
            f"Every patient had just the {at_least} events of the criterion: the "
            "likelihood puts all rates at 0."
        )
    common = expected.shape >= POISSON
    # Poisson stands for every shape at first, so that no branch is left empty.
    mean = np.exp(np.where(common, expected.log_odds, 0.0))
    theta = np.full(mean.shape, y.sum() / t.sum())
    value = _poisson(x, mean[:, None]) - x.size * _log_above_poisson(mean, at_least)
    value += _poisson(y, theta[:, None] * t)
    ratio, later = theta / mean, np.full(mean.shape, y.sum())
    # The natural parameter is log q (the log mean of Poisson counts).
    information = x.size * _variance(expected, float(x.mean()), at_least)
    varied = ~common
    if varied.any():
        a, u = expected.shape[varied], expected.log_odds[varied]
        q, size = expit(u), a[:, None] + x
        scale = _later_scale(y, size, t)
        odds = scale[:, None] * t
        value[varied] = _negative_binomial(x, a[:, None], u[:, None])
        value[varied] -= x.size * _log_above(a, u, at_least)
        # log odds of the scale are those of its share of the waiting time.
        with np.errstate(divide="ignore"):
            value[varied] += _negative_binomial(y, size, np.log(odds))
        ratio[varied] = scale / q
        later[varied] = ((size + y) * odds / (1 + odds) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(1 / later + 1 / information)
    error = np.where(np.isfinite(error), error, math.nan)
    return ShapeProfile(expected.shape, value, ratio, error, expected)


def _variance(expected: Expected, mean: float, k: int) -> Floats:
    """Return the variance of one truncated count: the information on log q."""
    found = np.zeros(expected.shape.size)
    common = expected.shape >= POISSON
    if common.any():
        rate = np.exp(expected.log_odds[common])
        above = gammainc(k, rate) if k else np.ones(rate.shape)
        before = gammainc(k - 2, rate) if k > 2 else np.ones(rate.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[common] = rate**2 * before / above
    if not common.all():
        a, u = expected.shape[~common], expected.log_odds[~common]
        above = betainc(k, a, expit(u)) if k else np.ones(a.shape)
        before = betainc(k - 2, a + 2, expit(u)) if k > 2 else np.ones(a.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[~common] = a * (a + 1) * np.exp(2 * u) * before / above
    # E[X (X - 1)] is what was found.
    return found + mean - mean**2


def _later_scale(y: Floats, size: Floats, t: Floats) -> Floats:
    """Return the maximum-likelihood scale of later counts, one per row of ``size``."""
    if not y.any():
        return np.zeros(len(size))
    if (t == t[0]).all():
        return y.sum() / size.sum(axis=1) / t[0]

    def excess(v: Floats) -> Floats:
        odds = np.exp(v)[:, None] * t
        return ((size * odds - y) / (1 + odds)).sum(axis=1)

    middle = np.log(y.sum() / (size * t).sum(axis=1))
    return np.exp(increasing_root(excess, middle - 60, middle + 60))


def _poisson(x: Floats, mean: Floats) -> Floats:
    """Return the log likelihood (rows,) of counts (n,) with means (rows, n or 1)."""
    return (xlogy(x, mean) - mean - gammaln(x + 1)).sum(axis=1)


def _log_above_poisson(mean: Floats, k: int) -> Floats:
    return np.log(gammainc(k, mean)) if k else np.zeros(mean.shape)


def _negative_binomial(x: Floats, a: Floats, u: Floats) -> Floats:
    """Return the log likelihood (rows,) of counts (n,) of shapes ``a`` (rows, n or 1).

    ``u``: logarithm of mean / shape, of the shape of ``a`` too.
    """
    ways = gammaln(a + x) - gammaln(a) - gammaln(x + 1)
    # An event that cannot happen adds nothing where none was seen.
    seen = x * np.where(x > 0, -np.logaddexp(0, -u), 0.0)
    return (ways + seen - a * np.logaddexp(0, u)).sum(axis=1)


def _log_above(a: Floats, u: Floats, k: int) -> Floats:
    if k == 0:
        return np.zeros(a.shape)
    above = betainc(k, a, expit(u))
    least = -betaln(k, a) - math.log(k) - a * np.logaddexp(0, u) + k * u
    with np.errstate(divide="ignore"):
        return np.where(above < 1e-250, least, np.log(above))
