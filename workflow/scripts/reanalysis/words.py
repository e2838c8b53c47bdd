"""What a printed statement without a number says, as far as it can be tested."""

from __future__ import annotations

import re

from reanalysis.rounding import COUNTS

#: Statistics that compare as a ratio: no effect is 1, not 0.
RATIOS = frozenset(
    {
        "hazard_ratio",
        "odds_ratio",
        "risk_ratio",
        "rate_ratio",
        "variance_ratio",
        "survival_ratio",
        "restricted_mean_ratio",
        "time_lost_ratio",
        "subdistribution_hazard_ratio",
        "ratio",
    }
)

#: Statistics of which all or none can be said.
SHARES = COUNTS | {
    "proportion",
    "sum",
    "survival_probability",
    "cumulative_incidence",
}

_EFFECT = r"(significan|of value|treatment benefit)"
_NOT_SIGNIFICANT = re.compile(
    rf"\b(no|not|non|nor|without)\b.{{0,40}}{_EFFECT}|\bn\.?s\.?\b", re.IGNORECASE
)
_SIGNIFICANT = re.compile(rf"\b{_EFFECT}", re.IGNORECASE)
_ALL = re.compile(r"\b(all|every|each)\b", re.IGNORECASE)
_NONE = re.compile(r"\b(no|none|not|never|nobody|absent)\b", re.IGNORECASE)
# An improvement may be a higher value or a lower score: it is no direction.
_HIGHER = re.compile(r"\b(increas|higher|rise|rose|greater|more\b)", re.IGNORECASE)
_LOWER = re.compile(r"\b(decreas|lower|reduc|declin|fell|fewer|less)", re.IGNORECASE)
# Said of the time to an event, which a lower hazard makes longer.
_LATER = re.compile(r"\b(delay|longer|later|prolong)", re.IGNORECASE)
_SOONER = re.compile(r"\b(faster|sooner|shorter|earlier)", re.IGNORECASE)

MEANINGS = {
    "significant": "p below 0.05",
    "not significant": "p of 0.05 or more",
    "all": "a share of one",
    "none": "a share of zero",
    "higher": "an increase",
    "lower": "a decrease",
    "later": "a longer time to the event",
    "sooner": "a shorter time to the event",
}

#: Methods whose name is more than their key.
_METHODS = {
    "kaplan_meier": "Kaplan-Meier",
    "log_rank": "log-rank",
    "fixed_time": "survival at a fixed time",
    "cox": "Cox model",
    "wilcoxon": "rank and t tests",
    "tables": "tables of counts",
    "longitudinal": "longitudinal models",
    "before_after_counts": "counts before and after",
}


def method_named(method: str) -> str:
    """Return the name of a method family for readers."""
    return _METHODS.get(method, method.replace("_", " "))


#: Names and abbreviations in the names of scenarios, which are written small.
_PROPER = {
    word.lower(): word
    for word in (
        "Andersen",
        "Barnard",
        "Boschloo",
        "Breslow",
        "Efron",
        "Firth",
        "Fisher",
        "GEE",
        "Gehan",
        "Gray",
        "Greenwood",
        "Grunkemeier",
        "Haenszel",
        "Kaplan",
        "Mantel",
        "MaxCombo",
        "McNemar",
        "Meier",
        "Newcombe",
        "Peto",
        "Pratt",
        "Prentice",
        "Satterthwaite",
        "Sen",
        "Theil",
        "Thomas",
        "Wald",
        "Wilson",
        "Yates",
    )
}
#: Pairs of words that are written with a hyphen.
_HYPHENED = (
    "Gehan Breslow",
    "Kaplan Meier",
    "log log",
    "log rank",
    "Peto Peto",
    "Theil Sen",
)


def proper(text: str) -> str:
    """Return the text with the names in it written as names: chi-square-Yates."""
    return re.sub(r"[A-Za-z]+", lambda word: _PROPER.get(word[0], word[0]), text)


def choice_named(scenario: str) -> str:
    """Return the name of a scenario for readers (``log_rank_exact``: log-rank exact).

    The paper's own choice is ``stated`` in the tables.
    """
    if scenario == "stated":
        return "as the paper states"
    words = " ".join(_PROPER.get(word, word) for word in scenario.split("_"))
    for pair in _HYPHENED:
        words = re.sub(rf"\b{pair}\b", pair.replace(" ", "-"), words)
    return words


def meaning(printed: str, field: str) -> str | None:
    """Return what the words claim (a key of MEANINGS), None when they claim nothing.

    For a p-value it is significance; otherwise a share of all or none, or a
    direction.
    """
    if field == "p_value":
        if _NOT_SIGNIFICANT.search(printed):
            return "not significant"
        return "significant" if _SIGNIFICANT.search(printed) else None
    # "did not improve in any": the negation comes first.
    for claimed, pattern in (
        ("none", _NONE),
        ("later", _LATER),
        ("sooner", _SOONER),
        ("higher", _HIGHER),
        ("lower", _LOWER),
        ("all", _ALL),
    ):
        if pattern.search(printed):
            return claimed
    return None


def of_shares(claimed: str | None, statistic: str) -> bool:
    """Tell whether "all" or "none" is said of what can be all or none.

    "Did not increase" of a difference is no share of nobody.
    """
    return claimed not in {"all", "none"} or statistic in SHARES


def holds(claimed: str, value: float, statistic: str, alpha: float = 0.05) -> bool:
    """Tell whether a recomputed number bears out what the words claim."""
    neutral = 1.0 if statistic in RATIOS else 0.0
    hazards = statistic.endswith("hazard_ratio")
    longer = value < neutral if hazards else value > neutral
    return {
        "significant": value < alpha,
        "not significant": value >= alpha,
        "all": value == 1.0,
        "none": value == 0.0,
        "higher": value > neutral,
        "lower": value < neutral,
        "later": value != neutral and longer,
        "sooner": value != neutral and not longer,
    }[claimed]
