"""A printed p against the test statistic and the words beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from scipy.special import chdtrc, ndtr, stdtr

from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import (
    Item,
    Report,
    contradiction,
    finding,
    item,
    named,
    p_item,
    plain,
    says_one_sided,
)


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
        kind, df, words, sure = law
        for p_claim in found:
            printed = p_item(p_claim)
            if printed is None:
                continue
            a, b = statistic.widest
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
            elif sure and claim["test"] and claim["test"] == p_claim["test"]:
                reason = f"{worked}, not {named(p_claim)}, two-sided or one-sided."
                yield from contradiction(both, name, reason, **numbers)
            else:
                reason = (
                    f"{worked}, not {named(p_claim)}, two-sided or one-sided; whether "
                    "both are of one test with this distribution is not stated."
                )
                yield finding(p_claim, name, "", reason, fits=False, **numbers)


#: Tests whose p is not read from the usual distribution of the statistic.
_OTHER_P = re.compile(
    r"exact|permut|monte|bootstrap|mid-?\s?p|adjust|bonferroni|holm|trend", re.I
)


def _law(report: Report, claim: Mapping) -> tuple[str, float, str, bool] | None:
    """Return the reference distribution of a test statistic as far as it is named.

    Kind, degrees of freedom, words, and whether the text leaves no other: a
    log-rank statistic may be printed as z, a table may have more than two columns,
    and an exact or adjusted p does not belong to the statistic beside it.
    """
    paper = report.analysis(claim).get("paper", {})
    value = re.escape(claim["value"])
    said = f"{claim['printed']} {claim['test']} {paper.get('test', '')}"
    df = re.search(
        rf"\bt\s*\(\s*(\d+(?:\.\d+)?)\s*\)\s*=?\s*{value}",
        f"{claim['printed']} {claim['quote']}",
    )
    if df:
        sure = not _OTHER_P.search(said)
        return "t", float(df[1]), f"t with {df[1]} degrees of freedom", sure
    square = re.search(r"\bchi\b|chi-?\s?square|\u03c7|log-?\s?rank", said, re.I)
    if square and not re.search(r"\bz\s*=", said):
        shown = re.search(r"(\d+)\s*(?:d\.?f\b|degrees? of freedom)", said)
        groups = len(report.analysis(claim).get("groups", [])) or 2
        pair = claim["group"] and claim["reference"]
        number = int(shown[1]) if shown else 1 if pair else groups - 1
        if number < 1:
            return None
        # Two curves have one degree of freedom, a table may have more.
        sure = shown is not None or (claim["statistic"] == "log_rank" and number == 1)
        named_so = re.search(r"\bchi\b|chi-?\s?sq|\u03c7", said + claim["quote"], re.I)
        sure = sure and bool(named_so) and not _OTHER_P.search(said)
        return "chi", float(number), f"chi-square with {number} df", sure
    if re.search(r"\bz\s*=", said):
        sure = not _OTHER_P.search(said)
        return "z", math.inf, "a standard normal statistic", sure
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
        for a, b in combinations(items, 2):
            if _of_one_test(a.claim, b.claim):
                yield from _pair(name, a, b)


def _of_one_test(a: Mapping, b: Mapping) -> bool:
    """Tell whether nothing says that two p-values are of different tests or sides."""
    return not any(
        a[name] and b[name] and a[name] != b[name] for name in ("test", "alternative")
    )


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
    worded = "words" in {a.claim["relation"], b.claim["relation"]}
    ends = {" ".join(one["endpoint"].casefold().split()) for one in both}
    if a.claim["source"] != b.claim["source"] and len(ends) == 1 and not worded:
        return  # told as a conflict between sources, with both quotes
    reason = f"These statements about one p exclude each other: {named(*both)}."
    if worded:
        reason += " The words are read at the level 0.05; another would explain it."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)
    elif a.claim["endpoint"] != b.claim["endpoint"]:
        reason += " Their endpoints are worded differently."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)
    elif a.claim["source"] != b.claim["source"]:
        reason += " They are of different sources."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)
    elif _says_how(a.claim) == _says_how(b.claim):
        yield from contradiction(both, name, reason)
    else:
        reason += " Only one of them names its test or its side."
        for claim in both:
            yield finding(claim, name, "", reason, fits=False)


def _says_how(claim: Mapping) -> tuple[bool, bool]:
    return bool(claim["test"]), bool(claim["alternative"])
