"""OpenStreetMap extracts: streets with their walking and cycling rules, places, homes.

One pass with pyosmium over ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``. Only ways
with a ``highway`` tag are streets. Who may use a street follows the public foot and bicycle
profiles of OSRM (github.com/Project-OSRM/osrm-backend, ``profiles/``), more strictly in one
point: a bicycle is never pushed against a one-way street.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray
from osmium.filter import KeyFilter

from utils.errors import LayoutError

__all__ = [
    "Box",
    "OsmExtract",
    "access_rules",
    "barriers",
    "home_frame",
    "home_of",
    "place_frame",
    "places_of",
    "read_osm",
    "read_osm_pieces",
    "street_frame",
]

#: Tags of a node or a way, the way that OpenStreetMap gives them.
Tags = Mapping[str, str]
#: West, south, east, north, degrees.
Box = tuple[float, float, float, float]

_ROADS: Final = frozenset(
    f"{name}{suffix}" for name in ("primary", "secondary", "tertiary") for suffix in ("", "_link")
) | {"unclassified", "residential", "living_street", "road", "service", "track", "path"}

#: Open to all without a tag that says so. Trunk roads and cycleways need an explicit ``foot``.
_WALKED: Final = _ROADS | {"footway", "pedestrian", "steps", "platform", "bridleway"}
_CYCLED: Final = _ROADS | {"cycleway"}
#: Where a bicycle is pushed, unless ``bicycle`` says that it may be ridden.
_PUSHED: Final = frozenset({"footway", "pedestrian", "steps", "platform"})
#: Usable only where a tag says so.
_ASKED: Final = frozenset({"trunk", "trunk_link", "cycleway", "bridleway"})

_STREETS: Final = _WALKED | _CYCLED | _ASKED

_REFUSED: Final = frozenset(
    {
        "no", "private", "agricultural", "forestry", "agricultural;forestry", "delivery",
        "military", "permit", "use_sidepath",
    }
)  # fmt: skip
_ALLOWED: Final = frozenset({"yes", "designated", "permissive", "official"})
_YES: Final = frozenset({"yes", "1", "true"})
_NO: Final = frozenset({"no", "0", "false"})
_CYCLEWAYS: Final = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
_WALLS: Final = frozenset({"wall", "fence"})

#: Kind of place -> the values of ``amenity`` or ``healthcare`` that make it.
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pharmacy": ("pharmacy",),
    "doctors": ("doctors", "doctor"),
    "dentist": ("dentist",),
    "hospital": ("hospital",),
    "clinic": ("clinic", "centre"),
    "physiotherapist": ("physiotherapist",),
    "nurse": ("nurse",),
    "townhall": ("townhall",),
    "place_of_worship": ("place_of_worship",),
    "restaurant": ("restaurant",),
    "fast_food": ("fast_food",),
    "cafe": ("cafe",),
    "bar": ("bar", "pub"),
    "bank": ("bank",),
    "post_office": ("post_office",),
    "fuel": ("fuel",),
}
_KIND_OF: Final = {value: kind for kind, values in _KINDS.items() for value in values}

_HOMES: Final = frozenset(
    {
        "apartments", "bungalow", "detached", "dormitory", "farm", "house", "houseboat",
        "residential", "semi", "semidetached_house", "static_caravan", "terrace",
    }
)  # fmt: skip
#: A building without a type (``building=yes``, most of the French cadastre) is a home unless
#: one of these says what else it is.
_OTHER_USES: Final = (
    "amenity", "shop", "office", "industrial", "healthcare", "leisure", "man_made", "power",
    "public_transport", "railway", "aeroway", "military", "tourism", "craft", "historic",
)  # fmt: skip
#: Smallest footprint of a home of unknown type, m²: sheds and garages are smaller (convention).
_SMALLEST_HOME_M2: Final = 30.0
#: Storeys where ``building:levels`` says nothing (convention).
_STOREYS: Final = {"apartments": 4.0}
_DEFAULT_STOREYS: Final = 2.0
_HIGHEST_STOREYS: Final = 60.0

_UNKNOWN_PLACE: Final = 2**31 - 1  # coordinate that libosmium gives to a node not in the file
_PLACE_KEYS: Final = ("amenity", "healthcare", "shop")


@dataclass(frozen=True, slots=True)
class OsmExtract:
    """What the project reads from an extract.

    Attributes
    ----------
    nodes : DataFrame
        One line a node of a street: ``id``, ``lon``, ``lat`` (EPSG:4326), ``walk_barrier``,
        ``bike_barrier`` (a gate or a wall there stops that mode).
    streets : DataFrame
        One line a way: ``way``, ``highway``, ``surface``, ``tracktype``, ``walk`` (bool),
        ``bike_forward``, ``bike_backward`` (``"ride"``, ``"push"`` or ``""``, in the
        direction of the way).
    segments : DataFrame
        One line between two consecutive nodes of a way: ``street``, ``a``, ``b``, positions
        in ``streets`` and ``nodes``.
    places : DataFrame
        ``osm`` (``"node/12"``), ``kind`` (``pharmacy``, ``doctors``, ``dentist``,
        ``hospital``, ``clinic``, ``physiotherapist``, ``nurse``, ``townhall``,
        ``place_of_worship``, ``restaurant``, ``fast_food``, ``cafe``, ``bar``, ``bank``,
        ``post_office``, ``fuel``, ``shop``), ``name``, ``brand``, ``brand_wikidata``, ``shop``,
        ``speciality``, ``lon``, ``lat``: the point, or the centroid of the area.
    buildings : DataFrame
        Homes: ``osm``, ``lon``, ``lat`` (centroid), ``footprint_m2``, ``floor_m2``.
    box : tuple of float
        West, south, east, north (degrees): what the header says, else the streets' extent.
    cut : int
        Segments left out because one of their nodes is not in the file.
    """

    nodes: pd.DataFrame
    streets: pd.DataFrame
    segments: pd.DataFrame
    places: pd.DataFrame
    buildings: pd.DataFrame
    box: Box
    cut: int


# --------------------------------------------------------------------------- rules


def _first(tags: Tags, *keys: str) -> str:
    """Return the value of the first of some keys that is there, from precise to general."""
    return next((tags[key] for key in keys if key in tags), "")


def access_rules(tags: Tags) -> tuple[bool, str, str]:
    """Tell who may use a way: on foot, by bicycle along it, by bicycle against it.

    Parameters
    ----------
    tags : mapping
        Tags of a way.

    Returns
    -------
    tuple of (bool, str, str)
        Walking ignores one-ways. A bicycle is ridden (``"ride"``), pushed (``"push"``) or
        refused (``""``) in each direction.
    """
    highway = tags.get("highway", "")
    if highway not in _STREETS or tags.get("motorroad") == "yes":
        return False, "", ""
    walk = _walks(highway, tags)
    bike = _cycles(highway, tags, walk=walk)
    if not bike:
        return walk, "", ""
    forward, backward = _directions(tags) if bike == "ride" else (True, True)
    return walk, bike if forward else "", bike if backward else ""


def _walks(highway: str, tags: Tags) -> bool:
    said = _first(tags, "foot", "access")
    if said in _REFUSED:
        return False
    return highway in _WALKED or tags.get("foot", "") in _ALLOWED


def _cycles(highway: str, tags: Tags, *, walk: bool) -> str:
    """Return how a bicycle goes there, one-ways apart: ridden, pushed or not at all."""
    said = _first(tags, "bicycle", "vehicle", "access")
    if said in _REFUSED:
        return ""
    if said == "dismount" or highway == "steps":
        return "push" if walk else ""
    if highway in _CYCLED or tags.get("bicycle", "") in _ALLOWED:
        return "ride"
    return "push" if walk and highway in _PUSHED else ""


def _directions(tags: Tags) -> tuple[bool, bool]:
    """Return whether a bicycle may be ridden along and against a way."""
    if any(
        tags.get(key, "").startswith("opposite") or tags.get(f"{key}:oneway") in {"no", "-1"}
        for key in _CYCLEWAYS
    ):
        return True, True
    said = _first(tags, "oneway:bicycle", "oneway")
    if said in _YES:
        return True, False
    if said == "-1":
        return False, True
    return True, said in _NO or tags.get("junction") not in {"roundabout", "circular"}


def barriers(tags: Tags) -> tuple[bool, bool]:
    """Tell whether a node stops who walks, and who cycles."""
    wall = tags.get("barrier") in _WALLS
    foot = _first(tags, "foot", "access")
    bike = _first(tags, "bicycle", "vehicle", "access")
    return (
        foot in _REFUSED or (wall and foot not in _ALLOWED),
        bike in _REFUSED or (wall and bike not in _ALLOWED),
    )


# --------------------------------------------------------------------------- reading


class _Gatherer:
    """Plain lists, filled by one pass over the file."""

    def __init__(self, within: Box | None) -> None:
        self.within = within
        self.streets: list[tuple[int, str, str, str, bool, str, str]] = []
        self.sizes: list[int] = []
        self.refs: list[int] = []
        self.x: list[int] = []
        self.y: list[int] = []
        self.barriers: dict[int, tuple[bool, bool]] = {}
        self.places: list[tuple[str, ...]] = []
        self.points: list[tuple[float, float] | str] = []
        self.homes: list[tuple[str, bool, float]] = []
        self.outlines: list[str] = []
        self._wkb = osmium.geom.WKBFactory()

    def clear(self) -> None:
        """Forget all but the barriers, which the file gives before the streets."""
        self.streets.clear()
        self.sizes.clear()
        self.refs.clear()
        self.x.clear()
        self.y.clear()
        self.places.clear()
        self.points.clear()
        self.homes.clear()
        self.outlines.clear()

    def holds(self, lon: float, lat: float) -> bool:
        """Tell whether a place is in the window, when there is one."""
        if self.within is None:
            return True
        west, south, east, north = self.within
        return west <= lon <= east and south <= lat <= north

    def node(self, node: osmium.osm.Node) -> None:
        if not self.holds(node.lon, node.lat):
            return
        if not any(key in node.tags for key in ("barrier", *_PLACE_KEYS)):
            return
        tags = dict(node.tags)
        if "barrier" in tags:
            stops = barriers(tags)
            if any(stops):
                self.barriers[node.id] = stops
        for place in places_of(f"node/{node.id}", tags):
            self.places.append(place)
            self.points.append((node.lon, node.lat))

    def way(self, way: osmium.osm.Way) -> None:
        # Some are looked up, as in a mapping: quicker than to make a dictionary of all.
        tags = cast("Tags", way.tags)
        if "highway" not in tags or not self._near(way):
            return
        rules = access_rules(tags)
        if not any(rules):
            return
        self.streets.append(
            (way.id, tags["highway"], tags.get("surface", ""), tags.get("tracktype", ""), *rules)
        )
        self.sizes.append(len(way.nodes))
        for node in way.nodes:
            place = node.location  # the properties of the node would look it up each time
            self.refs.append(node.ref)
            self.x.append(place.x)
            self.y.append(place.y)

    def _near(self, way: osmium.osm.Way) -> bool:
        """Tell whether an end of a way, or its middle, is in the window."""
        if self.within is None:
            return True
        nodes = way.nodes
        some = (nodes[i] for i in (0, len(nodes) // 2, len(nodes) - 1)) if len(nodes) else ()
        return any(self.holds(node.x / 1e7, node.y / 1e7) for node in some)

    def area(self, area: osmium.osm.Area, *, homes: bool) -> None:
        tags = dict(area.tags)
        home = home_of(tags) if homes else None
        is_place = any(key in tags for key in _PLACE_KEYS)
        if not (home or is_place) or not area.num_rings()[0]:  # or not a closed outline
            return
        corner = next(iter(next(iter(area.outer_rings()))))
        if not self.holds(corner.x / 1e7, corner.y / 1e7):
            return
        osm = f"{'way' if area.from_way() else 'relation'}/{area.orig_id()}"
        for place in places_of(osm, tags) if is_place else ():
            self.places.append(place)
            self.points.append(self._wkb.create_multipolygon(area))
        if home:
            self.homes.append((osm, *home))
            self.outlines.append(self._wkb.create_multipolygon(area))


def places_of(osm: str, tags: Tags) -> Iterable[tuple[str, ...]]:
    """Yield what stands there: a pharmacy tagged ``amenity`` and ``healthcare`` is one."""
    kinds = {
        _KIND_OF[tags[key]] for key in ("amenity", "healthcare") if tags.get(key, "") in _KIND_OF
    }
    shop = tags.get("shop", "")
    if shop not in {"", "no", "vacant"}:
        kinds.add("shop")
    details = [
        tags.get(key, "")
        for key in ("name", "brand", "brand:wikidata", "shop", "healthcare:speciality")
    ]
    for kind in sorted(kinds):
        yield (osm, kind, *details)


def home_of(tags: Tags) -> tuple[bool, float] | None:
    """Tell whether a building says that it is a home, and its storeys; ``None`` for no home.

    A building without a type may be one, if it is not too small.
    """
    kind = tags.get("building", "")
    said = kind in _HOMES
    # wall=no: a light roof of the French cadastre.
    if not said and (kind != "yes" or "wall" in tags or any(key in tags for key in _OTHER_USES)):
        return None
    return said, _storeys(kind, tags.get("building:levels"))


def _storeys(kind: str, said: str | None) -> float:
    try:
        storeys = float(said or "")
    except ValueError:
        return _STOREYS.get(kind, _DEFAULT_STOREYS)
    return min(max(storeys, 1.0), _HIGHEST_STOREYS) if math.isfinite(storeys) else _DEFAULT_STOREYS


def read_osm(path: Path, *, homes: bool = True, within: Box | None = None) -> OsmExtract:
    """Read an extract of OpenStreetMap.

    Parameters
    ----------
    path : Path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``; the ending names the format.
    homes : bool
        Read the buildings too (about a third of the time).
    within : tuple of float, optional
        West, south, east, north (degrees): keep only what stands there. The whole file is
        read all the same: cut a large region once before many towns.

    Returns
    -------
    OsmExtract
        Streets, places and homes; frames are empty where the file has none.

    Raises
    ------
    LayoutError
        The file is absent, cut, corrupt, or not an OpenStreetMap file.
    """
    (whole,) = _pieces(path, _Gatherer(within), homes=homes)
    return whole


def read_osm_pieces(path: Path, *, size: int = 500_000) -> Iterator[OsmExtract]:
    """Read a large extract a piece at a time: memory is bounded.

    Parameters
    ----------
    path : Path
        As for :func:`read_osm`.
    size : int
        A piece ends when it has that many nodes of streets and homes.

    Yields
    ------
    OsmExtract
        Each street, place and home is in one piece; a node may be in several. ``box`` is the
        header's, else the extent of the piece. Where the nodes of the file stand is kept in
        a temporary file (16 bytes a node), not in memory.

    Raises
    ------
    LayoutError
        As for :func:`read_osm`.
    """
    return _pieces(path, _Gatherer(None), homes=True, size=size, locations="sparse_file_array")


def _pieces(
    path: Path,
    found: _Gatherer,
    *,
    homes: bool,
    size: float = math.inf,
    locations: str = "flex_mem",
) -> Iterator[OsmExtract]:
    """Pass over a file, and yield what a gatherer holds each time that it is full."""
    if not path.is_file():
        raise LayoutError(
            f"Le fichier {path} n’existe pas.",
            hint="Donnez le chemin d’un extrait OpenStreetMap (.osm.pbf, .osm ou .osm.gz).",
        )
    try:
        box = _header_box(path)
        areal = (*_PLACE_KEYS, *(["building"] if homes else []))
        items = osmium.FileProcessor(path).with_locations(locations).with_areas(KeyFilter(*areal))
        for item in items.with_filter(KeyFilter("highway", "barrier", *areal)):
            if isinstance(item, osmium.osm.Node):
                found.node(item)
            elif isinstance(item, osmium.osm.Way):
                found.way(item)
            elif isinstance(item, osmium.osm.Area):
                found.area(item, homes=homes)
            if len(found.refs) + len(found.homes) >= size:
                yield _extract(found, box)
                found.clear()
    except RuntimeError as error:  # the only class that libosmium raises
        raise LayoutError(
            f"Le fichier {path.name} n’est pas un extrait OpenStreetMap lisible : {error}.",
            hint="Téléchargez-le de nouveau : il est coupé, abîmé, ou d’un autre format.",
        ) from error
    yield _extract(found, box)


def _extract(found: _Gatherer, box: Box | None) -> OsmExtract:
    nodes, segments, cut = _network(found)
    return OsmExtract(
        nodes=nodes,
        streets=street_frame(found.streets),
        segments=segments,
        places=place_frame(found.places, found.points),
        buildings=home_frame(found.homes, found.outlines),
        box=_common(box or _extent(nodes), found.within),
        cut=cut,
    )


def _header_box(path: Path) -> Box | None:
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        box = reader.header().box()
    if not box.valid():
        return None
    low, high = box.bottom_left, box.top_right
    return low.lon, low.lat, high.lon, high.lat


def _common(box: Box, within: Box | None) -> Box:
    if within is None:
        return box
    low, high = np.maximum(box[:2], within[:2]), np.minimum(box[2:], within[2:])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _extent(nodes: pd.DataFrame) -> Box:
    if nodes.empty:
        return (math.nan,) * 4
    lon, lat = nodes["lon"], nodes["lat"]
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def street_frame(streets: Sequence[tuple[int, str, str, str, bool, str, str]]) -> pd.DataFrame:
    """Return the frame of streets, from its lines."""
    columns = ["way", "highway", "surface", "tracktype", "walk", "bike_forward", "bike_backward"]
    frame = pd.DataFrame(streets, columns=columns)
    texts = [name for name in columns if name not in {"way", "walk"}]
    return frame.astype({"way": "int64", "walk": "bool", **dict.fromkeys(texts, "str")})


def _network(found: _Gatherer) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return nodes and segments from the lists of nodes of the ways; how many were cut."""
    refs = np.asarray(found.refs, dtype=np.int64)
    x, y = np.asarray(found.x, dtype=np.int64), np.asarray(found.y, dtype=np.int64)
    street = np.repeat(np.arange(len(found.sizes)), found.sizes)
    ids, first, position = np.unique(refs, return_index=True, return_inverse=True)
    inside = (street[1:] == street[:-1]) & (refs[1:] != refs[:-1])
    known = x != _UNKNOWN_PLACE
    kept = inside & known[1:] & known[:-1]
    used, ends = np.unique(
        np.concatenate([position[:-1][kept], position[1:][kept]]), return_inverse=True
    )
    a, b = ends.reshape(2, -1)
    stops = [found.barriers.get(node, (False, False)) for node in ids[used]]
    nodes = pd.DataFrame(
        {
            "id": ids[used],
            "lon": x[first[used]] / 1e7,
            "lat": y[first[used]] / 1e7,
            "walk_barrier": np.array([stop[0] for stop in stops], dtype=bool),
            "bike_barrier": np.array([stop[1] for stop in stops], dtype=bool),
        }
    )
    segments = pd.DataFrame({"street": street[:-1][kept], "a": a, "b": b})
    return nodes, segments, int(inside.sum() - kept.sum())


def place_frame(
    places: Sequence[tuple[str, ...]], points: Sequence[tuple[float, float] | str | bytes]
) -> pd.DataFrame:
    """Return the frame of places of :func:`places_of`: of each, its point or its outline (WKB)."""
    columns = ["osm", "kind", "name", "brand", "brand_wikidata", "shop", "speciality"]
    frame = pd.DataFrame(places, columns=columns).astype("str")
    centers = [
        point if isinstance(point, tuple) else shapely.from_wkb(point).centroid.coords[0]
        for point in points
    ]
    frame[["lon", "lat"]] = np.asarray(centers, dtype=float).reshape(-1, 2)
    return frame.sort_values(["kind", "osm"], ignore_index=True)


def home_frame(
    homes: Sequence[tuple[str, bool, float]], wkb: Sequence[str | bytes]
) -> pd.DataFrame:
    """Return the frame of homes: of each, its name, what :func:`home_of` says, its outline."""
    outlines = shapely.from_wkb(np.asarray(wkb, dtype=object))
    osm, said, storeys = zip(*homes, strict=True) if homes else ((), (), ())
    centers = shapely.get_coordinates(shapely.centroid(outlines)).reshape(-1, 2)
    footprint = shapely.area(outlines) * _square_degree_m2(centers[:, 1])
    frame = pd.DataFrame(
        {
            "osm": pd.Series(osm, dtype="str"),
            "lon": centers[:, 0],
            "lat": centers[:, 1],
            "footprint_m2": footprint,
            "floor_m2": footprint * np.asarray(storeys, dtype=float),
        }
    )
    large = np.asarray(said, dtype=bool) | (footprint >= _SMALLEST_HOME_M2)
    kept: pd.DataFrame = frame[large]
    return kept.sort_values("osm", ignore_index=True)


def _square_degree_m2(lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of a square degree on the GRS 80 ellipsoid, m², from its two radii of curvature."""
    semi_major, e2 = 6_378_137.0, 0.00669438002290
    phi = np.radians(lat)
    w = 1 - e2 * np.sin(phi) ** 2
    meridian, normal = semi_major * (1 - e2) / w**1.5, semi_major / np.sqrt(w)
    area: NDArray[np.float64] = np.radians(1) ** 2 * meridian * normal * np.cos(phi)
    return area
