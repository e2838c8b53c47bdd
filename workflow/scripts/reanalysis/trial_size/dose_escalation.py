"""What a dose escalation by small cohorts does under assumed rates of toxicity.

Exact: cohorts are independent and few, so every path is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.tables.binomial import binomial_probabilities


@dataclass(frozen=True, slots=True)
class Rule:
    """Escalate after at most ``escalate`` toxicities in a cohort.

    With more, but at most ``expand`` of them, a second cohort is treated at the dose
    and at most ``expand`` in both together escalate; otherwise the escalation stops.
    The usual 3 + 3 is ``Rule(3, 0, 1)``; without expansion ``expand`` equals
    ``escalate``.
    """

    cohort: int
    escalate: int = 0
    expand: int = 0

    def __post_init__(self) -> None:
        """Refuse cohorts and limits that are no rule."""
        if self.cohort < 1 or not 0 <= self.escalate <= self.expand < 2 * self.cohort:
            raise MethodError("The cohort or its limits of toxicities are no rule.")


def escalates(rule: Rule, rate: float) -> tuple[float, float]:
    """Return the probability to escalate past a dose and the patients to expect."""
    chance = binomial_probabilities(rule.cohort, rate)
    at_once = float(chance[: rule.escalate + 1].sum())
    again = later = 0.0
    for seen in range(rule.escalate + 1, min(rule.expand, rule.cohort) + 1):
        again += float(chance[seen])
        later += float(chance[seen] * chance[: rule.expand - seen + 1].sum())
    return at_once + later, rule.cohort * (1 + again)


def paths(rule: Rule, rates: Sequence[float]) -> tuple[NDArray, NDArray]:
    """Return where an escalation stops and the patients to expect at each dose.

    ``rates``: toxicity of each dose, the lowest first. The first array has one entry
    more than doses: the probability to stop at each, and to pass the highest.
    """
    reached, stops, patients = 1.0, [], []
    for rate in rates:
        passed, treated = escalates(rule, rate)
        stops.append(reached * (1 - passed))
        patients.append(reached * treated)
        reached *= passed
    return np.array([*stops, reached]), np.array(patients)


def any_event(n: int, rate: float) -> float:
    """Return the probability to see at least one event in ``n`` patients."""
    return 1 - (1 - rate) ** n


def upper_limit_without_events(n: int, conf_level: float = 0.95) -> float:
    """Return the one-sided exact upper limit of a rate after 0 events in ``n``.

    About 3/n at 95 % (rule of three; Hanley and Lippman-Hand 1983), which is above
    1 for n below 3.
    """
    if n < 1:
        raise MethodError("There is no patient.")
    return 1 - (1 - conf_level) ** (1 / n)
