"""Every job's function called in one process, in the order the workflow would."""

from __future__ import annotations

from pathlib import Path

from reanalysis.config import find_studies, method_settings
from reanalysis.multiverse import declared
from reanalysis.plan import METHODS, analyses_of, ensembles_of, figures_of
from reanalysis.steps import (
    check,
    collect,
    collect_multiverse,
    compare,
    consistency,
    draw,
    estimate,
    members,
    multiverse,
    overview,
    report,
)


def run_jobs(config: dict, work: Path) -> None:
    """Write the results of a run below ``work``."""
    studies = find_studies(config)
    tables = ("estimates", "claims", "checks", "sensitivity", "requests")
    parts: dict[str, list[str]] = {table: [] for table in tables}
    drawn_all, checked_all, figures_all = [], [], {}
    plans = {study: analyses_of(folders) for study, folders in studies.items()}
    grids = declared.multiverses(config, plans)
    specifications: dict[str, list[str]] = {study: [] for study in grids}
    summaries = []
    for study, folders in studies.items():
        plan = plans[study]
        used = {a["method"] for a in plan.values() if not a["awaited"]}
        folder = work / "work" / study
        checked = str(work / "checked" / f"{study}.json")
        check.check(folders, study, checked)
        families, drawn, reach = [], [], []
        files = {
            dataset: str(work / "members" / study / f"{dataset}.parquet")
            for dataset in ensembles_of(plan)
        }
        states = [str(folder / "members.json")] if files else []
        if files:
            wanted = config["ensembles"]["members"]
            members.members(checked, wanted, config["seed"], files, states[0])
        for method in METHODS:
            if method in used:
                families.append(str(folder / f"{method}.csv"))
                drawn.append(str(folder / f"{method}.json"))
                settings = method_settings(config, method)
                reach.append(str(folder / f"{method}.reach.json"))
                estimate.estimate(
                    checked,
                    method,
                    settings,
                    [files[dataset] for dataset in ensembles_of(plan, method)],
                    families[-1],
                    drawn[-1],
                    reach[-1],
                )
        curves = []
        for method, own in grids.get(study, {}).items():
            stem = str(folder / f"multiverse_{method}")
            specifications[study].append(f"{stem}.csv")
            summaries.append(f"{stem}_summary.csv")
            curves.append(f"{stem}.json")
            multiverse.multiverse(
                checked,
                folders,
                [files[dataset] for dataset in ensembles_of(plan, method)],
                method,
                declared.multiverse_settings(config, method, own),
                specifications[study][-1],
                summaries[-1],
                curves[-1],
            )
        ranges, found = (
            str(folder / "consistency.csv"),
            str(folder / "consistency.json"),
        )
        consistency.consistency(checked, ranges, found)
        drawn.append(found)
        written = {table: str(folder / f"{table}.csv") for table in tables}
        compare.compare(
            checked,
            families,
            ranges,
            found,
            reach,
            states,
            written["estimates"],
            written["claims"],
            written["checks"],
            written["sensitivity"],
            written["requests"],
            shown=str(work / "tables" / study),
            state=str(folder / "compare.json"),
        )
        figures = figures_of(plan) | declared.figures(grids.get(study, {}))
        draw.draw(
            checked=checked,
            drawn=[*drawn[:-1], *curves],
            estimates=written["estimates"],
            claims=written["claims"],
            figures=figures,
            looks=config["figures"],
            folder=str(work / "figures" / study),
            state=str(folder / "draw.json"),
        )
        for table in tables:
            parts[table].append(written[table])
        drawn_all += drawn + states + curves
        checked_all.append(checked)
        figures_all[study] = figures
    outputs = {table: str(work / f"{table}.csv") for table in tables}
    collect.collect(parts, outputs)
    summary = str(work / "multiverse_summary.csv")
    collect_multiverse.collect_multiverse(
        specifications,
        summaries,
        {study: str(work / "multiverse" / f"{study}.csv") for study in grids},
        str(work / "multiverse.csv"),
        summary,
    )
    overall = str(work / "figures" / "overview")
    overview.overview(checked_all, parts["claims"], config["figures"], overall)
    report.report(
        checked=checked_all,
        drawn=drawn_all,
        tables=[*outputs.values(), summary],
        figure_folder=str(work / "figures"),
        title=config["report"]["title"],
        studies=figures_all,
        output=str(work / "report" / "index.html"),
    )
