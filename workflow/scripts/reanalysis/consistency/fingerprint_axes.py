"""The choices that correct programs make differently, method by method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reanalysis.sample import Sample

LIMITS = ("conf_low", "conf_high")
TESTED = ("p_value", "test_statistic")
#: Beyond so many rows profile limits cost seconds and are left out.
_PROFILE_ROWS = 400


@dataclass(frozen=True, slots=True)
class Level:
    """One choice on an axis: settings of the method, or the row that is read."""

    name: str
    settings: tuple[tuple[str, object], ...] = ()
    test: str = ""
    halved: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """One convention with its levels, the primary one first.

    ``fields`` are the fields of a result it can move and ``statistics`` the
    statistics (empty: all). ``applies`` tells from the sample whether it can
    matter at all.
    """

    name: str
    levels: tuple[Level, ...]
    fields: tuple[str, ...] = ()
    statistics: frozenset[str] = frozenset()
    applies: Callable[[Sample], bool] = lambda sample: True

    def matters(self, claims: Sequence[Mapping], sample: Sample) -> bool:
        """Tell whether the axis can move a number that one of the claims prints."""
        return self.applies(sample) and any(
            (not self.fields or claim["field"] in self.fields)
            and (not self.statistics or claim["statistic"] in self.statistics)
            for claim in claims
        )


def _by_setting(key: str, *values: object, names: Sequence[str] = ()) -> tuple:
    return tuple(
        Level(str(name), ((key, value),))
        for name, value in zip(names or values, values, strict=True)
    )


_HALVED = (
    Level("two-sided"),
    Level("one-sided (less)", halved="less"),
    Level("one-sided (greater)", halved="greater"),
)
_SIDES = (
    Level("two-sided", (("alternative", "two-sided"),)),
    Level("one-sided (less)", (("alternative", "less"),)),
    Level("one-sided (greater)", (("alternative", "greater"),)),
)


def _matched(sample: Sample) -> bool:
    return sample.has("pair") or sample.has("stratum")


def _small(sample: Sample) -> bool:
    return len(sample.rows) <= _PROFILE_ROWS


def is_paired(sample: Sample) -> bool:
    """Tell whether every patient has a value before and after."""
    return sample.has("before", "after")


def _individual(sample: Sample) -> bool:
    return sample.kind != "summary"


def _statistics(*names: str) -> frozenset[str]:
    return frozenset(names)


_RANK_P = (
    Level("exact", (("p_value", "exact"), ("continuity", False))),
    Level("normal", (("p_value", "normal"), ("continuity", False))),
    Level("normal, corrected", (("p_value", "normal"), ("continuity", True))),
)
_WEIGHTS = (
    *_by_setting("weights", "log-rank", "gehan-breslow", "tarone-ware", "peto-peto"),
    Level(
        "Fleming-Harrington (1, 0)",
        (("weights", "fleming-harrington"), ("rho", 1.0), ("gamma", 0.0)),
    ),
)

#: Settings that complete those of the axes; every method needs all of its own.
BASE: Mapping[str, Mapping[str, object]] = {
    "kaplan_meier": {
        "interval": "log-log",
        "median_rule": "midpoint",
        "tau": None,
        "band": "none",
        "band_transform": "log-log",
    },
    "log_rank": {
        "weights": "log-rank",
        "rho": 1.0,
        "gamma": 0.0,
        "p_value": "asymptotic",
        "two_sided": "absolute",
        "permutations": 0,  # no digits are matched by chance
        "monte_carlo": "add-one",
        "stratified": "as_declared",
        "alternative": "two-sided",
    },
    "cox": {
        "ties": "efron",
        "p_value": "wald",
        "interval": "wald",
        "variance": "model",
        "strata": "as_declared",
        "infinite": "firth",
        "alternative": "two-sided",
        "likelihood": "partial",
        "pairs": "partial-likelihood",
        "weights": "case",
        "proportional_hazards": "none",
    },
    "wilcoxon": {
        "test": "wilcoxon",
        "zeros": "wilcox",
        "p_value": "exact",
        "continuity": True,
        "equal_variance": False,
        "alternative": "two-sided",
        "adjust": "none",
        "paired": "as_declared",
    },
    "tables": {
        "test": "fisher",
        "alternative": "two-sided",
        "interval_risk_difference": "newcombe",
        "interval_risk_ratio": "log",
        "interval_odds_ratio": "conditional-exact",
        "odds_ratio": "conditional-mle",
    },
    "proportions": {"interval": "clopper-pearson"},
    "rates": {
        "interval": "exact",
        "test": "exact-conditional",
        "alternative": "two-sided",
        "model": "poisson",
        "pairs": "as_declared",
    },
    "descriptive": {
        "sd_divisor": "n-1",
        "quantile": "type7",
        "denominator": "non_missing",
        "ratio": "mean-of-ratios",
    },
}

AXES: Mapping[str, tuple[Axis, ...]] = {
    "kaplan_meier": (
        Axis(
            "interval",
            _by_setting("interval", "log-log", "log", "plain", "logit", "arcsine"),
            LIMITS,
            _statistics("survival_probability", "median_survival", "follow_up_median"),
        ),
        Axis(
            "median rule",
            _by_setting("median_rule", "midpoint", "first_at_or_below", "below"),
            ("estimate", *LIMITS),
            _statistics("median_survival", "follow_up_median"),
        ),
    ),
    "log_rank": (
        Axis("weights", _WEIGHTS, TESTED),
        Axis("p-value", _by_setting("p_value", "asymptotic", "exact"), ("p_value",)),
        Axis(
            "strata",
            _by_setting("stratified", "as_declared", "never"),
            TESTED,
            applies=_matched,
        ),
        Axis("sides", _HALVED, ("p_value",)),
    ),
    "cox": (
        Axis("ties", _by_setting("ties", "efron", "breslow", "exact")),
        Axis(
            "variance",
            _by_setting("variance", "naive", "robust"),
            (*LIMITS, *TESTED),
            applies=_individual,
        ),
        Axis(
            "strata",
            _by_setting("strata", "as_declared", "never"),
            applies=_matched,
        ),
        Axis(
            "interval",
            _by_setting("interval", "wald", "profile"),
            LIMITS,
            applies=_small,
        ),
        Axis(
            "test",
            (
                Level("Wald", test="Wald"),
                Level("likelihood ratio", test="likelihood ratio"),
                Level("score", test="score"),
            ),
            TESTED,
        ),
        Axis("sides", _HALVED, ("p_value",)),
    ),
    "wilcoxon": (
        Axis(
            "test",
            (
                Level("signed rank", test="signed-rank"),
                Level("paired t", test="paired t"),
                Level("sign", test="sign"),
            ),
            TESTED,
            applies=lambda s: _individual(s) and not s.groups,
        ),
        Axis(
            "test",
            (
                Level("Mann-Whitney", test="Mann-Whitney"),
                Level("Welch's t", test="Welch t"),
                Level("Student's t", test="Student t"),
            ),
            TESTED,
            applies=lambda s: _individual(s) and bool(s.groups) and not is_paired(s),
        ),
        Axis(
            "test",
            (
                Level("Welch's t", test="Welch t"),
                Level("Student's t", test="Student t"),
            ),
            TESTED,
            applies=lambda s: not _individual(s),
        ),
        Axis("rank p-value", _RANK_P, (*TESTED, *LIMITS), applies=_individual),
        Axis(
            "zeros",
            _by_setting("zeros", "wilcox", "pratt", "zsplit"),
            TESTED,
            applies=lambda s: (
                is_paired(s) and bool((s.rows["before"] == s.rows["after"]).any())
            ),
        ),
        Axis(
            "equal variance",
            _by_setting("equal_variance", False, True, names=("no", "yes")),
            LIMITS,
            _statistics("mean_difference"),
            applies=lambda s: bool(s.groups),
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "tables": (
        Axis(
            "test",
            _by_setting(
                "test",
                "fisher",
                "chi-square",
                "chi-square-yates",
                "n-1-chi-square",
                "z-test",
                "fisher-midp",
                "fisher-doubled",
                "fisher-doubled-midp",
            ),
            TESTED,
            applies=lambda s: not (is_paired(s) or s.has("pair")),
        ),
        Axis(
            "test",
            _by_setting(
                "test", "mcnemar-exact", "mcnemar", "mcnemar-corrected", "mcnemar-midp"
            ),
            TESTED,
            applies=lambda s: is_paired(s) or s.has("pair"),
        ),
        Axis(
            "interval",
            _by_setting(
                "interval_risk_difference",
                "newcombe",
                "wald",
                "agresti-caffo",
                "miettinen-nurminen",
                "mee",
            ),
            LIMITS,
            _statistics("risk_difference"),
        ),
        Axis(
            "interval",
            _by_setting("interval_risk_ratio", "log", "koopman", "miettinen-nurminen"),
            LIMITS,
            _statistics("risk_ratio"),
        ),
        Axis(
            "interval",
            _by_setting("interval_odds_ratio", "conditional-exact", "woolf", "mid-p"),
            LIMITS,
            _statistics("odds_ratio"),
        ),
        Axis(
            "odds ratio",
            _by_setting("odds_ratio", "conditional-mle", "sample"),
            ("estimate",),
            _statistics("odds_ratio"),
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "proportions": (
        Axis(
            "interval",
            _by_setting(
                "interval",
                "clopper-pearson",
                "wilson",
                "wald",
                "wilson-cc",
                "wald-cc",
                "jeffreys",
                "agresti-coull",
                "mid-p",
            ),
            LIMITS,
        ),
    ),
    "rates": (
        Axis(
            "interval",
            _by_setting(
                "interval", "exact", "mid-p", "wald-log", "wald", "score", "byar"
            ),
            LIMITS,
        ),
        Axis(
            "test",
            _by_setting(
                "test", "exact-conditional", "exact-doubled", "mid-p", "wald", "score"
            ),
            TESTED,
        ),
        Axis("sides", _SIDES, ("p_value",)),
    ),
    "descriptive": (
        Axis(
            "SD divisor",
            _by_setting("sd_divisor", "n-1", "n"),
            statistics=_statistics("sd"),
        ),
        Axis(
            "quartiles",
            _by_setting("quantile", "type7", "type6", "type2"),
            statistics=_statistics("quartile_low", "quartile_high"),
        ),
        Axis(
            "denominator",
            _by_setting("denominator", "non_missing", "rows"),
            statistics=_statistics("proportion"),
        ),
        Axis(
            "ratio",
            _by_setting("ratio", "mean-of-ratios", "ratio-of-means"),
            statistics=_statistics("percent_of", "percent"),
        ),
    ),
}
