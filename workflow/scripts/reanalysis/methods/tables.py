"""Tables of counts: two groups and a yes/no outcome, pairs, or several categories."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.methods.proportions import (
    NO_WIDTH,
    category_counts,
    event_counts,
    fields_of_test,
    group_masks,
    outcome_counts,
    proportion_rows,
    whole_numbers,
)
from reanalysis.results import NAN, Estimate
from reanalysis.sample import Sample
from reanalysis.tables import (
    contingency,
    paired_binary,
    stratified_tables,
    trend,
    two_by_two,
    unconditional,
)
from reanalysis.tables.binomial import HypothesisTest, Interval

#: Setting -> test of paired outcomes, given the numbers gained and lost.
PAIRED_TESTS: dict[str, Callable[[int, int, str], HypothesisTest]] = {
    "mcnemar-exact": paired_binary.mcnemar_exact,
    "mcnemar": paired_binary.mcnemar,
    "mcnemar-corrected": lambda gained, lost, alternative: paired_binary.mcnemar(
        gained, lost, alternative, "corrected"
    ),
    "mcnemar-midp": lambda gained, lost, alternative: paired_binary.mcnemar_exact(
        gained, lost, alternative, mid_p=True
    ),
}
#: Setting -> name and test of two groups within strata.
STRATIFIED_TESTS: dict[str, tuple[str, Callable[..., HypothesisTest]]] = {
    "mantel-haenszel-exact": ("Mantel-Haenszel, exact", stratified_tables.exact_test),
    "mantel-haenszel": ("Mantel-Haenszel", stratified_tables.mantel_haenszel_test),
    "mantel-haenszel-corrected": (
        "Mantel-Haenszel, corrected",
        partial(stratified_tables.mantel_haenszel_test, corrected=True),
    ),
    "mantel-haenszel-midp": (
        "Mantel-Haenszel, mid-P",
        partial(stratified_tables.exact_test, mid_p=True),
    ),
}
#: Setting -> name and limits of an odds ratio over strata.
STRATIFIED_INTERVALS: dict[str, tuple[str, Callable[..., Interval]]] = {
    "conditional-exact": ("conditional exact", stratified_tables.conditional_limits),
    "mid-p": (
        "conditional mid-P",
        partial(stratified_tables.conditional_limits, mid_p=True),
    ),
    "woolf": ("Robins-Breslow-Greenland", stratified_tables.robins_limits),
}
#: Setting -> what an odds ratio over strata is called, and the estimate.
STRATIFIED_ODDS_RATIOS: dict[str, tuple[str, Callable[..., float]]] = {
    "conditional-mle": ("conditional", stratified_tables.conditional_odds_ratio),
    "sample": ("Mantel-Haenszel", stratified_tables.mantel_haenszel_odds_ratio),
}
#: Setting -> test of two groups.
TESTS: dict[str, Callable[..., HypothesisTest]] = {
    **two_by_two.TESTS,
    "barnard": unconditional.barnard,
    "boschloo": unconditional.boschloo,
}
RISK_DIFFERENCE_INTERVALS = {
    **two_by_two.RISK_DIFFERENCE_INTERVALS,
    "exact-unconditional": (
        "exact unconditional, score",
        unconditional.exact_difference_interval,
    ),
}
#: Tests made only when they are the primary one.
ON_REQUEST = ("fisher-doubled", "fisher-doubled-midp", "barnard", "boschloo")


def _ordered(tests: Mapping[str, Callable], primary: str, default: str) -> list[str]:
    """Return the tests to make, the primary one first."""
    first = primary if primary in tests else default
    return [first, *(t for t in tests if t != first and t not in ON_REQUEST)]


def _join(*notes: str) -> str:
    """Put notes behind one another, leaving out what another one says already."""
    kept: list[str] = []
    for note in sorted(set(notes), key=len, reverse=True):
        if not any(note in longer for longer in kept):
            kept.append(note)
    return " ".join(sorted(kept, key=notes.index))


def _effect_rows(
    effects: Mapping[str, tuple[float, Interval, str, str]],
    tests: Sequence[HypothesisTest],
    level: float,
    shared: Mapping[str, object],
    error: float,
) -> list[Estimate]:
    """Turn effects (estimate, interval, its name, note) and tests into rows.

    The risk reduction and the number needed to treat follow from the risk ratio
    and the risk difference.
    """
    result = []
    primary = fields_of_test(tests[0])
    for statistic, (value, (low, high), name, note) in effects.items():
        derived = statistic in ("risk_reduction", "number_needed_to_treat")
        if not math.isnan(low) or not math.isnan(high):
            limits = {
                "conf_low": low,
                "conf_high": high,
                "conf_level": level,
                "interval_method": name,
            }
        else:
            limits = {}
        if low == high:
            note = _join(note, NO_WIDTH)
        fields = {"note": note}
        if not derived:
            fields = {**primary, "note": _join(note, tests[0].note)}
        if statistic == "risk_difference":
            fields["std_error"] = error
        difference = statistic in ("risk_difference", "risk_reduction")
        unit = "proportion" if difference else ""
        result.append(
            Estimate(
                statistic=statistic,
                estimate=value,
                unit=unit,
                **limits,
                **fields,
                **shared,
            )
        )
    result += [Estimate(statistic="test", **fields_of_test(t), **shared) for t in tests]
    return result


def _derived(
    ratio: tuple[float, Interval, str, str],
    difference: tuple[float, Interval, str, str],
) -> dict[str, tuple[float, Interval, str, str]]:
    """Return the risk reduction and the number needed to treat."""
    value, (low, high), name, note = ratio
    reduction = (1 - value, (1 - high, 1 - low), name, note)
    if math.isinf(value):
        reduction = (math.nan, (math.nan, math.nan), name, note)
    d, (d_low, d_high), d_name, _ = difference
    if d == 0:
        needed, limits = math.inf, (math.nan, math.nan)
        note = "The risks are equal: no number of patients makes a difference."
    else:
        needed, limits, note = 1 / abs(d), (math.nan, math.nan), ""
        if d_low > 0 or d_high < 0:
            limits = tuple(sorted((1 / abs(d_low), 1 / abs(d_high))))
        else:
            note = (
                "The risk difference may be 0, so the number needed to treat has"
                " no finite interval."
            )
    return {
        "risk_reduction": reduction,
        "number_needed_to_treat": (needed, limits, d_name, note),
    }


def two_group_rows(
    x1: int,
    n1: int,
    x2: int,
    n2: int,
    settings: Mapping[str, object],
    *,
    group: str = "",
    reference: str = "",
) -> list[Estimate]:
    """Return effects and tests of one group against the reference."""
    shared = {"group": group, "reference": reference, "n": n1 + n2, "events": x1 + x2}
    if n1 == 0 or n2 == 0:
        note = f"There is nobody in group '{group if n1 == 0 else reference}'."
        return [Estimate(statistic="odds_ratio", note=note, **shared)]
    cells = (x1, n1, x2, n2)
    level = float(settings["conf_level"])

    def interval(table: Mapping, key: str) -> tuple[str, Interval]:
        name, function = table[str(settings[key])]
        return name, function(*cells, level)

    everybody = x1 + x2 == n1 + n2
    if x1 + x2 == 0 or everybody:
        who = "Everybody" if everybody else "Nobody"
        odds_note = f"{who} had the event in either group: the odds ratio is undefined."
    elif x1 == 0 or x2 == 0 or x1 == n1 or x2 == n2:
        odds_note = "A cell of the table is empty."
    else:
        odds_note = ""
    ratio_note = ""
    if x1 + x2 == 0:
        ratio_note = "Nobody had the event: the risk ratio is undefined."
    elif x1 == 0 or x2 == 0:
        ratio_note = "Nobody had the event in one of the groups."

    odds = (
        two_by_two.sample_odds_ratio(*cells)
        if settings["odds_ratio"] == "sample"
        else two_by_two.conditional_odds_ratio(*cells)
    )
    odds_name, odds_limits = interval(
        two_by_two.ODDS_RATIO_INTERVALS, "interval_odds_ratio"
    )
    ratio_name, ratio_limits = interval(
        two_by_two.RISK_RATIO_INTERVALS, "interval_risk_ratio"
    )
    difference_name, difference_limits = interval(
        RISK_DIFFERENCE_INTERVALS, "interval_risk_difference"
    )
    ratio = (two_by_two.risk_ratio(*cells), ratio_limits, ratio_name, ratio_note)
    difference = (x1 / n1 - x2 / n2, difference_limits, difference_name, "")
    effects = {
        "odds_ratio": (odds, odds_limits, odds_name, odds_note),
        "risk_difference": difference,
        "risk_ratio": ratio,
        **_derived(ratio, difference),
    }
    alternative = str(settings["alternative"])
    names = _ordered(TESTS, str(settings["test"]), "fisher")
    tests = [TESTS[name](*cells, alternative) for name in names]
    error = two_by_two.risk_difference_error(*cells)
    return _effect_rows(effects, tests, level, shared, error)


def paired_rows(
    before: np.ndarray,
    after: np.ndarray,
    settings: Mapping[str, object],
    *,
    group: str = "",
    reference: str = "",
) -> list[Estimate]:
    """Return effects and tests of the second outcome against the first."""
    n = len(before)
    shared = {
        "group": group,
        "reference": reference,
        "n": n,
        "events": int(before.sum() + after.sum()),
    }
    if n == 0:
        return [Estimate(statistic="odds_ratio", note="There is no pair.", **shared)]
    both = int((before & after).sum())
    gained, lost = int(after.sum()) - both, int(before.sum()) - both
    cells = (both, gained, lost, n - both - gained - lost)
    level = float(settings["conf_level"])

    kind = str(settings["interval_risk_difference"])
    if kind == "wald":
        name, limits = "paired Wald", paired_binary.wald_interval(*cells, level)
    elif kind in ("miettinen-nurminen", "mee"):
        name, limits = "Tango", paired_binary.tango_interval(*cells, level)
    else:
        name = "paired Newcombe"
        limits = paired_binary.newcombe_interval(*cells, level)
    difference = ((gained - lost) / n, limits, name, "")

    mid_p = settings["interval_odds_ratio"] == "mid-p"
    odds, odds_limits = paired_binary.conditional_odds_ratio(
        gained, lost, level, mid_p=mid_p
    )
    odds_note = "Odds ratio of the discordant pairs."
    if gained + lost == 0:
        odds_note = "Nobody changed: the odds ratio is undefined."
    elif gained == 0 or lost == 0:
        odds_note += " All changes go one way."
    ratio, ratio_limits = paired_binary.risk_ratio(*cells, level)
    ratio_note = ""
    if math.isnan(ratio_limits[0]):
        ratio_note = "The log interval of the risk ratio is undefined for these counts."
    ratio_row = (ratio, ratio_limits, "paired log", ratio_note)
    effects = {
        "odds_ratio": (
            odds,
            odds_limits,
            "conditional mid-P" if mid_p else "conditional exact",
            odds_note,
        ),
        "risk_difference": difference,
        "risk_ratio": ratio_row,
        **_derived(ratio_row, difference),
    }
    alternative = str(settings["alternative"])
    names = _ordered(PAIRED_TESTS, str(settings["test"]), "mcnemar-exact")
    tests = [PAIRED_TESTS[t](gained, lost, alternative) for t in names]
    error = paired_binary.risk_difference_error(*cells)
    counts = {"both": both, "gained": gained, "lost": lost, "neither": cells[3]}
    return [
        *(
            Estimate(statistic="count", estimate=count, term=term, **shared)
            for term, count in counts.items()
        ),
        *_effect_rows(effects, tests, level, shared, error),
    ]


def stratified_rows(
    tables: np.ndarray,
    settings: Mapping[str, object],
    *,
    group: str = "",
    reference: str = "",
) -> list[Estimate]:
    """Return effects and tests of one group against the reference within strata.

    ``tables`` (strata, 4): events and patients of the group, then of the reference.
    The odds ratio of the settings comes first, the other one beside it; risk ratio
    and risk difference weigh the strata as Mantel and Haenszel do.
    """
    n, events = int(tables[:, [1, 3]].sum()), int(tables[:, [0, 2]].sum())
    shared = {"group": group, "reference": reference, "n": n, "events": events}
    level, alternative = float(settings["conf_level"]), str(settings["alternative"])
    telling = int(stratified_tables.informative(tables).sum())
    said = f"{telling} of {len(tables)} strata informative."
    names = _ordered(STRATIFIED_TESTS, str(settings["test"]), "mantel-haenszel-exact")

    tests = []
    for name, test in (STRATIFIED_TESTS[name] for name in names):
        try:
            tests.append(replace(test(tables, alternative), note=said))
        except MethodError as problem:
            note = _join(str(problem), said)
            tests.append(HypothesisTest(name, alternative, NAN, note=note))

    odds, beside = _stratified_odds_ratios(tables, settings)
    try:
        ratio, ratio_limits = stratified_tables.mantel_haenszel_risk_ratio(
            tables, level
        )
        difference, error, limits = stratified_tables.mantel_haenszel_risk_difference(
            tables, level
        )
    except MethodError as problem:
        ratio, ratio_limits, note = NAN, (NAN, NAN), str(problem)
        difference, error, limits = NAN, NAN, (NAN, NAN)
    else:
        note = ""
        if math.isnan(ratio_limits[0]):
            note = "Nobody had the event in one of the groups, or in either."
    ratio_row = (ratio, ratio_limits, "Greenland-Robins", note)
    difference_row = (
        difference,
        limits,
        "Sato",
        note if math.isnan(difference) else "",
    )
    effects = {
        "odds_ratio": odds,
        "risk_difference": difference_row,
        "risk_ratio": ratio_row,
    }
    if not math.isnan(difference):
        effects |= _derived(ratio_row, difference_row)
    rows = _effect_rows(effects, tests, level, shared, error)
    term, value, (low, high), name, note = beside
    known = not math.isnan(low)
    rows.insert(
        1,
        Estimate(
            statistic="odds_ratio",
            term=term,
            estimate=value,
            conf_low=low,
            conf_high=high,
            conf_level=level if known else NAN,
            interval_method=name if known else "",
            note=_join(note, said),
            **shared,
        ),
    )
    for tarone in (False, True):
        try:
            fields = fields_of_test(
                stratified_tables.breslow_day(tables, tarone=tarone)
            )
        except MethodError as problem:
            name = "Breslow-Day, Tarone" if tarone else "Breslow-Day"
            fields = {"test": name, "alternative": "two-sided", "note": str(problem)}
        fields["note"] = _join(
            "Of one odds ratio in all strata.", str(fields.get("note", ""))
        )
        rows.append(Estimate(statistic="test", term="homogeneity", **fields, **shared))
    return rows


def _stratified_odds_ratios(
    tables: np.ndarray, settings: Mapping[str, object]
) -> tuple[tuple[float, Interval, str, str], tuple[str, float, Interval, str, str]]:
    """Return the odds ratio of the settings, and the other one with its own name."""
    level = float(settings["conf_level"])

    def found(kind: str, interval: str) -> tuple[float, Interval, str, str]:
        label, estimate = STRATIFIED_ODDS_RATIOS[kind]
        name, limits = STRATIFIED_INTERVALS[interval]
        value, ends, notes = NAN, (NAN, NAN), [f"Odds ratio over strata, {label}."]
        try:
            value = estimate(tables)
            ends = limits(tables, level)
        except MethodError as problem:
            notes = [*notes[: not math.isnan(value)], str(problem)]
        else:
            if value in (0, math.inf):
                notes.append("All strata that differ do so in one direction.")
            elif math.isnan(value):
                notes.append("It is undefined for these counts.")
        return value, ends, name, _join(*notes)

    kind = str(settings["odds_ratio"])
    other, own = "sample", "woolf"
    if kind == "sample":
        other, own = ("conditional-mle", "conditional-exact")
    primary = found(kind, str(settings["interval_odds_ratio"]))
    return primary, (STRATIFIED_ODDS_RATIOS[other][0], *found(other, own))


def association_rows(
    table: np.ndarray,
    settings: Mapping[str, object],
    *,
    group: str = "",
    reference: str = "",
) -> list[Estimate]:
    """Return the tests of a table of groups (rows) by categories (columns)."""
    shared = {"group": group, "reference": reference, "n": int(table.sum())}
    tests = {"fisher": contingency.fisher, "chi-square": contingency.chi_square}
    first = "chi-square" if "chi-square" in str(settings["test"]) else "fisher"
    result = []
    for name in _ordered(tests, first, "fisher"):
        try:
            fields = fields_of_test(tests[name](table))
        except MethodError as problem:
            label = "Fisher" if name == "fisher" else name
            fields = {"test": label, "alternative": "two-sided", "note": str(problem)}
        result.append(Estimate(statistic="test", **fields, **shared))
    return result


def _outcomes(values: pd.Series) -> np.ndarray:
    """Return 0/1 outcomes as booleans."""
    outcomes = whole_numbers(values, str(values.name))
    if outcomes.size and outcomes.max() > 1:
        raise MethodError("The outcome must be 0 or 1 for each patient.")
    return outcomes.astype(bool)


def _repeated(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return rows for patients with a first and a second outcome."""
    before, after = (_outcomes(sample.rows[c]) for c in ("before", "after"))
    result = []
    for group, mask in group_masks(sample):
        for term, outcome in (("before", before), ("after", after)):
            events, n = int(outcome[mask].sum()), int(mask.sum())
            result += proportion_rows(events, n, settings, group=group, term=term)
        result += paired_rows(before[mask], after[mask], settings, group=group)
    return result


def _matched(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return rows for pairs of one patient from each of two groups."""
    if len(sample.groups) != 2:
        raise MethodError("Matched pairs need exactly two groups.")
    outcomes = sample.rows.assign(event=_outcomes(sample.rows["event"]))
    outcomes = outcomes[outcomes["group"].isin(sample.groups)]
    if outcomes.duplicated(["pair", "group"]).any():
        raise MethodError("A pair has more than one patient in the same group.")
    wide = outcomes.pivot(index="pair", columns="group", values="event")
    wide = wide.reindex(columns=list(sample.groups)).dropna().astype(bool)
    group, reference = sample.groups
    result = list(
        chain.from_iterable(
            proportion_rows(x, n, settings, group=label)
            for label, (x, n) in event_counts(sample).items()
        )
    )
    return result + paired_rows(
        wide[reference].to_numpy(),
        wide[group].to_numpy(),
        settings,
        group=group,
        reference=reference,
    )


def _categories(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the counts of every category by group and their association."""
    levels, counts = category_counts(sample)
    result = [
        row
        for group, count in counts.items()
        for level, events in zip(levels, count, strict=True)
        for row in proportion_rows(
            int(events),
            int(count.sum()),
            settings,
            group=group,
            term=level,
            statistics=("count", "proportion"),
        )
    ]
    labels = {}
    if len(sample.groups) == 2:
        labels = {"group": sample.groups[0], "reference": sample.groups[1]}
    table = np.array([counts[g] for g in sample.groups]).reshape(-1, len(levels))
    return result + association_rows(table, settings, **labels)


def _events(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Return the counts of events and each group against the reference."""
    counts = event_counts(sample)
    result = list(
        chain.from_iterable(
            proportion_rows(x, n, settings, group=group)
            for group, (x, n) in counts.items()
        )
    )
    if len(sample.groups) < 2:
        note = "A comparison needs two groups."
        return [*result, Estimate(statistic="odds_ratio", note=note)]
    reference = sample.reference or sample.groups[-1]
    others = [g for g in sample.groups if g != reference]
    for group in others:
        labels = {"group": group, "reference": reference}
        if sample.has("stratum"):
            tables = _tables_by_stratum(sample, group, reference)
            result += stratified_rows(tables, settings, **labels)
        else:
            result += two_group_rows(
                *counts[group], *counts[reference], settings, **labels
            )
    if len(others) > 1:
        table = np.array([(x, n - x) for g, (x, n) in counts.items() if g])
        result += association_rows(table, settings)
    if "scores" in sample.options:
        result += _trend_rows(sample, {g: counts[g] for g in sample.groups}, settings)
    return result


def _tables_by_stratum(sample: Sample, group: str, reference: str) -> np.ndarray:
    """Return events and patients of both groups, a row for each stratum."""
    events, sizes = outcome_counts(sample)
    frame = pd.DataFrame(
        {
            "stratum": sample.rows["stratum"].to_numpy(),
            "group": sample.rows["group"].to_numpy(),
            "events": events,
            "n": sizes,
        }
    )
    frame = frame[frame["group"].isin([group, reference])]
    sums = frame.groupby(["stratum", "group"])[["events", "n"]].sum().unstack("group")
    wanted = [(c, g) for g in (group, reference) for c in ("events", "n")]
    return sums.reindex(columns=wanted).fillna(0).to_numpy(dtype=np.int64)


def _trend_rows(
    sample: Sample,
    counts: Mapping[str, tuple[int, int]],
    settings: Mapping[str, object],
) -> list[Estimate]:
    """Return the tests of a trend over the groups, scored as the study declares."""
    scores = list(sample.options["scores"])
    events, sizes = zip(*counts.values(), strict=True)
    shared = {"n": sum(sizes), "events": sum(events)}
    alternative = str(settings["alternative"])
    said = ", ".join(f"{g} {s:g}" for g, s in zip(counts, scores, strict=False))
    rows = []
    for name, test in (
        (trend.NAME, trend.cochran_armitage),
        (f"{trend.NAME}, exact", trend.exact_trend),
    ):
        try:
            fields = fields_of_test(test(events, sizes, scores, alternative))
        except MethodError as problem:
            fields = {"test": name, "alternative": alternative, "note": str(problem)}
        fields["note"] = _join(str(fields.get("note", "")), f"Scores: {said}.")
        rows.append(Estimate(statistic="test", **fields, **shared))
    return rows


def estimate(sample: Sample, settings: Mapping[str, object]) -> list[Estimate]:
    """Compare the counts of the groups, of matched pairs, or before and after.

    The columns decide: ``before`` and ``after``, or ``pair`` with ``event``, are
    paired outcomes; ``value`` without ``event`` is a table of categories; else
    ``event`` (or printed ``count`` and ``n``) is compared between the groups, within
    strata where there is a ``stratum``.
    ``settings`` names the primary ``test`` and its ``alternative``, the
    ``odds_ratio`` and the three intervals. A test that does not suit the design
    gives way to the exact one.
    """
    if sample.has("before", "after"):
        rows = _repeated
    elif sample.has("pair", "event", "group"):
        rows = _matched
    elif sample.has("value") and not sample.has("event"):
        rows = _categories
    else:
        rows = _events
    try:
        return rows(sample, settings)
    except MethodError as problem:
        return [Estimate(statistic="odds_ratio", note=str(problem))]


def figure_data(
    sample: Sample, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Return no table: the estimates are all there is to draw."""
    return {}
