"""Figures: same bytes twice, texts inside and apart, csv equal to what is drawn."""

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from drawn_texts import boxes, faults

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.errors import InputError
from reanalysis.figures import (
    chances,
    forest,
    groups,
    incidence,
    kaplan_meier,
    likelihood,
    mean_cumulative,
    paired,
    residuals,
    selection,
    visits,
)
from reanalysis.figures.scales import linear_ticks, log_ticks, tick_labels
from reanalysis.figures.sheet import DRAWN, Sheet, filled, notice, rendered
from reanalysis.figures.style import Look
from reanalysis.methods import competing_risks
from reanalysis.methods import kaplan_meier as method
from reanalysis.plan import FIGURES
from reanalysis.presentation import dispatch
from reanalysis.presentation.files import ENDINGS
from reanalysis.reporting import captions, display_tables, forest_rows, scoreboard
from reanalysis.reporting.printed import PrintedNumber
from reanalysis.results import COLUMNS, NUMBERS, Estimate
from reanalysis.rows import read_estimates, write_rows
from reanalysis.sample import Sample
from reanalysis.sensitivity import COLUMNS as SENSITIVITY
from reanalysis.steps.draw import draw
from reanalysis.studies.claims import CLAIM_COLUMNS
from reanalysis.studies.study import load
from reanalysis.verdicts import ORDER, RESULT_COLUMNS

ROOT = Path(__file__).resolve().parents[2]
LOOKS = yaml.safe_load((ROOT / "config.yaml").read_text())["figures"]
WIDTHS = (85, 120, 180)
LONG = (
    "Mesenchymal stem cells from umbilical cord with tacrolimus and steroids",
    "Standard induction with basiliximab, tacrolimus and steroids",
    "Historic controls",
)
SETTINGS = {
    "interval": "log-log",
    "conf_level": 0.95,
    "median_rule": "midpoint",
    "band": "none",
    "band_transform": "log-log",
    "seed": 1,
}


def survival(sizes, names=LONG, kind="individual", censored=0.3, band="none"):
    rng = np.random.default_rng(1)
    labels = np.repeat(names[: len(sizes)], sizes)
    rows = pd.DataFrame(
        {
            "time": rng.exponential(30, len(labels)).round(1) + 0.1,
            "event": (rng.random(len(labels)) >= censored).astype(int),
            "group": labels,
        }
    )
    several = len(sizes) > 1
    sample = Sample(
        kind=kind,
        rows=rows if several else rows.drop(columns="group"),
        groups=tuple(names[: len(sizes)]) if several else (),
        reference=names[len(sizes) - 1] if several else "",
        time_unit="months",
    )
    tables = {
        name: frame.to_dict(orient="list")
        for name, frame in method.figure_data(sample, SETTINGS | {"band": band}).items()
    }
    shown = list(dict.fromkeys(tables["curve"]["group"]))
    said = "n = 12, 8 events; median 23 months (95% CI, 13 to not reached); printed 23"
    return kaplan_meier.Survival(
        title="",
        axis="Relapse-free survival without immunosuppression (%)",
        time_unit="months",
        kind=kind,
        tables=tables,
        groups=shown,
        said={g: f"{g or 'All patients'}: {said}" for g in shown},
        remarks=["Log-rank: p = 0.04; printed p = 0.03 (K17)"],
        medians=dict.fromkeys(shown, 12.0),
        printed=[(shown[0], 12.0, 0.5, "50 % (K2)")],
    )


CAUSES = ("graft loss", "death with a functioning graft", "withdrawal")


def competing(
    sizes, names=LONG, kind="individual", shares=(0.3, 0.3, 0.3, 0.1), mean=30
):
    rng = np.random.default_rng(1)
    labels = np.repeat(names[: len(sizes)], sizes)
    rows = pd.DataFrame(
        {
            "time": rng.exponential(mean, len(labels)).round(1) + 0.1,
            "cause": rng.choice(["none", *CAUSES], len(labels), p=shares),
            "group": labels,
        }
    )
    several = len(sizes) > 1
    sample = Sample(
        kind=kind,
        rows=rows if several else rows.drop(columns="group"),
        groups=tuple(names[: len(sizes)]) if several else (),
        reference=names[len(sizes) - 1] if several else "",
        options={
            "causes": {
                "censored": ["none"],
                "interest": [CAUSES[0]],
                "competing": list(CAUSES[1:]),
            }
        },
        time_unit="months",
    )
    settings = {
        "estimator": "aalen-johansen",
        "variance": "aalen",
        "interval": "log-log",
        "strata": "as_declared",
        "conf_level": 0.95,
    }
    tables = {
        name: frame.to_dict(orient="list")
        for name, frame in competing_risks.figure_data(sample, settings).items()
    }
    shown = list(dict.fromkeys(tables["incidence"]["group"]))
    said = "n = 12, 8 events; 23.1% (95% CI, 3.2 to 60.1) by 24 months"
    return incidence.Competing(
        title="",
        time_unit="months",
        kind=kind,
        tables=tables,
        causes=CAUSES,
        groups=shown,
        said={g: f"{g or 'All patients'}: {said}" for g in shown},
        remarks=["Gray: p = 0.04; printed p = 0.03 (K17)"],
        printed=[(shown[0], 12.0, 0.5, "50 % (K2)")],
    )


def row(label, estimate=2.0, **more):
    text = f"{estimate:.2f} (0.45\xa0to\xa0109.63)"
    return forest.Line(
        label=label,
        **{"estimate": estimate, "low": estimate / 3, "high": estimate * 4} | more,
        p_value=0.04,
        cells=(text, "0.04"),
    )


def scenarios(count=19, scale="log", kind="individual"):
    lines = [
        row("Primary analysis", role="primary"),
        row("Printed (F16a, F16b, F17)", 2.4, role="printed"),
        *(
            row(f"a scenario with a long name of number {i}", 1 + i / 5)
            for i in range(count)
        ),
        forest.Line(
            label="leave one out (40 runs)",
            role="range",
            low=0.5 if scale == "p" else 1.5,
            high=0.9 if scale == "p" else 3.1,
            cells=("1.50 to 3.10", "<0.001 to 0.049"),
        ),
    ]
    return forest.Forest(
        axis="Hazard ratio",
        scale=scale,
        kind=kind,
        lines=lines,
        headers=("Hazard ratio (95%\xa0CI)", "P"),
        neutral=1.0,
        title="Relapse, 6-mercaptopurine against placebo, all patients randomised",
    )


def endpoints():
    lines = [
        row(
            f"Cardiorespiratory disorder and a few words {i}",
            math.exp(i / 6 - 2),
            high=math.inf if i == 3 else 30.0,
            printed=1.2 if i % 4 == 0 else math.nan,
            spread=(0.5, 2.5),
        )
        for i in range(26)
    ]
    return forest.Forest(
        axis="Odds ratio",
        scale="log",
        kind="summary",
        lines=lines,
        headers=("Odds ratio (95%\xa0CI)", "P"),
        neutral=1.0,
        legend=["Pale bars: range over all scenarios."],
    )


def pairs(size, names=("",), kind="individual"):
    rng = np.random.default_rng(2)
    return {
        "title": "",
        "axis": "Relapses in the 12 months before and after the infusion (relapses)",
        "kind": kind,
        "ends": ("Before", "After"),
        "groups": [
            paired.Pairs(
                name=name,
                patients=[str(i) for i in range(size)],
                before=rng.poisson(4, size).astype(float),
                after=rng.poisson(2, size).astype(float),
            )
            for name in names
        ],
        "remarks": ["Signed-rank, exact: p = 0.004; printed 0.02 (K12)"],
    }


def over_visits(count, arms, words=False):
    rng = np.random.default_rng(3)
    names = LONG[:arms] if arms > 1 else ()
    return {
        "title": "eGFR",
        "axis": "Estimated glomerular filtration rate (mL/min/1.73 m2)",
        "kind": "individual",
        "visit_axis": "Visit (months)",
        "values": [
            (arm, f"{3 * i} months after infusion" if words else str(3 * i), value)
            for arm in names or ("",)
            for i in range(count)
            for value in rng.normal(60, 12, 8)
        ],
        "groups": names,
    }


def values(size, arms):
    rng = np.random.default_rng(4)
    return {
        "title": "",
        "axis": "Time to intubation (seconds)",
        "kind": "individual",
        "values": [(g, v) for g in LONG[:arms] for v in rng.lognormal(3, 1, size)],
        "groups": LONG[:arms],
    }


def curves(*names, low=-1.5, high=3.0, kind="individual"):
    at = np.linspace(low, high, 61)
    middle = (low + high) / 2
    heights = {
        name: list(-((at - middle) ** 2) / (1 + i)) for i, name in enumerate(names)
    }
    said = "4.82 (95% limits, 2.21 to infinity)"
    return {
        "title": f"{LONG[0]} against {LONG[2]}",
        "kind": kind,
        "curves": {"coefficient": list(at), **heights},
        "said": {name: f"{likelihood.CURVES[name]}: {said}" for name in names},
        "ends": dict.fromkeys(names, (low + 0.3, math.inf)),
        "cut": -1.92,
        "cut_said": "95% limits",
    }


def over_time(size, smooth=True, kind="individual"):
    rng = np.random.default_rng(6)
    time = np.sort(rng.exponential(20, size))
    line = {"time": time, "line": 0 * time, "low": 0 * time - 2, "high": 0 * time + 3}
    return {
        "title": f"{LONG[0]} against {LONG[2]}",
        "kind": kind,
        "time_unit": "months",
        "points": {"time": time, "value": rng.normal(1, 2, size)},
        "line": line if smooth else None,
        "estimate": 0.8,
        "remarks": ["Proportional hazards: score test, time by Kaplan-Meier, p = 0.88"],
    }


def recurrent(sizes, events=3, kind="individual"):
    """Events at random times in patients who are followed to 300 to 400 days."""
    rng = np.random.default_rng(5)
    curve = {"group": [], "time": [], "mean": [], "low": [], "high": []}
    risk = {"group": [], "time": [], "at_risk": [], "events": []}
    for name, n in zip(LONG, sizes, strict=False):
        times = np.sort(rng.uniform(0, 350, events * n))
        mean = np.arange(events * n + 1) / n
        curve["group"] += [name] * (mean.size + 1)
        curve["time"] += [0.0, *times, 400.0]
        curve["mean"] += [*mean, mean[-1]]
        curve["low"] += (
            [None, *(0.7 * mean[1:]), 0.7 * mean[-1]] if events else [None] * 2
        )
        curve["high"] += (
            [None, *(1.5 * mean[1:]), 1.5 * mean[-1]] if events else [None] * 2
        )
        risk["group"] += [name] * 5
        risk["time"] += [0.0, 100.0, 200.0, 300.0, 400.0]
        risk["at_risk"] += [n, n, n, n // 2, 1]
        risk["events"] += [round(events * n * k / 4) for k in range(5)]
    return mean_cumulative.MeanEvents(
        title="", axis="Mean number of events per patient", time_unit="days",
        kind=kind, curve=curve, risk=risk, groups=LONG[: len(sizes)],
        said={g: f"{g}: n = 40, 12 events; mean 1.26 by 365 days" for g in LONG},
        remarks=["Andersen-Gill: hazard ratio 0.33 (95% CI, 0.18 to 0.62)"],
    )  # fmt: skip


def selected(names=("all patients",), *, likelihood=True, assumed=False):
    shapes = np.geomspace(0.25, 100, 9)
    points = []
    for i, name in enumerate(names):
        falls = 0.35 - 0.1 * i - 0.02 * np.arange(9) / 9
        points += [
            (name, "reduction", s, v, v, v) for s, v in zip(shapes, falls, strict=True)
        ]
        if likelihood:
            points += [(name, "likelihood", s, 0.9, 0.9, 0.9) for s in shapes]
            points += [(name, e, math.nan, v, v, v) for e, v in
                       (("observed", -0.2 if i else 0.63), ("shape-free", 0.27))]  # fmt: skip
    columns = ("series", "element", "shape", "value", "low", "high")
    return selection.Selection(
        title="", kind="individual",
        table=dict(zip(columns, map(list, zip(*points, strict=True)), strict=True)),
        remarks=["Patients entered with 2 or more events in the period before."],
        assumed=assumed,
    )  # fmt: skip


ASSUMED = tuple(f"mean before {m:g}, assumed" for m in (2.5, 3, 4, 6))
CASES = {
    "recurrent events": lambda s: mean_cumulative.draw(s, recurrent([40, 30, 9])),
    "no event recurs": lambda s: mean_cumulative.draw(s, recurrent([12], events=0)),
    "selection": lambda s: selection.draw(s, selected()),
    "selection of arms": lambda s: selection.draw(s, selected(LONG[:2])),
    "selection assumed": lambda s: selection.draw(
        s, selected(ASSUMED, likelihood=False, assumed=True)
    ),
    "one curve": lambda s: kaplan_meier.draw(s, survival([12])),
    "bands": lambda s: kaplan_meier.draw(s, survival([40, 9], band="hall-wellner")),
    "three curves": lambda s: kaplan_meier.draw(s, survival([40, 30, 9])),
    "three patients": lambda s: kaplan_meier.draw(s, survival([3, 3])),
    "all censored": lambda s: kaplan_meier.draw(s, survival([10, 8], censored=1.1)),
    "rebuilt": lambda s: kaplan_meier.draw(s, survival([40], kind="reconstructed")),
    "competing": lambda s: incidence.draw(s, competing([30])),
    "competing of three": lambda s: incidence.draw(s, competing([40, 30, 9])),
    "competing over thousands of days": lambda s: incidence.draw(
        s, competing([20, 10, 5, 20], names=("A", "B", "AB", "O"), mean=1200)
    ),
    "competing of few": lambda s: incidence.draw(s, competing([3, 3])),
    "competing, all censored": lambda s: incidence.draw(
        s, competing([5, 4], shares=(1, 0, 0, 0))
    ),
    "competing, rebuilt": lambda s: incidence.draw(
        s, competing([20], kind="reconstructed")
    ),
    "19 scenarios": lambda s: forest.draw(s, scenarios()),
    "19 p-values": lambda s: forest.draw(s, scenarios(scale="p")),
    "simulated forest": lambda s: forest.draw(s, scenarios(2, kind="simulated")),
    "26 endpoints": lambda s: forest.draw(s, endpoints()),
    "pairs": lambda s: paired.draw(s, **pairs(9)),
    "pairs of arms": lambda s: paired.draw(s, **pairs(30, LONG[:2])),
    "visits": lambda s: visits.draw(s, **over_visits(5, 3)),
    "visits in words": lambda s: visits.draw(s, **over_visits(9, 2, words=True)),
    "groups": lambda s: groups.draw(s, **values(40, 3)),
    "three values": lambda s: groups.draw(s, **values(3, 1)),
    "likelihood": lambda s: likelihood.draw(
        s, **curves("partial", "penalised", "wald")
    ),
    "narrow likelihood": lambda s: likelihood.draw(
        s, **curves("partial", "robust", low=-0.02, high=0.03, kind="reconstructed")
    ),
    "wide likelihood": lambda s: likelihood.draw(
        s, **curves("partial", low=-9, high=14)
    ),
    "residuals": lambda s: residuals.draw(s, **over_time(120)),
    "three residuals": lambda s: residuals.draw(
        s, **over_time(3, smooth=False, kind="reconstructed")
    ),
    "notice": lambda s: notice(s, "Overall survival", "The method failed. " * 9),
}


def drawn(case, width):
    """Draw a case at a width in millimetres, or with a preset."""
    chosen = {"preset": width} if isinstance(width, str) else {"width_mm": width}
    sheet, _ = filled(Look.of({**LOOKS, **chosen}), CASES[case])
    return sheet, sheet.figure(), sheet.look


@pytest.mark.parametrize("width", [*WIDTHS, "slide"])
@pytest.mark.parametrize("case", CASES)
def test_texts_are_inside_and_apart(case, width):
    with Look.of(LOOKS).applied():
        sheet, figure, _ = drawn(case, width)
        assert sheet.drawn
        assert faults(figure) == []
    if width == "slide":
        assert figure.bbox.width / figure.bbox.height == pytest.approx(16 / 9)


@pytest.mark.parametrize(
    "case", ["rebuilt", "26 endpoints", "visits", "recurrent events", "selection"]
)
def test_bytes_are_the_same_twice(case):
    files = []
    for _ in range(2):
        with Look.of(LOOKS).applied():
            _, figure, look = drawn(case, 120)
            files.append(rendered(figure, look, case))
    assert files[0] == files[1]
    assert files[0]["pdf"].startswith(b"%PDF")
    assert files[0]["png"].startswith(b"\x89PNG")
    assert b"<svg" in files[0]["svg"]
    assert b"http" not in files[0]["png"]


def test_png_has_the_width_asked_for():
    from PIL import Image

    with Look.of(LOOKS).applied():
        _, figure, look = drawn("pairs", 85)
        png = rendered(figure, look)["png"]
    image = Image.open(io.BytesIO(png))
    assert image.width == pytest.approx(85 / 25.4 * LOOKS["dpi"], abs=1)
    assert image.info["dpi"][0] == pytest.approx(LOOKS["dpi"], abs=0.1)


def test_drawn_incidences_are_the_tables():
    panel = competing([12, 9])
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        incidence.draw(sheet, panel)
        axes = sheet.figure().axes
    table = panel.tables["incidence"]
    for element, column in (
        ("step", "incidence"),
        ("1 - Kaplan-Meier", "one_minus_km"),
    ):
        told = [
            (r["panel"], r["series"], r["x"], r["y"])
            for r in sheet.drawn
            if r["element"] == element
        ]
        held = zip(
            table["cause"], table["group"], table["time"], table[column], strict=True
        )
        assert sorted(told) == sorted(held)
    # The naive curve of the first group is drawn as recorded.
    naive = axes[0].lines[0]
    first = [
        r
        for r in sheet.drawn
        if (r["element"], r["panel"], r["series"])
        == ("1 - Kaplan-Meier", CAUSES[0], panel.groups[0])
    ]
    assert [100 * r["y"] for r in first] == pytest.approx(list(naive.get_ydata()))


def test_drawn_rows_are_the_curve():
    panel = survival([12, 9])
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        kaplan_meier.draw(sheet, panel)
        axes = sheet.figure().axes[0]
    for number, group in enumerate(panel.groups):
        steps = [
            r for r in sheet.drawn if (r["element"], r["series"]) == ("step", group)
        ]
        color = LOOKS["palette"][number]
        line = next(
            ln
            for ln in axes.lines
            if ln.get_drawstyle() == "steps-post" and ln.get_color() == color
        )
        assert [s["x"] for s in steps] == list(line.get_xdata())
        assert [100 * s["y"] for s in steps] == pytest.approx(list(line.get_ydata()))
    at_risk = [r for r in sheet.drawn if r["element"] == "table: at_risk"]
    for cell in at_risk:
        risk = panel.tables["risk"]
        place = zip(risk["group"], risk["time"], risk["at_risk"], strict=True)
        assert (cell["series"], cell["x"], cell["y"]) in list(place)


def test_drawn_rows_are_the_points():
    given = over_visits(3, 2)
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        visits.draw(sheet, **given)
        axes = sheet.figure().axes[0]
    points = [r["y"] for r in sheet.drawn if r["element"] == "point"]
    assert sorted(points) == sorted(v for _, _, v in given["values"])
    seen = [y for ln in axes.lines if ln.get_marker() in "os" for y in ln.get_ydata()]
    assert sorted(seen) == sorted(points)


def test_drawn_rows_are_the_likelihood():
    given = curves("partial", "wald")
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        likelihood.draw(sheet, **given)
        axes = sheet.figure().axes[0]
    rows = [r for r in sheet.drawn if r["element"] == "curve"]
    line = next(ln for ln in axes.lines if len(ln.get_xdata()) == 61)
    own = [r for r in rows if r["series"] == likelihood.CURVES["partial"]]
    assert np.log([r["x"] for r in own]) == pytest.approx(list(line.get_xdata()))
    assert [r["y"] for r in own] == list(line.get_ydata())
    # An infinite limit has no mark, and none in the csv.
    assert [r["series"] for r in sheet.drawn if r["element"] == "limit"] == [
        likelihood.CURVES[name] for name in ("partial", "wald")
    ]


def test_drawn_rows_are_the_residuals():
    given = over_time(20)
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        residuals.draw(sheet, **given)
        axes = sheet.figure().axes[0]
    rows = [r for r in sheet.drawn if r["element"] == "residual"]
    marks = next(ln for ln in axes.lines if ln.get_marker() == "o")
    assert [r["y"] for r in rows] == list(marks.get_ydata())
    assert len([r for r in sheet.drawn if r["element"] == "smooth"]) == 20


def test_kinds_never_observed_are_named_in_the_panel():
    for case, word in (("rebuilt", "reconstructed"), ("simulated forest", "simulated")):
        with Look.of(LOOKS).applied():
            _, figure, _ = drawn(case, 120)
        texts = [t.get_text() for axes in figure.axes for t in axes.texts]
        assert word in texts
    with Look.of(LOOKS).applied():
        _, figure, _ = drawn("one curve", 120)
    assert not [t for axes in figure.axes for t in axes.texts]


def test_an_interval_beyond_the_axis_is_an_arrow():
    with Look.of(LOOKS).applied():
        _, figure, _ = drawn("26 endpoints", 120)
    assert any(line.get_marker() == ">" for line in figure.axes[0].lines)


def test_ticks():
    assert linear_ticks(0, 100, 6) == [0, 20, 40, 60, 80, 100]
    assert log_ticks(0.2, 12, 6) == pytest.approx([0.2, 0.5, 1, 2, 5, 10])
    assert 1.0 in [round(t, 9) for t in log_ticks(1e-4, 1e5, 3)]
    assert log_ticks(0.6, 1.4, 6) == pytest.approx([0.6, 0.8, 1.0, 1.2, 1.4])
    assert tick_labels([0, 0.5, -2, 1e6]) == ["0", "0.5", "\u22122", "10\u2076"]


def study(kind="reconstructed"):
    sample = {
        "endpoint": "",
        "columns": {"time": [1.0, 2.0, 3.0], "event": [1, 0, 1]},
        "people": ["1", "2", "3"],
        "groups": [],
        "dropped": 0,
        "unit": "months",
        "time_unit": "months",
    }
    analysis = {
        "method": "kaplan_meier",
        "dataset": "rows",
        "population": "all",
        "kind": kind,
        "endpoint": "overall survival",
        "label": "Overall survival",
        "samples": [sample],
    }
    return {
        "status": "ok",
        "message": "",
        "id": "made2026",
        "title": "A made trial",
        "citation": {"text": "Nobody, 2026."},
        "sources": {"paper": {"citation": "Figure 2"}},
        "populations": {"all": {"label": "All patients"}},
        "datasets": {"rows": {"source": "paper", "locator": "panel B"}},
        "analyses": {"survival": analysis},
        "claims": [],
    }


def estimate(**cells):
    context = {
        "study": "made2026",
        "analysis": "survival",
        "method": "kaplan_meier",
        "dataset": "rows",
        "kind": "reconstructed",
        "population": "all",
        "endpoint": "overall survival",
        "scenario": "primary",
        "specification": "0",
        "convention": "interval log-log",
        "estimate_id": "made2026:survival:primary:0:1",
    }
    row = Estimate(**cells).record(**context)
    # As read from estimates.csv: an empty number is none.
    return {
        name: math.nan if name in NUMBERS and cell == "" else cell
        for name, cell in row.items()
    }


def written(folder, checked, rows=(), claims=(), failed=""):
    """Write what the rules before `draw` leave behind, and run it."""
    sample = Sample(
        kind="reconstructed",
        rows=pd.DataFrame({"time": [1.0, 2, 3], "event": [1, 0, 1]}),
        time_unit="months",
    )
    tables = {
        name: frame.to_dict(orient="list")
        for name, frame in method.figure_data(sample, SETTINGS).items()
    }
    drawn_tables = {"survival": [{"endpoint": "", "tables": tables}]}
    (folder / "checked.json").write_text(json.dumps(checked))
    (folder / "kaplan_meier.json").write_text(
        json.dumps({"failed": failed, "analyses": {} if failed else drawn_tables})
    )
    write_rows(folder / "estimates.csv", COLUMNS, rows)
    columns = [*CLAIM_COLUMNS, *RESULT_COLUMNS]
    write_rows(folder / "claims.csv", columns, claims)
    write_rows(folder / "sensitivity.csv", SENSITIVITY, [])
    draw(
        checked=str(folder / "checked.json"),
        drawn=[str(folder / "kaplan_meier.json")],
        estimates=str(folder / "estimates.csv"),
        claims=str(folder / "claims.csv"),
        figures={"survival": "survival", "survival_sensitivity": "survival"},
        looks=LOOKS,
        folder=str(folder / "figures"),
        state=str(folder / "draw.json"),
    )


def claim(**cells):
    blank = dict.fromkeys([*CLAIM_COLUMNS, *RESULT_COLUMNS], "")
    return {**blank, "study": "made2026", "verdict": "context", **cells}


def test_a_study_is_presented(tmp_path):
    median = estimate(
        statistic="median_survival", estimate=3.0, n=3, events=2, unit="months",
        conf_low=1.0, conf_level=0.95, interval_method="Brookmeyer-Crowley, log-log",
    )  # fmt: skip
    printed = claim(
        claim_id="K1", analysis="survival", statistic="median_survival",
        field="estimate", printed="3.1 months", value="3.1", relation="=",
        unit="months", verdict="not_reached", recomputed="3", recomputed_low="3",
        recomputed_high="3", estimate_id=median["estimate_id"],
        reason='=HYPERLINK("x") & <b>',
    )  # fmt: skip
    written(tmp_path, study(), [median], [printed])
    text = (tmp_path / "figures/survival.txt").read_text()
    for said in (
        "reconstructed data", "not observed", "n = 3", "K1", "3.1 months",
        "Method: Kaplan-Meier", "interval log-log", "Brookmeyer-Crowley", "Figure 2, panel B",
        "Nobody, 2026", "misleads",
    ):  # fmt: skip
        assert said in text, said
    for name in ("survival", "survival_sensitivity"):
        for ending in ENDINGS:
            assert (tmp_path / f"figures/{name}.{ending}").stat().st_size
    with open(tmp_path / "figures/survival.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == list(DRAWN)
    steps = [float(r["y"]) for r in rows if r["element"] == "step"]
    # 3 at risk, one event; the second is censored; the last has the event.
    assert steps == pytest.approx([1.0, 2 / 3, 2 / 3, 0.0])
    display_tables.write_tables(
        study(),
        claims=[printed],
        rows=read_estimates(tmp_path / "estimates.csv"),
        moves=[],
        folder=str(tmp_path / "tables"),
    )
    page = (tmp_path / "tables/claims.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "://" not in page
    assert "not reached" in page
    assert "'=HYPERLINK" in (tmp_path / "tables/claims.csv").read_text()
    assert "months" in (tmp_path / "tables/results.csv").read_text()


@pytest.mark.parametrize("broken", ["study", "method", "numbers"])
def test_what_failed_is_said_in_every_figure(tmp_path, broken):
    checked = study()
    failed = ""
    if broken == "study":
        message = str(InputError("a mistake", file="made2026/study.yaml"))
        checked = {"status": "failed", "message": message, "id": "made2026"}
    elif broken == "method":
        failed = "kaplan_meier failed unexpectedly: ValueError: no"
    empty = estimate(statistic="median_survival", note="not reached: few events")
    written(tmp_path, checked, [empty] if broken == "numbers" else [], failed=failed)
    said = {
        "study": "a mistake",
        "method": "failed unexpectedly",
        "numbers": "not reached: few events",
    }[broken]
    figure = "survival_sensitivity" if broken == "numbers" else "survival"
    assert said in (tmp_path / f"figures/{figure}.txt").read_text()
    assert said in (tmp_path / f"figures/{figure}.csv").read_text()
    assert (tmp_path / f"figures/{figure}.png").stat().st_size


def test_cells_are_numbers_or_words_in_a_spreadsheet():
    for text in (
        "=1+1",
        "+cmd",
        "@x",
        "-x",
        "\t=1",
        "-0.2 (-0.4 to 0.1)",
        " =1",
        "\n=1",
        "\uff1d1",
    ):
        assert display_tables.safe_cell(text) == "'" + text
    for text in ("-0.2", "+3", "12", "a=b", ""):
        assert display_tables.safe_cell(text) == text
    assert display_tables.safe_cell(math.nan) == ""
    assert display_tables.safe_cell(np.float64(0.1)) == "0.1"


def test_every_kind_and_method_has_words():
    kinds = yaml.safe_load((ROOT / "workflow/schemas/study.schema.yaml").read_text())
    listed = kinds["$defs"]["dataset"]["properties"]["kind"]["enum"]
    assert set(captions.KINDS) >= set(listed)
    assert set(captions.METHODS) >= set(FIGURES)


def test_scoreboard_has_a_tile_for_every_claim(tmp_path):
    assert set(scoreboard.MARKS) == set(ORDER)
    assert len({letter for letter, *_ in scoreboard.MARKS.values()}) == len(ORDER)
    claims = [
        {
            "study": f"a_study_with_a_long_name_{i % 36}",
            "verdict": ORDER[i % len(ORDER)],
        }
        for i in range(500)
    ]
    for width in WIDTHS:
        look = Look.of({**LOOKS, "width_mm": width})
        with look.applied():
            sheet = Sheet(look)
            scoreboard.draw(sheet, claims)
            figure = sheet.figure()
            found = boxes(figure)
        assert all(
            box.x0 >= -0.5 and box.x1 <= figure.bbox.x1 + 0.5 for box in found.values()
        )
        tiles = sum(
            len(c.get_paths())
            for c in figure.axes[0].collections
            if c.get_linewidth()[0] > 0
        )
        assert tiles == sum(r["x"] for r in sheet.drawn) == 500
    scoreboard.write(claims, LOOKS, str(tmp_path / "board"))
    assert "500 printed numbers of 36 studies" in (tmp_path / "board.txt").read_text()


def test_parts_of_a_cox_model_are_drawn(tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"scenarios": {}}
    study = load(ROOT / "data/moertel1995_colon") | {"status": "ok"}
    study["analyses"] = {"death_cox": study["analyses"]["death_cox"]}
    study["claims"] = []
    rows, tables, _ = run_method(study, "cox", method_settings(config, "cox"))
    write_rows(tmp_path / "estimates.csv", COLUMNS, rows)
    names = [f"death_cox{end}" for end in FIGURES["cox"]["individual"]]
    dispatch.draw(
        dispatch.Results(
            study,
            tables=tables,
            ladders={},
            failures={},
            rows=read_estimates(tmp_path / "estimates.csv"),
            claims=[],
        ),
        figures=dict.fromkeys(names, "death_cox"),
        looks=LOOKS,
        folder=str(tmp_path),
    )
    with open(tmp_path / "death_cox_likelihood.csv", newline="") as handle:
        drawn_rows = list(csv.DictReader(handle))
    assert {r["panel"] for r in drawn_rows} == {
        "Lev+5FU against Obs",
        "Lev against Obs",
    }
    caption = (tmp_path / "death_cox_likelihood.txt").read_text()
    assert "1.92 under the maximum" in caption
    caption = (tmp_path / "death_cox_residuals.txt").read_text()
    assert "score test, time by Kaplan-Meier, two-sided" in caption
    assert "no proof" in caption
    with open(tmp_path / "death_cox_residuals.csv", newline="") as handle:
        deaths = [r for r in csv.DictReader(handle) if r["element"] == "residual"]
    assert len(deaths) == 2 * 452


def test_a_part_that_cannot_be_drawn_says_why(tmp_path):
    study = load(ROOT / "data/freireich1963_6mp") | {"status": "ok"}
    name = "remission_cox"
    dispatch.draw(
        dispatch.Results(
            study,
            tables={name: [{"endpoint": "", "tables": {}}]},
            ladders={},
            failures={},
            rows=[],
            claims=[],
        ),
        figures={f"{name}_likelihood": name, f"{name}_residuals": name},
        looks=LOOKS,
        folder=str(tmp_path),
    )
    for part in ("likelihood", "residuals"):
        text = (tmp_path / f"{name}_{part}.txt").read_text()
        assert f"No {part}" in text


def test_every_group_of_recurrent_events_is_named(tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"scenarios": {}}
    study = load(ROOT / "data/cgd1991_ifngamma") | {"status": "ok"}
    study["analyses"] = {"all_infections": study["analyses"]["all_infections"]}
    study["claims"] = []
    method = "recurrent_events"
    rows, tables, _ = run_method(study, method, method_settings(config, method))
    write_rows(tmp_path / "estimates.csv", COLUMNS, rows)
    dispatch.draw(
        dispatch.Results(
            study,
            tables=tables,
            ladders={},
            failures={},
            rows=read_estimates(tmp_path / "estimates.csv"),
            claims=[],
        ),
        figures={"all_infections": "all_infections"},
        looks={**LOOKS, "dpi": 50},
        folder=str(tmp_path),
    )
    means = [
        row
        for row in read_estimates(tmp_path / "estimates.csv")
        if row["statistic"] == "mean_cumulative_count"
    ]
    assert {row["group"] for row in means if row["group"]} == {"rIFN-g", "placebo"}
    text = (tmp_path / "all_infections.alt.txt").read_text()
    for row in means[-2:]:
        assert f"{row['group']} rises to" in text
    # Group names keep their own first letter.
    assert "RIFN-g" not in (tmp_path / "all_infections.txt").read_text()


def test_power_is_named_as_assumed():
    with Look.of(LOOKS).applied():
        sheet = Sheet(Look.of(LOOKS))
        lines = {"log-rank": ([0.1, 0.5, 1.0], [0.9, 0.4, 0.05])}
        chances.draw(sheet, title="Power", axis="True ratio", lines=lines, marks=[0.8])
        texts = [t.get_text() for axes in sheet.figure().axes for t in axes.texts]
    assert "assumed" in texts


def test_a_choice_that_changes_nothing_is_no_row():
    estimates = {
        ("one", "primary"): 2.0, ("one", "alike"): 2.0, ("one", "half"): 3.0,
        ("two", "primary"): 4.0, ("two", "alike"): 4.0, ("two", "half"): 4.0,
    }  # fmt: skip
    rows = [
        estimate(
            statistic="rate_ratio", estimate=value, group=group, reference="none"
        ) | {"scenario": scenario, "specification": scenario}
        for (group, scenario), value in estimates.items()
    ]  # fmt: skip
    plot = forest_rows.forest("individual", ("rate_ratio",), rows, [])
    assert [line.label for line in plot.lines] == [
        "Overall survival, one against none", "Primary analysis", "half",
        "Overall survival, two against none", "Primary analysis",
    ]  # fmt: skip
    assert plot.legend == [
        "As the primary analysis: alike.",
        "Choices that change nothing in one part are left out there.",
    ]


def test_a_caption_says_a_number_once_and_in_its_unit():
    def printed(claim_id, text, value, **more):
        return PrintedNumber(
            **{
                "claim_id": claim_id,
                "analysis": "survival",
                "place": ("", "survival_probability", "A", "", "", "365.25"),
                "field": "estimate",
                "text": text,
                "digits": value,
                "value": 0.3,
                "relation": "=",
                "recomputed": 29.93,
                "verdict": "reproduced",
                "unit": "%",
            }
            | more
        )

    analysis = {
        "kind": "individual", "label": "rIFN-g", "population": "all", "dataset": "rows",
        "method": "competing_risks",
        "samples": [{"time_unit": "days", "people": [], "dropped": 0}],
    }  # fmt: skip
    cells = {"statistic": "cumulative_incidence", "n": 20}
    rows = [
        estimate(**cells, events=events, cause=cause)
        | {"convention": "test gray; ties efron; rho 0.0"}
        for cause, events in (("death", 7), ("transplantation", 11))
    ]
    text = captions.caption(
        study=study(),
        analysis=analysis,
        method="competing_risks",
        drawn="",
        rows=rows,
        printed=[printed("C1", "30 percent", "30"), printed("C2", "30%", "30")],
        sensitivity=False,
    )
    assert text.startswith("rIFN-g. ")
    said = "Printed: C1, C2, survival, A, at 365.25 days: 30 percent (recomputed 29.9%"
    assert said in text
    # The events are those of the cause asked for.
    assert "n = 20, 7 with the event" in text
    assert "Method: competing risks; settings: test gray." in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("individual", "n = 20, 7 with the event."),
        ("reconstructed", "n = 20, 7 with the event (median of the data sets)."),
        # A prior's events would read like observed ones.
        ("simulated", "n = 20."),
    ],
)
def test_a_caption_prints_no_events_that_a_prior_made_up(kind, said):
    analysis = {
        "kind": kind, "label": "Relapse", "population": "all", "dataset": "rows",
        "method": "log_rank", "samples": [],
    }  # fmt: skip
    row = estimate(statistic="log_rank", n=20, events=7) | {"convention": "plain"}
    text = captions.caption(
        study=study(), analysis=analysis, method="log_rank", drawn="", rows=[row],
        printed=[], sensitivity=False,
    )  # fmt: skip
    assert said in text
