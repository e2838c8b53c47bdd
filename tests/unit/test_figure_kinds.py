"""Figures of small trials, of ensembles and of all studies; presets, words, panels."""

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from drawn_texts import boxes, faults
from lifelines import KaplanMeierFitter
from matplotlib.collections import LineCollection

from reanalysis.ensembles.estimates import veil as curves_of
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.ensembles.middle_curve import middle as middle_of
from reanalysis.errors import InputError
from reanalysis.figures import (
    balance,
    chances,
    courses,
    ladder,
    matches,
    member_forest,
    panels,
    swimmer,
    veil,
)
from reanalysis.figures.sheet import Sheet, filled
from reanalysis.figures.style import Look, Said
from reanalysis.plan import panels_of
from reanalysis.presentation import alt_text, dispatch
from reanalysis.presentation import kaplan_meier as shown_survival
from reanalysis.presentation import panels as presented
from reanalysis.presentation.files import ENDINGS
from reanalysis.reporting import evidence_map, forest_rows
from reanalysis.reporting.printed import PrintedNumber
from reanalysis.verdicts import ORDER

ROOT = Path(__file__).resolve().parents[2]
LOOKS = yaml.safe_load((ROOT / "config.yaml").read_text())["figures"]
LOOKS = {key: value for key, value in LOOKS.items() if key != "panels"}
PAGES = ("single", "custom", "double", "slide")
ARMS = (
    "Mesenchymal stem cells from umbilical cord with tacrolimus and steroids",
    "Standard induction with basiliximab, tacrolimus and steroids",
)


def swimmers(size, *, arms=2, kind="individual", events=("relapse",), names=True):
    rng = np.random.default_rng(1)
    groups = {}
    for arm in ARMS[:arms] if arms > 1 else ("",):
        bars = []
        for i in range(size):
            stop = float(rng.integers(1, 40))
            ongoing = bool(rng.random() < 0.4)
            bars.append(
                swimmer.Bar(
                    label=f"patient {i}" if names else "",
                    start=0.0,
                    stop=stop,
                    events=() if ongoing else [(stop, events[i % len(events)])],
                    ongoing=ongoing,
                )
            )
        groups[arm] = sorted(bars, key=lambda bar: -bar.stop)
    return swimmer.Swimmers(
        title="",
        kind=kind,
        time_unit="weeks",
        groups=groups,
        said={arm: f"{arm}: n = 21, 9 events; median 23 weeks" for arm in groups},
        events=events,
    )


def rungs(count=7, dense=False):
    p = np.geomspace(1e-3, 1, 400 if dense else 25)
    inside = p[(p >= 0.0455) & (p < 0.0465)]
    labels = [
        "Two-sided continuity-corrected normal-approximation signed-rank",
        "Two-sided exact signed-rank with ties or unchanged pairs",
    ]
    return ladder.Ladder(
        title="Printed “significantly lower than at base line” (K1, K2, K3)",
        low=0.0455,
        high=0.0465,
        readings=[
            ladder.Rungs(
                label=labels[i % 2],
                rungs=p.tolist(),
                inside=inside.tolist() if i % 3 else [],
                said="0.0455 to 0.0464 (4.9%)" if i % 3 else "no: 0.0312 or 0.0625",
            )
            for i in range(count)
        ],
    )


def ensemble(members=30, size=20, arms=ARMS, zero=False):
    """A set of members, and an analysis that asks for their curves."""
    rng = np.random.default_rng(2)
    rows = [
        {
            "member": member, "id": str(i), "group": arm,
            "time": float(np.ceil(rng.exponential(20))),
            "event": int(rng.random() < 0.7),
        }
        for member in range(members)
        for arm in arms
        for i in range(size)
    ]  # fmt: skip
    weight = 1.0 + np.arange(members) % 3
    if zero:
        weight[0] = 0.0
    grouped = {"group": "group"} if len(arms) > 1 else {}
    analysis = {
        "kind": "reconstructed",
        "roles": {"time": "time", "event": "event"} | grouped,
        "groups": list(arms) if len(arms) > 1 else [],
        "reference": "",
        "options": {},
        "time_unit": "months",
    }
    return MemberSet("", pd.DataFrame(rows), weight, float(members)), analysis


def veiled(members, kind="reconstructed", clicks=True):
    one, analysis = members
    curves, middle = curves_of([one], analysis), middle_of([one], analysis)
    groups = list(dict.fromkeys(curves["group"]))
    at = [0.0, 5.0, 10.0, 20.0, 40.0]
    printed = {
        "group": [g for g in groups for _ in at],
        "time": at * len(groups),
        "survival": [1.0, 0.8, 0.6, 0.4, 0.2] * len(groups),
        "error": [0.01] * len(at) * len(groups),
    }
    said = "median 14 months (95% of data sets, 12 to 17); printed 13.5 (K4)"
    return veil.Veil(
        title="",
        axis="Relapse-free survival without immunosuppression (%)",
        time_unit="months",
        kind=kind,
        veil=curves.drop(columns="prior").to_dict(orient="list"),
        middle=middle.drop(columns="prior").to_dict(orient="list"),
        printed=printed if clicks else {},
        groups=groups,
        said={g: f"{g or 'All patients'}: {said}" for g in groups},
        points=[(groups[0], 12.0, 0.5, "50 % (K2)")],
    )


def spreads(kind="reconstructed", scale="log", priors=()):
    nan = math.nan
    rows = []
    for i in range(3):
        name = f"Death or graft loss, endpoint {i} of the trial"
        if priors:
            rows.append(member_forest.Spread(label=name, role="heading"))
            rows.append(
                member_forest.Spread(
                    label="Smallest to largest of any data set", role="extremes",
                    least=0.05, greatest=0.9, said="range 0.05 to 0.90",
                )
            )  # fmt: skip
        for prior in priors or (name,):
            p = scale == "p"
            rows.append(
                member_forest.Spread(
                    label=prior,
                    estimate=0.04 if p else 0.4 + 0.1 * i,
                    low=nan if p else 0.12,
                    high=nan if p else (9.0 if i else math.inf),
                    band=(nan, nan) if p else (0.3, 0.62),
                    least=0.02,
                    greatest=0.8,
                    printed=0.37 if i == 0 else nan,
                    said="0.40; 95% CI, 0.12 to 9.00; band 0.30 to 0.62",
                )
            )
    return member_forest.MemberForest(
        axis="Hazard ratio of death or graft loss",
        scale=scale,
        kind=kind,
        rows=rows,
        neutral=1.0,
        legend=["Hatched: 95% of data sets; thin line: smallest to largest."],
    )


def endless():
    """Odds ratios of which some data sets have none that is finite."""
    return member_forest.MemberForest(
        axis="Odds ratio",
        scale="log",
        kind="simulated",
        neutral=1.0,
        rows=[
            member_forest.Spread(
                label="Smallest to largest of any data set", role="extremes",
                least=0.0, greatest=math.inf, said="range 0.00 to \u221e",
            ),
            member_forest.Spread(
                label="rare late", estimate=0.35, low=0.02, high=math.nan,
                band=(0.12, math.nan), least=0.0, greatest=math.inf,
                said="0.35; band from 0.12; range 0.00 to \u221e",
            ),
        ],
    )  # fmt: skip


def course(arms=2, change=0.0):
    rng = np.random.default_rng(3)
    names = ARMS[:arms] if arms > 1 else ("",)
    patients = {"id": [], "group": [], "time": [], "value": []}
    lines = {"group": [], "time": [], "fitted": [], "low": [], "high": []}
    for arm in names:
        for i in range(8):
            for month in (-12.0, -6.0, 0.0, 6.0, 12.0):
                patients["id"].append(f"{arm}{i}")
                patients["group"].append(arm)
                patients["time"].append(month)
                patients["value"].append(60 - month / 3 + rng.normal(0, 4))
        for month in (-12.0, 0.0, 12.0):
            fitted = 60 - month / 3
            for key, x in zip(
                lines, (arm, month, fitted, fitted - 4, fitted + 4), strict=True
            ):
                lines[key].append(x)
    return {
        "title": "eGFR",
        "axis": "Estimated glomerular filtration rate (mL/min/1.73 m2)",
        "time_axis": "Time (months)",
        "kind": "individual",
        "patients": patients,
        "lines": lines,
        "groups": names if arms > 1 else (),
        "change": change,
        "remarks": ["Change of slope 0.30 (0.11 to 0.49), p = 0.003; printed 0.3 (K3)"],
    }


def matched():
    rng = np.random.default_rng(4)
    return [
        {
            "patient": str(i), "group": ARMS[i % 2], "score": 1 / (1 + math.exp(-logit)),
            "logit": logit, "set": i // 2 + 1 if i < 14 else 0,
        }
        for i, logit in enumerate(rng.normal(0, 1, 20))
    ]  # fmt: skip


def cells(studies=8):
    found = []
    for i in range(studies):
        for k in range(18):
            for verdict in ORDER[: 1 + (i + k) % 4]:
                found += [
                    {
                        "study": f"a_study_with_a_long_name_{i}",
                        "analysis": f"a{k}",
                        "verdict": verdict,
                    }
                ] * (1 + (i * k) % 80)
    methods = {
        (claim["study"], claim["analysis"]): evidence_map.METHODS[
            int(claim["analysis"][1:])
        ]
        for claim in found
    }
    return evidence_map.counted(found, methods)


CASES = {
    "42 patients": lambda s: swimmer.draw(s, swimmers(21)),
    "three patients": lambda s: swimmer.draw(s, swimmers(3, arms=1)),
    "rebuilt patients": lambda s: swimmer.draw(
        s, swimmers(40, arms=1, kind="reconstructed", names=False)
    ),
    "six kinds of event": lambda s: swimmer.draw(
        s,
        swimmers(
            9, events=("relapse", "death with a functioning graft", "infection",
                       "withdrawal of consent", "rejection", "loss of the graft"),
        ),
    ),
    "ladder": lambda s: ladder.draw(s, rungs()),
    "dense ladder": lambda s: ladder.draw(s, rungs(dense=True)),
    "ladder of one test": lambda s: ladder.draw(s, rungs(1)),
    "veil": lambda s: veil.draw(s, veiled(ensemble())),
    "veil without print": lambda s: veil.draw(
        s, veiled(ensemble(5, arms=("",), zero=True), "simulated", clicks=False)
    ),
    "ensembles": lambda s: member_forest.draw(s, spreads()),
    "priors": lambda s: member_forest.draw(
        s,
        spreads("simulated", priors=("relapses of a child depend strongly", "hardly")),
    ),
    "ensembles without end": lambda s: member_forest.draw(s, endless()),
    "p of ensembles": lambda s: member_forest.draw(s, spreads(scale="p")),
    "slope change": lambda s: courses.draw(s, **course()),
    "courses of one group": lambda s: courses.draw(s, **course(1, None)),
    "love plot": lambda s: balance.draw(
        s, title="Graft loss", kind="individual", remarks=["Hazard ratio 0.4"],
        rows=[(f"a covariate with a long name of number {i}", 0.9 - i / 9, i / 30)
              for i in range(9)],
    ),
    "matched patients": lambda s: matches.draw(
        s, title="", kind="individual", groups=ARMS, patients=matched()
    ),
    "chances": lambda s: chances.draw(
        s, title="What ten children can show", axis="True mean change (SD)",
        lines={name: ([0.0, 1.0, 2.5], [0.05, 0.8, 1.0]) for name in ARMS}, marks=[0.8],
    ),
    "evidence map": lambda s: evidence_map.draw(s, cells()),
    "evidence map of one study": lambda s: evidence_map.draw(s, cells(1)),
}  # fmt: skip


def look(**settings):
    return Look.of({**LOOKS, **settings})


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("case", CASES)
def test_texts_are_inside_and_apart_and_large_enough(case, page):
    own = look(preset=page)
    with own.applied():
        sheet, _ = filled(own, CASES[case])
        figure = sheet.figure()
        assert sheet.drawn
        assert faults(figure) == []
    wanted = {"single": 85, "custom": 120, "double": 180}.get(page)
    width, height = figure.get_size_inches() * 25.4
    if wanted:
        assert width == pytest.approx(wanted)
    else:
        assert width / height == pytest.approx(16 / 9)
    if "evidence" not in case:
        text = alt_text.described("Graft loss", "individual", sheet.drawn)
        assert text.startswith("Graft loss. ")
        assert re.search(r"\d", text.partition(". ")[2]), text
        assert "nan" not in text


def test_a_bar_for_every_patient_with_what_ended_it():
    panel = swimmers(21)
    sheet = Sheet(look())
    swimmer.draw(sheet, panel)
    bars = [mark for mark in sheet.drawn if mark["element"] == "follow-up"]
    everyone = [bar for own in panel.groups.values() for bar in own]
    assert [(m["low"], m["high"]) for m in bars] == [
        (b.start, b.stop) for b in everyone
    ]
    ends = [m for m in sheet.drawn if m["element"] == "end without event"]
    events = [m for m in sheet.drawn if m["element"] == "event: relapse"]
    assert len(ends) == sum(b.ongoing for b in everyone)
    assert len(ends) + len(events) == len(everyone)


def test_the_middle_of_the_members_is_the_weighted_median_of_their_curves():
    one, analysis = ensemble(9, 7, arms=("cells",))
    middle = middle_of([one], analysis)
    curves = []
    for _, own in one.rows.groupby("member"):
        fitted = KaplanMeierFitter().fit(own["time"], own["event"])
        curves.append(fitted.survival_function_at_times(middle["time"]).to_numpy())
    for at, survival in enumerate(middle["survival"]):
        # A curve as often as it weighs; the lower of two middle ones.
        repeated = np.sort(np.repeat([c[at] for c in curves], one.weight.astype(int)))
        assert survival == pytest.approx(repeated[(len(repeated) - 1) // 2])
        # 18 in all: 2.5 and 97.5 % lie in the first and the last.
        assert middle["low"][at] == pytest.approx(repeated[0])
        assert middle["high"][at] == pytest.approx(repeated[-1])


def test_a_member_without_weight_moves_neither_middle_nor_band():
    one, analysis = ensemble(6, 5, arms=("cells",), zero=True)
    rest = one.rows[one.rows["member"] > 0]
    without = MemberSet(
        "", rest.assign(member=rest["member"] - 1), one.weight[1:], one.effective
    )
    pd.testing.assert_frame_equal(
        middle_of([one], analysis), middle_of([without], analysis)
    )


def test_members_of_whom_nobody_has_the_event_stay_at_one():
    one, analysis = ensemble(4, 3, arms=("cells",))
    none = MemberSet("", one.rows.assign(event=0), one.weight, one.effective)
    found = middle_of([none], analysis)
    assert set(found["survival"]) == {1.0}
    assert middle_of([], analysis).empty


def test_rebuilt_and_drawn_data_are_named_in_the_panel():
    for kind, case in (("RECONSTRUCTED", "veil"), ("SIMULATED", "priors")):
        with look().applied():
            sheet, _ = filled(look(), CASES[case])
            figure = sheet.figure()
        for axes in figure.axes:
            words = [t.get_text() for t in axes.texts if t.get_gid() == "watermark"]
            assert words == [kind]


def test_extremes_have_no_estimate_and_come_first():
    sheet = Sheet(look())
    member_forest.draw(sheet, spreads("simulated", priors=("strong", "weak")))
    own = [m for m in sheet.drawn if m["panel"].endswith("endpoint 0 of the trial")]
    assert own[0]["element"] == "ends of members"
    assert own[0]["series"] == "Smallest to largest of any data set"
    middle = [m for m in own if m["element"] == "median of members"]
    assert [m["series"] for m in middle] == ["strong", "weak"]


def test_every_verdict_of_every_study_is_in_the_map(tmp_path):
    claims = [
        {"study": "one", "analysis": "a", "verdict": "reproduced"},
        {"study": "one", "analysis": "a", "verdict": "reproduced"},
        {"study": "one", "analysis": "", "verdict": "impossible"},
        {"study": "two", "analysis": "b", "verdict": "not_recomputable"},
        {"study": "two", "analysis": "b", "verdict": "context"},
    ]
    methods = {("one", "a"): "cox", ("two", "b"): "tables"}
    found = evidence_map.counted(claims, methods)
    assert found == {
        "one": {"cox": {"reproduced": 2}, "no analysis": {"impossible": 1}},
        "two": {"tables": {"not_recomputable": 1}},
    }
    evidence_map.write(claims, methods, LOOKS, str(tmp_path / "map"))
    text = (tmp_path / "map.alt.txt").read_text()
    assert "one, no analysis: 1 impossible" in text
    assert "4 printed numbers of 2 studies" in (tmp_path / "map.txt").read_text()
    evidence_map.write([], {}, LOOKS, str(tmp_path / "none"))
    assert "No study" in (tmp_path / "none.csv").read_text()


def test_groups_differ_by_line_and_mark_as_well_as_by_colour():
    own = [look().series(i) for i in range(7)]
    for part in ("color", "dashes", "marker"):
        assert len({str(getattr(one, part)) for one in own}) == 7


def test_an_end_no_data_set_bounds_is_an_arrow():
    own = look()
    with own.applied():
        sheet, _ = filled(own, CASES["ensembles without end"])
        figure = sheet.figure()
    right = figure.axes[1]
    arrows = [line.get_marker() for line in right.lines if line.get_marker() in "<>"]
    assert sorted(arrows) == ["<", "<", ">", ">"]
    ends = [m for m in sheet.drawn if m["element"] == "ends of members"]
    assert [(m["low"], m["high"]) for m in ends] == [(0.0, math.inf)] * 2


# Words


def test_fixed_words_are_replaced_whole_and_once():
    own = look(
        words={"events": "Ereignisse", "event": "x", "Time": "events", "CI": "KI"}
    )
    assert own.said("9 events, 95%\xa0CI") == "9 Ereignisse, 95%\xa0KI"
    assert own.said("Time to eventful times") == "events to eventful times"
    assert own.said(own.said("Time")) == "events"
    assert isinstance(own.said("Time"), Said)
    quoted = "printed \u201cno events\u201d; events"
    assert own.said(quoted) == "printed \u201cno events\u201d; Ereignisse"
    two = look(words={"not reached": "nicht erreicht"})
    assert two.said("13 to not\xa0reached") == "13 to nicht erreicht"
    assert look().said("events") == "events"


def test_numbers_beside_a_figure_keep_their_words():
    own = look(words={"relapse": "R\u00fcckfall", "Time": "Zeit"})
    with own.applied():
        sheet, _ = filled(own, CASES["42 patients"])
        drawn = {text.get_text() for text in boxes(sheet.figure())}
    assert "Zeit (weeks)" in drawn
    assert "R\u00fcckfall" in drawn
    assert not {text for text in drawn if "relapse" in text or "Time" in text}
    assert {m["element"] for m in sheet.drawn} >= {"event: relapse"}


def test_the_list_of_labels_holds_every_word_that_figures_write_themselves():
    path = ROOT / "workflow/scripts/reanalysis/figures/labels.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    labels = [line for line in lines if line and not line.startswith("#")]
    assert len(labels) == len(set(labels))
    assert set(forest_rows.NAMES.values()) <= set(labels)
    own = look(words=dict.fromkeys(labels, "\u00a4"))
    # Whatever is no label comes from the cases here: names of arms, events, endpoints.
    given = Path(__file__).read_text(encoding="utf-8")
    left = set()
    for name, fill in CASES.items():
        sheet, _ = filled(own, fill)
        for text in boxes(sheet.figure()):
            left |= {
                (name, word)
                for word in re.findall(r"[A-Za-z]{2,}", text.get_text())
                if not re.search(rf"\b{word}\b", given)
            }
    assert left == set()


# Panels


def failed(name):
    return dispatch.Results(
        {"id": name, "status": "failed", "message": "A mistake in row 3."},
        tables={}, ladders={}, failures={}, rows=[], claims=[],
    )  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_panels_are_one_figure_with_letters(page):
    own = look(preset=page)
    names = ("42 patients", "ladder", "veil")
    with own.applied():
        combined, _ = panels.lettered(own, [CASES[name] for name in names])
        figure = combined.figure()
        assert faults(figure) == []
        found = {t.get_text(): box for t, box in boxes(figure).items()}
    assert {"A", "B", "C"} <= set(found)
    wide = page in ("double", "slide")
    assert (found["B"].x0 > found["A"].x0 + 50) == wide
    assert (found["B"].y0 < found["A"].y0 - 50) != wide
    assert found["C"].y0 < found["A"].y0 - 50
    alone = sum(len(filled(own, CASES[name])[0].drawn) for name in names)
    assert len(combined.drawn) == alone
    assert {str(mark["panel"])[0] for mark in combined.drawn} == set("ABC")


def test_combined_files(tmp_path):
    parts = [("one", "survival", "survival"), ("two", "response", "response")]
    results = {"one": failed("one"), "two": failed("two")}
    presented.write(str(tmp_path / "both"), parts, results, LOOKS)
    assert {f"both.{ending}" for ending in ENDINGS} == {
        path.name for path in tmp_path.iterdir()
    }
    assert (tmp_path / "both.txt").read_text().count("A mistake in row 3") == 2
    with open(tmp_path / "both.csv", newline="") as handle:
        assert [row["panel"] for row in csv.DictReader(handle)] == ["A", "B"]
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    presented.write(str(tmp_path / "both"), parts, results, LOOKS)
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_panel_that_no_study_has_is_refused_with_what_there_is():
    figures = {"one": {"survival": "survival", "survival_sensitivity": "survival"}}
    assert panels_of({"both": ["one/survival_sensitivity"]}, figures) == {
        "both": [("one", "survival_sensitivity", "survival")]
    }
    with pytest.raises(InputError, match="survival_sensitivity"):
        panels_of({"both": ["one/missing"]}, figures)
    with pytest.raises(InputError, match="a study of this run: one"):
        panels_of({"both": ["two/survival"]}, figures)


# Texts for those who cannot see a figure


def test_alternative_text_says_the_numbers_drawn():
    sheet = Sheet(look())
    swimmer.draw(sheet, swimmers(3, arms=1))
    own = [m for m in sheet.drawn if m["element"] == "follow-up"]
    text = alt_text.described("Relapse", "reconstructed", sheet.drawn)
    longest, shortest = (f(m["high"] for m in own) for f in (max, min))
    assert f"3 patients followed for {shortest:g} to {longest:g}" in text
    assert text.startswith("RECONSTRUCTED DATA. Relapse. ")
    sheet = Sheet(look())
    veil.draw(sheet, veiled(ensemble(5)))
    text = alt_text.described("Relapse", "simulated", sheet.drawn)
    assert "Survival curves of 5 data sets" in text
    panels = {str(m["panel"]) for m in sheet.drawn if m["element"] == "member"}
    assert all(f"{panel}, " in text for panel in panels if panel)
    assert "Printed: 50 % (K2)" in text


def test_alternative_text_of_a_shipped_kind_is_json_safe():
    # It goes into attributes of a page and into documents as it is.
    for case in CASES:
        if "evidence" in case:
            continue
        sheet, _ = filled(look(), CASES[case])
        text = alt_text.described("A title", "individual", sheet.drawn)
        assert json.loads(json.dumps(text)) == text
        assert "\n" not in text


def test_the_extremes_over_members_are_told_by_part_and_p_as_a_p():
    def marks(panel, low, high, x):
        cells = {"panel": panel, "x": x, "p_value": math.nan}
        said = {"series": "rare", "text": "0.50; band 0.2 to 0.9"}
        ends = {"series": "any data set", "text": "", "low": low, "high": high}
        return [
            {**cells, **said, "element": "median of members"},
            {**cells, **ends, "element": "ends of members"},
        ]

    two = [*marks("First", 0.5, 1.25, 1.0), *marks("Second", 2.0, 4.0, 1.0)]
    said = alt_text.described("A title", "simulated", two)
    assert said.endswith("over all data sets: First 0.500 to 1.25; Second 2 to 4.")
    said = alt_text.described(
        "A title", "simulated", marks("", 0.050001, 0.1, math.nan)
    )
    assert said.endswith("over all data sets: >0.05 to 0.10.")


def test_a_p_of_two_groups_is_not_printed_beside_the_p_of_three(monkeypatch):
    def row(group, reference, p):
        compared = {"group": group, "reference": reference, "p_value": p}
        named = {"statistic": "log_rank", "scenario": "primary", "analysis": "test"}
        return {**compared, **named, "test": "log-rank", "alternative": "two-sided"}

    printed = PrintedNumber(
        claim_id="O6", analysis="test", place=("", "log_rank", "A", "C", "", ""),
        field="p_value", text="P = 0.0007", digits="0.0007", value=0.0007,
        relation="=", recomputed=0.0016, verdict="differs", unit="",
    )  # fmt: skip
    rows = [row("", "", 0.003), row("A", "C", 0.0016), row("B", "C", 0.8)]
    analysis = SimpleNamespace(everything=rows, others={"test": [printed]}, shown=[])
    monkeypatch.setattr(shown_survival, "_same_patients", lambda *_: True)
    assert shown_survival._log_rank(analysis, "death") == [
        "Log-rank: p = 0.003",
        "A against C: Log-rank: p = 0.002; printed P = 0.0007 (O6)",
    ]
    assert analysis.shown == rows[:2]


def test_no_line_runs_through_the_heading_of_a_part():
    heading = member_forest.Spread(label="A part with a long name " * 2, role="heading")
    whole = spreads()
    sheet, _ = filled(
        look(),
        lambda s: member_forest.draw(
            s, replace(whole, rows=[heading, *whole.rows, heading, *whole.rows])
        ),
    )
    figure = sheet.figure()
    drawn = boxes(figure)
    heads = [box for text, box in drawn.items() if "A part" in text.get_text()]
    assert len(heads) == 2
    upright = [
        axes.transData.transform(path.vertices)
        for axes in figure.axes
        for lines in axes.collections
        if isinstance(lines, LineCollection)
        for path in lines.get_paths()
        if path.vertices[0, 0] == path.vertices[-1, 0]
    ]
    assert upright
    for box in heads:
        for (_, one), (_, other) in upright:
            assert min(box.y1, max(one, other)) - max(box.y0, min(one, other)) < 1.5
