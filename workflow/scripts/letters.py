"""Rule letters: the letters to the authors of all studies."""

from reanalysis.job import run

run(
    "reanalysis.steps.letters:letters",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    folders=snakemake.params.folders,
    run=snakemake.params.run_folder,
)
