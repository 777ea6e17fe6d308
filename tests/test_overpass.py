"""Overpass by osmnx: the same network as a file, and a clear sentence for each misfortune."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import geopandas as gpd
import numpy as np
import osmium
import osmnx
import pandas as pd
import pytest
from small_osm import EPSG, Tags, lonlat, write_osm

from utils import network, overpass
from utils.errors import NetworkError
from utils.network import Mode
from utils.readers.osm import OsmExtract, read_osm

ROAD = {"highway": "residential"}
NODES = {
    1: (0, 0), 2: (300, 0), 3: (300, 300), 4: (0, 300), 5: (150, 150), 6: (600, 0), 7: (600, 300),
    11: (20, 20), 12: (40, 20), 13: (40, 40), 14: (20, 40), 21: (30, 10),
}  # fmt: skip
WAYS: dict[int, tuple[list[int], Tags]] = {
    100: ([1, 2], {**ROAD, "oneway": "yes"}),
    101: ([2, 3], {**ROAD, "oneway": "-1", "surface": "gravel"}),
    102: ([3, 4, 1], {**ROAD, "oneway": "yes", "oneway:bicycle": "no"}),
    103: ([1, 5, 3], {"highway": "steps"}),
    104: ([2, 6, 7, 3, 2], {"highway": "tertiary", "junction": "roundabout"}),
    105: ([4, 5], {"highway": "motorway"}),
    106: ([4, 5], {"highway": "track", "tracktype": "grade3"}),
}
HOME = {200: ([11, 12, 13, 14, 11], {"building": "house"})}
NODE_TAGS = {
    5: {"barrier": "gate", "access": "no", "foot": "yes"},
    21: {"amenity": "pharmacy", "name": "Pharmacie du Test"},
}
BOX = (*lonlat(-50, -50), *lonlat(700, 350))
MODES: tuple[Mode, ...] = ("walk", "bike")


def same_network(one: OsmExtract, other: OsmExtract) -> None:
    """Check that two extracts give the same graph, hence the same times."""
    for mode in MODES:
        graphs = [
            network.build_graph(found.nodes, found.streets, found.segments, mode=mode, epsg=EPSG)
            for found in (one, other)
        ]
        first, second = graphs
        assert sorted(first.ids) == sorted(second.ids)
        assert first.street_km == pytest.approx(second.street_km, abs=1e-4)
        door = first.xy[[0]]
        times = []
        for graph in graphs:
            facilities = network.place_facilities(graph, door)
            seconds = network.nearest_node_times(graph, facilities)
            # A closed gate has one end a street: the least of each place.
            times.append(pd.Series(seconds).groupby(graph.ids).min())
        np.testing.assert_allclose(*times, rtol=0, atol=0.01)


def from_xml(path: Path) -> OsmExtract:
    """Read a file by osmnx, then turn its graph into our frames."""
    none = gpd.GeoDataFrame(geometry=[], crs=4326)
    with overpass.osmnx_settings():
        graph = osmnx.graph_from_xml(path, simplify=False, retain_all=True)
    return overpass.from_osmnx(graph, none, none, BOX)


def test_the_graph_of_osmnx_follows_the_same_rules(tmp_path: Path) -> None:
    path = write_osm(tmp_path / "pieges.osm", NODES, WAYS, node_tags=NODE_TAGS)
    same_network(from_xml(path), read_osm(path))


@pytest.mark.mirror
def test_osmnx_gives_the_same_times_on_a_real_town(mirror: Path, tmp_path: Path) -> None:
    source, path = mirror / "osm" / "01306-pont-de-veyle.osm.pbf", tmp_path / "rues.osm"
    with osmium.SimpleWriter(str(path)) as writer:
        for item in osmium.FileProcessor(source):
            if item.is_node() or (item.is_way() and "highway" in item.tags):
                writer.add(item)
    same_network(from_xml(path), read_osm(source, homes=False))


def test_a_simplified_graph_is_refused(tmp_path: Path) -> None:
    path = write_osm(tmp_path / "pieges.osm", NODES, WAYS)
    none = gpd.GeoDataFrame(geometry=[], crs=4326)
    graph = osmnx.graph_from_xml(path, simplify=True, retain_all=True)
    with pytest.raises(NetworkError, match="simplifié"):
        overpass.from_osmnx(graph, none, none, BOX)


# --------------------------------------------------------------------------- the service


def elements(ways: dict[int, tuple[list[int], Tags]], nodes: list[int]) -> list[dict[str, object]]:
    """Return what Overpass says of some ways and nodes."""
    refs = sorted({ref for line, _ in ways.values() for ref in line} | set(nodes))
    found: list[dict[str, object]] = []
    for ref in refs:
        lon, lat = lonlat(*NODES[ref])
        tags = {"tags": NODE_TAGS[ref]} if ref in NODE_TAGS else {}
        found.append({"type": "node", "id": ref, "lon": round(lon, 7), "lat": round(lat, 7)} | tags)
    for number, (line, tags) in ways.items():
        found.append({"type": "way", "id": number, "nodes": line, "tags": dict(tags)})
    return found


class _Overpass(BaseHTTPRequestHandler):
    """Answers like Overpass, or has the misfortune of the server."""

    server: Service

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def give(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.give(b"Connected as: 1\nCurrent time: 2026\nRate limit: 2\n\n2 slots available now.\n")

    def do_POST(self) -> None:
        query = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["data"][0]
        self.server.asked.append(query)
        if "highway" in query:
            found = elements(WAYS, [])
        else:
            found = elements(HOME, []) if "building" in query else elements({}, [21])
        answer = json.dumps({"version": 0.6, "elements": found}).encode()
        match self.server.misfortune:
            case "":
                self.give(answer)
            case "truncated":
                self.give(answer[: len(answer) // 2])
            case "empty":
                self.give(b'{"version": 0.6, "elements": []}')
            case "remark":
                remark = 'runtime error: Query timed out in "query" at line 1 after 180 seconds.'
                self.give(json.dumps({"elements": found[:3], "remark": remark}).encode())
            case status:
                self.give(b"<html>busy</html>", int(status))


class Service(ThreadingHTTPServer):
    """The server, what it was asked, and what goes wrong."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Overpass)
        self.asked: list[str] = []
        self.misfortune = ""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(
        osmnx.settings, "overpass_url", f"http://127.0.0.1:{server.server_port}/api"
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_gives_what_a_file_gives(service: Service, tmp_path: Path) -> None:
    found = overpass.download(BOX, BOX, tmp_path / "cache")
    path = write_osm(tmp_path / "pieges.osm", NODES, WAYS | HOME, node_tags=NODE_TAGS)
    known = read_osm(path)
    same_network(found, known)
    pd.testing.assert_frame_equal(found.places, known.places)
    pd.testing.assert_frame_equal(found.buildings, known.buildings)
    assert found.box == BOX
    assert len(service.asked) == 3
    overpass.download(BOX, BOX, tmp_path / "cache")
    assert len(service.asked) == 3  # all was kept


@pytest.mark.parametrize(
    ("misfortune", "message"),
    [
        ("429", "surchargé"),
        ("504", "surchargé"),
        ("400", "refuse la demande"),
        ("truncated", "coupée ou illisible"),
        ("remark", "n’a pas fini de répondre"),
        ("empty", "aucune rue"),
    ],
)
def test_each_misfortune_is_a_sentence(
    service: Service, tmp_path: Path, misfortune: str, message: str
) -> None:
    before = dict(vars(osmnx.settings))
    service.misfortune = misfortune
    with pytest.raises(NetworkError, match=message) as caught:
        overpass.download(BOX, BOX, tmp_path / "cache")
    assert "--osm" in caught.value.hint
    assert vars(osmnx.settings) == before
    # Nothing wrong was kept: the service recovers, and so does the town.
    if misfortune != "empty":
        service.misfortune = ""
        assert len(overpass.download(BOX, BOX, tmp_path / "cache").segments)


def test_no_service_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Overpass) as server:
        port = server.server_port
    monkeypatch.setattr(osmnx.settings, "overpass_url", f"http://127.0.0.1:{port}/api")
    monkeypatch.setattr(osmnx.settings, "overpass_rate_limit", False)
    with pytest.raises(NetworkError, match="ne répond pas"):
        overpass.download(BOX, BOX, tmp_path / "cache")
