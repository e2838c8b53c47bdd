"""Documents, slides, workbook and numbered figures of a small run, read back.

Every number a document shows is looked for in claims.csv and estimates.csv.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx
import pypdf
import pytest
import small_studies
import yaml
from docx.oxml.ns import qn
from lxml import etree

from reanalysis.bundles import study_part, workbook
from reanalysis.config import method_settings
from reanalysis.formatting import beside_printed, journal_number, journal_p
from reanalysis.multiverse.columns import SUMMARY_COLUMNS
from reanalysis.plan import analyses_of, figures_of
from reanalysis.rows import read_estimates, read_rows, write_rows
from reanalysis.steps import (
    check,
    collect,
    compare,
    compose,
    consistency,
    draw,
    estimate,
    numbered_figures,
    overview,
    write_pdf,
    write_slides,
    write_word,
    write_workbook,
)

ROOT = Path(__file__).parents[2]
SHIPPED = ("mrc1948_streptomycin", "wang2014")
TABLES = ("estimates", "claims", "checks", "sensitivity", "requests")
SUMMARY = "multiverse_summary"
HOSTILE = '<w:p>&amp; #strong[x] =HYPERLINK("http://x") \x0b\u2620'
FILES = ("report.docx", "report.pdf", "slides.pptx", "tables.xlsx", "figures.zip")


def _study(folder: Path, name: str, folders: list[str], config: dict) -> dict:
    """Everything the pipeline writes of one study; returns its figures."""
    checked = folder / "checked" / f"{name}.json"
    check.check(folders, name, str(checked))
    study = json.loads(checked.read_text(encoding="utf-8"))
    if name == "hostile":
        study["title"] = HOSTILE
        study["remarks"].append(HOSTILE)
        study["claims"][2]["note"] = "=1+1"
        checked.write_text(json.dumps(study), encoding="utf-8")
    plan = analyses_of(folders)
    work = folder / "work" / name
    used = dict.fromkeys(p["method"] for p in plan.values() if not p["awaited"])
    for method in used:
        estimate.estimate(
            str(checked),
            method,
            method_settings(config, method),
            [],
            *(str(work / f"{method}.{end}") for end in ("csv", "json", "reach.json")),
        )
    ranges, told = str(work / "consistency.csv"), str(work / "consistency.json")
    consistency.consistency(str(checked), ranges, told)
    compare.compare(
        str(checked),
        [str(work / f"{method}.csv") for method in used],
        ranges,
        told,
        [str(work / f"{method}.reach.json") for method in used],
        [],
        *(str(work / f"{table}.csv") for table in TABLES),
        shown=str(folder / "tables" / name),
        state=str(work / "compare.json"),
    )
    figures = figures_of(plan)
    draw.draw(
        str(checked),
        [str(work / f"{part}.json") for part in [*used, "consistency"]],
        str(work / "estimates.csv"),
        str(work / "claims.csv"),
        figures,
        {**config["figures"], "dpi": 100},
        str(folder / "figures" / name),
        str(work / "draw.json"),
    )
    return figures


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run: two shipped studies, a hostile one, and one with private rows."""
    folder = tmp_path_factory.mktemp("run")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    made = folder / "data"
    own = small_studies.good(small_studies.SURVIVAL, small_studies.COX)
    small_studies.write(made / "hostile", small_studies.good(), "hostile")
    small_studies.write(made / "shared", own, "shared")
    folders = {name: [str(ROOT / "data" / name)] for name in SHIPPED}
    folders |= {name: [str(made / name)] for name in ("hostile", "shared")}
    folders = dict(sorted(folders.items()))
    figures = {
        name: _study(folder, name, where, config) for name, where in folders.items()
    }
    collect.collect(
        {t: [str(folder / "work" / s / f"{t}.csv") for s in folders] for t in TABLES},
        {t: str(folder / f"{t}.csv") for t in TABLES},
    )
    line = dict.fromkeys(SUMMARY_COLUMNS, "")
    line |= {"study": "shared", "analysis": "survival_cox", "grid": "ties"}
    line |= {"method": "cox", "kind": "individual", "statistic": "hazard_ratio"}
    line |= {"specifications": 3, "with_estimate": 3, "with_p_value": 3}
    line |= {"share_direction": 1 / 3, "estimate_low": 0.1234567, "p_low": 0.0001}
    line |= {"sentence": "All 3 specifications keep the direction."}
    write_rows(folder / "multiverse_summary.csv", SUMMARY_COLUMNS, [line])
    overview.overview(
        [str(folder / "checked" / f"{s}.json") for s in folders],
        [str(folder / "work" / s / "claims.csv") for s in folders],
        {**config["figures"], "dpi": 100},
        str(folder / "figures/overview"),
    )
    return folder, figures, config


def _bundle(run, folder: Path, private=(), studies=None, **change) -> dict:
    """Make every bundle of the run in a folder; returns the document."""
    source, figures, config = run
    studies = list(figures) if studies is None else studies
    checked = [str(source / "checked" / f"{name}.json") for name in studies]
    tables = [str(source / f"{t}.csv") for t in (*TABLES, "multiverse_summary")]
    hidden = {name: dict(private).get(name, []) for name in studies}
    document = folder / "document.json"
    compose.compose(
        checked=checked,
        drawn=[str(p) for s in studies for p in _states(source, s)],
        tables=[*tables, str(source / f"{SUMMARY}.csv")],
        captions=[
            str(source / "figures/overview/scoreboard.txt"),
            *(
                str(source / "figures" / s / f"{n}.txt")
                for s in studies
                for n in figures[s]
            ),
        ],
        figure_folder=str(source / "figures"),
        config={**config, **change},
        figures={name: figures[name] for name in studies},
        private=hidden,
        output=str(document),
    )
    given = {"document": str(document), "figures": str(source / "figures")}
    write_word.write_word(**given, output=str(folder / "report.docx"))
    write_pdf.write_pdf(**given, output=str(folder / "report.pdf"))
    write_slides.write_slides(**given, output=str(folder / "slides.pptx"))
    numbered_figures.pack(**given, output=str(folder / "figures.zip"))
    numbered_figures.copy(**given, output=str(folder / "figures"))
    write_workbook.write_workbook(
        document=str(document),
        checked=checked,
        tables=tables,
        private=hidden,
        output=str(folder / "tables.xlsx"),
    )
    return json.loads(document.read_text(encoding="utf-8"))


def _states(source: Path, study: str) -> list[Path]:
    return [
        p
        for p in sorted((source / "work" / study).glob("*.json"))
        if "reach" not in p.name
    ]


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    return folder, _bundle(run, folder)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text.replace("\u00ad", ""))


def _tables(model):
    return {b["key"]: b for b in model["blocks"] if b["kind"] == "table"}


def _cells(table) -> list[list[str]]:
    return [
        ["".join(p["words"] for p in cell) for cell in row["cells"]]
        for row in table["rows"]
        if not row["heading"]
    ]


# What the document says is what the tables of results say.


def test_every_claim_is_told_as_it_stands_in_claims_csv(run, bundle):
    source, figures, _ = run
    tables = _tables(bundle[1])
    claims = read_rows(source / "claims.csv")
    for study in figures:
        told = {}
        for what, printed, recomputed, verdict in _cells(tables[f"claims:{study}"]):
            told[re.search(r"([^ (]+?)\)?$", what).group(1)] = (
                printed,
                recomputed,
                verdict,
            )
        own = [claim for claim in claims if claim["study"] == study]
        assert set(told) == {claim["claim_id"] for claim in own}
        for claim in own:
            printed, recomputed, verdict = told[claim["claim_id"]]
            assert printed == claim["printed"]
            assert verdict.lower().startswith(claim["verdict"].replace("_", " "))
            ends = [claim["recomputed_low"], claim["recomputed_high"]]
            if not claim["recomputed"]:
                assert recomputed == "\u2013"
            elif ends[0] == ends[1] or "" in ends:
                expected = beside_printed(float(claim["recomputed"]), claim)
                assert recomputed.split(" ")[0] == expected
            else:
                shown = [beside_printed(float(end), claim) for end in ends]
                assert recomputed.startswith(" to ".join(dict.fromkeys(shown)))


def test_every_result_is_told_as_it_stands_in_estimates_csv(run, bundle):
    source, figures, _ = run
    rows = [
        row
        for row in read_estimates(source / "estimates.csv")
        if row["scenario"] == "primary"
    ]
    found = 0
    for study in figures:
        table = _tables(bundle[1]).get(f"results:{study}")
        for _, estimate_, interval, p, n, events in _cells(table) if table else ():
            found += 1
            # An empty cell of estimates.csv, in the words of its statistic.
            estimate_ = estimate_.replace("not reached", "\u2013")
            interval = interval.replace("not reached", "\u2013")
            matches = [
                row
                for row in rows
                if row["study"] == study
                and _shown(row, "estimate") == estimate_.split(" ")[0]
                and _interval(row) == interval
                and (f"{_p(row)} ({row['test']})" if row["test"] else _p(row)) == p
                and _shown(row, "n", field="n") == n
                and _shown(row, "events", field="events") == events
            ]
            assert matches, (study, estimate_, interval, p, n, events)
    assert found > 20


def test_results_of_different_patients_are_told_apart(bundle):
    for key, table in _tables(bundle[1]).items():
        if not key.startswith("results:"):
            continue
        heading, seen = "", set()
        for row in table["rows"]:
            cells = ["".join(p["words"] for p in cell) for cell in row["cells"]]
            if row["heading"]:
                heading = cells[0]
                continue
            what = (heading, cells[0], cells[3].partition(" (")[2])
            assert what not in seen
            seen.add(what)


def _shown(row, column, **kind):
    kind = kind or {"statistic": row["statistic"], "unit": row["unit"]}
    return journal_number(row[column], **kind)


def _interval(row):
    low, high = (_shown(row, f"conf_{end}") for end in ("low", "high"))
    return "\u2013" if low == high == "\u2013" else f"{low} to {high}"


def _p(row):
    return journal_p(row["p_value"])


def test_captions_are_those_the_figures_were_drawn_with(run, bundle):
    source = run[0]
    figures = [b for b in bundle[1]["blocks"] if b["kind"] == "figure"]
    assert figures[0]["source"] == "overview/scoreboard"
    for figure in figures:
        drawn = (source / "figures" / f"{figure['source']}.txt").read_text("utf-8")
        told = "".join(piece["words"] for piece in figure["caption"])
        for number in re.findall(r"\d+(?:\.\d+)?", told.partition(" Paper: ")[0]):
            assert number in drawn


def test_rebuilt_data_are_named_in_every_caption(run, bundle):
    source, figures, _ = run
    rebuilt = set()
    for study, names in figures.items():
        checked = json.loads((source / f"checked/{study}.json").read_text("utf-8"))
        kinds = {n: a["kind"] for n, a in checked["analyses"].items()}
        rebuilt |= {
            f"{study}/{name}"
            for name, analysis in names.items()
            if kinds[analysis] == "reconstructed"
        }
    shown = [b for b in bundle[1]["blocks"] if b["kind"] == "figure"]
    assert rebuilt & {figure["source"] for figure in shown}
    for figure in shown:
        caption = "".join(piece["words"] for piece in figure["caption"])
        named = figure["source"] in rebuilt
        assert caption.startswith("RECONSTRUCTED DATA.") is named
        assert figure["alt"].startswith("RECONSTRUCTED DATA.") is named
        if not figure["source"].startswith("overview/"):
            assert re.search(
                r"Data: (individual|summary|reconstructed|printed|none)", caption
            )


def test_no_cell_has_more_digits_than_a_journal_prints(bundle):
    for key, table in _tables(bundle[1]).items():
        for cells in _cells(table):
            most = 3
            if key.startswith("claims:"):  # one digit more than is printed
                most = max(most, *map(_digits, _numbers_in(cells[1])), 0) + 1
            for text in cells:
                for number in _numbers_in(text):
                    assert _digits(number) <= most, (number, text)
                    assert len(number.partition(".")[2]) <= max(most, 4), (number, text)


def _numbers_in(text: str) -> list[str]:
    return re.findall(r"(?<![\w.])\d+\.\d+", text)


def _digits(number: str) -> int:
    """Significant digits, but for those of its integer part."""
    whole, _, decimals = number.partition(".")
    return len(decimals.lstrip("0") if whole == "0" else decimals)


# Word.


@pytest.fixture(scope="module")
def word(bundle):
    return docx.Document(bundle[0] / "report.docx")


def test_word_holds_the_tables_of_the_document(bundle, word):
    tables = list(_tables(bundle[1]).values())
    assert len(word.tables) == len(tables)
    for made, wanted in zip(word.tables, tables, strict=True):
        rows = list(made._tbl.tr_lst)
        header = [_squeezed(c) for c in wanted["header"]]
        assert [_squeezed(_text(c)) for c in rows[0].tc_lst] == header
        assert rows[0].find(".//" + qn("w:tblHeader")) is not None
        for row, given in zip(rows[1:], wanted["rows"], strict=True):
            cells = ["".join(p["words"] for p in cell) for cell in given["cells"]]
            assert [_text(c) for c in row.tc_lst] == cells
        grid = [int(c.get(qn("w:w"))) for c in made._tbl.tblGrid]
        assert abs(sum(grid) - 170 / 25.4 * 1440) < 10


def _text(element) -> str:
    return "".join(t.text or "" for t in element.iter(qn("w:t")))


def test_word_numbers_captions_by_fields_and_mentions_find_them(bundle, word):
    body = word.element.body
    marks = [m.get(qn("w:name")) for m in body.iter(qn("w:bookmarkStart"))]
    ids = [m.get(qn("w:id")) for m in body.iter(qn("w:bookmarkStart"))]
    assert len(set(marks)) == len(marks)
    assert len(set(ids)) == len(ids)
    codes = [c.text for c in body.iter(qn("w:instrText"))]
    for word_, kind in (("Figure", "figure"), ("Table", "table")):
        wanted = [b for b in bundle[1]["blocks"] if b["kind"] == kind]
        fields = [code for code in codes if code.startswith(f" SEQ {word_} ")]
        assert len(fields) == len(wanted)
    mentions = [code.split()[1] for code in codes if code.startswith(" REF ")]
    assert mentions
    anchors = [h.get(qn("w:anchor")) for h in body.iter(qn("w:hyperlink"))]
    assert set(mentions) | set(anchors) <= set(marks)
    kinds = [c.get(qn("w:fldCharType")) for c in body.iter(qn("w:fldChar"))]
    assert kinds.count("begin") == kinds.count("separate") == kinds.count("end")


def test_word_pictures_have_a_description_and_fit_the_page(bundle, word):
    pictures = list(word.element.body.iter(qn("wp:inline")))
    figures = [b for b in bundle[1]["blocks"] if b["kind"] == "figure"]
    assert [p.docPr.get("descr") for p in pictures] == [f["alt"] for f in figures]
    assert len({p.docPr.get("id") for p in pictures}) == len(pictures)
    for picture in pictures:
        assert picture.extent.cx <= 170 * 36000 + 1
        assert picture.extent.cy <= 190 * 36000 + 1


def test_word_parts_are_well_formed_and_asks_for_nothing(bundle):
    with zipfile.ZipFile(bundle[0] / "report.docx") as opened:
        for name in opened.namelist():
            if name.endswith((".xml", ".rels")):
                root = etree.fromstring(opened.read(name))
                for link in root.iter("{*}Relationship"):
                    assert link.get("TargetMode") != "External"
        settings = opened.read("word/settings.xml").decode()
    assert "updateFields" not in settings
    assert 'w:name="compatibilityMode"' in settings
    assert 'w:val="15"' in settings


# PDF.


@pytest.fixture(scope="module")
def pdf(bundle):
    return pypdf.PdfReader(bundle[0] / "report.pdf")


@pytest.fixture(scope="module")
def pdf_text(pdf):
    text = _squeezed("".join(page.extract_text() for page in pdf.pages))
    return text.replace("\ufb01", "fi").replace("\ufb02", "fl").replace("\ufb00", "ff")


def test_pdf_tells_the_same(bundle, pdf_text):
    for table in _tables(bundle[1]).values():
        for row in table["rows"]:
            for cell in row["cells"]:
                wanted = _squeezed("".join(piece["words"] for piece in cell))
                # A row may go over to the next page, behind footer and header.
                assert wanted in pdf_text or _broken(wanted, pdf_text), wanted
    for block in bundle[1]["blocks"]:
        if block["kind"] == "references":
            for entry in block["entries"]:
                assert _squeezed(entry)[:60] in pdf_text


def _broken(wanted: str, text: str) -> bool:
    return any(
        wanted[:cut] in text and wanted[cut:] in text for cut in range(len(wanted))
    )


def test_pdf_has_its_fonts_within_and_no_date(bundle, pdf):
    fonts = {}
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            inner = font.get("/DescendantFonts", [font])[0].get_object()
            fonts[str(inner.get("/BaseFont"))] = "/FontDescriptor" in inner and any(
                key in inner["/FontDescriptor"]
                for key in ("/FontFile", "/FontFile2", "/FontFile3")
            )
    assert fonts
    assert all(fonts.values())
    assert "/CreationDate" not in pdf.metadata
    assert pdf.metadata.title == bundle[1]["title"]
    tagged = pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert tagged
    raw = (bundle[0] / "report.pdf").read_bytes()
    assert b"/URI" not in raw


# Slides.


def test_a_slide_per_study_with_its_sentence_and_figure(run, bundle):
    deck = pptx.Presentation(bundle[0] / "slides.pptx")
    slides = list(deck.slides)
    assert len(slides) == 2 + len(run[1])
    for slide, wanted in zip(slides[2:], bundle[1]["slides"], strict=True):
        assert slide.shapes.title.text_frame.text.strip()
        text = "\n".join(s.text_frame.text for s in slide.shapes if s.has_text_frame)
        assert wanted["sentence"] in text
        pictures = [s for s in slide.shapes if s.shape_type == 13]
        assert len(pictures) == bool(wanted["figure"])
        for shape in pictures:
            assert shape._element.nvPicPr.cNvPr.get("descr") == wanted["alt"]
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height
    rebuilt = next(s for s in bundle[1]["slides"] if s["study"] == "wang2014")
    assert rebuilt["kind"] in ("RECONSTRUCTED DATA.", "Summary data.")
    table = next(s.table for s in slides[1].shapes if s.has_table)
    counts = {r.cells[1].text: int(r.cells[0].text) for r in list(table.rows)[1:]}
    claims = read_rows(run[0] / "claims.csv")
    said = [claim["verdict"].replace("_", " ") for claim in claims]
    assert counts == {verdict: said.count(verdict) for verdict in set(said)}


# The workbook.


@pytest.fixture(scope="module")
def book(bundle):
    return openpyxl.load_workbook(bundle[0] / "tables.xlsx")


@pytest.mark.parametrize("table", TABLES)
def test_the_workbook_holds_every_row_in_full(run, book, table):
    sheet = book[table.capitalize()]
    header, *lines = sheet.iter_rows()
    rows = read_rows(run[0] / f"{table}.csv")
    assert len(lines) == len(rows)
    columns = [cell.value for cell in header]
    for line, row in zip(lines, rows, strict=True):
        for column, cell in zip(columns, line, strict=True):
            wanted = row[column]
            if cell.data_type == "n" and cell.value is not None:
                assert float(wanted) == pytest.approx(cell.value, rel=1e-14)
            elif wanted in ("inf", "-inf"):
                assert cell.value in ("\u221e", "\u2212\u221e")
            else:
                assert (cell.value or "") == wanted


def test_the_workbook_shows_as_many_digits_as_a_journal(run, book):
    sheet = book["Estimates"]
    header, *lines = sheet.iter_rows()
    columns = {cell.value: place for place, cell in enumerate(header)}
    rows = read_estimates(run[0] / "estimates.csv")
    seen = set()
    for line, row in zip(lines, rows, strict=True):
        cell = line[columns["estimate"]]
        if cell.data_type != "n" or cell.value is None:
            continue
        shown = _shown(row, "estimate")
        pattern = cell.number_format
        if pattern.endswith("%") and row["unit"] == "proportion":
            value = f"{100 * cell.value:.{_decimals(pattern)}f}%"
        else:
            value = f"{cell.value:.{_decimals(pattern)}f}"
            value += "%" if pattern.endswith('"%"') else ""
        # Half to even against half up: the last digit of an exact tie.
        assert abs(_plain(value) - _plain(shown)) <= 10.0 ** -_decimals(pattern)
        assert _decimals(pattern) == len(shown.rstrip("%").partition(".")[2])
        seen.add(pattern)
    assert len(seen) > 3


def _decimals(pattern: str) -> int:
    return len(re.sub(r"[^0.]", "", pattern).partition(".")[2])


def _plain(shown: str) -> float:
    return float(shown.rstrip("%").replace("\u2212", "-"))


def test_a_multiverse_is_told_in_its_sentence_and_its_row(bundle, book):
    said = [b for b in bundle[1]["blocks"] if b["kind"] == "bullets"]
    items = ["".join(p["words"] for p in item) for b in said for item in b["items"]]
    (line,) = [item for item in items if "All 3 specifications" in item]
    assert "(grid ties, individual data)" in line
    header, row = book["Multiverse"].iter_rows()
    cells = {h.value: c for h, c in zip(header, row, strict=True)}
    assert cells["estimate_low"].number_format == "0.00"
    assert cells["estimate_low"].value == pytest.approx(0.1234567)
    assert cells["share_direction"].number_format == "0.0%"
    assert cells["p_low"].number_format == '"<0.001"'
    assert cells["specifications"].value == 3


def test_noise_and_long_times_of_the_workbook_are_shown_short():
    claim = {"claim_id": "C1", "interval_low": "0.31", "recomputed": "0.3123"}
    claim |= {"printed": "0.31", "value": "0.31", "relation": "=", "unit": ""}
    claim |= {"field": "estimate", "statistic": "mean"}
    # What two programs differ by in floating point is no difference.
    assert workbook._pattern("difference", 4.1e-17, claim) == "0.000"
    assert workbook._pattern("timepoint", 8.799452429842573, {}) == "0.0"
    assert workbook._pattern("timepoint", 8.739219712525667, {}) == "0.00"
    assert workbook._pattern("timepoint", 12.0, {}) == "0"


def test_simulated_patients_are_not_said_to_be_awaited():
    dataset = {"id": "drawn", "kind": "simulated", "rows": 0, "locator": "Abstract"}
    missing = {**dataset, "id": "patients", "kind": "individual"}
    study = {"datasets": [dataset, missing]}
    said = study_part.awaited(study)
    assert said == "Not public: patients (Abstract)."
    assert not study_part.awaited({"datasets": [dataset]})


def test_p_values_below_a_thousandth_are_shown_so(book):
    header, *lines = book["Estimates"].iter_rows()
    place = [cell.value for cell in header].index("p_value")
    small = [line[place] for line in lines if (line[place].value or 1) < 0.001]
    assert small
    assert {cell.number_format for cell in small} == {'"<0.001"'}


def test_nothing_in_the_workbook_runs(bundle, book):
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell.value
                assert cell.hyperlink is None
    notes = [cell.value for cell in book["Claims"]["U"]]
    assert "=1+1" in notes
    with zipfile.ZipFile(bundle[0] / "tables.xlsx") as opened:
        assert not any(b"<f>" in opened.read(name) for name in opened.namelist())


def test_definitions_cover_every_sheet_verdict_and_kind(book):
    said = {(row[0].value, row[1].value) for row in book["Definitions"].iter_rows()}
    for sheet in book.sheetnames:
        assert ("sheet", sheet) in said
        if sheet in ("Definitions", "Studies"):
            continue
        for cell in book[sheet][1]:
            assert (f"column of {sheet}", cell.value) in said
    verdicts = {claim.value for claim in book["Claims"]["AC"][1:]}
    assert verdicts <= {name for of, name in said if of == "verdict"}
    assert {("kind of data", "simulated"), ("kind of data", "individual")} <= said


# Numbered figures.


def test_numbered_figures_are_the_figures(run, bundle):
    folder = bundle[0] / "figures"
    figures = [b for b in bundle[1]["blocks"] if b["kind"] == "figure"]
    assert len(list(folder.glob("Figure_*.*"))) == 3 * len(figures)
    for figure in figures:
        assert re.fullmatch(r"Figure_\d\d_\w+", figure["file"])
        for ending in ("pdf", "svg", "png"):
            drawn = run[0] / "figures" / f"{figure['source']}.{ending}"
            numbered = folder / f"{figure['file']}.{ending}"
            assert numbered.read_bytes() == drawn.read_bytes()
    captions = (folder / "captions.txt").read_text(encoding="utf-8")
    assert captions.count("\n[Figure_") == len(figures)
    with zipfile.ZipFile(bundle[0] / "figures.zip") as opened:
        assert opened.testzip() is None
        assert len(opened.namelist()) == 4 * len(figures) + 1


# The same bytes, private rows, odd runs.


def _hashes(folder: Path) -> dict[str, str]:
    files = [*(folder / name for name in FILES), folder / "document.json"]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_the_same_bytes_in_another_folder_and_process(run, bundle, tmp_path):
    code = (
        "import sys, pickle; from pathlib import Path; import test_bundles as t;"
        "t._bundle(pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2]))"
    )
    other = tmp_path / "a folder elsewhere"
    other.mkdir()
    (tmp_path / "run").write_bytes(pickle.dumps(run))
    paths = [ROOT / "workflow/scripts", ROOT / "tests", ROOT / "tests/unit"]
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run"), str(other)],
        check=True,
        env={
            "PYTHONPATH": ":".join(map(str, paths)),
            "PYTHONHASHSEED": "7",
            "TZ": "Asia/Tokyo",
            "PATH": "/usr/bin:/bin",
        },
    )
    assert _hashes(other) == _hashes(bundle[0])


def test_private_rows_are_in_no_bundle(run, tmp_path):
    private = {"shared": ["patients.csv"], "hostile": ["study.yaml", "claims.csv"]}
    model = _bundle(run, tmp_path, private)
    sources = {b["source"] for b in model["blocks"] if b["kind"] == "figure"}
    assert "shared/survival" not in sources
    assert "shared/survival_sensitivity" in sources
    told = json.dumps(model)
    assert "claims:hostile" not in told
    assert "figures of single patients of shared" in told
    assert "the study hostile" in told
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx", read_only=True)
    cells = {c.value for s in book for row in s.iter_rows() for c in row}
    assert "shared" in cells
    assert "hostile" not in cells
    without = [c for c in cells if isinstance(c, str) and "without P" in c]
    assert not without
    with zipfile.ZipFile(tmp_path / "figures.zip") as opened:
        assert not any("shared_survival." in name for name in opened.namelist())
    public = openpyxl.load_workbook(tmp_path.parent / tmp_path.name / "tables.xlsx")
    estimates = public["Estimates"]
    assert any(row[1].value == "shared" for row in estimates.iter_rows(min_row=2))


def test_a_run_of_a_failed_study_alone(run, tmp_path):
    source, _, config = run
    name = "broken"
    broken = {
        "id": name,
        "status": "failed",
        "message": "broken/claims.csv, row 7: no plain number",
        "adjudication": [],
    }
    folder = tmp_path / "run"
    (folder / "checked").mkdir(parents=True)
    (folder / "checked/broken.json").write_text(json.dumps(broken))
    for table in (*TABLES, "multiverse_summary"):
        header = (source / f"{table}.csv").read_text("utf-8").partition("\n")[0]
        (folder / f"{table}.csv").write_text(header + "\n")
    overview.overview([], [], config["figures"], str(folder / "figures/overview"))
    out = tmp_path / "out"
    out.mkdir()
    model = _bundle((folder, {name: {}}, config), out)
    text = "\n".join(p.text for p in docx.Document(out / "report.docx").paragraphs)
    assert broken["message"] in text
    assert model["slides"][0]["sentence"] == broken["message"]
    with zipfile.ZipFile(out / "figures.zip") as opened:
        assert len(opened.namelist()) == 5


def test_words_of_a_study_are_never_markup(bundle, word, pdf_text):
    title = next(s["title"] for s in bundle[1]["slides"] if s["study"] == "hostile")
    clean = HOSTILE.replace("\x0b", " ")
    assert title == clean
    assert any(clean in paragraph.text for paragraph in word.paragraphs)
    assert _squeezed('&amp; #strong[x] =HYPERLINK("http://x")') in pdf_text
    deck = pptx.Presentation(io.BytesIO((bundle[0] / "slides.pptx").read_bytes()))
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert any("#strong[x]" in title for title in titles)
