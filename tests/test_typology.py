"""The typology: planted classes are found again, names come from what stands out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import peers, tables, typology
from utils.stories import typology as story


def planted(seed: int = 1, each: int = 30) -> np.ndarray:
    """Synthetic points in three clear clouds."""
    generator = np.random.default_rng(seed)
    return np.vstack([generator.normal(10 * rank, 1, (each + rank, 4)) for rank in range(3)])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_planted_classes_are_found_and_every_town_is_in_its_nearest(seed: int) -> None:
    points = planted(seed)
    found = typology.build_typology(points, pd.Index(range(len(points))), 3)
    assert np.bincount(found.labels).tolist() == [32, 31, 30]  # the most numerous first
    again, margin = typology.nearest_class(points, found.centres)
    assert (again == found.labels).all()
    assert (margin >= 1).all()
    assert found.silhouette.min() > 0.5


def test_the_right_number_is_the_most_stable() -> None:
    frame = typology.judge_numbers(planted(), numbers=(2, 3, 4), draws=6).set_index("number")
    assert frame.loc[3, "stability"] == pytest.approx(1)
    assert frame["silhouette"].idxmax() == 3
    assert frame.loc[4, "stability"] < 1
    assert (frame["gap"] > 0).all()


def test_names_tell_what_stands_out_and_differ() -> None:
    lines = [
        (0, "population", 2.0), (0, "revenu_median", -1.0), (0, "latitude", 0.1),
        (1, "part_75_plus", 2.0), (1, "population", -1.5), (1, "latitude", -0.2),
    ]  # fmt: skip
    named = typology.name_classes(pd.DataFrame(lines, columns=["label", "variable", "gap"]))
    assert named == {
        0: "Villes plus peuplées et modestes",
        1: "Villes âgées et moins peuplées",
    }


def test_two_classes_never_have_the_same_name() -> None:
    lines = [
        (0, "population", 2.0), (0, "latitude", 1.0), (0, "longitude", 0.5),
        (1, "population", 2.5), (1, "latitude", 1.5), (1, "longitude", -0.5),
    ]  # fmt: skip
    named = typology.name_classes(pd.DataFrame(lines, columns=["label", "variable", "gap"]))
    assert named[0] == "Villes plus peuplées, du nord et de l’est"
    assert named[1] == "Villes plus peuplées, du nord et de l’ouest"


def test_every_variable_but_the_role_can_name_a_class() -> None:
    assert set(typology.TRAITS) == {v.id for v in peers.VARIABLES} - {peers.ROLE}


def test_the_number_of_classes_is_the_most_that_stay_stable() -> None:
    stable = story.numbers_table().set_index("Classes")["Stabilité"] >= story.STABLE
    assert stable.loc[: story.CLASSES].all()
    assert not stable[story.CLASSES + 1]


def test_every_town_has_one_class() -> None:
    table = story.classes_table()
    assert table["Villes"].sum() == 1646
    assert len(table) == story.CLASSES + 1
    every = story.class_of(pd.Index(tables.load_towns()["code"]))
    assert every.notna().all()
    assert set(every) == set(table["Classe"])


@pytest.mark.parametrize("code", ["46127", "97128", "2B096", "01306", "30133"])
def test_the_class_of_a_town_is_said(code: str) -> None:
    town = tables.load_town(code)
    text = story.town_sentence(town)
    assert text.endswith(".")
    assert story.cluster_of(town).lower() in text.lower()
    assert (story.cluster_of(town) == story.OVERSEAS) == code.startswith("97")
    drawn = story.map_of_classes(town).drawn
    assert len(drawn) == 1646


def test_seaside_resorts_are_together() -> None:
    assert len({story.cluster_of(tables.load_town(code)) for code in ("30133", "66016")}) == 1
    assert "%" in story.fragility()
