"""From tables to samples: rows chosen, columns named by role, groups in order."""

from __future__ import annotations

import pytest
import small_studies

from reanalysis.errors import InputError
from reanalysis.studies.study import load


def analysis(tmp_path, text, **files):
    made = {**small_studies.good(text), "claims.csv": small_studies.CLAIMS_HEADER}
    folder = small_studies.write(tmp_path / "good", {**made, **files})
    return list(load(folder)["analyses"].values())[-1]


def test_groups_in_the_order_given_and_others_left_out(tmp_path):
    made = analysis(tmp_path, small_studies.AGE.replace("[T, S]", "[S, T]"))
    assert made["groups"] == ["S", "T"]
    assert made["samples"][0]["reference"] == "T"
    one = analysis(tmp_path / "one", small_studies.AGE.replace("[T, S]", "[T]"))
    assert one["samples"][0]["columns"]["group"] == ["T"] * 6
    assert one["samples"][0]["dropped"] == 0


def test_rows_that_lack_a_value_are_counted(tmp_path):
    rows = str(small_studies.GOOD["patients.csv"]).replace("P01,T,20", "P01,T,")
    made = analysis(tmp_path, small_studies.AGE, **{"patients.csv": rows})
    (sample,) = made["samples"]
    assert sample["dropped"] == 1
    assert sample["people"][0] == "row 3"
    assert sample["unit"] == "years"


SUMMARY = """\
  means:
    method: wilcoxon
    dataset: means
    endpoint: Creatinine
    by: endpoint
    columns: {group: arm, mean: mean, sd: sd, n: n}
"""
DECLARED = """\
  means:
    file: means.csv
    kind: summary
    source: paper
    locator: Table 2
    columns:
      endpoint: {role: stratum}
      arm: {role: group, coding: [T, S]}
      mean: {role: mean, unit: mg/dL}
      sd: {role: sd}
      n: {role: n}
analyses:
"""
MEANS = "endpoint,arm,mean,sd,n\nmonth 1,T,1.20,0.5,12\nmonth 1,S,1.4,0.5,11\nmonth 2,T,1,1,9\nmonth 2,S,2,1,9\n"


def summary(tmp_path, rows):
    text = str(small_studies.GOOD["study.yaml"]).replace("analyses:\n", DECLARED)
    files = {
        "study.yaml": text + SUMMARY,
        "claims.csv": small_studies.CLAIMS_HEADER,
        "patients.csv": small_studies.GOOD["patients.csv"],
        "means.csv": rows,
    }
    return load(small_studies.write(tmp_path / "good", files))["analyses"]["means"]


def test_a_summary_carries_the_rounding_of_its_print(tmp_path):
    made = summary(tmp_path, MEANS)
    assert [s["endpoint"] for s in made["samples"]] == ["month 1", "month 2"]
    first = made["samples"][0]["columns"]
    assert first["mean_low"] == pytest.approx([1.195, 1.35])
    assert first["mean_high"] == pytest.approx([1.205, 1.45])
    assert first["n_low"] == first["n_high"] == [12.0, 11.0]
    assert made["samples"][0]["unit"] == "mg/dL"


def test_a_row_without_the_value_that_splits(tmp_path):
    with pytest.raises(InputError, match=r"means\.csv, row 5, column 'endpoint'"):
        summary(tmp_path, MEANS.replace("month 2,S", ",S"))


def test_an_interval_that_ends_before_its_start(tmp_path):
    text = """\
  entry:
    method: kaplan_meier
    dataset: patients
    endpoint: Survival
    columns: {id: patient, start: age, stop: months, event: died}
"""
    with pytest.raises(
        InputError,
        match=r"patients\.csv, row 2, column 'months': the interval ends at or before its start \(20 to 12\)",
    ):
        analysis(tmp_path, text)


@pytest.mark.parametrize(
    ("method", "end", "role"),
    [
        ("competing_risks", "cause", "start"),
        ("competing_risks", "cause", "weight"),
        ("kaplan_meier", "event", "weight"),
        ("restricted_mean", "event", "cluster"),
    ],
)
def test_a_role_that_a_method_would_drop_in_silence(tmp_path, method, end, role):
    text = f"""\
  dropped:
    method: {method}
    dataset: patients
    endpoint: Survival
    columns: {{time: months, {end}: died, {role}: age}}
    causes: {{censored: ["0"], interest: ["1"]}}
"""
    with pytest.raises(InputError, match=f"{method} takes no {role}"):
        analysis(tmp_path, text)


MATCHED = """\
  matched:
    method: matching
    dataset: patients
    endpoint: response
    columns: {group: arm, covariate: [age]}
    groups: [T, S]
    exact_on: [sex]
"""


def test_exact_on_takes_covariates_only(tmp_path):
    with pytest.raises(InputError, match="exact_on names a column that is no"):
        analysis(tmp_path, MATCHED)
    made = analysis(tmp_path / "right", MATCHED.replace("[sex]", "[age]"))
    assert made["options"] == {"exact_on": ["age"]}


COMPETING = """\
  loss:
    method: competing_risks
    dataset: patients
    endpoint: Relapse
    columns: {time: months, cause: died, group: arm}
    groups: [T, S]
    causes: {censored: ["0"], interest: ["1"]}
"""


def test_causes_are_declared_with_their_words(tmp_path):
    made = analysis(tmp_path, COMPETING)
    causes = made["options"]["causes"]
    assert (causes["censored"], causes["interest"]) == (["0"], ["1"])
    assert set(made["samples"][0]["columns"]["cause"]) <= {"0", "1"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('    causes: {censored: ["0"], interest: ["1"]}\n', "", "needs 'causes'"),
        ('censored: ["0"], ', "", r"row 2, column 'died': a cause that the analysis"),
        ('censored: ["0"]', 'censored: ["0", "1"]', "a cause is declared twice"),
        ('interest: ["1"]', 'interest: ["2"]', "an unknown name"),
    ],
)
def test_causes_that_do_not_fit_the_rows(tmp_path, old, new, says):
    assert old in COMPETING
    with pytest.raises(InputError, match=says):
        analysis(tmp_path, COMPETING.replace(old, new))
