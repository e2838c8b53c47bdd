"""Many small data sets as the rows of one array: codes, blocks, places of rows.

What the estimators on arrays share. A data set is a row, a patient a column; whoever
a data set does not have is nan, so that data sets of different sizes fit one array.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reanalysis.errors import MethodError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Result = TypeVar("Result")

#: Entries of one block: its arrays stay in the cache, and memory does not grow.
BLOCK = 24_576


def blocks(sets: int, patients: int) -> list[slice]:
    """Return the rows of blocks of data sets, in their order; at least one block."""
    step = max(1, BLOCK // max(1, patients))
    return [slice(k, k + step) for k in range(0, max(1, sets), step)]


def joined(parts: list[Result]) -> Result:
    """Put the results of blocks together: dataclasses of arrays, data sets first."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )


def coded(codes: ArrayLike, present: Bools, what: str) -> Bools:
    """Return 0/1 codes as booleans, false for whoever is not ``present``.

    Raises :class:`MethodError`, which names ``what`` they tell, for other codes.
    """
    codes = np.atleast_2d(np.asarray(codes))
    if codes.dtype == bool:
        return codes & present
    codes = codes.astype(float)
    marked = codes == 1
    if (present & ~marked & (codes != 0)).any():
        raise MethodError(f"Each patient needs a 0 or 1 for the {what}.")
    return marked & present


def taken(values: NDArray, places: Ints) -> NDArray:
    """Return the values at ``places`` of each row; one row of places serves all.

    As ``numpy.take_along_axis``, in a fifth of the time.
    """
    if len(places) == 1:
        return values[:, places[0]]
    if len(values) == 1:
        return values[0][places]
    steps = np.arange(len(values))[:, None] * values.shape[1]
    return values.ravel().take(places + steps)
