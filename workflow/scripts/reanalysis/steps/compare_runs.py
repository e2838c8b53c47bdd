"""Finished runs side by side."""

import sys
from collections.abc import Mapping

from reanalysis.errors import InputError
from reanalysis.finished_runs import read_run
from reanalysis.job import write_text
from reanalysis.reporting import moved_figure
from reanalysis.reporting.comparison_page import compared, page, summary
from reanalysis.rows import write_rows
from reanalysis.run_differences import (
    DIFFERENCE_COLUMNS,
    ESTIMATE_COLUMNS,
    VERDICT_COLUMNS,
)


def compare_runs(
    runs: Mapping[str, str], content: Mapping[str, str], looks: Mapping, folder: str
) -> None:
    """Write the comparison of runs with the first of them.

    ``runs`` are their folders by name, ``content`` the hash of what is in each.
    """
    try:
        first, *others = [read_run(runs[name], content[name]) for name in runs]
    except InputError as error:
        sys.exit(str(error))
    comparisons = [compared(first, other) for other in others]
    tables = {
        "differences": (DIFFERENCE_COLUMNS, [c.differences for c in comparisons]),
        "verdicts": (VERDICT_COLUMNS, [c.verdicts for c in comparisons]),
        "estimates": (ESTIMATE_COLUMNS, [c.moves for c in comparisons]),
    }
    for name, (columns, parts) in tables.items():
        rows = [row for part in parts for row in part]
        write_rows(f"{folder}/{name}.csv", columns, rows)
    figures = {c.b: f"{folder}/moved_{c.b}" for c in comparisons}
    for c in comparisons:
        moved_figure.write(c.moves, (c.a, c.b), looks, figures[c.b])
    write_text(f"{folder}/index.html", page(comparisons, figures))
    write_text(f"{folder}/summary.txt", summary(comparisons))
