"""Rule compare: one study's claims against its estimates."""

from reanalysis.job import run

run(
    "reanalysis.steps.compare:compare",
    run_folder=snakemake.params.run_folder,
    log=snakemake.log[0],
    checked=snakemake.input.checked,
    families=snakemake.input.families,
    ranges=snakemake.input.ranges,
    found=snakemake.input.found,
    reach=snakemake.input.reach,
    members=snakemake.input.members,
    estimates=snakemake.output.estimates,
    claims=snakemake.output.claims,
    checks=snakemake.output.checks,
    moves=snakemake.output.sensitivity,
    requests=snakemake.output.requests,
    shown=f"{snakemake.params.run_folder}/tables/{snakemake.wildcards.study}",
    state=snakemake.output.state,
)
