"""Rule check: read a study folder; record what it holds or what is wrong with it."""

from reanalysis.job import run

run(
    "reanalysis.steps.check:check",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    folders=snakemake.params.folders,
    study=snakemake.wildcards.study,
    output=snakemake.output[0],
)
