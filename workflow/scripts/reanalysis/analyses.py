"""Run one method family over a study: every analysis under every specification.

A specification is what an estimate depends on: the settings of the method and
the rows left out. Equal specifications are computed once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import pandas as pd

from reanalysis.ensembles.estimates import (
    MemberSamples,
    member_estimates,
    member_samples,
    veil,
)
from reanalysis.ensembles.member_sets import MemberSet
from reanalysis.ensembles.middle_curve import middle
from reanalysis.ensembles.pooling import Pooled
from reanalysis.reporting.convention_text import setting_named
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.studies.curve_table import printed_steps

#: Scenario names with a meaning of their own.
PRIMARY = "primary"
STATED = "stated"
CONVENTION = "convention"

#: What runs other than the primary one keep, beside the numbers claims ask for:
#: those that conclusions rest on.
HEADLINE = frozenset(
    {
        "hazard_ratio",
        "subdistribution_hazard_ratio",
        "log_rank",
        "incidence_test",
        "cumulative_incidence",
        "median_survival",
        "restricted_mean_difference",
        "survival_difference",
        "odds_ratio",
        "risk_difference",
        "risk_ratio",
        "rate_ratio",
        "proportion",
        "rate",
        "median_difference",
        "mean_difference",
        "mean_cumulative_difference",
        "selection_reduction",
        "slope",
        "slope_change",
        "slope_difference",
        "slope_change_difference",
        "percent_change",
        "percent_change_difference",
    }
)


@dataclass(frozen=True, slots=True)
class Specification:
    """One way to compute an analysis, and the scenario that asks for it.

    ``data`` names the rows it takes where they are not those the study declares for
    the analysis: another population or definition of a multiverse.
    """

    scenario: str
    settings: Mapping[str, object]
    leave_out: str = "none"
    person: str = ""
    name: str = ""
    data: str = ""

    @property
    def key(self) -> str:
        """Stable text of everything the result depends on."""
        rows = [self.leave_out, self.person] if self.leave_out != "none" else []
        data = [self.data] if self.data else []
        return json.dumps([self.settings, rows, *data], sort_keys=True)

    @property
    def hash(self) -> str:
        """Short stable name of the specification."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:8]

    @property
    def convention(self) -> str:
        """The settings in words."""
        words = [
            setting_named(key, value)
            for key, value in self.settings.items()
            if key not in {"seed", "conf_level"} and value is not None
        ]
        if self.person:
            words.append(f"without {self.person}")
        elif self.leave_out == "lost_to_follow_up":
            words.append("without patients lost to follow-up")
        return "; ".join(words).replace("_", " ")


def run_method(
    study: Mapping,
    method: str,
    params: Mapping,
    members: Mapping[str, Sequence[MemberSet]] | None = None,
) -> tuple[list, dict, dict]:
    """Return the rows of estimates.csv of one method, its figures' data, and reach.

    ``study`` is a checked study, ``params`` the method's settings
    (:func:`reanalysis.config.method_settings`), ``members`` the sets of every dataset
    that is an ensemble. Figures' data: analysis -> list of tables by name, one per
    sample, from the primary specification. Reach: estimate_id -> the values that rows
    claims ask for take over members (``weight`` and each field), None for nan.
    """
    module = import_module(f"reanalysis.methods.{method}")
    rows: list[dict[str, object]] = []
    drawn: dict[str, list] = {}
    reach: dict[str, dict[str, list]] = {}
    wanted = _claimed(study)
    for name, analysis in study["analyses"].items():
        if analysis["method"] != method or analysis["awaited"]:
            continue
        done: dict[str, list] = {}
        shown: set[tuple[str, str]] = set()
        sets = (members or {}).get(analysis["dataset"], ())
        ensemble = member_samples(sets, analysis) if analysis.get("members") else None
        for spec in specifications(analysis, params, claimed=bool(wanted.get(name))):
            if (spec.scenario, spec.key) in shown:
                continue
            shown.add((spec.scenario, spec.key))
            if spec.key not in done:
                done[spec.key] = estimates_of(module, analysis, spec, ensemble)
            found = done[spec.key]
            made = list(_rows(study, name, analysis, spec, found, wanted))
            rows.extend(row for row, _ in made)
            if spec.scenario in (PRIMARY, STATED, CONVENTION):
                reach |= _reach(made, wanted.get(name, set()))
        primary = next(specifications(analysis, params, claimed=False))
        if ensemble:
            drawn[name] = _veil(study, analysis, sets)
            continue
        drawn[name] = [
            {
                "endpoint": part["endpoint"],
                "tables": {
                    table: frame.to_dict(orient="list")
                    for table, frame in module.figure_data(
                        make_sample(part, analysis, primary), primary.settings
                    ).items()
                },
            }
            for part in analysis["samples"]
        ]
    return rows, drawn, reach


def _veil(study: Mapping, analysis: Mapping, sets: Sequence[MemberSet]) -> list[dict]:
    """Return the curves of members, and the printed one they come from."""
    if analysis["method"] != "kaplan_meier" or not sets:
        return []
    tables = {
        "veil": veil(sets, analysis).to_dict(orient="list"),
        "middle": middle(sets, analysis).to_dict(orient="list"),
    }
    curve = study["ensembles"][analysis["dataset"]].get("curve")
    if curve:
        tables["printed"] = printed_steps(curve)
    return [{"endpoint": "", "tables": tables}]


def specifications(
    analysis: Mapping, params: Mapping, *, claimed: bool
) -> Iterator[Specification]:
    """Yield the primary specification, then scenarios, then conventions.

    Simulated data sets get no scenarios: each question put to them is an analysis, and
    every setting more would be estimated in every member of every prior.
    """
    base = {**params["primary"], **analysis["settings"]}
    rows = params["rows"]
    primary = Specification(PRIMARY, base, rows["leave_out"])
    yield primary
    simulated = analysis["kind"] == "simulated"
    for name, overrides in ({} if simulated else params["scenarios"]).items():
        settings = {**base, **overrides["settings"]}
        leaving = {**rows, **overrides["rows"]}
        if leaving["leave_out"] == "each_patient":
            people = dict.fromkeys(p for s in analysis["samples"] for p in s["people"])
            if 2 < len(people) <= leaving["leave_out_limit"]:
                for person in people:
                    yield Specification(name, settings, "each_patient", person)
            continue
        if leaving["leave_out"] == "lost_to_follow_up" and not any(
            any(s["lost"]) for s in analysis["samples"]
        ):
            leaving["leave_out"] = "none"
        spec = Specification(name, settings, leaving["leave_out"])
        if spec.key != primary.key:
            yield spec
    if not claimed:
        return
    stated = analysis["paper"].get("convention")
    for name, convention in params["conventions"].items():
        settings = {**base, **convention["settings"]}
        if name == stated:
            yield Specification(STATED, settings, rows["leave_out"], name=name)
        yield Specification(CONVENTION, settings, rows["leave_out"], name=name)


def make_sample(part: Mapping, analysis: Mapping, spec: Specification) -> Sample:
    """Return the sample of a checked analysis, without the rows left out."""
    frame = pd.DataFrame(part["columns"])
    if spec.person or spec.leave_out == "lost_to_follow_up":
        frame = frame[kept_rows(part, spec)]
    return Sample(
        kind=analysis["kind"],
        rows=frame.reset_index(drop=True),
        groups=tuple(part["groups"]),
        reference=part["reference"],
        covariates=tuple(part["covariates"]),
        options=analysis["options"],
        unit=part["unit"],
        time_unit=part["time_unit"],
        dropped=part["dropped"],
    )


def kept_rows(part: Mapping, spec: Specification) -> list[bool]:
    """Tell which rows of a checked sample a specification keeps."""
    if spec.person:
        return [person != spec.person for person in part["people"]]
    if spec.leave_out == "lost_to_follow_up":
        return [not lost for lost in part["lost"]]
    return [True] * len(part["people"])


def estimates_of(
    module: object,
    analysis: Mapping,
    spec: Specification,
    ensemble: MemberSamples | None = None,
) -> list[Pooled | tuple[str, Estimate]]:
    """Return what a method says of an analysis: endpoints and their estimates.

    Of an ensemble, the rows put together over its members.
    """
    if ensemble:
        return member_estimates(module, analysis, spec.settings, ensemble)
    return [
        (part["endpoint"], estimate)
        for part in analysis["samples"]
        for estimate in module.estimate(
            make_sample(part, analysis, spec), spec.settings
        )
    ]


def _claimed(study: Mapping) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for claim in study["claims"]:
        if claim["role"] == "check":
            wanted.setdefault(claim["analysis"], set()).add(claim["statistic"])
    return wanted


def _kept(spec: Specification, wanted: set[str]) -> set[str] | frozenset[str] | None:
    """Return the statistics whose rows are kept, None for all."""
    if spec.scenario in (PRIMARY, STATED):
        return None
    if spec.scenario == CONVENTION:
        return wanted
    return HEADLINE if spec.person else HEADLINE | wanted


def _rows(
    study: Mapping,
    name: str,
    analysis: Mapping,
    spec: Specification,
    estimates: Sequence[Pooled | tuple[str, Estimate]],
    wanted: Mapping[str, set[str]],
) -> Iterator[tuple[dict[str, object], Pooled | None]]:
    kept = _kept(spec, wanted.get(name, set()))
    first: set[tuple] = set()
    for number, found in enumerate(estimates, start=1):
        pooled = found if isinstance(found, Pooled) else None
        endpoint, estimate = (pooled.endpoint, pooled.estimate) if pooled else found
        if kept is not None and estimate.statistic not in kept:
            continue
        if spec.person:
            # The first row carries the primary test; one is enough per patient.
            place = (endpoint, estimate.statistic, estimate.group, estimate.term)
            place += (estimate.timepoint,)
            if place in first:
                continue
            first.add(place)
        label = f"{spec.scenario}:{spec.name}" if spec.name else spec.scenario
        row = estimate.record(
            estimate_id=f"{study['id']}:{name}:{label}:{spec.hash}:{number}",
            study=study["id"],
            analysis=name,
            method=analysis["method"],
            dataset=analysis["dataset"],
            kind=analysis["kind"],
            population=analysis["population"],
            endpoint=endpoint or analysis["endpoint"],
            scenario=spec.scenario,
            specification=spec.hash,
            convention=spec.name if spec.name else spec.convention,
            **(pooled.columns if pooled else {}),
        )
        yield row, pooled


def _reach(
    made: Sequence[tuple[Mapping, Pooled | None]], wanted: set[str]
) -> dict[str, dict[str, list]]:
    """Return the values over members of the rows that claims ask for."""
    return {
        str(row["estimate_id"]): {
            "weight": pooled.weight.tolist(),
            **{
                name: [None if math.isnan(v) else v for v in values.tolist()]
                for name, values in pooled.values.items()
            },
        }
        for row, pooled in made
        if pooled is not None and row["statistic"] in wanted
    }
