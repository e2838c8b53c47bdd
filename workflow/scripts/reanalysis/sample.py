"""What a method receives: the rows of one analysis, columns named by their role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The selected rows of one analysis, ready for an estimator.

    ``rows``: one row per patient (per interval for ``start``/``stop`` data, per
    visit for visits) when ``kind`` is ``individual``; one row per printed line
    when it is ``summary``. Columns bear role names (``time, event, group, ...``);
    covariates keep their own names, listed in ``covariates``. Events are 0/1
    integers, times and values floats, labels strings. A row that lacks a value
    a method needs has been left out already and counted in ``dropped``.

    For ``summary`` rows each numeric role ``x`` comes with ``x_low`` and
    ``x_high``: the interval of true values that would be printed so. They equal
    ``x`` where the printed number is a count.

    ``groups``: labels in the order of the study file, the reference last;
    empty when the analysis has no group. ``options``: keys of the analysis in
    ``study.yaml`` that belong to the method (``times``, ``tau``, ``tests`` ...).
    """

    kind: str
    rows: pd.DataFrame
    groups: tuple[str, ...] = ()
    reference: str = ""
    covariates: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    unit: str = ""
    time_unit: str = ""
    dropped: int = 0

    def has(self, *roles: str) -> bool:
        """Tell whether every role is a column of the rows."""
        return all(role in self.rows.columns for role in roles)

    def parts(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield all rows under the label "" and, when there are groups, each's."""
        yield "", self.rows
        for label in self.groups:
            yield label, self.rows[self.rows["group"] == label]
