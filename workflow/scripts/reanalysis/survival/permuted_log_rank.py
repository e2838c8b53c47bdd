"""Permutation tests for which the variance changes with the assignment, or of k groups.

The sum of scores alone is counted faster (:mod:`.score_permutation`); here every
assignment is looked at: of the standardised log-rank test, of the largest of
several (MaxCombo), and of the quadratic form that compares three groups or more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints, risk_table
from reanalysis.survival.score_permutation import Mask, Tails
from reanalysis.survival.weighted_log_rank import event_weights, log_rank

#: Statistics that differ by less, relative to the observed one, are equal: they are
#: sums of some dozens of floats and err by 1e-14; to call them equal is conservative.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """Rows in the order of their stratum and of a moment, and where to count them.

    ``person`` (rows,) tells whose the rows are; those in ``first`` to ``end``, shapes
    (times,), have their moment at an event time or later, in its stratum.
    """

    person: Ints
    first: Ints
    end: Ints

    def count(self, treated: NDArray) -> Ints:
        """Count the rows of the treated, shape (assignments, times)."""
        running = np.zeros((len(treated), self.person.size + 1), dtype=np.int32)
        np.cumsum(treated[:, self.person], axis=1, out=running[:, 1:])
        return running[:, self.end] - running[:, self.first]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What the standardised tests of every assignment are computed from.

    ``scores`` (persons, tests); ``leaving`` and ``entering`` count the treated at risk
    at the event times of each stratum, when ``n`` persons (times,) are; ``factor``
    (times, tests) is the variance of a test per share * (1 - share) at risk.
    """

    scores: Floats
    leaving: _Order
    entering: _Order | None
    n: Floats
    factor: Floats

    def z(self, first: Mask) -> Floats:
        """Return the tests, shape (assignments, tests), of those in the first group.

        ``first`` has the shape (assignments, persons). Tests without variance are 0.
        """
        at_risk = self.leaving.count(first)
        if self.entering is not None:
            at_risk = at_risk - self.entering.count(first)
        share = at_risk / self.n
        # Sums of this shape gain nothing from the threads of a matrix product, and
        # other jobs of the run suffer from them.
        difference = np.einsum("ap,pk->ak", first, self.scores)
        variance = np.einsum("ac,ck->ak", share * (1 - share), self.factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(variance > 0, difference / np.sqrt(variance), 0)


def design(
    rows: FollowUp, stratum: Ints | None, tests: Sequence[Mapping[str, object]]
) -> Design:
    """Prepare tests with the weights ``tests`` (arguments of :func:`log_rank`).

    A person with several rows must stay in one stratum. Raises :class:`MethodError`
    without events.
    """
    if not rows.event.any():
        raise MethodError("There are no events, so the groups cannot be compared.")
    stratum = np.zeros(rows.stop.size, dtype=int) if stratum is None else stratum
    person = np.arange(rows.stop.size) if rows.person is None else rows.person
    person = np.unique(person, return_inverse=True)[1]
    table = risk_table(rows, np.unique(rows.stop[rows.event]), None, stratum)
    n, d = table.at_risk[:, :, 0], table.events[:, :, 0]
    informative = d * (n - d) > 0
    factors, scores = [], []
    for test in tests:
        kind = {"weights": "log-rank", "rho": 0.0, "gamma": 0.0, **test}
        w = event_weights(n, d, kind["weights"], kind["rho"], kind["gamma"])
        factors.append((w**2 * d * (n - d) / np.maximum(n - 1, 1))[informative])
        # The scores do not depend on the groups.
        own = log_rank(rows, np.zeros(stratum.size, dtype=int), stratum, **kind).scores
        scores.append(np.bincount(person, weights=own))

    place = np.nonzero(informative)
    moments = table.times[place[1]]

    def ordered(moment: Floats) -> _Order:
        order = np.lexsort((moment, stratum))
        begin = np.searchsorted(stratum[order], place[0])
        end = np.searchsorted(stratum[order], place[0], side="right")
        earlier = (stratum[order] == place[0][:, None]) & (
            moment[order] < moments[:, None]
        )
        return _Order(person[order], begin + earlier.sum(axis=1), end)

    return Design(
        np.column_stack(scores),
        ordered(rows.stop),
        None if rows.start is None else ordered(rows.start),
        n[informative].astype(float),
        np.column_stack(factors),
    )


def standardised_tails(
    plan: Design,
    observed: Mask,
    labels: Iterable[NDArray[np.int8]],
    *,
    drawn: bool,
) -> Tails:
    """Count assignments whose largest standardised test is at least as extreme.

    ``labels`` yields assignments (some, persons) with 0 for the first group, whose
    ``observed`` members the mask tells. With one test this permutes its chi-square,
    the variance recomputed each time (Heller and Venkatraman, Biometrics
    1996;52:1204-1213); with several, MaxCombo. ``less`` is about the smallest test.
    """
    z = plan.z(observed[None, :])[0]
    slack = _ROUNDING * max(1.0, float(np.abs(z).max()))
    less = greater = distant = total = 0
    for some in labels:
        each = plan.z(some == 0)
        high, low = each.max(axis=1), each.min(axis=1)
        greater += int(np.count_nonzero(high >= z.max() - slack))
        less += int(np.count_nonzero(low <= z.min() + slack))
        far = np.maximum(high, -low)
        distant += int(np.count_nonzero(far >= np.abs(z).max() - slack))
        total += len(some)
    return Tails(less, greater, distant, total, drawn)


def group_tails(
    scores: Floats,
    observed: Ints,
    stratum: Ints | None,
    labels: Iterable[NDArray[np.int8]],
    *,
    drawn: bool,
) -> tuple[Tails, Tails]:
    """Count assignments to several groups with tests at least as extreme.

    ``scores`` (persons,) add up to 0 in each stratum, ``observed`` are the groups from
    0. The first result is of the quadratic form of the groups' sums of scores with
    their permutation covariance (Hothorn et al., Am Stat 2006;60:257-263), in
    ``distant``; the second of the trend over the groups in their order.
    """
    groups = int(observed.max()) + 1
    stratum = np.zeros(observed.size, dtype=int) if stratum is None else stratum
    covariance = np.zeros((groups, groups))
    for s in np.unique(stratum):
        own = scores[stratum == s]
        if own.size < 2:
            continue
        counts = np.bincount(observed[stratum == s], minlength=groups)
        spread = float(own @ own) - float(own.sum()) ** 2 / own.size
        covariance += (np.diag(counts) - np.outer(counts, counts) / own.size) * (
            spread / (own.size - 1)
        )
    scale = float(np.trace(covariance))
    if not scale > 0:
        raise MethodError("All patients have the same score.")
    inverse = np.linalg.pinv(covariance / scale, rcond=1e-10, hermitian=True) / scale

    def both(some: NDArray) -> tuple[Floats, Floats]:
        sums = np.column_stack(
            [np.einsum("ap,p->a", some == g, scores) for g in range(groups)]
        )
        return ((sums @ inverse) * sums).sum(axis=1), sums @ np.arange(groups)

    form, slope = (float(x[0]) for x in both(observed[None, :]))
    form_slack = _ROUNDING * max(1.0, form)
    slope_slack = _ROUNDING * float(np.abs(scores).sum()) * groups
    distant = total = less = greater = far = 0
    for some in labels:
        forms, slopes = both(some)
        total += len(some)
        distant += int(np.count_nonzero(forms >= form - form_slack))
        less += int(np.count_nonzero(slopes <= slope + slope_slack))
        greater += int(np.count_nonzero(slopes >= slope - slope_slack))
        far += int(np.count_nonzero(np.abs(slopes) >= abs(slope) - slope_slack))
    nothing = total
    return (
        Tails(nothing, nothing, distant, total, drawn),
        Tails(less, greater, far, total, drawn),
    )
