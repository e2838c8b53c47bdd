"""Draw the figures of every study.

INPUT   checked/<study>.json, work/<study>/<method>.json, estimates, claims, multiverses
OUTPUT  figures/<study>/<figure>.{pdf,svg,png} with the numbers drawn (.csv) and
        the caption (.txt)

A study's figures are one job: importing the drawing library costs more than
drawing one. Each figure is a named output all the same, so that it can be asked for
by its path.
"""

STYLE = "workflow/scripts/reanalysis/figures/style.mplstyle"

for study in STUDIES:
    if not figures(study):
        continue

    rule:
        name:
            f"draw_{study}"
        input:
            checked=f"{RUN}/checked/{study}.json",
            drawn=[
                *(f"{RUN}/work/{study}/{method}.json" for method in families(study)),
                *curves(study, ".json"),
            ],
            estimates=f"{RUN}/estimates/{study}.csv",
            claims=f"{RUN}/claims/{study}.csv",
            style=STYLE,
        output:
            state=f"{RUN}/work/{study}/draw.json",
            pdf=[f"{RUN}/figures/{study}/{name}.pdf" for name in figures(study)],
            svg=[f"{RUN}/figures/{study}/{name}.svg" for name in figures(study)],
            csv=[f"{RUN}/figures/{study}/{name}.csv" for name in figures(study)],
            txt=[f"{RUN}/figures/{study}/{name}.txt" for name in figures(study)],
            png=[
                report(
                    f"{RUN}/figures/{study}/{name}.png",
                    caption="../report/figure.rst",
                    category="2 Studies",
                    subcategory=study,
                    labels={"study": study, "figure": name},
                )
                for name in figures(study)
            ],
        log:
            f"{RUN}/logs/draw/{study}.log",
        conda:
            ENVIRONMENT
        params:
            code=code("reanalysis.steps.draw"),
            study=study,
            figures=figures(study),
            looks=config["figures"],
            run_folder=run_folder,
        script:
            "../scripts/draw.py"
