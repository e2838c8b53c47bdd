"""Trend of a yes/no outcome over ordered groups (Cochran 1954, Armitage 1955).

Our own because scipy has no such test and statsmodels none that is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from reanalysis.errors import MethodError
from reanalysis.tables.binomial import HypothesisTest, normal_p_value

NAME = "Cochran-Armitage trend"


def cochran_armitage(
    events: Sequence[int],
    sizes: Sequence[int],
    scores: Sequence[float],
    alternative: str = "two-sided",
) -> HypothesisTest:
    """Return the asymptotic test; its statistic is the chi-square with 1 df.

    ``events`` of ``sizes`` patients in each group, ``scores`` their places on the
    axis of the trend. ``greater``: the outcome is commoner at higher scores.
    """
    x, n, s = _checked(events, sizes, scores)
    total, patients = int(x.sum()), int(n.sum())
    if total in (0, patients):
        who = "nobody" if total == 0 else "everybody"
        note = f"The test is undefined: {who} had it."
        return HypothesisTest(NAME, alternative, math.nan, note=note)
    share = total / patients
    centred = s - (n @ s) / patients
    z = float(centred @ x) / math.sqrt(share * (1 - share) * float(n @ centred**2))
    return HypothesisTest(NAME, alternative, normal_p_value(z, alternative), z * z, 1.0)


def exact_trend(
    events: Sequence[int],
    sizes: Sequence[int],
    scores: Sequence[int],
    alternative: str = "two-sided",
) -> HypothesisTest:
    """Return the exact test: the score sum given the total number of events.

    ``scores`` are whole numbers. The law is built group by group from hypergeometric
    counts; two-sided sums the outcomes at least as far from the expected score sum.
    """
    x, n, s = _checked(events, sizes, scores)
    name = f"{NAME}, exact"
    if not np.array_equal(s, np.round(s)):
        raise MethodError("The exact test of a trend needs scores in whole numbers.")
    total = int(x.sum())
    if total in (0, int(n.sum())):
        return HypothesisTest(name, alternative, 1.0, note="There is one outcome only.")
    steps = np.round(s - s.min()).astype(int)
    # Ways to place so many events (rows) with so large a score sum (columns).
    ways = np.zeros((total + 1, total * int(steps.max()) + 1))
    ways[0, 0] = 1.0
    log_all = gammaln(n.sum() + 1) - gammaln(total + 1) - gammaln(n.sum() - total + 1)
    scale = math.exp(-log_all / len(n))
    for size, step in zip(n.astype(int), steps, strict=True):
        filled = np.zeros_like(ways)
        for k in range(min(size, total) + 1):
            chosen = scale * math.comb(size, k)
            shift = k * step
            rows = total + 1 - k
            filled[k:, shift:] += chosen * ways[:rows, : ways.shape[1] - shift]
        ways = filled
    law = ways[total] / ways[total].sum()
    seen = int(x @ steps)
    sums = np.arange(law.size)
    if alternative == "greater":
        p = law[seen:].sum()
    elif alternative == "less":
        p = law[: seen + 1].sum()
    else:
        # Whole numbers: the distance times the number of patients is exact.
        centre, patients = total * int(n @ steps), int(n.sum())
        far = np.abs(patients * sums - centre)
        p = law[far >= far[seen]].sum()
    return HypothesisTest(name, alternative, float(min(p, 1.0)), float(x @ s))


def _checked(
    events: Sequence[int], sizes: Sequence[int], scores: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, n, s = (np.asarray(a, dtype=float) for a in (events, sizes, scores))
    if not x.size == n.size == s.size or x.size < 2:
        raise MethodError("A trend needs two groups or more, each with a score.")
    if (n < 1).any() or (x < 0).any() or (x > n).any():
        raise MethodError("Each group needs patients, and events among them.")
    if np.ptp(s) == 0:
        raise MethodError("All groups have the same score.")
    return x, n, s
