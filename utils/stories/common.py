"""What every story shares: a drawn figure with its message, and a rank among towns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from utils.formats import in_town, number, percent, typographic
from utils.publish import MarkdownBlock, publish, publish_table

__all__ = [
    "Story",
    "place_of",
    "publish_frame",
    "publish_optional",
    "publish_story",
    "ratio_words",
    "share_below",
]


@dataclass(frozen=True, slots=True)
class Story:
    """A figure ready to be published.

    Attributes
    ----------
    figure, drawn
        The picture, and the frame behind it.
    caption
        One sentence: what is drawn, for whom, when.
    alt
        The same for who cannot see it, with its main numbers.
    sources
        Identifiers of ``data/sources.yml``.
    note
        What the reader must know before quoting it.
    """

    figure: Figure
    drawn: pd.DataFrame
    caption: str
    alt: str
    sources: tuple[str, ...]
    note: str = ""


def place_of(town: pd.Series) -> str:
    """Return a town after "à", as a sentence begins: ``"Au Puy"``."""
    place = in_town(town["name"])
    return place[0].upper() + place[1:]


def share_below(values: pd.Series[float], own: float) -> float:
    """Share (%) of the known values strictly below ``own``; ties count for one half.

    The half-count of ties keeps a town with 0 facility, as most others, near the middle
    of its group instead of at its foot.
    """
    known = values.dropna()
    if known.empty or pd.isna(own):
        return float("nan")
    return float(100 * ((known < own).mean() + (known == own).mean() / 2))


def ratio_words(own: float, reference: float) -> str:
    """Say how a value compares with a reference: ``"1,6 fois la médiane"``.

    Within 10 % of the reference the two are said to be close.
    """
    if math.isnan(own) or math.isnan(reference):
        return "non comparable"
    if reference == 0:
        return "au-dessus d’une médiane nulle" if own > 0 else "égal à la médiane"
    ratio = own / reference
    if abs(ratio - 1) <= 0.1:
        return "proche de la médiane"
    if ratio > 2:
        return f"{number(ratio, 1)} fois la médiane"
    side = "au-dessus" if ratio > 1 else "en dessous"
    return f"{percent(abs(100 * (ratio - 1)))} {side} de la médiane"


def publish_story(story: Story, *, id: str) -> MarkdownBlock:  # noqa: A002
    """Publish a story's figure under an identifier such as ``"commerces-familles"``."""
    return publish(
        (story.figure, story.drawn),
        id=id,
        caption=story.caption,
        alt=story.alt,
        sources=list(story.sources),
        note=story.note,
    )


def publish_optional(story: Story | None, *, id: str, otherwise: str) -> MarkdownBlock:  # noqa: A002
    """Publish a story, or the sentence ``otherwise`` when there is none for this town."""
    return publish_story(story, id=id) if story else MarkdownBlock(typographic(otherwise))


def publish_frame(
    frame: pd.DataFrame,
    *,
    id: str,  # noqa: A002
    caption: str,
    sources: Sequence[str],
    otherwise: str,
    decimals: int | Mapping[str, int] = 0,
    note: str = "",
) -> MarkdownBlock:
    """Publish a table, or the sentence ``otherwise`` when it has no line for this town."""
    if frame.empty:
        return MarkdownBlock(typographic(otherwise))
    return publish_table(
        frame, id=id, caption=caption, sources=sources, decimals=decimals, note=note
    )
