"""MaxCombo: the largest of four Fleming-Harrington tests, with its normal p-value.

Our own because no Python library we use has it. The normal probability is integrated
over directions, which is exact for the singular correlation here (FH(1,0) and FH(0,1)
add up to FH(0,0)) and repeatable, where scipy's integral is a random one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import gammaincc

from reanalysis.errors import MethodError
from reanalysis.survival.risk_sets import Floats, FollowUp, Ints, risk_table
from reanalysis.survival.weighted_log_rank import NOTHING_TO_COMPARE, event_weights

#: Exponents (rho, gamma) of the four tests.
MEMBERS = ((0, 0), (1, 0), (0, 1), (1, 1))

#: Nodes of the rules around the axis, between two breaks, and from pole to pole.
_AROUND, _ALONG = 6, 300
#: Around the axis for one side, whose tail vanishes with all its slopes at a break.
_ONE_SIDED = 24


@dataclass(frozen=True, slots=True, eq=False)
class MaxCombo:
    """Standardised Fleming-Harrington tests of the first group and their correlation.

    ``z`` (tests,) is positive for more events than expected; ``members`` are the
    exponents (rho, gamma) of each. Tests without variance are left out.
    """

    z: Floats
    correlation: Floats
    members: tuple[tuple[int, int], ...]

    @property
    def strongest(self) -> int:
        """Number of the test furthest from 0."""
        return int(np.abs(self.z).argmax())

    def p_value(self, alternative: str = "two-sided") -> float:
        """Return the probability of a larger maximum under the normal approximation.

        Two-sided: of the absolute values; ``greater`` and ``less``: in one direction.
        """
        if alternative == "two-sided":
            return largest_normal_tail(
                self.correlation, float(np.abs(self.z).max()), two_sided=True
            )
        z = self.z if alternative == "greater" else -self.z
        return largest_normal_tail(self.correlation, float(z.max()), two_sided=False)


def max_combo(rows: FollowUp, group: Ints, stratum: Ints | None = None) -> MaxCombo:
    """Test two groups with weights for constant, early, late and middle differences.

    ``group`` and ``stratum`` (rows,) number them from 0. The weights take the
    Kaplan-Meier estimate of all just before each event; covariances are
    hypergeometric, with the product of the two weights, and strata add up.

    Sources: Lee, Biometrics 1996;52:721-725; Karrison, Stata J 2016;16:678-690; Lin
    et al., Stat Biopharm Res 2020;12:187-198. Raises :class:`MethodError` when no
    event happened with both groups at risk.
    """
    if not rows.event.any():
        raise MethodError("There are no events, so the groups cannot be compared.")
    stratum = np.zeros(group.size, dtype=int) if stratum is None else stratum
    table = risk_table(rows, np.unique(rows.stop[rows.event]), group, stratum, 2)
    n, d = table.at_risk.sum(axis=2), table.events.sum(axis=2)
    share = table.at_risk[:, :, 0] / np.maximum(n, 1)
    w = np.stack(
        [
            event_weights(n, d, "fleming-harrington", rho, gamma).ravel()
            for rho, gamma in MEMBERS
        ]
    )
    excess = (table.events[:, :, 0] - d * share).ravel()
    spread = (d * share * (1 - share) * (n - d) / np.maximum(n - 1, 1)).ravel()
    covariance = (w * spread) @ w.T
    variance = np.diag(covariance)
    kept = variance > 1e-12 * max(float(variance.max()), 1e-300)
    if not (variance > 0).any():
        raise MethodError(NOTHING_TO_COMPARE)
    sd = np.sqrt(variance[kept])
    return MaxCombo(
        (w @ excess)[kept] / sd,
        covariance[np.ix_(kept, kept)] / np.outer(sd, sd),
        tuple(m for m, keep in zip(MEMBERS, kept, strict=True) if keep),
    )


def largest_normal_tail(
    correlation: Floats, bound: float, *, two_sided: bool = True
) -> float:
    """Probability that the largest of correlated standard normals reaches ``bound``.

    ``correlation`` has rank 3 at most. Written as a direction and a distance, the
    normals reach the bound beyond a distance that depends on the direction only; the
    chance of that, a chi-square tail, is averaged over directions: by Gauss-Legendre
    rules from pole to pole and, around the axis, between the places where another
    test becomes the largest. The error is some 1e-6 of the probability.
    """
    values, vectors = np.linalg.eigh(correlation)
    large = values > 1e-9
    loading = vectors[:, large] * np.sqrt(values[large])
    rank = loading.shape[1]
    if rank > 3:
        raise MethodError("The correlation of the tests has a rank above 3.")
    if bound <= 0 and two_sided:
        return 1.0
    loading = np.column_stack([loading, np.zeros((len(loading), 3 - rank))])
    if two_sided:
        loading = np.concatenate([loading, -loading])
    if rank == 1:
        largest = np.array([loading[:, 0].max(), -loading[:, 0].min()])
        share = np.full(2, 0.5)
    else:
        height, of_height = _rule(_ALONG if rank == 3 else 1)
        if two_sided and rank == 3:  # the other half is its mirror image
            height, of_height = height[height > 0], 2 * of_height[height > 0]
        # For one side, another place to break is where a test changes its sign.
        apart = loading if two_sided else np.vstack([loading, np.zeros(3)])
        nodes = _AROUND if two_sided else _ONE_SIDED
        largest, share = _largest_along(loading, apart, nodes, height, of_height)
    # Where the bound is not above 0, it is missed only where all fall with distance.
    meets = largest > 0 if bound > 0 else largest < 0
    distance = np.full(largest.shape, np.inf)
    distance[meets] = bound / largest[meets]
    beyond = float((share * gammaincc(rank / 2, distance**2 / 2)).sum())
    return beyond if bound > 0 else 1 - beyond


def _largest_along(
    loading: Floats, apart: Floats, nodes: int, height: Floats, of_height: Floats
) -> tuple[Floats, Floats]:
    """Return the largest of the loadings in each direction, and the direction's share.

    ``loading`` (tests, 3); breaks lie where two of ``apart`` (some, 3) are equal, with
    so many ``nodes`` between them; ``height`` along the third axis with its weights,
    which add up to 2.
    """
    width = np.sqrt(1 - height**2)[:, None]
    # Two loadings are equal where a cosine of the angle is: x cos + y sin + h = 0.
    i, j = np.triu_indices(len(apart), 1)
    x, y, z = (apart[i] - apart[j]).T
    size = np.maximum(np.hypot(x, y) * width, 1e-300)
    half = np.arccos(np.clip(-z * height[:, None] / size, -1, 1))
    phase = np.arctan2(y, x)
    breaks = np.sort(np.mod(np.column_stack([phase - half, phase + half]), 2 * math.pi))
    zero = np.zeros((height.size, 1))
    breaks = np.column_stack([zero, breaks, zero + 2 * math.pi])
    node, of_node = _rule(nodes)
    begin, wide = breaks[:, :-1, None], np.diff(breaks)[:, :, None]
    angle = begin + wide * (node + 1) / 2
    share = of_height[:, None, None] / 2 * wide * of_node / (4 * math.pi)
    used = np.broadcast_to(wide > 1e-12, angle.shape)
    row = np.broadcast_to(np.arange(height.size)[:, None, None], angle.shape)[used]
    direction = np.column_stack(
        [
            width[row, 0] * np.cos(angle[used]),
            width[row, 0] * np.sin(angle[used]),
            height[row],
        ]
    )
    # Not a matrix product: for three columns its threads would cost more than it.
    return np.einsum("dk,tk->dt", direction, loading).max(axis=1), share[used]


@cache
def _rule(nodes: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(nodes)
