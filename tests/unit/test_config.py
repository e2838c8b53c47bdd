"""The merged settings: checked key by key, and cut to what one method needs."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from reanalysis.config import check_config, find_studies, method_settings
from reanalysis.errors import InputError

SHIPPED = Path(__file__).resolve().parents[2] / "config.yaml"


@pytest.fixture
def config():
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def test_the_shipped_settings_are_fine(config):
    check_config(config, [SHIPPED])


def test_the_file_to_mend_is_named(config, tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("methods: {cox: {ties: effron}}\n")
    config["methods"]["cox"]["ties"] = "effron"
    with pytest.raises(InputError, match=r"mine\.yaml: key 'methods\.cox\.ties'"):
        check_config(config, [SHIPPED, overlay])


def test_what_no_file_says_comes_from_the_command_line(config):
    config["seed"] = "many"
    with pytest.raises(InputError, match="--config"):
        check_config(config, [SHIPPED])


def test_a_missing_key_is_named(config):
    del config["seed"]
    with pytest.raises(InputError, match="key 'seed' is missing"):
        check_config(config)


def test_a_method_sees_its_own_settings_only(config):
    before = method_settings(config, "cox")
    config["methods"]["wilcoxon"]["test"] = "t"
    config["figures"]["dpi"] = 72
    config["scenarios"]["more"] = {"methods": {"wilcoxon": {"test": "sign"}}}
    assert method_settings(config, "cox") == before
    config["conf_level"] = 0.9
    assert method_settings(config, "cox") != before


def test_scenarios_of_a_method(config):
    config["scenarios"] = {
        "ties": {"methods": {"cox": {"ties": "breslow"}}},
        "left_out": None,
        "level": {"conf_level": 0.9},
        "without": {"rows": {"leave_out": "lost_to_follow_up"}},
    }
    cox = method_settings(config, "cox")["scenarios"]
    assert cox == {
        "level": {"settings": {"conf_level": 0.9}, "rows": {}},
        "ties": {"settings": {"ties": "breslow"}, "rows": {}},
        "without": {"settings": {}, "rows": {"leave_out": "lost_to_follow_up"}},
    }
    assert set(method_settings(config, "rates")["scenarios"]) == {"level", "without"}


def test_what_is_returned_is_a_copy(config):
    before = deepcopy(config)
    method_settings(config, "cox")["primary"]["ties"] = "exact"
    assert config == before


def test_studies_of_several_folders(config, tmp_path):
    for folder in ("data/b", "data/a", "own/a", "data/_template", "data/.hidden"):
        (tmp_path / folder).mkdir(parents=True)
    config["data_dir"] = [str(tmp_path / "data"), str(tmp_path / "own")]
    found = find_studies(config)
    assert list(found) == ["a", "b"]
    assert [Path(folder).parent.name for folder in found["a"]] == ["data", "own"]
    config["studies"] = ["b"]
    assert list(find_studies(config)) == ["b"]
    config["studies"] = ["bb"]
    with pytest.raises(InputError, match=r"'bb'.*a, b"):
        find_studies(config)


def test_a_data_folder_without_studies(config, tmp_path):
    config["data_dir"] = str(tmp_path)
    with pytest.raises(InputError, match="there is no study folder"):
        find_studies(config)
