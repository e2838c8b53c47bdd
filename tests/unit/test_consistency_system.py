"""One system: against every data set of a few patients, and against true reports."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from reanalysis.consistency.system import checks, system
from reanalysis.consistency.system_claims import told
from reanalysis.consistency.system_model import least_events
from reanalysis.consistency.system_relations import p_readings
from reanalysis.consistency.system_reports import Item, Report, from_row
from reanalysis.errors import InputError
from reanalysis.studies.study import load

ROOT = Path(__file__).parents[2]

# Remission times (weeks) of 42 children, Freireich et al., Blood 1963;21:699, as in
# Cox 1972: 1 is relapse.
MP = [(6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0)]
MP += [(13, 1), (16, 1), (17, 0), (19, 0), (20, 0), (22, 1), (23, 1), (25, 0)]
MP += [(32, 0), (32, 0), (34, 0), (35, 0)]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

# What R's survfit, survdiff and coxph (Breslow) print of them.
REPORT = {
    "n1": "21",
    "n0": "21",
    "events1": "9",
    "expected1": "19.25",
    "chi2": "16.79",
    "p": "4.2e-5",
    "p_test": "log-rank",
    "median1": "23",
    "median0": "8",
    "survival1@6": ".857",
    "survival1@7": ".807",
    "survival1@10": ".753",
    "survival1@13": ".690",
}


def ids(conflicts):
    return {frozenset(conflict.items) for conflict in conflicts}


def test_the_report_of_the_6mp_trial_holds_together_and_pins_what_is_not_printed():
    finding = system(from_row(REPORT))
    assert finding.state == "feasible"
    assert finding.conflicts == ()
    found = {(r.statistic, r.group, r.time): (r.low, r.high) for r in finding.ranges}
    # In truth 3, 4, 5 and 6 relapses by weeks 6, 7, 10 and 13: the digits leave no choice.
    for time, events in ((6.0, 3), (7.0, 4), (10.0, 5), (13.0, 6)):
        assert found["events_by", "1", time] == (events, events)
        left = sum(t > time or (t == time and not e) for t, e in MP)
        low, high = found["still_followed", "1", time]
        assert low <= left <= high
    # O = 9, E = 19.25 and 16.79 need 1/(1 - 10.25^2/(19.25 * 16.79)) * 19.25 = 28.5
    # events: 20 or 21 in the other arm (21 in truth).
    other = next(r for r in finding.ranges if (r.statistic, r.group) == ("events", "0"))
    assert (other.low, other.high) == (20, 21)


def test_the_same_answer_comes_every_time():
    row = {**REPORT, "survival1@10": ".763"}
    # nan is not equal to itself, hence the text.
    assert repr(system(from_row(row))) == repr(system(from_row(row)))


def test_one_wrong_digit_of_a_curve_is_found_and_named():
    finding = system(from_row({**REPORT, "survival1@10": ".763"}))
    assert finding.state == "infeasible"
    assert finding.suspects == ("survival1@10",)
    for conflict in finding.conflicts:
        assert conflict.proven
        assert {"n1", "survival1@10"} <= set(conflict.items)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"n1": "10", "n0": "11", "n": "22"}, {"n1", "n0", "n"}),
        ({"n1": "10", "n0": "9", "events1": "11"}, {"n1", "events1"}),
        (
            {"n1": "10", "n0": "9", "events1": "3", "events0": "2", "events": "6"},
            {"events1", "events0", "events"},
        ),
        # 33 % of 10 patients: 3.25 to 3.35 of them.
        ({"n1": "10", "n0": "9", "share1": "33%"}, {"n1", "share1"}),
        ({"n1": "9", "at_risk1@12": "4", "at_risk1@24": "5"}, None),
        ({"hr": "0.50", "low": "0.60", "high": "0.90"}, {"hr", "low"}),
        # chi-square of 3.84 is p = 0.05 two-sided, 0.025 one-sided.
        ({"chi2": "3.84", "p": "0.20", "p_test": "log-rank"}, {"chi2", "p"}),
        # SE at most log(0.905/0.495)/3.92 = 0.154; 4 and 5 events need 0.671.
        (
            {
                "n1": "10",
                "n0": "10",
                "events1": "4",
                "events0": "5",
                "low": "0.50",
                "high": "0.90",
                "conf_level": "95%",
                "variance": "model",
            },
            {"events1", "low", "high"},
        ),
    ],
)
def test_contradictions_are_proven_by_the_smallest_sets(row, expected):
    finding = system(from_row(row))
    assert finding.state == "infeasible"
    if expected is not None:
        assert frozenset(expected) in {
            frozenset(items - {"n1", "n0"}) | (items & expected)
            for items in ids(finding.conflicts)
        }


@pytest.mark.parametrize("n", [3, 8])
def test_events_by_a_time_are_any_number_up_to_n_and_to_all_events(n):
    for by in range(n + 2):
        row = {"n1": str(n), "events1@11": str(by), "survival1@11": "0.5"}
        alone = system(from_row({k: row[k] for k in ("n1", "events1@11")}))
        assert alone.state == ("feasible" if by <= n else "infeasible")
        for events in range(n + 1):
            found = system(
                from_row({"n1": str(n), "events1@11": str(by), "events1": str(events)})
            )
            assert (found.state == "feasible") == (by <= events)
    # Without losses 4 of 8 events bring the curve to 0.5; fewer need losses, and
    # none cannot.
    if n == 8:
        state = [
            system(from_row({**row, "events1@11": str(by)})).state for by in range(9)
        ]
        assert state[0] == "infeasible"
        assert state[4] == "feasible"
        assert set(state[5:]) == {"infeasible"}


def test_digits_cut_off_are_no_contradiction():
    # 7 of 15 are left without a loss: 0.4667, cut off to 46.6 %.
    row = {"n1": "15", "events1": "8", "at_risk1@12": "7", "survival1@11": "46.6%"}
    (conflict, *_) = system(from_row(row)).conflicts
    assert conflict.cut_off
    (conflict, *_) = system(from_row({**row, "survival1@11": "46.5%"})).conflicts
    assert conflict.proven
    assert not conflict.cut_off


def test_what_rests_on_a_usual_reading_proves_nothing():
    row = {"hr": "0.21", "low": "0.15", "high": "0.46"}
    finding = system(from_row(row))
    assert finding.state == "strained"
    assert [c.proven for c in finding.conflicts] == [False]
    assert finding.conflicts[0].readings == ("the limits are Wald limits",)
    # Said to be Wald limits, the same numbers contradict each other:
    # sqrt(0.15 * 0.46) = 0.263.
    assert system(from_row({**row, "interval": "wald"})).state == "infeasible"


def test_a_standard_error_below_the_floor_is_no_proof_when_the_variance_is_not_said():
    row = {"n1": "10", "n0": "10", "events1": "4", "events0": "5"}
    row |= {"low": "0.50", "high": "0.90", "conf_level": "95"}
    finding = system(from_row(row))
    assert finding.state == "strained"


def test_a_one_sided_p_is_named():
    # HR 0.50 (0.25 to 1.00): z = 1.96, p = 0.050 two-sided and 0.025 one-sided.
    row = {"hr": "0.500", "low": "0.250", "high": "1.000", "p": "0.025"}
    finding = system(from_row({**row, "conf_level": "95"}))
    assert finding.state == "strained"
    assert finding.conflicts[0].notes == ("fits a one-sided p",)
    gives = {p.test for p in p_readings(from_row(row)) if p.gives}
    assert gives
    assert all("one-sided, in the direction found" in test for test in gives)


def test_the_other_limit_follows_under_the_wald_reading():
    finding = system(from_row({"hr": "0.50", "low": "0.25"}))
    limit = next(r for r in finding.ranges if r.statistic == "conf_high")
    assert limit.given == ("the limits are Wald limits",)
    assert limit.low <= 1.0 <= limit.high
    assert (limit.low, limit.high) == pytest.approx(
        (0.495**2 / 0.255, 0.505**2 / 0.245)
    )


def test_least_events_of_a_log_rank_statistic():
    # q = 10.25^2/(19.25 * 16.79): 19.25/(1 - q) = 28.5 at the printed values; the
    # rounding lets it be a little less, never more.
    q = 10.25**2 / (19.25 * 16.79)
    bound = least_events(9, (19.245, 19.255), 16.795)
    assert 19.25 / (1 - q) - 0.1 < bound < 19.25 / (1 - q)
    assert least_events(0, (10.0, 10.0), 5.0) == math.inf  # (0 - 10)^2/10 > 5


def test_nothing_is_asked_of_a_group_of_unknown_size():
    finding = system(from_row({"median1": "12", "survival1@12": "90%"}))
    assert finding.unused == ("median1", "survival1@12")


def test_curves_of_too_many_patients_are_left_out_and_the_rest_is_still_judged():
    row = {"n1": "500", "n0": "500", "events1": "501", "survival1@12": "50%"}
    finding = system(from_row(row))
    assert finding.state == "infeasible"
    assert "survival1@12" in finding.unused
    assert ids(finding.conflicts) == {frozenset({"n1", "events1"})}


def test_text_that_is_no_number_is_refused():
    with pytest.raises(InputError):
        from_row({"n1": "ten"})
    with pytest.raises(InputError):
        from_row({"survival1@12": "77"})  # 77 %, or nothing
    with pytest.raises(ValueError, match="kind"):
        Item("x", "odds", 0, 1, "x")


# --- every data set of a few patients ------------------------------------------


def kaplan_meier(rows, at):
    """The product-limit estimate in exact fractions."""
    survival = Fraction(1)
    for u in sorted({t for t, e in rows if e and t <= at}):
        at_risk = sum(t >= u for t, _ in rows)
        dead = sum(t == u and e for t, e in rows)
        survival *= Fraction(at_risk - dead, at_risk)
    return survival


def all_data_sets(n):
    """Every order of events and losses of n patients around the times 10 and 20.

    Slots: (0, 10), 10, (10, 20), 20, (20, 30). Within an open slot patients leave
    one by one (tied events give the same product); at a time its events come first.
    """
    for slots in product(range(5), repeat=n):
        if list(slots) != sorted(slots):
            continue
        for events in product((0, 1), repeat=n):
            times = []
            for i, slot in enumerate(slots):
                inside = sum(s == slot for s in slots[:i])
                times.append(
                    slot // 2 * 10 + 1 + inside if slot % 2 == 0 else (slot + 1) * 5
                )
            yield list(zip(times, events, strict=True))


def signature(rows, larger):
    return (
        round(float(kaplan_meier(rows, 10)), 2),
        round(float(kaplan_meier(rows, 20)), 2),
        sum(t >= 10 for t, _ in rows) if not larger else sum(t > 10 for t, _ in rows),
        sum(e for _, e in rows),
    )


@pytest.mark.parametrize("n", [3, 4])
def test_the_solver_agrees_with_every_data_set_of_a_few_patients(n):
    possible = set()
    for rows in all_data_sets(n):
        possible |= {signature(rows, False), signature(rows, True)}
    survivals = sorted({s for first, second, *_ in possible for s in (first, second)})
    asked = [
        (first, second, left, events)
        for first, second in product(survivals, repeat=2)
        for left, events in product(range(n + 1), repeat=2)
    ]
    if len(asked) > 150:
        chosen = np.random.default_rng(n).choice(len(asked), 150, replace=False)
        asked = [asked[i] for i in chosen]
        asked += sorted(possible)[:: max(1, len(possible) // 50)]
    seen = set()
    for first, second, left, events in asked:
        row = {
            "n1": f"{n}",
            "survival1@10": f"{first:.2f}",
            "survival1@20": f"{second:.2f}",
            "at_risk1@10": f"{left}",
            "events1": f"{events}",
        }
        report = Report("", from_row(row).items, groups=("1",))
        finding = system(report, ranges=False, most=1)
        true = (first, second, left, events) in possible
        assert finding.state == ("feasible" if true else "infeasible"), row
        seen.add(true)
    assert seen == {True, False}


def test_ranges_are_those_of_every_data_set():
    # Five patients, S(10) = 0.60 and S(20) = 0.30.
    wanted = [
        rows
        for rows in all_data_sets(5)
        if f"{float(kaplan_meier(rows, 10)):.2f}" == "0.60"
        and f"{float(kaplan_meier(rows, 20)):.2f}" == "0.30"
    ]
    row = {"n1": "5", "survival1@10": "0.60", "survival1@20": "0.30"}
    finding = system(Report("", from_row(row).items, groups=("1",)))
    found = {(r.statistic, r.time): (r.low, r.high) for r in finding.ranges if r.group}
    for time in (10.0, 20.0):
        by_then = [sum(e and t <= time for t, e in rows) for rows in wanted]
        assert found["events_by", time] == (min(by_then), max(by_then))


@pytest.mark.parametrize("rule", ["first", "below", "middle"])
def test_medians_of_all_usual_rules_hold_together_with_their_curve(rule):
    # Four patients, S = 1/2 from week 8 to week 11: 8, 11 or 9.5.
    rows = [(4, 1), (8, 1), (11, 1), (15, 0)]
    median = {"first": "8", "below": "11", "middle": "9.5"}[rule]
    row = {"n1": "4", "median1": median, "survival1@8": "0.50", "events1": "3"}
    assert kaplan_meier(rows, 8) == Fraction(1, 2)
    assert system(Report("", from_row(row).items, groups=("1",))).state == "feasible"
    row["median1"] = "20"
    row["survival1@12"] = "0.25"
    assert system(Report("", from_row(row).items, groups=("1",))).state == "infeasible"


def test_true_reports_of_subsamples_are_never_refused():
    rng = np.random.default_rng(20)
    times = np.array([t for t, _ in MP] + PLACEBO, dtype=float)
    events = np.array([e for _, e in MP] + [1] * len(PLACEBO))
    group = np.repeat([1, 0], 21)
    for _ in range(25):
        kept = rng.random(42) < rng.uniform(0.3, 1)
        row = {}
        for g in (1, 0):
            mine = kept & (group == g)
            rows = list(zip(times[mine], events[mine], strict=True))
            if not rows:
                continue
            row[f"n{g}"] = str(len(rows))
            if rng.random() < 0.5:
                row[f"events{g}"] = str(int(events[mine].sum()))
            for at in (6, 10, 16):
                if rng.random() < 0.6:
                    row[f"survival{g}@{at}"] = f"{float(kaplan_meier(rows, at)):.2f}"
                if rng.random() < 0.6:
                    larger = rng.random() < 0.5
                    left = sum(t > at if larger else t >= at for t, _ in rows)
                    row[f"at_risk{g}@{at}"] = str(left)
        if len(row) > 2:
            finding = system(from_row(row), ranges=False)
            assert finding.state in {"feasible", "undecided"}, row


# --- from the claims of a study --------------------------------------------------


def claim(name, analysis, statistic, printed, value, **more):
    blank = dict.fromkeys(
        ("timepoint", "group", "reference", "unit", "conf_level", "test"), ""
    )
    blank |= {"alternative": "", "note": "", "quote": "", "locator": "", "source": "a"}
    return {
        **blank,
        "claim_id": name,
        "analysis": analysis,
        "population": "all",
        "endpoint": "death",
        "statistic": statistic,
        "field": "estimate",
        "printed": printed,
        "value": value,
        "relation": "=",
        "role": "check",
        **more,
    }


def study(*claims, **populations):
    analysis = {
        "method": "kaplan_meier",
        "dataset": "rows",
        "population": "all",
        "endpoint": "death",
        "label": "death",
        "paper": {"test": "Kaplan-Meier"},
        "samples": [],
        "groups": ["new", "old"],
    }
    return {
        "id": "s",
        "analyses": {"curve": analysis},
        "claims": list(claims),
        "populations": {"all": {"n": 12}, **populations},
    }


def test_claims_of_one_analysis_are_one_system():
    sizes = [claim(f"n{g}", "curve", "n", "6", "6", group=g) for g in ("new", "old")]
    curve = claim(
        "c1", "curve", "survival_probability", "60%", "60", group="new", timepoint="12"
    )
    curve["unit"] = "%"
    left = claim("c2", "curve", "number_at_risk", "6", "6", group="new", timepoint="12")
    # With six of six at risk at month 12 only sixths can be alive just after it; 60 %
    # needs one of the six lost before the first death (3 of 5).
    found = checks(study(*sizes, curve, left))
    assert {c.claim_id: c.outcome for c in found} == {
        "nnew": "impossible",
        "c1": "impossible",
        "c2": "impossible",
    }
    assert "cannot all hold" in found[0].reason
    curve |= {"printed": "67%", "value": "67"}
    found = checks(study(*sizes, curve, left))
    assert {c.claim_id: c.outcome for c in found} == {
        "c1": "attainable",
        "c2": "attainable",
    }
    assert "2" in found[0].reason  # two deaths, at month 12


def test_a_curve_of_unknown_kind_is_only_read_as_kaplan_meier():
    curve = claim(
        "c1", "curve", "survival_probability", "60%", "60", group="new", timepoint="12"
    )
    curve |= {"unit": "%"}
    left = claim("c2", "curve", "number_at_risk", "6", "6", group="new", timepoint="12")
    size = claim("n", "curve", "n", "6", "6", group="new")
    made = study(size, curve, left)
    made["analyses"]["curve"]["paper"] = {}
    found = checks(made)
    assert {c.outcome for c in found} == {""}
    assert "Kaplan-Meier estimates" in found[0].reason


def test_a_clash_between_sources_proves_nothing():
    curve = claim(
        "c1", "curve", "survival_probability", "60%", "60", group="new", timepoint="12"
    )
    curve |= {"unit": "%", "source": "letter"}
    left = claim("c2", "curve", "number_at_risk", "6", "6", group="new", timepoint="12")
    size = claim("n", "curve", "n", "6", "6", group="new")
    found = checks(study(size, curve, left))
    assert {c.outcome for c in found} == {""}
    assert "different sources" in found[0].reason


def test_two_data_locks_are_two_systems():
    early = claim("a", "curve", "survival_probability", ".5", ".5", group="new")
    late = {**early, "claim_id": "b", "printed": ".8", "value": ".8"}
    early |= {"endpoint": "death, 1990", "timepoint": "12"}
    late |= {"endpoint": "death, 1995", "timepoint": "12"}
    found = checks(study(early, late))
    assert {c.outcome for c in found} <= {"attainable"}


def test_deaths_in_rows_without_times_bear_on_survival():
    # 15 of 18 complete responders alive in the table, 63.8 % at 2 years in the
    # abstract: only with few patients left at the last deaths.
    found = [
        check
        for check in checks(load(ROOT / "data" / "erbey2016"))
        if check.claim_id == "related-035a"
    ]
    (one,) = found
    assert "3 of 18 rows of 'patients' died (CR)" in one.reason
    ranges = {
        (r["statistic"], r["group"], bool(r["given"])): r["estimate_max"]
        for r in one.details["ranges"]
    }
    assert ranges["events_by", "CR", False] <= 3
    assert ranges["still_followed", "CR", True] < 8


def test_words_about_p_prove_nothing():
    # A chi-square of 6.63 is p = 0.01; the words may rest on another level.
    row = {"chi2": "6.63", "p": "0.30", "p_test": "log-rank"}
    report = from_row({**row, "alternative": "two-sided"})
    words = Item("p", "p", 0.05, 1.0, "not significant")
    items = tuple(words if item.id == "p" else item for item in report.items)
    told_of = told(replace(report, items=items), system(replace(report, items=items)))
    assert {check.outcome for check in told_of} == {""}
    assert "level 0.05" in told_of[0].reason
    assert {c.outcome for c in told(report, system(report))} == {"impossible"}
