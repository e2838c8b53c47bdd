"""Simultaneous bands against the printed tables, R and closed forms.

The tables are C.3 and C.4 of Klein and Moeschberger as R's km.ci 0.5-6 holds them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.survival_bands import (
    confidence_band,
    equal_precision_critical,
    hall_wellner_critical,
)
from reanalysis.survival.survival_curve import product_limit

MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def rows(time, event):
    return FollowUp(np.array(time, dtype=float), np.array(event) == 1)


def band(kind, transform="log-log", time=MP, event=MP_EVENT, **more):
    followed = rows(time, event)
    return confidence_band(
        product_limit(followed), followed, kind=kind, transform=transform, **more
    )


@pytest.mark.parametrize(
    ("low", "high", "level", "printed"),
    [
        # km.ci:::critical.value.nair.95 and .90; (0.1, 0.6) is the book's example.
        (0.1, 0.6, 0.95, 2.8826),
        (0.02, 0.1, 0.95, 2.7500),
        (0.02, 0.98, 0.95, 3.2428),
        (0.3, 0.9, 0.95, 2.9333),
        (0.6, 0.98, 0.95, 2.9777),
        (0.1, 0.9, 0.90, 2.7844),
        (0.6, 0.9, 0.90, 2.4721),
    ],
)
def test_equal_precision_critical_values_are_the_printed_ones(
    low, high, level, printed
):
    assert_allclose(equal_precision_critical(low, high, level), printed, atol=1.01e-4)


@pytest.mark.parametrize(
    ("low", "high", "level", "printed"),
    [
        # km.ci:::critical.value.hall.95 and .99; (0.1, 0.6) is the book's example.
        (0.1, 0.6, 0.95, 1.3211),
        (0.02, 0.1, 0.95, 0.6825),
        (0.1, 0.3, 0.95, 1.0865),
        (0.3, 0.6, 0.95, 1.3058),
        (0.6, 0.9, 0.95, 1.1975),
        (0.02, 0.999, 0.95, 1.3581),
        (0.3, 0.9, 0.99, 1.6214),
        (0.02, 0.3, 0.99, 1.3419),
    ],
)
def test_hall_wellner_critical_values_are_the_printed_ones(low, high, level, printed):
    assert_allclose(hall_wellner_critical(low, high, level), printed, atol=1.01e-4)


def test_hall_wellner_over_everything_is_kolmogorovs_quantile():
    # 1.3580986..., the root of 2 sum (-1)^(k+1) exp(-2 k^2 x^2) = 0.05.
    found = hall_wellner_critical(1e-5, 1 - 1e-5, 0.95)
    tail = 2 * sum((-1) ** (k + 1) * math.exp(-2 * k * k * found**2) for k in (1, 2, 3))
    assert_allclose(tail, 0.05, rtol=1e-4)


def test_a_band_at_one_time_is_a_pointwise_interval():
    assert_allclose(equal_precision_critical(0.4, 0.4, 0.95), 1.959963984540)
    found = hall_wellner_critical(0.4, 0.4, 0.95)
    assert_allclose(found, 1.959963984540 * math.sqrt(0.24))


def test_bands_of_the_6mp_arm():
    # f <- survfit(Surv(mp, e) ~ 1); a = n s^2 / (1 + n s^2): 0.142857142857 at 6,
    # 0.654442280003 at 23, with s = f$std.err.
    plain = band("hall-wellner", "plain")
    assert (plain.first, plain.last) == (6, 23)
    assert_allclose(plain.critical, hall_wellner_critical(1 / 7, 0.654442280003, 0.95))
    # At 10, S 0.752941176471, s^2 = 0.255881816524 / (1 - 0.255881816524) / 21.
    reach = plain.critical * (1 / (1 - 0.255881816524)) / math.sqrt(21)
    step = int(np.searchsorted(product_limit(rows(MP, MP_EVENT)).times, 10))
    assert_allclose(plain.conf_low[step], 0.752941176471 * (1 - reach))
    assert plain.conf_high[step] == 1
    # km.ci(f, method = "hall-wellner"), whose table it interpolates: 0.4578979869592
    assert_allclose(plain.conf_low[step], 0.4578979869592, atol=1e-3)
    # km.ci(f, method = "loghall"), "epband" and "logep" at 10, likewise.
    assert_allclose(band("hall-wellner").conf_low[step], 0.323368973332, atol=1e-3)
    assert_allclose(band("hall-wellner").conf_high[step], 0.931158215634, atol=1e-3)
    assert_allclose(
        band("equal-precision", "plain").conf_low[step], 0.4775511572232, atol=1e-3
    )
    equal = band("equal-precision")
    assert_allclose(equal.conf_low[step], 0.357096641271, atol=1e-3)
    assert_allclose(equal.conf_high[step], 0.924781232500, atol=1e-3)
    # s = 0.127964382883 at 10; exp(c s / log S) is the exponent of S.
    theta = math.exp(equal.critical * 0.12796438288308 / math.log(0.752941176471))
    assert_allclose(equal.conf_high[step], 0.752941176471**theta, rtol=1e-9)
    # Outside the range there is none.
    assert np.isnan(equal.conf_low[equal.conf_low.size - 1])


@pytest.mark.parametrize("kind", ["hall-wellner", "equal-precision", "bootstrap"])
@pytest.mark.parametrize("transform", ["plain", "log-log", "arcsine"])
def test_bands_are_wider_than_pointwise_limits(kind, transform):
    found = band(kind, transform, seed=5)
    curve = product_limit(rows(MP, MP_EVENT), interval=transform)
    held = ~np.isnan(found.conf_low)
    assert held.sum() == 12
    # A Hall-Wellner band is narrow where the curve is least certain.
    where = held if kind != "hall-wellner" else held & (curve.times == 6)
    assert (found.conf_low[where] <= curve.conf_low[where] + 1e-12).all()
    assert (found.conf_high[where] >= curve.conf_high[where] - 1e-12).all()


def test_the_bootstrap_band_is_seeded():
    one, two, other = (band("bootstrap", seed=s) for s in (5, 5, 6))
    assert_array_equal(one.conf_low, two.conf_low)
    assert one.critical == two.critical
    # Resampling differs a little from seed to seed.
    assert_allclose(one.critical, other.critical, rtol=0.06)


@pytest.mark.parametrize(
    ("time", "event"), [([3, 4, 5], [0, 0, 0]), ([2, 2, 2], [1, 1, 1]), ([1], [1])]
)
def test_no_band_without_an_event_that_leaves_some(time, event):
    with pytest.raises(MethodError, match="no band"):
        band("hall-wellner", time=time, event=event)


def test_one_event_and_ties_with_censoring():
    # One of three at 2, where another is censored.
    found = band("equal-precision", time=[2, 2, 5], event=[1, 0, 0])
    assert (found.first, found.last) == (2, 2)
    pointwise = product_limit(rows([2, 2, 5], [1, 0, 0]))
    assert_allclose(found.conf_low[0], pointwise.conf_low[0])
    assert np.isnan(found.conf_low[1])
    with pytest.raises(MethodError, match="no band of the kind"):
        band("gill")
