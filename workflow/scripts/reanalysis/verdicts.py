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
from reanalysis.analyses import CONVENTION, PRIMARY, STATED
from reanalysis.formatting import journal_number
from reanalysis.rounding import COUNTS, Printed, interval, round_half_up, truncates
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

_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
_PERCENT = {"%", "percent", "per cent", "percentage points", "% points"}
#: Kinds whose agreement with a printed number is no reproduction.
NOT_OBSERVED = frozenset({"reconstructed", "simulated", "curve"})


#: Statistics of a covariate, not of an outcome.
BALANCE = frozenset({"standardized_mean_difference", "variance_ratio"})


@dataclass(frozen=True, slots=True)
class Found:
    """A recomputed number in the printed unit, and the row it stands in."""

    row: Mapping[str, object]
    value: float
    low: float
    high: float

    @property
    def ranged(self) -> bool:
        """Tell whether rounding of printed inputs leaves a range."""
        return self.high > self.low


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
    study: Mapping, rows: Sequence[Mapping], told: Sequence[Mapping] = ()
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the rows of claims.csv and of checks.csv of one study.

    ``rows`` are its rows of estimates.csv with numbers as floats, ``told`` what
    its printed numbers say of each other
    (:class:`reanalysis.consistency.check.Check`, as mappings).
    """
    by_analysis: dict[str, list[Mapping]] = {}
    for row in rows:
        by_analysis.setdefault(str(row["analysis"]), []).append(row)
    by_claim: dict[str, list[Mapping]] = {}
    for one in told:
        by_claim.setdefault(one["claim_id"], []).append(one)
    claims, checks = [], []
    for claim in study["claims"]:
        recomputed = recompute(claim, study, by_analysis.get(claim["analysis"], []))
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


def recompute(claim: Mapping, study: Mapping, rows: Sequence[Mapping]) -> Check:
    """Compare a claim with what its analysis gives."""
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
    stated = STATED if analysis["paper"].get("convention") else PRIMARY
    primary = _matching(claim, analysis, [r for r in rows if r["scenario"] == stated])
    if not primary:
        return _outcome(
            "not_recomputable",
            "The analysis gives no such number for this group, time or test.",
        )
    found = _read(claim, primary[0])
    test = _Test(claim)
    if test.unreadable:
        return _outcome("not_recomputable", test.unreadable, found)
    if not math.isnan(found.value) and test.passes(found):
        return _agrees(claim, analysis, found, stated)
    others = _conventions(claim, analysis, rows)
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


class _Test:
    """When a recomputed number bears out a claim."""

    def __init__(self, claim: Mapping) -> None:
        self.claim = claim
        self.unreadable = ""
        self.claimed: str | None = None
        self.printed: Printed | None = None
        if claim["relation"] == "words":
            self.claimed = words.meaning(claim["printed"], claim["field"])
            if not words.of_shares(self.claimed, claim["statistic"]):
                self.claimed = None
            if self.claimed is None:
                self.unreadable = "The words state no test, share or direction."
            return
        self.printed = printed_interval(claim)

    def passes(self, found: Found) -> bool:
        if self.claimed is not None:
            return any(
                words.holds(self.claimed, x, self.claim["statistic"])
                for x in (found.low, found.high)
            )
        if self.printed is None:
            return False
        if self.claim["statistic"] in COUNTS and self.claim["field"] == "estimate":
            return self.printed.counts(found.value)
        return self.printed.holds(found.low, found.high)


def printed_interval(claim: Mapping) -> Printed:
    """Return the interval a printed number stands for.

    A single asterisk, which stands beside a double one, means that p is not
    below 0.01.
    """
    printed = interval(
        claim["printed"], claim["value"], claim["relation"], field=claim["field"]
    )
    text = claim["printed"].strip()
    if text.startswith("*") and not text.startswith("**") and printed.value == 0.05:
        return Printed(0.05, 0.01, 0.05, "<", printed.step, printed.digits)
    return printed


def _matching(
    claim: Mapping, analysis: Mapping, rows: Sequence[Mapping], *, test: bool = True
) -> list[Mapping]:
    """Return the rows a claim speaks of, in the order the method gave them."""
    chosen = [row for row in rows if row["statistic"] == claim["statistic"]]
    if any(part["endpoint"] for part in analysis["samples"]):
        chosen = [row for row in chosen if row["endpoint"] == claim["endpoint"]]
    if claim["timepoint"]:
        timed = [
            row for row in chosen if _same_time(row["timepoint"], claim["timepoint"])
        ]
        # Where no row carries a time the claim's is a remark.
        if timed or any(row["timepoint"] not in ("", None) for row in chosen):
            chosen = timed
    if analysis["method"] == "matching" and claim["statistic"] in BALANCE:
        # The endpoint of such a claim is the covariate.
        chosen = [row for row in chosen if row["term"] == claim["endpoint"]]
    for column in ("group", "reference"):
        if claim[column]:
            chosen = [row for row in chosen if row[column] == claim[column]]
    if not claim["group"] and any(row["group"] == "" for row in chosen):
        chosen = [row for row in chosen if row["group"] == ""]
    elif not claim["group"] and len({(r["group"], r["reference"]) for r in chosen}) > 1:
        return []
    if claim["test"] and test:
        chosen = [row for row in chosen if row["test"] == claim["test"]]
    if claim["alternative"] and test and claim["field"] == "p_value":
        chosen = [
            row for row in chosen if row["alternative"] in (claim["alternative"], "")
        ]
    return chosen


def _same_time(given: object, claimed: str) -> bool:
    try:
        return math.isclose(float(str(given)), float(claimed), rel_tol=1e-9)
    except ValueError:
        return str(given) == claimed


def _conventions(
    claim: Mapping, analysis: Mapping, rows: Sequence[Mapping]
) -> list[tuple[str, Found]]:
    """Return what each convention of the method gives for the claim.

    Conventions that concern another part of the result (the interval, when the
    claim is a p-value) give the same number by the same test and count once.
    """
    named: dict[str, list[Mapping]] = {}
    for row in rows:
        if row["scenario"] == CONVENTION:
            named.setdefault(str(row["convention"]), []).append(row)
    different: dict[tuple, tuple[str, Found]] = {}
    for name, convention_rows in named.items():
        chosen = _matching(claim, analysis, convention_rows, test=False)
        if not chosen:
            continue
        found = _read(claim, chosen[0])
        if math.isnan(found.value):
            continue
        row = found.row
        how = (row["test"], row["alternative"])
        if claim["field"] in {"conf_low", "conf_high"}:
            how = (row["interval_method"],)
        elif claim["field"] == "estimate":
            how = ()
        different.setdefault((*how, found.value), (name, found))
    return list(different.values())


def _read(claim: Mapping, row: Mapping) -> Found:
    """Read a claim's field from a row, in the printed unit."""
    column = {"count": "events"}.get(claim["field"], claim["field"])
    value = _float(row[column])
    low, high = _float(row.get(f"{column}_min")), _float(row.get(f"{column}_max"))
    if math.isnan(low) or math.isnan(high):
        low = high = value
    factor = (
        1.0
        if claim["field"] in {"p_value", "test_statistic", "n", "count"}
        else _unit_factor(claim["unit"], str(row["unit"]))
    )
    return Found(row, value * factor, low * factor, high * factor)


def _unit_factor(claimed: str, given: str) -> float:
    if claimed.strip().lower() in _PERCENT and given == "proportion":
        return 100.0
    printed, computed = _days(claimed), _days(given)
    if printed and computed:
        return computed / printed
    return 1.0


def _days(unit: str) -> float | None:
    return _DAYS.get(unit.strip().lower().rstrip("s"))


def _float(value: object) -> float:
    if value in ("", None):
        return math.nan
    return float(value)


def _agrees(claim: Mapping, analysis: Mapping, found: Found, stated: str) -> Check:
    outcome = "compatible" if analysis["kind"] in NOT_OBSERVED else "reproduced"
    by = (
        f"the convention the paper states ({_words(found.row['convention'])})"
        if stated == STATED and claim["field"] != "estimate"
        else "the primary convention"
    )
    reason = f"Recomputed {_say(claim, found)} by {by}{_named_test(found)}."
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
        f"Recomputed {_say(claim, found)} under the convention '{_words(name)}'"
        f"{_named_test(found)} ({used_by}), not under the primary one "
        f"({_say(claim, primary)}{_named_test(primary)}); {len(fits)} of {tried} "
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
    test: _Test,
    primary: Found,
    known: list[Found],
    tried: int,
) -> Check:
    outcome = "not_reached" if analysis["kind"] in NOT_OBSERVED else "differs"
    first = primary if not math.isnan(primary.value) else known[0]
    reason = f"Printed {claim['printed']}, recomputed {_say(claim, first)}"
    reason += _named_test(first)
    nearest = first
    if test.printed is not None:
        target = test.printed.value
        nearest = min(known, key=lambda f: _distance(f, target))
        near = _near_miss(claim, test.printed, first)
        if nearest is not first and _distance(nearest, target) < _distance(
            first, target
        ):
            reason += (
                f"; nearest {_say(claim, nearest)} under "
                f"'{_words(nearest.row['convention'])}'{_named_test(nearest)}"
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


def _distance(found: Found, target: float) -> float:
    if found.low <= target <= found.high:
        return 0.0
    return min(abs(found.low - target), abs(found.high - target))


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


def _say(claim: Mapping, found: Found) -> str:
    """Show a recomputed number with one digit more than is printed."""

    def show(x: float) -> str:
        if math.isnan(x):
            return "no number"
        if math.isinf(x):
            return "infinity" if x > 0 else "minus infinity"
        if claim["value"] and claim["relation"] in {"=", "~"}:
            digits = printed_interval(claim).digits
            whole = claim["statistic"] in COUNTS and float(x).is_integer()
            return round_half_up(x, 0 if whole else max(digits, 0) + 1)
        if claim["field"] == "p_value" and x < 0.001:
            return f"{x:.2g}"  # held against a printed bound, <0.001 would say nothing
        return journal_number(x, field=claim["field"], statistic=claim["statistic"])

    unit = f" {claim['unit']}" if claim["unit"] == "%" else ""
    if found.ranged:
        return f"{show(found.low)} to {show(found.high)}{unit}"
    return f"{show(found.value)}{unit}"


def _named_test(found: Found) -> str:
    test = str(found.row["test"])
    sides = str(found.row["alternative"])
    if not test:
        return ""
    return f" [{test}{', ' + sides if sides and sides != 'two-sided' else ''}]"


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
