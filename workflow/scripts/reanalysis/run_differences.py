"""What differs between two finished runs: settings, inputs, verdicts, estimates.

A claim is itself by study and claim_id. An estimate is itself by what it is of
(study, analysis, population, endpoint, groups, time, statistic) and its scenario,
whatever the settings; where a result has several tests, the first row carries the
primary one and is held against the first row, the others against those of their name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from reanalysis.analyses import PRIMARY, STATED
from reanalysis.finished_runs import FinishedRun
from reanalysis.results import NAN
from reanalysis.words import RATIOS

DIFFERENCE_COLUMNS = ("run_a", "run_b", "what", "name", "value_a", "value_b")
_CLAIM = (
    "study", "claim_id", "analysis", "endpoint", "timepoint", "group", "reference",
    "statistic", "field", "unit", "value", "relation", "locator",
)  # fmt: skip
_JUDGED = ("printed", "verdict", "recomputed", "convention", "reason")
VERDICT_COLUMNS = (
    "run_a", "run_b", *_CLAIM, *(f"{name}_{run}" for name in _JUDGED for run in "ab"),
)  # fmt: skip
#: What an estimate is of, whatever the settings.
PLACE = (
    "study", "analysis", "method", "population", "endpoint", "group", "reference",
    "term", "cause", "timepoint", "statistic", "prior",
)  # fmt: skip
_NUMBERS = (
    "estimate", "conf_low", "conf_high", "band_low", "band_high", "p_value", "n",
    "events",
)  # fmt: skip
_TOLD = ("test", "interval_method", "conf_level", "specification", "convention")
ESTIMATE_COLUMNS = (
    "run_a", "run_b", *PLACE, "scenario", "time_unit", "unit", "kind", "moved",
    "difference", "ratio", "shift", "significance",
    *(f"{name}_{run}" for name in (*_NUMBERS, *_TOLD) for run in "ab"),
)  # fmt: skip
#: Rows of estimates.csv that are no result of the run but tried for a claim.
_TRIED = ("convention", STATED)
_LEFT_OUT = re.compile(r"without [^;]+$")
#: Below this relative difference two numbers are the same (another machine's sums).
_SAME = 1e-9


def run_differences(a: FinishedRun, b: FinishedRun) -> list[dict[str, object]]:
    """Return what was different before anything was estimated.

    Settings key by key, library versions, input files, and studies that only one of
    the runs has or could read.
    """
    rows: list[tuple[str, str, object, object]] = []
    settings = [_flat(_without_absent(run.settings)) for run in (a, b)]
    for key in _keys(*settings):
        if key not in ("run", "compare"):
            rows.append(
                ("setting", key, *(_shown(s.get(key, _UNSET)) for s in settings))
            )
    for name in _keys(a.versions, b.versions):
        rows.append(("version", name, a.versions.get(name), b.versions.get(name)))
    for study in sorted({*a.inputs, *b.inputs, *a.failed, *b.failed}):
        states = [_state(run, study) for run in (a, b)]
        rows.append(("study", study, *states))
        if states == ["read", "read"]:
            files = a.inputs[study], b.inputs[study]
            for file in sorted(_keys(*files)):
                hashes = [(part.get(file) or "absent")[:12] for part in files]
                rows.append(("input file", f"{study}/{file}", *hashes))
    return [
        dict(zip(DIFFERENCE_COLUMNS, (a.name, b.name, *row), strict=True))
        for row in rows
        if row[2] != row[3]
    ]


_UNSET = object()


def _without_absent(settings: Mapping) -> dict[str, object]:
    scenarios = settings.get("scenarios") or {}
    return {**settings, "scenarios": {k: v for k, v in scenarios.items() if v}}


def _flat(settings: object, path: str = "") -> dict[str, object]:
    if not isinstance(settings, Mapping):
        return {path: settings}
    flat: dict[str, object] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{path}.{key}" if path else str(key))
    return flat


def _keys(a: Mapping, b: Mapping) -> list[str]:
    return list(dict.fromkeys([*a, *b]))


def _shown(value: object) -> str:
    if value is _UNSET:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "null" if value is None else str(value)


def _state(run: FinishedRun, study: str) -> str:
    if study in run.failed:
        return f"failed: {run.failed[study]}"
    return "read" if study in run.inputs else "not in the run"


def verdict_changes(a: FinishedRun, b: FinishedRun) -> list[dict[str, object]]:
    """Return the claims of both runs whose verdict changed, in the order of ``a``."""
    others = _by_claim(b)
    changed = []
    for key, claim in _by_claim(a).items():
        other = others.get(key)
        if other is not None and other["verdict"] != claim["verdict"]:
            row: dict[str, object] = {"run_a": a.name, "run_b": b.name}
            row |= {name: claim.get(name, "") for name in _CLAIM}
            for name in _JUDGED:
                row[f"{name}_a"] = claim.get(name, "")
                row[f"{name}_b"] = other.get(name, "")
            changed.append(row)
    return changed


def _by_claim(run: FinishedRun) -> dict[tuple[str, str], Mapping[str, str]]:
    return {(claim["study"], claim["claim_id"]): claim for claim in run.claims}


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many things of their common studies both runs have, or only one of them."""

    both: int
    only_a: int
    only_b: int


def claims_of_both(a: FinishedRun, b: FinishedRun) -> Overlap:
    """Return in which of the runs the claims were judged."""
    return _overlap(a, b, *(_by_claim(run).keys() for run in (a, b)))


def results_of_both(a: FinishedRun, b: FinishedRun) -> Overlap:
    """Return in which of the runs the results under the primary settings are."""
    places = [
        {_place(row) for row in run.estimates if row["scenario"] == PRIMARY}
        for run in (a, b)
    ]
    return _overlap(a, b, *places)


def _overlap(a: FinishedRun, b: FinishedRun, here: Set, there: Set) -> Overlap:
    # A key begins with its study.
    here, there = (
        {key for key in keys if key[0] in a.inputs and key[0] in b.inputs}
        for keys in (here, there)
    )
    return Overlap(len(here & there), len(here - there), len(there - here))


def estimate_moves(a: FinishedRun, b: FinishedRun) -> list[dict[str, object]]:
    """Return the estimates of both runs that moved, in the order of ``a``.

    Results under the primary settings and under the scenarios that both runs have.
    ``difference`` is b - a, ``ratio`` b / a for ratios only; ``shift`` is how far the
    estimate moved, in half-widths of the interval of a on its scale (1: to its limit).
    """
    here, there = _by_place(a), _by_place(b)
    return [
        {"run_a": a.name, "run_b": b.name, **moved}
        for place, rows in here.items()
        if place in there
        for row, other in _pairs(rows, there[place])
        if (moved := _moved(row, other))
    ]


def _by_place(run: FinishedRun) -> dict[tuple, list[Mapping]]:
    rows: dict[tuple, list[Mapping]] = {}
    for row in run.estimates:
        if row["scenario"] not in _TRIED:
            rows.setdefault(_place(row), []).append(row)
    return rows


def _place(row: Mapping) -> tuple:
    left_out = _LEFT_OUT.search(str(row["convention"]))
    named = (str(row.get(column, "")) for column in PLACE)
    return (*named, row["scenario"], left_out.group() if left_out else "")


def _pairs(
    rows: Sequence[Mapping], others: Sequence[Mapping]
) -> Iterator[tuple[Mapping, Mapping]]:
    several = any(len({row["specification"] for row in r}) > 1 for r in (rows, others))
    if not several:
        yield rows[0], others[0]
    names = ("specification", "test", "interval_method")[not several :]
    here, there = _named(rows, names), _named(others, names)
    for name, row in here.items():
        if name in there and (several or row is not rows[0]):
            yield row, there[name]


def _named(
    rows: Sequence[Mapping], names: Sequence[str]
) -> dict[tuple[object, ...], Mapping]:
    """Return the rows by their names; what has no name of its own is left out."""
    found: dict[tuple[object, ...], list[Mapping]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return {name: alike[0] for name, alike in found.items() if len(alike) == 1}


def _moved(a: Mapping, b: Mapping) -> dict[str, object] | None:
    fields = [name for name in _NUMBERS if not _same(a[name], b[name])]
    if not fields:
        return None
    ratio = a["statistic"] in RATIOS
    shift = _shift(a, b, ratio)
    row: dict[str, object] = {column: a.get(column, "") for column in PLACE}
    row |= {name: a[name] for name in ("scenario", "time_unit", "unit", "kind")}
    row["moved"] = " ".join(fields)
    row["difference"] = b["estimate"] - a["estimate"]
    row["ratio"] = b["estimate"] / a["estimate"] if ratio and a["estimate"] > 0 else NAN
    row["shift"] = shift
    row["significance"] = _significance(a["p_value"], b["p_value"])
    for name in (*_NUMBERS, *_TOLD):
        row[f"{name}_a"], row[f"{name}_b"] = a[name], b[name]
    return row


def _same(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=_SAME, abs_tol=1e-12)


def scaled(value: float, row: Mapping, run: str = "a") -> float:
    """Return a number in half-widths of an estimate's interval, from the estimate.

    ``row`` is a row of :func:`estimate_moves` and ``run`` whose interval is meant.
    Ratios are taken by their logarithm; not a number where there is no interval.
    """
    ends = [row[f"{name}_{run}"] for name in ("estimate", "conf_low", "conf_high")]
    return _scaled(value, *ends, ratio=row["statistic"] in RATIOS)


def _scaled(
    value: float, estimate: float, low: float, high: float, *, ratio: bool
) -> float:
    if ratio:
        if not value > 0 or not estimate > 0 or not low > 0:
            return NAN
        value, estimate, low, high = map(math.log, (value, estimate, low, high))
    half = (high - low) / 2
    if not (math.isfinite(half) and half > 0):
        return NAN
    return (value - estimate) / half


def _shift(a: Mapping, b: Mapping, ratio: bool) -> float:
    ends = (a["estimate"], a["conf_low"], a["conf_high"])
    return _scaled(b["estimate"], *ends, ratio=ratio)


def _significance(a: float, b: float) -> str:
    if math.isnan(a) or math.isnan(b) or (a < 0.05) == (b < 0.05):
        return ""
    return "lost" if a < 0.05 else "gained"
