"""Estimates that moved between two runs, on one axis whatever their units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reanalysis.analyses import HEADLINE, PRIMARY
from reanalysis.formatting import (
    journal_interval,
    journal_number,
    journal_p,
)
from reanalysis.reporting.forest_rows import name_of
from reanalysis.run_differences import PLACE, scaled

#: More results than this are not drawn, so that the figure fits a page.
MOST = 10
_HEADERS = ("Estimate", "Interval", "P")


def ranked(moves: Sequence[Mapping]) -> list[Mapping]:
    """Return the moved results that carry a conclusion, the farthest first.

    Under the primary settings, and of a result with several tests the primary one.
    First where significance at 0.05 changes, then by how far the estimate moved, its
    interval, its p-value.
    """
    first: dict[tuple, Mapping] = {}
    for row in moves:
        if row["scenario"] == PRIMARY and row["statistic"] in HEADLINE:
            first.setdefault(tuple(row[column] for column in PLACE), row)

    def order(row: Mapping) -> tuple[float, ...]:
        shift = abs(row["shift"]) if math.isfinite(row["shift"]) else 0.0
        return not row["significance"], -shift, -_ends_moved(row), -_p_moved(row)

    return sorted(first.values(), key=order)


def what_of(row: Mapping) -> str:
    """Return what a moved estimate is of, without its study and analysis."""
    against = f" against {row['reference']}" if row["reference"] else ""
    named = [name_of(row["statistic"]), row["endpoint"], row["group"] + against]
    named += [row["term"], row["cause"]]
    if row["timepoint"] != "":
        named.append(f"at {row['timepoint']} {row['time_unit']}".strip())
    return ", ".join(str(part) for part in dict.fromkeys(named) if part)


def write(
    moves: Sequence[Mapping], runs: tuple[str, str], looks: Mapping, stem: str
) -> None:
    """Write the figure's files."""
    from reanalysis.figures import forest
    from reanalysis.figures.sheet import Sheet, filled, notice
    from reanalysis.figures.style import Look
    from reanalysis.presentation import alt_text
    from reanalysis.presentation.files import write_figure

    rows = ranked(moves)
    drawn = [row for row in rows if _on_axis(row)][:MOST]
    tests = [row for row in rows if not _on_axis(row) and _p_moved(row)][:MOST]
    look = Look.of(looks)
    title = f"{runs[0]} and {runs[1]}: results that moved"

    def fill(sheet: Sheet) -> None:
        if drawn:
            forest.draw(sheet, _estimates(drawn, runs))
            sheet.y += 8
        if tests:
            forest.draw(sheet, _tests(tests, runs))
        if not drawn and not tests:
            notice(sheet, title, "No primary result with an interval or a test moved.")

    with look.applied():
        sheet, _ = filled(look, fill)
        write_figure(
            stem, sheet, look, caption=caption(rows, runs),
            alt=alt_text.described(title, "summary", sheet.drawn), title=title,
        )  # fmt: skip


def caption(rows: Sequence[Mapping], runs: tuple[str, str]) -> str:
    """Return the caption; ``rows`` are the moved primary results, ranked."""
    axis = [row for row in rows if _on_axis(row)]
    tests = [row for row in rows if not _on_axis(row) and _p_moved(row)]
    left = max(0, len(axis) - MOST) + max(0, len(tests) - MOST)
    unlike = sorted({row["kind"] for row in rows} - {"individual", "summary"})
    return (
        f"Results that moved between the runs {runs[0]} and {runs[1]}, those first "
        "whose significance at 0.05 changes, then by distance. Every estimate is drawn "
        f"from the one of {runs[0]} in half-widths of its interval there (ratios by "
        "their logarithm): at 1 it has moved to the limit. Results without an "
        "interval follow by their p-values."
        + (f" {left} more are in estimates.csv." if left else "")
        + (f" Among them are results from {', '.join(unlike)} data." if unlike else "")
        + "\n"
    )


def _on_axis(row: Mapping) -> bool:
    return math.isfinite(row["shift"])


def _ends_moved(row: Mapping) -> float:
    moved = [
        abs(scaled(row[f"{end}_b"], row) - scaled(row[f"{end}_a"], row))
        for end in ("conf_low", "conf_high")
    ]
    return max((m for m in moved if math.isfinite(m)), default=0.0)


def _p_moved(row: Mapping) -> float:
    p, q = row["p_value_a"], row["p_value_b"]
    if p > 0 and q > 0:
        return abs(math.log(q / p))
    return 0.0


def _estimates(rows: Sequence[Mapping], runs: tuple[str, str]) -> object:
    from reanalysis.figures.forest import Forest, Line

    lines = []
    for row in rows:
        lines.append(Line(label=_heading(row), role="heading"))
        for run, name in zip("ab", runs, strict=True):
            ends = [
                row[f"{end}_{run}"] for end in ("estimate", "conf_low", "conf_high")
            ]
            lines.append(
                Line(
                    label=name,
                    role="primary" if run == "a" else "scenario",
                    estimate=scaled(ends[0], row),
                    low=scaled(ends[1], row),
                    high=scaled(ends[2], row),
                    cells=number_texts(row, run),
                )
            )
    return Forest(
        axis=f"Distance from the estimate of {runs[0]}, in half-widths of its interval",
        scale="linear",
        kind=_kind(rows),
        lines=lines,
        headers=_HEADERS,
        neutral=0.0,
    )


def _tests(rows: Sequence[Mapping], runs: tuple[str, str]) -> object:
    from reanalysis.figures.forest import Forest, Line

    lines = []
    for row in rows:
        lines.append(Line(label=_heading(row), role="heading"))
        for run, name in zip("ab", runs, strict=True):
            lines.append(
                Line(
                    label=f"{name}: {row[f'test_{run}']}".removesuffix(": "),
                    role="primary" if run == "a" else "scenario",
                    p_value=row[f"p_value_{run}"],
                    cells=(journal_p(row[f"p_value_{run}"]),),
                )
            )
    return Forest(
        axis="P-value", scale="p", kind=_kind(rows), lines=lines, headers=("P",),
        neutral=0.05,
    )  # fmt: skip


def _kind(rows: Sequence[Mapping]) -> str:
    # A word over the plot only where it is true of all that is drawn.
    kinds = {row["kind"] for row in rows}
    return kinds.pop() if len(kinds) == 1 else ""


def _heading(row: Mapping) -> str:
    kind = "" if row["kind"] in ("individual", "summary") else f" ({row['kind']} data)"
    moved = f"; significance {row['significance']}" if row["significance"] else ""
    analysis = str(row["analysis"]).replace("_", " ")
    return f"{row['study']}, {analysis}: {what_of(row)}{kind}{moved}"


def number_texts(row: Mapping, run: str) -> tuple[str, str, str]:
    """Return estimate, interval and p-value of one run as a journal prints them."""
    how = {"statistic": row["statistic"], "unit": row["unit"]}
    low, high = row[f"conf_low_{run}"], row[f"conf_high_{run}"]
    between = ""
    if not (math.isnan(low) and math.isnan(high)):
        between = journal_interval(low, high, **how).partition(", ")[2]
    p = row[f"p_value_{run}"]
    estimate = row[f"estimate_{run}"]
    return (
        "" if math.isnan(estimate) else journal_number(estimate, **how),
        between,
        "" if math.isnan(p) else journal_p(p),
    )
