"""The settings of a result in few words."""

from pathlib import Path

import pytest
import yaml

from reanalysis.analyses import Specification
from reanalysis.reporting.convention_text import (
    MATTERS,
    USUAL,
    setting_named,
    short_convention,
)

ROOT = Path(__file__).resolve().parents[2]
METHODS = yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]


def convention(method, **changed):
    return Specification("primary", {**METHODS[method], **changed}).convention


def test_what_is_usual_is_the_config():
    for method, usual in USUAL.items():
        assert usual.items() <= METHODS[method].items(), method


def test_what_matters_is_a_setting():
    for method, conditions in MATTERS.items():
        assert {key for keys in conditions.values() for key in keys} <= set(
            USUAL[method]
        )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_usual_settings_are_silent_and_others_are_not(method):
    shown = short_convention(method, convention(method))
    assert len(shown) < 180
    for key, value in USUAL.get(method, {}).items():
        if isinstance(value, list):
            continue
        other = not value if isinstance(value, bool) else "another"
        changed = short_convention(method, convention(method, **{key: other}))
        assert setting_named(key, other) in changed.split("; "), key


def test_a_setting_that_another_needs_is_said():
    weighted = convention("log_rank", weights="fleming-harrington")
    assert "rho 1.0; gamma 0.0" in short_convention("log_rank", weighted)
    drawn = convention("log_rank", p_value="monte-carlo")
    assert "permutations 100000; monte carlo add-one" in short_convention(
        "log_rank", drawn
    )


def test_names_and_patients_left_out_stay():
    assert short_convention("cox", "efron_wald") == "efron_wald"
    spec = Specification("leave_one_out", METHODS["cox"], "each_patient", "patient 7")
    assert short_convention("cox", spec.convention).endswith("without patient 7")
