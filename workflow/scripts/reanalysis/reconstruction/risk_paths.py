"""Integer risk-set paths behind a survival curve: look ahead, then sample forward.

The figure fixes when the curve drops and, within the reading error, how far. What is
unknown is a path of whole numbers: at risk before each drop, events at it, censored
between. Its state is the number at risk n and the product-limit estimate S so far,
which is what must stay within the error of every level (a path of ratios alone would
let errors add up). Given the state, the future does not depend on the past.

1. Backwards: the weight of all futures of a state, on a grid of S, by dynamic
   programming over (censoring hazard, n, S, events so far).
2. Forwards: particles choose their steps in proportion to prior x likelihood x that
   weight, carry S exactly, and are weighted by what the grid missed (twisted
   sequential Monte Carlo). The steps are as good as exact, so the weights stay even.

Prior, stated: every patient has the same chance to be censored at a moment, with a
hazard that is one of :data:`HAZARDS` per follow-up and may change where one of the
stretches of :mod:`~reanalysis.reconstruction.curve_problem` begins; censoring so falls
about evenly in time between ticks of a risk table. Whoever is left at the end of the
curve was left by a closing date or, as likely, was the last one to be censored. Where
all censoring marks are printed they take the place of all this. A drop of d events has
weight ``tie ** (d - 1)``, where ``tie`` is how many drops fall in a stretch as short as
the times are known to, within limits.

Sources: Kaplan and Meier 1958; Guarniero, Johansen and Lee, JASA 2017;112:1636
(look-ahead particle filters); Whiteley and Lee, Annals of Statistics 2014;42:115.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, xlogy

from reanalysis.errors import MethodError
from reanalysis.reconstruction.curve_problem import MOST_BETWEEN, Node, Problem
from reanalysis.survival.risk_sets import Floats, Ints

#: Expected censorings per patient over the whole follow-up, equally likely.
HAZARDS = (0.02, 0.15, 0.6, 2.0, 6.0, 20.0)
#: Chance that the hazard stays as it was when a stretch begins.
STAY = 0.5
#: Chance that the end of the curve is one patient's, not a closing date.
ALONE = 0.5
#: Weight of one more patient censored at the same mark.
SHARED_MARK = 0.1
#: Points of the grid of S on either side of a level, inside the error.
HALF_GRID = 6
#: Particles for each path that is wanted: with fewer the paths share their beginnings.
PARTICLES = 8
#: Bytes beyond which the look ahead is refused, not begun.
MOST_BYTES = 700e6


class TooLargeError(MethodError):
    """A curve leaves more possibilities than memory is given for."""


@dataclass(frozen=True, slots=True, eq=False)
class LookAhead:
    """Weights of all futures; see :func:`look_ahead`.

    ``after`` and ``before``: for each node, arrays (hazards, n, S, events) just after
    and just before it, n from ``problem.low``, S on a grid about the level in force;
    each scaled to a maximum of 1. ``tick_last`` is ``after`` before a tick that
    follows a drop read to be at it. ``log_total``: log of the summed weight of all
    paths.
    """

    problem: Problem
    hazards: Floats
    before: list[Floats]
    after: list[Floats]
    tick_last: list[Floats]
    after_low: list[int]
    start: Floats
    log_total: float
    thin: list[Floats]


def _grid(problem: Problem, drop: int) -> tuple[float, float]:
    """Return the lowest S and the step of the grid about the level after a drop."""
    level = 1.0 if drop < 0 else float(problem.curve.survival[drop])
    step = problem.curve.error / HALF_GRID
    # One step beyond the error: no state that is allowed falls between two zeros.
    return level - (HALF_GRID + 1) * step, step


def _place(problem: Problem, drop: int, s: Floats) -> tuple[Ints, Floats]:
    """Return the grid cell of S and the share of the way to the next point."""
    lowest, step = _grid(problem, drop)
    at = np.clip((s - lowest) / step, 0, 2 * HALF_GRID + 2 - 1e-9)
    cell = at.astype(np.int64)
    return cell, at - cell


def _thinning(
    problem: Problem, i: int, hazards: Floats, from_low: int, from_high: int
) -> Floats:
    """Return the weights (hazards, n before, n after) of censoring before a node.

    Nobody is left only where the curve has reached 0.
    """
    node = problem.nodes[i]
    n = np.arange(from_low, from_high + 1)[:, None]
    to = np.arange(problem.low[i], problem.high[i] + 1)[None, :]
    lost = n - to
    if node.marks is not None:
        more = lost - len(node.marks)
        allowed = (more >= 0) & ((to > 0) | (n == 0))
        allowed &= bool(node.marks or node.loose) | (more == 0)
        more = more - len(node.loose)
        return np.where(allowed, SHARED_MARK ** np.maximum(more, 0.0), 0.0)[None]
    return _binomial(n, to, hazards * (node.gap / problem.curve.end))


def _binomial(n: Ints, to: Ints, hazards: Floats) -> Floats:
    """Return the chances (hazards, n, to) of who is left; 0 is left only of 0."""
    lost = n - to
    allowed = (lost >= 0) & ((to > 0) | (n == 0))
    hazard = hazards[:, None, None]
    lost = np.maximum(lost, 0)
    ways = gammaln(n + 1) - gammaln(lost + 1) - gammaln(np.maximum(n - lost, 0) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = ways + xlogy(lost, -np.expm1(-hazard)) - (n - lost) * hazard
    return np.where(allowed, np.exp(log), 0.0)


def _between(problem: Problem, hazards: Floats, n: Ints, to: Ints) -> Floats:
    """Return the chances (hazards, n, to) of censoring between a drop and its tick."""
    if problem.nodes[0].marks is not None:
        return (n[:, None] == to[None, :]).astype(float)[None]
    share = problem.curve.time_error / 2 / problem.curve.end
    found = _binomial(n[:, None], to[None, :], hazards * share)
    return found * (n[:, None] - to[None, :] <= MOST_BETWEEN)


def _tick_orders(problem: Problem, node: Node) -> tuple[float, float, float]:
    """Return the weights of a tick before, after and between the events of its drop."""
    curve = problem.curve
    spread = curve.time_spread / math.sqrt(curve.time_readings[node.drop])
    first = ndtr((curve.time[node.drop] - node.tick) / spread)
    first = float(np.clip(first, 0.01, 0.99))
    within = 2 * first * (1 - first)
    return first * (node.side <= 0), (1 - first) * (node.side >= 0), within


def look_ahead(problem: Problem, *, keep: bool = True) -> LookAhead:
    """Return the weight of all futures of every state, from the end backwards.

    Raises :class:`MethodError` when no path was found, :class:`TooLargeError` when
    :data:`MOST_BYTES` do not do. Sums run in a fixed order, not
    through a threaded library, so that they do not depend on the number of cores. What
    is kept is kept in single precision: it only guides the particles. Without ``keep``
    only the total weight is, to compare problems.
    """
    nodes = problem.nodes
    marked = nodes[0].marks is not None
    hazards = np.array([0.0]) if marked else np.array(HAZARDS)
    g, points, width = len(hazards), 2 * HALF_GRID + 3, max(problem.spare, 0) + 1
    # Twice 4 bytes kept of each state, three times 8 at work.
    states = (problem.high - problem.low + 1) * float(g * points * width)
    bytes_ = 8 * states.sum() * keep + 24 * states.max()
    if bytes_ > MOST_BYTES:
        raise TooLargeError(
            f"The {problem.n} patients of this curve would need {bytes_ / 1e6:.0f} MB, "
            f"more than {MOST_BYTES / 1e6:.0f}: too many can be at risk or have died. "
            "Numbers at risk, or a smaller reading error, leave fewer possibilities."
        )
    change = np.full((g, g), (1 - STAY) / g) + STAY * np.eye(g)
    before: list[Floats] = [np.empty(0)] * len(nodes)
    after: list[Floats] = [np.empty(0)] * len(nodes)
    after_low, thin = [0] * len(nodes), [np.empty(0)] * len(nodes)
    tick_last = [np.empty(0)] * len(nodes)
    end = len(nodes) - 1
    log_total = 0.0
    value = np.zeros((g, problem.high[end] - problem.low[end] + 1, points, width))
    value[..., -1] = _end(problem, hazards)[:, :, None]
    for i in range(end, -1, -1):
        node = nodes[i]
        after_low[i] = problem.left(i)[0]
        if keep and (node.drop >= 0 or node.change):
            after[i] = value.astype(np.float32)
        if node.drop >= 0:
            if node.at_risk >= 0:
                value, kept = _drop_at_tick(problem, i, value, after_low[i], hazards)
                if keep:
                    tick_last[i] = kept.astype(np.float32)
            else:
                value = _drop_back(problem, i, value, after_low[i])
        else:
            if node.at_risk >= 0:
                n = np.arange(problem.low[i], problem.high[i] + 1)
                value = value * (n == node.at_risk)[None, :, None, None]
            if node.change:
                value = np.einsum("gh,hnsx->gnsx", change, value)
        top = value.max()
        if not top > 0:
            raise MethodError(
                f"No list of {problem.n} patients has a curve within the reading error "
                f"of {problem.curve.error:g} and meets the printed counts."
            )
        value = value / top
        log_total += math.log(top)
        if keep:
            before[i] = value.astype(np.float32)
        low, high = (problem.n, problem.n) if i == 0 else problem.left(i - 1)
        lost = _thinning(problem, i, hazards, low, high)
        if keep:
            thin[i] = lost.astype(np.float32)
        shape = (g, value.shape[1], points * width)
        value = np.einsum("gab,gbk->gak", lost, value.reshape(shape))
        value = value.reshape(g, high - low + 1, points, width)
    start = value[:, 0, HALF_GRID + 1, 0]
    if not start.sum() > 0:
        raise MethodError(
            f"No list of {problem.n} patients has a curve within the reading error "
            f"of {problem.curve.error:g} and meets the printed counts."
        )
    log_total += math.log(start.mean())
    return LookAhead(
        problem, hazards, before, after, tick_last, after_low, start, log_total, thin
    )


def _end(problem: Problem, hazards: Floats) -> Floats:
    """Return the prior weight (hazards, n) of who is left at the end of the curve.

    Either a closing date ended the follow-up of everybody left, or the curve ends
    where a last patient happened to be censored.
    """
    n = np.arange(problem.low[-1], problem.high[-1] + 1)
    one = hazards if problem.nodes[0].marks is None else np.ones(1)
    return (1 - ALONE) + ALONE * one[:, None] * (n == 1)[None, :]


def _drop_back(
    problem: Problem,
    i: int,
    value: Floats,
    value_low: int,
    early: Ints | None = None,
) -> Floats:
    """Return the weight just before a drop from that just after it.

    ``early`` (n,): where given, only from drops of more events than these, of 1 or
    more.
    """
    node = problem.nodes[i]
    j = node.drop
    lowest, step = _grid(problem, j - 1)
    s = np.clip(lowest + step * np.arange(2 * HALF_GRID + 3), 0, 1)
    n = np.arange(problem.low[i], problem.high[i] + 1)
    g, _, points, width = value.shape
    found = np.zeros((g, n.size, points, width))
    for d in range(int(problem.fewest[j]), int(problem.most[j]) + 1):
        rows = np.flatnonzero((n >= max(d, 1)) & (n - d >= value_low))
        rows = rows[n[rows] - d < value_low + value.shape[1]]
        if early is not None:
            rows = rows[(early[rows] >= 1) & (d > early[rows])]
        extra = d - int(problem.fewest[j]) if problem.spare >= 0 else 0
        if not rows.size or extra >= width:
            continue
        left = n[rows] - d
        dropped = s[None, :] * (left / n[rows])[:, None]
        away = dropped - problem.curve.survival[j]
        inside = np.abs(away) <= problem.tolerance + step
        weight = problem.likelihood(j, away) * inside * problem.tie ** (d - 1)
        keep = weight.any(axis=1)
        rows, left, weight = rows[keep], left[keep], weight[keep]
        cell, share = _place(problem, j, dropped[keep])
        to = (left - value_low)[:, None]
        low = value[:, to, cell] * (weight * (1 - share))[None, :, :, None]
        low += value[:, to, cell + 1] * (weight * share)[None, :, :, None]
        found[:, rows, :, : width - extra] += low[..., extra:]
    return found


def _drop_at_tick(
    problem: Problem, i: int, value: Floats, value_low: int, hazards: Floats
) -> tuple[Floats, Floats]:
    """Return the weight before a drop and a tick whose order is not known.

    Also the weight after the drop, before the tick, when the tick is last.
    """
    node = problem.nodes[i]
    first, after, within = _tick_orders(problem, node)
    n = np.arange(problem.low[i], problem.high[i] + 1)
    number = np.array([node.at_risk])
    dropped = _drop_back(problem, i, value, value_low)
    lost = _between(problem, hazards, number, n)[:, 0]
    found = (n == node.at_risk)[None, :, None, None] * np.einsum(
        "gn,gnsx->gsx", lost, dropped
    )[:, None]
    left = np.arange(value_low, value_low + value.shape[1])
    held = _between(problem, hazards, left, number)
    at = node.at_risk - value_low
    inside = value[:, at] if 0 <= at < value.shape[1] else np.zeros_like(value[:, 0])
    last = held[:, :, :, None] * inside[:, None]
    found = first * found + after * _drop_back(problem, i, last, value_low)
    if problem.most[node.drop] > 1:
        early = n - node.at_risk
        found += within * _drop_back(problem, i, value, value_low, early)
    return found, last


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Sampled paths: before and after every node, in the order of the nodes.

    ``before`` (paths, nodes): at risk just before each node; ``events`` (paths, drops);
    ``censored`` (paths, nodes): censored in the gap before each node; ``between`` and
    ``before_tick`` (paths, drops): censored between a drop and the tick it is read to
    be at, and how many of its events come before that tick; ``survival`` (paths,
    drops): the curve after each drop. ``effective``: what the particles were worth
    when the paths were drawn, as a share of their number.
    """

    before: Ints
    events: Ints
    censored: Ints
    between: Ints
    before_tick: Ints
    survival: Floats
    effective: float


def sample_paths(ahead: LookAhead, paths: int, rng: np.random.Generator) -> Paths:
    """Draw paths from their joint law given the print; see the module.

    Raises :class:`MethodError` when every particle runs into a wall, which the look
    ahead makes rare.
    """
    problem, particles = ahead.problem, max(PARTICLES * paths, 200)
    drops, nodes = problem.curve.time.size, len(problem.nodes)
    n = np.full(particles, problem.n)
    s, spent = np.ones(particles), np.zeros(particles, dtype=np.int64)
    hazard = _choose(np.repeat(ahead.start[None], particles, 0), rng)
    history = np.zeros((particles, 2 * nodes + 3 * drops), dtype=np.int64)
    curve = np.ones((particles, drops))
    log_weight = np.zeros(particles)
    g = len(ahead.hazards)
    change = np.full((g, g), (1 - STAY) / g) + STAY * np.eye(g)
    came_from, level = problem.n, -1
    for i, node in enumerate(problem.nodes):
        future = ahead.before[i]
        cell, share = _place(problem, level, s)
        worth = future[hazard, :, cell, spent] * (1 - share)[:, None]
        worth += future[hazard, :, cell + 1, spent] * share[:, None]
        worth *= ahead.thin[i][hazard, n - came_from]
        alive = worth.sum(axis=1) > 0
        log_weight[~alive] = -np.inf
        to = problem.low[i] + _choose(worth, rng)
        history[:, nodes + i] = n - to
        n = np.where(alive, to, n.clip(problem.low[i], problem.high[i]))
        history[:, i] = n
        if node.change:
            after = ahead.after[i]
            at = n - ahead.after_low[i]
            worth = after[:, at, cell, spent].T * (1 - share)[:, None]
            worth += after[:, at, cell + 1, spent].T * share[:, None]
            hazard = _choose(worth * change[hazard], rng)
        if node.drop >= 0:
            level = node.drop
            here = future[hazard, n - problem.low[i], cell, spent] * (1 - share)
            here += future[hazard, n - problem.low[i], cell + 1, spent] * share
            sizes = int(problem.most[level] - problem.fewest[level]) + 1
            worth = _order_worth(ahead, i, hazard, n, s, spent)
            total = worth.sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.log(total) - np.log(here)
            log_weight += np.where((total > 0) & (here > 0), step, -np.inf)
            choice = _choose(worth, rng)
            d = int(problem.fewest[level]) + choice % sizes
            if node.at_risk >= 0:
                # Columns: tick first with 0, 1, ... censored before the drop, or last,
                # or between its events.
                part = choice // sizes
                first, last = part <= MOST_BETWEEN, part == MOST_BETWEEN + 1
                n = np.maximum(n - np.where(first, part, 0), 0)
                history[:, i] = n
                late = np.where(last, n - d - node.at_risk, 0)
                history[:, 2 * nodes + drops + level] = np.where(first, part, late)
                history[:, 2 * nodes + 2 * drops + level] = np.where(
                    first, 0, np.where(last, d, n - node.at_risk)
                )
            d = np.minimum(d, n)
            s = s * (n - d) / np.maximum(n, 1)
            if problem.spare >= 0:
                spent = np.minimum(spent + d - problem.fewest[level], problem.spare)
            n = n - d
            if node.at_risk >= 0:
                n = n - late
            history[:, 2 * nodes + level] = d
            curve[:, level] = s
            low, high = problem.left(i)
            dead = (n < low) | (n > high)
            log_weight[dead] = -np.inf
            n = n.clip(low, high)
            if not np.isfinite(log_weight).any():
                raise MethodError(
                    f"No list of {problem.n} patients was found with a curve within "
                    f"the reading error of {problem.curve.error:g} and the printed "
                    "counts, though whole numbers of patients allow some."
                )
            if i + 1 < nodes and _effective(log_weight) < 0.5 * particles:
                kept = _systematic(log_weight, particles, rng)
                n, s, spent, hazard = n[kept], s[kept], spent[kept], hazard[kept]
                history, curve = history[kept], curve[kept]
                log_weight = np.zeros(particles)
        came_from = problem.left(i)[0]
    if not np.isfinite(log_weight).any():
        raise MethodError(
            f"No list of {problem.n} patients was found with a curve within "
            f"the reading error of {problem.curve.error:g} and the printed "
            "counts, though whole numbers of patients allow some."
        )
    kept = _systematic(log_weight, paths, rng)
    return Paths(
        history[kept, :nodes],
        history[kept, 2 * nodes : 2 * nodes + drops],
        history[kept, nodes : 2 * nodes],
        history[kept, 2 * nodes + drops : 2 * nodes + 2 * drops],
        history[kept, 2 * nodes + 2 * drops :],
        curve[kept],
        _effective(log_weight) / particles,
    )


def _order_worth(
    ahead: LookAhead, i: int, hazard: Ints, n: Ints, s: Floats, spent: Ints
) -> Floats:
    """Return the weights of a drop; at a tick for every order, side by side."""
    node, problem = ahead.problem.nodes[i], ahead.problem
    if node.at_risk < 0:
        return _drop_worth(ahead, i, ahead.after[i], hazard, n, s, spent)
    first, after, within = _tick_orders(problem, node)
    number = np.array([node.at_risk])
    fewer = np.maximum(node.at_risk - np.arange(MOST_BETWEEN + 1), 0)
    lost = _between(problem, ahead.hazards, number, fewer)[:, 0]
    # At 0 the columns would repeat.
    lost *= node.at_risk >= np.arange(MOST_BETWEEN + 1)
    parts = []
    for k, left in enumerate(fewer):
        worth = _drop_worth(
            ahead, i, ahead.after[i], hazard, np.full_like(n, left), s, spent
        )
        parts.append(worth * (first * (n == node.at_risk) * lost[hazard, k])[:, None])
    last = _drop_worth(ahead, i, ahead.tick_last[i], hazard, n, s, spent)
    early = (n - node.at_risk)[:, None]
    size = np.arange(problem.fewest[node.drop], problem.most[node.drop] + 1)
    amid = _drop_worth(ahead, i, ahead.after[i], hazard, n, s, spent)
    amid *= (early >= 1) & (size > early)
    return np.hstack([*parts, after * last, within * amid])


def _drop_worth(
    ahead: LookAhead,
    i: int,
    after: Floats,
    hazard: Ints,
    n: Ints,
    s: Floats,
    spent: Ints,
) -> Floats:
    """Return the weights (particles, sizes of the drop), from the exact curve."""
    problem = ahead.problem
    j, low = problem.nodes[i].drop, ahead.after_low[i]
    first = int(problem.fewest[j])
    d = np.arange(first, int(problem.most[j]) + 1)[None, :]
    left = n[:, None] - d
    fits = (left >= max(low, 0)) & (left < low + after.shape[1])
    dropped = (s / np.maximum(n, 1))[:, None] * left
    away = dropped - problem.curve.survival[j]
    fits &= np.abs(away) <= problem.tolerance
    extra = spent[:, None] + (d - first if problem.spare >= 0 else 0 * d)
    fits &= extra < after.shape[3]
    cell, share = _place(problem, j, dropped)
    where = (
        hazard[:, None],
        (left - low).clip(0, after.shape[1] - 1),
        cell,
        extra.clip(0, after.shape[3] - 1),
    )
    worth = after[where] * (1 - share)
    worth += after[where[0], where[1], cell + 1, where[3]] * share
    return worth * (fits * problem.likelihood(j, away) * problem.tie ** (d - 1.0))


def _choose(weight: Floats, rng: np.random.Generator) -> Ints:
    """Draw a column of each row in proportion to its weights."""
    total = np.cumsum(weight, axis=1)
    # Not beyond the last column with any weight, whatever rounding does.
    at = rng.random(len(weight)) * total[:, -1] * (1 - 1e-12)
    return (total <= at[:, None]).sum(axis=1).clip(max=weight.shape[1] - 1)


def _effective(log_weight: Floats) -> float:
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum())


def _systematic(
    log_weight: Floats, many: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw indices in proportion to weights, as evenly as they can be."""
    weight = np.exp(log_weight - log_weight.max())
    total = np.cumsum(weight)
    at = (rng.random() + np.arange(many)) / many * total[-1] * (1 - 1e-12)
    found = np.searchsorted(total, at, side="right")
    # Neighbours are copies of one another: shuffled, any part of them is a sample.
    return rng.permutation(found.clip(max=len(weight) - 1))
