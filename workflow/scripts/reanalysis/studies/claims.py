"""Read claims.csv and adjudication.csv: what a source prints, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jsonschema import Draft202012Validator

from reanalysis.errors import InputError, expect_known
from reanalysis.rounding import interval
from reanalysis.schema import first_error, load_schema
from reanalysis.studies.csv_table import expect_columns, read, short_name

CLAIM_COLUMNS = (
    "claim_id",
    "analysis",
    "population",
    "endpoint",
    "timepoint",
    "group",
    "reference",
    "statistic",
    "field",
    "printed",
    "value",
    "relation",
    "unit",
    "conf_level",
    "test",
    "alternative",
    "role",
    "source",
    "locator",
    "quote",
    "note",
)
ADJUDICATION_COLUMNS = ("claim_id", "decision", "reason", "by", "date")


def read_claims(
    files: Mapping[str, Path], study: Mapping, where: str
) -> list[dict[str, str]]:
    """Return the rows of claims.csv, every cell checked.

    Raises :class:`InputError` for a row outside the schema, an id that stands
    twice, a name study.yaml does not know, or printed text that is no number.
    """
    if "claims.csv" not in files:
        raise InputError("the study has no claims.csv", file=where)
    path = files["claims.csv"]
    header, rows = read(path)
    expect_columns(path, header, list(CLAIM_COLUMNS))
    schema = Draft202012Validator(load_schema("claims"))
    statistics = load_schema("study")["$defs"]["statistic"]["enum"]
    claims, seen = [], {}
    for row, cells in enumerate(rows, start=2):
        claim = dict(zip(header, cells, strict=True))
        at = {"file": short_name(path), "row": row}
        problem = first_error(schema, claim)
        if problem:
            raise InputError(problem, **at)
        claim_id = claim["claim_id"]
        if claim_id in seen:
            raise InputError(
                "a claim_id stands twice",
                **at,
                column="claim_id",
                value=claim_id,
                expected=f"unique ids (first in row {seen[claim_id]})",
            )
        seen[claim_id] = row
        for column, known in (
            ("source", study["sources"]),
            ("population", study["populations"]),
            ("statistic", statistics),
            ("analysis", study["analyses"]),
        ):
            if claim[column] or column in {"source", "statistic"}:
                expect_known(claim[column], known, short_name(path), column, row)
        if claim["role"] == "check" and not claim["analysis"]:
            raise InputError(
                "a claim that is to be checked names no analysis",
                **at,
                column="analysis",
                expected="one of "
                + ", ".join(study["analyses"])
                + "; or role context with the reason in note",
            )
        if claim["role"] == "context" and not claim["note"]:
            raise InputError(
                "a context claim does not say why it cannot be tested",
                **at,
                column="note",
                expected="the reason",
            )
        if claim["relation"] == "words":
            if claim["value"]:
                raise InputError(
                    "words have no value", **at, column="value", value=claim["value"]
                )
        else:
            try:
                interval(
                    claim["printed"],
                    claim["value"],
                    claim["relation"],
                    field=claim["field"],
                )
            except InputError as error:
                raise InputError(str(error), **at) from None
        claims.append(claim)
    return claims


def check_claim_groups(
    claims: Sequence[Mapping], analyses: Mapping[str, Mapping], files: Mapping
) -> None:
    """Raise :class:`InputError` for a claim on a group its analysis does not have."""
    for row, claim in enumerate(claims, start=2):
        groups = analyses.get(claim["analysis"], {}).get("groups", [])
        for column in ("group", "reference"):
            if claim[column] and claim["analysis"] and claim[column] not in groups:
                raise InputError(
                    f"the analysis '{claim['analysis']}' has no such group",
                    file=short_name(files["claims.csv"]),
                    row=row,
                    column=column,
                    value=claim[column],
                    expected=", ".join(groups) or "an empty cell",
                )


def read_adjudication(
    files: Mapping[str, Path], claims: Sequence[Mapping]
) -> list[dict[str, str]]:
    """Return the decisions people took on claims; empty where there is no file."""
    if "adjudication.csv" not in files:
        return []
    path = files["adjudication.csv"]
    header, rows = read(path)
    expect_columns(path, header, list(ADJUDICATION_COLUMNS))
    known = [claim["claim_id"] for claim in claims]
    decisions = []
    for row, cells in enumerate(rows, start=2):
        decision = dict(zip(header, cells, strict=True))
        expect_known(decision["claim_id"], known, short_name(path), "claim_id", row)
        decisions.append(decision)
    return decisions
