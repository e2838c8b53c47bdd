"""Weighting by the propensity score: weights, weighted differences, their variance.

Sources: Lunceford and Davidian, Stat Med 2004;23:2937-2960 (stacked estimating
equations); Li, Morgan and Zaslavsky, JASA 2018;113:390-400 (overlap weights); Kish,
Survey Sampling, 1965 (effective sample size); Cole and Hernan, Am J Epidemiol
2008;168:656-664 (stabilised weights).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, stdtrit

from reanalysis.errors import MethodError
from reanalysis.matching.propensity import Propensity, propensity_score
from reanalysis.tables.binomial import normal_quantile

#: Whom the weighted groups stand for.
ESTIMANDS = {
    "att": "weighted to the treated (ATT)",
    "ate": "weighted to everybody (ATE)",
    "overlap": "overlap weights (ATO)",
}


def weights(
    logit: np.ndarray,
    treated: np.ndarray,
    estimand: str,
    *,
    stabilised: bool = False,
) -> np.ndarray:
    """Return the weight (n,) of every patient.

    ``logit`` (n,) are the log odds of the scores (a score so near one that it is
    written as one still has odds), ``treated`` (n,) booleans.

    ``att``: 1 for the treated, the odds of the score for the others. ``ate``: one over
    the chance of the treatment received, times its overall share if ``stabilised``.
    ``overlap``: the chance of the treatment not received.
    """
    if estimand == "att":
        return np.where(treated, 1.0, np.exp(logit))
    if estimand == "ate":
        share = treated.mean() if stabilised else 1.0
        other = 1 - share if stabilised else 1.0
        inverse = 1 + np.exp(np.where(treated, -logit, logit))
        return np.where(treated, share, other) * inverse
    return expit(np.where(treated, -logit, logit))


def effective_size(weight: np.ndarray) -> float:
    """Return the number of equally weighted patients worth as much (Kish)."""
    return float(weight.sum() ** 2 / (weight @ weight))


def _slope(logit: np.ndarray, treated: np.ndarray, estimand: str) -> np.ndarray:
    """Return the change of a weight per unit of the logit of the score."""
    if estimand == "att":
        return np.where(treated, 0.0, np.exp(logit))
    if estimand == "ate":
        return np.where(treated, -np.exp(-logit), np.exp(logit))
    return np.where(treated, -1.0, 1.0) * expit(logit) * expit(-logit)


#: Patients that a group needs for a sandwich variance.
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of weighted means with its standard error and limits."""

    estimate: float
    std_error: float
    low: float
    high: float
    method: str


def weighted_difference(
    outcome: np.ndarray,
    treated: np.ndarray,
    score: Propensity,
    estimand: str,
    *,
    variance: str = "jackknife",
    level: float = 0.95,
    left_out: Sequence[np.ndarray] | None = None,
) -> Difference:
    """Return the difference of weighted means of ``outcome`` (n,), treated less others.

    ``variance``: ``known`` takes the weights as given (the usual sandwich);
    ``estimated`` adds what estimating the score changes (stacked estimating
    equations; not for a penalised score); both have normal limits. ``jackknife``
    leaves every patient out in turn, score and all, and has limits of t with one
    degree of freedom less than the smaller group has patients (``left_out``: the
    scores of :func:`left_out_scores`, if they are there already). Raises
    :class:`MethodError` where there is no variance.
    """
    w = weights(score.logit, treated, estimand)
    means, influence = influence_of_means(outcome, treated, w)
    estimate = means[0] - means[1]
    if variance == "jackknife":
        values = _jackknife(
            outcome, treated, left_out or left_out_scores(score, treated), estimand
        )
        n = len(values)
        error = math.sqrt((n - 1) / n * float(((values - values.mean()) ** 2).sum()))
        smaller = int(min(treated.sum(), (~treated).sum()))
        reach = float(stdtrit(smaller - 1, (1 + level) / 2))
        method = f"jackknife, t with {smaller - 1} df"
    else:
        refuse_few(w, treated)
        if variance == "estimated":
            influence = influence + _of_the_score(outcome, treated, score, estimand, w)
        error = math.sqrt(float(influence @ influence))
        reach = normal_quantile(level)
        method = f"sandwich, scores taken as {variance}"
    if not error > 1e-12 * (1 + float(np.abs(outcome).max())):
        raise MethodError("The outcome does not vary, so there is no standard error.")
    return Difference(
        estimate, error, estimate - reach * error, estimate + reach * error, method
    )


def influence_of_means(
    outcome: np.ndarray, treated: np.ndarray, w: np.ndarray
) -> tuple[tuple[float, float], np.ndarray]:
    """Return the weighted means of the groups and what each patient adds.

    ``outcome, treated, w`` (n,). The squares of the second (n,) add up to the
    sandwich variance of the difference of the means, the weights taken as known.
    """
    means = tuple(
        float(w[own] @ outcome[own] / w[own].sum()) for own in (treated, ~treated)
    )
    part = w * (outcome - np.where(treated, *means))
    part = np.where(treated, part / w[treated].sum(), -part / w[~treated].sum())
    return (means[0], means[1]), part


def refuse_few(w: np.ndarray, treated: np.ndarray) -> None:
    """Raise :class:`MethodError` where a sandwich would take a group as known.

    A single patient is its own mean and seems to vary by nothing; two vary by next to
    nothing.
    """
    if min(int((w[own] > 0).sum()) for own in (treated, ~treated)) < FEWEST:
        raise MethodError(
            "Fewer than three patients in a group are too few for a sandwich variance."
        )


def _of_the_score(
    outcome: np.ndarray,
    treated: np.ndarray,
    score: Propensity,
    estimand: str,
    w: np.ndarray,
) -> np.ndarray:
    if score.penalised:
        raise MethodError(
            "No variance for estimated scores, as the covariates separate the groups."
        )
    means, _ = influence_of_means(outcome, treated, w)
    slope = _slope(score.logit, treated, estimand)
    part = slope * (outcome - np.where(treated, *means))
    part = np.where(treated, part / w[treated].sum(), -part / w[~treated].sum())
    x, e = score.design, score.probability
    information = x.T @ (x * (e * expit(-score.logit))[:, None])
    residual = (treated - e)[:, None] * x
    return residual @ np.linalg.solve(information, x.T @ part)


def left_out_scores(score: Propensity, treated: np.ndarray) -> list[np.ndarray]:
    """Return the log odds (n - 1,) of the score fitted without each patient in turn.

    Raises :class:`MethodError` when one of the fits does not exist.
    """
    found = []
    for i in range(len(treated)):
        keep = np.arange(len(treated)) != i
        try:
            again = propensity_score(score.design[keep, 1:], treated[keep])
        except MethodError:
            raise MethodError(
                "Without one of the patients there is no propensity score, so there "
                "is no jackknife."
            ) from None
        found.append(again.logit)
    return found


def _jackknife(
    outcome: np.ndarray,
    treated: np.ndarray,
    left_out: Sequence[np.ndarray],
    estimand: str,
) -> np.ndarray:
    values = []
    for i, logit in enumerate(left_out):
        keep = np.arange(len(outcome)) != i
        w = weights(logit, treated[keep], estimand)
        means, _ = influence_of_means(outcome[keep], treated[keep], w)
        values.append(means[0] - means[1])
    return np.array(values)
