"""The readings of tests of pairs and of two groups, and what outcomes share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reanalysis.consistency.attainable_design import Groups, Pairs
from reanalysis.consistency.attainable_laws import (
    MANN_WHITNEY_TIES,
    Ladder,
    fisher_ladder,
    mann_whitney_ladder,
    mcnemar_ladder,
    sign_ladder,
    signed_rank_ladder,
)
from reanalysis.consistency.attainable_readings import (
    NUMBERS,
    Reading,
    list_text,
    number_word,
    range_text,
)

#: More pairs are listed without ties only.
MOST_PAIRS_TIED = 24
#: Kinds of outcome named one by one; of more only the range is told.
MOST_KINDS = 4


def _all_changed(pairs: Pairs) -> str:
    whom = f"all {number_word(pairs.n)} {pairs.who}"
    if pairs.direction == "lower":
        return f"{whom} had " + (
            f"fewer {pairs.unit}" if pairs.counted else "a lower value"
        )
    if pairs.direction == "higher":
        return f"{whom} had " + (
            f"more {pairs.unit}" if pairs.counted else "a higher value"
        )
    return f"{whom} changed in the same direction"


def _share_of_pairs(pairs: Pairs, ladder: Ladder, mask: NDArray) -> str:
    """Say what the outcomes in ``mask`` share: who went which way."""
    against = ladder.features["against"][mask]
    zeros = ladder.features["zeros"][mask]
    if against.max() == 0 and zeros.max() == 0:
        return _all_changed(pairs)
    kinds = np.unique(np.column_stack([against, zeros]), axis=0).tolist()
    sums = ladder.features.get("rank_sum")
    span = ""
    if sums is not None and against.max() > 0:
        low, high = sums[mask].min(), sums[mask].max()
        span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if len(kinds) <= MOST_KINDS and pairs.n <= len(NUMBERS):
        told = [
            f"{pairs.n - a - z} one way"
            + (f" and {a} the other" if a else "")
            + (f" with {z} unchanged" if z else "")
            for a, z in kinds
        ]
        text = f"the pairs went {list_text(told, 'or')}"
        return text + (f" (smaller rank sum {span})" if span else "")
    text = f"{range_text(against)} of {pairs.n} pairs went the other way"
    if span and not zeros.max():
        total = pairs.n * (pairs.n + 1) // 2
        text = f"the smaller rank sum is {span} of {total} ({text})"
    if zeros.max():
        text += f" and {range_text(zeros)} did not change"
    return text


# Pairs: signed rank


def signed_rank_readings(pairs: Pairs) -> list[Reading]:
    """Return the readings of a signed-rank claim, the plainest first."""

    def shared(ladder: Ladder, mask: NDArray) -> str:
        return _share_of_pairs(pairs, ladder, mask)

    found = []
    for sides in ("two-sided", "one-sided"):
        for how in ("exact", "normal", "normal, corrected"):
            for ties in (False, True):
                dear = sides == "one-sided" and how != "exact"
                if ties and pairs.n > (len(NUMBERS) if dear else MOST_PAIRS_TIED):
                    continue
                ladder = _cached_signed_rank(pairs.n, sides, ties, how)
                found.append(
                    Reading(
                        label=f"{sides} {_approximation(how)} signed-rank test"
                        + (" with ties or unchanged pairs" if ties else ""),
                        ladder=ladder,
                        shared=shared,
                        exact=None
                        if how == "exact"
                        else _cached_signed_rank(pairs.n, sides, ties, "exact"),
                    )
                )
    for sides in ("two-sided", "one-sided"):
        ladder = sign_ladder(pairs.n, sides)
        found.append(
            Reading(
                f"{sides} sign test",
                ladder,
                shared,
            )
        )
    return found


@lru_cache(maxsize=64)
def _cached_signed_rank(n: int, sides: str, ties: bool, how: str) -> Ladder:
    return signed_rank_ladder(n, sides, ties=ties, approximation=how)


def _approximation(how: str) -> str:
    return {
        "exact": "exact",
        "normal": "normal-approximation",
        "normal, corrected": "continuity-corrected normal-approximation",
    }[how]


def mcnemar_readings(pairs: Pairs) -> list[Reading]:
    """Return the readings of a paired yes/no outcome."""

    def shared(ladder: Ladder, mask: NDArray) -> str:
        return _share_of_pairs(pairs, ladder, mask)

    names = {
        "exact": "exact McNemar test",
        "chi-square": "McNemar chi-square test",
        "corrected": "corrected McNemar chi-square test",
    }
    return [
        Reading(f"{sides} {name}", mcnemar_ladder(pairs.n, sides, variant), shared)
        for sides in ("two-sided", "one-sided")
        for variant, name in names.items()
    ]


# Two groups


def share_of_groups(groups: Groups) -> Callable[[Ladder, NDArray], str]:
    """Return the words for what rank-sum outcomes share."""

    def shared(ladder: Ladder, mask: NDArray) -> str:
        u = ladder.features["u"][mask]
        low, high = float(u.min()), float(u.max())
        if high == 0:
            text = f"there is complete separation of {groups.n1} and {groups.n2}"
            if groups.direction:
                text += (
                    f" (every {groups.first} value {groups.direction} than every "
                    f"{groups.second} value, as the printed averages say)"
                )
            return text
        return (
            f"U is {low:g}"
            + ("" if low == high else f" to {high:g}")
            + (f" (0 is complete separation, {groups.n1 * groups.n2 / 2:g} is none)")
        )

    return shared


def mann_whitney_readings(groups: Groups) -> list[Reading]:
    """Return the readings of measurements in two groups."""
    shared = share_of_groups(groups)
    found = []
    for sides in ("two-sided", "one-sided"):
        for how in ("exact", "normal", "normal, corrected"):
            for ties in (False, True):
                if ties and groups.n1 + groups.n2 > MANN_WHITNEY_TIES:
                    continue
                found.append(
                    Reading(
                        f"{sides} {_approximation(how)} Mann-Whitney test"
                        + (" with ties" if ties else ""),
                        mann_whitney_ladder(
                            groups.n1, groups.n2, sides, ties=ties, approximation=how
                        ),
                        shared,
                    )
                )
    return found


def fisher_readings(groups: Groups) -> list[Reading]:
    """Return the readings of a yes/no outcome in two groups."""

    def shared(ladder: Ladder, mask: NDArray) -> str:
        x1, x2 = ladder.features["x1"][mask], ladder.features["x2"][mask]
        tables = list(dict.fromkeys(zip(x1.tolist(), x2.tolist(), strict=True)))
        if len(tables) <= 4:
            return "the counts are " + list_text(
                [f"{a}/{groups.n1} against {b}/{groups.n2}" for a, b in tables], "or"
            )
        apart = np.abs(x1 / groups.n1 - x2 / groups.n2)
        return (
            f"the proportions lie {100 * apart.min():.0f} to {100 * apart.max():.0f} "
            f"percentage points apart ({len(tables)} tables)"
        )

    names = {
        "Fisher": "exact Fisher test",
        "chi-square": "chi-square test",
        "chi-square, Yates": "chi-square test with Yates's correction",
        "Fisher, mid-P": "Fisher mid-P test",
        "Fisher, doubled": "doubled Fisher test",
    }
    return [
        Reading(
            f"{sides} {name}",
            fisher_ladder(groups.n1, groups.n2, sides, variant),
            shared,
        )
        for sides in ("two-sided", "one-sided")
        for variant, name in names.items()
        if not (sides == "one-sided" and variant.endswith("doubled"))
    ]
