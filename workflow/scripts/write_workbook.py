"""Rule write_workbook: all tables of a run in one workbook."""

from reanalysis.job import run

run(
    "reanalysis.steps.write_workbook:write_workbook",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    document=snakemake.input.document,
    checked=snakemake.input.checked,
    tables=snakemake.input.tables,
    private=snakemake.params.private,
    output=snakemake.output[0],
)
