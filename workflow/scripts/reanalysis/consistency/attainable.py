"""Which outcomes give a printed p-value when a test has few to give.

For every p-value (printed or in words) whose rows are not public, the design says
how many pairs or patients there were and the paper often which test. All p-values
that test can give are listed (:mod:`attainable_laws`); what the outcomes with the
printed digits share, and how rare they are, is what the claim tells. Rival
readings - one-sided, unpaired, an approximation, fewer informative pairs - are told
with what each would imply, since a paper seldom says all of these.

``impossible`` needs a test, its sidedness and n that the paper states, a complete
list, and no rival that fits; anything less is told without a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from reanalysis.consistency.attainable_design import (
    Groups,
    Pairs,
    design_of,
    groups_of,
    named_test,
    pairs_of,
    population_of,
)
from reanalysis.consistency.attainable_laws import (
    least_correlation,
    mann_whitney_ladder,
    tie_levels,
    unpaired_example,
)
from reanalysis.consistency.attainable_readings import (
    FAMILY,
    Reading,
    Target,
    number_word,
    p_text,
    target,
)
from reanalysis.consistency.attainable_reason import tell
from reanalysis.consistency.attainable_survival import (
    MOST_SURVIVAL,
    check_cox_pairs,
    check_survival,
    cox_readings,
)
from reanalysis.consistency.attainable_tests import (
    fisher_readings,
    mann_whitney_readings,
    mcnemar_readings,
    share_of_groups,
    signed_rank_readings,
)
from reanalysis.consistency.check import Check

#: Larger samples have so many outcomes that nearly every p-value is attainable.
MOST_PAIRS = 40
MOST_PATIENTS = 60


def checks(study: Mapping) -> list[Check]:
    """Return one check for every p-value whose attainable values can be listed."""
    found = []
    for claim in study.get("claims", ()):
        if claim["field"] != "p_value" or claim["role"] == "constraint":
            continue
        analysis = study["analyses"].get(claim["analysis"])
        wanted = target(claim)
        # Where rows are at hand the p-value itself is recomputed.
        if analysis is None or not analysis["awaited"] or wanted is None:
            continue
        check = _check(study, claim, analysis, wanted)
        if check is not None:
            found.append(check)
    return found


def _check(
    study: Mapping, claim: Mapping, analysis: Mapping, wanted: Target
) -> Check | None:
    test = named_test(claim, analysis)
    design = design_of(analysis)
    if test == "t" or (design is None):
        return None
    if design == "correlation":
        return _correlation(study, claim, analysis, wanted)
    if design in {"pairs", "cox pairs", "McNemar"}:
        pairs = pairs_of(study, claim, analysis)
        if pairs is None or not 2 <= pairs.n <= MOST_PAIRS:
            return None
        if design == "cox pairs":
            return check_cox_pairs(claim, analysis, wanted, pairs)
        if design == "McNemar":
            return tell(
                study,
                claim,
                analysis,
                wanted,
                mcnemar_readings(pairs),
                pairs.source,
                design,
                sizes={"": pairs.n},
                lattice=2**pairs.n,
            )
        return _signed_rank(study, claim, analysis, wanted, pairs, test)
    groups = groups_of(study, claim, analysis)
    if groups is None or min(groups.n1, groups.n2) < 1:
        return None
    total = groups.n1 + groups.n2
    if design == "survival":
        if total > MOST_SURVIVAL:
            return None
        return check_survival(claim, analysis, wanted, groups)
    if total > MOST_PATIENTS:
        return None
    readings = (
        fisher_readings(groups) if design == "Fisher" else mann_whitney_readings(groups)
    )
    return tell(
        study,
        claim,
        analysis,
        wanted,
        readings,
        groups.source,
        design,
        groups.claims,
        sizes={groups.first: groups.n1, groups.second: groups.n2},
        lattice=math.comb(total, groups.n1) if design == "Mann-Whitney" else 0,
    )


def ladders(study: Mapping, claim: Mapping) -> list[Reading]:
    """Return the readings of a rank-test or table claim, for a figure of ladders.

    Empty when the claim has none; ``reading.ladder.values()`` are the rungs.
    """
    analysis = study["analyses"].get(claim["analysis"])
    if analysis is None:
        return []
    design = design_of(analysis)
    if design in {"pairs", "McNemar", "cox pairs"}:
        pairs = pairs_of(study, claim, analysis)
        if pairs is None or not 2 <= pairs.n <= MOST_PAIRS:
            return []
        if design == "cox pairs":
            return cox_readings(pairs, "two-sided")
        if design == "McNemar":
            return mcnemar_readings(pairs)
        return signed_rank_readings(pairs)
    if design in {"Fisher", "Mann-Whitney"}:
        groups = groups_of(study, claim, analysis)
        if groups is None or groups.n1 + groups.n2 > MOST_PATIENTS:
            return []
        return (
            fisher_readings(groups)
            if design == "Fisher"
            else mann_whitney_readings(groups)
        )
    return []


def _signed_rank(
    study: Mapping,
    claim: Mapping,
    analysis: Mapping,
    wanted: Target,
    pairs: Pairs,
    test: str,
) -> Check:
    readings = signed_rank_readings(pairs)
    unpaired = [
        Reading(
            f"{sides} exact rank-sum test that ignores the pairs",
            mann_whitney_ladder(pairs.n, pairs.n, sides),
            share_of_groups(Groups(pairs.n, pairs.n, "after", "before", "")),
        )
        for sides in ("two-sided",)
        if 2 * pairs.n <= MOST_PATIENTS
    ]
    if test == "sign":
        readings = sorted(readings, key=lambda r: "sign test" not in r.label)
    extra = _one_pair_fewer(pairs, wanted)
    if unpaired and wanted.step and wanted.high <= 0.1:
        example = _cached_unpaired(pairs.n, wanted.low, wanted.high)
        if example:
            extra += (
                f" A rank-sum test that ignores the pairs asks for less: for example "
                f"{number_word(example[0])} changed and "
                f"{number_word(pairs.n - example[0])} unchanged give "
                f"{p_text(example[1])}."
            )
    return tell(
        study,
        claim,
        analysis,
        wanted,
        readings,
        pairs.source,
        "signed rank",
        extra=extra,
        further=unpaired,
        counted=pairs.counted,
        sizes={"": pairs.n},
        lattice=2**pairs.n,
        tied=f"up to {tie_levels(pairs.n)} sizes of change, some pairs unchanged"
        if tie_levels(pairs.n) < pairs.n
        else "every pattern, unchanged pairs too",
    )


def _one_pair_fewer(pairs: Pairs, wanted: Target) -> str:
    """Say when a lost or unchanged pair puts significance out of reach."""
    least = 2.0 ** (2 - pairs.n)
    if not (wanted.high >= 1 or wanted.step == 0) or least < 0.05 or pairs.n < 3:
        return ""
    return (
        f" With one pair lost or unchanged the smallest two-sided exact p is "
        f"{p_text(least)}."
    )


@lru_cache(maxsize=64)
def _cached_unpaired(n: int, low: float, high: float) -> tuple[int, float] | None:
    return unpaired_example(n, low, high)


# Correlation


def _correlation(
    study: Mapping, claim: Mapping, analysis: Mapping, wanted: Target
) -> Check | None:
    name, n = population_of(study, claim, analysis)
    if n < 4 or wanted.low > 0 or wanted.high > 0.5 or n > MOST_PAIRS:
        return None
    label = study["populations"][name]["label"]
    r = least_correlation(n, wanted.high)
    reason = (
        f"Read with n = {n}, the population '{label}' with none missing, and as "
        f"Pearson's correlation (t test with {n - 2} degrees of freedom, two-sided): "
        f"{wanted.text} needs a correlation beyond {r:.3f} either way; with one "
        f"patient fewer beyond {least_correlation(n - 1, wanted.high):.3f}; one-sided "
        f"beyond {least_correlation(n, min(2 * wanted.high, 1.0)):.3f}. Any such value "
        f"is attainable; without a correlation {wanted.high:.0%} of samples reach it."
    )
    return Check(
        claim_id=claim["claim_id"],
        family=FAMILY,
        check="attainable p, correlation",
        outcome="attainable",
        reason=reason,
        details={"interval": (wanted.low, wanted.high), "least_r": r, "n": n},
    )
