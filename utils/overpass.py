"""Streets, care and homes of a small area from the Overpass service, by osmnx.

For a town that has no extract. osmnx asks, keeps the answers in a folder and makes the graph;
here its graph becomes the frames that a file gives (:class:`utils.readers.osm.OsmExtract`), by
the same rules, so that the times are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import requests
import shapely
from numpy.typing import NDArray

from utils.errors import NetworkError
from utils.readers.osm import (
    Box,
    OsmExtract,
    access_rules,
    barriers,
    home_frame,
    home_of,
    place_frame,
    places_of,
    street_frame,
)

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["download", "from_osmnx", "osmnx_settings"]

#: Tags of ways and of nodes that the rules of access read, besides ``highway``.
WAY_TAGS: Final = (
    "access", "bicycle", "cycleway", "cycleway:both", "cycleway:both:oneway", "cycleway:left",
    "cycleway:left:oneway", "cycleway:oneway", "cycleway:right", "cycleway:right:oneway", "foot",
    "highway", "junction", "motorroad", "oneway", "oneway:bicycle", "surface", "tracktype",
    "vehicle",
)  # fmt: skip
NODE_TAGS: Final = ("access", "barrier", "bicycle", "foot", "vehicle")
#: Care asked for: what makes the kinds of :data:`utils.access.OSM_KINDS`.
_CARE: Final[dict[str, bool | str | list[str]]] = {
    "amenity": ["pharmacy", "doctors", "doctor", "dentist", "hospital"],
    "healthcare": ["pharmacy", "doctor", "dentist", "hospital", "nurse", "physiotherapist"],
}
#: Seconds that the service has to answer.
TIMEOUT_S: Final = 180
_BY_FILE: Final = "ou donnez un extrait (--osm extrait.osm.pbf)."


def download(box: Box, homes: Box, cache: Path) -> OsmExtract:
    """Ask Overpass for the streets and the care of a box, and for the homes of a smaller one.

    Parameters
    ----------
    box, homes : tuple of float
        West, south, east, north, degrees: the surroundings, and the town.
    cache : Path
        Folder where osmnx keeps the answers: the same question is asked once.

    Raises
    ------
    NetworkError
        The service does not answer, is busy, gives up or sends half an answer; it knows no
        street there.
    """
    import osmnx  # half a second, for this alone

    insufficient = osmnx._errors.InsufficientResponseError

    def features(where: Box, tags: dict[str, bool | str | list[str]]) -> gpd.GeoDataFrame:
        try:
            return osmnx.features_from_bbox(where, tags)
        except insufficient:  # an answer that is whole, and empty
            return gpd.GeoDataFrame(geometry=[], crs=4326)

    with osmnx_settings(
        use_cache=True,
        cache_folder=cache,
        requests_timeout=TIMEOUT_S,
        requests_kwargs={"hooks": {"response": _checked}},
        doh_url_template=None,
    ):
        try:
            graph = osmnx.graph_from_bbox(
                box,
                custom_filter='["highway"]',
                simplify=False,
                retain_all=True,
                truncate_by_edge=True,
            )
            care, buildings = features(box, _CARE), features(homes, {"building": True})
        except insufficient as error:
            raise NetworkError(
                "Le service Overpass ne connaît aucune rue dans cette zone.",
                hint=f"Vérifiez le code de la commune, {_BY_FILE}",
            ) from error
        except (requests.RequestException, OSError) as error:
            raise NetworkError(
                f"Le service Overpass ne répond pas : {type(error).__name__}.",
                hint=f"Vérifiez l’accès au réseau, réessayez plus tard, {_BY_FILE}",
            ) from error
    return from_osmnx(graph, care, buildings, box)


def _checked(response: requests.Response, **_: object) -> None:
    """Refuse an answer that is not whole: osmnx would wait without end, or go on without it.

    It tries a busy service again for ever; and a query that the service gives up halfway is
    a success (200) with a remark.
    """
    if response.request.method != "POST":  # the status of the service, plain text
        return
    if response.status_code in {429, 504}:
        raise NetworkError(
            f"Le service Overpass est surchargé (HTTP {response.status_code}).",
            hint=f"Réessayez dans quelques minutes, {_BY_FILE}",
        )
    if not response.ok:
        raise NetworkError(
            f"Le service Overpass refuse la demande (HTTP {response.status_code}).",
            hint=f"Réessayez plus tard, {_BY_FILE}",
        )
    try:
        answer = response.json()
    except requests.JSONDecodeError as error:
        raise NetworkError(
            "La réponse du service Overpass est coupée ou illisible.",
            hint=f"Réessayez, {_BY_FILE}",
        ) from error
    remark = answer.get("remark", "") if isinstance(answer, dict) else "réponse inattendue"
    if remark:
        raise NetworkError(
            f"Le service Overpass n’a pas fini de répondre : {remark}",
            hint=f"Réessayez plus tard, {_BY_FILE}",
        )


@contextmanager
def osmnx_settings(**values: object) -> Iterator[None]:
    """Make osmnx keep what the rules read, for the length of a block: its settings are global.

    Each street is there once, as it is drawn, with its own one-way tags (``all_oneway``).
    """
    import osmnx

    values |= {
        "all_oneway": True,
        "useful_tags_way": list(WAY_TAGS),
        "useful_tags_node": list(NODE_TAGS),
    }
    before = {name: getattr(osmnx.settings, name) for name in values}
    try:
        for name, value in values.items():
            setattr(osmnx.settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(osmnx.settings, name, value)


# --------------------------------------------------------------------------- frames


def from_osmnx(
    graph: nx.MultiDiGraph, care: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, box: Box
) -> OsmExtract:
    """Turn what osmnx gives into the frames of an extract.

    Parameters
    ----------
    graph : MultiDiGraph
        Not simplified, made within :func:`osmnx_settings`.
    care, buildings : GeoDataFrame
        Features of osmnx, indexed by element and number (EPSG:4326).
    box : tuple of float
        What was asked, degrees.

    Raises
    ------
    NetworkError
        The graph is simplified: the places between crossroads, and the tags of each way, are
        lost.
    """
    if graph.graph.get("simplified"):
        raise NetworkError(
            "Ce graphe osmnx est simplifié : le tracé et les règles de chaque rue y sont perdus.",
            hint="Demandez-le avec simplify=False.",
        )
    rules: dict[int, tuple[int, tuple[bool, str, str]]] = {}
    streets: list[tuple[Any, ...]] = []
    segments: list[tuple[int, int, int]] = []
    for start, end, tags in graph.edges(data=True):
        way = int(tags["osmid"])
        if way not in rules:
            rules[way] = (len(streets), access_rules(_way_tags(tags)))
            if any(rules[way][1]):
                texts = (str(tags.get(name, "")) for name in ("highway", "surface", "tracktype"))
                streets.append((way, *texts, *rules[way][1]))
        street, allowed = rules[way]
        if any(allowed) and start != end:
            segments.append((street, start, end))
    nodes, ends = _nodes(graph, [end for _, *both in segments for end in both])
    return OsmExtract(
        nodes=nodes,
        streets=street_frame(streets),
        segments=pd.DataFrame(
            {
                "street": np.array([street for street, *_ in segments], dtype=np.int64),
                "a": ends[::2],
                "b": ends[1::2],
            }
        ),
        places=_places(care),
        buildings=_homes(buildings),
        box=box,
        cut=0,
    )


def _way_tags(edge: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a way from those of an edge, which osmnx has turned to its one-way."""
    tags = {name: str(edge[name]) for name in WAY_TAGS if name in edge}
    if tags.get("oneway") == "-1":
        tags["oneway"] = "yes"
    return tags


def _nodes(graph: nx.MultiDiGraph, ends: list[int]) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Return the frame of the nodes used, and where each end is in it."""
    used, position = np.unique(np.array(ends, dtype=np.int64), return_inverse=True)
    known = [graph.nodes[node] for node in used.tolist()]
    stops = [
        barriers({name: str(node[name]) for name in NODE_TAGS if name in node})
        if "barrier" in node
        else (False, False)
        for node in known
    ]
    frame = pd.DataFrame(
        {
            "id": used,
            "lon": np.array([node["x"] for node in known], dtype=float),
            "lat": np.array([node["y"] for node in known], dtype=float),
            "walk_barrier": np.array([stop[0] for stop in stops], dtype=bool),
            "bike_barrier": np.array([stop[1] for stop in stops], dtype=bool),
        }
    )
    return frame, position


def _features(frame: gpd.GeoDataFrame) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Yield the points and areas: name, tags, outline (WKB); a line is not a place."""
    for (element, number), row in zip(frame.index, frame.to_dict("records"), strict=True):
        shape = row.pop("geometry")
        if shape.geom_type in {"Point", "Polygon", "MultiPolygon"}:
            tags = {key: value for key, value in row.items() if isinstance(value, str)}
            yield f"{element}/{number}", tags, shapely.to_wkb(shape)


def _places(care: gpd.GeoDataFrame) -> pd.DataFrame:
    found = [
        (place, outline) for osm, tags, outline in _features(care) for place in places_of(osm, tags)
    ]
    return place_frame([place for place, _ in found], [outline for _, outline in found])


def _homes(buildings: gpd.GeoDataFrame) -> pd.DataFrame:
    found = [
        ((osm, *home), outline)
        for osm, tags, outline in _features(buildings)
        if not osm.startswith("node/") and (home := home_of(tags))
    ]
    return home_frame([home for home, _ in found], [outline for _, outline in found])
