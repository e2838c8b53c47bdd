"""The estimates of a run as one analysis results dataset."""

import csv
import gzip
import io

from reanalysis import analysis_results
from reanalysis.failures import failures
from reanalysis.job import whole_file
from reanalysis.rows import read_rows


def write(estimates: str, checked: list[str], methods: list[str], output: str) -> None:
    """Write the dataset as compressed csv.

    ``methods`` are work/<study>/<method>.json, which say what failed.
    """
    with (
        whole_file(output, "wb") as file,
        # Without a name and a time in its header, equal runs give equal bytes.
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(analysis_results.COLUMNS)
        writer.writerows(analysis_results.records(read_rows(estimates)))
        writer.writerows(analysis_results.missing(failures(checked, methods)))
