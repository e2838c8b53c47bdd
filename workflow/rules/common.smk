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
from reanalysis.finished_runs import digest, find_runs
from reanalysis.multiverse import declared as multiverse
from reanalysis.plan import (
    METHODS,
    analyses_of,
    awaits,
    ensembles_of,
    figures_of,
    fingerprint,
    methods_of,
    panels_of,
    project_files,
    run_name,
)
from reanalysis.progress import Progress
from reanalysis.run_end import comparison_ending, ending

CONFIG_FILES = ["config.yaml", *workflow.overwrite_configfiles]

try:
    config["run"] = run_name(config, CONFIG_FILES)
    check_config(config, CONFIG_FILES)
    STUDIES = find_studies(config, CONFIG_FILES)
    COMPARED = find_runs(config["results_dir"], config["compare"])
    PLAN = {study: analyses_of(folders) for study, folders in STUDIES.items()}
except InputError as error:
    sys.exit(f"Error in the configuration. {error}")

#: Rows in the first folder are public; further ones hold private rows.
DATA_DIRS = config["data_dir"]
PUBLIC = DATA_DIRS if isinstance(DATA_DIRS, str) else DATA_DIRS[0]
#: What figures look like, and the endings of their files.
LOOKS = {key: value for key, value in config["figures"].items() if key != "panels"}
ENDINGS = ("pdf", "svg", "png", "csv", "txt", "alt.txt")
RUN = f"{config['results_dir']}/{config['run']}"
if COMPARED:  # in a folder of their own, so that those of the runs are left alone
    RUN = f"{config['results_dir']}/comparisons/{'-vs-'.join(COMPARED)}"
COMPARISON = [
    *(f"{RUN}/{name}" for name in ("index.html", "summary.txt")),
    *(f"{RUN}/{name}.csv" for name in ("differences", "verdicts", "estimates")),
    *(
        f"{RUN}/moved_{name}.{ending}"
        for name in list(COMPARED)[1:]
        for ending in ENDINGS
    ),
]
LETTERS = [name for name, plan in PLAN.items() if awaits(plan)]
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
try:
    GRIDS = multiverse.multiverses(
        config, PLAN, find_studies({**config, "studies": "all"})
    )
    FIGURES = {
        study: figures_of(plan) | multiverse.figures(GRIDS.get(study, {}))
        for study, plan in PLAN.items()
    }
    PANELS = panels_of(config["figures"]["panels"], FIGURES, CONFIG_FILES)
except InputError as error:
    sys.exit(f"Error in the configuration. {error}")
SHOWN = ("claims", "results", "sensitivity")
TABLES = ("estimates", "claims", "checks", "sensitivity", "requests")
ENVIRONMENT = "../envs/analysis.yaml"


wildcard_constraints:
    study="|".join(map(re.escape, STUDIES)),
    analysis="[a-z0-9_]+",


def said_at_the_end(failed):
    """The last lines of this run, given the jobs that failed."""
    if COMPARED:
        return comparison_ending(RUN, failed)
    asked = set(workflow.dag_settings.targets)
    return ending(RUN, all_states(), failed, () if "all" in asked else asked)


# Says what is done, in place of Snakemake's messages about jobs. A dry run, and the
# Snakemake of a job on a cluster, say what they always say.
PROGRESS = Progress(STUDIES, said_at_the_end)
if workflow.is_main_process and not workflow.output_settings.dryrun:
    PROGRESS.attach(logger.handlers)


onstart:
    # Held until this process ends, however it ends.
    job.claim(RUN)
    PROGRESS.local = workflow.local_exec
    if workflow.local_exec and not COMPARED:
        workers.start()


onsuccess:
    logger.info(PROGRESS.end(log))


onerror:
    logger.error(PROGRESS.end(log))


def code(module):
    """A fingerprint of all the code a module runs on; it changes when that does.

    As a parameter it makes a rule run again after an edit. Listing the files as
    input does too, but Snakemake then looks at thousands of them for every job.
    """
    scripts = f"{workflow.basedir}/workflow/scripts"
    return fingerprint(scripts, module, f"{workflow.basedir}/requirements.lock")


def project_code():
    """A fingerprint of all files of the workflow, which a run keeps a copy of."""
    return fingerprint("workflow/scripts", "reanalysis", *project_files("."))


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
    return FIGURES[study]


def curves(study, ending):
    """What the multiverse jobs of a study write, by the end of its name."""
    return [
        f"{RUN}/work/{study}/multiverse_{method}{ending}"
        for method in GRIDS.get(study, ())
    ]


def grid_settings(method):
    """What the multiverse jobs of a method depend on, by study."""
    return lambda wildcards: multiverse.multiverse_settings(
        config, method, GRIDS[wildcards.study][method]
    )


def figure_files(study):
    """Every file of every figure of a study."""
    return [
        f"{RUN}/figures/{study}/{figure}.{ending}"
        for figure in figures(study)
        for ending in ENDINGS
    ]


def drawn_from(study):
    """What the figures of a study are drawn from, beside its estimates and claims."""
    parts = [*families(study), "consistency"]
    return [
        *(f"{RUN}/work/{study}/{part}.json" for part in parts),
        *curves(study, ".json"),
    ]


def told_settings():
    """The settings a document tells of, and its title."""
    told = ("run", "conf_level", "seed", "rows", "methods", "scenarios")
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
            *(f"multiverse_{method}" for method in GRIDS.get(study, ())),
            *(["draw"] if figures(study) else []),
            *(["letters"] if study in LETTERS else []),
        ]
    ]


def all_states():
    """What `states` says, and whether every study could be read."""
    return [*(f"{RUN}/checked/{study}.json" for study in STUDIES), *states()]


def targets():
    """Everything a run leaves behind."""
    if COMPARED:
        return COMPARISON
    return [
        *(f"{RUN}/{table}.csv" for table in TABLES),
        f"{RUN}/multiverse.csv",
        f"{RUN}/multiverse_summary.csv",
        *(name for study in STUDIES for name in figure_files(study)),
        *expand(
            f"{RUN}/figures/panels/{{panel}}.{{ending}}", panel=PANELS, ending=ENDINGS
        ),
        *(f"{RUN}/tables/{study}/{table}.html" for study in STUDIES for table in SHOWN),
        *(f"{RUN}/letters/{name}.{end}" for name in LETTERS for end in ("docx", "txt")),
        f"{RUN}/letters/letters.csv",
        *(REPORT[ending] for ending in config["report"]["formats"]),
        f"{RUN}/config.yaml",
        f"{RUN}/provenance.json",
        f"{RUN}/analysis_results.csv.gz",
        f"{RUN}/ro-crate-metadata.json",
        f"{RUN}/status.txt",
    ]


def packed(wildcards):
    """Everything a run leaves behind but the list of it, and what a failure stops."""
    without = {f"{RUN}/ro-crate-metadata.json", f"{RUN}/status.txt"}
    parts = expand(f"{RUN}/{{table}}/{{study}}.csv", table=TABLES[:2], study=STUDIES)
    parts += expand(f"{RUN}/tables/{{study}}/{{table}}.csv", study=STUDIES, table=SHOWN)
    parts += [f"{RUN}/multiverse/{study}.csv" for study in GRIDS]
    parts += [
        f"{RUN}/members/{study}/{dataset}.parquet"
        for study in STUDIES
        for dataset in ensembles(study)
    ]
    parts += OVERVIEW
    return [*(name for name in targets() if name not in without), *parts]
