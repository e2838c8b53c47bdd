"""The methods section of a document: how numbers were tested, and by which methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reanalysis.bundles import methods_text
from reanalysis.bundles.document import (
    Block,
    Bullets,
    Cite,
    Heading,
    Paragraph,
    Ref,
    Strong,
)
from reanalysis.bundles.run import Run, plural
from reanalysis.plan import METHODS
from reanalysis.reporting.report import KINDS

_LEAVE_OUT = {
    "none": "All rows of a population entered.",
    "lost_to_follow_up": "Patients a study marks as lost to follow-up were left out.",
    "each_patient": "Every patient was left out in turn.",
}


def methods(run: Run) -> list[Block]:
    """Return the methods section."""
    rows = [row for study in run.estimates.values() for row in study]
    used = [m for m in METHODS if any(row["method"] == m for row in rows)]
    families = [
        block
        for method in used
        for block in methods_text.method_blocks(
            method,
            settings=run.config["methods"][method],
            rows=[row for row in rows if row["method"] == method],
            varied=_varied(run, method),
        )
    ]
    return [
        Heading(1, "Methods"),
        Heading(2, "Printed numbers and verdicts"),
        _tested(),
        Heading(2, "Data"),
        *_data(run),
        Heading(2, "Statistical methods"),
        *families,
        Heading(2, "Choices varied"),
        *_choices(run, used),
        Heading(2, "Software"),
        Paragraph(methods_text.software_text(run.libraries)),
    ]


def _tested() -> Paragraph:
    return Paragraph(
        [
            "Each printed number was kept verbatim with its place. It stands for the "
            "interval of all values that would be printed so; counts are exact, and an "
            "inequality is tested as such. An analysis was run by the convention its "
            "paper states, where it states one, and otherwise by the primary settings "
            "below. A number that these do not give was tried under a fixed list of "
            "conventions, each the choice of a program or textbook; the verdict says "
            "how many of them give the digits (",
            Ref("verdicts"),
            "). The numbers of a paper were also held against each other: counts "
            "against percentages and numbers of patients ",
            Cite(("brown_heathers_2017",)),
            ", intervals against estimates and p-values, p-values against what a test "
            "of that size can reach. No verdict depends on the rounding of a table.",
        ]
    )


def _data(run: Run) -> list[Block]:
    kinds = Counter(
        dataset["kind"]
        for study in run.page["studies"]
        for dataset in study["datasets"]
        if dataset["rows"]
    )
    text = (
        f"{_LEAVE_OUT[run.config['rows']['leave_out']]} Confidence intervals have the "
        f"level {run.level}%. Whatever draws random numbers started from the seed "
        f"{run.config['seed']}."
    )
    items = [
        [Strong(kind), f": {KINDS[kind]} ({count} {plural('table', count)})"]
        for kind, count in kinds.items()
    ]
    return [
        *([Bullets(items)] if items else []),
        Paragraph([text]),
        *ensembles(run.estimates),
    ]


def ensembles(estimates: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Block]:
    """Say how ensembles were used, if any was; ``estimates`` are rows by study."""
    counts: dict[str, set[int]] = {}
    for rows in estimates.values():
        for row in rows:
            # Of simulated members the rows of one prior each, not of all together.
            if row["members"] and (row["kind"] != "simulated" or row["prior"]):
                counts.setdefault(row["kind"], set()).add(int(float(row["members"])))
    if not counts:
        return []
    text: list = ["Some data sets are ensembles, none of whose members was observed: "]
    if found := counts.get("reconstructed"):
        text.append(f"{_span(found)} rebuilt from a printed curve by looking ahead ")
        text += ["along its steps ", Cite(("guarniero_2017",))]
    if found := counts.get("simulated"):
        text += ["; "] if len(text) > 1 else []
        text.append(f"{_span(found)} drawn with each prior under what is printed alone")
    text.append(
        ". Every analysis ran on every member: the estimate is the weighted median, "
        "the band holds the middle 95% of them. A printed number among them is called "
        "compatible, never reproduced."
    )
    return [Paragraph(text)]


def _span(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _choices(run: Run, used: list[str]) -> list[Block]:
    made = methods_text.scenarios(run.config["scenarios"] or {}, set(used))
    opening = (
        "Beside the primary analysis every analysis concerned was repeated with one "
        "choice made differently:"
    )
    tried = methods_text.convention_text(run.conventions, used)
    blocks: list[Block] = [Paragraph([opening]), made] if made.items else []
    if tried:
        text = f"Conventions tried for a printed number, by method: {tried}."
        blocks.append(Paragraph([text]))
    return blocks


def _varied(run: Run, method: str) -> list[dict[str, object]]:
    """Return the analyses of a method whose study sets something else."""
    return [
        {"study": study, "label": analysis["label"], "settings": analysis["settings"]}
        for study, checked in run.checked.items()
        for analysis in checked.get("analyses", {}).values()
        if analysis["method"] == method
        and not analysis["awaited"]
        and analysis["settings"]
    ]
