"""Rule analysis_results: the estimates of a run as one analysis results dataset."""

from reanalysis.job import run

run(
    "reanalysis.steps.analysis_results:write",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    estimates=snakemake.input.estimates,
    checked=snakemake.input.checked,
    methods=snakemake.input.methods,
    output=snakemake.output[0],
)
