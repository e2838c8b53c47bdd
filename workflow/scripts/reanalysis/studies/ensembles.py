"""Datasets that become ensembles (curves, simulated), and the analyses on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.ensembles.printed_weights import check_constraint
from reanalysis.errors import InputError, expect_known
from reanalysis.simulation.declared import check
from reanalysis.studies.curve_table import curve_table
from reanalysis.studies.dataset import Dataset

#: Kind of the members, by kind of the dataset they come from.
KINDS = {"curve": "reconstructed", "simulated": "simulated"}
_TIMES = ("group", "time", "event")
#: What an analysis may not do with members: they are drawn as they are analysed.
REFUSED = ("where", "derive", "by")


def ensemble(
    name: str,
    declared: Mapping,
    table: Dataset | None,
    study: Mapping,
    claims: Sequence[Mapping],
    where: str,
) -> dict[str, object]:
    """Return what the members of a dataset are drawn from.

    Keys: ``kind`` of the members, ``groups``, ``time_unit``, ``columns`` of a member's
    rows, ``constraints`` (ids of the claims every member meets), and ``curve`` or
    ``simulate``. Raises :class:`InputError` for what cannot be drawn from.
    """
    if declared["kind"] == "simulated":
        return _simulated(name, declared["simulate"], claims, where)
    constraints = [
        claim
        for claim in claims
        if claim["role"] == "constraint"
        and study["analyses"].get(claim["analysis"], {}).get("dataset") == name
    ]
    for claim in constraints:
        check_constraint(claim, where.replace("study.yaml", "claims.csv"))
    curve = curve_table(table, where)
    times = _TIMES if curve["groups"] else _TIMES[1:]
    return {
        "kind": KINDS[declared["kind"]],
        "groups": curve["groups"],
        "time_unit": curve["time_unit"],
        "columns": ["id", *times],
        "constraints": [claim["claim_id"] for claim in constraints],
        "curve": curve,
    }


def _simulated(
    name: str, block: Mapping, claims: Sequence[Mapping], where: str
) -> dict[str, object]:
    by_id = {claim["claim_id"]: claim for claim in claims}
    for claim_id in block["uses"]:
        expect_known(claim_id, by_id, where, f"datasets.{name}.simulate.uses")
    plan = check(block, [by_id[claim_id] for claim_id in block["uses"]], where)
    counts = plan.design == "paired_counts"
    return {
        "kind": KINDS["simulated"],
        "groups": [] if counts else list(plan.labels),
        "time_unit": plan.unit,
        "columns": ["id", *(["before", "after"] if counts else _TIMES)],
        "constraints": list(block["uses"]),
        "simulate": block,
    }


def member_analysis(
    name: str, declared: Mapping, drawn: Mapping, where: str
) -> dict[str, object]:
    """Return the parts of a prepared analysis that speak of members.

    ``drawn`` is what :func:`ensemble` returned for its dataset. Columns are named by
    what they hold (id, group, time, event, before, after). A population is a label
    here: the members are of the patients the dataset is said to be of.
    """
    at = f"analyses.{name}"
    for key in REFUSED:
        if key in declared:
            raise InputError(
                f"'{key}' cannot choose rows of members",
                file=where,
                column=f"{at}.{key}",
                expected="an analysis of the whole data sets; a dataset of its own for "
                "another population",
            )
    roles = declared.get("columns", {})
    groups = list(drawn["groups"]) if "group" in roles else []
    if "groups" in declared:
        unknown = [g for g in declared["groups"] if g not in groups]
        if unknown:
            raise InputError(
                "a group has no rows",
                file=where,
                column=f"{at}.groups",
                value=unknown[0],
                expected=", ".join(groups) or "no groups",
            )
        groups = list(declared["groups"])
    return {
        "kind": drawn["kind"],
        "awaited": False,
        "members": True,
        "roles": dict(roles),
        "groups": groups,
        "reference": groups[-1] if len(groups) > 1 else "",
        "time_unit": drawn["time_unit"],
        "samples": [],
    }


def drawn_summary(declared: Mapping) -> dict[str, object]:
    """Describe a dataset without a table for the report."""
    keys = ("kind", "source", "locator", "note", "licence")
    return {
        **{key: declared.get(key, "") for key in keys},
        "file": "",
        "awaited": "",
        "rows": None,
        "columns": {},
    }
