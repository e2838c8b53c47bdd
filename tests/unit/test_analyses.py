"""One method over a study: which specifications are computed, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_studies
import yaml

from reanalysis import analyses
from reanalysis.config import method_settings
from reanalysis.methods import wilcoxon
from reanalysis.studies.study import load

SHIPPED = Path(__file__).resolve().parents[2] / "config.yaml"


@pytest.fixture
def config():
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


@pytest.fixture
def study(tmp_path):
    files = small_studies.good(small_studies.AGE)
    return load(small_studies.write(tmp_path / "good", files))


def run(study, config, method="wilcoxon"):
    rows, drawn, _ = analyses.run_method(study, method, method_settings(config, method))
    return rows, drawn


def test_equal_specifications_are_computed_once(study, config, monkeypatch):
    made = []
    estimate = wilcoxon.estimate

    def counted(sample, settings):
        made.append(repr(sorted(settings.items())) + str(len(sample.rows)))
        return estimate(sample, settings)

    monkeypatch.setattr(wilcoxon, "estimate", counted)
    config["scenarios"] = {
        "same": {"methods": {"wilcoxon": {"p_value": "exact"}}},
        "normal": {"methods": {"wilcoxon": {"p_value": "normal"}}},
        "normal_again": {"methods": {"wilcoxon": {"p_value": "normal"}}},
    }
    rows, _ = run(study, config)
    assert len(made) == len(set(made)) == 2
    assert {r["scenario"] for r in rows} == {"primary", "normal", "normal_again"}


def test_every_patient_is_left_out_once(study, config):
    config["scenarios"] = {"loo": {"rows": {"leave_out": "each_patient"}}}
    left = [r for r in run(study, config)[0] if r["scenario"] == "loo"]
    assert len({r["specification"] for r in left}) == 12
    assert {r["statistic"] for r in left} <= analyses.HEADLINE
    config["rows"]["leave_out_limit"] = 11
    assert {r["scenario"] for r in run(study, config)[0]} == {"primary"}


def test_ids_are_unique_and_stable(study, config):
    first, again = run(study, config)[0], run(study, config)[0]
    ids = [r["estimate_id"] for r in first]
    assert len(ids) == len(set(ids))
    assert ids == [r["estimate_id"] for r in again]


def test_conventions_are_tried_for_claims_only(study, config):
    rows, drawn = run(study, config, "tables")
    assert {r["scenario"] for r in rows} >= {"primary", "convention"}
    claimed = {r["statistic"] for r in rows if r["scenario"] == "convention"}
    assert claimed <= {"odds_ratio", "proportion"}
    assert set(drawn) == {"responses"}
    assert "convention" not in {r["scenario"] for r in run(study, config)[0]}
