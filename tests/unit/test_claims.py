"""Printed numbers as people enter them."""

from __future__ import annotations

import pytest
import small_studies

from reanalysis.errors import InputError
from reanalysis.schema import load_schema
from reanalysis.studies.claims import CLAIM_COLUMNS
from reanalysis.studies.study import load


def claims(tmp_path, line):
    files = {
        **small_studies.GOOD,
        "claims.csv": small_studies.CLAIMS_HEADER + line + "\n",
    }
    return load(small_studies.write(tmp_path / "good", files))["claims"]


def test_columns_are_those_of_the_schema():
    assert list(CLAIM_COLUMNS) == list(load_schema("claims")["properties"])
    assert ",".join(CLAIM_COLUMNS) + "\n" == small_studies.CLAIMS_HEADER


@pytest.mark.parametrize(
    ("printed", "value", "relation"),
    [
        ("p=0.02", "0.02", "="),
        ("p<0.001", "0.001", "<"),
        ('"1,296"', '"1,296"', "="),
        ("−0.5", "-0.5", "="),
        ("Sixteen patients", "16", "="),
        ("about 12", "12", "~"),
        ("not significant", "", "words"),
        ("12 (48.0%)", "48.0", "="),
    ],
)
def test_what_is_accepted(tmp_path, printed, value, relation):
    line = f"C1,responses,,,,,,odds_ratio,estimate,{printed},{value},{relation},,,,,check,paper,,,"
    (claim,) = claims(tmp_path, line)
    assert claim["value"] == value.strip('"')


@pytest.mark.parametrize(
    ("printed", "value", "relation", "says"),
    [
        ("0.02", "0.2.0", "=", "not one plain number"),
        ("1-2", "1-2", "=", "not one plain number"),
        ("12.0", "12", "=", "does not have the digits"),
        ("0.02", "", "=", "not one plain number"),
        ("0.02", "0.02", "words", "words have no value"),
    ],
)
def test_what_is_refused(tmp_path, printed, value, relation, says):
    line = f"C1,responses,,,,,,odds_ratio,estimate,{printed},{value},{relation},,,,,check,paper,,,"
    with pytest.raises(InputError, match=f"claims.csv, row 2.*{says}"):
        claims(tmp_path, line)
