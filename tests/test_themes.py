"""Culture, energy, care and territory: small synthetic frames."""

from __future__ import annotations

import pandas as pd
import pytest

from utils import care, culture, energy, tables, territory


def test_culture_classes_partition_the_types() -> None:
    types = tables.load_culture_types()
    assert types["type"].is_unique
    assert set(types["groupe"]) == {"vivant", "patrimoine", "autre"}
    assert types.set_index("type")["groupe"]["Musée"] == "vivant"
    assert types.set_index("type")["groupe"]["Monument"] == "patrimoine"


def test_living_share_is_undefined_without_places() -> None:
    places = pd.DataFrame(
        {
            "code": ["00001", "00001", "00001", "00002", "00003"],
            "kind": [
                "Musée",
                "Monument",
                "Monument",
                "Cinéma",
                "Établissement d'enseignement supérieur",
            ],
        }
    )
    share = culture.living_share(places, tables.load_culture_types()).set_index("code")["value"]
    assert share.to_dict() == pytest.approx({"00001": 100 / 3, "00002": 100})


def test_cinema_without_seats_known_stays_missing() -> None:
    frame = pd.DataFrame({
        "code": ["00001", "00001", "00002"], "year": 2023, "seats": [100.0, 50.0, None],
    })  # fmt: skip
    sums = culture.cinema_sum(frame, "seats").set_index("code")["value"]
    assert sums["00001"] == 150
    assert pd.isna(sums["00002"])


def test_power_sums_filieres() -> None:
    register = pd.DataFrame(
        {
            "code": ["00001", "00001", "00002"],
            "filiere": ["solaire", "eolien", "nucleaire"],
            "installations": [10, 1, 1],
            "power_kw": [36.6, 2000.0, 1e6],
        }
    )
    assert energy.power_kw(register, ["solaire", "eolien"]).to_dict("records") == [
        {"code": "00001", "value": 2036.6}
    ]
    assert energy.installations(register, ["solaire"])["value"].item() == 10


def test_secret_sector_is_unknown_and_never_zero() -> None:
    lines = pd.DataFrame(
        {
            "code": ["00001", "00001", "00002"],
            "year": 2024,
            "energy": ["electricite", "electricite", "gaz"],
            "sector": ["total", "residentiel", "total"],
            "mwh": [100.0, 60.0, 10.0],
        }
    )
    industry = energy.consumption_mwh(lines, energy="electricite", sector="industrie")
    assert industry["status"].tolist() == ["secret"]
    assert industry["value"].isna().all()
    home = energy.consumption_mwh(lines, energy="electricite", sector="residentiel")
    assert home[["code", "value", "status"]].values.tolist() == [["00001", 60.0, "ok"]]


def test_accessibility_keeps_one_profession() -> None:
    apl = pd.DataFrame({
        "code": ["00001", "00001"], "year": 2023,
        "profession": ["infirmiere", "sage_femme"], "apl": [122.4, 20.0],
    })  # fmt: skip
    assert care.accessibility(apl, "infirmiere")["value"].tolist() == [122.4]


def test_growth_is_the_yearly_rate_and_zero_populations_give_none() -> None:
    population = pd.DataFrame(
        {
            "code": ["00001", "00001", "00002", "00002"],
            "year": [2013, 2023] * 2,
            "population": [1000.0, 1000.0 * 1.01**10, 0.0, 500.0],
        }
    )
    rate = territory.growth(population, first=2013, last=2023)
    assert rate["code"].tolist() == ["00001"]
    assert rate["value"].item() == pytest.approx(1.0)


def test_homes_without_dwelling_have_no_share() -> None:
    homes = pd.DataFrame({
        "code": ["00001", "00002"], "dwellings": [200.0, 0.0], "vacant_homes": [30.0, 0.0],
    })  # fmt: skip
    assert territory.share_of_homes(homes, "vacant_homes").to_dict("records") == [
        {"code": "00001", "value": 15.0}
    ]


def test_square_of_two_communes_is_shared_and_people_are_kept() -> None:
    squares = pd.DataFrame(
        {
            "codes": ["00001", "0000100002"],
            "imputed": [True, False],
            "persons": [10.0, 20.0],
            "households": [5.0, 10.0],
            "poor_households": [1.0, 2.0],
            "age_0_3": [1.0, 0.0],
            "age_4_5": [0.0, 1.0],
            "age_6_10": [1.0, 1.0],
            "age_11_17": [0.0, 2.0],
            "age_65_79": [2.0, 4.0],
            "age_80_plus": [0.0, 2.0],
        }
    )
    result = territory.squares_by_commune(squares).set_index("code")
    assert result["persons"].to_dict() == {"00001": 20.0, "00002": 10.0}
    assert result["persons"].sum() == squares["persons"].sum()
    assert result.loc["00001", "imputed_share"] == 50
    assert result.loc["00002", "share_65_plus"] == pytest.approx(30)
    assert result.loc["00002", "share_under_18"] == pytest.approx(20)
    assert result.loc["00001", "poor_share"] == pytest.approx(20)
