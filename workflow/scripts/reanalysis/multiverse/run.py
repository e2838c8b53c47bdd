"""The multiverses of one study and method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from reanalysis.ensembles.estimates import member_samples
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.errors import InputError
from reanalysis.multiverse.anchor import anchor
from reanalysis.multiverse.curve import (
    NO_SUCH,
    Place,
    followed,
    joint_test,
    primary_number,
)
from reanalysis.multiverse.declared import check_analysis, names_of
from reanalysis.multiverse.grid import Samples, build, data_wanted
from reanalysis.multiverse.members import member_analyses
from reanalysis.multiverse.summary import Multiverse
from reanalysis.studies.alternatives import alternatives, labels, own

#: What a grid says of the number that is followed, beside the statistic.
_OF_NUMBER = ("endpoint", "group", "reference", "term", "timepoint")


def run_grids(
    study: Mapping,
    folders: Sequence[str],
    method: str,
    settings: Mapping,
    members: Mapping[str, Sequence[MemberSet]],
) -> Iterator[tuple[str, str, Multiverse | str]]:
    """Yield grid, analysis, and the multiverse or what is wrong with the grid.

    ``study`` is a checked study, ``folders`` its folders, ``settings`` those of
    :func:`reanalysis.multiverse.declared.multiverse_settings`, ``members`` the sets
    of every dataset that is an ensemble.
    """
    for name, grid in settings["grids"].items():
        for analysis in grid["analyses"]:
            declared = study["analyses"][analysis]
            sets = members.get(declared["dataset"], ())
            try:
                samples = _samples(study, folders, analysis, grid, sets, settings)
                found = _run(study, name, analysis, grid, samples, sets, settings)
                yield name, analysis, found
            except InputError as problem:
                yield name, analysis, str(problem)


def _samples(
    study: Mapping,
    folders: Sequence[str],
    analysis: str,
    grid: Mapping,
    sets: Sequence[MemberSet],
    settings: Mapping,
) -> Samples:
    """Return the rows of a multiverse: as declared, others asked for, members."""
    declared = study["analyses"][analysis]
    wanted = data_wanted(analysis, grid)
    for other in dict.fromkeys(data[0] for data in wanted):
        check_analysis(other, study["analyses"], grid["method"], study["id"], "choices")
    others = [data for data in wanted if data != own(analysis)]
    more, reasons = alternatives(folders, others) if others else ({}, {})
    drawn = {}
    if declared.get("members"):
        drawn = member_analyses(declared, sets, settings["members"])
        if not drawn:
            raise InputError("the ensemble of the analysis has no members")
    return Samples(
        prepared={
            own(analysis): declared,
            **more,
            **{(analysis, "", "", member): a for member, a in drawn.items()},
        },
        reasons=reasons,
        labels=labels(study, folders, others) if others else {},
        members=list(drawn),
    )


def _run(
    study: Mapping,
    name: str,
    analysis: str,
    grid: Mapping,
    samples: Samples,
    sets: Sequence[MemberSet],
    settings: Mapping,
) -> Multiverse:
    declared = study["analyses"][analysis]
    module = import_module(f"reanalysis.methods.{declared['method']}")
    found = build(
        analysis, grid, samples, settings["primary"], settings["rows"],
        limit=settings["limit"],
    )  # fmt: skip
    place = Place(
        statistics=tuple(names_of(grid["statistic"])),
        **{key: str(grid[key]) for key in _OF_NUMBER if key in grid},
    )
    ensemble = member_samples(sets, declared) if declared.get("members") else None
    primary = primary_number(module, declared, found.primary, place, ensemble)
    # Whatever was left open is as in the primary analysis.
    place = place.as_in(primary)
    rows = followed(module, samples, found.entries, place)
    if all(row.note == NO_SUCH for row in (primary, *rows)):
        asked = [f"{key} {value}" for key, value in grid.items() if key in _OF_NUMBER]
        raise InputError(
            "no specification gives the number that is followed",
            file="config",
            column=f"multiverse.grids.{name}",
            value=", ".join([*names_of(grid["statistic"]), *asked]),
            expected=f"one that the method {declared['method']} gives for the "
            "analysis, as estimates.csv names it",
        )
    analyses = dict.fromkeys([analysis, *(data[0] for data in samples.prepared)])
    return Multiverse(
        study=study["id"],
        analysis=analysis,
        name=name,
        declared=grid,
        samples=samples,
        grid=found,
        rows=rows,
        primary=primary,
        anchor=anchor(
            study["claims"], grid.get("anchor", ()), list(analyses), primary
        ),
        joint=joint_test(
            module, samples, found.entries, rows, place,
            permutations=settings["permutations"],
            fits=settings["permutation_fits"],
            seed=settings["primary"]["seed"],
        ),
    )  # fmt: skip
