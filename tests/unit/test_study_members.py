"""What the report tells of members: priors, readings, ends proven or searched."""

import copy

from reanalysis.reporting.study_members import ensembles

EVERY = "all permitted data sets"
STUDY = {
    "ensembles": {
        "drawn": {
            "kind": "simulated",
            "constraints": ["C1", "C2"],
            "time_unit": "months",
        }
    }
}
TOLD = {
    "refused": "",
    "messages": [
        "often: 'all' is read as within the year.",
        "often: 9 of 10 data sets drawn meet the print.",
        "seldom: 5 of 10 data sets drawn meet the print.",
    ],
    "missed": ["C2"],
    "solutions": {},
    "priors": {
        "a_b": {"members": 20, "sought": 2, "effective": 19.6, "label": "often"},
        "c": {"members": 20, "sought": 1, "effective": 20.0, "label": "seldom"},
    },
    "ends": [
        {"prior": "a_b", "quantity": "rate ratio", "low": 0.1, "high": "inf",
         "proven": True, "scope": EVERY},
        {"prior": "c", "quantity": "rate ratio", "low": 0.0, "high": 0.9,
         "proven": False, "scope": EVERY},
        {"prior": "a_b", "quantity": "mean difference", "low": -3.0, "high": -1.0,
         "proven": True, "scope": EVERY},
        {"prior": "c", "quantity": "mean difference", "low": -2.0, "high": -1.0,
         "proven": True, "scope": EVERY},
        {"prior": "a_b", "quantity": "log-rank p", "low": 0.0001, "high": 0.2,
         "proven": False, "scope": EVERY},
        {"prior": "c", "quantity": "log-rank p", "low": 0.0002, "high": 0.2,
         "proven": False, "scope": EVERY},
    ],
    "bounds": [],
}  # fmt: skip


def test_ends_over_all_priors_come_first_and_are_proven_only_where_each_is():
    (one,) = ensembles(STUDY, {"drawn": TOLD})
    ratio, difference, p_value = one["ends"]
    assert [line["of"] for line in ratio["lines"]] == ["over all priors", "a b", "c"]
    assert ratio["lines"][0]["range"] == "0 to ∞"
    assert "not proven" in ratio["lines"][0]["how"]
    assert ratio["lines"][1]["how"] == f"proven for {EVERY}"
    assert difference["lines"][0]["range"] == "−3.00 to −1.00"
    assert difference["lines"][0]["how"] == f"proven for {EVERY}"
    # Ends that look the same are told once.
    assert [line["of"] for line in p_value["lines"]] == ["every prior"]
    assert p_value["lines"][0]["range"] == "<0.001 to 0.20"


def test_one_proven_without_ties_does_not_prove_the_whole():
    told = copy.deepcopy(TOLD)
    for end in told["ends"][2:4]:
        end["scope"] = "permitted data sets without tied times"
    (one,) = ensembles(STUDY, {"drawn": told})
    assert "not proven" in one["ends"][1]["lines"][0]["how"]


def test_each_prior_has_its_reading_and_a_claim_left_out_is_no_input():
    (one,) = ensembles(STUDY, {"drawn": TOLD})
    assert one["used"] == ["C1"]
    assert one["missed"] == ["C2"]
    first, second = one["priors"]
    assert (first["members"], first["sought"], first["effective"]) == (20, 2, "20")
    assert len(first["said"]) == 2
    assert second["said"] == ["5 of 10 data sets drawn meet the print."]
    assert one["said"] == []


def test_a_curve_says_whether_it_determines_its_patients():
    study = {"ensembles": {"drawn": STUDY["ensembles"]["drawn"] | {
        "kind": "reconstructed"}}}  # fmt: skip
    plain = {"": {"members": 20, "sought": 0, "effective": 20.0, "label": ""}}
    told = TOLD | {
        "priors": plain,
        "ends": [],
        "messages": ["A: Coordinates were sorted by time."],
        "solutions": {"A": 1.0, "B": 4.0, "C": None, "D": 2.5e9},
        "bounds": [{"claim_id": "C3", "low": 1.0, "high": "inf", "why": ""}],
    }
    (one,) = ensembles(study, {"drawn": told})
    said = {arm["arm"]: arm["said"] for arm in one["solutions"]}
    assert "determines" in said["A"]
    assert said["B"].startswith("4 sequences")
    assert "not counted" in said["C"]
    assert said["D"].startswith("about 2.5e+09")
    assert one["said"] == ["A: Coordinates were sorted by time."]
    assert one["bounds"] == [{"claim": "C3", "range": "1.00 to ∞"}]
