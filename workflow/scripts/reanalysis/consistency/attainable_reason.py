"""Put the answers of all readings of a p-value into one reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from reanalysis.consistency.attainable_design import named_test
from reanalysis.consistency.attainable_readings import (
    COMMON,
    FAMILY,
    Answer,
    Reading,
    Target,
    answer,
    details_of,
    list_text,
    p_text,
    span_text,
)
from reanalysis.consistency.check import Check
from reanalysis.rounding import interval


def tell(
    study: Mapping,
    claim: Mapping,
    analysis: Mapping,
    wanted: Target,
    readings: Sequence[Reading],
    source: str,
    name: str,
    claims: Iterable[str] = (),
    *,
    extra: str = "",
    further: Sequence[Reading] = (),
    tied: str = "",
    counted: bool = False,
    sizes: Mapping[str, int],
    lattice: int = 0,
) -> Check:
    """Answer by every reading and put the answers into one reason.

    ``sizes`` are the numbers of pairs (group "") or of the groups that were used.
    ``counted`` says that ties are likely, so that conditions are told with them.
    Every exact p of the design, whatever the ties, is a multiple of 1/``lattice``.
    """
    sides = claim["alternative"] or analysis["paper"].get("alternative", "")
    if sides in {"less", "greater"}:
        readings = sorted(readings, key=lambda r: not r.label.startswith("one-sided"))
    elif wanted.low > COMMON:
        # One-sided it would mean that the values went against the hypothesis.
        readings = [r for r in readings if not r.label.startswith("one-sided")]
    answers = [answer(reading, wanted) for reading in readings]
    rest = [answer(reading, wanted) for reading in further]
    main, others = answers[0], answers[1:]
    unsaid = [
        word
        for word, missing in (
            ("the test", not named_test(claim, analysis)),
            ("its sidedness", sides in {"", "not stated"}),
        )
        if missing
    ]
    reason = f"Read with {source}"
    reason += f" ({list_text(unsaid)} not stated): " if unsaid else ": "
    reason += _main_sentence(main, wanted)
    if not main.share > COMMON:
        reason += _tie_sentence(main, others, tied)
        reason += _rival_sentence(main, [*others, *rest], wanted, counted)
    reason += extra
    if not main.fits and not named_test(claim, analysis) and name != "Fisher":
        reason += " A t test or a model has no such steps and can give any p."
    fits = any(a.fits for a in (*answers, *rest))
    outcome = "attainable" if fits else ""
    if not fits:
        reason += " No reading tried gives the printed value."
        proof = _stated_n(study, claim, sizes)
        stated = not unsaid and _exact_test_named(claim, analysis, name)
        if stated and proof and _excluded(claim, wanted, readings, lattice):
            outcome = "impossible"
            reason += (
                f" Test, sidedness and n are stated, so {claim['claim_id']} "
                f"('{claim['printed']}') cannot hold together with "
                f"{list_text([f'{c} ({text!r})' for c, text in proof])}."
            )
    return Check(
        claim_id=claim["claim_id"],
        family=FAMILY,
        check=f"attainable p, {name}",
        outcome=outcome,
        reason=reason,
        details=details_of(wanted, (*answers, *rest), claims),
    )


def _main_sentence(main: Answer, wanted: Target) -> str:
    label = main.label
    if not main.fits:
        if wanted.high <= 0.05 and main.least >= wanted.high and wanted.step == 0:
            return (
                f"no {label} can be below {wanted.high:g}; the smallest p is "
                f"{p_text(main.least)}, when {main.at_least}."
            )
        near = [p_text(p) for p in (main.below, main.above) if not math.isnan(p)]
        return f"no {label} gives {wanted.text}; the nearest attainable " + (
            f"values are {list_text(near)}."
            if len(near) > 1
            else f"value is {near[0]}."
        )
    if main.share > COMMON:
        return (
            f"a {label} gives {wanted.text} in {main.share:.0%} of the equally likely "
            f"outcomes without an effect, so it says little; the smallest attainable "
            f"p is {p_text(main.least)}, when {main.at_least}."
        )
    text = f"a {label} gives {wanted.text} only when {main.shared}"
    text += f" (p {span_text(*main.inside)}; {_rarity(main)}"
    near = [
        f"{p_text(p)} {word}"
        for p, word in ((main.below, "below"), (main.above, "above"))
        if not math.isnan(p)
    ]
    text += f"; next attainable {list_text(near)})." if near else ")."
    return text


def _rarity(found: Answer) -> str:
    if not math.isnan(found.share):
        weight, total = found.weight
        if total < 1e7:
            return (
                f"{weight:,.0f} of {total:,.0f} equally likely outcomes without an "
                f"effect"
            )
        return f"{found.share:.2g} of the equally likely outcomes without an effect"
    return f"{found.outcomes:,.0f} of {found.of:,.0f} distinct outcomes"


_WITH_TIES = (" with ties or unchanged pairs", " with ties")


def _base(label: str) -> str:
    for ending in _WITH_TIES:
        label = label.removesuffix(ending)
    return label


def _tie_sentence(main: Answer, others: Sequence[Answer], tied: str) -> str:
    same = [a for a in others if a.label != main.label and _base(a.label) == main.label]
    if not same:
        return ""
    (found,) = same
    span = f"ties ({tied or 'every pattern'})"
    if found.fits and main.fits and found.shared == main.shared:
        return f" That holds with {span} as well ({_rarity(found)})."
    if found.fits:
        text = f" With {span} also when" if main.fits else f" With {span} when"
        return f"{text} {found.shared}."
    return "" if main.fits else f" Nor with {span}."


def _rival_sentence(
    main: Answer, others: Sequence[Answer], wanted: Target, counted: bool
) -> str:
    """Tell the other readings: the same condition, another one, or out of reach.

    An inequality that the main reading meets needs no other conditions.
    """
    same, different, failing, lesser = [], [], [], []
    by_base: dict[str, list[Answer]] = {}
    for found in others:
        if _base(found.label) != main.label:
            by_base.setdefault(_base(found.label), []).append(found)
    plain = wanted.step == 0 and main.fits
    for base, found in by_base.items():
        fitting = [a for a in found if a.fits]
        approximate = "one-sided" in base and "approximation" in base
        if not fitting:
            if not approximate:
                beyond = found[0].least > wanted.high
                least = f" (smallest p {p_text(found[0].least)})" if beyond else ""
                failing.append(base + least)
            continue
        first = fitting[-1 if counted else 0]
        ties = ", with ties only" if fitting[0].label != base else ""
        if plain or all(a.shared == main.shared for a in fitting):
            same.append(f"{base} (p {span_text(*first.inside)}{ties})")
            continue
        text = f"{base}{ties}, when {first.shared} (p {span_text(*first.inside)}"
        if not math.isnan(first.exact[0]) and not ties:
            text += f"; the exact p of this is {span_text(*first.exact)}"
        (lesser if approximate else different).append(text + ")")
    text = ""
    if plain:
        text += " Each other reading tried can give it too" if same else ""
        text += (", except a " if text else " Out of reach of a ") * bool(failing)
        return text + list_text(failing, "or") + "." * bool(text or failing)
    if same:
        text += f" On the same condition also by a {list_text(same, 'or')}."
    if different or (lesser and not main.fits):
        rivals = different or lesser
        text += f" Other readings imply something else: {'; '.join(rivals)}."
    if failing:
        text += f" Not given by a {list_text(failing, 'or')}."
    return text


_OTHER_STEPS = re.compile(
    r"mid-?\s?p|monte|simulat|permut|adjust|correct|bonferroni|holm|strat|elteren|"
    r"boschloo|blaker|freeman",
    re.I,
)


def _exact_test_named(claim: Mapping, analysis: Mapping, name: str) -> bool:
    """Tell whether the source names the exact form of the very test listed.

    A mid-p has half steps, a simulated p any, and an adjusted or stratified one is
    not on the list.
    """
    paper = analysis["paper"]
    said = " ".join(
        (claim["test"], paper.get("test", ""), paper.get("statement", ""))
    ).lower()
    exact = "exact" in said or paper.get("convention") in {"exact", "mcnemar_exact"}
    if _OTHER_STEPS.search(said):
        return False
    marks = {
        "signed rank": ("signed", "wilcoxon"),
        "Mann-Whitney": ("mann", "rank-sum", "rank sum", "wilcoxon"),
        "McNemar": ("mcnemar",),
        "Fisher": ("fisher",),
    }[name]
    return exact and any(mark in said for mark in marks)


def _excluded(
    claim: Mapping, wanted: Target, readings: Sequence[Reading], lattice: int
) -> bool:
    """Tell whether no exact p is printed so, were its digits rounded or cut off."""
    high = wanted.high
    if claim["relation"] in {"=", "~"}:
        high = max(high, interval(claim["printed"], claim["value"]).value + wanted.step)
    if lattice:
        # Ties, zeros and lost pairs only thin out the multiples.
        steps = np.arange(max(1, math.floor(wanted.low * lattice)), lattice + 1)
        near = steps[steps / lattice <= high + 1e-9][:4] / lattice
        return not bool(((near >= wanted.low - 1e-9) & (near <= high + 1e-9)).any())
    return not any(
        ((r.ladder.p >= wanted.low - 1e-9) & (r.ladder.p <= high + 1e-9)).any()
        for r in readings
    )


def _stated_n(
    study: Mapping, claim: Mapping, sizes: Mapping[str, int]
) -> list[tuple[str, str]]:
    """Return the claims that print how many were analysed for this very result.

    Empty unless every size that was used is printed for the same analysis,
    endpoint and time: others may rest on fewer patients.
    """
    found = {}
    for other in study["claims"]:
        same = all(other[k] == claim[k] for k in ("analysis", "endpoint", "timepoint"))
        group = other["group"]
        if (
            same
            and other["relation"] == "="
            and "n" in (other["field"], other["statistic"])
            and other["value"] == str(sizes.get(group, ""))
        ):
            found[group] = (other["claim_id"], other["printed"])
    return list(found.values()) if set(found) == set(sizes) else []
