"""Write the files of a drawn figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reanalysis.job import whole_file, write_text
from reanalysis.reporting import display_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from reanalysis.figures.style import Look

#: Endings of the files of a figure, all under the same stem.
ENDINGS = ("pdf", "svg", "png", "csv", "txt", "alt.txt")


class Page(Protocol):
    """A sheet, or several beside each other."""

    drawn: list[dict[str, object]]

    def figure(self) -> Figure:
        """Return the drawn figure."""


def write_figure(
    stem: str, page: Page, look: Look, *, caption: str, alt: str, title: str
) -> None:
    """Write a figure's files: drawn thrice, its numbers, caption and alternative."""
    from reanalysis.figures.sheet import DRAWN, rendered

    for ending, content in rendered(page.figure(), look, title).items():
        with whole_file(f"{stem}.{ending}", "wb") as handle:
            handle.write(content)
    write_text(
        f"{stem}.csv",
        display_tables.as_csv(DRAWN, ([row[c] for c in DRAWN] for row in page.drawn)),
    )
    write_text(f"{stem}.txt", caption)
    write_text(f"{stem}.alt.txt", f"{alt}\n")
