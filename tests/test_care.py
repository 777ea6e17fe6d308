"""Care without a network: straight distances by inhabitant, and what a detour is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import care


def points(**columns: list[float]) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    return pd.DataFrame({"code": ["01306"] * size, **columns})


def test_the_median_is_that_of_the_inhabitants_not_of_the_squares() -> None:
    frame = points(persons=[100.0, 1.0, 1.0], doctor=[400.0, 3000.0, 9000.0])
    (line,) = care.distances_by_commune(frame, ["doctor"]).to_dict("records")
    assert line["median_km"] == pytest.approx(0.4)
    assert line["within_1.0"] == pytest.approx(100 * 100 / 102)
    assert line["within_5.0"] == pytest.approx(100 * 101 / 102)
    assert line["within_10.0"] == pytest.approx(100)


def test_each_age_has_its_own_line_and_an_empty_one_has_none() -> None:
    frame = points(persons=[10.0, 10.0], doctor=[100.0, 2500.0], vieux=[0.0, 4.0], aucun=[0.0, 0.0])
    found = care.distances_by_commune(frame, ["doctor"], ["vieux", "aucun"]).set_index("age")
    assert set(found.index) == {"tous", "vieux"}
    assert found.loc["vieux", "median_km"] == pytest.approx(2.5)
    assert found.loc["vieux", "within_2.0"] == 0


def test_a_neighbour_across_the_border_counts() -> None:
    inhabitants = pd.DataFrame({"x": [0.0, 1000.0], "y": [0.0, 0.0]})
    places = {"doctor": pd.DataFrame({"x": [-300.0, 5000.0], "y": [400.0, 0.0]})}
    found = care.add_straight_metres(inhabitants, places)
    assert found["doctor"].tolist() == pytest.approx([500, np.hypot(1300, 400)])


def test_ages_keep_everybody() -> None:
    groups = [group for names in care.AGES.values() for group in names]
    squares = pd.DataFrame([np.arange(len(groups), dtype=float)], columns=groups)
    assert care.age_counts(squares).to_numpy().sum() == pytest.approx(squares.to_numpy().sum())


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.1, 50)), min_size=1, max_size=30),
    st.floats(0.01, 1),
)
def test_a_weighted_quantile_is_reached_and_not_before(
    lines: list[tuple[float, float]], share: float
) -> None:
    values, weight = np.array(lines).T
    (found,) = care.weighted_quantiles(values, weight, [share])
    total = weight.sum()
    assert weight[values <= found].sum() >= share * total * (1 - 1e-9)
    assert weight[values < found].sum() < share * total


def test_nobody_has_no_quantile() -> None:
    assert np.isnan(care.weighted_quantiles(np.array([1.0]), np.array([0.0]), [0.5])).all()


def test_the_error_of_a_factor_is_measured_on_another_network() -> None:
    ways = pd.DataFrame(
        {
            "zone": ["plaine", "plaine", "pente", "pente"],
            "straight_m": [1000.0, 400.0, 1000.0, 10.0],
            "way_m": [1200.0, 480.0, 2000.0, 900.0],
            "weight": 1.0,
        }
    )
    found = care.detours(ways, pace_m_min=100).set_index(["zone", "band"])
    assert found.loc[("plaine", "toutes"), "median"] == pytest.approx(1.2)
    assert found.loc[("plaine", "500-1000"), "ways"] == 1
    # The door at 10 m tells nothing of the streets.
    assert found.loc[("pente", "toutes"), "ways"] == 1
    # 1.2 learnt in the plain, 8 minutes short on the slope.
    assert found.loc[("pente", "toutes"), "factor"] == pytest.approx(1.2)
    assert found.loc[("pente", "toutes"), "bias_min"] == pytest.approx(-8)
    assert found.loc[("plaine", "toutes"), "error_min"] == pytest.approx((8 + 3.2) / 2)
