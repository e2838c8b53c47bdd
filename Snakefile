"""Reanalysis of published results of small clinical trials.

Study folders in, verdicts on every printed number, tables, figures and a report
out. `config.yaml` holds the settings; its comments are the manual.
"""

from snakemake.utils import min_version

min_version("9.14")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/compare_runs.smk"


if not COMPARED:

    include: "workflow/rules/check.smk"
    include: "workflow/rules/members.smk"
    include: "workflow/rules/estimate.smk"
    include: "workflow/rules/consistency.smk"
    include: "workflow/rules/multiverse.smk"
    include: "workflow/rules/compare.smk"
    include: "workflow/rules/draw.smk"
    include: "workflow/rules/letters.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/bundle.smk"
    include: "workflow/rules/archive.smk"


rule all:
    default_target: True
    input:
        targets(),
    localrule: True
