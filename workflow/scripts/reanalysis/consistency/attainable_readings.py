"""One way to read a printed p-value, and what it says of the value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reanalysis import words
from reanalysis.consistency.attainable_laws import Floats, Ladder
from reanalysis.rounding import printed_interval

FAMILY = "consistency"
#: Above this share of all outcomes a p-value says next to nothing.
COMMON = 0.5

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
NUMBERS += ("nine", "ten", "eleven", "twelve")


# The printed value


@dataclass(frozen=True, slots=True)
class Target:
    """The set of p-values a claim stands for; ``text`` is the claim in a sentence."""

    text: str
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    step: float = 0.0

    def holds(self, p: Floats) -> NDArray[np.bool_]:
        """Tell which p-values (1-d) the claim stands for."""
        p = np.asarray(p, dtype=float)
        # A billionth of the last digit is forgiven, as everywhere.
        slack = 1e-9 * self.step
        above = p > self.low if self.open_low else p >= self.low - slack
        below = p < self.high if self.open_high else p <= self.high + slack
        return above & below


def target(claim: Mapping) -> Target | None:
    """Return what a p-value claim stands for, None when its words say nothing."""
    if claim["relation"] == "words":
        meaning = words.meaning(claim["printed"], "p_value")
        text = f"'{claim['printed']}'"
        if meaning == "significant":
            return Target(f"{text} (p below 0.05)", 0.0, 0.05, open_high=True)
        if meaning == "not significant":
            return Target(f"{text} (p of 0.05 or more)", 0.05, 1.0)
        return None
    printed = printed_interval(claim)
    relation = claim["relation"]
    sign = {"~": "about "}.get(relation, f"{relation} ")
    return Target(
        f"P {sign}{claim['value']}",
        printed.low,
        printed.high,
        open_low=relation == ">",
        open_high=relation == "<",
        step=printed.step if relation in {"=", "~"} else 0.0,
    )


# Readings and what they give


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One way to read a claim: a test in words, and the p-values it can give.

    ``shared`` puts what some outcomes (a mask) have in common into words. ``keep``
    restricts the list to outcomes the reading speaks of.
    """

    label: str
    ladder: Ladder
    shared: Callable[[Ladder, NDArray], str]
    keep: NDArray | None = None
    exact: Ladder | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reading says of a printed value.

    ``share`` is nan without a measure of equally likely outcomes. ``exact`` is the
    range of exact p-values of the outcomes by which an approximation gets there.
    """

    label: str
    fits: bool
    least: float
    below: float
    above: float
    inside: tuple[float, float] = (math.nan, math.nan)
    outcomes: float = 0.0
    of: float = 0.0
    share: float = math.nan
    weight: tuple[float, float] = (math.nan, math.nan)
    shared: str = ""
    at_least: str = ""
    exact: tuple[float, float] = (math.nan, math.nan)
    whole: bool = True


def answer(reading: Reading, wanted: Target) -> Answer:
    """Find the outcomes of a reading that give a printed value, and the next ones."""
    ladder = reading.ladder
    keep = np.ones(ladder.p.size, bool) if reading.keep is None else reading.keep
    mask = wanted.holds(ladder.p) & keep
    p = ladder.p[keep]
    under, over = p[p < wanted.low - 1e-12], p[p > wanted.high + 1e-12]
    least = float(p.min())
    found = Answer(
        label=reading.label,
        fits=bool(mask.any()),
        least=least,
        below=float(under.max()) if under.size else math.nan,
        above=float(over.min()) if over.size else math.nan,
        of=float(ladder.outcomes[keep].sum()),
        at_least=reading.shared(ladder, keep & (ladder.p <= least + 1e-12)),
        whole=ladder.whole,
    )
    if not found.fits:
        return found
    chosen = ladder.p[mask]
    weight, total, share = math.nan, math.nan, math.nan
    if ladder.weight.size:
        weight, total = ladder.weight[mask].sum(), ladder.weight[keep].sum()
        share = weight / total if total else math.nan
    exact = (math.nan, math.nan)
    if reading.exact is not None:
        at = reading.exact.p[mask]
        exact = (float(at.min()), float(at.max()))
    return replace(
        found,
        inside=(float(chosen.min()), float(chosen.max())),
        outcomes=float(ladder.outcomes[mask].sum()),
        share=float(share),
        weight=(float(weight), float(total)),
        shared=reading.shared(ladder, mask),
        exact=exact,
    )


# Words


def number_word(n: float) -> str:
    """Return a number up to twelve in words."""
    n = int(n)
    return NUMBERS[n] if 0 <= n < len(NUMBERS) else f"{n:,}"


def p_text(p: float) -> str:
    """Return a p-value for a sentence, with three significant digits or so."""
    if math.isnan(p):
        return "none"
    if p < 0.00005:
        return f"{p:.1e}"
    return f"{p:.5f}".rstrip("0") if p < 0.01 else f"{p:.4f}"


def range_text(counts: NDArray) -> str:
    """Return the range of some counts (1-d)."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def percent_text(low: float, high: float) -> str:
    """Return a range of shares in per cent."""
    one, two = f"{low:.1%}", f"{high:.1%}"
    return one if one == two else f"{one} to {two}"


def span_text(low: float, high: float) -> str:
    """Return a range of p-values."""
    return (
        p_text(low)
        if p_text(low) == p_text(high)
        else f"{p_text(low)} to {p_text(high)}"
    )


def list_text(parts: Sequence[str], last: str = "and") -> str:
    """Join parts as in a sentence."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def details_of(
    wanted: Target, answers: Iterable[Answer], claims: Iterable[str] = ()
) -> dict[str, object]:
    """Return the numbers behind a reason."""
    return {
        "interval": (wanted.low, wanted.high),
        "claims": list(claims),
        "readings": [
            {
                "reading": found.label,
                "fits": found.fits,
                "smallest": found.least,
                "below": found.below,
                "inside": found.inside,
                "above": found.above,
                "outcomes": found.outcomes,
                "of": found.of,
                "share": found.share,
                "shared": found.shared,
            }
            for found in answers
        ],
    }
