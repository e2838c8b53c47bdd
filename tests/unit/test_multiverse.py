"""The multiverse: which specifications there are, what they say, and of how much."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_studies
import yaml

from reanalysis import analyses
from reanalysis.analyses import Specification, estimates_of
from reanalysis.config import method_settings
from reanalysis.ensembles.draw import draw_members
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.errors import InputError, MethodError
from reanalysis.methods import wilcoxon
from reanalysis.multiverse.anchor import Anchor, anchor
from reanalysis.multiverse.columns import COLUMNS, SUMMARY_COLUMNS
from reanalysis.multiverse.cox_exchanges import exchanged_effects, served
from reanalysis.multiverse.curve import Place, effect
from reanalysis.multiverse.declared import multiverse_settings, multiverses
from reanalysis.multiverse.members import taken
from reanalysis.multiverse.no_part import NO_PART, Where, impossible, settled
from reanalysis.multiverse.reassignment import exchange, exchanged
from reanalysis.multiverse.run import run_grids
from reanalysis.multiverse.shares import shares
from reanalysis.multiverse.summary import _as_printed, records, summary
from reanalysis.plan import analyses_of
from reanalysis.results import Estimate
from reanalysis.schema import load_schema
from reanalysis.studies.alternatives import own
from reanalysis.studies.study import load

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
VARIANTS = """\
    variants:
      adults: {label: adults only, population: adults}
      by_nine: {derive: {to: {censor_time: {time: months, at: 9}}, \
dead: {censor_event: {time: months, event: died, at: 9}}}, columns: {time: to, event: dead}}
      treated: {where: arm = T}
"""
COX = """\
  survival_cox:
    method: cox
    dataset: patients
    population: everyone
    endpoint: Survival
    columns: {id: patient, time: months, event: died, group: arm}
    groups: [T, S]
"""
PAIRED = """\
  paired_cox:
    method: cox
    dataset: patients
    endpoint: Survival
    columns: {time: months, event: died, group: arm, pair: age}
    groups: [T, S]
"""
RATIO = {"method": "cox", "analyses": "survival_cox", "statistic": "hazard_ratio"}
AGE = {"method": "wilcoxon", "analyses": "age", "statistic": "median_difference"}


def config_with(grid, **bounds):
    config = deepcopy(SHIPPED)
    config["multiverse"] = {
        "limit": 5000,
        "members": 8,
        "permutations": 0,
        "permutation_fits": 5000,
        "grids": {"mine": grid},
        **bounds,
    }
    return config


@pytest.fixture
def folder(tmp_path):
    files = small_studies.good(COX, VARIANTS.replace("treated: {where: arm = T}", ""),
                               small_studies.AGE, PAIRED)  # fmt: skip
    # Six pairs by a made number in place of the age.
    return small_studies.write(tmp_path / "good", files)


def run(folder, grid, **bounds):
    """Return what becomes of one grid in one study."""
    config = config_with(grid, **bounds)
    name = Path(folder).name
    found = multiverses(config, {name: analyses_of([folder])})[name]
    ((method, grids),) = found.items()
    settings = multiverse_settings(config, method, grids)
    ((_, _, made),) = run_grids(load(folder), [str(folder)], method, settings, {})
    if isinstance(made, str):
        raise InputError(made)
    return made


# ------------------------------------------------------------------- specifications


def test_combinations_that_come_to_the_same_are_one(folder, monkeypatch):
    made = []
    original = wilcoxon.estimate
    monkeypatch.setattr(
        wilcoxon, "estimate", lambda s, t: made.append(t) or original(s, t)
    )
    found = run(
        folder,
        AGE
        | {
            "choices": {
                "test": ["wilcoxon", "t"],
                "p_value": ["exact", "normal"],
                "continuity": [True, False],
                "equal_variance": [True, False],
                "zeros": ["wilcox", "pratt"],
            },
            "statistic": ["median_difference", "mean_difference"],
        },
    )
    # Exact; normal with and without correction; Welch's t and Student's.
    assert len(found.grid.entries) == 5
    assert sum(entry.combinations for entry in found.grid.entries) == 32
    assert len(made) == 5 + 1  # and the primary one
    told = summary(found)["sentence"]
    assert "Median difference or mean difference: " in told
    texts = {record["choices"] for record in records(found)}
    assert (
        "test: t; p value: any; continuity: any; equal variance: yes; zeros: any"
        in texts
    )


def test_what_cannot_be_is_left_out_with_the_reason(folder):
    grid = RATIO | {
        "choices": {
            "pairs": ["partial-likelihood", "exact-conditional"],
            "ties": ["efron", "breslow"],
        }
    }
    found = run(folder, grid)
    assert found.grid.impossible == {"an exact analysis of pairs needs pairs": 2}
    assert len(found.grid.entries) == 2
    only = {"choices": {"pairs": ["exact-conditional"]}}
    with pytest.raises(InputError, match="no combination of the grid is possible"):
        run(folder, RATIO | only)


def test_rules_exclude(folder):
    choices = {"ties": ["efron", "breslow", "exact"], "p_value": ["wald", "score"]}
    rules = [{"ties": ["breslow", "exact"], "p_value": "score"}]
    found = run(folder, RATIO | {"choices": choices, "exclude": rules})
    assert [e.chosen for e in found.grid.entries] == [
        {"ties": (ties,), "p_value": (p,)}
        for ties, p in (
            ("efron", "wald"),
            ("efron", "score"),
            ("breslow", "wald"),
            ("exact", "wald"),
        )
    ]


def test_a_list_runs_as_it_is_written(folder):
    written = [
        {"ties": "breslow", "population": "adults"},
        {},
        {"ties": "efron"},
        {"pairs": "mid-p"},
    ]
    found = run(folder, RATIO | {"specifications": written})
    rows = records(found)
    assert [r["combinations"] for r in rows] == [1, 2, 1]
    assert [r["primary"] for r in rows] == [False, True, False]
    assert rows[0]["choices"] == "ties: breslow; population: Adults; pairs: primary"
    assert rows[2]["note"] == "an exact analysis of pairs needs pairs"
    assert math.isnan(rows[2]["estimate"])
    cox = import_module("reanalysis.methods.cox")
    study = load(folder)
    settings = multiverse_settings(config_with({}), "cox", {})["primary"]
    (primary, *_) = estimates_of(
        cox, study["analyses"]["survival_cox"], Specification("p", settings)
    )
    assert rows[1]["estimate"] == primary[1].estimate


def test_each_patient_is_left_out_in_turn(folder, monkeypatch):
    grid = RATIO | {"choices": {"leave_out": ["none", "each_patient"]}}
    found = run(folder, grid)
    assert len(found.grid.entries) == 13
    assert {row.n for row in found.rows} == {11, 12}
    limited = config_with(grid)
    limited["rows"]["leave_out_limit"] = 11
    settings = multiverse_settings(
        limited, "cox", {"mine": {**grid, "analyses": ["survival_cox"]}}
    )
    ((_, _, made),) = run_grids(load(folder), [str(folder)], "cox", settings, {})
    assert len(made.grid.entries) == 1
    assert "as there are 12" in summary(made)["note"]


def test_other_populations_and_definitions(folder):
    variant = ["as_declared", "adults", "by_nine"]
    choices = {"population": ["as_declared", "adults"], "variant": variant}
    found = run(folder, RATIO | {"choices": choices})
    by_choice = {r["choices"]: r for r in records(found)}
    assert len(by_choice) == 4  # the variant adults is the population of that name
    # Two of the twelve are younger than 18; deaths by nine months: P03 at 9 and all
    # four of the other arm, of whom P10 is 16.
    both = by_choice["population: Adults; variant: by nine"]
    assert (both["n"], both["events"]) == (10, 4)
    assert by_choice["population: as declared; variant: by nine"]["events"] == 5
    # Three combinations, not all four of their options: the first stands for them.
    same = by_choice["population: as declared; variant: adults only"]
    assert (same["combinations"], same["n"]) == (3, 10)


def test_rows_that_cannot_serve_are_impossible(tmp_path):
    files = small_studies.good(COX, small_studies.AGE)
    files["study.yaml"] = str(files["study.yaml"]).replace(
        "  adults: {", "  old: {label: Old, where: age > 59}\n  adults: {"
    )
    folder = small_studies.write(tmp_path / "good", files)
    found = run(
        folder, RATIO | {"choices": {"population": ["adults", "old", "as_declared"]}}
    )
    # One patient of one group: a group has no rows.
    (reason,) = found.grid.impossible
    assert "a group has no rows" in reason
    assert len(found.grid.entries) == 2


def test_a_variant_that_does_not_work_is_found_when_the_study_is_checked(tmp_path):
    files = small_studies.good(COX, VARIANTS)
    folder = small_studies.write(tmp_path / "good", files)
    with pytest.raises(InputError, match=r"survival_cox\.variants\.treated"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"choices": {"tie": ["efron"]}}, "'tie'"),
        ({"choices": {"ties": ["effron"]}}, "efron, breslow, exact"),
        ({"choices": {"test": {"a": {"ties": "effron"}}}}, "choices.test.a"),
        ({"choices": {"leave_out": ["nobody"]}}, "lost_to_follow_up"),
        ({"choices": {"ties": ["efron"]}, "exclude": [{"ties": "exact"}]}, "exclude"),
        ({"specifications": [{"ties": "x"}]}, "number 1"),
        ({"choices": {"ties": ["efron"]}, "analyses": "survival_coxx"}, "survival_cox"),
        ({"choices": {"ties": ["efron"]}, "analyses": "age"}, "not cox"),
        ({"choices": {"ties": ["efron"]}, "statistic": "hazard"}, "hazard_ratio"),
        ({}, "either choices or specifications"),
        ({"choices": {"analysis": ["survival_coxx"]}}, "'survival_cox'"),
        ({"choices": {"a": {"b": {"analysis": "age"}}}}, "one of wilcoxon, not cox"),
        ({"specifications": [{"analysis": "age"}]}, "one of wilcoxon, not cox"),
        ({"choices": {"ties": ["efron"]}, "studies": "god"}, "perhaps 'good'"),
        (
            {"method": "rates", "choices": {"test": ["wald"]}, "analyses": "all"},
            "analyses of good",
        ),
    ],
)
def test_a_mistake_in_a_grid_is_named(folder, change, says):
    config = config_with(RATIO | {"studies": "good"} | change)
    with pytest.raises(InputError, match=r"multiverse\.grids\.mine") as error:
        multiverses(config, {"good": analyses_of([folder])}, ["good", "not_run"])
    assert says in str(error.value)


def test_a_grid_for_a_study_that_is_not_run_now_is_left_out(folder):
    config = config_with(RATIO | {"studies": "not_run", "choices": {"ties": ["exact"]}})
    plan = {"good": analyses_of([folder])}
    assert multiverses(config, plan, ["good", "not_run"]) == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"choices": {"population": ["grown_ups"]}}, "adults"),
        ({"choices": {"variant": ["by_ten"]}}, "by_nine"),
        ({"choices": {"ties": ["efron"]}, "anchor": ["C9"]}, "C9"),
        ({"choices": {"variant": ["x"]}, "analyses": "paired_cox"}, "there is none"),
        ({"choices": {"analysis": ["age"]}, "studies": "all"}, "not cox"),
        ({"choices": {"ties": ["efron"]}, "group": "nobody"}, "group nobody"),
        (
            {"choices": {"ties": ["efron"]}, "statistic": "median_survival"},
            "no specification gives the number",
        ),
    ],
)
def test_what_the_study_does_not_have_is_named(folder, change, says):
    with pytest.raises(InputError, match=says):
        run(folder, RATIO | change)


def test_too_large_a_grid_is_refused(folder):
    choices = {"ties": ["efron", "breslow"], "leave_out": ["none", "each_patient"]}
    with pytest.raises(InputError, match="at most 25"):
        run(folder, RATIO | {"choices": choices}, limit=25)


def test_grids_belong_to_the_studies_and_methods_that_run(folder):
    plan = {"good": analyses_of([folder])}
    assert multiverses(SHIPPED, plan) == {}
    config = config_with(RATIO | {"analyses": "all", "choices": {"ties": ["exact"]}})
    (grid,) = multiverses(config, plan)["good"]["cox"].values()
    assert grid["analyses"] == ["survival_cox", "paired_cox"]
    config["multiverse"]["grids"]["mine"] = None
    assert multiverses(config, plan) == {}


def test_the_job_depends_on_its_own_method_only(folder):
    plan = {"good": analyses_of([folder])}
    config = config_with(RATIO | {"choices": {"ties": ["exact"]}})
    grids = multiverses(config, plan)["good"]["cox"]
    before = multiverse_settings(config, "cox", grids)
    config["scenarios"] = {"other": {"methods": {"cox": {"ties": "exact"}}}}
    config["methods"]["wilcoxon"]["p_value"] = "normal"
    config["figures"]["dpi"] = 72
    assert multiverse_settings(config, "cox", grids) == before
    config["methods"]["cox"]["ties"] = "breslow"
    assert multiverse_settings(config, "cox", grids) != before


# Analyses of shipped studies on which settings said to play no part are varied.
IDLE = {
    "cox": ("freireich1963_6mp", ["remission_cox", "remission_cox_paired"]),
    "log_rank": ("freireich1963_6mp", ["remission_log_rank"]),
    "wilcoxon": ("student1908_sleep", ["drug1_test", "drug2_against_drug1"]),
    "tables": ("mrc1948_streptomycin", ["death"]),
    "restricted_mean": ("freireich1963_6mp", ["remission_restricted_mean"]),
    "kaplan_meier": ("freireich1963_6mp", ["remission"]),
}
FOLLOWED = {
    "cox": ["hazard_ratio"],
    "log_rank": ["log_rank"],
    "wilcoxon": ["mean_difference", "median_difference"],
    "tables": ["risk_difference"],
    "restricted_mean": ["restricted_mean_difference"],
    "kaplan_meier": ["survival_probability"],
}


def _values(known):
    kind = known.get("type")
    return known.get("enum") or {
        "boolean": [True, False],
        "integer": [99, 200],
        "number": [0.0, 0.5],
    }.get(kind if isinstance(kind, str) else "", [])


@pytest.mark.parametrize("method", IDLE)
def test_settings_said_to_play_no_part_play_none(method):
    """Under settings drawn at random, whatever is idle can be anything."""
    known = load_schema("config")["$defs"]["methods"]["properties"][method]
    values = {
        key: _values(declared)
        for key, declared in known["properties"].items()
        if _values(declared) and key != "draws"
    }
    module = import_module(f"reanalysis.methods.{method}")
    study, names = IDLE[method]
    checked = load(ROOT / "data" / study)
    primary = multiverse_settings(SHIPPED, method, {})["primary"]
    primary |= {"draws": 99} if method == "restricted_mean" else {}
    statistics = frozenset(FOLLOWED[method])
    place = Place(statistics=tuple(sorted(statistics)))
    rng = np.random.default_rng(1)
    varied = set()
    for _, name in product(range(25), names):
        analysis = checked["analyses"][name]
        base = {**primary, **analysis["settings"]}
        base |= {
            key: options[rng.integers(len(options))] for key, options in values.items()
        }
        roles = frozenset(analysis["samples"][0]["columns"])
        for key, idle in NO_PART[method].items():
            found = set()
            for value in values.get(key, ()):
                settings = base | {key: value}
                where = Where(settings, roles, statistics)
                if idle(where) and not impossible(method, where):
                    rows = estimates_of(module, analysis, Specification("p", settings))
                    found.add(_told(place.read(rows)))
                    varied.add(key)
            assert len(found) <= 1, (name, key, base)
    assert varied


def _told(row):
    if row is None:
        return None
    numbers = (row.estimate, row.conf_low, row.conf_high, row.p_value)
    return (*(f"{x:.9g}" for x in numbers), row.test, row.interval_method)


def test_settings_are_settled_as_in_the_primary_ones():
    base = multiverse_settings(SHIPPED, "cox", {})["primary"]
    roles = frozenset({"time", "event", "group", "pair"})
    exact = base | {"pairs": "exact-conditional", "ties": "exact", "p_value": "score"}
    found = settled("cox", base, Where(exact, roles, frozenset({"hazard_ratio"})))
    assert found == base | {"pairs": "exact-conditional"}


# ------------------------------------------------------------------- shares


def test_shares_of_a_balanced_grid_are_those_of_the_analysis_of_variance():
    # R: anova(lm(y ~ a + b)) of expand.grid(a, b) with y = 1 2 4 3 7 9.5;
    # sums of squares over their total: 0.0199521149242 0.9209896249002 0.0590582601756
    a = ["p", "q"] * 3
    b = ["x", "x", "y", "y", "z", "z"]
    found, together = shares(np.array([1, 2, 4, 3, 7, 9.5]), {"a": a, "b": b})
    assert found == pytest.approx({"a": 0.0199521149242, "b": 0.9209896249002})
    assert together == pytest.approx(0.0590582601756)


def test_shares_of_an_unbalanced_grid_are_means_over_all_orders():
    # R, mean over the six orders of the increase of summary(lm())$r.squared:
    # a 0.4286526976574, b 0.3599653318736, c 0.0132346800567; 1 - R^2 0.198147290412
    y = np.array([1.0, 1.4, 2.1, 3.0, 1.7, 2.9, 4.1, 0.6, 1.9])
    chosen = {"a": list("pppqqqqpq"), "b": list("xyzxyzzxy"), "c": list("mnmnmnmnn")}
    found, together = shares(y, chosen)
    expected = {"a": 0.4286526976574, "b": 0.3599653318736, "c": 0.0132346800567}
    assert found == pytest.approx(expected)
    assert together == pytest.approx(0.198147290412)


def test_shares_where_no_choice_varies():
    # Two populations of one label are two specifications of the same name.
    found, together = shares(np.array([1.0, 2.0]), {"population": ["all", "all"]})
    assert found == {}
    assert math.isnan(together)


def test_shares_where_nothing_varies():
    found, together = shares(np.full(4, 0.1) + 1e-18, {"a": list("ppqq")})
    assert math.isnan(found["a"])
    assert math.isnan(together)
    assert shares(np.array([]), {"a": []})[0] == {}
    # A choice with one option left has no share; one that is confounded halves it.
    found, _ = shares(
        np.array([1.0, 2.0]), {"a": ["p", "q"], "b": ["x", "y"], "c": ["m", "m"]}
    )
    assert found == pytest.approx({"a": 0.5, "b": 0.5})


# ------------------------------------------------------------------- joint test


def part(**columns):
    count = len(next(iter(columns.values())))
    return {
        "columns": columns,
        "people": [f"row {n + 2}" for n in range(count)],
        "rows": [n + 2 for n in range(count)],
        "lost": [False] * count,
        "groups": ["T", "S"] if "group" in columns else [],
        "reference": "S" if "group" in columns else "",
        "covariates": [],
        "unit": "",
        "time_unit": "",
        "dropped": 0,
        "endpoint": "",
    }


def prepared(method, sample, **more):
    return {
        "method": method,
        "kind": "individual",
        "dataset": "patients",
        "settings": {},
        "options": {},
        "samples": [sample],
        **more,
    }


TIMES = [3.0, 5.0, 5.0, 6.0, 8.0, 8.0, 9.0, 12.0, 12.0, 12.0]
EVENTS = [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("strata", ["as_declared", "never"])
@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize("statistic", ["hazard_ratio", "hazard_reduction"])
def test_the_arrays_give_what_the_method_gives(statistic, ties, strata):
    cox = import_module("reanalysis.methods.cox")
    sample = part(
        time=TIMES, event=EVENTS, group=["T", "S"] * 5, stratum=["a"] * 4 + ["b"] * 6
    )
    analysis = prepared("cox", sample)
    how = exchange({own("a"): analysis}, "hazard_ratio", "S")
    assert how.total == math.comb(4, 2) * math.comb(6, 3)
    complete, draws = how.draws(1000, 1)
    labels = np.array(list(draws))
    assert complete
    assert len(labels) == 120
    base = multiverse_settings(SHIPPED, "cox", {})["primary"]
    finite = 0
    for test, side in (
        ("wald", "two-sided"),
        ("likelihood-ratio", "less"),
        ("score", "greater"),
        ("score", "two-sided"),
    ):
        settings = base | {"ties": ties, "strata": strata, "p_value": test}
        settings["alternative"] = side
        spec = Specification("p", settings, person="row 5", leave_out="each_patient")
        assert served(analysis, spec, statistic)
        effects, p_values = exchanged_effects(analysis, spec, statistic, labels)
        for n in range(0, 120, 7):
            one = exchanged(analysis, how, labels[n])
            row = Place(statistics=(statistic,)).read(estimates_of(cox, one, spec))
            if math.isnan(effects[n]):
                continue  # infinite: the method is asked
            finite += 1
            assert effects[n] == pytest.approx(effect(row), abs=1e-8)
            # A square root magnifies the rounding of a score of zero.
            assert p_values[n] == pytest.approx(row.p_value, abs=1e-7)
    assert finite > 20


def test_what_the_arrays_cannot_do_is_left_to_the_method():
    base = multiverse_settings(SHIPPED, "cox", {})["primary"]
    sample = part(
        time=TIMES, event=EVENTS, group=["T", "S"] * 5, pair=list("aabbccddee")
    )
    analysis = prepared("cox", sample)
    for changed in (
        {"likelihood": "firth"},
        {"variance": "robust"},
        {"pairs": "mid-p"},
    ):
        spec = Specification("p", base | changed)
        assert not served(analysis, spec, "hazard_ratio")
    assert served(analysis, Specification("p", base), "hazard_ratio")
    repeated = part(
        time=TIMES, event=EVENTS, group=["T", "S"] * 5, id=list("aabbccddee")
    )
    spec = Specification("p", base)
    assert not served(prepared("cox", repeated), spec, "hazard_ratio")


def joint(folder, grid, **bounds):
    return run(folder, grid, **({"permutations": 5000} | bounds)).joint


def test_the_joint_test_of_groups_is_that_of_all_assignments(folder):
    found = run(
        folder,
        AGE | {"statistic": "mean_difference", "choices": {"test": ["t"]}},
        permutations=1000,
    )
    (own,) = load(folder)["analyses"]["age"]["samples"]
    ages = np.array(own["columns"]["value"])
    first = np.array([g == "T" for g in own["columns"]["group"]])
    observed = abs(ages[first].mean() - ages[~first].mean())
    far = 0
    for chosen in combinations(range(12), 6):
        held = np.isin(np.arange(12), chosen)
        far += abs(ages[held].mean() - ages[~held].mean()) >= observed - 1e-9
    assert found.joint.complete
    assert found.joint.exchanges == 924
    assert found.joint.p_effect == pytest.approx(far / 924)
    assert found.joint.words == "T and S exchanged between patients"


def test_the_joint_test_within_patients_is_that_of_all_signs(tmp_path):
    d = [1.9, 0.8, 1.1, 0.1, -0.1]
    analysis = prepared("wilcoxon", part(value=[x + 3 for x in d]), options={"mu": 3})
    how = exchange({own("a"): analysis}, "mean_difference", "")
    complete, draws = how.draws(32, 1)
    assert complete
    means = sorted(
        np.mean(np.subtract(exchanged(analysis, how, x)["samples"][0]["columns"]["value"], 3))
        for x in draws
    )  # fmt: skip
    expected = sorted(np.mean(np.multiply(d, s)) for s in product((1, -1), repeat=5))
    assert means == pytest.approx(expected)
    swapped = prepared("wilcoxon", part(before=[1.0, 2.0], after=[5.0, 7.0]))
    how = exchange({own("a"): swapped}, "mean_difference", "")
    seen = {
        tuple(exchanged(swapped, how, x)["samples"][0]["columns"]["after"])
        for x in how.draws(4, 1)[1]
    }
    assert seen == {(5, 7), (1, 7), (5, 2), (1, 2)}


def test_random_exchanges_are_seeded_and_bounded(folder):
    choices = {"choices": {"test": ["t", "wilcoxon"]}}
    grid = AGE | choices | {"statistic": ["mean_difference", "median_difference"]}
    first = joint(folder, grid, permutations=200)
    assert (first.exchanges, first.complete) == (200, False)
    assert joint(folder, grid, permutations=200) == first
    # The smallest p-value of random exchanges is one over their number plus one.
    assert first.p_effect >= 1 / 201
    few = joint(folder, grid, permutations=200, permutation_fits=50)
    assert "more than 50 estimates" in few.why
    assert math.isnan(few.p_effect)
    some = joint(folder, grid, permutations=900, permutation_fits=300)
    assert 99 <= some.exchanges < 900


def test_equal_tables_are_computed_once(folder, monkeypatch):
    tables = import_module("reanalysis.methods.tables")
    made = []
    original = tables.estimate
    monkeypatch.setattr(
        tables, "estimate", lambda s, t: made.append(t) or original(s, t)
    )
    grid = {"method": "tables", "statistic": "risk_difference", "analyses": "responses"}
    found = joint(folder, grid | {"choices": {"test": ["fisher", "barnard"]}})
    assert found.exchanges == 924
    # Six of twelve responded: the upper left cell runs from 0 to 6 in two tests.
    assert len(made) <= 2 * 7 + 3


def test_what_cannot_be_exchanged_says_why():
    one = {own("a"): prepared("cox", part(time=[1.0], event=[1.0]))}
    with pytest.raises(MethodError, match="no labels"):
        exchange(one, "hazard_ratio", "")
    rates = {own("a"): prepared("tables", part(group=["T", "S"], event=[1.0, 0.0]))}
    with pytest.raises(MethodError, match="compares no groups"):
        exchange(rates, "proportion", "")
    printed = {own("a"): prepared("tables", part(group=["T"]), kind="summary")}
    with pytest.raises(MethodError, match="printed summaries"):
        exchange(printed, "odds_ratio", "S")
    both = prepared(
        "cox", part(time=[1.0, 2.0], event=[1.0, 1.0], group=["T", "S"], id=["x", "x"])
    )
    with pytest.raises(MethodError, match="in both groups"):
        exchange({own("a"): both}, "hazard_ratio", "S")


def test_pairs_are_exchanged_within_pairs():
    pairs = part(
        time=TIMES, event=EVENTS, group=["T", "S"] * 5, pair=list("aabbccddee")
    )
    without = part(time=TIMES, event=EVENTS, group=["T", "S"] * 5)
    how = exchange(
        {own("a"): prepared("cox", without), own("b"): prepared("cox", pairs)},
        "hazard_ratio", "S",
    )  # fmt: skip
    assert how.total == 2**5
    assert how.words.endswith("within pairs")


# ------------------------------------------------------------------- what is said


def claim(**cells):
    return {
        "claim_id": "C", "analysis": "a", "statistic": "hazard_ratio", "group": "",
        "reference": "", "timepoint": "", "field": "estimate", "printed": "4.5",
        "value": "4.5", "relation": "=", "unit": "", "role": "check", **cells,
    }  # fmt: skip


def test_the_anchor_is_what_is_printed_in_the_unit_of_the_estimates():
    share = Estimate(statistic="proportion", unit="proportion", group="T")
    printed = claim(
        statistic="proportion", value="83.3", printed="83.3%", unit="%", group="T"
    )
    found = anchor([printed], (), ["a"], share)
    assert found.value == pytest.approx(0.833)
    assert (found.low, found.high) == pytest.approx((0.8325, 0.8335))
    assert found.gives(Estimate(statistic="proportion", estimate=5 / 6)) is True
    assert found.gives(Estimate(statistic="proportion", estimate=0.9)) is False
    assert found.gives(Estimate(statistic="proportion")) is None
    assert anchor([printed | {"group": "S"}], (), ["a"], share).estimate is None


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"printed": "P = 0.002", "value": "0.002"}, True),
        ({"printed": "P < 0.05", "value": "0.05", "relation": "<"}, True),
        ({"printed": "P = 0.31", "value": "0.31"}, False),
        ({"printed": "P = 0.05", "value": "0.05"}, None),
        ({"printed": "P > 0.01", "value": "0.01", "relation": ">"}, None),
        ({"printed": "not significant", "value": "", "relation": "words"}, False),
        ({"printed": "significantly lower", "value": "", "relation": "words"}, True),
    ],
)
def test_whether_what_is_printed_is_significant(cells, expected):
    row = Estimate(statistic="hazard_ratio")
    found = anchor([claim(field="p_value", **cells)], (), ["a"], row)
    assert found.significant is expected


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"statistic": "median_survival"}, "median_survival.*statistic hazard_ratio"),
        ({"group": "S", "reference": "T"}, "S against T.*T against S"),
    ],
)
def test_an_anchor_that_prints_another_number_is_refused(cells, says):
    row = Estimate(statistic="hazard_ratio", group="T", reference="S")
    with pytest.raises(InputError, match=says):
        anchor([claim(**cells)], ["C"], ["a"], row)
    # The p-value of another test is what papers print beside a hazard ratio.
    printed = claim(field="p_value", statistic="log_rank", value="0.01")
    assert anchor([printed], ["C"], ["a"], row).significant is True


def test_the_analysis_itself_comes_before_the_others_of_its_grid():
    row = Estimate(statistic="hazard_ratio", group="T", reference="S")
    other = claim(claim_id="A1", analysis="b", value="2", printed="2")
    found = anchor([other, claim()], (), ["a", "b"], row)
    assert found.claims == "C"
    assert anchor([other], (), ["a", "b"], row).claims == "A1"


@pytest.mark.parametrize(
    ("statistic", "x", "expected"),
    [
        ("relative_effect", 0.5, 0.0),
        ("relative_effect", 0.2, -0.3),
        ("hazard_reduction", 0.5, math.log(2)),
        ("mean_difference", -2.0, -2.0),
        ("odds_ratio", 0.0, math.nan),
        # Four to treat for one is more than ten.
        ("number_needed_to_treat", 4.0, 0.25),
        ("number_needed_to_treat", -10.0, -0.1),
        ("number_needed_to_treat", math.inf, math.nan),
    ],
)
def test_no_effect_is_zero(statistic, x, expected):
    found = effect(Estimate(statistic=statistic, estimate=x))
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_number_that_compares_nothing_points_nowhere(tmp_path):
    files = small_studies.good(small_studies.SURVIVAL)
    folder = small_studies.write(tmp_path / "good", files)
    grid = {"method": "kaplan_meier", "analyses": "survival", "group": "T",
            "statistic": "survival_probability", "timepoint": "6",
            "choices": {"interval": ["log", "plain"]}}  # fmt: skip
    line = summary(run(folder, grid))
    assert line["with_estimate"] == 2
    assert math.isnan(line["share_direction"])
    assert "point" not in line["sentence"]


def test_one_specification_is_said_in_the_singular(folder):
    line = summary(run(folder, RATIO | {"choices": {"ties": ["efron"]}}))
    assert line["sentence"].startswith("1 combination of ties makes 1 specification. ")
    assert "share the same patients" not in line["sentence"]
    assert line["shares_of_estimate"] == ""


def test_what_the_joint_test_rests_on_is_said(folder):
    choices = {"ties": ["efron", "exact"]}
    grouped = run(folder, RATIO | {"choices": choices}, permutations=99)
    assert "where the groups were not randomised" in summary(grouped)["sentence"]


def test_a_printed_p_value_of_another_test_is_named(folder):
    found = run(folder, RATIO | {"choices": {"ties": ["efron", "exact"]}})
    printed = claim(field="p_value", printed="P = 0.01", value="0.01", test="log-rank")
    for statistic, says in (
        ("log_rank", "P = 0.01 (log-rank)"),
        ("hazard_ratio", "P = 0.01."),
    ):
        held = Anchor(p_value={**printed, "statistic": statistic})
        assert f"printed {says}" in summary(replace(found, anchor=held))[
            "sentence"
        ].replace(", which 0 of 2 give", "")


def test_rows_and_summary_of_a_small_multiverse(folder):
    choices = {"likelihood": ["partial", "firth"], "p_value": ["wald", "score"]}
    found = run(folder, RATIO | {"choices": choices}, permutations=200)
    rows, line = records(found), summary(found)
    assert set(rows[0]) == set(COLUMNS)
    assert set(line) == set(SUMMARY_COLUMNS)
    estimates = [r["estimate"] for r in rows]
    assert (line["estimate_low"], line["estimate_high"]) == (
        min(estimates),
        max(estimates),
    )
    assert line["keep_direction"] == sum(e < 1 for e in estimates) == 4
    assert line["compared_with"] == "primary"
    below = [r["p_value"] < 0.05 for r in rows]
    assert line["significant"] == sum(below)
    assert line["keep_significance"] == below.count(below[0])
    assert line["moves_estimate_most"] == "likelihood"
    assert line["shares_of_estimate"].startswith("likelihood 100.0%; p value 0.0%")
    assert line["exchanges"] == 200
    assert 1 / 201 <= line["p_significant"] <= 1
    for words in (
        "4 combinations of likelihood and p value",
        "All point",
        "no evidence by itself",
    ):
        assert words in line["sentence"]


def test_the_printed_value_is_the_anchor():
    config = deepcopy(SHIPPED)
    config["multiverse"]["permutations"] = 0
    study = "freireich1963_6mp"
    folder = ROOT / "data" / study
    grids = multiverses(config, {study: analyses_of([folder])})[study]["cox"]
    settings = multiverse_settings(config, "cox", grids)
    ((_, _, found),) = run_grids(load(folder), [str(folder)], "cox", settings, {})
    line = summary(found)
    assert (line["printed"], line["printed_value"]) == ("about 4.5", 4.5)
    # Published of these pairs: 4.52 Breslow, 4.82 Efron, 5.09 exact, 6.0 within pairs.
    by_choice = {r["choices"]: r["estimate"] for r in records(found)}
    for ties, ratio in (("breslow", 4.52), ("efron", 4.82), ("exact", 5.09)):
        text = f"pairs: ignored; ties: {ties}; test: wald; population: as declared"
        assert by_choice[text] == pytest.approx(ratio, abs=0.006)
    text = (
        "pairs: matched; ties: any; test: who relapsed first; population: as declared"
    )
    assert by_choice[text] == pytest.approx(6.0)
    assert line["gives_printed"] == 3
    assert "which 3 of" in line["sentence"]


def test_no_number_at_all_is_said(tmp_path):
    files = small_studies.good(COX)
    rows = str(files["patients.csv"])
    files["patients.csv"] = "\n".join(
        ",".join([*c[:4], "0", c[5]]) if (c := line.split(","))[0] != "patient" else line
        for line in rows.strip().splitlines()
    ) + "\n"  # fmt: skip
    folder = small_studies.write(tmp_path / "good", files)
    found = run(
        folder, RATIO | {"choices": {"ties": ["efron", "exact"]}}, permutations=9
    )
    line = summary(found)
    assert (line["with_estimate"], line["with_p_value"]) == (0, 0)
    assert "2 of them without a number" in line["sentence"]
    assert "2 without a number" in line["note"]
    assert math.isnan(line["share_direction"])


def test_infinite_and_opposite_estimates_have_no_or_another_direction(folder):
    found = run(folder, RATIO | {"choices": {"ties": ["efron"]}})
    told = [found.direction(Estimate(statistic="hazard_ratio", estimate=x))
            for x in (0.5, 2.0, 1.0, math.inf, math.nan)]  # fmt: skip
    assert told == ["same", "opposite", "none", "", ""]


def test_a_grid_gives_what_scenarios_give(folder):
    config = config_with(
        RATIO | {"choices": {"ties": ["breslow"], "p_value": ["score"]}}
    )
    config["scenarios"] = {
        "s": {"methods": {"cox": {"ties": "breslow", "p_value": "score"}}}
    }
    rows, *_ = analyses.run_method(load(folder), "cox", method_settings(config, "cox"))
    scenario = next(
        r
        for r in rows
        if (r["scenario"], r["analysis"], r["statistic"]) == ("s", "survival_cox", "hazard_ratio")
    )  # fmt: skip
    (record,) = records(run(folder, config["multiverse"]["grids"]["mine"]))
    for column in ("estimate", "conf_low", "conf_high", "p_value", "test"):
        assert record[column] == scenario[column]
    assert record["specification"] == scenario["specification"]


# ------------------------------------------------------------------- ensembles


def test_members_stand_for_an_ensemble_by_their_weight():
    rows = pd.DataFrame({"member": [0, 1, 2, 3], "time": [1.0] * 4})
    one = MemberSet("", rows, np.array([0.5, 0.0, 0.25, 0.25]), 3.0)
    # Eighths of the weight: the first half falls on member 0, the rest on 2 and 3.
    assert taken([one], 4) == [(0, 0), (0, 2), (0, 3)]
    assert taken([one], 1) == [(0, 0)]
    assert taken([one, one], 2) == [(0, 0), (0, 2), (1, 0), (1, 2)]


def test_which_member_it_is_is_a_choice(tmp_path):
    folder = small_studies.write(tmp_path / "good", small_studies.CURVE)
    study = load(folder)
    name, method = next(
        (name, a["method"]) for name, a in study["analyses"].items() if a["method"] == "cox"
    )  # fmt: skip
    sets = list(draw_members(study, "figure", members=30, seed=3).sets)
    grid = {"method": "cox", "analyses": [name], "statistic": "hazard_ratio"}
    grid["choices"] = {"ties": ["efron", "breslow"], "p_value": ["wald", "score"]}
    config = config_with(grid, permutations=99)
    settings = multiverse_settings(config, method, {"mine": grid})
    ((_, _, found),) = run_grids(
        study, [str(folder)], "cox", settings, {"figure": sets}
    )
    line, rows = summary(found), records(found)
    assert line["kind"] == "reconstructed"
    names = found.samples.members
    assert 2 <= len(names) <= 8
    assert line["combinations"] == 4 * len(names)
    assert {r["choices"].rpartition("; ")[2] for r in rows} == {
        f"member: {name}" for name in names
    }
    # The primary number is that of estimates.csv: the weighted median of all members.
    primary, *_ = analyses.run_method(
        study, "cox", method_settings(config, "cox"), {"figure": sets}
    )
    row = next(
        r
        for r in primary
        if (r["analysis"], r["scenario"]) == (name, "primary")
        and r["statistic"] == "hazard_ratio"
    )
    assert line["primary_estimate"] == row["estimate"]
    assert "hold no patients to exchange" in line["note"]
    assert not any(r["primary"] for r in rows)


def test_an_enumeration_that_ends_early_is_a_random_sample(folder):
    grid = AGE | {"statistic": ["median_difference", "mean_difference"]}
    grid["choices"] = {"test": ["wilcoxon", "t"]}
    found = joint(folder, grid, permutations=924, permutation_fits=400)
    assert not found.complete
    assert 99 <= found.exchanges < 924
    whole = joint(folder, grid, permutations=924)
    assert whole.complete
    assert found.p_effect == pytest.approx(whole.p_effect, abs=0.12)
    # More than arrays can do in the time is not begun.
    ratios = RATIO | {"choices": {"leave_out": ["none", "each_patient"]}}
    assert "99 exchanges" in joint(folder, ratios, permutation_fits=20).why


def test_words_that_are_printed_are_quoted_in_the_sentence():
    words = {"printed": "1 was not, of value as a soporific", "value": ""}
    said = _as_printed(words)
    assert said == "\u201c1 was not, of value as a soporific\u201d"
    assert _as_printed({"printed": "P = .0006", "value": ".0006"}) == "P = .0006"
