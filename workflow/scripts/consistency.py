"""Rule consistency: one study's printed numbers held against each other."""

from reanalysis.job import run

run(
    "reanalysis.steps.consistency:consistency",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    ranges=snakemake.output.ranges,
    found=snakemake.output.found,
)
