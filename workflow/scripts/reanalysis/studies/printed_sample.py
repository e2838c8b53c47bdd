"""Printed numbers as the sample of an analysis that needs no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.errors import InputError, expect_known
from reanalysis.rounding import COUNTS, interval
from reanalysis.studies.derive import Columns

#: Numbers of patients that each layout of a design analysis takes.
SIZES = {"one_arm": 1, "pairs": 1, "groups": 2, "survival": 2, "dose_escalation": 2}


#: What an analysis of printed numbers cannot do without.
_NEEDED = {"arithmetic": ("operation", "inputs"), "design": ("layout", "inputs")}


def printed_sample(
    declared: Mapping, claims: Sequence[Mapping], where: str, at: str
) -> dict[str, object]:
    """Return the claims an analysis takes as inputs, with their rounding."""
    by_id = {claim["claim_id"]: claim for claim in claims}
    names = ("value", "value_low", "value_high", "label", "unit")
    columns: Columns = {name: [] for name in names}
    method = declared["method"]
    for key in _NEEDED[method]:
        if key not in declared:
            raise InputError(f"{method} needs '{key}'", file=where, column=at)
    if method == "design" and len(declared["inputs"]) != SIZES[declared["layout"]]:
        raise InputError(
            f"the layout {declared['layout']} takes another number of inputs",
            file=where,
            column=f"{at}.inputs",
            value=len(declared["inputs"]),
            expected=str(SIZES[declared["layout"]]),
        )
    for claim_id in declared["inputs"]:
        expect_known(claim_id, by_id, where, f"{at}.inputs")
        claim = by_id[claim_id]
        if claim["relation"] != "=":
            raise InputError(
                f"{method} needs a claim with one exact number",
                file=where,
                column=f"{at}.inputs",
                value=claim_id,
            )
        printed = interval(claim["printed"], claim["value"], "=")
        if method == "design" and not (
            printed.value.is_integer() and printed.value > 0
        ):
            raise InputError(
                "design needs numbers of patients",
                file=where,
                column=f"{at}.inputs",
                value=f"{claim_id}: {claim['printed']}",
                expected="a whole number above 0",
            )
        exact = claim["statistic"] in COUNTS
        columns["value"].append(printed.value)
        columns["value_low"].append(printed.value if exact else printed.low)
        columns["value_high"].append(printed.value if exact else printed.high)
        columns["label"].append(claim_id)
        columns["unit"].append(claim["unit"])
    return {
        "columns": columns,
        "covariates": [],
        "people": list(columns["label"]),
        "lost": [False] * len(columns["label"]),
        "groups": [],
        "reference": "",
        "unit": "",
        "time_unit": "",
        "dropped": 0,
        "endpoint": "",
    }
