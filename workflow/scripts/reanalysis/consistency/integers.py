"""Means, medians and SDs of whole numbers, and means of groups against the total.

GRIM (Brown and Heathers 2017): n whole numbers have a mean of some whole number over
n. GRIMMER (Anaya 2016, PeerJ Preprints 4:e2400v1): their sum of squares is a whole
number of the same parity as their sum, which few printed SDs allow in small groups.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import product

from reanalysis.consistency.check import Check
from reanalysis.consistency.p_of_means import mean_and_sd
from reanalysis.consistency.reading import (
    Item,
    Report,
    Size,
    contradiction,
    finding,
    item,
    named,
)

_EPS = 1e-9
#: Divided by time, weighted, or from a model: no longer whole numbers.
_NOT_WHOLE = re.compile(
    r"rate|annual|yearly|\bper\b|adjust|least[ -]squares|model|predict|imput|weight|"
    r"geometric|trimmed|interpolat|grouped",
    re.I,
)
_MODELS = frozenset({"regression", "longitudinal", "matching", "recurrent_events"})
#: Units that come in whole numbers only.
WHOLE = frozenset(
    [
        "relapses",
        "events",
        "episodes",
        "patients",
        "drugs",
        "infusions",
        "infections",
        "attacks",
        "seizures",
        "visits",
        "attempts",
        "polyps",
        "admissions",
        "injections",
        "transfusions",
        "exacerbations",
        "falls",
        "doses",
        "hospitalisations",
        "hospitalizations",
        "biopsies",
    ]
)
#: Units of scales, most of them whole, some with half points.
SCORES = frozenset({"points", "point", "score", "scores"})
#: No more smaller groups than this are tried to explain a mean.
MOST_SIZES = 40_000


def sums_of_squares(total: int, n: int, low: float, high: float) -> bool:
    """Tell whether n whole numbers of a sum can have a sum of squares in a range.

    A necessary condition only: the parity of the sum and its least sum of squares.
    """
    quotient, rest = divmod(total, n)
    least = n * quotient**2 + rest * (2 * quotient + 1)
    first = max(least, math.ceil(low - _EPS))
    if (first - total) % 2:
        first += 1
    return first <= high + _EPS


def whole_sums(number: Item, n: int, grid: int = 1) -> tuple[list[int], bool]:
    """Return the sums of n values (in steps of 1/grid) that give a printed mean.

    The second value tells that they do so only with digits cut off.
    """
    for cut in (False, True):
        ends = number.widest if cut else (number.low, number.high)
        low, high = (end * n * grid for end in ends)
        sums = [
            t
            for t in range(math.ceil(low - 1e-6), math.floor(high + 1e-6) + 1)
            if (number.cuts if cut else number.holds)(t / (n * grid))
        ]
        if sums:
            return sums, cut
    return [], False


def grim(report: Report) -> Iterator[Check]:
    """Check means, medians and SDs of variables that are whole numbers by nature."""
    for claim in report.claims:
        unit = claim["unit"].casefold()
        if claim["field"] != "estimate" or unit not in WHOLE | SCORES:
            continue
        if _NOT_WHOLE.search(f"{claim['endpoint']} {claim['printed']} {claim['test']}"):
            continue
        if report.analysis(claim).get("method") in _MODELS:
            continue
        number = item(claim) if claim["relation"] == "=" else None
        size = report.size(claim)
        if number is None or size is None or size.n < 1:
            continue
        if claim["statistic"] == "mean":
            yield from _mean(report, number, size, unit in SCORES)
        elif claim["statistic"] == "median":
            yield from _median(report, number, size, unit in SCORES)
        elif claim["statistic"] == "sd" and unit in WHOLE:
            yield from _sd(report, number, size)


def _mean(report: Report, number: Item, size: Size, score: bool) -> Iterator[Check]:
    claim, n, name = number.claim, size.n, "mean of whole numbers"
    if (number.high - number.low) * n >= 1:
        return  # every printed mean is possible
    sums, cut = whole_sums(number, n)
    nature = f"'{claim['unit']}' are whole numbers"
    if sums:
        how = ", with digits cut off" if cut else ""
        reason = (
            f"{nature}: a sum of {sums[0]} over {n} ({size.how}) is "
            f"{number.show(sums[0] / n)}{how}; printed {named(claim)}."
        )
        yield finding(claim, name, "attainable", reason, n=n, sums=sums, cut_off=cut)
        return
    middle = (number.low + number.high) / 2 * n
    near = " and ".join(
        f"{t}/{n} = {number.show(t / n)}"
        for t in (math.floor(middle), math.ceil(middle))
    )
    reason = (
        f"{nature}, and no whole sum of {n} patients ({size.how}) has the mean "
        f"{named(claim)}, rounded or cut off; nearest {near}."
    )
    if size.certain and not score:
        together = [claim, *(report.by_id[i] for i in size.ids)]
        yield from contradiction(together, name, reason, n=n)
        return
    if score:
        halves, _ = whole_sums(number, n, 2)
        reason += (
            " With half points it is possible."
            if halves
            else " Half points do not give it either."
        )
    reason += " A scale with fractions or fewer patients would explain it."
    yield finding(claim, name, "", reason, fits=False, n=n)


def _median(report: Report, number: Item, size: Size, score: bool) -> Iterator[Check]:
    claim, n, name = number.claim, size.n, "median of whole numbers"
    if number.printed.digits < 1:
        return
    grid = 1 if n % 2 else 2
    low, high = number.widest
    possible = math.floor(high * grid + 1e-6) >= math.ceil(low * grid - 1e-6)
    kind = "a whole number" if grid == 1 else "a whole or half number"
    reason = (
        f"The median of {n} whole numbers ({size.how}) is {kind}; printed "
        f"{named(claim)}."
    )
    if possible:
        yield finding(claim, name, "attainable", reason, n=n)
    elif size.certain and not score:
        together = [claim, *(report.by_id[i] for i in size.ids)]
        # A median from a grouped table or a survival curve is interpolated.
        yield from contradiction(together, name, reason, n=n)
    else:
        reason += " A scale with fractions or another n would explain it."
        yield finding(claim, name, "", reason, fits=False, n=n)


def _sd(report: Report, number: Item, size: Size) -> Iterator[Check]:
    claim, n, name = number.claim, size.n, "SD of whole numbers"
    found = report.beside(claim, "mean")
    mean = item(found[0]) if found else None
    if mean is None or n < 2 or mean.printed.relation != "=":
        return
    bottom, top = (end * n for end in mean.widest)
    # A mean may be cut off where its SD is rounded.
    sums = [
        total
        for total in range(math.ceil(bottom - 1e-6), math.floor(top + 1e-6) + 1)
        if mean.fit(total / n)
    ]
    if not sums or len(sums) > 200:
        return
    low, high = (max(end, 0.0) for end in number.widest)
    fits = [
        (total, divisor)
        for total in sums
        for divisor in (n - 1, n)
        if sums_of_squares(
            total, n, low**2 * divisor + total**2 / n, high**2 * divisor + total**2 / n
        )
    ]
    both = [claim, mean.claim]
    if fits and len(fits) == 2 * len(sums):
        return  # nothing is excluded
    if fits:
        reason = (
            f"{named(*both)} can belong to {n} whole numbers ({size.how}), with a sum "
            f"of {fits[0][0]} and the divisor {fits[0][1]}."
        )
        yield finding(claim, name, "attainable", reason, n=n, fits_with=fits)
        return
    reason = (
        f"No {n} whole numbers ({size.how}) have {named(*both)}: no sum of squares of "
        "the right parity gives the SD, with divisor n - 1 or n, rounded or cut off."
    )
    if size.certain:
        together = [*both, *(report.by_id[i] for i in size.ids)]
        yield from contradiction(together, name, reason, n=n)
    else:
        yield finding(claim, name, "", reason, fits=False, n=n)


def means_of_parts(report: Report) -> Iterator[Check]:
    """Check the mean and SD of a whole against those of the groups that make it up."""
    for claim in report.claims:
        if claim["group"] or claim["field"] != "estimate":
            continue
        groups = report.analysis(claim).get("groups", [])
        if claim["statistic"] not in {"mean", "sd"} or len(groups) < 2:
            continue
        total = item(claim) if claim["relation"] == "=" else None
        ends = [mean_and_sd(report, claim, group) for group in groups]
        sizes = [report.size(claim, group) for group in groups]
        whole = report.size(claim)
        if total is None or whole is None or any(end is None for end in ends):
            continue
        if any(size is None for size in sizes):
            continue
        ns = [size.n for size in sizes if size is not None]
        if sum(ns) != whole.n:
            continue
        parts = [end for end in ends if end is not None]
        sure = all(size.certain for size in sizes if size is not None)
        if claim["statistic"] == "mean":
            yield from _total_mean(report, total, groups, ns, parts, sure)
        elif len(groups) == 2:
            yield from _total_sd(total, groups, ns, parts)


Ends = tuple[float, float]


def _weighted(ns: Sequence[int], parts: Sequence[tuple[Ends, Ends]]) -> Ends:
    n = sum(ns)
    low, high = (
        sum(size * part[0][end] for size, part in zip(ns, parts, strict=True)) / n
        for end in (0, 1)
    )
    return low, high


def _total_mean(
    report: Report,
    total: Item,
    groups: Sequence[str],
    ns: Sequence[int],
    parts: Sequence[tuple[Ends, Ends]],
    sure: bool,
) -> Iterator[Check]:
    claim, name = total.claim, "mean of the whole against its groups"
    low, high = _weighted(ns, parts)
    who = " and ".join(f"{n} ({group})" for n, group in zip(ns, groups, strict=True))
    worked = (
        f"The printed means of {who} average {total.show(low)} to {total.show(high)}"
    )
    numbers = {"low": low, "high": high, "sizes": list(ns)}
    fit = total.fit(low, high)
    if fit:
        how = "" if fit == "rounded" else ", with digits cut off"
        reason = f"{worked}; printed for all {sum(ns)}: {named(claim)}{how}."
        yield finding(claim, name, "attainable", reason, **numbers)
        return
    wide = [((a - (b - a) / 2, b + (b - a) / 2), sd) for (a, b), sd in parts]
    if total.fit(*_weighted(ns, wide)):
        reason = f"{worked}; {named(claim)} only if a group's mean is cut off."
        yield finding(claim, name, "", reason, fits=False, **numbers)
        return
    fewer, searched = _fewer(total, ns, parts)
    reason = f"{worked}, not {named(claim)}"
    if fewer:
        of = " and ".join(
            f"{m} of {n} ({group})"
            for m, n, group in zip(fewer, ns, groups, strict=True)
        )
        reason += f". If some were not measured it is possible, for example with {of}."
        yield finding(claim, name, "", reason, fits=False, fewer=fewer, **numbers)
    elif sure and searched:
        reason += f", nor with any smaller number of measured patients in {who}."
        sources = [
            other
            for group in groups
            for other in report.beside(claim, "mean", group=group)[:1]
        ]
        yield from contradiction([claim, *sources], name, reason, **numbers)
    else:
        reason += "; whether the groups are complete is not certain."
        yield finding(claim, name, "", reason, fits=False, **numbers)


def _fewer(
    total: Item, ns: Sequence[int], parts: Sequence[tuple[Ends, Ends]]
) -> tuple[tuple[int, ...], bool]:
    """Return the largest smaller groups whose means average to the printed one."""
    if math.prod(n + 1 for n in ns) > MOST_SIZES:
        return (), False
    best: tuple[int, ...] = ()
    for sizes in product(*(range(n + 1) for n in ns)):
        if sum(sizes) > sum(best) and total.fit(*_weighted(sizes, parts)):
            best = sizes
    return best, True


def _total_sd(
    total: Item,
    groups: Sequence[str],
    ns: Sequence[int],
    parts: Sequence[tuple[Ends, Ends]],
) -> Iterator[Check]:
    """Compare the SD of two groups together with theirs and the gap of their means."""
    claim, name = total.claim, "SD of the whole against its groups"
    (m1, s1), (m2, s2) = parts
    a, b = ns
    n = a + b
    gap = m1[0] - m2[1], m1[1] - m2[0]
    near = 0.0 if gap[0] <= 0 <= gap[1] else min(map(abs, gap))
    far = max(map(abs, gap))

    def spread(first: float, second: float, apart: float) -> float:
        within = (a - 1) * first**2 + (b - 1) * second**2
        return math.sqrt((within + a * b / n * apart**2) / (n - 1))

    low = spread(max(s1[0], 0.0), max(s2[0], 0.0), near)
    high = spread(s1[1], s2[1], far)
    worked = (
        f"The means and SDs of {a} ({groups[0]}) and {b} ({groups[1]}) make an SD of "
        f"{total.show(low)} to {total.show(high)} for all {n}"
    )
    if total.fit(low, high):
        reason = f"{worked}; printed {named(claim)}."
        yield finding(claim, name, "attainable", reason, low=low, high=high)
    else:
        reason = (
            f"{worked}, not {named(claim)}; patients without a value or another "
            "divisor would explain it."
        )
        yield finding(claim, name, "", reason, fits=False, low=low, high=high)
