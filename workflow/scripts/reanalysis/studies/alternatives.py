"""Analyses of a study on other rows than it declares for them: a multiverse's data.

The rows of every analysis as declared are in ``checked/<study>.json``. Which other
populations and variants a multiverse asks for is the config's matter, so they are
prepared where they are used, from the same folders by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reanalysis.errors import InputError, expect_known
from reanalysis.studies.csv_table import short_name
from reanalysis.studies.dataset import Dataset
from reanalysis.studies.prepare import declared_as, prepare_analysis
from reanalysis.studies.study import files_of, read_study

#: Analysis, population, variant and member; "" as declared, and of no member.
Data = tuple[str, str, str, str]


def own(analysis: str) -> Data:
    """Return the data that an analysis declares."""
    return (analysis, "", "", "")


def alternatives(
    folders: Sequence[str | Path], wanted: Iterable[Data]
) -> tuple[dict[Data, dict], dict[Data, str]]:
    """Prepare analyses of a checked study on other rows.

    Returns the prepared analyses, and for data that cannot serve (one group only, no
    rows) the reason. Raises :class:`InputError` for a population or variant that the
    study does not have.
    """
    files = files_of(folders)
    study = read_study(files["study.yaml"])
    where = short_name(files["study.yaml"])
    tables: dict[str, Dataset] = {}
    found, reasons = {}, {}
    for data in dict.fromkeys(wanted):
        analysis, population, variant, _ = data
        declared = study["analyses"][analysis]
        at = f"analyses.{analysis}"
        if population:
            expect_known(population, study["populations"], where, "populations")
        if variant:
            expect_known(variant, declared.get("variants", {}), where, f"{at}.variants")
        name = declared["dataset"]
        if name not in tables:
            tables[name] = Dataset(name, study["datasets"][name], files, study)
        varied = declared_as(declared, population=population, variant=variant)
        try:
            found[data] = prepare_analysis(analysis, varied, study, tables, (), where)
        except InputError as error:
            reasons[data] = str(error)
    return found, reasons


def labels(
    study: Mapping, folders: Sequence[str | Path], wanted: Iterable[Data]
) -> dict[str, str]:
    """Return the names for readers of analyses, populations and variants.

    By what they are and their id, such as ``population adults``. ``study`` is the
    checked study.
    """
    declared = read_study(files_of(folders)["study.yaml"])["analyses"]
    found = {}
    for analysis, population, variant, _ in wanted:
        found[f"analysis {analysis}"] = study["analyses"][analysis]["label"]
        if population in study["populations"]:
            label = study["populations"][population]["label"]
            found[f"population {population}"] = label
        differs = declared[analysis].get("variants", {}).get(variant, {})
        if "label" in differs:
            found[f"variant {variant}"] = differs["label"]
    return found
