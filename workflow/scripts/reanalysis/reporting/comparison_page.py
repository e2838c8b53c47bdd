"""Runs side by side as one page and a few sentences."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reanalysis.analyses import PRIMARY
from reanalysis.finished_runs import FinishedRun
from reanalysis.formatting import beside_printed
from reanalysis.reporting.moved_figure import number_texts, ranked, what_of
from reanalysis.run_differences import (
    PLACE,
    claims_of_both,
    estimate_moves,
    results_of_both,
    run_differences,
    verdict_changes,
)
from reanalysis.verdicts import ORDER

#: More moved results than this stand in estimates.csv only.
MOST_RESULTS = 100

#: Settings that choose studies, folders and looks, and change no result.
_IDLE = ("studies", "data_dir", "results_dir", "figures.", "report.")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run beside another: the rows of the three tables, and what to say of them.

    ``sentences`` begin with how many verdicts changed; ``warnings`` name what else
    than a setting may have changed a result.
    """

    a: str
    b: str
    differences: Sequence[Mapping]
    verdicts: Sequence[Mapping]
    moves: Sequence[Mapping]
    sentences: Sequence[str]
    warnings: Sequence[str]


def compared(a: FinishedRun, b: FinishedRun) -> Comparison:
    """Hold two runs against each other."""
    differences = run_differences(a, b)
    verdicts, moves = verdict_changes(a, b), estimate_moves(a, b)
    return Comparison(
        a=a.name,
        b=b.name,
        differences=differences,
        verdicts=verdicts,
        moves=moves,
        sentences=_sentences(a, b, differences, verdicts, moves),
        warnings=_warnings(a, b, differences, verdicts, moves),
    )


def _sentences(
    a: FinishedRun,
    b: FinishedRun,
    differences: Sequence[Mapping],
    verdicts: Sequence[Mapping],
    moves: Sequence[Mapping],
) -> list[str]:
    claims, results = claims_of_both(a, b), results_of_both(a, b)
    primary = [row for row in moves if row["scenario"] == PRIMARY]
    places = {tuple(row[column] for column in PLACE) for row in primary}
    crossed = sum(bool(row["significance"]) for row in primary)
    settings = sum(row["what"] == "setting" for row in differences)
    said = [
        f"{len(verdicts)} of {_number(claims.both, 'verdict')} changed.",
        f"{len(places)} of {_number(results.both, 'primary result')} moved"
        + (
            f"; significance at 0.05 is lost or gained in {_number(crossed, 'test')}."
            if crossed
            else ", none across significance at 0.05."
            if places
            else "."
        ),
        f"{_number(settings, 'setting')} {'differs' if settings == 1 else 'differ'}.",
    ]
    for run, other in ((a, b), (b, a)):
        if alone := sorted({*run.inputs, *run.failed} - {*other.inputs, *other.failed}):
            studies = _number(len(alone), "study")
            verb = "is" if len(alone) == 1 else "are"
            said.append(f"{studies} {verb} in {run.name} alone.")
    for overlap, noun in ((claims, "claim"), (results, "primary result")):
        for only, run in ((overlap.only_a, a.name), (overlap.only_b, b.name)):
            if only:
                verb = "is" if only == 1 else "are"
                said.append(
                    f"Of common studies {_number(only, noun)} {verb} in {run} alone."
                )
    return said


def _warnings(
    a: FinishedRun,
    b: FinishedRun,
    differences: Sequence[Mapping],
    verdicts: Sequence[Mapping],
    moves: Sequence[Mapping],
) -> list[str]:
    said = []
    inputs = [row["name"] for row in differences if row["what"] == "input file"]
    if files := {name.partition("/")[0] for name in inputs}:
        verb = "differ" if len(inputs) > 1 else "differs"
        said.append(
            f"{_number(len(inputs), 'input file')} {verb} as well "
            f"({', '.join(sorted(files))}): what changed there need not come from a "
            "setting."
        )
    versions = [row["name"] for row in differences if row["what"] == "version"]
    if versions:
        said.append(f"Versions differ as well: {', '.join(versions)}.")
    overlaps = (claims_of_both(a, b), results_of_both(a, b))
    changed = verdicts or moves or any(o.only_a or o.only_b for o in overlaps)
    if changed and not any(_can_move_results(row) for row in differences):
        said.append(
            "No setting, input file or version recorded in the runs explains this: "
            "the program itself was another one."
        )
    for run in (a, b):
        if run.failed:
            said.append(f"In {run.name} failed: {', '.join(sorted(run.failed))}.")
        elif not run.complete:
            said.append(f"{run.name} was not completed: studies of it failed.")
    return said


def _can_move_results(difference: Mapping) -> bool:
    if difference["what"] != "setting":
        return difference["what"] != "study"
    return not str(difference["name"]).startswith(_IDLE)


def _number(n: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def summary(comparisons: Sequence[Comparison]) -> str:
    """Return the comparison in plain text, the changed verdicts first."""
    return "".join(
        f"{c.b} against {c.a}: {' '.join([*c.sentences, *c.warnings])}\n"
        for c in comparisons
    )


def page(comparisons: Sequence[Comparison], figures: Mapping[str, str]) -> str:
    """Return the page; ``figures`` are the stems of the figure of each second run."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    template = environment.get_template("comparison.html.jinja")
    first = comparisons[0].a
    names = [first, *(c.b for c in comparisons)]
    parts = [_part(c, Path(figures[c.b])) for c in comparisons]
    return template.render(names=names, parts=parts)


def _part(c: Comparison, stem: Path) -> dict[str, object]:
    rows = ranked(c.moves)
    png = base64.b64encode(stem.with_suffix(".png").read_bytes()).decode()
    return {
        "a": c.a,
        "b": c.b,
        "sentences": c.sentences,
        "warnings": c.warnings,
        "differences": c.differences,
        "transitions": _transitions(c.verdicts),
        "verdicts": [_shown_verdict(row) for row in c.verdicts],
        "figure": f"data:image/png;base64,{png}",
        "caption": stem.with_suffix(".txt").read_text(encoding="utf-8").strip(),
        "stem": stem.name,
        "results": [_shown_result(row) for row in rows[:MOST_RESULTS]],
        "left": len(c.moves) - min(len(rows), MOST_RESULTS),
    }


def _transitions(verdicts: Sequence[Mapping]) -> list[tuple[str, str, int]]:
    found = Counter((row["verdict_a"], row["verdict_b"]) for row in verdicts)
    return sorted(
        ((a, b, n) for (a, b), n in found.items()),
        key=lambda t: (-t[2], ORDER.index(t[0]), ORDER.index(t[1])),
    )


def _shown_verdict(row: Mapping) -> dict[str, object]:
    shown = dict(row)
    for run in "ab":
        number = row[f"recomputed_{run}"]
        claim = {**row, "printed": row[f"printed_{run}"]}
        shown[f"recomputed_{run}"] = (
            beside_printed(float(number), claim) if number else ""
        )
    return shown


def _shown_result(row: Mapping) -> dict[str, object]:
    return {
        "study": row["study"],
        "analysis": row["analysis"],
        "what": what_of(row),
        "kind": row["kind"],
        "a": number_texts(row, "a"),
        "b": number_texts(row, "b"),
        "tests": [row["test_a"], row["test_b"]]
        if row["test_a"] != row["test_b"]
        else [],
        "significance": row["significance"],
    }
