"""What a person carries away: documents, slides, a workbook, numbered figures.

INPUT   checked/<study>.json, the tables of results, every figure
OUTPUT  work/document.json: what the run says, put together once;
        report/: report.docx, report.pdf, slides.pptx, tables.xlsx, figures/ under
        the numbers of the documents, figures.zip

Which of them are made is `report: formats` in config.yaml.
"""

DOCUMENT = f"{RUN}/work/document.json"
DRAWN = [*OVERVIEW, *(name for study in STUDIES for name in figure_files(study))]


rule compose:
    input:
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        drawn=states(),
        tables=[f"{RUN}/{table}.csv" for table in (*TABLES, "multiverse_summary")],
        captions=[name for name in DRAWN if name.endswith(".txt")],
        words=[
            "workflow/scripts/reanalysis/bundles/bibliography.yaml",
            "workflow/scripts/reanalysis/bundles/method_words.yaml",
        ],
    output:
        DOCUMENT,
    log:
        f"{RUN}/logs/compose.log",
    conda:
        ENVIRONMENT
    params:
        code=[
            code("reanalysis.steps.compose"),
            *(code(f"reanalysis.methods.{method}") for method in METHODS),
        ],
        settings=told_settings(),
        studies={study: figures(study) for study in STUDIES},
        private=private(),
        run_folder=run_folder,
    script:
        "../scripts/compose.py"


rule number_figures:
    input:
        document=DOCUMENT,
        figures=DRAWN,
    output:
        directory(REPORT["figures"]),
    log:
        f"{RUN}/logs/number_figures.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.numbered_figures"),
        run_folder=run_folder,
    script:
        "../scripts/number_figures.py"


rule pack_figures:
    input:
        document=DOCUMENT,
        figures=DRAWN,
    output:
        REPORT["zip"],
    log:
        f"{RUN}/logs/pack_figures.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.numbered_figures"),
        run_folder=run_folder,
    script:
        "../scripts/pack_figures.py"


rule write_word:
    input:
        document=DOCUMENT,
        figures=[name for name in DRAWN if name.endswith(".png")],
    output:
        REPORT["docx"],
    log:
        f"{RUN}/logs/write_word.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.write_word"),
        run_folder=run_folder,
    script:
        "../scripts/write_word.py"


rule write_pdf:
    input:
        document=DOCUMENT,
        figures=[name for name in DRAWN if name.endswith(".pdf")],
        layout="workflow/scripts/reanalysis/bundles/report.typ",
    output:
        REPORT["pdf"],
    log:
        f"{RUN}/logs/write_pdf.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.write_pdf"),
        run_folder=run_folder,
    script:
        "../scripts/write_pdf.py"


rule write_slides:
    input:
        document=DOCUMENT,
        figures=[name for name in DRAWN if name.endswith(".png")],
    output:
        REPORT["pptx"],
    log:
        f"{RUN}/logs/write_slides.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.write_slides"),
        run_folder=run_folder,
    script:
        "../scripts/write_slides.py"


rule write_workbook:
    input:
        document=DOCUMENT,
        checked=expand(f"{RUN}/checked/{{study}}.json", study=STUDIES),
        tables=[f"{RUN}/{table}.csv" for table in (*TABLES, "multiverse_summary")],
        words="workflow/scripts/reanalysis/bundles/definitions.yaml",
    output:
        REPORT["xlsx"],
    log:
        f"{RUN}/logs/write_workbook.log",
    conda:
        ENVIRONMENT
    params:
        code=code("reanalysis.steps.write_workbook"),
        private=private(),
        run_folder=run_folder,
    script:
        "../scripts/write_workbook.py"
