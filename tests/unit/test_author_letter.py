"""The letter to authors: who is addressed, what is asked for, the same bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from docx import Document

from reanalysis.reporting.author_letter import (
    ADDRESS,
    DATE,
    SENDER,
    Table,
    letter,
    no_letter,
    salutation,
)
from reanalysis.reporting.letter_files import as_docx, as_text
from reanalysis.rows import read_rows, write_rows
from reanalysis.steps.letters import letters

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("citation", "study", "expected"),
    [
        ("Park H, et al. Clinical trial. 2025.", "park2025", "Dr Park and colleagues"),
        ("Deng et al., Ann Rheum Dis 2017.", "deng2017", "Dr Deng and colleagues"),
        ("Kim WR, Therneau TM, Benson JT. Deaths.", "x", "Dr Kim and colleagues"),
        ("Večerić-Haler Ž, et al. Stem cells.", "v", "Dr Večerić-Haler and colleagues"),
        ("van der Berg A, de Vries B. Title.", "x", "Dr van der Berg and colleagues"),
        ("O'Brien PC, Fleming TR. Title.", "x", "Dr O'Brien and colleagues"),
        ("Garcia Lopez M, et al. Title.", "x", "Dr Garcia Lopez and colleagues"),
        ("Smith J. One author. Lancet 2020.", "smith2020", "Dr Smith"),
        ("Večerić J. One author.", "veceric2020", "Dr Večerić"),
        # No author in it, or none for certain: nobody is invented.
        ("Vitamin D. A trial in children. 2020.", "kids2020", "authors"),
        ("Vitamin D, calcium and fractures. 2020.", "vitamin2020", "authors"),
        ("NEMO study of rituximab in nephrotic syndrome.", "nemo", "authors"),
        ("Clinical Trial of Stem Cells. 2021.", "park2021", "authors"),
        ("Annals of the Rheumatic Diseases 2017; 76: 866.", "eular2017", "authors"),
        ("Streptomycin Trials Committee (MRC). BMJ 1948.", "mrc1948", "authors"),
        ("Student. The probable error of a mean. 1908.", "student1908", "authors"),
        ("", "x", "authors"),
    ],
)
def test_only_a_name_the_citation_gives(citation, study, expected):
    assert salutation(citation, study) == f"Dear {expected},"


def _claim(name, analysis="a", **other):
    blank = ("group", "reference", "timepoint")
    return {
        **dict.fromkeys(blank, ""), "claim_id": name, "analysis": analysis,
        "endpoint": "urine protein", "statistic": "mean", "field": "estimate",
        "printed": "3.1 (2.0-4.2)", "locator": "Table 2", "source": "paper",
        "verdict": "not_recomputable", **other,
    }  # fmt: skip


STUDY = {
    "status": "ok",
    "id": "smith2020",
    "citation": {"text": "Smith J, Wu K. Cells. Lancet 2020.", "doi": "10.1000/1"},
    "sources": {
        "paper": {"citation": "Article."},
        "review": {"citation": "Review of trials."},
    },
    "datasets": {
        "visits": {
            "file": "visits.csv",
            "columns": {
                "id": {"role": "id", "label": "Patient"},
                "died": {"role": "event", "label": "Death", "coding": {"0": "no"}},
                "protein": {"role": "value", "label": "Urine protein", "unit": "g/day"},
            },
        },
        "more": {"file": "more.csv", "columns": {}},
    },
    "analyses": {"a": {"label": "Protein"}, "b": {"label": "Course of protein"}},
}
CLAIMS = [
    _claim("C1"),
    _claim("C2", field="conf_low"),
    _claim("C3", printed="P = 0.2", field="p_value", statistic="log_rank", group="T",
           reference="C", timepoint="6", source="review", verdict="impossible"),
    _claim("C4", printed="7"),
]  # fmt: skip
REQUESTS = [
    {"dataset": "visits", "wanted": "one row per patient; `died` is 0 or 1",
     "locator": "Figure 1 (not read)", "analyses": "a", "claims": "C1 C2 C3"},
    {"dataset": "more", "wanted": "More.", "locator": "", "analyses": "b",
     "claims": ""},
]  # fmt: skip
HEADERS = {"visits": ["id", "died", "protein"], "more": ["id", "note"]}
BLOCKS = letter(STUDY, REQUESTS, CLAIMS, HEADERS)


def test_the_letter_names_tables_columns_and_claims():
    tables = [block for block in BLOCKS if isinstance(block, Table)]
    assert tables[0].rows == (
        ("id", "Patient", ""),
        ("died", "Death", "0 = no"),
        ("protein", "Urine protein", "g/day"),
    )
    assert tables[1].rows == (
        (
            "“3.1 (2.0-4.2)”",
            "urine protein (mean; mean, lower confidence limit)",
            "Article: Table 2",
        ),
        (
            "“P = 0.2”",
            "urine protein, T against C, time 6 (log-rank test, p-value, which we "
            "could not reconcile with other printed numbers)",
            "Review of trials: Table 2",
        ),
    )
    # A column the study does not describe is named all the same.
    assert tables[2].rows == (("id", "", ""), ("note", "", ""))
    said = " ".join(block for block in BLOCKS if isinstance(block, str))
    assert "Of the 4 numbers" in said
    assert "3 await data" in said
    assert "first line is: id,died,protein" in said
    assert (
        "One row per patient; “died” is 0 or 1. Place in the publication: Figure 1."
        in said
    )
    assert "It would serve: Course of protein." in said
    assert "doi:10.1000/1" in said


def test_no_letter_says_what_its_sender_did_not_read():
    # A note of a study folder is sent as it stands.
    for path in sorted((ROOT / "data").glob("*/study.yaml")):
        study = yaml.safe_load(path.read_text(encoding="utf-8"))
        for dataset in study.get("datasets", {}).values():
            wanted = str(dataset.get("awaited", ""))
            assert "not read" not in wanted, path
            assert "could be read" not in wanted, path


def test_what_only_the_sender_knows_is_left_to_him():
    assert (BLOCKS[0], BLOCKS[1], BLOCKS[-1]) == (DATE, ADDRESS, SENDER)
    assert BLOCKS[2] == "Dear Dr Smith and colleagues,"


def test_numbers_of_one_table_and_claim():
    alone = [{**REQUESTS[0], "claims": "C1"}]
    blocks = letter(STUDY, alone, CLAIMS, HEADERS)
    assert "1 awaits data" in blocks[4]
    assert "the table below." in blocks[4]
    assert "It would settle this printed number:" in blocks
    single = letter(STUDY, alone, CLAIMS[:1], HEADERS)[4]
    assert "The one number we took from what is printed of your study awaits" in single
    nothing = letter(STUDY, REQUESTS[1:], CLAIMS, HEADERS)[4]
    assert "await" not in nothing


def test_text_keeps_to_its_width():
    text = as_text(BLOCKS)
    assert max(map(len, text.splitlines())) <= 78
    assert "\n  - died: Death; 0 = no\n" in text
    assert "\n  - note\n" in text
    assert text.endswith("[Name, position, institution, e-mail address]\n")


def test_the_word_file_holds_the_letter_and_is_the_same_each_time():
    made = as_docx(BLOCKS, "Letter")
    assert made == as_docx(BLOCKS, "Letter")
    document = Document(io.BytesIO(made))
    paragraphs = [p.text for p in document.paragraphs if p.text]
    assert paragraphs[2] == "Dear Dr Smith and colleagues,"
    assert paragraphs[-1] == SENDER
    cells = [[c.text for c in row.cells] for row in document.tables[0].rows]
    assert cells[0] == ["Column", "What it holds", "Unit or codes"]
    assert cells[3] == ["protein", "Urine protein", "g/day"]
    assert document.core_properties.author == ""


def _run_folder(tmp_path, study, requests):
    name = study["id"]
    for part in ("checked", "claims", f"work/{name}", f"data/{name}"):
        (tmp_path / part).mkdir(parents=True, exist_ok=True)
    (tmp_path / f"checked/{name}.json").write_text(json.dumps(study), "utf-8")
    write_rows(tmp_path / f"claims/{name}.csv", tuple(CLAIMS[0]), CLAIMS)
    columns = tuple(REQUESTS[0])
    write_rows(tmp_path / f"work/{name}/requests.csv", columns, requests)
    for dataset, header in HEADERS.items():
        file = tmp_path / f"data/{name}/{dataset}.csv"
        file.write_text(",".join(header) + "\n", encoding="utf-8")
    return [str(tmp_path / "data" / name)]


def test_one_study_without_a_letter_stops_no_other(tmp_path):
    unread = {"status": "failed", "message": "unread/study.yaml: no id", "id": "unread"}
    folders = {
        "unread": _run_folder(tmp_path, unread, REQUESTS),
        "idle": _run_folder(tmp_path, {**STUDY, "id": "idle"}, []),
        "broken": _run_folder(tmp_path, {**STUDY, "id": "broken"}, REQUESTS),
        "smith2020": _run_folder(tmp_path, STUDY, REQUESTS),
    }
    (tmp_path / "data/broken/visits.csv").unlink()
    (tmp_path / "letters").mkdir()
    for ending in ("docx", "txt"):  # of an earlier run; the rows have come since
        (tmp_path / f"letters/answered.{ending}").touch()
    letters(folders, str(tmp_path))
    assert not list(tmp_path.glob("letters/answered.*"))
    assert read_rows(tmp_path / "letters/letters.csv") == [
        {"study": "unread", "file": "unread.docx", "begins": "", "tables": "0"},
        {"study": "idle", "file": "idle.docx", "begins": "", "tables": "0"},
        {"study": "broken", "file": "broken.docx", "begins": "", "tables": "0"},
        {"study": "smith2020", "file": "smith2020.docx",
         "begins": "Dear Dr Smith and colleagues,", "tables": "2"},
    ]  # fmt: skip
    said = {s: (tmp_path / f"letters/{s}.txt").read_text("utf-8") for s in folders}
    assert "cannot be read: unread/study.yaml: no id" in said["unread"]
    assert "There is nothing to ask for." in said["idle"]
    assert said["broken"].startswith("No letter for broken.")
    assert said["smith2020"] == as_text(BLOCKS)
    states = {
        s: json.loads((tmp_path / f"work/{s}/letters.json").read_text("utf-8"))
        for s in folders
    }
    assert [s for s, state in states.items() if state["failed"]] == ["broken"]
    assert all((tmp_path / f"letters/{s}.docx").stat().st_size for s in folders)


def test_no_letter_is_no_letter():
    assert as_text(no_letter("x", "Nothing.")) == "No letter for x.\n\nNothing.\n"
