"""Who was compared with whom: the design behind a printed p-value.

Everything follows from the study file: the method and columns of the analysis, the
printed sizes of populations and groups, and words about the direction. A size that
is not printed, or printed in two ways, gives no design.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reanalysis import words
from reanalysis.consistency.attainable_readings import list_text
from reanalysis.rounding import interval

#: Units of which there is a whole number.
COUNTED = frozenset(
    {"relapses", "drugs", "events", "episodes", "polyps", "infections", "patients"}
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Paired measurements: how many, of whom, and which way they are said to go."""

    n: int
    who: str
    source: str
    unit: str = ""
    direction: str = ""

    @property
    def counted(self) -> bool:
        """Tell whether the measurements are counts, so that ties are likely."""
        return self.unit in COUNTED


@dataclass(frozen=True, slots=True)
class Groups:
    """Two groups: sizes and names, the first compared with the second."""

    n1: int
    n2: int
    first: str
    second: str
    source: str
    direction: str = ""
    claims: tuple[str, ...] = field(default=())


#: The longest names first: "Wilcoxon rank-sum" is no signed-rank test.
_TESTS = (
    ("sign", re.compile(r"\bsign test")),
    ("Mann-Whitney", re.compile(r"\bmann|\brank.sum")),
    ("signed-rank", re.compile(r"\bsigned|\bwilcoxon")),
    ("t", re.compile(r"\bt[ -]test|\bstudent")),
)


def named_test(claim: Mapping, analysis: Mapping) -> str:
    """Return the kind of test a source names: signed-rank, sign, t, ... or nothing."""
    text = (claim["test"] or analysis["paper"].get("test", "")).lower()
    if "not named" in text:
        return ""
    return next((name for name, marks in _TESTS if marks.search(text)), text)


def design_of(analysis: Mapping) -> str | None:
    """Return which kind of outcomes an analysis has, from its method and columns."""
    columns = analysis.get("columns") or {}
    method = analysis["method"]
    grouped = "group" in columns or len(analysis.get("groups", ())) > 1
    paired = {"before", "after"} <= set(columns) or "visit" in columns
    if not columns:  # a checked study of an earlier version
        paired = not grouped
    if method == "wilcoxon":
        if paired:
            return None if grouped else "pairs"
        return "Mann-Whitney" if grouped and not {"mean", "sd"} & set(columns) else None
    if method == "tables":
        return "McNemar" if paired and not grouped else "Fisher" if grouped else None
    if method in {"cox", "log_rank"}:
        if columns.get("covariate") or not grouped:
            return None
        if "pair" in columns:
            return "cox pairs"
        return None if "stratum" in columns else "survival"
    if method == "regression" and analysis["options"].get("model") == "linear":
        covariates = columns.get("covariate", ())
        one = isinstance(covariates, str) or len(covariates) == 1
        return "correlation" if one and not grouped else None
    return None


def population_of(study: Mapping, claim: Mapping, analysis: Mapping) -> tuple[str, int]:
    """Return the population a claim speaks of and its printed size (0: unknown)."""
    for name in (claim["population"], analysis["population"]):
        n = study["populations"].get(name, {}).get("n")
        if n:
            return name, int(n)
    return claim["population"] or analysis["population"], 0


def _who(label: str) -> str:
    plain = label.removeprefix("All ").strip() or "patients"
    return plain if plain[:2].isupper() else plain[0].lower() + plain[1:]


def pairs_of(study: Mapping, claim: Mapping, analysis: Mapping) -> Pairs | None:
    """Return the pairs a claim speaks of, None when their number is not printed."""
    name, n = population_of(study, claim, analysis)
    if not n:
        return None
    label = study["populations"][name]["label"]
    return Pairs(
        n=n,
        who=_who(label),
        source=f"n = {n}, the population '{label}' with none missing",
        unit=_unit(study, analysis),
        direction=_direction(study, claim),
    )


def _unit(study: Mapping, analysis: Mapping) -> str:
    columns = study["datasets"].get(analysis["dataset"], {}).get("columns", {})
    for role in ("before", "value"):
        named = (analysis.get("columns") or {}).get(role)
        for column, declared in columns.items():
            if column == named or (named is None and declared.get("role") == role):
                return str(declared.get("unit", ""))
    return ""


def _direction(study: Mapping, claim: Mapping) -> str:
    """Return the direction that words of the same comparison claim."""
    said = {
        words.meaning(other["printed"], "estimate")
        for other in study["claims"]
        if other["analysis"] == claim["analysis"]
        and other["field"] == "estimate"
        and other["relation"] == "words"
        and other["endpoint"] == claim["endpoint"]
        and other["timepoint"] == claim["timepoint"]
    } & {"lower", "higher", "later", "sooner"}
    return str(said.pop()) if len(said) == 1 else ""


def groups_of(study: Mapping, claim: Mapping, analysis: Mapping) -> Groups | None:
    """Return the two groups a claim compares, None when a size is not known."""
    named = [str(g) for g in analysis.get("groups", ())]
    pair = (claim["group"], claim["reference"])
    if not all(pair):
        pair = tuple(named) if len(named) == 2 else ("", "")
    if not all(pair):
        return None
    first, second = pair
    name, total = population_of(study, claim, analysis)
    n1, from1 = _group_size(study, first, name)
    n2, from2 = _group_size(study, second, name)
    used = (*from1, *from2)
    if min(n1, n2) < 0:
        return None
    if total and len(named) == 2 and analysis["method"] != "tables":
        # Two groups that make up a population; periods of one patient do not.
        if n1 and not n2 and n1 < total:
            n2 = total - n1
        elif n2 and not n1 and n2 < total:
            n1 = total - n2
    where = f"{n1} {_beside(first)} against {n2} {_beside(second)}"
    if not (n1 and n2):
        if analysis["method"] != "tables" or not total or n1 or n2:
            return None
        n1 = n2 = total
        where = (
            f"{total} patients in either group, because the sizes of the groups are "
            f"not printed"
        )
    elif used:
        where += f" (from {list_text(list(dict.fromkeys(used)))})"
    return Groups(
        n1,
        n2,
        first,
        second,
        where,
        _order(study, claim, first, second),
        tuple(c for c in dict.fromkeys(used) if c in _claim_ids(study)),
    )


def _beside(group: str) -> str:
    """Return a group for a sentence, behind its number of patients."""
    return f"({group})" if group[:1].isdigit() else group


def _claim_ids(study: Mapping) -> set[str]:
    return {claim["claim_id"] for claim in study["claims"]}


def _group_size(
    study: Mapping, group: str, population: str
) -> tuple[int, tuple[str, ...]]:
    """Return the size of a group and where it stands: 0 unknown, -1 disputed."""
    found: dict[tuple[int, bool], list[str]] = {}

    def add(n: float, near: bool, source: str) -> None:
        if n and float(n).is_integer():
            found.setdefault((int(n), near), []).append(source)

    outcome: dict[str, dict[str, tuple[int, str]]] = {}
    for claim in study["claims"]:
        whole = claim["relation"] == "=" and claim["field"] == "estimate"
        if not whole or claim["statistic"] not in {"n", "count"}:
            continue
        near = claim["population"] == population
        own = claim["statistic"] == "n" and claim["group"] == group
        # An outcome that names the groups: 3 of 9 had it, so 6 had it not.
        naming = near and not claim["group"] and claim["analysis"]
        if not own and not naming:
            continue
        n = interval(claim["printed"], claim["value"]).value
        if own:
            add(n, near, claim["claim_id"])
        if naming:
            of = outcome.setdefault(claim["analysis"], {})
            of[claim["statistic"]] = (int(n), claim["claim_id"])
    for analysis in study["analyses"].values():
        for sample in analysis["samples"]:
            columns = sample["columns"]
            if {"group", "n"} <= set(columns):
                for label, n in zip(columns["group"], columns["n"], strict=True):
                    if label == group and n is not None:
                        near = analysis["population"] == population
                        add(n, near, f"table '{analysis['dataset']}'")
    for declared in study["populations"].values():
        if declared["label"].lower() == group.lower() and declared.get("n"):
            add(declared["n"], True, f"population '{declared['label']}'")
    for analysis, of in outcome.items():
        if {"n", "count"} <= set(of):
            (count, one), (n, two) = of["count"], of["n"]
            name = analysis.replace("_", " ").lower()
            if group.lower() == name:
                add(count, True, one)
            elif group.lower() in {f"no {name}", f"without {name}", f"non-{name}"}:
                add(n - count, True, one)
                add(n - count, True, two)
    for near in (True, False):
        sizes = {n for n, close in found if close is near}
        if len(sizes) == 1:
            (n,) = sizes
            return n, tuple(dict.fromkeys(found[(n, near)]))[:2]
        if sizes:
            return -1, ()
    return 0, ()


def _order(study: Mapping, claim: Mapping, first: str, second: str) -> str:
    """Return whether the first group's printed median or mean is the lower one."""
    seen: dict[str, dict[str, float]] = {}
    for other in study["claims"]:
        if (
            other["endpoint"] == claim["endpoint"]
            and other["statistic"] in {"median", "mean"}
            and other["field"] == "estimate"
            and other["relation"] == "="
            and other["group"] in {first, second}
        ):
            value = interval(other["printed"], other["value"]).value
            seen.setdefault(other["statistic"], {})[other["group"]] = value
    said = {
        "lower" if values[first] < values[second] else "higher"
        for values in seen.values()
        if len(values) == 2 and values[first] != values[second]
    }
    return said.pop() if len(said) == 1 else ""
