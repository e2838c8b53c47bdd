"""Rule collect: the studies' tables, one below the other."""

from reanalysis.job import run

TABLES = ("estimates", "claims", "checks", "sensitivity", "requests")

run(
    "reanalysis.steps.collect:collect",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    parts={table: list(snakemake.input[table]) for table in TABLES},
    outputs={table: snakemake.output[table] for table in TABLES},
)
