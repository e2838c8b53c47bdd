"""Rule record: the merged settings and the provenance of a run."""

import json
from collections.abc import Mapping

import yaml

from reanalysis.job import guarded, write_text
from reanalysis.provenance import provenance


def record(config: Mapping, checked: list[str], merged: str, output: str) -> None:
    """Write config.yaml as merged and provenance.json."""
    write_text(
        merged, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    )
    write_text(output, json.dumps(provenance(config, checked), indent=1) + "\n")


if __name__ == "__main__":
    with guarded(snakemake.params.run_folder, snakemake.log[0]):
        record(
            config=snakemake.params.config,
            checked=snakemake.input.checked,
            merged=snakemake.output.config,
            output=snakemake.output.provenance,
        )
