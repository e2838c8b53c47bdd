"""Rows of tests of competing risks: Gray's, its permutation and the log-rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from reanalysis.errors import MethodError
from reanalysis.results import Estimate
from reanalysis.survival.competing_patients import CompetingRisks
from reanalysis.survival.gray_test import (
    GrayTest,
    Permuted,
    gray_test,
    permutation_test,
)
from reanalysis.survival.risk_sets import FollowUp
from reanalysis.survival.weighted_log_rank import ONE_EVENT, chi_square, log_rank

#: Most patients for whom a permutation test stands beside the asymptotic one.
PERMUTED_LIMIT = 30


def comparisons(
    data: CompetingRisks, settings: Mapping[str, object]
) -> Iterator[Estimate]:
    """Yield the tests of every cause: all groups, then each against the last."""
    last = len(data.labels) - 1
    for cause in data.causes:
        if last > 1:
            yield from _tests(data, cause, settings, Estimate)
        for k, label in enumerate(data.labels[:-1]):
            pair = data.of((data.group == k) | (data.group == last))
            pair = replace(pair, group=(pair.group == last) * 1, labels=("", ""))
            named = partial(Estimate, group=label, reference=data.labels[last])
            yield from _tests(pair, cause, settings, named)


def _tests(
    data: CompetingRisks,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> list[Estimate]:
    """Return the tests of one comparison, that asked for first.

    Causes other than that of interest have the first alone.
    """
    data = data.of(data.group >= 0)
    row = partial(
        row,
        statistic="incidence_test",
        cause=data.names[cause - 1],
        alternative="two-sided",
        n=data.time.size,
        events=data.events(cause),
    )
    ranked = [_gray_row, _log_rank_row]
    if settings["test"] == "log-rank":
        ranked.reverse()
    permuted = settings["p_value"] == "permutation"
    if permuted:
        ranked.insert(ranked.index(_gray_row), _permutation_row)
    elif data.time.size <= PERMUTED_LIMIT:
        ranked.append(_permutation_row)
    found = [test(data, cause, settings, row) for test in ranked]
    return found if cause == 1 else found[:1]


def _name(data: CompetingRisks, settings: Mapping[str, object]) -> str:
    rho = f", rho {settings['rho']:g}" if settings["rho"] else ""
    return "Gray" + rho + (", stratified" if data.stratum is not None else "")


def _gray_row(
    data: CompetingRisks,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    try:
        _check_groups(data)
        found = _kept_gray(
            data.time.tobytes(),
            data.cause.tobytes(),
            data.group.astype(np.int64).tobytes(),
            None if data.stratum is None else tuple(data.stratum),
            cause,
            float(settings["rho"]),
            len(data.labels),
        )
    except MethodError as problem:
        return row(test=_name(data, settings), note=str(problem))
    return row(
        test=_name(data, settings),
        test_statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
        note=ONE_EVENT if data.events(cause) == 1 else "",
    )


@lru_cache(maxsize=256)
def _kept_gray(
    time: bytes,
    cause: bytes,
    group: bytes,
    stratum: tuple | None,
    of: int,
    rho: float,
    groups: int,
) -> GrayTest:
    """Kept, since settings of incidences and models do not change it."""
    return gray_test(
        np.frombuffer(time),
        np.frombuffer(cause, dtype=np.int64),
        np.frombuffer(group, dtype=np.int64),
        None if stratum is None else np.array(stratum),
        of=of,
        rho=rho,
        groups=groups,
    )


def _permutation_row(
    data: CompetingRisks,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    name = f"{_name(data, settings)}, permutation"
    try:
        _check_groups(data)
        found = _permuted(
            tuple(data.time),
            tuple(data.cause),
            tuple(data.group),
            None if data.stratum is None else tuple(data.stratum),
            cause,
            float(settings["rho"]),
            len(data.labels),
            int(settings["seed"]),
        )
    except MethodError as problem:
        return row(test=name, note=str(problem))
    how = "all" if found.exact else "random"
    return row(
        test=name,
        p_value=found.p_value,
        note=f"{found.assignments} {how} assignments to groups",
    )


@lru_cache(maxsize=256)
def _permuted(
    time: tuple, cause: tuple, group: tuple, stratum: tuple | None, *rest: float
) -> Permuted:
    """Kept, since most settings do not change it."""
    of, rho, groups, seed = rest
    return permutation_test(
        np.array(time),
        np.array(cause),
        np.array(group),
        None if stratum is None else np.array(stratum),
        of=int(of),
        rho=rho,
        groups=int(groups),
        seed=int(seed),
    )


def _log_rank_row(
    data: CompetingRisks,
    cause: int,
    settings: Mapping[str, object],
    row: Callable[..., Estimate],
) -> Estimate:
    name = "log-rank, cause-specific"
    name += ", stratified" if data.stratum is not None else ""
    try:
        _check_groups(data)
        rows = FollowUp(data.time, data.cause == cause)
        found = chi_square(
            log_rank(rows, data.group, data.stratum, groups=len(data.labels))
        )
    except MethodError as problem:
        return row(test=name, note=str(problem))
    return row(
        test=name,
        test_statistic=found.statistic,
        df=found.df,
        p_value=found.p_value,
        note="compares hazards with the other causes censored, not incidences"
        + (f"; {ONE_EVENT}" if data.events(cause) == 1 else ""),
    )


def _check_groups(data: CompetingRisks) -> None:
    if np.unique(data.group).size < 2:
        raise MethodError("There are no patients in one of the groups.")
