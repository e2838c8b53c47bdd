"""The report in a real browser: by keyboard, on paper, in the dark, and unharmed.

The browser is the one of the system, or one that playwright has installed; where there
is none these tests are skipped, and say so.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_studies
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pypdf import PdfReader
from small_report import ROOT, SmallRun, results

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Tries to run something, each in its own place.
TRIES = {
    "title": "</title><script>window.hacked = 1</script>",
    "label": "<img src=x onerror='window.hacked = 2'>",
    "quote": "\"><script>window.hacked = 3</script><a href='",
    "printed": '=HYPERLINK("http://example.invalid/","0.08")',
    "group": "=1+1",
    "citation": "<svg onload=window.hacked=4> & {{ 7 * 7 }}",
}
#: A multiverse of the made study.
GRID = {
    "method": "cox",
    "studies": "made",
    "analyses": "survival_cox",
    "statistic": "hazard_ratio",
    "choices": {
        "ties": ["efron", "breslow"],
        "population": ["as_declared", "everyone"],
    },
}

expect.set_options(timeout=20_000)


def _hostile() -> small_studies.Files:
    files = small_studies.good(small_studies.SURVIVAL)
    study = (
        str(files["study.yaml"])
        .replace("[T, S]", f"[T, '{TRIES['group']}']")
        .replace("title: A made trial", f'title: "{TRIES["title"]}"')
        .replace("label: All patients", f'label: "{TRIES["label"]}"')
        .replace("Made for a test", f'"{TRIES["citation"]}"')
    )
    columns = small_studies.CLAIMS_HEADER.strip().split(",")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    shared = {"relation": "words", "source": "paper", "locator": "Table 2"}
    writer.writerow(
        {
            **shared,
            "claim_id": "C1",
            "analysis": "responses",
            "population": "everyone",
            "endpoint": "Response",
            "group": "T",
            "reference": TRIES["group"],
            "statistic": "odds_ratio",
            "field": "p_value",
            "printed": "not significant",
            "role": "check",
            "quote": TRIES["quote"],
        }
    )
    writer.writerow(
        {
            **shared,
            "claim_id": "C2",
            "endpoint": TRIES["label"],
            "statistic": "statement",
            "field": "estimate",
            "printed": TRIES["printed"],
            "role": "context",
            "note": "@SUM(1)",
        }
    )
    rows = str(files["patients.csv"]).replace(",S,", f",{TRIES['group']},")
    return {
        **files,
        "study.yaml": study,
        "claims.csv": text.getvalue(),
        "patients.csv": rows,
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run of a real study, a made one and one that tries to run something."""
    folder = tmp_path_factory.mktemp("report")
    made = small_studies.good(
        small_studies.SURVIVAL, small_studies.COX, small_studies.AGE
    )
    return results(
        folder / "run",
        {
            "hostile": small_studies.write(folder / "hostile", _hostile(), "hostile"),
            "made": small_studies.write(folder / "made", made, "made"),
            "kamen2022": ROOT / "data" / "kamen2022",
        },
        grids={"survival_ties": GRID},
        drawn=True,
    )


@pytest.fixture(scope="module")
def address(small: SmallRun) -> str:
    output = small.folder / "report" / "index.html"
    small.write(output, "A <b>report</b>")
    return output.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = [*filter(None, map(shutil.which, NAMES))]
        own = playwright.chromium.executable_path
        if Path(own).exists():
            found.append(own)
        if not found:
            pytest.skip(f"no browser on this machine: no {', no '.join(NAMES)}")
        browser = playwright.chromium.launch(
            executable_path=found[0], args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page at its start; whatever it complains of or asks for fails the test."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = opened(context)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.goto(address)
        yield page
        assert said == []
        assert {url for url in asked if not url.startswith("data:")} == {address}


def opened(context: BrowserContext) -> Page:
    """A page that waits as long as a busy machine needs."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def at(page: Page, fragment: str) -> None:
    """Follow an address within the page."""
    page.evaluate(
        """hash => new Promise(done => {
            if (location.hash === hash) done();
            addEventListener("hashchange", () => done(), { once: true });
            location.hash = hash;
        })""",
        fragment,
    )


def everything_open(page: Page) -> None:
    """Open what is folded, and lay out what is out of sight."""
    page.evaluate(
        """() => new Promise(done => {
            document.querySelectorAll("details").forEach(d => { d.open = true; });
            document.querySelectorAll(".page").forEach(p => {
                p.style.contentVisibility = "visible";
            });
            setTimeout(done, 100);
        })"""
    )


def shown(page: Page) -> list[str]:
    """The pages on show, by the id of their section."""
    return page.evaluate(
        "[...document.querySelectorAll('.page:not([hidden])')]"
        ".map(page => page.firstElementChild.id)"
    )


def numbers(page: Page) -> list[str]:
    """The claims on show in the table of all numbers, in order."""
    return page.locator(".numbers tbody tr:visible th a").all_inner_texts()


def focused(page: Page) -> str:
    return page.evaluate(
        "document.activeElement.id || document.activeElement.textContent.trim()"
    )


def test_one_page_at_a_time(page):
    assert shown(page) == ["overview"]
    at(page, "#study-made")
    assert shown(page) == ["study-made"]
    expect(page.locator("#title-made")).to_be_visible()
    assert page.title() == "A made trial – A <b>report</b>"
    at(page, "#all")
    assert len(shown(page)) == 3 + 3
    at(page, "#no-such-place")
    assert shown(page) == ["overview"]
    at(page, "#%")
    assert shown(page) == ["overview"]


def test_what_is_not_on_show_is_still_found(page):
    """Searching in the page reveals it, by an event of the browser."""
    hidden = page.locator(".page", has=page.locator("#study-made"))
    expect(hidden).to_have_attribute("hidden", "until-found")
    page.locator("#study-made p").first.dispatch_event("beforematch")
    assert shown(page) == ["study-made"]
    assert page.url.endswith("#study-made")


def test_a_claim_opens_what_is_folded(page):
    at(page, "#claim-hostile-C2")  # among those kept as context
    row = page.locator("#claim-hostile-C2")
    expect(row).to_be_visible()
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()
    assert shown(page) == ["study-hostile"]
    page.reload()
    expect(row).to_be_in_viewport()


def test_a_verdict_leads_to_figure_estimate_and_source(page):
    for kind, target in (
        ("figure of", "figure-made-responses"),
        ("estimate for", "estimate-made:responses:"),
        ("source of", "source-made-paper"),
    ):
        at(page, "#claim-made-C1")
        page.locator("#claim-made-C1").get_by_label(f"{kind} C1").press("Enter")
        expect(page).to_have_url(re.compile(f"#{target}"))
        assert focused(page).startswith(target)
        expect(page.locator(f'[id="{focused(page)}"]')).to_be_in_viewport()


def test_the_skip_link_comes_first(page):
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    assert focused(page) == "main"
    assert shown(page) == ["overview"]


def test_filter_by_keyboard(page):
    at(page, "#numbers")
    everything = numbers(page)
    assert len(everything) > 20
    page.locator("#numbers #find").focus()
    page.keyboard.type("response fisher")
    found = page.locator("#found")
    # Words of the quotes and reasons, which stand in the studies' sections.
    assert 0 < len(numbers(page)) < len(everything)
    expect(found).to_have_text(
        f"{len(numbers(page))} of {len(everything)} printed numbers"
    )
    page.locator("#find").fill("")
    page.keyboard.press("Tab")
    page.keyboard.type("made")
    assert numbers(page) == ["C1", "C2", "C3"]
    page.locator("input[value=context]").focus()
    page.keyboard.press("Space")
    assert numbers(page) == ["C3"]
    assert page.url.endswith("#numbers?study=made&verdict=context")
    page.reload()  # the address says what is shown
    assert numbers(page) == ["C3"]
    expect(page.locator("input[value=context]")).to_be_checked()
    page.get_by_role("button", name="Show all").press("Enter")
    expect(found).to_have_text(
        f"{len(everything)} of {len(everything)} printed numbers"
    )
    assert numbers(page) == everything
    assert page.url.endswith("#numbers")


def test_sort_by_keyboard(page):
    at(page, "#numbers?study=made")
    header = page.locator("th[data-sort=printed]")
    button = header.get_by_role("button", name="Printed")
    button.focus()
    assert header.get_attribute("aria-sort") is None
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert numbers(page) == ["C1", "C2", "C3"]  # 0.08, 83, no number
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    assert numbers(page) == ["C2", "C1", "C3"]
    assert page.url.endswith("study=made&sort=printed%3Adown")
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") is None
    assert numbers(page) == ["C1", "C2", "C3"]
    at(page, "#numbers?sort=verdict")
    verdicts = page.locator(".numbers tbody tr").evaluate_all(
        "rows => rows.map(row => row.dataset.verdict)"
    )
    names = page.locator("#filter input").evaluate_all(
        "boxes => boxes.map(b => b.value)"
    )
    order = [names.index(verdict) for verdict in verdicts]
    assert order == sorted(order)
    assert len(set(order)) > 2


def test_counts_lead_to_the_numbers_counted(page):
    cell = page.locator(".index tbody tr", has_text="kamen2022").locator("td.number a")
    for link in range(cell.count()):
        at(page, "#studies")
        count = int(cell.nth(link).inner_text())
        cell.nth(link).press("Enter")
        expect(page.locator("#found")).to_have_text(re.compile(f"^{count} of "))
        assert len(numbers(page)) == count


def test_text_from_a_study_runs_nothing(page):
    at(page, "#all")
    text = page.locator("main").text_content()
    for words in TRIES.values():
        assert words in text
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == 1
    links = page.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(links) <= {"file:", "http:", "https:"}


def test_the_policy_holds(browser, address):
    """Even markup that got into the page runs nothing and reaches nobody."""
    with browser.new_context() as context:
        page = opened(context)
        failed: dict[str, str | None] = {}
        page.on("requestfailed", lambda r: failed.update({r.url: r.failure}))
        page.goto(address)
        broken = page.evaluate(
            """async () => {
                const broken = [];
                addEventListener("securitypolicyviolation", event => broken.push(event.effectiveDirective));
                const add = (tag, given) => document.body.append(Object.assign(document.createElement(tag), given));
                add("script", { textContent: "window.ran = 1" });
                add("img", { src: "http://example.invalid/x.png" });
                add("style", { textContent: "body { color: red }" });
                const link = document.createElement("a");
                link.setAttribute("onclick", "window.ran = 2");
                document.body.append(link);
                link.click();
                await fetch("http://example.invalid/").catch(() => {});
                await new Promise(resolve => setTimeout(resolve, 100));
                return broken;
            }"""
        )
        assert set(broken) == {
            "script-src-elem",
            "script-src-attr",
            "img-src",
            "style-src-elem",
            "connect-src",
        }
        assert page.evaluate("window.ran") is None
        assert failed == {"http://example.invalid/x.png": "csp"}


def test_no_cell_for_spreadsheets_is_a_formula(small):
    guarded = 0
    for table in sorted((small.folder / "tables" / "hostile").glob("*.csv")):
        with open(table, encoding="utf-8", newline="") as handle:
            for cell in (cell for row in csv.reader(handle) for cell in row):
                assert re.fullmatch(
                    r"[-+]?[\d.e+-]*|[^=+@\t\r\n-].*", cell, re.DOTALL
                ), cell
                guarded += cell.startswith(("'=", "'@"))
    assert guarded > 3
    # The files for programs keep what is printed, digit by digit.
    with open(small.folder / "claims.csv", encoding="utf-8", newline="") as handle:
        assert TRIES["printed"] in {row["printed"] for row in csv.DictReader(handle)}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing(browser, address, scheme, width):
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    ) as context:
        page = opened(context)
        page.goto(f"{address}#all")
        everything_open(page)
        found = Axe().run(page).response["violations"]
        assert [(f["id"], f["impact"], f["nodes"][0]["html"]) for f in found] == []


def test_light_and_dark(browser, address):
    with browser.new_context(color_scheme="dark") as context:
        page = opened(context)

        def brightness(selector: str) -> int:
            color = page.locator(selector).first.evaluate(
                "element => getComputedStyle(element).backgroundColor"
            )
            return sum(map(int, re.findall(r"\d+", color)[:3]))

        page.goto(f"{address}#study-made")
        button = page.get_by_role("button", name="Dark")
        expect(button).to_have_attribute("aria-pressed", "true")
        assert brightness("body") < 150
        assert brightness("#study-made figure img") == 3 * 255
        button.press("Enter")
        expect(button).to_have_attribute("aria-pressed", "false")
        assert brightness("body") == 3 * 255
        page.reload()  # remembered
        assert brightness("body") == 3 * 255
        button.press("Enter")
        page.emulate_media(media="print")
        assert brightness("body") == 3 * 255


def test_on_paper(page):
    at(page, "#study-hostile")
    sheets = PdfReader(io.BytesIO(page.pdf())).pages
    text = "".join("".join(sheet.extract_text() for sheet in sheets).split())
    # What is on show, what is folded in it, nothing else and nothing to click.
    for words in (TRIES["title"], TRIES["printed"], "It misleads where few patients"):
        assert words.replace(" ", "") in text
    for words in ("kamen2022", "Everything on one page", "Files: pdf"):
        assert words.replace(" ", "") not in text
    expect(page.locator("#study-hostile details").first).not_to_have_attribute(
        "open", ""
    )
    at(page, "#numbers?study=made")
    page.emulate_media(media="print")
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator(".top")).to_be_hidden()
    assert numbers(page) == ["C1", "C2", "C3"]


def test_figures_are_there_and_described(page):
    at(page, "#study-made")
    images = page.locator("#study-made figure img")
    assert images.count() >= 3
    said = []
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 100
        said.append(image.get_attribute("alt"))
    # Each says what is seen, with its numbers.
    assert all(re.search(r"^A made trial: .*\d", alt) for alt in said)
    assert len(set(said)) == len(said)


def test_a_multiverse_is_part_of_its_study(page):
    # So the other tests of this page, axe's too, go through this section.
    at(page, "#multiverse-made")
    told = page.get_by_role("table", name="Every combination of choices of made")
    expect(told).to_be_visible()
    said = page.locator("#study-made p", has_text="survival ties")
    expect(said).to_contain_text("4 combinations of ties and population")
    figure = "#figure-made-survival_cox_multiverse_survival_ties"
    said.locator(f'a[href="{figure}"]').click()
    expect(page.locator(f"{figure} img")).to_be_visible()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(browser, address, width):
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        page = opened(context)
        for fragment in (
            "",
            "#numbers",
            "#consistency",
            "#study-kamen2022",
            "#study-made",
            "#all",
        ):
            page.goto(f"{address}{fragment}")
            everything_open(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (
                fragment
            )
        # A table that is can be scrolled by keyboard, and says what it is.
        for wide in page.locator(".scroll").all():
            if wide.evaluate("table => table.scrollWidth > table.clientWidth + 1"):
                expect(wide).to_have_attribute("tabindex", "0")
                assert wide.get_attribute("aria-label")


def test_without_scripts(browser, address):
    with browser.new_context(java_script_enabled=False) as context:
        page = opened(context)
        page.goto(address)
        for place in ("#overview", "#numbers", "#study-made", "#study-kamen2022"):
            expect(page.locator(place)).to_be_visible()
        expect(page.locator("#filter")).to_be_hidden()
        page.goto(f"{address}#claim-made-C1")
        expect(page.locator("#claim-made-C1")).to_be_in_viewport()
        expect(page.locator("#overview")).to_be_hidden()


def test_a_link_to_a_number_is_copied(browser, address):
    with browser.new_context(
        permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        page = opened(context)
        page.goto(f"{address}#study-made")
        page.locator("#claim-made-C2 .share").press("Enter")
        expect(page.locator("#told")).to_have_text("The link to C2 is copied.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{address}#claim-made-C2"


def test_the_browser_is_looked_for_by_these_names():
    """The names that .ci/run and this file look for are the same."""
    text = Path(ROOT, ".ci", "run").read_text(encoding="utf-8")
    assert all(name in text for name in NAMES)
