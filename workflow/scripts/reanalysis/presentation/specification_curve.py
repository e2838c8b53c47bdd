"""The specification curve of a multiverse, and the words under it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.formatting import capitalised
from reanalysis.reporting.forest_rows import name_of
from reanalysis.words import RATIOS, proper

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

#: A choice with more options has those that leave one out in a row together.
MOST_OPTIONS = 9
LEVEL = 0.05

#: Said when no specification has a number.
UNDRAWN = "No specification of this grid gives a number to draw."


def draw(sheet: Sheet, found: Mapping) -> str | None:
    """Fill the sheet and return what was drawn; None when there is no number."""
    from reanalysis.figures import specification_curve as figure

    tests = _only_p(found["specifications"])
    field = "p_value" if tests else "estimate"
    kept = [s for s in found["specifications"] if s[field] is not None]
    if not kept:
        return None
    scale = "p" if tests else _scale(found)
    factor = 100.0 if scale == "percent" else 1.0
    # In the order of the grid where a fit ends in other last digits only.
    kept.sort(key=lambda s: float(f"{s[field]:.9g}"))
    shown, rows = _rows(found["choices"])
    significance = any(s["p_value"] is not None for s in kept) and not tests
    choices = [
        (capitalised(name.replace("_", " ")), [proper(option) for option in rows[name]])
        for name in rows
    ]
    if significance:
        choices.insert(0, ("Significant", [f"p < {LEVEL:g}"]))
    points = [
        figure.Point(
            value=factor * s[field],
            low=math.nan if tests or s["low"] is None else factor * s["low"],
            high=math.nan if tests or s["high"] is None else factor * s["high"],
            primary=s["primary"],
            options=(
                *([_significant(s)] if significance else []),
                *(
                    tuple(dict.fromkeys(proper(shown[name].get(o, o)) for o in options))
                    for name, options in zip(rows, s["chosen"], strict=True)
                ),
            ),
        )
        for s in kept
    ]
    printed = found["printed"]["p_value" if tests else "value"]
    figure.draw(
        sheet,
        figure.SpecificationCurve(
            axis=_axis(found, tests),
            scale=scale,
            kind=found["kind"],
            points=points,
            choices=choices,
            printed=math.nan if printed is None else factor * printed,
            printed_text=found["printed"]["p_text" if tests else "text"],
            neutral=LEVEL if tests else _no_effect(found, scale),
            legend=_legend(found, kept, printed, tests),
        ),
    )
    left = len(found["specifications"]) - len(kept)
    without = f" {left} without a number are not drawn." if left else ""
    return (
        f"The {len(kept):,} specifications of the grid in the order of their "
        f"{'p-values' if tests else 'estimates'}, with what was chosen "
        f"below.{without}"
    )


def _only_p(specifications: Sequence[Mapping]) -> bool:
    """Tell whether p-values say all: there is no estimate, or one and the same."""
    estimates = {
        f"{s['estimate']:.9g}" for s in specifications if s["estimate"] is not None
    }
    p_values = {s["p_value"] for s in specifications if s["p_value"] is not None}
    return not estimates or (len(estimates) == 1 and len(p_values) > 1)


def caption(study: Mapping, analysis: Mapping, found: Mapping, drawn: str) -> str:
    """Return the caption of a specification curve."""
    from reanalysis.reporting.captions import KINDS

    lines = [
        f"{study.get('title', study['id'])}: "
        f"{analysis['label']}, under every combination of choices. {drawn}",
        capitalised(f"{KINDS[found['kind']]}."),
        found["sentence"],
        f"{capitalised(found['note'])}." if found["note"] else "",
        f"Claims held against it: {found['printed']['claims']}."
        if found["printed"]["claims"]
        else "No printed number is held against it.",
        f"Paper: {str(study['citation']['text']).rstrip('.')}.",
    ]
    return "\n".join(" ".join(line.split()) for line in lines if line) + "\n"


def _significant(specification: Mapping) -> tuple[str, ...]:
    p = specification["p_value"]
    return (f"p < {LEVEL:g}",) if p is not None and p < LEVEL else ()


def _scale(found: Mapping) -> str:
    if found["statistic"] in RATIOS:
        return "log"
    return "percent" if found["unit"] in ("proportion", "%") else "linear"


def _axis(found: Mapping, tests: bool) -> str:
    names = [name_of(statistic) for statistic in found["statistics"]]
    name = " or ".join([names[0], *(n[:1].lower() + n[1:] for n in names[1:])])
    if tests:
        return f"p ({name[:1].lower() + name[1:]})"
    if found["reference"]:
        name += f", {found['group']} against {found['reference']}"
    elif found["group"]:
        name += f", {found['group']}"
    unit = "%" if found["unit"] == "proportion" else found["unit"]
    return f"{name} ({unit})" if unit else name


def _no_effect(found: Mapping, scale: str) -> float:
    """Return the value of no effect as drawn; not a number where nothing compares."""
    if found["no_effect"] is None:
        return math.nan
    return 1.0 if scale == "log" else found["no_effect"]


def _legend(
    found: Mapping, kept: Sequence[Mapping], printed: float | None, tests: bool
) -> list[str]:
    said = ["Points: one specification each, from the smallest to the largest"]
    if not tests and any(s["low"] is not None for s in kept):
        said.append("with its interval")
    text = ", ".join(said)
    if any(s["primary"] for s in kept):
        text += "; square: the primary analysis"
    if tests or found["no_effect"] is not None:
        text += f"; grey line: {'p = 0.05' if tests else 'no effect'}"
    if printed is not None:
        what = found["printed"]["p_text" if tests else "text"]
        text += f"; dotted line: printed {what}"
    return [f"{text}."]


def _rows(
    choices: Mapping[str, Sequence[str]],
) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    """Return the rows of each choice, and the row of options that share one."""
    shown: dict[str, dict[str, str]] = {}
    rows: dict[str, list[str]] = {}
    for name, options in choices.items():
        shown[name] = {}
        single = [o for o in options if o.startswith("without ") and o != _LOST]
        if len(options) > MOST_OPTIONS and single:
            together = f"one left out ({len(single)} times)"
            shown[name] = dict.fromkeys(single, together)
        rows[name] = list(dict.fromkeys(shown[name].get(o, o) for o in options))
    return shown, rows


_LOST = "without patients lost"
