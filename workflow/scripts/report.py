"""Rule write_report: the results of a run as one page."""

from reanalysis.job import run

run(
    "reanalysis.steps.report:report",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    tables=snakemake.input.tables,
    figure_folder=f"{snakemake.params.run_folder}/figures",
    title=snakemake.params.title,
    studies=snakemake.params.studies,
    output=snakemake.output[0],
)
