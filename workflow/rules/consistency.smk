"""Hold the printed numbers of a study against each other.

INPUT   checked/<study>.json
OUTPUT  work/<study>/consistency.json: the checks made of its claims, with their
        working; work/<study>/consistency.csv: rows of estimates.csv, the range
        that the printed numbers leave to unprinted ones
"""


rule consistency:
    input:
        checked=f"{RUN}/checked/{{study}}.json",
    output:
        ranges=f"{RUN}/work/{{study}}/consistency.csv",
        found=f"{RUN}/work/{{study}}/consistency.json",
    log:
        f"{RUN}/logs/consistency/{{study}}.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.consistency"),
        run_folder=run_folder,
    script:
        "../scripts/consistency.py"
