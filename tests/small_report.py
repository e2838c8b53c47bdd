"""A report of a few studies, by the steps of a run without Snakemake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from reanalysis.config import method_settings
from reanalysis.multiverse import declared
from reanalysis.plan import analyses_of, figures_of
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

ROOT = Path(__file__).resolve().parents[1]
TABLES = ("estimates", "claims", "checks", "sensitivity", "requests")
#: What a drawing that nobody looks at is.
PLACEHOLDER = '<svg width="90pt" height="60pt"><!-- {} --></svg>'


@dataclass(frozen=True)
class SmallRun:
    """The results of a few studies; ``figures`` maps each to its figures' analyses."""

    folder: Path
    figures: Mapping[str, Mapping[str, str]]

    def write(self, output: Path, title: str) -> str:
        """Write the report page, and return it."""
        report.report(
            checked=[str(self.folder / "checked" / f"{s}.json") for s in self.figures],
            drawn=[
                str(path)
                for study in self.figures
                for path in sorted((self.folder / "work" / study).glob("*.json"))
            ],
            tables=[
                str(self.folder / f"{table}.csv")
                for table in (*TABLES, "multiverse_summary")
            ],
            figure_folder=str(self.folder / "figures"),
            title=title,
            studies=self.figures,
            output=str(output),
        )
        return output.read_text(encoding="utf-8")


def results(
    folder: Path,
    studies: Mapping[str, Path],
    *,
    edit: Callable[[dict], None] = lambda study: None,
    grids: Mapping[str, Mapping] | None = None,
    drawn: bool,
) -> SmallRun:
    """Write every table of the studies, their figures too or something in their place.

    ``edit`` may change what the check of a study found, before anything is computed;
    ``grids`` are multiverses beside the shipped ones.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["multiverse"]["grids"] |= grids or {}
    config["multiverse"]["permutations"] = 99
    figures: dict[str, dict[str, str]] = {}
    summaries: list[str] = []
    for name, source in studies.items():
        checked = folder / "checked" / f"{name}.json"
        check.check([str(source)], name, str(checked))
        study = json.loads(checked.read_text(encoding="utf-8"))
        edit(study)
        checked.write_text(json.dumps(study), encoding="utf-8")
        _compute(folder, name, study, config)
        plan = {name: analyses_of([source])} if study["status"] == "ok" else {}
        grids = declared.multiverses(config, plan).get(name, {})
        summaries += _multiverse(folder, name, str(source), grids, config)
        figures[name] = figures_of(plan.get(name, {})) or {"survival": ""}
        figures[name] |= declared.figures(grids)
        if drawn:
            _draw(folder, name, figures[name], config)
    work = folder / "work"
    collect.collect(
        {
            table: [str(work / name / f"{table}.csv") for name in studies]
            for table in TABLES
        },
        {table: str(folder / f"{table}.csv") for table in TABLES},
    )
    collect_multiverse.collect_multiverse(
        {}, summaries, {}, str(folder / "of_none.csv"),
        str(folder / "multiverse_summary.csv"),
    )  # fmt: skip
    if drawn:
        overview.overview(
            [str(folder / "checked" / f"{name}.json") for name in studies],
            [str(work / name / "claims.csv") for name in studies],
            config["figures"],
            str(folder / "figures" / "overview"),
        )
    everywhere = {"scoreboard": "", "evidence_map": ""}
    for study, names in {**figures, "overview": everywhere}.items():
        for name in names:
            stem = folder / "figures" / study / name
            if not stem.with_suffix(".svg").exists():
                stem.parent.mkdir(parents=True, exist_ok=True)
                stem.with_suffix(".svg").write_text(PLACEHOLDER.format(name))
                caption = f"Caption of {study} {name} <n = 3>."
                stem.with_suffix(".txt").write_text(caption)
    return SmallRun(folder, figures)


def _compute(folder: Path, name: str, study: Mapping, config: Mapping) -> None:
    checked, work = str(folder / "checked" / f"{name}.json"), folder / "work" / name
    analyses = study.get("analyses", {}).values()
    methods = list(dict.fromkeys(a["method"] for a in analyses))
    for method in methods:
        estimate.estimate(
            checked,
            method,
            method_settings(config, method),
            members=[],
            estimates=str(work / f"{method}.csv"),
            drawn=str(work / f"{method}.json"),
            reach=str(work / "reach" / f"{method}.json"),
        )
    ensembles = {
        dataset: str(folder / "members" / name / f"{dataset}.parquet")
        for dataset in study.get("ensembles", {})
    }
    if ensembles:
        members.members(checked, 20, 1, ensembles, str(work / "members.json"))
    ranges, found = str(work / "consistency.csv"), str(work / "consistency.json")
    consistency.consistency(checked, ranges, found)
    compare.compare(
        checked,
        [str(work / f"{method}.csv") for method in methods],
        ranges,
        found,
        reach=[str(work / "reach" / f"{method}.json") for method in methods],
        members=[],
        **{
            {"sensitivity": "moves"}.get(table, table): str(work / f"{table}.csv")
            for table in TABLES
        },
        shown=str(folder / "tables" / name),
        state=str(work / "compare.json"),
    )


def _multiverse(
    folder: Path, name: str, source: str, grids: Mapping, config: Mapping
) -> list[str]:
    """Compute the shipped grids of a study, and return their summaries."""
    checked, summaries = str(folder / "checked" / f"{name}.json"), []
    for method, own in grids.items():
        stem = str(folder / "work" / name / f"multiverse_{method}")
        settings = declared.multiverse_settings(config, method, own)
        summaries.append(f"{stem}_summary.csv")
        multiverse.multiverse(
            checked, [source], [], method, settings,
            f"{stem}.csv", summaries[-1], f"{stem}.json",
        )  # fmt: skip
    return summaries


def _draw(folder: Path, name: str, figures: Mapping, config: Mapping) -> None:
    work = folder / "work" / name
    states = {"compare"}
    draw.draw(
        str(folder / "checked" / f"{name}.json"),
        [str(p) for p in sorted(work.glob("*.json")) if p.stem not in states],
        str(work / "estimates.csv"),
        str(work / "claims.csv"),
        figures,
        config["figures"],
        str(folder / "figures" / name),
        str(work / "draw.json"),
    )
