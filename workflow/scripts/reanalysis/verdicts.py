"""Compare every printed number with the recomputed one and say what follows.

One claim meets the rows of its analysis in a fixed order: the convention the
paper states (else the primary one), then the enumerated conventions of the
method. Only the order of the verdicts, never a figure's rounding, decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reanalysis import words
from reanalysis.analyses import PRIMARY, STATED
from reanalysis.ensembles.pooling import LATE
from reanalysis.ensembles.verdict import Standing, disproof, standing, width
from reanalysis.recomputed import (
    ClaimTest,
    Found,
    conventions,
    distance,
    field_factor,
    matching,
    named_test,
    read_field,
    say,
    show,
)
from reanalysis.rounding import (
    COUNTS,
    Printed,
    printed_interval,
    truncates,
)
from reanalysis.schema import load_schema

#: The first outcome in this order is the verdict of a claim.
ORDER = (
    "used",
    "reproduced",
    "reproduced_by_convention",
    "impossible",
    "differs",
    "incompatible",
    "not_reached",
    "compatible",
    "attainable",
    "not_recomputable",
    "context",
)

#: What results add to a claim's own columns.
RESULT_COLUMNS = (
    "study",
    "interval_low",
    "interval_high",
    "recomputed",
    "recomputed_low",
    "recomputed_high",
    "difference",
    "verdict",
    "convention",
    "conventions_tried",
    "kind",
    "estimate_id",
    "reason",
)
CHECK_COLUMNS = ("claim_id", "family", "check", "outcome", "reason", "study")

#: Kinds whose agreement with a printed number is no reproduction.
NOT_OBSERVED = frozenset({"reconstructed", "simulated", "curve"})


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one test made of a claim."""

    family: str
    check: str
    outcome: str
    reason: str
    found: Found | None = None
    convention: str = ""
    tried: int = 0
    against: bool = False


def judge(
    study: Mapping,
    rows: Sequence[Mapping],
    told: Sequence[Mapping] = (),
    drawn: Mapping[str, Mapping] | None = None,
    reach: Mapping[str, Mapping] | None = None,
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the rows of claims.csv and of checks.csv of one study.

    ``rows`` are its rows of estimates.csv with numbers as floats, ``told`` what
    its printed numbers say of each other
    (:class:`reanalysis.consistency.check.Check`, as mappings). Of ensembles, ``drawn``
    is what members.json says by dataset, ``reach`` the values over members by
    estimate_id (:func:`reanalysis.analyses.run_method`).
    """
    by_analysis: dict[str, list[Mapping]] = {}
    for row in rows:
        by_analysis.setdefault(str(row["analysis"]), []).append(row)
    by_claim: dict[str, list[Mapping]] = {}
    for one in told:
        by_claim.setdefault(one["claim_id"], []).append(one)
    claims, checks = [], []
    for claim in study["claims"]:
        own = by_analysis.get(claim["analysis"], [])
        recomputed = recompute(claim, study, own, drawn or {}, reach or {})
        others = by_claim.get(claim["claim_id"], [])
        made = [recomputed, *(_among_printed(one, recomputed) for one in others)]
        made.sort(key=lambda check: (*ORDER, "").index(check.outcome))
        claims.append(_claim_row(claim, study, made))
        checks.extend(
            {
                "study": study["id"],
                "claim_id": claim["claim_id"],
                "family": check.family,
                "check": check.check,
                "outcome": check.outcome,
                "reason": check.reason,
            }
            for check in made
        )
    return claims, checks


def _among_printed(told: Mapping, recomputed: Check) -> Check:
    """Return what a check among printed numbers decides of a claim.

    That a number agrees with those around it is weaker than the list of p-values a
    test can reach: it makes a claim attainable only where nothing else could be said.
    So does a clash with another source, which rows alone could settle.
    """
    outcome = told["outcome"]
    untested = recomputed.outcome == "context"
    listed = told["check"].startswith("attainable p")
    if outcome == "attainable" and not listed and not untested:
        outcome = ""
    against = outcome == "impossible" or (
        outcome == "" and told["details"].get("fits") is False
    )
    if untested and against and outcome == "":
        # Tested, and not settled by what is published.
        outcome = "not_recomputable"
    return Check(
        told["family"], told["check"], outcome, told["reason"], against=against
    )


def recompute(
    claim: Mapping,
    study: Mapping,
    rows: Sequence[Mapping],
    drawn: Mapping[str, Mapping],
    reach: Mapping[str, Mapping],
) -> Check:
    """Compare a claim with what its analysis gives."""
    for dataset, ensemble in study.get("ensembles", {}).items():
        if claim["claim_id"] in ensemble["constraints"]:
            own = study["analyses"].get(claim["analysis"])
            if ensemble["kind"] == "simulated" and own and not own["awaited"]:
                # Rows, or printed numbers, of its own say more than simulation.
                continue
            return _constrained(claim, ensemble["kind"], drawn.get(dataset, {}))
    if claim["role"] == "context":
        return _outcome("context", claim["note"])
    if claim["role"] == "constraint":
        return _outcome(
            "used",
            "The number was an input: data were built from it, so agreement is no "
            "independent evidence." + _also(claim["note"]),
        )
    analysis = study["analyses"][claim["analysis"]]
    if analysis["awaited"]:
        dataset = study["datasets"][analysis["dataset"]]
        return _outcome(
            "not_recomputable",
            f"The rows it needs are not public: {_first_sentence(dataset['awaited'])}",
        )
    if analysis.get("members"):
        return _among_members(
            claim, analysis, rows, drawn.get(analysis["dataset"], {}), reach
        )
    stated = STATED if analysis["paper"].get("convention") else PRIMARY
    primary = matching(claim, analysis, [r for r in rows if r["scenario"] == stated])
    if not primary:
        return _outcome(
            "not_recomputable",
            "The analysis gives no such number for this group, time or test.",
        )
    found = read_field(claim, primary[0])
    test = ClaimTest(claim)
    if test.unreadable:
        return _outcome("not_recomputable", test.unreadable, found)
    if not math.isnan(found.value) and test.passes(found):
        return _agrees(claim, analysis, found, stated)
    others = conventions(claim, analysis, rows)
    fits = [(name, other) for name, other in others if test.passes(other)]
    tried = len(others)
    all_found = [found, *(other for _, other in others)]
    known = [f for f in all_found if not math.isnan(f.value)]
    if not known:
        note = str(primary[0]["note"]) or "the method gives no number for these data"
        return _outcome("not_recomputable", f"Not computable: {note}", found)
    if fits:
        return _by_another(claim, analysis, found, fits, tried)
    return _differs(claim, analysis, test, found, known, tried)


def _constrained(claim: Mapping, kind: str, drawn: Mapping) -> Check:
    """Return the outcome of a claim that members were made to meet."""
    if claim["claim_id"] in drawn.get("missed", ()):
        return _outcome(
            "not_reached",
            f"No {kind} data set tried gives the printed number together with what "
            "else is printed, so the members were drawn without it.",
        )
    return _outcome(
        "used",
        f"The number was an input: every {kind} data set was drawn to agree with "
        f"{_as_read(kind)}, so agreement is no independent evidence."
        + _also(claim["note"]),
    )


def _as_read(kind: str) -> str:
    # Simulated members meet a print as each prior reads it ("all relapsed": within
    # the year, or later), and readings differ between priors.
    return "it as a prior reads it" if kind == "simulated" else "it"


def _among_members(
    claim: Mapping,
    analysis: Mapping,
    rows: Sequence[Mapping],
    drawn: Mapping,
    reach: Mapping[str, Mapping],
) -> Check:
    """Say where a claim lies among the members of an ensemble."""
    if drawn.get("refused"):
        return _outcome("not_recomputable", f"There is no member: {drawn['refused']}")
    stated = STATED if analysis["paper"].get("convention") else PRIMARY
    primary = matching(claim, analysis, [r for r in rows if r["scenario"] == stated])
    test = ClaimTest(claim)
    if not primary or test.unreadable:
        return _outcome(
            "not_recomputable",
            test.unreadable
            or "The analysis gives no such number for this group, time or test.",
        )
    found = read_field(claim, primary[0])
    tried = [("", found), *conventions(claim, analysis, rows)]
    stands = [(name, one, _standing(claim, one, test, reach)) for name, one in tried]
    stands = [(name, one, at) for name, one, at in stands if at is not None]
    if not stands:
        note = str(primary[0]["note"]) or "no member gives a number"
        return _outcome("not_recomputable", f"Not computable: {note}", found)
    for name, one, at in stands:
        if at.reached:
            return Check(
                "recompute",
                "printed against members",
                "compatible",
                _compatible(claim, analysis, name, one, at),
                one,
                name or str(one.row["convention"]),
                len(tried),
            )
    _, one, at = stands[0]
    proof = disproof(claim, drawn.get("bounds", ()), test.allows)
    said = claim["printed"]
    if test.claimed is not None:
        said += f", words that claim {words.MEANINGS[test.claimed]}"
    reason = (
        f"Printed {said}; the {at.of} {analysis['kind']} data sets give "
        f"{_between(claim, at.least, at.most)}{named_test(one)}{_lacking(claim, at)}"
        if at.of
        else f"Printed {said}; none of the {at.without} {analysis['kind']} data sets "
        "reaches it by the end of follow-up"
    )
    if len(tried) > 1:
        reason += f", and none of {len(tried)} conventions gives the printed digits"
    reason += f". {proof}" if proof else ". That it is impossible is not proven."
    return Check(
        "recompute",
        "printed against members",
        "incompatible" if proof else "not_reached",
        reason + _also(claim["note"]),
        one,
        str(one.row["convention"]),
        len(tried),
    )


def _standing(
    claim: Mapping, found: Found, test: ClaimTest, reach: Mapping[str, Mapping]
) -> Standing | None:
    values = reach.get(str(found.row["estimate_id"]))
    if values is None or claim["field"] not in values:
        return None
    factor = field_factor(claim, found.row)
    target = test.printed.value if test.printed is not None else math.nan
    return standing(
        values,
        claim["field"],
        factor,
        lambda value: test.passes(Found(found.row, value, value, value)),
        target,
        late=claim["statistic"] in LATE and claim["field"] == "estimate",
    )


def _compatible(
    claim: Mapping, analysis: Mapping, name: str, found: Found, at: Standing
) -> str:
    by = f" under the convention '{_words(name)}'" if name else ""
    in_words = claim["relation"] == "words"
    what = "what is said" if in_words else "the printed number"
    ends = f"{_between(claim, at.least, at.most)}{_lacking(claim, at)}"
    ends = ends if at.of else "none that is reached by the end of follow-up"
    if analysis["kind"] == "simulated":
        # A band, or a share, over priors would be the priors' doing: ends come first.
        searched = f", {at.sought} of them sought out for an extreme" * (at.sought > 0)
        return (
            f"The smallest to the largest value of {at.of + at.without} simulated data "
            f"sets: {ends}; {at.reached} of them{searched} give {what}{by}"
            f"{named_test(found)}, a share that is the priors' doing. The data are "
            "drawn under what is printed, not observed: this is no reproduction."
        )
    reason = (
        f"{at.reached} of {at.of + at.without} {analysis['kind']} data sets give {what}"
        f"{by}{named_test(found)}; all of them give {ends}, the 95% band is "
        f"{_between(claim, at.low, at.high)}"
    )
    reason += "" if in_words else f"; the printed number lies {at.place()}"
    wide = width(at, claim["statistic"], claim["field"], found.row)
    reason += f". The band is {wide}" if wide else ""
    return f"{reason}. The data are rebuilt, not observed: this is no reproduction."


def _between(claim: Mapping, low: float, high: float) -> str:
    """Show a range of members in the printed unit."""
    late = claim["statistic"] in LATE and claim["field"] == "estimate"
    shown = [
        "not reached" if late and x == math.inf else show(claim, x) for x in (low, high)
    ]
    unit = " %" if claim["unit"] == "%" else ""
    return " to ".join(dict.fromkeys(shown)) + unit


def _lacking(claim: Mapping, at: Standing) -> str:
    """Say that some members have no such number, which a range alone would hide."""
    if not at.without:
        return ""
    late = claim["statistic"] in LATE and claim["field"] == "estimate"
    why = "do not reach it by the end of follow-up" if late else "have no such number"
    return f" ({at.without} more {why})"


def _agrees(claim: Mapping, analysis: Mapping, found: Found, stated: str) -> Check:
    outcome = "compatible" if analysis["kind"] in NOT_OBSERVED else "reproduced"
    by = (
        f"the convention the paper states ({_words(found.row['convention'])})"
        if stated == STATED and claim["field"] != "estimate"
        else "the primary convention"
    )
    reason = f"Recomputed {say(claim, found)} by {by}{named_test(found)}."
    if found.ranged:
        reason += " The range is what the rounding of the printed inputs leaves."
    if outcome == "compatible":
        reason += " The data are rebuilt, not observed: this is no reproduction."
    convention = str(found.row["convention"])
    return Check(
        "recompute",
        "printed against recomputed",
        outcome,
        reason,
        found,
        convention,
        1,
    )


def _by_another(
    claim: Mapping,
    analysis: Mapping,
    primary: Found,
    fits: list[tuple[str, Found]],
    tried: int,
) -> Check:
    name, found = fits[0]
    used_by = load_schema("conventions")[analysis["method"]][name]["used_by"]
    outcome = (
        "compatible" if analysis["kind"] in NOT_OBSERVED else "reproduced_by_convention"
    )
    others = ", ".join(_words(other) for other, _ in fits[1:])
    reason = (
        f"Recomputed {say(claim, found)} under the convention '{_words(name)}'"
        f"{named_test(found)} ({used_by}), not under the primary one "
        f"({say(claim, primary)}{named_test(primary)}); {len(fits)} of {tried} "
        f"conventions give the printed digits"
        + (f" (also {others})." if others else ".")
    )
    return Check(
        "recompute",
        "printed against recomputed, other conventions",
        outcome,
        reason,
        found,
        name,
        tried,
    )


def _differs(
    claim: Mapping,
    analysis: Mapping,
    test: ClaimTest,
    primary: Found,
    known: list[Found],
    tried: int,
) -> Check:
    outcome = "not_reached" if analysis["kind"] in NOT_OBSERVED else "differs"
    first = primary if not math.isnan(primary.value) else known[0]
    reason = f"Printed {claim['printed']}, recomputed {say(claim, first)}"
    reason += named_test(first)
    nearest = first
    if test.printed is not None:
        target = test.printed.value
        nearest = min(known, key=lambda f: distance(f, target))
        near = _near_miss(claim, test.printed, first)
        if nearest is not first and distance(nearest, target) < distance(first, target):
            reason += (
                f"; nearest {say(claim, nearest)} under "
                f"'{_words(nearest.row['convention'])}'{named_test(nearest)}"
            )
        reason += near
    else:
        reason += f"; the words claim {words.MEANINGS[test.claimed or '']}"
    if tried > 1:
        reason += f". None of {tried} conventions gives it"
    return Check(
        "recompute",
        "printed against recomputed",
        outcome,
        reason + "." + _also(claim["note"]),
        first,
        str(first.row["convention"]),
        tried,
    )


def _near_miss(claim: Mapping, printed: Printed, found: Found) -> str:
    if printed.relation != "=" or claim["statistic"] in COUNTS:
        return ""
    if truncates(claim["value"], found.value):
        return "; the printed digits are the recomputed value cut off, not rounded"
    # Exactly one step away once rounded as printed.
    steps = abs(found.value - printed.value) / printed.step
    if 0.5 <= steps <= 1.5:
        return "; off by one in the last digit"
    return ""


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;])\s", text.strip(), maxsplit=1)[0].rstrip(".;") + "."


def _also(note: str) -> str:
    return f" {note}" if note else ""


def _outcome(outcome: str, reason: str, found: Found | None = None) -> Check:
    return Check("recompute", "printed against recomputed", outcome, reason, found)


def _claim_row(claim: Mapping, study: Mapping, made: Sequence[Check]) -> dict:
    check = made[0]
    row: dict[str, object] = {**claim, **dict.fromkeys(RESULT_COLUMNS, "")}
    reason = check.reason
    clashes = [
        other.reason
        for other in made[1:]
        if other.against or other.outcome in {"differs", "incompatible"}
    ]
    if clashes:
        reason = " ".join([reason, "Also:", *dict.fromkeys(clashes)])
    if check.outcome == "used":
        # What the number itself says of its patients is worth telling all the same.
        listed = [other.reason for other in made[1:] if other.outcome == "attainable"]
        reason = " ".join([reason, *dict.fromkeys(listed)])
    row |= {"study": study["id"], "verdict": check.outcome, "reason": reason}
    row["conventions_tried"] = max(c.tried for c in made) or ""
    printed = None
    if claim["relation"] != "words" and claim["value"]:
        printed = printed_interval(claim)
        row["interval_low"], row["interval_high"] = printed.low, printed.high
    analysis = study["analyses"].get(claim["analysis"])
    if analysis and claim["role"] != "context":
        row["kind"] = analysis["kind"]
    by = next((c for c in made if c.found is not None), check)
    if by.found is not None and not math.isnan(by.found.value):
        found = by.found
        row |= {
            "recomputed": found.value,
            "recomputed_low": found.low,
            "recomputed_high": found.high,
            "convention": by.convention,
            "estimate_id": found.row["estimate_id"],
        }
        if printed is not None and math.isfinite(printed.value):
            row["difference"] = found.value - printed.value
    return row
