"""Linear mixed models of repeated measurements, fitted by REML or ML.

Our own fit, because that of statsmodels inverts the joint observed Hessian for the
standard errors of the fixed effects (wrong for unbalanced visits), has no degrees of
freedom for small samples and takes ten times as long. The likelihood is profiled over
fixed effects and residual variance as in lme4 (Bates, Maechler, Bolker and Walker,
J Stat Softw 2015;67(1)), and maximised over the Cholesky factor of the relative
covariance of the random effects with its analytic gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reanalysis.errors import MethodError

Floats = NDArray[np.float64]

#: Below this a standard deviation relative to the residual one counts as zero.
SINGULAR = 1e-4


@dataclass(frozen=True, slots=True)
class Blocks:
    """Repeated measurements by patient, padded with rows of zeros to equal length.

    ``x`` (patients, visits, p) and ``z`` (patients, visits, q) are the designs of the
    fixed and random effects, ``y`` (patients, visits), ``real`` 1 for true rows.
    """

    x: Floats
    z: Floats
    y: Floats
    real: Floats

    @classmethod
    def of(cls, x: Floats, z: Floats, y: Floats, patient: NDArray) -> Blocks:
        """Sort rows (n, p), (n, q), (n,) into patients named by ``patient`` (n,)."""
        _, code = np.unique(patient, return_inverse=True)
        order = np.argsort(code, kind="stable")
        code = code[order]
        counts = np.bincount(code)
        place = np.arange(code.size) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (counts.size, int(counts.max()))
        blocks = [np.zeros((*shape, x.shape[1])), np.zeros((*shape, z.shape[1]))]
        blocks += [np.zeros(shape), np.zeros(shape)]
        for block, rows in zip(blocks, (x, z, y, np.ones(y.size)), strict=True):
            block[code, place] = rows[order]
        return cls(*blocks)


@dataclass(frozen=True, slots=True)
class MixedFit:
    """A fitted mixed model.

    ``coefficients`` (p,) with their model-based ``covariance`` (X'V^-1 X)^-1; ``g``
    (q, q) the covariance of the random effects, ``residual`` the residual variance;
    ``deviance`` minus twice the (restricted) log likelihood; ``singular`` says what
    lies on the edge of the possible, empty when nothing does. The last fields serve
    the degrees of freedom.
    """

    coefficients: Floats
    covariance: Floats
    g: Floats
    residual: float
    deviance: float
    singular: str
    reml: bool
    blocks: Blocks
    factor: Floats


def fit_mixed(blocks: Blocks, *, reml: bool = True) -> MixedFit:
    """Fit y = X b + Z u + e with u ~ N(0, G) per patient and e ~ N(0, s^2).

    Raises :class:`MethodError` where the data cannot carry the model: fewer than
    three patients, no residual degree of freedom, as many random effects as
    measurements, collinear terms, or values that the fixed effects fit exactly.
    """
    patients, q = blocks.z.shape[0], blocks.z.shape[2]
    n, p = int(blocks.real.sum()), blocks.x.shape[2]
    if patients < 3:
        raise MethodError("A mixed model needs three patients or more.")
    if n <= p:
        raise MethodError(f"{n} measurements are too few for a model of {p} terms.")
    if patients * q >= n:
        raise MethodError(
            f"{n} measurements of {patients} patients cannot carry {q} random "
            f"effect{'s' if q > 1 else ''} per patient."
        )
    true = blocks.real > 0
    rows, y = blocks.x[true], blocks.y[true]
    scale = np.abs(rows).max(axis=0)
    if not scale.all() or np.linalg.matrix_rank(rows / scale) < p:
        raise MethodError(
            "The visits do not tell the terms of the model apart, for example "
            "because a group has no visits after the change."
        )
    least, *_ = np.linalg.lstsq(rows / scale, y, rcond=None)
    loss = float(np.square(y - rows / scale @ least).sum())
    spread = math.sqrt(loss / n)
    if loss <= 1e-20 * max(float(np.square(y).sum()), 1e-300):
        raise MethodError(
            "The model fits every value exactly; nothing is left to test against."
        )
    if _inner_loss(blocks, scale) <= 1e-16 * loss:
        raise MethodError(
            "The patients' own lines fit every value exactly, so there is no residual "
            "variance to compare with."
        )
    # Columns of unit size and values of unit spread keep the arithmetic exact.
    width = np.abs(blocks.z[true]).max(axis=0)
    shift = (blocks.x / scale) @ least
    unit = _Profile(
        Blocks(
            blocks.x / scale,
            blocks.z / width,
            (blocks.y - shift) * blocks.real / spread,
            blocks.real,
        ),
        reml=reml,
    )
    try:
        factor = unit.best()
        state = unit.at(factor)
    except np.linalg.LinAlgError:
        raise MethodError("The likelihood could not be maximised.") from None
    residual = state.loss / unit.dof * spread**2
    # In the units of the data again.
    factor = factor / width[:, None]
    return MixedFit(
        coefficients=(state.b * spread + least) / scale,
        covariance=residual * state.c / np.outer(scale, scale),
        g=residual * factor @ factor.T,
        residual=residual,
        deviance=state.deviance
        + 2 * unit.dof * math.log(spread)
        + (2 * float(np.log(scale).sum()) if reml else 0.0),
        singular=_singular(factor * width[:, None]),
        reml=reml,
        blocks=blocks,
        factor=factor,
    )


def _inner_loss(blocks: Blocks, scale: Floats) -> float:
    """Squares left when every patient has random effects of his own, without a law.

    Where nothing is left the likelihood grows without bound as the residual variance
    goes to zero.
    """
    z = blocks.z
    free = np.eye(z.shape[1]) - z @ np.linalg.pinv(z)
    rows = (free @ (blocks.x / scale)).reshape(-1, blocks.x.shape[2])
    values = (free @ blocks.y[..., None]).ravel()
    # Columns that the patients' own effects span are zero but for rounding.
    b, *_ = np.linalg.lstsq(rows, values, rcond=1e-9)
    return float(np.square(values - rows @ b).sum())


def _singular(factor: Floats) -> str:
    """Say which variance or correlation of the random effects is at its edge."""
    names = ("intercepts", "slopes", "changes of slope")
    spread = np.sqrt(np.square(factor).sum(axis=1))
    none = [names[i] for i in range(len(spread)) if spread[i] < SINGULAR]
    if none:
        return f"the estimated variance between patients of {_listed(none)} is zero"
    if (np.abs(np.diag(factor)) < SINGULAR * spread.max()).any():
        return (
            "the estimated correlation of the random effects is 1 or \N{MINUS SIGN}1"
            if len(factor) == 2
            else "the estimated covariance of the random effects is singular"
        )
    return ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True, slots=True)
class _State:
    """The profiled likelihood at one factor; V is taken relative to the residual."""

    deviance: float
    loss: float  # r'V^-1 r
    b: Floats
    c: Floats  # (X'V^-1 X)^-1
    u: Floats  # Z'V^-1 r of each patient
    zx: Floats  # Z'V^-1 X of each patient
    zz: Floats  # Z'V^-1 Z of each patient


class _Profile:
    """Deviance of the data as a function of the Cholesky factor L, G = s^2 L L'."""

    def __init__(self, blocks: Blocks, *, reml: bool) -> None:
        x, z, y = blocks.x, blocks.z, blocks.y
        self.reml = reml
        self.n, self.p, self.q = int(blocks.real.sum()), x.shape[2], z.shape[2]
        self.dof = self.n - self.p if reml else self.n
        zt = np.swapaxes(z, 1, 2)
        # The response stands as a last column of the fixed effects.
        xy = np.concatenate([x, y[..., None]], axis=2)
        self.zz, self.zxy = zt @ z, zt @ xy
        flat = xy.reshape(-1, self.p + 1)
        self.xyxy = flat.T @ flat
        self.lower = np.tril_indices(self.q)

    def at(self, factor: Floats) -> _State:
        q, p = self.q, self.p
        inner = factor.T @ self.zz @ factor + np.eye(q)
        log_det = np.linalg.slogdet(inner)[1]
        w = factor @ np.linalg.solve(inner, np.broadcast_to(factor.T, inner.shape))
        wz = w @ self.zxy
        total = self.xyxy - np.einsum("iqa,iqb->ab", self.zxy, wz)
        zxy = self.zxy - self.zz @ wz
        zz = self.zz - self.zz @ w @ self.zz
        upper = np.linalg.cholesky(total[:p, :p])
        c = np.linalg.inv(total[:p, :p])
        b = c @ total[:p, p]
        loss = float(total[p, p] - total[:p, p] @ b)
        deviance = float(log_det.sum()) + self.dof * (
            1 + math.log(2 * math.pi * loss / self.dof)
        )
        if self.reml:
            deviance += 2 * float(np.log(np.diag(upper)).sum())
        u = zxy[:, :, p] - zxy[:, :, :p] @ b
        return _State(deviance, loss, b, c, u, zxy[:, :, :p], zz)

    def slope(self, state: _State, factor: Floats, residual: float) -> Floats:
        """Gradient of the deviance in L at a given residual variance."""
        m = state.zz.sum(axis=0) - state.u.T @ state.u / residual
        if self.reml:
            m -= np.einsum("iqa,ab,irb->qr", state.zx, state.c, state.zx)
        return 2 * (m @ factor)[self.lower]

    def profiled(self, theta: Floats) -> tuple[float, Floats]:
        factor = self.factor(theta)
        try:
            state = self.at(factor)
        except (np.linalg.LinAlgError, ValueError):
            return 1e300, np.zeros_like(theta)
        return state.deviance, self.slope(state, factor, state.loss / self.dof)

    def factor(self, theta: Floats) -> Floats:
        factor = np.zeros((self.q, self.q))
        factor[self.lower] = theta
        return factor

    def best(self) -> Floats:
        """Return the factor of the lowest deviance.

        The deviance is even in each column of the factor, so that no bound is needed:
        a variance of zero is an ordinary minimum. Two starts guard against the
        stationary ridge at zero and against a local minimum.
        """
        found = [self._descended(size * np.eye(self.q), 1e-3) for size in (1.0, 0.2)]
        if abs(found[0][0] - found[1][0]) > 1e-5:
            # A flat valley or a second minimum: go on, from more places.
            places = [self.factor(theta) for _, theta in found]
            places.append(5.0 * np.eye(self.q))
            found = [self._descended(place, 1e-7) for place in places]
        theta = self._polished(min(found, key=lambda pair: pair[0])[1])
        deviance, gradient = self.profiled(theta)
        if np.abs(gradient).max() > 1e-6:
            theta = self._polished(self._descended(self.factor(theta), 1e-7)[1])
            deviance = self.profiled(theta)[0]
        # What is zero but for computing is set to zero, if that loses nothing.
        factor = _cholesky(self.factor(theta) @ self.factor(theta).T)
        small = np.abs(factor) < SINGULAR
        small &= np.eye(self.q, dtype=bool) | (np.diag(small)[None, :] > 0)
        flat = np.where(small, 0.0, factor)
        for candidate in (flat, factor):
            polished = self._polished(candidate[self.lower], ~small[self.lower])
            if self.profiled(polished)[0] <= deviance + 1e-6:
                return self.factor(polished)
        return self.factor(theta)

    def _descended(self, place: Floats, precision: float) -> tuple[float, Floats]:
        from scipy.optimize import minimize

        found = minimize(
            self.profiled,
            place[self.lower],
            jac=True,
            method="BFGS",
            options={"gtol": precision},
        )
        return float(found.fun), found.x

    def _polished(self, theta: Floats, free: NDArray | None = None) -> Floats:
        """Take Newton steps until the gradient is zero to rounding."""
        free = np.ones(theta.size, dtype=bool) if free is None else free
        value, gradient = self.profiled(theta)
        for _ in range(8):
            if np.abs(gradient[free]).max(initial=0) < 1e-9:
                break
            hessian = central(lambda t: self.profiled(t)[1], theta)
            step = np.zeros_like(theta)
            part = hessian[np.ix_(free, free)]
            step[free] = np.linalg.lstsq(part, gradient[free], rcond=1e-8)[0]
            moved = self.profiled(theta - step)
            smaller = np.abs(moved[1][free]).max() < np.abs(gradient[free]).max()
            if not (moved[0] <= value + 1e-9 and smaller):
                break
            theta, (value, gradient) = theta - step, moved
        return theta


def _cholesky(g: Floats) -> Floats:
    """Cholesky factor of a matrix that may be singular (zero columns then)."""
    factor = np.zeros_like(g)
    for j in range(len(g)):
        left = g[j:, j] - factor[j:, :j] @ factor[j, :j]
        if left[0] > 1e-14 * max(np.trace(g), 1e-300):
            factor[j:, j] = left / math.sqrt(left[0])
    return factor


def central(function: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Jacobian of a smooth vector function by central differences of fourth order."""
    columns = []
    for k in range(at.size):
        step = np.zeros_like(at)
        step[k] = 1e-3 * max(1.0, abs(at[k]))
        near = function(at + step) - function(at - step)
        far = function(at + 2 * step) - function(at - 2 * step)
        columns.append((8 * near - far) / (12 * step[k]))
    return np.array(columns)


@dataclass(frozen=True, slots=True)
class Satterthwaite:
    """What Satterthwaite's degrees of freedom of any contrast are made of."""

    covariance: Floats
    factor: Floats
    zx: Floats
    inverse: Floats

    def df(self, contrast: Floats) -> float:
        """Degrees of freedom 2 v^2 / Var(v), v the variance of the contrast."""
        lower = np.tril_indices(len(self.factor))
        reach = self.zx @ (self.covariance @ contrast)
        variance = float(contrast @ self.covariance @ contrast)
        gradient = np.append(2 * (reach.T @ reach @ self.factor)[lower], variance)
        spread = float(gradient @ (2 * self.inverse) @ gradient)
        return 2 * variance**2 / spread if spread > 0 else math.inf


def satterthwaite(fit: MixedFit) -> Satterthwaite:
    """Return Satterthwaite's degrees of freedom of a fit.

    Var(v) is had by the delta method from the observed information of the variance
    parameters (Giesbrecht and Burns 1985; Kuznetsova, Brockhoff and Christensen, J
    Stat Softw 2017;82(13)). Where that is singular only its positive directions
    count, as in lmerTest.
    """
    b = fit.blocks
    width = np.sqrt(np.square(b.z).sum(axis=(0, 1)) / b.real.sum())
    unit = _Profile(Blocks(b.x, b.z / width, b.y, b.real), reml=fit.reml)
    own = (fit.factor * width[:, None])[unit.lower]

    def slope(theta: Floats) -> Floats:
        factor = unit.factor(theta)
        return unit.slope(unit.at(factor), factor, fit.residual)

    factor = unit.factor(own)
    state = unit.at(factor)
    k = own.size
    hessian = np.zeros((k + 1, k + 1))
    hessian[:k, :k] = central(slope, own)
    # The last parameter is the logarithm of the residual variance.
    hessian[k, :k] = hessian[:k, k] = (
        2 * (state.u.T @ state.u @ factor)[unit.lower] / fit.residual
    )
    hessian[k, k] = unit.dof
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    use = values > 1e-8 * max(values.max(), 1.0)
    inverse = (vectors[:, use] / values[use]) @ vectors[:, use].T
    return Satterthwaite(state.c, factor, state.zx, inverse)


@dataclass(frozen=True, slots=True)
class KenwardRoger:
    """Adjusted covariance of the fixed effects and what their df are made of."""

    covariance: Floats
    plain: Floats
    p: Floats  # (parameters, p, p)
    w: Floats  # (parameters, parameters)

    def df(self, contrast: Floats) -> float:
        """Degrees of freedom of one contrast: the F of one df needs no scaling."""
        v = self.plain @ contrast
        t = np.einsum("a,rab,b->r", v, self.p, v)
        spread = float(t @ self.w @ t)
        return 2 * float(contrast @ v) ** 2 / spread if spread > 0 else math.inf


def kenward_roger(fit: MixedFit) -> KenwardRoger:
    """Kenward and Roger's adjustment for the estimated variance parameters.

    From the expected information of the covariance entries of the random effects and
    the residual variance, in which V is linear (Biometrics 1997;53:983-997; as in
    pbkrtest, Halekoh and Hojsgaard, J Stat Softw 2014;59(9)). Raises
    :class:`MethodError` for a fit by ML, for which it does not hold.
    """
    if not fit.reml:
        raise MethodError("Kenward-Roger degrees of freedom need a fit by REML.")
    x, z, real = fit.blocks.x, fit.blocks.z, fit.blocks.real
    q = z.shape[2]
    eye = np.eye(real.shape[1])
    v = z @ fit.g @ np.swapaxes(z, 1, 2) + fit.residual * eye
    # Padded rows are zero in every design, so they drop out of all products.
    inverse = np.linalg.inv(v)
    parts = []
    for i in range(q):
        for j in range(i + 1):
            e = np.zeros((q, q))
            e[i, j] = e[j, i] = 1.0
            parts.append(z @ e @ np.swapaxes(z, 1, 2))
    parts.append(real[:, :, None] * eye)
    vx = inverse @ x
    xv = np.swapaxes(vx, 1, 2)
    plain = np.linalg.inv(np.einsum("ina,inb->ab", x, vx))
    gvx = [g @ vx for g in parts]
    vg = [inverse @ g for g in parts]
    size, k = len(parts), x.shape[2]
    p = np.array([-(xv @ g).sum(axis=0) for g in gvx])
    q_rs = np.empty((size, size, k, k))
    information = np.empty((size, size))
    for r in range(size):
        for s in range(size):
            right = inverse @ gvx[s]
            q_rs[r, s] = np.einsum("ina,inb->ab", gvx[r], right)
            information[r, s] = (
                float(np.einsum("iab,iba->", vg[r], vg[s]))
                - 2 * float(np.trace(plain @ q_rs[r, s]))
                + float(np.trace(plain @ p[r] @ plain @ p[s]))
            ) / 2
    scale = np.sqrt(np.diag(information))
    scales = np.outer(scale, scale)
    w = np.linalg.pinv(information / scales, rcond=1e-10, hermitian=True) / scales
    inner = np.einsum("rs,rsab->ab", w, q_rs)
    inner -= np.einsum("rs,rab,bc,scd->ad", w, p, plain, p)
    covariance = plain + 2 * plain @ inner @ plain
    return KenwardRoger((covariance + covariance.T) / 2, plain, p, w)
