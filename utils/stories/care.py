"""Care in a town: how many, how far without a network, and on real streets where there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from utils import access, charts, maps, network, tables
from utils.catalogue import load_indicators_catalogue
from utils.communes import local_epsg, overseas
from utils.formats import (
    NBSP,
    counted,
    in_town,
    join_words,
    number,
    of_noun,
    of_town,
    ordinal,
    percent,
    plural,
    typographic,
)
from utils.network import Mode
from utils.publish import describe_strip
from utils.stories import comparison
from utils.stories.common import Story, place_of, ratio_words, share_below

__all__ = [
    "STREET_TOWNS",
    "accessibility",
    "age_bars",
    "age_distances",
    "bicycle_sentence",
    "density",
    "detour_errors_table",
    "detour_sentence",
    "detours_table",
    "distance_sentence",
    "distances",
    "edge_sentence",
    "far_sentence",
    "on_streets",
    "own_streets",
    "places_sentence",
    "ranks_table",
    "reach_curves",
    "reach_table",
    "sensitivity_table",
    "shares_table",
    "straight_error_sentence",
    "summary",
    "time_map",
]

BPE_YEAR: Final = 2024
APL_YEAR: Final = 2023
STRAIGHT_YEAR: Final = 2021
SQUARES_YEAR: Final = 2019
PER_1000: Final = "pour 1 000 habitants"

COUNTED: Final = (
    "nb_medecin_generaliste",
    "nb_pharmacie",
    "nb_infirmier",
    "nb_kinesitherapeute",
    "nb_dentiste",
)
APL: Final = (
    "apl_medecin_generaliste",
    "apl_infirmiere",
    "apl_kinesitherapeute",
    "apl_chirurgien_dentiste",
    "apl_sage_femme",
)

#: Kind -> its end of the identifiers of indicators, its name.
_PROFESSIONS: Final = {
    "doctor": ("medecin", "médecin généraliste"),
    "nurse": ("infirmier", "infirmier"),
    "physiotherapist": ("kine", "kinésithérapeute"),
}
_KIND_NAMES: Final = {
    "doctor": "médecin généraliste",
    "pharmacy": "pharmacie",
    "nurse": "infirmier",
    "physiotherapist": "kinésithérapeute",
    "dentist": "dentiste",
    "hospital": "hôpital",
}
_AGE_NAMES: Final = {
    "tous": "tous les habitants",
    "age_under_18": "moins de 18 ans",
    "age_18_to_64": "18 à 64 ans",
    "age_65_to_79": "65 à 79 ans",
    "age_over_80": "80 ans ou plus",
}
_MODE_NAMES: Final[dict[Mode, str]] = {"walk": "à pied", "bike": "à vélo"}
_SOURCE_NAMES: Final = {"bpe": "BPE 2021", "finess": "FINESS", "osm": "OpenStreetMap"}

STRAIGHT_SOURCES: Final = ("carreaux_200m", "bpe_points_2021")
#: Towns whose times on streets are embedded -> the source of their streets.
STREET_TOWNS: Final = {
    "01306": "osm_pont_de_veyle",
    "06012": "osm_monaco",
    "06032": "osm_monaco",
}
#: Those that the chapter shows whatever its town.
SHOWN: Final = ("01306", "06012")
#: Variants of the sensitivity table that the text quotes.
REFERENCE: Final = "calcul du livre"
STRAIGHT: Final = "à vol d’oiseau"
DETOUR: Final = "à vol d’oiseau, multiplié par le détour médian"
_FLAT: Final = "Pente non comptée : en côte, les temps sont plus longs, à vélo surtout."
_KM: Final = f"1{NBSP}km"
#: Gap between two ages that is worth a title, points.
_GAP_POINTS: Final = 2.0
#: Fewest inhabitants of an age whose share is worth a title: one household more or less would
#: change it by several points.
_LEAST_PERSONS: Final = 100
#: Share of the census under which the squares of a town are said to miss some of it, %.
_WELL_COVERED: Final = 75.0
#: Minutes at which the stories tell who stays far.
_FAR_MIN: Final = 10


def _label(indicator: str) -> str:
    return load_indicators_catalogue()[indicator].label


# --------------------------------------------------------------------------- how many


def summary(town: pd.Series) -> str:
    """Say how many doctors and pharmacies the town has, and its accessibility to doctors."""
    lines = comparison.values(town, ["nb_medecin_generaliste", "nb_pharmacie"], BPE_YEAR)
    own = lines[lines["is_town"]].set_index("indicator")["count"]
    doctors, pharmacies = own["nb_medecin_generaliste"], own["nb_pharmacie"]
    if math.isnan(doctors) or math.isnan(pharmacies):
        text = (
            f"La base permanente des équipements de {BPE_YEAR} ne couvre pas {town['name']} :"
            " ses soignants n’y sont pas dénombrés."
        )
    else:
        rate, others = comparison.split(lines[lines["indicator"] == "nb_medecin_generaliste"])
        text = (
            f"La base permanente des équipements de {BPE_YEAR} dénombre {in_town(town['name'])}"
            f" **{counted(doctors, 'médecin généraliste', 'médecins généralistes')}** et"
            f" **{counted(pharmacies, 'pharmacie')}**. Le nombre de généralistes pour 1 000"
            f" habitants, {number(rate, 2)}, est {ratio_words(rate, others.median())} de ses"
            f" comparables ({number(others.median(), 2)})."
        )
    apl = comparison.values(town, [APL[0]], APL_YEAR, rates=False)
    value, near = comparison.split(apl)
    if math.isnan(value):
        return typographic(
            f"{text} L’accessibilité potentielle (APL) n’est pas connue : le fichier des cinq"
            " professions laisse de côté la Corse et Mayotte."
        )
    return typographic(
        f"{text} Un habitant peut y obtenir en moyenne {number(value, 1)}"
        f" {plural(value, 'consultation')} de généraliste par an (APL {APL_YEAR}), contre"
        f" {number(near.median(), 1)} dans la ville comparable médiane."
    )


def density(town: pd.Series) -> Story:
    """Draw practitioners and pharmacies per 1,000 inhabitants among the comparables."""
    lines = comparison.values(town, COUNTED, BPE_YEAR)
    lines["label"] = lines["indicator"].map(_label)
    place = {
        str(name): share_below(rows.loc[~rows["is_town"], "value"], comparison.split(rows)[0])
        for name, rows in lines.groupby("indicator")
    }
    known = {name: rank for name, rank in place.items() if not math.isnan(rank)}
    if not known:
        title = f"Les soignants {of_town(town['name'])} ne sont pas dénombrés"
    else:
        least = min(known, key=lambda name: (known[name], COUNTED.index(name)))
        fewer = 100 - known[least]
        title = (
            f"{place_of(town)}, le plus en retrait sur ses comparables :"
            f" {_label(least).lower()}, {'moins que' if fewer >= 50 else 'plus pourtant que'} dans"
            f" {percent(fewer if fewer >= 50 else known[least])} d’entre elles"
        )
    figure, drawn = charts.strip_against(
        lines[["label", "code", "value"]],
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(title),
        unit=PER_1000,
        decimals=2,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Cinq services de soins {PER_1000} en {BPE_YEAR} : {town['name']} et ses villes"
            " comparables."
        ),
        alt=describe_strip(
            drawn, town_name=town["name"], group_name=comparison.GROUP, unit=PER_1000, decimals=2
        ),
        sources=("bpe_2024", "population_historique", "cog_communes"),
        note="Officines, et praticiens par lieu d’exercice : qui exerce à deux adresses compte deux"
        " fois, quel que soit son temps de travail. Le nombre de pharmacies a changé de source"
        " depuis 2018 : il ne se compare pas à celui d’avant.",
    )


def accessibility(town: pd.Series) -> Story | None:
    """Draw the potential accessibility to five professions; ``None`` where it is not known."""
    lines = comparison.values(town, APL, APL_YEAR, rates=False)
    catalogue = load_indicators_catalogue()
    if lines.loc[lines["is_town"], "value"].isna().all():
        return None
    short = {"consultations par an et par habitant": "consultations par an"}
    lines["label"] = (
        lines["indicator"].map(_label).str.removeprefix("Accessibilité aux ").str.capitalize()
    )
    units = {name: catalogue[name].unit for name in APL}
    lines["unit"] = [short.get(units[n], "ETP pour 100 000") for n in lines["indicator"]]
    lines["decimals"] = [catalogue[name].decimals for name in lines["indicator"]]
    below = [
        name
        for name, rows in lines.groupby("indicator", sort=False)
        if comparison.split(rows)[0] < comparison.split(rows)[1].median()
    ]
    figure, drawn = charts.strip_against(
        lines[["label", "code", "value", "unit", "decimals"]],
        town=town["code"],
        town_name=town["name"],
        group_name=comparison.GROUP,
        title=typographic(
            f"{place_of(town)}, l’accessibilité est sous la médiane des comparables pour"
            f" {counted(len(below), 'profession')} sur {len(APL)}"
        ),
        shared=False,
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Accessibilité potentielle localisée à cinq professions en {APL_YEAR} :"
            f" {town['name']} et ses villes comparables."
        ),
        alt=describe_strip(drawn, town_name=town["name"], group_name=comparison.GROUP),
        sources=("apl_professions",),
        note="L’APL compte l’offre des communes voisines, d’autant moins que la route y est longue"
        " en voiture, et l’âge des habitants ; sages-femmes : équivalents temps plein pour 100 000"
        " femmes.",
    )


# --------------------------------------------------------------------------- straight lines


def _own_distances(town: pd.Series) -> pd.DataFrame:
    lines = tables.load_care_distances()
    own: pd.DataFrame = lines[lines["code"] == town["code"]]
    return own


def _factors() -> tuple[float, float, float]:
    """Return the detour: least p10, median of the medians, greatest p90 of the networks."""
    whole = tables.load_detours()
    whole = whole[whole["band"] == "toutes"]
    return float(whole["p10"].min()), float(whole["median"].median()), float(whole["p90"].max())


def _without_squares(town: pd.Series) -> str:
    return typographic(
        f"{place_of(town)}, l’Insee ne publie pas de carreaux de 200 m dans le fichier que ce livre"
        " utilise (métropole et Corse) : on ignore où vivent les habitants dans la commune, et"
        " aucune distance n’est calculée. Restent les nombres de soignants et l’APL."
    )


def distance_sentence(town: pd.Series) -> str:
    """Say how far the median inhabitant is from a doctor, and about how many minutes on foot."""
    lines = comparison.values(town, ["distance_habitant_medecin"], STRAIGHT_YEAR, rates=False)
    own, others = comparison.split(lines)
    if math.isnan(own):
        if overseas(town["code"]):
            return _without_squares(town)
        return typographic(f"{place_of(town)}, aucun carreau habité n’est publié.")
    low, middle, high = _factors()
    pace = 60 * network.walk_mps()
    minutes = [1000 * own * factor / pace for factor in (low, middle, high)]
    return typographic(
        f"La moitié des habitants {of_town(town['name'])} vit à moins de"
        f" **{number(own, 1)} km d’un médecin généraliste à vol d’oiseau** (cabinets de"
        f" {STRAIGHT_YEAR}) ; dans la ville comparable médiane,"
        f" {number(others.median(), 1)} km. Par les rues, c’est environ"
        f" {number(minutes[1])} minutes à pied, et de {number(minutes[0])} à"
        f" {number(minutes[2])} selon que les rues sont droites ou non : une **approximation**,"
        " dont l’erreur est mesurée plus bas."
    )


def distances(town: pd.Series) -> Story | None:
    """Draw the shares within 1 km and the median distances; ``None`` without squares."""
    parts = []
    for slug, name in _PROFESSIONS.values():
        for indicator, label, unit, decimals in (
            (f"part_1km_{slug}", f"À moins de {_KM} : {name}", "%", 0),
            (f"distance_habitant_{slug}", f"Distance médiane : {name}", "km", 1),
        ):
            lines = comparison.values(town, [indicator], STRAIGHT_YEAR, rates=False)
            parts.append(lines.assign(label=label, unit=unit, decimals=decimals))
    frame = pd.concat(parts, ignore_index=True)
    if frame.loc[frame["is_town"], "value"].isna().all():
        return None
    own, others = comparison.split(frame[frame["indicator"] == "part_1km_medecin"])
    far, rank = 100 - own, 100 - share_below(others, own)
    title = (
        f"{place_of(town)}, {percent(far)} des habitants sont à plus de {_KM} d’un généraliste à"
        f" vol d’oiseau, plus que dans {percent(rank)} des comparables"
        if rank >= 50
        else f"{place_of(town)}, {percent(own)} des habitants ont un généraliste à moins de {_KM} à"
        f" vol d’oiseau, plus que dans {percent(100 - rank)} des comparables"
    )
    return comparison.strips(
        town,
        frame,
        title=title,
        caption=(
            f"Habitants {of_town(town['name'])} et de ses villes comparables selon leur distance à"
            " vol d’oiseau au soignant le plus proche."
        ),
        sources=STRAIGHT_SOURCES,
        note="Du milieu de chaque carreau de 200 m au cabinet le plus proche, dans la commune ou"
        " non ; les soignants de l’étranger ne comptent pas. Carreaux de 2019, cabinets de 2021.",
    )


def reach_table(town: pd.Series) -> pd.DataFrame:
    """List how far inhabitants are as the crow flies, and about how many minutes on foot.

    Returns
    -------
    DataFrame
        ``Soignant``, ``Habitants`` (of the town, then of its comparables and of all PVD,
        medians of towns), ``Distance médiane (km)``, ``À pied, environ (min)`` (that distance
        times the median detour, at the central speed), ``À 1 km (%)``, ``À 2 km (%)``,
        ``À 5 km (%)``. No line without squares.
    """
    programme = tables.load_towns(pvd=True)["code"]
    minutes = 1000 * _factors()[1] / (60 * network.walk_mps())
    columns = {"distance_habitant": "Distance médiane (km)"}
    columns |= {f"part_{km}km": f"À {km} km (%)" for km in (1, 2, 5)}
    rows: list[dict[str, object]] = []
    for slug, name in _PROFESSIONS.values():
        found: dict[str, dict[str, object]] = {
            who: {"Soignant": name, "Habitants": who}
            for who in (str(town["name"]), "villes comparables", "toutes les PVD")
        }
        for indicator, column in columns.items():
            full = f"{indicator}_{slug}"
            own, others = comparison.split(
                comparison.values(town, [full], STRAIGHT_YEAR, rates=False)
            )
            every = tables.load_indicators(full, codes=programme)["value"]
            known = (own, others.median(), every.median())
            for line, value in zip(found.values(), known, strict=True):
                line[column] = value
        if not math.isnan(own):
            rows += found.values()
    frame = pd.DataFrame(rows, columns=["Soignant", "Habitants", *columns.values()])
    frame.insert(3, "À pied, environ (min)", minutes * frame["Distance médiane (km)"].astype(float))
    return frame


def age_distances(town: pd.Series) -> Story | None:
    """Draw who lives beyond 1 km of each profession, by age; ``None`` without squares."""
    own = _own_distances(town)
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "label": own["age"].map(_AGE_NAMES),
            "group": own["kind"].map({kind: name for kind, (_, name) in _PROFESSIONS.items()}),
            "value": 100 - own["within_1.0"].astype(float),
            "order": own["age"].map({age: rank for rank, age in enumerate(_AGE_NAMES)}),
            "kind": own["kind"],
        }
    ).sort_values(["order", "kind"], kind="stable")
    doctor = own[own["kind"] == "doctor"].set_index("age")["within_1.0"].astype(float)
    persons = own[own["kind"] == "doctor"].set_index("age")["persons"].astype(float)
    eldest = persons.get("age_over_80", 0.0)
    old, every = 100 - doctor.get("age_over_80", np.nan), 100 - doctor["tous"]
    if math.isnan(old):
        title = f"{place_of(town)}, personne de 80 ans ou plus dans les carreaux publiés"
    elif every < 1:
        title = f"{place_of(town)}, presque tous ont un généraliste à moins de {_KM}, à tout âge"
    elif eldest < _LEAST_PERSONS:
        title = (
            f"{place_of(town)}, {percent(every)} des habitants sont à plus de {_KM} d’un"
            f" généraliste ; {counted(round(eldest), 'habitant')} de 80 ans ou plus, trop peu pour"
            " les comparer"
        )
    else:
        words = "autant que" if abs(old - every) < 2 else "plus que" if old > every else "moins que"
        title = (
            f"{place_of(town)}, {percent(old)} des 80 ans ou plus sont à plus de {_KM} d’un"
            f" généraliste, {words} l’ensemble ({percent(every)})"
        )
    figure, drawn = charts.bars(
        frame[["label", "group", "value"]], title=typographic(title), unit="%"
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Habitants {of_town(town['name'])} à plus de {_KM}, à vol d’oiseau, du soignant le"
            " plus proche, par âge."
        ),
        alt=typographic(
            f"Barres, part à plus de {_KM}. Généraliste : {_ages_words(frame, 'doctor')}."
        ),
        sources=STRAIGHT_SOURCES,
        note=imputed_note(town),
    )


def _ages_words(frame: pd.DataFrame, kind: str) -> str:
    rows = frame[frame["kind"] == kind]
    return join_words(
        [f"{label} {percent(v)}" for label, v in zip(rows["label"], rows["value"], strict=True)]
    )


def _squares_words(persons: float, census: float) -> str:
    """Compare the inhabitants of the squares with the census of the same year."""
    share = 100 * persons / census
    counted_there = f"Les carreaux de {SQUARES_YEAR} comptent {number(persons)} habitants,"
    if share > 100:
        return (
            f"{counted_there} plus que la population municipale de la même année"
            f" ({percent(share)}) : un carreau à cheval sur deux communes est compté en entier dans"
            " l’une, et l’adresse fiscale n’est pas toujours celle du recensement."
        )
    text = (
        f"{counted_there} soit {percent(share)} de la population municipale de la même année :"
        " ménages fiscaux seulement, et un carreau à cheval sur deux communes n’est donné qu’à une"
    )
    if share < _WELL_COVERED:
        return f"{text}, ici souvent à la voisine. Les parts sont celles de ces habitants-là."
    return f"{text}."


def imputed_note(town: pd.Series) -> str:
    """Say the share of imputed inhabitants, and how the squares stand to the census."""
    lines = tables.load_indicators(
        ["carreaux_part_imputee", "carreaux_personnes"], codes=[town["code"]]
    ).set_index("indicator")["value"]
    return typographic(
        f"{percent(lines['carreaux_part_imputee'])} des habitants vivent dans un carreau dont"
        " l’Insee a imputé les valeurs."
        f" {_squares_words(lines['carreaux_personnes'], float(town[f'pop_{SQUARES_YEAR}']))}"
    )


def detours_table() -> pd.DataFrame:
    """List how much longer streets are than straight lines, by network and distance.

    Returns
    -------
    DataFrame
        ``Réseau``, ``À vol d’oiseau``, ``Trajets``, ``Un sur dix est sous``, ``Médiane``,
        ``Un sur dix dépasse``.
    """
    frame = tables.load_detours()
    bands = {"toutes": "50 m à 2 km", "0-500": "50 à 500 m", "500-1000": "500 m à 1 km"}
    return pd.DataFrame(
        {
            "Réseau": frame["zone"],
            "À vol d’oiseau": frame["band"].replace({**bands, "1000-2000": "1 à 2 km"}),
            "Trajets": frame["ways"],
            "Un sur dix est sous": frame["p10"],
            "Médiane": frame["median"],
            "Un sur dix dépasse": frame["p90"],
        }
    )


def detour_errors_table() -> pd.DataFrame:
    """List what the factor of the other networks is worth on each.

    Returns
    -------
    DataFrame
        ``Réseau``, ``Facteur des autres``, ``Trajet moyen (min)``, ``Erreur (min)``,
        ``Biais (min)``.
    """
    frame = tables.load_detours()
    frame = frame[frame["band"] == "toutes"]
    return pd.DataFrame(
        {
            "Réseau": frame["zone"],
            "Facteur des autres": frame["factor"],
            "Trajet moyen (min)": frame["way_min"],
            "Erreur (min)": frame["error_min"],
            "Biais (min)": frame["bias_min"],
        }
    ).reset_index(drop=True)


def detour_sentence() -> str:
    """Say what a straight line is worth: the detour, its spread, and the error of the estimate."""
    frame = tables.load_detours()
    whole = frame[frame["band"] == "toutes"]
    low, middle, high = _factors()
    errors = join_words(
        [f"{_minutes(row['error_min'])} ({row['zone']})" for row in whole.to_dict("records")]
    )
    part = 100 * (whole["error_min"] / whole["way_min"])
    return typographic(
        "Sur les trois réseaux réels dont ce livre dispose, le chemin à pied mesure"
        f" **{number(middle, 2)} fois la ligne droite** (médiane), et de {number(low, 2)} à"
        f" {number(high, 2)} fois pour huit trajets sur dix au moins. Quand on estime chaque réseau"
        " avec le facteur des deux autres, l’erreur moyenne sur un trajet est de"
        f" {errors}, soit de {percent(part.min())} à {percent(part.max())} du trajet. Ce n’est"
        " pas assez précis pour un quartier, et demande de la prudence entre deux villes :"
        f" {_largest_error_words()}"
    )


def _largest_error_words() -> str:
    """Tell the largest error of the corrected straight line on a share, where streets are known."""
    lines = tables.load_street_sensitivity()
    lines = lines[(lines["mode"] == "walk") & lines["variant"].isin([REFERENCE, DETOUR])]
    wide = lines.pivot(index=["code", "kind"], columns="variant", values="share")
    wide["gap"] = (wide[DETOUR] - wide[REFERENCE]).abs()
    worst = wide.reset_index().sort_values("gap").iloc[-1]
    code, gap = str(worst["code"]), float(worst["gap"])
    name = tables.load_town(code)["name"]
    what = _of_together(code) if worst["kind"] == access.TOGETHER else "d’une pharmacie"
    return (
        f"{in_town(name)}, la ligne droite ainsi allongée met {percent(worst[DETOUR])} des"
        f" habitants à {_FAR_MIN} minutes {what}, les rues {percent(worst[REFERENCE])}. Entre"
        f" deux villes, un écart de moins de {counted(math.ceil(gap), 'point')} ne veut rien"
        " dire."
        if gap >= _GAP_POINTS
        else f"l’écart est au plus de {counted(gap, 'point')} sur la part des habitants à"
        f" {_FAR_MIN} minutes."
    )


# --------------------------------------------------------------------------- real streets


@lru_cache(maxsize=8)
def _cells(code: str) -> pd.DataFrame:
    cells = tables.load_street_cells()
    own: pd.DataFrame = cells[cells["code"] == code]
    return own.dropna(axis="columns", how="all").reset_index(drop=True)


def _shares(code: str) -> pd.DataFrame:
    shares = tables.load_street_shares()
    own: pd.DataFrame = shares[shares["code"] == code]
    return own


def _central(code: str, age: str = "tous") -> pd.DataFrame:
    """Return the shares of a town at the central speed of each mode."""
    shares = _shares(code)
    speed = shares["mode"].map({mode: band[1] for mode, band in network.SPEED_BAND_KMH.items()})
    own: pd.DataFrame = shares[(shares["age"] == age) & np.isclose(shares["kmh"], speed)]
    return own


def _share(code: str, mode: Mode, kind: str, minutes: int, *, age: str = "tous") -> float:
    rows = _central(code, age)
    kept = rows[(rows["mode"] == mode) & (rows["kind"] == kind) & (rows["minutes"] == minutes)]
    return float(kept["share"].iloc[0])


def _placed(code: str) -> list[str]:
    """Return the local services that are placed around a town."""
    known = set(tables.load_street_places().query("code == @code")["kind"])
    return [kind for kind in access.LOCAL if kind in known]


def _minutes(value: float) -> str:
    return f"{number(value, 1)} {plural(value, 'minute')}"


_FIGURES: Final = {2: "deux", 3: "trois", 4: "quatre", 5: "cinq"}


def _together_words(code: str) -> str:
    placed = _placed(code)
    words = f"les {_FIGURES.get(len(placed), len(placed))} services"
    return words if len(placed) == len(access.LOCAL) else f"{words} situés"


def _street_sources(code: str) -> tuple[str, ...]:
    return (STREET_TOWNS[code], "bpe_points_2021", "carreaux_200m")


def on_streets(town: pd.Series) -> str:
    """Say whether the town of the notebook has its streets in the book."""
    code = str(town["code"])
    if code in SHOWN:
        return typographic(f"Les rues {of_town(town['name'])} sont dans ce livre : les voici.")
    if code in STREET_TOWNS:
        return f"{places_sentence(code)} {edge_sentence(code)}"
    return typographic(
        f"Ce livre n’a pas d’extrait OpenStreetMap {of_town(town['name'])}. Avec un extrait, la"
        f" commande `pvd access {code} --osm extrait.osm.pbf` fait les mêmes calculs en quelques"
        " secondes ; sans extrait, `--overpass` demande les rues au service d’OpenStreetMap."
        " Voici ce qu’ils donnent là où il y en a un."
    )


def own_streets(town: pd.Series, make: Callable[[str], Story]) -> Story | None:
    """Draw a story of streets for a town that has them and that the chapter does not show."""
    code = str(town["code"])
    return make(code) if code in STREET_TOWNS and code not in SHOWN else None


def _sources_words(code: str, kinds: Sequence[str]) -> str:
    """Say which source places each kind of care around a town."""
    places = tables.load_street_places().query("code == @code")
    by_source = {
        _SOURCE_NAMES[str(source)]: [_KIND_NAMES[kind] for kind in kinds if kind in set(rows)]
        for source, rows in places.groupby("source")["kind"]
    }
    return " ; ".join(f"{join_words(names)} ({said})" for said, names in by_source.items() if names)


def _streets_note(code: str) -> str:
    return f"{_capital(_sources_words(code, access.LOCAL))}. {_FLAT}"


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def places_sentence(code: str) -> str:
    """Say which care is placed, from which source, what is missing, and who is counted."""
    town = tables.load_town(code)
    known = set(tables.load_street_places().query("code == @code")["kind"])
    missing = [_KIND_NAMES[kind] for kind in access.LOCAL if kind not in known]
    cells = _cells(code)
    persons = float(cells["persons"].sum())
    imputed = 100 * cells["imputed_persons"].sum() / persons
    text = (
        f"**{town['name']}.** Lieux de soins : {_sources_words(code, access.KINDS)}."
        f" {_squares_words(persons, float(town[f'pop_{SQUARES_YEAR}']))} {percent(imputed)} de ces"
        " habitants sont en carreau imputé ; chaque carreau est réparti entre les logements"
        " qu’OpenStreetMap y dessine."
    )
    if missing:
        text += (
            f" Aucune source ne situe {join_words([of_noun(name) for name in missing], 'ni')} ici :"
            f" « ensemble » y désigne {_together_words(code)}."
        )
    return typographic(text)


def time_map(code: str) -> Story:
    """Map the times of a town on its streets: two modes, the pharmacy and all together."""
    town = tables.load_town(code)
    shapes = tables.load_street_shapes()
    shapes = shapes[shapes["code"] == code]
    places = tables.load_street_places().query("code == @code")
    together = _together_words(code)
    panels: list[tuple[str, str, str]] = [
        (mode, kind, f"{words[0].upper()}{words[1:]} : {what}")
        for mode, words in _MODE_NAMES.items()
        for kind, what in (("pharmacy", "pharmacie"), (access.TOGETHER, together))
    ]
    walk, bike = (_share(code, mode, access.TOGETHER, _FAR_MIN) for mode in _MODE_NAMES)
    figure, drawn = maps.time_maps(
        shapes,
        _cells(code),
        {
            "pharmacy": places[places["kind"] == "pharmacy"],
            access.TOGETHER: places[places["kind"].isin(access.LOCAL)],
        },
        panels,
        epsg=local_epsg(code),
        title=typographic(
            f"{place_of(town)}, {percent(walk)} des habitants ont {together} à {_FAR_MIN} minutes à"
            f" pied, {percent(bike)} à vélo"
        ),
    )
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Temps à pied et à vélo jusqu’à la pharmacie la plus proche, et jusqu’au plus lointain"
            f" {_of_together(code)} : {town['name']}."
        ),
        alt=typographic(
            f"Quatre cartes {of_town(town['name'])}. Aire à {_FAR_MIN} minutes : "
            + " ; ".join(
                f"{_MODE_NAMES[mode]}, {what}, {number(_area(drawn, mode, kind), 1)} km²"
                for mode in _MODE_NAMES
                for kind, what in (("pharmacy", "pharmacie"), (access.TOGETHER, together))
            )
            + "."
        ),
        sources=_street_sources(code),
        note=typographic(
            "Un dessin seulement : les parts viennent des habitants, jamais des surfaces. Cercles :"
            f" habitants, par maille de 100 m. {_streets_note(code)}"
        ),
    )


def _area(drawn: pd.DataFrame, mode: str, kind: str) -> float:
    rows = drawn[(drawn["mode"] == mode) & (drawn["kind"] == kind) & (drawn["minutes"] == _FAR_MIN)]
    return float(rows["area_km2"].sum())


def reach_curves(code: str) -> Story:
    """Draw the inhabitants reached by minutes, both modes, with the band of speeds."""
    town = tables.load_town(code)
    shares = _shares(code)
    parts = []
    together = _together_words(code)
    for kind, what in (
        ("pharmacy", "Jusqu’à la pharmacie la plus proche"),
        (access.TOGETHER, f"Jusqu’au plus lointain {_of_together(code)}"),
    ):
        for mode, words in _MODE_NAMES.items():
            own = shares[
                (shares["age"] == "tous") & (shares["mode"] == mode) & (shares["kind"] == kind)
            ]
            wide = own.pivot(index="minutes", columns="kmh", values="share").sort_index(axis=1)
            slow, middle, fast = (number(speed, 1) for speed in network.SPEED_BAND_KMH[mode])
            parts.append(
                pd.DataFrame(
                    {
                        "panel": what,
                        "series": f"{words} : {middle} km/h, de {slow} à {fast}".replace(",0", ""),
                        "x": [0, *wide.index],
                        "value": [0.0, *wide.iloc[:, 1]],
                        "low": [0.0, *wide.iloc[:, 0]],
                        "high": [0.0, *wide.iloc[:, 2]],
                    }
                )
            )
    frame = pd.concat(parts, ignore_index=True)
    band = [
        float(
            shares[
                (shares["age"] == "tous")
                & (shares["mode"] == "walk")
                & (shares["kind"] == access.TOGETHER)
                & (shares["minutes"] == _FAR_MIN)
                & np.isclose(shares["kmh"], speed)
            ]["share"].iloc[0]
        )
        for speed in (network.SPEED_BAND_KMH["walk"][0], network.SPEED_BAND_KMH["walk"][2])
    ]
    figure, drawn = charts.reach_curves(
        frame,
        title=typographic(
            f"{place_of(town)}, {together} sont à {_FAR_MIN} minutes à pied de"
            f" {percent(band[0])} ou de {percent(band[1])} des habitants, selon leur pas"
        ),
        x_label="minutes de trajet",
        y_label="part des habitants",
        marks=access.LIMITS_MIN,
    )
    walk = _share(code, "walk", access.TOGETHER, 15)
    bike = _share(code, "bike", access.TOGETHER, 15)
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Part des habitants {of_town(town['name'])} à un nombre de minutes à pied et à vélo de"
            f" la pharmacie la plus proche, et du plus lointain {_of_together(code)},"
            " avec la bande des vitesses."
        ),
        alt=typographic(
            f"Courbes cumulées. À 15 minutes, {together} : {percent(walk)} des"
            f" habitants à pied, {percent(bike)} à vélo."
        ),
        sources=_street_sources(code),
        note=typographic(_streets_note(code)),
    )


def shares_table(code: str) -> pd.DataFrame:
    """List the shares of inhabitants within 5, 10, 15 and 20 minutes.

    Returns
    -------
    DataFrame
        ``Mode``, ``Service``, ``5 min (%)``…, then ``10 min, au plus (%)``: what the share would
        be if care stood everywhere beyond the edge of the extract.
    """
    central = _central(code)
    kinds = [kind for kind in access.KINDS if kind in set(central["kind"])] + [access.TOGETHER]
    rows = []
    for mode, words in _MODE_NAMES.items():
        for kind in kinds:
            own = central[(central["mode"] == mode) & (central["kind"] == kind)]
            own = own.set_index("minutes")
            name = _KIND_NAMES.get(kind, _together_words(code))
            rows.append(
                {
                    "Mode": words,
                    "Service": name,
                    **{f"{m} min (%)": own.loc[m, "share"] for m in access.LIMITS_MIN},
                    f"{_FAR_MIN} min, au plus (%)": own.loc[_FAR_MIN, "share_max"],
                }
            )
    return pd.DataFrame(rows)


def ranks_table(codes: Sequence[str]) -> pd.DataFrame:
    """List the minutes on foot to the nearest place of each kind, to the second, to the third.

    Returns
    -------
    DataFrame
        ``Ville``, ``Service``, ``1er (min)``, ``2e (min)``, ``3e (min)``: half of the inhabitants
        are within so many minutes. Only what two places or more of the extract give.
    """
    lines = tables.load_street_ranks()
    lines = lines[(lines["mode"] == "walk") & lines["kind"].isin(access.LOCAL)]
    wide = lines.pivot(index=["code", "kind"], columns="rank", values="median_min")
    wide.columns = [f"{ordinal(int(rank))} (min)" for rank in wide.columns]
    order = [(code, kind) for code in codes for kind in access.LOCAL if (code, kind) in wide.index]
    frame = wide.loc[order].reset_index()
    frame = frame[frame[f"{ordinal(2)} (min)"].notna()]
    names = {code: str(tables.load_town(code)["name"]) for code in codes}
    frame.insert(0, "Ville", frame["code"].map(names))
    frame.insert(1, "Service", frame["kind"].map(_KIND_NAMES))
    return frame.drop(columns=["code", "kind"]).reset_index(drop=True)


def bicycle_sentence(code: str) -> str:
    """Say what a bicycle changes for who is not within ten minutes on foot."""
    town = tables.load_town(code)
    walk, bike = (_share(code, mode, access.TOGETHER, _FAR_MIN) for mode in _MODE_NAMES)
    cells = _cells(code)
    far = cells[cells["walk_together"] > _FAR_MIN]
    saved = np.average(far["walk_together"] - far["bike_together"], weights=far["persons"])
    return typographic(
        f"{place_of(town)}, le vélo met {_together_words(code)} à {_FAR_MIN} minutes de"
        f" {percent(bike)} des habitants au lieu de {percent(walk)} à pied, pente non"
        f" comptée. Ceux qui en sont à plus de {_FAR_MIN} minutes à pied y gagnent"
        f" {number(saved)} minutes par trajet en moyenne."
    )


_SIDES: Final = ("l’est", "le nord-est", "le nord", "le nord-ouest", "l’ouest", "le sud-ouest",
                 "le sud", "le sud-est")  # fmt: skip


def far_sentence(code: str) -> str:
    """Say where those live who stay far on foot."""
    town = tables.load_town(code)
    cells = _cells(code)
    far = cells[cells["walk_together"] > _FAR_MIN]
    share = 100 - _share(code, "walk", access.TOGETHER, _FAR_MIN)
    if far.empty:
        return typographic(f"{place_of(town)}, personne n’est à plus de {_FAR_MIN} minutes à pied.")
    centre = [np.average(cells[axis], weights=cells["persons"]) for axis in ("x", "y")]
    dx, dy = far["x"] - centre[0], far["y"] - centre[1]
    side = (np.round(np.degrees(np.arctan2(dy, dx)) / 45).astype(int) % 8).map(
        dict(enumerate(_SIDES))
    )
    weight = far["persons"].groupby(side).sum().sort_values(ascending=False)
    main = str(weight.index[0])
    return typographic(
        f"{place_of(town)}, {percent(share)} des habitants, soit"
        f" {number(share * cells['persons'].sum() / 100)}, sont à plus de {_FAR_MIN} minutes à pied"
        f" {_of_together(code)}, le plus souvent vers {main} du centre habité"
        f" ({percent(100 * weight.iloc[0] / weight.sum())} d’entre eux). La maille la plus"
        f" éloignée est à {number(far['walk_together'].max())} minutes."
    )


def _of_together(code: str) -> str:
    """Return the services after "de": "des cinq services"."""
    return "d" + _together_words(code).removeprefix("l")


def _age_share(code: str, age: str = "tous") -> float:
    return _share(code, "walk", access.TOGETHER, _FAR_MIN, age=age)


def age_bars(codes: Sequence[str]) -> Story:
    """Draw who has all services within ten minutes on foot, by age, in some towns."""
    rows = [
        (label, str(tables.load_town(code)["name"]),
         _age_share(code, age))
        for age, label in _AGE_NAMES.items()
        for code in codes
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["label", "group", "value"])
    few, main = [], ("", "", 0.0)
    for code in codes:
        name, cells = str(tables.load_town(code)["name"]), _cells(code)
        for age, label in list(_AGE_NAMES.items())[1:]:
            persons = float(cells[age].sum())
            gap = _age_share(code, age) - _age_share(code)
            if persons < _LEAST_PERSONS:
                few.append(f"{counted(round(persons), 'habitant')} de {label} {in_town(name)}")
            elif abs(gap) > abs(main[2]):
                main = (code, age, gap)
    code, age, gap = main
    title = (
        f"{place_of(tables.load_town(code))}, les {_AGE_NAMES[age]} ont les services"
        f" plus {'près' if gap > 0 else 'loin'} que l’ensemble : {percent(_age_share(code, age))}"
        f" à {_FAR_MIN} minutes à pied, contre {percent(_age_share(code))}"
        if abs(gap) >= _GAP_POINTS
        else "Aucun âge n’a les services nettement plus près ou plus loin que l’ensemble"
    )
    wide = frame.pivot(index="group", columns="label", values="value")
    figure, drawn = charts.bars(frame, title=typographic(title), unit="%")
    return Story(
        figure,
        drawn,
        caption=typographic(
            f"Habitants qui ont ensemble les services de proximité à {_FAR_MIN} minutes à pied,"
            " par âge."
        ),
        alt=typographic(
            " ; ".join(
                f"{name}, 80 ans ou plus : {percent(row['80 ans ou plus'])}, ensemble :"
                f" {percent(row['tous les habitants'])}"
                for name, row in wide.iterrows()
            )
            + "."
        ),
        sources=tuple(dict.fromkeys(s for code in codes for s in _street_sources(code))),
        note=typographic(
            "À la même vitesse pour tous : une personne âgée marche souvent plus lentement, ce que"
            " montre la bande des vitesses."
            + (f" Trop peu pour une comparaison : {join_words(few)}." if few else "")
        ),
    )


def sensitivity_table(codes: Sequence[str]) -> pd.DataFrame:
    """List what other choices would give, on foot, within ten minutes.

    Returns
    -------
    DataFrame
        ``Choix``, then for each town the share (%) for the pharmacy and for all together.
    """
    lines = tables.load_street_sensitivity()
    lines = lines[(lines["mode"] == "walk") & lines["code"].isin(list(codes))]
    order = list(dict.fromkeys(lines["variant"]))
    wide = lines.pivot(index="variant", columns=["code", "kind"], values="share").loc[order]
    columns = {}
    for code in codes:
        name = tables.load_town(code)["name"]
        columns[f"{name} : pharmacie (%)"] = wide[code, "pharmacy"]
        columns[f"{name} : ensemble (%)"] = wide[code, access.TOGETHER]
    frame = pd.DataFrame(columns).rename_axis("Choix").reset_index()
    frame["Choix"] = frame["Choix"].str[0].str.upper() + frame["Choix"].str[1:]
    return frame


def straight_error_sentence(code: str) -> str:
    """Compare the straight line, with and without its detour, with the streets of a town."""
    town = tables.load_town(code)
    cells = _cells(code)
    kinds = _placed(code)
    factor = _factors()[1]
    pace = 60 * network.walk_mps()
    straight = cells[[f"straight_{kind}" for kind in kinds]].max(axis=1) / pace
    true, weight = cells["walk_together"], cells["persons"]
    lines = tables.load_street_sensitivity().query("code == @code and mode == 'walk'")
    within = lines[lines["kind"] == access.TOGETHER].set_index("variant")["share"]
    error = np.average((factor * straight - true).abs(), weights=weight)
    return typographic(
        f"{place_of(town)}, à {_FAR_MIN} minutes à pied {_of_together(code)}, les rues donnent"
        f" {percent(within[REFERENCE])} des habitants, la ligne droite"
        f" {percent(within[STRAIGHT])} ; multipliée par {number(factor, 2)}, elle en donne"
        f" {percent(within[DETOUR])}, et se trompe de {_minutes(error)} par habitant en moyenne."
    )


def edge_sentence(code: str) -> str:
    """Say how much the edge of the extract hides."""
    town = tables.load_town(code)
    cells = _cells(code)
    weight = cells["persons"]
    flagged = {mode: 100 * cells[f"edge_{mode}"].sum() / weight.sum() for mode in _MODE_NAMES}
    central = _central(code)
    at = central[
        (central["mode"] == "walk")
        & (central["kind"] == access.TOGETHER)
        & (central["minutes"] == _FAR_MIN)
    ].iloc[0]
    gap = float(at["share_max"] - at["share"])
    uncertain = (
        "n’en dépend pas, à moins d’un point près"
        if gap < 1
        else f"en est incertaine de {counted(gap, 'point')} au plus"
    )
    abroad = (
        ", et ceux de Monaco, que couvre l’extrait, ne sont dans aucune, pharmacies et hôpitaux"
        " exceptés"
        if STREET_TOWNS[code] == "osm_monaco"
        else ""
    )
    return typographic(
        f"{place_of(town)}, {percent(flagged['walk'])} des habitants à pied et"
        f" {percent(flagged['bike'])} à vélo sont assez près du bord de l’extrait pour qu’un"
        " service plus proche, au-delà, puisse changer leur temps. La part à"
        f" {_FAR_MIN} minutes à pied {uncertain}. C’est l’incertitude du bord seul : un soignant"
        f" que les sources ignorent n’y est pas{abroad}."
    )
