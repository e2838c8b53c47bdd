"""Design analysis: what a trial of the printed size could have shown.

No outcome of the trial enters, only its numbers of patients and assumed true effects,
which every row names. It is what can be said of a trial that prints no results, and of
"no significant difference" between seven patients and eighteen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from reanalysis.errors import MethodError
from reanalysis.measurements.rank_laws import EXACT_LIMIT
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.tables.binomial import binomial_test, normal_quantile
from reanalysis.trial_size import smallest_p_values as smallest
from reanalysis.trial_size.dose_escalation import (
    Rule,
    any_event,
    escalates,
    paths,
    upper_limit_without_events,
)
from reanalysis.trial_size.power import (
    binomial_power,
    detectable,
    detectable_hazard_ratio,
    expected_width,
    fisher_p_values,
    fisher_power,
    log_hazard_error,
    log_rank_power,
    sign_and_magnitude,
    signed_rank_power,
    t_power,
)

#: Largest effect in standard deviations, and points of a power curve.
LARGEST = 10.0
LARGEST_LOG = math.log(100.0)
POINTS = 41
ASSUMED = "From the numbers of patients and the stated assumption; no outcome enters."

Settings = Mapping[str, object]
Rows = Iterator[Estimate]


def estimate(sample: Sample, settings: Settings) -> list[Estimate]:
    """Return what patients as many as printed allow, by the layout of the trial.

    The rows of the sample are the printed numbers of patients: one for ``one_arm``
    and ``pairs``; those of the group and of its reference for ``groups`` and
    ``survival``; patients per cohort and number of doses for ``dose_escalation``.
    """
    try:
        layout, sizes = _read(sample)
        return list(_LAYOUTS[layout](*sizes, settings))
    except MethodError as error:
        return [Estimate(statistic="power", note=str(error))]


def _read(sample: Sample) -> tuple[str, tuple[int, ...]]:
    layout = str(sample.options["layout"])
    sizes = tuple(int(n) for n in sample.rows["value"])
    if any(n != value for n, value in zip(sizes, sample.rows["value"], strict=True)):
        raise MethodError("The number of patients is not whole.")
    if min(sizes) < 1:
        raise MethodError("There is no patient.")
    if layout == "pairs" and sizes[0] < 2:
        raise MethodError("One pair allows no test.")
    if layout in {"groups", "survival"} and sum(sizes) < 3:
        raise MethodError("Two patients allow no test.")
    return layout, sizes


def _row(statistic: str, estimate: float, term: str = "", **fields: object) -> Estimate:
    note = str(fields.pop("note", ASSUMED))
    if math.isnan(estimate) and note == ASSUMED:
        note = "No effect, however large, is found with this power."
    return Estimate(
        statistic=statistic, estimate=estimate, term=term, note=note, **fields
    )


def _smallest(n: int, settings: Settings, tests: Mapping[str, float]) -> Rows:
    for test, p in tests.items():
        note = f"No outcome of {n} patients has a smaller p by this test."
        if p >= float(settings["level"]):
            note += f" It cannot be below {settings['level']:g}, whatever happens."
        yield _row(
            "smallest_p_value", p, test=test, alternative="two-sided", n=n, note=note
        )


def _numbers(settings: Settings, name: str) -> list[float]:
    return [float(x) for x in settings[name]]


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


# One arm


def _one_arm(n: int, settings: Settings) -> Rows:
    level, conf = float(settings["level"]), float(settings["conf_level"])
    null = 0.5
    yield from _smallest(
        n, settings, {"binomial, exact, against 50 %": smallest.one_proportion(n, null)}
    )
    yield _row(
        "upper_limit_without_events",
        upper_limit_without_events(n, conf),
        f"no event in {n}",
        unit="proportion",
        interval_method="exact, one-sided",
        conf_level=conf,
        n=n,
        note="True rates above it would show an event more often than not seeing any "
        f"allows; the rule of three gives {min(3 / n, 1):.2g}.",
    )
    p_values = np.array([binomial_test(x, n, null).p_value for x in range(n + 1)])
    for share in _numbers(settings, "shares"):
        term = f"true share {_percent(share)}"
        yield _row(
            "probability_of_any_event",
            any_event(n, share),
            term,
            unit="proportion",
            n=n,
        )
        yield _row(
            "expected_interval_width",
            expected_width(n, share, conf),
            term,
            unit="proportion",
            interval_method="Clopper-Pearson",
            conf_level=conf,
            n=n,
        )
        if share != null:
            yield _row(
                "power",
                binomial_power(p_values, share, level),
                f"{term} against 50 %",
                unit="proportion",
                test="binomial, exact",
                alternative="two-sided",
                n=n,
            )


# Pairs


def _pairs(n: int, settings: Settings) -> Rows:
    level, wanted = float(settings["level"]), float(settings["power"])
    p = smallest.signed_rank(n)
    tests = {"signed-rank, exact": p, "sign": p, "McNemar, exact": p}
    yield from _smallest(n, settings, tests)
    effects = _numbers(settings, "effects")
    simulated = signed_rank_power(
        effects,
        n,
        level,
        int(settings["seed"]),
        int(settings["simulations"]),
    )
    for effect, ranked in zip(effects, simulated, strict=True):
        term = f"true mean change {effect:g} SD, normal"
        yield _power(t_power(effect, n, level=level), term, "t, paired", n)
        yield _power(float(ranked), term, _signed_rank_name(n), n, settings)
        yield from _sign_and_magnitude(effect, 1 / math.sqrt(n), level, term, n)
    yield _row(
        "detectable_effect",
        detectable(lambda d: t_power(d, n, level=level), wanted, LARGEST),
        f"power {_percent(wanted)}, normal changes",
        unit="SD",
        test="t, paired",
        alternative="two-sided",
        n=n,
    )


def _signed_rank_name(n: int) -> str:
    return f"signed-rank, {'exact' if n <= EXACT_LIMIT else 'normal'}"


# Two groups


@lru_cache(maxsize=32)
def _fisher(n1: int, n0: int) -> np.ndarray:
    return fisher_p_values(n1, n0)


def _groups(n1: int, n0: int, settings: Settings) -> Rows:
    level, wanted = float(settings["level"]), float(settings["power"])
    n = n1 + n0
    tests = {
        "Fisher": smallest.fisher_exact(n1, n0),
        "Mann-Whitney, exact": smallest.rank_sum(n1, n0),
    }
    yield from _smallest(n, settings, tests)
    p_values = _fisher(n1, n0)
    for share in _numbers(settings, "shares"):
        for side, sign in (("higher", 1), ("lower", -1)):
            room = 1 - share if sign > 0 else share
            yield _row(
                "detectable_share",
                share
                + sign
                * detectable(
                    lambda d, s=share, k=sign: fisher_power(
                        p_values, min(max(s + k * d, 0.0), 1.0), s, level
                    ),
                    wanted,
                    room,
                ),
                f"{side} than {_percent(share)} in the reference, power "
                f"{_percent(wanted)}",
                unit="proportion",
                test="Fisher",
                alternative="two-sided",
                n=n,
            )
    error = math.sqrt(1 / n1 + 1 / n0)
    for effect in _numbers(settings, "effects"):
        term = f"true difference {effect:g} SD, normal"
        yield _power(t_power(effect, n1, n0, level), term, "t", n)
        yield from _sign_and_magnitude(effect, error, level, term, n)
    yield _row(
        "detectable_effect",
        detectable(lambda d: t_power(d, n1, n0, level), wanted, LARGEST),
        f"power {_percent(wanted)}, normal values",
        unit="SD",
        test="t",
        alternative="two-sided",
        n=n,
    )


# Times to an event


def _survival(n1: int, n0: int, settings: Settings) -> Rows:
    level, wanted = float(settings["level"]), float(settings["power"])
    conf = float(settings["conf_level"])
    n, share1 = n1 + n0, n1 / (n1 + n0)
    test = {"log-rank, exact by permutation": smallest.permutation_log_rank(n1, n0)}
    yield from _smallest(n, settings, test)
    for observed in _numbers(settings, "event_shares"):
        events = observed * n
        having = f"{_percent(observed)} with the event in either group"
        yield _row(
            "detectable_hazard_ratio",
            detectable_hazard_ratio(events, share1, wanted, level),
            f"below 1, power {_percent(wanted)}, {having}",
            test="log-rank, Schoenfeld",
            alternative="two-sided",
            n=n,
            events=events,
            note=f"The usual formula, which is too hopeful with few events. {ASSUMED}",
        )
        error = log_hazard_error(observed * n1, observed * n0)
        yield _row(
            "expected_interval_ratio",
            math.exp(2 * normal_quantile(conf) * error),
            f"upper over lower limit of the hazard ratio, {having}",
            interval_method="Wald",
            conf_level=conf,
            n=n,
            events=events,
        )
        for ratio in _numbers(settings, "hazard_ratios"):
            term = f"true hazard ratio {ratio:g}, {having}"
            yield from _sign_and_magnitude(
                math.log(ratio), error, level, term, n, exponent=True
            )
    for observed in _numbers(settings, "event_shares"):
        until = f"followed until {_percent(observed)} of the reference have the event"
        found = _simulated(n1, n0, observed, settings)
        for ratio in _numbers(settings, "hazard_ratios"):
            term = f"true hazard ratio {ratio:g}, {until}"
            yield _power(found(ratio), term, "log-rank", n, settings)
        for side, sign in (("below", -1), ("above", 1)):
            log_ratio = detectable(
                lambda x, k=sign, f=found: f(math.exp(k * x)), wanted, LARGEST_LOG, 10
            )
            yield _row(
                "detectable_hazard_ratio",
                math.exp(sign * log_ratio),
                f"{side} 1, power {_percent(wanted)}, {until}",
                test="log-rank",
                alternative="two-sided",
                n=n,
                note=f"No hazard ratio {side} 1, however far, is found with this power."
                if math.isnan(log_ratio)
                else f"By simulation. {ASSUMED}",
            )


def _simulated(
    n1: int, n0: int, observed: float, settings: Settings
) -> Callable[[float], float]:
    """Return the power of the log-rank test as a function of the hazard ratio."""
    level = float(settings["level"])
    seed, repeats = int(settings["seed"]), int(settings["simulations"])

    def power(ratio: float) -> float:
        return log_rank_power(ratio, n1, n0, observed, level, seed, repeats)

    return power


# Doses


def _dose_escalation(cohort: int, doses: int, settings: Settings) -> Rows:
    conf = float(settings["conf_level"])
    for n in dict.fromkeys((cohort, cohort * doses)):
        yield _row(
            "upper_limit_without_events",
            upper_limit_without_events(n, conf),
            f"no toxicity in {n}",
            unit="proportion",
            interval_method="exact, one-sided",
            conf_level=conf,
            n=n,
            note="The largest true rate that no toxicity in as many patients leaves "
            f"open; the rule of three gives {min(3 / n, 1):.2g}.",
        )
        for rate in _numbers(settings, "toxicity"):
            yield _row(
                "probability_of_any_event",
                any_event(n, rate),
                f"true rate {_percent(rate)}, {n} patients",
                unit="proportion",
                n=n,
            )
    for name, rule in _rules(cohort).items():
        for rate in _numbers(settings, "toxicity"):
            passed, _ = escalates(rule, rate)
            stops, patients = paths(rule, [rate] * doses)
            term = f"{name}; true rate {_percent(rate)} at every dose"
            fields = {"unit": "proportion", "n": cohort}
            yield _row("escalation_probability", passed, term, **fields)
            fields["n"] = cohort * doses
            yield _row("probability_to_pass_all_doses", stops[-1], term, **fields)
            yield _row(
                "expected_patients", patients.sum(), term, unit="patients", n=cohort
            )


def _rules(cohort: int) -> dict[str, Rule]:
    """Return the rules a small cohort allows; papers seldom print theirs."""
    rules = {"escalate after no toxicity, else stop": Rule(cohort)}
    if cohort > 1:
        name = "a second cohort after one toxicity"
        rules[name] = Rule(cohort, 0, 1)
    return rules


# Shared


def _power(
    power: float, term: str, test: str, n: int, simulated: Settings | None = None
) -> Estimate:
    error, note = math.nan, ASSUMED
    if simulated is not None:
        repeats = int(simulated["simulations"])
        error = math.sqrt(power * (1 - power) / repeats)
        note = f"Simulated {repeats:,} times. {ASSUMED}"
    return _row(
        "power",
        power,
        term,
        unit="proportion",
        std_error=error,
        test=test,
        alternative="two-sided",
        n=n,
        note=note,
    )


def _sign_and_magnitude(
    effect: float,
    error: float,
    level: float,
    term: str,
    n: int,
    *,
    exponent: bool = False,
) -> Rows:
    found = sign_and_magnitude(effect, error, level)
    scale = " of the log ratio" if exponent else ""
    fields = {"test": "Wald", "alternative": "two-sided", "n": n}
    yield _row("type_s_error", found.type_s, term, unit="proportion", **fields)
    yield _row(
        "exaggeration_ratio",
        found.exaggeration,
        term,
        note=f"Expected size{scale} of a significant estimate over the true one. "
        + ASSUMED,
        **fields,
    )


_LAYOUTS: Mapping[str, Callable[..., Rows]] = {
    "one_arm": _one_arm,
    "pairs": _pairs,
    "groups": _groups,
    "survival": _survival,
    "dose_escalation": _dose_escalation,
}


# Figure

#: Layouts whose lines are the power of a test.
_TESTED = frozenset({"pairs", "groups", "survival"})


def figure_data(sample: Sample, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the lines of the design's figure: probability over the assumed truth."""
    try:
        layout, sizes = _read(sample)
    except MethodError:
        return {}
    axis, lines = _CURVES[layout](*sizes, settings)
    wanted = settings["power"] if layout in _TESTED else math.nan
    return {
        "chances": pd.concat(
            [
                pd.DataFrame(
                    {"series": name, "x": x, "y": y, "axis": axis, "mark": wanted}
                )
                for name, (x, y) in lines.items()
            ],
            ignore_index=True,
        )
    }


Lines = tuple[str, dict[str, tuple[np.ndarray, np.ndarray]]]


def _rates(high: float = 1.0) -> np.ndarray:
    return np.linspace(0, high, POINTS)


def _one_arm_lines(n: int, settings: Settings) -> Lines:
    x = _rates()
    y = np.array([any_event(n, rate) for rate in x])
    return "True rate of an event", {f"at least one event among {n}": (x, y)}


def _pairs_lines(n: int, settings: Settings) -> Lines:
    level = float(settings["level"])
    x = np.linspace(0, 2.5, POINTS)
    ranked = signed_rank_power(
        x,
        n,
        level,
        int(settings["seed"]),
        int(settings["simulations"]),
    )
    return "True mean change (SD)", {
        "paired t": (x, np.array([t_power(d, n, level=level) for d in x])),
        _signed_rank_name(n): (x, ranked),
    }


def _groups_lines(n1: int, n0: int, settings: Settings) -> Lines:
    level = float(settings["level"])
    x = _rates()
    lines = {}
    for share in _numbers(settings, "shares"):
        y = np.array([fisher_power(_fisher(n1, n0), s, share, level) for s in x])
        lines[f"Fisher, reference {_percent(share)}"] = (x, y)
    return "True share in the group", lines


def _survival_lines(n1: int, n0: int, settings: Settings) -> Lines:
    x = np.linspace(0.05, 1.0, POINTS // 2)
    lines = {}
    for observed in _numbers(settings, "event_shares"):
        found = _simulated(n1, n0, observed, settings)
        name = f"log-rank, until {_percent(observed)} of the reference have the event"
        lines[name] = (x, np.array([found(ratio) for ratio in x]))
    return "True hazard ratio", lines


def _dose_lines(cohort: int, doses: int, settings: Settings) -> Lines:
    x = _rates()
    return "True rate of toxicity at every dose", {
        f"pass all {doses} doses: {name}": (
            x,
            np.array([paths(rule, [rate] * doses)[0][-1] for rate in x]),
        )
        for name, rule in _rules(cohort).items()
    }


_CURVES: Mapping[str, Callable[..., Lines]] = {
    "one_arm": _one_arm_lines,
    "pairs": _pairs_lines,
    "groups": _groups_lines,
    "survival": _survival_lines,
    "dose_escalation": _dose_lines,
}
