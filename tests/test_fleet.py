"""All towns at once: the same results however they are computed, stopped or resumed."""

from __future__ import annotations

import csv
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from filelock import FileLock
from small_osm import EPSG, ORIGIN, write_osm

from utils import access, fleet, network, sources, tables
from utils.build import one_town
from utils.errors import FleetError
from utils.network import project
from utils.readers.osm import read_osm

#: Six PVD far from each other; nobody is known to live in the last one.
CODES = ("12208", "19275", "24520", "46127", "47252", "82112")
NOBODY = "82112"
STEP, HALF = 200.0, 6  # a grid of streets of 2,4 km around each


def middle(code: str) -> tuple[float, float]:
    """Return where a town is, metres of EPSG:2154."""
    line = tables.load_town(code)
    x, y = project([line["lon"]], [line["lat"]], EPSG)[0]
    return float(x), float(y)


def draw(path: Path, codes: tuple[str, ...]) -> Path:
    """Draw a grid of streets around each town, a pharmacy and a doctor in it."""
    nodes, ways, tags = {}, {}, {}
    side = 2 * HALF + 1
    for code in codes:
        base = int(code) * 1000
        x, y = middle(code)
        for i in range(side):
            for j in range(side):
                at = x + STEP * (i - HALF) - ORIGIN[0], y + STEP * (j - HALF) - ORIGIN[1]
                nodes[base + side * i + j] = at
        for i in range(side):
            ways[base + i] = ([base + side * i + j for j in range(side)], {"highway": "track"})
            ways[base + side + i] = (
                [base + side * j + i for j in range(side)],
                {"highway": "residential"},
            )
        tags[base + side * HALF + HALF] = {"amenity": "pharmacy"}
        tags[base] = {"amenity": "doctors"}
    return write_osm(path, nodes, ways, node_tags=tags)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> fleet.Bases:
    """Synthetic squares: 5 by 5 around the middle of each town but one."""
    rows = []
    for code in CODES:
        line = tables.load_town(code)
        corner = project([line["lon"]], [line["lat"]], 3035)[0] // 200 * 200
        rows += [
            {
                "idcar_200m": f"CRS3035RES200mN{corner[1] + 200 * j:.0f}E{corner[0] + 200 * i:.0f}",
                "lcog_geo": code if code != NOBODY else "99999",
                "i_est_200": int(i == j),
                "ind": 10.0 + i,
            }
            for i in range(-2, 3)
            for j in range(-2, 3)
        ]
    path = tmp_path_factory.mktemp("bases") / "carreaux.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return fleet.Bases(path)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("region") / "region.osm", CODES)


@pytest.fixture(scope="module")
def alone(
    region: Path, bases: fleet.Bases, tmp_path_factory: pytest.TempPathFactory
) -> fleet.FleetReport:
    """Compute all in this process: what other ways must find too."""
    return fleet.run([region], bases, tmp_path_factory.mktemp("seul"))


def lines(report: fleet.FleetReport) -> dict[str, dict[str, str]]:
    with report.results.open(encoding="utf-8") as stream:
        return {line["code"]: line for line in csv.DictReader(stream)}


def test_one_line_a_town_and_a_failure_is_named(alone: fleet.FleetReport) -> None:
    found = lines(alone)
    assert list(found) == list(CODES)
    assert alone.done == [code for code in CODES if code != NOBODY]
    assert list(alone.failed) == [NOBODY]
    assert not alone.ok
    assert "carreau" in alone.failed[NOBODY]
    assert found[NOBODY]["status"] == "failed"
    assert found[NOBODY]["reason"] == alone.failed[NOBODY]
    assert found[NOBODY]["walk_doctor_5"] == ""
    assert alone.elsewhere == len(tables.load_towns(pvd=True)) - len(CODES)
    assert "5\u00a0villes calculées, 1 en échec" in alone.sentence()
    assert "réseau de voitures" in alone.sentence()  # no street of the region is made for walking
    line = found["46127"]
    assert line["name"] == "Gourdon"
    assert line["together"] == "doctor pharmacy"
    assert (line["n_doctor"], line["source_doctor"]) == ("1", "osm")
    assert (line["n_nurse"], line["source_nurse"], line["walk_nurse_20"]) == ("", "", "")
    assert float(line["persons"]) == pytest.approx(250)
    shares = [float(line[f"walk_pharmacy_{limit}"]) for limit in (5, 10, 15)]
    assert 0 < shares[0] < shares[1] < shares[2] == 100
    assert 0 < float(line["imputed_share"]) < 100
    # One to four tiles have streets, of about sixteen: the rest is land without any.
    assert 5 < float(line["covered_share"]) < 50


def test_a_line_is_that_of_the_whole_extract(
    alone: fleet.FleetReport, region: Path, bases: fleet.Bases
) -> None:
    """The window of the tiles gives what a town alone on the whole extract gives."""
    line = lines(alone)["46127"]
    squares = pd.read_parquet(alone.results.parent / "bases" / "squares.parquet")
    people = access.people_from_squares(squares[squares["code"] == "46127"], epsg=EPSG)
    streets = read_osm(region)
    near = (streets.nodes["id"] // 1000 == 46127).to_numpy()
    kept = near[streets.segments["a"].to_numpy()]
    only = replace(streets, segments=streets.segments[kept])
    care = access.osm_facilities(streets.places, epsg=EPSG)
    found = access.town_access(only, care, people, epsg=EPSG)
    for mode, kind, limit, share, most in found.shares.itertuples(index=False):
        assert float(line[f"{mode}_{kind}_{limit}"]) == pytest.approx(share, abs=1e-3)
        assert share <= float(line[f"{mode}_{kind}_{limit}_max"]) <= 100
        assert most >= share


@pytest.mark.mirror
def test_a_line_is_what_the_command_of_one_town_says(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real town: streets, homes, squares and care through the tiles, or directly."""
    monkeypatch.setenv("PVD_MIRROR", str(mirror))
    extract = mirror / "osm" / "01306-pont-de-veyle.osm.pbf"
    line = lines(fleet.run([extract], fleet.Bases.at_hand(), tmp_path))["01306"]
    one = one_town.measure(tables.load_town("01306"), osm=extract, fetch=sources.fetch)
    assert float(line["persons"]) == pytest.approx(one.result.persons, abs=0.1)
    assert float(line["imputed_share"]) == pytest.approx(one.imputed, abs=1e-3)
    assert float(line["in_home_share"]) > 90
    assert {k: int(line[f"n_{k}"]) for k in one.result.placed} == one.result.placed
    for mode, kind, limit, share, _ in one.result.shares.itertuples(index=False):
        assert float(line[f"{mode}_{kind}_{limit}"]) == pytest.approx(share, abs=1e-3)


def test_a_town_that_the_extracts_cut_has_no_line(
    region: Path, bases: fleet.Bases, tmp_path: Path
) -> None:
    """Half of its inhabitants live where no street of the extract is."""
    squares = pd.read_parquet(bases.squares)
    moved = squares[squares["lcog_geo"] == "46127"].copy()
    moved["idcar_200m"] = moved["idcar_200m"].str.replace(
        r"E(\d+)$", lambda found: f"E{int(found[1]) + 12_000}", regex=True
    )
    path = tmp_path / "carreaux.parquet"
    pd.concat([squares, moved]).to_parquet(path)
    report = fleet.run([region], fleet.Bases(path), tmp_path / "sortie")
    assert set(report.failed) == {"46127", NOBODY}
    assert "coupent Gourdon" in report.failed["46127"]
    assert "50" in report.failed["46127"]


def test_a_town_cut_from_the_largest_network_has_no_line(
    region: Path, bases: fleet.Bases, tmp_path: Path
) -> None:
    """An island: a longer road, on the other shore, would be the network kept."""
    x, y = middle("46127")
    far = [(x + 6_000 - ORIGIN[0], y - ORIGIN[1] + 4_000 * (-1) ** i + 9 * i) for i in range(40)]
    shore = write_osm(
        tmp_path / "rive.osm",
        {1 + i: place for i, place in enumerate(far)},
        {1: (list(range(1, 41)), {"highway": "track"})},
        node_tags={20: {"amenity": "pharmacy"}},
    )
    report = fleet.run([region, shore], bases, tmp_path / "sortie")
    assert set(report.failed) == {"46127", NOBODY}
    assert "moitié des habitants de Gourdon" in report.failed["46127"]


def test_several_processes_find_the_same(
    alone: fleet.FleetReport, region: Path, bases: fleet.Bases, tmp_path: Path
) -> None:
    report = fleet.run([region], bases, tmp_path, jobs=2)
    assert report.results.read_bytes() == alone.results.read_bytes()


def test_two_extracts_are_one_region(
    alone: fleet.FleetReport, bases: fleet.Bases, tmp_path: Path
) -> None:
    west = draw(tmp_path / "ouest.osm", CODES[:4])
    east = draw(tmp_path / "est.osm", CODES[2:])  # two towns in both
    report = fleet.run([west, east], bases, tmp_path / "deux")
    ours, theirs = lines(report), lines(alone)
    for code in CODES:
        same = {name for name in theirs[code] if not name.endswith("_max")}
        same -= {"edge_walk", "edge_bike", "covered_share"}  # each extract ends elsewhere
        assert {n: ours[code][n] for n in same} == {n: theirs[code][n] for n in same}


def test_a_run_killed_goes_on(
    alone: fleet.FleetReport, region: Path, bases: fleet.Bases, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from utils import fleet;"
        "fleet.run([Path(sys.argv[1])], fleet.Bases(Path(sys.argv[2])), Path(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(region), str(bases.squares), str(tmp_path)]
    )
    done = tmp_path / "villes"
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        if done.is_dir() and any(done.glob("[0-9]*.json")):
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in done.glob("[0-9]*.json")}
    assert before
    assert not (tmp_path / "resultats.csv").exists()
    report = fleet.run([region], bases, tmp_path)
    assert [f"{code}.json" for code in report.resumed] == sorted(before)
    assert sorted([*report.done, *report.resumed, *report.failed]) == sorted(CODES)
    after = {path.name: path.stat().st_mtime_ns for path in done.glob("[0-9]*.json")}
    assert {name: after[name] for name in before} == before
    assert report.results.read_bytes() == alone.results.read_bytes()


def test_a_failed_town_is_tried_again(
    region: Path, bases: fleet.Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fleet.town_line

    def unlucky(town: fleet.Town, plan: fleet.Plan) -> dict[str, Any]:
        if town.code == "19275":
            raise MemoryError("plus de mémoire")
        return real(town, plan)

    monkeypatch.setattr(fleet, "town_line", unlucky)
    first = fleet.run([region], bases, tmp_path)
    assert set(first.failed) == {"19275", NOBODY}
    assert first.failed["19275"] == "MemoryError : plus de mémoire"
    monkeypatch.setattr(fleet, "town_line", real)
    second = fleet.run([region], bases, tmp_path)
    assert second.done == ["19275"]
    assert len(second.resumed) == 4


def test_a_fault_of_the_code_stops_the_run(
    region: Path, bases: fleet.Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(town: fleet.Town, plan: fleet.Plan) -> dict[str, Any]:
        raise TypeError("une faute du code")

    monkeypatch.setattr(fleet, "town_line", broken)
    with pytest.raises(TypeError, match="faute du code"):
        fleet.run([region], bases, tmp_path)


def test_another_run_is_refused(region: Path, bases: fleet.Bases, tmp_path: Path) -> None:
    fleet.run([region], bases, tmp_path)
    with pytest.raises(FleetError, match="autre calcul"):
        fleet.run([region], bases, tmp_path, modes=["walk"])
    with (
        FileLock(tmp_path / ".verrou"),
        pytest.raises(FleetError, match="en cours"),
    ):
        fleet.run([region], bases, tmp_path)


def test_no_town_in_the_extracts(bases: fleet.Bases, tmp_path: Path) -> None:
    sea = write_osm(
        tmp_path / "mer.osm",
        {1: (-900_000, 0), 2: (-900_100, 0)},
        {1: ([1, 2], {"highway": "track"})},
    )
    with pytest.raises(FleetError, match="Aucune Petite ville de demain"):
        fleet.run([sea], bases, tmp_path / "sortie")


@pytest.mark.parametrize("text", ["", "car", "walk,car", "walk,walk"])
def test_unknown_modes(text: str) -> None:
    assert fleet.read_modes("bike, walk") == ["walk", "bike"]
    with pytest.raises(FleetError, match="Modes inconnus"):
        fleet.read_modes(text)


def test_no_extract(bases: fleet.Bases, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="Aucun extrait"):
        fleet.run([], bases, tmp_path)


def test_a_worker_of_another_version_computes_nothing(alone: fleet.FleetReport) -> None:
    plan = fleet.Plan(alone.results.parent, ("walk",), "autre")
    line = tables.load_towns(pvd=True).query("code == '46127'")
    (outcome,) = [fleet._attempt(town, plan) for town in fleet._towns(line)]
    assert outcome.line is None
    assert "même version" in outcome.reason


def test_the_window_holds_the_inhabitants_and_what_a_bicycle_reaches() -> None:
    small = np.array([[600_000.0, 6_400_000.0], [601_000.0, 6_400_200.0]])
    west, south, east, north = fleet.window_box(small, EPSG)
    (x0, y0), (x1, y1) = project([west, east], [south, north], EPSG)
    # A box of degrees around a square of metres: a little larger.
    assert 14_900 < x1 - x0 < 15_800
    assert 14_900 < y1 - y0 < 15_800
    large = np.array([[600_000.0, 6_400_000.0], [640_000.0, 6_400_000.0]])
    west, south, east, north = fleet.window_box(large, EPSG)
    (x0, _), (x1, _) = project([west, east], [south, north], EPSG)
    assert x0 <= 600_000 - 4_900
    assert x1 >= 640_000 + 4_900
    assert network.SPEED_BAND_KMH["bike"][1] / 60 * max(access.LIMITS_MIN) * 1000 <= fleet.MARGIN_M


def test_no_scheduler_answers(
    region: Path, bases: fleet.Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "CONNECT_S", 0.5)
    with pytest.raises(FleetError, match="Aucun planificateur"):
        fleet.run([region], bases, tmp_path, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(FleetError, match="Aucun planificateur"):
        fleet.run([region], bases, tmp_path, scheduler="pas une adresse")


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_finds_the_same(
    alone: fleet.FleetReport, region: Path, bases: fleet.Bases, tmp_path: Path
) -> None:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as cluster:
        with Client(cluster) as client:
            victim, _ = client.run(os.getpid).values()
        told = []

        def kill_one(sentence: str) -> None:
            told.append(sentence)
            if len(told) == 2:  # a town is done, others are under way
                os.kill(victim, signal.SIGKILL)

        report = fleet.run(
            [region], bases, tmp_path, scheduler=cluster.scheduler_address, progress=kill_one
        )
    assert len(told) == 1 + len(CODES)
    assert sorted(report.done) == sorted(alone.done)
    assert report.results.read_bytes() == alone.results.read_bytes()
