"""Printed results that members of a curve have to meet: hazard ratio, p, median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reanalysis.errors import InputError
from reanalysis.schema import load_schema
from reanalysis.survival.risk_sets import Floats, Ints

#: What of a result can be held against every draw, by statistic and field.
KNOWN = {
    "hazard_ratio": ("estimate", "conf_low", "conf_high", "p_value"),
    "log_rank": ("p_value",),
    "median_survival": ("estimate",),
}


def check_constraint(claim: Mapping, where: str) -> None:
    """Raise :class:`InputError` for a claim that cannot choose between members."""
    fields = KNOWN.get(claim["statistic"], ())
    if claim["field"] not in fields or claim["relation"] == "words":
        raise InputError(
            f"a {claim['statistic']} ({claim['field']}) cannot be a constraint of "
            "members",
            file=where,
            column="role",
            value=claim["claim_id"],
            expected="a number: "
            + "; ".join(f"{name} ({', '.join(f)})" for name, f in KNOWN.items())
            + "; or the role check",
        )


def printed_values(
    claim: Mapping, analysis: Mapping, time: Floats, event: Ints, group: Sequence[str]
) -> Floats:
    """Return what a printed number is in every draw, in the unit of the print.

    ``time`` and ``event`` have shape (draws, patients), ``group`` names each column's
    group. The convention is the one the paper states for the analysis, else Efron's
    ties and R's median: what a paper printed does not depend on our settings.
    """
    stated = analysis["paper"].get("convention")
    conventions = load_schema("conventions").get(analysis["method"], {})
    settings = dict(analysis["settings"])
    if stated:
        settings |= conventions[stated]["settings"]
    labels = np.asarray(group)
    if claim["statistic"] == "median_survival":
        from reanalysis.survival.survival_arrays import survival_arrays

        of = labels == (claim["group"] or labels[0])
        rule = settings.get("median_rule", "midpoint")
        found = survival_arrays(time[:, of], event[:, of], rule=rule, interval=None)
        return found.median
    first = claim["group"] or analysis["groups"][0]
    second = claim["reference"] or analysis["groups"][-1]
    kept = (labels == first) | (labels == second)
    mine = labels[kept] == first
    if claim["statistic"] == "log_rank":
        from reanalysis.survival.log_rank_arrays import log_rank_arrays

        return log_rank_arrays(time[:, kept], event[:, kept], mine).p_value
    from reanalysis.survival.cox_arrays import cox_arrays

    level = float(claim["conf_level"] or 0.95)
    level = level / 100 if level > 1 else level
    fit = cox_arrays(
        time[:, kept],
        event[:, kept],
        mine,
        ties=settings.get("ties", "efron"),
        conf_level=level,
    )
    return {
        "estimate": fit.hazard_ratio,
        "conf_low": np.exp(fit.low),
        "conf_high": np.exp(fit.high),
        "p_value": fit.wald_p,
    }[claim["field"]]
