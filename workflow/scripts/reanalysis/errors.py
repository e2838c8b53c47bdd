"""What is said to a person whose input cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class InputError(ValueError):
    """A mistake in a file that a person wrote.

    The message is one line that names the file, the row and column where they
    are known, the value found and what is expected instead. Scripts print it
    without a traceback.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        row: int | str | None = None,
        column: str | None = None,
        value: object = None,
        expected: str | None = None,
    ) -> None:
        place = [str(file)] if file else []
        if row is not None:
            place.append(f"row {row}" if isinstance(row, int) else str(row))
        if column:
            place.append(f"column '{column}'")
        message = ", ".join(place) + (": " if place else "") + problem
        if value is not None:
            message += f" (found: {str(value)[:80]!r})"
        if expected:
            message += f"; expected {expected}"
        super().__init__(" ".join(message.split()))


class MethodError(ValueError):
    """Data that a method cannot serve; the message says why in one sentence.

    It becomes a row with an empty estimate and this sentence as its note.
    """


def expect_known(
    name: str,
    known: Iterable[object],
    where: str,
    column: str,
    row: int | None = None,
) -> None:
    """Raise :class:`InputError` unless a name is one of those known."""
    names = [str(k) for k in known]
    if name not in names:
        near = get_close_matches(str(name), names, n=1)
        shown = ", ".join(names[:40]) + (" ..." if len(names) > 40 else "")
        raise InputError(
            "an unknown name" + (f", perhaps '{near[0]}' is meant" if near else ""),
            file=where,
            row=row,
            column=column,
            value=name,
            expected="one of " + shown if names else "none, as there is none",
        )
