"""Extracts in tiles: a window is what the extract holds there, and reads little else."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_osm import lonlat, write_osm

from utils import tiles
from utils.errors import LayoutError
from utils.readers.osm import Box, OsmExtract, read_osm, read_osm_pieces

#: Far around the drawings, degrees.
EVERYWHERE = (4.5, 46.0, 6.0, 46.6)
#: A street of 40 km by steps of 500 m, hence in several tiles, a pharmacy and a gate.
LONG = {i: (500.0 * i, 0.0) for i in range(81)}


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_osm(
        tmp_path_factory.mktemp("road") / "route.osm",
        LONG,
        {
            7: ([*range(0, 41)], {"highway": "residential", "surface": "gravel"}),
            8: ([*range(40, 81)], {"highway": "track", "oneway": "yes"}),
        },
        node_tags={
            3: {"amenity": "pharmacy", "name": "Pharmacie"},
            5: {"barrier": "gate", "access": "private"},
            9: {"shop": "bakery"},
        },
    )


@pytest.fixture(scope="module")
def real(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> tiles.Store:
    folder = tmp_path_factory.mktemp("real") / "tiles"
    names = ("monaco", "01306-pont-de-veyle")
    return tiles.build_store([mirror / "osm" / f"{n}.osm.pbf" for n in names], folder)


def box_of(*places: tuple[float, float]) -> Box:
    lon, lat = zip(*(lonlat(*place) for place in places), strict=True)
    return min(lon), min(lat), max(lon), max(lat)


def by_number(found: OsmExtract) -> set[tuple[object, ...]]:
    """Return the segments by the numbers of OpenStreetMap, with all that is known of them."""
    street = found.streets.iloc[found.segments["street"]].reset_index(drop=True)
    a, b = (
        found.nodes.iloc[found.segments[end]].reset_index(drop=True).add_prefix(end) for end in "ab"
    )
    return set(pd.concat([street, a, b], axis=1).itertuples(index=False, name=None))


def test_a_window_of_everything_is_the_extract(road: Path, tmp_path: Path) -> None:
    store = tiles.build_store([road], tmp_path / "tiles")
    found, whole = store.window(EVERYWHERE), read_osm(road, homes=False)
    assert by_number(found) == by_number(whole)
    assert len(found.segments) == 80
    assert found.nodes["walk_barrier"].sum() == 1
    assert found.places["kind"].tolist() == ["pharmacy"]  # no shop
    assert found.buildings.empty
    assert store.highways() == {"residential", "track"}


@pytest.mark.mirror
@pytest.mark.parametrize("name", ["monaco", "01306-pont-de-veyle"])
def test_a_window_on_a_real_extract_is_the_extract(
    name: str, real: tiles.Store, mirror: Path
) -> None:
    whole = read_osm(mirror / "osm" / f"{name}.osm.pbf")
    west, south, east, north = whole.box
    found = real.window((west - 0.05, south - 0.05, east + 0.05, north + 0.05))
    assert by_number(found) == by_number(whole)
    pd.testing.assert_frame_equal(found.nodes, whole.nodes)
    assert found.box == pytest.approx(whole.box)
    care = whole.places[whole.places["kind"].isin(tiles.CARE)]
    assert sorted(found.places["osm"]) == sorted(care["osm"])
    assert len(care)
    inside = whole.buildings["lon"].between(west - 0.05, east + 0.05)
    inside &= whole.buildings["lat"].between(south - 0.05, north + 0.05)
    homes = whole.buildings[inside].reset_index(drop=True)
    assert len(homes) > 500
    ours = found.buildings[homes.columns].sort_values("osm", ignore_index=True)
    pd.testing.assert_frame_equal(ours, homes)


def test_a_window_holds_every_segment_with_an_end_in_it(road: Path, tmp_path: Path) -> None:
    store = tiles.build_store([road], tmp_path / "tiles")
    # From 9,750 m to 20,250 m: the segments from node 19 to node 41.
    found = store.window(box_of((9_750, -3_000), (20_250, 3_000)))
    assert sorted(found.nodes["id"]) == list(range(19, 42))
    assert sorted(found.streets["way"]) == [7, 8]


def test_a_segment_across_two_tiles_is_found_from_both_sides(tmp_path: Path) -> None:
    edge = math.ceil(lonlat(0, 0)[0] / tiles.TILE_DEG) * tiles.TILE_DEG
    x = (edge - lonlat(0, 0)[0]) * 77_000  # about the metres to the next tile
    road = write_osm(
        tmp_path / "a.osm", {1: (x - 900, 0), 2: (x + 900, 0)}, {1: ([1, 2], {"highway": "track"})}
    )
    store = tiles.build_store([road], tmp_path / "tiles")
    rows = pq.read_table(store.folder / "streets.parquet")["tile"].to_pylist()
    assert len(rows) == len(set(rows)) == 2
    for end in (x - 900, x + 900):
        found = store.window(box_of((end - 50, -50), (end + 50, 50)))
        assert len(found.segments) == 1
    assert len(store.window(EVERYWHERE).segments) == 1
    assert store.window(box_of((x - 300, -50), (x - 200, 50))).segments.empty


def test_pieces_hold_what_the_whole_holds(road: Path) -> None:
    pieces = list(read_osm_pieces(road, size=1))
    assert [len(piece.streets) for piece in pieces] == [1, 1, 0]
    assert set.union(*map(by_number, pieces)) == by_number(read_osm(road))
    places = pd.concat([piece.places for piece in pieces])
    assert sorted(places["kind"]) == ["pharmacy", "shop"]


def test_a_street_that_two_extracts_have_is_kept_once(road: Path, tmp_path: Path) -> None:
    other = shutil.copy(road, tmp_path / "voisine.osm")
    store = tiles.build_store([road, Path(other)], tmp_path / "tiles")
    found = store.window(EVERYWHERE)
    assert by_number(found) == by_number(read_osm(road))
    assert len(found.segments) == 80
    assert len(found.places) == 1


@pytest.mark.mirror
def test_a_window_reads_only_the_row_groups_of_its_tiles(
    mirror: Path, tmp_path: Path, real: tiles.Store
) -> None:
    """Ruin every row group that a window does not need: nothing changes for it."""
    folder = shutil.copytree(real.folder, tmp_path / "tiles")
    store = tiles.open_store(folder)
    window = (4.86, 46.25, 4.90, 46.28)  # Pont-de-Veyle: its tiles come last, by rows
    expected = by_number(store.window(window))
    path = folder / "streets.parquet"
    content = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path)
    lowest = tiles.tile_of(np.array([window[0]]), np.array([window[1]]))[0]
    ruined = 0
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        if group.column(0).statistics.max >= lowest:
            continue
        for j in range(group.num_columns):
            column = group.column(j)
            start = column.dictionary_page_offset or column.data_page_offset
            content[start : start + column.total_compressed_size] = bytes(
                column.total_compressed_size
            )
        ruined += 1
    path.write_bytes(content)
    assert ruined
    assert by_number(store.window(window)) == expected
    with pytest.raises(LayoutError, match="tuiles"):
        store.window((7.3, 43.7, 7.5, 43.8))


def test_what_the_extracts_cover(road: Path, tmp_path: Path) -> None:
    store = tiles.build_store([road], tmp_path / "tiles")
    inside, outside = lonlat(20_000, 0), lonlat(20_000, 30_000)
    lon, lat = np.array([inside, outside]).T
    assert store.covers(lon, lat).tolist() == [True, False]
    west, south, east, north = store.boxes[0]
    wide = (west - 1, south - 1, (west + east) / 2, north + 1)
    assert store.window(wide).box == pytest.approx((west, south, (west + east) / 2, north))


def test_tiles_without_a_street_are_holes(road: Path, tmp_path: Path) -> None:
    store = tiles.build_store([road], tmp_path / "tiles")
    west, south, east, north = store.boxes[0]
    far = (west, south + 0.1, east, north + 0.1)
    on_the_road = set(store.holes((west, south, east, north)))
    above = set(store.holes(far))
    assert len(above) > len(on_the_road)
    for w, s, e, n in above:
        inside = store.window((w + 1e-6, s + 1e-6, e - 1e-6, n - 1e-6))
        assert inside.segments.empty
        assert (e - w, n - s) == pytest.approx((tiles.TILE_DEG, tiles.TILE_DEG))


def test_the_same_extracts_are_cut_once(road: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    tiles.build_store([road], folder)
    first = (folder / "streets.parquet").stat().st_mtime_ns
    tiles.build_store([road], folder)
    assert (folder / "streets.parquet").stat().st_mtime_ns == first
    changed = tmp_path / "autre.osm"
    changed.write_text(road.read_text().replace("gravel", "asphalt"))
    store = tiles.build_store([changed], folder)
    assert set(store.window(EVERYWHERE).streets["surface"]) == {"asphalt", ""}


def test_a_bad_extract_leaves_the_store_as_it_was(road: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    tiles.build_store([road], folder)
    corrupt = tmp_path / "coupe.osm.pbf"
    corrupt.write_bytes(b"\0\0\0\rnot a file of OpenStreetMap")
    empty = write_osm(tmp_path / "vide.osm", {1: (0, 0)}, {})
    for bad, words in ((corrupt, "coupe.osm.pbf"), (empty, "aucune rue"), (folder, "n’existe pas")):
        with pytest.raises(LayoutError, match=words):
            tiles.build_store([bad], folder)
    assert len(tiles.open_store(folder).window(EVERYWHERE).segments) == 80


@pytest.mark.parametrize(
    "content", ["", "{}", '{"version": 0, "tile_deg": 1, "boxes": [], "extracts": [], "tiles": []}']
)
def test_a_folder_that_is_not_a_store(content: str, tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(LayoutError, match="tuiles"):
        tiles.open_store(tmp_path)
