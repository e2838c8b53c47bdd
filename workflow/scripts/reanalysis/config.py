"""Check a merged config and work out what one method needs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from reanalysis.errors import InputError
from reanalysis.schema import first_error, load_schema


def check_config(config: Mapping, files: Sequence[str | Path] = ()) -> None:
    """Raise :class:`InputError` for the first thing config.yaml may not hold.

    ``files`` are the files the config was merged from, the last winning; the
    message names the one that holds the offending key. A scenario can override
    only keys that exist.
    """
    validator = Draft202012Validator(load_schema("config"))
    # An overlay is judged by itself first, so that the file to mend is named.
    overlay = _without_required(load_schema("config"))
    for file in reversed(files):
        loaded = _read(file)
        problem = first_error(Draft202012Validator(overlay), loaded)
        if problem:
            raise InputError(problem, file=file)
    problem = first_error(validator, config)
    if problem:
        raise InputError(problem, file="the settings as merged, with --config")


def _read(file: str | Path) -> object:
    try:
        return yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            f"this is not YAML ({getattr(error, 'problem', error)})",
            file=file,
            row=mark.line + 1 if mark else None,
        ) from None


def _without_required(schema: object) -> object:
    if isinstance(schema, Mapping):
        return {k: _without_required(v) for k, v in schema.items() if k != "required"}
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    return schema


def _origin(key: str, config: Mapping, files: Sequence[str | Path]) -> str | Path:
    """Return the last of the files that gives a key its value."""
    for file in reversed(files):
        if (loaded := _read(file)) and loaded.get(key) == config[key]:
            return file
    return "--config"


def find_studies(
    config: Mapping, files: Sequence[str | Path] = ()
) -> dict[str, list[str]]:
    """Return the folders of every study to run, by name, in the order of data_dir.

    ``files`` are the files the config was merged from. Raises :class:`InputError`
    for a data folder or a study that does not exist.
    """
    data_dirs = config["data_dir"]
    data_dirs = [data_dirs] if isinstance(data_dirs, str) else list(data_dirs)
    folders: dict[str, list[str]] = {}
    for data_dir in data_dirs:
        if not Path(data_dir).is_dir():
            raise InputError(
                "the folder does not exist",
                file=_origin("data_dir", config, files),
                column="data_dir",
                value=data_dir,
                expected="a folder with one folder per study",
            )
        for path in sorted(Path(data_dir).iterdir()):
            if path.is_dir() and not path.name.startswith(("_", ".")):
                if set("{}\n") & set(path.name):  # no rule can name such a file
                    raise InputError(
                        "a study folder cannot be called so",
                        file=data_dir,
                        value=path.name,
                        expected="small letters, digits and _",
                    )
                folders.setdefault(path.name, []).append(str(path))
    if not folders:
        raise InputError(
            "there is no study folder",
            file=_origin("data_dir", config, files),
            column="data_dir",
            value=data_dirs,
        )
    if config["studies"] == "all":
        return dict(sorted(folders.items()))
    for name in config["studies"]:
        if name not in folders:
            near = get_close_matches(name, folders, n=1)
            raise InputError(
                "an unknown study"
                + (f", perhaps '{near[0]}' is meant" if near else ""),
                file=_origin("studies", config, files),
                column="studies",
                value=name,
                expected="all, or of " + ", ".join(sorted(folders)),
            )
    return {name: folders[name] for name in sorted(config["studies"])}


def method_settings(config: Mapping, method: str) -> dict[str, object]:
    """Return what the jobs of one method depend on, and nothing else.

    ``primary`` are the method's settings with the level and seed; ``scenarios``
    maps each scenario that concerns the method to its overrides; ``conventions``
    the list tried for claims.
    """
    scenarios = {}
    for name, overrides in sorted((config["scenarios"] or {}).items()):
        if overrides is None:
            continue
        changed = dict(overrides.get("methods", {}).get(method, {}))
        if "conf_level" in overrides:
            changed["conf_level"] = overrides["conf_level"]
        rows = overrides.get("rows", {})
        if changed or rows:
            scenarios[name] = {"settings": changed, "rows": dict(rows)}
    return deepcopy(
        {
            "primary": {
                **config["methods"][method],
                "conf_level": config["conf_level"],
                "seed": config["seed"],
            },
            "rows": dict(config["rows"]),
            "scenarios": scenarios,
            "conventions": load_schema("conventions").get(method, {}),
        }
    )
