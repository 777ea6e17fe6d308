"""Walking and cycling times: equal to networkx, and every trap of the method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import osmium
import osmnx
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from small_osm import EPSG, ORIGIN, Tags, write_osm

from utils import network
from utils.errors import NetworkError
from utils.network import Facilities, Floats, Mode, Snapped, StreetGraph
from utils.readers.osm import OsmExtract, read_osm

WALK, BIKE = 4.5 / 3.6, 15 / 3.6  # m/s
ROAD = {"highway": "residential"}
MODES: tuple[Mode, ...] = ("walk", "bike")

Nodes = Mapping[int, tuple[float, float]]
Ways = Mapping[int, tuple[Sequence[int], Tags]]


def draw(
    path: Path, nodes: Nodes, ways: Ways, mode: Mode, *, node_tags: Mapping[int, Tags] | None = None
) -> StreetGraph:
    found = read_osm(write_osm(path / "dessin.osm", nodes, ways, node_tags=node_tags))
    return build(found, mode)


def build(found: OsmExtract, mode: Mode, elevation: Floats | None = None) -> StreetGraph:
    return network.build_graph(
        found.nodes, found.streets, found.segments, mode=mode, epsg=EPSG, elevation=elevation
    )


def at(*points: tuple[float, float]) -> Floats:
    return np.asarray(points, dtype=float) + ORIGIN


def seconds(graph: StreetGraph, origin: tuple[float, float], door: tuple[float, float]) -> float:
    """Seconds from a point of the drawing to a facility."""
    facilities = network.place_facilities(graph, at(door))
    return float(network.nearest_times(graph, facilities, network.snap(graph, at(origin)))[0])


# --------------------------------------------------------------------------- the traps

LINE: Nodes = {1: (0, 0), 2: (100, 0), 3: (1100, 0)}


def test_walking_ignores_one_ways_and_cycling_obeys_them(tmp_path: Path) -> None:
    # A square whose side 1-2 is one-way from 1 to 2.
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 300), 4: (0, 300)}
    sides = {10: ([1, 2], {**ROAD, "oneway": "yes"}), 11: ([2, 3, 4, 1], ROAD)}
    walk, bike = (draw(tmp_path, nodes, sides, mode) for mode in MODES)
    assert seconds(walk, (300, 0), (0, 0)) == pytest.approx(300 / WALK, abs=0.1)
    assert seconds(bike, (300, 0), (0, 0)) == pytest.approx(900 / BIKE, abs=0.1)
    assert seconds(bike, (0, 0), (300, 0)) == pytest.approx(300 / BIKE, abs=0.1)
    excepted = {**sides, 10: ([1, 2], {**ROAD, "oneway": "yes", "oneway:bicycle": "no"})}
    bike = draw(tmp_path, nodes, excepted, "bike")
    assert seconds(bike, (300, 0), (0, 0)) == pytest.approx(300 / BIKE, abs=0.1)


def test_times_are_to_the_facility_not_from_it(tmp_path: Path) -> None:
    # All around a one-way ring of 4 x 300 m: one side from A to B, three from B to A.
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 300), 4: (0, 300)}
    ring = {10: ([1, 2, 3, 4, 1], {**ROAD, "junction": "roundabout"})}
    bike = draw(tmp_path, nodes, ring, "bike")
    assert seconds(bike, (10, 0), (290, 0)) == pytest.approx(280 / BIKE, abs=0.1)
    assert seconds(bike, (290, 0), (10, 0)) == pytest.approx(920 / BIKE, abs=0.1)


def test_parallel_streets_give_their_minimum_never_their_sum(tmp_path: Path) -> None:
    ways = {
        10: ([1, 2], {**ROAD, "surface": "sand"}),
        11: ([1, 2], ROAD),
        12: ([2, 1], {**ROAD, "surface": "mud"}),
        13: ([2, 3], ROAD),
    }
    graph = draw(tmp_path, LINE, ways, "walk")
    assert len(graph.a) == 4
    assert graph.reverse.nnz == 4
    assert seconds(graph, (1100, 0), (0, 0)) == pytest.approx(1100 / WALK, abs=0.1)


def test_a_point_joins_the_segment_not_its_ends(tmp_path: Path) -> None:
    graph = draw(tmp_path, LINE, {10: ([1, 2, 3], ROAD)}, "walk")
    # 400 m from the nearest node, 500 m from the facility.
    assert seconds(graph, (500, 0), (0, 0)) == pytest.approx(500 / WALK, abs=0.1)


def test_the_walk_to_the_street_is_counted_at_both_ends(tmp_path: Path) -> None:
    ways = {10: ([1, 2, 3], ROAD)}
    walk, bike = (draw(tmp_path, LINE, ways, mode) for mode in MODES)
    assert seconds(walk, (500, 40), (50, -20)) == pytest.approx(510 / WALK, abs=0.1)
    on_bike = 450 / BIKE + 60 / WALK  # to the street and to the door, on foot
    assert seconds(bike, (500, 40), (50, -20)) == pytest.approx(on_bike, abs=0.1)


def test_a_facility_of_ones_own_street_is_reached_without_its_ends(tmp_path: Path) -> None:
    graph = draw(tmp_path, LINE, {10: ([1, 2, 3], ROAD)}, "walk")
    assert seconds(graph, (500, 0), (530, 0)) == pytest.approx(30 / WALK, abs=0.1)
    assert seconds(graph, (530, 0), (500, 0)) == pytest.approx(30 / WALK, abs=0.1)


def test_a_facility_behind_on_a_one_way_street_is_reached_around(tmp_path: Path) -> None:
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 300), 4: (0, 300)}
    ways = {10: ([1, 2], {**ROAD, "oneway": "yes"}), 11: ([2, 3, 4, 1], ROAD)}
    bike = draw(tmp_path, nodes, ways, "bike")
    assert seconds(bike, (200, 0), (100, 0)) == pytest.approx((1200 - 100) / BIKE, abs=0.1)


def test_points_too_far_are_reported_and_have_no_time(tmp_path: Path) -> None:
    graph = draw(tmp_path, LINE, {10: ([1, 2, 3], ROAD)}, "walk")
    points = network.snap(graph, at((500, 249), (500, 251)))
    assert points.joined.tolist() == [True, False]
    assert points.offset_m[0] == pytest.approx(249, abs=0.1)
    facilities = network.place_facilities(graph, at((0, 0)))
    times = network.nearest_times(graph, facilities, points)
    assert np.isfinite(times).tolist() == [True, False]


def test_the_largest_component_is_kept_and_the_rest_counted(tmp_path: Path) -> None:
    nodes = {**LINE, 4: (500, 30), 5: (600, 30)}
    ways = {10: ([1, 2, 3], ROAD), 11: ([4, 5], ROAD)}
    graph = draw(tmp_path, nodes, ways, "walk")
    assert (graph.node_count, graph.components) == (3, 2)
    assert (graph.street_km, graph.lost_km) == pytest.approx((1.1, 0.1), abs=1e-3)
    # The island is nearer, but leads nowhere.
    assert seconds(graph, (550, 29), (0, 0)) == pytest.approx((550 + 29) / WALK, abs=0.1)


def test_a_one_way_dead_end_leads_nowhere_by_bicycle(tmp_path: Path) -> None:
    ways = {10: ([1, 2], {**ROAD, "oneway": "yes"}), 11: ([2, 3], ROAD)}
    bike, walk = (draw(tmp_path, LINE, ways, mode) for mode in ("bike", "walk"))
    assert (bike.node_count, walk.node_count) == (2, 3)
    assert bike.lost_km == pytest.approx(0.1, abs=1e-3)


def test_a_closed_gate_cuts_the_street(tmp_path: Path) -> None:
    ways = {10: ([1, 2, 3], ROAD)}
    gate = {2: {"barrier": "gate", "access": "no", "foot": "yes"}}
    walk, bike = (draw(tmp_path, LINE, ways, mode, node_tags=gate) for mode in MODES)
    assert (walk.components, walk.street_km) == (1, pytest.approx(1.1, abs=1e-3))
    assert (bike.components, bike.street_km) == (2, pytest.approx(1.0, abs=1e-3))


def test_a_bridge_is_not_a_crossroads(tmp_path: Path) -> None:
    nodes = {1: (0, 0), 2: (200, 0), 3: (100, -100), 4: (100, 100), 5: (200, 100)}
    ways = {10: ([1, 2], ROAD), 11: ([3, 4], {**ROAD, "bridge": "yes"}), 12: ([2, 5, 4], ROAD)}
    graph = draw(tmp_path, nodes, ways, "walk")
    assert seconds(graph, (0, 0), (100, -100)) == pytest.approx(600 / WALK, abs=0.1)


@pytest.mark.parametrize(
    ("tags", "walk_kmh", "bike_kmh"),
    [
        ("highway=residential", 4.5, 15),
        ("highway=footway", 4.5, 4),
        ("highway=footway bicycle=yes", 4.5, 15),
        ("highway=steps", 4.5, 2),
        ("highway=path", 4.5, 13),
        ("highway=track", 4.5, 12),
        ("highway=track tracktype=grade1", 4.5, 12),
        ("highway=track tracktype=grade4", 4.5, 8),
        ("highway=track tracktype=grade1 surface=grass", 4.5, 6),
        ("highway=track surface=gravel", 3.375, 6),
        ("highway=residential surface=cobblestone", 4.5, 7),
        ("highway=path surface=sand", 2.25, 3),
    ],
)
def test_speeds_by_class_and_surface(
    tmp_path: Path, tags: str, walk_kmh: float, bike_kmh: float
) -> None:
    ways = {10: ([1, 3], dict(tag.split("=") for tag in tags.split()))}
    for mode, kmh in (("walk", walk_kmh), ("bike", bike_kmh)):
        graph = draw(tmp_path, LINE, ways, mode)
        assert seconds(graph, (1100, 0), (0, 0)) == pytest.approx(1100 / kmh * 3.6, rel=1e-4)


def test_two_nodes_at_one_place_still_join(tmp_path: Path) -> None:
    nodes = {**LINE, 4: (100, 0)}
    graph = draw(tmp_path, nodes, {10: ([1, 2, 4, 3], ROAD)}, "walk")
    assert graph.node_count == 4
    assert seconds(graph, (1100, 0), (0, 0)) == pytest.approx(1100 / WALK, abs=0.1)


def test_no_street_is_said(tmp_path: Path) -> None:
    motorway = {10: ([1, 2, 3], {"highway": "motorway"})}
    with pytest.raises(NetworkError, match="à pied"):
        draw(tmp_path, LINE, motorway, "walk")
    with pytest.raises(NetworkError, match="à vélo"):
        draw(tmp_path, LINE, {10: ([1, 2, 3], {"highway": "bridleway"})}, "bike")
    with pytest.raises(NetworkError, match="sens unique"):
        draw(tmp_path, LINE, {10: ([1, 2, 3], {**ROAD, "oneway": "yes"})}, "bike")


def test_without_a_facility_no_time_is_invented(tmp_path: Path) -> None:
    graph = draw(tmp_path, LINE, {10: ([1, 2, 3], ROAD)}, "walk")
    points = network.snap(graph, at((500, 0)))
    none = network.place_facilities(graph, np.empty((0, 2)))
    far = network.place_facilities(graph, at((500, 900)))
    other = network.place_facilities(graph, at((500, 0)), ["pharmacie"])
    assert np.isinf(network.nearest_times(graph, none, points)).all()
    assert np.isinf(network.nearest_times(graph, far, points)).all()
    assert np.isinf(network.nearest_times(graph, other, points, kind="dentiste")).all()
    times = network.nearest_times(graph, other, points, kind="pharmacie")
    assert times[0] == pytest.approx(0, abs=0.01)
    assert np.isinf(network.straight_line(points.xy, np.empty((0, 2)))).all()


def test_a_limit_cuts_times_and_changes_none(tmp_path: Path) -> None:
    graph = draw(tmp_path, LINE, {10: ([1, 2, 3], ROAD)}, "walk")
    facilities = network.place_facilities(graph, at((0, 0)))
    points = network.snap(graph, at((300, 0), (500, 0), (700, 0)))
    free = network.nearest_times(graph, facilities, points)
    cut = network.nearest_times(graph, facilities, points, limit_s=free[1])
    assert cut.tolist() == [free[0], free[1], np.inf]


def test_slopes_follow_tobler(tmp_path: Path) -> None:
    assert network.hiking_factor(np.array([0.0, -0.05, 0.1])) == pytest.approx(
        [1, np.exp(0.175), np.exp(-0.35)]
    )
    found = read_osm(write_osm(tmp_path / "pente.osm", LINE, {10: ([1, 2, 3], ROAD)}))
    hill = build(found, "walk", np.array([0.0, 10.0, 110.0]))  # 10 % all along
    assert seconds(hill, (0, 0), (1100, 0)) == pytest.approx(1100 / WALK * np.exp(0.35), rel=1e-3)
    assert seconds(hill, (1100, 0), (0, 0)) == pytest.approx(1100 / WALK, rel=1e-3)
    assert hill.max_mps == pytest.approx(WALK, rel=1e-3)


def test_shares_are_of_people_not_of_land() -> None:
    times, people = np.array([100.0, 400.0, 1000.0, np.inf]), np.array([10.0, 20.0, 30.0, 40.0])
    assert network.reach_shares(times, people, [5, 10, 20]).tolist() == [10, 30, 60]
    assert np.isnan(network.reach_shares(times, np.zeros(4), [5])).all()


def test_the_edge_of_a_window_is_measured() -> None:
    points = np.array([(500.0, 1000.0), (100.0, 1000.0), (-50.0, 0.0)])
    metres = network.leaving_metres(points, shapely.box(0, 0, 1000, 2000))
    assert metres.tolist() == [500, 100, 0]


# --------------------------------------------------------------------------- pictures


def test_isochrones_hold_what_is_near(tmp_path: Path) -> None:
    # A grid of streets every 50 m: walking 5 minutes, 375 m, makes a diamond.
    side = range(0, 1001, 50)
    number = {(x, y): i for i, (x, y) in enumerate(((x, y) for x in side for y in side), 1)}
    lines = [[number[x, y] for x in side] for y in side] + [
        [number[x, y] for y in side] for x in side
    ]
    nodes = {i: place for place, i in number.items()}
    graph = draw(tmp_path, nodes, {i: (line, ROAD) for i, line in enumerate(lines, 1)}, "walk")
    facilities = network.place_facilities(graph, at((500, 500)))
    bounds = (*at((0, 0))[0], *at((1000, 1000))[0])
    raster = network.time_raster(graph, facilities, bounds, step_m=10)
    assert raster.seconds.shape == (101, 101)
    drawn = network.isochrones(raster, (2, 5, 60)).set_index("minutes")["geometry"]
    assert all(shape.is_valid for shape in drawn)
    assert drawn[2].within(drawn[5])
    assert drawn[5].within(drawn[60])
    # Less than the diamond: from inside a block, one walks to the street first.
    assert 0.9 * 2 * 375**2 < drawn[5].area < 2 * 375**2
    assert drawn[5].contains(shapely.Point(at((500, 500))[0]))
    assert not drawn[5].contains(shapely.Point(at((800, 800))[0]))
    nothing = network.time_raster(graph, facilities, bounds, kind="absent", step_m=50)
    assert network.isochrones(nothing)["geometry"].map(lambda shape: shape.is_empty).all()


# --------------------------------------------------------------------------- networkx

EXTRACTS = ("01306-pont-de-veyle", "monaco", "liechtenstein-latest", "corse-routes-2021")


@lru_cache(maxsize=1)
def extract(path: Path) -> OsmExtract:
    return read_osm(path, homes=False)


def sampled(graph: StreetGraph, count: int, *, seed: int) -> Floats:
    """Points within some metres of the streets of a graph."""
    chance = np.random.default_rng(seed)
    which = chance.integers(0, len(graph.a), count)
    share = chance.random((count, 1))
    on_street = graph.xy[graph.a[which]] * share + graph.xy[graph.b[which]] * (1 - share)
    return on_street + chance.normal(0, 15, (count, 2))


def oracle(graph: StreetGraph, facilities: Facilities, points: Snapped) -> nx.MultiDiGraph:
    """Return the same network for networkx: every parallel street, points and doors as nodes."""
    made = nx.MultiDiGraph()
    for ends, taken in (
        ((graph.a, graph.b), graph.forward_s),
        ((graph.b, graph.a), graph.backward_s),
    ):
        for u, v, s in zip(*ends, taken, strict=True):
            if np.isfinite(s):
                made.add_edge(int(u), int(v), s=float(s))
    doors = list(_ends(graph, facilities.snapped, "door"))
    for door, a, b, share, forward, backward, offset in doors:
        made.add_edge(a, door, s=offset + share * forward if share else offset)
        made.add_edge(b, door, s=offset + (1 - share) * backward if share < 1 else offset)
    on_street: dict[tuple[int, int, float], list[tuple[str, float, float]]] = {}
    for door, a, b, share, forward, _, offset in doors:
        on_street.setdefault((a, b, forward), []).append((door, share, offset))
    for point, a, b, share, forward, backward, offset in _ends(graph, points, "point"):
        made.add_edge(point, b, s=offset + (1 - share) * forward if share < 1 else offset)
        made.add_edge(point, a, s=offset + share * backward if share else offset)
        for door, there, walk in on_street.get((a, b, forward), []):
            pace = forward if there >= share else backward
            step = abs(there - share)
            made.add_edge(point, door, s=offset + walk + (step * pace if step else 0))
    return made


def _ends(graph: StreetGraph, joined: Snapped, word: str):
    for i, segment in enumerate(joined.segment):
        if segment >= 0:
            yield (
                f"{word} {i}", int(graph.a[segment]), int(graph.b[segment]), joined.along[i],
                graph.forward_s[segment], graph.backward_s[segment], joined.offset_m[i] / WALK,
            )  # fmt: skip


@pytest.mark.mirror
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("file", EXTRACTS)
def test_times_equal_networkx_to_a_hundredth_of_a_second(
    mirror: Path, file: str, mode: Mode
) -> None:
    graph = build(extract(mirror / "osm" / f"{file}.osm.pbf"), mode)
    points = network.snap(graph, sampled(graph, 400, seed=1))
    kinds = ["pharmacie"] * 4 + ["médecin"] * 6
    facilities = network.place_facilities(graph, sampled(graph, 10, seed=2), kinds)
    known = oracle(graph, facilities, points).reverse()
    for kind in set(kinds):
        doors = {f"door {i}" for i in facilities.of(kind)}
        lengths = nx.multi_source_dijkstra_path_length(known, doors, weight="s")
        expected = [lengths[f"point {i}"] for i in range(len(points.xy))]
        times = network.nearest_times(graph, facilities, points, kind=kind)
        np.testing.assert_allclose(times, expected, rtol=0, atol=0.01)
        at_nodes = network.nearest_node_times(graph, facilities, kind=kind)
        nodes = [lengths[i] for i in range(graph.node_count)]
        np.testing.assert_allclose(at_nodes, nodes, rtol=0, atol=0.01)


@pytest.mark.mirror
@pytest.mark.parametrize("mode", MODES)
def test_the_k_nearest_equal_networkx(mirror: Path, mode: Mode) -> None:
    graph = build(extract(mirror / "osm" / "01306-pont-de-veyle.osm.pbf"), mode)
    points = network.snap(graph, sampled(graph, 60, seed=3))
    facilities = network.place_facilities(graph, sampled(graph, 7, seed=4))
    known = oracle(graph, facilities, points).reverse()
    each = {
        i: nx.single_source_dijkstra_path_length(known, f"door {i}", weight="s") for i in range(7)
    }
    table = np.array([[each[i][f"point {p}"] for i in range(7)] for p in range(60)])
    times, who = network.k_nearest(graph, facilities, points, k=3, block=2)
    np.testing.assert_allclose(times, np.sort(table, axis=1)[:, :3], rtol=0, atol=0.01)
    np.testing.assert_allclose(np.take_along_axis(table, who, axis=1), times, rtol=0, atol=0.01)
    np.testing.assert_array_equal(times[:, 0], network.nearest_times(graph, facilities, points))
    more, which = network.k_nearest(graph, facilities, points, k=9)
    assert np.isinf(more[:, 7:]).all()
    assert (which[:, 7:] == -1).all()
    assert (which[:, :7] >= 0).all()


@pytest.mark.mirror
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("file", EXTRACTS)
def test_the_graph_is_the_largest_component_of_networkx(
    mirror: Path, file: str, mode: Mode
) -> None:
    found = extract(mirror / "osm" / f"{file}.osm.pbf")
    graph = build(found, mode)
    blocked = found.nodes[f"{mode}_barrier"].to_numpy()
    street = found.streets.iloc[found.segments["street"]].reset_index(drop=True)
    forward, backward = (
        (street["walk"], street["walk"])
        if mode == "walk"
        else (street["bike_forward"] != "", street["bike_backward"] != "")
    )
    known = nx.DiGraph()
    for i, (a, b) in enumerate(zip(found.segments["a"], found.segments["b"], strict=True)):
        # Each street has its own end at a closed gate.
        u, v = ((node, i) if blocked[node] else (node, -1) for node in (a, b))
        if forward[i]:
            known.add_edge(u, v)
        if backward[i]:
            known.add_edge(v, u)
    largest = max(nx.strongly_connected_components(known), key=len)
    assert sorted(found.nodes["id"].to_numpy()[[node for node, _ in largest]]) == sorted(graph.ids)


# --------------------------------------------------------------------------- osmnx


@pytest.mark.mirror
def test_osmnx_says_the_same_but_for_its_model(mirror: Path, tmp_path: Path) -> None:
    """The readable path: osmnx joins the nearest *node*, on a sphere, and knows no rule.

    Fed with the streets that may be walked, it gives the same times but for the piece of
    street between the point and the node, and the walk to the street, which it leaves out.
    """
    source = mirror / "osm" / "01306-pont-de-veyle.osm.pbf"
    found = extract(source)
    graph = build(found, "walk")
    walked = set(found.streets.loc[found.streets["walk"], "way"])
    streets = tmp_path / "rues.osm"
    with osmium.SimpleWriter(str(streets)) as writer:
        for item in osmium.FileProcessor(source):
            if item.is_node() or (item.is_way() and item.id in walked):
                writer.add(item)
    readable = osmnx.graph_from_xml(streets, bidirectional=True, simplify=False)
    readable = nx.compose_all(
        [readable.subgraph(max(nx.strongly_connected_components(readable), key=len))]
    )
    assert set(readable) == set(graph.ids)
    pharmacy = found.places[found.places["kind"] == "pharmacy"]
    door = network.project(pharmacy["lon"].to_numpy(), pharmacy["lat"].to_numpy(), EPSG)
    near = int(graph.ids[np.hypot(*(graph.xy - door).T).argmin()])
    lengths = nx.single_source_dijkstra_path_length(readable, near, weight="length")
    facilities = network.place_facilities(graph, door)
    ours = network.nearest_node_times(graph, facilities)
    theirs = np.array([lengths[node] for node in graph.ids]) / WALK
    # No gravel on the way for most: the rest is the door, the sphere and the node.
    difference = ours - theirs
    assert np.median(np.abs(difference)) < 15
    assert np.quantile(np.abs(difference), 0.9) < 45


# --------------------------------------------------------------------------- invariants


@lru_cache(maxsize=2)
def town(mode: Mode) -> StreetGraph:
    """A grid of 7 x 7 crossroads, half of its streets one-way."""
    number = {(i, j): 7 * i + j for i in range(7) for j in range(7)}
    nodes = pd.DataFrame(
        [(n, 4.88 + 0.0015 * i, 46.26 + 0.001 * j) for (i, j), n in number.items()],
        columns=["id", "lon", "lat"],
    ).assign(walk_barrier=False, bike_barrier=False)
    lines = [[number[i, j] for j in range(7)] for i in range(7)]
    lines += [[number[i, j] for i in range(7)] for j in range(7)]
    streets = pd.DataFrame(
        {
            "highway": ["residential", "path"] * 7,
            "surface": ["", "gravel", "", ""] * 3 + ["", "sett"],
            "tracktype": "",
            "walk": True,
            "bike_forward": "ride",
            "bike_backward": ["ride", "", "ride", "push", "ride"] * 2
            + ["", "ride", "ride", "ride"],
        }
    )
    segments = pd.DataFrame(
        [(k, a, b) for k, line in enumerate(lines) for a, b in pairwise(line)],
        columns=["street", "a", "b"],
    )
    return network.build_graph(nodes, streets, segments, mode=mode, epsg=EPSG)


share = st.floats(0, 1)
places = st.lists(st.tuples(share, share), min_size=1, max_size=5)


def spread(graph: StreetGraph, where: list[tuple[float, float]]) -> Floats:
    low, high = graph.xy.min(axis=0), graph.xy.max(axis=0)
    return low + np.asarray(where) * (high - low)


@settings(deadline=None, max_examples=60)
@given(origins=places, doors=places, mode=st.sampled_from(MODES))
def test_no_time_beats_the_straight_line_at_full_speed(
    origins: list[tuple[float, float]], doors: list[tuple[float, float]], mode: Mode
) -> None:
    graph = town(mode)
    points, ends = spread(graph, origins), spread(graph, doors)
    facilities = network.place_facilities(graph, ends)
    times = network.nearest_times(graph, facilities, network.snap(graph, points))
    assert np.isfinite(times).all()
    assert (times >= network.straight_line(points, ends) / graph.max_mps - 1e-6).all()


@settings(deadline=None, max_examples=60)
@given(origins=places, doors=places, more=places, mode=st.sampled_from(MODES))
def test_one_facility_more_never_lengthens(
    origins: list[tuple[float, float]],
    doors: list[tuple[float, float]],
    more: list[tuple[float, float]],
    mode: Mode,
) -> None:
    graph = town(mode)
    points = network.snap(graph, spread(graph, origins))
    few = network.place_facilities(graph, spread(graph, doors))
    many = network.place_facilities(graph, spread(graph, doors + more))
    before, after = (network.nearest_times(graph, f, points) for f in (few, many))
    assert (after <= before + 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(one=st.tuples(share, share), other=st.tuples(share, share))
def test_walking_there_takes_as_long_as_walking_back(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    graph = town("walk")
    here, there = spread(graph, [one]), spread(graph, [other])
    forth, back = (
        network.nearest_times(
            graph, network.place_facilities(graph, door), network.snap(graph, origin)
        )
        for origin, door in ((here, there), (there, here))
    )
    assert forth == pytest.approx(back, abs=1e-6)
