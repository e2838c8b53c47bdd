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
from reanalysis.consistency.fingerprint_axes import BASE
from reanalysis.methods.cox import estimate
from reanalysis.sample import Sample

Z = 1.959963984540054


def fits(rng: np.random.Generator, ties: str):
    """Return HR, Wald and profile limits, |z| of the tests and events of one sample."""
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
    for interval, test in product(
        ("wald", "profile"), ("wald", "likelihood-ratio", "score")
    ):
        settings = {"ties": ties, "interval": interval, "p_value": test}
        fixed = {**BASE["cox"], "conf_level": 0.95, "seed": 1}
        for row in estimate(sample, {**fixed, **settings}):
            if row.statistic != "hazard_ratio":
                continue
            limits[interval] = (row.conf_low, row.conf_high)
            if row.test:
                tests[row.test] = -ndtri(row.p_value / 2)
            centre = row.estimate
    events = tuple(int(rows["event"][rows["group"] == g].sum()) for g in "10")
    return centre, limits, tests, events


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_no_test_of_a_cox_model_is_outside_the_bounds(ties) -> None:
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(25):
        centre, limits, tests, events = fits(rng, ties)
        low, high = limits["wald"]
        if not (1e-3 < low < high < 1e3) or not limits["profile"][0] > 0:
            continue
        # An infinite estimate is replaced by a penalised one, which is bound by less.
        if not limits["profile"][1] < 1e6 or limits["profile"] == limits["wald"]:
            continue
        seen += 1
        for ends in limits.values():
            point = math.log(centre)
            x, (a, b) = (point, point), ((math.log(e),) * 2 for e in ends)
            for known in (None, events):
                found = bounds.z_of_cox(x, a, b, Z, known)
                assert found is not None
                for z in tests.values():
                    assert found[0] - 1e-6 <= z <= found[1] + 1e-6
    assert seen > 8


def test_bounds_near_no_effect_are_the_chi_square() -> None:
    # For a small log ratio x all three statistics are x^2 times the information.
    for low, high in (bounds.likelihood_ratio(1e-3), bounds.score(1e-3)):
        assert low == pytest.approx(1e-6, rel=2e-3)
        assert high == pytest.approx(1e-6, rel=2e-3)


def test_skew_limits_are_of_no_likelihood() -> None:
    # Distances 0.22 and 0.56: 3.84/2 / (e^x - 1 - x) and / (e^-x - 1 + x) do not meet.
    ends = [(math.log(x),) * 2 for x in (1.10, 0.63, 1.37)]
    assert bounds.z_of_cox(*ends, Z) is None
    # One patient with the event of the first group among many: far from even.
    assert bounds.information_of_profile((1.5, 1.5), (2.5, 2.5), Z) is not None


def test_printed_events_bring_the_bounds_together() -> None:
    # HR 0.50 (0.278-0.900), Wald z 2.31: without events |z| 1.68 to 3.18.
    ends = [(math.log(x - 0.0005), math.log(x + 0.0005)) for x in (0.5, 0.278, 0.9)]
    wide, close = bounds.z_of_cox(*ends, Z), bounds.z_of_cox(*ends, Z, (20, 30))
    assert wide[0] < close[0] < 2.31286 < close[1] < wide[1]
    assert close[1] - close[0] < 0.5 * (wide[1] - wide[0])
    # 1/5 + 1/5 events: a standard error of 0.632 at least, against 0.300.
    assert bounds.z_of_cox(*ends, Z, (5, 5)) is None
