"""The embedded tables of real streets agree with what the extracts give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from utils import network, sources, tables
from utils.build import one_town, streets
from utils.build.workshop import Workshop
from utils.catalogue import load_sources


@pytest.fixture(scope="module")
def shop(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    cache = tmp_path_factory.mktemp("cache")
    return Workshop(lambda name: sources.fetch(name, mirror=str(mirror), offline=True, cache=cache))


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("build", "load", "precision"),
    [
        (streets.build_cells, tables.load_street_cells, 0.1),
        (streets.build_curves, tables.load_street_shares, 0.001),
        (streets.build_places, tables.load_street_places, 1e-5),
        (streets.build_ranks, tables.load_street_ranks, 0.01),
        (streets.build_sensitivity, tables.load_street_sensitivity, 0.001),
        (streets.build_detours, tables.load_detours, 0.001),
    ],
)
def test_with_the_extracts_the_tables_are_found_again(
    shop: Workshop,
    build: Callable[[Workshop], pd.DataFrame],
    load: Callable[[], pd.DataFrame],
    precision: float,
) -> None:
    again, kept = build(shop).reset_index(drop=True), load().reset_index(drop=True)
    assert list(again.columns) == list(kept.columns)
    pd.testing.assert_frame_equal(again, kept, check_dtype=False, atol=1.1 * precision, rtol=0)


@pytest.mark.mirror
def test_with_the_extracts_the_drawings_are_found_again(shop: Workshop) -> None:
    again, kept = (
        frame.reset_index(drop=True).to_crs(2154)
        for frame in (streets.build_drawings(shop), tables.load_street_shapes())
    )
    columns = ["code", "layer", "mode", "kind", "minutes"]
    pd.testing.assert_frame_equal(again[columns], kept[columns], check_dtype=False)
    apart = again.geometry.symmetric_difference(kept.geometry)
    assert apart.area.max() <= 1
    assert apart.length[again["layer"] == "rues"].max() <= 1


@pytest.mark.mirror
@pytest.mark.parametrize("code", streets.EXTRACTS)
def test_the_command_gives_the_shares_of_the_book(code: str, mirror: Path, tmp_path: Path) -> None:
    def from_mirror(name: str, *, offline: bool = True) -> Path:
        return sources.fetch(name, mirror=str(mirror), offline=offline, cache=tmp_path)

    found = one_town.measure(tables.load_town(code), osm=None, fetch=from_mirror).result.shares
    kept = tables.load_street_shares().query("code == @code and age == 'tous'")
    speed = kept["mode"].map({mode: band[1] for mode, band in network.SPEED_BAND_KMH.items()})
    keys = ["mode", "kind", "minutes"]
    both = found.merge(kept[(kept["kmh"] - speed).abs() < 0.01], on=keys, suffixes=("", "_book"))
    assert len(both) == len(found)
    for name in ("share", "share_max"):
        np.testing.assert_allclose(both[f"{name}_book"], both[name], atol=0.001, rtol=0)


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
