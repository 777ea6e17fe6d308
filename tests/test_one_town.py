"""One town on its streets: every base of care, every layout of squares, the relief."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio import Affine
from small_osm import EPSG, ORIGIN, write_osm

from utils import access, fleet, network, sources, tables
from utils.build import one_town
from utils.care import INSEE_AGES
from utils.communes import local_epsg
from utils.errors import LayoutError, NetworkError, SourceError
from utils.formats import NBSP

TOWN = "46127"  # in Occitanie, where FINESS is located
STEP = 500.0
AGES = [f"ind_{name.removeprefix('age_').replace('80_plus', '80p')}" for name in INSEE_AGES]

Fetch = Callable[[str], Path]


def outline() -> shapely.Geometry:
    contours = tables.load_contours()
    return contours[contours["code"] == TOWN].to_crs(EPSG).geometry.iloc[0]


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of streets over the whole commune (synthetic)."""
    west, south, east, north = outline().bounds
    x = np.arange(west - STEP, east + 2 * STEP, STEP) - ORIGIN[0]
    y = np.arange(south - STEP, north + 2 * STEP, STEP) - ORIGIN[1]
    nodes = {
        1 + i * len(y) + j: (float(a), float(b)) for i, a in enumerate(x) for j, b in enumerate(y)
    }
    road = {"highway": "residential"}
    ways = {1 + i: ([1 + i * len(y) + j for j in range(len(y))], road) for i in range(len(x))}
    ways |= {1001 + j: ([1 + i * len(y) + j for i in range(len(x))], road) for j in range(len(y))}
    middle = 1 + len(x) // 2 * len(y) + len(y) // 2
    care = {middle: {"amenity": "doctors"}, middle + 1: {"amenity": "pharmacy"}}
    path = tmp_path_factory.mktemp("rues") / "grille.osm"
    return write_osm(path, nodes, ways, node_tags=care)


def squares() -> pd.DataFrame:
    """Five by five squares around the middle of the town, in Insee's layout (synthetic)."""
    line = tables.load_town(TOWN)
    corner = network.project([line["lon"]], [line["lat"]], 3035)[0] // 200 * 200
    rows = [
        {
            "idcar_200m": f"CRS3035RES200mN{corner[1] + 200 * j:.0f}E{corner[0] + 200 * i:.0f}",
            "i_est_200": int(i == j),
            "lcog_geo": TOWN,
            "ind": 11.0 + i,
            **dict.fromkeys(AGES, 1.0 + i / 11),
        }
        for i in range(-2, 3)
        for j in range(-2, 3)
    ]
    elsewhere = {**rows[0], "idcar_200m": "CRS3035RES200mN2570000E3928400", "lcog_geo": "46042"}
    return pd.DataFrame([*rows, elsewhere])


@pytest.fixture(name="fetch", scope="module")
def only_squares(tmp_path_factory: pytest.TempPathFactory) -> Fetch:
    """Give the squares in Parquet, and no other source."""
    path = tmp_path_factory.mktemp("carreaux") / "carreaux.parquet"
    squares().to_parquet(path)

    def fetch(name: str, *, offline: bool = False) -> Path:
        if name != "carreaux_200m":
            raise SourceError(f"La source {name} est absente.")
        return path

    return fetch


@pytest.fixture(name="known", scope="module")
def measured(streets: Path, fetch: Fetch) -> one_town.TownAccess:
    return one_town.measure(tables.load_town(TOWN), osm=streets, fetch=fetch)


def written(folder: Path, layout: str) -> Path:
    """Write the squares as Insee gives them: GeoPackage, CSV with capitals, archive of a CSV."""
    path = folder / f"carreaux_200m_met.{layout}"
    if layout == "gpkg":
        boxes = [shapely.box(0, 0, 1, 1)] * len(squares())
        gpd.GeoDataFrame(squares(), geometry=boxes, crs=3035).to_file(path)
    else:
        frame = squares().rename(columns=str.capitalize)
        options = {"method": "zip", "archive_name": "carreaux_200m_met.csv"}
        frame.to_csv(path, index=False, compression=options if layout == "zip" else None)
    return path


@pytest.mark.parametrize("layout", ["gpkg", "csv", "zip"])
def test_squares_of_any_official_layout_give_the_same(
    streets: Path, fetch: Fetch, known: one_town.TownAccess, tmp_path: Path, layout: str
) -> None:
    found = one_town.measure(
        tables.load_town(TOWN), osm=streets, fetch=fetch, squares=written(tmp_path, layout)
    )
    assert found.result.persons == pytest.approx(squares()["ind"][:-1].sum())
    assert found.imputed == pytest.approx(known.imputed)
    pd.testing.assert_frame_equal(found.result.shares, known.result.shares)


def test_squares_of_elsewhere_or_unreadable_are_said(
    streets: Path, fetch: Fetch, tmp_path: Path
) -> None:
    town = tables.load_town(TOWN)
    martinique = tmp_path / "carreaux_200m_mart.csv"
    squares().assign(lcog_geo="97209").to_csv(martinique, index=False)
    with pytest.raises(NetworkError, match="ne touche Gourdon") as caught:
        one_town.measure(town, osm=streets, fetch=fetch, squares=martinique)
    assert "Martinique" in caught.value.hint
    with pytest.raises(LayoutError, match="n’existe pas"):
        one_town.measure(town, osm=streets, fetch=fetch, squares=tmp_path / "absent.gpkg")
    torn = tmp_path / "torn.gpkg"
    torn.write_bytes(b"SQLite format 3\x00")
    with pytest.raises(LayoutError, match="GeoPackage lisible"):
        one_town.measure(town, osm=streets, fetch=fetch, squares=torn)


def test_squares_of_an_island_are_in_its_own_system() -> None:
    epsg = local_epsg("97416")
    corner = np.array([[340_000.0, 7_640_000.0]])
    frame = pd.DataFrame(
        {"codes": ["97416"], "imputed": [False], "x": corner[:, 0], "y": corner[:, 1],
         "persons": [3.0]}
    )  # fmt: skip
    people = access.people_from_squares(frame, epsg=epsg, squares_epsg=2975)
    assert people[["x", "y"]].to_numpy() == pytest.approx(corner + 100, abs=0.01)


def test_osm_is_used_where_no_other_base_is(known: one_town.TownAccess) -> None:
    assert known.sources() == {"doctor": "osm", "pharmacy": "osm"}
    assert known.result.missing == ("nurse", "physiotherapist", "dentist")
    said = " ".join(known.sentences())
    assert f"1{NBSP}pharmacie (OpenStreetMap)" in said
    assert "Aucune de ces sources n’a pu être lue" in said
    assert "Aucune source ne place d’infirmier, de kinésithérapeute ni de dentiste" in said


def test_the_most_complete_base_at_hand_is_read(tmp_path: Path) -> None:
    asked = []

    def fetch(name: str, *, offline: bool = False) -> Path:
        asked.append((name, offline))
        if offline and name != "finess_occitanie":
            raise SourceError(f"La source {name} est absente.")
        return tmp_path / name

    names = fleet.FINESS_SOURCES
    assert names == ("finess_national", "finess_occitanie")
    assert fleet.first_at_hand(names, fetch) == (names[1], tmp_path / names[1])
    assert asked == [(names[0], True), (names[1], True)]  # nothing downloaded
    assert fleet.first_at_hand(names[:1], fetch) == (names[0], tmp_path / names[0])


def test_the_json_tells_the_nearest_places_and_the_next(known: one_town.TownAccess) -> None:
    nearest = known.as_dict()["nearest"]
    json.dumps(nearest, allow_nan=False)
    assert {(line["mode"], line["kind"], line["rank"]) for line in nearest} == {
        (mode, kind, 1) for mode in ("walk", "bike") for kind in ("doctor", "pharmacy")
    }
    assert all(line["median_min"] > 0 for line in nearest)


def test_a_network_of_cars_is_said(known: one_town.TownAccess) -> None:
    assert access.ONLY_CARS in known.notes  # the grid has residential streets only


@pytest.mark.mirror
def test_real_streets_are_not_said_to_be_those_of_cars(mirror: Path, tmp_path: Path) -> None:
    def fetch(name: str, *, offline: bool = True) -> Path:
        return sources.fetch(name, mirror=str(mirror), offline=offline, cache=tmp_path)

    found = one_town.measure(tables.load_town("01306"), osm=None, fetch=fetch)
    assert access.ONLY_CARS not in found.notes
    assert any("équipements 2021" in note for note in found.notes)


@pytest.mark.mirror
def test_finess_places_pharmacies_and_hospitals_of_a_real_town(
    streets: Path, fetch: Fetch, mirror: Path
) -> None:
    """Real pharmacies of Gourdon, on streets drawn by the test."""

    def with_finess(name: str, *, offline: bool = False) -> Path:
        return (
            mirror / "finess" / "finess-occitanie.csv"
            if name == "finess_occitanie"
            else fetch(name, offline=offline)
        )

    found = one_town.measure(tables.load_town(TOWN), osm=streets, fetch=with_finess)
    assert found.sources() == {"doctor": "osm", "pharmacy": "finess", "hospital": "finess"}
    doors = found.facilities[found.facilities["kind"] == "pharmacy"]
    near = shapely.intersects_xy(outline(), doors["x"], doors["y"])
    assert 2 <= near.sum() <= found.result.placed["pharmacy"] <= len(doors)
    assert f"{found.result.placed['pharmacy']}{NBSP}pharmacies (FINESS)" in found.sentences()[0]


# --------------------------------------------------------------------------- relief


def relief(path: Path, *, slope: float, wide_m: float = 40_000.0) -> Path:
    """Write a plane that climbs to the east, centred on the town (synthetic)."""
    cell = 100.0
    middle = outline().centroid
    count = int(wide_m / cell)
    cells = np.tile(slope * cell * np.arange(count), (count, 1)).astype("float32")
    corner = (middle.x - wide_m / 2, middle.y + wide_m / 2)
    with rasterio.open(
        path, "w", driver="GTiff", width=count, height=count, count=1, dtype="float32",
        crs=f"EPSG:{EPSG}", transform=Affine(cell, 0, corner[0], 0, -cell, corner[1]),
    ) as raster:  # fmt: skip
        raster.write(cells, 1)
    return path


def test_a_relief_slows_the_walk_and_not_the_bicycle(
    streets: Path, fetch: Fetch, known: one_town.TownAccess, tmp_path: Path
) -> None:
    town = tables.load_town(TOWN)
    flat, steep = (
        one_town.measure(
            town, osm=streets, fetch=fetch, relief=relief(tmp_path / f"{slope}.tif", slope=slope)
        )
        for slope in (0.0, 0.2)
    )
    before, level, slow = (m.result.points for m in (known, flat, steep))
    np.testing.assert_allclose(level["walk_doctor"], before["walk_doctor"])
    np.testing.assert_allclose(slow["bike_doctor"], before["bike_doctor"])
    assert (slow["walk_doctor"] >= before["walk_doctor"] - 1e-3).all()  # 20 % slows both ways
    assert slow["walk_doctor"].mean() > 1.05 * before["walk_doctor"].mean()
    assert any("Pente comptée à pied" in note for note in steep.notes)


def test_a_relief_of_elsewhere_or_too_small_is_refused(
    streets: Path, fetch: Fetch, tmp_path: Path
) -> None:
    town = tables.load_town(TOWN)
    small = relief(tmp_path / "petit.tif", slope=0.1, wide_m=4_000)
    with pytest.raises(NetworkError, match="ne couvre que"):
        one_town.measure(town, osm=streets, fetch=fetch, relief=small)
    moved = tmp_path / "ailleurs.tif"
    with rasterio.open(small) as source:
        profile = {**source.profile, "transform": Affine(100, 0, 0, 0, -100, 6_000_000)}
        with rasterio.open(moved, "w", **profile) as raster:
            raster.write(source.read())
    with pytest.raises(NetworkError, match="ne couvre pas"):
        one_town.measure(town, osm=streets, fetch=fetch, relief=moved)
