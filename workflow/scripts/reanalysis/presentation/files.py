"""Write the files of a drawn figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reanalysis.job import whole_file, write_text
from reanalysis.reporting import display_tables

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet


def write_figure(
    stem: str, sheet: Sheet, caption: str, rendered: object, look: object, title: str
) -> None:
    """Write a figure's five files."""
    from reanalysis.figures.sheet import DRAWN

    for ending, content in rendered(sheet.figure(), look, title).items():
        with whole_file(f"{stem}.{ending}", "wb") as handle:
            handle.write(content)
    write_text(
        f"{stem}.csv",
        display_tables.as_csv(DRAWN, ([row[c] for c in DRAWN] for row in sheet.drawn)),
    )
    write_text(f"{stem}.txt", caption)
