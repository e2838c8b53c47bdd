"""Rule compose: what a run says, put together once."""

from reanalysis.job import run

run(
    "reanalysis.steps.compose:compose",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    tables=snakemake.input.tables,
    captions=snakemake.input.captions,
    figure_folder=f"{snakemake.params.run_folder}/figures",
    config=snakemake.params.settings,
    figures=snakemake.params.studies,
    private=snakemake.params.private,
    output=snakemake.output[0],
)
