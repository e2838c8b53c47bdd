"""Rule overview: the scoreboard of printed against recomputed numbers."""

from reanalysis.job import run

run(
    "reanalysis.steps.overview:overview",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    claims=snakemake.input.claims,
    looks=snakemake.params.looks,
    output=snakemake.output.png,
)
