"""What the verdicts and the kinds of data mean, in the words of the report."""

from __future__ import annotations

#: Each verdict in one line, in the order in which they are listed, with the mark
#: that stands beside its name.
VERDICTS = {
    "reproduced": (
        "\u2713",
        "Recomputed from observed data by the convention the paper states (else our "
        "primary one); the result rounds to the printed digits.",
    ),
    "reproduced_by_convention": (
        "\u2713c",
        "The printed digits appear only under another convention of the same method, "
        "which is named.",
    ),
    "compatible": (
        "\u2248",
        "The printed number lies among those that rebuilt or simulated data give. "
        "This is no reproduction.",
    ),
    "attainable": (
        "\u25cb",
        "No data, but some outcome of a trial of this size and design gives the "
        "printed number.",
    ),
    "not_reached": (
        "?",
        "No rebuilt or simulated data set tried gives the printed number; that it is "
        "impossible is not proven.",
    ),
    "differs": (
        "\u2260",
        "Recomputed from observed data, the result is another number under every "
        "convention tried.",
    ),
    "incompatible": (
        "\u2717",
        "Proven: no data set that agrees with the other printed numbers gives it.",
    ),
    "impossible": (
        "!",
        "Contradicts other printed numbers or the number of patients.",
    ),
    "not_recomputable": (
        "\u2026",
        "Needs rows or numbers that are not public; what is missing is said.",
    ),
    "used": (
        "in",
        "Served as an input, or the data were rebuilt from it: agreement would prove "
        "nothing.",
    ),
    "context": ("\u00b7", "Printed, but no statement that data could test."),
}
#: Verdicts that contradict a printed number.
DISAGREE = ("differs", "incompatible", "impossible", "not_reached")
#: Verdicts told apart from the tested claims: no test was made.
UNTESTED = ("used", "context")

#: What each kind of data is.
KINDS = {
    "individual": "rows of single patients, as published",
    "summary": "counts, means or medians, as published",
    "curve": "coordinates read off a published figure",
    "reconstructed": "patients rebuilt from printed tables or a curve, not observed",
    "simulated": "patients drawn under printed constraints only, not observed",
}
