"""Code, rules and settings keep the style; the manual agrees with the schemas."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from projects import ROOT

from reanalysis.config import check_config
from reanalysis.schema import load_schema

CHECKS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "snakefmt": ("snakefmt", "--check", "Snakefile", "workflow"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_format(name):
    command = [str(Path(sys.executable).parent / CHECKS[name][0]), *CHECKS[name][1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakemake_lint(finished):
    outcome = finished[0].run("--lint")
    assert outcome.code == 0, outcome.output


def _undescribed(schema: object, path: str, *, named: bool) -> Iterator[str]:
    """Yield the keys of a schema that nothing explains."""
    if not isinstance(schema, Mapping):
        return
    if named and not ({"description", "$ref"} & set(schema)):
        yield path
    for part in ("properties", "$defs"):
        for key, inner in schema.get(part, {}).items():
            yield from _undescribed(inner, f"{path}.{key}", named=True)
    yield from _undescribed(
        schema.get("additionalProperties"), f"{path}.*", named=False
    )
    for part in ("oneOf", "anyOf"):
        for inner in schema.get(part, []):
            yield from _undescribed(inner, path, named=False)


@pytest.mark.parametrize("name", ["config", "study", "claims"])
def test_every_key_is_described(name):
    assert list(_undescribed(load_schema(name), name, named=True)) == []


def test_the_shipped_config_is_complete_and_valid():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    check_config(config, [ROOT / "config.yaml"])
    schema = load_schema("config")
    assert set(config) == set(schema["properties"])
    methods = schema["$defs"]["methods"]["properties"]
    assert list(config["methods"]) == list(methods)
    for method, settings in config["methods"].items():
        assert set(settings) == set(methods[method]["properties"]), method


def test_the_comments_of_config_name_every_choice():
    """A setting's choices stand in the comment above it (or are its value)."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    schema = load_schema("config")["$defs"]
    section, comment, missing = "", "", []
    start, end = text.index("methods:\n"), text.index("\nscenarios:")
    for line in text[start:end].splitlines()[1:]:
        if heading := re.fullmatch(r"  (\w+):", line):
            section, comment = heading.group(1), ""
        elif line.strip().startswith("#"):
            comment += " " + line.strip("# ")
        elif setting := re.fullmatch(r"    (\w+): (.+)", line):
            key, value = setting.groups()
            known = schema["methods"]["properties"][section]["properties"][key]
            if "$ref" in known:
                known = schema[known["$ref"].rpartition("/")[2]]
            missing += [
                f"{section}.{key}: {choice}"
                for choice in known.get("enum", [])
                if choice != value
                and not re.search(rf"(?<![\w-]){re.escape(choice)}(?![\w-])", comment)
            ]
            comment = ""
    assert missing == []


def test_conventions_are_settings_of_their_method():
    methods = load_schema("config")["$defs"]["methods"]["properties"]
    for method, conventions in load_schema("conventions").items():
        for name, convention in conventions.items():
            check_config_of = methods[method]["properties"]
            assert set(convention["settings"]) <= set(check_config_of), (method, name)
            assert convention["used_by"]
