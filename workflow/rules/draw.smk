"""Draw the figures of every study.

INPUT   checked/<study>.json, work/<study>/<method>.json, work/<study>/consistency.json,
        estimates, claims, multiverses
OUTPUT  figures/<study>/<figure>.{pdf,svg,png} with the numbers drawn (.csv), the
        caption (.txt) and a text for those who cannot see it (.alt.txt);
        figures/panels/<name>.*: figures combined into one, as the config asks

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
            drawn=drawn_from(study),
            estimates=f"{RUN}/estimates/{study}.csv",
            claims=f"{RUN}/claims/{study}.csv",
            style=STYLE,
        output:
            state=f"{RUN}/work/{study}/draw.json",
            pdf=[f"{RUN}/figures/{study}/{name}.pdf" for name in figures(study)],
            svg=[f"{RUN}/figures/{study}/{name}.svg" for name in figures(study)],
            csv=[f"{RUN}/figures/{study}/{name}.csv" for name in figures(study)],
            txt=[f"{RUN}/figures/{study}/{name}.txt" for name in figures(study)],
            alt=[f"{RUN}/figures/{study}/{name}.alt.txt" for name in figures(study)],
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
            looks=LOOKS,
            run_folder=run_folder,
        script:
            "../scripts/draw.py"


for panel, parts in PANELS.items():

    rule:
        name:
            f"panel_{panel}"
        input:
            checked=[
                f"{RUN}/checked/{study}.json"
                for study in dict.fromkeys(study for study, *_ in parts)
            ],
            drawn=[
                name
                for study in dict.fromkeys(study for study, *_ in parts)
                for name in drawn_from(study)
            ],
            estimates=[
                f"{RUN}/estimates/{study}.csv"
                for study in dict.fromkeys(study for study, *_ in parts)
            ],
            claims=[
                f"{RUN}/claims/{study}.csv"
                for study in dict.fromkeys(study for study, *_ in parts)
            ],
            style=STYLE,
        output:
            **{
                ending.replace(".", "_"): f"{RUN}/figures/panels/{panel}.{ending}"
                for ending in ENDINGS
                if ending != "png"
            },
            png=report(
                f"{RUN}/figures/panels/{panel}.png",
                caption="../report/panel.rst",
                category="3 Combined figures",
                labels={"figure": panel},
            ),
        log:
            f"{RUN}/logs/panel/{panel}.log",
        conda:
            ENVIRONMENT
        params:
            code=code("reanalysis.steps.panels"),
            parts=parts,
            looks=LOOKS,
            run_folder=run_folder,
        script:
            "../scripts/panels.py"
