"""The document of a run as slides."""

import json
from pathlib import Path

from reanalysis.bundles.slides import slides_file
from reanalysis.job import whole_file


def write_slides(document: str, figures: str, output: str) -> None:
    """Write slides.pptx."""
    model = json.loads(Path(document).read_text(encoding="utf-8"))
    content = slides_file(
        model, lambda place: Path(figures, f"{place}.png").read_bytes()
    )
    with whole_file(output, "wb") as handle:
        handle.write(content)
