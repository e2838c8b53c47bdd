"""Cox's hazard ratio under many exchanges of the groups at once.

Most specifications of a Cox model differ in ties, strata, test and rows only; those
are fitted for all exchanges on arrays, a hundred times faster than one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import ndtr

from reanalysis.analyses import Specification, kept_rows, make_sample
from reanalysis.data_set_arrays import Floats, Ints
from reanalysis.survival.cox_arrays import cox_arrays

#: Settings under which the arrays give what the method gives.
SERVED = {
    "likelihood": ("partial",),
    "variance": ("model", "naive"),
}


#: Statistic -> its effect, zero for none (see curve.effect), from the log hazard ratio.
EFFECT: Mapping[str, Callable[[Floats], Floats]] = {
    "hazard_ratio": np.asarray,
    "coefficient": np.asarray,
    "hazard_reduction": np.negative,
}


def served(analysis: Mapping, spec: Specification, statistic: str) -> bool:
    """Tell whether the arrays give what the method gives under a specification."""
    if analysis["method"] != "cox" or statistic not in EFFECT:
        return False
    (part,) = analysis["samples"]
    roles = set(part["columns"])
    if roles - {"time", "event", "group", "pair", "stratum", "id"}:
        return False
    if "id" in roles and len(set(part["columns"]["id"])) < len(part["rows"]):
        return False
    settings = spec.settings
    exact_pairs = "pair" in roles and settings["pairs"] != "partial-likelihood"
    return not exact_pairs and all(
        settings[key] in values for key, values in SERVED.items()
    )


def exchanged_effects(
    analysis: Mapping, spec: Specification, statistic: str, labels: Ints
) -> tuple[Floats, Floats]:
    """Return effects and p-values, (exchanges,); nan where not known here.

    ``labels`` (exchanges, rows of the analysis) are 1 for those in the first group. A
    hazard ratio at infinity is for the method to judge.
    """
    rows = make_sample(analysis["samples"][0], analysis, spec).rows
    group = labels[:, kept_rows(analysis["samples"][0], spec)]
    stratum = None
    matched = [role for role in ("stratum", "pair") if role in rows]
    if matched and spec.settings["strata"] != "never":
        stratum = rows.groupby(matched, sort=False, observed=True).ngroup().to_numpy()
    found = cox_arrays(
        rows["time"].to_numpy(float), rows["event"].to_numpy(), group, stratum,
        ties=str(spec.settings["ties"]),
    )  # fmt: skip
    sign = np.sign(found.coefficient)
    z = {
        "wald": found.wald,
        "likelihood-ratio": sign * np.sqrt(found.likelihood_ratio),
        "score": sign * np.sqrt(found.score),
    }[str(spec.settings["p_value"])]
    p_value = {
        "two-sided": 2 * ndtr(-np.abs(z)),
        "greater": ndtr(-z),
        "less": ndtr(z),
    }[str(spec.settings["alternative"])]
    known = ~np.isnan(found.coefficient)
    effects = EFFECT[statistic](found.coefficient)
    return np.where(known, effects, np.nan), np.where(known, p_value, np.nan)
