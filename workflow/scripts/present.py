"""Rules present_<study>: the figures and tables of one study."""

from reanalysis.job import guarded
from reanalysis.presentation import present

if __name__ == "__main__":
    with guarded(snakemake.params.run_folder, snakemake.log[0]):
        present(
            checked=snakemake.input.checked,
            drawn=snakemake.input.drawn,
            estimates=snakemake.input.estimates,
            claims=snakemake.input.claims,
            sensitivity=snakemake.input.sensitivity,
            study=snakemake.params.study,
            figures=snakemake.params.figures,
            looks=snakemake.params.looks,
            figure_folder=f"{snakemake.params.run_folder}/figures/{snakemake.params.study}",
            table_folder=f"{snakemake.params.run_folder}/tables/{snakemake.params.study}",
        )
