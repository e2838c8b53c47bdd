"""The results of a run as one page."""

from collections.abc import Mapping
from pathlib import Path

from reanalysis.job import write_text
from reanalysis.reporting.report import page_data, render


def report(
    checked: list[str],
    drawn: list[str],
    tables: list[str],
    figure_folder: str,
    title: str,
    studies: Mapping[str, Mapping[str, str]],
    output: str,
) -> None:
    """Write the page; ``studies`` maps each study to its figures' analyses."""
    by_name = {Path(path).stem: path for path in tables}
    page = page_data(checked, drawn, by_name, figure_folder, title, studies)
    write_text(output, render(page))
