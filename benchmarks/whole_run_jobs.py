"""Every job's function called in one process, in the order the workflow would."""

from __future__ import annotations

from pathlib import Path

from reanalysis.config import find_studies, method_settings
from reanalysis.plan import METHODS, analyses_of, ensembles_of, figures_of
from reanalysis.steps import (
    check,
    collect,
    compare,
    consistency,
    draw,
    estimate,
    members,
    overview,
    report,
)


def run_jobs(config: dict, work: Path) -> None:
    """Write the results of a run below ``work``."""
    studies = find_studies(config)
    tables = ("estimates", "claims", "checks", "sensitivity", "requests")
    parts: dict[str, list[str]] = {table: [] for table in tables}
    drawn_all, checked_all, figures_all = [], [], {}
    for study, folders in studies.items():
        plan = analyses_of(folders)
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
        figures = figures_of(plan)
        draw.draw(
            checked=checked,
            drawn=drawn[:-1],
            estimates=written["estimates"],
            claims=written["claims"],
            figures=figures,
            looks=config["figures"],
            folder=str(work / "figures" / study),
            state=str(folder / "draw.json"),
        )
        for table in tables:
            parts[table].append(written[table])
        drawn_all += drawn + states
        checked_all.append(checked)
        figures_all[study] = figures
    outputs = {table: str(work / f"{table}.csv") for table in tables}
    collect.collect(parts, outputs)
    scoreboard = str(work / "figures" / "overview" / "scoreboard.png")
    overview.overview(parts["claims"], config["figures"], scoreboard)
    report.report(
        checked=checked_all,
        drawn=drawn_all,
        tables=list(outputs.values()),
        figure_folder=str(work / "figures"),
        title=config["report"]["title"],
        studies=figures_all,
        output=str(work / "report" / "index.html"),
    )
