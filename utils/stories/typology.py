"""Which kinds of towns the programme holds, and how firm that sorting is."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from utils import maps, peers, tables, typology
from utils.formats import counted, join_words, number, of_town, percent, typographic
from utils.publish import describe_map
from utils.stories.common import Story
from utils.stories.comparison import POPULATION, SOURCES

__all__ = [
    "CLASSES",
    "OVERSEAS",
    "STABLE",
    "class_of",
    "classes_table",
    "cluster_of",
    "fragility",
    "map_of_classes",
    "numbers_sentence",
    "numbers_table",
    "town_sentence",
]

#: Number of classes: the last before one that is not stable (:func:`numbers_table`; a test
#: holds it).
CLASSES: Final = 5

#: Least mean adjusted Rand index of a sorting that is said stable.
STABLE: Final = 0.8

#: Silhouette under which a town is said between two classes.
BETWEEN: Final = 0.05

#: The overseas towns are a class by themselves: too few to be sorted, and on their own scales.
OVERSEAS: Final = "Villes d’outre-mer"

_DRAWS: Final = 12

#: Medians of the table of classes: structural variable -> header.
_COLUMNS: Final = {
    "population": "Habitants",
    "evolution_population": "Évolution (% par an)",
    "revenu_median": "Revenu (€)",
    "part_75_plus": "75 ans ou plus (%)",
    "part_logements_vacants": "Logements vacants (%)",
    "part_residences_secondaires": "Résidences secondaires (%)",
    "distance_centre_aav": "Centre de l’aire (km)",
}


@lru_cache(maxsize=1)
def _space() -> peers.Space:
    return peers.build_space(tables.load_structure())


def _mainland() -> pd.Index:
    """Codes of the PVD of mainland France and Corsica."""
    codes: list[str] = [c for c in tables.load_towns(pvd=True)["code"] if c[:2] != "97"]
    return pd.Index(codes)


@lru_cache(maxsize=1)
def _points() -> np.ndarray:
    return typology.embed(_space())


@lru_cache(maxsize=1)
def _sorted() -> typology.Typology:
    codes = _mainland()
    return typology.build_typology(_points()[_space().rows(list(codes))], codes, CLASSES)


@lru_cache(maxsize=1)
def _names() -> dict[int, str]:
    found = _sorted()
    gaps = typology.traits(_space(), pd.Series(found.labels, index=found.codes))
    return typology.name_classes(gaps)


def class_of(codes: pd.Index) -> pd.Series:
    """Name the class of some towns of the book, of the programme or not (index ``code``)."""
    labels, _ = typology.nearest_class(_points()[_space().rows(list(codes))], _sorted().centres)
    named = pd.Series(labels, index=codes).map(_names())
    return named.where(~codes.str.startswith("97"), OVERSEAS)


def cluster_of(town: pd.Series) -> str:
    """Name the class of a town: its own in the programme, the nearest one otherwise."""
    return str(class_of(pd.Index([town["code"]])).iloc[0])


def town_sentence(town: pd.Series) -> str:
    """Say which class a town belongs to, and how clearly."""
    name = cluster_of(town)
    if name == OVERSEAS:
        return typographic(
            f"{town['name']} est rangée parmi les « {name.lower()} », une classe à part : trop peu"
            " nombreuses pour être réparties, elles ne se comparent qu’entre elles."
        )
    points = _points()[_space().rows([town["code"]])]
    labels, margin = typology.nearest_class(points, _sorted().centres)
    verb = "appartient à" if town["pvd"] else "n’est pas dans le programme ; elle se rattache à"
    text = f"{town['name']} {verb} la classe « {name} »"
    if margin[0] < 1 + 2 * BETWEEN:
        others = np.delete(np.arange(CLASSES), labels[0])
        _, second = typology.nearest_class(points, _sorted().centres[others])
        away = ((points - _sorted().centres[others]) ** 2).sum(axis=1)
        text += f", mais d’assez peu : « {_names()[int(others[away.argmin()])]} » la décrirait"
        text += " presque aussi bien" if second[0] >= 1 else ""
    return typographic(f"{text}.")


@lru_cache(maxsize=1)
def _numbers() -> pd.DataFrame:
    return typology.judge_numbers(_points()[_space().rows(list(_mainland()))], draws=_DRAWS)


def numbers_table() -> pd.DataFrame:
    """Judge the numbers of classes tried.

    Returns
    -------
    DataFrame
        ``Classes``, ``Silhouette moyenne``, ``Écart au hasard``, ``Stabilité``,
        ``Stabilité des pires tirages``.
    """
    return _numbers().set_axis(
        [
            "Classes",
            "Silhouette moyenne",
            "Écart au hasard",
            "Stabilité",
            "Stabilité des pires tirages",
        ],
        axis=1,
    )


def numbers_sentence() -> str:
    """Say why that number of classes."""
    frame = _numbers().set_index("number")
    own, after = frame.loc[CLASSES], frame.loc[CLASSES + 1]
    best, firmest = (
        int(frame.index[int(frame[column].to_numpy().argmax())])
        for column in ("silhouette", "stability")
    )
    again = [int(n) for n in frame.index[frame["stability"] >= STABLE] if n > CLASSES + 1]
    beyond = (
        f" ; elle repasse ce seuil à {join_words([number(n) for n in again])}"
        f" ({join_words([number(frame['stability'][n], 2) for n in again])}), après être passée"
        " dessous"
        if again
        else ""
    )
    chosen = (
        f"À {number(best)} classes, la silhouette ({number(frame['silhouette'][best], 2)}) et la"
        f" stabilité ({number(frame['stability'][best], 2)}) sont les meilleures"
        if best == firmest
        else f"La silhouette est la meilleure à {number(best)} classes"
        f" ({number(frame['silhouette'][best], 2)}), la stabilité à {number(firmest)}"
        f" ({number(frame['stability'][firmest], 2)})"
    )
    return typographic(
        f"On ajoute une classe tant que le classement reste stable (indice de Rand ajusté d’au"
        f" moins {number(STABLE, 2)} en moyenne quand les villes sont tirées à nouveau, avec"
        f" remise) :"
        f" {number(own['stability'], 2)} à {CLASSES} classes, {number(after['stability'], 2)} à"
        f" {CLASSES + 1}{beyond}. {chosen} : en garder {CLASSES} est un choix, celui de décrire"
        " plus finement sans perdre la stabilité."
        f" La silhouette moyenne ({number(own['silhouette'], 2)} sur 1) est faible :"
        " les petites villes forment un nuage continu, que les classes découpent sans y trouver de"
        " vide."
    )


def classes_table() -> pd.DataFrame:
    """Describe the classes by the median of their towns, the most numerous first.

    Returns
    -------
    DataFrame
        ``Classe``, ``Villes``, medians of seven structural variables, ``Exemples`` (the towns
        nearest to the centre; the most populous overseas), ``Silhouette``.
    """
    found, names = _sorted(), _names()
    towns = tables.load_towns(pvd=True).set_index("code")
    structure = tables.load_structure().loc[towns.index, list(_COLUMNS)]
    labels = pd.Series(found.labels, index=found.codes).map(names).reindex(towns.index)
    labels = labels.fillna(OVERSEAS)
    points = _points()[_space().rows(list(found.codes))]
    away = pd.Series(((points - found.centres[found.labels]) ** 2).sum(axis=1), index=found.codes)
    lines = []
    for name in [*names.values(), OVERSEAS]:
        codes = labels.index[labels == name]
        near = away.reindex(codes).dropna().sort_values(kind="stable").index[:3]
        examples = near if len(near) else towns.loc[codes, POPULATION].nlargest(3).index
        lines.append(
            {
                "Classe": name,
                "Villes": len(codes),
                **dict(
                    zip(_COLUMNS.values(), structure.loc[codes].median().to_numpy(), strict=True)
                ),
                "Silhouette": float(
                    pd.Series(found.silhouette, index=found.codes).reindex(codes).mean()
                ),
                "Exemples": join_words(list(towns.loc[examples, "name"])),
            }
        )
    return pd.DataFrame(lines)


def fragility() -> str:
    """Say where the typology is fragile, with its numbers."""
    found, names = _sorted(), _names()
    silhouette = pd.Series(found.silhouette, index=found.codes)
    between = 100 * (silhouette < BETWEEN).mean()
    by_class = [float(found.silhouette[found.labels == rank].mean()) for rank in range(CLASSES)]
    weakest = int(np.argmin(by_class))
    towns = tables.load_towns().set_index("code")["name"]
    least = silhouette.sort_values(kind="stable").index[:3]
    own = _numbers().set_index("number").loc[CLASSES]
    return typographic(
        f"{percent(between)} des PVD sont presque aussi près d’une autre classe que de la leur"
        f" (silhouette sous {number(BETWEEN, 2)}), ainsi"
        f" {join_words([str(towns[code]) for code in least])}. La classe la moins nette est"
        f" « {names[weakest]} » (silhouette moyenne {number(by_class[weakest], 2)}). Dans un"
        f" tirage sur dix, la stabilité tombe à {number(own['least'], 2)} ou moins."
    )


def map_of_classes(town: pd.Series) -> Story:
    """Map of the towns of the programme by class."""
    towns = tables.load_towns(pvd=True)
    towns["category"] = class_of(pd.Index(towns["code"])).to_numpy()
    order = [*_names().values(), OVERSEAS]
    towns = towns.sort_values(
        "category", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )
    first = towns["category"].value_counts().iloc[0]
    title = (
        f"Aucun profil ne l’emporte : la plus nombreuse des {counted(CLASSES, 'classe')} ne réunit"
        f" que {percent(100 * first / len(towns))} des PVD"
        if first < len(towns) / 2
        else f"Une classe réunit {percent(100 * first / len(towns))} des PVD"
    )
    marked = bool((towns["code"] == town["code"]).any())
    figure, drawn = maps.national_map(
        tables.load_departements(),
        towns[["code", "lon", "lat", "category"]],
        title=typographic(title),
        town=str(town["code"]) if marked else "",
        town_name=str(town["name"]) if marked else "",
    )
    where = f" ; la classe {of_town(town['name'])} : {cluster_of(town)}"
    return Story(
        figure,
        drawn,
        caption=typographic(f"Les PVD par classe de la typologie{where}."),
        alt=describe_map(drawn, what=f"les PVD par classe ({join_words(order)})"),
        sources=("pvd_communes", "contours_departements", *SOURCES),
        note="Les classes sont nommées par les deux variables qui les distinguent le plus ; les"
        " villes d’outre-mer sont mises à part d’avance, non par le calcul.",
    )
