"""The document of a run as PDF, laid out by Typst with fonts that libraries bring."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typst

_TEMPLATE = Path(__file__).with_name("report.typ")


def pdf_file(document: str, figures: str) -> bytes:
    """Return the PDF of a document (work/document.json).

    ``figures`` is the run's folder of figures, whose PDF are taken in as they are.
    Neither fonts of the computer nor the network are used.
    """
    return typst.compile(
        str(_TEMPLATE),
        root="/",  # the template lies with the code, the figures with the results
        font_paths=[str(_fallback_fonts())],
        ignore_system_fonts=True,
        sys_inputs={
            "document": str(Path(document).resolve()),
            "figures": str(Path(figures).resolve()),
        },
    )


def _fallback_fonts() -> Path:
    """Return where Matplotlib keeps DejaVu, which has the signs Libertinus lacks."""
    matplotlib = find_spec("matplotlib")
    return Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
