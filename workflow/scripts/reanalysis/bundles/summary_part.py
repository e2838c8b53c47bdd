"""The part of a document that sums a run up: verdicts, studies, what does not agree."""

from __future__ import annotations

from collections.abc import Mapping

from reanalysis.bundles.document import (
    Block,
    Bullets,
    Cite,
    Heading,
    Paragraph,
    Ref,
    Row,
    Strong,
    Table,
)
from reanalysis.bundles.run import DASH, NOTICE, Run, claim_named, tallies, words
from reanalysis.bundles.study_part import figure
from reanalysis.reporting.report import DISAGREE


def summary(run: Run) -> list[Block]:
    """Return the summary."""
    page = run.page
    overview = [
        figure(run, place)
        for place, text in run.captions.items()
        if place.startswith("overview/") and NOTICE not in text
    ]
    blocks = [Heading(1, "Summary"), *_failures(page), *_told(page), _verdicts(page)]
    blocks += [*overview, _studies(run), *_disagreeing(page)]
    if run.left_out:
        text = (
            "Rows of private folders are in no part of this document. Left out for "
            f"that reason: {'; '.join(run.left_out)}."
        )
        blocks.append(Paragraph([text]))
    return blocks


def _failures(page: Mapping) -> list[Block]:
    failed, count = page["failed"], len(page["studies"])
    if not failed:
        return []
    opening = f"{len(failed)} of {count} studies could not be analysed in full:"
    return [
        Paragraph([Strong(opening)]),
        Bullets(
            [
                [f"{study['id']}: {message}"]
                for study in failed
                for message in [study["message"], *study["failures"]]
                if message
            ]
        ),
    ]


def _told(page: Mapping) -> list[Block]:
    said, count = page["summary"], len(page["studies"])
    many = "published studies print" if count != 1 else "published study prints"
    text = (
        f"Every number that {count} {many} is held against what can be recomputed from "
        f"the data that are public. Of {page['total']} printed numbers, "
        f"{said['tested']} could be tested: {said['agree']} agree, {said['rebuilt']} "
        f"are possible but not reproduced, and {said['disagree']} do not agree. "
        f"{said['waiting']} need data that are not public. The other "
        f"{said['untested']} served as inputs or are no testable statement ("
    )
    caution = (
        "A number that differs is no accusation. A later analysis, other rows, a "
        "convention that is not named, or a misreading on either side can each explain "
        "it; the reason beside the verdict says what is known."
    )
    return [Paragraph([text, Ref("verdicts"), ")."]), Paragraph([caution])]


def _verdicts(page: Mapping) -> Table:
    return Table(
        key="verdicts",
        caption=[
            Strong("Verdicts on printed numbers."),
            f" {page['total']} printed numbers.",
        ],
        header=["Verdict", "Meaning", "Numbers"],
        widths=[24, 62, 14],
        rows=[
            Row([[words(v["name"])], [v["meaning"]], [str(v["count"])]])
            for v in page["verdicts"]
            if v["count"]
        ],
    )


def _studies(run: Run) -> Table:
    keys = run.entries()[1]
    rows = []
    for study in run.page["studies"]:
        found = tallies(study["counts"])
        key = keys.get(f"study:{study['id']}")
        size = study["size"] or ("failed" if study["message"] else "not stated")
        rows.append(
            Row(
                [
                    [study["id"], *([" ", Cite((key,))] if key else [])],
                    [size],
                    [", ".join(study["available"])],
                    *([str(count)] for count in found.values()),
                ]
            )
        )
    return Table(
        key="studies",
        caption=[
            Strong("Studies."),
            " Printed numbers by what became of them, and the data that are public.",
        ],
        header=[
            "Study",
            "Patients",
            "Data",
            "Agree",
            "Possible",
            "Do not agree",
            "Need data",
            "Not tested",
        ],
        widths=[24, 17, 15, 8, 11, 9, 8, 8],
        rows=rows,
    )


def _disagreeing(page: Mapping) -> list[Table]:
    found = [
        (study, claim)
        for study in page["studies"]
        for group in study["tested"]
        for claim in group["claims"]
        if claim["verdict"] in DISAGREE
    ]
    if not found:
        return []
    rows = [
        Row(
            [
                [study["id"]],
                [claim_named(claim, claim["endpoint"])],
                [claim["printed"]],
                [claim["recomputed"] or DASH],
                [words(claim["verdict"])],
            ]
        )
        for study, claim in found
    ]
    return [
        Table(
            key="disagreeing",
            caption=[
                Strong("Printed numbers that do not agree."),
                " The reasons stand in the studies' tables.",
            ],
            header=["Study", "Number", "Printed", "Recomputed", "Verdict"],
            widths=[22, 34, 17, 14, 13],
            rows=rows,
        )
    ]
