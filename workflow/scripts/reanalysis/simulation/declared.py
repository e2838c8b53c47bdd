"""What a study asks to be simulated: the checked ``simulate`` block and its claims.

The block says who was compared (``design``, ``n``), which claims every data set has to
meet and as what (``uses``), and at least two priors, each with the reading of the
claims that it takes where the words leave several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis import words
from reanalysis.errors import InputError, expect_known
from reanalysis.rounding import Printed, decimal, printed_interval
from reanalysis.units import unit_factor

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: What words about significance say of p.
ALPHA = 0.05
#: Units of time.
UNITS = ("days", "weeks", "months", "years")
#: Tests of a Cox model that print a p-value, and where a fit has it.
COX_TESTS = {
    "wald": "wald_p",
    "likelihood-ratio": "likelihood_ratio_p",
    "score": "score_p",
}
#: Most patients or pairs: beyond them nobody prints results alone.
MOST_PATIENTS = 200


@dataclass(frozen=True, slots=True)
class Design:
    """What a design needs: keys of the block and of each prior, tests, claims."""

    keys: frozenset[str]
    prior_keys: frozenset[str]
    tests: tuple[str, ...]
    parts: frozenset[str]
    paired: bool


_RATES = frozenset({"mean", "spread", "alike", "effect"})
_BEFORE = frozenset({"n", "p_value", "direction", "least_before", "all_events"})
DESIGNS = {
    "paired_counts": Design(
        frozenset({"period", "most"}), _RATES, ("signed-rank",), _BEFORE, True
    ),
    "paired_times": Design(
        frozenset({"period", "most", "step"}),
        _RATES,
        ("cox", "cox-matched"),
        _BEFORE,
        True,
    ),
    "two_groups": Design(
        frozenset({"step"}),
        frozenset({"share", "shape", "effect", "follow_up"}),
        ("log-rank", "cox"),
        frozenset({"n", "p_value", "direction", "event_at", "end_at"}),
        False,
    ),
}
_SHARED = frozenset({"design", "n", "time_unit", "members", "uses", "priors"})
_OF_PRIOR = frozenset({"label", "test", "p_of", "all_events"})


@dataclass(frozen=True, slots=True)
class PrintedP:
    """The p-values that would be printed so."""

    claim: str
    text: str
    printed: Printed | None
    significant: bool = False

    def holds(self, p: Floats) -> Bools:
        """Tell which p-values would be printed so; nan never."""
        p = np.asarray(p, dtype=float)
        if self.printed is None:
            return p < ALPHA if self.significant else p >= ALPHA
        low, high, value = self.printed.low, self.printed.high, self.printed.value
        if self.printed.relation == "<":
            return (p < value) & (p >= low)
        if self.printed.relation == ">":
            return (p > value) & (p <= high)
        slack = 1e-9 * self.printed.step
        return (p >= low - slack) & (p <= high + slack)

    @property
    def said(self) -> str:
        """What is printed, and what it says of p where it is no number."""
        if self.printed is not None:
            return f"'{self.text}'"
        means = f"below {ALPHA:g}" if self.significant else f"of {ALPHA:g} or more"
        return f"'{self.text}', p {means},"

    @property
    def largest(self) -> float:
        """An upper bound of them."""
        if self.printed is None:
            return ALPHA if self.significant else 1.0
        return self.printed.high


@dataclass(frozen=True, slots=True)
class Prior:
    """One law that data sets are drawn from, and its reading of the claims.

    ``p_of``: the tests of a Cox model of which one has to give the printed p.
    ``within``: everybody has an event within the period after; otherwise who has none
    then has it later. ``law``: the numbers of the design.
    """

    name: str
    label: str
    test: str
    p_of: tuple[str, ...]
    within: bool
    law: Mapping[str, object]

    @property
    def effects(self) -> Floats:
        """Ratios of rates or hazards, equally likely on the log scale."""
        low, high = map(float, self.law["effect"])
        return np.geomspace(low, high, 41) if high > low else np.array([low])

    @property
    def reading(self) -> tuple:
        """What it takes the claims, and what is assumed beside them, to say."""
        return self.test, self.p_of, self.within, tuple(self.law.get("follow_up", ()))


@dataclass(frozen=True, slots=True)
class Simulation:
    """A checked block with what its claims say.

    ``labels`` and ``sizes`` of the groups, the reference last (of pairs: after,
    before). ``steps``: length of the period on the grid of times (pairs). ``lower``:
    the counts fell, the event came later; None where nothing is said. ``events_at``
    and ``ends_at``: (low, high) in steps, of one patient of the first group each.
    """

    design: str
    labels: tuple[str, str]
    sizes: tuple[int, int]
    unit: str
    step: float
    steps: int
    most: int
    p_values: tuple[PrintedP, ...]
    lower: bool | None
    least: int
    events_at: tuple[tuple[int, int], ...]
    ends_at: tuple[tuple[int, int], ...]
    priors: tuple[Prior, ...]

    @property
    def pairs(self) -> int:
        """Number of patients observed twice."""
        return self.sizes[0]

    @property
    def printed(self) -> str:
        """What is printed of p, and the verb that goes with it."""
        verb = "is" if len(self.p_values) == 1 else "are"
        return " and ".join(p.said for p in self.p_values) + f" {verb} read as"


def tests_named(tests: Sequence[str]) -> str:
    """Return the tests of a Cox model in words."""
    names = ["Wald" if test == "wald" else test for test in tests]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def check(
    declared: Mapping, constraints: Sequence[Mapping], where: str = "study.yaml"
) -> Simulation:
    """Return the block with its claims, ready to draw from.

    ``declared``: the ``simulate`` block, which the schema has accepted;
    ``constraints``: rows of the checked claims that it names. Raises
    :class:`InputError` for what makes no sense.
    """
    expect_known(declared["design"], DESIGNS, where, "simulate.design")
    design = DESIGNS[declared["design"]]
    _check_keys(declared, design, where)
    labels, sizes = tuple(declared["n"]), tuple(declared["n"].values())
    if len(labels) != 2:
        raise _wrong(where, "n", labels, "two groups, the reference last")
    if design.paired and sizes[0] != sizes[1]:
        raise _wrong(where, "n", sizes, "the same number before and after")
    least_n = 2 if design.paired else 1
    if not all(least_n <= n <= MOST_PATIENTS for n in sizes) or sum(sizes) < 4:
        many = f"{least_n} to {MOST_PATIENTS} in each group, 4 in all"
        raise _wrong(where, "n", sizes, many)
    step = float(declared.get("step", 1))
    steps = 1
    if "period" in declared and design.keys >= {"step"}:
        steps = round(declared["period"] / step)
        if not 2 <= steps <= 1000 or abs(steps * step - declared["period"]) > 1e-9:
            raise _wrong(where, "step", step, "the period in 2 to 1000 equal steps")
    priors = _priors(declared, design, where)
    claims = _claims(declared, constraints, design, where)
    _check_sizes(claims, sizes, where)
    most = int(declared.get("most", 1))
    least = _least(claims, most, where)
    unit = str(declared.get("time_unit", ""))
    longest = max((p.law["follow_up"][1] for p in priors if not design.paired),
                  default=0)  # fmt: skip
    at = {
        part: tuple(
            _steps(claim, unit, step, float(longest), where)
            for claim in claims.get(part, ())
        )
        for part in ("event_at", "end_at")
    }
    if len(at["event_at"]) + len(at["end_at"]) > sizes[0]:
        many = len(at["event_at"]) + len(at["end_at"])
        raise _wrong(where, "uses", many, f"at most {sizes[0]} such patients")
    return Simulation(
        declared["design"], labels, sizes, unit, step, steps, most,
        tuple(_p_value(claim, where) for claim in claims["p_value"]),
        _direction(claims, declared["design"], where), least, at["event_at"],
        at["end_at"], priors,
    )  # fmt: skip


def _wrong(where: str, key: str, value: object, expected: str) -> InputError:
    return InputError(
        "this cannot be simulated",
        file=where,
        column=f"simulate.{key}",
        value=value,
        expected=expected,
    )


def _check_keys(declared: Mapping, design: Design, where: str) -> None:
    name = declared["design"]
    for key in declared:
        expect_known(key, sorted(_SHARED | design.keys), where, "simulate")
    for key in sorted(design.keys - set(declared)):
        raise _wrong(where, key, "nothing", f"a number: the design {name} needs it")
    for prior, own in declared["priors"].items():
        known = _OF_PRIOR | design.prior_keys
        for key in own:
            expect_known(key, sorted(known), where, f"simulate.priors.{prior}")
        for key in sorted(design.prior_keys - set(own)):
            key = f"priors.{prior}.{key}"
            raise _wrong(where, key, "nothing", f"the design {name} needs it")


def _priors(declared: Mapping, design: Design, where: str) -> tuple[Prior, ...]:
    given = declared["priors"]
    if len(given) < 2:
        raise _wrong(
            where, "priors", ", ".join(given) or "none",
            "two or more that contrast: the spread under one alone is that prior",
        )  # fmt: skip
    priors = []
    for name, own in given.items():
        key = f"priors.{name}"
        if own["test"] not in design.tests:
            raise _wrong(where, f"{key}.test", own["test"], " or ".join(design.tests))
        if "p_of" in own and not own["test"].startswith("cox"):
            raise _wrong(where, f"{key}.p_of", own["p_of"], "a Cox model")
        low, high = own["effect"]
        if not 0 < low <= high:
            raise _wrong(where, f"{key}.effect", own["effect"], "0 < low <= high")
        says = "all_events" in declared["uses"].values()
        if says != ("all_events" in own):
            expected = "within_period or later, just where a claim says 'all'"
            raise _wrong(
                where, f"{key}.all_events", own.get("all_events", "-"), expected
            )
        if "follow_up" in own:
            first, last = own["follow_up"]
            step = declared["step"]
            if not step <= first <= last or last / step > 1000:
                expected = "shortest <= longest, 1 to 1000 steps"
                raise _wrong(where, f"{key}.follow_up", own["follow_up"], expected)
        law = {k: own[k] for k in sorted(design.prior_keys)}
        within = own.get("all_events") == "within_period"
        cox = own["test"].startswith("cox")
        tests = tuple(own.get("p_of", COX_TESTS)) if cox else ()
        priors.append(Prior(name, own["label"], own["test"], tests, within, law))
    for i, prior in enumerate(priors):
        for other in priors[:i]:
            same = (prior.test, prior.within, prior.p_of) == (
                other.test, other.within, other.p_of,
            )  # fmt: skip
            if same and prior.law == other.law:
                both = f"{other.name}, {prior.name}"
                raise _wrong(where, "priors", both, "priors that differ")
    return tuple(priors)


def _claims(
    declared: Mapping, constraints: Sequence[Mapping], design: Design, where: str
) -> dict[str, list[Mapping]]:
    uses = declared["uses"]
    there = {claim["claim_id"]: claim for claim in constraints}
    for claim in there:
        if claim not in uses:
            raise _wrong(where, "uses", claim, "every constraint, and what it says")
    found: dict[str, list[Mapping]] = {}
    for claim, part in uses.items():
        expect_known(claim, there, where, "simulate.uses")
        if part not in design.parts:
            expected = " or ".join(sorted(design.parts))
            raise _wrong(where, f"uses.{claim}", part, expected)
        found.setdefault(part, []).append(there[claim])
    if "p_value" not in found:
        raise _wrong(
            where, "uses", ", ".join(uses) or "nothing", "a claim of a p-value"
        )
    for part in ("least_before", "all_events"):
        if len(found.get(part, ())) > 1:
            raise _wrong(where, "uses", part, "one claim of this kind")
    for claim in found.get("all_events", ()):
        if words.meaning(claim["printed"], "estimate") != "all":
            raise _not_so(claim, where, "words that say it of all")
    return found


def _not_so(claim: Mapping, where: str, expected: str) -> InputError:
    return InputError(
        "the claim cannot serve as this constraint",
        file=where,
        column=f"simulate.uses.{claim['claim_id']}",
        value=claim["printed"],
        expected=expected,
    )


def _p_value(claim: Mapping, where: str) -> PrintedP:
    name, text = claim["claim_id"], claim["printed"]
    if claim["field"] != "p_value":
        raise _not_so(claim, where, "a claim whose field is p_value")
    if claim["relation"] != "words":
        return PrintedP(name, text, printed_interval(claim))
    said = words.meaning(text, "p_value")
    if said is None:
        raise _not_so(claim, where, "a number, or words on significance")
    return PrintedP(name, text, None, said == "significant")


def _direction(
    claims: Mapping[str, list[Mapping]], design: str, where: str
) -> bool | None:
    """Tell whether the counts fell, or the event came later in the first group."""
    found: set[bool] = set()
    for claim in claims.get("direction", ()):
        said = words.meaning(claim["printed"], "estimate")
        known = (
            ("lower", "higher") if design == "paired_counts" else ("later", "sooner")
        )
        if claim["relation"] != "words" or said not in known:
            raise _not_so(claim, where, f"words that say {' or '.join(known)}")
        found.add(said == known[0])
        if len(found) > 1:
            raise _not_so(claim, where, "claims of one direction")
    return found.pop() if found else None


def _check_sizes(
    claims: Mapping[str, list[Mapping]], sizes: tuple[int, ...], where: str
) -> None:
    for claim in claims.get("n", ()):
        if not claim["value"] or int(decimal(claim["value"])) not in sizes:
            raise _not_so(
                claim, where, f"the n declared, {' or '.join(map(str, sizes))}"
            )


def _least(claims: Mapping[str, list[Mapping]], most: int, where: str) -> int:
    for claim in claims.get("least_before", ()):
        if not claim["value"]:
            raise _not_so(claim, where, "a whole number")
        least = decimal(claim["value"])
        if least != int(least) or not 0 <= least <= most:
            raise _not_so(claim, where, f"a whole number of at most {most}, the `most`")
        return int(least)
    return 0


def _steps(
    claim: Mapping, unit: str, step: float, longest: float, where: str
) -> tuple[int, int]:
    """Return the steps of the grid at which a printed time may lie."""
    given = claim["unit"].strip().lower()
    if claim["relation"] == "words" or given not in UNITS or unit not in UNITS:
        units = ", ".join(UNITS)
        raise _not_so(claim, where, f"a number with a unit, time_unit too ({units})")
    printed = printed_interval(claim)
    factor = unit_factor(unit, given) / step
    low, high = np.ceil(printed.low * factor - 1e-9), np.floor(printed.high * factor)
    if not 1 <= high <= longest / step or high < low:
        expected = f"a time within follow-up that a step of {step:g} {unit} can hit"
        raise _not_so(claim, where, expected)
    return max(int(low), 1), int(high)
