"""The verdicts of the shipped studies are those their data and their papers bear out.

The expected ones come from a reading of the papers against the data in R, before the
pipeline existed: tests/data/expected_verdicts*.csv, each with its reason.
"""

from __future__ import annotations

import csv
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest
import yaml

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.consistency import family
from reanalysis.plan import METHODS
from reanalysis.results import COLUMNS
from reanalysis.rows import read_estimates, write_rows
from reanalysis.studies.claims import CLAIM_COLUMNS
from reanalysis.studies.study import load
from reanalysis.verdicts import ORDER, judge

ROOT = Path(__file__).parents[2]
EXPECTED = [
    row
    for file in sorted((ROOT / "tests" / "data").glob("expected_verdicts*.csv"))
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
]
SHIPPED = sorted(
    path.parent.name
    for path in (ROOT / "data").glob("*/study.yaml")
    if not path.parent.name.startswith("_")
)


@cache
def config() -> dict:
    loaded = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return {**loaded, "scenarios": {}}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Claims of a study with their verdicts, by id, as the workflow judges them."""
    folder = tmp_path_factory.mktemp("estimates")

    @cache
    def of(name: str) -> dict[str, dict]:
        study = load(ROOT / "data" / name)
        used = {a["method"] for a in study["analyses"].values() if not a["awaited"]}
        rows = []
        for method in METHODS:
            if method in used:
                rows += run_method(study, method, method_settings(config(), method))[0]
        write_rows(folder / f"{name}.csv", COLUMNS, rows)
        told = [asdict(check) for check in family.run(study)]
        claims, _ = judge(study, read_estimates(folder / f"{name}.csv"), told)
        return {claim["claim_id"]: claim for claim in claims}

    return of


@pytest.mark.parametrize("name", sorted({row["study"] for row in EXPECTED}))
def test_verdicts_are_the_expected_ones(judged, name):
    claims = judged(name)
    for row in EXPECTED:
        if row["study"] != name:
            continue
        claim = claims[row["claim_id"]]
        said = (row["claim_id"], claim["verdict"], claim["reason"], row["why"])
        assert claim["verdict"] in row["expected"].split("|"), said
        if row["convention"]:
            assert row["convention"] in claim["convention"], said


@pytest.mark.parametrize("name", SHIPPED)
def test_every_claim_has_a_verdict_and_a_reason(judged, name):
    for claim in judged(name).values():
        assert claim["verdict"] in ORDER
        assert claim["reason"].strip(), claim["claim_id"]
        assert "gives no such number" not in claim["reason"], claim["claim_id"]
        assert set(CLAIM_COLUMNS) <= set(claim)
        if claim["verdict"].startswith("reproduced"):
            assert claim["kind"] in {"individual", "summary"}
            assert claim["estimate_id"]
