"""Read and check every study.

INPUT   the files of data/<study>/
OUTPUT  checked/<study>.json: the study, its claims and the rows of every
        analysis; or, for a study with a mistake, the sentence that says so
"""


rule check:
    input:
        files=study_files,
        script="workflow/scripts/check.py",
    output:
        f"{RUN}/checked/{{study}}.json",
    log:
        f"{RUN}/logs/check/{{study}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.check"),
        folders=lambda wildcards: STUDIES[wildcards.study],
        run_folder=run_folder,
    script:
        "../scripts/check.py"
