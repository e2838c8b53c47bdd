"""The grids of the config: which study, method and analyses each is for.

Read before any rule runs, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches

from jsonschema import Draft202012Validator

from reanalysis.config import method_settings
from reanalysis.errors import InputError, expect_known
from reanalysis.schema import first_error, load_schema

#: Choices that concern the rows rather than a setting of the method.
OF_ROWS = ("analysis", "population", "variant", "leave_out")
#: Stands for the population and variant that the analysis itself declares.
AS_DECLARED = "as_declared"
LEAVE_OUT = ("none", "lost_to_follow_up", "each_patient")
#: Kinds of data that a multiverse can be made of.
KINDS = ("individual", "summary", "reconstructed", "members")

Plan = Mapping[str, Mapping[str, Mapping]]


def multiverses(
    config: Mapping, plan: Plan, there: Collection[str] = ()
) -> dict[str, dict[str, dict]]:
    """Return the grids of each study and method: study -> method -> grid -> declared.

    ``plan`` has what :func:`reanalysis.plan.analyses_of` says of each study. The
    ``analyses`` of a grid become those of the study that have rows. A grid for
    studies that are not run is left out; ``there`` are all that could be run. Raises
    :class:`InputError` for settings, values and analyses that do not exist, and for a
    misspelt study.
    """
    found: dict[str, dict[str, dict]] = {}
    for name, grid in sorted((config["multiverse"]["grids"] or {}).items()):
        if grid is None:
            continue
        at = f"multiverse.grids.{name}"
        _check(grid, at)
        for study in _named(grid.get("studies", "all"), plan):
            if study not in plan:
                _not_misspelt(study, there, f"{at}.studies")
            if study not in plan or not plan[study]:
                continue  # not run now, or refused when it is checked
            analyses = list(_analyses(grid, plan[study], study, at))
            if grid.get("studies", "all") != "all":
                methods_there = {str(a["method"]) for a in plan[study].values()}
                expect_known(
                    grid["method"], sorted(methods_there), "config",
                    f"{at}.method (analyses of {study})",
                )  # fmt: skip
                for other in _other_analyses(grid):
                    check_analysis(
                        other, plan[study], grid["method"], study, f"{at}.choices"
                    )
            if analyses:
                methods = found.setdefault(study, {})
                kept = {**grid, "analyses": analyses}
                kept.pop("studies", None)
                methods.setdefault(grid["method"], {})[name] = kept
    return dict(sorted(found.items()))


def figures(grids: Mapping[str, Mapping[str, Mapping]]) -> dict[str, str]:
    """Return the figures of a study's grids: the analysis each belongs to, by name."""
    return {
        f"{analysis}_multiverse_{name}": analysis
        for method in grids.values()
        for name, grid in method.items()
        for analysis in grid["analyses"]
    }


def multiverse_settings(config: Mapping, method: str, grids: Mapping) -> dict:
    """Return what the job of one study and method depends on, and nothing else."""
    settings = method_settings(config, method)
    bounds = config["multiverse"]
    return deepcopy(
        {
            "primary": settings["primary"],
            "rows": settings["rows"],
            "grids": grids,
            **{
                k: bounds[k]
                for k in ("limit", "members", "permutations", "permutation_fits")
            },
        }
    )


def names_of(value: object) -> list:
    """Return one name, or several, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _not_misspelt(study: str, there: Collection[str], at: str) -> None:
    """Raise :class:`InputError` for a study that is not there, with another like it.

    A study that is like none may lie in a data folder that is not used now: the grids
    of the config name the studies that come with the program.
    """
    if study not in there and get_close_matches(study, there, n=1, cutoff=0.8):
        expect_known(study, sorted(there), "config", at)


def _named(names: object, everything: Mapping) -> list[str]:
    return list(everything) if names == "all" else names_of(names)


def _analyses(
    grid: Mapping, analyses: Mapping[str, Mapping], study: str, at: str
) -> Iterator[str]:
    method = grid["method"]
    asked = grid.get("analyses", "all")
    # A grid for all studies is for those that have the analysis.
    strict = asked != "all" and grid.get("studies", "all") != "all"
    for name in _named(asked, analyses):
        if strict:
            check_analysis(name, analyses, method, study, f"{at}.analyses")
        declared = analyses.get(name, {})
        fits = declared.get("method") == method and declared["kind"] in KINDS
        if fits and not declared["awaited"]:
            yield name


def _other_analyses(grid: Mapping) -> Iterator[str]:
    """Yield the analyses that are options of a grid."""
    written = [*grid.get("specifications", ())]
    for choice, values in grid.get("choices", {}).items():
        if isinstance(values, Mapping):
            written += values.values()
        elif choice == "analysis":
            yield from values
    yield from (w["analysis"] for w in written if "analysis" in w)


def check_analysis(
    name: str, analyses: Mapping[str, Mapping], method: str, study: str, at: str
) -> None:
    """Raise :class:`InputError` unless a study has an analysis, and of the method."""
    expect_known(name, analyses, "config", f"{at} ({study})")
    if analyses[name]["method"] != method:
        raise InputError(
            f"the analysis is one of {analyses[name]['method']}, not {method}",
            file="config",
            column=f"{at} ({study})",
            value=name,
        )


def _check(grid: Mapping, at: str) -> None:
    """Raise :class:`InputError` for a choice or value the method does not have."""
    if ("choices" in grid) == ("specifications" in grid):
        raise InputError(
            "a grid has either choices or specifications", file="config", column=at
        )
    schema = load_schema("config")
    known = schema["$defs"]["methods"]["properties"][grid["method"]]["properties"]
    statistics = load_schema("study")["$defs"]["statistic"]["enum"]
    for statistic in names_of(grid["statistic"]):
        expect_known(statistic, statistics, "config", f"{at}.statistic")
    options: dict[str, list[str]] = {}
    for choice, values in grid.get("choices", {}).items():
        where = f"{at}.choices.{choice}"
        if isinstance(values, Mapping):
            for option, settings in values.items():
                _check_specification(settings, known, schema, f"{where}.{option}")
        else:
            expect_known(choice, [*known, *OF_ROWS], "config", f"{at}.choices")
            for value in values:
                _check_specification({choice: value}, known, schema, where)
        options[choice] = [str(value) for value in values]
    for number, specification in enumerate(grid.get("specifications", ()), start=1):
        where = f"{at}.specifications, number {number}"
        _check_specification(specification, known, schema, where)
    for number, rule in enumerate(grid.get("exclude", ()), start=1):
        where = f"{at}.exclude, rule {number}"
        for choice, values in rule.items():
            expect_known(choice, options, "config", where)
            for value in names_of(values):
                expect_known(str(value), options[choice], "config", where)


def _check_specification(
    settings: Mapping, known: Mapping, schema: Mapping, where: str
) -> None:
    for key, value in settings.items():
        expect_known(key, [*known, *OF_ROWS], "config", where)
        if key == "leave_out":
            expect_known(str(value), LEAVE_OUT, "config", where)
        elif key in OF_ROWS:
            if not isinstance(value, str):
                raise InputError(
                    "a name is expected", file="config", column=where, value=value
                )
        else:
            validator = Draft202012Validator({**known[key], "$defs": schema["$defs"]})
            if first_error(validator, value):
                allowed: Sequence = known[key].get("enum", ())
                if not allowed and "$ref" in known[key]:
                    name = known[key]["$ref"].rpartition("/")[2]
                    allowed = schema["$defs"][name].get("enum", ())
                raise InputError(
                    f"the setting '{key}' cannot be so",
                    file="config",
                    column=where,
                    value=str(value),
                    expected="one of " + ", ".join(map(str, allowed))
                    if allowed
                    else None,
                )
