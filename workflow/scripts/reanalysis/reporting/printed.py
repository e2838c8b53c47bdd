"""Which printed numbers belong to which recomputed ones, for figures and captions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLACE = ("endpoint", "statistic", "group", "reference", "term", "timepoint")

_PERCENT = {"%", "percent", "per cent", "percentage points", "% points"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedNumber:
    """A claim and the place of the estimate it speaks of, its value in that unit."""

    claim_id: str
    analysis: str
    place: tuple[str, ...]
    field: str
    text: str
    digits: str
    value: float
    relation: str
    recomputed: float
    verdict: str
    unit: str


def place_of(row: Mapping) -> tuple[str, ...]:
    """Return what an estimate is of, whatever the settings."""
    return tuple(label_of(row[column]) for column in PLACE)


def printed_numbers(
    claims: Sequence[Mapping], rows: Sequence[Mapping]
) -> dict[str, list[PrintedNumber]]:
    """Return the printed numbers of each analysis.

    ``claims`` are a study's rows of claims.csv (text), ``rows`` its rows of
    estimates.csv. Claims without a recomputed number are not among them.
    """
    by_id = {row["estimate_id"]: row for row in rows}
    found: dict[str, list[PrintedNumber]] = {}
    for claim in claims:
        row = by_id.get(claim["estimate_id"])
        if row is None:
            continue
        value = float(claim["value"].replace(",", "")) if _numeric(claim) else math.nan
        recomputed = float(claim["recomputed"] or "nan")
        found.setdefault(claim["analysis"], []).append(
            PrintedNumber(
                claim_id=claim["claim_id"],
                analysis=claim["analysis"],
                place=place_of(row),
                field=claim["field"],
                text=claim["printed"],
                digits=claim["value"],
                value=value / _factor(claim, row, recomputed),
                relation=claim["relation"],
                recomputed=recomputed,
                verdict=claim["verdict"],
                unit=claim["unit"],
            )
        )
    return found


def printed_said(numbers: Sequence[PrintedNumber]) -> str:
    """Return ``printed P = .31 (K14, K15)``; what is printed twice is said once."""
    said: dict[tuple[str, str, str], list[PrintedNumber]] = {}
    for number in numbers:
        value = number.text
        if math.isfinite(number.value):
            value = f"{number.value:.12g}"
        said.setdefault((number.field, number.relation, value), []).append(number)
    texts = []
    for alike in said.values():
        ids = ", ".join(dict.fromkeys(number.claim_id for number in alike))
        texts.append(f"printed {alike[0].text} ({ids})")
    return "; ".join(texts)


def _numeric(claim: Mapping) -> bool:
    if claim["relation"] == "words" or not claim["value"]:
        return False
    try:
        float(claim["value"].replace(",", ""))
    except ValueError:
        return False
    return True


def _factor(claim: Mapping, row: Mapping, recomputed: float) -> float:
    """Return by what the row's number was multiplied to stand in the printed unit."""
    own = row.get({"count": "events"}.get(claim["field"], claim["field"]), math.nan)
    if isinstance(own, float) and own and math.isfinite(own) and recomputed:
        return recomputed / own if math.isfinite(recomputed) else 1.0
    percent = claim["unit"].strip().lower() in _PERCENT
    return 100.0 if percent and row["unit"] == "proportion" else 1.0


def label_of(value: object) -> str:
    """Return a time or the name of a visit as text."""
    return f"{value:g}" if isinstance(value, float) else str(value or "")
