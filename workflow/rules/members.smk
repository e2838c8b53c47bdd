"""Draw the members of every ensemble: data sets that a print allows.

INPUT   checked/<study>.json
OUTPUT  members/<study>/<dataset>.parquet, and work/<study>/members.json: how they came
        about, how many solutions there are, what no member reaches

Only studies with a dataset of kind curve or simulated have such a rule.
"""

for study in STUDIES:
    if not ensembles(study):
        continue

    rule:
        name:
            f"members_{study}"
        input:
            checked=f"{RUN}/checked/{study}.json",
        output:
            files=[
                f"{RUN}/members/{study}/{dataset}.parquet"
                for dataset in ensembles(study)
            ],
            state=f"{RUN}/work/{study}/members.json",
        log:
            f"{RUN}/logs/members/{study}.log",
        conda:
            ENVIRONMENT
        params:
            code=code("reanalysis.steps.members"),
            datasets=ensembles(study),
            members=config["ensembles"]["members"],
            seed=config["seed"],
            run_folder=run_folder,
        script:
            "../scripts/members.py"
