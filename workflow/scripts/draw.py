"""Rules draw_<study>: the figures of one study."""

from reanalysis.job import run

run(
    "reanalysis.steps.draw:draw",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    drawn=snakemake.input.drawn,
    estimates=snakemake.input.estimates,
    claims=snakemake.input.claims,
    figures=snakemake.params.figures,
    looks=snakemake.params.looks,
    folder=f"{snakemake.params.run_folder}/figures/{snakemake.params.study}",
    state=snakemake.output.state,
)
