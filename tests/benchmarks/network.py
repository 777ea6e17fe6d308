"""Compare the routing with networkx, igraph and pandana, in one run on the same networks.

From every crossroads to the nearest place of five kinds, on foot and by bicycle; each tool
has the same streets and the same places. Rivals that are not installed are skipped by name
(``pip install igraph pandana``). Written to ``artefacts/mesures_reseau.csv`` and printed.
The last lines are the whole way of one town: from the file to the times of 5,000 people's
doors, both modes. Seconds are those of the processor, all tools using one core; machines are
noisy: read ratios.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils import network  # noqa: E402
from utils.network import Floats, Mode, StreetGraph  # noqa: E402
from utils.readers.osm import OsmExtract, read_osm  # noqa: E402

EXTRACTS = ("monaco", "liechtenstein-latest", "01306-pont-de-veyle")
#: Too small to compare tools: only the whole way of the town.
SMALL = "01306-pont-de-veyle"
KINDS = ("pharmacy", "hospital", "townhall", "place_of_worship", "shop")
MODES: tuple[Mode, ...] = ("walk", "bike")
EPSG = 2154
REPEATS = 3


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Return the least seconds of processor of some runs, and the last result."""
    best, result = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def doors(graph: StreetGraph, found: OsmExtract) -> dict[str, list[int]]:
    """Return the crossroads nearest to the places of each kind: a door that all tools can have."""
    places = found.places[found.places["kind"].isin(KINDS)]
    xy = network.project(places["lon"].to_numpy(), places["lat"].to_numpy(), EPSG)
    nearest = [int(np.hypot(*(graph.xy - point).T).argmin()) for point in xy]
    by_kind = pd.Series(nearest, index=places["kind"].to_numpy())
    return {kind: sorted(set(by_kind[by_kind.index == kind])) for kind in KINDS}


def edges(graph: StreetGraph) -> tuple[list[int], list[int], list[float]]:
    """Return the streets of a graph, in their direction, parallel ones reduced to the least."""
    streets = graph.reverse.tocoo()
    return streets.col.tolist(), streets.row.tolist(), streets.data.tolist()


def ours(found: OsmExtract, mode: Mode, graph: StreetGraph, at: dict[str, list[int]]) -> Any:
    build, _ = timed(
        lambda: network.build_graph(
            found.nodes, found.streets, found.segments, mode=mode, epsg=EPSG
        )
    )
    places = [node for kind in KINDS for node in at[kind]]
    kinds = [kind for kind in KINDS for _ in at[kind]]

    def route() -> dict[str, Floats]:
        facilities = network.place_facilities(graph, graph.xy[places], kinds)
        return {kind: network.nearest_node_times(graph, facilities, kind=kind) for kind in KINDS}

    return build, *timed(route)


def with_networkx(graph: StreetGraph, at: dict[str, list[int]]) -> Any:
    def build() -> nx.DiGraph:
        made = nx.DiGraph()
        start, end, seconds = edges(graph)
        made.add_weighted_edges_from(zip(end, start, seconds, strict=True))  # reversed
        return made

    building, made = timed(build, 1)

    def route() -> dict[str, Floats]:
        times = {}
        for kind in KINDS:
            found = nx.multi_source_dijkstra_path_length(made, at[kind], weight="weight")
            times[kind] = np.array([found[node] for node in range(graph.node_count)])
        return times

    return building, *timed(route)


def with_igraph(graph: StreetGraph, at: dict[str, list[int]]) -> Any:
    import igraph

    n = graph.node_count

    def build() -> Any:
        start, end, seconds = edges(graph)
        # No run from several origins at once: one node more a kind, at no distance of them.
        for i, kind in enumerate(KINDS):
            start += at[kind]
            end += [n + i] * len(at[kind])
            seconds += [1e-9] * len(at[kind])
        pairs = list(zip(start, end, strict=True))
        return igraph.Graph(n=n + len(KINDS), edges=pairs, directed=True), seconds

    building, (made, seconds) = timed(build, 1)

    def route() -> dict[str, Floats]:
        return {
            kind: np.array(made.distances(n + i, weights=seconds, mode="in")[0][:n])
            for i, kind in enumerate(KINDS)
        }

    return building, *timed(route)


def with_pandana(graph: StreetGraph, at: dict[str, list[int]]) -> Any:
    import pandana

    def build() -> Any:
        start, end, seconds = (pd.Series(column) for column in edges(graph))
        x, y = pd.Series(graph.xy[:, 0]), pd.Series(graph.xy[:, 1])
        return pandana.Network(x, y, start, end, pd.DataFrame({"s": seconds}), twoway=False)

    building, made = timed(build, 1)

    def route() -> dict[str, Floats]:
        times = {}
        for kind in KINDS:
            x, y = (pd.Series(axis) for axis in graph.xy[at[kind]].T)
            made.set_pois(kind, 1e6, 1, x, y)
            times[kind] = made.nearest_pois(1e6, kind, num_pois=1)[1].to_numpy()
        return times

    return building, *timed(route)


RIVALS = {"networkx": with_networkx, "igraph": with_igraph, "pandana": with_pandana}


def compare(name: str, found: OsmExtract, loading: float) -> list[dict[str, Any]]:
    """Return one line a tool and a mode."""
    rows = []
    for mode in MODES:
        graph = network.build_graph(
            found.nodes, found.streets, found.segments, mode=mode, epsg=EPSG
        )
        at = doors(graph, found)
        build, route, times = ours(found, mode, graph, at)
        base = {"extrait": name, "mode": mode, "noeuds": graph.node_count, "lecture_s": loading}
        rows.append(line(base, "ce livre", build, route, route, 0.0))
        for tool, run in RIVALS.items():
            if importlib.util.find_spec(tool) is None:
                print(f"{tool} n’est pas installé : laissé de côté.")
                continue
            building, routing, found_times = run(graph, at)
            worst = max(float(np.abs(found_times[kind] - times[kind]).max()) for kind in KINDS)
            rows.append(line(base, tool, building, routing, route, worst))
    return rows


def line(
    base: dict[str, Any], tool: str, build: float, route: float, our_route: float, worst: float
) -> dict[str, Any]:
    row = {
        **base,
        "outil": tool,
        "construction_s": round(build, 4),
        "cinq_types_s": round(route, 4),
        "fois_plus_lent": round(route / our_route, 1),
        "ecart_max_s": round(worst, 3),
    }
    print(
        f"{row['extrait']:22} {row['mode']:5} {tool:10} construction {build:7.3f} s"
        f"  cinq types {route:7.4f} s  x {row['fois_plus_lent']:6.1f}  écart {worst:8.3f} s",
        flush=True,
    )
    return row


def whole(path: Path) -> tuple[float, float]:
    """Return what takes the way from the file to the times of 5,000 doors, five kinds, both modes.

    Seconds of processor, which other programs do not take, and of the clock.
    """
    chance = np.random.default_rng(0)

    def run() -> None:
        found = read_osm(path, homes=False)
        places = found.places[found.places["kind"].isin(KINDS)]
        xy = network.project(places["lon"].to_numpy(), places["lat"].to_numpy(), EPSG)
        for mode in MODES:
            graph = network.build_graph(
                found.nodes, found.streets, found.segments, mode=mode, epsg=EPSG
            )
            near = graph.xy[chance.integers(0, graph.node_count, 5_000)]
            points = network.snap(graph, near + chance.normal(0, 20, near.shape))
            facilities = network.place_facilities(graph, xy, places["kind"].tolist())
            for kind in KINDS:
                network.nearest_times(graph, facilities, points, kind=kind)

    best = (np.inf, np.inf)
    for _ in range(REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        run()
        best = min(best, (time.process_time() - busy, time.perf_counter() - start))
    return best


def main() -> None:
    """Measure, print, and write the table."""
    mirror = Path(os.environ.get("PVD_MIRROR", ""))
    rows: list[dict[str, Any]] = []
    for name in EXTRACTS:
        path = mirror / "osm" / f"{name}.osm.pbf"
        if not path.is_file():
            raise SystemExit("PVD_MIRROR ne désigne pas un dossier d’extraits.")
        if name != SMALL:
            loading, found = timed(lambda path=path: read_osm(path, homes=False))
            rows += compare(name, found, round(loading, 3))
        busy, seconds = whole(path)
        print(
            f"{name:22} du fichier à la réponse, deux modes : {busy:.3f} s de processeur,"
            f" {seconds:.3f} s d’horloge",
            flush=True,
        )
        rows.append(
            {
                "extrait": name,
                "outil": "ce livre, du fichier à la réponse",
                "processeur_s": round(busy, 3),
                "total_s": round(seconds, 3),
            }
        )
    target = ROOT / "artefacts" / "mesures_reseau.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0], "processeur_s", "total_s"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
