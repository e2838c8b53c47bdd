"""Exact inference from matched pairs of survival times: who failed first.

Given that one member of a pair fails while both are at risk, it is the member with
hazard ratio HR with probability HR / (1 + HR), whatever the baseline hazard of the
pair. The number of pairs in which that member failed first is therefore binomial:
the test of HR = 1 is the sign test, the limits are those of Clopper and Pearson (or
mid-P) as odds. Pairs that fail at one time, or of which nobody failed while both
were at risk, say nothing and are left out.

Sources: Holt, Prentice (1974) Biometrika 61:17; Kalbfleisch, Prentice (2002) The
Statistical Analysis of Failure Time Data, 4.7 and 8; Freireich et al. (1963) Blood
21:699 (the design); Lancaster (1961) JASA 56:223 (mid-P).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.survival.partial_likelihood import merge_near_ties
from reanalysis.tables.binomial import (
    Interval,
    binomial_probabilities,
    clopper_pearson,
    exact_p_value,
    mid_p_interval,
)


@dataclass(frozen=True, slots=True)
class FirstFailures:
    """How many pairs ended in which way.

    ``group`` and ``reference``: the member of either failed first; ``tied``: both
    failed at one time; ``open``: nobody failed while both were at risk;
    ``incomplete``: pairs without one member of each.
    """

    group: int
    reference: int
    tied: int
    open: int
    incomplete: int

    @property
    def informative(self) -> int:
        """Number of pairs that decide between the two."""
        return self.group + self.reference


def first_failures(
    pair: np.ndarray,
    in_group: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    start: np.ndarray | None = None,
) -> FirstFailures:
    """Count who failed first in each pair, among members at risk together.

    ``pair`` (n,) codes; ``in_group`` (n,) True for the member of the group, False
    for the reference; ``stop`` (n,) times, ``event`` (n,) 0/1, ``start`` (n,) times
    of entry. Raises :class:`MethodError` where a pair has more than two rows.
    """
    stop = np.asarray(stop, dtype=float)
    if start is None:
        start, stop = np.full(len(stop), -math.inf), merge_near_ties(stop)
    else:
        start, stop = merge_near_ties(np.array([start, stop], dtype=float))
    _, pair = np.unique(pair, return_inverse=True)
    size = np.bincount(pair)
    if (size > 2).any():
        raise MethodError("A pair with more than two rows has no first failure.")
    one = np.bincount(pair, weights=in_group) == 1
    order = np.lexsort((~np.asarray(in_group, dtype=bool), pair))
    order = order[((size == 2) & one)[pair[order]]]
    a, b = order[::2], order[1::2]
    died = np.asarray(event) == 1
    # At risk over (start, stop]: a censoring at the time of an event comes after it.
    beside_b = (start[b] < stop[a]) & (stop[a] <= stop[b])
    beside_a = (start[a] < stop[b]) & (stop[b] <= stop[a])
    a_first, b_first = died[a] & beside_b, died[b] & beside_a
    tied = a_first & b_first
    return FirstFailures(
        group=int((a_first & ~tied).sum()),
        reference=int((b_first & ~tied).sum()),
        tied=int(tied.sum()),
        open=int((~a_first & ~b_first).sum()),
        incomplete=len(size) - len(a),
    )


@dataclass(frozen=True, slots=True)
class PairedRatio:
    """The hazard ratio of pairs: limits are 0 or infinite where one side never won.

    ``estimate`` is nan there, as the largest likelihood lies at infinity.
    """

    estimate: float
    interval: Interval
    p_value: float


@lru_cache(maxsize=4096)  # asked for again under every setting
def paired_hazard_ratio(
    counts: FirstFailures,
    conf_level: float = 0.95,
    alternative: str = "two-sided",
    *,
    mid_p: bool = False,
) -> PairedRatio:
    """Return the conditional estimate of the hazard ratio, its limits and sign test.

    Raises :class:`MethodError` without an informative pair.
    """
    n, won = counts.informative, counts.group
    if n == 0:
        raise MethodError("No pair had a first failure while both were at risk.")
    low, high = (mid_p_interval if mid_p else clopper_pearson)(won, n, conf_level)
    return PairedRatio(
        estimate=won / (n - won) if 0 < won < n else math.nan,
        interval=(low / (1 - low), high / (1 - high) if high < 1 else math.inf),
        p_value=exact_p_value(
            binomial_probabilities(n, 0.5), won, alternative, mid_p=mid_p
        ),
    )
