"""Which conclusions move when a choice is made differently."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from reanalysis.analyses import HEADLINE, PRIMARY, STATED
from reanalysis.words import RATIOS

COLUMNS = (
    "study",
    "analysis",
    "method",
    "kind",
    "endpoint",
    "statistic",
    "group",
    "reference",
    "term",
    "timepoint",
    "scenario",
    "specifications",
    "convention",
    "estimate",
    "estimate_low",
    "estimate_high",
    "conf_low",
    "conf_high",
    "test",
    "p_value",
    "p_low",
    "p_high",
    "primary_estimate",
    "primary_conf_low",
    "primary_conf_high",
    "primary_test",
    "primary_p_value",
    "printed",
    "printed_p_value",
    "moves",
)
_PLACE = (
    "analysis",
    "endpoint",
    "statistic",
    "group",
    "reference",
    "term",
    "timepoint",
)


def sensitivity(rows: Sequence[Mapping], claims: Sequence[Mapping]) -> list[dict]:
    """Return the rows of sensitivity.csv of one study: analysis by scenario.

    ``rows`` are its rows of estimates.csv with numbers as floats, ``claims`` its
    checked claims. The specifications of one scenario (each patient left out)
    are one row with the range of their estimates and p-values. ``moves`` says
    whether the direction or the significance at 0.05 changes.
    """
    by_scenario: dict[tuple, dict[str, list[Mapping]]] = {}
    for row in rows:
        if row["scenario"] in (STATED, "convention"):
            continue
        # Counting what happened leaves nothing to choose but the denominator.
        if row["statistic"] not in HEADLINE or row["method"] == "descriptive":
            continue
        place = tuple(str(row[column]) for column in _PLACE)
        scenarios = by_scenario.setdefault(place, {})
        seen = scenarios.setdefault(str(row["scenario"]), [])
        # The first row of a specification carries its primary test.
        if all(row["specification"] != other["specification"] for other in seen):
            seen.append(row)
    return [
        line
        for place, scenarios in by_scenario.items()
        if PRIMARY in scenarios
        for line in _compared(place, scenarios, claims)
    ]


def _compared(
    place: tuple, scenarios: Mapping[str, list[Mapping]], claims: Sequence[Mapping]
) -> Iterator[dict]:
    primary = scenarios[PRIMARY][0]
    printed = {
        field: "; ".join(
            claim["printed"]
            for claim in claims
            if claim["analysis"] == place[0]
            and claim["statistic"] == place[2]
            and claim["field"] == field
            and claim["role"] == "check"
            and claim["group"] in ("", place[3])
            and claim["endpoint"] in ("", place[1], primary["endpoint"])
        )
        for field in ("estimate", "p_value")
    }
    for scenario, found in scenarios.items():
        estimates = _numbers(found, "estimate")
        p_values = _numbers(found, "p_value")
        one = found[0] if len(found) == 1 else None
        yield {
            "study": primary["study"],
            "method": primary["method"],
            "kind": primary["kind"],
            **dict(zip(_PLACE, place, strict=True)),
            "scenario": scenario,
            "specifications": len(found),
            "convention": one["convention"] if one else f"{len(found)} specifications",
            "estimate": one["estimate"] if one else "",
            "estimate_low": min(estimates, default=""),
            "estimate_high": max(estimates, default=""),
            "conf_low": one["conf_low"] if one else "",
            "conf_high": one["conf_high"] if one else "",
            "test": found[0]["test"],
            "p_value": one["p_value"] if one else "",
            "p_low": min(p_values, default=""),
            "p_high": max(p_values, default=""),
            "primary_estimate": primary["estimate"],
            "primary_conf_low": primary["conf_low"],
            "primary_conf_high": primary["conf_high"],
            "primary_test": primary["test"],
            "primary_p_value": primary["p_value"],
            "printed": printed["estimate"],
            "printed_p_value": printed["p_value"],
            "moves": ""
            if scenario == PRIMARY
            else _moves(primary, estimates, p_values, len(found)),
        }


def _numbers(rows: Sequence[Mapping], column: str) -> list[float]:
    values = [row[column] for row in rows if row[column] not in ("", None)]
    return [value for value in values if not math.isnan(value)]


def _moves(
    primary: Mapping, estimates: list[float], p_values: list[float], n: int
) -> str:
    moved = []
    neutral = 1.0 if primary["statistic"] in RATIOS else 0.0
    effect = primary["estimate"]
    compares = primary["reference"] != "" or primary["statistic"].endswith("difference")
    if compares and isinstance(effect, float) and not math.isnan(effect):
        side = math.copysign(1, effect - neutral) if effect != neutral else 0
        other = sum(1 for e in estimates if side * (e - neutral) < 0)
        if other:
            moved.append(f"direction changes{_of(other, n)}")
    p = primary["p_value"]
    if isinstance(p, float) and not math.isnan(p):
        other = sum(1 for q in p_values if (q < 0.05) != (p < 0.05))
        if other:
            verb = "is lost" if p < 0.05 else "appears"
            moved.append(f"significance {verb}{_of(other, n)}")
    return "; ".join(moved) or "no"


def _of(count: int, n: int) -> str:
    return f" in {count} of {n}" if n > 1 else ""
