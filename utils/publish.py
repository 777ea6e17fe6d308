"""Publish a figure or a table in the book: caption, alternative text, source, CSV, report.

One call writes ``figures/<id>.svg`` (or ``.png`` where the drawing is heavy) and
``figures/<id>.csv``, keeps the entry of the figure in ``figures/report.json``, and
returns the Markdown that Quarto turns into a numbered figure. The folder is at the root
of the project whatever the current one, and ignored by git; ``PVD_FIGURES_DIR`` moves it.

The CSV is UTF-8 without BOM, comma-separated, with decimal points and LF line ends: what
``pandas.read_csv`` and every statistics tool read without an option. A French spreadsheet
opens it by its import dialogue. A text that a spreadsheet would run as a formula has an
apostrophe in front (:mod:`utils.spreadsheet`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Protocol

import pandas as pd
from filelock import FileLock
from matplotlib.figure import Figure

from utils.errors import BookError
from utils.formats import (
    MISSING,
    counted,
    join_words,
    number,
    of_town,
    ordinal,
    quantity,
    typographic,
    year,
)
from utils.provenance import makers, proof, running_cell, source_checksums
from utils.spreadsheet import csv_bytes
from utils.style import WIDTH_IN, render

__all__ = [
    "MAX_SVG_BYTES",
    "HtmlBlock",
    "MarkdownBlock",
    "describe_bars",
    "describe_evolution",
    "describe_map",
    "describe_scatter",
    "describe_strip",
    "figures_dir",
    "publish",
    "publish_table",
    "show_table",
    "source_line",
]

MAX_SVG_BYTES = 600_000
CSS_PX_AN_INCH = 96
LOCK_TIMEOUT_S = 60
YEAR_COLUMNS = ("année", "Année", "year")  # columns without thousands separator
MAX_NAMED = 6  # series or indicators detailed in an alternative text

_ROOT = Path(__file__).resolve().parent.parent
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SPECIAL = re.compile(r'([\\`*_{}\[\]<>#$@^~|"])')


@dataclass(frozen=True)
class MarkdownBlock:
    """Markdown that a notebook shows as such; ``str()`` gives the text."""

    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


@dataclass(frozen=True)
class HtmlBlock(MarkdownBlock):
    """HTML with its script, which goes into the Markdown of a page as a raw block.

    Quarto adds require.js and jQuery, from a CDN, to a page one output of which is of type
    ``text/html``, be it a table without a script. So that type is given in a live Jupyter
    session only, where the raw block would be read as code.
    """

    html: str

    @classmethod
    def of(cls, html: str) -> HtmlBlock:
        """Make the block of some HTML."""
        return cls(f"```{{=html}}\n{html}\n```", html)

    def _repr_html_(self) -> str | None:
        return self.html if os.environ.get("JPY_SESSION_NAME") else None


class SourceLike(Protocol):
    """What publishing needs of a source of the catalogue."""

    @property
    def attribution(self) -> str: ...
    @property
    def landing(self) -> str | None: ...
    @property
    def licence(self) -> str: ...
    @property
    def vintage(self) -> str: ...


def _source(source_id: str) -> SourceLike:
    """Return a source of the catalogue by its id."""
    from utils.catalogue import source

    return source(source_id)


def figures_dir() -> Path:
    """Return the folder of the published figures, made if need be."""
    asked = os.environ.get("PVD_FIGURES_DIR", "")
    folder = Path(asked).resolve() if asked else _ROOT / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# -- Markdown --------------------------------------------------------------------------


def _markdown(text: str) -> str:
    """Write a plain French text as Markdown: typography set, specials escaped."""
    flat = " ".join(typographic(text).split(" "))
    flat = _SPECIAL.sub(r"\\\1", flat.replace("\n", " ").strip())
    return re.sub(r"^([-+]|\d+[.)])(?=\s)", lambda found: _escape_last(found[0]), flat)


def _escape_last(mark: str) -> str:
    return f"{mark[:-1]}\\{mark[-1]}"


def _attribute(text: str) -> str:
    """Write a text as the value of an attribute, between double quotes."""
    flat = re.sub(r"[ \n\t]+", " ", typographic(text)).strip()
    return flat.replace("\\", "\\\\").replace('"', '\\"')


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text}."


def source_line(sources: Sequence[str], *, geography: str = "") -> str:
    """Return the source line as INSEE writes it, in Markdown, each source linked.

    Raises
    ------
    BookError
        If there is no source.
    """
    if not sources:
        raise BookError(
            "Une figure ou un tableau n’a pas de source.",
            hint="Donnez les identifiants de data/sources.yml dans sources=[…].",
        )
    parts = []
    for source_id in dict.fromkeys(sources):
        found = _source(source_id)
        text = _markdown(found.attribution.strip().rstrip("."))
        parts.append(f"[{text}](<{found.landing}>)" if found.landing else text)
    if geography and not any(_markdown(geography) in part for part in parts):
        parts.append(_markdown(geography))
    label = "Sources" if len(set(sources)) > 1 else "Source"
    return f"{label}\u00a0: " + "\u202f; ".join([*dict.fromkeys(parts), "calculs des auteurs."])


# -- files and report ------------------------------------------------------------------


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _csv(frame: pd.DataFrame) -> bytes:
    """Return the CSV of a drawn frame (geometries left out)."""
    plain = frame.drop(columns=[c for c in frame.columns if str(frame[c].dtype) == "geometry"])
    return csv_bytes(plain)


def _document() -> str:
    """Return the name of the notebook or chapter that runs, "" when it is not known."""
    for name in ("PVD_DOCUMENT", "QUARTO_DOCUMENT_FILE", "JPY_SESSION_NAME"):
        if os.environ.get(name):
            return PurePath(os.environ[name]).name
    return ""


def _keep(
    folder: Path, figure_id: str, entry: dict[str, Any], contents: Mapping[str, tuple[str, bytes]]
) -> None:
    """Write the files of a figure and its entry in the report, one writer at a time.

    ``contents`` gives the name and the bytes of each file by kind (``csv``, ``image``).
    """
    report = folder / "report.json"
    with FileLock(folder / ".report.lock", timeout=LOCK_TIMEOUT_S):
        known = json.loads(report.read_text("utf-8"))["figures"] if report.exists() else {}
        before = known.get(figure_id, {}).get("notebook", "")
        if before and entry["notebook"] and before != entry["notebook"]:
            raise BookError(
                typographic(
                    f"L'identifiant « {figure_id} » est déjà celui d'une figure de {before}."
                ),
                hint=(
                    "Donnez un identifiant propre à chaque figure, "
                    "ou videz le dossier figures si le document a changé de nom."
                ),
            )
        for kind, (name, content) in contents.items():
            _write(folder / name, content)
            entry[kind] = {"file": name, "sha256": hashlib.sha256(content).hexdigest()}
        known[figure_id] = entry
        text = json.dumps({"figures": known}, ensure_ascii=False, indent=1, sort_keys=True)
        _write(report, f"{text}\n".encode())


def _relative(path: Path) -> str:
    return Path(os.path.relpath(path, Path.cwd())).as_posix()


def _checked(figure_id: str, caption: str, alt: str | None) -> None:
    """Refuse an id that is not a slug, an empty caption, an empty alternative text."""
    if not _ID.fullmatch(figure_id):
        raise BookError(
            typographic(f"L'identifiant « {figure_id} » n'est pas utilisable."),
            hint="Minuscules sans accent, chiffres et tirets, par exemple commerces-gourdon.",
        )
    for text, what in ((caption, "de légende"), (alt, "de texte de remplacement")):
        if text is not None and not text.strip():
            raise BookError(
                typographic(f"« {figure_id} » n'a pas {what}."),
                hint="Les fonctions describe_… de utils.publish le calculent depuis les données.",
            )


def _entry(
    frame: pd.DataFrame,
    *,
    id: str,  # noqa: A002
    kind: str,
    caption: str,
    sources: Sequence[str],
    tables: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    found = {source_id: _source(source_id) for source_id in dict.fromkeys(sources)}
    document = _document()
    cell = running_cell(document)
    return {
        "kind": kind,
        "title": typographic(caption),
        "rows": len(frame),
        "sources": [
            {
                "id": source_id,
                "attribution": one.attribution,
                "licence": one.licence,
                "vintage": str(one.vintage),
                "sha256": source_checksums(source_id),
            }
            for source_id, one in found.items()
        ],
        "tables": list(tables),
        "notes": list(notes),
        "function": str(frame.attrs.get("function", "")),
        "made_by": makers(cell.text, id) if cell else "",
        "notebook": document,
        "cell": {"rank": cell.rank, "text": cell.text} if cell else None,
    }


def _under(frame: pd.DataFrame, csv: Path, source: str, notes: Sequence[str]) -> list[str]:
    """Return the paragraphs between the drawing and its caption."""
    rows = counted(len(frame), "ligne")
    link = f'[Données (CSV, {rows})]({_relative(csv)}){{download="{csv.name}"}}'
    note = " ".join(_sentence(_markdown(one)) for one in notes)
    return [*([note] if note else []), f"{source} {link}"]


def publish(
    figure_and_frame: tuple[Figure, pd.DataFrame],
    *,
    id: str,  # noqa: A002
    caption: str,
    alt: str,
    sources: Sequence[str],
    note: str = "",
    geography: str = "",
    tables: Sequence[str] = (),
) -> MarkdownBlock:
    """Publish a figure of ``charts`` or ``maps`` in the book.

    Parameters
    ----------
    figure_and_frame : tuple of Figure and DataFrame
        What the drawing function returned. The notes of ``frame.attrs`` are printed.
    id : str
        Slug, unique in the book; ``@fig-<id>`` refers to it.
    caption : str
        Plain text, computed or not.
    alt : str
        Alternative text, from a ``describe_…`` function; never empty.
    sources : sequence of str
        Ids of ``data/sources.yml``.
    note : str
        One more remark to print, before those of the frame.
    geography : str
        For instance ``"géographie au 01/01/2025"``; not said twice where a source says it.
    tables : sequence of str
        Embedded tables that were read, for the report.

    Returns
    -------
    MarkdownBlock
        A Quarto figure; a notebook displays it when it ends a cell.

    Raises
    ------
    BookError
        If the id is not a slug or is another document's, or caption, alternative text or
        source lacks.
    """
    figure, frame = figure_and_frame
    _checked(id, caption, alt)
    source = source_line(sources, geography=geography)
    folder = figures_dir()
    content, suffix = render(figure, "svg"), "svg"
    if len(content) > MAX_SVG_BYTES:
        content, suffix = render(figure, "png"), "png"
    image, csv = folder / f"{id}.{suffix}", folder / f"{id}.csv"
    notes = [one for one in (note, *frame.attrs.get("notes", [])) if one]
    entry = _entry(
        frame, id=id, kind="figure", caption=caption, sources=sources, tables=tables, notes=notes
    )
    entry["alt"] = typographic(alt)
    _keep(folder, id, entry, {"image": (image.name, content), "csv": (csv.name, _csv(frame))})
    other_image = folder / f"{id}.{'png' if suffix == 'svg' else 'svg'}"
    other_image.unlink(missing_ok=True)  # of an earlier, lighter or heavier, drawing
    width = round(WIDTH_IN * CSS_PX_AN_INCH)
    picture = f'![]({_relative(image)}){{fig-alt="{_attribute(alt)}" width="{width}"}}'
    under = _under(frame, csv, source, notes)
    return _block(f"fig-{id}", [picture, *under, _sentence(_markdown(caption))], entry)


def _block(identifier: str, paragraphs: Sequence[str], entry: Mapping[str, Any]) -> MarkdownBlock:
    """Return the numbered block, then where it comes from, folded."""
    return MarkdownBlock("\n\n".join([f"::: {{#{identifier}}}", *paragraphs, ":::", proof(entry)]))


# -- tables ----------------------------------------------------------------------------


def _cell(value: object, decimals: int | None) -> str:
    """Write one cell: a French number, a date, yes or no, or escaped text."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return MISSING
    if isinstance(value, pd.Timestamp):
        return value.strftime("%d/%m/%Y")
    if decimals is None:
        return _markdown(str(value))
    return number(value, decimals)


def _column(column: pd.Series, decimals: int, *, is_year: bool) -> tuple[list[str], bool]:
    """Return the cells of a column, and whether they align right."""
    if pd.api.types.is_bool_dtype(column.dtype):
        words = column.astype("object").map({True: "oui", False: "non"})
        return [_cell(value, None) for value in words], False
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return [_cell(value, None) for value in column], False
    cells = [year(value) if is_year else _cell(value, decimals) for value in column]
    return cells, True


def publish_table(
    frame: pd.DataFrame,
    *,
    id: str,  # noqa: A002
    caption: str,
    sources: Sequence[str],
    decimals: int | Mapping[str, int] = 0,
    years: Collection[str] = YEAR_COLUMNS,
    note: str = "",
    geography: str = "",
    tables: Sequence[str] = (),
) -> MarkdownBlock:
    """Publish a table in the book: French numbers, header cells, caption, source, CSV.

    Parameters
    ----------
    frame : DataFrame
        Column names are the printed headers; the index is not printed.
    decimals : int or mapping of column to int
        Digits after the comma.
    years : collection of str
        Columns of years, written without thousands separator.
    id, caption, sources, note, geography, tables
        As for :func:`publish`; ``@tbl-<id>`` refers to it.

    Raises
    ------
    BookError
        As :func:`publish`, and if the table has no row.
    """
    _checked(id, caption, None)
    if frame.empty:
        raise BookError(
            typographic(f"Le tableau « {id} » n'a aucune ligne."),
            hint="Vérifiez la sélection faite juste avant.",
        )
    source = source_line(sources, geography=geography)
    grid = _grid(frame, decimals, years)
    folder = figures_dir()
    csv = folder / f"{id}.csv"
    notes = [one for one in (note, *frame.attrs.get("notes", [])) if one]
    entry = _entry(
        frame, id=id, kind="table", caption=caption, sources=sources, tables=tables, notes=notes
    )
    _keep(folder, id, entry, {"csv": (csv.name, _csv(frame))})
    under = _under(frame, csv, source, notes)
    return _block(f"tbl-{id}", [grid, *under, _sentence(_markdown(caption))], entry)


def _grid(frame: pd.DataFrame, decimals: int | Mapping[str, int], years: Collection[str]) -> str:
    """Write a frame as a Markdown table, numbers to the right."""
    by_column = decimals if isinstance(decimals, Mapping) else dict.fromkeys(frame, decimals)
    columns: list[list[str]] = []
    rule = []
    for name in frame.columns:
        cells, right = _column(frame[name], by_column.get(name, 0), is_year=name in years)
        columns.append([_markdown(str(name)), *cells])
        width = min(max(map(len, columns[-1])), 40)
        rule.append("-" * (width + 1) + ":" if right else ":" + "-" * (width + 1))
    lines = ["| " + " | ".join(row) + " |" for row in zip(*columns, strict=True)]
    lines.insert(1, "|" + "|".join(rule) + "|")
    return "\n".join(lines)


def show_table(
    frame: pd.DataFrame,
    *,
    decimals: int | Mapping[str, int] = 0,
    years: Collection[str] = YEAR_COLUMNS,
) -> MarkdownBlock:
    """Show a table in passing: neither number, caption, source nor CSV (an exercise’s answer).

    A bare ``DataFrame`` at the end of a cell would bring scripts from a CDN into the page
    (:class:`HtmlBlock`).

    Parameters
    ----------
    frame, decimals, years
        As for :func:`publish_table`; a frame without a line is a sentence.
    """
    if frame.empty:
        return MarkdownBlock("Aucune ligne.")
    return MarkdownBlock(_grid(frame, decimals, years) + "\n")


# -- alternative texts -----------------------------------------------------------------


def _rank(known: pd.Series, own: float) -> str:
    """Say the place of a value among all: ``"3e valeur la plus élevée sur 21"``."""
    place = int((known > own).sum()) + 1
    return f"{ordinal(place, feminine=True)} valeur la plus élevée sur {number(len(known))}"


def describe_strip(
    frame: pd.DataFrame,
    *,
    town_name: str,
    group_name: str = "villes comparables",
    unit: str = "",
    decimals: int = 1,
) -> str:
    """Describe what :func:`charts.strip_against` drew, with the town's values and ranks.

    Beyond six strips, the three where the town stands highest and lowest are detailed.
    """
    described: list[tuple[float, str]] = []
    for label, rows in frame.groupby("label", sort=False):
        known = rows["value"].astype("float64").dropna()
        own = rows.loc[rows["is_town"], "value"].astype("float64").dropna()
        first = rows.iloc[0]
        form = (str(first.get("unit", unit)), int(first.get("decimals", decimals)))
        median = quantity(rows.loc[~rows["is_town"], "value"].median(), *form)
        if own.empty:
            described.append((0.5, f"{label} : {MISSING}, médiane {median}"))
            continue
        place = float((known < own.iloc[0]).mean())
        text = f"{label} : {quantity(own.iloc[0], *form)}, médiane {median}"
        described.append((place, f"{text}, {_rank(known, own.iloc[0])}"))
    others = frame.loc[~frame["is_town"], "code"].nunique()
    start = (
        f"{town_name} parmi {number(others)} {group_name}, "
        f"{counted(len(described), 'bande')} de distribution."
    )
    if len(described) > MAX_NAMED:
        ordered = sorted(described, key=lambda one: -one[0])
        high, low = ordered[: MAX_NAMED // 2], ordered[-MAX_NAMED // 2 :]
        highest, lowest = (" ; ".join(text for _, text in some) for some in (high, low))
        return typographic(
            f"{start} Les plus hautes places : {_sentence(highest)} "
            f"Les plus basses : {_sentence(lowest)}"
        )
    listed = " ; ".join(text for _, text in described)
    return typographic(f"{start} {_sentence(listed)}")


def describe_evolution(frame: pd.DataFrame, *, unit: str = "", decimals: int = 0) -> str:
    """Describe what :func:`charts.evolution` drew: first and last known value by series."""
    texts = []
    series = list(frame.groupby("series", sort=False))
    for name, rows in series[:MAX_NAMED]:
        known = rows.dropna(subset=["value"]).sort_values("year")
        if known.empty:
            texts.append(f"{name} : {MISSING}")
            continue
        first, last = known.iloc[0], known.iloc[-1]
        text = f"{number(first['value'], decimals)} en {year(first['year'])}"
        if len(known) > 1:
            text = f"de {text} à {number(last['value'], decimals)} en {year(last['year'])}"
        texts.append(f"{name} : {text}")
    rest = len(series) - MAX_NAMED
    tail = f" Et {counted(rest, 'autre série', 'autres séries')}." if rest > 0 else ""
    start = (
        f"Évolution de {counted(len(series), 'série')} "
        f"entre {year(frame['year'].min())} et {year(frame['year'].max())}"
        f"{f' ({unit})' if unit else ''}."
    )
    return typographic(f"{start} {_sentence(' ; '.join(texts))}{tail}")


def describe_bars(frame: pd.DataFrame, *, unit: str = "", decimals: int = 0) -> str:
    """Describe what :func:`charts.bars` drew: all values when few, else the extremes."""
    names = frame["label"].astype(str)
    if "group" in frame.columns:
        names = names + " (" + frame["group"].astype(str) + ")"
    values = frame["value"].astype("float64")
    texts = [
        f"{name} : {quantity(value, unit, decimals)}"
        for name, value in zip(names, values, strict=True)
    ]
    if len(texts) > 2 * MAX_NAMED and values.notna().any():
        high, low = int(values.argmax()), int(values.argmin())
        missing = int(values.isna().sum())
        known = f"La plus longue : {texts[high]}. La plus courte : {texts[low]}."
        tail = f" {counted(missing, 'valeur')} {MISSING}" if missing else ""
        return typographic(f"{counted(len(texts), 'barre')}. {known}{tail}")
    return typographic(f"{counted(len(texts), 'barre')}. {_sentence(' ; '.join(texts))}")


def describe_scatter(
    frame: pd.DataFrame,
    *,
    x_what: str,
    y_what: str,
    town_name: str = "",
    x_decimals: int = 0,
    y_decimals: int = 1,
) -> str:
    """Describe what :func:`charts.scatter` drew: extents, rank correlation, the town."""
    x, y = frame["x"], frame["y"]
    text = (
        f"Nuage de {counted(len(frame), 'ville')}. "
        f"{x_what} : de {number(x.min(), x_decimals)} à {number(x.max(), x_decimals)} ; "
        f"{y_what} : de {number(y.min(), y_decimals)} à {number(y.max(), y_decimals)} ; "
        f"corrélation des rangs {number(x.rank().corr(y.rank()), 2)}."
    )
    own = frame[frame["is_town"]]
    if town_name and not own.empty:
        here = own.iloc[0]
        text += (
            f" {town_name} : {number(here['x'], x_decimals)} et {number(here['y'], y_decimals)}."
        )
    return typographic(text)


def describe_map(
    frame: pd.DataFrame,
    *,
    what: str,
    noun: str = "ville",
    nouns: str = "",
    town_name: str = "",
    unit: str = "",
    decimals: int = 0,
) -> str:
    """Describe what :func:`maps.national_map` or :func:`maps.town_map` drew.

    Parameters
    ----------
    frame : DataFrame
        The drawn frame; its ``name`` column, if any, names the extremes.
    what : str
        What the map shows: ``"Petites villes de demain"``.
    noun, nouns : str
        What a line is, singular and plural: ``"département"``, ``"lieu"``/``"lieux"``.
    town_name : str
        The town of a town map.
    """
    where = f"Carte {of_town(town_name)}" if town_name else "Carte de France"
    total = counted(len(frame), noun, nouns)
    if town_name and list(frame.columns) == ["code"]:
        return typographic(f"{where} : {what}.")
    text = f"{where} : {what}, {total}."
    if "value" in frame.columns and frame["value"].notna().any():
        known = frame.dropna(subset=["value"]).sort_values("value", kind="stable")
        named = "name" if "name" in frame.columns else "code"
        low, high = known.iloc[0], known.iloc[-1]
        missing = len(frame) - len(known)
        text += (
            f" De {quantity(low['value'], unit, decimals)} ({low[named]})"
            f" à {quantity(high['value'], unit, decimals)} ({high[named]}),"
            f" médiane {quantity(known['value'].median(), unit, decimals)}"
            f"{f' ; {number(missing)} sans valeur connue' if missing else ''}."
        )
    elif "category" in frame.columns and len(frame):
        counts = frame["category"].value_counts()
        listed = [f"{name} {number(n)}" for name, n in counts.head(MAX_NAMED).items()]
        text += f" {join_words(listed)}."
    return typographic(text)
