"""The studies' tables, one below the other."""

from pathlib import Path

from reanalysis.job import whole_file


def collect(parts: dict[str, list[str]], outputs: dict[str, str]) -> None:
    """Concatenate the csv parts of every table under one header."""
    for table, paths in parts.items():
        with whole_file(outputs[table]) as handle:
            for number, path in enumerate(paths):
                header, _, body = Path(path).read_text(encoding="utf-8").partition("\n")
                if number == 0:
                    handle.write(header + "\n")
                handle.write(body)
