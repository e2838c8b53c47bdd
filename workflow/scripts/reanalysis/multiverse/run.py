"""The multiverses of one study and method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from reanalysis.ensembles.estimates import member_samples
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.errors import InputError
from reanalysis.multiverse.anchor import anchor
from reanalysis.multiverse.curve import Place, followed, joint_test, primary_number
from reanalysis.multiverse.declared import names_of
from reanalysis.multiverse.grid import Samples, build, data_wanted
from reanalysis.multiverse.members import member_analyses
from reanalysis.multiverse.summary import Multiverse
from reanalysis.studies.alternatives import alternatives, labels, own


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
    others = [data for data in data_wanted(analysis, grid) if data != own(analysis)]
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
        **{
            key: str(grid[key])
            for key in ("endpoint", "group", "reference", "term", "timepoint")
            if key in grid
        },
    )
    ensemble = member_samples(sets, declared) if declared.get("members") else None
    primary = primary_number(module, declared, found.primary, place, ensemble)
    # Whatever was left open is as in the primary analysis.
    place = place.as_in(primary)
    rows = followed(module, samples, found.entries, place)
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
