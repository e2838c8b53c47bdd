"""Rules panel_<name>: figures combined into one with letters."""

from reanalysis.job import run

run(
    "reanalysis.steps.panels:panels",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    estimates=snakemake.input.estimates,
    claims=snakemake.input.claims,
    parts=snakemake.params.parts,
    looks=snakemake.params.looks,
    output=snakemake.output.pdf,
)
