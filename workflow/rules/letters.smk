"""Write to the authors of every study that awaits a table.

INPUT   checked/<study>.json, claims/<study>.csv, work/<study>/requests.csv
OUTPUT  letters/<study>.docx and .txt: which rows or numbers would settle which
        claims, ready to be signed; letters/letters.csv: which letters there are

One job for all studies: a letter takes less time than starting a job.
"""


rule letters:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=LETTERS),
        requests=expand(f"{RUN}/work/{{study}}/requests.csv", study=LETTERS),
        claims=expand(f"{RUN}/claims/{{study}}.csv", study=LETTERS),
    output:
        written=f"{RUN}/letters/letters.csv",
        docx=expand(f"{RUN}/letters/{{study}}.docx", study=LETTERS),
        txt=expand(f"{RUN}/letters/{{study}}.txt", study=LETTERS),
        states=expand(f"{RUN}/work/{{study}}/letters.json", study=LETTERS),
    log:
        f"{RUN}/logs/letters.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.letters"),
        folders={study: STUDIES[study] for study in LETTERS},
        run_folder=run_folder,
    script:
        "../scripts/letters.py"
