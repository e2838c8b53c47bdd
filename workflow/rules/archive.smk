"""What other programs and later readers need of a run.

INPUT   everything above
OUTPUT  analysis_results.csv.gz: the estimates, one row per statistic
        (docs/analysis_results.md); ro-crate-metadata.json: the run as a Workflow Run
        RO-Crate, with what it was made from in inputs/ (docs/run_crate.md)
"""


rule analysis_results:
    input:
        estimates=f"{RUN}/estimates.csv",
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        methods=[
            f"{RUN}/work/{study}/{method}.json"
            for study in STUDIES
            for method in families(study)
        ],
    output:
        f"{RUN}/analysis_results.csv.gz",
    log:
        f"{RUN}/logs/analysis_results.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.analysis_results"),
        run_folder=run_folder,
    script:
        "../scripts/analysis_results.py"


rule run_crate:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        states=states(),
        made=packed,
    output:
        metadata=f"{RUN}/ro-crate-metadata.json",
        inputs=directory(f"{RUN}/inputs"),
    log:
        f"{RUN}/logs/run_crate.log",
    conda:
        ENVIRONMENT
    params:
        code=project_code(),
        project=project_files("."),
        studies=STUDIES,
        public=PUBLIC,
        title=config["report"]["title"],
        run_folder=run_folder,
    script:
        "../scripts/run_crate.py"
