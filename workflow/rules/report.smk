"""What a run ends in: the report, the settings as used, where they came from.

INPUT   everything above
OUTPUT  report/index.html, figures/overview/*, config.yaml as merged,
        provenance.json (versions, input hashes, seed, time) and status.txt
"""

OVERVIEW = [
    f"{RUN}/figures/overview/{figure}.{ending}"
    for figure in ("scoreboard", "evidence_map")
    for ending in ENDINGS
]

# The templates, the style and the script of the page.
PAGE = sorted(
    path.as_posix()
    for path in Path("workflow/scripts/reanalysis/reporting/page").rglob("*.*")
)


rule overview:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        claims=expand(f"{RUN}/claims/{{study}}.csv", study=STUDIES),
        style=STYLE,
    output:
        files=[name for name in OVERVIEW if not name.endswith(".png")],
        scoreboard=report(
            f"{RUN}/figures/overview/scoreboard.png",
            caption="../report/scoreboard.rst",
            category="1 Overview",
            labels={"figure": "printed against recomputed"},
        ),
        evidence_map=report(
            f"{RUN}/figures/overview/evidence_map.png",
            caption="../report/evidence_map.rst",
            category="1 Overview",
            labels={"figure": "evidence map"},
        ),
    log:
        f"{RUN}/logs/overview.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.overview"),
        looks=LOOKS,
        run_folder=run_folder,
    script:
        "../scripts/overview.py"


rule write_report:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        drawn=states(),
        tables=[f"{RUN}/{table}.csv" for table in (*TABLES, "multiverse_summary")],
        figures=[name for study in STUDIES for name in figure_files(study)],
        scoreboard=OVERVIEW,
        page=PAGE,
    output:
        report(
            f"{RUN}/report/index.html",
            caption="../report/page.rst",
            category="1 Overview",
            labels={"figure": "report page"},
        ),
    log:
        f"{RUN}/logs/report.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.report"),
        title=config["report"]["title"],
        studies={study: figures(study) for study in STUDIES},
        run_folder=run_folder,
    script:
        "../scripts/report.py"


rule record:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
    output:
        config=f"{RUN}/config.yaml",
        provenance=f"{RUN}/provenance.json",
    log:
        f"{RUN}/logs/record.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.record"),
        config=config,
        run_folder=run_folder,
    script:
        "../scripts/record.py"


rule finish:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        drawn=states(),
        claims=expand(f"{RUN}/claims/{{study}}.csv", study=STUDIES),
    output:
        f"{RUN}/status.txt",
    log:
        f"{RUN}/logs/finish.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.finish"),
        run_folder=run_folder,
    script:
        "../scripts/finish.py"
