"""Every way to get a study wrong that we know of, and the sentence it earns."""

from __future__ import annotations

import pytest
import small_studies

from reanalysis.errors import InputError
from reanalysis.plan import analyses_of
from reanalysis.studies.study import load


def test_the_good_study_is_read(tmp_path):
    analyses = (small_studies.SURVIVAL, small_studies.COX, small_studies.AGE)
    study = load(small_studies.write(tmp_path / "good", small_studies.good(*analyses)))
    assert list(study["analyses"]) == ["responses", "survival", "survival_cox", "age"]
    (sample,) = study["analyses"]["survival_cox"]["samples"]
    assert len(sample["columns"]["time"]) == 10, "the population leaves out two"
    assert sample["groups"] == ["T", "S"]
    assert sample["reference"] == "S"
    assert len(study["claims"]) == 3


@pytest.mark.parametrize("name", small_studies.MISTAKES)
def test_a_mistake_is_one_clear_line(tmp_path, name):
    mistake = small_studies.MISTAKES[name]
    files = mistake.change(dict(small_studies.GOOD))
    folder = small_studies.write(tmp_path / name, files, name)
    analyses_of([folder])  # reads leniently whatever stands there
    with pytest.raises(InputError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(name)
    for words in mistake.says:
        assert words in message


def test_names_and_dates_in_study_yaml_are_words(tmp_path):
    text = str(small_studies.GOOD["study.yaml"])
    text = text.replace("locator: Table 1", "locator: Table 1\n    date: 2020-01-31")
    text = text.replace("everyone", "no").replace("coding: [T, S]", "coding: [no, yes]")
    text = text.replace("groups: [T, S]", "groups: [yes, no]")
    files = {
        **small_studies.GOOD,
        "study.yaml": text,
        "claims.csv": small_studies.CLAIMS_HEADER,
        "patients.csv": str(small_studies.GOOD["patients.csv"])
        .replace(",T,", ",yes,")
        .replace(",S,", ",no,"),
    }
    study = load(small_studies.write(tmp_path / "good", files))
    assert study["analyses"]["responses"]["groups"] == ["yes", "no"]
    assert study["populations"]["no"]["label"] == "All patients"


def test_a_later_folder_replaces_files(tmp_path):
    public = small_studies.write(tmp_path / "data" / "good", small_studies.GOOD)
    rows = str(small_studies.GOOD["patients.csv"]).replace("P01,T,20", "P01,T,21")
    private = small_studies.write(tmp_path / "own" / "good", {"patients.csv": rows})
    assert load(public)["inputs"] != load(public, private)["inputs"]
    assert load(public)["claims"] == load(public, private)["claims"]
