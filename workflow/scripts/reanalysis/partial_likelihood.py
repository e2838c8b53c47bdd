"""Cox's partial likelihood: estimates, intervals and tests of log hazard ratios.

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
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import comb, ndtri

from .errors import MethodError

#: Largest change of a linear predictor at which a maximum counts as found.
STEP_TOLERANCE = 1e-10
#: Promised rise of a log likelihood that can be rounding.
GAIN_TOLERANCE = 1e-8
#: Standardised contrasts and eigenvalues below these count as zero.
CONTRAST_TOLERANCE = 1e-6
RANK_TOLERANCE = 1e-12


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
    speaks of. ``scale`` (p,): standard deviations of the columns.
    """

    x: np.ndarray
    weight: np.ndarray
    share: np.ndarray
    deaths: np.ndarray
    stratum: np.ndarray
    scale: np.ndarray
    tied: TiedSets | None = None
    mass: np.ndarray = field(init=False)
    event_weight: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Weigh the deaths, by slot and by row."""
        object.__setattr__(self, "mass", self.deaths @ self.weight)
        object.__setattr__(self, "event_weight", self.weight * self.deaths.sum(axis=0))

    def evaluate(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return log likelihood, score (p,) and information (p, p) at ``beta``."""
        eta = self.x @ beta
        eta = eta - eta.real.max()
        terms = self.share * (self.weight * np.exp(eta))
        sums = terms.sum(axis=1)
        value = self.event_weight @ eta - self.mass @ np.log(sums)
        terms = terms * (self.mass / sums)[:, None]
        mean = terms @ self.x / self.mass[:, None]
        score = self.event_weight @ self.x - self.mass @ mean
        # Squares about the mean of each slot: a difference of moments would lose
        # the digits that a nearly certain slot has left.
        apart = self.x.T[:, None, :] - mean.T[:, :, None]
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
            values = np.where(self.share > 0, self.x[:, j], np.nan)
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
        z = self.x[:, columns] / self.scale[columns]
        slot, death = np.nonzero(self.deaths)
        pair, row = np.nonzero(self.share[slot] > 0)
        found = [z[death[pair]] - z[row]]
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
        count = count[~several]
    share, deaths = at_risk.astype(float), deaths.astype(float)
    if ties == "efron" and count.max() > 1:
        slot = np.repeat(np.arange(len(count)), count)
        earlier = np.arange(len(slot)) - np.repeat(np.cumsum(count) - count, count)
        deaths = deaths[slot] / count[slot][:, None]
        share = share[slot] - earlier[:, None] * deaths
        own = own[slot]
    return PartialLikelihood(
        x, np.asarray(weight, float), share, deaths, own[:, 0], scale, tied
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


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A maximum of the (penalised) partial likelihood.

    ``coefficient`` (p,): log hazard ratios per unit of the column;
    ``covariance`` (p, p): inverse information, nan for what is not estimated;
    ``infinite`` (p,): sign of the coefficients whose estimate is infinite, else
    0. ``log_likelihood`` is the supremum even then.
    """

    coefficient: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    infinite: np.ndarray
    penalised: bool = False


def maximise(
    likelihood: PartialLikelihood,
    *,
    fixed: dict[int, float] | None = None,
    start: np.ndarray | None = None,
    penalised: bool = False,
) -> Fit:
    """Maximise over the coefficients that are not ``fixed``.

    With ``penalised``, Firth's penalty (half the log determinant of the whole
    information) is added, and the estimates are finite.
    """
    p = likelihood.x.shape[1]
    beta = np.zeros(p) if start is None else start.copy()
    for column, value in (fixed or {}).items():
        beta[column] = value
    free = np.array([j for j in range(p) if j not in (fixed or {})], dtype=int)
    fit = _maximise(likelihood, beta, free, penalised)
    if fit.infinite.any() and len(free) == p > 1:
        # Directions of rise need not be unique: look at each coefficient.
        down, up = likelihood.unbounded().T
        fit.covariance[down & up] = fit.covariance[:, down & up] = math.nan
        fit = replace(fit, infinite=up.astype(float) - down)
    return fit


def _maximise(
    likelihood: PartialLikelihood, beta: np.ndarray, free: np.ndarray, penalised: bool
) -> Fit:
    objective = likelihood.penalised if penalised else likelihood.evaluate
    direction = None
    if not penalised and len(free) == 1:
        direction = likelihood.direction(free)
    if direction is None:
        # An infinite maximum shows as steps that do not shrink: it is looked for
        # before the information vanishes and the steps with it.
        for steps in (200,) if penalised else (14, 100):
            beta, state, found = _newton(likelihood, objective, beta, free, steps)
            if found:
                return _fit(likelihood, beta, free, state, penalised)
            if not penalised:
                direction = likelihood.direction(free)
            if direction is not None:
                beta[free] = 0
                break
        else:
            raise MethodError("The fit of the hazard ratios did not converge.")
    # The limit does not change along the direction, so one coefficient can stay
    # where it is while the others are fitted.
    still = int(np.argmax(abs(direction * likelihood.scale)))
    rest = _maximise(likelihood.limit(direction), beta, free[free != still], False)
    infinite = np.where(direction != 0, np.sign(direction), rest.infinite)
    return replace(rest, infinite=infinite)


@np.errstate(all="ignore")
def _newton(
    likelihood: PartialLikelihood,
    objective: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    beta: np.ndarray,
    free: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, tuple[float, np.ndarray, np.ndarray], bool]:
    """Climb by Newton steps, halved while they lead down; may go out of range.

    The plain information misjudges the curvature of a penalised likelihood of
    few events (by two for a single pair), so there it is the start of BFGS.
    """
    quasi = objective == likelihood.penalised
    beta = beta.copy()
    state = objective(beta)
    if len(free) == 0:
        return beta, state, True
    x, block = likelihood.x[:, free], np.ix_(free, free)
    scale = likelihood.scale[free]
    unit = scale[:, None] * scale
    inverse = _inverse(state[2][block], scale)
    if quasi:
        inverse = (
            np.linalg.inv(state[2][block] / unit + 1e-6 * np.eye(len(free))) / unit
        )
    for _ in range(steps):
        step = inverse @ state[1][free]
        gain = step @ state[1][free]
        change = abs(x @ step).max()
        if change < STEP_TOLERANCE:
            return beta, state, True
        step *= min(1.0, 5.0 / change)
        for _ in range(40):
            trial = beta.copy()
            trial[free] += step
            new = objective(trial)
            if new[0] >= state[0] - 1e-13 * (1 + abs(state[0])):
                break
            step = step / 2
        else:
            # No step leads up: what is left is rounding, if little was promised.
            return beta, state, bool(gain < GAIN_TOLERANCE)
        fall = state[1][free] - new[1][free]
        beta, state = trial, new
        if not quasi:
            inverse = _inverse(state[2][block], scale)
        elif step @ fall > 0:
            turn = np.eye(len(free)) - np.outer(step, fall) / (step @ fall)
            inverse = turn @ inverse @ turn.T + np.outer(step, step) / (step @ fall)
    return beta, state, False


def _inverse(information: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Invert the information where it is not flat, in standard deviations."""
    unit = scale[:, None] * scale
    if len(scale) == 1:
        value = information[0, 0] / unit[0, 0]
        return np.array([[1 / value if value > RANK_TOLERANCE else 0.0]]) / unit
    return np.linalg.pinv(information / unit, RANK_TOLERANCE, hermitian=True) / unit


def _fit(
    likelihood: PartialLikelihood,
    beta: np.ndarray,
    free: np.ndarray,
    state: tuple[float, np.ndarray, np.ndarray],
    penalised: bool,
) -> Fit:
    value, score, information = state
    p = len(beta)
    covariance = np.full((p, p), math.nan)
    block = np.ix_(free, free)
    inverse = _inverse(information[block], likelihood.scale[free])
    # In a limit some coefficients may no longer matter.
    flat = abs(np.diag(inverse @ information[block]) - 1) > CONTRAST_TOLERANCE
    inverse[flat, :] = inverse[:, flat] = math.nan
    covariance[block] = inverse
    return Fit(beta, covariance, float(value), score, information, np.zeros(p),
               penalised)  # fmt: skip


def check_estimable(likelihood: PartialLikelihood) -> np.ndarray:
    """Return which columns (p,) vary among the rows at risk at some event.

    Raises MethodError if the varying columns cannot be told apart.
    """
    p = likelihood.x.shape[1]
    information = likelihood.evaluate(np.zeros(p))[2]
    unit = likelihood.scale[:, None] * likelihood.scale
    scaled = information / unit
    varies = np.diag(scaled) > 1e-10
    if varies.sum() > 1:
        kept = scaled[np.ix_(varies, varies)]
        root = np.sqrt(np.diag(kept))
        if np.linalg.eigvalsh(kept / root / root[:, None])[0] < 1e-10:
            raise MethodError("Covariates are collinear and cannot be told apart.")
    return varies


def sandwich(
    likelihood: PartialLikelihood, fit: Fit, cluster: np.ndarray | None = None
) -> np.ndarray:
    """Return the robust covariance (p, p), rows summed within ``cluster`` codes."""
    residuals = likelihood.score_residuals(fit.coefficient)
    change = (likelihood.weight[:, None] * residuals) @ fit.covariance
    if cluster is not None:
        total = np.zeros((int(cluster.max()) + 1, change.shape[1]))
        np.add.at(total, cluster, change)
        change = total
    return change.T @ change


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test statistic; ``sign`` tells the side when ``df`` is 1."""

    statistic: float
    df: int
    sign: float = 0.0


def wald_test(fit: Fit, covariance: np.ndarray, columns: list[int]) -> ChiSquare:
    """Test that the coefficients of ``columns`` are zero by their covariance."""
    b, v = fit.coefficient[columns], covariance[np.ix_(columns, columns)]
    if fit.infinite[columns].any() or not np.isfinite(v).all():
        return ChiSquare(math.nan, len(columns))
    unit = np.sqrt(np.diag(v))
    z, correlation = b / unit, v / unit / unit[:, None]
    statistic = float(z @ np.linalg.pinv(correlation, hermitian=True) @ z)
    return ChiSquare(statistic, len(columns), float(np.sign(b[0])))


def likelihood_ratio_and_score_tests(
    likelihood: PartialLikelihood, fit: Fit, columns: list[int]
) -> tuple[ChiSquare, ChiSquare]:
    """Test that the coefficients of ``columns`` are zero by refitting without them.

    The ratio is of penalised likelihoods if the fit is; the score test never is.
    """
    fixed = dict.fromkeys(columns, 0.0)
    null = maximise(likelihood, fixed=fixed)
    first = columns[0]
    side = float(fit.infinite[first] or np.sign(fit.coefficient[first]))
    below = maximise(likelihood, fixed=fixed, penalised=True) if fit.penalised else null
    ratio = max(0.0, 2 * (fit.log_likelihood - below.log_likelihood))
    score = math.nan
    if not null.infinite.any():
        inverse = _inverse(null.information, likelihood.scale)
        score = float(null.score @ inverse @ null.score)
    df = len(columns)
    return (
        ChiSquare(ratio, df, side),
        ChiSquare(score, df, float(np.sign(null.score[first]))),
    )


def profile_limits(
    likelihood: PartialLikelihood, fit: Fit, column: int, conf_level: float
) -> tuple[float, float]:
    """Return the profile-likelihood limits of one coefficient.

    A limit on the side of an infinite estimate is infinite.
    """
    quantile = float(ndtri((1 + conf_level) / 2) ** 2)
    unit = 1 / likelihood.scale[column]
    warm = {"start": fit.coefficient}

    def excess(b: float) -> tuple[float, float]:
        best = maximise(
            likelihood,
            fixed={column: b},
            start=warm["start"],
            penalised=fit.penalised,
        )
        if not best.infinite.any():
            warm["start"] = best.coefficient
        drop = 2 * (fit.log_likelihood - best.log_likelihood)
        return drop - quantile, -2 * float(best.score[column])

    limits = []
    for side in (-1.0, 1.0):
        warm["start"] = fit.coefficient
        if fit.infinite[column] == side:
            limits.append(side * math.inf)
        elif fit.infinite[column]:
            limits.append(_cross(excess, 0.0, -side * math.inf, side, unit))
        else:
            b = float(fit.coefficient[column])
            error = math.sqrt(fit.covariance[column, column])
            reach = side * min(math.sqrt(quantile) * error, 5 * unit)
            limits.append(_cross(excess, b + reach, b, side, unit))
    return limits[0], limits[1]


def _cross(
    excess: Callable[[float], tuple[float, float]],
    guess: float,
    inside: float,
    side: float,
    unit: float,
) -> float:
    """Find where ``excess`` turns positive going to ``side``: guarded Newton.

    ``inside`` is a point (perhaps infinite) known to lie before the crossing.
    """
    b, outside = guess, side * math.inf
    for _ in range(100):
        value, slope = excess(b)
        if abs(value) < 1e-12:
            return b
        inside, outside = (b, outside) if value < 0 else (inside, b)
        step = -value / slope if slope * side > 0 else -side * value * math.inf
        step = math.copysign(min(abs(step), 5 * unit), step)
        new = b + step
        if not min(inside, outside) < new < max(inside, outside):
            new = (inside + outside) / 2
        if abs(new - b) < 1e-11 * unit + 1e-15 * abs(b):
            return new
        b = new
    return math.nan
