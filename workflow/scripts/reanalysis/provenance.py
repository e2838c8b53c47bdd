"""What a run was made from: versions, input hashes, settings, seed, time."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "snakemake",
    "numpy",
    "pandas",
    "scipy",
    "lifelines",
    "statsmodels",
    "matplotlib",
    "jsonschema",
    "PyYAML",
    "Jinja2",
)


def provenance(config: Mapping, checked: Sequence[str]) -> dict[str, object]:
    """Return versions, the hash of every input file by study, seed and time."""
    inputs = {}
    for path in checked:
        study = json.loads(Path(path).read_text(encoding="utf-8"))
        inputs[study["id"]] = study.get("inputs", {"failed": study["message"]})
    settings = json.dumps(config, sort_keys=True).encode()
    return {
        "run": config["run"],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "seed": config["seed"],
        "settings_sha256": hashlib.sha256(settings).hexdigest(),
        "inputs_sha256": inputs,
    }
