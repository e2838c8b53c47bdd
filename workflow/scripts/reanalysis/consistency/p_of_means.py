"""The p, or the t, of means from the printed means, SDs and numbers of patients."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import numpy as np
from scipy.special import stdtr

from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import (
    Report,
    finding,
    item,
    named,
    p_item,
    says_one_sided,
)

#: Least and greatest value.
Ends = tuple[float, float]


def means(report: Report) -> Iterator[Check]:
    """Recompute the p of two means from means, SDs and numbers of patients."""
    name = "p from means and SDs"
    for claim in report.claims:
        if claim["statistic"] not in {"mean_difference", "median_difference"}:
            continue
        printed = p_item(claim)
        if printed is None or not (claim["group"] and claim["reference"]):
            continue
        if claim["statistic"] == "median_difference" and claim["relation"] == "words":
            continue
        ends = [
            mean_and_sd(report, claim, claim[who]) for who in ("group", "reference")
        ]
        sizes = [report.size(claim, claim[who]) for who in ("group", "reference")]
        if any(end is None for end in ends) or any(
            size is None or size.n < 2 for size in sizes
        ):
            continue
        (m1, s1), (m2, s2) = (end for end in ends if end is not None)
        n1, n2 = (size.n for size in sizes if size is not None)
        ranges = {
            test: t_test_range(m1, s1, n1, m2, s2, n2, equal_variance=equal)
            for test, equal in (("Student", True), ("Welch", False))
        }
        two = [test for test, (low, high) in ranges.items() if printed.fit(low, high)]
        one = [
            test
            for test, (low, high) in ranges.items()
            if printed.fit(low / 2, high / 2) or printed.fit(1 - high / 2, 1 - low / 2)
        ]
        shown = "; ".join(
            f"{test} {low:.3g} to {high:.3g}" for test, (low, high) in ranges.items()
        )
        worked = (
            f"The printed means and SDs of {n1} and {n2} patients, with their "
            f"rounding, give a two-sided t test p of: {shown}"
        )
        numbers = {test: list(ends) for test, ends in ranges.items()}
        if two:
            reason = f"{worked}. {named(claim)} fits {' and '.join(two)}."
            yield finding(claim, name, "attainable", reason, **numbers)
        elif one and says_one_sided(report, claim):
            reason = (
                f"{worked}. {named(claim)} is half of it or the rest to 1, one-sided "
                f"as printed ({' and '.join(one)})."
            )
            yield finding(claim, name, "attainable", reason, **numbers)
        else:
            side = (
                f"fits only one-sided ({' and '.join(one)})"
                if one
                else "fits neither, two-sided or one-sided"
            )
            reason = (
                f"{worked}. {named(claim)} {side}; another test or fewer patients "
                "would explain it."
            )
            yield finding(claim, name, "", reason, fits=False, **numbers)


def t_test_range(
    m1: Ends, s1: Ends, n1: int, m2: Ends, s2: Ends, n2: int, *, equal_variance: bool
) -> Ends:
    """Return the least and greatest two-sided p that rounded means and SDs allow.

    The statistic is monotone in the difference and in each SD; Welch's degrees of
    freedom are not, hence a grid between the ends of the SDs.
    """
    gap = (m1[0] - m2[1], m1[1] - m2[0])
    near = 0.0 if gap[0] <= 0 <= gap[1] else min(map(abs, gap))
    far = max(map(abs, gap))
    a, b = np.meshgrid(
        np.linspace(max(s1[0], 0.0), s1[1], 9), np.linspace(max(s2[0], 0.0), s2[1], 9)
    )
    if equal_variance:
        df = np.full_like(a, n1 + n2 - 2.0)
        pooled = ((n1 - 1) * a**2 + (n2 - 1) * b**2) / df
        error = np.sqrt(pooled * (1 / n1 + 1 / n2))
    else:
        u, v = a**2 / n1, b**2 / n2
        error = np.sqrt(u + v)
        with np.errstate(invalid="ignore", divide="ignore"):
            df = (u + v) ** 2 / (u**2 / (n1 - 1) + v**2 / (n2 - 1))
    known = error > 0
    if not known.any():
        return 0.0, 1.0
    low = 2 * stdtr(df[known], -far / error[known])
    high = 2 * stdtr(df[known], -near / error[known])
    bottom = 0.0 if not known.all() else float(low.min())
    return bottom, min(float(high.max()), 1.0)


def t_statistics(report: Report) -> Iterator[Check]:
    """Recompute a printed t of two means, with its rounding."""
    name = "t from means and SDs"
    for claim in report.claims:
        if claim["field"] != "test_statistic" or not (
            claim["statistic"] == "mean_difference"
            and claim["group"]
            and claim["reference"]
        ):
            continue
        paper = report.analysis(claim).get("paper", {})
        stated = f"{claim['test'] or paper.get('test', '')} {claim['printed']}"
        printed = item(claim)
        if printed is None or not re.search(r"\bt\b|student|welch", stated, re.I):
            continue
        both = [
            (mean_and_sd(report, claim, claim[who]), report.size(claim, claim[who]))
            for who in ("group", "reference")
        ]
        if any(end is None or size is None or size.n < 2 for end, size in both):
            continue
        ((m1, s1), one), ((m2, s2), two) = both
        ranges = {
            test: _t_range(m1, s1, one.n, m2, s2, two.n, equal_variance=equal)
            for test, equal in (("Student", True), ("Welch", False))
        }
        shown = "; ".join(f"{t} {a:.3g} to {b:.3g}" for t, (a, b) in ranges.items())
        worked = (
            f"The printed means and SDs of {one.n} and {two.n} patients, with their "
            f"rounding, give a t (without its sign) of: {shown}"
        )
        size = sorted((abs(printed.low), abs(printed.high)))
        fits = [
            test
            for test, (low, high) in ranges.items()
            if size[0] <= high + 1e-9 and size[1] >= low - 1e-9
        ]
        numbers = {test: list(ends) for test, ends in ranges.items()}
        if fits:
            reason = f"{worked}. {named(claim)} fits {' and '.join(fits)}."
            yield finding(claim, name, "attainable", reason, **numbers)
        else:
            reason = (
                f"{worked}, not {named(claim)}; fewer patients, an adjusted or a "
                "paired test would explain it."
            )
            yield finding(claim, name, "", reason, fits=False, **numbers)


def _t_range(
    m1: Ends, s1: Ends, n1: int, m2: Ends, s2: Ends, n2: int, *, equal_variance: bool
) -> Ends:
    """Return the least and greatest |t|, which is monotone in every SD."""
    gap = (m1[0] - m2[1], m1[1] - m2[0])
    near = 0.0 if gap[0] <= 0 <= gap[1] else min(map(abs, gap))

    def error(a: float, b: float) -> float:
        if not equal_variance:
            return math.sqrt(a * a / n1 + b * b / n2)
        pooled = ((n1 - 1) * a * a + (n2 - 1) * b * b) / (n1 + n2 - 2)
        return math.sqrt(pooled * (1 / n1 + 1 / n2))

    small, large = error(max(s1[0], 0.0), max(s2[0], 0.0)), error(s1[1], s2[1])
    top = max(map(abs, gap)) / small if small > 0 else math.inf
    return (near / large if large > 0 else 0.0), top


def changes(report: Report) -> Iterator[Check]:
    """Recompute the p of a mean change from its mean, SD and number of patients."""
    name = "p from mean change and SD"
    for claim in report.claims:
        printed = p_item(claim)
        if (
            printed is None
            or claim["statistic"] not in {"mean_difference", "mean"}
            or claim["reference"]
            or not re.search(
                r"change|differen|decrease|increase|reduc", claim["endpoint"], re.I
            )
        ):
            continue
        found = [
            report.beside(claim, statistic)[:1]
            for statistic in (claim["statistic"], "sd")
        ]
        numbers = [item(one[0]) if one else None for one in found]
        size = report.size(claim)
        if any(one is None for one in numbers) or size is None or size.n < 2:
            continue
        mean, sd = numbers
        low, high = t_test_range(
            (mean.low, mean.high), (sd.low, sd.high), size.n,
            (0.0, 0.0), (0.0, 0.0), 10**9, equal_variance=False,
        )  # fmt: skip
        worked = (
            f"A mean change of {named(mean.claim)} with SD {named(sd.claim)} in "
            f"{size.n} patients ({size.how}) has a two-sided paired t test p of "
            f"{low:.3g} to {high:.3g}"
        )
        ends = {"p_low": low, "p_high": high, "n": size.n}
        if printed.fit(low, high):
            reason = f"{worked}; printed {named(claim)}."
            yield finding(claim, name, "attainable", reason, **ends)
        else:
            half = printed.fit(low / 2, high / 2)
            side = " but half of it, a one-sided p" if half else ""
            reason = (
                f"{worked}, not {named(claim)}{side}; a signed-rank test or fewer "
                "patients would explain it."
            )
            yield finding(claim, name, "", reason, fits=False, **ends)


def mean_and_sd(report: Report, claim: Mapping, group: str) -> tuple[Ends, Ends] | None:
    """Return the intervals of a group's mean and SD at a claim's place."""
    found = []
    for statistic in ("mean", "sd"):
        numbers = [
            number
            for other in report.beside(claim, statistic, group=group)
            if (number := item(other)) is not None and number.printed.relation == "="
        ]
        found.append((numbers[0].low, numbers[0].high) if numbers else None)
    if all(found):
        return found[0], found[1]
    row = report.row(claim, group)
    if row and row.get("mean_low") is not None and row.get("sd_low") is not None:
        return (row["mean_low"], row["mean_high"]), (row["sd_low"], row["sd_high"])
    return None
