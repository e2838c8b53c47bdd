"""Rules of the multiverse: one study, one method, every combination of its grids."""

from reanalysis.job import run

run(
    "reanalysis.steps.multiverse:multiverse",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    folders=snakemake.params.folders,
    members=list(snakemake.input.members),
    method=snakemake.params.method,
    settings=snakemake.params.settings,
    specifications=snakemake.output.specifications,
    summaries=snakemake.output.summaries,
    curves=snakemake.output.curves,
)
