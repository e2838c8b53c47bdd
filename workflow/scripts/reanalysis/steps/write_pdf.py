"""The document of a run as PDF."""

from reanalysis.bundles.pdf import pdf_file
from reanalysis.job import whole_file


def write_pdf(document: str, figures: str, output: str) -> None:
    """Write report.pdf."""
    content = pdf_file(document, figures)
    with whole_file(output, "wb") as handle:
        handle.write(content)
