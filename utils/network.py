"""Walking and cycling times on a street network (pure: frames and arrays in, and out).

A :class:`StreetGraph` is one mode's network as a sparse matrix of seconds, its nodes in
metres of the local projected CRS, and its segments as a table. A point joins the nearest
*segment*, at the foot of its perpendicular: the walk to the street and the two pieces of
the segment are counted. Times *to* a facility are one run of Dijkstra's algorithm from all
the facilities of a kind at once, on the reversed graph (``scipy.sparse.csgraph``).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, cast

import contourpy
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from utils.errors import NetworkError

__all__ = [
    "MAX_OFFSET_M",
    "SPEED_BAND_KMH",
    "Facilities",
    "Mode",
    "Snapped",
    "StreetGraph",
    "TimeRaster",
    "build_graph",
    "hiking_factor",
    "isochrones",
    "k_nearest",
    "leaving_metres",
    "nearest_node_times",
    "nearest_times",
    "place_facilities",
    "project",
    "reach_shares",
    "reproject",
    "snap",
    "straight_line",
    "time_raster",
    "unproject",
]

Mode = Literal["walk", "bike"]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# --------------------------------------------------------------------------- speeds

#: Speed of each mode on a good surface, km/h: low, central, high. Every speed of a mode moves
#: with it, so that a time at another speed is the central time times the ratio of speeds.
#: Walking: 3.6 is 1 m/s, about the slowest sixth of people over 65 (0.97 m/s), and 4.5 is
#: 1.25 m/s, their mean (Knoblauch, Pietrucha and Nitzburg, 1996); 5 is OSRM's foot profile.
#: Cycling: 15 is OSRM's bicycle profile; 12 and 18 are a band of one fifth (convention).
SPEED_BAND_KMH: Final[Mapping[Mode, tuple[float, float, float]]] = {
    "walk": (3.6, 4.5, 5.0),
    "bike": (12.0, 15.0, 18.0),
}

#: Share of the walking speed by surface (OSRM, profiles/foot.lua, surface_speeds).
WALK_SURFACE: Final[Mapping[str, float]] = {
    "fine_gravel": 0.75, "gravel": 0.75, "pebblestone": 0.75, "mud": 0.5, "sand": 0.5,
}  # fmt: skip

#: Cycling speed by class of way, km/h, where it is not 15 (OSRM, profiles/bicycle.lua).
BIKE_HIGHWAY_KMH: Final[Mapping[str, float]] = {"track": 12, "path": 13}
#: Highest cycling speed on a surface, km/h (OSRM, profiles/bicycle.lua, surface_speeds).
BIKE_SURFACE_KMH: Final[Mapping[str, float]] = {
    "wood": 10, "metal": 10, "cobblestone:flattened": 10, "paving_stones": 10, "compacted": 10,
    "fine_gravel": 10, "ground": 10, "sett": 9, "dirt": 8, "cobblestone": 7, "unpaved": 6,
    "gravel": 6, "pebblestone": 6, "grass_paver": 6, "earth": 6, "grass": 6, "mud": 3,
    "sand": 3, "woodchips": 3,
}  # fmt: skip
#: The surface that each ``tracktype`` describes (OpenStreetMap wiki), where none is given.
TRACKTYPE_SURFACE: Final[Mapping[str, str]] = {
    "grade1": "asphalt", "grade2": "compacted", "grade3": "ground", "grade4": "dirt",
    "grade5": "grass",
}  # fmt: skip
#: A bicycle that is pushed, on the level and on steps, km/h (OSRM, profiles/bicycle.lua).
PUSH_KMH: Final = 4.0
PUSH_STEPS_KMH: Final = 2.0

#: Points farther from any street than this are not joined to it, metres (convention: more
#: than the half diagonal of a 200 m square).
MAX_OFFSET_M: Final = 250.0
#: Shortest segment, metres: a null weight would be no edge at all.
_SHORTEST_M: Final = 1e-3
_MPS: Final = 1 / 3.6
#: Points of the same cell of that side are looked up together, metres.
_BESIDE_M: Final = 100.0


def hiking_factor(slope: Floats) -> Floats:
    """Walking speed over that on the level, by slope (rise over run).

    Tobler (1993), *Three presentations on geographical analysis and modeling*:
    :math:`6 e^{-3.5 |s + 0.05|}` km/h, divided by its value on the level. The highest is
    1.19, on a 5 % descent.
    """
    factor: Floats = np.exp(-3.5 * (np.abs(slope + 0.05) - 0.05))
    return factor


def _speeds_mps(streets: pd.DataFrame, how: pd.Series) -> Floats:
    """Return the speed on each street, m/s; ``how`` says ``walk``, ``ride`` or ``push``."""
    if (how == "walk").any():
        share = streets["surface"].map(WALK_SURFACE).astype("float64").fillna(1.0)
        return np.asarray(share, dtype=np.float64) * SPEED_BAND_KMH["walk"][1] * _MPS
    best = SPEED_BAND_KMH["bike"][1]
    surface = streets["surface"].where(
        streets["surface"] != "", streets["tracktype"].map(TRACKTYPE_SURFACE)
    )
    by_class = streets["highway"].map(BIKE_HIGHWAY_KMH).astype("float64").fillna(best)
    by_surface = surface.map(BIKE_SURFACE_KMH).astype("float64").fillna(best)
    riding = np.minimum(by_class, by_surface)
    pushing = np.where(streets["highway"] == "steps", PUSH_STEPS_KMH, PUSH_KMH)
    return np.where(how == "push", pushing, riding) * _MPS


# --------------------------------------------------------------------------- graph


def reproject(
    x: Sequence[float] | Floats, y: Sequence[float] | Floats, source: int, target: int
) -> Floats:
    """Return coordinates of a CRS in another: an array of shape (n, 2)."""
    found = _transformer(source, target).transform(np.asarray(x), np.asarray(y))
    return np.column_stack(found).astype(float)


def project(lon: Sequence[float] | Floats, lat: Sequence[float] | Floats, epsg: int) -> Floats:
    """Project degrees (EPSG:4326) to metres of a CRS: an array of shape (n, 2)."""
    return reproject(lon, lat, 4326, epsg)


def unproject(x: Sequence[float] | Floats, y: Sequence[float] | Floats, epsg: int) -> Floats:
    """Return the degrees (EPSG:4326) of metres of a CRS: an array of shape (n, 2)."""
    return reproject(x, y, epsg, 4326)


@functools.cache
def _transformer(source: int, target: int) -> Transformer:
    """Return a transformer: ten milliseconds to make, many times a town."""
    return Transformer.from_crs(source, target, always_xy=True)


@dataclass(frozen=True, slots=True)
class StreetGraph:
    """The streets that one mode may use.

    Attributes
    ----------
    mode
        ``"walk"`` or ``"bike"``.
    epsg
        CRS of ``xy``.
    xy
        Nodes, metres, shape (n, 2).
    ids
        OpenStreetMap number of each node.
    a, b
        Nodes of each segment.
    forward_s, backward_s
        Seconds from ``a`` to ``b`` and back; infinite where that is not allowed.
    reverse
        Seconds, CSR (n, n): line *i* holds the streets that *arrive* at *i*.
    tree
        Index of the segments, to find the nearest.
    street_km
        Length of the streets kept.
    lost_km
        Length of those out of the largest component, which nothing reaches.
    components
        How many components there were.
    """

    mode: Mode
    epsg: int
    xy: Floats
    ids: NDArray[np.int64]
    a: Ints
    b: Ints
    forward_s: Floats
    backward_s: Floats
    reverse: csr_array
    tree: shapely.STRtree
    street_km: float
    lost_km: float
    components: int

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return len(self.xy)

    @property
    def max_mps(self) -> float:
        """Highest speed of the mode on this network, m/s."""
        lengths = np.hypot(*(self.xy[self.a] - self.xy[self.b]).T)
        quickest = np.minimum(self.forward_s, self.backward_s)
        return max(float((lengths / quickest).max()), walk_mps())


def walk_mps() -> float:
    """Central walking speed, m/s: that of the way from a door to the street, in any mode."""
    return SPEED_BAND_KMH["walk"][1] * _MPS


def build_graph(
    nodes: pd.DataFrame,
    streets: pd.DataFrame,
    segments: pd.DataFrame,
    *,
    mode: Mode,
    epsg: int,
    elevation: Floats | None = None,
) -> StreetGraph:
    """Build the graph of a mode from the frames of an extract.

    Parameters
    ----------
    nodes, streets, segments : DataFrame
        As in :class:`utils.readers.osm.OsmExtract`.
    mode : {"walk", "bike"}
        Walking ignores one-ways; a bicycle obeys them.
    epsg : int
        Local projected CRS (:func:`utils.communes.local_epsg`): lengths are measured in it.
    elevation : array, optional
        Metres above the sea of each node: walking then follows :func:`hiking_factor`. A
        segment with an end where it is not known (NaN) counts as level.

    Returns
    -------
    StreetGraph
        The largest component, strongly connected: from any place to any other.

    Raises
    ------
    NetworkError
        No street is open to that mode.
    """
    street = segments["street"].to_numpy()
    a, b = segments["a"].to_numpy(), segments["b"].to_numpy()
    xy = project(nodes["lon"].to_numpy(), nodes["lat"].to_numpy(), epsg)
    length = np.maximum(np.hypot(*(xy[a] - xy[b]).T), _SHORTEST_M)
    on_foot = streets["walk"].map({True: "walk", False: ""}).astype("str")
    along, against = (
        (on_foot, on_foot)
        if mode == "walk"
        else (streets["bike_forward"], streets["bike_backward"])
    )
    seconds = []
    for how, sign in ((along, 1), (against, -1)):
        pace = np.where(how != "", 1 / _speeds_mps(streets, how), np.inf)
        taken = length * pace[street]
        if elevation is not None and mode == "walk":
            slope = np.nan_to_num((elevation[b] - elevation[a]) / length)
            taken = taken / hiking_factor(sign * slope)
        seconds.append(taken)
    forward, backward = seconds
    usable = np.isfinite(forward) | np.isfinite(backward)
    if not usable.any():
        raise NetworkError(
            f"Aucune rue ouverte {_MODE_WORDS[mode]} dans cet extrait OpenStreetMap.",
            hint="Vérifiez qu’il contient les voies (highway) du lieu demandé.",
        )
    a, b, forward, backward = a[usable], b[usable], forward[usable], backward[usable]
    a, b, origin = _cut_at_barriers(a, b, nodes[f"{mode}_barrier"].to_numpy())
    return _largest(
        mode, epsg, xy[origin], nodes["id"].to_numpy()[origin], a, b, forward, backward,
        length[usable],
    )  # fmt: skip


_MODE_WORDS: Final = {"walk": "à pied", "bike": "à vélo"}


def _cut_at_barriers(a: Ints, b: Ints, barrier: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Give each segment its own end at a closed gate; return the node each end came from."""
    ends = np.concatenate([a, b])
    origin = np.arange(len(barrier))
    stopped = np.flatnonzero(barrier[ends])
    if len(stopped):
        copies = len(barrier) + np.arange(len(stopped))
        origin = np.concatenate([origin, ends[stopped]])
        ends[stopped] = copies
    first, second = ends.reshape(2, -1)
    return first, second, origin


def _largest(
    mode: Mode,
    epsg: int,
    xy: Floats,
    ids: NDArray[np.int64],
    a: Ints,
    b: Ints,
    forward: Floats,
    backward: Floats,
    length: Floats,
) -> StreetGraph:
    """Keep the largest component, number its nodes again, and count what is left out."""
    there, back = np.isfinite(forward), np.isfinite(backward)
    start = np.concatenate([a[there], b[back]])
    end = np.concatenate([b[there], a[back]])
    links = csr_array((np.ones(len(start)), (start, end)), shape=(len(xy), len(xy)))
    _, label = connected_components(links, directed=True, connection="strong")
    both = label[a] == label[b]
    size = np.bincount(label[a[both]], weights=length[both], minlength=label.max() + 1)
    # A node without any street left is a component of its own: not counted.
    best = int(size.argmax())
    kept = both & (label[a] == best)
    if not kept.any():
        raise NetworkError(
            f"Le réseau ouvert {_MODE_WORDS[mode]} n’a que des tronçons isolés à sens unique.",
            hint="L’extrait est sans doute trop petit : prenez-en un plus grand.",
        )
    used = np.zeros(len(xy), dtype=bool)
    used[a[kept]] = used[b[kept]] = True
    number = np.cumsum(used) - 1
    a, b = number[a[kept]], number[b[kept]]
    return StreetGraph(
        mode=mode,
        epsg=epsg,
        xy=xy[used],
        ids=ids[used],
        a=a,
        b=b,
        forward_s=forward[kept],
        backward_s=backward[kept],
        reverse=_reverse_matrix(int(used.sum()), a, b, forward[kept], backward[kept]),
        tree=shapely.STRtree(shapely.linestrings(np.stack([xy[used][a], xy[used][b]], axis=1))),
        street_km=float(length[kept].sum()) / 1000,
        lost_km=float(length[~kept].sum()) / 1000,
        components=int((size > 0).sum()),
    )


def _reverse_matrix(n: int, a: Ints, b: Ints, forward: Floats, backward: Floats) -> csr_array:
    """Matrix of seconds of the reversed graph; parallel segments give their minimum."""
    there, back = np.isfinite(forward), np.isfinite(backward)
    row = np.concatenate([b[there], a[back]])  # arrival
    column = np.concatenate([a[there], b[back]])  # departure
    seconds = np.concatenate([forward[there], backward[back]])
    pair = row.astype(np.int64) * n + column
    order = np.lexsort((seconds, pair))
    pair, seconds = pair[order], seconds[order]
    first = np.ones(len(pair), dtype=bool)
    first[1:] = pair[1:] != pair[:-1]
    row, column = np.divmod(pair[first], n)
    pointer = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(row, minlength=n), out=pointer[1:])
    return csr_array((seconds[first], column.astype(np.int32), pointer), shape=(n, n))


# --------------------------------------------------------------------------- snapping


@dataclass(frozen=True, slots=True)
class Snapped:
    """Points joined to the streets of a graph.

    Attributes
    ----------
    xy
        The points, metres, shape (n, 2).
    segment
        Nearest segment; -1 for a point farther than the limit.
    along
        Where on it, 0 at ``a`` and 1 at ``b``.
    offset_m
        Straight distance from the point to the street (``NaN`` when too far).
    """

    xy: Floats
    segment: Ints
    along: Floats
    offset_m: Floats

    @property
    def joined(self) -> NDArray[np.bool_]:
        """Which points are near enough to a street."""
        mask: NDArray[np.bool_] = self.segment >= 0
        return mask


def snap(graph: StreetGraph, points: Floats, *, limit_m: float = MAX_OFFSET_M) -> Snapped:
    """Join points to the nearest segment of a graph.

    Parameters
    ----------
    graph : StreetGraph
        Its largest component only: an isolated street attracts nobody.
    points : array
        Metres in the CRS of the graph, shape (n, 2).
    limit_m : float
        Points farther than that from any street are left out (``segment`` -1).
    """
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    # Neighbours one after the other, and no limit in the search itself: twice as fast.
    order = np.lexsort(np.floor(points / _BESIDE_M).T)
    _, nearest = graph.tree.query_nearest(shapely.points(points[order]), all_matches=False)
    segment = np.empty(len(points), dtype=np.intp)
    segment[order] = nearest
    start, end = graph.xy[graph.a[segment]], graph.xy[graph.b[segment]]
    direction = end - start
    square = np.maximum((direction**2).sum(axis=1), _SHORTEST_M**2)
    along = np.clip(((points - start) * direction).sum(axis=1) / square, 0, 1)
    offset = np.hypot(*(points - start - along[:, None] * direction).T)
    far = offset > limit_m
    segment[far] = -1
    along[far] = offset[far] = np.nan
    return Snapped(points, segment, along, offset)


# --------------------------------------------------------------------------- routing


@dataclass(frozen=True, slots=True)
class Facilities:
    """Facilities placed on a graph: each is a node added to the reversed graph.

    Attributes
    ----------
    snapped
        Where they are; those too far from any street are reached by nobody.
    kind
        Kind of each.
    matrix
        The reversed graph with one line more a facility.
    """

    snapped: Snapped
    kind: NDArray[np.str_]
    matrix: csr_array

    def of(self, kind: str | None) -> Ints:
        """Return the positions of the facilities of a kind (of all when ``None``)."""
        wanted = self.snapped.joined & ((self.kind == kind) if kind is not None else True)
        return np.flatnonzero(wanted)


def place_facilities(
    graph: StreetGraph,
    points: Floats,
    kind: Sequence[str] | None = None,
    *,
    limit_m: float = MAX_OFFSET_M,
) -> Facilities:
    """Add facilities to a graph, with the walk from the street to their door.

    Parameters
    ----------
    points : array
        Metres in the CRS of the graph, shape (f, 2).
    kind : sequence of str, optional
        Kind of each facility; the same for all when not given.
    """
    snapped = snap(graph, points, limit_m=limit_m)
    kinds = np.asarray(kind if kind is not None else [""] * len(snapped.xy), dtype=np.str_)
    door = snapped.offset_m / walk_mps()
    segment, along = snapped.segment, snapped.along
    # Arriving from a: along the first piece, forward; from b: the second, backward.
    from_a = door + _piece(along, graph.forward_s[segment])
    from_b = door + _piece(1 - along, graph.backward_s[segment])
    ends = np.column_stack([graph.a[segment], graph.b[segment]]).astype(np.int32)
    seconds = np.column_stack([from_a, from_b])
    open_to = np.isfinite(seconds) & snapped.joined[:, None]
    n, base = graph.node_count, graph.reverse
    pointer = np.concatenate([base.indptr, base.indptr[-1] + np.cumsum(open_to.sum(axis=1))])
    size = n + len(ends)
    matrix = csr_array(
        (
            np.concatenate([base.data, np.maximum(seconds[open_to], 1e-9)]),
            np.concatenate([base.indices, ends[open_to]]),
            pointer.astype(np.int32),
        ),
        shape=(size, size),
    )
    return Facilities(snapped, kinds, matrix)


def _piece(share: Floats, seconds: Floats) -> Floats:
    """Seconds along a share of a segment: infinite where forbidden, but 0 for no way at all.

    At the very end of a one-way street, one is at its node already.
    """
    product: Floats = np.multiply(share, seconds, out=np.zeros(len(share)), where=share > 0)
    return product


def nearest_times(
    graph: StreetGraph,
    facilities: Facilities,
    points: Snapped,
    *,
    kind: str | None = None,
    limit_s: float = np.inf,
) -> Floats:
    """Return the seconds from each point to the nearest facility of a kind.

    Infinite beyond the limit, where there is no facility, and from a point that no street
    is near: the mask ``points.joined`` tells these apart.
    """
    which = facilities.of(kind)
    if not len(which):
        return np.full(len(points.xy), np.inf)
    to_nodes = _to_nodes(graph, facilities, which, limit_s)
    times = _from_points(graph, points, to_nodes)
    direct = _along_the_same_street(graph, facilities, which, points)
    times = np.minimum(times, direct)
    times[times > limit_s] = np.inf
    return times


def nearest_node_times(
    graph: StreetGraph,
    facilities: Facilities,
    *,
    kind: str | None = None,
    limit_s: float = np.inf,
) -> Floats:
    """Return the seconds from each node of the graph to the nearest facility of a kind."""
    which = facilities.of(kind)
    if not len(which):
        return np.full(graph.node_count, np.inf)
    return _to_nodes(graph, facilities, which, limit_s)


def _to_nodes(graph: StreetGraph, facilities: Facilities, which: Ints, limit_s: float) -> Floats:
    found: Floats = dijkstra(
        facilities.matrix,
        directed=True,
        indices=graph.node_count + which,
        min_only=True,
        limit=limit_s,
    )
    return found[: graph.node_count]


def _from_points(graph: StreetGraph, points: Snapped, to_nodes: Floats) -> Floats:
    """Seconds from points, given those of the nodes (last axis)."""
    segment, along = points.segment, points.along
    onward = _piece(1 - along, graph.forward_s[segment]) + to_nodes[..., graph.b[segment]]
    back = _piece(along, graph.backward_s[segment]) + to_nodes[..., graph.a[segment]]
    times = points.offset_m / walk_mps() + np.minimum(onward, back)
    times[..., ~points.joined] = np.inf
    return np.asarray(times)


def _along_the_same_street(
    graph: StreetGraph, facilities: Facilities, which: Ints, points: Snapped
) -> Floats:
    """Seconds to a facility of one's own segment, without passing by its ends."""
    times = np.full(len(points.xy), np.inf)
    there = facilities.snapped
    for one in which:
        near = np.flatnonzero(points.segment == there.segment[one])
        if not len(near):
            continue
        step = there.along[one] - points.along[near]
        segment = there.segment[one]
        pace = np.where(step >= 0, graph.forward_s[segment], graph.backward_s[segment])
        on_street = _piece(np.abs(step), pace)
        doors = (there.offset_m[one] + points.offset_m[near]) / walk_mps()
        times[near] = np.minimum(times[near], doors + on_street)
    return times


def k_nearest(
    graph: StreetGraph,
    facilities: Facilities,
    points: Snapped,
    *,
    k: int,
    kind: str | None = None,
    limit_s: float = np.inf,
    block: int = 32,
) -> tuple[Floats, Ints]:
    """Return the seconds to the k nearest facilities of a kind, and which they are.

    Returns
    -------
    tuple of arrays
        Shapes (n, k): seconds in increasing order (infinite where there are fewer), and
        positions in ``facilities`` (-1 there). ``block`` facilities are routed at once, to
        bound the memory.
    """
    n = len(points.xy)
    best, who = np.full((n, k), np.inf), np.full((n, k), -1, dtype=np.intp)
    wanted = facilities.of(kind)
    for start in range(0, len(wanted), block):
        which = wanted[start : start + block]
        to_nodes = dijkstra(
            facilities.matrix, directed=True, indices=graph.node_count + which, limit=limit_s
        )[:, : graph.node_count]
        times = _from_points(graph, points, to_nodes)
        for line, one in enumerate(which):
            direct = _along_the_same_street(graph, facilities, np.array([one]), points)
            times[line] = np.minimum(times[line], direct)
        times[times > limit_s] = np.inf
        all_times = np.concatenate([best, times.T], axis=1)
        all_who = np.concatenate([who, np.broadcast_to(which, (n, len(which)))], axis=1)
        order = np.argsort(all_times, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(all_times, order, axis=1)
        who = np.take_along_axis(all_who, order, axis=1)
    who[~np.isfinite(best)] = -1
    return best, who


def straight_line(points: Floats, facilities: Floats) -> Floats:
    """Return the metres from each point to the nearest facility as the crow flies."""
    if not len(facilities):
        return np.full(len(points), np.inf)
    tree = shapely.STRtree(shapely.points(facilities))
    (_, _), distance = tree.query_nearest(
        shapely.points(points), return_distance=True, all_matches=False
    )
    return np.asarray(distance, dtype=float)


def leaving_metres(points: Floats, window: shapely.Geometry) -> Floats:
    """Return the straight metres from each point to the edge of a window (0 outside it).

    Beyond the edge of an extract nothing is known: a way, or a facility, that needs these
    metres at least may be better than what was found inside.
    """
    at = shapely.points(np.asarray(points, dtype=float).reshape(-1, 2))
    inside = shapely.contains(window, at)
    edge = shapely.distance(at, shapely.boundary(window))
    return np.where(inside, edge, 0.0).astype(float)


def reach_shares(seconds: Floats, weight: Floats, minutes: Sequence[float]) -> Floats:
    """Return the share (%) of a weighted population within each number of minutes.

    Of the points themselves, never of the area of polygons.
    """
    total = weight.sum()
    if not total > 0:
        return np.full(len(minutes), np.nan)
    return np.array([100 * weight[seconds <= 60 * limit].sum() / total for limit in minutes])


# --------------------------------------------------------------------------- pictures


@dataclass(frozen=True, slots=True)
class TimeRaster:
    """Seconds on a grid: ``seconds[row, column]`` at ``(x[column], y[row])``, metres."""

    x: Floats
    y: Floats
    seconds: Floats


def time_raster(
    graph: StreetGraph,
    facilities: Facilities,
    bounds: tuple[float, float, float, float],
    *,
    kind: str | None = None,
    step_m: float = 25.0,
    limit_s: float = 1800.0,
) -> TimeRaster:
    """Return the times to the nearest facility on a grid, for a picture.

    Parameters
    ----------
    bounds : tuple of float
        West, south, east, north, metres in the CRS of the graph.
    step_m : float
        Side of a cell.
    limit_s : float
        Farther cells, and those that no street is near, are infinite.
    """
    west, south, east, north = bounds
    x = np.arange(west, east + step_m / 2, step_m)
    y = np.arange(south, north + step_m / 2, step_m)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    times = nearest_times(graph, facilities, snap(graph, points), kind=kind, limit_s=limit_s)
    return TimeRaster(x, y, times.reshape(len(y), len(x)))


def isochrones(raster: TimeRaster, minutes: Sequence[float] = (5, 10, 15)) -> pd.DataFrame:
    """Draw the smooth outlines of what is within some minutes.

    Returns
    -------
    DataFrame
        ``minutes``, ``geometry`` (multipolygon in the CRS of the raster, holes kept; empty
        when nothing is so near). Pictures only: count people with :func:`reach_shares`.
    """
    highest = 60 * max(minutes)
    # A cell without a time is just beyond the last outline, which stays on the grid's scale.
    seconds = np.where(np.isfinite(raster.seconds), raster.seconds, 1.5 * highest)
    seconds = np.pad(seconds, 1, constant_values=1.5 * highest)
    x, y = (_padded(axis) for axis in (raster.x, raster.y))
    generator = contourpy.contour_generator(x, y, seconds, fill_type="OuterOffset")
    shapes = []
    for limit in minutes:
        filled = cast("tuple[list[Floats], list[Ints]]", generator.filled(-1.0, 60.0 * limit))
        rings = [
            [points[i:j] for i, j in pairwise(offset)]
            for points, offset in zip(*filled, strict=True)
        ]
        shapes.append(shapely.MultiPolygon([shapely.Polygon(r[0], r[1:]) for r in rings]))
    return pd.DataFrame({"minutes": list(minutes), "geometry": shapes})


def _padded(axis: Floats) -> Floats:
    step = axis[1] - axis[0] if len(axis) > 1 else 1.0
    return np.concatenate([[axis[0] - step], axis, [axis[-1] + step]])
