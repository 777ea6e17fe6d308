"""Equipments, establishments and care: BPE, Sirene, APL, FINESS.

Official layouts in, tidy frames out. Codes of communes are those of the file, with their
lost zeros put back; they are carried to today's communes later.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import pandas as pd
import pandera.pandas as pa
import pyarrow.parquet as pq
from pyproj import Transformer

from utils.communes import local_epsg, normalise_codes
from utils.errors import LayoutError
from utils.readers._base import (
    check,
    fold,
    legible,
    read_archive_member,
    read_csv,
    refuse_bomb,
    select,
    to_numbers,
)
from utils.readers._parquet import is_parquet, query, require

__all__ = [
    "read_apl_generalistes",
    "read_apl_professions",
    "read_bpe_departement",
    "read_bpe_ensemble",
    "read_bpe_melodi",
    "read_bpe_points",
    "read_establishments",
    "read_finess",
    "read_sirene_creations",
    "read_sirene_etablissements",
]

#: The data of an archive of Insee, not its list of variables and modalities.
_DATA_MEMBER = r"^(?!.*(varmod|metadata|metadonnees)).*\.csv$"
_BPE_COLUMNS = {"code": ["DEPCOM"], "year": ["AN"], "typequ": ["TYPEQU"]}
_CODE = pa.Column(str, pa.Check.str_length(5, 5))
_CODE_OR_NA = pa.Column(str, pa.Check.str_length(5, 5), nullable=True)
_YEAR = pa.Column("int16", pa.Check.in_range(1990, 2100))
_COUNT = pa.Column("Int64", pa.Check.ge(0))
_SCORE = pa.Column(float, pa.Check.ge(0), nullable=True)
_TEXT = pa.Column(str, nullable=True)
_LON = pa.Column(float, pa.Check.in_range(-180, 180), nullable=True)
_LAT = pa.Column(float, pa.Check.in_range(-90, 90), nullable=True)


def _schema(
    columns: dict[str, pa.Column], *, unique: list[str] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, coerce=True, strict=True, unique=unique)


_BPE = _schema(
    {"code": _CODE, "year": _YEAR, "typequ": pa.Column(str), "count": _COUNT},
    unique=["code", "year", "typequ"],
)


def _content(path: Path) -> bytes:
    """Return the table of a zip archive of Insee, or of the file itself."""
    raw = path.read_bytes()
    is_archive = raw.startswith(b"PK") or path.suffix.lower() == ".zip"
    return read_archive_member(path, _DATA_MEMBER) if is_archive else raw


def _sum_by_commune(frame: pd.DataFrame, *, label: str) -> pd.DataFrame:
    """Sum ``count`` by commune, year and type: an IRIS, or one equipment, a line."""
    keys = ["code", "year", "typequ"]
    frame = frame.assign(
        code=normalise_codes(frame["code"], label=label),
        year=to_numbers(frame["year"], label=label),
        count=to_numbers(frame["count"], label=label),
    )
    # dropna=False: a blank key must fail the schema, not vanish.
    sums = frame.groupby(keys, dropna=False)["count"].sum(min_count=1)
    return check(sums.reset_index(), _BPE, label=label)


def read_bpe_ensemble(path: Path) -> pd.DataFrame:
    """Read a BPE of the years 2009 to 2021, « ensemble », one line an IRIS or a commune.

    Parameters
    ----------
    path : Path
        Zip archive of Insee (``bpe18_ensemble_csv.zip``), or the CSV inside; columns
        ``DEPCOM``, ``AN`` (``2018`` or ``2018.0``), ``TYPEQU``, ``NB_EQUIP``.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``typequ``, ``count``: IRIS summed by commune. A type absent
        from a commune has no line. Paris, Lyon and Marseille are by arrondissement.

    Raises
    ------
    LayoutError, ArchiveError
        A column is missing, a value is not a count, or the archive is not readable.
    """
    columns = {**_BPE_COLUMNS, "count": ["NB_EQUIP"]}
    return _sum_by_commune(read_csv(_content(path), columns, name=path.name), label=path.name)


def read_bpe_melodi(path: Path) -> pd.DataFrame:
    """Read the counts of the BPE since 2023, Melodi dataset ``DS_BPE``.

    Parameters
    ----------
    path : Path
        Zip archive (``DS_BPE_2024_CSV_FR``: data beside metadata), or the CSV inside.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``typequ``, ``count``. Only communes (``GEO_OBJECT`` ``COM``) and
        only types: the subtotals ``_T`` are left out. A sum of types written ``B104+B105``
        is kept as written.

    Raises
    ------
    LayoutError, ArchiveError
        A column is missing, a value is not a count, a commune has two values for a type.
    """
    label = path.name
    frame = read_csv(
        _content(path),
        {
            "code": ["GEO"],
            "level": ["GEO_OBJECT"],
            "typequ": ["FACILITY_TYPE"],
            "measure": ["BPE_MEASURE"],
            "year": ["TIME_PERIOD"],
            "count": ["OBS_VALUE"],
        },
        name=label,
        optional=["measure"],
    )
    kept = (frame["level"] == "COM") & (frame["typequ"] != "_T")
    if "measure" in frame:
        kept &= frame["measure"] == "FACILITIES"
    frame = frame.loc[kept, ["code", "year", "typequ", "count"]].reset_index(drop=True)
    frame["code"] = normalise_codes(frame["code"], label=label)
    for column in ("year", "count"):
        frame[column] = to_numbers(frame[column], label=label)
    return check(frame, _BPE, label=label)


def read_bpe_departement(path: Path, *, year: int = 2024) -> pd.DataFrame:
    """Count the lines of a BPE with one line an equipment (the located official file too).

    Parameters
    ----------
    path : Path
        CSV, or the zip archive of Insee: ``DEPCOM``, ``TYPEQU``, and ``AN`` where it is.
    year : int
        Vintage, for a file without ``AN``.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``typequ``, ``count``. The copy of the Loire in the mirror has one
        line at most a commune and type where ``SIRET`` is blank: its self-employed health
        professions are undercounted (204 nurses, 1,535 in ``DS_BPE``).
    """
    frame = read_csv(_content(path), _BPE_COLUMNS, name=path.name, optional=["year"])
    if "year" not in frame:
        frame["year"] = str(year)
    return _sum_by_commune(frame.assign(count="1"), label=path.name)


#: Columns of a located BPE: name wanted -> name in the file.
_POINTS: Final = {
    **_BPE_COLUMNS,
    "x": ["LAMBERT_X"],
    "y": ["LAMBERT_Y"],
    "epsg": ["EPSG"],
    "quality": ["QUALITE_XY"],
}


def read_bpe_points(
    path: Path, *, types: Collection[str] = (), codes: Collection[str] = ()
) -> pd.DataFrame:
    """Read a located BPE, one line an equipment, in the local CRS of each territory.

    Parameters
    ----------
    path : Path
        Parquet (``BPE24.parquet``) or zip archive of Insee (``bpe21_ensemble_xy_csv.zip``,
        ``BPE23.zip``), or its CSV: ``DEPCOM``, ``AN``, ``TYPEQU``, ``LAMBERT_X``,
        ``LAMBERT_Y``; ``EPSG`` and ``QUALITE_XY`` where they are.
    types, codes : collection of str
        Types (``B207``) and communes to keep; all when empty. From Parquet, the other lines
        and columns are not read.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``typequ``, ``x``, ``y`` (metres, ``NaN`` where the place is not
        known: all Mayotte in 2021), ``epsg`` (of the line, else of the territory), and
        ``quality`` when the file has it.

    Raises
    ------
    LayoutError, ArchiveError
        A column is missing, a value is not a number, or the file is not readable.
    """
    label = path.name
    optional = ["epsg", "quality"]
    if is_parquet(path):
        frame = _parquet_points(path, types=types, codes=codes)
    else:
        frame = read_csv(_content(path), _POINTS, name=label, optional=optional)
    frame["code"] = normalise_codes(frame["code"], label=label)
    for wanted, column in ((types, "typequ"), (codes, "code")):
        if wanted:
            frame = frame[frame[column].isin(list(wanted))].reset_index(drop=True)
    for column in ("year", "x", "y"):
        frame[column] = to_numbers(frame[column], label=label)
    frame["epsg"] = _epsg(frame["code"], frame.get("epsg"), label=label)
    schema = _schema(
        {
            "code": _CODE,
            "year": _YEAR,
            "typequ": pa.Column(str),
            "x": pa.Column(float, nullable=True),
            "y": pa.Column(float, nullable=True),
            "epsg": pa.Column("int32"),
            "quality": pa.Column(str, nullable=True, required=False),
        }
    )
    order = ["code", "year", "typequ", "x", "y", "epsg", *(["quality"] * ("quality" in frame))]
    return check(frame[order], schema, label=label)


def _parquet_points(path: Path, *, types: Collection[str], codes: Collection[str]) -> pd.DataFrame:
    """Read the columns of :data:`_POINTS` that a Parquet file has, as text, unsorted rows kept."""
    names = require(path, [name for wanted in ("code", "year", "typequ", "x", "y")
                           for name in _POINTS[wanted]])  # fmt: skip
    found = {wanted: name for wanted, (name,) in _POINTS.items() if name in names}
    asked = ", ".join(f"CAST({name} AS VARCHAR) AS {wanted}" for wanted, name in found.items())
    return query(
        f"SELECT {asked} FROM read_parquet($path)"  # noqa: S608 — names of this module only
        " WHERE ($every_type OR TYPEQU IN (SELECT unnest($types)))"
        " AND ($every_code OR DEPCOM IN (SELECT unnest($codes)))"
        " ORDER BY ALL",
        {
            "path": path,
            "types": list(types),
            "codes": list(codes),
            "every_type": not types,
            "every_code": not codes,
        },
        label=path.name,
    )


def _epsg(codes: pd.Series, stated: pd.Series | None, *, label: str) -> pd.Series:
    """Return the CRS of each line: the one that it states (``EPSG:5490 …``), else the local one."""
    # The Pacific (98…) has no CRS of its own here, and must not fall into Lambert 93.
    known = [code for code in codes.dropna().unique() if not code.startswith("98")]
    local = codes.map({code: local_epsg(code) for code in known})
    if stated is None:
        return local
    number = stated.str.extract(r"(?:EPSG:?)?\s*(\d{4,5})", flags=re.IGNORECASE)[0]
    return to_numbers(number, label=label).fillna(local)


def _to_wgs84(x: pd.Series, y: pd.Series, epsg: pd.Series) -> pd.DataFrame:
    """Project points given each in its CRS to ``lon``, ``lat`` (EPSG:4326, degrees)."""
    points = pd.DataFrame({"lon": float("nan"), "lat": float("nan")}, index=x.index)
    known = x.notna() & y.notna() & epsg.notna()
    for number in epsg[known].unique():
        rows = known & (epsg == number)
        transformer = Transformer.from_crs(int(number), 4326, always_xy=True)
        lon, lat = transformer.transform(x[rows].to_numpy(), y[rows].to_numpy())
        points.loc[rows, "lon"] = lon
        points.loc[rows, "lat"] = lat
    return points


_SIRENE_COLUMNS = {
    "siret": ["siret"],
    "siren": ["siren"],
    "code": ["codeCommuneEtablissement"],
    "naf": ["activitePrincipaleEtablissement"],
    "sign": ["enseigne1Etablissement"],
    "usual_name": ["denominationUsuelleEtablissement"],
    "active": ["etatAdministratifEtablissement"],
    "lon": ["longitude"],
    "lat": ["latitude"],
    "x": ["coordonneeLambertAbscisseEtablissement"],
    "y": ["coordonneeLambertOrdonneeEtablissement"],
}
_SIRENE = _schema(
    {
        "siret": pa.Column(str, pa.Check.str_length(14, 14), unique=True),
        "siren": pa.Column(str, pa.Check.str_length(9, 9)),
        "code": _CODE_OR_NA,
        "naf": _TEXT,
        "sign": _TEXT,
        "usual_name": _TEXT,
        "active": pa.Column(bool),
        "lon": _LON,
        "lat": _LAT,
    }
)


def read_sirene_etablissements(path: Path) -> pd.DataFrame:
    """Read the establishments of Sirene from Parquet, only the columns that are needed.

    Parameters
    ----------
    path : Path
        ``StockEtablissement_utf8.parquet`` of Insee. The place is ``longitude`` and
        ``latitude`` where a distribution adds them, else ``coordonneeLambert…`` in the CRS of
        the territory, else unknown.

    Returns
    -------
    DataFrame
        ``siret``, ``siren``, ``code`` (``NaN`` when unknown), ``naf`` (``47.11D``), ``sign``,
        ``usual_name``, ``active``, ``lon``, ``lat`` (EPSG:4326). ``[ND]`` (a person who asked
        not to be listed) is ``NaN``. Signs may be persons' names: publish aggregates only.
    """
    label = path.name
    with legible(label, "du Parquet lisible"):
        file = pq.ParquetFile(path)
    names = pd.DataFrame([file.schema_arrow.names], columns=file.schema_arrow.names)
    places = ["lon", "lat", "x", "y"]
    chosen = select(names, _SIRENE_COLUMNS, label=label, optional=places).iloc[0]
    with legible(label, "du Parquet lisible"):
        frame = file.read(columns=list(chosen)).to_pandas()[list(chosen)]
    frame = frame.set_axis(list(chosen.index), axis=1)
    text = [column for column in frame if column not in ("lon", "lat", "active")]
    frame[text] = frame[text].replace({"[ND]": None, "": None})
    frame["code"] = normalise_codes(frame["code"], label=label)
    frame["active"] = frame["active"].map({"A": True, "F": False}).astype("boolean")
    if "lon" not in frame and "x" in frame:
        x, y = (to_numbers(frame[axis], label=label) for axis in ("x", "y"))
        frame = frame.join(_to_wgs84(x, y, _epsg(frame["code"], None, label=label)))
    return check(frame.reindex(columns=list(_SIRENE.columns)), _SIRENE, label=label)


_SIRENE_CODE = {"code": ["codeCommuneEtablissement", "CODGEO"]}


def read_sirene_creations(path: Path) -> pd.DataFrame:
    """Read the creations of establishments by commune and year.

    Parameters
    ----------
    path : Path
        CSV with a column ``crea_etab_AAAA`` a year.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``creations``: every legal form, property companies included.
    """
    years = range(2000, 2101)
    frame = read_csv(
        path,
        {**_SIRENE_CODE, **{str(year): [f"crea_etab_{year}"] for year in years}},
        optional=[str(year) for year in years],
    )
    if len(frame.columns) == 1:
        raise LayoutError(
            f"Dans {path.name}, aucune colonne « crea_etab_AAAA ».",
            hint="Le producteur a sans doute changé le format.",
        )
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    long = frame.melt(id_vars="code", var_name="year", value_name="creations")
    for column in ("year", "creations"):
        long[column] = to_numbers(long[column], label=path.name)
    schema = _schema({"code": _CODE, "year": _YEAR, "creations": _COUNT}, unique=["code", "year"])
    return check(long, schema, label=path.name)


def read_establishments(path: Path) -> pd.DataFrame:
    """Read the stock of establishments by commune, from the same file as the creations.

    Returns
    -------
    DataFrame
        ``code``, ``establishments``, and among them ``commerce`` and ``food_accommodation``.
    """
    frame = read_csv(
        path,
        {
            **_SIRENE_CODE,
            "establishments": ["total_etab"],
            "commerce": ["secteur_etab_commerce"],
            "food_accommodation": ["secteur_etab_hebergement_restauration"],
        },
    )
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    counts = ["establishments", "commerce", "food_accommodation"]
    for column in counts:
        frame[column] = to_numbers(frame[column], label=path.name)
    schema = _schema({"code": _CODE, **dict.fromkeys(counts, _COUNT)}, unique=["code"])
    return check(frame, schema, label=path.name)


def _apl_column(title: str) -> str:
    """Tell what a column of the APL workbook is from its title; ``""`` for the others."""
    key = fold(title)
    if key.startswith("codecommune"):
        return "code"
    if key.startswith("populationstandardisee"):
        return "population_std"
    if key.startswith("aplauxmedecinsgeneralistes"):
        age = re.search(r"(6[0-9])ans", key)
        return f"apl_{age.group(1)}" if age else "apl"
    return ""


def read_apl_generalistes(path: Path) -> pd.DataFrame:
    """Read the potential accessibility (APL, Drees) to general practitioners.

    Parameters
    ----------
    path : Path
        Workbook of the Drees: a sheet « APL AAAA » a year, whose header is the row that
        starts with « Code commune ».

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``apl`` (consultations a year and a standardised inhabitant),
        ``apl_65``, ``apl_62``, ``apl_60`` (practitioners under that age only; ``NaN`` where
        the edition has no such column), ``population_std``. Means are weighted by
        ``population_std``. Mayotte is not covered.
    """
    refuse_bomb(path)
    with legible(path.name, "un classeur lisible"):
        sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl")
    years = {name: re.match(r"APL\D*(\d{4})", name) for name in sheets}
    frames = [
        _apl_sheet(sheets[name], year=int(found.group(1)), label=f"{path.name}, feuille « {name} »")
        for name, found in years.items()
        if found
    ]
    if not frames:
        raise LayoutError(
            f"Dans {path.name}, aucune feuille « APL AAAA » ; feuilles : {', '.join(sheets)}.",
            hint="Vérifiez que le classeur est bien celui de la Drees.",
        )
    schema = _schema(
        {
            "code": _CODE,
            "year": _YEAR,
            **dict.fromkeys(["apl", "apl_65", "apl_62", "apl_60", "population_std"], _SCORE),
        },
        unique=["code", "year"],
    )
    return check(pd.concat(frames, ignore_index=True), schema, label=path.name)


def _apl_sheet(sheet: pd.DataFrame, *, year: int, label: str) -> pd.DataFrame:
    starts = sheet.index[sheet[0].map(lambda cell: fold(cell).startswith("codecommune"))]
    if not len(starts):
        raise LayoutError(
            f"Dans {label}, l’en-tête « Code commune » est introuvable.",
            hint="Vérifiez que le classeur est bien celui de la Drees.",
        )
    titles = [str(title) for title in sheet.loc[starts[0]] if pd.notna(title)]
    body = sheet.loc[starts[0] + 1 :, : len(titles) - 1].set_axis(titles, axis=1)
    names = {_apl_column(title) or title: [title] for title in titles}
    scores = ["apl", "apl_65", "apl_62", "apl_60", "population_std"]
    wanted = {name: names.get(name, [name]) for name in ["code", *scores]}
    frame = select(body, wanted, label=label, optional=["apl_65", "apl_62", "apl_60"])
    frame = frame.dropna(subset=["code"]).dropna(subset=["apl", "population_std"], how="all")
    frame = frame.reset_index(drop=True).assign(year=year)
    frame["code"] = normalise_codes(frame["code"].astype("str"), label=label)
    for column in set(scores) & set(frame.columns):
        frame[column] = to_numbers(frame[column], label=label)
    return frame.reindex(columns=["code", "year", *scores])


#: A « population » whose median commune is smaller is no population (it is near 450).
_SMALLEST_TYPICAL_POPULATION = 50


def read_apl_professions(path: Path) -> pd.DataFrame:
    """Read the potential accessibility (APL, Drees) to several professions, from Parquet.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``profession``, ``apl``, ``population_std``. The unit depends on
        the profession: consultations for general practitioners, full-time equivalents per
        100,000 inhabitants for the others. Corsica is absent from the copy of the mirror, whose
        general practitioners have, as population, the APL to those under 65: it is blanked.
    """
    label = path.name
    with legible(label, "du Parquet lisible"):
        table = pd.read_parquet(path)
    frame = select(
        table,
        {
            "code": ["code_commune"],
            "year": ["annee"],
            "profession": ["profession"],
            "apl": ["score_apl"],
            "population_std": ["population_standardisee"],
        },
        label=label,
    )
    frame["code"] = normalise_codes(frame["code"], label=label)
    typical = frame.groupby(["profession", "year"])["population_std"].transform("median")
    frame["population_std"] = frame["population_std"].mask(typical < _SMALLEST_TYPICAL_POPULATION)
    schema = _schema(
        {
            "code": _CODE,
            "year": _YEAR,
            "profession": pa.Column(str),
            "apl": _SCORE,
            "population_std": _SCORE,
        },
        unique=["code", "year", "profession"],
    )
    return check(frame, schema, label=label)


_FINESS = _schema(
    {
        "finess_id": pa.Column(str, pa.Check.str_length(9, 9)),
        "name": _TEXT,
        "category": pa.Column(str),
        "category_name": _TEXT,
        "code": _CODE_OR_NA,
        "lon": _LON,
        "lat": _LAT,
    }
)
#: Columns of the official file, which has no header (notice of data.gouv.fr).
_FINESS_SECTIONS = {
    "structureet": [
        "section",
        "nofinesset",
        "nofinessej",
        "rs",
        "rslongue",
        "complrs",
        "compldistrib",
        "numvoie",
        "typvoie",
        "voie",
        "compvoie",
        "lieuditbp",
        "commune",
        "departement",
        "libdepartement",
        "ligneacheminement",
        "telephone",
        "telecopie",
        "categetab",
        "libcategetab",
    ],
    "geolocalisation": ["section", "nofinesset", "coordxet", "coordyet", "sourcecoordet"],
}
_FINESS_CODE = r"(0[1-9]|[1-8]\d|9[0-578]|2[AB])\d{3}"
_FINESS_COLUMNS = {
    "finess_id": ["nofinesset", "nofinesset_et", "finess"],
    "name": ["rs", "rslongue"],
    "category": ["categetab"],
    "category_name": ["libcategetab"],
}


def read_finess(path: Path) -> pd.DataFrame:
    """Read the health and social establishments of FINESS.

    Parameters
    ----------
    path : Path
        Either a CSV with a header (``nofinesset``, ``rs``, ``categetab``, ``libcategetab``,
        ``code_insee``, ``latitude``, ``longitude``) or the national file as it is published:
        Windows-1252, no header, a line of title, then a section ``structureet`` and a section
        ``geolocalisation`` in Lambert 93 or in the CRS of the territory.

    Returns
    -------
    DataFrame
        ``finess_id``, ``name``, ``category`` (620 pharmacy, 603 maison de santé, 124 centre de
        santé, 355 hospital, 611 laboratory), ``category_name``, ``code``, ``lon``, ``lat``
        (EPSG:4326, ``NaN`` when the establishment has no position).
    """
    label = path.name
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if raw.startswith((b"finess;", b"structureet;")):
        frame = _finess_sections(raw, label=label)
    else:
        columns = {
            **_FINESS_COLUMNS,
            "code": ["code_insee", "code_commune"],
            "lon": ["longitude"],
            "lat": ["latitude"],
        }
        frame = read_csv(raw, columns, name=label)
        for column in ("lon", "lat"):
            frame[column] = to_numbers(frame[column], label=label)
        frame["code"] = normalise_codes(frame["code"], label=label)
    frame["finess_id"] = frame["finess_id"].str.zfill(9)
    return check(frame[list(_FINESS.columns)], _FINESS, label=label)


def _finess_section(
    raw: bytes, section: str, columns: dict[str, list[str]], *, label: str
) -> pd.DataFrame:
    """Read a section of the official file, under the header that it lacks."""
    lines = [line for line in raw.splitlines() if line.startswith(f"{section};".encode())]
    names = _FINESS_SECTIONS[section]
    width = max([line.count(b";") + 1 for line in lines], default=len(names))
    header = ";".join([*names, *(f"colonne_{i}" for i in range(len(names) + 1, width + 1))])
    return read_csv(
        b"\n".join([header.encode(), *lines]),
        columns,
        name=f"{label}, section {section}",
        separator=";",
    )


def _finess_sections(raw: bytes, *, label: str) -> pd.DataFrame:
    places = {"departement": ["departement"], "commune": ["commune"]}
    frame = _finess_section(raw, "structureet", {**_FINESS_COLUMNS, **places}, label=label)
    # Overseas départements are 9A to 9F there, and the code of the commune has three digits.
    prefix = frame["departement"].str.replace(r"^9[A-F]$", "97", regex=True).replace({"9J": "98"})
    codes = prefix + frame["commune"].str.zfill(3)
    frame["code"] = normalise_codes(
        codes.where(codes.str.fullmatch(_FINESS_CODE).eq(True)), label=label
    )
    position = _finess_section(
        raw,
        "geolocalisation",
        {
            "finess_id": ["nofinesset"],
            "x": ["coordxet"],
            "y": ["coordyet"],
            "source": ["sourcecoordet"],
        },
        label=label,
    ).drop_duplicates("finess_id")
    frame = frame.merge(position, on="finess_id", how="left")
    stated = frame["source"].where(frame["source"].str.contains("EPSG", na=False))
    points = _to_wgs84(
        to_numbers(frame["x"], label=label),
        to_numbers(frame["y"], label=label),
        _epsg(frame["code"], stated, label=label),
    )
    return frame.assign(lon=points["lon"], lat=points["lat"])
