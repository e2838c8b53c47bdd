"""Rule overview: the scoreboard and the evidence map of all studies."""

from reanalysis.job import run

run(
    "reanalysis.steps.overview:overview",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    claims=snakemake.input.claims,
    looks=snakemake.params.looks,
    folder=f"{snakemake.params.run_folder}/figures/overview",
)
