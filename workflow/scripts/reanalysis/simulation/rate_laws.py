"""Laws of a patient's events in two periods of one length, as tables.

Rates differ among patients by a gamma law; a patient's rate in the second period is
that in the first times the effect, or, for a share of patients, is drawn anew. Events
come evenly within a period (Poisson), so counts are mixed Poisson counts and the first
of k events is the least of k even times. A table of all outcomes lets a data set be
drawn given what was printed, however rare that is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import gammaln

from reanalysis.simulation.declared import Floats


def count_law(law: Mapping[str, object], effect: float, most: int) -> Floats:
    """Return the probabilities of counts before and after, (most + 1, most + 1).

    ``law``: ``mean`` events per period before, ``spread`` of the patients' rates
    (standard deviation over mean), ``alike``, the share of patients whose rate stays
    but for the ``effect``. Counts beyond ``most`` are left out.
    """
    mean, alike = float(law["mean"]), float(law["alike"])
    shape = 1 / float(law["spread"]) ** 2
    k = np.arange(most + 1)
    before, after = k[:, None], k[None, :]
    rest = shape / mean
    # Negative multinomial: both counts share the patient's gamma distributed rate.
    total = rest + 1 + effect
    kept = (
        gammaln(shape + before + after) - gammaln(shape)
        - gammaln(before + 1) - gammaln(after + 1)
        + shape * np.log(rest / total) - before * np.log(total)
        + after * np.log(effect / total)
    )  # fmt: skip

    def alone(ratio: float) -> Floats:
        """Return the negative binomial law of one period."""
        sum_ = rest + ratio
        return np.exp(
            gammaln(shape + k) - gammaln(shape) - gammaln(k + 1)
            + shape * np.log(rest / sum_) + k * np.log(ratio / sum_)
        )  # fmt: skip

    anew = alone(1.0)[:, None] * alone(effect)[None, :]
    table = alike * np.exp(kept) + (1 - alike) * anew
    return table / table.sum()


def first_time_law(counts: Floats, steps: int) -> Floats:
    """Return the probabilities of the first event's steps, (steps + 1, steps + 1).

    ``counts``: a law of counts before and after. Row i is a first event in step i + 1
    before, column j after; the last ones are no event within the period.
    """
    left = 1 - np.arange(steps + 1) / steps
    # 0 events are none at any time: 0 ** 0 is 1.
    none_yet = left[:, None] ** np.arange(len(counts))
    both = none_yet @ counts @ none_yet.T
    both = np.pad(both, ((0, 1), (0, 1)))
    law = both[:-1, :-1] - both[1:, :-1] - both[:-1, 1:] + both[1:, 1:]
    return np.maximum(law, 0.0)
