"""What the page says of how the members of a study's ensembles came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reanalysis.formatting import journal_number
from reanalysis.simulation.sought import EVERY

#: What an ensemble is, before anything is told of it.
OPENINGS = {
    "reconstructed": (
        "Patients rebuilt from the printed curve: data sets that it allows within the "
        "error of reading. None of them was observed."
    ),
    "simulated": (
        "Nobody's data: drawn so that they agree with what is printed, as each prior "
        "reads it. None of them was observed."
    ),
}


def ensembles(study: Mapping, drawn: Mapping[str, Mapping]) -> list[dict[str, object]]:
    """Return what is shown of every ensemble of a study.

    ``study`` is its checked json, ``drawn`` what members.json says by dataset
    (:meth:`reanalysis.ensembles.drawn.Drawn.told`).
    """
    return [
        _ensemble(name, study["ensembles"][name], told) for name, told in drawn.items()
    ]


def _ensemble(name: str, declared: Mapping, told: Mapping) -> dict[str, object]:
    labels = {prior: one["label"] for prior, one in told["priors"].items()}
    missed = told["missed"]
    return {
        "id": name,
        "kind": declared["kind"],
        "opening": OPENINGS[declared["kind"]],
        "refused": told["refused"],
        "priors": [
            {
                "name": prior.replace("_", " "),
                "label": one["label"],
                "members": one["members"],
                "sought": one["sought"],
                "effective": f"{one['effective']:.0f}",
                "said": _of_prior(told["messages"], one["label"]),
            }
            for prior, one in told["priors"].items()
        ],
        "solutions": [
            {"arm": arm, "said": _solutions(number)}
            for arm, number in told["solutions"].items()
        ],
        "used": [c for c in declared["constraints"] if c not in missed],
        "missed": missed,
        "said": [
            said
            for said in told["messages"]
            if not any(
                label and said.startswith(f"{label}: ") for label in labels.values()
            )
        ],
        "ends": _ends(told["ends"], len(told["priors"]), declared["time_unit"]),
        "bounds": [
            {
                "claim": bound["claim_id"],
                "range": _range("", float(bound["low"]), float(bound["high"])),
            }
            for bound in told["bounds"]
        ],
    }


def _of_prior(messages: Sequence[str], label: str) -> list[str]:
    """Return what was said of one prior, without its label."""
    if not label:
        return []
    start = f"{label}: "
    return [
        said.removeprefix(start)[:1].upper() + said.removeprefix(start)[1:]
        for said in messages
        if said.startswith(start)
    ]


def _solutions(number: float | None) -> str:
    if number is None:
        return "how many sequences of events the print allows was not counted"
    if number == 1:
        return (
            "one sequence of numbers at risk and events is possible: the print "
            "determines it, and only the reading of times is left open"
        )
    shown = f"{number:,.0f}" if number < 1e6 else f"about {number:.1e}"
    return f"{shown} sequences of numbers at risk and events are possible"


def _ends(
    ends: Sequence[Mapping], priors: int, time_unit: str
) -> list[dict[str, object]]:
    """Return the ends of each quantity, over all priors first, then by prior.

    Priors whose ends look the same stand together: those that read the print alike
    share their ends.
    """
    shown = []
    for quantity in dict.fromkeys(one["quantity"] for one in ends):
        own = [one for one in ends if one["quantity"] == quantity]
        alike: dict[tuple[str, str], list[str]] = {}
        for one in own:
            told = (
                _range(quantity, float(one["low"]), float(one["high"])),
                _how(one["proven"], one["scope"]),
            )
            alike.setdefault(told, []).append(one["prior"].replace("_", " "))
        lines = [
            {
                "of": "every prior" if len(names) == priors else ", ".join(names),
                "range": told,
                "how": how,
            }
            for (told, how), names in alike.items()
        ]
        if len(lines) > 1:
            lines.insert(0, _over_all(quantity, own, priors))
        unit = f" ({time_unit})" if quantity.startswith("restricted mean") else ""
        shown.append({"quantity": f"{quantity}{unit}", "lines": lines})
    return shown


def _over_all(quantity: str, ends: Sequence[Mapping], priors: int) -> dict[str, str]:
    """Return the ends over all priors: what none of them rules out."""
    whole = [one for one in ends if one["scope"] == EVERY]
    # Proven is the whole where each part is.
    proven = len(whole) == priors and all(one["proven"] for one in whole)
    low = min(float(one["low"]) for one in ends)
    high = max(float(one["high"]) for one in ends)
    return {
        "of": "over all priors",
        "range": _range(quantity, low, high),
        "how": _how(proven, EVERY),
    }


def _how(proven: bool, scope: str) -> str:
    if proven:
        return f"proven for {scope}"
    return "reached by search; that nothing lies beyond is not proven"


def _range(quantity: str, low: float, high: float) -> str:
    # "log-rank p", "likelihood-ratio p, matched"
    of_p = quantity.split(",")[0].endswith(" p")
    field = "p_value" if of_p else "estimate"
    ends = [journal_number(x, field=field) for x in (low, high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
