"""Rule write_pdf: the document of a run as PDF."""

from reanalysis.job import run

run(
    "reanalysis.steps.write_pdf:write_pdf",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    document=snakemake.input.document,
    figures=f"{snakemake.params.run_folder}/figures",
    output=snakemake.output[0],
)
