"""The scoreboard: every printed number of every study, by what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis.verdicts import ORDER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reanalysis.figures.sheet import Sheet

#: Letter, fill and ink of each verdict; the letter tells them apart without colour.
MARKS = {
    "reproduced": ("R", "#0072B2", "#ffffff"),
    "reproduced_by_convention": ("C", "#56B4E9", "#1a1a1a"),
    "compatible": ("M", "#009E73", "#ffffff"),
    "attainable": ("A", "#B7E3D4", "#1a1a1a"),
    "differs": ("D", "#D55E00", "#ffffff"),
    "incompatible": ("X", "#7A1F00", "#ffffff"),
    "impossible": ("I", "#1a1a1a", "#ffffff"),
    "not_reached": ("N", "#E69F00", "#1a1a1a"),
    "used": ("U", "#D9D9D9", "#1a1a1a"),
    "not_recomputable": ("\u2013", "#F2F2F2", "#6b6b6b"),
    "context": ("\u00b7", "#ffffff", "#6b6b6b"),
}

#: Order of the tiles in a row: tested first.
_TILES = tuple(MARKS)


def counts(claims: Sequence[Mapping]) -> dict[str, dict[str, int]]:
    """Return how often each verdict was given, by study: most recomputed first."""
    found: dict[str, dict[str, int]] = {}
    for claim in claims:
        verdicts = found.setdefault(claim["study"], dict.fromkeys(_TILES, 0))
        verdicts[claim["verdict"]] += 1

    def order(study: str) -> tuple:
        verdicts = found[study]
        tested = sum(verdicts[v] for v in _TILES if v not in _OPEN)
        return (-tested, -sum(verdicts.values()), study)

    return {study: found[study] for study in sorted(found, key=order)}


_OPEN = ("used", "not_recomputable", "context")


def draw(sheet: Sheet, claims: Sequence[Mapping]) -> None:
    """Draw a row of tiles per study, a tile per printed number."""
    from reanalysis.figures.sheet import MARGIN

    board = counts(claims)
    small = sheet.small
    totals = {v: sum(verdicts[v] for verdicts in board.values()) for v in _TILES}
    _key(sheet, totals)
    sheet.y += 5
    tile, pitch = max(0.95 * small, 6.0), max(1.06 * small, 6.7)
    numbers = [_fraction(verdicts) for verdicts in board.values()]
    count_width = max(
        [sheet.measure(t, small) for t in numbers] + [_heading_width(sheet)]
    )
    name_width = min(
        max([sheet.measure(study, small) for study in board], default=40.0) + 1,
        0.3 * sheet.inner,
    )
    left = MARGIN + name_width + 6
    room = sheet.width - MARGIN - count_width - 6 - left
    per_row = max(5, int((room + pitch - tile) // pitch))
    _heads(sheet)
    top = sheet.y
    tiles: list[tuple[float, float, str]] = []
    y = 0.0
    for (study, verdicts), number in zip(board.items(), numbers, strict=True):
        names = sheet.wrap(study.replace("_", "_ "), name_width, small)
        names = _rejoined(names)
        row = [v for v in _TILES for _ in range(verdicts[v])]
        deep = max(1, -(-len(row) // per_row))
        for i, verdict in enumerate(row):
            tiles.append((i % per_row * pitch, y + i // per_row * pitch, verdict))
        sheet.text(MARGIN, top + y + tile / 2 - 0.65 * small, names, size=small)
        sheet.text(
            sheet.width - MARGIN, top + y + tile / 2 - 0.65 * small, number,
            size=small, align="right",
        )  # fmt: skip
        for verdict, n in verdicts.items():
            if n:
                sheet.note("tiles", series=study, text=verdict, x=float(n))
        y += max(deep * pitch, len(names) * sheet.line_height(small)) + 3
    height = max(y, 10.0)
    sheet.plot(
        lambda axes: _tiles(axes, tiles, tile, (per_row * pitch, height), small),
        x=left,
        width=per_row * pitch,
        height=height,
    )
    sheet.y += height


def _fraction(verdicts: Mapping[str, int]) -> str:
    tested = _tested(verdicts)
    return f"{_settled(verdicts)}/{tested}" if tested else "none"


def _tested(verdicts: Mapping[str, int]) -> int:
    return sum(n for v, n in verdicts.items() if v not in _OPEN)


def _settled(verdicts: Mapping[str, int]) -> int:
    agree = ("reproduced", "reproduced_by_convention", "compatible", "attainable")
    return sum(verdicts[v] for v in agree)


_HEADS = ("agree /", "tested")


def _heading_width(sheet: Sheet) -> float:
    return max(sheet.measure(word, sheet.small, "bold") for word in _HEADS)


def _heads(sheet: Sheet) -> None:
    from reanalysis.figures.sheet import MARGIN

    end = sheet.text(
        sheet.width - MARGIN, sheet.y, _HEADS, size=sheet.small, weight="bold",
        align="right",
    )  # fmt: skip
    line = end - sheet.line_height(sheet.small)
    sheet.text(MARGIN, line, "Study", size=sheet.small, weight="bold")
    sheet.stroke([MARGIN, sheet.width - MARGIN], [end + 1, end + 1], color="k", lw=0.5)
    sheet.y = end + 4


def _rejoined(names: list[str]) -> list[str]:
    return [name.replace("_ ", "_") for name in names]


def _key(sheet: Sheet, totals: Mapping[str, int]) -> None:
    """Explain the tiles, with how many there are of each."""
    from reanalysis.figures.sheet import MARGIN

    x, small = MARGIN, sheet.small
    tile = max(0.95 * small, 6.0)
    for verdict, n in totals.items():
        if not n:
            continue
        label = f"{verdict.replace('_', ' ')} ({n})"
        need = tile + 3 + sheet.measure(label, small) + 10
        if x > MARGIN and x + need - 8 > sheet.width - MARGIN:
            x, sheet.y = MARGIN, sheet.y + sheet.line_height(small) + 1
        letter, fill, ink = MARKS[verdict]
        middle = sheet.y + 0.5 * sheet.line_height(small)
        sheet.stroke(
            [x + tile / 2], [middle], marker="s", markersize=tile, linestyle="none",
            markerfacecolor=fill, markeredgecolor="#8a8a8a", markeredgewidth=0.4,
        )  # fmt: skip
        sheet.text(
            x + tile / 2, middle - 0.65 * 0.8 * small, letter, size=0.8 * small,
            color=ink, align="center", weight="bold",
        )  # fmt: skip
        sheet.text(x + tile + 3, sheet.y, label, size=small)
        x += need
    sheet.y += sheet.line_height(small)


def _tiles(
    axes: Axes,
    tiles: Sequence[tuple[float, float, str]],
    tile: float,
    size: tuple[float, float],
    small: float,
) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(weight="bold")
    for verdict, (letter, fill, ink) in MARKS.items():
        at = [(x, y) for x, y, v in tiles if v == verdict]
        if not at:
            continue
        axes.add_collection(
            PatchCollection(
                [Rectangle(place, tile, tile) for place in at],
                facecolor=fill,
                edgecolor="#8a8a8a",
                linewidth=0.4,
            )
        )
        # Letters as outlines: a thousand texts would take seconds.
        glyph = TextPath((0, 0), letter, size=0.8 * small, prop=font)
        box = glyph.get_extents()
        middle = (
            0.29 * small
            if verdict in ("context", "not_recomputable")
            else ((box.y0 + box.y1) / 2)
        )
        centre = ((box.x0 + box.x1) / 2, middle)
        axes.add_collection(
            PatchCollection(
                [
                    PathPatch(
                        glyph.transformed(
                            Affine2D()
                            .translate(-centre[0], -centre[1])
                            .scale(1, -1)
                            .translate(x + tile / 2, y + tile / 2)
                        )
                    )
                    for x, y in at
                ],
                facecolor=ink,
                edgecolor="none",
                linewidth=0,
            )
        )
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    axes.axis("off")


def caption(claims: Sequence[Mapping]) -> str:
    """Return the caption, with its numbers."""
    board = counts(claims)
    totals = {v: sum(verdicts[v] for verdicts in board.values()) for v in ORDER}
    known = "; ".join(f"{n} {v.replace('_', ' ')}" for v, n in totals.items() if n)
    return (
        f"Printed against recomputed: {len(claims)} printed numbers of {len(board)} "
        f"studies, a tile each. {known}.\n"
        "Tiles of a study stand in the order of the key, studies by how many of their "
        "numbers could be tested; the fraction counts those that agree (reproduced, "
        "reproduced by a named convention, compatible, attainable) among those "
        "tested.\n"
        "Reproduced is said only of individual or summary data; compatible means that "
        "rebuilt data hold the printed number, which is weaker. Numbers of one study "
        "depend on each other, and what could not be tested may be what fails: the "
        "share that agrees is no estimate of how reliable such papers are.\n"
    )


def write(claims: Sequence[Mapping], looks: Mapping, stem: str) -> None:
    """Write the scoreboard's files."""
    from reanalysis.figures.sheet import filled, notice
    from reanalysis.figures.style import Look
    from reanalysis.presentation import alt_text
    from reanalysis.presentation.files import write_figure

    title = "Printed against recomputed"
    look = Look.of(looks)

    def fill(sheet: Sheet) -> None:
        if claims:
            draw(sheet, claims)
        else:
            notice(sheet, title, "No study has a claim.")

    with look.applied():
        sheet, _ = filled(look, fill)
        write_figure(
            stem, sheet, look, caption=caption(claims),
            alt=alt_text.described(title, "summary", sheet.drawn), title=title,
        )  # fmt: skip
