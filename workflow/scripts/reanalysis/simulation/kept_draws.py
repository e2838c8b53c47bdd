"""Draws from a prior of which those are kept that meet what was printed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reanalysis.data_set_arrays import Bools, Ints
from reanalysis.errors import MethodError

#: Data sets drawn together: more members continue the same stream.
BLOCK = 2048
#: Blocks after which a print counts as not met.
MOST_BLOCKS = 100


def keep(draw: Callable[[], tuple[Ints, Bools]], members: int) -> tuple[Ints, str]:
    """Return at most ``members`` data sets that meet the print, and how many did.

    ``draw`` returns a block of data sets (sets, patients, 2) and which of them do.
    Raises :class:`MethodError` when none of many does.
    """
    kept, found, tried = [], 0, 0
    for _ in range(MOST_BLOCKS):
        sets, meets = draw()
        kept.append(sets[meets])
        found += len(kept[-1])
        tried += len(sets)
        if found >= members:
            break
    if not found:
        raise MethodError(
            f"None of {tried:,} data sets drawn meets everything printed."
        )
    said = f"{found:,} of {tried:,} data sets drawn meet the print."
    if found < members:
        said += f" Members: {found} instead of {members}."
    return np.concatenate(kept)[:members], said
