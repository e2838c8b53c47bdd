"""Time the report page of a finished run in a real browser, and weigh it.

    python benchmarks/report_page.py results/primary/report/index.html [--times 5]

Prints the tables of report_page.md: bytes by what they hold; then, for each way to
open the page, the median time until the browser has read it, until its script is
done, until everything has loaded, and until a click is answered after that.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Resolves when the browser has painted after all was loaded.
LOADED = """() => new Promise(done => {
    const painted = () => requestAnimationFrame(() => setTimeout(() => {
        const [n] = performance.getEntriesByType("navigation");
        done([n.domInteractive, n.domContentLoadedEventEnd, n.loadEventEnd]);
    }));
    document.readyState === "complete" ? painted() : addEventListener("load", painted);
})"""
#: Resolves when a change of the filter has been painted, with the time that took.
FILTERED = """() => new Promise(done => {
    location.hash = "#numbers";
    setTimeout(() => {
        const start = performance.now();
        const find = document.getElementById("find");
        find.value = "median";
        find.dispatchEvent(new Event("input", { bubbles: true }));
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    }, 500);
})"""


def opened(browser: Browser, address: str, times: int) -> list[float]:
    """Return the median times of opening an address, and of the first filter."""
    found = []
    for _ in range(times):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address, wait_until="commit")
        found.append([*page.evaluate(LOADED), page.evaluate(FILTERED)])
        page.close()
    return [statistics.median(column) for column in zip(*found, strict=True)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    text = given.page.read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="(data:image/(?:svg\+xml|png)[^"]*)"', text)
    drawn = [source for source in pictures if "svg" in source[:16]]
    print("| part | pieces | MB |\n| --- | ---: | ---: |")
    for name, parts in (
        ("whole page", [text]),
        ("drawings", drawn),
        ("pixels", [source for source in pictures if source not in set(drawn)]),
        ("all else", [re.sub(r'src="data:[^"]*"', "", text)]),
    ):
        size = sum(len(part.encode()) for part in parts) / 1e6
        print(f"| {name} | {len(parts)} | {size:.2f} |")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise SystemExit(f"No browser found; looked for {', '.join(NAMES)}.")
    studies = re.findall(r'<section class="study" id="(study-[^"]*)"', text)
    longest = max(studies, key=lambda name: text.count(f'id="claim-{name[6:]}-'))
    print("\n| opened at | read | script done | loaded | filtered |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        opened(browser, given.page.resolve().as_uri(), 1)
        for place in ("", "#numbers", f"#{longest}", "#all"):
            address = f"{given.page.resolve().as_uri()}{place}"
            times = opened(browser, address, given.times)
            shown = " | ".join(f"{t / 1000:.2f} s" for t in times)
            print(f"| {place or 'overview'} | {shown} |")
        browser.close()


if __name__ == "__main__":
    main()
