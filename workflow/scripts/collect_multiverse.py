"""Rule collect_multiverse: the studies' multiverses, one below the other."""

from reanalysis.job import run

run(
    "reanalysis.steps.collect_multiverse:collect_multiverse",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    specifications=snakemake.params.specifications,
    summaries=snakemake.input.summaries,
    by_study=dict(
        zip(snakemake.params.studies, snakemake.output.by_study, strict=True)
    ),
    multiverse=snakemake.output.multiverse,
    summary=snakemake.output.summary,
)
