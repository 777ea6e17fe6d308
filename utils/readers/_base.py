"""What every reader shares: tolerant parsing, strict columns, checked schemas.

Official files change their separators, their encodings, the case of their columns and
their date forms from one vintage to the next. A reader names the columns it needs, with
the other names they have had; these helpers find them, or raise a
:class:`~utils.errors.LayoutError` naming the file, the column and the columns found.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaError, SchemaErrors

from utils.errors import ArchiveError, LayoutError

__all__ = [
    "MAX_MEMBER_BYTES",
    "check",
    "column_names",
    "fold",
    "legible",
    "read_archive_member",
    "read_csv",
    "read_json",
    "refuse_bomb",
    "select",
    "to_bool",
    "to_dates",
    "to_numbers",
]

#: Largest archive member that a reader accepts to open, in bytes (BPE, 229 types: 150 MB).
MAX_MEMBER_BYTES = 4 * 1024**3
#: Largest ratio of decompression of a member; the official archives are below 100.
MAX_RATIO: Final = 400
#: A member smaller than this may be compressed as much as it can, bytes.
_SMALL_MEMBER_BYTES: Final = 1 << 20

#: Longest part of a parser's message that an error quotes, characters.
_LONGEST_REASON: Final = 200
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")

_SEPARATORS = (";", ",", "|", "\t")
_LONGEST_HEADER = 2**16

#: Lines of data whose number of fields is compared with the header's.
_SAMPLE_LINES = 500


def fold(text: str) -> str:
    r"""Reduce a column name to lower-case ASCII letters and digits.

    ``"Code catégorie consommation"``, ``"code_categorie_consommation"`` and
    ``"\ufeffCode Catégorie Consommation"`` all give ``"codecategorieconsommation"``.
    """
    plain = unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


#: What the parsers of CSV, JSON, workbooks, archives and Parquet raise on a damaged file.
#: (``SyntaxError`` is the base of the errors of the XML parsers.)
_PARSER_ERRORS: Final = (
    pyarrow.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,  # of recursion, and of the drivers of maps
    SyntaxError,
    ValueError,
)


@contextmanager
def legible(label: str, what: str = "un fichier lisible") -> Iterator[None]:
    """Turn what a parser raises about a damaged or hostile file into a sentence.

    Put it around the call of the parser only: elsewhere these errors are faults of ours.

    Parameters
    ----------
    label : str
        Name of the file.
    what : str
        What it should be: ``"du JSON lisible"``.

    Raises
    ------
    LayoutError
        The parser failed.
    """
    try:
        yield
    except _PARSER_ERRORS as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:_LONGEST_REASON]
        raise LayoutError(
            f"{label} n’est pas {what} : {first}.",
            hint="Téléchargez-le de nouveau (pvd data).",
        ) from error


def read_json(path: Path) -> Any:  # noqa: ANN401 — any JSON
    """Return the content of a JSON file, with or without a byte order mark.

    Raises
    ------
    LayoutError
        It is not JSON in UTF-8, or holds half a character (lone surrogate) or a number that
        is not finite.
    """
    with legible(path.name, "du JSON lisible"):
        text = path.read_bytes().decode("utf-8-sig")
        content = json.loads(text, parse_float=_finite, parse_constant=_finite)
        if _ESCAPED_SURROGATE.search(text):
            json.dumps(content, ensure_ascii=False).encode()  # fails on half a character
    return content


def _finite(text: str) -> float:
    """Return a number of JSON; one that is infinite or not a number is an error."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"« {text} » n’est pas un nombre fini")
    return number


def refuse_bomb(path: Path) -> None:
    """Refuse an archive or a workbook that would swell beyond reason once open.

    Raises
    ------
    ArchiveError
        Its members are larger than :data:`MAX_MEMBER_BYTES` in all, or one of them more
        than :data:`MAX_RATIO` times its compressed size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise ArchiveError(
            f"L’archive {path.name} est illisible : {error}.",
            hint="Supprimez-la du cache et téléchargez-la de nouveau.",
        ) from error
    _refuse_swelling(members, path.name)


def _refuse_swelling(members: Sequence[zipfile.ZipInfo], label: str) -> None:
    total = sum(member.file_size for member in members)
    swollen = [
        member
        for member in members
        if member.file_size > _SMALL_MEMBER_BYTES
        and member.file_size > MAX_RATIO * max(member.compress_size, 1)
    ]
    if total > MAX_MEMBER_BYTES or swollen:
        name = (swollen or sorted(members, key=lambda one: -one.file_size))[0].filename
        raise ArchiveError(
            f"Le fichier {name} de l’archive {label} est anormalement gros.",
            hint="Vérifiez que l’archive est bien celle du producteur.",
        )


def read_archive_member(path: Path, pattern: str) -> bytes:
    """Return the one member of a zip archive whose name matches ``pattern``.

    Parameters
    ----------
    path : Path
        Zip archive.
    pattern : str
        Regular expression searched, case-insensitive, in the members' names.

    Raises
    ------
    ArchiveError
        The archive is corrupt, has no such member or several, or the member would swell
        beyond reason (:func:`refuse_bomb`).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                info
                for info in archive.infolist()
                if not info.is_dir() and re.search(pattern, info.filename, re.IGNORECASE)
            ]
            if len(members) != 1:
                found = ", ".join(i.filename for i in archive.infolist()) or "aucun"
                raise ArchiveError(
                    f"L’archive {path.name} devrait contenir un fichier « {pattern} »"
                    f" et un seul ; fichiers trouvés : {found}.",
                    hint="Vérifiez que l’archive est bien celle du producteur.",
                )
            _refuse_swelling(members, path.name)
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ArchiveError(
            f"L’archive {path.name} est illisible : {error}.",
            hint="Supprimez-la du cache et téléchargez-la de nouveau.",
        ) from error


def _decode(raw: bytes) -> str:
    """Decode UTF-8 (with or without mark), or Windows-1252 when it is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _header(text: str, *, label: str, separator: str | None = None) -> tuple[list[str], str]:
    """Return the names of the columns, and the separator (told from the header if not given)."""
    first = text.partition("\n")[0].strip("\r\n")
    if not first.strip():
        raise LayoutError(
            f"Le fichier {label} est vide.", hint="Téléchargez-le de nouveau (pvd data)."
        )
    sep = separator or max(_SEPARATORS, key=first.count)
    with legible(label, "un tableau lisible"):
        return [name.strip() for name in next(csv.reader([first], delimiter=sep))], sep


def column_names(source: Path | bytes, *, name: str = "") -> list[str]:
    """Return the names of the columns of a delimited file, or of its content.

    Raises
    ------
    LayoutError
        The file is empty.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _header(_decode(file.readline(_LONGEST_HEADER)), label=source.name)[0]
    return _header(_decode(source[:_LONGEST_HEADER].partition(b"\n")[0]), label=name)[0]


def _refuse_long_lines(text: str, names: Sequence[str], separator: str, *, label: str) -> None:
    """Refuse lines with more fields than the header: their values would shift in silence.

    So are decimal commas in a file separated by commas, without quotes.
    """
    lines = csv.reader(io.StringIO(text), delimiter=separator)
    for line in itertools.islice(lines, _SAMPLE_LINES):
        if any(field.strip() for field in line[len(names) :]):
            raise LayoutError(
                f"Dans {label}, la ligne {lines.line_num} a plus de champs que l’en-tête"
                f" ({len(line)} au lieu de {len(names)}).",
                hint="Virgules décimales non protégées par des guillemets ?"
                " Vérifiez le séparateur du fichier.",
            )


def read_csv(
    source: Path | bytes,
    columns: Mapping[str, Sequence[str]],
    *,
    name: str = "",
    optional: Iterable[str] = (),
    separator: str | None = None,
) -> pd.DataFrame:
    """Read a delimited file as text, keeping and renaming the columns that are needed.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    columns : mapping of str to sequence of str
        Name wanted -> names that the column has or had; matched after :func:`fold`.
    name : str
        Name of the file in messages, when ``source`` is bytes.
    optional : iterable of str
        Names wanted that may be missing: the column is then left out.
    separator : str, optional
        Told from the header when not given: ``;``, ``,``, ``|`` or tabulation.

    Returns
    -------
    DataFrame
        One ``str`` column a name found, in the order of ``columns``; blanks are ``NaN``,
        surrounding spaces removed.

    Raises
    ------
    LayoutError
        The file is empty or malformed, or a column is missing.
    """
    raw = source.read_bytes() if isinstance(source, Path) else source
    label = source.name if isinstance(source, Path) else name
    text = _decode(raw)
    names, sep = _header(text, label=label, separator=separator)
    chosen = _match(columns, names, label=label, optional=set(optional))
    # By position: names may be blank or repeated.
    places = [names.index(column) for column in chosen.values()]
    try:
        _refuse_long_lines(text, names, sep, label=label)
        frame = pd.read_csv(
            io.StringIO(text),
            sep=sep,
            header=0,
            names=range(len(names)),
            index_col=False,
            usecols=places,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise LayoutError(
            f"Le fichier {label} n’est pas un tableau lisible : {error}.",
            hint="Téléchargez-le de nouveau (pvd data).",
        ) from error
    frame = frame[places].set_axis(list(chosen), axis=1)
    for column in frame:
        frame[column] = frame[column].str.strip().replace("", None)
    return frame


def select(
    frame: pd.DataFrame,
    columns: Mapping[str, Sequence[str]],
    *,
    label: str,
    optional: Iterable[str] = (),
) -> pd.DataFrame:
    """Keep and rename columns of a frame already read (workbook, Parquet), as :func:`read_csv`."""
    chosen = _match(columns, [str(c) for c in frame.columns], label=label, optional=set(optional))
    named = frame.set_axis([str(c) for c in frame.columns], axis=1)[list(chosen.values())]
    return named.set_axis(list(chosen), axis=1)


def _match(
    columns: Mapping[str, Sequence[str]], found: Sequence[str], *, label: str, optional: set[str]
) -> dict[str, str]:
    by_fold: dict[str, str] = {}
    for column in found:
        by_fold.setdefault(fold(column), column)
    chosen: dict[str, str] = {}
    missing: list[str] = []
    for wanted, aliases in columns.items():
        hit = next((by_fold[fold(a)] for a in aliases if fold(a) in by_fold), None)
        if hit is not None:
            chosen[wanted] = hit
        elif wanted not in optional:
            missing.append(" ou ".join(f"« {a} »" for a in aliases))
    if missing:
        raise LayoutError(
            f"Dans {label}, colonne introuvable : {' ; '.join(missing)}."
            f" Colonnes trouvées : {', '.join(found)}.",
            hint="Le producteur a sans doute changé le format :"
            " complétez les noms acceptés dans utils/readers.",
        )
    return chosen


def _as_text(column: pd.Series, *, label: str) -> pd.Series:
    """Return a column as text, without half characters (lone surrogates), that no file holds."""
    try:
        return column.astype("str")
    except UnicodeEncodeError as error:
        raise LayoutError(
            f"Dans {label}, une valeur contient un demi-caractère (surrogat isolé).",
            hint="Vérifiez le fichier du producteur.",
        ) from error


def to_numbers(column: pd.Series, *, label: str) -> pd.Series:
    """Turn text into floats: decimal comma or point, any thousands space; blank is ``NaN``.

    Raises
    ------
    LayoutError
        A value is neither a number (infinite ones are not) nor blank (statistical secrecy
        ``s`` counts as blank).
    """
    text = _as_text(column, label=label)
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    if (odd := ~np.isfinite(numbers)).any():
        numbers[odd] = _odd_numbers(column[odd], text[odd], label=label).to_numpy()
    return numbers


def _odd_numbers(column: pd.Series, text: pd.Series, *, label: str) -> pd.Series:
    """Turn into floats the few numbers that are written in French, or blank."""
    text = text.str.replace(r"[\s\u00a0\u202f]", "", regex=True)
    text = text.str.replace(",", ".", regex=False)
    blank = text.isna() | text.isin(["", "s", "nd", "ns", "NA", "nan", "None"])
    blank |= text.str.startswith("N/A").fillna(False).astype(bool)
    numbers = pd.to_numeric(text.mask(blank), errors="coerce")
    numbers = numbers.astype("float64").replace([math.inf, -math.inf], math.nan)
    wrong = column[numbers.isna() & ~blank]
    if len(wrong):
        raise LayoutError(
            f"Dans {label}, valeur qui n’est pas un nombre : « {wrong.iloc[0]} »"
            f" ({len(wrong)} ligne(s)).",
            hint="Vérifiez le fichier du producteur.",
        )
    return numbers


def to_dates(column: pd.Series, *, label: str) -> pd.Series:
    """Turn ``31/12/2021``, ``31-12-2021`` or ``2021-12-31`` into dates; blank is ``NaT``.

    A time of day after the date is left out.

    Raises
    ------
    LayoutError
        A value is neither a date nor blank.
    """
    text = _as_text(column, label=label).str.strip().str.replace(r"[T ].*$", "", regex=True)
    blank = text.isna() | text.isin(["", "nan", "None"])
    text = text.mask(blank).str.replace("/", "-")
    french = pd.to_datetime(text, format="%d-%m-%Y", errors="coerce")
    dates = french.fillna(pd.to_datetime(text, format="%Y-%m-%d", errors="coerce"))
    wrong = column[dates.isna() & ~blank]
    if len(wrong):
        raise LayoutError(
            f"Dans {label}, date illisible : « {wrong.iloc[0]} » ({len(wrong)} ligne(s)).",
            hint="Formes acceptées : 31/12/2021, 31-12-2021 ou 2021-12-31.",
        )
    return dates.astype("datetime64[s]")


def to_bool(column: pd.Series) -> pd.Series:
    """Turn ``OUI/NON``, ``O/N``, ``1/0``, ``true/false`` into nullable booleans."""
    folded = column.astype("str").str.strip().str.lower()
    values = folded.map(
        {
            **dict.fromkeys(["oui", "o", "1", "1.0", "true", "vrai"], True),
            **dict.fromkeys(["non", "n", "0", "0.0", "false", "faux"], False),
        }
    )
    return values.astype("boolean")


def check(frame: pd.DataFrame, schema: pa.DataFrameSchema, *, label: str) -> pd.DataFrame:
    """Validate a tidy frame against its pandera schema.

    Raises
    ------
    LayoutError
        Names the file, the column and the first values that fail.
    """
    try:
        validated: pd.DataFrame = schema.validate(frame, lazy=True)
        return validated
    except (SchemaErrors, SchemaError) as error:
        cases = error.failure_cases
        first = cases.iloc[0] if isinstance(cases, pd.DataFrame) and len(cases) else None
        detail = (
            f"colonne « {first['column']} », règle {first['check']},"
            f" par exemple « {first['failure_case']} »"
            if first is not None
            else str(error)
        )
        raise LayoutError(
            f"Le contenu de {label} n’est pas celui attendu : {detail}.",
            hint="Le producteur a sans doute changé le format, ou le fichier est abîmé.",
        ) from error
