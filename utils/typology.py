"""A typology of the towns of the programme, on what they are (pure functions).

The classes are sought in the space where towns are compared (:mod:`utils.peers`): each
variable on its common scale, times the root of its weight, the median where it is unknown.
Ward's (1963) hierarchy gives the starting centres, k-means (Lloyd, 1982) moves each town to
the nearest one: nothing is drawn at random, and any other town can be given its nearest
class. The number of classes is judged by the mean silhouette (Rousseeuw, 1987), by a gap to
the same columns shuffled (Tibshirani et al., 2001), and by the adjusted Rand index (Hubert
and Arabie, 1985) between the classes and those of towns drawn again with replacement
(Hennig, 2007), which decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, ward
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from utils.formats import join_words
from utils.peers import ROLE, VARIABLES, Space

__all__ = [
    "DECIMALS",
    "NUMBERS",
    "TRAITS",
    "Typology",
    "build_typology",
    "embed",
    "judge_numbers",
    "name_classes",
    "nearest_class",
    "traits",
]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

#: Numbers of classes tried: fewer say little, more cannot be remembered nor mapped.
NUMBERS: Final = (3, 4, 5, 6, 7, 8)

#: Decimals kept of the coordinates: the last bits of a logarithm depend on the processor.
DECIMALS: Final = 6

_MOST_MOVES: Final = 200  # of k-means; some tens are enough

#: Variable -> how a class of towns that has much more of it, or much less, is named.
TRAITS: Final[Mapping[str, tuple[str, str]]] = {
    "population": ("plus peuplées", "moins peuplées"),
    "evolution_population": ("à population plus dynamique", "à population moins dynamique"),
    "densite_population": ("denses", "étendues"),
    "grille_densite": ("rurales", "urbaines"),
    "taille_aav": ("d’une grande aire d’attraction", "d’une petite aire d’attraction"),
    "distance_centre_aav": ("loin d’un centre urbain", "qui sont leur propre centre"),
    "poids_dans_10_km": ("qui pèsent dans leurs alentours", "entourées d’autres villes"),
    "revenu_median": ("aisées", "modestes"),
    "part_logements_vacants": ("à logements vacants", "au logement tendu"),
    "part_residences_secondaires": ("de résidences secondaires", "de résidences principales"),
    "lits_touristiques": ("touristiques", "peu touristiques"),
    "part_0_14": ("familiales", "avec peu d’enfants"),
    "part_15_29": ("jeunes", "avec peu de jeunes adultes"),
    "part_60_74": ("de jeunes retraités", "avec peu de jeunes retraités"),
    "part_75_plus": ("âgées", "avec peu de personnes âgées"),
    "latitude": ("du nord", "du sud"),
    "longitude": ("de l’est", "de l’ouest"),
}


@dataclass(frozen=True, slots=True)
class Typology:
    """Classes of towns.

    Attributes
    ----------
    codes
        Towns that made the classes.
    labels
        Class of each, from 0, the most numerous first.
    silhouette
        How much nearer each town is to its class than to the next one, -1 to 1.
    centres
        Mean coordinates of each class, shape (classes, columns).
    """

    codes: pd.Index
    labels: Labels
    silhouette: Floats
    centres: Floats


def embed(space: Space) -> Floats:
    """Coordinates of the towns: Euclidean distances are those of :mod:`utils.peers`, summed."""
    points: Floats = space.values * np.sqrt(space.weights / space.weights.sum())
    return points.round(DECIMALS)


def _nearest(points: Floats, centres: Floats) -> Labels:
    squared = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    found: Labels = squared.argmin(axis=1)
    return found


def _means(points: Floats, labels: Labels) -> Floats:
    return np.stack([points[labels == rank].mean(axis=0) for rank in np.unique(labels)])


def _settle(points: Floats, labels: Labels) -> tuple[Labels, Floats]:
    """Move each point to the nearest mean until none moves (k-means)."""
    for _ in range(_MOST_MOVES):
        moved = _nearest(points, _means(points, labels))
        if (moved == labels).all():
            break
        labels = moved
    size = np.bincount(labels)
    order = np.argsort(-size, kind="stable")
    labels = np.argsort(order)[labels]
    return labels, _means(points, labels)


def build_typology(points: Floats, codes: pd.Index, number: int) -> Typology:
    """Sort towns into classes.

    Parameters
    ----------
    points : array, shape (towns, columns)
        :func:`embed` of the towns.
    codes : Index
        Their codes.
    number : int
        Number of classes.

    Returns
    -------
    Typology
    """
    start = cut_tree(ward(points), n_clusters=number).ravel()
    labels, centres = _settle(points, start)
    return Typology(codes, labels, silhouette_samples(points, labels), centres)


def nearest_class(points: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """Give towns their nearest class, and how clear that is.

    Returns
    -------
    labels : array of int
    margin : array
        Distance to the next centre over that to the nearest: 1 is a tie.
    """
    away = np.sqrt(((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2))
    near = np.sort(away, axis=1)
    margin: Floats = near[:, 1] / np.maximum(near[:, 0], 1e-9)
    return away.argmin(axis=1), margin


def judge_numbers(
    points: Floats, *, numbers: Sequence[int] = NUMBERS, draws: int = 20, seed: int = 20260427
) -> pd.DataFrame:
    """Judge several numbers of classes.

    Parameters
    ----------
    points : array, shape (towns, columns)
    numbers : sequence of int
    draws : int
        Bootstrap samples; a quarter as many shuffles for the gap.
    seed : int

    Returns
    -------
    DataFrame
        ``number``; ``silhouette`` (mean); ``gap`` (logarithm of the dispersion within classes
        of the shuffled columns, minus that of the towns: the more, the more structure);
        ``stability`` (mean adjusted Rand index, 1 when every sample gives the same classes);
        ``least`` (the tenth percentile of that index).
    """
    generator = np.random.default_rng(seed)

    def sorted_into(some: Floats) -> dict[int, tuple[Labels, Floats]]:
        tree = ward(some)
        return {n: _settle(some, cut_tree(tree, n_clusters=n).ravel()) for n in numbers}

    def spread(some: Floats, labels: Labels, centres: Floats) -> float:
        return float(np.log(((some - centres[labels]) ** 2).sum()))

    whole = sorted_into(points)
    agreement: dict[int, list[float]] = {n: [] for n in numbers}
    for _ in range(draws):
        drawn = points[np.unique(generator.integers(0, len(points), len(points)))]
        for n, (_, centres) in sorted_into(drawn).items():
            again = _nearest(points, centres)
            agreement[n].append(float(adjusted_rand_score(whole[n][0], again)))
    shuffled: dict[int, list[float]] = {n: [] for n in numbers}
    for _ in range(max(draws // 4, 1)):
        mixed = generator.permuted(points, axis=0)
        for n, (labels, centres) in sorted_into(mixed).items():
            shuffled[n].append(spread(mixed, labels, centres))
    lines = [
        (
            n,
            float(silhouette_samples(points, whole[n][0]).mean()),
            float(np.mean(shuffled[n])) - spread(points, *whole[n]),
            float(np.mean(agreement[n])),
            float(np.quantile(agreement[n], 0.1)),
        )
        for n in numbers
    ]
    return pd.DataFrame(lines, columns=["number", "silhouette", "gap", "stability", "least"])


def traits(space: Space, labels: pd.Series) -> pd.DataFrame:
    """What sets each class apart from all the towns sorted.

    Parameters
    ----------
    space : Space
    labels : Series
        Class of each town (index ``code``).

    Returns
    -------
    DataFrame
        ``label``, ``variable``, ``gap``: median of the class minus that of all, over the
        interquartile range of all brought to a standard deviation. Not the role.
    """
    rows = space.rows(list(labels.index))
    keep = [j for j, name in enumerate(space.names) if name != ROLE]
    values = np.where(space.known[rows] > 0, space.values[rows], np.nan)[:, keep]
    frame = pd.DataFrame(values, index=labels.index, columns=[space.names[j] for j in keep])
    low, middle, high = (frame.quantile(q) for q in (0.25, 0.5, 0.75))
    spread = ((high - low) / 1.349).where(high > low)
    gaps = (frame.groupby(labels).median() - middle) / spread
    long = gaps.rename_axis("label").reset_index().melt("label", var_name="variable")
    return long.rename(columns={"value": "gap"}).sort_values(
        ["label", "variable"], ignore_index=True
    )


def name_classes(gaps: pd.DataFrame, *, least: int = 2) -> dict[int, str]:
    """Name the classes by what stands out, the strongest trait first.

    Parameters
    ----------
    gaps : DataFrame
        :func:`traits`.
    least : int
        Traits in a name; one more as long as two classes would have the same name.

    Returns
    -------
    dict of int to str
        ``"Villes âgées et modestes"``.
    """
    order = {variable.id: rank for rank, variable in enumerate(VARIABLES)}
    known = gaps.dropna(subset=["gap"])
    ranked = known.assign(
        size=-known["gap"].abs().round(DECIMALS), place=known["variable"].map(order)
    ).sort_values(["label", "size", "place"])
    words: dict[int, list[str]] = {}
    for label, variable, gap in zip(
        ranked["label"], ranked["variable"], ranked["gap"], strict=True
    ):
        words.setdefault(int(label), []).append(TRAITS[variable][0 if gap > 0 else 1])
    for count in range(least, len(TRAITS) + 1):
        named = {label: f"Villes {join_words(some[:count])}" for label, some in words.items()}
        if len(set(named.values())) == len(named):
            return named
    return named
