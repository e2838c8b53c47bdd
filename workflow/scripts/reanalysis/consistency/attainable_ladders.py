"""All p-values that tests of a printed size can give, thinned for drawing.

A figure shows one ladder per reading of a claim (test, sides, ties); what the readings
are and what they say of the claim is settled in :mod:`attainable`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reanalysis.consistency.attainable import ladders
from reanalysis.consistency.attainable_readings import Answer, Reading, answer, target
from reanalysis.consistency.check import Check

#: Rungs nearer to each other than this share of a decade are drawn as one.
FINEST = 1 / 60
#: Readings shown of a claim: the first (the plainest), then the others in order.
MOST_READINGS = 7
#: Below this p-values are one rung.
SMALLEST = 1e-6


def drawn_ladders(
    study: Mapping, checks: Sequence[Check]
) -> dict[str, list[dict[str, object]]]:
    """Return, by analysis, the ladders of the claims that a check told of.

    Each entry has the ``claims`` it is for (those printed alike), ``low`` and ``high``
    of what they stand for, and its ``readings``: ``label``, the ``rungs`` (all
    attainable p-values, thinned), those ``inside`` the printed interval, ``below`` and
    ``above`` it the nearest, and the ``share`` of equally likely outcomes inside.
    """
    told = {
        check.claim_id
        for check in checks
        if check.check.startswith("attainable p") and check.outcome
    }
    found: dict[str, dict[tuple, dict[str, object]]] = {}
    for claim in study.get("claims", ()):
        wanted = target(claim) if claim["claim_id"] in told else None
        if wanted is None:
            continue
        readings = _chosen(ladders(study, claim), claim)
        if not readings:
            continue
        sizes = tuple(reading.ladder.p.size for reading in readings)
        same = (wanted.low, wanted.high, wanted.open_low, wanted.open_high, sizes)
        own = found.setdefault(claim["analysis"], {})
        if same in own:
            own[same]["claims"].append(claim["claim_id"])
            continue
        own[same] = {
            "claims": [claim["claim_id"]],
            "text": wanted.text,
            "low": wanted.low,
            "high": wanted.high,
            "readings": [_reading(r, answer(r, wanted), wanted) for r in readings],
        }
    return {analysis: list(own.values()) for analysis, own in found.items()}


def _chosen(readings: Sequence[Reading], claim: Mapping) -> list[Reading]:
    """Return the readings to be shown, those of the stated sides first."""
    one_sided = claim["alternative"] in {"less", "greater"}
    ordered = sorted(
        readings, key=lambda r: r.label.startswith("one-sided") != one_sided
    )
    # Approximations by ties are many and near each other.
    plain = [
        r
        for r in ordered
        if not (r.label.endswith(("ties", "pairs")) and "exact" not in r.label)
    ]
    return plain[:MOST_READINGS]


def _reading(reading: Reading, told: Answer, wanted: object) -> dict[str, object]:
    p = reading.ladder.p
    p = p if reading.keep is None else p[reading.keep]
    inside = p[wanted.holds(p)]
    return {
        "label": reading.label,
        "rungs": thinned(p),
        "inside": thinned(inside),
        "below": _known(told.below),
        "above": _known(told.above),
        "share": _known(told.share),
    }


def thinned(p: np.ndarray) -> list[float]:
    """Return distinct p-values (1-d) in ascending order, near ones as the smallest."""
    if not p.size:
        return []
    ordered = np.unique(np.maximum(p, SMALLEST))
    bins = np.floor(np.log10(ordered) / FINEST)
    first = np.concatenate([[True], np.diff(bins) > 0])
    return ordered[first].tolist()


def _known(x: float) -> float | None:
    return None if math.isnan(x) else float(x)
