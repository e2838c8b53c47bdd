"""The report page: complete, escaped, self-contained, the same twice."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from markupsafe import escape
from small_report import ROOT, SmallRun, results

from reanalysis.reporting.meanings import UNTESTED, VERDICTS
from reanalysis.rows import read_rows
from reanalysis.verdicts import ORDER

STUDIES = ("freireich1963_6mp", "vivarelli2023", "sun2018", "broken")
MESSAGE = "broken/claims.csv, row 7, column 'value': no plain number (found: '0,<2')"
HOSTILE = "<script>alert('title')</script> & \"quotes\" {{ 7 * 7 }}"
VOID = {"meta", "link", "br", "img", "col", "hr", "input"}


class Page(HTMLParser):
    """Collect what a page holds, and whether its tags balance."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict] = []
        self.headings: list[int] = []
        self.text: list[str] = []
        self.scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag in {"script", "img", "iframe", "link", "source", "object", "embed"}:
            self.loads += [given[k] for k in ("src", "href", "data") if k in given]
        if tag == "script":
            self.scripts += 1
        if tag == "img":
            self.images.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def _edit(study: dict) -> None:
    """Make one study a failed one and another a hostile one."""
    if study["id"] == "broken":
        study["message"] = MESSAGE
    elif study["id"] == "vivarelli2023":
        study["title"] = HOSTILE
        study["remarks"].append("<img src=x onerror=alert(1)>")
        study["sources"]["abstract"]["url"] = "javascript:alert(1)"
        study["claims"][0]["quote"] = "</td><b>bold</b>"
        study["adjudication"] = [
            {
                "claim_id": study["claims"][0]["claim_id"],
                "decision": "misprint",
                "reason": "An erratum corrects it.",
                "by": "A. Reader",
                "date": "2026-01-01",
            }
        ]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> SmallRun:
    """A small run: every table as the pipeline writes it, figures as placeholders."""
    folder = tmp_path_factory.mktemp("run")
    studies = {name: ROOT / "data" / name for name in STUDIES}
    small = results(folder, studies, edit=_edit, drawn=False)
    (folder / "work" / "sun2018" / "extra.json").write_text(
        json.dumps({"failed": "tables failed unexpectedly: ValueError: <odd>"})
    )
    return small


def write(run: SmallRun, output: Path) -> str:
    return run.write(output, "A title with <angle> brackets")


@pytest.fixture(scope="module")
def text(run, tmp_path_factory):
    return write(run, tmp_path_factory.mktemp("page") / "report" / "index.html")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_tags_balance_and_ids_are_unique(page):
    assert page.problems == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_how_members_came_about_is_told(page):
    # A curve: what determines its patients, and what was mended of its clicks.
    assert "Data sets that the print allows" in page.words
    assert "the print determines it" in page.words
    assert "Times were moved to multiples of 1." in page.words
    # Simulated: ends, proven or not, and how each prior reads the print.
    assert "over all priors" in page.words
    assert "proven for permitted data sets without tied times" in page.words
    assert "reached by search; that nothing lies beyond is not proven" in page.words
    assert "each child keeps his rate but for the effect" in page.words
    assert "'all' is read as an event within the period after" in page.words


def test_every_claim_has_its_anchor_printed_text_and_verdict(run, page):
    claims = read_rows(run.folder / "claims.csv")
    assert claims
    for claim in claims:
        assert f"claim-{claim['study']}-{claim['claim_id']}" in page.ids
        for column in ("printed", "quote", "note"):
            assert " ".join(claim[column].split()) in page.words
    shown = page.words
    assert {claim["verdict"] for claim in claims} <= set(VERDICTS)
    for verdict in VERDICTS:
        assert verdict.replace("_", " ") in shown


def test_reasons_of_numbers_that_do_not_agree_are_shown(run, page):
    for claim in read_rows(run.folder / "claims.csv"):
        if claim["verdict"] in {"differs", "reproduced_by_convention"}:
            reason = claim["reason"].removesuffix(claim["note"]).strip()
            assert " ".join(reason.split()) in page.words


def test_every_study_and_every_figure_with_its_caption(run, page):
    for study, names in run.figures.items():
        assert f"study-{study}" in page.ids
        for name in names:
            assert f"Caption of {study} {name} <n = 3>." in page.words
            for ending in ("pdf", "svg", "png", "csv", "txt"):
                assert f"../figures/{study}/{name}.{ending}" in page.links
    # The scoreboard and the evidence map are of all studies.
    assert len(page.images) == 2 + sum(map(len, run.figures.values()))
    assert all(image["alt"].startswith("Figure: ") for image in page.images)


def test_nothing_is_loaded_from_elsewhere(text, page):
    assert page.loads
    assert all(load.startswith("data:") for load in page.loads)
    assert "@import" not in text
    assert not re.search(r"url\(", text)
    assert all(
        link.startswith(("#", "../", "https://", "http://")) for link in page.links
    )


def test_links_within_the_page_lead_somewhere(page):
    inside = {unquote(link[1:]) for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)


def test_text_from_data_is_never_markup(text, page):
    assert page.scripts == 1
    assert HOSTILE in page.words
    assert "<img src=x onerror=alert(1)>" in page.words
    assert "</td><b>bold</b>" in page.words
    assert "javascript:" not in " ".join(page.links)
    assert "A title with <angle> brackets" in page.words


def test_the_policy_allows_this_style_and_this_script_only(text):
    policy = unescape(re.search('Security-Policy" content="([^"]*)"', text)[1])
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy.split("; ")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    # The policy would silence these, and the looks would be lost.
    assert not re.search(r"<[^>]*\s(style|on\w+)=", text)


def test_a_verdict_leads_to_its_figure_its_estimate_and_its_source(run, page):
    links = set(page.links)
    leading = 0
    for claim in read_rows(run.folder / "claims.csv"):
        study, named = claim["study"], claim["analysis"] in run.figures[claim["study"]]
        if claim["estimate_id"]:
            assert f"estimate-{claim['estimate_id']}" in page.ids
            assert f"#estimate-{claim['estimate_id']}" in {unquote(x) for x in links}
        if named:
            assert f"#figure-{study}-{claim['analysis']}" in links
        assert f"#source-{study}-{claim['source']}" in links
        leading += named and claim["estimate_id"] != ""
    assert leading > 10


def test_every_number_is_in_the_table_of_all(run, text):
    table = text[text.index('<table class="numbers">') :]
    rows = table[: table.index("</table>")].split("<tr ")[1:]
    claims = read_rows(run.folder / "claims.csv")
    assert len(rows) == len(claims)
    for row, claim in zip(rows, claims, strict=True):
        assert f'data-verdict="{claim["verdict"]}"' in row
        assert f'href="#claim-{claim["study"]}-{claim["claim_id"]}"' in row
        assert f">{escape(claim['printed'])}</td>" in row


def test_a_failed_study_is_said_first_and_in_its_place(page):
    words = page.words
    assert words.count(MESSAGE) >= 3  # at the top, in the list, in its section
    assert words.index(MESSAGE) < words.index("How to read the verdicts")
    assert words.count("tables failed unexpectedly: ValueError: <odd>") == 2
    assert "2 of 4 studies could not be analysed in full" in words


def test_adjudication_stands_beside_the_verdict(page):
    assert "Adjudicated: misprint. An erratum corrects it. (A. Reader, 2026-01-01)" in (
        page.words
    )


def test_awaited_tables_say_what_to_ask_for(run, page):
    asked = read_rows(run.folder / "requests.csv")
    assert asked
    for request in asked:
        assert " ".join(request["wanted"].split()) in page.words
        assert f"request-{request['study']}-{request['dataset']}" in page.ids
        letter = f"../letters/{request['study']}.docx"
        assert (letter in page.links) >= (request["analyses"] != "")
        for claim in request["claims"].split():
            assert f"#claim-{request['study']}-{claim}" in page.links


def test_choices_that_move_a_conclusion_are_shown(run, page):
    moves = {
        row["moves"]
        for row in read_rows(run.folder / "sensitivity.csv")
        if row["moves"] not in ("", "no")
    }
    assert all(move in page.words for move in moves)


def test_outline_and_language(text, page):
    assert '<html lang="en">' in text
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(
        after - before <= 1
        for before, after in zip(page.headings, page.headings[1:], strict=False)
    )
    assert page.links[0] == "#main"


def test_the_same_bytes_twice(run, text, tmp_path):
    assert write(run, tmp_path / "again.html") == text


def test_every_verdict_is_explained():
    assert set(VERDICTS) == set(ORDER)
    assert set(UNTESTED) < set(VERDICTS)


def test_a_multiverse_stands_with_its_printed_number(page, run):
    (line,) = read_rows(run.folder / "multiverse_summary.csv")
    words = page.words
    assert "Every combination of choices" in words
    assert line["sentence"] in words
    assert f"{line['keep_direction']} of {line['with_estimate']}" in words
