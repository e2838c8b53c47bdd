"""Counts, percentages and numbers of patients that must agree with each other.

A percentage is a whole number of patients over their number, so few percentages are
possible in a small group (the idea of the GRIM test, Brown and Heathers 2017, Social
Psychological and Personality Science 8:363-369, applied to shares).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from reanalysis import words
from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import (
    PERCENT,
    Item,
    Report,
    Size,
    contradiction,
    finding,
    item,
    listed,
    named,
    plain,
    whole,
)
from reanalysis.errors import MethodError
from reanalysis.methods.arithmetic import OPERATIONS, derive
from reanalysis.rounding import COUNTS
from reanalysis.tables.binomial import PROPORTION_INTERVALS, clopper_pearson

_EPS = 1e-9
#: Denominators beyond this are not searched when none is printed.
LARGEST = 60
#: Methods whose counts are counts of patients.
PATIENTS = frozenset({"proportions", "tables"})
_NO_PATIENTS = ("pair", "episode", "infusion", "dose", "cohort", "visit")
#: Endpoints whose percentage may be the estimate of a curve.
_KAPLAN_MEIER = re.compile(r"surviv|free|cumulative|incidence", re.I)
#: Statistics whose sign, or side of 1, is a direction.
_COMPARES = re.compile(r"difference|ratio|slope|coefficient|reduction|change")
_A_TIME = re.compile(
    r"\b(before|after|baseline|pre|post|days?|weeks?|months?|years?)\b", re.I
)
_NO_SHARES = frozenset({"kaplan_meier", "competing_risks", "rates", "arithmetic"})
#: Words for a share that a model or weights give, not a count.
_NO_COUNT = re.compile(
    r"adjust|weight|standardi[sz]ed|imput|predict|model|marginal|bootstrap", re.I
)


def shares(report: Report) -> Iterator[Check]:
    """Check every printed percentage of patients against count and number."""
    for claim in report.claims:
        if claim["statistic"] != "proportion" or claim["field"] != "estimate":
            continue
        if report.analysis(claim).get("method") in _NO_SHARES:
            continue
        share = item(claim)
        if share is None or share.printed.relation not in {"=", "~"}:
            continue
        yield from _share(report, share)


def counts_that_fit(share: Item, n: int) -> tuple[list[int], list[int]]:
    """Return the counts of n whose share is rounded, and is cut off, to the text."""
    low, high = share.widest
    first = max(0, math.ceil(n * low - 1e-6))
    last = min(n, math.floor(n * high + 1e-6))
    fits: dict[str, list[int]] = {"rounded": [], "cut off": [], "": []}
    for k in range(first, last + 1):
        fits[share.fit(k / n)].append(k)
    return fits["rounded"], fits["cut off"]


def sizes_that_fit(share: Item, k: int, largest: int) -> list[int]:
    """Return the numbers of patients up to ``largest`` of which k is the share."""
    return [n for n in range(max(k, 1), largest + 1) if share.holds(k / n)]


def _share(report: Report, share: Item) -> Iterator[Check]:
    claim, name = share.claim, "percentage against n"
    size = report.size(claim)
    counted = report.counts(claim)
    if size is None:
        sizes = [p.get("n") or 0 for p in report.study["populations"].values()]
        yield from _without_size(share, counted, max(sizes, default=0))
        return
    n = size.n
    if counted is not None:
        k, sources = counted
        yield from _share_of_count(report, share, size, k, sources)
        return
    rounded, cut = counts_that_fit(share, n)
    if rounded:
        which = _counts(share, rounded, n)
        reason = f"Of {n} patients ({size.how}) {which}."
        yield finding(claim, name, "attainable", reason, n=n, counts=rounded)
    elif cut:
        reason = (
            f"No whole number of {n} patients ({size.how}) is rounded to "
            f"{named(claim)}; {_counts(share, cut, n)} with the further digits cut off."
        )
        yield finding(claim, name, "attainable", reason, n=n, counts=cut, cut_off=True)
    else:
        near = _nearest(share, n)
        reason = (
            f"No whole number of {n} patients ({size.how}) gives {named(claim)}, "
            f"rounded or cut off; the nearest are {near}."
        )
        if _KAPLAN_MEIER.search(claim["endpoint"]):
            reason += " A Kaplan-Meier estimate need not be a whole number of patients."
            yield finding(claim, name, "", reason, fits=False, n=n)
        elif size.certain and n > 0 and _counted(report, claim):
            together = [claim, *(report.by_id[i] for i in size.ids)]
            yield from contradiction(together, name, reason, n=n)
        else:
            reason += " The share may be of another number of patients."
            yield finding(claim, name, "", reason, fits=False, n=n)


def _counted(report: Report, claim: Mapping) -> bool:
    """Tell whether a share can only be patients counted, of those printed."""
    analysis = report.analysis(claim)
    paper = analysis.get("paper", {})
    said = " ".join(
        str(text)
        for text in (
            claim["endpoint"],
            claim["test"],
            claim["printed"],
            paper.get("test", ""),
            paper.get("statement", ""),
        )
    )
    counting = {*PATIENTS, "descriptive", None}
    return analysis.get("method") in counting and not _NO_COUNT.search(said)


def _share_of_count(
    report: Report, share: Item, size: Size, k: int, sources: Sequence[Mapping]
) -> Iterator[Check]:
    claim, n, name = share.claim, size.n, "count and percentage against n"
    if n == 0 or k > n:
        return
    fit = share.fit(k / n)
    worked = f"{k} of {n} is {share.show(k / n)}"
    if fit:
        how = "" if fit == "rounded" else ", whose further digits are cut off"
        reason = f"{worked}{how} ({size.how}); printed {named(claim)}."
        if not size.ids and fit == "rounded" and 0 < k < n:
            # Nobody printed the n: the percentage itself may say which it is.
            most = max(LARGEST, n)
            alone = sizes_that_fit(share, k, most)
            if len(alone) <= 3:
                reason += (
                    f" Of numbers of patients up to {most} only {listed(alone)} "
                    f"{'makes' if len(alone) == 1 else 'make'} {k} this percentage."
                )
        yield finding(
            claim, name, "attainable", reason, n=n, count=k, cut_off=fit == "cut off"
        )
        return
    largest = max(n, math.ceil(k / share.widest[0])) if share.widest[0] > 0 else n
    others = [m for m in sizes_that_fit(share, k, min(largest, 10_000)) if m != n]
    needs = (
        f"the count would fit {listed(others, 3)} patients"
        if others
        else "no number of patients fits the count"
    )
    rounded, cut = counts_that_fit(share, n)
    instead = (
        f"the percentage would fit {listed(rounded or cut, 3)} of {n}"
        if rounded or cut
        else f"no whole number of {n} patients is {claim['value']} "
        f"{claim['unit']} (nearest {_nearest(share, n)})"
    )
    reason = (
        f"{worked} ({size.how}), not {named(claim)}, neither rounded nor cut off; "
        f"{needs} and {instead}."
    )
    together = [claim, *sources, *(report.by_id[i] for i in size.ids)]
    numbers = {"n": n, "count": k, "other_n": others[:10], "other_counts": rounded}
    if size.certain and _counted(report, claim):
        yield from contradiction(together, name, reason, **numbers)
    elif size.certain:
        reason += " A share from a model or from weights would explain it."
        yield finding(claim, name, "", reason, fits=False, **numbers)
    else:
        reason += " Another denominator is likelier than an error."
        yield finding(claim, name, "", reason, fits=False, **numbers)


def _without_size(share: Item, counted: tuple | None, largest: int) -> Iterator[Check]:
    claim, name = share.claim, "percentage without n"
    if counted is not None:
        k = counted[0]
        fits = sizes_that_fit(share, k, 1000)
        if 0 < len(fits) < 20:
            reason = (
                f"{named(claim)} for a count of {k} needs {listed(fits)} patients; "
                "their number is not printed."
            )
            yield finding(claim, name, "", reason, fits=True, sizes=fits)
        elif not fits and k > 0:
            cuts = [n for n in range(k, 1001) if share.cuts(k / n)]
            if cuts:
                reason = (
                    f"A count of {k} is {named(claim)} only with digits cut off "
                    f"({listed(cuts)} patients)."
                )
                yield finding(claim, name, "", reason, fits=True, sizes=cuts)
        return
    if largest > LARGEST:
        return  # too many numbers of patients are possible
    fits = [n for n in range(1, LARGEST + 1) if counts_that_fit(share, n)[0]]
    if fits and len(fits) <= LARGEST / 2:
        ways = [f"{counts_that_fit(share, n)[0][0]} of {n}" for n in fits]
        reason = (
            f"The number of patients is not printed; up to {LARGEST}, {named(claim)} "
            f"is possible as {listed(ways)}, and with no other number of patients."
        )
        yield finding(claim, name, "", reason, fits=True, sizes=fits)


def _counts(share: Item, counts: Sequence[int], n: int) -> str:
    shown = [f"{k} ({share.show(k / n)})" for k in counts]
    if len(counts) == 1:
        return f"only {shown[0]} gives {named(share.claim)}"
    return f"{shown[0]} to {shown[-1]} give {named(share.claim)}"


def _nearest(share: Item, n: int) -> str:
    middle = (share.low + share.high) / 2 * n
    near = [k for k in (math.floor(middle), math.ceil(middle)) if 0 <= k <= n]
    return " and ".join(
        f"{k} of {n} = {share.show(k / n)}" for k in dict.fromkeys(near)
    )


def numbers_of_patients(report: Report) -> Iterator[Check]:
    """Give a count of patients, or "none" and "all", its share and exact interval."""
    for claim in report.claims:
        k = _patients(report, claim)
        if k is None:
            continue
        size = report.size(claim)
        if size is None or size.n < 1:
            continue
        n = size.n
        if k == "all":
            k = n
        method = report.analysis(claim).get("method")
        if k > n:
            reason = f"{named(claim)} of {n} patients ({size.how}) cannot be."
            together = [claim, *(report.by_id[i] for i in size.ids)]
            if size.certain and method in PATIENTS:
                yield from contradiction(together, "count against n", reason, n=n)
            else:
                reason = (
                    f"{named(claim)} is more than the patients ({size.how}); it may "
                    "count events, or patients of another group."
                )
                yield finding(
                    claim, "count against n", "", reason, fits=False, n=n, count=k
                )
            continue
        low, high = clopper_pearson(k, n)
        read = "" if claim["value"] else f" {named(claim)} is read as {k} of {n}."
        reason = (
            f"{k} of {n} patients ({size.how}) is {100 * k / n:.1f} %; its exact 95 % "
            f"interval (Clopper-Pearson) goes from {100 * low:.1f} to "
            f"{100 * high:.1f} %.{read}"
        )
        yield finding(
            claim,
            "count against n",
            "attainable",
            reason,
            n=n,
            count=k,
            conf_low=low,
            conf_high=high,
        )


def _patients(report: Report, claim: Mapping) -> int | str | None:
    """Return how many patients a claim counts; None where it counts something else."""
    if claim["field"] != "estimate" or claim["unit"] not in {"", "%", "patients"}:
        return None
    method = report.analysis(claim).get("method")
    if claim["relation"] == "words":
        if claim["statistic"] not in {"count", "proportion", "sum"}:
            return None
        claimed = words.meaning(claim["printed"], "estimate")
        # No event in anybody is no patient with one; all is said of patients.
        if claimed == "all" and claim["statistic"] == "sum":
            return None
        return {"none": 0, "all": "all"}.get(claimed or "")
    if claim["statistic"] != "count" or method not in PATIENTS | {"descriptive"}:
        return None
    said = f"{claim['printed']} {claim['endpoint']}".casefold()
    if method == "descriptive" and (
        any(word in said for word in _NO_PATIENTS) or "event" in claim["printed"]
    ):
        return None
    return whole(claim)


def proportion_intervals(report: Report) -> Iterator[Check]:
    """Name the methods whose interval for k of n has the printed limits."""
    name = "interval against k of n"
    for claim in report.claims:
        if claim["statistic"] != "proportion" or claim["field"] != "conf_low":
            continue
        tops = report.beside(claim, "proportion", field="conf_high")
        low = item(claim)
        high = item(tops[0]) if tops else None
        if low is None or high is None:
            continue
        size = report.size(claim)
        if size is None or size.n < 1:
            continue
        counted = report.counts(claim)
        if counted is not None:
            ks = [counted[0]]
        else:
            points = report.beside(claim, "proportion")
            share = item(points[0]) if points else None
            ks = counts_that_fit(share, size.n)[0] if share else []
        ks = [k for k in ks if k <= size.n]
        if not ks or len(ks) > 20:
            continue
        level = float(claim["conf_level"] or 0.95)
        fits, cuts = [], []
        for k, (label, limits) in product(ks, PROPORTION_INTERVALS.values()):
            bottom, top = limits(k, size.n, level)
            text = f"{label} ({low.show(bottom)} to {high.show(top)})"
            if low.holds(bottom) and high.holds(top):
                fits.append(text)
            elif low.fit(bottom) and high.fit(top):
                cuts.append(text)
        of = f"{listed(ks)} of {size.n} ({size.how})"
        tried = len(PROPORTION_INTERVALS)
        numbers = {"n": size.n, "counts": ks, "methods": fits, "cut_off": cuts}
        for limit in (low.claim, high.claim):
            if fits or cuts:
                which = fits or cuts
                reason = (
                    f"Of {tried} intervals for {of}, {len(which)} "
                    f"{'has' if len(which) == 1 else 'have'} the printed limits"
                    f"{'' if fits else ' with digits cut off'}: {'; '.join(which)}."
                )
                yield finding(limit, name, "attainable", reason, **numbers)
            else:
                reason = (
                    f"None of {tried} intervals for {of} has the limits "
                    f"{named(low.claim, high.claim)}; Clopper-Pearson gives "
                    + " or ".join(
                        f"{low.show(a)} to {high.show(b)}"
                        for a, b in (clopper_pearson(k, size.n, level) for k in ks[:3])
                    )
                    + ". Another method of interval cannot be excluded."
                )
                yield finding(limit, name, "", reason, fits=False, **numbers)


def derived(report: Report) -> Iterator[Check]:
    """Check what the study derives from other printed numbers: sums, differences."""
    for name, analysis in report.study["analyses"].items():
        if analysis["method"] != "arithmetic" or not analysis["samples"]:
            continue
        operation = analysis["options"].get("operation", "")
        sources = [report.by_id[i] for i in analysis["samples"][0]["columns"]["label"]]
        parts = [item(source) for source in sources]
        if operation not in OPERATIONS or any(part is None for part in parts):
            continue
        ids = {source["claim_id"] for source in sources}
        for claim in report.claims:
            total = item(claim) if claim["analysis"] == name else None
            if total is None or claim["claim_id"] in ids:
                continue
            yield from _derived(operation, parts, total)


def _derived(operation: str, parts: Sequence[Item], total: Item) -> Iterator[Check]:
    claim, name = total.claim, f"printed numbers: {operation.replace('_', ' ')}"
    # Shares stay in the printed unit here, so that 16.9 - 9.2 is 7.7 points.
    percent = any(part.claim["unit"] in PERCENT for part in parts)
    raw = [replace(part, scale=1.0) for part in parts]
    total = replace(total, scale=1.0)
    try:
        value = derive(operation, [(p.low, p.high) for p in raw], percent=percent)
        wide = derive(operation, [p.widest for p in raw], percent=percent)
    except MethodError:
        return
    sources = [part.claim for part in parts]
    sign = {"sum": " + ", "difference": " - ", "product": " x ", "ratio": " / "}
    formula = (
        sign[operation].join(_plain_value(part) for part in parts)
        if operation in sign
        else f"{operation.replace('_', ' ')} ({', '.join(map(_plain_value, parts))})"
    )
    exact = value.high - value.low < _EPS
    shown = (
        total.show(value.low, 0 if exact and float(value.low).is_integer() else 2)
        if exact
        else f"{total.show(value.low, 2)} to {total.show(value.high, 2)}"
    )
    worked = f"{formula} = {shown}"
    fit = total.fit(value.low, value.high)
    if fit:
        how = "" if fit == "rounded" else ", with further digits cut off"
        reason = f"{worked}, as printed{how}: {named(claim)}."
        for one in (claim, *sources):
            yield finding(
                one, name, "attainable", reason, low=value.low, high=value.high
            )
    elif total.fit(wide.low, wide.high):
        reason = f"{worked}; {named(claim)} only if printed inputs are cut off."
        yield finding(claim, name, "", reason, fits=False)
    else:
        reason = (
            f"{worked} ({named(*sources)}), not {named(claim)}; the study's files "
            "declare the number to be derived so."
        )
        whole_numbers = all(p.claim["statistic"] in COUNTS for p in (total, *parts))
        numbers = {"low": value.low, "high": value.high}
        if whole_numbers:
            yield from contradiction([claim, *sources], name, reason, **numbers)
        else:
            reason += " A number derived from unrounded or adjusted ones may differ."
            yield finding(claim, name, "", reason, fits=False, **numbers)


def _plain_value(part: Item) -> str:
    return part.claim["value"]


def sums_over_groups(report: Report) -> Iterator[Check]:
    """Check that groups that make up a whole add up to its printed count."""
    for claim in report.claims:
        total = whole(claim)
        if total is None or claim["group"] or claim["field"] != "estimate":
            continue
        groups = report.analysis(claim).get("groups", [])
        if len(groups) < 2 or claim["statistic"] not in {"n", "count"}:
            continue
        if claim["statistic"] == "n":
            yield from _sizes(report, claim, total, groups)
        else:
            yield from _counts_of_groups(report, claim, total, groups)


def _sizes(
    report: Report, claim: Mapping, total: int, groups: Sequence[str]
) -> Iterator[Check]:
    sizes = [report.size(claim, group) for group in groups]
    if any(size is None for size in sizes):
        return
    numbers = [size.n for size in sizes if size is not None]
    worked = " + ".join(
        f"{n} ({group})" for n, group in zip(numbers, groups, strict=True)
    )
    name = "sum over groups"
    if sum(numbers) == total:
        reason = f"{worked} = {total}, as printed in {named(claim)}."
        yield finding(claim, name, "attainable", reason, parts=numbers, total=total)
    else:
        reason = (
            f"{worked} = {sum(numbers)}, not {named(claim)}. Patients outside these "
            "groups, left out, or counted in more than one would explain it."
        )
        yield finding(claim, name, "", reason, fits=False, parts=numbers, total=total)


def _counts_of_groups(
    report: Report, claim: Mapping, total: int, groups: Sequence[str]
) -> Iterator[Check]:
    found = [report.counts(claim, group) for group in groups]
    if any(one is None for one in found):
        return
    parts = [one for one in found if one is not None]
    numbers = [number for number, _ in parts]
    sources = [source for _, claims in parts for source in claims]
    worked = " + ".join(
        f"{k} ({group})" for k, group in zip(numbers, groups, strict=True)
    )
    name = "sum over groups"
    if sum(numbers) == total:
        reason = f"{worked} = {total}, as printed in {named(claim)}."
        for one in (claim, *sources):
            yield finding(one, name, "attainable", reason, parts=numbers, total=total)
        return
    reason = f"{worked} = {sum(numbers)}, not {named(claim)}"
    sizes = [report.size(claim, group) for group in groups]
    whole_size = report.size(claim)
    complete = (
        whole_size is not None
        and whole_size.certain
        and all(size is not None and size.certain for size in sizes)
        and sum(size.n for size in sizes if size) == whole_size.n
    )
    if complete:
        reason += f", though the groups make up all {whole_size.n} patients."
        yield from contradiction([claim, *sources], name, reason, parts=numbers)
    else:
        reason += "; whether the groups make up all patients is not certain."
        yield finding(claim, name, "", reason, fits=False, parts=numbers, total=total)


def parts_of_population(report: Report) -> Iterator[Check]:
    """Check that the printed sizes of all groups add up to the population's n."""
    name = "groups against population"
    places: dict[tuple, dict[str, list[Mapping]]] = {}
    for claim in report.claims:
        if claim["statistic"] == "n" and claim["group"] and whole(claim) is not None:
            key = (claim["analysis"], claim["population"], claim["source"])
            places.setdefault(key, {}).setdefault(claim["group"], []).append(claim)
    for (analysis, population, _), found in places.items():
        groups = report.study["analyses"].get(analysis, {}).get("groups", [])
        if any(_A_TIME.search(group) for group in groups):
            continue  # the same patients at two times
        total = report.study["populations"].get(population, {}).get("n")
        sizes = [{whole(claim) for claim in found.get(group, ())} for group in groups]
        if total is None or len(groups) < 2 or any(len(size) != 1 for size in sizes):
            continue
        numbers = [int(next(iter(size)) or 0) for size in sizes]
        label = report.study["populations"][population]["label"]
        worked = " + ".join(
            f"{n} ({group})" for n, group in zip(numbers, groups, strict=True)
        )
        same = sum(numbers) == int(total)
        reason = f"{worked} = {sum(numbers)}; the population '{label}' has {total}."
        if not same:
            reason += (
                " Patients outside these groups, left out, or counted in more than "
                "one would explain the difference."
            )
        for claims in found.values():
            for claim in claims:
                yield finding(
                    claim, name, "attainable" if same else "", reason, fits=same
                )


def effects(report: Report) -> Iterator[Check]:
    """Check a printed risk difference or ratio against the two printed shares."""
    formulas = {
        "risk_difference": lambda a, b: a - b,
        "risk_ratio": lambda a, b: a / b if b else math.nan,
        "risk_reduction": lambda a, b: 1 - a / b if b else math.nan,
        "odds_ratio": lambda a, b: _odds(a) / _odds(b) if _odds(b) else math.nan,
        "number_needed_to_treat": lambda a, b: 1 / abs(a - b) if a != b else math.nan,
    }
    name = "effect against the two shares"
    for claim in report.claims:
        formula = formulas.get(claim["statistic"])
        printed = item(claim) if formula and claim["field"] == "estimate" else None
        if printed is None or not (claim["group"] and claim["reference"]):
            continue
        if report.analysis(claim).get("method") not in PATIENTS:
            continue  # an effect of a model, at values of its other variables
        pair = [share_of(report, claim, claim[who]) for who in ("group", "reference")]
        if any(one is None for one in pair):
            continue
        (a, said_a), (b, said_b) = (one for one in pair if one is not None)
        corners = [formula(x, y) for x in a for y in b]
        if any(not math.isfinite(corner) for corner in corners) or (
            # A number needed to treat has no bound where the shares may be equal.
            claim["statistic"] == "number_needed_to_treat"
            and not (a[1] < b[0] or b[1] < a[0])
        ):
            continue
        low, high = min(corners), max(corners)
        percent = claim["unit"] in {"%", "percentage points"}
        factor = 100.0 if percent and printed.scale == 1 else 1.0
        low, high = low * factor, high * factor
        # Numbers needed to treat are rounded up by convention.
        up = claim["statistic"] == "number_needed_to_treat"
        conditional = math.nan
        if claim["statistic"] == "odds_ratio":
            conditional = _conditional_odds_ratio(report, claim)
        fit = printed.fit(low, high) or (
            "rounded up"
            if up and math.ceil(low - _EPS) <= printed.printed.value <= math.ceil(high)
            else ""
        )
        worked = (
            f"{said_a} against {said_b} gives {printed.show(low)} to "
            f"{printed.show(high)}"
            if high - low > _EPS
            else f"{said_a} against {said_b} gives {printed.show(low)}"
        )
        if fit:
            how = "" if fit == "rounded" else f", {fit}"
            reason = f"{worked}; printed {named(claim)}{how}."
            yield finding(claim, name, "attainable", reason, low=low, high=high)
        elif printed.fit(conditional):
            reason = (
                f"{worked}, and the conditional estimate that goes with Fisher's test "
                f"is {printed.show(conditional)}; printed {named(claim)}."
            )
            numbers = {"low": low, "high": high, "conditional": conditional}
            yield finding(claim, name, "attainable", reason, **numbers)
        else:
            if not math.isnan(conditional):
                worked += f", by the conditional estimate {printed.show(conditional)}"
            reason = (
                f"{worked}, not {named(claim)}; an adjusted or modelled effect, or "
                "another denominator, would explain it."
            )
            yield finding(claim, name, "", reason, fits=False, low=low, high=high)


def _conditional_odds_ratio(report: Report, claim: Mapping) -> float:
    """Return R's odds ratio of the two printed counts, nan where one is not sure.

    ``fisher.test`` gives the conditional estimate, not the ratio of the odds.
    """
    from reanalysis.tables.two_by_two import conditional_odds_ratio

    table: list[int] = []
    for who in ("group", "reference"):
        size = report.size(claim, claim[who])
        counted = report.counts(claim, claim[who])
        if not (size and size.certain and counted and counted[0] <= size.n):
            return math.nan
        table += [counted[0], size.n]
    return conditional_odds_ratio(*table)


def _odds(p: float) -> float:
    return p / (1 - p) if p < 1 else math.inf


def share_of(
    report: Report, claim: Mapping, group: str
) -> tuple[tuple[float, float], str] | None:
    """Return the interval of a group's share at a claim's place, and its wording."""
    size, counted = report.size(claim, group), report.counts(claim, group)
    if size and size.certain and counted and counted[0] <= size.n:
        k = counted[0]
        return (k / size.n, k / size.n), f"{k} of {size.n}"
    printed = [
        share
        for other in report.beside(claim, "proportion", group=group)
        if (share := item(other)) is not None and share.printed.relation == "="
    ]
    if not printed:
        return None
    share = printed[0]
    return (max(share.low, 0.0), min(share.high, 1.0)), named(share.claim)


def directions(report: Report) -> Iterator[Check]:
    """Check words such as "reduced" against a printed number of the same thing."""
    name = "direction against numbers"
    for claim in report.claims:
        if claim["relation"] != "words" or claim["field"] != "estimate":
            continue
        claimed = words.meaning(claim["printed"], "estimate")
        if claimed not in {"higher", "lower", "later", "sooner"}:
            continue
        if not _COMPARES.search(claim["statistic"]):
            continue  # a single group's number has no direction
        numbers = [
            number
            for other in report.beside(
                claim, claim["statistic"], reference=claim["reference"]
            )
            if (number := item(other)) is not None and number.printed.relation == "="
        ]
        for other in numbers[:1]:
            held = [
                words.holds(claimed, value, claim["statistic"])
                for value in (other.low, other.high)
            ]
            both = [claim, other.claim]
            said = words.MEANINGS[claimed]
            if not any(held):
                reason = (
                    f"{named(claim)} claims {said}, but {named(other.claim)} is none."
                )
                yield from contradiction(both, name, reason)
            elif all(held):
                reason = f"{named(claim)} claims {said}, as {named(other.claim)} is."
                yield finding(claim, name, "attainable", reason)
        if not numbers and claim["group"] and claim["reference"]:
            yield from _between_groups(report, claim, claimed)


def _between_groups(report: Report, claim: Mapping, claimed: str) -> Iterator[Check]:
    statistics = (
        ("median_survival",)
        if claimed in {"later", "sooner"}
        else ("mean", "median", "proportion")
    )
    for statistic in statistics:
        ends = []
        for who in ("group", "reference"):
            found = [
                number
                for other in report.beside(claim, statistic, group=claim[who])
                if (number := item(other)) is not None
                and number.printed.relation == "="
            ]
            ends.append(found[0] if found else None)
        a, b = ends
        if a is None or b is None:
            continue
        more = claimed in {"higher", "later"}
        agrees = a.low > b.high if more else a.high < b.low
        opposed = a.high < b.low if more else a.low > b.high
        if not (agrees or opposed):
            return
        reason = (
            f"{named(claim)} claims {words.MEANINGS[claimed]}; the printed "
            f"{statistic.replace('_', ' ')}s are {named(a.claim)} for "
            f"{claim['group']} and {named(b.claim)} for {claim['reference']}"
        )
        if agrees:
            yield finding(
                claim, "direction against numbers", "attainable", reason + "."
            )
        else:
            yield finding(
                claim,
                "direction against numbers",
                "",
                reason + ": the other way, if the words are about these.",
                fits=False,
            )
        return


def same_number(report: Report) -> Iterator[Check]:
    """Compare numbers of patients that one source gives twice for one group."""
    places: dict[tuple, list[Mapping]] = {}
    for claim in report.claims:
        if claim["statistic"] in COUNTS and whole(claim) is not None:
            key = (
                claim["source"],
                claim["population"],
                plain(claim["endpoint"]),
                claim["endpoint"],
                claim["timepoint"],
                claim["group"],
                claim["reference"],
                claim["statistic"],
                claim["field"],
            )
            places.setdefault(key, []).append(claim)
    for claims in places.values():
        values = {whole(claim) for claim in claims}
        if len(values) > 1:
            reason = (
                f"One source gives different numbers of the same thing: "
                f"{named(*claims)}."
            )
            for claim in claims:
                yield finding(claim, "the same number twice", "", reason, fits=False)
