"""Rule overview: the scoreboard of printed against recomputed numbers."""

from collections.abc import Mapping
from pathlib import Path

from reanalysis import scoreboard
from reanalysis.job import guarded
from reanalysis.rows import read_rows


def overview(claims: str, looks: Mapping, output: str) -> None:
    """Write the scoreboard; ``output`` is any of its files."""
    scoreboard.write(read_rows(claims), looks, str(Path(output).with_suffix("")))


if __name__ == "__main__":
    with guarded(snakemake.params.run_folder, snakemake.log[0]):
        overview(
            claims=snakemake.input.claims,
            looks=snakemake.params.looks,
            output=snakemake.output.png,
        )
