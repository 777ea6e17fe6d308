"""Getting the files of the producers: cache, then mirror, then producer.

Whatever comes from outside is untrusted: a body is checked (length, first bytes, checksum)
before it takes its name in the cache, in one atomic step; archives are looked into before
anything is read from them.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import fsspec
import requests
from filelock import FileLock, Timeout
from platformdirs import user_cache_path
from tqdm import tqdm

from utils.catalogue import DATA, Source, source
from utils.errors import (
    ArchiveError,
    ChecksumError,
    OfflineError,
    SourceError,
    UnexpectedContentError,
    reason,
)

__all__ = [
    "Limits",
    "Provenance",
    "cache_folder",
    "check_archive",
    "fetch",
    "is_offline",
    "provenance",
    "safe_address",
]

_T = TypeVar("_T")

CHUNK: Final = 1 << 18  # bytes
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT: Final = frozenset({404, 410})
_SECRET: Final = re.compile(
    r"(?i)(^|[&_-])(sig|pass|auth|secret|policy|expires|.*(key|token|cred))"
)
_USER_AGENT: Final = "petites-villes (livre ouvert sur les petites villes)"


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient and how trusting a download is.

    Attributes
    ----------
    attempts, backoff_s
        Tries in all; pause before the second, doubled each time, with jitter.
    connect_s, read_s
        Time-outs, seconds.
    max_retry_after_s
        Longest pause granted to a producer that asks for one.
    max_bytes
        Largest body accepted; largest total size of an archive.
    max_ratio
        Largest ratio of decompression of an archive member.
    max_pages
        Largest number of pages of a table, or of addresses in a chain of redirections.
    lock_s
        Longest wait for another process that fetches the same source, seconds.
    """

    attempts: int = 4
    backoff_s: float = 1.0
    connect_s: float = 10.0
    read_s: float = 60.0
    max_retry_after_s: float = 120.0
    max_bytes: int = 6 * 1024**3
    max_ratio: float = 400.0
    max_pages: int = 2000
    lock_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a file came from, ``miroir`` or ``producteur``, and what it is (date in UTC)."""

    source: str
    origin: str
    address: str
    sha256: str
    bytes: int
    date: str


# --------------------------------------------------------------------------- settings


def is_offline() -> bool:
    """Tell whether ``PVD_OFFLINE`` forbids the network."""
    return os.environ.get("PVD_OFFLINE", "").strip().lower() in {"1", "true", "oui"}


def cache_folder() -> Path:
    """Return the folder of the cache: ``PVD_CACHE``, ``data/cache``, or the user's own."""
    asked = os.environ.get("PVD_CACHE", "").strip()
    if asked:
        return Path(asked).expanduser()
    if os.access(DATA, os.W_OK):
        return DATA / "cache"
    return Path(user_cache_path("petites-villes"))


def safe_address(address: str) -> str:
    """Return an address that may be printed: no password, no signature in its query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "adresse mal formée"
    if not parts.scheme or not parts.netloc:
        return address
    host = parts.netloc.rpartition("@")[2]
    query = "…" if _SECRET.search(parts.query) else parts.query
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


# --------------------------------------------------------------------------- fetch


def fetch(
    name: str,
    *,
    cache: Path | None = None,
    mirror: str | Path | None = None,
    offline: bool | None = None,
    progress: bool = True,
    limits: Limits = Limits(),
    entry: Source | None = None,
) -> Path:
    """Return the file of a source.

    Parameters
    ----------
    name : str
        Identifier in ``data/sources.yml``.
    cache : Path, optional
        Folder of the cache; :func:`cache_folder` when not given.
    mirror : str, optional
        Folder, or ``http(s)://`` or ``s3://`` address, with the layout of ``mirror`` in
        the catalogue; ``PVD_MIRROR`` when not given. A file of a local folder is checked
        and returned where it is. What a mirror gave is used again only while its checksum
        is the one of the catalogue.
    offline : bool, optional
        Open no socket; ``PVD_OFFLINE`` when not given.
    progress : bool
        Show a bar when the terminal is one.
    limits : Limits
        Patience and sizes.
    entry : Source, optional
        The source itself, when it is not in the catalogue.

    Raises
    ------
    SourceError
        It cannot be had; the message says what was tried. Its subclasses tell a refused
        content, a wrong checksum, a bad archive, or a network that is forbidden.
    """
    wanted = entry or source(name)
    mirror = _asked_mirror(mirror)
    getter = _Getter(
        wanted,
        cache or cache_folder(),
        offline=is_offline() if offline is None else offline,
        progress=progress,
        limits=limits,
    )
    found = getter.cached("miroir")
    if found is not None:
        return found
    tried = ""
    if mirror:
        local = _local_mirror(wanted, mirror)
        if local is not None and local.is_file():
            _verify(local, wanted.sha256, "le miroir", wanted)
            return local
        found = getter.from_mirror(mirror) if wanted.mirror and local is None else None
        if found is not None:
            return found
        tried = f" Le miroir {safe_address(mirror)} ne l’a pas."
    found = getter.cached("producteur")
    if found is not None:
        return found
    if wanted.url is None and wanted.resolve is None:
        page = f" La page du producteur : {wanted.landing}" if wanted.landing else ""
        raise SourceError(
            f"La source « {wanted.id} » n’est pas dans le cache, et l’adresse de son fichier chez"
            f" le producteur n’est pas connue.{tried}",
            hint=f"Désignez par PVD_MIRROR un miroir qui l’a.{page}",
        )
    return getter.from_producer(tried)


def provenance(
    name: str, *, cache: Path | None = None, mirror: str | Path | None = None
) -> Provenance | None:
    """Tell where the file that :func:`fetch` would return now came from; ``None`` if not here.

    Nothing is downloaded. The address holds no password and no signature.
    """
    wanted = source(name)
    getter = _Getter(wanted, cache or cache_folder(), offline=True, progress=False, limits=Limits())
    if getter.cached("miroir") is not None:
        return Provenance(**getter.note("miroir"))
    local = _local_mirror(wanted, _asked_mirror(mirror))
    if local is not None and local.is_file():
        status = local.stat()
        date = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
        return Provenance(name, "miroir", wanted.mirror or "", _sha256(local), status.st_size, date)
    if getter.cached("producteur") is not None:
        return Provenance(**getter.note("producteur"))
    return None


def _asked_mirror(mirror: str | Path | None) -> str:
    """Return the mirror asked for, or the one of ``PVD_MIRROR``, or an empty text."""
    return os.environ.get("PVD_MIRROR", "").strip() if mirror is None else str(mirror)


def _local_mirror(wanted: Source, mirror: str) -> Path | None:
    """Return where a source would be in a mirror that is a folder."""
    if not mirror or not wanted.mirror or "://" in mirror:
        return None
    return Path(mirror).expanduser() / wanted.mirror


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verify(path: Path, expected: str | None, where: str, wanted: Source) -> None:
    if expected and _sha256(path) != expected:
        raise ChecksumError(
            f"Le fichier de « {wanted.id} » dans {where} n’a pas l’empreinte attendue :"
            " il est abîmé, ou d’un autre millésime.",
            hint="Recopiez-le, ou mettez à jour sha256 dans data/sources.yml si le changement"
            " est voulu.",
        )


class _Getter:
    """One source on its way to the cache.

    The copy of a mirror and the file of the producer may differ in layout, so that each has
    its place: ``cache/miroir/<id>.<suffix>`` and ``cache/producteur/<id>.<suffix>``, beside
    a note in JSON that says what it should be.
    """

    def __init__(
        self, wanted: Source, folder: Path, *, offline: bool, progress: bool, limits: Limits
    ) -> None:
        self.wanted = wanted
        self.folder = folder
        self.offline = offline
        self.web = _Web(wanted, limits, progress=progress and sys.stderr.isatty())
        self.limits = limits

    # -- cache

    def kind(self, origin: str) -> str:
        """Return the format expected, which is also the suffix in the cache."""
        mirror = self.wanted.mirror or ""
        if origin == "producteur" or mirror.endswith(f".{self.wanted.format}"):
            return self.wanted.format
        return PurePosixPath(mirror).suffix.lstrip(".")

    def target(self, origin: str) -> Path:
        """Return where the file has its place in the cache."""
        return self.folder / origin / f"{self.wanted.id}.{self.kind(origin)}"

    def sidecar(self, origin: str) -> Path:
        """Return where the note on the cached file is."""
        target = self.target(origin)
        return target.with_name(f"{target.name}.json")

    def expected(self, origin: str) -> str | None:
        """Return the checksum known in advance: the mirror's, and that of a frozen package."""
        frozen = (self.wanted.resolve or {}).get("kind") == "npm"
        return self.wanted.sha256 if origin == "miroir" or frozen else None

    def note(self, origin: str) -> dict[str, Any]:
        """Return what the note on the cached file says, or nothing."""
        try:
            content = json.loads(self.sidecar(origin).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError, UnicodeDecodeError):
            return {}
        known = {f.name for f in fields(Provenance)}
        return content if isinstance(content, dict) and set(content) == known else {}

    def cached(self, origin: str) -> Path | None:
        """Return the cached file if it is whole, and the one that the catalogue expects."""
        target, note = self.target(origin), self.note(origin)
        if not note or not target.is_file() or note["bytes"] != target.stat().st_size:
            return None
        expected = self.expected(origin) or note["sha256"]
        return target if note["sha256"] == expected == _sha256(target) else None

    @contextmanager
    def _locked(self, target: Path) -> Iterator[None]:
        lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=self.limits.lock_s)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise SourceError(
                f"Un autre programme télécharge « {self.wanted.id} » depuis trop longtemps.",
                hint=f"Arrêtez-le, ou supprimez {lock.lock_file}.",
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _store(self, origin: str, address: str, write: Callable[[IO[bytes]], None]) -> Path:
        """Write to a partial file, check it, give it its name; leave nothing on failure."""
        target = self.target(origin)
        with self._locked(target):
            found = self.cached(origin)
            if found is not None:
                return found
            self._sweep(target)
            partial = target.with_name(f".{target.name}.{os.getpid()}.part")
            try:
                with partial.open("w+b") as stream:
                    write(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                self._check(partial, origin, address)
                note = Provenance(
                    source=self.wanted.id,
                    origin=origin,
                    address=safe_address(address),
                    sha256=_sha256(partial),
                    bytes=partial.stat().st_size,
                    date=datetime.now(UTC).isoformat(timespec="seconds"),
                )
                partial.replace(target)
                partial.write_text(
                    json.dumps(asdict(note), ensure_ascii=False, indent=1), encoding="utf-8"
                )
                partial.replace(self.sidecar(origin))
            except OSError as error:
                raise self._unwritable(error) from error
            finally:
                self._sweep(target)
            return target

    def _unwritable(self, error: OSError) -> SourceError:
        return SourceError(
            f"« {self.wanted.id} » ne peut pas être écrit dans le cache {self.folder} :"
            f" {reason(error)}.",
            hint="Libérez de la place, ou choisissez un autre dossier par PVD_CACHE.",
        )

    @staticmethod
    def _sweep(target: Path) -> None:
        """Remove what this download, or one that was killed, left (the lock is held)."""
        for left in target.parent.glob(f".{target.name}.*.part"):
            left.unlink(missing_ok=True)

    def _check(self, partial: Path, origin: str, address: str) -> None:
        where = safe_address(address)
        with partial.open("rb") as stream:
            head = stream.read(2048)
        _refuse_error_page(head, self.kind(origin), self.wanted, where)
        _verify(partial, self.expected(origin), where, self.wanted)
        if head.startswith(_MAGIC["zip"]):
            check_archive(partial, limits=self.limits, label=self.wanted.id)

    # -- mirror

    def from_mirror(self, mirror: str) -> Path | None:
        """Copy from a mirror at an address that fsspec knows; ``None`` if it lacks the file."""
        base, _, query = mirror.partition("?")
        address = f"{base.rstrip('/')}/{self.wanted.mirror}{'?' if query else ''}{query}"
        scheme = urlsplit(mirror).scheme
        if self.offline and scheme not in {"file", "memory"}:
            if self.cached("producteur"):
                return None
            raise OfflineError(
                f"« {self.wanted.id} » est dans un miroir distant, et PVD_OFFLINE interdit le"
                " réseau.",
                hint="Retirez PVD_OFFLINE, ou désignez un dossier par PVD_MIRROR.",
            )
        try:
            if scheme in {"http", "https"}:
                with _session() as session:
                    return self._store(
                        "miroir", address, lambda stream: self.web.stream(session, address, stream)
                    )
            return self._store("miroir", address, lambda stream: self._copy(address, stream))
        except _AbsentError:
            return None

    def _copy(self, address: str, stream: IO[bytes]) -> None:
        """Copy from an address of fsspec (s3 and others), which does its own retries."""
        try:
            for chunk in _remote_chunks(address):
                stream.write(chunk)
                if stream.tell() > self.limits.max_bytes:
                    raise self.web.too_large(stream.tell())
        except FileNotFoundError as error:
            raise _AbsentError(address) from error
        except _RemoteError as error:
            raise SourceError(
                f"Le miroir ne donne pas « {self.wanted.id} » : {safe_address(address)}, {error}.",
                hint="Vérifiez PVD_MIRROR et les droits (variables AWS_*).",
            ) from None

    # -- producer

    def from_producer(self, tried: str = "") -> Path:
        """Download from the producer, whose file may be newer than the mirror's copy."""
        if self.offline:
            raise OfflineError(
                f"« {self.wanted.id} » n’est ni dans le cache ni dans un miroir, et PVD_OFFLINE"
                f" interdit le réseau.{tried}",
                hint="Retirez PVD_OFFLINE, ou désignez un miroir par PVD_MIRROR.",
            )
        rule = self.wanted.resolve or {}
        with _session() as session:
            try:
                address, write = self._plan(session, rule)
                return self._store("producteur", address, write)
            except _AbsentError as error:
                raise SourceError(
                    f"{error} n’a plus le fichier de « {self.wanted.id} ».{tried}",
                    hint="L’adresse a sans doute changé : voir la page du producteur"
                    f" ({self.wanted.landing or 'inconnue'}).",
                ) from None

    def _plan(
        self, session: requests.Session, rule: Mapping[str, str]
    ) -> tuple[str, Callable[[IO[bytes]], None]]:
        """Return today's address of the file, and how to write what is there."""
        kind = rule.get("kind", "")
        if kind == "datafair":
            pages = self.wanted.url or ""
            return pages, lambda stream: self.web.pages(session, pages, stream)
        if kind == "npm":
            package = _npm_address(self.wanted, rule)
            return package, lambda stream: self._package(session, package, rule["member"], stream)
        address = self.web.resolved(session, rule) if kind else self.wanted.url or ""
        return address, lambda stream: self.web.stream(session, address, stream)

    def _package(
        self, session: requests.Session, address: str, member: str, stream: IO[bytes]
    ) -> None:
        """Write one member of a compressed package."""
        with tempfile.TemporaryFile(dir=self.target("producteur").parent) as packed:
            self.web.stream(session, address, packed)
            packed.seek(0)
            _copy_tar_member(packed, member, stream, self.limits, self.wanted.id)


class _Web:
    """What a producer or a mirror answers over http(s), for one source."""

    def __init__(self, wanted: Source, limits: Limits, *, progress: bool) -> None:
        self.wanted = wanted
        self.limits = limits
        self.progress = progress

    def stream(self, session: requests.Session, address: str, stream: IO[bytes]) -> None:
        """Write a body, trying again from its start when the transfer fails on the way."""
        start = stream.tell()

        def attempt(response: requests.Response) -> None:
            stream.seek(start)
            stream.truncate()
            self._copy(response, stream)

        self._try(session, address, attempt)

    def pages(self, session: requests.Session, address: str, stream: IO[bytes]) -> None:
        """Join the pages of a Data Fair table, following ``Link: rel=next``."""
        following: str | None = address
        for count in range(self.limits.max_pages):
            if following is None:
                return
            where = safe_address(following)
            body, link = self._try(
                session, following, lambda answer: (self._body(answer), answer.links.get("next"))
            )
            _refuse_error_page(body[:2048], self.wanted.format, self.wanted, where)
            stream.write(body if count == 0 else body.partition(b"\n")[2])
            if not body.endswith(b"\n"):
                stream.write(b"\n")
            if stream.tell() > self.limits.max_bytes:
                raise self.too_large(stream.tell())
            following = urljoin(following, link["url"]) if link else None
        if following is not None:
            raise SourceError(
                f"Les pages de « {self.wanted.id} » n’ont pas de fin : plus de"
                f" {self.limits.max_pages}.",
                hint="Le service du producteur a sans doute changé.",
            )

    def resolved(self, session: requests.Session, rule: Mapping[str, str]) -> str:
        """Find the address of today's file in the producer's catalogue (the newest that fits)."""
        catalogue = rule["dataset"] if rule["kind"] == "datagouv" else rule["listing"]
        try:
            content = json.loads(self._try(session, catalogue, self._body))
            if rule["kind"] == "datagouv":
                offered = [
                    (str(r.get("last_modified") or ""), f"{r.get('title')} {r['url']}", r["url"])
                    for r in content["resources"]
                ]
            else:
                ids = [a["metas"]["id"] for a in content["attachments"]]
                offered = [("", i, f"{catalogue.rstrip('/')}/{i}") for i in ids]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnexpectedContentError(
                f"{safe_address(catalogue)} n’a pas répondu par une liste de fichiers.",
                hint="Le catalogue du producteur a sans doute changé.",
            ) from error
        pattern = re.compile(rule["match"], re.IGNORECASE)
        fitting = [(date, url) for date, text, url in offered if pattern.search(text)]
        if not fitting:
            raise SourceError(
                f"{safe_address(catalogue)} n’a plus de fichier « {rule['match']} » pour"
                f" « {self.wanted.id} ».",
                hint="Complétez resolve dans data/sources.yml.",
            )
        return str(max(fitting, key=lambda pair: pair[0])[1])

    def _try(
        self, session: requests.Session, address: str, use: Callable[[requests.Response], _T]
    ) -> _T:
        """Give a good answer to ``use``; retry time-outs, cut bodies, 429 and 5xx."""
        limits, where, reason = self.limits, safe_address(address), ""
        for attempt in range(limits.attempts):
            pause = limits.backoff_s * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                with self._get(session, address) as response:
                    status = response.status_code
                    if status in _ABSENT:
                        raise _AbsentError(where)
                    if status < 300:
                        return use(response)
                    if status not in _RETRIED:
                        raise SourceError(
                            f"{where} refuse « {self.wanted.id} » : code {status}.",
                            hint="Vérifiez l’adresse et les droits ; page du producteur :"
                            f" {self.wanted.landing or 'inconnue'}",
                        )
                    reason = f"code {status}"
                    pause = _retry_after(response, default=pause, limits=limits)
            except _CutError as error:
                reason = str(error)
            except (requests.RequestException, ValueError) as error:
                reason = _reason(error)
                if not reason:
                    raise SourceError(
                        f"{where} ne peut pas être lu pour « {self.wanted.id} » :"
                        f" {type(error).__name__}.",
                        hint="Vérifiez l’adresse dans data/sources.yml, ou PVD_MIRROR.",
                    ) from None
            if attempt + 1 < limits.attempts:
                time.sleep(pause)
        raise SourceError(
            f"{where} n’a pas donné « {self.wanted.id} » après {limits.attempts} essais"
            f" ({reason}).",
            hint="Vérifiez le réseau, réessayez plus tard, ou désignez un miroir par PVD_MIRROR.",
        )

    def _get(self, session: requests.Session, address: str) -> requests.Response:
        """Open an address, following redirects to http(s) only."""
        current = address
        for _ in range(10):
            scheme = urlsplit(current).scheme
            if scheme not in {"http", "https"}:
                raise UnexpectedContentError(
                    f"{safe_address(address)} renvoie vers une adresse refusée"
                    f" ({scheme or 'sans protocole'}).",
                    hint="Seules les adresses http et https sont suivies.",
                )
            response = session.get(
                current,
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.connect_s, self.limits.read_s),
            )
            if not response.is_redirect:
                return response
            current = urljoin(current, response.headers["Location"])
            response.close()
        raise SourceError(
            f"{safe_address(address)} renvoie sans fin d’une adresse à l’autre.",
            hint="Vérifiez l’adresse dans data/sources.yml.",
        )

    def _body(self, response: requests.Response) -> bytes:
        """Return a whole body, within the limits."""
        stream = io.BytesIO()
        self._copy(response, stream)
        return stream.getvalue()

    def _copy(self, response: requests.Response, stream: IO[bytes]) -> None:
        announced = _content_length(response)
        if announced is not None and announced > self.limits.max_bytes:
            raise self.too_large(announced)
        received = 0
        with tqdm(
            total=announced,
            unit="o",
            unit_scale=True,
            desc=self.wanted.id,
            disable=not self.progress,
            leave=False,
        ) as bar:
            for chunk in response.iter_content(CHUNK):
                received += len(chunk)
                if received > self.limits.max_bytes:
                    raise self.too_large(received)
                stream.write(chunk)
                bar.update(len(chunk))
        encoded = response.headers.get("Content-Encoding")
        if announced is not None and not encoded and received != announced:
            raise _CutError(f"{received} octets reçus sur {announced}")

    def too_large(self, size: int) -> UnexpectedContentError:
        """Return the error of a body larger than the limits."""
        return UnexpectedContentError(
            f"Le fichier de « {self.wanted.id} » est anormalement gros ({size} octets).",
            hint="Vérifiez l’adresse du fichier dans data/sources.yml.",
        )


def _session() -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = _USER_AGENT
    return session


def _remote_chunks(address: str) -> Iterator[bytes]:
    """Yield a file of fsspec; what goes wrong there is a :class:`_RemoteError`."""
    try:
        with fsspec.open(address, "rb") as remote:
            while chunk := remote.read(CHUNK):
                yield chunk
    except FileNotFoundError:
        raise
    except _remote_faults() as error:
        raise _RemoteError(type(error).__name__) from None


def _remote_faults() -> tuple[type[Exception], ...]:
    """Return what fsspec raises; s3 adds the errors of botocore, loaded only if it is used."""
    faults: tuple[type[Exception], ...] = (OSError, ValueError, ImportError)
    s3 = sys.modules.get("botocore.exceptions")
    return faults if s3 is None else (*faults, s3.BotoCoreError, s3.ClientError)


def _npm_address(wanted: Source, rule: Mapping[str, str]) -> str:
    """Return the address of a package in the registry that ``PVD_NPM_REGISTRY`` names."""
    base = os.environ.get("PVD_NPM_REGISTRY", "").strip().rstrip("/")
    package, version = rule["package"], rule["version"]
    if not base:
        raise SourceError(
            f"« {wanted.id} » est un fichier du paquet npm {package}@{version}.",
            hint="Donnez l’adresse d’un registre npm par PVD_NPM_REGISTRY, ou un miroir par"
            " PVD_MIRROR.",
        )
    return f"{base}/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"


class _AbsentError(Exception):
    """An address has nothing: elsewhere may have."""


class _RemoteError(Exception):
    """A mirror read by fsspec failed; only the name of the failure is kept, never a secret."""


class _CutError(Exception):
    """A body ended before its announced length: worth another try."""


def _reason(error: Exception) -> str:
    """Say why a transfer failed, in words, if it is worth another try."""
    if isinstance(error, requests.Timeout):
        return "délai dépassé"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "transfert interrompu"
    if isinstance(error, requests.ConnectionError):
        return "connexion impossible ou interrompue"
    return ""


def _content_length(response: requests.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None


def _retry_after(response: requests.Response, *, default: float, limits: Limits) -> float:
    """Return the pause that a producer asks for, in seconds or as a date, within limits."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        pause = float(asked)
    elif asked:
        try:
            when = email.utils.parsedate_to_datetime(asked)
        except ValueError:
            return default
        pause = (when - datetime.now(UTC)).total_seconds()
    else:
        return default
    return min(max(pause, 0.0), limits.max_retry_after_s)


#: Formats that begin with known bytes.
_MAGIC: Final[Mapping[str, tuple[bytes, ...]]] = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "xlsx": (b"PK\x03\x04",),
    "parquet": (b"PAR1",),
    "gpkg": (b"SQLite format 3\x00",),
}


def _refuse_error_page(head: bytes, kind: str, wanted: Source, where: str) -> None:
    """Refuse nothing at all, a web page or a JSON message where a table is expected."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    fault = ""
    if not text:
        fault = "un fichier vide"
    elif text.startswith(b"<"):
        fault = "une page web"
    elif kind in {"json", "geojson"}:
        if not text.startswith((b"{", b"[")):
            fault = "autre chose que du JSON"
    elif text.startswith((b"{", b"[")):
        fault = "un message JSON"
    elif kind in _MAGIC and not head.startswith(_MAGIC[kind]):
        fault = f"un contenu qui n’est pas du {kind}"
    if fault:
        raise UnexpectedContentError(
            f"{where} a répondu {fault} au lieu du fichier de « {wanted.id} ».",
            hint="Le service est peut-être en panne, ou l’adresse a changé : réessayez plus tard.",
        )


# --------------------------------------------------------------------------- archives


def check_archive(path: Path, *, limits: Limits = Limits(), label: str = "") -> None:
    """Look into a zip archive before anything is read from it.

    Raises
    ------
    ArchiveError
        It is corrupt; a member is outside its folder or a link; sizes are absurd.
    """
    label = label or path.name
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise ArchiveError(
            f"L’archive de « {label} » est illisible : {error}.",
            hint="Téléchargez-la de nouveau.",
        ) from error
    total = 0
    for member in members:
        link = (member.external_attr >> 16) & 0o170000 == 0o120000
        total += member.file_size
        _check_member(member.filename, link=link, label=label)
        _check_size(member.file_size, member.compress_size, total, limits, label)


def _check_member(name: str, *, link: bool, label: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if link or path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        raise ArchiveError(
            f"L’archive de « {label} » contient un fichier hors de son dossier : {name!r}.",
            hint="Elle est refusée : ne l’ouvrez pas.",
        )


def _check_size(size: int, packed: int, total: int, limits: Limits, label: str) -> None:
    if total > limits.max_bytes or (size > 1 << 20 and size > limits.max_ratio * max(packed, 1)):
        raise ArchiveError(
            f"L’archive de « {label} » se décompresse en un fichier anormalement gros.",
            hint="Elle est refusée : ne l’ouvrez pas.",
        )


def _copy_tar_member(
    packed: IO[bytes], wanted: str, stream: IO[bytes], limits: Limits, label: str
) -> None:
    """Copy one member of a compressed package, looking at those before it on the way."""
    packed_size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    total = 0
    try:
        with tarfile.open(fileobj=packed, mode="r:gz") as archive:
            for member in archive:
                total += member.size
                _check_member(member.name, link=member.issym() or member.islnk(), label=label)
                _check_size(total, packed_size, total, limits, label)
                body = archive.extractfile(member) if member.name == wanted else None
                if body is not None:
                    shutil.copyfileobj(body, stream, CHUNK)
                    return
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveError(
            f"L’archive de « {label} » est illisible : {error}.",
            hint="Téléchargez-la de nouveau.",
        ) from error
    raise ArchiveError(
        f"L’archive de « {label} » n’a pas de fichier {wanted}.",
        hint="Vérifiez resolve dans data/sources.yml.",
    )
