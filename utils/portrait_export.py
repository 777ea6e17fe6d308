"""The portrait of a town as files: a page that stands alone (HTML), two pages to print (PDF).

Nothing is fetched and nothing depends on the day. A file carries the fingerprint of all that
made it (tables, catalogues, code, templates): with the same one it is up to date, and is not
made again. Files are written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
import joblib
import pandas as pd
import typst

from utils import svg, tables
from utils.catalogue import DATA
from utils.errors import BookError, PvdError
from utils.formats import NBSP, counted, join_words, number, quantity, typographic
from utils.maps import INSETS
from utils.portrait import digits, headline
from utils.stories import portrait
from utils.stories.catalogue_pages import towns_date

__all__ = ["FORMATS", "Report", "export", "export_all", "fingerprint", "html", "pdf"]

#: Formats of a portrait.
FORMATS: Final = ("html", "pdf")

#: Gaps that the first printed page holds besides who the town is.
_ON_FIRST_PAGE: Final = 5

_UTILS: Final = Path(__file__).resolve().parent
_TEMPLATES: Final = _UTILS.parent / "theme" / "portrait"


# --------------------------------------------------------------------------- content


def content(town_code: str) -> dict[str, Any]:
    """Return all that the templates print, French words and drawings ready made.

    Raises
    ------
    TownError
        The town is not in the book.
    """
    town = tables.load_town(town_code)
    town["name"] = typographic(town["name"])
    one = portrait.draw(town)
    peers = one.comparables
    marks = peers["pvd"].map({True: "", False: f"{NBSP}○"})
    names = [
        typographic(name) for name in peers["name"] + " (" + peers["departement"] + ")" + marks
    ]
    map_alt = typographic(f"{town['name']} et ses villes comparables : {join_words(names)}.")
    shown = pd.concat([town.to_frame().T[["code", "lon", "lat", "pvd"]], peers], join="inner")
    return {
        "name": town["name"],
        "code": town["code"],
        "summary": f"{portrait.parts_sentence(one)} {portrait.chance_sentence(one)}",
        "facts": [list(pair) for pair in one.facts],
        "warning": one.warning,
        "peers": names,
        "first": [
            [headline(told.gap, told.sentence), portrait.mark(told.gap)] for told in one.first
        ],
        "ahead": _ahead(one.parts),
        "parts": [_part(part, town["name"]) for part in one.parts],
        "unknown": [[one_reason.reason, _listed(one_reason.labels)] for one_reason in one.unknown],
        "method": portrait.method(),
        "sources": [list(pair) for pair in portrait.source_lines(one)],
        "date": towns_date(),
        "fingerprint": fingerprint(),
        "map_alt": map_alt,
        "map_note": _territories(peers),
        "map": svg.map_of_towns(
            _lands(),
            shown.astype({"lon": float, "lat": float}),
            town=town["code"],
            ident="carte",
            title=typographic(f"Où sont {town['name']} et ses villes comparables"),
            desc=map_alt,
        ),
    }


def _listed(labels: Sequence[str]) -> str:
    """Join labels that may hold commas."""
    return typographic(" ; ".join(f"{label[0].lower()}{label[1:]}" for label in labels))


def _ahead(parts: Sequence[portrait.Part]) -> int:
    """Return how many headings the first of the two printed pages holds."""
    together = len(parts[0].told) + len(parts[1].told)
    return 2 if together <= _ON_FIRST_PAGE else 1


@lru_cache(maxsize=1)
def _lands() -> dict[str, svg.Outlines]:
    return svg.outlines(tables.load_departements())


def _territories(peers: pd.DataFrame) -> str:
    """Name the overseas territories that the map shows, in reading order."""
    overseas = peers["code"].str.slice(0, 3)
    names = [part.name for part in INSETS if (overseas == part.code).any()]
    return typographic(f"{join_words(names)}, chacune à son échelle.") if names else ""


def _part(part: portrait.Part, name: str) -> dict[str, Any]:
    if part.examined == 0:
        looked = "Aucun indicateur n’a pu être comparé."
    elif part.apart == 0:
        looked = (
            f"{counted(part.examined, 'indicateur regardé', 'indicateurs regardés')} : aucun"
            " écart ne dépasse le bruit."
        )
    else:
        looked = (
            f"{counted(part.examined, 'indicateur regardé', 'indicateurs regardés')},"
            f" {counted(part.apart, 'écart')}"
        )
        looked += (
            f", dont les {number(len(part.told))} plus forts."
            if part.apart > len(part.told)
            else "."
        )
    return {
        "title": part.title,
        "counted": typographic(looked),
        "told": [_gap(told, name) for told in part.told],
        "alike": _listed(part.alike),
    }


def _gap(told: portrait.Told, name: str) -> dict[str, Any]:
    gap = told.gap
    places = digits(gap.own, gap.reference)
    values = (gap.own, *gap.others)
    ranked = sorted(gap.others)
    median = (ranked[len(ranked) // 2] + ranked[(len(ranked) - 1) // 2]) / 2
    alt = typographic(
        f"{told.label} : {name} {quantity(gap.own, told.unit, places)} ; médiane des"
        f" {counted(len(ranked), 'ville comparable', 'villes comparables')}"
        f" {number(median, places)}, de {number(ranked[0], places)} à {number(ranked[-1], places)}."
    )
    return {
        "claim": told.sentence.claim,
        "rest": told.sentence.rest,
        "mark": portrait.mark(gap),
        "unit": told.unit,
        "low": number(min(values), places),
        "high": number(max(values), places),
        "alt": alt,
        "strip": svg.strip(
            gap.own,
            gap.others,
            ident=gap.indicator.replace("_", "-"),
            title=told.label,
            desc=alt,
        ),
    }


# --------------------------------------------------------------------------- formats


@lru_cache(maxsize=1)
def _page() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html")


def html(filled: dict[str, Any]) -> str:
    """Return the page that stands alone: every word is escaped, only the drawings are not.

    Parameters
    ----------
    filled : dict
        Of :func:`content`.
    """
    css = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    return _page().render(**filled, css=css)


def pdf(filled: dict[str, Any]) -> bytes:
    """Return the two A4 pages, tagged, with the fonts that Typst carries.

    Raises
    ------
    BookError
        Typst refuses the page.
    """
    try:
        done = typst.compile(
            str(_TEMPLATES / "page.typ"),
            root=str(_TEMPLATES),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(filled, ensure_ascii=False)},
            pdf_standards=["ua-1"],
        )
    except typst.TypstError as error:
        raise BookError(
            f"Le PDF de {filled['name']} ({filled['code']}) n’a pu être composé : {error}.",
            hint="Le modèle est theme/portrait/page.typ.",
        ) from error
    return bytes(done)


# --------------------------------------------------------------------------- files


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return the fingerprint of all that makes a portrait: tables, catalogues, code, templates."""
    inputs = [
        DATA / "indicators.yml",
        DATA / "sources.yml",
        *sorted(tables.TABLES.glob("*.parquet")),
        *sorted(_UTILS.rglob("*.py")),
        *sorted(_TEMPLATES.iterdir()),
    ]
    total = hashlib.sha256()
    for path in inputs:
        total.update(f"{path.name} {tables.file_sha256(path)}\n".encode())
    return total.hexdigest()[:32]


def _up_to_date(path: Path) -> bool:
    return path.is_file() and fingerprint().encode() in path.read_bytes()


def export(
    town_code: str, *, formats: Iterable[str] = FORMATS, folder: Path, again: bool = False
) -> list[Path]:
    """Write the portrait of a town: ``46127.html``, ``46127.pdf``.

    Parameters
    ----------
    town_code : str
        Name or code of a town of the book.
    formats : iterable of str
        Among :data:`FORMATS`.
    folder : Path
        Made if need be.
    again : bool
        Write even what is up to date.

    Returns
    -------
    list of Path
        The files written; none for those that were up to date.

    Raises
    ------
    TownError
        The town is not in the book.
    BookError
        A format is unknown, or a file cannot be written.
    """
    formats = tuple(formats)
    _check(formats)
    code = str(tables.load_town(town_code)["code"])
    wanted = {form: folder / f"{code}.{form}" for form in formats}
    todo = {form: path for form, path in wanted.items() if again or not _up_to_date(path)}
    if not todo:
        return []
    filled = content(code)
    for form, path in todo.items():
        _write(path, html(filled).encode() if form == "html" else pdf(filled))
    return list(todo.values())


def _check(formats: Sequence[str]) -> None:
    unknown = [form for form in formats if form not in FORMATS]
    if unknown or not formats:
        raise BookError(
            f"Format de portrait inconnu : « {unknown[0] if unknown else ''} ».",
            hint=f"Les formats sont {join_words(FORMATS)}, séparés par une virgule.",
        )


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise BookError(
            f"Impossible d’écrire {path} : {error.strerror}.",
            hint="Choisissez un autre dossier avec --output.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Report:
    """What :func:`export_all` did: files written, towns already up to date, towns that failed."""

    written: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say it in one French sentence."""
        text = (
            f"{counted(len(self.written), 'fichier écrit', 'fichiers écrits')},"
            f" {counted(len(self.skipped), 'ville déjà à jour', 'villes déjà à jour')}"
        )
        if self.failed:
            text += f", {counted(len(self.failed), 'échec')}"
        return typographic(f"{text}.")


def _try(code: str, formats: Sequence[str], folder: Path) -> tuple[str, list[Path], str]:
    """Export one town; return its code, what was written, and why it failed."""
    try:
        return code, export(code, formats=formats, folder=folder), ""
    except PvdError as error:
        return code, [], str(error)


def export_all(
    codes: Sequence[str],
    *,
    formats: Sequence[str] = FORMATS,
    folder: Path,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Write the portraits of many towns, several at a time; a failure stops no other town.

    Parameters
    ----------
    codes : sequence of str
        Codes of towns.
    jobs : int
        Processes; -1 for one a core.
    progress : callable, optional
        Called with the number of towns done after each.
    """
    _check(formats)
    if jobs == 0:
        raise BookError("Zéro ville à la fois : rien ne se ferait.", hint="Donnez --jobs 1.")
    report = Report()
    tasks = (joblib.delayed(_try)(code, tuple(formats), folder) for code in codes)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=4)(tasks)
    for rank, (code, written, failure) in enumerate(done, start=1):
        if failure:
            report.failed[code] = failure
        elif written:
            report.written.extend(written)
        else:
            report.skipped.append(code)
        if progress:
            progress(rank)
    return report
