"""The analysis results dataset holds every number of estimates.csv once, and no other."""

from __future__ import annotations

import csv
import gzip
import json
import math
import shutil
import subprocess
from collections import Counter

import pytest

from reanalysis.analysis_results import COLUMNS, GROUPS
from reanalysis.results import COLUMNS as ESTIMATES
from reanalysis.results import NUMBERS, Estimate
from reanalysis.rows import read_rows, write_rows
from reanalysis.steps.analysis_results import write

CONTEXT = {
    "study": "trial",
    "analysis": "relapse",
    "dataset": "patients",
    "kind": "individual",
    "population": "all",
    "scenario": "primary",
    "specification": "0a1b2c3d",
    "convention": "ties efron",
}
HAZARD = Estimate(
    statistic="hazard_ratio",
    estimate=4.816873898279396,
    std_error=0.4123967177094555,
    conf_low=2.1465082127254593,
    conf_high=10.80931068158598,
    conf_level=0.95,
    interval_method="Wald, log scale",
    test="Wald",
    alternative="two-sided",
    test_statistic=3.8121669773731566,
    p_value=0.00013775376198676587,
    n=42,
    events=30,
    group="placebo",
    reference="6-MP",
)
AWKWARD = [
    HAZARD,
    # A median that is not reached, with an infinite limit.
    Estimate(
        statistic="median_survival",
        conf_low=22.0,
        conf_high=math.inf,
        conf_level=0.95,
        n=3,
        events=0,
        group="6-MP",
        unit="weeks",
        note="not reached: above one half to the last follow-up at 34",
    ),
    # A test without an estimate.
    Estimate(statistic="log_rank", test="log-rank", test_statistic=0, df=1, p_value=1),
    # From printed numbers: a range and nothing else.
    Estimate(
        statistic="proportion",
        unit="proportion",
        timepoint=12,
        cause="relapse",
        term="=HYPERLINK(1)",
        estimate=0.5,
        ranges={"estimate": (0.45, 0.55), "p_value": (0.0, 1e-300)},
    ),
    Estimate(statistic="odds_ratio", note='Nobody had the event, "undefined".'),
]


@pytest.fixture
def made(tmp_path):
    """Rows of estimates.csv and of the dataset made of it."""
    context = [
        {**CONTEXT, "method": "cox", "endpoint": "remission", "estimate_id": f"e{k}"}
        for k in range(len(AWKWARD))
    ]
    rows = [e.record(**c) for e, c in zip(AWKWARD, context, strict=True)]
    # An ensemble, whose columns no single estimate fills.
    rows.append(
        {**rows[0], "kind": "simulated", "estimate_id": "e5", "members": 200}
        | {"effective_members": 151.25, "band_low": 0.8, "band_high": 5.5}
        | {"estimate_min": 0.5, "estimate_max": math.inf, "prior": "early relapses"}
        | {"p_value_band_low": 1e-5, "p_value_band_high": 0.0512}
    )
    write_rows(tmp_path / "estimates.csv", ESTIMATES, rows)
    return read_rows(tmp_path / "estimates.csv"), _dataset(tmp_path, tmp_path)


def _dataset(folder, place, checked=(), methods=()):
    output = place / "analysis_results.csv.gz"
    write(str(folder / "estimates.csv"), list(checked), list(methods), str(output))
    with gzip.open(output, "rt", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_fields_of_one_estimate(made):
    (first,) = (
        r for r in made[1] if (r["estimate_id"], r["stat_name"]) == ("e0", "estimate")
    )
    assert tuple(first) == COLUMNS
    told = {name: cell for name, cell in first.items() if cell}
    assert told == {
        **{"group1": "group", "group1_level": "placebo"},
        **{"group2": "reference", "group2_level": "6-MP"},
        **{"variable": "remission", "context": "cox", "stat_name": "estimate"},
        **{
            "stat_label": "Hazard ratio",
            "stat": "4.816873898279396",
            "stat_fmt": "4.82",
        },
        **{k: v for k, v in CONTEXT.items() if k != "convention"},
        **{"statistic": "hazard_ratio", "estimate_id": "e0"},
    }
    shown = {
        r["stat_name"]: (r["stat"], r["stat_fmt"])
        for r in made[1]
        if r["estimate_id"] == "e0"
    }
    assert shown == {
        "estimate": ("4.816873898279396", "4.82"),
        "std.error": ("0.4123967177094555", "0.412"),
        "conf.low": ("2.1465082127254593", "2.15"),
        "conf.high": ("10.80931068158598", "10.81"),
        "conf.level": ("0.95", "95%"),
        "statistic": ("3.8121669773731566", "3.81"),
        "p.value": ("0.00013775376198676587", "<0.001"),
        "N": ("42", "42"),
        "n.event": ("30", "30"),
        "conf.type": ("", "Wald, log scale"),
        "method": ("", "Wald"),
        "alternative": ("", "two-sided"),
    }


def test_every_number_once_and_no_other(made):
    """Counted without the code's own list of names."""
    estimates, dataset = made
    written = Counter(
        (row["estimate_id"], row[column])
        for row in estimates
        for column in NUMBERS
        if row[column]
    )
    found = Counter((r["estimate_id"], r["stat"]) for r in dataset if r["stat"])
    assert found == written
    keys = [(r["estimate_id"], r["stat_name"]) for r in dataset]
    assert len(set(keys)) == len(keys)
    assert {r["estimate_id"] for r in dataset} == {r["estimate_id"] for r in estimates}


def test_what_is_not_known_is_empty_and_says_why(made):
    of = {(r["estimate_id"], r["stat_name"]): r for r in made[1]}
    median = of["e1", "estimate"]
    assert (median["stat"], median["warning"]) == ("", AWKWARD[1].note)
    assert of["e1", "conf.high"]["stat"] == "inf"
    assert of["e1", "conf.high"]["stat_fmt"] == "∞"
    assert of["e2", "statistic"]["stat"] == "0"
    assert of["e4", "estimate"]["warning"] == 'Nobody had the event, "undefined".'
    assert [name for key, name in of if key == "e4"] == ["estimate"]
    assert of["e5", "estimate.max"]["kind"] == "simulated"
    assert of["e5", "band.low"]["stat_fmt"] == "0.80"
    assert of["e5", "band.low"]["prior"] == "early relapses"
    band = [of["e5", f"p.value.band.{end}"]["stat_fmt"] for end in ("low", "high")]
    # 0.051 and not 0.05, which would be on the other side.
    assert band == ["<0.001", "0.051"]


def test_groups_have_their_place(made):
    row = next(r for r in made[1] if r["estimate_id"] == "e3")
    levels = {row[f"group{k}"]: row[f"group{k}_level"] for k in (1, 2, 3, 4)}
    assert levels == {"": "", "cause": "relapse", "timepoint": "12"}
    assert row["group4"] == GROUPS[3]
    assert row["variable_level"] == "=HYPERLINK(1)"


def test_failures_are_rows_with_an_error(tmp_path):
    write_rows(tmp_path / "estimates.csv", ESTIMATES, [])
    checked, work = [], tmp_path / "work" / "good"
    work.mkdir(parents=True)
    for name, status in (("good", "ok"), ("bad", "failed")):
        checked.append(tmp_path / f"{name}.json")
        checked[-1].write_text(
            json.dumps({"id": name, "status": status, "message": "row 3"})
        )
    for method, failed in (("cox", "cox failed unexpectedly: X"), ("rates", "")):
        (work / f"{method}.json").write_text(
            json.dumps({"failed": failed, "analyses": {}})
        )
    rows = _dataset(tmp_path, tmp_path, checked, sorted(work.iterdir()))
    told = [(r["study"], r["context"], r["stat"], r["error"]) for r in rows]
    assert told == [
        ("bad", "", "", "row 3"),
        ("good", "cox", "", "cox failed unexpectedly: X"),
    ]


def test_the_same_bytes_again(made, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    _dataset(tmp_path, tmp_path / "elsewhere")
    one, other = (
        p / "analysis_results.csv.gz" for p in (tmp_path, tmp_path / "elsewhere")
    )
    assert one.read_bytes() == other.read_bytes()


R = """
ard <- read.csv(commandArgs(TRUE)[1], colClasses = c(stat = "numeric"),
                na.strings = "", check.names = FALSE)
stopifnot(is.numeric(ard$stat), !anyDuplicated(ard[c("estimate_id", "stat_name")]))
wide <- reshape(ard[c("estimate_id", "stat_name", "stat")], direction = "wide",
                idvar = "estimate_id", timevar = "stat_name")
write.csv(format(wide, digits = 17), row.names = FALSE)
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")
def test_r_reads_it(made, tmp_path):
    """R's read.csv and reshape give back the table of estimates."""
    call = ["Rscript", "-e", R, str(tmp_path / "analysis_results.csv.gz")]
    said = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    wide = {row["estimate_id"]: row for row in csv.DictReader(said.splitlines())}
    assert len(wide) == len(made[0])
    for row in made[0]:
        for column, name in (
            ("estimate", "estimate"),
            ("conf_high", "conf.high"),
            ("n", "N"),
        ):
            cell = wide[row["estimate_id"]][f"stat.{name}"].strip()
            value = math.nan if cell == "NA" else float(cell)
            expected = float(row[column] or "nan")
            assert value == expected or (math.isnan(value) and math.isnan(expected))
