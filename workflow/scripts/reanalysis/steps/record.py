"""The merged settings and the provenance of a run."""

import json
from collections.abc import Mapping

import yaml

from reanalysis.job import write_text
from reanalysis.provenance import provenance


def record(config: Mapping, checked: list[str], merged: str, output: str) -> None:
    """Write config.yaml as merged and provenance.json."""
    write_text(
        merged, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    )
    write_text(output, json.dumps(provenance(config, checked), indent=1) + "\n")
