"""The p of two shares from the printed counts, of two groups or of pairs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product

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
        if _is_paired(report, claim):
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
        cut = ""
        if not (two or one):
            two = _tests_that_fit(printed, tables, ("two-sided",), cut=True)
            cut = ", with further digits cut off" if two else ""
        of = f"{listed(ks1, 3)} of {n1} against {listed(ks2, 3)} of {n2}"
        if not (sure1 and sure2):
            of += " (not all of these numbers are printed beside the result)"
        numbers = {"tables": tables, "two_sided": list(two), "one_sided": list(one)}
        if two:
            reason = (
                f"{of}: {named(claim)} is the two-sided p of {len(two)} of the "
                f"{len(_tests())} tests tried{cut}, {'; '.join(two)}."
            )
            numbers["cut_off"] = bool(cut)
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


def paired_counts(report: Report) -> Iterator[Check]:
    """Recompute McNemar's p from the shares of the same patients at two times.

    How many had the event both times is rarely printed: every number that the two
    counts leave is tried.
    """
    name = "p from the paired counts"
    for claim in report.claims:
        printed = p_item(claim)
        if (
            printed is None
            or claim["statistic"] not in _EFFECTS
            or not (claim["group"] and claim["reference"])
            or not _is_paired(report, claim)
        ):
            continue
        second = _tables_of(report, claim, claim["group"])
        first = _tables_of(report, claim, claim["reference"])
        if first is None or second is None or first[1] != second[1]:
            continue
        n, sure = first[1], first[2] and second[2]
        pairs = [
            (after - both, before - both)
            for after, before in product(second[0], first[0])
            for both in range(max(0, after + before - n), min(after, before) + 1)
        ]
        if not 0 < len(pairs) <= 4 * MOST_TABLES:
            continue
        two = _mcnemar(printed, pairs, ("two-sided",))
        one = [] if two else _mcnemar(printed, pairs, ("less", "greater"))
        of = f"{listed(second[0], 3)} against {listed(first[0], 3)} of the same {n}"
        if not sure:
            of += " (not all of these numbers are printed beside the result)"
        numbers = {"pairs": pairs, "two_sided": two, "one_sided": one}
        said = says_one_sided(report, claim)
        if two or (one and said):
            reason = (
                f"{of}: {named(claim)} is McNemar's p{'' if two else ', one-sided,'} "
                f"for {listed(two or one, 4)} (gained : lost)."
            )
            yield finding(claim, name, "attainable", reason, **numbers)
        else:
            reason = (
                f"{of}: no number of patients with the event both times makes "
                f"{named(claim)} a two-sided p of McNemar's test, exact, mid-P, "
                "chi-square or corrected"
            )
            reason += f"; one-sided {listed(one, 4)} would." if one else "."
            yield finding(claim, name, "", reason, fits=False, **numbers)


def _is_paired(report: Report, claim: Mapping) -> bool:
    """Tell whether an analysis is of the same, or of matched, patients."""
    analysis = report.analysis(claim)
    columns = set(analysis.get("columns") or ())
    stated = claim["test"] or analysis.get("paper", {}).get("test", "")
    return bool(
        {"before", "after"} <= columns
        or columns & {"pair", "visit"}
        or re.search(r"mc\s?nemar|matched|paired(?!\s+comparison)", str(stated), re.I)
    ) and not re.search(r"unpaired|unmatched", str(stated), re.I)


def _mcnemar(
    printed: Item, pairs: Sequence[tuple[int, int]], sides: Sequence[str]
) -> list[str]:
    from reanalysis.tables.paired_binary import mcnemar, mcnemar_exact

    tests = (
        mcnemar_exact,
        partial(mcnemar_exact, mid_p=True),
        mcnemar,
        partial(mcnemar, variant="corrected"),
    )
    found = []
    for (gained, lost), side, test in product(pairs, sides, tests):
        result = test(gained, lost, alternative=side)
        if printed.holds(result.p_value):
            found.append(f"{gained}:{lost} {result.name} ({result.p_value:.4g})")
    return found


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
    from reanalysis.tables.two_by_two import TESTS

    return TESTS


def _tests_that_fit(
    printed: Item,
    tables: Sequence[tuple[int, int, int, int]],
    sides: Sequence[str],
    *,
    cut: bool = False,
) -> tuple[str, ...]:
    """Name the tests whose p is rounded to the printed one, or is cut off to it."""
    found = {}
    fits = printed.cuts if cut else printed.holds
    for table, side in product(tables, sides):
        for test in _tests().values():
            result = test(*table, alternative=side)
            if math.isfinite(result.p_value) and fits(result.p_value):
                found[f"{result.name} ({result.p_value:.4g})"] = None
    return tuple(found)


def _p_texts(printed: Item, table: tuple[int, int, int, int]) -> list[str]:
    from reanalysis.tables.two_by_two import TESTS

    shown = []
    for key in ("fisher", "chi-square", "chi-square-yates"):
        result = TESTS[key](*table)
        if math.isfinite(result.p_value):
            shown.append(f"{result.name} {result.p_value:.3g}")
    return shown


def _stated_two_by_two(report: Report, claim: Mapping) -> str:
    """Return the test a paper names, empty unless it is one of those tried."""
    stated = claim["test"] or report.analysis(claim).get("paper", {}).get("test", "")
    known = re.search(r"fisher|chi|\u03c7", str(stated), re.I)
    doubt = re.search(
        r"\bor\b|not named|strat|adjust|mantel|mc\s?nemar|paired|match|trend|"
        r"likelihood|\bg[ -]test|boschloo|barnard|blaker|bonferroni|holm|multipl|"
        r"monte|permut|freeman|weight|rao|survey|cluster",
        str(stated),
        re.I,
    )
    return str(stated) if known and not doubt else ""
