"""Estimates as an analysis results dataset: one row per statistic of an estimate.

The fields are those of analysis results data (ARD) as the R package cards names them,
the model behind CDISC's Analysis Results Standard; docs/analysis_results.md maps them.
Cells of estimates.csv are passed on as they are written there, so no number is rounded,
computed or left out on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from reanalysis.failures import Failure
from reanalysis.formatting import journal_number
from reanalysis.reporting.forest_rows import name_of
from reanalysis.results import COLUMNS as ESTIMATES
from reanalysis.results import NUMBERS

#: Columns of estimates.csv by which results are grouped, in the order of group1, ...
GROUPS = ("group", "reference", "cause", "timepoint")

#: Statistics of an estimate with cells of their own in estimates.csv: their name as
#: broom and cardx spell it, and their label. Other numbers keep the column's name.
STATISTICS = {
    "std_error": ("std.error", "standard error"),
    "conf_low": ("conf.low", "lower confidence limit"),
    "conf_high": ("conf.high", "upper confidence limit"),
    "conf_level": ("conf.level", "confidence level"),
    "test_statistic": ("statistic", "test statistic"),
    "df": ("parameter", "degrees of freedom"),
    "p_value": ("p.value", "p-value"),
    "n": ("N", "patients or observations"),
    "events": ("n.event", "events"),
    "members": ("members", "members of the ensemble"),
    "effective_members": ("effective.members", "effective members of the ensemble"),
    "band_low": ("band.low", "2.5% point over members"),
    "band_high": ("band.high", "97.5% point over members"),
    "p_value_band_low": ("p.value.band.low", "p-value, 2.5% point over members"),
    "p_value_band_high": ("p.value.band.high", "p-value, 97.5% point over members"),
}

#: Words that say how a statistic was made; they are statistics too, told by stat_fmt.
WORDS = {
    "interval_method": ("conf.type", "method of the confidence interval"),
    "test": ("method", "test"),
    "alternative": ("alternative", "alternative of the test"),
}

#: Kept beside the fields of an ARD, under their names in estimates.csv.
BESIDE = (
    "study",
    "analysis",
    "dataset",
    "kind",
    "population",
    "statistic",
    "unit",
    "time_unit",
    "scenario",
    "specification",
)

# What becomes a field of an ARD; convention is found by estimate_id, being long.
_FIELDS = {"endpoint", "term", "method", "note", "convention", "estimate_id", *GROUPS}
#: Words of estimates.csv that no field takes: they follow under their own names.
FURTHER = tuple(
    column
    for column in ESTIMATES
    if column not in NUMBERS and column not in {*_FIELDS, *BESIDE, *WORDS}
)

COLUMNS = (
    *(f"group{k}{end}" for k in range(1, len(GROUPS) + 1) for end in ("", "_level")),
    "variable",
    "variable_level",
    "context",
    "stat_name",
    "stat_label",
    "stat",
    "stat_fmt",
    "warning",
    "error",
    *BESIDE,
    *FURTHER,
    "estimate_id",
)

_NUMBERS = tuple(c for c in ESTIMATES if c in NUMBERS and c != "estimate")
_PARTS = {"_min": "smallest", "_max": "largest"}


def records(estimates: Iterable[Mapping[str, str]]) -> Iterator[list[str]]:
    """Yield the rows of the dataset in the order of :data:`COLUMNS`.

    ``estimates`` are rows of estimates.csv as text. Each estimate has one row for its
    estimate, empty where there is none (a test, a median not reached), and one for
    every other cell that is filled. The note of an estimate is the ``warning`` of all
    its rows.
    """
    for row in estimates:
        before = []
        for column in GROUPS:
            before += [column, row[column]] if row[column] else ["", ""]
        before += [row["endpoint"], row["term"], row["method"]]
        after = [row["note"], "", *(row[c] for c in (*BESIDE, *FURTHER))]
        after.append(row["estimate_id"])
        statistic, unit = row["statistic"], row["unit"]
        named = name_of(statistic)
        yield [
            *before,
            *("estimate", named, row["estimate"]),
            formatted("estimate", row["estimate"], statistic, unit),
            *after,
        ]
        for column in _NUMBERS:
            if cell := row[column]:
                text = formatted(column, cell, statistic, unit)
                name, label = _called(column)
                yield [*before, name, label.format(named), cell, text, *after]
        for column, (name, label) in WORDS.items():
            if cell := row[column]:
                yield [*before, name, label, "", cell, *after]


def missing(failed: Iterable[Failure]) -> Iterator[list[str]]:
    """Yield a row for each failure of a study or method: it gave no estimates.

    Without such rows what is missing could not be told from what nobody asked for.
    """
    for failure in failed:
        row = dict.fromkeys(COLUMNS, "")
        row.update(study=failure.study, context=failure.step, error=failure.message)
        row.update(stat_name="estimate", stat_label="estimate")
        yield list(row.values())


@cache
def _called(column: str) -> tuple[str, str]:
    """Return name and label of a number's column; {} stands for the estimate's name."""
    if column in STATISTICS:
        return STATISTICS[column]
    stem, extreme = column[:-4], _PARTS.get(column[-4:])
    if extreme is None:
        return column.replace("_", "."), column.replace("_", " ")
    name, label = STATISTICS.get(stem, (stem, "{}"))
    return f"{name}.{column[-3:]}", f"{label}, {extreme} value"


@cache
def formatted(column: str, cell: str, statistic: str, unit: str) -> str:
    """Return a cell as a journal prints it; nothing for an empty one."""
    if not cell:
        return ""
    number = float(cell)
    if column == "conf_level":
        return f"{100 * number:g}%"
    if column in {"df", "effective_members", "std_error"}:
        return journal_number(number)
    if column == "members":
        return f"{number:.0f}"
    field = column.removesuffix("_min").removesuffix("_max")
    field = "p_value" if field.startswith("p_value") else field
    return journal_number(number, statistic=statistic, unit=unit, field=field)
