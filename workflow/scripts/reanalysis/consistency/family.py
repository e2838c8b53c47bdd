"""Everything the family says of one study: each part in turn, and rows of ranges.

The parts need nothing but claims, numbers of patients and the design; rows of
patients are used where they are at hand (:mod:`fingerprint`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from reanalysis.analyses import PRIMARY
from reanalysis.consistency import (
    attainable,
    conflicts,
    fingerprint,
    single,
    system,
)
from reanalysis.consistency.check import Check
from reanalysis.results import Estimate

METHOD = "consistency"
#: Parts of the family, each with a function ``checks(study)``.
PARTS = {
    "single": single,
    "attainable": attainable,
    "system": system,
    "fingerprint": fingerprint,
    "conflicts": conflicts,
}

_NAMES = {
    "still_followed": "number_at_risk",
    "events_by": "events",
    "conf_low": "hazard_ratio",
    "conf_high": "hazard_ratio",
}
_NOTES = {
    "still_followed": "Patients still followed just after this time.",
    "events_by": "Events up to and including this time.",
    "conf_low": "The lower limit, which is not printed.",
    "conf_high": "The upper limit, which is not printed.",
}


def run(study: Mapping, parts: Iterable[str] = tuple(PARTS)) -> list[Check]:
    """Return what parts of the family say of a checked study's claims."""
    return [check for part in parts for check in PARTS[part].checks(study)]


def range_rows(study: Mapping, checks: Iterable[Check]) -> list[dict[str, object]]:
    """Return rows of estimates.csv: what unprinted numbers can still be.

    Such a row has no estimate, only the smallest and the largest value that the
    printed numbers of its comparison leave.
    """
    claims = {claim["claim_id"]: claim for claim in study["claims"]}
    rows, seen = [], set()
    for check in checks:
        claim = claims[check.claim_id]
        for left in _ranges(check):
            place = (check.details["comparison"], *map(str, left.values()))
            if place in seen:
                continue
            seen.add(place)
            rows.append(_row(study, claim, check, left, len(rows) + 1))
    return rows


def _ranges(check: Check) -> Iterator[Mapping]:
    if "comparison" in check.details:
        yield from check.details.get("ranges", ())


def _row(
    study: Mapping, claim: Mapping, check: Check, left: Mapping, number: int
) -> dict[str, object]:
    """Return one range as a row; its note says on which reading it rests."""
    name = left["statistic"]
    limit = name in {"conf_low", "conf_high"}
    notes = ["From printed numbers only: the range they leave."]
    if name in _NOTES:
        notes.append(_NOTES[name])
    if left["given"]:
        notes.append("If " + " and ".join(left["given"]) + ".")
    compared = check.details["compared"]
    estimate = Estimate(
        statistic=_NAMES.get(name, name),
        group=compared[0] if limit and compared else left["group"],
        reference=compared[1] if limit and len(compared) > 1 else "",
        timepoint=left["timepoint"],
        note=" ".join(notes),
        ranges={
            name if limit else "estimate": (left["estimate_min"], left["estimate_max"])
        },
    )
    given = "; ".join(left["given"]) or "whatever the convention"
    key = hashlib.sha256(given.encode()).hexdigest()[:8]
    return estimate.record(
        estimate_id=f"{study['id']}:{METHOD}:{PRIMARY}:{key}:{number}",
        study=study["id"],
        analysis=claim["analysis"],
        method=METHOD,
        kind="summary",
        population=study["analyses"][claim["analysis"]]["population"],
        endpoint=check.details["comparison"],
        scenario=PRIMARY,
        specification=key,
        convention=given,
    )
