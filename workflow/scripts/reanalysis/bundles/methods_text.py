"""The methods section: what was run, with the settings it was run with.

Every sentence follows from the rows of estimates.csv, the settings as merged and the
code that was imported. A method no study used is not named, nor is a library that no
method used imports.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

from reanalysis.bundles.bibliography import ANY, bibliography, method_words
from reanalysis.bundles.document import Block, Bullets, Cite, Heading, Paragraph
from reanalysis.formatting import capitalised
from reanalysis.reporting import captions
from reanalysis.reporting.convention_text import MATTERS, USUAL, setting_named
from reanalysis.reporting.forest_rows import name_of
from reanalysis.words import choice_named, method_named

#: Choices said once for all methods that have them.
_EVERYWHERE = ("conf_level", "seed")
#: Choices that a methods section names at their usual value too.
_SAID = frozenset({"alternative", "infinite"})
_LEFT_OUT = {
    "each_patient": "every patient left out in turn",
    "lost_to_follow_up": "without patients lost to follow-up",
}


def method_blocks(
    method: str,
    *,
    settings: Mapping[str, object],
    rows: Sequence[Mapping[str, str]],
    varied: Sequence[Mapping],
) -> list[Block]:
    """Return the part of the methods section on one method family.

    ``settings`` are the primary ones of config.yaml, ``rows`` the method's primary
    rows of estimates.csv as text, ``varied`` the analyses whose study sets something
    else: ``label``, ``study`` and ``settings``.
    """
    blocks: list[Block] = [
        Heading(3, capitalised(method_named(method))),
        Paragraph([*_counted(method, rows), captions.METHODS.get(method, "")]),
    ]
    if said := settings_text(method, settings):
        blocks.append(Paragraph(["Settings: ", *said]))
    own = [
        f"{line['label']} ({line['study']}): "
        + ", ".join(_words(method, line["settings"]))
        for line in varied
    ]
    if own:
        text = "As their papers have it, other settings for: " + "; ".join(own) + "."
        blocks.append(Paragraph([text]))
    for opening, column in (("Tests", "test"), ("Intervals", "interval_method")):
        if named := _named(rows, column):
            blocks.append(Paragraph([f"{opening} reported: ", *named]))
    if named := _named(rows, "statistic"):
        blocks.append(Paragraph(["Further: ", *named]))
    return blocks


def settings_text(method: str, settings: Mapping[str, object]) -> list:
    """Return the settings that play a part in words, each with its papers."""
    usual, matter = USUAL.get(method, {}), MATTERS.get(method, {})
    parts = [setting_named(key, value) for key, value in settings.items()]
    needed = {key for part in parts for key in matter.get(part, ())}
    pieces: list = []
    for key, value in settings.items():
        silent = key in usual and usual[key] == value and key not in needed
        if key in _EVERYWHERE or value is None or (silent and key not in _SAID):
            continue
        words, papers = plain_words(method, key, value)
        pieces += ["; ", words] if pieces else [words]
        pieces += [" ", Cite(papers)] if papers else []
    return [*pieces, "."] if pieces else []


def plain_words(method: str, key: str, value: object) -> tuple[str, tuple[str, ...]]:
    """Return the words of one setting and the papers that describe it."""
    choices = method_words()["settings"][method][key]
    if value is None:
        return f"no {key.replace('_', ' ')}", ()
    found = choices[ANY] if ANY in choices else choices[value]
    numbers = value if isinstance(value, list) else [value]
    shown = ", ".join(f"{number:g}" for number in numbers) if ANY in choices else ""
    return found["words"].format(shown), tuple(found.get("papers", ()))


def scenarios(config: Mapping[str, Mapping | None], methods: set[str]) -> Bullets:
    """Return the list of scenarios that concern the methods used."""
    items = []
    for name, change in config.items():
        change = change or {}
        parts = [
            f"{method_named(method)}: " + ", ".join(_words(method, settings))
            for method, settings in change.get("methods", {}).items()
            if method in methods
        ]
        leave = change.get("rows", {}).get("leave_out", "none")
        if leave in _LEFT_OUT:
            parts.append(_LEFT_OUT[leave])
        if "conf_level" in change:
            parts.append(f"level {change['conf_level']:g}")
        if parts:
            items.append(
                [f"{capitalised(choice_named(name))} \u2013 {'; '.join(parts)}"]
            )
    return Bullets(items)


def convention_text(conventions: Mapping[str, Mapping], methods: Iterable[str]) -> str:
    """Say how many conventions of each method a claim is tried under."""
    return "; ".join(
        f"{method_named(method)} {len(conventions[method])}"
        for method in methods
        if conventions.get(method)
    )


def software_text(imported: Iterable[str]) -> list:
    """Return a sentence on Python and the libraries used, with their versions."""
    pieces: list = [f"Python {platform.python_version()}"]
    libraries = bibliography()["libraries"]
    for library in sorted(set(imported) & set(libraries), key=str.lower):
        said = libraries[library]
        pieces += [
            f", {said['name']} {metadata.version(said['package'])} ",
            Cite((f"software:{library}",)),
        ]
    return [*pieces, "."]


def entries() -> dict[str, str]:
    """Return the entries of methods and libraries for the list of references."""
    tables = bibliography()
    return {
        **tables["papers"],
        **{
            f"software:{library}": f"{said['paper']} "
            f"Version {metadata.version(said['package'])}."
            for library, said in tables["libraries"].items()
        },
    }


def _words(method: str, settings: Mapping[str, object]) -> list[str]:
    return [plain_words(method, key, value)[0] for key, value in settings.items()]


def _counted(method: str, rows: Sequence[Mapping[str, str]]) -> list:
    """Return how many analyses used a method, of which kinds of data."""
    analyses = {(row["study"], row["analysis"]) for row in rows}
    studies = {study for study, _ in analyses}
    kinds = sorted({row["kind"] for row in rows})
    text = (
        f"{len(analyses)} {'analysis' if len(analyses) == 1 else 'analyses'} of "
        f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}, from "
        f"{_and(kinds)} data"
    )
    papers = tuple(method_words()["always"].get(method, ()))
    return [text, *([" ", Cite(papers)] if papers else []), ". "]


def _named(rows: Sequence[Mapping[str, str]], column: str) -> list:
    """Return what stands in a column of the rows, each with its papers.

    Statistics are named only where a paper of their own describes them.
    """
    pieces: list = []
    for name, _ in Counter(row[column] for row in rows if row[column]).most_common():
        if column == "statistic":
            papers = tuple(method_words()["statistics"].get(name, ()))
            if not papers:
                continue
            name = name_of(name).lower()
        else:
            papers = _papers(name)
        pieces += ["; ", name] if pieces else [name]
        pieces += [" ", Cite(papers)] if papers else []
    return [*pieces, "."] if pieces else []


def _papers(name: str) -> tuple[str, ...]:
    """Return the papers of the words in the name of a test or an interval."""
    found: dict[str, None] = {}
    for words, papers in method_words()["named"].items():
        if words.lower() in name.lower():
            found |= dict.fromkeys(papers)
    return tuple(found)


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
