"""Shops of a town: counts, families, diversity, basket (small synthetic frames)."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import commerce, tables


@pytest.fixture(scope="module")
def types() -> pd.DataFrame:
    return tables.load_bpe_types()


def synthetic_bpe(rows: list[tuple[str, int, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["code", "year", "typequ", "count"])


def test_codes_renumbered_in_2023_are_followed(types: pd.DataFrame) -> None:
    bpe = synthetic_bpe([("00001", 2018, "B203", 3), ("00001", 2024, "B207", 4)])
    for year, expected in ((2018, 3), (2024, 4)):
        counts = commerce.count_types(bpe, types, year=year)
        assert counts.to_dict("records") == [
            {"code": "00001", "type": "boulangerie", "count": expected}
        ]


def test_sum_written_in_one_line_equals_its_parts(types: pd.DataFrame) -> None:
    joined = synthetic_bpe([("00001", 2024, "B104+B105", 5)])
    apart = synthetic_bpe([("00001", 2024, "B104", 2), ("00001", 2024, "B105", 3)])
    expected = commerce.count_types(joined, types, year=2024)
    pd.testing.assert_frame_equal(commerce.count_types(apart, types, year=2024), expected)
    assert expected["count"].tolist() == [5]


def test_type_absent_from_the_whole_file_is_not_available(types: pd.DataFrame) -> None:
    bpe = synthetic_bpe([("00001", 2024, "B104", 1)])
    assert commerce.available_types(bpe, types, year=2024) == []
    assert commerce.count_types(bpe, types, year=2024).empty


def test_type_is_not_followed_before_its_first_year(types: pd.DataFrame) -> None:
    bpe = synthetic_bpe([("00001", 2009, "B313", 1)])
    assert commerce.available_types(bpe, types, year=2009) == []


def test_families_partition_the_shops(types: pd.DataFrame) -> None:
    kept = types[types["famille"].isin(commerce.FAMILIES)]
    counts = pd.DataFrame({"code": "00001", "type": kept["type"], "count": 1.0})
    total = commerce.sum_families(counts, types, list(commerce.FAMILIES))["value"].item()
    parts = sum(
        commerce.sum_families(counts, types, [f])["value"].item() for f in commerce.FAMILIES
    )
    assert total == parts == len(kept) == commerce.richness(counts, types)["value"].item()


@given(st.lists(st.integers(1, 500), min_size=1, max_size=37))
def test_shannon_lies_between_zero_and_the_logarithm_of_the_number_of_types(
    numbers: list[int],
) -> None:
    types = tables.load_bpe_types()
    kept = types.loc[types["famille"].isin(commerce.FAMILIES), "type"].head(len(numbers))
    counts = pd.DataFrame({"code": "00001", "type": kept, "count": numbers}).astype(
        {"count": "float64"}
    )
    value = commerce.shannon(counts, types)["value"].item()
    assert -1e-12 <= value <= math.log(len(numbers)) + 1e-9
    if len(set(numbers)) == 1:
        assert value == pytest.approx(math.log(len(numbers)), abs=1e-9)


def test_basket_counts_a_need_once_whatever_meets_it() -> None:
    counts = pd.DataFrame({
        "code": "00001", "type": ["epicerie", "superette", "boulangerie"], "count": [1.0, 2.0, 1.0],
    })  # fmt: skip
    met = commerce.basket(counts).loc["00001"]
    assert met[met].index.tolist() == ["boulangerie", "alimentation générale"]
    assert len(met) == 12


def test_every_type_of_the_basket_and_of_the_catalogue_is_in_the_correspondence(
    types: pd.DataFrame,
) -> None:
    named = {kind for kinds in commerce.BASKET.values() for kind in kinds}
    assert named <= set(types["type"])
    assert types["type"].is_unique
    assert set(types["comparable_2024"]) <= {"oui", "prudence", "non", "non vérifié"}
    assert (types["raison"].str.len() > 10).all()


def test_comparable_since(types: pd.DataFrame) -> None:
    since = commerce.comparable_since(types, 2009)
    assert "boulangerie" in since
    assert "optique" not in since
    assert set(commerce.comparable_since(types, 2009, with_2024=True)) < set(since)
    assert "banque" not in commerce.comparable_since(types, 2009, with_2024=True)


def test_the_core_is_the_busiest_point() -> None:
    shops = pd.DataFrame({
        "code": ["a"] * 5 + ["b"], "x": [0.0, 100, 200, 5000, None, 0.0],
        "y": [0.0, 0, 0, 0, None, 0.0],
    })  # fmt: skip
    found = commerce.share_in_core(shops).set_index("code")
    assert found.loc["a", ["shops", "inside", "value"]].tolist() == [4, 3, 75]
    assert found.loc["b", "value"] == 100


def test_a_heap_at_the_middle_of_the_commune_is_not_a_place() -> None:
    shops = pd.DataFrame({
        "code": ["a"] * 8, "x": [0.0] * 3 + [900.0] * 3 + [10.0, None], "y": [0.0] * 7 + [None],
    })  # fmt: skip
    middle = pd.DataFrame({"code": ["a"], "x": [20.0], "y": [0.0]})
    kept = commerce.without_default_points(shops, middle)["x"]
    assert kept.isna().tolist() == [True] * 3 + [False] * 4 + [True]
    elsewhere = commerce.without_default_points(shops, middle.assign(code="b"))["x"]
    assert elsewhere.notna().sum() == 7


def test_squares_show_three_shops_or_more_and_count_the_others() -> None:
    shops = pd.DataFrame({
        "code": ["a"] * 5 + ["b"], "epsg": 2154, "x": [1.0, 199, 50, 250, None, 1], "y": 10.0,
    })  # fmt: skip
    found = commerce.count_squares(shops, side_m=200, fewest=3)
    assert found.to_dict("records") == [
        {"code": "a", "epsg": 2154, "x": 100, "y": 100, "value": 3, "located": 4}
    ]


def test_near_looks_at_the_anchors_of_the_same_commune() -> None:
    points = pd.DataFrame({"code": ["a", "a", "b"], "x": [0.0, 500, 0], "y": 0.0})
    anchors = pd.DataFrame({"code": ["a"], "x": [300.0], "y": [0.0]})
    assert commerce.near_any(points, anchors).tolist() == [True, True, False]
    assert commerce.near_any(points, anchors, radius_m=250).tolist() == [False, True, False]


def test_the_squares_and_the_shops_of_openstreetmap_tell_no_trader() -> None:
    squares, shops = tables.load_shop_squares(), tables.load_osm_shops()
    assert squares["value"].min() >= 3
    assert (
        squares.groupby("code")["value"].sum() <= squares.groupby("code")["located"].first()
    ).all()
    assert list(shops.columns) == ["code", "famille", "classe", "lon", "lat", "near", "source"]
    assert set(shops["famille"]) <= set(commerce.FAMILIES)
    assert "01306" in set(shops["code"])


def test_every_tag_of_openstreetmap_has_a_family() -> None:
    tags = tables.load_osm_types()
    assert tags["osm"].is_unique
    assert set(tags["famille"]) <= set(commerce.FAMILIES)
