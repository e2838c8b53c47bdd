"""Units in which papers print times and shares."""

from __future__ import annotations

_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
_PERCENT = {"%", "percent", "per cent", "percentage points", "% points"}


def unit_factor(claimed: str, given: str) -> float:
    """Return what a number in the unit given is multiplied by to be in the claimed one.

    1 where the units are the same, or not known to be of one kind.
    """
    if claimed.strip().lower() in _PERCENT and given == "proportion":
        return 100.0
    printed, computed = _days(claimed), _days(given)
    if printed and computed:
        return computed / printed
    return 1.0


def _days(unit: str) -> float | None:
    return _DAYS.get(unit.strip().lower().rstrip("s"))
