"""Rule write_word: the document of a run for Word."""

from reanalysis.job import run

run(
    "reanalysis.steps.write_word:write_word",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    document=snakemake.input.document,
    figures=f"{snakemake.params.run_folder}/figures",
    output=snakemake.output[0],
)
