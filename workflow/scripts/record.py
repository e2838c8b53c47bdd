"""Rule record: the merged settings and the provenance of a run."""

from reanalysis.job import run

run(
    "reanalysis.steps.record:record",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    config=snakemake.params.config,
    checked=snakemake.input.checked,
    merged=snakemake.output.config,
    output=snakemake.output.provenance,
)
