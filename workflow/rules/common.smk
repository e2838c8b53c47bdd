"""What the rules share: the checked config, the studies, what depends on what.

No rules here. `RUN` is the folder of this run; it is fixed before any rule is
read and never a wildcard, so a rule can write into its own run only.
"""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow/scripts")

from reanalysis import job, workers
from reanalysis.bundles.privacy import private_files
from reanalysis.config import check_config, find_studies, method_settings
from reanalysis.errors import InputError
from reanalysis.plan import (
    METHODS,
    analyses_of,
    ensembles_of,
    figures_of,
    fingerprint,
    methods_of,
    run_name,
)

CONFIG_FILES = ["config.yaml", *workflow.overwrite_configfiles]

try:
    config["run"] = run_name(config, CONFIG_FILES)
    check_config(config, CONFIG_FILES)
    STUDIES = find_studies(config, CONFIG_FILES)
except InputError as error:
    sys.exit(f"Error in the configuration. {error}")

RUN = f"{config['results_dir']}/{config['run']}"
PLAN = {study: analyses_of(folders) for study, folders in STUDIES.items()}
#: What each format of the report is called.
REPORT = {
    "html": f"{RUN}/report/index.html",
    "figures": f"{RUN}/report/figures",
    "docx": f"{RUN}/report/report.docx",
    "pdf": f"{RUN}/report/report.pdf",
    "pptx": f"{RUN}/report/slides.pptx",
    "xlsx": f"{RUN}/report/tables.xlsx",
    "zip": f"{RUN}/report/figures.zip",
}
SHOWN = ("claims", "results", "sensitivity")
TABLES = ("estimates", "claims", "checks", "sensitivity", "requests")
ENVIRONMENT = "../envs/analysis.yaml"


wildcard_constraints:
    study="|".join(map(re.escape, STUDIES)),
    analysis="[a-z0-9_]+",


onstart:
    # Held until this process ends, however it ends.
    job.claim(RUN)
    if workflow.local_exec:
        workers.start()


def code(module):
    """A fingerprint of all the code a module runs on; it changes when that does.

    As a parameter it makes a rule run again after an edit. Listing the files as
    input does too, but Snakemake then looks at thousands of them for every job.
    """
    scripts = f"{workflow.basedir}/workflow/scripts"
    return fingerprint(scripts, module, f"{workflow.basedir}/requirements.lock")


def run_folder(wildcards):
    """The folder of this run; a function, since the linter refuses a plain path."""
    return RUN


def study_files(wildcards):
    """Every file of a study's folders."""
    return [
        str(path)
        for folder in STUDIES[wildcards.study]
        for path in sorted(Path(folder).iterdir())
        if path.is_file()
    ]


def families(study):
    """The method families a study has rows for."""
    return methods_of(PLAN[study])


def ensembles(study, method=None):
    """The datasets of a study whose members its analyses (of one method) work on."""
    return ensembles_of(PLAN[study], method)


def member_files(wildcards, method):
    """The members that a method's analyses of a study work on."""
    return [
        f"{RUN}/members/{wildcards.study}/{dataset}.parquet"
        for dataset in ensembles(wildcards.study, method)
    ]


def figures(study):
    """The figures of a study: the analysis each belongs to, by name."""
    return figures_of(PLAN[study])


def figure_files(study):
    """Every file of every figure of a study."""
    return [
        f"{RUN}/figures/{study}/{figure}.{ending}"
        for figure in figures(study)
        for ending in ("pdf", "svg", "png", "csv", "txt")
    ]


def told_settings():
    """The settings a document tells of, and its title."""
    told = ("run", "conf_level", "seed", "rows", "ensembles", "methods", "scenarios")
    return {
        **{key: config[key] for key in told},
        "report": {"title": config["report"]["title"]},
    }


def private():
    """The names of each study's files that lie in a private folder."""
    return {
        study: private_files(folders, config["data_dir"])
        for study, folders in STUDIES.items()
    }


def states():
    """What the jobs of every study say of themselves: a failure, or none."""
    return [
        f"{RUN}/work/{study}/{step}.json"
        for study in STUDIES
        for step in [
            *(["members"] if ensembles(study) else []),
            *families(study),
            "consistency",
            "compare",
            *(["draw"] if figures(study) else []),
        ]
    ]


def targets():
    """Everything a run leaves behind."""
    return [
        *(f"{RUN}/{table}.csv" for table in TABLES),
        *(name for study in STUDIES for name in figure_files(study)),
        *(f"{RUN}/tables/{study}/{table}.html" for study in STUDIES for table in SHOWN),
        *(REPORT[ending] for ending in config["report"]["formats"]),
        f"{RUN}/config.yaml",
        f"{RUN}/provenance.json",
        f"{RUN}/status.txt",
    ]
