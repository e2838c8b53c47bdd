"""What the report says of printed numbers held against each other.

Plain data for the template: the checks of all studies by what they found, those
that contradict something first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from reanalysis.consistency.attainable_readings import p_text
from reanalysis.formatting import MISSING

#: Heading and introduction of each part, in the order in which they are shown.
PARTS = {
    "impossible": (
        "Numbers that cannot hold together",
        "Each set below contradicts itself, whatever method was used.",
    ),
    "conflict": (
        "Sources that disagree",
        "Two sources, or two versions of one, print different things of the same. "
        "Which holds is not decided here.",
    ),
    "misfit": (
        "Numbers that do not fit as they stand",
        "Another reading, such as missing values or another test, would explain "
        "each; without it the numbers do not agree.",
    ),
    "attainable": (
        "P-values a test of this size can reach",
        "No rows are public. Given the number of patients and the test, few "
        "p-values are possible in small trials; what every outcome with the printed "
        "digits shares is what the paper implies.",
    ),
    "system": (
        "What unprinted numbers can still be",
        "All printed numbers of one comparison taken together. A range holds for "
        "every set of patients that agrees with them.",
    ),
    "convention": (
        "Which convention gives the printed digits",
        "Only where some of the conventions tried do and others do not.",
    ),
}
_OPEN = ("impossible", "conflict", "misfit")


def consistency(found: Mapping[str, Iterable[Mapping]]) -> dict[str, object]:
    """Return the parts of the page and how often each check was made.

    ``found``: study -> its checks (work/<study>/consistency.json).
    """
    lines: dict[str, list[dict[str, object]]] = {part: [] for part in PARTS}
    made: dict[str, list[int]] = {}
    for study, checks in found.items():
        chosen = list(checks)
        for check in chosen:
            counts = made.setdefault(check["check"], [0, 0, 0])
            part = _part(check)
            counts[0] += 1
            counts[1] += part == "impossible"
            counts[2] += part in {"conflict", "misfit"}
        said = sorted(chosen, key=lambda check: (check["check"], check["reason"]))
        for (name, reason), alike in groupby(
            said, key=lambda check: (check["check"], check["reason"])
        ):
            group = list(alike)
            if part := _part(group[0]):
                lines[part].append(
                    {
                        "study": study,
                        "check": name,
                        "claims": list(dict.fromkeys(c["claim_id"] for c in group)),
                        "reason": reason,
                        "readings": _readings(group[0]),
                    }
                )
    return {
        "parts": [
            {
                "id": part,
                "title": title,
                "about": about,
                "lines": lines[part],
                "open": part in _OPEN,
            }
            for part, (title, about) in PARTS.items()
            if lines[part]
        ],
        "made": [
            {"check": name, "made": all_, "impossible": no, "against": against}
            for name, (all_, no, against) in sorted(made.items())
        ],
        "total": sum(counts[0] for counts in made.values()),
    }


def _part(check: Mapping) -> str:
    """Return the part of the page a check belongs to, empty for agreement."""
    details, name = check["details"], check["check"]
    if check["outcome"] == "impossible":
        return "impossible"
    if name.startswith("attainable p"):
        return "attainable"
    if name == "one system":
        return "system"
    if "conventions" in details:
        return "convention" if 0 < details["fits"] < details["conventions"] else ""
    if check["outcome"] == "" and details.get("fits") is False:
        return "conflict" if "sources" in details else "misfit"
    return ""


def _readings(check: Mapping) -> list[dict[str, str]]:
    """Return the readings of a p-value as rows of a table."""
    return [
        {
            "reading": reading["reading"],
            "near": _near(reading),
            "outcomes": _outcomes(reading),
            "shared": reading["shared"],
        }
        for reading in check["details"].get("readings", ())
    ]


def _near(reading: Mapping) -> str:
    """Show the next value below, those with the printed digits, the next above."""
    below, (low, high), above = reading["below"], reading["inside"], reading["above"]
    middle = "none" if low is None else p_text(low)
    if low is not None and high != low:
        middle += f" to {p_text(high)}"
    return " | ".join(
        MISSING if end is None else end
        for end in (
            None if below is None else p_text(below),
            middle,
            None if above is None else p_text(above),
        )
    )


def _outcomes(reading: Mapping) -> str:
    of = reading["of"]
    if not of:
        return MISSING
    text = f"{reading['outcomes']:,.0f} of {of:,.0f}"
    share = reading["share"]
    if share:
        text += f" ({100 * share:.2g} %)"
    return text
