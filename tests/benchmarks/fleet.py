"""Measure the access to care of many towns: time and memory as their number grows.

Two series. Corsica: its twelve PVD on its real roads; a car network, for scale, not to be
published as walking times. Then real networks of pedestrians, Liechtenstein's and Monaco's in
turn, copied around real PVD far from each other, with inhabitants and care drawn on these
streets: nothing there is true of a town, the work is that of a town.

In series at each size; at the two smallest, by two processes and by a Dask cluster of two
workers; at the largest, by two processes that are killed at 40 % then resumed, and by a cluster
that loses a worker. All must give the same bytes. A town whose window cuts the copied network in
pieces is refused, rightly: it is counted apart from failures.

Written to ``artefacts/mesures_flotte.csv`` and printed. Machines are noisy: read the seconds of
processor, which others do not take, and ratios.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pandas as pd
from distributed import Client, LocalCluster

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils import fleet, network, tables, tiles  # noqa: E402

PROGRAMME = 1_646
SIZES = (10, 50, 200)
#: Of 54,000, 1,400, 25,000 and 1,400 nodes: time grows with the nodes of a window.
COPIED = ("liechtenstein-latest", "01306-pont-de-veyle", "monaco", "01306-pont-de-veyle")
#: Nodes of a window of 15 x 15 km, to extrapolate: those of Liechtenstein.
WINDOW_NODES = 54_000
#: Between the towns chosen, metres: their networks do not touch.
APART_M = 30_000.0


@dataclass
class Network:
    """What is copied: nodes (degrees, from the middle of the network), ways, tags of places."""

    ids: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    middle_lat: float
    ways: list[tuple[list[int], dict[str, str]]]
    places: dict[int, dict[str, str]]

    def around(self, lon: float, lat: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the crossroads where people live, moved around a place: degrees."""
        homes = {ref for refs, tags in self.ways if tags["highway"] in LIVED for ref in refs}
        lived = np.isin(self.ids, list(homes))
        return lon + self.lon[lived] * self.stretch(lat), lat + self.lat[lived]

    def stretch(self, lat: float) -> float:
        """Return what longitudes are multiplied by, for metres to stay metres."""
        return math.cos(math.radians(self.middle_lat)) / math.cos(math.radians(lat))


#: Streets where people live: nobody is drawn on an alpine path, where no bicycle goes.
LIVED = ("residential", "living_street")


def read_network(path: Path) -> Network:
    """Read the highways of an extract, and the pharmacies that are nodes."""
    ways, places, where = [], {}, {}
    items = osmium.FileProcessor(path).with_locations()
    for item in items.with_filter(osmium.filter.KeyFilter("highway", "amenity")):
        if isinstance(item, osmium.osm.Node) and item.tags.get("amenity") == "pharmacy":
            places[item.id] = dict(item.tags)
            where[item.id] = (item.lon, item.lat)
        elif isinstance(item, osmium.osm.Way) and "highway" in item.tags:
            kept = [node for node in item.nodes if node.location.valid()]
            ways.append(([node.ref for node in kept], dict(item.tags)))
            where.update({node.ref: (node.lon, node.lat) for node in kept})
    ids = np.array(sorted(where))
    lon, lat = np.array([where[i] for i in ids]).T
    middle_lon, middle_lat = (lon.min() + lon.max()) / 2, (lat.min() + lat.max()) / 2
    return Network(ids, lon - middle_lon, lat - middle_lat, middle_lat, ways, places)


def chosen_towns(count: int) -> pd.DataFrame:
    """Return PVD of the mainland far from each other, in an order drawn once."""
    towns = tables.load_towns(pvd=True)
    towns = towns[(towns["epsg"] == 2154) & ~towns["departement"].isin(["2A", "2B"])]
    towns = towns.sample(frac=1, random_state=0).reset_index(drop=True)
    xy = network.project(towns["lon"].to_numpy(), towns["lat"].to_numpy(), 2154)
    kept: list[int] = []
    for i in range(len(towns)):
        if not kept or np.hypot(*(xy[kept] - xy[i]).T).min() >= APART_M:
            kept.append(i)
    if len(kept) < count:
        raise SystemExit(f"Seulement {len(kept)} villes à plus de 30 km les unes des autres.")
    return towns.iloc[kept[:count]]


def write_copies(networks: list[Network], towns: pd.DataFrame, path: Path) -> int:
    """Write one network around each town; return the number of nodes."""
    numbered = []
    for rank, (lon, lat) in enumerate(zip(towns["lon"], towns["lat"], strict=True)):
        source = networks[rank % len(networks)]
        offset = rank * 1_000_000  # numbers stay in the order of the file
        numbered.append((source, offset, lon, lat, source.stretch(lat)))
    total = 0
    header = osmium.io.Header()
    header.add_box(_around_all(numbered))
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for source, offset, lon, lat, stretch in numbered:
            places = (lon + source.lon * stretch, lat + source.lat)
            for i, (x, y) in enumerate(zip(*(axis.tolist() for axis in places), strict=True)):
                tags = source.places.get(int(source.ids[i]), {})
                writer.add_node(
                    osmium.osm.mutable.Node(id=offset + i + 1, location=(x, y), tags=tags)
                )
            total += len(source.ids)
        for source, offset, *_ in numbered:
            position = {int(number): i for i, number in enumerate(source.ids)}
            for rank, (refs, tags) in enumerate(source.ways):
                nodes = [offset + position[ref] + 1 for ref in refs]
                writer.add_way(osmium.osm.mutable.Way(id=offset + rank + 1, nodes=nodes, tags=tags))
    return total


def _around_all(numbered: list[tuple[Network, int, float, float, float]]) -> osmium.osm.Box:
    """Return the box of all copies and five kilometres around, where squares overstep."""
    lon = np.concatenate([lon + source.lon * stretch for source, _, lon, _, stretch in numbered])
    lat = np.concatenate([lat + source.lat for source, _, _, lat, _ in numbered])
    return osmium.osm.Box(lon.min() - 0.05, lat.min() - 0.05, lon.max() + 0.05, lat.max() + 0.05)


#: Streets near a town where its inhabitants are drawn, and squares at most.
NEAREST, SQUARES = 3_000, 300
#: Types of the BPE drawn in each town: the six kinds of care, twice.
PRACTICES = ("D201", "D301", "D232", "D233", "D221", "D101") * 2

RUN = (
    "import sys; from pathlib import Path; from utils import fleet;"
    "extract, folder, *bases = map(Path, sys.argv[2:]);"
    "report = fleet.run([extract], fleet.Bases(*bases), folder, jobs=int(sys.argv[1]));"
    "print(report.sentence())"
)


def draw_bases(networks: list[Network], towns: pd.DataFrame, folder: Path) -> fleet.Bases:
    """Draw inhabitants and care on the copied streets, for every PVD near a copy.

    Squares of Insee's layout (one that two towns share names both), and practices of that of
    the located BPE: the real ones do not stand on these streets.
    """
    everyone = tables.load_towns(pvd=True)
    everyone = everyone[everyone["epsg"] == 2154]
    middles = network.project(towns["lon"].to_numpy(), towns["lat"].to_numpy(), 2154)
    nodes = [
        networks[rank % len(networks)].around(lon, lat)
        for rank, (lon, lat) in enumerate(zip(towns["lon"], towns["lat"], strict=True))
    ]
    chance = np.random.default_rng(0)
    squares: dict[str, set[str]] = {}
    care = []
    for code, lon, lat in zip(everyone["code"], everyone["lon"], everyone["lat"], strict=True):
        place = network.project([lon], [lat], 2154)[0]
        copy = int(np.hypot(*(middles - place).T).argmin())
        if abs(towns["lon"].iloc[copy] - lon) > 0.3 or abs(towns["lat"].iloc[copy] - lat) > 0.2:
            continue
        near = np.argsort(np.hypot(*(network.project(*nodes[copy], 2154) - place).T))[:NEAREST]
        drawn = [axis[chance.permutation(near)[:SQUARES]] for axis in nodes[copy]]
        corners = np.unique(network.project(*drawn, 3035) // 200 * 200, axis=0).astype(int)
        # A square may overstep into a tile without any street, which counts as not covered.
        middle = network.unproject(*(corners.T + 100), 3035).T
        corners = corners[np.isin(tiles.tile_of(*middle), tiles.tile_of(*nodes[copy]))]
        for x, y in corners.tolist():
            squares.setdefault(f"CRS3035RES200mN{y}E{x}", set()).add(code)
        doors = network.project(*drawn, 2154)[chance.integers(0, len(drawn[0]), len(PRACTICES))]
        care += [
            (code, 2021, kind, x, y) for kind, (x, y) in zip(PRACTICES, doors.tolist(), strict=True)
        ]
    rows = [(name, "".join(sorted(codes)), 0, 10.0) for name, codes in squares.items()]
    columns = ["idcar_200m", "lcog_geo", "i_est_200", "ind"]
    bases = fleet.Bases(folder / "carreaux.parquet", folder / "soins.parquet")
    pd.DataFrame(rows, columns=columns).to_parquet(bases.squares)
    columns = ["DEPCOM", "AN", "TYPEQU", "LAMBERT_X", "LAMBERT_Y"]
    pd.DataFrame(care, columns=columns).to_parquet(bases.bpe)
    return bases


def files(bases: fleet.Bases) -> list[str]:
    return [str(path) for path in (bases.squares, bases.bpe, bases.finess) if path]


def program(extract: Path, bases: fleet.Bases, folder: Path, jobs: int) -> list[str]:
    """Return the command of a run: what ``pvd access --all`` does."""
    return [sys.executable, "-c", RUN, str(jobs), str(extract), str(folder), *files(bases)]


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(command: list[str], log: Path) -> float:
    """Run a command; towns in failure are named in its results."""
    with log.open("w", encoding="utf-8") as stream:
        seconds = timed(lambda: subprocess.run(command, cwd=ROOT, stderr=stream, check=True))
    return seconds


def prepared(extract: Path, bases: fleet.Bases, folder: Path, log: Path) -> tuple[float, float]:
    """Prepare a folder in a process of its own; return seconds and peak memory (MiB)."""
    text = (
        "import sys; from pathlib import Path; from utils import fleet;"
        "extract, folder, *bases = map(Path, sys.argv[1:]);"
        "fleet.prepare([extract], fleet.Bases(*bases), folder, modes=['walk', 'bike']);"
        "print(fleet._peak_mib())"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", text, str(extract), str(folder), *files(bases)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    log.write_text(done.stderr, encoding="utf-8")
    return time.perf_counter() - start, float(done.stdout)


def journal(folder: Path) -> pd.DataFrame:
    names = ["code", "status", "seconds", "cpu_s", "peak_mib"]
    return pd.read_csv(folder / "journal.csv", names=names, dtype={"code": str})


def by_cluster(
    extract: Path, bases: fleet.Bases, folder: Path, *, victim_after: int | None = None
) -> float:
    """Run on a cluster of two workers of this machine, one of which may be killed on the way."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            victim, _ = client.run(os.getpid).values()
        told = []

        def progress(sentence: str) -> None:
            told.append(sentence)
            if victim_after is not None and len(told) == victim_after:
                os.kill(victim, signal.SIGKILL)

        return timed(
            lambda: fleet.run(
                [extract],
                bases,
                folder,
                scheduler=cluster.scheduler_address,
                progress=progress,
            )
        )


def killed_and_resumed(
    extract: Path, bases: fleet.Bases, folder: Path, share: float, towns: int
) -> tuple[int, float]:
    """Kill a run of two processes on the way, then resume; return towns kept, and seconds."""
    command = program(extract, bases, folder, 2)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    done = folder / "villes"
    while process.poll() is None and len(list(done.glob("[0-9]*.json"))) < share * towns:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(list(done.glob("[0-9]*.json")))
    return kept, run(command, folder / "reprise.log")


#: How a town is refused when a copied network, cut by its window, leaves its inhabitants apart.
CUT = "Plus de la moitié des habitants"


def series(
    name: str, extract: Path, bases: fleet.Bases, nodes: int, scratch: Path, ways: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Measure one extract in some ways, the first in series."""
    ready = scratch / "pret"
    seconds, peak = prepared(extract, bases, ready, scratch / "preparation.log")
    print(f"{name:8} préparation : {seconds:.1f} s, pic {peak:.0f} Mio", flush=True)
    base = {"reseau": name, "noeuds": nodes}
    base |= {"preparation_s": round(seconds, 1), "preparation_mio": round(peak)}
    rows: list[dict[str, Any]] = []
    first = b""
    for way in ways:
        folder, kept = shutil.copytree(ready, scratch / "calcul"), 0
        if way == "en série":
            total = run(program(extract, bases, folder, 1), scratch / "calcul.log")
        elif way == "deux processus":
            total = run(program(extract, bases, folder, 2), scratch / "calcul.log")
        elif way == "Dask":
            total = by_cluster(extract, bases, folder)
        elif way == "tuée, reprise":
            kept, total = killed_and_resumed(extract, bases, folder, 0.4, rows[0]["villes"])
        else:  # a worker is killed
            total = by_cluster(extract, bases, folder, victim_after=rows[0]["villes"] // 3)
        costs, content = journal(folder), (folder / "resultats.csv").read_bytes()
        first = first or content
        columns = ["code", "status", "reason", "nodes"]
        texts = {"code": str, "reason": str}
        lines = pd.read_csv(folder / "resultats.csv", usecols=columns, dtype=texts)
        failed = lines[lines["status"] == "failed"]
        cut = failed["reason"].str.startswith(CUT)
        row = {
            **base,
            "villes": len(lines),
            "reseau_coupe": int(cut.sum()),
            "echecs": int((~cut).sum()),
            "maniere": way,
            "horloge_s": round(total, 1),
            "processeur_s_par_ville": round(float(costs["cpu_s"].mean()), 3),
            "pic_mio": round(float(costs["peak_mib"].max())),
            "gardees": kept,
            "identique": content == first,
        }
        if way == "en série":
            both = costs.merge(lines[["code", "nodes"]], on="code").dropna()
            slope, origin = np.polyfit(both["nodes"], both["cpu_s"], 1)
            row["s_par_ville_fixe"] = round(float(origin), 3)
            row["s_par_10000_noeuds"] = round(1e4 * float(slope), 3)
        rows.append(row)
        print(
            f"{name:8} {row['villes']:4} villes {nodes:8} nœuds  {way:18}"
            f" horloge {row['horloge_s']:7.1f} s"
            f"  processeur {row['processeur_s_par_ville']:.3f} s/ville"
            f"  pic {row['pic_mio']:4} Mio  gardées {kept:3}"
            f"  {'identique' if row['identique'] else 'DIFFÉRENT'}",
            flush=True,
        )
        if way == ways[0] and len(failed):
            print(f"  {row['reseau_coupe']} refusées : la fenêtre coupe en morceaux le réseau copié"
                  f" (propriété de la copie). {row['echecs']} en échec.")  # fmt: skip
            for line in failed.itertuples():
                print(f"    {line.code} : {line.reason}", flush=True)
        shutil.rmtree(folder)
    shutil.rmtree(ready)
    return rows


def extrapolate(rows: list[dict[str, Any]]) -> None:
    """Print what all the programme would take, and how the cost of a town grows with their number.

    Sizes do not have the same share of large networks: their means are compared at the same
    nodes, by the line fitted at each size.
    """
    alone = [row for row in rows if row["reseau"] == "copies" and row["maniere"] == "en série"]
    for row in alone:
        row["s_par_fenetre"] = round(
            row["s_par_ville_fixe"] + row["s_par_10000_noeuds"] * WINDOW_NODES / 1e4, 3
        )
    last = alone[-1]
    town = last["s_par_fenetre"]
    print(
        f"Une ville : {last['s_par_ville_fixe']:.3f} s de processeur,"
        f" et {last['s_par_10000_noeuds']:.3f} s de plus pour 10 000 nœuds."
        f" {PROGRAMME} villes de {WINDOW_NODES} nœuds : {town * PROGRAMME / 60:.1f} min"
        f" de processeur, {town * PROGRAMME / 120:.1f} min sur deux cœurs libres."
    )
    for row in alone:
        print(
            f"{row['villes']:4} villes : {row['s_par_fenetre']:.3f} s pour une fenêtre de"
            f" {WINDOW_NODES} nœuds, soit {row['s_par_fenetre'] / alone[0]['s_par_fenetre']:.2f}"
            " fois le plus petit nombre de villes."
        )


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    sizes = parser.parse_args().sizes
    mirror = Path(os.environ.get("PVD_MIRROR", ""))
    if not (mirror / "osm").is_dir():
        raise SystemExit("PVD_MIRROR ne désigne pas un dossier d’extraits.")
    scratch = Path(tempfile.mkdtemp(prefix="flotte-"))
    try:
        corsica = mirror / "osm" / "corse-routes-2021.osm.pbf"
        roads = read_network(corsica)
        bases = fleet.Bases.at_hand()
        rows = series("Corse", corsica, bases, len(roads.ids), scratch, ("en série",))
        networks = [read_network(mirror / "osm" / f"{name}.osm.pbf") for name in COPIED]
        towns = chosen_towns(max(sizes))
        ways = {size: ["en série"] for size in sizes}
        for size in sorted(sizes)[:2]:
            ways[size] += ["deux processus", "Dask"]
        ways[max(sizes)] += ["tuée, reprise", "Dask, ouvrier tué"]
        for size in sizes:
            extract = scratch / f"copies-{size}.osm.pbf"
            nodes = write_copies(networks, towns.head(size), extract)
            drawn = draw_bases(networks, towns.head(size), scratch)
            rows += series("copies", extract, drawn, nodes, scratch, tuple(ways[size]))
            extract.unlink()
    finally:
        shutil.rmtree(scratch)
    extrapolate(rows)
    target = ROOT / "artefacts" / "mesures_flotte.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(stream, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
