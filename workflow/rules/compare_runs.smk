"""Put finished runs side by side.

    snakemake compare_runs --config compare="[primary, one_sided]"

INPUT   none that a rule could make: the files of results/<run>/ are read as they
        are, and a hash of them among the parameters tells when they have changed
OUTPUT  comparisons/<first>-vs-<second>/: index.html, summary.txt, differences.csv,
        verdicts.csv, estimates.csv, moved_<run>.*

While runs are compared this is the only rule there is, so that nothing can rebuild
or overwrite one.
"""

if COMPARED:

    rule compare_runs:
        output:
            COMPARISON,
        log:
            f"{RUN}/logs/compare_runs.log",
        conda:
            ENVIRONMENT
        params:
            code=code("reanalysis.steps.compare_runs"),
            runs=COMPARED,
            content={name: digest(folder) for name, folder in COMPARED.items()},
            looks=LOOKS,
            run_folder=run_folder,
        script:
            "../scripts/compare_runs.py"

else:

    # Missing, and so said by Snakemake without a traceback.
    rule compare_runs:
        input:
            "the names of finished runs: --config compare='[primary, one_sided]'",
        localrule: True
