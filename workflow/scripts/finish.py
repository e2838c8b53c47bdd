"""Rule finish: fail the run if a study failed, and say which and why."""

from reanalysis.job import run

run(
    "reanalysis.steps.finish:finish",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    claims=snakemake.input.claims,
    output=snakemake.output[0],
)
