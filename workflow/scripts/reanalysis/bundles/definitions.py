"""What every sheet and column of the workbook of tables holds (definitions.yaml)."""

from __future__ import annotations

from functools import cache

from reanalysis.bundles.bibliography import table
from reanalysis.schema import load_schema


@cache
def sheets() -> dict[str, str]:
    """Return what each sheet holds, in the order of the workbook."""
    return dict(table("definitions")["sheets"])


@cache
def columns() -> dict[str, dict[str, str]]:
    """Return what each column holds, by sheet."""
    found = {
        sheet: dict(said) for sheet, said in table("definitions")["columns"].items()
    }
    described = load_schema("claims")["properties"].items()
    printed = {name: column["description"] for name, column in described}
    return {**found, "Claims": {**printed, **found["Claims"]}}
