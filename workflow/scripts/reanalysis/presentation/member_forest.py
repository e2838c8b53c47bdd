"""Estimates from ensembles: each with its interval and its spread over data sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.formatting import journal_number, journal_p
from reanalysis.presentation.analysis import Analysis
from reanalysis.reporting import forest_rows
from reanalysis.reporting.printed import PrintedNumber, place_of
from reanalysis.words import RATIOS

if TYPE_CHECKING:
    from reanalysis.figures.member_forest import Spread
    from reanalysis.figures.sheet import Sheet

#: The first row of simulated data: whatever the prior, no data set goes beyond.
EXTREMES = "Smallest to largest of any data set"


def made_of_members(rows: Sequence[Mapping]) -> bool:
    """Tell whether rows of estimates are of ensembles."""
    return any(row["members"] > 0 for row in rows)


def draw(sheet: Sheet, analysis: Analysis) -> str | None:
    """Fill the sheet and return what was drawn; None when no row can be shown."""
    from reanalysis.figures import member_forest

    statistics = forest_rows.choice(
        analysis.declared["method"], analysis.rows, analysis.printed
    )
    if statistics is None:
        return None
    own = [r for r in analysis.primary if r["statistic"] in statistics]
    p_only = not any(math.isfinite(r["estimate"]) for r in own)
    blocks: dict[tuple, list[Mapping]] = {}
    for row in own:
        prior = str(row["prior"])
        rows = blocks.setdefault(place_of(row), [])
        # The first row of a prior carries its primary test.
        if all(str(other["prior"]) != prior for other in rows):
            rows.append(row)
    blocks = {
        place: rows
        for place, rows in blocks.items()
        if any(_drawable(row, p_only) for row in rows)
    }
    if not blocks:
        return None
    analysis.shown = [row for rows in blocks.values() for row in rows]
    lines = []
    for place, rows in blocks.items():
        name = _named(place, rows[0], several=len(blocks) > 1)
        if len({str(row["statistic"]) for row in analysis.shown}) > 1:
            name += f": {forest_rows.name_of(str(rows[0]['statistic'])).lower()}"
        priors = [str(row["prior"]) for row in rows]
        if any(priors):
            lines.append(member_forest.Spread(label=name, role="heading"))
        for row, prior in zip(rows, priors, strict=True):
            label = prior.replace("_", " ") or (EXTREMES if any(priors) else name)
            extremes = any(priors) and not prior
            lines.append(_line(label, row, p_only, extremes, analysis.printed))
    first = analysis.shown[-1]
    ratio = str(first["statistic"]) in RATIOS and first["unit"] != "%"
    percent = first["unit"] == "proportion"
    unit = f" ({first['unit']})" if first["unit"] and not percent else ""
    one = len({str(row["statistic"]) for row in analysis.shown}) == 1
    axis = forest_rows.name_of(str(first["statistic"]) if one else statistics[0])
    axis += " (%)" if percent else unit
    compared = bool(first["reference"])
    member_forest.draw(
        sheet,
        member_forest.MemberForest(
            axis="P value (line at 0.05)" if p_only else axis,
            scale="p" if p_only else "log" if ratio else "percent" if percent
            else "linear",
            kind=analysis.declared["kind"],
            rows=lines,
            neutral=1.0 if ratio else 0.0 if compared else math.nan,
            legend=_legend(lines),
        ),
    )  # fmt: skip
    said = (
        "At the left the median over the data sets with its confidence interval, the "
        "doubt that few patients leave; at the right, on an axis of its own, the doubt "
        "that the print leaves: a hatched bar holds 95% of the data sets by weight, a "
        "thin line runs from the smallest to the largest value any of them reaches."
    )
    if any(line.role == "extremes" for line in lines):
        said += (
            " A hatched bar depends on the prior named beside it; the first line does "
            "not, beyond what was searched."
        )
    return said + priors_said(analysis)


def priors_said(analysis: Analysis) -> str:
    """Return what the priors behind simulated data are, a sentence after the others."""
    dataset = analysis.study.get("ensembles", {}).get(analysis.declared["dataset"], {})
    priors = dataset.get("simulate", {}).get("priors", {})
    told = [
        f"{name.replace('_', ' ')}: {declared['label']}"
        for name, declared in priors.items()
    ]
    return f" Priors: {'; '.join(told)}." if told else ""


def _drawable(row: Mapping, p_only: bool) -> bool:
    names = ("p_value", "p_value_min") if p_only else ("estimate", "estimate_min")
    return not all(math.isnan(row[name]) for name in names)


def _named(place: tuple[str, ...], row: Mapping, *, several: bool) -> str:
    """Name what a block estimates: of which endpoint, groups and time."""
    endpoint, _, group, reference, term, timepoint = place
    parts = [endpoint] if several or not group else []
    parts.append(f"{group} against {reference}" if reference else group)
    parts.append(term)
    unit = str(row["time_unit"])
    parts.append(f"at {timepoint} {unit}".strip() if timepoint else "")
    return ", ".join(dict.fromkeys(part for part in parts if part)) or endpoint


def _line(
    label: str,
    row: Mapping,
    p_only: bool,
    extremes: bool,
    printed: Sequence[PrintedNumber],
) -> Spread:
    from reanalysis.figures.member_forest import Spread

    field = "p_value" if p_only else "estimate"
    value = next(
        (
            p.value
            for p in printed
            if p.place == place_of(row) and p.field == field and math.isfinite(p.value)
        ),
        math.nan,
    )
    ends = (row[f"{field}_min"], row[f"{field}_max"])
    prefix = "p_value_" if p_only else ""
    band = (row[f"{prefix}band_low"], row[f"{prefix}band_high"])
    return Spread(
        label=label,
        role="extremes" if extremes else "ensemble",
        estimate=math.nan if extremes else row[field],
        low=math.nan if extremes or p_only else row["conf_low"],
        high=math.nan if extremes or p_only else row["conf_high"],
        band=band,
        least=ends[0],
        greatest=ends[1],
        printed=value,
        said=_said(row, field, band, ends, extremes),
    )


def _said(
    row: Mapping,
    field: str,
    band: tuple[float, float],
    ends: tuple[float, float],
    extremes: bool,
) -> str:
    """Return the numbers of a row as a journal prints them."""

    def text(x: float) -> str:
        if field == "p_value":
            return journal_p(x)
        kind = {"statistic": str(row["statistic"]), "unit": str(row["unit"])}
        return journal_number(x, **kind)

    parts = []
    if not extremes and math.isfinite(row[field]):
        parts.append(text(row[field]))
        if field == "estimate" and math.isfinite(row["conf_low"] + row["conf_high"]):
            level = f"{100 * row['conf_level']:g}"
            low, high = text(row["conf_low"]), text(row["conf_high"])
            parts.append(f"{level}% CI, {low} to {high}")
    for name, (low, high) in (("band", band), ("range", ends)):
        if math.isnan(low) and math.isnan(high):
            continue
        if math.isnan(high):
            parts.append(f"{name} from {text(low)}")
        elif math.isnan(low):
            parts.append(f"{name} up to {text(high)}")
        else:
            parts.append(f"{name} {' to '.join(dict.fromkeys(map(text, (low, high))))}")
    return "; ".join(parts)


def _legend(lines: Sequence[Spread]) -> list[str]:
    """Explain the marks that the rows do not name."""
    known = ["Hatched: 95% of data sets; thin line: smallest to largest."]
    if any(math.isfinite(line.printed) for line in lines):
        known.append("Open diamonds: printed.")
    return [" ".join(known)]
