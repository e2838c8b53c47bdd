"""Rule number_figures: the figures under the numbers of the documents."""

from reanalysis.job import run

run(
    "reanalysis.steps.numbered_figures:copy",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    document=snakemake.input.document,
    figures=f"{snakemake.params.run_folder}/figures",
    output=snakemake.output[0],
)
