"""The part of a document on one study: its verdicts, results, choices and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reanalysis.analyses import HEADLINE
from reanalysis.bundles.document import (
    Block,
    Bullets,
    Cite,
    Figure,
    Heading,
    Paragraph,
    Row,
    Strong,
    Table,
)
from reanalysis.bundles.privacy import may_be_shown
from reanalysis.bundles.run import (
    DASH,
    NOTICE,
    UNOBSERVED,
    Run,
    claim_named,
    listed,
    plural,
    tallies,
    words,
)
from reanalysis.formatting import capitalised
from reanalysis.reporting import captions, display_tables
from reanalysis.rows import NUMBERS
from reanalysis.words import method_named

#: Rows of results a study's table shows; the workbook has them all.
MOST_RESULTS = 60
#: A first line of a caption beyond this has its title in its first sentence.
_LONG_TITLE = 160
_SOURCE = re.compile(r"(?:Source of the data: .*?\. )?Paper: .*", re.DOTALL)


def study_blocks(run: Run, study: Mapping) -> list[Block]:
    """Return the part on one study; of a failed one its message."""
    title = study["title"]
    heading = title if title == study["id"] else f"{title} ({study['id']})"
    failures = [m for m in [study["message"], *study["failures"]] if m]
    blocks: list[Block] = [Heading(2, heading)]
    blocks += [Paragraph([Strong(message)]) for message in failures]
    if study["message"]:
        return blocks
    blocks.append(_about(run, study))
    if study["remarks"]:
        blocks.append(Bullets([[remark] for remark in study["remarks"]]))
    if missing := awaited(study):
        blocks.append(Paragraph([missing]))
    if study["total"]:
        blocks.append(_claims(study))
    if results := _results(run, study):
        blocks.append(results)
    if study["moving"]:
        blocks.append(_moving(study))
    if study["multiverses"]:
        blocks.append(Bullets([_multiverse(line) for line in study["multiverses"]]))
    return [*blocks, *_figures(run, study)]


def awaited(study: Mapping) -> str:
    """Name a study's tables that are not public; empty where there are none."""
    # Simulated patients have no file: they are drawn, and nobody can send them.
    files = [d for d in study["datasets"] if d["kind"] != "simulated"]
    tables = [f"{words(d['id'])} ({d['locator']})" for d in files if not d["rows"]]
    return f"Not public: {'; '.join(tables)}." if tables else ""


def sentence(study: Mapping) -> str:
    """Return a study's verdicts in one sentence."""
    if not study["total"]:
        return "No printed number was kept."
    found = tallies(study["counts"])
    tested = found["agree"] + found["possible"] + found["against"]
    parts = [
        f"{found[name]} {one if found[name] == 1 else many}"
        for name, one, many in (
            ("agree", "agrees", "agree"),
            ("possible", "is possible", "are possible"),
            ("against", "does not agree", "do not agree"),
        )
        if found[name]
    ]
    total = study["total"]
    text = f"Of {total} printed {plural('number', total)}, {tested} could be tested"
    text += f": {listed(parts)}" if parts else ""
    if waiting := found["waiting"]:
        need = "needs" if waiting == 1 else "need"
        text += f"; {waiting} {need} data that are not public"
    if untested := found["untested"]:
        be = "is" if untested == 1 else "are"
        text += f"; {untested} served as input or {be} no testable statement"
    return f"{text}."


def figure(run: Run, place: str, kind: str = "", paper: str = "") -> Figure:
    """Return a figure with the caption it was drawn with.

    What its method estimates stands in the methods section, the paper in the list of
    references: neither is repeated.
    """
    title, *rest = [x for x in run.captions[place].strip().split("\n") if x.strip()]
    if len(title) > _LONG_TITLE:
        title, dot, more = title.partition(". ")
        title, rest = title + dot.strip(), [more, *rest]
    start = f"{UNOBSERVED[kind]} " if kind in UNOBSERVED else ""
    text: list = [Strong(start + title)]
    for line in rest:
        if line.startswith(tuple(captions.METHODS.values())):
            continue
        if paper and _SOURCE.fullmatch(line):
            source = line.partition("Paper: ")[0].strip()
            text += [
                f" {source} Paper: " if source else " Paper: ",
                Cite((paper,)),
                ".",
            ]
        else:
            text.append(f" {line}")
    folder, _, name = place.partition("/")
    return Figure(
        key=f"figure:{place}",
        source=place,
        name=f"{folder}_{name}",
        caption=text,
        alt=run.alts.get(place) or " ".join([start + title, *rest[:1]]),
    )


def shown_figures(run: Run, study: str) -> dict[str, str]:
    """Return the analyses of a study's figures that were drawn and may be shown."""
    hidden = run.private.get(study, set())
    return {
        name: analysis
        for name, analysis in run.figures.get(study, {}).items()
        if NOTICE not in run.captions.get(f"{study}/{name}", NOTICE)
        and may_be_shown(name, analysis, hidden)
    }


def _about(run: Run, study: Mapping) -> Paragraph:
    keys = run.entries()[1]
    sources = [keys[f"source:{study['id']}/{s['id']}"] for s in study["sources"]]
    text: list = [f"{study['design'].rstrip('.')}. Paper: "]
    text.append(Cite((keys[f"study:{study['id']}"],)))
    if sources:
        text += ["; sources: ", Cite(tuple(dict.fromkeys(sources)))]
    return Paragraph([*text, f". {sentence(study)}"])


def _claims(study: Mapping) -> Table:
    """Return every printed number of a study with its verdict."""
    rows: list[Row] = []
    for group in study["tested"]:
        said = [group["label"], group["population"]]
        if group["method"]:
            said.append(f"{group['method']} from {group['kind']} data")
        if group["paper"]["test"]:
            said.append(f"the paper: {group['paper']['test']}")
        rows.append(_heading(said))
        for verdict, reason in group["shared"].items():
            opening = "Unless said otherwise, " if len(group["claims"]) > 1 else ""
            rows.append(Row([[f"{opening}{words(verdict)}: {reason}"]], heading=True))
        for part in group["runs"]:
            for claim in part["claims"]:
                what = claim["what"]
                details = [*part["details"], *what["details"]]
                named = {**claim, "what": {**what, "details": details}}
                reason = "" if claim["said_above"] else claim["reason"]
                rows.append(_claim(named, reason))
    for part in study["untested"]:
        used = part["verdict"] == "used"
        said = (
            "Served as input: agreement would prove nothing"
            if used
            else "Kept as context: no statement that data could test"
        )
        rows.append(_heading([said]))
        rows += [_claim(c, c["note"] if used else c["reason"]) for c in part["claims"]]
    return Table(
        key=f"claims:{study['id']}",
        caption=[
            Strong(f"{study['id']}: printed against recomputed."),
            " Recomputed numbers have one digit more than is printed.",
        ],
        header=["Number", "Printed", "Recomputed", "Verdict and reason"],
        widths=[30, 17, 13, 40],
        rows=rows,
    )


def _heading(parts: Sequence[str]) -> Row:
    return Row(
        [[Strong(" \u00b7 ".join(part for part in parts if part))]], heading=True
    )


def _claim(claim: Mapping, reason: str) -> Row:
    decisions = "".join(
        f" Adjudicated: {decision['decision']}. {decision['reason']}"
        for decision in claim["decisions"]
    )
    verdict = Strong(f"{capitalised(words(claim['verdict']))}.")
    said = f" {reason}{decisions}" if reason else decisions
    return Row(
        [
            [claim_named(claim)],
            [claim["printed"]],
            [claim["recomputed"] or DASH],
            [verdict, said] if said else [verdict],
        ]
    )


def _results(run: Run, study: Mapping) -> Table | None:
    """Return the primary estimates that conclusions rest on."""
    chosen = [
        row
        for row in run.estimates.get(study["id"], [])
        if row["statistic"] in HEADLINE
        and (row["estimate"] or row["p_value"] or row["members"])
    ]
    if not chosen:
        return None
    shown = chosen[:MOST_RESULTS]
    header, lines = display_tables.results_table(
        run.checked[study["id"]], [_as_numbers(row) for row in shown]
    )
    checked = run.checked[study["id"]]["populations"].items()
    populations = {name: population["label"] for name, population in checked}
    rows: list[Row] = []
    last = ""
    for row, line in zip(shown, lines, strict=True):
        cell = dict(zip(header, line, strict=True))
        label = cell["Analysis"]
        if row["analysis"] != last:
            last = row["analysis"]
            said = [capitalised(label), populations.get(row["population"], "")]
            said.append(f"{method_named(row['method'])} from {row['kind']} data")
            rows.append(_heading(said))
        endpoint = cell["Endpoint"] if cell["Endpoint"].lower() != label.lower() else ""
        parts = (cell["Statistic"], cell["Group"], cell["Time"], endpoint)
        what = ", ".join(part for part in parts if part)
        if over := cell.get("Over members"):
            what += f"; over members: {over}"
        # Rows over members may differ in nothing but a test without a p of its own.
        tested = f"{cell['P'] or DASH} ({cell['Test']})" if cell["Test"] else ""
        cells = (cell["Estimate"], cell["Interval"], tested or cell["P"])
        counts = (cell["n"], cell["Events"])
        rows.append(Row([[what], *([text or DASH] for text in (*cells, *counts))]))
    more = len(chosen) - len(shown)
    note = f" {more} more rows are there." if more else ""
    return Table(
        key=f"results:{study['id']}",
        caption=[
            Strong(f"{study['id']}: primary results."),
            f" Intervals at {run.level}%; the workbook of tables names their "
            f"methods.{note}",
        ],
        header=["Result", "Estimate", "Interval", "p (test)", "n", "Events"],
        widths=[36, 14, 18, 17, 6, 9],
        rows=rows,
    )


def _as_numbers(row: Mapping[str, str]) -> dict[str, object]:
    """Return a row of estimates.csv with its numbers as numbers."""
    return {
        name: float(cell or "nan") if name in NUMBERS else cell
        for name, cell in row.items()
    }


def _moving(study: Mapping) -> Table:
    """Return the choices that change a direction or a significance."""
    return Table(
        key=f"moving:{study['id']}",
        caption=[
            Strong(f"{study['id']}: choices that move a conclusion."),
            " Direction or significance at 0.05 changes when a choice is made "
            "differently.",
        ],
        header=["Result", "p, primary", "Choice", "p under it", "What moves"],
        widths=[30, 11, 19, 12, 28],
        rows=[_moved(line) for line in study["moving"]],
    )


def _moved(line: Mapping) -> Row:
    parts = (line["label"], line["endpoint"], line["details"])
    what = ", ".join(part for part in parts if part)
    effects = "; ".join(_effect(s) for s in line["statistics"] if s["value"])
    moves = f"{capitalised(line['moves'])}."
    return Row(
        [
            [f"{what} \u00b7 {line['kind']} data"],
            [line["primary_p"] or DASH],
            [line["scenario"]],
            [line["p"] or DASH],
            [f"{moves} {effects}" if effects else moves],
        ]
    )


def _multiverse(line: Mapping[str, str]) -> list:
    """Return what every combination of choices makes of one result."""
    parts = (line["label"], line["statistic"], line["groups"])
    what = ", ".join(part for part in parts if part)
    return [
        Strong(f"{what} (grid {line['grid']}, {line['kind']} data)."),
        f" {line['sentence']}",
    ]


def _effect(statistic: Mapping[str, str]) -> str:
    text = f"{statistic['name']} {statistic['value']}"
    same = statistic["value"] == statistic["primary"]
    return text if same else f"{text} (primary {statistic['primary'] or 'none'})"


def _figures(run: Run, study: Mapping) -> Sequence[Figure]:
    paper = run.entries()[1][f"study:{study['id']}"]
    declared = run.checked[study["id"]]["analyses"]
    return [
        figure(run, f"{study['id']}/{name}", declared[analysis]["kind"], paper)
        for name, analysis in shown_figures(run, study["id"]).items()
    ]
