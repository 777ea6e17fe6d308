"""Getting the files of the producers: cache, then mirror, then producer.

Whatever comes from outside is untrusted: a body is checked (length, first bytes, checksum)
before it takes its name in the cache, in one atomic step; archives are looked into before
anything is read from them.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import os
import random
import re
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import fsspec
import requests
from filelock import FileLock
from platformdirs import user_cache_path
from tqdm import tqdm

from utils.catalogue import DATA, Source, source
from utils.errors import (
    ArchiveError,
    ChecksumError,
    OfflineError,
    SourceError,
    UnexpectedContentError,
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

CHUNK: Final = 1 << 18  # bytes
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
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
    """

    attempts: int = 4
    backoff_s: float = 1.0
    connect_s: float = 10.0
    read_s: float = 60.0
    max_retry_after_s: float = 120.0
    max_bytes: int = 6 * 1024**3
    max_ratio: float = 400.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a file came from: ``cache``, ``miroir`` or ``producteur``, and what it is."""

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
    parts = urlsplit(address)
    if not parts.scheme or not parts.netloc:
        return address
    host = parts.netloc.rpartition("@")[2]
    query = "…" if re.search(r"(?i)signature|token|key|credential", parts.query) else parts.query
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


# --------------------------------------------------------------------------- fetch


def fetch(
    name: str,
    *,
    cache: Path | None = None,
    mirror: str | None = None,
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
        and returned where it is.
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
    mirror = mirror if mirror is not None else os.environ.get("PVD_MIRROR", "").strip()
    offline = is_offline() if offline is None else offline
    getter = _Getter(wanted, cache or cache_folder(), offline, progress, limits)
    tried: list[str] = []
    local = _local_mirror(wanted, mirror)
    if local is not None and local.is_file():
        _verify(local, wanted.sha256, "le miroir", wanted)
        return local
    found = getter.cached()
    if found is not None:
        return found
    if mirror and wanted.mirror and local is None:
        try:
            return getter.from_mirror(mirror)
        except FileNotFoundError:
            tried.append(f"le miroir {safe_address(mirror)} ne l’a pas")
    elif mirror:
        tried.append("le miroir ne l’a pas")
    if wanted.url is None and wanted.resolve is None:
        raise SourceError(
            f"La source « {wanted.id} » n’est ni dans le cache ni dans un miroir, et l’adresse de"
            " son fichier n’est pas connue.",
            hint=f"Désignez un miroir par PVD_MIRROR, ou téléchargez-la depuis {wanted.landing}"
            f" vers {getter.target}."
            if wanted.landing
            else "Désignez un miroir par PVD_MIRROR.",
        )
    try:
        return getter.from_producer()
    except SourceError as error:
        if tried and type(error) is SourceError:
            raise SourceError(f"{error.message} ({' ; '.join(tried)})", hint=error.hint) from error
        raise


def provenance(
    name: str, *, cache: Path | None = None, mirror: str | None = None
) -> Provenance | None:
    """Tell where the file that :func:`fetch` would return now is, or ``None``."""
    wanted = source(name)
    mirror = mirror if mirror is not None else os.environ.get("PVD_MIRROR", "").strip()
    local = _local_mirror(wanted, mirror)
    if local is not None and local.is_file():
        return Provenance(
            name, "miroir", wanted.mirror or "", _sha256(local), local.stat().st_size, ""
        )
    getter = _Getter(wanted, cache or cache_folder(), offline=True, progress=False, limits=Limits())
    if getter.cached() is None:
        return None
    return Provenance(**{**getter.note(), "origin": "cache"})


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
            f"Le fichier de « {wanted.id} » dans {where} n’a pas l’empreinte attendue :"
            " il est abîmé, ou d’un autre millésime.",
            hint="Recopiez-le, ou mettez à jour sha256 dans data/sources.yml si le changement"
            " est voulu.",
        )


class _Getter:
    """One source on its way to the cache."""

    def __init__(
        self, wanted: Source, folder: Path, offline: bool, progress: bool, limits: Limits
    ) -> None:
        self.wanted = wanted
        self.folder = folder
        self.offline = offline
        self.progress = progress and sys.stderr.isatty()
        self.limits = limits
        suffix = PurePosixPath(wanted.mirror).suffix if wanted.mirror else ""
        self.target = folder / f"{wanted.id}{suffix or '.' + wanted.format}"
        self.sidecar = folder / f"{self.target.name}.json"

    # -- cache

    def note(self) -> dict[str, Any]:
        """Return what the sidecar says, or nothing."""
        try:
            content = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return {}
        return content if isinstance(content, dict) else {}

    def cached(self) -> Path | None:
        """Return the cached file if it is the one that its sidecar describes."""
        if not self.target.is_file():
            return None
        note = self.note()
        whole = note.get("bytes") == self.target.stat().st_size
        return self.target if whole and note.get("sha256") == _sha256(self.target) else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".{self.target.name}.lock")
            lock.acquire()
        except OSError as error:
            raise SourceError(
                f"Le cache {self.folder} ne peut pas être écrit : {error.strerror or error}.",
                hint="Choisissez un autre dossier par PVD_CACHE.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _store(
        self, origin: str, address: str, expected: str | None, write: Callable[[IO[bytes]], None]
    ) -> Path:
        """Write to a partial file, check it, give it its name; leave nothing on failure."""
        with self._locked():
            found = self.cached()
            if found is not None:
                return found
            self._sweep()
            partial = self.folder / f".{self.target.name}.{os.getpid()}.part"
            try:
                with partial.open("wb") as stream:
                    write(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                self._check(partial, expected, address)
                note = Provenance(
                    source=self.wanted.id,
                    origin=origin,
                    address=safe_address(address),
                    sha256=_sha256(partial),
                    bytes=partial.stat().st_size,
                    date=datetime.now(UTC).isoformat(timespec="seconds"),
                )
                partial.replace(self.target)
                text = json.dumps(asdict(note), ensure_ascii=False, indent=1)
                written = partial.with_suffix(".note")
                written.write_text(text, encoding="utf-8")
                written.replace(self.sidecar)
            except OSError as error:
                if isinstance(error, FileNotFoundError | requests.RequestException):
                    raise
                raise SourceError(
                    f"« {self.wanted.id} » n’a pas pu être écrit dans {self.folder} :"
                    f" {error.strerror or error}.",
                    hint="Libérez de la place, ou choisissez un autre dossier par PVD_CACHE.",
                ) from error
            finally:
                partial.unlink(missing_ok=True)
                partial.with_suffix(".note").unlink(missing_ok=True)
            return self.target

    def _sweep(self) -> None:
        """Remove what killed downloads of this source left (the lock is held)."""
        for left in self.folder.glob(f".{self.target.name}.*.part"):
            left.unlink(missing_ok=True)

    def _check(self, partial: Path, expected: str | None, address: str) -> None:
        size = partial.stat().st_size
        where = safe_address(address)
        if size == 0:
            raise UnexpectedContentError(
                f"Le fichier de « {self.wanted.id} » reçu de {where} est vide.",
                hint="Réessayez plus tard.",
            )
        with partial.open("rb") as stream:
            _refuse_error_page(stream.read(2048), self.wanted, where)
        if expected:
            _verify(partial, expected, where, self.wanted)
        if self.target.suffix == ".zip" or self.wanted.format in {"zip", "xlsx"}:
            check_archive(partial, limits=self.limits, label=self.wanted.id)

    # -- mirror

    def from_mirror(self, mirror: str) -> Path:
        """Copy from a mirror at an ``http(s)``, ``s3`` or other fsspec address."""
        address = f"{mirror.rstrip('/')}/{self.wanted.mirror}"
        scheme = urlsplit(mirror).scheme
        if self.offline and scheme not in {"file", "memory"}:
            raise OfflineError(
                f"« {self.wanted.id} » est dans un miroir distant, et PVD_OFFLINE interdit le"
                " réseau.",
                hint="Retirez PVD_OFFLINE, ou désignez un dossier par PVD_MIRROR.",
            )
        if scheme in {"http", "https"}:
            return self._download([address], origin="miroir", expected=self.wanted.sha256)

        def write(stream: IO[bytes]) -> None:
            try:
                with fsspec.open(address, "rb") as remote:
                    for chunk in iter(lambda: remote.read(CHUNK), b""):
                        stream.write(chunk)
            except (PermissionError, ConnectionError, TimeoutError) as error:
                raise SourceError(
                    f"Le miroir {safe_address(mirror)} ne répond pas pour « {self.wanted.id} » :"
                    f" {type(error).__name__}.",
                    hint="Vérifiez l’adresse et les droits (variables AWS_*).",
                ) from error

        return self._store("miroir", address, self.wanted.sha256, write)

    # -- producer

    def from_producer(self) -> Path:
        """Download from the producer; the mirror's checksum does not apply to its file."""
        if self.offline:
            raise OfflineError(
                f"« {self.wanted.id} » n’est ni dans le cache ni dans un miroir, et PVD_OFFLINE"
                " interdit le réseau.",
                hint="Retirez PVD_OFFLINE, ou désignez un miroir par PVD_MIRROR.",
            )
        with requests.Session() as session:
            session.headers["User-Agent"] = _USER_AGENT
            kind = (self.wanted.resolve or {}).get("kind", "")
            if kind == "datafair":
                return self._pages(session)
            if kind == "npm":
                return self._npm(session)
            address = self._resolved(session) if kind else self.wanted.url or ""
        return self._download([address], origin="producteur", expected=None)

    def _download(self, addresses: Iterable[str], *, origin: str, expected: str | None) -> Path:
        (address,) = addresses

        def write(stream: IO[bytes]) -> None:
            with requests.Session() as session:
                session.headers["User-Agent"] = _USER_AGENT
                self._stream(session, address, stream)

        return self._store(origin, address, expected, write)

    def _stream(self, session: requests.Session, address: str, stream: IO[bytes]) -> None:
        """Write a body, trying again from its start when the transfer fails on the way."""

        def attempt(response: requests.Response) -> None:
            stream.seek(0)
            stream.truncate()
            self._copy(response, stream)

        self._try(session, address, attempt)

    def _try(
        self,
        session: requests.Session,
        address: str,
        use: Callable[[requests.Response], Any],
    ) -> Any:  # noqa: ANN401 — what ``use`` returns
        """Give a good answer to ``use``; retry time-outs, cut bodies, 429 and 5xx."""
        limits, where = self.limits, safe_address(address)
        reason = ""
        for attempt in range(limits.attempts):
            pause = limits.backoff_s * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                response = self._get(session, address)
                with response:
                    if response.status_code in _RETRIED:
                        reason = f"code {response.status_code}"
                        pause = _retry_after(response, default=pause, limits=limits)
                    elif response.status_code >= 400:
                        raise SourceError(
                            f"{where} refuse « {self.wanted.id} » : code {response.status_code}.",
                            hint="L’adresse a sans doute changé : voir la page du producteur"
                            f" ({self.wanted.landing or 'inconnue'}).",
                        )
                    else:
                        return use(response)
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ) as error:
                reason = _reason(error)
            except _CutError as error:
                reason = str(error)
            if attempt + 1 < limits.attempts:
                time.sleep(pause)
        raise SourceError(
            f"{where} n’a pas donné « {self.wanted.id} » après {limits.attempts} essais"
            f" ({reason}).",
            hint="Vérifiez le réseau, réessayez plus tard, ou désignez un miroir par PVD_MIRROR.",
        )

    def _get(self, session: requests.Session, address: str) -> requests.Response:
        """Open an address, following redirects to http(s) only."""
        current = address
        for _ in range(10):
            if urlsplit(current).scheme not in {"http", "https"}:
                raise UnexpectedContentError(
                    f"{safe_address(address)} renvoie vers une adresse refusée"
                    f" ({urlsplit(current).scheme or 'sans protocole'}).",
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
        raise SourceError(f"{safe_address(address)} renvoie sans fin d’une adresse à l’autre.")

    def _copy(self, response: requests.Response, stream: IO[bytes]) -> None:
        announced = _content_length(response)
        if announced is not None and announced > self.limits.max_bytes:
            raise self._too_large(announced)
        encoded = bool(response.headers.get("Content-Encoding"))
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
                    raise self._too_large(received)
                stream.write(chunk)
                bar.update(len(chunk))
        if announced is not None and not encoded and received != announced:
            raise _CutError(f"{received} octets reçus sur {announced}")

    def _too_large(self, size: int) -> UnexpectedContentError:
        return UnexpectedContentError(
            f"Le fichier de « {self.wanted.id} » est anormalement gros ({size} octets).",
            hint="Vérifiez l’adresse du fichier dans data/sources.yml.",
        )

    # -- addresses that move

    def _json(self, session: requests.Session, address: str) -> Any:  # noqa: ANN401 — any JSON
        def parse(response: requests.Response) -> Any:  # noqa: ANN401
            try:
                return response.json()
            except requests.exceptions.JSONDecodeError as error:
                raise UnexpectedContentError(
                    f"{safe_address(address)} n’a pas répondu en JSON.",
                    hint="Le catalogue du producteur a sans doute changé.",
                ) from error

        return self._try(session, address, parse)

    def _resolved(self, session: requests.Session) -> str:
        """Find the address of today's file in the producer's catalogue."""
        rule: Mapping[str, str] = self.wanted.resolve or {}
        pattern = re.compile(rule["match"], re.IGNORECASE)
        if rule["kind"] == "datagouv":
            resources = self._json(session, rule["dataset"]).get("resources", [])
            found = [r["url"] for r in resources if pattern.search(f"{r.get('title')} {r['url']}")]
        elif rule["kind"] == "opendatasoft_attachment":
            listing = self._json(session, rule["listing"]).get("attachments", [])
            found = [
                f"{rule['listing'].rstrip('/')}/{a['metas']['id']}"
                for a in listing
                if pattern.search(a["metas"]["id"])
            ]
        else:
            raise SourceError(f"Règle inconnue pour « {self.wanted.id} » : {rule['kind']}.")
        if not found:
            raise SourceError(
                f"Le catalogue du producteur n’a plus de fichier « {rule['match']} » pour"
                f" « {self.wanted.id} ».",
                hint="Complétez resolve dans data/sources.yml.",
            )
        return str(found[0])

    def _pages(self, session: requests.Session) -> Path:
        """Join the pages of a Data Fair table, following ``Link: rel=next``."""
        address = self.wanted.url or ""

        def write(stream: IO[bytes]) -> None:
            current: str | None = address
            first = True
            while current:

                def page(response: requests.Response) -> tuple[bytes, str | None]:
                    body = response.content
                    announced = _content_length(response)
                    encoded = bool(response.headers.get("Content-Encoding"))
                    if announced is not None and not encoded and len(body) != announced:
                        raise _CutError(f"{len(body)} octets reçus sur {announced}")
                    return body, response.links.get("next", {}).get("url")

                body, following = self._try(session, current, page)
                _refuse_error_page(body[:2048], self.wanted, safe_address(current))
                stream.write(body if first else body.partition(b"\n")[2])
                if not body.endswith(b"\n"):
                    stream.write(b"\n")
                current = urljoin(current, following) if following else None
                first = False

        return self._store("producteur", address, None, write)

    def _npm(self, session: requests.Session) -> Path:
        """Take one member of a package, from the registry that ``PVD_NPM_REGISTRY`` names."""
        rule: Mapping[str, str] = self.wanted.resolve or {}
        base = os.environ.get("PVD_NPM_REGISTRY", "").strip().rstrip("/")
        package = f"{rule['package']}@{rule['version']}"
        if not base:
            raise SourceError(
                f"« {self.wanted.id} » est un fichier du paquet npm {package}.",
                hint="Donnez l’adresse d’un registre npm par PVD_NPM_REGISTRY, ou un miroir par"
                " PVD_MIRROR.",
            )
        short = rule["package"].rpartition("/")[2]
        address = f"{base}/{rule['package']}/-/{short}-{rule['version']}.tgz"

        def write(stream: IO[bytes]) -> None:
            archive = self.folder / f".{self.target.name}.{os.getpid()}.tgz.part"
            try:
                with archive.open("w+b") as packed:
                    self._stream(session, address, packed)
                    packed.seek(0)
                    _copy_tar_member(packed, rule["member"], stream, self.limits)
            finally:
                archive.unlink(missing_ok=True)

        return self._store("producteur", address, self.wanted.sha256, write)


class _CutError(Exception):
    """A body ended before its announced length: worth another try."""


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "délai dépassé"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "transfert interrompu"
    return "connexion impossible ou interrompue"


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


def _refuse_error_page(head: bytes, wanted: Source, where: str) -> None:
    """Refuse a web page or a JSON message where a table is expected."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = ""
    if re.match(rb"(?i)<(!doctype html|html|\?xml|head|body)", text):
        kind = "une page web"
    elif text[:1] in (b"{", b"[") and wanted.format not in {"json", "geojson"}:
        kind = "un message JSON"
    elif wanted.format in _MAGIC and not head.startswith(_MAGIC[wanted.format]):
        kind = f"un contenu qui n’est pas du {wanted.format}"
    if kind:
        raise UnexpectedContentError(
            f"{where} a répondu {kind} au lieu du fichier de « {wanted.id} ».",
            hint="Le service est peut-être en panne, ou l’adresse a changé : réessayez plus tard.",
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
            f"L’archive de « {label} » est illisible : {error}.",
            hint="Téléchargez-la de nouveau.",
        ) from error
    total = 0
    for member in members:
        total += member.file_size
        link = (member.external_attr >> 16) & 0o170000 == 0o120000
        if link or _outside(member.filename):
            raise ArchiveError(
                f"L’archive de « {label} » contient un fichier hors de son dossier :"
                f" {member.filename!r}.",
                hint="Elle est refusée : ne l’ouvrez pas.",
            )
        ratio = member.file_size / max(member.compress_size, 1)
        if total > limits.max_bytes or (member.file_size > 1 << 20 and ratio > limits.max_ratio):
            raise ArchiveError(
                f"L’archive de « {label} » se décompresse en un fichier anormalement gros.",
                hint="Elle est refusée : ne l’ouvrez pas.",
            )


def _outside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or bool(re.match(r"^[A-Za-z]:", name))


def _copy_tar_member(packed: IO[bytes], member: str, stream: IO[bytes], limits: Limits) -> None:
    try:
        with tarfile.open(fileobj=packed, mode="r:gz") as archive:
            info = archive.getmember(member)
            body = archive.extractfile(info) if info.isfile() else None
            if body is None or info.size > limits.max_bytes:
                raise ArchiveError(f"Le membre {member} du paquet n’est pas un fichier acceptable.")
            for chunk in iter(lambda: body.read(CHUNK), b""):
                stream.write(chunk)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ArchiveError(f"Le paquet reçu n’a pas de membre lisible {member}.") from error
