"""Where a run came from."""

from __future__ import annotations

import json

from reanalysis.provenance import PACKAGES, provenance


def test_versions_inputs_and_failures(tmp_path):
    studies = [
        {"id": "good", "message": "", "inputs": {"study.yaml": "abc"}},
        {"id": "bad", "message": "a mistake"},
    ]
    paths = []
    for study in studies:
        paths.append(tmp_path / f"{study['id']}.json")
        paths[-1].write_text(json.dumps(study))
    made = provenance({"run": "x", "seed": 7}, paths)
    assert made["seed"] == 7
    assert set(made["versions"]) == set(PACKAGES)
    assert made["inputs_sha256"] == {
        "good": {"study.yaml": "abc"},
        "bad": {"failed": "a mistake"},
    }
    other = provenance({"run": "x", "seed": 8}, paths)
    assert other["settings_sha256"] != made["settings_sha256"]
