"""The figure of a multiverse: legible at ten and at a thousand specifications."""

from __future__ import annotations

import csv
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from reanalysis.figures.sheet import Sheet, rendered
from reanalysis.figures.style import Look
from reanalysis.presentation import dispatch, specification_curve

ROOT = Path(__file__).resolve().parents[2]
LOOKS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["figures"]


def found(count, *, kind="individual", statistic="hazard_ratio", people=0, **cells):
    """Return the data of a curve: ties, tests and patients left out."""
    choices = {
        "ties": ["efron", "breslow", "exact"],
        "test": ["wald", "likelihood ratio of a penalised partial likelihood", "score"],
        "leave_out": ["all rows", *(f"without patient {n}" for n in range(people))],
    }
    every = list(product(*choices.values()))
    made = []
    for n in range(count):
        chosen = every[n % len(every)]
        estimate = 0.6 + 1.4 * ((n * 37) % count) / count
        made.append(
            {
                "estimate": estimate,
                "low": estimate / 2.2 if n % 7 else None,
                "high": estimate * 2.2,
                "p_value": 0.001 + 0.2 * ((n * 11) % count) / count,
                "primary": n == 0,
                "chosen": [[name] for name in chosen],
            }
        )
    return {
        "statistic": statistic,
        "statistics": [statistic],
        "group": "mesenchymal stem cells with tacrolimus",
        "reference": "standard induction",
        "unit": "",
        "no_effect": 0.0,
        "kind": kind,
        "sentence": "Of all of them none.",
        "note": "",
        "printed": {
            "claims": "C1",
            "text": "about 1.4",
            "value": 1.4,
            "p_text": "",
            "p_value": None,
        },
        "choices": choices,
        "specifications": made,
    } | cells


def drawn(data, width=120):
    look = Look.of({**LOOKS, "width_mm": width})
    sheet = Sheet(look)
    said = specification_curve.draw(sheet, data)
    return look, sheet, said


def texts(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    return {
        text: text.get_window_extent(renderer)
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text.get_gid() != "watermark"
    }


@pytest.mark.parametrize("width", [85, 120, 180])
@pytest.mark.parametrize("count", [1, 10, 121, 1000])
def test_texts_are_inside_and_apart(count, width):
    look, sheet, _ = drawn(found(count, people=30, kind="reconstructed"), width)
    with look.applied():
        figure = sheet.figure()
        shown = texts(figure)
    for text, box in shown.items():
        assert box.x0 >= -0.5, text.get_text()
        assert box.x1 <= figure.bbox.x1 + 0.5, text.get_text()
        assert box.y0 >= -0.5, text.get_text()
    for (one, a), (other, b) in combinations(shown.items(), 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        apart = wide < 0.5 or high < 0.34 * min(a.height, b.height)
        assert apart, (one.get_text(), other.get_text())


def test_the_numbers_drawn_are_those_of_the_specifications():
    data = found(10)
    _, sheet, said = drawn(data)
    marks = [row for row in sheet.drawn if row["element"] != "printed"]
    assert [row["y"] for row in marks] == sorted(
        s["estimate"] for s in data["specifications"]
    )
    assert [row["element"] for row in marks].count("primary") == 1
    by_value = {s["estimate"]: s for s in data["specifications"]}
    for row in marks:
        ties = by_value[row["y"]]["chosen"][0]
        below = by_value[row["y"]]["p_value"] < 0.05
        assert row["text"].startswith(f"Significant: {'p < 0.05' if below else ''}")
        assert (
            f"Ties: {ties[0].title() if ties != ['exact'] else 'exact'}" in row["text"]
        )
    assert [r["y"] for r in sheet.drawn if r["element"] == "printed"] == [1.4]
    assert said.startswith("The 10 specifications of the grid")


def test_patients_left_out_share_a_row():
    data = found(120, people=30)
    _, sheet, _ = drawn(data)
    said = {row["text"].rpartition("Leave out: ")[2] for row in sheet.drawn[:-1]}
    assert said == {"all rows", "one left out (30 times)"}


def test_p_values_are_drawn_where_the_estimate_is_one():
    data = found(12)
    for n, one in enumerate(data["specifications"]):
        one |= {"estimate": 2.0, "low": 1.0, "high": 3.0, "p_value": 0.001 * (n + 1)}
    data["printed"] |= {"p_text": "P = 0.002", "p_value": 0.002}
    _, sheet, said = drawn(data)
    assert [row["y"] for row in sheet.drawn[:-1]] == [0.001 * n for n in range(1, 13)]
    assert sheet.drawn[-1]["y"] == 0.002
    assert "order of their p-values" in said
    # A share is drawn in per cent.
    share = found(3, statistic="risk_difference", unit="proportion")
    share["printed"]["value"] = None
    _, sheet, _ = drawn(share)
    assert max(row["y"] for row in sheet.drawn) > 100


def test_nothing_to_draw_is_said(tmp_path):
    empty = found(2)
    for one in empty["specifications"]:
        one |= {"estimate": None, "p_value": None}
    assert drawn(empty)[2] is None
    study = {
        "status": "ok", "id": "s", "title": "A study", "citation": {"text": "X."},
        "analyses": {
            "a": {
                "method": "cox", "kind": "individual", "label": "Death",
                "endpoint": "death",
            }
        },
        "claims": [],
    }  # fmt: skip
    names = {"a_multiverse_g": "a", "a_multiverse_h": "a", "a_multiverse_i": "a"}
    dispatch.draw(
        dispatch.Results(
            study,
            tables={},
            ladders={},
            failures={"multiverse_cox": "multiverse i of a: an unknown name"},
            rows=[],
            claims=[],
            curves={"a_multiverse_g": found(20), "a_multiverse_h": empty},
        ),
        figures=names,
        looks={**LOOKS, "dpi": 72},
        folder=str(tmp_path),
    )
    said = {name: (tmp_path / f"{name}.txt").read_text("utf-8") for name in names}
    assert "Of all of them none." in said["a_multiverse_g"]
    assert "Claims held against it: C1." in said["a_multiverse_g"]
    seen = (tmp_path / "a_multiverse_g.alt.txt").read_text("utf-8")
    assert "Specification curve: 20 specifications from " in seen
    # As it was printed, with no digit more.
    assert "Printed: about 1.4." in seen
    assert "an unknown name" in said["a_multiverse_i"]
    assert "Nothing could be drawn" in said["a_multiverse_h"]
    with open(tmp_path / "a_multiverse_g.csv", encoding="utf-8", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 21


def test_the_same_bytes_twice():
    made = []
    for _ in range(2):
        look, sheet, _ = drawn(found(40))
        with look.applied():
            made.append(rendered(sheet.figure(), look, "title"))
    assert made[0] == made[1]


@pytest.mark.parametrize(("value", "said"), [(None, False), (0.5, True)])
def test_a_line_of_no_effect_only_where_something_compares(value, said):
    data = found(6, statistic="relative_effect")
    data["no_effect"] = value
    drawn(data)
    (legend,) = specification_curve._legend(data, data["specifications"], None, False)
    assert ("no effect" in legend) == said
