"""The results of a run as its documents are made from them, and words they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reanalysis.formatting import significant
from reanalysis.reporting.report import DISAGREE, UNTESTED

#: Kinds of data that were never observed: their captions begin with the words.
UNOBSERVED = {"reconstructed": "RECONSTRUCTED DATA.", "simulated": "SIMULATED DATA."}
#: What the caption of a figure says that could not be drawn.
NOTICE = "Nothing could be drawn:"
DASH = "\u2013"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results of a run.

    ``page`` is what the report page shows (:func:`reporting.report.page_data`),
    ``checked`` the checked studies by id, ``estimates`` their primary rows of
    estimates.csv as text, ``captions`` and ``alts`` the captions and descriptions of
    figures by their place under figures/ in the order wanted, ``figures`` the analysis
    of each figure by study, ``private`` the analyses on private tables by study,
    ``libraries`` what the code imports, by top-level name.
    """

    page: Mapping
    config: Mapping
    conventions: Mapping[str, Mapping]
    checked: Mapping[str, Mapping]
    estimates: Mapping[str, Sequence[Mapping[str, str]]]
    captions: Mapping[str, str]
    alts: Mapping[str, str]
    figures: Mapping[str, Mapping[str, str]]
    private: Mapping[str, set[str]]
    left_out: Sequence[str]
    libraries: Iterable[str]

    @property
    def level(self) -> str:
        """The level of confidence intervals in per cent."""
        return significant(100 * self.config["conf_level"]).removesuffix(".0")

    def entries(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the references of studies, and the key each of them is cited by.

        Papers go by ``study:<id>``, sources by ``source:<id>/<source>``. A source
        whose citation is that of an earlier entry is cited by that one.
        """
        entries: dict[str, str] = {}
        keys: dict[str, str] = {}
        seen: dict[str, str] = {}
        for study in self.page["studies"]:
            if study["message"]:
                continue
            for key, same, text in (_paper(study), *_sources(study)):
                keys[key] = seen.setdefault(re.sub(r"\W+", "", same).lower(), key)
                if keys[key] == key:
                    entries[key] = text
        return entries, keys


def _paper(study: Mapping) -> tuple[str, str, str]:
    citation = study["citation"]
    text = f"{citation['text'].rstrip('.')}."
    if citation["doi"] and citation["doi"] not in text:
        text += f" doi:{citation['doi']}."
    if citation["registration"] and citation["registration"] not in text:
        text += f" Registration: {citation['registration']}."
    return f"study:{study['id']}", citation["text"], text


def _sources(study: Mapping) -> Iterable[tuple[str, str, str]]:
    for source in study["sources"]:
        text = f"{source['citation'].rstrip('.')}."
        if source["url"] and source["url"] not in text:
            text += f" {source['url']}"
        if source["accessed"]:
            text += f" (read {source['accessed']})"
        same = f"{source['citation']} {source['url']}"
        yield f"source:{study['id']}/{source['id']}", same, text


def tallies(counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many claims agree, are possible, disagree, wait and are not tested."""
    return {
        "agree": counts["reproduced"] + counts["reproduced_by_convention"],
        "possible": counts["compatible"] + counts["attainable"],
        "against": sum(counts[verdict] for verdict in DISAGREE),
        "waiting": counts["not_recomputable"],
        "untested": sum(counts[verdict] for verdict in UNTESTED),
    }


def claim_named(claim: Mapping, main: str = "") -> str:
    """Say which number a claim is, with its id."""
    parts = [main or claim["what"]["main"], *claim["what"]["details"]]
    named = ", ".join(dict.fromkeys(part for part in parts if part))
    return f"{named} ({claim['claim_id']})" if named else claim["claim_id"]


def words(name: object) -> str:
    """Return a name of the contract as words."""
    return str(name).replace("_", " ")


def listed(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def plural(word: str, count: int) -> str:
    """Return a word for so many."""
    return word if count == 1 else f"{word}s"
