"""The figures of a run under the numbers they have in its documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reanalysis.bundles.document import words_of
from reanalysis.reporting.fixed_bytes import archive

#: What a numbered figure consists of; its numbers as drawn go into the archive too.
ENDINGS = ("pdf", "svg", "png")


def numbered_files(model: Mapping, folder: str) -> Iterator[tuple[str, Path]]:
    """Yield the name of each numbered file and where its content is."""
    for figure in _figures(model):
        for ending in ENDINGS:
            yield (
                f"{figure['file']}.{ending}",
                Path(folder, f"{figure['source']}.{ending}"),
            )


def captions_of(model: Mapping) -> str:
    """Return all captions with their numbers, as plain text."""
    return "\n".join(
        f"Figure {figure['number']}. {words_of(figure['caption'])}\n"
        f"[{figure['file']}]\n"
        for figure in _figures(model)
    )


def figure_archive(model: Mapping, folder: str) -> bytes:
    """Return all numbered figures, the numbers drawn and the captions in one file."""
    parts = {"figures/captions.txt": captions_of(model).encode()}
    for name, path in numbered_files(model, folder):
        parts[f"figures/{name}"] = path.read_bytes()
    for figure in _figures(model):
        source = Path(folder, f"{figure['source']}.csv")
        parts[f"figures/{figure['file']}.csv"] = source.read_bytes()
    return archive(parts)


def _figures(model: Mapping) -> list[Mapping]:
    return [block for block in model["blocks"] if block["kind"] == "figure"]
