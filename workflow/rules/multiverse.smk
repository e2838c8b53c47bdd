"""Compute every combination of the choices that the grids of the config name.

INPUT   checked/<study>.json, members/<study>/ of its ensembles, and the study folder
        (for other populations and variants)
OUTPUT  work/<study>/multiverse_<method>.*: a row per specification, a summary per
        curve, and the data of their figures; multiverse.csv and
        multiverse_summary.csv over all studies, multiverse/<study>.csv of each

One job per study and method that a grid names, beside the family's own job: a change
of a grid computes that job again and no primary result.
"""

for method in sorted({method for grids in GRIDS.values() for method in grids}):

    rule:
        name:
            f"multiverse_{method}"
        input:
            checked=f"{RUN}/checked/{{study}}.json",
            files=study_files,
            members=lambda wildcards, method=method: member_files(wildcards, method),
        output:
            specifications=f"{RUN}/work/{{study}}/multiverse_{method}.csv",
            summaries=f"{RUN}/work/{{study}}/multiverse_{method}_summary.csv",
            curves=f"{RUN}/work/{{study}}/multiverse_{method}.json",
        log:
            f"{RUN}/logs/multiverse_{method}/{{study}}.log",
        conda:
            ENVIRONMENT
        params:
            code=[
                code("reanalysis.steps.multiverse"),
                code(f"reanalysis.methods.{method}"),
            ],
            folders=lambda wildcards: STUDIES[wildcards.study],
            method=method,
            settings=grid_settings(method),
            run_folder=run_folder,
        script:
            "../scripts/multiverse.py"


rule collect_multiverse:
    input:
        specifications=[name for study in GRIDS for name in curves(study, ".csv")],
        summaries=[name for study in GRIDS for name in curves(study, "_summary.csv")],
    output:
        multiverse=f"{RUN}/multiverse.csv",
        summary=f"{RUN}/multiverse_summary.csv",
        by_study=[f"{RUN}/multiverse/{study}.csv" for study in GRIDS],
    log:
        f"{RUN}/logs/collect_multiverse.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.collect_multiverse"),
        specifications={study: curves(study, ".csv") for study in GRIDS},
        studies=list(GRIDS),
        run_folder=run_folder,
    script:
        "../scripts/collect_multiverse.py"
