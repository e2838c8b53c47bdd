"""What the checks of printed numbers decide: verdicts, rows, the report's page."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from reanalysis.consistency import family
from reanalysis.consistency.check import Check
from reanalysis.reporting.consistency_page import consistency
from reanalysis.rows import read_rows
from reanalysis.steps import check as check_step
from reanalysis.steps import consistency as consistency_step
from reanalysis.studies.claims import CLAIM_COLUMNS
from reanalysis.studies.study import load
from reanalysis.verdicts import judge

ROOT = Path(__file__).parents[2]


def told(check, outcome, **details):
    reason = f"{check}: {outcome or 'a remark'}."
    return asdict(Check("C1", "consistency", check, outcome, reason, details))


def judged(*checks, role="check", awaited=True, rows=()):
    claim = {
        **dict.fromkeys(CLAIM_COLUMNS, ""),
        "claim_id": "C1",
        "analysis": "a",
        "statistic": "odds_ratio",
        "field": "p_value",
        "printed": "0.03",
        "value": "0.03",
        "relation": "=",
        "role": role,
        "source": "p",
        "note": "A remark.",
    }
    analysis = {
        "method": "tables",
        "dataset": "d",
        "kind": "individual",
        "awaited": awaited,
        "paper": {},
        "samples": [{"endpoint": ""}],
    }
    study = {
        "id": "s",
        "claims": [claim],
        "analyses": {"a": analysis},
        "datasets": {"d": {"awaited": "Rows of table 2."}},
    }
    (row,), made = judge(study, rows, checks)
    return row, made


def test_numbers_that_agree_with_each_other_do_not_recompute_a_claim():
    row, made = judged(told("count against n", "attainable", fits=True))
    assert row["verdict"] == "not_recomputable"
    assert [c["outcome"] for c in made] == ["not_recomputable", ""]


def test_an_attainable_p_is_more_than_rows_that_are_missing():
    row, _ = judged(told("attainable p, signed rank", "attainable"))
    assert row["verdict"] == "attainable"
    assert row["reason"].startswith("attainable p, signed rank")


@pytest.mark.parametrize(
    ("check", "outcome", "fits", "verdict"),
    [
        ("printed numbers: sum", "attainable", True, "attainable"),
        ("attainable p, Fisher", "attainable", None, "attainable"),
        ("conflict between sources", "", False, "not_recomputable"),
        ("printed numbers: product", "impossible", False, "impossible"),
        ("convention fingerprint", "", 3, "context"),
    ],
)
def test_a_statement_that_a_check_applies_to_is_no_mere_context(
    check, outcome, fits, verdict
):
    row, _ = judged(told(check, outcome, fits=fits), role="context")
    assert row["verdict"] == verdict


def test_impossible_stands_before_differs_and_says_both():
    recomputed = {
        **dict.fromkeys(
            ("endpoint", "group", "reference", "timepoint", "unit", "note"), ""
        ),
        "analysis": "a",
        "scenario": "primary",
        "convention": "two-sided",
        "statistic": "odds_ratio",
        "test": "Fisher",
        "alternative": "two-sided",
        "p_value": 0.2,
        "estimate_id": "e1",
    }
    clash = told("p from the counts", "impossible", fits=False)
    row, made = judged(clash, awaited=False, rows=[recomputed])
    assert row["verdict"] == "impossible"
    assert row["recomputed"] == 0.2
    assert "Also: Printed 0.03, recomputed 0.200" in row["reason"]
    assert [c["outcome"] for c in made] == ["impossible", "differs"]
    row, _ = judged(clash, awaited=False, rows=[{**recomputed, "p_value": 0.03}])
    assert row["verdict"] == "reproduced"
    assert row["reason"].endswith("Also: p from the counts: impossible.")


def test_a_number_that_was_an_input_stays_used():
    row, _ = judged(
        told("count against n", "impossible", fits=False), role="constraint"
    )
    assert row["verdict"] == "used"
    assert "count against n: impossible" in row["reason"]


def test_ranges_of_unprinted_numbers_are_rows_without_an_estimate():
    study = load(ROOT / "data" / "erbey2016")
    rows = family.range_rows(study, family.run(study))
    assert rows
    for row in rows:
        assert row["method"] == "consistency"
        assert row["kind"] == "summary"
        assert row["estimate"] != row["estimate"]
        assert row["note"].startswith("From printed numbers only")
    (survivors,) = [
        r
        for r in rows
        if (r["statistic"], r["group"], r["timepoint"]) == ("events", "CR", 24.0)
        and "If " in r["note"]
    ]
    # 3 of the 18 died by the last follow-up; 63.8 per cent at 24 months by
    # Kaplan-Meier needs all three by then.
    assert (survivors["estimate_min"], survivors["estimate_max"]) == (3, 3)
    assert len({r["estimate_id"] for r in rows}) == len(rows)


def test_the_step_writes_checks_and_ranges_and_records_what_nobody_foresaw(
    tmp_path, monkeypatch
):
    checked = tmp_path / "checked.json"
    check_step.check([str(ROOT / "data" / "kamen2022")], "kamen2022", str(checked))
    ranges, found = tmp_path / "ranges.csv", tmp_path / "found.json"

    def strict(constant):
        raise ValueError(constant)

    consistency_step.consistency(str(checked), str(ranges), str(found))
    said = json.loads(found.read_text(), parse_constant=strict)
    assert said["failed"] == ""
    assert {c["family"] for c in said["checks"]} == {"consistency"}
    before = found.read_bytes()
    consistency_step.consistency(str(checked), str(ranges), str(found))
    assert found.read_bytes() == before

    def broken(study):
        raise KeyError("odd")

    monkeypatch.setattr(family, "run", broken)
    consistency_step.consistency(str(checked), str(ranges), str(found))
    said = json.loads(found.read_text())
    assert "KeyError" in said["failed"]
    assert said["checks"] == []
    assert read_rows(ranges) == []


def test_the_page_puts_contradictions_first_and_counts_every_check():
    found = {
        "s": [
            told("printed numbers: sum", "impossible", fits=False),
            told("conflict between sources", "", fits=False, sources=["a", "b"]),
            told("p from the counts", "", fits=False),
            told("convention fingerprint", "", fits=1, conventions=8),
            told("convention fingerprint", "", fits=8, conventions=8),
            told("count against n", "attainable", fits=True),
        ]
    }
    page = consistency(found)
    assert [part["id"] for part in page["parts"]] == [
        "impossible",
        "conflict",
        "misfit",
        "convention",
    ]
    assert page["total"] == 6
    made = {line["check"]: line for line in page["made"]}
    assert made["printed numbers: sum"]["impossible"] == 1
    assert made["convention fingerprint"]["made"] == 2
    assert len(page["parts"][3]["lines"]) == 1
    assert consistency({})["total"] == 0
