"""OpenStreetMap: who may use a street, what stands there, and files that are not one."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from small_osm import lonlat, write_osm

from utils.errors import LayoutError
from utils.readers.osm import access_rules, read_osm

BOTH = ("ride", "ride")


@pytest.mark.parametrize(
    ("tags", "walk", "bike"),
    [
        ("highway=residential", True, BOTH),
        ("highway=residential oneway=yes", True, ("ride", "")),
        ("highway=residential oneway=-1", True, ("", "ride")),
        ("highway=residential oneway=yes oneway:bicycle=no", True, BOTH),
        ("highway=residential oneway=no oneway:bicycle=yes", True, ("ride", "")),
        ("highway=residential oneway=yes cycleway=opposite", True, BOTH),
        ("highway=residential oneway=yes cycleway=opposite_lane", True, BOTH),
        ("highway=residential oneway=yes cycleway:left=opposite_track", True, BOTH),
        ("highway=tertiary oneway=yes cycleway:left=lane cycleway:left:oneway=-1", True, BOTH),
        ("highway=tertiary oneway=yes cycleway:both=track cycleway:both:oneway=no", True, BOTH),
        ("highway=tertiary oneway=yes cycleway:right=lane", True, ("ride", "")),
        ("highway=primary junction=roundabout", True, ("ride", "")),
        ("highway=primary junction=circular oneway=no", True, BOTH),
        ("highway=steps", True, ("push", "push")),
        ("highway=steps bicycle=yes", True, ("push", "push")),
        ("highway=footway", True, ("push", "push")),
        ("highway=footway bicycle=yes", True, BOTH),
        ("highway=footway bicycle=no", True, ("", "")),
        ("highway=footway oneway=yes", True, ("push", "push")),
        ("highway=pedestrian bicycle=designated", True, BOTH),
        ("highway=path bicycle=dismount", True, ("push", "push")),
        ("highway=track", True, BOTH),
        ("highway=track access=private", False, ("", "")),
        ("highway=track access=agricultural", False, ("", "")),
        ("highway=track access=private foot=yes", True, ("", "")),
        ("highway=track access=no bicycle=yes", False, BOTH),
        ("highway=track vehicle=no", True, ("", "")),
        ("highway=track vehicle=no bicycle=yes", True, BOTH),
        ("highway=track motor_vehicle=no", True, BOTH),
        ("highway=service access=destination", True, BOTH),
        ("highway=service access=customers", True, BOTH),
        ("highway=footway foot=private", False, ("", "")),
        ("highway=footway foot=permit", False, ("", "")),
        ("highway=primary foot=no", False, BOTH),
        ("highway=primary bicycle=use_sidepath", True, ("", "")),
        ("highway=cycleway", False, BOTH),
        ("highway=cycleway foot=designated", True, BOTH),
        ("highway=bridleway", True, ("", "")),
        ("highway=trunk", False, ("", "")),
        ("highway=trunk foot=yes bicycle=yes", True, BOTH),
        ("highway=primary motorroad=yes foot=yes", False, ("", "")),
        ("highway=motorway foot=yes bicycle=yes", False, ("", "")),
        ("highway=construction construction=residential", False, ("", "")),
        ("highway=proposed", False, ("", "")),
        ("railway=rail foot=yes", False, ("", "")),
    ],
)
def test_who_may_use_a_way(tags: str, walk: bool, bike: tuple[str, str]) -> None:
    assert access_rules(dict(tag.split("=") for tag in tags.split())) == (walk, *bike)


SQUARE = {1: (0, 0), 2: (100, 0), 3: (100, 100), 4: (0, 100)}
STREET = {10: ([1, 2, 3], {"highway": "residential", "surface": "asphalt"})}


def test_only_highways_are_streets(tmp_path: Path) -> None:
    ways = {
        **STREET,
        11: ([3, 4], {"waterway": "river"}),
        12: ([4, 1], {"barrier": "fence"}),
        13: ([1, 2, 3, 4, 1], {"building": "house"}),
        14: ([1, 3], {"highway": "motorway"}),
    }
    found = read_osm(write_osm(tmp_path / "rues.osm", SQUARE, ways))
    assert found.streets["way"].tolist() == [10]
    assert found.streets[["highway", "surface", "walk"]].to_numpy().tolist() == [
        ["residential", "asphalt", True]
    ]
    assert found.nodes["id"].tolist() == [1, 2, 3]
    assert found.segments.to_numpy().tolist() == [[0, 0, 1], [0, 1, 2]]
    assert np.allclose(found.nodes.loc[1, ["lon", "lat"]].astype(float), lonlat(100, 0), atol=1e-7)
    west, south, east, north = found.box
    assert (west, south) == pytest.approx(lonlat(0, 0), abs=3e-5)
    assert (east, north) == pytest.approx(lonlat(100, 100), abs=3e-5)


def test_a_compressed_file_gives_the_same(tmp_path: Path) -> None:
    plain = write_osm(tmp_path / "rues.osm", SQUARE, STREET)
    packed = tmp_path / "rues.osm.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    assert read_osm(packed).segments.equals(read_osm(plain).segments)


def test_a_node_that_is_not_in_the_file_cuts_the_street(tmp_path: Path) -> None:
    ways = {10: ([1, 2, 99, 3, 4], {"highway": "residential"})}
    found = read_osm(write_osm(tmp_path / "coupe.osm", SQUARE, ways))
    assert found.cut == 2
    assert found.segments[["a", "b"]].to_numpy().tolist() == [[0, 1], [2, 3]]


def test_a_node_repeated_makes_no_segment(tmp_path: Path) -> None:
    ways = {10: ([1, 1, 2], {"highway": "residential"})}
    found = read_osm(write_osm(tmp_path / "double.osm", SQUARE, ways))
    assert found.segments[["a", "b"]].to_numpy().tolist() == [[0, 1]]
    assert found.cut == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"barrier": "gate"}, (False, False)),
        ({"barrier": "gate", "access": "private"}, (True, True)),
        ({"barrier": "gate", "access": "no", "foot": "yes"}, (False, True)),
        ({"barrier": "bollard", "motor_vehicle": "no"}, (False, False)),
        ({"barrier": "wall"}, (True, True)),
        ({"barrier": "fence", "foot": "yes"}, (False, True)),
    ],
)
def test_gates_stop_some(tmp_path: Path, tags: dict[str, str], expected: tuple[bool, bool]) -> None:
    path = write_osm(tmp_path / "porte.osm", SQUARE, STREET, node_tags={2: tags})
    node = read_osm(path).nodes.set_index("id").loc[2]
    assert (node["walk_barrier"], node["bike_barrier"]) == expected


def test_places_are_points_or_areas(tmp_path: Path) -> None:
    ways = {
        20: ([1, 2, 3, 4, 1], {"amenity": "hospital", "name": "Hôpital", "building": "hospital"}),
        21: ([1, 2, 3, 4, 1], {}),
        22: ([1, 2], {"amenity": "pharmacy"}),  # not closed: no place
    }
    found = read_osm(
        write_osm(
            tmp_path / "lieux.osm",
            {**SQUARE, 5: (10, 10), 6: (20, 20), 7: (30, 30), 8: (40, 40), 9: (50, 50)},
            ways,
            node_tags={
                5: {"amenity": "pharmacy", "healthcare": "pharmacy"},
                6: {"shop": "supermarket", "brand": "Carrefour City", "brand:wikidata": "Q2940187"},
                7: {"healthcare": "physiotherapist"},
                8: {"amenity": "doctors", "healthcare:speciality": "general"},
                9: {"shop": "vacant"},
            },
            multipolygons={30: ([(21, "outer")], {"amenity": "townhall"})},
        )
    )
    places = found.places.set_index("osm")
    assert places["kind"].to_dict() == {
        "node/5": "pharmacy",
        "node/6": "shop",
        "node/7": "physiotherapist",
        "node/8": "doctors",
        "way/20": "hospital",
        "relation/30": "townhall",
    }
    shop = places.loc["node/6"]
    assert (shop["shop"], shop["brand"]) == ("supermarket", "Carrefour City")
    assert places.loc["node/8", "speciality"] == "general"
    center = places.loc["way/20", ["lon", "lat"]].astype(float)
    assert np.allclose(center, lonlat(50, 50), atol=1e-6)


def test_homes_have_a_floor_area(tmp_path: Path) -> None:
    outline = [1, 2, 3, 4, 1]
    shed = {5: (0, 0), 6: (4, 0), 7: (4, 4), 8: (0, 4)}
    ways = {
        1: (outline, {"building": "yes"}),
        2: (outline, {"building": "apartments", "building:levels": "6"}),
        3: (outline, {"building": "apartments"}),
        4: (outline, {"building": "yes", "amenity": "school"}),
        5: (outline, {"building": "industrial"}),
        6: (outline, {"building": "yes", "wall": "no"}),
        7: (outline, {"building": "house", "building:levels": "R+1"}),
        8: ([5, 6, 7, 8, 5], {"building": "yes"}),
        9: ([5, 6, 7, 8, 5], {"building": "house"}),
    }
    path = write_osm(tmp_path / "maisons.osm", {**SQUARE, **shed}, ways)
    homes = read_osm(path).buildings.set_index("osm")
    assert sorted(homes.index) == ["way/1", "way/2", "way/3", "way/7", "way/9"]
    # 100 m squares of Lambert 93, whose scale is within 1 m a kilometre of the ground's.
    assert homes.loc["way/1", "footprint_m2"] == pytest.approx(10_000, rel=3e-3)
    storeys = homes["floor_m2"] / homes["footprint_m2"]
    assert storeys.round(6).to_dict() == {
        "way/1": 2, "way/2": 6, "way/3": 4, "way/7": 2, "way/9": 2,
    }  # fmt: skip
    assert np.allclose(homes.loc["way/1", ["lon", "lat"]].astype(float), lonlat(50, 50), atol=1e-6)
    assert read_osm(path, homes=False).buildings.empty


def test_only_what_stands_in_a_window_is_kept(tmp_path: Path) -> None:
    far = {5: (5000, 0), 6: (5100, 0), 7: (5100, 90), 8: (5000, 90)}
    ways = {
        **STREET,
        11: ([5, 6], {"highway": "residential"}),
        12: ([5, 6, 7, 8, 5], {"building": "house"}),
        13: ([1, 2, 3, 4, 1], {"building": "house"}),
    }
    shops = {1: {"shop": "bakery"}, 6: {"shop": "bakery"}}
    path = write_osm(tmp_path / "rues.osm", {**SQUARE, **far}, ways, node_tags=shops)
    box = (*lonlat(-50, -50), *lonlat(150, 150))
    found = read_osm(path, within=box)
    assert found.streets["way"].tolist() == [10]
    assert found.buildings["osm"].tolist() == ["way/13"]
    assert found.places["osm"].tolist() == ["node/1"]
    assert found.box[0] >= box[0]
    assert found.box[2] <= box[2]


def test_a_file_without_streets_is_empty_not_wrong(tmp_path: Path) -> None:
    found = read_osm(write_osm(tmp_path / "vide.osm", SQUARE, {}))
    assert [len(f) for f in (found.nodes, found.streets, found.segments, found.places)] == [0] * 4
    assert np.isnan(found.box).all()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.osm.pbf", None),
        ("vide.osm.pbf", b""),
        ("page.osm.pbf", b"<html>404 Not Found</html>"),
        ("page.osm", b"<html>404 Not Found</html>"),
        ("coupe.osm", b'<osm version="0.6"><node id="1"'),
        ("abime.osm.gz", b"\x1f\x8b\x08rien"),
        ("tableau.csv", b"a;b\n1;2\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_an_extract_is_said(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError, match=name):
        read_osm(path)


@pytest.mark.mirror
def test_a_cut_file_is_said(tmp_path: Path, mirror: Path) -> None:
    whole = (mirror / "osm" / "01306-pont-de-veyle.osm.pbf").read_bytes()
    path = tmp_path / "coupe.osm.pbf"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LayoutError, match="coupé"):
        read_osm(path)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("file", "streets", "pharmacies"),
    [
        ("01306-pont-de-veyle", (250, 280), 1),
        ("monaco", (2700, 2900), 23),
        ("liechtenstein-latest", (4400, 4700), 3),
        ("corse-routes-2021", (34_000, 34_400), 0),
    ],
)
def test_the_extracts_of_the_mirror(
    mirror: Path, file: str, streets: tuple[int, int], pharmacies: int
) -> None:
    found = read_osm(mirror / "osm" / f"{file}.osm.pbf")
    assert streets[0] < len(found.streets) < streets[1]
    assert (found.places["kind"] == "pharmacy").sum() == pharmacies
    assert found.cut == 0
    west, south, east, north = found.box
    inside = found.nodes["lon"].between(west, east) & found.nodes["lat"].between(south, north)
    assert inside.mean() > 0.8
    assert (found.buildings["floor_m2"] >= found.buildings["footprint_m2"]).all()
