"""One row per estimated number: the record every method returns and its columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

#: Columns of estimates.csv, in order. Names and order are a contract: append only.
COLUMNS = (
    "estimate_id",
    "study",
    "analysis",
    "method",
    "dataset",
    "kind",
    "population",
    "endpoint",
    "scenario",
    "specification",
    "convention",
    "group",
    "reference",
    "term",
    "cause",
    "timepoint",
    "time_unit",
    "statistic",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "conf_level",
    "interval_method",
    "test",
    "alternative",
    "test_statistic",
    "df",
    "p_value",
    "n",
    "events",
    "unit",
    "members",
    "effective_members",
    "band_low",
    "band_high",
    "note",
    # Appended: how far a number can move within the rounding of printed inputs.
    "estimate_min",
    "estimate_max",
    "conf_low_min",
    "conf_low_max",
    "conf_high_min",
    "conf_high_max",
    "test_statistic_min",
    "test_statistic_max",
    "p_value_min",
    "p_value_max",
    # Appended: of ensembles, the prior behind the members and the band of p-values.
    "prior",
    "p_value_band_low",
    "p_value_band_high",
)

#: Columns that hold numbers; the others hold words even where they look like numbers.
NUMBERS = frozenset(
    column
    for column in COLUMNS
    if column.endswith(("_min", "_max", "members"))
    or column in COLUMNS[COLUMNS.index("estimate") : COLUMNS.index("interval_method")]
    or column in {"test_statistic", "df", "p_value", "n", "events"}
    or "band_" in column
)

#: Fields of an estimate that can be ranges when the inputs are printed numbers.
RANGED = ("estimate", "conf_low", "conf_high", "test_statistic", "p_value")

NAN = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One estimated number with its interval and test.

    ``group`` is the group the number belongs to, or the numerator of a
    comparison; ``reference`` the group it is compared with. ``term`` names a
    coefficient of a model or a category. ``unit`` is ``proportion`` for shares
    and probabilities, the unit of the data for values and times, empty for
    ratios and tests. ``ranges`` holds, for the fields in :data:`RANGED`, the
    smallest and largest value within the rounding of printed inputs.
    """

    statistic: str
    estimate: float = NAN
    std_error: float = NAN
    conf_low: float = NAN
    conf_high: float = NAN
    conf_level: float = NAN
    interval_method: str = ""
    test: str = ""
    alternative: str = ""
    test_statistic: float = NAN
    df: float = NAN
    p_value: float = NAN
    n: float = NAN
    events: float = NAN
    unit: str = ""
    group: str = ""
    reference: str = ""
    term: str = ""
    cause: str = ""
    timepoint: str | float = ""
    time_unit: str = ""
    endpoint: str = ""
    note: str = ""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def record(self, **context: object) -> dict[str, object]:
        """Return the row of this estimate; ``context`` fills the other columns."""
        row: dict[str, object] = dict.fromkeys(COLUMNS, "")
        for f in fields(self):
            if f.name != "ranges":
                row[f.name] = getattr(self, f.name)
        for name, (low, high) in self.ranges.items():
            if name not in RANGED:
                raise KeyError(f"no range is kept for {name!r}")
            row[f"{name}_min"], row[f"{name}_max"] = low, high
        for name, value in context.items():
            if name not in row:
                raise KeyError(f"{name!r} is no column of estimates.csv")
            # An estimate that names its own endpoint (one row of a table of
            # endpoints) keeps it.
            if not (name == "endpoint" and row["endpoint"]):
                row[name] = value
        return row


def joined(*parts: str) -> str:
    """Join the parts of a note, each once."""
    return "; ".join(dict.fromkeys(part for part in parts if part))
