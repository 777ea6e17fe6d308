"""Access to care of every town: one pass over regional extracts, then one town at a time.

The towns are independent, and each is computed from a small window of the files of one folder.
So a run goes on from where it was stopped, whatever stopped it; a town that fails is named,
and the others are done. The work is that of one process, of several (joblib), or of a Dask
cluster, with the same results: workers only compute, and the caller alone writes.

The folder of a run::

    calcul.json         what is computed, from which files, by which code
    tuiles/             the extracts in tiles (utils.tiles)
    bases/              squares of inhabitants, located BPE, FINESS, sorted for windows
    villes/01306.json   one file a town, complete or absent
    resultats.csv       one line a town
    journal.csv         town, status, seconds, processor seconds and peak memory (MiB) of each
                        computation, in the order of their ends
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from filelock import FileLock, Timeout

from utils import access, network, sources, tables, tiles
from utils.errors import FleetError, PvdError, SourceError
from utils.formats import NBSP, counted, number, of_town, percent, typographic
from utils.network import Mode
from utils.readers import equipment, people
from utils.readers.osm import Box

__all__ = [
    "BPE_SOURCES",
    "FINESS_SOURCES",
    "Bases",
    "FleetReport",
    "Plan",
    "Town",
    "first_at_hand",
    "prepare",
    "read_modes",
    "run",
    "town_line",
    "window_box",
]

#: Least side of the window of a town, metres: from its middle, half an hour by bicycle.
WINDOW_M: Final = 15_000.0
#: What the window holds around all the inhabitants, metres: 20 minutes by bicycle, the
#: longest of :data:`utils.access.LIMITS_MIN` at 15 km/h. Large communes have larger windows.
MARGIN_M: Final = 5_000.0
#: Seconds that a Dask scheduler has to answer, and to have its first worker.
CONNECT_S: Final = 30.0

#: Sources of located care, the most complete first: all kinds and all of France, then the five
#: professions of 2021 and Occitanie.
BPE_SOURCES: Final = ("bpe_geolocalisee", "bpe_points_2021")
FINESS_SOURCES: Final = ("finess_national", "finess_occitanie")

#: Modules whose text decides the results.
_CODE: Final = ("access.py", "fleet.py", "network.py", "tiles.py", "readers/osm.py")
#: What impossible data may raise in the libraries used: that town fails, the others are done.
#: Anything else is a fault of the code, and stops the run.
_FAULTS: Final = (PvdError, ValueError, ArithmeticError, LookupError, OSError, MemoryError)


@dataclass(frozen=True, slots=True)
class Town:
    """A town to compute: ``lon`` and ``lat`` of its middle, degrees; ``epsg`` of its metres."""

    code: str
    name: str
    departement: str
    population: float
    epsg: int
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Bases:
    """Files of inhabitants and care: only the squares are needed.

    Attributes
    ----------
    squares
        Squares of 200 m of Insee (:func:`utils.readers.people.read_carreaux_200m`).
    bpe
        Located BPE (:func:`utils.readers.equipment.read_bpe_points`).
    finess
        FINESS (:func:`utils.readers.equipment.read_finess`).
    """

    squares: Path
    bpe: Path | None = None
    finess: Path | None = None

    @classmethod
    def at_hand(
        cls, fetch: Callable[..., Path] = sources.fetch, *, squares: Path | None = None
    ) -> Bases:
        """Get the files of the book (:func:`utils.sources.fetch`); those of care may miss.

        Parameters
        ----------
        fetch : callable
            As for :func:`first_at_hand`.
        squares : Path, optional
            Squares of one territory, rather than those of the book.

        Raises
        ------
        SourceError
            The squares cannot be had.
        """
        care = [first_at_hand(names, fetch) for names in (BPE_SOURCES, FINESS_SOURCES)]
        bpe, finess = (found[1] if found else None for found in care)
        return cls(squares if squares is not None else fetch("carreaux_200m"), bpe, finess)

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each file."""
        files = {"squares": self.squares, "bpe": self.bpe, "finess": self.finess}
        return {name: tables.file_sha256(path) for name, path in files.items() if path}


def first_at_hand(
    names: Sequence[str], fetch: Callable[..., Path] = sources.fetch
) -> tuple[str, Path] | None:
    """Get the first of some sources: among those at hand, else among those that can be had.

    Parameters
    ----------
    names : sequence of str
        The best first.
    fetch : callable
        Source id -> path; with ``offline=True``, of the cache or of a local mirror only.

    Returns
    -------
    tuple of (str, Path), optional
        Its id and its file; nothing when none can be had.
    """
    for options in ({"offline": True}, {}):
        for name in names:
            try:
                return name, fetch(name, **options)
            except SourceError:
                continue
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker must know: the folder of the run, the modes, and the code it must have."""

    folder: Path
    modes: tuple[Mode, ...]
    code: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a town: its line, or why there is none, and what it took.

    ``seconds`` of the clock, ``cpu_s`` of the processor, ``peak_mib`` of the worker so far.
    """

    code: str
    line: dict[str, Any] | None
    reason: str
    seconds: float = math.nan
    cpu_s: float = math.nan
    peak_mib: float = math.nan


@dataclass(slots=True)
class FleetReport:
    """What a run did.

    Attributes
    ----------
    results
        The file of results.
    done, resumed
        Towns computed now, and before.
    failed
        Code -> why there is no result.
    elsewhere
        Towns that no extract covers.
    seconds
        Wall time, preparation included.
    cars
        Whether the extracts have no street made for walking: times not to be published.
    """

    results: Path
    done: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    elsewhere: int = 0
    seconds: float = 0.0
    cars: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether every town covered has a result."""
        return not self.failed

    def sentence(self) -> str:
        """Return the report as a French sentence."""
        parts = [f"{counted(len(self.done), 'ville calculée', 'villes calculées')}"]
        if self.resumed:
            parts.append(f"{number(len(self.resumed))} déjà faites")
        if self.failed:
            parts.append(f"{number(len(self.failed))} en échec")
        parts.append(f"{number(self.elsewhere)} hors des extraits")
        said = f"{', '.join(parts)}, en {number(self.seconds, 1)}{NBSP}s{NBSP}: {self.results}"
        return f"{said}. {typographic(access.ONLY_CARS)}" if self.cars else said


# --------------------------------------------------------------------------- one town


def town_line(town: Town, plan: Plan) -> dict[str, Any]:
    """Return the line of a town, from the files of a folder that is prepared.

    Returns
    -------
    dict
        ``code``, ``name``, ``departement``, ``population`` (census); ``persons`` (of the
        squares, in the window), ``outside``, ``unjoined``, ``imputed_share`` and
        ``in_home_share`` (%: in imputed squares, placed in homes rather than mid-square);
        ``covered_share`` (% of the window that the extracts cover: not the land without any
        street), ``nodes``; ``together`` (the services counted together); for each kind
        ``n_doctor``… (placed within the window) and ``source_doctor``…; ``edge_walk``… (% of
        inhabitants whose time may be better through what is not in the extracts);
        ``walk_doctor_15``… (% of inhabitants within 15 minutes) and ``walk_doctor_15_max``
        (the most that it may be).

    Raises
    ------
    PvdError
        Nobody, no street or no care is known there, or the extracts cut the town or its streets.
    """
    squares = _squares_of(town.code, plan.folder)
    if squares.empty:
        raise FleetError(
            f"Aucun carreau de 200 m de l’Insee ne touche {town.name} ({town.code}).",
            hint="Les fichiers de l’Insee couvrent l’un la métropole et la Corse, un autre la"
            " Martinique, un autre La Réunion : donnez le bon (--carreaux).",
        )
    squares_epsg = int(squares["epsg"].iloc[0])
    middles = access.people_from_squares(squares, epsg=town.epsg, squares_epsg=squares_epsg)
    box = window_box(middles[["x", "y"]].to_numpy(dtype=float), town.epsg)
    store = tiles.open_store(plan.folder / "tuiles")
    streets = store.window(box)
    inhabitants = access.people_from_squares(
        squares,
        streets.buildings,
        epsg=town.epsg,
        outline=_commune(town),
        squares_epsg=squares_epsg,
    )
    window = access.window_of(streets, town.epsg)
    holes = [_outline(hole, town.epsg) for hole in store.holes(box) if _on_land(hole)]
    window = shapely.difference(window, shapely.union_all(holes))
    known = _care(plan.folder, box, streets.places, town.epsg)
    care = access.choose_facilities(*known, window=window)
    found = access.town_access(
        streets, care, inhabitants, epsg=town.epsg, modes=plan.modes, window=window
    )
    covered = 100 * found.persons / (found.persons + found.outside)
    if covered < access.SMALLEST_COVERAGE:
        raise FleetError(
            f"Les extraits coupent {town.name} : {percent(covered)} seulement de ses habitants"
            " y vivent.",
            hint="Ajoutez l’extrait de la région voisine (--osm se répète).",
        )
    if found.unjoined > found.persons / 2:
        raise FleetError(
            f"Plus de la moitié des habitants {of_town(town.name)} sont à plus de"
            f" {number(network.MAX_OFFSET_M)} m des rues retenues.",
            hint="Le réseau de la ville est coupé du plus grand de sa fenêtre (île, extrait"
            " incomplet) : ses temps seraient faux.",
        )
    points = found.points[found.points["inside"]]
    source = care.drop_duplicates("kind").set_index("kind")["source"].to_dict()
    rows = found.shares[["mode", "kind", "minutes", "share", "share_max"]].to_numpy().tolist()
    values: dict[str, Any] = {
        "code": town.code,
        "name": town.name,
        "departement": town.departement,
        "population": town.population,
        "persons": round(found.persons, 1),
        "outside": round(found.outside, 1),
        "unjoined": round(found.unjoined, 1),
        "imputed_share": _share(points, "imputed"),
        "in_home_share": _share(points, "in_home"),
        "covered_share": round(100 * window.area / _outline(box, town.epsg).area, 1),
        "nodes": len(streets.nodes),
        "together": " ".join(found.together),
        **{f"n_{kind}": count for kind, count in found.placed.items()},
        **{f"source_{kind}": source[kind] for kind in found.placed},
        **{f"edge_{mode}": _share(points, f"edge_{mode}") for mode in plan.modes},
    }
    for mode, kind, limit, least, most in rows:
        values[f"{mode}_{kind}_{limit}"] = round(least, 3)
        values[f"{mode}_{kind}_{limit}_max"] = round(most, 3)
    return {name: values.get(name) for name in columns(plan.modes)}


def columns(modes: Sequence[Mode]) -> list[str]:
    """Return the columns of a line, in their order; empty for a kind that no base places."""
    names = ["code", "name", "departement", "population", "persons", "outside", "unjoined"]
    names += ["imputed_share", "in_home_share", "covered_share", "nodes", "together"]
    names += [f"{what}_{kind}" for kind in access.KINDS for what in ("n", "source")]
    names += [f"edge_{mode}" for mode in modes]
    names += [
        f"{mode}_{kind}_{limit}{end}"
        for mode in modes
        for kind in (*access.KINDS, access.TOGETHER)
        for limit in access.LIMITS_MIN
        for end in ("", "_max")
    ]
    return names


def _share(points: pd.DataFrame, column: str) -> float:
    """Return the share (%) of the inhabitants for whom a column is true."""
    persons = points["persons"]
    return round(float(100 * persons[points[column]].sum() / persons.sum()), 3)


def window_box(points: network.Floats, epsg: int) -> Box:
    """Return the box (degrees) of the window of a town, from the places of its inhabitants.

    A square of :data:`WINDOW_M`, larger where the inhabitants need it to have
    :data:`MARGIN_M` around them.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2 + MARGIN_M, WINDOW_M / 2)
    (west, south), (east, north) = (low + high) / 2 - half, (low + high) / 2 + half
    corners = network.unproject([west, east, east, west], [south, south, north, north], epsg)
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _outline(box: Box, epsg: int) -> shapely.Polygon:
    """Return a box of degrees in metres."""
    west, south, east, north = box
    return shapely.Polygon(
        network.project([west, east, east, west], [south, south, north, north], epsg)
    )


def _commune(town: Town) -> shapely.Geometry | None:
    """Return the outline of a commune in metres (that of 2018), when it is known."""
    found = _contours().get(town.code)
    return (
        None
        if found is None
        else shapely.transform(found, lambda xy: network.project(xy[:, 0], xy[:, 1], town.epsg))
    )


@functools.cache
def _contours() -> dict[str, shapely.Geometry]:
    contours = tables.load_contours()
    return dict(zip(contours["code"], contours.geometry, strict=True))


def _on_land(tile: Box) -> bool:
    """Tell whether the middle of a tile is in a French département."""
    west, south, east, north = tile
    middle = shapely.Point((west + east) / 2, (south + north) / 2)
    return len(_land().query(middle, predicate="within")) > 0


@functools.cache
def _land() -> shapely.STRtree:
    return shapely.STRtree(tables.load_departements().geometry.to_numpy())


def _squares_of(code: str, folder: Path) -> pd.DataFrame:
    path = folder / "bases" / "squares.parquet"
    squares: pd.DataFrame = pq.read_table(path, filters=[("code", "==", code)]).to_pandas()
    return squares


def _care(folder: Path, box: Box, places: pd.DataFrame, epsg: int) -> list[pd.DataFrame]:
    """Return the care that each base places in a window, the best base first."""
    bpe, finess = folder / "bases" / "bpe.parquet", folder / "bases" / "finess.parquet"
    known = []
    if bpe.is_file():
        known.append(access.bpe_facilities(tiles.read_points(bpe, box), epsg=epsg))
    if finess.is_file():
        known.append(access.finess_facilities(tiles.read_points(finess, box), epsg=epsg))
    known.append(access.osm_facilities(places, epsg=epsg))
    return known


def _attempt(town: Town, plan: Plan) -> Outcome:
    """Compute a town, whatever its data: a failure has its reason."""
    start, start_cpu = time.perf_counter(), time.process_time()
    line, reason = None, ""
    try:
        if plan.code != code_digest():
            raise FleetError(
                "Un ouvrier n’a pas la même version du projet que la commande.",
                hint="Installez la même version sur toutes les machines.",
            )
        line = town_line(town, plan)
    except _FAULTS as error:
        reason = str(error) if isinstance(error, PvdError) else f"{type(error).__name__} : {error}"
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    return Outcome(town.code, line, reason, seconds, cpu_s, _peak_mib())


def _peak_mib() -> float:
    """Return the most memory that this process has held, MiB (NaN where Linux does not say)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return math.nan
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@functools.cache
def code_digest() -> str:
    """Return a short digest of the code that decides the results."""
    here = Path(__file__).parent
    content = b"".join((here / name).read_bytes() for name in _CODE)
    return hashlib.sha256(content).hexdigest()[:16]


# --------------------------------------------------------------------------- all of them


def prepare(
    extracts: Sequence[Path], bases: Bases, folder: Path, *, modes: Sequence[Mode]
) -> tuple[Plan, list[Town], int]:
    """Prepare the folder of a run, or check that it is that of the same run.

    Parameters
    ----------
    extracts : sequence of Path
        Regional extracts of OpenStreetMap.
    bases : Bases
    folder : Path
        Empty, absent, or that of a run of the same extracts, bases, modes and code.
    modes : sequence of {"walk", "bike"}

    Returns
    -------
    tuple of (Plan, list of Town, int)
        What workers need, the PVD that the extracts cover, and how many they do not.

    Raises
    ------
    FleetError
        The folder holds another run.
    LayoutError
        An extract or a base is not readable.
    """
    plan = Plan(folder, tuple(modes), code_digest())
    asked = {
        "extracts": [tiles.described(path) for path in extracts],
        "bases": bases.digests(),
        "modes": list(modes),
        "window_m": [WINDOW_M, MARGIN_M],
        "code": plan.code,
    }
    identity = folder / "calcul.json"
    if identity.is_file() and json.loads(identity.read_text(encoding="utf-8")) != asked:
        raise FleetError(
            f"Le dossier {folder} contient un autre calcul (extraits, bases, modes ou code).",
            hint="Choisissez un autre dossier (--output), ou supprimez celui-ci.",
        )
    store = tiles.build_store(extracts, folder / "tuiles")
    towns = tables.load_towns(pvd=True)
    covered = store.covers(towns["lon"].to_numpy(float), towns["lat"].to_numpy(float))
    if not identity.is_file():
        _prepare_bases(bases, folder / "bases", towns["code"])
        tables.write_json(asked, identity)
    return plan, _towns(towns[covered]), int((~covered).sum())


def _towns(frame: pd.DataFrame) -> list[Town]:
    population = frame[f"pop_{tables.LATEST_POPULATION}"]
    columns = (frame["code"], frame["name"], frame["departement"], population, frame["epsg"])
    return [Town(*row) for row in zip(*columns, frame["lon"], frame["lat"], strict=True)]


def _prepare_bases(bases: Bases, folder: Path, codes: pd.Series) -> None:
    """Write the squares by commune, and the places of care by tile."""
    folder.mkdir(parents=True, exist_ok=True)
    squares = people.read_carreaux_200m(
        bases.squares, columns=("codes", "x", "y", "epsg", "imputed", "persons")
    )
    longest = int(squares["codes"].str.len().max()) // 5
    parts = []
    for i in range(longest):
        code = squares["codes"].str.slice(5 * i, 5 * i + 5)
        parts.append(squares[code.isin(codes)].assign(code=code))
    table = pa.Table.from_pandas(pd.concat(parts).sort_values(["code", "y", "x"]))
    pq.write_table(table, folder / "squares.parquet", compression="zstd", row_group_size=8_192)
    if bases.bpe:
        points = equipment.read_bpe_points(bases.bpe, types=access.BPE_KINDS)
        points = points.dropna(subset=["x", "y"])
        for epsg in points["epsg"].unique():
            here = points["epsg"] == epsg
            x, y = (points.loc[here, axis].to_numpy() for axis in ("x", "y"))
            points.loc[here, ["lon", "lat"]] = network.unproject(x, y, int(epsg))
        kept = points[["typequ", "x", "y", "epsg", "lon", "lat"]]
        tiles.write_points(kept, folder / "bpe.parquet")
    if bases.finess:
        places = equipment.read_finess(bases.finess).dropna(subset=["lon", "lat"])
        places = places[places["category"].isin(access.FINESS_KINDS)]
        tiles.write_points(places[["category", "lon", "lat"]], folder / "finess.parquet")


def run(
    extracts: Sequence[Path],
    bases: Bases,
    folder: Path,
    *,
    modes: Sequence[Mode] = ("walk", "bike"),
    jobs: int = 1,
    scheduler: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> FleetReport:
    """Compute the access to care of every PVD that some extracts cover.

    Parameters
    ----------
    extracts, bases, folder, modes
        As for :func:`prepare`.
    jobs : int
        Processes on this machine.
    scheduler : str
        Address of a Dask scheduler (``tcp://…:8786``), whose workers have the same version
        of the project and see the folder at the same path; ``jobs`` does not count then.
    progress : callable
        Called with a French sentence after each town.

    Returns
    -------
    FleetReport
        Towns that failed are in it, and are tried again by the next run.

    Raises
    ------
    FleetError
        The folder is that of another run, or is in use; no town is covered; the scheduler
        does not answer; a process died. What is done is done: the next run goes on.
    """
    start = time.perf_counter()
    if not extracts:
        raise FleetError("Aucun extrait OpenStreetMap n’est donné.", hint=_WHICH)
    folder = folder.resolve()
    with _alone(folder):
        progress("Découpage des extraits et préparation des bases…")
        plan, towns, elsewhere = prepare(extracts, bases, folder, modes=modes)
        if not towns:
            raise FleetError(
                "Aucune Petite ville de demain n’est dans ces extraits.",
                hint=_WHICH,
            )
        report = FleetReport(folder / "resultats.csv", elsewhere=elsewhere)
        report.cars = access.only_cars(tiles.open_store(plan.folder / "tuiles").highways())
        done = folder / "villes"
        done.mkdir(exist_ok=True)
        waiting = [town for town in towns if not (done / f"{town.code}.json").is_file()]
        report.resumed = sorted({t.code for t in towns} - {t.code for t in waiting})
        names = {town.code: town.name for town in towns}
        with (folder / "journal.csv").open("a", encoding="utf-8", newline="") as stream:
            journal = csv.writer(stream)
            for count, outcome in enumerate(_outcomes(waiting, plan, jobs, scheduler), 1):
                if outcome.line is None:
                    report.failed[outcome.code] = outcome.reason
                else:
                    tables.write_json(outcome.line, done / f"{outcome.code}.json")
                    report.done.append(outcome.code)
                cost = (outcome.seconds, outcome.cpu_s, outcome.peak_mib)
                status = "failed" if outcome.reason else "ok"
                journal.writerow([outcome.code, status, *(f"{value:.3f}" for value in cost)])
                stream.flush()
                progress(_told(count, len(waiting), names[outcome.code], outcome))
        _gather(towns, plan, report)
    report.seconds = time.perf_counter() - start
    return report


def read_modes(text: str) -> list[Mode]:
    """Return the modes of a text: ``"walk,bike"``."""
    asked = [word.strip() for word in text.split(",")]
    known: list[Mode] = [mode for mode in network.SPEED_BAND_KMH if mode in asked]
    if len(known) != len(asked):
        raise FleetError(
            f"Modes inconnus ou répétés : « {text} ».", hint="Donnez walk, bike ou walk,bike."
        )
    return known


def _told(count: int, total: int, name: str, outcome: Outcome) -> str:
    told = outcome.reason or f"{number(outcome.seconds, 1)}{NBSP}s"
    return f"{number(count)}/{number(total)} {name} ({outcome.code}){NBSP}: {told}"


def _alone(folder: Path) -> FileLock:
    """Return the lock of a folder, taken: two runs at once would do the same towns."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".verrou", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise FleetError(
            f"Un autre calcul est en cours dans le dossier {folder}.",
            hint="Attendez sa fin, ou choisissez un autre dossier (--output).",
        ) from error
    return lock


def _outcomes(towns: Sequence[Town], plan: Plan, jobs: int, scheduler: str) -> Iterator[Outcome]:
    """Yield what becomes of each town, as soon as it is known."""
    if scheduler:
        yield from _on_cluster(towns, plan, scheduler)
    elif jobs == 1:
        yield from (_attempt(town, plan) for town in towns)
    else:
        yield from _in_processes(towns, plan, jobs)


def _in_processes(towns: Sequence[Town], plan: Plan, jobs: int) -> Iterator[Outcome]:
    # Only here, as Dask below: each takes a part of a second to import.
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pool = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    try:
        yield from pool(delayed(_attempt)(town, plan) for town in towns)
    except TerminatedWorkerError as error:
        raise FleetError(
            "Un processus de calcul a été arrêté par le système, sans doute faute de mémoire.",
            hint=f"{_GO_ON} avec moins de processus (--jobs).",
        ) from error


_WHICH: Final = "Donnez l’extrait d’une région, par exemple --osm corse-latest.osm.pbf."
_GO_ON: Final = "Relancez la même commande : elle reprend où elle en était. Au besoin,"


def _on_cluster(towns: Sequence[Town], plan: Plan, address: str) -> Iterator[Outcome]:
    from distributed import Client, as_completed
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise FleetError(
            f"Aucun planificateur Dask ne répond à l’adresse {address} : {error}.",
            hint="Vérifiez l’adresse (tcp://hôte:8786), et que le planificateur est lancé.",
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise FleetError(
                f"Le planificateur {address} n’a aucun ouvrier.",
                hint="Lancez au moins un « dask worker » à cette adresse.",
            ) from error
        futures = {
            client.submit(_attempt, town, plan, key=f"pvd-{plan.code}-{town.code}"): town.code
            for town in towns
        }
        try:
            for future in as_completed(list(futures)):
                code = futures.pop(future)
                try:
                    outcome = future.result()
                except KilledWorker:
                    outcome = Outcome(
                        code, None, "Les ouvriers qui la calculaient sont tous morts."
                    )
                future.release()  # what is known need not be computed again if a worker dies
                yield outcome
        except (CancelledError, CommClosedError, OSError) as error:
            raise FleetError(
                f"La liaison avec le planificateur {address} est rompue : {error}.",
                hint=f"{_GO_ON} relancez d’abord le planificateur.",
            ) from error


def _gather(towns: Sequence[Town], plan: Plan, report: FleetReport) -> None:
    """Write the results: one line a town, in the order of codes, complete or not at all."""
    lines: list[dict[str, Any]] = []
    for town in towns:
        path = plan.folder / "villes" / f"{town.code}.json"
        if path.is_file():
            line = json.loads(path.read_text(encoding="utf-8"))
            lines.append({"status": "ok", **line})
        else:
            line = {"code": town.code, "name": town.name, "departement": town.departement}
            lines.append({**line, "status": "failed", "reason": report.failed[town.code]})
    names = columns(plan.modes)
    partial = report.results.with_name(f".{report.results.name}.part")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*names[:3], "status", "reason", *names[3:]], restval="")
        writer.writeheader()
        writer.writerows(lines)
    partial.replace(report.results)
