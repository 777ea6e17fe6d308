"""Access to care of a town on foot and by bicycle (pure: frames in, frames out).

From the streets of an extract, facilities and points of population, all in memory, to the
minutes of each point to each kind of care. Shares of inhabitants are sums over these points.

An extract ends somewhere: beyond its edge there may be a nearer facility or a shorter way. No
trip that leaves the extract can take less than the straight line to its edge at full speed:
a time above that is *flagged*, and each share has an upper bound beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from utils import network
from utils.care import weighted_quantiles
from utils.errors import NetworkError
from utils.network import Floats, Mode, StreetGraph
from utils.readers.osm import OsmExtract
from utils.readers.people import SQUARES_CRS

__all__ = [
    "BPE_KINDS",
    "CELL_M",
    "FINESS_KINDS",
    "KINDS",
    "LIMITS_MIN",
    "LOCAL",
    "ONLY_CARS",
    "OSM_KINDS",
    "SMALLEST_COVERAGE",
    "TOGETHER",
    "AccessResult",
    "bpe_facilities",
    "cells",
    "choose_facilities",
    "coverage",
    "curves",
    "finess_facilities",
    "only_cars",
    "osm_facilities",
    "people_from_homes",
    "people_from_squares",
    "ranks",
    "town_access",
    "window_of",
]

#: The five local services of the State's indicator of access by car (ANCT).
LOCAL: Final = ("doctor", "pharmacy", "nurse", "physiotherapist", "dentist")
#: Kinds of care: the five, and the hospital apart.
KINDS: Final = (*LOCAL, "hospital")
#: All the local services that are placed: the time to the farthest of them.
TOGETHER: Final = "together"
#: Minutes at which inhabitants are counted.
LIMITS_MIN: Final = (5, 10, 15, 20)
#: Smallest share of a town's inhabitants that an extract must cover for its shares to mean
#: something, %.
SMALLEST_COVERAGE: Final = 95.0
#: Places of a kind that are compared, the nearest first, and minutes within which they are.
RANKS: Final = 3
RANKS_MIN: Final = 10
#: Side of a cell of the published tables, metres.
CELL_M: Final = 100
#: Side of a square of Insee, metres.
SQUARE_M: Final = 200

#: Kind -> types of the BPE, until 2021 then since 2023.
BPE_KINDS: Final[Mapping[str, str]] = {
    "D201": "doctor", "D265": "doctor",
    "D301": "pharmacy", "D307": "pharmacy",
    "D232": "nurse", "D281": "nurse",
    "D233": "physiotherapist", "D279": "physiotherapist",
    "D221": "dentist", "D277": "dentist",
    "D101": "hospital",
}  # fmt: skip
#: Kind -> categories of FINESS.
FINESS_KINDS: Final[Mapping[str, str]] = {"620": "pharmacy", "355": "hospital"}
#: Kind -> kinds of places of OpenStreetMap.
OSM_KINDS: Final[Mapping[str, str]] = {
    "doctors": "doctor", "pharmacy": "pharmacy", "nurse": "nurse",
    "physiotherapist": "physiotherapist", "dentist": "dentist", "hospital": "hospital",
}  # fmt: skip
#: Specialities of OpenStreetMap (``healthcare:speciality``) that are general medicine.
_GENERAL: Final = frozenset({"general", "general_practice", "general_practitioner"})
#: What a place says in its name when it is a pharmacy, whatever its tags: « Farmacy des Anglais »
#: of Monaco is tagged ``amenity=hospital`` in the extract of the book, without any other tag.
_NAMED_PHARMACY: Final = r"\b(?:ph|f)arma"


#: Streets made for walking.
_WALKERS: Final = frozenset({"footway", "path", "pedestrian", "steps"})
#: What is said of an extract without any of them.
ONLY_CARS: Final = (
    "Cet extrait n’a ni sentier, ni rue piétonne, ni escalier : c’est un réseau de voitures. Ses"
    " temps ne sont pas ceux d’un piéton ni d’un cycliste, ne les publiez pas."
)


def only_cars(highways: Iterable[str]) -> bool:
    """Tell whether no street of an extract (values of ``highway``) is made for walking."""
    return _WALKERS.isdisjoint(highways)


@dataclass(frozen=True, slots=True)
class AccessResult:
    """Times of a town's inhabitants.

    Attributes
    ----------
    points : DataFrame
        One line a point of population: the columns given (``x``, ``y``, ``persons``…), then
        ``inside`` (in the extract's window) and for each mode ``snap_walk`` (metres to the
        street, NaN beyond :data:`utils.network.MAX_OFFSET_M`), ``walk_doctor``… minutes to the
        nearest of each kind placed and ``walk_together`` (infinite when not reached, NaN
        outside the window), ``leave_walk`` (minutes that no trip out of the window can beat)
        and ``edge_walk`` (whether ``walk_together`` is above it).
    shares : DataFrame
        ``mode``, ``kind``, ``minutes``, ``share`` (% of the inhabitants in the window within
        so many minutes) and ``share_max`` (% if care stood everywhere beyond the edge).
    placed : dict
        Kind -> number of facilities joined to the streets, the kinds without any left out.
    together : tuple of str
        The local services placed, which ``together`` counts.
    persons, outside, unjoined : float
        Inhabitants in the window, out of it, and in it but far from any street.
    graphs : dict
        The graph of each mode.
    window : Polygon
        What the extract covers, metres.
    """

    points: pd.DataFrame
    shares: pd.DataFrame
    placed: dict[str, int]
    together: tuple[str, ...]
    persons: float
    outside: float
    unjoined: float
    graphs: dict[Mode, StreetGraph]
    window: shapely.Polygon

    @property
    def missing(self) -> tuple[str, ...]:
        """The local services that no source places in the extract."""
        return tuple(kind for kind in LOCAL if kind not in self.together)


# --------------------------------------------------------------------------- the town


def window_of(streets: OsmExtract, epsg: int) -> shapely.Polygon:
    """Return what an extract covers, in metres of a projected CRS."""
    west, south, east, north = streets.box
    if not np.isfinite(streets.box).all():
        raise NetworkError(
            "Cet extrait OpenStreetMap ne contient aucune rue.",
            hint="Prenez un extrait qui couvre la ville et ses environs.",
        )
    corners = network.project([west, east, east, west], [south, south, north, north], epsg)
    return shapely.Polygon(corners)


def coverage(streets: OsmExtract, people: pd.DataFrame, *, epsg: int) -> float:
    """Return the share (%) of the inhabitants who live in the window of an extract."""
    inside = _inside(window_of(streets, epsg), people)
    weight = people["persons"].to_numpy(dtype=float)
    return float(100 * weight[inside].sum() / weight.sum()) if weight.sum() > 0 else 0.0


def _inside(window: shapely.Polygon, points: pd.DataFrame) -> NDArray[np.bool_]:
    x, y = (points[axis].to_numpy(dtype=float) for axis in ("x", "y"))
    return np.asarray(shapely.intersects_xy(window, x, y))


def town_access(
    streets: OsmExtract,
    facilities: pd.DataFrame,
    people: pd.DataFrame,
    *,
    epsg: int,
    modes: Sequence[Mode] = ("walk", "bike"),
    elevation: Floats | None = None,
    window: shapely.Geometry | None = None,
) -> AccessResult:
    """Return the minutes of each point of population to each kind of care.

    Parameters
    ----------
    streets : OsmExtract
        Streets of the town and its surroundings, with the box that they cover.
    facilities : DataFrame
        ``kind`` (of :data:`KINDS`), ``x``, ``y`` (metres). Those far from the streets of the
        extract are reached by nobody.
    people : DataFrame
        ``x``, ``y`` (metres), ``persons``; other columns are kept.
    epsg : int
        Projected CRS of all the metres.
    modes : sequence of {"walk", "bike"}
    elevation : array, optional
        Metres above the sea of each node of ``streets``.
    window : Polygon or MultiPolygon, optional
        What the extract covers, metres, when it is not all its box.

    Raises
    ------
    NetworkError
        No street, nobody in the window, or no facility near a street.
    """
    window = window_of(streets, epsg) if window is None else window
    inside = _inside(window, people)
    weight = people["persons"].to_numpy(dtype=float)
    if not weight[inside].sum() > 0:
        raise NetworkError(
            "L’extrait OpenStreetMap ne couvre pas cette ville : personne n’y habite.",
            hint="Prenez un extrait autour de la ville, ou vérifiez le code de la commune.",
        )
    xy = people[["x", "y"]].to_numpy(dtype=float)
    points = people.assign(inside=inside)
    there = facilities[_inside(window, facilities)]
    doors = there[["x", "y"]].to_numpy(dtype=float)
    kinds = there["kind"].tolist()
    graphs: dict[Mode, StreetGraph] = {}
    placed: dict[str, int] = {}
    unjoined = 0.0
    for mode in modes:
        graph = network.build_graph(
            streets.nodes,
            streets.streets,
            streets.segments,
            mode=mode,
            epsg=epsg,
            elevation=elevation,
        )
        graphs[mode] = graph
        placed_doors = network.place_facilities(graph, doors, kinds)
        found = {kind: len(placed_doors.of(kind)) for kind in KINDS}
        placed = placed or {kind: count for kind, count in found.items() if count}
        snapped = network.snap(graph, xy)
        unjoined = max(unjoined, float(weight[inside & ~snapped.joined].sum()))
        points[f"snap_{mode}"] = snapped.offset_m
        for kind in placed:
            seconds = network.nearest_times(graph, placed_doors, snapped, kind=kind)
            points[f"{mode}_{kind}"] = np.where(inside, seconds / 60, np.nan)
        local = [f"{mode}_{kind}" for kind in LOCAL if kind in placed]
        points[f"{mode}_{TOGETHER}"] = points[local].max(axis=1) if local else np.nan
        leave = network.leaving_metres(xy, window) / graph.max_mps / 60
        points[f"leave_{mode}"] = np.where(inside, leave, np.nan)
        points[f"edge_{mode}"] = points[f"{mode}_{TOGETHER}"] > points[f"leave_{mode}"]
    if not placed:
        raise NetworkError(
            "Aucun lieu de soins n’est placé dans cet extrait.",
            hint="Prenez un extrait plus grand, ou une base permanente des équipements localisée.",
        )
    return AccessResult(
        points=points,
        shares=_shares(points[inside], modes, list(placed)),
        placed=placed,
        together=tuple(kind for kind in LOCAL if kind in placed),
        persons=float(weight[inside].sum()),
        outside=float(weight[~inside].sum()),
        unjoined=unjoined,
        graphs=graphs,
        window=window,
    )


def ranks(result: AccessResult, facilities: pd.DataFrame, *, count: int = RANKS) -> pd.DataFrame:
    """Return the minutes to the nearest places of each kind, the second and the third too.

    The nearest may be closed, or take no new patient. Practitioners at one address are one place.

    Parameters
    ----------
    result : AccessResult
    facilities : DataFrame
        Those that it was computed from.
    count : int
        Places sought.

    Returns
    -------
    DataFrame
        ``mode``, ``kind``, ``rank`` (1 for the nearest), ``median_min`` (half of the inhabitants
        in the window are within so many minutes) and ``share`` (% of them within
        :data:`RANKS_MIN` minutes). No line for a rank that the extract has no place for.
    """
    points = result.points[result.points["inside"]]
    weight = points["persons"].to_numpy(dtype=float)
    known = facilities[_inside(result.window, facilities)].drop_duplicates(["kind", "x", "y"])
    lines = []
    for mode, graph in result.graphs.items():
        doors = network.place_facilities(
            graph, known[["x", "y"]].to_numpy(dtype=float), known["kind"].tolist()
        )
        snapped = network.snap(graph, points[["x", "y"]].to_numpy(dtype=float))
        for kind in result.placed:
            there = min(count, len(doors.of(kind)))
            seconds, _ = network.k_nearest(graph, doors, snapped, k=there, kind=kind)
            for rank, own in enumerate(seconds.T, 1):
                (median,) = weighted_quantiles(own / 60, weight, [0.5])
                (share,) = network.reach_shares(own, weight, [RANKS_MIN])
                lines.append((mode, kind, rank, float(median), float(share)))
    return pd.DataFrame(lines, columns=["mode", "kind", "rank", "median_min", "share"])


def _shares(points: pd.DataFrame, modes: Sequence[Mode], kinds: Sequence[str]) -> pd.DataFrame:
    """Return the shares within each limit, and what they would be at most."""
    weight = points["persons"].to_numpy(dtype=float)
    lines = []
    for mode in modes:
        leave = points[f"leave_{mode}"].to_numpy()
        for kind in (*kinds, TOGETHER):
            minutes = points[f"{mode}_{kind}"].to_numpy()
            if np.isnan(minutes).all():
                continue
            share = network.reach_shares(60 * minutes, weight, LIMITS_MIN)
            most = network.reach_shares(60 * np.minimum(minutes, leave), weight, LIMITS_MIN)
            lines += [
                (mode, kind, limit, low, high)
                for limit, low, high in zip(LIMITS_MIN, share, most, strict=True)
            ]
    return pd.DataFrame(lines, columns=["mode", "kind", "minutes", "share", "share_max"])


def curves(
    result: AccessResult, minutes: Sequence[int], ages: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return the share of the inhabitants within each number of minutes.

    Parameters
    ----------
    result : AccessResult
    minutes : sequence of int
    ages : mapping, optional
        Name of an age -> columns of ``result.points`` that add up to it, persons.

    Returns
    -------
    DataFrame
        ``mode``, ``kind``, ``age`` (``tous`` first), ``kmh`` (each speed of
        :data:`utils.network.SPEED_BAND_KMH` for all inhabitants, the central one by age),
        ``minutes``, ``share`` (%), ``share_max`` (if care stood everywhere beyond the edge).
    """
    points = result.points[result.points["inside"]]
    groups = {"tous": ["persons"], **{age: list(names) for age, names in (ages or {}).items()}}
    parts = []
    for mode in result.graphs:
        speeds = network.SPEED_BAND_KMH[mode]
        leave = 60 * points[f"leave_{mode}"].to_numpy()
        for kind in (*result.placed, TOGETHER):
            seconds = 60 * points[f"{mode}_{kind}"].to_numpy()
            if np.isnan(seconds).all():
                continue
            for age, names in groups.items():
                weight = points[names].sum(axis=1).to_numpy(dtype=float)
                for kmh in speeds if age == "tous" else (speeds[1],):
                    slower = speeds[1] / kmh
                    most = np.minimum(seconds, leave)
                    parts.append(
                        pd.DataFrame(
                            {
                                "mode": mode,
                                "kind": kind,
                                "age": age,
                                "kmh": kmh,
                                "minutes": list(minutes),
                                "share": network.reach_shares(slower * seconds, weight, minutes),
                                "share_max": network.reach_shares(slower * most, weight, minutes),
                            }
                        )
                    )
    return pd.concat(parts, ignore_index=True)


def cells(points: pd.DataFrame, *, sums: Sequence[str], means: Sequence[str]) -> pd.DataFrame:
    """Gather points in cells of 100 m, for maps and tables: no door is told.

    Parameters
    ----------
    points : DataFrame
        ``x``, ``y`` (metres), ``persons``, and the columns named.
    sums, means : sequence of str
        Columns summed, and averaged over the inhabitants (infinite as soon as one is).

    Returns
    -------
    DataFrame
        ``x``, ``y`` (middle of the cell) and these columns.
    """
    corner = (points[["x", "y"]] // CELL_M * CELL_M + CELL_M / 2).round().astype("int64")
    keys = [corner["x"], corner["y"]]
    people = points["persons"].astype(float)
    weighted = points[list(means)].mul(people, axis=0).where(people > 0, 0.0)
    found = points[list(sums)].astype(float).groupby(keys).sum()
    found = found.join(weighted.groupby(keys).sum().div(people.groupby(keys).sum(), axis=0))
    return found[found["persons"] > 0].reset_index()


# --------------------------------------------------------------------------- facilities


def osm_facilities(places: pd.DataFrame, *, epsg: int) -> pd.DataFrame:
    """Return ``kind, x, y, source`` of the care that OpenStreetMap knows.

    Left out: the doctors who say another speciality than general medicine, and the hospitals
    that their name says to be pharmacies. The latter are not counted as pharmacies either:
    the name alone does not say that the public is served there.

    Parameters
    ----------
    places : DataFrame
        ``kind``, ``name``, ``speciality``, ``lon``, ``lat`` (degrees), as
        :attr:`utils.readers.osm.OsmExtract.places`.
    epsg : int
        Projected CRS of the result.
    """
    care = places[places["kind"].isin(OSM_KINDS)]
    said = care["speciality"].fillna("").str.split(";")
    general = said.map(lambda names: names == [""] or not _GENERAL.isdisjoint(names)).astype(bool)
    pharmacy = care["name"].fillna("").str.contains(_NAMED_PHARMACY, case=False)
    other = (care["kind"].eq("doctors") & ~general) | (care["kind"].eq("hospital") & pharmacy)
    care = care[~other]
    x, y = network.project(care["lon"].to_numpy(), care["lat"].to_numpy(), epsg).T
    kinds = care["kind"].map(OSM_KINDS).to_numpy()
    return pd.DataFrame({"kind": kinds, "x": x, "y": y, "source": "osm"})


def bpe_facilities(points: pd.DataFrame, *, epsg: int) -> pd.DataFrame:
    """Return ``kind, x, y, source`` of the care located by the BPE, in one CRS.

    Parameters
    ----------
    points : DataFrame
        As :func:`utils.readers.equipment.read_bpe_points` gives it; the lines of another CRS,
        and those without a place, are left out.
    """
    care = points[points["typequ"].isin(BPE_KINDS) & (points["epsg"] == epsg)]
    care = care.dropna(subset=["x", "y"])
    kinds = care["typequ"].map(BPE_KINDS).to_numpy()
    return pd.DataFrame(
        {"kind": kinds, "x": care["x"].to_numpy(), "y": care["y"].to_numpy(), "source": "bpe"}
    )


def finess_facilities(establishments: pd.DataFrame, *, epsg: int) -> pd.DataFrame:
    """Return ``kind, x, y, source`` of the pharmacies and hospitals of FINESS."""
    care = establishments[establishments["category"].isin(FINESS_KINDS)]
    care = care.dropna(subset=["lon", "lat"])
    x, y = network.project(care["lon"].to_numpy(), care["lat"].to_numpy(), epsg).T
    kinds = care["category"].map(FINESS_KINDS).to_numpy()
    return pd.DataFrame({"kind": kinds, "x": x, "y": y, "source": "finess"})


def choose_facilities(*sources: pd.DataFrame, window: shapely.Polygon) -> pd.DataFrame:
    """Keep for each kind the first source that places one in a window.

    Parameters
    ----------
    *sources : DataFrame
        ``kind, x, y, source``, the best first: located BPE, FINESS, OpenStreetMap. Sources
        are not mixed within a kind: the same practice would be counted twice.

    Returns
    -------
    DataFrame
        Those in the window, one line a facility.
    """
    parts: list[pd.DataFrame] = []
    known: set[str] = set()
    for frame in sources:
        near = frame[_inside(window, frame)]
        new = near[~near["kind"].isin(known)]
        known |= set(new["kind"])
        parts.append(new)
    return pd.concat(parts, ignore_index=True)


# --------------------------------------------------------------------------- inhabitants


def people_from_squares(
    squares: pd.DataFrame,
    homes: pd.DataFrame | None = None,
    *,
    epsg: int,
    outline: shapely.Geometry | None = None,
    squares_epsg: int = SQUARES_CRS,
) -> pd.DataFrame:
    """Place the inhabitants of squares: in their homes, else at the middle of the square.

    Parameters
    ----------
    squares : DataFrame
        200 m squares of a commune: ``x``, ``y`` (south-west corner, metres), ``codes``,
        ``imputed``, ``persons`` and ages, as
        :func:`utils.readers.people.read_carreaux_200m` gives them. A square that touches
        several communes is shared equally between them.
    homes : DataFrame, optional
        ``lon``, ``lat``, ``floor_m2``: the inhabitants of a square are spread by floor area.
    epsg : int
        Projected CRS of the result.
    outline : Geometry, optional
        The commune, in that CRS: homes beyond it receive nobody.
    squares_epsg : int
        CRS of the squares: another in Martinique and in La Réunion.

    Returns
    -------
    DataFrame
        ``x``, ``y`` (metres), ``square`` (number of the line), ``square_x``, ``square_y`` (its
        middle), ``imputed``, ``in_home`` (bool),
        ``persons`` and the same age groups. The persons of a square are all kept.
    """
    squares = squares.reset_index(drop=True)
    counts = [name for name in squares.columns if name == "persons" or name.startswith("age_")]
    shared = (squares["codes"].str.len() // 5).clip(lower=1)
    people = squares[counts].astype("float64").div(shared, axis=0)
    people["imputed"] = squares["imputed"]
    people["square"] = squares.index
    x, y = squares[["x", "y"]].to_numpy(float).T + SQUARE_M / 2
    middle = network.reproject(x, y, squares_epsg, epsg)
    people["x"], people["y"] = people["square_x"], people["square_y"] = middle.T
    people["in_home"] = False
    if homes is None or homes.empty:
        return people
    homes = homes[homes["floor_m2"] > 0]
    at = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg)
    where = _square_of(homes, squares, squares_epsg)
    kept = where >= 0
    if outline is not None:
        kept &= shapely.intersects_xy(outline, *at.T)
    if not kept.any():
        return people
    placed = homes.assign(square=where)[kept]
    part = placed["floor_m2"] / placed.groupby("square")["floor_m2"].transform("sum")
    spread = people.loc[placed["square"]].reset_index(drop=True)
    spread[counts] = spread[counts].mul(part.to_numpy(), axis=0)
    spread["x"], spread["y"] = at[kept].T
    spread["in_home"] = True
    empty = people[~people["square"].isin(placed["square"])]
    return pd.concat([spread, empty], ignore_index=True)


def _square_of(homes: pd.DataFrame, squares: pd.DataFrame, epsg: int) -> NDArray[np.intp]:
    """Return the line of the square that each home is in, -1 for none."""
    xy = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg)
    corner = (np.floor(xy / SQUARE_M) * SQUARE_M).astype("int64")
    index = pd.MultiIndex.from_frame(squares[["x", "y"]].astype("int64"))
    return np.asarray(index.get_indexer(pd.MultiIndex.from_arrays([corner[:, 0], corner[:, 1]])))


def people_from_homes(homes: pd.DataFrame, *, epsg: int, persons: float) -> pd.DataFrame:
    """Place a number of inhabitants in homes by floor area, where no square tells better.

    Parameters
    ----------
    homes : DataFrame
        ``lon``, ``lat``, ``floor_m2``: the residential buildings of the commune.
    persons : float
        Inhabitants of the commune (census).

    Returns
    -------
    DataFrame
        ``x``, ``y`` (metres), ``persons``.
    """
    total = homes["floor_m2"].sum()
    if not total > 0:
        raise NetworkError(
            "Aucun logement n’est dessiné dans cet extrait : on ignore où vivent les habitants.",
            hint="Ajoutez les carreaux de 200 m de l’Insee, ou un extrait avec les bâtiments.",
        )
    x, y = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg).T
    return pd.DataFrame({"x": x, "y": y, "persons": persons * homes["floor_m2"] / total})
