"""The settings of a result in as many words as a reader needs.

The convention of a row names every setting of its method, twelve for a Cox model.
Most are as usual or play no part in the row; under a figure and beside a table they
hide the few that matter. estimates.csv keeps them all, as does config.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Settings that need no word at their usual value, that of config.yaml.
USUAL: Mapping[str, Mapping[str, object]] = {
    "kaplan_meier": {"band": "none", "band_transform": "log-log"},
    "log_rank": {
        "rho": 1.0,
        "gamma": 0.0,
        "two_sided": "absolute",
        "permutations": 100000,
        "monte_carlo": "add-one",
        "alternative": "two-sided",
    },
    "fixed_time": {"alternative": "two-sided"},
    "restricted_mean": {
        "permute": "studentised",
        "draws": 5000,
        "alternative": "two-sided",
    },
    "cox": {
        "infinite": "firth",
        "likelihood": "partial",
        "pairs": "partial-likelihood",
        "weights": "case",
        "proportional_hazards": "km",
        "alternative": "two-sided",
    },
    "competing_risks": {
        "rho": 0.0,
        "ties": "efron",
        "subdistribution_ties": "breslow",
        "infinite": "firth",
    },
    "wilcoxon": {
        "equal_variance": False,
        "adjust": "none",
        "alternative": "two-sided",
    },
    "tables": {"alternative": "two-sided"},
    "rates": {"alternative": "two-sided"},
    "recurrent_events": {"small_sample": "none", "alternative": "two-sided"},
    "before_after_counts": {
        "alternative": "two-sided",
        "shape_range": [0.25, 100],
        "shapes_shown": [0.5, 1, 2, 5],
        "means_above_criterion": [0.5, 1, 2, 4],
    },
    "longitudinal": {
        "estimation": "reml",
        "random": "intercept-slope-change",
        "df": "kenward-roger",
        "slope": "ols",
        "test": "wilcoxon",
        "p_value": "exact",
        "shared_visit": "both",
        "correlation": "exchangeable",
        "variance": "mancl-derouen",
        "gee_df": "n-p",
        "ratio": "mean-of-ratios",
        "alternative": "two-sided",
    },
    "matching": {
        "order": "largest",
        "replacement": False,
        "caliper_sd": "pooled",
        "balance_sd": "pooled",
        "balance_rows": "unmatched",
        "stabilised": False,
        "tie_limit": 50,
    },
    "descriptive": {"quantile": "type7", "ratio": "mean-of-ratios"},
    "design": {
        "effects": [0.5, 0.8, 1.2],
        "shares": [0.1, 0.3, 0.5],
        "hazard_ratios": [0.25, 0.5, 0.75],
        "event_shares": [0.3, 0.6, 1.0],
        "toxicity": [0.05, 0.1, 0.2, 0.33, 0.5],
        "simulations": 4000,
    },
}

#: Where another setting is so, those named matter at any value.
MATTERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "log_rank": {
        "weights fleming-harrington": ("rho", "gamma"),
        "p value exact": ("two_sided",),
        "p value monte-carlo": ("two_sided", "permutations", "monte_carlo"),
    },
    "restricted_mean": {
        "p value permutation": ("permute", "draws"),
        "interval permutation": ("draws",),
    },
    "wilcoxon": {"test t": ("equal_variance",)},
    "longitudinal": {
        "model mixed": ("estimation", "random", "df"),
        "model slopes": ("slope", "test", "p_value"),
        "model gee": ("correlation", "variance", "gee_df"),
    },
    "matching": {"algorithm nearest": ("order", "replacement")},
}


def setting_named(key: str, value: object) -> str:
    """Return a setting in words, as the convention of a row has it."""
    shown = ("yes" if value else "no") if isinstance(value, bool) else value
    return f"{key} {shown}".replace("_", " ")


def short_convention(method: str, convention: str) -> str:
    """Return the settings of a row without those that are as usual.

    ``convention`` is that of estimates.csv. The name of a convention stays as it is.
    """
    parts = convention.split("; ")
    usual = USUAL.get(method, {})
    matter = {
        key
        for setting, keys in MATTERS.get(method, {}).items()
        if setting in parts
        for key in keys
    }
    silent = {
        setting_named(key, value) for key, value in usual.items() if key not in matter
    }
    return "; ".join(part for part in parts if part not in silent)
