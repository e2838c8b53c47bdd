"""What the figure of a multiverse needs, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reanalysis.multiverse.curve import DIRECTED, INVERSE, NO_EFFECT
from reanalysis.multiverse.grid import ANY
from reanalysis.multiverse.summary import Multiverse


def drawn(found: Multiverse, line: Mapping[str, object]) -> dict[str, object]:
    """Return the specifications of a multiverse with what is said of them.

    Unknown numbers are None. ``chosen`` has, per specification, the options it stands
    for in the order of ``choices``.
    """
    anchor = found.anchor
    return {
        "statistic": found.statistic,
        "statistics": list(
            dict.fromkeys(
                [
                    found.statistic,
                    *(r.statistic for r in found.rows if r.estimate == r.estimate),
                ]
            )
        ),
        "group": found.primary.group,
        "reference": found.primary.reference,
        "unit": found.primary.unit,
        # None of a number that compares nothing, or has it at infinity.
        "no_effect": NO_EFFECT.get(found.statistic, 0.0)
        if found.statistic in DIRECTED - INVERSE
        else None,
        "kind": line["kind"],
        "sentence": line["sentence"],
        "note": line["note"],
        "printed": {
            "claims": anchor.claims,
            "text": line["printed"],
            "value": _plain(anchor.value),
            "p_text": line["printed_p"],
            "p_value": _plain(_printed_p(found)),
        },
        "choices": {name: list(o) for name, o in found.grid.choices.items()},
        "specifications": [
            {
                "estimate": _plain(row.estimate),
                "low": _plain(row.conf_low),
                "high": _plain(row.conf_high),
                "p_value": _plain(row.p_value),
                "primary": entry.spec.key == found.grid.primary.key,
                "chosen": [
                    list(found.grid.choices[name])
                    if options == (ANY,)
                    else list(options)
                    for name, options in entry.chosen.items()
                ],
            }
            for entry, row in zip(found.grid.entries, found.rows, strict=True)
        ],
    }


def _printed_p(found: Multiverse) -> float:
    claim = found.anchor.p_value
    if claim is None or claim["relation"] == "words":
        return math.nan
    return float(claim["value"])


def _plain(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
