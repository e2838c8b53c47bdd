"""Turn the tables of a study into the samples its analyses work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from reanalysis.errors import InputError, expect_known
from reanalysis.plan import WITHOUT_TABLE
from reanalysis.rounding import interval
from reanalysis.studies.curve_table import curve_groups
from reanalysis.studies.dataset import (
    EXACT_ROLES,
    NOT_NEGATIVE,
    NUMERIC_ROLES,
    Dataset,
)
from reanalysis.studies.derive import Columns, derive
from reanalysis.studies.ensembles import KINDS, member_analysis
from reanalysis.studies.printed_sample import printed_sample
from reanalysis.studies.selection import rows_where

_SURVIVAL = (("time", "event"), ("start", "stop", "event"))
#: Sets of roles with which each method can work.
REQUIRED_ROLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "kaplan_meier": _SURVIVAL,
    "log_rank": tuple((*roles, "group") for roles in _SURVIVAL),
    "fixed_time": tuple((*roles, "group") for roles in _SURVIVAL),
    "restricted_mean": _SURVIVAL,
    "cox": tuple(
        (*roles, effect) for roles in _SURVIVAL for effect in ("group", "covariate")
    ),
    "competing_risks": (("time", "cause"),),
    "wilcoxon": (
        ("before", "after"),
        ("id", "visit", "value"),
        ("value",),
        ("mean", "sd", "n"),
    ),
    "tables": (
        ("event", "group"),
        ("before", "after"),
        ("value", "group"),
        ("count", "n", "group"),
    ),
    "proportions": (("event",), ("count", "n"), ("value",)),
    "rates": (
        ("count", "exposure"),
        ("start", "stop", "event"),
        ("time", "event"),
        ("before", "after"),
    ),
    "recurrent_events": (("id", "start", "stop", "event"),),
    "before_after_counts": (("before", "after"), ("n",)),
    "regression": tuple(
        (outcome, effect)
        for outcome in ("event", "value")
        for effect in ("group", "covariate")
    ),
    "longitudinal": (("id", "visit", "value"), ("id", "time", "value")),
    "matching": tuple(
        (*outcome, "group", by)
        for outcome in (("event",), ("value",), ())
        for by in ("covariate", "pair")
    ),
    "descriptive": (
        ("value",),
        ("event",),
        ("count",),
        ("id",),
        ("pair",),
        ("before", "after"),
        ("mean",),
        ("median",),
        ("time",),
    ),
}
#: Roles that decide who counts, and for how much, with the methods that read them:
#: any other would drop them without a word.
READ_BY = {
    "start": frozenset(
        {
            "kaplan_meier",
            "log_rank",
            "fixed_time",
            "restricted_mean",
            "cox",
            "rates",
            "recurrent_events",
            "descriptive",
        }
    ),
    "weight": frozenset({"cox", "descriptive"}),
    "cluster": frozenset({"cox", "matching", "descriptive"}),
}
#: Methods that compare groups and so need two of them.
COMPARING = frozenset({"log_rank", "fixed_time", "tables", "matching"})
#: Methods whose counts are patients among n.
SHARES = frozenset({"tables", "proportions"})


def prepare_analysis(
    name: str,
    declared: Mapping,
    study: Mapping,
    tables: Mapping[str, Dataset],
    claims: Sequence[Mapping],
    where: str,
    ensembles: Mapping[str, Mapping] | None = None,
) -> dict[str, object]:
    """Prepare the samples of one analysis (several when it is split by a column).

    An analysis of an ensemble has none yet: its members are drawn later.
    """
    options = {
        key: value
        for key, value in declared.items()
        if key
        in {
            "times",
            "tau",
            "causes",
            "baseline",
            "change_at",
            "per",
            "model",
            "at",
            "statistics",
            "mu",
            "null",
            "exposure",
            "selected_at_least",
            "operation",
            "statistic",
            "layout",
            "scores",
            "exact_on",
        }
    }
    prepared: dict[str, object] = {
        "method": declared["method"],
        "dataset": declared.get("dataset", ""),
        "population": declared.get("population", ""),
        "endpoint": declared["endpoint"],
        "label": declared.get("label", declared["endpoint"]),
        # What was asked of a table, also while its rows are awaited.
        "columns": declared.get("columns", {}),
        "paper": declared.get("paper", {}),
        "settings": declared.get("settings", {}),
        "options": options,
    }
    at = f"analyses.{name}"
    if declared["method"] in WITHOUT_TABLE:
        prepared |= {"kind": "summary", "awaited": False}
        prepared["samples"] = [printed_sample(declared, claims, where, at)]
        return prepared
    if declared["method"] == "fixed_time" and not declared.get("times"):
        raise InputError("fixed_time needs 'times'", file=where, column=at)
    drawn = (ensembles or {}).get(declared["dataset"])
    if drawn:
        try:
            _roles(declared, dict.fromkeys(drawn["columns"]))
        except InputError as error:
            raise InputError(str(error), file=where, column=at) from None
        return prepared | member_analysis(name, declared, drawn, where)
    table = tables[declared["dataset"]]
    if table.declared["kind"] == "curve":
        # Its rows are awaited; what is asked of them is asked of members.
        return prepared | {
            "kind": KINDS["curve"],
            "awaited": True,
            "samples": [],
            "groups": [str(g) for g in declared.get("groups", curve_groups(table))],
        }
    prepared |= {"kind": table.declared["kind"], "awaited": table.rows == 0}
    try:
        columns = derive(table.columns, declared.get("derive", {}))
        keep = [True] * table.rows
        population = study["populations"].get(declared.get("population"), {})
        for condition in (population.get("where"), declared.get("where")):
            if condition:
                held = rows_where(condition, columns)
                keep = [a and b for a, b in zip(keep, held, strict=True)]
        roles = _roles(declared, columns)
    except InputError as error:
        raise InputError(str(error), file=where, column=at) from None
    columns[_ROW] = list(map(float, range(table.rows)))
    columns = {c: _chosen(values, keep) for c, values in columns.items()}
    lost = _chosen(table.lost, keep)
    if declared["method"] == "competing_risks":
        options["causes"] = _causes(declared, table, columns, where, at)
    if table.rows and not any(keep):
        raise InputError(
            "no row of the table is selected",
            file=where,
            column=at,
            expected="a population and condition that fit the data",
        )
    prepared["samples"] = []
    by = declared.get("by")
    if by and by not in columns:
        raise InputError(f"there is no column '{by}'", file=where, column=f"{at}.by")
    parts = _parts(by, columns, table) if by else [""] * len(lost)
    for endpoint in dict.fromkeys(parts) if by else [""]:
        held = [label == endpoint for label in parts]
        part = {c: _chosen(values, held) for c, values in columns.items()}
        sample = _sample(declared, table, roles, part, _chosen(lost, held), where, at)
        sample["endpoint"] = endpoint
        prepared["samples"].append(sample)
    if table.rows == 0:
        prepared["samples"] = []
        prepared["groups"] = _declared_groups(declared, table)
    else:
        prepared["groups"] = list(
            dict.fromkeys(g for s in prepared["samples"] for g in s["groups"])
        )
    return prepared


def declared_as(
    declared: Mapping, *, population: str = "", variant: str = ""
) -> dict[str, object]:
    """Return an analysis as declared, but of another population or as a variant.

    A variant replaces its keys of the analysis; derived columns and roles are added
    to those of the analysis. The population of a variant gives way to one asked for.
    """
    differs = declared["variants"][variant] if variant else {}
    changed = {key: value for key, value in declared.items() if key != "variants"}
    for key in ("population", "where"):
        if key in differs:
            changed[key] = differs[key]
    for key in ("derive", "columns"):
        if key in differs:
            changed[key] = {**declared.get(key, {}), **differs[key]}
    if population:
        changed["population"] = population
    return changed


_ROW = "row number"


def _parts(by: str, columns: Columns, table: Dataset) -> list[str]:
    """Return the label by which an analysis is split, for every row."""
    for row, value in zip(columns[_ROW], columns[by], strict=True):
        if value is None:
            raise InputError(
                "the column that splits the analysis is empty",
                file=table.file,
                row=int(row) + 2,
                column=by,
                expected="a value in every row",
            )
    return [str(label) for label in _labels(columns[by])]


def _roles(declared: Mapping, columns: Columns) -> dict[str, list[str]]:
    method = declared["method"]
    roles = {
        role: column if isinstance(column, list) else [column]
        for role, column in declared.get("columns", {}).items()
    }
    for role, names in roles.items():
        if len(names) != 1 and role != "covariate":
            raise InputError(f"the role {role} takes one column", value=names)
        for column in names:
            if column not in columns:
                near = get_close_matches(column, list(columns), n=1)
                raise InputError(
                    f"the role {role} names a column that does not exist",
                    value=column,
                    expected=near[0] if near else ", ".join(columns),
                )
    for column in declared.get("exact_on", ()):
        if column not in roles.get("covariate", ()):
            raise InputError(
                "exact_on names a column that is no covariate of the analysis",
                value=column,
                expected=", ".join(roles.get("covariate", ())) or "a covariate",
            )
    accepted = REQUIRED_ROLES[method]
    if not any(set(wanted) <= set(roles) for wanted in accepted):
        raise InputError(
            f"the method {method} lacks columns",
            value=", ".join(roles) or "none",
            expected="roles " + "; or ".join(", ".join(wanted) for wanted in accepted),
        )
    for role, methods in READ_BY.items():
        if role in roles and method not in methods:
            raise InputError(
                f"the method {method} takes no {role}",
                value=roles[role][0],
                expected=f"one of {', '.join(sorted(methods))}, or no role {role}",
            )
    return roles


def _causes(
    declared: Mapping, table: Dataset, columns: Columns, where: str, at: str
) -> dict[str, object]:
    """Return the declared codes of causes with the words the study has for them.

    Every code stands in one list, and every row has one of them.
    """
    column = declared["columns"]["cause"]
    causes = declared.get("causes")
    if not causes:
        raise InputError(
            "competing_risks needs 'causes'",
            file=where,
            column=at,
            expected="lists of codes: censored, interest and competing",
        )
    listed = [str(code) for codes in causes.values() for code in codes]
    for code in listed:
        if listed.count(code) > 1:
            raise InputError(
                "a cause is declared twice",
                file=where,
                column=f"{at}.causes",
                value=code,
                expected="each code in one list",
            )
    coding = table.declared["columns"].get(column, {}).get("coding", {})
    for code in listed if coding else ():
        expect_known(code, coding, where, f"{at}.causes")
    for row, code in zip(columns[_ROW], _labels(columns[column]), strict=True):
        if code is not None and code not in listed:
            raise InputError(
                "a cause that the analysis does not declare",
                file=table.file,
                row=int(row) + 2,
                column=column,
                value=code,
                expected=f"one of {', '.join(listed)}, or a further code in "
                f"{at}.causes of {where}",
            )
    labels = coding if isinstance(coding, Mapping) else {}
    return {
        **{key: [str(code) for code in codes] for key, codes in causes.items()},
        "labels": {str(code): str(label) for code, label in labels.items()},
    }


def _sample(
    declared: Mapping,
    table: Dataset,
    roles: Mapping[str, list[str]],
    columns: Columns,
    lost: list[bool],
    where: str,
    at: str,
) -> dict[str, object]:
    kind = table.declared["kind"]
    rows_of = columns[_ROW]
    by_role: Columns = {
        (role if role != "covariate" else name): columns[name]
        for role, names in roles.items()
        for name in names
    }
    covariates = roles.get("covariate", [])
    for role, names in roles.items():
        if role in NUMERIC_ROLES:
            for row, value in zip(rows_of, columns[names[0]], strict=True):
                if isinstance(value, str):
                    raise InputError(
                        f"the role {role} needs numbers",
                        file=table.file,
                        row=int(row) + 2,
                        column=names[0],
                        value=value,
                        expected="0 or 1 (derive it with event_from)"
                        if role == "event"
                        else "type: number",
                    )
                if role == "event" and value not in (None, 0.0, 1.0):
                    raise InputError(
                        "an event that is neither 0 nor 1",
                        file=table.file,
                        row=int(row) + 2,
                        column=names[0],
                        value=f"{value:g}",
                        expected="0 or 1 (derive it with event_from)",
                    )
                if role in NOT_NEGATIVE and value is not None and value < 0:
                    raise InputError(
                        f"a negative {role}",
                        file=table.file,
                        row=int(row) + 2,
                        column=names[0],
                        value=f"{value:g}",
                        expected="zero or more",
                    )
    _check_intervals(by_role, rows_of, table, roles)
    if declared["method"] in SHARES:
        _check_shares(by_role, rows_of, table, roles)
    groups = _groups(declared, table, roles, by_role, where, at)
    complete = [
        all(value is not None for value in row)
        for row in zip(*by_role.values(), strict=True)
    ]
    if declared["method"] == "descriptive":
        # Counting is about what is missing too.
        complete = [True] * len(complete)
    # Rows of groups that are not compared lack nothing.
    compared = [True] * len(complete)
    if groups:
        labels = _labels(by_role["group"])
        compared = [label is None or label in groups for label in labels]
        complete = [a and b for a, b in zip(complete, compared, strict=True)]
        if declared["method"] == "descriptive":
            complete = [
                a and label is not None
                for a, label in zip(complete, labels, strict=True)
            ]
    dropped = sum(compared) - sum(complete)
    for role in ("group", "id", "pair", "stratum", "cluster", "visit", "cause"):
        if role in by_role:
            by_role[role] = _labels(by_role[role])
    if kind == "summary":
        for role, names in roles.items():
            if role in NUMERIC_ROLES or role == "value":
                low, high = _rounding(table, names[0], columns, role)
                by_role[f"{role}_low"], by_role[f"{role}_high"] = low, high
    unit_of = next((r for r in ("id", "pair", "cluster") if r in by_role), None)
    people = by_role[unit_of] if unit_of else [f"row {int(row) + 2}" for row in rows_of]
    return {
        "columns": {c: _chosen(values, complete) for c, values in by_role.items()},
        "covariates": covariates,
        "people": _chosen(people, complete),
        "rows": _chosen([int(row) + 2 for row in rows_of], complete),
        "lost": _chosen(lost, complete),
        "groups": groups,
        "reference": groups[-1] if len(groups) > 1 else "",
        "unit": _unit(
            table, roles, ("value", "before", "mean", "median", "time", "stop")
        ),
        "time_unit": _unit(
            table,
            roles,
            ("visit", "time")
            if declared["method"] == "longitudinal"
            else ("time", "stop", "exposure"),
        ),
        "dropped": dropped,
    }


def _rounding(
    table: Dataset, column: str, columns: Columns, role: str
) -> tuple[list, list]:
    values = columns[column]
    if role in EXACT_ROLES or column not in table.printed:
        return list(values), list(values)
    low, high = [], []
    for value, row in zip(values, columns[_ROW], strict=True):
        if value is None or isinstance(value, str):
            low.append(None)
            high.append(None)
            continue
        text = table.printed[column][int(row)]
        printed = interval(text, text, "=")
        low.append(printed.low)
        high.append(printed.high)
    return low, high


def _check_intervals(
    by_role: Columns, rows_of: list, table: Dataset, roles: Mapping
) -> None:
    end = "stop" if "stop" in by_role else "time"
    if "start" not in by_role or end not in by_role:
        return
    for row, start, stop in zip(rows_of, by_role["start"], by_role[end], strict=True):
        if start is not None and stop is not None and start >= stop:
            raise InputError(
                f"the interval ends at or before its start ({start:g} to {stop:g})",
                file=table.file,
                row=int(row) + 2,
                column=roles[end][0],
                value=f"{stop:g}",
                expected="a later end",
            )


def _check_shares(
    by_role: Columns, rows_of: list, table: Dataset, roles: Mapping
) -> None:
    if not {"count", "n"} <= set(by_role):
        return
    for row, count, n in zip(rows_of, by_role["count"], by_role["n"], strict=True):
        if count is not None and n is not None and count > n:
            raise InputError(
                f"more patients with the outcome than patients ({count:g} of {n:g})",
                file=table.file,
                row=int(row) + 2,
                column=roles["count"][0],
                value=f"{count:g}",
                expected=f"at most the number in column '{roles['n'][0]}'",
            )


def _declared_groups(declared: Mapping, table: Dataset) -> list[str]:
    if "groups" in declared:
        return [str(g) for g in declared["groups"]]
    column = declared.get("columns", {}).get("group")
    coding = (
        table.declared["columns"].get(column, {}).get("coding", []) if column else []
    )
    return [str(code) for code in coding]


def _groups(
    declared: Mapping,
    table: Dataset,
    roles: Mapping,
    by_role: Columns,
    where: str,
    at: str,
) -> list[str]:
    if "group" not in roles:
        if "groups" in declared:
            raise InputError(
                "groups are named but no column has the role group",
                file=where,
                column=at,
            )
        return []
    present = list(dict.fromkeys(_labels(v for v in by_role["group"] if v is not None)))
    groups = _declared_groups(declared, table) or sorted(present)
    if not present:
        return groups
    if "groups" in declared:
        for group in groups:
            if group not in present:
                near = get_close_matches(group, present, n=1)
                raise InputError(
                    "a group has no rows",
                    file=where,
                    column=f"{at}.groups",
                    value=group,
                    expected=near[0] if near else ", ".join(present),
                )
    else:
        groups = [g for g in groups if g in present]
    if len(groups) < 2 and declared["method"] in COMPARING:
        raise InputError(
            f"the method {declared['method']} compares groups, but there is one only",
            file=table.file,
            column=roles["group"][0],
            value=groups[0],
            expected="two groups or more",
        )
    return groups


def _labels(values: object) -> list[str | None]:
    """Write labels as text: a group coded 1 is '1', not '1.0'."""
    return [
        None
        if value is None
        else str(int(value))
        if isinstance(value, float) and value.is_integer()
        else str(value)
        for value in values
    ]


def _unit(table: Dataset, roles: Mapping, order: Sequence[str]) -> str:
    for role in order:
        for column in roles.get(role, []):
            declared = table.declared["columns"].get(column)
            if declared:
                return str(declared.get("unit", ""))
            # A derived column keeps the unit of what it is made from.
            derived = table.declared.get("derive", {}).get(column)
            if derived:
                return _derived_unit(table, derived)
    return ""


def _derived_unit(table: Dataset, operation: Mapping) -> str:
    ((kind, argument),) = operation.items()
    if kind in {"condition", "event_from", "ratio", "count_from_percent"}:
        return ""
    if isinstance(argument, Mapping) and "unit" in argument:
        return str(argument["unit"])
    source = (
        argument[0]
        if isinstance(argument, list)
        else argument.get("time", argument.get("column"))
    )
    return str(table.declared["columns"].get(source, {}).get("unit", ""))


def _chosen(values: Sequence, keep: Sequence[bool]) -> list:
    return [value for value, kept in zip(values, keep, strict=True) if kept]
