"""What a Cox model's estimate and limits leave open for its tests.

Referee: the Cox model itself, fitted to small random data with and without ties.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from reanalysis.consistency import likelihood_bounds as bounds
from reanalysis.consistency.fingerprint import BASE
from reanalysis.methods.cox import estimate
from reanalysis.sample import Sample

Z = 1.959963984540054


def fits(rng: np.random.Generator, ties: str):
    """Return (log HR, Wald and profile limits, |z| of three tests) of one data set."""
    n = int(rng.integers(6, 25))
    group = np.where(rng.permutation(n) < max(2, n // 3), "1", "0")
    rate = np.where(group == "1", math.exp(rng.normal(0, 1)), 1.0)
    rows = pd.DataFrame(
        {
            "time": np.ceil(rng.exponential(1 / rate) * rng.choice([4, 1000])),
            "event": (rng.random(n) < 0.7).astype(int),
            "group": group,
        }
    )
    sample = Sample(kind="individual", rows=rows, groups=("1", "0"), reference="0")
    limits, tests = {}, {}
    for interval, test in product(("wald", "profile"), ("wald", "likelihood-ratio")):
        settings = {"ties": ties, "interval": interval, "p_value": test}
        fixed = {**BASE["cox"], "conf_level": 0.95, "seed": 1}
        for row in estimate(sample, {**fixed, **settings}):
            if row.statistic != "hazard_ratio":
                continue
            limits[interval] = (row.conf_low, row.conf_high)
            if row.test:
                tests[row.test] = -ndtri(row.p_value / 2)
            centre = row.estimate
    return centre, limits, tests


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_no_test_of_a_cox_model_is_outside_the_bounds(ties) -> None:
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(25):
        centre, limits, tests = fits(rng, ties)
        low, high = limits["wald"]
        if not (1e-3 < low < high < 1e3) or not 0 < limits["profile"][0]:
            continue
        if not limits["profile"][1] < 1e6:
            continue
        seen += 1
        for ends in limits.values():
            point = math.log(centre)
            x, (a, b) = (point, point), ((math.log(e),) * 2 for e in ends)
            found = bounds.tests_of_cox(x, a, b, Z)
            assert found is not None
            for z in tests.values():
                assert found[0] - 1e-6 <= z <= found[1] + 1e-6
    assert seen > 10


def test_bounds_near_no_effect_are_the_chi_square() -> None:
    # For a small log ratio x all three statistics are x^2 times the information.
    for low, high in (bounds.likelihood_ratio(1e-3), bounds.score(1e-3)):
        assert low == pytest.approx(1e-6, rel=2e-3)
        assert high == pytest.approx(1e-6, rel=2e-3)


def test_skew_limits_are_of_no_likelihood() -> None:
    # Distances 0.22 and 0.56: 3.84/2 / (e^x - 1 - x) and / (e^-x - 1 + x) do not meet.
    ends = [(math.log(x),) * 2 for x in (1.10, 0.63, 1.37)]
    assert bounds.tests_of_cox(*ends, Z) is None
    # One patient with the event of the first group among many: far from even.
    assert bounds.information_of_profile((1.5, 1.5), (2.5, 2.5), Z) is not None
