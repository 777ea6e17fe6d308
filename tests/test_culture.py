"""Places of culture: duplicates, spread, reach, cinemas. Small synthetic frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import culture, tables, territory

NAMES = st.text(max_size=60)


@given(NAMES, NAMES)
def test_likeness_is_symmetric_and_bounded(first: str, second: str) -> None:
    likeness = culture.same_name(first, second)
    assert 0 <= likeness <= 1
    assert likeness == pytest.approx(culture.same_name(second, first), abs=0.35)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("L'ATALANTE", "Cinéma L’Atalante", True),
        ("Médiathèque Emile Zola", "Bibliothèque municipale Émile-Zola", True),
        ("Le Rex", "Le Royal", False),
        ("Musée du verre François Décorchemont", "Musée archéologique", False),
    ],
)
def test_likeness_of_real_names(first: str, second: str, same: bool) -> None:
    assert (culture.same_name(first, second) >= culture.SAME_NAME) == same


def places(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.assign(
        **{name: frame.get(name, pd.Series(np.nan, index=frame.index)) for name in ("x", "y")}
    )


def test_merging_counts_a_place_once() -> None:
    first = places(
        code=["1", "1", "1", "2"],
        kind=["Cinéma", "Cinéma", "Musée", "Cinéma"],
        name=["Le Rex", "Le Royal", "Musée", "Eden"],
        x=[0.0, 5000.0, np.nan, 0.0],
        y=[0.0, 0.0, np.nan, 0.0],
    ).assign(sources="a")
    second = places(
        code=["1", "1", "1", "2", "3"],
        kind=["Cinéma", "Cinéma", "Musée", "Musée", "Cinéma"],
        name=["ROYAL", "Neuf", "Tout autre nom", "Eden", "Vox"],
        x=[np.nan, 100.0, 7.0, 0.0, 0.0],
        y=[np.nan, 0.0, 8.0, 0.0, 0.0],
        screens=[2, 1, pd.NA, pd.NA, 3],
    )
    merged = culture.merge_places(first, second, source="b")
    assert merged["sources"].tolist() == ["a+b", "a+b", "a+b", "a", "b", "b"]
    assert merged["screens"].tolist()[:2] == [1, 2]  # near the Rex; same name as the Royal
    assert merged.loc[2, ["x", "y"]].tolist() == [7, 8]  # the only museum: its point is taken
    assert merged["name"].tolist()[4:] == ["Eden", "Vox"]


@given(st.lists(st.sampled_from(["Le Rex", "Royal", "Eden", "Vox"]), max_size=5))
def test_merging_a_source_with_itself_adds_nothing(names: list[str]) -> None:
    one = places(code=["1"] * len(names), kind=["Cinéma"] * len(names), name=names)
    merged = culture.merge_places(one.assign(sources="a"), one, source="b")
    assert merged["sources"].tolist() == ["a+b"] * len(names)


def test_a_point_shared_by_three_places_is_not_an_address() -> None:
    frame = places(code=["1"] * 5, x=[0, 0, 0, 9, np.nan], y=[0, 0, 0, 9, np.nan])
    assert culture.is_precise(frame).tolist() == [False, False, False, True, False]


def test_shares_of_an_epci_sum_to_one_hundred() -> None:
    epci = pd.DataFrame({"epci": ["A", "A", "B"], "code": ["1", "2", "3"]})
    counts = pd.DataFrame({"code": ["1", "2", "9"], "value": [1.0, 3.0, 5.0]})
    share = culture.share_of_epci(counts, epci).set_index("code")["value"]
    assert share.to_dict() == {"1": 25, "2": 75}  # B has none: no share


def test_concentration_of_a_departement() -> None:
    where = pd.DataFrame({"code": list("abcdef"), "departement": ["1"] * 4 + ["2"] * 2})
    counts = pd.DataFrame({"code": ["a", "b"], "value": [6.0, 2.0]})
    found = culture.concentration(counts, where).set_index("departement")
    assert found.loc["1", ["total", "share_with", "half_share"]].tolist() == [8, 50, 25]
    assert np.isnan(found.loc["2", "half_share"])


def test_distances_do_not_mix_territories() -> None:
    origins = pd.DataFrame({"epsg": [1, 1, 2], "x": [0.0, np.nan, 0.0], "y": [0.0, 0.0, 0.0]})
    targets = pd.DataFrame({"epsg": [1, 1], "x": [3000.0, 9000.0], "y": [4000.0, 0.0]})
    found = culture.nearest_km(origins, targets)["value"]
    assert found[0] == 5
    assert found[1:].isna().all()


def test_inhabitants_within_reach_never_decrease_with_distance() -> None:
    generator = np.random.default_rng(3)
    squares = pd.DataFrame({
        "x": generator.uniform(0, 40e3, 500), "y": generator.uniform(0, 40e3, 500), "total": 10,
    })  # fmt: skip
    town = pd.DataFrame({"code": ["1"], "x": [20e3], "y": [20e3]})
    target = pd.DataFrame({"x": [0.0], "y": [20e3]})
    found = culture.within_reach(town, squares, target, radius_m=15e3).iloc[0]
    assert found["within_5"] <= found["within_10"] <= found["within_20"] <= found["inhabitants"]
    assert 0 < found["within_10"] < found["inhabitants"]


def test_a_cinema_closed_for_works_neither_opens_nor_closes() -> None:
    cinemas = pd.DataFrame({
        "cnc_id": ["1", "1", "2", "2", "3"],
        "year": [2003, 2005, 2003, 2004, 2004],
        "code": "00001", "screens": 1, "seats": 100.0, "art_et_essai": True,
    })  # fmt: skip
    found = culture.cinema_history(cinemas, {"g": {"00001"}}).set_index("year")
    assert found["cinemas"].tolist() == [2, 2, 1]
    assert found["openings"].tolist() == [0, 1, 0]
    assert found["closures"].tolist() == [0, 0, 2]


def test_inhabited_centre_is_the_mean_of_the_inhabitants() -> None:
    squares = pd.DataFrame({
        "codes": ["00001", "0000100002", "00003"], "x": [0, 1000, 0], "y": [0, 0, 0],
        "persons": [1.0, 3.0, 0.0],
    })  # fmt: skip
    found = territory.inhabited_centres(squares).set_index("code")
    assert found.loc["00001"].tolist() == [850, 100]
    assert "00003" not in found.index


def test_distance_to_the_centre_of_the_area() -> None:
    communes = pd.DataFrame({
        "code": list("abcd"), "population": [10.0, 99.0, 5.0, 1.0],
        "aav": ["001", "001", "001", "000"], "aav_category": ["11", "11", "20", "30"],
        "epsg": 2154, "x": [0.0, 3000.0, 0.0, 0.0], "y": [0.0, 0.0, 4000.0, 1000.0],
    })  # fmt: skip
    found = territory.distance_to_centre(communes).set_index("code")["value"]
    assert found.round(3).to_dict() == {"a": 3, "b": 0, "c": 5, "d": 3.162}


def test_local_weight_counts_the_commune_itself() -> None:
    communes = pd.DataFrame({
        "code": list("abc"), "population": [30.0, 10.0, 60.0], "epsg": 2154,
        "x": [0.0, 9000.0, 18_500.0], "y": 0.0,
    })  # fmt: skip
    found = territory.local_weight(communes).set_index("code")["value"]
    assert found.to_dict() == {"a": 75, "b": 10, "c": pytest.approx(60 / 70 * 100)}


def test_the_places_of_the_programme_keep_every_place_of_basilic() -> None:
    found = tables.load_places()
    towns = tables.load_towns(pvd=True)
    ids = ["lieux_vivants", "lieux_patrimoine"]
    counts = tables.load_indicators(ids, codes=towns["code"])
    from_basilic = found[found["sources"].str.startswith("basilic")]
    by_group = from_basilic["group"].value_counts()
    totals = counts.groupby("indicator")["value"].sum()
    assert by_group["vivant"] == totals["lieux_vivants"]
    assert by_group["patrimoine"] == totals["lieux_patrimoine"]
