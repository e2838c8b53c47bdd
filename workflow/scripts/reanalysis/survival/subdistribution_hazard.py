"""Fine and Gray's subdistribution hazard as a weighted partial likelihood.

Patients who had a competing event stay in the risk sets with a weight that falls as
they might have been censored. The likelihood is one of :mod:`.partial_likelihood` with
these weights in its sums, so that its maximum, and whether it is finite, are found
there. Own code, because no library at hand fits the model.

Source: Fine and Gray, JASA 1999;94:496-509.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError
from reanalysis.survival.hazard_ratios import Fit
from reanalysis.survival.partial_likelihood import (
    PartialLikelihood,
    merge_near_ties,
    partial_likelihood,
)
from reanalysis.survival.risk_sets import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Subdistribution:
    """The weighted likelihood with what its robust variance needs.

    ``at`` (slots,): the time each factor of the likelihood speaks of. ``censored_at``
    (moments,): the times of censorings; ``exposed`` (moments, n): who could have been
    censored then. ``weights_known``: the variance does not count that they are
    estimated.
    """

    likelihood: PartialLikelihood
    time: Floats
    cause: Ints
    at: Floats
    censored_at: Floats
    exposed: NDArray[np.bool_]
    weights_known: bool


def subdistribution(
    x: Floats, time: Floats, cause: Ints, *, of: int = 1, ties: str = "breslow"
) -> Subdistribution:
    """Return the likelihood of the subdistribution hazard of cause ``of``.

    ``x`` (n, p) covariates, ``time`` (n,), ``cause`` (n,) 0 for censored. ``ties`` is
    ``breslow`` (cmprsk, SAS, Stata) or ``efron`` (R's finegray with coxph). A patient
    with a competing event at s weighs G(t-) / G(s-) at t, G the Kaplan-Meier estimate
    of staying uncensored in all patients together. Those with an event at the time of
    a censoring are still at risk of it under ``breslow``, as in cmprsk, and no longer
    under ``efron``, as in finegray. Raises :class:`MethodError` without events of this
    cause.
    """
    if ties not in ("breslow", "efron"):
        raise MethodError(f"Unknown treatment of ties: {ties}.")
    time, failed = merge_near_ties(np.asarray(time, dtype=float)), cause == of
    if not failed.any():
        raise MethodError("There are no events of this cause, so none can be modelled.")
    plain = partial_likelihood(x, time, failed, ties=ties)
    at = np.unique(time[failed])
    if ties == "efron":
        at = np.sort(time[failed])
    censored_at = np.unique(time[cause == 0])
    exposed = time >= censored_at[:, None]
    if ties == "efron":
        exposed &= (time > censored_at[:, None]) | (cause == 0)
    kept = _uncensored_before(time, cause, censored_at, exposed)
    # Where G has fallen to 0 nobody is at risk any more.
    own = kept(time)
    weight = kept(at)[:, None] / np.where(own > 0, own, 1.0)
    stays = (at[:, None] > time) & (cause > 0) & ~failed
    weighted = replace(plain, share=plain.share + np.where(stays, weight, 0.0))
    return Subdistribution(
        weighted, time, cause, at, censored_at, exposed, weights_known=ties == "efron"
    )


def _uncensored_before(
    time: Floats, cause: Ints, censored_at: Floats, exposed: NDArray[np.bool_]
) -> Callable[[Floats], Floats]:
    """Return the function t -> G(t-)."""
    at_risk = exposed.sum(axis=1)
    ended = ((time == censored_at[:, None]) & (cause == 0)).sum(axis=1)
    g = np.concatenate([[1.0], np.cumprod(1 - ended / at_risk)])
    return lambda t: g[np.searchsorted(censored_at, t)]


def robust_covariance(model: Subdistribution, fit: Fit) -> Floats:
    """Return the robust covariance (p, p).

    In Fine and Gray's the score of each patient has a second part for the patient's
    share in the estimate of G; R's coxph on the rows of finegray, clustered by patient,
    has not.
    """
    likelihood, beta = model.likelihood, fit.coefficient
    score = likelihood.score_residuals(beta)
    if model.censored_at.size and not model.weights_known:
        score = score + _through_weights(model, beta)
    change = score @ fit.covariance
    return change.T @ change


def _through_weights(model: Subdistribution, beta: Floats) -> Floats:
    likelihood, time, cause = model.likelihood, model.time, model.cause
    x, u = likelihood.x, model.censored_at
    risk = np.exp(x @ beta)
    terms = likelihood.share * risk
    sums = terms.sum(axis=1)
    mean = terms @ x / sums[:, None]
    exposed = terms * (likelihood.mass / sums)[:, None]
    # Who had a competing event before the slot's time: only these are weighted.
    exposed = np.where(model.at[:, None] > time, exposed, 0.0)
    # q (moments, p): what a censoring at u takes from the later weighted terms.
    after = (model.at >= u[:, None]).astype(float)
    begun = (time < u[:, None]).astype(float)
    pair = after @ exposed * begun
    q = pair @ x - np.einsum(
        "us,si,ui,sp->up", after, exposed, begun, mean, optimize=True
    )
    at_risk = model.exposed.astype(float)
    ended = (time == u[:, None]) & (cause == 0)
    n = at_risk.sum(axis=1)
    martingale = ended - at_risk * (ended.sum(axis=1) / n)[:, None]
    return martingale.T @ (q / n[:, None])
