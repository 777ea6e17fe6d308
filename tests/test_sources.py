"""Getting files: each way in which a producer, a mirror or a disk misbehaves."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from botocore.exceptions import NoCredentialsError
from misbehaving_server import TABLE, MisbehavingServer, running

from utils import sources
from utils.catalogue import Source, source
from utils.errors import (
    ArchiveError,
    ChecksumError,
    OfflineError,
    SourceError,
    UnexpectedContentError,
)
from utils.sources import Limits, check_archive, fetch, provenance, safe_address

QUICK = Limits(attempts=3, backoff_s=0.01, connect_s=1, read_s=0.3, max_retry_after_s=0.05)
DIGEST = hashlib.sha256(TABLE).hexdigest()


@pytest.fixture(autouse=True)
def _clean_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PVD_MIRROR", "PVD_OFFLINE", "PVD_CACHE", "PVD_NPM_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with running() as one:
        yield one


def entry(url: str | None = None, **changes: Any) -> Source:
    """Return a synthetic source."""
    plain = Source(
        id="essai",
        title="Table d’essai",
        producer="Essai",
        licence="LO-2.0",
        format="csv",
        vintage="2026",
        attribution="Essai, 2026",
        url=url,
    )
    return replace(plain, **changes)


def mirrored(url: str | None = None, **changes: Any) -> Source:
    """Return a synthetic source that a mirror has."""
    return entry(url, **{"mirror": "dossier/table.csv", "sha256": DIGEST, **changes})


Get = Callable[..., Path]


@pytest.fixture
def get(tmp_path: Path, server: MisbehavingServer) -> Get:
    """Fetch a path of the server, or a source, into a cache of its own."""

    def run(what: str | Source, **changes: Any) -> Path:
        one = entry(server.address + what) if isinstance(what, str) else what
        given = {"cache": tmp_path / "cache", "limits": QUICK, **changes}
        return fetch("essai", entry=one, **given)

    return run


def leftovers(folder: Path) -> list[str]:
    """Name what a failed download left, but for the lock."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


# --------------------------------------------------------------------------- transfers


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/good", 1),
        ("/late-once", 2),
        ("/busy", 2),
        ("/busy-for-long", 2),
        ("/busy-until", 2),
        ("/sick-once", 2),
        ("/cut-once", 2),
        ("/moved", 1),
    ],
)
def test_gets_the_table_in_the_end(
    get: Get, server: MisbehavingServer, path: str, asked: int
) -> None:
    before = time.monotonic()
    assert get(path).read_bytes() == TABLE
    assert server.seen[path] == asked
    assert time.monotonic() - before < 2, "a pause asked for by the producer is capped"


@pytest.mark.parametrize(
    ("path", "error", "words", "asked"),
    [
        ("/late", SourceError, "délai dépassé", 3),
        ("/sick", SourceError, "code 500", 3),
        ("/cut", SourceError, "après 3 essais", 3),
        ("/forbidden", SourceError, "code 403", 1),
        ("/absent", SourceError, "n’a plus le fichier", 1),
        ("/moved-to-a-file", UnexpectedContentError, "adresse refusée (file)", 1),
        ("/moved-to-nonsense", SourceError, "ne peut pas être lu", 1),
        ("/moved-for-ever", SourceError, "sans fin", 10),
        ("/web-page", UnexpectedContentError, "une page web", 1),
        ("/message", UnexpectedContentError, "un message JSON", 1),
        ("/empty", UnexpectedContentError, "un fichier vide", 1),
        ("/huge", UnexpectedContentError, "anormalement gros", 1),
    ],
)
def test_refuses_and_leaves_nothing(
    get: Get,
    server: MisbehavingServer,
    tmp_path: Path,
    path: str,
    error: type[SourceError],
    words: str,
    asked: int,
) -> None:
    with pytest.raises(SourceError) as raised:
        get(path)
    assert type(raised.value) is error
    assert words in raised.value.message.replace("\u00a0", " ")
    assert raised.value.hint
    assert server.seen[path] == asked
    assert leftovers(tmp_path) == []


def test_refuses_a_body_without_end(get: Get, tmp_path: Path) -> None:
    with pytest.raises(UnexpectedContentError, match="anormalement gros"):
        get("/endless", limits=replace(QUICK, max_bytes=5000))
    assert leftovers(tmp_path) == []


def test_nobody_answers(get: Get) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="connexion impossible"):
        get(entry(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize("kind", ["zip", "xlsx", "parquet", "gpkg", "json"])
def test_refuses_another_format(get: Get, server: MisbehavingServer, kind: str) -> None:
    with pytest.raises(UnexpectedContentError):
        get(entry(f"{server.address}/good", format=kind))


# --------------------------------------------------------------------------- checksum, cache


def test_second_fetch_asks_nothing(get: Get, server: MisbehavingServer) -> None:
    first = get("/good")
    assert get("/good") == first
    assert get("/good", offline=True) == first
    assert server.seen["/good"] == 1


def test_the_note_tells_where_the_file_came_from(
    get: Get, server: MisbehavingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = entry(f"{server.address}/good?annee=2024&X-Amz-Signature=abc")
    monkeypatch.setattr(sources, "source", lambda name: one)
    assert provenance("essai", cache=tmp_path / "cache") is None
    get(one)
    found = provenance("essai", cache=tmp_path / "cache")
    assert found is not None
    assert (found.origin, found.sha256, found.bytes) == ("producteur", DIGEST, len(TABLE))
    assert found.address == f"{server.address}/good?…"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(TABLE[:-3]),
        lambda path: path.write_bytes(TABLE.replace(b"1", b"9")),
        lambda path: path.with_name(f"{path.name}.json").unlink(),
        lambda path: path.with_name(f"{path.name}.json").write_text("{"),
        lambda path: path.with_name(f"{path.name}.json").write_text('{"sha256": 3}'),
    ],
)
def test_damaged_cache_is_fetched_again(
    get: Get, server: MisbehavingServer, damage: Callable[[Path], object]
) -> None:
    damage(get("/good"))
    assert get("/good").read_bytes() == TABLE
    assert server.seen["/good"] == 2


def test_cache_that_cannot_be_written(get: Get, tmp_path: Path) -> None:
    (tmp_path / "occupé").write_text("un fichier, pas un dossier")
    with pytest.raises(SourceError, match="PVD_CACHE"):
        get("/good", cache=tmp_path / "occupé")


def test_mirror_copy_of_another_vintage_is_not_used_again(
    get: Get, server: MisbehavingServer
) -> None:
    server.files["/m/dossier/table.csv"] = TABLE
    get(mirrored(), mirror=f"{server.address}/m")
    newer = TABLE + b"97411;4\n"
    server.files["/m/dossier/table.csv"] = newer
    wanted = mirrored(sha256=hashlib.sha256(newer).hexdigest())
    assert get(wanted, mirror=f"{server.address}/m").read_bytes() == newer


# --------------------------------------------------------------------------- mirrors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a synthetic mirror that is a folder."""
    file = tmp_path / "miroir" / "dossier" / "table.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(TABLE)
    return tmp_path / "miroir"


def test_folder_is_used_in_place(get: Get, folder: Path, tmp_path: Path) -> None:
    assert get(mirrored(), mirror=folder, offline=True) == folder / "dossier" / "table.csv"
    assert not (tmp_path / "cache").exists()


def test_folder_with_a_wrong_file(get: Get, folder: Path) -> None:
    (folder / "dossier" / "table.csv").write_bytes(TABLE + b"x")
    with pytest.raises(ChecksumError, match="empreinte"):
        get(mirrored(), mirror=folder)


def test_folder_lacks_it_then_the_producer(
    get: Get, server: MisbehavingServer, tmp_path: Path
) -> None:
    one = mirrored(f"{server.address}/good")
    assert get(one, mirror=tmp_path / "vide").read_bytes() == TABLE


def test_setting_names_the_mirror(get: Get, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVD_MIRROR", str(folder))
    assert get(mirrored()).is_relative_to(folder)


def test_http_mirror(get: Get, server: MisbehavingServer, tmp_path: Path) -> None:
    server.files["/m/dossier/table.csv"] = TABLE
    path = get(mirrored(), mirror=f"{server.address}/m/")
    assert path == tmp_path / "cache" / "miroir" / "essai.csv"
    assert get(mirrored()) == path, "the cache comes first, with or without the mirror"
    assert server.seen["/m/dossier/table.csv"] == 1


def test_http_mirror_with_a_signature(get: Get, server: MisbehavingServer) -> None:
    server.files["/m/dossier/table.csv"] = TABLE
    get(mirrored(), mirror=f"{server.address}/m?sig=secret")
    assert server.asked == ["/m/dossier/table.csv?sig=secret"]


def test_http_mirror_with_a_wrong_file(get: Get, server: MisbehavingServer, tmp_path: Path) -> None:
    server.files["/m/dossier/table.csv"] = TABLE + b"x"
    with pytest.raises(ChecksumError, match="empreinte"):
        get(mirrored(f"{server.address}/good"), mirror=f"{server.address}/m")
    assert leftovers(tmp_path) == []


def test_http_mirror_lacks_it_then_the_producer(get: Get, server: MisbehavingServer) -> None:
    one = mirrored(f"{server.address}/good", format="csv")
    path = get(one, mirror=f"{server.address}/m")
    assert path.parent.name == "producteur"
    with pytest.raises(SourceError, match=r"Le miroir .* ne l’a pas"):
        get(replace(one, id="autre", url=f"{server.address}/absent"), mirror=f"{server.address}/m")


def test_official_archive_beside_the_plain_copy_of_a_mirror(
    get: Get, server: MisbehavingServer
) -> None:
    server.files["/official"] = archive_of({"table.csv": TABLE})
    server.files["/m/dossier/table.csv"] = TABLE
    one = mirrored(f"{server.address}/official", format="zip")
    assert get(one).name == "essai.zip"
    assert get(one, mirror=f"{server.address}/m").name == "essai.csv"


def test_mirror_of_another_protocol(get: Get) -> None:
    with fsspec.open("memory://seau/dossier/table.csv", "wb") as file:
        file.write(TABLE)
    assert get(mirrored(), mirror="memory://seau", offline=True).read_bytes() == TABLE


def test_mirror_of_another_protocol_lacks_it(get: Get, server: MisbehavingServer) -> None:
    one = mirrored(f"{server.address}/good")
    assert get(one, mirror="memory://vide").read_bytes() == TABLE


@pytest.mark.parametrize("fault", [PermissionError("clé-secrète"), NoCredentialsError()])
def test_mirror_of_another_protocol_refuses(
    get: Get, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def refuse(*args: object) -> None:
        raise fault

    monkeypatch.setattr(fsspec, "open", refuse)
    with pytest.raises(SourceError, match="ne donne pas") as raised:
        get(mirrored(), mirror="s3://moi:clé-secrète@seau")
    assert "secrète" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_unknown_protocol(get: Get) -> None:
    with pytest.raises(SourceError, match="ne donne pas"):
        get(mirrored(), mirror="oups://seau")


def test_nowhere(get: Get) -> None:
    with pytest.raises(SourceError, match="PVD_MIRROR") as raised:
        get(entry(landing="https://exemple.fr/page"))
    assert "https://exemple.fr/page" in raised.value.hint


# --------------------------------------------------------------------------- archives


def archive_of(members: dict[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def link() -> zipfile.ZipInfo:
    """Return a member that is a symbolic link."""
    info = zipfile.ZipInfo("lien.csv")
    info.external_attr = 0o120777 << 16
    return info


HOSTILE = {
    "dehors": (archive_of({"../evil.csv": TABLE}), "hors de son dossier"),
    "absolu": (archive_of({"/etc/evil.csv": TABLE}), "hors de son dossier"),
    "windows": (archive_of({"C:\\evil.csv": TABLE}), "hors de son dossier"),
    "lien": (archive_of({link(): b"/etc/passwd"}), "hors de son dossier"),
    "bombe": (archive_of({"table.csv": bytes(3 << 20)}), "anormalement gros"),
    "coupée": (archive_of({"table.csv": TABLE})[:-30], "illisible"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_an_archive(get: Get, server: MisbehavingServer, tmp_path: Path, name: str) -> None:
    body, words = HOSTILE[name]
    server.files["/archive"] = body
    with pytest.raises(ArchiveError, match=words):
        get(entry(f"{server.address}/archive", format="zip"))
    assert leftovers(tmp_path) == []


def test_refuses_an_archive_too_large_in_all(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(archive_of({"1.csv": os.urandom(600), "2.csv": os.urandom(600)}))
    check_archive(path)
    with pytest.raises(ArchiveError, match="anormalement gros"):
        check_archive(path, limits=replace(QUICK, max_bytes=1000))


# --------------------------------------------------------------------------- kills, races


def run_fetch(address: str, cache: Path) -> subprocess.Popen[bytes]:
    """Fetch in another process."""
    code = (
        "import sys; from pathlib import Path\n"
        "from utils.catalogue import Source; from utils.sources import fetch\n"
        "one = Source('essai', 'T', 'P', 'L', 'csv', '2026', 'A', url=sys.argv[1])\n"
        "fetch('essai', entry=one, cache=Path(sys.argv[2]))\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, address, str(cache)])


def test_killed_download_leaves_nothing_taken_for_good(
    get: Get, server: MisbehavingServer, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    process = run_fetch(f"{server.address}/slow", cache)
    assert server.halfway.wait(30)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert any(name.endswith(".part") for name in leftovers(cache))
    server.going_on.set()
    assert get("/good").read_bytes() == TABLE
    assert leftovers(cache) == ["essai.csv", "essai.csv.json"]


def test_two_processes_at_once(server: MisbehavingServer, tmp_path: Path) -> None:
    two = [run_fetch(f"{server.address}/unhurried", tmp_path) for _ in range(2)]
    assert [process.wait(30) for process in two] == [0, 0]
    assert (tmp_path / "producteur" / "essai.csv").read_bytes() == TABLE
    assert server.seen["/unhurried"] == 1
    assert leftovers(tmp_path) == ["essai.csv", "essai.csv.json"]


def test_two_threads_at_once(get: Get, server: MisbehavingServer) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(get, ["/unhurried", "/unhurried"]))
    assert both[0] == both[1]
    assert server.seen["/unhurried"] == 1


def test_does_not_wait_for_ever_for_another_process(get: Get, server: MisbehavingServer) -> None:
    first = threading.Thread(target=get, args=["/slow"], kwargs={"limits": Limits(read_s=10)})
    first.start()
    assert server.halfway.wait(5)
    with pytest.raises(SourceError, match="depuis trop longtemps"):
        get("/slow", limits=replace(QUICK, lock_s=0.1))
    server.going_on.set()
    first.join()


# --------------------------------------------------------------------------- no network


@pytest.fixture
def _no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("une prise réseau a été ouverte")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("_no_socket")
@pytest.mark.parametrize("mirror", ["", "https://exemple.fr/m", "s3://seau", "/nulle/part"])
def test_offline_opens_no_socket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mirror: str
) -> None:
    monkeypatch.setenv("PVD_OFFLINE", "1")
    for one in (
        mirrored("https://exemple.fr/table.csv"),
        mirrored(resolve={"kind": "datagouv", "dataset": "https://exemple.fr/", "match": "x"}),
    ):
        with pytest.raises(OfflineError, match="PVD_OFFLINE"):
            fetch("essai", entry=one, cache=tmp_path, mirror=mirror, limits=QUICK)


def test_offline_with_a_far_mirror_uses_what_the_producer_gave(
    get: Get, server: MisbehavingServer
) -> None:
    one = mirrored(f"{server.address}/good")
    first = get(one)
    assert get(one, mirror="https://exemple.fr/m", offline=True) == first


# --------------------------------------------------------------------------- addresses that move


def test_datagouv_gives_the_newest_resource_that_fits(get: Get, server: MisbehavingServer) -> None:
    rule = {"kind": "datagouv", "dataset": f"{server.address}/datagouv", "match": r"stock-.*\.csv"}
    assert get(entry(resolve=rule)).read_bytes() == TABLE


def test_opendatasoft_attachment(get: Get, server: MisbehavingServer) -> None:
    server.files["/listing/apl_2024_xlsx"] = archive_of({"xl/workbook.xml": TABLE})
    rule = {
        "kind": "opendatasoft_attachment",
        "listing": f"{server.address}/listing",
        "match": "apl_.*_xlsx",
    }
    assert get(entry(resolve=rule, format="xlsx")).name == "essai.xlsx"


@pytest.mark.parametrize("path", ["/good", "/listing", "/message", "/web-page"])
def test_catalogue_of_a_producer_that_changed(
    get: Get, server: MisbehavingServer, path: str
) -> None:
    rule = {"kind": "datagouv", "dataset": server.address + path, "match": "x"}
    with pytest.raises(UnexpectedContentError, match="liste de fichiers"):
        get(entry(resolve=rule))


def test_catalogue_of_a_producer_without_the_file(get: Get, server: MisbehavingServer) -> None:
    rule = {"kind": "datagouv", "dataset": f"{server.address}/datagouv", "match": "autre"}
    with pytest.raises(SourceError, match="n’a plus de fichier"):
        get(entry(resolve=rule))


def test_pages_are_joined_under_one_header(get: Get, server: MisbehavingServer) -> None:
    one = entry(f"{server.address}/page-1", resolve={"kind": "datafair"})
    assert get(one).read_bytes() == TABLE


def test_pages_without_end(get: Get, server: MisbehavingServer) -> None:
    one = entry(f"{server.address}/page-again", resolve={"kind": "datafair"})
    with pytest.raises(SourceError, match="pas de fin"):
        get(one, limits=replace(QUICK, max_pages=4))
    assert server.seen["/page-again"] == 4


def package_of(name: str, content: bytes, *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a npm package of one member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


NPM = {"kind": "npm", "package": "@a/b", "version": "1.2.3", "member": "package/data/t.csv"}
PACKAGE = "/npm/@a/b/-/b-1.2.3.tgz"


def test_member_of_a_package(
    get: Get, server: MisbehavingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVD_NPM_REGISTRY", f"{server.address}/npm/")
    server.files[PACKAGE] = package_of("package/data/t.csv", TABLE)
    assert get(mirrored(resolve=NPM)).read_bytes() == TABLE
    assert leftovers(tmp_path) == ["essai.csv", "essai.csv.json"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (package_of("package/data/t.csv", TABLE + b"x"), ChecksumError),
        (package_of("package/autre.csv", TABLE), ArchiveError),
        (package_of("package/../../t.csv", TABLE), ArchiveError),
        (package_of("package/data/t.csv", b"", kind=tarfile.SYMTYPE), ArchiveError),
        (package_of("package/data/t.csv", bytes(3 << 20)), ArchiveError),
        (package_of("package/data/t.csv", TABLE)[:40], ArchiveError),
        (b"pas une archive", ArchiveError),
    ],
    ids=["empreinte", "membre absent", "hors du dossier", "lien", "bombe", "coupée", "autre chose"],
)
def test_refuses_a_package(
    get: Get,
    server: MisbehavingServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    body: bytes,
    error: type[SourceError],
) -> None:
    monkeypatch.setenv("PVD_NPM_REGISTRY", f"{server.address}/npm")
    server.files[PACKAGE] = body
    with pytest.raises(error):
        get(mirrored(resolve=NPM))
    assert leftovers(tmp_path) == []


def test_package_without_a_registry(get: Get) -> None:
    with pytest.raises(SourceError, match="PVD_NPM_REGISTRY"):
        get(mirrored(resolve=NPM))


# --------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://moi:motdepasse@exemple.fr/t.csv", "https://exemple.fr/t.csv"),
        ("https://exemple.fr/t?a=1&X-Amz-Signature=s#x", "https://exemple.fr/t?…"),
        ("https://exemple.fr/t?sig=s", "https://exemple.fr/t?…"),
        ("https://exemple.fr/t?api_key=s", "https://exemple.fr/t?…"),
        ("https://exemple.fr/t?X-Amz-Credential=s", "https://exemple.fr/t?…"),
        (
            "https://exemple.fr/t?qs=annee:2024&size=10",
            "https://exemple.fr/t?qs=annee:2024&size=10",
        ),
        ("s3://cle:secret@seau/t", "s3://seau/t"),
        ("http://[oups", "adresse mal formée"),
        ("../miroir", "../miroir"),
    ],
)
def test_secrets_are_not_shown(address: str, shown: str) -> None:
    assert safe_address(address) == shown


@pytest.mark.parametrize("path", ["/sick", "/absent", "/web-page", "/forbidden", "/huge"])
def test_secrets_are_not_in_errors(get: Get, server: MisbehavingServer, path: str) -> None:
    address = f"{server.address}{path}?sig=motdepasse".replace("//", "//moi:motdepasse@")
    with pytest.raises(SourceError) as raised:
        get(entry(address))
    assert "motdepasse" not in str(raised.value)


def test_bar_is_shown_only_on_a_terminal(
    get: Get, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    get("/good")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    get("/good", cache=tmp_path / "autre")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "essai" in shown.err


# --------------------------------------------------------------------------- real files


@pytest.mark.mirror
def test_every_file_of_the_mirror_is_had_in_place(mirror: Path, tmp_path: Path) -> None:
    for name in ("pvd_communes", "cog_regions", "bpe_2018", "aav_2020", "museofile"):
        path = fetch(name, cache=tmp_path, mirror=mirror, offline=True)
        assert path == mirror / (source(name).mirror or "")
        found = provenance(name, cache=tmp_path, mirror=mirror)
        assert found is not None
        assert found.sha256 == source(name).sha256
    assert list(tmp_path.iterdir()) == []


@pytest.mark.mirror
def test_archives_of_the_mirror_are_sound(mirror: Path) -> None:
    archives = [p for p in mirror.rglob("*") if p.suffix in {".zip", ".xlsx"}]
    assert archives
    for path in archives:
        check_archive(path)


def test_note_is_readable(get: Get) -> None:
    path = get("/good")
    note = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
    assert set(note) == {"source", "origin", "address", "sha256", "bytes", "date"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", note["date"])
