"""Tables for readers: long ones folded, covariates by their names, nothing runs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
import re

from reanalysis.reporting import display_tables
from reanalysis.results import COLUMNS
from reanalysis.rows import NUMBERS

STUDY = {
    "id": "trial",
    "title": "A trial",
    "analyses": {"survival": {"label": "survival", "dataset": "patients"}},
    "datasets": {
        "patients": {
            "columns": {
                "sex": {"role": "covariate", "coding": {"m": "male", "f": "female"}},
                "wards": {"role": "covariate", "label": "ward", "coding": ["1", "2"]},
            }
        }
    },
}


def row(**cells: object) -> dict[str, object]:
    blank = {name: math.nan if name in NUMBERS else "" for name in COLUMNS}
    return {**blank, "analysis": "survival", "scenario": "primary", **cells}


def cells(**given: object) -> dict[str, str]:
    return display_tables.result_cells(STUDY, row(**given))


def test_levels_of_covariates_have_their_names():
    shown = {
        term: cells(statistic="hazard_ratio", term=term)["statistic"]
        for term in ("sex=m", "sex=x", "wards=2", "sex", "elsewhere=1", "")
    }
    assert shown == {
        "sex=m": "Hazard ratio, sex: male",
        "sex=x": "Hazard ratio, sex: x",
        "wards=2": "Hazard ratio, ward: 2",
        "sex": "Hazard ratio, sex",
        "elsewhere=1": "Hazard ratio, elsewhere=1",
        "": "Hazard ratio",
    }


def test_a_median_beyond_the_follow_up_is_not_reached():
    note = "not reached: above one half to the last follow-up at 388"
    assert cells(statistic="median_survival", note=note)["estimate"] == "not reached"
    median = cells(statistic="median_survival", estimate=8.0, conf_low=4.0)
    assert (median["estimate"], median["interval"]) == ("8.00", "4.00 to not reached")
    slope = cells(statistic="slope", estimate=8.0, conf_low=4.0)
    assert slope["interval"] == "4.00 to –"
    assert cells(statistic="hazard_ratio", note="no events")["estimate"] == ""


def test_what_lies_over_members_is_said_in_words():
    given = {"statistic": "median_survival", "kind": "simulated", "members": 100.0}
    spread = {"estimate_min": 0.9, "band_low": 1.5, "prior": "frequent_early"}
    # A band with no upper end: in those members half of the patients never had it.
    assert cells(**given, **spread)["over_members"] == (
        "1.50 to not reached (95% of 100 members of the prior frequent early)"
    )


HEADER = ("Analysis", "Number")


def test_a_long_table_is_folded_by_analysis():
    body = [[f"part {i % 3} <b>", str(i)] for i in range(61)]
    page = display_tables.as_html("Title & more", HEADER, body)
    assert page.count("<details>") == page.count("<table>") == 3
    assert "<summary>part 0 &lt;b&gt;: 21 rows</summary>" in page
    assert "<h1>Title &amp; more</h1>" in page
    assert page.count("<tr>") == 61 + 3
    short = display_tables.as_html("Title & more", HEADER, body[:60])
    assert "<details>" not in short
    assert "<caption>Title &amp; more</caption>" in short


def test_a_page_may_load_and_run_nothing():
    page = display_tables.as_html("Title", HEADER, [["<script>x</script>", "1"]])
    assert "<script" not in page
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'; script-src 'none'" in page
    assert "default-src 'none'" in page


def test_no_cell_of_a_csv_is_a_formula():
    body = [['=HYPERLINK("x")', "-1.5"], ["\uff0bcmd", " @x"]]
    read = list(csv.reader(io.StringIO(display_tables.as_csv(HEADER, body))))
    assert read[1:] == [['\'=HYPERLINK("x")', "-1.5"], ["'\uff0bcmd", "' @x"]]


def test_a_unit_that_is_printed_is_not_said_twice():
    blank = dict.fromkeys(
        ("claim_id", "analysis", "statistic", "field", "group", "reference", "timepoint",
         "endpoint", "recomputed", "convention", "reason", "source", "locator"), "",
    )  # fmt: skip
    for printed, shown in (("67 per cent", "67 per cent"), ("67", "67 %")):
        claim = {**blank, "printed": printed, "value": "67", "unit": "%"}
        claim |= {"verdict": "reproduced", "field": "estimate"}
        _, [line] = display_tables.claims_table(STUDY, [claim])
        assert line[3] == shown
