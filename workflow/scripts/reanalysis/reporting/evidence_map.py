"""The evidence map: what became of the printed numbers, by study and by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.plan import METHODS
from reanalysis.reporting.scoreboard import MARKS
from reanalysis.words import method_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reanalysis.figures.sheet import Sheet

#: Column of numbers that no analysis is declared for.
NONE = "no analysis"
#: Between two tiles, in points.
_GAP = 1.0

Cells = dict[str, dict[str, dict[str, int]]]


def counted(claims: Sequence[Mapping], methods: Mapping[tuple[str, str], str]) -> Cells:
    """Return how often each verdict was given, by study and method.

    ``methods`` maps study and analysis to the method. Context, which no method could
    test, is left out; studies with most verdicts from data come first.
    """
    found: Cells = {}
    for claim in claims:
        if claim["verdict"] == "context":
            continue
        method = methods.get((claim["study"], claim["analysis"]), NONE)
        cell = found.setdefault(claim["study"], {}).setdefault(method, {})
        cell[claim["verdict"]] = cell.get(claim["verdict"], 0) + 1

    def order(study: str) -> tuple:
        tested = sum(
            n
            for cell in found[study].values()
            for verdict, n in cell.items()
            if verdict not in ("used", "not_recomputable")
        )
        return (-tested, study)

    return {study: found[study] for study in sorted(found, key=order)}


def draw(sheet: Sheet, cells: Cells) -> None:
    """Draw a row per study and a column per method, a tile per verdict in each cell."""
    from reanalysis.figures.sheet import MARGIN

    small = sheet.small
    present = {method for row in cells.values() for method in row}
    columns = [method for method in (*METHODS, NONE) if method in present]
    _key(sheet, cells)
    sheet.y += 4
    size = max(5.0, 0.85 * small)
    name = min(
        max(sheet.measure(study, small) for study in cells) + 1, 0.26 * sheet.inner
    )
    left = MARGIN + name + 4
    pitch = (sheet.width - MARGIN - left) / len(columns)
    depth = max(sheet.measure(_head(method), small) for method in columns)
    for number, method in enumerate(columns):
        head = _head(method)
        start = sheet.y + depth - sheet.measure(head, small)
        sheet.upright(left + (number + 0.5) * pitch, start, [head], small)
    sheet.y += depth + 3
    shown = {
        (verdict, n)
        for row in cells.values()
        for cell in row.values()
        for verdict, n in cell.items()
    }

    def width_of(lines: Sequence[str]) -> float:
        return max(sheet.measure(line, size, "bold") for line in lines) + 2.5

    # On a narrow page the number stands below the letter.
    stacked = max(width_of(_tile(*own)) for own in shown) > pitch - 2
    texts = {own: _tile(*own, stacked=stacked) for own in shown}
    rows = max(map(len, texts.values()))
    tile = (max(map(width_of, texts.values())), (0.25 + rows) * size)
    across = max(1, int((pitch - 2 + _GAP) // (tile[0] + _GAP)))
    top, y = sheet.y, 0.0
    tiles: list[tuple[float, float, str, tuple[str, ...]]] = []
    rules: list[float] = []
    for study, row in cells.items():
        rules.append(y)
        names = sheet.wrap(study.replace("_", "_ "), name, small)
        names = [line.replace("_ ", "_") for line in names]
        sheet.text(MARGIN, top + y + 1.5, names, size=small)
        deepest = len(names) * sheet.line_height(small) + 1
        for number, method in enumerate(columns):
            cell = row.get(method, {})
            ordered = [verdict for verdict in MARKS if verdict in cell]
            for i, verdict in enumerate(ordered):
                x = number * pitch + 1 + i % across * (tile[0] + _GAP)
                down = y + 2 + i // across * (tile[1] + _GAP)
                tiles.append((x, down, verdict, texts[verdict, cell[verdict]]))
                deepest = max(deepest, down + tile[1] - y)
                sheet.note("cell", panel=method, series=study, text=verdict,
                           x=float(cell[verdict]))  # fmt: skip
        y += deepest + 2
    width = pitch * len(columns)
    sheet.plot(
        lambda axes: _tiles(axes, tiles, tile, size, rules, (width, y), pitch),
        x=left,
        width=width,
        height=y,
    )
    sheet.y += y


def _head(method: str) -> str:
    text = method_named(method)
    return text[:1].upper() + text[1:]


def _tile(verdict: str, n: int, *, stacked: bool = False) -> tuple[str, ...]:
    """Return the lines of a tile: letter and number."""
    # A dash before a number would be a minus.
    letter = "" if verdict == "not_recomputable" else MARKS[verdict][0]
    if stacked:
        return (letter, str(n)) if letter else (str(n),)
    return (f"{letter}{n}",)


def _key(sheet: Sheet, cells: Cells) -> None:
    """Explain the letters."""
    present = {v for row in cells.values() for cell in row.values() for v in cell}
    said = [
        (
            "no letter: not recomputable"
            if verdict == "not_recomputable"
            else f"{MARKS[verdict][0]} {verdict.replace('_', ' ')}"
        ).replace(" ", "\N{NO-BREAK SPACE}")
        for verdict in MARKS
        if verdict in present
    ]
    sheet.paragraph("; ".join(said) + ". The number says how many.", size=sheet.small)


def _tiles(
    axes: Axes,
    tiles: Sequence[tuple[float, float, str, tuple[str, ...]]],
    tile: tuple[float, float],
    size: float,
    rules: Sequence[float],
    page: tuple[float, float],
    pitch: float,
) -> None:
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(weight="bold")
    lines = [[(0, y), (page[0], y)] for y in (*rules, page[1])]
    columns = round(page[0] / pitch)
    lines += [[(i * pitch, 0), (i * pitch, page[1])] for i in range(columns + 1)]
    axes.add_collection(LineCollection(lines, colors="#dddddd", linewidths=0.4))
    glyphs: dict[str, object] = {}
    for verdict, (_, fill, ink) in MARKS.items():
        own = [t for t in tiles if t[2] == verdict]
        if not own:
            continue
        axes.add_collection(
            PatchCollection(
                [Rectangle((x, y), *tile) for x, y, *_ in own],
                facecolor=fill, edgecolor="#8a8a8a", linewidth=0.4, zorder=2,
            )
        )  # fmt: skip
        # Letters as outlines: hundreds of texts would take seconds.
        letters = []
        for x, y, _, lines in own:
            for number, text in enumerate(lines):
                if text not in glyphs:
                    glyphs[text] = TextPath((0, 0), text, size=size, prop=font)
                box = glyphs[text].get_extents()
                middle = tile[1] / 2 + (number - (len(lines) - 1) / 2) * size
                placed = (
                    Affine2D()
                    .translate(-(box.x0 + box.x1) / 2, -0.36 * size)
                    .scale(1, -1)
                    .translate(x + tile[0] / 2, y + middle)
                )
                letters.append(PathPatch(glyphs[text].transformed(placed)))
        axes.add_collection(
            PatchCollection(
                letters, facecolor=ink, edgecolor="none", linewidth=0, zorder=3
            )
        )
    axes.set_xlim(0, page[0])
    axes.set_ylim(page[1], 0)
    axes.axis("off")


def caption(cells: Cells) -> str:
    """Return the caption, with its numbers."""
    total = sum(
        n for row in cells.values() for cell in row.values() for n in cell.values()
    )
    return (
        f"Evidence map: {total} printed numbers of {len(cells)} studies, by study and "
        "by the method that tests them; a tile for each verdict with how many numbers "
        "got it.\n"
        "Numbers that no analysis is declared for stand in the last column, and what "
        "is no testable statement is left out. An empty cell says that the study "
        "prints nothing of the kind, not that it holds.\n"
        "Numbers of one study depend on each other: a full cell is no stronger "
        "evidence than its data.\n"
    )


def alt(cells: Cells) -> str:
    """Return what is seen, for those who cannot see it."""
    columns = {method for row in cells.values() for method in row}
    worst = [
        f"{study}, {method_named(method)}: {n} {verdict.replace('_', ' ')}"
        for study, row in cells.items()
        for method, cell in row.items()
        for verdict, n in cell.items()
        if verdict in ("impossible", "incompatible", "differs", "not_reached")
    ]
    told = "; ".join(worst[:8]) + (f"; and {len(worst) - 8} more" if worst[8:] else "")
    return (
        f"Table of {len(cells)} studies and {len(columns)} methods with the number of "
        "each verdict in every cell. "
        + (f"Cells that disagree with print: {told}." if worst else
           "No cell disagrees with print.")
    )  # fmt: skip


def write(
    claims: Sequence[Mapping],
    methods: Mapping[tuple[str, str], str],
    looks: Mapping,
    stem: str,
) -> None:
    """Write the map's files."""
    from reanalysis.figures.sheet import filled, notice
    from reanalysis.figures.style import Look
    from reanalysis.presentation.files import write_figure

    title = "Evidence map"
    look = Look.of(looks)
    cells = counted(claims, methods)

    def fill(sheet: Sheet) -> None:
        if cells:
            draw(sheet, cells)
        else:
            notice(sheet, title, "No study has a claim that could be tested.")

    with look.applied():
        sheet, _ = filled(look, fill)
        write_figure(
            stem, sheet, look, caption=caption(cells), alt=alt(cells), title=title
        )
