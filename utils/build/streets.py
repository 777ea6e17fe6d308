"""Building the tables of real streets (``osm_*``, ODbL): times to care in a few towns.

The extracts at hand are few: a *Petite ville de demain*, and towns beside Monaco. The same
functions serve any town that has an extract (``pvd access``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from utils import access, care, network
from utils.access import AccessResult
from utils.build.care import SQUARE_COLUMNS
from utils.build.workshop import LAMBERT_93, Builder, Method, Workshop
from utils.network import Floats
from utils.readers import people
from utils.readers.osm import OsmExtract, read_osm

__all__ = ["BUILDERS", "EXTRACTS", "METHODS"]

#: Towns of the chapter -> the source of their streets.
EXTRACTS: Final[Mapping[str, str]] = {
    "01306": "osm_pont_de_veyle",
    "06012": "osm_monaco",
    "06032": "osm_monaco",
}

#: Networks on which detours are measured: name -> source, CRS, kinds of services reached.
#: Liechtenstein's extract places few practices: its town halls and churches, which stand where
#: practices do, are reached too, there and elsewhere.
_NETWORKS: Final[Mapping[str, tuple[str, int]]] = {
    "Pont-de-Veyle": ("osm_pont_de_veyle", LAMBERT_93),
    "Monaco et environs": ("osm_monaco", LAMBERT_93),
    "Liechtenstein": ("osm_liechtenstein", 32632),
}
_OTHER_SERVICES: Final = ("townhall", "place_of_worship")

#: Minutes of the curves.
MINUTES: Final = tuple(range(1, 31))
#: Minutes of the outlines drawn.
OUTLINES_MIN: Final = (5, 10, 15)
#: Kinds of care drawn on the maps.
DRAWN: Final = ("pharmacy", access.TOGETHER)
#: Minutes and kinds of the sensitivity table.
TESTED_MIN: Final = 10
#: Step of the pictures, and tolerance of their outlines, metres.
_STEP_M, _TOLERANCE_M = 25.0, 8.0
#: What the maps show around the commune, metres.
_AROUND_M: Final = 300.0
#: How far from a street an outline of time is drawn, metres.
_BESIDE_M: Final = 100.0
#: Decimals of the shares (%): enough for a whole number written from them to be that of the
#: command, which does not round twice.
_DECIMALS: Final = 3


@dataclass(frozen=True, slots=True)
class _Town:
    """A town of the chapter, on its streets."""

    streets: OsmExtract
    outline: shapely.Geometry
    facilities: pd.DataFrame
    people: pd.DataFrame
    result: AccessResult


def _streets(shop: Workshop, source: str) -> OsmExtract:
    path = shop.path(source)
    return shop.once(f"rues:{source}", lambda: read_osm(path))


def _facilities(shop: Workshop, streets: OsmExtract, epsg: int) -> pd.DataFrame:
    located = shop.read("bpe_points_2021")
    return access.choose_facilities(
        access.bpe_facilities(located, epsg=epsg),
        access.osm_facilities(streets.places, epsg=epsg),
        window=access.window_of(streets, epsg),
    )


def _town(shop: Workshop, code: str) -> _Town:
    """Return the streets, care, inhabitants and times of a town of :data:`EXTRACTS`."""
    epsg = LAMBERT_93
    streets = _streets(shop, EXTRACTS[code])
    facilities = _facilities(shop, streets, epsg)
    path, contours = shop.path("carreaux_200m"), shop.read("contours_communes")

    def compute() -> _Town:
        squares = people.read_carreaux_200m(path, columns=SQUARE_COLUMNS, commune=code)
        squares = squares.drop(columns=list(care.INSEE_AGES)).join(care.age_counts(squares))
        shape = contours.loc[contours["code"] == code, "geometry"]
        outline = gpd.GeoSeries(shape, crs=4326).to_crs(epsg).iloc[0]
        points = access.people_from_squares(squares, streets.buildings, epsg=epsg, outline=outline)
        result = access.town_access(streets, facilities, points, epsg=epsg)
        return _Town(streets, outline, facilities, points, result)

    return shop.once(f"temps:{code}", compute)


# --------------------------------------------------------------------------- tables


def build_cells(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_acces_soins``: inhabitants and minutes in cells of 100 m."""
    parts = []
    for code in EXTRACTS:
        town = _town(shop, code)
        points = town.result.points
        for kind in town.result.placed:
            doors = town.facilities.loc[town.facilities["kind"] == kind, ["x", "y"]]
            at = points[["x", "y"]].to_numpy(float)
            points = points.assign(
                **{f"straight_{kind}": network.straight_line(at, doors.to_numpy(float))}
            )
        points["imputed_persons"] = points["persons"].where(points["imputed"], 0.0)
        edges = [f"edge_{mode}" for mode in town.result.graphs]
        points[edges] = points[edges].mul(points["persons"], axis=0)
        columns = points.columns.astype(str)
        minutes = columns[columns.str.match("(walk|bike|straight|leave)_")].tolist()
        found = access.cells(
            points[points["inside"]],
            sums=["persons", "imputed_persons", *edges, *care.AGES],
            means=minutes,
        )
        parts.append(found.assign(code=code))
    frame = pd.concat(parts, ignore_index=True)
    measures = [name for name in frame if name not in {"code", "x", "y"}]
    frame = frame.round(dict.fromkeys(measures, 1))
    frame = frame.astype({"x": "int32", "y": "int32", **dict.fromkeys(measures, np.float32)})
    first = ["code", "x", "y"]
    return frame[[*first, *measures]].sort_values(first, ignore_index=True)


def build_curves(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_parts_soins``: shares of inhabitants by minutes, speeds and ages."""
    parts = [
        access.curves(_town(shop, code).result, MINUTES, {age: [age] for age in care.AGES}).assign(
            code=code
        )
        for code in EXTRACTS
    ]
    frame = pd.concat(parts, ignore_index=True).round({"share": _DECIMALS, "share_max": _DECIMALS})
    columns = ["code", *(name for name in frame if name != "code")]
    return frame[columns].astype({"minutes": "int8", "share": np.float32, "share_max": np.float32})


def build_places(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_lieux_soins``: the care placed around each town, and its source."""
    parts = []
    for code in EXTRACTS:
        town = _town(shop, code)
        near = town.facilities.drop_duplicates(["kind", "x", "y"])
        points = gpd.GeoSeries.from_xy(near["x"], near["y"], crs=LAMBERT_93).to_crs(4326)
        parts.append(
            near[["kind", "source"]].assign(code=code, lon=points.x.round(5), lat=points.y.round(5))
        )
    frame = pd.concat(parts, ignore_index=True)
    return frame[["code", "kind", "source", "lon", "lat"]].sort_values(
        ["code", "kind", "lon", "lat"], ignore_index=True
    )


def build_drawings(shop: Workshop) -> gpd.GeoDataFrame:
    """Build ``osm_carte_soins``: outline, streets and isochrones of each town, for its maps."""
    parts = [_drawing(_town(shop, code)).assign(code=code) for code in EXTRACTS]
    frame = pd.concat(parts, ignore_index=True)
    shapes = gpd.GeoDataFrame(
        frame[["code", "layer", "mode", "kind", "minutes"]].astype({"minutes": "int8"}),
        geometry=gpd.GeoSeries(frame["geometry"], crs=LAMBERT_93).to_crs(4326),
    )
    shapes.geometry = shapes.geometry.set_precision(1e-5)
    return shapes


def _drawing(town: _Town) -> pd.DataFrame:
    frame = town.outline.buffer(_AROUND_M).envelope.intersection(town.result.window)
    roads = _street_lines(town.streets, frame)
    # Street by street: the outline of all at once takes a hundred times longer.
    near = shapely.union_all(shapely.buffer(shapely.get_parts(roads), _BESIDE_M))
    beside = shapely.intersection(near, frame)
    lines = [
        {"layer": "limite", "geometry": town.outline.simplify(_TOLERANCE_M)},
        {"layer": "rues", "geometry": roads},
    ]
    doors = town.facilities[["x", "y"]].to_numpy(float)
    kinds = town.facilities["kind"].tolist()
    for mode, graph in town.result.graphs.items():
        placed = network.place_facilities(graph, doors, kinds)
        rasters = {
            kind: network.time_raster(graph, placed, frame.bounds, kind=kind, step_m=_STEP_M)
            for kind in town.result.together
        }
        together = np.maximum.reduce([raster.seconds for raster in rasters.values()])
        some = rasters["pharmacy"]
        rasters[access.TOGETHER] = network.TimeRaster(some.x, some.y, together)
        for kind in DRAWN:
            drawn = network.isochrones(rasters[kind], OUTLINES_MIN)
            for minutes, shape in zip(drawn["minutes"], drawn["geometry"], strict=True):
                shown = shapely.intersection(shapely.make_valid(shape), beside)
                lines.append(
                    {
                        "layer": "isochrone",
                        "mode": mode,
                        "kind": kind,
                        "minutes": minutes,
                        "geometry": shapely.make_valid(shapely.simplify(shown, _TOLERANCE_M)),
                    }
                )
    return pd.DataFrame(lines).fillna({"mode": "", "kind": "", "minutes": 0})


def _street_lines(streets: OsmExtract, frame: shapely.Geometry) -> shapely.Geometry:
    """Return the streets that may be walked, in a frame, as one shape."""
    nodes = streets.nodes
    xy = network.project(nodes["lon"].to_numpy(), nodes["lat"].to_numpy(), LAMBERT_93)
    walked = streets.streets["walk"].to_numpy()[streets.segments["street"]]
    ends = streets.segments.loc[walked, ["a", "b"]].to_numpy()
    lines = shapely.linestrings(xy[ends])
    merged = shapely.line_merge(shapely.union_all(lines[shapely.intersects(lines, frame)]))
    return shapely.intersection(shapely.simplify(merged, _TOLERANCE_M / 2), frame)


# --------------------------------------------------------------------------- what it depends on


def build_sensitivity(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_sensibilite_soins``: what other choices would have given."""
    parts = [_variants(shop, code).assign(code=code) for code in EXTRACTS]
    frame = pd.concat(parts, ignore_index=True).round({"share": _DECIMALS})
    return frame[["code", "mode", "kind", "variant", "share"]]


def _variants(shop: Workshop, code: str) -> pd.DataFrame:
    town = _town(shop, code)
    result, epsg = town.result, LAMBERT_93
    squares = town.people.groupby("square", as_index=False)
    middle = (
        squares[["persons"]].sum().merge(squares[["square_x", "square_y"]].first(), on="square")
    )
    middle = middle.rename(columns={"square_x": "x", "square_y": "y"})
    homes = town.streets.buildings
    x, y = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg).T
    homes = homes[shapely.intersects_xy(town.outline, x, y)]
    by_floor = access.people_from_homes(homes, epsg=epsg, persons=result.persons)
    osm = access.osm_facilities(town.streets.places, epsg=epsg)
    again = {
        "habitants au milieu de leur carreau": (town.facilities, middle),
        "logements pondérés par leur surface, sans carreaux": (town.facilities, by_floor),
        "lieux d’OpenStreetMap seulement": (osm, town.people),
    }
    found = {"calcul du livre": _at_tested(result)}
    found["si des lieux touchaient le bord de l’extrait"] = _at_tested(result, "share_max")
    for name, (facilities, points) in again.items():
        found[name] = _at_tested(access.town_access(town.streets, facilities, points, epsg=epsg))
    for position, name in ((0, "vitesse basse"), (2, "vitesse haute")):
        shares = access.curves(result, [TESTED_MIN])
        speed = shares["mode"].map({m: v[position] for m, v in network.SPEED_BAND_KMH.items()})
        found[name] = shares[shares["kmh"] == speed].set_index(["mode", "kind"])["share"]
    found["à vol d’oiseau"] = _straight_shares(town)
    whole = build_detours(shop)
    median = float(whole.loc[whole["band"] == "toutes", "median"].median())
    found["à vol d’oiseau, multiplié par le détour médian"] = _straight_shares(town, median)
    frame = pd.concat(found, names=["variant"]).rename("share").reset_index()
    drawn: pd.DataFrame = frame[frame["kind"].isin(DRAWN)]
    return drawn


def _at_tested(result: AccessResult, column: str = "share") -> pd.Series:
    shares = result.shares[result.shares["minutes"] == TESTED_MIN]
    tested: pd.Series = shares.set_index(["mode", "kind"])[column]
    return tested


def _straight_shares(town: _Town, detour: float = 1.0) -> pd.Series:
    """Return the shares that straight lines, times a detour, would give at the central speed."""
    points = town.result.points
    at, weight = points[["x", "y"]].to_numpy(float), points["persons"].to_numpy(float)
    metres: dict[str, Floats] = {}
    for kind in town.result.together:
        doors = town.facilities.loc[town.facilities["kind"] == kind, ["x", "y"]]
        metres[kind] = network.straight_line(at, doors.to_numpy(float))
    metres[access.TOGETHER] = np.maximum.reduce(list(metres.values()))
    shares = {}
    for mode in town.result.graphs:
        pace = network.SPEED_BAND_KMH[mode][1] / 3.6
        for kind in DRAWN:
            (shares[mode, kind],) = network.reach_shares(
                detour * metres[kind] / pace, weight, [TESTED_MIN]
            )
    return pd.Series(shares).rename_axis(["mode", "kind"])


def build_ranks(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_rangs_soins``: minutes to the nearest place of each kind, and to the next."""
    parts = []
    for code in EXTRACTS:
        town = _town(shop, code)
        parts.append(access.ranks(town.result, town.facilities).assign(code=code))
    frame = pd.concat(parts, ignore_index=True).round({"median_min": 2, "share": _DECIMALS})
    return frame[["code", "mode", "kind", "rank", "median_min", "share"]].astype({"rank": "int8"})


def build_detours(shop: Workshop) -> pd.DataFrame:
    """Build ``osm_detours``: how much longer the way is, on each real network."""
    for source, _ in _NETWORKS.values():
        shop.path(source)
    return shop.once("détours", lambda: _detours(shop))


def _detours(shop: Workshop) -> pd.DataFrame:
    parts = []
    for zone, (source, epsg) in _NETWORKS.items():
        streets = _streets(shop, source)
        graph = network.build_graph(
            streets.nodes, streets.streets, streets.segments, mode="walk", epsg=epsg
        )
        services = pd.concat(
            [_facilities(shop, streets, epsg), _other_services(streets, epsg)], ignore_index=True
        )
        homes = streets.buildings
        at = network.project(homes["lon"].to_numpy(), homes["lat"].to_numpy(), epsg)
        snapped = network.snap(graph, at)
        doors = network.place_facilities(
            graph, services[["x", "y"]].to_numpy(float), services["kind"].tolist()
        )
        for kind in sorted(set(services["kind"])):
            near = services.loc[services["kind"] == kind, ["x", "y"]].to_numpy(float)
            seconds = network.nearest_times(graph, doors, snapped, kind=kind)
            parts.append(
                pd.DataFrame(
                    {
                        "zone": zone,
                        "straight_m": network.straight_line(at, near),
                        "way_m": seconds * network.walk_mps(),
                        "weight": homes["floor_m2"].to_numpy(),
                    }
                )
            )
    found = care.detours(pd.concat(parts, ignore_index=True), pace_m_min=60 * network.walk_mps())
    return found.round(3)


def _other_services(streets: OsmExtract, epsg: int) -> pd.DataFrame:
    other = streets.places[streets.places["kind"].isin(_OTHER_SERVICES)]
    x, y = network.project(other["lon"].to_numpy(), other["lat"].to_numpy(), epsg).T
    return pd.DataFrame({"kind": other["kind"].to_numpy(), "x": x, "y": y, "source": "osm"})


METHODS: Final[Mapping[str, Method]] = {}

BUILDERS: Final[Mapping[str, Builder]] = {
    "osm_acces_soins": build_cells,
    "osm_parts_soins": build_curves,
    "osm_lieux_soins": build_places,
    "osm_carte_soins": build_drawings,
    "osm_sensibilite_soins": build_sensitivity,
    "osm_rangs_soins": build_ranks,
    "osm_detours": build_detours,
}
