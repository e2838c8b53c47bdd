"""Sources, or versions of one, that print different things of the same.

Claims speak of the same when endpoint, statistic, field, group and reference agree
and neither time, test nor population tells them apart. Two sources that disagree
are listed with both quotes and never resolved: a register may have been amended,
and a plan is no result. Only one source that prints two values of what its claims
declare to be one exact number contradicts itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from reanalysis import words
from reanalysis.consistency.check import Check
from reanalysis.rounding import COUNTS, cut_off, printed_interval

FAMILY = "consistency"
BETWEEN = "conflict between sources"
WITHIN = "conflict within a source"
AFTER_DEATH = "outcome after death"

#: Statistics that are known exactly: a different digit is a different number.
EXACT = COUNTS | {"minimum", "maximum", "statement"}
_JUDGED = "One judges in words what the other counts"
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}

_NUMBER = r"(\d+(?:[.,]\d+)?)"
# Superscripts are lost in plain text: 2x106 is 2 x 10^6, and the six may be gone.
_POWER = re.compile(rf"{_NUMBER}\s*[x×·*]\s*10\^?(\d*)(?!\d)", re.IGNORECASE)
_BOUNDS = re.compile(rf"(>=|<=|[<>≥≤]|at least|at most|up to)\s*{_NUMBER}", re.I)
_RANGE = re.compile(rf"{_NUMBER}\s*(-|–|to|and)\s*{_NUMBER}", re.IGNORECASE)
_PATIENT = re.compile(r"^(?P<what>.+), (?P<who>patient \S+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Range:
    """What a statement allows: all numbers between two bounds.

    ``certain`` is False for two bare numbers, whose signs may have been lost.
    """

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False
    certain: bool = True

    def meet(self, other: Range) -> Range | None:
        """Return what both allow, None when nothing."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min(
            (self.high, not self.high_open), (other.high, not other.high_open)
        )
        if low > high or (low == high and (low_open or not closed)):
            return None
        return Range(low, high, low_open, not closed, self.certain and other.certain)

    def __str__(self) -> str:
        """Say the range in words."""
        low = f"{'above' if self.low_open else 'from'} {self.low:g}"
        high = f"{'below' if self.high_open else 'to'} {self.high:g}"
        if math.isinf(self.high):
            return low if self.low_open else f"{self.low:g} or more"
        if math.isinf(self.low):
            return high if self.high_open else f"{self.high:g} or less"
        return f"{low} {high if self.high_open else f'up to {self.high:g}'}"


def stated_range(printed: str) -> Range | None:
    """Return the range a printed criterion states, None when it states none.

    Reads ``>6``, ``≥4 and ≤10``, ``5-40``, ``6 and 12`` and ``at least 2``.
    """
    low, high = -math.inf, math.inf
    low_open = high_open = False
    bounds = _BOUNDS.findall(printed)
    for sign, digits in bounds:
        value = _float(digits)
        if sign.lower() in {">", "≥", ">=", "at least"}:
            low, low_open = value, sign == ">"
        else:
            high, high_open = value, sign == "<"
    if bounds:
        return Range(low, high, low_open, high_open)
    found = _RANGE.search(printed)
    if found:
        ends = sorted((_float(found[1]), _float(found[3])))
        return Range(*ends, certain=found[2].lower() != "and")
    return None


@dataclass(frozen=True, slots=True)
class Power:
    """A number written as a multiple of a power of ten; the exponent may be lost."""

    factor: float
    exponent: int | None

    def can_equal(self, other: Power) -> bool:
        """Tell whether some exponent in place of a lost one makes both equal."""
        if self.exponent is not None and other.exponent is not None:
            return math.isclose(
                self.factor * 10.0**self.exponent, other.factor * 10.0**other.exponent
            )
        ratio = math.log10(self.factor / other.factor)
        return math.isclose(ratio, round(ratio), abs_tol=1e-9)


def power_of_ten(printed: str) -> Power | None:
    """Read ``1 x 10^6``, ``2x106`` (exponent set as plain digits) or ``3 × 10``."""
    found = _POWER.search(printed)
    if not found or not _float(found[1]):
        return None
    return Power(_float(found[1]), int(found[2]) if found[2] else None)


def _float(digits: str) -> float:
    return float(digits.replace(",", ""))


def checks(study: Mapping) -> list[Check]:
    """Return a row for every claim that another source, or its own, contradicts."""
    found: list[Check] = []
    texts = _texts(study)
    for first, second in _pairs(study):
        how = _difference(first, second)
        if how is None:
            continue
        same_source = first["source"] == second["source"]
        if same_source and not _declared_one(first, second):
            continue
        found += _rows(study, first, second, how, same_source, texts)
    found += _after_death(study)
    return found


def _texts(study: Mapping) -> dict[tuple, list[str]]:
    """Return the claims that share one statement (a range gives two of them)."""
    texts: dict[tuple, list[str]] = {}
    for claim in study["claims"]:
        texts.setdefault(_text(claim), []).append(claim["claim_id"])
    return {text: list(dict.fromkeys(ids)) for text, ids in texts.items()}


def _text(claim: Mapping) -> tuple:
    if claim["statistic"] != "statement":
        return (claim["claim_id"],)
    return (_key(claim), claim["source"], claim["population"], claim["printed"])


def _key(claim: Mapping) -> tuple[str, ...]:
    names = ("statistic", "field", "group", "reference")
    endpoint = " ".join(claim["endpoint"].casefold().split())
    return (endpoint, *(claim[name] for name in names))


def _pairs(study: Mapping) -> Iterator[tuple[Mapping, Mapping]]:
    """Yield claims that speak of the same, a printed text of several numbers once."""
    examined = {a["population"] for a in study["analyses"].values()}
    by_key: dict[tuple, list[Mapping]] = {}
    for claim in study["claims"]:
        if claim["endpoint"]:
            by_key.setdefault(_key(claim), []).append(claim)
    for claims in by_key.values():
        texts: dict[tuple, Mapping] = {}
        for claim in claims:
            # One text with two numbers (a range) is one statement.
            texts.setdefault(_text(claim), claim)
        for first, second in combinations(texts.values(), 2):
            if _comparable(first, second, examined):
                yield first, second


def _comparable(first: Mapping, second: Mapping, examined: set[str]) -> bool:
    for name in ("timepoint", "test", "alternative", "conf_level"):
        if first[name] and second[name] and first[name] != second[name]:
            return False
    one, other = first["population"], second["population"]
    # A population that no analysis examines is what a document says of the trial
    # as a whole (a register entry, a plan, entry criteria).
    return one == other or not {one, other} <= examined


def _declared_one(first: Mapping, second: Mapping) -> bool:
    """Tell whether one source is made to print two values of one exact number."""
    same = ("analysis", "population", "timepoint", "unit", "test", "alternative")
    return (
        bool(first["analysis"])
        and all(first[name] == second[name] for name in same)
        and first["relation"] == second["relation"] == "="
        and first["statistic"] in EXACT - {"statement"}
        and first["field"] == "estimate"
    )


def _difference(first: Mapping, second: Mapping) -> str | None:
    """Say how two claims differ, None when they can both hold as printed."""
    if first["statistic"] == "statement":
        return _statements_differ(first, second)
    texts = [" ".join(c["printed"].casefold().split()) for c in (first, second)]
    if first["relation"] == second["relation"] == "words":
        if texts[0] == texts[1] or first["source"] == second["source"]:
            return None
        meanings = {words.meaning(c["printed"], c["field"]) for c in (first, second)}
        if len(meanings) == 1 and meanings != {None}:
            return None
        return "The two texts say different things"
    if "words" in {first["relation"], second["relation"]}:
        said = first if first["relation"] == "words" else second
        judged = words.meaning(said["printed"], said["field"]) is None
        if judged and first["source"] != second["source"]:
            return _JUDGED
        return None
    scale = _to_unit(second["unit"], first["unit"])
    if scale is None:
        return None
    one, other = printed_interval(first), printed_interval(second)
    exact = first["statistic"] in EXACT and first["field"] in {
        "estimate",
        "count",
        "n",
    }
    if exact and first["relation"] == second["relation"] == "=":
        apart = not math.isclose(one.value, other.value * scale)
    else:
        low, high = max(one.low, other.low * scale), min(one.high, other.high * scale)
        strict = {first["relation"], second["relation"]} & {"<", ">"}
        apart = low > high or (low == high and bool(strict))
        if apart and _cut_off(first, second, scale):
            return "Only with digits cut off is one value printed as both"
    return "No value is printed as both" if apart else None


def _cut_off(first: Mapping, second: Mapping, scale: float) -> bool:
    """Tell whether one value, its digits cut off in one text, can be both."""
    ends = []
    for claim, factor in ((first, 1.0), (second, scale)):
        printed = printed_interval(claim)
        cut = cut_off(printed)
        ends.append(
            (min(printed.low, cut.low) * factor, max(printed.high, cut.high) * factor)
        )
    (a, b), (c, d) = ends
    return max(a, c) < min(b, d)


def _statements_differ(first: Mapping, second: Mapping) -> str | None:
    one, other = power_of_ten(first["printed"]), power_of_ten(second["printed"])
    if one and other:
        if one.can_equal(other):
            return None
        lost = None in {one.exponent, other.exponent}
        return (
            "They are different doses, whatever the lost exponent"
            if lost
            else "They are different numbers"
        )
    wide, narrow = stated_range(first["printed"]), stated_range(second["printed"])
    if wide and narrow:
        if (wide.low, wide.high, wide.low_open, wide.high_open) == (
            narrow.low,
            narrow.high,
            narrow.low_open,
            narrow.high_open,
        ):
            return None
        both = wide.meet(narrow)
        if both is None:
            return "No value satisfies both"
        doubt = "" if both.certain else " (two bare numbers read as a range)"
        return f"They are different ranges; both hold only for values {both}{doubt}"
    if "words" in {first["relation"], second["relation"]}:
        return None
    if first["unit"] == second["unit"] and first["source"] != second["source"]:
        a, b = printed_interval(first), printed_interval(second)
        return None if a.value == b.value else "The two numbers differ"
    return None


def _to_unit(unit: str, target: str) -> float | None:
    """Return the factor between units of time, 1 for equal units, else None."""
    if unit == target:
        return 1.0
    days = [_DAYS.get(u.strip().lower().removesuffix("s")) for u in (unit, target)]
    return None if None in days else days[0] / days[1]


def _rows(
    study: Mapping,
    first: Mapping,
    second: Mapping,
    how: str,
    same_source: bool,
    texts: Mapping[tuple, Sequence[str]],
) -> Iterator[Check]:
    remarks = []
    populations = study["populations"]
    if first["population"] != second["population"]:
        labels = [
            populations.get(c["population"], {}).get("label", c["population"])
            for c in (first, second)
        ]
        remarks.append(
            f"The first is said of '{labels[0]}', the second of '{labels[1]}', so "
            "both may hold if these are not the same."
        )
    for claim, other in ((first, second), (second, first)):
        if claim["timepoint"] and not other["timepoint"]:
            remarks.append(
                f"Only {claim['claim_id']} names a time ({claim['timepoint']})."
            )
    if same_source:
        remarks.append("Both are said of the same, so they cannot hold together.")
    elif how != _JUDGED:
        remarks.append("Which of them holds cannot be told from what is published.")
    about = first["endpoint"]
    reason = (
        f"{_quoted(study, first)} {_quoted(study, second)} {how} ({about})."
        + "".join(f" {remark}" for remark in remarks)
    )
    details = {
        "fits": False,
        "claims": [first["claim_id"], second["claim_id"]],
        "sources": [first["source"], second["source"]],
        "quotes": [first["quote"], second["quote"]],
        "printed": [first["printed"], second["printed"]],
    }
    check = WITHIN if same_source else BETWEEN
    outcome = "impossible" if same_source else ""
    for claim in (first, second):
        for claim_id in texts[_text(claim)]:
            yield Check(claim_id, FAMILY, check, outcome, reason, details)


def _quoted(study: Mapping, claim: Mapping) -> str:
    source = study["sources"][claim["source"]]
    trust = {"low": ", a text of low trust", "secondary": ", a secondary text"}
    return (
        f"{claim['claim_id']} prints '{claim['printed']}' (source "
        f"'{claim['source']}'{trust.get(source.get('trust', ''), '')}: "
        f'"{claim["quote"]}").'
    )


def _after_death(study: Mapping) -> Iterator[Check]:
    """Yield patients who have an outcome at a time after they died.

    Endpoints of single patients read ``<endpoint>, patient <id>``; the time of the
    outcome is its own or that at which the same endpoint is counted in all.
    """
    deaths, outcomes, times = {}, [], {}
    for claim in study["claims"]:
        found = _PATIENT.match(claim["endpoint"])
        if not found:
            days = _in_days(claim["timepoint"])
            if days is not None:
                times.setdefault(claim["endpoint"].casefold(), (days, claim))
            continue
        what, who = found["what"].casefold(), found["who"].casefold()
        if "death" in what:
            scale = _to_unit(claim["unit"], "days")
            if scale and claim["relation"] == "=":
                deaths[who] = (printed_interval(claim).high * scale, claim)
        else:
            outcomes.append((what, who, claim))
    for what, who, claim in outcomes:
        if who not in deaths:
            continue
        died, death = deaths[who]
        own = _in_days(claim["timepoint"])
        day, place = (own, claim) if own is not None else times.get(what, (None, None))
        if day is None or day <= died:
            continue
        reason = (
            f"{_quoted(study, death)} {_quoted(study, claim)} The outcome is judged at "
            f"{place['timepoint']} ({place['claim_id']}), after the death of {who}, "
            "unless it was reached and judged earlier."
        )
        told = [death["claim_id"], claim["claim_id"]]
        details: dict[str, object] = {"fits": False, "claims": told, "day": died}
        if death["source"] != claim["source"]:
            details["sources"] = [death["source"], claim["source"]]
        for one in (death, claim):
            yield Check(one["claim_id"], FAMILY, AFTER_DEATH, "", reason, details)


def _in_days(timepoint: str) -> float | None:
    found = re.search(r"(\d+(?:\.\d+)?)\s*(day|week|month|year)s?\b", timepoint)
    return float(found[1]) * _DAYS[found[2]] if found else None
