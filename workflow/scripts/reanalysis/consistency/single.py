"""Checks of single printed results, with nothing but claims, n and design.

Every check works on the interval of values that would be printed so; digits cut off
instead of rounded are allowed as a separate possibility and named. ``impossible`` is
said only of numbers that exclude each other whatever the method; a misfit that
another reading would explain (another denominator, another test) has an empty outcome
and ``fits`` false in its details.
"""

from __future__ import annotations

from collections.abc import Mapping

from reanalysis.consistency import (
    counts,
    integers,
    intervals,
    p_of_means,
    p_of_shares,
    p_values,
    survival,
)
from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import Report

CHECKS = (
    counts.shares,
    counts.numbers_of_patients,
    counts.proportion_intervals,
    counts.derived,
    counts.sums_over_groups,
    counts.parts_of_population,
    counts.effects,
    counts.directions,
    counts.same_number,
    integers.grim,
    integers.means_of_parts,
    intervals.estimate_and_limits,
    intervals.order_of_summaries,
    intervals.p_and_interval,
    intervals.error_floor,
    p_of_shares.two_by_two,
    p_of_shares.paired_counts,
    p_of_means.means,
    p_of_means.t_statistics,
    p_of_means.changes,
    p_values.statistic_and_p,
    p_values.statements,
    survival.curves,
    survival.medians_and_events,
)


def checks(study: Mapping) -> list[Check]:
    """Return every finding about single results, in the order of the checks."""
    report = Report(study)
    found: dict[tuple, Check] = {}
    for check in CHECKS:
        for one in check(report):
            found.setdefault((one.claim_id, one.check, one.reason), one)
    return list(found.values())
