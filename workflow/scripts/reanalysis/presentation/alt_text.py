"""What a figure shows, in a sentence or two with its numbers, for who cannot see it.

Made from the very marks that the csv beside a figure holds, so that nothing is said
that is not drawn. Captions say how to read a figure; this says what is seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from reanalysis.formatting import MINUS, journal_p, significant

Marks = Sequence[Mapping]

#: Parts named before the others are counted.
MOST = 8


def described(title: str, kind: str, drawn: Marks) -> str:
    """Return the text of a figure with these marks.

    ``kind`` is that of the data; data that were never observed are said to be so.
    """
    present = {str(mark["element"]) for mark in drawn}
    for elements, sentence in _SENTENCES:
        if elements & present:
            text = sentence(drawn)
            break
    else:
        text = "No mark is drawn."
    # Said first: whoever stops listening must not take them for patients.
    seen = "" if kind in ("individual", "summary") else f"{kind.upper()} DATA. "
    return f"{seen}{title.rstrip('.')}. {text}"


def _curves(drawn: Marks) -> str:
    """Tell of survival or incidence or mean numbers where each curve ends."""
    elements = {str(mark["element"]) for mark in drawn}
    incidence = "1 - Kaplan-Meier" in elements
    mean = not incidence and "table: censored" not in elements
    what = (
        "Cumulative incidence" if incidence
        else "Mean number of events" if mean else "Kaplan-Meier curves"
    )  # fmt: skip
    parts = []
    for panel, series, own in _by_series(drawn, "step"):
        last = own[-1]
        name = ", ".join(filter(None, [panel, series])) or "all patients"
        level = _number(last["y"]) if mean else f"{_number(100 * last['y'])}%"
        text = f"{name} {'rises' if mean or incidence else 'falls'} to {level} at "
        if not (mean or incidence) and last["y"] == own[0]["y"]:
            text = f"{name} stays at {level} to "
        text += _number(last["x"])
        median = [
            m["x"]
            for m in drawn
            if m["element"] == "median" and (m["panel"], m["series"]) == (panel, series)
        ]
        if median and not mean:
            text += (
                f" (median {_number(median[0])})" if _finite(median[0])
                else " (median not reached)"
            )  # fmt: skip
        parts.append(text)
    return f"{what}: {_listed(parts)}.{_printed(drawn)}"


def _swimmer(drawn: Marks) -> str:
    parts = []
    for panel, series, own in _by_series(drawn, "follow-up"):
        here = [m for m in drawn if (m["panel"], m["series"]) == (panel, series)]
        events = sum(str(m["element"]).startswith("event: ") for m in here)
        ends = sum(m["element"] == "end without event" for m in here)
        longest = max(m["high"] for m in own)
        parts.append(
            f"{series or 'all patients'}, {len(own)} patients followed for "
            f"{_number(min(m['high'] for m in own))} to {_number(longest)}, "
            f"{events} events, {ends} still without it at the end"
        )
    return f"A bar per patient: {_listed(parts)}."


def _ladder(drawn: Marks) -> str:
    parts = []
    for panel in dict.fromkeys(str(m["panel"]) for m in drawn):
        gives, not_given = [], []
        for _, series, own in _by_series(drawn, "attainable p", panel):
            inside = [m["p_value"] for m in own if m["text"]]
            if inside:
                ends = dict.fromkeys(f"{p:.3g}" for p in (min(inside), max(inside)))
                gives.append(f"{series} ({' to '.join(ends)})")
            else:
                least = min(m["p_value"] for m in own)
                not_given.append(f"{series} (smallest {least:.3g})")
        told = [f"Given by {_listed(gives, 4)}"] if gives else []
        told += [f"Not given by {_listed(not_given, 4)}"] if not_given else []
        parts.append(f"{panel}. {'. '.join(told)}.")
    return f"P-values that tests of this size can give. {' '.join(parts)}"


def _forest(drawn: Marks) -> str:
    rows = [
        m
        for m in drawn
        if m["element"] in ("primary", "stated", "scenario", "median of members")
    ]
    several = len({str(m["panel"]) for m in rows}) > 1
    if several:
        # One row of each part first: what it says without any choice made otherwise.
        rows = [m for m in rows if m["element"] != "scenario"] or rows
    parts = [_row(m, several) for m in rows[:MOST]]
    if len(rows) > MOST:
        parts.append(f"{len(rows) - MOST} more rows")
    # The range of an estimate is told with it; extremes have no estimate.
    told_of = {(m["panel"], m["series"]) for m in rows}
    ends = [
        m
        for m in drawn
        if m["element"] == "ends of members"
        and (m["panel"], m["series"]) not in told_of
    ]
    tests = rows and not any(map(_has_x, rows))
    number = journal_p if tests else _number
    spread = ""
    if ends:
        # One row per part, and each has the same name.
        parted = len({str(m["panel"]) for m in ends}) > 1
        told = [
            f"{m['panel']} {number(m['low'])} to {number(m['high'])}"
            if parted
            else f"{number(m['low'])} to {number(m['high'])}"
            for m in ends
        ]
        spread = f" Smallest to largest over all data sets: {_listed(told)}."
    opening = "P-values" if tests else "Estimates with intervals"
    listed = f": {'; '.join(parts)}" if parts else ""
    return f"{opening}{listed}.{spread}{_printed(drawn)}"


def _row(mark: Mapping, several: bool) -> str:
    name = f"{mark['panel']}: {mark['series']}" if several else str(mark["series"])
    if mark["element"] == "median of members":
        return f"{name} {mark['text']}".replace(";", ",")
    if mark["text"]:
        # As the row says it, p-value last.
        return f"{name} {mark['text']}".replace("; ", ", p ")
    if not _has_x(mark):
        return f"{name} p {journal_p(mark['p_value'])}"
    return f"{name} {_number(mark['x'])}"


def _has_x(mark: Mapping) -> bool:
    return _finite(mark["x"])


def _points(drawn: Marks) -> str:
    """Tell of patients' values: how many, between what, around which median."""
    parts = []
    for panel, series, own in _by_series(drawn, "point"):
        for at in dict.fromkeys(m["x"] for m in own):
            here = [m["y"] for m in own if m["x"] == at and _finite(m["y"])]
            if not here:
                continue
            name = ", ".join(filter(None, [panel, series]))
            when = str(at) if isinstance(at, str) else f"at {_number(at)}"
            when = "" if when == series else when
            middle = sorted(here)
            half = len(here) // 2
            median = (middle[half] + middle[-half - 1]) / 2
            label = " ".join(filter(None, [name, when])) or "all patients"
            parts.append(
                f"{label}: {len(here)} values from {_number(min(here))} to "
                f"{_number(max(here))}, median {_number(median)}"
            )
    fitted = [
        f"{series or 'all'} from {_number(own[0]['y'])} at {_number(own[0]['x'])} to "
        f"{_number(own[-1]['y'])} at {_number(own[-1]['x'])}"
        for _, series, own in _by_series(drawn, "fitted")
    ]
    lines = f" Lines of the model: {_listed(fitted)}." if fitted else ""
    return f"Values of patients. {_listed(parts)}.{lines}"


def _likelihood(drawn: Marks) -> str:
    parts = []
    for panel, series, own in _by_series(drawn, "curve"):
        top = max(own, key=lambda m: m["y"])
        limits = [
            _number(m["x"])
            for m in drawn
            if m["element"] == "limit" and (m["panel"], m["series"]) == (panel, series)
        ]
        text = (
            f"{', '.join(filter(None, [panel, series]))} highest at {_number(top['x'])}"
        )
        parts.append(text + (f", limits {' and '.join(limits)}" if limits else ""))
    return f"Log likelihood over the hazard ratio: {_listed(parts)}.{_printed(drawn)}"


def _residuals(drawn: Marks) -> str:
    parts = []
    for panel, _, own in _by_series(drawn, "residual"):
        level = next(
            (
                m["y"]
                for m in drawn
                if (m["element"], m["panel"]) == ("estimate", panel)
            ),
            math.nan,
        )
        parts.append(
            f"{panel or 'residuals'}: {len(own)} points from {_number(own[0]['x'])} to "
            f"{_number(own[-1]['x'])} around {_number(level)}"
        )
    return f"Scaled Schoenfeld residuals over time. {_listed(parts)}."


def _lines(drawn: Marks) -> str:
    parts = [
        f"{series} {_number(own[0]['y'])} at {_number(own[0]['x'])}, "
        f"{_number(own[-1]['y'])} at {_number(own[-1]['x'])}"
        for _, series, own in _by_series(drawn, "line")
    ]
    return f"Assumed, not observed: {_listed(parts)}."


def _balance(drawn: Marks) -> str:
    before = {m["x"]: abs(m["y"]) for m in drawn if m["series"] == "before"}
    after = {m["x"]: abs(m["y"]) for m in drawn if m["series"] == "after"}
    parts = [
        f"{name} {_number(value)} before and {_number(after[name])} after"
        for name, value in before.items()
        if name in after
    ]
    return f"Absolute standardised differences: {_listed(parts)}."


def _matches(drawn: Marks) -> str:
    parts = [
        f"{series}, {sum(bool(m['y']) for m in own)} of {len(own)} rows matched, at "
        f"{_number(min(m['x'] for m in own))} to {_number(max(m['x'] for m in own))}"
        for _, series, own in _by_series(drawn, "patient")
    ]
    return f"Propensity scores: {_listed(parts)}."


def _falls(drawn: Marks) -> str:
    parts = []
    for _, series, own in _by_series(drawn, "reduction"):
        levels = [m["y"] for m in own]
        parts.append(
            f"{series} {_number(100 * min(levels))}% to {_number(100 * max(levels))}%"
        )
    seen = [
        f"{m['series']} {_number(100 * m['y'])}%"
        for m in drawn
        if m["element"] == "observed"
    ]
    told = f" Fall seen: {_listed(seen)}." if seen else ""
    return f"Fall of the mean count by selection alone: {_listed(parts)}.{told}"


def _veil(drawn: Marks) -> str:
    members = {m["text"] for m in drawn if m["element"] == "member"}
    parts = []
    for panel, series, own in _by_series(drawn, "median of members"):
        last = own[-1]
        # A panel is a prior: without its name two of them contradict each other.
        name = ", ".join(filter(None, [panel, series])) or "all patients"
        parts.append(
            f"{name} falls to {_number(100 * last['y'])}% "
            f"(95% of data sets, {_number(100 * last['low'])}% to "
            f"{_number(100 * last['high'])}%) at {_number(last['x'])}"
        )
    points = sum(m["element"] == "printed curve" for m in drawn)
    told = f" {points} points of the printed curve lie over them." if points else ""
    middle = f"; the median of all: {_listed(parts)}" if parts else ""
    return (
        f"Survival curves of {len(members)} data sets{middle}.{told}{_printed(drawn)}"
    )


def _specifications(drawn: Marks) -> str:
    """Tell of a multiverse: how many specifications, from where to where."""
    points = [m for m in drawn if m["element"] in ("primary", "specification")]
    values = [m["y"] for m in points if _finite(m["y"])]
    if not values:
        return f"Specification curve of {len(points)} specifications without a number."
    first = [m["y"] for m in points if m["element"] == "primary" and _finite(m["y"])]
    text = (
        f"Specification curve: {len(points)} specifications from "
        f"{_number(min(values))} to {_number(max(values))}"
    )
    text += f"; the primary one {_number(first[0])}" if first else ""
    return f"{text}.{_printed(drawn)}"


def _tiles(drawn: Marks) -> str:
    totals: dict[str, float] = {}
    for mark in drawn:
        verdict = str(mark["text"]).replace("_", " ")
        totals[verdict] = totals.get(verdict, 0) + mark["x"]
    studies = len({mark["series"] for mark in drawn})
    parts = [f"{n:.0f} {v}" for v, n in sorted(totals.items(), key=lambda x: -x[1])]
    return f"Printed numbers of {studies} studies by verdict: {', '.join(parts)}."


def _notice(drawn: Marks) -> str:
    return f"Nothing is drawn: {drawn[0]['text']}"


#: The sentence of a figure is chosen by its marks, the most telling first.
_SENTENCES: tuple[tuple[frozenset[str], Callable[[Marks], str]], ...] = (
    (frozenset({"notice"}), _notice),
    (frozenset({"member"}), _veil),
    (frozenset({"follow-up"}), _swimmer),
    (frozenset({"attainable p"}), _ladder),
    (frozenset({"tiles"}), _tiles),
    (frozenset({"specification"}), _specifications),
    (frozenset({"difference"}), _balance),
    (frozenset({"patient"}), _matches),
    (frozenset({"reduction"}), _falls),
    (frozenset({"residual"}), _residuals),
    (frozenset({"curve"}), _likelihood),
    (frozenset({"line"}), _lines),
    (frozenset({"step"}), _curves),
    (
        frozenset({"primary", "scenario", "median of members", "ends of members"}),
        _forest,
    ),
    (frozenset({"point"}), _points),
)


def _by_series(
    drawn: Marks, element: str, panel: str | None = None
) -> list[tuple[str, str, list[Mapping]]]:
    """Return the marks of one element by panel and series, in the order drawn."""
    found: dict[tuple[str, str], list[Mapping]] = {}
    for mark in drawn:
        if mark["element"] == element and panel in (None, mark["panel"]):
            own = (str(mark["panel"]), str(mark["series"]))
            found.setdefault(own, []).append(mark)
    return [(*own, marks) for own, marks in found.items()]


def _printed(drawn: Marks) -> str:
    """Name the printed values among the marks."""
    said = []
    for mark in drawn:
        if mark["element"] != "printed":
            continue
        value = (
            mark["x"] if _finite(mark["x"]) and not mark["text"] else mark["p_value"]
        )
        said.append(str(mark["text"]) or (_number(value) if _finite(value) else ""))
    known = [text for text in dict.fromkeys(said) if text]
    return f" Printed: {_listed(known)}." if known else ""


def _listed(parts: Sequence[str], most: int = MOST) -> str:
    if len(parts) <= most:
        return "; ".join(parts)
    return "; ".join(parts[:most]) + f"; and {len(parts) - most} more"


def _number(x: float) -> str:
    if not _finite(x):
        return "not known" if not isinstance(x, float) or math.isnan(x) else "infinity"
    text = significant(abs(x)) if x != int(x) else f"{abs(x):.0f}"
    return (MINUS if x < 0 else "") + text


def _finite(x: object) -> bool:
    return isinstance(x, (int, float)) and math.isfinite(x)
