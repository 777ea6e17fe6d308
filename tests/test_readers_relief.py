"""Relief: elevations between cells, and the walking time that a slope makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from small_osm import EPSG, ORIGIN, lonlat, write_osm

from utils import network
from utils.errors import LayoutError
from utils.readers.osm import read_osm
from utils.readers.relief import read_elevation

WALK = 4.5 / 3.6  # m/s
CELL = 25.0


def plane(path: Path, *, slope: float, hole: bool = False, crs: str | None = "EPSG:2154") -> Path:
    """Write a raster of 4 km x 1 km that climbs to the east (synthetic)."""
    west, north = ORIGIN[0] - 1000, ORIGIN[1] + 500
    columns, rows = 160, 40
    middle = west + CELL * (np.arange(columns) + 0.5)
    cells = np.tile(500 + slope * (middle - ORIGIN[0]), (rows, 1)).astype("float32")
    if hole:
        cells[:, columns // 2 :] = -9999
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype="float32",
        crs=crs, transform=Affine(CELL, 0, west, 0, -CELL, north), nodata=-9999,
    ) as raster:  # fmt: skip
        raster.write(cells, 1)
    return path


def heights(path: Path, *points: tuple[float, float]) -> list[float]:
    lon, lat = np.array([lonlat(x, y) for x, y in points]).T
    return read_elevation(path, lon, lat).tolist()


def test_elevation_is_interpolated_between_cells(tmp_path: Path) -> None:
    found = heights(plane(tmp_path / "plan.tif", slope=0.1), (0, 0), (3.7, 12.3), (1000, -400))
    assert found == pytest.approx([500, 500.37, 600], abs=0.01)


def test_any_crs_will_do(tmp_path: Path) -> None:
    degrees = tmp_path / "degres.tif"
    lon, lat = lonlat(0, 0)
    cells = (500 + 100 * np.arange(20, dtype="float32"))[None, :].repeat(20, axis=0)
    with rasterio.open(
        degrees, "w", driver="GTiff", width=20, height=20, count=1, dtype="float32",
        crs="EPSG:4326", transform=Affine(0.001, 0, lon - 0.0105, 0, -0.001, lat + 0.01),
    ) as raster:  # fmt: skip
        raster.write(cells, 1)
    assert heights(degrees, (0, 0)) == pytest.approx([1500], abs=0.1)


def test_beyond_the_raster_and_in_its_holes_nothing_is_known(tmp_path: Path) -> None:
    holed = plane(tmp_path / "trou.tif", slope=0.1, hole=True)
    found = heights(holed, (0, 0), (1500, 0), (9000, 0))
    assert np.isfinite(found).tolist() == [True, False, False]


@pytest.mark.parametrize("slope", [0.1, -0.05, 0.0])
def test_a_slope_slows_as_tobler_says(tmp_path: Path, slope: float) -> None:
    streets = read_osm(
        write_osm(
            tmp_path / "rue.osm",
            {1: (0, 0), 2: (400, 0), 3: (1000, 0)},
            {10: ([1, 2, 3], {"highway": "residential"})},
        )
    )
    nodes = streets.nodes
    path = plane(tmp_path / "plan.tif", slope=slope)
    elevation = read_elevation(path, nodes["lon"].to_numpy(), nodes["lat"].to_numpy())
    graph = network.build_graph(
        nodes, streets.streets, streets.segments, mode="walk", epsg=EPSG, elevation=elevation
    )
    ends = np.array([(0.0, 0.0), (1000.0, 0.0)]) + ORIGIN
    for start, door, climb in ((0, 1, slope), (1, 0, -slope)):
        facilities = network.place_facilities(graph, ends[[door]])
        found = network.nearest_times(graph, facilities, network.snap(graph, ends[[start]]))
        # Tobler by hand: 6 exp(-3.5 |s + 0.05|) km/h, over 6 exp(-0.175) on the level.
        by_hand = 1000 / WALK * np.exp(-0.175) / np.exp(-3.5 * abs(climb + 0.05))
        assert found[0] == pytest.approx(by_hand, rel=1e-3)


def test_what_is_not_known_counts_as_level(tmp_path: Path) -> None:
    streets = read_osm(
        write_osm(
            tmp_path / "rue.osm", {1: (0, 0), 2: (400, 0)}, {10: ([1, 2], {"highway": "path"})}
        )
    )
    graph = network.build_graph(
        streets.nodes, streets.streets, streets.segments, mode="walk", epsg=EPSG,
        elevation=np.array([500.0, np.nan]),
    )  # fmt: skip
    assert graph.forward_s == pytest.approx([400 / WALK], rel=1e-3)


def test_what_is_not_a_relief_is_said(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="n’existe pas"):
        heights(tmp_path / "absent.tif", (0, 0))
    wrong = tmp_path / "texte.tif"
    wrong.write_text("pas un relief", encoding="utf-8")
    with pytest.raises(LayoutError, match="n’est pas un relief lisible"):
        heights(wrong, (0, 0))
    nowhere = plane(tmp_path / "nulle-part.tif", slope=0.1, crs=None)
    with pytest.raises(LayoutError, match="système de coordonnées"):
        heights(nowhere, (0, 0))
