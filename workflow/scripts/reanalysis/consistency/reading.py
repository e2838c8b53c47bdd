"""Find, for a claim, the other claims that must agree with it.

A number is compared only with numbers of the same place: population, endpoint,
time point and group. Where the denominator of a claim is not printed beside it, the
reading is marked as not certain, so that a misfit can question the reading instead
of the number.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reanalysis import words
from reanalysis.consistency.check import Check
from reanalysis.plan import WITHOUT_TABLE
from reanalysis.rounding import COUNTS, Printed, cut_off, interval, round_half_up

FAMILY = "consistency"
PERCENT = frozenset({"%", "percent", "per cent", "percentage points", "% points"})
#: Below this a printed p is called significant in words.
ALPHA = 0.05
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Item:
    """A claim with one number: what it may be, rounded or cut off.

    Percentages of shares are given as fractions when ``scale`` is 0.01.
    """

    claim: Mapping
    printed: Printed
    cut: Printed
    scale: float = 1.0

    @property
    def id(self) -> str:
        """Return the id of the claim."""
        return self.claim["claim_id"]

    @property
    def low(self) -> float:
        """Return the least value that is rounded to the printed one."""
        return self.printed.low * self.scale

    @property
    def high(self) -> float:
        """Return the greatest value that is rounded to the printed one."""
        return self.printed.high * self.scale

    @property
    def widest(self) -> tuple[float, float]:
        """Return the bounds with truncation allowed as well as rounding."""
        return (
            min(self.printed.low, self.cut.low) * self.scale,
            max(self.printed.high, self.cut.high) * self.scale,
        )

    def holds(self, low: float, high: float | None = None) -> bool:
        """Tell whether some value from low to high would be rounded to the text."""
        high = low if high is None else high
        return self.printed.holds(low / self.scale, high / self.scale)

    def cuts(self, low: float, high: float | None = None) -> bool:
        """Tell whether some value from low to high, cut off, gives the text."""
        high = low if high is None else high
        low, high = low / self.scale, high / self.scale
        if math.isnan(low) or math.isnan(high):
            return False
        return low <= self.cut.high and high >= self.cut.low

    def fit(self, low: float, high: float | None = None) -> str:
        """Return ``rounded``, ``cut off`` or an empty text for no fit."""
        if self.holds(low, high):
            return "rounded"
        return "cut off" if self.cuts(low, high) else ""

    def show(self, x: float, more: int = 1) -> str:
        """Write a value of this claim's scale with more digits than are printed."""
        if not math.isfinite(x):
            return "infinity" if x > 0 else "minus infinity" if x < 0 else "no number"
        text = round_half_up(x / self.scale, max(self.printed.digits, 0) + more)
        return text + (" %" if self.claim["unit"] in PERCENT else "")


@dataclass(frozen=True, slots=True)
class Size:
    """A number of patients, how it was found and the claims it rests on.

    ``certain`` is true only where the number is printed for this very place, or
    is the column n of the table that holds the result.
    """

    n: int
    certain: bool
    how: str
    ids: tuple[str, ...] = ()


def item(claim: Mapping) -> Item | None:
    """Return the number of a claim; None where it is words or no plain number."""
    if claim["relation"] == "words" or not claim["value"]:
        return None
    printed = interval(
        claim["printed"], claim["value"], claim["relation"], field=claim["field"]
    )
    if claim["statistic"] in COUNTS and claim["field"] == "estimate":
        if claim["relation"] == "=":
            printed = replace(printed, low=printed.value, high=printed.value)
        return Item(claim, printed, printed)
    share = claim["statistic"] in {"proportion", "survival_probability"}
    scale = 0.01 if share and claim["unit"] in PERCENT else 1.0
    return Item(claim, printed, cut_off(printed), scale)


def p_item(claim: Mapping) -> Item | None:
    """Return the interval of a printed p, words such as "not significant" too."""
    if claim["field"] != "p_value":
        return None
    if claim["relation"] != "words":
        return item(claim)
    claimed = words.meaning(claim["printed"], "p_value")
    if claimed is None:
        return None
    bounds = (0.0, ALPHA) if claimed == "significant" else (ALPHA, 1.0)
    relation = "<" if claimed == "significant" else "="
    printed = Printed(ALPHA, *bounds, relation=relation, step=0.01, digits=2)
    return Item(claim, printed, printed)


def whole(claim: Mapping) -> int | None:
    """Return the whole number of a count that is printed exactly."""
    if claim["relation"] != "=" or claim["statistic"] not in COUNTS:
        return None
    value = float(interval(claim["printed"], claim["value"]).value)
    return int(value) if value.is_integer() and value >= 0 else None


def named(*claims: Mapping) -> str:
    """Quote claims: printed text, the number meant and id."""
    parts = []
    for claim in claims:
        value = claim["value"]
        text = f"\u201c{claim['printed']}\u201d"
        if value and re.sub(r"[\s%]", "", claim["printed"]) != value:
            text += f" read as {value}"
        parts.append(f"{text} ({claim['claim_id']})")
    return ", ".join(parts)


def plain(text: str) -> str:
    """Return an endpoint without its remark in brackets, in lower case."""
    return re.sub(r"\s*\([^)]*\)", "", text).strip().casefold()


def time_point(text: str) -> tuple[float, str] | None:
    """Return a time point and its unit ("" for a bare number), None for other text."""
    match = re.fullmatch(
        r"\s*(?:(day|week|month|year)s?\s+)?(\d+(?:\.\d+)?)\s*-?"
        r"(day|week|month|year)?s?\s*",
        text,
        re.I,
    )
    if match is None or (match[1] and match[3]):
        return None
    return float(match[2]), (match[1] or match[3] or "").casefold()


def listed(values: Iterable[object], limit: int = 8) -> str:
    """Write a short list; what is beyond the limit is only counted."""
    items = [str(value) for value in values]
    rest = len(items) - limit
    text = ", ".join(items[:limit])
    return f"{text} and {rest} more" if rest > 0 else text


class Report:
    """The claims of a study, found by their place."""

    def __init__(self, study: Mapping) -> None:
        self.study = study
        #: Context is told, not tested.
        self.claims: list[Mapping] = [
            claim for claim in study["claims"] if claim["role"] != "context"
        ]
        self.by_id = {claim["claim_id"]: claim for claim in study["claims"]}
        self._places: dict[tuple, list[Mapping]] = defaultdict(list)
        for claim in self.claims:
            self._places[claim["endpoint"], claim["timepoint"]].append(claim)
        self._sizes: dict[tuple, list[Mapping]] = defaultdict(list)
        for claim in self.claims:
            if claim["statistic"] == "n" and claim["field"] == "estimate":
                self._sizes[claim["group"]].append(claim)
        self._groups_of: dict[str, set[str]] = defaultdict(set)
        for claim in self.claims:
            self._groups_of[claim["population"]] |= {
                claim["group"],
                claim["reference"],
            }

    def analysis(self, claim: Mapping) -> Mapping:
        """Return the analysis of a claim, empty where it names none."""
        return self.study["analyses"].get(claim["analysis"], {})

    def beside(
        self,
        claim: Mapping,
        statistic: str,
        *,
        group: str | None = None,
        field: str = "estimate",
        reference: str | None = "",
    ) -> list[Mapping]:
        """Return the claims of a statistic at the place of a claim.

        The same endpoint, time point and group are required, and the same
        population or analysis; those of the same population come first, then
        those of the same source. ``reference`` None accepts any.
        """
        group = claim["group"] if group is None else group
        near = [
            other
            for other in self._places[claim["endpoint"], claim["timepoint"]]
            if other["statistic"] == statistic
            and other["field"] == field
            and other["group"] == group
            and (reference is None or other["reference"] == reference)
            and (
                other["population"] == claim["population"]
                or (group and other["analysis"] == claim["analysis"])
            )
        ]
        return sorted(
            near,
            key=lambda other: (
                other["printed"] != claim["printed"],
                other["source"] != claim["source"],
                other["population"] != claim["population"],
            ),
        )

    def sample(self, claim: Mapping) -> Mapping | None:
        """Return the rows of the printed table that belong to a claim's endpoint."""
        analysis = self.analysis(claim)
        if analysis.get("kind") != "summary" or analysis["method"] in WITHOUT_TABLE:
            return None
        samples = analysis["samples"]
        for sample in samples:
            if sample["endpoint"] == claim["endpoint"]:
                return sample
        alone = len(samples) == 1 and not samples[0]["endpoint"]
        return samples[0] if alone else None

    def row(self, claim: Mapping, group: str) -> dict[str, float] | None:
        """Return one row of a printed table, None where the choice is not unique."""
        sample = self.sample(claim)
        if sample is None:
            return None
        columns = sample["columns"]
        labels = columns.get("group")
        size = len(next(iter(columns.values()), []))
        rows = [
            i
            for i in range(size)
            if (labels is not None and labels[i] == group)
            or (labels is None and not group)
        ]
        if len(rows) != 1:
            return None
        return {name: values[rows[0]] for name, values in columns.items()}

    def size(self, claim: Mapping, group: str | None = None) -> Size | None:
        """Return how many patients a claim is about, by the surest way there is."""
        group = claim["group"] if group is None else group
        beside = self.beside(claim, "n", group=group)
        found = _one_size(beside)
        if found:
            return Size(
                found[0], True, f"n = {found[0]} is printed beside it", found[1]
            )
        row = self.row(claim, group)
        if row and row.get("n"):
            n = int(row["n"])
            table = self.analysis(claim)["dataset"]
            return Size(n, True, f"n = {n} in the table '{table}'")
        if not group and (sample := self.sample(claim)):
            columns = sample["columns"]
            groups = set(self.analysis(claim).get("groups", []))
            sizes = columns.get("n")
            if sizes and groups and set(columns.get("group", [])) == groups:
                n = int(sum(sizes))
                return Size(n, True, f"n = {n} is the sum of the groups in the table")
        same = [
            other
            for other in self._sizes[group]
            if other["analysis"] == claim["analysis"]
            and (group or other["population"] == claim["population"])
        ] or [
            other
            for other in self._sizes[group]
            if other["population"] == claim["population"]
        ]
        found = _one_size(same)
        who = f"the group '{group}'" if group else "the population"
        if found:
            return Size(
                found[0], False, f"n = {found[0]} read as all of {who}", found[1]
            )
        population = self.study["populations"].get(claim["population"], {})
        n = population.get("n")
        only = self._groups_of[claim["population"]] - {""}
        if n and (
            not group
            or (only == {group} and plain(population["label"]) == plain(group))
        ):
            label = population["label"]
            return Size(
                int(n), False, f"n = {n} read as all of the population '{label}'"
            )
        return None

    def counts(
        self, claim: Mapping, group: str | None = None
    ) -> tuple[int, tuple[Mapping, ...]] | None:
        """Return the printed count at a claim's place and the claims that give it."""
        group = claim["group"] if group is None else group
        found = [
            (number, other)
            for other in self.beside(claim, "count", group=group)
            if (number := whole(other)) is not None
        ]
        if found:
            first = found[0][0]
            same_text = [
                pair for pair in found if pair[1]["printed"] == claim["printed"]
            ]
            if same_text:
                return same_text[0][0], (same_text[0][1],)
            if all(number == first for number, _ in found):
                return first, (found[0][1],)
            return None
        row = self.row(claim, group)
        if row and row.get("count") is not None and float(row["count"]).is_integer():
            return int(row["count"]), ()
        return None


def says_one_sided(report: Report, claim: Mapping) -> bool:
    """Tell whether a claim, or the paper of its analysis, calls its p one-sided."""
    paper = report.analysis(claim).get("paper", {})
    stated = claim["alternative"] or paper.get("alternative", "")
    return stated in {"less", "greater", "one-sided"}


def _one_size(claims: Sequence[Mapping]) -> tuple[int, tuple[str, ...]] | None:
    sizes = {n for claim in claims if (n := whole(claim))}
    if len(sizes) != 1:
        return None
    return sizes.pop(), (claims[0]["claim_id"],)


def finding(
    claim: Mapping,
    check: str,
    outcome: str,
    reason: str,
    *,
    fits: bool | None = None,
    **details: object,
) -> Check:
    """Return a row about a claim; ``fits`` says whether the numbers agree.

    It is kept apart from the outcome: numbers that disagree under a reading that is
    not certain prove nothing, yet are worth a look.
    """
    if fits is None:
        fits = outcome != "impossible"
    return Check(
        claim["claim_id"], FAMILY, check, outcome, reason, {"fits": fits, **details}
    )


def contradiction(
    claims: Sequence[Mapping], check: str, reason: str, **details: object
) -> list[Check]:
    """Return one row for each claim of a set that cannot hold together."""
    ids = [claim["claim_id"] for claim in claims]
    return [
        finding(claim, check, "impossible", reason, conflict=ids, **details)
        for claim in claims
    ]
