"""Whether follow-up of those censored differs between two groups."""

from __future__ import annotations

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import FollowUp, Ints
from reanalysis.survival.score_permutation import count_tails
from reanalysis.survival.weighted_log_rank import chi_square, log_rank, whole_scores

#: Censoring differs where the reversed log-rank test has a p-value below this.
LEVEL = 0.05
#: Sums listed for the exact p-value; more than that and it is the asymptotic one.
_LISTED = 2**15
#: Censored patients each group must have for their times to be called apart.
_APART = 3


def reversed_rows(rows: FollowUp) -> FollowUp:
    """Return the follow-up with censoring as the event.

    Times become ranks; an event comes before a censoring at the same time, so whoever
    has one is no longer at risk of being censored then.
    """
    moments = rows.stop if rows.start is None else np.append(rows.stop, rows.start)
    rank = np.unique(moments, return_inverse=True)[1]
    stop, start = rank[: rows.stop.size], rank[rows.stop.size :]
    return FollowUp(
        2.0 * stop + ~rows.event,
        rows.censored,
        None if rows.start is None else 2.0 * start + 1,
        rows.person,
    )


def censoring_differs(
    rows: FollowUp, group: Ints, stratum: Ints | None = None
) -> tuple[bool, float]:
    """Tell whether the groups 0 and 1 are censored differently, and the test's p-value.

    Judged by a log-rank test of the times to censoring, where an event ends the risk
    of it (p below 0.05; exact in small samples), or by times of censoring that do not
    overlap where each group has three or more. The p-value is nan where it cannot be
    had.
    """
    reverse = reversed_rows(rows)
    times = [reverse.stop[reverse.event & (group == g)] for g in (0, 1)]
    apart = min(t.size for t in times) >= _APART and (
        times[0].max() < times[1].min() or times[1].max() < times[0].min()
    )
    try:
        test = log_rank(reverse, group, stratum)
        p_value = chi_square(test).p_value
    except MethodError:
        return apart, float("nan")
    if rows.person is None:
        scores = whole_scores(reverse, group, stratum)
        try:
            tails = count_tails(
                test.scores if scores is None else scores,
                group == 0,
                stratum,
                listed=_LISTED,
            )
            p_value = tails.p_value()
        except MethodError:
            pass
    return apart or p_value < LEVEL, p_value
