"""Rule run_crate: the run as a research object that lists what it was made from."""

from reanalysis.job import run

run(
    "reanalysis.steps.run_crate:pack",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    folder=snakemake.params.run_folder,
    code=snakemake.params.project,
    studies=snakemake.params.studies,
    public=snakemake.params.public,
    checked=snakemake.input.checked,
    states=snakemake.input.states,
    made=snakemake.input.made,
    title=snakemake.params.title,
    output=snakemake.output.metadata,
)
