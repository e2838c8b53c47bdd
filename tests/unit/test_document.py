"""The document before its formats: numbers, mentions, references, words of settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from reanalysis import author_requests, sensitivity, verdicts
from reanalysis.bundles import definitions, methods_part, methods_text
from reanalysis.bundles.bibliography import ANY, bibliography, method_words
from reanalysis.bundles.document import (
    Cite,
    Figure,
    Heading,
    Listing,
    Paragraph,
    Ref,
    References,
    Row,
    Strong,
    Table,
    cleaned,
    numbered,
    words_of,
)
from reanalysis.bundles.privacy import (
    is_private,
    may_be_shown,
    private_analyses,
    private_files,
    shared_claims,
    shared_rows,
)
from reanalysis.multiverse.columns import SUMMARY_COLUMNS
from reanalysis.plan import METHODS, libraries_of
from reanalysis.results import COLUMNS
from reanalysis.schema import load_schema
from reanalysis.studies.claims import CLAIM_COLUMNS

ROOT = Path(__file__).parents[2]
SCRIPTS = str(ROOT / "workflow" / "scripts")


def _figure(key, **change):
    given = {"key": key, "source": f"s/{key}", "name": f"s_{key}", "alt": "A curve."}
    return Figure(
        **{**given, "caption": [Strong(f"Title of {key}."), " More."], **change}
    )


def _table(key, *cells):
    return Table(
        key=key,
        caption=[Strong("Counts.")],
        header=["a"],
        widths=[1],
        rows=[Row([cell]) for cell in cells],
    )


def test_numbers_follow_the_order_and_mentions_find_them():
    made = numbered(
        [
            Paragraph([Ref("later"), " and ", Ref("t"), " ", Cite(("c", "a"))]),
            _figure("first"),
            _table("t", ["see ", Cite(("b",))]),
            _figure("later"),
            References(),
            Listing("figure"),
        ],
        {"a": "Entry A", "b": "Entry B", "c": "Entry C", "d": "not cited"},
    )
    assert words_of(made[0]["text"]) == "Figure 2 and Table 1 [1, 2]"
    assert [b["number"] for b in made if b["kind"] == "figure"] == [1, 2]
    assert made[1]["file"] == "Figure_01_s_first"
    assert made[4]["entries"] == ["Entry C", "Entry A", "Entry B"]
    assert made[2]["rows"][0]["cells"][0][1]["words"] == "[3]"
    assert [e["label"] for e in made[5]["entries"]] == ["Figure 1", "Figure 2"]
    assert made[5]["entries"][0]["words"] == "Title of first."


def test_runs_of_references_are_drawn_together():
    entries = {str(n): f"Entry {n}" for n in range(1, 8)}
    first = Paragraph([Cite(tuple(entries))])
    second = Paragraph([Cite(("1", "2", "4", "5", "6"))])
    made = numbered([first, second], entries)
    assert words_of(made[1]["text"]) == "[1, 2, 4\u20136]"


def test_a_hundred_figures_sort_by_their_names():
    made = numbered([_figure(f"f{n}") for n in range(100)], {})
    assert (made[0]["file"], made[99]["file"]) == (
        "Figure_001_s_f0",
        "Figure_100_s_f99",
    )


def test_what_is_not_there_cannot_be_mentioned():
    with pytest.raises(KeyError):
        numbered([Paragraph([Ref("nowhere")])], {})
    with pytest.raises(KeyError):
        numbered([Paragraph([Cite(("nobody",))]), References()], {})
    with pytest.raises(ValueError, match="same key"):
        numbered([_figure("one"), _figure("one")], {})


def test_control_characters_reach_no_document():
    made = numbered(
        [Heading(1, "a\x00b"), Paragraph(["c\x0bd\ue000", Strong("\x1f")])], {}
    )
    made = cleaned(made)
    assert made[0]["words"] == "a b"
    assert words_of(made[1]["text"]) == "c d\ue000 "


def test_every_choice_of_the_config_has_its_words():
    schema = load_schema("config")
    alternative = schema["$defs"]["alternative"]["enum"]
    said = method_words()["settings"]
    assert set(said) == set(METHODS)
    for method, described in schema["$defs"]["methods"]["properties"].items():
        settings = described["properties"]
        assert set(said[method]) == set(settings), method
        for key, allowed in settings.items():
            if "enum" in allowed:
                choices = allowed["enum"]
            elif allowed.get("$ref") == "#/$defs/alternative":
                choices = alternative
            elif allowed.get("type") == "boolean":
                choices = [True, False]
            else:
                choices = [ANY]
            missing = {str(c) for c in choices} - {str(c) for c in said[method][key]}
            assert not missing, (method, key)


def test_every_paper_is_named_and_every_named_paper_is_there():
    said = method_words()
    named = {
        paper
        for settings in said["settings"].values()
        for choices in settings.values()
        for words in choices.values()
        for paper in words.get("papers", ())
    }
    for table in ("always", "named", "statistics"):
        named |= {paper for papers in said[table].values() for paper in papers}
    # The checks of printed numbers, and members of a curve: said once for all methods.
    named |= {"brown_heathers_2017", "guarniero_2017"}
    assert named == set(bibliography()["papers"])
    for key, entry in bibliography()["papers"].items():
        author, year = key.split("_")[0], key.split("_")[-1]
        if year.isdigit():
            assert year in entry, key
        assert author in entry.lower(), key


def _primary(method, **change):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return {**config["methods"][method], **change}


def _said(method, settings, rows):
    blocks = methods_text.method_blocks(method, settings=settings, rows=rows, varied=[])
    made = numbered([*blocks, References()], methods_text.entries())
    text = " ".join(words_of(b["text"]) for b in made if b["kind"] == "paragraph")
    return text, made[-1]["entries"]


def _row(**change):
    row = {
        "study": "s",
        "analysis": "a",
        "kind": "individual",
        "test": "Wald",
        "interval_method": "Wald, log scale",
        "statistic": "hazard_ratio",
    }
    return {**row, **change}


def test_the_methods_text_follows_the_settings():
    text, entries = _said("cox", _primary("cox"), [_row()])
    assert "1 analysis of 1 study, from individual data" in text
    assert "tied event times by Efron's approximation" in text
    assert any(entry.startswith("Efron B. The efficiency") for entry in entries)
    assert not any("Breslow" in entry for entry in entries)
    text, entries = _said("cox", _primary("cox", ties="breslow"), [_row()])
    assert "tied event times by Breslow's approximation" in text
    assert not any("Efron" in entry for entry in entries)


def test_a_usual_setting_that_plays_a_part_is_said():
    asymptotic, _ = _said("log_rank", _primary("log_rank"), [_row()])
    assert "as extreme" not in asymptotic
    exact, _ = _said("log_rank", _primary("log_rank", p_value="exact"), [_row()])
    assert "as extreme: observed minus expected at least as large" in exact


def test_scenarios_of_methods_not_used_are_not_named():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    made = methods_text.scenarios(config["scenarios"], {"cox"})
    text = "\n".join(words for item in made.items for words in item)
    assert "Breslow ties \u2013 Cox model: tied event times by Breslow's" in text
    assert "Kaplan-Meier:" not in text
    assert "every patient left out in turn" in text
    assert not methods_text.scenarios({"gone": None}, {"cox"}).items


def test_every_scenario_of_the_config_can_be_told():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    made = methods_text.scenarios(config["scenarios"], set(METHODS))
    assert len(made.items) == len(config["scenarios"])


def test_only_libraries_that_are_imported_are_cited():
    assert "ortools" in libraries_of(SCRIPTS, ["reanalysis.steps.consistency"])
    found = libraries_of(SCRIPTS, ["reanalysis.methods.arithmetic"])
    assert "ortools" not in found
    assert "pandas" in found
    said = methods_text.software_text({"numpy", "scipy", "csv"})
    assert [p.keys for p in said if isinstance(p, Cite)] == [
        ("software:numpy",),
        ("software:scipy",),
    ]


def test_every_column_of_the_workbook_is_defined():
    said = definitions.columns()
    for sheet, columns in (
        ("Estimates", COLUMNS),
        ("Claims", (*CLAIM_COLUMNS, *verdicts.RESULT_COLUMNS)),
        ("Checks", verdicts.CHECK_COLUMNS),
        ("Sensitivity", sensitivity.COLUMNS),
        ("Requests", author_requests.COLUMNS),
        ("Multiverse", SUMMARY_COLUMNS),
    ):
        assert set(said[sheet]) == set(columns), sheet
    assert set(definitions.sheets()) == {*said, "Definitions"}


# Private rows.


def _study_folder(folder: Path, *names: str) -> str:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("", encoding="utf-8")
    return str(folder)


def test_files_of_further_folders_are_private(tmp_path):
    public = _study_folder(tmp_path / "data/a", "study.yaml", "patients.csv")
    private = _study_folder(tmp_path / "mine/a", "patients.csv")
    dirs = [str(tmp_path / "data"), str(tmp_path / "mine")]
    assert private_files([public, private], dirs) == ["patients.csv"]
    assert private_files([public], dirs) == []
    assert private_files([private], str(tmp_path / "mine")) == []
    assert not is_private(["patients.csv"])
    assert is_private(["claims.csv", "patients.csv"])


STUDY = {
    "datasets": {"rows": {"file": "patients.csv"}, "table": {"file": "counts.csv"}},
    "analyses": {"survival": {"dataset": "rows"}, "response": {"dataset": "table"}},
}


def test_figures_of_private_patients_are_left_out():
    hidden = private_analyses(STUDY, ["patients.csv"])
    assert hidden == {"survival"}
    assert not may_be_shown("survival", "survival", hidden)
    assert not may_be_shown("survival_residuals", "survival", hidden)
    assert may_be_shown("survival_sensitivity", "survival", hidden)
    assert may_be_shown("response", "response", hidden)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"n": "1"}, False),
        ({"n": ""}, True),
        ({"convention": "ties efron; without P03"}, False),
        ({"convention": "ties efron; without patients lost to follow-up"}, True),
        ({"statistic": "patient_slope"}, False),
        ({"endpoint": "eGFR, patient 3"}, False),
        ({"analysis": "response", "n": "1"}, True),
    ],
)
def test_rows_of_one_private_patient_are_left_out(change, kept):
    row = {
        "analysis": "survival",
        "n": "12",
        "convention": "ties efron",
        "statistic": "hazard_ratio",
        "endpoint": "Death",
        **change,
    }
    assert (shared_rows([row], {"survival"}) == [row]) is kept


def test_a_claim_on_one_private_patient_keeps_its_verdict_only():
    claim = {
        "study": "a",
        "claim_id": "C1",
        "estimate_id": "gone",
        "recomputed": "5.31",
        "recomputed_low": "5.31",
        "recomputed_high": "5.31",
        "difference": "0.01",
        "verdict": "reproduced",
        "reason": "Recomputed 5.31.",
    }
    checks = [
        {"study": "a", "claim_id": "C1", "reason": "Recomputed 5.31."},
        {"study": "b", "claim_id": "C1", "reason": "other"},
    ]
    claims, left = shared_claims(
        [claim, {**claim, "estimate_id": "x"}], checks, {"gone"}
    )
    assert "5.31" not in json.dumps(claims[0])
    assert claims[0]["verdict"] == "reproduced"
    assert claims[1] == {**claim, "estimate_id": "x"}
    assert left == [checks[1]]


def test_ensembles_are_told_by_the_members_their_rows_have():
    rows = [
        {"kind": "individual", "members": "", "prior": ""},
        {"kind": "reconstructed", "members": "200", "prior": ""},
        {"kind": "simulated", "members": "300", "prior": ""},
        {"kind": "simulated", "members": "100", "prior": "rare"},
        {"kind": "simulated", "members": "150", "prior": "frequent"},
    ]
    (said,) = _ensembles(rows)
    assert "200 rebuilt from a printed curve" in said
    assert "; 100 to 150 drawn with each prior" in said
    assert "never reproduced" in said
    (said,) = _ensembles(rows[2:])
    assert "members was observed: 100 to 150 drawn" in said
    assert _ensembles(rows[:1]) == []


def _ensembles(rows):
    blocks = methods_part.ensembles({"study": rows})
    made = numbered(blocks, bibliography()["papers"])
    return [words_of(block["text"]) for block in made]
