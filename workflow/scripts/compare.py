"""Rule compare: one study's claims against its estimates."""

import json
from pathlib import Path

from reanalysis import author_requests, sensitivity, verdicts
from reanalysis.claims import CLAIM_COLUMNS
from reanalysis.job import guarded
from reanalysis.results import COLUMNS
from reanalysis.rows import read_estimates, write_rows


def compare(
    checked: str,
    families: list[str],
    estimates: str,
    claims: str,
    checks: str,
    moves: str,
    requests: str,
) -> None:
    """Write a study's part of every table of results."""
    study = json.loads(Path(checked).read_text(encoding="utf-8"))
    rows = [row for family in families for row in read_estimates(family)]
    judged, made, moved, asked = [], [], [], []
    if study["status"] == "ok":
        judged, made = verdicts.judge(study, rows)
        moved = sensitivity.sensitivity(rows, study["claims"])
        asked = author_requests.requests(study, judged)
    write_rows(estimates, COLUMNS, rows)
    write_rows(claims, (*CLAIM_COLUMNS, *verdicts.RESULT_COLUMNS), judged)
    write_rows(checks, verdicts.CHECK_COLUMNS, made)
    write_rows(moves, sensitivity.COLUMNS, moved)
    write_rows(requests, author_requests.COLUMNS, asked)


if __name__ == "__main__":
    with guarded(snakemake.params.run_folder, snakemake.log[0]):
        compare(
            checked=snakemake.input.checked,
            families=snakemake.input.families,
            estimates=snakemake.output.estimates,
            claims=snakemake.output.claims,
            checks=snakemake.output.checks,
            moves=snakemake.output.sensitivity,
            requests=snakemake.output.requests,
        )
