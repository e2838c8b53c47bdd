"""Rule write_slides: the document of a run as slides."""

from reanalysis.job import run

run(
    "reanalysis.steps.write_slides:write_slides",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    document=snakemake.input.document,
    figures=f"{snakemake.params.run_folder}/figures",
    output=snakemake.output[0],
)
