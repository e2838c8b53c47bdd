"""A multiverse in rows, one summary row, and a sentence.

The specifications share their patients. How many of them are significant is a
description of how much hangs on the choices, and no evidence by count; the sentence
says so, and the joint permutation test is the one p-value for all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reanalysis.formatting import capitalised, journal_number, journal_p
from reanalysis.multiverse.anchor import Anchor
from reanalysis.multiverse.columns import COLUMNS
from reanalysis.multiverse.curve import DIRECTED, LEVEL, JointTest, effect
from reanalysis.multiverse.declared import names_of
from reanalysis.multiverse.grid import Grid, Samples
from reanalysis.multiverse.shares import shares
from reanalysis.results import NAN, Estimate
from reanalysis.studies.alternatives import own
from reanalysis.words import RATIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiverse:
    """One grid of one analysis with everything found, ``rows`` along its entries."""

    study: str
    analysis: str
    name: str
    declared: Mapping
    samples: Samples
    grid: Grid
    rows: Sequence[Estimate]
    primary: Estimate
    anchor: Anchor
    joint: JointTest

    @property
    def statistic(self) -> str:
        """The statistic of the number that is followed."""
        return self.primary.statistic

    @property
    def side(self) -> float:
        """Sign of the effect the specifications are compared with; 0 for none.

        A number that compares nothing, such as a median survival, has none.
        """
        if self.statistic not in DIRECTED:
            return 0.0
        x = NAN
        if not math.isnan(self.anchor.value):
            x = effect(_as(self.primary, self.anchor.value))
        if not x or math.isnan(x):
            x = effect(self.primary)
        return 0.0 if math.isnan(x) else float(np.sign(x))

    @property
    def keeps(self) -> bool | None:
        """Whether the printed, else the primary number is significant."""
        if self.anchor.significant is not None:
            return self.anchor.significant
        p = self.primary.p_value
        return None if math.isnan(p) else p < LEVEL

    def direction(self, row: Estimate) -> str:
        """Return same, opposite or none; "" without an estimate or a side."""
        x = effect(row)
        if math.isnan(x) or not self.side:
            return ""
        return {0: "none", 1: "same", -1: "opposite"}[int(np.sign(x) * self.side)]


def _as(row: Estimate, estimate: float) -> Estimate:
    return Estimate(statistic=row.statistic, estimate=estimate)


def records(found: Multiverse) -> list[dict[str, object]]:
    """Return the rows of multiverse.csv."""
    analysis = found.samples.prepared[own(found.analysis)]
    return [
        {
            "study": found.study,
            "analysis": found.analysis,
            "grid": found.name,
            "method": analysis["method"],
            "kind": found.samples.prepared.get(entry.data, analysis)["kind"],
            "specification": entry.spec.hash,
            "primary": entry.spec.key == found.grid.primary.key,
            "combinations": entry.combinations,
            "choices": "; ".join(
                f"{choice.replace('_', ' ')}: {' or '.join(options)}"
                for choice, options in entry.chosen.items()
            ),
            "endpoint": row.endpoint or analysis["endpoint"],
            **{
                name: getattr(row, name)
                for name in COLUMNS
                if name not in {"endpoint", "kind"} and name in Estimate.__slots__
            },
            "direction": found.direction(row),
            "significant": _said(_below(row)),
            "gives_printed": _said(found.anchor.gives(row)),
        }
        for entry, row in zip(found.grid.entries, found.rows, strict=True)
    ]  # fmt: skip


def _below(row: Estimate) -> bool | None:
    return None if math.isnan(row.p_value) else row.p_value < LEVEL


def _said(known: bool | None) -> str:
    return "" if known is None else "yes" if known else "no"


def summary(found: Multiverse) -> dict[str, object]:
    """Return the row of multiverse_summary.csv, the sentence in it."""
    rows, anchor, joint = found.rows, found.anchor, found.joint
    with_estimate = [r for r in rows if not math.isnan(effect(r))]
    with_p = [r for r in rows if not math.isnan(r.p_value)]
    estimates = [r.estimate for r in with_estimate]
    p_values = [r.p_value for r in with_p]
    same = sum(found.direction(r) == "same" for r in rows)
    below = sum(p < LEVEL for p in p_values)
    kept = (
        None if found.keeps is None else below if found.keeps else len(p_values) - below
    )
    of_estimate = _decomposed(found, [effect(r) for r in rows])
    of_p = _decomposed(found, [_log_p(r) for r in rows])
    given = [anchor.gives(r) for r in rows]
    line: dict[str, object] = {
        "study": found.study,
        "analysis": found.analysis,
        "grid": found.name,
        "method": found.declared["method"],
        "kind": found.samples.prepared[own(found.analysis)]["kind"],
        "statistic": found.statistic,
        "group": found.primary.group,
        "reference": found.primary.reference,
        "unit": found.primary.unit,
        "claims": anchor.claims,
        "printed": anchor.estimate["printed"] if anchor.estimate else "",
        "printed_value": anchor.value,
        "printed_p": anchor.p_value["printed"] if anchor.p_value else "",
        "primary_estimate": found.primary.estimate,
        "primary_p_value": found.primary.p_value,
        "combinations": found.grid.combinations,
        "impossible": sum(found.grid.impossible.values()),
        "specifications": len(rows),
        "with_estimate": len(with_estimate),
        "with_p_value": len(with_p),
        "distinct_results": len({_result(r) for r in [*with_estimate, *with_p]}),
        "estimate_low": min(estimates, default=NAN),
        "estimate_median": _median(found, estimates),
        "estimate_high": max(estimates, default=NAN),
        "p_low": min(p_values, default=NAN),
        "p_median": float(np.median(p_values)) if p_values else NAN,
        "p_high": max(p_values, default=NAN),
        "gives_printed": NAN if set(given) == {None} else given.count(True),
        "compared_with": "printed" if not math.isnan(anchor.value) else "primary",
        "keep_direction": same if found.side else NAN,
        "share_direction": same / len(with_estimate)
        if with_estimate and found.side
        else NAN,
        "significant": below if with_p else NAN,
        "keep_significance": NAN if kept is None or not with_p else kept,
        "share_significance": NAN if kept is None or not with_p else kept / len(with_p),
        "moves_estimate_most": _most(of_estimate),
        "shares_of_estimate": _shares_text(of_estimate),
        "moves_p_most": _most(of_p),
        "shares_of_p": _shares_text(of_p),
        "exchanged": joint.words,
        "exchanges": joint.exchanges or NAN,
        "all_exchanges": _said(joint.complete if joint.exchanges else None),
        "p_median_effect": joint.p_effect,
        "p_significant": joint.p_significant,
        "note": "; ".join(_notes(found)),
    }
    line["sentence"] = sentence(found, line, of_estimate)
    return line


def _result(row: Estimate) -> tuple:
    numbers = (row.estimate, row.conf_low, row.conf_high, row.p_value)
    # As printed: a fit ends in other digits when it comes from elsewhere.
    return tuple(f"{x:.6g}" for x in numbers)


def _median(found: Multiverse, estimates: Sequence[float]) -> float:
    if not estimates:
        return NAN
    if found.statistic in RATIOS:
        return float(np.exp(np.median(np.log(estimates))))
    return float(np.median(estimates))


def _log_p(row: Estimate) -> float:
    p = row.p_value
    return NAN if math.isnan(p) else math.log10(max(p, 1e-300))


Decomposed = tuple[dict[str, float], float]


def _decomposed(found: Multiverse, values: Sequence[float]) -> Decomposed:
    """Return the shares of the variance of some values over the specifications."""
    known = [n for n, x in enumerate(values) if not math.isnan(x)]
    chosen = {
        choice: [" or ".join(found.grid.entries[n].chosen[choice]) for n in known]
        for choice in found.grid.choices
    }
    return shares(np.array([values[n] for n in known]), chosen)


def _most(decomposed: Decomposed) -> str:
    known = {name: s for name, s in decomposed[0].items() if s > 0}
    return max(known, key=known.__getitem__).replace("_", " ") if known else ""


def _shares_text(decomposed: Decomposed) -> str:
    found, together = decomposed
    if math.isnan(together):
        return ""
    parts = [
        f"{name.replace('_', ' ')} {100 * share:.1f}%"
        for name, share in sorted(found.items(), key=lambda item: -item[1])
    ]
    return "; ".join([*parts, f"choices together {100 * together:.1f}%"])


def _notes(found: Multiverse) -> list[str]:
    notes = [
        f"{count:,} combinations left out: {why.rstrip('.')}"
        for why, count in found.grid.impossible.items()
    ]
    if found.grid.skipped:
        notes.append(found.grid.skipped)
    empty: dict[str, int] = {}
    for row in found.rows:
        if math.isnan(row.estimate) and math.isnan(row.p_value):
            empty[row.note] = empty.get(row.note, 0) + 1
    notes += [
        f"{count:,} without a number: {why.rstrip('.')}" for why, count in empty.items()
    ]
    if found.joint.why:
        notes.append(f"no joint permutation test: {found.joint.why}")
    return notes


def sentence(
    found: Multiverse, line: Mapping[str, object], of_estimate: Decomposed
) -> str:
    """Return what a reader needs to know of a multiverse, in plain words."""
    said = [_counted(found, line)]
    if line["with_estimate"]:
        said.append(_estimates(found, line))
        low, high = (_number(found, line[f"estimate_{end}"]) for end in ("low", "high"))
        if line["moves_estimate_most"] and low != high:
            name = str(line["moves_estimate_most"])
            share = max(s for s in of_estimate[0].values())
            said.append(
                f"The choice that moves it most is {name} "
                f"({100 * share:.0f}% of the variation)."
            )
    elif line["moves_p_most"]:
        said.append(f"The choice that moves p most is {line['moves_p_most']}.")
    if line["with_p_value"]:
        said.append(_significance(found, line))
    if not math.isnan(found.joint.p_significant):
        said.append(_jointly(found.joint))
    if len(found.rows) > 1:
        said.append(
            "The specifications share the same patients and are no independent "
            "results, so how many of them are significant is no evidence by itself."
        )
    return " ".join(said)


def _counted(found: Multiverse, line: Mapping) -> str:
    combinations, count = int(line["combinations"]), int(line["specifications"])
    text = f"{_count(combinations, 'combination')} of {_listed(found.grid.choices)}"
    if line["impossible"]:
        text += f", {line['impossible']:,} of them impossible or excluded,"
    text += f" make{'s' if combinations == 1 else ''} {_count(count, 'specification')}"
    if count < combinations - int(line["impossible"]):
        text += " (equal ones once)"
    empty = count - max(int(line["with_estimate"]), int(line["with_p_value"]))
    if empty:
        text += f", {empty:,} of them without a number"
    if count == 1:
        return f"{text}."
    return f"{text}, with {_count(line['distinct_results'], 'different result')}."


def _count(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _listed(choices: Mapping[str, Sequence]) -> str:
    names = [name.replace("_", " ") for name in choices]
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def _number(found: Multiverse, x: float) -> str:
    return journal_number(x, statistic=found.statistic, unit=found.primary.unit)


def _estimates(found: Multiverse, line: Mapping) -> str:
    low, median, high = (
        _number(found, line[f"estimate_{end}"]) for end in ("low", "median", "high")
    )
    statistics = [r.statistic for r in found.rows if not math.isnan(effect(r))]
    names = dict.fromkeys([found.statistic, *statistics])
    name = capitalised(" or ".join(names).replace("_", " "))
    text = f"{name}: {low} to {high}, median {median}"
    if low == high:
        text = f"{name}: {low} under all of them"
    anchor = found.anchor
    if anchor.estimate is not None:
        text += f"; printed {_as_printed(anchor.estimate)}"
        given = line["gives_printed"]
        if not math.isnan(given):
            text += f", which {given:,} of {line['with_estimate']:,} give"
        below = anchor.high < line["estimate_low"]
        if below or anchor.low > line["estimate_high"]:
            text += f" ({'below' if below else 'above'} all of them)"
    text += "."
    if found.side:
        same, total = int(line["keep_direction"]), int(line["with_estimate"])
        number = "printed" if line["compared_with"] == "printed" else "primary"
        all_ = "All" if same == total else f"{same:,} of {total:,}"
        text += f" {all_} point the way the {number} number does."
    return text


def _significance(found: Multiverse, line: Mapping) -> str:
    below, total = int(line["significant"]), int(line["with_p_value"])
    count = "all" if below == total else f"{below:,} of {total:,}"
    text = f"p is below {LEVEL:g} in {count}"
    low, high = journal_p(line["p_low"]), journal_p(line["p_high"])
    text += f" ({low} to {high})" if low != high else f" ({low})"
    if found.anchor.p_value is not None:
        told = _as_printed(found.anchor.p_value)
        text += f"; printed {told}{_other_test(found)}"
        given = line["gives_printed"]
        if found.anchor.estimate is None and not math.isnan(given):
            text += f", which {given:,} of {total:,} give"
    return text + "."


def _other_test(found: Multiverse) -> str:
    """Say of which test the printed p-value is, where it is that of another number."""
    claim = found.anchor.p_value
    if claim["statistic"] in {found.statistic, *names_of(found.declared["statistic"])}:
        return ""
    test = claim.get("test") or claim["statistic"].replace("_", " ")
    return f" ({test})"


def _jointly(joint: JointTest) -> str:
    count = f"{joint.exchanges:,}"
    ways = f"in all {count} ways" if joint.complete else f"in {count} random ways"
    parts = []
    if not math.isnan(joint.p_effect):
        parts.append(f"a median effect at least as large (p {_p(joint.p_effect)})")
    # Tests without an estimate have no side.
    side = "" if math.isnan(joint.p_effect) else " on one side"
    parts.append(
        f"at least as many specifications significant{side} "
        f"(p {_p(joint.p_significant)})"
    )
    return (
        f"All taken together (joint permutation test, {joint.words} {ways}): if the "
        f"comparison made no difference, chance alone would give "
        f"{', and '.join(parts)}. {joint.premise}"
    ).rstrip()


def _p(p: float) -> str:
    text = journal_p(p)
    return text if text[:1] in "<>" else f"= {text}"


def _as_printed(claim: Mapping) -> str:
    """Return what is printed; words, which have no value, as a quotation."""
    printed = claim["printed"]
    return printed if claim["value"] else f"\u201c{printed}\u201d"
