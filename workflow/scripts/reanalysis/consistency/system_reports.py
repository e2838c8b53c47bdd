"""What one comparison prints, as items a solver can read.

A :class:`Report` knows nothing of study files: it is made from a row of a table of
many reports (:func:`from_row`) or from the claims of a study
(:mod:`reanalysis.consistency.system_claims`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reanalysis.errors import InputError
from reanalysis.rounding import Printed, cut_off, interval

#: What an item may be. ``survival`` is a Kaplan-Meier probability from 0 to 1,
#: ``event_share`` the events as a share of the patients, ``events_by`` the events
#: up to a time, ``median_low`` and ``median_high`` the limits of a median.
KINDS = frozenset(
    {
        "n",
        "events",
        "event_share",
        "events_by",
        "at_risk",
        "survival",
        "median",
        "median_low",
        "median_high",
        "person_time",
        "expected",
        "hr",
        "low",
        "high",
        "p",
        "chi2",
    }
)
#: Items about the comparison, not about one group.
COMPARING = frozenset({"hr", "low", "high", "p", "chi2"})
#: Items that say something about the curve of one group.
ON_CURVE = frozenset({"at_risk", "survival", "median", "events_by", "person_time"})

Side = Literal["", "two-sided", "one-sided"]


@dataclass(frozen=True, slots=True)
class Item:
    """One printed number of a comparison.

    ``low`` and ``high`` bound the true values behind it, in natural units
    (shares from 0 to 1). ``group`` is empty for the whole comparison; ``time``
    is where a curve is read. A median that was not reached is infinite. ``cut``
    bounds the values of which the text is the first digits, where they were cut off
    instead of rounded.
    """

    id: str
    kind: str
    low: float
    high: float
    text: str
    group: str = ""
    time: float = math.nan
    source: str = ""
    cut: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that no relation knows."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of item: {self.kind}")

    def rounded_or_cut(self) -> Item:
        """Return the item with the values of both ways to shorten a number."""
        if self.cut is None:
            return self
        low, high = min(self.low, self.cut[0]), max(self.high, self.cut[1])
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one source prints about one comparison.

    ``groups`` are all groups of it; a hazard ratio compares the first of
    ``compared`` with the second, and ``complete`` says that the groups make up the
    whole. Empty ``curve``, ``variance``, ``interval``, ``p_test`` or ``alternative``
    means that the source does not say: what then rests on the usual reading can
    prove nothing.
    """

    label: str
    items: tuple[Item, ...]
    groups: tuple[str, ...] = ("1", "0")
    compared: tuple[str, str] = ("1", "0")
    complete: bool = True
    curve: str = "kaplan-meier"
    variance: str = ""
    interval: str = ""
    p_test: str = ""
    alternative: Side = ""
    conf_level: float | None = None
    time_unit: str = ""


_CELL = re.compile(
    r"(?P<kind>[a-z]+(?:_[a-z]+)*2?)(?P<group>[01])?(?:@(?P<time>[0-9.]+))?"
)
_SETTINGS = ("label", "variance", "interval", "p_test", "alternative", "time_unit")
_NOT_REACHED = re.compile(r"(?i)not reached|nr|n\.?r\.?|na|∞|inf(inity)?")
_WHOLE = frozenset({"n", "events", "events_by", "at_risk"})


def from_row(row: Mapping[str, str], label: str = "") -> Report:
    """Return the report of one row of a table of many.

    Columns: ``n, n1, n0, events, events1, events0, share1`` (events among
    patients), ``at_risk1@12, survival1@12, events1@12`` (by then), ``median1,
    median_low1, median_high1, person_time1, expected1, hr, low, high, p, chi2``,
    and the settings of :class:`Report`. Cells are the printed text with all its
    digits (``0.50``, ``77%``, ``<0.001``, ``not reached``); empty cells and
    other columns say nothing.
    """
    items = []
    for column, cell in row.items():
        text = str(cell).strip() if cell is not None else ""
        match = _CELL.fullmatch(column)
        if not text or column in _SETTINGS or column == "conf_level" or not match:
            continue
        kind, time = match["kind"], math.nan
        kind = {"share": "event_share"}.get(kind, kind)
        if match["time"] is not None:
            time = float(match["time"])
            kind = "events_by" if kind == "events" else kind
        if kind not in KINDS:
            continue
        items.append(item(column, kind, text, group=match["group"] or "", time=time))
    level = str(row.get("conf_level") or "").strip().removesuffix("%")
    conf_level = float(level) if level else None
    if conf_level is not None and conf_level > 1:
        conf_level /= 100
    settings = {key: str(row.get(key) or "").strip() for key in _SETTINGS}
    settings["label"] = settings["label"] or label
    return Report(items=tuple(items), conf_level=conf_level, **settings)


def item(
    name: str,
    kind: str,
    text: str,
    *,
    group: str = "",
    time: float = math.nan,
    printed: str = "",
    source: str = "",
) -> Item:
    """Return the item behind a printed text such as ``77%`` or ``<0.001``.

    Raises :class:`InputError` for text that is no number.
    """
    shown = printed or text
    if kind in {"median", "median_low", "median_high"} and _NOT_REACHED.fullmatch(text):
        return Item(name, kind, math.inf, math.inf, shown, group, time, source)
    relation = "="
    if text[:1] in "<>~≤≥":
        relation, text = text[0].replace("≤", "<").replace("≥", ">"), text[1:].strip()
    percent = text.endswith("%")
    number = text.removesuffix("%").strip()
    field_name = "p_value" if kind == "p" else "estimate"
    found = interval(number, number, relation, field=field_name)
    low, high = bounds(found, kind)
    cut = bounds(cut_off(found), kind)
    if percent:
        low, high = low / 100, high / 100
        cut = cut[0] / 100, cut[1] / 100
    if kind in {"survival", "event_share"} and low > 1:
        raise InputError("a share above 1", column=name, value=shown, expected="a %")
    return Item(name, kind, low, high, shown, group, time, source, cut)


def bounds(found: Printed, kind: str) -> tuple[float, float]:
    """Return the interval of an item: a whole number stands for itself."""
    if kind in _WHOLE and found.relation == "=":
        return found.value, found.value
    if kind in _WHOLE and found.relation == "<":
        return 0.0, math.ceil(found.value) - 1.0
    if kind in _WHOLE and found.relation == ">":
        return math.floor(found.value) + 1.0, math.inf
    return found.low, found.high
