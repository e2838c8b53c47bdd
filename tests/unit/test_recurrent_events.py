"""Recurrent events against R (survival 3.5-3), enumeration and hand computation."""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies

from reanalysis.errors import MethodError
from reanalysis.events import mean_cumulative as mcf
from reanalysis.events.mean_cumulative import mean_cumulative
from reanalysis.events.recurrent_models import fit_recurrent, spells
from reanalysis.methods import recurrent_events
from reanalysis.results import Estimate
from reanalysis.sample import Sample
from reanalysis.survival.risk_sets import FollowUp

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "model": "andersen-gill",
    "ties": "efron",
    "variance": "robust",
    "test": "wald",
    "small_sample": "none",
    "interval": "log",
    "alternative": "two-sided",
    "conf_level": 0.95,
    "seed": 1,
}
GROUPS = ("rIFN-g", "placebo")


def close(value, rel=1e-6):
    return pytest.approx(value, rel=rel, abs=1e-12)


@cache
def cgd(last: int = 1000) -> pd.DataFrame:
    """The infections of chronic granulomatous disease, patients up to ``last``."""
    rows = pd.read_csv(ROOT / "data/cgd1991_ifngamma/intervals.csv")
    names = {
        "tstart_days": "start",
        "tstop_days": "stop",
        "infection": "event",
        "treatment": "group",
    }
    rows = rows.rename(columns=names)
    kept = rows["id"] <= last
    return rows.loc[kept, ["id", "start", "stop", "event", "group"]].reset_index()


def sample(rows: pd.DataFrame, groups=GROUPS, **options) -> Sample:
    return Sample(
        kind="individual",
        rows=rows.reset_index(drop=True),
        groups=tuple(groups),
        reference=groups[-1] if len(groups) > 1 else "",
        options=options,
        time_unit="days",
    )


def made(patients: dict[str, list], group: dict[str, str] | None = None) -> Sample:
    """Patients as a list of event times and the end of follow-up, last."""
    rows = []
    for name, times in patients.items():
        start = 0.0
        for i, stop in enumerate(times):
            if stop > start:
                rows.append((name, start, float(stop), int(i < len(times) - 1)))
            start = float(stop)
    frame = pd.DataFrame(rows, columns=["id", "start", "stop", "event"])
    if group is None:
        return sample(frame, groups=())
    frame["group"] = frame["id"].map(group)
    return sample(frame, groups=("new", "old"))


def follow(part: pd.DataFrame) -> FollowUp:
    return FollowUp(
        part["stop"].to_numpy(float),
        part["event"].to_numpy() == 1,
        part["start"].to_numpy(float),
        pd.factorize(part["id"])[0],
    )


def only(rows, statistic, **where) -> Estimate:
    found = [
        r
        for r in rows
        if r.statistic == statistic
        and all(getattr(r, name) == value for name, value in where.items())
    ]
    assert len(found) == 1, (statistic, where, len(found))
    return found[0]


@pytest.mark.parametrize(
    ("group", "last", "expected"),
    [
        # R: survfit(Surv(tstart, tstop, status) ~ 1, id = id): time, n.risk, cumhaz,
        # std.chaz (robust by patient)
        (
            "rIFN-g",
            1000,
            [
                (274, 40, 0.279480206623396, 0.0730211274391464),
                (337, 19, 0.332111785570764, 0.1029104766327787),
                (361, 12, 0.415445118904098, 0.1391252107036121),
                (373, 7, 0.701159404618383, 0.2283739435061857),
            ],
        ),
        (
            "placebo",
            1000,
            [
                (322, 19, 1.11682446065834, 0.208008556586682),
                (370, 4, 1.51265779399167, 0.312249878979325),
            ],
        ),
        (
            "placebo",
            18,
            [
                (8, 9, 0.111111111111, 0.104756560176),
                (152, 8, 0.569444444444, 0.333072010477),
                (294, 8, 1.819444444444, 0.593511927941),
                (350, 7, 2.337301587302, 0.799757797145),
                (370, 3, 2.670634920635, 0.722112698449),
            ],
        ),
    ],
)
def test_mean_cumulative_function_against_r(group, last, expected):
    rows = cgd(last)
    curve = mean_cumulative(follow(rows[rows["group"] == group]))
    for time, at_risk, mean, error in expected:
        k = curve.at(time)
        assert curve.times[k] == time
        assert curve.at_risk[k] == at_risk
        assert (curve.mean[k], curve.std_error[k]) == close((mean, error), 1e-10)


def test_mean_cumulative_function_by_hand():
    # Two patients to 10 with events at 2, 4 and at 4; a third censored at 3.
    rows = made({"a": [2, 4, 10], "b": [4, 10], "c": [3]}).rows
    curve = mean_cumulative(follow(rows))
    assert list(curve.times) == [2, 4]
    assert list(curve.at_risk) == [3, 2]
    assert list(curve.events) == [1, 2]
    assert curve.mean == close([1 / 3, 4 / 3])
    # Contributions: a (2/3)/3; b and c -(1/3)/3; at 4 both add (1 - 1)/2 = 0.
    assert curve.std_error == close([math.sqrt(6) / 9] * 2)
    assert curve.poisson_error == close([1 / 3, math.sqrt(1 / 9 + 2 / 4)])


@settings(max_examples=30, deadline=None)
@given(
    strategies.lists(
        strategies.lists(strategies.integers(1, 99), unique=True, max_size=5),
        min_size=2,
        max_size=8,
    )
)
def test_with_full_follow_up_it_is_the_mean_of_the_counts(patients):
    data = {str(i): [*sorted(times), 100] for i, times in enumerate(patients)}
    curve = mean_cumulative(follow(made(data).rows))
    counts = np.array([len(times) for times in patients])
    if counts.any():
        assert curve.mean[-1] == close(counts.mean())
        assert curve.std_error[-1] == close(counts.std() / math.sqrt(counts.size))
        # and the small-sample interval that of Student for a mean.
        low, high = mcf.limits(
            counts.mean(), counts.std() / math.sqrt(counts.size), counts.size,
            scale="plain", small_sample=True,
        )  # fmt: skip
        if counts.std():
            half = (high - max(2 * counts.mean() - high, -1e9)) / 2
            from scipy.stats import t

            error = counts.std(ddof=1) / math.sqrt(counts.size)
            assert half == close(t.ppf(0.975, counts.size - 1) * error)
            assert low >= 0


def test_intervals_by_hand():
    z = 1.959963984540054
    low, high = mcf.limits(2.0, 0.5, 10)
    assert (low, high) == close((2 * math.exp(-z / 4), 2 * math.exp(z / 4)))
    assert mcf.limits(2.0, 0.5, 10, scale="plain") == close((2 - z / 2, 2 + z / 2))
    assert mcf.limits(0.5, 0.5, 10, scale="plain")[0] == 0
    for mean, error in ((0.0, 0.0), (1.0, 0.0)):
        assert np.isnan(mcf.limits(mean, error, 10)).all()
    assert np.isnan(mcf.limits(1.0, 0.5, 1, small_sample=True)).all()


R_MODELS = [
    # R: coxph(Surv(start, stop, event) ~ t [+ strata(number)], cluster = id, ties =),
    # coxph.control(eps = 1e-14): coefficient, robust and model-based standard error
    (1000, "andersen-gill", "efron", -1.09528673526184, 0.311936577081626, 0.261014320531363),
    (1000, "pwp-total", "efron", -0.860142142415568, 0.291904274609749, 0.280170768051852),
    (1000, "pwp-gap", "efron", -0.875960951471582, 0.280946453145624, 0.278212224730064),
    (1000, "andersen-gill", "breslow", -1.09708098543257, 0.311157842660007, 0.261069060673134),
    (1000, "pwp-total", "breslow", -0.859386561934086, 0.291999833397218, 0.280212334886818),
    (1000, "pwp-gap", "breslow", -0.875926955921521, 0.280889827068922, 0.278211896518593),
    (18, "andersen-gill", "efron", -1.35388231826, 0.609299087798, 0.466575952341),
    (18, "pwp-total", "efron", -1.37564213339, 0.654850659084, 0.585787854109),
    (18, "pwp-gap", "efron", -1.28675269035, 0.615048592186, 0.589234387662),
    (18, "andersen-gill", "breslow", -1.3636105507, 0.605366511092, 0.46677729229),
]  # fmt: skip


@pytest.mark.parametrize(("last", "model", "ties", "b", "robust", "naive"), R_MODELS)
def test_models_against_r(last, model, ties, b, robust, naive):
    rows = cgd(last)
    intervals = spells(
        rows["start"].to_numpy(float), rows["stop"].to_numpy(float),
        rows["event"].to_numpy() == 1, pd.factorize(rows["id"])[0],
    )  # fmt: skip
    x = (rows["group"] == "rIFN-g").to_numpy(float)[:, None]
    fit = fit_recurrent(x, intervals, model, ties=ties)
    assert fit.fit.coefficient[0] == close(b, 1e-9)
    assert math.sqrt(fit.robust[0, 0]) == close(robust, 1e-9)
    assert math.sqrt(fit.fit.covariance[0, 0]) == close(naive, 1e-9)
    found = recurrent_events.estimate(
        sample(rows), {**SETTINGS, "model": model, "ties": ties}
    )
    row = only(found, "hazard_ratio")
    assert row.estimate == close(math.exp(b))
    z = 1.959963984540054
    assert (row.conf_low, row.conf_high) == close(
        (math.exp(b - z * robust), math.exp(b + z * robust))
    )
    assert row.test == "Wald, robust"
    assert row.interval_method == "Wald, log scale, robust"
    assert only(found, "hazard_reduction").estimate == close(1 - math.exp(b))


def test_the_order_of_rows_does_not_matter():
    rows = cgd(18)
    shuffled = rows.sample(frac=1, random_state=3)
    for model in ("andersen-gill", "pwp-total", "pwp-gap"):
        chosen = {**SETTINGS, "model": model}
        first = recurrent_events.estimate(sample(rows), chosen)
        second = recurrent_events.estimate(sample(shuffled), chosen)
        for a, b in zip(first, second, strict=True):
            assert (a.statistic, a.estimate, a.p_value) == (
                b.statistic,
                close(b.estimate) if b.estimate == b.estimate else pytest.approx(
                    math.nan, nan_ok=True
                ),
                close(b.p_value) if b.p_value == b.p_value else pytest.approx(
                    math.nan, nan_ok=True
                ),
            )  # fmt: skip


def test_rows_split_without_an_event_change_nothing():
    rows = cgd(18)
    cut = rows[rows["stop"] - rows["start"] > 20]
    early = cut.assign(stop=cut["start"] + 10, event=0)
    late = cut.assign(start=cut["start"] + 10)
    split = pd.concat([rows[rows["stop"] - rows["start"] <= 20], early, late])
    for model in ("andersen-gill", "pwp-total", "pwp-gap"):
        chosen = {**SETTINGS, "model": model}
        first = recurrent_events.estimate(sample(rows), chosen)
        second = recurrent_events.estimate(sample(split), chosen)
        for statistic in ("hazard_ratio", "rate_ratio"):
            a, b = only(first, statistic), only(second, statistic)
            assert (a.estimate, a.std_error, a.p_value) == close(
                (b.estimate, b.std_error, b.p_value)
            )


def test_proportional_means_are_andersen_gill_with_breslow_ties():
    rows = sample(cgd())
    found = recurrent_events.estimate(rows, SETTINGS)
    breslow = recurrent_events.estimate(rows, {**SETTINGS, "ties": "breslow"})
    means = only(found, "rate_ratio")
    assert "Lin, Wei, Yang and Ying" in means.note
    assert means.estimate == close(only(breslow, "hazard_ratio").estimate, 1e-12)
    assert means.p_value == close(only(breslow, "hazard_ratio").p_value, 1e-12)


def test_small_sample_interval_by_hand():
    from scipy.stats import t

    found = recurrent_events.estimate(
        sample(cgd(18)), {**SETTINGS, "small_sample": "t"}
    )
    row = only(found, "hazard_ratio")
    # K / (K - 2) and t with K - 2 = 16 degrees of freedom on the error from R.
    error = 0.609299087798 * math.sqrt(18 / 16)
    assert (row.std_error, row.df) == close((error, 16))
    reach = t.ppf(0.975, 16) * error
    assert row.conf_high == close(math.exp(-1.35388231826 + reach))
    assert row.p_value == close(2 * t.sf(1.35388231826 / error, 16))


def test_means_at_times_and_their_difference():
    found = recurrent_events.estimate(sample(cgd(), times=[365]), SETTINGS)
    rows = {
        group: only(found, "mean_cumulative_count", group=group, timepoint=365.0)
        for group in GROUPS
    }
    # R as above: cumhaz and std.chaz at the last event up to day 365.
    assert rows["rIFN-g"].estimate == close(0.415445118904098)
    assert rows["placebo"].estimate == close(1.26265779399167)
    difference = only(found, "mean_cumulative_difference", timepoint=365.0)
    error = math.hypot(0.1391252107036121, 0.251838478683642)
    assert difference.estimate == close(0.415445118904098 - 1.26265779399167)
    assert difference.std_error == close(error)
    late = recurrent_events.estimate(sample(cgd(), times=[500]), SETTINGS)
    row = only(late, "mean_cumulative_count", group="placebo", timepoint=500.0)
    assert math.isnan(row.estimate)
    assert "beyond 439" in row.note


def test_permutation_by_enumeration():
    patients = {
        "a": [1, 3, 10], "b": [10], "c": [9.5], "d": [2, 3, 4, 10],
        "e": [1, 5, 6, 9], "f": [2, 8], "g": [7, 10],
    }  # fmt: skip
    group = dict.fromkeys("abc", "new") | dict.fromkeys("defg", "old")
    data = made(patients, group)
    chosen = {**SETTINGS, "test": "permutation"}
    row = only(recurrent_events.estimate(data, chosen), "hazard_ratio")
    # Events seen less events expected of each patient, by hand over all times.
    events = sorted({t for times in patients.values() for t in times[:-1]})
    score = dict.fromkeys(patients, 0.0)
    for t in events:
        risk = [p for p, times in patients.items() if times[-1] >= t]
        died = [p for p, times in patients.items() if t in times[:-1]]
        for p in risk:
            score[p] += (p in died) - len(died) / len(risk)
    seen = abs(sum(score[p] for p in "abc"))
    sums = [abs(sum(score[p] for p in c)) for c in combinations(patients, 3)]
    expected = sum(s >= seen - 1e-9 for s in sums) / len(sums)
    assert row.test == "exact permutation of patients"
    assert row.p_value == close(expected)
    assert 1 / 35 <= row.p_value < 1


@pytest.mark.parametrize("small", ["none", "t"])
@pytest.mark.parametrize("model", ["andersen-gill", "pwp-total", "pwp-gap"])
@pytest.mark.parametrize(
    ("patients", "new"),
    [
        ({"a": [5], "b": [4], "c": [3]}, "a"),  # no event at all
        ({"a": [5], "b": [2, 4], "c": [1, 3]}, "a"),  # none in one group
        ({"a": [1, 2, 5], "b": [4], "c": [3]}, "a"),  # none in the other
        ({"a": [2, 5], "b": [2, 5], "c": [2, 5]}, "a"),  # identical times
        ({"a": [5, 5], "b": [5], "c": [5]}, "a"),  # event and censoring tied
        ({"a": [2, 5], "b": [3, 5]}, "a"),  # two patients
        ({"a": [2, 5], "b": [9]}, "a"),  # one event
    ],
)
def test_awkward_data_give_a_word_instead_of_nonsense(patients, new, model, small):
    group = {name: "new" if name in new else "old" for name in patients}
    chosen = {**SETTINGS, "model": model, "small_sample": small}
    rows = recurrent_events.estimate(made(patients, group), chosen)
    row = only(rows, "hazard_ratio")
    if not math.isfinite(row.estimate) or row.estimate == 0:
        assert row.note.count(".") > 1
        assert math.isnan(row.conf_low)
    for found in rows:
        if math.isnan(found.estimate) and math.isnan(found.p_value):
            assert found.note
        assert not found.p_value < 0.05 or found.test.startswith("Wald, robust")
        if math.isfinite(found.conf_high):
            assert found.interval_method
            assert found.conf_low <= found.conf_high
    recurrent_events.figure_data(made(patients, group), chosen)


def test_what_cannot_be_served_is_said():
    rows = cgd(18)
    summary = Sample(kind="summary", rows=rows)
    one = rows.drop(columns="id")
    twice = rows.copy()
    twice.loc[0, "group"] = "placebo"
    overlap = rows.copy()
    overlap.loc[1, "start"] = 100
    for data, said in (
        (summary, "time and the event"),
        (sample(one), "the patient"),
        (sample(twice), "two groups"),
        (sample(overlap), "overlap"),
    ):
        (row,) = recurrent_events.estimate(data, SETTINGS)
        assert said in row.note
        assert math.isnan(row.estimate)
        assert recurrent_events.figure_data(data, SETTINGS) == {}
    with pytest.raises(MethodError, match="overlap"):
        spells(
            np.array([0.0, 1]), np.array([2.0, 3]), np.ones(2, bool), np.zeros(2, int)
        )


def test_one_group_has_its_curve_and_no_comparison():
    rows = cgd(18)
    data = sample(rows[rows["group"] == "placebo"].drop(columns="group"), groups=())
    found = recurrent_events.estimate(data, SETTINGS)
    assert {r.statistic for r in found} == {
        "n",
        "events",
        "person_time",
        "mean_cumulative_count",
    }
    tables = recurrent_events.figure_data(data, SETTINGS)
    curve, risk = tables["mean_cumulative"], tables["risk"]
    assert curve["mean"].iloc[-1] == close(2.670634920635)
    assert curve["time"].iloc[-1] == 439
    assert risk["at_risk"].iloc[0] == 9
    assert risk["events"].is_monotonic_increasing
