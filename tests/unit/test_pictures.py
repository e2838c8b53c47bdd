"""Figures inside the page: smaller without another look, captions that repeat nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from reanalysis.reporting.pictures import caption_parts, figure, picture
from reanalysis.reporting.small_svg import smaller

DRAWING = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="90pt" height="60.4pt"
 viewBox="0 0 90.00001 60.4" xmlns="http://www.w3.org/2000/svg" version="1.1">
 <title>A &lt; B</title>
 <metadata>made by &amp; for</metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="figure_1">
  <g id="line2d_1">
   <path d="M 10.004 20.001 L 30.006 20.004 L 30.006 5 Q 1 2 3 4 z"
    clip-path="url(#p9)" style="fill: none; stroke: #1a1a1a"/>
  </g>
  <!-- 17 -->
  <g transform="translate(38.535625 256.181069) scale(0.07 -0.07)">
   <defs><path id="DejaVuSans-14" d="M 794 531 L 1825 531 " transform="scale(0.015625)"/></defs>
   <use xlink:href="#DejaVuSans-14"/>
   <use xlink:href="#DejaVuSans-14" transform="translate(63.625 0)"/>
  </g>
 </g>
 <defs><clipPath id="p9"><rect x="1.23456" y="2" width="3" height="4"/></clipPath></defs>
</svg>
"""
CAPTION = """\
In remission. A trial.
Curves; marks: printed.
Data: individual. n = 3.
It misleads.
Printed: F1, F2, median, 6-MP: 23 (recomputed 23.0, reproduced); F3, 12: 4 (differs).
Source of the data: A table. Paper: Somebody 1963.
"""
CHECKED = {
    "id": "trial",
    "title": "A trial",
    "analyses": {"remission": {"label": "in remission", "kind": "individual"}},
    "claims": [{"claim_id": name} for name in ("F1", "F2", "F3", "12")],
}


def test_a_drawing_becomes_smaller_and_looks_the_same():
    assert smaller(DRAWING) == (
        "<svg xmlns='http://www.w3.org/2000/svg' width='90pt' height='60.4pt' "
        "viewBox='0 0 90 60.4'>"
        "<defs><style type='text/css'>*{stroke-linejoin: round}</style></defs>"
        # 10.004 is 10 and 30.006 is 30.01; steps are between these.
        "<path d='m10 20h20.01v-15q-29.01-3-27.01-1z' clip-path='url(#b)' "
        "style='fill:none;stroke:#1a1a1a'/>"
        "<g transform='translate(38.54 256.18) scale(0.07 -0.07)'>"
        "<defs><path id='a' d='m794 531h1031' transform='scale(0.015625)'/></defs>"
        "<use href='#a'/><use href='#a' x='63.6'/></g>"
        "<defs><clipPath id='b'><rect x='1.23' y='2' width='3' height='4'/></clipPath>"
        "</defs></svg>"
    )


def test_rounding_does_not_add_up():
    # A hundred steps of 0.004: the last point is at 0.4, as drawn.
    points = " ".join(f"L {0.004 * i:.6f} 0" for i in range(1, 101))
    path = smaller(f"<svg><path d='M 0 0 {points}'/></svg>")
    steps = path.split("m0 0")[1].split("'")[0].replace("h", " ").split()
    assert sum(map(float, steps)) == pytest.approx(0.4)


@pytest.mark.parametrize("d", ["M 0 0 A 1 1 0 0 1 2 2", "m 1 1 l 2 2", "M 0 0 L nan 1"])
def test_a_path_that_is_not_understood_stays(d):
    assert f"d='{d}'" in smaller(f"<svg><path d='{d}'/></svg>")


def test_text_in_a_drawing_stays_text():
    text = smaller('<svg><text a="it\'s">1 &lt; 2 &amp; <tspan>3</tspan></text></svg>')
    assert (
        text
        == "<svg xmlns='http://www.w3.org/2000/svg'><text a='it&#39;s'>1 &lt; 2 &amp; <tspan>3</tspan></text></svg>"
    )


def write(stem: Path, drawing: str, caption: str) -> None:
    stem.parent.mkdir(parents=True)
    stem.with_suffix(".svg").write_text(drawing, encoding="utf-8")
    stem.with_suffix(".txt").write_text(caption, encoding="utf-8")


def test_a_figure_with_its_words(tmp_path):
    write(tmp_path / "trial" / "remission_likelihood", DRAWING, CAPTION)
    shown = figure(str(tmp_path), "trial", "remission_likelihood", CHECKED, "remission")
    assert (shown["width"], shown["height"]) == (120, 81)
    assert shown["title"] == "In remission, likelihood"
    assert shown["said"] == ["Curves; marks: printed.", "Data: individual. n = 3."]
    assert shown["more"][0] == "It misleads."
    assert shown["more"][1] == (
        'Printed: <a href="#claim-trial-F1">F1</a>, <a href="#claim-trial-F2">F2</a>, '
        "median, 6-MP: 23 (recomputed 23.0, reproduced); "
        '<a href="#claim-trial-F3">F3</a>, 12: 4 (differs).'
    )
    assert shown["alt"] == (
        "Figure: In remission, likelihood. Curves; marks: printed. "
        "Data: individual. n = 3."
    )


def test_a_figure_with_a_text_of_its_own(tmp_path):
    write(tmp_path / "trial" / "remission", DRAWING, CAPTION)
    (tmp_path / "trial" / "remission.alt.txt").write_text("It falls to 45%.\n")
    shown = figure(str(tmp_path), "trial", "remission", CHECKED, "remission")
    assert shown["alt"] == "It falls to 45%."


def test_markup_in_a_caption_and_quotes_in_a_drawing_stay_text(tmp_path):
    caption = CAPTION.replace("F1, F2", "F1, <b>F2")
    drawing = DRAWING.replace("A &lt; B", "").replace(
        "stroke: #1a1a1a", "font-family: &quot;x&quot; &amp;amp; 100%"
    )
    write(tmp_path / "trial" / "remission", drawing, caption)
    shown = figure(str(tmp_path), "trial", "remission", CHECKED, "remission")
    assert "&lt;b&gt;F2" in shown["more"][1]
    source = str(shown["source"])
    assert not set(source) & {'"', "#"}
    decoded = unquote(source.replace("&amp;", "&")).partition(",")[2]
    assert decoded == smaller(drawing)


def test_a_large_drawing_becomes_pixels(tmp_path):
    from PIL import Image

    points = " ".join(f"L {i % 977}.37 {i * 7 % 983}.11" for i in range(40_000))
    drawing = DRAWING.replace("L 30.006 5", points)
    write(tmp_path / "trial" / "survival", drawing, "Words.")
    Image.new("RGB", (40, 30), "#336699").save(tmp_path / "trial" / "survival.png")
    shown = picture(tmp_path / "trial" / "survival")
    assert str(shown["source"]).startswith("data:image/png;base64,")
    assert (shown["width"], shown["height"]) == (120, 81)


@pytest.mark.parametrize(
    ("text", "head", "said", "more"),
    [
        ("A sentence.\n", "", ["A sentence."], []),
        (
            "Nothing could be drawn: no rows\n",
            "",
            ["Nothing could be drawn: no rows"],
            [],
        ),
        ("A. Other trial.\nData: x.\n", "", ["A. Other trial.", "Data: x."], []),
        ("A. A trial.\nData: x.\nb\nPaper: P.\n", "A", ["Data: x."], ["b"]),
    ],
)
def test_parts_of_a_caption(text, head, said, more):
    assert caption_parts(text, "A trial") == (head, said, more)
