"""Rules members_<study>: the members of a study's ensembles."""

from reanalysis.job import run

run(
    "reanalysis.steps.members:members",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    wanted=snakemake.params.members,
    seed=snakemake.params.seed,
    files=dict(
        zip(snakemake.params.datasets, map(str, snakemake.output.files), strict=True)
    ),
    state=snakemake.output.state,
)
