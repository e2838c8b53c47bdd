"""What the page says of the multiverses of a study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reanalysis.formatting import MISSING, capitalised, journal_number, journal_p


def multiverses(
    study: Mapping, rows: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return a line of the table per curve, from rows of multiverse_summary.csv."""
    return [_line(study, row) for row in rows]


def _line(study: Mapping, row: Mapping[str, str]) -> dict[str, str]:
    label = study["analyses"][row["analysis"]]["label"]
    against = f" against {row['reference']}" if row["reference"] else ""
    return {
        "label": capitalised(label),
        "statistic": row["statistic"].replace("_", " "),
        "groups": f"{row['group']}{against}",
        "grid": row["grid"].replace("_", " "),
        "kind": row["kind"],
        "figure": f"{row['analysis']}_multiverse_{row['grid']}",
        "printed": "; ".join(filter(None, (row["printed"], row["printed_p"]))),
        "claims": row["claims"],
        "primary": _with_p(row, "primary_estimate", "primary_p_value"),
        "range": _range(row, "estimate"),
        "p_range": _range(row, "p"),
        "direction": _kept(row["keep_direction"], row["with_estimate"]),
        "significant": _kept(row["significant"], row["with_p_value"]),
        "shares": row["shares_of_estimate"] or row["shares_of_p"],
        "sentence": row["sentence"],
        "note": capitalised(row["note"]),
    }


def _value(row: Mapping[str, str], column: str) -> str:
    x = float(row[column] or "nan")
    if math.isnan(x):
        return ""
    if column.startswith(("p_", "primary_p")):
        return journal_p(x)
    return journal_number(x, statistic=row["statistic"], unit=row["unit"])


def _with_p(row: Mapping[str, str], estimate: str, p_value: str) -> str:
    p = _value(row, p_value)
    return "; ".join(filter(None, (_value(row, estimate), f"p {p}" if p else "")))


def _range(row: Mapping[str, str], name: str) -> str:
    low, high = _value(row, f"{name}_low"), _value(row, f"{name}_high")
    return low if low == high else f"{low} to {high}"


def _kept(count: str, total: str) -> str:
    return f"{count} of {total}" if count else MISSING
