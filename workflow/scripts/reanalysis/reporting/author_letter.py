"""A letter to the authors of a study: which tables would settle which numbers.

Everything specific in it comes from requests.csv, the claims and the study folder.
What only the sender knows stands in square brackets, to be filled in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reanalysis.formatting import capitalised, journal_time
from reanalysis.reporting.forest_rows import name_of

DATE = "[Date]"
ADDRESS = "[Name and address of the corresponding author]"
SENDER = "[Name, position, institution, e-mail address]"

_NAME = r"(?:[a-z]{1,3} ){0,3}[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w'’-]+)?"
_INITIALS = r"[^\W\d_a-z]{1,3}(?: (?:Jr|II|III))?"
# Park H, Lee S. ... ; Park H, et al. ... ; Park et al., ...
_SEVERAL = re.compile(
    rf"({_NAME})(?: {_INITIALS})?,? et al\b"
    rf"|({_NAME}) {_INITIALS}, {_NAME} {_INITIALS}\b"
)
# Smith J. Title; "Vitamin D. Title" looks the same, so the study's name decides.
_ALONE = re.compile(rf"({_NAME}) {_INITIALS}\. ")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a letter; ``rows`` are as wide as ``header``."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a letter."""

    text: str


#: A letter is a sequence of paragraphs (text), headings and tables.
Block = str | Heading | Table


def salutation(citation: str, study: str) -> str:
    """Return ``Dear Dr Park and colleagues,``, or ``Dear authors,``.

    A name is used only where the citation begins with a list of authors, or with one
    author after whom the study is named.
    """
    if several := _SEVERAL.match(citation):
        return f"Dear Dr {several.group(1) or several.group(2)} and colleagues,"
    alone = _ALONE.match(citation)
    if alone and _plain(study).startswith(_plain(alone.group(1))):
        return f"Dear Dr {alone.group(1)},"
    return "Dear authors,"


def letter(
    study: Mapping,
    requests: Sequence[Mapping[str, str]],
    claims: Sequence[Mapping[str, str]],
    headers: Mapping[str, Sequence[str]],
) -> list[Block]:
    """Return the letter of a study.

    ``study`` is the checked study, ``requests`` its rows of requests.csv, ``claims``
    those of claims.csv, ``headers`` the column names of the file of each awaited
    dataset.
    """
    asked = {name for request in requests for name in request["claims"].split()}
    citation = study["citation"]["text"]
    blocks: list[Block] = [
        DATE,
        ADDRESS,
        salutation(citation, study["id"]),
        f"Your study: {citation}" + _doi(study["citation"]),
        _opening(len(asked), len(claims), len(requests)),
    ]
    for number, request in enumerate(requests, 1):
        blocks += _table_asked(number, study, request, claims, headers)
    return [*blocks, *_handling(), "Yours sincerely,", SENDER]


def no_letter(study: str, why: str) -> list[Block]:
    """Return what stands in the place of a letter that cannot be written."""
    return [f"No letter for {study}.", why]


def _opening(asked: int, taken: int, tables: int) -> str:
    ours = (
        "We recompute the printed results of small clinical trials from data that are "
        "public, and say of every printed number whether it can be reproduced. "
    )
    these = "the table below" if tables == 1 else "the tables below"
    if asked:
        share = (
            f"Of the {taken} numbers and statements we took from what is printed of "
            f"your study, {asked} {'awaits' if asked == 1 else 'await'}"
            if taken > 1
            else "The one number we took from what is printed of your study awaits"
        )
        ours += (
            f"{share} data that are not in what we could read of it. "
            f"We would be grateful if you could share {these}. "
        )
    else:
        ours += (
            f"We would be grateful if you could share {these}, which would allow "
            "analyses that the printed numbers do not. "
        )
    if tables > 1:
        ours += "Each helps by itself; those that would settle most come first. "
    return ours + (
        "If the data are in print already, a word on where they stand is all we need."
    )


def _table_asked(
    number: int,
    study: Mapping,
    request: Mapping[str, str],
    claims: Sequence[Mapping[str, str]],
    headers: Mapping[str, Sequence[str]],
) -> list[Block]:
    dataset = study["datasets"][request["dataset"]]
    names = headers[request["dataset"]]
    wanted = _sentence(request["wanted"])
    if place := request["locator"].replace(" (not read)", ""):
        wanted += f" Place in the publication: {place}."
    blocks: list[Block] = [
        Heading(f"{number}. {dataset['file']}"),
        wanted,
        "The columns are these; what is not known stays empty. As a file of comma-"
        f"separated values its first line is: {','.join(names)}",
        Table(
            ("Column", "What it holds", "Unit or codes"),
            tuple(_column(name, dataset["columns"].get(name, {})) for name in names),
        ),
    ]
    ids = set(request["claims"].split())
    if rows := _settled(study, [c for c in claims if c["claim_id"] in ids]):
        numbers = "this printed number" if len(ids) == 1 else "these printed numbers"
        settles = Table(("Printed", "What it is", "Where it is printed"), rows)
        return [*blocks, f"It would settle {numbers}:", settles]
    serves = [study["analyses"][name]["label"] for name in request["analyses"].split()]
    if serves:
        named = "; ".join(dict.fromkeys(serves))
        blocks.append(f"No printed number rests on it alone. It would serve: {named}.")
    return blocks


def _column(name: str, declared: Mapping) -> tuple[str, str, str]:
    coding = declared.get("coding", {})
    if isinstance(coding, Mapping):
        coding = [f"{code} = {meaning}" for code, meaning in coding.items()]
    codes = ", ".join(map(str, coding))
    unit = declared.get("unit", "")
    return name, declared.get("label", ""), "; ".join(p for p in (unit, codes) if p)


def _settled(
    study: Mapping, claims: Sequence[Mapping[str, str]]
) -> tuple[tuple[str, ...], ...]:
    """Return printed text, what it is and place; several numbers of a text are one."""
    sources = {claim["source"] for claim in claims}
    alike: dict[tuple[str, ...], list[str]] = {}
    for claim in claims:
        place = claim["locator"]
        if len(sources) > 1 or not place:
            cited = study["sources"][claim["source"]]["citation"].rstrip(".")
            if place.lower() not in cited.lower():
                cited = f"{cited}: {place}"
            place = cited
        against = f" against {claim['reference']}" if claim["reference"] else ""
        of = [claim["endpoint"], claim["group"] + against]
        if claim["timepoint"] not in claim["endpoint"]:
            time = journal_time(claim["timepoint"])
            of.append(f"time {time}" if time.replace(".", "").isdigit() else time)
        what = ", ".join(part for part in of if part)
        key = (f"“{claim['printed']}”", what, place)
        name = _small(name_of(claim["statistic"]))
        if claim["field"] != "estimate":
            name += f", {_FIELDS.get(claim['field'], claim['field'].replace('_', ' '))}"
        if claim["verdict"] == "impossible":
            name += ", which we could not reconcile with other printed numbers"
        names = alike.setdefault(key, [])
        if name not in names:
            names.append(name)
    return tuple(
        (printed, f"{what} ({'; '.join(names)})" if what else "; ".join(names), place)
        for (printed, what, place), names in alike.items()
    )


_FIELDS = {
    "p_value": "p-value",
    "conf_low": "lower confidence limit",
    "conf_high": "upper confidence limit",
    "n": "number of patients",
}


def _handling() -> list[Block]:
    return [
        Heading("How the data would be handled"),
        "Please send no names, dates of birth, hospital numbers or calendar dates: "
        "number the patients anew and give times from the start of treatment. In a "
        "small trial such rows may still point to a person, so please send only what "
        "your ethics approval and the patients' consent allow.",
        "Rows would be kept apart from the published part of our work and used for "
        "the analyses named here. Neither rows nor figures that show single patients "
        "would be published without your consent, and you would see the results "
        "before others do. [If rows may be published: under which licence.]",
        "If rows cannot leave your institution, you could run the analyses there: the "
        "program is open and needs nothing but the filled tables, and its file "
        "claims.csv, which says what became of each printed number, would do for us. "
        "[Address of the program.] And if we have misread anything, we would be glad "
        "to be corrected.",
    ]


def _doi(citation: Mapping) -> str:
    doi = citation.get("doi")
    return f" doi:{doi}" if doi and str(doi) not in citation["text"] else ""


def _sentence(text: str) -> str:
    """Return a note of a study folder as a sentence, names in quotation marks."""
    text = re.sub(r"`([^`]*)`", r"“\1”", capitalised(text.strip()))
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(c for c in letters if c.isascii() and c.isalpha())
