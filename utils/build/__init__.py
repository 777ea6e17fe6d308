"""Building the embedded tables from the sources (``pvd data``).

A module a theme. Each table has a builder, which asks a :class:`Workshop` for the frames it
needs; each indicator has a method, named in ``data/indicators.yml``. A source that cannot be
had leaves the tables that need it untouched; the others are rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
from filelock import FileLock, Timeout

from utils import __version__, communes, sources, tables
from utils.build import care, commerce, culture, energy, streets, territory
from utils.build.commerce import SIGNS, refresh_brands
from utils.build.workshop import Asked, Builder, Method, Workshop, complete, universe
from utils.catalogue import DATA, load_indicators_catalogue
from utils.errors import LayoutError, SourceError, TableError, reason

__all__ = [
    "BUILDERS",
    "SIGNS",
    "BuildReport",
    "Workshop",
    "build_tables",
    "code_digest",
    "complete",
    "refresh_brands",
]

#: Modules whose text decides what the tables hold; their digest is in the manifest.
_CODE: Final = (
    "access.py",
    "brands.py",
    "build",
    "care.py",
    "catalogue.py",
    "commerce.py",
    "communes.py",
    "culture.py",
    "energy.py",
    "network.py",
    "tables.py",
    "territory.py",
    "readers",
)

#: Decimals kept in the tables: the last bits of a logarithm depend on the processor, and
#: the tables must come out the same on all.
DECIMALS: Final = 6


def code_digest() -> str:
    """Return a short digest of the code and catalogues that decide what the tables hold."""
    package = Path(__file__).parent.parent
    files = [
        file
        for name in _CODE
        for file in (sorted((package / name).glob("*.py")) or [package / name])
    ]
    files += [*sorted(DATA.glob("*.csv")), DATA / "indicators.yml"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _indicator_builder(group: str) -> Callable[[Workshop], pd.DataFrame]:
    def build(shop: Workshop) -> pd.DataFrame:
        codes = universe(shop)
        parts = []
        for name, indicator in load_indicators_catalogue().items():
            if indicator.build["table"] != group:
                continue
            method = METHODS[indicator.build["method"]]
            parts += [
                frame.assign(indicator=name) for frame in method(Asked(indicator, shop, codes))
            ]
        frame = pd.concat(parts, ignore_index=True)
        frame["year"] = frame["year"].astype("int16")
        frame["value"] = frame["value"].round(DECIMALS)
        frame = frame.sort_values(["indicator", "year", "code"], ignore_index=True)
        return frame[["code", "indicator", "year", "value", "status"]]

    return build


_THEMES: Final = (territory, commerce, culture, energy, care, streets)

METHODS: Final[Mapping[str, Method]] = {
    name: method for theme in _THEMES for name, method in theme.METHODS.items()
}

BUILDERS: Final[Mapping[str, Builder]] = {
    **{name: builder for theme in _THEMES for name, builder in theme.BUILDERS.items()},
    **{f"indicators_{group}": _indicator_builder(group) for group in tables.INDICATOR_GROUPS},
}

#: How the name of the folder of new tables begins, while they are built.
_STAGING: Final = ".nouvelles-"

_STATUSES: Final = ("ok", "zero", "absent", "secret")


@dataclass(slots=True)
class BuildReport:
    """What a run of :func:`build_tables` did."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether every table could be built."""
        return not self.failed


def build_tables(
    *,
    fetch: Callable[[str], Path] = sources.fetch,
    folder: Path = tables.TABLES,
    only: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> BuildReport:
    """Build the embedded tables and their manifest.

    Parameters
    ----------
    fetch : callable
        Source id -> path.
    folder : Path
        Where tables and manifest are written.
    only : sequence of str
        Names of tables to build; all when empty.
    progress : callable
        Called with the name of each table before it is built.

    Returns
    -------
    BuildReport
        A table whose source cannot be had, or has not the expected layout, is in
        ``failed`` with the reason, and its old file is untouched.

    Raises
    ------
    TableError
        The folder cannot be written, or another process builds there; every table is then
        as it was.
    """
    with _sole_builder(folder), _staging(folder) as staging:
        return _build(fetch, folder, only, progress, staging)


def _build(
    fetch: Callable[[str], Path],
    folder: Path,
    only: Sequence[str],
    progress: Callable[[str], None],
    staging: Path,
) -> BuildReport:
    """Build the tables aside, then put them in their places with the manifest, all at once."""
    report = BuildReport()
    entries: dict[str, Any] = {}
    if (folder / "manifest.json").is_file():
        entries = dict(tables.load_manifest(folder)["tables"])
    shop = Workshop(
        fetch, {one["id"]: one for entry in entries.values() for one in entry["sources"]}
    )
    entries = {name: entry for name, entry in entries.items() if name in BUILDERS}
    for name, builder in BUILDERS.items():
        if only and name not in only:
            continue
        progress(name)
        shop.used.clear()
        shop.reports.clear()
        try:
            frame = builder(shop)
        except (SourceError, LayoutError) as error:
            report.failed[name] = str(error)
            continue
        new, old = staging / f"{name}.parquet", folder / f"{name}.parquet"
        tables.write_parquet(frame, new)
        before = tables.file_sha256(old) if old.is_file() else ""
        after = tables.file_sha256(new)
        (report.unchanged if before == after else report.written).append(name)
        entries[name] = _entry(name, frame, after, new.stat().st_size, shop)
    if report.written or report.unchanged:
        tables.write_json({"version": 1, "tables": entries}, staging / "manifest.json")
        for name in report.written:
            (staging / f"{name}.parquet").replace(folder / f"{name}.parquet")
        (staging / "manifest.json").replace(folder / "manifest.json")
    return report


@contextmanager
def _sole_builder(folder: Path) -> Iterator[None]:
    """Refuse to build where another process does; one that was killed holds nothing."""
    lock = FileLock(folder.parent / f".{folder.name}.lock", blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TableError(
            f"Une autre commande reconstruit déjà les tables de {folder}.",
            hint="Attendez qu’elle finisse, puis recommencez.",
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give a folder beside the tables for the new ones; nothing of it stays.

    What a build that was killed left is removed first.
    """
    try:
        for left in folder.glob(f"{_STAGING}*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=folder, prefix=_STAGING) as staging:
            yield Path(staging)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> TableError:
    return TableError(
        f"Les tables ne peuvent pas être écrites dans {folder} : {reason(error)}.",
        hint="Libérez de la place, ou vérifiez les droits sur ce dossier.",
    )


def _entry(
    name: str, frame: pd.DataFrame, sha256: str, size: int, shop: Workshop
) -> dict[str, Any]:
    group = name.removeprefix("indicators_")
    gaps = sorted(
        {
            indicator.gaps
            for indicator in load_indicators_catalogue().values()
            if indicator.build["table"] == group and indicator.gaps
        }
    )
    entry: dict[str, Any] = {
        "file": f"{name}.parquet",
        "rows": len(frame),
        "columns": list(frame.columns),
        "bytes": size,
        "sha256": sha256,
        "sources": shop.provenance(),
        "code": f"{__version__}+{code_digest()}",
        "gaps": gaps if name.startswith("indicators_") else _table_gaps(name, frame),
        "passage": [json.loads(json.dumps(report.as_dict())) for report in _unique(shop.reports)],
    }
    if "status" in frame:
        entry["status"] = {s: int((frame["status"] == s).sum()) for s in _STATUSES}
    return entry


def _unique(reports: Sequence[communes.CarryReport]) -> list[communes.CarryReport]:
    return list({report.label: report for report in reports}.values())


def _table_gaps(name: str, frame: pd.DataFrame) -> list[str]:
    if name == "towns":
        return [
            f"{column} : inconnu pour {int(frame[column].isna().sum())} communes."
            for column in ("pop_2006", "area_km2", "density", "aav", "lon", "epci")
            if frame[column].isna().any()
        ]
    return ["Contours de 2018 : une commune nouvelle plus récente a celui de son ancien chef-lieu."]
