"""The embedded tables of real streets agree with what the extracts give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from utils import sources, tables
from utils.build import streets
from utils.build.workshop import Workshop
from utils.catalogue import load_sources


@pytest.fixture(scope="module")
def shop(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    cache = tmp_path_factory.mktemp("cache")
    return Workshop(lambda name: sources.fetch(name, mirror=str(mirror), offline=True, cache=cache))


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("build", "load"),
    [
        (streets.build_cells, tables.load_street_cells),
        (streets.build_curves, tables.load_street_shares),
        (streets.build_places, tables.load_street_places),
    ],
)
def test_with_the_extracts_the_tables_are_found_again(
    shop: Workshop,
    build: Callable[[Workshop], pd.DataFrame],
    load: Callable[[], pd.DataFrame],
) -> None:
    again, kept = build(shop).reset_index(drop=True), load().reset_index(drop=True)
    assert list(again.columns) == list(kept.columns)
    pd.testing.assert_frame_equal(again, kept, check_dtype=False, atol=0.11, rtol=0)


def test_tables_of_streets_come_from_openstreetmap_and_say_so() -> None:
    entries = tables.load_manifest()["tables"]
    drawn = {name: entry for name, entry in entries.items() if name.startswith("osm_")}
    assert set(streets.BUILDERS) <= set(drawn)
    for entry in drawn.values():
        licences = {load_sources()[source["id"]].licence for source in entry["sources"]}
        assert "ODbL-1.0" in licences


def test_no_cell_is_smaller_than_a_hundred_metres() -> None:
    cells = tables.load_street_cells()
    assert ((cells["x"] % 100 == 50) & (cells["y"] % 100 == 50)).all()
    assert not cells.duplicated(["code", "x", "y"]).any()


def test_who_is_in_the_cells_is_who_is_in_the_squares() -> None:
    people = tables.load_street_cells().groupby("code")["persons"].sum()
    squares = tables.load_indicators("carreaux_personnes", codes=list(people.index))
    expected = squares.set_index("code")["value"]
    for code, persons in people.items():
        assert persons == pytest.approx(expected[str(code)], abs=5)
