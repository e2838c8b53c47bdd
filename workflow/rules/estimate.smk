"""Run the method families: one rule each, one job per study.

INPUT   checked/<study>.json, members/<study>/ of its ensembles
OUTPUT  work/<study>/<method>.csv: rows of estimates.csv under the primary
        settings, all scenarios and the conventions tried for claims;
        work/<study>/<method>.json: the data of its figures;
        work/<study>/<method>.reach.json: numbers of claims in every member

A new method is a module in workflow/scripts/reanalysis/methods/ and a name in
reanalysis/plan.py.
"""

for method in METHODS:

    rule:
        name:
            method
        input:
            checked=f"{RUN}/checked/{{study}}.json",
            members=lambda wildcards, method=method: member_files(wildcards, method),
        output:
            estimates=f"{RUN}/work/{{study}}/{method}.csv",
            drawn=f"{RUN}/work/{{study}}/{method}.json",
            reach=f"{RUN}/work/{{study}}/{method}.reach.json",
        log:
            f"{RUN}/logs/{method}/{{study}}.log",
        conda:
            ENVIRONMENT
        params:
            code=[
                code("reanalysis.steps.estimate"),
                code(f"reanalysis.methods.{method}"),
            ],
            method=method,
            settings=method_settings(config, method),
            run_folder=run_folder,
        script:
            "../scripts/estimate.py"
