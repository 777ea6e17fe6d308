"""Regional extracts of OpenStreetMap in tiles: one pass over them, then one window a town.

A store is a folder of Parquet files sorted by tile. The statistics of their row groups tell
which of them a window needs, and the others are not read. A segment of street is in the tile
of each of its two ends, so that a window holds every segment that has an end in it.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from utils.errors import LayoutError
from utils.readers._parquet import query
from utils.readers.osm import Box, OsmExtract, read_osm_pieces

__all__ = [
    "CARE",
    "TILE_DEG",
    "Store",
    "build_store",
    "described",
    "open_store",
    "read_points",
    "tile_of",
    "write_points",
]

#: Side of a tile, degrees: 5.6 km from south to north, and 3.9 km from west to east at 45°.
TILE_DEG: Final = 0.05
_COLUMNS: Final = round(360 / TILE_DEG)
#: Rows of a row group, the least that is read: the streets of about three rural tiles.
ROW_GROUP: Final = 20_480

#: What the sort of the rows may hold before it spills to disk.
SORT_MEMORY: Final = "400MB"

#: Kinds of places kept (:attr:`utils.readers.osm.OsmExtract.places`).
CARE: Final = ("pharmacy", "doctors", "dentist", "nurse", "physiotherapist", "hospital", "clinic")

_VERSION: Final = 1
_UNIT: Final = 1e7  # coordinates are whole numbers of 1e-7 degree, as in OpenStreetMap
_STREET: Final = ["way", "highway", "surface", "tracktype", "walk", "bike_forward", "bike_backward"]
_END: Final = ("id", "lon", "lat", "walk_barrier", "bike_barrier")

Range = tuple[int, int]


def tile_of(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the number of the tile of each place (degrees): by rows, from the south-west."""
    row, column = np.floor((lat + 90) / TILE_DEG), np.floor((lon + 180) / TILE_DEG)
    return (row * _COLUMNS + column).astype(np.int32)


def _ranges(box: Box) -> list[Range]:
    """Return the first and last numbers of the tiles of a box, one pair a row of tiles."""
    west, south, east, north = box
    first, last = tile_of(np.array([west, east]), np.array([south, south]))
    rows = int(tile_of(np.array([west]), np.array([north]))[0] - first) // _COLUMNS
    return [(int(first) + i * _COLUMNS, int(last) + i * _COLUMNS) for i in range(rows + 1)]


# --------------------------------------------------------------------------- writing


def build_store(extracts: Sequence[Path], folder: Path) -> Store:
    """Cut extracts in tiles, or return the store that has been cut from the same already.

    Each extract is passed over once. Pieces of half a million nodes are written as they come,
    then sorted within :data:`SORT_MEMORY`, on disk beyond. The care is held whole: a few places
    a town.

    Parameters
    ----------
    extracts : sequence of Path
        Extracts, of neighbouring regions for instance: a street that several have is kept once.
    folder : Path
        Where the store is; it appears complete or not at all.

    Raises
    ------
    LayoutError
        An extract is absent or corrupt, or none has any street.
    """
    made_from = [described(path) for path in extracts]
    if (folder / "store.json").is_file():
        store = open_store(folder)
        if store.made_from == made_from:
            return store
    staging = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    streets, homes = staging / "streets", staging / "homes"
    streets.mkdir(parents=True)
    homes.mkdir()
    boxes, places, count = [], [], 0
    for path in extracts:
        extents = []
        for piece in read_osm_pieces(path):
            pq.write_table(_segment_rows(piece), streets / f"{count:06}.parquet")
            pq.write_table(_point_rows(piece.buildings), homes / f"{count:06}.parquet")
            count += 1
            extents.append(piece.box)
            places.append(piece.places[piece.places["kind"].isin(CARE)])
        boxes.append(_hull(extents, path.name))
    for runs, order in ((streets, "tile, way, a_id, b_id"), (homes, "tile, osm")):
        _sort(runs, staging / f"{runs.name}.parquet", order)
        shutil.rmtree(runs)
    care = pd.concat(places, ignore_index=True).drop_duplicates(["osm", "kind"])
    write_points(care, staging / "care.parquet")
    content = {
        "version": _VERSION,
        "tile_deg": TILE_DEG,
        "extracts": made_from,
        "boxes": boxes,
        "tiles": _tiles(staging / "streets.parquet"),
    }
    (staging / "store.json").write_text(json.dumps(content), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return open_store(folder)


def described(path: Path) -> dict[str, str]:
    """Return the name and the SHA-256 of an extract.

    Raises
    ------
    LayoutError
        The file is absent.
    """
    if not path.is_file():
        raise LayoutError(
            f"L’extrait {path} n’existe pas.",
            hint="Donnez le chemin d’un extrait régional d’OpenStreetMap (.osm.pbf).",
        )
    with path.open("rb") as stream:
        return {"name": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _hull(boxes: Iterable[Box], label: str) -> Box:
    """Return the box of the pieces of an extract: the header's, or that of all its streets."""
    known = np.array([box for box in boxes if np.isfinite(box).all()]).reshape(-1, 4)
    if not len(known):
        raise LayoutError(
            f"L’extrait {label} ne contient aucune rue.",
            hint="Prenez un extrait régional complet (.osm.pbf), avec ses voies (highway).",
        )
    west, south = known[:, :2].min(axis=0)
    east, north = known[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def _segment_rows(piece: OsmExtract) -> pa.Table:
    """Return the segments of a piece: the street, its two ends, and the tile of each end."""
    columns: dict[str, Any] = {}
    streets = piece.streets.iloc[piece.segments["street"].to_numpy()]
    for name in _STREET:
        values = pa.array(streets[name])
        text = pa.types.is_large_string(values.type)
        columns[name] = values.dictionary_encode() if text else values
    tiles = []
    for end in ("a", "b"):
        nodes = piece.nodes.iloc[piece.segments[end].to_numpy()]
        tiles.append(tile_of(nodes["lon"].to_numpy(), nodes["lat"].to_numpy()))
        for name in _END:
            values = nodes[name].to_numpy()
            if name in {"lon", "lat"}:
                values = np.round(values * _UNIT).astype(np.int32)
            columns[f"{end}_{name}"] = values
    once = pa.table({"tile": tiles[0], **columns})
    other = np.flatnonzero(tiles[1] != tiles[0])
    twice = once.take(other).set_column(0, "tile", pa.array(tiles[1][other]))
    return pa.concat_tables([once, twice])


def _tiles(path: Path) -> list[int]:
    """Return the numbers of the tiles that have a street, a row group at a time."""
    found: set[int] = set()
    with pq.ParquetFile(path) as file:
        for i in range(file.num_row_groups):
            found |= set(file.read_row_group(i, columns=["tile"])["tile"].unique().to_pylist())
    return sorted(found)


def write_points(points: pd.DataFrame, path: Path) -> None:
    """Write places (``lon``, ``lat``, degrees, and other columns) sorted by tile."""
    table = _point_rows(points).sort_by("tile")
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)


def _point_rows(points: pd.DataFrame) -> pa.Table:
    tile = tile_of(points["lon"].to_numpy(dtype=float), points["lat"].to_numpy(dtype=float))
    return pa.Table.from_pandas(points.assign(tile=tile), preserve_index=False)


def _sort(runs: Path, target: Path, order: str) -> None:
    """Sort the files of a folder into one, on disk when they do not fit in memory."""
    query(
        f"COPY (SELECT * FROM read_parquet($runs) ORDER BY {order}) TO $target"  # noqa: S608
        f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
        {"runs": [glob.escape(str(run)) for run in sorted(runs.iterdir())], "target": str(target)},
        label=target.name,
        memory=SORT_MEMORY,
    )


# --------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Store:
    """Extracts cut in tiles.

    Attributes
    ----------
    folder
        Its folder.
    made_from
        Name and digest of each extract.
    boxes
        What each extract covers: west, south, east, north (degrees).
    tiles
        Numbers of the tiles that have a street.
    """

    folder: Path
    made_from: list[dict[str, str]]
    boxes: tuple[Box, ...]
    tiles: NDArray[np.int64]

    def covers(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which places are in the box of an extract and in a tile that has a street."""
        inside = np.zeros(len(lon), dtype=bool)
        for west, south, east, north in self.boxes:
            inside |= (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
        return inside & np.isin(tile_of(lon, lat), self.tiles)

    def highways(self) -> set[str]:
        """Return the kinds of streets that there are, reading a row group at a time."""
        found: set[str] = set()
        with pq.ParquetFile(self.folder / "streets.parquet") as file:
            for i in range(file.num_row_groups):
                column = file.read_row_group(i, columns=["highway"])["highway"]
                found |= set(column.unique().to_pylist())
        return found

    def holes(self, box: Box) -> list[Box]:
        """Return the tiles that touch a box and have no street: forest, sea, or beyond."""
        numbers = np.concatenate([np.arange(first, last + 1) for first, last in _ranges(box)])
        row, column = np.divmod(np.setdiff1d(numbers, self.tiles), _COLUMNS)
        south, west = row * TILE_DEG - 90, column * TILE_DEG - 180
        edges = np.column_stack([west, south, west + TILE_DEG, south + TILE_DEG])
        return [(w, s, e, n) for w, s, e, n in edges.round(7).tolist()]

    def window(self, box: Box) -> OsmExtract:
        """Return the streets that have an end in a box, the care and the homes in it.

        Parameters
        ----------
        box : tuple of float
            West, south, east, north, degrees.

        Returns
        -------
        OsmExtract
            As :func:`utils.readers.osm.read_osm` gives it; ``box`` is what the extracts cover of
            the box asked for: never more, a little less where it straddles the corner of several.

        Raises
        ------
        LayoutError
            A file of the store is absent or corrupt.
        """
        found = _read(self.folder / "streets.parquet", _ranges(box))
        west, south, east, north = box
        near = np.zeros(len(found), dtype=bool)
        for end in ("a", "b"):
            lon, lat = (found[f"{end}_{axis}"].to_numpy() / _UNIT for axis in ("lon", "lat"))
            near |= (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
        rows = found.filter(pa.array(near)).to_pandas()
        rows = rows.drop_duplicates(["way", "a_id", "b_id"])
        nodes, streets, segments = _network(rows.sort_values(["way", "a_id", "b_id"]))
        return OsmExtract(
            nodes=nodes,
            streets=streets,
            segments=segments,
            places=read_points(self.folder / "care.parquet", box),
            buildings=read_points(self.folder / "homes.parquet", box).drop_duplicates(
                "osm", ignore_index=True
            ),
            box=self._covered(box),
            cut=0,
        )

    def _covered(self, box: Box) -> Box:
        asked = shapely.box(*box)
        known = [shapely.box(*one) for one in self.boxes]
        if shapely.covers(shapely.union_all(known), asked):
            return box
        parts = [shapely.intersection(asked, one) for one in known]
        west, south, east, north = max(parts, key=shapely.area).bounds
        return west, south, east, north


def open_store(folder: Path) -> Store:
    """Open the store of a folder.

    Raises
    ------
    LayoutError
        There is none, or another version of the project wrote it.
    """
    try:
        content = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        known = (content["version"], content["tile_deg"]) == (_VERSION, TILE_DEG)
        boxes = tuple(tuple(box) for box in content["boxes"])
        made_from = content["extracts"]
        numbers = np.array(content["tiles"], dtype=np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutError(
            f"Le dossier {folder} n’est pas un dossier de tuiles lisible : {error}.",
            hint="Supprimez-le : il sera refait à partir des extraits.",
        ) from error
    if not known:
        raise LayoutError(
            f"Les tuiles de {folder} ont été écrites par une autre version du projet.",
            hint="Supprimez ce dossier : il sera refait à partir des extraits.",
        )
    return Store(folder, made_from, boxes, numbers)


def read_points(path: Path, box: Box) -> pd.DataFrame:
    """Return the places of a file of :func:`write_points` that are in a box (degrees)."""
    frame = _read(path, _ranges(box)).to_pandas().drop(columns="tile")
    west, south, east, north = box
    inside = frame["lon"].between(west, east) & frame["lat"].between(south, north)
    kept: pd.DataFrame = frame[inside]
    return kept.reset_index(drop=True)


def _read(path: Path, ranges: Sequence[Range]) -> pa.Table:
    """Read the row groups of a sorted file that have a tile in some ranges."""
    first, last = np.array(ranges).T
    try:
        metadata, low, high = _groups(path, path.stat().st_mtime_ns)
        touched = (low[:, None] <= last) & (high[:, None] >= first)
        with pq.ParquetFile(path, metadata=metadata) as file:
            return file.read_row_groups(np.flatnonzero(touched.any(axis=1)).tolist())
    except (pa.ArrowInvalid, OSError) as error:
        raise LayoutError(
            f"Le fichier de tuiles {path} est absent ou abîmé : {error}.",
            hint="Supprimez le dossier des tuiles : il sera refait à partir des extraits.",
        ) from error


@functools.lru_cache(maxsize=16)
def _groups(
    path: Path, changed: int
) -> tuple[pq.FileMetaData, NDArray[np.int64], NDArray[np.int64]]:
    """Return the metadata of a file, and the first and last tiles of its row groups.

    Kept from one window to the next: the metadata of a large region are long to read.
    """
    metadata = pq.read_metadata(path)
    tile = metadata.schema.names.index("tile")
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    spans = [group.column(tile).statistics for group in groups if group.num_rows]
    low, high = np.array([(s.min, s.max) for s in spans], dtype=np.int64).reshape(-1, 2).T
    return metadata, low, high


def _network(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the frames ``nodes``, ``streets`` and ``segments`` of some segments."""
    streets = rows[_STREET].drop_duplicates("way")
    street = np.searchsorted(streets["way"].to_numpy(), rows["way"].to_numpy())
    both = {name: np.concatenate([rows[f"{end}_{name}"] for end in "ab"]) for name in _END}
    _, first, position = np.unique(both["id"], return_index=True, return_inverse=True)
    nodes = pd.DataFrame({name: values[first] for name, values in both.items()})
    nodes[["lon", "lat"]] /= _UNIT
    a, b = position.reshape(2, -1)
    segments = pd.DataFrame({"street": street, "a": a, "b": b})
    return nodes, streets.reset_index(drop=True), segments
