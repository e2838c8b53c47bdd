"""Counts of the same patient before and after, given each patient's total.

A patient's own rate, however it differs from the others', drops out of the
distribution of the later count given the total of both (Przyborowski and Wilenski
1940; Cox and Lewis 1966, section 9.3). What is left is exact at any size. A patient
who could enter only with ``k`` or more events before has a later count of at most the
total less ``k``: the binomial is cut there, and the ratio is freed of the selection
without knowing how rates vary among patients, as long as events are Poisson and each
patient's rate changes by the treatment alone.

Own code: no library at hand conditions on totals with unequal times or a selection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtrit

from reanalysis.errors import MethodError
from reanalysis.roots import increasing_root
from reanalysis.tables.binomial import HypothesisTest, Interval, exact_p_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Setting -> its test's name and arguments.
TESTS: dict[str, tuple[str, dict[str, bool]]] = {
    "exact-conditional": ("conditional exact", {}),
    "exact-doubled": ("conditional exact, doubled", {"doubled": True}),
    "mid-p": ("conditional mid-P", {"doubled": True, "mid_p": True}),
    "mid-p-minlike": ("conditional mid-P, by probability", {"mid_p": True}),
}
INTERVALS = {"exact": "conditional exact", "mid-p": "conditional mid-P"}
#: More events than these would leave the range of floating-point numbers.
MOST_EVENTS = 900
#: Logarithms of a rate ratio beyond this are as good as infinite.
FAR = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class CountLaw:
    """Law of the sum of the later counts, given the totals.

    ``log_weights`` (sums,): the probability of a sum s = 0, 1, ... is proportional to
    exp(log_weights[s]) ratio^s. ``observed`` is the sum seen.
    """

    log_weights: Floats
    observed: int

    def probabilities(self, log_ratio: float | Floats) -> Floats:
        """Return the probabilities of the sums (..., sums) at a log ratio."""
        s = np.arange(self.log_weights.size)
        power = self.log_weights + np.multiply.outer(np.asarray(log_ratio), s)
        terms = np.exp(power - power.max(axis=-1, keepdims=True))
        return terms / terms.sum(axis=-1, keepdims=True)

    def estimate(self) -> float:
        """Return the conditional maximum-likelihood estimate of the rate ratio."""
        last = self.log_weights.size - 1
        if last == 0:
            return math.nan
        if self.observed in (0, last):
            return 0.0 if self.observed == 0 else math.inf

        def excess(log_ratio: Floats) -> Floats:
            mean = self.probabilities(log_ratio) @ np.arange(last + 1)
            return mean - self.observed

        return math.exp(float(increasing_root(excess, -FAR, FAR)))

    def limits(self, conf_level: float = 0.95, *, mid_p: bool = False) -> Interval:
        """Return the limits at which either tail is half of 1 - ``conf_level``."""
        last, tail = self.log_weights.size - 1, (1 - conf_level) / 2
        share = 0.5 if mid_p else 1.0

        def excess(log_ratio: Floats) -> Floats:
            p = self.probabilities(log_ratio)
            seen = share * p[:, self.observed]
            above = p[0, self.observed + 1 :].sum() + seen[0]
            below = p[1, : self.observed].sum() + seen[1]
            return np.array([above - tail, tail - below])

        if last == 0:
            return 0.0, math.inf
        low, high = increasing_root(excess, np.full(2, -FAR), np.full(2, FAR))
        return (
            math.exp(low) if self.observed > 0 else 0.0,
            math.exp(high) if self.observed < last else math.inf,
        )

    def test(
        self,
        alternative: str = "two-sided",
        *,
        doubled: bool = False,
        mid_p: bool = False,
        name: str = "conditional exact",
    ) -> HypothesisTest:
        """Test that the rates are equal; two-sided by probability or ``doubled``."""
        if self.log_weights.size == 1:
            return HypothesisTest(name, alternative, 1.0, note="Nothing could vary.")
        p = exact_p_value(
            self.probabilities(0.0), self.observed, alternative,
            doubled=doubled, mid_p=mid_p,
        )  # fmt: skip
        return HypothesisTest(name, alternative, p)


def conditional_law(
    before: Ints, after: Ints, times: Floats | float = 1.0, at_least: int = 0
) -> CountLaw:
    """Return the law of the sum of ``after`` given the totals of every patient.

    ``before`` and ``after`` (patients,) are counts, ``times`` (patients,) or one number
    the observation time after over that before; every count before is known to be at
    least ``at_least``, the criterion of selection. Raises :class:`MethodError` when a
    count before is lower than that.
    """
    before, after = np.asarray(before, dtype=int), np.asarray(after, dtype=int)
    times = np.broadcast_to(np.asarray(times, dtype=float), before.shape)
    if (before < at_least).any():
        raise MethodError(
            f"A patient had fewer than {at_least} events before, against the criterion."
        )
    total = before + after
    if int(total.sum()) > MOST_EVENTS:
        raise MethodError(f"Exact laws are given up to {MOST_EVENTS} events.")
    weights, scale = np.ones(1), 0.0
    for t, ratio in zip(total.tolist(), times.tolist(), strict=True):
        y = np.arange(t - at_least + 1)
        log = gammaln(t + 1) - gammaln(y + 1) - gammaln(t - y + 1) + y * math.log(ratio)
        weights = np.convolve(weights, np.exp(log - log.max()))
        scale = weights.max()
        weights = weights / scale
    with np.errstate(divide="ignore"):
        return CountLaw(np.log(weights), int(after.sum()))


@dataclass(frozen=True, slots=True)
class MeanRatio:
    """A ratio of two means of the same patients, with limits and its test."""

    ratio: float
    conf_low: float
    conf_high: float
    statistic: float
    df: int
    p_value: float


def fieller(
    later: Floats, earlier: Floats, conf_level: float = 0.95, null: float = 1.0
) -> MeanRatio:
    """Return mean(later) / mean(earlier) with Fieller's limits (JRSS B 1954;16:175).

    Student's t of ``later - ratio * earlier`` (patients,), so the counts of a patient
    may depend on each other and vary more than Poisson. The limits are infinite where
    the mean of ``earlier`` is itself not clear of 0. Raises :class:`MethodError` for
    fewer than two patients, for means of 0 and where nothing varies.
    """
    from scipy.special import stdtr

    later, earlier = np.asarray(later, float), np.asarray(earlier, float)
    n = later.size
    if n < 2:
        raise MethodError("One patient does not show how patients vary.")
    if earlier.sum() == 0:
        raise MethodError("There is no count to compare with.")
    if later.sum() == 0:
        raise MethodError("There is no event after, so the ratio has no interval.")
    a, b = float(later.mean()), float(earlier.mean())
    (vaa, vab), (_, vbb) = np.cov(later, earlier) / n
    df = n - 1
    t = float(stdtrit(df, (1 + conf_level) / 2))
    error = vaa - 2 * null * vab + null**2 * vbb
    if not error > 1e-18 * max(a * a, b * b):
        raise MethodError("The change is the same in every patient.")
    statistic = (a - null * b) / math.sqrt(error)
    # The limits solve (a - r b)^2 = t^2 (vaa - 2 r vab + r^2 vbb).
    square, linear, constant = (
        b * b - t * t * vbb,
        a * b - t * t * vab,
        a * a - t * t * vaa,
    )
    inside = linear * linear - square * constant
    low, high = 0.0, math.inf
    if square > 0 and inside >= 0:
        low = max((linear - math.sqrt(inside)) / square, 0.0)
        high = (linear + math.sqrt(inside)) / square
    elif square < 0 and inside >= 0:
        # The set is all but a stretch; only its part above 0 that holds the ratio.
        ends = sorted((linear + s * math.sqrt(inside)) / square for s in (-1, 1))
        if a / b >= ends[1]:
            low = max(ends[1], 0.0)
        elif ends[0] > 0:
            high = ends[0]
    return MeanRatio(
        a / b, low, high, statistic, df, float(2 * stdtr(df, -abs(statistic)))
    )
