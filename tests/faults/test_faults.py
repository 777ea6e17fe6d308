"""What happens to the tables when the machine, the disk, a producer or the clock misbehaves.

Each test is a line of the table of faults: what is tried, then what must hold. The faults of
downloads (cut, slow, refused, corrupt cache, killed, two at once) are in test_sources.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest
import small_build
from filelock import FileLock

from utils import build, sources, tables
from utils.build import workshop
from utils.catalogue import Source, load_sources
from utils.errors import SourceError, TableError

SCRIPT = Path(__file__).with_name("small_build.py")
LIMIT = 100_000  # bytes: the small tables fit, the large one does not


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds the first edition."""
    monkeypatch.setattr(build, "BUILDERS", build.BUILDERS)  # put back in the end
    folder = tmp_path / "tables"
    assert small_build.make(folder, 1).written == list(small_build.NAMES)
    return folder


# -- kill -9 ---------------------------------------------------------------------------


def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path) -> None:
    done = run("kills", str(tmp_path / "tables"), "20", "20260427")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen["met"]) <= {"édition 1", "édition 2", "à refaire, et dite telle"}
    assert seen["met"]["à refaire, et dite telle"] >= 1, "the last phase was hit"
    assert seen["in the end"] == "édition 2"
    assert seen["left"] == ["grande.parquet", "manifest.json", "moyenne.parquet", "petite.parquet"]


# -- disks -----------------------------------------------------------------------------


def test_no_room_for_a_file(built: Path) -> None:
    before = contents(built)
    limited = ["bash", "-c", f'ulimit -f {LIMIT // 1024}; exec "$@"', "-"]
    done = subprocess.run(
        [*limited, sys.executable, str(SCRIPT), "build", str(built), "2"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "plus gros que la limite" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(built) == before
    assert not [path for path in built.iterdir() if path.is_dir()]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a disk of one megabyte, where the system lets us."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("le système n’accorde pas de monter un disque")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def test_full_disk(built: Path, small_disk: Path) -> None:
    folder = Path(shutil.copytree(built, small_disk / "tables"))
    (small_disk / "autre").write_bytes(bytes(shutil.disk_usage(small_disk).free - 50_000))
    before = contents(folder)
    done = run("build", str(folder), "2")
    assert done.returncode == 2, done.stderr
    assert "plus de place sur le disque" in done.stderr
    assert contents(folder) == before
    (small_disk / "autre").unlink()
    assert tables.verify_tables(folder) == []


def test_read_only_folder(built: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(built, Path(place) / "tables"))
        (Path(place) / ".tables.lock").touch()
        Path(place, ".tables.lock").chmod(0o666)
        folder.chmod(0o555)
        Path(place).chmod(0o755)
        before = contents(folder)
        done = run("build", str(folder), "2", "nobody")
        folder.chmod(0o755)
        assert done.returncode == 2, done.stderr
        assert "accès refusé" in done.stderr
        assert contents(folder) == before


# -- damaged tables --------------------------------------------------------------------

LOADERS: dict[str, Callable[[], object]] = {
    "towns": tables.load_towns,
    "indicators_soins": lambda: tables.load_indicators("apl_medecin_generaliste"),
    "contours_pvd": tables.load_contours,
    "lieux_culture": tables.load_places,
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("damage", ["un octet", "coupée", "vide", "autre chose", "absente"])
def test_a_damaged_table_is_said_and_never_read(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (f"{name}.parquet", "manifest.json"):
        shutil.copy(tables.TABLES / file, tmp_path / file)
    path = tmp_path / f"{name}.parquet"
    body = bytearray(path.read_bytes())
    body[len(body) // 3] ^= 1
    hurt = {
        "un octet": bytes(body),
        "coupée": bytes(body[:-100]),
        "vide": b"",
        "autre chose": b"PAR1" + bytes(200) + b"PAR1",
    }
    path.unlink()
    if damage in hurt:
        path.write_bytes(hurt[damage])
    monkeypatch.setattr(tables, "TABLES", tmp_path)
    forget()
    with pytest.raises(TableError, match=r"abîmée|manque") as caught:
        LOADERS[name]()
    assert "pvd data" in caught.value.hint
    forget()


def forget() -> None:
    """Empty what was kept of the tables."""
    for kept in (tables._towns, tables._indicator_group, tables._check_intact):
        kept.cache_clear()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tables": []}', '{"tables": "x"}', "\udcff"])
def test_a_damaged_manifest_is_said(text: str, built: Path) -> None:
    (built / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(TableError, match="manifeste"):
        tables.verify_tables(built)
    with pytest.raises(TableError, match="manifeste"):
        small_build.make(built, 2)


# -- two at once -----------------------------------------------------------------------


def test_two_builds_at_once(built: Path) -> None:
    before = contents(built)
    with FileLock(built.parent / ".tables.lock"):  # as the first one holds it
        done = run("build", str(built), "2")
    assert done.returncode == 2
    assert "Une autre commande reconstruit déjà" in done.stderr
    assert contents(built) == before
    assert small_build.make(built, 2).ok


# -- producers and clocks --------------------------------------------------------------


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change what the catalogue says of the one source of the synthetic table."""

    def set_to(**changes: object) -> None:
        plain: Source = replace(
            load_sources()["bpe_2018"], id="essai", mirror=None, sha256=None, vintage="2024"
        )
        catalogue = MappingProxyType({"essai": replace(plain, **changes)})
        monkeypatch.setattr(workshop, "load_sources", lambda: catalogue)

    monkeypatch.setattr(build, "BUILDERS", {"essai": lambda shop: pd.read_csv(shop.path("essai"))})
    set_to()
    return set_to


def test_yesterdays_file_under_todays_name(tmp_path: Path, source: Callable[..., None]) -> None:
    file, folder = tmp_path / "essai.csv", tmp_path / "tables"
    file.write_text("code,value\n46127,1\n")
    assert build.build_tables(fetch=lambda _: file, folder=folder).ok
    before = contents(folder)
    source(vintage="2025")
    report = build.build_tables(fetch=lambda _: file, folder=folder)
    assert "celui du millésime 2024" in report.failed["essai"].replace("\u00a0", " ")
    assert contents(folder) == before
    source(vintage="2025", sha256=tables.file_sha256(file))  # the catalogue vouches for it
    assert build.build_tables(fetch=lambda _: file, folder=folder).ok
    source(vintage="2026")
    file.write_text("code,value\n46127,2\n")
    assert build.build_tables(fetch=lambda _: file, folder=folder).written == ["essai"]


def test_a_source_that_cannot_be_read_leaves_its_table(
    tmp_path: Path, source: Callable[..., None]
) -> None:
    source()
    report = build.build_tables(fetch=lambda _: tmp_path, folder=tmp_path / "tables")
    assert "ne se lit pas" in report.failed["essai"]
    assert not contents(tmp_path / "tables")


@pytest.mark.parametrize("moment", [0, 4_000_000_000], ids=["1970", "2096"])
def test_the_clock_changes_nothing(
    moment: int, tmp_path: Path, source: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source()
    file, folder = tmp_path / "essai.csv", tmp_path / "tables"
    file.write_text("code,value\n46127,1\n")
    build.build_tables(fetch=lambda _: file, folder=folder)
    before = contents(folder)
    for path in [file, *tmp_path.glob(".*"), *folder.iterdir()]:
        os.utime(path, (moment, moment))
    monkeypatch.setattr(time, "time", lambda: float(moment))
    report = build.build_tables(fetch=lambda _: file, folder=folder)
    assert report.unchanged == ["essai"]
    assert contents(folder) == before


def test_the_clock_does_not_age_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PVD_MIRROR", "PVD_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    entry = replace(load_sources()["bpe_2018"], id="essai", format="csv", mirror=None, sha256=None)
    getter = sources._Getter(entry, tmp_path, offline=True, progress=False, limits=sources.Limits())
    path = getter._store("producteur", "https://exemple.fr/t.csv", lambda s: s.write(b"a;b\n1;2\n"))
    for moment in (0, 4_000_000_000):
        for file in path.parent.iterdir():
            os.utime(file, (moment, moment))
        assert sources.fetch("essai", entry=entry, cache=tmp_path, offline=True) == path
    path.write_bytes(b"a;b\n1;3\n")  # same length, another content
    os.utime(path, (0, 0))
    with pytest.raises(SourceError):
        sources.fetch("essai", entry=entry, cache=tmp_path, offline=True)
