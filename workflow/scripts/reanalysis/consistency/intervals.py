"""An estimate and its interval, its p-value and the events behind it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping

from reanalysis.consistency import likelihood_bounds
from reanalysis.consistency.check import Check
from reanalysis.consistency.reading import (
    Item,
    Report,
    contradiction,
    finding,
    item,
    named,
    p_item,
    says_one_sided,
    whole,
)
from reanalysis.tables.binomial import normal_p_value, normal_quantile
from reanalysis.words import RATIOS

#: Effects whose interval is symmetric by the normal approximation.
DIFFERENCES = frozenset({"mean_difference", "risk_difference", "slope", "coefficient"})
_LIMITS = ("conf_low", "conf_high")
#: A difference of two medians beside limits for the median of all differences.
_OF_OTHERS = frozenset({"median_difference"})
#: What a printed summary must be in order.
_ORDER = ("minimum", "quartile_low", "median", "quartile_high", "maximum")
#: Variances that can be smaller than 1/d1 + 1/d0.
_NOT_MODEL_BASED = re.compile(
    r"robust|sandwich|cluster|gee|peto|weight|iptw|propensity|firth|penali|ridge|"
    r"frailty|jackknife|bootstrap|marginal|mixed|fine|gray|subdistribution|"
    r"andersen|recurrent|bayes",
    re.I,
)


def _triples(report: Report) -> Iterator[tuple[Item | None, Item, Item]]:
    """Return estimate (where printed) and both limits of every interval."""
    for claim in report.claims:
        if claim["field"] != "conf_low":
            continue
        low = item(claim)
        same = {
            "reference": claim["reference"],
        }
        tops = report.beside(claim, claim["statistic"], field="conf_high", **same)
        tops = [top for top in tops if top["analysis"] == claim["analysis"]]
        high = item(tops[0]) if tops else None
        if low is None or high is None:
            continue
        points = [
            point
            for point in report.beside(claim, claim["statistic"], **same)
            if point["analysis"] == claim["analysis"]
        ]
        yield (item(points[0]) if points else None), low, high


def estimate_and_limits(report: Report) -> Iterator[Check]:
    """Check that an estimate lies in its interval, and where."""
    name = "estimate in its interval"
    for estimate, low, high in _triples(report):
        limits = [low.claim, high.claim]
        if low.low > high.high:
            reason = f"The lower limit is above the upper one: {named(*limits)}."
            yield from contradiction(limits, name, reason)
            continue
        if estimate is None or "words" in {estimate.printed.relation}:
            continue
        every = [estimate.claim, *limits]
        outside = estimate.high < low.low or estimate.low > high.high
        if outside and _outside_even_cut(estimate, low, high):
            reason = f"The estimate lies outside its interval: {named(*every)}."
            limit = high.claim if estimate.low > high.high else low.claim
            if estimate.claim["statistic"] in _OF_OTHERS:
                reason += (
                    " The limits may be those of the median of all differences "
                    "(Hodges-Lehmann) and the estimate another."
                )
                for claim in (estimate.claim, limit):
                    yield finding(claim, name, "", reason, fits=False)
            else:
                yield from contradiction([estimate.claim, limit], name, reason)
            continue
        where = _place(estimate, low, high)
        if _no_cox_limits(report, estimate, low, high):
            reason = (
                f"The estimate lies in its interval, but {named(*every)} are so far "
                "from even on the log scale that they can be neither Wald nor profile "
                "limits of a Cox model of two groups without covariates."
            )
            for claim in every:
                yield finding(claim, name, "", reason, fits=False)
            continue
        for claim in every:
            yield finding(
                claim,
                name,
                "attainable",
                f"The estimate lies in its interval; {where}: {named(*every)}.",
            )


def _outside_even_cut(estimate: Item, low: Item, high: Item) -> bool:
    bottom, top = estimate.widest
    return top < low.widest[0] or bottom > high.widest[1]


def _cox_tests(
    report: Report, estimate: Item | None, low: Item, high: Item
) -> tuple[float, float] | None:
    """Return the least and greatest |z| of a Cox model with these numbers."""
    claim = low.claim
    found = [_events(report, claim, claim[who]) for who in ("group", "reference")]
    events = tuple(pair[0] for pair in found if pair)
    ends = [
        tuple(math.log(bound) for bound in one.widest) if one is not None else None
        for one in (estimate, low, high)
    ]
    z = normal_quantile(float(low.claim["conf_level"] or 0.95))
    known = events if len(events) == 2 else None
    return likelihood_bounds.z_of_cox(*ends, z, known)


def _positive(*numbers: Item | None) -> bool:
    return all(
        one is None or (one.widest[0] > 0 and math.isfinite(one.widest[1]))
        for one in numbers
    )


def _no_cox_limits(report: Report, estimate: Item, low: Item, high: Item) -> bool:
    return (
        estimate.claim["statistic"] == "hazard_ratio"
        and _positive(estimate, low, high)
        and _cox_tests(report, estimate, low, high) is None
    )


def _place(estimate: Item, low: Item, high: Item) -> str:
    statistic = estimate.claim["statistic"]
    if statistic in RATIOS and low.low > 0 and estimate.low > 0:
        ends = math.sqrt(low.low * high.low), math.sqrt(low.high * high.high)
        kind = "geometric middle of the limits"
    elif statistic in RATIOS:
        return "a limit may be 0, so that its place on the log scale says nothing"
    elif statistic in DIFFERENCES | {"mean"}:
        ends = (low.low + high.low) / 2, (low.high + high.high) / 2
        kind = "middle of the limits"
    else:
        return "this kind of interval need not be symmetric"
    shown = f"{estimate.show(ends[0])} to {estimate.show(ends[1])}"
    if estimate.holds(*ends):
        return f"it is the {kind} ({shown}), as for a Wald interval"
    return (
        f"it is not the {kind} ({shown}), so the interval is not a Wald interval of "
        "this estimate; a profile, score, exact or bootstrap interval is possible"
    )


def order_of_summaries(report: Report) -> Iterator[Check]:
    """Check minimum, quartiles, median and maximum, and the SD against the range."""
    name = "order of summary numbers"
    for claim in report.claims:
        if claim["statistic"] not in {"minimum", "quartile_low", "mean", "sd"}:
            continue
        if claim["field"] != "estimate":
            continue
        places = {
            statistic: number
            for statistic in (*_ORDER, "mean", "sd")
            for other in _same_analysis(report, claim, statistic)[:1]
            if (number := item(other)) is not None
        }
        if claim["statistic"] == next((s for s in _ORDER if s in places), ""):
            yield from _ordered(name, [places[s] for s in _ORDER if s in places])
        if claim["statistic"] == "mean" and {"minimum", "maximum"} <= set(places):
            yield from _ordered(
                name, [places["minimum"], places["mean"], places["maximum"]]
            )
        if claim["statistic"] == "sd" and {"minimum", "maximum"} <= set(places):
            yield from _spread(report, places)


def _same_analysis(report: Report, claim: Mapping, statistic: str) -> list[Mapping]:
    return [
        other
        for other in report.beside(claim, statistic)
        if other["analysis"] == claim["analysis"]
        and other["source"] == claim["source"]
        and other["role"] == claim["role"]
    ]


def _ordered(name: str, numbers: list[Item]) -> Iterator[Check]:
    if len(numbers) < 2 or len({number.claim["unit"] for number in numbers}) > 1:
        return
    for a, b in itertools.pairwise(numbers):
        if a.widest[0] > b.widest[1]:
            what = [one.claim["statistic"].replace("_", " ") for one in (a, b)]
            both = [a.claim, b.claim]
            reason = f"The {what[0]} is above the {what[1]}: {named(*both)}."
            yield from contradiction(both, name, reason)
            return
    values = " <= ".join(number.claim["value"] for number in numbers)
    shown = ", ".join(n.claim["statistic"].replace("_", " ") for n in numbers)
    for number in numbers:
        reason = f"The printed numbers stand in order: {values} ({shown})."
        yield finding(number.claim, name, "attainable", reason)


def _spread(report: Report, places: Mapping[str, Item]) -> Iterator[Check]:
    """Check an SD against a range: both its bounds hold for any n values.

    n values from a to b have a squared SD of at most (b - a)^2 / 4 times n / (n - 1),
    and of at least (b - a)^2 / (2 (n - 1)), as the two extreme values occur.
    """
    sd, low, high = places["sd"], places["minimum"], places["maximum"]
    size = report.size(sd.claim)
    if size is None or size.n < 2:
        return
    n = size.n
    # The divisor n in place of n - 1 makes the SD smaller.
    most = max(0.0, high.widest[1] - low.widest[0]) / 2 * math.sqrt(n / (n - 1))
    least = max(0.0, high.widest[0] - low.widest[1]) / math.sqrt(2 * n)
    claims = [sd.claim, low.claim, high.claim]
    reason = (
        f"{n} values ({size.how}) with this range have an SD of {sd.show(least)} to "
        f"{sd.show(most)}: {named(*claims)}."
    )
    bottom, top = sd.widest
    if top < least or bottom > most:
        if size.certain:
            yield from contradiction(claims, "SD against range", reason)
        else:
            yield finding(sd.claim, "SD against range", "", reason, fits=False)
    else:
        yield finding(sd.claim, "SD against range", "attainable", reason)


def p_and_interval(report: Report) -> Iterator[Check]:
    """Compare a printed p with the one its interval implies by the normal law.

    Only the Wald test and the Wald interval must agree, so a misfit names the
    one-sided p or another test and never proves an error.
    """
    name = "p against interval"
    for estimate, low, high in _triples(report):
        statistic = low.claim["statistic"]
        ratio = statistic in RATIOS
        if not ratio and statistic not in DIFFERENCES:
            continue
        z = _z_range(estimate, low, high, ratio)
        if z is None:
            continue
        two = normal_p_value(z[1], "two-sided"), normal_p_value(z[0], "two-sided")
        for claim in _p_claims(report, low.claim):
            printed = p_item(claim)
            if printed is None:
                continue
            every = [low.claim, high.claim]
            if estimate is not None:
                every.insert(0, estimate.claim)
            worked = (
                f"{named(*every)} imply z from {z[0]:.2f} to {z[1]:.2f} and a "
                f"two-sided p from {two[0]:.2g} to {two[1]:.2g} (Wald)"
            )
            other = (
                "; the p is that of a log-rank test, which need not agree"
                if claim["statistic"] == "log_rank"
                else ""
            )
            numbers = {"p_low": two[0], "p_high": two[1], "z_low": z[0], "z_high": z[1]}
            if printed.fit(*two):
                reason = f"{worked}, with which {named(claim)} agrees{other}."
                yield finding(claim, name, "attainable", reason, **numbers)
                continue
            if _counted(report, low.claim):
                continue  # the counts say more than this approximation
            said = says_one_sided(report, claim)
            half = _on_one_side(printed, two)
            if half and said:
                reason = f"{worked}; {named(claim)} is its one-sided p{other}."
                yield finding(claim, name, "attainable", reason, **numbers)
                continue
            if half:
                numbers["one_sided"] = True
                worked += f"; {named(claim)} is a one-sided p of it{other}"
            else:
                worked += f", not {named(claim)}, two-sided or one-sided{other}"
            cox = None
            if statistic == "hazard_ratio" and _positive(estimate, low, high):
                cox = _cox_tests(report, estimate, low, high)
            if cox is not None:
                ends = likelihood_bounds.two_sided(cox)
                end, fits = _other_tests(printed, ends, said)
                numbers["p_cox"] = list(ends)
            else:
                end, fits = "", False
                if not half:
                    end = " Another test or another interval would explain it."
            yield finding(claim, name, "", f"{worked}.{end}", fits=fits, **numbers)


def _counted(report: Report, claim: Mapping) -> bool:
    """Tell whether the counts behind an effect of two shares are printed."""
    return claim["statistic"] in {
        "odds_ratio",
        "risk_ratio",
        "risk_difference",
    } and all(report.counts(claim, claim[who]) for who in ("group", "reference"))


def _on_one_side(printed: Item, ends: tuple[float, float]) -> bool:
    """Tell whether a p is a one-sided one of a range of two-sided ones."""
    low, high = ends[0] / 2, ends[1] / 2
    return bool(printed.fit(low, high) or printed.fit(1 - high, 1 - low))


def _other_tests(
    printed: Item, ends: tuple[float, float], said: bool
) -> tuple[str, bool]:
    """Tell whether another test of a Cox model with these limits can give a p."""
    span = f"{ends[0]:.2g} to {ends[1]:.2g}"
    one_sided = _on_one_side(printed, ends)
    if printed.fit(*ends) or (said and one_sided):
        text = (
            " A likelihood-ratio or score (log-rank) test, or limits of the profile "
            f"likelihood, would explain it: with them a two-sided p can be {span}."
        )
        return text, True
    text = (
        " In a Cox model of two groups without covariates no Wald, likelihood-ratio or "
        f"score (log-rank) test with these limits has a two-sided p outside {span}."
    )
    if one_sided:
        text += " One-sided it can be had."
    return text, False


def _p_claims(report: Report, limit: Mapping) -> list[Mapping]:
    own = report.beside(
        limit, limit["statistic"], field="p_value", reference=limit["reference"]
    )
    if limit["statistic"] != "hazard_ratio":
        return own
    # The log-rank p beside a hazard ratio, with or without its groups.
    same = report.beside(limit, "log_rank", field="p_value", reference=None)
    loose = report.beside(limit, "log_rank", group="", field="p_value", reference=None)
    return list({c["claim_id"]: c for c in (*own, *same, *loose)}.values())


def _z_range(
    estimate: Item | None, low: Item, high: Item, ratio: bool
) -> tuple[float, float] | None:
    """Return the least and greatest |z| that the printed numbers allow."""
    bounds = [low.low, low.high, high.low, high.high]
    if estimate is not None:
        bounds += [estimate.low, estimate.high]
    if not all(map(math.isfinite, bounds)):
        return None
    if ratio:
        if min(bounds) <= 0:
            return None
        bounds = [math.log(bound) for bound in bounds]
    l1, l2, h1, h2 = bounds[:4]
    middle = (l1 + h1) / 2, (l2 + h2) / 2
    e1, e2 = (
        (max(bounds[4], middle[0]), min(bounds[5], middle[1]))
        if estimate is not None
        else middle
    )
    if e1 > e2:  # not a Wald interval: the estimate as printed
        e1, e2 = bounds[4], bounds[5]
    level = float(low.claim["conf_level"] or 0.95)
    width = 2 * normal_quantile(level)
    least, most = max(h1 - l2, 0.0) / width, (h2 - l1) / width
    if least <= 0 or most <= 0:
        return None
    near = 0.0 if e1 <= 0 <= e2 else min(abs(e1), abs(e2))
    return near / most, max(abs(e1), abs(e2)) / least


def error_floor(report: Report) -> Iterator[Check]:
    """Check the standard error of a hazard ratio against the events.

    In a Cox model the information about a two-group contrast is the sum of
    w (1 - w) over the events, w being the weighted share of the group at risk. The
    w add up to the events d1 of the group, so by concavity the sum is at most
    d1 d0 / (d1 + d0) and the variance at least 1/d1 + 1/d0. Strata and covariates
    only raise it; robust, weighted, penalised and Peto variances may fall below.
    It holds at the estimate: limits of the profile likelihood are read by their own
    bound (:mod:`reanalysis.consistency.likelihood_bounds`).
    """
    name = "standard error against events"
    for estimate, low, high in _triples(report):
        claim = low.claim
        if claim["statistic"] != "hazard_ratio" or not _positive(estimate, low, high):
            continue
        z = normal_quantile(float(claim["conf_level"] or 0.95))
        error = (math.log(high.widest[1]) - math.log(low.widest[0])) / (2 * z)
        if error < 0:
            continue  # limits the wrong way round say nothing about the events
        events = [_events(report, claim, claim[who]) for who in ("group", "reference")]
        sizes = [report.size(claim, claim[who]) for who in ("group", "reference")]
        if all(events):
            (d1, first), (d0, second) = (pair for pair in events if pair)
            sources = [first, second]
            what = f"{d1} and {d0} events"
            certain = all(s["statistic"] == "observed_events" for s in sources)
        elif all(size is not None for size in sizes):
            # One event a patient: a ceiling, worth telling only when it is broken.
            d1, d0 = (size.n for size in sizes if size)
            sources = [report.by_id[i] for size in sizes if size for i in size.ids]
            certain = all(size.certain for size in sizes if size)
            what = f"at most {d1} and {d0} events, one a patient"
        else:
            continue
        if min(d1, d0) < 1:
            continue
        floor = math.sqrt(1 / d1 + 1 / d0)
        method = report.analysis(claim).get("method")
        paper = report.analysis(claim).get("paper", {})
        test = " ".join(
            str(text)
            for text in (
                claim["test"],
                claim["note"],
                paper.get("test", ""),
                paper.get("statement", ""),
            )
        )
        stated = "cox" in test.casefold() and not _NOT_MODEL_BASED.search(
            test + " " + str(report.study.get("design", ""))
        )
        worked = (
            f"With {what} no model-based Cox standard error is below {floor:.3f}; the "
            f"limits {named(low.claim, high.claim)} imply one of at most {error:.3f}"
        )
        numbers = {"floor": floor, "std_error": error, "events": [d1, d0]}
        if error >= floor:
            if not all(events):
                continue
            for limit in (low.claim, high.claim):
                yield finding(limit, name, "attainable", worked + ".", **numbers)
        elif _profile_error(estimate, low, high, z) >= floor:
            reason = (
                worked + ". Limits of the profile likelihood may be so close together "
                "even if Wald limits may not."
            )
            for limit in (low.claim, high.claim):
                yield finding(limit, name, "", reason, fits=True, **numbers)
        elif stated and certain and method == "cox" and not claim["note"]:
            reason = worked + ", in a plain Cox model as the paper states."
            yield from contradiction(
                [low.claim, high.claim, *sources], name, reason, **numbers
            )
        else:
            reason = (
                worked + ". A robust, weighted, penalised or Peto variance, or several "
                "events per patient, would explain it; the paper's wording does not "
                "exclude them."
            )
            for limit in (low.claim, high.claim):
                yield finding(limit, name, "", reason, fits=False, **numbers)


def _profile_error(estimate: Item | None, low: Item, high: Item, z: float) -> float:
    """Return the largest standard error of which the limits can be profile limits.

    Away from the estimate the information may exceed that at the estimate, so that
    the limits may be closer than Wald's.
    """
    a, b = (tuple(map(math.log, one.widest)) for one in (low, high))
    if estimate is None:
        # Evenly apart they need the least information at the estimate.
        both = ((b[0] - a[1]) / 2, (b[1] - a[0]) / 2)
        upper = lower = both
    else:
        e = tuple(map(math.log, estimate.widest))
        upper, lower = (b[0] - e[1], b[1] - e[0]), (e[0] - a[1], e[1] - a[0])
    if min(upper[1], lower[1]) <= 0:
        return 0.0
    found = likelihood_bounds.information_of_profile(upper, lower, z)
    return 1 / math.sqrt(found[0]) if found and found[0] > 0 else 0.0


def _events(report: Report, claim: Mapping, group: str) -> tuple[int, Mapping] | None:
    """Return the printed events of a group; counts may be of those without one."""
    without = re.search(r"surviv|free|alive|without", claim["endpoint"], re.I)
    for statistic in ("observed_events",) if without else ("observed_events", "count"):
        for other in report.beside(claim, statistic, group=group):
            number = whole(other)
            if number is not None:
                return number, other
    return None
