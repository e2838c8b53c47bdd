"""Draw the members of one dataset, whatever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reanalysis.ensembles.curve_bounds import curve_bounds, events_untried
from reanalysis.ensembles.curve_members import draw_curve
from reanalysis.ensembles.drawn import Drawn
from reanalysis.ensembles.simulated import draw_simulated


def draw_members(study: Mapping, dataset: str, *, members: int, seed: int) -> Drawn:
    """Return members of a dataset of a checked study, or why there are none."""
    declared = study["ensembles"][dataset]
    by_id = {claim["claim_id"]: claim for claim in study["claims"]}
    constraints = [by_id[claim_id] for claim_id in declared["constraints"]]
    if "simulate" in declared:
        return draw_simulated(
            declared["simulate"], constraints, members=members, seed=seed, name=dataset
        )
    analyses = study["analyses"]
    drawn = draw_curve(
        declared["curve"], analyses, constraints, members=members, seed=seed
    )
    made = [
        claim
        for claim in study["claims"]
        if claim["role"] == "check"
        and analyses[claim["analysis"]]["dataset"] == dataset
    ]
    bounds = curve_bounds(declared["curve"], analyses, made)
    untried = [
        said
        for one in drawn.sets
        for said in events_untried(declared["curve"], one.rows)
    ]
    return replace(drawn, bounds=tuple(bounds), messages=(*drawn.messages, *untried))
