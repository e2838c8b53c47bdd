"""Attainable p-values against R, enumeration and closed forms; the sentences told."""

from __future__ import annotations

import math
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from reanalysis.consistency.attainable import checks, ladders
from reanalysis.consistency.attainable_laws import (
    cox_pairs_ladder,
    fisher_ladder,
    least_correlation,
    log_rank_walk,
    mann_whitney_ladder,
    mcnemar_ladder,
    sign_ladder,
    signed_rank_ladder,
    survival_ladders,
    tie_levels,
    unpaired_example,
)
from reanalysis.consistency.attainable_readings import target
from reanalysis.measurements.location import mann_whitney_test, signed_rank_test
from reanalysis.tables.two_by_two import TESTS

HOW = ("exact", "normal", "normal, corrected")


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-8)


def inside(ladder, low, high):
    return (ladder.p >= low) & (ladder.p <= high)


def splits(ladder, low, high):
    mask = inside(ladder, low, high)
    wins, losses = ladder.features["wins"][mask], ladder.features["losses"][mask]
    return set(zip(wins.tolist(), losses.tolist(), strict=True))


# Signed rank


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("alternative", ["two-sided", "one-sided"])
def test_signed_rank_ladder_is_the_enumeration_of_small_integer_differences(
    how, alternative
):
    # Four pairs, every difference from -4 to 4: each tie pattern, sign and zero occurs.
    n = 4
    options = {"exact": how == "exact", "continuity": how.endswith("corrected")}
    side = "less" if alternative == "one-sided" else "two-sided"
    seen = {
        round(
            signed_rank_test(np.array(d, float), alternative=side, **options).p_value, 9
        )
        for d in product(range(-4, 5), repeat=n)
        if any(d)
    }
    ladder = signed_rank_ladder(n, alternative, approximation=how)
    # All pairs unchanged: no p-value, listed as 1.
    listed = {round(min(p, 1.0), 9) for p in ladder.p[ladder.features["zeros"] < n]}
    assert listed == seen


def test_signed_rank_ladder_counts_each_distinct_outcome_once():
    # A pattern of ties, zeros and signs: each of m changed pairs either opens a new
    # size or joins the last; in a group of g, 0..g are positive. Generating function
    # 1/(1 - sum (g + 1) x^g) = (1 - x)^2/(1 - 4x + 2x^2) for m; sums by hand for n = 3.
    assert signed_rank_ladder(3).outcomes.sum() == 1 + 2 + 7 + 24
    assert signed_rank_ladder(3, "one-sided").outcomes.sum() == 1 + 2 + 7 + 24


def test_signed_rank_without_ties_has_the_textbook_steps():
    # R: wilcox.test(-(1:10), exact = TRUE)$p.value = 0.001953125
    values = signed_rank_ladder(10, ties=False).values()
    assert values[0] == (close(2 / 1024), 2, close(2 / 1024))
    assert values[1][0] == close(4 / 1024)
    assert sum(share for _, _, share in values) == close(1)
    assert sum(n for _, n, _ in values) == 1024


@pytest.mark.parametrize(
    ("d", "how", "alternative", "expected"),
    [
        # R: wilcox.test(c(-(2:6), 1), exact = TRUE), then exact = FALSE, correct = ...
        ([-2, -3, -4, -5, -6, 1], "exact", "two-sided", 0.0625),
        ([-2, -3, -4, -5, -6, 1], "normal", "two-sided", 0.04639946),
        ([-2, -3, -4, -5, -6, 1], "normal, corrected", "two-sided", 0.05917207),
        # R: exactRankTests::wilcox.exact, and wilcox.test(exact = FALSE, correct = FALSE)
        ([-1, -1, -2, -2, -2, -3, -3, 1, -4, 0], "exact", "two-sided", 0.015625),
        ([-1, -1, -2, -2, -2, -3, -3, 1, -4, 0], "exact", "one-sided", 0.0078125),
        ([-1, -1, -2, -2, -2, -3, -3, 1, -4, 0], "normal", "two-sided", 0.01436381),
        # R: wilcox.test(rep(-1, 10), exact = FALSE, correct = FALSE)
        ([-1] * 10, "normal", "two-sided", 0.001565402),
    ],
)
def test_signed_rank_ladder_holds_what_r_gives(d, how, alternative, expected):
    d = np.array(d)
    ladder = signed_rank_ladder(d.size, alternative, approximation=how)
    at = np.abs(ladder.p - expected) < 5e-9
    assert at.any()
    looks = ladder.features
    against, zeros = (d > 0).sum(), (d == 0).sum()
    assert ((looks["against"] == against) & (looks["zeros"] == zeros))[at].any()


@pytest.mark.parametrize("how", HOW)
def test_ten_pairs_give_0_002_two_sided_only_if_all_go_one_way(how):
    # Whatever the ties and zeros: all tie patterns of ten pairs are listed.
    assert tie_levels(10) == 10
    ladder = signed_rank_ladder(10, approximation=how)
    mask = inside(ladder, 0.0015, 0.0025)
    assert mask.any()
    assert ladder.features["against"][mask].max() == 0
    assert ladder.features["zeros"][mask].max() == 0


def test_ten_pairs_give_0_002_by_integer_differences_as_enumerated():
    # The same by brute force over a part of it: nine or ten changes of -1 to -3 with
    # the rest 0 or 1; the normal approximation needs many ties.
    for rest in ([], [0], [1]):
        for cuts in combinations(range(12 - len(rest)), 2):
            edges = (-1, *cuts, 12 - len(rest))
            sizes = [b - a - 1 for a, b in pairwise(edges)]
            d = np.array([*np.repeat([-1, -2, -3], sizes), *rest], dtype=float)
            for exact in (True, False):
                p = signed_rank_test(d, exact=exact).p_value
                if 0.0015 <= p <= 0.0025:
                    assert rest == []


def test_one_sided_ten_pairs_give_0_002_with_nine_down():
    ladder = signed_rank_ladder(10, "one-sided")
    mask = inside(ladder, 0.0015, 0.0025)
    kinds = set(
        zip(
            ladder.features["against"][mask],
            ladder.features["zeros"][mask],
            strict=True,
        )
    )
    assert kinds == {(0, 1), (1, 0)}  # 1/512 and 2/1024


@pytest.mark.parametrize(("n", "least"), [(5, 0.0625), (6, 0.03125), (9, 2 / 512)])
def test_smallest_two_sided_signed_rank_p_is_a_power_of_a_half(n, least):
    assert signed_rank_ladder(n).p.min() == least
    assert sign_ladder(n).p.min() == least


# Pairs


@pytest.mark.parametrize(
    ("wins", "losses", "wald", "score", "ratio"),
    [
        # R: summary(coxph(Surv(time, event) ~ group + strata(pair))), k pairs w:l
        (9, 1, 0.03711741281, 0.01141203639, 0.00666431790),
        (8, 2, 0.07950951834, 0.05777957112, 0.04960102722),
        (11, 1, 0.021686751097, 0.003892417123, 0.001791794993),
    ],
)
def test_cox_by_pair_is_that_of_r(wins, losses, wald, score, ratio):
    for name, expected in (
        ("Wald", wald),
        ("score", score),
        ("likelihood ratio", ratio),
    ):
        ladder = cox_pairs_ladder(12, statistic=name)
        looks = ladder.features
        at = (looks["wins"] == wins) & (looks["losses"] == losses)
        assert ladder.p[at] == close(expected)


def test_tied_pairs_are_one_win_and_one_loss_as_in_r():
    # R: coxph with strata, eight pairs one way and two tied, by Breslow = by Efron:
    # 0.03773004963 (Wald), 0.02092133534 (score), 0.01582636880 (likelihood ratio)
    for name, expected in (
        ("Wald", 0.03773004963),
        ("score", 0.02092133534),
        ("likelihood ratio", 0.01582636880),
    ):
        ladder = cox_pairs_ladder(10, statistic=name, tied=2)
        at = (ladder.features["wins"] == 8) & (ladder.features["losses"] == 0)
        assert ladder.p[at] == close(expected)


def test_which_pairs_reach_0_02_by_a_stratified_cox_model():
    found = {
        name: splits(cox_pairs_ladder(12, statistic=name), 0.015, 0.025)
        for name in ("Wald", "score", "likelihood ratio")
    }
    # Closed forms: log(w/l)/sqrt(1/w + 1/l), (w - l)/sqrt(k), 2 sum of w log(2w/k).
    assert found == {
        "Wald": {(11, 1)},
        "score": {(8, 1), (10, 2)},
        "likelihood ratio": {(7, 1), (4, 0), (10, 2)},
    }
    for name, pairs in found.items():
        assert not any(w + losses == 10 for w, losses in pairs), name


def test_an_infinite_wald_statistic_has_no_small_p():
    ladder = cox_pairs_ladder(30)
    assert (ladder.p[ladder.features["losses"] == 0] == 1).all()


def test_mcnemar_steps():
    # R: mcnemar.test(matrix(c(0, 7, 1, 0), 2))$p.value = 0.0770998717 (corrected);
    # exact: binom.test(1, 8)$p.value = 0.0703125
    for variant, expected in (("corrected", 0.0770998717435), ("exact", 0.0703125)):
        ladder = mcnemar_ladder(9, variant=variant)
        at = (ladder.features["wins"] == 7) & (ladder.features["losses"] == 1)
        assert ladder.p[at] == close(expected)
    assert mcnemar_ladder(9, "one-sided").p.min() == 2.0**-9


# Two groups


@pytest.mark.parametrize("how", HOW)
def test_mann_whitney_ladder_is_the_enumeration(how):
    # Two against three, all values 0 to 4: every tie pattern occurs.
    options = {"exact": how == "exact", "continuity": how.endswith("corrected")}
    seen = {
        round(mann_whitney_test(np.array(v[:2]), np.array(v[2:]), **options).p_value, 9)
        for v in product(range(5), repeat=5)
    }
    ladder = mann_whitney_ladder(2, 3, ties=True, approximation=how)
    assert {round(p, 9) for p in ladder.p} == seen


def test_three_against_six_give_0_0238_by_complete_separation():
    # R: wilcox.test(1:3, 4:9)$p.value = 0.02380952
    values = mann_whitney_ladder(3, 6).values()
    assert values[0] == (close(2 / 84), 2, close(2 / 84))
    ladder = mann_whitney_ladder(3, 6)
    assert ladder.features["u"][inside(ladder, 0.02375, 0.02385)].tolist() == [0, 0]
    assert mann_whitney_ladder(3, 6, "one-sided").p.min() == close(1 / 84)


def test_mann_whitney_with_ties_holds_what_r_gives():
    # R: exactRankTests::wilcox.exact(c(1,2,2), c(2,3,3,3,4,5))$p.value = 0.07142857
    ladder = mann_whitney_ladder(3, 6, ties=True)
    u = 1.0  # two ties across the groups, half each
    at = (ladder.features["u"] == u) & (np.abs(ladder.p - 6 / 84) < 1e-9)
    assert at.any()


def test_unpaired_example_is_what_it_says():
    j, p = unpaired_example(10, 0.0015, 0.0025)
    assert j == 6
    assert 0.0015 <= p <= 0.0025
    # One of its patterns: six fall from 3 to 1; found again by the test itself.
    assert unpaired_example(3, 1e-9, 1e-8) is None


def test_fisher_ladder_is_the_test_of_every_table():
    for name, variant in (
        ("fisher", "Fisher"),
        ("fisher-doubled", "Fisher, doubled"),
        ("fisher-midp", "Fisher, mid-P"),
    ):
        ladder = fisher_ladder(4, 6, variant=variant)
        for x1, x2, p in zip(
            ladder.features["x1"], ladder.features["x2"], ladder.p, strict=True
        ):
            expected = TESTS[name](int(x1), 4, int(x2), 6).p_value
            assert p == pytest.approx(expected, abs=1e-9)
    # R: fisher.test = 0.130013691, chisq.test = 0.13252914 for 2/21 against 7/21
    for variant, expected in (
        ("Fisher", 0.130013691),
        ("chi-square, Yates", 0.13252914),
    ):
        ladder = fisher_ladder(21, 21, variant=variant)
        at = (ladder.features["x1"] == 2) & (ladder.features["x2"] == 7)
        assert ladder.p[at] == pytest.approx(expected, abs=5e-9)


# Survival


def test_log_rank_and_cox_of_all_orders():
    found = survival_ladders(3, 3, censored=True, cox=True)
    assert all(ladder.whole for ladder in found.values())
    assert found["log-rank"].p.size == math.comb(6, 3) * 2**6
    # R: t = 1:6, g = 1 1 0 1 0 0, event = 1 0 1 1 1 1; coxph and survdiff
    for name, expected in (
        ("unmatched Cox, Wald", 0.2890667327),
        ("log-rank", 0.2590766607),
        ("unmatched Cox, likelihood ratio", 0.2714570676),
    ):
        ladder = found[name]
        at = (ladder.features["events1"] == 2) & (ladder.features["events2"] == 3)
        assert np.abs(ladder.p[at] - expected).min() < 1e-8


def test_sampled_orders_are_said_to_be_sampled_and_repeat():
    one = survival_ladders(8, 12)["log-rank"]
    two = survival_ladders(8, 12)["log-rank"]
    assert not one.whole
    assert (one.p == two.p).all()


def test_walk_starts_at_the_smallest_log_rank_p():
    whole = survival_ladders(3, 4)["log-rank"]
    p, least = log_rank_walk(3, 4)
    assert least == close(whole.p.min())
    assert set(np.round(p, 9)) <= set(np.round(whole.p, 9))


def test_least_correlation():
    # The t test inverted; r = 0.811 for n = 6 at 0.05 in the printed tables.
    assert least_correlation(6, 0.05) == pytest.approx(0.8114, abs=5e-5)
    # R: cor.test(1:6, c(1,3,2,5,4,6))$p.value = 0.01884548105, r = 31/35
    assert least_correlation(6, 0.01884548105) == close(31 / 35)


# What is told


CLAIM = {
    "claim_id": "c1",
    "analysis": "a",
    "population": "all",
    "endpoint": "relapses",
    "timepoint": "",
    "group": "",
    "reference": "",
    "statistic": "median_difference",
    "field": "p_value",
    "printed": "P = 0.002",
    "value": "0.002",
    "relation": "=",
    "unit": "",
    "test": "",
    "alternative": "",
    "role": "check",
}


def claim(**changes):
    return {**CLAIM, **changes}


def words(text):
    return claim(printed=text, value="", relation="words")


def study(
    *claims, n=10, method="wilcoxon", columns=None, groups=(), unit="relapses", **paper
):
    columns = columns or {"id": "patient", "before": "b", "after": "f"}
    return {
        "id": "s",
        "populations": {"all": {"label": "Children", "n": n}},
        "datasets": {"d": {"columns": {"b": {"role": "before", "unit": unit}}}},
        "analyses": {
            "a": {
                "method": method,
                "dataset": "d",
                "population": "all",
                "paper": paper,
                "options": {},
                "columns": columns,
                "groups": list(groups),
                "samples": [],
                "awaited": True,
            }
        },
        "claims": list(claims),
    }


def only(a_study):
    (found,) = checks(a_study)
    return found


def test_all_ten_must_have_had_fewer():
    said = claim(
        claim_id="c2", field="estimate", printed="reduced", value="", relation="words"
    )
    found = only(study(CLAIM, said, test="Wilcoxon's test", alternative="not stated"))
    assert found.outcome == "attainable"
    assert "only when all ten children had fewer relapses" in found.reason
    assert "2 of 1,024" in found.reason
    assert "its sidedness not stated" in found.reason
    assert "one-sided exact signed-rank test, when the pairs went 9 one way" in (
        found.reason
    )
    assert "ignores the pairs asks for less: for example six changed" in found.reason


def test_five_pairs_cannot_be_significant():
    found = only(study(words("significant reductions"), n=5, unit="cells/uL"))
    assert found.outcome == "attainable"  # by an approximation, or another test
    assert "no two-sided exact signed-rank test can be below 0.05" in found.reason
    assert "the smallest p is 0.0625" in found.reason
    assert "A t test or a model" in found.reason


def test_an_approximation_is_named_with_the_exact_p_of_the_same_outcomes():
    found = only(study(claim(printed="P = 0.046", value="0.046"), n=6, unit="g/day"))
    assert "nearest attainable values are 0.0312 and 0.0625" in found.reason
    assert (
        "two-sided normal-approximation signed-rank test, when the pairs went 5 one "
        "way and 1 the other (smaller rank sum 1) (p 0.0464; the exact p of this is "
        "0.0625)"
    ) in found.reason


def test_not_significant_says_little():
    found = only(study(words("NS"), n=6))
    assert found.outcome == "attainable"
    assert "97% of the equally likely outcomes" in found.reason
    assert "one pair lost or unchanged the smallest two-sided exact p is 0.0625" in (
        found.reason
    )


GROUPED = {
    "columns": {"value": "v", "group": "g"},
    "groups": ("remission", "no remission"),
}


def sizes(n1, n2):
    common = {"field": "estimate", "statistic": "n", "printed": "n", "relation": "="}
    return [
        claim(claim_id="g1", group="remission", value=str(n1), **common),
        claim(claim_id="g2", group="no remission", value=str(n2), **common),
    ]


def test_complete_separation_with_the_order_of_the_printed_medians():
    grouped = {"group": "remission", "reference": "no remission"}
    medians = [
        claim(
            claim_id=g,
            group=g,
            field="estimate",
            statistic="median",
            printed=v,
            value=v,
        )
        for g, v in (("remission", "2.55"), ("no remission", "8.74"))
    ]
    found = only(
        study(
            claim(printed="p = 0.0238", value="0.0238", **grouped),
            *sizes(3, 6),
            *medians,
            n=9,
            **GROUPED,
        )
    )
    assert found.outcome == "attainable"
    assert (
        "there is complete separation of 3 and 6 (every remission value lower than "
        "every no remission value"
    ) in found.reason
    assert "2 of 84" in found.reason
    assert found.details["claims"] == ["g1", "g2"]


def test_groups_named_by_an_outcome_get_their_sizes_from_it():
    outcome = {"analysis": "remission", "field": "estimate", "relation": "="}
    counts = [
        claim(claim_id="k", statistic="count", printed="3", value="3", **outcome),
        claim(claim_id="n", statistic="n", printed="9", value="9", **outcome),
    ]
    found = only(study(claim(printed="0.0238", value="0.0238"), *counts, **GROUPED))
    assert found.reason.startswith("Read with 3 remission against 6 no remission")


def test_disputed_group_sizes_give_no_row():
    other = claim(
        claim_id="g3",
        group="remission",
        field="estimate",
        statistic="n",
        printed="4",
        value="4",
    )
    assert checks(study(CLAIM, *sizes(3, 6), other, **GROUPED)) == []


PAIRED_COX = {
    "method": "cox",
    "columns": {"time": "t", "event": "e", "group": "g", "pair": "p"},
    "groups": ("after", "before"),
}


def test_stratified_cox_on_ten_pairs_does_not_give_0_02():
    found = only(study(claim(printed="P = 0.02", value="0.02"), **PAIRED_COX))
    assert found.outcome == "attainable"  # fewer informative pairs, or unmatched
    for part in (
        "P = 0.02 is not reachable by a two-sided Cox model stratified by pair on ten "
        "complete untied pairs, by Wald, score or likelihood ratio",
        "Wald 0.0371 (9:1)",
        "score 0.0114 (9:1) and 0.0578 (8:2)",
        "8:1 (score, 0.0196), 7:1 (likelihood ratio, 0.0245) and 4:0 (likelihood "
        "ratio, 0.0185)",
        "Wald needs 12 pairs (11:1, 0.0217)",
        "9:1 (Wald, 0.0186) or 8:2 (likelihood ratio, 0.0248)",
        "exact sign test gives it at 9:1",
        "ignores the pairs",
    ):
        assert part in found.reason


def test_wald_on_six_pairs_can_never_be_significant():
    found = only(study(words("no benefit, not significant"), n=6, **PAIRED_COX))
    assert "By Wald no result of six such pairs could have been significant" in (
        found.reason
    )


STATED = {"test": "exact Wilcoxon signed-rank test", "alternative": "two-sided"}
PRINTED_N = claim(
    claim_id="n", field="estimate", statistic="n", printed="n = 5", value="5"
)


def test_impossible_needs_test_sidedness_and_n_stated():
    below = claim(printed="P = 0.001", value="0.001")
    # Five pairs: every exact two-sided p is a multiple of 2/32, whatever the ties.
    found = only(study(below, PRINTED_N, n=5, **STATED))
    assert found.outcome == "impossible"
    assert "c1 ('P = 0.001') cannot hold together with n ('n = 5')" in found.reason
    for missing in (
        study(below, n=5, **STATED),
        study(below, PRINTED_N, n=5, test="exact Wilcoxon signed-rank test"),
        study(below, PRINTED_N, n=5, alternative="two-sided"),
        study(below, PRINTED_N, n=5, **{**STATED, "test": "Wilcoxon"}),
        # A mid-p has half steps, a simulated p any.
        study(below, PRINTED_N, n=5, **{**STATED, "test": STATED["test"] + ", mid-P"}),
        study(
            below,
            PRINTED_N,
            n=5,
            **{**STATED, "test": STATED["test"] + ", Monte Carlo"},
        ),
    ):
        found = only(missing)
        assert found.outcome == ""
        assert "No reading tried" in found.reason


@pytest.mark.parametrize("side", ["two-sided", "less", "greater"])
def test_a_correct_exact_report_is_never_impossible(side):
    rng = np.random.default_rng(11)
    for _ in range(12):
        n = int(rng.integers(3, 9))
        d = rng.integers(-3, 4, n).astype(float)
        d[0] = 1
        p = signed_rank_test(
            d, alternative=side, zeros=str(rng.choice(["wilcox", "pratt"]))
        ).p_value
        x1, n1, x2, n2 = 1, n, int(rng.integers(0, 5)), 4
        fisher = TESTS["fisher"](x1, n1, x2, n2, side).p_value
        table = {**GROUPED, "method": "tables"}
        for value, extra, named, more in (
            (p, [{**PRINTED_N, "value": f"{n}"}], "exact Wilcoxon test", {}),
            (fisher, sizes(n1, n2), "Fisher's exact test", table),
        ):
            text = f"{value:.3f}"
            found = checks(
                study(
                    claim(printed=text, value=text),
                    *extra,
                    n=n,
                    test=named,
                    alternative=side,
                    **more,
                )
            )
            # Pratt's zeros give values that the list without them need not hold.
            assert [check.outcome for check in found] in (["attainable"], [""])
            assert named.startswith("exact") or found[0].outcome == "attainable"


def test_a_table_that_cannot_be_is_impossible_by_fisher():
    # Tables of 2 against 2: Fisher 1/3 and 1 (mid-P 1/6, 1/2, 2/3), chi-square 0.0455,
    # 0.2482 and 1 (Yates 0.3173), one-sided tails 1/12 to 1/2 and their complements
    # 3/4 to 1. 0.60 is none of them, rounded or cut off.
    p = claim(printed="P = 0.60", value="0.60")
    stated = {"n": 4, "test": "Fisher's exact test", "alternative": "two-sided"}
    table = {**GROUPED, "method": "tables"}
    found = only(study(p, *sizes(2, 2), **stated, **table))
    assert found.outcome == "impossible"
    assert "cannot hold together with g1 ('n') and g2 ('n')" in found.reason
    # Sizes printed for another endpoint may not be those of this one.
    others = [{**size, "endpoint": "deaths"} for size in sizes(2, 2)]
    assert only(study(p, *others, **stated, **table)).outcome == ""


def test_digits_that_were_cut_off_are_not_impossible():
    # 0.03125 cut to 0.031 is also its rounding; 0.0625 cut to two digits is 0.06, and
    # 0.046875 = 3/64 rounds to 0.05 but is cut to 0.04.
    cut = claim(printed="P = 0.031", value="0.031")
    found = only(study(cut, {**PRINTED_N, "value": "6"}, n=6, **STATED))
    assert found.outcome == "attainable"


def test_rows_at_hand_and_unusable_words_give_no_row():
    at_hand = study(CLAIM)
    at_hand["analyses"]["a"]["awaited"] = False
    assert checks(at_hand) == []
    assert checks(study(words("P values are in the table"))) == []
    assert checks(study(CLAIM, test="paired t test")) == []
    assert checks(study(CLAIM, n=None)) == []
    assert checks(study(CLAIM, n=1)) == []
    assert checks(study(CLAIM, n=500)) == []


def test_single_asterisk_lies_between_the_two():
    one = target(claim(printed="*P < 0.05", value="0.05", relation="<"))
    assert one.holds(np.array([0.009, 0.01, 0.049, 0.05])).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_ladders_for_a_figure():
    found = ladders(study(CLAIM, n=6), CLAIM)
    assert found[0].label == "two-sided exact signed-rank test"
    assert found[0].ladder.values()[0][0] == 0.03125
    assert len(ladders(study(CLAIM, **PAIRED_COX), CLAIM)) == 3


def test_log_rank_of_two_groups():
    survival = {
        "method": "log_rank",
        "columns": {"time": "t", "event": "e", "group": "g"},
        "groups": ("remission", "no remission"),
    }
    found = only(
        study(claim(printed="P = 0.15", value="0.15"), *sizes(4, 5), n=9, **survival)
    )
    assert found.outcome == "attainable"
    assert "smallest log-rank p" in found.reason
    assert "its sidedness not stated" in found.reason
    # A one-sided p in the direction found is half the two-sided one.
    two, one = found.details["readings"][0], found.details["readings"][-1]
    assert one["reading"].startswith("one-sided")
    assert one["smallest"] == pytest.approx(two["smallest"] / 2)
    assert "One-sided" in found.reason
    # Four against five can give nothing near 1e-9.
    found = only(
        study(claim(printed="P = 1e-9", value="1e-9"), *sizes(4, 5), n=9, **survival)
    )
    assert found.outcome == ""
