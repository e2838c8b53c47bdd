"""A published curve as a table of clicks: what a study declares of it, checked.

The rows of one csv: a click on the curve (time and survival), a tick of the risk
table (time and number at risk), or a censoring mark (time and event 0). A row may be
a click and a tick at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from reanalysis.errors import InputError, MethodError
from reanalysis.reconstruction.digitised_curve import (
    DigitisedCurve,
    PrintedCounts,
    check_counts,
    read_curve,
)
from reanalysis.studies.dataset import Dataset

#: Most patients an arm is tried with where their number is not printed.
LARGEST = 100
_PERCENT = {"%", "percent", "per cent"}


def curve_table(table: Dataset, where: str) -> dict[str, object]:
    """Return the arms of a dataset of kind ``curve``, each read once as a check.

    Keys: ``groups`` (in the order of the coding), ``time_unit``, ``settings`` (what
    :func:`arm_curve` hands to :func:`read_curve`), ``arms`` (clicks and printed counts
    by group) and ``messages`` (repairs by group). ``where`` is the study file. Raises
    :class:`InputError` for rows and curves that cannot be what they are said to be.
    """
    declared, at = table.declared["curve"], f"datasets.{table.name}"
    by_role = _columns(table, where, at)
    value_unit = str(table.declared["columns"][by_role["survival"]].get("unit", ""))
    settings = {
        "error": declared["error"],
        "time_error": declared.get("time_error", 0.0),
        "grid": declared.get("time_grid"),
        "percent": value_unit.strip().lower() in _PERCENT if value_unit else None,
        "incidence": declared["values"] == "incidence"
        if "values" in declared
        else None,
    }
    arms = _arms(table, by_role)
    labels = [label for label in curve_groups(table) if label in arms] or list(arms)
    for label in declared.get("arms", {}):
        if str(label) not in arms and table.rows:
            raise InputError(
                "an arm that the table has no rows of",
                file=where,
                column=f"{at}.curve.arms",
                value=label,
                expected=", ".join(arms) if arms != {"": arms.get("")} else "no arms",
            )
    messages = {}
    for label in labels:
        arm = arms[label]
        arm |= _printed(declared.get("arms", {}).get(label, {}), arm)
        # Where n is not printed, what no number of patients explains is refused.
        sized = {**arm, "n": LARGEST} if arm["n"] is None else arm
        try:
            curve = arm_curve(arm, settings)
            check_counts(curve, arm_counts(sized))
        except MethodError as error:
            raise InputError(
                str(error),
                file=table.file,
                column=by_role["survival"],
                value=label or None,
                expected="clicks and printed numbers of one curve; larger 'error' or "
                f"'time_error' in {at}.curve if they were read less exactly",
            ) from None
        messages[label] = list(curve.messages)
    time = table.declared["columns"][by_role["time"]]
    return {
        "groups": labels if labels != [""] else [],
        "time_unit": str(time.get("unit", "")),
        "settings": settings,
        "arms": {label: arms[label] for label in labels},
        "messages": messages,
    }


def curve_groups(table: Dataset) -> list[str]:
    """Return the groups that the coding of a curve's table names, in its order."""
    for declared in table.declared["columns"].values():
        if declared["role"] == "group":
            return [str(code) for code in declared.get("coding", ())]
    return []


def arm_curve(arm: Mapping, settings: Mapping) -> DigitisedCurve:
    """Read the clicks of one arm of :func:`curve_table`."""
    return read_curve(arm["time"], arm["value"], n=arm["n"], **settings)


def arm_counts(arm: Mapping) -> PrintedCounts:
    """Return what is printed beside one arm of :func:`curve_table`."""
    import numpy as np

    return PrintedCounts(
        n=arm["n"],
        tick_time=np.array(arm["tick_time"], dtype=float),
        at_risk=np.array(arm["at_risk"], dtype=np.int64),
        events=arm["events"],
        marks=np.array(arm["marks"], dtype=float) if arm["marks"] else None,
    )


def _columns(table: Dataset, where: str, at: str) -> dict[str, str]:
    by_role: dict[str, str] = {}
    for column, declared in table.declared["columns"].items():
        if declared["role"] in by_role:
            raise InputError(
                f"a curve has two columns of the role {declared['role']}",
                file=where,
                column=f"{at}.columns",
                value=column,
                expected="one",
            )
        by_role[declared["role"]] = column
    known = {"group", "time", "survival", "number_at_risk", "event"}
    for role, column in by_role.items():
        if role not in known:
            raise InputError(
                f"a curve has no use for a column of the role {role}",
                file=where,
                column=f"{at}.columns",
                value=column,
                expected=", ".join(sorted(known)),
            )
    for role in ("time", "survival"):
        if role not in by_role:
            raise InputError(
                f"a curve needs a column of the role {role}",
                file=where,
                column=f"{at}.columns",
            )
    return by_role


def _arms(table: Dataset, by_role: Mapping[str, str]) -> dict[str, dict]:
    """Return the clicks, ticks and marks of every group."""
    empty = [None] * table.rows
    columns = {
        role: table.columns[by_role[role]] if role in by_role else empty
        for role in ("group", "time", "survival", "number_at_risk", "event")
    }
    arms: dict[str, dict] = {}
    for row, (group, time, value, at_risk, event) in enumerate(
        zip(*columns.values(), strict=True), start=2
    ):
        at = {"file": table.file, "row": row}
        if time is None:
            raise InputError("a row has no time", **at, column=by_role["time"])
        if "group" in by_role and group is None:
            raise InputError("a row has no group", **at, column=by_role["group"])
        if value is None and at_risk is None and event is None:
            raise InputError(
                "a row holds neither a point of the curve, a number at risk nor a mark",
                **at,
                column=by_role["survival"],
            )
        if event not in (None, 0):
            raise InputError(
                "only censoring marks stand in a curve's table",
                **at,
                column=by_role["event"],
                value=event,
                expected="0 (the curve itself shows the events), or an empty cell",
            )
        label = "" if "group" not in by_role else _label(group)
        arm = arms.setdefault(
            label,
            {"time": [], "value": [], "tick_time": [], "at_risk": [], "marks": []},
        )
        if value is not None:
            arm["time"].append(time)
            arm["value"].append(value)
        if at_risk is not None:
            if not float(at_risk).is_integer():
                raise InputError(
                    "a number at risk that is no whole number",
                    **at,
                    column=by_role["number_at_risk"],
                    value=f"{at_risk:g}",
                )
            arm["tick_time"].append(time)
            arm["at_risk"].append(int(at_risk))
        if event == 0:
            arm["marks"].append(time)
    return arms


def _label(group: object) -> str:
    if isinstance(group, float) and group.is_integer():
        return str(int(group))
    return str(group)


def _printed(declared: Mapping, arm: Mapping) -> dict[str, object]:
    """Return ``n`` and ``events`` of an arm; n may stand in the risk table at 0."""
    at_start = [
        at_risk
        for time, at_risk in zip(arm["tick_time"], arm["at_risk"], strict=True)
        if time == 0
    ]
    n = declared.get("n", at_start[0] if at_start else None)
    order = sorted(range(len(arm["tick_time"])), key=arm["tick_time"].__getitem__)
    return {
        "n": n,
        "events": declared.get("events"),
        "tick_time": [arm["tick_time"][i] for i in order],
        "at_risk": [arm["at_risk"][i] for i in order],
    }


def printed_steps(curve: Mapping) -> dict[str, list]:
    """Return the printed curve as it was read: ``group, time, survival, error``.

    A row per drop and one at time 0 and at the end; ``error`` is the largest reading
    error of the level.
    """
    steps: dict[str, list] = {"group": [], "time": [], "survival": [], "error": []}
    for label, arm in curve["arms"].items():
        read = arm_curve(arm, curve["settings"])
        times = [0.0, *read.time.tolist(), read.end]
        levels = [1.0, *read.survival.tolist()]
        steps["group"] += [label] * len(times)
        steps["time"] += times
        steps["survival"] += [*levels, levels[-1]]
        steps["error"] += [read.error] * len(times)
    return steps
