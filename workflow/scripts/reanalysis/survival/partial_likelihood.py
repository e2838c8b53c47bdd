"""Cox's partial likelihood, its derivatives, and the directions it rises in for ever.

The likelihood is held as *slots*. A slot is one factor of the partial
likelihood: the deaths it speaks of over a weighted sum of the rows at risk.
Breslow has one slot per event time, Efron one per death, in which the tied
deaths count less and less; the exact (discrete) likelihood has a sum over all
sets of deaths of the same size instead, kept as :class:`TiedSets`.

Own code, because no library at hand offers Breslow and exact ties, the score
test, profile and Firth intervals, and sandwich variances that hold with ties and
delayed entry. Slots are dense (events x rows), which suits small trials.

Sources: Cox (1972) JRSS B 34:187; Breslow (1974) Biometrics 30:89; Efron (1977)
JASA 72:557; Gail, Lubin, Rubinstein (1981) Biometrika 68:703; Lin, Wei (1989)
JASA 84:1074; Therneau, Grambsch (2000) Modeling Survival Data; Heinze, Schemper
(2001) Biometrics 57:114 (Firth penalty, monotone likelihood).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import comb

from reanalysis.errors import MethodError

#: Standardised contrasts below this count as zero.
CONTRAST_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class TiedSets:
    """Event times with several deaths in the exact likelihood.

    ``pattern`` (m, p): the distinct covariate rows; ``at_risk`` and ``deaths``
    (sets, m): how many rows of each pattern are at risk and die at each time.
    """

    pattern: np.ndarray
    at_risk: np.ndarray
    deaths: np.ndarray
    stratum: np.ndarray
    shift: np.ndarray = field(init=False)
    ways: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what does not depend on the coefficients."""
        m, p = self.pattern.shape
        size = 1 + p + p * p
        # Adding k rows of a pattern x to a set moves its moments (1, s, ss') by
        # exp(k N), N nilpotent: 1 -> x in the sum, s -> xs' + sx' in the square.
        shift = np.zeros((m, size, size))
        shift[:, 0, 1 : p + 1] = self.pattern
        for a in range(p):
            for b in range(p):
                shift[:, 1 + a, 1 + p + a * p + b] += self.pattern[:, b]
                shift[:, 1 + b, 1 + p + a * p + b] += self.pattern[:, a]
        most = int(self.deaths.sum(axis=1).max(initial=0))
        object.__setattr__(self, "shift", shift)
        object.__setattr__(
            self, "ways", comb(self.at_risk[:, :, None], np.arange(most + 1))
        )

    def evaluate(self, beta: np.ndarray) -> tuple[complex, np.ndarray, np.ndarray]:
        """Return log likelihood, score and information of these sets."""
        p = self.pattern.shape[1]
        eta = self.pattern @ beta
        d, n = self.deaths.sum(axis=1), self.at_risk.sum(axis=1)
        # Rows are drawn independently with odds c exp(eta) and conditioned on d
        # of them: any c gives the same law, this one keeps the numbers in range.
        eta = eta - ((self.at_risk @ eta) / n)[:, None]
        odds = (d / (n - d))[:, None] * np.exp(eta)
        drawn = odds / (1 + odds)
        k = np.arange(self.ways.shape[2])
        rest = np.maximum(self.at_risk[:, :, None] - k, 0)
        law = self.ways * drawn[:, :, None] ** k * (1 - drawn[:, :, None]) ** rest
        sums = np.zeros((len(d), len(k), self.shift.shape[1]), dtype=law.dtype)
        sums[:, 0, 0] = 1
        for j, shift in enumerate(self.shift):
            first = sums @ shift
            second = first @ shift / 2
            new = law[:, j, 0, None, None] * sums
            for i in range(1, min(len(k) - 1, int(self.at_risk[:, j].max())) + 1):
                moved = sums + i * first + i * i * second
                new[:, i:] += law[:, j, i, None, None] * moved[:, :-i]
            sums = new
        picked = sums[np.arange(len(d)), d]
        moments = picked[:, 1:] / picked[:, :1]
        mean, square = moments[:, :p], moments[:, p:].sum(axis=0).reshape(p, p)
        # log of the symmetric function, its independent-draw factors undone.
        log_sum = (
            np.log(picked[:, 0])
            + (self.at_risk * np.log1p(odds)).sum(axis=1)
            - d * np.log(d / (n - d))
        )
        return (
            (self.deaths * eta).sum() - log_sum.sum(),
            self.deaths.sum(axis=0) @ self.pattern - mean.sum(axis=0),
            square - mean.T @ mean,
        )


def _tied_sets(
    pattern: np.ndarray, at_risk: np.ndarray, deaths: np.ndarray, stratum: np.ndarray
) -> TiedSets | None:
    """Return the sets without those in which nobody or everybody dies."""
    d, n = deaths.sum(axis=1), at_risk.sum(axis=1)
    open_ = (d > 0) & (d < n)
    if not open_.any():
        return None
    return TiedSets(pattern, at_risk[open_], deaths[open_], stratum[open_])


def _cone_end(contrasts: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Return the direction in a unit box farthest ``toward``, no contrast negative."""
    if len(toward) == 1:
        low, high = contrasts.min(initial=0), contrasts.max(initial=0)
        return np.clip(
            np.sign(toward), -1.0 if high <= 0 else 0, 1.0 if low >= 0 else 0
        )
    # Rarely needed and slow to import.
    from scipy.optimize import linprog

    distinct = np.unique(contrasts.round(12), axis=0)
    end = linprog(-toward, -distinct, np.zeros(len(distinct)), bounds=(-1, 1)).x
    return np.where(abs(end) < CONTRAST_TOLERANCE, 0.0, end)


@dataclass(frozen=True, slots=True, eq=False)
class PartialLikelihood:
    """The partial likelihood of one data set; see :func:`partial_likelihood`.

    ``x`` (n, p) is centred. ``share`` (slots, n): how far a row counts in the
    sum of a slot; ``deaths`` (slots, n): the share of its death that a slot
    speaks of. ``time`` and ``stratum`` (slots,): when and where a slot stands.
    ``scale`` (p,): standard deviations of the columns.
    """

    x: np.ndarray
    weight: np.ndarray
    share: np.ndarray
    deaths: np.ndarray
    time: np.ndarray
    stratum: np.ndarray
    scale: np.ndarray
    tied: TiedSets | None = None
    mass: np.ndarray = field(init=False)
    pattern: np.ndarray = field(init=False)
    held: np.ndarray = field(init=False)
    lost: np.ndarray = field(init=False)
    died: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Weigh the deaths of the slots, and add up rows that are alike.

        Groups and few covariates leave far fewer patterns than rows: ``pattern``
        (m, p), what each holds of a slot's sum in ``held`` (slots, m), its deaths
        in ``lost`` (slots, m) and their weight over all slots in ``died`` (m,).
        """
        pattern, kind = np.unique(self.x, axis=0, return_inverse=True)
        kind = kind.ravel()
        order = np.argsort(kind, kind="stable")
        starts = np.searchsorted(kind[order], np.arange(len(pattern)))

        def added(by_row: np.ndarray) -> np.ndarray:
            return np.add.reduceat(by_row[..., order], starts, axis=-1)

        object.__setattr__(self, "mass", self.deaths @ self.weight)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "held", added(self.share * self.weight))
        object.__setattr__(self, "lost", added(self.deaths))
        died = self.weight * self.deaths.sum(axis=0)
        object.__setattr__(self, "died", added(died))

    def evaluate(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return log likelihood, score (p,) and information (p, p) at ``beta``."""
        eta = self.pattern @ beta
        eta = eta - eta.real.max()
        terms = self.held * np.exp(eta)
        sums = terms.sum(axis=1)
        value = self.died @ eta - self.mass @ np.log(sums)
        terms = terms * (self.mass / sums)[:, None]
        mean = terms @ self.pattern / self.mass[:, None]
        score = self.died @ self.pattern - self.mass @ mean
        # Squares about the mean of each slot: a difference of moments would lose
        # the digits that a nearly certain slot has left.
        apart = self.pattern.T[:, None, :] - mean.T[:, :, None]
        flat = apart.reshape(len(beta), -1)
        information = (apart * terms).reshape(flat.shape) @ flat.T
        if self.tied is not None:
            more = self.tied.evaluate(beta)
            return value + more[0], score + more[1], information + more[2]
        return value, score, information

    def penalised(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return Firth's log likelihood, its score and the plain information."""
        value, score, information = self.evaluate(beta)
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0:
            return -math.inf, score, information
        inverse = np.linalg.inv(information)
        tiny = 1e-30
        # The complex step gives the derivative of the information exactly.
        slope = [
            (inverse * self.evaluate(beta + 1j * tiny * unit)[2].imag).sum() / tiny
            for unit in np.eye(len(beta))
        ]
        return value + log_determinant / 2, score + np.array(slope) / 2, information

    def score_residuals(self, beta: np.ndarray) -> np.ndarray:
        """Return the score residuals (n, p) of single rows, case weights apart."""
        if self.tied is not None:
            raise MethodError(
                "A robust variance is not defined for exact ties; use Efron or Breslow."
            )
        risk = np.exp(self.x @ beta)
        sums = self.share @ (self.weight * risk)
        mean = self.share @ ((self.weight * risk)[:, None] * self.x) / sums[:, None]
        own = self.deaths - self.share * (self.mass / sums)[:, None] * risk
        return self.x * own.sum(axis=0)[:, None] - own.T @ mean

    def informative_strata(self, columns: list[int]) -> int:
        """Count the strata with a death among rows that differ in ``columns``."""
        found: set[int] = set()
        for j in columns:
            values = np.where(self.held > 0, self.pattern[:, j], np.nan)
            differ = np.nanmax(values, axis=1) > np.nanmin(values, axis=1)
            found.update(self.stratum[differ])
            if self.tied is not None:
                values = np.where(
                    self.tied.at_risk > 0, self.tied.pattern[:, j], np.nan
                )
                differ = np.nanmax(values, axis=1) > np.nanmin(values, axis=1)
                found.update(self.tied.stratum[differ])
        return len(found)

    def _contrasts(self, columns: np.ndarray) -> np.ndarray:
        """Return death minus row at risk, for all pairs of one set.

        Each is scaled to a largest component of 1; pairs that are alike are left
        out.
        """
        z = self.pattern[:, columns] / self.scale[columns]
        beside = (self.lost > 0).astype(float).T @ (self.held > 0)
        death, row = np.nonzero(beside)
        found = [z[death] - z[row]]
        if self.tied is not None:
            z = self.tied.pattern[:, columns] / self.scale[columns]
            for at_risk, deaths in zip(
                self.tied.at_risk, self.tied.deaths, strict=True
            ):
                above, below = z[deaths > 0], z[at_risk > deaths]
                found.append((above[:, None] - below).reshape(-1, len(columns)))
        contrasts = np.concatenate(found)
        size = abs(contrasts).max(axis=1, initial=0)
        differ = size > CONTRAST_TOLERANCE**2
        return contrasts[differ] / size[differ, None]

    def direction(self, columns: np.ndarray) -> np.ndarray | None:
        """Return a direction in which the likelihood rises for ever, if any.

        It is one in which no death lies below any row at risk beside it and some
        death lies above; components outside ``columns`` are zero.
        """
        contrasts = self._contrasts(columns)
        if len(contrasts) == 0:
            return None
        best = _cone_end(contrasts, contrasts.sum(axis=0))
        along = contrasts @ best
        if along.min() < -CONTRAST_TOLERANCE or along.max() <= CONTRAST_TOLERANCE:
            return None
        found = np.zeros(self.x.shape[1])
        found[columns] = best / self.scale[columns]
        return found

    def unbounded(self) -> np.ndarray:
        """Return which coefficients can go down and up (p, 2) without end.

        One way only: the estimate is infinite. Both: the data do not tell it
        from others that are.
        """
        p = self.x.shape[1]
        contrasts = self._contrasts(np.arange(p))
        ways = [
            [side * _cone_end(contrasts, side * unit)[j] > 1e-4 for side in (-1, 1)]
            for j, unit in enumerate(np.eye(p))
        ]
        return np.array(ways)

    def limit(self, direction: np.ndarray) -> PartialLikelihood:
        """Return the likelihood infinitely far along a ``direction`` of rise.

        Rows below the deaths of their slot no longer count.
        """
        level = self.x @ direction
        deaths = np.where(self.deaths > 0, level, -math.inf).max(axis=1)
        share = self.share * (level >= deaths[:, None] - CONTRAST_TOLERANCE)
        tied = self.tied
        if tied is not None:
            level = tied.pattern @ direction
            last = np.where(tied.deaths > 0, level, math.inf).min(axis=1)
            beside = abs(level - last[:, None]) < CONTRAST_TOLERANCE
            tied = _tied_sets(
                tied.pattern, tied.at_risk * beside, tied.deaths * beside, tied.stratum
            )
        return replace(self, share=share, tied=tied)


def partial_likelihood(
    x: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    *,
    start: np.ndarray | None = None,
    stratum: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    ties: str = "efron",
) -> PartialLikelihood:
    """Return the partial likelihood of rows at risk over ``(start, stop]``.

    ``x`` (n, p) covariates; ``stop`` (n,) times; ``event`` (n,) 0/1; ``stratum``
    (n,) integer codes; ``weight`` (n,) positive case weights (Efron slots take
    the mean weight of their deaths, as R and lifelines do). ``ties`` is
    ``efron``, ``breslow`` or ``exact`` (the conditional likelihood of discrete
    time, which a stratum that dies out at one time does not enter).
    """
    if ties not in ("efron", "breslow", "exact"):
        raise MethodError(f"Unknown treatment of ties: {ties}.")
    x = np.asarray(x, dtype=float).reshape(len(stop), -1)
    n = len(x)
    died = np.asarray(event) == 1
    if not died.any():
        raise MethodError("There are no events, so no hazards can be compared.")
    stratum = np.zeros(n, dtype=int) if stratum is None else np.asarray(stratum)
    if weight is None:
        weight = np.ones(n)
    elif ties == "exact" and (np.asarray(weight) != 1).any():
        raise MethodError("The exact treatment of ties does not take case weights.")
    stop = np.asarray(stop, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(stop).all()):
        raise MethodError("Times and covariates must be finite numbers.")
    if start is None:
        stop = merge_near_ties(stop)
        start = np.full(n, -math.inf)
    else:
        start, stop = merge_near_ties(np.array([start, stop], dtype=float))
        if (start >= stop).any():
            raise MethodError("Some rows end before they start.")

    x = x - x.mean(axis=0)
    scale = x.std(axis=0)
    scale[scale == 0] = 1
    dead = np.flatnonzero(died)
    dead = dead[np.lexsort((stop[dead], stratum[dead]))]
    new = np.ones(len(dead), dtype=bool)
    new[1:] = (np.diff(stop[dead]) != 0) | (np.diff(stratum[dead]) != 0)
    first = dead[new]
    time, own = stop[first][:, None], stratum[first][:, None]
    at_risk = (own == stratum) & (start < time) & (time <= stop)
    deaths = at_risk & died & (stop == time)
    count = deaths.sum(axis=1)
    tied = None
    if ties == "exact" and count.max() > 1:
        several = count > 1
        pattern, kind = np.unique(x, axis=0, return_inverse=True)
        member = np.zeros((n, len(pattern)), dtype=int)
        member[np.arange(n), kind.ravel()] = 1
        tied = _tied_sets(
            pattern,
            at_risk[several] @ member,
            deaths[several] @ member,
            own[several, 0],
        )
        at_risk, deaths, own = at_risk[~several], deaths[~several], own[~several]
        time, count = time[~several], count[~several]
    share, deaths = at_risk.astype(float), deaths.astype(float)
    if ties == "efron" and count.max() > 1:
        slot = np.repeat(np.arange(len(count)), count)
        earlier = np.arange(len(slot)) - np.repeat(np.cumsum(count) - count, count)
        deaths = deaths[slot] / count[slot][:, None]
        share = share[slot] - earlier[:, None] * deaths
        time, own = time[slot], own[slot]
    return PartialLikelihood(
        x, np.asarray(weight, float), share, deaths, time[:, 0], own[:, 0], scale, tied
    )


def merge_near_ties(times: np.ndarray) -> np.ndarray:
    """Return the times, those apart by rounding only made equal.

    Times that were computed (days / 30.4) may differ in the last bit although
    the patients are tied.
    """
    values, place = np.unique(times, return_inverse=True)
    finite = abs(values[np.isfinite(values)])
    tolerance = 1e-9 * finite.max(initial=0)
    with np.errstate(invalid="ignore"):
        apart = np.diff(values, prepend=-math.inf) > tolerance
    if apart.all():
        return times
    apart[:1] = True
    return values[apart][np.cumsum(apart) - 1][place].reshape(times.shape)
