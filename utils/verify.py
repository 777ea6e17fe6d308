"""Recompute, and tell table by table and figure by figure what differs (``pvd verify``).

The tables are rebuilt from the files that can be had, then every chapter is executed on the
rebuilt tables, and what it publishes is compared with a published site: values, not pixels.
Same inputs must give the same numbers; where an input is no longer the file that was read,
nothing can be concluded, and the report says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd
import requests

from utils import build, preview, sources, tables
from utils.catalogue import DATA
from utils.changes import compare_frames
from utils.errors import BookError, ChecksumError, OfflineError, PvdError
from utils.formats import counted, join_words, typographic
from utils.provenance import SHOWN_DIGITS, commit
from utils.reproducibility import REPORT, figures_digest

__all__ = [
    "DIFFERENT",
    "SAME",
    "UNKNOWN",
    "Finding",
    "Published",
    "origin",
    "summary",
    "verify",
    "verify_figures",
    "verify_tables",
]

SAME: Final = "identique"
DIFFERENT: Final = "diffère"
UNKNOWN: Final = "non vérifiable"

#: Largest file accepted from a published site, bytes.
MAX_BYTES: Final = 50 * 1024**2
#: Time-outs of a published site: connection, then reading, seconds.
TIMEOUT_S: Final = (10, 60)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one table or figure.

    Attributes
    ----------
    kind
        ``"table"`` (embedded), ``"figure"`` (figure or table of the book), or ``"chapitre"``,
        of which only those that fail are told.
    name
        Its identifier.
    verdict
        :data:`SAME`, :data:`DIFFERENT` or :data:`UNKNOWN`.
    detail
        How much it differs and where, or why it cannot be checked; empty when nothing is to say.
    """

    kind: str
    name: str
    verdict: str
    detail: str = ""

    def sentence(self) -> str:
        """Say it in French, on one line."""
        detail = f" ({' '.join(self.detail.split())})" if self.detail else ""
        return typographic(f"{self.kind} {self.name} : {self.verdict}{detail}")


def origin(published: Published, root: Path) -> str:
    """Say in French which revision a site was built from, and whether its code is the code here.

    Parameters
    ----------
    published : Published
        The site.
    root : Path
        Folder of ``_quarto.yml``.
    """
    revision = published.told("commit", "hash")[:SHOWN_DIGITS] or "inconnue"
    same = published.told("code", "figures") == figures_digest(root)
    now = commit(root)
    here = f" (révision {now.hash[:SHOWN_DIGITS]})" if now else ""
    told = (
        "son code et ses chapitres sont ceux d’ici."
        if same
        else f"son code ou ses chapitres ne sont pas ceux d’ici{here} : un écart peut en venir."
    )
    return typographic(f"Livre comparé : révision {revision} ; {told}")


def summary(findings: list[Finding]) -> str:
    """Count the verdicts in one French sentence."""
    told = []
    for kind, one, several in (
        ("table", "table", "tables"),
        ("figure", "figure ou tableau", "figures et tableaux"),
    ):
        own = [finding.verdict for finding in findings if finding.kind == kind]
        counts = [
            counted(own.count(SAME), "identique"),
            counted(own.count(DIFFERENT), "qui diffère", "qui diffèrent"),
            counted(own.count(UNKNOWN), "non vérifiable"),
        ]
        told.append(f"{counted(len(own), one, several)} : {', '.join(counts)}")
    failed = sum(finding.kind == "chapitre" for finding in findings)
    if failed:
        told.append(counted(failed, "chapitre en échec", "chapitres en échec"))
    return typographic(f"{' ; '.join(told)}.")


# --------------------------------------------------------------------------- tables


def verify_tables(
    folder: Path,
    *,
    fetch: Callable[[str], Path] = sources.fetch,
    published: Published | None = None,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Rebuild the embedded tables in a folder, and compare each with the committed one.

    Parameters
    ----------
    folder : Path
        Empty; in the end it holds a table a name: the rebuilt one where it was built from
        the files that the committed one was, else the committed one.
    fetch : callable
        Source id -> path.
    published : Published, optional
        A site whose own tables must be the committed ones.
    progress : callable
        Told the name of each table before it is built.
    """
    report = build.build_tables(fetch=fetch, folder=folder, progress=progress)
    committed = tables.load_manifest()["tables"]
    rebuilt = tables.load_manifest(folder)["tables"] if not _empty(folder) else {}
    findings = []
    for name, entry in committed.items():
        finding = _table(name, entry, rebuilt.get(name), folder, report.failed.get(name, ""))
        if finding.verdict == UNKNOWN:
            shutil.copyfile(tables.TABLES / entry["file"], folder / entry["file"])
            rebuilt.pop(name, None)
        if published and finding.verdict != DIFFERENT:
            finding = _published_table(finding, entry, published)
        findings.append(finding)
    tables.write_json({"version": 1, "tables": committed | rebuilt}, folder / "manifest.json")
    return findings


def _empty(folder: Path) -> bool:
    return not (folder / "manifest.json").is_file()


def _table(
    name: str,
    committed: Mapping[str, Any],
    rebuilt: Mapping[str, Any] | None,
    folder: Path,
    failure: str,
) -> Finding:
    if rebuilt is None:
        return Finding("table", name, UNKNOWN, failure or "aucun calcul ne la produit plus")
    if committed["sha256"] == rebuilt["sha256"]:
        return Finding("table", name, SAME, "à l’octet")
    # As bytes, so that outlines are compared too.
    gap = compare_frames(
        pd.read_parquet(tables.TABLES / committed["file"]),
        pd.read_parquet(folder / rebuilt["file"]),
    )
    if not gap:
        return Finding("table", name, SAME, "aux arrondis près")
    before = {one["id"]: one["sha256"] for one in committed["sources"]}
    after = {one["id"]: one["sha256"] for one in rebuilt["sources"]}
    other = sorted(one for one in before | after if before.get(one) != after.get(one))
    if other:
        reason = f"{join_words(other)} : ce n’est plus le fichier qui avait été lu ; {gap}"
        return Finding("table", name, UNKNOWN, reason)
    return Finding("table", name, DIFFERENT, gap)


def _published_table(
    finding: Finding, committed: Mapping[str, Any], published: Published
) -> Finding:
    own = published.tables.get(finding.name)
    if own is None:
        return Finding("table", finding.name, UNKNOWN, "le site publié ne la connaît pas")
    if own.get("sha256") != committed["sha256"]:
        return Finding(
            "table", finding.name, DIFFERENT, "le site publié a été construit sur une autre édition"
        )
    return finding


# --------------------------------------------------------------------------- figures


class Published:
    """A built site and its report of reproducibility, in a folder or at an address.

    Parameters
    ----------
    site : str
        Folder, or ``https://`` (or ``http://``) address, of the site's first page.

    Raises
    ------
    BookError
        There is no report there, or it is malformed.
    OfflineError
        The site is at an address, and ``PVD_OFFLINE`` forbids the network.
    """

    def __init__(self, site: str) -> None:
        self.site = site.rstrip("/").removesuffix("/index.html")
        try:
            content = json.loads(self.read(REPORT))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise self._malformed() from error
        known = content if isinstance(content, dict) else {}
        figures, own = known.get("figures"), known.get("tables")
        if not isinstance(figures, dict) or not isinstance(own, dict):
            raise self._malformed()
        if not all(isinstance(entry, dict) for entry in (*figures.values(), *own.values())):
            raise self._malformed()
        self.figures: dict[str, dict[str, Any]] = figures
        self.tables: dict[str, dict[str, Any]] = own
        self._told = known

    def told(self, section: str, key: str) -> str:
        """Return what the report says of its own making; empty when it does not."""
        held = self._told.get(section)
        value = held.get(key) if isinstance(held, dict) else None
        return value if isinstance(value, str) else ""

    def _malformed(self) -> BookError:
        return BookError(
            f"Le rapport {REPORT} de {sources.safe_address(self.site)} est mal formé.",
            hint="Ce n’est pas celui d’un livre construit par « make book ».",
        )

    def csv(self, name: str) -> bytes:
        """Return the CSV of a figure.

        Raises
        ------
        ChecksumError
            It is not the one that the report tells.
        BookError
            It cannot be read.
        """
        told = self.figures[name].get("csv")
        if not isinstance(told, dict) or not isinstance(told.get("file"), str):
            raise self._malformed()
        content = self.read(told["file"])
        if hashlib.sha256(content).hexdigest() != told.get("sha256"):
            raise ChecksumError("le CSV publié n’est pas celui que dit le rapport publié")
        return content

    def read(self, path: str) -> bytes:
        """Return a file of the site; one outside of it is refused."""
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
            raise BookError(f"Le rapport désigne un fichier hors du site : « {path} ».")
        if urlsplit(self.site).scheme in {"http", "https"}:
            return self._download(path)
        return self._open(path)

    def _open(self, path: str) -> bytes:
        try:
            root = Path(self.site).expanduser().resolve()
            file = (root / path).resolve()
            if not file.is_relative_to(root) or file.stat().st_size > MAX_BYTES:
                raise BookError(f"« {path} » est hors du site, ou trop gros.")
            return file.read_bytes()
        except (OSError, ValueError) as error:
            raise BookError(
                f"Le livre de {self.site} n’a pas de fichier {path}.",
                hint="Construisez-le avec « make book », ou désignez un site par --site.",
            ) from error

    def _download(self, path: str) -> bytes:
        address = f"{self.site}/{path}"
        shown = sources.safe_address(address)
        if sources.is_offline():
            raise OfflineError(
                f"{shown} est sur le réseau, et PVD_OFFLINE l’interdit.",
                hint="Retirez PVD_OFFLINE, ou donnez le dossier d’un site construit.",
            )
        content = bytearray()
        try:
            with requests.get(address, stream=True, timeout=TIMEOUT_S) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_content(sources.CHUNK):
                    content += chunk
                    if len(content) > MAX_BYTES:
                        raise BookError(f"{shown} est trop gros.")
        except requests.RequestException as error:
            raise BookError(
                f"{shown} ne peut pas être lu : {type(error).__name__}.",
                hint="Vérifiez l’adresse du site ; sa première page doit y être.",
            ) from error
        return bytes(content)


def verify_figures(
    root: Path,
    published: Published,
    *,
    data: Path,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Execute every chapter, and compare what it publishes with a published site.

    A chapter that fails is a difference, and so is each figure that it does not reach: it runs
    offline, on tables that are there, so that no source can be the cause.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    published : Published
        The site.
    data : Path
        Folder of the catalogues and tables that the chapters read.
    progress : callable
        Told the source of each chapter as it begins.
    """
    with tempfile.TemporaryDirectory(prefix="pvd-verifier-") as folder:
        figures = Path(folder)
        failed = preview.execute_chapters(
            root,
            figures,
            environment={"PVD_DATA_DIR": str(data), "PVD_OFFLINE": "1"},
            progress=progress,
        )
        report = figures / "report.json"
        made = json.loads(report.read_text("utf-8"))["figures"] if report.is_file() else {}
        order = dict.fromkeys([*published.figures, *made])
        broken = [Finding("chapitre", name, DIFFERENT, why) for name, why in failed.items()]
        return [*broken, *(_figure(name, published, made, failed, figures) for name in order)]


def _figure(
    name: str,
    published: Published,
    made: Mapping[str, Any],
    failed: Mapping[str, str],
    figures: Path,
) -> Finding:
    if name not in published.figures:
        return Finding("figure", name, UNKNOWN, "le site publié ne l’a pas")
    if name not in made:
        chapter = str(published.figures[name].get("notebook", ""))
        gone = f"{chapter} échoue avant elle" if chapter in failed else ""
        return Finding("figure", name, DIFFERENT, gone or "aucun chapitre ne la publie plus")
    try:
        before = published.csv(name)
        after = (figures / made[name]["csv"]["file"]).read_bytes()
        if before == after:
            return Finding("figure", name, SAME)
        gap = compare_frames(_read_csv(before), _read_csv(after))
    except ChecksumError as error:
        return Finding("figure", name, DIFFERENT, str(error))
    except (PvdError, ValueError) as error:
        return Finding("figure", name, UNKNOWN, str(error))
    return Finding("figure", name, DIFFERENT if gap else SAME, gap or "aux arrondis près")


def _read_csv(content: bytes) -> pd.DataFrame:
    return pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False, na_values=[""])


# --------------------------------------------------------------------------- the whole


def verify(
    root: Path,
    site: str,
    *,
    from_sources: bool = True,
    tell: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> list[Finding]:
    """Verify the tables, then the figures drawn from them.

    Parameters
    ----------
    root : Path
        Folder of ``_quarto.yml``.
    site : str
        Folder or address of the published site.
    from_sources : bool
        Rebuild the tables; when false the figures are drawn from the committed ones.
    tell : callable
        Given in French the origin of the site, then each finding as soon as it is known.
    progress : callable
        Told what begins.

    Raises
    ------
    BookError
        The site has no report of reproducibility.
    """
    published = Published(site)
    tell(origin(published, root))
    with tempfile.TemporaryDirectory(prefix="pvd-tables-") as folder:
        data = Path(folder)
        for path in DATA.iterdir():
            if path.suffix in {".csv", ".yml"}:
                shutil.copyfile(path, data / path.name)
        findings = []
        if from_sources:
            (data / "tables").mkdir()
            findings = verify_tables(
                data / "tables",
                published=published,
                progress=lambda name: progress(f"Table {name}…"),
            )
            for finding in findings:
                tell(finding.sentence())
        else:
            shutil.copytree(tables.TABLES, data / "tables")
        drawn = verify_figures(
            root, published, data=data, progress=lambda name: progress(f"Chapitre {name}…")
        )
        for finding in drawn:
            tell(finding.sentence())
    return findings + drawn
