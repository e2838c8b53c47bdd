"""Hold the printed numbers against the recomputed ones.

INPUT   checked/<study>.json, work/<study>/<method>.csv, work/<study>/consistency.*,
        and of ensembles work/<study>/<method>.reach.json and members.json
OUTPUT  per study and over all: estimates, claims with verdicts, checks,
        sensitivity and requests to authors, as csv; tables/<study>/ for readers
"""


rule compare:
    input:
        checked=f"{RUN}/checked/{{study}}.json",
        families=lambda wildcards: [
            f"{RUN}/work/{wildcards.study}/{method}.csv"
            for method in families(wildcards.study)
        ],
        reach=lambda wildcards: [
            f"{RUN}/work/{wildcards.study}/{method}.reach.json"
            for method in families(wildcards.study)
        ],
        members=lambda wildcards: [
            f"{RUN}/work/{wildcards.study}/members.json"
            for _ in ensembles(wildcards.study)[:1]
        ],
        ranges=f"{RUN}/work/{{study}}/consistency.csv",
        found=f"{RUN}/work/{{study}}/consistency.json",
    output:
        estimates=f"{RUN}/estimates/{{study}}.csv",
        claims=f"{RUN}/claims/{{study}}.csv",
        checks=f"{RUN}/work/{{study}}/checks.csv",
        sensitivity=f"{RUN}/work/{{study}}/sensitivity.csv",
        requests=f"{RUN}/work/{{study}}/requests.csv",
        state=f"{RUN}/work/{{study}}/compare.json",
        pages=[
            report(
                f"{RUN}/tables/{{study}}/{table}.html",
                caption="../report/table.rst",
                category="2 Studies",
                subcategory="{study}",
                labels={"study": "{study}", "figure": f"table of {table}"},
            )
            for table in SHOWN
        ],
        tables=[f"{RUN}/tables/{{study}}/{table}.csv" for table in SHOWN],
    log:
        f"{RUN}/logs/compare/{{study}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.compare"),
        run_folder=run_folder,
    script:
        "../scripts/compare.py"


rule collect:
    input:
        estimates=expand(f"{RUN}/estimates/{{study}}.csv", study=STUDIES),
        claims=expand(f"{RUN}/claims/{{study}}.csv", study=STUDIES),
        checks=expand(f"{RUN}/work/{{study}}/checks.csv", study=STUDIES),
        sensitivity=expand(f"{RUN}/work/{{study}}/sensitivity.csv", study=STUDIES),
        requests=expand(f"{RUN}/work/{{study}}/requests.csv", study=STUDIES),
    output:
        **{table: f"{RUN}/{table}.csv" for table in TABLES},
    log:
        f"{RUN}/logs/collect.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.collect"),
        run_folder=run_folder,
    script:
        "../scripts/collect.py"
