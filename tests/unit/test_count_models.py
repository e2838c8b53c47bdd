"""Models of event counts in two groups against R (MASS, sandwich) and statsmodels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

from reanalysis.errors import MethodError
from reanalysis.events import poisson_rates
from reanalysis.events.count_models import negative_binomial_ratio, poisson_ratio
from reanalysis.methods import rates
from reanalysis.sample import Sample

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "interval": "exact",
    "test": "exact-conditional",
    "alternative": "two-sided",
    "conf_level": 0.95,
    "model": "poisson",
    "pairs": "as_declared",
    "seed": 1,
}
#: Twelve patients, six in each group, observed for different times.
Y = np.array([0, 3, 1, 6, 2, 0, 1, 0, 4, 2, 9, 1])
E = np.array([1, 1.2, 0.5, 1, 2, 1.5, 1, 0.8, 1, 1.1, 1.9, 0.7])
FIRST = np.arange(12) < 6


def close(value, rel=1e-6):
    return pytest.approx(value, rel=rel, abs=1e-12)


def cgd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = pd.read_csv(ROOT / "data/cgd1991_ifngamma/intervals.csv")
    rows["years"] = (rows["tstop_days"] - rows["tstart_days"]) / 365.25
    each = rows.groupby(["id", "treatment"])[["infection", "years"]].sum().reset_index()
    return (
        each["infection"].to_numpy(),
        each["years"].to_numpy(),
        (each["treatment"] == "rIFN-g").to_numpy(),
    )


def test_negative_binomial_against_r_and_statsmodels():
    # R: glm.nb(y ~ g + offset(log(e)), control = glm.control(epsilon = 1e-14));
    # statsmodels: NegativeBinomial(..., offset).fit(method="newton", tol=1e-15)
    fixed = negative_binomial_ratio(*cgd(), "fixed")
    assert fixed.log_ratio == close(-1.0311030051729642, 1e-9)
    assert fixed.std_error == close(0.3136818241457714, 1e-9)
    assert fixed.shape == close(1.0950274394649382, 1e-9)
    assert fixed.log_likelihood == close(-125.4974558514222877, 1e-11)
    joint = negative_binomial_ratio(*cgd(), "joint")
    assert joint.std_error == close(0.31214636, 1e-7)
    small = negative_binomial_ratio(Y, E, FIRST, "fixed")
    assert (small.log_ratio, small.std_error, small.shape) == close(
        (-0.255288406436, 0.571956848466, 1.920401552871), 1e-8
    )
    assert small.log_likelihood == close(-23.515947228268)
    joint = negative_binomial_ratio(Y, E, FIRST, "joint")
    assert (joint.std_error, 1 / joint.shape) == close((0.57533451, 0.52072443), 1e-7)


def test_negative_binomial_with_equal_times_is_the_ratio_of_means():
    fit = negative_binomial_ratio(Y, np.full(12, 2.0), FIRST)
    assert math.exp(fit.log_ratio) == close(Y[:6].mean() / Y[6:].mean())


def test_negative_binomial_by_a_general_search():
    def loss(parameters):
        a, b, log_shape = parameters
        m, k = E * np.exp(a + b * FIRST), math.exp(log_shape)
        ll = gammaln(k + Y) - gammaln(k) - gammaln(Y + 1)
        ll = ll + k * np.log(k / (k + m)) + Y * np.log(m / (k + m))
        return -ll.sum()

    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
    found = minimize(loss, [0.5, 0, 0.5], method="Nelder-Mead", options=options)
    fit = negative_binomial_ratio(Y, E, FIRST)
    assert fit.log_ratio == pytest.approx(found.x[1], abs=1e-6)
    assert fit.log_likelihood == close(-found.fun, 1e-10)


def test_poisson_variances_against_r():
    # R: summary(glm(..., quasipoisson)), sandwich::vcovHC(type = "HC0")
    y, e, first = cgd()
    assert poisson_ratio(y, e, first).log_ratio == close(-1.0525144589068018)
    assert poisson_ratio(y, e, first, "robust").std_error == close(0.317149446884471)
    quasi = poisson_ratio(y, e, first, "quasi")
    assert (quasi.std_error, quasi.df) == (close(0.317183123431963), 126)
    assert poisson_ratio(Y, E, FIRST, "robust").std_error == close(0.551956100852)
    quasi = poisson_ratio(Y, E, FIRST, "quasi")
    assert quasi.log_ratio == close(-0.450585543389)
    assert (quasi.std_error, quasi.dispersion) == close((0.586978876158, 2.42369024353))


def test_no_finite_shape_is_the_poisson_model():
    y = np.array([1, 1, 2, 1, 3, 2, 3, 2])
    fit = negative_binomial_ratio(y, np.ones(8), np.arange(8) < 4)
    poisson = poisson_ratio(y, np.ones(8), np.arange(8) < 4)
    assert fit.shape == math.inf
    assert (fit.log_ratio, fit.std_error) == (poisson.log_ratio, poisson.std_error)
    rows = rates.estimate(patients(y), {**SETTINGS, "model": "negative-binomial"})
    assert "Poisson model" in only(rows, "rate_ratio").note


def patients(y, e=None, **more) -> Sample:
    n = len(y)
    frame = {
        "id": [f"p{i}" for i in range(n)],
        "group": ["new"] * (n // 2) + ["old"] * (n - n // 2),
        "count": y,
        "exposure": np.ones(n) if e is None else e,
    }
    return Sample(
        kind="individual",
        rows=pd.DataFrame({**frame, **more}),
        groups=("new", "old"),
        reference="old",
        time_unit="years",
    )


def only(rows, statistic, **where):
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


def test_rows_of_a_model_take_the_place_of_the_totals():
    totals = only(rates.estimate(patients(Y, E), SETTINGS), "rate_ratio")
    assert totals.interval_method == "conditional exact"
    z = 1.959963984540054
    for model, error, method in (
        ("poisson-robust", 0.551956100852, "Poisson, robust, Wald"),
        ("negative-binomial", 0.57533451, "negative binomial, Wald"),
    ):
        rows = rates.estimate(patients(Y, E), {**SETTINGS, "model": model})
        row = only(rows, "rate_ratio")
        assert row.interval_method == method
        assert row.std_error == close(error, 1e-7)
        assert row.conf_high / row.estimate == close(math.exp(z * error))
        reduction = only(rows, "rate_reduction")
        assert reduction.conf_low == close(1 - row.conf_high)
    row = only(
        rates.estimate(patients(Y, E), {**SETTINGS, "model": "quasi-poisson"}),
        "rate_ratio",
    )
    # R: summary(quasipoisson) prints p from t with 10 degrees of freedom.
    assert (row.p_value, row.df) == (close(0.460445245581), 10)
    less, greater = (
        only(
            rates.estimate(
                patients(Y, E),
                {**SETTINGS, "model": "quasi-poisson", "alternative": side},
            ),
            "rate_ratio",
        ).p_value
        for side in ("less", "greater")
    )
    assert less == close(0.460445245581 / 2)
    assert less + greater == close(1)


def test_permutation_of_patients_by_enumeration():
    from itertools import combinations

    rows = rates.estimate(patients(Y, E), SETTINGS)
    p = only(rows, "test", test="exact permutation of patients").p_value
    score = Y - Y.sum() / E.sum() * E
    seen = abs(score[:6].sum())
    sums = [abs(score[list(c)].sum()) for c in combinations(range(12), 6)]
    assert p == close(np.mean([s >= seen - 1e-9 for s in sums]))


def test_mid_p_by_probability_against_statsmodels():
    from statsmodels.stats.rates import test_poisson_2indep

    for cells in ((3, 100.0, 9, 80.0), (20, 9.5, 56, 9.1), (0, 10.0, 6, 12.0)):
        expected = test_poisson_2indep(*cells, method="cond-midp").pvalue
        test = poisson_rates.rate_test(*cells, kind="mid-p-minlike")
        assert test.p_value == close(expected, 1e-9)
        assert test.name == "conditional mid-P, by probability"


def paired(first, second, e1, e2):
    n = len(first)
    return Sample(
        kind="individual",
        rows=pd.DataFrame(
            {
                "id": range(2 * n),
                "pair": [*range(n), *range(n)],
                "group": ["new"] * n + ["old"] * n,
                "count": [*first, *second],
                "exposure": [*e1, *e2],
            }
        ),
        groups=("new", "old"),
        reference="old",
        time_unit="years",
    )


def test_pairs_of_equal_times_are_the_totals():
    # R: binom.test(11, 41): p, and its limits as odds
    first, second = (1, 0, 2, 1, 0, 3, 1, 1, 2, 0), (2, 2, 3, 4, 2, 5, 3, 2, 4, 3)
    rows = rates.estimate(paired(first, second, [1] * 10, [1] * 10), SETTINGS)
    row = only(rows, "rate_ratio")
    assert row.p_value == close(0.00432400493446)
    assert (row.conf_low, row.conf_high) == close((0.165790579590, 0.752678503258))
    assert row.interval_method == "conditional exact within pairs"
    never = rates.estimate(
        paired(first, second, [1] * 10, [1] * 10), {**SETTINGS, "pairs": "never"}
    )
    assert only(never, "rate_ratio").interval_method == "conditional exact"
    # A pair observed for three times as long counts by itself, not in the total.
    longer = paired((1, 2), (2, 9), [1, 1], [1, 3])
    row = only(rates.estimate(longer, SETTINGS), "rate_ratio")
    r = row.estimate
    shares = r / (1 + r), r / (3 + r)
    assert 3 * shares[0] + 11 * shares[1] == close(3)


@pytest.mark.parametrize("model", ["poisson", "quasi-poisson", "poisson-robust",
                                   "negative-binomial", "negative-binomial-fixed"])  # fmt: skip
@pytest.mark.parametrize(
    "y",
    [
        [0, 0, 0, 0], [0, 0, 1, 2], [2, 1, 0, 0], [1, 1], [3, 0], [2, 2, 2, 2],
        [0, 0, 50, 0, 0, 1], [2, 1, 0],
    ],
)  # fmt: skip
def test_awkward_counts_give_a_word_instead_of_nonsense(y, model):
    rows = rates.estimate(patients(y), {**SETTINGS, "model": model})
    row = only(rows, "rate_ratio")
    if math.isnan(row.estimate):
        assert row.note
    else:
        assert row.p_value >= 0 or row.note
    if math.isnan(row.conf_high) or math.isinf(row.estimate):
        assert row.note
    assert not row.p_value < 0.05 or max(y) == 50
    assert math.isnan(row.std_error) or 0 < row.std_error < 1e3


def test_what_cannot_be_served():
    ones = np.ones(4)
    first = np.array([True, True, False, False])
    for y, e, said in (
        ([0, 0, 1, 1], ones, "no event"),
        ([1, 1, 1, 1], [1, 1, 0, 0], "no observation time"),
    ):
        with pytest.raises(MethodError, match=said):
            poisson_ratio(np.array(y), np.array(e), first)
    with pytest.raises(MethodError, match="one patient"):
        poisson_ratio(np.array([1, 2, 3]), np.ones(3), np.array([True, False, False]),
                      "robust")  # fmt: skip
    twice = patients([1, 2, 3, 4])
    twice.rows.loc[0, "id"] = "p3"
    (row,) = rates.estimate(twice, SETTINGS)
    assert "two groups" in row.note


@pytest.mark.parametrize("mean", [1.5, 5.0, 12.0])
@pytest.mark.parametrize("ratio", [0.3, 1.0])
def test_conditional_limits_of_poisson_rates_cover(mean, ratio):
    """Coverage without simulation, over all counts of two groups of any size."""
    from scipy.stats import poisson

    covered, most = 0.0, 40
    p1, p2 = (poisson.pmf(np.arange(most), m) for m in (mean * ratio, mean))
    for a in range(most):
        for b in range(most):
            if p1[a] * p2[b] < 1e-9:
                covered += p1[a] * p2[b]
                continue
            low, high = poisson_rates.rate_ratio_interval(a, 1.0, b, 1.0)
            covered += p1[a] * p2[b] * (low <= ratio <= high)
    assert covered >= 0.95
