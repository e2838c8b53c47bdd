"""One readable sentence for what a schema refuses."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from reanalysis.schema import first_error

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {
            "type": "string",
            "pattern": "^[a-z]+$",
            "description": "Small letters.",
        },
        "kind": {"enum": ["", "one", "two"]},
        "n": {"type": "integer", "minimum": 1},
        "either": {"oneOf": [{"const": "all"}, {"type": "array", "minItems": 1}]},
        "parts": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}},
    },
}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"name": "x"}, None),
        ({}, "key 'name' is missing"),
        (None, "the file (found: null); expected a map of keys"),
        (
            {"name": "x", "knd": 1},
            "key 'knd' is unknown, perhaps 'kind' is meant (found: 1); expected one of name, kind",
        ),
        (
            {"name": "x", "kind": "on"},
            "(found: \"on\"), perhaps 'one' is meant; expected one of nothing, one, two",
        ),
        (
            {"name": "X"},
            "key 'name' (found: \"X\"); expected text of the form ^[a-z]+$ (Small letters)",
        ),
        (
            {"name": "x", "n": 0},
            "key 'n' (found: 0); expected a whole number at least 1",
        ),
        ({"name": "x", "n": "1"}, "key 'n' (found: \"1\"); expected a whole number"),
        (
            {"name": "x", "either": []},
            'expected "all" or a list of at least this many items: 1',
        ),
        (
            {"name": "x", "parts": {"A1": 1}},
            "the name \"A1\" in key 'parts' is not allowed",
        ),
    ],
)
def test_sentence(value, says):
    found = first_error(Draft202012Validator(SCHEMA), value)
    if says is None:
        assert found is None
    else:
        assert says in found
