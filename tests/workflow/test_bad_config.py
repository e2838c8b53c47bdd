"""A mistake in the settings: one message that says what and where, before any job."""

from __future__ import annotations

import pytest

CASES = {
    "misspelt_key": (
        "methods: {cox: {tie: efron}}",
        ("'methods.cox.tie'", "'ties' is meant", '"efron"', "one of ties, p_value"),
    ),
    "misspelt_section": (
        "method: {cox: {ties: efron}}",
        ("'method'", "'methods' is meant", "one of run, studies"),
    ),
    "unknown_choice": (
        "methods: {cox: {ties: effron}}",
        ("'methods.cox.ties'", '"effron"', "one of efron, breslow, exact"),
    ),
    "wrong_type": ("seed: many", ("'seed'", '"many"', "a whole number")),
    "outside_range": ("conf_level: 95", ("'conf_level'", "95", "below 1")),
    "nothing": ("methods:", ("'methods'", "null", "a map of keys")),
    "unknown_study": (
        "studies: [frist]",
        ("'studies'", "'frist'", "'first' is meant", "first, second"),
    ),
    "study_no_list": ("studies: first", ("'studies'", '"first"', "all", "a list")),
    "unknown_data_dir": (
        "data_dir: [data, dta]",
        ("'data_dir'", "'dta'", "a folder with one folder per study"),
    ),
    "scenario_key": (
        "scenarios: {mine: {methods: {cox: {tie: efron}}}}",
        ("'scenarios.mine.methods.cox.tie'", "'ties' is meant"),
    ),
    "scenario_method": (
        "scenarios: {mine: {methods: {coxx: {ties: efron}}}}",
        ("'scenarios.mine.methods.coxx'", "'cox' is meant", "kaplan_meier"),
    ),
    "scenario_taken": (
        "scenarios: {primary: {methods: {cox: {ties: efron}}}}",
        ('"primary"', "taken"),
    ),
    "scenario_number": (
        "scenarios: {1: {methods: {cox: {ties: efron}}}}",
        ("scenarios", "1", "letter"),
    ),
    "run_primary": ("run: primary", ("'run'", "'primary'", "another name")),
    "run_path": ("run: ../elsewhere", ("'run'", "../elsewhere")),
    "preset": ("figures: {preset: A4}", ("figures.preset", '"A4"', "single")),
    "panel": (
        "figures: {panels: {both: [first/survival_cox, first/missing]}}",
        ("panels: both", "first/missing", "survival_cox"),
    ),
    "panel_study": (
        "figures: {panels: {both: [third/survival]}}",
        ("third/survival", "first, second"),
    ),
    "palette": ("figures: {palette: [red, blue]}", ("figures.palette", '"red"')),
}


@pytest.mark.parametrize("name", CASES)
def test_one_message_before_any_job(finished, tmp_path, name):
    text, says = CASES[name]
    overlay = tmp_path / f"{name}.yaml"
    overlay.write_text(text + "\n", encoding="utf-8")
    project = finished[0]
    outcome = project.run("--configfile", str(overlay))
    assert outcome.code != 0
    (message,) = [
        line
        for line in outcome.output.splitlines()
        if line.startswith("Error in the configuration.")
    ]
    for words in (f"{name}.yaml", *says):
        assert words in message
    assert "Traceback" not in outcome.output
    assert "Job stats" not in outcome.output
    assert not (project.folder / "results" / name).exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("rnu=x", ("'rnu'", "'run' is meant")),
        ("seed=abc", ("'seed'", '"abc"', "a whole number")),
        ("run=a b", ("'run'", '"a b"')),
    ],
)
def test_on_the_command_line(finished, given, says):
    outcome = finished[0].run("--config", given)
    assert outcome.code != 0
    assert "Traceback" not in outcome.output
    for words in ("Error in the configuration.", "--config", *says):
        assert words in outcome.output


def test_a_file_named_like_the_primary_run_is_refused(finished, tmp_path):
    overlay = tmp_path / "primary.yaml"
    overlay.write_text("seed: 7\n", encoding="utf-8")
    outcome = finished[0].run("--configfile", str(overlay))
    assert outcome.code != 0
    assert "primary.yaml: the file would overwrite the primary run" in outcome.output


def test_a_study_folder_no_path_can_name(project):
    (project.folder / "data" / "a{b}").mkdir()
    outcome = project.run("-n")
    assert outcome.code != 0
    assert "a study folder cannot be called so (found: 'a{b}')" in outcome.output
