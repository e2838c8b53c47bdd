"""A printed p against the numbers, the test statistic and the words beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
from scipy.special import chdtrc, ndtr, stdtr

from reanalysis.consistency.check import Check
from reanalysis.consistency.counts import PATIENTS, counts_that_fit
from reanalysis.consistency.reading import (
    Item,
    Report,
    contradiction,
    finding,
    item,
    listed,
    named,
    p_item,
    plain,
    says_one_sided,
)

_EFFECTS = frozenset({"odds_ratio", "risk_difference", "risk_ratio"})
#: No more tables than this are tried for one p.
MOST_TABLES = 60


def two_by_two(report: Report) -> Iterator[Check]:
    """Recompute the p of two shares by every test of a two-by-two table."""
    name = "p from the counts"
    for claim in report.claims:
        if claim["statistic"] not in _EFFECTS or not (
            claim["group"] and claim["reference"]
        ):
            continue
        printed = p_item(claim)
        if printed is None or report.analysis(claim).get("method") not in PATIENTS:
            continue
        first = _tables_of(report, claim, claim["group"])
        second = _tables_of(report, claim, claim["reference"])
        if first is None or second is None:
            continue
        ((ks1, n1, sure1, ids1), (ks2, n2, sure2, ids2)) = first, second
        if not 0 < len(ks1) * len(ks2) <= MOST_TABLES:
            continue
        tables = [(a, n1, b, n2) for a, b in product(ks1, ks2)]
        two = _tests_that_fit(printed, tables, ("two-sided",))
        one = () if two else _tests_that_fit(printed, tables, ("less", "greater"))
        of = f"{listed(ks1, 3)} of {n1} against {listed(ks2, 3)} of {n2}"
        if not (sure1 and sure2):
            of += " (not all of these numbers are printed beside the result)"
        numbers = {"tables": tables, "two_sided": list(two), "one_sided": list(one)}
        if two:
            reason = (
                f"{of}: {named(claim)} is the two-sided p of {len(two)} of the "
                f"{len(_tests())} tests tried, {'; '.join(two)}."
            )
            yield finding(claim, name, "attainable", reason, **numbers)
            continue
        if one and says_one_sided(report, claim):
            reason = (
                f"{of}: {named(claim)} is the p, one-sided as printed, of "
                f"{'; '.join(one)}."
            )
            yield finding(claim, name, "attainable", reason, **numbers)
            continue
        if one:
            reason = (
                f"{of}: {named(claim)} is the two-sided p of none of the "
                f"{len(_tests())} tests tried, but the one-sided p of {'; '.join(one)}."
            )
            yield finding(claim, name, "", reason, fits=False, **numbers)
            continue
        shown = "; ".join(_p_texts(printed, tables[0]))
        reason = (
            f"{of}: no test gives {named(claim)}, two-sided or one-sided ({shown})."
        )
        stated = _stated_two_by_two(report, claim)
        if stated and sure1 and sure2 and claim["relation"] in {"=", "<", ">"}:
            reason += f" The paper names {stated}."
            sources = [report.by_id[i] for i in (*ids1, *ids2)]
            yield from contradiction([claim, *sources], name, reason, **numbers)
        else:
            reason += " The paper's test is not known."
            yield finding(claim, name, "", reason, fits=False, **numbers)


def _tables_of(
    report: Report, claim: Mapping, group: str
) -> tuple[list[int], int, bool, tuple[str, ...]] | None:
    """Return the counts a group can have, its size, and whether both are printed."""
    size = report.size(claim, group)
    if size is None or size.n < 1:
        return None
    counted = report.counts(claim, group)
    if counted is not None:
        k, sources = counted
        ids = (*(source["claim_id"] for source in sources), *size.ids)
        return ([k], size.n, size.certain, ids) if k <= size.n else None
    shares = report.beside(claim, "proportion", group=group)
    share = item(shares[0]) if shares else None
    if share is None or share.printed.relation != "=":
        return None
    rounded, cut = counts_that_fit(share, size.n)
    return rounded or cut, size.n, False, size.ids


def _tests() -> Mapping:
    from reanalysis.two_by_two import TESTS

    return TESTS


def _tests_that_fit(
    printed: Item, tables: Sequence[tuple[int, int, int, int]], sides: Sequence[str]
) -> tuple[str, ...]:
    found = {}
    for table, side in product(tables, sides):
        for test in _tests().values():
            result = test(*table, alternative=side)
            if math.isfinite(result.p_value) and printed.holds(result.p_value):
                found[f"{result.name} ({result.p_value:.4g})"] = None
    return tuple(found)


def _p_texts(printed: Item, table: tuple[int, int, int, int]) -> list[str]:
    from reanalysis.two_by_two import TESTS

    shown = []
    for key in ("fisher", "chi-square", "chi-square-yates"):
        result = TESTS[key](*table)
        if math.isfinite(result.p_value):
            shown.append(f"{result.name} {result.p_value:.3g}")
    return shown


def _stated_two_by_two(report: Report, claim: Mapping) -> str:
    stated = claim["test"] or report.analysis(claim).get("paper", {}).get("test", "")
    known = re.search(r"fisher|chi|\u03c7", str(stated), re.I)
    doubt = re.search(r"\bor\b|not named|strat|adjust|mantel", str(stated), re.I)
    return str(stated) if known and not doubt else ""


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


Ends = tuple[float, float]


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
        return found[0], found[1]  # type: ignore[return-value]
    row = report.row(claim, group)
    if row and row.get("mean_low") is not None and row.get("sd_low") is not None:
        return (row["mean_low"], row["mean_high"]), (row["sd_low"], row["sd_high"])
    return None


def statistic_and_p(report: Report) -> Iterator[Check]:
    """Compare a printed test statistic with the p beside it."""
    name = "test statistic against p"
    for claim in report.claims:
        if claim["field"] != "test_statistic":
            continue
        statistic = item(claim)
        found = report.beside(
            claim, claim["statistic"], field="p_value", reference=claim["reference"]
        )
        found = [p for p in found if p["analysis"] == claim["analysis"]]
        law = _law(report, claim)
        if statistic is None or law is None:
            continue
        kind, df, words = law
        for p_claim in found:
            printed = p_item(p_claim)
            if printed is None:
                continue
            a, b = statistic.low, statistic.high
            near = 0.0 if a <= 0 <= b else min(abs(a), abs(b))
            high, low = (_tail(kind, df, x) for x in (near, max(abs(a), abs(b))))
            both = [claim, p_claim]
            worked = (
                f"{named(claim)} as {words} is a two-sided p of {low:.3g} to {high:.3g}"
            )
            numbers = {"p_low": low, "p_high": high, "df": df}
            if printed.fit(low, high):
                reason = f"{worked}; printed {named(p_claim)}."
                for one in both:
                    yield finding(one, name, "attainable", reason, **numbers)
            elif printed.fit(low / 2, high / 2):
                reason = f"{worked}; {named(p_claim)} is half of it, a one-sided p."
                said = says_one_sided(report, p_claim)
                outcome = "attainable" if said else ""
                yield finding(p_claim, name, outcome, reason, fits=said, **numbers)
            elif claim["test"] and claim["test"] == p_claim["test"]:
                reason = f"{worked}, not {named(p_claim)}, two-sided or one-sided."
                yield from contradiction(both, name, reason, **numbers)
            else:
                reason = (
                    f"{worked}, not {named(p_claim)}, two-sided or one-sided; whether "
                    "both are of one test is not stated."
                )
                yield finding(p_claim, name, "", reason, fits=False, **numbers)


def _law(report: Report, claim: Mapping) -> tuple[str, float, str] | None:
    """Return the reference distribution of a test statistic as far as it is named."""
    paper = report.analysis(claim).get("paper", {})
    value = re.escape(claim["value"])
    said = f"{claim['printed']} {claim['test']} {paper.get('test', '')}"
    df = re.search(
        rf"\bt\s*\(\s*(\d+(?:\.\d+)?)\s*\)\s*=?\s*{value}",
        f"{claim['printed']} {claim['quote']}",
    )
    if df:
        return "t", float(df[1]), f"t with {df[1]} degrees of freedom"
    square = re.search(r"\bchi\b|chi-?\s?square|\u03c7|log-?\s?rank", said, re.I)
    if square and not re.search(r"\bz\s*=", said):
        shown = re.search(r"(\d+)\s*(?:d\.?f\b|degrees? of freedom)", said)
        groups = len(report.analysis(claim).get("groups", [])) or 2
        pair = claim["group"] and claim["reference"]
        number = int(shown[1]) if shown else 1 if pair else groups - 1
        if number < 1:
            return None
        return "chi", float(number), f"chi-square with {number} df"
    if re.search(r"\bz\s*=", said):
        return "z", math.inf, "a standard normal statistic"
    return None


def _tail(kind: str, df: float, x: float) -> float:
    if kind == "chi":
        return float(chdtrc(df, x))
    if kind == "t":
        return float(min(1.0, 2 * stdtr(df, -x)))
    return float(2 * ndtr(-x))


def statements(report: Report) -> Iterator[Check]:
    """Compare asterisks, inequalities and words about one p with each other."""
    name = "statements about one p"
    places: dict[tuple, list[Item]] = {}
    for claim in report.claims:
        printed = p_item(claim)
        if printed is None:
            continue
        key = (
            claim["analysis"],
            claim["population"],
            plain(claim["endpoint"]),
            claim["timepoint"],
            claim["group"],
            claim["reference"],
            claim["statistic"],
        )
        places.setdefault(key, []).append(printed)
    for items in places.values():
        for a, b in pairwise(items):
            yield from _pair(name, a, b)


def _pair(name: str, a: Item, b: Item) -> Iterator[Check]:
    both = [a.claim, b.claim]
    # Words say 0.05; a p of 0.05 that was rounded is on either side.
    low, high = max(a.widest[0], b.widest[0]), min(a.widest[1], b.widest[1])
    strict = {a.printed.relation, b.printed.relation} & {"<", ">"}
    apart = low > high or (strict and low >= high)
    if not apart:
        if a.claim["printed"] == b.claim["printed"]:
            return
        for claim in both:
            reason = f"These statements about one p agree: {named(*both)}."
            yield finding(claim, name, "attainable", reason)
        return
    reason = f"These statements about one p exclude each other: {named(*both)}."
    if a.claim["endpoint"] != b.claim["endpoint"]:
        reason += " Their endpoints are worded differently."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)
    elif a.claim["source"] == b.claim["source"]:
        yield from contradiction(both, name, reason)
    else:
        reason += " They are of different sources."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)
