"""Which conventions give the printed digits, and what all of them share.

The choices that correct programs make differently are crossed, together with
three departures a report may contain without saying so: a one-sided p-value,
exchanged arms and another unit of time. Every combination is computed by the
method itself; those that land in the printed rounding intervals of a claim, or of
all claims of one analysis together, are ranked. "Only Breslow" is information,
"all of them" is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.analyses import Specification, make_sample
from reanalysis.consistency.check import Check
from reanalysis.consistency.fingerprint_axes import AXES, BASE
from reanalysis.consistency.fingerprint_readings import units_of
from reanalysis.consistency.fingerprint_sweep import (
    EXCHANGED,
    UNIT,
    Convention,
    Estimator,
    Fingerprint,
    can_exchange,
    sweep_claims,
)
from reanalysis.rounding import printed_interval, truncates

FAMILY = "consistency"
CHECK = "convention fingerprint"
JOINT = "convention fingerprint, all numbers of the analysis"
COPIED = "p-value with the digits of a share"


def checks(study: Mapping) -> list[Check]:
    """Return what the conventions say of every number that data can answer."""
    found: list[Check] = []
    for name, analysis in study["analyses"].items():
        if analysis["awaited"] or analysis["method"] not in AXES:
            continue
        claims = [
            claim
            for claim in study["claims"]
            if claim["analysis"] == name
            and claim["role"] == "check"
            and claim["relation"] != "words"
        ]
        parts = {part["endpoint"]: part for part in analysis["samples"]}
        for endpoint, part in parts.items():
            mine = [c for c in claims if not endpoint or c["endpoint"] == endpoint]
            found += _part_checks(analysis, part, mine)
    return found


def _settings(analysis: Mapping, claims: Sequence[Mapping]) -> dict[str, object]:
    levels = [c["conf_level"] for c in claims if c["conf_level"]]
    return {
        **BASE[analysis["method"]],
        "conf_level": float(levels[0]) if levels else 0.95,
        "seed": 1,
        **analysis["settings"],
    }


def _part_checks(
    analysis: Mapping,
    part: Mapping,
    claims: Sequence[Mapping],
) -> list[Check]:
    method = analysis["method"]
    settings = _settings(analysis, claims)
    sample = make_sample(part, analysis, Specification("fingerprint", settings))
    # A number no convention can move says nothing and costs nothing.
    moved = [
        claim
        for claim in claims
        if any(axis.matters([claim], sample) for axis in AXES[method])
        or can_exchange(sample, [claim])
        or len(list(units_of(sample, [claim], sample.unit))) > 1
    ]
    if not moved:
        return []
    estimator = Estimator(sample, method, moved, settings, sample.unit)
    alone = {c["claim_id"]: sweep_claims(estimator, [c]) for c in moved}
    rebuilt = (
        ""
        if analysis["kind"] in {"individual", "summary"}
        else (f"The rows are {analysis['kind']}, not observed. ")
    )
    found: list[Check] = []
    for claim in moved:
        one = alone[claim["claim_id"]]
        if _tells(one) or (analysis["kind"] == "summary" and _contradicted(claim, one)):
            found.append(_row(claim, one, rebuilt))
    telling = [c for c in moved if alone[c["claim_id"]].fitting]
    if len(telling) > 1:
        together = sweep_claims(estimator, telling)
        # Beside the rows of single claims it says more only where several of them
        # depend on the convention, or where a departure shows in all of them only.
        several = sum(len(alone[c["claim_id"]].usual) > 1 for c in telling) > 1
        known = frozenset[str]().union(
            *(alone[c["claim_id"]].departures or () for c in telling)
        )
        if several or (together.departures or frozenset()) - known:
            found.append(_joint_row(telling, together, rebuilt))
    return found + _copied(claims, alone)


def _tells(found: Fingerprint) -> bool:
    """Tell whether conventions differ, or only a departure gives the digits."""
    return len(found.usual) > 1 or bool(found.departures)


def _contradicted(claim: Mapping, found: Fingerprint) -> bool:
    """Tell whether printed inputs give something else than the printed number.

    Where no test is defined (nobody had the event) a p-value of 1 is no error.
    """
    if found.conventions:
        return not found.fitting
    return claim["field"] == "p_value" and not printed_interval(claim).holds(1.0)


def _counts(found: Fingerprint) -> tuple[int, int]:
    """Return how many conventions give the digits, and of how many.

    Exchanged arms and other units of time are counted only where nothing else
    gives the digits.
    """
    usual = found.usual
    if any(all(c.fits) for c in usual) or not found.fitting:
        return sum(all(c.fits) for c in usual), len(usual)
    return len(found.fitting), len(found.conventions)


def _row(claim: Mapping, found: Fingerprint, opening: str) -> Check:
    number, total = _counts(found)
    text = f"'{claim['printed']}'"
    if not total:
        reason = f"No test is defined for these data, and so none gives {text}."
    elif not number:
        reason = (
            f"None of {total} distinct conventions gives the printed {text}."
            if total > 1
            else f"The data do not give the printed {text}, whatever the convention."
        )
    elif number == total:
        reason = (
            f"All {total} distinct conventions give the printed {text}, so it does "
            "not tell how it was computed."
        )
    else:
        reason = _found(found, f"the printed {text}", "it")
    return Check(
        claim["claim_id"], FAMILY, CHECK, "", opening + reason, _details(found)
    )


def _joint_row(claims: Sequence[Mapping], found: Fingerprint, opening: str) -> Check:
    listed = ", ".join(f"{c['claim_id']} '{c['printed']}'" for c in claims)
    if found.fitting:
        what = f"all of {listed}"
        number, total = _counts(found)
        if number == total:
            reason = f"All {total} distinct conventions give {what}."
        else:
            reason = _found(found, what, "them")
    else:
        best = max(found.conventions, key=lambda c: (sum(c.fits), -len(c.departures)))
        kept = [
            c["claim_id"] for c, fits in zip(claims, best.fits, strict=True) if fits
        ]
        reason = (
            f"No single convention gives all of {listed}; each can be had by itself. "
            f"The most that one gives is {', '.join(kept)} ({_levels(best)})."
        )
    return Check(
        claims[0]["claim_id"], FAMILY, JOINT, "", opening + reason, _details(found)
    )


def _found(found: Fingerprint, what: str, pronoun: str) -> str:
    number, total = _counts(found)
    verb = "gives" if number == 1 else "give"
    reason = f"{number} of {total} distinct conventions {verb} {what}"
    pinned = {
        axis: name
        for axis, name in found.pinned().items()
        if axis not in {"arms", "unit of time"}
    }
    if pinned:
        shared = ", ".join(f"{axis} {name}" for axis, name in pinned.items())
        reason += f"; {'it has' if number == 1 else 'all have'} {shared}"
    elif number:
        reason += f"; nearest to the usual one: {_levels(found.fitting[0])}"
    reason += "."
    sets = found.alternatives
    if sets and sets[0]:
        named = " or ".join(" with ".join(sorted(s)) for s in sets)
        reason += f" Only {named} gives {pronoun}" + _which_unit(found) + "."
    return reason


def _which_unit(found: Fingerprint) -> str:
    if not any(UNIT in s for s in found.alternatives):
        return ""
    names = {
        name
        for c in found.fitting
        if UNIT in c.departures
        for name in c.levels.get("unit of time", ())
    }
    return f" (as if counted in {' or '.join(sorted(names))}s)"


def _levels(convention: Convention) -> str:
    """Name the choices of a convention; what is as printed goes without saying."""
    named = {
        axis: names
        for axis, names in convention.levels.items()
        if not (axis == "arms" and EXCHANGED not in convention.departures)
        and not (axis == "unit of time" and UNIT not in convention.departures)
    }
    return "; ".join(f"{axis} {' or '.join(names)}" for axis, names in named.items())


def _details(found: Fingerprint) -> dict[str, object]:
    return {
        "claims": list(found.claims),
        "combinations": found.combinations,
        "conventions": _counts(found)[1],
        "fits": _counts(found)[0],
        "fitting": [_levels(c) for c in found.fitting],
        "shared": found.pinned(),
        "departures": [sorted(s) for s in found.alternatives],
    }


def _copied(claims: Sequence[Mapping], alone: Mapping[str, Fingerprint]) -> list[Check]:
    """Name p-values that no convention gives but that repeat a share of their row.

    A p-value of 0.37 beside 37.7 % is more likely a slip of copying than a result.
    """
    checks = []
    for claim in claims:
        found = alone.get(claim["claim_id"])
        if (
            claim["field"] != "p_value"
            or claim["relation"] != "="
            or found is None
            or not found.conventions
            or found.fitting
        ):
            continue
        want = printed_interval(claim)
        for other in claims:
            if other["unit"].strip() != "%" or other["relation"] != "=":
                continue
            share = printed_interval(other).value / 100
            if want.digits < 2 or not (
                truncates(claim["value"], share) or want.holds(share)
            ):
                continue
            reason = (
                f"No convention gives the printed '{claim['printed']}' for "
                f"'{claim['endpoint']}', but its digits are those of "
                f"'{other['printed']}' ({other['claim_id']}) in the same row: it may "
                "be a slip of copying (not established)."
            )
            told = [claim["claim_id"], other["claim_id"]]
            details = {"fits": False, "claims": told}
            checks.append(Check(claim["claim_id"], FAMILY, COPIED, "", reason, details))
            break
    return checks
