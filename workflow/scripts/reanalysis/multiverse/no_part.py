"""Settings that play no part, and combinations that cannot be.

A setting that another one switches off would make many specifications of one: the
exact analysis of pairs is the same under every treatment of ties. Where it plays no
part it is set as in the primary settings, so that equal specifications are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Where:
    """What is asked: settings, roles of the rows, and the statistics followed."""

    settings: Settings
    roles: frozenset[str]
    statistics: frozenset[str]

    def has(self, *roles: str) -> bool:
        """Tell whether the rows have one of the roles."""
        return bool(self.roles & set(roles))

    def asks(self, *statistics: str) -> bool:
        """Tell whether one of the statistics is followed."""
        return bool(self.statistics & set(statistics))

    def set(self, key: str, *values: object) -> bool:
        """Tell whether a setting has one of the values."""
        return self.settings[key] in values


Rule = Callable[[Where], bool]


def _exact_pairs(w: Where) -> bool:
    return w.has("pair") and not w.set("pairs", "partial-likelihood")


def _robust(w: Where) -> bool:
    return w.set("variance", "robust", "cluster") and not w.set("likelihood", "firth")


def _permutes(w: Where) -> bool:
    return w.set("p_value", "exact", "monte-carlo")


def _permuted_mean(w: Where) -> bool:
    return w.set("p_value", "permutation") or w.set("interval", "permutation")


_PAIRS_ALONE = ("ties", "p_value", "interval", "variance", "likelihood", "infinite")
#: Method -> setting -> where it plays no part.
NO_PART: Mapping[str, Mapping[str, Rule]] = {
    "cox": {
        **dict.fromkeys(_PAIRS_ALONE, _exact_pairs),
        "strata": lambda w: not w.has("pair", "stratum"),
        "weights": lambda w: not w.has("weight"),
        "interval": lambda w: (
            _exact_pairs(w) or _robust(w) or (w.set("likelihood", "firth"))
        ),
        "infinite": lambda w: _exact_pairs(w) or w.set("likelihood", "firth"),
        "variance": lambda w: (
            _exact_pairs(w) or (w.set("likelihood", "firth") and not w.has("weight"))
        ),
        "proportional_hazards": lambda w: not w.asks("proportional_hazards"),
    },
    "log_rank": {
        "rho": lambda w: not w.set("weights", "fleming-harrington"),
        "gamma": lambda w: not w.set("weights", "fleming-harrington"),
        "two_sided": lambda w: not _permutes(w),
        "permutations": lambda w: not _permutes(w),
        "monte_carlo": lambda w: not _permutes(w),
        "stratified": lambda w: not w.has("pair", "stratum"),
    },
    "kaplan_meier": {
        "band": lambda w: not w.asks("survival_band"),
        "band_transform": lambda w: not w.asks("survival_band"),
        "median_rule": lambda w: not w.asks("median_survival"),
        "tau": lambda w: not w.asks("restricted_mean", "restricted_mean_difference"),
    },
    "restricted_mean": {
        "permute": lambda w: not _permuted_mean(w),
        "draws": lambda w: not _permuted_mean(w),
        "horizon": lambda w: w.settings["tau"] is not None,
    },
    "wilcoxon": {
        "zeros": lambda w: (
            not w.set("test", "wilcoxon")
            or w.has("group")
            or (w.has("before") and w.set("paired", "never"))
        ),
        "p_value": lambda w: not w.set("test", "wilcoxon"),
        "continuity": lambda w: (
            not w.set("test", "wilcoxon") or w.set("p_value", "exact")
        ),
        "equal_variance": lambda w: (
            not w.set("test", "t") or not (w.has("group") or w.set("paired", "never"))
        ),
        "paired": lambda w: not w.has("before"),
        "adjust": lambda w: not w.has("visit"),
    },
    "tables": {
        "interval_risk_difference": lambda w: not w.asks("risk_difference"),
        "interval_risk_ratio": lambda w: not w.asks("risk_ratio", "risk_reduction"),
        "interval_odds_ratio": lambda w: not w.asks("odds_ratio"),
        "odds_ratio": lambda w: not w.asks("odds_ratio"),
    },
}

#: Rank and t tests by the number they are tests of.
TEST_GIVES = {
    "wilcoxon": "median_difference",
    "sign": "median_difference",
    "t": "mean_difference",
    "brunner-munzel": "relative_effect",
}
#: Method -> what makes a combination impossible, and the words for it.
IMPOSSIBLE: Mapping[str, Mapping[str, Rule]] = {
    "cox": {
        "an exact analysis of pairs needs pairs": lambda w: (
            not w.set("pairs", "partial-likelihood") and not w.has("pair")
        ),
        "an exact analysis of pairs cannot ignore them": lambda w: (
            not w.set("pairs", "partial-likelihood") and w.set("strata", "never")
        ),
        "clusters are needed": lambda w: (
            w.set("variance", "cluster") and not w.has("cluster", "id", "pair")
        ),
    },
    "wilcoxon": {
        "a Brunner-Munzel test needs groups": lambda w: (
            w.set("test", "brunner-munzel")
            and not (w.has("group") or w.set("paired", "never"))
        ),
        "the test gives another number than the one that is followed": lambda w: (
            not w.asks(TEST_GIVES[str(w.settings["test"])])
        ),
        "a sign test needs pairs": lambda w: (
            w.set("test", "sign")
            and (w.has("group") or (w.has("before") and w.set("paired", "never")))
        ),
    },
    "tables": {
        "the test is one of pairs": lambda w: (
            str(w.settings["test"]).startswith("mcnemar") and not w.has("before")
        ),
        "the test is one over strata": lambda w: (
            str(w.settings["test"]).startswith("mantel") and not w.has("stratum")
        ),
    },
    "rates": {
        "the model needs rows of patients": lambda w: (
            not w.set("model", "poisson") and w.has("n")
        ),
    },
}


def settled(method: str, base: Settings, where: Where) -> dict[str, object]:
    """Return the settings with those that play no part as they are in ``base``."""
    settings = dict(where.settings)
    for key, idle in NO_PART.get(method, {}).items():
        if idle(where):
            settings[key] = base[key]
    if (
        method == "cox"
        and settings["likelihood"] == "firth"
        and settings["p_value"] == "wald"
        and not where.has("weight")
    ):
        # Its limits are those of a profile, and so is its test.
        settings["p_value"] = "likelihood-ratio"
    return settings


def impossible(method: str, where: Where) -> str:
    """Return why a combination cannot be, "" if it can."""
    for words, holds in IMPOSSIBLE.get(method, {}).items():
        if holds(where):
            return words
    return ""
