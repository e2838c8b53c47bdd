"""The figures of a run under the numbers of its documents."""

import json
import shutil
from pathlib import Path

from reanalysis.bundles.figure_files import captions_of, figure_archive, numbered_files
from reanalysis.job import whole_file, write_text


def copy(document: str, figures: str, output: str) -> None:
    """Write the folder of numbered figures; it appears once it is complete."""
    model = json.loads(Path(document).read_text(encoding="utf-8"))
    folder, partial = Path(output), Path(f"{output}_unfinished")
    for old in (partial, folder):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, source in numbered_files(model, figures):
        shutil.copyfile(source, partial / name)
    write_text(partial / "captions.txt", captions_of(model))
    partial.rename(folder)


def pack(document: str, figures: str, output: str) -> None:
    """Write figures.zip."""
    model = json.loads(Path(document).read_text(encoding="utf-8"))
    with whole_file(output, "wb") as handle:
        handle.write(figure_archive(model, figures))
