"""What printed words claim, as far as it can be tested."""

from __future__ import annotations

import pytest

from reanalysis.words import (
    MEANINGS,
    choice_named,
    holds,
    meaning,
    method_named,
    of_shares,
)


@pytest.mark.parametrize(
    ("printed", "field", "claimed"),
    [
        ("significantly different", "p_value", "significant"),
        ("not significant", "p_value", "not significant"),
        ("no statistically significant difference", "p_value", "not significant"),
        ("n.s.", "p_value", "not significant"),
        ("NS", "p_value", "not significant"),
        ("differed", "p_value", None),
        ("all patients", "estimate", "all"),
        ("none relapsed", "estimate", "none"),
        ("decreased", "estimate", "lower"),
        ("was higher", "estimate", "higher"),
        ("twelve", "estimate", None),
    ],
)
def test_meaning(printed, field, claimed):
    assert meaning(printed, field) == claimed
    assert claimed is None or claimed in MEANINGS


@pytest.mark.parametrize(
    ("claimed", "value", "statistic", "held"),
    [
        ("significant", 0.049, "odds_ratio", True),
        ("significant", 0.05, "odds_ratio", False),
        ("not significant", 0.05, "odds_ratio", True),
        ("higher", 1.2, "hazard_ratio", True),
        ("higher", 0.8, "hazard_ratio", False),
        ("lower", 0.8, "hazard_ratio", True),
        ("lower", 0.8, "mean_difference", False),
        ("all", 1.0, "proportion", True),
        ("none", 0.0, "proportion", True),
        ("none", 0.1, "proportion", False),
    ],
)
def test_holds(claimed, value, statistic, held):
    assert holds(claimed, value, statistic) is held


def test_names_for_readers():
    assert choice_named("exact_log_rank") == "exact log-rank"
    assert choice_named("one_minus_kaplan_meier") == "one minus Kaplan-Meier"
    assert choice_named("theil_sen_slopes") == "Theil-Sen slopes"
    assert choice_named("stated") == "as the paper states"
    assert method_named("kaplan_meier") == "Kaplan-Meier"
    assert method_named("competing_risks") == "competing risks"


def test_an_improvement_is_no_direction_and_no_change_no_share():
    # A score that improves may fall.
    assert meaning("improved", "estimate") is None
    none = meaning("did not increase", "estimate")
    assert not of_shares(none, "mean_difference")
    assert of_shares(none, "proportion")
