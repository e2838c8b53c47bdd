"""Numbers a paper derives from others it prints, with the rounding carried through."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from ``low`` to ``high``.

    Each input enters an operation once, so the interval of the result is exact:
    both of its ends are reached by inputs within theirs.
    """

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        """Return the sums of one number of each."""
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        """Return the differences of one number of each."""
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        """Return the products of one number of each."""
        corners = [
            a * b for a in (self.low, self.high) for b in (other.low, other.high)
        ]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other: Interval) -> Interval:
        """Return the quotients; unbounded where the divisor can be 0.

        A divisor on both sides of 0 leaves a gap in the middle; the whole line is
        returned. Raises :class:`MethodError` where the divisor is exactly 0.
        """
        if other.low == other.high == 0:
            raise MethodError("The divisor is 0.")
        if other.low < 0 < other.high:
            return Interval(-math.inf, math.inf)
        # A divisor that ends in 0 gives a bound at infinity of its own sign.
        low = 1 / other.high if other.high else -math.inf
        high = 1 / other.low if other.low else math.inf
        corners = [
            a * b if a else 0.0 for a in (self.low, self.high) for b in (low, high)
        ]
        return Interval(min(corners), max(corners))


def _exact(x: float) -> Interval:
    return Interval(x, x)


def _sum(inputs: Sequence[Interval]) -> Interval:
    return reduce(Interval.__add__, inputs)


@dataclass(frozen=True, slots=True)
class Operation:
    """How a number is derived: its formula, inputs, usual statistic and unit.

    ``unit`` None means the unit of the inputs; ``inputs`` None any number of them.
    """

    formula: Callable[[Sequence[Interval], Interval], Interval]
    inputs: int | None
    statistic: str
    unit: str | None


_HUNDRED = _exact(100.0)
_ONE = _exact(1.0)

#: The formulas take the inputs in order and the whole (100 for inputs in per cent,
#: 1 for fractions).
OPERATIONS = {
    "sum": Operation(lambda x, whole: _sum(x), None, "sum", None),
    "mean": Operation(
        lambda x, whole: _sum(x) / _exact(float(len(x))), None, "mean", None
    ),
    "product": Operation(
        lambda x, whole: reduce(Interval.__mul__, x), None, "product", None
    ),
    "difference": Operation(lambda x, whole: x[0] - x[1], 2, "difference", None),
    "ratio": Operation(lambda x, whole: x[0] / x[1], 2, "ratio", ""),
    "percent_of": Operation(
        lambda x, whole: _HUNDRED * (x[0] / x[1]), 2, "percent_of", "%"
    ),
    "percent_reduction": Operation(
        lambda x, whole: _HUNDRED * (_ONE - x[0]), 1, "percent_reduction", "%"
    ),
    "relative_reduction": Operation(
        lambda x, whole: _HUNDRED * (_ONE - x[0] / x[1]), 2, "percent_reduction", "%"
    ),
    "number_needed_to_treat": Operation(
        lambda x, whole: whole / (x[0] - x[1]), 2, "number_needed_to_treat", ""
    ),
    "complement": Operation(lambda x, whole: whole - x[0], 1, "percent", None),
}


def derive(
    operation: str,
    inputs: Sequence[tuple[float, float]],
    *,
    percent: bool = False,
    scale: float = 1.0,
) -> Interval:
    """Return the interval of a number derived from intervals of true values.

    ``inputs`` are (low, high) in the order of the formula: ``relative_reduction``
    is 100 (1 - a / b), ``number_needed_to_treat`` 1 / (a - b) (100 / (a - b) for
    inputs in ``percent``), ``complement`` 100 - a or 1 - a, ``percent_reduction``
    100 (1 - a) of a ratio. ``scale`` multiplies the result. Raises
    :class:`MethodError` for an unknown operation, the wrong number of inputs and
    a divisor that is 0.
    """
    if operation not in OPERATIONS:
        raise MethodError(
            f"The operation {operation!r} is not known; "
            f"known are {', '.join(OPERATIONS)}."
        )
    wanted = OPERATIONS[operation].inputs
    if not inputs or (wanted is not None and len(inputs) != wanted):
        raise MethodError(
            f"The operation {operation} takes {wanted or 'one or more'} numbers, "
            f"{len(inputs)} were given."
        )
    if any(math.isnan(end) for ends in inputs for end in ends):
        raise MethodError("One of the inputs is no number.")
    result = OPERATIONS[operation].formula(
        [Interval(*ends) for ends in inputs], _HUNDRED if percent else _ONE
    )
    return result * _exact(scale) if scale != 1 else result


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Derive one number from the rows (one input each, in order).

    The unit of the inputs is the column ``unit`` of the rows or else the sample's.
    Options: ``operation``, ``statistic`` and ``scale``. With the setting
    ``inputs: points`` the printed numbers are taken as exact, as an author does
    who computes with rounded ones.
    """
    options, rows = sample.options, sample.rows
    name = str(options.get("operation", ""))
    operation = OPERATIONS.get(name)
    units = set(rows["unit"]) if sample.has("unit") else {sample.unit}
    unit = units.pop() if len(units) == 1 else ""
    percent = unit in {"%", "percent", "percentage points"}
    if operation and operation.unit is not None:
        unit = operation.unit
    statistic = str(
        options.get("statistic") or (operation.statistic if operation else "difference")
    )
    value = rows["value"].astype(float)
    point, ranges, note = NAN, {}, ""
    try:
        kind = {"percent": percent, "scale": float(options.get("scale", 1.0))}
        point = derive(name, list(zip(value, value, strict=True)), **kind).low
        if settings["inputs"] == "intervals" and sample.has("value_low", "value_high"):
            ends = zip(rows["value_low"], rows["value_high"], strict=True)
            wide = derive(name, [(float(a), float(b)) for a, b in ends], **kind)
            ranges = {"estimate": (wide.low, wide.high)}
            if math.isinf(wide.low) or math.isinf(wide.high):
                note = "Within the rounding of the inputs the divisor can be 0."
    except MethodError as error:
        note = str(error)
    return [
        Estimate(
            statistic=statistic, estimate=point, unit=unit, ranges=ranges, note=note
        )
    ]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no tables: derived numbers have no figure of their own."""
    return {}
