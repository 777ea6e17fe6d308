"""The portrait of one town: who she is, where she differs from her comparables, what is unknown.

Assembles what :mod:`utils.portrait` judges and says; nothing here is a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from utils import charts, portrait, tables
from utils.catalogue import load_indicators_catalogue, source
from utils.formats import (
    NBSP,
    counted,
    in_town,
    join_words,
    number,
    of_town,
    percent,
    plural,
    typographic,
    year,
)
from utils.portrait import Gap, Sentence
from utils.publish import describe_strip
from utils.stories import comparison
from utils.stories.common import Story
from utils.territory import AAV_LABELS, DENSITY_LABELS

__all__ = [
    "PERHAPS_CHANCE",
    "STRUCTURE_SOURCES",
    "SURE",
    "Luck",
    "Part",
    "Portrait",
    "Told",
    "Unknown",
    "chance_sentence",
    "comparables_sentence",
    "draw",
    "first_list",
    "gaps_table",
    "lines_of",
    "luck",
    "luck_sentence",
    "mark",
    "method",
    "newest",
    "parts_sentence",
    "source_lines",
    "strips",
    "unknown_table",
]

POPULATION: Final = f"pop_{tables.LATEST_POPULATION}"

#: Sources of who the town is.
STRUCTURE_SOURCES: Final = ("pvd_communes", *comparison.SOURCES)

#: PVD drawn at random to measure what chance makes, and seed of the draw.
SAMPLE: Final = 60
SEED: Final = 6

#: How many indicators on which the town is like the others are named under a heading.
_ALIKE: Final = 6


@dataclass(frozen=True, slots=True)
class Told:
    """A gap, what is said of it, and the unit of its values."""

    gap: Gap
    sentence: Sentence
    label: str
    unit: str


@dataclass(frozen=True, slots=True)
class Part:
    """A heading of the portrait.

    Attributes
    ----------
    title, told
        The heading; its gaps, the strongest first.
    examined, apart, sure
        Number of indicators looked at; of gaps told or that could be, one a subject; of those
        that are sure.
    alike
        Labels of some indicators on which the town is in the middle half of its comparables.
    """

    title: str
    told: tuple[Told, ...]
    examined: int
    apart: int
    sure: int
    alike: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be compared, and why: labels of indicators."""

    reason: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Portrait:
    """All that the page of a town says.

    Attributes
    ----------
    town
        Line of :func:`tables.load_towns`.
    facts
        Who she is: label and text.
    warning
        How near her comparables are; a caution when none is like her.
    comparables
        Lines of :func:`tables.load_towns`, the nearest first.
    first
        What stands out most, all headings together (:func:`utils.portrait.first`).
    parts
        The headings.
    unknown
        What could not be compared.
    sources
        Identifiers of ``data/sources.yml`` that were read.
    lines, gaps
        What was compared: :func:`lines_of`, and :func:`utils.portrait.judge` of it.
    """

    town: pd.Series
    facts: tuple[tuple[str, str], ...]
    warning: str
    comparables: pd.DataFrame
    first: tuple[Told, ...]
    parts: tuple[Part, ...]
    unknown: tuple[Unknown, ...]
    sources: tuple[str, ...]
    lines: pd.DataFrame
    gaps: tuple[Gap, ...]

    @property
    def examined(self) -> int:
        """Number of indicators looked at."""
        return sum(part.examined for part in self.parts)

    @property
    def apart(self) -> int:
        """Number of gaps that may be told, one a subject."""
        return sum(part.apart for part in self.parts)

    @property
    def sure(self) -> int:
        """Number of those that are sure."""
        return sum(part.sure for part in self.parts)


def _facts(town: pd.Series) -> tuple[tuple[str, str], ...]:
    """Say who the town is: place, population and its change, role, density, programme."""
    last, before = town[POPULATION], town["pop_2013"]
    people = counted(last, "habitant") + f" en {tables.LATEST_POPULATION}"
    if pd.notna(before) and before > 0:
        change = 100 * (last / before - 1)
        moved = number(abs(last - before))
        if last == before:
            people += ", autant qu’en 2013"
        else:
            side = "plus" if last > before else "moins"
            people += f" : {moved} de {side} qu’en 2013 ({percent(change, 1)})"
            people = people.replace("(", "(+", 1) if last > before else people
    role = AAV_LABELS.get(town["aav_category"], "Rôle inconnu")
    if town["aav_category"] in AAV_LABELS and town["aav_category"] != "30":
        role += f" de l’aire d’attraction {of_town(town['aav_name'])}"
    density = DENSITY_LABELS[int(town["density"])] if pd.notna(town["density"]) else "Non classée"
    programme = "Membre du programme" if town["pvd"] else "Hors du programme"
    if town["pvd"] and pd.notna(town["pvd_signed"]):
        programme += f", convention signée en {year(pd.Timestamp(town['pvd_signed']).year)}"
    together = town["epci_name"] if pd.notna(town["epci_name"]) else "Aucune"
    pairs = (
        ("Où", ", ".join(dict.fromkeys((town["departement_name"], town["region_name"])))),
        ("Population", people),
        ("Rôle", role),
        ("Densité (Insee)", density),
        ("Intercommunalité", str(together)),
        ("Petites villes de demain", programme),
    )
    return tuple((label, typographic(text)) for label, text in pairs)


def lines_of(town: pd.Series, among: pd.DataFrame | None = None) -> pd.DataFrame:
    """Load the latest year of every indicator spoken of, for a town and its comparables.

    Parameters
    ----------
    town : Series
        A line of :func:`tables.load_towns`.
    among : DataFrame, optional
        :func:`_latest` of these towns and others: what is already read is not read again.

    Returns
    -------
    DataFrame
        ``code``, ``indicator``, ``year``, ``value``, ``status``, ``population``, ``rate``,
        ``is_town``, in the order of the catalogue: what :func:`portrait.judge` wants.
    """
    codes = [str(town["code"]), *comparison.comparables(town)]
    lines = _latest(codes) if among is None else among[among["code"].isin(codes)]
    lines = lines.assign(is_town=lines["code"] == town["code"])
    return lines.reset_index(drop=True)


def _latest(codes: Iterable[str]) -> pd.DataFrame:
    """Load the latest year of every indicator spoken of, in the order of the catalogue."""
    years = newest()
    lines = tables.load_indicators(list(years), codes=codes, years=set(years.values()), rates=True)
    lines = lines[lines["year"] == lines["indicator"].map(years)]
    order = lines["indicator"].map({name: rank for rank, name in enumerate(years)})
    return lines.assign(order=order).sort_values(["order", "code"]).drop(columns="order")


@lru_cache(maxsize=1)
def newest() -> dict[str, int]:
    """Return the latest year of every indicator spoken of."""
    spoken = portrait.spoken(load_indicators_catalogue()).values()
    return {one.id: max(one.years) for group in spoken for one in group}


def draw(town: pd.Series) -> Portrait:
    """Draw the portrait of a town."""
    catalogue = load_indicators_catalogue()
    lines = lines_of(town)
    gaps = portrait.judge(lines, catalogue)
    parts = []
    for title, group in portrait.spoken(catalogue).items():
        ids = {one.id for one in group}
        apart = portrait.choose(gaps, group, most=len(group))
        parts.append(
            Part(
                title=title,
                told=tuple(_told(gap) for gap in apart[: portrait.MOST]),
                examined=sum(gap.indicator in ids for gap in gaps),
                apart=len(apart),
                sure=sum(gap.sure for gap in apart),
                alike=_alike([gap for gap in gaps if gap.indicator in ids]),
            )
        )
    codes = comparison.comparables(town)
    towns = tables.load_towns()
    towns = towns[towns["code"].isin(codes)].set_index("code").loc[codes]
    used = [name for gap in gaps for name in catalogue[gap.indicator].sources]
    return Portrait(
        town=town,
        facts=_facts(town),
        warning=comparison.atypical(town).replace("**", ""),
        comparables=towns.reset_index(),
        first=tuple(_told(gap) for gap in portrait.first(gaps, catalogue)),
        parts=tuple(parts),
        unknown=_unknown(lines, gaps),
        sources=_dated(dict.fromkeys((*STRUCTURE_SOURCES, *used)), gaps),
        lines=lines,
        gaps=tuple(gaps),
    )


def _dated(names: Sequence[str] | dict[str, None], gaps: Sequence[Gap]) -> tuple[str, ...]:
    """Leave out the vintages of a source that no value comes from (``bpe_2009``)."""
    years = {str(gap.year) for gap in gaps}
    return tuple(
        name
        for name in names
        if not (name.startswith("bpe_") and name.removeprefix("bpe_") not in years)
    )


def _told(gap: Gap) -> Told:
    indicator = load_indicators_catalogue()[gap.indicator]
    unit = (indicator.rate_unit or indicator.unit) if indicator.denominator else indicator.unit
    return Told(
        gap=gap,
        sentence=portrait.sentence(gap, indicator),
        label=typographic(f"{indicator.rate_label or indicator.label}, {gap.year}"),
        unit=typographic(unit),
    )


def _alike(gaps: Sequence[Gap]) -> tuple[str, ...]:
    """Name what the town has about as much of as its comparables."""
    catalogue = load_indicators_catalogue()
    inside = [
        catalogue[gap.indicator].label
        for gap in gaps
        if not gap.kind
        and gap.own > 0
        and np.quantile(gap.others, 0.25) <= gap.own <= np.quantile(gap.others, 0.75)
    ]
    return tuple(typographic(_lowered(label)) for label in inside[:_ALIKE])


def _unknown(lines: pd.DataFrame, gaps: Sequence[Gap]) -> tuple[Unknown, ...]:
    """Tell what could not be compared: absent, secret, or known of too few comparables."""
    catalogue = load_indicators_catalogue()
    own = lines[lines["is_town"]].set_index("indicator")["status"]
    reasons: dict[str, list[str]] = {"absent": [], "secret": [], "few": []}
    judged = {gap.indicator for gap in gaps}
    for name in (name for name in newest() if name not in judged):
        status = str(own.get(name, "absent"))
        label = typographic(catalogue[name].label)
        reasons[status if status in reasons else "few"].append(label)
    words = {
        "absent": "Absents de la source pour cette commune",
        "secret": "Couverts par le secret statistique",
        "few": f"Connus de moins de {portrait.FEWEST} villes comparables",
    }
    return tuple(Unknown(words[why], tuple(labels)) for why, labels in reasons.items() if labels)


# --------------------------------------------------------------------------- in the book


def parts_sentence(one: Portrait) -> str:
    """Say how many indicators were looked at, and on how many the town stands apart."""
    if not one.apart:
        return typographic(
            f"Sur {counted(one.examined, 'indicateur')} regardés, aucun ne distingue"
            f" {one.town['name']} de ses villes comparables au-delà du bruit."
        )
    listed = join_words(
        [f"{part.title.lower()} ({number(part.apart)}{NBSP}sur{NBSP}{number(part.examined)})"
         for part in one.parts]
    )  # fmt: skip
    return typographic(
        f"Sur {counted(one.examined, 'indicateur')} regardés, {number(one.apart)}"
        f" {plural(one.apart, 'distingue', 'distinguent')} {one.town['name']} de ses"
        f" {counted(len(one.comparables), 'ville comparable', 'villes comparables')},"
        f" {_clear(one)} : {listed}."
    )


def _clear(one: Portrait) -> str:
    """Say how many gaps are sure: ``"dont 2 très nettement"``."""
    if not one.sure:
        return "sans qu’aucun écart soit très net"
    if one.sure == one.apart:
        return "très nettement" if one.sure == 1 else "tous très nettement"
    return f"dont {number(one.sure)} très nettement"


#: What is said after a gap that is sure, after one that may be chance, and after the others.
SURE: Final = "très net"
PERHAPS_CHANCE: Final = "peut-être le hasard"


def mark(gap: Gap) -> str:
    """Say how sure a gap is: :data:`SURE`, :data:`PERHAPS_CHANCE` or nothing."""
    return SURE if gap.sure else PERHAPS_CHANCE if gap.perhaps_chance else ""


def first_list(one: Portrait) -> str:
    """List what stands out most, as Markdown: what the dashboard shows of the same town."""
    if not one.first:
        return f"Rien ne distingue nettement {one.town['name']}."
    lines = []
    for rank, told in enumerate(one.first, start=1):
        marked = f" *({mark(told.gap)})*" if mark(told.gap) else ""
        lines.append(f"{rank}. **{told.sentence.claim}**{told.sentence.rest}{marked}")
    return "\n".join(lines)


def chance_sentence(one: Portrait) -> str:
    """Say how many gaps of counts are told, and how many chance alone would make."""
    told, expected, counts = _luck(one.gaps)
    said = counted(told, "écart est dit", "écarts sont dits") if told else "aucun écart n’est dit"
    return typographic(
        f"Parmi les {number(counts)} indicateurs qui dénombrent quelque chose,"
        f" {said} ; le hasard seul en donnerait en moyenne {number(expected, 1)}."
    )


def _luck(gaps: Sequence[Gap]) -> tuple[int, float, int]:
    """Gaps of counts that are told, mean number that chance makes, number of counts."""
    catalogue = load_indicators_catalogue()
    gaps = [gap for gap in gaps if portrait.is_counted(catalogue[gap.indicator])]
    return sum(bool(gap.kind) for gap in gaps), portrait.by_chance(gaps, catalogue), len(gaps)


@dataclass(frozen=True, slots=True)
class Luck:
    """Means over some PVD drawn at random: gaps of counts told, and made by chance."""

    towns: int
    told: float
    expected: float


@lru_cache(maxsize=1)
def luck() -> Luck:
    """Measure, over :data:`SAMPLE` PVD drawn at random, what is told and what chance makes."""
    codes = tables.load_towns(pvd=True)["code"].sample(SAMPLE, random_state=SEED)
    towns = [tables.load_town(code) for code in codes]
    catalogue = load_indicators_catalogue()
    read = _latest({*codes, *(code for town in towns for code in comparison.comparables(town))})
    found = [_luck(portrait.judge(lines_of(town, read), catalogue))[:2] for town in towns]
    told, expected = np.mean(found, axis=0)
    return Luck(len(towns), float(told), float(expected))


def luck_sentence() -> str:
    """Say what is told of a PVD on average, and what chance alone would make."""
    found = luck()
    told = plural(found.told, "écart de dénombrement est dit", "écarts de dénombrement sont dits")
    return typographic(
        f"Sur {number(found.towns)} PVD tirées au sort, {number(found.told, 1)} {told} par ville en"
        f" moyenne, et le hasard seul en donnerait {number(found.expected, 1)} : seuls les"
        " « très nets » se croient sans aller voir."
    )


def method() -> str:
    """Say in a few sentences when a difference is told."""
    few = int(portrait.FARTHER * 20)
    return typographic(
        f"Un écart n’est dit que si {few} villes comparables sur 20 au plus vont aussi loin du même"
        f" côté, s’il atteint {percent(100 * (portrait.MEANINGFUL - 1))} de la référence"
        f" ({number(portrait.POINTS)} points pour une part ; {number(portrait.KM)} km pour une"
        f" distance, {number(portrait.KM_BY_INHABITANT, 1)} km pour une distance médiane des"
        " habitants) et s’il dépasse le bruit : pour ce qui se compte, moins de"
        f" {number(100 * portrait.CHANCE)} chances sur 100 que le hasard seul l’explique, au taux"
        " de l’ensemble des comparables et avec leur propre dispersion (test exact, loi"
        " bêta-binomiale) ; pour le reste, au moins"
        f" {number(portrait.STANDARD, 1)} écart-type robuste autour de leur médiane. Avoir ce"
        " qu’aucune autre n’a, ou n’avoir pas ce qu’elles ont toutes, est dit sans autre test."
        f" « {SURE[0].upper()}{SURE[1:]} » : l’écart tient encore quand on le corrige du nombre"
        f" d’indicateurs regardés (Benjamini et Hochberg, {percent(100 * portrait.FALSE_RATE)}) ;"
        f" pour ce qui se mesure, il atteint {number(2 * portrait.STANDARD)} écarts-types."
        f" « {PERHAPS_CHANCE[0].upper()}{PERHAPS_CHANCE[1:]} » : un nombre dont l’écart ne tient"
        " pas ainsi. De deux indicateurs d’un même sujet, un seul est dit."
    )


def strips(one: Portrait, part: Part) -> Story | None:
    """Draw the gaps told under a heading, one strip each; None where there is none."""
    if not part.told:
        return None
    town, lines = one.town, one.lines
    codes = [town["code"], *one.comparables["code"]]
    catalogue = load_indicators_catalogue()
    frames = []
    for told in part.told:
        rows = lines[lines["indicator"] == told.gap.indicator].set_index("code").reindex(codes)
        read = "rate" if catalogue[told.gap.indicator].denominator else "value"
        frames.append(
            pd.DataFrame(
                {
                    "label": told.label,
                    "code": codes,
                    "value": rows[read].to_numpy(dtype=float),
                    "unit": told.unit,
                    "decimals": portrait.digits(told.gap.own, told.gap.reference),
                }
            )
        )
    figure, drawn = charts.strip_against(
        pd.concat(frames, ignore_index=True),
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(
            f"{_raised(in_town(town['name']))}, {_lowered(part.told[0].sentence.claim)}"
        ),
        shared=False,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"{part.title} : où {town['name']} s’écarte le plus de ses villes comparables ; chaque"
            " bande a son échelle."
        ),
        alt=describe_strip(drawn, town_name=town["name"], group_name=comparison.GROUP),
        sources=_dated(
            dict.fromkeys(
                name for told in part.told for name in catalogue[told.gap.indicator].sources
            ),
            [told.gap for told in part.told],
        ),
        note="Le titre dit l’écart le plus fort.",
    )


def _raised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _lowered(text: str) -> str:
    return f"{text[0].lower()}{text[1:]}"


def gaps_table(one: Portrait) -> pd.DataFrame:
    """List every gap told.

    Returns
    -------
    DataFrame
        ``Thème``, ``Écart`` (the sentence), ``Très net`` (it stands when corrected for the
        number of indicators), ``Force`` (standard deviations, at most 6).
    """
    columns = ["Thème", "Écart", "Très net", "Force"]
    lines = [
        (part.title, str(told.sentence), told.gap.sure, told.gap.strength)
        for part in one.parts
        for told in part.told
    ]
    return pd.DataFrame(lines, columns=columns)


def comparables_sentence(one: Portrait) -> str:
    """Name the comparable towns, the nearest first."""
    names = list(one.comparables["name"] + " (" + one.comparables["departement"] + ")")
    return typographic(f"De la plus proche à la plus éloignée : {join_words(names)}.")


def unknown_table(one: Portrait) -> pd.DataFrame:
    """List what could not be compared: ``Indicateur``, ``Raison``."""
    lines = [(label, unknown.reason) for unknown in one.unknown for label in unknown.labels]
    return pd.DataFrame(lines, columns=["Indicateur", "Raison"])


def source_lines(one: Portrait) -> tuple[tuple[str, str], ...]:
    """Return the source lines as Insee writes them, and the page of each producer."""
    lines = {source(name).attribution: source(name).landing or "" for name in one.sources}
    return tuple((typographic(text), address) for text, address in lines.items())
