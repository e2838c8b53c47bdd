"""Rule collect: the studies' tables, one below the other."""

from pathlib import Path

from reanalysis.job import guarded, whole_file


def collect(parts: dict[str, list[str]], outputs: dict[str, str]) -> None:
    """Concatenate the csv parts of every table under one header."""
    for table, paths in parts.items():
        with whole_file(outputs[table]) as handle:
            for number, path in enumerate(paths):
                header, _, body = Path(path).read_text(encoding="utf-8").partition("\n")
                if number == 0:
                    handle.write(header + "\n")
                handle.write(body)


if __name__ == "__main__":
    with guarded(snakemake.params.run_folder, snakemake.log[0]):
        tables = ("estimates", "claims", "checks", "sensitivity", "requests")
        collect(
            parts={table: list(snakemake.input[table]) for table in tables},
            outputs={table: snakemake.output[table] for table in tables},
        )
