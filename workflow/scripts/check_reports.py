"""Check a csv of many printed reports for consistency, outside the workflow.

    .venv/bin/python workflow/scripts/check_reports.py reports.csv checks.csv

Each row of reports.csv is one comparison (columns: reanalysis/consistency/bulk.py).
Each row of checks.csv is one test of one printed number; what is proven to
contradict other numbers of its row is also counted on the screen.
"""

import argparse
import csv
import sys

from reanalysis.consistency.bulk import read_reports
from reanalysis.consistency.family import run
from reanalysis.errors import InputError
from reanalysis.job import whole_file

COLUMNS = ("report", "label", "item", "printed", "check", "outcome", "reason")


def check_reports(reports: str, output: str) -> dict[str, int]:
    """Write the checks of a csv of reports; return how many of each outcome."""
    study = read_reports(reports)
    claims = {claim["claim_id"]: claim for claim in study["claims"]}
    outcomes: dict[str, int] = {}
    with whole_file(output) as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        for check in run(study):
            claim = claims[check.claim_id]
            key, _, label = claim["endpoint"].partition(": ")
            row = (key.removeprefix("r"), label, claim["locator"], claim["printed"])
            writer.writerow((*row, check.check, check.outcome, check.reason))
            outcomes[check.outcome] = outcomes.get(check.outcome, 0) + 1
    return outcomes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", help="csv, one comparison a row")
    parser.add_argument("checks", help="csv to write")
    arguments = parser.parse_args()
    try:
        outcomes = check_reports(arguments.reports, arguments.checks)
    except InputError as error:
        sys.exit(str(error))
    for outcome, number in sorted(outcomes.items()):
        print(f"{outcome or 'remark':12} {number}")
