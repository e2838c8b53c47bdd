"""Columns a study declares from others: no code, one named operation each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from reanalysis.errors import InputError
from reanalysis.studies.selection import rows_where

_PERCENT = re.compile(r"\d+(\.\d+)?\s*%?")

Cell = float | str | None
Columns = dict[str, list[Cell]]


def derive(columns: Columns, declared: Mapping[str, Mapping[str, object]]) -> Columns:
    """Return the columns with the declared ones added, in the order declared.

    Raises :class:`InputError` when a column an operation names is absent, is
    not numeric where numbers are needed, or when the new name is taken.
    """
    columns = dict(columns)
    for name, operation in declared.items():
        ((kind, argument),) = operation.items()
        if name in columns:
            raise InputError(f"the derived column '{name}' exists already")
        columns[name] = _OPERATIONS[kind](columns, argument)
    return columns


def _column(columns: Columns, name: str) -> list[Cell]:
    if name not in columns:
        raise InputError(
            f"a derived column needs the column '{name}', which does not exist",
            expected="one of " + ", ".join(columns),
        )
    return columns[name]


def _numbers(columns: Columns, name: str) -> list[float | None]:
    values = _column(columns, name)
    for value in values:
        if isinstance(value, str):
            raise InputError(
                f"a derived column needs numbers in '{name}'",
                value=value,
                expected="type: number for that column",
            )
    return values


def _each(
    function: Callable[..., Cell], columns: Columns, names: list[str]
) -> list[Cell]:
    lists = [_numbers(columns, name) for name in names]
    return [
        None if any(v is None for v in row) else function(*row)
        for row in zip(*lists, strict=True)
    ]


def _condition(columns: Columns, sentence: str) -> list[Cell]:
    return [float(held) for held in rows_where(sentence, columns)]


def _event_from(columns: Columns, argument: Mapping) -> list[Cell]:
    codes = {str(code) for code in argument["codes"]}
    return [
        None if value is None else float(_plain(value) in codes)
        for value in _column(columns, argument["column"])
    ]


def _censor_time(columns: Columns, argument: Mapping) -> list[Cell]:
    at = float(argument["at"])
    return _each(lambda time: min(time, at), columns, [argument["time"]])


def _censor_event(columns: Columns, argument: Mapping) -> list[Cell]:
    at = float(argument["at"])
    return _each(
        lambda time, event: event if time <= at else 0.0,
        columns,
        [argument["time"], argument["event"]],
    )


def _ratio(columns: Columns, names: list[str]) -> list[Cell]:
    return _each(lambda a, b: a / b if b else None, columns, names)


def _scale(columns: Columns, argument: Mapping) -> list[Cell]:
    factor = float(argument["factor"])
    return _each(lambda value: value * factor, columns, [argument["column"]])


def _recode(columns: Columns, argument: Mapping) -> list[Cell]:
    renamed = {
        str(old): float(new) if isinstance(new, int | float) else str(new)
        for old, new in argument["map"].items()
    }
    return [
        None if value is None else renamed.get(_plain(value), value)
        for value in _column(columns, argument["column"])
    ]


def _per_patient(
    combine: Callable[[list[float]], float],
) -> Callable[[Columns, Mapping], list[Cell]]:
    def operation(columns: Columns, argument: Mapping) -> list[Cell]:
        values = _numbers(columns, argument["column"])
        patients = _column(columns, argument["per"])
        known: dict[Cell, list[float]] = {}
        for patient, value in zip(patients, values, strict=True):
            if value is not None:
                known.setdefault(patient, []).append(value)
        return [combine(known[p]) if p in known else None for p in patients]

    return operation


def _count_from_percent(columns: Columns, argument: Mapping) -> list[Cell]:
    # The printed digits matter, so the percentage column must be text.
    counts: list[Cell] = []
    totals = _numbers(columns, argument["n"])
    for text, n in zip(_column(columns, argument["percent"]), totals, strict=True):
        if text is None or n is None:
            counts.append(None)
            continue
        if not isinstance(text, str):
            raise InputError(
                f"count_from_percent needs the printed digits of "
                f"'{argument['percent']}'",
                expected="type: text for that column",
            )
        if not _PERCENT.fullmatch(text) or n < 1 or not n.is_integer():
            raise InputError(
                "no printed percentage of a number of patients",
                value=f"{text} of {n:g}",
                expected="such as 83.3 of 12",
            )
        printed = Decimal(text.rstrip("% "))
        half = Decimal(1).scaleb(printed.as_tuple().exponent) / 2
        fits = [
            k
            for k in range(int(n) + 1)
            if abs(Decimal(100 * k) / int(n) - printed) <= half
        ]
        if len(fits) != 1:
            raise InputError(
                f"{text} % of {int(n)} is no single whole number of patients",
                value=fits or "none fits",
                expected="exactly one",
            )
        counts.append(float(fits[0]))
    return counts


def _plain(value: float | str) -> str:
    """Write a code as a person would: 1, not 1.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


_OPERATIONS: dict[str, Callable[..., list[Cell]]] = {
    "condition": _condition,
    "event_from": _event_from,
    "censor_time": _censor_time,
    "censor_event": _censor_event,
    "difference": lambda columns, names: _each(lambda a, b: a - b, columns, names),
    "ratio": _ratio,
    "sum": lambda columns, names: _each(lambda *row: sum(row), columns, names),
    "smaller": lambda columns, names: _each(min, columns, names),
    "scale": _scale,
    "recode": _recode,
    "total": _per_patient(sum),
    "largest": _per_patient(max),
    "count_from_percent": _count_from_percent,
}
