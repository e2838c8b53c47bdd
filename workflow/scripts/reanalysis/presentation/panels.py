"""Figures of one or several studies combined into one with letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from reanalysis.presentation.dispatch import Results
from reanalysis.presentation.files import write_figure


def write(
    stem: str,
    parts: Sequence[tuple[str, str, str]],
    results: Mapping[str, Results],
    looks: Mapping,
) -> None:
    """Write a combined figure's files.

    ``parts`` are (study, figure, analysis) in the order of the letters, ``results``
    those of every study among them.
    """
    from reanalysis.figures.panels import LETTERS, lettered
    from reanalysis.figures.style import Look

    look = Look.of(looks)
    with look.applied():
        page, told = lettered(
            look,
            [
                partial(results[study].fill, name=figure, analysis=analysis)
                for study, figure, analysis in parts
            ],
        )
        named = list(zip(LETTERS, told, strict=False))
        write_figure(
            stem, page, look,
            caption="\n".join(f"{letter}. {own.caption}" for letter, own in named),
            alt=" ".join(f"{letter}: {own.alt}" for letter, own in named),
            title="; ".join(own.title for own in told),
        )  # fmt: skip
