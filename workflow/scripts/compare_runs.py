"""Rule compare_runs: finished runs side by side."""

from reanalysis.job import run

run(
    "reanalysis.steps.compare_runs:compare_runs",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    runs=snakemake.params.runs,
    content=snakemake.params.content,
    looks=snakemake.params.looks,
    folder=snakemake.params.run_folder,
)
