"""From a printed curve to members, to rows with bands, to verdicts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_studies
import yaml

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.ensembles.draw import draw_members
from reanalysis.ensembles.member_sets import MemberSet, read_members, write_members
from reanalysis.ensembles.pooling import pool, quantile, spread
from reanalysis.ensembles.verdict import disproof, standing
from reanalysis.errors import InputError
from reanalysis.results import COLUMNS, Estimate
from reanalysis.rows import read_estimates, write_rows
from reanalysis.studies.study import load
from reanalysis.verdicts import judge

ROOT = Path(__file__).parents[2]

CURVE = str(small_studies.CURVE["figure.csv"])
STUDY = str(small_studies.CURVE["study.yaml"])


def claim(number, analysis, statistic, field, printed, role="check", **cells):
    row = dict.fromkeys(small_studies.CLAIMS_HEADER.strip().split(","), "")
    row |= {
        "claim_id": f"C{number}",
        "analysis": analysis,
        "endpoint": "Survival",
        "statistic": statistic,
        "field": field,
        "printed": printed,
        "value": printed.lstrip("<>"),
        "relation": "=",
        "role": role,
        "source": "paper",
        "locator": "Text",
        "quote": printed,
    }
    row |= cells
    return ",".join(row.values()) + "\n"


def study(tmp_path, *claims, curve=CURVE, text=STUDY):
    folder = small_studies.write(
        tmp_path / "good",
        {
            "study.yaml": text,
            "figure.csv": curve,
            "claims.csv": small_studies.CLAIMS_HEADER + "".join(claims),
        },
    )
    return load(folder)


def refusal(tmp_path, **changes):
    with pytest.raises(InputError) as caught:
        study(tmp_path, **changes)
    return str(caught.value)


def judged(tmp_path, made, *, members=60, seed=3):
    """Draw, estimate, compare: what the jobs of a study do."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"scenarios": {}}
    drawn = draw_members(made, "figure", members=members, seed=seed)
    rows, reach = [], {}
    for method in ("kaplan_meier", "log_rank", "cox"):
        settings = method_settings(config, method)
        found, _, reached = run_method(
            made, method, settings, {"figure": list(drawn.sets)}
        )
        rows += found
        reach |= reached
    write_rows(tmp_path / "rows.csv", COLUMNS, rows)
    rows = read_estimates(tmp_path / "rows.csv")
    told = json.loads(json.dumps(drawn.told()))
    claims, _ = judge(made, rows, (), {"figure": told}, json.loads(json.dumps(reach)))
    return drawn, rows, {one["claim_id"]: one for one in claims}


# Input --------------------------------------------------------------------------


def test_rows_are_clicks_ticks_or_marks_and_n_stands_in_the_risk_table(tmp_path):
    drawn = study(tmp_path)["ensembles"]["figure"]
    arm = drawn["curve"]["arms"]["A"]
    assert (arm["n"], arm["tick_time"], arm["at_risk"]) == (5, [0, 2, 4], [5, 4, 1])
    assert arm["time"] == [0, 1, 2, 3, 4]
    assert drawn["groups"] == ["A", "B"]
    assert drawn["kind"] == "reconstructed"
    assert drawn["columns"] == ["id", "group", "time", "event"]


def test_a_curve_that_rises_is_refused_where_it_stands(tmp_path):
    said = refusal(tmp_path, curve=CURVE.replace("A,3,0.3", "A,3,0.7"))
    assert "figure.csv" in said
    assert "rises from 0.6" in said
    assert "larger 'error'" in said


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            "A,0,1,5,\nA,1,0.8,,\nA,2,0.6,4,",
            "A,0,1,2,\nA,1,0.8,,\nA,2,0.6,2,",
            "3 drops, more than its 2 patients",
        ),
        ("A,4,0.3,1,", "A,4,0.3,1,\nA,9,,1,", "risk table is longer than the curve"),
        ("A,2,0.6,4,", "A,2,0.6,2.5,", "no whole number"),
        ("A,2,0.6,4,", ",2,0.6,3,", "a row has no group"),
        ("A,2,0.6,4,", "A,,0.6,3,", "a row has no time"),
        ("A,2,0.6,4,", "A,2,,,", "neither a point of the curve"),
        ("A,2,0.6,4,", "A,2,0.6,4,1", "only censoring marks"),
        ("A,3,0.3", "A,3,1.3", "further outside 0 to 1"),
    ],
)
def test_what_no_reading_error_explains_is_refused(tmp_path, old, new, reason):
    assert reason in refusal(tmp_path, curve=CURVE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    curve: {error: 0.002}\n", "", "curve' is missing"),
        ("{error: 0.002}", "{error: 0}", "error"),
        ("{error: 0.002}", "{error: 0.002, arms: {C: {n: 4}}}", "an arm that"),
        ("mark: {role: event}", "mark: {role: weight}", "no use for a column"),
        ("time: time, event: event, group: group}\n    groups", "time: t}\n    groups",
         "does not exist"),
        ("    times: [2, 3]\n", "    times: [2, 3]\n    where: t > 1\n", "members"),
        ("groups: [A, B]", "groups: [A, C]", "a group has no rows"),
    ],
)  # fmt: skip
def test_what_members_cannot_do_is_refused(tmp_path, old, new, reason):
    assert reason in refusal(tmp_path, text=STUDY.replace(old, new, 1))


def test_a_curve_without_rows_is_awaited(tmp_path):
    text = STUDY.replace(
        "    curve:", "    awaited: The steps of figure 1.\n    curve:"
    )
    made = study(tmp_path, curve="arm,t,s,risk,mark\n", text=text)
    assert made["ensembles"] == {}
    assert made["analyses"]["model"]["awaited"]
    assert made["analyses"]["model"]["groups"] == ["A", "B"]


def test_words_cannot_choose_between_members(tmp_path):
    with pytest.raises(InputError, match="cannot be a constraint"):
        study(tmp_path, claim(1, "test", "log_rank", "p_value", "better", "constraint",
                              value="", relation="words"))  # fmt: skip


# Members ------------------------------------------------------------------------


def test_a_clean_curve_gives_back_its_patients(tmp_path):
    made = study(tmp_path)
    drawn = draw_members(made, "figure", members=40, seed=1)
    assert drawn.solutions == {"A": 1.0, "B": 1.0}
    (one,) = drawn.sets
    assert len(one.weight) == 40
    for member in one:
        a, b = (member[member["group"] == g] for g in "AB")
        assert a["time"][a["event"] == 1].tolist() == [1, 2, 3]
        assert b["time"][b["event"] == 1].tolist() == [1.5, 3.5]
        assert (len(a), len(b)) == (5, 4)
        # One is left at the tick at 4.
        assert (a["time"] >= 4).sum() == 1


def test_a_number_of_patients_that_is_not_printed_is_left_open(tmp_path):
    made = study(tmp_path, curve="arm,t,s,risk,mark\nA,0,1,,\nA,1,0.8,,\nA,4,0.8,,\n"
                 "B,0,1,4,\nB,1.5,0.75,,\nB,5,0.75,,\n")  # fmt: skip
    drawn = draw_members(made, "figure", members=300, seed=1)
    sizes = {(member["group"] == "A").sum() for member in drawn.sets[0]}
    # One drop to 4/5 without a censoring before it: n is a multiple of 5, and with
    # some before it almost any beyond 5 (1 of 5 left of 6, 7, ...).
    assert min(sizes) == 5
    assert len(sizes) > 20
    assert {(member["group"] == "B").sum() for member in drawn.sets[0]} == {4}
    assert any("is not printed" in said for said in drawn.messages)
    assert not any(
        said.startswith("A: The curve determines") for said in drawn.messages
    )


def test_the_same_seed_gives_the_same_members_and_another_does_not(tmp_path):
    made = study(tmp_path)
    one, same, other = (
        draw_members(made, "figure", members=30, seed=seed).sets[0].rows
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, same)
    assert not one["time"].equals(other["time"])


def test_members_survive_the_file_and_equal_bytes_come_from_equal_members(tmp_path):
    rows = pd.DataFrame(
        {"member": [0, 0, 1, 1], "id": [1, 2, 1, 2], "time": [1.5, 2, 1, 2],
         "event": [1, 0, 1, 1]}
    )  # fmt: skip
    sets = [
        MemberSet("early", rows, np.array([1.0, 0.0]), 1.0),
        MemberSet("late", rows, np.array([0.5, 1.0]), 1.8),
    ]
    for name in ("a.parquet", "b.parquet"):
        write_members(tmp_path / name, sets, "simulated")
    assert (tmp_path / "a.parquet").read_bytes() == (
        tmp_path / "b.parquet"
    ).read_bytes()
    columns = pd.read_parquet(tmp_path / "a.parquet").columns.tolist()
    assert columns == ["member", "weight", "id", "time", "event", "prior"]
    early, late = read_members(tmp_path / "a.parquet")
    assert (early.prior, late.prior, late.effective) == ("early", "late", 1.8)
    assert late.weight.tolist() == [0.5, 1.0]
    assert [len(m) for m in late] == [2, 2]
    assert [m["time"].tolist() for m in late] == [[1.5, 2], [1, 2]]
    write_members(tmp_path / "none.parquet", [], "simulated")
    assert read_members(tmp_path / "none.parquet") == []


# Rows ---------------------------------------------------------------------------


def test_quantiles_are_values_that_members_take():
    values, weight = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert quantile(values, weight, 0.5) == 2.0
    assert quantile(values, weight, 0.25) == 1.0
    assert quantile(values, weight, 0.26) == 2.0
    assert quantile(values, weight, 0.975) == 3.0
    # Who has no weight is in no quantile.
    assert quantile(values, np.array([0.0, 1.0, 0.0]), 0.975) == 1.0
    assert math.isnan(quantile(values, np.zeros(3), 0.5))


def rows_of(*numbers, statistic="hazard_ratio", **fields):
    return [
        [("", Estimate(statistic=statistic, estimate=x, **fields))] for x in numbers
    ]


def test_a_row_over_members_has_median_band_and_extremes():
    weight = np.array([1.0, 1.0, 1.0, 0.0])
    (one,) = pool(rows_of(1.0, 2.0, 3.0, 99.0), weight, effective=3.0)
    assert one.estimate.estimate == 2.0
    # Sought-out extremes widen the range and not the band.
    assert one.estimate.ranges["estimate"] == (1.0, 99.0)
    assert (one.columns["band_low"], one.columns["band_high"]) == (1.0, 3.0)
    assert (one.columns["members"], one.columns["effective_members"]) == (3, 3.0)


def test_members_without_a_number_are_counted_in_the_note():
    weight = np.ones(4)
    (one,) = pool(rows_of(1.0, 2.0, 3.0, math.nan), weight, effective=4.0)
    assert one.estimate.estimate == 2.0
    assert "no number in 1 of 4 members" in one.estimate.note
    (few,) = pool(rows_of(1.0, math.nan, math.nan, math.nan), weight, effective=4.0)
    assert math.isnan(few.estimate.estimate)
    assert math.isnan(few.columns["band_low"])


def test_a_row_that_only_some_members_have_is_told_with_its_own_notes():
    """A penalised estimate, say, stands where the maximum is infinite only."""
    made = rows_of(1.0, 2.0)
    for rows, note in zip(made, ("first", "second"), strict=True):
        rows[0] = ("", replace(rows[0][1], note=note))
    (one,) = pool([*made, []], np.ones(3), effective=3.0)
    assert one.estimate.note == "no number in 1 of 3 members"


def test_a_note_of_one_member_is_not_told_of_all():
    found = rows_of(1.0, 2.0)
    found[1] = [("", Estimate(statistic="hazard_ratio", note="all events in one arm"))]
    (one,) = pool(found, np.ones(2), effective=2.0)
    assert one.estimate.note == ("no number in 1 of 2 members (all events in one arm)")


def test_a_row_without_a_result_belongs_to_its_test():
    tested = Estimate(
        statistic="rate_ratio", estimate=0.4, test="paired t", p_value=0.01
    )
    without = Estimate(statistic="rate_ratio", note="no event after")
    (one,) = pool([[("", tested)], [("", without)]], np.ones(2), effective=2.0)
    assert one.estimate.test == "paired t"
    assert one.estimate.p_value == 0.01
    # Rows in another order or number say nothing of each other.
    apart = pool(
        [[("", tested)], [("", without), ("", tested)]], np.ones(2), effective=2.0
    )
    assert {row.estimate.test for row in apart} == {"", "paired t"}


def test_data_sets_sought_out_are_counted_beside_the_others():
    made = rows_of(0.2, 0.3, math.nan)
    made[2][0] = ("", replace(made[2][0][1], note="one side failed first"))
    # Weight 0: sought out, and in no band.
    (one,) = pool(made, np.array([1.0, 1.0, 0.0]), effective=2.0)
    assert one.estimate.note == ""
    (whole,) = spread([one])
    assert "with 1 more data set that" in whole.estimate.note


def test_a_median_not_reached_lies_beyond_all_others():
    found = rows_of(5.0, 6.0, math.nan, math.nan, math.nan, statistic="median_survival")
    (one,) = pool(found, np.ones(5), effective=5.0)
    assert math.isnan(one.estimate.estimate)
    assert one.columns["band_low"] == 5.0
    assert math.isnan(one.columns["band_high"])
    assert "not reached in 3 of 5 members" in one.estimate.note


def test_over_priors_only_the_extremes_are_told():
    both = []
    for prior, numbers in (("early", (1.0, 2.0)), ("late", (4.0, 8.0))):
        both += pool(rows_of(*numbers), np.ones(2), effective=2.0, prior=prior)
    (one,) = spread(both)
    assert math.isnan(one.estimate.estimate)
    assert one.estimate.ranges["estimate"] == (1.0, 8.0)
    assert "prior" not in one.columns
    assert "band_low" not in one.columns
    assert one.columns["members"] == 4


def test_a_horizon_that_differs_between_members_is_said():
    found = [
        [("", Estimate(statistic="restricted_mean", estimate=1.0, timepoint=t))]
        for t in (3.0, 4.0)
    ]
    (one,) = pool(found, np.ones(2), effective=2.0)
    assert one.estimate.timepoint == ""
    assert "horizon 3 to 4" in one.estimate.note
    apart = pool(found, np.ones(2), effective=2.0, times=(3.0, 4.0))
    assert [row.estimate.timepoint for row in apart] == [3.0, 4.0]


def test_rows_are_those_of_the_true_patients_where_the_curve_determines_them(tmp_path):
    _, rows, _ = judged(tmp_path, study(tmp_path))
    primary = [r for r in rows if r["scenario"] == "primary"]
    survival = {
        (r["group"], r["timepoint"]): r
        for r in primary
        if r["statistic"] == "survival_probability"
    }
    assert survival["A", "2"]["estimate"] == pytest.approx(0.6)
    assert survival["A", "3"]["estimate"] == pytest.approx(0.3)
    assert survival["B", "2"]["estimate"] == pytest.approx(0.75)
    assert {r["kind"] for r in rows} == {"reconstructed"}
    assert {r["members"] for r in rows} == {60}
    model = next(r for r in primary if r["statistic"] == "hazard_ratio")
    # R: t <- c(1,2,2.5,3,4,1.5,3.5,5,5); e <- c(1,1,0,1,0,1,1,0,0)
    # exp(coef(coxph(Surv(t, e) ~ rep(1:0, c(5, 4))))) 1.86243221875841
    assert model["estimate"] == pytest.approx(1.86243221875841, rel=1e-9)
    assert model["band_low"] == pytest.approx(model["band_high"])


# Verdicts -----------------------------------------------------------------------


def test_a_number_among_the_members_is_compatible_and_never_reproduced(tmp_path):
    made = study(
        tmp_path,
        claim(1, "curve", "survival_probability", "estimate", "0.60", timepoint="2",
              group="A"),
        claim(2, "curve", "survival_probability", "estimate", "0.62", timepoint="2",
              group="A"),
    )  # fmt: skip
    _, _, claims = judged(tmp_path, made)
    assert claims["C1"]["verdict"] == "compatible"
    assert (
        "60 of 60 reconstructed data sets give the printed number"
        in (claims["C1"]["reason"])
    )
    assert "inside the band" in claims["C1"]["reason"]
    assert "of the range from 0 to 1" in claims["C1"]["reason"]
    assert "no reproduction" in claims["C1"]["reason"]
    assert claims["C1"]["kind"] == "reconstructed"
    assert claims["C2"]["verdict"] == "incompatible"


def test_a_printed_result_that_chooses_members_is_used(tmp_path):
    # Few drops and many patients: who was censored when is open, and moves the ratio.
    wide = """\
arm,t,s,risk,mark
A,0,1,,
A,2,0.93,,
A,6,0.85,,
A,9,0.74,,
A,12,0.74,,
B,0,1,,
B,3,0.92,,
B,7,0.82,,
B,8,0.70,,
B,10,0.52,,
B,12,0.52,,
"""
    arms = "{error: 0.02, arms: {A: {n: 15}, B: {n: 14}}}"
    text = STUDY.replace("{error: 0.002}", arms)
    free = study(tmp_path, curve=wide, text=text)
    _, rows, _ = judged(tmp_path, free)
    ratios = [
        r
        for r in rows
        if r["statistic"] == "hazard_ratio" and r["scenario"] == "primary"
    ]
    low, high = ratios[0]["band_low"], ratios[0]["band_high"]
    assert high > low * 1.1
    made = study(
        tmp_path / "with",
        claim(1, "model", "hazard_ratio", "estimate", f"{high:.2f}", "constraint",
              group="A", reference="B"),
        claim(2, "test", "log_rank", "p_value", "0.0001", "constraint"),
        curve=wide,
        text=text,
    )  # fmt: skip
    drawn, rows, claims = judged(tmp_path, made, members=20)
    kept = [
        r
        for r in rows
        if r["statistic"] == "hazard_ratio" and r["scenario"] == "primary"
    ]
    assert kept[0]["estimate_min"] == pytest.approx(high, abs=0.01)
    assert kept[0]["estimate_max"] == pytest.approx(high, abs=0.01)
    assert claims["C1"]["verdict"] == "used"
    # No member comes near it: it was left out, which is said.
    assert claims["C2"]["verdict"] == "not_reached"
    assert drawn.missed == ("C2",)
    assert any("agree with the printed results" in said for said in drawn.messages)


def test_a_print_without_any_member_is_no_failure(tmp_path):
    text = STUDY.replace("{error: 0.002}", "{error: 0.002, arms: {A: {events: 5}}}")
    made = study(
        tmp_path,
        claim(1, "test", "log_rank", "p_value", "0.4"),
        text=text,
    )
    drawn, rows, claims = judged(tmp_path, made)
    assert "No list of 5 patients" in drawn.refused
    assert "Without the number of events there would be some" in drawn.refused
    assert rows == []
    assert claims["C1"]["verdict"] == "not_recomputable"
    assert "There is no member" in claims["C1"]["reason"]


def test_where_a_number_stands_among_members():
    reach = {"weight": [1.0] * 99 + [0.0], "estimate": [*range(1, 100), 500.0]}

    def at(target):
        return standing(reach, "estimate", 1.0, lambda x: abs(x - target) < 0.5, target)

    assert "inside the band" in at(50).place()
    assert "in the lower tail" in at(1).place()
    assert "in the upper tail" in at(99).place()
    assert "sought out" in at(500).place()
    assert at(200).reached == 0
    assert (at(50).least, at(50).most) == (1, 500)
    nothing = {"weight": [1.0], "estimate": [None]}
    assert standing(nothing, "estimate", 1.0, bool, 1.0) is None


def test_members_that_do_not_reach_a_median_are_in_its_band_and_its_share():
    reach = {"weight": [1.0] * 10, "estimate": [4.0, 5.0] + [None] * 8}
    one = standing(reach, "estimate", 1.0, lambda x: x == 4.0, 4.0, late=True)
    assert (one.reached, one.of, one.without) == (1, 2, 8)
    assert (one.low, one.high) == (4.0, math.inf)
    assert one.share == pytest.approx(0.1)


def among(told, relation="=", kind="simulated", bounds=(), **reach):
    """Judge one claim against members whose values are given."""
    cells = dict.fromkeys(small_studies.CLAIMS_HEADER.strip().split(","), "")
    cells |= {"claim_id": "C1", "analysis": "a", "field": "estimate", "role": "check",
              "relation": relation, **told}  # fmt: skip
    analysis = {"kind": kind, "method": "kaplan_meier", "members": True, "paper": {},
                "awaited": False, "dataset": "d", "samples": [], "groups": []}  # fmt: skip
    made = {"id": "s", "claims": [cells], "analyses": {"a": analysis}}
    row = dict.fromkeys(COLUMNS, "") | {
        "analysis": "a", "scenario": "primary", "estimate_id": "e",
        "statistic": cells["statistic"], "unit": cells["unit"],
        "convention": "plain", "estimate": 1.0, "p_value": 0.5,
    }  # fmt: skip
    drawn = {"d": {"bounds": list(bounds)}}
    claims, _ = judge(made, [row], (), drawn, {"e": reach})
    return claims[0]["verdict"], claims[0]["reason"]


def test_a_count_between_its_bounds_is_not_reached_and_not_disproved():
    told = {"statistic": "number_at_risk", "printed": "8", "value": "8"}
    bound = {"claim_id": "C1", "low": 5.0, "high": 10.0, "why": "Proof."}
    reach = {"weight": [1.0, 1.0], "estimate": [6.0, 9.0]}
    found, reason = among(told, kind="reconstructed", bounds=[bound], **reach)
    assert found == "not_reached", reason
    bound["low"] = 9.0
    found, reason = among(told, kind="reconstructed", bounds=[bound], **reach)
    assert (found, "Proof." in reason) == ("incompatible", True)


def test_simulated_data_say_their_ends_first_and_no_share_as_if_it_were_chance():
    told = {"statistic": "log_rank", "field": "p_value", "printed": "P < 0.05",
            "value": "0.05"}  # fmt: skip
    found, reason = among(
        told, "<", weight=[1.0, 1.0, 0.0], p_value=[0.2, 0.04, 0.0004]
    )
    assert found == "compatible"
    assert reason.startswith("The smallest to the largest value of 3 simulated data")
    assert "0.0004 to 0.20; 2 of them, 1 of them sought out for an extreme" in reason
    assert "the priors' doing" in reason
    assert "no reproduction" in reason


def test_words_are_no_number_that_lies_anywhere():
    told = {"statistic": "log_rank", "field": "p_value",
            "printed": "no significant difference"}  # fmt: skip
    reach = {"weight": [1.0, 1.0], "p_value": [0.2, 0.04]}
    found, reason = among(told, "words", "reconstructed", **reach)
    assert found == "compatible"
    assert "1 of 2 reconstructed data sets give what is said" in reason
    assert "the printed number" not in reason
    reach["p_value"] = [0.01, 0.04]
    found, reason = among(told, "words", "reconstructed", **reach)
    assert found == "not_reached"
    assert "words that claim p of 0.05 or more" in reason


def test_a_range_of_medians_says_who_does_not_reach_it():
    told = {"statistic": "median_survival", "printed": "4.0", "value": "4.0",
            "unit": "months"}  # fmt: skip
    reach = {"weight": [1.0] * 4, "estimate": [4.0, 5.0, None, None]}
    found, reason = among(told, kind="reconstructed", **reach)
    assert found == "compatible"
    assert "4.00 to 5.00 (2 more do not reach it by the end of follow-up)" in reason
    assert "the 95% band is 4.00 to not reached" in reason
    # Not reached by the end bears out a bound, and no number.
    told |= {"printed": ">24 months", "value": "24"}
    reach["estimate"] = [None] * 4
    found, reason = among(told, ">", "reconstructed", **reach)
    assert found == "compatible"
    assert "all of them give none that is reached" in reason
    found, reason = among(told, "=", "reconstructed", **reach)
    assert found == "not_reached"
    assert "none of the 4 reconstructed data sets reaches it" in reason


def test_a_median_that_nobody_reaches_is_disproved_by_a_flat_curve(tmp_path):
    flat = "arm,t,s,risk,mark\nA,0,1,5,\nA,5,1,,\nB,0,1,4,\nB,2,0.75,,\nB,5,0.75,,\n"
    made = study(
        tmp_path,
        claim(1, "curve", "median_survival", "estimate", "4.0", group="A",
              unit="months"),
        curve=flat,
    )  # fmt: skip
    _, _, claims = judged(tmp_path, made, members=20)
    assert claims["C1"]["verdict"] == "incompatible"
    assert "none of the 20 reconstructed data sets reaches it" in claims["C1"]["reason"]
    assert "the print allows gives none that is reached" in claims["C1"]["reason"]


def test_numbers_of_events_that_no_member_has_are_told(tmp_path):
    # Drops of a fifth of the patients, twenty patients, no risk table: 4 events with
    # 16 censored, or 16 at visits.
    text = STUDY.replace("      risk: {role: number_at_risk}\n", "")
    clicks = ["0,1", "1,0.8", "2,0.6", "3,0.6", "4,0.2", "6,0.2"]
    visits = "arm,t,s,mark\n" + "".join(f"{a},{c},\n" for a in "AB" for c in clicks)
    settings = "{error: 0.002, arms: {A: {n: 20}, B: {n: 20, events: 16}}}"
    made = study(tmp_path, curve=visits, text=text.replace("{error: 0.002}", settings))
    drawn = draw_members(made, "figure", members=50, seed=3)
    said = [one for one in drawn.messages if "events, the members have" in one]
    assert len(said) == 1
    assert said[0].startswith("A: The print allows 4 to 16 events")
    assert "bands are too narrow" in said[0]


def test_only_a_proven_bound_disproves():
    bound = {"claim_id": "C1", "low": 2.0, "high": 3.0, "why": "Proof."}

    def outside(low, high):
        return low <= 5.0 <= high

    assert disproof({"claim_id": "C1"}, [bound], outside) == "Proof."
    assert disproof({"claim_id": "C2"}, [bound], outside) == ""
    # An open end proves nothing on its side.
    assert disproof({"claim_id": "C1"}, [{**bound, "high": "inf"}], outside) == ""
    # A median that no list of patients reaches is no open end.
    never = {**bound, "low": "inf", "high": "inf"}
    assert disproof({"claim_id": "C1"}, [never], outside) == "Proof."


def test_what_no_list_of_patients_gives_is_incompatible(tmp_path):
    text = STUDY.replace(
        "  model:\n    method: cox\n",
        "  model:\n    method: cox\n    paper: {convention: breslow_wald}\n",
    )
    made = study(
        tmp_path,
        claim(1, "curve", "survival_probability", "estimate", "62", timepoint="2",
              group="A", unit="%"),
        claim(2, "curve", "median_survival", "estimate", "5.0", group="A",
              unit="months"),
        claim(3, "curve", "number_at_risk", "estimate", "2", timepoint="2", group="B"),
        claim(4, "model", "hazard_ratio", "estimate", "25", group="A", reference="B"),
        claim(5, "curve", "median_survival", "estimate", "3.0", group="A",
              unit="months"),
        text=text,
    )  # fmt: skip
    _, _, claims = judged(tmp_path, made)
    for number in (1, 2, 3, 4):
        assert claims[f"C{number}"]["verdict"] == "incompatible", claims[f"C{number}"]
        assert "Every list of patients" in claims[f"C{number}"]["reason"]
    assert claims["C5"]["verdict"] == "compatible"
