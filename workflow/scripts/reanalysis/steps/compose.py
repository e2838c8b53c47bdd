"""What a run says, put together once for Word, PDF and slides."""

import json
from collections.abc import Mapping
from pathlib import Path

from reanalysis.analyses import PRIMARY
from reanalysis.bundles.compose import document, slides, study_rows
from reanalysis.bundles.document import cleaned, numbered
from reanalysis.bundles.privacy import is_private, private_analyses, shared_rows
from reanalysis.bundles.run import Run
from reanalysis.job import write_text
from reanalysis.plan import libraries_of
from reanalysis.reporting.report import page_data
from reanalysis.rows import read_rows
from reanalysis.schema import load_schema

#: Steps whose code every run goes through, beside that of its methods.
_STEPS = ("check", "estimate", "consistency", "compare", "draw")


def compose(
    checked: list[str],
    drawn: list[str],
    tables: list[str],
    captions: list[str],
    figure_folder: str,
    config: Mapping,
    figures: Mapping[str, Mapping[str, str]],
    private: Mapping[str, list[str]],
    output: str,
) -> None:
    """Write the document as json.

    ``captions`` are the captions of all figures (.txt) in the order in which they are
    to be numbered, with the descriptions beside them (.alt.txt) if there are any;
    ``figures`` the figures of each study with the analysis of each; ``private`` the
    names of each study's files that lie in a private folder.
    """
    shared = {
        study: names
        for study, names in figures.items()
        if not is_private(private[study])
    }
    by_name = {Path(path).stem: path for path in tables}
    kept = [path for path in checked if Path(path).stem in shared]
    states = [path for path in drawn if Path(path).parent.name in shared]
    loaded = {
        Path(p).stem: json.loads(Path(p).read_text(encoding="utf-8")) for p in kept
    }
    hidden = {
        study: private_analyses(loaded[study], private[study]) for study in shared
    }
    rows: dict[str, list[Mapping[str, str]]] = {}
    for row in read_rows(by_name["estimates"]):
        if row["scenario"] == PRIMARY and row["study"] in shared:
            rows.setdefault(row["study"], []).append(row)
    folder = Path(figure_folder)
    places = {
        str(Path(path).relative_to(folder).with_suffix("")): Path(path)
        for path in captions
        if not path.endswith(".alt.txt")
        and (Path(path).parent.name not in figures or Path(path).parent.name in shared)
    }
    page = page_data(
        kept,
        states,
        by_name,
        figure_folder,
        config["report"]["title"],
        {study: {} for study in shared},
    )
    used = {row["method"] for own in rows.values() for row in own}
    modules = [f"reanalysis.steps.{step}" for step in _STEPS]
    modules += [
        f"reanalysis.methods.{m}" for m in sorted(used) if m in config["methods"]
    ]
    run = Run(
        page=page,
        config=config,
        conventions=load_schema("conventions"),
        checked=loaded,
        estimates={s: shared_rows(own, hidden[s]) for s, own in rows.items()},
        captions={
            place: path.read_text(encoding="utf-8") for place, path in places.items()
        },
        alts={
            place: alt.read_text(encoding="utf-8").strip()
            for place, path in places.items()
            if (alt := path.with_suffix(".alt.txt")).exists()
        },
        figures=shared,
        private=hidden,
        left_out=_left_out(figures, shared, hidden),
        libraries={
            "snakemake",
            *libraries_of(str(Path(__file__).parents[2]), modules),
        },
    )
    blocks, bibliography = document(run)
    made = numbered(blocks, bibliography)
    files = {
        block["source"]: block["file"] for block in made if block["kind"] == "figure"
    }
    model = {
        "title": page["title"],
        "run": config["run"],
        "subtitle": f"Run \u201c{config['run']}\u201d: {len(shared)} studies, "
        f"{page['total']} printed numbers",
        "counts": {v["name"]: v["count"] for v in page["verdicts"] if v["count"]},
        "meanings": {v["name"]: v["meaning"] for v in page["verdicts"]},
        "studies": study_rows(run),
        "blocks": made,
        "slides": slides(run, files),
    }
    text = json.dumps(cleaned(model), ensure_ascii=False, indent=1)
    write_text(output, f"{text}\n")


def _left_out(
    figures: Mapping[str, Mapping[str, str]],
    shared: Mapping[str, Mapping[str, str]],
    hidden: Mapping[str, set[str]],
) -> list[str]:
    """Say what private folders keep out of the document."""
    studies = [f"the study {study}" for study in figures if study not in shared]
    tables = [
        f"figures of single patients of {study}" for study in shared if hidden[study]
    ]
    return studies + tables
