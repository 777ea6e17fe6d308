"""Comparable towns: the nearest on what a town is, never on what it offers (pure functions).

Each structural variable is put on a common scale (logarithm where it is skewed, median 0,
interquartile range of a normal law, held within ±4), in mainland France and overseas apart.
The distance between two towns is the root of the weighted mean of the squared gaps over the
variables that both have: a missing variable is left out, it does not exclude a town. The
twenty nearest small towns, of the programme or not, are its *villes comparables*.

Nearest neighbours with robust scaling follow the usual practice of peer groups in local
statistics (CIPFA's *nearest neighbours model*, the *territoires comparables* of the
Observatoire des territoires); the handling of missing values is Gower's (1971).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utils.errors import TableError

__all__ = [
    "CLIP",
    "ROLE",
    "VARIABLES",
    "K",
    "Space",
    "Variable",
    "build_space",
    "contributions",
    "distances",
    "isolation",
    "neighbours",
    "stability",
    "validity",
]

#: Number of comparable towns.
K: Final = 20

#: Bound of a standardised value, robust standard deviations.
CLIP: Final = 4.0

#: Share of the weight known for a town that a candidate must know too.
SHARED: Final = 0.6

#: Factor from an interquartile range to the standard deviation of a normal law.
_IQR_TO_SD: Final = 1.349

_ROWS: Final = 256  # towns whose distances are computed together: they stay in the cache
_WIDE: Final = 64  # towns of which only the nearest is looked at, to bound the twentieth

#: Slack on a squared distance computed in simple precision, above its rounding error.
_SLACK: Final = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variable:
    """A structural variable: how it is scaled, how much it counts, and why.

    Attributes
    ----------
    id
        Column of the structure (:func:`utils.tables.load_structure`).
    label, unit, decimals
        As the book writes it.
    transform
        ``"log"``, ``"log1p"`` or ``"none"``, before scaling; ``"role"`` for a category, which
        counts one standard deviation when it differs.
    weight
        Part in the squared distance.
    higher, lower
        How a town that has much more, or much less, than another is said: ``"est plus âgée"``.
    reason
        Why it is structural and why that weight, in French.
    """

    id: str
    label: str
    unit: str
    decimals: int
    transform: str
    weight: float
    higher: str
    lower: str
    reason: str


#: The category among the variables.
ROLE: Final = "role_aav"

VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(
        "population", "Population", "habitants", 0, "log", 4,
        "est plus peuplée", "est moins peuplée",
        "Décide seule de la présence de bien des services ; compte le plus.",
    ),
    Variable(
        "evolution_population", "Évolution de la population", "% par an", 1, "none", 1,
        "croît davantage", "croît moins",
        "Sépare les villes qui gagnent des habitants de celles qui en perdent.",
    ),
    Variable(
        "densite_population", "Habitants au km²", "hab/km²", 0, "log", 2,
        "est plus dense", "est moins dense",
        "Ville ramassée ou commune étendue.",
    ),
    Variable(
        "grille_densite", "Niveau de la grille de densité", "", 0, "none", 0.5,
        "est plus rurale", "est plus urbaine",
        "Forme de l’habitat selon l’Insee, de 1 (dense) à 7 (très dispersé) ; la densité en"
        " dit déjà l’essentiel.",
    ),
    Variable(
        ROLE, "Rôle dans l’aire d’attraction", "", 0, "role", 1,
        "n’a pas le même rôle", "n’a pas le même rôle",
        "Commune-centre, autre commune d’un pôle, couronne ou hors des aires.",
    ),
    Variable(
        "taille_aav", "Taille de l’aire d’attraction", "", 0, "none", 0.5,
        "est dans une aire plus grande", "est dans une aire plus petite",
        "De 0 (hors des aires) à 5 (Paris), selon l’Insee.",
    ),
    Variable(
        "distance_centre_aav", "Distance au centre de l’aire", "km", 0, "log1p", 1,
        "est plus loin du centre de l’aire", "est plus près du centre de l’aire",
        "L’ombre d’une grande ville proche.",
    ),
    Variable(
        "poids_dans_10_km", "Poids dans la population à 10 km", "%", 0, "log", 1,
        "pèse plus dans ses alentours", "pèse moins dans ses alentours",
        "Centralité mesurée par les seuls habitants, sans regarder les équipements.",
    ),
    Variable(
        "revenu_median", "Revenu disponible médian", "€", 0, "none", 1,
        "est plus aisée", "est moins aisée",
        "Niveau de vie médian des habitants.",
    ),
    Variable(
        "part_logements_vacants", "Logements vacants", "%", 1, "none", 1,
        "a plus de logements vacants", "a moins de logements vacants",
        "Tension ou déprise du logement.",
    ),
    Variable(
        "part_residences_secondaires", "Résidences secondaires", "%", 1, "log1p", 2,
        "a plus de résidences secondaires", "a moins de résidences secondaires",
        "Population présente en saison.",
    ),
    Variable(
        "lits_touristiques", "Lits touristiques", "pour 1 000 habitants", 0, "log1p", 0.5,
        "est plus touristique", "est moins touristique",
        "Clients de passage ; les résidences secondaires en disent déjà une part.",
    ),
    Variable(
        "part_0_14", "Part des moins de 15 ans", "%", 0, "none", 1,
        "a plus d’enfants", "a moins d’enfants",
        "Les quatre âges comptent ensemble pour un peu moins de trois.",
    ),
    Variable(
        "part_15_29", "Part des 15 à 29 ans", "%", 0, "none", 0.25,
        "a plus de jeunes", "a moins de jeunes",
        "Les quatre âges comptent ensemble pour un peu moins de trois.",
    ),
    Variable(
        "part_60_74", "Part des 60 à 74 ans", "%", 0, "none", 0.5,
        "a plus de jeunes retraités", "a moins de jeunes retraités",
        "Les quatre âges comptent ensemble pour un peu moins de trois.",
    ),
    Variable(
        "part_75_plus", "Part des 75 ans ou plus", "%", 0, "none", 1,
        "est plus âgée", "est moins âgée",
        "Les quatre âges comptent ensemble pour un peu moins de trois.",
    ),
    Variable(
        "latitude", "Position du sud au nord", "°", 1, "none", 1,
        "est plus au nord", "est plus au sud",
        "Le climat et la région, faute de relief et de littoral dans les tables.",
    ),
    Variable(
        "longitude", "Position d’ouest en est", "°", 1, "none", 1,
        "est plus à l’est", "est plus à l’ouest",
        "Le climat et la région, faute de relief et de littoral dans les tables.",
    ),
)  # fmt: skip

#: AAV categories (Insee) -> role: the two kinds of poles that are not the centre are one.
_ROLES: Final = {"11": "centre", "12": "pole", "13": "pole", "20": "couronne", "30": "hors"}


@dataclass(frozen=True, slots=True)
class Space:
    """The towns on common scales.

    Attributes
    ----------
    codes
        Towns, in the order of the rows.
    names
        Variable of each column; the role has one column a category.
    values
        Standardised values, 0 where missing, shape (towns, columns).
    known
        1 where the value is known, 0 where it is missing, same shape.
    weights
        Part of each column in the squared distance.
    overseas
        Towns that are only compared among themselves.
    """

    codes: pd.Index
    names: tuple[str, ...]
    values: Floats
    known: Floats
    weights: Floats
    overseas: NDArray[np.bool_]

    def rows(self, codes: Sequence[str]) -> NDArray[np.intp]:
        """Return the rows of some towns.

        Raises
        ------
        TableError
            A town is not in the space.
        """
        found = self.codes.get_indexer(pd.Index(codes))
        if (found < 0).any():
            unknown = [code for code, row in zip(codes, found, strict=True) if row < 0]
            raise TableError(
                f"Comparaison : commune hors du champ du livre ({', '.join(unknown[:5])}).",
                hint="Le livre couvre les communes de 500 à 30 000 habitants et toutes les PVD.",
            )
        return found

    def reweighted(self, weights: Floats) -> Space:
        """Return the same towns with other weights."""
        return Space(self.codes, self.names, self.values, self.known, weights, self.overseas)


def _transformed(column: pd.Series, transform: str) -> pd.Series:
    values: pd.Series = column.astype("float64")
    if transform == "log":
        values = values.where(values > 0).map(np.log, na_action="ignore")
    elif transform == "log1p":
        values = values.map(np.log1p, na_action="ignore")
    return values


def _standardised(values: Floats, sample: NDArray[np.bool_]) -> Floats:
    """Scale by the median and interquartile range of the sampled towns."""
    seen = values[sample & np.isfinite(values)]
    low, middle, high = np.quantile(seen, [0.25, 0.5, 0.75]) if seen.size else (0.0, 0.0, 0.0)
    spread = (high - low) / _IQR_TO_SD
    if not spread > 0:  # a constant, or nothing known: it says nothing of anyone
        return np.where(np.isfinite(values), np.float64(0), values)
    return np.clip((values - middle) / spread, -CLIP, CLIP)


def build_space(structure: pd.DataFrame, *, sample: NDArray[np.bool_] | None = None) -> Space:
    """Put the towns on common scales, mainland France and overseas apart.

    Parameters
    ----------
    structure : DataFrame
        Index ``code``; one column a :class:`Variable`, ``role_aav`` holding the AAV
        category; missing values allowed.
    sample : array of bool, optional
        Towns whose medians and ranges make the scales; all by default.

    Returns
    -------
    Space
    """
    overseas = structure.index.str.startswith("97").astype(bool)
    sample = np.ones(len(structure), dtype=bool) if sample is None else sample
    columns: dict[tuple[str, str], Floats] = {}
    weights: list[float] = []
    for variable in VARIABLES:
        if variable.transform == "role":
            roles = structure[variable.id].map(_ROLES)
            for role in dict.fromkeys(_ROLES.values()):
                # Two columns of four move when the role differs, by the root of two: one in all.
                is_role = (roles == role).astype("float64") * math.sqrt(2)
                columns[variable.id, role] = np.where(roles.notna(), is_role, np.nan)
                weights.append(variable.weight / len(set(_ROLES.values())))
            continue
        values = _transformed(structure[variable.id], variable.transform).to_numpy(copy=True)
        for here in (overseas, ~overseas):
            values[here] = _standardised(values[here], sample[here])
        columns[variable.id, ""] = values
        weights.append(variable.weight)
    table = np.column_stack(list(columns.values()))
    known = np.isfinite(table)
    return Space(
        codes=structure.index,
        names=tuple(name for name, _ in columns),
        values=np.where(known, table, 0),
        known=known.astype("float64"),
        weights=np.asarray(weights),
        overseas=overseas,
    )


def distances(
    space: Space, rows: NDArray[np.intp], others: NDArray[np.intp] | None = None
) -> Floats:
    """Distance of towns, pair by pair: shape (pairs,), robust standard deviations.

    Infinite from a town to itself, between mainland and overseas, and where too little is
    known of both (less than :data:`SHARED` of the weight known for the first).

    Parameters
    ----------
    space : Space
    rows, others : arrays of int, shape (pairs,)
        Rows of the two towns of each pair; with one row and no ``others``, that town and all.
    """
    others = np.arange(len(space.codes)) if others is None else others
    both = space.known[rows] * space.known[others]
    shared = both @ space.weights
    squared = (both * (space.values[rows] - space.values[others]) ** 2) @ space.weights
    apart = space.overseas[rows] != space.overseas[others]
    apart |= (shared < SHARED * (space.known[rows] @ space.weights)) | (shared == 0)
    away: Floats = np.sqrt(squared / np.where(shared > 0, shared, 1))
    away[apart | (rows == others)] = np.inf
    return away


def _within_reach(
    space: Space, rows: NDArray[np.intp], columns: NDArray[np.intp], k: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield pairs of towns among which are the ``k`` nearest of each row, and few others.

    Distances come from matrix products in simple precision, some towns at a time: all of
    them, roughly. The smallest distances of ``k + 1`` blocks of :data:`_WIDE` candidates (one
    may be the town itself) bound that of the ``k``-th; only what is within reach of that
    bound, rounding errors counted, is worth computing exactly. Against a candidate that lacks
    nothing, the weight shared is all that the town knows: no division is needed.
    """
    single, weights = np.float32, space.weights.astype(np.float32)
    values, known = space.values.astype(single), space.known.astype(single)
    complete = space.known[columns].all(axis=1)
    full, holed = columns[complete], columns[~complete]
    blocks = -(-len(full) // _WIDE)
    right = np.zeros((2 * len(weights) + 1, blocks * _WIDE), dtype=single)
    right[:, : len(full)] = np.vstack([values[full].T ** 2, values[full].T, np.ones(len(full))])
    right[-1, len(full) :] = np.inf
    for start in range(0, len(rows), _ROWS):
        mine = rows[start : start + _ROWS]
        own, seen = values[mine], known[mine] * weights
        total, square = seen.sum(axis=1, keepdims=True), (own**2) @ weights[:, None]
        rough = (np.hstack([seen, -2 * own * weights, square]) / total) @ right
        by_block = rough.reshape(len(mine), blocks, _WIDE)
        least = by_block.min(axis=2) if blocks else np.empty((len(mine), 0), dtype=single)
        reach: NDArray[np.floating] = np.full((len(mine), 1), np.inf, dtype=single)
        if blocks > k:
            reach = np.partition(least, k, axis=1)[:, k : k + 1] + _SLACK
        town, block = np.nonzero(least <= reach)
        pair, inside = np.nonzero(by_block[town, block] <= reach[town])
        place = block[pair] * _WIDE + inside
        real = place < len(full)
        yield mine[town[pair[real]]], full[place[real]]
        shared = seen @ known[holed].T
        lacking = (own**2 * weights) @ known[holed].T + seen @ values[holed].T ** 2
        lacking -= 2 * (own * weights) @ values[holed].T
        town, place = np.nonzero(lacking <= reach * shared)
        yield mine[town], holed[place]


def neighbours(
    space: Space,
    codes: Sequence[str] | None = None,
    *,
    k: int = K,
    candidates: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Find the comparable towns of some towns, or of all.

    Parameters
    ----------
    space : Space
    codes : sequence of str, optional
        Towns; all by default.
    k : int
        How many.
    candidates : array of bool, optional
        Towns that may be chosen, in the order of the space; all by default.

    Returns
    -------
    DataFrame
        ``code``, ``rank`` (1 the nearest), ``peer``, ``distance``; fewer than ``k`` lines for
        a town that has fewer candidates. Ties are ranked by code.
    """
    every = space.rows(list(codes)) if codes is not None else np.arange(len(space.codes))
    allowed = np.ones(len(space.codes), dtype=bool) if candidates is None else candidates
    parts = []
    for here in (space.overseas, ~space.overseas):
        columns, mine = np.flatnonzero(allowed & here), every[here[every]]
        for row, column in _within_reach(space, mine, columns, k):
            parts.append((row, column, distances(space, row, column)))
    row, column, away = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    place = np.empty(len(space.codes), dtype=np.intp)
    place[every] = np.arange(len(every))  # towns in the order asked
    order = np.lexsort((column, away, place[row]))
    order = order[np.isfinite(away[order])]
    row, column, away = row[order], column[order], away[order]
    first = np.searchsorted(place[row], place[row])
    rank = np.arange(len(row)) - first + 1
    near = rank <= k
    return pd.DataFrame(
        {
            "code": space.codes[row[near]],
            "rank": rank[near],
            "peer": space.codes[column[near]],
            "distance": away[near],
        }
    )


def contributions(space: Space, code: str, others: Sequence[str]) -> pd.DataFrame:
    """Tell which variables bring a town near others, or set it apart.

    Parameters
    ----------
    space : Space
    code : str
        The town.
    others : sequence of str
        Towns to compare it with.

    Returns
    -------
    DataFrame
        ``peer``, ``variable``, ``gap`` (the other minus the town, robust standard
        deviations; for the role 0 or 1), ``share`` (part of the squared distance, the
        shares of a pair sum to 1), ``common`` (what the pair has in common and the median
        town has not: weighted square of the town's own gap to the median, minus that of
        the pair). A variable that one of the two lacks has no line.
    """
    (row,) = space.rows([code])
    rows = space.rows(list(others))
    both = (space.known[rows] * space.known[row]).astype(bool)
    gap = space.values[rows] - space.values[row]
    long = pd.DataFrame(
        {
            "peer": np.repeat(np.asarray(others, dtype=object), len(space.names)),
            "variable": list(space.names) * len(rows),
            "gap": gap.ravel(),
            "part": (space.weights * gap**2).ravel(),
            "common": (space.weights * (space.values[row] ** 2 - gap**2)).ravel(),
        }
    )[both.ravel()]
    by_pair = long.groupby(["peer", "variable"], sort=False)
    done = by_pair[["part", "common"]].sum().reset_index()  # the role alone has several columns
    done["gap"] = np.where(
        done["variable"] == ROLE, done["part"] > 0, by_pair["gap"].first().to_numpy()
    ).astype(float)
    total = done.groupby("peer")["part"].transform("sum")
    done["share"] = (done.pop("part") / total.where(total > 0)).fillna(0.0)
    found: pd.DataFrame = done[["peer", "variable", "gap", "share", "common"]]
    return found


def farthest(space: Space, rows: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """Tell the two variables that set towns most apart, pair by pair.

    Parameters
    ----------
    space : Space
    rows, others : arrays of int, shape (pairs,)
        Rows of the two towns of each pair.

    Returns
    -------
    array of int, shape (pairs, 2)
        Twice the place in :data:`VARIABLES`, and one more where the other town has more: the
        variable of the largest share of :func:`contributions` first.
    """
    ids = [variable.id for variable in VARIABLES]
    owner = np.array([ids.index(name) for name in space.names])
    gap = (space.values[others] - space.values[rows]) * space.known[rows] * space.known[others]
    part = np.zeros((len(rows), len(ids)))
    more = np.zeros((len(rows), len(ids)), dtype=np.intp)
    for column, place in enumerate(owner):
        part[:, place] += space.weights[column] * gap[:, column] ** 2
        more[:, place] = gap[:, column] > 0
    two = np.argsort(-part, axis=1, kind="stable")[:, :2]
    found: NDArray[np.intp] = 2 * two + np.take_along_axis(more, two, axis=1)
    return found


def isolation(found: pd.DataFrame) -> pd.Series:
    """Share (%) of the towns whose comparable towns are nearer than those of each town.

    Parameters
    ----------
    found : DataFrame
        :func:`neighbours` of the towns to rank together.

    Returns
    -------
    Series
        Index ``code``; 95 means that the last comparable of 95 % of the towns is nearer: the
        town is *atypique*, no other really looks like it.
    """
    last = found.groupby("code")["distance"].max()
    rank: pd.Series = 100 * (last.rank(method="average") - 1) / max(len(last) - 1, 1)
    return rank.rename("isolation")


def stability(
    structure: pd.DataFrame, code: str, *, k: int = K, draws: int = 100, seed: int = 20260427
) -> pd.DataFrame:
    """Share of a town's comparables that stay when the method moves.

    Three tries: every weight moved at random by up to 20 % (``poids``), one variable left
    out (``sans <variable>``), scales made from half of the towns drawn at random
    (``echelles``).

    Parameters
    ----------
    structure : DataFrame
        As for :func:`build_space`.
    code : str
        The town.
    k, draws, seed : int
        Number of comparables, of random draws, seed of the draws.

    Returns
    -------
    DataFrame
        ``trial`` (``poids``, ``echelles``, ``sans``), ``variable`` (left out, else empty),
        ``kept`` (%, mean over the draws).
    """
    space = build_space(structure)
    generator = np.random.default_rng(seed)
    chosen = set(neighbours(space, [code], k=k)["peer"])

    def kept(other: Space) -> float:
        return 100 * len(chosen & set(neighbours(other, [code], k=k)["peer"])) / len(chosen)

    def moved() -> Space:
        by_name = {name: generator.uniform(0.8, 1.2) for name in dict.fromkeys(space.names)}
        factor = np.array([by_name[name] for name in space.names])
        return space.reweighted(space.weights * factor)

    def resampled() -> Space:
        return build_space(structure, sample=generator.random(len(structure)) < 0.5)

    tries = max(draws // 10, 1)
    lines = [
        ("poids", "", float(np.mean([kept(moved()) for _ in range(draws)]))),
        ("echelles", "", float(np.mean([kept(resampled()) for _ in range(tries)]))),
    ]
    for name in dict.fromkeys(space.names):
        without = np.where(np.array(space.names) == name, 0, space.weights)
        lines.append(("sans", name, kept(space.reweighted(without))))
    return pd.DataFrame(lines, columns=["trial", "variable", "kept"])


def validity(
    outcomes: pd.DataFrame, found: pd.DataFrame, groups: Mapping[str, pd.Series]
) -> pd.DataFrame:
    """Compare how well the comparables, and other references, predict what towns have.

    A town is predicted by the mean of its comparable towns, and by the mean of the towns of
    its group, itself left out. Only the towns that every reference can predict count, so
    that all are judged on the same towns.

    Parameters
    ----------
    outcomes : DataFrame
        Index ``code``; one column an outcome, never used to choose the comparables.
    found : DataFrame
        :func:`neighbours` of the towns to predict.
    groups : mapping of str to Series
        Name of a reference -> group of each town (index ``code``) that makes the reference.

    Returns
    -------
    DataFrame
        ``outcome``, ``reference`` (``"comparables"``, then the names of ``groups``),
        ``rmse`` (unit of the outcome), ``towns`` (number judged).
    """
    targets = pd.Index(found["code"].unique())
    truth = outcomes.reindex(targets)
    by_peer = outcomes.reindex(found["peer"]).set_axis(found["code"])
    predictions = {"comparables": by_peer.groupby(level=0).mean().reindex(targets)}
    for name, group in groups.items():
        members = outcomes.reindex(group.dropna().index)
        key = group.dropna()
        total, count = members.groupby(key).sum(), members.groupby(key).count()
        mine = group.reindex(targets)
        own = members.reindex(targets)
        left = count.reindex(mine).set_axis(targets) - own.notna()
        others = total.reindex(mine).set_axis(targets) - own.fillna(0)
        predictions[name] = others / left.where(left > 0)
    judged = truth.notna()
    for predicted in predictions.values():
        judged &= predicted.notna()
    lines = []
    for outcome in outcomes.columns:
        rows = judged[outcome]
        for name, predicted in predictions.items():
            error = predicted.loc[rows, outcome] - truth.loc[rows, outcome]
            lines.append((outcome, name, float(np.sqrt((error**2).mean())), int(rows.sum())))
    return pd.DataFrame(lines, columns=["outcome", "reference", "rmse", "towns"])
