"""The multiverses of all studies, one below the other, and of each."""

from collections.abc import Mapping, Sequence

from reanalysis.multiverse.columns import COLUMNS, SUMMARY_COLUMNS
from reanalysis.rows import read_rows, write_rows


def collect_multiverse(
    specifications: Mapping[str, Sequence[str]],
    summaries: Sequence[str],
    by_study: Mapping[str, str],
    multiverse: str,
    summary: str,
) -> None:
    """Write multiverse.csv of each study and of the run, and the summaries.

    ``specifications`` has the parts of each study, which may be none at all.
    """
    everything = []
    for study, paths in specifications.items():
        rows = [row for path in paths for row in read_rows(path)]
        write_rows(by_study[study], COLUMNS, rows)
        everything += rows
    write_rows(multiverse, COLUMNS, everything)
    lines = [row for path in summaries for row in read_rows(path)]
    write_rows(summary, SUMMARY_COLUMNS, lines)
