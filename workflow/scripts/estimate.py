"""Rules of the method families: one study, one method, all its specifications."""

from reanalysis.job import run

run(
    "reanalysis.steps.estimate:estimate",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    method=snakemake.params.method,
    settings=snakemake.params.settings,
    members=snakemake.input.get("members", []),
    estimates=snakemake.output.estimates,
    drawn=snakemake.output.drawn,
    reach=snakemake.output.reach,
)
