"""Rules present_<study>: the figures and tables of one study."""

from reanalysis.job import run

run(
    "reanalysis.steps.present:present",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    estimates=snakemake.input.estimates,
    claims=snakemake.input.claims,
    sensitivity=snakemake.input.sensitivity,
    figures=snakemake.params.figures,
    looks=snakemake.params.looks,
    figure_folder=f"{snakemake.params.run_folder}/figures/{snakemake.params.study}",
    table_folder=f"{snakemake.params.run_folder}/tables/{snakemake.params.study}",
    state=snakemake.output.state,
)
