"""Comparable towns: the distance, what explains it, how stable it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import peers, tables
from utils.errors import TableError

NUMERIC = [v.id for v in peers.VARIABLES if v.id != peers.ROLE]


def synthetic(n: int = 60, seed: int = 1) -> pd.DataFrame:
    """Synthetic towns, five of them overseas."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {name: generator.lognormal(2, 0.5, n) for name in NUMERIC},
        index=pd.Index([f"97{i:03d}" if i < 5 else f"{i:05d}" for i in range(n)], name="code"),
    )
    frame[peers.ROLE] = generator.choice(["11", "12", "20", "30"], n)
    return frame


@pytest.fixture(scope="module")
def structure() -> pd.DataFrame:
    return tables.load_structure()


def test_the_distance_is_the_weighted_mean_of_the_squared_gaps() -> None:
    space = peers.build_space(synthetic())
    away = peers.distances(space, space.rows(["00010"]))
    i, j = space.rows(["00010", "00020"])
    gap = space.values[i] - space.values[j]
    expected = np.sqrt((space.weights * gap**2).sum() / space.weights.sum())
    assert away[j] == pytest.approx(expected, rel=1e-4)
    assert np.isinf(away[i])


def test_a_different_role_counts_one_standard_deviation() -> None:
    frame = synthetic()
    frame.loc["00011"] = frame.loc["00010"]
    frame.loc[["00010", "00011"], peers.ROLE] = ["11", "20"]
    space = peers.build_space(frame)
    away = peers.distances(space, space.rows(["00010"]), space.rows(["00011"])).item()
    weight = next(v.weight for v in peers.VARIABLES if v.id == peers.ROLE)
    assert away == pytest.approx(np.sqrt(weight / space.weights.sum() * 1.0), rel=1e-3)
    found = peers.contributions(space, "00010", ["00011"])
    role = found.set_index("variable").loc[peers.ROLE]
    assert (role["gap"], role["share"]) == (1, pytest.approx(1))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.3))
def test_distances_are_symmetric_whatever_is_missing(seed: int, missing: float) -> None:
    frame = synthetic(30, seed)
    holes = np.random.default_rng(seed).random((30, len(NUMERIC))) < missing
    frame[NUMERIC] = frame[NUMERIC].mask(holes)
    space = peers.build_space(frame)
    away = np.array([peers.distances(space, np.array([row])) for row in range(30)])
    both = np.isfinite(away) & np.isfinite(away.T)
    assert (away[both] >= 0).all()
    np.testing.assert_allclose(away[both], away.T[both], rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000), st.floats(0, 0.3), st.integers(1, 25), st.sampled_from([40, 90, 700])
)
def test_the_fast_search_finds_what_a_plain_one_finds(
    seed: int, missing: float, k: int, n: int
) -> None:
    frame = synthetic(n, seed)
    generator = np.random.default_rng(seed)
    holed = generator.random((n, 1)) < 0.3
    frame[NUMERIC] = frame[NUMERIC].mask(holed & (generator.random((n, len(NUMERIC))) < missing))
    frame.iloc[7] = frame.iloc[8]  # twins: ties are ranked by code
    space = peers.build_space(frame)
    candidates = generator.random(n) < 0.8
    asked = list(frame.index[:20])[::-1]
    found = peers.neighbours(space, asked, k=k, candidates=candidates)
    lines = []
    for code in asked:
        away = pd.Series(peers.distances(space, space.rows([code])), index=frame.index)
        away = away[candidates & np.isfinite(away)].sort_values(kind="stable")[:k]
        lines += [(code, rank + 1, *one) for rank, one in enumerate(away.items())]
    plain = pd.DataFrame(lines, columns=["code", "rank", "peer", "distance"])
    assert found["code"].tolist() == plain["code"].tolist()
    assert found["peer"].tolist() == plain["peer"].tolist()
    assert found["rank"].tolist() == plain["rank"].tolist()
    np.testing.assert_allclose(found["distance"], plain["distance"], rtol=1e-9)


def test_overseas_towns_are_compared_among_themselves() -> None:
    found = peers.neighbours(peers.build_space(synthetic()), k=20)
    assert (found["code"].str.startswith("97") == found["peer"].str.startswith("97")).all()
    assert found.groupby("code").size()["97001"] == 4
    assert found.groupby("code").size()["00010"] == 20


def test_a_town_unknown_everywhere_but_somewhere_keeps_neighbours() -> None:
    frame = synthetic()
    frame.loc["00010", NUMERIC[3:]] = np.nan
    found = peers.neighbours(peers.build_space(frame), ["00010"])
    assert len(found) == peers.K


def test_a_candidate_that_shares_too_little_is_left_out() -> None:
    frame = synthetic()
    frame.loc["00010", NUMERIC[2:]] = np.nan
    found = peers.neighbours(peers.build_space(frame), ["00020"], k=58)
    assert "00010" not in set(found["peer"])


def test_contributions_sum_to_one_and_skip_the_unknown() -> None:
    frame = synthetic()
    frame.loc["00010", "revenu_median"] = np.nan
    found = peers.contributions(peers.build_space(frame), "00010", ["00020", "00030"])
    assert found.groupby("peer")["share"].sum().tolist() == pytest.approx([1, 1])
    assert "revenu_median" not in set(found["variable"])
    assert len(found) == 2 * (len(peers.VARIABLES) - 1)


def test_a_constant_variable_says_nothing() -> None:
    frame = synthetic()
    frame["taille_aav"] = 3.0
    assert (peers.build_space(frame).values[:, 5] == 0).any()


def test_a_town_out_of_the_book_is_an_error() -> None:
    with pytest.raises(TableError, match="hors du champ"):
        peers.build_space(synthetic()).rows(["75056"])


def test_every_town_has_twenty_comparables(structure: pd.DataFrame) -> None:
    found = peers.neighbours(peers.build_space(structure))
    sizes = found.groupby("code").size()
    assert set(sizes.index) == set(structure.index)
    assert (sizes == peers.K).all()
    assert (found["code"] != found["peer"]).all()
    assert not found.duplicated(["code", "peer"]).any()
    assert found.groupby("code")["distance"].is_monotonic_increasing.all()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("46127", {"46128", "15120", "43112"}),  # Gourdon: Gramat, Mauriac, Langeac
        ("30133", {"83019", "66016", "85234"}),  # Le Grau-du-Roi: seaside resorts
        ("54397", {"54215", "57474"}),  # Neuves-Maisons: Frouard, Mondelange
    ],
)
def test_golden_comparables_are_alike(
    code: str, expected: set[str], structure: pd.DataFrame
) -> None:
    found = peers.neighbours(peers.build_space(structure), [code])
    assert expected <= set(found["peer"])


def test_isolation_ranks_the_towns(structure: pd.DataFrame) -> None:
    codes = ["46127", "2B096", "30133", "54397"]
    rank = peers.isolation(peers.neighbours(peers.build_space(structure), codes))
    assert rank.idxmax() == "2B096"
    assert (rank.min(), rank.max()) == (0, 100)


def test_stability_of_a_town(structure: pd.DataFrame) -> None:
    frame = peers.stability(structure, "46127", draws=10)
    assert frame["kept"].between(0, 100).all()
    assert set(frame.loc[frame["trial"] == "sans", "variable"]) == {v.id for v in peers.VARIABLES}
    again = peers.stability(structure, "46127", draws=10)
    pd.testing.assert_frame_equal(frame, again)


def test_validity_beats_what_it_should_on_a_planted_outcome() -> None:
    frame = synthetic(200)
    outcome = pd.DataFrame({"y": 3 * np.log(frame["population"])})
    space = peers.build_space(frame)
    found = peers.neighbours(space, list(frame.index[5:105]), k=5)
    groups = {"département": pd.Series(["a", "b"] * 100, index=frame.index)}
    errors = peers.validity(outcome, found, groups).set_index("reference")["rmse"]
    assert errors["comparables"] < errors["département"]


def test_a_reference_never_sees_the_town_that_it_predicts() -> None:
    outcome = pd.DataFrame({"y": [0.0, 10.0, 20.0]}, index=["a", "b", "c"])
    found = pd.DataFrame({"code": ["a", "b", "c"], "peer": ["b", "c", "b"], "distance": 1.0})
    groups = {"ensemble": pd.Series("x", index=outcome.index)}
    errors = peers.validity(outcome, found, groups).set_index("reference")["rmse"]
    assert errors["ensemble"] == pytest.approx(np.sqrt((15**2 + 0 + 15**2) / 3))
    assert errors["comparables"] == pytest.approx(10)
