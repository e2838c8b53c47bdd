"""JSON schemas of the project and one readable sentence for the first violation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@cache
def load_schema(name: str) -> dict:
    """Return ``workflow/schemas/<name>.schema.yaml`` (``conventions`` is a list)."""
    path = SCHEMAS / f"{name}.schema.yaml"
    if not path.exists():
        path = SCHEMAS / f"{name}.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def first_error(validator: object, instance: object) -> str | None:
    """Return one sentence on the first violation, None when there is none.

    It names the key, the value found and what is allowed.
    """
    errors = sorted(
        validator.iter_errors(instance),
        key=lambda error: (len(error.absolute_path), str(error.absolute_path)),
    )
    return _sentence(errors[0]) if errors else None


def _sentence(error: object) -> str:
    path = ".".join(map(str, error.absolute_path))
    key = f"key '{path}'" if path else "the file"
    value, schema = error.instance, error.schema
    rule, limit = error.validator, error.validator_value
    if rule == "additionalProperties" and isinstance(value, Mapping):
        allowed = list(schema.get("properties", {}))
        unknown = next(key for key in value if key not in allowed)
        near = get_close_matches(str(unknown), allowed, n=1)
        hint = f", perhaps '{near[0]}' is meant" if near else ""
        return (
            f"key '{_join(error.absolute_path, unknown)}' is unknown{hint} "
            f"(found: {_show(value[unknown])}); expected one of {', '.join(allowed)}"
        )
    if rule == "required":
        missing = next(key for key in limit if key not in value)
        return f"key '{_join(error.absolute_path, missing)}' is missing"
    if rule in {"oneOf", "anyOf"}:
        options = [_allowed(option) for option in limit]
        return f"{key} (found: {_show(value)}); expected {' or '.join(options)}"
    if error.parent is None and "propertyNames" in error.schema_path:
        if rule == "not":
            return f"the name {_show(value)} in {key} is taken; expected another name"
        return (
            f"the name {_show(value)} in {key} is not allowed; expected small letters, "
            "digits and _, a letter first"
        )
    hint = ""
    if rule == "enum":
        near = get_close_matches(str(value), map(str, limit), n=1)
        hint = f", perhaps '{near[0]}' is meant" if near else ""
    return f"{key} (found: {_show(value)}){hint}; expected {_allowed(schema)}"


def _allowed(schema: Mapping) -> str:
    if "const" in schema:
        return _show(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(
            str(choice) or "nothing" for choice in schema["enum"]
        )
    kind = schema.get("type", "another value")
    kinds = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    names = {
        "object": "a map of keys",
        "array": "a list",
        "string": "text",
        "integer": "a whole number",
        "boolean": "true or false",
        "null": "null",
    }
    words = " or ".join(names.get(k, k) for k in kinds.split(" or "))
    limits = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "above",
        "exclusiveMaximum": "below",
        "minItems": "of at least this many items:",
        "minLength": "of at least this many letters:",
        "minProperties": "with at least this many keys:",
        "maxProperties": "with at most this many keys:",
        "pattern": "of the form",
    }
    extra = [f"{text} {schema[key]}" for key, text in limits.items() if key in schema]
    if schema.get("uniqueItems"):
        extra.append("with nothing in it twice")
    if "pattern" in schema and "description" in schema:
        extra.append(f"({schema['description'].rstrip('.')})")
    return " ".join([words, *extra])


def _join(path: object, key: object) -> str:
    return ".".join([*map(str, path), str(key)])


def _show(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
