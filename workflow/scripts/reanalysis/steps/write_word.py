"""The document of a run for Word."""

import json
from pathlib import Path

from reanalysis.bundles.word import word_file
from reanalysis.job import whole_file


def write_word(document: str, figures: str, output: str) -> None:
    """Write report.docx."""
    model = json.loads(Path(document).read_text(encoding="utf-8"))
    content = word_file(model, lambda place: Path(figures, f"{place}.png").read_bytes())
    with whole_file(output, "wb") as handle:
        handle.write(content)
