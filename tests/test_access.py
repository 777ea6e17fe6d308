"""Access of a town: people, facilities, shares, and what the edge of an extract hides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from small_osm import EPSG, ORIGIN, lonlat, write_osm

from utils import access
from utils.errors import NetworkError
from utils.readers.equipment import read_bpe_points
from utils.readers.osm import OsmExtract, read_osm
from utils.readers.people import read_carreaux_200m

STREET = {"highway": "residential"}
WALK_M_MIN = 4.5 * 1000 / 60


@pytest.fixture(name="street")
def one_street(tmp_path: Path) -> OsmExtract:
    """One straight street of 4 km, in a window 1 km wide."""
    nodes = {1: (0.0, 0.0), 2: (2000.0, 0.0), 3: (4000.0, 0.0)}
    nodes |= {4: (2000.0, 500.0), 5: (2000.0, -500.0)}
    ways = {10: ([1, 2, 3], STREET), 11: ([4, 2, 5], STREET)}
    return read_osm(write_osm(tmp_path / "rue.osm", nodes, ways))


def frame(points: list[tuple[float, float]], **columns: object) -> pd.DataFrame:
    xy = np.asarray(points) + ORIGIN
    return pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], **columns})


def test_minutes_together_are_those_of_the_farthest_service(street: OsmExtract) -> None:
    people = frame([(2000, 0), (1000, 0)], persons=[3.0, 1.0])
    care = frame([(2300, 0), (1000, 0), (3000, 0)], kind=["doctor", "pharmacy", "hospital"])
    found = access.town_access(street, care, people, epsg=EPSG, modes=["walk"])
    doctor, pharmacy, hospital = 300 / WALK_M_MIN, 1000 / WALK_M_MIN, 1000 / WALK_M_MIN
    first = found.points.iloc[0]
    assert first["walk_doctor"] == pytest.approx(doctor, abs=0.02)
    assert first["walk_hospital"] == pytest.approx(hospital, abs=0.02)
    assert first["walk_together"] == pytest.approx(pharmacy, abs=0.02)
    assert found.together == ("doctor", "pharmacy")
    assert found.missing == ("nurse", "physiotherapist", "dentist")
    shares = found.shares.set_index(["mode", "kind", "minutes"])["share"]
    assert shares["walk", "doctor", 5] == pytest.approx(75)
    assert shares["walk", "doctor", 20] == pytest.approx(100)


def test_the_second_place_is_further_than_the_first_and_one_address_is_one_place(
    street: OsmExtract,
) -> None:
    people = frame([(1000, 0), (2000, 0), (3000, 0)], persons=[1.0, 5.0, 1.0])
    care = frame(
        [(2150, 0), (2150, 0), (1400, 0), (2000, 0)],
        kind=["doctor", "doctor", "doctor", "pharmacy"],
    )
    found = access.town_access(street, care, people, epsg=EPSG, modes=["walk"])
    ranks = access.ranks(found, care).set_index(["kind", "rank"])
    assert ranks.index.tolist() == [("doctor", 1), ("doctor", 2), ("pharmacy", 1)]
    assert ranks.loc[("doctor", 1), "median_min"] == pytest.approx(150 / WALK_M_MIN, abs=0.02)
    assert ranks.loc[("doctor", 2), "median_min"] == pytest.approx(600 / WALK_M_MIN, abs=0.02)
    assert ranks.loc[("doctor", 1), "share"] == pytest.approx(100 * 6 / 7)  # 5.3 and 2 minutes


def test_the_edge_bounds_what_is_not_known(street: OsmExtract) -> None:
    # 100 m from the edge, care at 1,600 m: a nearer one may stand just beyond.
    people = frame([(3900, 0)], persons=[1.0])
    care = frame([(2300, 0)], kind=["doctor"])
    found = access.town_access(street, care, people, epsg=EPSG, modes=["walk"])
    (point,) = found.points.to_dict("records")
    assert point["leave_walk"] == pytest.approx(100 / WALK_M_MIN, abs=0.1)
    assert point["edge_walk"]
    at_ten = found.shares[(found.shares["kind"] == "doctor") & (found.shares["minutes"] == 10)]
    assert at_ten["share"].tolist() == [0.0]
    assert at_ten["share_max"].tolist() == [100.0]


def test_who_lives_out_of_the_window_is_counted_apart(street: OsmExtract) -> None:
    people = frame([(1000, 0), (9000, 0), (500, 450)], persons=[1.0, 2.0, 4.0])
    care = frame([(900, 0)], kind=["doctor"])
    found = access.town_access(street, care, people, epsg=EPSG)
    assert (found.persons, found.outside, found.unjoined) == (5.0, 2.0, 4.0)
    assert np.isnan(found.points.loc[1, "walk_doctor"])
    assert np.isinf(found.points.loc[2, "walk_doctor"])
    assert access.coverage(street, people, epsg=EPSG) == pytest.approx(100 * 5 / 7)


def test_a_town_elsewhere_or_without_care_is_an_error(street: OsmExtract) -> None:
    care = frame([(900, 0)], kind=["doctor"])
    with pytest.raises(NetworkError, match="ne couvre pas"):
        access.town_access(street, care, frame([(9000, 0)], persons=[1.0]), epsg=EPSG)
    with pytest.raises(NetworkError, match="Aucun lieu de soins"):
        access.town_access(street, care[:0], frame([(900, 0)], persons=[1.0]), epsg=EPSG)


def test_an_extract_without_a_street_is_an_error(tmp_path: Path) -> None:
    empty = read_osm(write_osm(tmp_path / "vide.osm", {1: (0, 0)}, {}))
    with pytest.raises(NetworkError, match="aucune rue"):
        access.window_of(empty, EPSG)


def test_the_first_source_that_places_a_kind_is_the_only_one() -> None:
    window = shapely.box(ORIGIN[0], ORIGIN[1], ORIGIN[0] + 1000, ORIGIN[1] + 1000)
    bpe = frame([(10, 10), (5000, 0)], kind=["doctor", "nurse"], source="bpe")
    osm = frame([(20, 20), (30, 30)], kind=["doctor", "nurse"], source="osm")
    chosen = access.choose_facilities(bpe, osm, window=window)
    assert chosen[["kind", "source"]].to_numpy().tolist() == [["doctor", "bpe"], ["nurse", "osm"]]


def test_openstreetmap_gives_neither_specialists_nor_pharmacies_tagged_as_hospitals() -> None:
    lon, lat = lonlat(0, 0)
    lines = [
        ("doctors", "Cabinet médical", ""),
        ("doctors", "Dr Général", "cardiology;general"),
        ("doctors", "Dr Cœur", "cardiology"),
        ("hospital", "Farmacy des Anglais", ""),
        ("hospital", "Pharmacie de l’hôpital", ""),
        ("hospital", "Centre hospitalier", "cardiology"),
        ("hospital", "", ""),
        ("clinic", "Clinique", ""),
    ]
    places = pd.DataFrame(lines, columns=["kind", "name", "speciality"]).assign(lon=lon, lat=lat)
    found = access.osm_facilities(places, epsg=EPSG)
    assert found["kind"].tolist() == ["doctor", "doctor", "hospital", "hospital"]


@pytest.mark.mirror
def test_the_pharmacy_that_monaco_calls_a_hospital_is_none(mirror: Path) -> None:
    places = read_osm(mirror / "osm" / "monaco.osm.pbf").places
    (wrong,) = places.index[places["osm"] == "node/2287695176"]
    assert places.loc[wrong, "kind"] == "hospital"
    hospitals = access.osm_facilities(places, epsg=2154).query("kind == 'hospital'")
    assert len(hospitals) == (places["kind"] == "hospital").sum() - 1


def test_the_inhabitants_of_a_square_go_to_its_homes_by_floor_area() -> None:
    lon, lat = lonlat(0, 0)
    x, y = access.network.project([lon], [lat], 3035)[0] // 200 * 200
    squares = pd.DataFrame(
        {
            "codes": ["01306", "0130601305"],
            "imputed": [False, True],
            "x": [x, x + 200],
            "y": [y, y],
            "persons": [9.0, 4.0],
            "age_80_plus": [3.0, 2.0],
        }
    )
    homes = pd.DataFrame({"lon": [lon, lon], "lat": [lat, lat], "floor_m2": [100.0, 200.0]})
    people = access.people_from_squares(squares, homes, epsg=EPSG)
    assert people["persons"].tolist() == pytest.approx([3, 6, 2])
    assert people["age_80_plus"].tolist() == pytest.approx([1, 2, 1])
    assert people["in_home"].tolist() == [True, True, False]
    assert people["imputed"].tolist() == [False, False, True]
    without = access.people_from_squares(squares, epsg=EPSG)
    assert without["persons"].tolist() == pytest.approx([9, 2])


def test_without_squares_homes_share_the_census() -> None:
    lon, lat = lonlat(0, 0)
    homes = pd.DataFrame({"lon": [lon, lon], "lat": [lat, lat], "floor_m2": [100.0, 300.0]})
    people = access.people_from_homes(homes, epsg=EPSG, persons=1594)
    assert people["persons"].tolist() == pytest.approx([398.5, 1195.5])
    with pytest.raises(NetworkError, match="Aucun logement"):
        access.people_from_homes(homes[:0], epsg=EPSG, persons=1594)


@pytest.mark.mirror
def test_pont_de_veyle_on_its_real_streets(mirror: Path) -> None:
    streets = read_osm(mirror / "osm" / "01306-pont-de-veyle.osm.pbf")
    squares = read_carreaux_200m(
        mirror / "filosofi-200m" / "carreaux_200m_met_2019.parquet", commune="01306"
    )
    bpe = read_bpe_points(mirror / "bpe-xy-2021" / "bpe21_ensemble_xy_csv.zip")
    people = access.people_from_squares(squares, streets.buildings, epsg=2154)
    assert people["persons"].sum() == pytest.approx(squares["persons"].sum())
    care = access.choose_facilities(
        access.bpe_facilities(bpe, epsg=2154),
        access.osm_facilities(streets.places, epsg=2154),
        window=access.window_of(streets, 2154),
    )
    found = access.town_access(streets, care, people, epsg=2154)
    assert set(found.placed) == set(access.KINDS)
    assert found.missing == ()
    assert found.outside == 0
    # Never nearer than the straight line at full speed, never slower by bicycle.
    pharmacy = care.loc[care["kind"] == "pharmacy", ["x", "y"]].to_numpy(float)
    metres = access.network.straight_line(found.points[["x", "y"]].to_numpy(float), pharmacy)
    assert (found.points["walk_pharmacy"] >= metres / WALK_M_MIN - 1e-6).all()
    assert (found.points["bike_pharmacy"] <= found.points["walk_pharmacy"] + 0.1).all()
    assert (found.shares["share_max"] >= found.shares["share"]).all()
